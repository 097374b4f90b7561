//! Vectors in both directions, properties, and hostile input, for every format.

mod any_models;
mod bombs;
mod cbor_items;
mod hostile;
mod properties;
mod vectors;

use super::ContentFormat;
use crate::{
    entry::Entry,
    model::{ObjectModel, Operations, ResourceModel},
    path::Path,
    value::{DataType, ObjectLink, Value},
    version::ObjectVersion,
};

/// All formats that carry values.
const FORMATS: [ContentFormat; 10] = [
    ContentFormat::Text,
    ContentFormat::Opaque,
    ContentFormat::Cbor,
    ContentFormat::SenmlJson,
    ContentFormat::SenmlCbor,
    ContentFormat::SenmlEtchJson,
    ContentFormat::SenmlEtchCbor,
    ContentFormat::Tlv,
    ContentFormat::Json,
    ContentFormat::LwM2mCbor,
];

const fn resource(id: u16, data_type: DataType) -> ResourceModel {
    ResourceModel::new(id, "", Operations::ReadWrite, Some(data_type))
}

use DataType as T;

static SERVER: [ResourceModel; 7] = [
    resource(0, T::Integer),
    resource(1, T::Integer),
    resource(2, T::Integer),
    resource(3, T::Integer),
    resource(5, T::Integer),
    resource(6, T::Boolean),
    resource(7, T::String),
];

static ACCESS_CONTROL: [ResourceModel; 4] = [
    resource(0, T::Integer),
    resource(1, T::Integer),
    resource(2, T::Integer).multiple(),
    resource(3, T::Integer),
];

static DEVICE: [ResourceModel; 14] = [
    resource(0, T::String),
    resource(1, T::String),
    resource(2, T::String),
    resource(3, T::String),
    ResourceModel::new(4, "", Operations::Execute, None),
    resource(6, T::Integer).multiple(),
    resource(7, T::Integer).multiple(),
    resource(8, T::Integer).multiple(),
    resource(9, T::Integer),
    resource(10, T::Integer),
    resource(11, T::Integer).multiple(),
    resource(13, T::Time),
    resource(14, T::String),
    resource(16, T::String),
];

static PORTFOLIO: [ResourceModel; 3] = [
    resource(0, T::ObjectLink).multiple(),
    resource(1, T::String),
    resource(2, T::Unsigned),
];

/// One resource of each type; the same plus 1000 with instances.
static EVERY_TYPE: [ResourceModel; 18] = [
    resource(110, T::String),
    resource(120, T::Integer),
    resource(125, T::Unsigned),
    resource(130, T::Float),
    resource(140, T::Boolean),
    resource(150, T::Opaque),
    resource(160, T::Time),
    resource(170, T::ObjectLink),
    resource(180, T::CoreLink),
    resource(1110, T::String).multiple(),
    resource(1120, T::Integer).multiple(),
    resource(1125, T::Unsigned).multiple(),
    resource(1130, T::Float).multiple(),
    resource(1140, T::Boolean).multiple(),
    resource(1150, T::Opaque).multiple(),
    resource(1160, T::Time).multiple(),
    resource(1170, T::ObjectLink).multiple(),
    resource(1180, T::CoreLink).multiple(),
];

const V1_0: ObjectVersion = ObjectVersion::V1_0;

/// The objects of the examples in the specification, and one with every type.
static MODELS: [ObjectModel; 5] = [
    ObjectModel::new(1, "Server", V1_0, &SERVER).multiple(),
    ObjectModel::new(2, "Access Control", V1_0, &ACCESS_CONTROL).multiple(),
    ObjectModel::new(3, "Device", V1_0, &DEVICE),
    ObjectModel::new(65, "Portfolio", V1_0, &PORTFOLIO).multiple(),
    ObjectModel::new(3442, "Every Type", V1_0, &EVERY_TYPE).multiple(),
];

fn models() -> &'static [ObjectModel] {
    &MODELS
}

fn path(text: &str) -> Path {
    text.parse().expect("a path")
}

fn entry(place: &str, value: impl Into<Value>) -> Entry {
    Entry::new(path(place), value)
}

fn link(object: u16, instance: u16) -> Value {
    Value::ObjectLink(ObjectLink { object, instance })
}
