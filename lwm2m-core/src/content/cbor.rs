//! CBOR (RFC 8949): single values as format 60 (Core 1.2.2, section 7.5.3), and the reader and writer that the
//! other CBOR formats share.
//!
//! The reader pulls one header at a time and never recurses; a length in a header is checked against the bytes
//! that are there before anything is allocated.

use super::{
    DecodeError, EncodeError,
    date::parse_date,
    scope::{Incoming, Outgoing},
};
use crate::{
    entry::Entry,
    value::{Value, fits_i64, integer_value},
};
use alloc::{borrow::Cow, string::String, vec::Vec};
use ciborium_io::Write as _;
use ciborium_ll::{Decoder, Encoder, Error, Header, simple};

/// Seconds since 1970 (RFC 8949, section 3.4.2).
const TAG_EPOCH: u64 = 1;

/// How many arrays, maps and tags may lie within each other in an item that is skipped because it means nothing
/// here. Costs two words each while it is skipped.
pub(super) const MAX_NESTING: usize = 16;

/// How many bytes a bignum may have without its leading zeros: more are beyond the range of a 64-bit float.
const MAX_BIGNUM: usize = 128;

/// What is wrong with a payload, for a person.
pub(super) type Fault = &'static str;

const NOT_WELL_FORMED: Fault = "not well-formed CBOR";
const TRUNCATED: Fault = "ends in the middle of a CBOR item";
const TOO_LARGE: Fault = "a number beyond the range of a 64-bit float";

/// Reads one value for the resource that the payload is about.
pub(super) fn decode(payload: &[u8], to: &mut Incoming<'_>) -> Result<Vec<Entry>, DecodeError> {
    let path = to.single_value()?;
    let mut reader = Reader::new(payload);
    let read = |reader: &mut Reader<'_>| {
        let value = reader.value()?;
        reader.end()?;
        value.ok_or("null is no value")
    };
    let value = read(&mut reader).map_err(|reason| to.malformed(reason))?;
    to.push(path, value, None)?;
    to.finish()
}

/// Writes one value.
///
/// A time has tag 1 (RFC 8949, section 3.4.2): 1.1 wants a date there, and its peers refuse a number without the tag,
/// which is the only thing that makes it one. From 1.2 tags are optional (Core 1.2.2, appendix C).
pub(super) fn encode(entries: &[Entry], from: &Outgoing<'_>) -> Result<Vec<u8>, EncodeError> {
    let value = from.single_value(entries)?;
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&mut bytes);
    if matches!(value.as_ref(), Value::Time(_)) {
        writer.push(Header::Tag(TAG_EPOCH));
    }
    writer.value(&value);
    Ok(bytes)
}

/// Pulls CBOR items out of a slice.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(payload: &'a [u8]) -> Self {
        Reader { rest: payload }
    }

    /// The next header; strings are then read with [`Reader::bytes`] and [`Reader::text`].
    ///
    /// The forms that nearly all items have are read here, which takes a fraction of the time; the rest is left to
    /// ciborium: half floats, unknown lengths, two-byte simple values, and whatever is malformed.
    #[inline(always)] // so that it stays in registers
    pub(super) fn header(&mut self) -> Result<Header, Fault> {
        let (first, rest) = self.rest.split_first().ok_or(TRUNCATED)?;
        let (argument, rest) = match first & 0b1_1111 {
            short @ 0..=23 => (u64::from(short), rest),
            24 => argument(rest, |[byte]: [u8; 1]| byte.into())?,
            25 => argument(rest, |bytes| u16::from_be_bytes(bytes).into())?,
            26 => argument(rest, |bytes| u32::from_be_bytes(bytes).into())?,
            27 => argument(rest, u64::from_be_bytes)?,
            _ => return self.rare_header(),
        };
        let length = || usize::try_from(argument).map_err(|_| NOT_WELL_FORMED);
        let header = match (first >> 5, first & 0b1_1111) {
            (0, _) => Header::Positive(argument),
            (1, _) => Header::Negative(argument),
            (2, _) => Header::Bytes(Some(length()?)),
            (3, _) => Header::Text(Some(length()?)),
            (4, _) => Header::Array(Some(length()?)),
            (5, _) => Header::Map(Some(length()?)),
            (6, _) => Header::Tag(argument),
            (_, value @ 0..=23) => Header::Simple(value),
            (_, 26) => Header::Float(f32::from_bits(argument as u32).into()),
            (_, 27) => Header::Float(f64::from_bits(argument)),
            _ => return self.rare_header(),
        };
        self.rest = rest;
        Ok(header)
    }

    /// The next header where it is a number of one byte, as nearly all labels of a SenML record are.
    #[inline(always)] // as above
    pub(super) fn short_number(&mut self) -> Option<i64> {
        let (first, rest) = self.rest.split_first()?;
        let number = match first {
            0x00..=0x17 => i64::from(*first),
            0x20..=0x37 => !i64::from(first - 0x20),
            _ => return None,
        };
        self.rest = rest;
        Some(number)
    }

    /// The next item where it is text of less than 24 bytes, not yet looked at whether they are UTF-8.
    #[inline(always)] // as above
    pub(super) fn short_text(&mut self) -> Option<&'a [u8]> {
        let (first, rest) = self.rest.split_first()?;
        let length = match first {
            0x60..=0x77 => usize::from(first - 0x60),
            _ => return None,
        };
        let (text, rest) = rest.split_at_checked(length)?;
        self.rest = rest;
        Some(text)
    }

    #[cold]
    fn rare_header(&mut self) -> Result<Header, Fault> {
        let mut decoder = Decoder::from(self.rest);
        let header = decoder.pull().map_err(|error| match error {
            Error::Io(_) => TRUNCATED,
            Error::Syntax(_) => NOT_WELL_FORMED,
        })?;
        let length = decoder.offset();
        if matches!(header, Header::Simple(value) if value < 32 && length == 2) {
            return Err(NOT_WELL_FORMED); // RFC 8949, section 3.3: two bytes only from 32
        }
        self.rest = &self.rest[length..];
        Ok(header)
    }

    /// Whether all has been read; anything left is a fault.
    pub(super) fn end(&self) -> Result<(), Fault> {
        match self.rest {
            [] => Ok(()),
            _ => Err("bytes after the end of the CBOR item"),
        }
    }

    /// The next header where the enclosing array or map goes on: `remaining` counts down where its length is known.
    #[inline(always)] // as above
    pub(super) fn next_in(
        &mut self,
        remaining: &mut Option<usize>,
    ) -> Result<Option<Header>, Fault> {
        match remaining {
            Some(0) => Ok(None),
            Some(left) => {
                *left -= 1;
                self.header().map(Some)
            }
            None => match self.header()? {
                Header::Break => Ok(None),
                header => Ok(Some(header)),
            },
        }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Fault> {
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(TRUNCATED)?;
        self.rest = rest;
        Ok(bytes)
    }

    /// The bytes after a header for bytes; chunks are joined.
    pub(super) fn bytes(&mut self, length: Option<usize>) -> Result<Cow<'a, [u8]>, Fault> {
        match length {
            Some(length) => self.take(length).map(Cow::Borrowed),
            None => self.chunks_of_bytes().map(Cow::Owned),
        }
    }

    fn chunks_of_bytes(&mut self) -> Result<Vec<u8>, Fault> {
        let mut all = Vec::new();
        loop {
            match self.header()? {
                Header::Bytes(Some(length)) => all.extend_from_slice(self.take(length)?),
                Header::Break => return Ok(all),
                _ => return Err(NOT_WELL_FORMED),
            }
        }
    }

    /// The text after a header for text; chunks are joined, each of which must be valid by itself.
    #[inline(always)] // as above
    pub(super) fn text(&mut self, length: Option<usize>) -> Result<Cow<'a, str>, Fault> {
        match length {
            Some(length) => utf8(self.take(length)?).map(Cow::Borrowed),
            None => self.chunks_of_text().map(Cow::Owned),
        }
    }

    fn chunks_of_text(&mut self) -> Result<String, Fault> {
        let mut all = String::new();
        loop {
            match self.header()? {
                Header::Text(Some(length)) => all.push_str(utf8(self.take(length)?)?),
                Header::Break => return Ok(all),
                _ => return Err(NOT_WELL_FORMED),
            }
        }
    }

    /// Skips an item, whatever it is.
    pub(super) fn skip(&mut self) -> Result<(), Fault> {
        /// What is still to come in an array, a map or a tag.
        enum Left {
            Items(usize),
            /// Items until a break, which may follow each of them.
            Array,
            /// Items until a break, which may follow each second of them.
            Map {
                odd: bool,
            },
        }
        let mut around: Vec<Left> = Vec::new();
        loop {
            let opened = match self.header()? {
                Header::Bytes(length) => {
                    self.bytes(length)?;
                    None
                }
                Header::Text(length) => {
                    self.text(length)?;
                    None
                }
                Header::Tag(_) => Some(Left::Items(1)),
                Header::Array(Some(length)) => Some(Left::Items(length)),
                Header::Array(None) => Some(Left::Array),
                Header::Map(Some(length)) => {
                    Some(Left::Items(length.checked_mul(2).ok_or(NOT_WELL_FORMED)?))
                }
                Header::Map(None) => Some(Left::Map { odd: false }),
                Header::Break => match around.pop() {
                    // The item that the break stands in place of has been counted already.
                    Some(Left::Array | Left::Map { odd: true }) => None,
                    _ => return Err(NOT_WELL_FORMED),
                },
                Header::Positive(_)
                | Header::Negative(_)
                | Header::Float(_)
                | Header::Simple(_) => None,
            };
            if let Some(left) = opened {
                if around.len() == MAX_NESTING {
                    return Err("CBOR items nested too deeply");
                }
                around.push(left);
            }
            // Close whatever is complete now, and count the item that follows.
            loop {
                match around.last_mut() {
                    None => return Ok(()),
                    Some(Left::Items(0)) => {
                        around.pop();
                        continue;
                    }
                    Some(Left::Items(left)) => *left -= 1,
                    Some(Left::Array) => {}
                    Some(Left::Map { odd }) => *odd = !*odd,
                }
                break;
            }
        }
    }

    /// A value: a number (bignums and decimal fractions too), text, bytes, boolean or date; `None` for null.
    #[inline(always)] // as above
    pub(super) fn value(&mut self) -> Result<Option<Value>, Fault> {
        let header = self.header()?;
        self.value_of(header)
    }

    /// The value that this header, just read, begins.
    #[inline(always)] // as above
    pub(super) fn value_of(&mut self, header: Header) -> Result<Option<Value>, Fault> {
        match header {
            Header::Float(v) => Ok(Some(Value::Float(v))),
            Header::Positive(n) => Ok(Some(unsigned(n))),
            header => self.longer_value_of(header),
        }
    }

    fn longer_value_of(&mut self, mut header: Header) -> Result<Option<Value>, Fault> {
        for _ in 0..MAX_NESTING {
            return Ok(Some(match header {
                Header::Text(length) => Value::String(self.text(length)?.into_owned()),
                Header::Bytes(length) => Value::Opaque(self.bytes(length)?.into_owned()),
                Header::Simple(simple::FALSE) => Value::Boolean(false),
                Header::Simple(simple::TRUE) => Value::Boolean(true),
                Header::Simple(simple::NULL) => return Ok(None),
                Header::Tag(0) => match self.header()? {
                    Header::Text(length) => Value::Time(
                        parse_date(&self.text(length)?)
                            .ok_or("a date that does not follow RFC 3339")?,
                    ),
                    _ => return Err("a date of tag 0 must be text"),
                },
                Header::Tag(TAG_EPOCH) => Value::Time(self.epoch()?),
                Header::Positive(_)
                | Header::Negative(_)
                | Header::Float(_)
                | Header::Tag(2..=4) => self.number_of(header)?,
                // Tags are optional (appendix C): others tell nothing that the model does not.
                Header::Tag(_) => {
                    header = self.header()?;
                    continue;
                }
                Header::Array(_) | Header::Map(_) => {
                    return Err("an array or a map where a value should be");
                }
                Header::Break => return Err(NOT_WELL_FORMED),
                Header::Simple(_) => return Err("a simple value without a meaning here"),
            }));
        }
        Err("too many CBOR tags")
    }

    /// A number: [`Value::Integer`] where it fits, else [`Value::Unsigned`], else [`Value::Float`].
    pub(super) fn number(&mut self) -> Result<Value, Fault> {
        let header = self.header()?;
        self.number_of(header)
    }

    /// The number that this header, just read, begins.
    pub(super) fn number_of(&mut self, header: Header) -> Result<Value, Fault> {
        match header {
            Header::Positive(n) => Ok(unsigned(n)),
            Header::Negative(n) => Ok(match i64::try_from(n) {
                Ok(n) => Value::Integer(!n),
                Err(_) => integer_value(-1 - i128::from(n)),
            }),
            Header::Float(v) => Ok(Value::Float(v)),
            Header::Tag(tag @ (2 | 3)) => match self.bignum(tag)? {
                Ok(n) => Ok(integer_value(n)),
                Err(v) => Ok(Value::Float(v)),
            },
            Header::Tag(4) => self.decimal_fraction(),
            _ => Err("something else where a number should be"),
        }
    }

    /// A bignum (RFC 8949, section 3.4.3), exactly where 127 bits hold it.
    fn bignum(&mut self, tag: u64) -> Result<Result<i128, f64>, Fault> {
        let Header::Bytes(length) = self.header()? else {
            return Err("a bignum must be bytes");
        };
        let bytes = self.bytes(length)?;
        let start = bytes.iter().position(|b| *b != 0).unwrap_or(bytes.len());
        let digits = &bytes[start..];
        if digits.len() > MAX_BIGNUM {
            return Err(TOO_LARGE);
        }
        let head = digits.len().min(16);
        let mut n = digits[..head]
            .iter()
            .fold(0u128, |n, byte| n << 8 | u128::from(*byte));
        if let (true, Ok(n)) = (digits.len() == head, i128::try_from(n)) {
            return Ok(Ok(if tag == 2 { n } else { -1 - n }));
        }
        // Rounded once: what is cut off only breaks ties, so one low bit stands for all of it.
        if digits[head..].iter().any(|b| *b != 0) {
            n |= 1;
        }
        let mut value = n as f64;
        for _ in head..digits.len() {
            value *= 256.0;
        }
        if value.is_infinite() {
            return Err(TOO_LARGE);
        }
        Ok(Err(if tag == 2 { value } else { -value }))
    }

    /// A decimal fraction (RFC 8949, section 3.4.4): `[exponent, mantissa]`, mantissa times ten to the exponent.
    fn decimal_fraction(&mut self) -> Result<Value, Fault> {
        const FAULT: Fault = "a decimal fraction must be [exponent, mantissa], both integers";
        let mut left = match self.header()? {
            Header::Array(length @ (None | Some(2))) => length,
            _ => return Err(FAULT),
        };
        let exponent = match self.next_in(&mut left)?.ok_or(FAULT)? {
            Header::Positive(n) => i128::from(n),
            Header::Negative(n) => -1 - i128::from(n),
            _ => return Err(FAULT),
        };
        let mantissa = match self.next_in(&mut left)?.ok_or(FAULT)? {
            Header::Positive(n) => i128::from(n),
            Header::Negative(n) => -1 - i128::from(n),
            Header::Tag(tag @ (2 | 3)) => self.bignum(tag)?.map_err(|_| TOO_LARGE)?,
            _ => return Err(FAULT),
        };
        if self.next_in(&mut left)?.is_some() {
            return Err(FAULT);
        }
        // Beyond this every mantissa gives zero or infinity.
        let mut exponent = exponent.clamp(-1_000, 1_000) as i32;
        let mut mantissa = mantissa;
        if mantissa == 0 {
            return Ok(Value::Integer(0));
        }
        while exponent < 0 && mantissa % 10 == 0 {
            mantissa /= 10;
            exponent += 1;
        }
        while exponent > 0 {
            let Some(larger) = mantissa.checked_mul(10) else {
                break;
            };
            mantissa = larger;
            exponent -= 1;
        }
        if exponent == 0 {
            return Ok(integer_value(mantissa));
        }
        // The standard library's parser rounds correctly, which multiplying by powers of ten would not.
        match alloc::format!("{mantissa}e{exponent}").parse::<f64>() {
            Ok(v) if v.is_finite() => Ok(Value::Float(v)),
            _ => Err(TOO_LARGE),
        }
    }

    /// Whole seconds of an epoch-based date (tag 1); a fraction is cut off, since the type has none.
    fn epoch(&mut self) -> Result<i64, Fault> {
        const FAULT: Fault = "a date of tag 1 must be a number of seconds that fits 64 bits";
        match self.number()? {
            Value::Integer(seconds) => Ok(seconds),
            Value::Float(seconds) if fits_i64(seconds) => {
                let whole = seconds as i64;
                Ok(if whole as f64 > seconds {
                    whole - 1
                } else {
                    whole
                })
            }
            _ => Err(FAULT),
        }
    }
}

/// The narrowest type that holds an unsigned integer.
fn unsigned(n: u64) -> Value {
    i64::try_from(n).map_or(Value::Unsigned(n), Value::Integer)
}

pub(super) fn utf8(bytes: &[u8]) -> Result<&str, Fault> {
    core::str::from_utf8(bytes).map_err(|_| "text that is not UTF-8")
}

/// The argument of a header, and what follows it.
fn argument<const N: usize>(
    bytes: &[u8],
    read: impl FnOnce([u8; N]) -> u64,
) -> Result<(u64, &[u8]), Fault> {
    let (argument, rest) = bytes.split_first_chunk().ok_or(TRUNCATED)?;
    Ok((read(*argument), rest))
}

/// Writes CBOR items to memory.
pub(super) struct Writer<'a> {
    encoder: Encoder<&'a mut Vec<u8>>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(bytes: &'a mut Vec<u8>) -> Self {
        Writer {
            encoder: Encoder::from(bytes),
        }
    }

    pub(super) fn push(&mut self, header: Header) {
        let written = self.encoder.push(header);
        debug_assert!(written.is_ok(), "memory takes all that is written");
    }

    fn write(&mut self, bytes: &[u8]) {
        let written = self.encoder.write_all(bytes);
        debug_assert!(written.is_ok(), "memory takes all that is written");
    }

    pub(super) fn text(&mut self, text: &str) {
        self.push(Header::Text(Some(text.len())));
        self.write(text.as_bytes());
    }

    /// A text in two parts.
    pub(super) fn text_of(&mut self, first: &str, second: &str) {
        self.push(Header::Text(Some(first.len() + second.len())));
        self.write(first.as_bytes());
        self.write(second.as_bytes());
    }

    pub(super) fn integer(&mut self, n: i64) {
        self.push(match u64::try_from(n) {
            Ok(n) => Header::Positive(n),
            Err(_) => Header::Negative(!n as u64),
        });
    }

    /// A float in 32 bits where that loses nothing, else in 64: peers may not read the 16-bit floats that
    /// ciborium would choose.
    pub(super) fn float(&mut self, v: f64) {
        let single = v as f32;
        if f64::from(single) == v || v.is_nan() {
            self.write(&[0xfa]);
            self.write(&single.to_be_bytes());
        } else {
            self.write(&[0xfb]);
            self.write(&v.to_be_bytes());
        }
    }

    /// A value in the form of appendix C, table C-2: times as integers, links as text.
    pub(super) fn value(&mut self, value: &Value) {
        match value {
            Value::String(text) | Value::CoreLink(text) => self.text(text),
            Value::Integer(n) | Value::Time(n) => self.integer(*n),
            Value::Unsigned(n) => self.push(Header::Positive(*n)),
            Value::Float(v) => self.float(*v),
            Value::Boolean(v) => self.push(Header::Simple(match v {
                true => simple::TRUE,
                false => simple::FALSE,
            })),
            Value::Opaque(bytes) => {
                self.push(Header::Bytes(Some(bytes.len())));
                self.write(bytes);
            }
            Value::ObjectLink(link) => self.text(&alloc::format!("{link}")),
        }
    }
}
