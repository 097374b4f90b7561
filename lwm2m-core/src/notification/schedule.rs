use super::Decision;
use crate::{attributes::Attributes, time::Instant};
use core::time::Duration;

/// When: what pmin, pmax, epmin and epmax allow and ask for.
#[derive(Debug, Clone)]
pub(super) struct Schedule {
    periods: Periods,
    /// When the last notification was sent.
    notified: Instant,
    /// When the value was last looked at.
    evaluated: Instant,
    /// Whether something counted since the last notification and waits for pmin.
    held_back: bool,
}

/// The periods that are in force; a maximum that is 0 or below its minimum is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Periods {
    pub(super) pmin: Duration,
    pub(super) pmax: Option<Duration>,
    pub(super) epmin: Duration,
    pub(super) epmax: Option<Duration>,
}

impl From<&Attributes> for Periods {
    fn from(attributes: &Attributes) -> Self {
        let seconds = |seconds: u32| Duration::from_secs(seconds.into());
        let pmin = attributes.pmin.unwrap_or(0);
        let epmin = attributes.epmin.unwrap_or(0);
        let maximum = |max: Option<u32>, min: u32| max.filter(|max| *max != 0 && *max >= min);
        Periods {
            pmin: seconds(pmin),
            pmax: maximum(attributes.pmax, pmin).map(seconds),
            epmin: seconds(epmin),
            epmax: maximum(attributes.epmax, epmin).map(seconds),
        }
    }
}

impl Schedule {
    pub(super) fn new(periods: impl Into<Periods>, now: Instant) -> Self {
        Schedule {
            periods: periods.into(),
            notified: now,
            evaluated: now,
            held_back: false,
        }
    }

    pub(super) fn set_periods(&mut self, periods: impl Into<Periods>) {
        self.periods = periods.into();
    }

    pub(super) fn follow(&mut self, other: &Schedule) {
        self.periods = other.periods;
    }

    /// `is_met` looks at the value; it is called at most once, and not before epmin is over.
    pub(super) fn decide(
        &mut self,
        now: Instant,
        changed: bool,
        is_met: impl FnOnce() -> bool,
    ) -> Decision {
        let Periods {
            pmin,
            pmax,
            epmin,
            epmax,
        } = self.periods;
        let earliest_evaluation = self.evaluated + epmin;
        let is_too_early = now < earliest_evaluation;
        if !is_too_early && !self.held_back {
            self.evaluated = now;
            self.held_back = is_met();
        }
        if self.held_back {
            // Whatever the value becomes, there is something to tell: nothing more needs to be looked at.
            return notify_at(self.notified + pmin, now);
        }
        let sample = match is_too_early && changed {
            true => Some(earliest_evaluation),
            false => epmax.map(|epmax| self.evaluated + epmax),
        };
        let due = pmax.map(|pmax| self.notified + pmax);
        match (sample, due) {
            (Some(sample), Some(due)) if sample < due => Decision::SampleAt(sample),
            (_, Some(due)) => notify_at(due, now),
            (Some(sample), None) => Decision::SampleAt(sample),
            (None, None) => Decision::Never,
        }
    }

    pub(super) fn notified(&mut self, now: Instant) {
        self.notified = now;
        // What was sent was looked at.
        self.evaluated = now;
        self.held_back = false;
    }
}

fn notify_at(moment: Instant, now: Instant) -> Decision {
    match moment <= now {
        true => Decision::Now,
        false => Decision::At(moment),
    }
}
