//! Records of the suites with AES_128_CBC_SHA256: MAC and padding around the raw CBC of a provider.
//!
//! ```text
//! MAC-then-encrypt   IV | CBC(content | MAC | padding)     MAC over header | length of content | content
//! encrypt-then-MAC   IV | CBC(content | padding) | MAC     MAC over header | length of IV and CBC | IV | CBC
//! ```
//!
//! The header is what stands before the length in the MAC's input, so that records with a Connection ID fit too:
//!
//! | record | header |
//! |---|---|
//! | RFC 5246, 6.2.3.1; RFC 7366, 3 | epoch and sequence number (8 bytes), type, version |
//! | RFC 9146, 5.1 and 5.2 | eight of 0xff, type tls12_cid, length of the CID, type tls12_cid, version, epoch and sequence number, CID |
//!
//! With MAC-then-encrypt, whoever sends records and watches the clock must not learn where the padding ends. Padding
//! and MAC are therefore checked together, whatever they hold, and the MAC is computed in a time that depends on the
//! record's length alone.

mod constant_time;

use super::{CryptoError, Provider, hash::HASH_LEN, hash::Hmac, prf::CbcKeys};
use alloc::vec::Vec;

const BLOCK: usize = 16;
/// Bytes of the explicit IV in front of each record (RFC 5246, section 6.2.3.2).
pub const IV_LEN: usize = BLOCK;

/// Whether the MAC is inside the ciphertext or behind it (RFC 7366, section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MacOrder {
    /// As TLS 1.2 has it where nothing else was agreed (RFC 5246, section 6.2.3.2).
    MacThenEncrypt,
    /// After the extension `encrypt_then_mac` (RFC 7366, section 3).
    EncryptThenMac,
}

/// Bytes of a record's fragment with so many bytes of content: IV, ciphertext and MAC (RFC 5246, section 6.2.3.2).
pub const fn sealed_len(order: MacOrder, content: usize) -> usize {
    match order {
        MacOrder::MacThenEncrypt => IV_LEN + padded(content + HASH_LEN),
        MacOrder::EncryptThenMac => IV_LEN + padded(content) + HASH_LEN,
    }
}

/// With at least one byte of padding, up to a whole block.
const fn padded(len: usize) -> usize {
    (len / BLOCK + 1) * BLOCK
}

/// Appends to `out` the fragment that protects `content` (RFC 5246, section 6.2.3.2; RFC 7366).
///
/// `iv` must be unpredictable and new for each record; `header` is described in the [module](self).
///
/// # Panics
///
/// Where `content` is longer than a length in two bytes can say; a record holds 16384 bytes at most.
pub fn seal(
    provider: &dyn Provider,
    keys: &CbcKeys,
    order: MacOrder,
    header: &[u8],
    iv: &[u8; IV_LEN],
    content: &[u8],
    out: &mut Vec<u8>,
) {
    let start = out.len();
    let sealed = sealed_len(order, content.len());
    out.reserve(sealed);
    out.extend_from_slice(iv);
    out.extend_from_slice(content);
    let (encrypted_end, hmac) = match order {
        MacOrder::MacThenEncrypt => {
            let length = length(content.len());
            let mac = Hmac::new(&keys.mac).compute([header, &length, content]);
            out.extend_from_slice(&mac);
            (start + sealed, None)
        }
        MacOrder::EncryptThenMac => (start + sealed - HASH_LEN, Some(Hmac::new(&keys.mac))),
    };
    // Each byte of the padding, and the one that counts them, says how many there are besides that one.
    let padding = encrypted_end - out.len() - 1;
    out.resize(encrypted_end, padding as u8);
    provider.cbc_encrypt(&keys.key, iv, &mut out[start + IV_LEN..]);
    if let Some(hmac) = hmac {
        let length = length(encrypted_end - start);
        let mac = hmac.compute([header, &length, &out[start..]]);
        out.extend_from_slice(&mac);
    }
}

/// Decrypts a record's fragment in place and returns its content (RFC 5246, section 6.2.3.2; RFC 7366).
///
/// # Errors
///
/// [`CryptoError::Invalid`] where length, padding or MAC are wrong, without telling which; `fragment` is then
/// unspecified.
pub fn open<'a>(
    provider: &dyn Provider,
    keys: &CbcKeys,
    order: MacOrder,
    header: &[u8],
    fragment: &'a mut [u8],
) -> Result<&'a mut [u8], CryptoError> {
    if fragment.len() < sealed_len(order, 0)
        || fragment.len() > usize::from(u16::MAX)
        || !(fragment.len() - sealed_len(order, 0)).is_multiple_of(BLOCK)
    {
        return Err(CryptoError::Invalid);
    }
    match order {
        MacOrder::MacThenEncrypt => {
            let (iv, blocks) = split_iv(fragment)?;
            provider.cbc_decrypt(&keys.key, iv, blocks);
            let content = constant_time::checked_content_len(&keys.mac, header, blocks)?;
            Ok(&mut blocks[..content])
        }
        MacOrder::EncryptThenMac => {
            let (encrypted, mac) = fragment.split_at_mut(fragment.len() - HASH_LEN);
            let length = length(encrypted.len());
            Hmac::new(&keys.mac).verify([header, &length, encrypted], mac)?;
            let (iv, blocks) = split_iv(encrypted)?;
            provider.cbc_decrypt(&keys.key, iv, blocks);
            // Only the peer can have written this, so its padding is no secret from it.
            let padding = *blocks.last().ok_or(CryptoError::Invalid)?;
            let content = blocks
                .len()
                .checked_sub(usize::from(padding) + 1)
                .ok_or(CryptoError::Invalid)?;
            if blocks[content..].iter().any(|byte| *byte != padding) {
                return Err(CryptoError::Invalid);
            }
            Ok(&mut blocks[..content])
        }
    }
}

fn split_iv(fragment: &mut [u8]) -> Result<(&[u8; IV_LEN], &mut [u8]), CryptoError> {
    let (iv, blocks) = fragment
        .split_first_chunk_mut::<IV_LEN>()
        .ok_or(CryptoError::Invalid)?;
    Ok((iv, blocks))
}

fn length(len: usize) -> [u8; 2] {
    u16::try_from(len)
        .expect("a record's length has two bytes")
        .to_be_bytes()
}

#[cfg(all(test, feature = "rustcrypto"))]
mod tests;
