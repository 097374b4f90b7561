//! The exchanges that RFCs draw, message by message, with this endpoint in each of the two roles: what the other side
//! says are the bytes of the RFC (`coap/vectors.rs` has them one by one), and what this side says must be those of the
//! RFC as well, but for the message ids and tokens that it chooses.

mod blocks;
mod observed_blocks;

use super::*;

fn token(byte: u8) -> Token {
    Token::new(&[byte]).unwrap()
}

fn with_text(mut message: Message, text: &'static str) -> Message {
    message.payload = Bytes::from_static(text.as_bytes());
    message
}

/// Hands a message to an end, and gives back all that it says thereupon.
fn tell(net: &mut Net, end: usize, message: &Message) -> Vec<Message> {
    let data = message.encode().unwrap();
    net.ends[end].handle_datagram(net.now, Net::peer(1 - end), &data);
    said(net, end)
}

/// All that an end has to say, and what happened to it before.
fn said(net: &mut Net, end: usize) -> Vec<Message> {
    while let Some(event) = net.ends[end].poll_event() {
        net.events[end].push_back(event);
    }
    core::iter::from_fn(|| net.ends[end].poll_transmit())
        .map(|transmit| Message::parse(&transmit.data).unwrap())
        .collect()
}

/// What an end says when time passes; timers that only let it forget something may end before.
fn said_after_timeout(net: &mut Net, end: usize) -> Vec<Message> {
    loop {
        net.now = net.ends[end].poll_timeout().expect("it waits");
        net.ends[end].handle_timeout(net.now);
        let messages = said(net, end);
        if !messages.is_empty() {
            return messages;
        }
    }
}

/// The message that an end of ours says, and nothing else.
fn only(mut messages: Vec<Message>) -> Message {
    assert_eq!(messages.len(), 1, "{messages:?}");
    messages.remove(0)
}

fn sized(block: usize) -> EndpointConfig {
    EndpointConfig {
        block_size: BlockSize::at_most(block),
        ..plain_config()
    }
}

fn get_temperature(kind: MessageKind, id: u16, byte: u8) -> Message {
    let mut message = Message::new(kind, Code::GET, id, token(byte));
    message.options.push(option::URI_PATH, b"temperature");
    message
}

fn temperature(kind: MessageKind, id: u16, byte: u8) -> Message {
    with_text(Message::new(kind, Code::CONTENT, id, token(byte)), "22.3 C")
}

fn reading() -> Response {
    let mut response = Response::new(Code::CONTENT);
    response.payload = Bytes::from_static(b"22.3 C");
    response
}

/// RFC 7252, figures 16 to 22: we are the server.
// proves: COAP-10, COAP-24, COAP-25
#[test]
fn rfc_7252_as_server() {
    use MessageKind::{Acknowledgement as ACK, Confirmable as CON, NonConfirmable as NON, Reset};
    // In the acknowledgement; figure 19: the acknowledgement is lost, so that the request comes again.
    let mut net = Net::new(1);
    for (id, byte) in [(0x7d35, 0x20), (0x7d36, 0x31), (0x7d37, 0x42)] {
        let asked = get_temperature(CON, id, byte);
        assert_eq!(tell(&mut net, B, &asked), []);
        let (exchange, request) = net.asked();
        assert_eq!(
            request.options.texts(option::URI_PATH),
            Some(vec!["temperature"])
        );
        net.ends[B].respond(net.now, exchange, reading()).unwrap();
        let answered = temperature(ACK, id, byte);
        assert_eq!(only(said(&mut net, B)), answered);
        assert_eq!(only(tell(&mut net, B, &asked)), answered);
        net.no_event(B);
    }
    // Separately, with a message id of our own; figure 21: who asked does not know of it any more.
    for (id, byte, ends) in [(0x7d38, 0x53, ACK), (0x7d39, 0x64, Reset)] {
        assert_eq!(tell(&mut net, B, &get_temperature(CON, id, byte)), []);
        let (exchange, _) = net.asked();
        let empty = only(said_after_timeout(&mut net, B));
        assert_eq!(empty, Message::empty(ACK, id));
        net.ends[B].respond(net.now, exchange, reading()).unwrap();
        let separate = only(said(&mut net, B));
        assert_eq!(separate, temperature(CON, separate.id, byte));
        assert_eq!(tell(&mut net, B, &Message::empty(ends, separate.id)), []);
        assert!(net.ends[B].transmissions.is_empty());
    }
    // Without acknowledgements.
    assert_eq!(tell(&mut net, B, &get_temperature(NON, 0x7d40, 0x75)), []);
    let (exchange, _) = net.asked();
    net.ends[B].respond(net.now, exchange, reading()).unwrap();
    let answered = only(said(&mut net, B));
    assert_eq!(answered, temperature(NON, answered.id, 0x75));
    net.assert_forgets_all();
}

/// RFC 7252, figures 16 to 22: we are the client.
// proves: COAP-09, COAP-24, COAP-25, COAP-26
#[test]
fn rfc_7252_as_client() {
    use MessageKind::{Acknowledgement as ACK, Confirmable as CON, NonConfirmable as NON, Reset};
    let mut net = Net::new(1);
    let ask = |net: &mut Net, confirmable| {
        let mut request = get("temperature");
        request.confirmable = confirmable;
        let peer = Net::peer(B);
        let options = RequestOptions::default();
        let id = net.ends[A]
            .request(net.now, peer, request, options)
            .unwrap();
        let asked = only(said(net, A));
        let kind = if confirmable { CON } else { NON };
        let mut drawn = get_temperature(kind, asked.id, 0);
        drawn.token = asked.token;
        assert_eq!(asked, drawn);
        (id, asked)
    };
    let answer = |asked: &Message, kind, id| Message {
        token: asked.token,
        ..temperature(kind, id, 0)
    };
    // Figures 17 and 18: at once, and where the request was lost.
    for lost in [false, true] {
        let (id, asked) = ask(&mut net, true);
        if lost {
            assert_eq!(only(said_after_timeout(&mut net, A)), asked);
        }
        assert_eq!(tell(&mut net, A, &answer(&asked, ACK, asked.id)), []);
        assert_eq!(net.answer(), (id, reading()));
    }
    // Figure 20, in both orders.
    for acknowledged_first in [true, false] {
        let (id, asked) = ask(&mut net, true);
        if acknowledged_first {
            assert_eq!(tell(&mut net, A, &Message::empty(ACK, asked.id)), []);
        }
        let id_of_response = 0xad7b + u16::from(acknowledged_first);
        let separate = answer(&asked, CON, id_of_response);
        assert_eq!(
            only(tell(&mut net, A, &separate)),
            Message::empty(ACK, id_of_response)
        );
        assert_eq!(net.answer(), (id, reading()));
        if !acknowledged_first {
            assert_eq!(tell(&mut net, A, &Message::empty(ACK, asked.id)), []);
        }
    }
    // Figure 21: to a client that has just begun to live, both come unexpected.
    let mut reborn = Net::new(2);
    assert_eq!(tell(&mut reborn, A, &Message::empty(ACK, 0x7d39)), []);
    let unexpected = only(tell(&mut reborn, A, &temperature(CON, 0xad7c, 0x64)));
    assert_eq!(unexpected, Message::empty(Reset, 0xad7c));
    reborn.no_event(A);
    // Figure 22.
    let (id, asked) = ask(&mut net, false);
    assert_eq!(tell(&mut net, A, &answer(&asked, NON, 0xad7d)), []);
    assert_eq!(net.answer(), (id, reading()));
    net.assert_forgets_all();
}

fn observed(kind: MessageKind, id: u16, sequence: u32, text: &'static str) -> Message {
    let mut message = Message::new(kind, Code::CONTENT, id, token(0x4a));
    message.options.set_uint(option::OBSERVE, sequence);
    message.options.set_uint(option::MAX_AGE, 15);
    with_text(message, text)
}

/// RFC 7641, figures 3 and 4: we are the server. The sequence numbers are our own, and grow.
// proves: OBSV-03, OBSV-05
#[test]
fn rfc_7641_as_server() {
    use MessageKind::{Acknowledgement as ACK, Confirmable as CON, NonConfirmable as NON};
    let mut net = Net::new(1);
    let state = |text: &'static str| {
        let mut response = Response::new(Code::CONTENT);
        response.options.set_uint(option::MAX_AGE, 15);
        response.payload = Bytes::from_static(text.as_bytes());
        response
    };
    let mut asked = get_temperature(CON, 0x1633, 0x4a);
    asked.options.set_uint(option::OBSERVE, 0);
    assert_eq!(tell(&mut net, B, &asked), []);
    let (exchange, _) = net.asked();
    let observer = net.ends[B]
        .respond_observe(net.now, exchange, state("18.5 Cel"))
        .unwrap();
    let first = only(said(&mut net, B));
    let sequence = first.options.uint(option::OBSERVE).expect("it is observed");
    assert_eq!(first, observed(ACK, 0x1633, sequence, "18.5 Cel"));

    net.run(Duration::from_secs(7));
    net.ends[B]
        .notify(net.now, observer, state("19.2 Cel"), false)
        .unwrap();
    let second = only(said(&mut net, B));
    let next = second
        .options
        .uint(option::OBSERVE)
        .expect("it is observed");
    assert_eq!(second, observed(NON, second.id, next, "19.2 Cel"));
    assert!(next > sequence && second.id != first.id);

    // Under another token, after a notification that was lost.
    net.ends[B]
        .notify(net.now, observer, state("19.7 Cel"), false)
        .unwrap();
    let lost = only(said(&mut net, B));
    let mut again = get_temperature(CON, 0x1634, 0xb2);
    again.options.set_uint(option::OBSERVE, 0);
    assert_eq!(tell(&mut net, B, &again), []);
    let (exchange, _) = net.asked();
    let mut tagged = state("19.7 Cel");
    tagged.options.push(option::ETAG, b"xyzzy");
    net.ends[B]
        .respond_observe(net.now, exchange, tagged)
        .unwrap();
    let renewed = only(said(&mut net, B));
    let sequence = renewed
        .options
        .uint(option::OBSERVE)
        .expect("it is observed");
    let mut drawn = observed(ACK, 0x1634, sequence, "19.7 Cel");
    drawn.token = token(0xb2);
    drawn.options.push(option::ETAG, b"xyzzy");
    assert_eq!(renewed, drawn);
    assert_ne!(lost.id, second.id);
}

/// RFC 7641, figures 3 and 4: we are the client. Ours renews under the same token, which the RFC allows as well.
// proves: OBSV-04, OBSV-10
#[test]
fn rfc_7641_as_client() {
    use MessageKind::{Acknowledgement as ACK, Confirmable as CON, NonConfirmable as NON};
    let mut net = Net::new(1);
    let options = RequestOptions::default();
    net.ends[A]
        .request(net.now, Net::peer(B), observe("temperature"), options)
        .unwrap();
    let asked = only(said(&mut net, A));
    let mut drawn = get_temperature(CON, asked.id, 0);
    drawn.options.set_uint(option::OBSERVE, 0);
    drawn.token = asked.token;
    assert_eq!(asked, drawn);
    let of_ours = |message: Message| Message {
        token: asked.token,
        ..message
    };
    assert_eq!(
        tell(
            &mut net,
            A,
            &of_ours(observed(ACK, asked.id, 9, "18.5 Cel"))
        ),
        []
    );
    let Event::Response {
        response,
        observation: Some(observation),
        ..
    } = net.event(A)
    else {
        panic!("it is observed");
    };
    assert_eq!(response.payload, "18.5 Cel");

    net.run(Duration::from_secs(7));
    assert_eq!(
        tell(&mut net, A, &of_ours(observed(NON, 0x7b50, 16, "19.2 Cel"))),
        []
    );
    let Event::Notification {
        response,
        last: false,
        ..
    } = net.event(A)
    else {
        panic!("it is notified");
    };
    assert_eq!(response.payload, "19.2 Cel");

    // The next one, with 25, is lost: after 15 seconds what is known is stale.
    net.now += Duration::from_secs(14);
    assert!(net.ends[A].is_fresh(net.now, observation));
    net.now += Duration::from_secs(2);
    assert!(!net.ends[A].is_fresh(net.now, observation));
    net.ends[A]
        .refresh_observation(net.now, observation)
        .unwrap();
    let again = only(said(&mut net, A));
    let id = again.id;
    assert_ne!(id, asked.id);
    assert_eq!(
        again,
        Message {
            id,
            ..asked.clone()
        }
    );
    let mut renewed = of_ours(observed(ACK, id, 44, "19.7 Cel"));
    renewed.options.push(option::ETAG, b"xyzzy");
    assert_eq!(tell(&mut net, A, &renewed), []);
    let Event::Response { response, .. } = net.event(A) else {
        panic!("it is renewed");
    };
    assert_eq!(response.payload, "19.7 Cel");
    assert!(net.ends[A].is_fresh(net.now, observation));
    // The lost one arrives after all: it is older than what is known.
    assert_eq!(
        tell(&mut net, A, &of_ours(observed(NON, 0x7b51, 25, "19.7 Cel"))),
        []
    );
    net.no_event(A);
}
