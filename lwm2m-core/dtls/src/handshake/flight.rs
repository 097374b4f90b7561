//! What we have said last, to be said again (RFC 6347, section 4.2.4).

use crate::{
    crypto::Provider,
    record::{Keys, Place},
    wire::{
        handshake::{self, MessageType},
        record::{ContentType, DTLS_1_2, HEADER_LEN, put_plain},
    },
};
use alloc::{vec, vec::Vec};
use rand_core::RngCore;

/// One message of a flight.
#[derive(Clone)]
pub(crate) enum Item {
    Message {
        epoch: u16,
        message_type: MessageType,
        sequence: u16,
        body: Vec<u8>,
    },
    ChangeCipherSpec,
}

/// Puts bodies into records: as they are in epoch 0, protected in epoch 1, each with a number of its own.
pub(crate) struct Sealer<'a> {
    pub(crate) provider: &'a dyn Provider,
    pub(crate) random: &'a mut dyn RngCore,
    pub(crate) keys: Option<&'a Keys>,
    pub(crate) plain_sequence: &'a mut u64,
    pub(crate) sealed_sequence: &'a mut u64,
    pub(crate) peer_id: &'a [u8],
}

impl Sealer<'_> {
    /// Bytes that a record of this epoch is longer than its body.
    fn overhead(&self, epoch: u16) -> usize {
        match (epoch, self.keys) {
            (1, Some(keys)) => keys.overhead(self.peer_id.len()),
            _ => HEADER_LEN,
        }
    }

    /// Appends a record.
    fn seal(&mut self, epoch: u16, content_type: ContentType, body: &[u8], to: &mut Vec<u8>) {
        if epoch == 0 {
            put_plain(to, content_type, DTLS_1_2, *self.plain_sequence, body);
            *self.plain_sequence += 1;
        } else if let Some(keys) = self.keys {
            let place = Place {
                epoch,
                sequence: *self.sealed_sequence,
                connection_id: self.peer_id,
            };
            keys.seal(self.provider, self.random, place, content_type, body, to);
            *self.sealed_sequence += 1;
        }
    }
}

/// The messages that go together, until those of the peer show that it has them.
#[derive(Clone, Default)]
pub(crate) struct Flight {
    items: Vec<Item>,
}

impl Flight {
    pub(crate) fn clear(&mut self) {
        self.items.clear();
    }

    pub(crate) fn push(&mut self, item: Item) {
        self.items.push(item);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Bytes that it holds, for the accounts.
    pub(crate) fn size(&self) -> usize {
        let bodies = self.items.iter().map(|item| match item {
            Item::Message { body, .. } => body.capacity(),
            Item::ChangeCipherSpec => 0,
        });
        self.items.capacity() * size_of::<Item>() + bodies.sum::<usize>()
    }

    /// The flight as datagrams of at most `mtu` bytes, messages in fragments where they do not fit, records together
    /// where they do. `fragment` bounds the handshake bytes of one record. A peer that takes short records only has
    /// seldom more room for a datagram than for one of them: where that is less than `mtu`, it is the bound.
    pub(crate) fn datagrams(
        &self,
        mtu: usize,
        fragment: usize,
        seal: &mut Sealer<'_>,
    ) -> Vec<Vec<u8>> {
        let mtu = mtu.min(fragment + handshake::HEADER_LEN + HEADER_LEN);
        let mut datagrams = vec![Vec::new()];
        let mut body = Vec::new();
        for item in &self.items {
            match item {
                Item::ChangeCipherSpec => {
                    let datagram = room(&mut datagrams, mtu, seal.overhead(0) + 1);
                    seal.seal(0, ContentType::ChangeCipherSpec, &[1], datagram);
                }
                Item::Message {
                    epoch,
                    message_type,
                    sequence,
                    body: message,
                } => {
                    let fixed = seal.overhead(*epoch) + handshake::HEADER_LEN;
                    let mut offset = 0;
                    loop {
                        // A little room at the end of a datagram is not worth a fragment.
                        let left = message.len() - offset;
                        let datagram = room(&mut datagrams, mtu, fixed + left.min(64));
                        let space = (mtu - datagram.len()).saturating_sub(fixed);
                        let length = left.min(space.max(1)).min(fragment.max(1));
                        body.clear();
                        handshake::put_fragment(
                            &mut body,
                            *message_type,
                            *sequence,
                            message,
                            offset,
                            length,
                        );
                        seal.seal(*epoch, ContentType::Handshake, &body, datagram);
                        offset += length;
                        if offset == message.len() {
                            break;
                        }
                    }
                }
            }
        }
        datagrams.retain(|datagram| !datagram.is_empty());
        datagrams
    }
}

/// The datagram that is being filled, or a new one where that has no room for so much.
fn room(datagrams: &mut Vec<Vec<u8>>, mtu: usize, wanted: usize) -> &mut Vec<u8> {
    let last = datagrams.last().map_or(0, Vec::len);
    if last > 0 && last + wanted > mtu {
        datagrams.push(Vec::new());
    }
    let index = datagrams.len() - 1;
    &mut datagrams[index]
}
