//! Answers to the messages of peers, and what is kept of them for messages that come again.
//!
//! ```text
//!                      in the acknowledgement: kept for EXCHANGE_LIFETIME, or as long as others leave room
//!                     ┌──────────────────────────────────────────────────────────────────────────────▶
//!   answer ── cut to ─┤ in a message of its own, repeated until it is acknowledged: where the acknowledgement has
//!             what    │ left, the answer is to prove an address, or there is no room to keep it
//!             fits    ├───────────────────────────────────────────────────┬──────────────────────────▶
//!                     │ non-confirmably, as it was asked                  │  no message id  ▲
//!                     └───────────────────────────────────────────────────┤                 │ there are some
//!                                                                         └──▶ Unnumbered ──┘
//! ```
//!
//! An answer that waits for a message id counts as one that is not known to have arrived: who has
//! `max_exchanges_per_peer` of both gets no further one, and an answer that is over that, which nothing waited for above
//! (a refusal, 2.31 to a block), is as if the network had lost it.

use super::{
    Endpoint,
    address::Account,
    dedup::{ANSWER_OVERHEAD, Answer, Dedup, Limits},
    server::Asked,
    transmission::Owner,
};
use crate::{
    coap::{Block, Code, Message, MessageKind, Response, option},
    peer::PeerId,
};

impl Endpoint {
    /// Answers a message that begins no exchange.
    pub(super) fn refuse(&mut self, peer: PeerId, asked: &Asked, response: Response) {
        let (now, limits) = (self.now, self.dedup_limits());
        self.with_dedup(peer, |dedup| {
            dedup.remember(asked.id, now, Answer::Ignore, limits);
        });
        self.answer(peer, asked, response, None);
    }

    /// Answers a message: in the acknowledgement where that has not left yet, else in a message of its own. `true`: by
    /// 4.01 with Echo, so that the same message is wanted again.
    pub(super) fn answer(
        &mut self,
        peer: PeerId,
        asked: &Asked,
        mut response: Response,
        observe: Option<u32>,
    ) -> bool {
        let mut asked = *asked;
        if observe.is_some() && self.wants_proof(peer) {
            // Its acknowledgement proves the address, so that notifications may go there.
            self.answer_separately(peer, &mut asked);
        }
        let asked = &asked;
        let class = response.code.class().max(1) - 1;
        // 2.31 is no answer yet: without it no further block comes.
        let unwanted = asked.no_response >> class & 1 == 1 && response.code != Code::CONTINUE;
        if unwanted {
            if asked.confirmable && !asked.acknowledged {
                self.acknowledge(peer, asked.id);
            }
            self.note_answer(peer, asked.id, Answer::Acknowledge);
            return false;
        }
        for number in [
            option::BLOCK1,
            option::BLOCK2,
            option::SIZE2,
            option::OBSERVE,
        ] {
            response.options.remove(number);
        }
        if let Some(block) = asked.block1 {
            let echoed = Block {
                more: response.code == Code::CONTINUE,
                size: block.size.min(self.config.block_size),
                ..block
            };
            response.options.set_uint(option::BLOCK1, echoed.to_uint());
        }
        if let Some(sequence) = observe {
            response.options.set_uint(option::OBSERVE, sequence);
        }
        if let Some(how) = self.fit_answer(peer, asked, observe.is_some(), &mut response) {
            let (key, payload) = (asked.key, asked.payload);
            response = self.cut_response(peer, key, payload, asked.block2, how, response);
        }
        let wanted_again =
            response.code == Code::UNAUTHORIZED && response.options.contains(option::ECHO);
        self.answer_as_it_is(peer, asked, response);
        wanted_again
    }

    /// Lets the answer to a message go confirmably in a message of its own.
    fn answer_separately(&mut self, peer: PeerId, asked: &mut Asked) {
        if asked.confirmable && !asked.acknowledged {
            self.acknowledge(peer, asked.id);
        }
        (asked.confirmable, asked.acknowledged) = (true, true);
    }

    /// Answers a message with a response that has all its options and fits a message.
    pub(super) fn answer_as_it_is(&mut self, peer: PeerId, asked: &Asked, response: Response) {
        let piggybacked = asked.confirmable && !asked.acknowledged;
        let kind = match (asked.confirmable, piggybacked) {
            (true, true) => MessageKind::Acknowledgement,
            (true, false) => MessageKind::Confirmable,
            (false, _) => MessageKind::NonConfirmable,
        };
        let mut message = Message {
            kind,
            code: response.code,
            id: asked.id,
            token: asked.token,
            options: response.options,
            payload: response.payload,
        };
        if piggybacked {
            let Some(data) = self.encode(peer, &message) else {
                return;
            };
            if self.may_keep(peer, asked.id, data.len()) {
                self.send_bytes(peer, data.clone(), Account::Theirs);
                self.note_answer(peer, asked.id, Answer::Replay(data));
                return;
            }
            self.metrics.unkept_answers += 1;
            self.acknowledge(peer, asked.id);
            message.kind = MessageKind::Confirmable;
        }
        let answer = match message.kind {
            MessageKind::Confirmable => Answer::Acknowledge,
            _ => Answer::Ignore,
        };
        self.note_answer(peer, asked.id, answer);
        match self.message_id(peer) {
            Some(id) => self.send_numbered(peer, Message { id, ..message }),
            None => self.keep_unnumbered(peer, message),
        }
    }

    fn send_numbered(&mut self, peer: PeerId, message: Message) {
        match message.kind {
            MessageKind::Confirmable => {
                self.send_confirmable(peer, &message, Owner::Response, None);
            }
            _ => drop(self.send(peer, &message)),
        }
    }

    /// Lets an answer wait until there are message ids.
    fn keep_unnumbered(&mut self, peer: PeerId, message: Message) {
        let limit = self.config.max_exchanges_per_peer;
        if let Some(state) = (self.peers.get_mut(&peer)).filter(|state| state.unanswered() < limit)
        {
            state.unnumbered.push_back(message);
            self.unnumbered += 1;
        } else {
            self.metrics.dropped_answers += 1;
        }
    }

    /// There are message ids again.
    pub(super) fn send_unnumbered(&mut self, peer: PeerId) {
        while (self.peers.get(&peer)).is_some_and(|state| !state.unnumbered.is_empty()) {
            let Some(id) = self.message_id(peer) else {
                return;
            };
            let state = self.peers.get_mut(&peer);
            if let Some(message) = state.and_then(|state| state.unnumbered.pop_front()) {
                self.unnumbered -= 1;
                self.send_numbered(peer, Message { id, ..message });
            }
        }
    }

    /// Bytes that answers may still take.
    fn room_to_keep(&self) -> usize {
        self.config.max_replayed.saturating_sub(self.replayed)
    }

    /// Whether an answer of this length may go piggybacked: it is kept, or need not be.
    fn may_keep(&self, peer: PeerId, id: u16, length: usize) -> bool {
        let dedup = self.peers.get(&peer).map(|state| &state.dedup);
        ANSWER_OVERHEAD + length <= self.room_to_keep()
            || !dedup.is_some_and(|dedup| dedup.is_protected(id))
    }

    fn note_answer(&mut self, peer: PeerId, id: u16, answer: Answer) {
        let limit = self.config.dedup_answer;
        let room = self.room_to_keep().saturating_sub(ANSWER_OVERHEAD);
        if let Answer::Replay(data) = &answer {
            self.metrics.unkept_answers += u64::from(data.len() <= limit && data.len() > room);
        }
        self.with_dedup(peer, |dedup| dedup.answered(id, answer, limit.min(room)));
    }
}

// --- messages that come again -----------------------------------------------------------------------

impl Endpoint {
    /// Answers a message that came before as it was answered then.
    pub(super) fn repeated(&mut self, peer: PeerId, message: &Message) -> bool {
        let lifetime = self.timing(peer).exchange_lifetime();
        let now = self.now;
        let found = self.with_dedup(peer, |dedup| dedup.find(message.id, now, lifetime));
        let Some(answer) = found.flatten() else {
            return false;
        };
        self.metrics.duplicates += 1;
        let acknowledge = match answer {
            Answer::Replay(data) => {
                self.send_bytes(peer, data, Account::Theirs);
                false
            }
            Answer::Pending(exchange) => self
                .exchanges
                .get(&exchange)
                .is_some_and(|exchange| exchange.asked.acknowledged),
            Answer::Acknowledge => true,
            Answer::Ignore => false,
        };
        if acknowledge && message.kind == MessageKind::Confirmable {
            self.acknowledge(peer, message.id);
        }
        true
    }

    pub(super) fn acknowledge(&mut self, peer: PeerId, id: u16) {
        let message = Message::empty(MessageKind::Acknowledgement, id);
        self.send(peer, &message);
    }

    fn dedup_limits(&self) -> Limits {
        Limits {
            protected: self.config.dedup_per_peer,
            seen: self.config.dedup_seen_per_peer,
            replaceable: self.config.dedup_idempotent_per_peer,
        }
    }

    /// Remembers a response of a peer, so that it is acknowledged again when it is repeated.
    pub(super) fn remember_response(&mut self, peer: PeerId, id: u16) {
        let (now, limits) = (self.now, self.dedup_limits());
        self.with_dedup(peer, |dedup| {
            dedup.remember(id, now, Answer::Acknowledge, limits);
        });
    }

    pub(super) fn reset(&mut self, peer: PeerId, id: u16) {
        let message = Message::empty(MessageKind::Reset, id);
        self.send(peer, &message);
    }

    /// Enters a message among those that are answered once; otherwise answers 5.03. `repeatable`: executing it
    /// twice does no harm.
    pub(super) fn admit(
        &mut self,
        peer: PeerId,
        asked: &Asked,
        exchange: u64,
        repeatable: bool,
    ) -> bool {
        let (now, limits) = (self.now, self.dedup_limits());
        let pending = Answer::Pending(exchange);
        if repeatable {
            let remembered = self.with_dedup(peer, |dedup| {
                dedup.remember(asked.id, now, pending, limits);
            });
            return remembered.is_some();
        }
        if !self.make_room_to_keep(peer) {
            self.metrics.refused_replays += 1;
        } else {
            let protect = |dedup: &mut Dedup| dedup.protect(asked.id, now, pending, limits);
            match self.with_dedup(peer, protect) {
                Some(Ok(())) => return true,
                Some(Err(_)) => self.metrics.refused_dedup += 1,
                None => return false,
            }
        }
        self.refuse(peer, asked, Response::new(Code::SERVICE_UNAVAILABLE));
        false
    }

    /// Whether the shortest answer may be kept; where not, older ones of the same peer make room.
    fn make_room_to_keep(&mut self, peer: PeerId) -> bool {
        let limits = self.dedup_limits();
        while self.room_to_keep() < ANSWER_OVERHEAD + Message::HEADER {
            let retired = self.with_dedup(peer, |dedup| dedup.retire_answer(limits));
            if retired != Some(true) {
                return false;
            }
        }
        true
    }

    /// Does something with what is remembered of a peer, and keeps count of what all answers together hold.
    pub(super) fn with_dedup<R>(
        &mut self,
        peer: PeerId,
        act: impl FnOnce(&mut Dedup) -> R,
    ) -> Option<R> {
        let dedup = &mut self.peers.get_mut(&peer)?.dedup;
        let before = dedup.bytes();
        let result = act(dedup);
        self.replayed = self.replayed - before + dedup.bytes();
        Some(result)
    }
}
