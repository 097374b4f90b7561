//! Separate responses (RFC 7252, section 5.2.2), in every order of loss.

use crate::{
    host::content,
    world::{World, millis, post, seconds},
};
use lwm2m_transport::sim::{Link, Net};

/// A request that is acknowledged and answered later. The first of each message is lost where `lost` says so: the
/// request, its acknowledgement, the response, the acknowledgement of that. `overtaken`: the acknowledgement of the
/// request takes so long that the response, where both arrive, comes before it.
fn exchange(lost: [bool; 4], overtaken: bool) {
    let case = lost.map(|lost| if lost { 'x' } else { '-' });
    let name = format!("separate-{}-{overtaken}", String::from_iter(case));
    let mut world = World::plain(&name, 1);
    let (server, device) = (world.server, world.device);
    world.lose_from_device(lost[0]);
    let id = world.ask(post("slow"));
    world.lose_from_device(false);
    world.until_asked(1);
    if overtaken {
        let slow = Link::new()
            .delay(millis(400))
            .loss(f64::from(u8::from(lost[1])));
        world.set_one_way(server, device, slow);
    } else {
        world.lose_from_server(lost[1]);
    }
    // The acknowledgement leaves after 250 ms.
    world.run_for(millis(300));
    assert!(world.host(device).end_of(id).is_none());
    world.lose_from_server(lost[2]);
    let exchange = world.host(server).asked()[0];
    world.act(server, |host, now| {
        host.answer(now, exchange, content("at last"))
    });
    world.lose_from_server(false);
    world.lose_from_device(lost[3]);
    let ended = |net: &mut Net| net.host(device).end_of(id).is_some();
    assert!(world.run_until(ended, seconds(30)), "it is not answered");
    world.lose_from_device(false);
    assert_eq!(world.end_of(id).unwrap().payload, "at last");
    // Whatever is still repeated comes to its end, and nothing comes of it.
    world.run_for(seconds(100));
    assert_eq!(world.host(server).asked().len(), 1, "executed once");
    assert_eq!(world.host(device).heard.len(), 1);
    for host in [server, device] {
        let held = world.held_by(host);
        assert_eq!(
            (held.transmissions, held.requests, held.exchanges),
            (0, 0, 0)
        );
        let metrics = world.host(host).endpoint.metrics();
        assert_eq!(metrics.transmissions_given_up, 0, "{name}");
        assert_eq!(metrics.resets, 0, "{name}");
    }
    world.assert_forgets_all();
}

// proves: COAP-25
#[test]
fn every_order_of_loss() {
    for bits in 0..16 {
        for overtaken in [false, true] {
            exchange([1, 2, 4, 8].map(|bit| bits & bit != 0), overtaken);
        }
    }
}

#[test]
fn a_response_that_never_arrives() {
    let mut world = World::plain("separate-never", 2);
    let (server, device) = (world.server, world.device);
    let id = world.ask(post("slow"));
    world.until_asked(1);
    world.run_for(millis(300));
    world.partition(server, device);
    let exchange = world.host(server).asked()[0];
    world.act(server, |host, now| {
        host.answer(now, exchange, content("lost"))
    });
    assert!(world.end_of(id).is_err());
    assert_eq!(world.host(server).asked().len(), 1);
    world.heal(server, device);
    world.assert_forgets_all();
}
