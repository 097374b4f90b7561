//! Chains of certificates: bounds, and the path to a trust anchor (RFC 5280, section 6).

use super::{CertificateError, CredentialError, algorithms::with_algorithms, x509::Certificate};
use crate::crypto::Provider;
use alloc::vec::Vec;
use core::{cell::Cell, time::Duration};
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, KeyUsage, VerifiedPath, anchor_from_trusted_cert};

/// How much a peer may send to be verified: bounds of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChainLimits {
    /// Certificates in a chain, with end entity and, where it is sent, root; 5 by default. The verifier itself looks at
    /// no path with more than 6 intermediates.
    pub max_certificates: usize,
    /// Bytes of one certificate; 4,096 by default. One of P-256 takes 300 to 800, one of RSA-4096 up to 2,000.
    pub max_certificate_bytes: usize,
}

impl Default for ChainLimits {
    fn default() -> Self {
        ChainLimits {
            max_certificates: 5,
            max_certificate_bytes: 4096,
        }
    }
}

/// What the end entity of a chain is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Server,
    Client,
}

/// Trust anchors, read.
#[derive(Debug, Clone)]
pub(super) struct Anchors(Vec<TrustAnchor<'static>>);

impl Anchors {
    pub(super) fn read(certificates: &[Vec<u8>]) -> Result<Self, CredentialError> {
        if certificates.is_empty() {
            return Err(CredentialError::NoTrustAnchors);
        }
        let read = |(index, der): (usize, &Vec<u8>)| {
            anchor(der).map_err(|reason| CredentialError::Anchor { index, reason })
        };
        let anchors = certificates.iter().enumerate().map(read);
        anchors.collect::<Result<_, _>>().map(Anchors)
    }

    pub(super) fn one(anchor: TrustAnchor<'static>) -> Self {
        Anchors(Vec::from([anchor]))
    }
}

/// The name and key of an authority. What else its certificate says does not bind who chose to trust it (RFC 5280,
/// section 6.2), except for its name constraints.
pub(super) fn anchor(der: &[u8]) -> Result<TrustAnchor<'static>, CertificateError> {
    anchor_from_trusted_cert(&CertificateDer::from(der))
        .map(|anchor| anchor.to_owned())
        .map_err(|error| CertificateError::of_verifier(&error))
}

/// The certificates of a peer, within bounds and readable.
pub(super) struct Chain<'a> {
    pub(super) end_entity: Certificate<'a>,
    intermediates: Vec<Certificate<'a>>,
}

impl<'a> Chain<'a> {
    pub(super) fn read(
        certificates: &[&'a [u8]],
        limits: &ChainLimits,
    ) -> Result<Self, CertificateError> {
        let Some((end_entity, intermediates)) = certificates.split_first() else {
            return Err(CertificateError::Missing);
        };
        if certificates.len() > limits.max_certificates {
            return Err(CertificateError::ChainTooLong {
                length: certificates.len(),
                limit: limits.max_certificates,
            });
        }
        let longest = certificates.iter().map(|der| der.len()).max().unwrap_or(0);
        if longest > limits.max_certificate_bytes {
            return Err(CertificateError::TooLarge {
                length: longest,
                limit: limits.max_certificate_bytes,
            });
        }
        let intermediates = intermediates.iter().map(|der| Certificate::read(der));
        Ok(Chain {
            end_entity: Certificate::read(end_entity)?,
            intermediates: intermediates.collect::<Result<_, _>>()?,
        })
    }

    /// Finds a path from the end entity to an anchor that holds at `unix_time` and that `accept` has no objection to.
    ///
    /// Who has no clock judges the chain at the first moment at which all of it may have been valid, the latest
    /// notBefore: certificates that were never valid together are refused, expired ones are not noticed.
    pub(super) fn verify(
        &self,
        provider: Option<&dyn Provider>,
        anchors: &Anchors,
        role: Role,
        unix_time: Option<u64>,
        accept: impl Fn(&Path<'_>) -> Result<(), CertificateError>,
    ) -> Result<(), CertificateError> {
        self.end_entity.public_key(provider)?;
        if !self.end_entity.may_sign() {
            return Err(CertificateError::KeyUsage);
        }
        let time = match unix_time {
            Some(time) => time,
            None => self.latest_start()?,
        };
        let intermediates: Vec<CertificateDer<'_>> = self
            .intermediates
            .iter()
            .map(|certificate| CertificateDer::from(certificate.der))
            .collect();
        let der = CertificateDer::from(self.end_entity.der);
        let end_entity =
            EndEntityCert::try_from(&der).map_err(|error| CertificateError::of_verifier(&error))?;
        // Why a path that leads to an anchor was not accepted; the verifier has no word for it.
        let objection = Cell::new(None);
        let verify_path = |path: &VerifiedPath<'_>| {
            check_path(path, &accept).map_err(|error| {
                objection.set(Some(error));
                webpki::Error::UnknownIssuer
            })
        };
        let usage = match role {
            Role::Server => KeyUsage::server_auth(),
            Role::Client => KeyUsage::client_auth(),
        };
        let time = UnixTime::since_unix_epoch(Duration::from_secs(time));
        let verified = with_algorithms(provider, |algorithms| {
            end_entity
                .verify_for_usage(
                    algorithms,
                    &anchors.0,
                    &intermediates,
                    time,
                    usage,
                    None,
                    Some(&verify_path),
                )
                .map(|_| ())
        });
        verified.map_err(|error| {
            objection
                .get()
                .unwrap_or_else(|| CertificateError::of_verifier(&error))
        })
    }

    fn latest_start(&self) -> Result<u64, CertificateError> {
        let mut latest = self.end_entity.not_before()?;
        for certificate in &self.intermediates {
            latest = latest.max(certificate.not_before()?);
        }
        Ok(latest)
    }
}

fn check_path(
    path: &VerifiedPath<'_>,
    accept: impl Fn(&Path<'_>) -> Result<(), CertificateError>,
) -> Result<(), CertificateError> {
    let ders: Vec<CertificateDer<'_>> = path
        .intermediate_certificates()
        .map(|certificate| certificate.der())
        .collect();
    let intermediates = ders.iter().map(|der| Certificate::read(der));
    let path = Path {
        intermediates: intermediates.collect::<Result<_, _>>()?,
        anchor: path.anchor(),
    };
    // The verifier looks at basicConstraints only.
    if !path.intermediates.iter().all(Certificate::may_certify) {
        return Err(CertificateError::NotAnAuthority);
    }
    accept(&path)
}

/// A path whose signatures, validity and constraints hold.
pub(super) struct Path<'a> {
    /// Between end entity and anchor.
    pub(super) intermediates: Vec<Certificate<'a>>,
    anchor: &'a TrustAnchor<'a>,
}

impl Path<'_> {
    /// Whether this authority, known by name and key, is the anchor or an intermediate.
    pub(super) fn passes_through(&self, authority: &TrustAnchor<'_>) -> bool {
        let is_it = |other: &TrustAnchor<'_>| {
            other.subject == authority.subject
                && other.subject_public_key_info == authority.subject_public_key_info
        };
        is_it(self.anchor)
            || self.intermediates.iter().any(|certificate| {
                anchor(certificate.der).is_ok_and(|intermediate| is_it(&intermediate))
            })
    }

    /// Whether an authority in it may certify certain names only.
    pub(super) fn constrains_names(&self) -> bool {
        self.anchor.name_constraints.is_some()
            || self
                .intermediates
                .iter()
                .any(|certificate| certificate.constrains_names)
    }
}
