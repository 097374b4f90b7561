//! What a server makes of single blocks (RFC 7959, section 2.5): gaps, repetitions, and more than it has room for.

use super::*;
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

/// Hands B a first block without polling its events.
fn block_held(net: &mut Net, id: u16) -> Option<Transmit> {
    let mut message = Message::new(MessageKind::Confirmable, Code::PUT, id, Token::EMPTY);
    message.options.set_uint(option::BLOCK1, 0b1000);
    message.payload = body(16);
    net.drain();
    net.ends[B].handle_datagram(net.now, Net::peer(A), &message.encode().unwrap());
    net.ends[B].poll_transmit()
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
