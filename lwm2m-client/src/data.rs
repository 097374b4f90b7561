//! Objects without code: a definition, its instances as data, and a handler for what is executed.

use crate::object::{
    Arguments, Clock, Context, Instance, ModelRef, Object, ObjectError, ResourceValue,
    ResourceWrite, merge_sorted,
};
use alloc::{boxed::Box, collections::BTreeMap, sync::Arc, vec::Vec};
use core::fmt;
use lwm2m_core::{model::ObjectModel, path::Path};

/// Executes a resource: `(context, instance, resource, arguments)`.
pub type ExecuteHandler =
    dyn Fn(&mut Context, u16, u16, &Arguments) -> Result<(), ObjectError> + Send + Sync;

/// Refuses a write: `(instance, resource, write)`.
pub type Validator = dyn Fn(u16, u16, &ResourceWrite) -> Result<(), ObjectError> + Send + Sync;

/// An object that is described by its definition and its values.
///
/// ```
/// use lwm2m_client::{DataObject, Instance};
/// use lwm2m_objects::ipso::temperature;
///
/// let sensor = DataObject::new(&temperature::V1_1).instance(
///     0,
///     Instance::new()
///         .with(temperature::SENSOR_VALUE, 21.5)
///         .with(temperature::SENSOR_UNITS, "Cel"),
/// );
/// ```
#[derive(Clone)]
pub struct DataObject {
    model: ModelRef,
    instances: BTreeMap<u16, Instance>,
    executable: Vec<u16>,
    dynamic: bool,
    provisionable: bool,
    execute: Option<Arc<ExecuteHandler>>,
    validate: Option<Arc<Validator>>,
}

impl DataObject {
    /// Without instances. A `static` definition costs nothing; an owned one is shared between clones.
    pub fn new(model: impl Into<ModelRef>) -> Self {
        DataObject {
            model: model.into(),
            instances: BTreeMap::new(),
            executable: Vec::new(),
            dynamic: false,
            provisionable: false,
            execute: None,
            validate: None,
        }
    }

    /// With an instance.
    #[must_use]
    pub fn instance(
        mut self,
        id: u16,
        resources: impl IntoIterator<Item = (u16, ResourceValue)>,
    ) -> Self {
        self.insert(id, resources);
        self
    }

    /// Servers may create and delete instances, bootstrap servers may provision them. Without it the instances
    /// are those that the program gives, as for a sensor that is soldered on.
    #[must_use]
    pub fn dynamic(mut self) -> Self {
        self.dynamic = true;
        self.provisionable = true;
        self
    }

    /// Bootstrap servers may make and remove instances, servers may not, as for the server object.
    #[must_use]
    pub fn provisionable(mut self) -> Self {
        self.provisionable = true;
        self
    }

    /// Offers these executable resources. The handler runs before the request is answered: let it be short.
    #[must_use]
    pub fn on_execute(
        mut self,
        resources: impl IntoIterator<Item = u16>,
        handler: impl Fn(&mut Context, u16, u16, &Arguments) -> Result<(), ObjectError>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        self.executable = merge_sorted(Vec::new(), resources);
        self.execute = Some(Arc::from(Box::new(handler) as Box<ExecuteHandler>));
        self
    }

    /// Asks this before a server's write is taken, beyond type and range of the definition.
    #[must_use]
    pub fn validate(
        mut self,
        validator: impl Fn(u16, u16, &ResourceWrite) -> Result<(), ObjectError> + Send + Sync + 'static,
    ) -> Self {
        self.validate = Some(Arc::from(Box::new(validator) as Box<Validator>));
        self
    }

    /// Puts an instance in place.
    pub fn insert(&mut self, id: u16, resources: impl IntoIterator<Item = (u16, ResourceValue)>) {
        self.instances.insert(id, resources.into_iter().collect());
    }

    /// The instances as data.
    pub fn data(&self) -> &BTreeMap<u16, Instance> {
        &self.instances
    }

    fn path(&self, instance: u16, resource: u16) -> Option<Path> {
        Path::try_from_ids(&[self.model.id, instance, resource]).ok()
    }
}

impl Object for DataObject {
    fn model(&self) -> &ObjectModel {
        &self.model
    }

    fn instances(&self) -> Vec<u16> {
        self.instances.keys().copied().collect()
    }

    fn resources(&self, instance: u16) -> Vec<u16> {
        match self.instances.get(&instance) {
            Some(instance) => merge_sorted(
                instance.resources().keys().copied().collect(),
                self.executable.iter().copied(),
            ),
            None => Vec::new(),
        }
    }

    fn read(
        &self,
        _clock: &Clock,
        instance: u16,
        resource: u16,
    ) -> Result<ResourceValue, ObjectError> {
        self.instances
            .get(&instance)
            .and_then(|instance| instance.resources().get(&resource))
            .cloned()
            .ok_or(ObjectError::NotFound)
    }

    fn check(
        &self,
        context: &Context,
        instance: u16,
        resource: u16,
        write: &ResourceWrite,
    ) -> Result<(), ObjectError> {
        let _ = context;
        match &self.validate {
            Some(validate) => validate(instance, resource, write),
            None => Ok(()),
        }
    }

    fn write(
        &mut self,
        context: &mut Context,
        instance: u16,
        resource: u16,
        write: ResourceWrite,
    ) -> Result<(), ObjectError> {
        let path = self.path(instance, resource).ok_or(ObjectError::NotFound)?;
        let resources = self
            .instances
            .get_mut(&instance)
            .ok_or(ObjectError::NotFound)?
            .resources_mut();
        match write {
            ResourceWrite::Replace(value) => {
                resources.insert(resource, value);
            }
            ResourceWrite::Merge(values) => match resources.get_mut(&resource) {
                Some(ResourceValue::Multiple(present)) => present.extend(values),
                _ => {
                    resources.insert(resource, ResourceValue::Multiple(values));
                }
            },
            ResourceWrite::RemoveInstance(id) => match resources.get_mut(&resource) {
                Some(ResourceValue::Multiple(present)) => {
                    present.remove(&id).ok_or(ObjectError::NotFound)?;
                }
                _ => return Err(ObjectError::NotFound),
            },
            ResourceWrite::Remove => {
                resources.remove(&resource).ok_or(ObjectError::NotFound)?;
            }
        }
        context.changed(path);
        Ok(())
    }

    fn execute(
        &mut self,
        context: &mut Context,
        instance: u16,
        resource: u16,
        arguments: &Arguments,
    ) -> Result<(), ObjectError> {
        match &self.execute {
            Some(execute) => Arc::clone(execute)(context, instance, resource, arguments),
            None => Err(ObjectError::MethodNotAllowed),
        }
    }

    fn create(
        &mut self,
        context: &mut Context,
        instance: u16,
        resources: Instance,
    ) -> Result<(), ObjectError> {
        // The program may always; a server only where the object says so.
        if !self.dynamic && context.server.is_some() {
            return Err(ObjectError::MethodNotAllowed);
        }
        self.instances.insert(instance, resources);
        Ok(())
    }

    fn delete(&mut self, context: &mut Context, instance: u16) -> Result<(), ObjectError> {
        if !self.dynamic && context.server.is_some() {
            return Err(ObjectError::MethodNotAllowed);
        }
        self.instances
            .remove(&instance)
            .map(drop)
            .ok_or(ObjectError::NotFound)
    }

    fn is_provisionable(&self) -> bool {
        self.provisionable
    }

    fn provision(&mut self, _context: &mut Context, instances: BTreeMap<u16, Instance>) {
        self.instances = instances;
    }
}

impl fmt::Debug for DataObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Values are left out: the security object is one of these.
        f.debug_struct("DataObject")
            .field("id", &self.model.id)
            .field("instances", &self.instances.keys())
            .finish_non_exhaustive()
    }
}
