//! ClientHellos: cookies first, then bounds, then a handshake.

use super::Endpoint;
use crate::{
    handshake::Handshake,
    wire::{
        codec::Reader,
        handshake::{Fragment, MessageType, put_message},
        hello::{HelloPrefix, encode_hello_verify_request},
        record::{ContentType, DTLS_1_0, HEADER_LEN, Record, put_plain},
    },
};
use alloc::{boxed::Box, vec::Vec};
use core::net::SocketAddr;

/// Highest message number of a ClientHello. An honest client says hello twice, and once more for each cookie that has
/// become too old under way.
const MAX_HELLO_SEQUENCE: u16 = 16;

impl Endpoint {
    /// Looks at a record of epoch 0. `true`: it was the hello of a client and has been dealt with.
    pub(super) fn on_hello(&mut self, from: SocketAddr, record: &Record<'_>) -> bool {
        if self.server.is_none() {
            return false;
        }
        let mut reader = Reader::new(&*record.body);
        let fragment = match Fragment::take(&mut reader) {
            Ok(fragment) if fragment.message_type == MessageType::ClientHello => fragment,
            _ => return false,
        };
        if fragment.offset != 0 {
            // The rest of a hello whose beginning has brought a cookie.
            return false;
        }
        let Ok(prefix) = HelloPrefix::take(&mut Reader::new(fragment.body)) else {
            self.metrics.hellos_refused += 1;
            return true;
        };
        if !prefix.offers_1_2() || fragment.sequence > MAX_HELLO_SEQUENCE {
            self.metrics.hellos_refused += 1;
            return true;
        }
        if let Some(connection) = self.table.handshake_at(from)
            && let Some(handshake) = self.table.handshake_mut(connection)
            && handshake.client_random() == prefix.random
            && !prefix.cookie.is_empty()
        {
            // Repeated, because the client has not heard our answer, or more of the same hello.
            return false;
        }
        if self.has_answered(from, prefix.random) {
            // A copy that the network has made, late: another handshake would speak in between.
            return true;
        }
        if !self.cookies.verify(self.now, from, &prefix) {
            self.send_cookie(from, &prefix, fragment.sequence, record);
            return true;
        }
        // One that stands there gives way, so that they do not become more.
        let gives_way = usize::from(self.table.handshake_at(from).is_some());
        if self.table.handshakes() - gives_way >= self.config.max_handshakes
            || self.table.handshakes_of(from.ip()) - gives_way
                >= self.config.max_handshakes_per_address
        {
            self.metrics.hellos_over_limit += 1;
            return true;
        }
        let random = *prefix.random;
        let own_id = self.new_id();
        let handshake = self.with_context(|cx| {
            Handshake::accept(cx, from, own_id, &random, record.sequence, &fragment)
        });
        self.insert_handshake(Box::new(handshake));
        // The handshake takes the record now.
        false
    }

    /// Whether this hello has led to the session that stands at this address, and the client may not know of it yet.
    fn has_answered(&self, from: SocketAddr, random: &[u8; 32]) -> bool {
        let session = self.table.session_at(from);
        session
            .and_then(|session| self.table.session(session))
            .is_some_and(|session| session.came_of(random))
    }

    /// Answers with a cookie and keeps nothing. The answer is no longer than the question, and has its numbers: that of
    /// the record as RFC 6347, section 4.2.1 asks, and that of the message so that a client whose cookie was too old
    /// takes the new one for an answer and not for a repetition.
    fn send_cookie(
        &mut self,
        to: SocketAddr,
        hello: &HelloPrefix<'_>,
        sequence: u16,
        record: &Record<'_>,
    ) {
        let cookie = self.cookies.make(self.now, &mut *self.random, to, hello);
        let mut message = Vec::new();
        put_message(
            &mut message,
            MessageType::HelloVerifyRequest,
            sequence,
            &encode_hello_verify_request(&cookie),
        );
        if message.len() > record.body.len() {
            self.metrics.hellos_refused += 1;
            return;
        }
        let mut datagram = Vec::with_capacity(HEADER_LEN + message.len());
        put_plain(
            &mut datagram,
            ContentType::Handshake,
            DTLS_1_0,
            record.sequence,
            &message,
        );
        self.metrics.cookies_sent += 1;
        self.transmits.push_back((to, datagram));
    }
}
