//! Times several contenders so that the ratio between them can be trusted on a machine that does other things too.
//!
//! The contenders of a contest take turns in short batches, so that whatever slows the machine down slows all of
//! them; a ratio is the median of the ratios within each turn.

use crate::allocation::{Allocations, allocations};
use std::{
    hint::black_box,
    time::{Duration, Instant},
};

/// How much is timed.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// How long one batch of one contender takes, about.
    pub batch: Duration,
    /// How many turns a contest has; odd, so that there is a median.
    pub turns: usize,
}

impl Effort {
    /// What it takes for figures that are worth keeping.
    pub const WHOLE: Effort = Effort {
        batch: Duration::from_micros(400),
        turns: 101,
    };

    /// Shows that all works, and no figure worth keeping.
    pub const SMOKE: Effort = Effort {
        batch: Duration::from_micros(20),
        turns: 3,
    };
}

/// One way to do the work of a contest.
pub struct Contender<'a> {
    name: String,
    batch: Box<dyn FnMut(u64) + 'a>,
}

impl<'a> Contender<'a> {
    /// `run` does the work once; what it returns counts as used.
    pub fn new<T>(name: impl Into<String>, mut run: impl FnMut() -> T + 'a) -> Self {
        Contender {
            name: name.into(),
            // The loop is compiled together with the work, so that one call is no dynamic one.
            batch: Box::new(move |times| {
                for _ in 0..times {
                    black_box(run());
                }
            }),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Does the work so many times.
    pub fn run(&mut self, times: u64) {
        (self.batch)(times);
    }

    fn time(&mut self, times: u64) -> Duration {
        let start = Instant::now();
        self.run(times);
        start.elapsed()
    }

    /// How often the work is done in a batch that takes this long.
    fn calibrate(&mut self, batch: Duration) -> u64 {
        let mut times = 1;
        loop {
            let took = self.time(times);
            if took >= batch / 2 {
                let one = took.as_secs_f64() / times as f64;
                return (batch.as_secs_f64() / one).ceil() as u64;
            }
            times *= 2;
        }
    }
}

/// What was measured of one contender.
#[derive(Debug, Clone)]
pub struct Measurement {
    /// Its name.
    pub name: String,
    /// Nanoseconds in each turn, for doing the work once.
    nanos: Vec<f64>,
    /// What doing the work once allocates.
    pub allocations: Allocations,
}

impl Measurement {
    /// Median of the nanoseconds for doing the work once.
    pub fn nanos(&self) -> f64 {
        median(self.nanos.clone())
    }

    /// How many times as long as the other one it takes: the median over the turns.
    pub fn ratio_to(&self, other: &Measurement) -> f64 {
        let turns = self.nanos.iter().zip(&other.nanos);
        median(turns.map(|(own, other)| own / other).collect())
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Times all contenders, in turns.
pub fn contest(mut contenders: Vec<Contender<'_>>, effort: Effort) -> Vec<Measurement> {
    let batches: Vec<u64> = contenders
        .iter_mut()
        .map(|contender| contender.calibrate(effort.batch))
        .collect();
    let mut measured: Vec<_> = contenders
        .iter_mut()
        .map(|contender| Measurement {
            name: contender.name.clone(),
            nanos: Vec::with_capacity(effort.turns),
            allocations: allocations(|| contender.run(1)),
        })
        .collect();
    for _ in 0..effort.turns {
        for ((contender, times), measured) in contenders.iter_mut().zip(&batches).zip(&mut measured)
        {
            let took = contender.time(*times);
            measured
                .nanos
                .push(took.as_secs_f64() * 1e9 / *times as f64);
        }
    }
    measured
}
