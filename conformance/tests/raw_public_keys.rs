//! Security mode 1 over real sockets: raw public keys from the account of a device to the credentials of both servers.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use lwm2m_client::{Account, Client, ClientEvent, ServerAccount};
use lwm2m_core::{
    engine::CloseReason,
    peer::PeerIdentity,
    secret::Secret,
    uri::{Scheme, ServerUri},
};
use lwm2m_server::{
    BootstrapServer, BootstrapStore, Credential, DeregistrationReason, Listener, Role,
    SecurityStore, Server, ServerEvent, StartError,
    bootstrap::{self, AccountSecurity, BootstrapConfig},
    public_key_of,
};
use rcgen::KeyPair;
use std::{net::SocketAddr, time::Duration};

/// Far more than anything here takes; running out of it fails the test.
const PATIENCE: Duration = Duration::from_secs(60);

/// A private key and its public half.
struct Keys {
    private: Secret,
    public: Vec<u8>,
}

impl Keys {
    fn new() -> Self {
        let private = Secret::new(KeyPair::generate().unwrap().serialize_der());
        let public = public_key_of(&private).unwrap();
        Keys { private, public }
    }

    fn credential(&self) -> Credential {
        Credential::raw_public_key(self.public.clone())
    }

    /// The account of a device with these keys.
    fn account(&self, uri: ServerUri, server_public_key: &[u8]) -> Account {
        Account::raw_public_key(uri, self.private.clone(), server_public_key)
    }
}

fn uri(addresses: &[(Scheme, SocketAddr)]) -> ServerUri {
    let (scheme, address) = addresses[0];
    ServerUri::new(scheme, address.ip().to_string(), address.port())
}

async fn server(security: &SecurityStore, keys: &Keys) -> (Server, ServerUri) {
    let server = Server::builder()
        .listen(Listener::coaps("127.0.0.1:0"))
        .security(security.clone())
        .raw_public_key(keys.private.clone())
        .start()
        .await
        .unwrap();
    let uri = uri(&server.local_addresses());
    (server, uri)
}

async fn bootstrap_server(
    security: &SecurityStore,
    configurations: &BootstrapStore,
    keys: &Keys,
) -> (BootstrapServer, ServerUri) {
    let bootstrap = BootstrapServer::builder()
        .listen(Listener::coaps("127.0.0.1:0"))
        .security(security.clone())
        .configurations(configurations.clone())
        .raw_public_key(keys.private.clone())
        .start()
        .await
        .unwrap();
    let uri = uri(&bootstrap.local_addresses());
    (bootstrap, uri)
}

/// What `found` makes of the first event it wants.
async fn event<T>(client: &Client, found: impl Fn(ClientEvent) -> Option<T>) -> T {
    let mut events = client.events();
    let search = async {
        loop {
            let event = events.next().await.expect("the client runs");
            if let Some(found) = found(event) {
                return found;
            }
        }
    };
    tokio::time::timeout(PATIENCE, search).await.unwrap()
}

/// Why the first attempt of a device to register or to bootstrap does not succeed.
async fn failure(client: lwm2m_client::ClientBuilder) -> String {
    let client = client.start().await.unwrap();
    let reason = event(&client, |event| match event {
        ClientEvent::RegistrationFailed { reason, .. }
        | ClientEvent::BootstrapFailed { reason, .. } => Some(reason.to_string()),
        ClientEvent::Registered { .. } | ClientEvent::Bootstrapped { .. } => {
            panic!("who must not come in has come in")
        }
        _ => None,
    });
    let reason = reason.await;
    client.deregister_and_stop().await;
    reason
}

// proves: BS-31, SEC-18, SEC-19, SEC-37
#[tokio::test]
async fn a_device_bootstraps_and_registers_until_its_key_is_removed() {
    let (server_keys, bootstrap_keys) = (Keys::new(), Keys::new());
    let (at_server, at_bootstrap) = (Keys::new(), Keys::new());
    let (security, configurations) = (SecurityStore::new(), BootstrapStore::new());
    for (role, keys) in [(Role::Server, &at_server), (Role::Bootstrap, &at_bootstrap)] {
        security.add("device", role, keys.credential()).unwrap();
    }
    let (server, server_uri) = server(&security, &server_keys).await;
    let (bootstrap, bootstrap_uri) =
        bootstrap_server(&security, &configurations, &bootstrap_keys).await;
    let given =
        AccountSecurity::raw_public_key(at_server.private.clone(), server_keys.public.clone());
    let account = bootstrap::ServerAccount::new(1, server_uri.clone(), given.unwrap());
    configurations
        .set("device", BootstrapConfig::with_account(account))
        .unwrap();

    let mut events = server.events();
    let account = at_bootstrap.account(bootstrap_uri, &bootstrap_keys.public);
    let client = Client::builder("device").bootstrap(account);
    let client = client.start().await.unwrap();
    let registered = |event| matches!(event, ClientEvent::Registered { .. }).then_some(());
    event(&client, registered).await;
    let registration = server.registration("device").await.unwrap();
    let expected = PeerIdentity::RawPublicKey(at_server.public.clone());
    assert_eq!(registration.identity, expected);
    let device = server.device("device").await.unwrap();
    device.read("/1/0").await.unwrap();
    assert!(
        device.read("/0/0").await.is_err(),
        "keys are not for servers"
    );

    // Only what this server knows the device by; what it has at the bootstrap server stays.
    let mut credentials = security.credentials("device");
    credentials.retain(|entry| entry.role == Role::Bootstrap);
    let lost = event(&client, |event| match event {
        ClientEvent::RegistrationLost { reason, .. } => Some(reason.to_string()),
        _ => None,
    });
    let (lost, ()) = tokio::join!(lost, async {
        security.set("device", credentials).unwrap();
    });
    assert!(
        lost.contains(&CloseReason::ByPeer.to_string()),
        "the session ends at once, not when it is used next: {lost}"
    );
    let ended = async {
        loop {
            if let ServerEvent::Deregistered { endpoint, reason } = events.next().await.unwrap() {
                return (endpoint.to_string(), reason);
            }
        }
    };
    assert_eq!(
        tokio::time::timeout(PATIENCE, ended).await.unwrap(),
        (
            "device".to_owned(),
            DeregistrationReason::CredentialsRemoved
        )
    );
    client.deregister_and_stop().await;

    // And it does not come in again with the key that was removed.
    let account = at_server.account(server_uri, &server_keys.public);
    let again = Client::builder("device").server(ServerAccount::new(1, account));
    let reason = failure(again).await;
    assert!(reason.contains("access_denied"), "{reason}");
    bootstrap.stop().await;
    server.stop().await;
}

// proves: SEC-02, SEC-20, SEC-52
#[tokio::test]
async fn wrong_keys_are_refused_on_both_servers_and_by_the_device() {
    let (server_keys, bootstrap_keys, device_keys) = (Keys::new(), Keys::new(), Keys::new());
    let (security, configurations) = (SecurityStore::new(), BootstrapStore::new());
    for role in [Role::Server, Role::Bootstrap] {
        let credential = device_keys.credential();
        security.add("device", role, credential).unwrap();
    }
    let (server, server_uri) = server(&security, &server_keys).await;
    let (bootstrap, bootstrap_uri) =
        bootstrap_server(&security, &configurations, &bootstrap_keys).await;
    let registers = |account| Client::builder("device").server(ServerAccount::new(1, account));
    let bootstraps = |account| Client::builder("device").bootstrap(account);

    let stranger = Keys::new();
    let account = stranger.account(server_uri.clone(), &server_keys.public);
    let reason = failure(registers(account)).await;
    assert!(reason.contains("access_denied"), "{reason}");
    let account = stranger.account(bootstrap_uri.clone(), &bootstrap_keys.public);
    let reason = failure(bootstraps(account)).await;
    assert!(reason.contains("access_denied"), "{reason}");

    // The key of one server is not that of the other.
    let account = device_keys.account(server_uri.clone(), &bootstrap_keys.public);
    let reason = failure(registers(account)).await;
    assert!(reason.contains("public key"), "{reason}");
    let account = device_keys.account(bootstrap_uri, &server_keys.public);
    let reason = failure(bootstraps(account)).await;
    assert!(reason.contains("public key"), "{reason}");

    // The right key under the name of another device.
    security
        .add("other", Role::Server, Keys::new().credential())
        .unwrap();
    let account = device_keys.account(server_uri, &server_keys.public);
    let other = Client::builder("other").server(ServerAccount::new(1, account));
    let reason = failure(other).await;
    assert!(reason.contains("4.00"), "{reason}");
    for name in ["device", "other"] {
        assert!(server.registration(name).await.is_none());
    }
    bootstrap.stop().await;
    server.stop().await;
}

#[tokio::test]
async fn a_server_without_a_usable_key_pair_says_so() {
    let unusable = Server::builder()
        .listen(Listener::coaps("127.0.0.1:0"))
        .raw_public_key(vec![0x30; 40])
        .start()
        .await;
    let Err(StartError::Transport(reason)) = unusable else {
        panic!("a server starts without a key")
    };
    assert!(reason.contains("P-256"), "{reason}");

    let (device_keys, security) = (Keys::new(), SecurityStore::new());
    let credential = device_keys.credential();
    security.add("device", Role::Server, credential).unwrap();
    let server = Server::builder()
        .listen(Listener::coaps("127.0.0.1:0"))
        .security(security)
        .start()
        .await
        .unwrap();
    let uri = uri(&server.local_addresses());
    let account = device_keys.account(uri, &Keys::new().public);
    let client = Client::builder("device").server(ServerAccount::new(1, account));
    let reason = failure(client).await;
    assert!(reason.contains("handshake"), "{reason}");
    server.stop().await;
}
