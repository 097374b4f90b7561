//! The provider on the RustCrypto crates: no operating system, no assembler, every algorithm.

use super::{Aead, CryptoError, Group, KeyAgreement, Provider, PublicKey, Signer, aead};
use aes::{Aes128Dec, Aes128Enc};
use alloc::{boxed::Box, sync::Arc, vec::Vec};
use cipher::{Array, BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use core::convert::Infallible;
use lwm2m_core::secret::Secret;
use p256::{
    ecdsa::{
        DerSignature, SigningKey, VerifyingKey,
        signature::{RandomizedSigner, Verifier},
    },
    elliptic_curve::rand_core::{TryCryptoRng, TryRng},
    pkcs8::DecodePrivateKey,
};
use rand_core::RngCore;
use zeroize::Zeroizing;

/// Bytes of an uncompressed point of P-256 (SEC 1, section 2.3.3), behind which stand x and y.
pub(super) const POINT_LEN: usize = 65;
/// The first byte of an uncompressed point; the other forms are not used (RFC 8422, section 5.1.2).
const UNCOMPRESSED: u8 = 4;
/// A number of 32 random bytes is no private key of P-256 once in 2^32: whatever goes on for longer is not random.
const MAX_KEY_ATTEMPTS: usize = 4;

/// Cryptography by the RustCrypto crates: `aes`, `ccm`, `aes-gcm`, `cbc`, `p256`, and `x25519-dalek`.
#[derive(Debug, Clone, Copy, Default)]
pub struct RustCrypto;

impl Provider for RustCrypto {
    fn seal(
        &self,
        aead: Aead,
        key: &[u8; 16],
        nonce: &[u8; 12],
        additional: &[u8],
        text: &mut [u8],
        tag: &mut [u8],
    ) {
        aead::seal(aead, key, nonce, additional, text, tag);
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
        aead::open(aead, key, nonce, additional, text, tag)
    }

    fn cbc_encrypt(&self, key: &[u8; 16], iv: &[u8; 16], blocks: &mut [u8]) {
        let (blocks, rest) = Array::slice_as_chunks_mut(blocks);
        assert!(rest.is_empty(), "CBC works on whole blocks");
        cbc::Encryptor::<Aes128Enc>::new(key.into(), iv.into()).encrypt_blocks(blocks);
    }

    fn cbc_decrypt(&self, key: &[u8; 16], iv: &[u8; 16], blocks: &mut [u8]) {
        let (blocks, rest) = Array::slice_as_chunks_mut(blocks);
        assert!(rest.is_empty(), "CBC works on whole blocks");
        cbc::Decryptor::<Aes128Dec>::new(key.into(), iv.into()).decrypt_blocks(blocks);
    }

    fn key_agreement(
        &self,
        group: Group,
        random: &mut dyn RngCore,
    ) -> Result<Box<dyn KeyAgreement>, CryptoError> {
        Ok(match group {
            Group::Secp256r1 => Box::new(EphemeralP256::new(random)?),
            Group::X25519 => Box::new(EphemeralX25519::new(random)),
        })
    }

    fn public_key(&self, point: &[u8]) -> Result<PublicKey, CryptoError> {
        Ok(from_point(&parse_point(point)?.into()))
    }

    fn verify(&self, key: &PublicKey, message: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        let key =
            VerifyingKey::from_sec1_bytes(&to_point(key)).map_err(|_| CryptoError::Invalid)?;
        let signature = DerSignature::from_bytes(signature).map_err(|_| CryptoError::Invalid)?;
        key.verify(message, &signature)
            .map_err(|_| CryptoError::Invalid)
    }

    fn signer(&self, pkcs8: &Secret) -> Result<Arc<dyn Signer>, CryptoError> {
        Ok(Arc::new(SoftwareSigner(read_pkcs8(pkcs8)?.into())))
    }
}

/// An uncompressed point that lies on the curve. Neither the point at infinity nor a compressed one is 65 bytes long.
fn parse_point(point: &[u8]) -> Result<p256::PublicKey, CryptoError> {
    if point.len() != POINT_LEN || point[0] != UNCOMPRESSED {
        return Err(CryptoError::PublicKey);
    }
    p256::PublicKey::from_sec1_bytes(point).map_err(|_| CryptoError::PublicKey)
}

/// The key as an uncompressed point.
pub(super) fn to_point(key: &PublicKey) -> [u8; POINT_LEN] {
    let mut point = [UNCOMPRESSED; POINT_LEN];
    point[1..].copy_from_slice(key.coordinates());
    point
}

fn from_point(key: &VerifyingKey) -> PublicKey {
    let mut coordinates = [0; POINT_LEN - 1];
    coordinates.copy_from_slice(&key.to_sec1_point(false).as_bytes()[1..]);
    PublicKey::from_checked(coordinates)
}

/// A private key of P-256 in PKCS#8, whether or not its public half stands beside it.
pub(super) fn read_pkcs8(pkcs8: &Secret) -> Result<p256::SecretKey, CryptoError> {
    p256::SecretKey::from_pkcs8_der(pkcs8.expose_secret()).map_err(|_| CryptoError::PrivateKey)
}

pub(super) fn public_half(key: &p256::SecretKey) -> PublicKey {
    from_point(&key.public_key().into())
}

/// Half an exchange on P-256; the private key is wiped by its type.
struct EphemeralP256 {
    private: p256::SecretKey,
    public: [u8; POINT_LEN],
}

impl EphemeralP256 {
    fn new(random: &mut dyn RngCore) -> Result<Self, CryptoError> {
        let mut bytes = Zeroizing::new([0; 32]);
        for _ in 0..MAX_KEY_ATTEMPTS {
            random.fill_bytes(&mut bytes[..]);
            if let Ok(private) = p256::SecretKey::from_slice(&bytes[..]) {
                let public = to_point(&public_half(&private));
                return Ok(EphemeralP256 { private, public });
            }
        }
        Err(CryptoError::Failed)
    }
}

impl KeyAgreement for EphemeralP256 {
    fn public_key(&self) -> &[u8] {
        &self.public
    }

    fn agree(self: Box<Self>, peer: &[u8]) -> Result<Secret, CryptoError> {
        let shared = self.private.diffie_hellman(&parse_point(peer)?);
        Ok(Secret::new(shared.raw_secret_bytes().to_vec()))
    }
}

/// Half an exchange on Curve25519; the private key is wiped by its type.
struct EphemeralX25519 {
    private: x25519_dalek::StaticSecret,
    public: x25519_dalek::PublicKey,
}

impl EphemeralX25519 {
    fn new(random: &mut dyn RngCore) -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        random.fill_bytes(&mut bytes[..]);
        let private = x25519_dalek::StaticSecret::from(*bytes);
        let public = (&private).into();
        EphemeralX25519 { private, public }
    }
}

impl KeyAgreement for EphemeralX25519 {
    fn public_key(&self) -> &[u8] {
        self.public.as_bytes()
    }

    fn agree(self: Box<Self>, peer: &[u8]) -> Result<Secret, CryptoError> {
        let peer: [u8; 32] = peer.try_into().map_err(|_| CryptoError::PublicKey)?;
        let shared = self.private.diffie_hellman(&peer.into());
        // All zeros come of the points of small order (RFC 8422, section 5.11).
        if !shared.was_contributory() {
            return Err(CryptoError::PublicKey);
        }
        Ok(Secret::new(shared.as_bytes().to_vec()))
    }
}

/// A private key in memory; wiped by its type.
struct SoftwareSigner(SigningKey);

impl Signer for SoftwareSigner {
    fn public_key(&self) -> PublicKey {
        from_point(self.0.verifying_key())
    }

    /// The nonce is that of RFC 6979 with random bytes mixed in (section 3.6): neither a bad source of randomness nor
    /// a fault that is provoked twice with the same message gives the key away.
    fn sign(&self, message: &[u8], random: &mut dyn RngCore) -> Result<Vec<u8>, CryptoError> {
        let signature: DerSignature = self
            .0
            .try_sign_with_rng(&mut Injected(random), message)
            .map_err(|_| CryptoError::Failed)?;
        Ok(signature.as_bytes().to_vec())
    }
}

/// The engine's randomness behind the traits of the `rand_core` that `p256` uses.
struct Injected<'a>(&'a mut dyn RngCore);

impl TryRng for Injected<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.0.next_u32())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.0.next_u64())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill_bytes(bytes);
        Ok(())
    }
}

impl TryCryptoRng for Injected<'_> {}

#[cfg(test)]
mod tests {
    use super::*;
    use zeroize::ZeroizeOnDrop;

    /// That they do hangs on features of the crates, which nothing else would miss.
    #[test]
    fn what_holds_a_key_wipes_itself() {
        fn wipes<T: ZeroizeOnDrop>() {}
        wipes::<cbc::Encryptor<Aes128Enc>>();
        wipes::<cbc::Decryptor<Aes128Dec>>();
        wipes::<p256::SecretKey>();
        wipes::<SigningKey>();
        wipes::<x25519_dalek::StaticSecret>();
        wipes::<x25519_dalek::SharedSecret>();
        wipes::<sha2::Sha256>();
    }
}
