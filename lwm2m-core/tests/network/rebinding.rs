//! A NAT between the device and the server gives the device another port in the middle of an exchange.

use crate::{
    host::{Host, content, watched},
    world::{SERVER, World, address, get, millis, observe, post, seconds},
};
use lwm2m_core::{
    endpoint::{EndpointConfig, Failure, RequestId},
    engine::Credentials,
    peer::PeerId,
    secret::Secret,
};
use lwm2m_transport::{PskTable, sim::Net};
use std::{cell::RefCell, rc::Rc, sync::Arc};

/// A device that is connected with a socket of its own, behind a NAT.
fn connected(name: &str, secure: bool, connection_ids: bool) -> (World, PeerId) {
    let mut world = World::plain(name, 1);
    let (server, device) = (world.server, world.device);
    world.set_connection_ids(connection_ids);
    let keys = PskTable::new();
    keys.insert("device", Secret::new(vec![1; 16]));
    world.listen_secure(server, address("10.0.0.1:5684"), Arc::new(keys));
    let (target, credentials) = match secure {
        false => (format!("coap://{SERVER}"), Credentials::None),
        true => (
            "coaps://10.0.0.1:5684".into(),
            Credentials::Psk {
                identity: b"device".to_vec(),
                key: Secret::new(vec![1; 16]),
            },
        ),
    };
    let peer = world.act(device, |host, _| host.connect(&target, credentials));
    let stands = |net: &mut Net| net.host(device).connection == Some(peer);
    assert!(world.run_until(stands, seconds(1)));
    (world, peer)
}

/// The answer to a request is lost, and before the request is repeated, the port of the device changes.
fn asked_from_two_ports(world: &mut World, peer: PeerId) -> RequestId {
    let (server, device) = (world.server, world.device);
    let id = world.act(device, |host, now| host.ask(now, peer, post("x")));
    world.until_asked(1);
    world.lose_from_server(true);
    let exchange = world.host(server).asked()[0];
    world.act(server, |host, now| {
        host.answer(now, exchange, content("done"))
    });
    world.run_for(seconds(1));
    world.lose_from_server(false);
    world.rebind(device);
    id
}

// proves: COAP-17
#[test]
fn with_connection_ids_a_request_is_executed_once_from_two_ports() {
    let (mut world, peer) = connected("rebinding-cid", true, true);
    let id = asked_from_two_ports(&mut world, peer);
    assert_eq!(world.end_of(id).unwrap().payload, "done");
    let server = world.server;
    assert_eq!(world.host(server).asked().len(), 1);
    assert_eq!(world.host(server).endpoint.metrics().duplicates, 1);
}

#[test]
fn without_them_the_session_is_silent_and_the_request_fails_once() {
    let (mut world, peer) = connected("rebinding-no-cid", true, false);
    let id = asked_from_two_ports(&mut world, peer);
    assert_eq!(world.end_of(id), Err(Failure::Timeout));
    let server = world.server;
    assert_eq!(world.host(server).asked().len(), 1);
}

#[test]
fn without_security_another_port_is_another_peer() {
    let (mut world, peer) = connected("rebinding-plain", false, false);
    let (server, device) = (world.server, world.device);
    let id = world.act(device, |host, now| host.ask(now, peer, get("x")));
    world.until_asked(1);
    // Acknowledged to the old port, answered to nobody.
    world.run_for(millis(100));
    world.rebind(device);
    world.run_for(millis(400));
    let first = world.host(server).asked()[0];
    world.act(server, |host, now| {
        host.answer(now, first, content("nobody hears"))
    });
    // The repetition comes from the new port: a safe request is asked for again, and answered.
    world.until_asked(2);
    let second = world.host(server).asked()[1];
    world.act(server, |host, now| {
        host.answer(now, second, content("here"))
    });
    assert_eq!(world.end_of(id).unwrap().payload, "here");
    assert_eq!(world.held_by(server).peers, 2);
    world.assert_forgets_all();
}

// proves: OBSV-10
#[test]
fn an_observer_that_has_moved_is_given_up_and_comes_back() {
    let observers = Rc::new(RefCell::new(Vec::new()));
    let config = EndpointConfig::default();
    let server = Host::new(1, config.clone()).serving(watched("value", &observers));
    let mut world = World::new("rebinding-observer", 1, server, Host::new(2, config));
    let (server, device) = (world.server, world.device);
    let target = format!("coap://{SERVER}");
    let peer = world.act(device, |host, _| host.connect(&target, Credentials::None));
    world.run_for(millis(1));
    let id = world.act(device, |host, now| host.ask(now, peer, observe("x")));
    world.end_of(id).unwrap();
    let observation = world.host(device).observation(id).unwrap();
    world.rebind(device);
    let observer = observers.borrow()[0];
    assert!(world.act(server, |host, now| host.tell(now, observer, "lost")));
    world.run_for(seconds(100));
    assert!(observers.borrow().is_empty(), "given up");
    // The device has heard nothing for longer than Max-Age, and asks again: from where it is now.
    let now = world.now();
    assert!(!world.host(device).endpoint.is_fresh(now, observation));
    world.act(device, |host, now| host.refresh(now, observation));
    world.run_for(seconds(1));
    let observer = observers.borrow()[0];
    assert!(world.act(server, |host, now| host.tell(now, observer, "found")));
    world.run_for(seconds(1));
    assert_eq!(world.host(device).shown().unwrap(), "found");
}
