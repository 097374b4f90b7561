//! What a message is on every transport: its options and its payload (RFC 7252, section 3.1). What stands before
//! them (kind, message id, length) is the transport's own.

use super::{MessageError, OptionNumber, Options};
use alloc::vec::Vec;
use bytes::{Buf, Bytes};

/// Between options and payload.
const PAYLOAD_MARKER: u8 = 0xFF;

/// The longest value that an option header can tell.
const MAX_VALUE: usize = 269 + u16::MAX as usize;

/// How many bytes options and payload take.
pub(super) fn body_length(options: &Options, payload: &Bytes) -> Result<usize, MessageError> {
    let mut previous = 0;
    let mut total = match payload.len() {
        0 => 0,
        length => 1 + length,
    };
    for (OptionNumber(number), value) in options.iter() {
        // The header holds the difference to the number before: none may be lower than that.
        let delta = number.checked_sub(previous).ok_or(MessageError::Encode)?;
        if value.len() > MAX_VALUE {
            return Err(MessageError::Encode);
        }
        previous = number;
        total += 1 + extension(delta.into()) + extension(value.len()) + value.len();
    }
    Ok(total)
}

/// Writes options and payload for which [`body_length`] gave a length.
pub(super) fn write_body(out: &mut Vec<u8>, options: &Options, payload: &Bytes) {
    let mut previous = 0;
    for (OptionNumber(number), value) in options.iter() {
        let delta = usize::from(number - previous);
        previous = number;
        out.push(nibble(delta) << 4 | nibble(value.len()));
        write_extension(out, delta);
        write_extension(out, value.len());
        out.extend_from_slice(value);
    }
    if !payload.is_empty() {
        out.push(PAYLOAD_MARKER);
        out.extend_from_slice(payload);
    }
}

/// Reads options and payload; both are parts of `rest`, nothing is copied.
pub(super) fn read_body(mut rest: Bytes) -> Result<(Options, Bytes), MessageError> {
    let mut options = Options::new();
    let mut number = 0;
    while let Some(first) = rest.first().copied() {
        rest.advance(1);
        if first == PAYLOAD_MARKER {
            if rest.is_empty() {
                return Err(MessageError::EmptyPayload);
            }
            return Ok((options, rest));
        }
        number += read_extended(first >> 4, &mut rest)?;
        let length = read_extended(first & 0b1111, &mut rest)? as usize;
        let option = u16::try_from(number).map_err(|_| MessageError::OptionHeader)?;
        if length > rest.len() {
            return Err(MessageError::Truncated);
        }
        options.append(OptionNumber(option), rest.split_to(length));
    }
    Ok((options, Bytes::new()))
}

/// Bytes behind the option header for a delta or length.
fn extension(value: usize) -> usize {
    match value {
        0..=12 => 0,
        13..=268 => 1,
        _ => 2,
    }
}

fn nibble(value: usize) -> u8 {
    match value {
        0..=12 => value as u8,
        13..=268 => 13,
        _ => 14,
    }
}

fn write_extension(out: &mut Vec<u8>, value: usize) {
    match value {
        0..=12 => {}
        13..=268 => out.push((value - 13) as u8),
        _ => out.extend_from_slice(&((value - 269) as u16).to_be_bytes()),
    }
}

/// An option's delta or length, whose extension bytes are taken from `rest`.
fn read_extended(nibble: u8, rest: &mut Bytes) -> Result<u32, MessageError> {
    match nibble {
        0..=12 => Ok(nibble.into()),
        13 => {
            let byte = rest.try_get_u8().map_err(|_| MessageError::Truncated)?;
            Ok(u32::from(byte) + 13)
        }
        14 => {
            let bytes = rest.try_get_u16().map_err(|_| MessageError::Truncated)?;
            Ok(u32::from(bytes) + 269)
        }
        _ => Err(MessageError::OptionHeader),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn every_form_of_an_option_header() {
        for (delta, length) in [
            (0, 0),
            (12, 12),
            (13, 13),
            (268, 268),
            (269, 269),
            (65_535, 65_804),
        ] {
            let mut options = Options::new();
            options.push(OptionNumber(delta), &vec![7; length]);
            let length = body_length(&options, &Bytes::new()).unwrap();
            let mut out = Vec::with_capacity(length);
            write_body(&mut out, &options, &Bytes::new());
            assert_eq!(out.len(), length, "{delta}");
            let read = read_body(out.into()).unwrap();
            assert_eq!(read, (options, Bytes::new()), "{delta}");
        }
    }

    #[test]
    fn what_no_header_can_tell_is_refused() {
        let mut options = Options::new();
        options.push(OptionNumber(65_000), &vec![0; 65_805]);
        let refused = body_length(&options, &Bytes::new());
        assert_eq!(refused, Err(MessageError::Encode));
    }
}
