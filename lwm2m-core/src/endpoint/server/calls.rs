//! What the layer above asks for as a server.

use crate::{
    coap::Response,
    endpoint::{Endpoint, EndpointError, ExchangeId, NotificationId, ObserverId, UploadId},
    time::Instant,
};

impl Endpoint {
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
        self.set_now(now);
        self.respond_exchange(exchange.0, response, None)
            .ok_or(EndpointError::Gone)
    }

    /// Answers a request that had Observe = 0 and enters its sender as observer.
    ///
    /// A new observation by the same peer with the same token replaces the old one.
    ///
    /// # Errors
    /// [`EndpointError::Gone`], also where the request did not ask to observe or the response is no success: it
    /// has then been sent; [`EndpointError::Busy`] where there are too many observers: the response has then been
    /// sent without Observe (RFC 7641, section 4.1); [`EndpointError::Unproven`].
    pub fn respond_observe(
        &mut self,
        now: Instant,
        exchange: ExchangeId,
        response: Response,
    ) -> Result<ObserverId, EndpointError> {
        self.set_now(now);
        let wanted = self
            .wants_to_observe(exchange.0)
            .filter(|_| response.code.is_success());
        let Some((peer, token, view)) = wanted else {
            self.respond(now, exchange, response)?;
            return Err(EndpointError::Gone);
        };
        if let Some(proof) = self.proof_before_observing(exchange.0, &response) {
            self.respond(now, exchange, proof)?;
            return Err(EndpointError::Unproven);
        }
        let entered = self.enter_observer(peer, token, view);
        let sequence = entered.map(|(_, sequence)| sequence);
        self.respond_exchange(exchange.0, response, sequence)
            .ok_or(EndpointError::Gone)?;
        entered
            .map(|(id, _)| ObserverId(id))
            .ok_or(EndpointError::Busy)
    }

    /// Notifies an observer. A notification still under way is superseded (RFC 7641, section 4.5.2): it is repeated no
    /// more, and reported as acknowledged only where its acknowledgement was on the way already. A response
    /// code that is no success ends the observation.
    ///
    /// It goes confirmably also where the last one that did is `confirmable_notification_interval` ago, and after a
    /// reset by the peer of a message that is not known any more, such as an earlier notification.
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
        self.set_now(now);
        self.notify_observer(observer.0, response, confirmable)
            .map(NotificationId)
            .ok_or(EndpointError::Gone)
    }

    /// Removes an observer without a word to it.
    pub fn remove_observer(&mut self, observer: ObserverId) {
        self.remove_observer_state(observer.0);
    }

    /// Lets an upload that began with [`Event::UploadStarted`] come in: each block is reported as
    /// [`Event::UploadBlock`] and waits for [`Endpoint::continue_upload`]; after the last, the request is
    /// answered through its exchange. Without this call the endpoint collects the body itself up to
    /// `max_body` and reports it as a whole with [`Event::Request`]; to refuse it, answer the exchange.
    ///
    /// All blocks of an upload have the same exchange. An answer given between two blocks goes with the next.
    ///
    /// # Errors
    /// [`EndpointError::Gone`]
    ///
    /// [`Event::UploadStarted`]: crate::endpoint::Event::UploadStarted
    /// [`Event::UploadBlock`]: crate::endpoint::Event::UploadBlock
    /// [`Event::Request`]: crate::endpoint::Event::Request
    pub fn stream_upload(&mut self, upload: UploadId) -> Result<(), EndpointError> {
        self.stream(upload.0).ok_or(EndpointError::Gone)
    }

    /// Asks for the next block of a streamed upload (2.31).
    ///
    /// # Errors
    /// [`EndpointError::Gone`]
    pub fn continue_upload(&mut self, now: Instant, upload: UploadId) -> Result<(), EndpointError> {
        self.set_now(now);
        self.continue_stream(upload.0).ok_or(EndpointError::Gone)
    }
}
