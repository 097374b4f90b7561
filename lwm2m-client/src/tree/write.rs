//! Writes: planned and checked as a whole, then applied.

use super::{ObjectTree, TreeLimits};
use crate::{
    event::ClientEvent,
    object::{Clock, Context, Object, ObjectError, ResourceValue, ResourceWrite},
};
use alloc::{collections::BTreeMap, vec, vec::Vec};
use lwm2m_core::{
    content::Change,
    entry::Entry,
    model::{ObjectModel, ResourceModel},
    operation::WriteMode,
    path::{Path, RESERVED_ID, is_security_object},
    value::Value,
};
use lwm2m_objects::validate::conform;

/// One write that stands the checks, not applied yet.
#[derive(Debug)]
pub(crate) struct PlannedWrite {
    pub(crate) object: u16,
    pub(crate) instance: u16,
    pub(crate) resource: u16,
    pub(crate) write: ResourceWrite,
}

impl ObjectTree {
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
            [object, ..] if is_security_object(object) => return Err(ObjectError::Unauthorized),
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

    pub(super) fn writable(
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
                [object, ..] if is_security_object(object) => {
                    return Err(ObjectError::Unauthorized);
                }
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
    pub(super) fn check_links(&self, write: &ResourceWrite) -> Result<(), ObjectError> {
        let valid = |value: &Value| match value {
            Value::ObjectLink(link) if !link.is_null() => match self.get(link.object) {
                Some(_) if link.instance == RESERVED_ID => true,
                Some(_) => self.has_instance(link.object, link.instance),
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
