use core::fmt;

/// The size of a block: 16 to 1024 bytes in powers of two (RFC 7959, section 2.2); over reliable transports also
/// [`BlockSize::BERT`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockSize(u8);

impl BlockSize {
    /// The smallest, 16 bytes.
    pub const MIN: BlockSize = BlockSize(0);
    /// The largest, 1024 bytes.
    pub const MAX: BlockSize = BlockSize(6);

    /// As many units of 1024 bytes as the message holds (RFC 8323, section 6); over reliable transports only.
    pub const BERT: BlockSize = BlockSize(7);

    /// The largest block size of at most `bytes`; [`BlockSize::MIN`] below 16.
    pub const fn at_most(bytes: usize) -> Self {
        let mut szx = 6;
        while szx > 0 && bytes < 16 << szx {
            szx -= 1;
        }
        BlockSize(szx)
    }

    /// Bytes in a block of this size; for BERT those of a unit, in which its blocks are counted.
    pub const fn bytes(self) -> usize {
        match self.0 {
            7 => Block::BERT_UNIT,
            szx => 16 << szx,
        }
    }

    /// The exponent as it stands in the option, 0 to 7.
    pub const fn szx(self) -> u8 {
        self.0
    }
}

impl fmt::Debug for BlockSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == BlockSize::BERT {
            return f.write_str("BlockSize(BERT)");
        }
        write!(f, "BlockSize({})", self.bytes())
    }
}

/// The value of a Block1 or Block2 option (RFC 7959, section 2.2).
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

    /// What the blocks of BERT are counted in, bytes.
    pub const BERT_UNIT: usize = 1024;

    /// Where the block starts in the body, in bytes.
    pub const fn offset(self) -> usize {
        self.number as usize * self.size.bytes()
    }

    /// The option value as an unsigned integer.
    pub const fn to_uint(self) -> u32 {
        (self.number << 4) | (self.more as u32) << 3 | self.size.0 as u32
    }

    /// Whether a payload of this length is what the block says: full where others follow, else not longer than
    /// full. A BERT block is any number of units (RFC 8323, section 6).
    pub const fn holds(self, length: usize) -> bool {
        let unit = self.size.bytes();
        match (self.size.0 == BlockSize::BERT.0, self.more) {
            (true, true) => length > 0 && length.is_multiple_of(unit),
            (true, false) => true,
            (false, true) => length == unit,
            (false, false) => length <= unit,
        }
    }

    /// The number of the block behind this one, whose payload has this length; `None` where there are no more
    /// numbers.
    pub fn next_number(self, length: usize) -> Option<u32> {
        let span = length.div_ceil(self.size.bytes()).max(1);
        let next = u32::try_from(span).ok()?.checked_add(self.number)?;
        (next <= Block::MAX_NUMBER).then_some(next)
    }

    /// Reads an option value of a datagram.
    ///
    /// # Errors
    /// More than three bytes or a reserved size.
    pub fn from_bytes(value: &[u8]) -> Result<Self, BlockError> {
        let block = Block::from_bytes_reliable(value)?;
        match block.size {
            BlockSize::BERT => Err(BlockError::ReservedSize),
            _ => Ok(block),
        }
    }

    /// Reads an option value of a message that came over a reliable transport, where exponent 7 means BERT.
    ///
    /// # Errors
    /// More than three bytes.
    pub fn from_bytes_reliable(value: &[u8]) -> Result<Self, BlockError> {
        if value.len() > 3 {
            return Err(BlockError::TooLong);
        }
        let uint = value
            .iter()
            .fold(0, |uint, byte| uint << 8 | u32::from(*byte));
        Ok(Block {
            number: uint >> 4,
            more: uint & 0b1000 != 0,
            size: BlockSize((uint & 0b111) as u8),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // proves: COAP-19
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

    // proves: BLK-01, BLK-02
    #[test]
    fn blocks_of_several_units() {
        let block = Block::from_bytes_reliable(&[0x4F]).unwrap();
        assert_eq!((block.number, block.more, block.offset()), (4, true, 4096));
        assert_eq!((block.size, block.to_uint()), (BlockSize::BERT, 0x4F));
        for (length, holds) in [(0, false), (1023, false), (1024, true), (5120, true)] {
            assert_eq!(block.holds(length), holds, "{length}");
        }
        assert_eq!(block.next_number(5120), Some(9));
        let last = Block {
            more: false,
            ..block
        };
        assert!(last.holds(0) && last.holds(5000));
        let full = Block {
            number: Block::MAX_NUMBER - 1,
            ..block
        };
        assert_eq!(full.next_number(1024), Some(Block::MAX_NUMBER));
        assert_eq!(full.next_number(2048), None);
        assert_eq!(full.next_number(usize::MAX), None);
    }

    #[test]
    fn blocks_of_one_size() {
        let mut block = Block::from_bytes(&[0x1A]).unwrap();
        assert!(block.holds(64) && !block.holds(63) && !block.holds(65));
        assert_eq!(block.next_number(64), Some(2));
        block.more = false;
        assert!(block.holds(0) && block.holds(64) && !block.holds(65));
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
