package lwm2m.conformance.peers;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Date;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

import org.eclipse.californium.core.config.CoapConfig;
import org.eclipse.californium.elements.config.Configuration;
import org.eclipse.leshan.core.endpoint.Protocol;
import org.eclipse.leshan.core.link.lwm2m.attributes.DefaultLwM2mAttributeParser;
import org.eclipse.leshan.core.link.lwm2m.attributes.LwM2mAttributeSet;
import org.eclipse.leshan.core.node.LwM2mMultipleResource;
import org.eclipse.leshan.core.node.LwM2mNode;
import org.eclipse.leshan.core.node.LwM2mObjectInstance;
import org.eclipse.leshan.core.node.LwM2mPath;
import org.eclipse.leshan.core.node.LwM2mResource;
import org.eclipse.leshan.core.node.LwM2mResourceInstance;
import org.eclipse.leshan.core.node.LwM2mSingleResource;
import org.eclipse.leshan.core.node.TimestampedLwM2mNodes;
import org.eclipse.leshan.core.observation.CompositeObservation;
import org.eclipse.leshan.core.observation.Observation;
import org.eclipse.leshan.core.observation.SingleObservation;
import org.eclipse.leshan.core.request.CancelCompositeObservationRequest;
import org.eclipse.leshan.core.request.CancelObservationRequest;
import org.eclipse.leshan.core.request.ContentFormat;
import org.eclipse.leshan.core.request.CreateRequest;
import org.eclipse.leshan.core.request.DeleteRequest;
import org.eclipse.leshan.core.request.DiscoverRequest;
import org.eclipse.leshan.core.request.DownlinkDeviceManagementRequest;
import org.eclipse.leshan.core.request.ExecuteRequest;
import org.eclipse.leshan.core.request.ObserveCompositeRequest;
import org.eclipse.leshan.core.request.ObserveRequest;
import org.eclipse.leshan.core.request.ReadCompositeRequest;
import org.eclipse.leshan.core.request.ReadRequest;
import org.eclipse.leshan.core.request.SendRequest;
import org.eclipse.leshan.core.request.WriteAttributesRequest;
import org.eclipse.leshan.core.request.WriteCompositeRequest;
import org.eclipse.leshan.core.request.WriteRequest;
import org.eclipse.leshan.core.request.WriteRequest.Mode;
import org.eclipse.leshan.core.response.CreateResponse;
import org.eclipse.leshan.core.response.DiscoverResponse;
import org.eclipse.leshan.core.response.LwM2mResponse;
import org.eclipse.leshan.core.response.ObserveCompositeResponse;
import org.eclipse.leshan.core.response.ObserveResponse;
import org.eclipse.leshan.core.response.ReadCompositeResponse;
import org.eclipse.leshan.core.response.ReadResponse;
import org.eclipse.leshan.server.LeshanServer;
import org.eclipse.leshan.server.LeshanServerBuilder;
import org.eclipse.leshan.server.model.VersionedModelProvider;
import org.eclipse.leshan.server.observation.ObservationListener;
import org.eclipse.leshan.server.queue.PresenceListener;
import org.eclipse.leshan.server.queue.StaticClientAwakeTimeProvider;
import org.eclipse.leshan.server.registration.Registration;
import org.eclipse.leshan.server.registration.RegistrationListener;
import org.eclipse.leshan.server.registration.RegistrationUpdate;
import org.eclipse.leshan.server.send.SendListener;
import org.eclipse.leshan.servers.security.InMemorySecurityStore;
import org.eclipse.leshan.servers.security.SecurityInfo;
import org.eclipse.leshan.transport.californium.server.endpoint.CaliforniumServerEndpointsProvider;
import org.eclipse.leshan.transport.californium.server.endpoint.coap.CoapServerProtocolProvider;
import org.eclipse.leshan.transport.californium.server.endpoint.coaps.CoapsServerProtocolProvider;

/**
 * Leshan's server. It says what happens on standard output, a line each, and takes operations on standard input,
 * words with a tab between: the operation, the endpoint name, then what the operation takes. Each is answered by one
 * line that begins with {@code answer}. A format of "-" leaves the choice to the library.
 */
public final class ServerProgram {
    private static final int MAX_BODY = 1 << 20;
    /** How long a device with queue mode is taken for awake after it has spoken. */
    private static final int AWAKE_MS = 1500;
    private static final long ANSWER_TIMEOUT_MS = 60_000;

    private final LeshanServer server;
    private final InMemorySecurityStore credentials = new InMemorySecurityStore();
    /** What is observed, by the name of the device and the path or paths. */
    private final Map<List<String>, Observation> observations = new HashMap<>();

    /**
     * Arguments: port of coap and port of coaps; for certificates, PEM files with the server's certificate, its private
     * key, and the authority of the devices.
     */
    public static void main(String[] args) throws Exception {
        new ServerProgram(args).run();
    }

    private ServerProgram(String[] args) throws Exception {
        int coap = Integer.parseInt(args[0]);
        int coaps = Integer.parseInt(args[1]);
        CaliforniumServerEndpointsProvider.Builder endpoints = new CaliforniumServerEndpointsProvider.Builder(
                new CoapServerProtocolProvider(), new CoapsServerProtocolProvider());
        Configuration configuration = endpoints.createDefaultConfiguration();
        configuration.set(CoapConfig.MAX_RESOURCE_BODY_SIZE, MAX_BODY);
        endpoints.setConfiguration(configuration);
        endpoints.addEndpoint(new InetSocketAddress("127.0.0.1", coap), Protocol.COAP);
        endpoints.addEndpoint(new InetSocketAddress("127.0.0.1", coaps), Protocol.COAPS);
        LeshanServerBuilder builder = new LeshanServerBuilder().setEndpointsProviders(endpoints.build())
                .setObjectModelProvider(new VersionedModelProvider(Models.everyVersion())).setSecurityStore(credentials)
                .setClientAwakeTimeProvider(new StaticClientAwakeTimeProvider(AWAKE_MS));
        if (args.length > 2) {
            builder.setCertificateChain(new X509Certificate[] { Pem.certificate(args[2]) })
                    .setPrivateKey(Pem.privateKey(args[3]))
                    .setTrustedCertificates(new X509Certificate[] { Pem.certificate(args[4]) });
        }
        server = builder.build();
        Listener listener = new Listener();
        server.getRegistrationService().addListener(listener);
        server.getObservationService().addListener(listener);
        server.getSendService().addListener(listener);
        server.getPresenceService().addListener(listener);
    }

    private void run() throws Exception {
        server.start();
        Text.say("listening");
        BufferedReader commands = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = commands.readLine(); line != null; line = commands.readLine()) {
            String[] words = line.split("\t");
            try {
                Text.say("answer " + perform(words));
            } catch (Exception e) {
                Text.say("answer exception " + e.toString().replace('\n', ' '));
            }
        }
        server.destroy();
        System.exit(0);
    }

    private String perform(String[] words) throws Exception {
        if (words[0].equals("psk")) {
            credentials.add(SecurityInfo.newPreSharedKeyInfo(words[1], words[2], HexFormat.of().parseHex(words[3])));
            return "ok";
        }
        if (words[0].equals("x509")) {
            credentials.add(SecurityInfo.newX509CertInfo(words[1]));
            return "ok";
        }
        Registration device = server.getRegistrationService().getByEndpoint(words[1]);
        if (device == null) {
            return "not-registered";
        }
        if (words[0].equals("registration")) {
            return device.getLwM2mVersion() + " " + device.getLifeTimeInSec() + " "
                    + (Boolean.TRUE.equals(device.getQueueMode()) ? "Q " : "")
                    + Arrays.toString(device.getSortedObjectLinks());
        }
        if (words[0].equals("forget")) {
            server.getObservationService().cancelObservation(observation(words));
            return "204\t";
        }
        LwM2mResponse response = server.send(device, request(words), ANSWER_TIMEOUT_MS);
        return response == null ? "timeout" : text(words, response);
    }

    private DownlinkDeviceManagementRequest<? extends LwM2mResponse> request(String[] words) throws Exception {
        String path = words[2];
        return switch (words[0]) {
        case "read" -> new ReadRequest(format(words[3]), path);
        case "write" -> new WriteRequest(Mode.REPLACE, format(words[3]), path, node(path, words[4]));
        case "replace", "update" -> {
            LwM2mPath place = new LwM2mPath(path);
            yield new WriteRequest(words[0].equals("update") ? Mode.UPDATE : Mode.REPLACE, format(words[3]),
                    place.getObjectId(), place.getObjectInstanceId(), resources(words, 4));
        }
        case "execute" -> words.length > 3 ? new ExecuteRequest(path, words[3]) : new ExecuteRequest(path);
        case "create" -> {
            LwM2mPath place = new LwM2mPath(path);
            yield place.isObjectInstance()
                    ? new CreateRequest(format(words[3]), place.getObjectId(),
                            new LwM2mObjectInstance(place.getObjectInstanceId(), resources(words, 4)))
                    : new CreateRequest(format(words[3]), place.getObjectId(), resources(words, 4));
        }
        case "delete" -> new DeleteRequest(path);
        case "discover" -> new DiscoverRequest(path);
        case "attributes" -> new WriteAttributesRequest(path,
                new LwM2mAttributeSet(new DefaultLwM2mAttributeParser().parseUriQuery(words[3])));
        case "observe" -> new ObserveRequest(format(words[3]), path);
        case "cancel" -> new CancelObservationRequest((SingleObservation) observation(words));
        case "cancel-composite" -> new CancelCompositeObservationRequest((CompositeObservation) observation(words));
        case "read-composite" -> new ReadCompositeRequest(format(words[3]), format(words[3]), path.split(" "));
        case "observe-composite" -> new ObserveCompositeRequest(format(words[3]), format(words[3]), path.split(" "));
        case "write-composite" -> {
            Map<String, Object> values = new HashMap<>();
            for (String value : Arrays.copyOfRange(words, 4, words.length)) {
                String[] parts = value.split("=", 2);
                values.put(parts[0], typed(parts[1]));
            }
            yield new WriteCompositeRequest(format(words[3]), values);
        }
        default -> throw new IllegalArgumentException("unknown operation " + words[0]);
        };
    }

    private String text(String[] words, LwM2mResponse response) {
        String text = response.getCode().getCode() + "\t";
        if (response.isFailure()) {
            return text + response.getErrorMessage();
        }
        if (response instanceof ObserveResponse observed) {
            remember(words, observed.getObservation());
            return text + Text.of(new LwM2mPath(words[2]), observed.getContent());
        }
        if (response instanceof ReadResponse read) {
            return text + Text.of(new LwM2mPath(words[2]), read.getContent());
        }
        if (response instanceof ObserveCompositeResponse observed) {
            remember(words, observed.getObservation());
            return text + Text.of(observed.getContent());
        }
        if (response instanceof ReadCompositeResponse read) {
            return text + Text.of(read.getContent());
        }
        if (response instanceof DiscoverResponse discovered) {
            return text + Arrays.toString(discovered.getObjectLinks());
        }
        if (response instanceof CreateResponse created) {
            return text + created.getLocation();
        }
        return text;
    }

    private static ContentFormat format(String name) {
        return name.equals("-") ? null : ContentFormat.fromName(name);
    }

    private void remember(String[] words, Observation observation) {
        if (observation != null) {
            observations.put(List.of(words[1], words[2]), observation);
        }
    }

    private Observation observation(String[] words) {
        Observation observation = observations.get(List.of(words[1], words[2]));
        if (observation == null) {
            throw new IllegalArgumentException(words[2] + " is not observed");
        }
        return observation;
    }

    /** {@code ID=type:value}, or {@code ID/ID=type:value} of a resource instance, from word {@code from} on. */
    private static List<LwM2mResource> resources(String[] words, int from) throws Exception {
        List<LwM2mResource> resources = new ArrayList<>();
        Map<Integer, List<LwM2mResourceInstance>> multiple = new TreeMap<>();
        for (String word : Arrays.copyOfRange(words, from, words.length)) {
            String[] parts = word.split("=", 2);
            String[] ids = parts[0].split("/");
            int id = Integer.parseInt(ids[0]);
            if (ids.length > 1) {
                multiple.computeIfAbsent(id, any -> new ArrayList<>())
                        .add(LwM2mResourceInstance.newInstance(Integer.parseInt(ids[1]), typed(parts[1])));
            } else {
                resources.add(LwM2mSingleResource.newResource(id, typed(parts[1])));
            }
        }
        multiple.forEach(
                (id, instances) -> resources.add(new LwM2mMultipleResource(id, instances.get(0).getType(), instances)));
        return resources;
    }

    private static LwM2mNode node(String path, String value) throws Exception {
        LwM2mPath place = new LwM2mPath(path);
        return place.isResourceInstance()
                ? LwM2mResourceInstance.newInstance(place.getResourceInstanceId(), typed(value))
                : LwM2mSingleResource.newResource(place.getResourceId(), typed(value));
    }

    /** {@code string:x}, {@code integer:1}, {@code float:1.5}, {@code boolean:true}, {@code time:1}, {@code file:/path}. */
    private static Object typed(String text) throws Exception {
        String[] parts = text.split(":", 2);
        return switch (parts[0]) {
        case "string" -> parts[1];
        case "integer" -> Long.valueOf(parts[1]);
        case "float" -> Double.valueOf(parts[1]);
        case "boolean" -> Boolean.valueOf(parts[1]);
        case "time" -> new Date(Long.parseLong(parts[1]) * 1000);
        case "file" -> Files.readAllBytes(Path.of(parts[1]));
        default -> throw new IllegalArgumentException("unknown type " + parts[0]);
        };
    }

    /** Says what devices do. */
    private static final class Listener implements RegistrationListener, ObservationListener, SendListener,
            PresenceListener {
        @Override
        public void registered(Registration device, Registration previous, Collection<Observation> observations) {
            Text.say("registered " + device.getEndpoint());
        }

        @Override
        public void updated(RegistrationUpdate update, Registration device, Registration previous) {
            Text.say("updated " + device.getEndpoint() + " " + device.getLifeTimeInSec());
        }

        @Override
        public void unregistered(Registration device, Collection<Observation> observations, boolean expired,
                Registration next) {
            Text.say("unregistered " + device.getEndpoint() + (expired ? " expired" : ""));
        }

        @Override
        public void onAwake(Registration device) {
            Text.say("awake " + device.getEndpoint());
        }

        @Override
        public void onSleeping(Registration device) {
            Text.say("asleep " + device.getEndpoint());
        }

        @Override
        public void newObservation(Observation observation, Registration device) {
        }

        @Override
        public void cancelled(Observation observation) {
        }

        @Override
        public void onResponse(SingleObservation observation, Registration device, ObserveResponse response) {
            Text.say("notification " + Text.of(observation.getPath(), response.getContent()));
        }

        @Override
        public void onResponse(CompositeObservation observation, Registration device,
                ObserveCompositeResponse response) {
            Text.say("composite-notification " + Text.of(response.getContent()));
        }

        @Override
        public void onError(Observation observation, Registration device, Exception error) {
            Text.say("notification-error " + error);
        }

        @Override
        public void dataReceived(Registration device, TimestampedLwM2mNodes data, SendRequest request) {
            Text.say("sent " + Text.of(data.getMostRecentNodes()));
        }

        @Override
        public void onError(Registration device, String message, Exception error) {
            Text.say("send-error " + message + " " + error);
        }
    }
}
