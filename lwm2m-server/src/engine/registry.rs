//! Where registrations are kept and found: by name, by location and by peer, each with one look-up.

use super::requests::RequestTicket;
use crate::registration::{ObjectList, Registration};
use lwm2m_core::{peer::PeerId, time::Instant, timer::TimerId};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

/// A place in the registry; it is kept over re-registrations of the same endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Slot(u32);

/// A registration with what the engine needs to serve it.
pub(super) struct Entry {
    pub(super) registration: Arc<Registration>,
    /// Whom requests go to; `None` while there is no connection.
    pub(super) peer: Option<PeerId>,
    pub(super) expires: Instant,
    pub(super) last_heard: Instant,
    pub(super) expiry_timer: Option<TimerId>,
    pub(super) sleep_timer: Option<TimerId>,
    /// Requests that are under way or wait for the device to wake, oldest first.
    pub(super) requests: Vec<RequestTicket>,
}

/// All registrations.
#[derive(Default)]
pub(super) struct Registry {
    entries: Vec<Option<Entry>>,
    free: Vec<u32>,
    by_name: HashMap<Arc<str>, Slot>,
    by_id: HashMap<Arc<str>, Slot>,
    by_peer: HashMap<PeerId, Slot>,
    /// Each list that some registration has, once.
    lists: HashSet<Arc<ObjectList>>,
}

impl Registry {
    pub(super) fn len(&self) -> usize {
        self.by_name.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().flatten()
    }

    pub(super) fn entry(&self, slot: Slot) -> Option<&Entry> {
        self.entries.get(slot.0 as usize)?.as_ref()
    }

    pub(super) fn entry_mut(&mut self, slot: Slot) -> Option<&mut Entry> {
        self.entries.get_mut(slot.0 as usize)?.as_mut()
    }

    pub(super) fn by_name(&self, endpoint: &str) -> Option<Slot> {
        self.by_name.get(endpoint).copied()
    }

    pub(super) fn by_id(&self, id: &str) -> Option<Slot> {
        self.by_id.get(id).copied()
    }

    pub(super) fn by_peer(&self, peer: PeerId) -> Option<Slot> {
        self.by_peer.get(&peer).copied()
    }

    /// The one list that is equal to this.
    pub(super) fn intern(&mut self, list: ObjectList) -> Arc<ObjectList> {
        if let Some(known) = self.lists.get(&list) {
            return known.clone();
        }
        let list = Arc::new(list);
        self.lists.insert(list.clone());
        list
    }

    /// Puts a registration in: in the place of the one with the same endpoint name, whose requests it inherits, or in
    /// a new one.
    pub(super) fn insert(&mut self, mut entry: Entry) -> (Slot, Option<Entry>) {
        let name = entry.registration.endpoint.clone();
        let id = entry.registration.id.clone();
        let peer = entry.peer;
        let (slot, replaced) = match self.by_name.get(&name) {
            Some(&slot) => {
                let mut old = self.entries[slot.0 as usize].take();
                if let Some(old) = &mut old {
                    entry.requests = std::mem::take(&mut old.requests);
                    self.unindex(old, slot);
                }
                (slot, old)
            }
            None => {
                let index = self.free.pop().unwrap_or_else(|| {
                    self.entries.push(None);
                    // A registry of 2^32 entries does not fit the memory that bounds it.
                    (self.entries.len() - 1) as u32
                });
                (Slot(index), None)
            }
        };
        self.entries[slot.0 as usize] = Some(entry);
        self.by_name.insert(name, slot);
        self.by_id.insert(id, slot);
        if let Some(peer) = peer {
            self.by_peer.insert(peer, slot);
        }
        if let Some(old) = &replaced {
            self.release(old.registration.objects.clone());
        }
        (slot, replaced)
    }

    /// Takes a registration out.
    pub(super) fn remove(&mut self, slot: Slot) -> Option<Entry> {
        let entry = self.entries.get_mut(slot.0 as usize)?.take()?;
        self.free.push(slot.0);
        self.by_name.remove(&entry.registration.endpoint);
        self.unindex(&entry, slot);
        self.release(entry.registration.objects.clone());
        Some(entry)
    }

    /// Notes whom requests go to from now on; returns whether that is somebody else than before.
    pub(super) fn set_peer(&mut self, slot: Slot, peer: Option<PeerId>) -> bool {
        let Some(entry) = self
            .entries
            .get_mut(slot.0 as usize)
            .and_then(Option::as_mut)
        else {
            return false;
        };
        let old = std::mem::replace(&mut entry.peer, peer);
        if old == peer {
            return false;
        }
        if let Some(old) = old.filter(|old| self.by_peer.get(old) == Some(&slot)) {
            self.by_peer.remove(&old);
        }
        if let Some(peer) = peer {
            self.by_peer.insert(peer, slot);
        }
        true
    }

    /// Forgets a list that no registration has any more.
    pub(super) fn release(&mut self, list: Arc<ObjectList>) {
        // One count is the caller's, one the table's. Whoever else holds it (a snapshot, an event) only makes that it
        // stays until the next release.
        if Arc::strong_count(&list) <= 2 {
            self.lists.remove(&list);
        } else if self.lists.len() > 2 * self.by_name.len() + 1024 {
            self.lists.retain(|list| Arc::strong_count(list) > 1);
        }
    }

    fn unindex(&mut self, entry: &Entry, slot: Slot) {
        self.by_id.remove(&entry.registration.id);
        if let Some(peer) = entry
            .peer
            .filter(|peer| self.by_peer.get(peer) == Some(&slot))
        {
            self.by_peer.remove(&peer);
        }
    }
}
