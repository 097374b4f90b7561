//! The header of handshake messages and their fragments (RFC 6347, section 4.2.2).

use super::codec::{Malformed, Put, Reader};
use alloc::vec::Vec;

/// Type, length, sequence number, offset and length of the fragment.
pub(crate) const HEADER_LEN: usize = 12;

/// The messages of a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum MessageType {
    HelloRequest,
    ClientHello,
    ServerHello,
    HelloVerifyRequest,
    NewSessionTicket,
    Certificate,
    ServerKeyExchange,
    CertificateRequest,
    ServerHelloDone,
    CertificateVerify,
    ClientKeyExchange,
    Finished,
}

impl MessageType {
    #[cfg(test)]
    pub(crate) const ALL: [MessageType; 12] = [
        MessageType::HelloRequest,
        MessageType::ClientHello,
        MessageType::ServerHello,
        MessageType::HelloVerifyRequest,
        MessageType::NewSessionTicket,
        MessageType::Certificate,
        MessageType::ServerKeyExchange,
        MessageType::CertificateRequest,
        MessageType::ServerHelloDone,
        MessageType::CertificateVerify,
        MessageType::ClientKeyExchange,
        MessageType::Finished,
    ];

    pub(crate) const fn number(self) -> u8 {
        match self {
            MessageType::HelloRequest => 0,
            MessageType::ClientHello => 1,
            MessageType::ServerHello => 2,
            MessageType::HelloVerifyRequest => 3,
            MessageType::NewSessionTicket => 4,
            MessageType::Certificate => 11,
            MessageType::ServerKeyExchange => 12,
            MessageType::CertificateRequest => 13,
            MessageType::ServerHelloDone => 14,
            MessageType::CertificateVerify => 15,
            MessageType::ClientKeyExchange => 16,
            MessageType::Finished => 20,
        }
    }

    pub(crate) const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            0 => MessageType::HelloRequest,
            1 => MessageType::ClientHello,
            2 => MessageType::ServerHello,
            3 => MessageType::HelloVerifyRequest,
            4 => MessageType::NewSessionTicket,
            11 => MessageType::Certificate,
            12 => MessageType::ServerKeyExchange,
            13 => MessageType::CertificateRequest,
            14 => MessageType::ServerHelloDone,
            15 => MessageType::CertificateVerify,
            16 => MessageType::ClientKeyExchange,
            20 => MessageType::Finished,
            _ => return None,
        })
    }
}

/// A fragment of a handshake message; a whole message is one that begins at 0 and is as long as the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fragment<'a> {
    pub(crate) message_type: MessageType,
    /// Length of the whole message.
    pub(crate) length: u32,
    pub(crate) sequence: u16,
    pub(crate) offset: u32,
    pub(crate) body: &'a [u8],
}

impl<'a> Fragment<'a> {
    /// Takes one fragment off a record, which may hold several.
    pub(crate) fn take(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        let message_type = MessageType::from_number(reader.u8()?).ok_or(Malformed)?;
        let length = reader.u24()?;
        let sequence = reader.u16()?;
        let offset = reader.u24()?;
        let body = reader.vec24()?;
        // Both are below 2^24.
        if offset + body.len() as u32 > length {
            return Err(Malformed);
        }
        Ok(Fragment {
            message_type,
            length,
            sequence,
            offset,
            body,
        })
    }
}

/// Appends a fragment of a message.
pub(crate) fn put_fragment(
    to: &mut Vec<u8>,
    message_type: MessageType,
    sequence: u16,
    message: &[u8],
    offset: usize,
    length: usize,
) {
    to.u8(message_type.number());
    to.u24(message.len() as u32);
    to.u16(sequence);
    to.u24(offset as u32);
    to.u24(length as u32);
    to.extend_from_slice(&message[offset..offset + length]);
}

/// Appends a whole message, which is also the form in which a transcript holds it (RFC 6347, section 4.2.6).
pub(crate) fn put_message(
    to: &mut Vec<u8>,
    message_type: MessageType,
    sequence: u16,
    message: &[u8],
) {
    put_fragment(to, message_type, sequence, message, 0, message.len());
}
