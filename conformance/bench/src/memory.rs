//! What a peer that has spoken once costs an endpoint, by the counting allocator.

use crate::{
    allocation::live_bytes,
    servers::{PATH, content},
};
use lwm2m_core::{
    coap::{Code, Message, MessageKind, Token, option},
    endpoint::{Endpoint, EndpointConfig, Event},
    peer::PeerId,
    time::Instant,
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::{net::Ipv4Addr, time::Duration};

/// Bytes for each peer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PerPeer {
    /// While its exchange lives.
    pub within: f64,
    /// After the lifetime of its exchange.
    pub after: f64,
    /// How many peers the endpoint still knows then.
    pub known_after: usize,
}

/// Lets so many peers send one confirmable request each within ten seconds, answers them, and lets time pass.
pub fn per_peer(peers: u32, code: Code) -> PerPeer {
    let config = EndpointConfig::default();
    let lifetime = config.timing.exchange_lifetime();
    let mut random = StdRng::seed_from_u64(7252);
    let mut endpoint = Endpoint::new(config, Box::new(StdRng::seed_from_u64(1)));
    let mut now = Instant::ZERO;
    let before = live_bytes();
    for number in 0..peers {
        now = Instant::ZERO + Duration::from_secs(10) * number / peers;
        let address = Ipv4Addr::from_bits(0x0A00_0000 + number);
        let peer = PeerId::from_address(0, (address, random.random_range(1024..65535)).into());
        let datagram = request(code, random.random(), number);
        endpoint.handle_datagram(now, peer, &datagram);
        drain(&mut endpoint, now);
    }
    let within = live_bytes() - before;
    let end = now + lifetime + Duration::from_secs(2);
    while let Some(at) = endpoint.poll_timeout().filter(|at| *at <= end) {
        now = now.max(at);
        endpoint.handle_timeout(now);
        drain(&mut endpoint, now);
    }
    endpoint.handle_timeout(end);
    drain(&mut endpoint, end);
    let after = live_bytes() - before;
    PerPeer {
        within: within as f64 / f64::from(peers),
        after: after as f64 / f64::from(peers),
        known_after: endpoint.peer_count(),
    }
}

fn drain(endpoint: &mut Endpoint, now: Instant) {
    while let Some(event) = endpoint.poll_event() {
        if let Event::Request { exchange, .. } = event {
            // An error means that the request is too old by now.
            let _ = endpoint.respond(now, exchange, content());
        }
    }
    while endpoint.poll_transmit().is_some() {}
}

fn request(code: Code, id: u16, number: u32) -> Vec<u8> {
    let token = Token::new(&u64::from(number).to_be_bytes()).unwrap_or_default();
    let mut message = Message::new(MessageKind::Confirmable, code, id, token);
    message.options.push(option::URI_PATH, PATH.as_bytes());
    // Nothing in it is too long for its form.
    message.encode().unwrap_or_default()
}
