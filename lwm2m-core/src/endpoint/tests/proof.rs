//! Proof of address, and what goes to addresses that have proven nothing.

use super::*;
use std::collections::HashMap;

/// A server that is told bytes, and what came from and went to each address.
struct Server {
    endpoint: Endpoint,
    now: Instant,
    came: HashMap<PeerId, u64>,
    went: HashMap<PeerId, u64>,
    id: u16,
}

impl Server {
    fn new(amplification: Amplification) -> Self {
        let config = EndpointConfig {
            amplification,
            ..EndpointConfig::default()
        };
        Server {
            endpoint: Endpoint::new(config, rng(1)),
            now: Instant::from_micros(1_000_000_000),
            came: HashMap::new(),
            went: HashMap::new(),
            id: 0,
        }
    }

    fn tell(&mut self, peer: PeerId, message: &Message) {
        let data = message.encode().unwrap();
        *self.came.entry(peer).or_default() += data.len() as u64;
        self.endpoint.handle_datagram(self.now, peer, &data);
    }

    /// What goes now, and that it is not too much.
    fn sent(&mut self) -> Vec<(PeerId, Message)> {
        let mut sent = Vec::new();
        while let Some(Transmit { peer, data }) = self.endpoint.poll_transmit() {
            let went = self.went.entry(peer).or_default();
            *went += data.len() as u64;
            let came = self.came.get(&peer).copied().unwrap_or_default();
            assert!(
                *went <= 3 * came || self.endpoint.is_address_proven(peer),
                "{went} for {came} bytes"
            );
            sent.push((peer, Message::parse(&data).unwrap()));
        }
        sent
    }

    fn only(&mut self) -> Message {
        let mut sent = self.sent();
        assert_eq!(sent.len(), 1, "{sent:?}");
        sent.remove(0).1
    }

    fn request(&mut self, code: Code, token: &[u8]) -> Message {
        self.id += 1;
        let token = Token::new(token).unwrap();
        let mut message = Message::new(MessageKind::Confirmable, code, self.id, token);
        message.options.push(option::URI_PATH, b"large");
        message
    }

    /// The next request that the layer above hears of.
    fn asked(&mut self) -> Option<ExchangeId> {
        loop {
            if let Event::Request { exchange, .. } = self.endpoint.poll_event()? {
                return Some(exchange);
            }
        }
    }

    /// Takes in a request and answers it with a body of this length.
    fn answer(&mut self, peer: PeerId, request: &Message, length: usize) -> Message {
        self.tell(peer, request);
        if let Some(exchange) = self.asked() {
            let response = Response::new(Code::CONTENT).body(42, body(length));
            self.endpoint.respond(self.now, exchange, response).unwrap();
        }
        self.only()
    }
}

fn peer(port: u16) -> PeerId {
    PeerId::from_address(0, ([192, 0, 2, 9], port).into())
}

fn echo_of(message: &Message) -> Vec<u8> {
    message.options.first(option::ECHO).expect("Echo").to_vec()
}

fn block2(message: &Message) -> crate::coap::Block {
    message.options.block(option::BLOCK2).unwrap().unwrap()
}

// proves: COAP-49
#[test]
fn a_peer_that_does_not_know_echo_gets_small_blocks() {
    let mut server = Server::new(Amplification::SmallBlocks);
    let expected = body(500);
    let mut got = Vec::new();
    let mut number = 0;
    loop {
        let mut request = server.request(Code::GET, &[1, 2, 3, 4]);
        if number > 0 {
            let wanted = crate::coap::Block {
                number,
                more: false,
                size: BlockSize::MIN,
            };
            request.options.set_uint(option::BLOCK2, wanted.to_uint());
        }
        let answer = server.answer(peer(1), &request, 500);
        assert_eq!(answer.code, Code::CONTENT);
        let block = block2(&answer);
        assert!(block.size.bytes() < 64);
        // The size of the first rules.
        number = ((got.len() + answer.payload.len()) / 16) as u32;
        got.extend_from_slice(&answer.payload);
        if !block.more {
            break;
        }
    }
    assert_eq!(got, expected);
    assert!(!server.endpoint.is_address_proven(peer(1)));
    assert_eq!(
        server.endpoint.metrics().reduced_answers,
        1,
        "then the peer asks for small ones"
    );
    assert_eq!(server.endpoint.metrics().challenges, 0);
}

// proves: GEN-17
#[test]
fn echo_comes_with_the_first_small_block_and_opens_the_way() {
    // Both ends are endpoints of ours: nobody above them notices.
    let mut net = Net::with(3, plain_config(), EndpointConfig::default());
    net.request(get("large"));
    let (exchange, _) = net.asked();
    net.respond(exchange, Response::new(Code::CONTENT).body(42, body(3000)));
    let (_, response) = net.answer();
    assert_eq!(response.payload, body(3000));
    assert!(!response.options.contains(option::ECHO));
    let metrics = net.ends[B].metrics();
    assert_eq!((metrics.proven_addresses, metrics.challenges), (1, 0));
    let with_echo = |(_, message): &&(usize, Message)| message.options.contains(option::ECHO);
    assert_eq!(
        net.sent.iter().filter(with_echo).count(),
        2,
        "there and back"
    );
    // From now on in large blocks.
    net.sent.clear();
    net.request(get("large"));
    let (exchange, _) = net.asked();
    net.respond(exchange, Response::new(Code::CONTENT).body(42, body(3000)));
    net.answer();
    assert_eq!(net.sent.len(), 6);
    assert_eq!(net.ends[B].metrics().withheld, 0);
    net.assert_forgets_all();
}

// proves: BLK-30, GEN-16, GEN-17
#[test]
fn challenged_where_that_is_chosen() {
    let mut server = Server::new(Amplification::Challenge);
    let request = server.request(Code::GET, &[1]);
    let answer = server.answer(peer(1), &request, 1000);
    assert_eq!(answer.code, Code::UNAUTHORIZED);
    let echo = echo_of(&answer);
    let mut request = server.request(Code::GET, &[2]);
    request.options.set(option::ECHO, &echo);
    let answer = server.answer(peer(1), &request, 1000);
    assert_eq!((answer.code, answer.payload.len()), (Code::CONTENT, 1000));
    assert!(server.endpoint.is_address_proven(peer(1)));
    // The answer to a request that was acted on is not taken back; nor is who has been asked in vain asked again.
    let request = server.request(Code::POST, &[1, 1, 1, 1]);
    let answer = server.answer(peer(2), &request, 1000);
    assert_eq!((answer.code, block2(&answer).more), (Code::CONTENT, true));
    for code in [Code::UNAUTHORIZED, Code::CONTENT] {
        let request = server.request(Code::FETCH, &[1, 1, 1, 1]);
        let answer = server.answer(peer(3), &request, 1000);
        assert_eq!(answer.code, code);
        assert!(answer.options.contains(option::ECHO));
    }
    assert_eq!(server.endpoint.metrics().challenges, 2);
}

// proves: GEN-16
#[test]
fn an_echo_value_is_good_for_one_peer_and_one_time() {
    let mut server = Server::new(Amplification::Challenge);
    let request = server.request(Code::GET, &[1]);
    let echo = echo_of(&server.answer(peer(1), &request, 1000));
    let lifetime = EndpointConfig::default().echo_lifetime;
    let start = server.now;
    let mut wrong = echo.clone();
    wrong[7] ^= 1;
    let request = server.request(Code::GET, &[1]);
    let other = echo_of(&server.answer(peer(2), &request, 1000));
    for (port, value, after, proven) in [
        (2, &echo[..], Duration::ZERO, false),
        (1, &wrong[..], Duration::ZERO, false),
        (1, &echo[..7], Duration::ZERO, false),
        (1, &[0; 40][..], Duration::ZERO, false),
        (1, &echo[..], lifetime / 2, true),
        (2, &other[..], lifetime, false),
    ] {
        server.now = start + after;
        let mut request = server.request(Code::GET, &[1]);
        request.options.set(option::ECHO, value);
        server.answer(peer(port), &request, 10);
        let found = server.endpoint.is_address_proven(peer(port));
        assert_eq!(found, proven, "{port} {value:02x?} {after:?}");
    }
    // As long as its state lives.
    server
        .endpoint
        .handle_timeout(start + Duration::from_secs(1000));
    assert!(!server.endpoint.is_address_proven(peer(1)));
}

// proves: BLK-30
#[test]
fn tiny_requests() {
    let mut server = Server::new(Amplification::SmallBlocks);
    // Twelve bytes may go: not even Echo.
    let request = Message::new(MessageKind::Confirmable, Code::GET, 1, Token::EMPTY);
    let answer = server.answer(peer(1), &request, 1000);
    assert_eq!(
        (answer.code, answer.options.len()),
        (Code::SERVICE_UNAVAILABLE, 0)
    );
    // Eighteen: Echo and no more.
    let token = Token::new(&[1, 2]).unwrap();
    let request = Message::new(MessageKind::Confirmable, Code::GET, 1, token);
    let answer = server.answer(peer(2), &request, 1000);
    assert_eq!(answer.code, Code::UNAUTHORIZED);
    // Who cannot be told what came of it is asked for a proof before anything is done.
    for (port, token, code) in [
        (3, &[1, 2][..], Code::UNAUTHORIZED),
        (4, &[], Code::SERVICE_UNAVAILABLE),
    ] {
        let token = Token::new(token).unwrap();
        let mut request = Message::new(MessageKind::Confirmable, Code::POST, 1, token);
        server.tell(peer(port), &request);
        assert_eq!(server.asked(), None, "not acted on");
        let refused = server.only();
        assert_eq!(refused.code, code);
        let echo = refused.options.first(option::ECHO);
        if let Some(echo) = echo {
            request.id = 2;
            request.options.set(option::ECHO, echo);
            let answer = server.answer(peer(port), &request, 1000);
            assert_eq!((answer.code, answer.payload.len()), (Code::CONTENT, 1000));
        }
    }
    // Thirty bytes hold the smallest block, with a header, a token of four bytes, and what tells which block it is.
    let token = Token::new(&[1, 2, 3, 4]).unwrap();
    let mut request = Message::new(MessageKind::Confirmable, Code::POST, 1, token);
    request.options.push(option::URI_PATH, b"x");
    server.tell(peer(5), &request);
    assert!(server.asked().is_some());
}

#[test]
fn an_error_loses_its_text() {
    let mut server = Server::new(Amplification::SmallBlocks);
    let request = server.request(Code::POST, &[1]);
    server.tell(peer(1), &request);
    let exchange = server.asked().unwrap();
    let text = "a very long explanation of what the sender has done wrong";
    let refusal = Response::new(Code::BAD_REQUEST).diagnostic(text);
    server
        .endpoint
        .respond(server.now, exchange, refusal)
        .unwrap();
    let answer = server.only();
    assert_eq!((answer.code, answer.payload.len()), (Code::BAD_REQUEST, 0));
}

#[test]
fn no_bound_where_the_address_is_known() {
    // A connection, and every peer where no sender can lie.
    let connection = PeerId::from_connection(0, 1);
    for (amplification, peer) in [
        (Amplification::SmallBlocks, connection),
        (Amplification::Unlimited, peer(1)),
    ] {
        let mut server = Server::new(amplification);
        let request = server.request(Code::GET, &[1]);
        let answer = server.answer(peer, &request, 1000);
        assert_eq!(answer.payload.len(), 1000);
        assert!(server.endpoint.is_address_proven(peer));
    }
    let server = Server::new(Amplification::SmallBlocks);
    assert!(!server.endpoint.is_address_proven(peer(2)), "unknown");
}

// proves: COAP-49
#[test]
fn that_we_speak_first_proves_nothing_and_the_response_does() {
    let mut server = Server::new(Amplification::SmallBlocks);
    let (now, options) = (server.now, RequestOptions::default());
    let asked = server.endpoint.request(now, peer(1), get("x"), options);
    // It goes at once, whatever the room is.
    let sent = server.endpoint.poll_transmit().unwrap();
    let sent = Message::parse(&sent.data).unwrap();
    assert!(!server.endpoint.is_address_proven(peer(1)));
    // Somebody asks in the name of that address: `sent` watches that it gets no more than three times as much.
    let spoofed = server.request(Code::GET, &[1]);
    let answer = server.answer(peer(1), &spoofed, 1000);
    assert!(block2(&answer).more && answer.payload.len() < 64);
    let mut response = Message::new(
        MessageKind::Acknowledgement,
        Code::CONTENT,
        sent.id,
        sent.token,
    );
    response.payload = "1".into();
    server.tell(peer(1), &response);
    assert!(server.endpoint.is_address_proven(peer(1)));
    assert!(matches!(
        server.endpoint.poll_event(),
        Some(Event::Response { request, .. }) if Ok(request) == asked
    ));
    let request = server.request(Code::GET, &[2]);
    let answer = server.answer(peer(1), &request, 1000);
    assert_eq!(answer.payload.len(), 1000);
}

#[test]
fn our_token_or_message_id_proves_an_address() {
    let proofs: [fn(&Message) -> Message; 3] = [
        |sent| Message::new(MessageKind::NonConfirmable, Code::CONTENT, 7, sent.token),
        |sent| Message::empty(MessageKind::Acknowledgement, sent.id),
        |sent| Message::empty(MessageKind::Reset, sent.id),
    ];
    for (wrong_first, proof) in [false, true]
        .into_iter()
        .flat_map(|wrong| proofs.into_iter().enumerate().map(move |p| (wrong, p)))
    {
        let mut server = Server::new(Amplification::SmallBlocks);
        let request = server.request(Code::GET, &[1]);
        server.answer(peer(1), &request, 1);
        server
            .endpoint
            .request(server.now, peer(1), get("x"), RequestOptions::default())
            .unwrap();
        let sent = server.endpoint.poll_transmit().unwrap();
        let sent = Message::parse(&sent.data).unwrap();
        assert!(!server.endpoint.is_address_proven(peer(1)));
        for guess in 1..=4 * u16::from(wrong_first) {
            let guess = Message::empty(MessageKind::Acknowledgement, sent.id.wrapping_add(guess));
            server.tell(peer(1), &guess);
        }
        let (index, proof) = proof;
        server.tell(peer(1), &proof(&sent));
        let proven = server.endpoint.is_address_proven(peer(1));
        assert_eq!(proven, !wrong_first || index == 0, "{wrong_first} {index}");
    }
}

/// Somebody who guesses: so many wrong message ids, then the right one; whether that proved the address.
fn guessed(server: &mut Server, port: u16, wrong: u16) -> bool {
    let request = server.request(Code::GET, &[1]);
    server.answer(peer(port), &request, 1);
    let options = RequestOptions::default();
    let now = server.now;
    let id = server.endpoint.request(now, peer(port), get("x"), options);
    let sent = server.endpoint.poll_transmit().unwrap();
    let sent = Message::parse(&sent.data).unwrap();
    let kinds = [MessageKind::Acknowledgement, MessageKind::Reset];
    for guess in (0..=wrong).rev() {
        let kind = kinds[usize::from(guess % 2)];
        server.tell(
            peer(port),
            &Message::empty(kind, sent.id.wrapping_add(guess)),
        );
    }
    server.endpoint.cancel_request(id.unwrap());
    server.endpoint.is_address_proven(peer(port))
}

#[test]
fn there_are_so_many_guesses_of_message_ids_within_a_lifetime() {
    let guesses = u16::from(EndpointConfig::default().message_id_guesses);
    let mut server = Server::new(Amplification::SmallBlocks);
    assert!(guessed(&mut server, 1, 0));
    assert!(guessed(&mut server, 2, guesses - 1));
    assert!(!guessed(&mut server, 3, guesses));
    // The last moment of the lifetime, and its end.
    let start = server.now;
    let lifetime = Timing::RFC7252.exchange_lifetime();
    server.now = start + (lifetime - Duration::from_micros(1));
    assert!(!guessed(&mut server, 3, 0));
    server.now = start + lifetime;
    assert!(guessed(&mut server, 3, guesses - 1));
}

/// Gives back the observer and the answer to it, which goes confirmably behind the acknowledgement.
fn observed(server: &mut Server, request: &Message, response: Response) -> (ObserverId, Message) {
    server.tell(peer(1), request);
    let exchange = server.asked().unwrap();
    let endpoint = &mut server.endpoint;
    let observer = endpoint.respond_observe(server.now, exchange, response);
    let mut sent = server.sent();
    let (_, answer) = sent.pop().unwrap();
    assert_eq!(answer.kind, MessageKind::Confirmable);
    let acknowledged = Message::empty(MessageKind::Acknowledgement, request.id);
    match request.kind {
        MessageKind::Confirmable => assert_eq!(sent, [(peer(1), acknowledged)]),
        _ => assert_eq!(sent, []),
    }
    (observer.unwrap(), answer)
}

#[test]
fn the_answer_to_an_observer_proves_its_address() {
    for kind in [MessageKind::Confirmable, MessageKind::NonConfirmable] {
        let mut server = Server::new(Amplification::SmallBlocks);
        let mut request = server.request(Code::GET, &[1, 2, 3]);
        request.kind = kind;
        request.options.set_uint(option::OBSERVE, 0);
        // All of the room but a few bytes.
        let (observer, answer) = observed(&mut server, &request, content(&"x".repeat(27)));
        let acknowledgement = Message::empty(MessageKind::Acknowledgement, answer.id);
        server.tell(peer(1), &acknowledgement);
        assert!(server.endpoint.is_address_proven(peer(1)));
        let now = server.now;
        let endpoint = &mut server.endpoint;
        endpoint.notify(now, observer, content("1"), false).unwrap();
        assert_eq!(server.only().kind, MessageKind::NonConfirmable);
        let metrics = server.endpoint.metrics();
        assert_eq!((metrics.withheld, metrics.probing_notifications), (0, 0));
    }
}

#[test]
fn a_notification_proves_the_address_of_its_observer() {
    let mut server = Server::new(Amplification::SmallBlocks);
    let mut request = server.request(Code::GET, &[1, 2, 3]);
    request.options.set_uint(option::OBSERVE, 0);
    let now = server.now;
    let (observer, _) = observed(&mut server, &request, content("0"));
    let endpoint = &mut server.endpoint;
    endpoint.notify(now, observer, content("1"), false).unwrap();
    let first = server.only();
    assert_eq!(first.kind, MessageKind::Confirmable);
    server.tell(
        peer(1),
        &Message::empty(MessageKind::Acknowledgement, first.id),
    );
    let endpoint = &mut server.endpoint;
    endpoint.notify(now, observer, content("2"), false).unwrap();
    assert_eq!(server.only().kind, MessageKind::NonConfirmable);
    assert_eq!(server.endpoint.metrics().probing_notifications, 1);
}

#[test]
fn a_large_notification_fits_as_well() {
    let mut server = Server::new(Amplification::SmallBlocks);
    let mut request = server.request(Code::GET, &[1, 2, 3]);
    request.options.set_uint(option::OBSERVE, 0);
    request.options.push(option::URI_QUERY, &[b'q'; 20]);
    let (observer, _) = observed(&mut server, &request, content("0"));
    let response = Response::new(Code::CONTENT).body(42, body(2000));
    server
        .endpoint
        .notify(server.now, observer, response, false)
        .unwrap();
    let notification = server.only();
    assert!(block2(&notification).more && notification.payload.len() < 64);
    // Its repetitions go while there is room.
    for _ in 0..10 {
        if let Some(next) = server.endpoint.poll_timeout() {
            server.now = server.now.max(next);
            server.endpoint.handle_timeout(server.now);
            server.sent();
        }
    }
}

/// Whatever strangers ask, however often they repeat it and whatever the layer above answers.
// proves: BLK-31, COAP-49
#[test]
fn never_more_than_three_times() {
    for seed in 0..300 {
        let modes = [Amplification::SmallBlocks, Amplification::Challenge];
        let mut server = Server::new(modes[seed as usize % 2]);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut below = |limit: u32| rng.next_u32() % limit;
        let mut exchanges = Vec::new();
        let mut observers = Vec::new();
        let mut requests: Vec<(PeerId, Message)> = Vec::new();
        for _ in 0..150 {
            let now = server.now;
            let from = peer(below(4) as u16);
            match below(10) {
                0..4 => {
                    let codes = [Code::GET, Code::POST, Code::FETCH, Code::PUT, Code::CONTENT];
                    let token = [7; 8];
                    let code = codes[below(5) as usize];
                    let mut message = server.request(code, &token[..below(9) as usize]);
                    if below(2) == 0 {
                        message.kind = MessageKind::NonConfirmable;
                    }
                    if below(3) == 0 {
                        message.options.set_uint(option::OBSERVE, below(2));
                    }
                    for number in [option::BLOCK1, option::BLOCK2] {
                        if below(4) == 0 {
                            let value = below(3) << 4 | below(2) << 3 | below(7);
                            message.options.set_uint(number, value);
                        }
                    }
                    message.payload = body([0, 16, 64, 1000][below(4) as usize]);
                    if below(3) == 0 {
                        message.options.remove(option::URI_PATH);
                        message.payload.clear();
                    }
                    server.tell(from, &message);
                    requests.push((from, message));
                }
                4 => {
                    if let Some((from, message)) = requests.get(below(150) as usize) {
                        let (from, message) = (*from, message.clone());
                        server.tell(from, &message);
                    }
                }
                5 => {
                    // Not what anybody could guess: ids begin at random.
                    let kinds = [MessageKind::Acknowledgement, MessageKind::Reset];
                    let kind = kinds[below(2) as usize];
                    server.tell(from, &Message::empty(kind, below(3) as u16));
                }
                6 => {
                    server.now += Duration::from_millis(below(20_000).into());
                    server.endpoint.handle_timeout(server.now);
                }
                7 => {
                    let pick = below(50) as usize;
                    if let Some(observer) = observers.get(pick).copied() {
                        let length = [2, 60, 3000][below(3) as usize];
                        let response = Response::new(Code::CONTENT).body(42, body(length));
                        let confirmable = below(2) == 0;
                        let _ = server.endpoint.notify(now, observer, response, confirmable);
                    }
                }
                _ => {
                    if !exchanges.is_empty() {
                        let at = below(exchanges.len() as u32) as usize;
                        let exchange = exchanges.swap_remove(at);
                        let codes = [Code::CONTENT, Code::CHANGED, Code::NOT_FOUND];
                        let code = codes[below(3) as usize];
                        let length = [0, 30, 300, 3000][below(4) as usize];
                        let response = Response::new(code).body(42, body(length));
                        let end = &mut server.endpoint;
                        match below(2) {
                            0 => drop(end.respond(now, exchange, response)),
                            _ => observers.extend(end.respond_observe(now, exchange, response)),
                        }
                    }
                }
            }
            while let Some(exchange) = server.asked() {
                exchanges.push(exchange);
            }
            server.sent();
        }
        for port in 0..4 {
            let proven = server.endpoint.is_address_proven(peer(port));
            assert!(!proven, "seed {seed}: the bound was put to the test");
        }
        assert!(server.went.values().sum::<u64>() > 500, "seed {seed}");
    }
}
