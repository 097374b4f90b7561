//! Transfers that a test of one step does not show: very large ones, many at once, and peers of another make.

use super::*;
use crate::coap::Block;

fn sized(block: usize) -> EndpointConfig {
    EndpointConfig {
        block_size: BlockSize::at_most(block),
        ..plain_config()
    }
}

fn block_of(message: &Message, number: OptionNumber) -> Option<Block> {
    message.options.block(number).unwrap()
}

fn set(response: &mut Response, option: OptionNumber, number: u32, more: bool, size: usize) {
    let size = BlockSize::at_most(size);
    let block = Block { number, more, size };
    response.options.set_uint(option, block.to_uint());
}

/// Lets a peer of another make answer a request of A block by block; gives back what it was sent and what A reports
/// at last.
fn answered_by(
    net: &mut Net,
    request: Request,
    mut reply: impl FnMut(&Message) -> Response,
) -> (Vec<Message>, Event) {
    let (now, peer) = (net.now, Net::peer(B));
    let mut asked = Vec::new();
    net.ends[A]
        .request(now, peer, request, RequestOptions::default())
        .unwrap();
    loop {
        while let Some(event) = net.ends[A].poll_event() {
            if !matches!(event, Event::UploadProgress { .. }) {
                return (asked, event);
            }
        }
        let sent = net.ends[A].poll_transmit().expect("it goes on");
        let message = Message::parse(&sent.data).unwrap();
        let response = reply(&message);
        let mut answer = Message::new(
            MessageKind::Acknowledgement,
            response.code,
            message.id,
            message.token,
        );
        (answer.options, answer.payload) = (response.options, response.payload);
        asked.push(message);
        net.ends[A].handle_datagram(now, peer, &answer.encode().unwrap());
    }
}

fn code_of(event: &Event) -> Code {
    match event {
        Event::Response { response, .. } => response.code,
        other => panic!("{other:?}"),
    }
}

const FIVE_MEGABYTES: usize = 5 << 20;

#[test]
fn upload_of_five_megabytes_holds_no_more_than_a_block() {
    let mut net = Net::with(1, sized(1024), sized(1024));
    net.record = false;
    let payload = body(FIVE_MEGABYTES);
    net.request(Request::new(Code::PUT).body(42, payload.clone()));
    // It is to be streamed before the endpoint begins to collect.
    net.hold_events = true;
    let upload = loop {
        assert!(net.step(Instant::FAR_FUTURE));
        if let Some(Event::UploadStarted { upload, size, .. }) = net.ends[B].poll_event() {
            assert_eq!(size, Some(FIVE_MEGABYTES as u32));
            break upload;
        }
    };
    net.ends[B].stream_upload(upload).unwrap();
    let mut received = 0;
    loop {
        while let Some(event) = net.ends[B].poll_event() {
            let Event::UploadBlock {
                exchange,
                offset,
                data,
                last,
                ..
            } = event
            else {
                panic!("{event:?}");
            };
            assert_eq!(offset, received);
            assert!(data[..] == payload[offset..offset + data.len()]);
            received += data.len();
            let now = net.now;
            if last {
                let done = Response::new(Code::CHANGED);
                net.ends[B].respond(now, exchange, done).unwrap();
            } else {
                net.ends[B].continue_upload(now, upload).unwrap();
            }
        }
        assert_eq!(net.ends[B].collected, 0);
        net.events[A].retain(|event| !matches!(event, Event::UploadProgress { .. }));
        if let Some(event) = net.events[A].pop_front() {
            assert_eq!(code_of(&event), Code::CHANGED);
            break;
        }
        assert!(net.step(Instant::FAR_FUTURE));
    }
    assert_eq!(received, FIVE_MEGABYTES);
}

#[test]
fn download_of_five_megabytes_pulled_from_any_place() {
    // The server has no body at once: it is asked for each block, and for those in the middle first.
    let mut net = Net::with(2, sized(1024), sized(1024));
    net.record = false;
    let payload = body(FIVE_MEGABYTES);
    let blocks = FIVE_MEGABYTES as u32 / 1024;
    for number in (0..blocks)
        .step_by(700)
        .chain((0..blocks).rev().step_by(900))
    {
        let options = RequestOptions::default().block(number, BlockSize::MAX);
        let now = net.now;
        net.ends[A]
            .request(now, Net::peer(B), get("x"), options)
            .unwrap();
        match net.either() {
            (B, Event::Request { exchange, .. }) => {
                let whole = Response::new(Code::CONTENT).body(42, payload.clone());
                net.respond(exchange, whole);
            }
            (end, other) => panic!("{end} {other:?}"),
        }
        let (_, response) = net.answer();
        let at = number as usize * 1024;
        assert!(response.payload[..] == payload[at..at + 1024]);
        let block = response.options.block(option::BLOCK2).unwrap().unwrap();
        assert_eq!((block.number, block.more), (number, number + 1 < blocks));
        // Kept for the blocks that may follow, within its bound.
        assert!(net.ends[B].served <= EndpointConfig::default().max_served);
        let key = net.ends[B].bodies.keys().next().map(|key| key.1);
        if let Some(key) = key {
            net.ends[B].drop_body(Net::peer(A), key);
        }
    }
}

#[test]
fn a_server_that_acts_on_each_block() {
    let mut net = Net::with(3, sized(64), sized(64));
    let request = Request::new(Code::PUT).body(42, body(200));
    let (asked, event) = answered_by(&mut net, request, |message| {
        // Final for this block (M = 0), and so for each (RFC 7959, section 2.9.1).
        let block = block_of(message, option::BLOCK1).unwrap();
        let mut response = Response::new(Code::CHANGED);
        set(&mut response, option::BLOCK1, block.number, false, 64);
        response
    });
    assert_eq!(asked.len(), 4);
    assert_eq!(code_of(&event), Code::CHANGED);
    // One that fails ends it.
    let request = Request::new(Code::PUT).body(42, body(200));
    let (asked, event) = answered_by(&mut net, request, |message| {
        let block = block_of(message, option::BLOCK1).unwrap();
        let codes = [Code::CHANGED, Code::CONFLICT];
        let mut response = Response::new(codes[block.number as usize]);
        set(&mut response, option::BLOCK1, block.number, false, 64);
        response
    });
    assert_eq!(asked.len(), 2);
    assert_eq!(code_of(&event), Code::CONFLICT);
}

#[test]
fn sizes_are_told_early() {
    let mut net = Net::with(4, sized(64), sized(1024));
    let large = || Response::new(Code::CONTENT).body(42, body(150));
    let mut sizes = Vec::new();
    let (_, event) = answered_by(&mut net, get("x"), |message| {
        // In the first request already.
        let block = block_of(message, option::BLOCK2).unwrap();
        sizes.push((block.number, block.size.bytes()));
        let at = block.offset();
        let mut response = large();
        response.payload = response.payload.slice(at..(at + 64).min(150));
        set(
            &mut response,
            option::BLOCK2,
            block.number,
            at + 64 < 150,
            64,
        );
        response
    });
    assert!(matches!(event, Event::Response { response, .. } if response.payload == body(150)));
    assert_eq!(sizes, [(0, 64), (1, 64), (2, 64)]);
}

#[test]
fn sizes_get_smaller_in_the_middle() {
    // Of a download: the second block comes in halves.
    let mut net = Net::with(5, sized(128), sized(1024));
    let mut asked_for = Vec::new();
    let (_, event) = answered_by(&mut net, get("x"), |message| {
        let block = block_of(message, option::BLOCK2).unwrap();
        asked_for.push((block.number, block.size.bytes()));
        let size = if block.number == 0 { 128 } else { 64 };
        let at = block.offset();
        let end = (at + size).min(300);
        let mut response = Response::new(Code::CONTENT).body(42, body(300).slice(at..end));
        let number = (at / size) as u32;
        set(&mut response, option::BLOCK2, number, end < 300, size);
        response
    });
    assert!(matches!(event, Event::Response { response, .. } if response.payload == body(300)));
    assert_eq!(asked_for, [(0, 128), (1, 128), (3, 64), (4, 64)]);
    // Of an upload: the server wants less than it was sent.
    let request = Request::new(Code::PUT).body(42, body(300));
    let mut got = Vec::new();
    let (asked, event) = answered_by(&mut net, request, |message| {
        let block = block_of(message, option::BLOCK1).unwrap();
        assert_eq!(got.len(), block.offset());
        got.extend_from_slice(&message.payload);
        let code = if block.more {
            Code::CONTINUE
        } else {
            Code::CHANGED
        };
        let mut response = Response::new(code);
        set(&mut response, option::BLOCK1, block.number, block.more, 32);
        response
    });
    assert_eq!(code_of(&event), Code::CHANGED);
    assert!(got == body(300));
    let sizes: Vec<_> = asked.iter().map(|message| message.payload.len()).collect();
    assert_eq!(sizes, [128, 32, 32, 32, 32, 32, 12]);
}

#[test]
fn transfers_of_one_peer_side_by_side() {
    let timing = Timing {
        nstart: 3,
        ..Timing::RFC7252
    };
    let a = EndpointConfig {
        timing,
        ..sized(64)
    };
    let mut net = Net::with(6, a, sized(64));
    net.faults.reordering = 50;
    for path in ["x", "y", "z"] {
        let length = 300 + path.len();
        let request = Request::new(Code::POST)
            .path_segment(path)
            .body(42, body(length));
        net.request(request);
        net.request(get(path));
    }
    let mut answered = 0;
    while answered < 6 {
        match net.either() {
            (
                B,
                Event::Request {
                    exchange, request, ..
                },
            ) => {
                let path = request.options.texts(option::URI_PATH).unwrap().concat();
                if request.code == Code::POST {
                    assert_eq!(request.payload, body(301));
                }
                let text = path.repeat(200).into_bytes();
                net.respond(exchange, Response::new(Code::CONTENT).body(0, text));
            }
            (A, Event::Response { response, .. }) => {
                let first = response.payload[0];
                assert!(response.payload.iter().all(|byte| *byte == first));
                assert_eq!(response.payload.len(), 200);
                answered += 1;
            }
            (_, Event::UploadStarted { .. } | Event::UploadProgress { .. }) => {}
            (end, other) => panic!("{end} {other:?}"),
        }
    }
    net.faults = Faults::default();
    net.assert_forgets_all();
}

#[test]
fn many_peers_upload_to_one_resource() {
    let mut endpoint = Endpoint::new(sized(16), rng(7));
    let now = Instant::from_micros(1);
    let peer = |n: u8| PeerId::from_address(0, ([192, 0, 2, n], 5683).into());
    let mut collected = Vec::new();
    for number in 0..4 {
        for n in 0..20 {
            let mut message = Message::new(
                MessageKind::Confirmable,
                Code::PUT,
                1 + number,
                Token::EMPTY,
            );
            message.options.push(option::URI_PATH, b"x");
            let block = Block {
                number: number.into(),
                more: number < 3,
                size: BlockSize::MIN,
            };
            message.options.set_uint(option::BLOCK1, block.to_uint());
            message.payload = vec![n; 16].into();
            endpoint.handle_datagram(now, peer(n), &message.encode().unwrap());
            while let Some(event) = endpoint.poll_event() {
                if let Event::Request { peer, request, .. } = event {
                    collected.push((peer, request.payload));
                }
            }
            let answer = endpoint.poll_transmit();
            assert_eq!(answer.is_some(), number < 3);
        }
    }
    let expected: Vec<_> = (0..20).map(|n| (peer(n), vec![n; 64].into())).collect();
    assert_eq!(collected, expected);
    assert_eq!(endpoint.metrics().incomplete_uploads, 0);
}

#[test]
fn fetch_and_ipatch_with_bodies_in_blocks() {
    for code in [Code::FETCH, Code::IPATCH, Code::PATCH] {
        let mut net = Net::with(8, sized(64), sized(64));
        let request = Request::new(code).path_segment("x").body(112, body(500));
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
        net.respond(exchange, Response::new(Code::CONTENT).body(112, body(400)));
        let response = loop {
            match net.event(A) {
                Event::UploadProgress { .. } => {}
                Event::Response { response, .. } => break response,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(response.payload, body(400));
        net.no_event(B);
        net.assert_forgets_all();
    }
}
