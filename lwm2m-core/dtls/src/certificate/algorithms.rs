//! The signatures on certificates that are verified: by the provider of a handshake where it has the algorithm, and by
//! what is compiled in otherwise.

use crate::crypto::Provider;
use alloc::vec::Vec;
use core::fmt;
use rustls_pki_types::{
    AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id,
};

/// Lends the algorithms with which the signatures of a path are verified.
pub(super) fn with_algorithms<T>(
    provider: Option<&dyn Provider>,
    then: impl FnOnce(&[&dyn SignatureVerificationAlgorithm]) -> T,
) -> T {
    let own = EcdsaP256Sha256(provider);
    let mut algorithms: Vec<&dyn SignatureVerificationAlgorithm> = Vec::new();
    // What the profile asks for (RFC 7925, section 4.4): ECDSA on P-256 with SHA-256.
    if provider.is_some() || cfg!(not(feature = "ring")) {
        algorithms.push(&own);
    }
    // Authorities of other algorithms, which no provider has.
    #[cfg(feature = "ring")]
    algorithms.extend(webpki::ALL_VERIFICATION_ALGS);
    then(&algorithms)
}

/// By the provider, or by `p256` where there is none.
struct EcdsaP256Sha256<'a>(Option<&'a dyn Provider>);

impl fmt::Debug for EcdsaP256Sha256<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EcdsaP256Sha256")
    }
}

impl SignatureVerificationAlgorithm for EcdsaP256Sha256<'_> {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        match self.0 {
            Some(provider) => provider
                .public_key(public_key)
                .and_then(|key| provider.verify(&key, message, signature))
                .map_err(|_| InvalidSignature),
            None => {
                use p256::ecdsa::{DerSignature, VerifyingKey, signature::Verifier as _};
                let verify = || -> Result<(), p256::ecdsa::Error> {
                    VerifyingKey::from_sec1_bytes(public_key)?
                        .verify(message, &DerSignature::from_bytes(signature)?)
                };
                verify().map_err(|_| InvalidSignature)
            }
        }
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ECDSA_P256
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ECDSA_SHA256
    }
}
