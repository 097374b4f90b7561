//! Counters of a server.

/// What a server has done since it started, and what it holds now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Metrics {
    /// Devices that are registered now.
    pub registrations: u64,
    /// Observations that are wanted now.
    pub observations: u64,
    /// Requests that are under way or wait for a sleeping device now.
    pub requests_pending: u64,
    /// Registrations accepted, renewals included.
    pub registered: u64,
    /// Updates accepted.
    pub updated: u64,
    /// De-registrations accepted.
    pub deregistered: u64,
    /// Registrations that expired.
    pub expired: u64,
    /// Requests of devices refused.
    pub refused: u64,
    /// Requests sent to devices.
    pub requests: u64,
    /// Requests to devices that failed without an answer.
    pub requests_failed: u64,
    /// Notifications received.
    pub notifications: u64,
    /// Notifications whose values could not be read.
    pub notifications_unreadable: u64,
    /// Send operations accepted.
    pub sends: u64,
    /// Datagrams received.
    pub datagrams_received: u64,
    /// Datagrams sent.
    pub datagrams_sent: u64,
    /// Bootstrap sessions begun.
    pub bootstrap_started: u64,
    /// Bootstrap sessions finished.
    pub bootstrap_finished: u64,
    /// Bootstrap sessions failed.
    pub bootstrap_failed: u64,
}
