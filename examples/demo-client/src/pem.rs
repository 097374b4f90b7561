//! Certificates and private keys from PEM files (RFC 7468).

use lwm2m_client::{KeyError, public_key_of};
use lwm2m_core::secret::Secret;
use rustls_pki_types::{
    CertificateDer, PrivatePkcs8KeyDer,
    pem::{Error, PemObject},
};
use std::path::{Path, PathBuf};

/// Why a PEM file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PemError {
    /// It cannot be read, or its text is no PEM.
    #[error("{path} cannot be read: {reason}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// There is no certificate in it.
    #[error("there is no certificate in {0}")]
    NoCertificate(PathBuf),
    /// There is no private key in PKCS#8 form in it.
    #[error(
        "there is no private key in {0} (BEGIN PRIVATE KEY; `openssl pkcs8 -topk8 -nocrypt` makes one)"
    )]
    NoPrivateKey(PathBuf),
    /// The private key in it is of another kind than raw public keys need.
    #[error("the private key in {path} cannot be used for a raw public key: {source}")]
    KeyKind {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: KeyError,
    },
}

/// What raw public keys are proven with (RFC 7250).
#[derive(Debug, Clone)]
pub struct KeyPair {
    /// PKCS#8 DER, ECDSA P-256.
    pub private_key: Secret,
    /// The public half: SubjectPublicKeyInfo, DER.
    pub public_key: Vec<u8>,
}

fn unreadable(path: &Path, error: &Error) -> PemError {
    // What stands in the file is not shown: it may be a key.
    let reason = match error {
        Error::Io(error) => error.to_string(),
        _ => "it is no PEM file".to_owned(),
    };
    let path = path.to_owned();
    PemError::File { path, reason }
}

/// All certificates of a file, DER, in its order.
///
/// # Errors
/// A file that cannot be read or holds none.
pub fn certificates(path: &Path) -> Result<Vec<Vec<u8>>, PemError> {
    let found = CertificateDer::pem_file_iter(path).and_then(|items| {
        items
            .map(|item| Ok(item?.to_vec()))
            .collect::<Result<Vec<_>, _>>()
    });
    match found {
        Err(error) => Err(unreadable(path, &error)),
        Ok(found) if found.is_empty() => Err(PemError::NoCertificate(path.to_owned())),
        Ok(found) => Ok(found),
    }
}

/// The first private key of a file, PKCS#8 DER.
///
/// # Errors
/// A file that cannot be read or holds none.
pub fn private_key(path: &Path) -> Result<Secret, PemError> {
    match PrivatePkcs8KeyDer::from_pem_file(path) {
        Ok(key) => Ok(Secret::new(key.secret_pkcs8_der().to_vec())),
        Err(Error::NoItemsFound) => Err(PemError::NoPrivateKey(path.to_owned())),
        Err(error) => Err(unreadable(path, &error)),
    }
}

/// The first private key of a file, with its public half.
///
/// # Errors
/// A file that cannot be read or holds none, and a key that is not ECDSA P-256.
pub fn key_pair(path: &Path) -> Result<KeyPair, PemError> {
    let private_key = private_key(path)?;
    match public_key_of(&private_key) {
        Ok(public_key) => Ok(KeyPair {
            private_key,
            public_key,
        }),
        Err(source) => Err(PemError::KeyKind {
            path: path.to_owned(),
            source,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file that is removed at the end.
    struct File(PathBuf);

    impl File {
        fn new(name: &str, content: &str) -> Self {
            let path = std::env::temp_dir().join(format!("lwm2m-{}-{name}", std::process::id()));
            std::fs::write(&path, content).unwrap();
            File(path)
        }
    }

    impl Drop for File {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.0);
        }
    }

    fn block(label: &str, base64: &str) -> String {
        format!("-----BEGIN {label}-----\n{base64}\n-----END {label}-----\n")
    }

    #[test]
    fn chains_and_keys_are_found_among_other_things() {
        let content = [
            block("CERTIFICATE", "AQID"),
            block("PRIVATE KEY", "BAUG"),
            block("CERTIFICATE", "BwgJ"),
        ];
        let file = File::new("mixed.pem", &content.concat());
        assert_eq!(
            certificates(&file.0).unwrap(),
            [vec![1, 2, 3], vec![7, 8, 9]]
        );
        assert_eq!(private_key(&file.0).unwrap().expose_secret(), [4, 5, 6]);
    }

    #[test]
    fn a_key_comes_with_its_public_half() {
        let key = rcgen::KeyPair::generate().unwrap();
        let file = File::new("pair.pem", &key.serialize_pem());
        let pair = key_pair(&file.0).unwrap();
        assert_eq!(pair.private_key.expose_secret(), key.serialize_der());
        assert_eq!(pair.public_key, key.public_key_der());
        let other = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
        let file = File::new("p384.pem", &other.serialize_pem());
        let error = key_pair(&file.0).unwrap_err().to_string();
        assert!(error.contains("P-256"), "{error}");
        // What openssl writes with -outform DER.
        std::fs::write(&file.0, key.serialize_der()).unwrap();
        assert!(key_pair(&file.0).is_err());
    }

    #[test]
    fn what_is_missing_is_named() {
        let key = File::new("key.pem", &block("EC PRIVATE KEY", "BAUG"));
        let error = private_key(&key.0).unwrap_err().to_string();
        assert!(error.contains("pkcs8"), "{error}");
        let error = certificates(&key.0).unwrap_err().to_string();
        assert!(error.contains("no certificate"), "{error}");
        let broken = File::new("broken.pem", "-----BEGIN CERTIFICATE-----\nc2VjcmV0\n");
        let error = certificates(&broken.0).unwrap_err().to_string();
        assert!(
            error.contains("no PEM file") && !error.contains("c2VjcmV0"),
            "{error}"
        );
        let error = certificates(Path::new("/nonexistent.pem")).unwrap_err();
        assert!(error.to_string().contains("/nonexistent.pem"), "{error}");
    }
}
