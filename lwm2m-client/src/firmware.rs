//! Object 5, Firmware Update.

/// Skeleton: see the methods.
use crate::object::{Clock, Object, ObjectError, ResourceValue};
use alloc::{boxed::Box, string::String, vec::Vec};
use lwm2m_core::model::ObjectModel;

/// How an update went (/5/0/5; Core 1.2.2, appendix E.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UpdateResult {
    /// 0: nothing to say yet.
    Initial,
    /// 1: the new firmware runs.
    Success,
    /// 2: too little flash.
    NotEnoughStorage,
    /// 3: too little RAM.
    OutOfMemory,
    /// 4: the connection was lost.
    ConnectionLost,
    /// 5: the package is damaged or not authentic.
    IntegrityFailure,
    /// 6: not a package for this device.
    UnsupportedPackage,
    /// 7: the URI cannot be read.
    InvalidUri,
    /// 8: the update failed.
    UpdateFailed,
    /// 9: the scheme of the URI is not supported.
    UnsupportedProtocol,
    /// 10: cancelled.
    Cancelled,
    /// 11: deferred.
    Deferred,
}

/// Why a package is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum FirmwareError {
    /// Update result 2.
    #[error("not enough storage for the package")]
    NotEnoughStorage,
    /// Update result 3.
    #[error("out of memory")]
    OutOfMemory,
    /// Update result 5.
    #[error("the package is damaged or not authentic")]
    Integrity,
    /// Update result 6.
    #[error("not a package for this device")]
    UnsupportedPackage,
}

/// What a package says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PackageInfo {
    /// /5/0/6
    pub name: Option<String>,
    /// /5/0/7
    pub version: Option<String>,
}

/// Where a firmware image goes, block by block.
pub trait FirmwareStorage: Send {
    /// An image begins; what was there before is discarded. `size` is what the server says, bytes.
    ///
    /// # Errors
    /// Nothing is stored then.
    fn begin(&mut self, size: Option<u64>) -> Result<(), FirmwareError>;

    /// The next bytes.
    ///
    /// # Errors
    /// The image is discarded then.
    fn write(&mut self, data: &[u8]) -> Result<(), FirmwareError>;

    /// The image is complete: is it good? The place to check its signature.
    ///
    /// # Errors
    /// The image is discarded then.
    fn finish(&mut self) -> Result<PackageInfo, FirmwareError>;

    /// The image is not wanted any more.
    fn discard(&mut self);
}

/// Object 5 with push delivery.
pub struct FirmwareObject {
    _storage: Box<dyn FirmwareStorage>,
}

impl FirmwareObject {
    /// With this storage.
    pub fn new(storage: impl FirmwareStorage + 'static) -> Self {
        FirmwareObject {
            _storage: Box::new(storage),
        }
    }

    /// Begins with this result, as after a restart in the new firmware.
    #[must_use]
    pub fn with_result(self, result: UpdateResult) -> Self {
        let _ = result;
        self
    }
}

impl Object for FirmwareObject {
    fn model(&self) -> &ObjectModel {
        todo!()
    }

    fn instances(&self) -> Vec<u16> {
        todo!()
    }

    fn resources(&self, _instance: u16) -> Vec<u16> {
        todo!()
    }

    fn read(&self, _: &Clock, _: u16, _: u16) -> Result<ResourceValue, ObjectError> {
        todo!()
    }
}
