//! The backend's view of the network: a [`Conn`] that is fed through a channel by whoever screens the records.

use super::{
    hello::Suite,
    record::{CHANGE_CIPHER_SPEC, Record, Records},
};
use crate::metrics::Metrics;
use std::{
    any::Any,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};
use tokio::{
    net::UdpSocket,
    sync::{Mutex as AsyncMutex, mpsc},
};
use webrtc_util::{Conn, Error};

/// What the two directions of a connection tell each other.
#[derive(Default)]
pub(crate) struct Shared {
    // Suite of the ServerHello, plus 1; 0 before.
    suite: AtomicU32,
    last_flight: Mutex<Option<Flight>>,
    // Level and description of the last unprotected alert of the peer, plus 1; 0 without.
    alert: AtomicU32,
}

struct Flight {
    datagram: Vec<u8>,
    repetitions_left: u8,
}

/// How often a last flight is sent again: as often as the peer asks for it, up to this.
const FLIGHT_REPETITIONS: u8 = 10;

impl Shared {
    /// `Some` once the ServerHello has passed: for a server, once the client has shown the cookie.
    pub(crate) fn suite(&self) -> Option<Suite> {
        let suite = self.suite.load(Ordering::Acquire).checked_sub(1)?;
        u16::try_from(suite).ok().map(Suite)
    }

    pub(crate) fn note_suite(&self, suite: Suite) {
        self.suite.store(u32::from(suite.0) + 1, Ordering::Release);
    }

    pub(crate) fn note_alert(&self, level: u8, description: u8) {
        let alert = u32::from(u16::from_be_bytes([level, description])) + 1;
        self.alert.store(alert, Ordering::Release);
    }

    /// The description of the last unprotected alert of the peer.
    pub(crate) fn alert(&self) -> Option<u8> {
        let alert = self.alert.load(Ordering::Acquire).checked_sub(1)?;
        Some(alert as u8)
    }

    /// Our last flight once more, when it is ours to send and has not been asked for too often.
    pub(crate) fn repeat_last_flight(&self) -> Option<Vec<u8>> {
        let mut flight = self.flight();
        let flight = flight.as_mut()?;
        flight.repetitions_left = flight.repetitions_left.checked_sub(1)?;
        Some(flight.datagram.clone())
    }

    /// The peer has shown that it has our last flight.
    pub(crate) fn forget_last_flight(&self) {
        self.flight().take();
    }

    fn note_flight(&self, datagram: &[u8]) {
        *self.flight() = Some(Flight {
            datagram: datagram.to_vec(),
            repetitions_left: FLIGHT_REPETITIONS,
        });
    }

    fn flight(&self) -> std::sync::MutexGuard<'_, Option<Flight>> {
        self.last_flight
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which side of the handshake we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Client,
    Server,
}

pub(crate) struct Wire {
    pub(crate) role: Role,
    pub(crate) socket: Arc<UdpSocket>,
    pub(crate) remote: SocketAddr,
    pub(crate) inbound: AsyncMutex<mpsc::Receiver<Vec<u8>>>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) metrics: Arc<Metrics>,
}

impl Wire {
    /// Looks at what the backend sends as a server, to know how far the handshake is.
    fn observe(&self, datagram: &[u8]) {
        for record in Records(datagram).map_while(Result::ok) {
            if record.epoch > 0 {
                break;
            }
            if let Some(suite) = Record::chosen_suite(&record) {
                self.shared.note_suite(suite);
            }
            if record.kind == CHANGE_CIPHER_SPEC {
                self.shared.note_flight(datagram);
            }
        }
    }
}

#[async_trait::async_trait]
impl Conn for Wire {
    async fn connect(&self, _address: SocketAddr) -> Result<(), Error> {
        Err(Error::Other("the connection has its address".into()))
    }

    async fn recv(&self, buffer: &mut [u8]) -> Result<usize, Error> {
        let mut inbound = self.inbound.lock().await;
        loop {
            match inbound.recv().await {
                Some(datagram) if datagram.len() <= buffer.len() => {
                    buffer[..datagram.len()].copy_from_slice(&datagram);
                    return Ok(datagram.len());
                }
                Some(_) => self.metrics.inbound_dropped.add(),
                // The backend would come back at once for more after an error; it ends by being dropped.
                None => std::future::pending().await,
            }
        }
    }

    async fn recv_from(&self, buffer: &mut [u8]) -> Result<(usize, SocketAddr), Error> {
        Ok((self.recv(buffer).await?, self.remote))
    }

    async fn send(&self, datagram: &[u8]) -> Result<usize, Error> {
        let sent = match self.role {
            Role::Server => {
                self.observe(datagram);
                self.socket.send_to(datagram, self.remote).await
            }
            Role::Client => match self.socket.send(datagram).await {
                // That was the echo of an earlier datagram; this one has not been sent.
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
                    self.socket.send(datagram).await
                }
                result => result,
            },
        };
        match sent {
            Ok(_) => self.metrics.datagrams_sent.add(),
            // A datagram that cannot be sent is a datagram lost: retransmission takes care of it.
            Err(error) => {
                tracing::debug!(remote = %self.remote, %error, "cannot send");
                self.metrics.socket_errors.add();
            }
        }
        Ok(datagram.len())
    }

    async fn send_to(&self, datagram: &[u8], _target: SocketAddr) -> Result<usize, Error> {
        self.send(datagram).await
    }

    fn local_addr(&self) -> Result<SocketAddr, Error> {
        Ok(self.socket.local_addr()?)
    }

    fn remote_addr(&self) -> Option<SocketAddr> {
        Some(self.remote)
    }

    async fn close(&self) -> Result<(), Error> {
        Ok(())
    }

    fn as_any(&self) -> &(dyn Any + Send + Sync) {
        self
    }
}
