//! Requests of peers, until they are answered.
//!
//! ```text
//!                                respond: piggybacked on the ACK
//!   request ──▶ Unanswered ──────────────────────────────────────────▶ Answered
//!                │  ▲  │ ack_delay: empty ACK       respond: separate   ▲   ▲
//!                │  │  └─────────────▶ Acknowledged ────────────────────┘   │
//!                │  │                   │      │ 2.31 (separate)             │ refused: goes
//!     2.31       │  │ next block        │      ▼                            │ with the next
//!                └──┴────────────────── │ ─▶ BetweenBlocks ─────────────────┘ block
//!                                       ▼ EXCHANGE_LIFETIME (from every state)
//!                                    Expired
//! ```
//!
//! A request that comes in blocks is one exchange from its first block to its answer; each of its messages is
//! answered by itself.

mod calls;

use super::{
    Endpoint, Event, ExchangeId, ObserverGone, Timer,
    blockwise::{self, is_safe},
    incoming::is_known,
    observer::View,
    peer::take_out,
};
use crate::{
    coap::{Block, Code, Message, MessageKind, Options, Request, Response, Token, option},
    peer::PeerId,
    timer::TimerId,
};
use alloc::format;

/// A message that wants an answer: what is needed to give it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    pub(super) id: u16,
    pub(super) token: Token,
    pub(super) confirmable: bool,
    /// Whether an empty acknowledgement has left.
    pub(super) acknowledged: bool,
    /// Whether it may be executed any number of times.
    pub(super) safe: bool,
    /// Its length; of a body in blocks, of all its messages so far.
    pub(super) bytes: usize,
    /// Whether the layer above has taken its body in block by block.
    pub(super) streamed: bool,
    /// The classes of responses that are not wanted (RFC 7967).
    pub(super) no_response: u32,
    pub(super) block1: Option<Block>,
    pub(super) block2: Option<Block>,
    /// Names the response among those fetched block by block.
    pub(super) key: u64,
    /// Hash of the body.
    pub(super) payload: u64,
}

/// A request of a peer that is not answered yet.
pub(super) struct ServerExchange {
    pub(super) peer: PeerId,
    state: State,
    pub(super) asked: Asked,
    /// Whether it asks to observe.
    observe: bool,
    pub(super) upload: Option<u64>,
    /// An answer given between two blocks, which goes with the next.
    refusal: Option<Response>,
    timer: TimerId,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Unanswered,
    Acknowledged,
    BetweenBlocks,
    Answered,
    Expired,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Input {
    /// `ack_delay` has passed.
    Delay,
    Lifetime,
    Respond,
    Continue,
    Block,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Nothing,
    Acknowledge,
    Answer,
    Continue,
    KeepForNextBlock,
    Forget,
}

impl State {
    fn transition(self, input: Input) -> (State, Action) {
        took!("exchange", self, input);
        use {Action as A, Input as I, State as S};
        match (self, input) {
            (S::Unanswered, I::Delay) => (S::Acknowledged, A::Acknowledge),
            (S::Unanswered | S::Acknowledged, I::Respond) => (S::Answered, A::Answer),
            (S::Unanswered | S::Acknowledged, I::Continue) => (S::BetweenBlocks, A::Continue),
            // A block that comes again under another message id takes the place of the first.
            (S::Unanswered | S::Acknowledged | S::BetweenBlocks, I::Block) => {
                (S::Unanswered, A::Nothing)
            }
            (S::BetweenBlocks, I::Respond) => (S::BetweenBlocks, A::KeepForNextBlock),
            (S::Unanswered | S::Acknowledged | S::BetweenBlocks, I::Lifetime) => {
                (S::Expired, A::Forget)
            }
            (S::Acknowledged, I::Delay) | (S::BetweenBlocks, I::Delay | I::Continue) => {
                (self, A::Nothing)
            }
            (S::Answered | S::Expired, _) => (self, A::Nothing),
        }
    }
}

impl Endpoint {
    /// A request of a peer.
    pub(super) fn on_request(&mut self, peer: PeerId, mut message: Message) {
        if self.repeated(peer, &message) {
            return;
        }
        let block1 = message.options.block(option::BLOCK1);
        let block2 = message.options.block(option::BLOCK2);
        let asked = Asked {
            id: message.id,
            token: message.token,
            confirmable: message.kind == MessageKind::Confirmable,
            acknowledged: false,
            safe: is_safe(message.code),
            bytes: self.arriving,
            streamed: false,
            no_response: message.options.uint(option::NO_RESPONSE).unwrap_or(0),
            block1: block1.unwrap_or(None),
            block2: block2.unwrap_or(None),
            key: self.body_key(message.code, &message.options),
            payload: self.hash(&message.payload),
        };
        if self.peer(peer).is_none() {
            let busy = Response::new(Code::SERVICE_UNAVAILABLE);
            if asked.confirmable {
                self.answer(peer, &asked, busy, None);
            }
            return;
        }
        if let Some(critical) = message.unprocessable_option(is_known) {
            self.metrics.bad_option += 1;
            match asked.confirmable {
                true => {
                    let text = format!("{critical:?}");
                    self.refuse(
                        peer,
                        &asked,
                        Response::new(Code::BAD_OPTION).diagnostic(&text),
                    );
                }
                // RFC 7252, section 5.4.1: rejected.
                false => self.reset(peer, message.id),
            }
            return;
        }
        self.check_echo(peer, &mut message);
        let proxied = [option::PROXY_URI, option::PROXY_SCHEME]
            .into_iter()
            .any(|number| message.options.contains(number));
        // Only proxies count hops; none are left only where somebody has not counted (RFC 8768, section 3).
        let hops = message.options.first(option::HOP_LIMIT);
        let refusal = if block1.is_err() || block2.is_err() || hops == Some(&[0]) {
            Some(Code::BAD_REQUEST)
        } else if proxied {
            Some(Code::PROXYING_NOT_SUPPORTED)
        } else if message.code > Code::IPATCH {
            Some(Code::METHOD_NOT_ALLOWED)
        } else {
            None
        };
        if let Some(code) = refusal {
            self.refuse(peer, &asked, Response::new(code));
            return;
        }
        match (asked.block1, asked.block2) {
            (Some(block), _) if block.more || block.number > 0 => {
                self.on_upload_block(peer, asked, block, message);
            }
            (None, Some(block)) if block.number > 0 && self.serve_kept(peer, &asked, &message) => {}
            (block1, _) => {
                if block1.is_some() {
                    self.abort_upload_like(peer, &message);
                }
                self.on_whole_request(peer, asked, message);
            }
        }
    }

    fn on_whole_request(&mut self, peer: PeerId, asked: Asked, message: Message) {
        let observe = message.options.uint(option::OBSERVE).filter(|_| {
            is_safe(message.code) && asked.block2.is_none_or(|block| block.number == 0)
        });
        if self.wants_proof_first(peer, &asked) {
            let proof = self.ask_for_proof(peer, &asked);
            self.refuse(peer, &asked, proof);
            return;
        }
        let repeatable = is_safe(message.code) && observe != Some(0);
        let Some(exchange) = self.open_exchange(peer, asked, observe == Some(0), repeatable) else {
            return;
        };
        let mut request = request_of(message);
        if observe.is_none() {
            request.options.remove(option::OBSERVE);
        }
        self.events.push_back(Event::Request {
            peer,
            exchange: ExchangeId(exchange),
            request,
        });
        if observe == Some(1) {
            self.cancel_observer(peer, asked.token);
        }
    }

    /// A peer has asked with Observe = 1.
    pub(super) fn cancel_observer(&mut self, peer: PeerId, token: Token) {
        if let Some(observer) = self.observer_of(peer, token) {
            self.lose_observer(observer, ObserverGone::Cancelled);
        }
    }

    /// Begins an exchange, or answers 5.03.
    pub(super) fn open_exchange(
        &mut self,
        peer: PeerId,
        asked: Asked,
        observe: bool,
        repeatable: bool,
    ) -> Option<u64> {
        let full = self.exchanges.len() >= self.config.max_exchanges
            || self.peer(peer)?.unanswered() >= self.config.max_exchanges_per_peer;
        if full {
            self.metrics.refused_exchanges += 1;
            self.refuse(peer, &asked, Response::new(Code::SERVICE_UNAVAILABLE));
            return None;
        }
        let id = self.fresh_id();
        if !self.admit(peer, &asked, id, repeatable) {
            return None;
        }
        self.peer(peer)?.exchanges.push(id);
        let timer = self.exchange_timer(peer, id, &asked);
        self.exchanges.insert(
            id,
            ServerExchange {
                peer,
                state: State::Unanswered,
                asked,
                observe,
                upload: None,
                refusal: None,
                timer,
            },
        );
        Some(id)
    }

    fn exchange_timer(&mut self, peer: PeerId, id: u64, asked: &Asked) -> TimerId {
        let wait = match asked.confirmable && !asked.acknowledged {
            true => self.config.ack_delay,
            false => self.timing(peer).exchange_lifetime(),
        };
        self.timers.set(self.now + wait, Timer::Exchange(id))
    }

    /// Takes another block into an exchange; gives back an answer that waits for it.
    pub(super) fn next_block(&mut self, id: u64, asked: Asked) -> Option<Response> {
        self.repeat_block(id, asked);
        self.exchanges.get_mut(&id)?.refusal.take()
    }

    /// Lets an exchange wait for the answer to this message.
    pub(super) fn repeat_block(&mut self, id: u64, asked: Asked) {
        let Some(peer) = self.exchanges.get(&id).map(|exchange| exchange.peer) else {
            return;
        };
        let timer = self.exchange_timer(peer, id, &asked);
        if let Some(exchange) = self.exchanges.get_mut(&id) {
            self.timers
                .cancel(core::mem::replace(&mut exchange.timer, timer));
            exchange.state = exchange.state.transition(Input::Block).0;
            // What all blocks have brought may go in answer to the last.
            let bytes = exchange.asked.bytes.saturating_add(asked.bytes);
            exchange.asked = Asked { bytes, ..asked };
        }
    }

    pub(super) fn is_between_blocks(&self, id: u64) -> bool {
        self.exchanges
            .get(&id)
            .is_some_and(|exchange| exchange.state == State::BetweenBlocks)
    }

    pub(super) fn on_exchange_timer(&mut self, id: u64) {
        let Some(exchange) = self.exchanges.get_mut(&id) else {
            return;
        };
        let (peer, message_id) = (exchange.peer, exchange.asked.id);
        let input = match exchange.asked.confirmable && !exchange.asked.acknowledged {
            true => Input::Delay,
            false => Input::Lifetime,
        };
        let (state, action) = exchange.state.transition(input);
        exchange.state = state;
        match action {
            Action::Acknowledge => {
                exchange.asked.acknowledged = true;
                let wait = self.timing(peer).exchange_lifetime();
                let timer = self.timers.set(self.now + wait, Timer::Exchange(id));
                if let Some(exchange) = self.exchanges.get_mut(&id) {
                    exchange.timer = timer;
                }
                self.acknowledge(peer, message_id);
            }
            Action::Forget => {
                if let Some(upload) = self.close_exchange(id).and_then(|closed| closed.upload) {
                    self.abort_upload(upload);
                }
                self.release_withheld(peer);
            }
            // Between blocks the timer of the upload rules.
            _ => {}
        }
    }

    /// Takes an exchange out.
    pub(super) fn close_exchange(&mut self, id: u64) -> Option<ServerExchange> {
        let exchange = self.exchanges.remove(&id)?;
        self.timers.cancel(exchange.timer);
        if let Some(state) = self.peers.get_mut(&exchange.peer) {
            take_out(&mut state.exchanges, id);
        }
        Some(exchange)
    }

    /// Answers an exchange; `None`: it is gone.
    pub(super) fn respond_exchange(
        &mut self,
        id: u64,
        response: Response,
        observe: Option<u32>,
    ) -> Option<()> {
        let exchange = self.exchanges.get_mut(&id)?;
        let (state, action) = exchange.state.transition(Input::Respond);
        exchange.state = state;
        match action {
            Action::KeepForNextBlock => exchange.refusal = Some(response),
            Action::Answer => {
                let exchange = self.close_exchange(id)?;
                let again = self.answer(exchange.peer, &exchange.asked, response, observe);
                if let Some(upload) = exchange.upload {
                    self.upload_answered(upload, again);
                }
                self.release_withheld(exchange.peer);
            }
            _ => return None,
        }
        Some(())
    }

    /// Answers a block of an upload with 2.31; `None`: there is none to answer.
    pub(super) fn continue_exchange(&mut self, id: u64) -> Option<()> {
        let exchange = self.exchanges.get_mut(&id)?;
        let (state, action) = exchange.state.transition(Input::Continue);
        exchange.state = state;
        if action != Action::Continue {
            return None;
        }
        let (peer, asked) = (exchange.peer, exchange.asked);
        self.timers.cancel(exchange.timer);
        self.answer(peer, &asked, Response::new(Code::CONTINUE), None);
        Some(())
    }

    /// Who would observe what with this exchange; `None` where it does not ask to, or is gone.
    pub(super) fn wants_to_observe(&self, id: u64) -> Option<(PeerId, Token, View)> {
        let exchange = self
            .exchanges
            .get(&id)
            .filter(|exchange| exchange.observe)?;
        let asked = &exchange.asked;
        let view = View {
            key: asked.key,
            payload: asked.payload,
            size: asked.block2.map(|block| block.size),
        };
        Some((exchange.peer, asked.token, view))
    }

    /// What a peer that asks to observe is answered instead of this response where it first has to prove its address.
    pub(super) fn proof_before_observing(
        &mut self,
        id: u64,
        response: &Response,
    ) -> Option<Response> {
        let exchange = self.exchanges.get(&id)?;
        let (peer, asked) = (exchange.peer, exchange.asked);
        if self.may_be_observed(peer, &asked, response) {
            return None;
        }
        Some(self.ask_for_proof(peer, &asked))
    }
}

/// A request as the layer above sees it.
pub(super) fn request_of(message: Message) -> Request {
    let mut options: Options = message.options;
    blockwise::strip(&mut options);
    Request {
        code: message.code,
        options,
        payload: message.payload,
        confirmable: message.kind == MessageKind::Confirmable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // proves: COAP-25
    #[test]
    fn every_transition() {
        use {Action as A, Input as I, State as S};
        let inputs = [I::Delay, I::Lifetime, I::Respond, I::Continue, I::Block];
        let table = [
            (
                S::Unanswered,
                [
                    (S::Acknowledged, A::Acknowledge),
                    (S::Expired, A::Forget),
                    (S::Answered, A::Answer),
                    (S::BetweenBlocks, A::Continue),
                    (S::Unanswered, A::Nothing),
                ],
            ),
            (
                S::Acknowledged,
                [
                    (S::Acknowledged, A::Nothing),
                    (S::Expired, A::Forget),
                    (S::Answered, A::Answer),
                    (S::BetweenBlocks, A::Continue),
                    (S::Unanswered, A::Nothing),
                ],
            ),
            (
                S::BetweenBlocks,
                [
                    (S::BetweenBlocks, A::Nothing),
                    (S::Expired, A::Forget),
                    (S::BetweenBlocks, A::KeepForNextBlock),
                    (S::BetweenBlocks, A::Nothing),
                    (S::Unanswered, A::Nothing),
                ],
            ),
            (S::Answered, [(S::Answered, A::Nothing); 5]),
            (S::Expired, [(S::Expired, A::Nothing); 5]),
        ];
        for (state, row) in table {
            for (input, expected) in inputs.into_iter().zip(row) {
                assert_eq!(state.transition(input), expected, "{state:?} {input:?}");
            }
        }
    }
}
