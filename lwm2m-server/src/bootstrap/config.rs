//! What one device is given.

use crate::persistence::usage_number;
use lwm2m_core::{
    engine::CertificateUsage,
    entry::Entry,
    path::{Path, PathLevel},
    secret::Secret,
    uri::{Scheme, ServerUri, is_host_name},
    value::Value,
};
use lwm2m_transport::dtls::{KeyError, check_public_key, public_key_of};
use std::time::Duration;

/// How a device proves itself to the server of an account (/0/x/2 to /0/x/5, /0/x/15).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AccountSecurity {
    /// No security (mode 3).
    None,
    /// Pre-shared key (mode 0).
    Psk {
        /// PSK identity.
        identity: Vec<u8>,
        /// The key.
        key: Secret,
    },
    /// Raw public key (mode 1; RFC 7250).
    RawPublicKey {
        /// The device's SubjectPublicKeyInfo, DER, of a point of P-256.
        public_key: Vec<u8>,
        /// Its private key, PKCS#8 DER.
        private_key: Secret,
        /// The server's SubjectPublicKeyInfo, DER, of a point of P-256.
        server_public_key: Vec<u8>,
    },
    /// Certificate (mode 2).
    Certificate {
        /// The device's certificate, DER.
        certificate: Vec<u8>,
        /// Its private key, PKCS#8 DER.
        private_key: Secret,
        /// The server's certificate or trust anchor, DER.
        server_certificate: Vec<u8>,
        /// How `server_certificate` is matched (1.1); `None`: not written, which means domain-issued.
        usage: Option<CertificateUsage>,
    },
}

impl AccountSecurity {
    /// Raw public keys, of which the device's public one follows from its private one.
    ///
    /// # Errors
    /// A private key that is not ECDSA P-256 in PKCS#8 DER.
    pub fn raw_public_key(
        private_key: impl Into<Secret>,
        server_public_key: impl Into<Vec<u8>>,
    ) -> Result<Self, KeyError> {
        let private_key = private_key.into();
        Ok(AccountSecurity::RawPublicKey {
            public_key: public_key_of(&private_key)?,
            private_key,
            server_public_key: server_public_key.into(),
        })
    }
}

/// An account at an LwM2M server: an instance of /0 and one of /1.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ServerAccount {
    /// The server's number at the device, 1 to 65534 (/0/x/10, /1/x/0).
    pub short_server_id: u16,
    /// Instance of /0.
    pub security_instance: u16,
    /// Instance of /1.
    pub server_instance: u16,
    /// Address of the server (/0/x/0).
    pub uri: ServerUri,
    /// How the device proves itself to it.
    pub security: AccountSecurity,
    /// The name that the device asks the server for and knows it by in its certificate, where that is not the host of
    /// `uri` (/0/x/14, 1.1). Default: not written.
    pub server_name: Option<String>,
    /// Lifetime of the registration (/1/x/1), full seconds. Default: 86,400.
    pub lifetime: Duration,
    /// Transports (/1/x/7). Default: `U`.
    pub binding: String,
    /// Whether notifications are kept while the server is out of reach (/1/x/6). Default: true.
    pub notification_storing: bool,
    /// Default minimum period, seconds (/1/x/2).
    pub default_pmin: Option<u32>,
    /// Default maximum period, seconds (/1/x/3).
    pub default_pmax: Option<u32>,
    /// How long the device stays away after Disable, seconds (/1/x/5).
    pub disable_timeout: Option<u32>,
    /// Whether Send is muted (/1/x/23, 1.1); a device takes absence for true.
    pub mute_send: Option<bool>,
    /// Further resources of the instance of /1: number and value.
    pub server_resources: Vec<(u16, Value)>,
}

impl ServerAccount {
    /// An account with the defaults in instances 1 of /0 (0 is taken by the bootstrap account on most devices) and 0
    /// of /1.
    pub fn new(short_server_id: u16, uri: ServerUri, security: AccountSecurity) -> Self {
        ServerAccount {
            short_server_id,
            security_instance: 1,
            server_instance: 0,
            uri,
            security,
            server_name: None,
            lifetime: Duration::from_secs(86_400),
            binding: "U".to_owned(),
            notification_storing: true,
            default_pmin: None,
            default_pmax: None,
            disable_timeout: None,
            mute_send: None,
            server_resources: Vec::new(),
        }
    }

    /// In other instances.
    #[must_use]
    pub fn instances(mut self, security_instance: u16, server_instance: u16) -> Self {
        self.security_instance = security_instance;
        self.server_instance = server_instance;
        self
    }

    /// With another name for the server than the host of its address.
    #[must_use]
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    /// With another lifetime.
    #[must_use]
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// With Send muted or not.
    #[must_use]
    pub fn mute_send(mut self, mute: bool) -> Self {
        self.mute_send = Some(mute);
        self
    }

    /// The values of the instance of /0 (Core 1.2.2, section E.1).
    pub fn security_entries(&self) -> Vec<Entry> {
        let at = |resource| Path::resource(0, self.security_instance, resource);
        let (mode, identity, server_key, key, usage) = match &self.security {
            AccountSecurity::None => (3, &[][..], &[][..], &[][..], None),
            AccountSecurity::Psk { identity, key } => {
                (0, &identity[..], &[][..], key.expose_secret(), None)
            }
            AccountSecurity::RawPublicKey {
                public_key,
                private_key,
                server_public_key,
            } => (
                1,
                &public_key[..],
                &server_public_key[..],
                private_key.expose_secret(),
                None,
            ),
            AccountSecurity::Certificate {
                certificate,
                private_key,
                server_certificate,
                usage,
            } => (
                2,
                &certificate[..],
                &server_certificate[..],
                private_key.expose_secret(),
                *usage,
            ),
        };
        let mut entries = vec![
            Entry::new(at(0), self.uri.to_string()),
            Entry::new(at(1), false),
            Entry::new(at(2), mode),
            Entry::new(at(3), identity),
            Entry::new(at(4), server_key),
            Entry::new(at(5), key),
            Entry::new(at(10), i32::from(self.short_server_id)),
        ];
        let name = self.server_name.as_deref();
        entries.extend(name.map(|name| Entry::new(at(14), name)));
        if let Some(usage) = usage {
            entries.push(Entry::new(at(15), u32::from(usage_number(usage))));
        }
        entries
    }

    /// The values of the instance of /1 (Core 1.2.2, section E.2).
    pub fn server_entries(&self) -> Vec<Entry> {
        let at = |resource| Path::resource(1, self.server_instance, resource);
        let seconds = |value: u32| Value::Integer(i64::from(value));
        let mut entries = vec![
            Entry::new(at(0), i32::from(self.short_server_id)),
            Entry::new(
                at(1),
                i64::try_from(self.lifetime.as_secs()).unwrap_or(i64::MAX),
            ),
        ];
        let optional = [
            (2, self.default_pmin),
            (3, self.default_pmax),
            (5, self.disable_timeout),
        ];
        for (resource, value) in optional {
            entries.extend(value.map(|value| Entry::new(at(resource), seconds(value))));
        }
        entries.push(Entry::new(at(6), self.notification_storing));
        entries.push(Entry::new(at(7), self.binding.as_str()));
        entries.extend(self.mute_send.map(|mute| Entry::new(at(23), mute)));
        for (resource, value) in &self.server_resources {
            entries.extend(
                at_checked(1, self.server_instance, *resource)
                    .map(|path| Entry::new(path, value.clone())),
            );
        }
        entries
    }
}

fn at_checked(object: u16, instance: u16, resource: u16) -> Option<Path> {
    Path::try_from_ids(&[object, instance, resource]).ok()
}

/// What a device is given in one bootstrap session: first the deletes, then the writes, then the end.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct BootstrapConfig {
    /// What is deleted before anything is written; devices spare the bootstrap account and /3. Default: `/0`, `/1`.
    pub deletes: Vec<Path>,
    /// The accounts.
    pub accounts: Vec<ServerAccount>,
    /// Values of other objects, each a resource or resource instance; written one object instance at a time.
    pub extra: Vec<Entry>,
}

impl Default for BootstrapConfig {
    fn default() -> Self {
        BootstrapConfig {
            deletes: vec![Path::object(0), Path::object(1)],
            accounts: Vec::new(),
            extra: Vec::new(),
        }
    }
}

/// Why a configuration would leave a device without a way to its server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BootstrapConfigError {
    /// No account: the device would have nowhere to register.
    #[error("a bootstrap configuration needs at least one server account")]
    NoAccount,
    /// More than [`BootstrapConfig::MAX_ACCOUNTS`] accounts or [`BootstrapConfig::MAX_ENTRIES`] further values.
    #[error("a bootstrap configuration has at most {0} of these")]
    TooMany(usize),
    /// 0 or 65535.
    #[error("the short server id {0} is not within 1 to 65534")]
    ShortServerId(u16),
    /// Two accounts with the same number.
    #[error("two accounts have the short server id {0}")]
    RepeatedShortServerId(u16),
    /// Two accounts in the same instance.
    #[error("two accounts are in {0}")]
    RepeatedInstance(Path),
    /// An instance number that does not exist.
    #[error("65535 is no instance number")]
    Instance,
    /// Keys without `coaps`, or `coaps` without keys.
    #[error(
        "{uri} does not fit its security: coaps needs a key or certificate, coap cannot have one"
    )]
    Scheme {
        /// The address.
        uri: String,
    },
    /// A PSK identity or key of a wrong length.
    #[error("a PSK identity has 1 to 128 bytes and a key 1 to 64")]
    Psk,
    /// Raw public keys that cannot serve.
    #[error("a raw public key account cannot be used: {0}")]
    RawPublicKey(KeyError),
    /// A private key and a public key that do not belong together.
    #[error("the public key of an account does not belong to its private key")]
    KeyMismatch,
    /// An empty certificate or key.
    #[error("a certificate account needs certificate, private key and server certificate")]
    Certificate,
    /// A name that no host has.
    #[error("{0:?} is no name of a server: letters, digits, '-', '_' and '.', at most 255")]
    ServerName(String),
    /// A lifetime below a second or above 2^31 - 1.
    #[error("a lifetime is 1 to 2147483647 seconds")]
    Lifetime,
    /// Letters that no version knows.
    #[error("{0:?} is no binding")]
    Binding(String),
    /// pmin above pmax.
    #[error("the default pmin is above the default pmax")]
    Periods,
    /// An entry that is no resource or resource instance, or is in /0 or /1 where accounts are.
    #[error(
        "{0} cannot be written beside the accounts: it must be a resource outside of /0 and /1"
    )]
    Extra(Path),
    /// A delete of something that is no object, object instance or the root.
    #[error("{0} cannot be deleted in a bootstrap session")]
    Delete(Path),
}

impl BootstrapConfig {
    /// How many accounts a configuration may have.
    pub const MAX_ACCOUNTS: usize = 32;
    /// How many further values a configuration may have.
    pub const MAX_ENTRIES: usize = 1024;

    /// A configuration of this one account.
    pub fn with_account(account: ServerAccount) -> Self {
        BootstrapConfig {
            accounts: vec![account],
            ..BootstrapConfig::default()
        }
    }

    /// Checks that a device would have at least one account, and that its accounts are whole and do not clash.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn validate(&self) -> Result<(), BootstrapConfigError> {
        use BootstrapConfigError as Error;
        if self.accounts.is_empty() {
            return Err(Error::NoAccount);
        }
        if self.accounts.len() > Self::MAX_ACCOUNTS {
            return Err(Error::TooMany(Self::MAX_ACCOUNTS));
        }
        if self.extra.len() > Self::MAX_ENTRIES {
            return Err(Error::TooMany(Self::MAX_ENTRIES));
        }
        for (index, account) in self.accounts.iter().enumerate() {
            account.validate()?;
            for other in &self.accounts[..index] {
                if other.short_server_id == account.short_server_id {
                    return Err(Error::RepeatedShortServerId(account.short_server_id));
                }
                if other.security_instance == account.security_instance {
                    return Err(Error::RepeatedInstance(Path::object_instance(
                        0,
                        account.security_instance,
                    )));
                }
                if other.server_instance == account.server_instance {
                    return Err(Error::RepeatedInstance(Path::object_instance(
                        1,
                        account.server_instance,
                    )));
                }
            }
        }
        for entry in &self.extra {
            let of_accounts = matches!(entry.path.object_id(), Some(0 | 1));
            if of_accounts || entry.path.level() < PathLevel::Resource {
                return Err(Error::Extra(entry.path));
            }
        }
        match self
            .deletes
            .iter()
            .find(|path| path.level() > PathLevel::ObjectInstance)
        {
            Some(path) => Err(Error::Delete(*path)),
            None => Ok(()),
        }
    }
}

impl ServerAccount {
    fn validate(&self) -> Result<(), BootstrapConfigError> {
        use BootstrapConfigError as Error;
        if matches!(self.short_server_id, 0 | u16::MAX) {
            return Err(Error::ShortServerId(self.short_server_id));
        }
        if self.security_instance == u16::MAX || self.server_instance == u16::MAX {
            return Err(Error::Instance);
        }
        let secured = self.security != AccountSecurity::None;
        if secured != (self.uri.scheme() == Scheme::Coaps) {
            return Err(Error::Scheme {
                uri: self.uri.to_string(),
            });
        }
        match &self.security {
            AccountSecurity::Psk { identity, key }
                if !(1..=128).contains(&identity.len()) || !(1..=64).contains(&key.len()) =>
            {
                return Err(Error::Psk);
            }
            AccountSecurity::RawPublicKey {
                public_key,
                private_key,
                server_public_key,
            } => {
                check_public_key(server_public_key).map_err(Error::RawPublicKey)?;
                if public_key_of(private_key).map_err(Error::RawPublicKey)? != *public_key {
                    return Err(Error::KeyMismatch);
                }
            }
            AccountSecurity::Certificate {
                certificate,
                private_key,
                server_certificate,
                ..
            } if certificate.is_empty()
                || private_key.is_empty()
                || server_certificate.is_empty() =>
            {
                return Err(Error::Certificate);
            }
            _ => {}
        }
        if let Some(name) = self.server_name.as_ref().filter(|name| !is_host_name(name)) {
            return Err(Error::ServerName(name.clone()));
        }
        if !(1..=0x7FFF_FFFF).contains(&self.lifetime.as_secs()) {
            return Err(Error::Lifetime);
        }
        let letters = |letter: char| "UTSNMHQ".contains(letter);
        if self.binding.is_empty() || self.binding.len() > 7 || !self.binding.chars().all(letters) {
            return Err(Error::Binding(self.binding.clone()));
        }
        match (self.default_pmin, self.default_pmax) {
            (Some(pmin), Some(pmax)) if pmin > pmax => Err(Error::Periods),
            _ => Ok(()),
        }
    }
}
