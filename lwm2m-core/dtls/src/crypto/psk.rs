//! Pre-shared keys, in memory or in hardware.

use super::{
    CryptoError,
    prf::{Derivation, MasterSecret},
};
use alloc::vec::Vec;
use lwm2m_core::secret::Secret;
use zeroize::Zeroizing;

/// A pre-shared key that makes master secrets (RFC 4279, section 2); it may live in hardware, which then runs the PRF.
///
/// A [`Secret`] is one.
pub trait PreSharedKey: Send + Sync {
    /// The master secret of a handshake with plain PSK (RFC 4279, section 2), bound as `derivation` says.
    ///
    /// # Errors
    ///
    /// [`CryptoError::PreSharedKey`] where the key is empty or too long, [`CryptoError::Failed`] where the hardware
    /// fails.
    fn master_secret(&self, derivation: &Derivation<'_>) -> Result<MasterSecret, CryptoError>;
}

impl PreSharedKey for Secret {
    fn master_secret(&self, derivation: &Derivation<'_>) -> Result<MasterSecret, CryptoError> {
        Ok(MasterSecret::derive(&premaster(self)?, derivation))
    }
}

/// The premaster secret of plain PSK: as many zeros as the key is long, and the key, each behind its length
/// (RFC 4279, section 2).
fn premaster(psk: &Secret) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
    let psk = psk.expose_secret();
    let length = u16::try_from(psk.len())
        .ok()
        .filter(|length| *length > 0)
        .ok_or(CryptoError::PreSharedKey)?
        .to_be_bytes();
    // All at once: a buffer that grows leaves copies behind.
    let mut premaster = Zeroizing::new(Vec::with_capacity(2 * (length.len() + psk.len())));
    premaster.extend_from_slice(&length);
    premaster.resize(length.len() + psk.len(), 0);
    premaster.extend_from_slice(&length);
    premaster.extend_from_slice(psk);
    Ok(premaster)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn the_premaster_secret_is_laid_out_as_rfc_4279_says() {
        let premaster = premaster(&Secret::new(vec![7, 8, 9])).expect("a key of three bytes");
        assert_eq!(premaster[..], [0, 3, 0, 0, 0, 0, 3, 7, 8, 9]);
        assert_eq!(premaster.capacity(), premaster.len());
    }

    #[test]
    fn keys_without_a_length_in_two_bytes_are_refused() {
        let derivation = Derivation::SessionHash(&[1; 32]);
        let made = |length| Secret::new(vec![1; length]).master_secret(&derivation);
        assert_eq!(made(0), Err(CryptoError::PreSharedKey));
        assert_eq!(made(65_536), Err(CryptoError::PreSharedKey));
        assert!(made(65_535).is_ok());
        assert!(made(1).is_ok());
    }
}
