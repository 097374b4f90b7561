//! Certificates and private keys from PEM files (RFC 7468).

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
