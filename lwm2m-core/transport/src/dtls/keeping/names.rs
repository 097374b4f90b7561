//! Which of the connections outlive the process, and under which name.

use super::SessionName;
use lwm2m_core::peer::PeerId;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// What the sessions of a transport are called in their store, as of now; a handle that is kept when the transport has
/// moved into a driver. Whoever writes down a connection under this name finds it again after a restart
/// ([`RestoredSession::name`](super::RestoredSession::name)).
#[derive(Debug, Clone, Default)]
pub struct SessionNames(Arc<Mutex<HashMap<PeerId, SessionName>>>);

impl SessionNames {
    /// The name of this connection; `None` where it is not kept, or is no more.
    pub fn name(&self, peer: PeerId) -> Option<SessionName> {
        self.lock().get(&peer).copied()
    }

    pub(super) fn insert(&self, peer: PeerId, name: SessionName) {
        self.lock().insert(peer, name);
    }

    pub(super) fn remove(&self, peer: PeerId) {
        self.lock().remove(&peer);
    }

    // Held for a look-up; the transport and its engine are one task.
    fn lock(&self) -> MutexGuard<'_, HashMap<PeerId, SessionName>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
