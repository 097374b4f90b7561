//! A certificate, read: the fields that decisions rest on, borrowed from its bytes.
//!
//! Paths are verified by `webpki`, which keeps key usage, validity and common name to itself; they are read here. Tags,
//! lengths and times are decoded by the `der` crate, strictly; what is not asked for is stepped over, so that a
//! certificate is not refused for the sake of a field that nobody looks at. The `x509-cert` crate would read it whole,
//! into memory of its own, and refuse more than that.

use super::{CertificateError, key};
use crate::crypto::{Provider, PublicKey};
use alloc::{borrow::ToOwned, string::String, vec::Vec};
use der::{
    Decode, Reader, SliceReader, Tag, TagNumber, Tagged,
    asn1::{AnyRef, BitStringRef, GeneralizedTime, UtcTime},
};
use lwm2m_core::peer::CertificateIdentity;

/// id-at-commonName, 2.5.4.3.
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
/// id-ce-keyUsage, 2.5.29.15.
const KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f];
/// id-ce-subjectAltName, 2.5.29.17.
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];
/// id-ce-nameConstraints, 2.5.29.30.
const NAME_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x1e];

/// The elements of a constructed value, one after the other.
pub(super) struct Elements<'a>(SliceReader<'a>);

impl<'a> Elements<'a> {
    pub(super) fn new(content: &'a [u8]) -> der::Result<Self> {
        SliceReader::new(content).map(Elements)
    }

    pub(super) fn next(&mut self) -> der::Result<Option<AnyRef<'a>>> {
        if self.0.is_finished() {
            Ok(None)
        } else {
            self.0.decode().map(Some)
        }
    }

    /// The next element, which must be there and have this tag.
    pub(super) fn expect(&mut self, tag: Tag) -> der::Result<AnyRef<'a>> {
        let element: AnyRef<'a> = self.0.decode()?;
        element.tag().assert_eq(tag)?;
        Ok(element)
    }

    /// The next element, if it has this tag.
    fn optional(&mut self, tag: Tag) -> der::Result<Option<AnyRef<'a>>> {
        if self.0.is_finished() || Tag::peek(&self.0)? != tag {
            return Ok(None);
        }
        self.0.decode().map(Some)
    }

    /// The bytes of the next element with tag and length, which must be there and have this tag.
    fn whole(&mut self, tag: Tag) -> der::Result<&'a [u8]> {
        Tag::peek(&self.0)?.assert_eq(tag)?;
        self.0.tlv_bytes()
    }

    /// Nothing may follow.
    pub(super) fn end(self) -> der::Result<()> {
        self.0.finish()
    }
}

/// What [`Certificate::read`] found.
pub(super) struct Certificate<'a> {
    /// All of it, DER.
    pub(super) der: &'a [u8],
    /// The serial number without leading zero bytes.
    pub(super) serial: &'a [u8],
    /// The issuer's Name, DER.
    pub(super) issuer: &'a [u8],
    validity: &'a [u8],
    subject: &'a [u8],
    spki: &'a [u8],
    key_usage: Option<u8>,
    alternative_names: Option<&'a [u8]>,
    /// Whether it is an authority that may certify certain names only.
    pub(super) constrains_names: bool,
}

impl<'a> Certificate<'a> {
    /// Reads one certificate (RFC 5280, section 4.1), which must be all of `der`.
    pub(super) fn read(der: &'a [u8]) -> Result<Self, CertificateError> {
        Self::read_der(der).map_err(|_| CertificateError::Malformed("a field of a certificate"))
    }

    fn read_der(der: &'a [u8]) -> der::Result<Self> {
        let mut outside = Elements::new(der)?;
        let mut certificate = Elements::new(outside.expect(Tag::Sequence)?.value())?;
        outside.end()?;
        let mut body = Elements::new(certificate.expect(Tag::Sequence)?.value())?;
        certificate.expect(Tag::Sequence)?; // signatureAlgorithm
        certificate.expect(Tag::BitString)?; // signatureValue
        certificate.end()?;

        body.optional(context(0, true))?; // version
        let serial = body.expect(Tag::Integer)?.value();
        body.expect(Tag::Sequence)?; // signature
        let issuer = body.whole(Tag::Sequence)?;
        let validity = body.expect(Tag::Sequence)?.value();
        let subject = body.expect(Tag::Sequence)?.value();
        let spki = body.whole(Tag::Sequence)?;
        body.optional(context(1, false))?; // issuerUniqueID
        body.optional(context(2, false))?; // subjectUniqueID
        let extensions = body.optional(context(3, true))?;
        body.end()?;

        let zeros = serial.iter().take_while(|byte| **byte == 0).count();
        let mut read = Certificate {
            der,
            serial: &serial[zeros..],
            issuer,
            validity,
            subject,
            spki,
            key_usage: None,
            alternative_names: None,
            constrains_names: false,
        };
        if let Some(extensions) = extensions {
            let mut inside = Elements::new(extensions.value())?;
            let mut list = Elements::new(inside.expect(Tag::Sequence)?.value())?;
            inside.end()?;
            while let Some(extension) = list.next()? {
                read.take_extension(extension)?;
            }
        }
        Ok(read)
    }

    fn take_extension(&mut self, extension: AnyRef<'a>) -> der::Result<()> {
        let twice = || der::Error::from(Tag::Sequence.value_error());
        let mut fields = sequence(extension)?;
        let id = fields.expect(Tag::ObjectIdentifier)?.value();
        fields.optional(Tag::Boolean)?; // critical
        let value = fields.expect(Tag::OctetString)?.value();
        fields.end()?;
        match id {
            KEY_USAGE => {
                let bits = BitStringRef::from_der(value)?;
                let first = bits.raw_bytes().first().copied().unwrap_or(0);
                if self.key_usage.replace(first).is_some() {
                    return Err(twice());
                }
            }
            SUBJECT_ALT_NAME => {
                let mut outside = Elements::new(value)?;
                let names = outside.expect(Tag::Sequence)?.value();
                outside.end()?;
                if self.alternative_names.replace(names).is_some() {
                    return Err(twice());
                }
            }
            NAME_CONSTRAINTS => self.constrains_names = true,
            _ => {}
        }
        Ok(())
    }

    /// The public key, which must be of P-256.
    pub(super) fn public_key(
        &self,
        provider: Option<&dyn Provider>,
    ) -> Result<PublicKey, CertificateError> {
        key::read_spki(provider, self.spki)
    }

    /// When its validity begins, in seconds since 1970.
    pub(super) fn not_before(&self) -> Result<u64, CertificateError> {
        let malformed = |_| CertificateError::Malformed("the validity");
        let mut validity = Elements::new(self.validity).map_err(malformed)?;
        let first = validity.next().map_err(malformed)?;
        let time = first.and_then(|time| match time.tag() {
            Tag::UtcTime => Some(time.decode_as::<UtcTime>().ok()?.to_unix_duration()),
            Tag::GeneralizedTime => {
                Some(time.decode_as::<GeneralizedTime>().ok()?.to_unix_duration())
            }
            _ => None,
        });
        time.map(|time| time.as_secs())
            .ok_or(CertificateError::Malformed("the validity"))
    }

    /// Whether its key may sign handshakes. Without the extension it may do anything.
    pub(super) fn may_sign(&self) -> bool {
        self.key_usage.is_none_or(|bits| bits & 0x80 != 0)
    }

    /// Whether its key may sign certificates. Without the extension it may do anything.
    pub(super) fn may_certify(&self) -> bool {
        self.key_usage.is_none_or(|bits| bits & 0x04 != 0)
    }

    /// Whether there is a subjectAltName extension.
    pub(super) fn has_alternative_names(&self) -> bool {
        self.alternative_names.is_some()
    }

    /// The common name of the subject. With several of them it is unclear which is meant, so there is none; nor is
    /// there one where it is not text in UTF-8 or a subset.
    pub(super) fn common_name(&self) -> Result<Option<&'a str>, CertificateError> {
        let malformed = |_| CertificateError::Malformed("the subject");
        let names = self.common_names().map_err(malformed)?;
        match names[..] {
            [name] => match name.tag() {
                Tag::Utf8String | Tag::PrintableString | Tag::Ia5String => {
                    text(name.value(), "the common name").map(Some)
                }
                _ => Ok(None),
            },
            _ => Ok(None),
        }
    }

    fn common_names(&self) -> der::Result<Vec<AnyRef<'a>>> {
        let mut names = Vec::new();
        let mut subject = Elements::new(self.subject)?;
        while let Some(relative) = subject.next()? {
            relative.tag().assert_eq(Tag::Set)?;
            let mut attributes = Elements::new(relative.value())?;
            while let Some(attribute) = attributes.next()? {
                let mut fields = sequence(attribute)?;
                let id = fields.expect(Tag::ObjectIdentifier)?.value();
                let value = fields.next()?.ok_or_else(|| Tag::Sequence.length_error())?;
                fields.end()?;
                if id == COMMON_NAME {
                    names.push(value);
                }
            }
        }
        Ok(names)
    }

    /// DNS names and URIs of the subjectAltName extension.
    pub(super) fn alternative_names(&self) -> Result<Vec<AlternativeName<'a>>, CertificateError> {
        const WHAT: &str = "the subjectAltName extension";
        let malformed = |_| CertificateError::Malformed(WHAT);
        let mut found = Vec::new();
        let mut names =
            Elements::new(self.alternative_names.unwrap_or_default()).map_err(malformed)?;
        while let Some(name) = names.next().map_err(malformed)? {
            let tag = name.tag();
            if tag == context(2, false) {
                found.push(AlternativeName::Dns(ascii(name.value(), WHAT)?));
            } else if tag == context(6, false) {
                found.push(AlternativeName::Uri(ascii(name.value(), WHAT)?));
            }
        }
        Ok(found)
    }

    /// The names in it.
    pub(super) fn identity(&self) -> Result<CertificateIdentity, CertificateError> {
        let common_name = self.common_name()?.map(ToOwned::to_owned);
        let names = self.alternative_names()?.into_iter();
        let mut names: Vec<String> = names
            .map(|(AlternativeName::Dns(name) | AlternativeName::Uri(name))| name.to_owned())
            .collect();
        // It stays for as long as the session.
        names.shrink_to_fit();
        Ok(CertificateIdentity::new(
            common_name,
            names,
            self.der.to_vec(),
        ))
    }
}

/// A name in the subjectAltName extension (RFC 5280, section 4.2.1.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AlternativeName<'a> {
    Dns(&'a str),
    Uri(&'a str),
}

const fn context(number: u32, constructed: bool) -> Tag {
    Tag::ContextSpecific {
        constructed,
        number: TagNumber(number),
    }
}

fn sequence(element: AnyRef<'_>) -> der::Result<Elements<'_>> {
    element.tag().assert_eq(Tag::Sequence)?;
    Elements::new(element.value())
}

fn text<'a>(bytes: &'a [u8], what: &'static str) -> Result<&'a str, CertificateError> {
    core::str::from_utf8(bytes).map_err(|_| CertificateError::Malformed(what))
}

/// An IA5String.
fn ascii<'a>(bytes: &'a [u8], what: &'static str) -> Result<&'a str, CertificateError> {
    if bytes.is_ascii() {
        text(bytes, what)
    } else {
        Err(CertificateError::Malformed(what))
    }
}
