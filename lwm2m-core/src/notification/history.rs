use crate::entry::Entry;
use alloc::{collections::VecDeque, vec::Vec};

/// What an observation would have told while its server could not be reached: the `hqmax` newest notifications,
/// which go out together, with their times, when it can be (Core 1.2.2, table 7.3.2-1 and section 7.5.6; /1/x/6 says
/// whether anything is kept at all).
#[derive(Debug, Clone, Default)]
pub struct History {
    /// Oldest first.
    notifications: VecDeque<Vec<Entry>>,
    limit: usize,
}

impl History {
    /// A history of at most this many notifications; what they hold is for the caller to bound. 0 keeps nothing.
    pub fn new(limit: usize) -> Self {
        History {
            notifications: VecDeque::new(),
            limit,
        }
    }

    /// Another limit; the oldest beyond it are dropped.
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
        let surplus = self.notifications.len().saturating_sub(limit);
        self.notifications.drain(..surplus);
    }

    /// Keeps what a notification would have said at `time`, in seconds since 1970-01-01T00:00:00Z; entries with a time
    /// of their own keep it. The oldest goes where there is no room.
    pub fn record(&mut self, time: f64, entries: impl IntoIterator<Item = Entry>) {
        if self.limit == 0 {
            return;
        }
        if self.notifications.len() >= self.limit {
            self.notifications.pop_front();
        }
        let stamped = entries.into_iter().map(|entry| Entry {
            time: entry.time.or(Some(time)),
            ..entry
        });
        self.notifications.push_back(stamped.collect());
    }

    /// Takes all of it, oldest first.
    pub fn take(&mut self) -> Vec<Entry> {
        self.notifications.drain(..).flatten().collect()
    }

    /// How many notifications it holds.
    pub fn len(&self) -> usize {
        self.notifications.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.notifications.is_empty()
    }
}
