package lwm2m.conformance.peers;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.jar.JarFile;

import org.eclipse.californium.elements.AddressEndpointContext;
import org.eclipse.californium.elements.EndpointContext;
import org.eclipse.californium.elements.MessageCallback;
import org.eclipse.californium.elements.RawData;
import org.eclipse.californium.scandium.DTLSConnector;

/**
 * Scandium as a contender of lwm2m-bench: client and server in one machine, over UDP on the loopback interface. Called
 * with the folder of keys and certificates; speaks the lines of {@code bench/src/dtls/peers/program.rs}.
 *
 * The CPU time is the one of the process: compiler, garbage collector and sockets are in it, as they are when it serves.
 */
public final class ScandiumBench {
    private static final byte[] PAYLOAD = new byte[100];
    /** How long a handshake or an echo may take, seconds. */
    private static final int PATIENCE = 10;
    private final Path folder;
    private final Map<String, Pair> pairs = new HashMap<>();
    private final Set<String> warm = new HashSet<>();
    /** How long each kind of work is done, to be compiled, before anything of it counts, nanoseconds. */
    private final long warmUp;

    private ScandiumBench(Path folder, long warmUp) {
        this.folder = folder;
        this.warmUp = warmUp;
    }

    /** @param arguments the folder with keys and certificates; seconds to warm up */
    public static void main(String[] arguments) throws Exception {
        Arrays.fill(PAYLOAD, (byte) 7);
        ScandiumBench bench = new ScandiumBench(
                Path.of(arguments[0]), TimeUnit.SECONDS.toNanos(Long.parseLong(arguments[1])));
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        say("ready Scandium " + version());
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            try {
                say("spent " + bench.obey(line) + " 0 0");
            } catch (Exception error) {
                say("failed " + error);
                System.exit(1);
            }
        }
        System.exit(0);
    }

    private static String version() throws IOException {
        String own = DTLSConnector.class.getProtectionDomain().getCodeSource().getLocation().getPath();
        try (JarFile jar = new JarFile(own)) {
            return jar.getManifest().getMainAttributes().getValue("Bundle-Version");
        }
    }

    private static void say(String line) {
        System.out.println(line.replace('\n', ' '));
        System.out.flush();
    }

    /** Does what a line says: the CPU time of it, nanoseconds. */
    private long obey(String line) throws Exception {
        String[] words = line.trim().split(" +");
        int times = Integer.parseInt(words[2]);
        Pair pair = pairs.get(words[1]);
        if (pair == null) {
            pair = new Pair(folder, words[1]);
            pairs.put(words[1], pair);
        }
        boolean handshakes = words[0].equals("handshake");
        if (warm.add(words[0] + words[1])) {
            for (long end = System.nanoTime() + warmUp; System.nanoTime() < end;) {
                pair.once(handshakes);
            }
        }
        long before = cpuTime();
        for (int index = 0; index < times; index++) {
            pair.once(handshakes);
        }
        return Math.max(0, cpuTime() - before);
    }

    /** What all threads have spent, nanoseconds: Java's own count goes in steps of 10 ms. */
    private static long cpuTime() throws IOException {
        long sum = 0;
        try (var tasks = Files.newDirectoryStream(Path.of("/proc/self/task"))) {
            for (Path task : tasks) {
                sum += Long.parseLong(Files.readString(task.resolve("schedstat")).split(" ")[0]);
            }
        }
        return sum;
    }

    /** A client and a server that echoes. */
    private static final class Pair {
        private final LinkedBlockingQueue<Object> arrived = new LinkedBlockingQueue<>();
        private final DTLSConnector client;
        private final EndpointContext context;

        Pair(Path folder, String scheme) throws Exception {
            DTLSConnector server = new DTLSConnector(settings(folder, scheme, true).config());
            server.setRawDataReceiver(data -> server.send(
                    RawData.outbound(data.getBytes(), data.getEndpointContext(), null, false)));
            server.start();
            int port = server.getAddress().getPort();
            InetSocketAddress peer = new InetSocketAddress(InetAddress.getByName("127.0.0.1"), port);
            client = new DTLSConnector(settings(folder, scheme, false).config());
            client.setRawDataReceiver(data -> arrived.add(data.getBytes()));
            client.start();
            context = new AddressEndpointContext(peer);
        }

        private static Settings settings(Path folder, String scheme, boolean server) {
            Map<String, String> values = new HashMap<>();
            String kind = scheme.substring(0, scheme.indexOf('-'));
            String rest = scheme.endsWith("gcm") ? "GCM_SHA256" : "CCM_8";
            values.put("suite", (kind.equals("psk") ? "TLS_PSK" : "TLS_ECDHE_ECDSA") + "_WITH_AES_128_" + rest);
            values.put("kind", kind);
            values.put("identity", "urn:imei:350000000000001");
            values.put("key", HexFormat.of().formatHex("sixteen bytes...".getBytes(StandardCharsets.UTF_8)));
            if (!kind.equals("psk")) {
                values.put("group", "secp256r1");
            }
            values.put("ems", "REQUIRED");
            values.put("chain", "leaf");
            // Nothing is forgotten while it runs: a full table makes a server ask for cookies for ever.
            values.put("connections", "1000000");
            return new Settings(folder, values, server);
        }

        /** A full handshake, of which the callback tells; or an echo. */
        void once(boolean handshake) throws Exception {
            if (handshake) {
                // The client has forgotten everything; the server learns it from the next hello.
                client.clearConnectionState();
            }
            MessageCallback callback = new Callback(arrived, handshake);
            client.send(RawData.outbound(PAYLOAD, context, callback, false));
            Object came = arrived.poll(PATIENCE, TimeUnit.SECONDS);
            if (handshake && came == Callback.ESTABLISHED) {
                // The first data of a session comes back too.
                came = arrived.poll(PATIENCE, TimeUnit.SECONDS);
            } else if (handshake) {
                throw new IllegalStateException("no handshake: " + came);
            }
            if (!(came instanceof byte[] data) || !Arrays.equals(data, PAYLOAD)) {
                throw new IllegalStateException("no echo: " + came);
            }
        }
    }

    /** Says when a session stands, or why none does. */
    private record Callback(LinkedBlockingQueue<Object> arrived, boolean handshake) implements MessageCallback {
        static final Object ESTABLISHED = new Object();

        @Override
        public void onConnecting() {
        }

        @Override
        public void onDtlsRetransmission(int flight) {
        }

        @Override
        public void onContextEstablished(EndpointContext context) {
            if (handshake) {
                arrived.add(ESTABLISHED);
            }
        }

        @Override
        public void onSent() {
        }

        @Override
        public void onError(Throwable error) {
            arrived.add(error);
        }
    }
}
