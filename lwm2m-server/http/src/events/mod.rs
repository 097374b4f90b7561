//! Events: from the servers through a bounded hub to any number of streams.

mod form;
mod gone;
mod hub;

pub(crate) use form::{FirmwareForm, lag, live, rendered};
pub(crate) use gone::{Gone, GoneForm};
pub(crate) use hub::{Body, Hub, Record, Start};

use futures_util::FutureExt;
use lwm2m_server::{Events, ServerEvent};
use std::sync::Arc;
use tokio::task::{AbortHandle, unconstrained};
use tokio_util::sync::{CancellationToken, DropGuard};

/// What brings the events of servers to the hub, one for each server.
#[derive(Clone)]
pub(crate) struct Pump {
    pub(crate) hub: Arc<Hub>,
    pub(crate) gone: Arc<Gone>,
    /// When the program wants to end.
    pub(crate) closing: CancellationToken,
    /// Let go of by each when what had happened by then is in the hub.
    pub(crate) told: Arc<DropGuard>,
    /// How many events of one server are brought to the hub then: no stream could be told more.
    pub(crate) last_events: usize,
}

impl Pump {
    /// Brings the events of a server to the hub until the server stops.
    pub(crate) fn start(self, mut events: Events) -> AbortHandle {
        let Pump {
            hub,
            gone,
            closing,
            told,
            last_events,
        } = self;
        let mut told = Some(told);
        let take = move |event: ServerEvent| {
            gone.take_in(&event);
            hub.push(event);
        };
        let task = tokio::spawn(async move {
            loop {
                tokio::select! {
                    event = events.next() => match event {
                        Some(event) => take(event),
                        None => return,
                    },
                    () = closing.cancelled(), if told.is_some() => {
                        for _ in 0..last_events {
                            // Unconstrained: else there seems to be none when the task has run for long.
                            match unconstrained(events.next()).now_or_never() {
                                Some(Some(event)) => take(event),
                                _ => break,
                            }
                        }
                        told = None;
                    }
                }
            }
        });
        task.abort_handle()
    }
}
