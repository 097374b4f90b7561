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
    /// Ascending.
    instances: Vec<(u16, Instance)>,
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
            instances: Vec::new(),
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
        let instance = resources.into_iter().collect();
        match self.find(id) {
            Ok(index) => self.instances[index].1 = instance,
            Err(index) => self.instances.insert(index, (id, instance)),
        }
    }

    fn find(&self, id: u16) -> Result<usize, usize> {
        self.instances.binary_search_by_key(&id, |(id, _)| *id)
    }

    fn found(&self, id: u16) -> Option<&Instance> {
        let index = self.find(id).ok()?;
        Some(&self.instances[index].1)
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
        self.instances.iter().map(|(id, _)| *id).collect()
    }

    fn has_instance(&self, instance: u16) -> bool {
        self.find(instance).is_ok()
    }

    fn has_resource(&self, instance: u16, resource: u16) -> bool {
        self.found(instance).is_some_and(|found| {
            found.get(resource).is_some() || self.executable.contains(&resource)
        })
    }

    fn resources(&self, instance: u16) -> Vec<u16> {
        match self.found(instance) {
            Some(instance) => merge_sorted(
                instance.iter().map(|(id, _)| id).collect(),
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
        let value = self.found(instance).and_then(|found| found.get(resource));
        value.cloned().ok_or(ObjectError::NotFound)
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
        let index = self.find(instance).map_err(|_| ObjectError::NotFound)?;
        let changes = write.changes(path);
        self.instances[index].1.apply(resource, write)?;
        changes.into_iter().for_each(|path| context.changed(path));
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
        self.insert(instance, resources);
        Ok(())
    }

    fn check_delete(&self, context: &Context, _instance: u16) -> Result<(), ObjectError> {
        match context.server {
            Some(_) if !self.dynamic => Err(ObjectError::MethodNotAllowed),
            _ => Ok(()),
        }
    }

    fn delete(&mut self, context: &mut Context, instance: u16) -> Result<(), ObjectError> {
        // What a bootstrap server deletes is still what the program has given, and comes back with its values.
        if !context.bootstrap {
            let index = self.find(instance).map_err(|_| ObjectError::NotFound)?;
            self.instances.remove(index);
        }
        Ok(())
    }

    fn is_provisionable(&self) -> bool {
        self.provisionable
    }

    fn provision(&mut self, _context: &mut Context, instances: BTreeMap<u16, Instance>) {
        self.instances = instances.into_iter().collect();
    }
}

impl fmt::Debug for DataObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Values are left out: the security object is one of these.
        f.debug_struct("DataObject")
            .field("id", &self.model.id)
            .field("instances", &self.instances())
            .finish_non_exhaustive()
    }
}
