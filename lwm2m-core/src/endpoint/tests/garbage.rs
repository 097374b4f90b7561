//! Whatever peers send and whatever the layer above does: no panic, and nothing grows without bound.
//! `ENDPOINT_GARBAGE_SEEDS` says how many runs of 2,000 steps.

use super::*;

const CONFIG: EndpointConfig = EndpointConfig {
    timing: Timing::RFC7252,
    ack_delay: Duration::from_millis(250),
    separate_response_timeout: Duration::from_secs(93),
    confirmable_notification_interval: Duration::from_secs(600),
    token_length: 4,
    amplification: Amplification::Challenge,
    message_id_guesses: 4,
    echo_lifetime: Duration::from_secs(60),
    probing_credit: 500,
    block_size: BlockSize::at_most(32),
    max_body: 200,
    max_peers: 3,
    max_requests_per_peer: 4,
    max_requests: 6,
    max_exchanges_per_peer: 3,
    max_exchanges: 5,
    dedup_per_peer: 8,
    dedup_seen_per_peer: 20,
    dedup_idempotent_per_peer: 4,
    dedup_answer: 40,
    max_replayed: 1200,
    max_uploads_per_peer: 2,
    max_uploads: 3,
    max_collected: 400,
    max_bodies_per_peer: 2,
    max_bodies: 3,
    max_served: 2500,
    max_peer_timings: 2,
    max_observations_per_peer: 3,
    max_observations: 4,
    max_observers_per_peer: 3,
    max_observers: 4,
};

struct Fuzz {
    endpoint: Endpoint,
    rng: ChaCha8Rng,
    now: Instant,
    /// Message ids and tokens that the endpoint has used.
    used: Vec<(u16, Token)>,
    exchanges: Vec<ExchangeId>,
    observers: Vec<ObserverId>,
    observations: Vec<ObservationId>,
    requests: Vec<RequestId>,
    uploads: Vec<UploadId>,
}

impl Fuzz {
    fn below(&mut self, limit: usize) -> usize {
        self.rng.next_u32() as usize % limit
    }

    fn one_of<T: Copy>(&mut self, list: &[T]) -> Option<T> {
        (!list.is_empty()).then(|| list[self.below(list.len())])
    }

    fn peer(&mut self) -> PeerId {
        PeerId::from_address(0, ([192, 0, 2, 1], 1 + self.below(5) as u16).into())
    }

    fn message(&mut self) -> Vec<u8> {
        use MessageKind::*;
        let used = self.used.clone();
        let (known_id, known_token) = self.one_of(&used).unwrap_or_default();
        let id = if self.below(2) == 0 {
            known_id
        } else {
            self.below(40) as u16
        };
        let token = match self.below(3) {
            0 => Token::new(&[self.below(3) as u8]).unwrap(),
            _ => known_token,
        };
        let kind = [Confirmable, NonConfirmable, Acknowledgement, Reset][self.below(4)];
        let codes = [
            Code::EMPTY,
            Code::GET,
            Code::POST,
            Code::PUT,
            Code::FETCH,
            Code::CONTENT,
            Code::CHANGED,
            Code::CONTINUE,
            Code::NOT_FOUND,
            Code::REQUEST_ENTITY_TOO_LARGE,
        ];
        let code = codes[self.below(codes.len())];
        if code == Code::EMPTY {
            return Message::empty(kind, id).encode().unwrap();
        }
        let mut message = Message::new(kind, code, id, token);
        if self.below(2) == 0 {
            message
                .options
                .set_uint(option::OBSERVE, self.below(6) as u32);
        }
        for number in [option::BLOCK1, option::BLOCK2] {
            if self.below(3) == 0 {
                let value = (self.below(5) << 4 | self.below(2) << 3 | self.below(4)) as u32;
                message.options.set_uint(number, value);
            }
        }
        for number in [
            option::SIZE1,
            option::SIZE2,
            option::NO_RESPONSE,
            option::ETAG,
            option::REQUEST_TAG,
        ] {
            if self.below(8) == 0 {
                message
                    .options
                    .set_uint(number, 1 + self.below(300) as u32 % 255);
            }
        }
        if self.below(20) == 0 {
            message
                .options
                .push(OptionNumber(self.below(3000) as u16), b"?");
        }
        let length = [0, 5, 16, 32, 64, 128][self.below(6)];
        message.payload = body(length);
        let mut data = message.encode().unwrap();
        if self.below(20) == 0 {
            let at = self.below(data.len());
            data[at] ^= 1 << self.below(8);
        }
        if self.below(40) == 0 {
            data.truncate(self.below(data.len()));
        }
        data
    }

    /// The layer above does something.
    fn act(&mut self) {
        let now = self.now;
        let peer = self.peer();
        let length = [0, 10, 100, 300][self.below(4)];
        let codes = [Code::CONTENT, Code::CHANGED, Code::NOT_FOUND];
        let response = Response::new(codes[self.below(3)]).body(0, body(length));
        let (exchanges, observers) = (self.exchanges.clone(), self.observers.clone());
        let (observations, requests) = (self.observations.clone(), self.requests.clone());
        let uploads = self.uploads.clone();
        match self.below(14) {
            0 | 1 => {
                let codes = [Code::GET, Code::POST, Code::FETCH];
                let mut request = Request::new(codes[self.below(3)]).body(0, body(length));
                request.confirmable = self.below(3) > 0;
                if self.below(2) == 0 {
                    request = request.uint_option(option::OBSERVE, 0);
                }
                let options = RequestOptions::default();
                self.requests
                    .extend(self.endpoint.request(now, peer, request, options));
            }
            2 => drop(self.endpoint.ping(now, peer)),
            3 | 4 => {
                if let Some(exchange) = self.one_of(&exchanges) {
                    let _ = self.endpoint.respond(now, exchange, response);
                }
            }
            5 | 6 => {
                if let Some(exchange) = self.one_of(&exchanges) {
                    self.observers
                        .extend(self.endpoint.respond_observe(now, exchange, response));
                }
            }
            7 | 8 => {
                if let Some(observer) = self.one_of(&observers) {
                    let confirmable = self.below(2) == 0;
                    let _ = self.endpoint.notify(now, observer, response, confirmable);
                }
            }
            9 => {
                if let Some(upload) = self.one_of(&uploads) {
                    let _ = self.endpoint.stream_upload(upload);
                }
            }
            10 => {
                if let Some(upload) = self.one_of(&uploads) {
                    let _ = self.endpoint.continue_upload(now, upload);
                }
            }
            11 => {
                if let Some(id) = self.one_of(&requests) {
                    self.endpoint.cancel_request(id);
                }
            }
            12 => {
                if let Some(id) = self.one_of(&observations) {
                    match self.below(3) {
                        0 => drop(self.endpoint.cancel_observation(now, id)),
                        1 => drop(self.endpoint.refresh_observation(now, id)),
                        _ => self.endpoint.forget_observation(id),
                    }
                }
            }
            _ => match self.below(10) {
                0 => self.endpoint.forget_peer(now, peer),
                1 => {
                    if let Some(observer) = self.one_of(&observers) {
                        self.endpoint.remove_observer(observer);
                    }
                }
                _ => {}
            },
        }
    }

    fn drain(&mut self) {
        // Not all events at once, so that uploads are seen undecided.
        for _ in 0..self.below(6) {
            match self.endpoint.poll_event() {
                Some(Event::Request { exchange, .. }) => self.exchanges.push(exchange),
                Some(Event::UploadStarted {
                    upload, exchange, ..
                }) => {
                    self.uploads.push(upload);
                    self.exchanges.push(exchange);
                }
                Some(Event::Response {
                    observation: Some(observation),
                    ..
                }) => self.observations.push(observation),
                Some(_) => {}
                None => break,
            }
        }
        while let Some(transmit) = self.endpoint.poll_transmit() {
            let message = Message::parse(&transmit.data).expect("only CoAP is sent");
            if message.kind != MessageKind::Acknowledgement {
                self.used.push((message.id, message.token));
            }
        }
        let keep = 20;
        self.used.drain(..self.used.len().saturating_sub(keep));
        self.exchanges
            .drain(..self.exchanges.len().saturating_sub(keep));
        self.uploads
            .drain(..self.uploads.len().saturating_sub(keep));
        self.observers
            .drain(..self.observers.len().saturating_sub(keep));
        self.observations
            .drain(..self.observations.len().saturating_sub(keep));
        self.requests
            .drain(..self.requests.len().saturating_sub(keep));
    }

    fn check(&self) {
        let end = &self.endpoint;
        assert!(end.peers.len() <= CONFIG.max_peers);
        // A fetch for each observation is on top.
        assert!(end.requests.len() <= CONFIG.max_requests + end.observations.len());
        assert!(end.exchanges.len() <= CONFIG.max_exchanges);
        assert!(end.uploads.len() <= CONFIG.max_uploads);
        assert_eq!(end.uploads.len(), end.upload_keys.len());
        assert!(end.observers.len() <= CONFIG.max_observers);
        assert_eq!(end.observers.len(), end.observer_tokens.len());
        assert!(end.observations.len() <= CONFIG.max_observations);
        assert!(end.served <= CONFIG.max_served && end.bodies.len() <= CONFIG.max_bodies);
        let bodies = end.peers.values().map(|peer| peer.bodies.len());
        assert!(
            bodies
                .clone()
                .all(|held| held <= CONFIG.max_bodies_per_peer)
        );
        assert_eq!(end.bodies.len(), bodies.sum::<usize>());
        assert!(end.collected <= CONFIG.max_collected + 128);
        assert!(end.tokens.len() <= end.requests.len() + end.observations.len());
        let kept: usize = end.peers.values().map(|peer| peer.dedup.bytes()).sum();
        assert!(end.replayed == kept && kept <= CONFIG.max_replayed);
        let held = end.peers.values().map(|peer| peer.withheld.len());
        assert_eq!(end.withheld, held.sum::<usize>());
        let unnumbered = end.peers.values().map(|peer| peer.unnumbered.len());
        assert!(
            unnumbered
                .clone()
                .all(|waiting| waiting <= CONFIG.max_exchanges_per_peer)
        );
        assert_eq!(end.unnumbered, unnumbered.sum::<usize>());
        let responses: usize = end.peers.values().map(|peer| peer.responses.len()).sum();
        assert!(responses <= CONFIG.max_exchanges_per_peer * CONFIG.max_peers);
        assert!(
            end.transmissions.len() <= end.requests.len() + end.observers.len() + responses,
            "{end:?}"
        );
        for peer in end.peers.values() {
            assert!(peer.active <= CONFIG.timing.nstart && peer.notifying <= CONFIG.timing.nstart);
            assert!(peer.waiting.len() <= peer.requests.len());
            assert!(peer.notify_waiting.len() <= peer.observers.len());
        }
    }
}

// proves: COAP-52
#[test]
fn any_sequence_of_datagrams_and_calls() {
    let seeds = std::env::var("ENDPOINT_GARBAGE_SEEDS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(60);
    for seed in 0..seeds {
        let mut fuzz = Fuzz {
            endpoint: Endpoint::new(CONFIG, rng(seed)),
            rng: ChaCha8Rng::seed_from_u64(seed),
            now: Instant::ZERO,
            used: Vec::new(),
            exchanges: Vec::new(),
            observers: Vec::new(),
            observations: Vec::new(),
            requests: Vec::new(),
            uploads: Vec::new(),
        };
        for _ in 0..2000 {
            match fuzz.below(10) {
                0..6 => {
                    let (peer, data) = (fuzz.peer(), fuzz.message());
                    fuzz.endpoint.handle_datagram(fuzz.now, peer, &data);
                }
                6..9 => fuzz.act(),
                _ => {
                    let spread = [100, 5_000, 100_000][fuzz.below(3)];
                    let millis = fuzz.below(spread) as u64;
                    fuzz.now += Duration::from_millis(millis);
                    fuzz.endpoint.handle_timeout(fuzz.now);
                }
            }
            fuzz.drain();
            fuzz.check();
        }
        // In the end all is forgotten but observations and observers.
        while fuzz.endpoint.poll_event().is_some() {}
        for port in 1..=5 {
            let peer = PeerId::from_address(0, ([192, 0, 2, 1], port).into());
            fuzz.endpoint.forget_peer(fuzz.now, peer);
        }
        for _ in 0..20 {
            fuzz.now += Duration::from_secs(300);
            fuzz.endpoint.handle_timeout(fuzz.now);
        }
        let end = &fuzz.endpoint;
        assert_eq!(end.poll_timeout(), None, "seed {seed}");
        assert!(end.peers.is_empty() && end.tokens.is_empty() && end.transmissions.is_empty());
        let held = (end.collected, end.served, end.replayed, end.withheld);
        assert_eq!(held, (0, 0, 0, 0), "seed {seed}");
    }
}
