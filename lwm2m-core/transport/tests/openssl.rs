//! Handshakes with OpenSSL's `s_client` and `s_server`, every suite in each role. Skipped where it is not installed.

use lwm2m_core::{
    engine::{CertificateUsage, Credentials, Outbound},
    peer::{PeerId, PeerIdentity},
    secret::Secret,
    uri::{Scheme, ServerUri},
};
use lwm2m_transport::{
    ClientTransport, DtlsServerConfig, PskTable, Received, ServerTransport, Transport,
    dtls::ServerCertificate,
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedKey, DnType, IsCa, KeyPair, SanType};
use std::{
    net::{SocketAddr, UdpSocket},
    path::PathBuf,
    process::Stdio,
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::{Child, Command},
};

const PATIENCE: Duration = Duration::from_secs(20);
const KEY: &[u8] = b"secret-of-device";
const PSK_SUITES: [&str; 3] = ["PSK-AES128-CCM8", "PSK-AES128-CCM", "PSK-AES128-GCM-SHA256"];
const CERTIFICATE_SUITES: [&str; 3] = [
    "ECDHE-ECDSA-AES128-CCM8",
    "ECDHE-ECDSA-AES128-CCM",
    "ECDHE-ECDSA-AES128-GCM-SHA256",
];

/// Certificates in files, removed at the end.
struct Files {
    directory: PathBuf,
    authority: Vec<u8>,
    server: CertifiedKey,
    device: CertifiedKey,
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

impl Files {
    fn new(name: &str) -> Self {
        let directory = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
        std::fs::create_dir_all(&directory).expect("a temporary directory");
        let mut params = CertificateParams::new(vec![]).expect("no names are no mistake");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(DnType::CommonName, "authority");
        let key = KeyPair::generate().expect("randomness");
        let authority = params.self_signed(&key).expect("a certificate");
        let issue = |name: &str| {
            let mut params = CertificateParams::new(vec![]).expect("no names are no mistake");
            params.distinguished_name.push(DnType::CommonName, name);
            params.subject_alt_names = vec![SanType::IpAddress([127, 0, 0, 1].into())];
            let key_pair = KeyPair::generate().expect("randomness");
            let cert = params.signed_by(&key_pair, &authority, &key);
            let cert = cert.expect("a certificate");
            let write = |suffix: &str, content: String| {
                std::fs::write(directory.join(format!("{name}.{suffix}")), content)
                    .expect("a writable temporary directory");
            };
            write("pem", cert.pem());
            write("key", key_pair.serialize_pem());
            CertifiedKey { cert, key_pair }
        };
        let (server, device) = (issue("server"), issue("device"));
        std::fs::write(directory.join("authority.pem"), authority.pem())
            .expect("a writable temporary directory");
        Files {
            authority: authority.der().to_vec(),
            directory,
            server,
            device,
        }
    }

    fn path(&self, name: &str) -> String {
        self.directory.join(name).display().to_string()
    }
}

#[expect(
    clippy::print_stdout,
    reason = "whoever runs the tests must see what was not run"
)]
fn is_installed() -> bool {
    let version = std::process::Command::new("openssl")
        .arg("version")
        .output();
    let installed = version.is_ok();
    if !installed {
        println!("skipped: openssl is not installed");
    }
    installed
}

fn start(arguments: &[&str], suite: &str) -> Child {
    Command::new("openssl")
        .args(arguments)
        .args(["-cipher", &format!("{suite}:@SECLEVEL=0")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("openssl starts")
}

/// Reads the program's output until it says `what`.
async fn until_it_says(child: &mut Child, what: &str) {
    let output = child.stdout.as_mut().expect("it is piped");
    let mut said = Vec::new();
    let reading = async {
        while !String::from_utf8_lossy(&said).contains(what) {
            let mut buffer = [0; 1024];
            let length = output.read(&mut buffer).await.expect("a pipe");
            assert_ne!(length, 0, "{}", String::from_utf8_lossy(&said));
            said.extend_from_slice(&buffer[..length]);
        }
    };
    if tokio::time::timeout(PATIENCE, reading).await.is_err() {
        panic!("no \"{what}\" in {}", String::from_utf8_lossy(&said));
    }
}

async fn next(transport: &mut impl Transport) -> Received {
    let next = tokio::time::timeout(PATIENCE, transport.next()).await;
    next.expect("nothing happens")
}

// proves: DTLS-15, DTLS-16, SEC-08, SEC-22, SEC-31
#[tokio::test]
async fn openssl_as_client() {
    if !is_installed() {
        return;
    }
    let files = Files::new("openssl-as-client");
    let table = PskTable::new();
    table.insert("device", Secret::new(KEY.to_vec()));
    let own = ServerCertificate {
        chain: vec![files.server.cert.der().to_vec()],
        private_key: files.server.key_pair.serialize_der().into(),
    };
    let config =
        DtlsServerConfig::new(Arc::new(table)).certificate(own, vec![files.authority.clone()]);
    let mut server = ServerTransport::builder()
        .coaps(SocketAddr::from(([127, 0, 0, 1], 0)), config)
        .bind()
        .await
        .unwrap();
    let target = server.local_addresses()[0].1.to_string();
    let key = hex::encode(KEY);
    let (certificate, private, authority) = (
        files.path("device.pem"),
        files.path("device.key"),
        files.path("authority.pem"),
    );
    for suite in PSK_SUITES.into_iter().chain(CERTIFICATE_SUITES) {
        let mut arguments = vec!["s_client", "-dtls1_2", "-quiet", "-connect", &target];
        if PSK_SUITES.contains(&suite) {
            arguments.extend(["-psk_identity", "device", "-psk", &key]);
        } else {
            arguments.extend(["-cert", &certificate, "-key", &private]);
            arguments.extend(["-CAfile", &authority, "-verify_return_error"]);
        }
        let mut child = start(&arguments, suite);
        let Received::Connected { peer, identity, .. } = next(&mut server).await else {
            panic!("{suite}: no connection");
        };
        match &*identity {
            PeerIdentity::Psk(identity) => assert_eq!(identity, b"device"),
            PeerIdentity::Certificate(names) => {
                assert_eq!(names.common_name.as_deref(), Some("device"));
            }
            other => panic!("{suite}: {other}"),
        }
        let input = child.stdin.as_mut().expect("it is piped");
        input.write_all(b"there\n").await.unwrap();
        let Received::Datagram { data, .. } = next(&mut server).await else {
            panic!("{suite}: no datagram");
        };
        assert_eq!(data, b"there\n", "{suite}");
        let data = b"and back\n".to_vec();
        server.send(Outbound::Datagram { peer, data });
        let answered = async {
            tokio::select! {
                () = until_it_says(&mut child, "and back") => {}
                other = server.next() => panic!("{suite}: {other:?}"),
            }
        };
        answered.await;
        server.send(Outbound::Close { peer });
    }
    server.shutdown().await;
}

// proves: DTLS-15, DTLS-16, SEC-09, SEC-23, SEC-31
#[tokio::test]
async fn openssl_as_server() {
    if !is_installed() {
        return;
    }
    let files = Files::new("openssl-as-server");
    let key = hex::encode(KEY);
    let (certificate, private, authority) = (
        files.path("server.pem"),
        files.path("server.key"),
        files.path("authority.pem"),
    );
    for suite in PSK_SUITES.into_iter().chain(CERTIFICATE_SUITES) {
        // A port that was free a moment ago: OpenSSL does not tell which one it has chosen.
        let free = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let listener = format!("127.0.0.1:{port}");
        let mut arguments = vec!["s_server", "-dtls1_2", "-accept", &listener];
        let credentials = if PSK_SUITES.contains(&suite) {
            arguments.extend(["-nocert", "-psk_identity", "device", "-psk", &key]);
            Credentials::Psk {
                identity: b"device".to_vec(),
                key: Secret::new(KEY.to_vec()),
            }
        } else {
            arguments.extend(["-cert", &certificate, "-key", &private]);
            arguments.extend(["-CAfile", &authority, "-Verify", "1"]);
            Credentials::Certificate {
                chain: vec![files.device.cert.der().to_vec()],
                private_key: Secret::new(files.device.key_pair.serialize_der()),
                server_certificate: files.authority.clone(),
                usage: CertificateUsage::TrustAnchorAssertion,
            }
        };
        let mut child = start(&arguments, suite);
        until_it_says(&mut child, "ACCEPT").await;
        let mut client = ClientTransport::default();
        let peer = PeerId::from_connection(0, 0);
        client.send(Outbound::Connect {
            peer,
            target: ServerUri::new(Scheme::Coaps, "127.0.0.1", port),
            server_name: None,
            credentials,
        });
        match next(&mut client).await {
            Received::Connected { .. } => {}
            other => panic!("{suite}: {other:?}"),
        }
        let data = b"there\n".to_vec();
        client.send(Outbound::Datagram { peer, data });
        until_it_says(&mut child, "there").await;
        let input = child.stdin.as_mut().expect("it is piped");
        input.write_all(b"and back\n").await.unwrap();
        match next(&mut client).await {
            Received::Datagram { data, .. } => assert_eq!(data, b"and back\n", "{suite}"),
            other => panic!("{suite}: {other:?}"),
        }
        client.shutdown().await;
    }
}
