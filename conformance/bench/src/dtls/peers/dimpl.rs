//! dimpl: two of its machines in memory. It leaves certificates to its program, which here compares them with the
//! expected ones, so that its handshakes lack the verification of a chain.

use super::super::{
    Outcome,
    contest::{Contender, PAYLOAD, Scheme, Spent, Work, cpu_time},
    material::{IDENTITY, KEY, Material, Own},
};
use crate::allocation::live_bytes;
use dimpl::{
    Config, Dtls, DtlsCertificate, NamedGroup, Output, PskResolver, crypto::Dtls12CipherSuite,
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

struct Keys;

impl PskResolver for Keys {
    fn resolve(&self, identity: &[u8]) -> Option<Vec<u8>> {
        (identity == IDENTITY).then(|| KEY.to_vec())
    }
}

pub(super) struct Dimpl {
    pairs: Vec<(Scheme, Pair)>,
}

impl Dimpl {
    pub(super) fn new(material: &Material) -> Outcome<Self> {
        let schemes = [Scheme::PskCcm8, Scheme::X509Gcm];
        let pairs = schemes.map(|scheme| -> Outcome<_> {
            let pair = Pair {
                psk: scheme.is_psk(),
                configs: [config(scheme, false)?, config(scheme, true)?],
                own: [material.client.clone(), material.server.clone()],
                standing: None,
                buffer: vec![0; 4096],
                spent: [Duration::ZERO; 2],
            };
            Ok((scheme, pair))
        });
        Ok(Dimpl {
            pairs: pairs.into_iter().collect::<Outcome<_>>()?,
        })
    }
}

fn config(scheme: Scheme, server: bool) -> Outcome<Arc<Config>> {
    let builder = Config::builder()
        .dtls13_cipher_suites(&[])
        .kx_groups(&[NamedGroup::Secp256r1])
        .require_client_certificate(true);
    let builder = match (scheme, server) {
        (Scheme::PskCcm8, server) => {
            let builder = builder.dtls12_cipher_suites(&[Dtls12CipherSuite::PSK_AES128_CCM_8]);
            match server {
                true => builder.with_psk_server(None, Arc::new(Keys)),
                false => builder.with_psk_client(IDENTITY.to_vec(), Arc::new(Keys)),
            }
        }
        (Scheme::X509Gcm, _) => {
            builder.dtls12_cipher_suites(&[Dtls12CipherSuite::ECDHE_ECDSA_AES128_GCM_SHA256])
        }
        _ => return Err("it does not offer that".into()),
    };
    Ok(Arc::new(builder.build()?))
}

struct Pair {
    psk: bool,
    configs: [Arc<Config>; 2],
    own: [Own; 2],
    standing: Option<[Dtls; 2]>,
    buffer: Vec<u8>,
    spent: [Duration; 2],
}

/// What one side had to say.
#[derive(Default)]
struct Said {
    packets: Vec<Vec<u8>>,
    connected: bool,
    certificate: Option<Vec<u8>>,
    data: Vec<Vec<u8>>,
}

impl Pair {
    fn new_side(&self, side: usize, now: Instant) -> Outcome<Dtls> {
        let config = self.configs[side].clone();
        let mut dtls = match self.psk {
            true => Dtls::new_12_psk(config, now),
            false => {
                let own = DtlsCertificate {
                    certificate: self.own[side].certificate.clone(),
                    private_key: self.own[side].key.clone(),
                };
                Dtls::new_12(config, own, now)
            }
        };
        dtls.set_active(side == 0);
        dtls.handle_timeout(now)?;
        Ok(dtls)
    }

    fn poll(&mut self, dtls: &mut Dtls) -> Said {
        let mut said = Said::default();
        loop {
            match dtls.poll_output(&mut self.buffer) {
                Output::Packet(packet) => said.packets.push(packet.to_vec()),
                Output::Connected => said.connected = true,
                Output::PeerCert(certificate) => said.certificate = Some(certificate.to_vec()),
                Output::ApplicationData(data) => said.data.push(data.to_vec()),
                Output::BufferTooSmall { needed } => self.buffer.resize(needed, 0),
                Output::Timeout(_) => return said,
                _ => {}
            }
        }
    }

    fn connect(&mut self) -> Outcome<[Dtls; 2]> {
        let started = Instant::now();
        let client = self.new_side(0, started)?;
        let between = Instant::now();
        let server = self.new_side(1, between)?;
        self.spent[0] += between - started;
        self.spent[1] += between.elapsed();
        let mut sides = [client, server];
        let mut connected = [false; 2];
        let mut quiet = 0;
        let mut side = 0;
        // Quiet on both sides: all that there was to say was said.
        while quiet < 2 {
            let started = Instant::now();
            let said = self.poll(&mut sides[side]);
            connected[side] |= said.connected;
            if let Some(certificate) = said.certificate
                && certificate != self.own[1 - side].certificate
            {
                return Err("somebody else's certificate".into());
            }
            let polled = Instant::now();
            for packet in &said.packets {
                sides[1 - side].handle_packet(packet)?;
            }
            self.spent[side] += polled - started;
            self.spent[1 - side] += polled.elapsed();
            quiet = if said.packets.is_empty() {
                quiet + 1
            } else {
                0
            };
            side = 1 - side;
        }
        match connected {
            [true, true] => Ok(sides),
            _ => Err("the handshake did not succeed".into()),
        }
    }

    /// One record from this side to the other.
    fn pass(&mut self, sides: &mut [Dtls; 2], from: usize, data: &[u8]) -> Outcome<Vec<u8>> {
        let started = Instant::now();
        sides[from].send_application_data(data)?;
        let said = self.poll(&mut sides[from]);
        let sent = Instant::now();
        for packet in &said.packets {
            sides[1 - from].handle_packet(packet)?;
        }
        let mut heard = self.poll(&mut sides[1 - from]);
        self.spent[from] += sent - started;
        self.spent[1 - from] += sent.elapsed();
        heard.data.pop().ok_or_else(|| "a record was lost".into())
    }

    fn echo(&mut self, sides: &mut [Dtls; 2]) -> Outcome<()> {
        let data = self.pass(sides, 0, &PAYLOAD)?;
        match self.pass(sides, 1, &data)? == PAYLOAD {
            true => Ok(()),
            false => Err("another echo".into()),
        }
    }
}

impl Contender for Dimpl {
    fn name(&self) -> String {
        "dimpl 0.9, aws-lc".to_owned()
    }

    fn offers(&self, work: Work) -> bool {
        let (Work::Handshake(scheme) | Work::Echo(scheme)) = work;
        self.pairs.iter().any(|(one, _)| *one == scheme)
    }

    fn run(&mut self, work: Work, times: u32) -> Outcome<Spent> {
        let (Work::Handshake(scheme) | Work::Echo(scheme)) = work;
        let found = self.pairs.iter_mut().find(|(one, _)| *one == scheme);
        let (_, pair) = found.ok_or("it does not offer that")?;
        let mut standing = match (work, pair.standing.take()) {
            (Work::Echo(_), None) => Some(pair.connect()?),
            (_, standing) => standing,
        };
        pair.spent = [Duration::ZERO; 2];
        let before = cpu_time();
        for _ in 0..times {
            match (work, &mut standing) {
                (Work::Echo(_), Some(sides)) => pair.echo(sides)?,
                _ => drop(pair.connect()?),
            }
        }
        let cpu = cpu_time() - before;
        pair.standing = standing;
        Ok(Spent {
            cpu,
            sides: Some(pair.spent),
        })
    }

    fn at_rest(&mut self, scheme: Scheme, sessions: usize) -> Outcome<Option<f64>> {
        let Some((_, pair)) = self.pairs.iter_mut().find(|(one, _)| *one == scheme) else {
            return Ok(None);
        };
        let mut kept = Vec::with_capacity(sessions);
        let before = live_bytes();
        for _ in 0..sessions {
            let [_, server] = pair.connect()?;
            kept.push(server);
        }
        Ok(Some((live_bytes() - before) as f64 / sessions as f64))
    }
}
