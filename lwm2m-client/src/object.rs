//! What stands behind an object of the tree: the [`Object`] trait and the words it speaks.

use crate::{action::Action, event::ClientEvent, statistics::Traffic};
use alloc::{collections::BTreeMap, string::String, sync::Arc, vec, vec::Vec};
use core::{fmt, ops::Deref};
use lwm2m_core::{
    coap::Code,
    entry::Entry,
    model::ObjectModel,
    path::Path,
    time::Instant,
    value::{ObjectLink, Value},
};

/// The present moment, as an object sees it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Clock {
    /// The driver's monotonic time.
    pub now: Instant,
    /// Seconds since 1970-01-01T00:00:00Z at [`Instant::ZERO`]; `None` on a device that does not know the time.
    pub unix_at_zero: Option<i64>,
}

impl Clock {
    /// Seconds since 1970-01-01T00:00:00Z.
    pub fn unix_seconds(&self) -> Option<i64> {
        let elapsed = i64::try_from(self.now.as_micros() / 1_000_000).ok()?;
        self.unix_at_zero?.checked_add(elapsed)
    }
}

/// The value of a resource: one, or one for each of its resource instances.
///
/// Its `Debug` shows opaque values by their length only: they may be keys.
#[derive(Clone, PartialEq)]
pub enum ResourceValue {
    /// Of a resource without instances.
    Single(Value),
    /// Of a multiple-instance resource, by resource instance identifier.
    Multiple(BTreeMap<u16, Value>),
}

impl ResourceValue {
    /// The values of a multiple-instance resource.
    pub fn multiple<V: Into<Value>>(values: impl IntoIterator<Item = (u16, V)>) -> Self {
        ResourceValue::Multiple(values.into_iter().map(|(id, v)| (id, v.into())).collect())
    }

    /// The value of a resource without instances.
    pub fn single(&self) -> Option<&Value> {
        match self {
            ResourceValue::Single(value) => Some(value),
            ResourceValue::Multiple(_) => None,
        }
    }

    /// As entries at and below the path of the resource.
    pub fn append_entries(&self, resource: Path, entries: &mut Vec<Entry>) {
        match self {
            ResourceValue::Single(value) => entries.push(Entry::new(resource, value.clone())),
            ResourceValue::Multiple(values) => {
                for (id, value) in values {
                    if let Ok(path) = resource.child(*id) {
                        entries.push(Entry::new(path, value.clone()));
                    }
                }
            }
        }
    }
}

impl fmt::Debug for ResourceValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ResourceValue::Single(value) => write!(f, "{value}"),
            ResourceValue::Multiple(values) => f
                .debug_map()
                .entries(values.iter().map(|(id, value)| (id, Shown(value))))
                .finish(),
        }
    }
}

/// A value whose `Debug` is its `Display`, which hides opaque bytes.
struct Shown<'a>(&'a Value);

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.0, f)
    }
}

macro_rules! resource_value_from {
    ($($from:ty),* $(,)?) => {$(
        impl From<$from> for ResourceValue {
            fn from(value: $from) -> Self {
                ResourceValue::Single(value.into())
            }
        }
    )*};
}

resource_value_from! {
    Value, &str, String, i64, i32, i16, i8, u64, u32, f64, f32, bool, Vec<u8>, &[u8], ObjectLink,
}

/// The resources of one object instance, to build it with.
///
/// ```
/// use lwm2m_client::object::Instance;
///
/// let instance = Instance::new()
///     .with(5700, 21.5)
///     .with(5701, "Cel")
///     .with_multiple(6, [(0, 1), (1, 5)]);
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Instance {
    /// Ascending: a vector costs a tenth of a tree, and few instances have more than a dozen resources.
    resources: Vec<(u16, ResourceValue)>,
}

impl Instance {
    /// Without resources.
    pub fn new() -> Self {
        Self::default()
    }

    /// With a resource.
    #[must_use]
    pub fn with(mut self, resource: u16, value: impl Into<ResourceValue>) -> Self {
        self.set(resource, value);
        self
    }

    /// With a multiple-instance resource.
    #[must_use]
    pub fn with_multiple<V: Into<Value>>(
        self,
        resource: u16,
        values: impl IntoIterator<Item = (u16, V)>,
    ) -> Self {
        self.with(resource, ResourceValue::multiple(values))
    }

    /// With a resource where there is something to say.
    #[must_use]
    pub fn with_some(self, resource: u16, value: Option<impl Into<ResourceValue>>) -> Self {
        match value {
            Some(value) => self.with(resource, value),
            None => self,
        }
    }

    fn find(&self, resource: u16) -> Result<usize, usize> {
        (self.resources).binary_search_by_key(&resource, |(id, _)| *id)
    }

    /// Puts a resource in place.
    pub fn set(&mut self, resource: u16, value: impl Into<ResourceValue>) {
        let value = value.into();
        match self.find(resource) {
            Ok(index) => self.resources[index].1 = value,
            Err(index) => self.resources.insert(index, (resource, value)),
        }
    }

    /// A resource.
    pub fn get(&self, resource: u16) -> Option<&ResourceValue> {
        let index = self.find(resource).ok()?;
        Some(&self.resources[index].1)
    }

    /// The value of a resource without instances.
    pub fn value(&self, resource: u16) -> Option<&Value> {
        self.get(resource)?.single()
    }

    /// The resources, ascending.
    pub fn iter(&self) -> impl Iterator<Item = (u16, &ResourceValue)> {
        self.resources.iter().map(|(id, value)| (*id, value))
    }

    /// How many resources there are.
    pub fn len(&self) -> usize {
        self.resources.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.resources.is_empty()
    }

    /// Applies a write that stood its checks.
    ///
    /// # Errors
    /// [`ObjectError::NotFound`] for what is to be removed and is not there.
    pub fn apply(&mut self, resource: u16, write: ResourceWrite) -> Result<(), ObjectError> {
        let present = self.find(resource);
        match (write, present) {
            (ResourceWrite::Replace(value), _) => self.set(resource, value),
            (ResourceWrite::Merge(values), Ok(index)) => match &mut self.resources[index].1 {
                ResourceValue::Multiple(present) => present.extend(values),
                single => *single = ResourceValue::Multiple(values),
            },
            (ResourceWrite::Merge(values), Err(_)) => {
                self.set(resource, ResourceValue::Multiple(values));
            }
            (ResourceWrite::RemoveInstance(id), Ok(index)) => match &mut self.resources[index].1 {
                ResourceValue::Multiple(present) => {
                    present.remove(&id).ok_or(ObjectError::NotFound)?;
                }
                ResourceValue::Single(_) => return Err(ObjectError::NotFound),
            },
            (ResourceWrite::Remove, Ok(index)) => {
                self.resources.remove(index);
            }
            (ResourceWrite::RemoveInstance(_) | ResourceWrite::Remove, Err(_)) => {
                return Err(ObjectError::NotFound);
            }
        }
        Ok(())
    }
}

impl IntoIterator for Instance {
    type Item = (u16, ResourceValue);
    type IntoIter = vec::IntoIter<(u16, ResourceValue)>;

    fn into_iter(self) -> Self::IntoIter {
        self.resources.into_iter()
    }
}

impl FromIterator<(u16, ResourceValue)> for Instance {
    /// Of two values for one resource the later counts.
    fn from_iter<I: IntoIterator<Item = (u16, ResourceValue)>>(resources: I) -> Self {
        let mut instance = Instance::new();
        for (id, value) in resources {
            instance.set(id, value);
        }
        instance
    }
}

/// A change of one resource that a server or the program asks for.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum ResourceWrite {
    /// Puts this in place of what is there, all resource instances included.
    Replace(ResourceValue),
    /// Adds or replaces these resource instances and leaves the others.
    Merge(BTreeMap<u16, Value>),
    /// Takes a resource instance away.
    RemoveInstance(u16),
    /// Takes the resource away.
    Remove,
}

impl ResourceWrite {
    /// What this write to a resource changes: the resource instances that it names, or all of the resource.
    pub fn changes(&self, resource: Path) -> Vec<Path> {
        match self {
            ResourceWrite::Replace(_) | ResourceWrite::Remove => vec![resource],
            ResourceWrite::Merge(values) => {
                let ids = values.keys();
                ids.filter_map(|id| resource.child(*id).ok()).collect()
            }
            ResourceWrite::RemoveInstance(id) => resource.child(*id).into_iter().collect(),
        }
    }
}

impl fmt::Debug for ResourceWrite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ResourceWrite::Replace(value) => f.debug_tuple("Replace").field(value).finish(),
            ResourceWrite::Merge(values) => {
                let values = values.iter().map(|(id, value)| (id, Shown(value)));
                f.write_str("Merge ")?;
                f.debug_map().entries(values).finish()
            }
            ResourceWrite::RemoveInstance(id) => write!(f, "RemoveInstance({id})"),
            ResourceWrite::Remove => f.write_str("Remove"),
        }
    }
}

/// Why an object refuses, with the code that answers it (Transport 1.2.2, section 6.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ObjectError {
    /// A value it cannot take: 4.00.
    #[error("the value cannot be taken: {0}")]
    BadRequest(&'static str),
    /// Not for this server: 4.01.
    #[error("not allowed for this server")]
    Unauthorized,
    /// No such instance or resource: 4.04.
    #[error("no such object, instance or resource")]
    NotFound,
    /// Not here, or not now: 4.05.
    #[error("the operation is not allowed here")]
    MethodNotAllowed,
    /// More than there is room for: 4.13.
    #[error("more than there is room for")]
    TooLarge,
    /// A fault of the device: 5.00.
    #[error("the device failed")]
    Internal,
}

impl ObjectError {
    /// The response code.
    pub const fn code(self) -> Code {
        match self {
            ObjectError::BadRequest(_) => Code::BAD_REQUEST,
            ObjectError::Unauthorized => Code::UNAUTHORIZED,
            ObjectError::NotFound => Code::NOT_FOUND,
            ObjectError::MethodNotAllowed => Code::METHOD_NOT_ALLOWED,
            ObjectError::TooLarge => Code::REQUEST_ENTITY_TOO_LARGE,
            ObjectError::Internal => Code::INTERNAL_SERVER_ERROR,
        }
    }
}

/// The arguments of an execute: digit 0 to 9 and, where there is one, its text.
pub type Arguments = [(u8, Option<String>)];

/// What an object is told about an operation that changes it, and where it says what follows from it.
#[derive(Debug)]
pub struct Context {
    /// The present moment.
    pub clock: Clock,
    /// Short server id of who asks; `None`: the program itself, or a bootstrap server.
    pub server: Option<u16>,
    /// Whether a bootstrap server asks.
    pub bootstrap: bool,
    pub(crate) changed: Vec<Path>,
    pub(crate) actions: Vec<Action>,
    pub(crate) events: Vec<ClientEvent>,
}

impl Context {
    pub(crate) fn new(clock: Clock, server: Option<u16>) -> Self {
        Context {
            clock,
            server,
            bootstrap: false,
            changed: Vec::new(),
            actions: Vec::new(),
            events: Vec::new(),
        }
    }

    /// Of what a bootstrap server asks.
    pub(crate) fn of_bootstrap(clock: Clock) -> Self {
        Context {
            bootstrap: true,
            ..Context::new(clock, None)
        }
    }

    /// Says that a value has changed beside the one that was written: observers are told.
    pub fn changed(&mut self, path: Path) {
        self.changed.push(path);
    }

    /// Asks the engine to do something once the request is answered.
    pub fn act(&mut self, action: Action) {
        self.actions.push(action);
    }

    pub(crate) fn tell(&mut self, event: ClientEvent) {
        self.events.push(event);
    }
}

/// A definition that is shared: a `static`, or counted.
#[derive(Debug, Clone)]
pub enum ModelRef {
    /// In a table of the program.
    Static(&'static ObjectModel),
    /// Loaded at run time.
    Shared(Arc<ObjectModel>),
}

impl Deref for ModelRef {
    type Target = ObjectModel;

    fn deref(&self) -> &ObjectModel {
        match self {
            ModelRef::Static(model) => model,
            ModelRef::Shared(model) => model,
        }
    }
}

impl From<&'static ObjectModel> for ModelRef {
    fn from(model: &'static ObjectModel) -> Self {
        ModelRef::Static(model)
    }
}

impl From<Arc<ObjectModel>> for ModelRef {
    fn from(model: Arc<ObjectModel>) -> Self {
        ModelRef::Shared(model)
    }
}

impl From<ObjectModel> for ModelRef {
    fn from(model: ObjectModel) -> Self {
        ModelRef::Shared(Arc::new(model))
    }
}

/// An object with its instances.
///
/// Most objects are a [`DataObject`](crate::data::DataObject) and need no code; implement this where values are
/// computed, live elsewhere, or have consequences.
///
/// The tree checks each request against [`Object::model`] first: operations, types, ranges, multiplicity. An
/// object is only asked for what its definition allows, and a write that concerns several resources is applied
/// only when [`Object::check`] has accepted all of them. Where the default of a method refuses, the object does
/// not offer that operation.
///
/// Which instances are deleted is known to the tree as well. An instance that an object goes on listing behind
/// [`Object::delete`] stands for a part of the device: the tree lets nobody see it until a server or the program creates it
/// or a bootstrap server writes to it. So an object with fixed instances need not know whether they are there.
pub trait Object: Send {
    /// The definition.
    fn model(&self) -> &ObjectModel;

    /// Identifiers of the instances, ascending.
    fn instances(&self) -> Vec<u16>;

    /// Whether an instance is there.
    fn has_instance(&self, instance: u16) -> bool {
        self.instances().binary_search(&instance).is_ok()
    }

    /// Identifiers of the resources that an instance has, ascending; executable ones included.
    fn resources(&self, instance: u16) -> Vec<u16>;

    /// Whether an instance has a resource.
    fn has_resource(&self, instance: u16, resource: u16) -> bool {
        self.resources(instance).binary_search(&resource).is_ok()
    }

    /// The value of a resource.
    ///
    /// # Errors
    /// [`ObjectError::NotFound`] where it is not there now.
    fn read(
        &self,
        clock: &Clock,
        instance: u16,
        resource: u16,
    ) -> Result<ResourceValue, ObjectError>;

    /// Whether a write would be taken; nothing changes yet.
    ///
    /// # Errors
    /// Why not.
    fn check(
        &self,
        context: &Context,
        instance: u16,
        resource: u16,
        write: &ResourceWrite,
    ) -> Result<(), ObjectError> {
        let _ = (context, instance, resource, write);
        Ok(())
    }

    /// Takes a write that [`Object::check`] has accepted.
    ///
    /// # Errors
    /// By default [`ObjectError::MethodNotAllowed`].
    fn write(
        &mut self,
        context: &mut Context,
        instance: u16,
        resource: u16,
        write: ResourceWrite,
    ) -> Result<(), ObjectError> {
        let _ = (context, instance, resource, write);
        Err(ObjectError::MethodNotAllowed)
    }

    /// Executes a resource.
    ///
    /// # Errors
    /// By default [`ObjectError::MethodNotAllowed`].
    fn execute(
        &mut self,
        context: &mut Context,
        instance: u16,
        resource: u16,
        arguments: &Arguments,
    ) -> Result<(), ObjectError> {
        let _ = (context, instance, resource, arguments);
        Err(ObjectError::MethodNotAllowed)
    }

    /// Makes an instance; the tree has chosen an identifier that is free.
    ///
    /// # Errors
    /// By default [`ObjectError::MethodNotAllowed`].
    fn create(
        &mut self,
        context: &mut Context,
        instance: u16,
        resources: Instance,
    ) -> Result<(), ObjectError> {
        let _ = (context, instance, resources);
        Err(ObjectError::MethodNotAllowed)
    }

    /// Whether an instance may be deleted; nothing changes yet.
    ///
    /// # Errors
    /// Why not. By default [`ObjectError::MethodNotAllowed`] for servers; the program and a bootstrap server (Core 1.2.2,
    /// section 6.1.7.6) may.
    fn check_delete(&self, context: &Context, instance: u16) -> Result<(), ObjectError> {
        let _ = instance;
        match context.server {
            Some(_) => Err(ObjectError::MethodNotAllowed),
            None => Ok(()),
        }
    }

    /// Takes an instance away that [`Object::check_delete`] has let go. One that stays a part of the device is only to
    /// forget what was asked of it: it comes back as it is then.
    ///
    /// # Errors
    /// A fault of the device; the instance stays. By default nothing is to be done.
    fn delete(&mut self, context: &mut Context, instance: u16) -> Result<(), ObjectError> {
        let _ = (context, instance);
        Ok(())
    }

    /// Whether a bootstrap server may make and remove instances. Otherwise it may only write resources of the
    /// instances that the object lists, and delete those until it writes to them again.
    fn is_provisionable(&self) -> bool {
        false
    }

    /// Puts these instances in place of all, as a bootstrap server has left them. Only called where
    /// [`Object::is_provisionable`], with values that fit the definition.
    fn provision(&mut self, context: &mut Context, instances: BTreeMap<u16, Instance>) {
        let _ = (context, instances);
    }

    /// Whether an opaque resource is taken block by block as it arrives, instead of as a whole.
    fn is_streamed(&self, resource: u16) -> bool {
        let _ = resource;
        false
    }

    /// A streamed write begins. `size` is what the server says of the whole, bytes.
    ///
    /// # Errors
    /// By default [`ObjectError::MethodNotAllowed`].
    fn stream_begin(
        &mut self,
        context: &mut Context,
        instance: u16,
        resource: u16,
        size: Option<u64>,
    ) -> Result<(), ObjectError> {
        let _ = (context, instance, resource, size);
        Err(ObjectError::MethodNotAllowed)
    }

    /// Bytes of a streamed write, in order and without gap; with `last` it is complete.
    ///
    /// # Errors
    /// The write is over then, without [`Object::stream_abort`].
    fn stream_data(
        &mut self,
        context: &mut Context,
        instance: u16,
        resource: u16,
        data: &[u8],
        last: bool,
    ) -> Result<(), ObjectError> {
        let _ = (context, instance, resource, data, last);
        Err(ObjectError::MethodNotAllowed)
    }

    /// What the client has sent and received since the last call. Only object 7 is told.
    fn traffic(&mut self, clock: &Clock, traffic: &Traffic) {
        let _ = (clock, traffic);
    }

    /// A streamed write will not be completed: the server gave up or is gone.
    fn stream_abort(&mut self, context: &mut Context, instance: u16, resource: u16) {
        let _ = (context, instance, resource);
    }
}

/// The resources that every instance has by its definition alone: the executable ones that the object offers.
pub(crate) fn merge_sorted(mut ids: Vec<u16>, more: impl IntoIterator<Item = u16>) -> Vec<u16> {
    ids.extend(more);
    ids.sort_unstable();
    ids.dedup();
    ids
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;

    #[test]
    fn keys_do_not_show() {
        let key = || ResourceValue::from(vec![0xAB; 3]);
        let keys = || BTreeMap::from([(0, Value::Opaque(vec![0xAB; 3]))]);
        for shown in [
            format!("{:?}", Instance::new().with(5, key())),
            format!("{:?}", ResourceValue::Multiple(keys())),
            format!("{:?}", ResourceWrite::Replace(key())),
            format!("{:?}", ResourceWrite::Merge(keys())),
        ] {
            assert!(
                shown.contains("3 bytes") && !shown.contains("171"),
                "{shown}"
            );
        }
    }

    #[test]
    fn writes_apply_to_resources() {
        use ResourceWrite as W;
        let three = || BTreeMap::from([(3, Value::Integer(3))]);
        let mut instance = Instance::new().with(9, 9).with_multiple(1, [(0, 1)]);
        instance.apply(5, W::Replace(5.into())).unwrap();
        instance.apply(1, W::Merge(three())).unwrap();
        instance.apply(2, W::Merge(three())).unwrap();
        let ids: Vec<u16> = instance.iter().map(|(id, _)| id).collect();
        assert_eq!(ids, [1, 2, 5, 9], "ascending");
        let both = ResourceValue::multiple([(0, 1), (3, 3)]);
        assert_eq!(instance.get(1), Some(&both));
        instance.apply(1, W::RemoveInstance(0)).unwrap();
        instance.apply(9, W::Remove).unwrap();
        assert_eq!(instance.len(), 3);
        for (resource, write) in [
            (1, W::RemoveInstance(0)),
            (5, W::RemoveInstance(0)),
            (7, W::RemoveInstance(0)),
            (9, W::Remove),
        ] {
            let refused = instance.apply(resource, write.clone());
            assert_eq!(refused, Err(ObjectError::NotFound), "{resource} {write:?}");
        }
    }
}
