//! Public keys as they travel: in a SubjectPublicKeyInfo, alone (RFC 7250) or in a certificate.

use super::{CertificateError, x509::Certificate, x509::Elements};
use crate::crypto::{Provider, PublicKey};
use alloc::vec::Vec;
use der::Tag;

/// Tag, length, id-ecPublicKey with prime256v1, and the head of an uncompressed point. DER has one encoding of one
/// value, so that a key of this kind has these bytes before its coordinates and nothing behind them.
const SPKI_HEAD: [u8; 27] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
];

/// The key in a SubjectPublicKeyInfo, DER: a point of P-256, uncompressed (RFC 5480; RFC 7250, section 3).
///
/// # Errors
///
/// [`CertificateError::UnsupportedKey`] for another algorithm, curve or form of the point,
/// [`CertificateError::InvalidKey`] where the coordinates are no point of the curve,
/// [`CertificateError::Malformed`] where it is no SubjectPublicKeyInfo, whole and alone.
pub fn public_key_of_spki(der: &[u8]) -> Result<PublicKey, CertificateError> {
    read_spki(None, der)
}

/// The same; the provider of a handshake says whether the point is one.
pub(crate) fn read_spki(
    provider: Option<&dyn Provider>,
    der: &[u8],
) -> Result<PublicKey, CertificateError> {
    let Some(coordinates) = der.strip_prefix(&SPKI_HEAD) else {
        return Err(if is_spki(der) {
            CertificateError::UnsupportedKey
        } else {
            CertificateError::Malformed("the public key")
        });
    };
    let coordinates: [u8; 64] = coordinates
        .try_into()
        .map_err(|_| CertificateError::Malformed("the public key"))?;
    // The head ends with the first byte of the point.
    let point = &der[SPKI_HEAD.len() - 1..];
    match provider {
        Some(provider) => provider
            .public_key(point)
            .map_err(|_| CertificateError::InvalidKey),
        None => p256::ecdsa::VerifyingKey::from_sec1_bytes(point)
            .map(|_| PublicKey::from_checked(coordinates))
            .map_err(|_| CertificateError::InvalidKey),
    }
}

/// Whether it has the outline of a SubjectPublicKeyInfo, of whatever algorithm.
pub(super) fn is_spki(der: &[u8]) -> bool {
    let outline = || -> der::Result<()> {
        let mut outside = Elements::new(der)?;
        let mut inside = Elements::new(outside.expect(Tag::Sequence)?.value())?;
        outside.end()?;
        inside.expect(Tag::Sequence)?;
        inside.expect(Tag::BitString)?;
        inside.end()
    };
    outline().is_ok()
}

/// The key of a certificate, DER (RFC 5280, section 4.1.2.7). Nothing is said of whether the certificate is to be
/// trusted.
///
/// # Errors
///
/// Those of [`public_key_of_spki`]; [`CertificateError::Malformed`] where it is no certificate, whole and alone.
pub fn public_key_of_certificate(der: &[u8]) -> Result<PublicKey, CertificateError> {
    read_certificate(None, der)
}

/// The same; the provider of a handshake says whether the point is one.
pub(crate) fn read_certificate(
    provider: Option<&dyn Provider>,
    der: &[u8],
) -> Result<PublicKey, CertificateError> {
    Certificate::read(der)?.public_key(provider)
}

/// The SubjectPublicKeyInfo of a key, DER, 91 bytes: a raw public key as it is sent and compared (RFC 7250, section 3).
pub fn spki_of(key: &PublicKey) -> Vec<u8> {
    [&SPKI_HEAD[..], key.coordinates()].concat()
}
