//! What outlives the process: what a store has not seen yet, and what it gives back.

use super::{ServerEngine, registry::Entry};
use crate::{
    persistence::{self, Dirty, RegistrationRecord},
    registration::{ObjectList, Presence, Registration},
    store::{Change, Collection, Document, StoreError},
};
use lwm2m_core::{
    link,
    operation::Binding,
    peer::{PeerId, PeerIdentity},
    time::Instant,
    version::LwM2mVersion,
};
use std::{
    collections::{HashMap, HashSet},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

impl ServerEngine {
    /// Begins to remember what changes, for [`take_changes`](Self::take_changes).
    pub fn remember_changes(&mut self) {
        self.dirty.get_or_insert_with(HashSet::new);
    }

    /// At most `limit` changes since they were last taken; each record stands in them once, as it is now. They are
    /// remembered only after [`remember_changes`](Self::remember_changes).
    pub fn take_changes(&mut self, limit: usize) -> Vec<Change> {
        let Some(set) = &mut self.dirty else {
            return Vec::new();
        };
        let dirty: Vec<Dirty> = set.iter().take(limit).cloned().collect();
        for entry in &dirty {
            set.remove(entry);
        }
        dirty.into_iter().map(|dirty| self.change(dirty)).collect()
    }

    fn change(&self, dirty: Dirty) -> Change {
        match dirty {
            Dirty::Registration(endpoint) => {
                let slot = self.registry.by_name(&endpoint);
                match slot.and_then(|slot| self.registry.entry(slot)) {
                    Some(entry) => {
                        let listener = entry.peer.map_or(0, |peer| peer.listener());
                        Change::Put(persistence::registration_document(
                            &entry.registration,
                            listener,
                        ))
                    }
                    None => Change::Remove {
                        collection: Collection::Registrations,
                        key: endpoint.as_ref().into(),
                    },
                }
            }
            Dirty::Observation(id) => match self.observations.wanted(id) {
                Some(wanted) => {
                    let document =
                        persistence::observation_document(id, &wanted.endpoint, &wanted.target);
                    Change::Put(document)
                }
                None => Change::Remove {
                    collection: Collection::Observations,
                    key: id.to_string(),
                },
            },
        }
    }

    /// Takes a registration or observation back from a store; documents of other kinds are passed over. A
    /// registration whose time has passed meanwhile expires at once; the connection of a secured device is gone unless
    /// [`reconnect`](Self::reconnect) says otherwise, and the device must make a new one; a device with queue mode is taken for asleep.
    ///
    /// # Errors
    /// A document that cannot be read.
    pub fn restore(&mut self, now: Instant, document: &Document) -> Result<(), StoreError> {
        match document.collection {
            Collection::Registrations => {
                let record = persistence::read_registration(document)?;
                self.restore_registration(now, record);
            }
            Collection::Observations => {
                let (id, endpoint, target) = persistence::read_observation(document)?;
                if self.observations.wanted(id).is_none() {
                    self.observations.insert(id, endpoint, target);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Tells which connections go on after a restart, those heard last at the end: each restored registration is reached
    /// over the one whose peer has proven the same identity. Where several have, the address it spoke from last decides,
    /// and then the time; where several registrations have one identity, only the address does.
    pub fn reconnect<'a>(
        &mut self,
        connections: impl IntoIterator<Item = (PeerId, &'a PeerIdentity, SocketAddr)>,
    ) {
        let mut of_identity: HashMap<&PeerIdentity, Vec<(PeerId, SocketAddr)>> = HashMap::new();
        for (peer, identity, address) in connections {
            let found = of_identity.entry(identity).or_default();
            found.push((peer, address));
        }
        let mut sharing: HashMap<&PeerIdentity, usize> = HashMap::new();
        for entry in self.registry.iter() {
            *sharing.entry(&entry.registration.identity).or_default() += 1;
        }
        let found = self.registry.slots().filter_map(|(slot, entry)| {
            let registration = &entry.registration;
            let candidates = of_identity.get(&registration.identity)?;
            let mut latest_first = candidates.iter().rev();
            let there = latest_first.find(|(_, address)| *address == registration.address);
            let alone = sharing.get(&registration.identity) == Some(&1);
            let (peer, _) = there.or_else(|| candidates.last().filter(|_| alone))?;
            (entry.peer.is_none()).then_some((slot, *peer))
        });
        for (slot, peer) in found.collect::<Vec<_>>() {
            self.registry.set_peer(slot, Some(peer));
        }
    }

    /// Ends the restored registrations without security whose endpoint `is_refused` without it by now: their devices would
    /// go on with updates else, which nobody authorizes anew.
    pub fn end_unsecured(&mut self, is_refused: impl Fn(&str) -> bool) {
        let unsecured = self.registry.iter().map(|entry| &entry.registration);
        let unsecured = unsecured.filter(|found| found.identity == PeerIdentity::None);
        let refused: Vec<Arc<str>> = unsecured
            .filter(|found| is_refused(&found.endpoint))
            .map(|found| found.endpoint.clone())
            .collect();
        for endpoint in refused {
            self.credentials_added(&endpoint);
        }
    }

    fn restore_registration(&mut self, now: Instant, record: RegistrationRecord) {
        // All three were found readable when the document was read.
        let version: LwM2mVersion = record.version.parse().unwrap_or(LwM2mVersion::V1_0);
        let binding = Binding::parse(&record.binding).unwrap_or(Binding::U);
        let links = link::parse(record.links.as_bytes()).unwrap_or_default();
        let identity = PeerIdentity::from(record.identity);
        let expires_at = persistence::from_millis(record.expires_at);
        let left = expires_at
            .duration_since(self.wall(now))
            .unwrap_or(Duration::ZERO);
        let peer = match identity {
            PeerIdentity::None => Some(PeerId::from_address(record.listener, record.address)),
            _ => None,
        };
        let registration = Registration {
            endpoint: record.endpoint.into(),
            id: record.id.into(),
            version,
            lifetime: Duration::from_secs(record.lifetime),
            binding,
            queue_mode: record.queue_mode,
            sms: record.sms,
            additional: record.additional,
            objects: self.registry.intern(ObjectList::from_links(version, links)),
            address: record.address,
            identity,
            registered_at: persistence::from_millis(record.registered_at),
            updated_at: persistence::from_millis(record.updated_at),
            expires_at,
            presence: if record.queue_mode {
                Presence::Asleep
            } else {
                Presence::Awake
            },
        };
        let (slot, _) = self.registry.insert(Entry {
            registration: Arc::new(registration),
            peer,
            expires: now + left,
            last_heard: now,
            expiry_timer: None,
            sleep_timer: None,
            requests: Vec::new(),
        });
        self.arm_expiry(slot);
    }
}
