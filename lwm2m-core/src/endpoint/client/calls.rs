//! What the layer above asks for as a client.

use super::Purpose;
use crate::{
    coap::{Code, Request, Token, option},
    endpoint::{
        Endpoint, EndpointError, ObservationId, RequestId, RequestOptions,
        blockwise::{self, Transfer},
    },
    peer::PeerId,
    time::Instant,
};
use rand_core::RngCore;

impl Endpoint {
    /// Sends a request; ends in one [`Event::Response`] or [`Event::RequestFailed`].
    ///
    /// A GET or FETCH with Observe = 0 that is answered with an Observe option begins an observation: the
    /// event carries its id. Bodies larger than a block are sent and fetched block by block.
    ///
    /// # Errors
    /// [`EndpointError::Busy`], [`EndpointError::Encode`], [`EndpointError::TooManyObservations`]. Where the last place
    /// for an observation was taken while the request was under way, it is answered without observation.
    ///
    /// [`Event::Response`]: crate::endpoint::Event::Response
    /// [`Event::RequestFailed`]: crate::endpoint::Event::RequestFailed
    pub fn request(
        &mut self,
        now: Instant,
        peer: PeerId,
        mut request: Request,
        options: RequestOptions,
    ) -> Result<RequestId, EndpointError> {
        self.set_now(now);
        blockwise::strip(&mut request.options);
        let encodable = request.options.iter().all(|(number, value)| {
            option::length_is_valid(number, value.len()) && value.len() <= 65_804
        });
        if !request.code.is_request() || !encodable {
            return Err(EndpointError::Encode);
        }
        let size = self.config.block_size;
        if !Transfer::fits(&request, size) {
            return Err(EndpointError::Encode);
        }
        self.check_room(peer)?;
        let observes = request.options.uint(option::OBSERVE) == Some(0);
        if observes && blockwise::is_safe(request.code) && !self.may_observe(peer) {
            self.metrics.refused_observations += 1;
            return Err(EndpointError::TooManyObservations);
        }
        let tag = self.request_tag(peer, &request);
        let transfer = Transfer::new(&request, size, tag).only(options.block);
        let deadline = options.deadline;
        self.open_request(peer, Purpose::Request, request, transfer, None, deadline)
            .map(RequestId)
            .ok_or(EndpointError::Busy)
    }

    /// Sends a ping, an empty message that every peer resets; ends in [`Event::Pong`] or
    /// [`Event::RequestFailed`].
    ///
    /// # Errors
    /// [`EndpointError::Busy`]
    ///
    /// [`Event::Pong`]: crate::endpoint::Event::Pong
    /// [`Event::RequestFailed`]: crate::endpoint::Event::RequestFailed
    pub fn ping(&mut self, now: Instant, peer: PeerId) -> Result<RequestId, EndpointError> {
        self.set_now(now);
        self.check_room(peer)?;
        let request = Request::new(Code::EMPTY);
        let transfer = Transfer::new(&request, self.config.block_size, None);
        self.open_request(peer, Purpose::Ping, request, transfer, None, None)
            .map(RequestId)
            .ok_or(EndpointError::Busy)
    }

    /// Gives a request up; no event follows. What was sent cannot be unsent.
    pub fn cancel_request(&mut self, id: RequestId) {
        if let Some(exchange) = self.close_request(id.0) {
            if let Some(observation) = exchange.observation
                && exchange.purpose == Purpose::Request
            {
                self.close_observation(observation);
            }
            self.start_requests(exchange.peer);
        }
    }

    /// Ends an observation of ours by a request with Observe = 1, same token and options (RFC 7641, section
    /// 3.6), whose response comes as any other. A renewal that is under way ends with [`Failure::Superseded`].
    ///
    /// # Errors
    /// [`EndpointError::Gone`], [`EndpointError::Busy`].
    ///
    /// [`Failure::Superseded`]: crate::endpoint::Failure::Superseded
    pub fn cancel_observation(
        &mut self,
        now: Instant,
        id: ObservationId,
    ) -> Result<RequestId, EndpointError> {
        self.set_now(now);
        let observation = self.observations.get(&id.0).ok_or(EndpointError::Gone)?;
        self.check_room(observation.peer)?;
        self.end_renewal(id.0);
        let observation = self.close_observation(id.0).ok_or(EndpointError::Gone)?;
        let request = observation.request.uint_option(option::OBSERVE, 1);
        self.request_as_observer(
            observation.peer,
            observation.token,
            request,
            Purpose::Cancel,
        )
    }

    /// Renews an observation of ours by a request with Observe = 0, same token and options (RFC 7641, section
    /// 3.3.1), whose response comes as any other. Where the peer does not renew it, it has ended. Where a newer
    /// representation has overtaken the one in the response, it was reported as a notification, and the response is a
    /// 2.03 without content of our own making.
    ///
    /// One request at a time has the token: a renewal that is under way ends with [`Failure::Superseded`].
    ///
    /// # Errors
    /// [`EndpointError::Gone`], [`EndpointError::Busy`].
    ///
    /// [`Failure::Superseded`]: crate::endpoint::Failure::Superseded
    pub fn refresh_observation(
        &mut self,
        now: Instant,
        id: ObservationId,
    ) -> Result<RequestId, EndpointError> {
        self.set_now(now);
        let observation = self.observations.get(&id.0).ok_or(EndpointError::Gone)?;
        let (peer, token) = (observation.peer, observation.token);
        let request = observation.request.clone();
        self.check_room(peer)?;
        self.end_renewal(id.0);
        let renewal = self.request_as_observer(peer, token, request, Purpose::Refresh(id.0))?;
        if let Some(observation) = self.observations.get_mut(&id.0) {
            observation.renewal = Some(renewal.0);
        }
        Ok(renewal)
    }

    /// Whether the newest representation of an observation of ours is fresh: less than its Max-Age, 60 seconds where
    /// it has none, has passed since it came (RFC 7641, section 3.3.1). Where not, and its resource is thought to
    /// change, [`Endpoint::refresh_observation`] finds out whether the peer still knows of it.
    pub fn is_fresh(&self, now: Instant, id: ObservationId) -> bool {
        let observation = self.observations.get(&id.0);
        observation.is_some_and(|observation| now < observation.fresh_until)
    }

    /// Ends an observation of ours in silence: its next notification is answered with RST.
    pub fn forget_observation(&mut self, id: ObservationId) {
        self.close_observation(id.0);
    }

    fn check_room(&mut self, peer: PeerId) -> Result<(), EndpointError> {
        let (limit, in_all) = (self.config.max_requests_per_peer, self.config.max_requests);
        let full = self.requests.len() >= in_all;
        match self.peer(peer) {
            Some(state) if !full && state.requests.len() < limit => Ok(()),
            _ => Err(EndpointError::Busy),
        }
    }

    /// A body that goes in blocks is told by a tag from one that went before and of which the server may still
    /// hold a part (RFC 9175, section 3.4).
    fn request_tag(&mut self, peer: PeerId, request: &Request) -> Option<[u8; 4]> {
        if !Transfer::is_upload(request, self.config.block_size) {
            return None;
        }
        let before = core::mem::replace(&mut self.peer(peer)?.has_uploaded, true);
        before.then(|| self.random.next_u32().to_be_bytes())
    }

    fn request_as_observer(
        &mut self,
        peer: PeerId,
        token: Token,
        request: Request,
        purpose: Purpose,
    ) -> Result<RequestId, EndpointError> {
        let transfer = Transfer::new(&request, self.config.block_size, None);
        self.open_request(peer, purpose, request, transfer, Some(token), None)
            .map(RequestId)
            .ok_or(EndpointError::Busy)
    }
}
