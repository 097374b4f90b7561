//! What leaves the store, and when: with its session, with its credentials, and where the store fails.

use super::*;

#[tokio::test]
async fn the_last_words_of_a_session_come_before_its_end() {
    let store = Memory::new();
    let mut server = Server::kept_in(loopback(), &store).await;
    let mut device = Device::connect(server.address, CipherSuite::PskAes128Ccm8).await;
    let peer = server.connected().await;
    store.until(|store| store.len() == 1).await;
    device.send(b"goodbye").await;
    device.close().await;
    assert_eq!(server.datagram().await, (peer, b"goodbye".to_vec()));
    assert_eq!(server.closed().await, (peer, CloseReason::ByPeer));
    assert_eq!(store.len(), 0, "it is gone before that is told");
    let address = server.crash().await;
    let server = Server::kept_in(address, &store).await;
    assert!(server.restored.is_empty());
}

#[tokio::test]
async fn removed_credentials_leave_the_store() {
    let store = Memory::new();
    let mut server = Server::kept_in(loopback(), &store).await;
    let mut device = Device::connect(server.address, CipherSuite::PskAes128Ccm8).await;
    let peer = server.connected().await;
    store.until(|store| store.len() == 1).await;
    let identity = PeerIdentity::Psk(b"device".to_vec());
    let forget = Command::Send(Outbound::Forget { identity });
    assert!(server.commands.send(forget).is_ok());
    assert_eq!(
        server.closed().await,
        (peer, CloseReason::CredentialsRemoved)
    );
    assert!(matches!(device.closed().await, CloseReason::ByPeer));
    store.until(|store| store.len() == 0).await;
}

#[tokio::test]
async fn a_store_that_fails_ends_what_needs_it_and_nothing_else() {
    let store = Memory::new();
    let keeping = KeepingConfig {
        patience: Duration::ZERO,
        ..KeepingConfig::default()
    };
    let config = DtlsServerConfig::new(table()).keep_sessions(store.clone(), keeping);
    let mut server = Server::start(loopback(), config.clone()).await;
    let mut device = Device::connect(server.address, CipherSuite::PskAes128Ccm8).await;
    let peer = server.connected().await;
    store.until(|store| store.len() == 1).await;
    store.fails.store(true, Ordering::SeqCst);
    device.send(b"not heard").await;
    let (closed, reason) = server.closed().await;
    assert_eq!(closed, peer);
    assert!(reason.to_string().contains("cannot be kept"), "{reason}");
    assert!(matches!(device.closed().await, CloseReason::ByPeer));
    // A new one is served as long as nothing is asked of the store for it.
    let mut second = Device::connect(server.address, CipherSuite::PskAes128Ccm8).await;
    let peer = server.connected().await;
    server.converse(&mut second, peer, b"served").await;
    assert_eq!(server.metrics.snapshot().sessions_not_kept, 1);
    // And it is kept again when the store works again.
    store.fails.store(false, Ordering::SeqCst);
    store.until(|store| store.len() == 0).await;
    let mut third = Device::connect(server.address, CipherSuite::PskAes128Ccm8).await;
    let peer = server.connected().await;
    server.converse(&mut third, peer, b"kept").await;
    store.until(|store| store.len() == 1).await;
    let address = server.crash().await;
    assert_eq!(Server::start(address, config).await.restored.len(), 1);
}
