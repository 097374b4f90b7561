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

// proves: OBSV-25
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

/// B notifies A of a body whose later blocks are answered so; gives back what A is told of it.
fn fetched_in_vain(last: bool, later: Code) -> Option<Event> {
    let mut net = Net::new(3);
    let (observation, _) = begin(&mut net, aged("0", None));
    let (now, peer) = (net.now, Net::peer(B));
    let token = net.sent[0].1.token;
    let mut first = Message::new(MessageKind::NonConfirmable, Code::CONTENT, 900, token);
    if !last {
        first.options.set_uint(option::OBSERVE, 9);
    }
    // Block 0 of 64 bytes, more follow.
    first.options.set_uint(option::BLOCK2, 0x0A);
    first.payload = body(64);
    net.ends[A].handle_datagram(now, peer, &first.encode().unwrap());
    while let Some(sent) = net.ends[A].poll_transmit() {
        let asked = Message::parse(&sent.data).unwrap();
        let kind = MessageKind::Acknowledgement;
        let answer = Message::new(kind, later, asked.id, asked.token);
        net.ends[A].handle_datagram(now, peer, &answer.encode().unwrap());
    }
    assert_eq!(net.ends[A].observations.contains_key(&observation.0), !last);
    net.ends[A].poll_event()
}

#[test]
fn a_notification_whose_rest_cannot_be_fetched() {
    // A newer one will come.
    for code in [
        Code::BAD_REQUEST,
        Code::NOT_FOUND,
        Code::REQUEST_ENTITY_INCOMPLETE,
    ] {
        assert_eq!(fetched_in_vain(false, code), None);
        // None will.
        match fetched_in_vain(true, code) {
            Some(Event::Notification { response, last, .. }) => {
                assert_eq!((response.code, last), (code, true));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn an_observation_whose_first_representation_cannot_be_fetched() {
    let mut net = Net::new(4);
    net.request(observe("x"));
    let (exchange, _) = net.asked();
    let now = net.now;
    let large = Response::new(Code::CONTENT).body(42, body(3000));
    net.ends[B].respond_observe(now, exchange, large).unwrap();
    // The server forgets the body, and the resource is gone.
    let (peer, key) = *net.ends[B].bodies.keys().next().unwrap();
    net.ends[B].drop_body(peer, key);
    let told = loop {
        match net.either() {
            (B, Event::Request { exchange, .. }) => {
                net.respond(exchange, Response::new(Code::NOT_FOUND));
            }
            (_, event) => break event,
        }
    };
    match told {
        Event::Response {
            response,
            observation,
            ..
        } => assert_eq!((response.code, observation), (Code::NOT_FOUND, None)),
        other => panic!("{other:?}"),
    }
    assert!(net.ends[A].observations.is_empty());
}

#[test]
fn a_renewal_ends_the_fetch_of_what_came_before() {
    let config = |max_served| EndpointConfig {
        block_size: BlockSize::at_most(64),
        max_served,
        ..plain_config()
    };
    // The server keeps no bodies, so that the rest of a notification is asked for from the layer above.
    let mut net = Net::with(5, config(0), config(0));
    let (observation, observer) = begin(&mut net, aged("0", None));
    let (now, older) = (net.now, Response::new(Code::CONTENT).body(42, body(100)));
    net.ends[B]
        .notify(now, observer, older.clone(), false)
        .unwrap();
    let (fetch, _) = net.asked();
    // It is acknowledged, and takes its time.
    net.run(at(1));
    let now = net.now;
    net.ends[A].refresh_observation(now, observation).unwrap();
    let (renewal, _) = net.asked();
    let now = net.now;
    net.ends[B]
        .respond_observe(now, renewal, content("newer"))
        .unwrap();
    assert_eq!(net.answer().1.payload, "newer");
    net.respond(fetch, older);
    net.run(at(100));
    net.no_event(A);
    assert_eq!(net.ends[A].requests.len(), 0);
    net.ends[A].forget_observation(observation);
}

#[test]
fn an_end_that_cannot_be_read_is_told() {
    let mut net = Net::new(6);
    begin(&mut net, aged("0", None));
    let (now, token) = (net.now, net.sent[0].1.token);
    let mut end = Message::new(MessageKind::NonConfirmable, Code::CONTENT, 900, token);
    // Block 5, of which nobody knows the others.
    end.options.set_uint(option::BLOCK2, 0x5A);
    end.payload = body(64);
    net.ends[A].handle_datagram(now, Net::peer(B), &end.encode().unwrap());
    match net.event(A) {
        Event::Notification { response, last, .. } => {
            assert_eq!(
                (response.code, last),
                (Code::REQUEST_ENTITY_INCOMPLETE, true)
            );
        }
        other => panic!("{other:?}"),
    }
    assert!(net.ends[A].observations.is_empty());
}
