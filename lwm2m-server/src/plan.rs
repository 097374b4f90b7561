//! What is known about a device before something is sent to it: whether it can be right, and in which format.

use crate::{
    engine::{Answer, decode},
    error::DeviceError,
    registration::Registration,
};
use lwm2m_core::{
    content::{ContentFormat, EncodeError},
    entry::Entry,
    model::Models,
    operation::Payload,
    path::{Path, PathLevel, is_security_object},
    value::Value,
    version::LwM2mVersion,
};
use lwm2m_objects::{
    Definitions,
    validate::{Operation, conform, validate_operation},
};
use std::sync::Arc;

/// A device's registration with the definitions of its objects.
pub(crate) struct Plan {
    pub(crate) registration: Arc<Registration>,
    pub(crate) definitions: Arc<Definitions>,
}

impl Plan {
    /// The definitions of the device's objects, in its versions.
    pub(crate) fn models(&self) -> impl Models + '_ {
        let objects = &self.registration.objects;
        self.definitions
            .device(self.registration.version, &objects.objects[..])
    }

    /// Values as a payload for the device, whose names begin with its root.
    pub(crate) fn encode(
        &self,
        format: ContentFormat,
        entries: &[Entry],
        base: &Path,
    ) -> Result<Payload, EncodeError> {
        let models = self.models();
        let codec = self.registration.objects.codec(&models);
        let data = codec.encode(format, entries, base)?.into();
        Ok(Payload { format, data })
    }

    /// The values of an answer.
    pub(crate) fn decode(&self, answer: &Answer, base: &Path) -> Result<Vec<Entry>, DeviceError> {
        let models = self.models();
        let codec = self.registration.objects.codec(&models);
        decode(&answer.response, base, &codec, answer.received_at)
    }

    /// Whether a server can do this at this place, as far as it can be known. Objects without definition are not
    /// judged.
    pub(crate) fn check(&self, path: Path, operation: Operation) -> Result<(), DeviceError> {
        let Some(object) = path.object_id() else {
            return Err(DeviceError::Invalid(
                "the whole tree can only be reached by a composite operation".to_owned(),
            ));
        };
        if is_security_object(object) {
            let reason = format!("{path}: keys can only be reached by a bootstrap server");
            return Err(DeviceError::Invalid(reason));
        }
        if path.level() == PathLevel::ResourceInstance
            && self.registration.version < LwM2mVersion::V1_1
        {
            return Err(self.needs("reaching a resource instance", LwM2mVersion::V1_1));
        }
        match self.models().object(object) {
            Some(model) => validate_operation(model, path, operation)
                .map_err(|error| DeviceError::Invalid(error.to_string())),
            None => Ok(()),
        }
    }

    /// As [`check`](Self::check) for a composite operation.
    pub(crate) fn check_composite(
        &self,
        paths: &[Path],
        operation: Operation,
    ) -> Result<(), DeviceError> {
        if self.registration.version < LwM2mVersion::V1_1 {
            return Err(self.needs("a composite operation", LwM2mVersion::V1_1));
        }
        if paths.is_empty() {
            return Err(DeviceError::Invalid(
                "a composite operation needs at least one path".to_owned(),
            ));
        }
        paths
            .iter()
            .filter(|path| **path != Path::ROOT || operation == Operation::Write)
            .try_for_each(|path| self.check(*path, operation))
    }

    /// The values with the types of their definitions.
    pub(crate) fn conform(
        &self,
        base: Path,
        entries: Vec<Entry>,
    ) -> Result<Vec<Entry>, DeviceError> {
        let models = self.models();
        let conformed = entries.into_iter().map(|entry| {
            let path = entry.path;
            if !base.contains(&path) {
                return Err(DeviceError::Invalid(format!(
                    "{path} lies outside of {base}"
                )));
            }
            if path.level() < PathLevel::Resource {
                return Err(DeviceError::Invalid(format!(
                    "{path} is no resource and has no value of its own"
                )));
            }
            match path.object_id().and_then(|object| models.object(object)) {
                Some(model) => match conform(model, path, entry.value) {
                    Ok(value) => Ok(Entry { value, ..entry }),
                    Err(error) => Err(DeviceError::Invalid(error.to_string())),
                },
                None => Ok(entry),
            }
        });
        conformed.collect()
    }

    pub(crate) fn needs(&self, what: &str, version: LwM2mVersion) -> DeviceError {
        let has = self.registration.version;
        DeviceError::Invalid(format!(
            "{what} needs LwM2M {version}; the device speaks {has}"
        ))
    }

    /// The format to ask for: the most compact that the device says it has; `None` lets it choose.
    pub(crate) fn accept(&self) -> Option<ContentFormat> {
        [ContentFormat::LwM2mCbor, ContentFormat::SenmlCbor]
            .into_iter()
            .find(|format| self.offers(*format))
    }

    /// The formats to try for a write, best first.
    pub(crate) fn write_formats(&self, path: Path, entries: &[Entry]) -> Vec<ContentFormat> {
        let mut formats = Vec::new();
        if let [entry] = entries
            && entry.path == path
        {
            formats.push(match entry.value {
                Value::Opaque(_) => ContentFormat::Opaque,
                _ => ContentFormat::Text,
            });
        }
        formats.extend(self.structured_formats());
        formats
    }

    /// The formats that carry an object instance, best first: those the device says it has, then those that most have.
    pub(crate) fn structured_formats(&self) -> Vec<ContentFormat> {
        let offered = [
            ContentFormat::LwM2mCbor,
            ContentFormat::SenmlCbor,
            ContentFormat::SenmlJson,
        ]
        .into_iter()
        .filter(|format| self.offers(*format));
        let mut formats: Vec<ContentFormat> = offered.collect();
        for format in [
            ContentFormat::Tlv,
            ContentFormat::SenmlCbor,
            ContentFormat::SenmlJson,
        ] {
            if format.is_known_to(self.registration.version) && !formats.contains(&format) {
                formats.push(format);
            }
        }
        formats
    }

    /// The formats to try for a composite operation, best first.
    pub(crate) fn composite_formats(&self) -> Vec<ContentFormat> {
        let etch = (self.registration.version >= LwM2mVersion::V1_2)
            .then_some(ContentFormat::SenmlEtchCbor);
        etch.into_iter()
            .chain([ContentFormat::SenmlCbor, ContentFormat::SenmlJson])
            .collect()
    }

    /// The format to ask for in a composite operation.
    pub(crate) fn composite_accept(&self) -> ContentFormat {
        let json = self.offers(ContentFormat::SenmlJson) && !self.offers(ContentFormat::SenmlCbor);
        if json {
            ContentFormat::SenmlJson
        } else {
            ContentFormat::SenmlCbor
        }
    }

    fn offers(&self, format: ContentFormat) -> bool {
        format.is_known_to(self.registration.version)
            && self.registration.objects.formats.contains(&format)
    }
}
