//! What hostile input costs, as the allocator counts it: nothing is reserved for what is announced and not there, and
//! what is there costs no more than its bytes allow.
//!
//! One test only, so that nobody else allocates meanwhile.

use lwm2m_core::{
    coap::{Message, MessageError, Request, tcp::Decoder},
    content::{self, Codec, ContentFormat, MAX_ENTRIES},
    link,
    model::NoModels,
    operation::{DeviceOperation, RegistrationOperation, below_root, strip_root},
    path::Path,
    version::LwM2mVersion,
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;

#[path = "../src/content/tests/bombs.rs"]
mod bombs;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Bytes that `run` asks for, whether it gives them back or not.
fn allocated<T>(run: impl FnOnce() -> T) -> usize {
    let region = Region::new(ALLOCATOR);
    let value = run();
    let bytes = region.change().bytes_allocated;
    drop(value);
    bytes
}

/// What all ways to read a payload ask for together, in one of them at most.
fn most_allocated(format: ContentFormat, payload: &[u8]) -> usize {
    let base = match format.is_single_value() {
        true => Path::resource(3442, 0, 110),
        false => Path::object(3442),
    };
    let codec = Codec::new(&NoModels).below("/lwm2m");
    [
        allocated(|| content::decode(format, payload, &base, &NoModels)),
        allocated(|| content::decode_create(format, payload, &base, 7, &NoModels)),
        allocated(|| content::decode_changes(format, payload, &NoModels)),
        allocated(|| content::decode_paths(format, payload)),
        allocated(|| codec.decode(format, payload, &base)),
    ]
    .into_iter()
    .max()
    .unwrap_or(0)
}

#[test]
fn hostile_input_costs_what_it_weighs() {
    payloads_that_are_refused();
    payloads_of_many_small_values();
    messages();
    lists_of_links();
}

/// Room for the first values of a payload (2 KiB, whatever it says) and for an error.
const FIRST: usize = 3 * 1024;

fn payloads_that_are_refused() {
    bombs::lengths(&mut |format, payload| {
        let bytes = most_allocated(format, payload);
        assert!(
            bytes <= FIRST,
            "{format:?} {}: {bytes}",
            payload.escape_ascii()
        );
    });
    bombs::nesting(&mut |format, payload| {
        let bytes = most_allocated(format, payload);
        let start = payload[..16].escape_ascii();
        // What a skipped value of JSON lies in is kept, a byte for each level; a table that grows has room for twice as
        // many.
        assert!(
            bytes <= FIRST + 2 * payload.len(),
            "{format:?} {start}: {bytes}"
        );
    });
}

/// The most values that fit into few bytes: each has 64 bytes in memory, or 16 as a path, and no more of them come than
/// are allowed.
fn payloads_of_many_small_values() {
    let many = 4 * MAX_ENTRIES;
    let json = |open: &str, record: &str, close: &str| {
        [open, &vec![record; many].join(","), close]
            .concat()
            .into_bytes()
    };
    let cbor = |record: &str| {
        let records = bombs::hex(record).repeat(many);
        [&bombs::hex("9a00010000")[..], &records].concat()
    };
    let map: Vec<u8> = (0..=u16::MAX)
        .flat_map(|id| [&[0x19][..], &id.to_be_bytes(), &[0]].concat())
        .collect();
    let instances: Vec<u8> = (0..=u16::MAX)
        .flat_map(|id| [&[0x60][..], &id.to_be_bytes()].concat())
        .collect();
    for (format, payload) in [
        (ContentFormat::SenmlJson, json("[", r#"{"n":"/3"}"#, "]")),
        (
            ContentFormat::SenmlJson,
            json(r#"[{"bn":"/3442/0/1"},"#, r#"{"v":1}"#, "]"),
        ),
        (
            ContentFormat::SenmlJson,
            json(r#"[{"bn":"/3442/0/1"},"#, "{}", "]"),
        ),
        (
            ContentFormat::SenmlEtchJson,
            json(r#"[{"bn":"/3442/0/1/1"},"#, r#"{"v":null}"#, "]"),
        ),
        (ContentFormat::SenmlCbor, cbor("a1 00 62 2f33")),
        (
            ContentFormat::SenmlCbor,
            cbor("a2 00 67 2f333434322f30 0200"),
        ),
        (ContentFormat::SenmlEtchCbor, cbor("a0")),
        (ContentFormat::Json, json(r#"{"e":["#, "{}", "]}")),
        (ContentFormat::Json, json(r#"{"e":["#, r#"{"v":1}"#, "]}")),
        (
            ContentFormat::LwM2mCbor,
            [&bombs::hex("a1 83190d720001 ba00010000")[..], &map].concat(),
        ),
        (
            ContentFormat::Tlv,
            [&[0x98, 1, 3, 0, 0][..], &instances].concat(),
        ),
        (ContentFormat::Opaque, vec![0; many]),
        (ContentFormat::Text, vec![b'1'; many]),
    ] {
        let bytes = most_allocated(format, &payload);
        let start = payload[..16].escape_ascii();
        let values = (payload.len()).min(MAX_ENTRIES) * VALUE;
        assert!(
            bytes <= FIRST + payload.len() + values,
            "{format:?} {start}: {bytes}"
        );
    }
}

/// Memory for a value while it is read, at most.
const VALUE: usize = 192;

/// A datagram of 64 KiB that is one option, or as many as fit.
fn messages() {
    let head = [0x40, 1, 0, 1];
    for (options, each) in [
        // One value of 65,000 bytes; one that is announced and not there; empty ones, of one byte each.
        (
            [&[0xBE][..], &(65_000u16 - 269).to_be_bytes(), &[7; 65_000]].concat(),
            1,
        ),
        (vec![0xBE, 0xFF, 0xFF, 0], 0),
        ([&[0xB0][..], &[0; 65_000]].concat(), 65_001),
        ([&[0xB1, 7][..], &[1, 7].repeat(32_000)].concat(), 32_001),
    ] {
        let datagram = [&head[..], &options].concat();
        let bytes = allocated(|| Message::parse(&datagram));
        // The datagram is copied once, and an option has 40 bytes; a table that grows has room for twice as many.
        assert!(bytes <= 1024 + datagram.len() + 2 * 40 * each, "{bytes}");
        let message = match Message::parse(&datagram) {
            Ok(message) => message,
            Err(error) => {
                assert_eq!((error, each), (MessageError::Truncated, 0));
                continue;
            }
        };
        assert_eq!(message.options.len(), each);
        let mut request = Request::new(message.code);
        request.options = message.options;
        let bytes = allocated(|| {
            let device = DeviceOperation::from_request(&request, LwM2mVersion::V1_2);
            (device, RegistrationOperation::from_request(&request))
        });
        // Two lists of texts of 16 bytes each, which refer to the options, for either.
        assert!(bytes <= 1024 + 4 * 2 * 16 * each, "{bytes}");
    }
    a_path_of_many_segments();
    // A stream takes no more than it was told to, however long the message says to be.
    let stream = [&[0xF0, 0xFF, 0xFF, 0xFF, 0xFF, 2][..], &[0; 65_000]].concat();
    let bytes = allocated(|| {
        let mut decoder = Decoder::new(1152);
        decoder.decode(&mut &stream[..])
    });
    assert!(bytes <= 1152 + 64, "{bytes}");
}

/// Segments are put before a path and taken off it without moving what stands behind them for each: with as many
/// arguments behind the path those would be 40 GB of copies.
fn a_path_of_many_segments() {
    const EACH: usize = 32_000;
    // Uri-Path (11), and then Uri-Query (15).
    let options = [&[0xB0][..], &[0; EACH], &[0x40], &[0; EACH]].concat();
    let message = Message::parse(&[&[0x40, 1, 0, 1][..], &options].concat()).expect("a message");
    let mut request = Request::new(message.code);
    request.options = message.options;
    let path = [""; 3];
    let stripped = strip_root(request.clone(), &path).expect("it lies there");
    assert_eq!(stripped.options.len(), request.options.len() - path.len());
    assert_eq!(below_root(stripped, &path), request);
}

/// What `LinkLimits` promises: 40 bytes for each byte of a payload that is made for the purpose.
fn lists_of_links() {
    for text in [
        "<>,".repeat(20_000) + "<>",
        "<>".to_owned() + &";a".repeat(30_000),
        ("<>".to_owned() + &";a".repeat(32) + ",").repeat(900) + "<>",
        ("<>".to_owned() + &";a=1".repeat(32) + ",").repeat(450) + "<>",
        "</1>,".repeat(4096) + "<",
        "<>;a=\"".to_owned() + &"\\a".repeat(30_000),
        "<".repeat(65_000),
    ] {
        let bytes = allocated(|| link::parse(text.as_bytes()));
        assert!(
            bytes <= 1024 + 40 * text.len(),
            "{bytes} for {}",
            text.len()
        );
        let bytes = allocated(|| link::parse_bootstrap_discover(text.as_bytes()));
        assert!(
            bytes <= 1024 + 41 * text.len(),
            "{bytes} for {}",
            text.len()
        );
    }
}
