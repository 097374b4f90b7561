//! Writes the sessions of one listener behind its endpoint, and holds back what may not be delivered before it is written.
//!
//! ```text
//!   connected ──▶ behind ──▶ saving ──▶ stored         a session is exported when its write begins: what it receives
//!                   ▲           │         │            meanwhile puts it behind again, and waits for the next write
//!                   └───────────┴─────────┘
//!   closed, replaced, forgotten ──▶ gone ──▶ saving ──▶ removed
//! ```
//!
//! There is one write at a time, and it begins as soon as there is something to write and no other is under way.

mod restore;
mod write;

use super::{
    Keeping, KeptSession, SessionChange, SessionName, SessionNames, SessionStore, SessionStoreError,
};
use crate::{metrics::Metrics, transport::Received};
use lwm2m_core::{
    engine::CloseReason,
    peer::{PeerId, PeerIdentity},
    secret::Secret,
    time::Instant,
};
use lwm2m_dtls::{Connection, Endpoint};
use std::{
    collections::{HashMap, VecDeque},
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, SystemTime},
};
use tokio::time::timeout;
use tracing::warn;
use write::write;

/// Of what may be held, one session has a part of so many.
const SHARES: usize = 64;
/// But so many datagrams.
const MIN_SHARE: usize = 8;

/// A session that is kept.
struct Kept {
    name: SessionName,
    peer: PeerId,
    credential: Vec<u8>,
    heard: SystemTime,
    /// When its last write was done.
    saved: Instant,
    /// It has received something since its last write began.
    has_heard: bool,
    /// It stands in [`Keeper::behind`].
    is_behind: bool,
    /// A write of it has begun: from then on it may be in the store.
    is_handed: bool,
    held: Vec<Received>,
}

/// A session that is in the store and nowhere else, and what is to be delivered when it is there no more.
struct Gone {
    name: SessionName,
    held: Vec<Received>,
}

/// A write under way.
struct Saving {
    done: Pin<Box<dyn Future<Output = Result<(), SessionStoreError>> + Send>>,
    connections: Vec<Connection>,
    gone: Vec<SessionName>,
    held: Vec<Received>,
}

pub(crate) struct Keeper {
    keeping: Keeping,
    listener: u16,
    idle_timeout: Duration,
    /// Sessions that the endpoint may have.
    room: usize,
    kept: HashMap<Connection, Kept>,
    /// Of all that are in `kept`.
    names: SessionNames,
    /// Whose state in the store is old, the longest first; each once.
    behind: VecDeque<Connection>,
    gone: VecDeque<Gone>,
    saving: Option<Saving>,
    /// Datagrams in all that is called `held` here.
    held: usize,
    /// The last write did not succeed.
    failing: bool,
    metrics: Arc<Metrics>,
}

impl Keeper {
    pub(crate) fn new(
        keeping: Keeping,
        listener: u16,
        (idle_timeout, room): (Duration, usize),
        names: SessionNames,
        metrics: Arc<Metrics>,
    ) -> Self {
        Keeper {
            keeping,
            listener,
            idle_timeout,
            room,
            kept: HashMap::new(),
            names,
            behind: VecDeque::new(),
            gone: VecDeque::new(),
            saving: None,
            held: 0,
            failing: false,
            metrics,
        }
    }

    pub(crate) fn store(&self) -> &Arc<dyn SessionStore> {
        &self.keeping.store
    }

    /// Whether a write of this session has begun: it may come back after a restart.
    pub(crate) fn may_be_stored(&self, connection: Connection) -> bool {
        let kept = self.kept.get(&connection);
        kept.is_some_and(|kept| kept.is_handed)
    }

    /// A handshake has succeeded.
    pub(crate) fn connected(
        &mut self,
        now: Instant,
        endpoint: &mut Endpoint,
        connection: Connection,
        (peer, name, credential): (PeerId, SessionName, Vec<u8>),
    ) {
        // Nothing of it is in the store: its first numbers are free to use, and what is written first is above them.
        use_freely(endpoint, connection);
        let removals = self.saving.as_ref().map_or(0, |saving| saving.gone.len());
        let rows = self.kept.len() + self.gone.len() + removals;
        if self.failing || rows >= self.keeping.config.max_sessions {
            self.metrics.sessions_not_kept.add();
            return;
        }
        let kept = Kept {
            name,
            peer,
            credential,
            heard: SystemTime::now(),
            saved: now,
            has_heard: true,
            is_behind: false,
            is_handed: false,
            held: Vec::new(),
        };
        self.insert(connection, kept);
        self.mark(connection);
    }

    fn insert(&mut self, connection: Connection, kept: Kept) {
        self.names.insert(kept.peer, kept.name);
        self.kept.insert(connection, kept);
    }

    fn remove(&mut self, connection: Connection) -> Option<Kept> {
        let kept = self.kept.remove(&connection)?;
        self.names.remove(kept.peer);
        Some(kept)
    }

    /// The endpoint wants the session to be exported.
    pub(crate) fn wanted(&mut self, endpoint: &mut Endpoint, connection: Connection) {
        if self.kept.contains_key(&connection) {
            self.mark(connection);
        } else {
            use_freely(endpoint, connection);
        }
    }

    /// A session has received this; it is given back where it may be delivered at once.
    pub(crate) fn received(
        &mut self,
        now: Instant,
        connection: Connection,
        datagram: Received,
    ) -> Option<Received> {
        let config = &self.keeping.config;
        let Some(kept) = self.kept.get_mut(&connection) else {
            return Some(datagram);
        };
        kept.heard = SystemTime::now();
        kept.has_heard = true;
        if config.danger_deliver_unstored {
            // When it was heard must not grow so old in the store that it is taken for idle.
            if now.since(kept.saved) >= self.idle_timeout / 4 {
                self.mark(connection);
            }
            return Some(datagram);
        }
        if !kept.is_handed {
            // The first write of it, which has not begun, will know of this.
            return Some(datagram);
        }
        let share = (config.max_held / SHARES).max(MIN_SHARE);
        if self.held < config.max_held && kept.held.len() < share {
            kept.held.push(datagram);
            self.held += 1;
        } else {
            self.metrics.inbound_dropped.add();
        }
        self.mark(connection);
        None
    }

    /// A session is over; its end is given back where it may be reported at once.
    pub(crate) fn closed(&mut self, connection: Connection, end: Received) -> Option<Received> {
        let Some(mut kept) = self.remove(connection) else {
            return Some(end);
        };
        if !kept.is_handed {
            return Some(end);
        }
        kept.held.push(end);
        self.gone.push_back(Gone {
            name: kept.name,
            held: kept.held,
        });
        None
    }

    /// The program has closed a connection: nothing of it is delivered any more.
    pub(crate) fn dropped(&mut self, connection: Connection, peer: PeerId) {
        let is_void = |received: &Received| received.peer() == peer;
        if let Some(kept) = self.remove(connection) {
            self.held -= datagrams(&kept.held);
            if kept.is_handed {
                let (name, held) = (kept.name, Vec::new());
                self.gone.push_back(Gone { name, held });
            }
        } else {
            // Its end may wait, with what came before.
            let gone = self.gone.iter_mut().map(|gone| &mut gone.held);
            self.held -= gone.map(|held| discard(held, is_void)).sum::<usize>();
        }
        self.discard_saving(is_void);
    }

    /// The program has removed these credentials: what came with them is not delivered any more.
    pub(crate) fn forgotten(&mut self, endpoint: &Endpoint, identity: &PeerIdentity) {
        if self.held == 0 {
            return;
        }
        let is_void = |received: &Received| received.is_datagram_of(identity);
        for connection in endpoint.sessions_of(identity) {
            if let Some(kept) = self.kept.get_mut(&connection) {
                self.held -= discard(&mut kept.held, is_void);
            }
        }
        let gone = self.gone.iter_mut().map(|gone| &mut gone.held);
        self.held -= gone.map(|held| discard(held, is_void)).sum::<usize>();
        self.discard_saving(is_void);
    }

    fn discard_saving(&mut self, is_void: impl Fn(&Received) -> bool) {
        if let Some(saving) = &mut self.saving {
            self.held -= discard(&mut saving.held, is_void);
        }
    }

    fn mark(&mut self, connection: Connection) {
        if let Some(kept) = self.kept.get_mut(&connection)
            && !std::mem::replace(&mut kept.is_behind, true)
        {
            self.behind.push_back(connection);
        }
    }

    /// Goes on with the writing. Ready when something has come of it; what may be delivered then goes to `to`.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
        endpoint: &mut Endpoint,
        to: &mut VecDeque<Received>,
    ) -> Poll<()> {
        self.begin(now, endpoint, to);
        if !to.is_empty() {
            return Poll::Ready(());
        }
        let Some(saving) = &mut self.saving else {
            return Poll::Pending;
        };
        let result = ready!(saving.done.as_mut().poll(cx));
        // Its error was said when it happened.
        let _ = self.finish(now, endpoint, result, to);
        Poll::Ready(())
    }

    /// Begins the next write, where there is none under way.
    fn begin(&mut self, now: Instant, endpoint: &mut Endpoint, to: &mut VecDeque<Received>) {
        if self.saving.is_some() {
            return;
        }
        if self.failing {
            // They cannot go on without a write, and a new session can.
            for connection in std::mem::take(&mut self.behind) {
                self.end(now, endpoint, connection, to);
            }
        }
        let limit = self.keeping.config.batch.max(1);
        let mut changes = Vec::new();
        let (mut connections, mut removed, mut held) = (Vec::new(), Vec::new(), Vec::new());
        while changes.len() < limit
            && let Some(gone) = self.gone.pop_front()
        {
            changes.push(SessionChange::Remove(gone.name));
            removed.push(gone.name);
            held.extend(gone.held);
        }
        while changes.len() < limit
            && let Some(connection) = self.behind.pop_front()
        {
            let Some(kept) = self.kept.get_mut(&connection) else {
                continue;
            };
            kept.is_behind = false;
            let Some(export) = endpoint.export(connection) else {
                continue;
            };
            kept.is_handed = true;
            kept.has_heard = false;
            changes.push(SessionChange::Put(KeptSession {
                name: kept.name,
                listener: self.listener,
                heard: kept.heard,
                credential: kept.credential.clone(),
                state: Secret::new(export.expose_secret().to_vec()),
            }));
            connections.push(connection);
            held.append(&mut kept.held);
        }
        if changes.is_empty() {
            return;
        }
        let (store, patience) = (self.keeping.store.clone(), self.keeping.config.patience);
        self.saving = Some(Saving {
            done: Box::pin(write(store, changes, patience, self.failing)),
            connections,
            gone: removed,
            held,
        });
    }

    /// A write has ended.
    fn finish(
        &mut self,
        now: Instant,
        endpoint: &mut Endpoint,
        result: Result<(), SessionStoreError>,
        to: &mut VecDeque<Received>,
    ) -> Result<(), SessionStoreError> {
        let Some(saving) = self.saving.take() else {
            return Ok(());
        };
        self.failing = result.is_err();
        self.held -= datagrams(&saving.held);
        if result.is_ok() {
            for connection in saving.connections {
                endpoint.export_stored(connection);
                if let Some(kept) = self.kept.get_mut(&connection) {
                    kept.saved = now;
                }
            }
            to.extend(saving.held);
            return Ok(());
        }
        // Whether it is in the store is not known: it is neither used further nor delivered.
        to.extend(saving.held.into_iter().filter(|held| !held.is_datagram()));
        for name in saving.gone {
            let held = Vec::new();
            self.gone.push_back(Gone { name, held });
        }
        for connection in saving.connections {
            self.end(now, endpoint, connection, to);
        }
        result
    }

    /// Ends a session that cannot be written.
    fn end(
        &mut self,
        now: Instant,
        endpoint: &mut Endpoint,
        connection: Connection,
        to: &mut VecDeque<Received>,
    ) {
        let Some(kept) = self.remove(connection) else {
            return;
        };
        endpoint.close(now, connection);
        self.held -= datagrams(&kept.held);
        if kept.is_handed {
            let (name, held) = (kept.name, Vec::new());
            self.gone.push_back(Gone { name, held });
        }
        to.push_back(Received::Closed {
            peer: kept.peer,
            reason: CloseReason::Transport("the session cannot be kept in the store".into()),
        });
    }

    /// Writes all that the store does not know yet, and what received something without a write, as far as there is time
    /// ([`settle_timeout`](super::KeepingConfig::settle_timeout)).
    pub(crate) async fn settle(&mut self, now: Instant, endpoint: &mut Endpoint) {
        let behind = self.kept.iter().filter(|(_, kept)| kept.has_heard);
        for connection in behind
            .map(|(connection, _)| *connection)
            .collect::<Vec<_>>()
        {
            self.mark(connection);
        }
        let time = self.keeping.config.settle_timeout;
        match timeout(time, self.write_all(now, endpoint)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => warn!(%error, "not all sessions are kept"),
            Err(_) => warn!(
                "the store of sessions is too slow: some are kept as they were before, or not"
            ),
        }
    }

    async fn write_all(
        &mut self,
        now: Instant,
        endpoint: &mut Endpoint,
    ) -> Result<(), SessionStoreError> {
        let mut undelivered = VecDeque::new();
        loop {
            self.begin(now, endpoint, &mut undelivered);
            let Some(saving) = &mut self.saving else {
                return Ok(());
            };
            let result = saving.done.as_mut().await;
            self.finish(now, endpoint, result, &mut undelivered)?;
        }
    }
}

/// Lets a session that is not in the store use numbers as if they were reserved there.
fn use_freely(endpoint: &mut Endpoint, connection: Connection) {
    endpoint.export(connection);
    endpoint.export_stored(connection);
}

/// Takes out what is void; gives back how many datagrams that were.
fn discard(held: &mut Vec<Received>, is_void: impl Fn(&Received) -> bool) -> usize {
    let before = datagrams(held);
    held.retain(|received| !is_void(received));
    before - datagrams(held)
}

fn datagrams(held: &[Received]) -> usize {
    held.iter().filter(|held| held.is_datagram()).count()
}
