//! Bad networks, rebooted devices, forged and malformed datagrams.

use super::{
    super::shared_tests::{
        Authority, KEY, Server, client, client_config, converse, device, device_identity, table,
    },
    proxy::{Direction, Proxy},
};
use crate::{
    ClientTransport, CredentialSource, ServerTransport, Transport,
    dtls::{Backend, DtlsServerConfig},
    tests::{Running, loopback},
    toy::{Heard, Toy},
    webrtc::record::{
        ALERT, APPLICATION_DATA, CHANGE_CIPHER_SPEC, HANDSHAKE, Records,
        tests::{hello, message, record},
    },
};
use lwm2m_core::{
    engine::{CertificateUsage, CloseReason, Outbound},
    peer::PeerId,
    secret::Secret,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::net::UdpSocket;

const CCM_8: u16 = 0xC0A8;

/// A session through a proxy: the names of it on both sides.
async fn through(
    proxy: &Proxy,
    server: &mut Server,
    client: &mut Running,
    key: &[u8],
) -> (PeerId, PeerId) {
    let peer = client.connect(proxy.uri(), device(key)).await;
    assert_eq!(client.connected().await.0, peer);
    let (name, ..) = server.running.connected().await;
    echo(server, client, peer, name).await;
    (peer, name)
}

async fn echo(server: &mut Server, client: &mut Running, peer: PeerId, name: PeerId) {
    client.send(peer, "still there?").await;
    let expected = (name, device_identity(), b"still there?".to_vec());
    assert_eq!(server.running.datagram().await, expected);
    assert_eq!(client.datagram().await.0, peer);
}

fn has(datagram: &[u8], kind: u8) -> bool {
    Records(datagram).any(|record| record.is_ok_and(|record| record.kind == kind))
}

// proves: DTLS-10, DTLS-11
#[tokio::test]
async fn malformed_hellos_neither_panic_nor_stop_the_listener() {
    let mut server = Server::psk().await;
    let socket = UdpSocket::bind(loopback()).await.unwrap();
    socket.connect(server.address).await.unwrap();
    let whole = hello(&[CCM_8], Some(&[0, 23, 0, 0]));
    let mut sent = 0;
    for length in 0..whole.len() {
        // Cut off within the record, and as a record that is complete but says too little.
        socket.send(&whole[..length]).await.unwrap();
        sent += 1;
        if length > 13 {
            socket
                .send(&record(HANDSHAKE, 0, &whole[13..length]))
                .await
                .unwrap();
            sent += 1;
        }
        if length > 25 {
            let body = &whole[25..length];
            let shortened = message(1, body.len(), 0, body);
            socket
                .send(&record(HANDSHAKE, 0, &shortened))
                .await
                .unwrap();
            sent += 1;
        }
    }
    for block in [
        &[0][..],
        &[0, 23],
        &[0, 23, 0],
        &[0, 23, 255, 255],
        &[0, 23, 0, 0, 9],
    ] {
        socket.send(&hello(&[CCM_8], Some(block))).await.unwrap();
        sent += 1;
    }
    socket.send(&hello(&[CCM_8], None)).await.unwrap();
    socket.send(&hello(&[0x1301], Some(&[]))).await.unwrap();
    let refused = server
        .until(|counted| counted.datagrams_received == sent + 2)
        .await;
    assert_eq!(refused.handshakes_started, 0);
    assert_eq!(
        refused.hellos_refused + refused.records_dropped,
        sent + 2 - 1,
        "an empty datagram has no record"
    );

    let mut rng = ChaCha8Rng::seed_from_u64(5);
    for _ in 0..1_000 {
        let mut garbage = vec![0; rng.random_range(1..200)];
        rng.fill(&mut garbage[..]);
        if rng.random() {
            let kinds = [CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, APPLICATION_DATA, 99];
            let kind = kinds[rng.random_range(0..kinds.len())];
            garbage = record(kind, rng.random_range(0..3), &garbage);
        }
        socket.send(&garbage).await.unwrap();
        tokio::task::yield_now().await;
    }
    // An empty block of extensions is legal and gets an answer.
    socket.send(&hello(&[CCM_8], Some(&[]))).await.unwrap();
    let counted = server
        .until(|counted| counted.handshakes_started == 1)
        .await;
    assert_eq!(counted.handshakes_panicked, 0);
    converse(&mut server, &mut client(), device(&KEY)).await;
}

#[tokio::test]
async fn mutated_handshakes_neither_panic_nor_stop_the_listener() {
    let config = DtlsServerConfig::new(table()).handshake_timeout(Duration::from_secs(2));
    let server = Server::new(config).await;
    for seed in 0..30 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let proxy = Proxy::open(server.address).await;
        let config = client_config().handshake_timeout(Duration::from_millis(100));
        let mut client = Running::new(Toy::default(), ClientTransport::new(config));
        client.connect(proxy.uri(), device(&KEY)).await;
        // Among the honest records stand forged ones of every kind.
        for _ in 0..20 {
            let mut body = vec![0; rng.random_range(0..80)];
            rng.fill(&mut body[..]);
            let kind = [1, 11, 14, 15, 16, 20][rng.random_range(0..6)];
            let forged = message(kind, body.len() + rng.random_range(0..2), 0, &body);
            proxy.forge_to_server(&record(HANDSHAKE, 0, &forged)).await;
            proxy
                .forge_to_server(&record(APPLICATION_DATA, 1, &vec![0; 1 + body.len()]))
                .await;
        }
        match client.heard().await {
            Heard::Connected(..) | Heard::Closed(..) => {}
            other => panic!("{other:?}"),
        }
        client.handle.stop().await;
    }
    let counted = server
        .until(|counted| {
            counted.handshakes_started == counted.handshakes_completed + counted.handshakes_failed
        })
        .await;
    assert_eq!(counted.handshakes_panicked, 0);
    // And the listener goes on.
    let mut honest = client();
    let peer = honest.connect(server.uri(), device(&KEY)).await;
    assert_eq!(honest.connected().await.0, peer);
    honest.send(peer, "hello").await;
    assert_eq!(honest.datagram().await.2, b"hello");
}

// proves: DTLS-07, DTLS-09
#[tokio::test]
async fn forged_plaintext_does_not_touch_a_session() {
    let mut server = Server::psk().await;
    let mut client = client();
    let proxy = Proxy::open(server.address).await;
    let (peer, name) = through(&proxy, &mut server, &mut client, &KEY).await;
    let forgeries = [
        record(ALERT, 0, &[2, 40]),
        record(ALERT, 0, &[1, 0]),
        record(APPLICATION_DATA, 0, b"forged"),
        record(CHANGE_CIPHER_SPEC, 0, &[1]),
        record(CHANGE_CIPHER_SPEC, 1, &[1]),
        record(CHANGE_CIPHER_SPEC, 2, &[1]),
        record(HANDSHAKE, 0, &message(0, 0, 0, &[])),
        record(HANDSHAKE, 0, &message(14, 0, 0, &[])),
        record(HANDSHAKE, 1, &[0; 40]),
        record(APPLICATION_DATA, 1, &[0; 15]),
        record(APPLICATION_DATA, 2, &[0; 40]),
        record(99, 1, &[0; 40]),
        b"garbage".to_vec(),
    ];
    for forgery in &forgeries {
        proxy.forge_to_server(forgery).await;
        proxy.forge_to_client(forgery).await;
        echo(&mut server, &mut client, peer, name).await;
    }
    // A hello begins a handshake beside the session, and leaves it alone.
    proxy.forge_to_server(&hello(&[CCM_8], Some(&[]))).await;
    echo(&mut server, &mut client, peer, name).await;
    let counted = server.metrics.snapshot();
    assert_eq!(counted.records_dropped, forgeries.len() as u64);
    assert_eq!(counted.handshakes_started, 2);
}

/// A known limit of the backend, held by this test so that its end is noticed: with a pre-shared key one protected record
/// that does not open closes the session.
#[tokio::test]
async fn a_forged_protected_record_closes_a_psk_session() {
    let mut server = Server::psk().await;
    let mut client = client();
    let proxy = Proxy::open(server.address).await;
    let (peer, name) = through(&proxy, &mut server, &mut client, &KEY).await;
    let mut forged = record(APPLICATION_DATA, 1, &[0; 40]);
    // A sequence number that has not been used.
    forged[10] = 200;
    proxy.forge_to_server(&forged).await;
    assert_eq!(server.running.closed().await, (name, CloseReason::ByPeer));
    // The client learns it from the alert, which is protected.
    assert_eq!(client.closed().await, (peer, CloseReason::ByPeer));
    // And is back with the next handshake.
    through(&proxy, &mut server, &mut client, &KEY).await;
}

// proves: DTLS-07
#[tokio::test]
async fn rebooted_device_takes_its_session_over_when_its_handshake_completes() {
    // There is room for one session, which is the device's own.
    let mut server = Server::new(DtlsServerConfig::new(table()).max_sessions(1)).await;
    let proxy = Proxy::open(server.address).await;
    let mut before = client();
    let (old_peer, old) = through(&proxy, &mut server, &mut before, &KEY).await;

    // Whoever has not the key does not disturb the session.
    let mut stranger = client();
    stranger
        .connect(proxy.uri(), device(b"not the key at all"))
        .await;
    assert!(matches!(
        stranger.closed().await.1,
        CloseReason::HandshakeFailed(_)
    ));
    server.until(|counted| counted.wrong_keys == 1).await;
    echo(&mut server, &mut before, old_peer, old).await;

    // The device comes back from the same address, and has said no goodbye.
    let mut after = client();
    let peer = after.connect(proxy.uri(), device(&KEY)).await;
    assert_eq!(after.connected().await.0, peer);
    let (mut closed, mut opened) = (None, None);
    for _ in 0..2 {
        match server.running.heard().await {
            Heard::Closed(peer, CloseReason::Replaced) => closed = Some(peer),
            Heard::Connected(peer, ..) => opened = Some(peer),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(closed, Some(old));
    let name = opened.unwrap();
    assert_ne!(name, old);
    echo(&mut server, &mut after, peer, name).await;
    assert_eq!(server.metrics.snapshot().sessions_replaced, 1);
}

#[tokio::test]
async fn device_that_reboots_within_its_handshake_starts_again() {
    let mut server = Server::psk().await;
    // Of the first start only the hello passes.
    let mut starts = std::collections::HashSet::new();
    let proxy = Proxy::new(server.address, move |direction, datagram| {
        if direction == Direction::ToServer
            && has(datagram, HANDSHAKE)
            && let Some(random) = datagram.get(27..59)
        {
            starts.insert(random.to_vec());
        }
        usize::from(direction == Direction::ToServer || starts.len() > 1)
    })
    .await;
    let first = client();
    first.connect(proxy.uri(), device(&KEY)).await;
    server
        .until(|counted| counted.handshakes_started == 1)
        .await;
    // Stopped without a word: it has no session yet.
    first.handle.stop().await;
    let mut second = client();
    through(&proxy, &mut server, &mut second, &KEY).await;
    assert_eq!(server.metrics.snapshot().handshakes_started, 2);
}

// proves: DTLS-06
#[tokio::test]
async fn lost_last_flight_is_sent_again() {
    let mut server = Server::psk().await;
    let mut drops = 2;
    let proxy = Proxy::new(server.address, move |direction, datagram| {
        let last_flight = direction == Direction::ToClient && has(datagram, CHANGE_CIPHER_SPEC);
        if last_flight && drops > 0 {
            drops -= 1;
            return 0;
        }
        1
    })
    .await;
    let mut config = client_config();
    config.retransmit_interval = Duration::from_millis(50);
    let mut client = Running::new(Toy::default(), ClientTransport::new(config));
    through(&proxy, &mut server, &mut client, &KEY).await;
}

// proves: DTLS-05
#[tokio::test]
async fn handshakes_under_loss_complete_or_fail_with_a_reason() {
    let mut config = DtlsServerConfig::new(table());
    config.retransmit_interval = Duration::from_millis(50);
    config.handshake_timeout = Duration::from_secs(5);
    let server = Server::new(config).await;
    let mut attempts = Vec::new();
    for seed in 0..40 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let proxy = Proxy::new(server.address, move |_, _| match rng.random_range(0..10) {
            0 | 1 => 0,
            2 => 2,
            _ => 1,
        })
        .await;
        let mut config = client_config().handshake_timeout(Duration::from_secs(5));
        config.retransmit_interval = Duration::from_millis(50);
        attempts.push(tokio::spawn(async move {
            let mut client = Running::new(Toy::default(), ClientTransport::new(config));
            client.connect(proxy.uri(), device(&KEY)).await;
            match client.heard().await {
                Heard::Connected(..) => true,
                Heard::Closed(_, reason) => {
                    println!("seed {seed}: {reason}");
                    false
                }
                other => panic!("{other:?}"),
            }
        }));
    }
    let mut completed = 0;
    for attempt in attempts {
        completed += usize::from(attempt.await.unwrap());
    }
    println!("{completed} of 40 handshakes completed under 20 % loss and 10 % duplication");
    assert!(completed >= 30, "{completed} of 40");
}

#[tokio::test]
async fn floods_of_hellos_are_bounded_and_give_way() {
    let mut config = DtlsServerConfig::new(table());
    config.max_handshakes = 8;
    let mut server = Server::new(config).await;
    let mut sockets = Vec::new();
    for _ in 0..100 {
        let socket = UdpSocket::bind(loopback()).await.unwrap();
        socket.connect(server.address).await.unwrap();
        socket.send(&hello(&[CCM_8], Some(&[]))).await.unwrap();
        sockets.push(socket);
    }
    server
        .until(|counted| counted.handshakes_started == 100)
        .await;
    // All places are taken by the silent, and the honest one gets one.
    converse(&mut server, &mut client(), device(&KEY)).await;
}

#[tokio::test]
async fn handshakes_of_one_ip_address_are_bounded() {
    let mut config = DtlsServerConfig::new(table());
    config.max_handshakes_per_address = 3;
    let server = Server::new(config).await;
    let mut sockets = Vec::new();
    for _ in 0..10 {
        let socket = UdpSocket::bind(loopback()).await.unwrap();
        socket.connect(server.address).await.unwrap();
        socket.send(&hello(&[CCM_8], Some(&[]))).await.unwrap();
        sockets.push(socket);
    }
    let counted = server
        .until(|counted| counted.datagrams_received == 10)
        .await;
    assert_eq!(counted.handshakes_started, 3);
    assert_eq!(counted.hellos_over_limit, 7);
}

#[tokio::test]
async fn sessions_are_bounded() {
    let mut config = DtlsServerConfig::new(table());
    config.max_sessions = 1;
    let mut server = Server::new(config).await;
    converse(&mut server, &mut client(), device(&KEY)).await;
    let late = UdpSocket::bind(loopback()).await.unwrap();
    late.connect(server.address).await.unwrap();
    // The client above has been dropped, and its session goes with it; until then there is no room.
    let (_, reason) = server.running.closed().await;
    assert_eq!(reason, CloseReason::ByPeer);
    let mut second = client();
    converse(&mut server, &mut second, device(&KEY)).await;
    late.send(&hello(&[CCM_8], Some(&[]))).await.unwrap();
    let counted = server.until(|counted| counted.hellos_over_limit == 1).await;
    assert_eq!(counted.handshakes_started, 2);
}

// proves: DTLS-04
#[tokio::test]
async fn small_links_get_handshakes_in_fragments() {
    const LONGEST: usize = 250;
    let authority = Authority::new();
    let own = authority.server();
    let end_entity = own.chain[0].clone();
    assert!(end_entity.len() > LONGEST);
    let mut config = DtlsServerConfig::new(table()).certificate(own, vec![authority.der()]);
    config.max_handshake_datagram = LONGEST;
    let server = Server::new(config).await;
    let too_long = Arc::new(AtomicUsize::new(0));
    let counter = too_long.clone();
    let proxy = Proxy::new(server.address, move |_, datagram| {
        counter.fetch_add(usize::from(datagram.len() > LONGEST), Ordering::SeqCst);
        1
    })
    .await;
    let mut config = client_config();
    config.max_handshake_datagram = LONGEST;
    let mut client = Running::new(Toy::default(), ClientTransport::new(config));
    let usage = CertificateUsage::DomainIssuedCertificate;
    let credentials = authority.device("device", usage, &end_entity);
    let peer = client.connect(proxy.uri(), credentials).await;
    assert_eq!(client.connected().await.0, peer);
    assert_eq!(too_long.load(Ordering::SeqCst), 0);
    assert_eq!(server.metrics.snapshot().records_dropped, 0);
}

/// Answers the way a test wants, by the number of the question.
struct Answering<F>(AtomicUsize, F);

impl<F: Fn(usize) -> Option<Secret> + Send + Sync + 'static> CredentialSource for Answering<F> {
    fn psk(&self, _identity: &[u8]) -> Option<Secret> {
        (self.1)(self.0.fetch_add(1, Ordering::SeqCst))
    }
}

fn answering(answer: impl Fn(usize) -> Option<Secret> + Send + Sync + 'static) -> DtlsServerConfig {
    DtlsServerConfig::new(Arc::new(Answering(AtomicUsize::new(0), answer)))
}

#[tokio::test]
async fn a_panic_within_a_handshake_costs_that_handshake_only() {
    let config = answering(|question| match question {
        0 => panic!("on purpose"),
        _ => Some(Secret::new(KEY.to_vec())),
    });
    let mut server = Server::new(config).await;
    let config = client_config().handshake_timeout(Duration::from_millis(500));
    let mut unlucky = Running::new(Toy::default(), ClientTransport::new(config));
    unlucky.connect(server.uri(), device(&KEY)).await;
    server
        .until(|counted| counted.handshakes_panicked == 1)
        .await;
    assert!(matches!(unlucky.heard().await, Heard::Closed(..)));
    converse(&mut server, &mut client(), device(&KEY)).await;
}

#[tokio::test]
async fn a_key_removed_or_changed_during_the_handshake_does_not_open_a_session() {
    let key = || Some(Secret::new(KEY.to_vec()));
    for after in [None, Some(Secret::new(b"rotated".to_vec()))] {
        // Asked once by the handshake, and again before the engine hears of the session.
        let config = answering(move |question| if question == 0 { key() } else { after.clone() });
        let mut server = Server::new(config).await;
        let mut client = client();
        let peer = client.connect(server.uri(), device(&KEY)).await;
        assert_eq!(client.connected().await.0, peer);
        assert_eq!(client.closed().await, (peer, CloseReason::ByPeer));
        server.running.nothing_more();
    }
}

#[tokio::test]
async fn a_slow_engine_loses_datagrams_and_not_memory() {
    let config = DtlsServerConfig::new(table());
    let mut server = ServerTransport::builder()
        .coaps(loopback(), config.backend(Backend::Webrtc))
        .bind()
        .await
        .unwrap();
    let metrics = server.metrics();
    let mut client = client();
    let target = format!("coaps://{}", server.local_addresses()[0].1);
    let peer = client.connect(target, device(&KEY)).await;
    client.connected().await;
    // Nobody asks the server's transport for anything. Queues fill up, then datagrams are lost.
    while metrics.snapshot().inbound_dropped == 0 {
        client.send(peer, "too much").await;
    }
    // The connection, and about as many datagrams as the queues hold.
    let mut delivered = 0;
    while delivered < 1_024 {
        server.next().await;
        delivered += 1;
    }
    while tokio::time::timeout(Duration::from_millis(500), server.next())
        .await
        .is_ok()
    {
        delivered += 1;
    }
    assert!(delivered < 1_300, "{delivered}");
    // Neither does the other direction wait for anybody.
    let unknown = PeerId::from_connection(0, 999);
    server.send(Outbound::Datagram {
        peer: unknown,
        data: vec![1],
    });
    assert_eq!(metrics.snapshot().outbound_dropped, 1);
}
