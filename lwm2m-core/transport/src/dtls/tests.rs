//! What only our own engine offers, over the loopback interface.

use super::{DtlsServerConfig, public_key_of, shared_tests::*};
use crate::CredentialSource;
use lwm2m_core::{
    engine::{CloseReason, Credentials},
    peer::PeerIdentity,
    secret::Secret,
};
use rcgen::KeyPair;
use std::sync::Arc;
use tokio::net::UdpSocket;

/// A private key, and its SubjectPublicKeyInfo.
fn key_pair() -> (Secret, Vec<u8>) {
    let private_key = Secret::new(KeyPair::generate().unwrap().serialize_der());
    let public_key = public_key_of(&private_key).unwrap();
    (private_key, public_key)
}

/// Knows one public key.
struct Knowing(Vec<u8>);

impl CredentialSource for Knowing {
    fn psk(&self, _identity: &[u8]) -> Option<Secret> {
        None
    }

    fn raw_public_key_allowed(&self, public_key: &[u8]) -> bool {
        public_key == self.0
    }
}

// proves: DTLS-17, SEC-18, SEC-19, SEC-20
#[tokio::test]
async fn raw_public_keys_prove_both_sides() {
    let (server_key, server_spki) = key_pair();
    let (client_key, client_spki) = key_pair();
    let source = Arc::new(Knowing(client_spki.clone()));
    let config = DtlsServerConfig::new(source).raw_public_key(server_key);
    let mut server = Server::new(config).await;
    let credentials = |private_key: Secret| Credentials::RawPublicKey {
        public_key: Vec::new(),
        private_key,
        server_public_key: server_spki.clone(),
    };
    let mut device = client();
    let ours = Credentials::RawPublicKey {
        public_key: client_spki.clone(),
        private_key: client_key.clone(),
        server_public_key: server_spki.clone(),
    };
    let peer = device.connect(server.uri(), ours).await;
    let expected = PeerIdentity::RawPublicKey(server_spki.clone());
    assert_eq!(device.connected().await, (peer, expected, server.address));
    let expected = PeerIdentity::RawPublicKey(client_spki.clone());
    assert_eq!(server.running.connected().await.1, expected);
    device.send(peer, "hello").await;
    assert_eq!(server.running.datagram().await.1, expected);
    assert_eq!(device.datagram().await.2, b"hello");

    // The same device, told of its private key only.
    let mut brief = client();
    brief.connect(server.uri(), credentials(client_key)).await;
    brief.connected().await;
    assert_eq!(server.running.connected().await.1, expected);
    // One whose keys do not belong together says so, and asks nobody.
    let mut torn = client();
    let not_ours = Credentials::RawPublicKey {
        public_key: client_spki,
        private_key: key_pair().0,
        server_public_key: server_spki.clone(),
    };
    torn.connect(server.uri(), not_ours).await;
    let (_, reason) = torn.closed().await;
    assert!(reason.to_string().contains("does not belong"), "{reason}");
    // Another device that has a key, but not one that is known.
    let mut stranger = client();
    stranger
        .connect(server.uri(), credentials(key_pair().0))
        .await;
    let (_, reason) = stranger.closed().await;
    assert!(reason.to_string().contains("access_denied"), "{reason}");
    // And a server that is not the one expected.
    let mut misled = client();
    let elsewhere = Credentials::RawPublicKey {
        public_key: Vec::new(),
        private_key: key_pair().0,
        server_public_key: key_pair().1,
    };
    misled.connect(server.uri(), elsewhere).await;
    let (_, reason) = misled.closed().await;
    assert!(reason.to_string().contains("public key"), "{reason}");
}

// proves: DTLS-01
#[tokio::test]
async fn a_flood_of_hellos_costs_nothing_and_the_honest_get_in() {
    let mut config = DtlsServerConfig::new(table());
    config.max_handshakes = 8;
    let mut server = Server::new(config).await;
    // A hello of a real client, and then the same from everywhere.
    let listener = UdpSocket::bind(crate::tests::loopback()).await.unwrap();
    let uri = format!("coaps://{}", listener.local_addr().unwrap());
    let honest = client();
    honest.connect(uri, device(&KEY)).await;
    let mut hello = vec![0; 2048];
    let length = listener.recv(&mut hello).await.unwrap();
    for _ in 0..100 {
        let socket = UdpSocket::bind(crate::tests::loopback()).await.unwrap();
        socket.connect(server.address).await.unwrap();
        socket.send(&hello[..length]).await.unwrap();
    }
    let counted = server.until(|counted| counted.cookies_sent == 100).await;
    assert_eq!(counted.handshakes_started, 0);
    converse(&mut server, &mut client(), device(&KEY)).await;
}

#[tokio::test]
async fn the_quietest_session_makes_room() {
    let config = DtlsServerConfig::new(table()).max_sessions(1);
    let mut server = Server::new(config).await;
    let mut first = client();
    let (peer, name) = converse(&mut server, &mut first, device(&KEY)).await;
    let mut second = client();
    second.connect(server.uri(), device(&KEY)).await;
    second.connected().await;
    assert_eq!(server.running.closed().await, (name, CloseReason::Idle));
    server.running.connected().await;
    assert_eq!(first.closed().await, (peer, CloseReason::ByPeer));
}

#[tokio::test]
async fn sessions_of_one_identity_are_bounded() {
    let config = DtlsServerConfig::new(table()).max_sessions_per_identity(1);
    let mut server = Server::new(config).await;
    let mut first = client();
    let (_, name) = converse(&mut server, &mut first, device(&KEY)).await;
    let mut second = client();
    second.connect(server.uri(), device(&KEY)).await;
    second.connected().await;
    assert_eq!(server.running.closed().await, (name, CloseReason::Replaced));
    server
        .until(|counted| counted.sessions_over_identity_limit == 1)
        .await;
}

// proves: DTLS-03, DTLS-09, SEC-35
#[tokio::test]
async fn forged_records_end_nothing() {
    let mut server = Server::psk().await;
    let mut device_side = client();
    let relay = Arc::new(UdpSocket::bind(crate::tests::loopback()).await.unwrap());
    let inside = Arc::new(UdpSocket::bind(crate::tests::loopback()).await.unwrap());
    relay.connect(server.address).await.unwrap();
    let uri = format!("coaps://{}", inside.local_addr().unwrap());
    let (outside, inner) = (relay.clone(), inside.clone());
    let task = tokio::spawn(async move {
        let (mut up, mut down) = ([0; 2048], [0; 2048]);
        let mut client = None;
        loop {
            tokio::select! {
                Ok((length, from)) = inner.recv_from(&mut up) => {
                    client = Some(from);
                    let _ = outside.send(&up[..length]).await;
                }
                Ok(length) = outside.recv(&mut down) => {
                    if let Some(client) = client {
                        let _ = inner.send_to(&down[..length], client).await;
                    }
                }
            }
        }
    });
    let peer = device_side.connect(uri, device(&KEY)).await;
    device_side.connected().await;
    let (name, ..) = server.running.connected().await;
    // Sent with the device's address.
    for record in [
        &[21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40][..],
        &[
            23, 254, 253, 0, 1, 0, 0, 0, 0, 0, 200, 0, 20, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3, 4,
            5, 6, 7, 8, 9, 0, 1,
        ],
        &[
            25, 254, 253, 0, 1, 0, 0, 0, 0, 0, 200, 1, 2, 3, 4, 5, 6, 0, 4, 1, 2, 3, 4,
        ],
    ] {
        relay.send(record).await.unwrap();
    }
    let counted = server.until(|counted| counted.records_dropped == 3).await;
    assert_eq!(counted.handshakes_completed, 1);
    device_side.send(peer, "still there?").await;
    assert_eq!(server.running.datagram().await.0, name);
    assert_eq!(device_side.datagram().await.2, b"still there?");
    task.abort();
}

/// The other backend on the other side, in both roles.
#[cfg(feature = "webrtc")]
#[tokio::test]
async fn the_two_backends_understand_each_other() {
    use super::Backend;
    use crate::{
        ClientTransport, ClientTransportConfig, ServerTransport, tests::Running, toy::Toy,
    };
    use lwm2m_core::engine::CertificateUsage;
    for (ours, theirs) in [
        (Backend::Engine, Backend::Webrtc),
        (Backend::Webrtc, Backend::Engine),
    ] {
        let authority = Authority::new();
        let own = authority.server();
        let end_entity = own.chain[0].clone();
        let config = DtlsServerConfig::new(table())
            .certificate(own, vec![authority.der()])
            .backend(ours);
        let transport = ServerTransport::builder()
            .coaps(crate::tests::loopback(), config)
            .bind()
            .await
            .unwrap();
        let uri = format!("coaps://{}", transport.local_addresses()[0].1);
        let mut server = Running::new(Toy::echo(), transport);
        let usage = CertificateUsage::DomainIssuedCertificate;
        for credentials in [device(&KEY), authority.device("device", usage, &end_entity)] {
            let config = ClientTransportConfig::new()
                .backend(theirs)
                .handshake_timeout(std::time::Duration::from_secs(20));
            let mut client = Running::new(Toy::default(), ClientTransport::new(config));
            let peer = client.connect(uri.clone(), credentials).await;
            assert_eq!(
                client.connected().await.0,
                peer,
                "{ours:?} serves {theirs:?}"
            );
            server.connected().await;
            for text in ["one", "two", "three"] {
                client.send(peer, text).await;
                assert_eq!(server.datagram().await.2, text.as_bytes());
                assert_eq!(client.datagram().await.2, text.as_bytes());
            }
            client.handle.stop().await;
            assert_eq!(server.closed().await.1, CloseReason::ByPeer);
        }
    }
}

/// A transport that nobody drives but the test.
async fn undriven() -> (crate::ServerTransport, std::net::SocketAddr) {
    let transport = crate::ServerTransport::builder()
        .coaps(crate::tests::loopback(), DtlsServerConfig::new(table()))
        .bind()
        .await
        .unwrap();
    let address = transport.local_addresses()[0].1;
    (transport, address)
}

/// Two records of a device wait for the program, and it has heard the first: what follows, after `then`.
async fn behind_the_first(
    then: impl FnOnce(lwm2m_core::peer::PeerId) -> lwm2m_core::engine::Outbound,
) -> (lwm2m_core::peer::PeerId, crate::Received) {
    use crate::{Received, Transport};
    let (mut transport, address) = undriven().await;
    let suite = lwm2m_dtls::CipherSuite::PskAes128Ccm8;
    // Its server runs as long as the handshake does.
    let device = tokio::spawn(async move {
        let mut device = super::test_device::Device::connect(address, suite).await;
        device.send_together(&[b"one", b"two"]).await;
        device
    });
    let Received::Connected { peer, .. } = transport.next().await else {
        panic!("a connection comes first");
    };
    let first = transport.next().await;
    assert!(matches!(&first, Received::Datagram { data, .. } if data == b"one"));
    let _device = device.await.unwrap();
    transport.send(then(peer));
    // Whoever comes next is heard next.
    let other = tokio::spawn(super::test_device::Device::connect(address, suite));
    let next = transport.next().await;
    other.abort();
    (peer, next)
}

#[tokio::test]
async fn nothing_is_delivered_behind_the_programs_own_end() {
    use crate::Received;
    use lwm2m_core::engine::Outbound;
    let (closed, next) = behind_the_first(|peer| Outbound::Close { peer }).await;
    assert!(
        matches!(&next, Received::Connected { peer, .. } if *peer != closed),
        "{next:?}"
    );
    let identity = super::shared_tests::device_identity();
    let (forgotten, next) = behind_the_first(|_| Outbound::Forget { identity }).await;
    assert!(
        matches!(&next, Received::Closed { peer, reason: CloseReason::CredentialsRemoved } if *peer == forgotten),
        "{next:?}"
    );
}

/// What a connection of this client with that server comes to.
async fn outcome(
    server: DtlsServerConfig,
    client: crate::ClientTransportConfig,
) -> Result<(), String> {
    use crate::{ClientTransport, tests::Running, toy::Toy};
    let server = Server::new(server).await;
    let mut running = Running::new(Toy::default(), ClientTransport::new(client));
    running.connect(server.uri(), device(&KEY)).await;
    match running.heard().await {
        crate::toy::Heard::Connected(..) => Ok(()),
        crate::toy::Heard::Closed(_, reason) => Err(reason.to_string()),
        other => panic!("{other:?}"),
    }
}

// proves: DTLS-15
#[tokio::test]
async fn suites_are_those_that_were_chosen() {
    use lwm2m_dtls::CipherSuite::{PskAes128CbcSha256, PskAes128Ccm8, PskAes128GcmSha256};
    let server = || DtlsServerConfig::new(table());
    for (serves, offers, good) in [
        (
            vec![PskAes128GcmSha256],
            vec![PskAes128Ccm8, PskAes128GcmSha256],
            true,
        ),
        (vec![PskAes128GcmSha256], vec![PskAes128Ccm8], false),
        (vec![PskAes128CbcSha256], vec![PskAes128CbcSha256], true),
        (
            vec![PskAes128CbcSha256],
            lwm2m_dtls::CipherSuite::AEAD.into(),
            false,
        ),
    ] {
        let config = super::shared_tests::client_config().suites(offers.clone());
        let outcome = outcome(server().suites(serves.clone()), config).await;
        assert_eq!(outcome.is_ok(), good, "{serves:?} {offers:?}: {outcome:?}");
    }
    // What is served is what stands on the wire.
    let (transport, address) = {
        let config = server().suites([PskAes128GcmSha256]);
        let transport = crate::ServerTransport::builder()
            .coaps(crate::tests::loopback(), config)
            .bind()
            .await
            .unwrap();
        let address = transport.local_addresses()[0].1;
        (transport, address)
    };
    let _server = crate::tests::Running::new(crate::toy::Toy::echo(), transport);
    let device = super::test_device::Device::connect(address, PskAes128GcmSha256).await;
    let agreed = device.endpoint.agreed(device.connection).unwrap();
    assert_eq!(agreed.suite, PskAes128GcmSha256);
    // A listener that serves nothing says so.
    let nothing = crate::ServerTransport::builder()
        .coaps(crate::tests::loopback(), server().suites([]))
        .bind()
        .await;
    let said = nothing.unwrap_err().to_string();
    assert!(said.contains("cipher suite"), "{said}");
}

#[tokio::test]
async fn whoever_tries_identities_may_be_told_nothing() {
    use crate::{ClientTransport, tests::Running, toy::Toy};
    use lwm2m_dtls::UnknownIdentity;
    let stranger = || lwm2m_core::engine::Credentials::Psk {
        identity: b"stranger".to_vec(),
        key: Secret::new(KEY.to_vec()),
    };
    let mut heard = Vec::new();
    for (answer, credentials) in [
        (UnknownIdentity::Alert, stranger()),
        (UnknownIdentity::Indistinguishable, stranger()),
        (
            UnknownIdentity::Indistinguishable,
            device(b"another key 1234"),
        ),
    ] {
        let server = Server::new(DtlsServerConfig::new(table()).unknown_identity(answer)).await;
        let mut client = Running::new(Toy::default(), ClientTransport::default());
        client.connect(server.uri(), credentials).await;
        heard.push(client.closed().await.1.to_string());
    }
    assert!(heard[0].contains("unknown_psk_identity"), "{heard:?}");
    assert!(!heard[1].contains("unknown_psk_identity"), "{heard:?}");
    assert_eq!(heard[1], heard[2]);
}

/// A way to a server on which no hello of a client asks for the extended master secret.
async fn without_extended_master_secret(server: std::net::SocketAddr) -> std::net::SocketAddr {
    let inside = UdpSocket::bind(crate::tests::loopback()).await.unwrap();
    let outside = UdpSocket::bind(crate::tests::loopback()).await.unwrap();
    outside.connect(server).await.unwrap();
    let address = inside.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut up, mut down) = ([0; 2048], [0; 2048]);
        let mut client = address;
        loop {
            tokio::select! {
                Ok((length, from)) = inside.recv_from(&mut up) => {
                    client = from;
                    let asked = up[..length].windows(4).position(|bytes| bytes == [0, 23, 0, 0]);
                    if let Some(at) = asked {
                        // An extension that nobody knows.
                        up[at] = 0x77;
                    }
                    let _ = outside.send(&up[..length]).await;
                }
                Ok(length) = outside.recv(&mut down) => {
                    let _ = inside.send_to(&down[..length], client).await;
                }
                else => return,
            }
        }
    });
    address
}

// proves: DTLS-20
#[tokio::test]
async fn the_extended_master_secret_may_be_required() {
    use crate::{ClientTransport, tests::Running, toy::Toy};
    let server = || DtlsServerConfig::new(table());
    // Both know it: requiring it changes nothing.
    let config = client_config().require_extended_master_secret();
    outcome(server().require_extended_master_secret(), config)
        .await
        .unwrap();
    let mut heard = Vec::new();
    for (serves, asks) in [
        (server(), client_config()),
        (server().require_extended_master_secret(), client_config()),
        (server(), client_config().require_extended_master_secret()),
    ] {
        let server = Server::new(serves).await;
        let way = without_extended_master_secret(server.address).await;
        let mut client = Running::new(Toy::default(), ClientTransport::new(asks));
        client.connect(format!("coaps://{way}"), device(&KEY)).await;
        heard.push(client.closed().await.1.to_string());
    }
    // Where nobody requires it, only the Finished shows that the hello was changed.
    assert!(
        !heard[0].contains("master secret") && !heard[0].contains("handshake_failure"),
        "{heard:?}"
    );
    assert!(heard[1].contains("handshake_failure"), "{heard:?}");
    assert!(
        heard[2].contains("does not know the extended master secret"),
        "{heard:?}"
    );
}

#[cfg(feature = "webrtc")]
struct Nobody;

#[cfg(feature = "webrtc")]
#[async_trait::async_trait]
impl super::CredentialLookup for Nobody {
    async fn psk(&self, _identity: &[u8]) -> Result<Option<Secret>, super::LookupError> {
        Ok(None)
    }
}

#[cfg(feature = "webrtc")]
struct NoKeys;

#[cfg(feature = "webrtc")]
impl super::KeyStore for NoKeys {}

/// The other backend does not pretend to do what it cannot.
#[cfg(feature = "webrtc")]
#[tokio::test]
async fn the_other_backend_refuses_what_it_has_not() {
    use super::{Backend, LookupConfig, UnixClock, UnknownIdentity, crypto};
    use crate::{ClientTransport, ServerTransport, tests::Running, toy::Toy};
    use lwm2m_dtls::CipherSuite;
    let server = || DtlsServerConfig::new(table()).backend(Backend::Webrtc);
    let mut resuming = server();
    resuming.max_resumable = 1;
    let authority = Authority::new();
    let mut in_hardware = authority.server();
    let signer = in_hardware.private_key.signer(&crypto::ring::Ring::new());
    in_hardware.private_key = signer.unwrap().into();
    for (config, what) in [
        (server().suites([CipherSuite::PskAes128Ccm8]), "suites"),
        (server().require_extended_master_secret(), "master secret"),
        (
            server().unknown_identity(UnknownIdentity::Indistinguishable),
            "unknown identities",
        ),
        (server().raw_public_key(key_pair().0), "raw public keys"),
        (resuming, "resumption"),
        (
            server().tickets(std::time::Duration::from_secs(1)),
            "tickets",
        ),
        (server().clock(UnixClock::new(|| None)), "clock"),
        (server().connection_ids(6, [1]), "prefix"),
        (
            server().look_up(Arc::new(Nobody), LookupConfig::default()),
            "looked up",
        ),
        (
            server().certificate_for("a.example", authority.server()),
            "by the name",
        ),
        (
            server().certificate(in_hardware, vec![authority.der()]),
            "in hardware",
        ),
    ] {
        let builder = ServerTransport::builder().coaps(crate::tests::loopback(), config);
        let said = builder.bind().await.unwrap_err().to_string();
        assert!(said.contains(what), "{said}");
    }
    let address = Server::new(DtlsServerConfig::new(table())).await.uri();
    let client = || client_config().backend(Backend::Webrtc);
    for config in [
        client().suites([CipherSuite::PskAes128Ccm8]),
        client().require_extended_master_secret(),
        client().max_resumable(1),
        client().clock(UnixClock::new(|| None)),
        client().key_store(Arc::new(NoKeys)),
    ] {
        let mut client = Running::new(Toy::default(), ClientTransport::new(config));
        client.connect(address.clone(), device(&KEY)).await;
        let (_, reason) = client.closed().await;
        assert!(matches!(reason, CloseReason::Unsupported(_)), "{reason}");
    }
}

#[tokio::test]
async fn a_session_goes_over_to_another_socket_where_it_has_a_connection_id() {
    let mut server = Server::psk().await;
    let mut device_client = client();
    let (peer, name) = converse(&mut server, &mut device_client, device(&KEY)).await;
    for round in 1..3 {
        let rebound = device_client.handle.call(move |toy, _| toy.rebind(peer));
        rebound.await.unwrap();
        device_client.send(peer, "moved").await;
        let expected = (name, device_identity(), b"moved".to_vec());
        assert_eq!(server.running.datagram().await, expected);
        assert_eq!(device_client.datagram().await.2, b"moved");
        let counted = server.metrics.snapshot();
        assert_eq!(counted.handshakes_started, 1);
        assert_eq!(counted.sessions_moved, round);
    }
    // Where it has none the session ends on both sides, and the engine hears why.
    let mut config = DtlsServerConfig::new(table());
    config.connection_id = 0;
    let mut server = Server::new(config).await;
    let mut device_client = client();
    let (peer, name) = converse(&mut server, &mut device_client, device(&KEY)).await;
    let rebound = device_client.handle.call(move |toy, _| {
        toy.rebind(peer);
        toy.send(peer, "lost");
    });
    rebound.await.unwrap();
    let (closed, reason) = device_client.closed().await;
    assert_eq!(closed, peer);
    assert!(reason.to_string().contains("Connection ID"), "{reason}");
    assert_eq!(server.running.closed().await, (name, CloseReason::ByPeer));
}

#[tokio::test]
async fn a_client_that_was_off_goes_on_with_its_session() {
    use super::SessionFolder;
    use crate::{ClientTransport, tests::Running, toy::Toy};
    let path = std::env::temp_dir().join(format!("lwm2m-hibernation-{}", std::process::id()));
    let store = Arc::new(SessionFolder::new(&path));
    let start = || {
        let config = client_config().sessions(store.clone());
        Running::new(Toy::default(), ClientTransport::new(config))
    };
    let files = || std::fs::read_dir(&path).map_or(0, Iterator::count);
    let mut server = Server::psk().await;
    let mut first = start();
    let (_, name) = converse(&mut server, &mut first, device(&KEY)).await;
    first.handle.stop().await;
    assert_eq!(files(), 1);
    for round in 1..4 {
        let mut again = start();
        let peer = again.connect(server.uri(), device(&KEY)).await;
        assert_eq!(again.connected().await.1, device_identity());
        assert_eq!(files(), 0, "used once");
        again.send(peer, "awake").await;
        let expected = (name, device_identity(), b"awake".to_vec());
        assert_eq!(server.running.datagram().await, expected);
        assert_eq!(again.datagram().await.2, b"awake");
        again.handle.stop().await;
        let counted = server.metrics.snapshot();
        assert_eq!(counted.handshakes_started, 1);
        assert_eq!(counted.sessions_moved, round);
    }
    // Nor is it, where its suite is not offered any more.
    let mut config = client_config().sessions(store.clone());
    config.suites = vec![super::CipherSuite::PskAes128GcmSha256];
    let mut strict = Running::new(Toy::default(), ClientTransport::new(config));
    strict.connect(server.uri(), device(&KEY)).await;
    strict.connected().await;
    assert_eq!(server.running.closed().await, (name, CloseReason::ByPeer));
    server.running.connected().await;
    assert_eq!(server.metrics.snapshot().handshakes_started, 2);
    strict.handle.stop().await;
    assert_eq!(files(), 1);
    // Another key: not its session. The server finds it wrong, as ever.
    let mut other = start();
    let peer = other
        .connect(server.uri(), device(b"another key 1234"))
        .await;
    assert_eq!(other.closed().await.0, peer);
    other.handle.stop().await;
    assert_eq!(files(), 0);
    // What the program closes is closed.
    let mut last = start();
    let (peer, name) = converse(&mut server, &mut last, device(&KEY)).await;
    let closed = last.handle.call(move |toy, _| toy.close(peer));
    closed.await.unwrap();
    assert_eq!(server.running.closed().await, (name, CloseReason::ByPeer));
    last.handle.stop().await;
    assert_eq!(files(), 0);
    // A server that knows no Connection IDs could not find us again.
    let mut config = DtlsServerConfig::new(table());
    config.connection_id = 0;
    let mut server = Server::new(config).await;
    let mut client = start();
    let (_, name) = converse(&mut server, &mut client, device(&KEY)).await;
    client.handle.stop().await;
    assert_eq!(server.running.closed().await, (name, CloseReason::ByPeer));
    assert_eq!(files(), 0);
    std::fs::remove_dir_all(path).unwrap();
}
