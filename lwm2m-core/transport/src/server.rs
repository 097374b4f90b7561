//! Listeners on coap and coaps, as one transport.

use crate::{
    metrics::Metrics,
    transport::{Received, Transport},
    udp::{Room, UdpListener},
};
use lwm2m_core::{
    engine::{CloseReason, Outbound},
    peer::{PeerId, PeerIdentity},
    uri::Scheme,
};
use std::{
    collections::VecDeque,
    fmt,
    future::poll_fn,
    io,
    net::SocketAddr,
    sync::Arc,
    task::{Context, Poll},
};

#[cfg(feature = "dtls")]
use crate::dtls::{
    Backend, DtlsServerConfig, KeptSession, RestoredSession, SessionChange, SessionNames,
    SessionStore, SessionStoreError, listener::DtlsListener,
};
#[cfg(feature = "webrtc")]
use crate::webrtc::server::SecureListeners;

/// Why a [`ServerTransport`] could not be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// The address cannot be listened on.
    #[error("cannot listen on {}://{address}: {source}", scheme.as_str())]
    Address {
        /// Of the listener.
        scheme: Scheme,
        /// Of the listener.
        address: SocketAddr,
        /// What the operating system says.
        source: io::Error,
    },
    /// The security configuration of a listener is contradictory or unusable. The text names no secret.
    #[error("cannot listen on coaps://{address}: {reason}")]
    Configuration {
        /// Of the listener.
        address: SocketAddr,
        /// What is wrong.
        reason: String,
    },
    /// No listener was asked for, or more than 65,535.
    #[error("a server transport needs from 1 to 65535 listeners")]
    ListenerCount,
}

enum Plan {
    Coap(SocketAddr),
    #[cfg(feature = "dtls")]
    Coaps(SocketAddr, Box<DtlsServerConfig>),
}

/// Collects the listeners of a [`ServerTransport`]. They are numbered in the order they are added, from 0; the
/// number is [`PeerId::listener`].
#[derive(Default)]
pub struct ServerTransportBuilder {
    plans: Vec<Plan>,
    send_queue: Option<usize>,
    receive_buffer: Option<usize>,
}

impl fmt::Debug for ServerTransportBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerTransportBuilder")
            .field("listeners", &self.plans.len())
            .finish_non_exhaustive()
    }
}

impl ServerTransportBuilder {
    /// Listens for CoAP without security. Port 0 lets the system choose.
    pub fn coap(mut self, address: SocketAddr) -> Self {
        self.plans.push(Plan::Coap(address));
        self
    }

    /// Listens for CoAP over DTLS. Port 0 lets the system choose.
    #[cfg(feature = "dtls")]
    pub fn coaps(mut self, address: SocketAddr, config: DtlsServerConfig) -> Self {
        self.plans.push(Plan::Coaps(address, Box::new(config)));
        self
    }

    /// How many datagrams wait for each socket that is not ready; what comes beyond is dropped. Default 1024, up
    /// to 64 KiB each.
    pub fn send_queue(mut self, datagrams: usize) -> Self {
        self.send_queue = Some(datagrams);
        self
    }

    /// How many bytes the system keeps for each coap socket until they are read; what comes beyond is lost, and its
    /// sender repeats it seconds later. Default 4 MiB, room for some thousand devices that speak up at once, as they do
    /// after a power cut. The system may grant less: on Linux, `net.core.rmem_max` (208 KiB unless somebody raised it),
    /// of which each small datagram takes about 800 bytes.
    pub fn receive_buffer(mut self, bytes: usize) -> Self {
        self.receive_buffer = Some(bytes);
        self
    }

    /// Opens the sockets.
    ///
    /// # Errors
    ///
    /// [`BindError`] naming the listener that cannot be had; none is open then.
    pub async fn bind(self) -> Result<ServerTransport, BindError> {
        if self.plans.is_empty() || self.plans.len() > usize::from(u16::MAX) {
            return Err(BindError::ListenerCount);
        }
        let metrics = Arc::new(Metrics::default());
        let room = Room {
            send_queue: self.send_queue.unwrap_or(1024),
            receive_buffer: self.receive_buffer.unwrap_or(4 << 20),
        };
        #[cfg(feature = "webrtc")]
        let mut webrtc = SecureListeners::new(metrics.clone());
        #[cfg(feature = "dtls")]
        let names = SessionNames::default();
        let mut listeners = Vec::with_capacity(self.plans.len());
        for plan in self.plans {
            #[cfg(feature = "dtls")]
            let number = listeners.len() as u16;
            listeners.push(match plan {
                Plan::Coap(address) => {
                    let metrics = metrics.clone();
                    let listener =
                        UdpListener::bind(address, room, metrics)
                            .await
                            .map_err(|source| BindError::Address {
                                scheme: Scheme::Coap,
                                address,
                                source,
                            })?;
                    Listener::Coap(listener)
                }
                #[cfg(feature = "dtls")]
                Plan::Coaps(address, config) => match config.backend {
                    Backend::Engine => {
                        let (names, metrics) = (names.clone(), metrics.clone());
                        let bound =
                            DtlsListener::bind(number, address, *config, room, names, metrics);
                        Listener::Coaps(Box::new(bound.await?))
                    }
                    #[cfg(feature = "webrtc")]
                    Backend::Webrtc => {
                        Listener::Webrtc(webrtc.bind(number, address, *config).await?)
                    }
                },
            });
        }
        Ok(ServerTransport {
            listeners,
            #[cfg(feature = "dtls")]
            names,
            #[cfg(feature = "webrtc")]
            webrtc,
            metrics,
            nobody: Arc::new(PeerIdentity::None),
            turn: 0,
            #[cfg(feature = "webrtc")]
            webrtc_first: false,
            refused: VecDeque::new(),
        })
    }
}

enum Listener {
    Coap(UdpListener),
    #[cfg(feature = "dtls")]
    Coaps(Box<DtlsListener>),
    #[cfg(feature = "webrtc")]
    Webrtc(SocketAddr),
}

/// The transport of a server: any number of listeners on coap and coaps.
///
/// ```
/// # async fn f() -> Result<(), Box<dyn std::error::Error>> {
/// use lwm2m_transport::ServerTransport;
///
/// let transport = ServerTransport::builder()
///     .coap("127.0.0.1:0".parse()?)
///     .bind()
///     .await?;
/// for (scheme, address) in transport.local_addresses() {
///     println!("{}://{address}", scheme.as_str());
/// }
/// # Ok(())
/// # }
/// ```
///
/// Peers of coap listeners are named by their address and cost nothing. Peers of coaps listeners are named by
/// connection, and their `Connected` comes before their first datagram. [`Outbound::Connect`] is answered with
/// `Closed`: a server does not call.
pub struct ServerTransport {
    listeners: Vec<Listener>,
    #[cfg(feature = "dtls")]
    names: SessionNames,
    #[cfg(feature = "webrtc")]
    webrtc: SecureListeners,
    metrics: Arc<Metrics>,
    nobody: Arc<PeerIdentity>,
    // The listener that is asked first, so that a busy one does not starve the others.
    turn: usize,
    #[cfg(feature = "webrtc")]
    webrtc_first: bool,
    // Answers to `Connect`, taken by the very next `next`.
    refused: VecDeque<Received>,
}

impl fmt::Debug for ServerTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerTransport")
            .field("listeners", &self.local_addresses())
            .finish_non_exhaustive()
    }
}

impl ServerTransport {
    /// Collects listeners.
    pub fn builder() -> ServerTransportBuilder {
        ServerTransportBuilder::default()
    }

    /// Scheme and address of each listener, by number; ports that the system chose are filled in.
    pub fn local_addresses(&self) -> Vec<(Scheme, SocketAddr)> {
        self.listeners
            .iter()
            .map(|listener| match listener {
                Listener::Coap(listener) => (Scheme::Coap, listener.local_address()),
                #[cfg(feature = "dtls")]
                Listener::Coaps(listener) => (Scheme::Coaps, listener.local_address()),
                #[cfg(feature = "webrtc")]
                Listener::Webrtc(address) => (Scheme::Coaps, *address),
            })
            .collect()
    }

    /// The counters, which may be kept when the transport has moved into a driver.
    pub fn metrics(&self) -> Arc<Metrics> {
        self.metrics.clone()
    }

    /// What the sessions that are kept are called in their store.
    #[cfg(feature = "dtls")]
    pub fn session_names(&self) -> SessionNames {
        self.names.clone()
    }

    /// Takes up the sessions that are kept ([`DtlsServerConfig::keep_sessions`]), before anything is received: their
    /// peers make no handshake. Each is announced with [`Received::Connected`], too. Those that have expired, whose
    /// credentials have changed or whose listener is no more leave the store.
    ///
    /// Credentials are judged once, as they are now. Of those that are removed from the moment on when this is called,
    /// [`Outbound::Forget`] is to be sent when it has returned.
    ///
    /// # Errors
    ///
    /// [`SessionStoreError`] where a store cannot be read, or the next sequence numbers cannot be reserved.
    #[cfg(feature = "dtls")]
    pub async fn restore(&mut self) -> Result<Vec<RestoredSession>, SessionStoreError> {
        let mut stores: Vec<Arc<dyn SessionStore>> = Vec::new();
        for listener in &self.listeners {
            if let Listener::Coaps(listener) = listener
                && let Some(store) = listener.session_store()
                && !stores.iter().any(|known| Arc::ptr_eq(known, store))
            {
                stores.push(store.clone());
            }
        }
        let mut restored = Vec::new();
        for store in stores {
            let mut sessions = store.load().await?;
            for (number, listener) in self.listeners.iter_mut().enumerate() {
                if let Listener::Coaps(listener) = listener
                    && listener
                        .session_store()
                        .is_some_and(|own| Arc::ptr_eq(own, &store))
                {
                    let is_own = |session: &KeptSession| usize::from(session.listener) == number;
                    let (own, others) = sessions.into_iter().partition(is_own);
                    sessions = others;
                    restored.extend(listener.restore(own).await?);
                }
            }
            let strays: Vec<_> = sessions
                .into_iter()
                .map(|session| SessionChange::Remove(session.name))
                .collect();
            for strays in strays.chunks(1000) {
                store.apply(strays).await?;
            }
        }
        Ok(restored)
    }

    fn poll_listeners(&mut self, cx: &mut Context<'_>) -> Poll<Received> {
        let count = self.listeners.len();
        for offset in 0..count {
            let number = (self.turn + offset) % count;
            // There are at most 65,535 listeners.
            let received = match self.listeners.get_mut(number) {
                Some(Listener::Coap(listener)) => {
                    listener.poll(cx).map(|(address, data)| Received::Datagram {
                        peer: PeerId::from_address(number as u16, address),
                        identity: self.nobody.clone(),
                        address,
                        data,
                    })
                }
                #[cfg(feature = "dtls")]
                Some(Listener::Coaps(listener)) => listener.poll(cx),
                #[cfg(feature = "webrtc")]
                Some(Listener::Webrtc(_)) => continue,
                None => continue,
            };
            if received.is_ready() {
                self.turn = number + 1;
                return received;
            }
        }
        Poll::Pending
    }
}

impl Transport for ServerTransport {
    async fn next(&mut self) -> Received {
        if let Some(refused) = self.refused.pop_front() {
            return refused;
        }
        poll_fn(|cx| {
            // Sides take turns, so that none starves the other.
            #[cfg(feature = "webrtc")]
            {
                self.webrtc_first = !self.webrtc_first;
                if self.webrtc_first
                    && let Poll::Ready(received) = self.webrtc.poll(cx)
                {
                    return Poll::Ready(received);
                }
                if let Poll::Ready(received) = self.poll_listeners(cx) {
                    return Poll::Ready(received);
                }
                self.webrtc.poll(cx)
            }
            #[cfg(not(feature = "webrtc"))]
            self.poll_listeners(cx)
        })
        .await
    }

    fn send(&mut self, outbound: Outbound) {
        match outbound {
            Outbound::Datagram { peer, data } => {
                let listener = self.listeners.get_mut(usize::from(peer.listener()));
                match (listener, peer.address()) {
                    (Some(Listener::Coap(listener)), Some(address)) => listener.send(address, data),
                    #[cfg(feature = "dtls")]
                    (Some(Listener::Coaps(listener)), None) => listener.send(peer, &data),
                    #[cfg(feature = "webrtc")]
                    (Some(Listener::Webrtc(_)), None) => self.webrtc.send(peer, data),
                    _ => self.metrics.outbound_dropped.add(),
                }
            }
            Outbound::Connect { peer, .. } => self.refused.push_back(Received::Closed {
                peer,
                reason: CloseReason::Unsupported("a server transport makes no connections".into()),
            }),
            #[cfg(feature = "dtls")]
            Outbound::Close { peer } => {
                match self.listeners.get_mut(usize::from(peer.listener())) {
                    Some(Listener::Coaps(listener)) => listener.close(peer),
                    #[cfg(feature = "webrtc")]
                    Some(Listener::Webrtc(_)) => self.webrtc.close(peer),
                    _ => {}
                }
            }
            #[cfg(feature = "dtls")]
            Outbound::Forget { identity } => {
                for listener in &mut self.listeners {
                    if let Listener::Coaps(listener) = listener {
                        listener.forget(&identity);
                    }
                }
                #[cfg(feature = "webrtc")]
                self.webrtc.forget(&identity);
            }
            // Peers without security have nothing to close or forget.
            _ => {}
        }
    }

    #[cfg(feature = "dtls")]
    async fn settle(&mut self) {
        let listeners = self.listeners.iter_mut();
        let mut settling: Vec<_> = listeners
            .filter_map(|listener| match listener {
                Listener::Coaps(listener) => Some(Box::pin(listener.settle())),
                _ => None,
            })
            .collect();
        // All at once: each has the time that is meant for it.
        poll_fn(|cx| {
            settling.retain_mut(|listener| listener.as_mut().poll(cx).is_pending());
            match settling.is_empty() {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await;
    }

    async fn shutdown(&mut self) {
        for listener in &mut self.listeners {
            match listener {
                Listener::Coap(listener) => listener.flush().await,
                #[cfg(feature = "dtls")]
                Listener::Coaps(listener) => listener.shutdown().await,
                #[cfg(feature = "webrtc")]
                Listener::Webrtc(_) => {}
            }
        }
        #[cfg(feature = "webrtc")]
        self.webrtc.shutdown().await;
        self.listeners.clear();
    }
}
