//! Bootstrap configurations, as they are kept.

use super::{Base64, Reason, SecretBase64, read, text, value::ValueRecord, write};
use crate::{
    bootstrap::{AccountSecurity, BootstrapConfig, ServerAccount},
    store::{Collection, Document, StoreError},
};
use lwm2m_core::{engine::CertificateUsage, entry::Entry, path::Path, value::Value};
use serde::{Deserialize, Serialize};
use std::time::Duration;

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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    server_name: Option<String>,
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
            server_name: account.server_name.clone(),
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
        account.server_name = record.server_name;
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

#[cfg(test)]
mod tests {
    use super::*;
    use lwm2m_core::secret::Secret;

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
        .server_name("server.example")
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
}
