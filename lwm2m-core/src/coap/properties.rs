//! Messages of every form, for property tests.

use super::{Code, Message, MessageKind, OptionNumber, Token};
use alloc::vec::Vec;
use bytes::Bytes;
use proptest::{collection::vec, prelude::*};

fn kinds() -> impl Strategy<Value = MessageKind> {
    prop_oneof![
        Just(MessageKind::Confirmable),
        Just(MessageKind::NonConfirmable),
        Just(MessageKind::Acknowledgement),
        Just(MessageKind::Reset),
    ]
}

fn bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![4 => vec(any::<u8>(), 0..24), 1 => vec(any::<u8>(), 0..most)]
}

/// Any message that is not empty: every code, few or many options of every header form.
pub(super) fn messages() -> impl Strategy<Value = Message> {
    let options = vec((prop_oneof![0..300u16, any::<u16>()], bytes(400)), 0..8);
    let token = vec(any::<u8>(), 0..=8);
    (
        kinds(),
        1..=255u8,
        any::<u16>(),
        token,
        options,
        bytes(2000),
    )
        .prop_map(|(kind, code, id, token, options, payload)| {
            let token = Token::new(&token).unwrap_or_default();
            let mut message = Message::new(kind, Code::from_byte(code), id, token);
            for (number, value) in options {
                message.options.push(OptionNumber(number), &value);
            }
            message.payload = Bytes::from(payload);
            message
        })
}

proptest! {
    #[test]
    fn what_was_written_is_read(message in messages()) {
        let data = message.encode().unwrap();
        prop_assert_eq!(data.capacity(), data.len());
        prop_assert_eq!(Message::parse(&data).unwrap(), message);
    }

    #[test]
    fn what_was_read_is_written_the_same(mut data in vec(any::<u8>(), 0..80)) {
        if let Some(first) = data.first_mut() {
            *first = 0x40 | *first & 0x3F;
        }
        // There is one way only to write a message.
        if let Ok(message) = Message::parse(&data) {
            prop_assert_eq!(message.encode().unwrap(), data);
        }
    }
}
