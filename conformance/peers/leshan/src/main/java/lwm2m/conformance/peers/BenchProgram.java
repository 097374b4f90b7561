package lwm2m.conformance.peers;

import java.net.InetSocketAddress;

import org.eclipse.leshan.core.endpoint.Protocol;
import org.eclipse.leshan.server.LeshanServer;
import org.eclipse.leshan.server.LeshanServerBuilder;
import org.eclipse.leshan.transport.californium.server.endpoint.CaliforniumServerEndpointsProvider;
import org.eclipse.leshan.transport.californium.server.endpoint.coap.CoapServerProtocolProvider;

/** Leshan's server as it comes, on one port without security: what {@code lwm2m-bench lwm2m} puts under load. */
public final class BenchProgram {
    private BenchProgram() {
    }

    /** Argument: port of coap. */
    public static void main(String[] args) {
        CaliforniumServerEndpointsProvider.Builder endpoints = new CaliforniumServerEndpointsProvider.Builder(
                new CoapServerProtocolProvider());
        endpoints.addEndpoint(new InetSocketAddress("127.0.0.1", Integer.parseInt(args[0])), Protocol.COAP);
        LeshanServer server = new LeshanServerBuilder().setEndpointsProviders(endpoints.build()).build();
        server.start();
    }
}
