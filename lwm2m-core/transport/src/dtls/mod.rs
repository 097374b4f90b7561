//! CoAP over DTLS 1.2 (RFC 6347, RFC 7252, section 9).
//!
//! # What it offers
//!
//! | | |
//! |---|---|
//! | roles | client and server |
//! | pre-shared keys | TLS_PSK_WITH_AES_128_CCM_8, _CCM, _GCM_SHA256, _CBC_SHA256 |
//! | raw public keys, certificates | TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8, _CCM, _GCM_SHA256, _CBC_SHA256; keys on P-256; both sides authenticated; certificate usages 0 to 3 on the client |
//! | on one port | all of them |
//! | Connection ID | used with every client that knows it (RFC 9146): a device may change its address |
//! | extended master secret | used with every peer that knows it (RFC 7627) |
//! | resumption | by session id, switched on by [`DtlsServerConfig::max_resumable`] |
//! | not offered | renegotiation; CBC suites by our client |
//!
//! The engine is [`lwm2m_dtls`], driven here without a task or a copy of its own: a listener is one socket and one
//! endpoint, a connection of a client is one task with both. With the feature `webrtc`, `Backend::Webrtc` puts
//! `webrtc-dtls` in its place, which has no raw public keys, Connection ID, resumption and CBC, and does not withstand
//! forged datagrams.

pub(crate) mod client;
mod config;
mod keys;
pub(crate) mod listener;
#[cfg(test)]
#[allow(clippy::duplicate_mod, reason = "run once with each backend")]
mod shared_tests;
#[cfg(test)]
mod tests;

pub use config::{Backend, DtlsServerConfig, ServerCertificate};
pub use keys::{KeyError, check_public_key, public_key_of};

use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since 1970 by the system's clock, to judge certificates by; `None` where it stands before that.
fn unix_now() -> Option<u64> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    Some(since.as_secs())
}

/// What the tests that both backends share run on.
#[cfg(test)]
const TESTED: Backend = Backend::Engine;
