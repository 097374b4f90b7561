//! How a [`World`] is to be, and the accounts of its device.

use super::{
    BOOTSTRAP_SERVER, DEVICE, NAME, PLAIN_BOOTSTRAP_SERVER, PLAIN_SERVER, SERVER, World,
    restart::Makers,
};
use lwm2m_client::{
    Account, ClientConfig, Instance, builder::ClientBuilder, firmware::UpdateResult,
};
use lwm2m_core::{endpoint::EndpointConfig, uri::ServerUri};
use lwm2m_objects::Definitions;
use lwm2m_server::{
    BootstrapStore, Credential, Role, SecurityStore, ServerConfig,
    bootstrap::{AccountSecurity, BootstrapConfig, ServerAccount},
};
use lwm2m_transport::sim::{Link, Net};
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;
use std::{collections::HashMap, sync::Arc, time::Duration};

/// Enough for a firmware image.
const CAPTURE: usize = 4 * 1024 * 1024;

/// How a [`World`] is to be.
pub struct Setup {
    seed: u64,
    link: Link,
    endpoint: EndpointConfig,
    client: ClientConfig,
    server: ServerConfig,
    install: UpdateResult,
    verify_bootstrap: bool,
    unsecured: bool,
    account: ServerAccount,
}

impl Default for Setup {
    /// A network without faults, where what travels is recorded.
    fn default() -> Self {
        let account = ServerAccount::new(
            1,
            uri(SERVER),
            AccountSecurity::Psk {
                identity: NAME.into(),
                key: key(Role::Server).into(),
            },
        );
        Setup {
            seed: 1,
            link: Link::new().delay(Duration::from_millis(10)),
            endpoint: EndpointConfig::default(),
            client: ClientConfig::default(),
            server: ServerConfig::default(),
            install: UpdateResult::Success,
            verify_bootstrap: false,
            unsecured: false,
            account,
        }
    }
}

impl Setup {
    /// With this seed and these links.
    #[must_use]
    pub fn network(mut self, seed: u64, link: Link) -> Self {
        (self.seed, self.link) = (seed, link);
        self
    }

    /// With these timings of CoAP everywhere.
    #[must_use]
    pub fn endpoint(mut self, endpoint: EndpointConfig) -> Self {
        self.endpoint = endpoint;
        self
    }

    /// With this client.
    #[must_use]
    pub fn client(mut self, client: ClientConfig) -> Self {
        self.client = client;
        self
    }

    /// With this server.
    #[must_use]
    pub fn server(mut self, server: ServerConfig) -> Self {
        self.server = server;
        self
    }

    /// With a device on which installations end so.
    #[must_use]
    pub fn install(mut self, result: UpdateResult) -> Self {
        self.install = result;
        self
    }

    /// With a bootstrap server that gives the device this account at the server.
    #[must_use]
    pub fn bootstrapped(mut self, change: impl FnOnce(ServerAccount) -> ServerAccount) -> Self {
        self.account = change(self.account);
        self
    }

    /// With a bootstrap server that looks at what it has written before it finishes.
    #[must_use]
    pub fn verified_bootstrap(mut self) -> Self {
        self.verify_bootstrap = true;
        self
    }

    /// Without security anywhere: whoever comes under a name is believed.
    #[must_use]
    pub fn unsecured(mut self) -> Self {
        self.unsecured = true;
        self.account.uri = plain_uri(PLAIN_SERVER);
        self.account.security = AccountSecurity::None;
        self
    }

    /// A world in which `device` has just been switched on: it is given the builder, to say which accounts and objects
    /// the device has.
    ///
    /// # Panics
    /// Where the device cannot be built.
    pub fn build(self, device: impl FnOnce(ClientBuilder) -> ClientBuilder) -> World {
        let security = SecurityStore::new();
        if !self.unsecured {
            for (role, identity) in [(Role::Bootstrap, "device-bs"), (Role::Server, NAME)] {
                let credential = Credential::psk(identity, key(role));
                security.add(NAME, role, credential).unwrap();
            }
        }
        let configurations = BootstrapStore::new();
        configurations
            .set(NAME, BootstrapConfig::with_account(self.account))
            .unwrap();
        let mut client = self.client;
        client.endpoint = self.endpoint;
        let mut makers = Makers {
            client,
            server: self.server,
            verify_bootstrap: self.verify_bootstrap,
            unsecured: self.unsecured,
            security: security.clone(),
            configurations: configurations.clone(),
            definitions: Arc::new(Definitions::built_in()),
            random: ChaCha8Rng::seed_from_u64(self.seed),
        };
        let server = makers.server();
        let bootstrap = makers.bootstrap_server();

        let mut net = Net::new(self.seed);
        net.set_default_link(self.link);
        net.capture(CAPTURE);
        let device = makers.device(net.now(), device);
        let server = net.add_host(PLAIN_SERVER.parse().unwrap(), server);
        let credentials = security.for_role(Role::Server);
        net.listen_secure(server, SERVER.parse().unwrap(), credentials);
        let bootstrap = net.add_host(PLAIN_BOOTSTRAP_SERVER.parse().unwrap(), bootstrap);
        let credentials = security.for_role(Role::Bootstrap);
        net.listen_secure(bootstrap, BOOTSTRAP_SERVER.parse().unwrap(), credentials);
        let device = net.add_host(DEVICE.parse().unwrap(), device);
        World {
            net,
            server,
            bootstrap,
            device,
            definitions: makers.definitions.clone(),
            events: Vec::new(),
            told: Vec::new(),
            bootstraps: Vec::new(),
            security,
            configurations,
            install: self.install,
            completed: HashMap::new(),
            makers,
        }
    }
}

/// The device's account at the bootstrap server.
pub fn bootstrap_account() -> Account {
    Account::coaps(uri(BOOTSTRAP_SERVER), "device-bs", key(Role::Bootstrap))
}

/// The device's account at a bootstrap server without security.
pub fn unsecured_bootstrap_account() -> Account {
    Account::nosec(plain_uri(PLAIN_BOOTSTRAP_SERVER))
}

/// The device's account at a server without security, as the factory gives it.
pub fn unsecured_server_account() -> lwm2m_client::ServerAccount {
    lwm2m_client::ServerAccount::new(1, Account::nosec(plain_uri(PLAIN_SERVER)))
}

/// The device's account at the server, as the factory gives it.
pub fn server_account() -> lwm2m_client::ServerAccount {
    let account = Account::coaps(uri(SERVER), NAME, key(Role::Server));
    lwm2m_client::ServerAccount::new(1, account)
}

/// Resources of the device object that every device has: manufacturer, model, serial number, firmware version.
pub fn device_resources() -> Instance {
    Instance::new()
        .with(0, "Example")
        .with(1, "Sim")
        .with(2, "4711")
        .with(3, "1.0.0")
}

fn uri(address: &str) -> ServerUri {
    format!("coaps://{address}").parse().unwrap()
}

fn plain_uri(address: &str) -> ServerUri {
    format!("coap://{address}").parse().unwrap()
}

fn key(role: Role) -> Vec<u8> {
    vec![if role == Role::Server { 2 } else { 1 }; 16]
}
