//! Object 3, Device (Core 1.2.2, appendix E.4).

use crate::{
    event::ClientEvent,
    object::{
        Arguments, Clock, Context, Instance, ModelRef, Object, ObjectError, ResourceValue,
        ResourceWrite, merge_sorted,
    },
};
use alloc::{vec, vec::Vec};
use lwm2m_core::{model::ObjectModel, path::Path, time::Instant, value::Value};
use lwm2m_objects::device;

/// Object 3 with its effects: restart, factory reset, error codes, current time.
///
/// Execute of `/3/0/4` and `/3/0/5` is answered and told to the program ([`ClientEvent::RebootRequested`],
/// [`ClientEvent::FactoryResetRequested`]), which does it.
#[derive(Debug, Clone)]
pub struct DeviceObject {
    model: ModelRef,
    resources: Instance,
    /// The time as it was set last, with the moment of that.
    set_time: Option<(i64, Instant)>,
}

impl DeviceObject {
    /// With these resources for instance 0 (manufacturer 0, model number 1, serial number 2, firmware version
    /// 3...). Error code (11) and binding (16) have defaults; current time (13) is kept where the client knows the
    /// time or is told it.
    pub fn new(resources: Instance) -> Self {
        let defaults = Instance::new()
            .with(device::SUPPORTED_BINDING_AND_MODES, "U")
            .with_multiple(device::ERROR_CODE, [(0, 0)]);
        DeviceObject {
            model: ModelRef::from(&device::V1_2),
            resources: defaults.into_iter().chain(resources).collect(),
            set_time: None,
        }
    }

    /// With another version of the definition.
    #[must_use]
    pub fn model(mut self, model: impl Into<ModelRef>) -> Self {
        self.model = model.into();
        self
    }

    fn current_time(&self, clock: &Clock) -> Option<i64> {
        match self.set_time {
            Some((time, at)) => {
                time.checked_add(i64::try_from(clock.now.since(at).as_secs()).ok()?)
            }
            None => clock.unix_seconds(),
        }
    }
}

impl Object for DeviceObject {
    fn model(&self) -> &ObjectModel {
        &self.model
    }

    fn instances(&self) -> Vec<u16> {
        vec![0]
    }

    fn resources(&self, instance: u16) -> Vec<u16> {
        if instance != 0 {
            return Vec::new();
        }
        merge_sorted(
            self.resources.iter().map(|(id, _)| id).collect(),
            [
                device::REBOOT,
                device::FACTORY_RESET,
                device::RESET_ERROR_CODE,
                device::CURRENT_TIME,
            ],
        )
    }

    fn read(
        &self,
        clock: &Clock,
        instance: u16,
        resource: u16,
    ) -> Result<ResourceValue, ObjectError> {
        if instance != 0 {
            return Err(ObjectError::NotFound);
        }
        if resource == device::CURRENT_TIME {
            let time = self.current_time(clock).ok_or(ObjectError::NotFound)?;
            return Ok(Value::Time(time).into());
        }
        let value = self.resources.get(resource).cloned();
        value.ok_or(ObjectError::NotFound)
    }

    fn write(
        &mut self,
        context: &mut Context,
        instance: u16,
        resource: u16,
        write: ResourceWrite,
    ) -> Result<(), ObjectError> {
        if instance != 0 {
            return Err(ObjectError::NotFound);
        }
        let changes = write.changes(Path::resource(device::ID, 0, resource));
        match (resource, write) {
            (device::CURRENT_TIME, ResourceWrite::Replace(ResourceValue::Single(value))) => {
                let time = value
                    .as_i64()
                    .ok_or(ObjectError::BadRequest("a time is expected"))?;
                self.set_time = Some((time, context.clock.now));
            }
            // A replacement of the instance without the time leaves the clock running.
            (device::CURRENT_TIME, _) => {}
            (_, write) => self.resources.apply(resource, write)?,
        }
        changes.into_iter().for_each(|path| context.changed(path));
        Ok(())
    }

    fn execute(
        &mut self,
        context: &mut Context,
        instance: u16,
        resource: u16,
        _arguments: &Arguments,
    ) -> Result<(), ObjectError> {
        let server = context.server.unwrap_or_default();
        match (instance, resource) {
            (0, device::REBOOT) => context.tell(ClientEvent::RebootRequested { server }),
            (0, device::FACTORY_RESET) => {
                context.tell(ClientEvent::FactoryResetRequested { server });
            }
            (0, device::RESET_ERROR_CODE) => {
                let none = ResourceValue::multiple([(0, 0)]);
                self.resources.set(device::ERROR_CODE, none);
                context.changed(Path::resource(device::ID, 0, device::ERROR_CODE));
            }
            _ => return Err(ObjectError::NotFound),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    // proves: OBJ-14
    #[test]
    fn the_time_goes_on_from_what_was_written() {
        let mut device = DeviceObject::new(Instance::new());
        let mut clock = Clock::default();
        let time =
            |device: &DeviceObject, clock: &Clock| device.read(clock, 0, device::CURRENT_TIME).ok();
        assert_eq!(time(&device, &clock), None, "nobody knows the time");
        clock.unix_at_zero = Some(1_000);
        clock.now += Duration::from_secs(5);
        assert_eq!(time(&device, &clock), Some(Value::Time(1_005).into()));
        let mut context = Context::new(clock, Some(1));
        let write = ResourceWrite::Replace(Value::Time(9_000).into());
        device
            .write(&mut context, 0, device::CURRENT_TIME, write)
            .unwrap();
        clock.now += Duration::from_secs(7);
        assert_eq!(time(&device, &clock), Some(Value::Time(9_007).into()));
    }

    // proves: OBJ-12, OBJ-13, OBJ-16
    #[test]
    fn executes_have_their_effects() {
        let resources = Instance::new().with_multiple(device::ERROR_CODE, [(0, 2), (1, 3)]);
        let mut device = DeviceObject::new(resources);
        let mut context = Context::new(Clock::default(), Some(7));
        for resource in [
            device::REBOOT,
            device::FACTORY_RESET,
            device::RESET_ERROR_CODE,
        ] {
            device.execute(&mut context, 0, resource, &[]).unwrap();
        }
        assert_eq!(
            context.events,
            [
                ClientEvent::RebootRequested { server: 7 },
                ClientEvent::FactoryResetRequested { server: 7 }
            ]
        );
        let codes = device.read(&Clock::default(), 0, device::ERROR_CODE);
        assert_eq!(codes, Ok(ResourceValue::multiple([(0, 0)])));
    }
}
