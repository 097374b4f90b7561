//! Proof of address: nobody sends us a few bytes in another's name to have us send many to that other
//! (RFC 9175, section 2.4; RFC 7252, section 11.3).
//!
//! ```text
//!                 whoever speaks first                   Echo, our token, our message id came back
//!   new peer ─────────────────────────────▶ Claimed ──────────────────────────────────────────────▶ Proven
//!       │                                     │  ▲ wrong ACK or RST: a guess less                      ▲
//!       │                                     └──┘                                                     │
//!       └── the peer is a connection, or the bound is off ─────────────────────────────────────────────┘
//! ```
//!
//! That we speak to an address first proves nothing: somebody may know that we will, and ask in its name. The response
//! to what we ask does, by its token.
//!
//! To a claimed address goes at most three times what came from it, in answers, notifications, acknowledgements
//! and their repetitions. An answer that is larger than the room goes in blocks that fit, with an Echo option that
//! proves the address when it comes back; where `Challenge` is chosen, a safe request is first answered 4.01 with
//! Echo instead. What cannot be made to fit is withheld:
//!
//! ```text
//!   acknowledgement, piggybacked or non-confirmable answer ──▶ as if the network had lost it: the peer repeats what it
//!                                                              asked, and that brings room
//!   separate answer, notification ──▶ waits (`transmission`) until there is room, at most EXCHANGE_LIFETIME
//! ```
//!
//! What is to be acted on is asked of us by who can be told the result: a request that is not safe and so short that
//! not even the smallest block of an answer fits is answered 4.01 with Echo (or 5.03, where that does not fit) before
//! it is acted on. The answer to an observer goes confirmably in a message of its own, so that it is acknowledged and
//! the address proven before the first notification.
//!
//! Requests of ours go on our own account: PROBING_RATE and NSTART bound them.
//!
//! What proves an address: an Echo value of ours, a response with a token of ours (32 unpredictable bits or more),
//! or the acknowledgement or reset of a message of ours. That is 16 bits only: after `message_id_guesses` wrong ones
//! within EXCHANGE_LIFETIME, none proves anything until it has passed. Where n messages are under way, somebody who
//! sees none of them so succeeds with a chance of n times `message_id_guesses` in 65,536 per EXCHANGE_LIFETIME: with
//! one message and four guesses in 247 seconds, once in 47 days of trying for one address.

use super::{Amplification, Endpoint, server::Asked};
use crate::{
    coap::{BlockSize, Code, Message, Response, option},
    peer::PeerId,
    time::Instant,
};
use core::{
    hash::{Hash, Hasher},
    time::Duration,
};
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

/// The Observe option at its longest.
const LARGEST_SEQUENCE: u32 = 0x00FF_FFFF;

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
    Claimed(Claim),
    Proven,
}

/// What is known of an address that is not proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Claim {
    /// Bytes that may still go.
    room: u64,
    /// Message ids that were wrong since `guessing`.
    wrong: u8,
    guessing: Instant,
    /// Whether a request was answered 4.01 with Echo.
    challenged: bool,
}

impl Claim {
    /// Message ids that were wrong and count still.
    fn wrong(&self, now: Instant, lifetime: Duration) -> u8 {
        match now.since(self.guessing) < lifetime {
            true => self.wrong,
            false => 0,
        }
    }
}

/// What has happened with an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Input {
    /// Bytes came from it.
    Came(usize),
    /// Bytes are to go.
    Go(usize),
    /// An acknowledgement or reset that matches nothing.
    WrongId { now: Instant, lifetime: Duration },
    /// An acknowledgement or reset of a message of ours; how many wrong ones may have come before it.
    RightId {
        now: Instant,
        lifetime: Duration,
        guesses: u8,
    },
    /// Echo, or a token of ours.
    Proof,
    /// It is answered 4.01 with Echo.
    Challenge,
}

impl Address {
    /// The address after it, and whether the bytes may go.
    fn transition(self, input: Input) -> (Address, bool) {
        took!("address", self, input);
        let Address::Claimed(mut claim) = self else {
            return (Address::Proven, true);
        };
        match input {
            Input::Came(bytes) => {
                claim.room = claim.room.saturating_add(FACTOR * bytes as u64);
            }
            Input::Go(bytes) => match claim.room.checked_sub(bytes as u64) {
                Some(room) => claim.room = room,
                None => return (self, false),
            },
            Input::WrongId { now, lifetime } => {
                let wrong = claim.wrong(now, lifetime);
                if wrong == 0 {
                    claim.guessing = now;
                }
                claim.wrong = wrong.saturating_add(1);
            }
            Input::RightId {
                now,
                lifetime,
                guesses,
            } if claim.wrong(now, lifetime) >= guesses => {}
            Input::Challenge => claim.challenged = true,
            Input::RightId { .. } | Input::Proof => return (Address::Proven, true),
        }
        (Address::Claimed(claim), true)
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

impl Cut {
    const SMALLEST: Cut = Cut {
        size: BlockSize::MIN,
        described: false,
    };
}

/// How an answer fits the room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fit {
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
        if !bounded || peer.address().is_none() {
            return Address::Proven;
        }
        let nothing = Address::Claimed(Claim::default());
        nothing.transition(Input::Came(self.arriving)).0
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
        if !self.wants_proof(peer) {
            return;
        }
        let (now, guesses) = (self.now, self.config.message_id_guesses);
        let lifetime = self.timing(peer).exchange_lifetime();
        let input = match right {
            true => Input::RightId {
                now,
                lifetime,
                guesses,
            },
            false => Input::WrongId { now, lifetime },
        };
        self.step_address(peer, input);
    }

    /// Whether the address of a peer is its own as far as is known: the peer is behind a connection, or it
    /// has proven it. A peer without state has proven nothing.
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
            Address::Claimed(claim) => Some(usize::try_from(claim.room).unwrap_or(usize::MAX)),
            Address::Proven => None,
        }
    }

    /// Whether so many bytes may go to a peer.
    pub(super) fn has_room(&self, peer: PeerId, bytes: usize) -> bool {
        self.room(peer).is_none_or(|room| bytes <= room)
    }

    /// Bytes that may go in answer to a message; `None`: there is no bound. What other messages of the peer have
    /// brought is for their answers.
    fn allowance(&self, peer: PeerId, asked: &Asked) -> Option<usize> {
        let acknowledged = match asked.acknowledged {
            true => Message::HEADER,
            false => 0,
        };
        let share = (asked.bytes.saturating_mul(FACTOR as usize)).saturating_sub(acknowledged);
        Some(self.room(peer)?.min(share))
    }

    /// How a response fits what may go to a peer. `wanted`: the block size that it asked for. `allowance`: the bytes
    /// that may go; `None`: there is no bound.
    fn fit(
        &self,
        token: usize,
        wanted: Option<BlockSize>,
        allowance: Option<usize>,
        response: &Response,
    ) -> Fit {
        let Some(room) = allowance else {
            return Fit::Whole;
        };
        let largest = self.config.block_size;
        let size = wanted.map_or(largest, |size| size.min(largest)).bytes();
        let length = response.payload.len();
        let whole = wanted.is_none() && length <= size;
        // Header, token, options and payload marker.
        let marker = usize::from(length > 0);
        let overhead = Message::HEADER + token + response.options.encoded_length() + marker;
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

    /// How a notification fits what may go to its observer. Where not even the smallest block of it fits, that is
    /// what waits for room.
    pub(super) fn fit_notification(
        &mut self,
        peer: PeerId,
        token: usize,
        wanted: Option<BlockSize>,
        response: &mut Response,
    ) -> Cut {
        let fit = self.fit(token, wanted, self.room(peer), response);
        self.metrics.reduced_answers += u64::from(fit != Fit::Whole);
        match fit {
            Fit::Whole => self.usual_cut(),
            Fit::Blocks(cut, echo) => {
                if echo {
                    self.add_echo(peer, response);
                }
                cut
            }
            Fit::Not => Cut::SMALLEST,
        }
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
        let allowance = self.allowance(peer, asked);
        let fit = self.fit(token, wanted, allowance, response);
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
        // A request that was acted on must not be repeated; and whoever observes was found to have room for it.
        let repeatable = asked.safe && !asked.streamed && !observe;
        if repeatable && (fit == Fit::Not || self.is_challenge_due(peer)) {
            *response = self.ask_for_proof(peer, asked);
            return None;
        }
        match fit {
            Fit::Blocks(cut, echo) => {
                if echo {
                    self.add_echo(peer, response);
                }
                Some(cut)
            }
            // It goes when the peer repeats its message, or is heard otherwise.
            _ => Some(Cut::SMALLEST),
        }
    }

    /// Whether a peer is to be answered 4.01 with Echo where that is chosen: once, since one that does not know Echo
    /// will do better with blocks.
    fn is_challenge_due(&self, peer: PeerId) -> bool {
        let address = self.peers.get(&peer).map(|state| state.address);
        self.config.amplification == Amplification::Challenge
            && matches!(address, Some(Address::Claimed(claim)) if !claim.challenged)
    }

    /// 4.01 with Echo; 5.03 where not even that fits, which needs no more room than the request has brought.
    pub(super) fn ask_for_proof(&mut self, peer: PeerId, asked: &Asked) -> Response {
        let length = Message::HEADER + asked.token.as_bytes().len() + ECHO_OPTION;
        if (self.allowance(peer, asked)).is_some_and(|allowance| allowance < length) {
            return Response::new(Code::SERVICE_UNAVAILABLE);
        }
        self.metrics.challenges += 1;
        self.step_address(peer, Input::Challenge);
        let mut response = Response::new(Code::UNAUTHORIZED);
        self.add_echo(peer, &mut response);
        response
    }

    /// Whether a request is to be answered by [`Endpoint::ask_for_proof`] before it is acted on: one that is not
    /// safe, where the smallest block of its answer would not fit.
    pub(super) fn wants_proof_first(&self, peer: PeerId, asked: &Asked) -> bool {
        let smallest = Message::HEADER + asked.token.as_bytes().len() + BLOCK_OPTION;
        let smallest = smallest + 1 + BlockSize::MIN.bytes();
        let allowance = self.allowance(peer, asked).filter(|_| !asked.safe);
        allowance.is_some_and(|allowance| allowance < smallest)
    }

    /// Whether the first block of an upload is to be answered by [`Endpoint::ask_for_proof`], where that is chosen:
    /// before anything is kept for an address that may be another's.
    pub(super) fn wants_proof_of_uploads(&self, peer: PeerId) -> bool {
        self.is_challenge_due(peer)
    }

    /// Whether this response may begin an observation: it fits together with the acknowledgement that goes before
    /// it. Otherwise the peer is to prove its address first.
    pub(super) fn may_be_observed(&self, peer: PeerId, asked: &Asked, response: &Response) -> bool {
        let Some(mut allowance) = self.allowance(peer, asked) else {
            return true;
        };
        if !asked.acknowledged {
            allowance = allowance.saturating_sub(Message::HEADER);
        }
        let mut response = response.clone();
        response.options.set_uint(option::OBSERVE, LARGEST_SEQUENCE);
        let token = asked.token.as_bytes().len();
        let wanted = asked.block2.map(|block| block.size);
        match self.fit(token, wanted, Some(allowance), &response) {
            Fit::Whole => true,
            Fit::Blocks(..) => !self.is_challenge_due(peer),
            Fit::Not => false,
        }
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

    /// Looks for a proof in a request, and takes it out: also where there was one before, since it comes with all
    /// blocks of a body. Other values are the business of the layer above.
    pub(super) fn check_echo(&mut self, peer: PeerId, message: &mut Message) {
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

    const LIFETIME: Duration = Duration::from_secs(247);

    fn at(seconds: u64) -> Instant {
        Instant::from_micros(seconds * 1_000_000)
    }

    fn wrong(seconds: u64) -> Input {
        Input::WrongId {
            now: at(seconds),
            lifetime: LIFETIME,
        }
    }

    fn right(seconds: u64) -> Input {
        Input::RightId {
            now: at(seconds),
            lifetime: LIFETIME,
            guesses: 2,
        }
    }

    #[test]
    fn every_transition() {
        use Input as I;
        let claimed = |room, wrong, guessing, challenged| {
            Address::Claimed(Claim {
                room,
                wrong,
                guessing: at(guessing),
                challenged,
            })
        };
        let plain = |room| claimed(room, 0, 0, false);
        let proven = Address::Proven;
        for (from, input, to, fine) in [
            (plain(0), I::Came(10), plain(30), true),
            (
                claimed(5, 2, 7, true),
                I::Came(1),
                claimed(8, 2, 7, true),
                true,
            ),
            (plain(u64::MAX), I::Came(1), plain(u64::MAX), true),
            (plain(30), I::Go(30), plain(0), true),
            (plain(30), I::Go(31), plain(30), false),
            // Wrong ids count from the first on, and only within the lifetime.
            (plain(7), wrong(300), claimed(7, 1, 300, false), true),
            (
                claimed(7, 1, 300, true),
                wrong(546),
                claimed(7, 2, 300, true),
                true,
            ),
            (
                claimed(7, 2, 300, true),
                wrong(547),
                claimed(7, 1, 547, true),
                true,
            ),
            (
                claimed(7, u8::MAX, 300, false),
                wrong(301),
                claimed(7, u8::MAX, 300, false),
                true,
            ),
            // A right one proves as long as fewer than the guesses were wrong, and again when they have passed.
            (plain(7), right(0), proven, true),
            (claimed(7, 1, 300, false), right(301), proven, true),
            (
                claimed(7, 2, 300, false),
                right(546),
                claimed(7, 2, 300, false),
                true,
            ),
            (claimed(7, 2, 300, false), right(547), proven, true),
            (claimed(7, 9, 300, true), I::Proof, proven, true),
            (plain(7), I::Challenge, claimed(7, 0, 0, true), true),
        ] {
            assert_eq!(from.transition(input), (to, fine), "{from:?} {input:?}");
        }
        for input in [
            I::Came(1),
            I::Go(usize::MAX),
            wrong(1),
            right(1),
            I::Proof,
            I::Challenge,
        ] {
            assert_eq!(proven.transition(input), (proven, true));
        }
    }
}
