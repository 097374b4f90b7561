//! The OMA enabler test cases with our client and our server over the simulated network, in virtual time: one function
//! for each, named by its number. The criteria of both sides are asserted, on the wire where the case speaks of the
//! wire; what is not met, or not run yet, stands in `exceptions.toml`.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bootstrap;
mod composite;
mod firmware;
mod management;
mod objects;
mod registration;
mod reporting;
mod servers;
mod support;

use lwm2m_conformance::oma::CASES;
use std::{collections::BTreeSet, path::Path};

/// Numbers of the cases that a source file of this folder has a test function for.
fn tested() -> BTreeSet<u16> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oma");
    let mut tested = BTreeSet::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let source = std::fs::read_to_string(file.unwrap().path()).unwrap();
        for function in source.split("\n#[test]\nfn int_").skip(1) {
            let name = function.split_once("()").unwrap().0;
            // Two cases that are one procedure share a function: `int_211_212`.
            for number in name.split('_') {
                assert!(
                    tested.insert(number.parse().unwrap()),
                    "int_{number} is there twice"
                );
            }
        }
    }
    tested
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Exceptions {
    case: Vec<Exception>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Exception {
    id: u16,
    reason: String,
}

#[test]
fn every_case_is_met_or_excepted() {
    let exceptions = include_str!("../../exceptions.toml");
    let exceptions: Exceptions = toml::from_str(exceptions).unwrap();
    let tested = tested();
    let mut excepted = BTreeSet::new();
    for Exception { id, reason } in exceptions.case {
        assert!(!reason.is_empty(), "int_{id} is excepted without a reason");
        assert!(excepted.insert(id), "int_{id} is excepted twice");
        assert!(!tested.contains(&id), "int_{id} has a test and is excepted");
    }
    let known: BTreeSet<u16> = CASES.into();
    assert_eq!(known.len(), CASES.len(), "the list has a case twice");
    let accounted: BTreeSet<u16> = tested.union(&excepted).copied().collect();
    let missing: Vec<_> = known.difference(&accounted).collect();
    assert!(missing.is_empty(), "neither met nor excepted: {missing:?}");
    let unknown: Vec<_> = accounted.difference(&known).collect();
    assert!(unknown.is_empty(), "no such cases: {unknown:?}");
}
