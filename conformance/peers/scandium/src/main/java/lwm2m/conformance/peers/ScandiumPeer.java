package lwm2m.conformance.peers;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

import org.eclipse.californium.elements.AddressEndpointContext;
import org.eclipse.californium.elements.DtlsEndpointContext;
import org.eclipse.californium.elements.EndpointContext;
import org.eclipse.californium.elements.MessageCallback;
import org.eclipse.californium.elements.RawData;
import org.eclipse.californium.elements.util.Bytes;
import org.eclipse.californium.scandium.DTLSConnector;

/**
 * Scandium at the command of somebody else: a command a line on standard input, its answer on standard output.
 *
 * <pre>
 * serve NAME=VALUE...           an echo server in place of the one before   answer port=PORT
 * connect port=PORT NAME=VALUE...  a client in place of the one before      answer echo NAME=VALUE... | answer failed WHY
 * send                          another line over the same session          likewise
 * resume                        another line after the session was taken up again
 * close                         ends the client
 * </pre>
 *
 * What NAME and VALUE may be says {@link Settings}.
 */
public final class ScandiumPeer {
    /** How long an echo may take, seconds. */
    private static final int PATIENCE = 10;

    private final Path folder;
    private DTLSConnector server;
    private DTLSConnector client;
    private InetSocketAddress peer;
    private int lines;
    private volatile String line;
    /** What came of the last line. */
    private final LinkedBlockingQueue<String> result = new LinkedBlockingQueue<>();

    private ScandiumPeer(Path folder) {
        this.folder = folder;
    }

    /** @param arguments the folder with keys and certificates */
    public static void main(String[] arguments) throws Exception {
        ScandiumPeer program = new ScandiumPeer(Path.of(arguments[0]));
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        say("ready");
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            try {
                say("answer " + program.obey(line));
            } catch (Exception error) {
                say("answer failed " + reason(error));
            }
        }
        System.exit(0);
    }

    private static synchronized void say(String line) {
        System.out.println(line.replace('\n', ' '));
        System.out.flush();
    }

    private static String reason(Throwable error) {
        StringBuilder text = new StringBuilder();
        for (Throwable one = error; one != null; one = one.getCause()) {
            text.append(one.getClass().getSimpleName()).append(": ").append(one.getMessage()).append("; ");
        }
        return text.toString();
    }

    private String obey(String line) throws Exception {
        String[] words = line.trim().split(" +");
        Map<String, String> values = new HashMap<>();
        for (int index = 1; index < words.length; index++) {
            String[] parts = words[index].split("=", 2);
            values.put(parts[0], parts[1]);
        }
        switch (words[0]) {
        case "serve":
            return serve(new Settings(folder, values, true));
        case "connect":
            return connect(Integer.parseInt(values.remove("port")), new Settings(folder, values, false));
        case "send":
            return echo();
        case "resume":
            client.forceResumeSessionFor(peer);
            return echo();
        case "close":
            close(client);
            client = null;
            return "closed";
        default:
            throw new IllegalArgumentException("no such command: " + words[0]);
        }
    }

    private static void close(DTLSConnector connector) {
        if (connector != null) {
            connector.destroy();
        }
    }

    private String serve(Settings settings) throws Exception {
        close(server);
        DTLSConnector connector = new DTLSConnector(settings.config());
        server = connector;
        connector.setRawDataReceiver(data -> {
            say("data " + new String(data.getBytes(), StandardCharsets.UTF_8).trim() + " "
                    + describe(data.getEndpointContext()));
            connector.send(RawData.outbound(data.getBytes(), data.getEndpointContext(), null, false));
        });
        connector.start();
        return "port=" + connector.getAddress().getPort();
    }

    private String connect(int port, Settings settings) throws Exception {
        close(client);
        peer = new InetSocketAddress(InetAddress.getByName("127.0.0.1"), port);
        client = new DTLSConnector(settings.config());
        client.setRawDataReceiver(data -> {
            String text = new String(data.getBytes(), StandardCharsets.UTF_8).trim();
            if (text.equals(line)) {
                result.add("echo " + describe(data.getEndpointContext()));
            } else {
                result.add("failed another echo: " + text);
            }
        });
        client.start();
        return echo();
    }

    /** Sends a line and waits for its echo, or for word that it could not be sent. */
    private String echo() throws IOException, InterruptedException {
        result.clear();
        line = "ping " + lines++;
        client.send(RawData.outbound(line.getBytes(StandardCharsets.UTF_8), new AddressEndpointContext(peer),
                new OnError(result), false));
        String text = result.poll(PATIENCE, TimeUnit.SECONDS);
        return text == null ? "failed nothing came in time" : text;
    }

    private static String describe(EndpointContext context) {
        Bytes read = context.get(DtlsEndpointContext.KEY_READ_CONNECTION_ID);
        Bytes write = context.get(DtlsEndpointContext.KEY_WRITE_CONNECTION_ID);
        return "cipher=" + context.get(DtlsEndpointContext.KEY_CIPHER)
                + " ems=" + (Boolean.TRUE.equals(context.get(DtlsEndpointContext.KEY_EXTENDED_MASTER_SECRET)) ? "yes" : "no")
                + " own-id=" + (read == null ? 0 : read.length())
                + " peer-id=" + (write == null ? 0 : write.length())
                + " session=" + context.get(DtlsEndpointContext.KEY_SESSION_ID)
                + " who=" + context.getPeerIdentity().getName().replace(' ', '_');
    }

    /** Says why a line could not be sent. */
    private record OnError(LinkedBlockingQueue<String> result) implements MessageCallback {
        @Override
        public void onConnecting() {
        }

        @Override
        public void onDtlsRetransmission(int flight) {
        }

        @Override
        public void onContextEstablished(EndpointContext context) {
        }

        @Override
        public void onSent() {
        }

        @Override
        public void onError(Throwable error) {
            result.add("failed " + reason(error));
        }
    }
}
