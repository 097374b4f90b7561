//! Message ids: to one peer, none is used twice within EXCHANGE_LIFETIME (RFC 7252, section 4.4).
//!
//! Ids count up from a random one. The 65,536 ids are 16 segments; for each that was left it is noted when, and
//! none is entered again before EXCHANGE_LIFETIME has passed. The notes exist only for peers that were sent
//! thousands of messages.

use crate::time::Instant;
use alloc::boxed::Box;
use core::time::Duration;

const SEGMENT_BITS: u32 = 12;
const SEGMENTS: usize = 1 << (16 - SEGMENT_BITS);

pub(super) struct MessageIds {
    next: u16,
    left: Option<Box<[Option<Instant>; SEGMENTS]>>,
}

impl MessageIds {
    pub(super) fn new(first: u16) -> Self {
        MessageIds {
            next: first,
            left: None,
        }
    }

    /// The next id, or when there will be one.
    pub(super) fn take(&mut self, now: Instant, lifetime: Duration) -> Result<u16, Instant> {
        let id = self.next;
        let segment = usize::from(id >> SEGMENT_BITS);
        let last_of_segment = (1 << SEGMENT_BITS) - 1;
        if id & last_of_segment == 0
            && let Some(left) = self.left.as_ref().and_then(|left| left[segment])
            && now < left + lifetime
        {
            return Err(left + lifetime);
        }
        if id & last_of_segment == last_of_segment {
            self.left.get_or_insert_default()[segment] = Some(now);
        }
        self.next = id.wrapping_add(1);
        Ok(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    // proves: COAP-15
    #[test]
    fn no_id_twice_within_the_lifetime() {
        let lifetime = Duration::from_secs(247);
        for (first, gap_micros) in [(0, 0), (1, 1_000), (0x0FFF, 3_000), (0x8123, 5_000)] {
            let mut ids = MessageIds::new(first);
            let mut used = HashMap::new();
            let mut now = Instant::from_micros(1);
            for _ in 0..200_000 {
                let id = match ids.take(now, lifetime) {
                    Ok(id) => id,
                    Err(at) => {
                        assert!(at > now && at <= now + lifetime);
                        now = at;
                        ids.take(now, lifetime).unwrap()
                    }
                };
                if let Some(last) = used.insert(id, now) {
                    assert!(
                        now.since(last) >= lifetime,
                        "{id} after {:?}",
                        now.since(last)
                    );
                }
                now += Duration::from_micros(gap_micros);
            }
        }
    }

    #[test]
    fn no_notes_for_few_messages() {
        let mut ids = MessageIds::new(0x1000);
        for _ in 0..0xFFF {
            ids.take(Instant::ZERO, Duration::from_secs(247)).unwrap();
        }
        assert!(ids.left.is_none());
    }
}
