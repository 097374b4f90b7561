//! The handle to one registered device.

use crate::{
    error::DeviceError,
    firmware::{FirmwarePackage, FirmwareUpdate},
    observation::{Observation, ObservationInfo},
    registration::Registration,
    server::Shared,
};
use lwm2m_core::{
    attributes::{AttributeChange, Attributes},
    content::ContentFormat,
    entry::Entry,
    link::Link,
    operation::WriteMode,
    path::Path,
    value::Value,
};
use std::sync::Arc;

/// What names a place in the tree: a [`Path`] or its text.
pub trait IntoPath {
    /// The place.
    ///
    /// # Errors
    /// [`DeviceError::Invalid`] where the text is no path.
    fn into_path(self) -> Result<Path, DeviceError>;
}

impl IntoPath for Path {
    fn into_path(self) -> Result<Path, DeviceError> {
        Ok(self)
    }
}

impl IntoPath for &Path {
    fn into_path(self) -> Result<Path, DeviceError> {
        Ok(*self)
    }
}

impl IntoPath for &str {
    fn into_path(self) -> Result<Path, DeviceError> {
        self.parse()
            .map_err(|error| DeviceError::Invalid(format!("{self:?}: {error}")))
    }
}

impl IntoPath for &String {
    fn into_path(self) -> Result<Path, DeviceError> {
        self.as_str().into_path()
    }
}

impl IntoPath for String {
    fn into_path(self) -> Result<Path, DeviceError> {
        self.as_str().into_path()
    }
}

/// A registered device. It names an endpoint, not a registration: it goes on working after the device registered anew.
///
/// Values are checked against the definitions of the device's objects before anything is sent. Requests to a device
/// that sleeps wait until it speaks, up to [`ServerConfig::sleep_timeout`](crate::ServerConfig::sleep_timeout).
///
/// # Errors
/// Each operation fails with a [`DeviceError`] that says why.
#[derive(Clone)]
pub struct Device {
    pub(crate) endpoint: Arc<str>,
    pub(crate) shared: Arc<Shared>,
}

impl Device {
    /// Endpoint name.
    pub fn endpoint(&self) -> &Arc<str> {
        &self.endpoint
    }

    /// Its registration as it is now.
    pub async fn registration(&self) -> Result<Arc<Registration>, DeviceError> {
        todo!()
    }

    /// The values at a place (Core 1.2.2, section 6.3.1), in a format the server chooses.
    pub async fn read(&self, path: impl IntoPath) -> Result<Vec<Entry>, DeviceError> {
        let _ = path;
        todo!()
    }

    /// The values at a place in this format; `None`: the device chooses.
    pub async fn read_with(
        &self,
        path: impl IntoPath,
        format: Option<ContentFormat>,
    ) -> Result<Vec<Entry>, DeviceError> {
        let _ = (path, format);
        todo!()
    }

    /// The one value of a resource or resource instance.
    pub async fn read_value(&self, path: impl IntoPath) -> Result<Value, DeviceError> {
        let _ = path;
        todo!()
    }

    /// Writes one value to a resource or resource instance, in place of the old (Core 1.2.2, section 6.3.3).
    pub async fn write(
        &self,
        path: impl IntoPath,
        value: impl Into<Value>,
    ) -> Result<(), DeviceError> {
        let _ = (path, value.into());
        todo!()
    }

    /// Writes values at and below a place. [`WriteMode::PartialUpdate`] is for object instances (and resources with
    /// instances), and leaves what is not named.
    pub async fn write_entries(
        &self,
        path: impl IntoPath,
        mode: WriteMode,
        entries: Vec<Entry>,
    ) -> Result<(), DeviceError> {
        let _ = (path, mode, entries);
        todo!()
    }

    /// As [`write_entries`](Device::write_entries) in this format.
    pub async fn write_with(
        &self,
        path: impl IntoPath,
        mode: WriteMode,
        entries: Vec<Entry>,
        format: Option<ContentFormat>,
    ) -> Result<(), DeviceError> {
        let _ = (path, mode, entries, format);
        todo!()
    }

    /// Executes a resource (Core 1.2.2, section 6.3.5) with arguments: digit 0 to 9 and, where there is one, its text.
    pub async fn execute(
        &self,
        path: impl IntoPath,
        arguments: &[(u8, Option<&str>)],
    ) -> Result<(), DeviceError> {
        let _ = (path, arguments);
        todo!()
    }

    /// Creates an object instance and says where it is. Without `instance` the device numbers it. The paths of
    /// `entries` carry the instance's number, or any where the device gives it.
    pub async fn create(
        &self,
        object: u16,
        instance: Option<u16>,
        entries: Vec<Entry>,
    ) -> Result<Path, DeviceError> {
        let _ = (object, instance, entries);
        todo!()
    }

    /// Deletes an object instance (or, 1.2, a resource instance).
    pub async fn delete(&self, path: impl IntoPath) -> Result<(), DeviceError> {
        let _ = path;
        todo!()
    }

    /// What there is at and below a place, with its attributes (Core 1.2.2, section 6.3.2). `depth` is for 1.2.
    pub async fn discover(
        &self,
        path: impl IntoPath,
        depth: Option<u8>,
    ) -> Result<Vec<Link>, DeviceError> {
        let _ = (path, depth);
        todo!()
    }

    /// Sets and unsets attributes at a place (Core 1.2.2, section 6.3.4).
    pub async fn write_attributes(
        &self,
        path: impl IntoPath,
        change: impl Into<AttributeChange>,
    ) -> Result<(), DeviceError> {
        let _ = (path, change.into());
        todo!()
    }

    /// Observes a place. Observing what is observed already gives another stream of the same observation.
    pub async fn observe(&self, path: impl IntoPath) -> Result<Observation, DeviceError> {
        let _ = path;
        todo!()
    }

    /// Observes a place with attributes that govern this observation: by write-attributes before it, or, for a 1.2
    /// device, in the query of the observe request.
    pub async fn observe_with(
        &self,
        path: impl IntoPath,
        attributes: Attributes,
    ) -> Result<Observation, DeviceError> {
        let _ = (path, attributes);
        todo!()
    }

    /// Observes several places as one (1.1).
    pub async fn observe_composite(&self, paths: &[Path]) -> Result<Observation, DeviceError> {
        let _ = paths;
        todo!()
    }

    /// The observations of this device that the server wants.
    pub async fn observations(&self) -> Result<Vec<ObservationInfo>, DeviceError> {
        todo!()
    }

    /// Ends the observation of a place, or of several where it is a composite one; says whether there was one.
    pub async fn cancel_observation(&self, paths: &[Path]) -> Result<bool, DeviceError> {
        let _ = paths;
        todo!()
    }

    /// The values at several places (1.1); those that cannot be read are left out.
    pub async fn read_composite(&self, paths: &[Path]) -> Result<Vec<Entry>, DeviceError> {
        let _ = paths;
        todo!()
    }

    /// Writes values at several places, all or none (1.1).
    pub async fn write_composite(&self, entries: Vec<Entry>) -> Result<(), DeviceError> {
        let _ = entries;
        todo!()
    }

    /// Begins a firmware update by push; see [`FirmwareUpdate`].
    pub async fn update_firmware(
        &self,
        package: FirmwarePackage,
    ) -> Result<FirmwareUpdate, DeviceError> {
        let _ = package;
        todo!()
    }

    /// The update of this device that is under way: how far it was when last heard of.
    pub async fn firmware_progress(&self) -> Option<crate::firmware::FirmwareProgress> {
        todo!()
    }
}
