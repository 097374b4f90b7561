//! Every provider against the vectors of Wycheproof, and against each other.

mod providers;
mod wycheproof;

use lwm2m_dtls::crypto::{Provider, rustcrypto::RustCrypto};
use rand_core::RngCore;

/// The providers of this build.
fn providers() -> Vec<(&'static str, Box<dyn Provider>)> {
    vec![
        ("rustcrypto", Box::new(RustCrypto)),
        #[cfg(feature = "ring")]
        ("ring", Box::new(lwm2m_dtls::crypto::ring::Ring::new())),
    ]
}

/// "Randomness" that is what a test wants it to be, over and over.
struct Chosen<'a>(&'a [u8]);

impl RngCore for Chosen<'_> {
    fn next_u32(&mut self) -> u32 {
        rand_core::impls::next_u32_via_fill(self)
    }

    fn next_u64(&mut self) -> u64 {
        rand_core::impls::next_u64_via_fill(self)
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        for (byte, chosen) in bytes.iter_mut().zip(self.0.iter().cycle()) {
            *byte = *chosen;
        }
    }
}
