//! Certificate, key exchange and CertificateVerify messages (RFC 5246, RFC 4279, RFC 7250, RFC 8422).

use super::{
    codec::{Malformed, Put, Reader},
    extension::{CertificateType, ECDSA_SHA256},
};
use crate::crypto::Group;
use alloc::vec::Vec;

/// ecdsa_sign (RFC 8422, section 5.5).
const ECDSA_SIGN: u8 = 64;
/// named_curve (RFC 8422, section 5.4).
const NAMED_CURVE: u8 = 3;

impl Group {
    pub(crate) const fn number(self) -> u16 {
        match self {
            Group::Secp256r1 => 23,
            Group::X25519 => 29,
        }
    }

    pub(crate) const fn from_number(number: u16) -> Option<Self> {
        match number {
            23 => Some(Group::Secp256r1),
            29 => Some(Group::X25519),
            _ => None,
        }
    }
}

/// What stands in a Certificate message: one public key, or a chain, the end entity first. A client without a
/// certificate sends an empty chain.
pub(crate) fn parse_certificate(
    message: &[u8],
    kind: CertificateType,
    max_chain: usize,
) -> Result<Vec<&[u8]>, Malformed> {
    let mut reader = Reader::new(message);
    let mut certificates = Vec::new();
    match kind {
        CertificateType::RawPublicKey => certificates.push(reader.vec24()?),
        CertificateType::X509 => {
            let mut chain = Reader::new(reader.vec24()?);
            while !chain.is_empty() {
                if certificates.len() == max_chain {
                    return Err(Malformed);
                }
                certificates.push(chain.vec24()?);
            }
        }
    }
    reader.end()?;
    if certificates
        .iter()
        .any(|certificate| certificate.is_empty())
    {
        return Err(Malformed);
    }
    Ok(certificates)
}

pub(crate) fn encode_certificate<'a>(
    certificates: impl Iterator<Item = &'a [u8]>,
    kind: CertificateType,
) -> Vec<u8> {
    let mut to = Vec::new();
    let put_each = |to: &mut Vec<u8>| {
        for certificate in certificates {
            to.nested24(|to| to.extend_from_slice(certificate));
        }
    };
    match kind {
        CertificateType::RawPublicKey => put_each(&mut to),
        CertificateType::X509 => to.nested24(put_each),
    }
    to
}

/// The server's ephemeral key and its signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ServerKeyExchange<'a> {
    pub(crate) group: Group,
    pub(crate) public_key: &'a [u8],
    /// What was signed, behind both randoms.
    pub(crate) parameters: &'a [u8],
    pub(crate) signature: &'a [u8],
}

impl<'a> ServerKeyExchange<'a> {
    /// Reads one of ECDHE_ECDSA. Other curves, forms and algorithms than those we have offered are malformed here.
    pub(crate) fn parse(message: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(message);
        let kind = reader.u8()?;
        let group = Group::from_number(reader.u16()?).ok_or(Malformed)?;
        let public_key = reader.vec8()?;
        let parameters = &message[..message.len() - reader.rest().len()];
        let signature = take_signature(&mut reader)?;
        reader.end()?;
        if kind != NAMED_CURVE {
            return Err(Malformed);
        }
        Ok(ServerKeyExchange {
            group,
            public_key,
            parameters,
            signature,
        })
    }

    /// The part that is signed.
    pub(crate) fn encode_parameters(group: Group, public_key: &[u8]) -> Vec<u8> {
        let mut to = Vec::with_capacity(80 + public_key.len());
        to.u8(NAMED_CURVE);
        to.u16(group.number());
        to.vec8(public_key);
        to
    }
}

/// The hint of a server, for a client that has several identities; ours have one and pass over it.
pub(crate) fn parse_psk_hint(message: &[u8]) -> Result<(), Malformed> {
    let mut reader = Reader::new(message);
    reader.vec16()?;
    reader.end()
}

/// The PSK identity in a ClientKeyExchange.
pub(crate) fn parse_psk_identity(message: &[u8]) -> Result<&[u8], Malformed> {
    let mut reader = Reader::new(message);
    let identity = reader.vec16()?;
    reader.end()?;
    Ok(identity)
}

pub(crate) fn encode_psk_identity(identity: &[u8]) -> Vec<u8> {
    let mut to = Vec::with_capacity(2 + identity.len());
    to.vec16(identity);
    to
}

/// The client's ephemeral key in a ClientKeyExchange.
pub(crate) fn parse_client_public_key(message: &[u8]) -> Result<&[u8], Malformed> {
    let mut reader = Reader::new(message);
    let key = reader.vec8()?;
    reader.end()?;
    Ok(key)
}

pub(crate) fn encode_client_public_key(key: &[u8]) -> Vec<u8> {
    let mut to = Vec::with_capacity(1 + key.len());
    to.vec8(key);
    to
}

/// Whether a CertificateRequest leaves room for what we can do: an ECDSA key and SHA-256.
pub(crate) fn parse_certificate_request(message: &[u8]) -> Result<bool, Malformed> {
    let mut reader = Reader::new(message);
    let types = reader.vec8()?;
    let algorithms = super::codec::u16_list(reader.vec16()?)?.any(|number| number == ECDSA_SHA256);
    let mut authorities = Reader::new(reader.vec16()?);
    while !authorities.is_empty() {
        authorities.vec16()?;
    }
    reader.end()?;
    Ok(types.contains(&ECDSA_SIGN) && algorithms)
}

/// A request for an ECDSA key. It names no authorities: the list may be long, and clients have one certificate.
pub(crate) fn encode_certificate_request() -> Vec<u8> {
    let mut to = Vec::with_capacity(8);
    to.vec8(&[ECDSA_SIGN]);
    to.vec16(&ECDSA_SHA256.to_be_bytes());
    to.vec16(&[]);
    to
}

/// The signature of a CertificateVerify.
pub(crate) fn parse_certificate_verify(message: &[u8]) -> Result<&[u8], Malformed> {
    let mut reader = Reader::new(message);
    let signature = take_signature(&mut reader)?;
    reader.end()?;
    Ok(signature)
}

/// Appends a signature with its algorithm.
pub(crate) fn put_signature(to: &mut Vec<u8>, signature: &[u8]) {
    to.u16(ECDSA_SHA256);
    to.vec16(signature);
}

fn take_signature<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], Malformed> {
    let algorithm = reader.u16()?;
    let signature = reader.vec16()?;
    if algorithm == ECDSA_SHA256 {
        Ok(signature)
    } else {
        Err(Malformed)
    }
}
