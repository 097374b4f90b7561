//! The messages that RFCs show, byte for byte and in both directions. The exchanges they belong to are those of
//! `endpoint/tests/examples.rs`.

use super::{Block, BlockSize, Code, Message, MessageKind, OptionNumber, Token, option};
use alloc::vec::Vec;
use bytes::Bytes;

use MessageKind::{
    Acknowledgement as ACK, Confirmable as CON, NonConfirmable as NON, Reset as RST,
};

/// A message as its RFC tells it: header, token, options, payload.
fn message(
    kind: MessageKind,
    code: Code,
    id: u16,
    token: &[u8],
    options: &[(OptionNumber, &[u8])],
    payload: &[u8],
) -> Message {
    let token = Token::new(token).expect("a token");
    let mut message = Message::new(kind, code, id, token);
    for (number, value) in options {
        message.options.push(*number, value);
    }
    message.payload = Bytes::copy_from_slice(payload);
    message
}

/// The bytes of a header and of options in hexadecimal digits, and a payload behind its marker.
fn bytes(head: &str, payload: &str) -> Vec<u8> {
    let mut bytes = hex::decode(head.replace(' ', "")).expect("hexadecimal digits");
    if !payload.is_empty() {
        bytes.push(0xFF);
        bytes.extend_from_slice(payload.as_bytes());
    }
    bytes
}

#[track_caller]
fn both_ways(message: &Message, bytes: &[u8]) {
    assert_eq!(message.encode().as_deref(), Ok(bytes), "{message:?}");
    assert_eq!(Message::parse(bytes).as_ref(), Ok(message));
    let peeked = (message.kind, message.id);
    assert_eq!(Message::peek_id(bytes), Some(peeked));
}

/// `temperature` behind an option header for Uri-Path as first option.
const TEMPERATURE: &str = "bb 74656d7065726174757265";

/// RFC 7252, appendix A: the requests and responses of figures 16 to 23. The first two are drawn bit by bit there, and
/// told to have 16, 11, 17 and 12 bytes.
// proves: COAP-04
#[test]
fn rfc_7252_appendix_a() {
    let request = |kind, id, token: &[u8]| {
        message(
            kind,
            Code::GET,
            id,
            token,
            &[(option::URI_PATH, b"temperature")],
            b"",
        )
    };
    let response = |kind, id, token: &[u8], text: &str| {
        message(kind, Code::CONTENT, id, token, &[], text.as_bytes())
    };
    for (message, head, payload, size) in [
        (request(CON, 0x7d34, &[]), "40 01 7d34 +", "", 16),
        (
            response(ACK, 0x7d34, &[], "22.3 C"),
            "60 45 7d34",
            "22.3 C",
            11,
        ),
        (request(CON, 0x7d35, &[0x20]), "41 01 7d35 20 +", "", 17),
        (
            response(ACK, 0x7d35, &[0x20], "22.3 C"),
            "61 45 7d35 20",
            "22.3 C",
            12,
        ),
        (request(CON, 0x7d36, &[0x31]), "41 01 7d36 31 +", "", 17),
        (request(CON, 0x7d37, &[0x42]), "41 01 7d37 42 +", "", 17),
        (request(CON, 0x7d38, &[0x53]), "41 01 7d38 53 +", "", 17),
        (Message::empty(ACK, 0x7d38), "60 00 7d38", "", 4),
        (
            response(CON, 0xad7b, &[0x53], "22.3 C"),
            "41 45 ad7b 53",
            "22.3 C",
            12,
        ),
        (Message::empty(ACK, 0xad7b), "60 00 ad7b", "", 4),
        (
            response(CON, 0xad7c, &[0x64], "22.3 C"),
            "41 45 ad7c 64",
            "22.3 C",
            12,
        ),
        (Message::empty(RST, 0xad7c), "70 00 ad7c", "", 4),
        (request(NON, 0x7d40, &[0x75]), "51 01 7d40 75 +", "", 17),
        (
            response(NON, 0xad7d, &[0x75], "22.3 C"),
            "51 45 ad7d 75",
            "22.3 C",
            12,
        ),
        (request(NON, 0x7d41, &[0x86]), "51 01 7d41 86 +", "", 17),
        (
            response(NON, 0x60b1, &[0x86], "22.3 C"),
            "51 45 60b1 86",
            "22.3 C",
            12,
        ),
        (
            response(NON, 0x01a0, &[0x86], "20.9 C"),
            "51 45 01a0 86",
            "20.9 C",
            12,
        ),
    ] {
        let bytes = bytes(&head.replace('+', TEMPERATURE), payload);
        assert_eq!(bytes.len(), size);
        both_ways(&message, &bytes);
    }
}

/// RFC 7641, appendix A.1: an observation, a notification, and the observation that is renewed. The RFC gives the first
/// four bytes of each message in hexadecimal digits.
// proves: COAP-04
#[test]
fn rfc_7641_appendix_a() {
    let get = |id, token| {
        let options: [(_, &[u8]); 2] = [(option::OBSERVE, b""), (option::URI_PATH, b"temperature")];
        message(CON, Code::GET, id, &[token], &options, b"")
    };
    let notification = |kind, id, sequence: u8, text: &str| {
        let options: [(_, &[u8]); 2] = [(option::OBSERVE, &[sequence]), (option::MAX_AGE, &[15])];
        message(kind, Code::CONTENT, id, &[0x4a], &options, text.as_bytes())
    };
    let with_tag: [(_, &[u8]); 3] = [
        (option::OBSERVE, &[44]),
        (option::MAX_AGE, &[15]),
        (option::ETAG, b"xyzzy"),
    ];
    for (message, head, payload) in [
        // Observe has the lower number, so that the path stands five above it.
        (
            get(0x1633, 0x4a),
            "41011633 4a 60 5b 74656d7065726174757265",
            "",
        ),
        (
            notification(ACK, 0x1633, 9, "18.5 Cel"),
            "61451633 4a 61 09 81 0f",
            "18.5 Cel",
        ),
        (
            notification(NON, 0x7b50, 16, "19.2 Cel"),
            "51457b50 4a 61 10 81 0f",
            "19.2 Cel",
        ),
        (
            notification(NON, 0x7b51, 25, "19.7 Cel"),
            "51457b51 4a 61 19 81 0f",
            "19.7 Cel",
        ),
        (
            get(0x1634, 0xb2),
            "41011634 b2 60 5b 74656d7065726174757265",
            "",
        ),
        (
            message(ACK, Code::CONTENT, 0x1634, &[0xb2], &with_tag, b"19.7 Cel"),
            "61451634 b2 45 78797a7a79 21 2c 81 0f",
            "19.7 Cel",
        ),
    ] {
        both_ways(&message, &bytes(head, payload));
    }
}

/// RFC 7959, section 3: block options within messages of figures 2, 7, 9 and 10, and the two values that the section
/// takes apart.
// proves: BLK-01
#[test]
fn rfc_7959_section_3() {
    let block = |number, more, size| Block {
        number,
        more,
        size: BlockSize::at_most(size),
    };
    assert_eq!(Block::from_bytes(&[33]), Ok(block(2, false, 32)));
    assert_eq!(block(2, false, 32).to_uint(), 33);
    assert_eq!(Block::from_bytes(&[59]), Ok(block(3, true, 128)));
    assert_eq!(block(3, true, 128).to_uint(), 59);

    let with = |kind, code, id, path: &str, blocks: &[(OptionNumber, Block)]| {
        let mut message = Message::new(kind, code, id, Token::EMPTY);
        if !path.is_empty() {
            message.options.push(option::URI_PATH, path.as_bytes());
        }
        for (number, block) in blocks {
            message.options.set_uint(*number, block.to_uint());
        }
        message
    };
    let (one, two) = (option::BLOCK1, option::BLOCK2);
    for (message, head) in [
        (
            with(CON, Code::GET, 1234, "status", &[]),
            "40 01 04d2 b6 737461747573",
        ),
        (
            with(
                CON,
                Code::GET,
                1235,
                "status",
                &[(two, block(1, false, 128))],
            ),
            "40 01 04d3 b6 737461747573 c1 13",
        ),
        (
            with(ACK, Code::CONTENT, 1235, "", &[(two, block(1, true, 128))]),
            "60 45 04d3 d1 0a 1b",
        ),
        // Block1 is 16 above Uri-Path: 13 and an extension byte of 3.
        (
            with(
                CON,
                Code::PUT,
                1234,
                "options",
                &[(one, block(0, true, 128))],
            ),
            "40 03 04d2 b7 6f7074696f6e73 d1 03 0b",
        ),
        (
            with(ACK, Code::CONTINUE, 1234, "", &[(one, block(0, true, 32))]),
            "60 5f 04d2 d1 0e 09",
        ),
        (
            with(
                CON,
                Code::PUT,
                1235,
                "options",
                &[(one, block(4, true, 32))],
            ),
            "40 03 04d3 b7 6f7074696f6e73 d1 03 49",
        ),
        (
            with(
                ACK,
                Code::CHANGED,
                1236,
                "",
                &[(two, block(0, true, 128)), (one, block(2, false, 128))],
            ),
            "60 44 04d4 d1 0a 0b 41 23",
        ),
    ] {
        both_ways(&message, &bytes(head, ""));
    }

    // Figure 12: an observation in blocks, and its second notification. Block2 is 17 above Observe.
    let icon: [(_, &[u8]); 2] = [(option::OBSERVE, b""), (option::URI_PATH, b"status-icon")];
    let request = message_of_figure(CON, Code::GET, 0x1636, &icon);
    both_ways(
        &request,
        &bytes("41011636 fb 60 5b 7374617475732d69636f6e", ""),
    );
    for (kind, id, head, tag, sequence) in [
        (ACK, 0x1636, "61451636", "6f00f38e", 62350u16),
        (CON, 0xaf9c, "4145af9c", "6f00f392", 62354),
    ] {
        let (etag, observe) = (hex::decode(tag).expect("digits"), sequence.to_be_bytes());
        let first: [(_, &[u8]); 3] = [
            (option::ETAG, &etag),
            (option::OBSERVE, &observe),
            (option::BLOCK2, &[0x0b]),
        ];
        let message = message_of_figure(kind, Code::CONTENT, id, &first);
        let head = std::format!("{head} fb 44 {tag} 22 {sequence:04x} d1 04 0b");
        both_ways(&message, &bytes(&head, ""));
    }
}

fn message_of_figure(
    kind: MessageKind,
    code: Code,
    id: u16,
    options: &[(OptionNumber, &[u8])],
) -> Message {
    message(kind, code, id, &[0xfb], options, b"")
}
