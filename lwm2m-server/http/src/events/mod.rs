//! Events: from the servers through a bounded hub to any number of streams.

mod form;
mod gone;
mod hub;

pub(crate) use form::{FirmwareForm, lag, live, rendered};
pub(crate) use gone::{Gone, GoneForm};
pub(crate) use hub::{Body, Hub, Record, Start};

use lwm2m_server::Events;
use std::sync::Arc;
use tokio::task::AbortHandle;

/// Brings the events of a server to the hub until the server stops.
pub(crate) fn pump(mut events: Events, hub: Arc<Hub>, gone: Arc<Gone>) -> AbortHandle {
    let task = tokio::spawn(async move {
        while let Some(event) = events.next().await {
            gone.take_in(&event);
            hub.push(event);
        }
    });
    task.abort_handle()
}
