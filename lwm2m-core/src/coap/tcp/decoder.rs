use super::{FORMS, FrameError};
use crate::coap::{Code, Message, MessageError, MessageKind, Token, wire};
use alloc::vec::Vec;
use bytes::Bytes;

/// Takes messages out of a stream that arrives in pieces of any size.
///
/// It holds the beginning of one message, never more than `max_message_size` bytes, and only what has arrived: a
/// length that is announced costs nothing. Empty messages (0.00), which keep a connection alive, are passed over
/// (RFC 8323, section 3.4).
#[derive(Debug)]
pub struct Decoder {
    max_message_size: usize,
    message: Vec<u8>,
    broken: Option<FrameError>,
}

/// What the first bytes of a message say of the others.
struct Frame {
    /// Bytes before the code.
    header: usize,
    token: usize,
    size: usize,
}

impl Decoder {
    /// A decoder that takes messages of at most this many bytes, from the first to the last: what our CSM says.
    pub fn new(max_message_size: usize) -> Self {
        Decoder {
            max_message_size,
            message: Vec::new(),
            broken: None,
        }
    }

    /// The next message; takes the bytes it needs from the front of `input`. `None`: all were taken, more are
    /// needed. To be called until then.
    ///
    /// # Errors
    /// [`FrameError`], from then on always the same: the beginning of another message cannot be found.
    pub fn decode(&mut self, input: &mut &[u8]) -> Result<Option<Message>, FrameError> {
        if let Some(error) = self.broken {
            return Err(error);
        }
        let result = self.advance(input);
        if let Err(error) = result {
            self.broken = Some(error);
            self.message = Vec::new();
        }
        result
    }

    fn advance(&mut self, input: &mut &[u8]) -> Result<Option<Message>, FrameError> {
        loop {
            let Some(frame) = self.frame(input)? else {
                return Ok(None);
            };
            if !self.fill(input, frame.size) {
                return Ok(None);
            }
            let message = read(core::mem::take(&mut self.message), &frame)?;
            if message.code != Code::EMPTY {
                return Ok(Some(message));
            }
        }
    }

    /// Reads the length; `None`: it has not arrived yet.
    fn frame(&mut self, input: &mut &[u8]) -> Result<Option<Frame>, FrameError> {
        if !self.fill(input, 1) {
            return Ok(None);
        }
        let first = self.message[0];
        let nibble = first >> 4;
        let (base, extension) = FORMS
            .iter()
            .find(|(_, form, _)| nibble == *form)
            .map_or((u64::from(nibble), 0), |(base, _, bytes)| (*base, *bytes));
        let token = usize::from(first & 0b1111);
        if token > 8 {
            return Err(MessageError::TokenLength.into());
        }
        let header = 1 + extension;
        if !self.fill(input, header) {
            return Ok(None);
        }
        let extended = self.message[1..header]
            .iter()
            .fold(0, |length, byte| length << 8 | u64::from(*byte));
        let size = (header + 1 + token) as u64 + base + extended;
        let limit = self.max_message_size;
        match usize::try_from(size) {
            Ok(size) if size <= limit => Ok(Some(Frame {
                header,
                token,
                size,
            })),
            _ => Err(FrameError::TooLarge { size, limit }),
        }
    }

    /// Takes bytes from the input until there are `size`; `false`: it had too few.
    fn fill(&mut self, input: &mut &[u8], size: usize) -> bool {
        let missing = size.saturating_sub(self.message.len());
        let (taken, rest) = input.split_at(missing.min(input.len()));
        self.message.extend_from_slice(taken);
        *input = rest;
        self.message.len() >= size
    }
}

fn read(data: Vec<u8>, frame: &Frame) -> Result<Message, MessageError> {
    let body = frame.header + 1 + frame.token;
    let code = Code::from_byte(data[frame.header]);
    let token = Token::new(&data[frame.header + 1..body]).ok_or(MessageError::TokenLength)?;
    let mut message = Message::new(MessageKind::NonConfirmable, code, 0, token);
    if code != Code::EMPTY {
        (message.options, message.payload) = wire::read_body(Bytes::from(data).slice(body..))?;
    }
    Ok(message)
}
