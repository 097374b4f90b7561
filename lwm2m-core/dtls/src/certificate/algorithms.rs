//! The signatures on certificates that are verified.

use rustls_pki_types::SignatureVerificationAlgorithm;

/// Everything that `ring` offers to the verifier.
#[cfg(feature = "ring")]
pub(super) fn algorithms() -> &'static [&'static dyn SignatureVerificationAlgorithm] {
    webpki::ALL_VERIFICATION_ALGS
}

/// What the profile asks for (RFC 7925, section 4.4): ECDSA on P-256 with SHA-256.
#[cfg(not(feature = "ring"))]
pub(super) fn algorithms() -> &'static [&'static dyn SignatureVerificationAlgorithm] {
    &[&EcdsaP256Sha256]
}

#[cfg(not(feature = "ring"))]
#[derive(Debug)]
struct EcdsaP256Sha256;

#[cfg(not(feature = "ring"))]
impl SignatureVerificationAlgorithm for EcdsaP256Sha256 {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), rustls_pki_types::InvalidSignature> {
        use p256::ecdsa::{DerSignature, VerifyingKey, signature::Verifier as _};
        let verify = || -> Result<(), p256::ecdsa::Error> {
            VerifyingKey::from_sec1_bytes(public_key)?
                .verify(message, &DerSignature::from_bytes(signature)?)
        };
        verify().map_err(|_| rustls_pki_types::InvalidSignature)
    }

    fn public_key_alg_id(&self) -> rustls_pki_types::AlgorithmIdentifier {
        rustls_pki_types::alg_id::ECDSA_P256
    }

    fn signature_alg_id(&self) -> rustls_pki_types::AlgorithmIdentifier {
        rustls_pki_types::alg_id::ECDSA_SHA256
    }
}
