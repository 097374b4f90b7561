//! Block-wise transfer (RFC 7959) without the messages around it: what to send next, and what a block means.
//!
//! A request of ours is a [`Transfer`]:
//!
//! ```text
//!            body fits a block                                         response without more blocks
//!   new ──────────────────────────▶ Whole ──────────────────────────────────────────────────▶ Done
//!    │                              │  │ 4.13 with a smaller size                             ▲ ▲
//!    │ body is larger               │  ▼                       final response                │ │
//!    └───────────────────────────▶ Sending ──────────────────────────────────────────────────┘ │
//!                                   │ ▲ │                                                      │
//!                                   │ └─┘ 2.31: next block; 4.13 at block 0: smaller blocks    │
//!                first block with   │                                                          │
//!                more behind it     └─────▶ Receiving ─────────────────────────────────────────┘
//!                                            │  ▲ │        last block; an error that is final
//!            ETag changed, wrong block,      │  └─┘ next block
//!            error: GET and FETCH three      ▼
//!            times from the start again    Whole, Sending
//!
//!   Failed: a block that nobody asked for, options that cannot be read, too large a body (from every state)
//! ```
//!
//! A request of a peer that comes in blocks is an [`Assembly`], a response of ours that goes in blocks is cut by
//! [`cut`].

mod assembly;
mod state;

use super::{Failure, address::Cut};
use crate::coap::{Block, BlockSize, Code, OptionNumber, Options, Request, Response, option};
use alloc::vec::Vec;
use bytes::Bytes;

pub(super) use assembly::{Assembly, Place};
use state::{Action, Input, State};

const MAX_RESTARTS: u8 = 3;

/// The course of a request of ours over its blocks.
pub(super) struct Transfer {
    phase: Phase,
    size: BlockSize,
    /// Request-Tag of the upload (RFC 9175, section 3).
    tag: Option<[u8; 4]>,
    /// Whether the Observe option has done its work and is left out from now on.
    plain: bool,
    /// The one block of the response that is wanted.
    only: Option<Block>,
    restarts: u8,
}

enum Phase {
    Whole,
    Sending {
        offset: usize,
    },
    Receiving {
        head: Response,
        body: Vec<u8>,
        size: BlockSize,
    },
}

/// What follows from a response.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Outcome {
    /// The next message is to be sent.
    Next,
    /// The whole response is there.
    Done(Response),
    /// The transfer has failed.
    Failed(Failure),
}

impl Transfer {
    pub(super) fn new(request: &Request, size: BlockSize, tag: Option<[u8; 4]>) -> Self {
        let mut transfer = Transfer {
            phase: Phase::Whole,
            size,
            tag,
            plain: false,
            only: None,
            restarts: 0,
        };
        transfer.rewind(request);
        transfer
    }

    /// Whether the block numbers suffice for the body of this request.
    pub(super) fn fits(request: &Request, size: BlockSize) -> bool {
        request.payload.len().div_ceil(size.bytes()) <= Block::MAX_NUMBER as usize + 1
    }

    /// Whether the body of this request goes in blocks of this size.
    pub(super) fn is_upload(request: &Request, size: BlockSize) -> bool {
        request.payload.len() > size.bytes()
    }

    fn rewind(&mut self, request: &Request) {
        self.phase = match Transfer::is_upload(request, self.size) {
            true => Phase::Sending { offset: 0 },
            false => Phase::Whole,
        };
    }

    /// Goes back to the first block of a body of which later ones were under way; `false`: they were not.
    pub(super) fn begin_again(&mut self, request: &Request) -> bool {
        let later = matches!(self.phase, Phase::Sending { offset } if offset > 0);
        if later {
            self.rewind(request);
        }
        later
    }

    /// Goes on without the Observe option: for the rest of a notification.
    pub(super) fn without_observe(mut self) -> Self {
        self.plain = true;
        self
    }

    /// Asks for one block of the response and leaves the others to whoever asked.
    pub(super) fn only(mut self, block: Option<Block>) -> Self {
        self.only = block;
        self
    }

    /// Whether the response is one block, with the option that says which.
    pub(super) fn is_of_one_block(&self) -> bool {
        self.only.is_some()
    }

    /// Bytes of the body that have arrived, while it is being sent.
    pub(super) fn sent(&self) -> Option<usize> {
        match &self.phase {
            Phase::Sending { offset } => Some(*offset),
            _ => None,
        }
    }

    /// Options and payload of the next message.
    pub(super) fn message(&self, request: &Request) -> (Options, Bytes) {
        let mut options = request.options.clone();
        if self.plain {
            options.remove(option::OBSERVE);
        }
        let early = match self.only {
            Some(only) => Some(only),
            None if self.size < BlockSize::MAX && is_safe(request.code) => Some(Block {
                number: 0,
                more: false,
                size: self.size,
            }),
            None => None,
        };
        match &self.phase {
            Phase::Whole => {
                if let Some(early) = early {
                    options.set_uint(option::BLOCK2, early.to_uint());
                }
                (options, request.payload.clone())
            }
            Phase::Sending { offset } => {
                let end = self.end(*offset, request);
                let more = end < request.payload.len();
                let number = (offset / self.size.bytes()) as u32;
                options.set_uint(option::BLOCK1, block(number, more, self.size));
                if *offset == 0 {
                    options.set_uint(option::SIZE1, saturated(request.payload.len()));
                }
                if let Some(tag) = &self.tag {
                    options.set(option::REQUEST_TAG, tag);
                }
                if let Some(early) = early.filter(|_| !more) {
                    options.set_uint(option::BLOCK2, early.to_uint());
                }
                (options, request.payload.slice(*offset..end))
            }
            Phase::Receiving { body, size, .. } => {
                options.remove(option::OBSERVE);
                let number = (body.len() / size.bytes()) as u32;
                options.set_uint(option::BLOCK2, block(number, false, *size));
                // A FETCH is told from others by its body; one that came in blocks is known to the server.
                let repeated =
                    request.code == Code::FETCH && request.payload.len() <= self.size.bytes();
                if !repeated {
                    options.remove(option::CONTENT_FORMAT);
                }
                let payload = if repeated {
                    request.payload.clone()
                } else {
                    Bytes::new()
                };
                (options, payload)
            }
        }
    }

    fn end(&self, offset: usize, request: &Request) -> usize {
        (offset + self.size.bytes()).min(request.payload.len())
    }

    /// Takes in the response to the last message.
    pub(super) fn on_response(
        &mut self,
        request: &Request,
        response: Response,
        max_body: usize,
    ) -> Outcome {
        let (Ok(block1), Ok(block2)) = (
            response.options.block(option::BLOCK1),
            response.options.block(option::BLOCK2),
        ) else {
            return Outcome::Failed(Failure::BlockTransfer);
        };
        let input = self.input(request, &response, block1, block2, max_body);
        let (_, action) = self.state().transition(input, self.anew(request));
        match (action, &mut self.phase) {
            (Action::Shrink, _) => {
                self.size = block1.map_or(self.size, |block| block.size);
                self.phase = Phase::Sending { offset: 0 };
                Outcome::Next
            }
            (Action::SendNext, Phase::Sending { offset }) => {
                *offset += self.size.bytes();
                self.size = block1.map_or(self.size, |block| block.size.min(self.size));
                Outcome::Next
            }
            (Action::Begin, _) => {
                self.phase = Phase::Receiving {
                    body: response.payload.to_vec(),
                    size: block2.map_or(self.size, |block| block.size),
                    head: Response {
                        payload: Bytes::new(),
                        ..response
                    },
                };
                Outcome::Next
            }
            (Action::Append, Phase::Receiving { body, size, .. }) => {
                body.extend_from_slice(&response.payload);
                *size = block2.map_or(*size, |block| block.size);
                Outcome::Next
            }
            (Action::Complete, Phase::Receiving { body, head, .. }) => {
                body.extend_from_slice(&response.payload);
                let payload = Bytes::from(core::mem::take(body));
                Outcome::Done(Response {
                    payload,
                    ..head.clone()
                })
            }
            (Action::Restart, _) => {
                self.restarts += 1;
                self.plain = true;
                self.rewind(request);
                Outcome::Next
            }
            (Action::Deliver, _) => Outcome::Done(response),
            (Action::Fail(failure), _) => Outcome::Failed(failure),
            _ => Outcome::Failed(Failure::BlockTransfer),
        }
    }

    fn state(&self) -> State {
        match self.phase {
            Phase::Whole => State::Whole,
            Phase::Sending { .. } => State::Sending,
            Phase::Receiving { .. } => State::Receiving,
        }
    }

    /// The state in which the request begins again, where it may.
    fn anew(&self, request: &Request) -> Option<State> {
        let may = is_safe(request.code) && self.restarts < MAX_RESTARTS;
        may.then_some(match Transfer::is_upload(request, self.size) {
            true => State::Sending,
            false => State::Whole,
        })
    }

    /// What a response is to this transfer.
    fn input(
        &self,
        request: &Request,
        response: &Response,
        block1: Option<Block>,
        block2: Option<Block>,
        max_body: usize,
    ) -> Input {
        match &self.phase {
            Phase::Whole | Phase::Sending { .. }
                if self.smaller_size_wanted(request, response, block1) =>
            {
                Input::Smaller
            }
            Phase::Sending { offset } if self.goes_on(*offset, request, response, block1) => {
                let more = self.end(*offset, request) < request.payload.len();
                let fits = |b: Block| {
                    b.number as usize == offset / self.size.bytes()
                        && Transfer::fits(request, b.size)
                };
                match more && block1.is_some_and(fits) {
                    true => Input::Arrived,
                    false => Input::Misplaced,
                }
            }
            _ if self.only.is_some() => Input::Response,
            Phase::Receiving { head, body, .. } => match block2 {
                // What the body of the request lacks, the peer would lack again.
                _ if response.code == Code::REQUEST_ENTITY_INCOMPLETE => Input::Response,
                // The body may have become shorter, or is gone: the first block will tell.
                _ if !response.code.is_success() => Input::Error,
                Some(b)
                    if b.offset() == body.len()
                        && is_full(b, response)
                        && head.code == response.code
                        && head.options.well_formed(option::ETAG)
                            == response.options.well_formed(option::ETAG) =>
                {
                    let length = body.len() + response.payload.len();
                    let numbered = !b.more || b.number < Block::MAX_NUMBER;
                    match (length <= max_body && numbered, b.more) {
                        (false, _) => Input::TooLarge,
                        (true, true) => Input::Block,
                        (true, false) => Input::Last,
                    }
                }
                _ => Input::Stray,
            },
            Phase::Whole | Phase::Sending { .. } => match block2 {
                None => Input::Response,
                Some(b) if b.number == 0 && !b.more => Input::Response,
                Some(b) if b.number == 0 && is_full(b, response) => {
                    let whole = response.options.uint(option::SIZE2).unwrap_or(0) as usize;
                    match whole.max(response.payload.len()) > max_body {
                        true => Input::TooLarge,
                        false => Input::First,
                    }
                }
                Some(_) => Input::Stray,
            },
        }
    }

    /// 2.31: the server collects. Another success with a Block1 option: it acts on each block by itself.
    fn goes_on(
        &self,
        offset: usize,
        request: &Request,
        response: &Response,
        block1: Option<Block>,
    ) -> bool {
        let more = self.end(offset, request) < request.payload.len();
        response.code == Code::CONTINUE || more && response.code.is_success() && block1.is_some()
    }

    /// 4.13 with a Block1 option asks to try smaller blocks (RFC 7959, section 2.9.3).
    fn smaller_size_wanted(
        &self,
        request: &Request,
        response: &Response,
        block1: Option<Block>,
    ) -> bool {
        let at_start = matches!(self.phase, Phase::Whole | Phase::Sending { offset: 0 });
        response.code == Code::REQUEST_ENTITY_TOO_LARGE
            && at_start
            && block1.is_some_and(|block| {
                block.size < self.size
                    && Transfer::fits(request, block.size)
                    && Transfer::is_upload(request, block.size)
            })
    }
}

/// Whether the method may be executed any number of times without effect.
pub(super) fn is_safe(code: Code) -> bool {
    matches!(code, Code::GET | Code::FETCH)
}

/// Takes out the options that block-wise transfer sets and reads: the layer above neither gives nor sees them.
pub(super) fn strip(options: &mut Options) {
    for number in [
        option::BLOCK1,
        option::BLOCK2,
        option::SIZE1,
        option::SIZE2,
        option::REQUEST_TAG,
    ] {
        options.remove(number);
    }
}

/// Whether a block that others follow is as large as it says.
fn is_full(block: Block, response: &Response) -> bool {
    !block.more || response.payload.len() == block.size.bytes()
}

fn block(number: u32, more: bool, size: BlockSize) -> u32 {
    Block { number, more, size }.to_uint()
}

pub(super) fn saturated(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// There is no such block.
#[derive(Debug, PartialEq)]
pub(super) struct OutOfRange;

/// Cuts a response down to one block where it does not fit one or where the peer asked for one; tells whether
/// more follow.
pub(super) fn cut(
    response: &mut Response,
    wanted: Option<Block>,
    how: Cut,
) -> Result<bool, OutOfRange> {
    let total = response.payload.len();
    let size = wanted.map_or(how.size, |b| b.size.min(how.size));
    if wanted.is_none() && total <= size.bytes() {
        return Ok(false);
    }
    // Where our blocks are smaller than those asked for, the place in the body counts.
    let offset = wanted.map_or(0, |b| b.offset());
    if offset >= total && offset > 0 {
        return Err(OutOfRange);
    }
    let end = (offset + size.bytes()).min(total);
    let more = end < total;
    let number = (offset / size.bytes()) as u32;
    if number > Block::MAX_NUMBER {
        return Err(OutOfRange);
    }
    response.payload = response.payload.slice(offset..end);
    response
        .options
        .set_uint(option::BLOCK2, block(number, more, size));
    if number == 0 && more && how.described {
        response.options.set_uint(option::SIZE2, saturated(total));
    }
    Ok(more)
}

/// An entity tag for a body whose maker gave none (FNV-1a).
pub(super) fn entity_tag(body: &[u8]) -> [u8; 8] {
    body.iter()
        .fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
        })
        .to_be_bytes()
}

/// Options that say how a message travels, not what it is about.
pub(super) const TRAVEL: [OptionNumber; 8] = [
    option::OBSERVE,
    option::BLOCK1,
    option::BLOCK2,
    option::SIZE1,
    option::SIZE2,
    option::NO_RESPONSE,
    option::HOP_LIMIT,
    option::ECHO,
];
