//! A coaps listener: one socket and one DTLS endpoint, polled where the transport is.

mod asking;

use super::{
    DtlsServerConfig, ServerCertificate,
    clock::{UnixClock, is_of_handshake},
    judge::{Judge, Source, Standing, fingerprint},
    keeping::{
        KeptSession, RestoredSession, SessionName, SessionNames, SessionStore, SessionStoreError,
        keeper::Keeper,
    },
    lookup::{LookupConfig, Lookups},
    resumption::TicketKeysSeen,
};
use crate::{
    metrics::{EngineCounters, Metrics},
    server::BindError,
    throttle::Throttle,
    transport::Received,
    udp::{Room, UdpListener},
};
use asking::{Beginning, Purpose};
use lwm2m_core::{
    engine::CloseReason,
    peer::{PeerId, PeerIdentity},
    secret::Secret,
    time::Instant,
    uri::Scheme,
};
use lwm2m_dtls::{
    Connection, ConnectionIds, Endpoint, EndpointConfig, Event, ServerConfig,
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
    time::Duration,
};
use tokio::time::Sleep;
use tracing::{debug, warn};

pub(crate) struct DtlsListener {
    number: u16,
    udp: UdpListener,
    endpoint: Endpoint,
    judge: Judge,
    lookups: Lookups<Connection, Purpose>,
    lookup_config: LookupConfig,
    /// How long a handshake may take, and a look-up for it.
    patience: Duration,
    /// How many questions may be open.
    max_questions: usize,
    keeper: Option<Keeper>,
    ticket_keys: Option<TicketKeysSeen>,
    /// The keys that handshakes under way have been given, to see at their end whether they are still good. At most as
    /// many as there are handshakes.
    given: HashMap<Connection, Secret>,
    zero: tokio::time::Instant,
    clock: UnixClock,
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
        names: SessionNames,
        metrics: Arc<Metrics>,
    ) -> Result<Self, BindError> {
        let unusable = |reason: String| BindError::Configuration { address, reason };
        let provider: Arc<dyn Provider> = Arc::new(Ring::new());
        let serves = server_config(&config, &*provider).map_err(unusable)?;
        let mut endpoint = Endpoint::new(
            endpoint_config(&config),
            Some(serves),
            provider,
            Box::new(ChaCha20Rng::from_os_rng()),
        )
        .map_err(|error| unusable(error.to_string()))?;
        if config.ticket_keys.is_some() && config.ticket_lifetime.is_none() {
            return Err(unusable(
                "keys for tickets, but no lifetime of theirs".into(),
            ));
        }
        let mut ticket_keys = config.ticket_keys.map(TicketKeysSeen::none_of);
        if let Some(keys) = &mut ticket_keys {
            keys.bring_to(&mut endpoint, Instant::ZERO)
                .map_err(|error| unusable(error.to_string()))?;
        }
        let udp = UdpListener::bind(address, room, metrics.clone())
            .await
            .map_err(|source| BindError::Address {
                scheme: Scheme::Coaps,
                address,
                source,
            })?;
        let zero = tokio::time::Instant::now();
        let (source, lookup_config) = match config.lookup {
            Some((source, lookups)) => (Source::Elsewhere(source), lookups),
            None => (Source::Memory(config.credentials), LookupConfig::default()),
        };
        let anchors = fingerprint(&config.client_trust_anchors);
        let bounds = (config.idle_timeout, config.max_sessions);
        let keeper = config
            .keeping
            .map(|keeping| Keeper::new(keeping, number, bounds, names, metrics.clone()));
        Ok(DtlsListener {
            number,
            udp,
            endpoint,
            judge: Judge { source, anchors },
            lookups: Lookups::new(lookup_config.max_lookups, config.handshake_timeout).urgent(),
            lookup_config,
            patience: config.handshake_timeout,
            max_questions: config.max_handshakes.saturating_mul(2),
            keeper,
            ticket_keys,
            given: HashMap::new(),
            zero,
            clock: config.clock,
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
            if let Some(keeper) = &mut self.keeper
                && keeper
                    .poll(cx, now, &mut self.endpoint, &mut self.received)
                    .is_ready()
            {
                self.drain();
                continue;
            }
            if let Poll::Ready((connection, purpose, answer)) = self.lookups.poll(cx) {
                self.answered(now, connection, purpose, answer);
                self.drain();
                continue;
            }
            if self.endpoint.poll_timeout().is_some_and(|at| at <= now) {
                self.endpoint.handle_timeout(now);
                self.drain();
                continue;
            }
            match self.udp.poll(cx) {
                Poll::Ready((from, mut data)) => {
                    // Soon enough: only what arrives can ask for a ticket, or show one.
                    self.follow_ticket_keys(now);
                    if is_of_handshake(&data) {
                        self.endpoint.set_unix_time(now, self.clock.now());
                    }
                    self.endpoint.handle_datagram(now, from, &mut data);
                    self.drain();
                }
                Poll::Pending if self.poll_sleep(cx).is_pending() => return Poll::Pending,
                Poll::Pending => {}
            }
        }
    }

    fn follow_ticket_keys(&mut self, now: Instant) {
        if let Some(keys) = &mut self.ticket_keys
            && let Err(error) = keys.bring_to(&mut self.endpoint, now)
        {
            warn!(%error, "tickets are made under the keys of before");
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
            self.lookups.cancel(connection);
            // What it has said already is not delivered behind its end.
            self.received.retain(|received| received.peer() != peer);
            if let Some(keeper) = &mut self.keeper {
                keeper.dropped(connection, peer);
            }
            self.drain();
        }
    }

    pub(crate) fn forget(&mut self, identity: &PeerIdentity) {
        self.received
            .retain(|received| !received.is_datagram_of(identity));
        if let Some(keeper) = &mut self.keeper {
            keeper.forgotten(&self.endpoint, identity);
        }
        self.endpoint.forget(self.now(), identity);
        self.drain();
    }

    /// Writes the sessions that are kept, in their own time.
    pub(crate) async fn settle(&mut self) {
        let now = self.now();
        if let Some(keeper) = &mut self.keeper {
            keeper.settle(now, &mut self.endpoint).await;
        }
    }

    /// Says goodbye to everybody whose session is not kept.
    pub(crate) async fn shutdown(&mut self) {
        let now = self.now();
        for connection in self.endpoint.sessions() {
            if self.outlives(connection) {
                continue;
            }
            self.endpoint.close(now, connection);
            self.transmit();
            self.udp.flush().await;
        }
        self.transmit();
        self.udp.flush().await;
    }

    fn outlives(&self, connection: Connection) -> bool {
        let keeper = self.keeper.as_ref();
        keeper.is_some_and(|keeper| keeper.may_be_stored(connection))
    }

    /// Where sessions of this listener are kept.
    pub(crate) fn session_store(&self) -> Option<&Arc<dyn SessionStore>> {
        self.keeper.as_ref().map(Keeper::store)
    }

    /// Takes up those of these sessions that may go on; they are announced as connected, too.
    pub(crate) async fn restore(
        &mut self,
        sessions: Vec<KeptSession>,
    ) -> Result<Vec<RestoredSession>, SessionStoreError> {
        let now = self.now();
        // It stays where it is: this future may be dropped.
        let Some(keeper) = &mut self.keeper else {
            return Ok(Vec::new());
        };
        let lookups = Lookups::new(self.lookup_config.max_lookups, self.patience);
        let known = self.judge.look_up_all(&sessions, lookups).await;
        let judge = &self.judge;
        let is_good = |identity: &PeerIdentity, session: &KeptSession| {
            judge.may_go_on(identity, session, &known)
        };
        let restored = keeper
            .restore(now, &mut self.endpoint, sessions, is_good)
            .await?;
        self.metrics
            .sessions_restored
            .add_many(restored.len() as u64);
        let announced = restored.iter().map(|session| Received::Connected {
            peer: session.peer,
            identity: session.identity.clone(),
            address: session.address,
        });
        self.received.extend(announced);
        Ok(restored)
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
            } => {
                let datagram = Received::Datagram {
                    peer: self.peer(connection),
                    identity,
                    address,
                    data,
                };
                if let Some(datagram) = self.hold(connection, datagram) {
                    self.deliver(now, connection, datagram);
                }
            }
            Event::KeyWanted {
                connection,
                identity,
            } => {
                let identity = PeerIdentity::Psk(identity);
                self.ask(now, connection, &identity, Purpose::Key);
            }
            Event::PeerWanted {
                connection,
                identity,
            } => self.ask(now, connection, &identity, Purpose::Peer),
            Event::Connected {
                connection,
                identity,
                address,
                ..
            } => {
                let session = Beginning {
                    identity: identity.clone(),
                    address,
                    given: self.given.remove(&connection),
                    held: Vec::new(),
                };
                self.ask(now, connection, &identity, Purpose::Session(session));
            }
            // Nobody has heard of it.
            Event::Closed { connection, .. } if self.lookups.cancel(connection).is_some() => {}
            Event::Closed { connection, reason } => {
                let peer = self.peer(connection);
                let end = Received::Closed { peer, reason };
                let deliverable = match &mut self.keeper {
                    Some(keeper) => keeper.closed(connection, end),
                    None => Some(end),
                };
                self.received.extend(deliverable);
            }
            Event::ExportWanted { connection } => {
                if let Some(keeper) = &mut self.keeper {
                    keeper.wanted(&mut self.endpoint, connection);
                }
            }
            Event::Refused {
                connection,
                address,
                identity,
                reason,
            } => {
                self.given.remove(&connection);
                self.lookups.cancel(connection);
                self.report(address, &identity, &reason);
            }
            _ => {}
        }
    }

    /// Keeps a new session, where sessions are kept.
    fn keep(
        &mut self,
        now: Instant,
        connection: Connection,
        identity: &PeerIdentity,
        standing: &Standing,
    ) {
        if self.keeper.is_none() {
            return;
        }
        let name = SessionName(rand::random());
        let session = (
            self.peer(connection),
            name,
            self.judge.mark(&name, identity, standing),
        );
        if let Some(keeper) = &mut self.keeper {
            keeper.connected(now, &mut self.endpoint, connection, session);
        }
    }

    /// Says at `warn` what an operator must see of a handshake that failed, bounded, as strangers can cause it.
    fn report(&mut self, address: SocketAddr, identity: &PeerIdentity, reason: &CloseReason) {
        if matches!(
            reason,
            CloseReason::HandshakeTimeout | CloseReason::Replaced
        ) {
            // A device that has begun anew is everyday life.
            debug!(%address, %reason, "DTLS handshake ended");
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
    endpoint.max_sessions_per_identity = config.max_sessions_per_identity;
    endpoint.idle_timeout = config.idle_timeout;
    endpoint.max_resumable = config.max_resumable;
    endpoint.ticket_lifetime = config.ticket_lifetime;
    // A prefix of ids that there are none of is for the endpoint to refuse.
    let has_ids = config.connection_id > 0 || !config.connection_id_prefix.is_empty();
    endpoint.connection_ids = has_ids.then(|| ConnectionIds {
        prefix: config.connection_id_prefix.clone(),
        length: config.connection_id,
    });
    endpoint.extended_master_secret = config.extended_master_secret;
    endpoint.unknown_identity = config.unknown_identity;
    endpoint.export_reservation = config
        .keeping
        .as_ref()
        .map(|keeping| keeping.config.reserve);
    endpoint.unix_at_zero = config.clock.now();
    endpoint
}

fn server_config(
    config: &DtlsServerConfig,
    provider: &dyn Provider,
) -> Result<ServerConfig, String> {
    let mut serves = ServerConfig::new().psk().suites(config.suites.clone());
    match &config.certificate {
        None if !config.client_trust_anchors.is_empty() => {
            return Err("trust anchors for clients, but no certificate of the server".into());
        }
        None if !config.named_certificates.is_empty() => {
            return Err("certificates for some hosts, but none for all others".into());
        }
        None => {}
        Some(_) if config.client_trust_anchors.is_empty() => {
            return Err("a certificate, but no trust anchors for clients".into());
        }
        Some(own) => {
            let local = local_certificate(own, provider)?;
            let trust = ClientTrust::new(&config.client_trust_anchors)
                .map_err(|error| error.to_string())?;
            serves = serves.certificate(local, trust);
            for (host, named) in &config.named_certificates {
                serves = serves.certificate_for(host.clone(), local_certificate(named, provider)?);
            }
        }
    }
    if let Some(private_key) = &config.raw_public_key {
        let signer = private_key
            .signer(provider)
            .map_err(|error| error.to_string())?;
        serves = serves.raw_public_key(signer);
    }
    Ok(serves)
}

fn local_certificate(
    own: &ServerCertificate,
    provider: &dyn Provider,
) -> Result<LocalCertificate, String> {
    let signer = own.private_key.signer(provider);
    let signer = signer.map_err(|error| error.to_string())?;
    LocalCertificate::new(own.chain.clone(), signer).map_err(|error| error.to_string())
}
