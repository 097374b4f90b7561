//! What is left of a handshake that has succeeded.

use super::{Flight, Handshake, Negotiated, NewTicket, Role, state::State};
use crate::{
    crypto::prf::{MasterSecret, Side},
    record::{Keys, ReplayWindow},
    resumption::{Resumption, Revocation},
};
use alloc::{boxed::Box, sync::Arc, vec::Vec};
use lwm2m_core::peer::PeerIdentity;

/// What is left of a handshake that has succeeded.
pub(crate) struct Completed {
    pub(crate) keys: Box<Keys>,
    pub(crate) negotiated: Negotiated,
    pub(crate) identity: PeerIdentity,
    pub(crate) own_id: Vec<u8>,
    pub(crate) sealed_sequence: u64,
    pub(crate) plain_sequence: u64,
    pub(crate) window: ReplayWindow,
    pub(crate) early_data: Vec<Vec<u8>>,
    /// Sealed records that came before the peer's Finished was verified.
    pub(crate) early: Vec<Vec<u8>>,
    /// Our last flight, where the peer may not have it.
    pub(crate) last_flight: Option<Flight>,
    pub(crate) master: Arc<MasterSecret>,
    pub(crate) session_id: Vec<u8>,
    pub(crate) resumed: bool,
    /// Client: a ticket for the session.
    pub(crate) ticket: Option<NewTicket>,
    /// Of the session that was taken up.
    pub(crate) revocation: Option<Revocation>,
    /// Client: the length of fragments that was asked for.
    pub(crate) asked_fragment: Option<u16>,
    /// Server: the host that the client has asked for; empty: none.
    pub(crate) server_name: Box<[u8]>,
    pub(crate) client_random: [u8; 32],
}

impl Handshake {
    /// Turns a complete handshake into what a session needs; `None` where it is not complete.
    pub(crate) fn complete(mut self) -> Option<Completed> {
        if self.state != State::Complete {
            return None;
        }
        // Who speaks last may not have been heard: the server in a full handshake, the client in a resumed one.
        let spoke_last = (self.side == Side::Server) != self.course.resumed;
        let mut asked_fragment = None;
        let (server_name, ticket, revocation) = match self.role {
            Role::Server(server) => (server.server_name, None, server.revocation),
            Role::Client(client) => {
                // Who takes a session up and is given no other ticket, keeps the one it has.
                let kept = client.config.resumption.filter(|_| self.course.resumed);
                let revocation = kept.as_ref().map(|kept| kept.revocation.clone());
                let kept = kept.filter(Resumption::is_ticket).map(|kept| NewTicket {
                    lifetime: kept.lifetime,
                    bytes: kept.ticket,
                });
                asked_fragment = client.config.max_fragment_length;
                (Box::default(), client.ticket.or(kept), revocation)
            }
        };
        Some(Completed {
            keys: self.keys.take()?,
            master: self.master.take()?,
            negotiated: self.negotiated,
            identity: self.identity,
            own_id: self.own_id,
            sealed_sequence: self.sealed_sequence,
            plain_sequence: self.plain_sequence,
            window: self.window,
            early_data: self.early_data,
            early: self.early,
            last_flight: spoke_last.then_some(self.flight),
            session_id: self.session_id,
            resumed: self.course.resumed,
            ticket,
            revocation,
            asked_fragment,
            server_name,
            client_random: self.client_random,
        })
    }
}
