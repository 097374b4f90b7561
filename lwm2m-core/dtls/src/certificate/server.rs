//! What a client asks of the certificates of a server.

use super::{
    CertificateError, ChainLimits, CredentialError,
    chain::{Anchors, Chain, Path, Role, anchor},
    host::{Host, NamedBy},
    key,
    x509::Certificate,
};
use crate::crypto::{Provider, PublicKey};
use alloc::vec::Vec;
use lwm2m_core::{engine::CertificateUsage, peer::CertificateIdentity};
use rustls_pki_types::TrustAnchor;

/// What a client asks of the certificates of one server: the certificate usage of /0/x/15 (RFC 6698, section 2.1.1)
/// with what /0/x/4 holds.
///
/// | usage | chain | end entity |
/// |---|---|---|
/// | 0 | to a trust anchor of the client, through the authority in /0/x/4, known by name and key | names the host |
/// | 1 | to a trust anchor of the client | names the host; is the certificate, or has the key, in /0/x/4 |
/// | 2 | to the authority in /0/x/4 | names the host |
/// | 3 | not looked at | is the certificate, or has the key, in /0/x/4 |
///
/// Where a chain is looked at, so are signatures, validity, basic constraints, name constraints, key usage and extended
/// key usage. Where none is, certificate and key are trusted for as long as /0/x/4 holds them, whatever they say of
/// names and dates (RFC 7671, section 5.1).
///
/// A certificate names the host by a dNSName, an iPAddress or a `coaps` URI of its subjectAltName extension or, without
/// that extension, by the common name of its subject (RFC 7252, section 9.1.3.3). URI and common name do not count
/// where an authority in the path is bound by name constraints, which do not reach them.
#[derive(Debug, Clone)]
pub struct ServerTrust {
    policy: Policy,
    limits: ChainLimits,
    wildcards: bool,
}

#[derive(Debug, Clone)]
enum Policy {
    /// Usage 3.
    Pinned(EndEntity),
    /// Usages 0 to 2.
    Chained {
        anchors: Anchors,
        host: Host,
        also: Also,
    },
}

/// What is asked beyond a path to an anchor.
#[derive(Debug, Clone)]
enum Also {
    Nothing,
    Through(TrustAnchor<'static>),
    EndEntity(EndEntity),
}

/// The end entity in /0/x/4.
#[derive(Debug, Clone)]
enum EndEntity {
    Certificate(Vec<u8>),
    Key(PublicKey),
}

impl ServerTrust {
    /// `expected` is what /0/x/4 holds: a certificate, DER, or for usages 1 and 3 also the SubjectPublicKeyInfo of one.
    /// `trust_anchors` are the client's own, for usages 0 and 1. `host` is the DNS name or IP address of the server's
    /// URI, without brackets, or, where there is one, the SNI in /0/x/14, which then is compared in its place; usage 3
    /// does not look at it.
    ///
    /// # Errors
    ///
    /// Where something of that cannot be read, or the usage needs what is not there.
    pub fn new(
        usage: CertificateUsage,
        expected: &[u8],
        trust_anchors: &[Vec<u8>],
        host: &str,
    ) -> Result<Self, CredentialError> {
        let policy = match usage {
            CertificateUsage::DomainIssuedCertificate => Policy::Pinned(EndEntity::read(expected)?),
            CertificateUsage::CaConstraint => Policy::Chained {
                anchors: Anchors::read(trust_anchors)?,
                host: Host::new(host)?,
                also: Also::Through(authority(expected)?),
            },
            CertificateUsage::ServiceCertificateConstraint => Policy::Chained {
                anchors: Anchors::read(trust_anchors)?,
                host: Host::new(host)?,
                also: Also::EndEntity(EndEntity::read(expected)?),
            },
            CertificateUsage::TrustAnchorAssertion => Policy::Chained {
                anchors: Anchors::one(authority(expected)?),
                host: Host::new(host)?,
                also: Also::Nothing,
            },
        };
        Ok(ServerTrust {
            policy,
            limits: ChainLimits::default(),
            wildcards: false,
        })
    }

    /// How much the server may send.
    #[must_use]
    pub fn limits(mut self, limits: ChainLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Whether `*` as the leftmost label of a dNSName stands for any one label. Off by default, as RFC 7252 demands
    /// (section 9.1.3.3).
    #[must_use]
    pub fn wildcards(mut self, allowed: bool) -> Self {
        self.wildcards = allowed;
        self
    }

    /// Judges the certificates of the server, end entity first, each DER. That the server has the private key is for
    /// the handshake to verify. `unix_time` are seconds since 1970; who has no clock gives `None`: certificates that
    /// were never valid together are then refused, but expired ones are not noticed (RFC 7252, section 9.1.3.3).
    ///
    /// # Errors
    ///
    /// What is wrong with them.
    pub fn verify(
        &self,
        chain: &[&[u8]],
        unix_time: Option<u64>,
    ) -> Result<CertificateIdentity, CertificateError> {
        self.verify_with(None, chain, unix_time)
    }

    /// The same, with the cryptography of a handshake.
    pub(crate) fn verify_with(
        &self,
        provider: Option<&dyn Provider>,
        chain: &[&[u8]],
        unix_time: Option<u64>,
    ) -> Result<CertificateIdentity, CertificateError> {
        let chain = Chain::read(chain, &self.limits)?;
        match &self.policy {
            Policy::Pinned(expected) => {
                expected.check(provider, &chain.end_entity)?;
                // The handshake needs a key that it can verify with.
                chain.end_entity.public_key(provider)?;
            }
            Policy::Chained {
                anchors,
                host,
                also,
            } => {
                // What costs least comes first: no signature is looked at for a host that was not asked for.
                let named_by = host.named_by(&chain.end_entity, self.wildcards)?;
                if let Also::EndEntity(expected) = also {
                    expected.check(provider, &chain.end_entity)?;
                }
                chain.verify(provider, anchors, Role::Server, unix_time, |path| {
                    also.check_path(named_by, path)
                })?;
            }
        }
        chain.end_entity.identity()
    }
}

impl Also {
    fn check_path(&self, named_by: NamedBy, path: &Path<'_>) -> Result<(), CertificateError> {
        if named_by == NamedBy::Unconstrainable && path.constrains_names() {
            return Err(CertificateError::NameConstraint);
        }
        match self {
            Also::Through(authority) if !path.passes_through(authority) => {
                Err(CertificateError::AuthorityNotInPath)
            }
            _ => Ok(()),
        }
    }
}

impl EndEntity {
    fn read(expected: &[u8]) -> Result<Self, CredentialError> {
        match key::public_key_of_spki(expected) {
            Ok(key) => return Ok(EndEntity::Key(key)),
            // A certificate has another outline.
            Err(CertificateError::Malformed(_)) => {}
            Err(error) => return Err(CredentialError::Expected(error)),
        }
        Certificate::read(expected)
            .and_then(|certificate| certificate.public_key(None))
            .map_err(CredentialError::Expected)?;
        Ok(EndEntity::Certificate(expected.to_vec()))
    }

    fn check(
        &self,
        provider: Option<&dyn Provider>,
        presented: &Certificate<'_>,
    ) -> Result<(), CertificateError> {
        let same = match self {
            EndEntity::Certificate(expected) => presented.der == expected,
            EndEntity::Key(expected) => presented.public_key(provider)? == *expected,
        };
        if same {
            Ok(())
        } else {
            Err(CertificateError::NotExpected)
        }
    }
}

fn authority(expected: &[u8]) -> Result<TrustAnchor<'static>, CredentialError> {
    if key::is_spki(expected) {
        return Err(CredentialError::KeyAsAuthority);
    }
    // The verifier reads less of an anchor than of a certificate.
    Certificate::read(expected).map_err(CredentialError::Expected)?;
    anchor(expected).map_err(CredentialError::Expected)
}
