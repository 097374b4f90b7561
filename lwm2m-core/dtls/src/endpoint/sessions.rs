//! Established sessions: records in and out, alerts, addresses that change, idle ones, and those that make room.

#[cfg(test)]
#[cfg(feature = "rustcrypto")]
mod tests;

use super::{Agreed, Connection, Endpoint, Event, SendError, Timer};
use crate::{
    config::MAX_DATAGRAM,
    handshake::{Abort, Cause},
    session::{Reservation, Session},
    suite::Protection,
    wire::{
        alert::{Alert, AlertDescription},
        codec::Reader,
        handshake::{Fragment, MessageType},
        record::{ContentType, Record},
    },
};
use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::net::SocketAddr;
use lwm2m_core::{engine::CloseReason, peer::PeerIdentity, time::Instant};

/// What became of a record that is said to be of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Opened,
    /// Its number has been there, or is too old.
    Replayed,
    /// Not of the kind that the peer sends, which nobody has to open to see.
    Foreign,
    /// It did not open.
    Forged,
}

impl Endpoint {
    /// Sends data as one record in one datagram.
    ///
    /// # Errors
    ///
    /// [`SendError`] where nothing was sent.
    pub fn send(
        &mut self,
        now: Instant,
        connection: Connection,
        data: &[u8],
    ) -> Result<(), SendError> {
        self.set_now(now);
        let session = self
            .table
            .session_mut(connection)
            .ok_or(SendError::Unknown)?;
        let overhead = session.keys.overhead(session.peer_id.len());
        if data.len() > usize::from(session.max_plaintext) || overhead + data.len() > MAX_DATAGRAM {
            return Err(SendError::TooLong);
        }
        self.seal(connection, ContentType::ApplicationData, data)
    }

    /// Says goodbye and forgets a connection, in whatever state it is. Nothing is reported for it any more.
    pub fn close(&mut self, now: Instant, connection: Connection) {
        self.set_now(now);
        match self.table.take_handshake(connection) {
            Some(mut handshake) => {
                let alert = AlertDescription::USER_CANCELED;
                self.with_context(|cx| handshake.send_alert(cx, alert));
                if let Some(timer) = handshake.timer {
                    self.timers.cancel(timer);
                }
                self.table.abandon(connection, &handshake);
            }
            None => self.say_goodbye(connection),
        }
        self.remove_session(connection);
        // What it has said already is not delivered behind its end.
        self.events.retain(|event| event.connection() != connection);
    }

    /// Ends every session that rests on these credentials and every handshake that has come to name them, and lets none
    /// be taken up again; each is reported. It costs as much as they are many, and a walk over the handshakes under way.
    pub fn forget(&mut self, now: Instant, identity: &PeerIdentity) {
        self.set_now(now);
        self.resumables.forget(identity);
        self.tickets.forget(self.now, &self.config, identity);
        for connection in self.table.all_sessions_of(identity) {
            self.say_goodbye(connection);
            self.end(connection, CloseReason::CredentialsRemoved);
        }
        let handshakes = self.table.all_handshakes();
        let theirs: Vec<_> = handshakes
            .filter(|(_, handshake)| handshake.identity() == identity)
            .map(|(connection, _)| connection)
            .collect();
        for connection in theirs {
            self.work_on(connection, |_, _| {
                Err(Abort {
                    alert: Some(AlertDescription::ACCESS_DENIED),
                    reason: CloseReason::CredentialsRemoved,
                    cause: Cause::Other,
                })
            });
        }
    }

    /// Who the peer of a session has proven to be.
    pub fn identity(&self, connection: Connection) -> Option<&Arc<PeerIdentity>> {
        Some(&self.table.session(connection)?.identity)
    }

    /// Where the peer of a session is.
    pub fn address(&self, connection: Connection) -> Option<SocketAddr> {
        Some(self.table.session(connection)?.address)
    }

    /// What a session rests on.
    pub fn agreed(&self, connection: Connection) -> Option<Agreed> {
        let session = self.table.session(connection)?;
        Some(Agreed {
            suite: session.keys.suite,
            extended_master_secret: session.extended_master_secret,
            encrypt_then_mac: session.keys.encrypt_then_mac,
            own_id: session.own_id.as_slice().to_vec(),
            peer_id: session.peer_id.to_vec(),
            max_plaintext: session.max_plaintext.into(),
        })
    }

    pub(super) fn on_session_record(
        &mut self,
        connection: Connection,
        from: SocketAddr,
        record: Record<'_>,
    ) {
        match self.try_session_record(connection, from, record) {
            Outcome::Opened => {}
            Outcome::Replayed => self.metrics.records_replayed += 1,
            Outcome::Foreign => self.metrics.records_forged += 1,
            Outcome::Forged => {
                self.metrics.records_forged += 1;
                self.note_forgery(connection);
            }
        }
    }

    /// Counts a record that the keys of a session did not open: each is an attempt to guess a tag.
    pub(super) fn note_forgery(&mut self, connection: Connection) {
        let Some(session) = self.table.session_mut(connection) else {
            return;
        };
        session.forgeries = session.forgeries.saturating_add(1);
        let limit = match session.keys.suite.protection() {
            Protection::Aead(aead) if aead.tag_len() == 8 => self.config.max_forgeries_short_tag,
            _ => self.config.max_forgeries,
        };
        if session.forgeries >= limit {
            self.metrics.sessions_forged += 1;
            let alert = Alert::fatal(AlertDescription::BAD_RECORD_MAC);
            // Where it cannot be said any more, the peer finds out by itself.
            let _ = self.seal(connection, ContentType::Alert, &alert.encode());
            self.break_off(
                connection,
                CloseReason::Transport("too many forged records".into()),
            );
        }
    }

    /// Opens a record with the keys of a session and does what it says.
    pub(super) fn try_session_record(
        &mut self,
        connection: Connection,
        from: SocketAddr,
        record: Record<'_>,
    ) -> Outcome {
        let Some(session) = self.table.session_mut(connection) else {
            return Outcome::Foreign;
        };
        let with_id = record.content_type == ContentType::ConnectionId;
        if record.epoch != 1 || with_id == session.own_id.is_empty() {
            return Outcome::Foreign;
        }
        if !session.window.admits(record.sequence) {
            return Outcome::Replayed;
        }
        let sequence = record.sequence;
        let Ok((content_type, text)) = session.keys.open(&*self.provider, record) else {
            return Outcome::Forged;
        };
        if text.len() > usize::from(session.max_plaintext) {
            return Outcome::Foreign;
        }
        let identity = session.identity.clone();
        let newest = session.window.note(sequence);
        session.heard = self.now;
        if newest && with_id && session.address != from {
            // Only what is authenticated and newer than everything else moves a session (RFC 9146, section 6).
            self.metrics.sessions_moved += 1;
            self.table.move_session(connection, from);
        }
        self.table.touch(connection);
        match content_type {
            ContentType::ApplicationData => {
                self.forget_last_flight(connection);
                self.events.push_back(Event::Data {
                    connection,
                    identity,
                    address: from,
                    data: text.to_vec(),
                });
            }
            ContentType::Alert => self.on_session_alert(connection, text),
            ContentType::Handshake => self.on_session_handshake(connection, text),
            _ => {}
        }
        self.renew_reservation(connection);
        Outcome::Opened
    }

    fn on_session_alert(&mut self, connection: Connection, text: &[u8]) {
        match Alert::parse(text) {
            Some(alert) if alert.description == AlertDescription::CLOSE_NOTIFY => {
                self.say_goodbye(connection);
                self.end(connection, CloseReason::ByPeer);
            }
            Some(alert) if alert.fatal => self.break_off(connection, CloseReason::ByPeer),
            _ => {}
        }
    }

    fn on_session_handshake(&mut self, connection: Connection, text: &[u8]) {
        let Ok(fragment) = Fragment::take(&mut Reader::new(text)) else {
            return;
        };
        match fragment.message_type {
            // The peer says its Finished again: it has not heard ours.
            MessageType::Finished => {
                let mtu = self.config.mtu;
                if let Some(session) = self.table.session_mut(connection) {
                    session.repeat_last_flight(
                        &*self.provider,
                        &mut *self.random,
                        mtu,
                        &mut self.transmits,
                    );
                }
            }
            // There is no renegotiation (RFC 7925, section 17).
            MessageType::ClientHello | MessageType::HelloRequest => {
                let alert = Alert {
                    fatal: false,
                    description: AlertDescription::NO_RENEGOTIATION,
                };
                // Where no number is left for it, nothing is owed.
                let _ = self.seal(connection, ContentType::Alert, &alert.encode());
            }
            _ => {}
        }
    }

    /// Sends one protected record.
    fn seal(
        &mut self,
        connection: Connection,
        content_type: ContentType,
        text: &[u8],
    ) -> Result<(), SendError> {
        let session = self
            .table
            .session_mut(connection)
            .ok_or(SendError::Unknown)?;
        if !session.may_write() {
            return Err(SendError::NoSequenceNumber);
        }
        let overhead = session.keys.overhead(session.peer_id.len());
        let mut datagram = Vec::with_capacity(overhead + text.len());
        let place = crate::record::Place {
            epoch: 1,
            sequence: session.write_sequence,
            connection_id: &session.peer_id,
        };
        session.keys.seal(
            &*self.provider,
            &mut *self.random,
            place,
            content_type,
            text,
            &mut datagram,
        );
        session.write_sequence += 1;
        let to = session.address;
        self.transmits.push_back((to, datagram));
        self.renew_reservation(connection);
        Ok(())
    }

    fn say_goodbye(&mut self, connection: Connection) {
        // Where it cannot be said any more, the peer finds out by itself.
        let _ = self.seal(
            connection,
            ContentType::Alert,
            &Alert::CLOSE_NOTIFY.encode(),
        );
    }

    pub(super) fn forget_last_flight(&mut self, connection: Connection) {
        if let Some(session) = self.table.session_mut(connection) {
            session.last_flight = None;
        }
    }

    /// Ends a session and reports it.
    pub(super) fn end(&mut self, connection: Connection, reason: CloseReason) {
        if self.remove_session(connection).is_some() {
            self.events.push_back(Event::Closed { connection, reason });
        }
    }

    /// Ends a session by an alert, or because of one: it must not be taken up again (RFC 5246, section 7.2.2).
    fn break_off(&mut self, connection: Connection, reason: CloseReason) {
        if let Some(session) = self.table.session(connection) {
            if let Some(revocation) = &session.revocation {
                revocation.revoke();
            }
            if self.server.is_some() {
                // Nobody knows which tickets are of this session.
                let identity = &session.identity;
                self.tickets.forget(self.now, &self.config, identity);
            }
        }
        self.end(connection, reason);
    }

    pub(super) fn remove_session(&mut self, connection: Connection) -> Option<Box<Session>> {
        self.forget_last_flight(connection);
        self.table.remove(connection)
    }

    /// A handshake with this address has succeeded: the session that stood there is that of a device that has begun
    /// anew, unless Connection IDs tell that it may be another one behind the same address.
    pub(super) fn replace_session_at(&mut self, address: SocketAddr, identity: &PeerIdentity) {
        let Some(old) = self.table.session_at(address) else {
            return;
        };
        let same = self
            .table
            .session(old)
            .is_some_and(|session| session.own_id.is_empty() || *session.identity == *identity);
        if same {
            self.metrics.sessions_replaced += 1;
            self.end(old, CloseReason::Replaced);
        }
    }

    /// Ends the quietest sessions of a client where it has too many: a device that has lost its state must come in again,
    /// from whatever address.
    pub(super) fn make_room_of(&mut self, identity: &PeerIdentity) {
        while self.table.sessions_of(identity) >= self.config.max_sessions_per_identity {
            let Some(quietest) = self.table.quietest_of(identity) else {
                return;
            };
            self.metrics.sessions_over_identity_limit += 1;
            self.say_goodbye(quietest);
            self.end(quietest, CloseReason::Replaced);
        }
    }

    /// Ends the quietest sessions where there are too many.
    pub(super) fn make_room(&mut self) {
        while self.table.sessions() >= self.config.max_sessions {
            let Some(quietest) = self.table.quietest() else {
                return;
            };
            self.metrics.sessions_over_limit += 1;
            self.say_goodbye(quietest);
            self.end(quietest, CloseReason::Idle);
        }
    }

    /// Sees to it that a timer stands for the quietest session.
    pub(super) fn watch_idle(&mut self) {
        if self.idle_timer {
            return;
        }
        let quietest = self
            .table
            .quietest()
            .and_then(|quietest| self.table.session(quietest));
        if let Some(session) = quietest {
            let at = session.heard + self.config.idle_timeout;
            self.timers.set(at, Timer::Idle);
            self.idle_timer = true;
        }
    }

    pub(super) fn on_idle_timer(&mut self) {
        self.idle_timer = false;
        while let Some(quietest) = self.table.quietest()
            && let Some(session) = self.table.session(quietest)
            && session.heard + self.config.idle_timeout <= self.now
        {
            self.metrics.sessions_idle += 1;
            self.say_goodbye(quietest);
            self.end(quietest, CloseReason::Idle);
        }
        self.watch_idle();
    }

    /// With reservations, a new session waits for its first export.
    pub(super) fn reserve(&mut self, connection: Connection) {
        if self.config.export_reservation.is_none() {
            return;
        }
        if let Some(session) = self.table.session_mut(connection) {
            session.reservation = Some(Box::new(Reservation {
                // Its handshake has written what it has written; what is next waits for the store.
                stored: session.write_sequence,
                pending: 0,
                renew_read: u64::MAX,
                asked: false,
            }));
        }
        self.renew_reservation(connection);
    }

    fn renew_reservation(&mut self, connection: Connection) {
        let Some(ahead) = self.reserves_ahead() else {
            return;
        };
        if let Some(session) = self.table.session_mut(connection)
            && let Some(reservation) = &mut session.reservation
            && !reservation.asked
        {
            // Half of what is reserved is used, or as many were received.
            let renew_write = reservation.stored.saturating_sub(u64::from(ahead / 2));
            let is_time = session.write_sequence >= renew_write
                || session.window.next() >= reservation.renew_read;
            if is_time {
                reservation.asked = true;
                self.events.push_back(Event::ExportWanted { connection });
            }
        }
    }
}
