//! rtc-dtls: two endpoints in memory.

use super::super::{
    Outcome,
    contest::{Contender, Left, PAYLOAD, Scheme, Spent, Work, cpu_time},
    material::{IDENTITY, KEY, Material, Own, SERVER_NAME},
    sessions::device,
};
use crate::allocation::live_bytes;
use bytes::BytesMut;
use rtc_dtls::{
    cipher_suite::CipherSuiteId,
    config::{ClientAuthType, ConfigBuilder, ExtendedMasterSecretType, HandshakeConfig},
    crypto::Certificate,
    crypto_provider::{RTCCryptoProvider, SignatureScheme, default_provider},
    endpoint::{Endpoint, EndpointEvent},
};
use rtc_shared::TransportProtocol;
use rustls_pki_types::CertificateDer;
use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

fn addresses() -> [SocketAddr; 2] {
    [
        SocketAddr::from(([127, 1, 0, 1], 40_000)),
        SocketAddr::from(([127, 0, 0, 1], 5684)),
    ]
}

pub(super) struct Rtc {
    pairs: Vec<(Scheme, Pair)>,
}

impl Rtc {
    pub(super) fn new(material: &Material) -> Outcome<Self> {
        let provider = default_provider().map_err(|error| error.to_string())?;
        let schemes = [Scheme::PskCcm8, Scheme::X509Ccm8, Scheme::X509Gcm];
        let pairs = schemes.map(|scheme| -> Outcome<_> {
            let [at_client, at_server] = addresses();
            let server = config(material, scheme, true, &provider)?;
            let pair = Pair {
                from: at_client,
                config: config(material, scheme, false, &provider)?,
                client: Endpoint::new(at_client, TransportProtocol::UDP, None),
                server: Endpoint::new(at_server, TransportProtocol::UDP, Some(server)),
                spent: [Duration::ZERO; 2],
                connected: [false; 2],
                echoed: 0,
            };
            Ok((scheme, pair))
        });
        Ok(Rtc {
            pairs: pairs.into_iter().collect::<Outcome<_>>()?,
        })
    }
}

fn config(
    material: &Material,
    scheme: Scheme,
    server: bool,
    provider: &Arc<dyn RTCCryptoProvider>,
) -> Outcome<Arc<HandshakeConfig>> {
    let suite = match scheme {
        Scheme::PskCcm8 => CipherSuiteId::Tls_Psk_With_Aes_128_Ccm_8,
        Scheme::X509Ccm8 => CipherSuiteId::Tls_Ecdhe_Ecdsa_With_Aes_128_Ccm_8,
        Scheme::X509Gcm => CipherSuiteId::Tls_Ecdhe_Ecdsa_With_Aes_128_Gcm_Sha256,
        Scheme::RpkCcm8 | Scheme::PskCbc => return Err("it does not offer that".into()),
    };
    let mut builder = ConfigBuilder::default()
        .with_crypto_provider(provider.clone())
        .with_cipher_suites(vec![suite])
        .with_extended_master_secret(ExtendedMasterSecretType::Require);
    if scheme.is_psk() {
        builder = builder.with_psk(Some(Arc::new(|_| Ok(KEY.to_vec()))));
        if !server {
            builder = builder.with_psk_identity_hint(Some(IDENTITY.to_vec()));
        }
    } else {
        let own = if server {
            &material.server
        } else {
            &material.client
        };
        builder = builder
            .with_certificates(vec![certificate(own, provider)?])
            .with_roots_cas(material.roots()?)
            .with_client_cas(material.roots()?)
            .with_client_auth(ClientAuthType::RequireAndVerifyClientCert)
            .with_server_name(SERVER_NAME.to_owned());
    }
    Ok(Arc::new(builder.build(!server, None)?))
}

fn certificate(own: &Own, provider: &Arc<dyn RTCCryptoProvider>) -> Outcome<Certificate> {
    let key = provider
        .crypto()
        .import_signing_key(SignatureScheme::EcdsaP256Sha256, &own.key)
        .map_err(|error| error.to_string())?;
    let chain = vec![CertificateDer::from(own.certificate.clone())];
    Ok(Certificate::from_signing_key(chain, key))
}

struct Pair {
    /// Where the client is.
    from: SocketAddr,
    config: Arc<HandshakeConfig>,
    client: Endpoint,
    server: Endpoint,
    spent: [Duration; 2],
    connected: [bool; 2],
    echoed: u64,
}

impl Pair {
    fn connect(&mut self) -> Outcome<()> {
        let (at_client, at_server) = (self.from, addresses()[1]);
        let started = Instant::now();
        // An endpoint takes no second connection with the same address, so that the one before must go.
        self.client.stop(started, at_server);
        while self.client.poll_transmit().is_some() {}
        self.server.stop(started, at_client);
        while self.server.poll_transmit().is_some() {}
        let begun = Instant::now();
        self.connected = [false; 2];
        self.client
            .connect(begun, at_server, self.config.clone(), None)?;
        self.spent[0] += begun.elapsed();
        self.run()?;
        match self.connected {
            [true, true] => Ok(()),
            _ => Err("the handshake did not succeed".into()),
        }
    }

    fn echo(&mut self) -> Outcome<()> {
        let [_, at_server] = addresses();
        let before = self.echoed;
        let started = Instant::now();
        self.client.write(started, at_server, &PAYLOAD)?;
        self.spent[0] += started.elapsed();
        self.run()?;
        match self.echoed - before {
            1 => Ok(()),
            _ => Err("an echo was lost".into()),
        }
    }

    /// Lets everything arrive.
    fn run(&mut self) -> Outcome<()> {
        let (at_client, at_server) = (self.from, addresses()[1]);
        loop {
            let mut moved = false;
            let started = Instant::now();
            let mut to_server: Vec<BytesMut> = Vec::new();
            while let Some(transmit) = self.client.poll_transmit() {
                to_server.push(transmit.message);
            }
            let sent = Instant::now();
            self.spent[0] += sent - started;
            for datagram in to_server {
                moved = true;
                for event in self.server.read(sent, at_client, None, datagram)? {
                    match event {
                        EndpointEvent::HandshakeComplete => self.connected[1] = true,
                        EndpointEvent::ApplicationData(data) => {
                            self.server.write(sent, at_client, &data)?;
                        }
                        _ => {}
                    }
                }
            }
            let mut to_client: Vec<BytesMut> = Vec::new();
            while let Some(transmit) = self.server.poll_transmit() {
                to_client.push(transmit.message);
            }
            let answered = Instant::now();
            self.spent[1] += answered - sent;
            for datagram in to_client {
                moved = true;
                for event in self.client.read(answered, at_server, None, datagram)? {
                    match event {
                        EndpointEvent::HandshakeComplete => self.connected[0] = true,
                        EndpointEvent::ApplicationData(data) => {
                            self.echoed += u64::from(data[..] == PAYLOAD);
                        }
                        _ => {}
                    }
                }
            }
            self.spent[0] += answered.elapsed();
            if !moved {
                return Ok(());
            }
        }
    }
}

impl Contender for Rtc {
    fn name(&self) -> String {
        "rtc-dtls 0.21, ring".to_owned()
    }

    fn offers(&self, work: Work) -> bool {
        let (Work::Handshake(scheme) | Work::Echo(scheme)) = work;
        self.pairs.iter().any(|(one, _)| *one == scheme)
    }

    fn run(&mut self, work: Work, times: u32) -> Outcome<Spent> {
        let (Work::Handshake(scheme) | Work::Echo(scheme)) = work;
        let found = self.pairs.iter_mut().find(|(one, _)| *one == scheme);
        let (_, pair) = found.ok_or("it does not offer that")?;
        if matches!(work, Work::Echo(_)) && pair.connected != [true; 2] {
            pair.connect()?;
        }
        pair.spent = [Duration::ZERO; 2];
        let before = cpu_time();
        for _ in 0..times {
            match work {
                Work::Handshake(_) => pair.connect()?,
                Work::Echo(_) => pair.echo()?,
            }
        }
        Ok(Spent {
            cpu: cpu_time() - before,
            sides: Some(pair.spent),
        })
    }

    fn at_rest(&mut self, scheme: Scheme, sessions: usize) -> Outcome<Option<f64>> {
        let Some((_, pair)) = self.pairs.iter_mut().find(|(one, _)| *one == scheme) else {
            return Ok(None);
        };
        let [at_client, _] = addresses();
        let none = || Endpoint::new(at_client, TransportProtocol::UDP, None);
        pair.client = none();
        let before = live_bytes();
        for number in 0..sessions {
            pair.from = device(number);
            pair.client = none();
            pair.connect()?;
        }
        pair.client = none();
        let bytes = live_bytes() - before;
        for number in 0..sessions {
            pair.server.stop(Instant::now(), device(number));
        }
        while pair.server.poll_transmit().is_some() {}
        pair.from = at_client;
        pair.connected = [false; 2];
        Ok(Some(bytes as f64 / sessions as f64))
    }

    fn flooded(&mut self, hellos: usize) -> Outcome<Option<Left>> {
        let found = self
            .pairs
            .iter_mut()
            .find(|(one, _)| *one == Scheme::PskCcm8);
        let (_, pair) = found.ok_or("it does not offer that")?;
        let [at_client, at_server] = addresses();
        let mut stranger = Endpoint::new(at_client, TransportProtocol::UDP, None);
        let now = Instant::now();
        stranger.connect(now, at_server, pair.config.clone(), None)?;
        let hello = stranger.poll_transmit().ok_or("there is no hello")?.message;
        let mut answered = 0;
        let (before, cpu) = (live_bytes(), cpu_time());
        for number in 0..hellos {
            pair.server.read(now, device(number), None, hello.clone())?;
            while pair.server.poll_transmit().is_some() {
                answered += 1;
            }
        }
        let (cpu, bytes) = (cpu_time() - cpu, live_bytes() - before);
        if answered < hellos {
            return Err("a hello was not answered".into());
        }
        Ok(Some(Left {
            cpu: cpu / u32::try_from(hellos.max(1))?,
            bytes: bytes as f64 / hellos.max(1) as f64,
        }))
    }
}
