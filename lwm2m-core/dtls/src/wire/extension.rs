//! Extensions of the hellos, those that the profile knows.

use super::codec::{Malformed, Put, Reader};
use crate::crypto::prf::Side;
use alloc::vec::Vec;

const SERVER_NAME: u16 = 0;
const MAX_FRAGMENT_LENGTH: u16 = 1;
const SUPPORTED_GROUPS: u16 = 10;
const EC_POINT_FORMATS: u16 = 11;
const SIGNATURE_ALGORITHMS: u16 = 13;
const CLIENT_CERTIFICATE_TYPE: u16 = 19;
const SERVER_CERTIFICATE_TYPE: u16 = 20;
const ENCRYPT_THEN_MAC: u16 = 22;
const EXTENDED_MASTER_SECRET: u16 = 23;
const SESSION_TICKET: u16 = 35;
const CONNECTION_ID: u16 = 54;
const RENEGOTIATION_INFO: u16 = 0xff01;

/// host_name (RFC 6066, section 3).
const HOST_NAME: u8 = 0;
/// ecdsa_secp256r1_sha256 (RFC 8422, section 5.1.3).
pub(crate) const ECDSA_SHA256: u16 = 0x0403;
/// uncompressed (RFC 8422, section 5.1.2).
pub(crate) const POINT_UNCOMPRESSED: u8 = 0;

/// What a certificate message carries (RFC 7250, section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum CertificateType {
    X509,
    RawPublicKey,
}

impl CertificateType {
    pub(crate) const fn number(self) -> u8 {
        match self {
            CertificateType::X509 => 0,
            CertificateType::RawPublicKey => 2,
        }
    }

    pub(crate) const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(CertificateType::X509),
            2 => Some(CertificateType::RawPublicKey),
            _ => None,
        }
    }
}

/// The extensions of a hello, as raw lists where they are lists.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Extensions<'a> {
    /// A host name of a client; the answer is empty.
    pub(crate) server_name: Option<&'a [u8]>,
    /// 1 to 4: 2^9 to 2^12 bytes (RFC 6066, section 4).
    pub(crate) max_fragment_length: Option<u8>,
    /// Named groups, 16 bits each.
    pub(crate) groups: Option<&'a [u8]>,
    pub(crate) point_formats: Option<&'a [u8]>,
    /// Signature algorithms, 16 bits each.
    pub(crate) signature_algorithms: Option<&'a [u8]>,
    /// Types of a client's certificate: those it has, or the one the server wants.
    pub(crate) client_certificate_types: Option<&'a [u8]>,
    /// Types of the server's certificate: those the client can read, or the one it will send.
    pub(crate) server_certificate_types: Option<&'a [u8]>,
    pub(crate) encrypt_then_mac: bool,
    pub(crate) extended_master_secret: bool,
    pub(crate) session_ticket: Option<&'a [u8]>,
    /// The id under which its sender wants to receive (RFC 9146); may be empty.
    pub(crate) connection_id: Option<&'a [u8]>,
    pub(crate) renegotiation_info: Option<&'a [u8]>,
    /// There are others, which nobody here has asked for.
    pub(crate) unknown: bool,
}

impl<'a> Extensions<'a> {
    /// Reads the extension block that ends a hello of this side; it may be absent altogether. What unknown ones
    /// say is passed over.
    pub(crate) fn parse(mut reader: Reader<'a>, side: Side) -> Result<Self, Malformed> {
        let mut extensions = Extensions::default();
        if reader.is_empty() {
            return Ok(extensions);
        }
        let mut block = Reader::new(reader.vec16()?);
        reader.end()?;
        // Each may stand once (RFC 5246, section 7.4.1.4).
        let mut seen = 0u64;
        while !block.is_empty() {
            let number = block.u16()?;
            let body = block.vec16()?;
            let bit = match number {
                0..=62 => 1u64 << number,
                RENEGOTIATION_INFO => 1 << 63,
                _ => 0,
            };
            if seen & bit != 0 {
                return Err(Malformed);
            }
            seen |= bit;
            extensions.read(number, Reader::new(body), side)?;
        }
        Ok(extensions)
    }

    fn read(&mut self, number: u16, mut body: Reader<'a>, side: Side) -> Result<(), Malformed> {
        let client = side == Side::Client;
        match number {
            SERVER_NAME if client => {
                let mut names = Reader::new(body.vec16()?);
                while !names.is_empty() {
                    let kind = names.u8()?;
                    let name = names.vec16()?;
                    if kind == HOST_NAME {
                        if name.is_empty() || self.server_name.is_some() {
                            return Err(Malformed);
                        }
                        self.server_name = Some(name);
                    }
                }
            }
            SERVER_NAME => self.server_name = Some(&[]),
            MAX_FRAGMENT_LENGTH => self.max_fragment_length = Some(body.u8()?),
            SUPPORTED_GROUPS => self.groups = Some(even(body.vec16()?)?),
            EC_POINT_FORMATS => self.point_formats = Some(not_empty(body.vec8()?)?),
            SIGNATURE_ALGORITHMS => self.signature_algorithms = Some(even(body.vec16()?)?),
            CLIENT_CERTIFICATE_TYPE if client => {
                self.client_certificate_types = Some(not_empty(body.vec8()?)?);
            }
            CLIENT_CERTIFICATE_TYPE => self.client_certificate_types = Some(body.take(1)?),
            SERVER_CERTIFICATE_TYPE if client => {
                self.server_certificate_types = Some(not_empty(body.vec8()?)?);
            }
            SERVER_CERTIFICATE_TYPE => self.server_certificate_types = Some(body.take(1)?),
            ENCRYPT_THEN_MAC => self.encrypt_then_mac = true,
            EXTENDED_MASTER_SECRET => self.extended_master_secret = true,
            // Empty from a server: it says that a ticket will come.
            SESSION_TICKET if !client => self.session_ticket = Some(&[]),
            SESSION_TICKET => {
                self.session_ticket = Some(body.rest());
                return Ok(());
            }
            CONNECTION_ID => self.connection_id = Some(body.vec8()?),
            RENEGOTIATION_INFO => self.renegotiation_info = Some(body.vec8()?),
            _ => {
                self.unknown = true;
                return Ok(());
            }
        }
        body.end()
    }

    /// Appends the block; nothing where there are no extensions, which old peers prefer.
    pub(crate) fn put(&self, to: &mut Vec<u8>, side: Side) {
        let mut block = Vec::new();
        self.put_each(&mut block, side);
        if !block.is_empty() {
            to.vec16(&block);
        }
    }

    fn put_each(&self, to: &mut Vec<u8>, side: Side) {
        let client = side == Side::Client;
        if let Some(name) = self.server_name {
            to.u16(SERVER_NAME);
            to.nested16(|to| {
                if client {
                    to.nested16(|to| {
                        to.u8(HOST_NAME);
                        to.vec16(name);
                    });
                }
            });
        }
        if let Some(code) = self.max_fragment_length {
            to.u16(MAX_FRAGMENT_LENGTH);
            to.vec16(&[code]);
        }
        if let Some(groups) = self.groups {
            to.u16(SUPPORTED_GROUPS);
            to.nested16(|to| to.vec16(groups));
        }
        if let Some(formats) = self.point_formats {
            to.u16(EC_POINT_FORMATS);
            to.nested16(|to| to.vec8(formats));
        }
        if let Some(algorithms) = self.signature_algorithms {
            to.u16(SIGNATURE_ALGORITHMS);
            to.nested16(|to| to.vec16(algorithms));
        }
        let types = [
            (CLIENT_CERTIFICATE_TYPE, self.client_certificate_types),
            (SERVER_CERTIFICATE_TYPE, self.server_certificate_types),
        ];
        for (number, types) in types {
            if let Some(types) = types {
                to.u16(number);
                to.nested16(|to| match side {
                    Side::Client => to.vec8(types),
                    Side::Server => to.extend_from_slice(types),
                });
            }
        }
        if self.encrypt_then_mac {
            to.u16(ENCRYPT_THEN_MAC);
            to.vec16(&[]);
        }
        if self.extended_master_secret {
            to.u16(EXTENDED_MASTER_SECRET);
            to.vec16(&[]);
        }
        if let Some(ticket) = self.session_ticket {
            to.u16(SESSION_TICKET);
            to.vec16(ticket);
        }
        if let Some(id) = self.connection_id {
            to.u16(CONNECTION_ID);
            to.nested16(|to| to.vec8(id));
        }
        if let Some(info) = self.renegotiation_info {
            to.u16(RENEGOTIATION_INFO);
            to.nested16(|to| to.vec8(info));
        }
    }

    /// Whether this answer holds an extension that the question did not (RFC 5246, section 7.4.1.4).
    pub(crate) fn unasked(&self, question: &Extensions<'_>) -> bool {
        let pairs = [
            (self.unknown, false),
            // An answer may not hold it (RFC 5246, section 7.4.1.4.1).
            (self.signature_algorithms.is_some(), false),
            (self.groups.is_some(), question.groups.is_some()),
            (self.server_name.is_some(), question.server_name.is_some()),
            (
                self.max_fragment_length.is_some(),
                question.max_fragment_length.is_some(),
            ),
            (
                self.point_formats.is_some(),
                question.point_formats.is_some(),
            ),
            (
                self.client_certificate_types.is_some(),
                question.client_certificate_types.is_some(),
            ),
            (
                self.server_certificate_types.is_some(),
                question.server_certificate_types.is_some(),
            ),
            (self.encrypt_then_mac, question.encrypt_then_mac),
            (self.extended_master_secret, question.extended_master_secret),
            (
                self.session_ticket.is_some(),
                question.session_ticket.is_some(),
            ),
            (
                self.connection_id.is_some(),
                question.connection_id.is_some(),
            ),
        ];
        pairs.iter().any(|(answered, asked)| *answered && !asked)
    }
}

fn even(list: &[u8]) -> Result<&[u8], Malformed> {
    if list.len().is_multiple_of(2) {
        not_empty(list)
    } else {
        Err(Malformed)
    }
}

fn not_empty(list: &[u8]) -> Result<&[u8], Malformed> {
    if list.is_empty() {
        Err(Malformed)
    } else {
        Ok(list)
    }
}
