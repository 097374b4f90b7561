//! Sessions that are taken up again by their id (RFC 5246, section 7.3), on either side.

use crate::{
    crypto::prf::MasterSecret, session::identity_size, suite::CipherSuite,
    wire::hello::MAX_SESSION_ID,
};
use alloc::{collections::VecDeque, sync::Arc, vec::Vec};
use core::fmt;
use hashbrown::HashMap;
use lwm2m_core::{peer::PeerIdentity, time::Instant};

/// What a client keeps of a session to take it up again; as secret as a key.
#[derive(Clone)]
pub struct Resumption {
    pub(crate) session_id: Vec<u8>,
    pub(crate) master: Arc<MasterSecret>,
    pub(crate) suite: CipherSuite,
    pub(crate) extended_master_secret: bool,
    /// Who the server has proven to be.
    pub(crate) identity: Arc<PeerIdentity>,
}

impl fmt::Debug for Resumption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resumption").finish_non_exhaustive()
    }
}

pub(crate) type SessionId = [u8; MAX_SESSION_ID];

/// What a server keeps.
#[derive(Clone)]
pub(crate) struct Resumable {
    pub(crate) master: Arc<MasterSecret>,
    pub(crate) suite: CipherSuite,
    pub(crate) extended_master_secret: bool,
    pub(crate) identity: Arc<PeerIdentity>,
    expires: Instant,
}

/// The sessions of a server that may be taken up again; the oldest makes room.
pub(crate) struct Resumables {
    capacity: usize,
    sessions: HashMap<SessionId, Resumable>,
    /// Ids in the order in which they expire; some may be gone already.
    order: VecDeque<(Instant, SessionId)>,
}

impl Resumables {
    pub(crate) fn new(capacity: usize) -> Self {
        Resumables {
            capacity,
            sessions: HashMap::new(),
            order: VecDeque::new(),
        }
    }

    pub(crate) fn is_enabled(&self) -> bool {
        self.capacity > 0
    }

    pub(crate) fn insert(
        &mut self,
        id: SessionId,
        expires: Instant,
        master: Arc<MasterSecret>,
        suite: CipherSuite,
        extended_master_secret: bool,
        identity: Arc<PeerIdentity>,
    ) {
        if self.capacity == 0 {
            return;
        }
        while self.order.len() >= self.capacity {
            if let Some((_, oldest)) = self.order.pop_front() {
                self.sessions.remove(&oldest);
            }
        }
        self.order.push_back((expires, id));
        let resumable = Resumable {
            master,
            suite,
            extended_master_secret,
            identity,
            expires,
        };
        self.sessions.insert(id, resumable);
    }

    pub(crate) fn find(&mut self, now: Instant, id: &[u8]) -> Option<&Resumable> {
        while let Some((expires, oldest)) = self.order.front() {
            if *expires > now {
                break;
            }
            self.sessions.remove(oldest);
            self.order.pop_front();
        }
        let id: &SessionId = id.try_into().ok()?;
        self.sessions
            .get(id)
            .filter(|session| session.expires > now)
    }

    /// Forgets those of an identity whose credentials are gone.
    pub(crate) fn forget(&mut self, identity: &PeerIdentity) {
        self.sessions
            .retain(|_, session| *session.identity != *identity);
    }

    pub(crate) fn size(&self) -> usize {
        let identities = self
            .sessions
            .values()
            .map(|session| identity_size(&session.identity));
        self.sessions.allocation_size()
            + self.order.capacity() * size_of::<(Instant, SessionId)>()
            + self.sessions.len() * (size_of::<MasterSecret>() + 2 * size_of::<usize>())
            + identities.sum::<usize>()
    }
}
