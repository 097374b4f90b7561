//! A coaps listener: one socket and one DTLS endpoint, polled where the transport is.

use super::{DtlsServerConfig, unix_now};
use crate::{
    credentials::CredentialSource,
    metrics::{EngineCounters, Metrics},
    server::BindError,
    throttle::Throttle,
    transport::Received,
    udp::{Room, UdpListener},
};
use lwm2m_core::{
    engine::CloseReason,
    peer::{PeerId, PeerIdentity},
    secret::Secret,
    time::Instant,
    uri::Scheme,
};
use lwm2m_dtls::{
    Connection, ConnectionIds, Endpoint, EndpointConfig, Event, KeyAnswer, ServerConfig,
    certificate::{ClientTrust, LocalCertificate},
    crypto::{Provider, ring::Ring},
};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tokio::time::Sleep;
use tracing::{debug, warn};

pub(crate) struct DtlsListener {
    number: u16,
    udp: UdpListener,
    endpoint: Endpoint,
    credentials: Arc<dyn CredentialSource>,
    /// The keys that handshakes under way have been given, to see at their end whether they are still good. At most as
    /// many as there are handshakes.
    given: HashMap<Connection, Secret>,
    zero: tokio::time::Instant,
    sleep: Pin<Box<Sleep>>,
    received: VecDeque<Received>,
    counters: EngineCounters,
    metrics: Arc<Metrics>,
    throttle: Throttle,
}

impl DtlsListener {
    pub(crate) async fn bind(
        number: u16,
        address: SocketAddr,
        config: DtlsServerConfig,
        room: Room,
        metrics: Arc<Metrics>,
    ) -> Result<Self, BindError> {
        let unusable = |reason: String| BindError::Configuration { address, reason };
        let provider: Arc<dyn Provider> = Arc::new(Ring::new());
        let serves = server_config(&config, &*provider).map_err(unusable)?;
        let endpoint = Endpoint::new(
            endpoint_config(&config),
            Some(serves),
            provider,
            Box::new(ChaCha20Rng::from_os_rng()),
        )
        .map_err(|error| unusable(error.to_string()))?;
        let udp = UdpListener::bind(address, room, metrics.clone())
            .await
            .map_err(|source| BindError::Address {
                scheme: Scheme::Coaps,
                address,
                source,
            })?;
        let zero = tokio::time::Instant::now();
        Ok(DtlsListener {
            number,
            udp,
            endpoint,
            credentials: config.credentials,
            given: HashMap::new(),
            zero,
            sleep: Box::pin(tokio::time::sleep_until(zero)),
            received: VecDeque::new(),
            counters: EngineCounters::default(),
            metrics,
            throttle: Throttle::default(),
        })
    }

    pub(crate) fn local_address(&self) -> SocketAddr {
        self.udp.local_address()
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Received> {
        loop {
            if let Some(received) = self.received.pop_front() {
                return Poll::Ready(received);
            }
            // The clock is looked at in every round, so that a flood of datagrams cannot starve timers.
            let now = self.now();
            if self.endpoint.poll_timeout().is_some_and(|at| at <= now) {
                self.endpoint.handle_timeout(now);
                self.drain();
                continue;
            }
            match self.udp.poll(cx) {
                Poll::Ready((from, mut data)) => {
                    self.endpoint.handle_datagram(now, from, &mut data);
                    self.drain();
                }
                Poll::Pending if self.poll_sleep(cx).is_pending() => return Poll::Pending,
                Poll::Pending => {}
            }
        }
    }

    /// Ready when the endpoint's next timer is due.
    fn poll_sleep(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(at) = self.endpoint.poll_timeout() else {
            return Poll::Pending;
        };
        // A moment that the clock does not reach is none.
        let Some(deadline) = self.zero.checked_add(at.since(Instant::ZERO)) else {
            return Poll::Pending;
        };
        if self.sleep.deadline() != deadline {
            self.sleep.as_mut().reset(deadline);
        }
        self.sleep.as_mut().poll(cx)
    }

    pub(crate) fn send(&mut self, peer: PeerId, data: &[u8]) {
        let sent = match connection_of(peer) {
            Some(connection) => self.endpoint.send(self.now(), connection, data).is_ok(),
            None => false,
        };
        if !sent {
            self.metrics.outbound_dropped.add();
        }
        self.drain();
    }

    pub(crate) fn close(&mut self, peer: PeerId) {
        if let Some(connection) = connection_of(peer) {
            self.endpoint.close(self.now(), connection);
            self.drain();
        }
    }

    pub(crate) fn forget(&mut self, identity: &PeerIdentity) {
        self.endpoint.forget(self.now(), identity);
        self.drain();
    }

    /// Says goodbye to everybody.
    pub(crate) async fn shutdown(&mut self) {
        let now = self.now();
        for connection in self.endpoint.sessions() {
            self.endpoint.close(now, connection);
            self.transmit();
            self.udp.flush().await;
        }
    }

    fn now(&self) -> Instant {
        Instant::ZERO + self.zero.elapsed()
    }

    fn transmit(&mut self) {
        while let Some(transmit) = self.endpoint.poll_transmit() {
            self.udp.send(transmit.to, transmit.data);
        }
    }

    /// Carries out all that follows from what the endpoint has taken in.
    fn drain(&mut self) {
        while let Some(event) = self.endpoint.poll_event() {
            self.on_event(event);
        }
        self.transmit();
        self.counters
            .advance(self.endpoint.metrics(), &self.metrics);
    }

    fn on_event(&mut self, event: Event) {
        let now = self.now();
        match event {
            Event::Data {
                connection,
                identity,
                address,
                data,
            } => self.received.push_back(Received::Datagram {
                peer: self.peer(connection),
                identity,
                address,
                data,
            }),
            Event::KeyWanted {
                connection,
                identity,
            } => {
                let key = self.credentials.psk(&identity);
                let answer = match key.filter(|key| !key.is_empty()) {
                    Some(key) => {
                        self.given.insert(connection, key.clone());
                        KeyAnswer::Key(Arc::new(key))
                    }
                    None => KeyAnswer::Unknown,
                };
                self.endpoint.answer_key(now, connection, answer);
            }
            Event::PeerWanted {
                connection,
                identity,
            } => {
                let accepted = self.welcomes(&identity);
                self.endpoint.answer_peer(now, connection, accepted);
            }
            Event::Connected {
                connection,
                identity,
                address,
                ..
            } => {
                let given = self.given.remove(&connection);
                if self.still_good(&identity, given) {
                    self.received.push_back(Received::Connected {
                        peer: self.peer(connection),
                        identity,
                        address,
                    });
                } else {
                    debug!(%address, %identity, "credentials removed during the handshake");
                    self.endpoint.close(now, connection);
                }
            }
            Event::Closed { connection, reason } => self.received.push_back(Received::Closed {
                peer: self.peer(connection),
                reason,
            }),
            Event::Refused {
                connection,
                address,
                identity,
                reason,
            } => {
                self.given.remove(&connection);
                self.report(address, &identity, &reason);
            }
            // Sessions are not exported here.
            _ => {}
        }
    }

    fn welcomes(&self, identity: &PeerIdentity) -> bool {
        match identity {
            PeerIdentity::Certificate(names) => self.credentials.certificate_allowed(names),
            PeerIdentity::RawPublicKey(spki) => self.credentials.raw_public_key_allowed(spki),
            _ => false,
        }
    }

    /// Whether the credentials of a new session have not been removed since its handshake asked for them. Those
    /// removed from now on are a matter of `forget`. A session that was taken up again has not asked for its key.
    fn still_good(&self, identity: &PeerIdentity, given: Option<Secret>) -> bool {
        match identity {
            PeerIdentity::Psk(identity) => match (self.credentials.psk(identity), given) {
                (Some(now), Some(given)) => now == given,
                (now, None) => now.is_some(),
                (None, Some(_)) => false,
            },
            other => self.welcomes(other),
        }
    }

    /// Says at `warn` what an operator must see of a handshake that failed, bounded, as strangers can cause it.
    fn report(&mut self, address: SocketAddr, identity: &PeerIdentity, reason: &CloseReason) {
        if matches!(reason, CloseReason::HandshakeTimeout) {
            debug!(%address, "DTLS handshake timed out");
            return;
        }
        let now = self.now();
        if let Some(unsaid) = self.throttle.take(now) {
            if unsaid > 0 {
                warn!(unsaid, "more DTLS handshakes failed than are said here");
            }
            warn!(%address, %identity, %reason, "DTLS handshake refused");
        }
    }

    fn peer(&self, connection: Connection) -> PeerId {
        PeerId::from_connection(self.number, connection.number())
    }
}

fn connection_of(peer: PeerId) -> Option<Connection> {
    peer.connection().map(Connection::from_number)
}

fn endpoint_config(config: &DtlsServerConfig) -> EndpointConfig {
    let mut endpoint = EndpointConfig::default();
    endpoint.mtu = config.max_handshake_datagram;
    endpoint.retransmit_initial = config.retransmit_interval;
    endpoint.handshake_timeout = config.handshake_timeout;
    endpoint.max_handshakes = config.max_handshakes;
    endpoint.max_handshakes_per_address = config.max_handshakes_per_address;
    endpoint.max_handshake_bytes = config.max_handshake_bytes;
    endpoint.max_sessions = config.max_sessions;
    endpoint.idle_timeout = config.idle_timeout;
    endpoint.max_resumable = config.max_resumable;
    endpoint.connection_ids = (config.connection_id > 0).then(|| ConnectionIds {
        prefix: Vec::new(),
        length: config.connection_id,
    });
    endpoint.unix_at_zero = unix_now();
    endpoint
}

fn server_config(
    config: &DtlsServerConfig,
    provider: &dyn Provider,
) -> Result<ServerConfig, String> {
    let mut serves = ServerConfig::new().psk();
    match &config.certificate {
        None if !config.client_trust_anchors.is_empty() => {
            return Err("trust anchors for clients, but no certificate of the server".into());
        }
        None => {}
        Some(_) if config.client_trust_anchors.is_empty() => {
            return Err("a certificate, but no trust anchors for clients".into());
        }
        Some(own) => {
            let signer = provider
                .signer(&own.private_key)
                .map_err(|error| error.to_string())?;
            let local = LocalCertificate::new(own.chain.clone(), signer)
                .map_err(|error| error.to_string())?;
            let trust = ClientTrust::new(&config.client_trust_anchors)
                .map_err(|error| error.to_string())?;
            serves = serves.certificate(local, trust);
        }
    }
    if let Some(private_key) = &config.raw_public_key {
        let signer = provider
            .signer(private_key)
            .map_err(|error| error.to_string())?;
        serves = serves.raw_public_key(signer);
    }
    Ok(serves)
}
