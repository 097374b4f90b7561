//! Certificates made for the purpose, good ones and bad ones.

extern crate std;

mod client;
mod hostile;
mod keys;
mod local;
mod names;
mod server;

use alloc::{string::ToString, vec::Vec};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, KeyUsagePurpose};

/// 1 January 2026, in seconds since 1970: when most of these tests take place.
const NOW: u64 = 1_767_225_600;

/// An authority, by itself or below another one.
struct Authority {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

impl Authority {
    fn root(name: &str) -> Self {
        Authority::root_of(authority(name))
    }

    fn root_of(params: CertificateParams) -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Authority { certificate, key }
    }

    fn below(&self, params: CertificateParams) -> Self {
        let (certificate, key) = self.certify(params);
        Authority { certificate, key }
    }

    fn certify(&self, params: CertificateParams) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        (self.certify_key(params, &key), key)
    }

    fn certify_key(&self, params: CertificateParams, key: &KeyPair) -> rcgen::Certificate {
        params.signed_by(key, &self.certificate, &self.key).unwrap()
    }

    /// The certificate of an end entity.
    fn issue(&self, params: CertificateParams) -> Vec<u8> {
        self.certify(params).0.der().to_vec()
    }

    fn der(&self) -> Vec<u8> {
        self.certificate.der().to_vec()
    }
}

/// What an authority asks to be certified.
fn authority(name: &str) -> CertificateParams {
    let mut params = named(name, &[]);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = [KeyUsagePurpose::KeyCertSign].to_vec();
    params
}

/// What an end entity asks to be certified: a common name, and alternative names that are DNS names or IP addresses.
fn named(common_name: &str, alternative_names: &[&str]) -> CertificateParams {
    let names: Vec<_> = alternative_names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    params
}

/// An end entity that is fine in every role.
fn end_entity() -> CertificateParams {
    named("end entity", &["server.example"])
}

fn der(certificates: &[&[u8]]) -> Vec<Vec<u8>> {
    certificates.iter().map(|der| der.to_vec()).collect()
}

/// Tag, length and content.
fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let head = match length {
        0..=0x7f => [tag, length as u8].to_vec(),
        0x80..=0xff => [tag, 0x81, length as u8].to_vec(),
        _ => [tag, 0x82, (length >> 8) as u8, length as u8].to_vec(),
    };
    [head, content.to_vec()].concat()
}
