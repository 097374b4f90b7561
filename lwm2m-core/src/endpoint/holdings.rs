use super::Endpoint;

/// What an endpoint holds at one moment, beside what it has counted ([`Metrics`](super::Metrics)): for an exporter, and
/// for whoever wants to see that nothing grows. Each number has its bound in
/// [`EndpointConfig`](super::EndpointConfig) or, where it is said, in another number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Holdings {
    /// Peers that state is kept for.
    pub peers: usize,
    /// Peers with transmission parameters of their own.
    pub timings: usize,
    /// Requests of ours under way or waiting; at most one for each observation is on top of `max_requests`.
    pub requests: usize,
    /// Observations of ours.
    pub observations: usize,
    /// Tokens of ours that an answer may have: at most one for each request and each observation.
    pub tokens: usize,
    /// Messages of ours that an acknowledgement or reset may come for: at most one for each request, each observer and
    /// each exchange that was answered in a message of its own.
    pub transmissions: usize,
    /// Requests of peers that wait for an answer of the layer above.
    pub exchanges: usize,
    /// Bodies that come in blocks.
    pub uploads: usize,
    /// Bytes of those that are being collected: at most `max_collected`, and one block.
    pub collected: usize,
    /// Bodies that are kept because peers fetch them block by block.
    pub bodies: usize,
    /// Bytes of them, as `max_served` counts them.
    pub served: usize,
    /// Bytes of answers that are kept for repeated messages, as `max_replayed` counts them.
    pub replayed: usize,
    /// Separate answers and notifications that wait because they may not go to an address that is not proven: at most
    /// `transmissions`.
    pub withheld: usize,
    /// Answers that wait for a message id: at most `max_exchanges_per_peer` for each peer.
    pub unnumbered: usize,
    /// Observers of ours.
    pub observers: usize,
}

impl Holdings {
    /// Name and value of each number, for an exporter.
    pub fn entries(&self) -> impl Iterator<Item = (&'static str, usize)> {
        [
            ("peers", self.peers),
            ("timings", self.timings),
            ("requests", self.requests),
            ("observations", self.observations),
            ("tokens", self.tokens),
            ("transmissions", self.transmissions),
            ("exchanges", self.exchanges),
            ("uploads", self.uploads),
            ("collected", self.collected),
            ("bodies", self.bodies),
            ("served", self.served),
            ("replayed", self.replayed),
            ("withheld", self.withheld),
            ("unnumbered", self.unnumbered),
            ("observers", self.observers),
        ]
        .into_iter()
    }
}

impl Endpoint {
    /// What is held at this moment.
    pub fn holdings(&self) -> Holdings {
        Holdings {
            peers: self.peers.len(),
            timings: self.timings.len(),
            requests: self.requests.len(),
            observations: self.observations.len(),
            tokens: self.tokens.len(),
            transmissions: self.transmissions.len(),
            exchanges: self.exchanges.len(),
            uploads: self.uploads.len(),
            collected: self.collected,
            bodies: self.bodies.len(),
            served: self.served,
            replayed: self.replayed,
            withheld: self.withheld,
            unnumbered: self.unnumbered,
            observers: self.observers.len(),
        }
    }
}
