use super::*;
use crate::coap::{Code, MessageKind, OptionNumber, Token, option, properties::messages};
use alloc::{string::ToString, vec};
use bytes::Bytes;
use proptest::{collection::vec as vec_of, prelude::*};

const LARGE: usize = 1 << 20;

fn message(code: Code, token: &[u8], payload: usize) -> Message {
    let token = Token::new(token).unwrap();
    let mut message = Message::new(MessageKind::NonConfirmable, code, 0, token);
    message.payload = Bytes::from(vec![0xAB; payload]);
    message
}

fn decode_all(decoder: &mut Decoder, mut input: &[u8]) -> Result<Vec<Message>, FrameError> {
    let mut messages = Vec::new();
    while let Some(message) = decoder.decode(&mut input)? {
        messages.push(message);
    }
    assert!(input.is_empty(), "all is taken");
    Ok(messages)
}

/// The example of RFC 8323, section 3.2, and one at each border of the forms of the length.
// proves: BIND-03
#[test]
fn vectors() {
    let mut options = message(Code::POST, b"", 0);
    options.options.push(option::URI_PATH, b"rd");
    options.payload = Bytes::from_static(b"</3/0>");
    let of_payload = |payload| message(Code::CONTENT, b"", payload);
    for (message, start, size) in [
        (message(Code::VALID, &[0x7F], 0), &[0x01, 0x43, 0x7F][..], 3),
        (options, b"\xA0\x02\xB2rd\xFF</3/0>", 12),
        (of_payload(11), &[0xC0, 0x45, 0xFF], 14),
        (of_payload(12), &[0xD0, 0, 0x45, 0xFF], 16),
        (of_payload(267), &[0xD0, 0xFF, 0x45, 0xFF], 271),
        (of_payload(268), &[0xE0, 0, 0, 0x45, 0xFF], 273),
        (of_payload(65_803), &[0xE0, 0xFF, 0xFF, 0x45, 0xFF], 65_808),
        (of_payload(65_804), &[0xF0, 0, 0, 0, 0, 0x45, 0xFF], 65_811),
        (
            of_payload(LARGE / 2),
            &[0xF0, 0, 6, 0xFE, 0xF4, 0x45, 0xFF],
            LARGE / 2 + 7,
        ),
    ] {
        let data = encode(&message, LARGE).unwrap();
        assert!(data.starts_with(start), "{:02x?}", &data[..8]);
        assert_eq!((data.len(), data.capacity()), (size, size));
        let read = decode_all(&mut Decoder::new(size), &data).unwrap();
        assert_eq!(read.first(), Some(&message));
        assert_eq!(read.len(), 1);
        let limit = size - 1;
        let too_large = FrameError::TooLarge {
            size: size as u64,
            limit,
        };
        assert_eq!(encode(&message, limit), Err(too_large));
        let refused = decode_all(&mut Decoder::new(limit), &data);
        assert_eq!(refused, Err(too_large));
    }
}

#[test]
fn a_length_of_four_gigabytes_costs_nothing() {
    let mut decoder = Decoder::new(LARGE);
    let mut input = &[0xF8, 0xFF, 0xFF, 0xFF, 0xFF][..];
    let error = decoder.decode(&mut input).unwrap_err();
    let size = 6 + 8 + 65_805 + u64::from(u32::MAX);
    assert_eq!(error, FrameError::TooLarge { size, limit: LARGE });
    // Not by waiting for the last byte of the length alone: nothing of a broken stream is read any more.
    assert_eq!(decoder.decode(&mut &[0x00, 0x01][..]), Err(error));
}

#[test]
fn hostile_input() {
    for (input, error) in [
        (&[0x09, 0x01][..], MessageError::TokenLength),
        (&[0x0F], MessageError::TokenLength),
        (&[0x10, 0x01, 0xFF], MessageError::EmptyPayload),
        (&[0x10, 0x01, 0xF0], MessageError::OptionHeader),
        (&[0x10, 0x01, 0xB1], MessageError::Truncated),
        (&[0x10, 0x01, 0xD1], MessageError::Truncated),
        (&[0x30, 0x01, 0xE0, 0xFF, 0xFF], MessageError::OptionHeader),
    ] {
        let mut decoder = Decoder::new(LARGE);
        let result = decode_all(&mut decoder, input);
        assert_eq!(result, Err(error.into()), "{input:02x?}");
    }
}

#[test]
fn empty_messages_keep_alive_and_no_more() {
    let mut stream = vec![0x00, 0x00];
    // Whatever is in it.
    stream.extend([0x21, 0x00, 0x77, 0xFF, 0xFF]);
    stream.extend([0x01, 0x43, 0x7F, 0x00]);
    let mut decoder = Decoder::new(64);
    let read = decode_all(&mut decoder, &stream).unwrap();
    assert_eq!(read, [message(Code::VALID, &[0x7F], 0)]);
    assert_eq!(decode_all(&mut decoder, &[0x00]), Ok(vec![]));
}

#[test]
fn signals_and_their_bytes() {
    let release = Signal::Release {
        alternatives: vec!["a:1".to_string(), "[::1]:5683".to_string()],
        hold_off: Some(300),
    };
    let abort = Signal::Abort {
        bad_csm_option: Some(OptionNumber(129)),
        diagnostic: "no".to_string(),
    };
    for (signal, bytes) in [
        (Signal::Csm(Csm::default()), &[0x00, 0xE1][..]),
        (
            Signal::Csm(Csm::new(1 << 16, true)),
            &[0x50, 0xE1, 0x23, 1, 0, 0, 0x20],
        ),
        (Signal::Ping { custody: false }, &[0x00, 0xE2]),
        (Signal::Ping { custody: true }, &[0x10, 0xE2, 0x20]),
        (Signal::Pong { custody: true }, &[0x10, 0xE3, 0x20]),
        (release, b"\xD0\x05\xE4\x23a:1\x0A[::1]:5683\x22\x01\x2C"),
        (abort, &[0x50, 0xE5, 0x21, 129, 0xFF, b'n', b'o']),
    ] {
        let written = encode(&signal.to_message(Token::EMPTY), LARGE).unwrap();
        assert_eq!(written, bytes, "{signal:?}");
        let read = decode_all(&mut Decoder::new(LARGE), bytes).unwrap();
        assert_eq!(Signal::from_message(&read[0]), Ok(signal));
    }
    let ping = Signal::Ping { custody: false }.to_message(Token::new(&[1, 2]).unwrap());
    assert_eq!(encode(&ping, LARGE).unwrap(), [0x02, 0xE2, 1, 2]);
}

#[test]
fn signals_that_are_not_understood() {
    let mut csm = Signal::Csm(Csm::new(2000, true)).to_message(Token::EMPTY);
    csm.options.push(OptionNumber(6), b"elective");
    assert_eq!(
        Signal::from_message(&csm),
        Ok(Signal::Csm(Csm::new(2000, true)))
    );
    csm.options.push(OptionNumber(7), b"critical");
    assert_eq!(Signal::from_message(&csm), Err(SignalError::CsmOption(7)));
    let mut ping = Signal::Ping { custody: true }.to_message(Token::EMPTY);
    ping.options.push(OptionNumber(9), b"");
    assert_eq!(Signal::from_message(&ping), Err(SignalError::Option(9)));
    // A value of a wrong length is as good as none.
    let mut release = message(Code::RELEASE, b"", 0);
    release.options.push(OptionNumber(2), b"");
    release.options.push(OptionNumber(4), &[0; 5]);
    let nothing = Signal::Release {
        alternatives: vec![],
        hold_off: None,
    };
    assert_eq!(Signal::from_message(&release), Ok(nothing));
    for code in [Code::GET, Code::CONTENT, Code::new(7, 0), Code::new(7, 6)] {
        let error = Signal::from_message(&message(code, b"", 0));
        assert_eq!(error, Err(SignalError::Code(code)));
    }
}

#[test]
fn capabilities_add_up() {
    let mut peer = Capabilities::default();
    assert_eq!((peer.max_message_size, peer.bert()), (1152, false));
    peer.apply(&Csm {
        block_wise: true,
        ..Csm::default()
    });
    assert!(peer.block_wise && !peer.bert());
    assert_eq!(peer.bert_payload(30), None);
    peer.apply(&Csm::new(8000, false));
    assert!(peer.block_wise && peer.bert());
    assert_eq!(peer.bert_payload(30), Some(7 * 1024));
    assert_eq!(peer.bert_payload(7000), None);
    assert_eq!(peer.bert_payload(9000), None);
    peer.apply(&Csm::default());
    assert_eq!(peer.max_message_size, 8000, "what is not said stays");
}

proptest! {
    #[test]
    fn a_stream_in_pieces(
        messages in vec_of(messages(), 1..5),
        sizes in vec_of(1..200usize, 1..20),
    ) {
        let mut stream = Vec::new();
        let mut expected = Vec::new();
        for mut message in messages {
            message.kind = MessageKind::NonConfirmable;
            message.id = 0;
            stream.extend(encode(&message, LARGE).unwrap());
            expected.push(message);
        }
        let mut decoder = Decoder::new(LARGE);
        let mut read = Vec::new();
        let mut rest = &stream[..];
        for size in sizes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, behind) = rest.split_at((*size).min(rest.len()));
            read.extend(decode_all(&mut decoder, piece).unwrap());
            rest = behind;
        }
        prop_assert_eq!(read, expected);
    }

    #[test]
    fn any_bytes(input in vec_of(any::<u8>(), 0..300), limit in 2..100usize) {
        let mut decoder = Decoder::new(limit);
        if let Ok(messages) = decode_all(&mut decoder, &input) {
            for message in messages {
                let _ = Signal::from_message(&message);
                prop_assert!(encode(&message, limit).is_ok());
            }
        }
    }
}
