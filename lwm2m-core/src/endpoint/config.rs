use crate::coap::BlockSize;
use core::time::Duration;

/// The transmission parameters of RFC 7252, section 4.8, for all peers or for one
/// ([`Endpoint::set_peer_timing`](super::Endpoint::set_peer_timing)).
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Timing {
    /// ACK_TIMEOUT: the first retransmission follows after this long, times a random factor.
    pub ack_timeout: Duration,
    /// ACK_RANDOM_FACTOR, at least 1.
    pub ack_random_factor: f32,
    /// MAX_RETRANSMIT: how often a confirmable message is repeated, each time after twice as long; at most 16 are
    /// counted.
    pub max_retransmit: u32,
    /// NSTART: how many requests to one peer are under way at once; the others wait.
    pub nstart: usize,
    /// MAX_LATENCY: how long a datagram may take on its way.
    pub max_latency: Duration,
    /// PROBING_RATE, bytes a second, at least 1: what goes to a peer from which nothing comes, on average and beyond
    /// `EndpointConfig::probing_credit`. Repetitions of confirmable messages do not count; they have their back-off.
    pub probing_rate: u32,
}

impl Timing {
    /// The parameters of RFC 7252, section 4.8.
    pub const RFC7252: Timing = Timing {
        ack_timeout: Duration::from_secs(2),
        ack_random_factor: 1.5,
        max_retransmit: 4,
        nstart: 1,
        max_latency: Duration::from_secs(100),
        probing_rate: 1,
    };

    /// For NB-IoT and the like, where a round trip may take ten seconds and repetitions cost energy. The exchange
    /// lifetime becomes 315 s.
    pub const NB_IOT: Timing = Timing {
        ack_timeout: Duration::from_secs(10),
        ack_random_factor: 1.5,
        max_retransmit: 3,
        nstart: 1,
        max_latency: Duration::from_secs(100),
        probing_rate: 1,
    };

    fn backed_off(&self, doublings: u32) -> Duration {
        let factor = (1u32 << doublings.min(17)) - 1;
        (self.ack_timeout * factor).mul_f32(self.ack_random_factor.clamp(1.0, 100.0))
    }

    /// MAX_TRANSMIT_SPAN: from the first transmission of a message to its last.
    pub fn max_transmit_span(&self) -> Duration {
        self.backed_off(self.max_retransmit)
    }

    /// MAX_TRANSMIT_WAIT: from the first transmission to giving up.
    pub fn max_transmit_wait(&self) -> Duration {
        self.backed_off(self.max_retransmit.saturating_add(1))
    }

    /// EXCHANGE_LIFETIME: how long a message id stays taken.
    pub fn exchange_lifetime(&self) -> Duration {
        self.max_transmit_span() + self.max_latency * 2 + self.ack_timeout
    }
}

impl Default for Timing {
    fn default() -> Self {
        Timing::RFC7252
    }
}

/// What is done against being used to flood somebody else: requests in the name of an address that is not the
/// sender's, whose answers are larger than they (RFC 9175, section 2.4). Peers behind connections have
/// proven where they are, others do with their first response to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Amplification {
    /// To an address that is not proven goes at most three times what came from it. Larger answers go in blocks that
    /// fit, with an Echo option: who sends that back has proven the address, and who does not know Echo gets all the
    /// same, in more messages. Where a request is so short that not even the smallest block fits, it is answered 4.01
    /// with Echo before it is acted on.
    #[default]
    SmallBlocks,
    /// As `SmallBlocks`, but the first GET or FETCH whose answer is too large, or the first block of a body that comes
    /// in several, is answered 4.01 with Echo: peers that know Echo get their answer in large blocks at once, others see
    /// one refusal.
    Challenge,
    /// Nothing: for networks in which no sender can lie about its address.
    Unlimited,
}

/// Bounds and timings of an [`Endpoint`](super::Endpoint), each with what it costs.
///
/// What is over a bound is refused, counted in [`Metrics`](super::Metrics), and costs nothing more.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct EndpointConfig {
    /// Transmission parameters of peers that have none of their own.
    pub timing: Timing,
    /// How long a request waits for its answer before an empty acknowledgement leaves (RFC 7252, section 5.2.2). Well
    /// below ACK_TIMEOUT of the peers, else they repeat.
    pub ack_delay: Duration,
    /// How long a request of ours waits for its response after an empty acknowledgement, or after it was sent
    /// non-confirmably (RFC 7252, section 5.2.2). What the peer takes to work counts in, so does its own back-off.
    pub separate_response_timeout: Duration,
    /// Longest time between two confirmable notifications to an observer (RFC 7641, section 4.5: 24 hours).
    pub confirmable_notification_interval: Duration,
    /// Length of tokens, 4 to 8 bytes (RFC 7252, section 5.3.1). Against an attacker off the path, each byte is worth
    /// eight bits.
    pub token_length: usize,
    /// What goes to addresses that are not proven (RFC 9175, section 2.4).
    pub amplification: Amplification,
    /// How many wrong message ids in acknowledgements and resets an address that is not proven may name within
    /// EXCHANGE_LIFETIME before right ones prove nothing until it has passed (RFC 7252, section 11.4). Each is worth
    /// one chance in 65,536 for somebody who guesses, times the messages of ours that are under way; 0: message ids
    /// prove nothing.
    pub message_id_guesses: u8,
    /// How long an Echo value of ours proves an address, at most; at least half of it (RFC 9175, section 2.3).
    pub echo_lifetime: Duration,
    /// Bytes of requests and notifications that may go to a silent peer before PROBING_RATE holds the others back (RFC
    /// 7252, section 4.7). Where more is owed, the peer is remembered until silence has paid.
    pub probing_credit: usize,
    /// Largest block that is offered and accepted (RFC 7959, section 2.2).
    pub block_size: BlockSize,
    /// Largest body that is collected for the layer above, bytes, in requests and in responses.
    pub max_body: usize,

    /// Peers that state is kept for at once. One that has spoken once costs at most 1 KiB until EXCHANGE_LIFETIME
    /// after its last message, and at most 200 bytes afterwards: room in tables, which the next peer takes over.
    /// `tests/memory.rs` holds it to that.
    pub max_peers: usize,
    /// Requests of ours to one peer, under way and waiting. Each costs about 600 bytes and its body.
    pub max_requests_per_peer: usize,
    /// Requests of ours in all.
    pub max_requests: usize,
    /// Requests of one peer that wait for an answer of the layer above, or whose answer is not known to have arrived: it
    /// is not acknowledged, or waits for a message id. Each costs up to 600 bytes, spare room of the tables and the place
    /// of its message among those that are remembered included, and the answer. `tests/memory.rs` holds it to that.
    pub max_exchanges_per_peer: usize,
    /// Requests of all peers that wait for an answer of the layer above.
    pub max_exchanges: usize,
    /// Requests of one peer that must not be executed twice and whose answers are kept for EXCHANGE_LIFETIME, the
    /// latest of them (RFC 7252, section 4.5). Each costs 56 bytes and its answer. More than `max_exchanges_per_peer`.
    pub dedup_per_peer: usize,
    /// Older requests of one peer that must not be executed twice and are known for EXCHANGE_LIFETIME, without their
    /// answers (RFC 7252, section 4.5). Each costs 8 bytes. Where there is no room for more, such requests are answered
    /// 5.03: 2,048 are more than eight a second.
    pub dedup_seen_per_peer: usize,
    /// Requests and responses of one peer whose repetition would do no harm and that are remembered to answer it
    /// cheaply; the oldest makes room (RFC 7252, section 4.5). Each costs 56 bytes and up to `dedup_answer` bytes.
    pub dedup_idempotent_per_peer: usize,
    /// Largest answer to a safe request (GET, FETCH) that is kept for replay, bytes; a larger one is asked for
    /// again from the layer above.
    pub dedup_answer: usize,
    /// Bytes of all answers together that are kept to answer repeated messages, of all peers, each with its length and
    /// 72 bytes. Beyond it, a request that must not be executed twice takes the place of the oldest answer of its own
    /// peer, whose request then counts as one of `dedup_seen_per_peer`; where there is none, it is answered 5.03 until
    /// others are forgotten (EXCHANGE_LIFETIME at most). The answers to other requests are not kept. Where the answer to one that was let in does not fit any more, it goes in
    /// a message of its own, which is repeated until it is acknowledged. More than the largest answer.
    pub max_replayed: usize,
    /// Uploads in blocks of one peer at once, those included that are collected and wait for their answer.
    pub max_uploads_per_peer: usize,
    /// Uploads in blocks of all peers at once. Each costs about 300 bytes, and up to `max_body` where it is
    /// collected.
    pub max_uploads: usize,
    /// Bytes of all bodies together that are being collected or wait for their answer.
    pub max_collected: usize,
    /// Bodies of one peer that are kept because it fetches them block by block; the oldest makes room. Each costs at
    /// most 1 KiB beside its payload and options. A body that is not kept is asked for again from the layer above for
    /// each block (GET, FETCH), or its transfer fails.
    pub max_bodies_per_peer: usize,
    /// Bodies of all peers that are kept for that reason; where there are so many, no other is.
    pub max_bodies: usize,
    /// Bytes of all these bodies together, each with its payload, its options and 1 KiB. Beyond it, no other is kept.
    pub max_served: usize,
    /// Peers with transmission parameters of their own. Each costs at most 250 bytes.
    pub max_peer_timings: usize,
    /// Observations of ours at one peer. Each costs at most 700 bytes, and the options and body of its request.
    pub max_observations_per_peer: usize,
    /// Observations of ours in all.
    pub max_observations: usize,
    /// Observers of one peer. Each costs about 400 bytes, and the notification under way or waiting.
    pub max_observers_per_peer: usize,
    /// Observers in all.
    pub max_observers: usize,
}

impl Default for EndpointConfig {
    /// What a server of some hundred thousand devices needs; a device sets the bounds lower.
    fn default() -> Self {
        EndpointConfig {
            timing: Timing::RFC7252,
            ack_delay: Duration::from_millis(250),
            separate_response_timeout: Duration::from_secs(93),
            confirmable_notification_interval: Duration::from_secs(24 * 60 * 60),
            token_length: 8,
            amplification: Amplification::SmallBlocks,
            message_id_guesses: 4,
            echo_lifetime: Duration::from_secs(120),
            probing_credit: 4096,
            block_size: BlockSize::MAX,
            max_body: 64 * 1024,
            max_peers: 1_000_000,
            max_requests_per_peer: 64,
            max_requests: 1_000_000,
            max_exchanges_per_peer: 16,
            max_exchanges: 100_000,
            dedup_per_peer: 64,
            dedup_seen_per_peer: 2048,
            dedup_idempotent_per_peer: 16,
            dedup_answer: 256,
            max_replayed: 128 * 1024 * 1024,
            max_uploads_per_peer: 16,
            max_uploads: 10_000,
            max_collected: 64 * 1024 * 1024,
            max_bodies_per_peer: 64,
            max_bodies: 50_000,
            max_served: 64 * 1024 * 1024,
            max_peer_timings: 1_000_000,
            max_observations_per_peer: 256,
            max_observations: 1_000_000,
            max_observers_per_peer: 256,
            max_observers: 1_000_000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // proves: COAP-22
    #[test]
    fn derived_times_of_rfc_7252() {
        let timing = Timing::RFC7252;
        assert_eq!(timing.max_transmit_span(), Duration::from_secs(45));
        assert_eq!(timing.max_transmit_wait(), Duration::from_secs(93));
        assert_eq!(timing.exchange_lifetime(), Duration::from_secs(247));
        assert_eq!(Timing::NB_IOT.exchange_lifetime().as_secs(), 315);
    }
}
