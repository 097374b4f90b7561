//! Resources with their types: what a definition says a resource holds, the compiler knows too.
//!
//! Beside the constants of an object, which are bare identifiers, its module `typed` has one [`Resource`] for each:
//! [`device::FIRMWARE_VERSION`](crate::device::FIRMWARE_VERSION) is 3, and
//! [`device::typed::FIRMWARE_VERSION`](crate::device::typed::FIRMWARE_VERSION) a `Resource<String>`. Both come from
//! the same row of the same table. A handle is `const`, has four bytes, and looks nothing up.
//!
//! | type in the definition (Core 1.2.2, appendix C) | `T` of [`Resource<T>`](Resource) | also taken for a value |
//! |---|---|---|
//! | String | [`String`] | `&str` |
//! | Integer | [`i64`] | |
//! | Unsigned Integer | [`u64`] | |
//! | Float | [`f64`] | |
//! | Boolean | [`bool`] | |
//! | Opaque | `Vec<u8>` | `&[u8]`, `&[u8; N]` |
//! | Time | [`Time`] | |
//! | Objlnk | [`ObjectLink`] | |
//! | Corelnk | [`CoreLink`] | `&str` |
//! | any of them, with resource instances | [`Multiple<T>`](Multiple) | |
//! | none: it is executed | [`Executable`] | |
//!
//! Where versions of an object give a resource different types, the handle has that of the highest version.
//!
//! ```
//! use lwm2m_core::value::Value;
//! use lwm2m_objects::{device::typed as device, typed::Time};
//!
//! // Values become entries: for a write, a send, the answer to a read.
//! let entries = [
//!     device::FIRMWARE_VERSION.entry(0, "1.4.2"),
//!     device::CURRENT_TIME.entry(0, Time(1_700_000_000)),
//!     device::ERROR_CODE.entry(0, 0, 7),
//!     device::ERROR_CODE.entry(0, 1, 3),
//! ];
//!
//! // And entries become values again.
//! assert_eq!(device::FIRMWARE_VERSION.read(0, &entries)?, "1.4.2");
//! assert_eq!(device::CURRENT_TIME.read(0, &entries)?, Time(1_700_000_000));
//! assert_eq!(device::ERROR_CODE.read(0, &entries)?, [(0, 7), (1, 3)]);
//!
//! // What does not suit says so.
//! let error = device::MANUFACTURER.read(0, &entries).unwrap_err();
//! assert_eq!(error.to_string(), "/3/0/0 is not among the values");
//! let error = device::BATTERY_LEVEL.value(Value::from("full")).unwrap_err();
//! assert_eq!(error.to_string(), "/3/x/9: expects Integer, got String");
//!
//! assert_eq!(device::REBOOT.execute(0).path.to_string(), "/3/0/4");
//! # Ok::<(), lwm2m_objects::typed::TypedError>(())
//! ```
//!
//! A value of another type does not compile:
//!
//! ```compile_fail,E0277
//! lwm2m_objects::device::typed::FIRMWARE_VERSION.entry(0, 142);
//! ```
//!
//! nor does a value for what is executed, or one without its resource instance:
//!
//! ```compile_fail,E0599
//! lwm2m_objects::device::typed::REBOOT.entry(0, true);
//! ```
//!
//! ```compile_fail,E0061
//! lwm2m_objects::device::typed::ERROR_CODE.entry(0, 7);
//! ```
//!
//! Objects of a program's own have handles too: `const LEVEL: Resource<f64> = Resource::new(26_241, 1);`.

use alloc::{string::String, vec::Vec};
use core::{convert::Infallible, fmt, marker::PhantomData};
use lwm2m_core::{
    entry::Entry,
    operation::Execute,
    path::Path,
    value::{DataType, ObjectLink, Value},
};

/// A resource of an object, with the type of its values (Core 1.2.2, appendix C).
pub struct Resource<T> {
    object: u16,
    id: u16,
    holds: PhantomData<fn() -> T>,
}

/// Marks a [`Resource`] with resource instances, each of type `T` (Core 1.2.2, table 7.4-1).
pub struct Multiple<T>(Infallible, PhantomData<T>);

/// Marks a [`Resource`] that is executed and holds nothing (Core 1.2.2, section 6.3.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Executable {}

/// Seconds since 1970-01-01T00:00:00Z: a value of type Time (Core 1.2.2, appendix C).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub i64);

/// A link in CoRE link format: a value of type Corelnk (Core 1.2.2, appendix C).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CoreLink(pub String);

/// Why values are not what a [`Resource`] holds. It never repeats a value: that may be a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TypedError {
    /// A value of a type that cannot stand for the resource's.
    #[error("/{object}/x/{resource}: expects {expected}, got {got}")]
    Type {
        /// The object.
        object: u16,
        /// The resource.
        resource: u16,
        /// The type of the resource.
        expected: DataType,
        /// The type of the value.
        got: DataType,
    },
    /// No value at this place.
    #[error("{0} is not among the values")]
    Missing(Path),
}

impl<T> Resource<T> {
    /// A resource of an object that is defined elsewhere; those of this crate's objects are in their modules `typed`.
    pub const fn new(object: u16, id: u16) -> Self {
        Resource {
            object,
            id,
            holds: PhantomData,
        }
    }

    /// Its identifier.
    pub const fn id(self) -> u16 {
        self.id
    }

    /// The identifier of its object.
    pub const fn object(self) -> u16 {
        self.object
    }

    /// `/object/instance/resource`
    ///
    /// # Panics
    /// Where an identifier is 65535, which is reserved (Core 1.2.2, section 7.2). The same holds for all that makes
    /// entries and operations here.
    pub const fn path(self, instance: u16) -> Path {
        Path::resource(self.object, instance, self.id)
    }
}

impl<T: ResourceValue> Resource<T> {
    /// Its value in an object instance, to be written or reported. Panics like [`Resource::path`].
    pub fn entry(self, instance: u16, value: impl IntoResource<T>) -> Entry {
        Entry::new(self.path(instance), value.into_resource().into_value())
    }

    /// What a value says, as [`Value::coerce`] reads it: formats without types give a whole number for a float.
    ///
    /// # Errors
    /// [`TypedError::Type`] where it is of another type.
    pub fn value(self, value: Value) -> Result<T, TypedError> {
        let wrong = |value: &Value| TypedError::Type {
            object: self.object,
            resource: self.id,
            expected: T::DATA_TYPE,
            got: value.data_type(),
        };
        let value = value.coerce(T::DATA_TYPE).map_err(|value| wrong(&value))?;
        T::from_value(value).map_err(|value| wrong(&value))
    }

    /// Its value in an object instance, as entries have it; of several, as a series in time has them, the last. Panics
    /// like [`Resource::path`].
    ///
    /// # Errors
    /// [`TypedError::Missing`] where no entry is about it, [`TypedError::Type`] where its value is of another type.
    pub fn read(self, instance: u16, entries: &[Entry]) -> Result<T, TypedError> {
        let path = self.path(instance);
        let entry = entries.iter().rfind(|entry| entry.path == path);
        let entry = entry.ok_or(TypedError::Missing(path))?;
        self.value(entry.value.clone())
    }
}

impl<T: ResourceValue> Resource<Multiple<T>> {
    /// `/object/instance/resource/resource instance`. Panics like [`Resource::path`].
    pub const fn instance_path(self, instance: u16, resource_instance: u16) -> Path {
        Path::resource_instance(self.object, instance, self.id, resource_instance)
    }

    /// The value of one resource instance, to be written or reported. Panics like [`Resource::path`].
    pub fn entry(
        self,
        instance: u16,
        resource_instance: u16,
        value: impl IntoResource<T>,
    ) -> Entry {
        let path = self.instance_path(instance, resource_instance);
        Entry::new(path, value.into_resource().into_value())
    }

    /// The values of its resource instances, with their identifiers, in the order of the entries; empty where no entry
    /// is about it. Panics like [`Resource::path`].
    ///
    /// # Errors
    /// [`TypedError::Type`] where one is of another type.
    pub fn read(self, instance: u16, entries: &[Entry]) -> Result<Vec<(u16, T)>, TypedError> {
        let place = self.path(instance);
        let one = Resource::<T>::new(self.object, self.id);
        entries
            .iter()
            .filter(|entry| place.contains(&entry.path))
            .filter_map(|entry| Some((entry.path.resource_instance_id()?, entry)))
            .map(|(id, entry)| Ok((id, one.value(entry.value.clone())?)))
            .collect()
    }
}

impl Resource<Executable> {
    /// Its execution without arguments (Core 1.2.2, section 6.3.5). Panics like [`Resource::path`].
    pub fn execute(self, instance: u16) -> Execute {
        Execute::new(self.path(instance))
    }
}

// By hand: a derive would ask the same of `T`.
impl<T> Clone for Resource<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Resource<T> {}

impl<T> fmt::Debug for Resource<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Resource({self})")
    }
}

impl<T> fmt::Display for Resource<T> {
    /// `/3/x/9`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}/x/{}", self.object, self.id)
    }
}

/// A Rust type that carries the values of one [`DataType`] (Core 1.2.2, appendix C).
pub trait ResourceValue: Sized + sealed::Sealed {
    /// The type in definitions.
    const DATA_TYPE: DataType;

    /// As a value of that type.
    fn into_value(self) -> Value;

    /// From a value of that very type.
    ///
    /// # Errors
    /// Gives a value of another type back.
    fn from_value(value: Value) -> Result<Self, Value>;
}

/// What can be given for a value of type `T` (Core 1.2.2, appendix C): a `T`, and what it is usually made of.
///
/// [`Into`] would also take a Boolean for a number, and leave the type of a literal open.
pub trait IntoResource<T> {
    /// As the value.
    fn into_resource(self) -> T;
}

impl<T: ResourceValue> IntoResource<T> for T {
    fn into_resource(self) -> T {
        self
    }
}

impl IntoResource<String> for &str {
    fn into_resource(self) -> String {
        self.into()
    }
}

impl IntoResource<CoreLink> for &str {
    fn into_resource(self) -> CoreLink {
        CoreLink(self.into())
    }
}

impl IntoResource<Vec<u8>> for &[u8] {
    fn into_resource(self) -> Vec<u8> {
        self.into()
    }
}

impl<const N: usize> IntoResource<Vec<u8>> for &[u8; N] {
    fn into_resource(self) -> Vec<u8> {
        self.into()
    }
}

/// Each type with the variant of [`Value`] it stands in; `Time` and `CoreLink` are wrapped, since the same Rust type
/// carries another data type too.
macro_rules! resource_values {
    ($($type:ty: $variant:ident, $inner:ident => $wrapped:expr, $value:ident => $unwrapped:expr;)*) => {$(
        impl sealed::Sealed for $type {}

        impl ResourceValue for $type {
            const DATA_TYPE: DataType = DataType::$variant;

            fn into_value(self) -> Value {
                let $value = self;
                Value::$variant($unwrapped)
            }

            fn from_value(value: Value) -> Result<Self, Value> {
                match value {
                    Value::$variant($inner) => Ok($wrapped),
                    other => Err(other),
                }
            }
        }
    )*};
}

resource_values! {
    String: String, inner => inner, value => value;
    i64: Integer, inner => inner, value => value;
    u64: Unsigned, inner => inner, value => value;
    f64: Float, inner => inner, value => value;
    bool: Boolean, inner => inner, value => value;
    Vec<u8>: Opaque, inner => inner, value => value;
    Time: Time, inner => Time(inner), value => value.0;
    ObjectLink: ObjectLink, inner => inner, value => value;
    CoreLink: CoreLink, inner => CoreLink(inner), value => value.0;
}

mod sealed {
    /// The data types are those of the specification: nobody adds one.
    pub trait Sealed {}
}

/// A handle as data, for a test that holds it against its row.
#[cfg(test)]
pub(crate) trait Described {
    /// Object, resource, type, and whether it has resource instances.
    fn described(self) -> (u16, u16, Option<DataType>, bool);
}

#[cfg(test)]
impl<T: ResourceValue> Described for Resource<T> {
    fn described(self) -> (u16, u16, Option<DataType>, bool) {
        (self.object, self.id, Some(T::DATA_TYPE), false)
    }
}

#[cfg(test)]
impl<T: ResourceValue> Described for Resource<Multiple<T>> {
    fn described(self) -> (u16, u16, Option<DataType>, bool) {
        (self.object, self.id, Some(T::DATA_TYPE), true)
    }
}

#[cfg(test)]
impl Described for Resource<Executable> {
    fn described(self) -> (u16, u16, Option<DataType>, bool) {
        (self.object, self.id, None, false)
    }
}
