//! ClientHello, HelloVerifyRequest and ServerHello (RFC 5246, section 7.4.1; RFC 6347, section 4.2.1).

use super::{
    codec::{Malformed, Put, Reader},
    extension::Extensions,
    record::{DTLS_1_0, DTLS_1_2},
};
use crate::crypto::prf::Side;
use alloc::vec::Vec;

/// The null compression, the only one there is.
const NO_COMPRESSION: u8 = 0;
/// TLS_EMPTY_RENEGOTIATION_INFO_SCSV (RFC 5746, section 3.3).
pub(crate) const RENEGOTIATION_SCSV: u16 = 0x00ff;
/// Longest session id.
pub(crate) const MAX_SESSION_ID: usize = 32;

/// The beginning of a ClientHello, which is all that a cookie is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HelloPrefix<'a> {
    pub(crate) version: u16,
    pub(crate) random: &'a [u8; 32],
    pub(crate) session_id: &'a [u8],
    pub(crate) cookie: &'a [u8],
}

impl<'a> HelloPrefix<'a> {
    /// Takes it off a ClientHello, or off the first fragment of one.
    pub(crate) fn take(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        let version = reader.u16()?;
        let random = reader.take(32)?.first_chunk().ok_or(Malformed)?;
        let session_id = reader.vec8()?;
        let cookie = reader.vec8()?;
        if session_id.len() > MAX_SESSION_ID {
            return Err(Malformed);
        }
        Ok(HelloPrefix {
            version,
            random,
            session_id,
            cookie,
        })
    }

    /// Whether the client can speak DTLS 1.2: versions count down.
    pub(crate) fn offers_1_2(&self) -> bool {
        self.version >> 8 == 0xfe && self.version <= DTLS_1_2
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClientHello<'a> {
    pub(crate) prefix: HelloPrefix<'a>,
    /// Suites, 16 bits each.
    pub(crate) suites: &'a [u8],
    pub(crate) extensions: Extensions<'a>,
}

impl<'a> ClientHello<'a> {
    pub(crate) fn parse(message: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(message);
        let prefix = HelloPrefix::take(&mut reader)?;
        let suites = reader.vec16()?;
        let compressions = reader.vec8()?;
        if suites.is_empty()
            || !suites.len().is_multiple_of(2)
            || !compressions.contains(&NO_COMPRESSION)
        {
            return Err(Malformed);
        }
        Ok(ClientHello {
            prefix,
            suites,
            extensions: Extensions::parse(reader, Side::Client)?,
        })
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut to = Vec::with_capacity(160);
        to.u16(DTLS_1_2);
        to.extend_from_slice(self.prefix.random);
        to.vec8(self.prefix.session_id);
        to.vec8(self.prefix.cookie);
        to.vec16(self.suites);
        to.vec8(&[NO_COMPRESSION]);
        self.extensions.put(&mut to, Side::Client);
        to
    }
}

/// The cookie of a HelloVerifyRequest.
pub(crate) fn parse_hello_verify_request(message: &[u8]) -> Result<&[u8], Malformed> {
    let mut reader = Reader::new(message);
    let version = reader.u16()?;
    let cookie = reader.vec8()?;
    reader.end()?;
    // It says nothing about the version to come (RFC 6347, section 4.2.1).
    if version >> 8 == 0xfe && !cookie.is_empty() {
        Ok(cookie)
    } else {
        Err(Malformed)
    }
}

pub(crate) fn encode_hello_verify_request(cookie: &[u8]) -> Vec<u8> {
    let mut to = Vec::with_capacity(3 + cookie.len());
    to.u16(DTLS_1_0);
    to.vec8(cookie);
    to
}

/// The lifetime in seconds, 0 where nothing is said of it, and the ticket of a NewSessionTicket (RFC 5077, section 3.3).
pub(crate) fn parse_new_session_ticket(message: &[u8]) -> Result<(u32, &[u8]), Malformed> {
    let mut reader = Reader::new(message);
    let lifetime = u32::from_be_bytes(reader.array()?);
    let ticket = reader.vec16()?;
    reader.end()?;
    Ok((lifetime, ticket))
}

pub(crate) fn encode_new_session_ticket(lifetime: u32, ticket: &[u8]) -> Vec<u8> {
    let mut to = Vec::with_capacity(6 + ticket.len());
    to.extend_from_slice(&lifetime.to_be_bytes());
    to.vec16(ticket);
    to
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ServerHello<'a> {
    pub(crate) version: u16,
    pub(crate) random: &'a [u8; 32],
    pub(crate) session_id: &'a [u8],
    pub(crate) suite: u16,
    pub(crate) extensions: Extensions<'a>,
}

impl<'a> ServerHello<'a> {
    pub(crate) fn parse(message: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(message);
        let version = reader.u16()?;
        let random = reader.take(32)?.first_chunk().ok_or(Malformed)?;
        let session_id = reader.vec8()?;
        let suite = reader.u16()?;
        let compression = reader.u8()?;
        if session_id.len() > MAX_SESSION_ID || compression != NO_COMPRESSION {
            return Err(Malformed);
        }
        Ok(ServerHello {
            version,
            random,
            session_id,
            suite,
            extensions: Extensions::parse(reader, Side::Server)?,
        })
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut to = Vec::with_capacity(96);
        to.u16(self.version);
        to.extend_from_slice(self.random);
        to.vec8(self.session_id);
        to.u16(self.suite);
        to.u8(NO_COMPRESSION);
        self.extensions.put(&mut to, Side::Server);
        to
    }
}
