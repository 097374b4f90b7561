//! Definitions of objects and resources: what the OMA registry's files say, as data.
//!
//! Everything can stand in a `static`, so that a table of definitions costs nothing at start; a definition that
//! was loaded from a file owns its parts instead.

use crate::{value::DataType, version::ObjectVersion};
use alloc::{borrow::Cow, vec::Vec};
use core::mem::{forget, replace};

/// What a server may do with a resource (Core 1.2.2, appendix D).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operations {
    /// Nothing: only the bootstrap interface reaches it (as in the security object).
    None,
    /// Only read and observed.
    Read,
    /// Only written.
    Write,
    /// Read, observed and written.
    ReadWrite,
    /// Only executed; it has no value.
    Execute,
}

impl Operations {
    /// Whether it may be read and observed.
    pub const fn is_readable(self) -> bool {
        matches!(self, Operations::Read | Operations::ReadWrite)
    }

    /// Whether it may be written.
    pub const fn is_writable(self) -> bool {
        matches!(self, Operations::Write | Operations::ReadWrite)
    }

    /// Whether it may be executed.
    pub const fn is_executable(self) -> bool {
        matches!(self, Operations::Execute)
    }
}

/// A bound on a number, or on the length of a text or of bytes (Core 1.2.2, appendix D).
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum ValueRange {
    /// A number from..=to.
    Number {
        /// Lowest.
        from: f64,
        /// Highest.
        to: f64,
    },
    /// A length in bytes from..=to.
    Length {
        /// Shortest.
        from: u32,
        /// Longest.
        to: u32,
    },
}

/// The definition of one resource (Core 1.2.2, appendix D).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ResourceModel {
    /// Resource identifier.
    pub id: u16,
    /// Name, as in the registry.
    pub name: Cow<'static, str>,
    /// What a server may do with it.
    pub operations: Operations,
    /// Whether it has resource instances.
    pub multiple: bool,
    /// Whether each object instance has it.
    pub mandatory: bool,
    /// Its type; `None` for an executable resource.
    pub data_type: Option<DataType>,
    /// Its range, as far as it can be read by a machine: a value must lie in one of these; empty means any.
    pub ranges: Cow<'static, [ValueRange]>,
    /// Its range as the definition words it; empty where it says none.
    pub range_text: Cow<'static, str>,
    /// Its unit, as the definition words it; empty where it has none.
    pub units: Cow<'static, str>,
}

impl ResourceModel {
    /// A single, optional resource without range or unit. `const`, for tables.
    pub const fn new(
        id: u16,
        name: &'static str,
        operations: Operations,
        data_type: Option<DataType>,
    ) -> Self {
        ResourceModel {
            id,
            name: Cow::Borrowed(name),
            operations,
            multiple: false,
            mandatory: false,
            data_type,
            ranges: Cow::Borrowed(&[]),
            range_text: Cow::Borrowed(""),
            units: Cow::Borrowed(""),
        }
    }

    /// With resource instances.
    #[must_use]
    pub const fn multiple(mut self) -> Self {
        self.multiple = true;
        self
    }

    /// In every object instance.
    #[must_use]
    pub const fn mandatory(mut self) -> Self {
        self.mandatory = true;
        self
    }

    /// With a range: as a machine reads it, and as the definition words it.
    #[must_use]
    pub const fn range(mut self, ranges: &'static [ValueRange], text: &'static str) -> Self {
        // A `const fn` cannot run the destructor of what it replaces; in a table there is nothing to free.
        forget(replace(&mut self.ranges, Cow::Borrowed(ranges)));
        forget(replace(&mut self.range_text, Cow::Borrowed(text)));
        self
    }

    /// With a unit.
    #[must_use]
    pub const fn units(mut self, units: &'static str) -> Self {
        forget(replace(&mut self.units, Cow::Borrowed(units)));
        self
    }
}

/// The definition of one version of one object (Core 1.2.2, appendix D and section 7.2).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ObjectModel {
    /// Object identifier.
    pub id: u16,
    /// Name, as in the registry.
    pub name: Cow<'static, str>,
    /// Version of this definition.
    pub version: ObjectVersion,
    /// Whether there may be several instances.
    pub multiple: bool,
    /// Whether every client has it.
    pub mandatory: bool,
    /// Its resources, ordered by identifier.
    pub resources: Cow<'static, [ResourceModel]>,
}

impl ObjectModel {
    /// A single-instance, optional object. `const`, for tables. `resources` must be ordered by identifier.
    pub const fn new(
        id: u16,
        name: &'static str,
        version: ObjectVersion,
        resources: &'static [ResourceModel],
    ) -> Self {
        ObjectModel {
            id,
            name: Cow::Borrowed(name),
            version,
            multiple: false,
            mandatory: false,
            resources: Cow::Borrowed(resources),
        }
    }

    /// A definition that owns its resources, which are sorted here.
    pub fn from_resources(
        id: u16,
        name: impl Into<Cow<'static, str>>,
        version: ObjectVersion,
        mut resources: Vec<ResourceModel>,
    ) -> Self {
        resources.sort_by_key(|resource| resource.id);
        ObjectModel {
            id,
            name: name.into(),
            version,
            multiple: false,
            mandatory: false,
            resources: Cow::Owned(resources),
        }
    }

    /// With several instances.
    #[must_use]
    pub const fn multiple(mut self) -> Self {
        self.multiple = true;
        self
    }

    /// In every client.
    #[must_use]
    pub const fn mandatory(mut self) -> Self {
        self.mandatory = true;
        self
    }

    /// The definition of a resource.
    pub fn resource(&self, id: u16) -> Option<&ResourceModel> {
        index_of(id, &self.resources).map(|index| &self.resources[index])
    }
}

/// Where among the resources of a definition one stands. Most objects have few resources, and to walk along those is
/// faster than to halve them, where each step waits for the one before.
#[inline]
pub(crate) fn index_of(id: u16, resources: &[ResourceModel]) -> Option<usize> {
    const FEW: usize = 16;
    match resources.len() {
        ..=FEW => resources.iter().position(|resource| resource.id == id),
        _ => resources
            .binary_search_by_key(&id, |resource| resource.id)
            .ok(),
    }
}

/// The seam at which decoders and validators look definitions up.
///
/// One view knows one version of each object: the versions of a registered device, or of a client. Objects
/// unknown to it are handled without types.
pub trait Models {
    /// The definition of an object.
    fn object(&self, id: u16) -> Option<&ObjectModel>;

    /// The definition of a resource.
    fn resource(&self, object: u16, resource: u16) -> Option<&ResourceModel> {
        self.object(object)?.resource(resource)
    }
}

/// A view that knows no object, for whoever has no definitions at hand.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoModels;

impl Models for NoModels {
    fn object(&self, _id: u16) -> Option<&ObjectModel> {
        None
    }
}

impl Models for [ObjectModel] {
    fn object(&self, id: u16) -> Option<&ObjectModel> {
        self.iter().find(|object| object.id == id)
    }
}

impl<T: Models + ?Sized> Models for &T {
    fn object(&self, id: u16) -> Option<&ObjectModel> {
        (**self).object(id)
    }
}

impl<T: Models + ?Sized> Models for alloc::sync::Arc<T> {
    fn object(&self, id: u16) -> Option<&ObjectModel> {
        (**self).object(id)
    }
}
