//! Bodies in blocks over a link that loses nearly a third of what goes over it, in both directions.

use crate::{
    host::Host,
    world::{World, get, seconds},
};
use lwm2m_core::{
    coap::{BlockSize, Code, Request, Response},
    endpoint::{Amplification, Endpoint, EndpointConfig, Event, Failure, Timing},
    time::Instant,
};
use lwm2m_transport::sim::{Link, Net};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore, SeedableRng},
};

const SIZE: usize = 6000;

fn body(seed: u64) -> Vec<u8> {
    let mut body = vec![0; SIZE];
    ChaCha8Rng::seed_from_u64(seed).fill_bytes(&mut body);
    body
}

/// Gives to who asks by GET, and takes from others what they bring.
fn store(seed: u64) -> impl FnMut(&mut Endpoint, Instant, &Event) + 'static {
    move |endpoint, now, event| {
        if let Event::Request {
            exchange, request, ..
        } = event
        {
            let response = match request.code {
                Code::GET => Response::new(Code::CONTENT).body(42, body(seed)),
                _ => Response::new(Code::CHANGED),
            };
            endpoint.respond(now, *exchange, response).unwrap();
        }
    }
}

fn lossy(name: &str, seed: u64, max_retransmit: u32) -> World {
    let mut timing = Timing::RFC7252;
    timing.max_retransmit = max_retransmit;
    let mut config = EndpointConfig::default();
    config.timing = timing;
    config.block_size = BlockSize::at_most(256);
    // Else the first answer goes in blocks of 16 bytes, and so do all that follow it.
    config.amplification = Amplification::Unlimited;
    let server = Host::new(seed * 2, config.clone()).serving(store(seed));
    let mut world = World::new(name, seed, server, Host::new(seed * 2 + 1, config));
    world.set_default_link(Link::new().loss(0.3).duplicate(0.1).reorder(0.1));
    world
}

/// What the server was asked to change, by its body.
fn brought(world: &World) -> Vec<Vec<u8>> {
    let brought = |event: &Event| match event {
        Event::Request { request, .. } if request.code == Code::PUT => {
            Some(request.payload.to_vec())
        }
        _ => None,
    };
    let heard = &world.host(world.server).heard;
    heard.iter().filter_map(brought).collect()
}

/// Both directions at once, by two requests.
fn there_and_back(world: &mut World, seed: u64) -> [Result<Response, Failure>; 2] {
    let put = Request::new(Code::PUT)
        .path_segment("b")
        .body(42, body(seed));
    let requests = [put, get("b")].map(|request| world.ask(request));
    let device = world.device;
    let over = |net: &mut Net| {
        let ended = |id| net.host(device).end_of(id).is_some();
        requests.into_iter().all(ended)
    };
    assert!(world.run_until(over, seconds(100_000)), "they never end");
    requests.map(|id| world.end_of(id))
}

// proves: BLK-11
#[test]
fn who_is_patient_gets_all_through() {
    for seed in 0..16 {
        // Of a block and its answer, one is lost every second time; twelve in a row hardly ever are.
        let mut world = lossy("transfers-patient", seed, 11);
        let [put, got] = there_and_back(&mut world, seed);
        assert_eq!(put.unwrap().code, Code::CHANGED);
        assert_eq!(got.unwrap().payload, body(seed));
        assert_eq!(brought(&world), [body(seed)], "once, and whole");
        assert!(world.stats().lost > 20, "{:?}", world.stats());
    }
}

#[test]
fn who_gives_up_has_changed_nothing_or_all() {
    let mut failed = 0;
    for seed in 100..132 {
        let mut world = lossy("transfers-default", seed, Timing::RFC7252.max_retransmit);
        let [put, got] = there_and_back(&mut world, seed);
        let changed = brought(&world);
        assert!(changed.is_empty() || changed == [body(seed)]);
        failed += usize::from(put.is_err()) + usize::from(got.is_err());
        match put {
            Ok(response) => assert_eq!((response.code, changed.len()), (Code::CHANGED, 1)),
            Err(failure) => assert_eq!(failure, Failure::Timeout),
        }
        match got {
            Ok(response) => assert_eq!(response.payload, body(seed)),
            Err(failure) => assert_eq!(failure, Failure::Timeout),
        }
        world.assert_forgets_all();
    }
    assert!((1..64).contains(&failed), "{failed} of 64: both were met");
}
