//! The API over a real server and devices of few lines on 127.0.0.1.
#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests fail as the tests themselves do"
)]

mod device;
mod support;

mod devices;
mod events;
mod firmware;
mod security;
mod surface;
