//! What outlives the process: what a store has not seen yet, and what it gives back.

use super::{ServerEngine, registry::Entry};
use crate::{
    persistence::{self, Dirty, RegistrationRecord},
    registration::{ObjectList, Presence, Registration},
    sessions::SessionOf,
    store::{Change, Collection, Document, StoreError},
};
use lwm2m_core::{
    link,
    operation::Binding,
    peer::{PeerId, PeerIdentity},
    time::Instant,
    version::LwM2mVersion,
};
use lwm2m_transport::dtls::SessionName;
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

impl ServerEngine {
    /// Begins to remember what changes, for [`take_changes`](Self::take_changes).
    pub fn remember_changes(&mut self) {
        self.dirty.get_or_insert_with(HashSet::new);
    }

    /// Has records of registrations say which session they are reached over, so that after a restart each finds its own
    /// among those that go on ([`reconnect`](Self::reconnect)), also where several devices share an identity. `name_of`
    /// tells what a connection is called in the store of sessions; `None` where it is not kept there.
    pub fn name_sessions(
        &mut self,
        name_of: impl Fn(PeerId) -> Option<SessionName> + Send + 'static,
    ) {
        self.session_names = Some(Box::new(name_of));
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
                            self.session_of(entry),
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

    fn session_of(&self, entry: &Entry) -> Option<SessionOf> {
        let name_of = self.session_names.as_ref()?;
        if entry.registration.identity == PeerIdentity::None {
            return None;
        }
        let name = entry.peer.and_then(name_of);
        Some(name.map_or(SessionOf::NotKept, SessionOf::Kept))
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

    /// Tells which sessions go on after a restart: each restored registration is reached over the one that its record
    /// names, and over no other. A record of before there were names says nothing; its registration is reached over a
    /// session where that is the only one whose peer has proven its identity, and it is the only registration with it.
    pub fn reconnect<'a>(
        &mut self,
        sessions: impl IntoIterator<Item = (PeerId, SessionName, &'a PeerIdentity)>,
    ) {
        let mut by_name: HashMap<SessionName, (PeerId, &PeerIdentity)> = HashMap::new();
        // `None`: there are several.
        let mut by_identity: HashMap<&PeerIdentity, Option<PeerId>> = HashMap::new();
        for (peer, name, identity) in sessions {
            by_name.insert(name, (peer, identity));
            let only = by_identity.entry(identity);
            only.and_modify(|only| *only = None).or_insert(Some(peer));
        }
        let mut sharing: HashMap<&PeerIdentity, usize> = HashMap::new();
        for entry in self.registry.iter() {
            *sharing.entry(&entry.registration.identity).or_default() += 1;
        }
        let restored = std::mem::take(&mut self.restored).into_iter();
        let mut found: Vec<_> = restored
            .filter_map(|(slot, session)| {
                let registration = &self.registry.entry(slot)?.registration;
                let identity = &registration.identity;
                let peer = match session {
                    Some(SessionOf::Kept(name)) => {
                        let (peer, proven) = by_name.get(&name)?;
                        (*proven == identity).then_some(*peer)
                    }
                    Some(SessionOf::NotKept) => None,
                    None => {
                        let only = by_identity.get(identity).copied().flatten();
                        only.filter(|_| sharing.get(identity) == Some(&1))
                    }
                }?;
                Some((registration.clone(), slot, peer, session.is_none()))
            })
            .collect();
        // Of several names on one session, the one that spoke last is the one that is heard on it.
        found.sort_by_key(|(registration, ..)| registration.updated_at);
        for (registration, slot, peer, is_guessed) in found {
            self.registry.set_peer(slot, Some(peer));
            if is_guessed {
                // Its record shall say so before another session makes it ambiguous.
                self.mark(|| Dirty::Registration(registration.endpoint.clone()));
            }
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
        let session = record.session;
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
        if peer.is_none() {
            self.restored.insert(slot, session);
        }
        self.arm_expiry(slot);
    }
}
