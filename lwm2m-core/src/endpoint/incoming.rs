//! The way in: what a datagram is, and which part of the endpoint it is for.

use super::{Endpoint, TokenOwner};
use crate::{
    coap::{Code, Message, MessageError, MessageKind, OptionNumber, option},
    peer::PeerId,
    time::Instant,
};

/// Whether an option is one that this stack can deal with.
pub(super) fn is_known(number: OptionNumber) -> bool {
    option::name(number).is_some() && number != option::OSCORE
}

impl Endpoint {
    /// Takes in a datagram.
    pub fn handle_datagram(&mut self, now: Instant, peer: PeerId, datagram: &[u8]) {
        self.set_now(now);
        self.metrics.received += 1;
        self.arriving = datagram.len();
        self.note_arrival(peer, datagram.len());
        match Message::parse(datagram) {
            Ok(message) => {
                self.on_heard(peer);
                self.on_message(peer, message);
            }
            Err(MessageError::TooShort | MessageError::UnknownVersion) => {
                self.metrics.not_coap += 1;
            }
            Err(error) => {
                tracing::debug!(%peer, %error, "malformed message");
                self.metrics.malformed += 1;
                if let Some((MessageKind::Confirmable, id)) = Message::peek_id(datagram) {
                    self.reset(peer, id);
                }
            }
        }
        self.release_withheld(peer);
        self.arriving = 0;
    }

    fn on_message(&mut self, peer: PeerId, message: Message) {
        use MessageKind::{Acknowledgement, Confirmable, NonConfirmable, Reset};
        match (message.kind, message.code) {
            (Acknowledgement, Code::EMPTY) => self.on_acknowledgement(peer, message.id),
            (Reset, Code::EMPTY) => self.on_reset(peer, message.id),
            // A ping (RFC 7252, section 4.3).
            (Confirmable, Code::EMPTY) => self.reset(peer, message.id),
            (Confirmable | NonConfirmable, code) if code.is_request() => {
                self.on_request(peer, message);
            }
            (Confirmable | NonConfirmable | Acknowledgement, code) if code.is_response() => {
                self.on_any_response(peer, message);
            }
            (kind, code) => {
                tracing::debug!(%peer, ?kind, %code, "code not allowed here");
                self.metrics.bad_code += 1;
                if kind == Confirmable {
                    self.reset(peer, message.id);
                }
            }
        }
    }

    fn on_any_response(&mut self, peer: PeerId, message: Message) {
        let owner = self.tokens.get(&(peer, message.token)).copied();
        let owner = owner.map(|owner| self.told_by(owner, &message));
        let expected = match owner {
            Some(TokenOwner::Request(id)) => self.awaits(id, &message),
            Some(TokenOwner::Observation(_)) => message.kind != MessageKind::Acknowledgement,
            None => false,
        };
        if message.kind == MessageKind::Confirmable {
            if self.repeated(peer, &message) {
                return;
            }
            if !expected || message.unprocessable_option(is_known).is_some() {
                self.reset(peer, message.id);
            } else {
                self.acknowledge(peer, message.id);
                self.remember_response(peer, message.id);
            }
        } else if message.kind == MessageKind::NonConfirmable
            && !expected
            && message.options.uint(option::OBSERVE).is_some()
        {
            self.reset(peer, message.id);
        }
        if expected {
            self.prove_address(peer);
        }
        match owner.filter(|_| expected) {
            Some(TokenOwner::Request(id)) => self.on_response(id, message),
            Some(TokenOwner::Observation(id)) => self.on_notification(id, message),
            None => {
                tracing::debug!(%peer, token = ?message.token, "response to no request of ours");
                self.metrics.unmatched_responses += 1;
            }
        }
    }
}
