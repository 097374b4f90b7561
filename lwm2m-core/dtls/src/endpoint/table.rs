//! Connections and the ways to find them: by handle, by address, by Connection ID, and by how long they have been quiet.
//!
//! Every step is O(1). Sessions stand in a list, the one that was heard last at its end, so that idle ones are found at
//! its beginning.

use super::Connection;
use crate::{
    handshake::Handshake,
    session::{OwnId, Session},
};
use alloc::{boxed::Box, vec::Vec};
use core::net::{IpAddr, SocketAddr};
use hashbrown::HashMap;

const NONE: u32 = u32::MAX;

/// What stands behind a handle.
pub(crate) enum State {
    Handshake(Box<Handshake>),
    Session(Session),
}

struct Slot {
    state: Option<State>,
    generation: u32,
    /// Of the list of sessions; of free slots, `after` leads to the next.
    before: u32,
    after: u32,
}

/// An address in 18 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct AddressKey([u8; 18]);

impl AddressKey {
    fn new(address: SocketAddr) -> Self {
        let ip = match address.ip() {
            IpAddr::V4(v4) => v4.to_ipv6_mapped(),
            IpAddr::V6(v6) => v6,
        };
        let mut bytes = [0; 18];
        bytes[..16].copy_from_slice(&ip.octets());
        bytes[16..].copy_from_slice(&address.port().to_be_bytes());
        AddressKey(bytes)
    }
}

pub(crate) struct Table {
    slots: Vec<Slot>,
    free: u32,
    quietest: u32,
    latest: u32,
    sessions: usize,
    session_by_address: HashMap<AddressKey, u32>,
    handshake_by_address: HashMap<AddressKey, u32>,
    handshakes_of_ip: HashMap<IpAddr, u32>,
    /// Of handshakes and sessions alike.
    by_id: HashMap<OwnId, u32>,
}

impl Table {
    pub(crate) fn new() -> Self {
        Table {
            slots: Vec::new(),
            free: NONE,
            quietest: NONE,
            latest: NONE,
            sessions: 0,
            session_by_address: HashMap::new(),
            handshake_by_address: HashMap::new(),
            handshakes_of_ip: HashMap::new(),
            by_id: HashMap::new(),
        }
    }

    pub(crate) fn sessions(&self) -> usize {
        self.sessions
    }

    pub(crate) fn handshakes(&self) -> usize {
        self.handshake_by_address.len()
    }

    pub(crate) fn handshakes_of(&self, ip: IpAddr) -> usize {
        self.handshakes_of_ip
            .get(&ip)
            .map_or(0, |count| *count as usize)
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
        let index = self.session_by_address.get(&AddressKey::new(address))?;
        Some(self.handle(*index))
    }

    pub(crate) fn handshake_at(&self, address: SocketAddr) -> Option<Connection> {
        let index = self.handshake_by_address.get(&AddressKey::new(address))?;
        Some(self.handle(*index))
    }

    pub(crate) fn with_id(&self, id: &[u8]) -> Option<Connection> {
        if id.is_empty() {
            return None;
        }
        self.by_id
            .get(&OwnId::new(id))
            .map(|index| self.handle(*index))
    }

    pub(crate) fn has_id(&self, id: &[u8]) -> bool {
        self.by_id.contains_key(&OwnId::new(id))
    }

    /// The session that has been quiet for longest.
    pub(crate) fn quietest(&self) -> Option<Connection> {
        (self.quietest != NONE).then(|| self.handle(self.quietest))
    }

    /// All sessions, the quietest first.
    pub(crate) fn all_sessions(&self) -> impl Iterator<Item = (Connection, &Session)> {
        let mut next = self.quietest;
        core::iter::from_fn(move || {
            let slot = self.slots.get(next as usize)?;
            let connection = Connection::new(slot.generation, next);
            next = slot.after;
            match &slot.state {
                Some(State::Session(session)) => Some((connection, session)),
                _ => None,
            }
        })
    }

    /// Takes in a handshake; at most one stands for each address, and the one that stood there is given back.
    pub(crate) fn insert_handshake(
        &mut self,
        handshake: Box<Handshake>,
    ) -> (Connection, Option<Box<Handshake>>) {
        let replaced = self
            .handshake_at(handshake.address)
            .and_then(|old| self.remove(old))
            .and_then(|state| match state {
                State::Handshake(old) => Some(old),
                State::Session(_) => None,
            });
        let index = self.allocate();
        self.handshake_by_address
            .insert(AddressKey::new(handshake.address), index);
        *self
            .handshakes_of_ip
            .entry(handshake.address.ip())
            .or_insert(0) += 1;
        if !handshake.own_id.is_empty() {
            self.by_id.insert(OwnId::new(&handshake.own_id), index);
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
        session: Session,
    ) {
        self.forget_handshake(handshake_address);
        if session.own_id.is_empty() && !handshake_id.is_empty() {
            self.by_id.remove(&OwnId::new(handshake_id));
        }
        let index = connection.index() as u32;
        self.session_by_address
            .insert(AddressKey::new(session.address), index);
        if let Some(slot) = self.slot_mut(connection) {
            slot.state = Some(State::Session(session));
            self.sessions += 1;
            self.append(index);
        }
    }

    /// Takes in a session from elsewhere.
    pub(crate) fn insert_session(&mut self, session: Session) -> Connection {
        let index = self.allocate();
        self.session_by_address
            .insert(AddressKey::new(session.address), index);
        if !session.own_id.is_empty() {
            self.by_id.insert(session.own_id, index);
        }
        self.slots[index as usize].state = Some(State::Session(session));
        self.sessions += 1;
        self.append(index);
        self.handle(index)
    }

    /// A session was heard: it is the last to become idle.
    pub(crate) fn touch(&mut self, connection: Connection) {
        if self.session(connection).is_some() && self.latest != connection.index() as u32 {
            self.unlink(connection.index() as u32);
            self.append(connection.index() as u32);
        }
    }

    /// A session is at another address now.
    pub(crate) fn move_session(&mut self, connection: Connection, address: SocketAddr) {
        let Some(session) = self.session_mut(connection) else {
            return;
        };
        let old = core::mem::replace(&mut session.address, address);
        self.forget_session_address(old, connection.index() as u32);
        self.session_by_address
            .insert(AddressKey::new(address), connection.index() as u32);
    }

    pub(crate) fn remove(&mut self, connection: Connection) -> Option<State> {
        let slot = self.slot_mut(connection)?;
        let state = slot.state.take()?;
        let index = connection.index() as u32;
        match &state {
            State::Handshake(handshake) => {
                self.forget_handshake(handshake.address);
                if !handshake.own_id.is_empty() {
                    self.by_id.remove(&OwnId::new(&handshake.own_id));
                }
            }
            State::Session(session) => {
                self.forget_session_address(session.address, index);
                if !session.own_id.is_empty() {
                    self.by_id.remove(&session.own_id);
                }
                self.sessions -= 1;
                self.unlink(index);
            }
        }
        self.release(index);
        Some(state)
    }

    /// Gives up a handle whose handshake was taken out and will not come back.
    pub(crate) fn abandon(&mut self, connection: Connection, handshake: &Handshake) {
        if self.slot(connection).is_none() {
            return;
        }
        self.forget_handshake(handshake.address);
        if !handshake.own_id.is_empty() {
            self.by_id.remove(&OwnId::new(&handshake.own_id));
        }
        self.release(connection.index() as u32);
    }

    /// Bytes that all of it takes but for what hangs on single connections.
    pub(crate) fn size(&self) -> usize {
        self.slots.capacity() * size_of::<Slot>()
            + self.session_by_address.allocation_size()
            + self.handshake_by_address.allocation_size()
            + self.handshakes_of_ip.allocation_size()
            + self.by_id.allocation_size()
    }

    fn forget_handshake(&mut self, address: SocketAddr) {
        self.handshake_by_address.remove(&AddressKey::new(address));
        if let Some(count) = self.handshakes_of_ip.get_mut(&address.ip()) {
            *count -= 1;
            if *count == 0 {
                self.handshakes_of_ip.remove(&address.ip());
            }
        }
    }

    /// Unless another session has come to that address since.
    fn forget_session_address(&mut self, address: SocketAddr, index: u32) {
        let key = AddressKey::new(address);
        if self.session_by_address.get(&key) == Some(&index) {
            self.session_by_address.remove(&key);
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
