//! A whole endpoint: any sequence of datagrams, clock steps, changes of the timing, and whatever the layer above may
//! ask for, among peers with addresses and peers behind connections, under every policy and with bounds large or small.
//! Nothing panics, what is held stays within its bounds, no address that is not proven gets more than three times what
//! came from it, and when all is over nothing is left.
//!
//! The first bytes choose the configuration; each that follows is a step, see [`Run::step`].
#![no_main]

use libfuzzer_sys::fuzz_target;
use lwm2m_core::{
    coap::{BlockSize, Code, Message, MessageKind, Request, Response, Token, option},
    endpoint::{
        Amplification, Endpoint, EndpointConfig, Event, ExchangeId, Holdings, ObservationId,
        ObserverId, RequestId, RequestOptions, Timing, UploadId,
    },
    peer::PeerId,
    time::Instant,
};
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;
use std::{collections::VecDeque, time::Duration};

/// Names that the layer above still remembers of each kind; the older are left to the endpoint.
const REMEMBERED: usize = 8;

/// Half of them have addresses, half are behind connections.
const PEERS: usize = 8;

const METHODS: [Code; 7] = [
    Code::GET,
    Code::POST,
    Code::PUT,
    Code::DELETE,
    Code::FETCH,
    Code::PATCH,
    Code::IPATCH,
];

const RESPONSES: [Code; 8] = [
    Code::CONTENT,
    Code::CHANGED,
    Code::CONTINUE,
    Code::NOT_FOUND,
    Code::UNAUTHORIZED,
    Code::REQUEST_ENTITY_INCOMPLETE,
    Code::REQUEST_ENTITY_TOO_LARGE,
    Code::SERVICE_UNAVAILABLE,
];

fn peer(number: usize) -> PeerId {
    let number = number % PEERS;
    match number < PEERS / 2 {
        true => PeerId::from_address(0, ([192, 0, 2, 1], 1 + number as u16).into()),
        false => PeerId::from_connection(1, number as u64),
    }
}

/// What is left of the input; nothing more than zeros at its end.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn byte(&mut self) -> usize {
        self.take(1).first().copied().unwrap_or(0).into()
    }

    fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        taken
    }

    fn bytes(&mut self) -> &'a [u8] {
        let length = self.byte();
        self.take(length)
    }
}

fn timing(choice: usize) -> Timing {
    let mut timing = match choice & 1 {
        0 => Timing::RFC7252,
        _ => Timing::NB_IOT,
    };
    timing.nstart = choice >> 1 & 3;
    timing.max_retransmit = [4, 0, 1, 8][choice >> 3 & 3];
    timing.probing_rate = [1, 0, 100, u32::MAX][choice >> 5 & 3];
    if choice >> 7 == 1 {
        timing.ack_random_factor = 0.5;
        timing.max_latency = Duration::from_secs(1);
    }
    timing
}

fn config(input: &mut Input<'_>) -> EndpointConfig {
    let mut config = EndpointConfig::default();
    let choice = input.byte();
    config.amplification = match choice & 3 {
        0 => Amplification::Unlimited,
        1 => Amplification::Challenge,
        _ => Amplification::SmallBlocks,
    };
    config.block_size = BlockSize::at_most(16 << (choice >> 2 & 7));
    if choice >> 5 & 1 == 1 {
        config.probing_credit = 100;
    }
    config.timing = timing(input.byte());
    if choice >> 6 & 1 == 1 {
        config.token_length = 4;
        config.max_body = 200;
        config.max_peers = 3;
        config.max_requests_per_peer = 2;
        config.max_requests = 3;
        config.max_exchanges_per_peer = 2;
        config.max_exchanges = 3;
        config.dedup_per_peer = 4;
        config.dedup_seen_per_peer = 2;
        config.dedup_idempotent_per_peer = 2;
        config.dedup_answer = 20;
        config.max_uploads_per_peer = 1;
        config.max_uploads = 2;
        config.max_collected = 300;
        config.max_served = 300;
        config.max_replayed = 100;
        config.max_observers_per_peer = 2;
        config.max_observers = 3;
        config.max_observations_per_peer = 2;
        config.max_observations = 3;
        config.max_peer_timings = 2;
        config.message_id_guesses = 1;
        config.echo_lifetime = Duration::from_secs(8);
        config.confirmable_notification_interval = Duration::from_secs(16);
    }
    if choice >> 7 == 1 {
        config.dedup_idempotent_per_peer = 0;
        config.max_served = 0;
        config.max_collected = 0;
    }
    config
}

/// What went between the endpoint and an address since that was proven last.
#[derive(Default, Clone, Copy)]
struct Account {
    came: usize,
    went: usize,
}

struct Run {
    endpoint: Endpoint,
    config: EndpointConfig,
    now: Instant,
    accounts: [Account; PEERS],
    /// Id and token of the last message to each peer.
    last_sent: [(u16, Token); PEERS],
    exchanges: VecDeque<ExchangeId>,
    uploads: VecDeque<UploadId>,
    requests: VecDeque<RequestId>,
    observations: Vec<ObservationId>,
    observers: Vec<ObserverId>,
}

fn remember<T>(list: &mut VecDeque<T>, item: T) {
    if list.len() == REMEMBERED {
        list.pop_front();
    }
    list.push_back(item);
}

impl Run {
    fn new(config: EndpointConfig) -> Self {
        let random = Box::new(ChaCha8Rng::seed_from_u64(1));
        Run {
            endpoint: Endpoint::new(config.clone(), random),
            config,
            now: Instant::ZERO,
            accounts: [Account::default(); PEERS],
            last_sent: [(0, Token::EMPTY); PEERS],
            exchanges: VecDeque::new(),
            uploads: VecDeque::new(),
            requests: VecDeque::new(),
            observations: Vec::new(),
            observers: Vec::new(),
        }
    }

    /// One step: the lower half of its byte says what happens, the upper with whom.
    fn step(&mut self, step: usize, input: &mut Input<'_>) {
        let now = self.now;
        let number = step >> 4 & 7;
        let peer = peer(number);
        match step & 0x0F {
            0..=2 => {
                let datagram = input.bytes();
                self.arrive(number, datagram);
            }
            // An answer to what went to the peer last, with options and payload as the input has them.
            3..=5 => {
                let kind = input.byte();
                let (id, token) = self.last_sent[number];
                let token = token.as_bytes();
                let code = RESPONSES[kind >> 2 & 7];
                let code = if kind >> 5 & 1 == 1 {
                    Code::EMPTY
                } else {
                    code
                };
                let (token, tail) = match code {
                    Code::EMPTY => (&[][..], &[][..]),
                    _ => (token, input.bytes()),
                };
                let mut datagram = vec![0x40 | (kind as u8 & 3) << 4 | token.len() as u8];
                datagram.push(code.to_byte());
                datagram.extend(id.to_be_bytes());
                datagram.extend(token);
                datagram.extend(tail);
                self.arrive(number, &datagram);
            }
            6 => self.now += Duration::from_millis(1 << (input.byte() & 15)),
            7 => self.now += Duration::from_secs(1 << (input.byte() & 15)),
            8 | 9 => self.ask(peer, input),
            10 => match input.byte() & 7 {
                0 => self.endpoint.clear_peer_timing(peer),
                1 => drop(self.endpoint.ping(now, peer)),
                2 => self.endpoint.forget_peer(now, peer),
                3 => {
                    if let Some(request) = self.requests.pop_back() {
                        self.endpoint.cancel_request(request);
                    }
                }
                _ => {
                    let timing = timing(input.byte());
                    let _ = self.endpoint.set_peer_timing(peer, timing);
                }
            },
            11 | 12 => self.answer(input),
            13 => {
                let choice = input.byte();
                if let Some(observer) = pick(&self.observers, choice >> 3) {
                    let response = response(choice >> 5 & 1, input.byte());
                    let confirmable = choice & 1 == 1;
                    match choice & 6 {
                        0 => self.endpoint.remove_observer(observer),
                        _ => drop(self.endpoint.notify(now, observer, response, confirmable)),
                    }
                }
            }
            14 => {
                let choice = input.byte();
                if let Some(observation) = pick(&self.observations, choice >> 2) {
                    match choice & 3 {
                        0 => self.endpoint.forget_observation(observation),
                        1 => drop(self.endpoint.cancel_observation(now, observation)),
                        _ => drop(self.endpoint.refresh_observation(now, observation)),
                    }
                }
            }
            _ => {
                let choice = input.byte();
                if let Some(upload) = self.uploads.get(choice >> 1).copied() {
                    let _ = match choice & 1 {
                        0 => self.endpoint.stream_upload(upload),
                        _ => self.endpoint.continue_upload(now, upload),
                    };
                }
            }
        }
    }

    fn arrive(&mut self, number: usize, datagram: &[u8]) {
        self.accounts[number].came += datagram.len();
        self.endpoint
            .handle_datagram(self.now, peer(number), datagram);
    }

    fn ask(&mut self, peer: PeerId, input: &mut Input<'_>) {
        let choice = input.byte();
        let mut request = Request::new(METHODS[choice % METHODS.len()]).path_segment("3");
        request.confirmable = choice >> 3 & 1 == 0;
        if choice >> 4 & 1 == 1 {
            request = request.uint_option(option::OBSERVE, 0);
        }
        let size = [0, 5, 100, 3000][choice >> 5 & 3];
        if size > 0 {
            request = request.body(42, vec![7; size]);
        }
        let mut options = RequestOptions::default();
        if choice >> 7 == 1 {
            let further = input.byte();
            options = match further & 1 {
                0 => options.deadline(Duration::from_millis(1 << (further >> 1 & 15))),
                _ => options.block(
                    further as u32 >> 3,
                    BlockSize::at_most(16 << (further >> 1 & 3)),
                ),
            };
        }
        if let Ok(id) = self.endpoint.request(self.now, peer, request, options) {
            remember(&mut self.requests, id);
        }
    }

    /// The layer above answers one of the requests that wait for it.
    fn answer(&mut self, input: &mut Input<'_>) {
        let choice = input.byte();
        let Some(exchange) = self.exchanges.get(choice >> 5).copied() else {
            return;
        };
        let response = response(choice >> 1 & 15, input.byte());
        if choice & 1 == 0 {
            let _ = self.endpoint.respond(self.now, exchange, response);
        } else if let Ok(id) = self.endpoint.respond_observe(self.now, exchange, response) {
            self.observers.push(id);
        }
    }

    /// Takes what the endpoint has to say, and holds it against what it may.
    fn drain(&mut self, proven_before: [bool; PEERS]) {
        while let Some(event) = self.endpoint.poll_event() {
            self.take(event);
        }
        let mut sent = 0;
        while let Some(transmit) = self.endpoint.poll_transmit() {
            sent += 1;
            assert!(sent < 10_000, "an endpoint that never falls silent");
            let message = Message::parse(&transmit.data).expect("only CoAP is sent");
            let number = (0..PEERS).find(|number| peer(*number) == transmit.peer);
            let number = number.expect("only these peers are spoken to");
            self.last_sent[number] = (message.id, message.token);
            let ping = message.code == Code::EMPTY && message.kind == MessageKind::Confirmable;
            // Requests of ours go on our own account.
            if !message.code.is_request() && !ping {
                self.accounts[number].went += transmit.data.len();
            }
        }
        let bounded = self.config.amplification != Amplification::Unlimited;
        for (number, account) in self.accounts.iter_mut().enumerate() {
            if proven_before[number] || self.endpoint.is_address_proven(peer(number)) {
                *account = Account::default();
            }
            let Account { came, went } = *account;
            assert!(
                !bounded || went <= 3 * came,
                "{went} bytes went to an address that is not proven, {came} came from it"
            );
        }
        self.check_bounds();
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Request { exchange, .. } => remember(&mut self.exchanges, exchange),
            Event::UploadStarted {
                upload, exchange, ..
            } => {
                remember(&mut self.uploads, upload);
                remember(&mut self.exchanges, exchange);
            }
            Event::Response {
                observation: Some(observation),
                ..
            } if !self.observations.contains(&observation) => self.observations.push(observation),
            Event::Notification {
                observation,
                last: true,
                ..
            } => self.observations.retain(|other| *other != observation),
            Event::ObserverGone { observer, .. } => {
                self.observers.retain(|other| *other != observer);
            }
            _ => {}
        }
    }

    fn check_bounds(&self) {
        let (held, most) = (self.endpoint.holdings(), &self.config);
        let answered_separately = most.max_peers.saturating_mul(most.max_exchanges_per_peer);
        for (name, held, most) in [
            ("peers", held.peers, most.max_peers),
            ("timings", held.timings, most.max_peer_timings),
            (
                "requests",
                held.requests,
                most.max_requests + held.observations,
            ),
            ("observations", held.observations, most.max_observations),
            ("tokens", held.tokens, held.requests + held.observations),
            (
                "transmissions",
                held.transmissions,
                held.requests + held.observers + answered_separately,
            ),
            ("exchanges", held.exchanges, most.max_exchanges),
            ("uploads", held.uploads, most.max_uploads),
            ("collected", held.collected, most.max_collected + 1024),
            // Each is a byte or more.
            ("bodies", held.bodies, held.served),
            ("served", held.served, most.max_served),
            ("observers", held.observers, most.max_observers),
        ] {
            assert!(held <= most, "{name}: {held}, at most {most}");
        }
    }

    fn proven(&self) -> [bool; PEERS] {
        core::array::from_fn(|number| self.endpoint.is_address_proven(peer(number)))
    }

    /// Silence, after the layer above has let go of what it watches or, in the other way, of its peers.
    fn finish(mut self, forget_peers: bool) {
        let proven = self.proven();
        for number in 0..PEERS {
            self.endpoint.clear_peer_timing(peer(number));
            if forget_peers {
                self.endpoint.forget_peer(self.now, peer(number));
            }
        }
        self.drain(proven);
        let mut steps = 0;
        loop {
            for observation in core::mem::take(&mut self.observations) {
                self.endpoint.forget_observation(observation);
            }
            for observer in core::mem::take(&mut self.observers) {
                self.endpoint.remove_observer(observer);
            }
            let Some(next) = self.endpoint.poll_timeout() else {
                break;
            };
            steps += 1;
            let held = self.endpoint.holdings();
            assert!(steps < 100_000, "never rests: {held:?} at {:?}", self.now);
            let proven = self.proven();
            self.now = self.now.max(next);
            self.endpoint.handle_timeout(self.now);
            self.drain(proven);
        }
        assert_eq!(
            self.endpoint.holdings(),
            Holdings::default(),
            "what is left"
        );
    }
}

fn pick<T: Copy>(list: &[T], choice: usize) -> Option<T> {
    (!list.is_empty()).then(|| list[choice % list.len()])
}

fn response(code: usize, size: usize) -> Response {
    let response = Response::new(RESPONSES[code & 7]);
    match size {
        0 => response,
        size => response.body(42, vec![7; size * 12]),
    }
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let config = config(&mut input);
    let forget_peers = input.byte() & 1 == 1;
    let mut run = Run::new(config);
    while !input.0.is_empty() {
        let proven = run.proven();
        let step = input.byte();
        run.step(step, &mut input);
        run.endpoint.handle_timeout(run.now);
        run.drain(proven);
    }
    run.finish(forget_peers);
});
