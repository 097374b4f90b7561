//! Bodies that come from a server (RFC 7959, section 2.4).

use super::*;
use core::cell::Cell;
use std::rc::Rc;

// proves: BLK-04, BLK-05, BLK-06
#[test]
fn download() {
    for (ours, theirs) in [(1024, 1024), (1024, 64), (64, 1024), (16, 16)] {
        let mut net = Net::with(11, sized(ours), sized(theirs));
        net.request(get("x"));
        let (exchange, request) = net.asked();
        assert!(!request.options.contains(option::BLOCK2));
        net.respond(exchange, large(5000));
        let (_, mut response) = net.answer();
        response.options.remove(option::ETAG);
        assert_eq!(response, large(5000));
        assert_eq!(
            net.count(A, MessageKind::Confirmable),
            5000usize.div_ceil(ours.min(theirs))
        );
        net.no_event(B);
        net.assert_forgets_all();
    }
}

// proves: BLK-05
#[test]
fn large_download_over_a_lossy_link() {
    for seed in 0..5 {
        let mut net = Net::with(seed, sized(1024), sized(1024));
        net.faults = Faults {
            loss: 30,
            duplication: 10,
            reordering: 10,
        };
        let timing = Timing {
            max_retransmit: 12,
            ack_timeout: Duration::from_millis(200),
            ..Timing::RFC7252
        };
        net.ends[A].set_peer_timing(Net::peer(B), timing).unwrap();
        net.request(get("x"));
        // The first answer is large and not kept for replay: the same request may come more than once.
        loop {
            match net.either() {
                (B, Event::Request { exchange, .. }) => net.respond(exchange, large(200 * 1024)),
                (A, Event::Response { response, .. }) => {
                    assert!(response.payload == body(200 * 1024));
                    break;
                }
                (end, other) => panic!("{end} {other:?}"),
            }
        }
        net.faults = Faults::default();
        net.assert_forgets_all();
    }
}

// proves: BLK-06, BLK-21, METH-05
#[test]
fn fetch_with_bodies_told_apart() {
    let mut net = Net::with(13, sized(64), sized(64));
    let fetch = |text: &'static str| {
        Request::new(Code::FETCH)
            .path_segment("x")
            .body(112, Bytes::from_static(text.as_bytes()))
    };
    net.request(fetch("one"));
    let (exchange, _) = net.asked();
    net.respond(exchange, large(150));
    let (_, response) = net.answer();
    assert_eq!(response.payload, body(150));
    let follow_ups = net.sent.iter().filter(|(by, message)| {
        *by == A && message.payload == "one" && message.options.content_format() == Some(112)
    });
    assert_eq!(follow_ups.count(), 3);
    // A later block of another FETCH is not answered from it.
    let mut message = Message::new(MessageKind::Confirmable, Code::FETCH, 9, Token::EMPTY);
    message.options = fetch("two").options;
    message.options.set_uint(option::BLOCK2, 0x12);
    message.payload = Bytes::from_static(b"two");
    assert_eq!(tell(&mut net, &message), None);
    let (exchange, request) = net.asked();
    assert_eq!(request, fetch("two"));
    net.respond(exchange, large(100));
    assert_eq!(net.sent.last().unwrap().1.payload, body(100)[64..]);
}

// proves: BLK-23, METH-03
#[test]
fn blocks_that_are_not_kept() {
    let config = EndpointConfig {
        max_served: 100,
        ..sized(64)
    };
    // A safe request is asked again for each block, another fails.
    let mut net = Net::with(14, sized(64), config.clone());
    net.request(get("x"));
    for _ in 0..3 {
        let (exchange, request) = net.asked();
        assert_eq!(request, get("x"));
        net.respond(exchange, large(150));
    }
    assert_eq!(net.answer().1.payload, body(150));
    assert!(net.ends[B].metrics().uncached_bodies >= 1);

    // So does a FETCH whose body came in blocks: a later request does not repeat it.
    let fetch = Request::new(Code::FETCH).body(42, body(100));
    for request in [Request::new(Code::POST), fetch] {
        let mut net = Net::with(15, sized(64), config.clone());
        net.request(request.clone());
        let (exchange, asked) = loop {
            match net.event(B) {
                Event::UploadStarted { .. } => {}
                Event::Request {
                    exchange, request, ..
                } => break (exchange, request),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(asked, request);
        net.respond(exchange, large(150));
        let (_, event) = result(&mut net);
        assert!(matches!(event, Event::Response { response, .. }
            if response.code == Code::REQUEST_ENTITY_INCOMPLETE));
        net.no_event(B);
    }
}

// proves: BLK-07
#[test]
fn body_that_changes_while_it_is_fetched() {
    for changes in [1, 3, 4] {
        let config = EndpointConfig {
            max_served: 0,
            ..sized(64)
        };
        let mut net = Net::with(16, sized(64), config);
        net.request(get("x"));
        let changed = Rc::new(Cell::new(0));
        let mut asked = 0;
        let event = loop {
            match net.either() {
                (B, Event::Request { exchange, .. }) => {
                    asked += 1;
                    // Each second answer is of a new body, until it rests.
                    if asked % 2 == 0 && changed.get() < changes {
                        changed.set(changed.get() + 1);
                    }
                    net.respond(exchange, large(100 + changed.get()));
                }
                (_, event) => break event,
            }
        };
        match event {
            Event::Response { response, .. } => {
                assert_eq!(
                    response.payload,
                    body(100 + changes),
                    "one body, not a mixture"
                );
                assert!(changes <= 3);
            }
            Event::RequestFailed { failure, .. } => {
                assert_eq!((failure, changes), (Failure::BlockTransfer, 4));
            }
            other => panic!("{other:?}"),
        }
    }
}

// proves: BLK-23
#[test]
fn too_large_downloads() {
    let config = EndpointConfig {
        max_body: 100,
        ..sized(64)
    };
    let mut net = Net::with(17, config, sized(64));
    net.request(get("x"));
    let (exchange, _) = net.asked();
    net.respond(exchange, large(101));
    assert!(matches!(
        net.event(A),
        Event::RequestFailed {
            failure: Failure::TooLarge,
            ..
        }
    ));
}

// proves: BLK-10
#[test]
fn no_such_block() {
    let mut net = Net::with(18, sized(64), sized(64));
    let mut message = Message::new(MessageKind::Confirmable, Code::GET, 1, Token::EMPTY);
    message.options.set_uint(option::BLOCK2, 0x52);
    tell(&mut net, &message);
    let (exchange, _) = net.asked();
    net.respond(exchange, large(300));
    assert_eq!(net.sent.last().unwrap().1.code, Code::BAD_REQUEST);
    message.id = 2;
    message.options.set_uint(option::BLOCK2, 0x42);
    assert_eq!(tell(&mut net, &message).unwrap().payload, body(300)[256..]);
}

// proves: BLK-08, BLK-09
#[test]
fn body_pulled_block_by_block() {
    let mut net = Net::with(20, sized(64), sized(64));
    let mut pulled = Vec::new();
    let mut tag = None;
    // From the end to the start, since any order will do.
    for number in (0..4u32).rev() {
        let options = RequestOptions::default().block(number, BlockSize::at_most(32));
        net.ends[A]
            .request(net.now, Net::peer(B), get("x"), options)
            .unwrap();
        // The first time, the body is not kept yet; block 0 always is of the present body.
        if number == 3 || number == 0 {
            let (exchange, _) = net.asked();
            net.respond(exchange, large(100));
        }
        let (_, response) = net.answer();
        let block = response.options.block(option::BLOCK2).unwrap().unwrap();
        assert_eq!((block.number, block.more), (number, number < 3));
        let etag = response.options.first(option::ETAG).unwrap().to_vec();
        assert_eq!(*tag.get_or_insert(etag.clone()), etag);
        pulled.splice(0..0, response.payload);
    }
    assert_eq!(pulled, body(100));
    net.no_event(B);
    net.assert_forgets_all();
}
