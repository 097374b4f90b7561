//! Handshake messages, whole and in fragments: whatever the parsers take, they write again.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| lwm2m_dtls::fuzz::messages(bytes));
