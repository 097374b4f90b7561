//! Sessions that are taken up again, on either side: by their id (RFC 5246, section 7.3), or by a ticket.

mod ticket;

pub(crate) use ticket::Tickets;

use crate::{
    crypto::prf::MasterSecret,
    rings::{Identities, Rings},
    session::identity_size,
    suite::CipherSuite,
    wire::hello::MAX_SESSION_ID,
};
use alloc::{boxed::Box, collections::VecDeque, sync::Arc, vec::Vec};
use core::{
    fmt,
    hash::BuildHasher,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use hashbrown::{DefaultHashBuilder, HashTable};
use lwm2m_core::{peer::PeerIdentity, time::Instant};

/// Whether a session must not be taken up any more: shared by all its connections and what takes it up.
#[derive(Clone, Default)]
pub(crate) struct Revocation(Arc<AtomicBool>);

impl Revocation {
    /// Bytes on the heap: two counters stand before what is shared.
    pub(crate) const SIZE: usize = 3 * size_of::<usize>();

    pub(crate) fn revoke(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_revoked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What a client keeps of a session to take it up again (RFC 5246, section 7.3; RFC 5077, section 3.1); as secret as a key. Once an alert has ended a connection of the
/// session, it is of no use (RFC 5246, section 7.2.2): a handshake with it is a full one.
#[derive(Clone)]
pub struct Resumption {
    /// As the server gave it, or, with a ticket, one of our own, by which we see whether the server has taken it
    /// (RFC 5077, section 3.4).
    pub(crate) session_id: Vec<u8>,
    /// Empty: none.
    pub(crate) ticket: Vec<u8>,
    pub(crate) lifetime: Option<Duration>,
    pub(crate) revocation: Revocation,
    pub(crate) master: Arc<MasterSecret>,
    pub(crate) suite: CipherSuite,
    pub(crate) extended_master_secret: bool,
    /// The length of fragments that was asked for: who asks for another begins anew.
    pub(crate) asked_fragment: Option<u16>,
    /// Longest plaintext of a record, which a session keeps (RFC 6066, section 4).
    pub(crate) max_plaintext: usize,
    /// Who the server has proven to be.
    pub(crate) identity: Arc<PeerIdentity>,
}

impl Resumption {
    /// How long the server means to keep it, if it says so (RFC 5077, section 3.3).
    pub fn lifetime(&self) -> Option<Duration> {
        self.lifetime
    }

    /// Whether it is a ticket, for which the server keeps nothing.
    pub fn is_ticket(&self) -> bool {
        !self.ticket.is_empty()
    }
}

impl fmt::Debug for Resumption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resumption").finish_non_exhaustive()
    }
}

pub(crate) type SessionId = [u8; MAX_SESSION_ID];

/// What a server takes a session up from.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Resumable {
    pub(crate) master: Arc<MasterSecret>,
    pub(crate) suite: CipherSuite,
    pub(crate) extended_master_secret: bool,
    /// Longest plaintext of a record, at most 2^14; who asks for another begins anew (RFC 6066, section 4).
    pub(crate) max_plaintext: u16,
    pub(crate) identity: Arc<PeerIdentity>,
    /// The host that the client asked for; empty: none. A session is not taken up under another name (RFC 6066,
    /// section 3).
    pub(crate) server_name: Box<[u8]>,
}

struct Slot {
    id: SessionId,
    /// Tells it from what stood in the slot before.
    number: u64,
    expires: Instant,
    session: Resumable,
    revocation: Revocation,
}

/// The sessions of a server that may be taken up again; the oldest makes room.
pub(crate) struct Resumables {
    capacity: usize,
    per_identity: usize,
    slots: Vec<Option<Slot>>,
    free: Vec<u32>,
    /// Slots and numbers in the order in which they expire, which is that of their numbers, since each lives as long as
    /// the others; some may be gone.
    order: VecDeque<(u32, u64)>,
    next: u64,
    hasher: DefaultHashBuilder,
    by_id: HashTable<u32>,
    by_identity: Rings,
}

impl Identities for [Option<Slot>] {
    fn identity(&self, slot: u32) -> Option<&PeerIdentity> {
        let slot = self.get(slot as usize)?.as_ref()?;
        Some(&slot.session.identity)
    }
}

fn id_in(slots: &[Option<Slot>], slot: u32) -> Option<&SessionId> {
    Some(&slots.get(slot as usize)?.as_ref()?.id)
}

impl Resumables {
    /// At most `capacity` in all, and `per_identity` of each.
    pub(crate) fn new(capacity: usize, per_identity: usize) -> Self {
        Resumables {
            capacity,
            per_identity,
            slots: Vec::new(),
            free: Vec::new(),
            order: VecDeque::new(),
            next: 0,
            hasher: DefaultHashBuilder::default(),
            by_id: HashTable::new(),
            by_identity: Rings::default(),
        }
    }

    pub(crate) fn is_enabled(&self) -> bool {
        self.capacity > 0
    }

    /// Keeps a session; whoever ends it by an alert revokes it.
    pub(crate) fn insert(
        &mut self,
        now: Instant,
        id: SessionId,
        expires: Instant,
        session: Resumable,
    ) -> Option<Revocation> {
        if self.capacity == 0 {
            return None;
        }
        self.drop_expired(now);
        while self.by_identity.count(&session.identity, &self.slots[..]) >= self.per_identity
            && let Some(oldest) = self.by_identity.first(&session.identity, &self.slots[..])
        {
            self.remove(oldest);
        }
        if self.by_id.len() == self.capacity
            && let Some(oldest) = self.oldest()
        {
            self.remove(oldest);
        }
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            (self.slots.len() - 1) as u32
        });
        let number = self.next;
        self.next += 1;
        self.order.push_back((slot, number));
        let revocation = Revocation::default();
        self.slots[slot as usize] = Some(Slot {
            id,
            number,
            expires,
            session,
            revocation: revocation.clone(),
        });
        let (hasher, slots) = (&self.hasher, &self.slots[..]);
        self.by_id.insert_unique(hasher.hash_one(id), slot, |slot| {
            id_in(slots, *slot).map_or(0, |id| hasher.hash_one(id))
        });
        self.by_identity.insert(slot, slots);
        Some(revocation)
    }

    pub(crate) fn find(&mut self, now: Instant, id: &[u8]) -> Option<(Resumable, Revocation)> {
        self.drop_expired(now);
        let id: &SessionId = id.try_into().ok()?;
        let is_it = |slot: &u32| id_in(&self.slots, *slot) == Some(id);
        let index = *self.by_id.find(self.hasher.hash_one(id), is_it)?;
        let slot = self.slots.get(index as usize)?.as_ref()?;
        if slot.revocation.is_revoked() {
            self.remove(index);
            return None;
        }
        Some((slot.session.clone(), slot.revocation.clone()))
    }

    /// Forgets those of an identity whose credentials are gone.
    pub(crate) fn forget(&mut self, identity: &PeerIdentity) {
        for slot in self.by_identity.of(identity, &self.slots[..]) {
            self.remove(slot);
        }
    }

    /// The slot of the session that expires next.
    fn oldest(&mut self) -> Option<u32> {
        loop {
            let (slot, number) = *self.order.front()?;
            if self.stands(slot, number) {
                return Some(slot);
            }
            self.order.pop_front();
        }
    }

    /// Whether a slot has what it had when it was given this number.
    fn stands(&self, slot: u32, number: u64) -> bool {
        let slot = self.slots.get(slot as usize).and_then(Option::as_ref);
        slot.is_some_and(|slot| slot.number == number)
    }

    fn drop_expired(&mut self, now: Instant) {
        while let Some(oldest) = self.oldest()
            && let Some(Some(slot)) = self.slots.get(oldest as usize)
            && slot.expires <= now
        {
            self.remove(oldest);
        }
        // Those that went out of turn.
        if self.order.len() > 2 * self.by_id.len() + 16 {
            let mut order = core::mem::take(&mut self.order);
            order.retain(|(slot, number)| self.stands(*slot, *number));
            self.order = order;
        }
    }

    /// Empties a slot.
    fn remove(&mut self, slot: u32) {
        let Some(id) = id_in(&self.slots, slot) else {
            return;
        };
        let hash = self.hasher.hash_one(id);
        if let Ok(entry) = self.by_id.find_entry(hash, |other| *other == slot) {
            entry.remove();
        }
        self.by_identity.remove(slot, &self.slots[..]);
        self.slots[slot as usize] = None;
        self.free.push(slot);
    }

    pub(crate) fn size(&self) -> usize {
        let own = self.slots.iter().flatten().map(|slot| {
            size_of::<MasterSecret>()
                + Revocation::SIZE
                + 2 * size_of::<usize>()
                + slot.session.server_name.len()
                + identity_size(&slot.session.identity)
        });
        self.slots.capacity() * size_of::<Option<Slot>>()
            + self.free.capacity() * size_of::<u32>()
            + self.order.capacity() * size_of::<(u32, u64)>()
            + self.by_id.allocation_size()
            + self.by_identity.size()
            + own.sum::<usize>()
    }
}
