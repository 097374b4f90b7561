//! The way out: every datagram leaves here.

use super::{Endpoint, address::Account};
use crate::{coap::Message, peer::PeerId};
use alloc::vec::Vec;

/// A datagram to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transmit {
    /// To whom.
    pub peer: PeerId,
    /// The bytes.
    pub data: Vec<u8>,
}

impl Endpoint {
    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// The bytes of a message. One that cannot be encoded is counted and not sent.
    pub(super) fn encode(&mut self, peer: PeerId, message: &Message) -> Option<Vec<u8>> {
        match message.encode() {
            Ok(data) => Some(data),
            Err(error) => {
                tracing::debug!(%peer, %error, "message not sent");
                self.metrics.unencodable += 1;
                None
            }
        }
    }

    /// Sends a message on the account of what the peer has sent; gives back its bytes. Where it may not go, that is as
    /// if the network had lost it.
    pub(super) fn send(&mut self, peer: PeerId, message: &Message) -> Option<Vec<u8>> {
        let data = self.encode(peer, message)?;
        self.send_bytes(peer, data.clone(), Account::Theirs);
        Some(data)
    }

    /// Sends bytes, where so many may go to the peer; `false`: they may not.
    pub(super) fn send_bytes(&mut self, peer: PeerId, data: Vec<u8>, account: Account) -> bool {
        if account == Account::Theirs && !self.may_go(peer, data.len()) {
            return false;
        }
        self.metrics.sent += 1;
        self.transmits.push_back(Transmit { peer, data });
        true
    }
}
