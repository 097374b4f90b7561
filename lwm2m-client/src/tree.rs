//! The object tree: what a server may do at each place, checked against the definitions (Core 1.2.2, section
//! 6.3).
//!
//! A write that concerns several resources is applied as a whole or not at all.

mod instances;
mod write;

pub(crate) use write::{Grouped, PlannedWrite, group};

use crate::object::{Clock, Instance, Object, ObjectError, ResourceValue};
use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet},
    string::String,
    vec::Vec,
};
use lwm2m_core::{
    entry::Entry,
    model::{Models, ObjectModel, ResourceModel},
    path::{Path, PathLevel, is_security_object},
    value::Value,
};

/// Who reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// A server: only what may be read, nothing of the objects that only a bootstrap server sees.
    Server,
    /// The program, or a bootstrap server: everything.
    Owner,
}

/// Bounds of what servers may put into the tree.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TreeLimits {
    pub(crate) instances: usize,
    pub(crate) resources: usize,
}

/// All objects of a client.
#[derive(Default)]
pub struct ObjectTree {
    objects: BTreeMap<u16, Box<dyn Object>>,
    /// Object and instance of what was deleted and its object still lists: parts of the device.
    gone: BTreeSet<(u16, u16)>,
    revision: u64,
}

impl Models for ObjectTree {
    fn object(&self, id: u16) -> Option<&ObjectModel> {
        self.objects.get(&id).map(|object| object.model())
    }
}

impl ObjectTree {
    /// Adds an object; false where there is one with its identifier.
    pub fn insert(&mut self, object: Box<dyn Object>) -> bool {
        let id = object.model().id;
        let free = !self.objects.contains_key(&id);
        if free {
            self.objects.insert(id, object);
            self.revision += 1;
        }
        free
    }

    /// Grows with every change of the list of objects and instances.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Identifiers of the objects, ascending.
    pub fn ids(&self) -> impl Iterator<Item = u16> + '_ {
        self.objects.keys().copied()
    }

    /// Identifiers of the instances of an object, ascending; none without the object.
    pub fn instance_ids(&self, object: u16) -> Vec<u16> {
        let listed = self.get(object).map(|object| object.instances());
        let mut ids = listed.unwrap_or_default();
        ids.retain(|instance| !self.is_gone(object, *instance));
        ids
    }

    /// Whether an object instance is there.
    pub fn has_instance(&self, object: u16, instance: u16) -> bool {
        let listed = self.get(object).is_some_and(|o| o.has_instance(instance));
        listed && !self.is_gone(object, instance)
    }

    /// Whether an instance was deleted, and comes back when it is created or a bootstrap server writes to it.
    pub(crate) fn is_gone(&self, object: u16, instance: u16) -> bool {
        self.gone.contains(&(object, instance))
    }

    /// An object. It lists deleted instances, too, where they stand for parts of the device.
    pub(crate) fn get(&self, id: u16) -> Option<&dyn Object> {
        self.objects.get(&id).map(|object| &**object)
    }

    pub(crate) fn get_mut(&mut self, id: u16) -> Option<&mut Box<dyn Object>> {
        self.objects.get_mut(&id)
    }

    fn object(&self, id: u16) -> Result<&dyn Object, ObjectError> {
        self.get(id).ok_or(ObjectError::NotFound)
    }

    fn object_mut(&mut self, id: u16) -> Result<&mut Box<dyn Object>, ObjectError> {
        self.objects.get_mut(&id).ok_or(ObjectError::NotFound)
    }

    fn with_instance(&self, object: u16, instance: u16) -> Result<&dyn Object, ObjectError> {
        match self.has_instance(object, instance) {
            true => self.object(object),
            false => Err(ObjectError::NotFound),
        }
    }

    /// Says that the list of objects and instances has changed.
    pub(crate) fn touch(&mut self) {
        self.revision += 1;
    }

    // --- reading -------------------------------------------------------------------------------------

    /// The values at and below a path.
    ///
    /// # Errors
    /// [`ObjectError::NotFound`], [`ObjectError::Unauthorized`] for hidden objects,
    /// [`ObjectError::MethodNotAllowed`] for a resource that cannot be read and for an instance of a resource
    /// that has none.
    pub fn read(
        &self,
        clock: &Clock,
        path: &Path,
        access: Access,
    ) -> Result<Vec<Entry>, ObjectError> {
        let mut entries = Vec::new();
        match *path.ids() {
            [] => {
                for id in self.ids() {
                    if access == Access::Owner || !is_security_object(id) {
                        self.read_object(clock, id, access, &mut entries)?;
                    }
                }
            }
            [object, ..] if access == Access::Server && is_security_object(object) => {
                return Err(ObjectError::Unauthorized);
            }
            [object] => self.read_object(clock, object, access, &mut entries)?,
            [object, instance] => {
                let object = self.with_instance(object, instance)?;
                read_instance(object, clock, instance, access, &mut entries);
            }
            [object, instance, resource, ref rest @ ..] => {
                let object = self.with_instance(object, instance)?;
                let model = readable(object, instance, resource, access)?;
                if !model.multiple && !rest.is_empty() {
                    return Err(ObjectError::MethodNotAllowed);
                }
                let place = path.truncated(PathLevel::Resource);
                let value = object.read(clock, instance, resource)?;
                value.append_entries(place, &mut entries);
                if !rest.is_empty() {
                    entries.retain(|entry| entry.path == *path);
                    if entries.is_empty() {
                        return Err(ObjectError::NotFound);
                    }
                }
            }
        }
        Ok(entries)
    }

    fn read_object(
        &self,
        clock: &Clock,
        id: u16,
        access: Access,
        entries: &mut Vec<Entry>,
    ) -> Result<(), ObjectError> {
        let object = self.object(id)?;
        for instance in self.instance_ids(id) {
            read_instance(object, clock, instance, access, entries);
        }
        Ok(())
    }

    /// The value of a resource, whatever servers may do with it.
    ///
    /// # Errors
    /// [`ObjectError::NotFound`]
    pub fn value(&self, clock: &Clock, path: &Path) -> Result<ResourceValue, ObjectError> {
        match *path.ids() {
            [object, instance, resource] => self
                .with_instance(object, instance)?
                .read(clock, instance, resource),
            [object, instance, resource, id] => {
                match self
                    .with_instance(object, instance)?
                    .read(clock, instance, resource)?
                {
                    ResourceValue::Multiple(mut values) => values
                        .remove(&id)
                        .map(ResourceValue::Single)
                        .ok_or(ObjectError::NotFound),
                    ResourceValue::Single(_) => Err(ObjectError::NotFound),
                }
            }
            _ => Err(ObjectError::NotFound),
        }
    }

    /// One instance as data, executable resources left out.
    pub(crate) fn instance(&self, clock: &Clock, object: u16, instance: u16) -> Option<Instance> {
        let object = self.with_instance(object, instance).ok()?;
        let resources = object.resources(instance).into_iter();
        Some(
            resources
                .filter_map(|id| Some((id, object.read(clock, instance, id).ok()?)))
                .collect(),
        )
    }

    /// All instances of an object as data.
    pub(crate) fn instances(&self, clock: &Clock, object: u16) -> BTreeMap<u16, Instance> {
        let ids = self.instance_ids(object).into_iter();
        ids.filter_map(|id| Some((id, self.instance(clock, object, id)?)))
            .collect()
    }
}

fn read_instance(
    object: &dyn Object,
    clock: &Clock,
    instance: u16,
    access: Access,
    entries: &mut Vec<Entry>,
) {
    for resource in object.resources(instance) {
        if readable(object, instance, resource, access).is_err() {
            continue;
        }
        let place = Path::try_from_ids(&[object.model().id, instance, resource]);
        if let (Ok(place), Ok(value)) = (place, object.read(clock, instance, resource)) {
            value.append_entries(place, entries);
        }
    }
}

fn readable(
    object: &dyn Object,
    instance: u16,
    resource: u16,
    access: Access,
) -> Result<&ResourceModel, ObjectError> {
    let model = object.model().resource(resource);
    let model = model.ok_or(ObjectError::NotFound)?;
    if !object.has_resource(instance, resource) {
        return Err(ObjectError::NotFound);
    }
    match model.operations.is_readable()
        || (access == Access::Owner && !model.operations.is_executable())
    {
        true => Ok(model),
        false => Err(ObjectError::MethodNotAllowed),
    }
}

/// Text of a resource, as the program.
pub(crate) fn text(tree: &ObjectTree, clock: &Clock, path: &Path) -> Option<String> {
    match tree.value(clock, path) {
        Ok(ResourceValue::Single(Value::String(text))) => Some(text),
        _ => None,
    }
}

/// Number of a resource, as the program.
pub(crate) fn number(tree: &ObjectTree, clock: &Clock, path: &Path) -> Option<i64> {
    match tree.value(clock, path) {
        Ok(ResourceValue::Single(value)) => value.as_i64(),
        _ => None,
    }
}

/// Boolean of a resource, as the program.
pub(crate) fn flag(tree: &ObjectTree, clock: &Clock, path: &Path) -> Option<bool> {
    match tree.value(clock, path) {
        Ok(ResourceValue::Single(value)) => value.as_bool(),
        _ => None,
    }
}
