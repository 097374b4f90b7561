//! The judges over real sockets: our client judged as somebody's client, our server and bootstrap server as somebody's
//! servers, with the security that a case prescribes, else DTLS with a pre-shared key; and peers that are wrong on
//! purpose, so that a judge is seen to fail them.
//!
//! Periods are in seconds. What is asserted does not depend on the speed of the machine: slack and patience are wide,
//! and a passing run does not wait for them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod certificates;
mod client;
mod device;
mod hook;
mod pairs;
mod program;
mod proxy;
mod server;
mod trigger;
mod wrong_client;
mod wrong_server;

use lwm2m_conformance::judge::{Pace, PskCredentials, Report, Verdict};
use lwm2m_core::{
    secret::Secret,
    uri::{Scheme, ServerUri},
};
use std::{net::SocketAddr, time::Duration};

/// Endpoint name of whoever is the device.
pub(crate) const NAME: &str = "device";

/// Periods of seconds, for machines of any speed.
pub(crate) fn pace() -> Pace {
    Pace::QUICK
        .patience(Duration::from_secs(60))
        .slack(Duration::from_secs(15))
}

pub(crate) fn psk(identity: &str, byte: u8) -> PskCredentials {
    PskCredentials {
        identity: identity.to_owned(),
        key: Secret::new(vec![byte; 16]),
    }
}

/// A listener on a port that the system chooses.
pub(crate) fn any_port(scheme: Scheme) -> ServerUri {
    ServerUri::new(scheme, "127.0.0.1", 0)
}

pub(crate) fn uri((scheme, address): (Scheme, SocketAddr)) -> ServerUri {
    ServerUri::new(scheme, address.ip().to_string(), address.port())
}

/// Asserts that each of these cases passed; shows all that did not.
#[allow(clippy::print_stdout, reason = "what was judged is counted")]
pub(crate) fn assert_passed(report: &Report, cases: &[u16]) {
    let mut wrong = Vec::new();
    for number in cases {
        // For whoever counts what was met over sockets.
        println!("sockets {} int-{number}", report.side);
        let outcome = report
            .outcomes
            .iter()
            .find(|outcome| outcome.number == *number)
            .unwrap();
        if outcome.verdict != Verdict::Pass {
            wrong.push(outcome.to_string());
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Asserts that a case was not judged, for a reason with these words.
pub(crate) fn assert_not_applicable(report: &Report, case: u16, words: &str) {
    match report.verdict(case).unwrap() {
        Verdict::NotApplicable(why) => assert!(why.contains(words), "int-{case}: {why}"),
        other => panic!("int-{case}: {other:?}"),
    }
}

/// Asserts that a case failed, for a reason with these words, and that the exchange is shown.
pub(crate) fn assert_failed(report: &Report, case: u16, words: &str) {
    let outcome = report
        .outcomes
        .iter()
        .find(|outcome| outcome.number == case)
        .unwrap();
    match &outcome.verdict {
        Verdict::Fail(why) => assert!(why.contains(words), "{outcome}"),
        other => panic!("int-{case}: {other:?}"),
    }
    let (sent, received) = (
        outcome.exchange.contains("->"),
        outcome.exchange.contains("<-"),
    );
    assert!(sent && received, "both directions are shown: {outcome}");
}
