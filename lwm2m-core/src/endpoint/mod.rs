//! The CoAP endpoint: reliability, deduplication, observe and block-wise transfer for many peers, sans-I/O.

mod config;
mod event;

pub use config::EndpointConfig;
pub use event::{
    Event, ExchangeId, Failure, NotificationId, ObservationId, ObserverGone, ObserverId, RequestId,
    RequestOptions, UploadId,
};

use crate::{
    coap::{Request, Response},
    peer::PeerId,
    time::Instant,
};
use alloc::{boxed::Box, vec::Vec};
use rand_core::RngCore;

/// A datagram to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transmit {
    /// To whom.
    pub peer: PeerId,
    /// The bytes.
    pub data: Vec<u8>,
}

/// Why a request or response was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// Too many requests to this peer, or in all, are under way or waiting.
    #[error("too many requests are under way")]
    Busy,
    /// What the id names is gone: answered, cancelled, or timed out.
    #[error("the exchange is gone")]
    Gone,
    /// The message cannot be encoded.
    #[error("the message cannot be encoded")]
    Encode,
}

/// A CoAP endpoint, client and server at once, for any number of peers.
pub struct Endpoint {
    _config: EndpointConfig,
}

impl Endpoint {
    /// An endpoint with these bounds and timings. `random` must be unpredictable to peers: tokens come from it.
    pub fn new(config: EndpointConfig, random: Box<dyn RngCore + Send>) -> Self {
        let _ = random;
        Endpoint { _config: config }
    }

    /// Takes in a datagram.
    pub fn handle_datagram(&mut self, now: Instant, peer: PeerId, datagram: &[u8]) {
        let _ = (now, peer, datagram);
        todo!()
    }

    /// Takes in that time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        let _ = now;
        todo!()
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        todo!()
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        todo!()
    }

    /// When [`Endpoint::handle_timeout`] wants to be called next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        todo!()
    }

    /// Drops all that is kept for a peer whose connection is gone: its requests fail with
    /// [`Failure::PeerLost`], its observers are gone. Observations of ours at it are forgotten without event.
    pub fn forget_peer(&mut self, now: Instant, peer: PeerId) {
        let _ = (now, peer);
        todo!()
    }

    // --- as a client -------------------------------------------------------------------------------

    /// Sends a request; ends in one [`Event::Response`] or [`Event::RequestFailed`].
    ///
    /// A GET or FETCH with Observe = 0 that is answered with an Observe option begins an observation: the
    /// event carries its id. Bodies larger than a block are sent and fetched block by block.
    ///
    /// # Errors
    /// [`EndpointError::Busy`], [`EndpointError::Encode`].
    pub fn request(
        &mut self,
        now: Instant,
        peer: PeerId,
        request: Request,
        options: RequestOptions,
    ) -> Result<RequestId, EndpointError> {
        let _ = (now, peer, request, options);
        todo!()
    }

    /// Gives a request up; no event follows. What was sent cannot be unsent.
    pub fn cancel_request(&mut self, id: RequestId) {
        let _ = id;
        todo!()
    }

    /// Ends an observation of ours by a request with Observe = 1, same token and options (RFC 7641, section
    /// 3.6), whose response comes as any other.
    ///
    /// # Errors
    /// [`EndpointError::Gone`], [`EndpointError::Busy`].
    pub fn cancel_observation(
        &mut self,
        now: Instant,
        id: ObservationId,
    ) -> Result<RequestId, EndpointError> {
        let _ = (now, id);
        todo!()
    }

    /// Ends an observation of ours in silence: its next notification is answered with RST.
    pub fn forget_observation(&mut self, id: ObservationId) {
        let _ = id;
        todo!()
    }

    // --- as a server -------------------------------------------------------------------------------

    /// Answers a request. The response goes piggybacked where the acknowledgement has not left yet, else
    /// separately, and block by block where it is large.
    ///
    /// # Errors
    /// [`EndpointError::Gone`] where it was answered before or is too old.
    pub fn respond(
        &mut self,
        now: Instant,
        exchange: ExchangeId,
        response: Response,
    ) -> Result<(), EndpointError> {
        let _ = (now, exchange, response);
        todo!()
    }

    /// Answers a request that had Observe = 0 and enters its sender as observer.
    ///
    /// A new observation by the same peer with the same token replaces the old one.
    ///
    /// # Errors
    /// [`EndpointError::Gone`]; [`EndpointError::Busy`] where there are too many observers: the response has
    /// then been sent without Observe (RFC 7641, section 4.1).
    pub fn respond_observe(
        &mut self,
        now: Instant,
        exchange: ExchangeId,
        response: Response,
    ) -> Result<ObserverId, EndpointError> {
        let _ = (now, exchange, response);
        todo!()
    }

    /// Notifies an observer. A notification still under way is superseded (RFC 7641, section 4.5.2). A response
    /// code that is no success ends the observation.
    ///
    /// # Errors
    /// [`EndpointError::Gone`]
    pub fn notify(
        &mut self,
        now: Instant,
        observer: ObserverId,
        response: Response,
        confirmable: bool,
    ) -> Result<NotificationId, EndpointError> {
        let _ = (now, observer, response, confirmable);
        todo!()
    }

    /// Removes an observer without a word to it.
    pub fn remove_observer(&mut self, observer: ObserverId) {
        let _ = observer;
        todo!()
    }

    /// Lets an upload that began with [`Event::UploadStarted`] come in: each block is reported as
    /// [`Event::UploadBlock`] and waits for [`Endpoint::continue_upload`]; after the last, the request is
    /// answered through its exchange. Without this call the endpoint collects the body itself up to
    /// `max_body` and reports it as a whole with [`Event::Request`]; to refuse it, answer the exchange.
    ///
    /// # Errors
    /// [`EndpointError::Gone`]
    pub fn stream_upload(&mut self, upload: UploadId) -> Result<(), EndpointError> {
        let _ = upload;
        todo!()
    }

    /// Asks for the next block of a streamed upload (2.31).
    ///
    /// # Errors
    /// [`EndpointError::Gone`]
    pub fn continue_upload(&mut self, now: Instant, upload: UploadId) -> Result<(), EndpointError> {
        let _ = (now, upload);
        todo!()
    }
}
