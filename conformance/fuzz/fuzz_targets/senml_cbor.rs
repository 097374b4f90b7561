//! Any payload in this format.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lwm2m_core::content::ContentFormat;

fuzz_target!(|data: &[u8]| lwm2m_fuzz::content(ContentFormat::SenmlCbor, data));
