//! Any datagram: it parses or not, and what parses survives being written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lwm2m_core::coap::{Message, option};

fuzz_target!(|datagram: &[u8]| {
    let _ = Message::peek_id(datagram);
    let Ok(message) = Message::parse(datagram) else {
        return;
    };
    let _ = message.unprocessable_option(|number| option::name(number).is_some());
    let _ = message.options.block(option::BLOCK1);
    let _ = format!("{message:?}");
    let bytes = message.encode().expect("what was parsed can be written");
    assert_eq!(Message::parse(&bytes).as_ref(), Ok(&message));
});
