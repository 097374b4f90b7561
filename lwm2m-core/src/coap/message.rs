use super::{Code, OptionNumber, Options, option, wire};
use alloc::vec::Vec;
use bytes::Bytes;
use core::fmt;

const VERSION: u8 = 1;

/// How a message is delivered (RFC 7252, section 3 and sections 4.2 and 4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MessageKind {
    /// CON: repeated until acknowledged (RFC 7252, section 4.2).
    Confirmable,
    /// NON: sent once (RFC 7252, section 4.3).
    NonConfirmable,
    /// ACK: a confirmable message has come (RFC 7252, section 4.2).
    Acknowledgement,
    /// RST: a message has come that means nothing here (RFC 7252, sections 4.2 and 4.3).
    Reset,
}

/// What matches a response with its request: 0 to 8 bytes (RFC 7252, section 5.3.1).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Token {
    bytes: [u8; 8],
    len: u8,
}

impl Token {
    /// The token without bytes.
    pub const EMPTY: Token = Token {
        bytes: [0; 8],
        len: 0,
    };

    /// A token of these bytes; `None` above eight.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        let mut token = Token::EMPTY;
        token.bytes.get_mut(..bytes.len())?.copy_from_slice(bytes);
        token.len = bytes.len() as u8;
        Some(token)
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(")?;
        for byte in self.as_bytes() {
            write!(f, "{byte:02x}")?;
        }
        f.write_str(")")
    }
}

/// One CoAP message over UDP or DTLS (RFC 7252, section 3). `Debug` shows the length of the payload only: it may hold
/// keys.
#[derive(Clone, PartialEq)]
pub struct Message {
    /// How it is delivered.
    pub kind: MessageKind,
    /// Method, response code or empty.
    pub code: Code,
    /// Message id: matches ACK and RST, and finds duplicates.
    pub id: u16,
    /// Token: matches response and request.
    pub token: Token,
    /// Options, ordered by number.
    pub options: Options,
    /// Payload; empty means none.
    pub payload: Bytes,
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("kind", &self.kind)
            .field("code", &self.code)
            .field("id", &self.id)
            .field("token", &self.token)
            .field("options", &self.options)
            .field("payload", &format_args!("{} bytes", self.payload.len()))
            .finish()
    }
}

/// Why a datagram is no message (RFC 7252, section 3: "message format error").
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// Fewer than four bytes.
    #[error("shorter than the four bytes of a header")]
    TooShort,
    /// A version other than 1: to be ignored in silence.
    #[error("unknown CoAP version")]
    UnknownVersion,
    /// A token length of 9 to 15.
    #[error("token length above 8")]
    TokenLength,
    /// The datagram ends within token, options or an option's value.
    #[error("truncated")]
    Truncated,
    /// An option delta or length of 15 that is no payload marker, or an option number above 65535.
    #[error("reserved or overflowing option header")]
    OptionHeader,
    /// A payload marker without a payload.
    #[error("payload marker without payload")]
    EmptyPayload,
    /// An empty message (0.00) with bytes behind the message id.
    #[error("an empty message carries nothing behind its message id")]
    NotEmpty,
    /// A message that cannot be sent: it does not fit its form (a token with an empty code, a value too long).
    #[error("the message cannot be encoded")]
    Encode,
}

impl Message {
    /// Bytes of a datagram before its token.
    pub(crate) const HEADER: usize = 4;

    /// A message without options and payload.
    pub fn new(kind: MessageKind, code: Code, id: u16, token: Token) -> Self {
        Message {
            kind,
            code,
            id,
            token,
            options: Options::new(),
            payload: Bytes::new(),
        }
    }

    /// An empty acknowledgement or reset.
    pub fn empty(kind: MessageKind, id: u16) -> Self {
        Message::new(kind, Code::EMPTY, id, Token::EMPTY)
    }

    /// Reads a datagram; strict where the RFC says "format error".
    ///
    /// Options that are known but have a length their RFC does not allow, and repetitions of options that must not
    /// repeat, are kept here: they are treated like unknown options (RFC 7252, section 5.4.3, 5.4.5), which is
    /// [`Message::unprocessable_option`]'s answer.
    ///
    /// Costs a copy of the datagram and 40 bytes for each option, of which 64 KiB can hold 65,000, twice that while the
    /// table grows; `tests/allocation.rs` holds it to that.
    ///
    /// # Errors
    /// What the RFC calls a message format error. A confirmable message with one is answered with RST where its
    /// header could be read ([`Message::peek_id`]), others are dropped.
    pub fn parse(datagram: &[u8]) -> Result<Self, MessageError> {
        let (header, rest) = datagram
            .split_first_chunk::<4>()
            .ok_or(MessageError::TooShort)?;
        let (kind, id) = Message::peek_id(datagram).ok_or(MessageError::UnknownVersion)?;
        let token_length = usize::from(header[0] & 0b1111);
        if token_length > 8 {
            return Err(MessageError::TokenLength);
        }
        let code = Code::from_byte(header[1]);
        if code == Code::EMPTY && (token_length != 0 || !rest.is_empty()) {
            return Err(MessageError::NotEmpty);
        }
        let token = rest.get(..token_length).and_then(Token::new);
        let mut message = Message::new(kind, code, id, token.ok_or(MessageError::Truncated)?);
        // Copied once; payload and option values are parts of the copy.
        let rest = Bytes::copy_from_slice(&rest[token_length..]);
        (message.options, message.payload) = wire::read_body(rest)?;
        Ok(message)
    }

    /// Kind and message id of a datagram that may be malformed behind them; `None` below four bytes or for
    /// another version.
    pub fn peek_id(datagram: &[u8]) -> Option<(MessageKind, u16)> {
        let header: &[u8; 4] = datagram.first_chunk()?;
        if header[0] >> 6 != VERSION {
            return None;
        }
        let kind = match header[0] >> 4 & 0b11 {
            0 => MessageKind::Confirmable,
            1 => MessageKind::NonConfirmable,
            2 => MessageKind::Acknowledgement,
            _ => MessageKind::Reset,
        };
        Some((kind, u16::from_be_bytes([header[2], header[3]])))
    }

    /// The bytes of a datagram, in one allocation of their length.
    ///
    /// # Errors
    /// [`MessageError::Encode`] for an option value above 65,804 bytes or an empty message with content.
    pub fn encode(&self) -> Result<Vec<u8>, MessageError> {
        let bare = self.token == Token::EMPTY && self.options.is_empty() && self.payload.is_empty();
        if self.code == Code::EMPTY && !bare {
            return Err(MessageError::Encode);
        }
        let body = wire::body_length(&self.options, &self.payload)?;
        let token = self.token.as_bytes();
        let mut data = Vec::with_capacity(Self::HEADER + token.len() + body);
        let kind = match self.kind {
            MessageKind::Confirmable => 0,
            MessageKind::NonConfirmable => 1,
            MessageKind::Acknowledgement => 2,
            MessageKind::Reset => 3,
        };
        data.push(VERSION << 6 | kind << 4 | token.len() as u8);
        data.push(self.code.to_byte());
        data.extend_from_slice(&self.id.to_be_bytes());
        data.extend_from_slice(token);
        wire::write_body(&mut data, &self.options, &self.payload);
        Ok(data)
    }

    /// The first option that makes this message unprocessable for us: critical and unknown to `known`, of a
    /// forbidden length, or repeated where it must not be (RFC 7252, sections 5.4.1, 5.4.3, 5.4.5).
    pub fn unprocessable_option(
        &self,
        known: impl Fn(OptionNumber) -> bool,
    ) -> Option<OptionNumber> {
        let mut previous = None;
        self.options.iter().find_map(|(number, value)| {
            let repeated = previous.replace(number) == Some(number);
            let fine = known(number)
                && option::length_is_valid(number, value.len())
                && (!repeated || option::is_repeatable(number));
            (number.is_critical() && !fine).then_some(number)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // proves: COAP-01, COAP-02, COAP-03, COAP-05, COAP-06
    #[test]
    fn format_errors_of_rfc_7252() {
        for (bytes, error) in [
            (&[][..], MessageError::TooShort),
            (&[0x40, 0, 0], MessageError::TooShort),
            (&[0x80, 1, 0, 1], MessageError::UnknownVersion),
            (
                &[0x49, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0],
                MessageError::TokenLength,
            ),
            (&[0x41, 1, 0, 1], MessageError::Truncated),
            (&[0x41, 0, 0, 1, 9], MessageError::NotEmpty),
            (&[0x40, 0, 0, 1, 0xFF, 1], MessageError::NotEmpty),
            (&[0x40, 1, 0, 1, 0xFF], MessageError::EmptyPayload),
            (&[0x40, 1, 0, 1, 0xB4, b'a'], MessageError::Truncated),
            (&[0x40, 1, 0, 1, 0xD0], MessageError::Truncated),
            (&[0x40, 1, 0, 1, 0xE0, 0], MessageError::Truncated),
            (&[0x40, 1, 0, 1, 0xF0], MessageError::OptionHeader),
            (&[0x40, 1, 0, 1, 0x0F], MessageError::OptionHeader),
            (
                &[0x40, 1, 0, 1, 0xE0, 0xFF, 0xFF],
                MessageError::OptionHeader,
            ),
        ] {
            assert_eq!(Message::parse(bytes), Err(error), "{bytes:02x?}");
        }
    }

    // proves: COAP-04
    #[test]
    fn round_trip_with_all_option_header_forms() {
        let mut message = Message::new(
            MessageKind::Confirmable,
            Code::POST,
            0x1234,
            Token::new(&[1, 2, 3]).unwrap(),
        );
        message.options.push(option::URI_PATH, b"rd");
        message.options.push(option::URI_PATH, b"");
        message.options.push(option::URI_QUERY, &[b'q'; 255]);
        message.options.push(option::ECHO, &[7; 40]);
        message.options.push(OptionNumber(65000), &[1; 300]);
        message.payload = Bytes::from_static(b"</3/0>");
        let bytes = message.encode().unwrap();
        assert_eq!(Message::parse(&bytes).unwrap(), message);
    }

    #[test]
    fn every_code_survives() {
        for byte in 1..=255 {
            let message = Message::new(
                MessageKind::NonConfirmable,
                Code::from_byte(byte),
                1,
                Token::EMPTY,
            );
            let parsed = Message::parse(&message.encode().unwrap()).unwrap();
            assert_eq!(parsed.code.to_byte(), byte);
        }
    }

    // proves: COAP-32, COAP-34, COAP-35, COAP-36
    #[test]
    fn unprocessable_options() {
        let mut message = Message::new(MessageKind::Confirmable, Code::GET, 1, Token::EMPTY);
        let known = |number| option::name(number).is_some();
        message.options.push(OptionNumber(65000), b"elective");
        message.options.push(option::OBSERVE, &[0; 4]);
        assert_eq!(
            message.unprocessable_option(known),
            None,
            "elective options are ignored"
        );
        message.options.push(option::ACCEPT, &[0]);
        message.options.push(option::ACCEPT, &[40]);
        assert_eq!(message.unprocessable_option(known), Some(option::ACCEPT));
        message.options.remove(option::ACCEPT);
        message.options.push(OptionNumber(2049), b"critical");
        assert_eq!(
            message.unprocessable_option(known),
            Some(OptionNumber(2049))
        );
    }
}
