package lwm2m.conformance.peers;

import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.security.spec.X509EncodedKeySpec;
import java.util.HexFormat;
import java.util.Map;
import java.util.concurrent.TimeUnit;

import org.eclipse.californium.elements.auth.RawPublicKeyIdentity;
import org.eclipse.californium.elements.config.Configuration;
import org.eclipse.californium.scandium.config.DtlsConfig;
import org.eclipse.californium.scandium.config.DtlsConfig.DtlsRole;
import org.eclipse.californium.scandium.config.DtlsConnectorConfig;
import org.eclipse.californium.scandium.dtls.CertificateType;
import org.eclipse.californium.scandium.dtls.ExtendedMasterSecretMode;
import org.eclipse.californium.scandium.dtls.MaxFragmentLengthExtension.Length;
import org.eclipse.californium.scandium.dtls.cipher.CipherSuite;
import org.eclipse.californium.scandium.dtls.cipher.XECDHECryptography.SupportedGroup;
import org.eclipse.californium.scandium.dtls.pskstore.MultiPskStore;
import org.eclipse.californium.scandium.dtls.pskstore.SinglePskStore;
import org.eclipse.californium.scandium.dtls.x509.SingleCertificateProvider;
import org.eclipse.californium.scandium.dtls.x509.StaticCertificateVerifier;

/**
 * The configuration of one side.
 *
 * <pre>
 * suite   name in the registry of TLS          kind      psk, rpk, x509
 * key     of the PSK, hexadecimal              identity  of the PSK
 * name    whose files are ours: server, client, stranger
 * cid     length of our Connection IDs; without it, the extension is not used
 * ems     NONE, OPTIONAL, ENABLED, REQUIRED    mtu       bytes of an IP packet
 * group   secp256r1, x25519                    fragment  512
 * chain   leaf: without the intermediate authority
 * connections  how many are kept
 * </pre>
 */
final class Settings {
    private final Path folder;
    private final Map<String, String> values;
    private final boolean server;

    Settings(Path folder, Map<String, String> values, boolean server) {
        this.folder = folder;
        this.values = values;
        this.server = server;
    }

    DtlsConnectorConfig config() throws GeneralSecurityException, IOException {
        DtlsConnectorConfig.Builder builder = new DtlsConnectorConfig.Builder(new Configuration());
        builder.setAddress(new InetSocketAddress(InetAddress.getByName("127.0.0.1"), 0));
        builder.set(DtlsConfig.DTLS_ROLE, server ? DtlsRole.SERVER_ONLY : DtlsRole.CLIENT_ONLY);
        builder.set(DtlsConfig.DTLS_RECOMMENDED_CIPHER_SUITES_ONLY, false);
        builder.set(DtlsConfig.DTLS_RECOMMENDED_CURVES_ONLY, false);
        builder.setAsList(DtlsConfig.DTLS_CIPHER_SUITES, CipherSuite.getTypeByName(values.get("suite")));
        builder.set(DtlsConfig.DTLS_RETRANSMISSION_TIMEOUT, 1, TimeUnit.SECONDS);
        builder.set(DtlsConfig.DTLS_RECEIVER_THREAD_COUNT, 1);
        builder.set(DtlsConfig.DTLS_CONNECTOR_THREAD_COUNT, 1);
        builder.set(DtlsConfig.DTLS_UPDATE_ADDRESS_USING_CID_ON_NEWER_RECORDS, true);
        builder.set(DtlsConfig.DTLS_MAX_CONNECTIONS, Integer.parseInt(values.getOrDefault("connections", "100")));
        Integer cid = values.containsKey("cid") ? Integer.valueOf(values.get("cid")) : null;
        builder.set(DtlsConfig.DTLS_CONNECTION_ID_LENGTH, cid);
        if (values.containsKey("ems")) {
            builder.set(DtlsConfig.DTLS_EXTENDED_MASTER_SECRET_MODE, ExtendedMasterSecretMode.valueOf(values.get("ems")));
        }
        if (values.containsKey("mtu")) {
            builder.set(DtlsConfig.DTLS_MAX_TRANSMISSION_UNIT, Integer.parseInt(values.get("mtu")));
        }
        if (values.containsKey("fragment")) {
            builder.set(DtlsConfig.DTLS_MAX_FRAGMENT_LENGTH, Length.valueOf("BYTES_" + values.get("fragment")));
        }
        if (values.containsKey("group")) {
            SupportedGroup first = SupportedGroup.valueOf(values.get("group").replace("x25519", "X25519"));
            if (first == SupportedGroup.secp256r1) {
                builder.setAsList(DtlsConfig.DTLS_CURVES, first);
            } else {
                // The curve of the certificates must be among them too.
                builder.setAsList(DtlsConfig.DTLS_CURVES, first, SupportedGroup.secp256r1);
            }
        }
        if (values.get("kind").equals("psk")) {
            preSharedKey(builder);
        } else {
            publicKeys(builder, values.get("kind").equals("x509"));
        }
        return builder.build();
    }

    private void preSharedKey(DtlsConnectorConfig.Builder builder) {
        byte[] key = HexFormat.of().parseHex(values.get("key"));
        if (server) {
            MultiPskStore store = new MultiPskStore();
            store.setKey(values.get("identity"), key);
            builder.setPskStore(store);
        } else {
            builder.setPskStore(new SinglePskStore(values.get("identity"), key));
        }
    }

    private void publicKeys(DtlsConnectorConfig.Builder builder, boolean certificates)
            throws GeneralSecurityException, IOException {
        String name = values.getOrDefault("name", server ? "server" : "client");
        PrivateKey own = KeyFactory.getInstance("EC")
                .generatePrivate(new PKCS8EncodedKeySpec(Files.readAllBytes(folder.resolve(name + ".pk8"))));
        if (certificates) {
            // Nobody has issued the certificate of the stranger; the authority itself has issued a leaf.
            X509Certificate[] chain = name.equals("stranger") || "leaf".equals(values.get("chain"))
                    ? new X509Certificate[] { certificate(name) }
                    : new X509Certificate[] { certificate(name), certificate("intermediate") };
            builder.setCertificateIdentityProvider(new SingleCertificateProvider(own, chain, CertificateType.X_509));
            builder.setCertificateVerifier(StaticCertificateVerifier.builder()
                    .setTrustedCertificates(certificate("authority")).build());
        } else {
            builder.setCertificateIdentityProvider(new SingleCertificateProvider(own, publicKey(name)));
            builder.setCertificateVerifier(StaticCertificateVerifier.builder()
                    .setTrustedRPKs(new RawPublicKeyIdentity(publicKey(server ? "client" : "server"))).build());
        }
    }

    private PublicKey publicKey(String name) throws GeneralSecurityException, IOException {
        return KeyFactory.getInstance("EC")
                .generatePublic(new X509EncodedKeySpec(Files.readAllBytes(folder.resolve(name + ".spki"))));
    }

    private X509Certificate certificate(String name) throws GeneralSecurityException, IOException {
        try (InputStream in = Files.newInputStream(folder.resolve(name + ".der"))) {
            return (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(in);
        }
    }
}
