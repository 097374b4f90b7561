//! Look-ups that a test answers when it wants to, over the loopback interface.

use super::*;
use crate::{
    ClientTransport, NoCredentials, ServerTransport, Transport,
    dtls::{
        DtlsServerConfig, KeepingConfig, KeptSession, SessionChange, SessionName, SessionStore,
        SessionStoreError, public_key_of,
        shared_tests::{Authority, KEY, Server, client_config},
        test_device::Device,
    },
    tests::{PATIENCE, Running},
    toy::{Heard, Toy},
};
use lwm2m_core::{
    engine::{CertificateUsage, CloseReason, Credentials},
    peer::{PeerId, PeerIdentity},
};
use lwm2m_dtls::CipherSuite;
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::sync::{mpsc, oneshot};

/// Of whom is asked, and where the answer goes.
type Asked = (PeerIdentity, oneshot::Sender<Result<Standing, LookupError>>);

/// Hands each question to the test, and counts how many wait for it.
struct Asking(
    mpsc::UnboundedSender<Asked>,
    Arc<AtomicUsize>,
    Arc<AtomicUsize>,
);

/// Lowers the count when a look-up has ended, or was dropped.
struct Open<'a>(&'a AtomicUsize);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Asking {
    async fn ask(&self, identity: PeerIdentity) -> Result<Standing, LookupError> {
        let open = 1 + self.1.fetch_add(1, Ordering::SeqCst);
        self.2.fetch_max(open, Ordering::SeqCst);
        let _open = Open(&self.1);
        let (sender, answer) = oneshot::channel();
        assert!(self.0.send((identity, sender)).is_ok(), "the test is over");
        match answer.await {
            Ok(answer) => answer,
            // The test keeps silent.
            Err(_) => std::future::pending().await,
        }
    }
}

#[async_trait]
impl CredentialLookup for Asking {
    async fn psk(&self, identity: &[u8]) -> Result<Option<Secret>, LookupError> {
        let standing = self.ask(PeerIdentity::Psk(identity.to_vec())).await?;
        Ok(match standing {
            Standing::Key(key) => Some(key),
            _ => None,
        })
    }

    async fn certificate_allowed(
        &self,
        certificate: &CertificateIdentity,
    ) -> Result<bool, LookupError> {
        let identity = PeerIdentity::from(certificate.clone());
        Ok(matches!(self.ask(identity).await?, Standing::Welcome))
    }

    async fn raw_public_key_allowed(&self, public_key: &[u8]) -> Result<bool, LookupError> {
        let identity = PeerIdentity::RawPublicKey(public_key.to_vec());
        Ok(matches!(self.ask(identity).await?, Standing::Welcome))
    }
}

/// The test's end of it.
struct Desk {
    questions: mpsc::UnboundedReceiver<Asked>,
    most: Arc<AtomicUsize>,
}

impl Desk {
    fn open() -> (Self, Arc<Asking>) {
        let (sender, questions) = mpsc::unbounded_channel();
        let (now, most) = (Arc::default(), Arc::new(AtomicUsize::new(0)));
        let counter = Arc::new(Asking(sender, now, most.clone()));
        (Desk { questions, most }, counter)
    }

    async fn next(&mut self) -> Asked {
        let asked = tokio::time::timeout(PATIENCE, self.questions.recv()).await;
        asked.expect("nobody asks").expect("there is no server")
    }

    /// Answers the next question, which must be about this device.
    async fn answer(&mut self, name: &str, standing: Standing) {
        let (identity, answer) = self.next().await;
        assert_eq!(identity, PeerIdentity::Psk(name.into()));
        assert!(answer.send(Ok(standing)).is_ok());
    }
}

fn key() -> Standing {
    Standing::Key(Secret::new(KEY.to_vec()))
}

fn named(name: &str) -> Credentials {
    Credentials::Psk {
        identity: name.into(),
        key: Secret::new(KEY.to_vec()),
    }
}

fn config(source: Arc<Asking>) -> DtlsServerConfig {
    DtlsServerConfig::new(Arc::new(NoCredentials)).look_up(source, LookupConfig::default())
}

fn impatient() -> Running {
    let config = client_config().handshake_timeout(Duration::from_millis(700));
    Running::new(Toy::default(), ClientTransport::new(config))
}

fn patient() -> Running {
    Running::new(Toy::default(), ClientTransport::new(client_config()))
}

async fn connect(server: &Server, client: &Running, name: &str) -> PeerId {
    client.connect(server.uri(), named(name)).await
}

#[tokio::test]
async fn a_source_that_answers_later_holds_up_nobody_else() {
    let (mut desk, source) = Desk::open();
    let mut server = Server::new(config(source)).await;
    let mut late = patient();
    let late_peer = connect(&server, &late, "late").await;
    let (identity, late_answer) = desk.next().await;
    assert_eq!(identity, PeerIdentity::Psk(b"late".to_vec()));

    // Another one comes, is looked up, and is served.
    let mut other = patient();
    let peer = connect(&server, &other, "other").await;
    desk.answer("other", key()).await;
    desk.answer("other", key()).await;
    assert_eq!(other.connected().await.0, peer);
    let (_, identity, _) = server.running.connected().await;
    assert_eq!(identity, PeerIdentity::Psk(b"other".to_vec()));
    for text in ["one", "two"] {
        other.send(peer, text).await;
        assert_eq!(server.running.datagram().await.2, text.as_bytes());
        assert_eq!(other.datagram().await.2, text.as_bytes());
    }

    // The first goes on where it was. What it says before its session is announced waits.
    assert!(late_answer.send(Ok(key())).is_ok());
    assert_eq!(late.connected().await.0, late_peer);
    let heard = server.metrics.snapshot().datagrams_received;
    late.send(late_peer, "early").await;
    server
        .until(|counted| counted.datagrams_received > heard)
        .await;
    server.running.nothing_more();
    desk.answer("late", key()).await;
    let (name, identity, _) = server.running.connected().await;
    assert_eq!(identity, PeerIdentity::Psk(b"late".to_vec()));
    let expected = (name, identity, b"early".to_vec());
    assert_eq!(server.running.datagram().await, expected);
    assert_eq!(late.datagram().await.2, b"early");
    assert_eq!(server.metrics.snapshot().lookups_failed, 0);
}

#[tokio::test]
async fn look_ups_at_one_time_are_bounded_and_the_others_wait_for_their_turn() {
    const DEVICES: usize = 6;
    let (mut desk, source) = Desk::open();
    let bounds = LookupConfig {
        max_lookups: 2,
        ..LookupConfig::default()
    };
    let listener = DtlsServerConfig::new(Arc::new(NoCredentials)).look_up(source, bounds);
    let mut server = Server::new(listener).await;
    let mut client = patient();
    for number in 0..DEVICES {
        connect(&server, &client, &format!("device-{number}")).await;
    }
    let mut first = vec![desk.next().await, desk.next().await];
    server
        .until(|counted| counted.handshakes_started == DEVICES as u64)
        .await;
    for _ in 0..2 * DEVICES {
        let (_, answer) = match first.pop() {
            Some(asked) => asked,
            None => desk.next().await,
        };
        assert!(answer.send(Ok(key())).is_ok());
    }
    for _ in 0..DEVICES {
        client.connected().await;
        server.running.connected().await;
    }
    assert_eq!(desk.most.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn an_answer_that_never_comes_ends_the_handshake_and_frees_its_place() {
    let (mut desk, source) = Desk::open();
    let bounds = LookupConfig {
        max_lookups: 1,
        ..LookupConfig::default()
    };
    let listener = DtlsServerConfig::new(Arc::new(NoCredentials))
        .look_up(source, bounds)
        .handshake_timeout(Duration::from_secs(2));
    let mut server = Server::new(listener).await;
    let mut lost = impatient();
    let peer = connect(&server, &lost, "lost").await;
    let (_, silence) = desk.next().await;
    assert_eq!(lost.closed().await, (peer, CloseReason::HandshakeTimeout));
    server
        .until(|counted| counted.handshakes_timed_out == 1)
        .await;
    assert!(silence.is_closed(), "nobody waits for it any more");
    let mut next = patient();
    let peer = connect(&server, &next, "next").await;
    desk.answer("next", key()).await;
    desk.answer("next", key()).await;
    assert_eq!(next.connected().await.0, peer);
    server.running.connected().await;
}

#[tokio::test]
async fn a_look_up_that_fails_is_not_taken_for_an_answer() {
    let (mut desk, source) = Desk::open();
    let mut server = Server::new(config(source)).await;
    // To be unknown were final for a device; a database that is away is not.
    let mut client = impatient();
    let peer = connect(&server, &client, "device").await;
    let (_, answer) = desk.next().await;
    let failure = LookupError::new("the database is away");
    assert!(answer.send(Err(failure)).is_ok());
    assert_eq!(client.closed().await, (peer, CloseReason::HandshakeTimeout));
    assert_eq!(server.metrics.snapshot().lookups_failed, 1);
    assert_eq!(server.metrics.snapshot().unknown_identities, 0);
    // At the end of a handshake, nobody is let in on the strength of one.
    let mut client = patient();
    let peer = connect(&server, &client, "device").await;
    desk.answer("device", key()).await;
    let (_, answer) = desk.next().await;
    assert!(answer.send(Err(LookupError::new("away again"))).is_ok());
    assert_eq!(client.connected().await.0, peer);
    assert_eq!(client.closed().await, (peer, CloseReason::ByPeer));
    assert_eq!(server.metrics.snapshot().lookups_failed, 2);
    // And who is unknown hears so.
    let peer = connect(&server, &client, "stranger").await;
    desk.answer("stranger", Standing::Unknown).await;
    let (closed, reason) = client.closed().await;
    assert_eq!(closed, peer);
    assert!(
        reason.to_string().contains("unknown_psk_identity"),
        "{reason}"
    );
    server.running.nothing_more();
}

#[tokio::test]
async fn a_key_removed_or_changed_while_it_was_used_opens_no_session() {
    for after in [
        Standing::Unknown,
        Standing::Key(Secret::new(b"rotated".to_vec())),
    ] {
        let (mut desk, source) = Desk::open();
        let mut server = Server::new(config(source)).await;
        let mut client = patient();
        let peer = connect(&server, &client, "device").await;
        desk.answer("device", key()).await;
        assert_eq!(client.connected().await.0, peer);
        desk.answer("device", after).await;
        assert_eq!(client.closed().await, (peer, CloseReason::ByPeer));
        server.running.nothing_more();
    }
}

#[tokio::test]
async fn credentials_that_are_forgotten_during_a_look_up_let_nobody_in() {
    let (mut desk, source) = Desk::open();
    let mut server = Server::new(config(source)).await;
    let mut client = patient();
    let identity = PeerIdentity::Psk(b"device".to_vec());
    for looked_up in 1..=2 {
        let peer = connect(&server, &client, "device").await;
        for _ in 1..looked_up {
            desk.answer("device", key()).await;
            assert_eq!(client.connected().await.0, peer);
        }
        let (_, answer) = desk.next().await;
        let forgotten = identity.clone();
        let done = server
            .running
            .handle
            .call(move |toy, _| toy.forget(forgotten));
        done.await.unwrap();
        assert_eq!(client.closed().await.0, peer);
        // It comes too late, if anybody waits for it.
        let _ = answer.send(Ok(key()));
    }
    server.running.nothing_more();
}

#[tokio::test]
async fn public_keys_and_certificates_are_looked_up_too() {
    let (mut desk, source) = Desk::open();
    let authority = Authority::new();
    let own = authority.server();
    let usage = CertificateUsage::DomainIssuedCertificate;
    let certificate = authority.device("device", usage, &own.chain[0]);
    let private_key = || Secret::new(rcgen::KeyPair::generate().unwrap().serialize_der());
    let (ours, theirs) = (private_key(), private_key());
    let raw = Credentials::RawPublicKey {
        public_key: Vec::new(),
        private_key: theirs.clone(),
        server_public_key: public_key_of(&ours).unwrap(),
    };
    let listener = config(source)
        .certificate(own, vec![authority.der()])
        .raw_public_key(ours);
    let mut server = Server::new(listener).await;
    for credentials in [certificate, raw] {
        for good in [true, false] {
            let mut client = patient();
            let peer = client.connect(server.uri(), credentials.clone()).await;
            let standing = || match good {
                true => Standing::Welcome,
                false => Standing::Unknown,
            };
            let (asked, answer) = desk.next().await;
            assert!(answer.send(Ok(standing())).is_ok());
            if good {
                let (again, answer) = desk.next().await;
                assert_eq!(again, asked);
                assert!(answer.send(Ok(standing())).is_ok());
                assert_eq!(client.connected().await.0, peer);
                assert_eq!(server.running.connected().await.1, asked);
                client.handle.stop().await;
                server.running.closed().await;
            } else {
                let (closed, reason) = client.closed().await;
                assert_eq!(closed, peer);
                assert!(
                    matches!(reason, CloseReason::HandshakeFailed(_)),
                    "{reason}"
                );
            }
        }
    }
}

#[tokio::test]
async fn what_waits_for_an_answer_at_the_beginning_is_bounded() {
    let (mut desk, source) = Desk::open();
    let bounds = LookupConfig {
        max_held: 2,
        ..LookupConfig::default()
    };
    let listener = DtlsServerConfig::new(Arc::new(NoCredentials)).look_up(source, bounds);
    let mut server = Server::new(listener).await;
    let mut client = patient();
    let peer = connect(&server, &client, "device").await;
    desk.answer("device", key()).await;
    client.connected().await;
    for text in ["one", "two", "three"] {
        client.send(peer, text).await;
    }
    server.until(|counted| counted.inbound_dropped == 1).await;
    desk.answer("device", key()).await;
    server.running.connected().await;
    for text in ["one", "two"] {
        assert_eq!(server.running.datagram().await.2, text.as_bytes());
    }
    client.send(peer, "four").await;
    assert_eq!(server.running.datagram().await.2, b"four");
}

/// Keeps sessions in memory.
#[derive(Default)]
struct Kept(Mutex<BTreeMap<SessionName, KeptSession>>);

#[async_trait]
impl SessionStore for Kept {
    async fn load(&self) -> Result<Vec<KeptSession>, SessionStoreError> {
        Ok(self.0.lock().unwrap().values().cloned().collect())
    }

    async fn apply(&self, changes: &[SessionChange]) -> Result<(), SessionStoreError> {
        let mut sessions = self.0.lock().unwrap();
        for change in changes {
            match change {
                SessionChange::Put(session) => drop(sessions.insert(session.name, session.clone())),
                SessionChange::Remove(name) => drop(sessions.remove(name)),
            }
        }
        Ok(())
    }
}

#[tokio::test]
async fn kept_sessions_are_looked_up_before_they_go_on() {
    let store = Arc::new(Kept::default());
    let kept = |source| config(source).keep_sessions(store.clone(), KeepingConfig::default());
    let (mut desk, source) = Desk::open();
    let mut server = Server::new(kept(source)).await;
    let address = server.address;
    let connecting = tokio::spawn(Device::connect(address, CipherSuite::PskAes128Ccm8));
    desk.answer("device", key()).await;
    desk.answer("device", key()).await;
    let mut device = connecting.await.unwrap();
    device.send(b"before").await;
    server.running.connected().await;
    assert_eq!(server.running.datagram().await.2, b"before");
    assert_eq!(device.data().await, b"before");
    server.running.handle.stop().await;

    for (standing, goes_on) in [(Ok(key()), true), (Ok(Standing::Unknown), false)] {
        let (mut desk, source) = Desk::open();
        let builder = ServerTransport::builder().coaps(address, kept(source));
        let mut transport = builder.bind().await.unwrap();
        let restoring = tokio::spawn(async move {
            let restored = transport.restore().await.unwrap();
            (transport, restored.len())
        });
        let (identity, answer) = desk.next().await;
        assert_eq!(identity, PeerIdentity::Psk(b"device".to_vec()));
        assert!(answer.send(standing).is_ok());
        let (mut transport, restored) = restoring.await.unwrap();
        assert_eq!(restored, usize::from(goes_on));
        if goes_on {
            let mut running = Running::new(Toy::echo(), transport);
            assert!(matches!(running.heard().await, Heard::Connected(..)));
            device.send(b"after").await;
            assert_eq!(running.datagram().await.2, b"after");
            assert_eq!(device.data().await, b"after");
            running.handle.stop().await;
        } else {
            transport.shutdown().await;
            assert!(store.0.lock().unwrap().is_empty());
        }
    }
}

/// Whoever has to wait for its turn does not wait longer for all that; but what nobody waits for has its time then.
#[tokio::test(start_paused = true)]
async fn a_question_has_its_time_from_when_it_is_urgent() {
    const PATIENCE: Duration = Duration::from_secs(10);
    const TAKES: Duration = Duration::from_secs(6);
    for (is_urgent, good) in [(false, 3), (true, 1)] {
        let mut lookups = Lookups::new(1, PATIENCE);
        if is_urgent {
            lookups = lookups.urgent();
        }
        for number in 0..3 {
            let look_up = async {
                tokio::time::sleep(TAKES).await;
                Ok(Standing::Welcome)
            };
            lookups.ask(number, (), Box::pin(look_up));
        }
        let begin = Instant::now();
        let mut answers = Vec::new();
        while lookups.len() > 0 {
            let (number, (), answer) = std::future::poll_fn(|cx| lookups.poll(cx)).await;
            answers.push((number, answer.is_ok()));
        }
        let expected: Vec<_> = (0..3).map(|number| (number, number < good)).collect();
        assert_eq!(answers, expected);
        let took = if is_urgent { PATIENCE } else { 3 * TAKES };
        assert!(begin.elapsed().abs_diff(took) < Duration::from_millis(10));
    }
}
