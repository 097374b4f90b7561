//! What a client keeps over a restart of its program.

use crate::object::Instance;
use alloc::collections::BTreeMap;

/// The accounts of a client: the security object (with its keys) and the server object.
#[derive(Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct ClientState {
    /// Instances of object 0.
    pub security: BTreeMap<u16, Instance>,
    /// Instances of object 1.
    pub servers: BTreeMap<u16, Instance>,
}

impl core::fmt::Debug for ClientState {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
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
