//! Single messages: tokens, methods, resets and lengths of time.

use super::{
    basics::{message, tell},
    *,
};

// proves: COAP-30
#[test]
fn tokens_are_random_and_of_the_length_that_is_set() {
    let mut seen = std::collections::HashSet::new();
    for (seed, length, expected) in [(1, 8, 8), (2, 4, 4), (3, 0, 4), (4, 20, 8), (5, 8, 8)] {
        let a = EndpointConfig {
            token_length: length,
            ..plain_config()
        };
        let mut net = Net::with(seed, a, plain_config());
        for _ in 0..20 {
            net.request(get("x"));
            let (exchange, _) = net.asked();
            net.respond(exchange, content("1"));
            net.answer();
        }
        for (_, message) in net.sent.iter().filter(|(by, _)| *by == A) {
            assert_eq!(message.token.as_bytes().len(), expected);
            assert!(seen.insert(message.token), "none comes twice");
        }
    }
    // No bit stands still.
    let ones = seen.iter().filter(|token| token.as_bytes().len() == 8);
    let ones = ones.fold([0u32; 64], |mut ones, token| {
        let bits = u64::from_be_bytes(token.as_bytes().try_into().unwrap());
        (0..64).for_each(|bit| ones[bit] += (bits >> bit & 1) as u32);
        ones
    });
    assert!(
        ones.iter().all(|count| (10..50).contains(count)),
        "{ones:?}"
    );
}

/// RFC 7252, section 5.4.3: an elective option of a forbidden length is as good as none.
// proves: COAP-36
#[test]
fn elective_options_of_forbidden_length_are_ignored() {
    let mut net = Net::new(38);
    // GET /3/0/9 with an Observe option of four bytes.
    let datagram = b"\x40\x01\x00\x01\x64\x00\x00\x00\x00\x513\x010\x019";
    let message = Message::parse(datagram).unwrap();
    assert_eq!(
        message.options.all(option::OBSERVE).next(),
        Some(&[0; 4][..])
    );
    tell(&mut net, &message);
    let (exchange, request) = net.asked();
    assert_eq!(request.options.uint(option::OBSERVE), None);
    assert!(!request.options.contains(option::OBSERVE));
    let refused = net.ends[B].respond_observe(net.now, exchange, content("1"));
    assert!(refused.is_err(), "there is nobody to notify");
    net.drain();
    let answer = net.sent.iter().find(|(_, sent)| sent.code == Code::CONTENT);
    assert!(!answer.unwrap().1.options.contains(option::OBSERVE));

    // A challenge whose Echo value is too long cannot be answered with it: the response is what it is.
    for (length, again) in [(40, true), (41, false)] {
        let mut net = Net::new(39);
        let id = net.request(get("x"));
        let (exchange, _) = net.asked();
        let mut challenge = Response::new(Code::UNAUTHORIZED);
        challenge.options.push(option::ECHO, &vec![7; length]);
        net.respond(exchange, challenge.clone());
        match again {
            true => {
                let (_, request) = net.asked();
                assert_eq!(request.options.first(option::ECHO), Some(&[7; 40][..]));
            }
            false => assert_eq!(net.answer(), (id, challenge)),
        }
    }
}

/// RFC 8132: bodies and codes of FETCH, PATCH and iPATCH go both ways; those that change are executed once.
// proves: METH-08
#[test]
fn fetch_patch_and_ipatch() {
    for (method, code) in [
        (Code::FETCH, Code::CONTENT),
        (Code::FETCH, Code::UNSUPPORTED_CONTENT_FORMAT),
        (Code::PATCH, Code::CHANGED),
        (Code::PATCH, Code::CREATED),
        (Code::PATCH, Code::CONFLICT),
        (Code::IPATCH, Code::UNPROCESSABLE_ENTITY),
        (Code::IPATCH, Code::PRECONDITION_FAILED),
    ] {
        let mut net = Net::new(31);
        let request = Request::new(method)
            .path_segment("x")
            .body(112, Bytes::from_static(b"\x80"));
        let id = net.request(request.clone());
        let (exchange, asked) = net.asked();
        assert_eq!(asked, request);
        // Comes again before and after it is answered.
        let again = net.sent[0].1.clone();
        assert_eq!(tell(&mut net, &again), None);
        let response = Response::new(code).diagnostic("why");
        net.respond(exchange, response.clone());
        let first = net.sent.last().unwrap().1.clone();
        assert_eq!(tell(&mut net, &again), Some(first));
        net.no_event(B);
        assert_eq!(net.answer(), (id, response));
        net.assert_forgets_all();
    }
}

#[test]
fn resets_both_ways() {
    for confirmable in [true, false] {
        // Of a request of ours, at once and late.
        for acknowledged in [false, true] {
            let mut net = Net::new(32);
            let mut request = get("x");
            request.confirmable = confirmable;
            net.request(request);
            let sent = net.sent[0].1.id;
            let (now, peer) = (net.now, Net::peer(B));
            let mut tell_a = |kind| {
                let data = Message::empty(kind, sent).encode().unwrap();
                net.ends[A].handle_datagram(now, peer, &data);
            };
            if acknowledged {
                tell_a(MessageKind::Acknowledgement);
            }
            tell_a(MessageKind::Reset);
            let failed = matches!(
                net.ends[A].poll_event(),
                Some(Event::RequestFailed {
                    failure: Failure::Reset,
                    ..
                })
            );
            // An acknowledged message is settled; its message id means nothing more.
            assert_eq!(failed, !(acknowledged && confirmable));
        }
    }
    // Of a separate response: nobody waits for it any more, and it is not repeated.
    let mut net = Net::new(33);
    let request = message(MessageKind::Confirmable, Code::POST, 5);
    assert_eq!(tell(&mut net, &request), None);
    let (exchange, _) = net.asked();
    net.run(Duration::from_secs(1));
    net.sent.clear();
    net.ends[B]
        .respond(net.now, exchange, content("late"))
        .unwrap();
    let separate = Message::parse(&net.ends[B].poll_transmit().unwrap().data).unwrap();
    assert_eq!(separate.kind, MessageKind::Confirmable);
    let reset = Message::empty(MessageKind::Reset, separate.id);
    assert_eq!(tell(&mut net, &reset), None);
    net.run(Duration::from_secs(100));
    assert!(net.sent.is_empty());
    assert_eq!(net.ends[B].metrics().resets, 1);
    net.assert_forgets_all();
}

// proves: COAP-23
#[test]
fn a_narrow_band_network_has_its_own_times() {
    let config = EndpointConfig {
        timing: Timing::NB_IOT,
        ..plain_config()
    };
    let mut net = Net::with(34, config.clone(), config);
    net.lose = Box::new(|_, _| true);
    let start = net.now;
    net.request(get("x"));
    assert!(matches!(net.event(A), Event::RequestFailed { .. }));
    let sent: Vec<_> = net.sent.iter().map(|(_, message)| message.id).collect();
    assert_eq!(sent.len(), 4);
    let given_up = net.now.since(start).as_secs();
    assert!((150..=226).contains(&given_up), "{given_up}");
}

#[test]
fn echo_in_another_response_goes_with_the_next_request() {
    let mut net = Net::new(35);
    net.request(get("x"));
    let (exchange, _) = net.asked();
    let mut response = content("1");
    response.options.push(option::ECHO, b"fresh");
    net.respond(exchange, response);
    assert_eq!(
        net.answer().1,
        content("1"),
        "no business of the layer above"
    );
    for expected in [Some(&b"fresh"[..]), None] {
        net.request(get("x"));
        let (exchange, request) = net.asked();
        assert_eq!(request.options.first(option::ECHO), expected);
        net.respond(exchange, content("2"));
        net.answer();
    }
}

/// Takes message ids at B until the next is this one, as slowly as they are given out.
fn advance_to(net: &mut Net, id: u16) {
    let lifetime = Timing::RFC7252.exchange_lifetime();
    let end = &mut net.ends[B];
    loop {
        match end.message_id(Net::peer(A)) {
            Some(taken) if taken == id.wrapping_sub(1) => return,
            Some(_) => {}
            None => {
                net.now += lifetime;
                end.handle_timeout(net.now);
            }
        }
    }
}

/// B has sent a non-confirmable notification long ago; its message id is that of a request now.
fn notified_long_ago() -> (Net, ObserverId, u16) {
    let mut net = Net::new(36);
    net.request(observe("x"));
    let (exchange, _) = net.asked();
    let now = net.now;
    let observer = net.ends[B].respond_observe(now, exchange, content("0"));
    let observer = observer.unwrap();
    net.answer();
    net.ends[B]
        .notify(now, observer, content("1"), false)
        .unwrap();
    net.run(Duration::from_secs(1));
    let id = net.sent.last().unwrap().1.id;
    net.events[A].clear();
    advance_to(&mut net, id);
    net.run(Duration::from_secs(1));
    net.sent.clear();
    (net, observer, id)
}

// proves: COAP-15
#[test]
fn a_message_id_that_has_become_anothers_is_not_ended_with_the_first() {
    for removed in [true, false] {
        let (mut net, observer, id) = notified_long_ago();
        net.lose = Box::new(|by, message| by == B && message.code == Code::GET);
        let (now, options) = (net.now, RequestOptions::default());
        let end = &mut net.ends[B];
        let request = end.request(now, Net::peer(A), get("y"), options).unwrap();
        net.drain();
        assert_eq!(net.sent[0].1.id, id, "used again");
        match removed {
            true => net.ends[B].remove_observer(observer),
            false => drop(net.ends[B].notify(now, observer, content("2"), false)),
        }
        // It is repeated all the same, and ends.
        match net.event(B) {
            Event::RequestFailed {
                request: failed,
                failure,
                ..
            } => assert_eq!((failed, failure), (request, Failure::Timeout)),
            other => panic!("{other:?}"),
        }
        let repeated = net.sent.iter().filter(|(_, message)| message.id == id);
        assert_eq!(repeated.count(), 5);
        assert!(net.ends[B].requests.is_empty());
    }
}

// proves: COAP-15
#[test]
fn a_reset_of_a_notification_means_nothing_after_the_exchange_lifetime() {
    let (mut net, _, id) = notified_long_ago();
    let (now, reset) = (net.now, Message::empty(MessageKind::Reset, id));
    let unmatched = net.ends[B].metrics().unmatched_acknowledgements;
    net.ends[B].handle_datagram(now, Net::peer(A), &reset.encode().unwrap());
    net.no_event(B);
    let metrics = net.ends[B].metrics();
    assert_eq!(metrics.unmatched_acknowledgements, unmatched + 1);
}

// proves: COAP-15
#[test]
fn what_is_under_way_for_long_keeps_its_message_id() {
    let mut net = Net::new(37);
    let (now, options) = (net.now, RequestOptions::default());
    // Nothing is heard of the peer, and its back-off is longer than the lifetime of an exchange.
    let mut timing = Timing::RFC7252;
    timing.nstart = 2;
    net.ends[B].set_peer_timing(Net::peer(A), timing).unwrap();
    net.lose = Box::new(|_, _| true);
    let end = &mut net.ends[B];
    end.request(now, Net::peer(A), get("x"), options.clone())
        .unwrap();
    net.drain();
    let id = net.sent[0].1.id;
    // Ids come round while it is repeated where its peer has got a shorter lifetime meanwhile.
    timing.max_latency = Duration::ZERO;
    timing.max_retransmit = 0;
    timing.ack_timeout = Duration::from_micros(1);
    let end = &mut net.ends[B];
    end.set_peer_timing(Net::peer(A), timing).unwrap();
    let before = id.wrapping_sub(1);
    while end.message_id(Net::peer(A)) != Some(before) {
        net.now += Duration::from_micros(10);
        end.handle_timeout(net.now);
    }
    assert_eq!(end.message_id(Net::peer(A)), Some(id.wrapping_add(1)));
}

/// Uses the message ids of B up, as far as there are any.
fn use_up(net: &mut Net) {
    net.ends[B].handle_timeout(net.now);
    while net.ends[B].message_id(Net::peer(A)).is_some() {}
}

// proves: COAP-15
#[test]
fn answers_wait_where_all_message_ids_are_taken() {
    for confirmable in [true, false] {
        let patient = EndpointConfig {
            separate_response_timeout: Duration::from_secs(600),
            ..plain_config()
        };
        let mut net = Net::with(38, patient, plain_config());
        let mut request = Request::new(Code::POST).path_segment("x");
        request.confirmable = confirmable;
        net.request(request);
        let (exchange, _) = net.asked();
        // The acknowledgement leaves; the answer is to go in a message of its own.
        net.run(Duration::from_secs(1));
        use_up(&mut net);
        net.respond(exchange, content("late"));
        assert_eq!(net.ends[B].holdings().unnumbered, 1);
        let asked = net.sent[0].1.clone();
        net.sent.clear();
        // What comes again meanwhile is not executed again.
        let again = tell(&mut net, &asked);
        let acknowledged = Message::empty(MessageKind::Acknowledgement, asked.id);
        assert_eq!(again, confirmable.then_some(acknowledged));
        net.run(Duration::from_secs(60));
        net.no_event(A);
        net.no_event(B);
        assert_eq!(net.answer().1, content("late"));
        assert_eq!(net.ends[B].metrics().dropped_answers, 0);
        net.assert_forgets_all();
    }
}

#[test]
fn answers_that_wait_for_message_ids_are_bounded() {
    let config = EndpointConfig {
        max_exchanges_per_peer: 3,
        ..plain_config()
    };
    let mut net = Net::with(39, plain_config(), config);
    use_up(&mut net);
    for id in 0..8 {
        let request = message(MessageKind::NonConfirmable, Code::POST, id);
        assert_eq!(tell(&mut net, &request), None);
        net.drain();
        if let Some(Event::Request { exchange, .. }) = net.events[B].pop_front() {
            net.respond(exchange, content("1"));
        }
        assert!(net.ends[B].holdings().unnumbered <= 3);
    }
    // The first three were acted on; the others were refused, which none is told.
    let metrics = net.ends[B].metrics();
    assert_eq!((metrics.refused_exchanges, metrics.dropped_answers), (5, 5));
    net.sent.clear();
    net.run(Duration::from_secs(300));
    let codes: Vec<_> = net.sent.iter().map(|(_, sent)| sent.code).collect();
    assert_eq!(codes, [Code::CONTENT; 3]);
    net.assert_forgets_all();
    // A peer that is dropped takes its answers along.
    use_up(&mut net);
    let request = message(MessageKind::NonConfirmable, Code::POST, 9);
    assert_eq!(tell(&mut net, &request), None);
    let (exchange, _) = net.asked();
    net.respond(exchange, content("1"));
    assert_eq!(net.ends[B].holdings().unnumbered, 1);
    let now = net.now;
    net.ends[B].forget_peer(now, Net::peer(A));
    net.assert_forgets_all();
}
