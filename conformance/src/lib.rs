//! Where client and server meet: tests that need both, and the rules that the whole house keeps.
//!
//! This package is never published and nothing depends on it.
//!
//! - [`judge`]: judges somebody's client or server over real sockets.
//! - [`world`]: our client, server and bootstrap server in the simulated network, and what an operator does with them.
//! - [`wire`]: what travelled between them, message by message.
//! - [`scripted`]: a peer that a test plays by hand.
//! - [`oma`]: the OMA enabler test cases, and the tests that carry them out.
//! - [`requirements`]: what the standards demand, and which test proves it.
//! - [`report`]: runs those tests and says what is met.
//! - [`tour`]: what a device does in its life, from bootstrap to Send.
//! - [`faults`]: the fault matrix.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a harness of tests fails by panicking"
)]

pub mod faults;
pub mod judge;
pub mod oma;
pub mod report;
pub mod requirements;
pub mod scripted;
pub mod tour;
pub mod wire;
pub mod world;
