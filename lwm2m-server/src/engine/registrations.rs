//! The registration interface (Core 1.2.2, section 6.2): register, update, de-register, expiry.

use super::{
    ServerEngine, Source, Timer,
    registry::{Entry, Slot},
};
use crate::{
    authorizer::Authorization,
    error::DeviceError,
    event::{DeregistrationReason, RefusalReason, ServerEvent},
    persistence::Dirty,
    registration::{ObjectList, Presence, Registration},
    security::{EndpointCredential, Role},
};
use lwm2m_core::{
    coap::{Code, Response},
    endpoint::ExchangeId,
    engine::Outbound,
    operation::{Binding, DEFAULT_LIFETIME, Register, Update},
    peer::PeerIdentity,
    time::Instant,
    version::LwM2mVersion,
};
use rand_core::RngCore;
use std::{sync::Arc, time::Duration};
use tracing::debug;

impl ServerEngine {
    pub(super) fn on_register(
        &mut self,
        now: Instant,
        source: Source<'_>,
        exchange: ExchangeId,
        mut register: Register,
    ) {
        if register.endpoint.as_ref().is_some_and(String::is_empty) {
            return self.refuse(now, source, exchange, None, RefusalReason::NoEndpointName);
        }
        // A list beside it is only the rest: without what the profile stands for, objects would be missing.
        if let Some(pid) = &register.profile {
            let Some(links) = self.config.profiles.resolve(pid, &register.links) else {
                let endpoint = register.endpoint.as_deref().map(Arc::from);
                return self.refuse(
                    now,
                    source,
                    exchange,
                    endpoint,
                    RefusalReason::UnknownProfile,
                );
            };
            register.links = links;
        }
        if register.links.is_empty() {
            // Only 1.2 comes here without objects.
            let endpoint = register.endpoint.as_deref().map(Arc::from);
            return self.refuse(now, source, exchange, endpoint, RefusalReason::NoObjects);
        }
        self.authorize(now, source, exchange, register);
    }

    /// Carries a decision out.
    pub(super) fn admit(
        &mut self,
        now: Instant,
        source: Source<'_>,
        exchange: ExchangeId,
        register: &Register,
        decision: Authorization,
    ) {
        let endpoint = match decision {
            Authorization::Accept { endpoint } => endpoint,
            Authorization::Refuse(reason) => {
                let endpoint = register.endpoint.as_deref().map(Arc::from);
                return self.refuse(now, source, exchange, endpoint, reason);
            }
        };
        let known = self.registry.by_name(&endpoint);
        if known.is_none() && self.registry.len() >= self.config.max_registrations {
            let reason = RefusalReason::Limit("registrations");
            return self.refuse(now, source, exchange, Some(endpoint), reason);
        }
        let lifetime = self.lifetime(register.lifetime.unwrap_or(DEFAULT_LIFETIME));
        let objects = ObjectList::from_links(register.version, register.links.clone());
        let wall = self.wall(now);
        let registration = Arc::new(Registration {
            endpoint: endpoint.clone(),
            id: self.location_id(),
            version: register.version,
            lifetime,
            binding: register.binding.unwrap_or(Binding::U),
            queue_mode: register.queue_mode,
            sms: register.sms.clone(),
            additional: register.additional.clone(),
            objects: self.registry.intern(objects),
            address: source.address,
            identity: source.identity.clone(),
            registered_at: wall,
            updated_at: wall,
            expires_at: wall + lifetime,
            presence: Presence::Awake,
        });
        let (slot, replaced) = self.registry.insert(Entry {
            registration: registration.clone(),
            peer: Some(source.peer),
            expires: now + lifetime,
            last_heard: now,
            expiry_timer: None,
            sleep_timer: None,
            requests: Vec::new(),
        });
        if let Some(old) = &replaced {
            for timer in old.expiry_timer.into_iter().chain(old.sleep_timer) {
                self.timers.cancel(timer);
            }
            if old.peer != Some(source.peer) {
                self.fail_sent(slot, &DeviceError::RegistrationEnded);
            }
        }
        self.arm_expiry(slot);
        self.arm_sleep(now, slot);
        self.metrics.registered += 1;
        self.mark(|| Dirty::Registration(endpoint.clone()));
        self.respond(now, exchange, Register::created(&["rd", &registration.id]));
        self.emit(ServerEvent::Registered {
            registration,
            replaced: replaced.is_some(),
        });
        // What the device observed for us went with its old registration (Core 1.2.2, section 6.4.1).
        self.reset_observations(&endpoint);
        self.renew_observations(now, &endpoint);
        self.send_waiting(now, slot);
    }

    pub(super) fn on_update(
        &mut self,
        now: Instant,
        source: Source<'_>,
        exchange: ExchangeId,
        mut update: Update,
    ) {
        let Some(slot) = self.find_for(now, source, exchange, &update.location) else {
            return;
        };
        let Some(entry) = self.registry.entry(slot) else {
            return;
        };
        let version = entry.registration.version;
        // Profiles came with 1.2.
        let profile = (update.profile.as_deref()).filter(|_| version >= LwM2mVersion::V1_2);
        let links = match profile {
            None => update.links.take(),
            Some(pid) => {
                let listed = update.links.as_deref().unwrap_or_default();
                let Some(links) = self.config.profiles.resolve(pid, listed) else {
                    let endpoint = Some(entry.registration.endpoint.clone());
                    let reason = RefusalReason::UnknownProfile;
                    return self.refuse(now, source, exchange, endpoint, reason);
                };
                Some(links)
            }
        };
        // Its registration shall say so, too, when it is reported below.
        self.wake(now, slot);
        let queue_mode = update.new_queue_mode();
        let lifetime = update.lifetime.map(|seconds| self.lifetime(seconds));
        let wall = self.wall(now);
        let objects =
            links.map(|links| self.registry.intern(ObjectList::from_links(version, links)));
        let Some(entry) = self.registry.entry_mut(slot) else {
            return;
        };
        let registration = Arc::make_mut(&mut entry.registration);
        let mut changed = registration.address != source.address;
        let mut released = None;
        registration.address = source.address;
        if let Some(lifetime) = lifetime {
            changed |= std::mem::replace(&mut registration.lifetime, lifetime) != lifetime;
        }
        if let Some(binding) = update.binding.map(|binding| binding.with_queue_mode(false)) {
            changed |= std::mem::replace(&mut registration.binding, binding) != binding;
        }
        if let Some(queue_mode) = queue_mode {
            changed |= std::mem::replace(&mut registration.queue_mode, queue_mode) != queue_mode;
        }
        if let Some(sms) = update.sms {
            changed |= registration.sms.as_ref() != Some(&sms);
            registration.sms = Some(sms);
        }
        if !update.additional.is_empty() {
            changed |= registration.additional != update.additional;
            registration.additional = update.additional;
        }
        if let Some(objects) = objects {
            changed |= registration.objects != objects;
            released = Some(std::mem::replace(&mut registration.objects, objects));
        }
        registration.updated_at = wall;
        registration.expires_at = wall + registration.lifetime;
        entry.expires = now + registration.lifetime;
        entry.last_heard = now;
        let registration = entry.registration.clone();
        if let Some(list) = released {
            self.registry.release(list);
        }
        let moved = self.registry.set_peer(slot, Some(source.peer));
        if moved {
            self.fail_sent(slot, &DeviceError::Unreachable);
        }
        self.arm_expiry(slot);
        self.arm_sleep(now, slot);
        self.metrics.updated += 1;
        let endpoint = registration.endpoint.clone();
        self.mark(|| Dirty::Registration(endpoint.clone()));
        self.respond(now, exchange, Response::new(Code::CHANGED));
        self.emit(ServerEvent::Updated {
            registration,
            changed,
        });
        if moved {
            // Notifications from the new address would match none of the observations made at the old one.
            self.reset_observations(&endpoint);
        }
        self.renew_observations(now, &endpoint);
    }

    pub(super) fn on_deregister(
        &mut self,
        now: Instant,
        source: Source<'_>,
        exchange: ExchangeId,
        location: &[String],
    ) {
        let Some(slot) = self.find_for(now, source, exchange, location) else {
            return;
        };
        self.respond(now, exchange, Response::new(Code::DELETED));
        self.metrics.deregistered += 1;
        if let Some(endpoint) = self.remove(slot) {
            self.emit(ServerEvent::Deregistered {
                endpoint,
                reason: DeregistrationReason::ByDevice,
            });
        }
    }

    /// The registration at a location, where it is that of the sender; else the answer is given.
    fn find_for(
        &mut self,
        now: Instant,
        source: Source<'_>,
        exchange: ExchangeId,
        location: &[String],
    ) -> Option<Slot> {
        let slot = match location {
            [rd, id] if rd == "rd" => self.registry.by_id(id),
            _ => None,
        };
        let Some((slot, entry)) = slot.and_then(|slot| Some((slot, self.registry.entry(slot)?)))
        else {
            debug!(peer = %source.peer, "unknown registration");
            self.respond(now, exchange, Response::new(Code::NOT_FOUND));
            return None;
        };
        if entry.registration.identity != *source.identity {
            let endpoint = Some(entry.registration.endpoint.clone());
            self.refuse(
                now,
                source,
                exchange,
                endpoint,
                RefusalReason::IdentityMismatch,
            );
            return None;
        }
        Some(slot)
    }

    pub(super) fn on_expiry(&mut self, now: Instant, slot: Slot) {
        let Some(entry) = self.registry.entry_mut(slot) else {
            return;
        };
        entry.expiry_timer = None;
        if entry.expires > now {
            return self.arm_expiry(slot);
        }
        self.metrics.expired += 1;
        if let Some(endpoint) = self.remove(slot) {
            self.emit(ServerEvent::Expired { endpoint });
        }
    }

    /// Takes a registration out with all that hangs on it.
    fn remove(&mut self, slot: Slot) -> Option<Arc<str>> {
        self.fail_all(slot, &DeviceError::RegistrationEnded);
        let entry = self.registry.remove(slot)?;
        for timer in entry.expiry_timer.into_iter().chain(entry.sleep_timer) {
            self.timers.cancel(timer);
        }
        let endpoint = entry.registration.endpoint.clone();
        self.reset_observations(&endpoint);
        self.mark(|| Dirty::Registration(endpoint.clone()));
        Some(endpoint)
    }

    /// Ends what rests on credentials that are no longer good: sessions, and the registration made with them.
    pub fn credentials_removed(&mut self, endpoint: &str, removed: &[EndpointCredential]) {
        let removed = removed.iter().filter(|entry| entry.role == Role::Server);
        for credential in removed.map(|entry| &entry.credential) {
            if let Some(identity) = credential.identity() {
                self.outbound.push_back(Outbound::Forget { identity });
            }
            let slot = self.registry.by_name(endpoint);
            let Some((slot, entry)) =
                slot.and_then(|slot| Some((slot, self.registry.entry(slot)?)))
            else {
                continue;
            };
            let identity = entry.registration.identity.clone();
            if !credential.proves(endpoint, &identity) {
                continue;
            }
            if matches!(identity, PeerIdentity::Certificate(_)) {
                self.outbound.push_back(Outbound::Forget { identity });
            }
            if let Some(endpoint) = self.remove(slot) {
                let reason = DeregistrationReason::CredentialsRemoved;
                self.emit(ServerEvent::Deregistered { endpoint, reason });
            }
        }
    }

    /// Ends the registration of an endpoint that came without security and from now on has credentials: whoever comes
    /// without is refused then, and shall not go on with updates either.
    pub fn credentials_added(&mut self, endpoint: &str) {
        let Some((slot, entry)) = (self.registry.by_name(endpoint))
            .and_then(|slot| Some((slot, self.registry.entry(slot)?)))
        else {
            return;
        };
        if entry.registration.identity == PeerIdentity::None
            && let Some(endpoint) = self.remove(slot)
        {
            let reason = DeregistrationReason::CredentialsAdded;
            self.emit(ServerEvent::Deregistered { endpoint, reason });
        }
    }

    /// Sees to it that the registration expires. A timer that runs out too early finds out and is set again, so that an
    /// update costs nothing here.
    pub(super) fn arm_expiry(&mut self, slot: Slot) {
        let Some(entry) = self.registry.entry_mut(slot) else {
            return;
        };
        // A lifetime that was shortened needs an earlier timer.
        if let Some(timer) = entry.expiry_timer.take() {
            self.timers.cancel(timer);
        }
        entry.expiry_timer = Some(self.timers.set(entry.expires, Timer::Expiry(slot)));
    }

    fn lifetime(&self, seconds: u32) -> Duration {
        if seconds == 0 {
            // For ever, as far as we go along.
            return self.config.max_lifetime;
        }
        let lifetime = Duration::from_secs(u64::from(seconds));
        lifetime
            .max(self.config.min_lifetime)
            .min(self.config.max_lifetime)
    }

    /// A location nobody can guess: who knows it can update and end an unsecured registration.
    fn location_id(&mut self) -> Arc<str> {
        loop {
            let mut id = String::with_capacity(16);
            for _ in 0..16 {
                // 32 letters: each five bits of chance, 80 in all.
                let letter =
                    b"abcdefghijkmnpqrstuvwxyz23456789"[(self.random.next_u32() >> 27) as usize];
                id.push(char::from(letter));
            }
            if self.registry.by_id(&id).is_none() {
                return id.into();
            }
        }
    }
}
