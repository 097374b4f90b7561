//! Padding and MAC of MAC-then-encrypt, in a time that tells nothing but the record's length.
//!
//! What is secret is one number, the length of the padding; the content's length and the MAC's place follow from it.
//! No branch, no array index and no number of compressions may depend on it. The trick against "Lucky 13" is that of
//! RFC 5246's section 6.2.3.2 taken further: all blocks of the longest possible content are compressed, and the state
//! behind the block that is truly the last is kept by a mask.

use super::super::hash::HASH_LEN;
use super::super::{CryptoError, hash::sha256};
use core::slice::from_ref;
use sha2::block_api::compress256;
use subtle::{
    Choice, ConditionallySelectable, ConstantTimeEq, ConstantTimeGreater, ConstantTimeLess,
};
use zeroize::Zeroizing;

/// Bytes that a block of SHA-256 holds.
const HASH_BLOCK: usize = 64;
/// Bytes of the length of the hashed text at the end of the last block.
const BIT_LENGTH: usize = 8;
/// Where SHA-256 begins (FIPS 180-4, section 5.3.3).
const INITIAL: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];
/// The longest padding, without the byte that counts it.
const MAX_PADDING: usize = 255;

/// Checks decrypted `content | MAC | padding` and says how long the content is.
///
/// # Errors
///
/// [`CryptoError::Invalid`] where the padding or the MAC is wrong.
pub(super) fn checked_content_len(
    mac_key: &[u8; HASH_LEN],
    header: &[u8],
    decrypted: &[u8],
) -> Result<usize, CryptoError> {
    let longest = decrypted
        .len()
        .checked_sub(HASH_LEN + 1)
        .ok_or(CryptoError::Invalid)?;
    let (padding, padding_is_right) = padding(decrypted)?;
    // Where the padding is wrong it counts as none, and the MAC is computed none the less.
    let content = longest as u32 - padding;
    let expected = hmac(mac_key, header, &decrypted[..longest], content);
    let received = window(decrypted, content);
    if (expected.ct_eq(&*received) & padding_is_right).into() {
        // Now that it is known to be the peer's, its length is no secret any more.
        Ok(content as usize)
    } else {
        Err(CryptoError::Invalid)
    }
}

/// The padding's length, and whether the padding is right; 0 where it is not.
fn padding(decrypted: &[u8]) -> Result<(u32, Choice), CryptoError> {
    let last = *decrypted.last().ok_or(CryptoError::Invalid)?;
    let padding = u32::from(last);
    let room = (decrypted.len() - HASH_LEN - 1) as u32;
    let mut right = !padding.ct_gt(&room);
    for (at, byte) in decrypted.iter().rev().take(MAX_PADDING + 1).enumerate() {
        let beyond = (at as u32).ct_gt(&padding);
        right &= beyond | byte.ct_eq(&last);
    }
    Ok((u32::conditional_select(&0, &padding, right), right))
}

/// HMAC-SHA-256 over the header, the content's length and the content, which is the first `len` bytes of `longest`;
/// `len` is secret and at most [`MAX_PADDING`] bytes less than `longest` is long.
fn hmac(
    key: &[u8; HASH_LEN],
    header: &[u8],
    longest: &[u8],
    len: u32,
) -> Zeroizing<[u8; HASH_LEN]> {
    let length = (len as u16).to_be_bytes();
    let prefix = header.len() + length.len();
    let byte_at = |at: usize| {
        if at < header.len() {
            header[at]
        } else if at < prefix {
            length[at - header.len()]
        } else {
            longest.get(at - prefix).copied().unwrap_or(0)
        }
    };
    // Byte and block numbers are counted behind the block that holds the key.
    let end = prefix as u32 + len;
    let last_block = (end + BIT_LENGTH as u32) / HASH_BLOCK as u32;
    let bit_length = (u64::from(end) + HASH_BLOCK as u64) * 8;
    let shortest_end = prefix + longest.len().saturating_sub(MAX_PADDING);
    let longest_end = prefix + longest.len();
    let blocks = (longest_end + BIT_LENGTH) / HASH_BLOCK + 1;

    let mut state = Zeroizing::new(INITIAL);
    compress256(&mut state, from_ref(&*key_block(key, 0x36)));
    let mut inner = [0_u32; 8];
    for number in 0..blocks {
        let start = number * HASH_BLOCK;
        let mut block = Zeroizing::new([0; HASH_BLOCK]);
        for (at, byte) in block.iter_mut().enumerate() {
            *byte = byte_at(start + at);
        }
        if start + HASH_BLOCK > shortest_end {
            let is_last = (number as u32).ct_eq(&last_block);
            close(&mut block, start as u32, end, bit_length, is_last);
            compress256(&mut state, from_ref(&*block));
            for (kept, word) in inner.iter_mut().zip(state.iter()) {
                kept.conditional_assign(word, is_last);
            }
        } else {
            // Content for certain, whatever the padding.
            compress256(&mut state, from_ref(&*block));
        }
    }
    let mut inner_hash = Zeroizing::new([0; HASH_LEN]);
    for (bytes, word) in inner_hash.chunks_exact_mut(4).zip(inner) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    Zeroizing::new(sha256(&[&key_block(key, 0x5c)[..], &inner_hash[..]]))
}

/// The key as HMAC xors it into a block (RFC 2104, section 2).
fn key_block(key: &[u8; HASH_LEN], pad: u8) -> Zeroizing<[u8; HASH_BLOCK]> {
    let mut block = Zeroizing::new([pad; HASH_BLOCK]);
    for (byte, key) in block.iter_mut().zip(key) {
        *byte ^= key;
    }
    block
}

/// Gives a block what SHA-256 puts behind the text: 0x80 at its end, zeros, and its length where the block is the last.
fn close(block: &mut [u8; HASH_BLOCK], start: u32, end: u32, bit_length: u64, is_last: Choice) {
    for (at, byte) in (start..).zip(block.iter_mut()) {
        byte.conditional_assign(&0x80, at.ct_eq(&end));
        byte.conditional_assign(&0, at.ct_gt(&end));
    }
    let length = bit_length.to_be_bytes();
    for (byte, length) in block[HASH_BLOCK - BIT_LENGTH..].iter_mut().zip(length) {
        byte.conditional_assign(&length, is_last);
    }
}

/// The [`HASH_LEN`] bytes from a secret place on. Every byte where they may lie is read: each falls on one of 32
/// places in a ring, and the ring is then turned, by a secret number of places, through all its powers of two.
fn window(decrypted: &[u8], start: u32) -> Zeroizing<[u8; HASH_LEN]> {
    let first = decrypted.len().saturating_sub(HASH_LEN + 1 + MAX_PADDING);
    let end = start + HASH_LEN as u32;
    let mut ring = Zeroizing::new([0_u8; HASH_LEN]);
    for (distance, byte) in decrypted[first..].iter().enumerate() {
        let at = (first + distance) as u32;
        let inside = !at.ct_lt(&start) & at.ct_lt(&end);
        ring[distance % HASH_LEN].conditional_assign(byte, inside);
    }
    let turn = (start - first as u32) % HASH_LEN as u32;
    for bit in 0..HASH_LEN.ilog2() {
        let mut turned = ring.clone();
        turned.rotate_left(1 << bit);
        let set = ((turn >> bit) as u8 & 1).into();
        for (byte, turned) in ring.iter_mut().zip(turned.iter()) {
            byte.conditional_assign(turned, set);
        }
    }
    ring
}

#[cfg(test)]
mod tests {
    use super::super::super::hash::Hmac;
    use super::*;
    use alloc::{vec, vec::Vec};

    #[test]
    fn the_hmac_of_a_hidden_length_is_the_hmac() {
        let key = [9; HASH_LEN];
        let text: Vec<u8> = (0..400_u32).map(|at| at as u8).collect();
        for header in [&[1; 11][..], &[2; 23][..], &[3; 62][..]] {
            for longest in [0_usize, 1, 30, 63, 64, 200, 256, 400] {
                for len in longest.saturating_sub(MAX_PADDING)..=longest {
                    let length = (len as u16).to_be_bytes();
                    assert_eq!(
                        *hmac(&key, header, &text[..longest], len as u32),
                        Hmac::new(&key).compute([header, &length, &text[..len]]),
                        "{len} of {longest}, a header of {}",
                        header.len()
                    );
                }
            }
        }
    }

    #[test]
    fn the_window_is_found_wherever_it_lies() {
        for total in [33, 48, 64, 288, 304, 512] {
            let bytes: Vec<u8> = (0..total).map(|at: usize| (at * 7) as u8).collect();
            for padding in 0..=MAX_PADDING.min(total - HASH_LEN - 1) {
                let start = total - HASH_LEN - 1 - padding;
                assert_eq!(
                    window(&bytes, start as u32)[..],
                    bytes[start..start + HASH_LEN]
                );
            }
        }
    }

    #[test]
    fn every_padding_is_told_from_every_other() {
        let total = 320;
        for len in 0..=MAX_PADDING {
            let mut bytes = vec![0xee; total];
            bytes[total - 1 - len..].fill(len as u8);
            let (found, right) = padding(&bytes).expect("not empty");
            assert_eq!((found as usize, bool::from(right)), (len, true));
            // All but the byte that counts: changed, that one counts something else.
            for at in total - 1 - len..total - 1 {
                let mut wrong = bytes.clone();
                wrong[at] ^= 0x10;
                let (found, right) = padding(&wrong).expect("not empty");
                assert_eq!((found, bool::from(right)), (0, false), "{len} at {at}");
            }
        }
        // Right in itself, but it leaves no room for the MAC.
        let (found, right) = padding(&[16; 48]).expect("not empty");
        assert_eq!((found, bool::from(right)), (0, false));
    }
}
