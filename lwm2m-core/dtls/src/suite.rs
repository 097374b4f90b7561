//! The cipher suites of the profile.

use crate::crypto::Aead;

/// A cipher suite of DTLS 1.2 (RFC 7925, section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CipherSuite {
    /// TLS_PSK_WITH_AES_128_CCM_8 (RFC 6655, section 4): what LwM2M asks for with pre-shared keys.
    PskAes128Ccm8,
    /// TLS_PSK_WITH_AES_128_CCM (RFC 6655, section 4).
    PskAes128Ccm,
    /// TLS_PSK_WITH_AES_128_GCM_SHA256 (RFC 5487, section 2).
    PskAes128GcmSha256,
    /// TLS_PSK_WITH_AES_128_CBC_SHA256 (RFC 5487, section 3).
    PskAes128CbcSha256,
    /// TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8 (RFC 7251, section 2): what LwM2M asks for with raw public keys and
    /// certificates.
    EcdheEcdsaAes128Ccm8,
    /// TLS_ECDHE_ECDSA_WITH_AES_128_CCM (RFC 7251, section 2).
    EcdheEcdsaAes128Ccm,
    /// TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 (RFC 5289, section 3.2).
    EcdheEcdsaAes128GcmSha256,
    /// TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256 (RFC 5289, section 3.1).
    EcdheEcdsaAes128CbcSha256,
}

/// How the keys of a suite come about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum KeyExchange {
    Psk,
    EcdheEcdsa,
}

/// How the records of a suite are protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Protection {
    Aead(Aead),
    /// AES-128-CBC with HMAC-SHA256.
    Cbc,
}

impl CipherSuite {
    /// All of them, the preferred first (RFC 7925, section 4).
    pub const ALL: [CipherSuite; 8] = [
        CipherSuite::PskAes128Ccm8,
        CipherSuite::PskAes128Ccm,
        CipherSuite::PskAes128GcmSha256,
        CipherSuite::EcdheEcdsaAes128Ccm8,
        CipherSuite::EcdheEcdsaAes128Ccm,
        CipherSuite::EcdheEcdsaAes128GcmSha256,
        CipherSuite::PskAes128CbcSha256,
        CipherSuite::EcdheEcdsaAes128CbcSha256,
    ];

    /// Those without CBC, the preferred first: what a client offers by default (RFC 7925, section 4).
    pub const AEAD: [CipherSuite; 6] = [
        CipherSuite::PskAes128Ccm8,
        CipherSuite::PskAes128Ccm,
        CipherSuite::PskAes128GcmSha256,
        CipherSuite::EcdheEcdsaAes128Ccm8,
        CipherSuite::EcdheEcdsaAes128Ccm,
        CipherSuite::EcdheEcdsaAes128GcmSha256,
    ];

    /// Its number in the registry of TLS.
    pub const fn number(self) -> u16 {
        match self {
            CipherSuite::PskAes128Ccm8 => 0xc0a8,
            CipherSuite::PskAes128Ccm => 0xc0a4,
            CipherSuite::PskAes128GcmSha256 => 0x00a8,
            CipherSuite::PskAes128CbcSha256 => 0x00ae,
            CipherSuite::EcdheEcdsaAes128Ccm8 => 0xc0ae,
            CipherSuite::EcdheEcdsaAes128Ccm => 0xc0ac,
            CipherSuite::EcdheEcdsaAes128GcmSha256 => 0xc02b,
            CipherSuite::EcdheEcdsaAes128CbcSha256 => 0xc023,
        }
    }

    /// The suite with this number.
    pub fn from_number(number: u16) -> Option<Self> {
        CipherSuite::ALL
            .into_iter()
            .find(|suite| suite.number() == number)
    }

    pub(crate) const fn key_exchange(self) -> KeyExchange {
        match self {
            CipherSuite::PskAes128Ccm8
            | CipherSuite::PskAes128Ccm
            | CipherSuite::PskAes128GcmSha256
            | CipherSuite::PskAes128CbcSha256 => KeyExchange::Psk,
            CipherSuite::EcdheEcdsaAes128Ccm8
            | CipherSuite::EcdheEcdsaAes128Ccm
            | CipherSuite::EcdheEcdsaAes128GcmSha256
            | CipherSuite::EcdheEcdsaAes128CbcSha256 => KeyExchange::EcdheEcdsa,
        }
    }

    pub(crate) const fn protection(self) -> Protection {
        match self {
            CipherSuite::PskAes128Ccm8 | CipherSuite::EcdheEcdsaAes128Ccm8 => {
                Protection::Aead(Aead::Aes128Ccm8)
            }
            CipherSuite::PskAes128Ccm | CipherSuite::EcdheEcdsaAes128Ccm => {
                Protection::Aead(Aead::Aes128Ccm)
            }
            CipherSuite::PskAes128GcmSha256 | CipherSuite::EcdheEcdsaAes128GcmSha256 => {
                Protection::Aead(Aead::Aes128Gcm)
            }
            CipherSuite::PskAes128CbcSha256 | CipherSuite::EcdheEcdsaAes128CbcSha256 => {
                Protection::Cbc
            }
        }
    }

    /// Of the suites that have one; the keys say which do.
    pub(crate) const fn aead(self) -> Aead {
        match self.protection() {
            Protection::Aead(aead) => aead,
            Protection::Cbc => Aead::Aes128Gcm,
        }
    }
}
