use crate::coap::BlockSize;
use core::time::Duration;

/// Bounds and timings of an [`Endpoint`](super::Endpoint), each with what it costs.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct EndpointConfig {
    /// ACK_TIMEOUT (RFC 7252, section 4.8).
    pub ack_timeout: Duration,
    /// MAX_RETRANSMIT (RFC 7252, section 4.8).
    pub max_retransmit: u32,
    /// Largest block that is offered and accepted.
    pub block_size: BlockSize,
    /// Largest body that is collected for the layer above, bytes.
    pub max_body: usize,
}

impl Default for EndpointConfig {
    fn default() -> Self {
        EndpointConfig {
            ack_timeout: Duration::from_secs(2),
            max_retransmit: 4,
            block_size: BlockSize::MAX,
            max_body: 64 * 1024,
        }
    }
}
