//! The OMA enabler test cases with our client and our server over the simulated network, in virtual time: one function
//! for each, named by its number. The criteria of both sides are asserted, on the wire where the case speaks of the
//! wire; what is not met, or not run yet, stands in `exceptions.toml`. That each case stands in one of the two is checked
//! in `tests/requirements.rs`.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bootstrap;
mod composite;
mod discovery;
mod firmware;
mod instances;
mod management;
mod objects;
mod registration;
mod reporting;
mod servers;
mod support;
