//! Observation of a body that takes several blocks (RFC 7959, section 3.4): figure 12, and figure 13 where the client
//! wants smaller blocks from the beginning.

use super::*;

/// The body before and after it has changed, 309 bytes each, and what tells them apart.
fn states() -> [(Bytes, &'static [u8], u32); 2] {
    let before = body(309);
    let after: Vec<u8> = before.iter().rev().copied().collect();
    [
        (before, b"\x6f\x00\xf3\x8e", 62350),
        (after.into(), b"\x6f\x00\xf3\x92", 62354),
    ]
}

/// Block size, and whether the client has asked for it.
const FIGURES: [(usize, bool); 2] = [(128, false), (64, true)];

fn block(number: usize, more: bool, size: usize) -> u32 {
    (number as u32) << 4 | u32::from(more) << 3 | (size.ilog2() - 4)
}

/// The request for one block, or the first one that tells no size.
fn get_icon(id: u16, byte: u8, wanted: Option<(usize, usize)>) -> Message {
    let mut message = Message::new(MessageKind::Confirmable, Code::GET, id, token(byte));
    message.options.push(option::URI_PATH, b"status-icon");
    if let Some((number, size)) = wanted {
        let wanted = block(number, false, size);
        message.options.set_uint(option::BLOCK2, wanted);
    }
    message
}

/// One block of the body, with its number of the observation where it is the first.
fn icon(kind: MessageKind, request: &Message, number: usize, size: usize, state: usize) -> Message {
    let (body, tag, sequence) = &states()[state];
    let mut message = Message::new(kind, Code::CONTENT, request.id, request.token);
    let end = ((number + 1) * size).min(body.len());
    let option = block(number, end < body.len(), size);
    message.options.set_uint(option::BLOCK2, option);
    message.options.push(option::ETAG, tag);
    if number == 0 {
        message.options.set_uint(option::OBSERVE, *sequence);
    }
    message.payload = body.slice(number * size..end);
    message
}

// proves: BLK-18, OBSV-03
#[test]
fn as_client() {
    use MessageKind::{Acknowledgement as ACK, Confirmable as CON};
    for (size, early) in FIGURES {
        let mut net = Net::with(1, sized(if early { size } else { 1024 }), plain_config());
        let options = RequestOptions::default();
        let peer = Net::peer(B);
        net.ends[A]
            .request(net.now, peer, observe("status-icon"), options)
            .unwrap();
        let first = only(said(&mut net, A));
        let mut drawn = get_icon(first.id, 0, early.then_some((0, size)));
        drawn.options.set_uint(option::OBSERVE, 0);
        drawn.token = first.token;
        assert_eq!(first, drawn);

        let mut replies = tell(&mut net, A, &icon(ACK, &first, 0, size, 0));
        fetch_the_others(&mut net, only(replies), &first, size, 0);
        let Event::Response {
            response,
            observation: Some(_),
            ..
        } = net.event(A)
        else {
            panic!("it is observed");
        };
        assert_eq!(response.payload, states()[0].0);

        let named = Message {
            id: 0xaf9c,
            ..first.clone()
        };
        replies = tell(&mut net, A, &icon(CON, &named, 0, size, 1));
        assert_eq!(replies.remove(0), Message::empty(ACK, 0xaf9c));
        fetch_the_others(&mut net, only(replies), &first, size, 1);
        let Event::Notification {
            response,
            last: false,
            ..
        } = net.event(A)
        else {
            panic!("it is notified");
        };
        assert_eq!(response.payload, states()[1].0);
        net.no_event(A);
    }
}

/// Answers the requests of A for the blocks behind the first, of which this is the first one.
fn fetch_the_others(net: &mut Net, mut asked: Message, first: &Message, size: usize, state: usize) {
    let last = states()[state].0.len().div_ceil(size) - 1;
    for number in 1..=last {
        let mut drawn = get_icon(asked.id, 0, Some((number, size)));
        drawn.token = asked.token;
        assert_eq!(asked, drawn);
        assert_ne!(asked.token, first.token, "that of the observation");
        let reply = icon(MessageKind::Acknowledgement, &asked, number, size, state);
        let replies = tell(net, A, &reply);
        match number == last {
            true => assert_eq!(replies, []),
            false => asked = only(replies),
        }
    }
}

// proves: BLK-18, OBSV-03
#[test]
fn as_server() {
    use MessageKind::{Acknowledgement as ACK, Confirmable as CON};
    for (size, early) in FIGURES {
        let mut net = Net::with(1, plain_config(), sized(128));
        let response = |state: usize| {
            let mut response = Response::new(Code::CONTENT);
            response.options.push(option::ETAG, states()[state].1);
            response.payload = states()[state].0.clone();
            response
        };
        let mut first = get_icon(0x1636, 0xfb, early.then_some((0, size)));
        first.options.set_uint(option::OBSERVE, 0);
        assert_eq!(tell(&mut net, B, &first), []);
        let (exchange, _) = net.asked();
        let observer = net.ends[B]
            .respond_observe(net.now, exchange, response(0))
            .unwrap();
        let reply = only(said(&mut net, B));
        let sequence = check_first(reply, icon(ACK, &first, 0, size, 0));
        fetch(&mut net, 0x1700, size, 0);

        net.ends[B]
            .notify(net.now, observer, response(1), true)
            .unwrap();
        let notification = only(said(&mut net, B));
        let named = Message {
            id: notification.id,
            ..first
        };
        let next = check_first(notification, icon(CON, &named, 0, size, 1));
        assert!(next > sequence);
        assert_eq!(tell(&mut net, B, &Message::empty(ACK, named.id)), []);
        let acknowledged = net.event(B);
        assert!(
            matches!(acknowledged, Event::NotificationAcknowledged { observer: of, .. } if of == observer)
        );
        fetch(&mut net, 0x1637, size, 1);
    }
}

/// That a first block is as drawn, but for the number that the server has chosen, which it tells.
fn check_first(mut message: Message, mut drawn: Message) -> u32 {
    let sequence = message
        .options
        .uint(option::OBSERVE)
        .expect("it is observed");
    message.options.remove(option::OBSERVE);
    message.options.remove(option::SIZE2);
    drawn.options.remove(option::OBSERVE);
    assert_eq!(message, drawn);
    sequence
}

/// Asks B for the blocks behind the first, under another token and the ids from this one on.
fn fetch(net: &mut Net, id: u16, size: usize, state: usize) {
    for number in 1..states()[state].0.len().div_ceil(size) {
        let asked = get_icon(id + number as u16 - 1, 0xfc, Some((number, size)));
        let reply = only(tell(net, B, &asked));
        assert_eq!(
            reply,
            icon(MessageKind::Acknowledgement, &asked, number, size, state)
        );
    }
    net.no_event(B);
}
