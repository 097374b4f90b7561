use super::{super::*, Authority, der, end_entity};
use crate::crypto::{CryptoError, PublicKey, Signer};
use alloc::{format, sync::Arc, vec::Vec};
use rand_core::RngCore;
use rcgen::{KeyPair, KeyUsagePurpose};

struct Known(PublicKey);

impl Signer for Known {
    fn public_key(&self) -> PublicKey {
        self.0
    }

    fn sign(&self, _: &[u8], _: &mut dyn RngCore) -> Result<Vec<u8>, CryptoError> {
        Err(CryptoError::Failed)
    }
}

fn signer(key: &KeyPair) -> Arc<dyn Signer> {
    Arc::new(Known(public_key_of_spki(&key.public_key_der()).unwrap()))
}

#[test]
fn a_chain_and_its_key() {
    let root = Authority::root("root");
    let (certificate, key) = root.certify(end_entity());
    let chain = der(&[certificate.der(), &root.der()]);
    let local = LocalCertificate::new(chain.clone(), signer(&key)).unwrap();
    assert_eq!(local.chain(), chain);
    assert_eq!(spki_of(&local.signer().public_key()), key.public_key_der());
    assert!(format!("{local:?}").starts_with("LocalCertificate(2 certificates"));
}

#[test]
fn what_cannot_be_ours() {
    let root = Authority::root("root");
    let (certificate, key) = root.certify(end_entity());
    let good = certificate.der().to_vec();
    let new = |chain, key| LocalCertificate::new(chain, signer(key)).unwrap_err();
    let own = |index, reason| CredentialError::Own { index, reason };

    let other = KeyPair::generate().unwrap();
    assert_eq!(new(der(&[&good]), &other), CredentialError::KeyMismatch);
    // Root and end entity in the wrong order.
    assert_eq!(
        new(der(&[&root.der(), &good]), &root.key),
        own(0, CertificateError::KeyUsage)
    );
    assert_eq!(new(Vec::new(), &key), own(0, CertificateError::Missing));
    assert!(matches!(
        new(der(&[&good[1..]]), &key),
        CredentialError::Own {
            index: 0,
            reason: CertificateError::Malformed(_)
        }
    ));
    assert!(matches!(
        new(der(&[&good, b"root"]), &key),
        CredentialError::Own {
            index: 1,
            reason: CertificateError::Malformed(_)
        }
    ));

    let mut params = end_entity();
    params.key_usages = [KeyUsagePurpose::KeyAgreement].to_vec();
    let certificate = root.certify_key(params, &key);
    assert_eq!(
        new(der(&[certificate.der()]), &key),
        own(0, CertificateError::KeyUsage)
    );

    let p384 = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
    let certificate = root.certify_key(end_entity(), &p384);
    assert_eq!(
        new(der(&[certificate.der()]), &key),
        own(0, CertificateError::UnsupportedKey)
    );
}
