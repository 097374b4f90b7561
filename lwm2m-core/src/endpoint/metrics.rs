/// What an endpoint has counted since it was made; refusals and drops by reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metrics {
    /// Datagrams taken in.
    pub received: u64,
    /// Datagrams handed out.
    pub sent: u64,
    /// Retransmissions among those handed out.
    pub retransmissions: u64,
    /// Confirmable messages given up without acknowledgement.
    pub transmissions_given_up: u64,
    /// Datagrams that are no CoAP message; confirmable ones were reset.
    pub malformed: u64,
    /// Datagrams of another version or below four bytes, dropped in silence.
    pub not_coap: u64,
    /// Messages with reserved codes or codes that their kind does not allow.
    pub bad_code: u64,
    /// Messages refused for a critical option.
    pub bad_option: u64,
    /// Requests and responses recognised as repetitions.
    pub duplicates: u64,
    /// Acknowledgements and resets that match nothing.
    pub unmatched_acknowledgements: u64,
    /// Responses and notifications whose token is not known.
    pub unmatched_responses: u64,
    /// Resets received for messages under way.
    pub resets: u64,
    /// Notifications older than one received before.
    pub stale_notifications: u64,
    /// Notifications whose body could not be fetched as a whole.
    pub incomplete_notifications: u64,
    /// Messages refused or dropped because there are `max_peers` peers.
    pub refused_peers: u64,
    /// Requests answered 5.03 because a deduplication ring is full of live requests.
    pub refused_dedup: u64,
    /// Requests answered 5.03 because too many wait for an answer.
    pub refused_exchanges: u64,
    /// Uploads answered 5.03 because there are too many, or too many bytes are being collected.
    pub refused_uploads: u64,
    /// Uploads answered 4.13.
    pub too_large_uploads: u64,
    /// Blocks answered 4.08.
    pub incomplete_uploads: u64,
    /// Observations not entered because there are too many observers.
    pub refused_observers: u64,
    /// Large responses that were not kept because `max_served` is reached.
    pub uncached_bodies: u64,
    /// Messages not sent because all message ids to a peer were used within EXCHANGE_LIFETIME.
    pub message_ids_exhausted: u64,
    /// Messages that could not be encoded.
    pub unencodable: u64,
}
