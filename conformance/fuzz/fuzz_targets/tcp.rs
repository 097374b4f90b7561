//! Any stream in pieces of any size: messages come out or it is broken, and what came out can be sent.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lwm2m_core::coap::tcp::{Decoder, Signal, encode};

// The first two bytes are the largest message that is taken and the length of the pieces, the others the stream.
fuzz_target!(|data: &[u8]| {
    let [limit, piece, stream @ ..] = data else {
        return;
    };
    let limit = 2 + usize::from(*limit) * 16;
    let mut decoder = Decoder::new(limit);
    let mut broken = false;
    for mut input in stream.chunks(1 + usize::from(*piece)) {
        loop {
            match decoder.decode(&mut input) {
                Ok(Some(message)) => {
                    assert!(!broken, "nothing comes behind an error");
                    let _ = Signal::from_message(&message);
                    encode(&message, limit).expect("what was taken can be sent");
                }
                Ok(None) => break assert!(input.is_empty()),
                Err(_) => break broken = true,
            }
        }
    }
});
