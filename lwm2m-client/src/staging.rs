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
    /// Instances of the others that are deleted: object and instance.
    deleted: BTreeSet<(u16, u16)>,
    /// Those of them, and of what was gone before, that come back since they were written to.
    back: BTreeSet<(u16, u16)>,
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

    /// Whether an instance of an object that makes none will be there.
    fn is_there(&self, tree: &ObjectTree, object: u16, instance: u16) -> bool {
        let place = (object, instance);
        let stays = tree.has_instance(object, instance) && !self.deleted.contains(&place);
        stays || self.back.contains(&place)
    }

    /// The instances, as they will be, of an object that makes none; all but these places.
    fn fixed_instances(&self, tree: &ObjectTree, object: u16, but: &[(u16, u16)]) -> Vec<u16> {
        let listed = tree.get(object).map(|object| object.instances());
        let mut ids = listed.unwrap_or_default();
        ids.retain(|id| self.is_there(tree, object, *id) && !but.contains(&(object, *id)));
        ids
    }

    /// What makes up the account of this bootstrap: its instance of object 0, and those that it links to.
    fn account_places(&self, tree: &ObjectTree, clock: &Clock) -> Vec<(u16, u16)> {
        let mut places = Vec::from([(security::ID, self.account)]);
        let accounts = self.instances(tree, clock, security::ID);
        let resources = accounts.get(&self.account).into_iter();
        for (_, value) in resources.flat_map(Instance::iter) {
            let values: Vec<&Value> = match value {
                ResourceValue::Single(value) => Vec::from([value]),
                ResourceValue::Multiple(values) => values.values().collect(),
            };
            places.extend(values.into_iter().filter_map(|value| match value {
                Value::ObjectLink(link) => Some((link.object, link.instance)),
                _ => None,
            }));
        }
        places
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
            None => {
                let mut instances = tree.instances(clock, object);
                instances.retain(|instance, _| self.is_there(tree, object, *instance));
                instances
            }
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
            return self.write_in_place(tree, clock, path, grouped, limits);
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

    /// Writes to an object that makes no instances. Those that were deleted come back.
    fn write_in_place(
        &mut self,
        tree: &ObjectTree,
        clock: &Clock,
        path: &Path,
        grouped: Grouped,
        limits: TreeLimits,
    ) -> Result<(), ObjectError> {
        let id = path.object_id().ok_or(ObjectError::MethodNotAllowed)?;
        let object = tree.get(id).ok_or(ObjectError::NotFound)?;
        let context = Context::of_bootstrap(*clock);
        let named = grouped.iter().map(|((instance, _), _)| *instance);
        let named: BTreeSet<u16> = named.chain(path.object_instance_id()).collect();
        if !named.iter().all(|instance| object.has_instance(*instance)) {
            return Err(ObjectError::BadRequest(
                "instances of this object are fixed",
            ));
        }
        let mut planned = Vec::new();
        for ((instance, resource), value) in grouped {
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
        for instance in named {
            if !self.is_there(tree, id, instance) {
                self.back.insert((id, instance));
            }
        }
        Ok(())
    }

    /// Bootstrap-delete of the root, an object or an instance (section 6.1.7.6). The account of this bootstrap, with what
    /// it links to, and the device object stay; so does, with the root, what its object does not let go of now.
    ///
    /// # Errors
    /// 4.00 where the path names what stays or its object does not let go of, 4.04 for what is not there.
    pub(crate) fn delete(
        &mut self,
        tree: &ObjectTree,
        clock: &Clock,
        path: &Path,
    ) -> Result<(), ObjectError> {
        let refused = ObjectError::BadRequest("this cannot be deleted");
        let account = self.account_places(tree, clock);
        let context = Context::of_bootstrap(*clock);
        let object = |id| tree.get(id).ok_or(ObjectError::NotFound);
        match *path.ids() {
            [] => {
                for id in tree.ids().filter(|id| *id != device::ID) {
                    let object = object(id)?;
                    if object.is_provisionable() {
                        self.delete_staged(tree, clock, id, &account);
                        continue;
                    }
                    for instance in self.fixed_instances(tree, id, &account) {
                        match object.check_delete(&context, instance) {
                            Ok(()) => self.delete_fixed(id, instance),
                            Err(error) => tracing::warn!(%error, "/{id}/{instance} stays"),
                        }
                    }
                }
                Ok(())
            }
            [device::ID, ..] => Err(refused),
            [id] => {
                let object = object(id)?;
                if object.is_provisionable() {
                    self.delete_staged(tree, clock, id, &account);
                    return Ok(());
                }
                let instances = self.fixed_instances(tree, id, &account);
                for instance in &instances {
                    (object.check_delete(&context, *instance)).map_err(|_| refused)?;
                }
                (instances.into_iter()).for_each(|instance| self.delete_fixed(id, instance));
                Ok(())
            }
            [id, instance] => {
                let object = object(id)?;
                if account.contains(&(id, instance)) {
                    return Err(refused);
                }
                if object.is_provisionable() {
                    let removed = self.staged(tree, clock, id).remove(&instance);
                    return removed.map(drop).ok_or(ObjectError::NotFound);
                }
                if !self.is_there(tree, id, instance) {
                    return Err(ObjectError::NotFound);
                }
                (object.check_delete(&context, instance)).map_err(|_| refused)?;
                self.delete_fixed(id, instance);
                Ok(())
            }
            _ => Err(refused),
        }
    }

    /// Deletes the instances of an object that makes and loses them.
    fn delete_staged(&mut self, tree: &ObjectTree, clock: &Clock, id: u16, account: &[(u16, u16)]) {
        self.staged(tree, clock, id)
            .retain(|instance, _| account.contains(&(id, *instance)));
    }

    /// Deletes an instance of an object that makes none, with what was written to it.
    fn delete_fixed(&mut self, object: u16, instance: u16) {
        let place = (object, instance);
        self.back.remove(&place);
        self.deleted.insert(place);
        (self.writes).retain(|write| (write.object, write.instance) != place);
    }

    /// What is deleted of objects that make no instances, whether it comes back or not.
    pub(crate) fn deleted(&self) -> impl Iterator<Item = Path> {
        let places = self.deleted.iter();
        places.filter_map(|(id, instance)| Path::try_from_ids(&[*id, *instance]).ok())
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
                    None => {
                        let ids = self.fixed_instances(tree, id, &[]).into_iter();
                        ids.map(|id| (id, None)).collect()
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
        for (id, instance) in self.deleted {
            // What was gone before and written to and deleted again is not there.
            if !tree.has_instance(id, instance) {
                continue;
            }
            match tree.remove(context, id, instance) {
                Ok(()) => context.changed.extend(Path::try_from_ids(&[id, instance])),
                // It had nothing against it before.
                Err(error) => tracing::warn!(%error, "/{id}/{instance} was not deleted"),
            }
        }
        for (id, instance) in self.back {
            tree.bring_back(id, instance);
            context.changed.extend(Path::try_from_ids(&[id, instance]));
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
