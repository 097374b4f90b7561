//! Bounds and choices of a client.

use alloc::{string::String, vec::Vec};
use core::time::Duration;
use lwm2m_core::{content::ContentFormat, endpoint::EndpointConfig, version::LwM2mVersion};

/// EXCHANGE_LIFETIME of RFC 7252, section 4.8.2, with the default transmission parameters.
pub const EXCHANGE_LIFETIME: Duration = Duration::from_secs(247);

/// MAX_TRANSMIT_WAIT of RFC 7252, section 4.8.2, with the default transmission parameters.
pub const MAX_TRANSMIT_WAIT: Duration = Duration::from_secs(93);

/// Bounds and choices of a [`ClientEngine`](crate::engine::ClientEngine).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ClientConfig {
    /// Highest version of the protocol to register with; where a server answers 4.12 the next lower is tried.
    pub version: LwM2mVersion,
    /// Lowest version to fall back to.
    pub lowest_version: LwM2mVersion,
    /// Registers with `Q`: the client may be asleep at times.
    pub queue_mode: bool,
    /// The format of Send, and of reads where the server leaves the choice and several values are asked for;
    /// `None`: SenML-CBOR from 1.1, TLV in 1.0.
    pub format: Option<ContentFormat>,
    /// A profile that stands for objects in the registration (1.2).
    pub profile: Option<Profile>,
    /// Number of the connector under which connections are named.
    pub connector: u16,
    /// Bounds and timings of CoAP.
    pub endpoint: EndpointConfig,
    /// Most servers; more accounts are ignored. About 500 bytes each, and what the endpoint keeps for a peer.
    pub max_servers: usize,
    /// Most observations of all servers together; one more is answered without Observe. About 300 bytes each.
    pub max_observers: usize,
    /// Most paths in one composite observation, 10 bytes each; more are refused with 4.13.
    pub max_composite_paths: usize,
    /// Most places with attributes of all servers together, about 150 bytes each; one more is refused with 4.13.
    pub max_attributes: usize,
    /// Most resources in one object instance that a server may write or create; each costs its value and about
    /// 60 bytes.
    pub max_resources: usize,
    /// Most instances of one object that servers may create or provision.
    pub max_instances: usize,
    /// Most Sends on their way.
    pub max_sends: usize,
    /// Most bytes of values that one write may bring; more is refused with 4.13.
    pub max_write: usize,
    /// How long a bootstrap may go without a message of the bootstrap server (Core 1.2.2, section 6.1.6).
    pub bootstrap_timeout: Duration,
    /// How long the connection to the bootstrap server is kept after its finish, so that the answer can be
    /// repeated.
    pub bootstrap_linger: Duration,
    /// Wait before a failed bootstrap is tried again; doubled with each attempt.
    pub bootstrap_retry: Duration,
    /// Longest wait between attempts to bootstrap.
    pub bootstrap_retry_max: Duration,
    /// How long to wait for a connection to stand before the attempt counts as failed.
    pub connect_timeout: Duration,
    /// How long to wait for the answer to a de-registration, and for that to a registration which it is to end: the
    /// device may be about to lose its power.
    pub deregister_timeout: Duration,
    /// Seconds since 1970-01-01T00:00:00Z at the driver's zero, where known.
    pub unix_at_zero: Option<i64>,
}

/// A name that stands for objects which servers know of, in place of their list (Core 1.2.2, section 6.2.1). A server that
/// does not know it is given the list, and so is everyone as long as the objects are not those that it stands for: after an
/// instance of them was created or deleted, or a bootstrap has made other server objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// The value of `pid`: one profile id, or several in quotes with commas between.
    pub ids: String,
    /// The objects it stands for, with the versions and instances that the builder gives them, the server objects of its
    /// accounts among them; the others are listed.
    pub objects: Vec<u16>,
}

impl Default for ClientConfig {
    fn default() -> Self {
        ClientConfig {
            version: LwM2mVersion::V1_2,
            lowest_version: LwM2mVersion::V1_0,
            queue_mode: false,
            format: None,
            profile: None,
            connector: 0,
            endpoint: EndpointConfig::default(),
            max_servers: 8,
            max_observers: 64,
            max_composite_paths: 64,
            max_attributes: 64,
            max_resources: 256,
            max_instances: 64,
            max_sends: 16,
            max_write: 64 * 1024,
            bootstrap_timeout: EXCHANGE_LIFETIME,
            bootstrap_linger: MAX_TRANSMIT_WAIT,
            bootstrap_retry: Duration::from_secs(60),
            bootstrap_retry_max: Duration::from_secs(86_400),
            connect_timeout: MAX_TRANSMIT_WAIT,
            deregister_timeout: MAX_TRANSMIT_WAIT,
            unix_at_zero: None,
        }
    }
}
