//! Between the engine's task and the tasks of the program: who waits for what.

use crate::{
    engine::{Answer, EngineEvent, RequestTicket},
    error::DeviceError,
    event::ServerEvent,
    observation::Notification,
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::{broadcast, mpsc, oneshot};

/// Who waits for a request.
pub(crate) struct Waiter {
    pub(crate) done: oneshot::Sender<Result<Answer, DeviceError>>,
    /// Bytes that have arrived and bytes of the whole.
    pub(crate) progress: Option<mpsc::Sender<(usize, usize)>>,
}

/// Hands events on. Its locks are held for a look-up, never while waiting.
pub(crate) struct Hub {
    /// `None` after the end, so that readers see it.
    events: Mutex<Option<broadcast::Sender<ServerEvent>>>,
    waiting: Mutex<HashMap<RequestTicket, Waiter>>,
    streams: Mutex<HashMap<u64, Vec<mpsc::Sender<Arc<Notification>>>>>,
}

impl Hub {
    /// A hub that keeps this many events for slow readers.
    pub(crate) fn new(event_buffer: usize) -> Self {
        Hub {
            events: Mutex::new(Some(broadcast::Sender::new(event_buffer.max(1)))),
            waiting: Mutex::default(),
            streams: Mutex::default(),
        }
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<ServerEvent> {
        match &*lock(&self.events) {
            Some(events) => events.subscribe(),
            // Its sender is gone at once: a stream that has ended.
            None => broadcast::Sender::new(1).subscribe(),
        }
    }

    /// Tells an event to whoever listens; nobody need.
    pub(crate) fn publish(&self, event: ServerEvent) {
        match &event {
            ServerEvent::Notification(notification) => self.deliver(notification),
            ServerEvent::ObservationCancelled { observation, .. } => {
                lock(&self.streams).remove(observation);
            }
            _ => {}
        }
        if let Some(events) = &*lock(&self.events) {
            // An error means that nobody listens.
            let _ = events.send(event);
        }
    }

    /// Takes an event of the engine; gives back what only the server itself can answer.
    pub(crate) fn on_event(&self, event: EngineEvent) -> Option<EngineEvent> {
        match event {
            EngineEvent::Server(event) => self.publish(event),
            EngineEvent::Completed { ticket, result } => {
                if let Some(waiter) = lock(&self.waiting).remove(&ticket) {
                    // An error means that the caller has given up.
                    let _ = waiter.done.send(result);
                }
            }
            EngineEvent::Progress {
                ticket,
                sent,
                total,
            } => {
                let waiting = lock(&self.waiting);
                if let Some(progress) = waiting
                    .get(&ticket)
                    .and_then(|waiter| waiter.progress.as_ref())
                {
                    // A slow reader sees fewer steps.
                    let _ = progress.try_send((sent, total));
                }
            }
            authorize => return Some(authorize),
        }
        None
    }

    /// Enters who waits for a request; called in the engine's task, before its events are handed out.
    pub(crate) fn wait(&self, ticket: RequestTicket, waiter: Waiter) {
        lock(&self.waiting).insert(ticket, waiter);
    }

    pub(crate) fn stop_waiting(&self, ticket: RequestTicket) {
        lock(&self.waiting).remove(&ticket);
    }

    /// Another stream of an observation; called in the engine's task, before its events are handed out.
    pub(crate) fn stream(&self, observation: u64, sender: mpsc::Sender<Arc<Notification>>) {
        let mut streams = lock(&self.streams);
        let senders = streams.entry(observation).or_default();
        senders.retain(|sender| !sender.is_closed());
        senders.push(sender);
    }

    pub(crate) fn end_streams(&self, observation: u64) {
        lock(&self.streams).remove(&observation);
    }

    fn deliver(&self, notification: &Arc<Notification>) {
        let mut streams = lock(&self.streams);
        let Some(senders) = streams.get_mut(&notification.observation) else {
            return;
        };
        senders.retain(|sender| {
            let sent = sender.try_send(notification.clone());
            !matches!(sent, Err(mpsc::error::TrySendError::Closed(_)))
        });
        if senders.is_empty() {
            streams.remove(&notification.observation);
        }
    }

    /// The engine has ended: nobody need wait any more.
    pub(crate) fn close(&self) {
        lock(&self.events).take();
        lock(&self.waiting).clear();
        lock(&self.streams).clear();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
