//! The bounded meeting place of events and streams.

use lwm2m_server::ServerEvent;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};
use tokio::sync::{OnceCell, broadcast};

/// One event with its number.
pub(crate) struct Record {
    /// Grows by one from event to event, also over a restart of the program.
    pub(crate) id: u64,
    pub(crate) time: SystemTime,
    pub(crate) body: Body,
    /// As JSON; made when the first stream wants it, so that nobody pays for what nobody reads.
    pub(crate) json: OnceCell<Arc<str>>,
}

/// What happened.
pub(crate) enum Body {
    Server(ServerEvent),
    Published {
        kind: String,
        data: serde_json::Value,
    },
}

/// Where a stream begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// With what happens from now on.
    Now,
    /// With all that is kept.
    Backlog,
    /// Behind this event.
    After(u64),
}

/// What a stream begins with.
pub(crate) struct Subscription {
    pub(crate) replay: VecDeque<Arc<Record>>,
    /// Events that are lost to it.
    pub(crate) missed: u64,
    pub(crate) receiver: broadcast::Receiver<Arc<Record>>,
}

pub(crate) struct Hub {
    kept: Mutex<Kept>,
    sender: broadcast::Sender<Arc<Record>>,
}

struct Kept {
    next_id: u64,
    /// Of servers, and of the program: a flood of the ones does not wash away the others.
    server: Ring,
    published: Ring,
}

struct Ring {
    records: VecDeque<Arc<Record>>,
    capacity: usize,
}

impl Ring {
    fn new(capacity: usize) -> Self {
        Ring {
            records: VecDeque::new(),
            capacity,
        }
    }

    fn push(&mut self, record: Arc<Record>) {
        if self.records.len() >= self.capacity {
            self.records.pop_front();
        }
        if self.capacity > 0 {
            self.records.push_back(record);
        }
    }
}

impl Hub {
    pub(crate) fn new(buffer: usize, published: usize) -> Self {
        // A million events a second would have to come for numbers to meet those of the next start.
        let started = SystemTime::now().duration_since(UNIX_EPOCH);
        let next_id = started.map_or(1, |time| time.as_secs().saturating_mul(1_000_000).max(1));
        Hub {
            kept: Mutex::new(Kept {
                next_id,
                server: Ring::new(buffer),
                published: Ring::new(published),
            }),
            sender: broadcast::Sender::new(buffer.max(1)),
        }
    }

    pub(crate) fn push(&self, event: ServerEvent) {
        self.add(Body::Server(event));
    }

    pub(crate) fn publish(&self, kind: String, data: serde_json::Value) {
        self.add(Body::Published { kind, data });
    }

    fn add(&self, body: Body) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let record = Arc::new(Record {
            id: kept.next_id,
            time: SystemTime::now(),
            body,
            json: OnceCell::new(),
        });
        kept.next_id += 1;
        match record.body {
            Body::Server(_) => kept.server.push(record.clone()),
            Body::Published { .. } => kept.published.push(record.clone()),
        }
        // An error says that no stream is open. Sent under the lock, so that a new stream neither misses an event
        // between its replay and its first one nor sees it twice.
        let _ = self.sender.send(record);
    }

    pub(crate) fn subscribe(&self, start: Start) -> Subscription {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let receiver = self.sender.subscribe();
        // A number from the future is not of ours.
        let after = match start {
            Start::Now => kept.next_id - 1,
            Start::Backlog => 0,
            Start::After(id) => id.min(kept.next_id - 1),
        };
        let mut replay: Vec<_> = (kept.server.records.iter())
            .chain(&kept.published.records)
            .filter(|record| record.id > after)
            .cloned()
            .collect();
        replay.sort_by_key(|record| record.id);
        let missed = match start {
            Start::After(_) => kept.next_id - 1 - after - replay.len() as u64,
            _ => 0,
        };
        Subscription {
            replay: replay.into(),
            missed,
            receiver,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn flood(hub: &Hub, count: usize) {
        for _ in 0..count {
            hub.push(ServerEvent::Awake {
                endpoint: "a".into(),
            });
        }
    }

    fn ids(subscription: &Subscription) -> Vec<u64> {
        subscription.replay.iter().map(|record| record.id).collect()
    }

    #[test]
    fn what_is_published_outlives_a_flood_and_all_comes_in_order() {
        let hub = Hub::new(3, 2);
        flood(&hub, 1);
        hub.publish("tour".into(), json!(1));
        flood(&hub, 9);
        let backlog = hub.subscribe(Start::Backlog);
        let kinds: Vec<bool> = backlog
            .replay
            .iter()
            .map(|record| matches!(record.body, Body::Published { .. }))
            .collect();
        assert_eq!(kinds, [true, false, false, false]);
        assert!(ids(&backlog).is_sorted());
        for text in ["2", "3", "4"] {
            hub.publish("tour".into(), json!(text));
        }
        assert_eq!(hub.subscribe(Start::Backlog).replay.len(), 5);
        assert!(hub.subscribe(Start::Now).replay.is_empty());
    }

    #[test]
    fn a_stream_that_comes_again_gets_what_is_left_and_hears_what_is_not() {
        let hub = Hub::new(3, 2);
        flood(&hub, 5);
        let all = hub.subscribe(Start::Backlog);
        let newest = all.replay.back().map(|record| record.id).unwrap();
        let again = hub.subscribe(Start::After(newest - 2));
        assert_eq!(ids(&again), [newest - 1, newest]);
        assert_eq!(again.missed, 0);
        let late = hub.subscribe(Start::After(newest - 5));
        assert_eq!((late.replay.len(), late.missed), (3, 2));
        let foreign = hub.subscribe(Start::After(u64::MAX));
        assert_eq!((foreign.replay.len(), foreign.missed), (0, 0));
    }

    #[test]
    fn nothing_is_kept_where_nothing_shall_be() {
        let hub = Hub::new(0, 0);
        flood(&hub, 3);
        hub.publish("tour".into(), json!(1));
        assert!(hub.subscribe(Start::Backlog).replay.is_empty());
    }
}
