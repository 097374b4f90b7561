//! A DTLS 1.2 engine for LwM2M, sans-I/O: the profile of RFC 7925 and nothing else, so that it can be read whole.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod certificate;
pub mod crypto;
