//! Servers that crash and start again, over the loopback interface, with a store in memory.

mod leaving;
mod waiting;

use super::*;
use crate::{
    Metrics, PskTable, Received, ServerTransport, Transport,
    dtls::{
        CipherSuite, DtlsServerConfig,
        shared_tests::{table, until},
        test_device::{Device, loopback},
    },
    tests::PATIENCE,
};
use lwm2m_core::engine::{CloseReason, Outbound};
use std::{
    collections::{BTreeMap, HashSet},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};
use tokio::{
    sync::{Semaphore, mpsc},
    task::JoinHandle,
};

/// A store whose writes can be held up, and can fail.
struct Memory {
    sessions: Mutex<BTreeMap<SessionName, KeptSession>>,
    open: Semaphore,
    fails: AtomicBool,
    writes: AtomicUsize,
}

impl Memory {
    fn new() -> Arc<Self> {
        Arc::new(Memory {
            sessions: Mutex::default(),
            open: Semaphore::new(Semaphore::MAX_PERMITS),
            fails: AtomicBool::new(false),
            writes: AtomicUsize::new(0),
        })
    }

    /// What has reached it, as a store of its own: what a process finds that starts now.
    fn snapshot(&self) -> Arc<Self> {
        let copy = Memory::new();
        *copy.sessions.lock().unwrap() = self.sessions.lock().unwrap().clone();
        copy
    }

    fn hold_up(&self) {
        self.open.forget_permits(Semaphore::MAX_PERMITS);
    }

    fn go_on(&self) {
        self.open.add_permits(Semaphore::MAX_PERMITS);
    }

    fn len(&self) -> usize {
        self.sessions.lock().unwrap().len()
    }

    async fn until(&self, done: impl Fn(&Self) -> bool) {
        let waiting = async {
            while !done(self) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.unwrap();
    }

    fn change(&self, change: impl Fn(&mut KeptSession)) {
        self.sessions.lock().unwrap().values_mut().for_each(change);
    }
}

#[async_trait]
impl SessionStore for Memory {
    async fn load(&self) -> Result<Vec<KeptSession>, SessionStoreError> {
        Ok(self.sessions.lock().unwrap().values().cloned().collect())
    }

    async fn apply(&self, changes: &[SessionChange]) -> Result<(), SessionStoreError> {
        let _open = self.open.acquire().await.unwrap();
        if self.fails.load(Ordering::SeqCst) {
            return Err(SessionStoreError::new("no room"));
        }
        self.writes.fetch_add(1, Ordering::SeqCst);
        let mut names = HashSet::new();
        let mut sessions = self.sessions.lock().unwrap();
        for change in changes {
            let name = match change {
                SessionChange::Put(session) => {
                    sessions.insert(session.name, session.clone());
                    session.name
                }
                SessionChange::Remove(name) => {
                    sessions.remove(name);
                    *name
                }
            };
            assert!(names.insert(name), "twice in one batch");
        }
        Ok(())
    }
}

enum Command {
    Send(Outbound),
    Stop,
}

/// A server that can be made to end without another word.
struct Server {
    address: SocketAddr,
    names: SessionNames,
    restored: Vec<RestoredSession>,
    metrics: Arc<Metrics>,
    received: mpsc::UnboundedReceiver<Received>,
    commands: mpsc::UnboundedSender<Command>,
    task: JoinHandle<()>,
}

impl Server {
    async fn start(address: SocketAddr, config: DtlsServerConfig) -> Self {
        let mut transport = ServerTransport::builder()
            .coaps(address, config)
            .bind()
            .await
            .unwrap();
        let restored = transport.restore().await.unwrap();
        Server::run(transport, restored)
    }

    fn run(mut transport: ServerTransport, restored: Vec<RestoredSession>) -> Self {
        let (metrics, address) = (transport.metrics(), transport.local_addresses()[0].1);
        let names = transport.session_names();
        let (sender, received) = mpsc::unbounded_channel();
        let (commands, mut asked) = mpsc::unbounded_channel();
        let task = tokio::spawn(async move {
            loop {
                tokio::select! {
                    received = transport.next() => {
                        // The test has ended.
                        let _ = sender.send(received);
                    }
                    command = asked.recv() => match command {
                        Some(Command::Send(outbound)) => transport.send(outbound),
                        Some(Command::Stop) => {
                            transport.settle().await;
                            return transport.shutdown().await;
                        }
                        None => return,
                    },
                }
            }
        });
        Server {
            address,
            names,
            restored,
            metrics,
            received,
            commands,
            task,
        }
    }

    async fn kept_in(address: SocketAddr, store: &Arc<Memory>) -> Self {
        Server::start(address, kept_in(store)).await
    }

    async fn crash(self) -> SocketAddr {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
        self.address
    }

    async fn stop(self) -> SocketAddr {
        assert!(self.commands.send(Command::Stop).is_ok());
        self.task.await.unwrap();
        self.address
    }

    async fn next(&mut self) -> Received {
        let received = tokio::time::timeout(PATIENCE, self.received.recv()).await;
        received.unwrap().unwrap()
    }

    async fn connected(&mut self) -> PeerId {
        match self.next().await {
            Received::Connected { peer, .. } => peer,
            other => panic!("{other:?}"),
        }
    }

    async fn datagram(&mut self) -> (PeerId, Vec<u8>) {
        match self.next().await {
            Received::Datagram { peer, data, .. } => (peer, data),
            other => panic!("{other:?}"),
        }
    }

    async fn closed(&mut self) -> (PeerId, CloseReason) {
        match self.next().await {
            Received::Closed { peer, reason } => (peer, reason),
            other => panic!("{other:?}"),
        }
    }

    fn send(&self, peer: PeerId, data: &[u8]) {
        let data = data.to_vec();
        let datagram = Command::Send(Outbound::Datagram { peer, data });
        assert!(self.commands.send(datagram).is_ok());
    }

    async fn drops(&self, records: u64) {
        let counted = until(&self.metrics, |counted| counted.records_dropped >= records).await;
        assert_eq!(counted.records_dropped, records);
    }

    fn nothing_more(&mut self) {
        if let Ok(received) = self.received.try_recv() {
            panic!("{received:?}");
        }
    }

    /// A device's datagram arrives, and is answered.
    async fn converse(&mut self, device: &mut Device, peer: PeerId, text: &[u8]) {
        device.send(text).await;
        assert_eq!(self.datagram().await, (peer, text.to_vec()));
        self.send(peer, text);
        assert_eq!(device.data().await, text);
    }
}

fn kept_in(store: &Arc<Memory>) -> DtlsServerConfig {
    DtlsServerConfig::new(table()).keep_sessions(store.clone(), KeepingConfig::default())
}

/// Everything that a device has sent so far arrives again.
async fn replay(device: &Device, server: &mut Server) {
    let records: Vec<_> = device.protected().cloned().collect();
    let before = server.metrics.snapshot().records_dropped;
    for record in &records {
        device.socket.send(record).await.unwrap();
    }
    server.drops(before + records.len() as u64).await;
    server.nothing_more();
}

// proves: DTLS-02, DTLS-13
#[tokio::test]
async fn a_crash_takes_no_session_no_number_and_no_record_twice() {
    for (suite, with_id) in [
        (CipherSuite::PskAes128Ccm8, true),
        (CipherSuite::PskAes128GcmSha256, false),
    ] {
        let store = Memory::new();
        let mut config = kept_in(&store);
        config.connection_id = if with_id { 6 } else { 0 };
        let mut server = Server::start(loopback(), config.clone()).await;
        assert!(server.restored.is_empty());
        let mut device = Device::connect(server.address, suite).await;
        let mut peer = server.connected().await;
        server.converse(&mut device, peer, b"before").await;
        for round in 0..4u8 {
            // What is under way to the store when the process ends is not waited for.
            let address = server.crash().await;
            let found = store.snapshot();
            let config = config
                .clone()
                .keep_sessions(found.clone(), KeepingConfig::default());
            server = Server::start(address, config).await;
            let [restored] = &server.restored[..] else {
                panic!("{:?}", server.restored);
            };
            peer = restored.peer;
            assert_eq!(*restored.identity, PeerIdentity::Psk(b"device".to_vec()));
            assert_eq!(restored.address, device.socket.local_addr().unwrap());
            assert_eq!(server.connected().await, peer);
            // The server speaks first, at once.
            server.send(peer, &[round]);
            assert_eq!(device.data().await, [round]);
            replay(&device, &mut server).await;
            server.converse(&mut device, peer, b"after").await;
            replay(&device, &mut server).await;
            assert_eq!(server.metrics.snapshot().handshakes_started, 0);
            assert_eq!(server.metrics.snapshot().sessions_restored, 1);
            // The next crash finds what this process has written.
            *store.sessions.lock().unwrap() = found.sessions.lock().unwrap().clone();
        }
        let numbers: Vec<u64> = device.heard_numbers().collect();
        assert!(numbers.len() >= 9, "{numbers:?}");
        assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
        assert_eq!(device.socket_errors, 0);
    }
}

#[tokio::test]
async fn a_restoration_that_is_given_up_leaves_a_server_that_keeps_sessions() {
    let store = Memory::new();
    let mut server = Server::kept_in(loopback(), &store).await;
    let _device = Device::connect(server.address, CipherSuite::PskAes128Ccm8).await;
    server.connected().await;
    store.until(|store| store.len() == 1).await;
    let address = server.crash().await;
    let mut transport = ServerTransport::builder()
        .coaps(address, kept_in(&store))
        .bind()
        .await
        .unwrap();
    store.hold_up();
    // It gets as far as the store, and no further.
    tokio::select! {
        biased;
        restored = transport.restore() => panic!("{restored:?}"),
        () = std::future::ready(()) => {}
    }
    store.go_on();
    let mut server = Server::run(transport, Vec::new());
    let mut other = Device::connect(server.address, CipherSuite::PskAes128Ccm8).await;
    let peer = server.connected().await;
    server.converse(&mut other, peer, b"kept").await;
    store.until(|store| store.len() == 2).await;
}

#[tokio::test]
async fn an_orderly_end_says_no_goodbye_and_loses_nothing() {
    for danger_deliver_unstored in [false, true] {
        let store = Memory::new();
        let keeping = KeepingConfig {
            danger_deliver_unstored,
            ..KeepingConfig::default()
        };
        let config = DtlsServerConfig::new(table()).keep_sessions(store.clone(), keeping);
        let mut server = Server::start(loopback(), config.clone()).await;
        let mut device = Device::connect(server.address, CipherSuite::PskAes128Ccm8).await;
        let peer = server.connected().await;
        store.until(|store| store.len() == 1).await;
        let writes = store.writes.load(Ordering::SeqCst);
        for text in [b"one", b"two"] {
            server.converse(&mut device, peer, text).await;
        }
        if danger_deliver_unstored {
            assert_eq!(store.writes.load(Ordering::SeqCst), writes);
        }
        let address = server.stop().await;
        let mut server = Server::start(address, config).await;
        assert_eq!(server.restored.len(), 1);
        let peer = server.connected().await;
        replay(&device, &mut server).await;
        server.converse(&mut device, peer, b"three").await;
    }
}

#[tokio::test]
async fn a_session_has_one_name_for_as_long_as_it_is_kept() {
    let store = Memory::new();
    let keeping = KeepingConfig {
        max_sessions: 2,
        ..KeepingConfig::default()
    };
    let config = DtlsServerConfig::new(table()).keep_sessions(store.clone(), keeping);
    let mut server = Server::start(loopback(), config.clone()).await;
    let (mut devices, mut peers) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        devices.push(Device::connect(server.address, CipherSuite::PskAes128Ccm8).await);
        peers.push(server.connected().await);
    }
    let names: Vec<_> = peers.iter().map(|peer| server.names.name(*peer)).collect();
    let [Some(one), Some(other), None] = names[..] else {
        panic!("{names:?}")
    };
    store.until(|store| store.len() == 2).await;
    let stored: Vec<_> = store.sessions.lock().unwrap().keys().copied().collect();
    assert!(one != other && [one, other].iter().all(|name| stored.contains(name)));
    let address = server.crash().await;
    let mut server = Server::start(address, config).await;
    for (device, name) in devices.iter().zip([one, other]) {
        let own = device.socket.local_addr().unwrap();
        let found = server.restored.iter().find(|found| found.address == own);
        let found = found.unwrap();
        assert_eq!(
            (found.name, server.names.name(found.peer)),
            (name, Some(name))
        );
        server.connected().await;
    }
    devices[0].close().await;
    let (closed, _) = server.closed().await;
    assert_eq!(server.names.name(closed), None);
}

#[tokio::test]
async fn an_end_waits_for_a_slow_store_and_not_for_ever() {
    const BOUND: Duration = Duration::from_secs(7);
    // A store that goes on after so long, and one that does not.
    for answers in [Some(BOUND - Duration::from_secs(1)), None] {
        let store = Memory::new();
        let keeping = KeepingConfig {
            patience: 100 * BOUND,
            settle_timeout: BOUND,
            ..KeepingConfig::default()
        };
        let config = DtlsServerConfig::new(table()).keep_sessions(store.clone(), keeping);
        let mut server = Server::start(loopback(), config.clone()).await;
        let mut devices = Vec::new();
        for number in 1..=3 {
            devices.push(Device::connect(server.address, CipherSuite::PskAes128Ccm8).await);
            server.connected().await;
            if number == 1 {
                store.until(|store| store.len() == 1).await;
                // A write of the second is under way when the third comes.
                store.hold_up();
            }
        }
        // From here on, time passes only where it is waited for.
        tokio::time::pause();
        if let Some(time) = answers {
            let store = store.clone();
            tokio::spawn(async move {
                tokio::time::sleep(time).await;
                store.go_on();
            });
        }
        let began = tokio::time::Instant::now();
        let address = server.stop().await;
        let took = began.elapsed();
        tokio::time::resume();
        let expected = answers.unwrap_or(BOUND);
        let about = expected..expected + Duration::from_millis(100);
        assert!(about.contains(&took), "{took:?}");
        let stored = if answers.is_some() { 3 } else { 1 };
        assert_eq!(store.len(), stored);
        if answers.is_none() {
            // Nothing of it can be in the store, so that it is told.
            assert!(matches!(devices[2].closed().await, CloseReason::ByPeer));
            store.go_on();
        }
        let mut server = Server::start(address, config).await;
        assert_eq!(server.restored.len(), stored);
        let own = devices[0].socket.local_addr().unwrap();
        let found = server.restored.iter().find(|found| found.address == own);
        let peer = found.unwrap().peer;
        for _ in 0..stored {
            server.connected().await;
        }
        server.converse(&mut devices[0], peer, b"served").await;
    }
}

/// A state as it were if another suite had been agreed on, which has keys of the same length.
fn with_suite(state: &Secret, suite: CipherSuite) -> Secret {
    let mut state = state.expose_secret().to_vec();
    state[1..3].copy_from_slice(&suite.number().to_be_bytes());
    Secret::new(state)
}

#[tokio::test]
async fn sessions_that_may_not_go_on_leave_the_store() {
    let store = Memory::new();
    let mut server = Server::kept_in(loopback(), &store).await;
    let device = Device::connect(server.address, CipherSuite::PskAes128Ccm8).await;
    server.connected().await;
    store.until(|store| store.len() == 1).await;
    let address = server.crash().await;
    let keys = |key: &[u8]| {
        let table = PskTable::new();
        table.insert("device", Secret::new(key.to_vec()));
        Arc::new(table)
    };
    let long_ago = || SystemTime::now() - Duration::from_secs(48 * 3600);
    type Change = Box<dyn Fn(&mut KeptSession)>;
    let cases: [(&str, Arc<PskTable>, Change, usize); 8] = [
        ("unchanged", table(), Box::new(|_| {}), 1),
        (
            "expired",
            table(),
            Box::new(move |kept| kept.heard = long_ago()),
            0,
        ),
        (
            "another key",
            keys(b"another key 1234"),
            Box::new(|_| {}),
            0,
        ),
        ("no key", Arc::new(PskTable::new()), Box::new(|_| {}), 0),
        (
            "no listener",
            table(),
            Box::new(|kept| kept.listener = 1),
            0,
        ),
        (
            "no state",
            table(),
            Box::new(|kept| kept.state = Secret::new(vec![1, 2])),
            0,
        ),
        (
            "another suite",
            table(),
            Box::new(|kept| kept.state = with_suite(&kept.state, CipherSuite::PskAes128Ccm)),
            0,
        ),
        (
            "a clock that was set back",
            table(),
            Box::new(|kept| kept.heard = SystemTime::now() + Duration::from_secs(9_000)),
            1,
        ),
    ];
    for (case, credentials, change, expected) in cases {
        let store = store.snapshot();
        store.change(change);
        let config = DtlsServerConfig::new(credentials)
            .suites([CipherSuite::PskAes128Ccm8])
            .keep_sessions(store.clone(), KeepingConfig::default());
        let server = Server::start(address, config).await;
        assert_eq!(server.restored.len(), expected, "{case}");
        assert_eq!(store.len(), expected, "{case}");
        server.crash().await;
    }
    assert_eq!(
        device.heard_numbers().count(),
        1,
        "no word to those that are gone"
    );
}

#[tokio::test]
async fn as_many_are_kept_as_are_asked_for() {
    let store = Memory::new();
    let keeping = KeepingConfig {
        max_sessions: 2,
        ..KeepingConfig::default()
    };
    let config = DtlsServerConfig::new(table()).keep_sessions(store.clone(), keeping);
    let mut server = Server::start(loopback(), config.clone()).await;
    let mut devices = Vec::new();
    for _ in 0..3 {
        let mut device = Device::connect(server.address, CipherSuite::PskAes128Ccm8).await;
        let peer = server.connected().await;
        server.converse(&mut device, peer, b"served").await;
        devices.push(device);
    }
    assert_eq!(server.metrics.snapshot().sessions_not_kept, 1);
    store.until(|store| store.len() == 2).await;
    let address = server.stop().await;
    // Only who is gone for good is told.
    assert!(matches!(devices[2].closed().await, CloseReason::ByPeer));
    // A smaller bound keeps those that were heard last, be it that of the store or that of the listener.
    devices.truncate(2);
    let keeping = |max_sessions| KeepingConfig {
        max_sessions,
        ..KeepingConfig::default()
    };
    let found = store.snapshot();
    let fewer = [
        config.clone().keep_sessions(store.clone(), keeping(1)),
        config
            .keep_sessions(found.clone(), keeping(2))
            .max_sessions(1),
    ];
    for (config, store) in fewer.into_iter().zip([store, found]) {
        let server = Server::start(address, config).await;
        let [restored] = &server.restored[..] else {
            panic!("{:?}", server.restored);
        };
        assert_eq!(restored.address, devices[1].socket.local_addr().unwrap());
        assert_eq!(store.len(), 1);
        server.crash().await;
    }
}
