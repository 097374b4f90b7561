//! What the server keeps in a [`Store`](crate::store::Store), as documents.

mod bootstrap;
mod credentials;
mod secret;
mod value;

pub(crate) use bootstrap::{bootstrap_document, read_bootstrap, usage_number};
pub(crate) use credentials::{credentials_document, read_credentials};
pub(crate) use secret::SecretBase64;

use crate::{
    engine::ObserveTarget,
    registration::Registration,
    sessions::SessionOf,
    store::{Collection, Document, StoreError},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use lwm2m_core::{
    attributes::AttributeChange,
    content::ContentFormat,
    link,
    operation::Binding,
    path::Path,
    peer::{CertificateIdentity, PeerIdentity},
};
use secret::Growing;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, SystemTime},
};

/// What a store has not seen yet.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Dirty {
    Registration(Arc<str>),
    Observation(u64),
}

/// A registration as it is kept.
#[derive(Serialize, Deserialize)]
pub(crate) struct RegistrationRecord {
    pub(crate) endpoint: String,
    pub(crate) id: String,
    pub(crate) version: String,
    pub(crate) lifetime: u64,
    pub(crate) binding: String,
    pub(crate) queue_mode: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sms: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) additional: Vec<(String, Option<String>)>,
    pub(crate) links: String,
    pub(crate) address: SocketAddr,
    pub(crate) listener: u16,
    pub(crate) identity: IdentityRecord,
    /// `None` in records of before it was known, and where the transport knows of no sessions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) session: Option<SessionOf>,
    pub(crate) registered_at: u64,
    pub(crate) updated_at: u64,
    pub(crate) expires_at: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum IdentityRecord {
    None,
    Psk(Base64),
    RawPublicKey(Base64),
    Certificate {
        common_name: Option<String>,
        alternative_names: Vec<String>,
        certificate: Base64,
    },
}

/// An observation as it is kept.
#[derive(Serialize, Deserialize)]
struct ObservationRecord {
    endpoint: String,
    paths: Vec<Path>,
    composite: Option<u16>,
    accept: Option<u16>,
    attributes: Vec<String>,
}

/// Bytes as text.
pub(crate) struct Base64(pub(crate) Vec<u8>);

impl Serialize for Base64 {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        let bytes = STANDARD.decode(text.as_bytes());
        bytes.map(Base64).map_err(serde::de::Error::custom)
    }
}

impl Base64 {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Base64(bytes.to_vec())
    }
}

/// Why a document is not taken, for a person.
pub(crate) type Reason = String;

pub(crate) fn write(collection: Collection, key: String, record: &impl Serialize) -> Document {
    // The records have text keys and finite numbers: nothing in them that JSON has no form for.
    let mut content = Growing::new();
    let content = match serde_json::to_writer(&mut content, record) {
        Ok(()) => content,
        Err(_) => Growing::new(),
    };
    Document {
        collection,
        key,
        content: content.finish(),
    }
}

pub(crate) fn read<R: DeserializeOwned, T>(
    document: &Document,
    convert: impl FnOnce(R) -> Result<T, Reason>,
) -> Result<T, StoreError> {
    serde_json::from_slice(document.content.expose_secret())
        // The text of the error could repeat what it stumbled over.
        .map_err(|error| {
            format!(
                "unexpected JSON at line {}, column {}",
                error.line(),
                error.column()
            )
        })
        .and_then(convert)
        .map_err(|reason| StoreError::Document {
            collection: document.collection,
            key: document.key.clone(),
            reason,
        })
}

fn text(error: impl ToString) -> Reason {
    error.to_string()
}

pub(crate) fn registration_document(
    registration: &Registration,
    listener: u16,
    session: Option<SessionOf>,
) -> Document {
    let record = RegistrationRecord {
        endpoint: registration.endpoint.as_ref().into(),
        id: registration.id.as_ref().into(),
        version: registration.version.to_string(),
        lifetime: registration.lifetime.as_secs(),
        binding: registration.binding.to_string(),
        queue_mode: registration.queue_mode,
        sms: registration.sms.clone(),
        additional: registration.additional.clone(),
        links: link::write(&registration.objects.links),
        address: registration.address,
        listener,
        identity: (&registration.identity).into(),
        session,
        registered_at: millis(registration.registered_at),
        updated_at: millis(registration.updated_at),
        expires_at: millis(registration.expires_at),
    };
    write(Collection::Registrations, record.endpoint.clone(), &record)
}

pub(crate) fn read_registration(document: &Document) -> Result<RegistrationRecord, StoreError> {
    read(document, |record: RegistrationRecord| {
        record
            .version
            .parse::<lwm2m_core::version::LwM2mVersion>()
            .map_err(text)?;
        Binding::parse(&record.binding).map_err(text)?;
        link::parse(record.links.as_bytes()).map_err(text)?;
        Ok(record)
    })
}

pub(crate) fn observation_document(id: u64, endpoint: &str, target: &ObserveTarget) -> Document {
    let record = ObservationRecord {
        endpoint: endpoint.to_owned(),
        paths: target.paths.to_vec(),
        composite: target.composite.map(ContentFormat::number),
        accept: target.accept.map(ContentFormat::number),
        attributes: AttributeChange::from(target.attributes).to_queries(),
    };
    write(Collection::Observations, id.to_string(), &record)
}

pub(crate) fn read_observation(
    document: &Document,
) -> Result<(u64, Arc<str>, ObserveTarget), StoreError> {
    read(document, |record: ObservationRecord| {
        let format = |number: Option<u16>| match number {
            None => Ok(None),
            Some(number) => match ContentFormat::from_number(number) {
                Some(format) => Ok(Some(format)),
                None => Err(format!("unknown content format {number}")),
            },
        };
        let queries = record.attributes.iter().map(String::as_str);
        let target = ObserveTarget {
            paths: record.paths.into(),
            composite: format(record.composite)?,
            accept: format(record.accept)?,
            attributes: AttributeChange::from_queries(queries).map_err(text)?.set,
        };
        Ok((
            document.key.parse().map_err(text)?,
            record.endpoint.into(),
            target,
        ))
    })
}

pub(crate) fn millis(time: SystemTime) -> u64 {
    let since = time
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

pub(crate) fn from_millis(millis: u64) -> SystemTime {
    let since = Duration::from_millis(millis);
    SystemTime::UNIX_EPOCH
        .checked_add(since)
        .unwrap_or(SystemTime::UNIX_EPOCH)
}

impl From<&PeerIdentity> for IdentityRecord {
    fn from(identity: &PeerIdentity) -> Self {
        match identity {
            PeerIdentity::Psk(identity) => IdentityRecord::Psk(Base64::of(identity)),
            PeerIdentity::RawPublicKey(key) => IdentityRecord::RawPublicKey(Base64::of(key)),
            PeerIdentity::Certificate(names) => IdentityRecord::Certificate {
                common_name: names.common_name.clone(),
                alternative_names: names.alternative_names.clone(),
                certificate: Base64::of(&names.certificate),
            },
            _ => IdentityRecord::None,
        }
    }
}

impl From<IdentityRecord> for PeerIdentity {
    fn from(record: IdentityRecord) -> Self {
        match record {
            IdentityRecord::None => PeerIdentity::None,
            IdentityRecord::Psk(identity) => PeerIdentity::Psk(identity.0),
            IdentityRecord::RawPublicKey(key) => PeerIdentity::RawPublicKey(key.0),
            IdentityRecord::Certificate {
                common_name,
                alternative_names,
                certificate,
            } => {
                let names = CertificateIdentity::new(common_name, alternative_names, certificate.0);
                names.into()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn observations_survive() {
        let mut attributes = lwm2m_core::attributes::Attributes::default();
        attributes.pmin = Some(5);
        attributes.gt = Some(21.5);
        let target = ObserveTarget {
            paths: vec![Path::resource(3303, 0, 5700), Path::object(3)].into(),
            composite: Some(ContentFormat::SenmlCbor),
            accept: None,
            attributes,
        };
        let document = observation_document(77, "a", &target);
        let (id, endpoint, read) = read_observation(&document).unwrap();
        assert_eq!((id, &*endpoint, read), (77, "a", target));
    }
}
