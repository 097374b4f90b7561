//! Random operations of two ends over a random network, against what must hold whatever happens:
//!
//! - each request is answered once, by its own answer, or fails once with a reason, or is cancelled in silence;
//! - no request that is not safe is executed twice, unless the host that executes it has lost its memory;
//! - what an observation brings never goes back in time, unless the host that is observed has lost its memory and
//!   with it the count of what it had sent; and in the end it is what the resource is;
//! - nothing is left when all is over.
//!
//! Half of the runs are over a network that loses, repeats and reorders; a fifth of all see hosts restart. By
//! default there are 10,000 exchanges; all five million, in a minute or so:
//!
//! ```text
//! ENDPOINT_MODEL_EXCHANGES=5000000 cargo test --release -p lwm2m-core --lib endpoint::tests::model -- --nocapture
//! ```
//!
//! The seed of a run that fails stands in its message; `ENDPOINT_MODEL_SEED` plays it again.

use super::*;
use alloc::{collections::BTreeMap, string::String};

const EXCHANGES_PER_RUN: usize = 100;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Plan {
    Answer,
    /// Answer after this many milliseconds.
    Later(u32),
    Never,
}

struct Asked {
    id: RequestId,
    /// Where the answer fails to come, whether that is told once.
    ended: bool,
    /// Nothing may come any more.
    cancelled: bool,
    executed: bool,
    /// How often, by a host that remembers.
    executions: u32,
    code: Code,
    size: usize,
}

/// One end, as the layer above it.
#[derive(Default)]
struct Side {
    /// Requests by the number in their path.
    asked: BTreeMap<u32, Asked>,
    /// Requests to observe that have not ended.
    observing: Vec<RequestId>,
    /// Requests to renew an observation that have not ended.
    renewing: BTreeMap<RequestId, ObservationId>,
    /// The newest value of each observation.
    watched: BTreeMap<ObservationId, u32>,
    /// The value that others observe.
    value: u32,
    observers: Vec<ObserverId>,
    lost_memory: bool,
    /// Uploads that are streamed, as far as they have come.
    streams: BTreeMap<UploadId, (Request, Vec<u8>)>,
    /// Notifications that have arrived.
    acknowledged: Vec<NotificationId>,
}

/// How runs went.
#[derive(Debug, Default)]
pub(super) struct Tally {
    answered: u32,
    failed: u32,
    restarts: u32,
    /// Observations that were alive at the end.
    alive: u32,
}

struct Run {
    net: Net,
    rng: ChaCha8Rng,
    configs: [EndpointConfig; 2],
    sides: [Side; 2],
    later: BTreeMap<(Instant, usize, u64), (ExchangeId, Response)>,
    restarts: bool,
    tally: Tally,
    seed: u64,
}

const METHODS: [Code; 5] = [Code::GET, Code::POST, Code::PUT, Code::FETCH, Code::IPATCH];

/// The answer to request `number`, which says what it answers.
fn answer_to(number: u32, size: usize) -> Response {
    let mut payload = std::format!("{number} ").into_bytes();
    payload.extend_from_slice(&body(size));
    Response::new(Code::CONTENT).body(42, payload)
}

/// What an observer sees: now and then more than a block.
fn representation(value: u32) -> Response {
    let filler = if value.is_multiple_of(5) { 3000 } else { 3 };
    content(&std::format!("{value} {}", "x".repeat(filler)))
}

fn value_of(response: &Response, seed: u64) -> u32 {
    let text = core::str::from_utf8(&response.payload).unwrap();
    let number = text.split(' ').next().unwrap().parse();
    number.unwrap_or_else(|_| panic!("seed {seed}: {response:?}, {text}"))
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let modes = [
            Amplification::Unlimited,
            Amplification::SmallBlocks,
            Amplification::Challenge,
        ];
        let config = |rng: &mut ChaCha8Rng| EndpointConfig {
            block_size: BlockSize::at_most(64 << (rng.next_u32() % 5)),
            ack_delay: Duration::from_millis(u64::from(rng.next_u32() % 500)),
            timing: Timing {
                nstart: 1 + rng.next_u32() as usize % 4,
                ..Timing::RFC7252
            },
            amplification: modes[rng.next_u32() as usize % 3],
            ..EndpointConfig::default()
        };
        let configs = [config(&mut rng), config(&mut rng)];
        let [a, b] = configs.clone();
        let mut net = Net::with(seed, a, b);
        net.record = false;
        if seed % 2 == 1 {
            net.faults = Faults {
                loss: [5, 20, 40][rng.next_u32() as usize % 3],
                duplication: [0, 10, 50][rng.next_u32() as usize % 3],
                reordering: [0, 10, 80][rng.next_u32() as usize % 3],
            };
        }
        Run {
            net,
            rng,
            configs,
            sides: Default::default(),
            later: BTreeMap::new(),
            restarts: seed % 5 == 1,
            tally: Tally::default(),
            seed,
        }
    }

    fn below(&mut self, limit: u32) -> u32 {
        self.rng.next_u32() % limit
    }

    fn ask(&mut self, end: usize) {
        let number = self.sides[end].asked.len() as u32;
        let code = METHODS[self.below(METHODS.len() as u32) as usize];
        let mut request = Request::new(code)
            .path_segment(&number.to_string())
            .query(&std::format!("plan={}", self.below(10)));
        if code != Code::GET {
            let size = if self.below(10) == 0 {
                self.below(3000)
            } else {
                self.below(30)
            };
            request = request.body(42, body(size as usize));
        }
        request.confirmable = self.below(5) != 0;
        let size = request.payload.len();
        let mut options = RequestOptions::default();
        if self.below(20) == 0 {
            options = options.deadline(Duration::from_millis(u64::from(self.below(10_000))));
        }
        let peer = Net::peer(1 - end);
        match self.net.ends[end].request(self.net.now, peer, request, options) {
            Ok(id) => {
                let asked = Asked {
                    id,
                    ended: false,
                    cancelled: false,
                    executed: false,
                    executions: 0,
                    code,
                    size,
                };
                self.sides[end].asked.insert(number, asked);
            }
            Err(error) => assert_eq!(error, EndpointError::Busy),
        }
    }

    fn cancel(&mut self, end: usize) {
        let count = self.sides[end].asked.len() as u32;
        if count == 0 {
            return;
        }
        let number = count - 1 - self.below(count.min(5));
        if let Some(asked) = self.sides[end]
            .asked
            .get_mut(&number)
            .filter(|asked| !asked.ended && !asked.cancelled)
        {
            asked.cancelled = true;
            let id = asked.id;
            self.net.ends[end].cancel_request(id);
        }
    }

    fn observe(&mut self, end: usize) {
        let options = RequestOptions::default();
        let peer = Net::peer(1 - end);
        let begun = self.net.ends[end].request(self.net.now, peer, observe("value"), options);
        self.sides[end].observing.extend(begun);
    }

    fn stop_observing(&mut self, end: usize) {
        let count = self.sides[end].watched.len() as u32;
        if count == 0 {
            return;
        }
        let at = self.below(count) as usize;
        let observation = *self.sides[end].watched.keys().nth(at).unwrap();
        if self.below(2) == 0 {
            self.net.ends[end].forget_observation(observation);
        } else if let Ok(request) = self.net.ends[end].cancel_observation(self.net.now, observation)
        {
            self.sides[end].observing.push(request);
        } else {
            return;
        }
        self.sides[end].watched.remove(&observation);
    }

    fn renew(&mut self, end: usize) {
        let count = self.sides[end].watched.len() as u32;
        if count == 0 {
            return;
        }
        let at = self.below(count) as usize;
        let observation = *self.sides[end].watched.keys().nth(at).unwrap();
        let now = self.net.now;
        if let Ok(request) = self.net.ends[end].refresh_observation(now, observation) {
            self.sides[end].observing.push(request);
            self.sides[end].renewing.insert(request, observation);
        }
    }

    /// The value of an end changes; gives back the notifications of it.
    fn change(&mut self, end: usize, confirmable: bool) -> Vec<NotificationId> {
        let side = &mut self.sides[end];
        side.value += 1;
        let (now, value) = (self.net.now, side.value);
        let endpoint = &mut self.net.ends[end];
        let mut notified = Vec::new();
        side.observers.retain(|observer| {
            let told = endpoint.notify(now, *observer, representation(value), confirmable);
            notified.extend(told);
            told.is_ok()
        });
        notified
    }

    /// An end forgets all, as a host that loses its power.
    fn restart(&mut self, end: usize) {
        self.tally.restarts += 1;
        let random = rng(self.rng.next_u64());
        self.net.ends[end] = Endpoint::new(self.configs[end].clone(), random);
        self.net.events[end].clear();
        self.later.retain(|(_, by, _), _| *by != end);
        let side = &mut self.sides[end];
        side.lost_memory = true;
        for asked in side.asked.values_mut().filter(|asked| !asked.ended) {
            asked.cancelled = true;
        }
        side.observing.clear();
        side.renewing.clear();
        side.watched.clear();
        side.observers.clear();
        side.streams.clear();
        // Its ids begin anew.
        side.acknowledged.clear();
        for asked in self.sides[1 - end].asked.values_mut() {
            asked.executions = 0;
        }
    }

    /// Deals with all that was reported.
    fn take_events(&mut self) {
        self.net.drain();
        for end in [A, B] {
            while let Some(event) = self.net.events[end].pop_front() {
                self.take(end, event);
                self.net.drain();
            }
        }
    }

    fn take(&mut self, end: usize, event: Event) {
        let seed = self.seed;
        match event {
            Event::Request {
                exchange, request, ..
            } => self.execute(end, exchange, request),
            Event::Response {
                request,
                response,
                observation,
                ..
            } => match self.find(end, request) {
                Some((number, asked)) => {
                    asked.ended = true;
                    match response.code {
                        Code::CONTENT => {
                            let expected = answer_to(number, asked.size);
                            assert_eq!(response.payload, expected.payload, "seed {seed}");
                            assert!(asked.executed, "seed {seed}");
                        }
                        // Its blocks were forgotten, there is no room for more, or a restarted peer wants a new
                        // proof.
                        Code::REQUEST_ENTITY_INCOMPLETE
                        | Code::SERVICE_UNAVAILABLE
                        | Code::UNAUTHORIZED => {}
                        other => panic!("seed {seed}: {other}"),
                    }
                    self.tally.answered += 1;
                }
                None => {
                    let renewed = self.observe_ended(end, request);
                    if let (Some(renewed), None) = (renewed, observation) {
                        self.sides[end].watched.remove(&renewed);
                    }
                    // 2.03: what is newer was reported before.
                    let told = observation.filter(|_| response.code != Code::VALID);
                    if let Some(observation) = told {
                        let value = value_of(&response, seed);
                        let seen = self.sides[end].watched.insert(observation, value);
                        let lost_memory = self.sides[1 - end].lost_memory;
                        let backwards = seen.is_some_and(|seen| value < seen) && !lost_memory;
                        assert!(!backwards, "seed {seed}: {value} after {seen:?}");
                    }
                }
            },
            Event::RequestFailed { request, .. } => match self.find(end, request) {
                Some((_, asked)) => {
                    asked.ended = true;
                    self.tally.failed += 1;
                }
                None => drop(self.observe_ended(end, request)),
            },
            Event::Notification {
                observation,
                response,
                last,
                ..
            } => {
                let lost_memory = self.sides[1 - end].lost_memory;
                let watched = &mut self.sides[end].watched;
                let seen = watched.get_mut(&observation).expect("it has begun");
                let value = value_of(&response, seed);
                let backwards = value < *seen && !lost_memory;
                assert!(!backwards, "seed {seed}: {value} after {seen}");
                *seen = value;
                if last {
                    watched.remove(&observation);
                }
            }
            Event::NotificationAcknowledged { notification, .. } => {
                self.sides[end].acknowledged.push(notification);
            }
            Event::ObserverGone { observer, .. } => {
                self.sides[end].observers.retain(|other| *other != observer);
            }
            Event::UploadStarted {
                upload, request, ..
            } => {
                // It may have been abandoned since.
                if self.below(3) == 0 && self.net.ends[end].stream_upload(upload).is_ok() {
                    let begun = (request, Vec::new());
                    self.sides[end].streams.insert(upload, begun);
                }
            }
            Event::UploadBlock {
                upload,
                exchange,
                offset,
                data,
                last,
            } => {
                let (_, body) = self.sides[end].streams.get_mut(&upload).unwrap();
                assert_eq!(offset, body.len(), "seed {seed}: a gap");
                body.extend_from_slice(&data);
                if !last {
                    let now = self.net.now;
                    let continued = self.net.ends[end].continue_upload(now, upload);
                    assert!(matches!(continued, Ok(()) | Err(EndpointError::Gone)));
                } else if let Some((mut request, body)) = self.sides[end].streams.remove(&upload) {
                    request.payload = body.into();
                    self.execute(end, exchange, request);
                }
            }
            Event::UploadAborted { upload } => {
                let aborted = self.sides[end].streams.remove(&upload);
                assert!(aborted.is_some(), "seed {seed}: it was not streamed");
            }
            Event::UploadProgress { .. } => {}
            other => panic!("seed {seed}: {other:?}"),
        }
    }

    /// A request of those that are counted, which must not have ended yet.
    fn find(&mut self, end: usize, id: RequestId) -> Option<(u32, &mut Asked)> {
        self.sides[end]
            .asked
            .iter_mut()
            .find(|(_, asked)| asked.id == id && !asked.ended && !asked.cancelled)
            .map(|(number, asked)| (*number, asked))
    }

    /// Gives back the observation that was to be renewed.
    fn observe_ended(&mut self, end: usize, request: RequestId) -> Option<ObservationId> {
        let observing = &mut self.sides[end].observing;
        let at = observing.iter().position(|other| *other == request);
        let at = at.unwrap_or_else(|| panic!("seed {}: an event without request", self.seed));
        observing.remove(at);
        self.sides[end].renewing.remove(&request)
    }

    fn execute(&mut self, end: usize, exchange: ExchangeId, request: Request) {
        let now = self.net.now;
        let path = request.options.texts(option::URI_PATH).unwrap();
        if path == ["value"] {
            let response = representation(self.sides[end].value);
            match request.options.uint(option::OBSERVE) {
                Some(0) => {
                    let entered = self.net.ends[end].respond_observe(now, exchange, response);
                    self.sides[end].observers.extend(entered);
                }
                _ => self.net.ends[end].respond(now, exchange, response).unwrap(),
            }
            return;
        }
        let number: u32 = path[0].parse().unwrap();
        let query: String = request.options.texts(option::URI_QUERY).unwrap().concat();
        let asked = self.sides[1 - end].asked.get_mut(&number).unwrap();
        asked.executed = true;
        asked.executions += 1;
        assert_eq!(request.code, asked.code);
        assert_eq!(request.payload, body(asked.size), "seed {}", self.seed);
        let safe = matches!(request.code, Code::GET | Code::FETCH);
        assert!(
            safe || asked.executions == 1,
            "seed {}: executed twice",
            self.seed
        );
        let response = answer_to(number, asked.size);
        let plan = match query.as_str() {
            "plan=0" => Plan::Never,
            "plan=1" | "plan=2" => Plan::Later(self.below(20_000)),
            _ => Plan::Answer,
        };
        match plan {
            Plan::Answer => self.net.ends[end].respond(now, exchange, response).unwrap(),
            Plan::Later(millis) => {
                let at = now + Duration::from_millis(millis.into());
                self.later
                    .insert((at, end, exchange.0), (exchange, response));
            }
            Plan::Never => {}
        }
    }

    fn pass(&mut self, time: Duration) {
        let limit = self.net.now + time;
        loop {
            self.take_events();
            let due = self
                .later
                .keys()
                .next()
                .map_or(limit, |(at, ..)| (*at).min(limit));
            if self.net.step(due) {
                continue;
            }
            self.net.now = self.net.now.max(due);
            while let Some(entry) = self.later.first_entry().filter(|e| e.key().0 <= due) {
                let end = entry.key().1;
                let (exchange, response) = entry.remove();
                let answered = self.net.ends[end].respond(self.net.now, exchange, response);
                // A collected upload may have been restarted meanwhile.
                assert!(matches!(answered, Ok(()) | Err(EndpointError::Gone)));
            }
            if due == limit {
                break;
            }
        }
        self.take_events();
    }

    fn act(&mut self) {
        let end = self.below(2) as usize;
        match self.below(40) {
            0 | 1 => self.cancel(end),
            2 => self.observe(end),
            3 => match self.below(4) {
                0 => self.stop_observing(end),
                1 => self.renew(end),
                _ => {}
            },
            4..7 => {
                let confirmable = self.below(3) == 0;
                self.change(end, confirmable);
            }
            7 if self.restarts && self.below(2) == 0 => self.restart(end),
            _ => self.ask(end),
        }
        let pause = [0, 0, 100, 2000][self.below(4) as usize];
        self.pass(Duration::from_millis(pause));
    }

    /// The network is whole again: all ends, and observations show what is.
    fn finish(&mut self) {
        let seed = self.seed;
        self.net.faults = Faults::default();
        self.pass(Duration::from_secs(60 * 60));
        for side in &self.sides {
            for asked in side.asked.values() {
                assert!(
                    asked.ended || asked.cancelled,
                    "seed {seed}: {} never ended",
                    asked.code
                );
            }
            assert!(side.observing.is_empty(), "seed {seed}");
            assert!(
                side.streams.is_empty(),
                "seed {seed}: an upload never ended"
            );
        }
        for end in [A, B] {
            let notified = self.change(end, true);
            self.pass(Duration::from_secs(600));
            let side = &self.sides[end];
            let arrived = notified
                .iter()
                .filter(|id| side.acknowledged.contains(id))
                .count();
            // Who acknowledged it observes, and whoever is still an observer has acknowledged it.
            assert_eq!(arrived, side.observers.len(), "seed {seed}");
            let watched = &self.sides[1 - end].watched;
            let current = watched.values().filter(|seen| **seen == side.value);
            assert_eq!(current.count(), arrived, "seed {seed}");
            self.tally.alive += arrived as u32;
        }
        for end in [A, B] {
            let side = &mut self.sides[end];
            for observation in core::mem::take(&mut side.watched).into_keys() {
                self.net.ends[end].forget_observation(observation);
            }
            for observer in core::mem::take(&mut side.observers) {
                self.net.ends[end].remove_observer(observer);
            }
        }
        self.net.assert_forgets_all();
    }
}

pub(super) fn run(seed: u64) -> Tally {
    let mut run = Run::new(seed);
    while run.sides[A].asked.len() + run.sides[B].asked.len() < EXCHANGES_PER_RUN {
        run.act();
    }
    run.finish();
    run.tally
}

pub(super) fn setting<T: core::str::FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok()?.parse().ok()
}

// proves: BLK-32, COAP-16, COAP-17, COAP-18, COAP-31
#[test]
fn every_request_ends_once_and_none_is_executed_twice() {
    if let Some(seed) = setting("ENDPOINT_MODEL_SEED") {
        run(seed);
        return;
    }
    let exchanges = setting("ENDPOINT_MODEL_EXCHANGES").unwrap_or(10_000);
    let seeds = exchanges / EXCHANGES_PER_RUN as u32;
    let mut sum = Tally::default();
    for seed in 0..u64::from(seeds) {
        let tally = run(seed);
        sum.answered += tally.answered;
        sum.failed += tally.failed;
        sum.restarts += tally.restarts;
        sum.alive += tally.alive;
    }
    std::eprintln!("{exchanges} exchanges, seeds 0 to {}: {sum:?}", seeds - 1);
    // All that can happen was met.
    assert!(sum.answered > exchanges / 3, "{sum:?}");
    assert!(sum.failed > exchanges / 50, "{sum:?}");
    assert!(
        sum.restarts > seeds / 20 && sum.alive > seeds / 5,
        "{sum:?}"
    );
}
