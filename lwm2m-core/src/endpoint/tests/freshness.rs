//! Observations: how long a representation is fresh, and several of one resource.

use super::*;

fn aged(text: &str, max_age: Option<u32>) -> Response {
    let mut response = content(text);
    if let Some(seconds) = max_age {
        response.options.set_uint(option::MAX_AGE, seconds);
    }
    response
}

/// A observes B, which answers so.
fn begin(net: &mut Net, response: Response) -> (ObservationId, ObserverId) {
    net.request(observe("x"));
    let (exchange, _) = net.asked();
    let now = net.now;
    let observer = net.ends[B]
        .respond_observe(now, exchange, response)
        .unwrap();
    net.drain();
    match net.event(A) {
        Event::Response {
            observation: Some(observation),
            ..
        } => (observation, observer),
        other => panic!("{other:?}"),
    }
}

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn fresh_for_max_age() {
    for (max_age, seconds) in [
        (None, 60),
        (Some(0), 0),
        (Some(10), 10),
        (Some(u32::MAX), u32::MAX),
    ] {
        let mut net = Net::new(1);
        let (observation, observer) = begin(&mut net, aged("0", max_age));
        let fresh = |net: &Net, after| net.ends[A].is_fresh(net.now + after, observation);
        let seconds = u64::from(seconds);
        assert!(seconds == 0 || fresh(&net, at(seconds - 1)));
        assert!(!fresh(&net, at(seconds)));
        // Each notification counts anew, and so does a renewal.
        net.run(at(100));
        let now = net.now;
        net.ends[B]
            .notify(now, observer, aged("1", Some(30)), false)
            .unwrap();
        net.event(A);
        assert!(fresh(&net, at(29)) && !fresh(&net, at(30)));
        net.run(at(100));
        let now = net.now;
        net.ends[A].refresh_observation(now, observation).unwrap();
        let (exchange, _) = net.asked();
        let now = net.now;
        net.ends[B]
            .respond_observe(now, exchange, aged("1", Some(20)))
            .unwrap();
        net.event(A);
        assert!(fresh(&net, at(19)) && !fresh(&net, at(20)));
        net.ends[A].forget_observation(observation);
        assert!(!net.ends[A].is_fresh(net.now, observation));
    }
}

#[test]
fn several_observations_of_one_resource() {
    let mut net = Net::new(2);
    let pairs: Vec<_> = (0..4).map(|_| begin(&mut net, aged("0", None))).collect();
    for (number, (observation, observer)) in pairs.iter().enumerate() {
        let now = net.now;
        net.ends[B]
            .notify(
                now,
                *observer,
                content(&number.to_string()),
                number % 2 == 0,
            )
            .unwrap();
        match net.event(A) {
            Event::Notification {
                observation: of,
                response,
                ..
            } => {
                assert_eq!(of, *observation);
                assert_eq!(response.payload, number.to_string());
            }
            other => panic!("{other:?}"),
        }
    }
    net.run(at(1));
    net.events[B].clear();
    // The end of one is not the end of the others.
    let now = net.now;
    net.ends[A].cancel_observation(now, pairs[1].0).unwrap();
    let (exchange, _) = net.asked();
    net.respond(exchange, content("9"));
    match net.event(B) {
        Event::ObserverGone { observer, reason } => {
            assert_eq!((observer, reason), (pairs[1].1, ObserverGone::Cancelled));
        }
        other => panic!("{other:?}"),
    }
    net.answer();
    for (number, (_, observer)) in pairs.iter().enumerate() {
        let now = net.now;
        let told = net.ends[B].notify(now, *observer, content("5"), false);
        assert_eq!(told.is_ok(), number != 1);
    }
    net.run(at(1));
    assert_eq!(net.events[A].len(), 3);
}
