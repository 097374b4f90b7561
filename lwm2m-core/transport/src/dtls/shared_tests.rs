//! Real handshakes over the loopback interface, with either backend.

use super::TESTED;
use crate::{
    ClientTransport, ClientTransportConfig, CredentialSource, Metrics, MetricsSnapshot, PskTable,
    ServerTransport,
    dtls::{Backend, DtlsServerConfig, ServerCertificate},
    tests::{PATIENCE, Running, loopback},
    toy::Toy,
};
use lwm2m_core::{
    engine::{CertificateUsage, CloseReason, Credentials},
    peer::{CertificateIdentity, PeerIdentity},
    secret::Secret,
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedKey, DnType, IsCa, KeyPair, SanType};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::net::UdpSocket;

pub(crate) const KEY: [u8; 16] = *b"\x00\x9c\xf3kEyOfADevice\xfe";

pub(crate) fn device(key: &[u8]) -> Credentials {
    Credentials::Psk {
        identity: b"device".to_vec(),
        key: Secret::new(key.to_vec()),
    }
}

pub(crate) fn device_identity() -> PeerIdentity {
    PeerIdentity::Psk(b"device".to_vec())
}

/// A table that knows `device`.
pub(crate) fn table() -> Arc<PskTable> {
    let table = PskTable::new();
    table.insert("device", Secret::new(KEY.to_vec()));
    Arc::new(table)
}

pub(crate) struct Server {
    pub(crate) running: Running,
    pub(crate) address: SocketAddr,
    pub(crate) metrics: Arc<Metrics>,
}

impl Server {
    pub(crate) async fn new(config: DtlsServerConfig) -> Self {
        let transport = ServerTransport::builder()
            .coaps(loopback(), config.backend(TESTED))
            .bind()
            .await
            .unwrap();
        Server {
            address: transport.local_addresses()[0].1,
            metrics: transport.metrics(),
            running: Running::new(Toy::echo(), transport),
        }
    }

    pub(crate) async fn psk() -> Self {
        Server::new(DtlsServerConfig::new(table())).await
    }

    pub(crate) fn uri(&self) -> String {
        format!("coaps://{}", self.address)
    }

    pub(crate) async fn until(&self, done: impl Fn(&MetricsSnapshot) -> bool) -> MetricsSnapshot {
        until(&self.metrics, done).await
    }
}

/// Waits until the counters say so.
pub(crate) async fn until(
    metrics: &Metrics,
    done: impl Fn(&MetricsSnapshot) -> bool,
) -> MetricsSnapshot {
    let waiting = async {
        loop {
            let snapshot = metrics.snapshot();
            if done(&snapshot) {
                return snapshot;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, waiting).await;
    waited.unwrap_or_else(|_| panic!("{:?}", metrics.snapshot()))
}

pub(crate) fn client_config() -> ClientTransportConfig {
    ClientTransportConfig::new().backend(TESTED)
}

pub(crate) fn client() -> Running {
    Running::new(Toy::default(), ClientTransport::new(client_config()))
}

/// Connects and has a datagram echoed; returns the names of both sides' connections.
pub(crate) async fn converse(
    server: &mut Server,
    client: &mut Running,
    credentials: Credentials,
) -> (lwm2m_core::peer::PeerId, lwm2m_core::peer::PeerId) {
    let peer = client.connect(server.uri(), credentials).await;
    let (connected, _, address) = client.connected().await;
    assert_eq!((connected, address), (peer, server.address));
    let (name, ..) = server.running.connected().await;
    client.send(peer, "hello").await;
    assert_eq!(server.running.datagram().await.2, b"hello");
    assert_eq!(client.datagram().await.2, b"hello");
    (peer, name)
}

// proves: DTLS-29, SEC-01, SEC-05, SEC-06, SEC-07
#[tokio::test]
async fn psk_names_both_sides_and_carries_datagrams() {
    let mut server = Server::psk().await;
    let mut client = client();
    let peer = client.connect(server.uri(), device(&KEY)).await;
    assert_eq!(
        client.connected().await,
        (peer, device_identity(), server.address)
    );
    let (name, identity, _) = server.running.connected().await;
    assert_eq!(identity, device_identity());
    assert_eq!(name.address(), None);
    for text in ["one", "two", "three"] {
        client.send(peer, text).await;
        let expected = (name, device_identity(), text.as_bytes().to_vec());
        assert_eq!(server.running.datagram().await, expected);
        let expected = (peer, device_identity(), text.as_bytes().to_vec());
        assert_eq!(client.datagram().await, expected);
    }
    // Empty plaintext and the largest that fits.
    for length in [0, 1, 1280, 8000] {
        let data = "x".repeat(length);
        client.send(peer, &data).await;
        assert_eq!(server.running.datagram().await.2.len(), length);
        assert_eq!(client.datagram().await.2.len(), length);
    }
    let closed = client.handle.call(move |toy, _| toy.close(peer));
    closed.await.unwrap();
    assert_eq!(server.running.closed().await, (name, CloseReason::ByPeer));
    let counted = server.metrics.snapshot();
    assert_eq!(counted.handshakes_started, 1);
    assert_eq!(counted.handshakes_completed, 1);
    assert_eq!(counted.records_dropped, 0);
    client.nothing_more();
}

// proves: DTLS-14, SEC-01, SEC-02, SEC-52
#[tokio::test]
async fn wrong_key_and_unknown_identity_fail_with_a_reason_and_are_counted() {
    let mut server = Server::psk().await;
    let mut client = client();
    let peer = client
        .connect(server.uri(), device(b"another key 1234"))
        .await;
    let (closed, reason) = client.closed().await;
    assert_eq!(closed, peer);
    assert!(
        matches!(reason, CloseReason::HandshakeFailed(_)),
        "{reason:?}"
    );
    server.until(|counted| counted.wrong_keys == 1).await;

    let stranger = Credentials::Psk {
        identity: b"stranger".to_vec(),
        key: Secret::new(KEY.to_vec()),
    };
    let peer = client.connect(server.uri(), stranger).await;
    let (closed, reason) = client.closed().await;
    assert_eq!(closed, peer);
    assert!(
        matches!(reason, CloseReason::HandshakeFailed(_)),
        "{reason:?}"
    );
    let counted = server
        .until(|counted| counted.unknown_identities == 1)
        .await;
    assert_eq!(counted.handshakes_failed, 2);
    // And the listener goes on.
    converse(&mut server, &mut client, device(&KEY)).await;
}

// proves: SEC-30
#[tokio::test]
async fn credentials_that_cannot_serve_are_refused_at_once() {
    let server = Server::psk().await;
    let mut client = client();
    for credentials in [
        Credentials::None,
        Credentials::Psk {
            identity: vec![],
            key: Secret::new(vec![1]),
        },
        Credentials::Psk {
            identity: vec![1],
            key: Secret::new(vec![]),
        },
        Credentials::Certificate {
            chain: vec![b"no certificate".to_vec()],
            private_key: Secret::new(b"no key".to_vec()),
            server_certificate: vec![],
            usage: CertificateUsage::DomainIssuedCertificate,
        },
    ] {
        let peer = client.connect(server.uri(), credentials).await;
        assert_eq!(client.closed().await.0, peer);
    }
    assert_eq!(server.metrics.snapshot().datagrams_received, 0);
}

// proves: SEC-37
#[tokio::test]
async fn removed_credentials_close_sessions_and_stay_out() {
    let table = table();
    let mut server = Server::new(DtlsServerConfig::new(table.clone())).await;
    let mut client = client();
    let (peer, name) = converse(&mut server, &mut client, device(&KEY)).await;
    table.remove(b"device");
    let forgotten = server
        .running
        .handle
        .call(|toy, _| toy.forget(device_identity()));
    forgotten.await.unwrap();
    assert_eq!(
        server.running.closed().await,
        (name, CloseReason::CredentialsRemoved)
    );
    assert_eq!(client.closed().await, (peer, CloseReason::ByPeer));
    let peer = client.connect(server.uri(), device(&KEY)).await;
    assert_eq!(client.closed().await.0, peer);
}

// proves: DTLS-13
#[tokio::test]
async fn server_closes_and_idle_sessions_expire() {
    let config = DtlsServerConfig::new(table()).idle_timeout(Duration::from_secs(2));
    let mut server = Server::new(config).await;
    let mut client = client();
    let (peer, name) = converse(&mut server, &mut client, device(&KEY)).await;
    let closed = server.running.handle.call(move |toy, _| toy.close(name));
    closed.await.unwrap();
    assert_eq!(client.closed().await, (peer, CloseReason::ByPeer));
    let (peer, name) = converse(&mut server, &mut client, device(&KEY)).await;
    assert_eq!(server.running.closed().await, (name, CloseReason::Idle));
    assert_eq!(client.closed().await, (peer, CloseReason::ByPeer));
    assert_eq!(server.metrics.snapshot().sessions_idle, 1);
}

// proves: DTLS-13
#[tokio::test]
async fn stopping_says_goodbye() {
    let mut server = Server::psk().await;
    let mut first = client();
    let (peer, _) = converse(&mut server, &mut first, device(&KEY)).await;
    tokio::time::timeout(PATIENCE, server.running.handle.stop())
        .await
        .unwrap();
    assert_eq!(first.closed().await, (peer, CloseReason::ByPeer));
    // The port is free again.
    let again = ServerTransport::builder().coap(server.address).bind().await;
    assert!(again.is_ok());

    let mut server = Server::psk().await;
    let mut second = client();
    let (_, name) = converse(&mut server, &mut second, device(&KEY)).await;
    second.handle.stop().await;
    assert_eq!(server.running.closed().await, (name, CloseReason::ByPeer));
}

#[tokio::test]
async fn nobody_there_times_out() {
    let nobody = UdpSocket::bind(loopback()).await.unwrap();
    let config = client_config().handshake_timeout(Duration::from_millis(300));
    let mut client = Running::new(Toy::default(), ClientTransport::new(config));
    let target = format!("coaps://{}", nobody.local_addr().unwrap());
    let peer = client.connect(target, device(&KEY)).await;
    assert_eq!(client.closed().await, (peer, CloseReason::HandshakeTimeout));
}

/// A certification authority.
pub(crate) struct Authority {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(DnType::CommonName, "authority");
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Authority { certificate, key }
    }

    pub(crate) fn der(&self) -> Vec<u8> {
        self.certificate.der().to_vec()
    }

    pub(crate) fn issue(&self, common_name: &str, names: Vec<SanType>) -> CertifiedKey {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params
            .distinguished_name
            .push(DnType::CommonName, common_name);
        params.subject_alt_names = names;
        let key_pair = KeyPair::generate().unwrap();
        let cert = params
            .signed_by(&key_pair, &self.certificate, &self.key)
            .unwrap();
        CertifiedKey { cert, key_pair }
    }

    pub(crate) fn server(&self) -> ServerCertificate {
        let issued = self.issue("server", vec![SanType::IpAddress(loopback().ip())]);
        ServerCertificate {
            chain: vec![issued.cert.der().to_vec()],
            private_key: issued.key_pair.serialize_der().into(),
        }
    }

    pub(crate) fn device(
        &self,
        name: &str,
        usage: CertificateUsage,
        expected: &[u8],
    ) -> Credentials {
        let dns = SanType::DnsName("device.example".try_into().unwrap());
        let uri = SanType::URI("urn:imei:1".try_into().unwrap());
        let issued = self.issue(name, vec![dns, uri]);
        Credentials::Certificate {
            chain: vec![issued.cert.der().to_vec()],
            private_key: Secret::new(issued.key_pair.serialize_der()),
            server_certificate: expected.to_vec(),
            usage,
        }
    }
}

/// Knows `device` by key, and denies one certificate.
struct Denying;

impl CredentialSource for Denying {
    fn psk(&self, identity: &[u8]) -> Option<Secret> {
        table().psk(identity)
    }

    fn certificate_allowed(&self, certificate: &CertificateIdentity) -> bool {
        certificate.common_name.as_deref() != Some("stolen")
    }
}

async fn certificate_server(authority: &Authority) -> (Server, Vec<u8>) {
    let own = authority.server();
    let end_entity = own.chain[0].clone();
    let config = DtlsServerConfig::new(Arc::new(Denying)).certificate(own, vec![authority.der()]);
    (Server::new(config).await, end_entity)
}

// proves: SEC-21, SEC-26, SEC-30
#[tokio::test]
async fn certificates_and_keys_on_one_port() {
    let authority = Authority::new();
    let (mut server, end_entity) = certificate_server(&authority).await;
    let mut client = client();
    let usage = CertificateUsage::DomainIssuedCertificate;
    let credentials = authority.device("device", usage, &end_entity);
    let peer = client.connect(server.uri(), credentials).await;
    let (connected, identity, _) = client.connected().await;
    assert_eq!(connected, peer);
    let PeerIdentity::Certificate(names) = identity else {
        panic!("{identity:?}");
    };
    assert_eq!(names.common_name.as_deref(), Some("server"));
    assert_eq!(names.certificate, end_entity);
    let (_, identity, _) = server.running.connected().await;
    let PeerIdentity::Certificate(names) = identity else {
        panic!("{identity:?}");
    };
    assert_eq!(names.common_name.as_deref(), Some("device"));
    assert_eq!(names.alternative_names, ["device.example", "urn:imei:1"]);
    client.send(peer, "hello").await;
    assert_eq!(server.running.datagram().await.2, b"hello");
    assert_eq!(client.datagram().await.2, b"hello");
    converse(&mut server, &mut client, device(&KEY)).await;
}

// proves: DTLS-28, SEC-02, SEC-27, SEC-28
#[tokio::test]
async fn certificate_usages_are_kept() {
    use CertificateUsage::{
        CaConstraint, DomainIssuedCertificate, ServiceCertificateConstraint, TrustAnchorAssertion,
    };
    let authority = Authority::new();
    let stranger = Authority::new();
    let (mut server, end_entity) = certificate_server(&authority).await;
    let other_end_entity = authority.server().chain[0].clone();
    let (ca, other_ca) = (authority.der(), stranger.der());
    let anchors = vec![authority.der()];
    let none = vec![];
    let wrong = vec![stranger.der()];
    for (usage, expected, anchors, good) in [
        (DomainIssuedCertificate, &end_entity, &none, true),
        (DomainIssuedCertificate, &other_end_entity, &none, false),
        (DomainIssuedCertificate, &ca, &none, false),
        (TrustAnchorAssertion, &ca, &none, true),
        (TrustAnchorAssertion, &other_ca, &none, false),
        (ServiceCertificateConstraint, &end_entity, &anchors, true),
        (
            ServiceCertificateConstraint,
            &other_end_entity,
            &anchors,
            false,
        ),
        (ServiceCertificateConstraint, &end_entity, &wrong, false),
        (CaConstraint, &ca, &anchors, true),
        (CaConstraint, &other_ca, &anchors, false),
        (CaConstraint, &ca, &wrong, false),
    ] {
        let config = client_config().trust_anchors(anchors.clone());
        let mut client = Running::new(Toy::default(), ClientTransport::new(config));
        let credentials = authority.device("device", usage, expected);
        if good {
            converse(&mut server, &mut client, credentials).await;
            client.handle.stop().await;
            assert_eq!(server.running.closed().await.1, CloseReason::ByPeer);
        } else {
            client.connect(server.uri(), credentials).await;
            let (_, reason) = client.closed().await;
            assert!(
                matches!(reason, CloseReason::HandshakeFailed(_)),
                "{reason:?}"
            );
        }
    }
    let mut client = client();
    for usage in [CaConstraint, ServiceCertificateConstraint] {
        let credentials = authority.device("device", usage, &ca);
        client.connect(server.uri(), credentials).await;
        let (_, reason) = client.closed().await;
        assert!(matches!(reason, CloseReason::Unsupported(_)), "{reason:?}");
    }
    // The name of the host is looked at where a chain is.
    let target = format!("coaps://localhost:{}", server.address.port());
    let config = client_config().bind(server.address.ip());
    let mut client = Running::new(Toy::default(), ClientTransport::new(config));
    let credentials = authority.device("device", TrustAnchorAssertion, &ca);
    client.connect(target, credentials).await;
    let (_, reason) = client.closed().await;
    assert!(
        matches!(reason, CloseReason::HandshakeFailed(_)),
        "{reason:?}"
    );
    server.running.nothing_more();
}

// proves: DTLS-28, SEC-25
#[tokio::test]
async fn clients_that_nobody_vouches_for_or_that_are_denied_stay_out() {
    let authority = Authority::new();
    let (mut server, end_entity) = certificate_server(&authority).await;
    let mut client = client();
    let usage = CertificateUsage::DomainIssuedCertificate;
    for credentials in [
        Authority::new().device("device", usage, &end_entity),
        authority.device("stolen", usage, &end_entity),
    ] {
        client.connect(server.uri(), credentials).await;
        let (_, reason) = client.closed().await;
        assert!(
            matches!(reason, CloseReason::HandshakeFailed(_)),
            "{reason:?}"
        );
    }
    server
        .until(|counted| counted.certificates_refused == 2)
        .await;
    server.running.nothing_more();
}

#[tokio::test]
async fn suites_without_a_configuration_are_refused() {
    let authority = Authority::new();
    let server = Server::psk().await;
    let config = client_config().handshake_timeout(Duration::from_secs(2));
    let mut client = Running::new(Toy::default(), ClientTransport::new(config));
    let usage = CertificateUsage::DomainIssuedCertificate;
    let credentials = authority.device("device", usage, &authority.server().chain[0]);
    let peer = client.connect(server.uri(), credentials).await;
    let (refused, reason) = client.closed().await;
    assert_eq!(refused, peer);
    match TESTED {
        // Says so.
        Backend::Engine => {
            assert!(reason.to_string().contains("handshake_failure"), "{reason}");
            server.until(|counted| counted.handshakes_failed > 0).await;
        }
        // Is silent.
        #[cfg(feature = "webrtc")]
        Backend::Webrtc => {
            assert_eq!(reason, CloseReason::HandshakeTimeout);
            server.until(|counted| counted.hellos_refused > 0).await;
        }
    }
}

#[tokio::test]
async fn contradictory_configurations_are_refused() {
    let authority = Authority::new();
    let mut nameless = DtlsServerConfig::new(table());
    nameless.client_trust_anchors = vec![authority.der()];
    let anchorless = DtlsServerConfig::new(table()).certificate(authority.server(), vec![]);
    let mut keyless = authority.server();
    keyless.private_key = vec![1, 2, 3].into();
    let keyless = DtlsServerConfig::new(table()).certificate(keyless, vec![authority.der()]);
    let unanchored =
        DtlsServerConfig::new(table()).certificate(authority.server(), vec![vec![0; 9]]);
    for config in [nameless, anchorless, keyless, unanchored] {
        let error = ServerTransport::builder()
            .coaps(loopback(), config.backend(TESTED))
            .bind();
        let error = error.await.unwrap_err();
        assert!(
            matches!(error, crate::BindError::Configuration { .. }),
            "{error}"
        );
    }
}
