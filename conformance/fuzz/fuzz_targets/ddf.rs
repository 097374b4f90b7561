//! Any definition file: it loads, with what had to be guessed, or says why not.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = lwm2m_objects::ddf::parse(bytes);
});
