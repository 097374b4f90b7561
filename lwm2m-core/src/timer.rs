//! A hierarchical timing wheel: O(1) to set, to cancel and (amortised) to fire a timer, however many there are.
//!
//! Six levels of 64 slots. A slot of level 0 is one tick of 1,024 us, a slot of level `n` is 64^n ticks. A timer
//! lies in the lowest level whose slot tells it from the present; when time reaches a slot of a higher level, its
//! timers move down. Timers beyond the last level (two years) go round in it. A timer never fires early and at
//! most one tick late.
//!
//! Cost: 40 bytes and the key for each timer, 264 bytes for each level that was ever used.

use crate::time::Instant;
use alloc::{boxed::Box, vec::Vec};

const TICK_BITS: u32 = 10;
const SLOT_BITS: u32 = 6;
const SLOTS: usize = 1 << SLOT_BITS;
const LEVELS: usize = 6;
/// The list of timers that are due, behind the slots of all levels.
const DUE: u16 = (LEVELS * SLOTS) as u16;
const NONE: u32 = u32::MAX;

/// Names a timer that was set; stale names are harmless.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimerId {
    index: u32,
    generation: u32,
}

struct Entry<K> {
    /// `None`: free, and `next` leads to the next free entry.
    key: Option<K>,
    deadline: u64,
    generation: u32,
    previous: u32,
    next: u32,
    slot: u16,
}

struct Level {
    occupied: u64,
    heads: [u32; SLOTS],
}

/// Timers with a key each.
pub struct Wheel<K> {
    /// The tick up to which all timers were handed out or put on the list of those due.
    elapsed: u64,
    levels: [Option<Box<Level>>; LEVELS],
    due: u32,
    entries: Vec<Entry<K>>,
    free: u32,
}

impl<K> Default for Wheel<K> {
    fn default() -> Self {
        Wheel::new()
    }
}

impl<K> Wheel<K> {
    /// No timers.
    pub fn new() -> Self {
        Wheel {
            elapsed: 0,
            levels: [const { None }; LEVELS],
            due: NONE,
            entries: Vec::new(),
            free: NONE,
        }
    }

    /// Sets a timer; one in the past is due at once.
    pub fn set(&mut self, at: Instant, key: K) -> TimerId {
        let deadline = at.as_micros().div_ceil(1 << TICK_BITS);
        let index = match self.free {
            NONE => {
                // 2^32 timers of 40 bytes do not fit the memory that bounds them.
                let index = self.entries.len() as u32;
                self.entries.push(Entry {
                    key: Some(key),
                    deadline,
                    generation: 0,
                    previous: NONE,
                    next: NONE,
                    slot: DUE,
                });
                index
            }
            index => {
                let entry = &mut self.entries[index as usize];
                self.free = entry.next;
                entry.key = Some(key);
                entry.deadline = deadline;
                index
            }
        };
        self.link(index);
        TimerId {
            index,
            generation: self.entries[index as usize].generation,
        }
    }

    /// Takes a timer out.
    pub fn cancel(&mut self, id: TimerId) {
        let alive = self
            .entries
            .get(id.index as usize)
            .is_some_and(|entry| entry.generation == id.generation && entry.key.is_some());
        if alive {
            self.unlink(id.index);
            self.release(id.index);
        }
    }

    /// Takes out the next timer that is due.
    pub fn expire(&mut self, now: Instant) -> Option<K> {
        let now = now.as_micros() >> TICK_BITS;
        loop {
            if self.due != NONE {
                let index = self.due;
                self.unlink(index);
                return self.release(index);
            }
            let next = self.next_slot().filter(|(_, _, tick)| *tick <= now);
            let Some((level, slot, tick)) = next else {
                self.elapsed = self.elapsed.max(now);
                return None;
            };
            self.elapsed = tick;
            // Taken off as a whole: a timer of a later round goes back into the same slot.
            let mut index = self.take_slot(level, slot);
            while index != NONE {
                let next = self.entries[index as usize].next;
                self.link(index);
                index = next;
            }
        }
    }

    /// When to call [`Wheel::expire`]: not later than the next timer, and now and then earlier, to move timers
    /// down a level.
    pub fn next(&self) -> Option<Instant> {
        let tick = match self.due {
            NONE => self.next_slot()?.2,
            _ => self.elapsed,
        };
        Some(Instant::from_micros(tick.saturating_mul(1 << TICK_BITS)))
    }

    fn take_slot(&mut self, level: usize, slot: usize) -> u32 {
        let Some(level) = &mut self.levels[level] else {
            return NONE;
        };
        level.occupied &= !(1 << slot);
        core::mem::replace(&mut level.heads[slot], NONE)
    }

    /// Level, slot and first tick of the earliest occupied slot. What lies in a lower level is always earlier
    /// than all in a higher one.
    fn next_slot(&self) -> Option<(usize, usize, u64)> {
        let (level, wheel) = self.levels.iter().enumerate().find_map(|(n, level)| {
            Some((n, level.as_ref().filter(|level| level.occupied != 0)?))
        })?;
        let shift = SLOT_BITS * level as u32;
        // The slot behind the current one comes first; what lies in the current one is of the next round.
        let first = ((self.elapsed >> shift) as usize + 1) % SLOTS;
        let ahead = wheel.occupied.rotate_right(first as u32).trailing_zeros() as usize;
        let slot = (first + ahead) % SLOTS;
        let round = 1 << (shift + SLOT_BITS);
        let start = (self.elapsed & !(round - 1)) + ((slot as u64) << shift);
        // Only the last level holds timers of its next round.
        let tick = if start <= self.elapsed {
            start + round
        } else {
            start
        };
        Some((level, slot, tick))
    }

    fn link(&mut self, index: u32) {
        let deadline = self.entries[index as usize].deadline;
        let (slot, head) = if deadline <= self.elapsed {
            (DUE, &mut self.due)
        } else {
            let differing = 63 - (self.elapsed ^ deadline).leading_zeros();
            let level = ((differing / SLOT_BITS) as usize).min(LEVELS - 1);
            let slot = (deadline >> (SLOT_BITS * level as u32)) as usize % SLOTS;
            let wheel = self.levels[level].get_or_insert_with(|| {
                Box::new(Level {
                    occupied: 0,
                    heads: [NONE; SLOTS],
                })
            });
            wheel.occupied |= 1 << slot;
            ((level * SLOTS + slot) as u16, &mut wheel.heads[slot])
        };
        let next = core::mem::replace(head, index);
        let entry = &mut self.entries[index as usize];
        (entry.slot, entry.previous, entry.next) = (slot, NONE, next);
        if next != NONE {
            self.entries[next as usize].previous = index;
        }
    }

    fn unlink(&mut self, index: u32) {
        let &Entry {
            slot,
            previous,
            next,
            ..
        } = &self.entries[index as usize];
        if next != NONE {
            self.entries[next as usize].previous = previous;
        }
        if previous != NONE {
            self.entries[previous as usize].next = next;
        } else if slot == DUE {
            self.due = next;
        } else if let Some(level) = &mut self.levels[usize::from(slot) / SLOTS] {
            let slot = usize::from(slot) % SLOTS;
            level.heads[slot] = next;
            if next == NONE {
                level.occupied &= !(1 << slot);
            }
        }
    }

    fn release(&mut self, index: u32) -> Option<K> {
        let entry = &mut self.entries[index as usize];
        entry.generation = entry.generation.wrapping_add(1);
        entry.next = core::mem::replace(&mut self.free, index);
        entry.key.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;
    use rand_chacha::{
        ChaCha8Rng,
        rand_core::{RngCore, SeedableRng},
    };
    use std::collections::BTreeMap;

    const TICK: u64 = 1 << TICK_BITS;

    #[test]
    fn agrees_with_a_sorted_map_over_random_operations() {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let mut wheel = Wheel::new();
        let mut model = BTreeMap::new();
        let mut now = Instant::from_micros(123_456_789);
        while wheel.expire(now).is_some() {}
        for key in 0..20_000u64 {
            match rng.next_u32() % 4 {
                0 | 1 => {
                    let spread = 1u64 << (rng.next_u32() % 45);
                    let at = now + Duration::from_micros(rng.next_u64() % spread);
                    let id = wheel.set(at, key);
                    model.insert((at, key), id);
                }
                2 => {
                    let skip = rng.next_u32() as usize % (model.len() + 1);
                    if let Some((&entry, &id)) = model.iter().nth(skip.min(20)) {
                        wheel.cancel(id);
                        wheel.cancel(id);
                        model.remove(&entry);
                    }
                }
                _ => {
                    if let (true, Some(next)) = (rng.next_u32() % 2 == 0, wheel.next()) {
                        let first = model.keys().next().unwrap().0;
                        assert!(next.as_micros() < first.as_micros() + TICK, "never late");
                        now = now.max(next);
                    } else {
                        now += Duration::from_micros(u64::from(rng.next_u32() % 3_000_000));
                    }
                    while let Some(key) = wheel.expire(now) {
                        let entry = *model.keys().find(|(_, other)| *other == key).unwrap();
                        assert!(entry.0 <= now, "never early");
                        model.remove(&entry);
                    }
                    if let Some(((at, _), _)) = model.first_key_value() {
                        assert!(at.as_micros() + TICK > now.as_micros(), "none forgotten");
                    }
                }
            }
        }
        now = Instant::FAR_FUTURE;
        while wheel.expire(now).is_some() {
            model.pop_last();
        }
        assert!(model.is_empty());
        assert_eq!(wheel.next(), None);
    }

    #[test]
    fn next_leads_to_every_timer_in_few_steps() {
        let mut wheel = Wheel::new();
        for days in [0u64, 1, 30, 800, 3000] {
            wheel.set(Instant::from_micros(days * 86_400_000_000 + 5), days);
        }
        let mut fired = Vec::new();
        let mut steps = 0;
        while let Some(next) = wheel.next() {
            steps += 1;
            fired.extend(core::iter::from_fn(|| wheel.expire(next)));
        }
        assert_eq!(fired, [0, 1, 30, 800, 3000]);
        assert!(steps < 5 * (LEVELS + 5), "{steps}");
    }
}
