//! What peers cost, as the allocator counts it: the figures of `EndpointConfig` are promises.
//!
//! One test only, so that nobody else allocates meanwhile.

use lwm2m_core::{
    coap::{Code, Message, MessageKind, Response, Token, option},
    endpoint::{Endpoint, EndpointConfig, Event, ExchangeId, Timing},
    peer::PeerId,
    time::Instant,
};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::{alloc::System, net::Ipv4Addr};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Just above a power of two, where a hash table is as empty as it gets.
const PEERS: u32 = 58_000;

/// Requests of one peer that wait for their answer.
const OPEN: u32 = 8;

/// What malloc adds to a block, at most.
const MALLOC: isize = 16;

fn peer(number: u32) -> PeerId {
    let address = Ipv4Addr::from(0x7F00_0000 + number);
    PeerId::from_address(0, (address, 5683).into())
}

/// A peer asks to change something.
fn ask(endpoint: &mut Endpoint, now: Instant, number: u32, id: u16) -> ExchangeId {
    let token = Token::new(&[1, 2, 3, 4, 5, 6, 7, 8]).expect("eight bytes");
    let mut message = Message::new(MessageKind::Confirmable, Code::POST, id, token);
    message.options.push(option::URI_PATH, b"rd");
    message.options.push(option::URI_PATH, b"5a3f");
    let datagram = message.encode().expect("it is short");
    endpoint.handle_datagram(now, peer(number), &datagram);
    let Some(Event::Request { exchange, .. }) = endpoint.poll_event() else {
        panic!("no request");
    };
    exchange
}

/// A peer asks and is answered; the rest of its life is silence.
fn speak(endpoint: &mut Endpoint, now: Instant, number: u32) {
    let exchange = ask(endpoint, now, number, number as u16);
    let response = Response::new(Code::CHANGED);
    endpoint
        .respond(now, exchange, response)
        .expect("it waits for an answer");
    assert!(endpoint.poll_transmit().is_some());
}

#[test]
fn a_peer_costs_a_kilobyte_and_then_nothing_much() {
    let random = Box::new(ChaCha8Rng::seed_from_u64(1));
    let region = Region::new(ALLOCATOR);
    // Live bytes, and blocks, as far as they are told: each allocation that was not freed.
    let live = || {
        let change = region.change();
        let bytes = change.bytes_allocated as isize - change.bytes_deallocated as isize;
        let blocks = change.allocations as isize - change.deallocations as isize;
        bytes + blocks * MALLOC
    };
    let mut endpoint = Endpoint::new(EndpointConfig::default(), random);
    let mut now = Instant::from_micros(1_000_000);
    for number in 0..PEERS {
        speak(&mut endpoint, now, number);
    }
    let within = live() / PEERS as isize;
    assert_eq!(endpoint.peer_count(), PEERS as usize);
    now += Timing::RFC7252.exchange_lifetime() * 3;
    while let Some(next) = endpoint.poll_timeout().filter(|next| *next <= now) {
        endpoint.handle_timeout(next);
    }
    assert_eq!(endpoint.peer_count(), 0);
    let after = live() / PEERS as isize;
    println!("within its exchange lifetime {within}, afterwards {after} bytes a peer");
    assert!(within <= 1024, "{within} bytes a peer");
    assert!(after <= 200, "{after} bytes a peer");
    // What is left is used again, not added to.
    for number in 0..PEERS {
        speak(&mut endpoint, now, PEERS + number);
    }
    let again = live() / PEERS as isize;
    assert!(again <= within + 8, "{again} after {within} bytes a peer");

    // Requests that wait for their answer.
    let before = live();
    for number in 0..PEERS / 8 {
        for request in 1..=OPEN {
            ask(
                &mut endpoint,
                now,
                PEERS + number,
                (PEERS + number + request) as u16,
            );
        }
    }
    let each = (live() - before) / (PEERS / 8 * OPEN) as isize;
    println!("an exchange that waits for its answer: {each} bytes");
    assert!(each <= 600, "{each} bytes an exchange");
}
