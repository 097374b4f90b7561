//! The copy of the tree that a bootstrap server works on (Core 1.2.2, section 6.1.7): nothing of it counts before
//! the finish, and all of it at once then.

use crate::{
    account::Account,
    object::{Clock, Context, Instance, ObjectError, ResourceValue, ResourceWrite},
    tree::{Grouped, ObjectTree, PlannedWrite, TreeLimits, group},
};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    format,
    string::{String, ToString},
    vec::Vec,
};
use lwm2m_core::{
    entry::Entry,
    link::{Link, implied_version},
    model::{Models, ObjectModel},
    path::Path,
    value::Value,
    version::{LwM2mVersion, ObjectVersion},
};
use lwm2m_objects::{device, security, server, validate::validate_value};

/// What a bootstrap has changed so far.
#[derive(Debug, Default)]
pub(crate) struct Staging {
    /// Objects whose instances it may make and remove: all their instances, as they will be.
    replaced: BTreeMap<u16, BTreeMap<u16, Instance>>,
    /// The others that are to lose all their instances.
    emptied: BTreeSet<u16>,
    /// Writes to the instances of the others.
    writes: Vec<PlannedWrite>,
    /// The instance of object 0 that this bootstrap runs on.
    account: u16,
}

impl Staging {
    /// Nothing changed; `account` is the instance of object 0 that this bootstrap runs on.
    pub(crate) fn new(account: u16) -> Self {
        Staging {
            account,
            ..Self::default()
        }
    }

    fn staged(
        &mut self,
        tree: &ObjectTree,
        clock: &Clock,
        object: u16,
    ) -> &mut BTreeMap<u16, Instance> {
        self.replaced
            .entry(object)
            .or_insert_with(|| tree.instances(clock, object))
    }

    /// The instances of an object as they will be.
    pub(crate) fn instances(
        &self,
        tree: &ObjectTree,
        clock: &Clock,
        object: u16,
    ) -> BTreeMap<u16, Instance> {
        match self.replaced.get(&object) {
            Some(instances) => instances.clone(),
            None => tree.instances(clock, object),
        }
    }

    /// Bootstrap-write: takes what is given, whether it was there or not (section 6.1.7.5).
    ///
    /// # Errors
    /// 4.00 for values that do not suit the definition, 4.04 for an object this client does not have, 4.13 for
    /// more than there is room for.
    pub(crate) fn write(
        &mut self,
        tree: &ObjectTree,
        clock: &Clock,
        path: &Path,
        mut entries: Vec<Entry>,
        limits: TreeLimits,
    ) -> Result<(), ObjectError> {
        let id = path.object_id().ok_or(ObjectError::MethodNotAllowed)?;
        let object = tree.get(id).ok_or(ObjectError::NotFound)?;
        let model = object.model();
        entries.retain(|entry| !is_left_open(model, entry));
        let mut grouped = group(model, entries)?;
        if grouped.len() > limits.resources.saturating_mul(limits.instances) {
            return Err(ObjectError::TooLarge);
        }
        let unknown = |resource| model.resource(resource).is_none();
        if path.resource_id().is_some_and(unknown) {
            return Err(ObjectError::NotFound);
        }
        if !object.is_provisionable() {
            return self.write_in_place(tree, clock, id, grouped, limits);
        }
        let mut staged = self.staged(tree, clock, id).clone();
        // An instance that is written as a whole begins empty.
        if path.resource_id().is_none() {
            if let Some(instance) = path.object_instance_id() {
                staged.insert(instance, Instance::new());
            }
            for ((instance, _), _) in &grouped {
                staged.insert(*instance, Instance::new());
            }
        }
        for ((instance, resource), value) in grouped.drain(..) {
            let resources = staged.entry(instance).or_default();
            let write = match (path.resource_instance_id(), value) {
                (Some(_), ResourceValue::Multiple(values)) => ResourceWrite::Merge(values),
                (_, value) => ResourceWrite::Replace(value),
            };
            resources.apply(resource, write)?;
            if resources.len() > limits.resources {
                return Err(ObjectError::TooLarge);
            }
        }
        if staged.len() > limits.instances || (!model.multiple && staged.len() > 1) {
            return Err(ObjectError::TooLarge);
        }
        self.replaced.insert(id, staged);
        Ok(())
    }

    fn write_in_place(
        &mut self,
        tree: &ObjectTree,
        clock: &Clock,
        id: u16,
        grouped: Grouped,
        limits: TreeLimits,
    ) -> Result<(), ObjectError> {
        let object = tree.get(id).ok_or(ObjectError::NotFound)?;
        let instances = match self.emptied.contains(&id) {
            true => Vec::new(),
            false => object.instances(),
        };
        let context = Context::new(*clock, None);
        let mut planned = Vec::new();
        for ((instance, resource), value) in grouped {
            if !instances.contains(&instance) {
                return Err(ObjectError::BadRequest(
                    "instances of this object are fixed",
                ));
            }
            // What is for nobody to write is left out, as in a create.
            let model = object.model().resource(resource);
            if model.is_some_and(|model| model.operations.is_writable()) {
                let write = ResourceWrite::Replace(value);
                object.check(&context, instance, resource, &write)?;
                planned.push(PlannedWrite {
                    object: id,
                    instance,
                    resource,
                    write,
                });
            }
        }
        if self.writes.len() + planned.len() > limits.resources {
            return Err(ObjectError::TooLarge);
        }
        self.writes.extend(planned);
        Ok(())
    }

    /// Bootstrap-delete of the root, an object or an instance (section 6.1.7.6). The account of this bootstrap
    /// and the device object stay. With the root go the instances of all other objects, also of those that a bootstrap
    /// server can else only write to.
    ///
    /// # Errors
    /// 4.00 where the path names what stays or cannot be removed, 4.04 for what is not there.
    pub(crate) fn delete(
        &mut self,
        tree: &ObjectTree,
        clock: &Clock,
        path: &Path,
    ) -> Result<(), ObjectError> {
        let refused = ObjectError::BadRequest("this cannot be deleted");
        match *path.ids() {
            [] => {
                for object in tree.ids().filter_map(|id| tree.get(id)) {
                    match object.model().id {
                        device::ID => {}
                        id if object.is_provisionable() => self.delete_instances(tree, clock, id),
                        id => {
                            self.emptied.insert(id);
                        }
                    }
                }
                self.writes.retain(|write| write.object == device::ID);
                Ok(())
            }
            [device::ID, ..] => Err(refused),
            [id] => {
                let object = tree.get(id).ok_or(ObjectError::NotFound)?;
                if !object.is_provisionable() {
                    return Err(refused);
                }
                self.delete_instances(tree, clock, id);
                Ok(())
            }
            [id, instance] => {
                let object = tree.get(id).ok_or(ObjectError::NotFound)?;
                if !object.is_provisionable() || (id, instance) == (security::ID, self.account) {
                    return Err(refused);
                }
                let removed = self.staged(tree, clock, id).remove(&instance);
                removed.map(drop).ok_or(ObjectError::NotFound)
            }
            _ => Err(refused),
        }
    }

    fn delete_instances(&mut self, tree: &ObjectTree, clock: &Clock, id: u16) {
        let account = self.account;
        self.staged(tree, clock, id)
            .retain(|instance, _| (id, *instance) == (security::ID, account));
    }

    /// Bootstrap-read: the server object and access control only (section 6.1.7.4).
    ///
    /// # Errors
    /// 4.01 for other objects, 4.04 for what is not there, 4.05 below the instances.
    pub(crate) fn read(
        &self,
        tree: &ObjectTree,
        clock: &Clock,
        path: &Path,
    ) -> Result<Vec<Entry>, ObjectError> {
        let (id, only) = match *path.ids() {
            [id @ (1 | 2)] => (id, None),
            [id @ (1 | 2), instance] => (id, Some(instance)),
            [1 | 2, ..] => return Err(ObjectError::MethodNotAllowed),
            _ => return Err(ObjectError::Unauthorized),
        };
        tree.get(id).ok_or(ObjectError::NotFound)?;
        let mut entries = Vec::new();
        let mut found = only.is_none();
        for (instance, data) in self.instances(tree, clock, id) {
            if only.is_some_and(|only| only != instance) {
                continue;
            }
            found = true;
            for (resource, value) in data {
                if let Ok(place) = Path::try_from_ids(&[id, instance, resource]) {
                    value.append_entries(place, &mut entries);
                }
            }
        }
        match found {
            true => Ok(entries),
            false => Err(ObjectError::NotFound),
        }
    }

    /// Bootstrap-discover of the root or of an object (section 6.1.7.3).
    ///
    /// # Errors
    /// 4.04 for an object this client does not have, 4.00 for deeper paths.
    pub(crate) fn discover(
        &self,
        tree: &ObjectTree,
        clock: &Clock,
        path: &Path,
        version: LwM2mVersion,
    ) -> Result<Vec<Link>, ObjectError> {
        let objects: Vec<u16> = match *path.ids() {
            [] => tree.ids().collect(),
            [id] if tree.get(id).is_some() => [id].into(),
            [_] => return Err(ObjectError::NotFound),
            _ => return Err(ObjectError::BadRequest("an object or the root is expected")),
        };
        let mut links = Vec::from([Link::to(Path::ROOT).with("lwm2m", version.as_str())]);
        for id in objects {
            let Ok(place) = Path::try_from_ids(&[id]) else {
                continue;
            };
            let instances: BTreeMap<u16, Option<Instance>> = match id {
                security::ID | server::ID => {
                    let staged = self.instances(tree, clock, id).into_iter();
                    staged.map(|(id, data)| (id, Some(data))).collect()
                }
                _ => match self.replaced.get(&id) {
                    Some(staged) => staged.keys().map(|id| (*id, None)).collect(),
                    None if self.emptied.contains(&id) => BTreeMap::new(),
                    None => {
                        let ids = tree.get(id).map(|object| object.instances());
                        ids.unwrap_or_default()
                            .into_iter()
                            .map(|id| (id, None))
                            .collect()
                    }
                },
            };
            let object_version = tree.object(id).map(|model| model.version);
            let version = implied_or_said(version, id, object_version);
            if version.is_some() || instances.is_empty() {
                let link = Link::to(place);
                links.push(match version {
                    Some(version) => link.with("ver", version.to_string()),
                    None => link,
                });
            }
            for (instance, data) in instances {
                if let Ok(place) = place.child(instance) {
                    links.push(instance_link(id, place, data.as_ref()));
                }
            }
        }
        Ok(links)
    }

    /// Whether the configuration can work, with the short server ids it has (section 6.1.6): a server that can be
    /// reached and registered with, one account for each short server id, one bootstrap server.
    ///
    /// # Errors
    /// What is wrong, for a person.
    pub(crate) fn check(&self, tree: &ObjectTree, clock: &Clock) -> Result<Vec<u16>, String> {
        let mut accounts = self.instances(tree, clock, security::ID);
        self.retire_account(&mut accounts);
        let servers = self.instances(tree, clock, server::ID);
        let mut found = Vec::new();
        let mut bootstrap_servers = 0;
        for (instance, account) in &accounts {
            Account::from_instance(account).map_err(|error| format!("/0/{instance}: {error}"))?;
            if is_bootstrap(account) {
                bootstrap_servers += 1;
                continue;
            }
            let id = short_server_id(account, security::SHORT_SERVER_ID);
            let id = id.ok_or_else(|| format!("/0/{instance}/10 is missing or out of range"))?;
            if found.contains(&id) {
                return Err(format!("short server id {id} stands twice in /0"));
            }
            let matching = servers
                .values()
                .filter(|server| short_server_id(server, server::SHORT_SERVER_ID) == Some(id));
            match matching.count() {
                1 => found.push(id),
                0 => return Err(format!("no instance of /1 has short server id {id}")),
                _ => return Err(format!("short server id {id} stands twice in /1")),
            }
        }
        match (found.is_empty(), bootstrap_servers) {
            (true, _) => Err("there is no server".into()),
            (_, 0 | 1) => Ok(found),
            _ => Err("there are several bootstrap servers".into()),
        }
    }

    /// A second bootstrap account takes the place of the one in use.
    fn retire_account(&self, accounts: &mut BTreeMap<u16, Instance>) {
        let others = accounts
            .iter()
            .filter(|(id, account)| **id != self.account && is_bootstrap(account));
        if others.count() > 0 {
            accounts.remove(&self.account);
        }
    }

    /// Puts everything in place.
    pub(crate) fn apply(mut self, tree: &mut ObjectTree, context: &mut Context) {
        if let Some(mut accounts) = self.replaced.remove(&security::ID) {
            self.retire_account(&mut accounts);
            self.replaced.insert(security::ID, accounts);
        }
        // Version 1.0 of the server object does not say when it was bootstrapped.
        let says_when = tree.resource(server::ID, server::LAST_BOOTSTRAPPED);
        if let (Some(servers), Some(_), Some(time)) = (
            self.replaced.get_mut(&server::ID),
            says_when,
            context.clock.unix_seconds(),
        ) {
            for server in servers.values_mut() {
                server.set(server::LAST_BOOTSTRAPPED, Value::Time(time));
            }
        }
        for (id, instances) in self.replaced {
            if let Some(object) = tree.get_mut(id) {
                object.provision(context, instances);
            }
        }
        for id in self.emptied {
            let Some(object) = tree.get_mut(id) else {
                continue;
            };
            for instance in object.instances() {
                match (
                    object.delete(context, instance),
                    Path::try_from_ids(&[id, instance]),
                ) {
                    (Ok(()), Ok(path)) => context.changed(path),
                    // An object of the program's own that does not let go of it.
                    (Err(error), _) => tracing::warn!(%error, "/{id}/{instance} was not deleted"),
                    _ => {}
                }
            }
        }
        for planned in self.writes {
            if let Some(object) = tree.get_mut(planned.object) {
                let done = object.write(context, planned.instance, planned.resource, planned.write);
                if let Err(error) = done {
                    tracing::debug!(%error, "a staged write was refused at the finish");
                }
            }
        }
        tree.touch();
    }
}

fn instance_link(object: u16, place: Path, data: Option<&Instance>) -> Link {
    let link = Link::to(place);
    match (object, data) {
        // The bootstrap server's own account carries no short server id.
        (security::ID, Some(data)) if !is_bootstrap(data) => {
            let id = short_server_id(data, security::SHORT_SERVER_ID);
            let uri = data.value(security::SERVER_URI).and_then(Value::as_str);
            let link = match id {
                Some(id) => link.with("ssid", id.to_string()),
                None => link,
            };
            match uri {
                Some(uri) => link.with("uri", uri),
                None => link,
            }
        }
        (server::ID, Some(data)) => match short_server_id(data, server::SHORT_SERVER_ID) {
            Some(id) => link.with("ssid", id.to_string()),
            None => link,
        },
        _ => link,
    }
}

/// Whether a value stands for none: an optional resource cannot be empty by its range, and is. There are bootstrap
/// servers that write all resources of the security object so, the keys for SMS among them.
fn is_left_open(model: &ObjectModel, entry: &Entry) -> bool {
    let is_empty = match &entry.value {
        Value::Opaque(bytes) => bytes.is_empty(),
        Value::String(text) => text.is_empty(),
        _ => false,
    };
    let resource = entry.path.resource_id().and_then(|id| model.resource(id));
    is_empty
        && resource.is_some_and(|resource| !resource.mandatory)
        && validate_value(model, entry.path, &entry.value).is_err()
}

/// The version of an object where a server could not guess it (Core 1.2.2, section 7.2.2).
pub(crate) fn implied_or_said(
    protocol: LwM2mVersion,
    object: u16,
    version: Option<ObjectVersion>,
) -> Option<ObjectVersion> {
    version.filter(|version| *version != implied_version(object, protocol))
}

/// Whether an instance of object 0 is a bootstrap server's.
pub(crate) fn is_bootstrap(account: &Instance) -> bool {
    let flag = account.value(security::BOOTSTRAP_SERVER);
    flag.and_then(Value::as_bool).unwrap_or(false)
}

/// A short server id, where it is in its range (1 to 65534).
pub(crate) fn short_server_id(instance: &Instance, resource: u16) -> Option<u16> {
    let number = instance.value(resource)?.as_i64()?;
    u16::try_from(number)
        .ok()
        .filter(|id| (1..u16::MAX).contains(id))
}
