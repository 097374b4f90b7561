//! Reading and writing the payloads of one peer.

use super::{
    Change, ContentFormat, DecodeError, EncodeError, cbor, lwm2m_cbor, lwm2m_json, opaque,
    scope::{Incoming, Outgoing},
    senml, text, tlv,
};
use crate::{entry::Entry, model::Models, path::Path};
use alloc::vec::Vec;

/// Reads and writes the payloads of one peer: with the definitions of its objects, and below its root where that is not
/// `/` (Core 1.2.2, section 7.5).
///
/// ```
/// use lwm2m_core::{content::{Codec, ContentFormat}, entry::Entry, model::NoModels, path::Path};
///
/// let codec = Codec::new(&NoModels).below("/lwm2m");
/// let entries = [Entry::new(Path::resource(3, 0, 9), 95i64)];
/// let payload = codec.encode(ContentFormat::SenmlJson, &entries, &Path::ROOT)?;
/// assert_eq!(payload, br#"[{"bn":"/lwm2m/3/0/9","v":95}]"#);
/// # Ok::<(), lwm2m_core::content::EncodeError>(())
/// ```
#[derive(Clone, Copy)]
pub struct Codec<'a> {
    models: &'a dyn Models,
    root: &'a str,
}

impl<'a> Codec<'a> {
    /// For a peer whose objects these are, with the root `/`.
    pub fn new(models: &'a dyn Models) -> Self {
        Codec { models, root: "" }
    }

    /// For a client that registered another root (`rt="oma.lwm2m"`): the names in SenML and JSON begin with it
    /// (Transport 1.2.2, section 6.4.1). Names without it are read as well, as a bootstrap server writes them.
    #[must_use]
    pub fn below(mut self, root: &'a str) -> Self {
        self.root = root.trim_end_matches('/');
        self
    }

    fn incoming(&self, format: ContentFormat, base: &Path) -> Incoming<'a> {
        Incoming::new(format, base, self.models, self.root)
    }

    fn outgoing(&self, format: ContentFormat, base: &Path) -> Outgoing<'a> {
        Outgoing::new(format, base, self.models, self.root)
    }

    /// Reads the values of a payload.
    ///
    /// `base` is the place that the request or response is about ([`Path::ROOT`] for composite operations and
    /// Send). Entries come in the order of the payload. Times are as the payload says; see [`Entry::time`].
    ///
    /// # Errors
    /// Malformed bytes, places outside of `base`, values that do not fit their type.
    pub fn decode(
        &self,
        format: ContentFormat,
        payload: &[u8],
        base: &Path,
    ) -> Result<Vec<Entry>, DecodeError> {
        dispatch(payload, &mut self.incoming(format, base))
    }

    /// Reads the values in an answer to a read or in a notification: those that [`Codec::decode`] reads, and beside them
    /// those of the object instances that object links in the same answer lead to, from `base` on, at first or at second
    /// hand (Core 1.2.2, section 7.5.6 and table 7.5.6-4).
    ///
    /// # Errors
    /// As [`Codec::decode`]; [`DecodeError::OutsideBase`] for a place that no link leads to.
    pub fn decode_answer(
        &self,
        format: ContentFormat,
        payload: &[u8],
        base: &Path,
    ) -> Result<Vec<Entry>, DecodeError> {
        let to = self.incoming(format, base);
        dispatch(payload, &mut to.following_links())
    }

    /// Reads the values of a create request about `base`, an object.
    ///
    /// The instance that is created may be named by the payload or not (TLV without an object instance, 65535 as
    /// its identifier; Core 1.2.2, section 6.3.6): if not, the values are those of `new_instance`.
    ///
    /// # Errors
    /// As [`Codec::decode`].
    pub fn decode_create(
        &self,
        format: ContentFormat,
        payload: &[u8],
        base: &Path,
        new_instance: u16,
    ) -> Result<Vec<Entry>, DecodeError> {
        let to = self.incoming(format, base);
        dispatch(payload, &mut to.with_new_instance(new_instance))
    }

    /// Writes values as a payload about `base`.
    ///
    /// TLV and LwM2M-CBOR write them in the order of their paths, the others in the given order.
    ///
    /// # Errors
    /// Values or combinations that the format cannot carry.
    pub fn encode(
        &self,
        format: ContentFormat,
        entries: &[Entry],
        base: &Path,
    ) -> Result<Vec<u8>, EncodeError> {
        let from = self.outgoing(format, base);
        match format {
            ContentFormat::Text => text::encode(entries, &from),
            ContentFormat::Opaque => opaque::encode(entries, &from),
            ContentFormat::Cbor => cbor::encode(entries, &from),
            ContentFormat::Tlv => tlv::encode(entries, &from),
            ContentFormat::Json => lwm2m_json::encode(entries, &from),
            ContentFormat::LwM2mCbor => lwm2m_cbor::encode(entries, &from),
            ContentFormat::SenmlJson
            | ContentFormat::SenmlCbor
            | ContentFormat::SenmlEtchJson
            | ContentFormat::SenmlEtchCbor => senml::encode(entries, &from),
            ContentFormat::Link => Err(from.unsupported("values")),
        }
    }

    /// Reads the paths of a read-composite or observe-composite request: SenML without values, or SenML-ETCH (Core
    /// 1.2.2, sections 6.3.8 and 6.4.4; RFC 8790, section 3.1).
    ///
    /// # Errors
    /// Malformed bytes, or a format that carries no paths.
    pub fn decode_paths(
        &self,
        format: ContentFormat,
        payload: &[u8],
    ) -> Result<Vec<Path>, DecodeError> {
        match format.is_senml() {
            true => senml::decode_paths(payload, &self.incoming(format, &Path::ROOT)),
            false => Err(DecodeError::Unsupported(format)),
        }
    }

    /// Writes the paths of a read-composite or observe-composite request (Core 1.2.2, sections 6.3.8 and 6.4.4; RFC
    /// 8790, section 3.1).
    ///
    /// # Errors
    /// A format that carries no paths.
    pub fn encode_paths(
        &self,
        format: ContentFormat,
        paths: &[Path],
    ) -> Result<Vec<u8>, EncodeError> {
        let from = self.outgoing(format, &Path::ROOT);
        match format.is_senml() {
            true => Ok(senml::encode_paths(paths, &from)),
            false => Err(from.unsupported("paths without values")),
        }
    }

    /// Reads a write-composite request: what it sets and, in SenML-ETCH, what it removes, in order (Core 1.2.2, section
    /// 6.3.9; RFC 8790, section 3.2).
    ///
    /// [`Codec::decode`] reads it as well where nothing is removed, and refuses it otherwise.
    ///
    /// # Errors
    /// As [`Codec::decode`].
    pub fn decode_changes(
        &self,
        format: ContentFormat,
        payload: &[u8],
    ) -> Result<Vec<Change>, DecodeError> {
        match format.is_etch() {
            true => senml::decode_changes(payload, &self.incoming(format, &Path::ROOT)),
            false => {
                let entries = self.decode(format, payload, &Path::ROOT)?;
                Ok(entries.into_iter().map(Change::Set).collect())
            }
        }
    }

    /// Writes a write-composite request (Core 1.2.2, section 6.3.9; RFC 8790, section 3.2).
    ///
    /// # Errors
    /// As [`Codec::encode`]; a [`Change::Remove`] in another format than SenML-ETCH, or of more than a resource
    /// instance.
    pub fn encode_changes(
        &self,
        format: ContentFormat,
        changes: &[Change],
    ) -> Result<Vec<u8>, EncodeError> {
        let from = self.outgoing(format, &Path::ROOT);
        if format.is_etch() {
            return senml::encode_changes(changes, &from);
        }
        let entries = changes
            .iter()
            .map(|change| match change {
                Change::Set(entry) => Ok(entry.clone()),
                Change::Remove(_) => Err(from.unsupported("the removal of a resource instance")),
            })
            .collect::<Result<Vec<_>, _>>()?;
        self.encode(format, &entries, &Path::ROOT)
    }
}

fn dispatch(payload: &[u8], to: &mut Incoming<'_>) -> Result<Vec<Entry>, DecodeError> {
    to.expect(payload);
    match to.format {
        ContentFormat::Text => text::decode(payload, to),
        ContentFormat::Opaque => opaque::decode(payload, to),
        ContentFormat::Cbor => cbor::decode(payload, to),
        ContentFormat::Tlv => tlv::decode(payload, to),
        ContentFormat::Json => lwm2m_json::decode(payload, to),
        ContentFormat::LwM2mCbor => lwm2m_cbor::decode(payload, to),
        ContentFormat::SenmlJson
        | ContentFormat::SenmlCbor
        | ContentFormat::SenmlEtchJson
        | ContentFormat::SenmlEtchCbor => senml::decode(payload, to),
        // Links carry no values.
        ContentFormat::Link => Err(DecodeError::Unsupported(to.format)),
    }
}
