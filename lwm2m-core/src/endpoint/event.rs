use crate::{
    coap::{Block, BlockSize, Request, Response},
    peer::PeerId,
};
use bytes::Bytes;
use core::time::Duration;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub(crate) u64);
    )*};
}

ids! {
    /// A request of ours (RFC 7252, section 5.1).
    RequestId;
    /// An observation of ours at a peer (RFC 7641, section 3).
    ObservationId;
    /// A request of a peer that waits for an answer (RFC 7252, section 5.2).
    ExchangeId;
    /// A peer's observation at us (RFC 7641, section 4).
    ObserverId;
    /// One notification that was sent to an observer (RFC 7641, section 4.2).
    NotificationId;
    /// A body that a peer sends us in blocks (RFC 7959, section 2.5).
    UploadId;
}

/// How a request is to be sent.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct RequestOptions {
    /// Give up after this long, whatever the reason; `None`: when the message layer gives up, and for a response
    /// after an empty acknowledgement after `EndpointConfig::separate_response_timeout`.
    pub deadline: Option<Duration>,
    /// Fetch this one block of the response; `None`: the whole body, up to `max_body`.
    pub block: Option<Block>,
}

impl RequestOptions {
    /// Give up after this long.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Fetch one block of the response and no more (RFC 7959, section 2.4). The response keeps its Block2 and
    /// Size2 options, of which the number may differ from what was asked where the peer has smaller blocks; its
    /// ETag tells whether the body is still the same.
    ///
    /// In this way a body of any size is pulled at one's own pace, from any place in it.
    #[must_use]
    pub fn block(mut self, number: u32, size: BlockSize) -> Self {
        self.block = Some(Block {
            number: number.min(Block::MAX_NUMBER),
            more: false,
            size,
        });
        self
    }
}

/// Why a request ended without a response: what the layer above acts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// All retransmissions went unanswered, or no response came in time (RFC 7252, section 4.2).
    #[error("no answer in time")]
    Timeout,
    /// The peer answered with RST (RFC 7252, section 4.2).
    #[error("reset by the peer")]
    Reset,
    /// The connection to the peer is gone.
    #[error("the connection is gone")]
    PeerLost,
    /// The body changed while it was fetched, or a block did not fit the others (RFC 7959, section 2.4).
    #[error("the block-wise transfer broke")]
    BlockTransfer,
    /// The body of the response is larger than `max_body`.
    #[error("the response is too large")]
    TooLarge,
    /// Another request took its token: an observation was renewed or cancelled while it was being renewed.
    #[error("superseded by another request with the same token")]
    Superseded,
    /// The response has a critical option that we do not know, or one of a forbidden form (RFC 7252, section 5.4.1).
    #[error("the response cannot be processed")]
    BadResponse,
}

/// Why an observer is gone (RFC 7641, sections 3.6 and 4.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ObserverGone {
    /// It answered a notification with RST (RFC 7641, section 3.6).
    Reset,
    /// It asked with Observe = 1; that request is reported as any other before this event (RFC 7641, section 3.6).
    Cancelled,
    /// It did not acknowledge a confirmable notification (RFC 7641, section 4.5).
    Timeout,
    /// It has not proven its address and did not send enough for a notification to go to it, for EXCHANGE_LIFETIME.
    Unproven,
    /// It began a new observation under the same token, or its connection is gone.
    Replaced,
}

/// What an endpoint tells the layer above.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A peer asks; answer with `respond` or `respond_observe`.
    Request {
        /// Who.
        peer: PeerId,
        /// To answer it.
        exchange: ExchangeId,
        /// What, the whole body included. The Observe option is in its options.
        request: Request,
    },
    /// The first block of a large request arrived; see `stream_upload`. Followed by `Request` where it is not
    /// streamed and its body fits.
    UploadStarted {
        /// Who.
        peer: PeerId,
        /// To steer it.
        upload: UploadId,
        /// To refuse it, or to answer after the last block of a streamed upload.
        exchange: ExchangeId,
        /// The request, without body.
        request: Request,
        /// Size of the whole as the peer says it (Size1), bytes.
        size: Option<u32>,
    },
    /// A block of a streamed upload, in order and without gap.
    UploadBlock {
        /// Which upload.
        upload: UploadId,
        /// The exchange that this block came in: after the last block, the one to answer.
        exchange: ExchangeId,
        /// Where it stands in the body, bytes.
        offset: usize,
        /// The bytes.
        data: Bytes,
        /// Whether it is the last: then answer `exchange`, else call `continue_upload`.
        last: bool,
    },
    /// A streamed upload was abandoned by the peer, timed out, or was restarted (then a new one follows).
    UploadAborted {
        /// Which upload.
        upload: UploadId,
    },
    /// A request of ours is answered.
    Response {
        /// Which.
        request: RequestId,
        /// From whom.
        peer: PeerId,
        /// The answer, the whole body included.
        response: Response,
        /// The observation that began with it.
        observation: Option<ObservationId>,
    },
    /// A request of ours failed.
    RequestFailed {
        /// Which.
        request: RequestId,
        /// To whom.
        peer: PeerId,
        /// Why.
        failure: Failure,
    },
    /// A ping of ours was answered (RFC 7252, section 4.3).
    Pong {
        /// Which.
        request: RequestId,
        /// By whom.
        peer: PeerId,
    },
    /// A block of the body of a request of ours was acknowledged. Where the body has to go once more from
    /// its first block, it counts from there again.
    UploadProgress {
        /// Which.
        request: RequestId,
        /// Bytes that have arrived.
        sent: usize,
        /// Bytes of the whole.
        total: usize,
    },
    /// A notification that is newer than all before it (RFC 7641, section 3.2).
    Notification {
        /// Of which observation.
        observation: ObservationId,
        /// From whom.
        peer: PeerId,
        /// The content, the whole body included. A code that is no success has ended the observation, and so has
        /// a response without Observe option (`last`). Where the body of the last could not be fetched, this is a
        /// 4.08 without content of our own making; where a confirmable notification was reset because it has a
        /// critical option that we do not know, a 4.02.
        response: Response,
        /// Whether the observation has ended with it.
        last: bool,
    },
    /// A confirmable notification of ours arrived.
    NotificationAcknowledged {
        /// Which.
        notification: NotificationId,
        /// At whom.
        observer: ObserverId,
    },
    /// An observer is gone.
    ObserverGone {
        /// Who.
        observer: ObserverId,
        /// Why.
        reason: ObserverGone,
    },
}
