//! Bodies that go to a server, collected or streamed there (RFC 7959, section 2.5): the way of a whole one.

use super::*;

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
