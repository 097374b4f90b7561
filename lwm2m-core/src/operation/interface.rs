//! Which operations belong to the management and reporting interfaces, and which to bootstrap.

use super::{DeviceOperation, OperationError, WriteMode, query::bad_request};
use crate::{
    path::{Path, PathLevel},
    version::LwM2mVersion,
};
use core::mem::discriminant;

/// Objects that only a bootstrap server may touch (Core 1.2.2, section 6.3): security, OSCORE, COSE.
const BOOTSTRAP_ONLY: [u16; 3] = [0, 21, 23];

/// Objects that a bootstrap server may read (Core 1.2.2, section 6.1.7.4): server, access control.
const BOOTSTRAP_READABLE: [u16; 2] = [1, 2];

impl DeviceOperation {
    /// The place it is about; `None` for composite operations and for bootstrap-finish.
    pub fn path(&self) -> Option<Path> {
        Some(match self {
            DeviceOperation::Read(read) => read.path,
            DeviceOperation::Discover(discover) => discover.path,
            DeviceOperation::Write(write) => write.path,
            DeviceOperation::WriteAttributes(write) => write.path,
            DeviceOperation::Execute(execute) => execute.path,
            DeviceOperation::Create(create) => Path::try_from_ids(&[create.object]).ok()?,
            DeviceOperation::Delete(delete) => delete.path,
            DeviceOperation::Observe(observe) => observe.path,
            DeviceOperation::ReadComposite(_)
            | DeviceOperation::ObserveComposite(_)
            | DeviceOperation::WriteComposite(_)
            | DeviceOperation::BootstrapFinish => return None,
        })
    }

    /// Checks that a server may ask this: that it is an operation of device management or information reporting on
    /// an object that is not kept for bootstrap. What the paths of a composite operation touch is left to who knows
    /// them: those that may not be read are left out of the answer.
    ///
    /// # Errors
    /// 4.01 for security, OSCORE and COSE objects and for bootstrap-finish; 4.05 for what only bootstrap has: the whole
    /// tree, writing and deleting objects, deleting `/3/0`.
    pub fn check_management(&self) -> Result<(), OperationError> {
        let Some(path) = self.path() else {
            return match self {
                DeviceOperation::BootstrapFinish => Err(OperationError::Unauthorized),
                _ => Ok(()),
            };
        };
        if path
            .object_id()
            .is_some_and(|id| BOOTSTRAP_ONLY.contains(&id))
        {
            return Err(OperationError::Unauthorized);
        }
        let lowest = match self {
            DeviceOperation::Write(_) | DeviceOperation::Delete(_) => PathLevel::ObjectInstance,
            _ => PathLevel::Object,
        };
        let deletes_device = matches!(self, DeviceOperation::Delete(_)) && path == DEVICE;
        match path.level() < lowest || deletes_device {
            true => Err(OperationError::MethodNotAllowed),
            false => Ok(()),
        }
    }

    /// What a client of this version would refuse at once, whatever its objects: what a server asks itself before it
    /// sends (Transport 1.2.2, section 6.4.4). Formats the version does not have, attributes that contradict each other,
    /// arguments without a form, paths too deep, objects kept for bootstrap.
    ///
    /// # Errors
    /// With the code the client would answer.
    pub fn check_for(&self, version: LwM2mVersion) -> Result<(), OperationError> {
        let read = DeviceOperation::from_request(&self.to_request(), version)?;
        if discriminant(&read) != discriminant(self) {
            // A partial update of a resource in text is an execute.
            return Err(bad_request("a client would read it as another operation"));
        }
        self.check_management()
    }

    /// Checks that a bootstrap server may ask this (Transport 1.2.2, table 6.4.2-1): discover of all or of an object,
    /// delete down to an object instance, write (replace) down to a resource, from 1.1 read of the server and access
    /// control objects, finish.
    ///
    /// # Errors
    /// 4.05 for other operations and for objects that may not be read; 4.00 for a path too deep.
    pub fn check_bootstrap(&self, version: LwM2mVersion) -> Result<(), OperationError> {
        let (path, deepest) = match self {
            DeviceOperation::BootstrapFinish => return Ok(()),
            DeviceOperation::Discover(discover) => (discover.path, PathLevel::Object),
            DeviceOperation::Delete(delete) => (delete.path, PathLevel::ObjectInstance),
            DeviceOperation::Write(write) if write.mode == WriteMode::Replace => {
                (write.path, PathLevel::Resource)
            }
            DeviceOperation::Read(read) if version > LwM2mVersion::V1_0 => {
                let readable = |id| BOOTSTRAP_READABLE.contains(&id);
                if !read.path.object_id().is_some_and(readable) {
                    return Err(OperationError::MethodNotAllowed);
                }
                (read.path, PathLevel::ObjectInstance)
            }
            _ => return Err(OperationError::MethodNotAllowed),
        };
        match path.level() > deepest {
            true => Err(bad_request("the path is too deep for bootstrap")),
            false => Ok(()),
        }
    }
}

/// The instance of the device object, which nobody deletes.
const DEVICE: Path = Path::object_instance(3, 0);
