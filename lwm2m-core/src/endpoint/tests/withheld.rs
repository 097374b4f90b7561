//! What does not fit three times what came from an address that has proven nothing: it waits, and counts as sent when
//! it goes.

use super::*;

fn peer() -> PeerId {
    Net::peer(A)
}

const START: Instant = Instant::from_micros(1_000_000_000);

/// A server and what came to it from one peer.
struct Server {
    endpoint: Endpoint,
    now: Instant,
    came: usize,
    went: usize,
}

impl Server {
    fn new() -> Self {
        Server::with(EndpointConfig::default())
    }

    fn with(config: EndpointConfig) -> Self {
        Server {
            endpoint: Endpoint::new(config, rng(1)),
            now: START,
            came: 0,
            went: 0,
        }
    }

    /// Takes in a message; gives back what is said to it at once.
    fn tell(&mut self, message: &Message) -> Vec<Message> {
        let data = message.encode().unwrap();
        self.came += data.len();
        self.endpoint.handle_datagram(self.now, peer(), &data);
        self.sent()
    }

    fn sent(&mut self) -> Vec<Message> {
        let sent = core::iter::from_fn(|| self.endpoint.poll_transmit());
        let sent: Vec<_> = sent.map(|sent| sent.data).collect();
        self.went += sent.iter().map(Vec::len).sum::<usize>();
        let proven = self.endpoint.is_address_proven(peer());
        assert!(proven || self.went <= 3 * self.came);
        let parse = |data: &Vec<u8>| Message::parse(data).unwrap();
        sent.iter().map(parse).collect()
    }

    fn asked(&mut self) -> Option<ExchangeId> {
        core::iter::from_fn(|| self.endpoint.poll_event()).find_map(|event| match event {
            Event::Request { exchange, .. } => Some(exchange),
            _ => None,
        })
    }

    fn respond(&mut self, exchange: ExchangeId, response: Response) -> Vec<Message> {
        let now = self.now;
        self.endpoint.respond(now, exchange, response).unwrap();
        self.sent()
    }

    /// Lets time pass; gives back what is sent meanwhile.
    fn run(&mut self, time: Duration) -> Vec<Message> {
        let limit = self.now + time;
        let mut sent = Vec::new();
        while let Some(next) = self.endpoint.poll_timeout().filter(|next| *next <= limit) {
            self.now = self.now.max(next);
            self.endpoint.handle_timeout(self.now);
            sent.extend(self.sent());
        }
        self.now = limit;
        sent
    }

    /// An observer whose answer and its repetitions have used the room up, so far as they fit.
    fn observer(&mut self) -> (ObserverId, Message) {
        self.observer_as(1)
    }

    fn observer_as(&mut self, id: u16) -> (ObserverId, Message) {
        let mut request = request(Code::GET, id, &[1, 2, id as u8]);
        request.options.set_uint(option::OBSERVE, 0);
        self.tell(&request);
        let exchange = self.asked().unwrap();
        let (now, response) = (self.now, content(&"x".repeat(27)));
        let observer = self.endpoint.respond_observe(now, exchange, response);
        let mut sent = self.sent();
        (observer.unwrap(), sent.pop().unwrap())
    }
}

fn request(code: Code, id: u16, token: &[u8]) -> Message {
    let token = Token::new(token).unwrap();
    let mut message = Message::new(MessageKind::Confirmable, code, id, token);
    message.options.push(option::URI_PATH, b"large");
    message
}

fn acknowledgement(of: &Message) -> Message {
    Message::empty(MessageKind::Acknowledgement, of.id)
}

fn is_gone(event: &Event) -> Option<ObserverGone> {
    match event {
        Event::ObserverGone { reason, .. } => Some(*reason),
        _ => None,
    }
}

#[test]
fn a_withheld_notification_waits_for_room_and_is_not_found_unacknowledged() {
    let mut server = Server::new();
    let (observer, answer) = server.observer();
    // The acknowledgement of the answer is lost, and so the address is not proven; nothing more fits.
    let now = server.now;
    let told = server
        .endpoint
        .notify(now, observer, content("1"), false)
        .unwrap();
    assert_eq!(server.sent(), []);
    let metrics = server.endpoint.metrics();
    assert!(metrics.withheld > 0);
    // Longer than all repetitions take.
    assert_eq!(server.run(Duration::from_secs(120)), []);
    assert!(server.endpoint.poll_event().is_none(), "it observes on");
    assert_eq!(server.endpoint.metrics().retransmissions, 0);
    assert_eq!(server.endpoint.metrics().transmissions_given_up, 0);
    // The peer asks something; what it is answered leaves room. The answer to its first request goes first.
    let ask = request(Code::POST, 2, &[9; 8]);
    assert_eq!(server.tell(&ask), []);
    let exchange = server.asked().unwrap();
    let sent = server.respond(exchange, Response::new(Code::CHANGED));
    assert_eq!(sent[0].code, Code::CHANGED);
    assert!(sent.len() > 1, "{sent:?}");
    let newest = |sent: &[Message]| sent.iter().find(|m| m.payload == "1").cloned();
    let notification = match newest(&sent) {
        Some(notification) => notification,
        // The answer, which had not been acknowledged, has taken the room; its acknowledgement proves the address.
        None => newest(&server.tell(&acknowledgement(&answer))).unwrap(),
    };
    server.tell(&acknowledgement(&notification));
    assert!(server.endpoint.is_address_proven(peer()));
    assert_eq!(
        server.endpoint.poll_event(),
        Some(Event::NotificationAcknowledged {
            notification: told,
            observer
        })
    );
    let repeated = server.run(Duration::from_secs(300));
    let late = |message: &Message| message.payload == "1" || message.code == Code::CHANGED;
    assert!(!repeated.iter().any(late), "{repeated:?}");
}

#[test]
fn what_was_withheld_goes_with_the_newest_content() {
    let mut server = Server::new();
    let (observer, answer) = server.observer();
    let now = server.now;
    for value in ["1", "2", "3"] {
        let endpoint = &mut server.endpoint;
        endpoint
            .notify(now, observer, content(value), false)
            .unwrap();
        assert_eq!(server.sent(), []);
    }
    let sent = server.tell(&acknowledgement(&answer));
    let payloads: Vec<_> = sent.iter().map(|message| message.payload.clone()).collect();
    assert_eq!(payloads, ["3"]);
}

#[test]
fn an_observer_that_is_never_heard_goes_with_a_reason() {
    let mut server = Server::new();
    let observers = [1, 2].map(|id| server.observer_as(id).0);
    let now = server.now;
    for observer in observers {
        let endpoint = &mut server.endpoint;
        endpoint.notify(now, observer, content("1"), true).unwrap();
    }
    let lifetime = Timing::RFC7252.exchange_lifetime();
    server.run(lifetime - Duration::from_secs(1));
    assert_eq!(server.endpoint.poll_event(), None);
    server.run(Duration::from_secs(2));
    // The one whose notification was withheld, and the one that waited behind it.
    for _ in observers {
        let event = server.endpoint.poll_event().unwrap();
        assert_eq!(is_gone(&event), Some(ObserverGone::Unproven));
    }
    assert!(server.endpoint.metrics().withheld_to_the_end >= 1);
    server.run(Duration::from_secs(2000));
    assert_eq!(server.endpoint.peer_count(), 0);
    assert_eq!(server.endpoint.withheld, 0);
}

#[test]
fn what_is_withheld_is_charged_when_it_goes() {
    let config = EndpointConfig {
        probing_credit: 60,
        ..EndpointConfig::default()
    };
    let mut server = Server::with(config);
    let (observer, answer) = server.observer();
    assert!(
        !server.endpoint.owes_too_much(peer()),
        "answers are owed to nobody"
    );
    let now = server.now;
    let large = Response::new(Code::CONTENT).body(42, body(70));
    let endpoint = &mut server.endpoint;
    endpoint.notify(now, observer, large, true).unwrap();
    assert_eq!(server.sent(), []);
    let rate = Timing::RFC7252.probing_rate;
    let owes = |server: &Server| {
        server.endpoint.peers[&peer()]
            .probing
            .owes(server.now, rate)
    };
    assert!(!owes(&server), "nothing has gone");
    let sent = server.tell(&acknowledgement(&answer));
    assert_eq!(sent.len(), 1);
    assert!(owes(&server));
}

// proves: COAP-49
#[test]
fn what_does_not_fit_is_told_when_the_request_is_repeated() {
    // The options of the answer leave no room even for its smallest block.
    let mut server = Server::new();
    let ask = request(Code::POST, 1, &[1]);
    assert_eq!(server.tell(&ask), []);
    let exchange = server.asked().unwrap();
    let mut response = Response::new(Code::CREATED).body(42, body(40));
    response.options.push(option::LOCATION_PATH, &[b'p'; 20]);
    assert_eq!(server.respond(exchange, response), []);
    // No success without its body: nothing is said until there is room.
    let mut said = Vec::new();
    let mut repetitions = 0;
    while said.is_empty() {
        repetitions += 1;
        assert!(repetitions <= 4, "more than a client repeats");
        said = server.tell(&ask);
    }
    assert_eq!(server.asked(), None, "executed once");
    let first = said.pop().unwrap();
    assert_eq!((first.code, first.id), (Code::CREATED, 1));
    let block = first.options.block(option::BLOCK2).unwrap().unwrap();
    assert!(block.more && block.size == BlockSize::MIN);
    // The other blocks are fetched from the answer that was kept.
    let mut got = first.payload.to_vec();
    for number in 1.. {
        let mut ask = request(Code::POST, 1 + number as u16, &[1]);
        // Long enough for its answer.
        ask.options.push(OptionNumber(65_000), &[0; 20]);
        let wanted = crate::coap::Block {
            number,
            more: false,
            size: BlockSize::MIN,
        };
        ask.options.set_uint(option::BLOCK2, wanted.to_uint());
        ask.options.remove(OptionNumber(65_000));
        let said = loop {
            let said = server.tell(&ask);
            if !said.is_empty() {
                break said;
            }
        };
        got.extend_from_slice(&said[0].payload);
        if !said[0].options.block(option::BLOCK2).unwrap().unwrap().more {
            break;
        }
    }
    assert_eq!(got, body(40));
    assert!(!server.endpoint.is_address_proven(peer()));
}

#[test]
fn a_separate_answer_waits_for_room_and_then_for_its_end() {
    for heard in [true, false] {
        let mut server = Server::new();
        let ask = request(Code::POST, 1, &[1]);
        server.tell(&ask);
        let exchange = server.asked().unwrap();
        let acknowledged = server.run(Duration::from_secs(1));
        assert_eq!(acknowledged, [acknowledgement(&ask)]);
        let mut response = Response::new(Code::CREATED).body(42, body(40));
        response.options.push(option::LOCATION_PATH, &[b'p'; 20]);
        assert_eq!(server.respond(exchange, response), []);
        assert_eq!(server.run(Duration::from_secs(100)), []);
        if heard {
            let sent = server.tell(&Message::empty(MessageKind::Confirmable, 77));
            assert_eq!(sent.len(), 1, "a ping brings some");
            let sent = server.tell(&ask);
            assert_eq!(sent.len(), 2, "and a repetition more: {sent:?}");
            assert_eq!(sent[1].code, Code::CREATED);
            server.tell(&acknowledgement(&sent[1]));
            assert!(server.endpoint.is_address_proven(peer()));
        } else {
            assert_eq!(server.run(Duration::from_secs(200)), []);
            assert_eq!(server.endpoint.metrics().withheld_to_the_end, 1);
        }
        server.run(Duration::from_secs(1000));
        assert_eq!(server.endpoint.withheld, 0);
        assert_eq!(server.endpoint.peer_count(), 0);
    }
}

#[test]
fn who_has_no_room_for_what_it_would_observe_is_asked_for_a_proof() {
    let mut server = Server::new();
    let mut ask = Message::new(
        MessageKind::Confirmable,
        Code::GET,
        1,
        Token::new(&[1, 2]).unwrap(),
    );
    ask.options.set_uint(option::OBSERVE, 0);
    for proven in [false, true] {
        server.tell(&ask);
        let exchange = server.asked().unwrap();
        let large = Response::new(Code::CONTENT).body(42, body(50));
        let now = server.now;
        let entered = server.endpoint.respond_observe(now, exchange, large);
        let sent = server.sent();
        if proven {
            assert!(entered.is_ok());
            assert_eq!(sent[0].payload.len(), 50);
        } else {
            assert_eq!(entered, Err(EndpointError::Unproven));
            assert_eq!(sent[0].code, Code::UNAUTHORIZED);
            ask.id = 2;
            let echo = sent[0].options.first(option::ECHO).unwrap();
            ask.options.set(option::ECHO, echo);
        }
    }
    assert_eq!(server.endpoint.observers.len(), 1);
}

#[test]
fn what_waits_behind_a_request_goes_when_that_has_ended_without_an_answer() {
    let mut server = Server::new();
    let (observer, _) = server.observer();
    // It is acknowledged, and the layer above never answers. The answer to the observer takes the room that it brought.
    let ask = request(Code::POST, 2, &[9; 8]);
    server.tell(&ask);
    server.asked().unwrap();
    server.run(Duration::from_secs(100));
    let (now, value) = (server.now, "1".repeat(16));
    let endpoint = &mut server.endpoint;
    endpoint
        .notify(now, observer, content(&value), true)
        .unwrap();
    assert_eq!(server.sent(), []);
    // There is room again, for the answer first.
    for _ in 0..2 {
        assert_eq!(server.tell(&ask), [acknowledgement(&ask)]);
    }
    // The answer to the observer, which nobody has acknowledged, and the notification.
    assert_eq!(server.endpoint.withheld, 2);
    let lifetime = Timing::RFC7252.exchange_lifetime();
    let sent = server.run(lifetime - Duration::from_secs(98));
    assert_eq!(server.endpoint.holdings().exchanges, 0);
    let payloads: Vec<_> = sent.iter().map(|message| message.payload.clone()).collect();
    assert_eq!(payloads, [bytes::Bytes::from("x".repeat(27)), value.into()]);
    assert_eq!(server.endpoint.withheld, 0);
}
