//! A firmware update by push through object 5 (Core 1.2.2, section E.6).

mod run;

pub(crate) use run::begin;

use crate::error::DeviceError;
use bytes::Bytes;
use futures_core::Stream;
use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::sync::{mpsc, oneshot};

/// A firmware image and how to bring it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct FirmwarePackage {
    /// The image; clones share it.
    pub image: Bytes,
    /// What /3/0/3 (firmware version) must say after the update; `None`: it is not checked.
    pub version: Option<String>,
    /// How long the device may take from the last block to `Downloaded`. Default: 5 minutes.
    pub download_timeout: Duration,
    /// How long the device may take from the execution of the update to a result. Default: 15 minutes.
    pub update_timeout: Duration,
}

impl FirmwarePackage {
    /// An image with the default times.
    pub fn new(image: impl Into<Bytes>) -> Self {
        FirmwarePackage {
            image: image.into(),
            version: None,
            download_timeout: Duration::from_secs(300),
            update_timeout: Duration::from_secs(900),
        }
    }

    /// With the version that the device must report after the update.
    #[must_use]
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = Some(version.into());
        self
    }

    /// With the time that the device may take from the last block to `Downloaded`.
    #[must_use]
    pub fn download_timeout(mut self, timeout: Duration) -> Self {
        self.download_timeout = timeout;
        self
    }

    /// With the time that the device may take from the execution of the update to a result.
    #[must_use]
    pub fn update_timeout(mut self, timeout: Duration) -> Self {
        self.update_timeout = timeout;
        self
    }
}

/// How far a firmware update is.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum FirmwareProgress {
    /// The device's state is looked at, and cleared where an old image waits in it.
    Preparing,
    /// The image is on its way.
    Uploading {
        /// Bytes that have arrived.
        sent: usize,
        /// Bytes of the whole.
        total: usize,
    },
    /// The whole image is there; the device checks it.
    Uploaded,
    /// The device says `Downloaded`: the image is whole and right.
    Downloaded,
    /// The update was executed; the device installs it and restarts.
    Updating,
    /// The device has a result; it and the version are read.
    Verifying,
    /// It is done.
    Finished(FirmwareOutcome),
    /// It failed.
    Failed(FirmwareError),
}

/// A firmware update that succeeded.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FirmwareOutcome {
    /// What /3/0/3 says now, where the device has it.
    pub version: Option<String>,
}

/// Why a firmware update failed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FirmwareError {
    /// The device has no object 5.
    #[error("the device has no firmware update object")]
    NotSupported,
    /// The device takes firmware only by download (/5/0/9 is 0).
    #[error("the device does not take firmware by push")]
    PushNotSupported,
    /// Another update of this device is under way.
    #[error("another firmware update of this device is under way")]
    InProgress,
    /// The image is empty.
    #[error("the image is empty")]
    EmptyImage,
    /// An operation failed.
    #[error("{step}: {error}")]
    Operation {
        /// What was being done.
        step: &'static str,
        /// How it failed.
        error: DeviceError,
    },
    /// The device ended the update with a result other than success (/5/0/5).
    #[error("the device reports update result {code} ({meaning})")]
    Result {
        /// The value of /5/0/5.
        code: i64,
        /// What it means.
        meaning: &'static str,
    },
    /// The device did not come to the state that follows in time.
    #[error("no {0} in time")]
    Timeout(&'static str),
    /// The device says it succeeded, but reports another version.
    #[error("the device reports version {found:?} instead of {wanted:?}")]
    WrongVersion {
        /// The version that was asked for.
        wanted: String,
        /// The version it reports.
        found: Option<String>,
    },
    /// The update was given up by [`FirmwareUpdate::cancel`], or the server stopped.
    #[error("the update was cancelled")]
    Cancelled,
}

/// A running firmware update: a stream of [`FirmwareProgress`] whose last item is `Finished` or `Failed`.
///
/// Dropping it does not stop the update.
pub struct FirmwareUpdate {
    pub(crate) progress: mpsc::Receiver<FirmwareProgress>,
    pub(crate) cancel: Option<oneshot::Sender<()>>,
}

impl FirmwareUpdate {
    /// The next step; `None` behind the last. Steps of `Uploading` are left out where the reader is slow.
    pub async fn next(&mut self) -> Option<FirmwareProgress> {
        self.progress.recv().await
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// Why it failed.
    pub async fn finished(mut self) -> Result<FirmwareOutcome, FirmwareError> {
        while let Some(progress) = self.next().await {
            match progress {
                FirmwareProgress::Finished(outcome) => return Ok(outcome),
                FirmwareProgress::Failed(error) => return Err(error),
                _ => {}
            }
        }
        Err(FirmwareError::Cancelled)
    }

    /// Gives the update up. What the device already installs cannot be stopped; before that, what it has of the image
    /// is cleared.
    pub fn cancel(&mut self) {
        if let Some(cancel) = self.cancel.take() {
            // An error means that the update has ended by itself.
            let _ = cancel.send(());
        }
    }
}

impl Stream for FirmwareUpdate {
    type Item = FirmwareProgress;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<FirmwareProgress>> {
        self.progress.poll_recv(cx)
    }
}
