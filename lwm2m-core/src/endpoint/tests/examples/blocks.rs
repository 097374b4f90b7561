//! Block-wise transfers (RFC 7959, section 3).

use super::*;

/// Options that a message may have beyond those that are drawn: they describe a body.
const UNDRAWN: [OptionNumber; 5] = [
    option::ETAG,
    option::SIZE1,
    option::SIZE2,
    option::REQUEST_TAG,
    option::CONTENT_FORMAT,
];

fn undescribed(mut message: Message) -> Message {
    for number in UNDRAWN {
        message.options.remove(number);
    }
    message
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
