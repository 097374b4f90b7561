//! What a response means to the request it is for: taken, challenged with Echo, or followed by the next block.
//!
//! 4.01 with an Echo option is answered once in an exchange by the same message with that option, and so are all that
//! follow it. A server that has dropped the upload of which that message was a later block says 4.08: then the body goes
//! once more from its first block, with the option.

use super::{Purpose, state::Input};
use crate::{
    coap::{Code, Message, MessageKind, Response, option},
    endpoint::{
        Endpoint, Event, Failure, RequestId, blockwise::Outcome, incoming::is_known,
        transmission::Owner,
    },
    peer::PeerId,
};
use bytes::Bytes;

impl Endpoint {
    /// Whether a message may be the response to this request: a piggybacked one must answer its message id.
    pub(in crate::endpoint) fn awaits(&self, id: u64, message: &Message) -> bool {
        self.requests.get(&id).is_some_and(|exchange| {
            message.kind != MessageKind::Acknowledgement || exchange.message_id == Some(message.id)
        })
    }

    /// A response to a request of ours.
    pub(in crate::endpoint) fn on_response(&mut self, id: u64, message: Message) {
        let Some(exchange) = self.requests.get_mut(&id) else {
            return;
        };
        let now = self.now;
        let observe = message.options.uint(option::OBSERVE);
        let piggybacked = message.kind == MessageKind::Acknowledgement;
        if exchange.purpose == Purpose::Cancel && observe.is_some() && !piggybacked {
            // A notification that was under way when the observation was cancelled.
            return;
        }
        let peer = exchange.peer;
        let bad = message.unprocessable_option(is_known).is_some();
        if let Some(message_id) = exchange.message_id.take() {
            self.end_transmission(peer, message_id, Owner::Request(id));
        }
        self.advance(id, Input::Response);
        self.tokens.remove(&(peer, message.token));
        if bad {
            self.metrics.bad_option += 1;
            self.finish_request(id, Err(Failure::BadResponse));
            self.start_requests(peer);
            return;
        }
        if self.echo_wanted(id, &message) || self.begins_again(id, message.code) {
            self.send_next(id);
            return;
        }
        let sequence = observe.filter(|_| message.code.is_success());
        if let Some(observation) = sequence.and_then(|sequence| self.is_overtaken(id, sequence)) {
            self.metrics.stale_notifications += 1;
            if let Some(exchange) = self.requests.get_mut(&id) {
                exchange.observation = Some(observation);
            }
            self.finish_request(id, Ok(Response::new(Code::VALID)));
            self.start_requests(peer);
            return;
        }
        if let Some(sequence) = sequence {
            if let Some(observation) = self.begin_observation(id, message.token, sequence) {
                observation.note_max_age(now, &message.options);
            }
        } else if message.code != Code::CONTINUE {
            self.observation_not_renewed(id);
        }
        let response = Response {
            code: message.code,
            options: message.options,
            payload: message.payload,
        };
        let max_body = self.config.max_body;
        let Some(exchange) = self.requests.get_mut(&id) else {
            return;
        };
        let sent = exchange.transfer.sent();
        let outcome = exchange
            .transfer
            .on_response(&exchange.request, response, max_body);
        let total = exchange.request.payload.len();
        let now_sent = match &outcome {
            Outcome::Next => exchange.transfer.sent(),
            Outcome::Done(response) if response.code.is_success() => sent.map(|_| total),
            _ => None,
        };
        if let (Some(before), Some(now_sent)) = (sent, now_sent)
            && now_sent > before
        {
            self.events.push_back(Event::UploadProgress {
                request: RequestId(id),
                sent: now_sent,
                total,
            });
        }
        self.take_outcome(id, outcome);
        self.start_requests(peer);
    }

    /// 4.01 with an Echo option: the same message is wanted again with it. Not twice in one exchange, lest a peer
    /// keeps us busy.
    fn echo_wanted(&mut self, id: u64, message: &Message) -> bool {
        let Some(exchange) = self.requests.get_mut(&id) else {
            return false;
        };
        let wanted = message
            .options
            .well_formed(option::ECHO)
            .filter(|_| message.code == Code::UNAUTHORIZED && exchange.echo.is_none());
        exchange.echo = wanted.map(Bytes::copy_from_slice).or(exchange.echo.take());
        let again = wanted.is_some();
        let peer = exchange.peer;
        if !again {
            self.note_echo(peer, message);
        }
        again
    }

    /// 4.08 behind a challenge: the server has forgotten the blocks before it.
    fn begins_again(&mut self, id: u64, code: Code) -> bool {
        let Some(exchange) = self.requests.get_mut(&id) else {
            return false;
        };
        let may = code == Code::REQUEST_ENTITY_INCOMPLETE
            && exchange.echo.is_some()
            && !exchange.begun_again;
        let again = may && exchange.transfer.begin_again(&exchange.request);
        exchange.begun_again |= again;
        again
    }

    /// An Echo option in any other response goes with the next request (RFC 9175, section 2.3).
    pub(in crate::endpoint) fn note_echo(&mut self, peer: PeerId, message: &Message) {
        if let Some(echo) = message.options.well_formed(option::ECHO)
            && message.code != Code::UNAUTHORIZED
            && let Some(state) = self.peers.get_mut(&peer)
        {
            state.echo = Some(echo.into());
        }
    }

    pub(in crate::endpoint) fn take_outcome(&mut self, id: u64, outcome: Outcome) {
        match outcome {
            Outcome::Next => {
                if let Some(exchange) = self.requests.get_mut(&id) {
                    // All blocks of the body that begins an observation anew go under its token.
                    exchange.keeps_token &= exchange.transfer.sent().is_some();
                }
                self.send_next(id);
            }
            Outcome::Done(response) => self.finish_request(id, Ok(response)),
            Outcome::Failed(failure) => self.finish_request(id, Err(failure)),
        }
    }

    /// Lets an exchange go on with another message.
    fn send_next(&mut self, id: u64) {
        self.advance(id, Input::NextBlock);
        if let Some(purpose) = self.requests.get(&id).map(|exchange| exchange.purpose) {
            self.give_token_back(purpose);
        }
        self.queue_request(id);
    }
}
