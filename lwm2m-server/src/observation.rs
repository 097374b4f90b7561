//! Observed values, and the handle to an observation.

use crate::{error::DeviceError, server::Shared};
use futures_core::Stream;
use lwm2m_core::{entry::Entry, path::Path};
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::SystemTime,
};
use tokio::sync::mpsc;

/// Values that a device reported because they are observed.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Notification {
    /// Endpoint name.
    pub endpoint: Arc<str>,
    /// The observation it belongs to.
    pub observation: u64,
    /// What is observed: one path, or those of a composite observation.
    pub paths: Arc<[Path]>,
    /// The values, oldest first where there are several of one path.
    pub entries: Vec<Entry>,
    /// Counts the notifications of this observation, from 0 for the answer that established it.
    pub sequence: u64,
    /// When it arrived.
    pub received_at: SystemTime,
}

impl Notification {
    /// What is observed, where that is one path; the root for a composite observation.
    pub fn path(&self) -> Path {
        match self.paths[..] {
            [path] => path,
            _ => Path::ROOT,
        }
    }
}

/// What the server knows of one observation.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ObservationInfo {
    /// Its number, kept over re-registrations and restarts.
    pub id: u64,
    /// Endpoint name.
    pub endpoint: Arc<str>,
    /// What is observed.
    pub paths: Arc<[Path]>,
    /// Whether it is a composite observation.
    pub composite: bool,
    /// Whether it stands at the device now; if not, it is renewed when the device registers or updates.
    pub established: bool,
    /// Notifications received.
    pub notifications: u64,
}

/// A stream of [`Notification`]s. It survives re-registrations of the device: the server renews what it observes.
///
/// Dropping it does not end the observation, whose notifications go on as
/// [`ServerEvent::Notification`](crate::ServerEvent::Notification); [`cancel`](Observation::cancel) does. A reader that
/// is too slow loses the newest notifications beyond
/// [`ServerConfig::observation_buffer`](crate::ServerConfig::observation_buffer); a gap shows in their sequence.
pub struct Observation {
    pub(crate) id: u64,
    pub(crate) endpoint: Arc<str>,
    pub(crate) receiver: mpsc::Receiver<Arc<Notification>>,
    pub(crate) shared: Arc<Shared>,
}

impl Observation {
    /// Its number, kept over re-registrations and restarts.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Endpoint name of the device.
    pub fn endpoint(&self) -> &Arc<str> {
        &self.endpoint
    }

    /// The next notification, the first being the answer that established the observation; `None` when it has
    /// ended.
    pub async fn next(&mut self) -> Option<Arc<Notification>> {
        self.receiver.recv().await
    }

    /// Ends the observation, at the device too where it is there.
    ///
    /// # Errors
    /// What came of telling the device; the observation has ended in any case.
    pub async fn cancel(self) -> Result<(), DeviceError> {
        self.shared.cancel_observation(self.id).await
    }
}

impl Stream for Observation {
    type Item = Arc<Notification>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.receiver.poll_recv(cx)
    }
}
