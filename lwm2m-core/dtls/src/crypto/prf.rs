//! From secrets to keys: the pseudorandom function of TLS 1.2 with SHA-256, and the four things made with it.

use super::hash::{HASH_LEN, Hmac};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Bytes of the master secret (RFC 5246, section 8.1).
pub const MASTER_SECRET_LEN: usize = 48;

/// Bytes of `verify_data` in a Finished (RFC 5246, section 7.4.9).
pub const VERIFY_DATA_LEN: usize = 12;

/// P_SHA256 of RFC 5246, section 5: fills `out` from the secret, the label and the seed.
pub fn prf(secret: &[u8], label: &[u8], seed: &[&[u8]], out: &mut [u8]) {
    let hmac = Hmac::new(secret);
    let seed = || [label].into_iter().chain(seed.iter().copied());
    let mut a = Zeroizing::new(hmac.compute(seed()));
    for chunk in out.chunks_mut(HASH_LEN) {
        let block = Zeroizing::new(hmac.compute([&a[..]].into_iter().chain(seed())));
        chunk.copy_from_slice(&block[..chunk.len()]);
        *a = hmac.compute([&a[..]]);
    }
}

/// What the master secret is bound to (RFC 5246, section 8.1; RFC 7627, section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Derivation<'a> {
    /// The two randoms (RFC 5246, section 8.1).
    Randoms {
        /// Of the ClientHello.
        client: &'a [u8; 32],
        /// Of the ServerHello.
        server: &'a [u8; 32],
    },
    /// The handshake up to and including the ClientKeyExchange: the extended master secret (RFC 7627, section 4).
    SessionHash(&'a [u8; HASH_LEN]),
}

impl<'a> Derivation<'a> {
    /// The PRF's label.
    pub const fn label(&self) -> &'static [u8] {
        match self {
            Derivation::Randoms { .. } => b"master secret",
            Derivation::SessionHash(_) => b"extended master secret",
        }
    }

    /// The PRF's seed, in two parts of which one may be empty.
    pub const fn seed(&self) -> [&'a [u8]; 2] {
        match *self {
            Derivation::Randoms { client, server } => [client, server],
            Derivation::SessionHash(hash) => [hash, &[]],
        }
    }
}

/// Who sends: the labels of Finished messages differ (RFC 5246, section 7.4.9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// The side that sent the ClientHello.
    Client,
    /// The side that answered it.
    Server,
}

/// The master secret of a session (RFC 5246, section 8.1): wiped when dropped, compared in constant time, hidden from
/// `Debug`.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct MasterSecret([u8; MASTER_SECRET_LEN]);

impl MasterSecret {
    /// Takes over one that was made elsewhere: by hardware, or before a restart.
    pub const fn from_bytes(bytes: [u8; MASTER_SECRET_LEN]) -> Self {
        MasterSecret(bytes)
    }

    /// The bytes themselves; the name is long so that each use is seen in review.
    pub const fn expose_secret(&self) -> &[u8; MASTER_SECRET_LEN] {
        &self.0
    }

    /// Derives it from the premaster secret (RFC 5246, section 8.1; RFC 7627, section 4).
    pub fn derive(premaster: &[u8], derivation: &Derivation<'_>) -> Self {
        let mut master = MasterSecret([0; MASTER_SECRET_LEN]);
        prf(
            premaster,
            derivation.label(),
            &derivation.seed(),
            &mut master.0,
        );
        master
    }

    /// The keys of a suite with CCM or GCM: no MAC keys, and nonces that begin with 4 bytes of the key block
    /// (RFC 5246, section 6.3; RFC 5288, section 3; RFC 6655, section 3).
    pub fn aead_keys(&self, client_random: &[u8; 32], server_random: &[u8; 32]) -> Pair<AeadKeys> {
        let mut block = Zeroizing::new([0; 2 * 16 + 2 * 4]);
        self.key_block(client_random, server_random, &mut block[..]);
        let mut rest = &block[..];
        let (client_key, server_key) = (take(&mut rest), take(&mut rest));
        Pair {
            client: AeadKeys {
                key: client_key,
                iv: take(&mut rest),
            },
            server: AeadKeys {
                key: server_key,
                iv: take(&mut rest),
            },
        }
    }

    /// The keys of a suite with CBC: MAC keys first, and no IVs, since each record brings its own
    /// (RFC 5246, section 6.3).
    pub fn cbc_keys(&self, client_random: &[u8; 32], server_random: &[u8; 32]) -> Pair<CbcKeys> {
        let mut block = Zeroizing::new([0; 2 * 32 + 2 * 16]);
        self.key_block(client_random, server_random, &mut block[..]);
        let mut rest = &block[..];
        let (client_mac, server_mac) = (take(&mut rest), take(&mut rest));
        Pair {
            client: CbcKeys {
                mac: client_mac,
                key: take(&mut rest),
            },
            server: CbcKeys {
                mac: server_mac,
                key: take(&mut rest),
            },
        }
    }

    /// Fills `out` with the key block (RFC 5246, section 6.3): here the server's random comes first.
    pub fn key_block(&self, client_random: &[u8; 32], server_random: &[u8; 32], out: &mut [u8]) {
        prf(
            &self.0,
            b"key expansion",
            &[server_random, client_random],
            out,
        );
    }

    /// What the Finished of `side` carries, after the messages with this hash (RFC 5246, section 7.4.9).
    pub fn verify_data(
        &self,
        side: Side,
        handshake_hash: &[u8; HASH_LEN],
    ) -> [u8; VERIFY_DATA_LEN] {
        let label: &[u8] = match side {
            Side::Client => b"client finished",
            Side::Server => b"server finished",
        };
        let mut data = [0; VERIFY_DATA_LEN];
        prf(&self.0, label, &[handshake_hash], &mut data);
        data
    }

    /// Compares received `verify_data` with what it must be, in constant time.
    pub fn verifies(&self, side: Side, handshake_hash: &[u8; HASH_LEN], received: &[u8]) -> bool {
        self.verify_data(side, handshake_hash)[..]
            .ct_eq(received)
            .into()
    }
}

impl PartialEq for MasterSecret {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for MasterSecret {}

/// Takes as many bytes off the front as the caller's array holds.
fn take<const N: usize>(rest: &mut &[u8]) -> [u8; N] {
    let mut taken = [0; N];
    let (front, back) = rest.split_at(N);
    taken.copy_from_slice(front);
    *rest = back;
    taken
}

/// What each side writes with (RFC 5246, section 6.3).
#[derive(Debug, Clone)]
pub struct Pair<K> {
    /// The client writes with it, and the server reads.
    pub client: K,
    /// The server writes with it, and the client reads.
    pub server: K,
}

impl<K> Pair<K> {
    /// Those that `side` writes with, and those that it reads with.
    pub fn write_and_read(self, side: Side) -> (K, K) {
        match side {
            Side::Client => (self.client, self.server),
            Side::Server => (self.server, self.client),
        }
    }
}

/// One direction of a suite with CCM or GCM (RFC 5246, section 6.3); wiped when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct AeadKeys {
    /// The AES key.
    pub key: [u8; 16],
    /// The first four bytes of every nonce, never sent; the eight that follow are those of the record.
    pub iv: [u8; 4],
}

/// One direction of a suite with CBC (RFC 5246, section 6.3); wiped when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct CbcKeys {
    /// The HMAC key.
    pub mac: [u8; 32],
    /// The AES key.
    pub key: [u8; 16],
}

macro_rules! hidden {
    ($($name:ident)*) => {$(
        impl core::fmt::Debug for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(concat!(stringify!($name), "(hidden)"))
            }
        }
    )*};
}

hidden!(MasterSecret AeadKeys CbcKeys);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::psk::PreSharedKey;
    use alloc::{format, vec, vec::Vec};
    use lwm2m_core::secret::Secret;

    const CLIENT: [u8; 32] = [0x11; 32];
    const SERVER: [u8; 32] = [0x22; 32];
    const HANDSHAKE: [u8; 32] = [0x33; 32];
    const RANDOMS: Derivation<'_> = Derivation::Randoms {
        client: &CLIENT,
        server: &SERVER,
    };

    fn bytes(text: &str) -> Vec<u8> {
        hex::decode(text).expect("hexadecimal")
    }

    fn master(derivation: &Derivation<'_>) -> MasterSecret {
        Secret::new(vec![7, 8, 9])
            .master_secret(derivation)
            .expect("a key of three bytes")
    }

    /// The vector for SHA-256 that the TLS working group's list has used since 2009.
    #[test]
    fn the_prf_is_that_of_tls_1_2() {
        let expected = bytes(
            "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a6b301791e90d35c9c9a46b4e14baf9af\
             0fa022f7077def17abfd3797c0564bab4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff701\
             87347b66",
        );
        let secret = bytes("9bbe436ba940f017b17652849a71db35");
        let seed = bytes("a0ba9f936cda311827a6f796ffd5198c");
        // Of any length, and with the seed in any parts.
        for len in 0..=expected.len() {
            let mut out = vec![0; len];
            prf(
                &secret,
                b"test label",
                &[&seed[..len % 17], &seed[len % 17..]],
                &mut out,
            );
            assert_eq!(out, expected[..len]);
        }
    }

    // The values below were computed with `openssl kdf TLS1-PRF` from the same input.

    #[test]
    fn master_secrets_are_those_of_openssl() {
        assert_eq!(
            hex::encode(master(&RANDOMS).expose_secret()),
            "206b7eea180046a9a01c59295d04b5690f3cd0a40b2e48542fd1a17d8cbaf23b10bc46da3c89b61e6f87eef2ac2e89ed"
        );
        assert_eq!(
            hex::encode(master(&Derivation::SessionHash(&HANDSHAKE)).expose_secret()),
            "e45b1ff9b01ec9f07445cf4e929b851cce7c4d22e08116f7a2aba8ef5710ef73b23e5657ed9056df9edd29b7043d71ff"
        );
    }

    #[test]
    fn the_key_block_is_cut_as_the_suite_says() {
        let block = bytes(
            "ea9f50e5d9938f43a53ecd12b23360dc83fe1b71ea99831e3c9b9d6c550c1c11d653341c34d73e1a47cbe4f1318a0496\
             6f126cdd6d06f96ca3d8b3ba2a6c531daabb8c332d72960af4c958894173e9778d2dd7bf41fa6e66ce9da66231804e71",
        );
        let aead = master(&RANDOMS).aead_keys(&CLIENT, &SERVER);
        assert_eq!(aead.client.key, block[..16]);
        assert_eq!(aead.server.key, block[16..32]);
        assert_eq!(aead.client.iv, block[32..36]);
        assert_eq!(aead.server.iv, block[36..40]);
        let cbc = master(&RANDOMS).cbc_keys(&CLIENT, &SERVER);
        assert_eq!(cbc.client.mac, block[..32]);
        assert_eq!(cbc.server.mac, block[32..64]);
        assert_eq!(cbc.client.key, block[64..80]);
        assert_eq!(cbc.server.key, block[80..]);
        let (write, read) = cbc.write_and_read(Side::Server);
        assert_eq!((write.key, read.key), {
            let again = master(&RANDOMS).cbc_keys(&CLIENT, &SERVER);
            (again.server.key, again.client.key)
        });
    }

    #[test]
    fn verify_data_differs_between_the_sides_and_counts_to_the_last_bit() {
        let master = master(&RANDOMS);
        let client = master.verify_data(Side::Client, &HANDSHAKE);
        let server = master.verify_data(Side::Server, &HANDSHAKE);
        assert_eq!(hex::encode(client), "ab518413bed7b03fd16ee8aa");
        assert_eq!(hex::encode(server), "29ca189cce7a677512f23939");
        assert!(master.verifies(Side::Client, &HANDSHAKE, &client));
        assert!(!master.verifies(Side::Server, &HANDSHAKE, &client));
        assert!(!master.verifies(Side::Client, &HANDSHAKE, &client[..11]));
        assert!(!master.verifies(Side::Client, &HANDSHAKE, &[]));
        for bit in 0..VERIFY_DATA_LEN * 8 {
            let mut wrong = client;
            wrong[bit / 8] ^= 1 << (bit % 8);
            assert!(!master.verifies(Side::Client, &HANDSHAKE, &wrong));
        }
    }

    #[test]
    fn debug_shows_no_byte_of_a_secret() {
        let master = master(&RANDOMS);
        assert_eq!(format!("{master:?}"), "MasterSecret(hidden)");
        let keys = master.aead_keys(&CLIENT, &SERVER);
        assert_eq!(
            format!("{keys:?}"),
            "Pair { client: AeadKeys(hidden), server: AeadKeys(hidden) }"
        );
        let keys = master.cbc_keys(&CLIENT, &SERVER);
        assert_eq!(format!("{:?}", keys.client), "CbcKeys(hidden)");
    }

    #[test]
    fn master_secrets_compare_by_value() {
        let one = master(&RANDOMS);
        assert_eq!(one, one.clone());
        let mut other = *one.expose_secret();
        other[47] ^= 1;
        assert_ne!(one, MasterSecret::from_bytes(other));
    }
}
