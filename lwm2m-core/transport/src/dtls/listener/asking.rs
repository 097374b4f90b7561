//! Questions to the source of credentials, and what follows from its answers.

use super::DtlsListener;
use crate::{
    dtls::{
        judge::{Said, Standing},
        lookup::LookupError,
    },
    transport::Received,
};
use lwm2m_core::{peer::PeerIdentity, secret::Secret, time::Instant};
use lwm2m_dtls::{Connection, KeyAnswer};
use std::{net::SocketAddr, sync::Arc};
use tracing::{debug, warn};

/// What an answer is wanted for.
pub(super) enum Purpose {
    /// A handshake with a pre-shared key.
    Key,
    /// A handshake with a certificate or raw public key.
    Peer,
    Session(Beginning),
}

/// A session that nobody has been told of yet.
pub(super) struct Beginning {
    pub(super) identity: Arc<PeerIdentity>,
    pub(super) address: SocketAddr,
    /// The key that its handshake was given.
    pub(super) given: Option<Secret>,
    /// What has come in it.
    pub(super) held: Vec<Received>,
}

impl DtlsListener {
    pub(super) fn ask(
        &mut self,
        now: Instant,
        connection: Connection,
        identity: &PeerIdentity,
        purpose: Purpose,
    ) {
        match self.judge.ask(identity) {
            Said::Now(standing) => self.answered(now, connection, purpose, Ok(standing)),
            Said::Later(look_up) if self.lookups.len() < self.max_questions => {
                self.lookups.ask(connection, purpose, look_up);
            }
            Said::Later(_) => {
                let error = LookupError::new("too many questions are open");
                self.answered(now, connection, purpose, Err(error));
            }
        }
    }

    pub(super) fn answered(
        &mut self,
        now: Instant,
        connection: Connection,
        purpose: Purpose,
        answer: Result<Standing, LookupError>,
    ) {
        let standing = match answer {
            Ok(standing) => standing,
            Err(error) => {
                self.metrics.lookups_failed.add();
                if self.throttle.take(now).is_some() {
                    warn!(%error, "a DTLS handshake is not answered");
                }
                // A handshake ends by itself when its time is over.
                if let Purpose::Session(_) = purpose {
                    self.endpoint.close(now, connection);
                }
                return;
            }
        };
        match purpose {
            Purpose::Key => {
                let answer = match standing {
                    Standing::Key(key) => {
                        self.given.insert(connection, key.clone());
                        KeyAnswer::Key(Arc::new(key))
                    }
                    _ => KeyAnswer::Unknown,
                };
                self.endpoint.answer_key(now, connection, answer);
            }
            Purpose::Peer => {
                let is_welcome = matches!(standing, Standing::Welcome);
                self.endpoint.answer_peer(now, connection, is_welcome);
            }
            Purpose::Session(session) => self.begin(now, connection, session, &standing),
        }
    }

    /// Announces a session whose credentials still stand, and delivers what has come in it.
    fn begin(
        &mut self,
        now: Instant,
        connection: Connection,
        session: Beginning,
        standing: &Standing,
    ) {
        let (identity, address) = (session.identity, session.address);
        if !standing.still_holds(session.given.as_ref()) {
            debug!(%address, %identity, "credentials removed during the handshake");
            self.endpoint.close(now, connection);
            return;
        }
        self.keep(now, connection, &identity, standing);
        self.received.push_back(Received::Connected {
            peer: self.peer(connection),
            identity,
            address,
        });
        for datagram in session.held {
            self.deliver(now, connection, datagram);
        }
    }

    /// Keeps what comes in a session that is not announced yet; gives it back where it is.
    pub(super) fn hold(&mut self, connection: Connection, datagram: Received) -> Option<Received> {
        let Some(Purpose::Session(session)) = self.lookups.purpose_mut(connection) else {
            return Some(datagram);
        };
        if session.held.len() < self.lookup_config.max_held {
            session.held.push(datagram);
        } else {
            self.metrics.inbound_dropped.add();
        }
        None
    }

    pub(super) fn deliver(&mut self, now: Instant, connection: Connection, datagram: Received) {
        let deliverable = match &mut self.keeper {
            Some(keeper) => keeper.received(now, connection, datagram),
            None => Some(datagram),
        };
        self.received.extend(deliverable);
    }
}
