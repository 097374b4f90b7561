//! Devices as JSON.

use super::seconds;
use crate::events::FirmwareForm;
use lwm2m_core::{
    model::{Models, ObjectModel, ResourceModel},
    path::Path,
    peer::PeerIdentity,
};
use lwm2m_server::{Presence, Registration};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A registered device in a list.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RegistrationForm {
    /// Endpoint name.
    #[schema(example = "urn:imei:350000000000001")]
    endpoint: String,
    /// `registered`, or `asleep`: requests wait until it speaks.
    state: &'static str,
    /// LwM2M version it speaks.
    #[schema(example = "1.1")]
    version: &'static str,
    /// Where it spoke from last.
    #[schema(example = "127.0.0.1:56830")]
    address: String,
    /// What it has proven to be with: `none`, `psk`, `raw-public-key` or `certificate`.
    security: &'static str,
    /// How long it stays without an update, seconds.
    lifetime: u64,
    /// Whether it may sleep.
    queue_mode: bool,
    /// When it registered, seconds since 1970-01-01T00:00:00Z.
    registered_at: f64,
    /// When its last registration or update came, seconds since 1970-01-01T00:00:00Z.
    last_seen: f64,
    /// When it expires unless it updates, seconds since 1970-01-01T00:00:00Z.
    expires_at: f64,
}

impl From<&Registration> for RegistrationForm {
    fn from(registration: &Registration) -> Self {
        RegistrationForm {
            endpoint: registration.endpoint.to_string(),
            state: match registration.presence {
                Presence::Asleep => "asleep",
                _ => "registered",
            },
            version: registration.version.as_str(),
            address: registration.address.to_string(),
            security: match registration.identity {
                PeerIdentity::None => "none",
                PeerIdentity::Psk(_) => "psk",
                PeerIdentity::RawPublicKey(_) => "raw-public-key",
                PeerIdentity::Certificate(_) => "certificate",
                _ => "other",
            },
            lifetime: registration.lifetime.as_secs(),
            queue_mode: registration.queue_mode,
            registered_at: seconds(registration.registered_at),
            last_seen: seconds(registration.updated_at),
            expires_at: seconds(registration.expires_at),
        }
    }
}

/// A registered device with its objects.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeviceForm {
    #[serde(flatten)]
    registration: RegistrationForm,
    /// Who it has proven to be, for a person.
    identity: String,
    /// Transports it offers.
    #[schema(example = "U")]
    binding: String,
    /// The last segment of its registration's location, `/rd/{id}`.
    id: String,
    /// Number for SMS (MSISDN).
    #[serde(skip_serializing_if = "Option::is_none")]
    sms: Option<String>,
    /// Its objects, without those that hold keys.
    objects: Vec<ObjectForm>,
    /// What is observed: for each observation its paths.
    #[schema(value_type = Vec<Vec<String>>)]
    observations: Vec<Vec<Path>>,
    /// The firmware update that is under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    firmware: Option<FirmwareForm>,
}

/// One object of a device.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ObjectForm {
    /// Object identifier.
    id: u16,
    /// Name, where its definition is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// Version the device has of it.
    #[schema(example = "1.0")]
    version: String,
    /// Its instances.
    instances: Vec<u16>,
    /// What its definition says of resources, empty where that is not known: a device need not have all of them.
    resources: Vec<ResourceForm>,
}

/// The definition of a resource.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ResourceForm {
    /// Resource identifier.
    id: u16,
    /// Name.
    name: String,
    /// `R`, `W`, `RW`, `E` or nothing.
    operations: &'static str,
    /// Data type; none where it is executed.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    data_type: Option<&'static str>,
    /// Whether it has instances.
    multiple: bool,
    /// Whether every instance of the object has it.
    mandatory: bool,
    /// Its unit.
    #[serde(skip_serializing_if = "str::is_empty")]
    units: String,
    /// Its range, in words.
    #[serde(skip_serializing_if = "str::is_empty")]
    range: String,
}

impl From<&ResourceModel> for ResourceForm {
    fn from(model: &ResourceModel) -> Self {
        let operations = model.operations;
        ResourceForm {
            id: model.id,
            name: model.name.to_string(),
            operations: match (operations.is_readable(), operations.is_writable()) {
                (true, true) => "RW",
                (true, false) => "R",
                (false, true) => "W",
                (false, false) if operations.is_executable() => "E",
                (false, false) => "",
            },
            data_type: model.data_type.map(|data_type| data_type.name()),
            multiple: model.multiple,
            mandatory: model.mandatory,
            units: model.units.to_string(),
            range: model.range_text.to_string(),
        }
    }
}

impl DeviceForm {
    pub(crate) fn new(
        registration: &Registration,
        models: &dyn Models,
        observations: Vec<Vec<Path>>,
        firmware: Option<FirmwareForm>,
    ) -> Self {
        let mut instances: BTreeMap<u16, Vec<u16>> = BTreeMap::new();
        for path in registration.objects.paths() {
            if let (Some(object), Some(instance)) = (path.object_id(), path.object_instance_id()) {
                instances.entry(object).or_default().push(instance);
            }
        }
        let objects = registration.objects.objects.iter().map(|(id, version)| {
            let model: Option<&ObjectModel> = models.object(*id);
            let mut instances = instances.remove(id).unwrap_or_default();
            instances.sort_unstable();
            instances.dedup();
            ObjectForm {
                id: *id,
                name: model.map(|model| model.name.to_string()),
                version: version.to_string(),
                instances,
                resources: model.map_or_else(Vec::new, |model| {
                    model.resources.iter().map(ResourceForm::from).collect()
                }),
            }
        });
        DeviceForm {
            objects: objects.collect(),
            identity: registration.identity.to_string(),
            binding: registration.binding.to_string(),
            id: registration.id.to_string(),
            sms: registration.sms.clone(),
            observations,
            firmware,
            registration: registration.into(),
        }
    }
}
