//! The servers of the program: LwM2M, bootstrap, and HTTP over both.

use crate::{
    fleet,
    settings::{CertificateFiles, Settings},
};
use lwm2m_core::{
    secret::Secret,
    uri::{Scheme, ServerUri},
};
use lwm2m_demo_client::pem::{self, KeyPair, PemError};
use lwm2m_http::{HttpConfig, HttpConfigError, HttpState};
use lwm2m_server::{
    BootstrapServer, BootstrapStore, Credential, KeepingConfig, Listener, Role, SecurityStore,
    Server, ServerCertificate, StartError, store::Store,
};
use lwm2m_store::{OpenError, SqliteStore};
use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

/// Endpoint name and PSK identity that are kept for whoever wants to join with a device of their own.
pub(crate) const GUEST: &str = "demo";

/// Why the servers do not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServersError {
    #[error("the LwM2M server does not start: {0}")]
    Server(StartError),
    #[error("the bootstrap server does not start: {0}")]
    Bootstrap(StartError),
    #[error("cannot listen on http://{address}: {source}")]
    Http {
        address: SocketAddr,
        source: io::Error,
    },
    #[error("the web page cannot be served: {0}")]
    HttpConfig(#[from] HttpConfigError),
    #[error("the data directory {path} cannot be made: {source}")]
    DataDir { path: PathBuf, source: io::Error },
    #[error("the data in {path} cannot be used: {source}")]
    Data { path: PathBuf, source: OpenError },
    #[error(transparent)]
    Pem(#[from] PemError),
    #[error("the LwM2M server and the bootstrap server need raw public keys of their own")]
    SameKey,
    #[error("the guest's credentials cannot be kept: {0}")]
    Guest(#[from] lwm2m_server::SecurityError),
}

/// The running servers.
pub(crate) struct Servers {
    pub(crate) server: Server,
    pub(crate) bootstrap: BootstrapServer,
    pub(crate) http: HttpState,
    pub(crate) http_address: SocketAddr,
    pub(crate) guest_key: Secret,
    /// The raw public keys of the LwM2M server and of the bootstrap server, SubjectPublicKeyInfo DER.
    pub(crate) public_keys: [Option<Vec<u8>>; 2],
    end_http: oneshot::Sender<()>,
    serving_http: JoinHandle<io::Result<()>>,
}

impl Servers {
    pub(crate) async fn start(settings: &Settings) -> Result<Self, ServersError> {
        let store = open_store(settings)?;
        let security = SecurityStore::new();
        let configurations = BootstrapStore::new();

        let coaps = |address| {
            Listener::coaps(address).max_handshake_datagram(settings.max_handshake_datagram)
        };
        let mut server = Server::builder()
            .listen(Listener::coap(settings.coap))
            .listen(coaps(settings.coaps))
            .security(security.clone());
        let mut bootstrap = BootstrapServer::builder()
            .listen(Listener::coap(settings.bootstrap_coap))
            .listen(coaps(settings.bootstrap_coaps))
            .security(security.clone())
            .configurations(configurations.clone());
        if settings.coap.ip().is_loopback() {
            // Only programs on this machine reach it, and an evaluator's first device seldom has keys.
            server = server.danger_accept_unsecured();
        }
        if settings.bootstrap_coap.ip().is_loopback() {
            // The same for who asks for servers; endpoints with bootstrap credentials are still refused without.
            bootstrap = bootstrap.danger_accept_unsecured();
        }
        if let Some(files) = &settings.certificate {
            let certificate = certificate(files)?;
            server = server.certificate(certificate.clone());
            bootstrap = bootstrap.certificate(certificate);
        }
        let keys = key_pair(settings.raw_public_key.as_deref())?;
        let bootstrap_keys = key_pair(settings.bootstrap_raw_public_key.as_deref())?;
        let public_keys =
            [&keys, &bootstrap_keys].map(|keys| keys.as_ref().map(|keys| keys.public_key.clone()));
        if public_keys[0].is_some() && public_keys[0] == public_keys[1] {
            return Err(ServersError::SameKey);
        }
        if let Some(keys) = keys {
            server = server.raw_public_key(keys.private_key);
        }
        if let Some(keys) = bootstrap_keys {
            bootstrap = bootstrap.raw_public_key(keys.private_key);
        }
        if let Some(store) = store {
            // Its devices shall not notice when it starts again.
            server = server
                .store(store.clone())
                .keep_sessions(KeepingConfig::default());
            bootstrap = bootstrap.store(store);
        }
        let server = server.start().await.map_err(ServersError::Server)?;
        let bootstrap = bootstrap.start().await.map_err(ServersError::Bootstrap)?;
        let guest_key = guest_key(&security)?;

        let config = HttpConfig::new(server.clone())
            .bootstrap(bootstrap.clone())
            .allow_host(settings.http.ip().to_string());
        let http = HttpState::new(config)?;
        let failed = |source| ServersError::Http {
            address: settings.http,
            source,
        };
        let listener = TcpListener::bind(settings.http).await.map_err(failed)?;
        let http_address = listener.local_addr().map_err(failed)?;
        let (end_http, end) = oneshot::channel();
        let serving_http = tokio::spawn(lwm2m_http::serve(listener, http.clone(), async move {
            // An error means that the other end is gone, which is the end too.
            let _ = end.await;
        }));
        Ok(Servers {
            server,
            bootstrap,
            http,
            http_address,
            guest_key,
            public_keys,
            end_http,
            serving_http,
        })
    }

    /// Where devices register over DTLS.
    pub(crate) fn secure_uri(&self) -> ServerUri {
        uri(&self.server.local_addresses(), Scheme::Coaps)
    }

    /// Where devices ask for servers over DTLS.
    pub(crate) fn secure_bootstrap_uri(&self) -> ServerUri {
        uri(&self.bootstrap.local_addresses(), Scheme::Coaps)
    }

    /// Closes everything.
    pub(crate) async fn stop(self) {
        // An error means that it has ended already.
        let _ = self.end_http.send(());
        let _ = self.serving_http.await;
        self.bootstrap.stop().await;
        self.server.stop().await;
    }
}

/// The address of the first listener with this scheme, as a device on this machine reaches it.
fn uri(addresses: &[(Scheme, SocketAddr)], scheme: Scheme) -> ServerUri {
    let address = addresses
        .iter()
        .find(|(found, _)| *found == scheme)
        .map(|(_, address)| *address)
        .expect("each server was given a listener of each scheme");
    let host = match address.ip() {
        ip if ip.is_unspecified() && ip.is_ipv4() => "127.0.0.1".to_owned(),
        ip if ip.is_unspecified() => "::1".to_owned(),
        ip => ip.to_string(),
    };
    ServerUri::new(scheme, host, address.port())
}

fn certificate(files: &CertificateFiles) -> Result<ServerCertificate, PemError> {
    Ok(ServerCertificate {
        chain: pem::certificates(&files.chain)?,
        private_key: pem::private_key(&files.private_key)?.into(),
        trust_anchors: match &files.authorities {
            Some(authorities) => pem::certificates(authorities)?,
            None => Vec::new(),
        },
    })
}

fn key_pair(path: Option<&Path>) -> Result<Option<KeyPair>, PemError> {
    path.map(pem::key_pair).transpose()
}

fn open_store(settings: &Settings) -> Result<Option<Arc<dyn Store>>, ServersError> {
    let Some(path) = &settings.data_dir else {
        return Ok(None);
    };
    std::fs::create_dir_all(path).map_err(|source| ServersError::DataDir {
        path: path.clone(),
        source,
    })?;
    let store = SqliteStore::open(path.join("lwm2m.db")).map_err(|source| ServersError::Data {
        path: path.clone(),
        source,
    })?;
    Ok(Some(Arc::new(store)))
}

/// The guest's key: the one that was kept, else a new one.
fn guest_key(security: &SecurityStore) -> Result<Secret, lwm2m_server::SecurityError> {
    let kept = security.credentials(GUEST).into_iter().find_map(|entry| {
        match (entry.role, entry.credential) {
            (Role::Server, Credential::Psk { key, .. }) => Some(key),
            _ => None,
        }
    });
    if let Some(key) = kept {
        return Ok(key);
    }
    let key = fleet::random_key();
    security.add(GUEST, Role::Server, Credential::psk(GUEST, key.clone()))?;
    Ok(key)
}
