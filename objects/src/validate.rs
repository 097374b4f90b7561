//! Whether a value or an operation suits a definition.
//!
//! The errors are for people: they name the place, what was expected and what came. What may be secret never
//! stands in them: no opaque value, and no value of a resource that servers cannot read or whose name speaks of
//! a key, a secret or a password.

use alloc::{format, string::String, vec::Vec};
use core::fmt;
use lwm2m_core::{
    model::{ObjectModel, ResourceModel, ValueRange},
    path::{Path, PathLevel},
    value::{DataType, Value},
};

/// The longest text of a value that an error repeats, in characters.
const MAX_SHOWN: usize = 40;

/// What is about to be done to a place (Core 1.2.2, sections 6.3 and 6.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// Asking for values (Core 1.2.2, section 6.3.1).
    Read,
    /// Asking for values whenever they change (Core 1.2.2, section 6.4.1).
    Observe,
    /// Writing, by replacement or as a partial update (Core 1.2.2, section 6.3.3).
    Write,
    /// Executing a resource (Core 1.2.2, section 6.3.5).
    Execute,
    /// Making an object instance (Core 1.2.2, section 6.3.6).
    Create,
    /// Deleting an object instance or, from 1.1, a resource instance (Core 1.2.2, section 6.3.7).
    Delete,
    /// Asking what is there (Core 1.2.2, section 6.3.2).
    Discover,
    /// Attaching attributes (Core 1.2.2, section 6.3.4).
    WriteAttributes,
}

impl Operation {
    const fn name(self) -> &'static str {
        match self {
            Operation::Read => "read",
            Operation::Observe => "observed",
            Operation::Write => "written",
            Operation::Execute => "executed",
            Operation::Create => "created",
            Operation::Delete => "deleted",
            Operation::Discover => "discovered",
            Operation::WriteAttributes => "given attributes",
        }
    }
}

/// What does not suit the definition.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{path}: {reason}")]
#[non_exhaustive]
pub struct ValidationError {
    /// Where.
    pub path: Path,
    /// What.
    pub reason: Reason,
}

/// What does not suit the definition, at a place that the [`ValidationError`] names; for whoever tells a person or
/// chooses a response code.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// The path leads to another object than the definition's.
    #[error("is not in object {0}")]
    OtherObject(u16),
    /// The definition has no such resource.
    #[error("object {0} has no such resource")]
    UnknownResource(ObjectName),
    /// Values belong to resources and to resource instances.
    #[error("a value belongs to a resource, not to {0}")]
    NoPlaceForAValue(&'static str),
    /// A resource with instances, where a value needs the instance's identifier.
    #[error("has resource instances; give the instance, like {0}")]
    InstanceMissing(Path),
    /// A resource instance of a resource without instances.
    #[error("has no resource instances")]
    NotMultiple,
    /// The object has at most one instance, 0.
    #[error("object {0} has a single instance, 0")]
    SingleInstance(ObjectName),
    /// A value of another type.
    #[error("expects {expected}, got {got}")]
    Type {
        /// The type of the definition.
        expected: DataType,
        /// The type that came, with the value where that is no secret.
        got: String,
    },
    /// A value outside of the range.
    #[error("expects {expected}, got {got}")]
    Range {
        /// The range, in words.
        expected: String,
        /// What came.
        got: String,
    },
    /// A float that is no number.
    #[error("is not a finite number")]
    NotFinite,
    /// A resource that is executed, not written.
    #[error("has no value, it is executed")]
    HasNoValue,
    /// An operation that the definition does not offer.
    #[error("cannot be {operation}{why}")]
    NotOffered {
        /// The operation, as a participle.
        operation: &'static str,
        /// Why, with its punctuation; may be empty.
        why: &'static str,
    },
    /// An instance without a resource that every instance has.
    #[error("lacks {0}, which is mandatory")]
    MandatoryMissing(ResourceName),
}

/// An object as an error names it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ObjectName {
    /// Its identifier.
    pub id: u16,
    /// Its name in the definition.
    pub name: String,
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.id, self.name)
    }
}

impl From<&ObjectModel> for ObjectName {
    fn from(model: &ObjectModel) -> Self {
        ObjectName {
            id: model.id,
            name: (*model.name).into(),
        }
    }
}

/// A resource as an error names it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResourceName {
    /// Its identifier.
    pub id: u16,
    /// Its name in the definition.
    pub name: String,
}

impl fmt::Display for ResourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.id, self.name)
    }
}

impl From<&ResourceModel> for ResourceName {
    fn from(model: &ResourceModel) -> Self {
        ResourceName {
            id: model.id,
            name: (*model.name).into(),
        }
    }
}

fn error(path: Path, reason: Reason) -> ValidationError {
    ValidationError { path, reason }
}

/// Checks a value for a resource or resource instance: that the resource exists, that the path is as deep as it
/// has to be, the type, and the range (Core 1.2.2, appendices C and D). Whether a server may write it is not asked
/// here: see [`validate_operation`].
///
/// The type has to be exactly the definition's; [`conform`] converts first. A resource without a known type
/// takes any value.
///
/// # Errors
/// What does not suit the definition.
pub fn validate_value(
    model: &ObjectModel,
    path: Path,
    value: &Value,
) -> Result<(), ValidationError> {
    let resource = resource_for_value(model, path)?;
    check(resource, value).map_err(|reason| error(path, reason))
}

/// Converts a value to the type of its resource where nothing is lost (a whole float to an integer, an integer to a
/// float, time or unsigned), and checks it like [`validate_value`] (Core 1.2.2, appendices C and D).
///
/// # Errors
/// What does not suit the definition.
pub fn conform(model: &ObjectModel, path: Path, value: Value) -> Result<Value, ValidationError> {
    let resource = resource_for_value(model, path)?;
    let value = match resource.data_type {
        // A value that cannot be converted fails the check below, which says it better.
        Some(data_type) => value.coerce(data_type).unwrap_or_else(|value| value),
        None => value,
    };
    check(resource, &value).map_err(|reason| error(path, reason))?;
    Ok(value)
}

/// Checks whether a server can do this at this place, by the definition alone: that the place exists in the definition,
/// that the resource offers the operation, that the path is as deep as the operation needs (Core 1.2.2, section 6.3 and
/// appendix D). The bootstrap interface is not bound by it: it reaches resources without operations as well.
///
/// # Errors
/// What does not suit the definition.
pub fn validate_operation(
    model: &ObjectModel,
    path: Path,
    operation: Operation,
) -> Result<(), ValidationError> {
    let resource = place(model, path)?;
    let refuse = |why| {
        let operation = operation.name();
        Err(error(path, Reason::NotOffered { operation, why }))
    };
    match (operation, path.level(), resource) {
        (Operation::Read | Operation::Observe, _, Some(resource)) => {
            if resource.operations.is_readable() {
                Ok(())
            } else if resource.operations.is_executable() {
                refuse(", only executed")
            } else if resource.operations.is_writable() {
                refuse(", only written")
            } else {
                refuse(" by a server")
            }
        }
        (Operation::Read | Operation::Observe, _, None) => Ok(()),
        (Operation::Write, _, Some(resource)) => {
            if resource.operations.is_writable() {
                Ok(())
            } else if resource.operations.is_executable() {
                refuse(", only executed")
            } else if resource.operations.is_readable() {
                refuse(", only read")
            } else {
                refuse(" by a server")
            }
        }
        (Operation::Write, PathLevel::ObjectInstance, None) => Ok(()),
        (Operation::Write, _, None) => refuse(" as a whole; give an object instance or below"),
        (Operation::Execute, PathLevel::Resource, Some(resource)) => {
            match resource.operations.is_executable() {
                true => Ok(()),
                false => refuse("; it has a value"),
            }
        }
        (Operation::Execute, _, _) => refuse("; only a resource can"),
        // The instance is named in the payload, or chosen by the client.
        (Operation::Create, PathLevel::Object, _) => Ok(()),
        (Operation::Create, _, _) => refuse("; only an object instance can, by its object's path"),
        (Operation::Delete, PathLevel::ObjectInstance, _) => Ok(()),
        (Operation::Delete, PathLevel::ResourceInstance, Some(resource)) => {
            match resource.operations.is_writable() {
                true => Ok(()),
                false => refuse("; its resource cannot be written"),
            }
        }
        (Operation::Delete, _, _) => refuse("; only an instance can"),
        (Operation::Discover | Operation::WriteAttributes, _, _) => Ok(()),
    }
}

/// Checks that an object instance has every mandatory resource (Core 1.2.2, section 6.3.6 and appendix D). `present`
/// are the resources it has.
///
/// Executable resources are not asked for: a server cannot give them when it creates an instance.
///
/// # Errors
/// [`Reason::MandatoryMissing`] with the first one that it lacks.
pub fn validate_instance(
    model: &ObjectModel,
    instance: Path,
    present: impl IntoIterator<Item = u16>,
) -> Result<(), ValidationError> {
    place(model, instance)?;
    let present: Vec<u16> = present.into_iter().collect();
    let missing = model.resources.iter().find(|resource| {
        resource.mandatory
            && !resource.operations.is_executable()
            && !present.contains(&resource.id)
    });
    match missing {
        Some(resource) => Err(error(instance, Reason::MandatoryMissing(resource.into()))),
        None => Ok(()),
    }
}

/// The resource that the path leads to, or `None` above resources, if the definition has the place.
fn place(model: &ObjectModel, path: Path) -> Result<Option<&ResourceModel>, ValidationError> {
    if path.object_id() != Some(model.id) {
        return Err(error(path, Reason::OtherObject(model.id)));
    }
    if !model.multiple && path.object_instance_id().is_some_and(|id| id != 0) {
        return Err(error(path, Reason::SingleInstance(model.into())));
    }
    let Some(id) = path.resource_id() else {
        return Ok(None);
    };
    let Some(resource) = model.resource(id) else {
        return Err(error(path, Reason::UnknownResource(model.into())));
    };
    if path.level() == PathLevel::ResourceInstance && !resource.multiple {
        return Err(error(path, Reason::NotMultiple));
    }
    Ok(Some(resource))
}

fn resource_for_value(model: &ObjectModel, path: Path) -> Result<&ResourceModel, ValidationError> {
    let Some(resource) = place(model, path)? else {
        let level = match path.level() {
            PathLevel::ObjectInstance => "an object instance",
            _ => "an object",
        };
        return Err(error(path, Reason::NoPlaceForAValue(level)));
    };
    if resource.multiple && path.level() == PathLevel::Resource {
        // A resource has four places and this path three: there is room for one more.
        let example = path.child(0).unwrap_or(path);
        return Err(error(path, Reason::InstanceMissing(example)));
    }
    Ok(resource)
}

fn check(resource: &ResourceModel, value: &Value) -> Result<(), Reason> {
    if resource.operations.is_executable() {
        return Err(Reason::HasNoValue);
    }
    let Some(expected) = resource.data_type else {
        return Ok(());
    };
    if value.data_type() != expected {
        let got = describe(resource, value);
        return Err(Reason::Type { expected, got });
    }
    if let Value::Float(number) = value
        && !number.is_finite()
    {
        return Err(Reason::NotFinite);
    }
    let suits = |range: &ValueRange| contains(range, value);
    if resource.ranges.is_empty() || resource.ranges.iter().any(suits) {
        return Ok(());
    }
    Err(Reason::Range {
        expected: describe_ranges(resource),
        got: match measured_length(value) {
            Some(length) => format!("{length} bytes"),
            None => describe(resource, value),
        },
    })
}

/// Bytes in a text or in an opaque value: what a range of such a resource bounds.
fn measured_length(value: &Value) -> Option<usize> {
    match value {
        Value::String(text) => Some(text.len()),
        Value::Opaque(bytes) => Some(bytes.len()),
        _ => None,
    }
}

fn contains(range: &ValueRange, value: &Value) -> bool {
    match *range {
        ValueRange::Number { from, to } => value
            .as_f64()
            .is_none_or(|number| from <= number && number <= to),
        ValueRange::Length { from, to } => measured_length(value)
            .is_none_or(|length| from as usize <= length && length <= to as usize),
        // A kind of range that this version does not know bounds nothing.
        _ => true,
    }
}

fn describe_ranges(resource: &ResourceModel) -> String {
    let mut text = String::new();
    for (index, range) in resource.ranges.iter().enumerate() {
        if index > 0 {
            text.push_str(" or ");
        }
        text += &match *range {
            ValueRange::Number { from, to } if from == to => format!("{from}"),
            ValueRange::Number { from, to } => format!("{from} to {to}"),
            ValueRange::Length { from, to } if from == to => format!("{from} bytes"),
            ValueRange::Length { from, to } => format!("{from} to {to} bytes"),
            _ => format!("{:?}", resource.range_text),
        };
    }
    text
}

/// The type and, where it is no secret, the value.
fn describe(resource: &ResourceModel, value: &Value) -> String {
    let data_type = value.data_type();
    let is_opaque = data_type == DataType::Opaque || resource.data_type == Some(DataType::Opaque);
    if is_opaque || is_sensitive(resource) {
        return data_type.name().into();
    }
    match value {
        Value::String(text) | Value::CoreLink(text) if text.chars().count() > MAX_SHOWN => {
            let start: String = text.chars().take(MAX_SHOWN).collect();
            format!("{data_type} {start:?}... of {} bytes", text.len())
        }
        value => format!("{data_type} {value}"),
    }
}

/// Whether its values may be secrets: no server reads them, or their name says so.
fn is_sensitive(resource: &ResourceModel) -> bool {
    let name = resource.name.to_ascii_lowercase();
    let mut words = name.split(|c: char| !c.is_alphanumeric());
    !resource.operations.is_readable()
        || words.any(|word| {
            ["secret", "password", "key", "credential", "token", "pin"]
                .iter()
                .any(|sensitive| word.starts_with(sensitive))
        })
}

#[cfg(test)]
mod tests;
