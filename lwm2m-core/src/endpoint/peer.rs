//! What is kept for a peer, and for how long.

use super::{
    Endpoint, EndpointError, Failure, ObserverGone, Timer, Timing, address::Address, dedup::Dedup,
    message_id::MessageIds, probing::Probing, transmission::Owner,
};
use crate::{coap::Message, peer::PeerId, time::Instant, timer::TimerId};
use alloc::{
    boxed::Box,
    collections::{BTreeMap, VecDeque},
    vec::Vec,
};
use rand_core::RngCore;

/// The state of one peer. It goes when nothing is under way and EXCHANGE_LIFETIME has passed since its last
/// message, in either direction.
pub(super) struct Peer {
    ids: MessageIds,
    pub(super) dedup: Dedup,
    pub(super) address: Address,
    pub(super) probing: Probing,
    /// What the peer wants to have with the next request (RFC 9175, section 2.3).
    pub(super) echo: Option<Box<[u8]>>,
    last_used: Instant,
    forget: TimerId,
    /// Waits for message ids.
    retry: Option<TimerId>,
    /// Requests of ours that count against NSTART.
    pub(super) active: usize,
    /// Requests of ours that wait for their turn.
    pub(super) waiting: VecDeque<u64>,
    /// Confirmable notifications under way, which count against NSTART by themselves.
    pub(super) notifying: usize,
    /// Observers whose confirmable notification waits for its turn.
    pub(super) notify_waiting: VecDeque<u64>,
    pub(super) requests: Vec<u64>,
    pub(super) exchanges: Vec<u64>,
    /// Message ids of separate responses that are not acknowledged yet.
    pub(super) responses: Vec<u64>,
    /// Answers that wait for a message id.
    pub(super) unnumbered: VecDeque<Message>,
    /// Message ids of what may not go before the peer is heard.
    pub(super) withheld: Vec<u64>,
    pub(super) uploads: Vec<u64>,
    /// Keys of the bodies that are kept, oldest first.
    pub(super) bodies: BTreeMap<u64, u64>,
    pub(super) observers: Vec<u64>,
    pub(super) observations: Vec<u64>,
    /// Whether a body has been sent to it in blocks: the next is told from it by a Request-Tag.
    pub(super) has_uploaded: bool,
}

impl Peer {
    /// Requests of the peer whose answer is not known to have arrived.
    pub(super) fn unanswered(&self) -> usize {
        self.exchanges.len() + self.responses.len() + self.unnumbered.len()
    }

    fn is_busy(&self) -> bool {
        let lists = [
            &self.requests,
            &self.exchanges,
            &self.responses,
            &self.uploads,
            &self.observers,
            &self.observations,
        ];
        let queues = self.bodies.is_empty() && self.unnumbered.is_empty();
        !(queues && lists.into_iter().all(Vec::is_empty))
    }
}

/// Takes a number out of a short list.
pub(super) fn take_out(list: &mut Vec<u64>, id: u64) {
    if let Some(at) = list.iter().position(|other| *other == id) {
        list.swap_remove(at);
    }
}

impl Endpoint {
    /// Sets transmission parameters for one peer, which rule from now on. They stay until
    /// [`Endpoint::clear_peer_timing`] or, for a peer behind a connection, [`Endpoint::forget_peer`].
    ///
    /// Messages that were waiting may go at once: drain [`Endpoint::poll_transmit`].
    ///
    /// # Errors
    /// [`EndpointError::TooManyTimings`] where `max_peer_timings` other peers have parameters of their own.
    pub fn set_peer_timing(&mut self, peer: PeerId, timing: Timing) -> Result<(), EndpointError> {
        if !self.timings.contains_key(&peer) && self.timings.len() >= self.config.max_peer_timings {
            self.metrics.refused_timings += 1;
            return Err(EndpointError::TooManyTimings);
        }
        self.settle_probing(peer);
        self.timings.insert(peer, timing);
        self.apply_timing(peer);
        Ok(())
    }

    /// Goes back to the parameters of the configuration, from now on.
    pub fn clear_peer_timing(&mut self, peer: PeerId) {
        self.settle_probing(peer);
        self.timings.remove(&peer);
        self.apply_timing(peer);
    }

    /// Lets go what other parameters allow to.
    fn apply_timing(&mut self, peer: PeerId) {
        self.rearm_probing(peer);
        self.start_requests(peer);
        self.start_notifications(peer);
    }

    /// The timing parameters that rule for a peer.
    pub(super) fn timing(&self, peer: PeerId) -> Timing {
        *self.timings.get(&peer).unwrap_or(&self.config.timing)
    }

    /// The state of a peer, made where there is none; `None` where there are too many.
    pub(super) fn peer(&mut self, peer: PeerId) -> Option<&mut Peer> {
        if !self.peers.contains_key(&peer) {
            if self.peers.len() >= self.config.max_peers {
                self.metrics.refused_peers += 1;
                return None;
            }
            let lifetime = self.timing(peer).exchange_lifetime();
            let forget = self.timers.set(self.now + lifetime, Timer::Peer(peer));
            let first = self.random.next_u32() as u16;
            let address = self.first_address(peer);
            self.peers.insert(
                peer,
                Box::new(Peer {
                    ids: MessageIds::new(first),
                    dedup: Dedup::default(),
                    address,
                    probing: Probing::default(),
                    echo: None,
                    last_used: self.now,
                    forget,
                    retry: None,
                    active: 0,
                    waiting: VecDeque::new(),
                    notifying: 0,
                    notify_waiting: VecDeque::new(),
                    requests: Vec::new(),
                    exchanges: Vec::new(),
                    responses: Vec::new(),
                    unnumbered: VecDeque::new(),
                    withheld: Vec::new(),
                    uploads: Vec::new(),
                    bodies: BTreeMap::new(),
                    observers: Vec::new(),
                    observations: Vec::new(),
                    has_uploaded: false,
                }),
            );
        }
        let state = self.peers.get_mut(&peer)?;
        state.last_used = self.now;
        Some(state)
    }

    /// A message id for this peer. Where there is none left, whoever waits is tried again when there is.
    pub(super) fn message_id(&mut self, peer: PeerId) -> Option<u16> {
        let lifetime = self.timing(peer).exchange_lifetime();
        let now = self.now;
        let mut taken = self.peer(peer)?.ids.take(now, lifetime);
        // What was withheld, and has gone since, may be under way for longer.
        while let Ok(id) = taken
            && self.is_under_way(peer, id)
        {
            taken = self.peer(peer)?.ids.take(now, lifetime);
        }
        match taken {
            Ok(id) => Some(id),
            Err(at) => {
                if let Some(state) = self.peers.get_mut(&peer).filter(|s| s.retry.is_none()) {
                    state.retry = Some(self.timers.set(at, Timer::MessageIds(peer)));
                }
                self.metrics.message_ids_exhausted += 1;
                None
            }
        }
    }

    pub(super) fn on_message_ids_timer(&mut self, peer: PeerId) {
        if let Some(state) = self.peers.get_mut(&peer) {
            state.retry = None;
        }
        self.send_unnumbered(peer);
        self.start_requests(peer);
        self.start_notifications(peer);
    }

    pub(super) fn on_peer_timer(&mut self, peer: PeerId) {
        let timing = self.timing(peer);
        let (lifetime, rate) = (timing.exchange_lifetime(), timing.probing_rate);
        let now = self.now;
        let forgotten = self.with_dedup(peer, |dedup| dedup.is_empty(now, lifetime));
        let (Some(state), Some(forgotten)) = (self.peers.get_mut(&peer), forgotten) else {
            return;
        };
        let quiet = now.since(state.last_used) >= lifetime;
        let forgotten = forgotten && !state.probing.owes(now, rate);
        if quiet && !state.is_busy() && forgotten {
            self.remove_peer(peer);
        } else {
            let at = if quiet { now } else { state.last_used };
            state.forget = self.timers.set(at + lifetime, Timer::Peer(peer));
        }
    }

    pub(super) fn remove_peer(&mut self, peer: PeerId) {
        if let Some(state) = self.peers.remove(&peer) {
            self.replayed -= state.dedup.bytes();
            let timers = [Some(state.forget), state.retry, state.probing.timer()];
            for timer in timers.into_iter().flatten() {
                self.timers.cancel(timer);
            }
        }
    }

    /// Ends all that runs with a peer. Its message ids stay taken where it may come back under the same name.
    pub(super) fn drop_peer(&mut self, peer: PeerId) {
        let Some(state) = self.peers.get_mut(&peer) else {
            return;
        };
        state.waiting.clear();
        state.notify_waiting.clear();
        self.unnumbered -= core::mem::take(&mut state.unnumbered).len();
        let requests = core::mem::take(&mut state.requests);
        let exchanges = core::mem::take(&mut state.exchanges);
        let responses = core::mem::take(&mut state.responses);
        let uploads = core::mem::take(&mut state.uploads);
        let bodies = core::mem::take(&mut state.bodies);
        let observers = core::mem::take(&mut state.observers);
        let observations = core::mem::take(&mut state.observations);
        for id in observations {
            self.close_observation(id);
        }
        for id in requests {
            self.finish_request(id, Err(Failure::PeerLost));
        }
        for id in uploads {
            self.abort_upload(id);
        }
        for id in exchanges {
            self.close_exchange(id);
        }
        for id in responses {
            self.end_transmission(peer, id as u16, Owner::Response);
        }
        for key in bodies.into_values() {
            self.drop_body(peer, key);
        }
        for id in observers {
            self.lose_observer(id, ObserverGone::Replaced);
        }
        if peer.address().is_none() {
            self.remove_peer(peer);
            self.timings.remove(&peer);
        }
    }
}
