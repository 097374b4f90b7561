//! Which transitions of the state machines runs of the model take, and the seeds that are kept for them.
//!
//! Where a change to the endpoint shifts what the seeds meet, they are sought anew among the first so many:
//!
//! ```text
//! ENDPOINT_MODEL_SEEK=3000 cargo test --release -p lwm2m-core --lib endpoint::tests::coverage -- --nocapture
//! ```

use super::model::{run, setting};
use alloc::{collections::BTreeSet, format, string::String, vec::Vec};
use core::{cell::RefCell, fmt::Debug};

/// Machine, state and input of each transition that was taken.
type Taken = BTreeSet<String>;

std::thread_local! {
    /// `None`: nobody wants to know.
    static TAKEN: RefCell<Option<Taken>> = const { RefCell::new(None) };
}

/// Called by each transition function, before it is taken.
pub(in crate::endpoint) fn took(machine: &str, state: &dyn Debug, input: &dyn Debug) {
    TAKEN.with_borrow_mut(|taken| {
        if let Some(taken) = taken {
            taken.insert(format!("{machine}: {}, {}", name(state), name(input)));
        }
    });
}

/// A state or an input; of those that count something, only which it is.
fn name(value: &dyn Debug) -> String {
    let text = format!("{value:?}");
    match text.contains(|c: char| c.is_ascii_digit()) {
        true => text.chars().take_while(|c| c.is_alphanumeric()).collect(),
        false => text,
    }
}

fn transitions_of(seed: u64) -> Taken {
    TAKEN.set(Some(Taken::new()));
    run(seed);
    TAKEN.take().unwrap_or_default()
}

/// Few seeds that together take all that the first `count` take; the first of them the most.
fn seek(count: u64) -> Vec<u64> {
    let runs: Vec<Taken> = (0..count).map(transitions_of).collect();
    let (mut kept, mut taken) = (Vec::new(), Taken::new());
    loop {
        let added = |run: &Taken| run.difference(&taken).count();
        let best = (0..runs.len()).rev().max_by_key(|seed| added(&runs[*seed]));
        match best.filter(|seed| added(&runs[*seed]) > 0) {
            Some(seed) => taken.extend(runs[seed].iter().cloned()),
            None => break,
        }
        kept.extend(best.map(|seed| seed as u64));
    }
    std::eprintln!("{} transitions: {taken:#?}", taken.len());
    kept
}

/// In this order, each takes a transition that none before it takes.
const KEPT: [u64; 7] = [1117, 131, 1005, 1795, 39, 111, 369];

/// How many transitions they take together.
const TOGETHER: usize = 83;

// proves: COAP-17
#[test]
fn kept_seeds_take_what_no_other_takes() {
    if let Some(count) = setting("ENDPOINT_MODEL_SEEK") {
        std::eprintln!("{:?}", seek(count));
        return;
    }
    let mut taken = Taken::new();
    for seed in KEPT {
        let before = taken.len();
        taken.extend(transitions_of(seed));
        assert!(taken.len() > before, "seed {seed} adds nothing: seek anew");
    }
    assert!(taken.len() >= TOGETHER, "only {}: {taken:#?}", taken.len());
}
