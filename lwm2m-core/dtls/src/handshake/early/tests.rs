//! That what waits is bounded, in number and in bytes, and that messages come before it.

use super::*;
use crate::{
    EndpointConfig,
    crypto::rustcrypto::RustCrypto,
    resumption::{Resumables, Tickets},
    wire::handshake::{Fragment, MessageType},
};
use alloc::{collections::VecDeque, vec, vec::Vec};
use core::net::SocketAddr;
use lwm2m_core::time::Instant;
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore, SeedableRng},
};

/// Header of a record.
const HEADER: usize = 13;

/// A server's handshake that waits for a hello with the number 1, within bounds.
struct Waiting {
    config: EndpointConfig,
    handshake: Handshake,
}

/// Lends what handshakes work with.
fn with_context<T>(config: &EndpointConfig, work: impl FnOnce(&mut Context<'_>) -> T) -> T {
    work(&mut Context {
        now: Instant::ZERO,
        config,
        server: None,
        provider: &RustCrypto,
        random: &mut ChaCha8Rng::seed_from_u64(1),
        resumables: &mut Resumables::new(0, 1),
        tickets: &mut Tickets::new(None),
        transmits: &mut VecDeque::new(),
    })
}

fn part(sequence: u16, length: u32, offset: u32, body: &[u8]) -> Fragment<'_> {
    Fragment {
        message_type: MessageType::ClientHello,
        length,
        sequence,
        offset,
        body,
    }
}

impl Waiting {
    fn new(max_handshake_bytes: usize, max_early_records: usize) -> Self {
        let config = EndpointConfig {
            max_handshake_bytes,
            max_early_records,
            ..EndpointConfig::default()
        };
        let address: SocketAddr = ([10, 0, 0, 1], 5684).into();
        let hello = part(1, 4000, 0, &[]);
        let handshake = with_context(&config, |cx| {
            Handshake::accept(cx, address, Vec::new(), &[7; 32], 1, &hello)
        });
        Waiting { config, handshake }
    }

    fn hear(&mut self, kind: u8, epoch: u8, sequence: u16, body: &[u8]) {
        let mut record = vec![kind, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0];
        record.extend(sequence.to_be_bytes());
        record.extend((body.len() as u16).to_be_bytes());
        record.extend(body);
        let record = next_record(&mut &mut record[..], 0).expect("a record");
        let handshake = &mut self.handshake;
        let progress = with_context(&self.config, |cx| handshake.handle_record(cx, record));
        assert_eq!(progress, Ok(Progress::Waiting));
        self.is_bounded();
    }

    /// A record that nothing opens yet.
    fn hear_sealed(&mut self, sequence: u16, length: usize) {
        self.hear(23, 1, sequence, &vec![7; length]);
    }

    fn hear_part(&mut self, part: &Fragment<'_>) {
        let mut body = vec![part.message_type.number()];
        body.extend(&part.length.to_be_bytes()[1..]);
        body.extend(part.sequence.to_be_bytes());
        body.extend(&part.offset.to_be_bytes()[1..]);
        body.extend(&(part.body.len() as u32).to_be_bytes()[1..]);
        body.extend(part.body);
        self.hear(22, 0, 0, &body);
    }

    /// Numbers of the records that wait.
    fn waits(&self) -> Vec<u16> {
        let records = self.handshake.early.iter();
        let numbers = records.map(|record| u16::from_be_bytes([record[9], record[10]]));
        numbers.collect()
    }

    #[track_caller]
    fn is_bounded(&self) {
        let early = self.handshake.early.iter().map(Vec::len).sum::<usize>();
        assert_eq!(early, self.handshake.early_bytes);
        let waiting = early + self.handshake.inbound.bytes();
        assert!(waiting <= self.config.max_handshake_bytes, "{waiting}");
        assert!(self.handshake.early.len() <= self.config.max_early_records);
    }
}

#[test]
fn the_ninth_record_is_dropped() {
    let mut waiting = Waiting::new(10_000, 8);
    for sequence in 0..9 {
        waiting.hear_sealed(sequence, 20);
    }
    assert_eq!(waiting.waits(), [0, 1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn and_so_is_one_that_there_is_no_room_for() {
    let mut waiting = Waiting::new(500, 8);
    for sequence in 0..5 {
        waiting.hear_sealed(sequence, 100);
    }
    assert_eq!(waiting.waits(), [0, 1, 2, 3]);
    // A shorter one still fits, to the last byte.
    waiting.hear_sealed(5, 500 - 4 * (HEADER + 100) - HEADER + 1);
    waiting.hear_sealed(6, 500 - 4 * (HEADER + 100) - HEADER);
    assert_eq!(waiting.waits(), [0, 1, 2, 3, 6]);
    assert_eq!(waiting.handshake.early_bytes, 500);
}

#[test]
fn records_go_for_a_message_and_none_comes_in_its_place() {
    let mut waiting = Waiting::new(500, 8);
    for sequence in 0..4 {
        waiting.hear_sealed(sequence, 100);
    }
    waiting.hear_part(&part(1, 300, 0, b"its beginning"));
    assert_eq!(waiting.waits(), [0], "three made way");
    assert_eq!(waiting.handshake.inbound.bytes(), 300);
    waiting.hear_sealed(9, 100);
    assert_eq!(waiting.waits(), [0]);
    // More of the same message needs no more room.
    waiting.hear_part(&part(1, 300, 200, b"and some more"));
    assert_eq!(waiting.waits(), [0]);
}

#[test]
fn three_thousand_forged_fragments_and_records_stay_within_bounds() {
    let mut random = ChaCha8Rng::seed_from_u64(5);
    let mut waiting = Waiting::new(5_000, 8);
    let mut most = 0;
    for _ in 0..3_000 {
        let number = random.next_u32();
        let [a, b, c, d] = number.to_be_bytes();
        if a < 80 {
            waiting.hear_sealed(number as u16, usize::from(b) * 4);
        } else {
            let length = 100 + u32::from(b) * 40;
            // Never complete: what is, would be read.
            let offset = (1 + u32::from(c)).min(length - 4);
            waiting.hear_part(&part(u16::from(d % 12), length, offset, b"four"));
        }
        most = most.max(waiting.handshake.early_bytes + waiting.handshake.inbound.bytes());
    }
    assert!(most > 4_500, "the bound was felt: {most}");
}
