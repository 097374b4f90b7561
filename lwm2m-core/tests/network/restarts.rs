//! Hosts that lose their power in the middle of an exchange, with and without their memory.

use crate::{
    host::{Host, content, watched},
    world::{World, get, millis, observe, post, seconds},
};
use lwm2m_core::{
    endpoint::{EndpointConfig, Event, Failure},
    engine::Engine,
};
use std::{cell::RefCell, rc::Rc};

/// A request is executed, its answer is lost, and the server restarts, with what it knew or without.
fn restarted_before_the_repetition(keeps_memory: bool) -> (World, usize) {
    let name = format!("restart-server-{keeps_memory}");
    let mut world = World::plain(&name, 1);
    let server = world.server;
    let id = world.ask(post("x"));
    world.until_asked(1);
    world.lose_from_server(true);
    let exchange = world.host(server).asked()[0];
    world.act(server, |host, now| {
        host.answer(now, exchange, content("done"))
    });
    world.run_for(seconds(1));
    world.lose_from_server(false);
    let blank = Host::new(77, EndpointConfig::default());
    let mut before = world.restart(server, blank);
    let now = world.now();
    before.handle_timeout(now);
    let executed = match keeps_memory {
        true => {
            world.restart(server, before);
            0
        }
        false => before.asked().len(),
    };
    if !keeps_memory {
        world.until_asked(1);
        let again = world.host(server).asked()[0];
        world.act(server, |host, now| host.answer(now, again, content("done")));
    }
    assert_eq!(world.end_of(id).unwrap().payload, "done");
    let executed = executed + world.host(server).asked().len();
    (world, executed)
}

// proves: COAP-17
#[test]
fn a_server_executes_twice_only_what_it_has_forgotten() {
    for (keeps_memory, times) in [(true, 1), (false, 2)] {
        let (mut world, executed) = restarted_before_the_repetition(keeps_memory);
        assert_eq!(executed, times);
        world.assert_forgets_all();
    }
}

#[test]
fn a_server_that_is_gone_before_it_answers() {
    let mut world = World::plain("restart-unanswered", 2);
    let server = world.server;
    let id = world.ask(post("x"));
    world.until_asked(1);
    // The request is acknowledged; who restarts knows nothing of it.
    world.run_for(seconds(1));
    world.restart(server, Host::new(77, EndpointConfig::default()));
    assert_eq!(world.end_of(id), Err(Failure::Timeout));
    world.assert_forgets_all();
}

#[test]
fn a_device_that_has_forgotten_what_it_asked() {
    let mut world = World::plain("restart-device", 3);
    let (server, device) = (world.server, world.device);
    world.ask(post("x"));
    world.until_asked(1);
    world.run_for(seconds(1));
    world.restart(device, Host::new(78, EndpointConfig::default()));
    // The response finds nobody who asked: it is reset, and repeated no more.
    let exchange = world.host(server).asked()[0];
    world.act(server, |host, now| {
        host.answer(now, exchange, content("who?"))
    });
    world.run_for(seconds(1));
    assert!(world.host(device).heard.is_empty());
    assert_eq!(world.held_by(server).transmissions, 0);
    let id = world.ask(get("y"));
    world.until_asked(2);
    let exchange = world.host(server).asked()[1];
    world.act(server, |host, now| {
        host.answer(now, exchange, content("fine"))
    });
    assert_eq!(world.end_of(id).unwrap().payload, "fine");
    world.assert_forgets_all();
}

#[test]
fn a_device_that_comes_back_with_its_memory() {
    let mut world = World::plain("restart-asleep", 4);
    let (server, device) = (world.server, world.device);
    let id = world.ask(post("x"));
    world.until_asked(1);
    world.run_for(seconds(1));
    // It sleeps while the response is sent, and hears a repetition.
    let asleep = world.restart(device, Host::new(79, EndpointConfig::default()));
    world.power_off(device);
    let exchange = world.host(server).asked()[0];
    world.act(server, |host, now| {
        host.answer(now, exchange, content("later"))
    });
    world.run_for(millis(1500));
    world.restart(device, asleep);
    assert_eq!(world.end_of(id).unwrap().payload, "later");
    assert_eq!(world.host(server).asked().len(), 1);
    world.assert_forgets_all();
}

// proves: OBSV-10, OBSV-16
#[test]
fn observations_over_restarts() {
    let observers = Rc::new(RefCell::new(Vec::new()));
    let config = EndpointConfig::default();
    let server = Host::new(1, config.clone()).serving(watched("before", &observers));
    let device = Host::new(2, config.clone());
    let mut world = World::new("restart-observed", 5, server, device);
    let (server, device) = (world.server, world.device);
    let id = world.ask(observe("x"));
    world.end_of(id).unwrap();
    let observation = world.host(device).observation(id).unwrap();

    // The server forgets its observers; the device notices by Max-Age, and renews.
    observers.borrow_mut().clear();
    let blank = Host::new(3, config.clone()).serving(watched("after", &observers));
    world.restart(server, blank);
    world.run_for(seconds(61));
    let now = world.now();
    assert!(!world.host(device).endpoint.is_fresh(now, observation));
    let renewal = world.act(device, |host, now| host.refresh(now, observation));
    assert_eq!(world.end_of(renewal).unwrap().payload, "after");
    assert_eq!(world.host(device).observation(renewal), Some(observation));
    let observer = observers.borrow()[0];
    assert!(world.act(server, |host, now| host.tell(now, observer, "news")));
    world.run_for(seconds(1));
    assert_eq!(world.host(device).shown().unwrap(), "news");

    // The device forgets what it observes; the next notification is reset, and that was the last.
    world.restart(device, Host::new(4, config));
    assert!(world.act(server, |host, now| host.tell(now, observer, "nobody")));
    world.run_for(seconds(1));
    assert!(!world.act(server, |host, now| host.tell(now, observer, "gone")));
    let told = &world.host(device).heard;
    assert!(
        !told
            .iter()
            .any(|event| matches!(event, Event::Notification { .. }))
    );
    world.assert_forgets_all();
}
