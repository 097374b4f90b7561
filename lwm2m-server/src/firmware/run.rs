//! The steps of a firmware update.
//!
//! ```text
//!   Preparing -> Uploading -> Uploaded -> Downloaded -> Updating -> Verifying -> Finished
//!       |            |            |            |            |            |
//!       +------------+------------+----- Failed +-----------+------------+
//! ```
//!
//! The state of the device (/5/0/3) is observed and, since a notification may be lost, also read now and then.

use super::{FirmwareError, FirmwareOutcome, FirmwarePackage, FirmwareProgress, FirmwareUpdate};
use crate::{
    device::Device,
    error::DeviceError,
    event::ServerEvent,
    observation::{Notification, Observation},
};
use bytes::Bytes;
use lwm2m_core::{
    coap::Code,
    content::ContentFormat,
    entry::Entry,
    model::NoModels,
    operation::{DeviceOperation, Payload, Write, WriteMode},
    path::Path,
    value::Value,
};
use lwm2m_objects::{device as device_object, firmware_update as object};
use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{
        broadcast::{self, error::RecvError},
        mpsc, oneshot,
    },
    time::{Instant, sleep_until, timeout_at},
};

const PACKAGE: Path = Path::resource(object::ID, 0, object::PACKAGE);
const UPDATE: Path = Path::resource(object::ID, 0, object::UPDATE);
const STATE: Path = Path::resource(object::ID, 0, object::STATE);
const RESULT: Path = Path::resource(object::ID, 0, object::UPDATE_RESULT);
const DELIVERY: Path = Path::resource(object::ID, 0, object::FIRMWARE_UPDATE_DELIVERY_METHOD);
const VERSION: Path = Path::resource(device_object::ID, 0, device_object::FIRMWARE_VERSION);

/// Values of /5/0/3.
const IDLE: i64 = 0;
const DOWNLOADED: i64 = 2;
const UPDATING: i64 = 3;
/// Value of /5/0/5.
const SUCCESS: i64 = 1;

/// How often the device is asked where no notification comes.
const POLL: Duration = Duration::from_secs(30);
/// Progress reports that a slow reader may leave unread.
const BUFFER: usize = 64;
/// Of those, how many are kept free for the steps that are not part of the upload.
const RESERVED: usize = 16;

/// Begins an update in a task of its own.
pub(crate) fn begin(device: Device, package: FirmwarePackage) -> FirmwareUpdate {
    let (sender, progress) = mpsc::channel(BUFFER);
    let (cancel, cancelled) = oneshot::channel();
    let run = Run { device, sender };
    let begun = {
        let mut firmware = run
            .device
            .shared
            .firmware
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let free = !firmware.contains_key(run.device.endpoint());
        if free {
            firmware.insert(run.device.endpoint().clone(), FirmwareProgress::Preparing);
        }
        free
    };
    if begun {
        tokio::spawn(run.run(package, cancelled));
    } else {
        // The channel is new: there is room.
        let _ = run
            .sender
            .try_send(FirmwareProgress::Failed(FirmwareError::InProgress));
    }
    FirmwareUpdate {
        progress,
        cancel: Some(cancel),
    }
}

struct Run {
    device: Device,
    sender: mpsc::Sender<FirmwareProgress>,
}

impl Run {
    async fn run(self, package: FirmwarePackage, cancelled: oneshot::Receiver<()>) {
        let watched = self.device.observations().await.unwrap_or_default();
        let ours = !watched.iter().any(|known| *known.paths == [STATE]);
        let result = tokio::select! {
            result = self.steps(&package) => result,
            // A handle that is dropped does not cancel.
            () = async { if cancelled.await.is_err() { std::future::pending().await } } => {
                // What the device has of the image is cleared; if it installs already, it refuses.
                let _ = self.write_package(Bytes::from_static(&[0]), None).await;
                Err(FirmwareError::Cancelled)
            }
        };
        if ours {
            // The device may be gone; the observation is not wanted any more in any case.
            let _ = self.device.cancel_observation(&[STATE]).await;
        }
        self.report(match result {
            Ok(outcome) => FirmwareProgress::Finished(outcome),
            Err(error) => FirmwareProgress::Failed(error),
        });
        let mut firmware = self
            .device
            .shared
            .firmware
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        firmware.remove(self.device.endpoint());
    }

    async fn steps(&self, package: &FirmwarePackage) -> Result<FirmwareOutcome, FirmwareError> {
        self.report(FirmwareProgress::Preparing);
        self.prepare(package).await?;
        let mut state = self
            .device
            .observe(STATE)
            .await
            .map_err(|error| failed("observing the state", error))?;
        self.upload(package.image.clone()).await?;
        self.report(FirmwareProgress::Uploaded);
        self.await_downloaded(&mut state, Instant::now() + package.download_timeout)
            .await?;
        self.report(FirmwareProgress::Downloaded);
        let mut events = self.device.shared.hub.subscribe();
        match self.device.execute(UPDATE, &[]).await {
            // A device that restarts at once may not get its answer out.
            Ok(())
            | Err(
                DeviceError::Timeout | DeviceError::RegistrationEnded | DeviceError::Unreachable,
            ) => {}
            Err(error) => return Err(failed("executing the update", error)),
        }
        self.report(FirmwareProgress::Updating);
        let deadline = Instant::now() + package.update_timeout;
        self.await_result(package, &mut state, &mut events, deadline)
            .await?;
        self.report(FirmwareProgress::Verifying);
        let version = self.version().await?;
        match &package.version {
            Some(wanted) if version.as_ref() != Some(wanted) => Err(FirmwareError::WrongVersion {
                wanted: wanted.clone(),
                found: version,
            }),
            _ => Ok(FirmwareOutcome { version }),
        }
    }

    /// Sees to it that the device can take an image.
    async fn prepare(&self, package: &FirmwarePackage) -> Result<(), FirmwareError> {
        if package.image.is_empty() {
            return Err(FirmwareError::EmptyImage);
        }
        let registration = self
            .device
            .registration()
            .await
            .map_err(|error| failed("looking the device up", error))?;
        if !registration
            .objects
            .has(&Path::object_instance(object::ID, 0))
        {
            return Err(FirmwareError::NotSupported);
        }
        match self.read(DELIVERY).await {
            // 0: only pull.
            Ok(0) => return Err(FirmwareError::PushNotSupported),
            // Some devices do not say; the upload will show.
            Ok(_) | Err(DeviceError::Response { .. } | DeviceError::Invalid(_)) => {}
            Err(error) => return Err(failed("reading the delivery method", error)),
        }
        match self
            .read(STATE)
            .await
            .map_err(|error| failed("reading the state", error))?
        {
            IDLE => Ok(()),
            UPDATING => Err(FirmwareError::InProgress),
            _ => self
                .write_package(Bytes::from_static(&[0]), None)
                .await
                .map_err(|error| failed("clearing an old image", error)),
        }
    }

    async fn upload(&self, image: Bytes) -> Result<(), FirmwareError> {
        let total = image.len();
        self.report(FirmwareProgress::Uploading { sent: 0, total });
        let (sender, mut steps) = mpsc::channel(BUFFER);
        let write = self.write_package(image, Some(sender));
        tokio::pin!(write);
        let mut reported = 0;
        loop {
            tokio::select! {
                biased;
                Some((sent, total)) = steps.recv() => {
                    // A hundred steps and the last one are enough for anybody.
                    if sent >= total || sent - reported >= total.div_ceil(100) {
                        reported = sent;
                        self.report(FirmwareProgress::Uploading { sent, total });
                    }
                }
                written = &mut write => break match written {
                    Ok(()) => Ok(()),
                    Err(error) => Err(self.explained("writing the image", error).await),
                },
            }
        }
    }

    /// Writes the image in the format every device should take, or in the other one that a resource can be written in.
    async fn write_package(
        &self,
        image: Bytes,
        progress: Option<mpsc::Sender<(usize, usize)>>,
    ) -> Result<(), DeviceError> {
        let write = |payload| {
            let operation = DeviceOperation::Write(Write {
                path: PACKAGE,
                mode: WriteMode::Replace,
                payload,
            });
            // As long as blocks arrive an upload may take: the message layer finds out when they no longer do.
            self.device.request_with(operation, None, progress.clone())
        };
        let opaque = Payload {
            format: ContentFormat::Opaque,
            data: image.clone(),
        };
        match write(opaque).await {
            Err(DeviceError::Response {
                code: Code::UNSUPPORTED_CONTENT_FORMAT,
                ..
            }) => {
                let entry = Entry::new(PACKAGE, Value::Opaque(image.to_vec()));
                write(Payload::encode(
                    ContentFormat::Tlv,
                    &[entry],
                    &PACKAGE,
                    &NoModels,
                )?)
                .await
                .map(drop)
            }
            result => result.map(drop),
        }
    }

    /// Waits until the device has checked the image.
    async fn await_downloaded(
        &self,
        state: &mut Observation,
        deadline: Instant,
    ) -> Result<(), FirmwareError> {
        loop {
            match self.read(STATE).await {
                Ok(DOWNLOADED) => return Ok(()),
                // Back to the beginning: the result says why.
                Ok(IDLE) => match self.read(RESULT).await {
                    Ok(0) | Err(_) => {}
                    Ok(code) => return Err(refused(code)),
                },
                // The device may be out of reach for a while.
                _ => {}
            }
            let next = deadline.min(Instant::now() + POLL);
            // Whether a notification came or not: the next look tells.
            let _ = timeout_at(next, news(state)).await;
            if Instant::now() >= deadline {
                return Err(FirmwareError::Timeout("Downloaded state"));
            }
        }
    }

    /// Waits until the device has installed the image.
    async fn await_result(
        &self,
        package: &FirmwarePackage,
        state: &mut Observation,
        events: &mut broadcast::Receiver<ServerEvent>,
        deadline: Instant,
    ) -> Result<(), FirmwareError> {
        let mut restarted = false;
        loop {
            let next = deadline.min(Instant::now() + POLL);
            tokio::select! {
                _ = news(state) => {}
                () = registered(events, self.device.endpoint()) => restarted = true,
                () = sleep_until(next) => {}
            }
            let (now, result) = (self.read(STATE).await, self.read(RESULT).await);
            // A device that does not keep the result over its restart shows its success by its version.
            let forgot =
                restarted && package.version.is_some() && (&now, &result) == (&Ok(IDLE), &Ok(0));
            if forgot
                && self
                    .version()
                    .await
                    .is_ok_and(|version| version == package.version)
            {
                return Ok(());
            }
            match (now, result) {
                (Ok(IDLE), Ok(SUCCESS)) => return Ok(()),
                // A device that does not keep the result over its restart shows its success by its version.
                (Ok(UPDATING), _) | (Ok(_), Ok(0 | SUCCESS)) => {}
                (Ok(_), Ok(code)) => return Err(refused(code)),
                // The device may be out of reach for a while.
                _ => {}
            }
            if Instant::now() >= deadline {
                return Err(FirmwareError::Timeout("update result"));
            }
        }
    }

    /// The failure with the reason that the device gives for it, where it gives one.
    async fn explained(&self, step: &'static str, error: DeviceError) -> FirmwareError {
        if matches!(error, DeviceError::Response { .. })
            && let Ok(code @ 2..) = self.read(RESULT).await
        {
            return refused(code);
        }
        failed(step, error)
    }

    async fn read(&self, path: Path) -> Result<i64, DeviceError> {
        let value = self.device.read_value(path).await?;
        value
            .as_i64()
            .ok_or_else(|| DeviceError::Invalid(format!("{path} is no number")))
    }

    async fn version(&self) -> Result<Option<String>, FirmwareError> {
        match self.device.read_value(VERSION).await {
            Ok(value) => Ok(value.as_str().map(str::to_owned)),
            // It is optional.
            Err(DeviceError::Response {
                code: Code::NOT_FOUND,
                ..
            }) => Ok(None),
            Err(error) => Err(failed("reading the version", error)),
        }
    }

    fn report(&self, progress: FirmwareProgress) {
        let endpoint = self.device.endpoint().clone();
        let shared = &self.device.shared;
        let mut firmware = shared
            .firmware
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        firmware.insert(endpoint.clone(), progress.clone());
        drop(firmware);
        let uploading = matches!(progress, FirmwareProgress::Uploading { .. });
        if !uploading || self.sender.capacity() > RESERVED {
            // An error means that nobody reads.
            let _ = self.sender.try_send(progress.clone());
        }
        shared
            .hub
            .publish(ServerEvent::Firmware { endpoint, progress });
    }
}

/// The next notification of the state; never, where the observation has ended.
async fn news(state: &mut Observation) -> Arc<Notification> {
    match state.next().await {
        Some(notification) => notification,
        None => std::future::pending().await,
    }
}

/// Waits until the device registers.
async fn registered(events: &mut broadcast::Receiver<ServerEvent>, endpoint: &str) {
    loop {
        match events.recv().await {
            Ok(ServerEvent::Registered { registration, .. })
                if *registration.endpoint == *endpoint =>
            {
                return;
            }
            Ok(_) => {}
            // It may have been among those that were missed: the next look tells.
            Err(RecvError::Lagged(_)) => return,
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

fn failed(step: &'static str, error: DeviceError) -> FirmwareError {
    FirmwareError::Operation { step, error }
}

/// A result other than success (Core 1.2.2, table E.6.1: /5/0/5).
fn refused(code: i64) -> FirmwareError {
    let meaning = match code {
        2 => "not enough flash memory for the image",
        3 => "out of memory during the download",
        4 => "connection lost during the download",
        5 => "integrity check failed",
        6 => "unsupported image type",
        7 => "invalid URI",
        8 => "update failed",
        9 => "unsupported protocol",
        10 => "cancelled",
        11 => "deferred",
        _ => "unknown",
    };
    FirmwareError::Result { code, meaning }
}
