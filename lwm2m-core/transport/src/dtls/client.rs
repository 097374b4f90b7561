//! The task of a coaps connection.

use super::{clock::is_of_handshake, hibernation::Label};
use crate::{client::Link, metrics::EngineCounters, report::Report, udp::MAX_DATAGRAM};
use lwm2m_core::{
    engine::{CertificateUsage, CloseReason, Credentials},
    secret::Secret,
    time::Instant,
    uri::ServerUri,
};
use lwm2m_dtls::{
    ClientConfig, ClientCredentials, Connection, Endpoint, EndpointConfig, Event, Export,
    Resumption,
    certificate::{LocalCertificate, ServerTrust, spki_of},
    crypto::{Provider, Signer, ring::Ring},
};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use std::{
    io::ErrorKind,
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::net::UdpSocket;
use tracing::{debug, warn};

/// A client keeps its sessions for as long as its engine wants them.
const NEVER_IDLE: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

pub(crate) async fn run(link: Link, target: ServerUri, credentials: Credentials) {
    let mut config = match client_config(&link, &target, &credentials) {
        Ok(config) => config,
        Err(reason) => return link.closed(reason).await,
    };
    let (socket, address) = match link.socket(&target).await {
        Ok(found) => found,
        Err(reason) => return link.closed(reason).await,
    };
    let zero = tokio::time::Instant::now();
    let random = Box::new(ChaCha20Rng::from_os_rng());
    let has_memory = link.config.sessions.is_some() || link.resumables.is_enabled();
    let label = has_memory.then(|| {
        let anchors = &link.config.trust_anchors;
        Label::new(address, link.name_of(&target), &credentials, anchors)
    });
    let label = label.flatten();
    let kept = wake(&link, label.as_ref()).await;
    let endpoint = Endpoint::new(endpoint_config(&link), None, Arc::new(Ring::new()), random);
    let connected = endpoint.and_then(|mut endpoint| {
        if let Some(connection) = kept.and_then(|kept| take_up(&mut endpoint, &config, &kept)) {
            return Ok((endpoint, connection, None));
        }
        let known = label.as_ref().and_then(|label| link.resumables.take(label));
        let (resumption, until) = known.unzip();
        config.resumption = resumption;
        let connection = endpoint.connect(Instant::ZERO, address, config)?;
        Ok((endpoint, connection, until.flatten()))
    });
    match connected {
        Ok((endpoint, connection, resumable_until)) => {
            let task = Task {
                link,
                target,
                label,
                socket,
                address,
                endpoint,
                connection,
                zero,
                resumable_until,
                established: false,
                counters: EngineCounters::default(),
            };
            task.run().await;
        }
        Err(error) => {
            link.closed(CloseReason::HandshakeFailed(error.to_string()))
                .await
        }
    }
}

/// The session with this server that was kept when the client was off.
async fn wake(link: &Link, label: Option<&Label>) -> Option<Export> {
    let (store, label) = (link.config.sessions.as_ref()?, label?);
    match store.take(&label.name).await {
        Ok(stored) => Some(Export::from_bytes(label.unwrap(&stored?)?.to_vec())),
        Err(error) => {
            warn!(%error, "a session cannot be taken out of its store");
            None
        }
    }
}

/// Goes on with a session, where we would still make one like it.
fn take_up(endpoint: &mut Endpoint, config: &ClientConfig, kept: &Export) -> Option<Connection> {
    let connection = match endpoint.import(Instant::ZERO, kept) {
        Ok(connection) => connection,
        Err(error) => {
            debug!(%error, "a kept session is not taken up");
            return None;
        }
    };
    let agreed = endpoint.agreed(connection);
    if agreed.is_some_and(|agreed| config.suites.contains(&agreed.suite)) {
        return Some(connection);
    }
    debug!("the suite of a kept session is not offered any more");
    endpoint.close(Instant::ZERO, connection);
    None
}

struct Task {
    link: Link,
    target: ServerUri,
    label: Option<Label>,
    socket: UdpSocket,
    /// The only one that the socket hears.
    address: SocketAddr,
    endpoint: Endpoint,
    connection: Connection,
    zero: tokio::time::Instant,
    /// When the server gives up the session that this connection began with, if it says so.
    resumable_until: Option<tokio::time::Instant>,
    established: bool,
    counters: EngineCounters,
}

impl Task {
    async fn run(mut self) {
        let mut buffer = vec![0; MAX_DATAGRAM];
        let sleep = tokio::time::sleep(Duration::ZERO);
        tokio::pin!(sleep);
        loop {
            let now = self.now();
            if self.endpoint.poll_timeout().is_some_and(|at| at <= now) {
                self.endpoint.handle_timeout(now);
            }
            if !self.drain().await {
                return;
            }
            let deadline = self.endpoint.poll_timeout();
            let deadline = deadline.and_then(|at| self.zero.checked_add(at.since(Instant::ZERO)));
            if let Some(deadline) = deadline
                && sleep.deadline() != deadline
            {
                sleep.as_mut().reset(deadline);
            }
            tokio::select! {
                received = self.socket.recv(&mut buffer) => match received {
                    Ok(length) => {
                        self.link.metrics.datagrams_received.add();
                        let now = self.now();
                        if is_of_handshake(&buffer[..length]) {
                            let unix = self.link.config.clock.now();
                            self.endpoint.set_unix_time(now, unix);
                        }
                        self.endpoint.handle_datagram(now, self.address, &mut buffer[..length]);
                    }
                    Err(error) => self.link.failed(&error).await,
                },
                data = self.link.outbound.recv() => match data {
                    Some(data) => {
                        if let Err(reason) = self.follow_address().await {
                            return self.link.closed(reason).await;
                        }
                        // Nothing can be sent before the connection stands.
                        let now = self.now();
                        if self.endpoint.send(now, self.connection, &data).is_err() {
                            self.link.metrics.outbound_dropped.add();
                        }
                    }
                    None => return self.end().await,
                },
                () = sleep.as_mut(), if deadline.is_some() => {}
            }
        }
    }

    /// Goes over to another socket when it is time for one. Where the server has given no Connection ID it could not
    /// know the session again (RFC 9146, section 6), which ends then.
    async fn follow_address(&mut self) -> Result<(), CloseReason> {
        if self.link.moved.load(Ordering::Acquire) && !self.is_known_anywhere() {
            let now = self.now();
            self.endpoint.close(now, self.connection);
            self.transmit().await;
            let reason = "the session has no Connection ID, and we have another address";
            return Err(CloseReason::Transport(reason.into()));
        }
        self.link.renew(&mut self.socket, self.address).await
    }

    /// Whether the server knows the session by a Connection ID of its own, from whichever address.
    fn is_known_anywhere(&self) -> bool {
        let agreed = self.endpoint.agreed(self.connection);
        agreed.is_some_and(|agreed| !agreed.peer_id.is_empty())
    }

    /// Says goodbye, or keeps the session for the next time.
    async fn end(mut self) {
        // We may come back from another address.
        let is_known = self.is_known_anywhere();
        if let (Some(store), Some(label)) = (&self.link.config.sessions, &self.label)
            && self.link.hibernates.load(Ordering::Acquire)
            && is_known
            && let Some(export) = self.endpoint.take_export(self.connection)
        {
            let session = label.wrap(export.expose_secret());
            if let Err(error) = store.put(&label.name, &session).await {
                warn!(server = %self.target, %error, "the session cannot be kept");
            }
            return;
        }
        let now = self.now();
        self.endpoint.close(now, self.connection);
        self.transmit().await;
    }

    fn now(&self) -> Instant {
        Instant::ZERO + self.zero.elapsed()
    }

    /// Keeps what takes the session up again, when this connection has ended.
    fn remember(&self, resumption: Option<Resumption>) {
        let (Some(resumption), Some(label)) = (resumption, &self.label) else {
            return;
        };
        // Taken up, it ends when it was to end before.
        let until = match self.endpoint.metrics().handshakes_resumed {
            0 => {
                let lifetime = resumption.lifetime();
                lifetime.and_then(|lifetime| tokio::time::Instant::now().checked_add(lifetime))
            }
            _ => self.resumable_until,
        };
        let resumables = &self.link.resumables;
        resumables.put(label.clone(), resumption, until);
    }

    async fn transmit(&mut self) {
        while let Some(transmit) = self.endpoint.poll_transmit() {
            let sent = match self.socket.send(&transmit.data).await {
                // That was the echo of an earlier datagram; this one has not been sent.
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                    self.socket.send(&transmit.data).await
                }
                result => result,
            };
            match sent {
                Ok(_) => self.link.metrics.datagrams_sent.add(),
                Err(error) => {
                    self.link.metrics.outbound_dropped.add();
                    self.link.failed(&error).await;
                }
            }
        }
    }

    /// Carries out all that follows from what the endpoint has taken in; `false` when the connection is over.
    async fn drain(&mut self) -> bool {
        let mut goes_on = true;
        while let Some(event) = self.endpoint.poll_event() {
            let peer = self.link.peer;
            goes_on &= match event {
                Event::Connected {
                    identity,
                    address,
                    resumption,
                    ..
                } => {
                    self.established = true;
                    self.remember(resumption);
                    let ready = Report::Ready {
                        peer,
                        identity,
                        address,
                        #[cfg(feature = "webrtc")]
                        accepted: None,
                    };
                    self.link.report(ready).await
                }
                Event::Data { data, .. } => self.link.report(Report::Datagram { peer, data }).await,
                Event::Closed { reason, .. } => {
                    if !self.established {
                        warn!(server = %self.target, %reason, "DTLS handshake failed");
                    }
                    self.link.report(Report::Closed { peer, reason }).await;
                    false
                }
                _ => true,
            };
        }
        self.transmit().await;
        self.counters
            .advance(self.endpoint.metrics(), &self.link.metrics);
        goes_on
    }
}

fn endpoint_config(link: &Link) -> EndpointConfig {
    let mut endpoint = EndpointConfig::default();
    endpoint.mtu = link.config.max_handshake_datagram;
    endpoint.retransmit_initial = link.config.retransmit_interval;
    endpoint.handshake_timeout = link.config.handshake_timeout;
    endpoint.idle_timeout = NEVER_IDLE;
    endpoint.extended_master_secret = link.config.extended_master_secret;
    endpoint.unix_at_zero = link.config.clock.now();
    endpoint
}

fn client_config(
    link: &Link,
    target: &ServerUri,
    credentials: &Credentials,
) -> Result<ClientConfig, CloseReason> {
    let unsupported = |what: &str| CloseReason::Unsupported(what.into());
    let unusable = |what: String| CloseReason::HandshakeFailed(what);
    let provider = Ring::new();
    let keys = link.config.key_store.as_deref();
    let signer = |key: &Secret| -> Result<Arc<dyn Signer>, CloseReason> {
        match keys.and_then(|keys| keys.private_key(key)) {
            Some(signer) => Ok(signer),
            None => provider
                .signer(key)
                .map_err(|error| unusable(error.to_string())),
        }
    };
    let credentials = match credentials {
        Credentials::None => return Err(unsupported("coaps without credentials")),
        Credentials::Psk { identity, key } => {
            if identity.is_empty() {
                return Err(unsupported("an empty PSK identity"));
            }
            if key.is_empty() {
                return Err(unusable("the key is empty".into()));
            }
            ClientCredentials::Psk {
                identity: identity.clone(),
                key: keys
                    .and_then(|keys| keys.pre_shared_key(identity, key))
                    .unwrap_or_else(|| Arc::new(key.clone())),
            }
        }
        Credentials::RawPublicKey {
            public_key,
            private_key,
            server_public_key,
        } => {
            let signer = signer(private_key)?;
            if !public_key.is_empty() && *public_key != spki_of(&signer.public_key()) {
                return Err(unusable(
                    "our public key does not belong to our private key".into(),
                ));
            }
            ClientCredentials::RawPublicKey {
                signer,
                server: server_public_key.clone(),
            }
        }
        Credentials::Certificate {
            chain,
            private_key,
            server_certificate,
            usage,
        } => {
            let local = LocalCertificate::new(chain.clone(), signer(private_key)?)
                .map_err(|error| unusable(error.to_string()))?;
            let to_our_anchors = matches!(
                usage,
                CertificateUsage::CaConstraint | CertificateUsage::ServiceCertificateConstraint
            );
            if to_our_anchors && link.config.trust_anchors.is_empty() {
                return Err(unsupported(
                    "certificate usages 0 and 1 without trust anchors of the client",
                ));
            }
            let trust = ServerTrust::new(
                *usage,
                server_certificate,
                &link.config.trust_anchors,
                link.name_of(target),
            )
            .map_err(|error| unusable(error.to_string()))?;
            ClientCredentials::Certificate {
                local,
                trust: Arc::new(trust),
            }
        }
        _ => return Err(unsupported("these credentials")),
    };
    let mut config = ClientConfig::new(credentials);
    config.suites = link.config.suites.clone();
    config.session_tickets = link.resumables.is_enabled();
    // An IP address is no name that a server could choose by (RFC 6066, section 3).
    let name = link.name_of(target);
    config.server_name = name
        .parse::<std::net::IpAddr>()
        .is_err()
        .then(|| name.into());
    Ok(config)
}
