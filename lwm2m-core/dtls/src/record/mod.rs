//! The protection of records: AEAD and CBC, with and without Connection ID, and the window against replay.
//!
//! A record is encrypted under a nonce made of epoch and sequence number, which is never used twice because sequence
//! numbers only grow. Where the peer wants a Connection ID, the real type is inside, and the id is authenticated
//! (RFC 9146, section 5).

mod replay;
#[cfg(test)]
#[cfg(feature = "rustcrypto")]
mod tests;

pub(crate) use replay::ReplayWindow;

use crate::{
    crypto::{
        Aead, CryptoError, Provider,
        cbc::{self, MacOrder},
        hash::HASH_LEN,
        prf::{AeadKeys, CbcKeys, MasterSecret, Side},
    },
    suite::{CipherSuite, Protection},
    wire::record::{ContentType, DTLS_1_2, HEADER_LEN, Record, put_header},
};
use alloc::{boxed::Box, vec::Vec};
use rand_core::RngCore;
use zeroize::Zeroizing;

/// The explicit part of an AEAD nonce.
const EXPLICIT_NONCE: usize = 8;
/// Stands for a sequence number in the additional data of records with Connection ID.
const PLACEHOLDER: [u8; 8] = [0xff; 8];

/// Longest Connection ID.
pub(crate) const MAX_CONNECTION_ID: usize = 255;

/// The keys of one direction, as raw as they are derived: no key schedule is kept.
#[derive(Clone)]
pub(crate) enum DirectionKeys {
    Aead(AeadKeys),
    Cbc(Box<CbcKeys>),
}

/// The keys of both directions and how they are used.
#[derive(Clone)]
pub(crate) struct Keys {
    pub(crate) suite: CipherSuite,
    /// RFC 7366; means something to CBC suites only.
    pub(crate) encrypt_then_mac: bool,
    pub(crate) write: DirectionKeys,
    pub(crate) read: DirectionKeys,
}

impl Keys {
    /// The keys of a suite (RFC 5246, section 6.3).
    pub(crate) fn derive(
        suite: CipherSuite,
        encrypt_then_mac: bool,
        master: &MasterSecret,
        client_random: &[u8; 32],
        server_random: &[u8; 32],
        side: Side,
    ) -> Self {
        let (write, read) = match suite.protection() {
            Protection::Aead(_) => {
                let keys = master.aead_keys(client_random, server_random);
                let (write, read) = keys.write_and_read(side);
                (DirectionKeys::Aead(write), DirectionKeys::Aead(read))
            }
            Protection::Cbc => {
                let keys = master.cbc_keys(client_random, server_random);
                let (write, read) = keys.write_and_read(side);
                (
                    DirectionKeys::Cbc(Box::new(write)),
                    DirectionKeys::Cbc(Box::new(read)),
                )
            }
        };
        Keys {
            suite,
            encrypt_then_mac,
            write,
            read,
        }
    }

    /// Bytes that a record is longer than its text, at most.
    pub(crate) fn overhead(&self, connection_id: usize) -> usize {
        overhead(self.suite, connection_id)
    }

    /// Appends a protected record.
    pub(crate) fn seal(
        &self,
        provider: &dyn Provider,
        random: &mut dyn RngCore,
        place: Place<'_>,
        content_type: ContentType,
        text: &[u8],
        to: &mut Vec<u8>,
    ) {
        let with_id = !place.connection_id.is_empty();
        let outer_type = if with_id {
            ContentType::ConnectionId
        } else {
            content_type
        };
        let inner_len = text.len() + usize::from(with_id);
        let start = to.len();
        put_header(
            to,
            outer_type,
            DTLS_1_2,
            place.epoch,
            place.sequence,
            place.connection_id,
            0,
        );
        let body = to.len();
        let mut additional = Additional::new(outer_type, place);
        match &self.write {
            DirectionKeys::Aead(keys) => {
                let aead = self.suite.aead();
                to.extend_from_slice(&place.number());
                to.extend_from_slice(text);
                if with_id {
                    to.push(content_type.number());
                }
                let end = to.len();
                to.resize(end + aead.tag_len(), 0);
                let (text, tag) = to[body + EXPLICIT_NONCE..].split_at_mut(inner_len);
                provider.seal(
                    aead,
                    &keys.key,
                    &nonce(&keys.iv, &place.number()),
                    additional.of(inner_len),
                    text,
                    tag,
                );
            }
            DirectionKeys::Cbc(keys) => {
                let mut inner = Zeroizing::new(Vec::with_capacity(inner_len));
                inner.extend_from_slice(text);
                if with_id {
                    inner.push(content_type.number());
                }
                let mut iv = [0; cbc::IV_LEN];
                random.fill_bytes(&mut iv);
                let order = self.mac_order();
                cbc::seal(provider, keys, order, additional.prefix(), &iv, &inner, to);
            }
        }
        let length = (to.len() - body) as u16;
        to[body - 2..body].copy_from_slice(&length.to_be_bytes());
        debug_assert!(to.len() - start <= self.overhead(place.connection_id.len()) + text.len());
    }

    /// Decrypts a record in place; the type is the real one.
    ///
    /// # Errors
    ///
    /// [`CryptoError`] where it was not made with these keys, or says of itself what cannot be.
    pub(crate) fn open<'a>(
        &self,
        provider: &dyn Provider,
        record: Record<'a>,
    ) -> Result<(ContentType, &'a mut [u8]), CryptoError> {
        let place = Place {
            epoch: record.epoch,
            sequence: record.sequence,
            connection_id: record.connection_id(),
        };
        let mut additional = Additional::new(record.content_type, place);
        let text = match &self.read {
            DirectionKeys::Aead(keys) => open_aead(
                provider,
                self.suite.aead(),
                keys,
                &mut additional,
                record.body,
            )?,
            DirectionKeys::Cbc(keys) => {
                let prefix = additional.prefix();
                cbc::open(provider, keys, self.mac_order(), prefix, record.body)?
            }
        };
        if record.content_type != ContentType::ConnectionId {
            return Ok((record.content_type, text));
        }
        // Zeros may follow the type (RFC 9146, section 4).
        let end = text.iter().rposition(|byte| *byte != 0);
        let end = end.ok_or(CryptoError::Invalid)?;
        let content_type = ContentType::from_number(text[end]).ok_or(CryptoError::Invalid)?;
        Ok((content_type, &mut text[..end]))
    }

    fn mac_order(&self) -> MacOrder {
        match self.encrypt_then_mac {
            true => MacOrder::EncryptThenMac,
            false => MacOrder::MacThenEncrypt,
        }
    }

    /// Bytes on the heap.
    pub(crate) fn heap(&self) -> usize {
        let directions = [&self.write, &self.read].into_iter();
        let boxed = directions.filter(|keys| matches!(keys, DirectionKeys::Cbc(_)));
        boxed.count() * size_of::<CbcKeys>()
    }
}

/// Bytes that a record of this suite is longer than its text, at most.
pub(crate) fn overhead(suite: CipherSuite, connection_id: usize) -> usize {
    let protection = match suite.protection() {
        Protection::Aead(aead) => EXPLICIT_NONCE + aead.tag_len(),
        // IV, MAC, and at most a block of padding.
        Protection::Cbc => cbc::IV_LEN + HASH_LEN + 16,
    };
    let inner_type = usize::from(connection_id > 0);
    HEADER_LEN + connection_id + inner_type + protection
}

fn open_aead<'a>(
    provider: &dyn Provider,
    aead: Aead,
    keys: &AeadKeys,
    additional: &mut Additional,
    body: &'a mut [u8],
) -> Result<&'a mut [u8], CryptoError> {
    let invalid = CryptoError::Invalid;
    let (explicit, rest) = body.split_at_mut_checked(EXPLICIT_NONCE).ok_or(invalid)?;
    let length = rest.len().checked_sub(aead.tag_len()).ok_or(invalid)?;
    let (text, tag) = rest.split_at_mut(length);
    provider.open(
        aead,
        &keys.key,
        &nonce(&keys.iv, explicit),
        additional.of(length),
        text,
        tag,
    )?;
    Ok(text)
}

fn nonce(salt: &[u8; 4], explicit: &[u8]) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[..4].copy_from_slice(salt);
    nonce[4..].copy_from_slice(explicit);
    nonce
}

/// Where in its direction a record stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) epoch: u16,
    pub(crate) sequence: u64,
    pub(crate) connection_id: &'a [u8],
}

impl Place<'_> {
    /// Epoch and sequence number.
    fn number(&self) -> [u8; 8] {
        ((u64::from(self.epoch) << 48) | self.sequence).to_be_bytes()
    }
}

/// The additional data of AEAD and the pseudo header of MACs: all but the length, which [`Additional::of`] adds.
struct Additional {
    bytes: [u8; 8 + 3 + 2 + 8 + MAX_CONNECTION_ID + 2],
    prefix: usize,
}

impl Additional {
    fn new(outer_type: ContentType, place: Place<'_>) -> Self {
        let mut additional = Additional {
            bytes: [0; 8 + 3 + 2 + 8 + MAX_CONNECTION_ID + 2],
            prefix: 0,
        };
        if outer_type == ContentType::ConnectionId {
            let kind = outer_type.number();
            additional.push(&PLACEHOLDER);
            additional.push(&[kind, place.connection_id.len() as u8, kind]);
            additional.push(&DTLS_1_2.to_be_bytes());
            additional.push(&place.number());
            additional.push(place.connection_id);
        } else {
            additional.push(&place.number());
            additional.push(&[outer_type.number()]);
            additional.push(&DTLS_1_2.to_be_bytes());
        }
        additional
    }

    fn push(&mut self, bytes: &[u8]) {
        self.bytes[self.prefix..self.prefix + bytes.len()].copy_from_slice(bytes);
        self.prefix += bytes.len();
    }

    fn prefix(&self) -> &[u8] {
        &self.bytes[..self.prefix]
    }

    /// For a text of this length.
    fn of(&mut self, length: usize) -> &[u8] {
        let end = self.prefix + 2;
        self.bytes[self.prefix..end].copy_from_slice(&(length as u16).to_be_bytes());
        &self.bytes[..end]
    }
}
