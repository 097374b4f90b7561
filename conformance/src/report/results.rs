//! What the results of tests say about cases and requirements.

use super::execution::{Execution, Outcome};
use crate::{
    faults::{Cell, Matrix},
    oma::{CASES, Network},
    requirements::{
        proofs::{Proofs, TestName},
        rows::{Catalogue, Level, Requirement},
    },
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// How it stands with a case or a requirement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// Every test of it has passed, or been skipped while others have passed.
    Met,
    /// A test of it has failed: which.
    Failed(String),
    /// None of its tests has run: why.
    Skipped(String),
    /// Nothing shows it: the reason.
    Excepted(String),
    /// A should or may that nobody claims.
    Open,
}

impl Status {
    /// The word for it.
    pub const fn name(&self) -> &'static str {
        match self {
            Status::Met => "met",
            Status::Failed(_) => "FAILED",
            Status::Skipped(_) => "skipped",
            Status::Excepted(_) => "excepted",
            Status::Open => "open",
        }
    }

    /// Which test has failed, or why none counts.
    pub fn detail(&self) -> &str {
        match self {
            Status::Failed(text) | Status::Skipped(text) | Status::Excepted(text) => text,
            Status::Met | Status::Open => "",
        }
    }

    /// By the outcomes of its tests, of which there is at least one.
    fn of<'a>(tests: impl IntoIterator<Item = &'a TestName>, execution: &Execution) -> Self {
        let mut passed = false;
        let mut skipped = None;
        for test in tests {
            match execution.outcome(test) {
                Some(Outcome::Failed) => return Status::Failed(test.to_string()),
                Some(Outcome::Passed) => passed = true,
                Some(Outcome::Skipped(reason)) => skipped = Some(reason.clone()),
                None => skipped = Some(format!("{test} has not run")),
            }
        }
        match (passed, skipped) {
            (true, _) => Status::Met,
            (false, reason) => Status::Skipped(reason.unwrap_or_else(|| "no test".into())),
        }
    }
}

/// An OMA case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// The number behind `int-`.
    pub number: u16,
    /// How it stands.
    pub status: Status,
    /// Over which networks its tests have passed.
    pub networks: BTreeSet<Network>,
}

/// A requirement, with how it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// What is demanded.
    pub requirement: Requirement,
    /// How it stands.
    pub status: Status,
    /// The tests that prove it.
    pub tests: Vec<String>,
}

/// The requirements of an area.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Area {
    /// What it is about.
    pub title: String,
    /// The name of its file.
    pub name: String,
    /// Its rows by id.
    pub rows: Vec<Row>,
}

/// Everything a report says.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The OMA cases; none where they were not asked for.
    pub cases: Vec<Case>,
    /// The requirements; none where they were not asked for.
    pub areas: Vec<Area>,
    /// The fault matrix, where it was asked for.
    pub faults: Option<Matrix>,
}

impl Report {
    /// Whether a test or a run of the fault matrix has failed.
    pub fn has_failures(&self) -> bool {
        let of_cases = self.cases.iter().map(|case| &case.status);
        let of_rows = self.rows().map(|row| &row.status);
        let of_tests = of_cases
            .chain(of_rows)
            .any(|status| matches!(status, Status::Failed(_)));
        of_tests || self.cells().any(|cell| !cell.holds())
    }

    /// All cells of the fault matrix.
    pub fn cells(&self) -> impl Iterator<Item = &Cell> {
        self.faults.iter().flat_map(|matrix| &matrix.0)
    }

    /// All requirements.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.areas.iter().flat_map(|area| &area.rows)
    }

    /// How many cases stand how.
    pub fn case_count(&self) -> Count {
        Count::of(self.cases.iter().map(|case| &case.status))
    }
}

impl Area {
    /// How many requirements of this level stand how.
    pub fn count(&self, level: Level) -> Count {
        let rows = self.rows.iter();
        let rows = rows.filter(|row| row.requirement.level == level);
        Count::of(rows.map(|row| &row.status))
    }
}

/// How many stand how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Shown by tests.
    pub met: usize,
    /// Of which a test has failed.
    pub failed: usize,
    /// Not shown, with a reason.
    pub excepted: usize,
    /// Whose tests have not run.
    pub skipped: usize,
    /// Claimed by nobody.
    pub open: usize,
}

impl Count {
    /// Counts.
    pub fn of<'a>(statuses: impl Iterator<Item = &'a Status>) -> Self {
        let mut count = Count::default();
        for status in statuses {
            *match status {
                Status::Met => &mut count.met,
                Status::Failed(_) => &mut count.failed,
                Status::Excepted(_) => &mut count.excepted,
                Status::Skipped(_) => &mut count.skipped,
                Status::Open => &mut count.open,
            } += 1;
        }
        count
    }

    /// All of them.
    pub const fn total(&self) -> usize {
        self.met + self.failed + self.excepted + self.skipped + self.open
    }
}

/// `N met, M excepted, K skipped`, with those that have failed and those that are open where there are any.
impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.failed > 0 {
            write!(f, "{} FAILED, ", self.failed)?;
        }
        if self.open > 0 {
            write!(f, "{} open, ", self.open)?;
        }
        let Count {
            met,
            excepted,
            skipped,
            ..
        } = self;
        write!(f, "{met} met, {excepted} excepted, {skipped} skipped")
    }
}

/// Every case of the list with how it stands.
pub fn cases(
    tests: &BTreeMap<u16, Vec<(Network, &TestName)>>,
    exceptions: &BTreeMap<u16, String>,
    execution: &Execution,
) -> Vec<Case> {
    let cases = CASES.into_iter().map(|number| {
        let tests = tests.get(&number).map(Vec::as_slice).unwrap_or_default();
        let status = match exceptions.get(&number) {
            Some(reason) => Status::Excepted(reason.clone()),
            None => Status::of(tests.iter().map(|(_, test)| *test), execution),
        };
        let passed = |test: &TestName| execution.outcome(test) == Some(&Outcome::Passed);
        let networks = tests.iter().filter(|(_, test)| passed(test));
        let networks = networks.map(|(network, _)| *network).collect();
        Case {
            number,
            status,
            networks,
        }
    });
    cases.collect()
}

/// Every requirement with how it stands.
pub fn areas(catalogue: &Catalogue, proofs: &Proofs, execution: &Execution) -> Vec<Area> {
    let by_id = proofs.by_id();
    let row = |requirement: &Requirement| {
        let proofs = by_id.get(&*requirement.id);
        let status = match (&requirement.exception, proofs) {
            (Some(exception), _) => Status::Excepted(exception.to_string()),
            (None, Some(proofs)) => Status::of(proofs.iter().map(|proof| &proof.test), execution),
            (None, None) => Status::Open,
        };
        let tests = proofs.into_iter().flatten();
        Row {
            requirement: requirement.clone(),
            status,
            tests: tests.map(|proof| proof.test.to_string()).collect(),
        }
    };
    let areas = catalogue.areas.iter().map(|area| Area {
        title: area.title.clone(),
        name: area.name.clone(),
        rows: area.requirements.iter().map(row).collect(),
    });
    areas.collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::{
        faults::{Fault, Job},
        oma,
    };
    use std::path::Path;

    /// A report of two cases and an area, with everything that can be.
    pub(in super::super) fn example() -> Report {
        let mut catalogue = Catalogue::default();
        let row = |id: u8, level: &str, more: &str| {
            format!(
                "[A-0{id}]\nsection = \"Core 1.{id}\"\nside = \"client\"\nsince = \"1.1\"\n{level} = \"Do <{id}> & | no more.\"\n{more}\n"
            )
        };
        let rows = [
            "[area]\ntitle = \"Things\"\nprefix = \"A\"\nplace = 1\n".to_owned(),
            row(1, "must", ""),
            row(2, "must", ""),
            row(3, "must", "except = \"not built: hard\""),
            row(4, "should", ""),
            row(5, "must", ""),
        ];
        catalogue.add("things", &rows.concat());
        assert_eq!(catalogue.faults, Vec::<String>::new());
        let mut proofs = Proofs::default();
        let package = Path::new("conformance");
        for (file, text) in [
            (
                "conformance/tests/oma/a.rs",
                "#[test] fn int_0() {\n// proves: A-01, A-02\n}\n#[test] fn int_1() {}",
            ),
            (
                "conformance/tests/sockets.rs",
                "#[test] fn int_0() {}\n#[test] fn other() {\n// proves: A-02, A-05\n}",
            ),
        ] {
            proofs.source(package, Path::new(file), text);
        }
        let mut execution = Execution::default();
        let outcomes = [
            Outcome::Passed,
            Outcome::Failed,
            Outcome::Passed,
            Outcome::Skipped("no \"x\"".into()),
        ];
        for (test, outcome) in proofs.tests.iter().zip(outcomes) {
            execution.insert(test.clone(), outcome);
        }
        let exceptions = BTreeMap::from([(2, "no | certificates".to_owned())]);
        let mut cases = cases(&oma::tests(&proofs), &exceptions, &execution);
        cases.truncate(4);
        let areas = areas(&catalogue, &proofs, &execution);
        let faults = Some(matrix());
        Report {
            cases,
            areas,
            faults,
        }
    }

    /// A matrix of two cells, one of which does not hold.
    fn matrix() -> Matrix {
        let cell = |fault, failures| Cell {
            fault,
            job: Job::Registration,
            runs: 3,
            failures,
        };
        Matrix(vec![
            cell(Fault::Nothing, vec![]),
            cell(Fault::Loss10, vec![(7, "lost | <forever>\nat a.rs".into())]),
        ])
    }

    #[test]
    fn a_cell_that_does_not_hold_is_a_failure() {
        let mut report = Report::default();
        assert!(!report.has_failures());
        let mut faults = matrix();
        report.faults = Some(faults.clone());
        assert!(report.has_failures());
        faults.0.pop();
        report.faults = Some(faults);
        assert!(!report.has_failures());
    }

    #[test]
    fn nothing_is_met_that_has_not_passed() {
        let report = example();
        let names: Vec<&str> = report.cases.iter().map(|case| case.status.name()).collect();
        assert_eq!(names, ["met", "FAILED", "excepted", "skipped"]);
        let networks = [Network::Simulated, Network::Sockets];
        assert_eq!(report.cases[0].networks, BTreeSet::from(networks));
        assert_eq!(report.cases[1].status.detail(), "conformance oma::a::int_1");
        let names: Vec<&str> = report.rows().map(|row| row.status.name()).collect();
        // The second has one test that has passed and one that was skipped; the last has only the skipped one.
        assert_eq!(names, ["met", "met", "excepted", "open", "skipped"]);
        assert!(report.has_failures());
        let count = report.case_count();
        assert_eq!(count.to_string(), "1 FAILED, 1 met, 1 excepted, 1 skipped");
        let musts = report.areas[0].count(Level::Must);
        assert_eq!(
            (musts.total(), musts.to_string().as_str()),
            (4, "2 met, 1 excepted, 1 skipped")
        );
        let shoulds = report.areas[0].count(Level::Should);
        assert_eq!(shoulds.to_string(), "1 open, 0 met, 0 excepted, 0 skipped");
    }

    #[test]
    fn one_failure_spoils_a_case() {
        let tests = ["a", "b"].map(|path| TestName {
            package: "p".into(),
            target: crate::requirements::proofs::Target::Unit,
            path: path.into(),
        });
        let mut execution = Execution::default();
        execution.insert(tests[0].clone(), Outcome::Passed);
        assert_eq!(Status::of(&tests[..1], &execution), Status::Met);
        assert_eq!(
            Status::of(&tests, &execution),
            Status::Met,
            "the other has not run"
        );
        assert_eq!(
            Status::of(&tests[1..], &execution),
            Status::Skipped("p b has not run".into())
        );
        execution.insert(tests[1].clone(), Outcome::Failed);
        assert_eq!(Status::of(&tests, &execution), Status::Failed("p b".into()));
    }
}
