//! Which credentials belong to which endpoint.

use crate::{
    authorizer::{Authorization, AuthorizationRequest, Interface},
    event::RefusalReason,
};
use lwm2m_core::{
    peer::{CertificateIdentity, PeerIdentity},
    secret::Secret,
};
use lwm2m_transport::{CredentialSource, dtls};
use std::{
    collections::{BTreeMap, HashMap},
    ops::Bound,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

/// Which kind of server a credential is for. Each has keys of its own (Transport 1.2.2, section 5.2.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// The LwM2M server.
    Server,
    /// The bootstrap server.
    Bootstrap,
}

/// What a device proves itself with.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Credential {
    /// A pre-shared key.
    Psk {
        /// PSK identity, 1 to 128 bytes (RFC 7925, section 4.2).
        identity: Vec<u8>,
        /// The key, 1 to 64 bytes.
        key: Secret,
    },
    /// A raw public key (RFC 7250).
    RawPublicKey {
        /// SubjectPublicKeyInfo, DER, of a point of P-256; what the device proves is compared byte by byte (Transport
        /// 1.2.2, section 5.2.9.2).
        public_key: Vec<u8>,
    },
    /// A certificate.
    Certificate(CertificateMatch),
}

/// Which certificate belongs to an endpoint. In each case it must have been verified by the transport.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CertificateMatch {
    /// One whose common name, or one of whose alternative names, is the endpoint name.
    EndpointName,
    /// One whose common name, or one of whose alternative names, is this.
    Name(String),
    /// This one, DER.
    Pinned(Vec<u8>),
}

impl Credential {
    /// A pre-shared key.
    pub fn psk(identity: impl Into<Vec<u8>>, key: impl Into<Secret>) -> Self {
        Credential::Psk {
            identity: identity.into(),
            key: key.into(),
        }
    }

    /// A raw public key: SubjectPublicKeyInfo, DER. [`public_key_of`](crate::public_key_of) gives that of a private key.
    pub fn raw_public_key(public_key: impl Into<Vec<u8>>) -> Self {
        Credential::RawPublicKey {
            public_key: public_key.into(),
        }
    }

    /// Who proves itself with it, where that follows from the credential alone; of a certificate it follows only from the
    /// one that is shown.
    pub(crate) fn identity(&self) -> Option<PeerIdentity> {
        match self {
            Credential::Psk { identity, .. } => Some(PeerIdentity::Psk(identity.clone())),
            Credential::RawPublicKey { public_key } => {
                Some(PeerIdentity::RawPublicKey(public_key.clone()))
            }
            Credential::Certificate(_) => None,
        }
    }

    /// Whether this credential of an endpoint is what the identity has proven.
    pub(crate) fn proves(&self, endpoint: &str, identity: &PeerIdentity) -> bool {
        match (self, identity) {
            (Credential::Psk { identity, .. }, PeerIdentity::Psk(proven)) => identity == proven,
            (Credential::RawPublicKey { public_key }, PeerIdentity::RawPublicKey(proven)) => {
                public_key == proven
            }
            (Credential::Certificate(matching), PeerIdentity::Certificate(proven)) => {
                let named = |name: &str| {
                    let mut names = proven.common_name.iter().chain(&proven.alternative_names);
                    names.any(|known| known == name)
                };
                match matching {
                    CertificateMatch::EndpointName => named(endpoint),
                    CertificateMatch::Name(name) => named(name),
                    CertificateMatch::Pinned(der) => *der == proven.certificate,
                }
            }
            _ => false,
        }
    }

    /// Whether it has the lengths and the form that handshakes need.
    fn check(&self) -> Result<(), SecurityError> {
        match self {
            Credential::Psk { identity, .. } if !(1..=128).contains(&identity.len()) => {
                Err(SecurityError::IdentityLength)
            }
            Credential::Psk { key, .. } if !(1..=64).contains(&key.len()) => {
                Err(SecurityError::KeyLength)
            }
            Credential::RawPublicKey { public_key } => {
                dtls::check_public_key(public_key).map_err(SecurityError::PublicKey)
            }
            Credential::Psk { .. } | Credential::Certificate(_) => Ok(()),
        }
    }
}

/// A credential of an endpoint with what it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointCredential {
    /// For which server.
    pub role: Role,
    /// What it is.
    pub credential: Credential,
}

/// Why credentials were not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SecurityError {
    /// An endpoint name without characters or above 1024 bytes.
    #[error("an endpoint name has 1 to 1024 bytes")]
    EndpointName,
    /// A PSK identity of a wrong length.
    #[error("a PSK identity has 1 to 128 bytes")]
    IdentityLength,
    /// A pre-shared key of a wrong length.
    #[error("a pre-shared key has 1 to 64 bytes")]
    KeyLength,
    /// A public key that nobody could prove to hold the private half of.
    #[error(transparent)]
    PublicKey(dtls::KeyError),
    /// Another endpoint, or the same with another key, has this PSK identity, public key, certificate or name.
    #[error("another credential has the same PSK identity, public key, name or certificate")]
    Taken,
    /// More credentials than one endpoint may have.
    #[error("an endpoint has at most {0} credentials")]
    TooMany(usize),
}

/// Tells that what an endpoint is known by has changed.
#[derive(Debug, Clone)]
pub(crate) struct SecurityChange {
    pub(crate) endpoint: Arc<str>,
    /// What is no longer good.
    pub(crate) removed: Vec<EndpointCredential>,
    /// For which roles it has credentials now.
    pub(crate) roles: Vec<Role>,
}

fn roles(credentials: &[EndpointCredential]) -> Vec<Role> {
    credentials.iter().map(|entry| entry.role).collect()
}

type Listener = Box<dyn Fn(&SecurityChange) + Send + Sync>;

/// The credentials of all endpoints, in process. Clones are the same store.
///
/// It answers handshakes (as [`CredentialSource`], by [`for_role`](SecurityStore::for_role)) and it is the default
/// authorizer: an endpoint name is accepted from who holds one of its credentials, and from nobody else. When a
/// credential is removed, servers that use the store end the sessions that rest on it at once, and when the first is added
/// to an endpoint, the registration that it had without security.
#[derive(Clone, Default)]
pub struct SecurityStore {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    tables: RwLock<Tables>,
    listeners: RwLock<Vec<Listener>>,
    /// Held from a change until it is announced: listeners hear of changes in the order in which they were made.
    changing: Mutex<()>,
}

#[derive(Default)]
struct Tables {
    endpoints: BTreeMap<Arc<str>, Vec<EndpointCredential>>,
    /// Who a proof belongs to.
    index: HashMap<Key, Arc<str>>,
}

/// What a credential is found by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Psk(Role, Vec<u8>),
    RawPublic(Role, Vec<u8>),
    Name(Role, String),
    Pinned(Role, Vec<u8>),
}

impl Key {
    fn of(endpoint: &str, credential: &EndpointCredential) -> Self {
        let role = credential.role;
        match &credential.credential {
            Credential::Psk { identity, .. } => Key::Psk(role, identity.clone()),
            Credential::RawPublicKey { public_key } => Key::RawPublic(role, public_key.clone()),
            Credential::Certificate(CertificateMatch::EndpointName) => {
                Key::Name(role, endpoint.to_owned())
            }
            Credential::Certificate(CertificateMatch::Name(name)) => Key::Name(role, name.clone()),
            Credential::Certificate(CertificateMatch::Pinned(der)) => {
                Key::Pinned(role, der.clone())
            }
        }
    }
}

impl SecurityStore {
    /// How many credentials one endpoint may have.
    pub const MAX_CREDENTIALS: usize = 16;

    /// An empty store: nobody is known.
    pub fn new() -> Self {
        SecurityStore::default()
    }

    /// Adds a credential to those of an endpoint.
    ///
    /// # Errors
    /// Lengths out of bounds, no usable public key, or another credential that could not be told from this one.
    pub fn add(
        &self,
        endpoint: &str,
        role: Role,
        credential: Credential,
    ) -> Result<(), SecurityError> {
        let _changing = self.changing();
        let mut credentials = self.credentials(endpoint);
        credentials.push(EndpointCredential { role, credential });
        self.replace(endpoint, credentials)
    }

    /// Puts these credentials in place of all that an endpoint had.
    ///
    /// # Errors
    /// Lengths out of bounds, no usable public key, or another credential that could not be told from one of these.
    /// Nothing is changed then.
    pub fn set(
        &self,
        endpoint: &str,
        credentials: Vec<EndpointCredential>,
    ) -> Result<(), SecurityError> {
        let _changing = self.changing();
        self.replace(endpoint, credentials)
    }

    fn changing(&self) -> MutexGuard<'_, ()> {
        let changing = self.inner.changing.lock();
        changing.unwrap_or_else(PoisonError::into_inner)
    }

    /// [`set`](Self::set), for who holds `changing`.
    fn replace(
        &self,
        endpoint: &str,
        credentials: Vec<EndpointCredential>,
    ) -> Result<(), SecurityError> {
        if endpoint.is_empty() || endpoint.len() > 1024 {
            return Err(SecurityError::EndpointName);
        }
        if credentials.len() > Self::MAX_CREDENTIALS {
            return Err(SecurityError::TooMany(Self::MAX_CREDENTIALS));
        }
        for entry in &credentials {
            entry.credential.check()?;
        }
        let change = {
            let mut tables = self
                .inner
                .tables
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            let mut keys: Vec<Key> = Vec::with_capacity(credentials.len());
            for entry in &credentials {
                let key = Key::of(endpoint, entry);
                let of_other = tables
                    .index
                    .get(&key)
                    .is_some_and(|owner| **owner != *endpoint);
                if of_other || keys.contains(&key) {
                    return Err(SecurityError::Taken);
                }
                keys.push(key);
            }
            let name: Arc<str> = endpoint.into();
            let mut removed = tables.take(endpoint);
            removed.retain(|old| !credentials.contains(old));
            for key in keys {
                tables.index.insert(key, name.clone());
            }
            let roles = roles(&credentials);
            if !credentials.is_empty() {
                tables.endpoints.insert(name.clone(), credentials);
            }
            SecurityChange {
                endpoint: name,
                removed,
                roles,
            }
        };
        self.announce(&change);
        Ok(())
    }

    /// Removes all credentials of an endpoint and says whether there were any. Its sessions are ended.
    pub fn remove(&self, endpoint: &str) -> bool {
        let _changing = self.changing();
        let removed = {
            let mut tables = self
                .inner
                .tables
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            tables.take(endpoint)
        };
        let any = !removed.is_empty();
        if any {
            self.announce(&SecurityChange {
                endpoint: endpoint.into(),
                removed,
                roles: Vec::new(),
            });
        }
        any
    }

    /// The credentials of an endpoint. Keys are in them; they show nothing when printed.
    pub fn credentials(&self, endpoint: &str) -> Vec<EndpointCredential> {
        let tables = self
            .inner
            .tables
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        tables.endpoints.get(endpoint).cloned().unwrap_or_default()
    }

    /// How many endpoints have credentials, and the names of at most `limit` of them behind `after`, in order.
    pub fn endpoints(&self, after: Option<&str>, limit: usize) -> (usize, Vec<Arc<str>>) {
        let tables = self
            .inner
            .tables
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let names = tables.endpoints.range::<str, _>((from, Bound::Unbounded));
        (
            tables.endpoints.len(),
            names.take(limit).map(|(name, _)| name.clone()).collect(),
        )
    }

    /// The endpoint that this identity belongs to on servers of this role.
    pub fn endpoint_of(&self, role: Role, identity: &PeerIdentity) -> Option<Arc<str>> {
        let tables = self
            .inner
            .tables
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        match identity {
            PeerIdentity::Certificate(certificate) => {
                tables.of_certificate(role, certificate).next()
            }
            other => tables.of_key(role, other).cloned(),
        }
    }

    /// Whether one of the credentials of `endpoint` for this role is what `identity` has proven.
    pub fn belongs(&self, role: Role, endpoint: &str, identity: &PeerIdentity) -> bool {
        let tables = self
            .inner
            .tables
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        match identity {
            PeerIdentity::Certificate(certificate) => tables
                .of_certificate(role, certificate)
                .any(|owner| *owner == *endpoint),
            other => tables
                .of_key(role, other)
                .is_some_and(|owner| **owner == *endpoint),
        }
    }

    /// Whether the endpoint has a credential for servers of this role.
    pub fn has_credentials(&self, role: Role, endpoint: &str) -> bool {
        let tables = self
            .inner
            .tables
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let credentials = tables.endpoints.get(endpoint);
        credentials.is_some_and(|all| all.iter().any(|entry| entry.role == role))
    }

    /// The view that listeners of one role look keys up in.
    pub fn for_role(&self, role: Role) -> Arc<dyn CredentialSource> {
        Arc::new(RoleCredentials {
            store: self.clone(),
            role,
        })
    }

    /// The decision of this store: the endpoint name must belong to the identity (Transport 1.2.2, section 5.2.6).
    /// Without security nobody is accepted.
    pub fn authorize(&self, request: &AuthorizationRequest) -> Authorization {
        self.decide(request, false)
    }

    /// As [`authorize`](SecurityStore::authorize), but who comes without security is accepted under every endpoint name
    /// that has no credentials here.
    pub fn danger_authorize_unsecured(&self, request: &AuthorizationRequest) -> Authorization {
        self.decide(request, true)
    }

    fn decide(&self, request: &AuthorizationRequest, accept_unsecured: bool) -> Authorization {
        let role = match request.interface {
            Interface::Register(_) => Role::Server,
            Interface::Bootstrap => Role::Bootstrap,
        };
        let asked = request.endpoint.as_deref();
        match (&request.identity, asked) {
            (PeerIdentity::None, _) if !accept_unsecured => {
                Authorization::Refuse(RefusalReason::Unsecured)
            }
            (PeerIdentity::None, None) => Authorization::Refuse(RefusalReason::NoEndpointName),
            (PeerIdentity::None, Some(endpoint)) if self.has_credentials(role, endpoint) => {
                Authorization::Refuse(RefusalReason::Unsecured)
            }
            (PeerIdentity::None, Some(endpoint)) => Authorization::Accept {
                endpoint: endpoint.into(),
            },
            (identity, Some(endpoint)) if self.belongs(role, endpoint, identity) => {
                Authorization::Accept {
                    endpoint: endpoint.into(),
                }
            }
            (_, Some(_)) => Authorization::Refuse(RefusalReason::IdentityMismatch),
            (identity, None) => match self.endpoint_of(role, identity) {
                Some(endpoint) => Authorization::Accept { endpoint },
                None => Authorization::Refuse(RefusalReason::NoEndpointName),
            },
        }
    }

    /// Calls `listener` after each change, in the task of who makes it, in the order of the changes. It must not change
    /// credentials itself.
    pub(crate) fn on_change(&self, listener: impl Fn(&SecurityChange) + Send + Sync + 'static) {
        let mut listeners = self
            .inner
            .listeners
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        listeners.push(Box::new(listener));
    }

    fn announce(&self, change: &SecurityChange) {
        let listeners = self
            .inner
            .listeners
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        for listener in listeners.iter() {
            listener(change);
        }
    }
}

impl Tables {
    /// Takes an endpoint out of table and index.
    fn take(&mut self, endpoint: &str) -> Vec<EndpointCredential> {
        let credentials = self.endpoints.remove(endpoint).unwrap_or_default();
        for entry in &credentials {
            self.index.remove(&Key::of(endpoint, entry));
        }
        credentials
    }

    /// The endpoint that a pre-shared key or raw public key belongs to.
    fn of_key(&self, role: Role, identity: &PeerIdentity) -> Option<&Arc<str>> {
        let key = match identity {
            PeerIdentity::Psk(identity) => Key::Psk(role, identity.clone()),
            PeerIdentity::RawPublicKey(public_key) => Key::RawPublic(role, public_key.clone()),
            _ => return None,
        };
        self.index.get(&key)
    }

    /// The endpoints that a verified certificate belongs to: by its bytes, then by its names.
    fn of_certificate<'a>(
        &'a self,
        role: Role,
        certificate: &'a CertificateIdentity,
    ) -> impl Iterator<Item = Arc<str>> + 'a {
        let names = certificate
            .common_name
            .iter()
            .chain(&certificate.alternative_names);
        std::iter::once(Key::Pinned(role, certificate.certificate.clone()))
            .chain(names.map(move |name| Key::Name(role, name.clone())))
            .filter_map(|key| self.index.get(&key).cloned())
    }
}

impl std::fmt::Debug for SecurityStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tables = self
            .inner
            .tables
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        f.debug_struct("SecurityStore")
            .field("endpoints", &tables.endpoints.len())
            .finish_non_exhaustive()
    }
}

struct RoleCredentials {
    store: SecurityStore,
    role: Role,
}

impl CredentialSource for RoleCredentials {
    fn psk(&self, identity: &[u8]) -> Option<Secret> {
        let tables = self
            .store
            .inner
            .tables
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let endpoint = tables.index.get(&Key::Psk(self.role, identity.to_vec()))?;
        tables
            .endpoints
            .get(endpoint)?
            .iter()
            .find_map(|entry| match &entry.credential {
                Credential::Psk {
                    identity: known,
                    key,
                } if entry.role == self.role && known == identity => Some(key.clone()),
                _ => None,
            })
    }

    /// Only certificates that belong to an endpoint are welcome: there is nothing that another could do.
    fn certificate_allowed(&self, certificate: &CertificateIdentity) -> bool {
        let identity = PeerIdentity::from(certificate.clone());
        self.store.endpoint_of(self.role, &identity).is_some()
    }

    fn raw_public_key_allowed(&self, public_key: &[u8]) -> bool {
        let identity = PeerIdentity::RawPublicKey(public_key.to_vec());
        self.store.endpoint_of(self.role, &identity).is_some()
    }
}

#[cfg(test)]
mod tests;
