package lwm2m.conformance.peers;

import static org.eclipse.leshan.core.LwM2mId.CONNECTIVITY_MONITORING;
import static org.eclipse.leshan.core.LwM2mId.DEVICE;
import static org.eclipse.leshan.core.LwM2mId.FIRMWARE;
import static org.eclipse.leshan.core.LwM2mId.LOCATION;
import static org.eclipse.leshan.core.LwM2mId.SECURITY;
import static org.eclipse.leshan.core.LwM2mId.SERVER;

import java.io.OutputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Date;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

import org.eclipse.californium.core.config.CoapConfig;
import org.eclipse.californium.elements.config.Configuration;
import org.eclipse.leshan.client.LeshanClient;
import org.eclipse.leshan.client.LeshanClientBuilder;
import org.eclipse.leshan.client.engine.DefaultRegistrationEngineFactory;
import org.eclipse.leshan.client.object.Server;
import org.eclipse.leshan.client.resource.LwM2mInstanceEnabler;
import org.eclipse.leshan.client.resource.ObjectsInitializer;
import org.eclipse.leshan.client.resource.SimpleInstanceEnabler;
import org.eclipse.leshan.client.servers.LwM2mServer;
import org.eclipse.leshan.core.model.ObjectModel;
import org.eclipse.leshan.core.model.StaticModel;
import org.eclipse.leshan.core.node.LwM2mResource;
import org.eclipse.leshan.core.node.LwM2mSingleResource;
import org.eclipse.leshan.core.request.ContentFormat;
import org.eclipse.leshan.core.request.argument.Arguments;
import org.eclipse.leshan.core.response.ExecuteResponse;
import org.eclipse.leshan.core.response.ReadResponse;
import org.eclipse.leshan.core.response.WriteResponse;
import org.eclipse.leshan.transport.californium.client.endpoint.CaliforniumClientEndpointsProvider;
import org.eclipse.leshan.transport.californium.client.endpoint.coap.CoapClientProtocolProvider;
import org.eclipse.leshan.transport.californium.client.endpoint.coaps.CoapsClientProtocolProvider;

/**
 * A device made of Leshan's client that has what the OMA cases ask for: power sources, a clock, firmware that changes
 * the version, connectivity monitoring, location, portfolio; it restarts when it is told to, and sends every second
 * unless it is muted. It says what happens to it on standard output, and ends with its standard input.
 */
public final class JudgedProgram {
    private static final int SHORT_SERVER_ID = 1;
    private static final int LIFETIME = 300;
    private static final long SEND_EVERY_MS = 1_000;
    private static final long ANSWER_TIMEOUT_MS = 20_000;
    /** The answer to what makes the device restart leaves before it does. */
    private static final long UNTIL_RESTART_MS = 200;
    private static final int MAX_BODY = 1 << 20;

    private final ScheduledExecutorService clock = Executors.newSingleThreadScheduledExecutor();
    private final Device device = new Device();
    private final Firmware firmware = new Firmware();
    private final LeshanClient client;
    private volatile boolean muted;

    /** Arguments: as those of {@link DeviceProgram}. */
    public static void main(String[] args) throws Exception {
        boolean queue = args[args.length - 1].equals("queue");
        JudgedProgram program = new JudgedProgram(queue ? Arrays.copyOf(args, args.length - 1) : args, queue);
        program.client.start();
        program.clock.scheduleWithFixedDelay(program::send, SEND_EVERY_MS, SEND_EVERY_MS, TimeUnit.MILLISECONDS);
        // Nothing is said to it: it waits for the end.
        System.in.transferTo(OutputStream.nullOutputStream());
        System.exit(0);
    }

    private JudgedProgram(String[] args, boolean queue) throws Exception {
        boolean bootstrap = args[1].equals("bootstrap");
        ObjectsInitializer objects = new ObjectsInitializer(new StaticModel(Models.all()));
        objects.setInstancesForObject(SECURITY, DeviceProgram.security(args, bootstrap));
        if (!bootstrap) {
            objects.setInstancesForObject(SERVER, new Account(SHORT_SERVER_ID, LIFETIME));
        }
        objects.setFactoryForObject(SERVER, DeviceProgram.making(Account::new));
        objects.setInstancesForObject(DEVICE, device);
        objects.setFactoryForObject(DEVICE, DeviceProgram.making(() -> device));
        objects.setInstancesForObject(FIRMWARE, firmware);
        objects.setFactoryForObject(FIRMWARE, DeviceProgram.making(() -> firmware));
        several(objects, CONNECTIVITY_MONITORING, () -> Map.of(0, 0L, 1, Map.of(0, 0L), 2, -70L, 4,
                Map.of(0, "192.0.2.9")));
        several(objects, LOCATION, () -> Map.of(0, 43.5723, 1, 153.2176, 5, new Date(1_367_491_215_000L)));
        several(objects, Models.PORTFOLIO, () -> Map.of(0, Map.of(0, "Host Device ID #1")));

        CaliforniumClientEndpointsProvider.Builder endpoints = new CaliforniumClientEndpointsProvider.Builder(
                new CoapClientProtocolProvider(), new CoapsClientProtocolProvider());
        Configuration configuration = endpoints.createDefaultConfiguration();
        configuration.set(CoapConfig.MAX_RESOURCE_BODY_SIZE, MAX_BODY);
        endpoints.setConfiguration(configuration);
        DefaultRegistrationEngineFactory engine = new DefaultRegistrationEngineFactory();
        engine.setRequestTimeoutInMs(ANSWER_TIMEOUT_MS);
        engine.setQueueMode(queue);
        client = new LeshanClientBuilder(args[0])
                .setObjects(objects.create(SECURITY, SERVER, DEVICE, CONNECTIVITY_MONITORING, FIRMWARE, LOCATION,
                        Models.PORTFOLIO))
                .setEndpointsProviders(endpoints.build()).setRegistrationEngineFactory(engine).build();
        client.addObserver(new DeviceProgram.Reporter());
    }

    /** An object with instances of these values, of which there is one from the beginning. */
    private static void several(ObjectsInitializer objects, int object, Supplier<Map<Integer, Object>> values) {
        Supplier<LwM2mInstanceEnabler> instances = () -> new Values(values.get());
        LwM2mInstanceEnabler first = instances.get();
        first.setId(0);
        objects.setInstancesForObject(object, first);
        objects.setFactoryForObject(object, DeviceProgram.making(instances));
    }

    /** An instance with these values, whose number is given to it later. */
    private static final class Values extends SimpleInstanceEnabler {
        Values(Map<Integer, Object> values) {
            initialValues = new HashMap<>(values);
        }
    }

    /** Goes away without a word and comes back, as a device does that loses its power. */
    private void restart() {
        clock.schedule(() -> {
            client.stop(false);
            client.start();
        }, UNTIL_RESTART_MS, TimeUnit.MILLISECONDS);
    }

    private void send() {
        if (muted) {
            return;
        }
        // Where a registration was lost, Leshan may show the server twice.
        Optional<LwM2mServer> server = client.getRegisteredServers().values().stream().findFirst();
        if (server.isEmpty()) {
            return;
        }
        try {
            client.getSendService().sendData(server.get(), ContentFormat.SENML_CBOR, List.of("/3/0/9", "/3/0/3"),
                    ANSWER_TIMEOUT_MS);
        } catch (InterruptedException | RuntimeException e) {
            Text.say("not-sent " + e);
        }
    }

    /** /1, with two resources that Leshan leaves to the application: disable timeout and mute. */
    private final class Account extends Server {
        private static final int DISABLE_TIMEOUT = 5;
        private static final int MUTE_SEND = 23;
        private long disableTimeout = 86_400;

        Account() {
        }

        Account(int shortServerId, long lifetime) {
            super(shortServerId, lifetime);
        }

        @Override
        public List<Integer> getAvailableResourceIds(ObjectModel model) {
            List<Integer> ids = new ArrayList<>(super.getAvailableResourceIds(model));
            ids.addAll(List.of(DISABLE_TIMEOUT, MUTE_SEND));
            ids.sort(null);
            return ids;
        }

        @Override
        public ReadResponse read(LwM2mServer server, int resource) {
            return switch (resource) {
            case DISABLE_TIMEOUT -> ReadResponse.success(resource, disableTimeout);
            case MUTE_SEND -> ReadResponse.success(resource, muted);
            default -> super.read(server, resource);
            };
        }

        @Override
        public WriteResponse write(LwM2mServer server, boolean replace, int resource, LwM2mResource value) {
            switch (resource) {
            case DISABLE_TIMEOUT -> disableTimeout = (Long) value.getValue();
            case MUTE_SEND -> muted = (Boolean) value.getValue();
            default -> {
                return super.write(server, replace, resource, value);
            }
            }
            fireResourceChange(resource);
            return WriteResponse.success();
        }
    }

    /** /3. */
    private final class Device extends SimpleInstanceEnabler {
        private static final int VERSION = 3;
        private static final int REBOOT = 4;
        private static final int TIME = 13;
        private int installed = 1;
        /** What the clock shows beyond this machine's, milliseconds. */
        private long ahead;

        Device() {
            super(0, new HashMap<>(values()));
        }

        private static Map<Integer, Object> values() {
            Map<Integer, Object> values = new TreeMap<>();
            values.put(0, "Conformance");
            values.put(1, "Leshan peer");
            values.put(2, "0001");
            values.put(VERSION, "1.0.0");
            values.put(6, Map.of(0, 1L, 1, 5L));
            values.put(7, Map.of(0, 3800L, 1, 5000L));
            values.put(8, Map.of(0, 125L, 1, 900L));
            values.put(9, 87L);
            values.put(11, Map.of(0, 0L));
            values.put(TIME, new Date());
            values.put(14, "+01:00");
            values.put(15, "Europe/Berlin");
            values.put(16, "U");
            return values;
        }

        @Override
        public ReadResponse read(LwM2mServer server, int resource) {
            return resource == TIME ? ReadResponse.success(resource, new Date(System.currentTimeMillis() + ahead))
                    : super.read(server, resource);
        }

        @Override
        public WriteResponse write(LwM2mServer server, boolean replace, int resource, LwM2mResource value) {
            if (resource != TIME) {
                return super.write(server, replace, resource, value);
            }
            ahead = ((Date) value.getValue()).getTime() - System.currentTimeMillis();
            fireResourceChange(resource);
            return WriteResponse.success();
        }

        @Override
        public ExecuteResponse execute(LwM2mServer server, int resource, Arguments arguments) {
            if (resource != REBOOT) {
                return ExecuteResponse.methodNotAllowed();
            }
            restart();
            return ExecuteResponse.success();
        }

        void install() {
            installed += 1;
            write(LwM2mServer.SYSTEM, false, VERSION,
                    LwM2mSingleResource.newStringResource(VERSION, installed + ".0.0"));
        }
    }

    /** /5: takes any package of more than one byte; a shorter one resets it. */
    private final class Firmware extends SimpleInstanceEnabler {
        private static final int PACKAGE = 0;
        private static final int UPDATE = 2;
        private static final int STATE = 3;
        private static final int RESULT = 5;
        private static final long IDLE = 0;
        private static final long DOWNLOADED = 2;
        private static final long SUCCESS = 1;
        private long state = IDLE;

        Firmware() {
            super(0, new HashMap<>(Map.of(STATE, IDLE, RESULT, 0L, 9, 1L)));
        }

        @Override
        public List<Integer> getAvailableResourceIds(ObjectModel model) {
            return List.of(PACKAGE, UPDATE, STATE, RESULT, 9);
        }

        @Override
        public WriteResponse write(LwM2mServer server, boolean replace, int resource, LwM2mResource value) {
            if (resource != PACKAGE) {
                return super.write(server, replace, resource, value);
            }
            change(((byte[]) value.getValue()).length > 1 ? DOWNLOADED : IDLE, 0);
            return WriteResponse.success();
        }

        @Override
        public ExecuteResponse execute(LwM2mServer server, int resource, Arguments arguments) {
            if (resource != UPDATE || state != DOWNLOADED) {
                return ExecuteResponse.methodNotAllowed();
            }
            device.install();
            change(IDLE, SUCCESS);
            restart();
            return ExecuteResponse.success();
        }

        private void change(long newState, long result) {
            state = newState;
            set(STATE, newState);
            set(RESULT, result);
        }

        private void set(int resource, long value) {
            super.write(LwM2mServer.SYSTEM, false, resource, LwM2mSingleResource.newIntegerResource(resource, value));
            fireResourceChange(resource);
        }
    }
}
