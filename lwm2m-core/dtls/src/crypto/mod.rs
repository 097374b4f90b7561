//! What the engine asks of cryptography: one small trait, and no algorithm of our own.
//!
//! | module | what it holds |
//! |---|---|
//! | [`hash`] | SHA-256, HMAC |
//! | [`prf`] | PRF, master secret, key block, `verify_data` |
//! | [`psk`] | pre-shared keys, in memory or in hardware |
//! | [`cbc`] | records with CBC and HMAC |
//! | `rustcrypto`, `ring` | the providers, each behind a feature of its name |
//!
//! SHA-256, HMAC and the PRF are the same for every provider; ciphers, key agreement and signatures differ in what a
//! machine offers, so they stand behind [`Provider`]. Keys are handed in raw with each call: a session at rest keeps 16
//! bytes, not a key schedule.

#[cfg(feature = "rustcrypto")]
mod aead;
pub mod cbc;
pub mod hash;
pub mod prf;
pub mod psk;
#[cfg(feature = "ring")]
pub mod ring;
#[cfg(feature = "rustcrypto")]
pub mod rustcrypto;

use alloc::{boxed::Box, sync::Arc, vec::Vec};
use lwm2m_core::secret::Secret;
use rand_core::RngCore;

/// An AEAD with a 128-bit AES key and a 12-byte nonce (RFC 5246, section 6.2.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Aead {
    /// AES-CCM with a tag of 8 bytes (RFC 6655, section 6.1).
    Aes128Ccm8,
    /// AES-CCM with a tag of 16 bytes (RFC 5116, section 5.3).
    Aes128Ccm,
    /// AES-GCM with a tag of 16 bytes (RFC 5288, section 3).
    Aes128Gcm,
}

impl Aead {
    /// Bytes of the tag behind the ciphertext.
    pub const fn tag_len(self) -> usize {
        match self {
            Aead::Aes128Ccm8 => 8,
            Aead::Aes128Ccm | Aead::Aes128Gcm => 16,
        }
    }
}

/// A group for the ephemeral key agreement (RFC 8422, section 5.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Group {
    /// secp256r1; public keys are uncompressed points of 65 bytes (RFC 8422, sections 5.1.1 and 5.4.1).
    Secp256r1,
    /// x25519; public keys are 32 bytes (RFC 8422, sections 5.1.1 and 5.10).
    X25519,
}

/// A public key on P-256: x and y, 32 bytes each, known to be a point of the curve (RFC 5480, section 2.2).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey([u8; 64]);

impl PublicKey {
    /// Takes the coordinates of a point that was checked to lie on the curve. For providers and for signers in
    /// hardware; everybody else asks [`Provider::public_key`], which checks.
    pub const fn from_checked(coordinates: [u8; 64]) -> Self {
        PublicKey(coordinates)
    }

    /// x and y.
    pub const fn coordinates(&self) -> &[u8; 64] {
        &self.0
    }
}

impl core::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "PublicKey({:02x}{:02x}..)", self.0[0], self.0[1])
    }
}

/// Why something cryptographic did not succeed. It says no more, on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CryptoError {
    /// A tag, MAC, padding or signature that does not verify.
    #[error("the verification failed")]
    Invalid,
    /// A public key that is no point of its curve, or leads to an all-zero secret.
    #[error("the public key is invalid")]
    PublicKey,
    /// A pre-shared key that is empty, or too long for a length in two bytes.
    #[error("a pre-shared key has 1 to 65535 bytes")]
    PreSharedKey,
    /// A private key that cannot be read.
    #[error("the private key is not ECDSA P-256 in PKCS#8")]
    PrivateKey,
    /// The provider does not offer the algorithm.
    #[error("the algorithm is not offered")]
    Unsupported,
    /// Hardware or operating system failed.
    #[error("the operation failed")]
    Failed,
}

/// The seam to whoever does the cryptography: ciphers, key agreement and signatures.
pub trait Provider: Send + Sync {
    /// Encrypts `text` in place and fills `tag`.
    ///
    /// # Panics
    ///
    /// Where `tag` is not [`Aead::tag_len`] long, or `text` longer than 16 MiB.
    fn seal(
        &self,
        aead: Aead,
        key: &[u8; 16],
        nonce: &[u8; 12],
        additional: &[u8],
        text: &mut [u8],
        tag: &mut [u8],
    );

    /// Decrypts `text` in place.
    ///
    /// # Errors
    ///
    /// [`CryptoError::Invalid`] where the tag does not verify or is not [`Aead::tag_len`] long; `text` is then
    /// unspecified.
    fn open(
        &self,
        aead: Aead,
        key: &[u8; 16],
        nonce: &[u8; 12],
        additional: &[u8],
        text: &mut [u8],
        tag: &[u8],
    ) -> Result<(), CryptoError>;

    /// AES-128-CBC without padding, in place.
    ///
    /// # Panics
    ///
    /// Where `blocks` is not a multiple of 16 bytes long.
    fn cbc_encrypt(&self, key: &[u8; 16], iv: &[u8; 16], blocks: &mut [u8]);

    /// The inverse of [`Provider::cbc_encrypt`].
    fn cbc_decrypt(&self, key: &[u8; 16], iv: &[u8; 16], blocks: &mut [u8]);

    /// An ephemeral key pair, from `random` or from a source of the provider's own.
    ///
    /// # Errors
    ///
    /// [`CryptoError::Unsupported`] where the group is not offered.
    fn key_agreement(
        &self,
        group: Group,
        random: &mut dyn RngCore,
    ) -> Result<Box<dyn KeyAgreement>, CryptoError>;

    /// Reads a public key of P-256: an uncompressed point of 65 bytes, as in certificates and raw public keys (RFC
    /// 5480, section 2.2).
    ///
    /// # Errors
    ///
    /// [`CryptoError::PublicKey`] where it is in another form or does not lie on the curve.
    fn public_key(&self, point: &[u8]) -> Result<PublicKey, CryptoError>;

    /// Verifies an ECDSA signature with SHA-256 over `message` (DER, RFC 8422, section 5.4).
    ///
    /// # Errors
    ///
    /// [`CryptoError::Invalid`] where it does not verify.
    fn verify(&self, key: &PublicKey, message: &[u8], signature: &[u8]) -> Result<(), CryptoError>;

    /// Reads an ECDSA P-256 private key in PKCS#8 (RFC 5958) DER.
    ///
    /// # Errors
    ///
    /// [`CryptoError::PrivateKey`] where it is something else.
    fn signer(&self, pkcs8: &Secret) -> Result<Arc<dyn Signer>, CryptoError>;
}

/// Our half of an ephemeral Diffie-Hellman exchange; used once (RFC 8422, section 5.10).
pub trait KeyAgreement: Send {
    /// The public key as it travels: an uncompressed point of 65 bytes, or the 32 bytes of X25519.
    fn public_key(&self) -> &[u8];

    /// The shared secret: the x coordinate, or the output of X25519, 32 bytes.
    ///
    /// # Errors
    ///
    /// [`CryptoError::PublicKey`] where the peer's key is no valid point or leads to an all-zero secret.
    fn agree(self: Box<Self>, peer: &[u8]) -> Result<Secret, CryptoError>;
}

/// A private key that signs; it may live in hardware (RFC 8422, section 5.10).
pub trait Signer: Send + Sync {
    /// The public half.
    fn public_key(&self) -> PublicKey;

    /// An ECDSA signature with SHA-256 over `message`, DER, with `random` or a source of the signer's own.
    ///
    /// # Errors
    ///
    /// [`CryptoError::Failed`] where the hardware does.
    fn sign(&self, message: &[u8], random: &mut dyn RngCore) -> Result<Vec<u8>, CryptoError>;
}
