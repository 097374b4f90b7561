//! Our engine: a client and a server in memory, without a network between them.

use super::{
    Outcome,
    contest::{Contender, PAYLOAD, Scheme, Spent, Work, cpu_time},
    material::{IDENTITY, KEY, Material, SERVER_NAME},
};
use lwm2m_core::{engine::CertificateUsage, secret::Secret, time::Instant};
use lwm2m_dtls::{
    CipherSuite, ClientConfig, ClientCredentials, Connection, ConnectionIds, Endpoint,
    EndpointConfig, Event, KeyAnswer, ServerConfig,
    certificate::{ClientTrust, LocalCertificate, ServerTrust, spki_of},
    crypto::Provider,
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant as Clock},
};

/// 1 January 2027.
const UNIX_NOW: u64 = 1_798_761_600;

/// Both sides of one way to prove who one is.
#[derive(Clone)]
pub struct Credentials {
    serves: ServerConfig,
    /// How clients connect.
    pub connection: ClientConfig,
}

impl Credentials {
    /// Those of a scheme.
    ///
    /// # Errors
    /// The engine refuses what the material holds.
    pub fn new(scheme: Scheme, material: &Material, provider: &dyn Provider) -> Outcome<Self> {
        let (suite, serves, credentials) = match scheme {
            Scheme::PskCcm8 | Scheme::PskCbc => {
                let credentials = ClientCredentials::Psk {
                    identity: IDENTITY.into(),
                    key: Arc::new(Secret::new(KEY.into())),
                };
                let serves = ServerConfig::new().psk();
                let suite = match scheme {
                    Scheme::PskCbc => CipherSuite::PskAes128CbcSha256,
                    _ => CipherSuite::PskAes128Ccm8,
                };
                (suite, serves, credentials)
            }
            Scheme::RpkCcm8 => {
                let (serves, credentials) = raw_public_keys(material, provider)?;
                (CipherSuite::EcdheEcdsaAes128Ccm8, serves, credentials)
            }
            Scheme::X509Ccm8 => {
                let (serves, credentials) = certificates(material, provider)?;
                (CipherSuite::EcdheEcdsaAes128Ccm8, serves, credentials)
            }
            Scheme::X509Gcm => {
                let (serves, credentials) = certificates(material, provider)?;
                (CipherSuite::EcdheEcdsaAes128GcmSha256, serves, credentials)
            }
        };
        let mut connection = ClientConfig::new(credentials);
        connection.suites = vec![suite];
        Ok(Credentials { serves, connection })
    }
}

fn raw_public_keys(
    material: &Material,
    provider: &dyn Provider,
) -> Outcome<(ServerConfig, ClientCredentials)> {
    let server = provider.signer(&Secret::new(material.server.key.clone()))?;
    let signer = provider.signer(&Secret::new(material.client.key.clone()))?;
    let credentials = ClientCredentials::RawPublicKey {
        signer,
        server: spki_of(&server.public_key()),
    };
    Ok((ServerConfig::new().raw_public_key(server), credentials))
}

fn certificates(
    material: &Material,
    provider: &dyn Provider,
) -> Outcome<(ServerConfig, ClientCredentials)> {
    let own = |own: &super::material::Own| -> Outcome<LocalCertificate> {
        let signer = provider.signer(&Secret::new(own.key.clone()))?;
        Ok(LocalCertificate::new(
            vec![own.certificate.clone()],
            signer,
        )?)
    };
    let usage = CertificateUsage::TrustAnchorAssertion;
    let trust = ServerTrust::new(usage, &material.authority, &[], SERVER_NAME)?;
    let credentials = ClientCredentials::Certificate {
        local: own(&material.client)?,
        trust: Arc::new(trust),
    };
    let trust = ClientTrust::new(std::slice::from_ref(&material.authority))?;
    let serves = ServerConfig::new().certificate(own(&material.server)?, trust);
    Ok((serves, credentials))
}

/// The default bounds, with a clock for certificates.
pub fn config() -> EndpointConfig {
    let mut config = EndpointConfig::default();
    config.unix_at_zero = Some(UNIX_NOW);
    config
}

/// The same with Connection IDs, as servers of devices behind NAT have them.
pub fn server_config() -> EndpointConfig {
    let mut config = config();
    config.connection_ids = Some(ConnectionIds {
        prefix: Vec::new(),
        length: 6,
    });
    config
}

/// An endpoint that only connects.
///
/// # Errors
/// The engine refuses its configuration.
pub fn client(provider: &Arc<dyn Provider>, seed: u64) -> Outcome<Endpoint> {
    let random = Box::new(ChaCha20Rng::seed_from_u64(seed));
    Ok(Endpoint::new(config(), None, provider.clone(), random)?)
}

/// Where a server is said to be.
pub fn server_address() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 5684))
}

/// A client and a server without a network between them. The server echoes.
pub struct Pair {
    /// The client; another may take its place.
    pub client: Endpoint,
    /// The server.
    pub server: Endpoint,
    /// Where the client is.
    pub address: SocketAddr,
    /// What time it is for both.
    pub now: Instant,
    /// How long client and server worked, by the clock on the wall.
    pub spent: [Duration; 2],
    /// What both call the latest connection.
    pub connected: [Option<Connection>; 2],
    /// Echoes that came to the client.
    pub received: u64,
}

impl Pair {
    /// Two endpoints that have not met yet.
    ///
    /// # Errors
    /// The engine refuses its configuration.
    pub fn new(
        credentials: &Credentials,
        provider: &Arc<dyn Provider>,
        address: SocketAddr,
    ) -> Outcome<Self> {
        Pair::with_config(credentials, provider, address, server_config())
    }

    /// The same, with another configuration of the server.
    ///
    /// # Errors
    /// The engine refuses its configuration.
    pub fn with_config(
        credentials: &Credentials,
        provider: &Arc<dyn Provider>,
        address: SocketAddr,
        config: EndpointConfig,
    ) -> Outcome<Self> {
        let random = Box::new(ChaCha20Rng::seed_from_u64(2));
        let serves = Some(credentials.serves.clone());
        Ok(Pair {
            client: client(provider, 1)?,
            server: Endpoint::new(config, serves, provider.clone(), random)?,
            address,
            now: Instant::from_micros(1),
            spent: [Duration::ZERO; 2],
            connected: [None; 2],
            received: 0,
        })
    }

    /// A full handshake.
    ///
    /// # Errors
    /// It did not succeed.
    pub fn connect(&mut self, connection: ClientConfig) -> Outcome<()> {
        let started = Clock::now();
        self.client
            .connect(self.now, server_address(), connection)?;
        self.spent[0] += started.elapsed();
        self.connected = [None; 2];
        self.run();
        match self.connected {
            [Some(_), Some(_)] => Ok(()),
            _ => Err("the handshake did not succeed".into()),
        }
    }

    /// Sends a record and lets its echo come back.
    ///
    /// # Errors
    /// There is no session, or no echo.
    pub fn echo(&mut self) -> Outcome<()> {
        let connection = self.connected[0].ok_or("there is no session")?;
        let before = self.received;
        let started = Clock::now();
        self.client.send(self.now, connection, &PAYLOAD)?;
        self.spent[0] += started.elapsed();
        self.run();
        match self.received - before {
            1 => Ok(()),
            _ => Err("an echo was lost".into()),
        }
    }

    /// Lets everything arrive.
    pub fn run(&mut self) {
        loop {
            let started = Clock::now();
            let mut to_server = Vec::new();
            while let Some(transmit) = self.client.poll_transmit() {
                to_server.push(transmit.data);
            }
            while let Some(event) = self.client.poll_event() {
                match event {
                    Event::Connected { connection, .. } => self.connected[0] = Some(connection),
                    Event::Data { .. } => self.received += 1,
                    _ => {}
                }
            }
            self.spent[0] += started.elapsed();

            let started = Clock::now();
            for datagram in &mut to_server {
                self.server
                    .handle_datagram(self.now, self.address, datagram);
            }
            if let Some(connection) = serve(&mut self.server, self.now) {
                self.connected[1] = Some(connection);
            }
            let mut to_client = Vec::new();
            while let Some(transmit) = self.server.poll_transmit() {
                to_client.push(transmit.data);
            }
            self.spent[1] += started.elapsed();
            if to_server.is_empty() && to_client.is_empty() {
                return;
            }

            let started = Clock::now();
            for datagram in &mut to_client {
                self.client
                    .handle_datagram(self.now, server_address(), datagram);
            }
            self.spent[0] += started.elapsed();
        }
    }
}

/// Does what the program of a server does: gives keys, lets peers in, echoes. The connection that was made, if any.
pub fn serve(server: &mut Endpoint, now: Instant) -> Option<Connection> {
    let mut connected = None;
    while let Some(event) = server.poll_event() {
        match event {
            Event::KeyWanted { connection, .. } => {
                let key = KeyAnswer::Key(Arc::new(Secret::new(KEY.into())));
                server.answer_key(now, connection, key);
            }
            Event::PeerWanted { connection, .. } => {
                server.answer_peer(now, connection, true);
            }
            Event::Connected { connection, .. } => connected = Some(connection),
            Event::Data {
                connection, data, ..
            } => {
                // An echo. Where it cannot be sent, the other side counts too few.
                let _ = server.send(now, connection, &data);
            }
            _ => {}
        }
    }
    connected
}

/// Our engine with one of its providers of cryptography.
pub struct Ours {
    name: &'static str,
    pairs: Vec<(Scheme, Credentials, Pair)>,
}

impl Ours {
    /// Both sides of all schemes.
    ///
    /// # Errors
    /// The engine refuses its configuration or the material.
    pub fn new(
        name: &'static str,
        material: &Material,
        provider: &Arc<dyn Provider>,
    ) -> Outcome<Self> {
        let pairs = Scheme::ALL.map(|scheme| -> Outcome<_> {
            let credentials = Credentials::new(scheme, material, &**provider)?;
            let address = SocketAddr::from(([127, 1, 0, 1], 40_000));
            let pair = Pair::new(&credentials, provider, address)?;
            Ok((scheme, credentials, pair))
        });
        Ok(Ours {
            name,
            pairs: pairs.into_iter().collect::<Outcome<_>>()?,
        })
    }
}

impl Contender for Ours {
    fn name(&self) -> String {
        self.name.to_owned()
    }

    fn offers(&self, _work: Work) -> bool {
        true
    }

    fn run(&mut self, work: Work, times: u32) -> Outcome<Spent> {
        let (Work::Handshake(scheme) | Work::Echo(scheme)) = work;
        let found = self.pairs.iter_mut().find(|(one, ..)| *one == scheme);
        let (_, credentials, pair) = found.ok_or("there is no such scheme")?;
        if matches!(work, Work::Echo(_)) && pair.connected[0].is_none() {
            pair.connect(credentials.connection.clone())?;
        }
        pair.spent = [Duration::ZERO; 2];
        let before = cpu_time();
        for _ in 0..times {
            match work {
                Work::Handshake(_) => pair.connect(credentials.connection.clone())?,
                Work::Echo(_) => pair.echo()?,
            }
        }
        Ok(Spent {
            cpu: cpu_time() - before,
            sides: Some(pair.spent),
        })
    }
}
