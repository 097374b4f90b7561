//! Object 3, Device.

use crate::object::{Clock, Instance, Object, ObjectError, ResourceValue};
use alloc::vec::Vec;
use lwm2m_core::model::ObjectModel;

/// Object 3 with its effects: restart, factory reset, error codes, current time.
pub struct DeviceObject {
    _resources: Instance,
}

impl DeviceObject {
    /// With these resources, for instance 0 (manufacturer 0, model number 1, serial number 2, firmware version
    /// 3...). Error code (11), current time (13) and binding (16) are there by themselves.
    pub fn new(resources: Instance) -> Self {
        DeviceObject {
            _resources: resources,
        }
    }
}

impl Object for DeviceObject {
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
