//! Keys and certificates for both sides: made for tests, and read again.
//!
//! | file | holds |
//! |---|---|
//! | `authority.der`, `.pem` | the root, which is trusted |
//! | `server`, `client`, `stranger` | each with the following endings |
//! | `.pk8`, `.key.pem` | the private key, PKCS#8 |
//! | `.spki`, `.spki.pem` | the public key, for raw public keys |
//! | `.der`, `.pem` | the certificate |
//! | `.chain.pem` | the certificate, and that of the authority that issued it |
//!
//! `intermediate.der` is the authority that has issued all but that of the stranger, which stands for itself.

use crate::Error;
use lwm2m_core::secret::Secret;
use lwm2m_dtls::{
    certificate::{LocalCertificate, spki_of},
    crypto::{Provider, Signer},
};
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, IsCa, KeyPair, KeyUsagePurpose,
    SanType, date_time_ymd,
};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use std::{
    fs,
    net::{IpAddr, Ipv4Addr},
    path::Path,
    sync::Arc,
};

/// The name that the server's certificate is asked for.
pub(crate) const SERVER_NAME: &str = "server.example";

fn params(common_name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2049, 12, 31);
    params
}

fn authority(common_name: &str) -> CertificateParams {
    let mut params = params(common_name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

/// Makes everything that the table above names.
pub(crate) fn make(folder: &Path) -> Result<(), Error> {
    fs::create_dir_all(folder)?;
    let write = |name: String, content: &[u8]| fs::write(folder.join(name), content);

    let root_key = KeyPair::generate()?;
    let root = authority("root").self_signed(&root_key)?;
    write("authority.der".into(), root.der())?;
    write("authority.pem".into(), root.pem().as_bytes())?;
    let issuer_key = KeyPair::generate()?;
    let issuer = authority("intermediate").signed_by(&issuer_key, &root, &root_key)?;
    write("intermediate.der".into(), issuer.der())?;

    let save = |name: &str, key: &KeyPair, chain: &[&Certificate]| -> Result<(), Error> {
        let certificate = chain.first().ok_or("a chain has a certificate")?;
        write(format!("{name}.pk8"), &key.serialize_der())?;
        write(format!("{name}.key.pem"), key.serialize_pem().as_bytes())?;
        write(format!("{name}.spki"), &key.public_key_der())?;
        write(format!("{name}.spki.pem"), key.public_key_pem().as_bytes())?;
        write(format!("{name}.der"), certificate.der())?;
        write(format!("{name}.pem"), certificate.pem().as_bytes())?;
        let chain: String = chain.iter().map(|one| one.pem()).collect();
        write(format!("{name}.chain.pem"), chain.as_bytes())?;
        Ok(())
    };
    for (name, common_name) in [("server", SERVER_NAME), ("client", "device-1")] {
        let key = KeyPair::generate()?;
        let mut params = params(common_name);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        if name == "server" {
            let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
            params.subject_alt_names = vec![
                SanType::DnsName(SERVER_NAME.try_into()?),
                SanType::DnsName("localhost".try_into()?),
                SanType::IpAddress(address),
            ];
        }
        let certificate = params.signed_by(&key, &issuer, &issuer_key)?;
        save(name, &key, &[&certificate, &issuer])?;
    }
    let key = KeyPair::generate()?;
    let mut params = params("stranger");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    save("stranger", &key, &[&params.self_signed(&key)?])?;
    Ok(())
}

fn read(folder: &Path, name: &str) -> Result<Vec<u8>, Error> {
    let path = folder.join(name);
    fs::read(&path).map_err(|error| format!("{}: {error}", path.display()).into())
}

/// The root that is trusted, DER.
pub(crate) fn root(folder: &Path) -> Result<Vec<u8>, Error> {
    read(folder, "authority.der")
}

/// The SubjectPublicKeyInfo of a side, DER.
pub(crate) fn public_key(folder: &Path, name: &str) -> Result<Vec<u8>, Error> {
    read(folder, &format!("{name}.spki"))
}

/// The private key of a side.
pub(crate) fn signer(
    folder: &Path,
    name: &str,
    provider: &dyn Provider,
) -> Result<Arc<dyn Signer>, Error> {
    let key = Secret::new(read(folder, &format!("{name}.pk8"))?);
    let signer = provider.signer(&key)?;
    if spki_of(&signer.public_key()) != public_key(folder, name)? {
        return Err(format!("{name}.pk8 and {name}.spki are of different keys").into());
    }
    Ok(signer)
}

/// The certificate of a side, with that of the intermediate authority.
pub(crate) fn certificate(
    folder: &Path,
    name: &str,
    provider: &dyn Provider,
) -> Result<LocalCertificate, Error> {
    let chain = CertificateDer::pem_file_iter(folder.join(format!("{name}.chain.pem")))?
        .map(|certificate| certificate.map(|der| der.to_vec()))
        .collect::<Result<_, _>>()?;
    Ok(LocalCertificate::new(
        chain,
        signer(folder, name, provider)?,
    )?)
}
