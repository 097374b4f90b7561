macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What an endpoint has counted since it was made; refusals and drops by reason.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct Metrics {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Metrics {
            /// Name and value of each counter, for an exporter.
            pub fn entries(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name),)*].into_iter()
            }
        }
    };
}

counters! {
    /// Datagrams taken in.
    received,
    /// Datagrams handed out.
    sent,
    /// Retransmissions among those handed out.
    retransmissions,
    /// Confirmable messages given up without acknowledgement.
    transmissions_given_up,
    /// Datagrams that are no CoAP message; confirmable ones were reset.
    malformed,
    /// Datagrams of another version or below four bytes, dropped in silence.
    not_coap,
    /// Messages with reserved codes or codes that their kind does not allow.
    bad_code,
    /// Messages refused for a critical option.
    bad_option,
    /// Requests and responses recognised as repetitions.
    duplicates,
    /// Acknowledgements and resets that match nothing.
    unmatched_acknowledgements,
    /// Responses and notifications whose token is not known.
    unmatched_responses,
    /// Resets received for messages under way.
    resets,
    /// Notifications older than one received before.
    stale_notifications,
    /// Notifications whose body could not be fetched as a whole.
    incomplete_notifications,
    /// Messages refused or dropped because there are `max_peers` peers.
    refused_peers,
    /// Requests answered 5.03 because a deduplication ring is full of live requests.
    refused_dedup,
    /// Requests answered 5.03 because `max_replayed` bytes of answers are kept, none of them their peer's.
    refused_replays,
    /// Requests answered 5.03 because too many wait for an answer.
    refused_exchanges,
    /// Uploads answered 5.03 because there are too many, or too many bytes are being collected.
    refused_uploads,
    /// Uploads answered 4.13.
    too_large_uploads,
    /// Blocks answered 4.08.
    incomplete_uploads,
    /// Observations not entered because there are too many observers.
    refused_observers,
    /// Observations of ours not begun because there are too many.
    refused_observations,
    /// Transmission parameters not taken because too many peers have some of their own.
    refused_timings,
    /// Answers to repeatable requests that were not kept because `max_replayed` is reached, and others that went
    /// separately for that reason.
    unkept_answers,
    /// Large responses that were not kept because `max_bodies` or `max_served` is reached.
    uncached_bodies,
    /// Times that a message was not sent because it would have been more than three times what came from an address
    /// that is not proven.
    withheld,
    /// Separate responses and notifications withheld for EXCHANGE_LIFETIME and then dropped.
    withheld_to_the_end,
    /// Answers to such addresses that were cut smaller or shortened.
    reduced_answers,
    /// Requests of such addresses answered 4.01 with Echo.
    challenges,
    /// Addresses that were proven.
    proven_addresses,
    /// Times that requests had to wait because their peer is silent (PROBING_RATE).
    held_requests,
    /// Non-confirmable notifications sent confirmably because their peer is silent or has not proven its address.
    probing_notifications,
    /// Times that a message had to wait because all message ids to a peer were used within EXCHANGE_LIFETIME.
    message_ids_exhausted,
    /// Answers not sent for that reason because too many waited already.
    dropped_answers,
    /// Messages that could not be encoded.
    unencodable,
}
