//! Option numbers and the options of a message (RFC 7252, section 5.4, 5.10).

use super::{Block, BlockError, wire};
use alloc::vec::Vec;
use bytes::Bytes;
use core::fmt;

/// The number of an option (RFC 7252, section 5.4.6).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OptionNumber(pub u16);

impl OptionNumber {
    /// Whether a message with it must be refused by who does not know it (RFC 7252, section 5.4.6).
    pub const fn is_critical(self) -> bool {
        self.0 & 1 == 1
    }
}

// The options that this stack knows, with the lengths and the repetition that their RFCs allow.
macro_rules! options {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $text:literal, $min:literal..=$max:literal, $repeatable:literal;)*) => {
        $($(#[$doc])* pub const $name: OptionNumber = OptionNumber($number);)*

        /// The name of an option (RFC 7252, section 12.2); `None` where this crate does not know it.
        pub const fn name(number: OptionNumber) -> Option<&'static str> {
            match number.0 {
                $($number => Some($text),)*
                _ => None,
            }
        }

        /// Whether the value may have this many bytes; true for options this crate does not know.
        pub(crate) const fn length_is_valid(number: OptionNumber, length: usize) -> bool {
            match number.0 {
                $($number => matches!(length, $min..=$max),)*
                _ => true,
            }
        }

        /// Whether the option may stand several times in one message.
        pub(crate) const fn is_repeatable(number: OptionNumber) -> bool {
            match number.0 {
                $($number => $repeatable,)*
                _ => true,
            }
        }
    };
}

options! {
    /// If-Match: only where the resource has this ETag, or any where it is empty (RFC 7252, section 5.10.8.1).
    IF_MATCH = 1, "If-Match", 0..=8, true;
    /// Uri-Host: the name or address that the resource belongs to (RFC 7252, section 5.10.1).
    URI_HOST = 3, "Uri-Host", 1..=255, false;
    /// ETag: names one representation of a resource (RFC 7252, section 5.10.6).
    ETAG = 4, "ETag", 1..=8, true;
    /// If-None-Match: only where there is no such resource (RFC 7252, section 5.10.8.2).
    IF_NONE_MATCH = 5, "If-None-Match", 0..=0, false;
    /// Observe: 0 begins an observation, 1 ends it; in answers the order of notifications (RFC 7641, section 2).
    OBSERVE = 6, "Observe", 0..=3, false;
    /// Uri-Port: the port of the resource (RFC 7252, section 5.10.1).
    URI_PORT = 7, "Uri-Port", 0..=2, false;
    /// Location-Path: a segment of the path of what was made (RFC 7252, section 5.10.7).
    LOCATION_PATH = 8, "Location-Path", 0..=255, true;
    /// OSCORE: the message is protected; its parameters (RFC 8613, section 2).
    OSCORE = 9, "OSCORE", 0..=255, false;
    /// Uri-Path: a segment of the path of the resource, without percent-encoding (RFC 7252, section 5.10.1).
    URI_PATH = 11, "Uri-Path", 0..=255, true;
    /// Content-Format: the number of the format of the payload (RFC 7252, section 5.10.3).
    CONTENT_FORMAT = 12, "Content-Format", 0..=2, false;
    /// Max-Age: how long the response is fresh, seconds; 60 where it says none (RFC 7252, section 5.10.5).
    MAX_AGE = 14, "Max-Age", 0..=4, false;
    /// Uri-Query: an argument of the request (RFC 7252, section 5.10.1).
    URI_QUERY = 15, "Uri-Query", 0..=255, true;
    /// Hop-Limit: how many proxies may still pass the request on (RFC 8768, section 3).
    HOP_LIMIT = 16, "Hop-Limit", 1..=1, false;
    /// Accept: the number of the format that is asked for (RFC 7252, section 5.10.4).
    ACCEPT = 17, "Accept", 0..=2, false;
    /// Location-Query: an argument of the location of what was made (RFC 7252, section 5.10.7).
    LOCATION_QUERY = 20, "Location-Query", 0..=255, true;
    /// Block2: which block of the body of the response (RFC 7959, section 2.1).
    BLOCK2 = 23, "Block2", 0..=3, false;
    /// Block1: which block of the body of the request (RFC 7959, section 2.1).
    BLOCK1 = 27, "Block1", 0..=3, false;
    /// Size2: the length of the body of the response, bytes (RFC 7959, section 4).
    SIZE2 = 28, "Size2", 0..=4, false;
    /// Proxy-Uri: the whole address, for a proxy (RFC 7252, section 5.10.2).
    PROXY_URI = 35, "Proxy-Uri", 1..=1034, false;
    /// Proxy-Scheme: the scheme of the address, for a proxy (RFC 7252, section 5.10.2).
    PROXY_SCHEME = 39, "Proxy-Scheme", 1..=255, false;
    /// Size1: the length of the body of the request, bytes (RFC 7252, section 5.10.9).
    SIZE1 = 60, "Size1", 0..=4, false;
    /// Echo: a value that proves that a request is fresh and where it comes from (RFC 9175, section 2.2.1).
    ECHO = 252, "Echo", 1..=40, false;
    /// No-Response: which classes of responses are not wanted (RFC 7967, section 2).
    NO_RESPONSE = 258, "No-Response", 0..=1, false;
    /// Request-Tag: tells the bodies of requests in blocks apart (RFC 9175, section 3.2.1).
    REQUEST_TAG = 292, "Request-Tag", 0..=8, true;
}

impl fmt::Debug for OptionNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match name(*self) {
            Some(name) => f.write_str(name),
            None => write!(f, "option {}", self.0),
        }
    }
}

/// The options of a message, ordered by number; those of one number keep their order (RFC 7252, section 3.1).
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Options(Vec<(OptionNumber, Bytes)>);

impl Options {
    /// None.
    pub const fn new() -> Self {
        Options(Vec::new())
    }

    /// Adds a value behind those of the same number.
    pub fn push(&mut self, number: OptionNumber, value: &[u8]) {
        let at = self.0.partition_point(|(other, _)| *other <= number);
        self.0.insert(at, (number, Bytes::copy_from_slice(value)));
    }

    /// Adds a value behind all others; `number` is not below theirs.
    pub(super) fn append(&mut self, number: OptionNumber, value: Bytes) {
        debug_assert!(self.0.last().is_none_or(|(last, _)| *last <= number));
        self.0.push((number, value));
    }

    /// Puts a value in place of all of the same number.
    pub fn set(&mut self, number: OptionNumber, value: &[u8]) {
        self.remove(number);
        self.push(number, value);
    }

    /// Puts an unsigned integer, in its shortest form, in place of all of the same number.
    pub fn set_uint(&mut self, number: OptionNumber, value: u32) {
        let bytes = value.to_be_bytes();
        self.set(number, &bytes[value.leading_zeros() as usize / 8..]);
    }

    /// Puts these values in place of all of a number, in time that is linear in the options there are and will be.
    pub(crate) fn set_all(
        &mut self,
        number: OptionNumber,
        values: impl IntoIterator<Item = Bytes>,
    ) {
        let from = self.0.partition_point(|(other, _)| *other < number);
        let end = self.0.partition_point(|(other, _)| *other <= number);
        let values = values.into_iter().map(|value| (number, value));
        self.0.splice(from..end, values);
    }

    /// Takes all values of a number out.
    pub fn remove(&mut self, number: OptionNumber) {
        self.0.retain(|(other, _)| *other != number);
    }

    /// All options in order.
    pub fn iter(&self) -> impl Iterator<Item = (OptionNumber, &[u8])> {
        self.0
            .iter()
            .map(|(number, value)| (*number, value.as_ref()))
    }

    /// All values of a number, in order.
    pub fn all(&self, number: OptionNumber) -> impl Iterator<Item = &[u8]> {
        self.all_shared(number).map(Bytes::as_ref)
    }

    /// All values of a number, in order, to be kept without copying them.
    pub(crate) fn all_shared(&self, number: OptionNumber) -> impl Iterator<Item = &Bytes> {
        let from = self.0.partition_point(|(other, _)| *other < number);
        self.0[from..]
            .iter()
            .take_while(move |(other, _)| *other == number)
            .map(|(_, value)| value)
    }

    /// The first value of a number.
    pub fn first(&self, number: OptionNumber) -> Option<&[u8]> {
        self.all(number).next()
    }

    /// The first value of a number, where it has a length that its RFC allows: an elective option of another one is as
    /// good as none (RFC 7252, section 5.4.3), and a critical one makes the message unprocessable
    /// ([`Message::unprocessable_option`](super::Message::unprocessable_option)).
    pub fn well_formed(&self, number: OptionNumber) -> Option<&[u8]> {
        self.first(number)
            .filter(|value| length_is_valid(number, value.len()))
    }

    /// The first value of a number as an unsigned integer; `None` where there is none, or it is not
    /// [well formed](Options::well_formed), or has over four bytes.
    pub fn uint(&self, number: OptionNumber) -> Option<u32> {
        uint_of(self.well_formed(number)?)
    }

    /// Whether the number stands at least once.
    pub fn contains(&self, number: OptionNumber) -> bool {
        self.first(number).is_some()
    }

    /// How many bytes they take in a message.
    pub(crate) fn encoded_length(&self) -> usize {
        wire::body_length(self, &Bytes::new()).unwrap_or(0)
    }

    /// How many options there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The values of a number as texts; `None` where one is not UTF-8.
    pub fn texts(&self, number: OptionNumber) -> Option<Vec<&str>> {
        self.all(number)
            .map(|value| core::str::from_utf8(value).ok())
            .collect()
    }

    /// Content-Format, where there is one of up to two bytes.
    pub fn content_format(&self) -> Option<u16> {
        self.uint(CONTENT_FORMAT)
            .and_then(|format| format.try_into().ok())
    }

    /// Accept, where there is one of up to two bytes.
    pub fn accept(&self) -> Option<u16> {
        self.uint(ACCEPT).and_then(|format| format.try_into().ok())
    }

    /// A Block1 or Block2 option, where there is one.
    ///
    /// # Errors
    /// A value that is no block.
    pub fn block(&self, number: OptionNumber) -> Result<Option<Block>, BlockError> {
        self.first(number).map(Block::from_bytes).transpose()
    }
}

/// The unsigned integer in an option's value (RFC 7252, section 3.2); `None` above four bytes.
pub(super) fn uint_of(value: &[u8]) -> Option<u32> {
    (value.len() <= 4).then(|| value.iter().fold(0, |uint, b| uint << 8 | u32::from(*b)))
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts = [URI_PATH, URI_QUERY, LOCATION_PATH, URI_HOST];
        let mut map = f.debug_map();
        for (number, value) in self.iter() {
            match core::str::from_utf8(value) {
                Ok(text) if texts.contains(&number) => map.entry(&number, &text),
                _ => map.entry(&number, &value),
            };
        }
        map.finish()
    }
}
