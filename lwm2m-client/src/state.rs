//! What a client keeps over a restart of its program.

use crate::object::{Instance, ResourceValue, ResourceWrite};
use alloc::{collections::BTreeMap, vec::Vec};
use core::fmt;
use lwm2m_core::{
    content::{self, ContentFormat},
    entry::Entry,
    model::{Models, ObjectModel},
    path::Path,
};
use lwm2m_objects::{security, server};

/// The accounts of a client: the security object (with its keys) and the server object.
#[derive(Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct ClientState {
    /// Instances of object 0.
    pub security: BTreeMap<u16, Instance>,
    /// Instances of object 1.
    pub servers: BTreeMap<u16, Instance>,
}

/// The bytes are no [`ClientState`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bytes are no state of a client")]
pub struct StateError;

impl ClientState {
    /// As bytes to be stored: SenML-CBOR. They hold keys in the clear.
    ///
    /// # Errors
    /// [`StateError`] for values that have no form (a float that is no number).
    pub fn to_bytes(&self) -> Result<Vec<u8>, StateError> {
        let mut entries = Vec::new();
        for (object, instances) in [(security::ID, &self.security), (server::ID, &self.servers)] {
            for (instance, resources) in instances {
                for (resource, value) in resources.iter() {
                    let path = Path::try_from_ids(&[object, *instance, resource]);
                    value.append_entries(path.map_err(|_| StateError)?, &mut entries);
                }
            }
        }
        let models = &CoreModels;
        content::encode(ContentFormat::SenmlCbor, &entries, &Path::ROOT, models)
            .map_err(|_| StateError)
    }

    /// From such bytes.
    ///
    /// # Errors
    /// [`StateError`]
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StateError> {
        let format = ContentFormat::SenmlCbor;
        let entries = content::decode(format, bytes, &Path::ROOT, &CoreModels);
        let mut state = ClientState::default();
        for Entry { path, value, .. } in entries.map_err(|_| StateError)? {
            let &[object, instance, resource, ref element @ ..] = path.ids() else {
                return Err(StateError);
            };
            let instances = match object {
                security::ID => &mut state.security,
                server::ID => &mut state.servers,
                _ => return Err(StateError),
            };
            let write = match element.first() {
                None => ResourceWrite::Replace(ResourceValue::Single(value)),
                Some(id) => ResourceWrite::Merge(BTreeMap::from([(*id, value)])),
            };
            let applied = instances
                .entry(instance)
                .or_default()
                .apply(resource, write);
            applied.map_err(|_| StateError)?;
        }
        // A client without any account would never speak to anybody again.
        match state.security.is_empty() {
            true => Err(StateError),
            false => Ok(state),
        }
    }
}

/// The highest versions of the two objects: they know what the lower ones do.
struct CoreModels;

impl Models for CoreModels {
    fn object(&self, id: u16) -> Option<&ObjectModel> {
        match id {
            security::ID => Some(&security::V1_2),
            server::ID => Some(&server::V1_2),
            _ => None,
        }
    }
}

impl fmt::Debug for ClientState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Object 0 holds keys.
        f.debug_struct("ClientState")
            .field("security", &self.security.keys())
            .field("servers", &self.servers.keys())
            .finish()
    }
}

/// Where [`ClientState`] is kept.
pub trait Storage: Send {
    /// What was stored last.
    fn load(&mut self) -> Option<ClientState>;

    /// Stores the accounts: after a bootstrap and after a write to the server object. Called from within the
    /// engine: let it be short, or hand the state on.
    fn store(&mut self, state: &ClientState);
}

#[cfg(feature = "tokio")]
pub use file::FileStorage;

#[cfg(feature = "tokio")]
mod file {
    use super::{ClientState, Storage};
    use std::{fs, io, io::Write, path::PathBuf};

    /// Keeps the accounts in one file, which only its owner may read. It holds keys in the clear.
    #[derive(Debug, Clone)]
    pub struct FileStorage {
        path: PathBuf,
    }

    impl FileStorage {
        /// In this file, which need not be there yet.
        pub fn new(path: impl Into<PathBuf>) -> Self {
            FileStorage { path: path.into() }
        }

        fn write(&self, bytes: &[u8]) -> io::Result<()> {
            // A power cut leaves the old file or the new one.
            let new = self.path.with_extension("new");
            let mut options = fs::OpenOptions::new();
            options.write(true).create(true).truncate(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let mut file = options.open(&new)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(new, &self.path)
        }
    }

    impl Storage for FileStorage {
        fn load(&mut self) -> Option<ClientState> {
            let path = self.path.display();
            match fs::read(&self.path) {
                Ok(bytes) => ClientState::from_bytes(&bytes)
                    .inspect_err(|error| tracing::warn!("{path} is not used: {error}"))
                    .ok(),
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                Err(error) => {
                    tracing::warn!("{path} cannot be read: {error}");
                    None
                }
            }
        }

        fn store(&mut self, state: &ClientState) {
            let written = match state.to_bytes() {
                Ok(bytes) => self.write(&bytes),
                Err(error) => Err(io::Error::other(error)),
            };
            if let Err(error) = written {
                let path = self.path.display();
                tracing::warn!("the accounts cannot be kept in {path}: {error}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Account, ServerAccount};

    fn state() -> ClientState {
        let uri = "coaps://example:5684".parse().unwrap();
        let account = Account::coaps(uri, "me", [7; 16].to_vec());
        let server = ServerAccount::new(3, account.clone()).mute_send(false);
        let ciphers = [(0, 49_320_u32), (1, 49_322)];
        let security =
            (account.to_instance(Some(3))).with_multiple(security::DTLS_TLS_CIPHERSUITE, ciphers);
        ClientState {
            security: [(0, account.to_instance(None)), (1, security)].into(),
            servers: [(0, server.resources)].into(),
        }
    }

    #[test]
    fn survives_its_bytes() {
        let bytes = state().to_bytes().unwrap();
        assert_eq!(ClientState::from_bytes(&bytes), Ok(state()));
        assert_eq!(ClientState::from_bytes(b"nonsense"), Err(StateError));
        for cut in 0..bytes.len() {
            assert_eq!(ClientState::from_bytes(&bytes[..cut]), Err(StateError));
        }
    }

    #[cfg(feature = "tokio")]
    #[test]
    fn survives_a_file() {
        let path = std::env::temp_dir().join(std::format!("lwm2m-state-{}", std::process::id()));
        let mut storage = FileStorage::new(&path);
        assert_eq!(storage.load(), None);
        storage.store(&state());
        assert_eq!(storage.load(), Some(state()));
        std::fs::write(&path, b"nonsense").unwrap();
        assert_eq!(storage.load(), None);
        std::fs::remove_file(&path).unwrap();
    }
}
