//! The device that the judge plays: values by their paths, and what the management and bootstrap interfaces do with
//! them. It is as simple as a device can be; a case changes it by hand.

use lwm2m_core::{
    attributes::Attributes,
    coap::{Code, Response},
    content::{self, ContentFormat},
    entry::Entry,
    link::{self, Link},
    model::Models,
    operation::{Create, DeviceOperation, Payload, Read, Write, WriteMode},
    path::{Path, PathLevel},
    value::Value,
    version::LwM2mVersion,
};
use lwm2m_objects::Definitions;
use std::collections::BTreeMap;

/// Values that the device holds at most; a server that writes more is refused with 4.13.
const MAX_VALUES: usize = 1_000;
/// Lifetime of its registration, seconds.
pub(super) const LIFETIME: u32 = 86_400;
/// The moment that its clock shows, in seconds since 1970.
const MOMENT: i64 = 1_700_000_000;

/// State of the firmware update object.
const STATE: Path = Path::resource(5, 0, 3);
const RESULT: Path = Path::resource(5, 0, 5);
const PACKAGE: Path = Path::resource(5, 0, 0);
const IDLE: i64 = 0;
const DOWNLOADED: i64 = 2;

/// See the [module](self).
#[derive(Debug, Clone)]
pub(super) struct Device {
    /// Its values.
    pub(super) values: BTreeMap<Path, Value>,
    attributes: BTreeMap<Path, Attributes>,
    /// Objects without an instance that it has nevertheless.
    empty: Vec<u16>,
    /// Whether a bootstrap server may do what only that may.
    pub(super) bootstrapping: bool,
    version: LwM2mVersion,
    definitions: Definitions,
}

impl Device {
    /// Configurations C.1, C.3, C.4 and C.8 in one: a superset is allowed.
    pub(super) fn new(version: LwM2mVersion) -> Self {
        let mut device = Device {
            values: BTreeMap::new(),
            attributes: BTreeMap::new(),
            empty: vec![16],
            bootstrapping: false,
            version,
            definitions: Definitions::built_in(),
        };
        device.set_server();
        let at = |id| Path::resource(3, 0, id);
        for (id, text) in [(0, "Example"), (1, "Judge"), (2, "4711"), (3, "1.0.0")] {
            device.set(at(id), text);
        }
        for (id, values) in [(6, [1, 2]), (7, [3800, 5000]), (8, [125, 900])] {
            for (instance, value) in (0..).zip(values) {
                device.set(Path::resource_instance(3, 0, id, instance), value);
            }
        }
        device.set(at(9), 80);
        device.set(Path::resource_instance(3, 0, 11, 0), 0);
        device.set(at(13), Value::Time(MOMENT));
        device.set(at(14), "+01:00");
        device.set(at(15), "Europe/Berlin");
        device.set(at(16), "U");
        for (id, value) in [(3, IDLE), (5, 0), (9, 1)] {
            device.set(Path::resource(5, 0, id), value);
        }
        device
    }

    /// C.13: no account but that at the bootstrap server.
    pub(super) fn unprovisioned(version: LwM2mVersion, bootstrap: &str) -> Self {
        let mut device = Device::new(version);
        device.values.retain(|path, _| path.object_id() != Some(1));
        device.set(Path::resource(0, 0, 0), bootstrap);
        device.set(Path::resource(0, 0, 1), true);
        device.bootstrapping = true;
        device
    }

    fn set_server(&mut self) {
        let at = |id| Path::resource(1, 0, id);
        for (id, value) in [
            (0, 1),
            (1, i64::from(LIFETIME)),
            (2, 1),
            (3, 10),
            (5, 86_400),
        ] {
            self.set(at(id), value);
        }
        self.set(at(6), false);
        self.set(at(7), "U");
        if self.version > LwM2mVersion::V1_0 {
            self.set(at(23), false);
        }
    }

    /// Puts a value in place.
    pub(super) fn set(&mut self, path: Path, value: impl Into<Value>) {
        self.values.insert(path, value.into());
    }

    /// The values at and below a path that a server may read.
    pub(super) fn readable(&self, path: &Path) -> Vec<Entry> {
        let secret = |path: &Path| path.object_id() == Some(0);
        self.values
            .iter()
            .filter(|(at, _)| path.contains(at) && !secret(at))
            .map(|(at, value)| Entry::new(*at, value.clone()))
            .collect()
    }

    /// The objects and instances of a registration.
    pub(super) fn links(&self) -> Vec<Link> {
        let mut places: Vec<Path> = self
            .values
            .keys()
            .map(|path| path.truncated(PathLevel::ObjectInstance))
            .filter(|path| path.object_id() != Some(0))
            .collect();
        places.extend(self.empty.iter().map(|object| Path::object(*object)));
        places.sort_unstable();
        places.dedup();
        places.into_iter().map(Link::to).collect()
    }

    fn has(&self, path: &Path) -> bool {
        self.values.keys().any(|at| path.contains(at))
            || (path.ids().len() == 1
                && path.object_id().is_some_and(|id| self.empty.contains(&id)))
    }

    /// The format of an answer to a request without Accept.
    fn preferred(&self, path: &Path, entries: &[Entry]) -> ContentFormat {
        match (entries, path.level()) {
            ([entry], PathLevel::Resource | PathLevel::ResourceInstance) if entry.path == *path => {
                match entry.value {
                    Value::Opaque(_) => ContentFormat::Opaque,
                    _ => ContentFormat::Text,
                }
            }
            _ if self.version == LwM2mVersion::V1_0 => ContentFormat::Tlv,
            _ => ContentFormat::SenmlCbor,
        }
    }

    /// The answer to a read, or the content of a notification.
    pub(super) fn content(&self, path: &Path, accept: Option<ContentFormat>) -> Response {
        if !self.has(path) {
            return Response::new(Code::NOT_FOUND);
        }
        let entries = self.readable(path);
        let format = accept.unwrap_or_else(|| self.preferred(path, &entries));
        self.encoded(&entries, path, format)
    }

    /// The same of several paths.
    pub(super) fn composite(&self, paths: &[Path], accept: Option<ContentFormat>) -> Response {
        let mut entries: Vec<Entry> = Vec::new();
        for path in paths {
            for entry in self.readable(path) {
                if entries.iter().all(|other| other.path != entry.path) {
                    entries.push(entry);
                }
            }
        }
        let format = accept.unwrap_or(ContentFormat::SenmlCbor);
        self.encoded(&entries, &Path::ROOT, format)
    }

    fn encoded(&self, entries: &[Entry], base: &Path, format: ContentFormat) -> Response {
        match content::encode(format, entries, base, &self.definitions) {
            Ok(payload) => Response::new(Code::CONTENT).body(format.number(), payload),
            Err(_) => Response::new(Code::NOT_ACCEPTABLE),
        }
    }

    /// Carries an operation out.
    pub(super) fn answer(&mut self, operation: &DeviceOperation) -> Response {
        match operation {
            DeviceOperation::Read(Read { path, accept }) => self.content(path, *accept),
            DeviceOperation::Observe(observe) => self.content(&observe.path, observe.accept),
            DeviceOperation::ReadComposite(read) => self.composite(&read.paths, read.accept),
            DeviceOperation::ObserveComposite(observe) => {
                self.composite(&observe.paths, observe.accept)
            }
            DeviceOperation::Discover(discover) => self.discover(&discover.path, discover.depth),
            DeviceOperation::Write(write) => self.write(write),
            DeviceOperation::WriteComposite(write) => {
                let entries = write.payload.decode(&Path::ROOT, &self.definitions);
                match entries {
                    Ok(entries) => self.take(&entries),
                    Err(_) => Response::new(Code::BAD_REQUEST),
                }
            }
            DeviceOperation::WriteAttributes(write) => {
                if !self.has(&write.path) {
                    return Response::new(Code::NOT_FOUND);
                }
                let attached = self.attributes.entry(write.path).or_default();
                *attached = attached.changed(&write.change);
                Response::new(Code::CHANGED)
            }
            DeviceOperation::Execute(execute) => self.execute(&execute.path),
            DeviceOperation::Create(create) => self.create(create),
            DeviceOperation::Delete(delete) => self.delete(&delete.path),
            _ => Response::new(Code::METHOD_NOT_ALLOWED),
        }
    }

    fn is_writable(&self, path: &Path) -> bool {
        if self.bootstrapping {
            return true;
        }
        let (Some(object), Some(resource)) = (path.object_id(), path.resource_id()) else {
            return false;
        };
        let model = self.definitions.resource(object, resource);
        model.is_none_or(|model| model.operations.is_writable())
    }

    fn write(&mut self, write: &Write) -> Response {
        let Write {
            path,
            mode,
            payload,
        } = write;
        if *path == PACKAGE {
            return self.package(payload);
        }
        let provisioned = self.bootstrapping && path.ids().len() <= 2;
        if !provisioned && !self.has(path) && !self.has(&path.truncated(PathLevel::ObjectInstance))
        {
            return Response::new(Code::NOT_FOUND);
        }
        let entries = match payload.decode(path, &self.definitions) {
            Ok(entries) => entries,
            Err(_) => return Response::new(Code::BAD_REQUEST),
        };
        if !entries.iter().all(|entry| self.is_writable(&entry.path)) {
            return Response::new(Code::METHOD_NOT_ALLOWED);
        }
        if *mode == WriteMode::Replace {
            let gone: Vec<Path> = self
                .values
                .keys()
                .filter(|at| path.contains(at) && self.is_writable(at) && !self.is_account(at))
                .copied()
                .collect();
            for path in gone {
                self.values.remove(&path);
            }
        }
        self.take(&entries)
    }

    fn take(&mut self, entries: &[Entry]) -> Response {
        if !entries.iter().all(|entry| self.is_writable(&entry.path)) {
            return Response::new(Code::METHOD_NOT_ALLOWED);
        }
        if self.values.len() + entries.len() > MAX_VALUES {
            return Response::new(Code::REQUEST_ENTITY_TOO_LARGE);
        }
        for entry in entries {
            self.values.insert(entry.path, entry.value.clone());
        }
        Response::new(Code::CHANGED)
    }

    /// A byte of zero, or nothing, resets the state; anything else is an image.
    fn package(&mut self, payload: &Payload) -> Response {
        let entries = payload.decode(&PACKAGE, &self.definitions);
        let Ok(entries) = entries else {
            return Response::new(Code::BAD_REQUEST);
        };
        let bytes = entries.first().and_then(|entry| entry.value.as_bytes());
        let state = match bytes {
            None | Some([] | [0]) => IDLE,
            Some(_) => DOWNLOADED,
        };
        self.set(STATE, state);
        self.set(RESULT, 0);
        Response::new(Code::CHANGED)
    }

    /// The new firmware runs.
    pub(super) fn updated(&mut self) {
        self.set(STATE, IDLE);
        self.set(RESULT, 1);
        self.set(Path::resource(3, 0, 3), "2.0.0");
    }

    fn execute(&self, path: &Path) -> Response {
        let model = path
            .object_id()
            .zip(path.resource_id())
            .and_then(|(object, resource)| self.definitions.resource(object, resource));
        let executable = model.is_some_and(|model| model.operations.is_executable());
        let without_package = *path == Path::resource(5, 0, 2)
            && self.values.get(&STATE) != Some(&Value::Integer(DOWNLOADED));
        Response::new(match executable && !without_package {
            true => Code::CHANGED,
            false => Code::METHOD_NOT_ALLOWED,
        })
    }

    fn create(&mut self, create: &Create) -> Response {
        let object = Path::object(create.object);
        let single = (self.definitions.object(create.object)).is_some_and(|model| !model.multiple);
        if !self.has(&object) {
            return Response::new(Code::NOT_FOUND);
        }
        if single {
            return Response::new(Code::METHOD_NOT_ALLOWED);
        }
        let free = (0..u16::MAX).find(|id| {
            let instance = Path::object_instance(create.object, *id);
            !self.values.keys().any(|at| instance.contains(at))
        });
        let entries = content::decode_create(
            create.payload.format,
            &create.payload.data,
            &object,
            free.unwrap_or_default(),
            &self.definitions,
        );
        let Ok(entries) = entries else {
            return Response::new(Code::BAD_REQUEST);
        };
        let made = entries
            .first()
            .map(|entry| entry.path.truncated(PathLevel::ObjectInstance));
        if made.is_some_and(|made| self.has(&made)) {
            return Response::new(Code::BAD_REQUEST);
        }
        match self.take(&entries) {
            taken if taken.code == Code::CHANGED => Create::created(made.as_ref()),
            refused => refused,
        }
    }

    /// The account at the bootstrap server, and the device object, which no delete reaches.
    fn is_account(&self, path: &Path) -> bool {
        let instance = path.truncated(PathLevel::ObjectInstance);
        let flag = instance.child(1).ok();
        let is_bootstrap = flag.and_then(|flag| self.values.get(&flag));
        path.object_id() == Some(0) && is_bootstrap == Some(&Value::Boolean(true))
    }

    fn delete(&mut self, path: &Path) -> Response {
        if self.bootstrapping {
            let gone: Vec<Path> = self
                .values
                .keys()
                .filter(|at| path.contains(at) && !self.is_account(at) && at.object_id() != Some(3))
                .copied()
                .collect();
            for path in gone {
                self.values.remove(&path);
            }
            return Response::new(Code::DELETED);
        }
        let multiple = path
            .object_id()
            .and_then(|object| self.definitions.object(object))
            .is_some_and(|model| model.multiple);
        if !multiple || path.ids().len() != 2 {
            return Response::new(Code::METHOD_NOT_ALLOWED);
        }
        if !self.has(path) {
            return Response::new(Code::NOT_FOUND);
        }
        self.values.retain(|at, _| !path.contains(at));
        Response::new(Code::DELETED)
    }

    /// Every place from the path down to a depth.
    fn places(&self, path: &Path, depth: usize) -> Vec<Path> {
        let mut places = vec![*path];
        for at in self.values.keys().filter(|at| path.contains(at)) {
            for length in path.ids().len() + 1..=(path.ids().len() + depth).min(at.ids().len()) {
                places.extend(Path::try_from_ids(&at.ids()[..length]));
            }
        }
        places.sort_unstable();
        places.dedup();
        places
    }

    fn discover(&self, path: &Path, depth: Option<u8>) -> Response {
        if self.bootstrapping {
            return self.bootstrap_discover(path);
        }
        if !self.has(path) {
            return Response::new(Code::NOT_FOUND);
        }
        let default = if path.ids().len() <= 1 { 2 } else { 1 };
        let places = self.places(path, depth.map_or(default, usize::from));
        let links: Vec<Link> = places.into_iter().map(|place| self.link(place)).collect();
        let body = link::write(&links);
        Response::new(Code::CONTENT).body(ContentFormat::Link.number(), body)
    }

    /// A place with its attributes, and the number of its instances where it is such a resource.
    fn link(&self, place: Path) -> Link {
        let mut link = Link::to(place);
        let instances = self.values.keys().filter(|at| place.contains(at));
        if place.level() == PathLevel::Resource && !self.values.contains_key(&place) {
            link = link.with("dim", instances.count().to_string());
        }
        let attached = self.attributes.get(&place).copied().unwrap_or_default();
        for query in attached.to_queries() {
            if let Some((name, value)) = query.split_once('=') {
                link = link.with(name, value);
            }
        }
        link
    }

    /// Core 1.2.2, section 6.1.7.3: object instances with the short server ids of accounts.
    fn bootstrap_discover(&self, path: &Path) -> Response {
        let mut body = format!("</>;lwm2m={}", self.version);
        let instances = self.places(path, 2 - path.ids().len().min(2));
        for place in instances.iter().filter(|place| place.ids().len() == 2) {
            body.push_str(&format!(",<{place}>"));
            let id = match place.object_id() {
                Some(0) => Some(10),
                Some(1) => Some(0),
                _ => None,
            };
            let id = id.and_then(|id| place.child(id).ok());
            if let Some(value) = id.and_then(|id| self.values.get(&id)) {
                body.push_str(&format!(";ssid={value}"));
            }
        }
        Response::new(Code::CONTENT).body(ContentFormat::Link.number(), body)
    }

    /// Instance of the security object that is the account of a server, with the instance of the server object.
    ///
    /// # Errors
    /// What is missing, in words for a person.
    pub(super) fn account(&self) -> Result<(Path, Path), String> {
        let security = self.values.iter().find(|(path, value)| {
            path.object_id() == Some(0)
                && path.resource_id() == Some(1)
                && **value == Value::Boolean(false)
        });
        let Some((flag, _)) = security else {
            return Err("there is no account of a server in /0".to_owned());
        };
        let security = flag.truncated(PathLevel::ObjectInstance);
        for id in [0, 2] {
            let path = security.child(id).map_err(|error| error.to_string())?;
            if !self.values.contains_key(&path) {
                return Err(format!("{path} is missing"));
            }
        }
        let id = security.child(10).map_err(|error| error.to_string())?;
        let id = self.values.get(&id).and_then(Value::as_i64);
        let server = self.values.iter().find(|(path, value)| {
            path.object_id() == Some(1) && path.resource_id() == Some(0) && value.as_i64() == id
        });
        let Some((path, _)) = server.filter(|_| id.is_some()) else {
            return Err(
                "no instance of /1 has the short server id of the account in /0".to_owned(),
            );
        };
        let server = path.truncated(PathLevel::ObjectInstance);
        for id in [1, 7] {
            let path = server.child(id).map_err(|error| error.to_string())?;
            if !self.values.contains_key(&path) {
                return Err(format!("{path} is missing"));
            }
        }
        Ok((security, server))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lwm2m_core::operation::{Delete, Discover};

    fn device() -> Device {
        Device::new(LwM2mVersion::V1_1)
    }

    #[test]
    fn every_value_has_the_type_of_its_definition() {
        let device = device();
        for path in device.values.keys() {
            let model = device
                .definitions
                .resource(path.object_id().unwrap(), path.resource_id().unwrap())
                .unwrap();
            let value = device.values[path].clone();
            let coerced = value.coerce(model.data_type.unwrap()).unwrap();
            assert_eq!(Some(coerced.data_type()), model.data_type, "{path}");
        }
    }

    #[test]
    fn a_replace_leaves_what_cannot_be_written() {
        let mut device = device();
        let path = Path::object_instance(1, 0);
        let entries = [Entry::new(Path::resource(1, 0, 1), 61)];
        let payload = Payload::encode(
            ContentFormat::Tlv,
            &entries,
            &path,
            &Definitions::built_in(),
        );
        let write = Write {
            path,
            mode: WriteMode::Replace,
            payload: payload.unwrap(),
        };
        assert_eq!(device.answer(&write.into()).code, Code::CHANGED);
        let left = device.readable(&path);
        assert_eq!(
            left,
            [Entry::new(Path::resource(1, 0, 0), 1), entries[0].clone()]
        );
    }

    #[test]
    fn discover_shows_dimensions() {
        let discover = Discover {
            path: Path::object_instance(3, 0),
            depth: None,
        };
        let response = device().answer(&discover.into());
        let links = String::from_utf8(response.payload.to_vec()).unwrap();
        assert!(links.starts_with("</3/0>,</3/0/0>"), "{links}");
        assert!(links.contains("</3/0/7>;dim=2,"), "{links}");
    }

    #[test]
    fn a_bootstrap_spares_its_own_account() {
        let mut device = Device::unprovisioned(LwM2mVersion::V1_1, "coaps://bs");
        assert!(device.account().is_err());
        let delete = Delete {
            path: Path::object(0),
        };
        assert_eq!(device.answer(&delete.into()).code, Code::DELETED);
        assert!(device.values.contains_key(&Path::resource(0, 0, 0)));
        for (path, value) in [
            ("/0/1/0", Value::from("coaps://server")),
            ("/0/1/1", false.into()),
            ("/0/1/2", 0.into()),
            ("/0/1/10", 7.into()),
            ("/1/0/0", 7.into()),
            ("/1/0/1", 60.into()),
            ("/1/0/7", "U".into()),
        ] {
            assert!(device.account().is_err());
            device.set(path.parse().unwrap(), value);
        }
        let expected = (Path::object_instance(0, 1), Path::object_instance(1, 0));
        assert_eq!(device.account(), Ok(expected));
    }
}
