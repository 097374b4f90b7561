//! Core, objects, the DTLS engine and the client's engine in a program without the standard library: it has its own allocator and
//! panic handler, so it does not link as soon as anything below it brings in `std`. It runs through every part once
//! and ends with 0; where a part does not do what it should, it says which and aborts.
//!
//! From the root of the repository:
//!
//! ```text
//! cargo run --release --manifest-path conformance/no-std/Cargo.toml
//! ```
#![no_std]
#![no_main]

extern crate alloc;

mod codecs;
mod engines;
mod heap;
mod host;
mod secure;
mod words;

use core::ffi::{c_char, c_int};

/// What the C runtime calls.
// SAFETY: no other function of this program has this name.
#[unsafe(no_mangle)]
pub extern "C" fn main(_count: c_int, _arguments: *const *const c_char) -> c_int {
    words::links();
    words::attributes();
    words::notification_rules();
    words::definitions();
    codecs::formats();
    codecs::composite_payloads();
    codecs::operations();
    codecs::messages();
    codecs::streams();
    engines::endpoints();
    engines::client();
    secure::pre_shared_keys();
    secure::raw_public_keys();
    host::print("lwm2m-no-std: everything links and runs without std\n");
    0
}
