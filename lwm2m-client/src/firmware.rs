//! Object 5, Firmware Update (Core 1.2.2, appendix E.6), with push delivery.
//!
//! ```text
//!             package begins            package complete and good          execute /5/0/2
//!  Idle(0) ──────────────────▶ Downloading(1) ────────────▶ Downloaded(2) ──────────────▶ Updating(3)
//!   ▲ ▲ ▲   result 0             │                             │   ▲                        │  │
//!   │ │ └─ lost 4, flash 2, ─────┘                             │   └── failed 8 ────────────┘  │
//!   │ │    RAM 3, damaged 5, type 6                            │                             │
//!   │ └──── reset (empty package or URI) 0, cancel 10 ─────────┘                             │
//!   └────── installed 1, damaged 5 ─────────────────────────────────────────────────────────┘
//! ```
//!
//! What goes wrong with a package is said by the update result (/5/0/5). A package is only taken in Idle; a
//! reset works everywhere but in Updating. An address for pulling (/5/0/1) is answered by result 9, unsupported
//! protocol, or 7 where it is no URI: the delivery method (/5/0/9) says push only.

use crate::{
    event::ClientEvent,
    object::{
        Arguments, Clock, Context, ModelRef, Object, ObjectError, ResourceValue, ResourceWrite,
    },
};
use alloc::{boxed::Box, string::String, vec, vec::Vec};
use lwm2m_core::{model::ObjectModel, path::Path, value::Value};
use lwm2m_objects::firmware_update as resource;

/// The state of the update (/5/0/3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UpdateState {
    /// 0: nothing is going on.
    Idle,
    /// 1: a package comes in.
    Downloading,
    /// 2: a package is there and good.
    Downloaded,
    /// 3: it is being installed.
    Updating,
}

/// How an update went (/5/0/5).
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

impl UpdateResult {
    const ALL: [UpdateResult; 12] = [
        UpdateResult::Initial,
        UpdateResult::Success,
        UpdateResult::NotEnoughStorage,
        UpdateResult::OutOfMemory,
        UpdateResult::ConnectionLost,
        UpdateResult::IntegrityFailure,
        UpdateResult::UnsupportedPackage,
        UpdateResult::InvalidUri,
        UpdateResult::UpdateFailed,
        UpdateResult::UnsupportedProtocol,
        UpdateResult::Cancelled,
        UpdateResult::Deferred,
    ];

    /// The number it has in /5/0/5.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The result of a number.
    pub fn from_number(number: i64) -> Option<Self> {
        let index = usize::try_from(number).ok()?;
        Self::ALL.get(index).copied()
    }
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

impl FirmwareError {
    const fn result(self) -> UpdateResult {
        match self {
            FirmwareError::NotEnoughStorage => UpdateResult::NotEnoughStorage,
            FirmwareError::OutOfMemory => UpdateResult::OutOfMemory,
            FirmwareError::Integrity => UpdateResult::IntegrityFailure,
            FirmwareError::UnsupportedPackage => UpdateResult::UnsupportedPackage,
        }
    }

    /// What answers the block that could not be stored.
    const fn refusal(self) -> ObjectError {
        match self {
            FirmwareError::NotEnoughStorage => ObjectError::TooLarge,
            FirmwareError::OutOfMemory => ObjectError::Internal,
            FirmwareError::Integrity | FirmwareError::UnsupportedPackage => {
                ObjectError::BadRequest("the package is refused, see the update result")
            }
        }
    }
}

/// What a package says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PackageInfo {
    /// /5/0/6
    pub name: Option<String>,
    /// /5/0/7
    pub version: Option<String>,
}

/// Where a firmware image goes, block by block. Called from within the engine: let it be short.
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
    model: ModelRef,
    storage: Box<dyn FirmwareStorage>,
    state: UpdateState,
    result: UpdateResult,
    uri: String,
    info: PackageInfo,
    received: u64,
    size: Option<u64>,
    severity: i64,
    defer_period: Option<u64>,
    changed_at: Option<i64>,
}

impl FirmwareObject {
    /// In state Idle.
    pub fn new(storage: impl FirmwareStorage + 'static) -> Self {
        FirmwareObject {
            model: ModelRef::from(&resource::V1_1),
            storage: Box::new(storage),
            state: UpdateState::Idle,
            result: UpdateResult::Initial,
            uri: String::new(),
            info: PackageInfo::default(),
            received: 0,
            size: None,
            severity: 1,
            defer_period: None,
            changed_at: None,
        }
    }

    /// With another version of the definition.
    #[must_use]
    pub fn model(mut self, model: impl Into<ModelRef>) -> Self {
        self.model = model.into();
        self
    }

    /// Begins with this result, as after a restart in the new firmware.
    #[must_use]
    pub fn with_result(mut self, result: UpdateResult) -> Self {
        self.result = result;
        self
    }

    fn transition(&mut self, context: &mut Context, state: UpdateState, result: UpdateResult) {
        if self.state != state {
            self.state = state;
            self.changed_at = context.clock.unix_seconds();
            context.changed(path(resource::STATE));
        }
        if self.result != result {
            self.result = result;
            context.changed(path(resource::UPDATE_RESULT));
        }
    }

    /// Back to Idle without a package.
    fn discard(&mut self, context: &mut Context, result: UpdateResult) {
        if self.state != UpdateState::Idle {
            self.storage.discard();
            context.tell(ClientEvent::FirmwareDiscarded {
                result: result.number(),
            });
        }
        self.uri.clear();
        self.info = PackageInfo::default();
        self.transition(context, UpdateState::Idle, result);
    }

    fn reset_or_idle(&self, is_reset: bool) -> Result<(), ObjectError> {
        match self.state {
            UpdateState::Idle => Ok(()),
            UpdateState::Updating => Err(ObjectError::MethodNotAllowed),
            _ if is_reset => Ok(()),
            _ => Err(ObjectError::MethodNotAllowed),
        }
    }

    fn begin(&mut self, context: &mut Context, size: Option<u64>) -> Result<(), ObjectError> {
        if self.state != UpdateState::Idle {
            return Err(ObjectError::MethodNotAllowed);
        }
        self.uri.clear();
        self.info = PackageInfo::default();
        (self.received, self.size) = (0, size);
        if let Err(error) = self.storage.begin(size) {
            self.transition(context, UpdateState::Idle, error.result());
            return Err(error.refusal());
        }
        self.transition(context, UpdateState::Downloading, UpdateResult::Initial);
        context.tell(ClientEvent::FirmwareDownloadStarted { size });
        Ok(())
    }

    fn data(&mut self, context: &mut Context, data: &[u8], last: bool) -> Result<(), ObjectError> {
        if self.state != UpdateState::Downloading {
            return Err(ObjectError::MethodNotAllowed);
        }
        if let Err(error) = self.storage.write(data) {
            self.discard(context, error.result());
            return Err(error.refusal());
        }
        self.received += data.len() as u64;
        context.tell(ClientEvent::FirmwareProgress {
            received: self.received,
            size: self.size,
        });
        if last {
            // The package has arrived: whether it is good is said by the update result.
            match self.storage.finish() {
                Ok(info) => {
                    self.info = info;
                    self.transition(context, UpdateState::Downloaded, UpdateResult::Initial);
                    context.tell(ClientEvent::FirmwareDownloaded {
                        size: self.received,
                    });
                }
                Err(error) => self.discard(context, error.result()),
            }
        }
        Ok(())
    }

    /// The program says how the installation went.
    fn finish(&mut self, context: &mut Context, result: UpdateResult) -> Result<(), ObjectError> {
        match (self.state, result) {
            (UpdateState::Updating, UpdateResult::UpdateFailed | UpdateResult::Deferred) => {
                self.transition(context, UpdateState::Downloaded, result);
            }
            (UpdateState::Updating, _) => {
                self.storage.discard();
                self.info = PackageInfo::default();
                self.transition(context, UpdateState::Idle, result);
            }
            _ => return Err(ObjectError::MethodNotAllowed),
        }
        Ok(())
    }
}

fn path(resource: u16) -> Path {
    Path::resource(resource::ID, 0, resource)
}

fn is_reset(package: &[u8]) -> bool {
    matches!(package, [] | [0])
}

impl Object for FirmwareObject {
    fn model(&self) -> &ObjectModel {
        &self.model
    }

    fn instances(&self) -> Vec<u16> {
        vec![0]
    }

    fn check_delete(&self, context: &Context, _instance: u16) -> Result<(), ObjectError> {
        // An installation under way ends as it will.
        match context.server.is_some() || self.state == UpdateState::Updating {
            true => Err(ObjectError::MethodNotAllowed),
            false => Ok(()),
        }
    }

    fn delete(&mut self, context: &mut Context, _instance: u16) -> Result<(), ObjectError> {
        self.discard(context, UpdateResult::Initial);
        Ok(())
    }

    fn resources(&self, instance: u16) -> Vec<u16> {
        let all = [
            (resource::PACKAGE, true),
            (resource::PACKAGE_URI, true),
            (resource::UPDATE, true),
            (resource::STATE, true),
            (resource::UPDATE_RESULT, true),
            (resource::PKG_NAME, self.info.name.is_some()),
            (resource::PKG_VERSION, self.info.version.is_some()),
            (resource::FIRMWARE_UPDATE_DELIVERY_METHOD, true),
            (resource::CANCEL, true),
            (resource::SEVERITY, true),
            (resource::LAST_STATE_CHANGE_TIME, self.changed_at.is_some()),
            (resource::MAXIMUM_DEFER_PERIOD, self.defer_period.is_some()),
        ];
        all.into_iter()
            .filter(|(id, there)| instance == 0 && *there && self.model.resource(*id).is_some())
            .map(|(id, _)| id)
            .collect()
    }

    fn read(
        &self,
        _clock: &Clock,
        instance: u16,
        resource: u16,
    ) -> Result<ResourceValue, ObjectError> {
        if instance != 0 {
            return Err(ObjectError::NotFound);
        }
        let text = |text: &Option<String>| text.clone().map(ResourceValue::from);
        let value = match resource {
            resource::PACKAGE_URI => Some(self.uri.clone().into()),
            resource::STATE => Some((self.state as i64).into()),
            resource::UPDATE_RESULT => Some(i64::from(self.result.number()).into()),
            resource::PKG_NAME => text(&self.info.name),
            resource::PKG_VERSION => text(&self.info.version),
            // 1: push only
            resource::FIRMWARE_UPDATE_DELIVERY_METHOD => Some(1.into()),
            resource::SEVERITY => Some(self.severity.into()),
            resource::LAST_STATE_CHANGE_TIME => {
                self.changed_at.map(|time| Value::Time(time).into())
            }
            resource::MAXIMUM_DEFER_PERIOD => self.defer_period.map(ResourceValue::from),
            _ => None,
        };
        value.ok_or(ObjectError::NotFound)
    }

    fn check(
        &self,
        _context: &Context,
        instance: u16,
        resource: u16,
        write: &ResourceWrite,
    ) -> Result<(), ObjectError> {
        if instance != 0 {
            return Err(ObjectError::NotFound);
        }
        let value = match write {
            ResourceWrite::Replace(ResourceValue::Single(value)) => value,
            _ => return Ok(()),
        };
        match (resource, value) {
            (resource::PACKAGE, Value::Opaque(package)) => self.reset_or_idle(is_reset(package)),
            (resource::PACKAGE_URI, Value::String(uri)) => self.reset_or_idle(uri.is_empty()),
            _ => Ok(()),
        }
    }

    fn write(
        &mut self,
        context: &mut Context,
        _instance: u16,
        resource: u16,
        write: ResourceWrite,
    ) -> Result<(), ObjectError> {
        let value = match write {
            ResourceWrite::Replace(ResourceValue::Single(value)) => value,
            // An instance that is replaced keeps what was not named.
            ResourceWrite::Remove => return Ok(()),
            _ => return Err(ObjectError::MethodNotAllowed),
        };
        match (resource, value) {
            (resource::PACKAGE, Value::Opaque(package)) if is_reset(&package) => {
                self.discard(context, UpdateResult::Initial);
            }
            (resource::PACKAGE, Value::Opaque(package)) => {
                self.begin(context, u64::try_from(package.len()).ok())?;
                self.data(context, &package, true)?;
            }
            (resource::PACKAGE_URI, Value::String(uri)) => {
                if uri.is_empty() {
                    self.discard(context, UpdateResult::Initial);
                } else {
                    let result = match has_scheme(&uri) {
                        true => UpdateResult::UnsupportedProtocol,
                        false => UpdateResult::InvalidUri,
                    };
                    self.uri = uri;
                    self.transition(context, UpdateState::Idle, result);
                }
                context.changed(path(resource::PACKAGE_URI));
            }
            (resource::SEVERITY, value) => {
                self.severity = value.as_i64().unwrap_or(1);
                context.changed(path(resource::SEVERITY));
            }
            (resource::MAXIMUM_DEFER_PERIOD, Value::Unsigned(seconds)) => {
                self.defer_period = Some(seconds);
                context.changed(path(resource::MAXIMUM_DEFER_PERIOD));
            }
            // Not writable for servers: the program says how the installation went.
            (resource::UPDATE_RESULT, value) => {
                let result = value.as_i64().and_then(UpdateResult::from_number);
                let result = result.ok_or(ObjectError::BadRequest("no update result"))?;
                self.finish(context, result)?;
            }
            _ => return Err(ObjectError::MethodNotAllowed),
        }
        Ok(())
    }

    fn execute(
        &mut self,
        context: &mut Context,
        _instance: u16,
        resource: u16,
        _arguments: &Arguments,
    ) -> Result<(), ObjectError> {
        match (resource, self.state) {
            (resource::UPDATE, UpdateState::Downloaded) => {
                self.transition(context, UpdateState::Updating, UpdateResult::Initial);
                context.tell(ClientEvent::FirmwareInstallRequested {
                    server: context.server.unwrap_or_default(),
                });
                Ok(())
            }
            (resource::CANCEL, UpdateState::Downloading | UpdateState::Downloaded) => {
                self.discard(context, UpdateResult::Cancelled);
                Ok(())
            }
            _ => Err(ObjectError::MethodNotAllowed),
        }
    }

    fn is_streamed(&self, resource: u16) -> bool {
        resource == resource::PACKAGE
    }

    fn stream_begin(
        &mut self,
        context: &mut Context,
        _instance: u16,
        _resource: u16,
        size: Option<u64>,
    ) -> Result<(), ObjectError> {
        self.begin(context, size)
    }

    fn stream_data(
        &mut self,
        context: &mut Context,
        _instance: u16,
        _resource: u16,
        data: &[u8],
        last: bool,
    ) -> Result<(), ObjectError> {
        self.data(context, data, last)
    }

    fn stream_abort(&mut self, context: &mut Context, _instance: u16, _resource: u16) {
        if self.state == UpdateState::Downloading {
            self.discard(context, UpdateResult::ConnectionLost);
        }
    }
}

/// Whether a text begins like a URI: `scheme:` (RFC 3986, section 3.1).
fn has_scheme(uri: &str) -> bool {
    let Some((scheme, rest)) = uri.split_once(':') else {
        return false;
    };
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
        && rest.starts_with("//")
        && rest.len() > 2
        && rest.chars().all(|c| c.is_ascii_graphic())
}

#[cfg(test)]
mod tests;
