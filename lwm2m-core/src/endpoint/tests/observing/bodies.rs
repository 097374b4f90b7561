//! Representations that go in blocks (RFC 7959, section 2.6).

use super::*;

// proves: BLK-18, METH-04, OBSV-23
#[test]
fn large_notifications() {
    for method in [Code::GET, Code::FETCH] {
        let mut net = Net::new(14);
        let mut request = observe("t");
        request.code = method;
        if method == Code::FETCH {
            request = request.body(112, Bytes::from_static(b"[]"));
        }
        net.request(request);
        let (exchange, _) = net.asked();
        let observer = net.ends[B]
            .respond_observe(net.now, exchange, large(3000))
            .unwrap();
        let Event::Response {
            observation: Some(observation),
            response,
            ..
        } = net.event(A)
        else {
            panic!()
        };
        assert_eq!(response.payload, body(3000));
        for (length, confirmable) in [(2500, false), (5000, true), (10, false)] {
            notify(&mut net, observer, large(length), confirmable);
            let (of, response, last) = notified(&mut net);
            assert_eq!((of, last), (observation, false));
            assert_eq!(response.payload, body(length));
        }
        // The later blocks were asked for without Observe, under tokens of their own.
        let asked: Vec<_> = net
            .sent
            .iter()
            .filter(|(by, message)| *by == A && message.code == method)
            .collect();
        assert_eq!(asked.len(), 1 + 2 + 2 + 4);
        assert!(
            asked[1..]
                .iter()
                .all(|(_, m)| !m.options.contains(option::OBSERVE))
        );
        net.events[B].clear();
    }
}

// proves: BLK-19
#[test]
fn newer_notification_takes_the_fetch_over() {
    let mut net = Net::new(15);
    let (observation, observer) = establish(&mut net, "t", content("0"));
    notify(&mut net, observer, large(3000), false);
    net.run(Duration::from_millis(60));
    notify(&mut net, observer, large(4000), false);
    let (of, response, _) = notified(&mut net);
    assert_eq!(of, observation);
    assert_eq!(response.payload, body(4000));
    net.run(Duration::from_secs(200));
    net.no_event(A);

    // A small one as well.
    notify(&mut net, observer, large(3000), false);
    net.run(Duration::from_millis(60));
    notify(&mut net, observer, content("1"), false);
    assert_eq!(notified(&mut net).1, content("1"));
    net.run(Duration::from_secs(200));
    net.no_event(A);
}

// proves: BLK-19
#[test]
fn notification_while_the_first_representation_is_fetched() {
    let mut net = Net::new(16);
    net.request(observe("t"));
    let (exchange, _) = net.asked();
    let observer = net.ends[B]
        .respond_observe(net.now, exchange, large(3000))
        .unwrap();
    net.run(Duration::from_millis(60));
    notify(&mut net, observer, content("newer"), false);
    match net.event(A) {
        Event::Response {
            observation: Some(_),
            response,
            ..
        } => assert_eq!(response, content("newer")),
        other => panic!("{other:?}"),
    }
    net.run(Duration::from_secs(200));
    net.no_event(A);
}

// proves: BLK-20, METH-05, OBSV-23
#[test]
fn observation_by_a_fetch_whose_body_comes_in_blocks() {
    let config = EndpointConfig {
        block_size: BlockSize::at_most(64),
        ..plain_config()
    };
    let mut net = Net::with(22, config.clone(), config);
    let request = Request::new(Code::FETCH)
        .uint_option(option::OBSERVE, 0)
        .body(112, body(150));
    let asked = |net: &mut Net| {
        assert!(matches!(net.event(B), Event::UploadStarted { .. }));
        let (exchange, request) = net.asked();
        assert_eq!(request.payload, body(150));
        (exchange, request.options.uint(option::OBSERVE))
    };
    net.request(request);
    let (exchange, observe) = asked(&mut net);
    assert_eq!(observe, Some(0));
    let observer = net.ends[B]
        .respond_observe(net.now, exchange, large(200))
        .unwrap();
    let observation = loop {
        match net.event(A) {
            Event::UploadProgress { .. } => {}
            Event::Response {
                observation: Some(observation),
                response,
                ..
            } if response.payload == body(200) => break observation,
            other => panic!("{other:?}"),
        }
    };
    notify(&mut net, observer, large(300), true);
    assert_eq!(notified(&mut net).1.payload, body(300));
    net.events[B].clear();
    net.ends[A]
        .cancel_observation(net.now, observation)
        .unwrap();
    let (exchange, observe) = asked(&mut net);
    assert_eq!(observe, Some(1));
    assert_eq!(
        net.event(B),
        Event::ObserverGone {
            observer,
            reason: ObserverGone::Cancelled
        }
    );
    net.respond(exchange, content("1"));
    net.run(Duration::from_secs(1));
    net.assert_forgets_all();
}

/// B notifies A of a body whose later blocks are answered so; gives back what A is told of it.
fn fetched_in_vain(last: bool, later: Code) -> Option<Event> {
    let mut net = Net::new(3);
    let (observation, _) = establish(&mut net, "x", content("0"));
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
    let large = large(3000);
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
fn an_end_that_cannot_be_read_is_told() {
    let mut net = Net::new(6);
    establish(&mut net, "x", content("0"));
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
