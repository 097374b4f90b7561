//! Echo in the middle of an upload (RFC 9175, sections 2.3 and 2.4), both sides.

use super::*;
use crate::coap::Block;

fn sized(block: usize, amplification: Amplification) -> EndpointConfig {
    EndpointConfig {
        block_size: BlockSize::at_most(block),
        amplification,
        ..EndpointConfig::default()
    }
}

fn plain(block: usize) -> EndpointConfig {
    sized(block, Amplification::Unlimited)
}

fn fetch(length: usize) -> Request {
    Request::new(Code::FETCH)
        .path_segment("x")
        .body(112, body(length))
}

fn challenge() -> Response {
    let mut response = Response::new(Code::UNAUTHORIZED);
    response.options.push(option::ECHO, b"fresh?");
    response
}

/// The next request at B; what begins it is passed over.
fn asked(net: &mut Net) -> (ExchangeId, Request) {
    loop {
        match net.event(B) {
            Event::UploadStarted { .. } => {}
            Event::Request {
                exchange, request, ..
            } => return (exchange, request),
            other => panic!("{other:?}"),
        }
    }
}

/// What comes of the request of A.
fn outcome(net: &mut Net) -> Event {
    loop {
        match net.event(A) {
            Event::UploadProgress { .. } => {}
            other => return other,
        }
    }
}

/// Block numbers of all that A has sent of its body, with whether they had Echo.
fn blocks(net: &Net) -> Vec<(u32, bool)> {
    let sent = net.sent.iter().filter(|(by, _)| *by == A);
    let block = |message: &Message| message.options.block(option::BLOCK1).unwrap();
    sent.filter_map(|(_, message)| {
        let echo = message.options.contains(option::ECHO);
        block(message).map(|block| (block.number, echo))
    })
    .collect()
}

// proves: BLK-28, BLK-30
#[test]
fn challenged_at_the_last_block_the_upload_goes_on() {
    for method in [Code::FETCH, Code::POST] {
        let mut net = Net::with(1, plain(64), plain(64));
        let mut request = fetch(150);
        request.code = method;
        net.request(request.clone());
        let (exchange, first) = asked(&mut net);
        assert_eq!(first, request);
        // The layer above wants to know that the request is fresh.
        net.respond(exchange, challenge());
        let (again, second) = asked(&mut net);
        assert_ne!(again, exchange);
        assert_eq!(second.payload, request.payload);
        assert_eq!(second.options.first(option::ECHO), Some(&b"fresh?"[..]));
        net.respond(again, content("done"));
        match outcome(&mut net) {
            Event::Response { response, .. } => assert_eq!(response, content("done")),
            other => panic!("{other:?}"),
        }
        let expected = [(0, false), (1, false), (2, false), (2, true)];
        assert_eq!(blocks(&net), expected);
        assert_eq!(net.ends[B].metrics().incomplete_uploads, 0);
        assert_eq!(net.ends[B].collected, 0);
        net.assert_forgets_all();
    }
}

#[test]
fn who_is_challenged_and_stays_away_is_forgotten() {
    let mut net = Net::with(2, plain(64), plain(64));
    net.request(fetch(150));
    let (exchange, _) = asked(&mut net);
    net.lose = Box::new(|by, _| by == A);
    net.respond(exchange, challenge());
    assert_eq!(net.ends[B].collected, 150, "kept");
    net.run(Duration::from_secs(300));
    assert_eq!(net.ends[B].collected, 0);
    net.assert_forgets_all();
}

#[test]
fn a_reported_upload_that_begins_again_is_answered_all_the_same() {
    let mut endpoint = Endpoint::new(plain(16), rng(3));
    let (now, peer) = (Instant::from_micros(1), Net::peer(A));
    let tell = |endpoint: &mut Endpoint, id: u16, number: u32, more: bool| {
        let token = Token::new(&[id as u8]).unwrap();
        let mut message = Message::new(MessageKind::Confirmable, Code::POST, id, token);
        let size = BlockSize::MIN;
        let block = Block { number, more, size };
        message.options.set_uint(option::BLOCK1, block.to_uint());
        message.payload = body(16);
        endpoint.handle_datagram(now, peer, &message.encode().unwrap());
        let mut asked = None;
        while let Some(event) = endpoint.poll_event() {
            if let Event::Request { exchange, .. } = event {
                asked = Some(exchange);
            }
        }
        let answer = endpoint.poll_transmit();
        (
            asked,
            answer.map(|sent| Message::parse(&sent.data).unwrap()),
        )
    };
    tell(&mut endpoint, 1, 0, true);
    let (first, _) = tell(&mut endpoint, 2, 1, false);
    // The last block once more, under another message id: the answer goes there.
    assert_eq!(tell(&mut endpoint, 3, 1, false), (None, None));
    // From the beginning, before the first is answered.
    let (_, answer) = tell(&mut endpoint, 4, 0, true);
    assert_eq!(answer.unwrap().code, Code::CONTINUE);
    let (second, _) = tell(&mut endpoint, 5, 1, false);
    for (exchange, id) in [(first, 3), (second, 5)] {
        let done = Response::new(Code::CHANGED);
        endpoint.respond(now, exchange.unwrap(), done).unwrap();
        let sent = endpoint.poll_transmit().unwrap();
        let sent = Message::parse(&sent.data).unwrap();
        assert_eq!((sent.code, sent.id), (Code::CHANGED, id));
    }
    assert_eq!(endpoint.collected, 0);
}

/// A server of another make that forgets the upload when it challenges, at any of its blocks.
#[test]
fn begun_again_where_the_server_has_forgotten_the_blocks_before() {
    for at in 0..3 {
        let mut net = Net::with(4, plain(64), plain(64));
        let (now, peer) = (net.now, Net::peer(B));
        net.ends[A]
            .request(now, peer, fetch(150), RequestOptions::default())
            .unwrap();
        let mut kept = 0;
        let mut numbers = Vec::new();
        let event = loop {
            if let Some(event) = net.ends[A].poll_event() {
                if !matches!(event, Event::UploadProgress { .. }) {
                    break event;
                }
                continue;
            }
            let sent = net.ends[A].poll_transmit().expect("it goes on");
            let message = Message::parse(&sent.data).unwrap();
            let block = message.options.block(option::BLOCK1).unwrap().unwrap();
            let echo = message.options.contains(option::ECHO);
            numbers.push((block.number, echo));
            let code = if block.number == at && !echo {
                kept = 0;
                Code::UNAUTHORIZED
            } else if block.offset() != kept {
                Code::REQUEST_ENTITY_INCOMPLETE
            } else {
                kept += message.payload.len();
                match block.more {
                    true => Code::CONTINUE,
                    false => Code::CONTENT,
                }
            };
            let kind = MessageKind::Acknowledgement;
            let mut answer = Message::new(kind, code, message.id, message.token);
            match code {
                Code::UNAUTHORIZED => answer.options.push(option::ECHO, b"who?"),
                _ => answer.options.set_uint(option::BLOCK1, block.to_uint()),
            }
            net.ends[A].handle_datagram(now, peer, &answer.encode().unwrap());
        };
        assert!(
            matches!(&event, Event::Response { response, .. } if response.code == Code::CONTENT),
            "{at} {event:?}"
        );
        let before = (0..=at).map(|number| (number, false));
        // The block again, and where the server has forgotten those before it, all of them.
        let after = match at {
            0 => vec![(0, true), (1, true), (2, true)],
            at => vec![(at, true), (0, true), (1, true), (2, true)],
        };
        assert_eq!(numbers, before.chain(after).collect::<Vec<_>>());
    }
}

#[test]
fn not_begun_again_twice_nor_without_a_challenge() {
    for challenged in [true, false] {
        let mut net = Net::with(5, plain(64), plain(64));
        let (now, peer) = (net.now, Net::peer(B));
        net.ends[A]
            .request(now, peer, fetch(150), RequestOptions::default())
            .unwrap();
        let mut sent = 0;
        let event = loop {
            match net.ends[A].poll_event() {
                Some(Event::UploadProgress { .. }) => continue,
                Some(event) => break event,
                None => {}
            }
            let data = net.ends[A].poll_transmit().expect("it goes on").data;
            let message = Message::parse(&data).unwrap();
            let block = message.options.block(option::BLOCK1).unwrap().unwrap();
            sent += 1;
            let echo = message.options.contains(option::ECHO);
            let code = match (block.number, echo) {
                (0, _) => Code::CONTINUE,
                (_, false) if challenged => Code::UNAUTHORIZED,
                _ => Code::REQUEST_ENTITY_INCOMPLETE,
            };
            let kind = MessageKind::Acknowledgement;
            let mut answer = Message::new(kind, code, message.id, message.token);
            match code {
                Code::UNAUTHORIZED => answer.options.push(option::ECHO, b"who?"),
                _ => answer.options.set_uint(option::BLOCK1, block.to_uint()),
            }
            net.ends[A].handle_datagram(now, peer, &answer.encode().unwrap());
        };
        assert!(matches!(&event, Event::Response { response, .. }
            if response.code == Code::REQUEST_ENTITY_INCOMPLETE));
        // Blocks 0, 1, 1 with Echo, 0, 1; without challenge 0, 1.
        assert_eq!(sent, if challenged { 5 } else { 2 });
    }
}

// proves: BLK-30, GEN-16
#[test]
fn an_upload_is_challenged_before_anything_of_it_is_kept() {
    for method in [Code::FETCH, Code::POST] {
        let mut net = Net::with(6, plain(64), sized(64, Amplification::Challenge));
        let mut request = fetch(150);
        request.code = method;
        net.request(request.clone());
        net.run(LATENCY);
        assert!(net.ends[B].uploads.is_empty() && net.ends[B].exchanges.is_empty());
        let (exchange, got) = asked(&mut net);
        assert_eq!(got, request, "no business of the layer above");
        let large = Response::new(Code::CONTENT).body(42, body(1000));
        net.respond(exchange, large);
        assert!(matches!(outcome(&mut net), Event::Response { response, .. }
            if response.payload == body(1000)));
        assert_eq!(blocks(&net)[..3], [(0, false), (0, true), (1, true)]);
        let metrics = net.ends[B].metrics();
        assert_eq!((metrics.challenges, metrics.proven_addresses), (1, 1));
        assert_eq!(metrics.reduced_answers, 0);
        net.assert_forgets_all();
    }
}

/// A response that has no room because of its options, at the last block.
#[test]
fn what_does_not_fit_behind_an_upload_is_challenged_there_and_then_told() {
    let mut net = Net::with(
        7,
        plain(16),
        EndpointConfig {
            block_size: BlockSize::MIN,
            ..EndpointConfig::default()
        },
    );
    net.request(fetch(20));
    let mut wide = content("0");
    for _ in 0..4 {
        wide.options.push(option::LOCATION_QUERY, &[b'q'; 200]);
    }
    for proven in [false, true] {
        let (exchange, request) = asked(&mut net);
        assert_eq!(request.payload, body(20));
        assert_eq!(net.ends[B].is_address_proven(Net::peer(A)), proven);
        net.respond(exchange, wide.clone());
    }
    assert!(matches!(outcome(&mut net), Event::Response { response, .. } if response == wide));
    assert_eq!(net.ends[B].metrics().incomplete_uploads, 0);
    net.assert_forgets_all();
}
