//! The contract between a driver and a transport.

use lwm2m_core::{
    engine::{CloseReason, Inbound, Outbound},
    peer::{PeerId, PeerIdentity},
};
use std::{future::Future, net::SocketAddr, sync::Arc};

/// What a transport reports: the owned counterpart of [`Inbound`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Received {
    /// A connection stands.
    Connected {
        /// The peer's name from here on.
        peer: PeerId,
        /// Who it has proven to be.
        identity: Arc<PeerIdentity>,
        /// Where it is now.
        address: SocketAddr,
    },
    /// Plaintext of one datagram.
    Datagram {
        /// Who sent it.
        peer: PeerId,
        /// Who that has proven to be.
        identity: Arc<PeerIdentity>,
        /// Where it came from.
        address: SocketAddr,
        /// The bytes.
        data: Vec<u8>,
    },
    /// A connection is gone, or one that was asked for did not come about.
    Closed {
        /// The peer; its name is not used again.
        peer: PeerId,
        /// Why.
        reason: CloseReason,
    },
}

#[cfg_attr(
    not(feature = "dtls"),
    allow(dead_code, reason = "for listeners with sessions")
)]
impl Received {
    /// Whom it is about.
    pub(crate) fn peer(&self) -> PeerId {
        match self {
            Received::Connected { peer, .. }
            | Received::Datagram { peer, .. }
            | Received::Closed { peer, .. } => *peer,
        }
    }

    pub(crate) fn is_datagram(&self) -> bool {
        matches!(self, Received::Datagram { .. })
    }

    /// Whether it was said by who has proven to be this.
    pub(crate) fn is_datagram_of(&self, whose: &PeerIdentity) -> bool {
        matches!(self, Received::Datagram { identity, .. } if **identity == *whose)
    }

    /// The same as an engine takes it in.
    pub fn as_inbound(&self) -> Inbound<'_> {
        match self {
            Received::Connected {
                peer,
                identity,
                address,
            } => Inbound::Connected {
                peer: *peer,
                identity,
                address: *address,
            },
            Received::Datagram {
                peer,
                identity,
                address,
                data,
            } => Inbound::Datagram {
                peer: *peer,
                identity,
                address: *address,
                data,
            },
            Received::Closed { peer, reason } => Inbound::Closed {
                peer: *peer,
                reason: reason.clone(),
            },
        }
    }
}

/// Carries datagrams between one engine and the network.
pub trait Transport: Send + 'static {
    /// The next thing that happened. Cancel safe: dropping the future loses nothing.
    ///
    /// It also carries out what [`send`](Transport::send) has queued, so a driver always has it pending.
    fn next(&mut self) -> impl Future<Output = Received> + Send;

    /// Takes one request of the engine. Never blocks: what cannot be sent is dropped and counted, as a network
    /// would do.
    fn send(&mut self, outbound: Outbound);

    /// Writes what is to outlive the process, as far as that is possible in times that the transport bounds itself. A
    /// driver calls it once, before [`shutdown`](Transport::shutdown): goodbyes are not short of time then because a
    /// store is slow. Nothing is received or sent afterwards but by `shutdown`.
    fn settle(&mut self) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// Sends what is queued, says goodbye to peers where the protocol has a word for it, closes all sockets.
    /// Nothing is received or sent afterwards.
    fn shutdown(&mut self) -> impl Future<Output = ()> + Send;
}
