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
