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

mod acting;
mod judging;

use super::*;
use alloc::{collections::BTreeMap, string::String};

const EXCHANGES_PER_RUN: usize = 100;

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
