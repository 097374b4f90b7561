//! The engine as a whole, over a network in memory and in virtual time.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod agreed;
mod backoff;
mod clock;
mod forgery;
mod fragments;
mod handshakes;
mod hardware;
mod hostile;
mod identities;
mod links;
mod lossy;
mod names;
mod net;
mod peers;
mod provider;
mod restarts;
mod secrets;
mod sessions;
mod support;
mod tickets;
