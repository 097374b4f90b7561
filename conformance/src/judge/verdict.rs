//! How a case ends, and what all of them together say.

use std::{fmt, process::ExitCode};

/// Why a case ends before its last step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// A criterion is not met.
    Fail(String),
    /// The case cannot be judged here: an optional feature that the peer does not offer, or something that a person
    /// or another configuration would have to do.
    NotApplicable(String),
}

/// What a step of a case gives, or how the case ends with it.
pub type Judged<T = ()> = Result<T, Ending>;

/// The case is failed for this reason.
pub fn fail<T>(why: impl Into<String>) -> Judged<T> {
    Err(Ending::Fail(why.into()))
}

/// The case cannot be judged, for this reason.
pub fn not_applicable<T>(why: impl Into<String>) -> Judged<T> {
    Err(Ending::NotApplicable(why.into()))
}

/// A criterion: where it is not met, the case is failed.
pub fn ensure(met: bool, why: impl FnOnce() -> String) -> Judged {
    match met {
        true => Ok(()),
        false => fail(why()),
    }
}

/// What is said about one case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// All its criteria that can be seen from here are met.
    Pass,
    /// One is not.
    Fail(String),
    /// It was not judged.
    NotApplicable(String),
}

impl From<Judged> for Verdict {
    fn from(judged: Judged) -> Self {
        match judged {
            Ok(()) => Verdict::Pass,
            Err(Ending::Fail(why)) => Verdict::Fail(why),
            Err(Ending::NotApplicable(why)) => Verdict::NotApplicable(why),
        }
    }
}

/// A case that was looked at.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The number behind `int-`.
    pub number: u16,
    /// What it shows.
    pub title: &'static str,
    /// What is said about it.
    pub verdict: Verdict,
    /// What travelled meanwhile, decoded, in order, one message a line or a few.
    pub exchange: String,
}

impl fmt::Display for Outcome {
    /// One line; for a failure, the exchange below it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, why) = match &self.verdict {
            Verdict::Pass => ("pass", None),
            Verdict::Fail(why) => ("FAIL", Some(why)),
            Verdict::NotApplicable(why) => ("n/a ", Some(why)),
        };
        write!(f, "{word}  int-{:<5} {}", self.number, self.title)?;
        if let Some(why) = why {
            write!(f, ": {why}")?;
        }
        if matches!(self.verdict, Verdict::Fail(_)) {
            for line in self.exchange.lines() {
                write!(f, "\n          {line}")?;
            }
        }
        Ok(())
    }
}

/// All cases of a run.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Who was judged: `client` or `server`.
    pub side: &'static str,
    /// In the order they were judged.
    pub outcomes: Vec<Outcome>,
}

impl Report {
    /// A run that has not begun.
    pub(super) fn of(side: &'static str) -> Self {
        Report {
            side,
            outcomes: Vec::new(),
        }
    }

    /// The verdict about a case; `None` where it was not looked at.
    pub fn verdict(&self, number: u16) -> Option<&Verdict> {
        let outcome = self
            .outcomes
            .iter()
            .find(|outcome| outcome.number == number)?;
        Some(&outcome.verdict)
    }

    fn count(&self, wanted: impl Fn(&Verdict) -> bool) -> usize {
        let verdicts = self.outcomes.iter().map(|outcome| &outcome.verdict);
        verdicts.filter(|verdict| wanted(verdict)).count()
    }

    /// How many passed.
    pub fn passed(&self) -> usize {
        self.count(|verdict| *verdict == Verdict::Pass)
    }

    /// How many failed.
    pub fn failed(&self) -> usize {
        self.count(|verdict| matches!(verdict, Verdict::Fail(_)))
    }

    /// 0 where nothing failed and something passed, 1 where something failed, 3 where nothing could be judged: a run
    /// in which nothing was seen is no success. (2 is for arguments that cannot be used.)
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(match (self.failed(), self.passed()) {
            (0, 0) => NOTHING_JUDGED,
            (0, _) => 0,
            _ => 1,
        })
    }
}

/// Exit code of a run without a single case that could be judged.
const NOTHING_JUDGED: u8 = 3;

impl fmt::Display for Report {
    /// The last line of a run.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (passed, failed) = (self.passed(), self.failed());
        let rest = self.outcomes.len() - passed - failed;
        write!(f, "{passed} passed, {failed} failed, {rest} not applicable")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(number: u16, verdict: Verdict) -> Outcome {
        Outcome {
            number,
            title: "a case",
            verdict,
            exchange: "first\nsecond".to_owned(),
        }
    }

    #[test]
    fn a_failure_shows_its_exchange_and_rules_the_exit_code() {
        let failed = outcome(101, Verdict::Fail("no answer".to_owned()));
        assert_eq!(
            failed.to_string(),
            "FAIL  int-101   a case: no answer\n          first\n          second"
        );
        assert!(!outcome(0, Verdict::Pass).to_string().contains("first"));
        let mut report = Report::default();
        assert_eq!(report.exit_code(), ExitCode::from(3));
        report
            .outcomes
            .push(outcome(3, Verdict::NotApplicable("x".to_owned())));
        assert_eq!(report.exit_code(), ExitCode::from(3));
        report.outcomes.push(outcome(0, Verdict::Pass));
        assert_eq!(report.exit_code(), ExitCode::from(0));
        report.outcomes.push(failed);
        assert_eq!(report.exit_code(), ExitCode::from(1));
        assert_eq!(report.to_string(), "1 passed, 1 failed, 1 not applicable");
        assert_eq!(report.verdict(0), Some(&Verdict::Pass));
        assert_eq!(report.verdict(5), None);
    }
}
