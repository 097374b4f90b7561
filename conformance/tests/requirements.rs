//! Every must of the standards is proven by a test or excepted with a reason, and so is every OMA case.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use lwm2m_conformance::{
    oma,
    requirements::{check, proofs::Proofs, rows::Catalogue, workspace},
};

fn proofs() -> Proofs {
    let proofs = Proofs::collect(&workspace()).unwrap();
    assert!(proofs.tests.len() > 500, "{} tests", proofs.tests.len());
    proofs
}

#[test]
fn every_must_is_proven_or_excepted() {
    let catalogue = Catalogue::load(&workspace().join("conformance/requirements")).unwrap();
    assert!(!catalogue.areas.is_empty());
    let faults = check::faults(&catalogue, &proofs());
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn every_case_is_met_or_excepted() {
    let faults = oma::faults(&proofs()).unwrap();
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}
