//! An established session at rest, as small as it can be: raw keys, two counters, a window, and where the peer is.

use crate::{
    handshake::{Completed, Flight, Sealer},
    record::{Keys, ReplayWindow},
    resumption::Revocation,
    wire::{
        codec::{Malformed, Put, Reader},
        record::MAX_SEQUENCE,
    },
};
use alloc::{boxed::Box, collections::VecDeque, string::String, sync::Arc, vec::Vec};
use core::net::SocketAddr;
use lwm2m_core::{
    peer::{CertificateIdentity, PeerIdentity},
    time::Instant,
};

/// How often the last flight is repeated at most.
const MAX_LAST_REPEATS: u8 = 16;

/// The sequence numbers that a session may use before it is exported again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reservation {
    /// Numbers below this are on record as used.
    pub(crate) stored: u64,
    /// The next export is wanted when this number is read.
    pub(crate) renew_read: u64,
    /// How many more the export under way puts on record; 0: there is none.
    pub(crate) pending: u32,
    pub(crate) asked: bool,
}

/// The last flight of our handshake, while the peer may not have it.
pub(crate) struct LastFlight {
    flight: Flight,
    /// Of the hello that led here.
    client_random: [u8; 32],
    plain_sequence: u64,
    repeats: u8,
}

pub(crate) struct Session {
    pub(crate) keys: Keys,
    pub(crate) write_sequence: u64,
    pub(crate) window: ReplayWindow,
    pub(crate) address: SocketAddr,
    pub(crate) identity: Arc<PeerIdentity>,
    /// In our records; empty: none.
    pub(crate) peer_id: Box<[u8]>,
    /// In the peer's records; empty: none.
    pub(crate) own_id: OwnId,
    pub(crate) max_plaintext: u16,
    /// Whether the session is bound to its handshake (RFC 7627).
    pub(crate) extended_master_secret: bool,
    /// Records that did not open.
    pub(crate) forgeries: u32,
    pub(crate) heard: Instant,
    pub(crate) last_flight: Option<Box<LastFlight>>,
    pub(crate) reservation: Option<Box<Reservation>>,
    /// Where it may be taken up again.
    pub(crate) revocation: Option<Revocation>,
}

/// A Connection ID of ours, inline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct OwnId {
    bytes: [u8; crate::config::MAX_OWN_CONNECTION_ID],
    length: u8,
}

impl OwnId {
    /// At most [`MAX_OWN_CONNECTION_ID`](crate::config::MAX_OWN_CONNECTION_ID) bytes; a longer one is no id of ours.
    pub(crate) fn new(id: &[u8]) -> Self {
        let mut own = OwnId::default();
        if let Some(bytes) = own.bytes.get_mut(..id.len()) {
            bytes.copy_from_slice(id);
            own.length = id.len() as u8;
        }
        own
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.length == 0
    }
}

impl Session {
    pub(crate) fn new(
        now: Instant,
        address: SocketAddr,
        completed: &mut Completed,
        identity: Arc<PeerIdentity>,
    ) -> Box<Self> {
        let negotiated = &mut completed.negotiated;
        Box::new(Session {
            keys: Keys::clone(&completed.keys),
            write_sequence: completed.sealed_sequence,
            window: completed.window,
            address,
            identity,
            peer_id: core::mem::take(&mut negotiated.peer_id),
            own_id: match negotiated.own_id {
                true => OwnId::new(&completed.own_id),
                false => OwnId::default(),
            },
            // At most 2^14.
            max_plaintext: negotiated.max_plaintext as u16,
            extended_master_secret: negotiated.extended_master_secret,
            forgeries: 0,
            heard: now,
            last_flight: None,
            reservation: None,
            revocation: None,
        })
    }

    pub(crate) fn keep_last_flight(&mut self, flight: Flight, completed: &Completed) {
        self.last_flight = Some(Box::new(LastFlight {
            flight,
            client_random: completed.client_random,
            plain_sequence: completed.plain_sequence,
            repeats: 0,
        }));
    }

    /// Whether it came of this hello, as long as the last flight is kept.
    pub(crate) fn came_of(&self, client_random: &[u8; 32]) -> bool {
        let last = self.last_flight.as_ref();
        last.is_some_and(|last| last.client_random == *client_random)
    }

    /// Whether the next record has a number that may be used.
    pub(crate) fn may_write(&self) -> bool {
        let stored = self.reservation.as_ref().map_or(MAX_SEQUENCE, |r| r.stored);
        self.write_sequence < stored && self.write_sequence < MAX_SEQUENCE
    }

    /// Says the last flight again.
    pub(crate) fn repeat_last_flight(
        &mut self,
        provider: &dyn crate::crypto::Provider,
        random: &mut dyn rand_core::RngCore,
        mtu: usize,
        transmits: &mut VecDeque<(SocketAddr, Vec<u8>)>,
    ) {
        let may_write = self.may_write();
        let Some(last) = &mut self.last_flight else {
            return;
        };
        if last.repeats == MAX_LAST_REPEATS || !may_write {
            return;
        }
        last.repeats += 1;
        let mut sealer = Sealer {
            provider,
            random,
            keys: Some(&self.keys),
            plain_sequence: &mut last.plain_sequence,
            sealed_sequence: &mut self.write_sequence,
            peer_id: &self.peer_id,
        };
        let fragment = usize::from(self.max_plaintext) - crate::wire::handshake::HEADER_LEN;
        for datagram in last.flight.datagrams(mtu, fragment, &mut sealer) {
            transmits.push_back((self.address, datagram));
        }
    }

    /// Bytes on the heap that belong to this session alone.
    pub(crate) fn heap(&self) -> usize {
        let last_flight = self.last_flight.as_ref();
        let last_flight =
            last_flight.map_or(0, |last| size_of::<LastFlight>() + last.flight.size());
        let reservation = self
            .reservation
            .as_ref()
            .map_or(0, |_| size_of::<Reservation>());
        let revocation = self.revocation.as_ref().map_or(0, |_| Revocation::SIZE);
        size_of::<Session>()
            + self.peer_id.len()
            + last_flight
            + reservation
            + revocation
            + self.keys.heap()
            + identity_size(&self.identity)
    }
}

/// Bytes that a shared identity takes on the heap.
pub(crate) fn identity_size(identity: &PeerIdentity) -> usize {
    let inner = match identity {
        PeerIdentity::Psk(bytes) | PeerIdentity::RawPublicKey(bytes) => bytes.capacity(),
        PeerIdentity::Certificate(names) => {
            let alternative = names.alternative_names.iter();
            names
                .common_name
                .as_ref()
                .map_or(0, alloc::string::String::capacity)
                + names.alternative_names.capacity() * size_of::<alloc::string::String>()
                + alternative
                    .map(alloc::string::String::capacity)
                    .sum::<usize>()
                + names.certificate.capacity()
                + size_of::<CertificateIdentity>()
        }
        _ => 0,
    };
    // Two counters stand before what is shared.
    2 * size_of::<usize>() + size_of::<PeerIdentity>() + inner
}

/// Appends an identity, as exports and tickets hold it.
pub(crate) fn put_identity(to: &mut Vec<u8>, identity: &PeerIdentity) {
    match identity {
        PeerIdentity::Psk(name) => {
            to.u8(1);
            to.vec16(name);
        }
        PeerIdentity::RawPublicKey(spki) => {
            to.u8(2);
            to.vec16(spki);
        }
        PeerIdentity::Certificate(names) => {
            to.u8(3);
            let common_name = names.common_name.as_deref();
            to.u8(common_name.is_some().into());
            to.vec16(common_name.unwrap_or_default().as_bytes());
            to.nested16(|to| {
                for name in &names.alternative_names {
                    to.vec16(name.as_bytes());
                }
            });
            to.vec16(&names.certificate);
        }
        _ => to.u8(0),
    }
}

/// Takes an identity that [`put_identity`] has put there.
pub(crate) fn take_identity(from: &mut Reader<'_>) -> Result<PeerIdentity, Malformed> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.into()).map_err(|_| Malformed);
    Ok(match from.u8()? {
        0 => PeerIdentity::None,
        1 => PeerIdentity::Psk(from.vec16()?.into()),
        2 => PeerIdentity::RawPublicKey(from.vec16()?.into()),
        3 => {
            let named = from.u8()? == 1;
            let common_name = text(from.vec16()?)?;
            let mut list = Reader::new(from.vec16()?);
            let mut alternative_names = Vec::new();
            while !list.is_empty() {
                alternative_names.push(text(list.vec16()?)?);
            }
            alternative_names.shrink_to_fit();
            PeerIdentity::from(CertificateIdentity::new(
                named.then_some(common_name),
                alternative_names,
                from.vec16()?.into(),
            ))
        }
        _ => return Err(Malformed),
    })
}
