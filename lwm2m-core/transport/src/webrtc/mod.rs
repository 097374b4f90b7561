//! CoAP over DTLS 1.2 (RFC 6347, RFC 7252, section 9) on `webrtc-dtls`, the other backend (feature `webrtc`).
//!
//! # What it offers
//!
//! | | |
//! |---|---|
//! | roles | client and server |
//! | pre-shared keys | TLS_PSK_WITH_AES_128_CCM_8, _CCM, _GCM_SHA256 |
//! | certificates | TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8, _CCM, _GCM_SHA256; keys on P-256; both sides authenticated; certificate usages 0 to 3 on the client |
//! | on one port | both: the first suite of the ClientHello that the listener serves decides |
//! | extended master secret | used when the peer has it (RFC 7627) |
//! | not offered | raw public keys, Connection ID, resumption, renegotiation, CBC suites |
//!
//! # What stands between the network and the backend
//!
//! The backend was made for browsers. A listener takes datagrams apart into records and lets through what an honest
//! peer sends at that moment:
//!
//! - Each ClientHello is read here first. Malformed ones, those in fragments, without extensions, with a session to
//!   resume, or of another version are counted ([`hellos_refused`](crate::MetricsSnapshot::hellos_refused)) and get no
//!   answer.
//! - One task per handshake, bounded in all, per IP address, in bytes and in time; a panic costs that handshake and is
//!   counted. Handshakes whose address is not proven give way to newer ones, so a flood from forged addresses evicts
//!   itself.
//! - Once a session stands, nothing unprotected reaches it, nor anything but data and alerts.
//! - A ClientHello from the address of a session starts a handshake beside it, which replaces the session only when it
//!   completes.
//! - A client that repeats the end of its handshake has lost our last flight, and gets it again; the backend would
//!   leave it alone.
//!
//! # What cannot be mended from outside
//!
//! - With a pre-shared key, one protected record that does not open closes the session. Whoever can forge the source
//!   address of a device can end its session; the device comes back with a new handshake.
//! - The server never compares the content of the client's Finished. That it opens under the negotiated key is what
//!   proves the client.
//! - The cookie is kept per handshake and not computed, so unproven addresses cost memory, within the bounds above.
//! - Copies of keys that the backend takes are not wiped from memory.
//! - There is no back-off of retransmissions.
//! - It logs each unknown extension of a hello at the level `warn`: filter the target `webrtc_dtls`.

mod backend;
pub(crate) mod client;
mod hello;
mod record;
pub(crate) mod server;
mod session;
#[cfg(test)]
#[path = "../dtls/shared_tests.rs"]
#[allow(clippy::duplicate_mod, reason = "run once with each backend")]
mod shared_tests;
#[cfg(test)]
mod tests;
mod verify;
mod wire;

/// What the tests that both backends share run on.
#[cfg(test)]
const TESTED: crate::dtls::Backend = crate::dtls::Backend::Webrtc;
