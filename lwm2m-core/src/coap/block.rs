use core::fmt;

/// The size of a block: 16 to 1024 bytes in powers of two (RFC 7959, section 2.2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockSize(u8);

impl BlockSize {
    /// 16 bytes
    pub const MIN: BlockSize = BlockSize(0);
    /// 1024 bytes
    pub const MAX: BlockSize = BlockSize(6);

    /// The largest block size of at most `bytes`; [`BlockSize::MIN`] below 16.
    pub const fn at_most(bytes: usize) -> Self {
        let mut szx = 6;
        while szx > 0 && bytes < 16 << szx {
            szx -= 1;
        }
        BlockSize(szx)
    }

    /// Bytes in a block of this size.
    pub const fn bytes(self) -> usize {
        16 << self.0
    }

    /// The exponent as it stands in the option, 0 to 6.
    pub const fn szx(self) -> u8 {
        self.0
    }
}

impl fmt::Debug for BlockSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlockSize({})", self.bytes())
    }
}

/// The value of a Block1 or Block2 option.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Block {
    /// Number of the block, 0 to 2^20 - 1.
    pub number: u32,
    /// Whether more follow (or, in a Block1 response, whether the answer is not final).
    pub more: bool,
    /// Size of each block but the last.
    pub size: BlockSize,
}

/// Why an option value is no [`Block`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BlockError {
    /// Longer than three bytes.
    #[error("a block option has at most three bytes")]
    TooLong,
    /// Size exponent 7, which belongs to reliable transports (RFC 8323, section 6).
    #[error("block size exponent 7 is reserved")]
    ReservedSize,
}

impl Block {
    /// The highest block number.
    pub const MAX_NUMBER: u32 = (1 << 20) - 1;

    /// Where the block starts in the body, in bytes.
    pub const fn offset(self) -> usize {
        self.number as usize * self.size.bytes()
    }

    /// The option value as an unsigned integer.
    pub const fn to_uint(self) -> u32 {
        (self.number << 4) | (self.more as u32) << 3 | self.size.0 as u32
    }

    /// Reads an option value.
    ///
    /// # Errors
    /// More than three bytes or a reserved size.
    pub fn from_bytes(value: &[u8]) -> Result<Self, BlockError> {
        if value.len() > 3 {
            return Err(BlockError::TooLong);
        }
        let uint = value
            .iter()
            .fold(0, |uint, byte| uint << 8 | u32::from(*byte));
        match (uint & 0b111) as u8 {
            7 => Err(BlockError::ReservedSize),
            szx => Ok(Block {
                number: uint >> 4,
                more: uint & 0b1000 != 0,
                size: BlockSize(szx),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (bytes, size) in [
            (0, 16),
            (16, 16),
            (17, 16),
            (1023, 512),
            (1024, 1024),
            (9999, 1024),
        ] {
            assert_eq!(BlockSize::at_most(bytes).bytes(), size);
        }
    }

    #[test]
    fn option_values_round_trip() {
        for (value, number, more, bytes) in [
            (&[][..], 0, false, 16),
            (&[0x06], 0, false, 1024),
            (&[0x1e], 1, true, 1024),
            (&[0xff, 0xff, 0xfe], Block::MAX_NUMBER, true, 1024),
        ] {
            let block = Block::from_bytes(value).unwrap();
            assert_eq!(
                (block.number, block.more, block.size.bytes()),
                (number, more, bytes)
            );
            assert_eq!(
                block.to_uint(),
                value.iter().fold(0, |n, b| n << 8 | u32::from(*b))
            );
        }
        assert_eq!(Block::from_bytes(&[7]), Err(BlockError::ReservedSize));
        assert_eq!(Block::from_bytes(&[0, 0, 0, 0]), Err(BlockError::TooLong));
    }
}
