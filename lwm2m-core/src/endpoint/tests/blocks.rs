//! Block-wise transfer, both directions and both roles.

use super::{basics::tell, *};
use core::cell::Cell;
use std::rc::Rc;

fn sized(block: usize) -> EndpointConfig {
    EndpointConfig {
        block_size: BlockSize::at_most(block),
        max_body: 256 * 1024,
        ..plain_config()
    }
}

fn put(path: &str, payload: Bytes) -> Request {
    Request::new(Code::PUT).path_segment(path).body(42, payload)
}

/// Lets B begin an upload that is collected.
fn started(net: &mut Net) -> (UploadId, ExchangeId, Option<u32>) {
    match net.event(B) {
        Event::UploadStarted {
            upload,
            exchange,
            size,
            request,
            ..
        } => {
            assert!(request.payload.is_empty());
            (upload, exchange, size)
        }
        other => panic!("{other:?}"),
    }
}

/// The next event at A that is no progress.
fn result(net: &mut Net) -> (Vec<usize>, Event) {
    let mut progress = Vec::new();
    loop {
        match net.event(A) {
            Event::UploadProgress { sent, .. } => progress.push(sent),
            other => return (progress, other),
        }
    }
}

/// Streams the whole of the next upload and answers it.
fn stream(net: &mut Net, upload: UploadId) -> Vec<u8> {
    let mut received = Vec::new();
    loop {
        match net.event(B) {
            Event::UploadBlock {
                upload: of,
                exchange,
                offset,
                data,
                last,
            } => {
                assert_eq!((of, offset), (upload, received.len()));
                received.extend_from_slice(&data);
                if last {
                    net.respond(exchange, Response::new(Code::CHANGED));
                    return received;
                }
                net.ends[B].continue_upload(net.now, upload).unwrap();
                net.drain();
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Polls B's next event by hand, so that an upload can be streamed before it is collected.
fn started_by_hand(net: &mut Net) -> (UploadId, ExchangeId) {
    let limit = net.now + Duration::from_secs(600);
    net.hold_events = true;
    loop {
        if let Some(event) = net.ends[B].poll_event() {
            net.hold_events = false;
            match event {
                Event::UploadStarted {
                    upload, exchange, ..
                } => return (upload, exchange),
                other => panic!("{other:?}"),
            }
        }
        assert!(net.step(limit));
    }
}

// proves: BLK-04, BLK-11, BLK-13, BLK-22, COAP-19
#[test]
fn upload_that_is_collected() {
    for (ours, theirs) in [(1024, 1024), (1024, 64), (64, 1024), (16, 16), (512, 256)] {
        let mut net = Net::with(1, sized(ours), sized(theirs));
        let payload = body(5000);
        net.request(put("x", payload.clone()));
        let (_, first, size) = started(&mut net);
        assert_eq!(size, Some(5000));
        let (exchange, request) = net.asked();
        assert_eq!(exchange, first);
        assert_eq!(request, put("x", payload));
        net.respond(exchange, Response::new(Code::CHANGED));
        let (progress, event) = result(&mut net);
        assert!(progress.is_sorted() && progress.last() == Some(&5000));
        assert!(matches!(event, Event::Response { response, .. }
            if response == Response::new(Code::CHANGED)));
        let blocks = net.count(A, MessageKind::Confirmable);
        let small = ours.min(theirs);
        assert_eq!(
            blocks,
            1 + (5000 - ours.min(5000)).div_ceil(small),
            "{ours} {theirs}"
        );
        net.assert_forgets_all();
    }
}

// proves: BLK-11
#[test]
fn large_upload_streamed_over_a_lossy_link() {
    for seed in 0..5 {
        let mut net = Net::with(seed, sized(1024), sized(1024));
        net.faults = Faults {
            loss: 30,
            duplication: 10,
            reordering: 10,
        };
        // With a loss of 30 % each way, half of all exchanges fail at once; five tries in a row do at 3 %.
        let timing = Timing {
            max_retransmit: 12,
            ack_timeout: Duration::from_millis(200),
            ..Timing::RFC7252
        };
        net.ends[A].set_peer_timing(Net::peer(B), timing).unwrap();
        net.ends[B].set_peer_timing(Net::peer(A), timing).unwrap();
        let payload = body(200 * 1024);
        net.request(put("5", payload.clone()));
        let (upload, _) = started_by_hand(&mut net);
        net.ends[B].stream_upload(upload).unwrap();
        let received = stream(&mut net, upload);
        assert!(received == payload);
        let (progress, event) = result(&mut net);
        assert!(
            matches!(event, Event::Response { response, .. } if response.code == Code::CHANGED)
        );
        assert_eq!(progress.len(), 200);
        assert_eq!(net.ends[B].collected, 0);
        net.faults = Faults::default();
        net.assert_forgets_all();
    }
}

#[test]
fn upload_that_is_streamed_after_it_was_collected() {
    let mut net = Net::with(2, sized(64), sized(64));
    net.request(put("x", body(300)));
    let (upload, ..) = started(&mut net);
    // The first 2.31 has left already.
    net.ends[B].stream_upload(upload).unwrap();
    assert_eq!(stream(&mut net, upload), body(300));
    assert!(matches!(result(&mut net).1, Event::Response { .. }));
}

#[test]
fn slow_reader_of_a_stream() {
    let mut net = Net::with(3, sized(64), sized(64));
    net.request(put("x", body(200)));
    let (upload, _) = started_by_hand(&mut net);
    net.ends[B].stream_upload(upload).unwrap();
    for offset in [0, 64, 128, 192] {
        let Event::UploadBlock {
            exchange,
            last,
            offset: at,
            ..
        } = net.event(B)
        else {
            panic!()
        };
        assert_eq!((at, last), (offset, offset == 192));
        net.run(Duration::from_secs(30));
        net.no_event(B);
        match last {
            true => net.respond(exchange, Response::new(Code::CHANGED)),
            false => net.ends[B].continue_upload(net.now, upload).unwrap(),
        }
    }
    assert!(matches!(result(&mut net).1, Event::Response { .. }));
    assert_eq!(
        net.ends[B].continue_upload(net.now, upload),
        Err(EndpointError::Gone)
    );
    net.assert_forgets_all();
}

// proves: BLK-17
#[test]
fn refused_uploads() {
    // At once, between two blocks, and after the last.
    for refuse_at in [0, 1, 2] {
        let mut net = Net::with(4, sized(64), sized(64));
        net.request(put("x", body(150)));
        let (upload, exchange) = started_by_hand(&mut net);
        let refusal = || Response::new(Code::FORBIDDEN);
        if refuse_at > 0 {
            net.ends[B].stream_upload(upload).unwrap();
            net.event(B);
            net.ends[B].continue_upload(net.now, upload).unwrap();
        }
        if refuse_at == 2 {
            net.event(B);
        }
        net.respond(exchange, refusal());
        let (_, event) = result(&mut net);
        assert!(
            matches!(&event, Event::Response { response, .. } if *response == refusal()),
            "{refuse_at} {event:?}"
        );
        net.no_event(B);
        assert_eq!(net.ends[B].stream_upload(upload), Err(EndpointError::Gone));
        net.assert_forgets_all();
    }
}

// proves: BLK-16, COAP-45
#[test]
fn too_large_uploads() {
    let small = EndpointConfig {
        max_body: 1000,
        ..sized(64)
    };
    let mut net = Net::with(5, sized(64), small);
    net.request(put("x", body(1001)));
    let (_, event) = result(&mut net);
    let Event::Response { response, .. } = event else {
        panic!()
    };
    assert_eq!(response.code, Code::REQUEST_ENTITY_TOO_LARGE);
    assert_eq!(response.options.uint(option::SIZE1), Some(1000));
    // The size need not be said beforehand.
    let mut code = Code::CONTINUE;
    for number in 0..20 {
        let id = 100 + number as u16;
        let mut message = Message::new(MessageKind::Confirmable, Code::PUT, id, Token::EMPTY);
        let block = Block {
            number,
            more: true,
            size: BlockSize::at_most(64),
        };
        message.options.set_uint(option::BLOCK1, block.to_uint());
        message.payload = body(64);
        code = tell(&mut net, &message).unwrap().code;
        if code != Code::CONTINUE {
            assert_eq!(number, 15);
            break;
        }
    }
    assert_eq!(code, Code::REQUEST_ENTITY_TOO_LARGE);
    net.assert_forgets_all();
}

use crate::coap::Block;

/// A block of a PUT to B, told directly.
fn block(
    net: &mut Net,
    id: u16,
    number: u32,
    more: bool,
    fill: u8,
    tag: Option<u8>,
) -> Option<Code> {
    let mut message = Message::new(MessageKind::Confirmable, Code::PUT, id, Token::EMPTY);
    let size = BlockSize::at_most(16);
    let block = Block { number, more, size };
    message.options.set_uint(option::BLOCK1, block.to_uint());
    if let Some(tag) = tag {
        message.options.push(option::REQUEST_TAG, &[tag]);
    }
    message.payload = vec![fill; 16].into();
    tell(net, &message).map(|reply| reply.code)
}

// proves: BLK-12, BLK-14, BLK-15, BLK-24, BLK-25, GEN-18
#[test]
fn gaps_repetitions_and_restarts() {
    let mut net = Net::new(6);
    let ok = Some(Code::CONTINUE);
    let gap = Some(Code::REQUEST_ENTITY_INCOMPLETE);
    assert_eq!(
        block(&mut net, 1, 1, true, 1, None),
        gap,
        "nothing before it"
    );
    assert_eq!(block(&mut net, 2, 0, true, 1, None), ok);
    assert_eq!(block(&mut net, 3, 1, true, 1, None), ok);
    assert_eq!(
        block(&mut net, 3, 1, true, 1, None),
        ok,
        "repeated datagram"
    );
    assert_eq!(block(&mut net, 4, 1, true, 1, None), ok, "repeated block");
    assert_eq!(block(&mut net, 5, 3, true, 1, None), gap);
    assert_eq!(
        block(&mut net, 6, 2, true, 1, None),
        gap,
        "the gap has ended it"
    );

    // Restarted, with other content.
    assert_eq!(block(&mut net, 7, 0, true, 2, None), ok);
    assert_eq!(block(&mut net, 8, 1, true, 2, None), ok);
    assert_eq!(block(&mut net, 9, 0, true, 3, None), ok);
    assert_eq!(block(&mut net, 10, 1, false, 3, None), None);
    net.events[B].retain(|event| !matches!(event, Event::UploadStarted { .. }));
    let (exchange, request) = net.asked();
    assert_eq!(request.payload, vec![3; 32], "never mixed");
    net.respond(exchange, Response::new(Code::CHANGED));

    // Two at once, told apart by their tags.
    for (number, more) in [(0, true), (1, true), (2, false)] {
        for tag in [1, 2] {
            let id = 100 + number as u16 * 2 + u16::from(tag);
            let reply = block(&mut net, id, number, more, tag, Some(tag));
            assert_eq!(reply, ok.filter(|_| more));
        }
    }
    net.events[B].retain(|event| !matches!(event, Event::UploadStarted { .. }));
    for tag in [1, 2] {
        let (exchange, request) = net.asked();
        assert_eq!(request.payload, vec![tag; 48]);
        assert!(!request.options.contains(option::REQUEST_TAG));
        net.respond(exchange, Response::new(Code::CHANGED));
    }
    net.no_event(B);
    net.assert_forgets_all();
}

// proves: BLK-14, BLK-24
#[test]
fn a_block_that_comes_again_behind_later_ones() {
    let ok = Some(Code::CONTINUE);
    let mut net = Net::new(6);
    for number in 0..4 {
        assert_eq!(
            block(&mut net, 1 + number, number.into(), true, 1, None),
            ok
        );
    }
    for (id, number) in [(11, 1), (12, 2), (13, 1)] {
        assert_eq!(block(&mut net, id, number, true, 1, None), ok, "{number}");
    }
    let last = Some(Code::REQUEST_ENTITY_INCOMPLETE);
    assert_eq!(block(&mut net, 14, 1, false, 1, None), last, "not the last");
    assert_eq!(block(&mut net, 15, 4, false, 1, None), None);
    // Nor does it disturb while the whole waits for its answer.
    assert_eq!(block(&mut net, 16, 1, true, 1, None), ok);
    net.events[B].retain(|event| !matches!(event, Event::UploadStarted { .. }));
    let (exchange, request) = net.asked();
    assert_eq!(request.payload, vec![1; 80]);
    net.sent.clear();
    net.respond(exchange, Response::new(Code::CHANGED));
    assert_eq!((net.sent[0].1.code, net.sent[0].1.id), (Code::CHANGED, 15));
    net.no_event(B);
    net.assert_forgets_all();
}

// proves: BLK-15
#[test]
fn abandoned_and_restarted_streams_are_aborted() {
    let mut net = Net::new(7);
    let mut upload = None;
    for id in [1, 2] {
        net.ends[B].poll_event();
        assert_eq!(block_held(&mut net, id), None);
        if let Some(old) = upload.replace(()) {
            let () = old;
            assert!(matches!(
                net.ends[B].poll_event(),
                Some(Event::UploadAborted { .. })
            ));
        }
        let Some(Event::UploadStarted { upload, .. }) = net.ends[B].poll_event() else {
            panic!()
        };
        net.ends[B].stream_upload(upload).unwrap();
        assert!(matches!(
            net.ends[B].poll_event(),
            Some(Event::UploadBlock { .. })
        ));
        net.ends[B].continue_upload(net.now, upload).unwrap();
    }
    net.run(Duration::from_secs(240));
    net.no_event(B);
    net.run(Duration::from_secs(10));
    assert!(matches!(net.event(B), Event::UploadAborted { .. }));
    net.assert_forgets_all();
}

/// Hands B a first block without polling its events.
fn block_held(net: &mut Net, id: u16) -> Option<Transmit> {
    let mut message = Message::new(MessageKind::Confirmable, Code::PUT, id, Token::EMPTY);
    message.options.set_uint(option::BLOCK1, 0b1000);
    message.payload = body(16);
    net.drain();
    net.ends[B].handle_datagram(net.now, Net::peer(A), &message.encode().unwrap());
    net.ends[B].poll_transmit()
}

// proves: BLK-03
#[test]
fn blocks_of_a_wrong_length() {
    let mut net = Net::new(8);
    let mut message = Message::new(MessageKind::Confirmable, Code::PUT, 1, Token::EMPTY);
    message.options.set_uint(option::BLOCK1, 0b1000);
    message.payload = body(15);
    assert_eq!(tell(&mut net, &message).unwrap().code, Code::BAD_REQUEST);
    net.no_event(B);
}

// proves: BLK-23
#[test]
fn uploads_are_bounded() {
    let config = EndpointConfig {
        max_uploads_per_peer: 2,
        ..plain_config()
    };
    let mut net = Net::with(9, plain_config(), config);
    for tag in 1..=2 {
        let reply = block(&mut net, u16::from(tag), 0, true, 0, Some(tag));
        assert_eq!(reply, Some(Code::CONTINUE));
    }
    let reply = block(&mut net, 3, 0, true, 0, Some(3));
    assert_eq!(reply, Some(Code::SERVICE_UNAVAILABLE));
    net.run(Duration::from_secs(248));
    let reply = block(&mut net, 4, 0, true, 0, Some(3));
    assert_eq!(
        reply,
        Some(Code::CONTINUE),
        "the abandoned ones are forgotten"
    );
}

// proves: BLK-26, BLK-27, GEN-18
#[test]
fn a_second_upload_has_a_tag() {
    let mut net = Net::with(10, sized(64), sized(64));
    for n in 0..3 {
        net.sent.clear();
        net.request(put("x", body(200)));
        started(&mut net);
        let (exchange, request) = net.asked();
        assert_eq!(request, put("x", body(200)));
        net.respond(exchange, Response::new(Code::CHANGED));
        result(&mut net);
        let tags: Vec<_> = net
            .sent
            .iter()
            .filter(|(by, message)| *by == A && message.code == Code::PUT)
            .map(|(_, message)| {
                message
                    .options
                    .first(option::REQUEST_TAG)
                    .map(<[u8]>::to_vec)
            })
            .collect();
        assert_eq!(tags.len(), 4);
        assert_eq!(tags[0].is_some(), n > 0);
        assert!(tags.windows(2).all(|pair| pair[0] == pair[1]));
    }
}

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

// proves: BLK-20
#[test]
fn large_both_ways() {
    let mut net = Net::with(12, sized(64), sized(128));
    let request = Request::new(Code::POST)
        .path_segment("x")
        .body(42, body(1000));
    net.request(request.clone());
    started(&mut net);
    let (exchange, asked) = net.asked();
    assert_eq!(asked, request);
    net.respond(exchange, large(700));
    let (_, event) = result(&mut net);
    assert!(matches!(event, Event::Response { response, .. } if response.payload == body(700)));
    net.no_event(B);
    net.assert_forgets_all();
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

#[test]
fn other_requests_pass_between_the_blocks() {
    let mut net = Net::with(19, sized(64), sized(64));
    let upload = net.request(put("x", body(6400)));
    started(&mut net);
    let read = net.request(get("y"));
    let (exchange, request) = net.asked();
    assert_eq!(request, get("y"));
    net.respond(exchange, content("1"));
    let (progress, event) = result(&mut net);
    assert!(matches!(event, Event::Response { request, .. } if request == read));
    assert!(progress.len() < 5);
    let (exchange, _) = net.asked();
    net.respond(exchange, Response::new(Code::CHANGED));
    assert!(matches!(result(&mut net).1, Event::Response { request, .. } if request == upload));
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

// proves: BLK-13
#[test]
fn last_block_is_not_executed_twice() {
    let mut net = Net::new(21);
    let repeat =
        |net: &mut Net, number, more| block(net, 10 + number as u16, number, more, 1, None);
    assert_eq!(repeat(&mut net, 0, true), Some(Code::CONTINUE));
    assert_eq!(repeat(&mut net, 1, false), None);
    started(&mut net);
    let (exchange, _) = net.asked();
    net.respond(exchange, Response::new(Code::CHANGED));
    for id in 100..200 {
        let message = Message::new(MessageKind::Confirmable, Code::GET, id, Token::EMPTY);
        tell(&mut net, &message);
        let (exchange, _) = net.asked();
        net.respond(exchange, content("1"));
    }
    assert_eq!(repeat(&mut net, 1, false), Some(Code::CHANGED));
    assert_eq!(repeat(&mut net, 0, true), Some(Code::CONTINUE));
    net.no_event(B);
    assert!(
        net.ends[B].uploads.is_empty(),
        "the first block begins nothing"
    );
}
