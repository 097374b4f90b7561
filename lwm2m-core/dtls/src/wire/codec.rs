//! Integers and vectors of the presentation language (RFC 5246, section 4).

use alloc::vec::Vec;

/// Bytes that do not follow their syntax.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed message")]
pub(crate) struct Malformed;

/// Takes values off the front of a slice.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Reader { rest: bytes }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Malformed)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(Malformed)?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Malformed> {
        self.array().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Malformed> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u24(&mut self) -> Result<u32, Malformed> {
        self.array()
            .map(|[a, b, c]| u32::from_be_bytes([0, a, b, c]))
    }

    /// A vector with a length of one byte.
    pub(crate) fn vec8(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.u8()?;
        self.take(length.into())
    }

    /// A vector with a length of two bytes.
    pub(crate) fn vec16(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.u16()?;
        self.take(length.into())
    }

    /// A vector with a length of three bytes.
    pub(crate) fn vec24(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.u24()?;
        self.take(length as usize)
    }

    /// Nothing may be left.
    pub(crate) fn end(self) -> Result<(), Malformed> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(Malformed)
        }
    }
}

/// The 16-bit numbers of a list; an odd byte at its end is [`Malformed`].
pub(crate) fn u16_list(bytes: &[u8]) -> Result<impl Iterator<Item = u16> + Clone + '_, Malformed> {
    let (pairs, odd) = bytes.as_chunks::<2>();
    if odd.is_empty() {
        Ok(pairs.iter().map(|pair| u16::from_be_bytes(*pair)))
    } else {
        Err(Malformed)
    }
}

/// Values at the end of a vector. Lengths are those of our own messages, which the configuration bounds far below what
/// their fields can hold.
pub(crate) trait Put {
    fn u8(&mut self, value: u8);
    fn u16(&mut self, value: u16);
    fn u24(&mut self, value: u32);
    fn vec8(&mut self, bytes: &[u8]);
    fn vec16(&mut self, bytes: &[u8]);
    /// What `fill` appends, with a length of two bytes before it.
    fn nested16(&mut self, fill: impl FnOnce(&mut Vec<u8>));
    /// What `fill` appends, with a length of three bytes before it.
    fn nested24(&mut self, fill: impl FnOnce(&mut Vec<u8>));
}

impl Put for Vec<u8> {
    fn u8(&mut self, value: u8) {
        self.push(value);
    }

    fn u16(&mut self, value: u16) {
        self.extend_from_slice(&value.to_be_bytes());
    }

    fn u24(&mut self, value: u32) {
        self.extend_from_slice(&value.to_be_bytes()[1..]);
    }

    fn vec8(&mut self, bytes: &[u8]) {
        self.push(bytes.len() as u8);
        self.extend_from_slice(bytes);
    }

    fn vec16(&mut self, bytes: &[u8]) {
        self.u16(bytes.len() as u16);
        self.extend_from_slice(bytes);
    }

    fn nested16(&mut self, fill: impl FnOnce(&mut Vec<u8>)) {
        let start = self.len();
        self.u16(0);
        fill(self);
        let length = (self.len() - start - 2) as u16;
        self[start..start + 2].copy_from_slice(&length.to_be_bytes());
    }

    fn nested24(&mut self, fill: impl FnOnce(&mut Vec<u8>)) {
        let start = self.len();
        self.u24(0);
        fill(self);
        let length = (self.len() - start - 3) as u32;
        self[start..start + 3].copy_from_slice(&length.to_be_bytes()[1..]);
    }
}
