//! DTLS 1.2: our engine beside other libraries, and by itself.
//!
//! - [`material`]: keys and certificates that all contenders share;
//! - [`contest`]: handshakes and records of several contenders in turns, by CPU time;
//! - [`engine`]: our engine as a client and a server without a network between them, and as a contender;
//! - [`peers`]: the other contenders;
//! - [`sessions`]: bytes of sessions at rest, and a flood of hellos;
//! - [`traffic`]: devices with sessions, for the load generator.

pub mod contest;
pub mod engine;
pub mod material;
pub mod peers;
pub mod sessions;
pub mod traffic;

use std::error::Error;

/// What benchmarks give back.
pub type Outcome<T> = Result<T, Box<dyn Error>>;
