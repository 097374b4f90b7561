//! A host: one engine behind a face that forgets its type.

use lwm2m_core::{
    engine::{Engine, Inbound, Outbound},
    time::Instant,
};
use std::{any::Any, collections::VecDeque, fmt, marker::PhantomData};

/// The key to a host in a [`Net`](super::Net); it remembers the type of the engine.
pub struct HostId<E> {
    pub(super) index: usize,
    engine: PhantomData<fn() -> E>,
}

impl<E> HostId<E> {
    pub(super) fn new(index: usize) -> Self {
        HostId {
            index,
            engine: PhantomData,
        }
    }
}

impl<E> Clone for HostId<E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> Copy for HostId<E> {}

impl<E> PartialEq for HostId<E> {
    fn eq(&self, other: &Self) -> bool {
        self.index == other.index
    }
}

impl<E> Eq for HostId<E> {}

impl<E> fmt::Debug for HostId<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostId({})", self.index)
    }
}

pub(super) struct Resident<E: Engine> {
    pub(super) engine: E,
    pub(super) events: VecDeque<E::Event>,
}

/// A [`Resident`] whose engine may be any.
pub(super) trait AnyResident {
    fn handle(&mut self, now: Instant, inbound: Inbound<'_>);
    fn handle_timeout(&mut self, now: Instant);
    fn poll_outbound(&mut self) -> Option<Outbound>;
    /// Moves events to the queue; whether there were any.
    fn collect_events(&mut self) -> bool;
    fn poll_timeout(&self) -> Option<Instant>;
    fn as_any(&self) -> &dyn Any;
    fn as_any_mut(&mut self) -> &mut dyn Any;
}

impl<E: Engine + 'static> AnyResident for Resident<E> {
    fn handle(&mut self, now: Instant, inbound: Inbound<'_>) {
        self.engine.handle(now, inbound);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.engine.handle_timeout(now);
    }

    fn poll_outbound(&mut self) -> Option<Outbound> {
        self.engine.poll_outbound()
    }

    fn collect_events(&mut self) -> bool {
        let before = self.events.len();
        while let Some(event) = self.engine.poll_event() {
            self.events.push_back(event);
        }
        self.events.len() > before
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.engine.poll_timeout()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}
