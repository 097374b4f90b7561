//! Whether a certificate is that of the host to be reached (RFC 7252, section 9.1.3.3; RFC 7925, section 4.4.1).

use super::{
    CertificateError, CredentialError,
    x509::{AlternativeName, Certificate},
};
use alloc::{borrow::ToOwned, string::String};
use core::net::IpAddr;
use lwm2m_core::uri::{Scheme, ServerUri};
use rustls_pki_types::{CertificateDer, ServerName};
use webpki::EndEntityCert;

/// Where a host name was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NamedBy {
    /// In a dNSName or iPAddress, which name constraints of authorities rule over.
    Constrainable,
    /// In a URI or the common name, which they do not.
    Unconstrainable,
}

/// The host that a certificate must name.
#[derive(Debug, Clone)]
pub(super) struct Host {
    name: ServerName<'static>,
    text: String,
    ip: Option<IpAddr>,
}

impl Host {
    /// A DNS name or an IP address without brackets.
    pub(super) fn new(host: &str) -> Result<Self, CredentialError> {
        let text = host.strip_suffix('.').unwrap_or(host).to_owned();
        let name = ServerName::try_from(text.clone()).map_err(|_| CredentialError::Host)?;
        let ip = text.parse().ok();
        Ok(Host { name, text, ip })
    }

    /// Where the certificate names the host. The common name counts only without a subjectAltName extension.
    pub(super) fn named_by(
        &self,
        certificate: &Certificate<'_>,
        wildcards: bool,
    ) -> Result<NamedBy, CertificateError> {
        let der = CertificateDer::from(certificate.der);
        let end_entity =
            EndEntityCert::try_from(&der).map_err(|error| CertificateError::of_verifier(&error))?;
        let names = certificate.alternative_names()?;
        let exactly = || {
            names
                .iter()
                .any(|name| matches!(name, AlternativeName::Dns(name) if self.is(name)))
        };
        if end_entity
            .verify_is_valid_for_subject_name(&self.name)
            .is_ok()
            && (wildcards || self.ip.is_some() || exactly())
        {
            return Ok(NamedBy::Constrainable);
        }
        let in_uri = names.iter().any(|name| match name {
            AlternativeName::Uri(uri) => uri
                .parse()
                .is_ok_and(|uri: ServerUri| uri.scheme() == Scheme::Coaps && self.is(uri.host())),
            AlternativeName::Dns(_) => false,
        });
        let in_common_name = !certificate.has_alternative_names()
            && certificate.common_name()?.is_some_and(|name| self.is(name));
        if in_uri || in_common_name {
            Ok(NamedBy::Unconstrainable)
        } else {
            Err(CertificateError::WrongHost)
        }
    }

    fn is(&self, text: &str) -> bool {
        match self.ip {
            Some(ip) => text.parse() == Ok(ip),
            None => text.eq_ignore_ascii_case(&self.text),
        }
    }
}
