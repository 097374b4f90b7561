//! What waits while the store writes: delivered when that is done, bounded, and void where its session ends.

use super::*;

// proves: DTLS-02
#[tokio::test]
async fn what_is_received_is_delivered_when_that_is_written() {
    let store = Memory::new();
    let mut server = Server::kept_in(loopback(), &store).await;
    let mut device = Device::connect(server.address, CipherSuite::PskAes128Ccm8).await;
    let peer = server.connected().await;
    server.converse(&mut device, peer, b"before").await;
    store.until(|store| store.len() == 1).await;

    store.hold_up();
    device.send(b"once").await;
    // Three of the handshake, and two.
    until(&server.metrics, |counted| counted.datagrams_received == 5).await;
    server.nothing_more();
    // It ends here, and nobody has heard of the record: so it is new to the next process, once.
    let found = store.snapshot();
    let address = server.crash().await;
    let mut server = Server::kept_in(address, &found).await;
    let peer = server.connected().await;
    let record = device.protected().last().unwrap().clone();
    device.socket.send(&record).await.unwrap();
    assert_eq!(server.datagram().await, (peer, b"once".to_vec()));
    replay(&device, &mut server).await;
    server.converse(&mut device, peer, b"after").await;
}

#[tokio::test]
async fn what_comes_during_a_write_is_written_together() {
    let store = Memory::new();
    let mut server = Server::kept_in(loopback(), &store).await;
    let mut devices = Vec::new();
    for _ in 0..4 {
        devices.push(Device::connect(server.address, CipherSuite::PskAes128Ccm8).await);
        server.connected().await;
    }
    store.until(|store| store.len() == 4).await;
    store.hold_up();
    let writes = store.writes.load(Ordering::SeqCst);
    for number in 0..25u8 {
        for device in &mut devices {
            device.send(&[number]).await;
        }
    }
    // 4 handshakes of 3 datagrams (hello, hello with cookie, key and Finished), and the records.
    until(&server.metrics, |counted| counted.datagrams_received >= 112).await;
    server.nothing_more();
    store.go_on();
    let mut heard: BTreeMap<PeerId, Vec<u8>> = BTreeMap::new();
    for _ in 0..100 {
        let (peer, data) = server.datagram().await;
        heard.entry(peer).or_default().extend(data);
    }
    let expected: Vec<u8> = (0..25).collect();
    assert!(heard.values().all(|numbers| *numbers == expected));
    let writes = store.writes.load(Ordering::SeqCst) - writes;
    assert!(writes <= 3, "{writes} writes for 100 records");
}

#[tokio::test]
async fn what_waits_is_bounded() {
    let store = Memory::new();
    let config = KeepingConfig {
        max_held: 3,
        ..KeepingConfig::default()
    };
    let config = DtlsServerConfig::new(table()).keep_sessions(store.clone(), config);
    let mut server = Server::start(loopback(), config).await;
    let mut device = Device::connect(server.address, CipherSuite::PskAes128Ccm8).await;
    server.connected().await;
    store.until(|store| store.len() == 1).await;
    store.hold_up();
    for number in 0..5u8 {
        device.send(&[number]).await;
    }
    until(&server.metrics, |counted| counted.inbound_dropped == 2).await;
    store.go_on();
    for number in 0..3 {
        assert_eq!(server.datagram().await.1, [number]);
    }
    device.send(b"room again").await;
    assert_eq!(server.datagram().await.1, b"room again");
}

#[tokio::test]
async fn one_device_does_not_take_the_room_of_all() {
    let store = Memory::new();
    let config = KeepingConfig {
        max_held: 64 * 9,
        ..KeepingConfig::default()
    };
    let config = DtlsServerConfig::new(table()).keep_sessions(store.clone(), config);
    let mut server = Server::start(loopback(), config).await;
    let mut loud = Device::connect(server.address, CipherSuite::PskAes128Ccm8).await;
    let loud_peer = server.connected().await;
    let mut other = Device::connect(server.address, CipherSuite::PskAes128Ccm8).await;
    let other_peer = server.connected().await;
    store.until(|store| store.len() == 2).await;
    store.hold_up();
    // The first waits for its write, its share for the next, and the rest for nothing.
    for number in 0..13u8 {
        loud.send(&[number]).await;
    }
    until(&server.metrics, |counted| counted.inbound_dropped >= 3).await;
    other.send(b"heard").await;
    until(&server.metrics, |counted| {
        counted.datagrams_received == 6 + 14
    })
    .await;
    assert_eq!(server.metrics.snapshot().inbound_dropped, 3);
    store.go_on();
    for number in 0..10 {
        assert_eq!(server.datagram().await, (loud_peer, vec![number]));
    }
    assert_eq!(server.datagram().await, (other_peer, b"heard".to_vec()));
}

#[tokio::test]
async fn what_waits_is_void_when_the_program_closes_its_session() {
    let store = Memory::new();
    let mut server = Server::kept_in(loopback(), &store).await;
    let mut devices = Vec::new();
    let mut peers = Vec::new();
    for _ in 0..3 {
        devices.push(Device::connect(server.address, CipherSuite::PskAes128Ccm8).await);
        peers.push(server.connected().await);
    }
    store.until(|store| store.len() == 3).await;
    store.hold_up();
    // Some of it is in the write that is held up, and some behind it.
    for number in 0..4u8 {
        for device in &mut devices {
            device.send(&[number]).await;
        }
    }
    // The second has ended by itself, and its end waits, too.
    devices[1].close().await;
    until(&server.metrics, |counted| {
        counted.datagrams_received == 9 + 13
    })
    .await;
    for peer in [peers[1], peers[0]] {
        let close = Command::Send(Outbound::Close { peer });
        assert!(server.commands.send(close).is_ok());
    }
    assert!(matches!(devices[0].closed().await, CloseReason::ByPeer));
    store.go_on();
    for number in 0..4 {
        assert_eq!(server.datagram().await, (peers[2], vec![number]));
    }
    store.until(|store| store.len() == 1).await;
    server.nothing_more();
}

#[tokio::test]
async fn what_waits_is_void_when_its_credentials_are_gone() {
    let store = Memory::new();
    let mut server = Server::kept_in(loopback(), &store).await;
    let mut device = Device::connect(server.address, CipherSuite::PskAes128Ccm8).await;
    let peer = server.connected().await;
    store.until(|store| store.len() == 1).await;
    store.hold_up();
    for number in 0..4u8 {
        device.send(&[number]).await;
    }
    until(&server.metrics, |counted| {
        counted.datagrams_received == 3 + 4
    })
    .await;
    let identity = PeerIdentity::Psk(b"device".to_vec());
    let forget = Command::Send(Outbound::Forget { identity });
    assert!(server.commands.send(forget).is_ok());
    assert!(matches!(device.closed().await, CloseReason::ByPeer));
    store.go_on();
    let end = (peer, CloseReason::CredentialsRemoved);
    assert_eq!(server.closed().await, end);
    server.nothing_more();
}

#[tokio::test]
async fn a_session_sends_no_more_than_is_reserved() {
    let store = Memory::new();
    let keeping = KeepingConfig {
        reserve: 10,
        ..KeepingConfig::default()
    };
    let config = DtlsServerConfig::new(table()).keep_sessions(store.clone(), keeping.clone());
    let mut server = Server::start(loopback(), config.clone()).await;
    let mut device = Device::connect(server.address, CipherSuite::PskAes128Ccm8).await;
    let peer = server.connected().await;
    store.until(|store| store.len() == 1).await;
    // With a store that keeps up, there is no end.
    for number in 0..40u8 {
        server.send(peer, &[number]);
        assert_eq!(device.data().await, [number]);
        store.until(|_| true).await;
    }
    assert_eq!(server.metrics.snapshot().outbound_dropped, 0);
    store.hold_up();
    for number in 0..20u8 {
        server.send(peer, &[number]);
    }
    let counted = until(&server.metrics, |counted| counted.outbound_dropped >= 10).await;
    assert!(counted.outbound_dropped < 20, "{counted:?}");
    let found = store.snapshot();
    let address = server.crash().await;
    let config = config.keep_sessions(found, keeping);
    let server = Server::start(address, config).await;
    server.send(server.restored[0].peer, b"after");
    while device.data().await != b"after" {}
    assert!(device.heard_numbers().is_sorted_by(|one, next| one < next));
}
