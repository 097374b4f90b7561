//! What the tasks of connections tell their transport.

use lwm2m_core::{
    engine::CloseReason,
    peer::{PeerId, PeerIdentity},
};
use std::{net::SocketAddr, sync::Arc};

pub(crate) enum Report {
    /// The connection stands.
    Ready {
        peer: PeerId,
        identity: Arc<PeerIdentity>,
        address: SocketAddr,
        /// Where a listener's session takes plaintext; dropping it ends the session. Connections of a client have
        /// theirs from the beginning.
        #[cfg(feature = "dtls")]
        outbound: Option<tokio::sync::mpsc::Sender<Vec<u8>>>,
    },
    Datagram {
        peer: PeerId,
        data: Vec<u8>,
    },
    Closed {
        peer: PeerId,
        reason: CloseReason,
    },
}
