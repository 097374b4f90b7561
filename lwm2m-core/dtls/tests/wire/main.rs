//! The engine in front of a peer that is written by the book and told what to say, honest or not.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod names;
mod peer;
mod protocol;
mod resumption;
mod rules;
mod script;
mod table;
mod tickets;
mod vectors;
