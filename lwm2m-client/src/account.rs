//! Accounts: where a server is, how we prove who we are, and how we register there.

use crate::object::{Instance, ResourceValue};
use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use lwm2m_core::{
    engine::{CertificateUsage, Credentials},
    secret::Secret,
    uri::{Scheme, ServerUri, is_host_name},
    value::Value,
};
use lwm2m_objects::{security, server};

/// Security modes of /0/x/2.
pub(crate) mod mode {
    pub(crate) const PSK: i64 = 0;
    pub(crate) const RAW_PUBLIC_KEY: i64 = 1;
    pub(crate) const CERTIFICATE: i64 = 2;
    pub(crate) const NO_SEC: i64 = 3;
}

/// How to reach a server: one instance of the security object.
#[derive(Debug, Clone)]
pub struct Account {
    uri: ServerUri,
    credentials: Credentials,
    server_name: Option<String>,
    hold_off: Option<u32>,
}

impl Account {
    /// Without security. Only for a network that is safe by other means (Transport 1.2.2, section 5.2.9.4).
    pub fn nosec(uri: ServerUri) -> Self {
        Self::new(uri, Credentials::None)
    }

    /// With a pre-shared key over DTLS. The key should have 16 random bytes or more.
    pub fn coaps(uri: ServerUri, identity: impl Into<Vec<u8>>, key: impl Into<Secret>) -> Self {
        let identity = identity.into();
        let key = key.into();
        Self::new(uri, Credentials::Psk { identity, key })
    }

    /// With raw public keys over DTLS (RFC 7250): our private key, PKCS#8 DER, ECDSA P-256, of which the server has
    /// been told the public half; and the server's SubjectPublicKeyInfo, DER.
    ///
    /// For an account of which our public key is known too, and is to be held against the private one, see
    /// [`Credentials::RawPublicKey`].
    pub fn raw_public_key(
        uri: ServerUri,
        private_key: impl Into<Secret>,
        server_public_key: impl Into<Vec<u8>>,
    ) -> Self {
        let credentials = Credentials::RawPublicKey {
            public_key: Vec::new(),
            private_key: private_key.into(),
            server_public_key: server_public_key.into(),
        };
        Self::new(uri, credentials)
    }

    /// With any credentials. A secret key that stays in hardware is only named in them, where the transport has a store
    /// that knows the name (`lwm2m_transport::dtls::KeyStore`).
    pub fn new(uri: ServerUri, credentials: Credentials) -> Self {
        Account {
            uri,
            credentials,
            server_name: None,
            hold_off: None,
        }
    }

    /// Asks the server for this name in the handshake and knows it by it in its certificate, in place of the host of its
    /// address (/0/x/14, from 1.1 on): for where there is no DNS and the address is an IP address.
    #[must_use]
    pub fn with_server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    /// Waits this many seconds before a bootstrap (/0/x/11).
    #[must_use]
    pub fn hold_off(mut self, seconds: u32) -> Self {
        self.hold_off = Some(seconds);
        self
    }

    /// Where the server is.
    pub fn uri(&self) -> &ServerUri {
        &self.uri
    }

    /// What the server is known by, where that is not the host of its address.
    pub fn server_name(&self) -> Option<&str> {
        self.server_name.as_deref()
    }

    /// How we prove who we are.
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// As an instance of the security object; `short_server_id` is `None` for a bootstrap server.
    pub(crate) fn to_instance(&self, short_server_id: Option<u16>) -> Instance {
        let empty = || ResourceValue::from(Vec::new());
        let (mode, identity, server_key, secret, usage) = match &self.credentials {
            Credentials::Psk { identity, key } => (
                mode::PSK,
                identity.clone().into(),
                empty(),
                key.expose_secret().into(),
                None,
            ),
            Credentials::RawPublicKey {
                public_key,
                private_key,
                server_public_key,
            } => (
                mode::RAW_PUBLIC_KEY,
                public_key.clone().into(),
                server_public_key.clone().into(),
                private_key.expose_secret().into(),
                None,
            ),
            Credentials::Certificate {
                chain,
                private_key,
                server_certificate,
                usage,
            } => (
                mode::CERTIFICATE,
                chain.concat().into(),
                server_certificate.clone().into(),
                private_key.expose_secret().into(),
                Some(usage_number(*usage)),
            ),
            _ => (mode::NO_SEC, empty(), empty(), empty(), None),
        };
        Instance::new()
            .with(security::SERVER_URI, self.uri.to_string())
            .with(security::BOOTSTRAP_SERVER, short_server_id.is_none())
            .with(security::SECURITY_MODE, mode)
            .with(security::PUBLIC_KEY_OR_IDENTITY, identity)
            .with(security::SERVER_PUBLIC_KEY, server_key)
            .with(security::SECRET_KEY, secret)
            .with_some(security::SHORT_SERVER_ID, short_server_id.map(i64::from))
            .with_some(security::CLIENT_HOLD_OFF_TIME, self.hold_off.map(i64::from))
            .with_some(security::SNI, self.server_name.clone())
            .with_some(security::CERTIFICATE_USAGE, usage)
    }

    /// From an instance of the security object.
    ///
    /// # Errors
    /// What is missing or cannot be used.
    pub(crate) fn from_instance(instance: &Instance) -> Result<Self, AccountError> {
        let bytes = |id| match instance.value(id) {
            Some(Value::Opaque(bytes)) => bytes.clone(),
            _ => Vec::new(),
        };
        let number = |id| instance.value(id).and_then(Value::as_i64);
        let uri = instance
            .value(security::SERVER_URI)
            .and_then(Value::as_str)
            .ok_or(AccountError::Uri)?;
        let uri: ServerUri = uri.parse().map_err(|_| AccountError::Uri)?;
        let mode = number(security::SECURITY_MODE).ok_or(AccountError::Mode)?;
        let credentials = match (mode, uri.scheme()) {
            (mode::NO_SEC, Scheme::Coap) => Credentials::None,
            (mode::PSK, Scheme::Coaps) => Credentials::Psk {
                identity: bytes(security::PUBLIC_KEY_OR_IDENTITY),
                key: Secret::new(bytes(security::SECRET_KEY)),
            },
            (mode::RAW_PUBLIC_KEY, Scheme::Coaps) => Credentials::RawPublicKey {
                public_key: bytes(security::PUBLIC_KEY_OR_IDENTITY),
                private_key: Secret::new(bytes(security::SECRET_KEY)),
                server_public_key: bytes(security::SERVER_PUBLIC_KEY),
            },
            (mode::CERTIFICATE, Scheme::Coaps) => Credentials::Certificate {
                chain: split_der(&bytes(security::PUBLIC_KEY_OR_IDENTITY))
                    .ok_or(AccountError::Key)?,
                private_key: Secret::new(bytes(security::SECRET_KEY)),
                server_certificate: bytes(security::SERVER_PUBLIC_KEY),
                usage: usage_from(number(security::CERTIFICATE_USAGE))?,
            },
            (mode::NO_SEC | mode::PSK | mode::RAW_PUBLIC_KEY | mode::CERTIFICATE, _) => {
                return Err(AccountError::Scheme);
            }
            _ => return Err(AccountError::Mode),
        };
        let server_name = match instance.value(security::SNI).map(Value::as_str) {
            None | Some(Some("")) => None,
            Some(Some(name)) if is_host_name(name) => Some(name.to_string()),
            Some(_) => return Err(AccountError::ServerName),
        };
        match &credentials {
            Credentials::Psk { identity, key } if identity.is_empty() || key.is_empty() => {
                return Err(AccountError::Key);
            }
            // Whether they are keys, and belong together, is for who has the cryptography.
            Credentials::RawPublicKey {
                public_key,
                private_key,
                server_public_key,
            } if private_key.is_empty()
                || !is_one_der(server_public_key)
                || !(public_key.is_empty() || is_one_der(public_key)) =>
            {
                return Err(AccountError::Key);
            }
            Credentials::Certificate {
                chain, private_key, ..
            } if chain.is_empty() || private_key.is_empty() => return Err(AccountError::Key),
            _ => {}
        }
        Ok(Account {
            uri,
            credentials,
            server_name,
            hold_off: number(security::CLIENT_HOLD_OFF_TIME)
                .and_then(|seconds| u32::try_from(seconds).ok()),
        })
    }
}

/// Why an instance of the security object cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AccountError {
    /// /0/x/0 is missing or no `coap://` or `coaps://` address.
    #[error("the server address (/0/x/0) is missing or malformed")]
    Uri,
    /// /0/x/2 is missing or a mode that is not supported.
    #[error("the security mode (/0/x/2) is missing or not supported")]
    Mode,
    /// The mode and the scheme of the address contradict each other.
    #[error("the security mode and the scheme of the server address contradict each other")]
    Scheme,
    /// Identity or keys are missing or malformed.
    #[error("identity or keys (/0/x/3 to /0/x/5) are missing or malformed")]
    Key,
    /// /0/x/14 is no name of a host.
    #[error("the name of the server (/0/x/14) is no host name")]
    ServerName,
    /// /0/x/15 is out of range.
    #[error("the certificate usage (/0/x/15) is out of range")]
    Usage,
}

fn usage_number(usage: CertificateUsage) -> u32 {
    match usage {
        CertificateUsage::CaConstraint => 0,
        CertificateUsage::ServiceCertificateConstraint => 1,
        CertificateUsage::TrustAnchorAssertion => 2,
        CertificateUsage::DomainIssuedCertificate => 3,
    }
}

fn usage_from(number: Option<i64>) -> Result<CertificateUsage, AccountError> {
    match number {
        Some(0) => Ok(CertificateUsage::CaConstraint),
        Some(1) => Ok(CertificateUsage::ServiceCertificateConstraint),
        Some(2) => Ok(CertificateUsage::TrustAnchorAssertion),
        Some(3) | None => Ok(CertificateUsage::DomainIssuedCertificate),
        Some(_) => Err(AccountError::Usage),
    }
}

/// Cuts concatenated DER certificates apart; `None` where the lengths do not add up.
fn split_der(mut bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut parts = Vec::new();
    while !bytes.is_empty() {
        let (header, length) = match *bytes.get(1)? {
            short @ ..=0x7F => (2, usize::from(short)),
            0x81 => (3, usize::from(*bytes.get(2)?)),
            0x82 => (
                4,
                usize::from(u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?])),
            ),
            _ => return None,
        };
        let (part, rest) = bytes.split_at_checked(header + length)?;
        parts.push(part.to_vec());
        bytes = rest;
    }
    Some(parts)
}

/// Whether it has the outline of one DER sequence, such as a SubjectPublicKeyInfo.
fn is_one_der(bytes: &[u8]) -> bool {
    bytes.first() == Some(&0x30) && split_der(bytes).is_some_and(|parts| parts.len() == 1)
}

/// A server with its registration: an instance of the security object and one of the server object, for a device
/// that is provisioned in the factory.
#[derive(Debug, Clone)]
pub struct ServerAccount {
    pub(crate) short_server_id: u16,
    pub(crate) account: Account,
    pub(crate) resources: Instance,
}

impl ServerAccount {
    /// A server with its short server id (1 to 65534) and a lifetime of a day.
    pub fn new(short_server_id: u16, account: Account) -> Self {
        let resources = Instance::new()
            .with(server::SHORT_SERVER_ID, i64::from(short_server_id))
            .with(server::LIFETIME, 86_400)
            .with(server::NOTIFICATION_STORING_WHEN_DISABLED_OR_OFFLINE, true)
            .with(server::BINDING, "U");
        ServerAccount {
            short_server_id,
            account,
            resources,
        }
    }

    /// With this lifetime, seconds; 0 means for ever.
    #[must_use]
    pub fn lifetime(self, seconds: u32) -> Self {
        self.resource(server::LIFETIME, i64::from(seconds))
    }

    /// Whether Send is muted (/1/x/23); muted where this is not called.
    #[must_use]
    pub fn mute_send(self, muted: bool) -> Self {
        self.resource(server::MUTE_SEND, muted)
    }

    /// With any other resource of the server object.
    #[must_use]
    pub fn resource(mut self, id: u16, value: impl Into<ResourceValue>) -> Self {
        self.resources = self.resources.with(id, value);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> ServerUri {
        text.parse().unwrap()
    }

    // proves: SEC-12
    #[test]
    fn an_account_survives_the_security_object() {
        let certificate = Credentials::Certificate {
            chain: [[0x30, 2, 1, 2].to_vec(), [0x30, 1, 9].to_vec()].into(),
            private_key: Secret::new([7; 4].into()),
            server_certificate: [8; 3].into(),
            usage: CertificateUsage::TrustAnchorAssertion,
        };
        let raw_public_key = Credentials::RawPublicKey {
            public_key: [0x30, 2, 1, 2].into(),
            private_key: Secret::new([7; 4].into()),
            server_public_key: [0x30, 1, 9].into(),
        };
        for account in [
            Account::nosec(uri("coap://a")).hold_off(7),
            Account::coaps(uri("coaps://10.0.0.1"), "me", [1; 16].to_vec()).with_server_name("a.b"),
            Account::coaps(uri("coaps://a"), "me", [1; 16].to_vec()),
            Account::new(uri("coaps://a:9"), certificate),
            Account::new(uri("coaps://a"), raw_public_key),
            Account::raw_public_key(uri("coaps://a"), [7; 4].to_vec(), [0x30, 1, 9]),
        ] {
            let back = Account::from_instance(&account.to_instance(Some(3))).unwrap();
            assert_eq!(back.uri(), account.uri());
            assert_eq!(back.hold_off, account.hold_off);
            assert_eq!(back.server_name(), account.server_name());
            match (back.credentials(), account.credentials()) {
                (Credentials::None, Credentials::None) => {}
                (
                    Credentials::Psk { identity, key },
                    Credentials::Psk {
                        identity: i,
                        key: k,
                    },
                ) => assert!(identity == i && key == k),
                (
                    Credentials::Certificate { chain, usage, .. },
                    Credentials::Certificate {
                        chain: c, usage: u, ..
                    },
                ) => assert!(chain == c && usage == u),
                (
                    Credentials::RawPublicKey {
                        public_key,
                        private_key,
                        server_public_key,
                    },
                    Credentials::RawPublicKey {
                        public_key: p,
                        private_key: k,
                        server_public_key: s,
                    },
                ) => assert!(public_key == p && private_key == k && server_public_key == s),
                other => panic!("{other:?}"),
            }
        }
    }

    // proves: SEC-19
    #[test]
    fn raw_public_keys_stand_where_the_specification_has_them() {
        let account = Account::new(
            uri("coaps://a"),
            Credentials::RawPublicKey {
                public_key: [0x30, 1, 3].into(),
                private_key: Secret::new([5].into()),
                server_public_key: [0x30, 1, 4].into(),
            },
        );
        let instance = account.to_instance(None);
        let opaque = |bytes: &[u8]| Value::Opaque(bytes.into());
        for (id, value) in [
            (security::SECURITY_MODE, Value::Integer(1)),
            (security::PUBLIC_KEY_OR_IDENTITY, opaque(&[0x30, 1, 3])),
            (security::SERVER_PUBLIC_KEY, opaque(&[0x30, 1, 4])),
            (security::SECRET_KEY, opaque(&[5])),
        ] {
            assert_eq!(instance.value(id), Some(&value), "/0/x/{id}");
        }
        assert!(instance.value(security::CERTIFICATE_USAGE).is_none());
    }

    // proves: SEC-17
    #[test]
    fn what_cannot_be_used_is_named() {
        let psk = || Account::coaps(uri("coaps://a"), "me", [1; 16].to_vec()).to_instance(None);
        let raw = || {
            Account::raw_public_key(uri("coaps://a"), [7; 4].to_vec(), [0x30, 1, 9])
                .to_instance(None)
        };
        for (instance, error) in [
            (
                psk().with(security::SERVER_URI, "http://a"),
                AccountError::Uri,
            ),
            (
                psk().with(security::SERVER_URI, "coap://a"),
                AccountError::Scheme,
            ),
            (psk().with(security::SECURITY_MODE, 4), AccountError::Mode),
            (psk().with(security::SECURITY_MODE, 1), AccountError::Key),
            (
                raw().with(security::SERVER_URI, "coap://a"),
                AccountError::Scheme,
            ),
            (
                raw().with(security::SECRET_KEY, Vec::new()),
                AccountError::Key,
            ),
            (
                raw().with(security::SERVER_PUBLIC_KEY, Vec::new()),
                AccountError::Key,
            ),
            (
                raw().with(security::SERVER_PUBLIC_KEY, [0x30, 2, 9].to_vec()),
                AccountError::Key,
            ),
            (
                raw().with(security::PUBLIC_KEY_OR_IDENTITY, b"me".to_vec()),
                AccountError::Key,
            ),
            (
                psk().with(security::SECRET_KEY, Vec::new()),
                AccountError::Key,
            ),
            (psk().with(security::SECURITY_MODE, 2), AccountError::Key),
            (
                psk().with(security::SNI, "10.0.0.1"),
                AccountError::ServerName,
            ),
            (
                psk().with(security::SNI, "no name"),
                AccountError::ServerName,
            ),
            (
                psk().with(security::SNI, "a".repeat(256)),
                AccountError::ServerName,
            ),
            (Instance::new(), AccountError::Uri),
        ] {
            assert_eq!(Account::from_instance(&instance).unwrap_err(), error);
        }
    }
}
