package lwm2m.conformance.peers;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;

/** Certificates and keys on P-256 from PEM files. */
final class Pem {
    private Pem() {
    }

    static X509Certificate certificate(String file) throws IOException, GeneralSecurityException {
        byte[] content = Files.readAllBytes(Path.of(file));
        return (X509Certificate) CertificateFactory.getInstance("X.509")
                .generateCertificate(new ByteArrayInputStream(content));
    }

    static PrivateKey privateKey(String file) throws IOException, GeneralSecurityException {
        return KeyFactory.getInstance("EC").generatePrivate(new PKCS8EncodedKeySpec(pkcs8(file)));
    }

    /** What stands between the first and the last line. */
    private static byte[] pkcs8(String file) throws IOException {
        String content = Files.readString(Path.of(file));
        return Base64.getMimeDecoder().decode(content.replaceAll("-----[A-Z ]+-----", ""));
    }
}
