//! CoAP over DTLS 1.2 (RFC 6347, RFC 7252, section 9).
//!
//! # What it offers
//!
//! Two backends carry it out. [`Backend::Engine`] is [`lwm2m_dtls`], driven here without a task or a copy of its own: a
//! listener is one socket and one endpoint, a connection of a client is one task with both. `Backend::Webrtc` (feature
//! `webrtc`) is `webrtc-dtls`, which was made for browsers: for comparison, and as a peer of tests.
//!
//! | | `Engine`, the default | `Webrtc` |
//! |---|---|---|
//! | roles | client and server | client and server |
//! | pre-shared keys | TLS_PSK_WITH_AES_128_CCM_8, _CCM, _GCM_SHA256, _CBC_SHA256 | the same without CBC |
//! | raw public keys (RFC 7250) | TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8, _CCM, _GCM_SHA256, _CBC_SHA256; keys on P-256 | no |
//! | certificates | the same suites; both sides authenticated; certificate usages 0 to 3 on the client | the same without CBC |
//! | on one port | all of them | pre-shared keys and certificates |
//! | certificates by the name that is asked for | [`DtlsServerConfig::certificate_for`] | no |
//! | choice of suites | on either side; CBC is off on the client by default | no |
//! | Connection ID (RFC 9146) | with every client that knows it: a device may change its address; with a prefix for shards | no |
//! | extended master secret (RFC 7627) | with every peer that knows it, or required | with every peer that knows it |
//! | unknown PSK identity | told, or answered as a wrong key is | refused |
//! | resumption, server | by session id ([`DtlsServerConfig::max_resumable`]) and by ticket ([`DtlsServerConfig::tickets`]), off by default | no |
//! | resumption, client | by either, off by default ([`ClientTransportConfig::max_resumable`](crate::ClientTransportConfig::max_resumable)) | no |
//! | keys in hardware | [`PrivateKey`] on the server, [`KeyStore`] on the client | no |
//! | credentials in a database | [`CredentialLookup`] | no |
//! | sessions kept over a restart | [`DtlsServerConfig::keep_sessions`] | no |
//! | a client's session kept while it is off | [`ClientTransportConfig::sessions`](crate::ClientTransportConfig::sessions) | no |
//! | a device that begins anew | takes its old session's place when it has proven itself | the same |
//! | hellos without a cookie | leave nothing behind | cost memory, bounded |
//! | a forged record | is dropped | ends a session with a pre-shared key |
//! | a lost last flight | is sent again, 16 times | is sent again |
//! | a session at rest | about 400 bytes | about 29 KiB |
//! | renegotiation | no | no |
//!
//! What a configuration asks for that its backend has not is an error, and nothing is done without in silence.

pub(crate) mod client;
mod clock;
mod config;
mod hibernation;
#[cfg(test)]
mod hook_tests;
mod judge;
mod keeping;
mod keys;
pub(crate) mod listener;
mod lookup;
mod resumption;
#[cfg(test)]
#[allow(clippy::duplicate_mod, reason = "run once with each backend")]
mod shared_tests;
#[cfg(test)]
mod test_device;
#[cfg(test)]
mod tests;

pub use clock::UnixClock;
pub use config::{Backend, DtlsServerConfig, ServerCertificate};
pub use hibernation::{ClientSessionStore, SessionFolder};
pub use keeping::{
    KeepingConfig, KeptSession, RestoredSession, SessionChange, SessionName, SessionNames,
    SessionStore, SessionStoreError,
};
pub use keys::{KeyError, KeyStore, PrivateKey, check_public_key, public_key_of};
pub use lookup::{CredentialLookup, LookupConfig, LookupError};
pub use lwm2m_dtls::{CipherSuite, ExtendedMasterSecret, UnknownIdentity, crypto};
pub(crate) use resumption::Resumables;
pub use resumption::TicketKeys;

/// What the tests that both backends share run on.
#[cfg(test)]
const TESTED: Backend = Backend::Engine;
