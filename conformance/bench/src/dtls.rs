//! The DTLS engine by itself, in memory and on one core: handshakes, records, sessions at rest, a flood of hellos.
//!
//! A handshake is measured on each side, from the first byte to the last: the time that is spent inside of the client's
//! and of the server's endpoint, answers of their programs included. Beside the records stand a copy of the same bytes and
//! an echo of them over UDP on the loopback interface.

use lwm2m_core::{secret::Secret, time::Instant};
use lwm2m_dtls::{
    CipherSuite, ClientConfig, ClientCredentials, Connection, ConnectionIds, Endpoint,
    EndpointConfig, Event, KeyAnswer, ServerConfig,
    certificate::{ClientTrust, LocalCertificate, ServerTrust, spki_of},
    crypto::{Provider, ring::Ring, rustcrypto::RustCrypto},
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use std::{
    error::Error,
    hint::black_box,
    net::{SocketAddr, UdpSocket},
    sync::Arc,
    time::{Duration, Instant as Clock},
};

type Outcome<T> = Result<T, Box<dyn Error>>;

const IDENTITY: &[u8] = b"urn:imei:350000000000001";
const KEY: &[u8] = b"sixteen bytes...";
const PAYLOAD: [u8; 100] = [7; 100];
/// 1 January 2027.
const UNIX_NOW: u64 = 1_798_761_600;

/// Runs all of it; `small` only shows that it works.
///
/// # Errors
///
/// What keeps a handshake or a socket from working.
pub fn run(small: bool) -> Outcome<()> {
    let scale = if small { 100 } else { 1 };
    println!("DTLS engine, in memory, one core\n");
    println!(
        "{:<44} {:>10} {:>10} {:>10}",
        "handshake, microseconds", "client", "server", "both"
    );
    let providers: [(&str, Arc<dyn Provider>); 2] = [
        ("RustCrypto", Arc::new(RustCrypto)),
        ("ring", Arc::new(Ring::new())),
    ];
    for (provider_name, provider) in &providers {
        for (name, credentials, rounds) in [
            ("PSK, CCM_8", Credentials::psk(), 20_000 / scale),
            (
                "raw public keys, P-256, CCM_8",
                Credentials::raw_public_key(&**provider)?,
                500 / scale,
            ),
            (
                "X.509, P-256, CCM_8",
                Credentials::certificate(&**provider)?,
                500 / scale,
            ),
        ] {
            let (client, server) = handshakes(&credentials, provider, rounds)?;
            let each = |time: Duration| time.as_secs_f64() * 1e6 / rounds as f64;
            let (client, server) = (each(client), each(server));
            let name = format!("{name}, {provider_name}");
            let both = client + server;
            println!("{name:<44} {client:>10.1} {server:>10.1} {both:>10.1}");
        }
    }
    echoes(200_000 / scale)?;
    for sessions in [10_000, 100_000] {
        idle(sessions / scale)?;
    }
    flood(1_000_000 / scale)
}

/// Both sides of one way to prove who one is.
struct Credentials {
    serves: ServerConfig,
    connection: ClientConfig,
}

impl Credentials {
    fn psk() -> Self {
        let mut connection = ClientConfig::new(ClientCredentials::Psk {
            identity: IDENTITY.into(),
            key: Arc::new(Secret::new(KEY.into())),
        });
        connection.suites = vec![CipherSuite::PskAes128Ccm8];
        Credentials {
            serves: ServerConfig::new().psk(),
            connection,
        }
    }

    fn raw_public_key(provider: &dyn Provider) -> Outcome<Self> {
        let signer = || -> Outcome<_> {
            let pkcs8 = Secret::new(rcgen::KeyPair::generate()?.serialize_der());
            Ok(provider.signer(&pkcs8)?)
        };
        let (client, server) = (signer()?, signer()?);
        let connection = ClientConfig::new(ClientCredentials::RawPublicKey {
            signer: client,
            server: spki_of(&server.public_key()),
        });
        Ok(Credentials {
            serves: ServerConfig::new().raw_public_key(server),
            connection,
        })
    }

    fn certificate(provider: &dyn Provider) -> Outcome<Self> {
        let authority_key = rcgen::KeyPair::generate()?;
        let mut params = rcgen::CertificateParams::new(Vec::<String>::new())?;
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let authority = params.self_signed(&authority_key)?;
        let issue = |name: &str| -> Outcome<LocalCertificate> {
            let key = rcgen::KeyPair::generate()?;
            let certificate = rcgen::CertificateParams::new([name.to_string()])?.signed_by(
                &key,
                &authority,
                &authority_key,
            )?;
            let signer = provider.signer(&Secret::new(key.serialize_der()))?;
            Ok(LocalCertificate::new(
                vec![certificate.der().to_vec()],
                signer,
            )?)
        };
        let anchors = [authority.der().to_vec()];
        let usage = lwm2m_core::engine::CertificateUsage::TrustAnchorAssertion;
        let trust = ServerTrust::new(usage, &anchors[0], &[], "server.example")?;
        let connection = ClientConfig::new(ClientCredentials::Certificate {
            local: issue("device.example")?,
            trust: Arc::new(trust),
        });
        let serves =
            ServerConfig::new().certificate(issue("server.example")?, ClientTrust::new(&anchors)?);
        Ok(Credentials { serves, connection })
    }
}

/// A client and a server without a network between them.
struct Pair {
    client: Endpoint,
    server: Endpoint,
    address: SocketAddr,
    now: Instant,
    spent: [Duration; 2],
    connected: [Option<Connection>; 2],
    received: usize,
}

fn config() -> EndpointConfig {
    let mut config = EndpointConfig::default();
    config.unix_at_zero = Some(UNIX_NOW);
    config
}

fn client(provider: &Arc<dyn Provider>, seed: u64) -> Outcome<Endpoint> {
    let random = Box::new(ChaCha20Rng::seed_from_u64(seed));
    Ok(Endpoint::new(config(), None, provider.clone(), random)?)
}

fn rustcrypto() -> Arc<dyn Provider> {
    Arc::new(RustCrypto)
}

fn device(number: usize) -> SocketAddr {
    let [_, a, b, c] = (number as u32 / 50_000).to_be_bytes();
    SocketAddr::from(([127, a + 1, b, c], (number % 50_000) as u16 + 10_000))
}

impl Pair {
    fn new(credentials: &Credentials, provider: &Arc<dyn Provider>) -> Outcome<Self> {
        let mut server = config();
        server.connection_ids = Some(ConnectionIds {
            prefix: Vec::new(),
            length: 6,
        });
        let random = Box::new(ChaCha20Rng::seed_from_u64(2));
        let serves = Some(credentials.serves.clone());
        Ok(Pair {
            client: client(provider, 1)?,
            server: Endpoint::new(server, serves, provider.clone(), random)?,
            address: device(0),
            now: Instant::from_micros(1),
            spent: [Duration::ZERO; 2],
            connected: [None; 2],
            received: 0,
        })
    }

    fn connect(&mut self, connection: ClientConfig) -> Outcome<()> {
        let started = Clock::now();
        self.client.connect(
            self.now,
            SocketAddr::from(([127, 0, 0, 1], 5684)),
            connection,
        )?;
        self.spent[0] += started.elapsed();
        self.connected = [None; 2];
        self.run();
        match self.connected {
            [Some(_), Some(_)] => Ok(()),
            _ => Err("the handshake did not succeed".into()),
        }
    }

    /// Lets everything arrive.
    fn run(&mut self) {
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
            while let Some(event) = self.server.poll_event() {
                match event {
                    Event::KeyWanted { connection, .. } => {
                        let key = KeyAnswer::Key(Arc::new(Secret::new(KEY.into())));
                        self.server.answer_key(self.now, connection, key);
                    }
                    Event::PeerWanted { connection, .. } => {
                        self.server.answer_peer(self.now, connection, true);
                    }
                    Event::Connected { connection, .. } => self.connected[1] = Some(connection),
                    Event::Data {
                        connection, data, ..
                    } => {
                        // An echo. Where it cannot be sent, the other side counts too few.
                        let _ = self.server.send(self.now, connection, &data);
                    }
                    _ => {}
                }
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
                let server = SocketAddr::from(([127, 0, 0, 1], 5684));
                self.client.handle_datagram(self.now, server, datagram);
            }
            self.spent[0] += started.elapsed();
        }
    }
}

fn handshakes(
    credentials: &Credentials,
    provider: &Arc<dyn Provider>,
    rounds: usize,
) -> Outcome<(Duration, Duration)> {
    let mut pair = Pair::new(credentials, provider)?;
    pair.connect(credentials.connection.clone())?;
    pair.spent = [Duration::ZERO; 2];
    for _ in 0..rounds {
        pair.connect(credentials.connection.clone())?;
    }
    Ok((pair.spent[0], pair.spent[1]))
}

fn echoes(rounds: usize) -> Outcome<()> {
    let credentials = Credentials::psk();
    let mut pair = Pair::new(&credentials, &rustcrypto())?;
    pair.connect(credentials.connection.clone())?;
    let connection = pair.connected[0].ok_or("there is no session")?;
    pair.spent = [Duration::ZERO; 2];
    for _ in 0..rounds {
        let started = Clock::now();
        pair.client.send(pair.now, connection, &PAYLOAD)?;
        pair.spent[0] += started.elapsed();
        pair.run();
    }
    if pair.received != rounds {
        return Err("an echo was lost".into());
    }
    let started = Clock::now();
    for _ in 0..rounds {
        // There and back, received and sent on each side.
        for _ in 0..4 {
            black_box(black_box(&PAYLOAD).to_vec());
        }
    }
    let copied = started.elapsed();
    let (one, other) = (
        UdpSocket::bind("127.0.0.1:0")?,
        UdpSocket::bind("127.0.0.1:0")?,
    );
    let (at_one, at_other) = (one.local_addr()?, other.local_addr()?);
    let mut buffer = [0; 2048];
    let started = Clock::now();
    for _ in 0..rounds {
        one.send_to(&PAYLOAD, at_other)?;
        let (length, _) = other.recv_from(&mut buffer)?;
        other.send_to(&buffer[..length], at_one)?;
        one.recv_from(&mut buffer)?;
    }
    let udp = started.elapsed();
    let each = |time: Duration| time.as_secs_f64() * 1e6 / rounds as f64;
    let server = each(pair.spent[1]);
    println!("\n{:<44} {:>10}", "100 bytes echoed, microseconds", "");
    println!("{:<44} {server:>10.2}", "server's engine: open and seal");
    println!(
        "{:<44} {:>10.2}",
        "both engines",
        each(pair.spent[0]) + server
    );
    println!("{:<44} {:>10.2}", "copied four times", each(copied));
    println!(
        "{:<44} {:>10.2}",
        "UDP alone, both sides, loopback",
        each(udp)
    );
    println!(
        "{:<44} {:>10.2}",
        "server over UDP : UDP alone",
        (each(udp) / 2.0 + server) / (each(udp) / 2.0)
    );
    Ok(())
}

/// Bytes of memory that the process has.
fn resident() -> Option<usize> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: usize = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * 4096)
}

fn idle(sessions: usize) -> Outcome<()> {
    let credentials = Credentials::psk();
    let mut pair = Pair::new(&credentials, &rustcrypto())?;
    let before = resident();
    for number in 0..sessions {
        pair.address = device(number);
        pair.client = client(&rustcrypto(), number as u64 + 10)?;
        pair.now = Instant::from_micros(number as u64 * 1000);
        pair.server.handle_timeout(pair.now);
        pair.connect(credentials.connection.clone())?;
    }
    // Last flights are forgotten.
    pair.now += Duration::from_secs(300);
    pair.server.handle_timeout(pair.now);
    if pair.server.session_count() != sessions {
        return Err("sessions are missing".into());
    }
    let counted = pair.server.session_bytes() / sessions;
    println!(
        "\n{sessions} idle sessions: {counted} bytes each with their indexes, as the engine counts"
    );
    if let (Some(before), Some(after)) = (before, resident()) {
        let each = after.saturating_sub(before) / sessions;
        println!(
            "    {each} bytes each by what the process has grown, last flights not yet reused included"
        );
    }
    Ok(())
}

fn flood(hellos: usize) -> Outcome<()> {
    let credentials = Credentials::psk();
    let mut pair = Pair::new(&credentials, &rustcrypto())?;
    pair.connect(credentials.connection.clone())?;
    let connection = pair.connected[0].ok_or("there is no session")?;
    let mut stranger = client(&rustcrypto(), 99)?;
    let server = SocketAddr::from(([127, 0, 0, 1], 5684));
    stranger.connect(pair.now, server, credentials.connection.clone())?;
    let hello = stranger.poll_transmit().ok_or("there is no hello")?.data;
    let before = (pair.server.session_bytes(), resident());
    let mut spent = Duration::ZERO;
    let mut answered = 0;
    for number in 0..hellos {
        let mut datagram = hello.clone();
        let started = Clock::now();
        pair.server
            .handle_datagram(pair.now, device(number), &mut datagram);
        while let Some(answer) = pair.server.poll_transmit() {
            answered += usize::from(answer.data.len() <= hello.len());
        }
        spent += started.elapsed();
        if number % 1000 == 0 {
            pair.client.send(pair.now, connection, &PAYLOAD)?;
            pair.run();
        }
    }
    let served = pair.received;
    println!(
        "\n{hellos} hellos without cookie: {:.2} microseconds each, {answered} answered no longer than asked",
        spent.as_secs_f64() * 1e6 / hellos as f64
    );
    println!(
        "    a device with a session was served {served} times of {}",
        hellos.div_ceil(1000)
    );
    let grown = pair.server.session_bytes().saturating_sub(before.0);
    println!(
        "    sessions and indexes have grown by {grown} bytes, handshakes: {}",
        pair.server.handshake_count()
    );
    if let (Some(before), Some(after)) = (before.1, resident()) {
        println!(
            "    the process has grown by {} KiB",
            after.saturating_sub(before) / 1024
        );
    }
    if grown > 0 || served != hellos.div_ceil(1000) || answered != hellos {
        return Err("the flood has left its traces".into());
    }
    Ok(())
}
