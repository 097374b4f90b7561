//! Bounds over all peers: each refuses, is counted, and has room again.

use super::*;

fn at(peer: u8) -> PeerId {
    PeerId::from_address(0, ([192, 0, 2, peer], 5683).into())
}

#[test]
fn timings_of_single_peers_are_bounded() {
    let config = EndpointConfig {
        max_peer_timings: 2,
        ..plain_config()
    };
    let mut endpoint = Endpoint::new(config, rng(1));
    for peer in [1, 2] {
        assert_eq!(endpoint.set_peer_timing(at(peer), Timing::NB_IOT), Ok(()));
    }
    let refused = Err(EndpointError::TooManyTimings);
    assert_eq!(endpoint.set_peer_timing(at(3), Timing::NB_IOT), refused);
    assert_eq!(endpoint.metrics().refused_timings, 1);
    assert_eq!(endpoint.timing(at(3)), Timing::RFC7252);
    // Who has some may have others, and whoever gives them back makes room.
    assert_eq!(endpoint.set_peer_timing(at(2), Timing::RFC7252), Ok(()));
    endpoint.clear_peer_timing(at(1));
    assert_eq!(endpoint.set_peer_timing(at(3), Timing::NB_IOT), Ok(()));
    assert_eq!(endpoint.timing(at(1)), Timing::RFC7252);
}

/// Begins an observation at B.
fn begin(net: &mut Net, path: &str) -> Option<ObservationId> {
    net.request(observe(path));
    let (exchange, _) = net.asked();
    let now = net.now;
    net.ends[B]
        .respond_observe(now, exchange, content("0"))
        .unwrap();
    match net.event(A) {
        Event::Response { observation, .. } => observation,
        other => panic!("{other:?}"),
    }
}

#[test]
fn observations_of_ours_are_bounded() {
    for (per_peer, in_all) in [(2, 10), (10, 2)] {
        let config = EndpointConfig {
            max_observations_per_peer: per_peer,
            max_observations: in_all,
            ..plain_config()
        };
        let mut net = Net::with(2, config, plain_config());
        let first = begin(&mut net, "a").unwrap();
        begin(&mut net, "b").unwrap();
        let (now, options) = (net.now, RequestOptions::default());
        let refused = Err(EndpointError::TooManyObservations);
        let a = &mut net.ends[A];
        assert_eq!(
            a.request(now, Net::peer(B), observe("c"), options.clone()),
            refused
        );
        let elsewhere = a.request(now, at(77), observe("c"), options.clone());
        assert_eq!(elsewhere.is_ok(), per_peer == 2, "{elsewhere:?}");
        if let Ok(id) = elsewhere {
            a.cancel_request(id);
            while a.poll_transmit().is_some() {}
        }
        // Only what observes counts.
        let other = a.request(now, Net::peer(B), get("c"), options).unwrap();
        a.cancel_request(other);
        // The end of one makes room.
        a.forget_observation(first);
        net.run(Duration::from_secs(1));
        net.events[B].clear();
        begin(&mut net, "d").unwrap();
        assert!(net.ends[A].metrics().refused_observations >= 1);
    }
}

/// Two requests for the last place: who comes second gets its answer, but no observation, and its peer is told with the
/// next notification.
#[test]
fn the_last_place_for_an_observation_is_taken_while_another_asks() {
    let config = EndpointConfig {
        max_observations: 1,
        timing: Timing {
            nstart: 2,
            ..Timing::RFC7252
        },
        ..plain_config()
    };
    let mut net = Net::with(3, config, plain_config());
    for path in ["a", "b"] {
        net.request(observe(path));
    }
    let mut observers = Vec::new();
    let mut begun = 0;
    for _ in 0..2 {
        let (exchange, _) = net.asked();
        let now = net.now;
        observers.push(
            net.ends[B]
                .respond_observe(now, exchange, content("0"))
                .unwrap(),
        );
    }
    for _ in 0..2 {
        let Event::Response { observation, .. } = net.event(A) else {
            panic!()
        };
        begun += u32::from(observation.is_some());
    }
    assert_eq!((begun, net.ends[A].observations.len()), (1, 1));
    assert_eq!(net.ends[A].metrics().refused_observations, 1);
    for observer in observers {
        let now = net.now;
        net.ends[B]
            .notify(now, observer, content("1"), false)
            .unwrap();
    }
    net.run(Duration::from_secs(1));
    let gone = |event: &Event| {
        matches!(
            event,
            Event::ObserverGone {
                reason: ObserverGone::Reset,
                ..
            }
        )
    };
    assert_eq!(net.events[B].iter().filter(|event| gone(event)).count(), 1);
}

/// What the endpoint says to a request of a peer whose answer has a body of this length.
fn answered(
    endpoint: &mut Endpoint,
    now: Instant,
    peer: PeerId,
    code: Code,
    id: u16,
) -> Vec<Message> {
    let token = Token::new(&[7]).unwrap();
    let request = Message::new(MessageKind::Confirmable, code, id, token);
    endpoint.handle_datagram(now, peer, &request.encode().unwrap());
    if let Some(Event::Request { exchange, .. }) = endpoint.poll_event() {
        let response = Response::new(Code::CONTENT).body(42, body(100));
        endpoint.respond(now, exchange, response).unwrap();
    }
    core::iter::from_fn(|| endpoint.poll_transmit())
        .map(|sent| Message::parse(&sent.data).unwrap())
        .collect()
}

// proves: COAP-17
#[test]
fn answers_that_are_kept_are_bounded_over_all_peers() {
    // Each is 4 + 1 + 2 + 1 + 100 bytes long, and costs 72 more.
    let config = EndpointConfig {
        max_replayed: 444,
        ..plain_config()
    };
    let mut endpoint = Endpoint::new(config, rng(4));
    let now = Instant::from_micros(1);
    for peer in [1, 2] {
        let sent = answered(&mut endpoint, now, at(peer), Code::POST, 1);
        assert_eq!(sent[0].kind, MessageKind::Acknowledgement);
    }
    assert_eq!(endpoint.replayed, 360);
    // Let in, but its answer cannot be kept: it goes separately until it is acknowledged.
    let sent = answered(&mut endpoint, now, at(3), Code::POST, 1);
    let kinds: Vec<_> = sent
        .iter()
        .map(|message| (message.kind, message.code))
        .collect();
    let acknowledged = (MessageKind::Acknowledgement, Code::EMPTY);
    assert_eq!(
        kinds,
        [acknowledged, (MessageKind::Confirmable, Code::CONTENT)]
    );
    let again = answered(&mut endpoint, now, at(3), Code::POST, 1);
    assert_eq!(again, sent[..1], "executed once");
    // Nor is that of a safe one, which is answered all the same, each time from above.
    for _ in 0..2 {
        let sent = answered(&mut endpoint, now, at(4), Code::GET, 1);
        assert_eq!((sent.len(), sent[0].payload.len()), (1, 100));
    }
    assert_eq!(
        (endpoint.replayed, endpoint.metrics().unkept_answers),
        (360, 3)
    );
    // A full store lets none in that must not be executed twice, and is as good as it was for the others.
    answered(&mut endpoint, now, at(5), Code::DELETE, 1);
    endpoint.config.max_replayed = 360;
    let sent = answered(&mut endpoint, now, at(6), Code::PUT, 1);
    assert_eq!(sent[0].code, Code::SERVICE_UNAVAILABLE);
    assert_eq!(endpoint.metrics().refused_replays, 1);
    let sent = answered(&mut endpoint, now, at(1), Code::POST, 1);
    assert_eq!((sent[0].code, sent[0].payload.len()), (Code::CONTENT, 100));
    // Who has an older answer there gives its place to a new one, and the older request is not executed again.
    let sent = answered(&mut endpoint, now, at(1), Code::POST, 2);
    assert_eq!(sent[0].kind, MessageKind::Acknowledgement);
    assert_eq!((sent[0].code, sent[0].id), (Code::CONTENT, 2));
    assert_eq!(answered(&mut endpoint, now, at(1), Code::POST, 1), []);
    let again = answered(&mut endpoint, now, at(1), Code::POST, 2);
    assert_eq!(again, sent);
    assert_eq!(endpoint.metrics().refused_replays, 1);
    assert_eq!(endpoint.replayed, 360);
    // When what is kept has been forgotten, there is room again.
    let mut later = now;
    while let Some(next) = endpoint.poll_timeout() {
        later = next;
        endpoint.handle_timeout(next);
    }
    assert_eq!(endpoint.replayed, 0);
    let sent = answered(&mut endpoint, later, at(6), Code::PUT, 2);
    assert_eq!(sent[0].code, Code::CONTENT);
}

/// Asks for block 0 of a body of 17 bytes in blocks of 16; the request says which of its kind it is.
fn ask_for_a_small_body(endpoint: &mut Endpoint, now: Instant, peer: PeerId, which: u16) {
    // What is asked for again comes under another message id.
    let id = endpoint.metrics().received as u16;
    let mut request = Message::new(MessageKind::Confirmable, Code::GET, id, Token::EMPTY);
    request
        .options
        .push(option::URI_QUERY, &which.to_be_bytes());
    request.options.set_uint(option::BLOCK2, 0);
    endpoint.handle_datagram(now, peer, &request.encode().unwrap());
    let Some(Event::Request { exchange, .. }) = endpoint.poll_event() else {
        panic!("no request");
    };
    let response = Response::new(Code::CONTENT).body(42, body(17));
    endpoint.respond(now, exchange, response).unwrap();
    while endpoint.poll_transmit().is_some() {}
}

/// Whether the second block of such a body comes from what is kept.
fn is_kept(endpoint: &mut Endpoint, now: Instant, peer: PeerId, which: u16) -> bool {
    let id = endpoint.metrics().received as u16;
    let mut request = Message::new(MessageKind::NonConfirmable, Code::GET, id, Token::EMPTY);
    request
        .options
        .push(option::URI_QUERY, &which.to_be_bytes());
    request.options.set_uint(option::BLOCK2, 1 << 4);
    endpoint.handle_datagram(now, peer, &request.encode().unwrap());
    while endpoint.poll_transmit().is_some() {}
    endpoint.poll_event().is_none()
}

// proves: BLK-23
#[test]
fn bodies_that_are_kept_are_bounded_in_number() {
    let config = EndpointConfig {
        max_bodies_per_peer: 3,
        max_bodies: 5,
        max_exchanges_per_peer: 100,
        ..plain_config()
    };
    let mut endpoint = Endpoint::new(config, rng(5));
    let mut now = Instant::from_micros(1);
    for which in 0..1000 {
        ask_for_a_small_body(&mut endpoint, now, at(1), which);
        assert!(endpoint.bodies.len() <= 3);
    }
    // The oldest have gone, and cost nothing.
    assert_eq!(endpoint.metrics().uncached_bodies, 0);
    assert!(endpoint.served <= 3 * (served::BODY_OVERHEAD + 100));
    for (which, kept) in [
        (0, false),
        (996, false),
        (997, true),
        (998, true),
        (999, true),
    ] {
        assert_eq!(is_kept(&mut endpoint, now, at(1), which), kept, "{which}");
    }
    // One that comes anew takes its own place, and is the youngest then.
    for which in [997, 1000, 1001] {
        ask_for_a_small_body(&mut endpoint, now, at(1), which);
    }
    for (which, kept) in [(997, true), (999, false)] {
        assert_eq!(is_kept(&mut endpoint, now, at(1), which), kept, "{which}");
    }
    // Nobody else's goes for them.
    for which in 0..4 {
        ask_for_a_small_body(&mut endpoint, now, at(2), which);
    }
    assert_eq!(endpoint.bodies.len(), 5);
    assert_eq!(endpoint.metrics().uncached_bodies, 2);
    for peer in [1, 2] {
        assert!(endpoint.peers[&at(peer)].bodies.len() <= 3);
    }
    while let Some(next) = endpoint.poll_timeout() {
        now = next;
        endpoint.handle_timeout(now);
    }
    assert_eq!((endpoint.served, endpoint.peer_count()), (0, 0));
    endpoint.config.max_bodies_per_peer = 0;
    ask_for_a_small_body(&mut endpoint, now, at(1), 1);
    assert!(endpoint.bodies.is_empty());
}

#[test]
fn the_figure_of_bodies() {
    use core::mem::size_of;
    // A table is at least as full as 7 of 16, and each place has a byte besides.
    let in_tables = (size_of::<((PeerId, u64), Body)>() + 1) * 16 / 7;
    // A list of timers is at least half full, and so is a leaf of a tree.
    let timer = 2 * (40 + size_of::<Timer>());
    let leaf = 11 * 2 * size_of::<u64>() + 16;
    // Content-Format, Max-Age, an ETag of ours and one more, each with a value in a block of its own.
    let options = 4 * (size_of::<(OptionNumber, Bytes)>() + 32);
    let sum = in_tables + timer + leaf + options;
    assert!(sum <= served::BODY_OVERHEAD, "{sum}");
}

#[test]
fn the_figures_of_timings_and_observations() {
    use core::mem::size_of;
    // A table is at least as full as 7 of 16, and each place has a byte besides.
    let in_table = |bytes: usize| (bytes + 1) * 16 / 7;
    let timing = in_table(size_of::<(PeerId, Timing)>());
    assert!(timing <= 250, "{timing}");
    let observation = in_table(size_of::<(u64, Observation)>());
    let token = in_table(size_of::<((PeerId, Token), TokenOwner)>());
    let sum = observation + token + 16;
    assert!(sum <= 700, "{observation} + {token}");
}
