//! Servers on real sockets of the loopback interface that start again, and devices that make no handshake for it, or an
//! abbreviated one.
#![allow(clippy::unwrap_used, reason = "helpers outside of test functions")]

mod support;

use async_trait::async_trait;
use lwm2m_core::{
    engine::{CloseReason, Credentials, Outbound},
    peer::PeerId,
    secret::Secret,
    time::Instant,
    uri::ServerUri,
    value::Value,
};
use lwm2m_server::{
    Authorization, AuthorizationRequest, Authorizer, Credential, KeepingConfig, Listener, Role,
    SecurityStore, Server, TicketKeys,
    store::{Change, Collection, Document, Store, StoreError},
};
use lwm2m_transport::{ClientTransport, ClientTransportConfig, Received, Transport};
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};
use support::{Device, register, text};

const KEY: [u8; 16] = [3; 16];
/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

type Hook = Box<dyn FnOnce() + Send>;

/// A store in memory that can do something just when sessions are written.
#[derive(Clone, Default)]
struct Memory {
    documents: Arc<Mutex<BTreeMap<(Collection, String), Document>>>,
    at_sessions: Arc<Mutex<Option<Hook>>>,
}

#[async_trait]
impl Store for Memory {
    async fn load(&self, collection: Collection) -> Result<Vec<Document>, StoreError> {
        let documents = self.documents.lock().unwrap();
        let found = documents.values();
        Ok(found
            .filter(|document| document.collection == collection)
            .cloned()
            .collect())
    }

    async fn apply(&self, changes: &[Change]) -> Result<(), StoreError> {
        for change in changes {
            let mut documents = self.documents.lock().unwrap();
            match change {
                Change::Put(document) => {
                    if document.collection == Collection::Sessions
                        && let Some(hook) = self.at_sessions.lock().unwrap().take()
                    {
                        hook();
                    }
                    let key = (document.collection, document.key.clone());
                    documents.insert(key, document.clone());
                }
                Change::Remove { collection, key } => {
                    documents.remove(&(*collection, key.clone()));
                }
                other => panic!("{other:?}"),
            }
        }
        Ok(())
    }
}

/// Whoever has an identity may take any name.
struct Anybody;

#[async_trait]
impl Authorizer for Anybody {
    async fn authorize(&self, request: AuthorizationRequest) -> Authorization {
        Authorization::Accept {
            endpoint: request.endpoint.unwrap_or_default().into(),
        }
    }
}

fn one_identity() -> SecurityStore {
    let security = SecurityStore::new();
    let credential = Credential::psk("shared", KEY.to_vec());
    security.add("a", Role::Server, credential).unwrap();
    security
}

async fn start(address: &str, security: SecurityStore, store: &Memory) -> Server {
    Server::builder()
        .listen(Listener::coaps(address))
        .security(security)
        .authorizer(Anybody)
        .store(store.clone())
        .keep_sessions(KeepingConfig::default())
        .start()
        .await
        .unwrap()
}

/// A device over a connection of its own.
struct Secure {
    transport: ClientTransport,
    device: Device,
    peer: PeerId,
    zero: tokio::time::Instant,
    connections: usize,
}

impl Secure {
    /// Connects, and registers under this name; it has only one answer.
    async fn register(server: SocketAddr, name: &'static str) -> Self {
        let transport = ClientTransport::default();
        let mut secure = Secure::connect(transport, server, name).await;
        let query = format!("ep={name}");
        let now = secure.now();
        let request = register(&[&query, "lt=86400", "lwm2m=1.1"], "</1/0>,</3/0>");
        secure.device.send(now, request);
        while secure.device.answers.is_empty() {
            secure.step().await;
        }
        assert!(secure.device.answers[0].as_ref().unwrap().code.is_success());
        secure
    }

    async fn connect(transport: ClientTransport, server: SocketAddr, name: &'static str) -> Self {
        let mut device = Device::new(name.bytes().map(u64::from).sum());
        device.handler = Box::new(move |_| text(name));
        let mut secure = Secure {
            transport,
            device,
            peer: PeerId::from_connection(0, 1),
            zero: tokio::time::Instant::now(),
            connections: 0,
        };
        secure.connect_again(server).await;
        secure
    }

    /// Makes another connection; the one before ends.
    async fn connect_again(&mut self, server: SocketAddr) {
        let before = self.connections;
        if before > 0 {
            let peer = self.peer;
            self.transport.send(Outbound::Close { peer });
            self.peer = PeerId::from_connection(0, before as u64 + 1);
        }
        let target: ServerUri = format!("coaps://{server}").parse().unwrap();
        self.transport.send(Outbound::Connect {
            peer: self.peer,
            target,
            server_name: None,
            credentials: Credentials::Psk {
                identity: b"shared".to_vec(),
                key: Secret::new(KEY.to_vec()),
            },
        });
        while self.connections == before {
            assert!(self.step().await.is_none());
        }
    }

    fn now(&self) -> Instant {
        Instant::ZERO + self.zero.elapsed()
    }

    /// Takes in what comes next, and says what follows; `Some` when the connection has ended.
    async fn step(&mut self) -> Option<CloseReason> {
        while let Some(data) = self.device.output() {
            let peer = self.peer;
            self.transport.send(Outbound::Datagram { peer, data });
        }
        let next = tokio::time::timeout(PATIENCE, self.transport.next());
        match next.await.unwrap() {
            Received::Connected { .. } => self.connections += 1,
            Received::Datagram { data, .. } => {
                let now = self.now();
                self.device.input(now, &data);
            }
            Received::Closed { reason, .. } => return Some(reason),
            other => panic!("{other:?}"),
        }
        None
    }

    async fn serve(&mut self) {
        let ended = loop {
            if let Some(reason) = self.step().await {
                break reason;
            }
        };
        panic!("{ended:?}");
    }
}

fn address_of(server: &Server) -> SocketAddr {
    server.local_addresses()[0].1
}

#[tokio::test]
async fn devices_with_one_identity_are_asked_over_their_own_sessions() {
    let store = Memory::default();
    let server = start("127.0.0.1:0", one_identity(), &store).await;
    let address = address_of(&server);
    let mut devices = Vec::new();
    for name in ["a", "b", "c"] {
        devices.push(Secure::register(address, name).await);
    }
    for round in 0..2 {
        // All are behind another address from here on, which an update does not say.
        for device in &mut devices {
            let peer = device.peer;
            device.transport.send(Outbound::Rebind { peer });
        }
        let server = match round {
            0 => server.clone(),
            _ => {
                server.stop().await;
                start(&address.to_string(), one_identity(), &store).await
            }
        };
        let [a, b, c] = &mut devices[..] else {
            panic!("three")
        };
        let asking = async {
            for name in ["c", "a", "b"] {
                let device = server.device(name).await.unwrap();
                let answer = device.read_value("/3/0/0").await;
                assert_eq!(answer, Ok(Value::String(name.into())));
            }
        };
        tokio::select! {
            () = asking => {}
            () = a.serve() => {}
            () = b.serve() => {}
            () = c.serve() => {}
        }
        assert!(devices.iter().all(|device| device.connections == 1));
        if round == 1 {
            let counted = server.transport_metrics().unwrap();
            assert_eq!(
                (counted.sessions_restored, counted.handshakes_started),
                (3, 0)
            );
        }
    }
}

#[tokio::test]
async fn credentials_that_are_removed_while_sessions_are_taken_up_end_them() {
    let store = Memory::default();
    let server = start("127.0.0.1:0", one_identity(), &store).await;
    let address = address_of(&server).to_string();
    let mut device = Secure::register(address_of(&server), "a").await;
    server.stop().await;
    let security = one_identity();
    // The session has been found good and is being written when its credentials go.
    let removing = security.clone();
    *store.at_sessions.lock().unwrap() = Some(Box::new(move || {
        assert!(removing.remove("a"));
    }));
    let server = start(&address, security, &store).await;
    assert!(store.at_sessions.lock().unwrap().is_none());
    let counted = server.transport_metrics().unwrap();
    assert_eq!(counted.sessions_restored, 1);
    let ended = loop {
        if let Some(reason) = device.step().await {
            break reason;
        }
    };
    assert!(matches!(ended, CloseReason::ByPeer), "{ended:?}");
    assert!(server.registration("a").await.is_none());
    server.stop().await;
    let documents = store.documents.lock().unwrap();
    assert!(documents.is_empty(), "{:?}", documents.keys());
}

// proves: DTLS-19
#[tokio::test]
async fn a_device_with_a_ticket_comes_back_to_a_server_that_starts_again() {
    let keys = TicketKeys::new(Secret::new(vec![9; 16])).unwrap();
    let start = |address: String| {
        let listener = Listener::coaps(address)
            .tickets(Duration::from_secs(3600))
            .ticket_keys(keys.clone());
        let server = Server::builder().listen(listener).security(one_identity());
        async { server.start().await.unwrap() }
    };
    let server = start("127.0.0.1:0".to_owned()).await;
    let address = address_of(&server);
    let transport = ClientTransport::new(ClientTransportConfig::new().max_resumable(1));
    let mut device = Secure::connect(transport, address, "a").await;
    device.connect_again(address).await;
    let counted = resumed(&server, 2).await;
    assert_eq!(counted, 1);
    server.stop().await;
    let server = start(address.to_string()).await;
    device.connect_again(address).await;
    assert_eq!(resumed(&server, 1).await, 1);
}

/// How many of so many handshakes have taken up a session.
async fn resumed(server: &Server, completed: u64) -> u64 {
    let waiting = async {
        loop {
            let counted = server.transport_metrics().unwrap();
            if counted.handshakes_completed == completed {
                return counted.handshakes_resumed;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap()
}
