//! Execute, create and delete.

use super::{
    ObjectTree, TreeLimits, is_hidden,
    write::{PlannedWrite, group},
};
use crate::object::{Arguments, Context, Instance, ObjectError, ResourceWrite};
use alloc::{vec, vec::Vec};
use lwm2m_core::{
    entry::Entry,
    path::{Path, RESERVED_ID},
};
use lwm2m_objects::device;

impl ObjectTree {
    /// Executes a resource, as a server.
    ///
    /// # Errors
    /// 4.05 for what cannot be executed, 4.04 for what is not there.
    pub(crate) fn execute(
        &mut self,
        context: &mut Context,
        path: &Path,
        arguments: &Arguments,
    ) -> Result<(), ObjectError> {
        match *path.ids() {
            [object, ..] if is_hidden(object) => Err(ObjectError::Unauthorized),
            [object, instance, resource] => {
                let target = self.with_instance(object, instance)?;
                if !target.has_resource(instance, resource) {
                    return Err(ObjectError::NotFound);
                }
                let model = target.model().resource(resource);
                if !model.is_some_and(|model| model.operations.is_executable()) {
                    return Err(ObjectError::MethodNotAllowed);
                }
                (self.object_mut(object)?).execute(context, instance, resource, arguments)
            }
            _ => Err(ObjectError::MethodNotAllowed),
        }
    }

    /// An identifier for a new instance.
    pub(crate) fn free_instance(
        &self,
        object: u16,
        limits: TreeLimits,
    ) -> Result<u16, ObjectError> {
        let target = self.object(object)?;
        let taken = target.instances();
        if !target.model().multiple && !taken.is_empty() {
            // Create is no operation of an object that has its only instance (Core 1.2.2, section 6.3.6).
            return Err(ObjectError::MethodNotAllowed);
        }
        if taken.len() >= limits.instances {
            return Err(ObjectError::TooLarge);
        }
        (0..RESERVED_ID)
            .find(|id| taken.binary_search(id).is_err())
            .ok_or(ObjectError::TooLarge)
    }

    /// Makes an instance from entries below it, as a server (Core 1.2.2, section 6.3.6).
    ///
    /// # Errors
    /// 4.00 for a taken identifier or mandatory resources left out, 4.05 for a second instance of a single one.
    pub(crate) fn create(
        &mut self,
        context: &mut Context,
        object: u16,
        instance: u16,
        entries: Vec<Entry>,
        limits: TreeLimits,
    ) -> Result<(), ObjectError> {
        if is_hidden(object) {
            return Err(ObjectError::Unauthorized);
        }
        let target = self.object(object)?;
        if target.has_instance(instance) {
            return Err(ObjectError::BadRequest("the instance is there already"));
        }
        self.free_instance(object, limits)?;
        let mut resources = Instance::new();
        for ((_, id), value) in group(target.model(), entries)? {
            let model = target.model().resource(id);
            // What is not for servers to write is left out without a word.
            if model.is_some_and(|model| model.operations.is_writable()) {
                let write = ResourceWrite::Replace(value);
                self.check_links(&write)?;
                target.check(context, instance, id, &write)?;
                if let ResourceWrite::Replace(value) = write {
                    resources = resources.with(id, value);
                }
            }
        }
        if resources.len() > limits.resources {
            return Err(ObjectError::TooLarge);
        }
        let lacks = target.model().resources.iter().any(|model| {
            model.mandatory && model.operations.is_writable() && resources.get(model.id).is_none()
        });
        if lacks {
            return Err(ObjectError::BadRequest("a mandatory resource is missing"));
        }
        (self.object_mut(object)?).create(context, instance, resources)?;
        self.touch();
        Ok(())
    }

    /// Makes an instance, as the program.
    ///
    /// # Errors
    /// [`ObjectError::NotFound`], [`ObjectError::BadRequest`] where it is there.
    pub fn insert_instance(
        &mut self,
        context: &mut Context,
        object: u16,
        instance: u16,
        resources: Instance,
    ) -> Result<(), ObjectError> {
        if self.object(object)?.has_instance(instance) {
            return Err(ObjectError::BadRequest("the instance is there already"));
        }
        (self.object_mut(object)?).create(context, instance, resources)?;
        self.touch();
        Ok(())
    }

    /// Takes an instance or an instance of a resource away, as a server or as the program.
    ///
    /// # Errors
    /// 4.05 for what cannot be deleted, 4.04 for what is not there.
    pub(crate) fn delete(&mut self, context: &mut Context, path: &Path) -> Result<(), ObjectError> {
        match *path.ids() {
            [object, ..] if is_hidden(object) => Err(ObjectError::Unauthorized),
            [device::ID, _] => Err(ObjectError::MethodNotAllowed),
            [object, instance] => {
                self.with_instance(object, instance)?;
                self.object_mut(object)?.delete(context, instance)?;
                self.touch();
                Ok(())
            }
            [object, instance, resource, id] => {
                let (_, model) = self.writable(object, instance, resource)?;
                if !model.multiple {
                    return Err(ObjectError::MethodNotAllowed);
                }
                let plan = PlannedWrite {
                    object,
                    instance,
                    resource,
                    write: ResourceWrite::RemoveInstance(id),
                };
                self.apply(context, vec![plan])
            }
            _ => Err(ObjectError::MethodNotAllowed),
        }
    }
}
