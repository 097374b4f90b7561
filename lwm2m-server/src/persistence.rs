//! What the server keeps in a [`Store`](crate::store::Store), as documents.

mod secret;

pub(crate) use secret::SecretBase64;

use crate::{
    bootstrap::{AccountSecurity, BootstrapConfig, ServerAccount},
    engine::ObserveTarget,
    registration::Registration,
    security::{CertificateMatch, Credential, EndpointCredential, Role},
    store::{Collection, Document, StoreError},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use lwm2m_core::{
    attributes::AttributeChange,
    content::ContentFormat,
    engine::CertificateUsage,
    entry::Entry,
    link,
    operation::Binding,
    path::Path,
    peer::{CertificateIdentity, PeerIdentity},
    value::Value,
};
use secret::Growing;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, SystemTime},
};

/// What a store has not seen yet.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Dirty {
    Registration(Arc<str>),
    Observation(u64),
}

/// A registration as it is kept.
#[derive(Serialize, Deserialize)]
pub(crate) struct RegistrationRecord {
    pub(crate) endpoint: String,
    pub(crate) id: String,
    pub(crate) version: String,
    pub(crate) lifetime: u64,
    pub(crate) binding: String,
    pub(crate) queue_mode: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sms: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) additional: Vec<(String, Option<String>)>,
    pub(crate) links: String,
    pub(crate) address: SocketAddr,
    pub(crate) listener: u16,
    pub(crate) identity: IdentityRecord,
    pub(crate) registered_at: u64,
    pub(crate) updated_at: u64,
    pub(crate) expires_at: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum IdentityRecord {
    None,
    Psk(Base64),
    RawPublicKey(Base64),
    Certificate {
        common_name: Option<String>,
        alternative_names: Vec<String>,
        certificate: Base64,
    },
}

/// An observation as it is kept.
#[derive(Serialize, Deserialize)]
struct ObservationRecord {
    endpoint: String,
    paths: Vec<Path>,
    composite: Option<u16>,
    accept: Option<u16>,
    attributes: Vec<String>,
}

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

#[derive(Serialize, Deserialize)]
struct BootstrapRecord {
    deletes: Vec<Path>,
    accounts: Vec<AccountRecord>,
    extra: Vec<EntryRecord>,
}

#[derive(Serialize, Deserialize)]
struct AccountRecord {
    short_server_id: u16,
    security_instance: u16,
    server_instance: u16,
    uri: String,
    security: AccountSecurityRecord,
    lifetime: u64,
    binding: String,
    notification_storing: bool,
    default_pmin: Option<u32>,
    default_pmax: Option<u32>,
    disable_timeout: Option<u32>,
    mute_send: Option<bool>,
    server_resources: Vec<(u16, ValueRecord)>,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "snake_case")]
enum AccountSecurityRecord {
    None,
    Psk {
        identity: Base64,
        key: SecretBase64,
    },
    RawPublicKey {
        public_key: Base64,
        private_key: SecretBase64,
        server_public_key: Base64,
    },
    Certificate {
        certificate: Base64,
        private_key: SecretBase64,
        server_certificate: Base64,
        usage: Option<u8>,
    },
}

#[derive(Serialize, Deserialize)]
struct EntryRecord {
    path: Path,
    value: ValueRecord,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ValueRecord {
    String(String),
    Integer(i64),
    Unsigned(u64),
    Float(f64),
    Boolean(bool),
    Opaque(Base64),
    Time(i64),
    ObjectLink(String),
    CoreLink(String),
}

/// Bytes as text.
pub(crate) struct Base64(pub(crate) Vec<u8>);

impl Serialize for Base64 {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        let bytes = STANDARD.decode(text.as_bytes());
        bytes.map(Base64).map_err(serde::de::Error::custom)
    }
}

impl Base64 {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Base64(bytes.to_vec())
    }
}

/// Why a document is not taken, for a person.
pub(crate) type Reason = String;

pub(crate) fn write(collection: Collection, key: String, record: &impl Serialize) -> Document {
    // The records have text keys and finite numbers: nothing in them that JSON has no form for.
    let mut content = Growing::new();
    let content = match serde_json::to_writer(&mut content, record) {
        Ok(()) => content,
        Err(_) => Growing::new(),
    };
    Document {
        collection,
        key,
        content: content.finish(),
    }
}

pub(crate) fn read<R: DeserializeOwned, T>(
    document: &Document,
    convert: impl FnOnce(R) -> Result<T, Reason>,
) -> Result<T, StoreError> {
    serde_json::from_slice(document.content.expose_secret())
        // The text of the error could repeat what it stumbled over.
        .map_err(|error| {
            format!(
                "unexpected JSON at line {}, column {}",
                error.line(),
                error.column()
            )
        })
        .and_then(convert)
        .map_err(|reason| StoreError::Document {
            collection: document.collection,
            key: document.key.clone(),
            reason,
        })
}

fn text(error: impl ToString) -> Reason {
    error.to_string()
}

pub(crate) fn registration_document(registration: &Registration, listener: u16) -> Document {
    let record = RegistrationRecord {
        endpoint: registration.endpoint.as_ref().into(),
        id: registration.id.as_ref().into(),
        version: registration.version.to_string(),
        lifetime: registration.lifetime.as_secs(),
        binding: registration.binding.to_string(),
        queue_mode: registration.queue_mode,
        sms: registration.sms.clone(),
        additional: registration.additional.clone(),
        links: link::write(&registration.objects.links),
        address: registration.address,
        listener,
        identity: (&registration.identity).into(),
        registered_at: millis(registration.registered_at),
        updated_at: millis(registration.updated_at),
        expires_at: millis(registration.expires_at),
    };
    write(Collection::Registrations, record.endpoint.clone(), &record)
}

pub(crate) fn read_registration(document: &Document) -> Result<RegistrationRecord, StoreError> {
    read(document, |record: RegistrationRecord| {
        record
            .version
            .parse::<lwm2m_core::version::LwM2mVersion>()
            .map_err(text)?;
        Binding::parse(&record.binding).map_err(text)?;
        link::parse(record.links.as_bytes()).map_err(text)?;
        Ok(record)
    })
}

pub(crate) fn observation_document(id: u64, endpoint: &str, target: &ObserveTarget) -> Document {
    let record = ObservationRecord {
        endpoint: endpoint.to_owned(),
        paths: target.paths.to_vec(),
        composite: target.composite.map(ContentFormat::number),
        accept: target.accept.map(ContentFormat::number),
        attributes: AttributeChange::from(target.attributes).to_queries(),
    };
    write(Collection::Observations, id.to_string(), &record)
}

pub(crate) fn read_observation(
    document: &Document,
) -> Result<(u64, Arc<str>, ObserveTarget), StoreError> {
    read(document, |record: ObservationRecord| {
        let format = |number: Option<u16>| match number {
            None => Ok(None),
            Some(number) => match ContentFormat::from_number(number) {
                Some(format) => Ok(Some(format)),
                None => Err(format!("unknown content format {number}")),
            },
        };
        let queries = record.attributes.iter().map(String::as_str);
        let target = ObserveTarget {
            paths: record.paths.into(),
            composite: format(record.composite)?,
            accept: format(record.accept)?,
            attributes: AttributeChange::from_queries(queries).map_err(text)?.set,
        };
        Ok((
            document.key.parse().map_err(text)?,
            record.endpoint.into(),
            target,
        ))
    })
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

pub(crate) fn bootstrap_document(endpoint: &str, config: &BootstrapConfig) -> Document {
    let record = BootstrapRecord {
        deletes: config.deletes.clone(),
        accounts: config.accounts.iter().map(AccountRecord::from).collect(),
        extra: config
            .extra
            .iter()
            .map(|entry| EntryRecord {
                path: entry.path,
                value: (&entry.value).into(),
            })
            .collect(),
    };
    write(Collection::Bootstrap, endpoint.to_owned(), &record)
}

pub(crate) fn read_bootstrap(document: &Document) -> Result<BootstrapConfig, StoreError> {
    read(document, |record: BootstrapRecord| {
        let accounts = record.accounts.into_iter().map(ServerAccount::try_from);
        let extra = record
            .extra
            .into_iter()
            .map(|entry| Ok(Entry::new(entry.path, Value::try_from(entry.value)?)));
        let config = BootstrapConfig {
            deletes: record.deletes,
            accounts: accounts.collect::<Result<_, Reason>>()?,
            extra: extra.collect::<Result<_, Reason>>()?,
        };
        config.validate().map_err(text)?;
        Ok(config)
    })
}

pub(crate) fn millis(time: SystemTime) -> u64 {
    let since = time
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

pub(crate) fn from_millis(millis: u64) -> SystemTime {
    let since = Duration::from_millis(millis);
    SystemTime::UNIX_EPOCH
        .checked_add(since)
        .unwrap_or(SystemTime::UNIX_EPOCH)
}

impl From<&PeerIdentity> for IdentityRecord {
    fn from(identity: &PeerIdentity) -> Self {
        match identity {
            PeerIdentity::Psk(identity) => IdentityRecord::Psk(Base64::of(identity)),
            PeerIdentity::RawPublicKey(key) => IdentityRecord::RawPublicKey(Base64::of(key)),
            PeerIdentity::Certificate(names) => IdentityRecord::Certificate {
                common_name: names.common_name.clone(),
                alternative_names: names.alternative_names.clone(),
                certificate: Base64::of(&names.certificate),
            },
            _ => IdentityRecord::None,
        }
    }
}

impl From<IdentityRecord> for PeerIdentity {
    fn from(record: IdentityRecord) -> Self {
        match record {
            IdentityRecord::None => PeerIdentity::None,
            IdentityRecord::Psk(identity) => PeerIdentity::Psk(identity.0),
            IdentityRecord::RawPublicKey(key) => PeerIdentity::RawPublicKey(key.0),
            IdentityRecord::Certificate {
                common_name,
                alternative_names,
                certificate,
            } => {
                let names = CertificateIdentity::new(common_name, alternative_names, certificate.0);
                PeerIdentity::Certificate(names)
            }
        }
    }
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

impl From<&ServerAccount> for AccountRecord {
    fn from(account: &ServerAccount) -> Self {
        let values = account.server_resources.iter();
        AccountRecord {
            short_server_id: account.short_server_id,
            security_instance: account.security_instance,
            server_instance: account.server_instance,
            uri: account.uri.to_string(),
            security: match &account.security {
                AccountSecurity::None => AccountSecurityRecord::None,
                AccountSecurity::Psk { identity, key } => AccountSecurityRecord::Psk {
                    identity: Base64::of(identity),
                    key: SecretBase64::of(key),
                },
                AccountSecurity::RawPublicKey {
                    public_key,
                    private_key,
                    server_public_key,
                } => AccountSecurityRecord::RawPublicKey {
                    public_key: Base64::of(public_key),
                    private_key: SecretBase64::of(private_key),
                    server_public_key: Base64::of(server_public_key),
                },
                AccountSecurity::Certificate {
                    certificate,
                    private_key,
                    server_certificate,
                    usage,
                } => AccountSecurityRecord::Certificate {
                    certificate: Base64::of(certificate),
                    private_key: SecretBase64::of(private_key),
                    server_certificate: Base64::of(server_certificate),
                    usage: usage.map(usage_number),
                },
            },
            lifetime: account.lifetime.as_secs(),
            binding: account.binding.clone(),
            notification_storing: account.notification_storing,
            default_pmin: account.default_pmin,
            default_pmax: account.default_pmax,
            disable_timeout: account.disable_timeout,
            mute_send: account.mute_send,
            server_resources: values.map(|(id, value)| (*id, value.into())).collect(),
        }
    }
}

impl TryFrom<AccountRecord> for ServerAccount {
    type Error = Reason;

    fn try_from(record: AccountRecord) -> Result<Self, Reason> {
        let security = match record.security {
            AccountSecurityRecord::None => AccountSecurity::None,
            AccountSecurityRecord::Psk { identity, key } => AccountSecurity::Psk {
                identity: identity.0,
                key: key.0,
            },
            AccountSecurityRecord::RawPublicKey {
                public_key,
                private_key,
                server_public_key,
            } => AccountSecurity::RawPublicKey {
                public_key: public_key.0,
                private_key: private_key.0,
                server_public_key: server_public_key.0,
            },
            AccountSecurityRecord::Certificate {
                certificate,
                private_key,
                server_certificate,
                usage,
            } => AccountSecurity::Certificate {
                certificate: certificate.0,
                private_key: private_key.0,
                server_certificate: server_certificate.0,
                usage: usage.map(usage_of).transpose()?,
            },
        };
        let values = record.server_resources.into_iter();
        let values = values.map(|(id, value)| Ok((id, Value::try_from(value)?)));
        let uri = record.uri.parse().map_err(text)?;
        let mut account = ServerAccount::new(record.short_server_id, uri, security);
        account.security_instance = record.security_instance;
        account.server_instance = record.server_instance;
        account.lifetime = Duration::from_secs(record.lifetime);
        account.binding = record.binding;
        account.notification_storing = record.notification_storing;
        account.default_pmin = record.default_pmin;
        account.default_pmax = record.default_pmax;
        account.disable_timeout = record.disable_timeout;
        account.mute_send = record.mute_send;
        account.server_resources = values.collect::<Result<_, Reason>>()?;
        Ok(account)
    }
}

/// /0/x/15
pub(crate) fn usage_number(usage: CertificateUsage) -> u8 {
    match usage {
        CertificateUsage::CaConstraint => 0,
        CertificateUsage::ServiceCertificateConstraint => 1,
        CertificateUsage::TrustAnchorAssertion => 2,
        CertificateUsage::DomainIssuedCertificate => 3,
    }
}

fn usage_of(number: u8) -> Result<CertificateUsage, Reason> {
    match number {
        0 => Ok(CertificateUsage::CaConstraint),
        1 => Ok(CertificateUsage::ServiceCertificateConstraint),
        2 => Ok(CertificateUsage::TrustAnchorAssertion),
        3 => Ok(CertificateUsage::DomainIssuedCertificate),
        _ => Err(format!("unknown certificate usage {number}")),
    }
}

impl From<&Value> for ValueRecord {
    fn from(value: &Value) -> Self {
        match value {
            Value::String(text) => ValueRecord::String(text.clone()),
            Value::Integer(number) => ValueRecord::Integer(*number),
            Value::Unsigned(number) => ValueRecord::Unsigned(*number),
            Value::Float(number) => ValueRecord::Float(*number),
            Value::Boolean(value) => ValueRecord::Boolean(*value),
            Value::Opaque(bytes) => ValueRecord::Opaque(Base64::of(bytes)),
            Value::Time(seconds) => ValueRecord::Time(*seconds),
            Value::ObjectLink(link) => ValueRecord::ObjectLink(link.to_string()),
            Value::CoreLink(text) => ValueRecord::CoreLink(text.clone()),
            // A type of a later version of the vocabulary, as a person would read it.
            other => ValueRecord::String(other.to_string()),
        }
    }
}

impl TryFrom<ValueRecord> for Value {
    type Error = Reason;

    fn try_from(record: ValueRecord) -> Result<Self, Reason> {
        Ok(match record {
            ValueRecord::String(text) => Value::String(text),
            ValueRecord::Integer(number) => Value::Integer(number),
            ValueRecord::Unsigned(number) => Value::Unsigned(number),
            ValueRecord::Float(number) => Value::Float(number),
            ValueRecord::Boolean(value) => Value::Boolean(value),
            ValueRecord::Opaque(bytes) => Value::Opaque(bytes.0),
            ValueRecord::Time(seconds) => Value::Time(seconds),
            ValueRecord::ObjectLink(link) => Value::ObjectLink(link.parse().map_err(text)?),
            ValueRecord::CoreLink(text) => Value::CoreLink(text),
        })
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
    fn bootstrap_configurations_survive() {
        let mut account = ServerAccount::new(
            101,
            "coaps://127.0.0.1:5684".parse().unwrap(),
            AccountSecurity::Psk {
                identity: b"id".to_vec(),
                key: Secret::new(vec![7; 16]),
            },
        )
        .mute_send(false);
        account.server_resources.push((17, Value::Unsigned(3)));
        let key_pair = || rcgen::KeyPair::generate().unwrap();
        let raw_public_key = AccountSecurity::raw_public_key(
            key_pair().serialize_der(),
            key_pair().public_key_der(),
        )
        .unwrap();
        let mut config = BootstrapConfig::with_account(account);
        config.accounts.push(
            ServerAccount::new(102, "coaps://[::1]".parse().unwrap(), raw_public_key)
                .instances(2, 1),
        );
        config
            .extra
            .push(Entry::new(Path::resource(3303, 0, 5700), 21.5));
        let document = bootstrap_document("a", &config);
        assert_eq!(read_bootstrap(&document).unwrap(), config);
    }

    #[test]
    fn observations_survive() {
        let mut attributes = lwm2m_core::attributes::Attributes::default();
        attributes.pmin = Some(5);
        attributes.gt = Some(21.5);
        let target = ObserveTarget {
            paths: vec![Path::resource(3303, 0, 5700), Path::object(3)].into(),
            composite: Some(ContentFormat::SenmlCbor),
            accept: None,
            attributes,
        };
        let document = observation_document(77, "a", &target);
        let (id, endpoint, read) = read_observation(&document).unwrap();
        assert_eq!((id, &*endpoint, read), (77, "a", target));
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
