//! The provider on `ring`, for servers: P-256, X25519 and GCM in assembler; CCM and CBC, which `ring` has not, stay
//! with the RustCrypto crates.
//!
//! Two things differ from [`RustCrypto`]: `ring` takes its randomness from the operating system and leaves the injected
//! one alone, and it does not wipe the private keys it holds.

use super::{
    Aead, CryptoError, Group, KeyAgreement, Provider, PublicKey, Signer,
    rustcrypto::{RustCrypto, public_half, read_pkcs8, to_point},
};
use ::ring::{
    aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, Tag, UnboundKey},
    agreement::{self, ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral},
    rand::SystemRandom,
    signature::{self, ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair},
};
use alloc::{boxed::Box, sync::Arc, vec::Vec};
use lwm2m_core::secret::Secret;
use rand_core::RngCore;
use zeroize::Zeroizing;

/// Cryptography by `ring`, where it has the algorithm, and else by [`RustCrypto`].
#[derive(Debug, Clone)]
pub struct Ring {
    random: SystemRandom,
}

impl Ring {
    /// A provider; it holds no state.
    pub fn new() -> Self {
        Ring {
            random: SystemRandom::new(),
        }
    }
}

impl Default for Ring {
    fn default() -> Self {
        Ring::new()
    }
}

impl Provider for Ring {
    fn seal(
        &self,
        aead: Aead,
        key: &[u8; 16],
        nonce: &[u8; 12],
        additional: &[u8],
        text: &mut [u8],
        tag: &mut [u8],
    ) {
        if aead != Aead::Aes128Gcm {
            return RustCrypto.seal(aead, key, nonce, additional, text, tag);
        }
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let sealed = gcm(key)
            .seal_in_place_separate_tag(nonce, Aad::from(additional), text)
            .expect("a record is far below the 64 GiB that GCM can encrypt");
        tag.copy_from_slice(sealed.as_ref());
    }

    fn open(
        &self,
        aead: Aead,
        key: &[u8; 16],
        nonce: &[u8; 12],
        additional: &[u8],
        text: &mut [u8],
        tag: &[u8],
    ) -> Result<(), CryptoError> {
        if aead != Aead::Aes128Gcm {
            return RustCrypto.open(aead, key, nonce, additional, text, tag);
        }
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let tag = Tag::try_from(tag).map_err(|_| CryptoError::Invalid)?;
        gcm(key)
            .open_in_place_separate_tag(nonce, Aad::from(additional), tag, text, 0..)
            .map(|_| ())
            .map_err(|_| CryptoError::Invalid)
    }

    fn cbc_encrypt(&self, key: &[u8; 16], iv: &[u8; 16], blocks: &mut [u8]) {
        RustCrypto.cbc_encrypt(key, iv, blocks);
    }

    fn cbc_decrypt(&self, key: &[u8; 16], iv: &[u8; 16], blocks: &mut [u8]) {
        RustCrypto.cbc_decrypt(key, iv, blocks);
    }

    fn key_agreement(
        &self,
        group: Group,
        _random: &mut dyn RngCore,
    ) -> Result<Box<dyn KeyAgreement>, CryptoError> {
        let algorithm = match group {
            Group::Secp256r1 => &ECDH_P256,
            Group::X25519 => &agreement::X25519,
        };
        let private = EphemeralPrivateKey::generate(algorithm, &self.random)
            .map_err(|_| CryptoError::Failed)?;
        let public = private
            .compute_public_key()
            .map_err(|_| CryptoError::Failed)?;
        Ok(Box::new(Ephemeral { private, public }))
    }

    fn public_key(&self, point: &[u8]) -> Result<PublicKey, CryptoError> {
        RustCrypto.public_key(point)
    }

    fn verify(&self, key: &PublicKey, message: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        signature::UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, to_point(key))
            .verify(message, signature)
            .map_err(|_| CryptoError::Invalid)
    }

    /// `ring` itself reads only PKCS#8 that holds the public key too; this reads both.
    fn signer(&self, pkcs8: &Secret) -> Result<Arc<dyn Signer>, CryptoError> {
        let private = read_pkcs8(pkcs8)?;
        let public = public_half(&private);
        let pair = EcdsaKeyPair::from_private_key_and_public_key(
            &ECDSA_P256_SHA256_ASN1_SIGNING,
            &Zeroizing::new(private.to_bytes())[..],
            &to_point(&public),
            &self.random,
        )
        .map_err(|_| CryptoError::PrivateKey)?;
        Ok(Arc::new(RingSigner {
            pair,
            public,
            random: self.random.clone(),
        }))
    }
}

fn gcm(key: &[u8; 16]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_128_GCM, key).expect("AES-128 has keys of 16 bytes"))
}

struct Ephemeral {
    private: EphemeralPrivateKey,
    public: agreement::PublicKey,
}

impl KeyAgreement for Ephemeral {
    fn public_key(&self) -> &[u8] {
        self.public.as_ref()
    }

    fn agree(self: Box<Self>, peer: &[u8]) -> Result<Secret, CryptoError> {
        let peer = UnparsedPublicKey::new(self.private.algorithm(), peer);
        agree_ephemeral(self.private, &peer, |shared| Secret::new(shared.to_vec()))
            .map_err(|_| CryptoError::PublicKey)
    }
}

struct RingSigner {
    pair: EcdsaKeyPair,
    public: PublicKey,
    random: SystemRandom,
}

impl Signer for RingSigner {
    fn public_key(&self) -> PublicKey {
        self.public
    }

    fn sign(&self, message: &[u8], _random: &mut dyn RngCore) -> Result<Vec<u8>, CryptoError> {
        self.pair
            .sign(&self.random, message)
            .map(|signature| signature.as_ref().to_vec())
            .map_err(|_| CryptoError::Failed)
    }
}
