//! Random operations of two ends over a random network, against what must hold whatever happens:
//!
//! - each request is answered once, by its own answer, or fails once with a reason, or is cancelled in silence;
//! - no request that is not safe is executed twice;
//! - nothing is left when all is over.
//!
//! `ENDPOINT_MODEL_EXCHANGES` says how many exchanges; the seed of a run that fails stands in its message.

use super::*;
use alloc::{collections::BTreeMap, string::String};

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
    cancelled: bool,
    executed: u32,
    code: Code,
    size: usize,
}

struct Run {
    net: Net,
    rng: ChaCha8Rng,
    /// Requests by the number in their path, for each end.
    asked: [BTreeMap<u32, Asked>; 2],
    later: BTreeMap<(Instant, u64), (usize, ExchangeId, Response)>,
    /// Answered, failed.
    tally: [u32; 2],
    seed: u64,
}

const METHODS: [Code; 5] = [Code::GET, Code::POST, Code::PUT, Code::FETCH, Code::IPATCH];

/// The answer to request `number`, which says what it answers.
fn answer_to(number: u32, size: usize) -> Response {
    let mut payload = std::format!("{number} ").into_bytes();
    payload.extend_from_slice(&body(size));
    Response::new(Code::CONTENT).body(42, payload)
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let config = |rng: &mut ChaCha8Rng| EndpointConfig {
            block_size: BlockSize::at_most(64 << (rng.next_u32() % 5)),
            ack_delay: Duration::from_millis(u64::from(rng.next_u32() % 500)),
            timing: Timing {
                nstart: 1 + rng.next_u32() as usize % 4,
                ..Timing::RFC7252
            },
            ..EndpointConfig::default()
        };
        let (a, b) = (config(&mut rng), config(&mut rng));
        let mut net = Net::with(seed, a, b);
        net.record = false;
        net.faults = Faults {
            loss: [0, 5, 20, 40][rng.next_u32() as usize % 4],
            duplication: [0, 10, 50][rng.next_u32() as usize % 3],
            reordering: [0, 10, 80][rng.next_u32() as usize % 3],
        };
        Run {
            net,
            rng,
            asked: Default::default(),
            later: BTreeMap::new(),
            tally: [0; 2],
            seed,
        }
    }

    fn below(&mut self, limit: u32) -> u32 {
        self.rng.next_u32() % limit
    }

    fn ask(&mut self, end: usize) {
        let number = self.asked[end].len() as u32;
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
                    executed: 0,
                    code,
                    size,
                };
                self.asked[end].insert(number, asked);
            }
            Err(error) => assert_eq!(error, EndpointError::Busy),
        }
    }

    fn cancel(&mut self, end: usize) {
        let count = self.asked[end].len() as u32;
        if count == 0 {
            return;
        }
        let number = count - 1 - self.below(count.min(5));
        if let Some(asked) = self.asked[end]
            .get_mut(&number)
            .filter(|asked| !asked.ended)
        {
            asked.cancelled = true;
            let id = asked.id;
            self.net.ends[end].cancel_request(id);
        }
    }

    /// Deals with all that was reported.
    fn take_events(&mut self) {
        let seed = self.seed;
        self.net.drain();
        for end in [A, B] {
            while let Some(event) = self.net.events[end].pop_front() {
                match event {
                    Event::Request {
                        exchange, request, ..
                    } => self.execute(end, exchange, request),
                    Event::Response {
                        request, response, ..
                    } => {
                        let (number, asked) = self.find(end, request);
                        assert!(!asked.ended && !asked.cancelled, "seed {seed}");
                        asked.ended = true;
                        match response.code {
                            Code::CONTENT => {
                                let expected = answer_to(number, asked.size);
                                assert_eq!(response.payload, expected.payload, "seed {seed}");
                                assert!(asked.executed > 0, "seed {seed}");
                            }
                            // Its blocks were forgotten, or there is no room for more.
                            Code::REQUEST_ENTITY_INCOMPLETE | Code::SERVICE_UNAVAILABLE => {}
                            other => panic!("seed {seed}: {other}"),
                        }
                        self.tally[0] += 1;
                    }
                    Event::RequestFailed {
                        request, failure, ..
                    } => {
                        let (_, asked) = self.find(end, request);
                        assert!(!asked.ended && !asked.cancelled, "seed {seed}: {failure}");
                        asked.ended = true;
                        self.tally[1] += 1;
                    }
                    Event::UploadStarted { .. } | Event::UploadProgress { .. } => {}
                    other => panic!("seed {seed}: {other:?}"),
                }
            }
        }
    }

    fn find(&mut self, end: usize, id: RequestId) -> (u32, &mut Asked) {
        let (number, asked) = self.asked[end]
            .iter_mut()
            .find(|(_, asked)| asked.id == id)
            .expect("events are of known requests");
        (*number, asked)
    }

    fn execute(&mut self, end: usize, exchange: ExchangeId, request: Request) {
        let path = request.options.texts(option::URI_PATH).unwrap();
        let number: u32 = path[0].parse().unwrap();
        let query: String = request.options.texts(option::URI_QUERY).unwrap().concat();
        let asked = self.asked[1 - end].get_mut(&number).unwrap();
        asked.executed += 1;
        assert_eq!(request.code, asked.code);
        assert_eq!(request.payload, body(asked.size), "seed {}", self.seed);
        let safe = matches!(request.code, Code::GET | Code::FETCH);
        assert!(
            safe || asked.executed == 1,
            "seed {}: executed twice",
            self.seed
        );
        let response = answer_to(number, asked.size);
        let plan = match query.as_str() {
            "plan=0" => Plan::Never,
            "plan=1" | "plan=2" => Plan::Later(self.below(20_000)),
            _ => Plan::Answer,
        };
        let now = self.net.now;
        match plan {
            Plan::Answer => self.net.ends[end].respond(now, exchange, response).unwrap(),
            Plan::Later(millis) => {
                let at = now + Duration::from_millis(millis.into());
                self.later
                    .insert((at, exchange.0), (end, exchange, response));
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
                .map_or(limit, |(at, _)| (*at).min(limit));
            if self.net.step(due) {
                continue;
            }
            self.net.now = self.net.now.max(due);
            while let Some(entry) = self.later.first_entry().filter(|e| e.key().0 <= due) {
                let (end, exchange, response) = entry.remove();
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
}

fn run(seed: u64, exchanges: u32) -> [u32; 2] {
    let mut run = Run::new(seed);
    while (run.asked[A].len() + run.asked[B].len()) < exchanges as usize {
        let end = run.below(2) as usize;
        match run.below(20) {
            0 => run.cancel(end),
            _ => run.ask(end),
        }
        let pause = [0, 0, 100, 2000][run.below(4) as usize];
        run.pass(Duration::from_millis(pause));
    }
    run.pass(Duration::from_secs(60 * 60));
    for asked in run.asked.iter().flat_map(BTreeMap::values) {
        assert!(
            asked.ended || asked.cancelled,
            "seed {seed}: {} never ended",
            asked.code
        );
    }
    run.net.faults = Faults::default();
    run.net.assert_forgets_all();
    run.tally
}

// proves: BLK-32, COAP-16, COAP-17, COAP-18, COAP-31
#[test]
fn every_request_ends_once_and_none_is_executed_twice() {
    let exchanges = std::env::var("ENDPOINT_MODEL_EXCHANGES")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(10_000u32);
    let mut tally = [0; 2];
    for seed in 0..u64::from(exchanges / 100) {
        let [answered, failed] = run(seed, 100);
        tally[0] += answered;
        tally[1] += failed;
    }
    // Both ways of ending were met.
    assert!(
        tally[0] > exchanges / 3 && tally[1] > exchanges / 20,
        "{tally:?}"
    );
}
