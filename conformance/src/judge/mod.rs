//! Judges somebody's client or server by the OMA enabler test cases, over real sockets.
//!
//! | part | what it does |
//! |---|---|
//! | [`client`] | plays a server and a bootstrap server, and judges the client that connects |
//! | [`server`] | plays a device, and judges the server it is sent to |
//! | [`arguments`] | the two as subcommands of a program |
//! | `sitting` | what both do while a case is judged |
//! | [`station`] | the CoAP endpoint under both |
//! | [`tape`] | what travelled, for whoever must mend a failure |
//! | [`verdict`] | pass, fail, not applicable |
//!
//! A judge works on messages: it sends the typed operations of `lwm2m-core` over an endpoint, and answers what a case
//! says. No part of our client or server stands between it and the peer, so nothing of the peer's behaviour is hidden
//! or mended by them. Of each case it asserts what can be seen from its side of the wire; what it cannot see it does
//! not claim.

pub mod arguments;
pub mod client;
mod dtls;
pub mod server;
mod sitting;
pub mod station;
pub mod tape;
mod values;
pub mod verdict;

pub use dtls::{CertificateCredentials, PskCredentials};
pub use verdict::{Ending, Judged, Outcome, Report, Verdict};

use lwm2m_core::time::Instant;
use std::time::Duration;

/// Waiting times of the cases. Those of the procedures are in minutes where devices are meant to be seen doing nothing;
/// the same steps can be run with shorter ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pace {
    /// How long an answer or a message that must come may take.
    pub patience: Duration,
    /// How much later than a maximum period a notification may come, and how much sooner than a minimum: what
    /// networks and schedulers take.
    pub slack: Duration,
    /// Minimum and maximum period of the first observed resource, seconds.
    pub first_periods: (u32, u32),
    /// Minimum and maximum period of the second observed resource, seconds.
    pub second_periods: (u32, u32),
    /// Minimum and maximum period of composite observations, seconds.
    pub composite_periods: (u32, u32),
    /// Lifetime that is let expire, seconds.
    pub short_lifetime: u32,
    /// How long a disabled client stays away, seconds.
    pub disable: u32,
    /// How long a device with queue mode counts as awake after its last message.
    pub awake: Duration,
}

impl Pace {
    /// As the procedures have it.
    pub const PROCEDURE: Pace = Pace {
        patience: Duration::from_secs(60),
        slack: Duration::from_secs(2),
        first_periods: (5, 15),
        second_periods: (10, 20),
        composite_periods: (30, 45),
        short_lifetime: 20,
        disable: 10,
        awake: Duration::from_secs(93),
    };

    /// The same steps in seconds, for rehearsals.
    pub const QUICK: Pace = Pace {
        patience: Duration::from_secs(20),
        slack: Duration::from_secs(1),
        first_periods: (1, 2),
        second_periods: (1, 3),
        composite_periods: (1, 2),
        short_lifetime: 2,
        disable: 2,
        awake: Duration::from_secs(93),
    };

    /// With this patience.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// With this slack.
    #[must_use]
    pub fn slack(mut self, slack: Duration) -> Self {
        self.slack = slack;
        self
    }

    /// With this time in which a device with queue mode counts as awake.
    #[must_use]
    pub fn awake(mut self, awake: Duration) -> Self {
        self.awake = awake;
        self
    }

    /// Asserts that these arrivals are as far apart as the periods say.
    fn check(&self, what: &str, times: &[Instant], (pmin, pmax): (u32, u32)) -> Judged {
        let seconds = |seconds: u32| Duration::from_secs(seconds.into());
        for pair in times.windows(2) {
            let gap = pair[1].since(pair[0]);
            verdict::ensure(gap + self.slack >= seconds(pmin), || {
                format!("{what}: notified again after {gap:.1?}, with pmin {pmin} s")
            })?;
            verdict::ensure(gap <= seconds(pmax) + self.slack, || {
                format!("{what}: notified only after {gap:.1?}, with pmax {pmax} s")
            })?;
        }
        Ok(())
    }
}

/// One case as a side can judge it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Case {
    /// The number behind `int-`.
    pub number: u16,
    /// What it shows.
    pub title: &'static str,
    /// Why it is never judged from this side; `None` where it is.
    pub never: Option<&'static str>,
}

/// A table of cases with the function that judges each, or the reason why none does.
macro_rules! cases {
    ($judge:ty: $($number:literal $title:literal => $kind:ident($argument:expr);)*) => {
        /// All cases, ascending.
        pub const CASES: &[$crate::judge::Case] = &[$($crate::judge::Case {
            number: $number,
            title: $title,
            never: $crate::judge::cases!(@never $kind $argument),
        }),*];

        async fn judge(judge: &mut $judge, number: u16) -> $crate::judge::Judged {
            match number {
                $($number => $crate::judge::cases!(@run judge $kind $argument),)*
                _ => $crate::judge::verdict::not_applicable("there is no such case"),
            }
        }
    };
    (@never judge $function:expr) => { None };
    (@never never $why:expr) => { Some($why) };
    (@run $judge:ident judge $function:expr) => { $function($judge).await };
    (@run $judge:ident never $why:expr) => { $crate::judge::verdict::not_applicable($why) };
}
pub(crate) use cases;

/// The cases to judge, in the order of `wanted`; all where it is empty.
///
/// # Errors
/// The first number that is none of them.
fn chosen(known: &[Case], wanted: &[u16]) -> Result<Vec<Case>, UnknownCase> {
    if let Some(number) = wanted
        .iter()
        .find(|number| known.iter().all(|case| case.number != **number))
    {
        return Err(UnknownCase(*number));
    }
    if wanted.is_empty() {
        return Ok(known.to_vec());
    }
    let found = |number: &u16| known.iter().find(|case| case.number == *number).copied();
    Ok(wanted.iter().filter_map(found).collect())
}

/// A case that was asked for is not in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no case int-{0}; --list shows all")]
pub struct UnknownCase(pub u16);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oma;

    #[test]
    fn both_sides_account_for_every_case() {
        for known in [client::CASES, server::CASES] {
            let mut numbers: Vec<u16> = known.iter().map(|case| case.number).collect();
            assert_eq!(numbers, oma::CASES);
            numbers.dedup();
            assert_eq!(numbers.len(), known.len());
        }
    }

    #[test]
    fn cases_are_chosen_by_number() {
        let all = chosen(client::CASES, &[]).unwrap();
        assert_eq!(all.len(), client::CASES.len());
        let some = chosen(client::CASES, &[201, 101]).unwrap();
        let numbers: Vec<u16> = some.iter().map(|case| case.number).collect();
        assert_eq!(numbers, [201, 101]);
        assert_eq!(chosen(client::CASES, &[201, 229]), Err(UnknownCase(229)));
    }

    #[test]
    fn periods_are_kept_or_not() {
        let pace = Pace::PROCEDURE.slack(Duration::from_secs(1));
        let at = |seconds: u64| Instant::ZERO + Duration::from_secs(seconds);
        assert_eq!(pace.check("x", &[at(0), at(5), at(20)], (5, 15)), Ok(()));
        assert!(pace.check("x", &[at(0), at(3)], (5, 15)).is_err());
        assert!(pace.check("x", &[at(0), at(17)], (5, 15)).is_err());
    }
}
