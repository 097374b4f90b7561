//! A whole endpoint: any sequence of datagrams from a few peers, clock steps, requests and answers. Nothing panics,
//! and what is kept stays within its bounds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lwm2m_core::{
    coap::{Code, Request, Response, option},
    endpoint::{Endpoint, EndpointConfig, Event, RequestOptions},
    peer::PeerId,
    time::Instant,
};
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;
use std::time::Duration;

fuzz_target!(|data: &[u8]| {
    let random = Box::new(ChaCha8Rng::seed_from_u64(1));
    let mut endpoint = Endpoint::new(EndpointConfig::default(), random);
    let mut now = Instant::ZERO;
    let mut rest = data;
    let mut observers = Vec::new();
    while let Some((step, tail)) = rest.split_first() {
        rest = tail;
        let peer = PeerId::from_connection(0, u64::from(step >> 6));
        match step & 0b111 {
            0..=3 => {
                let Some((length, tail)) = rest.split_first() else {
                    break;
                };
                let (datagram, tail) = tail.split_at(tail.len().min(usize::from(*length)));
                rest = tail;
                endpoint.handle_datagram(now, peer, datagram);
            }
            4 => now += Duration::from_millis(1 << (step >> 3 & 0b111)),
            5 => now += Duration::from_secs(1 << (step >> 3 & 0b111)),
            6 => {
                let request = Request::new(Code::GET)
                    .path_segment("3")
                    .uint_option(option::OBSERVE, 0);
                let _ = endpoint.request(now, peer, request, RequestOptions::default());
            }
            _ => {
                let body = vec![0; usize::from(*step) * 16];
                let request = Request::new(Code::PUT).path_segment("5").body(42, body);
                let _ = endpoint.request(now, peer, request, RequestOptions::default());
            }
        }
        endpoint.handle_timeout(now);
        while let Some(event) = endpoint.poll_event() {
            match event {
                Event::Request {
                    exchange, request, ..
                } => {
                    let response = Response::new(Code::CONTENT).body(42, vec![7; 3000]);
                    match request.options.uint(option::OBSERVE) {
                        Some(0) => {
                            observers.extend(endpoint.respond_observe(now, exchange, response));
                        }
                        _ => {
                            let _ = endpoint.respond(now, exchange, response);
                        }
                    }
                }
                Event::UploadStarted { upload, .. } => {
                    let _ = endpoint.stream_upload(upload);
                }
                Event::UploadBlock {
                    upload,
                    exchange,
                    last,
                    ..
                } => {
                    let _ = match last {
                        true => endpoint.respond(now, exchange, Response::new(Code::CHANGED)),
                        false => endpoint.continue_upload(now, upload),
                    };
                }
                _ => {}
            }
        }
        if let Some(observer) = observers.last() {
            let _ = endpoint.notify(now, *observer, Response::new(Code::CONTENT), step & 8 != 0);
        }
        let mut sent = 0;
        while endpoint.poll_transmit().is_some() {
            sent += 1;
            assert!(sent < 10_000, "an endpoint that never falls silent");
        }
    }
});
