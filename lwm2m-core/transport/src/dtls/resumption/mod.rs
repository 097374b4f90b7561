//! Sessions that are taken up again with an abbreviated handshake (RFC 5246, section 7.3; RFC 5077).
//!
//! A server keeps them itself ([`max_resumable`](crate::DtlsServerConfig::max_resumable)), or has its clients keep them,
//! sealed into tickets ([`tickets`](crate::DtlsServerConfig::tickets)). A client keeps what it was given in memory, for as
//! long as its transport lives.

mod keys;
#[cfg(test)]
mod tests;

pub use keys::TicketKeys;
pub(super) use keys::TicketKeysSeen;

use super::hibernation::Label;
use lwm2m_dtls::Resumption;
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};
use tokio::time::Instant;

/// What the connections of one client transport may take up again: at most one session for each account with a server; the
/// oldest makes room.
pub(crate) struct Resumables<T = Resumption> {
    capacity: usize,
    table: Mutex<Table<T>>,
}

struct Table<T> {
    by_age: BTreeMap<u64, Entry<T>>,
    by_name: HashMap<String, u64>,
    next: u64,
}

struct Entry<T> {
    label: Label,
    session: T,
    until: Option<Instant>,
}

impl<T> Resumables<T> {
    pub(crate) fn new(capacity: usize) -> Self {
        Resumables {
            capacity,
            table: Mutex::new(Table {
                by_age: BTreeMap::new(),
                by_name: HashMap::new(),
                next: 0,
            }),
        }
    }

    /// Whether anything is kept at all.
    pub(super) fn is_enabled(&self) -> bool {
        self.capacity > 0
    }

    /// Keeps a session, in place of an earlier one of the same name. `until`: when the server gives it up, if it says so.
    pub(super) fn put(&self, label: Label, session: T, until: Option<Instant>) {
        if !self.is_enabled() {
            return;
        }
        let mut table = self.lock();
        table.remove(&label.name);
        let number = table.next;
        table.next += 1;
        table.by_name.insert(label.name.clone(), number);
        let entry = Entry {
            label,
            session,
            until,
        };
        table.by_age.insert(number, entry);
        if table.by_age.len() > self.capacity
            && let Some((_, oldest)) = table.by_age.pop_first()
        {
            table.by_name.remove(&oldest.label.name);
        }
    }

    /// Takes out the session of this account, if there is one and it is good still: one that fails is not tried again.
    pub(super) fn take(&self, label: &Label) -> Option<(T, Option<Instant>)> {
        let entry = self.lock().remove(&label.name)?;
        let is_over = entry.until.is_some_and(|until| until <= Instant::now());
        (entry.label == *label && !is_over).then_some((entry.session, entry.until))
    }

    pub(crate) fn clear(&self) {
        let mut table = self.lock();
        table.by_age.clear();
        table.by_name.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Table<T>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Table<T> {
    fn remove(&mut self, name: &str) -> Option<Entry<T>> {
        let number = self.by_name.remove(name)?;
        self.by_age.remove(&number)
    }
}
