//! Block-wise transfer, both directions and both roles.

mod download;
mod pieces;
mod upload;

use super::{basics::tell, *};

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
