//! Connections and the ways to find them: by handle, by address, by Connection ID, by identity, and by how long they have
//! been quiet.
//!
//! Every step is O(1). Sessions stand in a list, the one that was heard last at its end, so that idle ones are found at
//! its beginning. The indexes of sessions hold slot numbers only and read the keys where they stand, in the session.
//! Sessions and handshakes live in boxes that never move, so that their keys are wiped where they were.

use super::Connection;
use crate::{
    address::{AddressKey, host},
    handshake::Handshake,
    rings::{Identities, Rings},
    session::{OwnId, Session},
};
use alloc::{boxed::Box, vec::Vec};
use core::hash::BuildHasher;
use core::net::{IpAddr, SocketAddr};
use hashbrown::{DefaultHashBuilder, HashMap, HashTable};
use lwm2m_core::peer::PeerIdentity;

const NONE: u32 = u32::MAX;

/// What stands behind a handle.
pub(crate) enum State {
    Handshake(Box<Handshake>),
    Session(Box<Session>),
}

struct Slot {
    state: Option<State>,
    generation: u32,
    /// Of the list of sessions; of free slots, `after` leads to the next.
    before: u32,
    after: u32,
}

pub(crate) struct Table {
    slots: Vec<Slot>,
    free: u32,
    quietest: u32,
    latest: u32,
    sessions: usize,
    hasher: DefaultHashBuilder,
    session_by_address: HashTable<u32>,
    session_by_id: HashTable<u32>,
    sessions_of: Rings,
    handshake_by_address: HashMap<AddressKey, u32>,
    handshake_by_id: HashMap<OwnId, u32>,
    handshakes_of: HashMap<IpAddr, u32>,
}

fn session_in(slots: &[Slot], index: u32) -> Option<&Session> {
    match slots.get(index as usize)?.state.as_ref()? {
        State::Session(session) => Some(session),
        State::Handshake(_) => None,
    }
}

impl Identities for [Slot] {
    fn identity(&self, slot: u32) -> Option<&PeerIdentity> {
        session_in(self, slot).map(|session| &*session.identity)
    }
}

fn address_hash(hasher: &DefaultHashBuilder, slots: &[Slot], index: u32) -> u64 {
    session_in(slots, index).map_or(0, |session| {
        hasher.hash_one(AddressKey::new(session.address))
    })
}

fn id_hash(hasher: &DefaultHashBuilder, slots: &[Slot], index: u32) -> u64 {
    session_in(slots, index).map_or(0, |session| hasher.hash_one(session.own_id))
}

impl Table {
    pub(crate) fn new() -> Self {
        Table {
            slots: Vec::new(),
            free: NONE,
            quietest: NONE,
            latest: NONE,
            sessions: 0,
            hasher: DefaultHashBuilder::default(),
            session_by_address: HashTable::new(),
            session_by_id: HashTable::new(),
            sessions_of: Rings::default(),
            handshake_by_address: HashMap::new(),
            handshake_by_id: HashMap::new(),
            handshakes_of: HashMap::new(),
        }
    }

    pub(crate) fn sessions(&self) -> usize {
        self.sessions
    }

    pub(crate) fn handshakes(&self) -> usize {
        self.handshake_by_address.len()
    }

    /// Handshakes with the host that has this address.
    pub(crate) fn handshakes_of(&self, ip: IpAddr) -> usize {
        let count = self.handshakes_of.get(&host(ip));
        count.map_or(0, |count| *count as usize)
    }

    fn slot(&self, connection: Connection) -> Option<&Slot> {
        let slot = self.slots.get(connection.index())?;
        (slot.generation == connection.generation()).then_some(slot)
    }

    fn slot_mut(&mut self, connection: Connection) -> Option<&mut Slot> {
        let slot = self.slots.get_mut(connection.index())?;
        (slot.generation == connection.generation()).then_some(slot)
    }

    fn handle(&self, index: u32) -> Connection {
        let generation = self
            .slots
            .get(index as usize)
            .map_or(0, |slot| slot.generation);
        Connection::new(generation, index)
    }

    pub(crate) fn session(&self, connection: Connection) -> Option<&Session> {
        match self.slot(connection)?.state.as_ref()? {
            State::Session(session) => Some(session),
            State::Handshake(_) => None,
        }
    }

    pub(crate) fn session_mut(&mut self, connection: Connection) -> Option<&mut Session> {
        match self.slot_mut(connection)?.state.as_mut()? {
            State::Session(session) => Some(session),
            State::Handshake(_) => None,
        }
    }

    pub(crate) fn handshake_mut(&mut self, connection: Connection) -> Option<&mut Handshake> {
        match self.slot_mut(connection)?.state.as_mut()? {
            State::Handshake(handshake) => Some(handshake),
            State::Session(_) => None,
        }
    }

    pub(crate) fn session_at(&self, address: SocketAddr) -> Option<Connection> {
        let key = AddressKey::new(address);
        let index = self
            .session_by_address
            .find(self.hasher.hash_one(key), |index| {
                session_in(&self.slots, *index)
                    .is_some_and(|session| AddressKey::new(session.address) == key)
            })?;
        Some(self.handle(*index))
    }

    pub(crate) fn handshake_at(&self, address: SocketAddr) -> Option<Connection> {
        let index = self.handshake_by_address.get(&AddressKey::new(address))?;
        Some(self.handle(*index))
    }

    pub(crate) fn with_id(&self, id: &[u8]) -> Option<Connection> {
        let id = OwnId::new(id);
        if id.is_empty() {
            return None;
        }
        let session = self.session_by_id.find(self.hasher.hash_one(id), |index| {
            session_in(&self.slots, *index).is_some_and(|session| session.own_id == id)
        });
        let index = session.or_else(|| self.handshake_by_id.get(&id))?;
        Some(self.handle(*index))
    }

    /// The session that has been quiet for longest.
    pub(crate) fn quietest(&self) -> Option<Connection> {
        (self.quietest != NONE).then(|| self.handle(self.quietest))
    }

    /// How many sessions an identity has.
    pub(crate) fn sessions_of(&self, identity: &PeerIdentity) -> usize {
        self.sessions_of.count(identity, &self.slots[..])
    }

    /// The session of an identity that has been quiet for longest.
    pub(crate) fn quietest_of(&self, identity: &PeerIdentity) -> Option<Connection> {
        let first = self.sessions_of.first(identity, &self.slots[..])?;
        Some(self.handle(first))
    }

    /// All sessions of an identity.
    pub(crate) fn all_sessions_of(&self, identity: &PeerIdentity) -> Vec<Connection> {
        let slots = self.sessions_of.of(identity, &self.slots[..]).into_iter();
        slots.map(|slot| self.handle(slot)).collect()
    }

    /// All sessions, the quietest first.
    pub(crate) fn all_sessions(&self) -> impl Iterator<Item = (Connection, &Session)> {
        let mut next = self.quietest;
        core::iter::from_fn(move || {
            let slot = self.slots.get(next as usize)?;
            let connection = Connection::new(slot.generation, next);
            next = slot.after;
            match &slot.state {
                Some(State::Session(session)) => Some((connection, &**session)),
                _ => None,
            }
        })
    }

    /// All handshakes, of which there are never many.
    pub(crate) fn all_handshakes(&self) -> impl Iterator<Item = (Connection, &Handshake)> {
        self.handshake_by_address.values().filter_map(|index| {
            let slot = self.slots.get(*index as usize)?;
            let Some(State::Handshake(handshake)) = &slot.state else {
                return None;
            };
            Some((Connection::new(slot.generation, *index), &**handshake))
        })
    }

    /// Takes in a handshake; at most one stands for each address, and the one that stood there is given back.
    pub(crate) fn insert_handshake(
        &mut self,
        handshake: Box<Handshake>,
    ) -> (Connection, Option<(Connection, Box<Handshake>)>) {
        let replaced = self.handshake_at(handshake.address).and_then(|old| {
            let handshake = self.take_handshake(old)?;
            self.abandon(old, &handshake);
            Some((old, handshake))
        });
        let index = self.allocate();
        self.handshake_by_address
            .insert(AddressKey::new(handshake.address), index);
        let of = host(handshake.address.ip());
        *self.handshakes_of.entry(of).or_insert(0) += 1;
        if !handshake.own_id.is_empty() {
            self.handshake_by_id
                .insert(OwnId::new(&handshake.own_id), index);
        }
        self.slots[index as usize].state = Some(State::Handshake(handshake));
        (self.handle(index), replaced)
    }

    /// Takes a handshake out to work on it; [`Table::put_back`] or [`Table::become_session`] follows.
    pub(crate) fn take_handshake(&mut self, connection: Connection) -> Option<Box<Handshake>> {
        let slot = self.slot_mut(connection)?;
        match slot.state.take() {
            Some(State::Handshake(handshake)) => Some(handshake),
            other => {
                slot.state = other;
                None
            }
        }
    }

    pub(crate) fn put_back(&mut self, connection: Connection, handshake: Box<Handshake>) {
        if let Some(slot) = self.slot_mut(connection) {
            slot.state = Some(State::Handshake(handshake));
        }
    }

    /// The handshake that was taken out has led to a session, under the same handle.
    pub(crate) fn become_session(
        &mut self,
        connection: Connection,
        handshake_address: SocketAddr,
        handshake_id: &[u8],
        session: Box<Session>,
    ) {
        self.forget_handshake(handshake_address, handshake_id);
        if self.slot(connection).is_some() {
            self.place_session(connection.index() as u32, session);
        }
    }

    /// Takes in a session from elsewhere.
    pub(crate) fn insert_session(&mut self, session: Box<Session>) -> Connection {
        let index = self.allocate();
        self.place_session(index, session);
        self.handle(index)
    }

    fn place_session(&mut self, index: u32, session: Box<Session>) {
        let (address, id) = (session.address, session.own_id);
        // Whoever stood there is found by its Connection ID from now on, or not at all.
        if let Some(old) = self.session_at(address) {
            self.unindex_address(address, old.index() as u32);
        }
        self.slots[index as usize].state = Some(State::Session(session));
        self.index_address(index);
        if !id.is_empty() {
            let (hasher, slots) = (&self.hasher, &self.slots);
            let hash = hasher.hash_one(id);
            self.session_by_id
                .insert_unique(hash, index, |index| id_hash(hasher, slots, *index));
        }
        self.sessions_of.insert(index, &self.slots[..]);
        self.sessions += 1;
        self.append(index);
    }

    fn index_address(&mut self, index: u32) {
        let (hasher, slots) = (&self.hasher, &self.slots);
        let hash = address_hash(hasher, slots, index);
        self.session_by_address
            .insert_unique(hash, index, |index| address_hash(hasher, slots, *index));
    }

    /// Unless another session has come to that address since.
    fn unindex_address(&mut self, address: SocketAddr, index: u32) {
        let hash = self.hasher.hash_one(AddressKey::new(address));
        if let Ok(entry) = self
            .session_by_address
            .find_entry(hash, |other| *other == index)
        {
            entry.remove();
        }
    }

    /// A session was heard: it is the last to become idle.
    pub(crate) fn touch(&mut self, connection: Connection) {
        if self.session(connection).is_some() && self.latest != connection.index() as u32 {
            self.unlink(connection.index() as u32);
            self.append(connection.index() as u32);
            self.sessions_of
                .touch(connection.index() as u32, &self.slots[..]);
        }
    }

    /// A session is at another address now. One without Connection ID that stands there keeps its place: it cannot be
    /// found in another way, and whoever moves may have forged the address.
    pub(crate) fn move_session(&mut self, connection: Connection, address: SocketAddr) {
        let index = connection.index() as u32;
        let Some(old) = self.session(connection).map(|session| session.address) else {
            return;
        };
        self.unindex_address(old, index);
        let there = self.session_at(address);
        if let Some(session) = self.session_mut(connection) {
            session.address = address;
        }
        match there {
            Some(there) if self.session(there).is_some_and(|s| s.own_id.is_empty()) => {}
            Some(there) => {
                self.unindex_address(address, there.index() as u32);
                self.index_address(index);
            }
            None => self.index_address(index),
        }
    }

    /// Takes a session out.
    pub(crate) fn remove(&mut self, connection: Connection) -> Option<Box<Session>> {
        let session = self.session(connection)?;
        let (address, id) = (session.address, session.own_id);
        let index = connection.index() as u32;
        self.unindex_address(address, index);
        if !id.is_empty() {
            let hash = self.hasher.hash_one(id);
            if let Ok(entry) = self.session_by_id.find_entry(hash, |other| *other == index) {
                entry.remove();
            }
        }
        self.sessions_of.remove(index, &self.slots[..]);
        let state = self.slot_mut(connection)?.state.take()?;
        self.sessions -= 1;
        self.unlink(index);
        self.release(index);
        match state {
            State::Session(session) => Some(session),
            State::Handshake(_) => None,
        }
    }

    /// Gives up a handle whose handshake was taken out and will not come back.
    pub(crate) fn abandon(&mut self, connection: Connection, handshake: &Handshake) {
        if self.slot(connection).is_none() {
            return;
        }
        self.forget_handshake(handshake.address, &handshake.own_id);
        self.release(connection.index() as u32);
    }

    /// Bytes that all of it takes but for what hangs on single connections.
    pub(crate) fn size(&self) -> usize {
        self.slots.capacity() * size_of::<Slot>()
            + self.session_by_address.allocation_size()
            + self.session_by_id.allocation_size()
            + self.sessions_of.size()
            + self.handshake_by_address.allocation_size()
            + self.handshake_by_id.allocation_size()
            + self.handshakes_of.allocation_size()
    }

    fn forget_handshake(&mut self, address: SocketAddr, id: &[u8]) {
        self.handshake_by_address.remove(&AddressKey::new(address));
        self.handshake_by_id.remove(&OwnId::new(id));
        let of = host(address.ip());
        if let Some(count) = self.handshakes_of.get_mut(&of) {
            *count -= 1;
            if *count == 0 {
                self.handshakes_of.remove(&of);
            }
        }
    }

    fn allocate(&mut self) -> u32 {
        let index = self.free;
        if let Some(slot) = self.slots.get_mut(index as usize) {
            self.free = slot.after;
            slot.after = NONE;
            return index;
        }
        self.slots.push(Slot {
            state: None,
            generation: 0,
            before: NONE,
            after: NONE,
        });
        // The bounds on handshakes and sessions are far below 2^32.
        (self.slots.len() - 1) as u32
    }

    fn release(&mut self, index: u32) {
        let free = self.free;
        if let Some(slot) = self.slots.get_mut(index as usize) {
            slot.state = None;
            slot.generation = slot.generation.wrapping_add(1);
            slot.before = NONE;
            slot.after = free;
            self.free = index;
        }
    }

    fn append(&mut self, index: u32) {
        let latest = self.latest;
        if let Some(slot) = self.slots.get_mut(index as usize) {
            slot.before = latest;
            slot.after = NONE;
        }
        match self.slots.get_mut(latest as usize) {
            Some(slot) => slot.after = index,
            None => self.quietest = index,
        }
        self.latest = index;
    }

    fn unlink(&mut self, index: u32) {
        let Some(slot) = self.slots.get(index as usize) else {
            return;
        };
        let (before, after) = (slot.before, slot.after);
        match self.slots.get_mut(before as usize) {
            Some(slot) => slot.after = after,
            None => self.quietest = after,
        }
        match self.slots.get_mut(after as usize) {
            Some(slot) => slot.before = before,
            None => self.latest = before,
        }
    }
}
