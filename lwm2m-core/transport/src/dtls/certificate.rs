//! The names in a certificate.

use lwm2m_core::peer::CertificateIdentity;
use x509_parser::{
    extensions::GeneralName,
    prelude::{FromDer, X509Certificate},
};

/// Common name of the subject, DNS names and URIs of the subjectAltName extension.
pub(crate) fn identity(der: &[u8]) -> Result<CertificateIdentity, MalformedCertificate> {
    let (rest, certificate) = X509Certificate::from_der(der).map_err(|_| MalformedCertificate)?;
    if !rest.is_empty() {
        return Err(MalformedCertificate);
    }
    let common_name = certificate
        .subject()
        .iter_common_name()
        .next()
        .and_then(|name| name.as_str().ok())
        .map(str::to_owned);
    let alternative_names = match certificate.subject_alternative_name() {
        Ok(Some(extension)) => extension
            .value
            .general_names
            .iter()
            .filter_map(|name| match name {
                GeneralName::DNSName(name) | GeneralName::URI(name) => Some((*name).to_owned()),
                _ => None,
            })
            .collect(),
        Ok(None) => Vec::new(),
        // The extension stands there twice or cannot be read: such a certificate names nobody.
        Err(_) => return Err(MalformedCertificate),
    };
    Ok(CertificateIdentity::new(
        common_name,
        alternative_names,
        der.to_vec(),
    ))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the certificate is malformed")]
pub(crate) struct MalformedCertificate;
