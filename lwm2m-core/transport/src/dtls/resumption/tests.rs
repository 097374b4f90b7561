//! Sessions that are taken up again over the loopback interface.

use super::*;
use crate::{
    ClientTransport, ClientTransportConfig, DtlsServerConfig, PskTable, ServerTransport,
    dtls::{KeyError, shared_tests::*},
    tests::{Running, loopback},
    toy::Toy,
};
use lwm2m_core::{
    engine::{CloseReason, Credentials},
    peer::PeerIdentity,
    secret::Secret,
};
use std::{net::SocketAddr, sync::Arc, time::Duration};

const HOUR: Duration = Duration::from_secs(3600);

fn secret(byte: u8) -> Secret {
    Secret::new(vec![byte; 32])
}

fn keys() -> TicketKeys {
    TicketKeys::new(secret(1)).unwrap()
}

fn ticketed() -> DtlsServerConfig {
    DtlsServerConfig::new(table()).tickets(HOUR)
}

/// A server here, however often it has been started before.
async fn start(address: SocketAddr, config: DtlsServerConfig) -> Server {
    let transport = ServerTransport::builder().coaps(address, config);
    let transport = transport.bind().await.unwrap();
    Server {
        address: transport.local_addresses()[0].1,
        metrics: transport.metrics(),
        running: Running::new(Toy::echo(), transport),
    }
}

async fn stop(server: Server) -> SocketAddr {
    server.running.handle.stop().await;
    server.address
}

fn resuming() -> Running {
    let config = client_config().max_resumable(4);
    Running::new(Toy::default(), ClientTransport::new(config))
}

/// Makes a connection, has something echoed and ends it; whether it took up the session of an earlier one.
async fn comes_back(server: &mut Server, client: &mut Running, credentials: Credentials) -> bool {
    let before = server.metrics.snapshot();
    let (peer, name) = converse(server, client, credentials).await;
    let closed = client.handle.call(move |toy, _| toy.close(peer));
    closed.await.unwrap();
    assert_eq!(server.running.closed().await, (name, CloseReason::ByPeer));
    let counted = server.metrics.snapshot();
    assert_eq!(
        counted.handshakes_completed,
        before.handshakes_completed + 1
    );
    counted.handshakes_resumed > before.handshakes_resumed
}

// proves: DTLS-19
#[tokio::test]
async fn a_ticket_takes_a_session_up_with_a_server_that_keeps_nothing() {
    let (keys, mut client) = (keys(), resuming());
    let mut server = start(loopback(), ticketed().ticket_keys(keys.clone())).await;
    assert!(!comes_back(&mut server, &mut client, device(&KEY)).await);
    for _ in 0..3 {
        assert!(comes_back(&mut server, &mut client, device(&KEY)).await);
    }
    // Another process, which knows nothing but the keys.
    let address = stop(server).await;
    let mut server = start(address, ticketed().ticket_keys(keys)).await;
    assert!(comes_back(&mut server, &mut client, device(&KEY)).await);
    // One with keys of its own makes a handshake, and gives another ticket.
    let address = stop(server).await;
    let mut server = start(address, ticketed()).await;
    assert!(!comes_back(&mut server, &mut client, device(&KEY)).await);
    assert!(comes_back(&mut server, &mut client, device(&KEY)).await);
}

#[tokio::test]
async fn keys_are_changed_under_way() {
    let (keys, mut client) = (keys(), resuming());
    let mut server = start(loopback(), ticketed().ticket_keys(keys.clone())).await;
    let mut idle = start(loopback(), ticketed().ticket_keys(keys.clone())).await;
    let mut other = resuming();
    assert!(!comes_back(&mut server, &mut client, device(&KEY)).await);
    assert!(!comes_back(&mut idle, &mut other, device(&KEY)).await);
    keys.rotate(secret(2)).unwrap();
    assert!(comes_back(&mut server, &mut client, device(&KEY)).await);
    assert!(matches!(
        keys.rotate(Secret::new(vec![0; 15])),
        Err(KeyError::Ticket)
    ));
    keys.rotate(secret(3)).unwrap();
    // The first is good no more, also where nothing happened between the two changes.
    assert!(!comes_back(&mut server, &mut client, device(&KEY)).await);
    assert!(!comes_back(&mut idle, &mut other, device(&KEY)).await);
    // Who starts later knows the one before, too.
    keys.rotate(secret(4)).unwrap();
    let address = stop(server).await;
    let mut server = start(address, ticketed().ticket_keys(keys)).await;
    assert!(comes_back(&mut server, &mut client, device(&KEY)).await);
}

#[tokio::test]
async fn without_tickets_each_handshake_is_a_whole_one() {
    let off = || DtlsServerConfig::new(table());
    assert_eq!(off().ticket_lifetime, None);
    assert_eq!(ClientTransportConfig::new().max_resumable, 0);
    for (config, mut client) in [
        (off(), client()),
        (off(), resuming()),
        (ticketed(), client()),
    ] {
        let mut server = start(loopback(), config).await;
        let mut sent = Vec::new();
        for _ in 0..2 {
            let before = server.metrics.snapshot().datagrams_sent;
            assert!(!comes_back(&mut server, &mut client, device(&KEY)).await);
            sent.push(server.metrics.snapshot().datagrams_sent - before);
        }
        assert_eq!(sent[0], sent[1]);
    }
}

#[tokio::test]
async fn a_session_id_is_good_for_a_session_that_the_server_keeps() {
    let mut config = DtlsServerConfig::new(table());
    config.max_resumable = 4;
    let (mut server, mut client) = (start(loopback(), config.clone()).await, resuming());
    assert!(!comes_back(&mut server, &mut client, device(&KEY)).await);
    assert!(comes_back(&mut server, &mut client, device(&KEY)).await);
    let address = stop(server).await;
    let mut server = start(address, config).await;
    assert!(!comes_back(&mut server, &mut client, device(&KEY)).await);
}

#[tokio::test]
async fn a_ticket_is_no_good_without_its_credentials() {
    let (keys, mut client) = (keys(), resuming());
    let credentials = Arc::new(PskTable::new());
    for name in ["device", "other"] {
        credentials.insert(name, Secret::new(KEY.to_vec()));
    }
    let config = DtlsServerConfig::new(credentials.clone())
        .tickets(HOUR)
        .ticket_keys(keys);
    let mut server = start(loopback(), config.clone()).await;
    assert!(!comes_back(&mut server, &mut client, device(&KEY)).await);
    // Not the session of another account, and not one of this with another key.
    let other = Credentials::Psk {
        identity: b"other".to_vec(),
        key: Secret::new(KEY.to_vec()),
    };
    assert!(!comes_back(&mut server, &mut client, other.clone()).await);
    let wrong = client
        .connect(server.uri(), device(b"another key 1234"))
        .await;
    assert_eq!(client.closed().await.0, wrong);
    assert!(!comes_back(&mut server, &mut client, device(&KEY)).await);
    // The program removes them, and adds them again: what was made before is void.
    let identity = PeerIdentity::Psk(b"device".to_vec());
    let forget = move |toy: &mut Toy, _| toy.forget(identity);
    server.running.handle.call(forget).await.unwrap();
    assert!(!comes_back(&mut server, &mut client, device(&KEY)).await);
    // Another process that has not heard of it looks whether they are there.
    let address = stop(server).await;
    assert!(credentials.remove(b"device"));
    let mut server = start(address, config).await;
    let peer = client.connect(server.uri(), device(&KEY)).await;
    assert_eq!(client.connected().await.0, peer);
    assert_eq!(client.closed().await, (peer, CloseReason::ByPeer));
    assert!(comes_back(&mut server, &mut client, other).await);
}

#[tokio::test]
async fn what_contradicts_itself_is_refused() {
    for (config, said) in [
        (
            DtlsServerConfig::new(table()).ticket_keys(keys()),
            "lifetime",
        ),
        (
            DtlsServerConfig::new(table()).tickets(Duration::ZERO),
            "ticket_lifetime",
        ),
    ] {
        let error = ServerTransport::builder().coaps(loopback(), config).bind();
        let error = error.await.unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
    assert_eq!(
        TicketKeys::new(Secret::new(vec![1; 15])).unwrap_err(),
        KeyError::Ticket
    );
    assert_eq!(format!("{:?}", keys()), "TicketKeys { .. }");
}

fn label(identity: &str, key: &[u8]) -> Label {
    let credentials = Credentials::Psk {
        identity: identity.into(),
        key: Secret::new(key.to_vec()),
    };
    Label::new("127.0.0.1:5684".parse().unwrap(), "host", &credentials, &[]).unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_a_client_keeps_is_bounded_and_ends() {
    let kept = Resumables::new(2);
    let put = |name: &str, number: u32, until| kept.put(label(name, b"key"), number, until);
    let take = |name: &str| kept.take(&label(name, b"key")).map(|(number, _)| number);
    put("a", 1, None);
    put("b", 2, None);
    put("a", 3, None);
    put("c", 4, None);
    assert_eq!(take("b"), None, "the oldest has made room");
    assert_eq!((take("a"), take("c")), (Some(3), Some(4)));
    assert_eq!(take("a"), None, "it is taken once");
    // Another key is another account, and ends what was there.
    put("a", 5, None);
    assert!(kept.take(&label("a", b"KEY")).is_none());
    assert_eq!(take("a"), None);
    put("a", 6, Some(Instant::now() + HOUR));
    put("b", 7, Some(Instant::now() + 2 * HOUR));
    tokio::time::advance(HOUR).await;
    assert_eq!((take("a"), take("b")), (None, Some(7)));
    put("a", 8, None);
    kept.clear();
    assert_eq!(take("a"), None);
    let none = Resumables::new(0);
    none.put(label("a", b"key"), 1, None);
    assert!(none.take(&label("a", b"key")).is_none());
}
