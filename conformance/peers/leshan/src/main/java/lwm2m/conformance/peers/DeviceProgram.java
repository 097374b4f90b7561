package lwm2m.conformance.peers;

import static org.eclipse.leshan.core.LwM2mId.DEVICE;
import static org.eclipse.leshan.core.LwM2mId.FIRMWARE;
import static org.eclipse.leshan.core.LwM2mId.SECURITY;
import static org.eclipse.leshan.core.LwM2mId.SERVER;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Date;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

import org.eclipse.californium.core.config.CoapConfig;
import org.eclipse.californium.elements.config.Configuration;
import org.eclipse.leshan.client.LeshanClient;
import org.eclipse.leshan.client.LeshanClientBuilder;
import org.eclipse.leshan.client.engine.DefaultRegistrationEngineFactory;
import org.eclipse.leshan.client.object.Security;
import org.eclipse.leshan.client.object.Server;
import org.eclipse.leshan.client.observer.LwM2mClientObserverAdapter;
import org.eclipse.leshan.client.resource.BaseInstanceEnablerFactory;
import org.eclipse.leshan.client.resource.LwM2mInstanceEnabler;
import org.eclipse.leshan.client.resource.ObjectsInitializer;
import org.eclipse.leshan.client.resource.SimpleInstanceEnabler;
import org.eclipse.leshan.client.servers.LwM2mServer;
import org.eclipse.leshan.core.ResponseCode;
import org.eclipse.leshan.core.model.StaticModel;
import org.eclipse.leshan.core.node.LwM2mResource;
import org.eclipse.leshan.core.node.LwM2mSingleResource;
import org.eclipse.leshan.core.request.BootstrapRequest;
import org.eclipse.leshan.core.request.ContentFormat;
import org.eclipse.leshan.core.request.DeregisterRequest;
import org.eclipse.leshan.core.request.RegisterRequest;
import org.eclipse.leshan.core.request.UpdateRequest;
import org.eclipse.leshan.core.request.argument.Arguments;
import org.eclipse.leshan.core.response.ExecuteResponse;
import org.eclipse.leshan.core.response.SendResponse;
import org.eclipse.leshan.core.response.WriteResponse;
import org.eclipse.leshan.transport.californium.client.endpoint.CaliforniumClientEndpointsProvider;
import org.eclipse.leshan.transport.californium.client.endpoint.coap.CoapClientProtocolProvider;
import org.eclipse.leshan.transport.californium.client.endpoint.coaps.CoapsClientProtocolProvider;

/**
 * A device made of Leshan's client. It says what happens to it on standard output, a line each, and takes commands on
 * standard input: {@code set VALUE}, {@code update}, {@code send FORMAT PATH...}, {@code stop}.
 */
public final class DeviceProgram {
    private static final int SHORT_SERVER_ID = 1;
    private static final int MAX_BODY = 1 << 20;
    private static final long ANSWER_TIMEOUT_MS = 20_000;

    private DeviceProgram() {
    }

    /**
     * Arguments: endpoint name, "server" or "bootstrap", URI, and for coaps identity and key in hexadecimal digits, or
     * PEM files with the device's certificate, its private key, and the server's certificate. "queue" at the end: with
     * queue mode.
     */
    public static void main(String[] args) throws Exception {
        boolean queue = args[args.length - 1].equals("queue");
        args = queue ? Arrays.copyOf(args, args.length - 1) : args;
        String endpoint = args[0];
        boolean bootstrap = args[1].equals("bootstrap");
        Security security = security(args, bootstrap);

        Sensor sensor = new Sensor();
        sensor.setId(0);
        Device device = new Device();
        ObjectsInitializer objects = new ObjectsInitializer(new StaticModel(Models.all()));
        objects.setInstancesForObject(SECURITY, security);
        if (bootstrap) {
            objects.setClassForObject(SERVER, Server.class);
        } else {
            objects.setInstancesForObject(SERVER, new Server(SHORT_SERVER_ID, 300));
        }
        objects.setInstancesForObject(DEVICE, device);
        objects.setInstancesForObject(FIRMWARE, new Firmware(device));
        objects.setInstancesForObject(Models.TEMPERATURE, sensor);
        objects.setFactoryForObject(DEVICE, making(Device::new));
        objects.setFactoryForObject(FIRMWARE, making(() -> new Firmware(device)));
        objects.setFactoryForObject(Models.TEMPERATURE, making(Sensor::new));

        CaliforniumClientEndpointsProvider.Builder endpoints = new CaliforniumClientEndpointsProvider.Builder(
                new CoapClientProtocolProvider(), new CoapsClientProtocolProvider());
        Configuration configuration = endpoints.createDefaultConfiguration();
        configuration.set(CoapConfig.MAX_RESOURCE_BODY_SIZE, MAX_BODY);
        endpoints.setConfiguration(configuration);

        DefaultRegistrationEngineFactory engine = new DefaultRegistrationEngineFactory();
        engine.setRequestTimeoutInMs(ANSWER_TIMEOUT_MS);
        engine.setQueueMode(queue);
        LeshanClient client = new LeshanClientBuilder(endpoint)
                .setObjects(objects.create(SECURITY, SERVER, DEVICE, FIRMWARE, Models.TEMPERATURE))
                .setEndpointsProviders(endpoints.build()).setRegistrationEngineFactory(engine).build();
        client.addObserver(new Reporter());
        client.start();

        BufferedReader commands = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = commands.readLine(); line != null; line = commands.readLine()) {
            String[] words = line.trim().split(" ");
            switch (words[0]) {
            case "set" -> {
                sensor.measure(Double.parseDouble(words[1]));
                Text.say("measured " + words[1]);
            }
            case "update" -> client.triggerRegistrationUpdate();
            case "send" -> send(client, words);
            case "stop" -> {
                client.destroy(true);
                System.exit(0);
            }
            default -> Text.say("unknown-command " + line);
            }
        }
        client.destroy(true);
        System.exit(0);
    }

    static BaseInstanceEnablerFactory making(Supplier<LwM2mInstanceEnabler> instances) {
        return new BaseInstanceEnablerFactory() {
            @Override
            public LwM2mInstanceEnabler create() {
                return instances.get();
            }
        };
    }

    static Security security(String[] args, boolean bootstrap) throws Exception {
        String uri = args[2];
        if (args.length < 5) {
            return bootstrap ? Security.noSecBootstrap(uri) : Security.noSec(uri, SHORT_SERVER_ID);
        }
        if (args.length > 5) {
            byte[] certificate = Pem.certificate(args[3]).getEncoded();
            byte[] privateKey = Pem.privateKey(args[4]).getEncoded();
            byte[] known = Pem.certificate(args[5]).getEncoded();
            return bootstrap ? Security.x509Bootstrap(uri, certificate, privateKey, known)
                    : Security.x509(uri, SHORT_SERVER_ID, certificate, privateKey, known);
        }
        byte[] identity = args[3].getBytes(StandardCharsets.UTF_8);
        byte[] key = HexFormat.of().parseHex(args[4]);
        return bootstrap ? Security.pskBootstrap(uri, identity, key)
                : Security.psk(uri, SHORT_SERVER_ID, identity, key);
    }

    private static void send(LeshanClient client, String[] words) throws InterruptedException {
        LwM2mServer server = client.getRegisteredServers().values().iterator().next();
        List<String> paths = new ArrayList<>(Arrays.asList(words).subList(2, words.length));
        try {
            SendResponse response = client.getSendService().sendData(server, ContentFormat.fromName(words[1]), paths,
                    ANSWER_TIMEOUT_MS);
            Text.say("send-answer " + (response == null ? "none" : response.getCode().getName()));
        } catch (RuntimeException e) {
            Text.say("send-answer " + e);
        }
    }

    /** /3303: a temperature that the runner sets. */
    private static final class Sensor extends SimpleInstanceEnabler {
        Sensor() {
            initialValues = new HashMap<>(Map.of(5700, 21.5, 5601, 21.5, 5602, 21.5, 5701, "Cel", 5750, "test"));
        }

        void measure(double value) {
            write(LwM2mServer.SYSTEM, false, 5700, LwM2mSingleResource.newFloatResource(5700, value));
            fireResourceChange(5700);
        }

        @Override
        public ExecuteResponse execute(LwM2mServer server, int resource, Arguments arguments) {
            Text.say("executed /3303/" + getId() + "/" + resource + " " + arguments.serialize());
            return ExecuteResponse.success();
        }
    }

    /** /3. */
    private static final class Device extends SimpleInstanceEnabler {
        Device() {
            super(0, new HashMap<>(Map.of(0, "Conformance", 1, "Leshan peer", 2, "0001", 3, "1.0.0", 6,
                    Map.of(0, 1L, 1, 5L), 9, 87L, 11, Map.of(0, 0L), 13, new Date(1_700_000_000_000L), 14, "+01:00",
                    16, "U")));
        }

        @Override
        public ExecuteResponse execute(LwM2mServer server, int resource, Arguments arguments) {
            Text.say("executed /3/0/" + resource + " " + arguments.serialize());
            return ExecuteResponse.success();
        }
    }

    /** /5: takes a package by push and "installs" it at once. */
    private static final class Firmware extends SimpleInstanceEnabler {
        private static final int PACKAGE = 0;
        private static final int UPDATE = 2;
        private static final int STATE = 3;
        private static final int RESULT = 5;
        private static final long IDLE = 0;
        private static final long DOWNLOADED = 2;
        private static final long SUCCESS = 1;
        private final Device device;

        Firmware(Device device) {
            super(0, new HashMap<>(Map.of(STATE, IDLE, RESULT, 0L, 8, Map.of(0, 0L), 9, 1L)));
            this.device = device;
        }

        @Override
        public List<Integer> getAvailableResourceIds(org.eclipse.leshan.core.model.ObjectModel model) {
            return List.of(PACKAGE, 1, UPDATE, STATE, RESULT, 8, 9);
        }

        @Override
        public WriteResponse write(LwM2mServer server, boolean replace, int resource, LwM2mResource value) {
            if (resource != PACKAGE) {
                return super.write(server, replace, resource, value);
            }
            byte[] image = (byte[]) value.getValue();
            Text.say("package " + image.length + " " + Text.sha256(image));
            change(this, STATE, image.length == 0 ? IDLE : DOWNLOADED);
            change(this, RESULT, 0L);
            return WriteResponse.success();
        }

        @Override
        public ExecuteResponse execute(LwM2mServer server, int resource, Arguments arguments) {
            Text.say("executed /5/0/" + resource + " " + arguments.serialize());
            if (resource != UPDATE) {
                return ExecuteResponse.methodNotAllowed();
            }
            device.write(LwM2mServer.SYSTEM, false, 3, LwM2mSingleResource.newStringResource(3, "2.0.0"));
            change(this, RESULT, SUCCESS);
            change(this, STATE, IDLE);
            return ExecuteResponse.success();
        }

        private static void change(Firmware firmware, int resource, long value) {
            firmware.setInteger(resource, value);
            firmware.fireResourceChange(resource);
        }

        private void setInteger(int resource, long value) {
            super.write(LwM2mServer.SYSTEM, false, resource, LwM2mSingleResource.newIntegerResource(resource, value));
        }
    }

    /** Says what the engine does. */
    static final class Reporter extends LwM2mClientObserverAdapter {
        @Override
        public void onBootstrapSuccess(LwM2mServer server, BootstrapRequest request) {
            Text.say("bootstrapped");
        }

        @Override
        public void onBootstrapFailure(LwM2mServer server, BootstrapRequest request, ResponseCode code, String message,
                Exception cause) {
            Text.say("bootstrap-failed " + code + " " + message + " " + cause);
        }

        @Override
        public void onRegistrationSuccess(LwM2mServer server, RegisterRequest request, String id) {
            Text.say("registered " + id);
        }

        @Override
        public void onRegistrationFailure(LwM2mServer server, RegisterRequest request, ResponseCode code,
                String message, Exception cause) {
            Text.say("registration-failed " + code + " " + message + " " + cause);
        }

        @Override
        public void onRegistrationTimeout(LwM2mServer server, RegisterRequest request) {
            Text.say("registration-timeout");
        }

        @Override
        public void onUpdateSuccess(LwM2mServer server, UpdateRequest request) {
            Text.say("updated");
        }

        @Override
        public void onUpdateFailure(LwM2mServer server, UpdateRequest request, ResponseCode code, String message,
                Exception cause) {
            Text.say("update-failed " + code + " " + message);
        }

        @Override
        public void onDeregistrationSuccess(LwM2mServer server, DeregisterRequest request) {
            Text.say("deregistered");
        }
    }
}
