package lwm2m.conformance.peers;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;

import org.eclipse.leshan.core.SecurityMode;
import org.eclipse.leshan.core.endpoint.Protocol;
import org.eclipse.leshan.core.peer.LwM2mPeer;
import org.eclipse.leshan.core.request.BootstrapDownlinkRequest;
import org.eclipse.leshan.core.request.BootstrapRequest;
import org.eclipse.leshan.core.request.ContentFormat;
import org.eclipse.leshan.core.response.LwM2mResponse;
import org.eclipse.leshan.server.bootstrap.BootstrapConfig.ServerConfig;
import org.eclipse.leshan.server.bootstrap.BootstrapConfig.ServerSecurity;
import org.eclipse.leshan.server.bootstrap.BootstrapConfig;
import org.eclipse.leshan.server.bootstrap.BootstrapFailureCause;
import org.eclipse.leshan.server.bootstrap.BootstrapSession;
import org.eclipse.leshan.server.bootstrap.BootstrapSessionAdapter;
import org.eclipse.leshan.server.bootstrap.InMemoryBootstrapConfigStore;
import org.eclipse.leshan.server.bootstrap.LeshanBootstrapServer;
import org.eclipse.leshan.server.bootstrap.LeshanBootstrapServerBuilder;
import org.eclipse.leshan.server.californium.bootstrap.endpoint.CaliforniumBootstrapServerEndpointsProvider;
import org.eclipse.leshan.server.californium.bootstrap.endpoint.coap.CoapBootstrapServerProtocolProvider;
import org.eclipse.leshan.server.californium.bootstrap.endpoint.coaps.CoapsBootstrapServerProtocolProvider;
import org.eclipse.leshan.server.security.BootstrapSecurityStoreAdapter;
import org.eclipse.leshan.server.security.InMemorySecurityStore;
import org.eclipse.leshan.server.security.SecurityInfo;

/**
 * Leshan's bootstrap server. It says what happens on standard output, a line each, and takes commands on standard
 * input, words with a tab between, each answered by {@code answer ok}:
 * <ul>
 * <li>{@code psk ENDPOINT IDENTITY KEY}: what the endpoint proves itself with here;
 * <li>{@code config ENDPOINT FORMAT URI LIFETIME [IDENTITY KEY]}: what it is given; a format of "-" leaves the choice
 * to the device. Its accounts are deleted first, and where its bootstrap account is is found out by a discover.
 * </ul>
 */
public final class BootstrapProgram {
    private static final int SHORT_SERVER_ID = 123;

    private final LeshanBootstrapServer server;
    private final InMemorySecurityStore credentials = new InMemorySecurityStore();
    private final InMemoryBootstrapConfigStore configurations = new InMemoryBootstrapConfigStore();

    /** Arguments: port of coap and port of coaps. */
    public static void main(String[] args) throws Exception {
        new BootstrapProgram(Integer.parseInt(args[0]), Integer.parseInt(args[1])).run();
    }

    private BootstrapProgram(int coap, int coaps) {
        CaliforniumBootstrapServerEndpointsProvider.Builder endpoints = new CaliforniumBootstrapServerEndpointsProvider.Builder(
                new CoapBootstrapServerProtocolProvider(), new CoapsBootstrapServerProtocolProvider());
        endpoints.addEndpoint(new InetSocketAddress("127.0.0.1", coap), Protocol.COAP);
        endpoints.addEndpoint(new InetSocketAddress("127.0.0.1", coaps), Protocol.COAPS);
        server = new LeshanBootstrapServerBuilder().setEndpointsProviders(endpoints.build())
                .setConfigStore(configurations).setSecurityStore(new BootstrapSecurityStoreAdapter(credentials))
                .build();
        server.addListener(new Listener());
    }

    private void run() throws Exception {
        server.start();
        say("listening");
        BufferedReader commands = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = commands.readLine(); line != null; line = commands.readLine()) {
            try {
                perform(line.split("\t"));
                say("answer ok");
            } catch (Exception e) {
                say("answer exception " + e.toString().replace('\n', ' '));
            }
        }
        server.destroy();
        System.exit(0);
    }

    private void perform(String[] words) throws Exception {
        switch (words[0]) {
        case "psk" -> credentials
                .add(SecurityInfo.newPreSharedKeyInfo(words[1], words[2], HexFormat.of().parseHex(words[3])));
        case "config" -> configurations.add(words[1], configuration(words));
        default -> throw new IllegalArgumentException("unknown command " + words[0]);
        }
    }

    private static BootstrapConfig configuration(String[] words) {
        ServerSecurity security = new ServerSecurity();
        security.uri = words[3];
        security.serverId = SHORT_SERVER_ID;
        security.securityMode = SecurityMode.NO_SEC;
        if (words.length > 5) {
            security.securityMode = SecurityMode.PSK;
            security.publicKeyOrId = words[5].getBytes(StandardCharsets.UTF_8);
            security.secretKey = HexFormat.of().parseHex(words[6]);
        }
        ServerConfig account = new ServerConfig();
        account.shortId = SHORT_SERVER_ID;
        account.lifetime = Integer.parseInt(words[4]);
        account.muteSend = false;
        BootstrapConfig config = new BootstrapConfig();
        config.contentFormat = words[2].equals("-") ? null : ContentFormat.fromName(words[2]);
        config.autoIdForSecurityObject = true;
        config.toDelete.add("/0");
        config.toDelete.add("/1");
        config.security.put(0, security);
        config.servers.put(0, account);
        return config;
    }

    private static synchronized void say(String line) {
        System.out.println(line);
        System.out.flush();
    }

    /** Says how sessions go. */
    private static final class Listener extends BootstrapSessionAdapter {
        @Override
        public void unAuthorized(BootstrapRequest request, LwM2mPeer client) {
            say("refused " + request.getEndpointName());
        }

        @Override
        public void authorized(BootstrapSession session) {
            say("started " + session.getEndpoint());
        }

        @Override
        public void onResponseSuccess(BootstrapSession session,
                BootstrapDownlinkRequest<? extends LwM2mResponse> request, LwM2mResponse response) {
            say("done " + session.getEndpoint() + " " + name(request) + " " + response.getCode().getName());
        }

        @Override
        public void onResponseError(BootstrapSession session,
                BootstrapDownlinkRequest<? extends LwM2mResponse> request, LwM2mResponse response) {
            say("not-done " + session.getEndpoint() + " " + name(request) + " " + response.getCode().getName() + " "
                    + response.getErrorMessage());
        }

        @Override
        public void end(BootstrapSession session) {
            say("finished " + session.getEndpoint());
        }

        @Override
        public void failed(BootstrapSession session, BootstrapFailureCause cause) {
            say("failed " + session.getEndpoint() + " " + cause);
        }

        private static String name(BootstrapDownlinkRequest<? extends LwM2mResponse> request) {
            return request.getClass().getSimpleName() + " " + request.getPath();
        }
    }
}
