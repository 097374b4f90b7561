//! Credentials, and pairs of a client and a server.

use crate::net::{CLEAN, Host, Link, Net};
use lwm2m_core::{engine::CertificateUsage, secret::Secret};
use lwm2m_dtls::{
    CipherSuite, ClientConfig, ClientCredentials, ConnectionIds, Endpoint, EndpointConfig,
    ServerConfig,
    certificate::{ClientTrust, LocalCertificate, ServerTrust, spki_of},
    crypto::{Provider, Signer, rustcrypto::RustCrypto},
};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use rcgen::{BasicConstraints, CertificateParams, CertifiedKey, IsCa, KeyPair};
use std::{net::SocketAddr, sync::Arc};

pub(crate) const CLIENT: usize = 0;
pub(crate) const SERVER: usize = 1;
pub(crate) const IDENTITY: &[u8] = b"device-1";
pub(crate) const KEY: &[u8] = b"sixteen bytes...";
pub(crate) const CLIENT_ADDRESS: &str = "10.0.0.1:40000";
pub(crate) const SERVER_ADDRESS: &str = "10.0.0.2:5684";

pub(crate) fn server_address() -> SocketAddr {
    SERVER_ADDRESS.parse().unwrap()
}

/// How both sides prove who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Psk,
    RawPublicKey,
    Certificate,
}

pub(crate) const KINDS: [Kind; 3] = [Kind::Psk, Kind::RawPublicKey, Kind::Certificate];

/// A CA, and what it has issued to both sides.
pub(crate) struct Pki {
    pub(crate) authority: Vec<u8>,
    pub(crate) client: (LocalCertificate, Arc<dyn Signer>),
    pub(crate) server: (LocalCertificate, Arc<dyn Signer>),
}

fn signer(key: &KeyPair) -> Arc<dyn Signer> {
    let pkcs8 = Secret::new(key.serialize_der());
    RustCrypto.signer(&pkcs8).unwrap()
}

pub(crate) fn pki() -> Pki {
    let authority_key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = params.self_signed(&authority_key).unwrap();
    let issue = |name: &str| {
        let key_pair = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_string()]).unwrap();
        let cert = params
            .signed_by(&key_pair, &authority, &authority_key)
            .unwrap();
        let CertifiedKey { cert, key_pair } = CertifiedKey { cert, key_pair };
        let signer = signer(&key_pair);
        let chain = vec![cert.der().to_vec()];
        (
            LocalCertificate::new(chain, signer.clone()).unwrap(),
            signer,
        )
    };
    Pki {
        authority: authority.der().to_vec(),
        client: issue("device-1.example"),
        server: issue("server.example"),
    }
}

pub(crate) fn server_config(kind: Kind, pki: &Pki) -> ServerConfig {
    match kind {
        Kind::Psk => ServerConfig::new().psk(),
        Kind::RawPublicKey => ServerConfig::new().raw_public_key(pki.server.1.clone()),
        Kind::Certificate => ServerConfig::new().certificate(
            pki.server.0.clone(),
            ClientTrust::new(std::slice::from_ref(&pki.authority)).unwrap(),
        ),
    }
}

pub(crate) fn credentials(kind: Kind, pki: &Pki) -> ClientCredentials {
    match kind {
        Kind::Psk => ClientCredentials::Psk {
            identity: IDENTITY.into(),
            key: Arc::new(Secret::new(KEY.into())),
        },
        Kind::RawPublicKey => ClientCredentials::RawPublicKey {
            signer: pki.client.1.clone(),
            server: spki_of(&pki.server.1.public_key()),
        },
        Kind::Certificate => ClientCredentials::Certificate {
            local: pki.client.0.clone(),
            trust: Arc::new(
                ServerTrust::new(
                    CertificateUsage::TrustAnchorAssertion,
                    &pki.authority,
                    &[],
                    "server.example",
                )
                .unwrap(),
            ),
        },
    }
}

pub(crate) fn endpoint(
    config: EndpointConfig,
    server: Option<ServerConfig>,
    seed: u64,
) -> Endpoint {
    let random = Box::new(ChaCha20Rng::seed_from_u64(seed));
    Endpoint::new(config, server, Arc::new(RustCrypto), random).unwrap()
}

/// With a clock, for certificates.
pub(crate) fn config() -> EndpointConfig {
    let mut config = EndpointConfig::default();
    config.unix_at_zero = Some(1_800_000_000);
    config
}

pub(crate) fn with_ids(length: usize) -> EndpointConfig {
    let mut config = config();
    config.connection_ids = Some(ConnectionIds {
        prefix: vec![7],
        length,
    });
    config
}

/// A client that has been told to connect, and a server.
pub(crate) struct Setup {
    pub(crate) seed: u64,
    pub(crate) link: Link,
    pub(crate) client: EndpointConfig,
    pub(crate) server: EndpointConfig,
    pub(crate) serves: ServerConfig,
    pub(crate) connection: ClientConfig,
}

impl Setup {
    pub(crate) fn new(kind: Kind, pki: &Pki) -> Self {
        Setup {
            seed: 1,
            link: CLEAN,
            client: config(),
            server: config(),
            serves: server_config(kind, pki),
            connection: ClientConfig::new(credentials(kind, pki)),
        }
    }

    pub(crate) fn psk() -> Self {
        Setup {
            seed: 1,
            link: CLEAN,
            client: config(),
            server: config(),
            serves: ServerConfig::new().psk(),
            connection: ClientConfig::new(ClientCredentials::Psk {
                identity: IDENTITY.into(),
                key: Arc::new(Secret::new(KEY.into())),
            }),
        }
    }

    pub(crate) fn suite(mut self, suite: CipherSuite) -> Self {
        self.connection.suites = vec![suite];
        self
    }

    pub(crate) fn build(self) -> Net {
        let client = endpoint(self.client, None, self.seed * 2);
        let server = endpoint(self.server, Some(self.serves), self.seed * 2 + 1);
        let server = Host::new(SERVER_ADDRESS, server).key(IDENTITY, KEY);
        let mut net = Net::new(
            self.seed,
            self.link,
            vec![Host::new(CLIENT_ADDRESS, client), server],
        );
        let now = net.now;
        net.hosts[CLIENT]
            .endpoint
            .connect(now, server_address(), self.connection)
            .unwrap();
        net
    }
}
