//! Sessions that outlive the process: what is asked of a store, and how.
//!
//! A server that keeps its sessions goes on with them after a restart, whether it ended orderly or not: its devices make
//! no handshake and notice nothing. Two things must not happen on the way, and do not:
//!
//! - **No sequence number is used twice** for what we send, which would undo the encryption. Numbers are reserved in the
//!   store before they are used, [`reserve`](KeepingConfig::reserve) at a time, and a session goes on behind those that
//!   are reserved.
//! - **No record is heard twice.** What a session receives is delivered when the store knows that it was received, so
//!   that a record from before a crash is known after it. All sessions that wait are written together, and while a write
//!   is under way the next gathers: what one datagram waits for is a write or two, however many devices there are.
//!   [`danger_deliver_unstored`](KeepingConfig::danger_deliver_unstored) trades this for speed.
//!
//! A session goes with its credential: it is not taken up again where the pre-shared key has changed or gone, the public
//! key or certificate is no longer welcome, or the trust anchors are others.
//!
//! A store that stands for an earlier moment (a copy of its file, a snapshot of the machine) must not be started from:
//! its reservations are used up. What makes copies of a store leaves the sessions out.

pub(super) mod keeper;
mod names;
#[cfg(test)]
mod tests;

pub use names::SessionNames;

use async_trait::async_trait;
use lwm2m_core::{
    peer::{PeerId, PeerIdentity},
    secret::Secret,
};
use std::{
    fmt,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, SystemTime},
};

/// Where sessions survive.
#[async_trait]
pub trait SessionStore: Send + Sync + 'static {
    /// All sessions that are kept; called once, by [`ServerTransport::restore`](crate::ServerTransport::restore).
    ///
    /// # Errors
    /// The store failed; no session is taken up then.
    async fn load(&self) -> Result<Vec<KeptSession>, SessionStoreError>;

    /// Makes these changes last, all of them or none. A name stands in a batch once. When it returns they have reached
    /// what survives a crash: numbers are used on the strength of it.
    ///
    /// # Errors
    /// The store failed; the same changes are tried again for [`patience`](KeepingConfig::patience). When that is over, a
    /// call that has not returned is dropped; what it was asked for may still be done then, before what is asked later.
    async fn apply(&self, changes: &[SessionChange]) -> Result<(), SessionStoreError>;
}

/// The store failed.
#[derive(Debug, thiserror::Error)]
#[error("the store of sessions failed: {0}")]
pub struct SessionStoreError(#[source] Box<dyn std::error::Error + Send + Sync>);

impl SessionStoreError {
    /// For this reason.
    pub fn new(reason: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        SessionStoreError(reason.into())
    }
}

/// Names a session in a store, from its first record there to its last, over restarts. It is random and tells nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionName(pub [u8; 16]);

/// A session as it is kept, some 200 bytes. Whoever has it can read and forge what is sent in the session.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeptSession {
    /// Its name.
    pub name: SessionName,
    /// The number of its listener.
    pub listener: u16,
    /// When its peer was heard last, as far as that was written.
    pub heard: SystemTime,
    /// Tells whether it still rests on the same credential; nothing can be learned of that but by trying keys.
    pub credential: Vec<u8>,
    /// Its state ([`lwm2m_dtls::Export`]), keys included.
    pub state: Secret,
}

impl KeptSession {
    /// One that comes out of a store.
    pub fn new(
        name: SessionName,
        listener: u16,
        heard: SystemTime,
        credential: Vec<u8>,
        state: Secret,
    ) -> Self {
        KeptSession {
            name,
            listener,
            heard,
            credential,
            state,
        }
    }
}

/// A change to a store of sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionChange {
    /// Put this session in place of what has the same name.
    Put(KeptSession),
    /// Remove the session of this name, if there is one.
    Remove(SessionName),
}

/// A session that was taken up again.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RestoredSession {
    /// What it is called in the store, before and after.
    pub name: SessionName,
    /// Its name from now on; it had another one in the process before.
    pub peer: PeerId,
    /// Who its peer has proven to be, then.
    pub identity: Arc<PeerIdentity>,
    /// Where the peer was when it was heard last.
    pub address: SocketAddr,
}

/// How sessions are kept.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct KeepingConfig {
    /// Sequence numbers that a session reserves in the store at a time; after a crash, those that were not used are
    /// skipped. The next are reserved when half of them are used, so that half of them is what a session may send during
    /// one write of the store; what is beyond is dropped. Default 1,000.
    pub reserve: u64,
    /// Sessions that are kept, each some 400 bytes more than one that is not, and about as many in the store. Those beyond
    /// are served, but gone after a restart. Default 100,000.
    pub max_sessions: usize,
    /// Sessions in one write. Default 1,000.
    pub batch: usize,
    /// Datagrams that wait until it is written that they were received; those beyond are dropped. Of one session, at most
    /// a 64th of them wait for the next write, or 8 where that is less, so that nobody takes the room of all. Default
    /// 4,096.
    pub max_held: usize,
    /// How long a write may take, and is tried again where it fails. After that the sessions that it was for are ended,
    /// and new ones are not kept until a write succeeds. An attempt has 1 s at least. Default 10 s.
    pub patience: Duration,
    /// How long an orderly end waits until all sessions are written that have received something since their last write.
    /// What is not written by then is in the store as after a crash. Default 10 s.
    pub settle_timeout: Duration,
    /// Delivers at once what a session receives, without a write for it. Sessions are then written once for half of
    /// [`reserve`](Self::reserve) records, and what the peer has said since can be repeated once by whoever has
    /// overheard it, after a crash; not after an orderly end that had time for all. Default `false`.
    pub danger_deliver_unstored: bool,
}

impl Default for KeepingConfig {
    fn default() -> Self {
        KeepingConfig {
            reserve: 1000,
            max_sessions: 100_000,
            batch: 1000,
            max_held: 4096,
            patience: Duration::from_secs(10),
            settle_timeout: Duration::from_secs(10),
            danger_deliver_unstored: false,
        }
    }
}

/// A store, and how sessions are kept there.
#[derive(Clone)]
pub(crate) struct Keeping {
    pub(crate) store: Arc<dyn SessionStore>,
    pub(crate) config: KeepingConfig,
}

impl fmt::Debug for Keeping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.config.fmt(f)
    }
}
