//! The OMA enabler test cases that have a procedure (ETS LwM2M 1.2.1, section 6), by the number behind `int-`.

use crate::requirements::proofs::{Proofs, Target, TestName};
use serde::Deserialize;
use std::collections::BTreeMap;

/// All cases, ascending. Each has a test function or a row in `exceptions.toml`.
pub const CASES: [u16; 117] = [
    // Bootstrap
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 19, //
    // Registration
    101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111, //
    // Device management
    201, 203, 204, 205, 211, 212, 215, 220, 221, 222, 223, 224, 225, 226, 227, 228, 230, 231, 232,
    233, 234, 235, 236, 237, 241, 256, 257, 260, 261, 264, 266, 280, 281, //
    // Reporting
    301, 302, 303, 304, 305, 306, 307, 308, 309, 310, 311, 312, 313, //
    // Security
    401, 402, 403, 404, 405, 406, //
    // Objects
    651, 652, 680, 685, 701, 710, 751, 755, 756, 760, 770, 771, 772, 773, 774, 775, 776, 777, 778,
    779, 801, 810, 901, 905, 910, 950, 951, 1200, 1201, 1202, 1203, 1204, 1250, 1350, 1630, 1635,
    1900, 1901, 2000, 2001,
];

/// The number of a case that a proof names: `int-101`.
pub fn case_number(id: &str) -> Option<u16> {
    id.strip_prefix("int-")?.parse().ok()
}

/// What a test's two ends talk over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Network {
    /// The simulated network, in virtual time.
    Simulated,
    /// UDP sockets of the loopback interface, with real handshakes.
    Sockets,
}

impl Network {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Network::Simulated => "simulated",
            Network::Sockets => "sockets",
        }
    }

    /// The network of a test program of this package: those of the sockets are called `sockets*` and `judge*`.
    fn of(test: &TestName) -> Self {
        match &test.target {
            Target::Integration(name) if name.starts_with("sockets") => Network::Sockets,
            Target::Integration(name) if name.starts_with("judge") => Network::Sockets,
            _ => Network::Simulated,
        }
    }
}

/// The cases that a test function carries out: its name is `int_101`, or `int_211_212` for two that are one procedure.
fn named(function: &str) -> Vec<u16> {
    let numbers = function.strip_prefix("int_").unwrap_or_default();
    let numbers: Result<_, _> = numbers.split('_').map(str::parse).collect();
    numbers.unwrap_or_default()
}

/// The tests of each case: those of the conformance package named after it, and those that say `// proves: int-101`.
pub fn tests(proofs: &Proofs) -> BTreeMap<u16, Vec<(Network, &TestName)>> {
    let mut cases: BTreeMap<u16, Vec<(Network, &TestName)>> = BTreeMap::new();
    let named = proofs
        .tests
        .iter()
        .filter(|test| test.package.ends_with("conformance"))
        .flat_map(|test| {
            let cases = named(test.function());
            cases.into_iter().map(move |case| (case, test))
        });
    let said = proofs
        .proofs
        .iter()
        .filter_map(|proof| Some((case_number(&proof.id)?, &proof.test)));
    for (case, test) in named.chain(said) {
        let tests = cases.entry(case).or_default();
        if !tests.iter().any(|(_, known)| *known == test) {
            tests.push((Network::of(test), test));
        }
    }
    cases
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exceptions {
    case: Vec<Exception>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exception {
    id: u16,
    reason: String,
}

/// The cases that are not met, with the reason: `conformance/exceptions.toml`.
///
/// # Errors
///
/// When the file is not what it should be: the text says what is wrong.
pub fn exceptions() -> Result<BTreeMap<u16, String>, String> {
    read_exceptions(include_str!("../exceptions.toml"))
}

fn read_exceptions(text: &str) -> Result<BTreeMap<u16, String>, String> {
    let file: Exceptions =
        toml::from_str(text).map_err(|error| format!("exceptions.toml: {error}"))?;
    let mut exceptions = BTreeMap::new();
    for Exception { id, reason } in file.case {
        if reason.trim().is_empty() {
            return Err(format!("int-{id} is excepted without a reason"));
        }
        if exceptions.insert(id, reason).is_some() {
            return Err(format!("int-{id} is excepted twice"));
        }
    }
    Ok(exceptions)
}

/// A line for each mistake: cases that are neither tested nor excepted, both, or not in the list.
///
/// # Errors
///
/// As [`exceptions`].
pub fn faults(proofs: &Proofs) -> Result<Vec<String>, String> {
    let (tests, exceptions) = (tests(proofs), exceptions()?);
    let mut faults = Vec::new();
    for case in CASES {
        match (tests.contains_key(&case), exceptions.contains_key(&case)) {
            (false, false) => faults.push(format!("int-{case} has no test and no exception")),
            (true, true) => faults.push(format!("int-{case} has a test and is excepted")),
            _ => {}
        }
    }
    for case in tests.keys().chain(exceptions.keys()) {
        if !CASES.contains(case) {
            faults.push(format!("there is no int-{case}"));
        }
    }
    Ok(faults)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn the_list_has_each_case_once() {
        assert!(CASES.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn functions_are_named_by_their_cases() {
        assert_eq!(named("int_101"), [101]);
        assert_eq!(named("int_211_212"), [211, 212]);
        for other in ["int_", "int_101_by_hand", "print_1", "int_1_"] {
            assert_eq!(named(other), Vec::<u16>::new(), "{other}");
        }
    }

    #[test]
    fn tests_are_found_by_name_and_by_comment() {
        let mut proofs = Proofs::default();
        let conformance = Path::new("conformance");
        let file = Path::new("conformance/tests/oma/a.rs");
        proofs.source(conformance, file, "#[test] fn int_101() {}");
        let file = Path::new("conformance/tests/sockets.rs");
        let text = "#[test] fn int_101() {\n// proves: int-101, int-102\n}";
        proofs.source(conformance, file, text);
        let file = Path::new("lwm2m-core/src/a.rs");
        proofs.source(Path::new("lwm2m-core"), file, "#[test] fn int_103() {}");
        let tests = super::tests(&proofs);
        let networks = |case| {
            let tests: Vec<_> = tests[&case].iter().map(|(network, _)| *network).collect();
            tests
        };
        assert_eq!(networks(101), [Network::Simulated, Network::Sockets]);
        assert_eq!(networks(102), [Network::Sockets]);
        assert!(!tests.contains_key(&103));
        let faults = faults(&proofs).unwrap();
        assert!(faults.contains(&"int-104 has no test and no exception".to_owned()));
    }

    #[test]
    fn exceptions_have_reasons_and_are_there_once() {
        assert!(exceptions().is_ok());
        let row = |id: u16, reason: &str| format!("[[case]]\nid = {id}\nreason = \"{reason}\"\n");
        assert!(read_exceptions(&row(2, " ")).is_err());
        assert!(read_exceptions(&(row(2, "a") + &row(2, "b"))).is_err());
        assert!(read_exceptions("[[case]]\nid = 2\n").is_err());
        assert_eq!(read_exceptions(&row(2, "a")).unwrap()[&2], "a");
    }
}
