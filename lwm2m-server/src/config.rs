//! Bounds and times of a server.

use crate::profiles::Profiles;
use lwm2m_core::endpoint::EndpointConfig;
use std::time::Duration;

/// Bounds and times of a server, each with what it costs.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ServerConfig {
    /// Of the CoAP endpoint.
    pub endpoint: EndpointConfig,
    /// Registrations held at once; one more is answered 5.03. About 1 KiB each; those whose list of
    /// objects nobody else has, up to `endpoint.max_body` more. Default: 1,000,000.
    pub max_registrations: usize,
    /// Observations wanted of one device. About 300 bytes each. Default: 64.
    pub max_observations: usize,
    /// Requests to one device that are under way or wait for it to wake. Default: 64.
    pub max_requests: usize,
    /// Shortest lifetime of a registration: a shorter one is kept for this long. Default: 1 s.
    pub min_lifetime: Duration,
    /// Longest lifetime of a registration: a longer one is kept for this long. Default: 400 days.
    pub max_lifetime: Duration,
    /// How long a device with queue mode stays awake after its last message: MAX_TRANSMIT_WAIT of RFC 7252, section
    /// 4.8.2. Default: 93 s.
    pub awake_window: Duration,
    /// How long a request waits for a device that sleeps. Default: 1 hour.
    pub sleep_timeout: Duration,
    /// How long a request may take once it is sent, a block-wise body of any length excepted. Default: 120 s.
    pub request_timeout: Duration,
    /// How long an authorizer may take. Default: 10 s.
    pub authorization_timeout: Duration,
    /// Registrations that wait for the authorizer; one more is answered 5.03. About 1 KiB each. Default: 1,000.
    pub max_pending_authorizations: usize,
    /// Events kept for a reader that is slow; older ones are lost to it and reported as
    /// [`Lagged`](crate::ServerEvent::Lagged). About 100 bytes each. Default: 4,096.
    pub event_buffer: usize,
    /// Notifications kept for each [`Observation`](crate::Observation). Default: 64.
    pub observation_buffer: usize,
    /// What profile ids stand for (1.2). Default: none is known, and a device that says one is answered 4.09, upon which it
    /// comes back with the list of its objects.
    pub profiles: Profiles,
}

impl Default for ServerConfig {
    fn default() -> Self {
        ServerConfig {
            endpoint: EndpointConfig::default(),
            max_registrations: 1_000_000,
            max_observations: 64,
            max_requests: 64,
            min_lifetime: Duration::from_secs(1),
            max_lifetime: Duration::from_secs(400 * 86_400),
            awake_window: Duration::from_secs(93),
            sleep_timeout: Duration::from_secs(3600),
            request_timeout: Duration::from_secs(120),
            authorization_timeout: Duration::from_secs(10),
            max_pending_authorizations: 1000,
            event_buffer: 4096,
            observation_buffer: 64,
            profiles: Profiles::new(),
        }
    }
}
