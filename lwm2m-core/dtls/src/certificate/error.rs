//! What can be wrong with a certificate, the alert that says so, and what can be wrong with our own settings.

use webpki::Error;

/// Why the certificates of a peer were refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// The peer sent an empty chain.
    #[error("the peer sent no certificate")]
    Missing,
    /// More certificates than [`ChainLimits::max_certificates`](super::ChainLimits).
    #[error("the chain has {length} certificates, more than {limit}")]
    ChainTooLong {
        /// Certificates in the chain.
        length: usize,
        /// The limit.
        limit: usize,
    },
    /// A certificate larger than [`ChainLimits::max_certificate_bytes`](super::ChainLimits).
    #[error("a certificate has {length} bytes, more than {limit}")]
    TooLarge {
        /// Bytes of the certificate.
        length: usize,
        /// The limit.
        limit: usize,
    },
    /// Something is not encoded as RFC 5280 demands; the text names it.
    #[error("malformed: {0}")]
    Malformed(&'static str),
    /// Not version 3 of X.509, the only one that tells authorities and end entities apart.
    #[error("the certificate is not of version 3")]
    Version,
    /// A critical extension that is not understood (RFC 5280, section 4.2).
    #[error("the certificate has a critical extension that is not understood")]
    CriticalExtension,
    /// The end entity's key is not what the suites of the profile need (RFC 7925, section 4.4).
    #[error("the public key is not of P-256 as an uncompressed point")]
    UnsupportedKey,
    /// The coordinates of a key satisfy no curve equation.
    #[error("the public key is no point of P-256")]
    InvalidKey,
    /// A certificate is signed with an algorithm that is not offered.
    #[error("a certificate is signed with an algorithm that is not offered")]
    UnsupportedSignature,
    /// The signature of an issuer does not verify.
    #[error("the signature of a certificate does not verify")]
    BadSignature,
    /// The validity of a certificate ended.
    #[error("a certificate expired at {not_after} s after 1970")]
    Expired {
        /// Its notAfter, in seconds since 1970.
        not_after: u64,
    },
    /// The validity of a certificate has not begun.
    #[error("a certificate is not valid before {not_before} s after 1970")]
    NotYetValid {
        /// Its notBefore, in seconds since 1970.
        not_before: u64,
    },
    /// A certificate stands in the [`DenyList`](super::DenyList).
    #[error("a certificate is on the deny list")]
    Revoked,
    /// No path leads to a trust anchor.
    #[error("the chain leads to no trust anchor")]
    UnknownIssuer,
    /// The end entity is an authority (RFC 5280, section 4.2.1.9).
    #[error("the certificate of an authority is used as that of an end entity")]
    CaAsEndEntity,
    /// An issuer is no authority, or may not sign certificates (RFC 5280, sections 4.2.1.3 and 4.2.1.9).
    #[error("an issuer in the chain is no authority")]
    NotAnAuthority,
    /// The key usage of the end entity does not allow digital signatures (RFC 8422, section 5.3).
    #[error("the key usage does not allow digital signatures")]
    KeyUsage,
    /// The extended key usage does not allow the role of the peer (RFC 5280, section 4.2.1.12).
    #[error("the extended key usage does not allow this role")]
    ExtendedKeyUsage,
    /// An authority has more authorities below it than it may (RFC 5280, section 4.2.1.9).
    #[error("the path is longer than an authority in it allows")]
    PathLength,
    /// An authority may not certify such a name (RFC 5280, section 4.2.1.10).
    #[error("the name constraints of an authority do not allow the names of the certificate")]
    NameConstraint,
    /// The certificate is not for the host that was to be reached (RFC 7252, section 9.1.3.3).
    #[error("the certificate does not name the host")]
    WrongHost,
    /// Certificate usage 0: the path does not pass through the authority in /0/x/4.
    #[error("the path does not pass through the authority in /0/x/4")]
    AuthorityNotInPath,
    /// Certificate usages 1 and 3: the end entity is not the one in /0/x/4.
    #[error("the certificate is not the one in /0/x/4")]
    NotExpected,
    /// Finding a path takes more work than the verifier allows.
    #[error("the chain takes too much work to verify")]
    TooComplex,
    /// The verifier refused for another reason.
    #[error("the chain does not verify")]
    Other,
}

impl CertificateError {
    /// The description of the fatal alert that reports it (RFC 5246, section 7.2.2).
    pub const fn alert(&self) -> u8 {
        const HANDSHAKE_FAILURE: u8 = 40;
        const BAD_CERTIFICATE: u8 = 42;
        const UNSUPPORTED_CERTIFICATE: u8 = 43;
        const CERTIFICATE_REVOKED: u8 = 44;
        const CERTIFICATE_EXPIRED: u8 = 45;
        const CERTIFICATE_UNKNOWN: u8 = 46;
        const UNKNOWN_CA: u8 = 48;
        match self {
            Self::Missing => HANDSHAKE_FAILURE,
            Self::ChainTooLong { .. }
            | Self::TooLarge { .. }
            | Self::Malformed(_)
            | Self::InvalidKey
            | Self::BadSignature
            | Self::CaAsEndEntity
            | Self::WrongHost
            | Self::TooComplex => BAD_CERTIFICATE,
            Self::Version
            | Self::CriticalExtension
            | Self::UnsupportedKey
            | Self::UnsupportedSignature
            | Self::KeyUsage
            | Self::ExtendedKeyUsage => UNSUPPORTED_CERTIFICATE,
            Self::Revoked => CERTIFICATE_REVOKED,
            Self::Expired { .. } | Self::NotYetValid { .. } => CERTIFICATE_EXPIRED,
            Self::NotExpected | Self::Other => CERTIFICATE_UNKNOWN,
            Self::UnknownIssuer
            | Self::NotAnAuthority
            | Self::PathLength
            | Self::NameConstraint
            | Self::AuthorityNotInPath => UNKNOWN_CA,
        }
    }

    /// What the verifier says, in our words.
    pub(super) fn of_verifier(error: &Error) -> Self {
        match error {
            Error::BadDer | Error::TrailingData(_) => Self::Malformed("a field of a certificate"),
            Error::BadDerTime | Error::InvalidCertValidity => Self::Malformed("the validity"),
            Error::MalformedExtensions
            | Error::ExtensionValueInvalid
            | Error::EmptyEkuExtension => Self::Malformed("the extensions"),
            Error::MalformedDnsIdentifier
            | Error::MalformedNameConstraint
            | Error::InvalidNetworkMaskConstraint => Self::Malformed("a name"),
            Error::InvalidSerialNumber => Self::Malformed("the serial number"),
            Error::SignatureAlgorithmMismatch => Self::Malformed("the signature algorithm"),
            Error::UnsupportedCertVersion => Self::Version,
            Error::UnsupportedCriticalExtension => Self::CriticalExtension,
            Error::UnsupportedSignatureAlgorithmContext(_)
            | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => {
                Self::UnsupportedSignature
            }
            Error::InvalidSignatureForPublicKey => Self::BadSignature,
            Error::CertExpired { not_after, .. } => Self::Expired {
                not_after: not_after.as_secs(),
            },
            Error::CertNotValidYet { not_before, .. } => Self::NotYetValid {
                not_before: not_before.as_secs(),
            },
            Error::UnknownIssuer => Self::UnknownIssuer,
            Error::CaUsedAsEndEntity => Self::CaAsEndEntity,
            Error::EndEntityUsedAsCa => Self::NotAnAuthority,
            Error::RequiredEkuNotFoundContext(_) => Self::ExtendedKeyUsage,
            Error::PathLenConstraintViolated => Self::PathLength,
            Error::NameConstraintViolation => Self::NameConstraint,
            Error::CertNotValidForName(_) => Self::WrongHost,
            Error::MaximumPathDepthExceeded
            | Error::MaximumPathBuildCallsExceeded
            | Error::MaximumSignatureChecksExceeded
            | Error::MaximumNameConstraintComparisonsExceeded => Self::TooComplex,
            _ => Self::Other,
        }
    }
}

/// Why credentials of our own, or what we hold about the other side, cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialError {
    /// A trust anchor cannot be read.
    #[error("trust anchor {index} is unusable: {reason}")]
    Anchor {
        /// Its place in the list, from 0.
        index: usize,
        /// What is wrong with it.
        reason: CertificateError,
    },
    /// Nobody can be trusted without trust anchors; certificate usages 0 and 1 need those of the client.
    #[error("there are no trust anchors")]
    NoTrustAnchors,
    /// What is held about the server cannot be read.
    #[error("what is held about the server (/0/x/4) is unusable: {0}")]
    Expected(CertificateError),
    /// Certificate usages 0 and 2 name an authority, which a bare public key does not.
    #[error("certificate usages 0 and 2 need a certificate in /0/x/4, not a public key")]
    KeyAsAuthority,
    /// The host is neither a DNS name nor an IP address.
    #[error("no certificate can name this host")]
    Host,
    /// A certificate of our own chain cannot be read or used.
    #[error("our certificate {index} is unusable: {reason}")]
    Own {
        /// Its place in the chain, from 0, the end entity.
        index: usize,
        /// What is wrong with it.
        reason: CertificateError,
    },
    /// The private key belongs to another certificate.
    #[error("the private key is not the one of our certificate")]
    KeyMismatch,
}
