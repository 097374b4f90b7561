//! Execute, create and delete.

use super::{
    ObjectTree, TreeLimits,
    write::{PlannedWrite, group},
};
use crate::object::{Arguments, Context, Instance, ObjectError, ResourceWrite};
use alloc::{vec, vec::Vec};
use lwm2m_core::{
    entry::Entry,
    path::{Path, RESERVED_ID, is_security_object},
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
            [object, ..] if is_security_object(object) => Err(ObjectError::Unauthorized),
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
        let taken = self.instance_ids(object);
        if !target.model().multiple && !taken.is_empty() {
            // Create is no operation of an object that has its only instance (Core 1.2.2, section 6.3.6).
            return Err(ObjectError::MethodNotAllowed);
        }
        if taken.len() >= limits.instances {
            return Err(ObjectError::TooLarge);
        }
        // What is a part of the device comes back before anything else is made.
        let gone = (target.instances().into_iter()).find(|id| self.is_gone(object, *id));
        gone.or_else(|| (0..RESERVED_ID).find(|id| taken.binary_search(id).is_err()))
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
        if is_security_object(object) {
            return Err(ObjectError::Unauthorized);
        }
        let target = self.object(object)?;
        if self.has_instance(object, instance) {
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
        let has = |resource| match resources.get(resource) {
            Some(_) => true,
            None => self.is_gone(object, instance) && target.has_resource(instance, resource),
        };
        let mut models = target.model().resources.iter();
        let lacks =
            models.any(|model| model.mandatory && model.operations.is_writable() && !has(model.id));
        if lacks {
            return Err(ObjectError::BadRequest("a mandatory resource is missing"));
        }
        self.put(context, object, instance, resources)
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
        if self.has_instance(object, instance) {
            return Err(ObjectError::BadRequest("the instance is there already"));
        }
        self.put(context, object, instance, resources)
    }

    /// Makes an instance, or lets one that was deleted be seen again, with these resources written.
    fn put(
        &mut self,
        context: &mut Context,
        object: u16,
        instance: u16,
        resources: Instance,
    ) -> Result<(), ObjectError> {
        let is_gone = self.is_gone(object, instance);
        let target = self.object_mut(object)?;
        if is_gone {
            for (resource, value) in resources {
                if target.model().resource(resource).is_some() {
                    let write = ResourceWrite::Replace(value);
                    target.write(context, instance, resource, write)?;
                }
            }
            self.bring_back(object, instance);
        } else {
            target.create(context, instance, resources)?;
            self.touch();
        }
        Ok(())
    }

    /// Lets an instance be seen again that was deleted.
    pub(crate) fn bring_back(&mut self, object: u16, instance: u16) {
        if self.gone.remove(&(object, instance)) {
            self.touch();
        }
    }

    /// Lets all be seen again that was deleted.
    pub(crate) fn bring_back_all(&mut self) {
        self.gone.clear();
        self.touch();
    }

    /// Takes an instance away. One that its object goes on listing is a part of the device, and seen by nobody from now
    /// on.
    ///
    /// # Errors
    /// [`ObjectError::NotFound`] for what is not there, and what its object has against it.
    pub(crate) fn remove(
        &mut self,
        context: &mut Context,
        object: u16,
        instance: u16,
    ) -> Result<(), ObjectError> {
        self.with_instance(object, instance)?
            .check_delete(context, instance)?;
        let target = self.object_mut(object)?;
        target.delete(context, instance)?;
        if target.has_instance(instance) {
            self.gone.insert((object, instance));
        }
        self.touch();
        Ok(())
    }

    /// Takes an instance or an instance of a resource away, as a server or as the program.
    ///
    /// # Errors
    /// 4.05 for what cannot be deleted, 4.04 for what is not there.
    pub(crate) fn delete(&mut self, context: &mut Context, path: &Path) -> Result<(), ObjectError> {
        match *path.ids() {
            [object, ..] if is_security_object(object) => Err(ObjectError::Unauthorized),
            [device::ID, _] => Err(ObjectError::MethodNotAllowed),
            [object, instance] => self.remove(context, object, instance),
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
