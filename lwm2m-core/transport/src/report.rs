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
        /// What comes with a listener's session. Connections of a client have theirs from the beginning.
        #[cfg(feature = "webrtc")]
        accepted: Option<Accepted>,
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

/// A session that a listener has accepted.
#[cfg(feature = "webrtc")]
pub(crate) struct Accepted {
    /// Takes plaintext; dropping it ends the session.
    pub(crate) outbound: tokio::sync::mpsc::Sender<Vec<u8>>,
    /// The pre-shared key it rests on, to see whether that is still the one.
    pub(crate) key: Option<lwm2m_core::secret::Secret>,
}
