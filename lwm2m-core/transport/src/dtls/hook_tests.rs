//! What a program hangs into listeners and connections, over the loopback interface.

use super::test_device::Device;
use super::{DtlsServerConfig, UnixClock, shared_tests::*};
use crate::{
    ClientTransport, ServerTransport,
    tests::{Running, loopback},
    toy::Toy,
};
use lwm2m_core::engine::{CertificateUsage, CloseReason};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// In 2026, and in the year 5000: certificates of these tests are good from 1975 to 4096.
const NOW: u64 = 1_780_000_000;
const LATE: u64 = 95_617_584_000;

/// A clock that is set by hand.
#[derive(Clone, Default)]
struct Hands(Arc<AtomicU64>);

impl Hands {
    fn set(&self, unix: u64) {
        self.0.store(unix, Ordering::SeqCst);
    }

    fn clock(&self) -> UnixClock {
        let hands = self.0.clone();
        UnixClock::new(move || Some(hands.load(Ordering::SeqCst)))
    }
}

#[tokio::test]
async fn a_listener_follows_a_clock_that_is_set() {
    let authority = Authority::new();
    let own = authority.server();
    let usage = CertificateUsage::DomainIssuedCertificate;
    let credentials = authority.device("device", usage, &own.chain[0]);
    // A gateway without a clock of its own: the listener is there before the time is.
    let hands = Hands::default();
    let config = DtlsServerConfig::new(table())
        .certificate(own, vec![authority.der()])
        .clock(hands.clock());
    let mut server = Server::new(config).await;
    for (unix, good) in [
        (0, false),
        (NOW, true),
        (LATE, false),
        (NOW, true),
        (0, false),
    ] {
        hands.set(unix);
        let mut client = client();
        if good {
            converse(&mut server, &mut client, credentials.clone()).await;
            client.handle.stop().await;
            assert_eq!(server.running.closed().await.1, CloseReason::ByPeer);
        } else {
            client.connect(server.uri(), credentials.clone()).await;
            let (_, reason) = client.closed().await;
            assert!(
                matches!(reason, CloseReason::HandshakeFailed(_)),
                "{reason}"
            );
        }
    }
}

#[tokio::test]
async fn a_connection_follows_a_clock_that_is_set_during_its_handshake() {
    let authority = Authority::new();
    let config =
        DtlsServerConfig::new(table()).certificate(authority.server(), vec![authority.der()]);
    let mut server = Server::new(config).await;
    let usage = CertificateUsage::TrustAnchorAssertion;
    let credentials = authority.device("device", usage, &authority.der());
    // The time comes when the handshake has begun; and it does not come.
    for (later, good) in [(NOW, true), (0, false)] {
        let looks = AtomicU64::new(0);
        let clock = UnixClock::new(move || {
            let is_first = looks.fetch_add(1, Ordering::SeqCst) == 0;
            Some(if is_first { 0 } else { later })
        });
        let transport = ClientTransport::new(client_config().clock(clock));
        let mut client = Running::new(Toy::default(), transport);
        if good {
            converse(&mut server, &mut client, credentials.clone()).await;
        } else {
            client.connect(server.uri(), credentials.clone()).await;
            let (_, reason) = client.closed().await;
            assert!(reason.to_string().contains("not valid"), "{reason}");
        }
    }
}

#[tokio::test]
async fn connection_ids_tell_shards_apart() {
    let suite = lwm2m_dtls::CipherSuite::PskAes128Ccm8;
    let config = || DtlsServerConfig::new(table());
    for (length, prefix) in [(8, &[0xA7, 1, 2, 3][..]), (6, &[9]), (6, &[])] {
        let mut server = Server::new(config().connection_ids(length, prefix)).await;
        let mut device = Device::connect(server.address, suite).await;
        server.running.connected().await;
        let id = device.endpoint.agreed(device.connection).unwrap().peer_id;
        assert_eq!((id.len(), id.starts_with(prefix)), (length, true), "{id:?}");
        // It is what stands in every record to the server.
        device.send(b"hello").await;
        assert_eq!(server.running.datagram().await.2, b"hello");
        let record = device.protected().next().unwrap();
        assert_eq!(record[11..11 + length], id);
    }
    // Too long a prefix, none left that is random, longer than an endpoint can have, of ids that there are none of.
    for (length, prefix) in [
        (8, &[1; 5][..]),
        (6, &[1; 3]),
        (9, &[1]),
        (3, &[]),
        (0, &[1]),
    ] {
        let builder = ServerTransport::builder();
        let bound = builder.coaps(loopback(), config().connection_ids(length, prefix));
        let said = bound.bind().await.unwrap_err().to_string();
        assert!(said.contains("prefix of at most 4 bytes"), "{said}");
    }
}
