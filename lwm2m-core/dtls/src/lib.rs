//! A DTLS 1.2 engine for LwM2M, sans-I/O: the profile of RFC 7925 and nothing else, so that it can be read whole.
//!
//! | part | for |
//! |---|---|
//! | [`Endpoint`] | handshakes and sessions of any number of peers behind one socket |
//! | [`EndpointConfig`], [`ServerConfig`], [`ClientConfig`] | bounds, timings, credentials |
//! | [`crypto`] | what is asked of cryptography, and two providers of it |
//! | [`certificate`] | certificates and raw public keys, ours and those of peers |
//!
//! `SECURITY.md` beside this crate says what is defended and what is not.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod address;
pub mod certificate;
mod config;
pub mod crypto;
mod endpoint;
#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub mod fuzz;
mod handshake;
mod key_log;
mod record;
mod resumption;
mod rings;
mod session;
mod suite;
mod wire;

pub use config::{
    ClientConfig, ClientCredentials, ConfigError, ConnectionIds, EndpointConfig,
    ExtendedMasterSecret, MAX_OWN_CONNECTION_ID, MIN_MTU, MIN_TICKET_SECRET, ServerConfig,
    UnknownIdentity,
};
pub use endpoint::{
    Agreed, Connection, Endpoint, Event, Export, ImportError, KeyAnswer, Metrics, SendError,
    Transmit,
};
pub use key_log::KeyLog;
pub use resumption::Resumption;
pub use suite::CipherSuite;
pub use wire::alert::AlertDescription;
