//! The exchanges that RFCs draw, message by message, with this endpoint in each of the two roles: what the other side
//! says are the bytes of the RFC (`coap/vectors.rs` has them one by one), and what this side says must be those of the
//! RFC as well, but for the message ids and tokens that it chooses.

use super::*;

/// Options that a message may have beyond those that are drawn: they describe a body.
const UNDRAWN: [OptionNumber; 5] = [
    option::ETAG,
    option::SIZE1,
    option::SIZE2,
    option::REQUEST_TAG,
    option::CONTENT_FORMAT,
];

fn token(byte: u8) -> Token {
    Token::new(&[byte]).unwrap()
}

fn with_text(mut message: Message, text: &'static str) -> Message {
    message.payload = Bytes::from_static(text.as_bytes());
    message
}

fn undescribed(mut message: Message) -> Message {
    for number in UNDRAWN {
        message.options.remove(number);
    }
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

/// An exchange of RFC 7959, section 3, as it is drawn there.
struct Drawn {
    figure: u8,
    /// Largest block of the server, and of the client where we are one in this exchange.
    server: Option<usize>,
    client: Option<usize>,
    /// Bytes of the bodies of the request and of the response, within what the figure says of the last block.
    bodies: [usize; 2],
    /// Request and response in turns.
    lines: &'static [&'static str],
}

/// The numbers of two acknowledgements of figure 9 are misprinted in the RFC.
const DRAWN: [Drawn; 8] = [
    Drawn {
        figure: 2,
        server: Some(128),
        client: Some(1024),
        bodies: [0, 300],
        lines: &[
            "CON 1234 GET /status",
            "ACK 1234 2.05 2:0/1/128",
            "CON 1235 GET /status 2:1/0/128",
            "ACK 1235 2.05 2:1/1/128",
            "CON 1236 GET /status 2:2/0/128",
            "ACK 1236 2.05 2:2/0/128",
        ],
    },
    Drawn {
        figure: 3,
        server: Some(1024),
        client: Some(64),
        bodies: [0, 340],
        lines: &[
            "CON 1234 GET /status 2:0/0/64",
            "ACK 1234 2.05 2:0/1/64",
            "CON 1235 GET /status 2:1/0/64",
            "ACK 1235 2.05 2:1/1/64",
            "CON 1236 GET /status 2:2/0/64",
            "ACK 1236 2.05 2:2/1/64",
            "CON 1237 GET /status 2:3/0/64",
            "ACK 1237 2.05 2:3/1/64",
            "CON 1238 GET /status 2:4/0/64",
            "ACK 1238 2.05 2:4/1/64",
            "CON 1239 GET /status 2:5/0/64",
            "ACK 1239 2.05 2:5/0/64",
        ],
    },
    // Our client tells the size it wants at once, as in figure 3.
    Drawn {
        figure: 4,
        server: Some(128),
        client: None,
        bodies: [0, 340],
        lines: &[
            "CON 1234 GET /status",
            "ACK 1234 2.05 2:0/1/128",
            "CON 1235 GET /status 2:2/0/64",
            "ACK 1235 2.05 2:2/1/64",
            "CON 1236 GET /status 2:3/0/64",
            "ACK 1236 2.05 2:3/1/64",
            "CON 1237 GET /status 2:4/0/64",
            "ACK 1237 2.05 2:4/1/64",
            "CON 1238 GET /status 2:5/0/64",
            "ACK 1238 2.05 2:5/0/64",
        ],
    },
    Drawn {
        figure: 7,
        server: Some(128),
        client: Some(128),
        bodies: [300, 0],
        lines: &[
            "CON 1234 PUT /options 1:0/1/128",
            "ACK 1234 2.31 1:0/1/128",
            "CON 1235 PUT /options 1:1/1/128",
            "ACK 1235 2.31 1:1/1/128",
            "CON 1236 PUT /options 1:2/0/128",
            "ACK 1236 2.04 1:2/0/128",
        ],
    },
    // Our server takes the whole body or none of it.
    Drawn {
        figure: 8,
        server: None,
        client: Some(128),
        bodies: [300, 0],
        lines: &[
            "CON 1234 PUT /options 1:0/1/128",
            "ACK 1234 2.04 1:0/0/128",
            "CON 1235 PUT /options 1:1/1/128",
            "ACK 1235 2.04 1:1/0/128",
            "CON 1236 PUT /options 1:2/0/128",
            "ACK 1236 2.04 1:2/0/128",
        ],
    },
    Drawn {
        figure: 9,
        server: Some(32),
        client: Some(128),
        bodies: [220, 0],
        lines: &[
            "CON 1234 PUT /options 1:0/1/128",
            "ACK 1234 2.31 1:0/1/32",
            "CON 1235 PUT /options 1:4/1/32",
            "ACK 1235 2.31 1:4/1/32",
            "CON 1236 PUT /options 1:5/1/32",
            "ACK 1236 2.31 1:5/1/32",
            "CON 1237 PUT /options 1:6/0/32",
            "ACK 1237 2.04 1:6/0/32",
        ],
    },
    Drawn {
        figure: 10,
        server: Some(128),
        client: Some(128),
        bodies: [300, 400],
        lines: &[
            "CON 1234 POST /soap 1:0/1/128",
            "ACK 1234 2.31 1:0/1/128",
            "CON 1235 POST /soap 1:1/1/128",
            "ACK 1235 2.31 1:1/1/128",
            "CON 1236 POST /soap 1:2/0/128",
            "ACK 1236 2.04 2:0/1/128 1:2/0/128",
            "CON 1237 POST /soap 2:1/0/128",
            "ACK 1237 2.04 2:1/1/128",
            "CON 1238 POST /soap 2:2/0/128",
            "ACK 1238 2.04 2:2/1/128",
            "CON 1239 POST /soap 2:3/0/128",
            "ACK 1239 2.04 2:3/0/128",
        ],
    },
    // Our client tells a size for the response only where it repeats nothing (GET, FETCH).
    Drawn {
        figure: 11,
        server: Some(128),
        client: None,
        bodies: [300, 250],
        lines: &[
            "CON 1234 POST /soap 1:0/1/128",
            "ACK 1234 2.31 1:0/1/128",
            "CON 1235 POST /soap 1:1/1/128",
            "ACK 1235 2.31 1:1/1/128",
            "CON 1236 POST /soap 1:2/0/128 2:0/0/64",
            "ACK 1236 2.04 1:2/0/128 2:0/1/64",
            "CON 1237 POST /soap 2:1/0/64",
            "ACK 1237 2.04 2:1/1/64",
            "CON 1238 POST /soap 2:2/0/64",
            "ACK 1238 2.04 2:2/1/64",
            "CON 1239 POST /soap 2:3/0/64",
            "ACK 1239 2.04 2:3/0/64",
        ],
    },
];

impl Drawn {
    fn bodies(&self) -> [Bytes; 2] {
        self.bodies.map(body)
    }

    /// The message of a line, with the part of the body that its block option names.
    fn message(&self, line: &str) -> Message {
        let mut words = line.split(' ');
        let mut word = || words.next().expect("another word");
        let (kind, id, code) = (word(), word(), word());
        let kind = match kind {
            "CON" => MessageKind::Confirmable,
            _ => MessageKind::Acknowledgement,
        };
        let (code, of_request) = match code {
            "GET" => (Code::GET, true),
            "PUT" => (Code::PUT, true),
            "POST" => (Code::POST, true),
            "2.04" => (Code::CHANGED, false),
            "2.05" => (Code::CONTENT, false),
            "2.31" => (Code::CONTINUE, false),
            other => panic!("{other}"),
        };
        let mut message = Message::new(kind, code, id.parse().unwrap(), token(0x99));
        let [of_requests, of_responses] = self.bodies();
        for word in words {
            if let Some(path) = word.strip_prefix('/') {
                message.options.push(option::URI_PATH, path.as_bytes());
                continue;
            }
            let (which, block) = word.split_once(':').expect("a block");
            let [number, more, size] = [0, 1, 2].map(|at| {
                let part = block.split('/').nth(at).expect("three parts");
                part.parse::<u32>().unwrap()
            });
            // RFC 7959, section 2.2, by hand.
            let exponent = size.ilog2() - 4;
            let (option, body, carries) = match which {
                "1" => (option::BLOCK1, &of_requests, of_request),
                _ => (option::BLOCK2, &of_responses, !of_request),
            };
            message
                .options
                .set_uint(option, number << 4 | more << 3 | exponent);
            if carries {
                let from = (number * size) as usize;
                let end = (from + size as usize).min(body.len());
                assert_eq!(
                    end < body.len(),
                    more == 1,
                    "figure {}: {line}",
                    self.figure
                );
                message.payload = body.slice(from..end);
            }
        }
        message
    }

    /// Request and response of each step.
    fn steps(&self) -> impl Iterator<Item = (Message, Message)> {
        self.lines
            .chunks_exact(2)
            .map(|pair| (self.message(pair[0]), self.message(pair[1])))
    }

    /// What the client asks for, and what the server answers, as wholes.
    fn wholes(&self) -> (Request, Response) {
        let (first, _) = self.steps().next().expect("it has steps");
        let (_, last) = self.steps().last().expect("it has steps");
        let [of_request, of_response] = self.bodies();
        let mut request = Request::new(first.code);
        for segment in first.options.all(option::URI_PATH) {
            request.options.push(option::URI_PATH, segment);
        }
        request.payload = of_request;
        let mut response = Response::new(last.code);
        response.payload = of_response;
        (request, response)
    }
}

fn sized(block: usize) -> EndpointConfig {
    EndpointConfig {
        block_size: BlockSize::at_most(block),
        ..plain_config()
    }
}

/// RFC 7959, figures 2 to 11: we are the server. Where an acknowledgement is lost (figure 6) the same request comes
/// again, and is answered by the same message.
// proves: BLK-04, BLK-05, BLK-12, BLK-13
#[test]
fn rfc_7959_as_server() {
    for drawn in &DRAWN {
        let Some(block) = drawn.server else {
            continue;
        };
        let mut net = Net::with(1, plain_config(), sized(block));
        let (whole, response) = drawn.wholes();
        let mut asked = 0;
        for (request, expected) in drawn.steps() {
            let mut replies = tell(&mut net, B, &request);
            while let Some(event) = net.events[B].pop_front() {
                match event {
                    Event::UploadStarted { .. } => {}
                    Event::Request {
                        exchange, request, ..
                    } => {
                        asked += 1;
                        assert_eq!(request.payload, whole.payload, "figure {}", drawn.figure);
                        net.ends[B]
                            .respond(net.now, exchange, response.clone())
                            .unwrap();
                    }
                    other => panic!("{other:?}"),
                }
            }
            replies.extend(said(&mut net, B));
            let reply = only(replies);
            assert_eq!(
                undescribed(reply.clone()),
                expected,
                "figure {}",
                drawn.figure
            );
            assert_eq!(
                only(tell(&mut net, B, &request)),
                reply,
                "figure {}",
                drawn.figure
            );
        }
        assert_eq!(asked, 1, "figure {}", drawn.figure);
        net.assert_forgets_all();
    }
}

/// RFC 7959, figures 2 to 10: we are the client. Where a request or its acknowledgement is lost (figures 5 and 6) the
/// same message goes again.
// proves: BLK-04, BLK-06, BLK-11
#[test]
fn rfc_7959_as_client() {
    for (drawn, lost) in DRAWN
        .iter()
        .flat_map(|drawn| [(drawn, false), (drawn, true)])
    {
        let Some(block) = drawn.client else {
            continue;
        };
        let mut net = Net::with(1, sized(block), plain_config());
        let (request, response) = drawn.wholes();
        let options = RequestOptions::default();
        let id = net.ends[A]
            .request(net.now, Net::peer(B), request, options)
            .unwrap();
        let mut messages = said(&mut net, A);
        for (expected, mut reply) in drawn.steps() {
            let message = only(messages);
            (reply.id, reply.token) = (message.id, message.token);
            let ours = Message {
                id: expected.id,
                token: expected.token,
                ..undescribed(message.clone())
            };
            assert_eq!(ours, expected, "figure {}", drawn.figure);
            if lost {
                assert_eq!(only(said_after_timeout(&mut net, A)), message);
            }
            messages = tell(&mut net, A, &reply);
        }
        assert_eq!(messages, [], "figure {}", drawn.figure);
        let events = core::mem::take(&mut net.events[A]);
        let mut events = events.into_iter();
        let last = events.find(|event| !matches!(event, Event::UploadProgress { .. }));
        let Some(Event::Response {
            request,
            response: came,
            ..
        }) = last
        else {
            panic!("figure {}: {last:?}", drawn.figure);
        };
        assert_eq!((request, came.code), (id, response.code));
        assert_eq!(came.payload, response.payload, "figure {}", drawn.figure);
        net.assert_forgets_all();
    }
}
