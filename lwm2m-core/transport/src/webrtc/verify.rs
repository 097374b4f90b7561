//! Certificates: ours for the backend, and the judgement over the peer's.

use crate::credentials::CredentialSource;
use lwm2m_core::{
    engine::{CertificateUsage, CloseReason},
    secret::Secret,
};
use lwm2m_dtls::certificate::identity_of_certificate;
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair},
};
use rustls::{
    RootCertStore,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier},
    crypto::CryptoProvider,
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use std::sync::Arc;
use webrtc_dtls::{
    Error,
    crypto::{Certificate, CryptoPrivateKey, CryptoPrivateKeyKind},
};

/// The callback in which the backend asks about the certificates of its peer.
pub(crate) type Judge =
    Arc<dyn Fn(&[Vec<u8>], &[CertificateDer<'static>]) -> Result<(), Error> + Send + Sync>;

/// The backend looks for a process-wide provider of cryptography and panics where several could be meant.
pub(crate) fn ensure_provider() {
    if CryptoProvider::get_default().is_none() {
        // An error means that somebody else was faster: one is there.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
}

/// Our chain and key as the backend wants them. The error says what is wrong and shows nothing of the key.
pub(crate) fn own_certificate(
    chain: &[Vec<u8>],
    private_key: &Secret,
) -> Result<Certificate, &'static str> {
    let Some(end_entity) = chain.first() else {
        return Err("the certificate chain is empty");
    };
    identity_of_certificate(end_entity).map_err(|_| "the end-entity certificate is malformed")?;
    let der = private_key.expose_secret();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, der, &SystemRandom::new())
        .map_err(|_| "the private key is not ECDSA P-256 in PKCS#8 with its public key")?;
    Ok(Certificate {
        certificate: chain
            .iter()
            .map(|der| CertificateDer::from(der.clone()))
            .collect(),
        private_key: CryptoPrivateKey {
            kind: CryptoPrivateKeyKind::Ecdsa256(pair),
            serialized_der: der.to_vec(),
        },
    })
}

/// Trust anchors; the error says which of them is unusable.
pub(crate) fn anchors(certificates: &[Vec<u8>]) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    for (index, der) in certificates.iter().enumerate() {
        store
            .add(CertificateDer::from(der.clone()))
            .map_err(|error| format!("trust anchor {index} is unusable: {error}"))?;
    }
    Ok(store)
}

/// What a listener asks of a client's certificate beyond its chain, which the backend verifies.
pub(crate) fn judge_of_clients(credentials: Arc<dyn CredentialSource>) -> Judge {
    Arc::new(move |chain, _| {
        let names = match chain.first().map(|der| identity_of_certificate(der)) {
            Some(Ok(names)) => names,
            _ => return refuse("the certificate is malformed"),
        };
        if credentials.certificate_allowed(&names) {
            Ok(())
        } else {
            refuse("the certificate is not allowed")
        }
    })
}

/// What a client asks of a server's certificate (/0/x/15; RFC 6698, section 2.1.1). The backend verifies that the
/// server has the private key; everything else is judged here.
pub(crate) fn judge_of_server(
    usage: CertificateUsage,
    expected: Vec<u8>,
    trust_anchors: &[Vec<u8>],
    host: &str,
) -> Result<Judge, CloseReason> {
    let unusable = |reason: String| CloseReason::HandshakeFailed(reason);
    let to_expected = || {
        let anchor = anchors(std::slice::from_ref(&expected))
            .map_err(|_| unusable("the certificate in /0/x/4 is no trust anchor".into()))?;
        Chain::new(anchor, host)
    };
    let to_our_anchors = || {
        if trust_anchors.is_empty() {
            return Err(CloseReason::Unsupported(
                "certificate usages 0 and 1 without trust anchors of the client".into(),
            ));
        }
        Chain::new(anchors(trust_anchors).map_err(unusable)?, host)
    };
    Ok(match usage {
        CertificateUsage::CaConstraint => {
            let (constraint, ours) = (to_expected()?, to_our_anchors()?);
            Arc::new(move |chain, _| {
                ours.verify(chain)?;
                constraint.verify(chain)
            })
        }
        CertificateUsage::ServiceCertificateConstraint => {
            let ours = to_our_anchors()?;
            Arc::new(move |chain, _| {
                ours.verify(chain)?;
                same_end_entity(chain, &expected)
            })
        }
        CertificateUsage::TrustAnchorAssertion => {
            let constraint = to_expected()?;
            Arc::new(move |chain, _| constraint.verify(chain))
        }
        CertificateUsage::DomainIssuedCertificate => {
            Arc::new(move |chain, _| same_end_entity(chain, &expected))
        }
    })
}

fn same_end_entity(chain: &[Vec<u8>], expected: &[u8]) -> Result<(), Error> {
    match chain.first() {
        Some(end_entity) if end_entity == expected => Ok(()),
        _ => refuse("the certificate of the server is not the one in /0/x/4"),
    }
}

fn refuse(reason: &str) -> Result<(), Error> {
    Err(Error::Other(reason.into()))
}

/// The verification of a chain up to given anchors, for a given host.
struct Chain {
    verifier: Arc<WebPkiServerVerifier>,
    host: ServerName<'static>,
}

impl Chain {
    fn new(anchors: RootCertStore, host: &str) -> Result<Self, CloseReason> {
        let host = ServerName::try_from(host.to_owned()).map_err(|_| {
            CloseReason::HandshakeFailed("no certificate can name this host".into())
        })?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(anchors), provider)
            .build()
            .map_err(|error| CloseReason::HandshakeFailed(error.to_string()))?;
        Ok(Chain { verifier, host })
    }

    fn verify(&self, chain: &[Vec<u8>]) -> Result<(), Error> {
        let chain: Vec<CertificateDer<'_>> = chain
            .iter()
            .map(|der| CertificateDer::from(der.as_slice()))
            .collect();
        let Some((end_entity, intermediates)) = chain.split_first() else {
            return refuse("the server has no certificate");
        };
        self.verifier
            .verify_server_cert(end_entity, intermediates, &self.host, &[], UnixTime::now())
            .map(|_| ())
            .map_err(|error| Error::Other(error.to_string()))
    }
}
