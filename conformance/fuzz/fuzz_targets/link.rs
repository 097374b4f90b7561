//! Any list of links: what parses survives being written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lwm2m_core::link;

fuzz_target!(|bytes: &[u8]| {
    let Ok(links) = link::parse(bytes) else {
        return;
    };
    let text = link::write(&links);
    assert_eq!(link::parse(text.as_bytes()).as_ref(), Ok(&links));
});
