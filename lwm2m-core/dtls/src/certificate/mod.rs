//! Certificates and raw public keys: who the other side is, and whether we believe it (RFC 5280, RFC 7250, RFC 7925).
//!
//! - [`ServerTrust`] is what a client asks of a server, [`ClientTrust`] what a server asks of its clients. Both are
//!   made once, of credentials that are checked then, and judge the chain of one handshake after the other.
//! - [`LocalCertificate`] is what we show ourselves.
//! - A raw public key needs no judge: [`spki_of`] the expected key is compared with what came.
//!
//! Paths are built and verified by `rustls-webpki`; what it leaves open (key usage, the common name, chains without a
//! clock, LwM2M's certificate usages, the deny list) is decided here. Nothing in this module verifies that the other
//! side has the private key: that is the handshake's part.

mod algorithms;
mod chain;
mod client;
mod error;
mod host;
mod key;
mod local;
mod server;
#[cfg(test)]
mod tests;
mod x509;

pub use chain::ChainLimits;
pub use client::{ClientTrust, DenyList};
pub use error::{CertificateError, CredentialError};
pub use key::{public_key_of_certificate, public_key_of_spki, spki_of};
pub(crate) use key::{read_certificate, read_spki};
pub use local::LocalCertificate;
pub use server::ServerTrust;

use lwm2m_core::peer::CertificateIdentity;

/// How many certificates of a chain are read, a bound of ours; what each judge takes is set by its [`ChainLimits`].
pub const MAX_CHAIN: usize = 16;

/// The names in a certificate, DER, trusted or not: common name of the subject, DNS names and URIs of the
/// subjectAltName extension (RFC 5280, sections 4.1.2.6 and 4.2.1.6). A subject with several common names has none,
/// since it is unclear which is meant.
///
/// # Errors
///
/// [`CertificateError::Malformed`] where it is no certificate, whole and alone, or a name in it is no text.
pub fn identity_of_certificate(der: &[u8]) -> Result<CertificateIdentity, CertificateError> {
    x509::Certificate::read(der)?.identity()
}
