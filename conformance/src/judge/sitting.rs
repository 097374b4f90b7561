//! What both judges do while a case is judged: take in what happens, wait for what must come, and close the case with
//! its evidence.

use super::{
    Case,
    station::{Happening, Station},
    verdict::{Judged, Outcome, Verdict, fail},
};
use lwm2m_objects::Definitions;
use std::time::Duration;
use tokio::time::Instant;

/// The station of a judge, and what is needed to show what travelled.
pub(super) struct Bench {
    /// The CoAP endpoint.
    pub(super) station: Station,
    /// To read and write payloads with.
    pub(super) definitions: Definitions,
    /// Where the evidence of the case begins on the tape.
    pub(super) evidence: usize,
}

impl Bench {
    /// A bench whose tape is empty.
    pub(super) fn new(station: Station) -> Self {
        Bench {
            station,
            definitions: Definitions::built_in(),
            evidence: 0,
        }
    }
}

/// A judge at work.
pub(super) trait Sitting {
    /// What is kept of what happened.
    type Ledger;

    /// The bench.
    fn bench(&mut self) -> &mut Bench;

    /// The ledger.
    fn ledger(&mut self) -> &mut Self::Ledger;

    /// What the peer did wrong beside the criteria of the case.
    fn faults(&self) -> &[String];

    /// How long what must come is waited for.
    fn patience(&self) -> Duration;

    /// Takes in what happened, and answers where it has to be answered.
    async fn take(&mut self, happening: Happening);

    /// Carries a case out, from a fresh ledger on.
    async fn hear(&mut self, number: u16) -> Judged;

    /// Undoes what the case has done.
    async fn adjourn(&mut self);

    /// One case from beginning to end.
    async fn judge_one(&mut self, case: Case) -> Outcome {
        let mut judged = self.hear(case.number).await;
        if judged.is_ok()
            && let Some(fault) = self.faults().first()
        {
            judged = fail(fault.clone());
        }
        let bench = self.bench();
        bench.station.settle().await;
        let verdict = Verdict::from(judged);
        let exchange = match verdict {
            Verdict::Fail(_) => (bench.station.tape()).print(bench.evidence, &bench.definitions),
            _ => String::new(),
        };
        self.adjourn().await;
        // What comes between two cases, as the registration before the first, belongs to the next.
        let bench = self.bench();
        bench.evidence = bench.station.tape().mark();
        Outcome {
            number: case.number,
            title: case.title,
            verdict,
            exchange,
        }
    }

    /// Takes in one happening; false when the time is over.
    async fn step(&mut self, deadline: Instant) -> bool {
        match self.bench().station.next(deadline).await {
            Some(happening) => {
                self.take(happening).await;
                true
            }
            None => false,
        }
    }

    /// Waits until something is found; `None` when the time is over.
    async fn until<T>(
        &mut self,
        within: Duration,
        mut find: impl FnMut(&mut Self::Ledger) -> Option<T>,
    ) -> Option<T> {
        let deadline = Instant::now() + within;
        loop {
            if let Some(found) = find(self.ledger()) {
                return Some(found);
            }
            if !self.step(deadline).await {
                return find(self.ledger());
            }
        }
    }

    /// Waits for what must come.
    async fn awaited<T>(
        &mut self,
        what: &str,
        find: impl FnMut(&mut Self::Ledger) -> Option<T>,
    ) -> Judged<T> {
        let patience = self.patience();
        match self.until(patience, find).await {
            Some(found) => Ok(found),
            None => fail(format!("{what} did not come within {patience:.0?}")),
        }
    }

    /// Lets time pass.
    async fn pass(&mut self, time: Duration) {
        let deadline = Instant::now() + time;
        while self.step(deadline).await {}
    }
}
