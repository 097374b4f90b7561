//! Records: their headers, and taking a datagram apart (RFC 6347, section 4.1; RFC 9146, section 4).

use super::codec::Put;
use alloc::vec::Vec;
use core::mem;

/// DTLS 1.0, which a first ClientHello and a HelloVerifyRequest may carry in their record.
pub(crate) const DTLS_1_0: u16 = 0xfeff;
/// DTLS 1.2.
pub(crate) const DTLS_1_2: u16 = 0xfefd;

/// Type, version, epoch, sequence number and length.
pub(crate) const HEADER_LEN: usize = 13;
/// Sequence numbers have 48 bits.
pub(crate) const MAX_SEQUENCE: u64 = (1 << 48) - 1;

/// What is in a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum ContentType {
    ChangeCipherSpec,
    Alert,
    Handshake,
    ApplicationData,
    /// Encrypted, with a Connection ID; what is inside says the encrypted part.
    ConnectionId,
}

impl ContentType {
    pub(crate) const fn number(self) -> u8 {
        match self {
            ContentType::ChangeCipherSpec => 20,
            ContentType::Alert => 21,
            ContentType::Handshake => 22,
            ContentType::ApplicationData => 23,
            ContentType::ConnectionId => 25,
        }
    }

    pub(crate) const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            20 => ContentType::ChangeCipherSpec,
            21 => ContentType::Alert,
            22 => ContentType::Handshake,
            23 => ContentType::ApplicationData,
            25 => ContentType::ConnectionId,
            _ => return None,
        })
    }
}

/// A record in a received datagram.
#[derive(Debug)]
pub(crate) struct Record<'a> {
    pub(crate) content_type: ContentType,
    pub(crate) epoch: u16,
    pub(crate) sequence: u64,
    /// Header, with the Connection ID where there is one.
    pub(crate) header: &'a [u8],
    /// What follows the header.
    pub(crate) body: &'a mut [u8],
}

impl Record<'_> {
    /// The Connection ID; empty where there is none.
    pub(crate) fn connection_id(&self) -> &[u8] {
        match self.content_type {
            ContentType::ConnectionId => &self.header[11..self.header.len() - 2],
            _ => &[],
        }
    }
}

/// Takes the next record off a datagram. `None` at its end, and where the rest is no record: what cannot be read is
/// dropped (RFC 6347, section 4.1.2.7). `id_len` is the length of our Connection IDs; records carry nothing that tells.
pub(crate) fn next_record<'a>(rest: &mut &'a mut [u8], id_len: usize) -> Option<Record<'a>> {
    let content_type = ContentType::from_number(*rest.first()?)?;
    let header_len = match content_type {
        ContentType::ConnectionId => HEADER_LEN + id_len,
        _ => HEADER_LEN,
    };
    if rest.len() < header_len {
        return None;
    }
    let (header, body) = mem::take(rest).split_at_mut(header_len);
    let header: &'a [u8] = header;
    let version = u16::from_be_bytes([header[1], header[2]]);
    let epoch = u16::from_be_bytes([header[3], header[4]]);
    let length = u16::from_be_bytes([header[header_len - 2], header[header_len - 1]]);
    if version != DTLS_1_2 && !(version == DTLS_1_0 && epoch == 0) {
        return None;
    }
    if body.len() < usize::from(length) {
        return None;
    }
    let (body, behind) = body.split_at_mut(length.into());
    *rest = behind;
    let mut sequence = [0; 8];
    sequence[2..].copy_from_slice(&header[5..11]);
    Some(Record {
        content_type,
        epoch,
        sequence: u64::from_be_bytes(sequence),
        header,
        body,
    })
}

/// Appends a header.
pub(crate) fn put_header(
    to: &mut Vec<u8>,
    content_type: ContentType,
    version: u16,
    epoch: u16,
    sequence: u64,
    connection_id: &[u8],
    length: usize,
) {
    to.u8(content_type.number());
    to.u16(version);
    to.u16(epoch);
    to.extend_from_slice(&sequence.to_be_bytes()[2..]);
    to.extend_from_slice(connection_id);
    to.u16(length as u16);
}

/// Appends a whole record without protection (epoch 0).
pub(crate) fn put_plain(
    to: &mut Vec<u8>,
    content_type: ContentType,
    version: u16,
    sequence: u64,
    body: &[u8],
) {
    put_header(to, content_type, version, 0, sequence, &[], body.len());
    to.extend_from_slice(body);
}
