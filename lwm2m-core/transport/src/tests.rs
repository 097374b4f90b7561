//! The driver over real sockets of the loopback interface.

use crate::{
    BindError, CastError, ClientTransport, DriverConfig, EngineHandle, Received, ServerTransport,
    Stopped, Transport, spawn, spawn_with,
    toy::{Heard, Toy},
};
use lwm2m_core::{
    engine::{CloseReason, Credentials, Outbound},
    peer::{PeerId, PeerIdentity},
    uri::Scheme,
};
use std::{net::SocketAddr, time::Duration};
use tokio::sync::mpsc;

/// Long enough for any machine; only a failure waits for it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A toy that runs in a driver.
pub(crate) struct Running {
    pub(crate) handle: EngineHandle<Toy>,
    events: mpsc::UnboundedReceiver<Heard>,
}

impl Running {
    pub(crate) fn new(toy: Toy, transport: impl Transport) -> Self {
        let (sender, events) = mpsc::unbounded_channel();
        let handle = spawn(toy, transport, move |event| {
            let _ = sender.send(event);
        });
        Running { handle, events }
    }

    pub(crate) async fn heard(&mut self) -> Heard {
        let heard = tokio::time::timeout(PATIENCE, self.events.recv()).await;
        heard.expect("nothing is heard").expect("the driver ended")
    }

    pub(crate) async fn datagram(&mut self) -> (PeerId, PeerIdentity, Vec<u8>) {
        match self.heard().await {
            Heard::Datagram(peer, identity, data) => (peer, identity, data),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn connected(&mut self) -> (PeerId, PeerIdentity, SocketAddr) {
        match self.heard().await {
            Heard::Connected(peer, identity, address) => (peer, identity, address),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn closed(&mut self) -> (PeerId, CloseReason) {
        match self.heard().await {
            Heard::Closed(peer, reason) => (peer, reason),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn connect(&self, target: String, credentials: Credentials) -> PeerId {
        self.handle
            .call(move |toy, _| toy.connect(&target, credentials))
            .await
            .unwrap()
    }

    pub(crate) async fn send(&self, peer: PeerId, data: &str) {
        let data = data.to_owned();
        let sent = self.handle.call(move |toy, _| toy.send(peer, data));
        sent.await.unwrap();
    }

    pub(crate) fn nothing_more(&mut self) {
        if let Ok(heard) = self.events.try_recv() {
            panic!("{heard:?}");
        }
    }
}

pub(crate) fn loopback() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

async fn server() -> (Running, SocketAddr) {
    let transport = ServerTransport::builder().coap(loopback()).bind().await;
    let transport = transport.unwrap();
    let [(Scheme::Coap, address)] = transport.local_addresses()[..] else {
        panic!("one listener");
    };
    (Running::new(Toy::echo(), transport), address)
}

#[tokio::test]
async fn another_socket_sends_from_another_address() {
    let (mut server, address) = server().await;
    let mut client = Running::new(Toy::default(), ClientTransport::default());
    let uri = format!("coap://{address}");
    let peer = client.connect(uri, Credentials::None).await;
    client.connected().await;
    client.send(peer, "here").await;
    let (before, ..) = server.datagram().await;
    assert_eq!(client.datagram().await.2, b"here");
    let rebound = client.handle.call(move |toy, _| toy.rebind(peer));
    rebound.await.unwrap();
    client.send(peer, "there").await;
    let (after, _, data) = server.datagram().await;
    assert_eq!(data, b"there");
    assert_ne!(before, after);
    // The echo comes to where it was sent from.
    assert_eq!(client.datagram().await.2, b"there");
}

#[tokio::test]
async fn datagrams_go_both_ways_over_udp() {
    let (mut server, address) = server().await;
    let mut client = Running::new(Toy::default(), ClientTransport::default());
    let peer = client
        .connect(format!("coap://{address}"), Credentials::None)
        .await;
    assert_eq!(
        client.connected().await,
        (peer, PeerIdentity::None, address)
    );
    client.send(peer, "hello").await;
    let (name, identity, data) = server.datagram().await;
    assert_eq!((identity, data), (PeerIdentity::None, b"hello".to_vec()));
    assert_eq!(name.listener(), 0);
    assert!(name.address().is_some());
    assert_eq!(
        client.datagram().await,
        (peer, PeerIdentity::None, b"hello".to_vec())
    );
    client.handle.stop().await;
    assert!(client.handle.is_stopped());
    server.handle.stop().await;
}

#[tokio::test]
async fn names_are_resolved_and_unknown_ones_reported() {
    let (_server, address) = server().await;
    let mut client = Running::new(Toy::default(), ClientTransport::default());
    let config = crate::ClientTransportConfig::new().bind(address.ip());
    let mut bound = Running::new(Toy::default(), ClientTransport::new(config));
    let target = format!("coap://localhost:{}", address.port());
    let peer = bound.connect(target, Credentials::None).await;
    assert_eq!(bound.connected().await, (peer, PeerIdentity::None, address));
    let peer = client
        .connect("coap://does-not-exist.invalid".into(), Credentials::None)
        .await;
    assert_eq!(client.closed().await, (peer, CloseReason::Unresolvable));
    let credentials = Credentials::Psk {
        identity: b"a".to_vec(),
        key: vec![1].into(),
    };
    let peer = client
        .connect(format!("coap://{address}"), credentials)
        .await;
    assert!(matches!(
        client.closed().await,
        (closed, CloseReason::Unsupported(_)) if closed == peer
    ));
}

#[tokio::test]
async fn connection_survives_a_server_that_is_away() {
    let (server, address) = server().await;
    let mut client = Running::new(Toy::default(), ClientTransport::default());
    let peer = client
        .connect(format!("coap://{address}"), Credentials::None)
        .await;
    client.connected().await;
    server.handle.stop().await;
    // Nobody listens: the system says so, and the connection does not mind.
    for _ in 0..3 {
        client.send(peer, "lost").await;
    }
    let transport = ServerTransport::builder().coap(address).bind().await;
    let _server = Running::new(Toy::echo(), transport.unwrap());
    for _ in 0..50 {
        client.send(peer, "found").await;
        let heard = tokio::time::timeout(Duration::from_millis(200), client.datagram()).await;
        if heard.is_ok_and(|(_, _, data)| data == b"found") {
            return;
        }
    }
    panic!("the connection did not recover");
}

#[tokio::test]
async fn closed_connections_are_not_reported_and_send_nothing() {
    let (mut server, address) = server().await;
    let mut client = Running::new(Toy::default(), ClientTransport::default());
    let target = format!("coap://{address}");
    let first = client.connect(target.clone(), Credentials::None).await;
    client.connected().await;
    let second = client.connect(target, Credentials::None).await;
    client.connected().await;
    let closed = client.handle.call(move |toy, _| {
        toy.close(first);
        toy.send(first, "never");
        toy.send(second, "heard");
    });
    closed.await.unwrap();
    assert_eq!(server.datagram().await.2, b"heard");
    assert_eq!(client.datagram().await.0, second);
    client.nothing_more();
    let forgotten = client
        .handle
        .call(move |toy, _| toy.forget(PeerIdentity::None));
    forgotten.await.unwrap();
    assert_eq!(
        client.closed().await,
        (second, CloseReason::CredentialsRemoved)
    );
}

#[tokio::test]
async fn address_in_use_is_named() {
    let (_server, address) = server().await;
    let error = ServerTransport::builder().coap(address).bind().await;
    let error = error.unwrap_err();
    assert!(matches!(error, BindError::Address { .. }));
    let text = error.to_string();
    assert!(text.contains(&format!("coap://{address}")), "{text}");
    assert!(matches!(
        ServerTransport::builder().bind().await,
        Err(BindError::ListenerCount)
    ));
}

#[tokio::test]
async fn several_listeners_keep_their_numbers() {
    let transport = ServerTransport::builder().coap(loopback()).coap(loopback());
    let transport = transport.bind().await.unwrap();
    let addresses = transport.local_addresses();
    let mut server = Running::new(Toy::echo(), transport);
    let mut client = Running::new(Toy::default(), ClientTransport::default());
    for (number, (_, address)) in addresses.into_iter().enumerate() {
        let peer = client
            .connect(format!("coap://{address}"), Credentials::None)
            .await;
        client.connected().await;
        client.send(peer, "which?").await;
        assert_eq!(usize::from(server.datagram().await.0.listener()), number);
        assert_eq!(client.datagram().await.0, peer);
    }
}

// proves: SEC-06
#[tokio::test]
async fn server_transport_refuses_to_connect() {
    let (mut server, address) = server().await;
    let peer = server
        .connect(format!("coap://{address}"), Credentials::None)
        .await;
    assert!(matches!(
        server.closed().await,
        (closed, CloseReason::Unsupported(_)) if closed == peer
    ));
}

/// A transport on which nothing happens by itself.
struct Silent {
    flood: bool,
    settles: Duration,
    shut_down: Option<mpsc::UnboundedSender<&'static str>>,
}

impl Transport for Silent {
    async fn next(&mut self) -> Received {
        if self.flood {
            // Ready at once, again and again.
            let peer = PeerId::from_connection(0, 0);
            return Received::Closed {
                peer,
                reason: CloseReason::Idle,
            };
        }
        std::future::pending().await
    }

    fn send(&mut self, _outbound: Outbound) {
        if let Some(log) = &self.shut_down {
            let _ = log.send("sent");
        }
    }

    async fn settle(&mut self) {
        tokio::time::sleep(self.settles).await;
    }

    async fn shutdown(&mut self) {
        match &self.shut_down {
            Some(log) => {
                let _ = log.send("shut down");
            }
            None => std::future::pending().await,
        }
    }
}

fn silent() -> Silent {
    Silent {
        flood: false,
        settles: Duration::ZERO,
        shut_down: None,
    }
}

#[tokio::test(start_paused = true)]
async fn timers_run_when_they_are_due() {
    let mut toy = Running::new(Toy::default(), silent());
    let set = toy.handle.call(|toy, now| {
        toy.timeout = Some(now + Duration::from_secs(3600));
        now
    });
    let set = set.await.unwrap();
    let Heard::Timeout(at) = toy.heard_without_patience().await else {
        panic!("no time-out");
    };
    assert!(at >= set + Duration::from_secs(3600));
    assert!(at <= set + Duration::from_secs(3601));
}

impl Running {
    /// For tests in which the clock stands still while somebody works.
    async fn heard_without_patience(&mut self) -> Heard {
        self.events.recv().await.expect("the driver ended")
    }
}

#[tokio::test]
async fn a_flood_starves_neither_commands_nor_timers() {
    let transport = Silent {
        flood: true,
        ..silent()
    };
    let mut toy = Running::new(Toy::default(), transport);
    let set = toy.handle.call(|toy, now| toy.timeout = Some(now));
    tokio::time::timeout(PATIENCE, set).await.unwrap().unwrap();
    while !matches!(toy.heard().await, Heard::Timeout(_)) {}
}

#[tokio::test]
async fn stop_sends_what_is_left_and_shuts_the_transport_down() {
    let (log, mut said) = mpsc::unbounded_channel();
    let transport = Silent {
        shut_down: Some(log),
        ..silent()
    };
    let toy = Running::new(Toy::default(), transport);
    let queued = toy
        .handle
        .cast(|toy, _| toy.send(PeerId::from_connection(0, 0), "last"));
    queued.unwrap();
    let other = toy.handle.clone();
    tokio::join!(toy.handle.stop(), other.stop());
    assert_eq!(said.recv().await, Some("sent"));
    assert_eq!(said.recv().await, Some("shut down"));
    assert_eq!(said.recv().await, None);
    assert_eq!(toy.handle.call(|_, _| ()).await, Err(Stopped));
    assert_eq!(toy.handle.cast(|_, _| ()), Err(CastError::Stopped));
    toy.handle.stop().await;
}

#[tokio::test(start_paused = true)]
async fn stop_does_not_wait_for_ever_for_the_transport() {
    let toy = Running::new(Toy::default(), silent());
    toy.handle.stop().await;
    assert!(toy.handle.is_stopped());
}

#[tokio::test(start_paused = true)]
async fn goodbyes_have_their_time_however_long_the_writing_takes() {
    let settles = Duration::from_secs(30);
    let (began, goodbyes) = (
        tokio::time::Instant::now(),
        DriverConfig::default().shutdown_timeout,
    );
    let transport = Silent {
        settles,
        ..silent()
    };
    Running::new(Toy::default(), transport).handle.stop().await;
    // A timer fires with the millisecond behind its moment.
    let about = settles + goodbyes..settles + goodbyes + Duration::from_millis(100);
    assert!(about.contains(&began.elapsed()), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_full_queue_refuses_casts_and_lets_calls_wait() {
    let config = DriverConfig {
        command_queue: 2,
        ..DriverConfig::default()
    };
    // On a single thread the driver does not run before we wait.
    let handle = spawn_with(config, Toy::default(), silent(), drop);
    handle.cast(|_, _| ()).unwrap();
    handle.cast(|_, _| ()).unwrap();
    assert_eq!(handle.cast(|_, _| ()), Err(CastError::Full));
    assert_eq!(handle.call(|_, _| 7).await, Ok(7));
    handle.cast(|_, _| ()).unwrap();
}

#[tokio::test]
async fn dropping_the_last_handle_stops_the_driver() {
    let (log, mut said) = mpsc::unbounded_channel();
    let transport = Silent {
        shut_down: Some(log),
        ..silent()
    };
    let toy = Running::new(Toy::default(), transport);
    drop(toy);
    assert_eq!(said.recv().await, Some("shut down"));
    assert_eq!(said.recv().await, None);
}
