//! What a program hangs into DTLS, over real sockets, from the account of a device to the servers: names, keys that stay
//! in hardware, and credentials in a database.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use async_trait::async_trait;
use lwm2m_client::{Account, Client, ClientEvent, ServerAccount};
use lwm2m_core::{
    engine::CertificateUsage,
    peer::PeerIdentity,
    secret::Secret,
    uri::{Scheme, ServerUri},
};
use lwm2m_server::{
    Authorization, AuthorizationRequest, Authorizer, BootstrapServer, BootstrapStore,
    CertificateMatch, Credential, CredentialLookup, Listener, LookupConfig, LookupError,
    PrivateKey, RefusalReason, Role, SecurityStore, Server, ServerCertificate,
    bootstrap::{self, AccountSecurity, BootstrapConfig},
};
use lwm2m_transport::{
    ClientTransport, ClientTransportConfig,
    dtls::{
        KeyStore,
        crypto::{CryptoError, Provider, PublicKey, Signer, ring::Ring},
    },
};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, SanType};
use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// Far more than anything here takes; running out of it fails the test.
const PATIENCE: Duration = Duration::from_secs(60);

fn uri(addresses: &[(Scheme, SocketAddr)]) -> ServerUri {
    let (scheme, address) = addresses[0];
    ServerUri::new(scheme, address.ip().to_string(), address.port())
}

/// Why the device is not registered, or that it is.
async fn outcome(client: &Client) -> Result<(), String> {
    let mut events = client.events();
    let search = async {
        loop {
            match events.next().await.expect("the client runs") {
                ClientEvent::Registered { .. } => return Ok(()),
                ClientEvent::RegistrationFailed { reason, .. }
                | ClientEvent::BootstrapFailed { reason, .. } => return Err(reason.to_string()),
                _ => {}
            }
        }
    };
    tokio::time::timeout(PATIENCE, search).await.unwrap()
}

/// A certification authority, and what it issues: chain and private key.
struct Authority(rcgen::Certificate, KeyPair);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Authority(params.self_signed(&key).unwrap(), key)
    }

    fn issue(&self, common_name: &str, name: Option<SanType>) -> (Vec<Vec<u8>>, Vec<u8>) {
        let mut params = CertificateParams::new(vec![]).unwrap();
        let subject = &mut params.distinguished_name;
        subject.push(DnType::CommonName, common_name);
        params.subject_alt_names = name.into_iter().collect();
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0, &self.1).unwrap();
        (vec![certificate.der().to_vec()], key.serialize_der())
    }
}

// proves: SEC-38
#[tokio::test]
async fn a_device_is_given_the_name_of_its_server_where_there_is_no_dns() {
    let authority = Authority::new();
    let name = SanType::DnsName("fleet.example".try_into().unwrap());
    let (default, named) = (
        authority.issue("for all others", None),
        authority.issue("fleet", Some(name)),
    );
    let security = SecurityStore::new();
    let by_name = Credential::Certificate(CertificateMatch::EndpointName);
    security.add("device", Role::Server, by_name).unwrap();
    let by_key = Credential::psk("device", vec![1; 16]);
    security.add("device", Role::Bootstrap, by_key).unwrap();
    let server = Server::builder()
        .listen(Listener::coaps("127.0.0.1:0"))
        .security(security.clone())
        .certificate(ServerCertificate {
            chain: default.0,
            private_key: default.1.into(),
            trust_anchors: vec![authority.0.der().to_vec()],
        })
        .certificate_for("fleet.example", named.0.clone(), named.1)
        .start()
        .await
        .unwrap();
    let configurations = BootstrapStore::new();
    let bootstrap_server = BootstrapServer::builder()
        .listen(Listener::coaps("127.0.0.1:0"))
        .security(security)
        .configurations(configurations.clone())
        .start()
        .await
        .unwrap();
    let (chain, private_key) = authority.issue("device", None);
    // The address is an IP address, which neither of the certificates names.
    for (server_name, good) in [
        (Some("fleet.example"), true),
        (None, false),
        (Some("other.example"), false),
    ] {
        let given = AccountSecurity::Certificate {
            certificate: chain[0].clone(),
            private_key: Secret::new(private_key.clone()),
            server_certificate: authority.0.der().to_vec(),
            usage: Some(CertificateUsage::TrustAnchorAssertion),
        };
        let at = uri(&server.local_addresses());
        let mut account = bootstrap::ServerAccount::new(1, at, given);
        account.server_name = server_name.map(Into::into);
        let config = BootstrapConfig::with_account(account);
        configurations.set("device", config).unwrap();
        let at = uri(&bootstrap_server.local_addresses());
        let account = Account::coaps(at, "device", vec![1; 16]);
        let client = Client::builder("device").bootstrap(account);
        let client = client.start().await.unwrap();
        let registered = outcome(&client).await;
        assert_eq!(registered.is_ok(), good, "{server_name:?}: {registered:?}");
        client.deregister_and_stop().await;
    }
    // A name that nobody can ask for is not given.
    let given = AccountSecurity::Psk {
        identity: b"device".to_vec(),
        key: Secret::new(vec![1; 16]),
    };
    let at = uri(&server.local_addresses());
    let account = bootstrap::ServerAccount::new(1, at, given).server_name("127.0.0.1");
    let refused = configurations.set("device", BootstrapConfig::with_account(account));
    let said = refused.unwrap_err().to_string();
    assert!(said.contains("no name of a server"), "{said}");
    bootstrap_server.stop().await;
    server.stop().await;
}

/// A private key that signs and does not come out.
struct Inside(Arc<dyn Signer>, Arc<AtomicUsize>);

impl Inside {
    fn generate(signatures: &Arc<AtomicUsize>) -> Arc<dyn Signer> {
        let der = Secret::new(KeyPair::generate().unwrap().serialize_der());
        let signer = Ring::new().signer(&der).unwrap();
        Arc::new(Inside(signer, signatures.clone()))
    }
}

impl Signer for Inside {
    fn public_key(&self) -> PublicKey {
        self.0.public_key()
    }

    fn sign(
        &self,
        message: &[u8],
        random: &mut dyn rand_core::RngCore,
    ) -> Result<Vec<u8>, CryptoError> {
        self.1.fetch_add(1, Ordering::SeqCst);
        self.0.sign(message, random)
    }
}

/// A secure element with one key.
struct Element(Arc<dyn Signer>);

impl KeyStore for Element {
    fn private_key(&self, name: &Secret) -> Option<Arc<dyn Signer>> {
        (name.expose_secret() == b"slot 1").then(|| self.0.clone())
    }
}

#[tokio::test]
async fn a_device_registers_with_keys_that_neither_side_can_read() {
    let (of_server, of_device) = (Arc::default(), Arc::default());
    let server_key = PrivateKey::from(Inside::generate(&of_server));
    let server_public = server_key.public_key().unwrap();
    let device_key = Inside::generate(&of_device);
    let device_public = PrivateKey::from(device_key.clone()).public_key().unwrap();
    let security = SecurityStore::new();
    let credential = Credential::raw_public_key(device_public.clone());
    security.add("device", Role::Server, credential).unwrap();
    let server = Server::builder()
        .listen(Listener::coaps("127.0.0.1:0"))
        .security(security)
        .raw_public_key(server_key)
        .start()
        .await
        .unwrap();
    let at = uri(&server.local_addresses());
    let account = Account::raw_public_key(at, b"slot 1".to_vec(), server_public);
    let transport = ClientTransportConfig::new().key_store(Arc::new(Element(device_key)));
    let client = Client::builder("device")
        .server(ServerAccount::new(1, account))
        .start_on(ClientTransport::new(transport))
        .unwrap();
    outcome(&client).await.unwrap();
    let registration = server.registration("device").await.unwrap();
    assert_eq!(
        registration.identity,
        PeerIdentity::RawPublicKey(device_public)
    );
    assert_eq!(of_server.load(Ordering::SeqCst), 1);
    assert_eq!(of_device.load(Ordering::SeqCst), 1);
    client.deregister_and_stop().await;
    server.stop().await;
}

/// A database with the keys of devices, which are asked for by their names. Each query goes to another task and back.
#[derive(Clone)]
struct Database {
    keys: Arc<HashMap<Vec<u8>, Vec<u8>>>,
    queries: Arc<AtomicUsize>,
}

#[async_trait]
impl CredentialLookup for Database {
    async fn psk(&self, identity: &[u8]) -> Result<Option<Secret>, LookupError> {
        self.queries.fetch_add(1, Ordering::SeqCst);
        let (keys, identity) = (self.keys.clone(), identity.to_vec());
        let query = tokio::spawn(async move { keys.get(&identity).cloned() });
        let found = query.await.map_err(LookupError::new)?;
        Ok(found.map(Secret::new))
    }
}

#[async_trait]
impl Authorizer for Database {
    async fn authorize(&self, request: AuthorizationRequest) -> Authorization {
        match (&request.identity, &request.endpoint) {
            (PeerIdentity::Psk(identity), Some(endpoint)) if identity == endpoint.as_bytes() => {
                Authorization::Accept {
                    endpoint: endpoint.as_str().into(),
                }
            }
            _ => Authorization::Refuse(RefusalReason::IdentityMismatch),
        }
    }
}

#[tokio::test]
async fn a_server_looks_the_keys_of_devices_up_in_a_database() {
    let keys = [("one", [1; 16]), ("two", [2; 16])];
    let keys = keys.map(|(name, key)| (name.as_bytes().to_vec(), key.to_vec()));
    let database = Database {
        keys: Arc::new(keys.into()),
        queries: Arc::default(),
    };
    let server = Server::builder()
        .listen(Listener::coaps("127.0.0.1:0").connection_ids(8, [0xA7]))
        .look_up(Arc::new(database.clone()), LookupConfig::default())
        .authorizer(database.clone())
        .start()
        .await
        .unwrap();
    let registers = async |endpoint: &str, identity: &str, key: u8| {
        let at = uri(&server.local_addresses());
        let account = Account::coaps(at, identity, vec![key; 16]);
        let client = Client::builder(endpoint).server(ServerAccount::new(1, account));
        let client = client.start().await.unwrap();
        let outcome = outcome(&client).await;
        if outcome.is_ok() {
            let device = server.device(endpoint).await.unwrap();
            device.read("/1/0").await.unwrap();
        }
        client.deregister_and_stop().await;
        outcome
    };
    registers("one", "one", 1).await.unwrap();
    registers("two", "two", 2).await.unwrap();
    // For the handshake, and at its end.
    assert_eq!(database.queries.load(Ordering::SeqCst), 4);
    let said = registers("three", "three", 3).await.unwrap_err();
    assert!(said.contains("unknown_psk_identity"), "{said}");
    let said = registers("two", "one", 1).await.unwrap_err();
    assert!(said.contains("4.00"), "{said}");
    assert!(registers("one", "one", 2).await.is_err());
    server.stop().await;
}
