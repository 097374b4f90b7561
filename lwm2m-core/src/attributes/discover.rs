use super::{Attribute, AttributeError, Attributes};
use crate::{
    link::Link,
    version::{LwM2mVersion, ObjectVersion},
};
use alloc::{
    string::{String, ToString},
    vec::Vec,
};

/// The attributes that a client shows and no server writes (class `<PROPERTIES>`, Core 1.2.2, table 7.3.1-1).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct PropertyAttributes {
    /// How many instances a multiple-instance resource has (Core 1.2.2, table 7.3.1-1).
    pub dim: Option<u16>,
    /// Short server id, 1 to 65534, of a security, server or OSCORE object instance (Core 1.2.2, table 7.3.1-1).
    pub ssid: Option<u16>,
    /// Server URI of a security object instance (Core 1.2.2, table 7.3.1-1).
    pub uri: Option<String>,
    /// Version of an object (Core 1.2.2, table 7.3.1-1).
    pub ver: Option<ObjectVersion>,
    /// Version of the protocol, at the root link of a bootstrap-discover (Core 1.2.2, table 7.3.1-1).
    pub lwm2m: Option<LwM2mVersion>,
}

impl PropertyAttributes {
    /// Puts them behind the parameters of a link.
    pub fn append_to(&self, link: &mut Link) {
        let texts = [
            ("lwm2m", self.lwm2m.map(|version| version.to_string())),
            ("ver", self.ver.map(|version| version.to_string())),
            ("dim", self.dim.map(|count| count.to_string())),
            ("ssid", self.ssid.map(|id| id.to_string())),
            ("uri", self.uri.clone()),
        ];
        let parameters = texts.into_iter().filter(|(_, text)| text.is_some());
        link.parameters
            .extend(parameters.map(|(name, text)| (name.into(), text)));
    }

    /// Reads them from a link of a discover.
    ///
    /// # Errors
    /// [`AttributeError::Value`] for a malformed one, [`AttributeError::Repeated`].
    pub fn from_link(link: &Link) -> Result<Self, AttributeError> {
        Ok(PropertyAttributes {
            dim: read(link, "dim", number)?,
            ssid: read(link, "ssid", |text| {
                number(text).filter(|id| !matches!(*id, 0 | u16::MAX))
            })?,
            uri: read(link, "uri", |text| Some(text.into()))?,
            ver: read(link, "ver", |text| text.parse().ok())?,
            lwm2m: read(link, "lwm2m", |text| text.parse().ok())?,
        })
    }
}

impl Attributes {
    /// Puts them behind the parameters of a link, as discover shows them.
    pub fn append_to(&self, link: &mut Link) {
        let parameters = self.to_texts();
        link.parameters
            .extend(parameters.map(|(attribute, text)| (attribute.name().into(), Some(text))));
    }

    /// Reads them from a link of a discover. Combinations are not checked: what a client shows may have come
    /// together from several levels.
    ///
    /// # Errors
    /// [`AttributeError::Value`] for a malformed one, [`AttributeError::Repeated`].
    pub fn from_link(link: &Link) -> Result<Self, AttributeError> {
        let mut attributes = Attributes::default();
        for attribute in Attribute::ALL {
            if let Some(text) = read(link, attribute.name(), |text| Some(String::from(text)))? {
                attributes.set_text(attribute, &text)?;
            }
        }
        Ok(attributes)
    }
}

/// A number as the grammar has it: digits, without a sign.
fn number(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

fn read<T>(
    link: &Link,
    name: &'static str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, AttributeError> {
    let values: Vec<_> = link
        .parameters
        .iter()
        .filter(|(other, _)| other == name)
        .collect();
    match values.as_slice() {
        [] => Ok(None),
        [(_, Some(text))] => parse(text).map(Some).ok_or(AttributeError::Value(name)),
        [_] => Err(AttributeError::Value(name)),
        _ => Err(AttributeError::Repeated(name)),
    }
}
