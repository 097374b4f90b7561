//! Credentials of endpoints, as they are kept.

use super::{Base64, SecretBase64, read, write};
use crate::{
    security::{CertificateMatch, Credential, EndpointCredential, Role},
    store::{Collection, Document, StoreError},
};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct CredentialRecord {
    role: RoleRecord,
    #[serde(flatten)]
    kind: CredentialKind,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RoleRecord {
    Server,
    Bootstrap,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum CredentialKind {
    Psk { identity: Base64, key: SecretBase64 },
    RawPublicKey { public_key: Base64 },
    CertificateOfEndpointName,
    CertificateOfName { name: String },
    PinnedCertificate { certificate: Base64 },
}

pub(crate) fn credentials_document(endpoint: &str, credentials: &[EndpointCredential]) -> Document {
    let records: Vec<CredentialRecord> = credentials.iter().map(CredentialRecord::from).collect();
    write(Collection::Credentials, endpoint.to_owned(), &records)
}

pub(crate) fn read_credentials(document: &Document) -> Result<Vec<EndpointCredential>, StoreError> {
    read(document, |records: Vec<CredentialRecord>| {
        Ok(records.into_iter().map(Into::into).collect())
    })
}

impl From<&EndpointCredential> for CredentialRecord {
    fn from(entry: &EndpointCredential) -> Self {
        CredentialRecord {
            role: match entry.role {
                Role::Server => RoleRecord::Server,
                Role::Bootstrap => RoleRecord::Bootstrap,
            },
            kind: match &entry.credential {
                Credential::Psk { identity, key } => CredentialKind::Psk {
                    identity: Base64::of(identity),
                    key: SecretBase64::of(key),
                },
                Credential::RawPublicKey { public_key } => CredentialKind::RawPublicKey {
                    public_key: Base64::of(public_key),
                },
                Credential::Certificate(CertificateMatch::EndpointName) => {
                    CredentialKind::CertificateOfEndpointName
                }
                Credential::Certificate(CertificateMatch::Name(name)) => {
                    CredentialKind::CertificateOfName { name: name.clone() }
                }
                Credential::Certificate(CertificateMatch::Pinned(der)) => {
                    CredentialKind::PinnedCertificate {
                        certificate: Base64::of(der),
                    }
                }
            },
        }
    }
}

impl From<CredentialRecord> for EndpointCredential {
    fn from(record: CredentialRecord) -> Self {
        EndpointCredential {
            role: match record.role {
                RoleRecord::Server => Role::Server,
                RoleRecord::Bootstrap => Role::Bootstrap,
            },
            credential: match record.kind {
                CredentialKind::Psk { identity, key } => Credential::psk(identity.0, key.0),
                CredentialKind::RawPublicKey { public_key } => {
                    Credential::raw_public_key(public_key.0)
                }
                CredentialKind::CertificateOfEndpointName => {
                    Credential::Certificate(CertificateMatch::EndpointName)
                }
                CredentialKind::CertificateOfName { name } => {
                    Credential::Certificate(CertificateMatch::Name(name))
                }
                CredentialKind::PinnedCertificate { certificate } => {
                    Credential::Certificate(CertificateMatch::Pinned(certificate.0))
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lwm2m_core::secret::Secret;

    #[test]
    fn credentials_survive() {
        let credentials = vec![
            EndpointCredential {
                role: Role::Server,
                credential: Credential::psk("id", vec![1, 2, 255]),
            },
            EndpointCredential {
                role: Role::Bootstrap,
                credential: Credential::Certificate(CertificateMatch::EndpointName),
            },
            EndpointCredential {
                role: Role::Server,
                credential: Credential::Certificate(CertificateMatch::Name("n".into())),
            },
            EndpointCredential {
                role: Role::Server,
                credential: Credential::Certificate(CertificateMatch::Pinned(vec![0; 40])),
            },
            EndpointCredential {
                role: Role::Bootstrap,
                credential: Credential::raw_public_key(vec![0x30, 0xFF]),
            },
        ];
        let document = credentials_document("a", &credentials);
        assert_eq!(document.key, "a");
        assert_eq!(read_credentials(&document).unwrap(), credentials);
    }

    #[test]
    fn a_broken_document_is_named_and_its_content_is_not() {
        let document = Document {
            collection: Collection::Credentials,
            key: "a".into(),
            content: Secret::new(
                br#"[{"role":"server","kind":"psk","identity":"aQ==","key":"c2VjcmV0!"}]"#.to_vec(),
            ),
        };
        let error = read_credentials(&document).unwrap_err().to_string();
        assert!(error.contains("credentials \"a\""), "{error}");
        assert!(!error.contains("c2VjcmV0"), "{error}");
    }
}
