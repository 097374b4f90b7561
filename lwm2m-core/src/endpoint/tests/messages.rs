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
