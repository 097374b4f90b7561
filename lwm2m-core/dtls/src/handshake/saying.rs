//! What a handshake says: messages of a flight, the flight as a whole and again, and an alert.

use super::{
    Abort, Context, Handshake,
    flight::{Item, Sealer},
};
use crate::wire::{
    alert::{Alert, AlertDescription},
    handshake::{HEADER_LEN, MessageType, put_message},
    record::{ContentType, DTLS_1_2, put_plain},
};
use alloc::vec::Vec;

/// How often a flight is repeated because the peer repeats its own, beyond what the timer does.
const MAX_ASKED_REPEATS: u32 = 16;

impl Handshake {
    /// Makes a message part of the transcript and of the flight.
    pub(super) fn say(&mut self, epoch: u16, message_type: MessageType, body: Vec<u8>) {
        let sequence = self.next_message;
        self.next_message += 1;
        put_message(&mut self.transcript, message_type, sequence, &body);
        self.flight.push(Item::Message {
            epoch,
            message_type,
            sequence,
            body,
        });
    }

    /// Changes to the new keys and says Finished.
    pub(super) fn say_finished(&mut self) -> Result<(), Abort> {
        let hash = self.hash(self.transcript.len());
        let data = self.master()?.verify_data(self.side, &hash).to_vec();
        self.flight.push(Item::ChangeCipherSpec);
        self.say(1, MessageType::Finished, data);
        Ok(())
    }

    /// Sends the flight for the first time.
    pub(super) fn send_flight(&mut self, cx: &mut Context<'_>, awaits_answer: bool) {
        self.asked_repeats = 0;
        self.interval = cx.config.retransmit_initial;
        self.repeat_at = awaits_answer.then(|| cx.now + self.interval);
        self.transmit(cx);
    }

    /// The peer repeats itself: it has not heard what we said last.
    pub(super) fn repeat_as_asked(&mut self, cx: &mut Context<'_>) {
        if self.asked_repeats < MAX_ASKED_REPEATS && !self.flight.is_empty() {
            self.asked_repeats += 1;
            self.transmit(cx);
        }
    }

    pub(super) fn transmit(&mut self, cx: &mut Context<'_>) {
        let mut sealer = Sealer {
            provider: cx.provider,
            random: &mut *cx.random,
            keys: self.keys.as_deref(),
            plain_sequence: &mut self.plain_sequence,
            sealed_sequence: &mut self.sealed_sequence,
            peer_id: &self.negotiated.peer_id,
        };
        let fragment = self.negotiated.max_plaintext - HEADER_LEN;
        for datagram in self.flight.datagrams(cx.config.mtu, fragment, &mut sealer) {
            cx.transmits.push_back((self.address, datagram));
        }
    }

    /// Tells the peer why it ends; without protection, since who fails may have other keys.
    pub(crate) fn send_alert(&mut self, cx: &mut Context<'_>, description: AlertDescription) {
        let mut datagram = Vec::new();
        let alert = Alert::fatal(description).encode();
        put_plain(
            &mut datagram,
            ContentType::Alert,
            DTLS_1_2,
            self.plain_sequence,
            &alert,
        );
        self.plain_sequence += 1;
        cx.transmits.push_back((self.address, datagram));
    }
}
