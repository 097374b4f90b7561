//! How a request goes: its turn (NSTART), its message id, its token.

use super::{
    Purpose,
    state::{Action, Input},
};
use crate::{
    coap::{Message, MessageKind, Token, option},
    endpoint::{Endpoint, TokenOwner, observation::Observation, transmission::Owner},
    peer::PeerId,
};
use rand_core::RngCore;

impl Endpoint {
    pub(super) fn queue_request(&mut self, id: u64) {
        let Some(peer) = self.requests.get(&id).map(|exchange| exchange.peer) else {
            return;
        };
        if let Some(state) = self.peer(peer) {
            state.waiting.push_back(id);
        }
        self.start_requests(peer);
    }

    /// Sends what waits, as far as NSTART allows.
    pub(in crate::endpoint) fn start_requests(&mut self, peer: PeerId) {
        let nstart = self.timing(peer).nstart.max(1);
        loop {
            let Some(state) = self.peers.get_mut(&peer) else {
                return;
            };
            if state.active >= nstart || state.waiting.is_empty() || self.hold_requests(peer) {
                return;
            }
            let Some(message_id) = self.message_id(peer) else {
                return;
            };
            let next = self
                .peers
                .get_mut(&peer)
                .and_then(|s| s.waiting.pop_front());
            if let Some(id) = next {
                self.transmit(id, message_id);
            }
        }
    }

    fn transmit(&mut self, id: u64, message_id: u16) {
        if self.advance(id, Input::Turn) != Action::Send {
            return;
        }
        let Some(exchange) = self.requests.get(&id) else {
            return;
        };
        let peer = exchange.peer;
        let owner = Owner::Request(id);
        if exchange.purpose == Purpose::Ping {
            let message = Message::empty(MessageKind::Confirmable, message_id);
            self.note_message(id, Token::EMPTY, message_id);
            self.send_confirmable(peer, &message, owner, None);
            return;
        }
        let token = match exchange.keeps_token {
            true => exchange.token,
            false => self.fresh_token(peer),
        };
        let Some(exchange) = self.requests.get(&id) else {
            return;
        };
        let (mut options, payload) = exchange.transfer.message(&exchange.request);
        let told = self
            .peers
            .get_mut(&peer)
            .and_then(|state| state.echo.take());
        if let Some(echo) = exchange.echo.as_deref().or(told.as_deref()) {
            options.set(option::ECHO, echo);
        }
        let kind = match exchange.request.confirmable {
            true => MessageKind::Confirmable,
            false => MessageKind::NonConfirmable,
        };
        let message = Message {
            kind,
            code: exchange.request.code,
            id: message_id,
            token,
            options,
            payload,
        };
        self.note_message(id, token, message_id);
        self.tokens.insert((peer, token), TokenOwner::Request(id));
        if kind == MessageKind::Confirmable {
            self.send_confirmable(peer, &message, owner, None);
        } else {
            self.send_non_confirmable(peer, &message, owner);
            let wait = self.timing(peer).ack_timeout;
            self.set_wait(id, wait);
        }
    }

    fn note_message(&mut self, id: u64, token: Token, message_id: u16) {
        if let Some(exchange) = self.requests.get_mut(&id) {
            exchange.token = token;
            exchange.message_id = Some(message_id);
            if let Purpose::Refresh(observation) = exchange.purpose {
                let known = self.observations.get(&observation);
                exchange.sent_after = known.map(Observation::sequence);
            }
        }
    }

    /// A token that nothing under way with this peer has.
    fn fresh_token(&mut self, peer: PeerId) -> Token {
        let length = self.config.token_length.clamp(4, 8);
        loop {
            let mut bytes = [0; 8];
            self.random.fill_bytes(&mut bytes[..length]);
            let token = Token::new(&bytes[..length]).unwrap_or_default();
            if !self.tokens.contains_key(&(peer, token)) {
                return token;
            }
        }
    }
}
