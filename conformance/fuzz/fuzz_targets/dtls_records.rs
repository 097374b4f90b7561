//! Datagrams taken apart into records: the first byte is the length of our Connection IDs.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Some((length, datagram)) = bytes.split_first() {
        lwm2m_dtls::fuzz::records(datagram, usize::from(length % 9));
    }
});
