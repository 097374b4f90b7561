//! Whole endpoints on the simulated network of `lwm2m-transport`: what a bad network and hosts that come and go do to
//! what was asked, told and watched.
//!
//! Where a test fails, what went over its network stands in a file that Wireshark opens; the file is named in the
//! output of the test.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod host;
mod links;
mod rebinding;
mod restarts;
mod separate;
mod transfers;
mod world;
