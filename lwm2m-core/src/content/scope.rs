//! What all decoders and encoders share: where values may lie, and which type the model gives them.

use super::{ContentFormat, DecodeError, EncodeError, MAX_ENTRIES};
use crate::{
    entry::Entry,
    model::{Models, ResourceModel, index_of},
    path::{Path, PathError, PathLevel, RESERVED_ID},
    value::{DataType, ObjectLink, Value},
};
use alloc::{borrow::Cow, collections::BTreeSet, format, string::String, vec::Vec};
use core::{cell::Cell, mem};

/// The definitions of the payload at hand. Neighbours in a payload mostly are of one object, and often stand side by
/// side in its definition as well. So both are kept in mind: a view of the definitions may have to choose among
/// versions.
struct Lookup<'a> {
    models: &'a dyn Models,
    /// An object and its resources: at first one that there cannot be.
    last_object: Cell<(u16, &'a [ResourceModel])>,
    /// Where in the definition of an object the next resource is looked for first.
    next_resource: Cell<usize>,
}

impl<'a> Lookup<'a> {
    fn new(models: &'a dyn Models) -> Self {
        Lookup {
            models,
            last_object: Cell::new((RESERVED_ID, &[])),
            next_resource: Cell::new(0),
        }
    }

    /// The resources of an object, ordered by identifier; none of an object that is unknown.
    #[inline]
    fn resources(&self, object: u16) -> &'a [ResourceModel] {
        let (last, resources) = self.last_object.get();
        if last == object {
            return resources;
        }
        let resources = self.models.object(object).map(|model| &*model.resources);
        let resources = resources.unwrap_or_default();
        self.last_object.set((object, resources));
        resources
    }

    #[inline]
    fn resource(&self, path: &Path) -> Option<&'a ResourceModel> {
        let (object, id) = path.object_and_resource()?;
        let resources = self.resources(object);
        let expected = self.next_resource.get();
        let (index, resource) = match resources.get(expected) {
            Some(resource) if resource.id == id => (expected, resource),
            _ => {
                let index = index_of(id, resources)?;
                (index, resources.get(index)?)
            }
        };
        self.next_resource.set(index + 1);
        Some(resource)
    }

    /// The type that the model gives a resource; `None` where it is unknown or executable.
    fn data_type(&self, path: &Path) -> Option<DataType> {
        self.resource(path)?.data_type
    }

    /// Whether `path` points at exactly one value, as far as the model tells.
    fn is_single_value(&self, path: &Path) -> bool {
        match path.level() {
            PathLevel::ResourceInstance => true,
            PathLevel::Resource => !self.resource(path).is_some_and(|model| model.multiple),
            _ => false,
        }
    }
}

/// Takes the values of a payload in, and refuses what does not belong.
pub(super) struct Incoming<'a> {
    pub(super) format: ContentFormat,
    pub(super) base: Path,
    /// What names begin with; empty for the root `/`.
    pub(super) root: &'a str,
    models: Lookup<'a>,
    new_instance: Option<u16>,
    /// Whether the object instances that object links lead to may come as well.
    follows_links: bool,
    /// Whether there are values outside of the base.
    has_strays: bool,
    entries: Vec<Entry>,
}

impl<'a> Incoming<'a> {
    pub(super) fn new(
        format: ContentFormat,
        base: &Path,
        models: &'a dyn Models,
        root: &'a str,
    ) -> Self {
        Incoming {
            format,
            base: *base,
            root,
            models: Lookup::new(models),
            new_instance: None,
            follows_links: false,
            has_strays: false,
            entries: Vec::new(),
        }
    }

    /// For a create request: values that name no object instance go to this one.
    pub(super) fn with_new_instance(mut self, instance: u16) -> Self {
        self.new_instance = Some(instance);
        self
    }

    /// For an answer: values may lie where its object links lead to.
    pub(super) fn following_links(mut self) -> Self {
        self.follows_links = true;
        self
    }

    /// Makes room for as many values as a payload of this size may well have, up to 2 KiB: most payloads are small,
    /// and moving the values time and again as they become more takes a tenth of the time.
    pub(super) fn expect(&mut self, payload: &[u8]) {
        self.entries = Vec::with_capacity((payload.len() / 8).min(32));
    }

    pub(super) fn malformed(&self, reason: &'static str) -> DecodeError {
        DecodeError::Malformed {
            format: self.format,
            reason,
        }
    }

    /// The place with these identifiers; 65535 stands for the new instance of a create request.
    #[inline(always)] // so that it stays in registers, for each value of each payload
    pub(super) fn path(&self, ids: &[u16]) -> Result<Path, DecodeError> {
        let path = match self.new_instance {
            None => Path::try_from_ids(ids),
            Some(instance) => path_with(instance, ids),
        };
        path.map_err(|_| self.malformed("a path with a reserved or a fifth identifier"))
    }

    /// The place with these identifiers, in one number as [`Path::try_from_lanes`] reads it; 65535 stands for the
    /// new instance of a create request.
    #[inline(always)] // as above
    pub(super) fn path_of_lanes(&self, lanes: u64, len: usize) -> Result<Path, DecodeError> {
        match Path::try_from_lanes(lanes, len) {
            Some(path) => Ok(path),
            None => {
                let ids = [0, 16, 32, 48].map(|shift| (lanes >> shift) as u16);
                self.path(&ids[..len])
            }
        }
    }

    /// The object instance that values without one belong to: the one the payload is about, the new one of a
    /// create request, or the only one of an object that has no more.
    pub(super) fn object_instance(&self) -> Result<Path, DecodeError> {
        let outside = "a resource outside of an object instance";
        let object = self.base.object_id().ok_or(self.malformed(outside))?;
        match (self.base.object_instance_id(), self.new_instance) {
            (Some(instance), _) | (None, Some(instance)) => self.path(&[object, instance]),
            (None, None) => match self.models.models.object(object) {
                Some(model) if !model.multiple => self.path(&[object, 0]),
                _ => Err(self.malformed(outside)),
            },
        }
    }

    /// The one place that a payload without paths is about.
    pub(super) fn single_value(&self) -> Result<Path, DecodeError> {
        match self.models.is_single_value(&self.base) {
            true => Ok(self.base),
            false => Err(DecodeError::Unsupported(self.format)),
        }
    }

    /// The type that the model gives a place.
    pub(super) fn data_type(&self, path: &Path) -> Option<DataType> {
        self.models.data_type(path)
    }

    /// Whether `path` may be named: it lies within the place that the payload is about.
    pub(super) fn check_place(&self, path: Path) -> Result<(), DecodeError> {
        match self.base.contains(&path) {
            true => Ok(()),
            false => Err(DecodeError::OutsideBase {
                path,
                base: self.base,
            }),
        }
    }

    /// A value with the type of its model.
    #[inline]
    pub(super) fn typed(&self, path: Path, value: Value) -> Result<Value, DecodeError> {
        match self.data_type(&path) {
            Some(expected) if expected != value.data_type() => {
                convert(self.format, path, value, expected)
            }
            _ => Ok(value),
        }
    }

    /// Takes a value in.
    pub(super) fn push(
        &mut self,
        path: Path,
        value: Value,
        time: Option<f64>,
    ) -> Result<(), DecodeError> {
        if let Err(outside) = self.check_place(path) {
            if !self.follows_links {
                return Err(outside);
            }
            // Whether a link leads there is known when all have come.
            self.has_strays = true;
        }
        if path.level() < PathLevel::Resource {
            return Err(self.malformed("a value above the level of resources"));
        }
        if self.entries.len() == MAX_ENTRIES {
            return Err(self.malformed("too many values"));
        }
        let value = self.typed(path, value)?;
        self.entries.push(Entry { path, value, time });
        Ok(())
    }

    /// Looks whether links lead to all values outside of the base: from there, or from where links have led already.
    #[cold]
    fn check_strays(&self) -> Result<(), DecodeError> {
        // Where a value belongs to: the base, or an object instance outside.
        let place = |path: &Path| match self.base.contains(path) {
            true => self.base,
            false => path.truncated(PathLevel::ObjectInstance),
        };
        let links = self.entries.iter().filter_map(|entry| match entry.value {
            Value::ObjectLink(ObjectLink { object, instance }) => {
                let target = Path::try_from_ids(&[object, instance]).ok()?;
                Some((place(&entry.path), target))
            }
            _ => None,
        });
        let mut links: Vec<(Path, Path)> = links.collect();
        links.sort_unstable();
        let mut reached = BTreeSet::from([self.base]);
        let mut open = Vec::from([self.base]);
        while let Some(at) = open.pop() {
            let first = links.partition_point(|(from, _)| *from < at);
            let from_here = links[first..].iter().take_while(|(from, _)| *from == at);
            open.extend(
                from_here
                    .map(|(_, target)| *target)
                    .filter(|target| reached.insert(*target)),
            );
        }
        let mut paths = self.entries.iter().map(|entry| entry.path);
        match paths.find(|path| !reached.contains(&place(path))) {
            None => Ok(()),
            Some(path) => self.check_place(path),
        }
    }

    /// All values, in the order of the payload.
    pub(super) fn finish(&mut self) -> Result<Vec<Entry>, DecodeError> {
        if self.has_strays {
            self.check_strays()?;
        }
        let untimed = || self.entries.iter().filter(|entry| entry.time.is_none());
        // Peers mostly send ascending paths, so that the sorted copy is seldom needed.
        if !untimed().is_sorted_by(|a, b| a.path.ends_before(&b.path)) {
            let mut paths: Vec<Path> = untimed().map(|entry| entry.path).collect();
            paths.sort_unstable();
            // Sorted, a resource comes right before its instances.
            if let Some(pair) = paths.windows(2).find(|pair| !pair[0].ends_before(&pair[1])) {
                let reason = match pair[0] == pair[1] {
                    true => "has two values",
                    false => "has both a value and instances",
                };
                return Err(DecodeError::Value {
                    path: pair[0],
                    reason: reason.into(),
                });
            }
        }
        Ok(mem::take(&mut self.entries))
    }
}

/// The place with these identifiers, where 65535 stands for this object instance.
fn path_with(instance: u16, ids: &[u16]) -> Result<Path, PathError> {
    match ids {
        [object, RESERVED_ID, below @ ..] => {
            let path = Path::try_from_ids(&[*object, instance])?;
            below.iter().try_fold(path, |path, id| path.child(*id))
        }
        _ => Path::try_from_ids(ids),
    }
}

/// Brings a value to the type of its model.
fn convert(
    format: ContentFormat,
    path: Path,
    value: Value,
    expected: DataType,
) -> Result<Value, DecodeError> {
    // In JSON an integer too low for 64 bits is read as a float, perhaps as that of the lowest of 64 bits.
    let rounds = matches!(
        format,
        ContentFormat::SenmlJson | ContentFormat::SenmlEtchJson | ContentFormat::Json
    );
    if rounds && value == Value::Float(i64::MIN as f64) {
        return Err(mismatch(path, expected, &value));
    }
    value.coerce(expected).or_else(|value| {
        // Some clients count a terminating NUL to the text of an object link.
        if let (DataType::ObjectLink, Value::String(text)) = (expected, &value)
            && let Some(Ok(link)) = text.strip_suffix('\0').map(str::parse)
        {
            return Ok(Value::ObjectLink(link));
        }
        Err(mismatch(path, expected, &value))
    })
}

/// The error for a value of the wrong type. What may be a key (bytes, or anything where bytes should be) is not
/// shown.
pub(super) fn mismatch(path: Path, expected: DataType, found: &Value) -> DecodeError {
    const LONGEST: usize = 64;
    let mut shown: String = match expected {
        DataType::Opaque => String::new(),
        _ => format!(" {found}"),
    };
    if let Some((end, _)) = shown.char_indices().nth(LONGEST) {
        shown.truncate(end);
        shown.push_str("...");
    }
    DecodeError::Value {
        path,
        reason: format!("expects {expected}, got {}{shown}", found.data_type()),
    }
}

/// What an encoder knows beside the values.
pub(super) struct Outgoing<'a> {
    pub(super) format: ContentFormat,
    pub(super) base: Path,
    /// What names begin with; empty for the root `/`.
    pub(super) root: &'a str,
    models: Lookup<'a>,
}

impl<'a> Outgoing<'a> {
    pub(super) fn new(
        format: ContentFormat,
        base: &Path,
        models: &'a dyn Models,
        root: &'a str,
    ) -> Self {
        Outgoing {
            format,
            base: *base,
            root,
            models: Lookup::new(models),
        }
    }

    pub(super) fn unsupported(&self, reason: &'static str) -> EncodeError {
        EncodeError::Unsupported {
            format: self.format,
            reason,
        }
    }

    /// The error for a value that the format has no form for.
    pub(super) fn no_form(&self, path: Path) -> EncodeError {
        EncodeError::Value {
            format: self.format,
            path,
        }
    }

    /// The value of an entry with the type of its model, which decides how it is written.
    pub(super) fn value<'e>(&self, entry: &'e Entry) -> Result<Cow<'e, Value>, EncodeError> {
        let path = entry.path;
        if !self.base.contains(&path) {
            return Err(EncodeError::OutsideBase {
                path,
                base: self.base,
            });
        }
        if path.level() < PathLevel::Resource {
            return Err(self.unsupported("a value above the level of resources"));
        }
        match self.models.data_type(&path) {
            Some(expected) if expected != entry.value.data_type() => entry
                .value
                .clone()
                .coerce(expected)
                .map(Cow::Owned)
                .map_err(|_| self.no_form(path)),
            _ => Ok(Cow::Borrowed(&entry.value)),
        }
    }

    /// The value for a format that has neither paths nor times.
    pub(super) fn single_value<'e>(
        &self,
        entries: &'e [Entry],
    ) -> Result<Cow<'e, Value>, EncodeError> {
        let [entry] = entries else {
            return Err(self.unsupported("exactly one value"));
        };
        if entry.time.is_some() {
            return Err(self.unsupported("time stamps"));
        }
        if entry.path != self.base {
            return match self.base.contains(&entry.path) {
                true => Err(self.unsupported("a path below what was asked for")),
                false => self.value(entry),
            };
        }
        self.value(entry)
    }

    /// The values in the order of their paths, for a format that is a tree without times: a place has either one
    /// value or places below it.
    pub(super) fn tree<'e>(
        &self,
        entries: &'e [Entry],
    ) -> Result<Vec<(&'e Entry, Cow<'e, Value>)>, EncodeError> {
        let mut tree = entries
            .iter()
            .map(|entry| match entry.time {
                Some(_) => Err(self.unsupported("time stamps")),
                None => Ok((entry, self.value(entry)?)),
            })
            .collect::<Result<Vec<_>, _>>()?;
        tree.sort_by_key(|(entry, _)| entry.path);
        // Sorted, a resource comes right before its instances.
        for pair in tree.windows(2) {
            let (upper, lower) = (pair[0].0.path, pair[1].0.path);
            if upper == lower {
                return Err(self.unsupported("two values of one resource"));
            }
            if upper.contains(&lower) {
                return Err(self.unsupported("a resource with both a value and instances"));
            }
        }
        Ok(tree)
    }
}
