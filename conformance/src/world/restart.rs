//! How the programs of a [`World`] are made, and made again where they restart.

use super::{NAME, World};
use lwm2m_client::{ClientConfig, ClientEngine, builder::ClientBuilder};
use lwm2m_core::time::Instant;
use lwm2m_objects::Definitions;
use lwm2m_server::{
    Authorization, AuthorizationRequest, BootstrapStore, SecurityStore, ServerConfig,
    bootstrap::{BootstrapEngine, BootstrapServerConfig},
    engine::{Policy, ServerEngine},
    store::Document,
};
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;

/// What every new program of a world is made of.
pub(super) struct Makers {
    /// Of the device; all three have its endpoint configuration.
    pub(super) client: ClientConfig,
    pub(super) server: ServerConfig,
    pub(super) verify_bootstrap: bool,
    pub(super) unsecured: bool,
    pub(super) security: SecurityStore,
    pub(super) configurations: BootstrapStore,
    pub(super) definitions: Arc<Definitions>,
    pub(super) random: ChaCha8Rng,
}

impl Makers {
    fn policy(&self) -> Policy {
        let (security, unsecured) = (self.security.clone(), self.unsecured);
        Policy::Inline(Box::new(
            move |request: &AuthorizationRequest| -> Authorization {
                match unsecured {
                    true => security.danger_authorize_unsecured(request),
                    false => security.authorize(request),
                }
            },
        ))
    }

    pub(super) fn server(&mut self) -> ServerEngine {
        let mut config = self.server.clone();
        config.endpoint = self.client.endpoint.clone();
        let (definitions, policy) = (self.definitions.clone(), self.policy());
        ServerEngine::new(config, definitions, policy, &mut self.random)
    }

    pub(super) fn bootstrap_server(&mut self) -> BootstrapEngine {
        let mut config = BootstrapServerConfig::default();
        config.endpoint = self.client.endpoint.clone();
        config.verify = self.verify_bootstrap;
        let (definitions, policy) = (self.definitions.clone(), self.policy());
        let configurations = self.configurations.clone();
        BootstrapEngine::new(
            config,
            configurations,
            definitions,
            policy,
            &mut self.random,
        )
    }

    pub(super) fn device(
        &mut self,
        now: Instant,
        device: impl FnOnce(ClientBuilder) -> ClientBuilder,
    ) -> ClientEngine {
        // A stream of its own: who begins anew later draws other numbers.
        let mut next = self.random.clone();
        next.set_stream(next.get_stream() + 1);
        let random = Box::new(std::mem::replace(&mut self.random, next));
        let builder = ClientEngine::builder(NAME).config(self.client.clone());
        device(builder).build(now, random).unwrap()
    }
}

impl World {
    /// The power of the device fails and comes back: connections, observations and exchanges are gone, and what is in
    /// its storage is all it knows.
    ///
    /// # Panics
    /// Where the device cannot be built.
    pub fn restart_device(&mut self, device: impl FnOnce(ClientBuilder) -> ClientBuilder) {
        let engine = self.makers.device(self.net.now(), device);
        self.net.restart(self.device, engine);
    }

    /// The server dies and begins anew with what a store gives it; requests under way never end.
    ///
    /// # Panics
    /// Where a document of the store cannot be read.
    pub fn restart_server<'a>(&mut self, store: impl IntoIterator<Item = &'a Document>) {
        let mut engine = self.makers.server();
        for document in store {
            engine.restore(self.net.now(), document).unwrap();
        }
        engine.remember_changes();
        self.completed.clear();
        self.net.restart(self.server, engine);
    }

    /// The bootstrap server dies and begins anew: sessions under way are lost, what it gives to devices is not.
    pub fn restart_bootstrap_server(&mut self) {
        let engine = self.makers.bootstrap_server();
        self.net.restart(self.bootstrap, engine);
    }
}
