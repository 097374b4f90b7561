//! Links that are cut for a while, and links that carry small datagrams only.

use crate::{
    host::{Host, watched},
    world::{DEVICE, World, address, get, observe, seconds},
};
use lwm2m_core::{
    coap::{BlockSize, Code, Request, Response, option},
    endpoint::{Endpoint, EndpointConfig, Event, Failure, ObserverId},
    peer::PeerId,
    time::Instant,
};
use lwm2m_transport::sim::Link;
use std::{cell::RefCell, rc::Rc};

type Observers = Rc<RefCell<Vec<ObserverId>>>;

fn observed(name: &str) -> (World, Observers) {
    let observers = Observers::default();
    let config = EndpointConfig::default();
    let server = Host::new(1, config.clone()).serving(watched("0", &observers));
    let mut world = World::new(name, 1, server, Host::new(2, config));
    let id = world.ask(observe("x"));
    world.end_of(id).unwrap();
    (world, observers)
}

fn tell(world: &mut World, observers: &Observers, text: &str) -> bool {
    let server = world.server;
    let observer = observers.borrow().first().copied();
    observer.is_some_and(|observer| world.act(server, |host, now| host.tell(now, observer, text)))
}

// proves: OBSV-19
#[test]
fn a_short_partition_ends_with_the_newest_state() {
    let (mut world, observers) = observed("partition-short");
    let (server, device) = (world.server, world.device);
    // Its acknowledgement proves where the device is, so that what is lost later is repeated as often as it has to be.
    assert!(tell(&mut world, &observers, "first"));
    world.run_for(seconds(1));
    let name = PeerId::from_address(0, address(DEVICE));
    assert!(world.host(server).endpoint.is_address_proven(name));
    world.partition(server, device);
    for text in ["1", "2", "3", "4"] {
        assert!(tell(&mut world, &observers, text));
        world.run_for(seconds(5));
    }
    world.heal(server, device);
    world.run_for(seconds(60));
    assert_eq!(world.host(device).shown().unwrap(), "4");
    // What was superseded meanwhile never went.
    let notifications = |event: &&Event| matches!(event, Event::Notification { .. });
    assert!(
        world
            .host(device)
            .heard
            .iter()
            .filter(notifications)
            .count()
            <= 2
    );
    assert!(tell(&mut world, &observers, "5"));
    world.run_for(seconds(1));
    assert_eq!(world.host(device).shown().unwrap(), "5");
}

#[test]
fn after_a_long_partition_the_observation_is_renewed() {
    let (mut world, observers) = observed("partition-long");
    let (server, device) = (world.server, world.device);
    let begun = world
        .host(device)
        .heard
        .iter()
        .find_map(|event| match event {
            Event::Response { observation, .. } => *observation,
            _ => None,
        });
    let observation = begun.unwrap();
    world.partition(server, device);
    assert!(tell(&mut world, &observers, "1"));
    world.run_for(seconds(100));
    assert!(!tell(&mut world, &observers, "2"), "given up");
    let renewal = world.act(device, |host, now| host.refresh(now, observation));
    assert_eq!(world.end_of(renewal), Err(Failure::Timeout));
    world.heal(server, device);
    // A renewal that failed has not ended it.
    let renewal = world.act(device, |host, now| host.refresh(now, observation));
    assert_eq!(world.end_of(renewal).unwrap().payload, "0");
    assert!(tell(&mut world, &observers, "3"));
    world.run_for(seconds(1));
    assert_eq!(world.host(device).shown().unwrap(), "3");
    world.act(device, |host, _| {
        host.endpoint.forget_observation(observation)
    });
    let observer = observers.borrow()[0];
    world.act(server, |host, _| host.endpoint.remove_observer(observer));
    world.assert_forgets_all();
}

const LARGE: usize = 2000;

fn large(byte: u8) -> Response {
    Response::new(Code::CONTENT).body(42, vec![byte; LARGE])
}

/// Answers whatever is asked with a large body.
fn generous(observers: &Observers) -> impl FnMut(&mut Endpoint, Instant, &Event) + 'static {
    let observers = observers.clone();
    move |endpoint, now, event| {
        if let Event::Request {
            exchange, request, ..
        } = event
        {
            match request.options.uint(option::OBSERVE) {
                Some(0) => {
                    let entered = endpoint.respond_observe(now, *exchange, large(7));
                    observers.borrow_mut().push(entered.unwrap());
                }
                _ => endpoint.respond(now, *exchange, large(7)).unwrap(),
            }
        }
    }
}

/// A link whose packets have 128 bytes with their headers, between a server with the default bounds and a device with
/// blocks of this size.
fn narrow(block: usize, observers: &Observers) -> World {
    let server = Host::new(1, EndpointConfig::default()).serving(generous(observers));
    let mut config = EndpointConfig::default();
    config.block_size = BlockSize::at_most(block);
    let mut world = World::new("narrow", block as u64, server, Host::new(2, config));
    world.set_default_link(Link::new().mtu(128));
    world
}

#[test]
fn small_blocks_pass_a_link_of_small_packets() {
    // The server, whose own blocks would not pass, keeps to what the device asks for: in answers and notifications.
    let observers = Observers::default();
    let mut world = narrow(32, &observers);
    let (server, device) = (world.server, world.device);
    let fetch = Request::new(Code::FETCH).body(42, vec![9; LARGE]);
    for request in [get("x"), observe("x"), fetch] {
        let id = world.ask(request);
        assert_eq!(world.end_of(id).unwrap().payload, vec![7; LARGE]);
    }
    let observer = observers.borrow()[0];
    let notified = world.act(server, |host, now| {
        host.endpoint.notify(now, observer, large(8), true)
    });
    notified.unwrap();
    world.run_for(seconds(100));
    match world.host(device).heard.last() {
        Some(Event::Notification { response, .. }) => assert_eq!(response.payload, vec![8; LARGE]),
        other => panic!("{other:?}"),
    }
    assert_eq!(world.stats().too_big, 0, "{:?}", world.stats());
}

#[test]
fn what_is_too_large_for_the_link_fails_with_a_reason() {
    let mut world = narrow(256, &Observers::default());
    let id = world.ask(Request::new(Code::PUT).body(42, vec![7; LARGE]));
    assert_eq!(world.end_of(id), Err(Failure::Timeout));
    // The first block, five times.
    assert_eq!(world.stats().too_big, 5, "{:?}", world.stats());
    let server = world.server;
    assert!(world.host(server).heard.is_empty());
    world.assert_forgets_all();
}
