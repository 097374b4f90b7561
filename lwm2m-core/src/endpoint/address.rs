//! Proof of address: nobody sends us a few bytes in another's name to have us send many to that other
//! (RFC 9175, section 2.4; RFC 7252, section 11.3).
//!
//! ```text
//!                 first word is the peer's               Echo, our token, our message id came back
//!   new peer ─────────────────────────────▶ Claimed ──────────────────────────────────────────────▶ Proven
//!       │                                     │  ▲ wrong ACK or RST: message ids prove nothing more    ▲
//!       │                                     └──┘                                                     │
//!       └── first word is ours, or the peer is a connection, or the bound is off ──────────────────────┘
//! ```
//!
//! To a claimed address goes at most three times what came from it, in answers, notifications, acknowledgements
//! and their repetitions. An answer that is larger than the room goes in blocks that fit, with an Echo option that
//! proves the address when it comes back; where `Challenge` is chosen, a safe request is first answered 4.01 with
//! Echo instead. What cannot be made to fit is withheld as if the network had lost it.
//!
//! Requests of ours go on our own account: PROBING_RATE and NSTART bound them.
//!
//! What proves an address: an Echo value of ours, a response with a token of ours (32 unpredictable bits or more),
//! or the acknowledgement of a message of ours. Of those 16 bits there is one guess only.

use super::{Amplification, Endpoint, server::Asked};
use crate::{
    coap::{BlockSize, Code, Message, Response, option},
    peer::PeerId,
};
use core::hash::{Hash, Hasher};
use rand_core::RngCore;
use siphasher::sip::SipHasher24;

/// How many times what came may go.
const FACTOR: u64 = 3;

/// Length of an Echo value, bytes, and of its option: a header of two bytes.
const ECHO_VALUE: usize = 8;
const ECHO_OPTION: usize = 2 + ECHO_VALUE;

/// What cutting adds to a response at most, bytes: Block2; and where it is described, Size2 and an ETag of ours.
const BLOCK_OPTION: usize = 5;
const DESCRIPTION: usize = 6 + 10;

/// On whose account a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Account {
    /// A request of ours.
    Ours,
    /// Whatever follows from what the peer has sent.
    Theirs,
}

/// What is known of the address of a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Address {
    Claimed {
        /// Bytes that may still go.
        room: u64,
        /// Whether an acknowledgement would prove it.
        trusts_ids: bool,
        /// Whether a request was answered 4.01 with Echo.
        challenged: bool,
    },
    Proven,
}

/// What has happened with an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Input {
    /// Bytes came from it.
    Came(usize),
    /// Bytes are to go.
    Go(usize),
    /// An acknowledgement or reset that matches nothing.
    WrongId,
    /// An acknowledgement or reset of a message of ours.
    RightId,
    /// Echo, or a token of ours.
    Proof,
    /// It is answered 4.01 with Echo.
    Challenge,
}

impl Address {
    /// The address after it, and whether the bytes may go.
    fn transition(self, input: Input) -> (Address, bool) {
        took!("address", self, input);
        let Address::Claimed {
            room,
            trusts_ids,
            challenged,
        } = self
        else {
            return (Address::Proven, true);
        };
        let claimed = |room, trusts_ids, challenged| Address::Claimed {
            room,
            trusts_ids,
            challenged,
        };
        match input {
            Input::Came(bytes) => {
                let room = room.saturating_add(FACTOR * bytes as u64);
                (claimed(room, trusts_ids, challenged), true)
            }
            Input::Go(bytes) => match room.checked_sub(bytes as u64) {
                Some(room) => (claimed(room, trusts_ids, challenged), true),
                None => (self, false),
            },
            Input::WrongId => (claimed(room, false, challenged), true),
            Input::Challenge => (claimed(room, trusts_ids, true), true),
            Input::RightId if !trusts_ids => (self, true),
            Input::RightId | Input::Proof => (Address::Proven, true),
        }
    }
}

/// How a response is cut to blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cut {
    /// The largest block.
    pub(super) size: BlockSize,
    /// Whether it says how large the whole is, and has an ETag of ours where it has none.
    pub(super) described: bool,
}

/// How an answer fits the room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    /// As it is, in blocks of the usual size.
    Whole,
    /// In small blocks; whether there is room for an Echo option.
    Blocks(Cut, bool),
    /// Not at all.
    Not,
}

impl Endpoint {
    /// What is known of the address of a new peer.
    pub(super) fn first_address(&self, peer: PeerId) -> Address {
        let bounded = self.config.amplification != Amplification::Unlimited;
        match self.arriving {
            0 => Address::Proven,
            bytes if bounded && peer.address().is_some() => {
                let nothing = Address::Claimed {
                    room: 0,
                    trusts_ids: true,
                    challenged: false,
                };
                nothing.transition(Input::Came(bytes)).0
            }
            _ => Address::Proven,
        }
    }

    fn step_address(&mut self, peer: PeerId, input: Input) -> bool {
        let Some(state) = self.peers.get_mut(&peer) else {
            // Without state there are only acknowledgements, resets and 5.03, none longer than what they answer.
            return true;
        };
        let (address, fine) = state.address.transition(input);
        if state.address != Address::Proven && address == Address::Proven {
            self.metrics.proven_addresses += 1;
        }
        state.address = address;
        fine
    }

    /// Bytes came from a peer.
    pub(super) fn note_arrival(&mut self, peer: PeerId, bytes: usize) {
        self.step_address(peer, Input::Came(bytes));
    }

    /// Takes bytes out of the room of a peer; `false`: they must not go.
    pub(super) fn may_go(&mut self, peer: PeerId, bytes: usize) -> bool {
        let fine = self.step_address(peer, Input::Go(bytes));
        self.metrics.withheld += u64::from(!fine);
        fine
    }

    /// The peer has sent something that it can only know where its address is its own.
    pub(super) fn prove_address(&mut self, peer: PeerId) {
        self.step_address(peer, Input::Proof);
    }

    /// The peer has named a message id in an acknowledgement or reset.
    pub(super) fn note_message_id(&mut self, peer: PeerId, right: bool) {
        let input = if right {
            Input::RightId
        } else {
            Input::WrongId
        };
        self.step_address(peer, input);
    }

    /// Whether the address of a peer is its own as far as is known: the peer is behind a connection, we spoke
    /// first, or it has proven it. A peer without state has proven nothing.
    pub fn is_address_proven(&self, peer: PeerId) -> bool {
        peer.address().is_none()
            || self
                .peers
                .get(&peer)
                .is_some_and(|state| state.address == Address::Proven)
    }

    /// Whether a notification is to be acknowledged, so that it proves the address.
    pub(super) fn wants_proof(&self, peer: PeerId) -> bool {
        let state = self.peers.get(&peer);
        state.is_some_and(|state| state.address != Address::Proven)
    }

    fn room(&self, peer: PeerId) -> Option<usize> {
        match self.peers.get(&peer)?.address {
            Address::Claimed { room, .. } => Some(usize::try_from(room).unwrap_or(usize::MAX)),
            Address::Proven => None,
        }
    }

    /// How a response fits what may go to a peer. `wanted`: the block size that it asked for. `share`: what the
    /// request that it answers has brought; the rest is for the answers to others.
    pub(super) fn fit(
        &self,
        peer: PeerId,
        token: usize,
        wanted: Option<BlockSize>,
        share: Option<usize>,
        response: &Response,
    ) -> Fit {
        let Some(room) = self.room(peer) else {
            return Fit::Whole;
        };
        let room = room.min(share.unwrap_or(room));
        let largest = self.config.block_size;
        let size = wanted.map_or(largest, |size| size.min(largest)).bytes();
        let length = response.payload.len();
        let whole = wanted.is_none() && length <= size;
        // Header, token, options and payload marker.
        let overhead = Message::HEADER + token + response.options.encoded_length() + 1;
        let added = if whole { 0 } else { BLOCK_OPTION + DESCRIPTION };
        if overhead + added + length.min(size) <= room {
            return Fit::Whole;
        }
        // What is least missed is left out first.
        [(true, true), (false, true), (false, false)]
            .into_iter()
            .find_map(|(described, echo)| {
                let options = BLOCK_OPTION
                    + if described { DESCRIPTION } else { 0 }
                    + if echo { ECHO_OPTION } else { 0 };
                let left = room.checked_sub(overhead + options)?;
                let size = BlockSize::at_most(left);
                (left >= size.bytes()).then_some(Fit::Blocks(Cut { size, described }, echo))
            })
            .unwrap_or(Fit::Not)
    }

    /// How responses are cut where there is room.
    pub(super) fn usual_cut(&self) -> Cut {
        Cut {
            size: self.config.block_size,
            described: true,
        }
    }

    /// Makes an answer fit what may go to a peer; gives back how to cut it, `None`: it stays as it is now.
    pub(super) fn fit_answer(
        &mut self,
        peer: PeerId,
        asked: &Asked,
        observe: bool,
        response: &mut Response,
    ) -> Option<Cut> {
        let token = asked.token.as_bytes().len();
        let wanted = asked.block2.map(|block| block.size);
        let acknowledged = if asked.acknowledged {
            Message::HEADER
        } else {
            0
        };
        let share = (asked.bytes * FACTOR as usize).saturating_sub(acknowledged);
        let fit = self.fit(peer, token, wanted, Some(share), response);
        if fit == Fit::Whole {
            return Some(self.usual_cut());
        }
        self.metrics.reduced_answers += 1;
        if response.code.is_error() {
            // Its text is a help, no part of the answer.
            response.payload.clear();
            response.options.remove(option::CONTENT_FORMAT);
            return None;
        }
        // A request that was acted on must not be repeated, nor one that has begun an observation.
        if asked.safe && !observe && self.challenge(peer, token, fit) {
            *response = Response::new(Code::UNAUTHORIZED);
            self.add_echo(peer, response);
            return None;
        }
        match fit {
            Fit::Blocks(cut, echo) => {
                if echo {
                    self.add_echo(peer, response);
                }
                Some(cut)
            }
            _ => {
                let code = match asked.safe {
                    true => Code::SERVICE_UNAVAILABLE,
                    false => response.code,
                };
                *response = Response::new(code);
                None
            }
        }
    }

    /// Whether a safe request is answered 4.01 with Echo: where that is chosen, once, since a peer that does not
    /// know Echo will do better with blocks; and where nothing else fits.
    fn challenge(&mut self, peer: PeerId, token: usize, fit: Fit) -> bool {
        let Some(state) = self.peers.get(&peer) else {
            return false;
        };
        let Address::Claimed {
            room, challenged, ..
        } = state.address
        else {
            return false;
        };
        let fits = (Message::HEADER + token + ECHO_OPTION) as u64 <= room;
        let chosen = self.config.amplification == Amplification::Challenge && !challenged;
        if !fits || !(chosen || fit == Fit::Not) {
            return false;
        }
        self.metrics.challenges += 1;
        self.step_address(peer, Input::Challenge)
    }

    pub(super) fn add_echo(&mut self, peer: PeerId, response: &mut Response) {
        let value = self.echo(peer, 0);
        response.options.set(option::ECHO, &value);
    }

    /// The Echo value for a peer, `age` periods ago: a keyed hash of both, so that none is kept.
    fn echo(&mut self, peer: PeerId, age: u64) -> [u8; ECHO_VALUE] {
        let key = *self.echo_key.get_or_insert_with(|| {
            let mut key = [0; 16];
            self.random.fill_bytes(&mut key);
            key
        });
        // A value is taken in the period it was made in and in the next.
        let period = (self.config.echo_lifetime.as_micros() as u64 / 2).max(1);
        let mut hasher = SipHasher24::new_with_key(&key);
        peer.hash(&mut hasher);
        (self.now.as_micros() / period)
            .wrapping_sub(age)
            .hash(&mut hasher);
        hasher.finish().to_be_bytes()
    }

    /// Looks for a proof in a request, and takes it out.
    pub(super) fn check_echo(&mut self, peer: PeerId, message: &mut Message) {
        if !self.wants_proof(peer) {
            return;
        }
        let Some(echo) = message.options.first(option::ECHO) else {
            return;
        };
        let Ok(echo) = <[u8; ECHO_VALUE]>::try_from(echo) else {
            return;
        };
        // Compared as integers: in the same time whatever they are.
        let echo = u64::from_be_bytes(echo);
        if [0, 1]
            .into_iter()
            .any(|age| u64::from_be_bytes(self.echo(peer, age)) == echo)
        {
            message.options.remove(option::ECHO);
            self.prove_address(peer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_transition() {
        use Input as I;
        let claimed = |room, trusts_ids, challenged| Address::Claimed {
            room,
            trusts_ids,
            challenged,
        };
        let proven = Address::Proven;
        for (from, input, to, fine) in [
            (
                claimed(0, true, false),
                I::Came(10),
                claimed(30, true, false),
                true,
            ),
            (
                claimed(5, false, true),
                I::Came(1),
                claimed(8, false, true),
                true,
            ),
            (
                claimed(u64::MAX, true, false),
                I::Came(1),
                claimed(u64::MAX, true, false),
                true,
            ),
            (
                claimed(30, true, false),
                I::Go(30),
                claimed(0, true, false),
                true,
            ),
            (
                claimed(30, true, false),
                I::Go(31),
                claimed(30, true, false),
                false,
            ),
            (
                claimed(7, true, false),
                I::WrongId,
                claimed(7, false, false),
                true,
            ),
            (
                claimed(7, false, true),
                I::WrongId,
                claimed(7, false, true),
                true,
            ),
            (claimed(7, true, false), I::RightId, proven, true),
            (
                claimed(7, false, false),
                I::RightId,
                claimed(7, false, false),
                true,
            ),
            (claimed(7, false, true), I::Proof, proven, true),
            (
                claimed(7, true, false),
                I::Challenge,
                claimed(7, true, true),
                true,
            ),
        ] {
            assert_eq!(from.transition(input), (to, fine), "{from:?} {input:?}");
        }
        for input in [
            I::Came(1),
            I::Go(usize::MAX),
            I::WrongId,
            I::RightId,
            I::Proof,
            I::Challenge,
        ] {
            assert_eq!(proven.transition(input), (proven, true));
        }
    }
}
