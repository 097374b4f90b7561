//! Bodies that peers send us in blocks (Block1, RFC 7959, section 2.5).
//!
//! An upload is told from others by its peer, method, options and Request-Tag (RFC 9175, section 3.3).
//!
//! ```text
//!                   stream_upload: what has come is handed over
//!               ┌────────────────────────────────────────────────┐
//!               │                                                ▼   block: handed on
//!   block 0 ─▶ Undecided ──next poll_event──▶ Collecting ──▶ Streaming ──┐
//!               │            asks for more     │  │  ▲ block: kept │  ▲   │
//!               │                              │  └──┘             │  └───┘
//!               │       last block: one request│                   │ last block: handed on
//!               │                              ▼    answered       ▼
//!               │             ┌───────────▶ Reported ─────────▶ Ended ◀── gap, restart, time (from every state;
//!               │  last block │                │                          who streams is told)
//!               │       again │                │ answered 4.01 with Echo
//!               │             └──────────── Challenged
//!               └── answered: refused ──▶ Ended
//! ```
//!
//! Whoever is answered 4.01 with an Echo option sends the same message again with it (RFC 9175, section 2.3): of an
//! upload that is its last block. A collected body is therefore kept until it is answered otherwise. One that was
//! streamed is not: its sender gets 4.08 and begins again, with the Echo option in the first block. Where addresses
//! are challenged, that is done at the first block, before anything is kept.

use super::{
    Endpoint, Event, ExchangeId, Timer, UploadId,
    blockwise::{Assembly, Place, is_safe, saturated},
    peer::take_out,
    server::{Asked, request_of},
};
use crate::{
    coap::{Block, Code, Message, Request, Response, option},
    peer::PeerId,
    timer::TimerId,
};
use alloc::vec::Vec;
use bytes::Bytes;

/// A body that comes in blocks.
pub(super) struct Upload {
    peer: PeerId,
    key: u64,
    exchange: u64,
    state: State,
    assembly: Assembly,
    /// The request without its body.
    request: Request,
    /// What was collected; in `Undecided` the first block.
    body: Vec<u8>,
    /// The whole, when it was reported.
    whole: Bytes,
    /// Size of the whole as the peer says it.
    size: Option<u32>,
    timer: TimerId,
}

impl Upload {
    /// The Observe option of a request that may have one.
    fn observe(&self) -> Option<u32> {
        let observe = self.request.options.uint(option::OBSERVE);
        observe.filter(|_| is_safe(self.request.code))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Undecided,
    Collecting,
    Streaming,
    Reported,
    Challenged,
    Ended,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Input {
    /// The layer above has seen the beginning and said nothing.
    Polled,
    /// The layer above wants to stream it.
    Stream,
    /// A block in order that others follow.
    Block,
    /// The last block.
    Last,
    /// It was answered 4.01 with Echo.
    Challenge,
    /// A gap, a restart, or no block for too long.
    Abandon,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Nothing,
    /// Ask for the next block, or refuse.
    Ask,
    /// Hand what has come to the layer above.
    HandOver,
    /// Keep the block and ask for the next.
    Keep,
    /// Keep the block and report the whole as one request.
    Report,
    /// Hand the block on.
    HandOn,
    /// Forget what it was to be answered.
    Close,
    /// As `Close`, and tell that it is abandoned.
    Tell,
}

impl State {
    fn transition(self, input: Input) -> (State, Action) {
        took!("upload", self, input);
        use {Action as A, Input as I, State as S};
        match (self, input) {
            (S::Undecided, I::Polled) => (S::Collecting, A::Ask),
            (S::Undecided | S::Collecting, I::Stream) => (S::Streaming, A::HandOver),
            (S::Collecting, I::Block) => (S::Collecting, A::Keep),
            (S::Collecting | S::Challenged, I::Last) => (S::Reported, A::Report),
            (S::Streaming, I::Block) => (S::Streaming, A::HandOn),
            (S::Streaming, I::Last) => (S::Ended, A::HandOn),
            (S::Reported, I::Challenge) => (S::Challenged, A::Nothing),
            (S::Undecided | S::Collecting | S::Streaming, I::Challenge) => (S::Ended, A::Nothing),
            (S::Undecided | S::Collecting, I::Abandon) => (S::Ended, A::Close),
            (S::Streaming, I::Abandon) => (S::Ended, A::Tell),
            // It is answered all the same.
            (S::Reported | S::Challenged, I::Abandon) => (S::Ended, A::Nothing),
            // A block decides what was undecided, before it is taken in.
            (S::Undecided, I::Block | I::Last)
            | (S::Collecting | S::Streaming, I::Polled)
            | (S::Streaming, I::Stream)
            | (S::Reported, I::Polled | I::Stream | I::Block | I::Last)
            | (S::Challenged, I::Polled | I::Stream | I::Block | I::Challenge)
            | (S::Ended, _) => (self, A::Nothing),
        }
    }
}

// --- uploads ---------------------------------------------------------------------------------------

impl Endpoint {
    /// A block of a body: the first of several, or a later one.
    pub(super) fn on_upload_block(
        &mut self,
        peer: PeerId,
        asked: Asked,
        block: Block,
        message: Message,
    ) {
        if block.more && message.payload.len() != block.size.bytes() {
            let text = "a block that others follow is as large as it says";
            let response = Response::new(Code::BAD_REQUEST).diagnostic(text);
            self.refuse(peer, &asked, response);
            return;
        }
        let key = self.hash_options(message.code, &message.options, |_| true);
        let known = self.upload_keys.get(&(peer, key)).copied();
        match (block.number, known) {
            (0, _) if self.wants_proof_of_uploads(peer) => {
                let proof = self.ask_for_proof(peer, &asked);
                self.refuse(peer, &asked, proof);
            }
            (0, known) => {
                // The peer begins again: what it had sent is not mixed with what comes.
                if let Some(old) = known {
                    self.abort_upload(old);
                }
                self.begin_upload(peer, key, asked, message);
            }
            (_, Some(id)) => self.on_later_block(id, peer, asked, block, message),
            (_, None) => self.refuse_incomplete(peer, &asked),
        }
    }

    /// A body that fits one block takes the place of one that was coming in several.
    pub(super) fn abort_upload_like(&mut self, peer: PeerId, message: &Message) {
        let key = self.hash_options(message.code, &message.options, |_| true);
        if let Some(old) = self.upload_keys.get(&(peer, key)).copied() {
            self.abort_upload(old);
        }
    }

    pub(super) fn refuse_incomplete(&mut self, peer: PeerId, asked: &Asked) {
        self.metrics.incomplete_uploads += 1;
        self.refuse(peer, asked, Response::new(Code::REQUEST_ENTITY_INCOMPLETE));
    }

    fn begin_upload(&mut self, peer: PeerId, key: u64, asked: Asked, message: Message) {
        let full = self.uploads.len() >= self.config.max_uploads
            || self
                .peers
                .get(&peer)
                .is_none_or(|state| state.uploads.len() >= self.config.max_uploads_per_peer);
        if full {
            self.metrics.refused_uploads += 1;
            self.refuse(peer, &asked, Response::new(Code::SERVICE_UNAVAILABLE));
            return;
        }
        let observe = is_safe(message.code) && message.options.uint(option::OBSERVE) == Some(0);
        let Some(exchange) = self.open_exchange(peer, asked, observe, false) else {
            return;
        };
        let id = self.fresh_id();
        if let Some(exchange) = self.exchanges.get_mut(&exchange) {
            exchange.upload = Some(id);
        }
        if let Some(state) = self.peer(peer) {
            state.uploads.push(id);
        }
        let size = message.options.uint(option::SIZE1);
        let body = message.payload.to_vec();
        let assembly = Assembly::begun(body.len());
        let mut request = request_of(message);
        request.payload = Bytes::new();
        self.events.push_back(Event::UploadStarted {
            peer,
            upload: UploadId(id),
            exchange: ExchangeId(exchange),
            request: request.clone(),
            size,
        });
        self.collected += body.len();
        let timer = self.upload_timer(peer, id);
        self.upload_keys.insert((peer, key), id);
        self.uploads.insert(
            id,
            Upload {
                peer,
                key,
                exchange,
                state: State::Undecided,
                assembly,
                request,
                body,
                whole: Bytes::new(),
                size,
                timer,
            },
        );
    }

    fn upload_timer(&mut self, peer: PeerId, id: u64) -> TimerId {
        let lifetime = self.timing(peer).exchange_lifetime();
        self.timers.set(self.now + lifetime, Timer::Upload(id))
    }

    /// The layer above has seen the beginning of an upload and did not ask to stream it.
    pub(super) fn collect_unless_decided(&mut self, id: u64) {
        let Some(upload) = self.uploads.get_mut(&id) else {
            return;
        };
        let (state, action) = upload.state.transition(Input::Polled);
        upload.state = state;
        if action != Action::Ask {
            return;
        }
        let (exchange, whole) = (upload.exchange, upload.size.unwrap_or(0) as usize);
        match self.refuse_collecting(whole) {
            Some(refusal) => {
                self.respond_exchange(exchange, refusal, None);
            }
            None => {
                self.continue_exchange(exchange);
            }
        }
    }

    /// Why a body of this size is not collected.
    fn refuse_collecting(&mut self, size: usize) -> Option<Response> {
        if size > self.config.max_body {
            self.metrics.too_large_uploads += 1;
            let mut response = Response::new(Code::REQUEST_ENTITY_TOO_LARGE);
            let limit = saturated(self.config.max_body);
            response.options.set_uint(option::SIZE1, limit);
            return Some(response);
        }
        if self.collected > self.config.max_collected {
            self.metrics.refused_uploads += 1;
            return Some(Response::new(Code::SERVICE_UNAVAILABLE));
        }
        None
    }

    fn on_later_block(
        &mut self,
        id: u64,
        peer: PeerId,
        mut asked: Asked,
        block: Block,
        message: Message,
    ) {
        self.collect_unless_decided(id);
        let timer = self.upload_timer(peer, id);
        let Some(upload) = self.uploads.get_mut(&id) else {
            self.timers.cancel(timer);
            self.refuse_incomplete(peer, &asked);
            return;
        };
        self.timers
            .cancel(core::mem::replace(&mut upload.timer, timer));
        let exchange = upload.exchange;
        asked.streamed = upload.state == State::Streaming;
        let place = upload.assembly.place(block, message.payload.len());
        match (upload.state, place) {
            (State::Challenged, Place::Repeated) if !block.more => {
                self.on_last_block_again(id, asked, &message);
                return;
            }
            (State::Undecided | State::Collecting | State::Streaming, Place::Next) => {}
            (State::Undecided | State::Collecting | State::Streaming, Place::Repeated)
            | (State::Reported, Place::Repeated) => {
                // The same block under another message id: it takes the place of the first. Where that was
                // answered, so is this one.
                let answered = self.is_between_blocks(exchange);
                if self.admit(peer, &asked, exchange, true) {
                    self.repeat_block(exchange, asked);
                    if answered {
                        self.continue_exchange(exchange);
                    }
                }
                return;
            }
            // A copy that others have overtaken, of which nobody knows any more how it was answered.
            (_, Place::Old) if block.more => {
                self.refuse(peer, &asked, Response::new(Code::CONTINUE));
                return;
            }
            (_, Place::Old) => {
                self.refuse_incomplete(peer, &asked);
                return;
            }
            _ => {
                self.abort_upload(id);
                self.refuse_incomplete(peer, &asked);
                return;
            }
        }
        // The last block makes the request be executed; those before it may come again.
        if !self.admit(peer, &asked, exchange, block.more) {
            return;
        }
        if let Some(refusal) = self.next_block(exchange, asked) {
            self.respond_exchange(exchange, refusal, None);
            return;
        }
        let Some(upload) = self.uploads.get_mut(&id) else {
            return;
        };
        let offset = upload.assembly.received();
        upload.assembly.advance(message.payload.len());
        let input = if block.more {
            Input::Block
        } else {
            Input::Last
        };
        let (state, action) = upload.state.transition(input);
        upload.state = state;
        if action == Action::HandOn {
            self.events.push_back(Event::UploadBlock {
                upload: UploadId(id),
                exchange: ExchangeId(exchange),
                offset,
                data: message.payload,
                last: !block.more,
            });
            if !block.more {
                self.drop_upload(id);
            }
            return;
        }
        let size = offset + message.payload.len();
        upload.body.extend_from_slice(&message.payload);
        self.collected += message.payload.len();
        if let Some(refusal) = self.refuse_collecting(size) {
            self.respond_exchange(exchange, refusal, None);
        } else if action == Action::Keep {
            self.continue_exchange(exchange);
        } else if action == Action::Report {
            if let Some(upload) = self.uploads.get_mut(&id) {
                upload.whole = Bytes::from(core::mem::take(&mut upload.body));
            }
            self.report(id, asked, &message);
        }
    }

    /// Hands a collected body to the layer above. An Echo option that came with the last block belongs to the whole.
    fn report(&mut self, id: u64, asked: Asked, message: &Message) {
        let Some(upload) = self.uploads.get_mut(&id) else {
            return;
        };
        if let Some(echo) = message.options.well_formed(option::ECHO) {
            upload.request.options.set(option::ECHO, echo);
        }
        let (peer, observe) = (upload.peer, upload.observe());
        self.events.push_back(Event::Request {
            peer,
            exchange: ExchangeId(upload.exchange),
            request: Request {
                payload: upload.whole.clone(),
                ..upload.request.clone()
            },
        });
        if observe == Some(1) {
            self.cancel_observer(peer, asked.token);
        }
    }

    /// The last block of an upload comes once more because it was answered 4.01 with Echo: its request is asked anew.
    fn on_last_block_again(&mut self, id: u64, asked: Asked, message: &Message) {
        let Some(upload) = self.uploads.get(&id) else {
            return;
        };
        let (peer, observe) = (upload.peer, upload.observe() == Some(0));
        let Some(exchange) = self.open_exchange(peer, asked, observe, false) else {
            return;
        };
        if let Some(exchange) = self.exchanges.get_mut(&exchange) {
            exchange.upload = Some(id);
        }
        if let Some(upload) = self.uploads.get_mut(&id) {
            upload.exchange = exchange;
            upload.state = upload.state.transition(Input::Last).0;
        }
        self.report(id, asked, message);
    }

    /// The exchange of an upload was answered; `again`: by 4.01 with Echo.
    pub(super) fn upload_answered(&mut self, id: u64, again: bool) {
        if again && let Some(upload) = self.uploads.get_mut(&id) {
            upload.state = upload.state.transition(Input::Challenge).0;
            if upload.state == State::Challenged {
                return;
            }
        }
        self.drop_upload(id);
    }

    pub(super) fn stream(&mut self, id: u64) -> Option<()> {
        let upload = self.uploads.get_mut(&id)?;
        let (state, action) = upload.state.transition(Input::Stream);
        upload.state = state;
        if action != Action::HandOver {
            return (state == State::Streaming).then_some(());
        }
        let data = core::mem::take(&mut upload.body);
        self.collected = self.collected.saturating_sub(data.len());
        self.events.push_back(Event::UploadBlock {
            upload: UploadId(id),
            exchange: ExchangeId(upload.exchange),
            offset: 0,
            data: Bytes::from(data),
            last: false,
        });
        Some(())
    }

    pub(super) fn continue_stream(&mut self, id: u64) -> Option<()> {
        let exchange = self
            .uploads
            .get(&id)
            .filter(|upload| upload.state == State::Streaming)?
            .exchange;
        // Where the 2.31 has left before the upload was streamed, the next block comes by itself.
        self.continue_exchange(exchange);
        Some(())
    }

    /// Ends an upload that the peer has abandoned or restarted.
    pub(super) fn abort_upload(&mut self, id: u64) {
        if let Some(upload) = self.drop_upload(id) {
            let action = upload.state.transition(Input::Abandon).1;
            if matches!(action, Action::Close | Action::Tell) {
                self.close_exchange(upload.exchange);
            }
            if action == Action::Tell {
                self.events.push_back(Event::UploadAborted {
                    upload: UploadId(id),
                });
            }
        }
    }

    /// Takes an upload out; its exchange goes on.
    pub(super) fn drop_upload(&mut self, id: u64) -> Option<Upload> {
        let upload = self.uploads.remove(&id)?;
        self.timers.cancel(upload.timer);
        let held = upload.body.len() + upload.whole.len();
        self.collected = self.collected.saturating_sub(held);
        if self.upload_keys.get(&(upload.peer, upload.key)) == Some(&id) {
            self.upload_keys.remove(&(upload.peer, upload.key));
        }
        if let Some(exchange) = self.exchanges.get_mut(&upload.exchange) {
            exchange.upload = None;
        }
        if let Some(state) = self.peers.get_mut(&upload.peer) {
            take_out(&mut state.uploads, id);
        }
        Some(upload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_transition() {
        use {Action as A, Input as I, State as S};
        let inputs = [
            I::Polled,
            I::Stream,
            I::Block,
            I::Last,
            I::Challenge,
            I::Abandon,
        ];
        let table = [
            (
                S::Undecided,
                [
                    (S::Collecting, A::Ask),
                    (S::Streaming, A::HandOver),
                    (S::Undecided, A::Nothing),
                    (S::Undecided, A::Nothing),
                    (S::Ended, A::Nothing),
                    (S::Ended, A::Close),
                ],
            ),
            (
                S::Collecting,
                [
                    (S::Collecting, A::Nothing),
                    (S::Streaming, A::HandOver),
                    (S::Collecting, A::Keep),
                    (S::Reported, A::Report),
                    (S::Ended, A::Nothing),
                    (S::Ended, A::Close),
                ],
            ),
            (
                S::Streaming,
                [
                    (S::Streaming, A::Nothing),
                    (S::Streaming, A::Nothing),
                    (S::Streaming, A::HandOn),
                    (S::Ended, A::HandOn),
                    (S::Ended, A::Nothing),
                    (S::Ended, A::Tell),
                ],
            ),
            (
                S::Reported,
                [
                    (S::Reported, A::Nothing),
                    (S::Reported, A::Nothing),
                    (S::Reported, A::Nothing),
                    (S::Reported, A::Nothing),
                    (S::Challenged, A::Nothing),
                    (S::Ended, A::Nothing),
                ],
            ),
            (
                S::Challenged,
                [
                    (S::Challenged, A::Nothing),
                    (S::Challenged, A::Nothing),
                    (S::Challenged, A::Nothing),
                    (S::Reported, A::Report),
                    (S::Challenged, A::Nothing),
                    (S::Ended, A::Nothing),
                ],
            ),
            (S::Ended, [(S::Ended, A::Nothing); 6]),
        ];
        for (state, row) in table {
            for (input, expected) in inputs.into_iter().zip(row) {
                assert_eq!(state.transition(input), expected, "{state:?} {input:?}");
            }
        }
    }
}
