//! Keys and certificates that all contenders of a run share, fresh for each.

use super::Outcome;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use std::{fs, io, path::Path};

/// Identity of the pre-shared key.
pub const IDENTITY: &[u8] = b"urn:imei:350000000000001";
/// The pre-shared key. It protects nothing: both sides are in this benchmark.
pub const KEY: &[u8] = b"sixteen bytes...";
/// Name in the server's certificate.
pub const SERVER_NAME: &str = "server.example";
/// Name in the client's certificate.
pub const CLIENT_NAME: &str = "device.example";

/// A P-256 key and its certificate, issued by the authority.
#[derive(Debug, Clone)]
pub struct Own {
    /// PKCS#8, DER.
    pub key: Vec<u8>,
    /// DER.
    pub certificate: Vec<u8>,
}

/// All of them.
#[derive(Debug, Clone)]
pub struct Material {
    /// The certificate of the authority, DER.
    pub authority: Vec<u8>,
    /// The server's.
    pub server: Own,
    /// The client's.
    pub client: Own,
}

impl Material {
    /// Makes them.
    ///
    /// # Errors
    /// What rcgen says.
    pub fn new() -> Outcome<Self> {
        let authority_key = KeyPair::generate()?;
        let mut params = CertificateParams::new(Vec::<String>::new())?;
        params
            .distinguished_name
            .push(DnType::CommonName, "authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let authority = params.self_signed(&authority_key)?;
        let issue = |name: &str| -> Outcome<Own> {
            let key = KeyPair::generate()?;
            // Scandium expects the address that it connects to.
            let mut params = CertificateParams::new([name.to_owned(), "127.0.0.1".to_owned()])?;
            params.distinguished_name.push(DnType::CommonName, name);
            params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
            params.extended_key_usages = vec![
                ExtendedKeyUsagePurpose::ServerAuth,
                ExtendedKeyUsagePurpose::ClientAuth,
            ];
            let certificate = params.signed_by(&key, &authority, &authority_key)?;
            Ok(Own {
                key: key.serialize_der(),
                certificate: certificate.der().to_vec(),
            })
        };
        Ok(Material {
            server: issue(SERVER_NAME)?,
            client: issue(CLIENT_NAME)?,
            authority: authority.der().to_vec(),
        })
    }

    #[cfg(any(feature = "webrtc", feature = "dtls-peers"))]
    /// The authority's certificate for libraries that speak rustls.
    ///
    /// # Errors
    /// What rustls says.
    pub fn roots(&self) -> Outcome<rustls::RootCertStore> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.authority.clone().into())?;
        Ok(roots)
    }

    /// Writes all of it for programs: `NAME.pk8` and `NAME.der` of server and client, `server.spki`, `client.spki`,
    /// and `authority.der`.
    ///
    /// # Errors
    /// What the system says.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        fs::write(folder.join("authority.der"), &self.authority)?;
        for (name, own) in [("server", &self.server), ("client", &self.client)] {
            fs::write(folder.join(format!("{name}.pk8")), &own.key)?;
            fs::write(folder.join(format!("{name}.der")), &own.certificate)?;
            let pair = KeyPair::try_from(&own.key[..]).map_err(io::Error::other)?;
            fs::write(folder.join(format!("{name}.spki")), pair.public_key_der())?;
        }
        Ok(())
    }
}
