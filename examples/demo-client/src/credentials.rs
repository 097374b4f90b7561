//! How the device proves who it is, as the command line says it: pre-shared key, raw public key, or certificate.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use lwm2m_core::{
    engine::{CertificateUsage, Credentials},
    secret::Secret,
    uri::Scheme,
};
use lwm2m_demo_client::pem::{self, KeyPair, PemError};
use lwm2m_transport::dtls::check_public_key;
use std::path::PathBuf;

/// One of the three ways, or none.
#[derive(Debug, clap::Args)]
pub(crate) struct CredentialOptions {
    /// PSK identity, for coaps
    #[arg(long, value_name = "ID", requires = "psk_key")]
    psk_identity: Option<String>,

    /// Pre-shared key in hexadecimal digits, for coaps
    #[arg(
        long,
        value_name = "HEX",
        env = "LWM2M_PSK_KEY",
        hide_env_values = true,
        requires = "psk_identity",
        value_parser = parse_key
    )]
    psk_key: Option<Key>,

    /// PEM file with the private key of the device's raw public key, PKCS#8, P-256, for coaps; the public key to tell
    /// the server is shown at start
    #[arg(
        long,
        value_name = "FILE",
        requires = "server_public_key",
        conflicts_with = "psk_identity"
    )]
    raw_public_key: Option<PathBuf>,

    /// The server's raw public key, as the server shows it: SubjectPublicKeyInfo, DER in Base64
    #[arg(
        long,
        value_name = "BASE64",
        requires = "raw_public_key",
        value_parser = parse_public_key
    )]
    server_public_key: Option<PublicKey>,

    /// PEM file with the device's certificate chain, its own first, for coaps
    #[arg(
        long,
        value_name = "FILE",
        requires_all = ["private_key", "server_certificate"],
        conflicts_with_all = ["psk_identity", "raw_public_key"]
    )]
    certificate: Option<PathBuf>,

    /// PEM file with the private key of the certificate, PKCS#8
    #[arg(long, value_name = "FILE", requires = "certificate")]
    private_key: Option<PathBuf>,

    /// PEM file with what is known of the server: its certificate, or an authority's
    #[arg(long, value_name = "FILE", requires = "certificate")]
    server_certificate: Option<PathBuf>,

    /// How the server's certificate is compared with it, as in /0/x/15: 0 and 1 also ask for one of --authorities, 2 is
    /// a trust anchor, 3 is the certificate itself
    #[arg(long, value_name = "0..3", default_value_t = 3, value_parser = clap::value_parser!(u8).range(0..=3))]
    certificate_usage: u8,

    /// PEM file with the authorities that the device trusts for certificate usages 0 and 1
    #[arg(long, value_name = "FILE", requires = "certificate")]
    authorities: Option<PathBuf>,
}

/// A key as the command line gives it. A type of its own so that clap never shows it.
#[derive(Clone)]
struct Key(Secret);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(hidden)")
    }
}

fn parse_key(text: &str) -> Result<Key, &'static str> {
    let key = hex::decode(text).map_err(|_| "a key is an even number of hexadecimal digits")?;
    match key.len() {
        1..=64 => Ok(Key(Secret::new(key))),
        _ => Err("a key has 1 to 64 bytes"),
    }
}

/// A SubjectPublicKeyInfo, DER. A type of its own because clap takes a `Vec` for several values.
#[derive(Debug, Clone)]
struct PublicKey(Vec<u8>);

fn parse_public_key(text: &str) -> Result<PublicKey, String> {
    let der = STANDARD
        .decode(text)
        .map_err(|_| "a public key is DER in padded Base64")?;
    check_public_key(&der).map_err(|error| error.to_string())?;
    Ok(PublicKey(der))
}

/// What is wrong with options that are right one by one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CredentialsError {
    #[error(
        "coaps needs --psk-identity and --psk-key, or --raw-public-key and --server-public-key, \
         or --certificate and what belongs to it"
    )]
    KeyMissing,
    #[error("a key was given, but coap has no security: use coaps")]
    KeyUnused,
    #[error(transparent)]
    Pem(#[from] PemError),
}

impl CredentialOptions {
    /// What a server with this scheme is shown.
    pub(crate) fn credentials(&self, scheme: Scheme) -> Result<Credentials, CredentialsError> {
        let given = self.psk_identity.is_some()
            || self.raw_public_key.is_some()
            || self.certificate.is_some();
        match (scheme, given) {
            (Scheme::Coaps, true) => Ok(self.read()?),
            (Scheme::Coaps, false) => Err(CredentialsError::KeyMissing),
            (_, true) => Err(CredentialsError::KeyUnused),
            (_, false) => Ok(Credentials::None),
        }
    }

    fn read(&self) -> Result<Credentials, PemError> {
        if let (Some(identity), Some(Key(key))) = (&self.psk_identity, &self.psk_key) {
            return Ok(Credentials::Psk {
                identity: identity.as_bytes().to_vec(),
                key: key.clone(),
            });
        }
        if let (Some(path), Some(PublicKey(server))) =
            (&self.raw_public_key, &self.server_public_key)
        {
            let KeyPair {
                private_key,
                public_key,
            } = pem::key_pair(path)?;
            return Ok(Credentials::RawPublicKey {
                public_key,
                private_key,
                server_public_key: server.clone(),
            });
        }
        let files = (
            &self.certificate,
            &self.private_key,
            &self.server_certificate,
        );
        let (Some(chain), Some(private_key), Some(server)) = files else {
            return Ok(Credentials::None);
        };
        Ok(Credentials::Certificate {
            chain: pem::certificates(chain)?,
            private_key: pem::private_key(private_key)?,
            server_certificate: pem::certificates(server)?.swap_remove(0),
            usage: match self.certificate_usage {
                0 => CertificateUsage::CaConstraint,
                1 => CertificateUsage::ServiceCertificateConstraint,
                2 => CertificateUsage::TrustAnchorAssertion,
                _ => CertificateUsage::DomainIssuedCertificate,
            },
        })
    }

    /// The authorities that servers' certificates are held against, DER.
    pub(crate) fn trust_anchors(&self) -> Result<Vec<Vec<u8>>, PemError> {
        match &self.authorities {
            Some(authorities) => pem::certificates(authorities),
            None => Ok(Vec::new()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Device {
        #[command(flatten)]
        options: CredentialOptions,
    }

    fn options(given: &[&str]) -> Result<CredentialOptions, String> {
        match Device::try_parse_from(["device"].iter().chain(given)) {
            Ok(device) => Ok(device.options),
            Err(error) => Err(error.to_string()),
        }
    }

    fn public_key() -> String {
        STANDARD.encode(rcgen::KeyPair::generate().unwrap().public_key_der())
    }

    const PSK: [&str; 4] = ["--psk-identity", "me", "--psk-key", "00ff"];
    const CERTIFICATE: [&str; 6] = [
        "--certificate",
        "/nonexistent/chain.pem",
        "--private-key",
        "k",
        "--server-certificate",
        "s",
    ];

    #[test]
    fn each_way_belongs_to_coaps_and_is_read_only_there() {
        let server = public_key();
        let raw = [
            "--raw-public-key",
            "/nonexistent/key.pem",
            "--server-public-key",
            &server,
        ];
        for (given, file) in [
            (&PSK[..], None),
            (&raw, Some("/nonexistent/key.pem")),
            (&CERTIFICATE, Some("/nonexistent/chain.pem")),
        ] {
            let options = options(given).unwrap();
            assert!(matches!(
                options.credentials(Scheme::Coap),
                Err(CredentialsError::KeyUnused)
            ));
            match (options.credentials(Scheme::Coaps), file) {
                (Ok(Credentials::Psk { identity, key }), None) => {
                    assert_eq!(identity, b"me");
                    assert_eq!(key.expose_secret(), [0, 0xff]);
                }
                (Err(error @ CredentialsError::Pem(_)), Some(file)) => {
                    assert!(error.to_string().contains(file), "{error}");
                }
                (other, _) => panic!("{given:?}: {other:?}"),
            }
        }
        let none = options(&[]).unwrap();
        assert!(matches!(
            none.credentials(Scheme::Coap),
            Ok(Credentials::None)
        ));
        let missing = none.credentials(Scheme::Coaps).unwrap_err().to_string();
        for option in ["--psk-key", "--raw-public-key", "--certificate"] {
            assert!(missing.contains(option), "{missing}");
        }
    }

    #[test]
    fn only_one_way_is_taken() {
        let server = public_key();
        let raw = ["--raw-public-key", "k", "--server-public-key", &server];
        for (one, other) in [
            (&PSK[..], &raw[..]),
            (&PSK, &CERTIFICATE),
            (&raw, &CERTIFICATE),
        ] {
            let error = options(&[one, other].concat()).unwrap_err();
            assert!(error.contains("cannot be used with"), "{error}");
        }
    }

    #[test]
    fn bad_options_say_what_is_wrong() {
        for (given, expected) in [
            (&["--psk-identity", "a"][..], "--psk-key"),
            (&["--psk-identity", "a", "--psk-key", "5ec"], "hexadecimal"),
            (&["--raw-public-key", "key.pem"], "--server-public-key"),
            (&["--server-public-key", "*"], "Base64"),
            (&["--server-public-key", "MAEC"], "no raw public key"),
            (&["--certificate", "c"], "--private-key"),
            (&["--certificate-usage", "4"], "0..=3"),
            (&["--authorities", "a"], "--certificate"),
        ] {
            let error = options(given).unwrap_err();
            assert!(error.contains(expected), "{given:?}: {error}");
        }
    }
}
