//! Large responses, which peers fetch block by block (Block2, RFC 7959, section 2.4).
//!
//! The whole is kept while its blocks are fetched, so that they all are of one body. It is found again by its peer,
//! method and options. A request for a later block of a body that is not kept goes to the layer above where that
//! does no harm; an entity tag then tells the peer whether the body is still the same.

use super::{
    Endpoint, Timer,
    address::Cut,
    blockwise::{self, OutOfRange},
    observer::View,
    server::Asked,
};
use crate::{
    coap::{Block, Code, Message, OptionNumber, Options, Response, option},
    peer::PeerId,
    timer::TimerId,
};
use core::hash::{BuildHasher, Hash, Hasher};

/// What a body costs beside its payload and options as they are sent, bytes: its places in tables that are as empty as
/// they get, its timer, and what holds its options.
pub(super) const BODY_OVERHEAD: usize = 1024;

/// A large response that its peer fetches block by block.
pub(super) struct Body {
    response: Response,
    payload: u64,
    timer: TimerId,
    /// Its place among the bodies of its peer, oldest first.
    turn: u64,
}

/// What counts against `max_served`, bytes.
fn cost(response: &Response) -> usize {
    BODY_OVERHEAD + response.options.encoded_length() + response.payload.len()
}

/// Whether a response is one that is worth an entity tag of ours: the peer must notice when it changes.
fn wants_entity_tag(response: &Response) -> bool {
    response.code.is_success() && !response.options.contains(option::ETAG)
}

impl Endpoint {
    /// Cuts a response to one block and keeps the whole where more blocks follow.
    pub(super) fn cut_response(
        &mut self,
        peer: PeerId,
        key: u64,
        payload: u64,
        wanted: Option<Block>,
        how: Cut,
        mut response: Response,
    ) -> Response {
        let size = wanted.map_or(how.size, |block| block.size.min(how.size));
        let large = response.payload.len() > size.bytes();
        // An error is told whatever block was asked for.
        if !large && (wanted.is_none() || response.code.is_error()) {
            return response;
        }
        if large && how.described && wants_entity_tag(&response) {
            let tag = blockwise::entity_tag(&response.payload);
            response.options.set(option::ETAG, &tag);
        }
        if large {
            self.keep_body(peer, key, payload, &response);
        }
        match blockwise::cut(&mut response, wanted, how) {
            Ok(_) => response,
            Err(OutOfRange) => Response::new(Code::BAD_REQUEST).diagnostic("no such block"),
        }
    }

    /// Gives a notification its Observe option and cuts it to its first block.
    pub(super) fn cut_notification(
        &mut self,
        peer: PeerId,
        view: &View,
        token: usize,
        mut response: Response,
        sequence: Option<u32>,
    ) -> Response {
        for number in [
            option::BLOCK1,
            option::BLOCK2,
            option::SIZE2,
            option::OBSERVE,
        ] {
            response.options.remove(number);
        }
        if let Some(sequence) = sequence {
            response.options.set_uint(option::OBSERVE, sequence);
        }
        let wanted = view.size.map(|size| Block {
            number: 0,
            more: false,
            size,
        });
        let how = self.fit_notification(peer, token, view.size, &mut response);
        self.cut_response(peer, view.key, view.payload, wanted, how, response)
    }

    /// The key of the response to a request, the same for each of its blocks.
    pub(super) fn body_key(&self, code: Code, options: &Options) -> u64 {
        self.hash_options(code, options, |number| {
            ![option::CONTENT_FORMAT, option::REQUEST_TAG, option::ETAG].contains(&number)
        })
    }

    /// Keeps a large response for the blocks that are asked for after the first. Where its peer has as many as it may
    /// have, the oldest of them goes.
    pub(super) fn keep_body(&mut self, peer: PeerId, key: u64, payload: u64, response: &Response) {
        self.drop_body(peer, key);
        let mut response = response.clone();
        for number in [option::BLOCK1, option::OBSERVE, option::ECHO] {
            response.options.remove(number);
        }
        let most = self.config.max_bodies_per_peer;
        if let Some(oldest) = self.oldest_body(peer, most) {
            self.drop_body(peer, oldest);
        }
        let full = self.bodies.len() >= self.config.max_bodies
            || self.served + cost(&response) > self.config.max_served;
        if full || most == 0 {
            self.metrics.uncached_bodies += 1;
            return;
        }
        let turn = self.fresh_id();
        let Some(state) = self.peer(peer) else {
            return;
        };
        state.bodies.insert(turn, key);
        self.served += cost(&response);
        let lifetime = self.timing(peer).exchange_lifetime();
        let timer = self.timers.set(self.now + lifetime, Timer::Body(peer, key));
        self.bodies.insert(
            (peer, key),
            Body {
                response,
                payload,
                timer,
                turn,
            },
        );
    }

    /// The body of a peer that goes where it may have so many at most and has them.
    fn oldest_body(&self, peer: PeerId, most: usize) -> Option<u64> {
        let bodies = &self.peers.get(&peer)?.bodies;
        (bodies.len() >= most).then(|| bodies.values().next().copied())?
    }

    pub(super) fn drop_body(&mut self, peer: PeerId, key: u64) {
        if let Some(body) = self.bodies.remove(&(peer, key)) {
            self.served = self.served.saturating_sub(cost(&body.response));
            self.timers.cancel(body.timer);
            if let Some(state) = self.peers.get_mut(&peer) {
                state.bodies.remove(&body.turn);
            }
        }
    }

    /// Answers a request for a later block from a response that was kept. `false`: the layer above is to be asked,
    /// where the request is safe and whole.
    pub(super) fn serve_kept(&mut self, peer: PeerId, asked: &Asked, message: &Message) -> bool {
        let kept = self.bodies.get(&(peer, asked.key)).filter(|body| {
            // A later request need not repeat the body of the first.
            message.payload.is_empty() || body.payload == asked.payload
        });
        let Some(body) = kept else {
            // A FETCH whose body came in blocks cannot be told again without it.
            if message.code == Code::GET
                || message.code == Code::FETCH && !message.payload.is_empty()
            {
                return false;
            }
            self.refuse_incomplete(peer, asked);
            return true;
        };
        let mut response = body.response.clone();
        let Some(how) = self.fit_answer(peer, asked, false, &mut response) else {
            self.answer_as_it_is(peer, asked, response);
            return true;
        };
        let response = match blockwise::cut(&mut response, asked.block2, how) {
            Ok(more) => {
                // Shortly after the last block, nobody asks again.
                let timing = self.timing(peer);
                let keep = match more {
                    true => timing.exchange_lifetime(),
                    false => timing.max_transmit_span(),
                };
                let timer = self
                    .timers
                    .set(self.now + keep, Timer::Body(peer, asked.key));
                if let Some(body) = self.bodies.get_mut(&(peer, asked.key)) {
                    self.timers
                        .cancel(core::mem::replace(&mut body.timer, timer));
                }
                response
            }
            Err(_) => Response::new(Code::BAD_REQUEST).diagnostic("no such block"),
        };
        self.answer_as_it_is(peer, asked, response);
        true
    }
}

// --- keys ------------------------------------------------------------------------------------------

impl Endpoint {
    pub(super) fn hash(&self, bytes: &[u8]) -> u64 {
        self.hasher.hash_one(bytes)
    }

    /// A hash of what a request is about: its method and its options but those that say how it travels.
    pub(super) fn hash_options(
        &self,
        code: Code,
        options: &Options,
        counts: impl Fn(OptionNumber) -> bool,
    ) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        code.hash(&mut hasher);
        options
            .iter()
            .filter(|(number, _)| !blockwise::TRAVEL.contains(number) && counts(*number))
            .for_each(|option| option.hash(&mut hasher));
        hasher.finish()
    }
}
