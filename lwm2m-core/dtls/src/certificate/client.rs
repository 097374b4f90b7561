//! What a server asks of the certificates of its clients.

use super::{
    CertificateError, ChainLimits, CredentialError,
    chain::{Anchors, Chain, Role},
    x509::Certificate,
};
use crate::crypto::Provider;
use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use lwm2m_core::peer::CertificateIdentity;
use sha2::{Digest, Sha256};

/// What a server asks of the certificates of its clients: a path to one of its trust anchors (RFC 5280, section 6), and
/// no certificate in it on the deny list. Which endpoint a certificate may speak for is decided above, on the identity.
#[derive(Debug, Clone)]
pub struct ClientTrust {
    anchors: Anchors,
    denied: DenyList,
    limits: ChainLimits,
}

impl ClientTrust {
    /// Trusts the authorities with these certificates, each DER.
    ///
    /// # Errors
    ///
    /// [`CredentialError::NoTrustAnchors`] where there are none, [`CredentialError::Anchor`] where one cannot be read.
    pub fn new(trust_anchors: &[Vec<u8>]) -> Result<Self, CredentialError> {
        Ok(ClientTrust {
            anchors: Anchors::read(trust_anchors)?,
            denied: DenyList::default(),
            limits: ChainLimits::default(),
        })
    }

    /// Refuses the certificates of this list, in place of those of an earlier one.
    #[must_use]
    pub fn deny(mut self, denied: DenyList) -> Self {
        self.denied = denied;
        self
    }

    /// How much a client may send.
    #[must_use]
    pub fn limits(mut self, limits: ChainLimits) -> Self {
        self.limits = limits;
        self
    }

    /// The deny list, to add to it; it rules from the next handshake on.
    pub fn deny_list_mut(&mut self) -> &mut DenyList {
        &mut self.denied
    }

    /// Judges the certificates of a client, end entity first, each DER. That the client has the private key is for the
    /// handshake to verify. `unix_time` are seconds since 1970; who has no clock gives `None`: certificates that were
    /// never valid together are then refused, but expired ones are not noticed.
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
        self.denied.check(&chain.end_entity)?;
        chain.verify(provider, &self.anchors, Role::Client, unix_time, |path| {
            path.intermediates
                .iter()
                .try_for_each(|certificate| self.denied.check(certificate))
        })?;
        chain.end_entity.identity()
    }
}

/// Certificates that are refused although they are valid, be it end entities or intermediate authorities: our answer to
/// stolen keys, in place of the revocation lists of authorities. It grows by what its owner adds, never by what peers
/// send.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DenyList {
    fingerprints: BTreeSet<[u8; 32]>,
    serials: BTreeMap<Vec<u8>, BTreeSet<Vec<u8>>>,
}

impl DenyList {
    /// A list that refuses nobody.
    pub fn new() -> Self {
        DenyList::default()
    }

    /// Refuses the certificate with this SHA-256 over its DER.
    ///
    /// Whoever has a certificate can write its ECDSA signature in a second form that verifies as well and gives another
    /// fingerprint. Where more than the fingerprint is known, [`DenyList::add_certificate`] or [`DenyList::add_serial`]
    /// leave no such way out.
    pub fn add_fingerprint(&mut self, sha256: [u8; 32]) {
        self.fingerprints.insert(sha256);
    }

    /// Refuses what this issuer (a Name, DER) certified under this serial number (big-endian; leading zero bytes do not
    /// matter).
    pub fn add_serial(&mut self, issuer: &[u8], serial: &[u8]) {
        let zeros = serial.iter().take_while(|byte| **byte == 0).count();
        self.serials
            .entry(issuer.to_vec())
            .or_default()
            .insert(serial[zeros..].to_vec());
    }

    /// Refuses this certificate, DER, by issuer and serial number, which is how an authority names it.
    ///
    /// # Errors
    ///
    /// [`CertificateError::Malformed`] where it is none.
    pub fn add_certificate(&mut self, der: &[u8]) -> Result<(), CertificateError> {
        let certificate = Certificate::read(der)?;
        self.add_serial(certificate.issuer, certificate.serial);
        Ok(())
    }

    fn check(&self, certificate: &Certificate<'_>) -> Result<(), CertificateError> {
        let by_serial = self
            .serials
            .get(certificate.issuer)
            .is_some_and(|serials| serials.contains(certificate.serial));
        let by_fingerprint = || {
            let fingerprint: [u8; 32] = Sha256::digest(certificate.der).into();
            self.fingerprints.contains(&fingerprint)
        };
        if by_serial || (!self.fingerprints.is_empty() && by_fingerprint()) {
            Err(CertificateError::Revoked)
        } else {
            Ok(())
        }
    }
}
