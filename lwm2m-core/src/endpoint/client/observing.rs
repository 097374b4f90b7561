//! Requests that begin an observation or renew it, and the token that they share with it.

use super::{ClientExchange, Purpose, state::State};
use crate::{
    coap::{Code, Message, MessageKind, Token, option},
    endpoint::{Endpoint, Failure, TokenOwner, observation::Observation},
};

impl Endpoint {
    /// What a message with this token is for. The notifications of an observation have the token of its renewal: until
    /// that is acknowledged, and where they go non-confirmably and are not newer than what came before, they are not the
    /// response to it (RFC 7641, section 3.4), and the renewal goes on. What comes confirmably behind the acknowledgement
    /// is the response whatever its number: a server that has restarted counts from the beginning. Should it be a late
    /// notification all the same, the response follows, and is newer.
    pub(in crate::endpoint) fn told_by(&self, owner: TokenOwner, message: &Message) -> TokenOwner {
        let TokenOwner::Request(id) = owner else {
            return owner;
        };
        let Some(exchange) = self.requests.get(&id) else {
            return owner;
        };
        let sequence = message.options.uint(option::OBSERVE);
        let (Purpose::Refresh(observation), Some(sequence)) = (exchange.purpose, sequence) else {
            return owner;
        };
        let Some(known) = self.observations.get(&observation) else {
            return owner;
        };
        let unacknowledged = exchange.request.confirmable && exchange.state == State::Transmitted;
        let older = message.code.is_success()
            && message.kind == MessageKind::NonConfirmable
            && !known.would_renew(sequence, self.now);
        match message.kind != MessageKind::Acknowledgement && (unacknowledged || older) {
            true => TokenOwner::Observation(observation),
            false => owner,
        }
    }

    /// Whether a newer representation than that in the response to a renewal was reported while it was under way. An
    /// older number alone does not tell: who has restarted counts from the beginning.
    pub(super) fn is_overtaken(&self, id: u64, sequence: u32) -> Option<u64> {
        let exchange = self.requests.get(&id)?;
        let Purpose::Refresh(observation) = exchange.purpose else {
            return None;
        };
        let known = self.observations.get(&observation)?;
        let newer_came = exchange.sent_after != Some(known.sequence());
        (newer_came && !known.would_renew(sequence, self.now)).then_some(observation)
    }

    /// Notes the observation that a successful response with Observe option begins or renews.
    pub(super) fn begin_observation(
        &mut self,
        id: u64,
        token: Token,
        sequence: u32,
    ) -> Option<&mut Observation> {
        let exchange = self.requests.get_mut(&id)?;
        let asked = exchange.request.options.uint(option::OBSERVE) == Some(0)
            && matches!(exchange.request.code, Code::GET | Code::FETCH);
        let peer = exchange.peer;
        let observation = match exchange.purpose {
            Purpose::Request if asked && exchange.observation.is_none() => None,
            Purpose::Refresh(observation) => Some(observation),
            _ => return None,
        };
        let request = exchange.request.clone();
        let observation = match observation {
            Some(observation) => {
                // It may have been forgotten while it was being renewed.
                let known = self.observations.get_mut(&observation)?;
                if let Some(older) = known.renew(sequence, self.now, id) {
                    self.close_request(older);
                }
                observation
            }
            // The next notification is reset, and that ends it at the peer.
            None if !self.may_observe(peer) => {
                self.metrics.refused_observations += 1;
                return None;
            }
            None => {
                let observation = self.fresh_id();
                let entry = Observation::new(peer, token, request, sequence, self.now, id);
                self.observations.insert(observation, entry);
                if let Some(state) = self.peers.get_mut(&peer) {
                    state.observations.push(observation);
                }
                observation
            }
        };
        if let Some(exchange) = self.requests.get_mut(&id) {
            exchange.observation = Some(observation);
        }
        self.tokens
            .insert((peer, token), TokenOwner::Observation(observation));
        self.observations.get_mut(&observation)
    }

    /// A renewal that was answered without Observe option has ended the observation.
    pub(super) fn observation_not_renewed(&mut self, id: u64) {
        if let Some(&ClientExchange {
            purpose: Purpose::Refresh(observation),
            observation: None,
            ..
        }) = self.requests.get(&id)
        {
            self.close_observation(observation);
        }
    }

    /// A token names one request at a time (RFC 7252, section 5.3.1): before an observation lends its own to another,
    /// its renewal under way ends.
    pub(in crate::endpoint) fn end_renewal(&mut self, observation: u64) {
        let known = self.observations.get(&observation);
        if let Some(renewal) = known.and_then(|known| known.renewal) {
            self.finish_request(renewal, Err(Failure::Superseded));
        }
    }

    /// An observation lives under its token, which its renewal borrows for each message.
    pub(super) fn give_token_back(&mut self, purpose: Purpose) {
        if let Purpose::Refresh(id) = purpose
            && let Some(observation) = self.observations.get(&id)
        {
            let key = (observation.peer, observation.token);
            self.tokens.insert(key, TokenOwner::Observation(id));
        }
    }
}
