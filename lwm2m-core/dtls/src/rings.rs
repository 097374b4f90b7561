//! Whose is what: the slots of one identity stand in a ring, from the one that was used least lately to the one that was
//! used last. Every step is O(1); the identities themselves stay where they are, in the slots.

use alloc::vec::Vec;
use core::hash::BuildHasher;
use hashbrown::{DefaultHashBuilder, HashTable};
use lwm2m_core::peer::PeerIdentity;

/// Slots that belong to somebody.
pub(crate) trait Identities {
    /// Whose slot this is; `None` where it is empty.
    fn identity(&self, slot: u32) -> Option<&PeerIdentity>;
}

/// The beginning of a ring.
#[derive(Debug, Clone, Copy)]
struct Ring {
    first: u32,
    length: u32,
}

#[derive(Debug, Clone, Copy)]
struct Link {
    before: u32,
    after: u32,
}

/// The rings of all identities: 8 bytes a slot and some 12 an identity.
#[derive(Debug, Default)]
pub(crate) struct Rings {
    hasher: DefaultHashBuilder,
    rings: HashTable<Ring>,
    links: Vec<Link>,
}

impl Rings {
    /// Puts a slot at the end of the ring of its identity; it must be filled already.
    pub(crate) fn insert(&mut self, slot: u32, slots: &(impl Identities + ?Sized)) {
        let Some(identity) = slots.identity(slot) else {
            return;
        };
        let alone = Link {
            before: slot,
            after: slot,
        };
        if self.links.len() <= slot as usize {
            self.links.resize(slot as usize + 1, alone);
        }
        self.links[slot as usize] = alone;
        let hasher = &self.hasher;
        let hash = hasher.hash_one(identity);
        let is_it = |ring: &Ring| slots.identity(ring.first) == Some(identity);
        if let Some(ring) = self.rings.find_mut(hash, is_it) {
            ring.length += 1;
            let first = ring.first;
            self.link_before(first, slot);
            return;
        }
        let ring = Ring {
            first: slot,
            length: 1,
        };
        self.rings.insert_unique(hash, ring, |ring| {
            slots
                .identity(ring.first)
                .map_or(0, |identity| hasher.hash_one(identity))
        });
    }

    /// Takes a slot out of its ring; it must still be filled.
    pub(crate) fn remove(&mut self, slot: u32, slots: &(impl Identities + ?Sized)) {
        let Some((identity, link)) = slots.identity(slot).zip(self.link(slot)) else {
            return;
        };
        let hash = self.hasher.hash_one(identity);
        let is_it = |ring: &Ring| slots.identity(ring.first) == Some(identity);
        let Ok(mut entry) = self.rings.find_entry(hash, is_it) else {
            return;
        };
        let ring = entry.get_mut();
        ring.length -= 1;
        if ring.length == 0 {
            entry.remove();
            return;
        }
        if ring.first == slot {
            ring.first = link.after;
        }
        self.unlink(link);
    }

    /// A slot was used: it is the last of its ring now.
    pub(crate) fn touch(&mut self, slot: u32, slots: &(impl Identities + ?Sized)) {
        let Some(link) = self.link(slot) else {
            return;
        };
        if link.after == slot {
            // Alone, as nearly all are.
            return;
        }
        let Some(identity) = slots.identity(slot) else {
            return;
        };
        let hash = self.hasher.hash_one(identity);
        let is_it = |ring: &Ring| slots.identity(ring.first) == Some(identity);
        let Some(ring) = self.rings.find_mut(hash, is_it) else {
            return;
        };
        if ring.first == slot {
            // What was first is last when the ring begins one further on.
            ring.first = link.after;
            return;
        }
        let first = ring.first;
        self.unlink(link);
        self.link_before(first, slot);
    }

    fn ring(&self, identity: &PeerIdentity, slots: &(impl Identities + ?Sized)) -> Option<&Ring> {
        let hash = self.hasher.hash_one(identity);
        self.rings
            .find(hash, |ring| slots.identity(ring.first) == Some(identity))
    }

    /// How many slots an identity has.
    pub(crate) fn count(
        &self,
        identity: &PeerIdentity,
        slots: &(impl Identities + ?Sized),
    ) -> usize {
        self.ring(identity, slots)
            .map_or(0, |ring| ring.length as usize)
    }

    /// The slot of an identity that was used least lately.
    pub(crate) fn first(
        &self,
        identity: &PeerIdentity,
        slots: &(impl Identities + ?Sized),
    ) -> Option<u32> {
        self.ring(identity, slots).map(|ring| ring.first)
    }

    /// All slots of an identity.
    pub(crate) fn of(
        &self,
        identity: &PeerIdentity,
        slots: &(impl Identities + ?Sized),
    ) -> Vec<u32> {
        let Some(ring) = self.ring(identity, slots) else {
            return Vec::new();
        };
        let next = |slot: &u32| Some(self.link(*slot)?.after);
        core::iter::successors(Some(ring.first), next)
            .take(ring.length as usize)
            .collect()
    }

    /// Bytes that all of it takes.
    pub(crate) fn size(&self) -> usize {
        self.rings.allocation_size() + self.links.capacity() * size_of::<Link>()
    }

    fn link(&self, slot: u32) -> Option<Link> {
        self.links.get(slot as usize).copied()
    }

    fn link_before(&mut self, first: u32, slot: u32) {
        let last = self.links[first as usize].before;
        self.links[slot as usize] = Link {
            before: last,
            after: first,
        };
        self.links[last as usize].after = slot;
        self.links[first as usize].before = slot;
    }

    fn unlink(&mut self, link: Link) {
        self.links[link.before as usize].after = link.after;
        self.links[link.after as usize].before = link.before;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    impl Identities for Vec<Option<PeerIdentity>> {
        fn identity(&self, slot: u32) -> Option<&PeerIdentity> {
            self.get(slot as usize)?.as_ref()
        }
    }

    /// Against a list of lists, through all that may happen in any order.
    #[test]
    fn rings_are_lists_by_identity() {
        const SLOTS: u32 = 40;
        let name = |number: u32| PeerIdentity::Psk(vec![number as u8]);
        let mut slots: Vec<Option<PeerIdentity>> = vec![None; SLOTS as usize];
        let mut rings = Rings::default();
        let mut lists: Vec<Vec<u32>> = vec![Vec::new(); 5];
        let mut state = 3u32;
        for _ in 0..20_000 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let (slot, who) = ((state >> 8) % SLOTS, (state >> 16) % 5);
            let filled = slots[slot as usize].clone();
            let list_of = |identity: &PeerIdentity| match identity {
                PeerIdentity::Psk(name) => usize::from(name[0]),
                _ => unreachable!(),
            };
            match (filled, state >> 28) {
                (None, _) => {
                    slots[slot as usize] = Some(name(who));
                    rings.insert(slot, &slots);
                    lists[who as usize].push(slot);
                }
                (Some(identity), 0..5) => {
                    rings.remove(slot, &slots);
                    slots[slot as usize] = None;
                    lists[list_of(&identity)].retain(|other| *other != slot);
                }
                (Some(identity), _) => {
                    rings.touch(slot, &slots);
                    let list = &mut lists[list_of(&identity)];
                    list.retain(|other| *other != slot);
                    list.push(slot);
                }
            }
            for (who, list) in (0..).zip(&lists) {
                assert_eq!(rings.of(&name(who), &slots), *list);
                assert_eq!(rings.count(&name(who), &slots), list.len());
                assert_eq!(rings.first(&name(who), &slots), list.first().copied());
            }
        }
    }
}
