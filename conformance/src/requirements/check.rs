//! What must hold between requirements and proofs.

use super::{
    proofs::Proofs,
    rows::{Catalogue, Level},
};
use crate::oma;
use std::collections::BTreeSet;

/// A line for each mistake: rows that cannot be read, proofs of what there is not or by what is no test, musts that are
/// neither proven nor excepted, and exceptions of what is proven.
pub fn faults(catalogue: &Catalogue, proofs: &Proofs) -> Vec<String> {
    if !catalogue.faults.is_empty() {
        // Every proof of what cannot be read would be a fault of its own.
        return catalogue.faults.clone();
    }
    let mut faults = proofs.faults.clone();
    let known: BTreeSet<&str> = catalogue
        .requirements()
        .map(|requirement| &*requirement.id)
        .collect();
    let mut claimed = BTreeSet::new();
    for proof in &proofs.proofs {
        let case = oma::case_number(&proof.id).is_some_and(|number| oma::CASES.contains(&number));
        if !known.contains(&*proof.id) && !case {
            faults.push(format!("{}: there is no {}", proof.place, proof.id));
        }
        if !claimed.insert((&proof.test, &proof.id)) {
            faults.push(format!("{}: says {} twice", proof.place, proof.id));
        }
    }
    let by_id = proofs.by_id();
    for requirement in catalogue.requirements() {
        let proven = by_id.get(&*requirement.id);
        match (&requirement.exception, proven) {
            (Some(exception), Some(proofs)) => {
                let (id, place) = (&requirement.id, &proofs[0].place);
                faults.push(format!(
                    "{id} is excepted ({exception}) and proven at {place}"
                ));
            }
            (None, None) if requirement.level == Level::Must => {
                let id = &requirement.id;
                faults.push(format!("{id} is neither proven nor excepted"));
            }
            _ => {}
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    const ROWS: &str = r#"
        [area]
        title = "Something"
        prefix = "A"
        place = 1

        [A-01]
        section = "Core 1.1"
        side = "client"
        since = "1.1"
        must = "Something is done."

        [A-02]
        section = "Core 1.2"
        side = ["server", "bootstrap"]
        should = "Something else is done."

        [A-03]
        section = "Core 1.3"
        side = "endpoint"
        must = "Something is difficult."
        except = "not built: too difficult"
    "#;

    fn found(rows: &[&str], source: &str) -> Vec<String> {
        let mut catalogue = Catalogue::default();
        for (number, rows) in rows.iter().enumerate() {
            catalogue.add(&format!("file{number}"), rows);
        }
        let mut proofs = Proofs::default();
        proofs.source(Path::new("p"), Path::new("p/src/a.rs"), source);
        faults(&catalogue, &proofs)
    }

    #[test]
    fn what_is_right_has_no_fault() {
        let source = "// proves: A-01, int-101\n#[test]\nfn t() {}";
        assert_eq!(found(&[ROWS], source), Vec::<String>::new());
        let both =
            "// proves: A-01\n#[test]\nfn t() {}\n#[test]\nfn u() { /**/\n// proves: A-01, A-02\n}";
        assert_eq!(found(&[ROWS], both), Vec::<String>::new());
    }

    #[test]
    fn proofs_are_of_something_and_by_tests() {
        let source =
            "// proves: A-01, A-09, int-9999, A-01\n#[test]\nfn t() {}\n// proves: A-02\nfn u() {}";
        assert_eq!(
            found(&[ROWS], source),
            [
                "p/src/a.rs:4: this belongs to no test function",
                "p/src/a.rs:1: there is no A-09",
                "p/src/a.rs:1: there is no int-9999",
                "p/src/a.rs:1: says A-01 twice",
            ]
        );
    }

    #[test]
    fn musts_are_proven_or_excepted_and_not_both() {
        assert_eq!(
            found(&[ROWS], ""),
            ["A-01 is neither proven nor excepted"],
            "a should may be open"
        );
        let source = "// proves: A-01, A-03\n#[test]\nfn t() {}";
        assert_eq!(
            found(&[ROWS], source),
            ["A-03 is excepted (not built: too difficult) and proven at p/src/a.rs:1"]
        );
    }

    #[test]
    fn rows_that_cannot_be_right() {
        let source = "// proves: A-01\n#[test]\nfn t() {}";
        let row = |id: &str, rest: &str| {
            format!(
                "[area]\ntitle = \"t\"\nprefix = \"B\"\nplace = 2\n[{id}]\nsection = \"s\"\nside = \"client\"\n{rest}"
            )
        };
        for (id, rest, part) in [
            ("C-01", "may = \"a.\"", "an id here is B- and two digits"),
            ("B-1", "may = \"a.\"", "an id here is B- and two digits"),
            ("B-01", "", "one of must, should and may"),
            (
                "B-01",
                "may = \"a.\"\nmust = \"a.\"",
                "one of must, should and may",
            ),
            ("B-01", "may = \"a\"", "full stop"),
            ("B-01", "may = \"a.\"\nuntil = \"1.0\"", "but not since"),
            (
                "B-01",
                "may = \"a.\"\nsince = \"1.2\"\nuntil = \"1.0\"",
                "ends before",
            ),
            ("B-01", "may = \"a.\"\nsince = \"1.3\"", "unknown variant"),
            (
                "B-01",
                "may = \"a.\"\nexcept = \"later\"",
                "an exception is one of",
            ),
            (
                "B-01",
                "may = \"a.\"\nexcept = \"not built: \"",
                "an exception is one of",
            ),
            ("B-01", "may = \"a.\"\nlevel = \"must\"", "unknown field"),
            ("B-01", "may = \"a.\"\n[B-01]\n", "duplicate key"),
            (
                "B-01",
                "may = \"a.\"\n[B-02]\nsection = \"s\"\nside = []\nmay = \"b.\"",
                "sides",
            ),
            (
                "B-01",
                "may = \"a.\"\n[B-02]\nsection = \"s\"\nside = [\"server\", \"client\"]\nmay = \"b.\"",
                "sides",
            ),
            (
                "B-01",
                "may = \"a.\"\n[B-02]\nsection = \"s\"\nside = \"client\"\nmay = \"a.\"",
                "twice",
            ),
        ] {
            let rows = row(id, rest);
            let faults = found(&[ROWS, &rows], source);
            let right = faults.iter().any(|fault| fault.contains(part));
            assert!(right, "{id} {rest}: {faults:?}");
        }
        let twice = found(&[ROWS, ROWS], source);
        assert!(
            twice[0].contains("another file has the prefix"),
            "{twice:?}"
        );
    }
}
