//! CoAP over TCP and TLS (RFC 8323): framing and signalling, without a connection.
//!
//! [`Message`] is the same as over UDP; reliability is the stream's. Kind and message id do not travel: messages
//! that were read have [`NonConfirmable`](super::MessageKind::NonConfirmable) and 0.
//!
//! ```text
//!    0                   1
//!   +-------+-------+----------------+------+-------+---------+---------------+
//!   |  len  |  TKL  | extended len   | code | token | options | FF payload    |
//!   +-------+-------+----------------+------+-------+---------+---------------+
//!    0 to 12: options and payload together have len bytes
//!    13: one byte more, 13 is added      14: two, 269      15: four, 65,805
//! ```
//!
//! A connection begins with a [`Csm`] from each side; what it says is kept in [`Capabilities`].

mod decoder;
mod signal;

pub use decoder::Decoder;
pub use signal::{Capabilities, Csm, Signal, SignalError};

use super::{Message, MessageError, wire};
use alloc::vec::Vec;

/// Max-Message-Size before a CSM says otherwise, bytes (RFC 8323, section 5.3.1).
pub const BASE_MESSAGE_SIZE: u32 = 1152;

/// Why bytes of a stream are no message, or a message cannot go into one. A stream is of no use after it: the
/// connection is to be closed, with an [`Signal::Abort`] before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The whole message has more bytes than Max-Message-Size.
    #[error("a message of {size} bytes, more than the {limit} that are taken")]
    TooLarge {
        /// Bytes from the first to the last.
        size: u64,
        /// Bytes that are taken.
        limit: usize,
    },
    /// A message format error.
    #[error(transparent)]
    Message(#[from] MessageError),
}

/// Length of options and payload at which each extension begins, with the nibble that says so.
const FORMS: [(u64, u8, usize); 3] = [(65_805, 15, 4), (269, 14, 2), (13, 13, 1)];

/// Nibble, base and extension bytes for a length of options and payload.
fn form(length: u64) -> (u8, u64, usize) {
    FORMS
        .iter()
        .find(|(base, _, _)| length >= *base)
        .map_or((length as u8, length, 0), |(base, nibble, bytes)| {
            (*nibble, *base, *bytes)
        })
}

/// The bytes of a message of at most `limit` bytes, the receiver's Max-Message-Size
/// ([`Capabilities::max_message_size`]) (RFC 8323, section 3.2).
///
/// # Errors
/// [`FrameError::TooLarge`]; [`MessageError::Encode`] for an option value above 65,804 bytes.
pub fn encode(message: &Message, limit: usize) -> Result<Vec<u8>, FrameError> {
    let length = wire::body_length(&message.options, &message.payload)?;
    let (nibble, base, extension) = form(length as u64);
    let token = message.token.as_bytes();
    let size = 2 + extension + token.len() + length;
    if size > limit {
        let size = size as u64;
        return Err(FrameError::TooLarge { size, limit });
    }
    let mut data = Vec::with_capacity(size);
    data.push(nibble << 4 | token.len() as u8);
    let extended = (length as u64 - base).to_be_bytes();
    data.extend_from_slice(&extended[extended.len() - extension..]);
    data.push(message.code.to_byte());
    data.extend_from_slice(token);
    wire::write_body(&mut data, &message.options, &message.payload);
    Ok(data)
}

#[cfg(test)]
mod tests;
