//! Exchanges without blocks: every order of loss.

use super::*;

// proves: COAP-24, COAP-29, GEN-07, QUE-12
#[test]
fn piggybacked() {
    let mut net = Net::new(1);
    let id = net.request(get("a"));
    let (exchange, request) = net.asked();
    assert_eq!(request, get("a"));
    net.respond(exchange, content("1"));
    assert_eq!(net.answer(), (id, content("1")));
    assert_eq!(net.sent.len(), 2);
    assert_eq!(net.sent[1].1.kind, MessageKind::Acknowledgement);
    assert_eq!(
        net.ends[B].respond(net.now, exchange, content("2")),
        Err(EndpointError::Gone)
    );
    net.assert_forgets_all();
}

// proves: COAP-10, COAP-25, GEN-07, QUE-12
#[test]
fn separate() {
    let mut net = Net::new(2);
    let id = net.request(get("a"));
    let (exchange, _) = net.asked();
    net.run(Duration::from_secs(60));
    net.respond(exchange, content("late"));
    assert_eq!(net.answer(), (id, content("late")));
    let kinds: Vec<_> = net
        .sent
        .iter()
        .map(|(by, m)| (*by, m.kind, m.code))
        .collect();
    use MessageKind::*;
    assert_eq!(
        kinds,
        [
            (A, Confirmable, Code::GET),
            (B, Acknowledgement, Code::EMPTY),
            (B, Confirmable, Code::CONTENT),
            (A, Acknowledgement, Code::EMPTY),
        ]
    );
    net.assert_forgets_all();
}

// proves: COAP-16
#[test]
fn lost_messages_in_every_place() {
    // Which messages are lost: the n-th of each end.
    for mask in 0..16u32 {
        for separate in [false, true] {
            let mut net = Net::new(3);
            let mut counts = [0u32; 2];
            net.lose = Box::new(move |by, _| {
                let n = counts[by];
                counts[by] += 1;
                n < 2 && mask >> (by as u32 * 2 + n) & 1 == 1
            });
            let id = net.request(Request::new(Code::POST).path_segment("count"));
            let (exchange, _) = net.asked();
            if separate {
                net.run(Duration::from_secs(1));
            }
            net.respond(exchange, content("1"));
            assert_eq!(net.answer(), (id, content("1")), "{mask:04b} {separate}");
            net.run(Duration::from_secs(100));
            net.no_event(A);
            net.no_event(B);
            net.assert_forgets_all();
        }
    }
}

// proves: COAP-09, COAP-26
#[test]
fn response_before_acknowledgement() {
    // The empty ACK is lost, the separate response arrives: it stops the retransmission.
    let mut net = Net::new(4);
    net.lose = Box::new(|by, message| by == B && message.code == Code::EMPTY);
    let id = net.request(get("a"));
    let (exchange, _) = net.asked();
    net.run(Duration::from_millis(500));
    net.respond(exchange, content("1"));
    assert_eq!(net.answer(), (id, content("1")));
    net.run(Duration::from_secs(100));
    assert_eq!(net.count(A, MessageKind::Confirmable), 1);
    assert_eq!(net.ends[A].metrics().retransmissions, 0);
}

// proves: COAP-27
#[test]
fn repeated_response_is_acknowledged_again() {
    let mut net = Net::new(5);
    let mut acknowledgements = 0;
    net.lose = Box::new(move |by, message| {
        let ack = by == A && message.kind == MessageKind::Acknowledgement;
        acknowledgements += u32::from(ack);
        ack && acknowledgements <= 2
    });
    net.request(get("a"));
    let (exchange, _) = net.asked();
    net.run(Duration::from_secs(1));
    net.respond(exchange, content("1"));
    net.answer();
    net.run(Duration::from_secs(100));
    assert_eq!(net.count(A, MessageKind::Acknowledgement), 3);
    assert_eq!(net.count(A, MessageKind::Reset), 0);
    assert_eq!(net.ends[B].metrics().transmissions_given_up, 0);
    net.no_event(A);
}

// proves: COAP-07, COAP-08, COAP-50
#[test]
fn backs_off_and_gives_up() {
    let mut net = Net::new(6);
    net.lose = Box::new(|_, _| true);
    let start = net.now;
    let id = net.request(get("a"));
    let event = net.event(A);
    assert_eq!(
        event,
        Event::RequestFailed {
            request: id,
            peer: Net::peer(B),
            failure: Failure::Timeout
        }
    );
    assert_eq!(net.sent.len(), 5);
    let waited = net.now.since(start);
    assert!(
        waited >= Duration::from_secs(62) && waited <= Duration::from_secs(94),
        "{waited:?}"
    );
    net.assert_forgets_all();
}

// proves: COAP-23
#[test]
fn timing_of_one_peer() {
    let mut net = Net::new(7);
    net.ends[A]
        .set_peer_timing(Net::peer(B), Timing::NB_IOT)
        .unwrap();
    net.lose = Box::new(|_, _| true);
    let start = net.now;
    net.request(get("a"));
    net.event(A);
    assert_eq!(net.sent.len(), 4);
    assert!(net.now.since(start) >= Duration::from_secs(150));
}

// proves: COAP-50, COAP-58
#[test]
fn no_response_after_acknowledgement() {
    let mut net = Net::new(8);
    let start = net.now;
    net.request(get("a"));
    let (exchange, _) = net.asked();
    assert!(matches!(
        net.event(A),
        Event::RequestFailed {
            failure: Failure::Timeout,
            ..
        }
    ));
    assert!(net.now.since(start).as_secs() >= 93);
    // The answer comes too late: reset.
    net.respond(exchange, content("late"));
    net.run(Duration::from_secs(1));
    assert_eq!(net.count(A, MessageKind::Reset), 1);
    net.run(Duration::from_secs(100));
    assert_eq!(net.ends[B].metrics().retransmissions, 0);
    net.assert_forgets_all();
}

#[test]
fn deadline_and_cancellation() {
    let mut net = Net::new(9);
    let options = RequestOptions::default().deadline(Duration::from_secs(3));
    net.lose = Box::new(|_, _| true);
    let start = net.now;
    let first = net.ends[A]
        .request(net.now, Net::peer(B), get("a"), options)
        .unwrap();
    let second = net.request(get("b"));
    assert!(matches!(
        net.event(A),
        Event::RequestFailed { request, failure: Failure::Timeout, .. } if request == first
    ));
    assert!(net.now.since(start) < Duration::from_millis(3010));
    net.drain();
    assert!(
        net.sent
            .iter()
            .any(|(_, m)| m.options.first(option::URI_PATH) == Some(b"b"))
    );
    net.ends[A].cancel_request(second);
    net.run(Duration::from_secs(200));
    net.no_event(A);
    net.assert_forgets_all();
}

// proves: COAP-13, COAP-28, QUE-12
#[test]
fn non_confirmable() {
    let mut net = Net::new(10);
    let mut request = get("a");
    request.confirmable = false;
    let id = net.request(request.clone());
    let (exchange, asked) = net.asked();
    assert!(!asked.confirmable);
    net.respond(exchange, content("1"));
    assert_eq!(net.answer(), (id, content("1")));
    assert_eq!(net.count(B, MessageKind::NonConfirmable), 1);

    net.lose = Box::new(|_, _| true);
    let start = net.now;
    net.request(request);
    net.request(get("next"));
    net.run(Duration::from_secs(3));
    assert_eq!(
        net.count(A, MessageKind::Confirmable),
        1,
        "its turn comes after ACK_TIMEOUT"
    );
    net.event(A);
    assert!(net.now.since(start) >= Duration::from_secs(60));
}

// proves: COAP-20, QUE-07
#[test]
fn one_request_at_a_time_and_a_bounded_queue() {
    let config = EndpointConfig {
        max_requests_per_peer: 3,
        ..plain_config()
    };
    let mut net = Net::with(11, config, plain_config());
    let ids = ["a", "b", "c"].map(|path| net.request(get(path)));
    let refused = net.ends[A].request(net.now, Net::peer(B), get("d"), RequestOptions::default());
    assert_eq!(refused, Err(EndpointError::Busy));
    assert_eq!(net.sent.len(), 1);
    for (id, path) in ids.into_iter().zip(["a", "b", "c"]) {
        let (exchange, request) = net.asked();
        assert_eq!(request, get(path), "in order");
        net.respond(exchange, content(path));
        assert_eq!(net.answer(), (id, content(path)));
    }
    net.request(get("d"));
}

// proves: COAP-46
#[test]
fn ping_and_reset() {
    let mut net = Net::new(12);
    let id = net.ends[A].ping(net.now, Net::peer(B)).unwrap();
    assert_eq!(
        net.event(A),
        Event::Pong {
            request: id,
            peer: Net::peer(B)
        }
    );
    net.lose = Box::new(|_, _| true);
    net.ends[A].ping(net.now, Net::peer(B)).unwrap();
    assert!(matches!(net.event(A), Event::RequestFailed { .. }));
    net.assert_forgets_all();
}

// proves: COAP-31, DTLS-27, SEC-04
#[test]
fn forgotten_peer() {
    let mut net = Net::new(13);
    let first = net.request(get("a"));
    let second = net.request(get("b"));
    net.ends[A].forget_peer(net.now, Net::peer(B));
    for id in [first, second] {
        assert_eq!(
            net.event(A),
            Event::RequestFailed {
                request: id,
                peer: Net::peer(B),
                failure: Failure::PeerLost
            }
        );
    }
    net.run(Duration::from_secs(300));
    net.no_event(A);
}

/// Hands B one datagram and gives back what it says to it.
pub(super) fn tell(net: &mut Net, message: &Message) -> Option<Message> {
    tell_bytes(net, &message.encode().unwrap())
}

fn tell_bytes(net: &mut Net, data: &[u8]) -> Option<Message> {
    net.ends[B].handle_datagram(net.now, Net::peer(A), data);
    while let Some(event) = net.ends[B].poll_event() {
        net.events[B].push_back(event);
    }
    let reply = net.ends[B].poll_transmit()?;
    assert_eq!(net.ends[B].poll_transmit(), None, "one answer");
    Some(Message::parse(&reply.data).unwrap())
}

pub(super) fn message(kind: MessageKind, code: Code, id: u16) -> Message {
    Message::new(kind, code, id, Token::new(&[7]).unwrap())
}

// proves: COAP-01, COAP-02, COAP-03, COAP-06, COAP-10, COAP-11, COAP-12, COAP-13, COAP-14, COAP-37, COAP-46, COAP-58
// proves: OBSV-07
#[test]
fn odd_messages() {
    use MessageKind::*;
    let mut net = Net::new(14);
    let reset = |id| Some(Message::empty(Reset, id));
    for (data, reply) in [
        (&[][..], None),
        (&[0x40], None),
        (&[0x80, 1, 0, 9], None),
        (&[0x40, 1, 0, 9, 0xFF], reset(9)),
        (&[0x50, 1, 0, 9, 0xFF], None),
        (&[0x49, 1, 0, 9], reset(9)),
        (&[0x40, 0, 0, 8], reset(8)),
        (&[0x40, 0, 0, 8, 1], reset(8)),
        (&[0x50, 0, 0, 8], None),
        (&[0x60, 0, 0, 8], None),
        (&[0x70, 0, 0, 8], None),
        (&[0x40, 0x20, 0, 7], reset(7)),
        (&[0x40, 0xE1, 0, 7], reset(7)),
        (&[0x50, 0xE1, 0, 7], None),
        (&[0x60, 1, 0, 7], None),
        (&[0x70, 1, 0, 7], None),
        (&[0x70, 0x45, 0, 7], None),
    ] {
        assert_eq!(tell_bytes(&mut net, data), reply, "{data:02x?}");
    }
    // Responses to nothing.
    assert_eq!(
        tell(&mut net, &message(Confirmable, Code::CONTENT, 5)),
        reset(5)
    );
    assert_eq!(
        tell(&mut net, &message(NonConfirmable, Code::CONTENT, 5)),
        None
    );
    assert_eq!(
        tell(&mut net, &message(Acknowledgement, Code::CONTENT, 5)),
        None
    );
    let mut notification = message(NonConfirmable, Code::CONTENT, 6);
    notification.options.set_uint(option::OBSERVE, 1);
    assert_eq!(tell(&mut net, &notification), reset(6));
    let metrics = net.ends[B].metrics();
    assert_eq!((metrics.not_coap, metrics.malformed), (3, 4));
    assert_eq!((metrics.bad_code, metrics.unmatched_responses), (7, 4));
    assert_eq!(net.ends[B].peer_count(), 0, "nothing is kept for garbage");
    net.no_event(B);
}

// proves: BLK-02, COAP-32, COAP-34, COAP-38, COAP-42, COAP-57
#[test]
fn options_that_must_be_understood() {
    let mut net = Net::new(15);
    let mut request = message(MessageKind::Confirmable, Code::GET, 1);
    request.options.push(OptionNumber(2049), b"?");
    let reply = tell(&mut net, &request).unwrap();
    assert_eq!((reply.code, reply.id), (Code::BAD_OPTION, 1));
    assert_eq!(tell(&mut net, &request), Some(reply), "repeated");
    (request.kind, request.id) = (MessageKind::NonConfirmable, 2);
    assert_eq!(
        tell(&mut net, &request),
        Some(Message::empty(MessageKind::Reset, 2))
    );
    for (id, number, value, code) in [
        (
            3,
            option::PROXY_URI,
            &b"coap://x"[..],
            Code::PROXYING_NOT_SUPPORTED,
        ),
        (4, option::OSCORE, b"", Code::BAD_OPTION),
        (5, option::BLOCK1, &[7], Code::BAD_REQUEST),
        (8, option::HOP_LIMIT, &[0], Code::BAD_REQUEST),
    ] {
        let mut request = message(MessageKind::Confirmable, Code::GET, id);
        request.options.push(number, value);
        assert_eq!(tell(&mut net, &request).unwrap().code, code);
    }
    let reply = tell(
        &mut net,
        &message(MessageKind::Confirmable, Code::new(0, 9), 6),
    );
    assert_eq!(reply.unwrap().code, Code::METHOD_NOT_ALLOWED);
    net.no_event(B);
    // Elective ones are ignored, and so are hops that are left: only proxies count them (RFC 8768).
    for (id, hops) in [(7, &[1][..]), (9, &[255]), (10, &[]), (11, &[1, 0])] {
        let mut request = message(MessageKind::Confirmable, Code::GET, id);
        request.options.push(OptionNumber(2050), b"?");
        request.options.push(option::HOP_LIMIT, hops);
        assert_eq!(tell(&mut net, &request), None);
        net.asked();
    }
}

// proves: COAP-33
#[test]
fn response_with_an_option_that_must_be_understood() {
    for separate in [false, true] {
        let mut net = Net::new(16);
        net.request(get("a"));
        let (exchange, _) = net.asked();
        if separate {
            net.run(Duration::from_secs(1));
        }
        let mut response = content("1");
        response.options.push(OptionNumber(2049), b"?");
        net.respond(exchange, response);
        assert!(matches!(
            net.event(A),
            Event::RequestFailed {
                failure: Failure::BadResponse,
                ..
            }
        ));
        net.run(Duration::from_secs(1));
        assert_eq!(net.count(A, MessageKind::Reset), usize::from(separate));
    }
}

// proves: METH-10, METH-11, METH-12
#[test]
fn unwanted_responses() {
    for (no_response, response, arrives) in [
        (26, content("1"), false),
        (2, content("1"), false),
        (24, content("1"), true),
        (2, Response::new(Code::NOT_FOUND), true),
        (8, Response::new(Code::NOT_FOUND), false),
        (16, Response::new(Code::INTERNAL_SERVER_ERROR), false),
    ] {
        let mut net = Net::new(17);
        let mut request = message(MessageKind::NonConfirmable, Code::POST, 1);
        request.options.set_uint(option::NO_RESPONSE, no_response);
        assert_eq!(tell(&mut net, &request), None);
        let (exchange, _) = net.asked();
        net.respond(exchange, response.clone());
        assert_eq!(net.sent.len(), usize::from(arrives), "{no_response}");

        (request.kind, request.id) = (MessageKind::Confirmable, 2);
        tell(&mut net, &request);
        let (exchange, _) = net.asked();
        net.sent.clear();
        net.respond(exchange, response.clone());
        let code = if arrives { response.code } else { Code::EMPTY };
        assert_eq!(net.sent[0].1.code, code);
        assert_eq!(net.sent[0].1.kind, MessageKind::Acknowledgement);
    }
}

// proves: COAP-17
#[test]
fn deduplication_keeps_what_must_not_be_executed_twice() {
    let config = EndpointConfig {
        dedup_per_peer: 4,
        dedup_seen_per_peer: 0,
        ..plain_config()
    };
    let mut net = Net::with(18, plain_config(), config);
    for id in 0..4 {
        let post = message(MessageKind::Confirmable, Code::POST, id);
        assert_eq!(tell(&mut net, &post), None);
        let (exchange, _) = net.asked();
        net.respond(exchange, Response::new(Code::CHANGED));
    }
    let refused = message(MessageKind::Confirmable, Code::POST, 4);
    let reply = tell(&mut net, &refused).unwrap();
    assert_eq!(reply.code, Code::SERVICE_UNAVAILABLE);
    assert_eq!(tell(&mut net, &refused), Some(reply));
    assert_eq!(net.ends[B].metrics().refused_dedup, 1);
    // Safe requests still pass, and push out nothing but each other.
    for id in 100..200 {
        assert_eq!(
            tell(&mut net, &message(MessageKind::Confirmable, Code::GET, id)),
            None
        );
        let (exchange, _) = net.asked();
        net.respond(exchange, content("1"));
    }
    for id in 0..4 {
        let post = message(MessageKind::Confirmable, Code::POST, id);
        assert_eq!(tell(&mut net, &post).unwrap().code, Code::CHANGED);
    }
    net.no_event(B);
    net.run(Duration::from_secs(247));
    assert_eq!(
        tell(&mut net, &message(MessageKind::Confirmable, Code::POST, 0)),
        None
    );
    net.asked();
}

#[test]
fn unanswered_requests_are_bounded() {
    let config = EndpointConfig {
        max_exchanges_per_peer: 2,
        ..plain_config()
    };
    let mut net = Net::with(19, plain_config(), config);
    for id in 0..2 {
        tell(&mut net, &message(MessageKind::Confirmable, Code::GET, id));
    }
    let reply = tell(&mut net, &message(MessageKind::Confirmable, Code::GET, 2));
    assert_eq!(reply.unwrap().code, Code::SERVICE_UNAVAILABLE);
    assert_eq!(net.ends[B].metrics().refused_exchanges, 1);
    net.assert_forgets_all();
}

#[test]
fn a_full_house_keeps_nothing_for_new_peers() {
    let config = EndpointConfig {
        max_peers: 1,
        ..plain_config()
    };
    let mut endpoint = Endpoint::new(config, rng(20));
    let now = Instant::from_micros(1);
    for port in 1..=3 {
        let peer = PeerId::from_address(0, ([192, 0, 2, 1], port).into());
        let request = message(MessageKind::Confirmable, Code::GET, 1);
        endpoint.handle_datagram(now, peer, &request.encode().unwrap());
        let busy = endpoint.poll_transmit().map(|transmit| {
            assert_eq!(transmit.peer, peer);
            Message::parse(&transmit.data).unwrap().code
        });
        let expected = (port > 1).then_some(Code::SERVICE_UNAVAILABLE);
        assert_eq!(busy, expected);
    }
    assert_eq!(endpoint.peer_count(), 1);
    assert_eq!(endpoint.metrics().refused_peers, 2);
}

// proves: BLK-28, BLK-29
#[test]
fn echo_is_repeated_once() {
    let mut net = Net::new(21);
    let id = net.request(Request::new(Code::POST));
    let mut challenge = Response::new(Code::UNAUTHORIZED);
    challenge.options.push(option::ECHO, b"proof");
    let (exchange, request) = net.asked();
    assert!(!request.options.contains(option::ECHO));
    net.respond(exchange, challenge.clone());
    let (exchange, request) = net.asked();
    assert_eq!(request.options.first(option::ECHO), Some(&b"proof"[..]));
    net.respond(exchange, challenge.clone());
    assert_eq!(net.answer(), (id, challenge));
    net.no_event(B);
    net.assert_forgets_all();
}
