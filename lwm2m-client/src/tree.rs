//! The object tree: what a server may do at each place, checked against the definitions (Core 1.2.2, section
//! 6.3).
//!
//! A write that concerns several resources is applied as a whole or not at all.

use crate::{
    event::ClientEvent,
    object::{
        Arguments, Clock, Context, Instance, Object, ObjectError, ResourceValue, ResourceWrite,
    },
};
use alloc::{boxed::Box, collections::BTreeMap, string::String, vec, vec::Vec};
use lwm2m_core::{
    content::Change,
    entry::Entry,
    model::{Models, ObjectModel, ResourceModel},
    operation::WriteMode,
    path::{Path, PathLevel, RESERVED_ID},
    value::Value,
};
use lwm2m_objects::{cose, device, oscore, security, validate::conform};

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
    revision: u64,
}

/// One write that stands the checks, not applied yet.
#[derive(Debug)]
pub(crate) struct PlannedWrite {
    pub(crate) object: u16,
    pub(crate) instance: u16,
    pub(crate) resource: u16,
    pub(crate) write: ResourceWrite,
}

impl Models for ObjectTree {
    fn object(&self, id: u16) -> Option<&ObjectModel> {
        self.objects.get(&id).map(|object| object.model())
    }
}

/// Whether an object is out of reach for servers: security, OSCORE, COSE (Core 1.2.2, section 6.3).
pub(crate) fn is_hidden(object: u16) -> bool {
    matches!(object, security::ID | oscore::ID | cose::ID)
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

    /// An object.
    pub fn get(&self, id: u16) -> Option<&dyn Object> {
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
        let object = self.object(object)?;
        match object.instances().binary_search(&instance) {
            Ok(_) => Ok(object),
            Err(_) => Err(ObjectError::NotFound),
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
                    if access == Access::Owner || !is_hidden(id) {
                        self.read_object(clock, id, access, &mut entries)?;
                    }
                }
            }
            [object, ..] if access == Access::Server && is_hidden(object) => {
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
        for instance in object.instances() {
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
        let ids = self.get(object).map(|object| object.instances());
        let ids = ids.unwrap_or_default().into_iter();
        ids.filter_map(|id| Some((id, self.instance(clock, object, id)?)))
            .collect()
    }

    // --- writing -------------------------------------------------------------------------------------

    /// Writes, as a server.
    ///
    /// # Errors
    /// Nothing has changed then, unless the object itself failed in the middle ([`ObjectError::Internal`]).
    pub(crate) fn write(
        &mut self,
        context: &mut Context,
        path: &Path,
        mode: WriteMode,
        entries: Vec<Entry>,
        limits: TreeLimits,
    ) -> Result<(), ObjectError> {
        let plan = match *path.ids() {
            [object, ..] if is_hidden(object) => return Err(ObjectError::Unauthorized),
            [] | [_] => return Err(ObjectError::MethodNotAllowed),
            [object, instance] => {
                self.plan_instance_write(object, instance, mode, entries, limits)?
            }
            [object, instance, resource] => {
                vec![self.plan_resource_write(object, instance, resource, mode, entries)?]
            }
            [object, instance, resource, id, ..] => {
                vec![self.plan_element_write(object, instance, resource, id, entries)?]
            }
        };
        self.apply(context, plan)
    }

    fn plan_instance_write(
        &self,
        object: u16,
        instance: u16,
        mode: WriteMode,
        entries: Vec<Entry>,
        limits: TreeLimits,
    ) -> Result<Vec<PlannedWrite>, ObjectError> {
        let target = self.with_instance(object, instance)?;
        let grouped = group(target.model(), entries)?;
        if grouped.len() > limits.resources {
            return Err(ObjectError::TooLarge);
        }
        let mut plan = Vec::new();
        // What is not in a replacement goes away, where a server could have put it there.
        if mode == WriteMode::Replace {
            for resource in target.resources(instance) {
                let model = target.model().resource(resource);
                let goes = model.is_some_and(|m| m.operations.is_writable() && !m.mandatory);
                if goes && !grouped.iter().any(|((_, id), _)| *id == resource) {
                    plan.push(PlannedWrite {
                        object,
                        instance,
                        resource,
                        write: ResourceWrite::Remove,
                    });
                }
            }
        }
        for ((_, resource), value) in grouped {
            let model = (target.model().resource(resource)).ok_or(ObjectError::NotFound)?;
            if !model.operations.is_writable() {
                return Err(ObjectError::MethodNotAllowed);
            }
            let write = match (mode, value) {
                (WriteMode::PartialUpdate, ResourceValue::Multiple(values)) => {
                    ResourceWrite::Merge(values)
                }
                (_, value) => ResourceWrite::Replace(value),
            };
            plan.push(PlannedWrite {
                object,
                instance,
                resource,
                write,
            });
        }
        Ok(plan)
    }

    fn writable(
        &self,
        object: u16,
        instance: u16,
        resource: u16,
    ) -> Result<(&dyn Object, &ResourceModel), ObjectError> {
        let target = self.with_instance(object, instance)?;
        // A resource that is defined but absent comes into being by a write.
        let model = target
            .model()
            .resource(resource)
            .ok_or(ObjectError::NotFound)?;
        match model.operations.is_writable() {
            true => Ok((target, model)),
            false => Err(ObjectError::MethodNotAllowed),
        }
    }

    /// Whether a server may write here at all.
    ///
    /// # Errors
    /// 4.04 for what is not there, 4.05 for what cannot be written.
    pub(crate) fn writable_place(&self, path: &Path) -> Result<(), ObjectError> {
        match *path.ids() {
            [] | [_] => Err(ObjectError::MethodNotAllowed),
            [object, instance] => self.with_instance(object, instance).map(drop),
            [object, instance, resource, ..] => self.writable(object, instance, resource).map(drop),
        }
    }

    fn plan_resource_write(
        &self,
        object: u16,
        instance: u16,
        resource: u16,
        mode: WriteMode,
        entries: Vec<Entry>,
    ) -> Result<PlannedWrite, ObjectError> {
        let (target, model) = self.writable(object, instance, resource)?;
        let mut grouped = group(target.model(), entries)?;
        let value = match grouped.pop() {
            Some((_, value)) if grouped.is_empty() => value,
            None if model.multiple => ResourceValue::Multiple(BTreeMap::new()),
            _ => return Err(ObjectError::BadRequest("one value is expected")),
        };
        let write = match (mode, value) {
            (WriteMode::PartialUpdate, ResourceValue::Multiple(values)) => {
                ResourceWrite::Merge(values)
            }
            (_, value) => ResourceWrite::Replace(value),
        };
        Ok(PlannedWrite {
            object,
            instance,
            resource,
            write,
        })
    }

    fn plan_element_write(
        &self,
        object: u16,
        instance: u16,
        resource: u16,
        id: u16,
        entries: Vec<Entry>,
    ) -> Result<PlannedWrite, ObjectError> {
        let (target, model) = self.writable(object, instance, resource)?;
        if !model.multiple {
            return Err(ObjectError::MethodNotAllowed);
        }
        let present = target.read(&Clock::default(), instance, resource);
        if !matches!(present, Ok(ResourceValue::Multiple(values)) if values.contains_key(&id)) {
            return Err(ObjectError::NotFound);
        }
        match group(target.model(), entries)?.pop() {
            Some((_, ResourceValue::Multiple(values))) if values.contains_key(&id) => {
                Ok(PlannedWrite {
                    object,
                    instance,
                    resource,
                    write: ResourceWrite::Merge(values),
                })
            }
            _ => Err(ObjectError::BadRequest("one value is expected")),
        }
    }

    /// Writes to many places, all or none (Core 1.2.2, section 6.3.9).
    ///
    /// # Errors
    /// As for one write.
    pub(crate) fn write_composite(
        &mut self,
        context: &mut Context,
        changes: Vec<Change>,
    ) -> Result<(), ObjectError> {
        let mut plan = Vec::new();
        let mut by_object: BTreeMap<u16, Vec<Entry>> = BTreeMap::new();
        for change in changes {
            let (object, instance, resource) = match *change.path().ids() {
                [object, ..] if is_hidden(object) => return Err(ObjectError::Unauthorized),
                [object, instance, resource, ..] => (object, instance, resource),
                _ => return Err(ObjectError::MethodNotAllowed),
            };
            self.writable(object, instance, resource)?;
            match change {
                Change::Set(entry) => by_object.entry(object).or_default().push(entry),
                Change::Remove(path) => {
                    self.value(&context.clock, &path)?;
                    let id = path.resource_instance_id();
                    let id = id.ok_or(ObjectError::MethodNotAllowed)?;
                    plan.push(PlannedWrite {
                        object,
                        instance,
                        resource,
                        write: ResourceWrite::RemoveInstance(id),
                    });
                }
            }
        }
        for (object, entries) in by_object {
            let model = self.object(object)?.model();
            for ((instance, resource), value) in group(model, entries)? {
                let write = match value {
                    ResourceValue::Multiple(values) => ResourceWrite::Merge(values),
                    value => ResourceWrite::Replace(value),
                };
                plan.push(PlannedWrite {
                    object,
                    instance,
                    resource,
                    write,
                });
            }
        }
        self.apply(context, plan)
    }

    /// Asks every object first, then writes.
    pub(crate) fn apply(
        &mut self,
        context: &mut Context,
        plan: Vec<PlannedWrite>,
    ) -> Result<(), ObjectError> {
        for planned in &plan {
            self.check_links(&planned.write)?;
            self.object(planned.object)?.check(
                context,
                planned.instance,
                planned.resource,
                &planned.write,
            )?;
        }
        for planned in plan {
            let (object, instance) = (planned.object, planned.instance);
            let resource = planned.resource;
            let target = self.object_mut(object)?;
            target.write(context, instance, resource, planned.write)?;
            if let Ok(path) = Path::try_from_ids(&[object, instance, resource]) {
                let server = context.server;
                context.tell(ClientEvent::ValueWritten { server, path });
            }
        }
        Ok(())
    }

    /// An object link points nowhere, at an object that is there, or at an instance that is there (Core 1.2.2,
    /// section 6.3.3).
    fn check_links(&self, write: &ResourceWrite) -> Result<(), ObjectError> {
        let valid = |value: &Value| match value {
            Value::ObjectLink(link) if !link.is_null() => match self.get(link.object) {
                Some(_) if link.instance == RESERVED_ID => true,
                Some(object) => object.instances().contains(&link.instance),
                None => false,
            },
            _ => true,
        };
        let all_valid = match write {
            ResourceWrite::Replace(ResourceValue::Single(value)) => valid(value),
            ResourceWrite::Replace(ResourceValue::Multiple(values))
            | ResourceWrite::Merge(values) => values.values().all(valid),
            ResourceWrite::Remove | ResourceWrite::RemoveInstance(_) => true,
        };
        match all_valid {
            true => Ok(()),
            false => Err(ObjectError::BadRequest("an object link points at nothing")),
        }
    }

    /// Puts a value in place, as the program: only the definition counts, not the operations.
    ///
    /// # Errors
    /// [`ObjectError::NotFound`], [`ObjectError::BadRequest`] for a wrong type.
    pub fn set(
        &mut self,
        context: &mut Context,
        path: &Path,
        value: ResourceValue,
    ) -> Result<(), ObjectError> {
        let (object, instance, resource, element) = match *path.ids() {
            [object, instance, resource] => (object, instance, resource, None),
            [object, instance, resource, id] => (object, instance, resource, Some(id)),
            _ => return Err(ObjectError::NotFound),
        };
        let target = self.with_instance(object, instance)?;
        let model = target
            .model()
            .resource(resource)
            .ok_or(ObjectError::NotFound)?;
        let typed = |value: Value| match model.data_type {
            Some(data_type) => value
                .coerce(data_type)
                .map_err(|_| ObjectError::BadRequest("the value has another type")),
            None => Err(ObjectError::MethodNotAllowed),
        };
        let write = match (value, element, model.multiple) {
            (ResourceValue::Single(value), None, false) => {
                ResourceWrite::Replace(ResourceValue::Single(typed(value)?))
            }
            (ResourceValue::Single(value), Some(id), true) => {
                ResourceWrite::Merge(BTreeMap::from([(id, typed(value)?)]))
            }
            (ResourceValue::Multiple(values), None, true) => {
                let typed: Result<_, ObjectError> = (values
                    .into_iter()
                    .map(|(id, value)| Ok((id, typed(value)?))))
                .collect();
                ResourceWrite::Replace(ResourceValue::Multiple(typed?))
            }
            _ => {
                return Err(ObjectError::BadRequest(
                    "single value and resource instances do not mix",
                ));
            }
        };
        self.object_mut(object)?
            .write(context, instance, resource, write)
    }

    // --- the rest ------------------------------------------------------------------------------------

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
                if !target.resources(instance).contains(&resource) {
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
            return Err(ObjectError::BadRequest("the object has one instance only"));
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
    /// 4.00 for a taken identifier, a second instance of a single one, or mandatory resources left out.
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
        if target.instances().contains(&instance) {
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
        if resources.resources().len() > limits.resources {
            return Err(ObjectError::TooLarge);
        }
        let lacks = target.model().resources.iter().any(|model| {
            model.mandatory
                && model.operations.is_writable()
                && !resources.resources().contains_key(&model.id)
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
        if self.object(object)?.instances().contains(&instance) {
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
    if !object.resources(instance).contains(&resource) {
        return Err(ObjectError::NotFound);
    }
    match model.operations.is_readable()
        || (access == Access::Owner && !model.operations.is_executable())
    {
        true => Ok(model),
        false => Err(ObjectError::MethodNotAllowed),
    }
}

/// Values by instance and resource, ascending.
pub(crate) type Grouped = Vec<((u16, u16), ResourceValue)>;

/// Values by instance and resource, checked against the definition. Resources it does not know are left out:
/// unknown optional resources are no error (Core 1.2.2, section 6.3.3).
pub(crate) fn group(model: &ObjectModel, entries: Vec<Entry>) -> Result<Grouped, ObjectError> {
    let mut grouped: BTreeMap<(u16, u16), ResourceValue> = BTreeMap::new();
    for entry in entries {
        let (instance, resource, element) = match *entry.path.ids() {
            [_, instance, resource] => (instance, resource, None),
            [_, instance, resource, id] => (instance, resource, Some(id)),
            _ => return Err(ObjectError::BadRequest("values belong to resources")),
        };
        let Some(definition) = model.resource(resource) else {
            continue;
        };
        let value = conform(model, entry.path, entry.value).map_err(|_| {
            ObjectError::BadRequest("the value has another type or is out of range")
        })?;
        match (definition.multiple, element) {
            (false, None) => {
                let value = ResourceValue::Single(value);
                if grouped.insert((instance, resource), value).is_some() {
                    return Err(ObjectError::BadRequest("a resource stands twice"));
                }
            }
            (true, Some(id)) => {
                let values = grouped
                    .entry((instance, resource))
                    .or_insert_with(|| ResourceValue::Multiple(BTreeMap::new()));
                if let ResourceValue::Multiple(values) = values {
                    values.insert(id, value);
                }
            }
            (false, Some(_)) => {
                return Err(ObjectError::BadRequest("the resource has no instances"));
            }
            (true, None) => {
                return Err(ObjectError::BadRequest("the resource has instances"));
            }
        }
    }
    Ok(grouped.into_iter().collect())
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
