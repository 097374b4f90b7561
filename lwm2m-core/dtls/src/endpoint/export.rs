//! Sessions that outlive their process.
//!
//! Two ways: [`Endpoint::take_export`] at an orderly end gives exact states and forgets the sessions. With
//! [`EndpointConfig::export_reservation`](crate::EndpointConfig::export_reservation) each session is exported now and
//! then while it goes on: what an export says is used up covers what may be written until the next one, so that a
//! process that starts from it after a crash never uses a nonce twice.
//!
//! What was received between the last export and a crash can be replayed once after it: numbers of the peer cannot be
//! reserved. Exports are therefore also asked for after half as many records received as are reserved.

use super::{Connection, Endpoint, Event};
use crate::{
    address::link,
    config::ExtendedMasterSecret,
    crypto::prf::{AeadKeys, CbcKeys},
    handshake::MAX_PLAINTEXT,
    record::{DirectionKeys, Keys, ReplayWindow},
    session::{OwnId, Session, put_identity, take_identity},
    suite::{CipherSuite, Protection},
    wire::{
        codec::{Malformed, Put, Reader},
        record::MAX_SEQUENCE,
    },
};
use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::{
    fmt,
    net::{IpAddr, Ipv6Addr, SocketAddr},
};
use lwm2m_core::{peer::PeerIdentity, secret::Secret, time::Instant};

/// The form of [`Export`].
const VERSION: u8 = 3;
/// The one before, which has no links; still read. Others are refused.
const WITHOUT_LINKS: u8 = 2;
const ENCRYPT_THEN_MAC: u8 = 1;
const EXTENDED_MASTER_SECRET: u8 = 2;

/// A session in bytes of our own form, for a restart or another process. They hold its keys: whoever has them can read
/// and forge its records.
#[derive(Clone)]
pub struct Export(Secret);

impl Export {
    /// Takes bytes that [`Export::expose_secret`] gave out; [`Endpoint::import`] looks at them.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Export(Secret::new(bytes))
    }

    /// The bytes, to be stored as secrets are.
    pub fn expose_secret(&self) -> &[u8] {
        self.0.expose_secret()
    }

    /// Who the peer of the session has proven to be, for whoever has to look it up before [`Endpoint::import`]. `None`:
    /// the bytes are no export.
    pub fn identity(&self) -> Option<Arc<PeerIdentity>> {
        let session = decode(Instant::ZERO, self.expose_secret()).ok()?;
        Some(session.identity.clone())
    }
}

impl fmt::Debug for Export {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Export(hidden)")
    }
}

/// Why an export cannot be taken up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// Not an export, or one of another version.
    #[error("the export cannot be read")]
    Malformed,
    /// Its Connection ID is not one that this endpoint gives, by its length or its prefix, or is in use.
    #[error("the connection id of the export does not fit here")]
    ConnectionId,
    /// No handshake would lead to such a session any more: it is not bound to its handshake where that is required, or
    /// its suite or the kind of its credentials is not served.
    #[error("the session is one that is not agreed on any more")]
    Policy,
    /// There are as many sessions as may be.
    #[error("there are too many sessions")]
    Full,
}

impl From<Malformed> for ImportError {
    fn from(_: Malformed) -> Self {
        ImportError::Malformed
    }
}

impl Endpoint {
    /// Ends a session here, without a word to the peer, and gives out its exact state. `None`: there is none.
    pub fn take_export(&mut self, connection: Connection) -> Option<Export> {
        let session = self.remove_session(connection)?;
        Some(encode(&session, session.write_sequence))
    }

    /// The state of a session that goes on, with the numbers of
    /// [`EndpointConfig::export_reservation`](crate::EndpointConfig::export_reservation) reserved. Once it is stored,
    /// [`Endpoint::export_stored`] lets the session use them; until then, further exports reserve the same numbers, so
    /// that it does not matter which of them was stored. `None`: there is no such session, or no reservation.
    pub fn export(&mut self, connection: Connection) -> Option<Export> {
        let ahead = self.reserves_ahead()?;
        let session = self.table.session_mut(connection)?;
        let reservation = session.reservation.as_mut()?;
        if reservation.pending == 0 {
            let until = (session.write_sequence + u64::from(ahead)).min(MAX_SEQUENCE);
            let more = until.saturating_sub(reservation.stored);
            // What is written is below what is stored, and so there are no more than are reserved ahead.
            reservation.pending = u32::try_from(more).unwrap_or(ahead);
        }
        let half = u64::from(ahead.div_ceil(2));
        reservation.renew_read = session.window.next() + half;
        let until = reservation.stored + u64::from(reservation.pending);
        Some(encode(session, until))
    }

    /// The last [`Endpoint::export`] of a session is stored.
    pub fn export_stored(&mut self, connection: Connection) {
        if let Some(session) = self.table.session_mut(connection)
            && let Some(reservation) = &mut session.reservation
        {
            reservation.stored += u64::from(core::mem::take(&mut reservation.pending));
            reservation.asked = false;
        }
    }

    /// How many numbers an export reserves.
    pub(super) fn reserves_ahead(&self) -> Option<u32> {
        let ahead = self.config.export_reservation?;
        Some(u32::try_from(ahead).unwrap_or(u32::MAX))
    }

    /// Takes up an exported session; it is announced as connected. It must be one that could be agreed on today, as
    /// [`EndpointConfig::extended_master_secret`](crate::EndpointConfig::extended_master_secret) and
    /// [`ServerConfig`](crate::ServerConfig) say. An endpoint that only connects cannot know which suites would be
    /// offered: [`Endpoint::agreed`] tells the suite, for the program to compare.
    ///
    /// # Errors
    ///
    /// [`ImportError`] where it cannot be; nothing has changed then.
    pub fn import(&mut self, now: Instant, export: &Export) -> Result<Connection, ImportError> {
        self.set_now(now);
        let session = decode(self.now, export.expose_secret())?;
        let id = session.own_id;
        if !id.is_empty()
            && (!self.is_own_id(id.as_slice()) || self.table.with_id(id.as_slice()).is_some())
        {
            return Err(ImportError::ConnectionId);
        }
        let server = self.server.as_ref();
        let unbound = self.config.extended_master_secret == ExtendedMasterSecret::Required
            && !session.extended_master_secret;
        if unbound
            || server.is_some_and(|it| !it.would_serve(session.keys.suite, &session.identity))
        {
            return Err(ImportError::Policy);
        }
        if self.table.sessions() >= self.config.max_sessions {
            return Err(ImportError::Full);
        }
        let (identity, address) = (session.identity.clone(), session.address);
        let suite = session.keys.suite;
        self.replace_session_at(address, &identity);
        let connection = self.table.insert_session(session);
        self.watch_idle();
        self.events.push_back(Event::Connected {
            connection,
            identity,
            address,
            suite,
            resumption: None,
        });
        self.reserve(connection);
        Ok(connection)
    }
}

fn encode(session: &Session, write_sequence: u64) -> Export {
    // All at once: a buffer that grows leaves copies of keys behind.
    let mut to = Vec::with_capacity(512 + crate::session::identity_size(&session.identity));
    to.u8(VERSION);
    to.u16(session.keys.suite.number());
    let flag = |set, flag| if set { flag } else { 0 };
    to.u8(flag(session.keys.encrypt_then_mac, ENCRYPT_THEN_MAC)
        | flag(session.extended_master_secret, EXTENDED_MASTER_SECRET));
    for keys in [&session.keys.write, &session.keys.read] {
        match keys {
            DirectionKeys::Aead(keys) => {
                to.extend_from_slice(&keys.key);
                to.extend_from_slice(&keys.iv);
            }
            DirectionKeys::Cbc(keys) => {
                to.extend_from_slice(&keys.key);
                to.extend_from_slice(&keys.mac);
            }
        }
    }
    to.extend_from_slice(&write_sequence.to_be_bytes());
    let (next, seen) = session.window.parts();
    to.extend_from_slice(&next.to_be_bytes());
    to.extend_from_slice(&seen.to_be_bytes());
    to.extend_from_slice(&session.forgeries.to_be_bytes());
    to.u16(session.max_plaintext);
    to.vec8(&session.peer_id);
    to.vec8(session.own_id.as_slice());
    match session.address.ip() {
        IpAddr::V4(v4) => to.vec8(&v4.octets()),
        IpAddr::V6(v6) => to.vec8(&v6.octets()),
    }
    to.u16(session.address.port());
    if session.address.is_ipv6() {
        to.extend_from_slice(&link(session.address).to_be_bytes());
    }
    put_identity(&mut to, &session.identity);
    Export::from_bytes(to)
}

fn decode(now: Instant, bytes: &[u8]) -> Result<Box<Session>, Malformed> {
    let mut from = Reader::new(bytes);
    let version = from.u8()?;
    if version != VERSION && version != WITHOUT_LINKS {
        return Err(Malformed);
    }
    let suite = CipherSuite::from_number(from.u16()?).ok_or(Malformed)?;
    let flags = from.u8()?;
    let mut direction = || {
        let key = from.array()?;
        Ok::<_, Malformed>(match suite.protection() {
            Protection::Aead(_) => DirectionKeys::Aead(AeadKeys {
                key,
                iv: from.array()?,
            }),
            Protection::Cbc => DirectionKeys::Cbc(Box::new(CbcKeys {
                key,
                mac: from.array()?,
            })),
        })
    };
    let (write, read) = (direction()?, direction()?);
    let write_sequence = u64::from_be_bytes(from.array()?);
    let window = ReplayWindow::from_parts(
        u64::from_be_bytes(from.array()?),
        u64::from_be_bytes(from.array()?),
    )
    .ok_or(Malformed)?;
    let forgeries = u32::from_be_bytes(from.array()?);
    let max_plaintext = from.u16()?;
    let peer_id = from.vec8()?.into();
    let own_id = from.vec8()?;
    if own_id.len() > crate::config::MAX_OWN_CONNECTION_ID
        || !(512..=MAX_PLAINTEXT).contains(&usize::from(max_plaintext))
        || write_sequence > MAX_SEQUENCE
    {
        return Err(Malformed);
    }
    let ip = from.vec8()?;
    let ip = match ip.len() {
        4 => IpAddr::from(<[u8; 4]>::try_from(ip).map_err(|_| Malformed)?),
        16 => Ipv6Addr::from(<[u8; 16]>::try_from(ip).map_err(|_| Malformed)?).into(),
        _ => return Err(Malformed),
    };
    let mut address = SocketAddr::new(ip, from.u16()?);
    if let SocketAddr::V6(v6) = &mut address
        && version != WITHOUT_LINKS
    {
        v6.set_scope_id(u32::from_be_bytes(from.array()?));
    }
    let identity = take_identity(&mut from)?;
    from.end()?;
    Ok(Box::new(Session {
        keys: Keys {
            suite,
            encrypt_then_mac: flags & ENCRYPT_THEN_MAC != 0,
            write,
            read,
        },
        write_sequence,
        window,
        address,
        identity: Arc::new(identity),
        peer_id,
        own_id: OwnId::new(own_id),
        max_plaintext,
        extended_master_secret: flags & EXTENDED_MASTER_SECRET != 0,
        forgeries,
        heard: now,
        last_flight: None,
        reservation: None,
        revocation: None,
    }))
}
