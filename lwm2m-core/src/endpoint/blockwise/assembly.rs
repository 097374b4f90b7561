//! How far the body of a peer's request has come.

use crate::coap::Block;

/// What a block of an upload is to those that came before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::endpoint) enum Place {
    /// The one that is waited for.
    Next,
    /// The last of those that came.
    Repeated,
    /// One that others have followed: a copy that was delayed.
    Old,
    /// One behind a gap, or that overlaps what is waited for.
    Gap,
}

/// How far an upload of a peer has come.
pub(in crate::endpoint) struct Assembly {
    /// Bytes that have come without gap.
    received: usize,
    /// Bytes of the last block.
    last: usize,
}

impl Assembly {
    /// Begun with a first block of this length.
    pub(in crate::endpoint) fn begun(length: usize) -> Self {
        Assembly {
            received: length,
            last: length,
        }
    }

    pub(in crate::endpoint) fn received(&self) -> usize {
        self.received
    }

    /// What this block is to those before it.
    pub(in crate::endpoint) fn place(&self, block: Block, length: usize) -> Place {
        let offset = block.offset();
        if offset == self.received {
            Place::Next
        } else if offset + length == self.received && length == self.last {
            Place::Repeated
        } else if offset + length <= self.received {
            Place::Old
        } else {
            Place::Gap
        }
    }

    /// Takes in a block that is [`Place::Next`].
    pub(in crate::endpoint) fn advance(&mut self, length: usize) {
        self.received += length;
        self.last = length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coap::BlockSize;

    #[test]
    fn the_place_of_a_block() {
        let block = |number, size| Block {
            number,
            more: true,
            size: BlockSize::at_most(size),
        };
        let mut assembly = Assembly::begun(64);
        for (number, size, length, place) in [
            (1, 64, 64, Place::Next),
            (2, 32, 32, Place::Next),
            (4, 16, 5, Place::Next),
            (0, 64, 64, Place::Repeated),
            // Of another length than what came, it is no repetition.
            (1, 32, 32, Place::Old),
            (0, 64, 63, Place::Old),
            (2, 64, 64, Place::Gap),
            (3, 16, 16, Place::Old),
            (3, 16, 17, Place::Gap),
        ] {
            assert_eq!(
                assembly.place(block(number, size), length),
                place,
                "{number} {size}"
            );
        }
        assembly.advance(32);
        assert_eq!(assembly.received(), 96);
        for (number, size, length, place) in [
            (3, 32, 32, Place::Next),
            (2, 32, 32, Place::Repeated),
            (0, 64, 64, Place::Old),
            (1, 64, 64, Place::Gap),
        ] {
            assert_eq!(
                assembly.place(block(number, size), length),
                place,
                "{number} {size}"
            );
        }
    }
}
