//! Builds test programs, runs them, and reads what became of each test.

use crate::requirements::proofs::{Target, TestName};
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    ffi::OsString,
    io::{self, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
};

/// What became of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It has passed.
    Passed,
    /// It has said that it was skipped, and why: what it needs is not there.
    Skipped(String),
    /// It has failed.
    Failed,
}

/// Why the tests could not be run.
#[derive(Debug, thiserror::Error)]
pub enum ExecutionError {
    /// A program could not be started.
    #[error("{0}: {1}")]
    Start(String, io::Error),
    /// The tests do not compile; the compiler has said why.
    #[error("the tests could not be built")]
    Build,
    /// Cargo has said something that is not as documented.
    #[error("cargo says {0:?}: {1}")]
    Message(String, serde_json::Error),
}

/// The results of test programs that have run.
#[derive(Clone, Debug, Default)]
pub struct Execution {
    outcomes: BTreeMap<TestName, Outcome>,
}

/// A line of `cargo test --no-run --message-format json`, as far as it matters.
#[derive(Deserialize)]
struct Message {
    manifest_path: Option<PathBuf>,
    target: Option<MessageTarget>,
    profile: Option<Profile>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct MessageTarget {
    name: String,
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct Profile {
    test: bool,
}

/// A test program.
#[derive(Debug, PartialEq, Eq)]
struct Program {
    package: PathBuf,
    target: Target,
    executable: PathBuf,
}

impl Execution {
    /// Builds the programs that these tests are in, and runs them.
    ///
    /// # Errors
    ///
    /// When they cannot be built or started. That a test fails is no error.
    pub fn run(workspace: &Path, tests: &BTreeSet<&TestName>) -> Result<Self, ExecutionError> {
        let mut execution = Execution::default();
        let wanted: BTreeSet<(&Path, &Target)> = tests
            .iter()
            .map(|test| (&*test.package, &test.target))
            .collect();
        for program in programs(workspace, &wanted)? {
            let name = program.executable.display().to_string();
            let _ = writeln!(io::stderr(), "running {name}");
            // Two threads or more: with one, the name of a test and its result are not written in one piece.
            let threads = thread::available_parallelism().map_or(2, |n| n.get().max(2));
            let output = Command::new(&program.executable)
                .current_dir(workspace.join(&program.package))
                .args(["--show-output", "--color", "never", "--test-threads"])
                .arg(threads.to_string())
                .stdin(Stdio::null())
                .stderr(Stdio::inherit())
                .output()
                .map_err(|error| ExecutionError::Start(name, error))?;
            let output = String::from_utf8_lossy(&output.stdout);
            for (path, outcome) in outcomes(&output) {
                if outcome == Outcome::Failed {
                    let _ = writeln!(io::stderr(), "failed: {path}");
                }
                let name = TestName {
                    package: program.package.clone(),
                    target: program.target.clone(),
                    path,
                };
                execution.insert(name, outcome);
            }
        }
        Ok(execution)
    }

    /// Takes up a result.
    pub fn insert(&mut self, name: TestName, outcome: Outcome) {
        // A library and a program of one package may have a module of the same name: the worse of both counts.
        match (self.outcomes.get(&name), &outcome) {
            (Some(Outcome::Failed), _) | (Some(Outcome::Skipped(_)), Outcome::Passed) => {}
            _ => {
                self.outcomes.insert(name, outcome);
            }
        }
    }

    /// What became of a test; nothing where it has not run.
    pub fn outcome(&self, test: &TestName) -> Option<&Outcome> {
        self.outcomes.get(test)
    }
}

/// Builds the wanted programs and says where they are.
fn programs(
    workspace: &Path,
    wanted: &BTreeSet<(&Path, &Target)>,
) -> Result<Vec<Program>, ExecutionError> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let start = |error| ExecutionError::Start(cargo.to_string_lossy().into_owned(), error);
    let output = Command::new(&cargo)
        .current_dir(workspace)
        .args([
            "test",
            "--workspace",
            "--no-run",
            "--message-format",
            "json",
        ])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(start)?;
    if !output.status.success() {
        return Err(ExecutionError::Build);
    }
    let output = String::from_utf8_lossy(&output.stdout);
    let mut programs = Vec::new();
    for line in output.lines() {
        let program = program(workspace, line)
            .map_err(|error| ExecutionError::Message(line.to_owned(), error))?;
        programs.extend(
            program.filter(|program| wanted.contains(&(&*program.package, &program.target))),
        );
    }
    Ok(programs)
}

/// The test program that a line of cargo's messages tells of.
fn program(workspace: &Path, line: &str) -> serde_json::Result<Option<Program>> {
    let Message {
        manifest_path: Some(manifest),
        target: Some(target),
        profile: Some(Profile { test: true }),
        executable: Some(executable),
    } = serde_json::from_str(line)?
    else {
        return Ok(None);
    };
    let workspace = workspace
        .canonicalize()
        .unwrap_or_else(|_| workspace.to_owned());
    let package = manifest.parent().unwrap_or(&manifest);
    let package = package.strip_prefix(&workspace).unwrap_or(package);
    let target = match target.kind.iter().any(|kind| kind == "test") {
        true => Target::Integration(target.name),
        false => Target::Unit,
    };
    Ok(Some(Program {
        package: package.to_owned(),
        target,
        executable,
    }))
}

/// What became of each test, by the output of a test program that shows that of its tests.
fn outcomes(output: &str) -> BTreeMap<String, Outcome> {
    let mut outcomes = BTreeMap::new();
    let mut lines = output.lines();
    let mut showing = None;
    for line in &mut lines {
        if let Some(name) = line
            .strip_prefix("---- ")
            .and_then(|line| line.strip_suffix(" stdout ----"))
        {
            showing = Some(name.to_owned());
        } else if let Some((name, result)) = line
            .strip_prefix("test ")
            .and_then(|line| line.rsplit_once(" ... "))
        {
            let outcome = match result {
                "ok" => Outcome::Passed,
                ignored if ignored.starts_with("ignored") => Outcome::Skipped(ignored.to_owned()),
                _ => Outcome::Failed,
            };
            let name = name.strip_suffix(" - should panic").unwrap_or(name);
            outcomes.insert(name.to_owned(), outcome);
        } else if let Some(reason) = line.strip_prefix("skipped: ")
            && let Some(name) = &showing
            && let Some(outcome @ Outcome::Passed) = outcomes.get_mut(name)
        {
            *outcome = Outcome::Skipped(reason.to_owned());
        }
    }
    outcomes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_read_test_by_test() {
        let output = "
running 6 tests
test a::one ... ok
test a::two ... FAILED
test three - should panic ... ok
test four ... ignored, takes an hour
test five ... ok
test six ... ok

successes:

---- five stdout ----
looking for it
skipped: openssl is not installed

---- six stdout ----
nothing is skipped: all there


successes:
    a::one

failures:

---- a::two stdout ----
skipped: no matter

thread 'a::two' panicked
";
        let outcomes = outcomes(output);
        let of = |name: &str| outcomes[name].clone();
        assert_eq!(of("a::one"), Outcome::Passed);
        assert_eq!(of("a::two"), Outcome::Failed);
        assert_eq!(of("three"), Outcome::Passed);
        assert_eq!(
            of("four"),
            Outcome::Skipped("ignored, takes an hour".into())
        );
        let missing = "openssl is not installed";
        assert_eq!(of("five"), Outcome::Skipped(missing.into()));
        assert_eq!(of("six"), Outcome::Passed);
        assert_eq!(outcomes.len(), 6);
    }

    #[test]
    fn programs_are_known_by_package_and_target() {
        let artifact = |kind: &str, test: bool, executable: &str| {
            format!(
                r#"{{"reason":"compiler-artifact","manifest_path":"/nowhere/w/a/b/Cargo.toml","target":{{"kind":["{kind}"],"name":"n","src_path":"x"}},"profile":{{"test":{test},"opt_level":"0"}},"executable":{executable},"fresh":true}}"#
            )
        };
        let read = |line: &str| program(Path::new("/nowhere/w"), line).unwrap();
        let expected = |target| {
            Some(Program {
                package: "a/b".into(),
                target,
                executable: "/t/n".into(),
            })
        };
        assert_eq!(
            read(&artifact("lib", true, "\"/t/n\"")),
            expected(Target::Unit)
        );
        assert_eq!(
            read(&artifact("test", true, "\"/t/n\"")),
            expected(Target::Integration("n".into()))
        );
        assert_eq!(read(&artifact("bin", false, "\"/t/n\"")), None);
        assert_eq!(read(&artifact("lib", true, "null")), None);
        assert_eq!(read(r#"{"reason":"build-finished","success":true}"#), None);
        assert!(program(Path::new("/"), "warning: unused").is_err());
    }

    #[test]
    fn of_two_results_the_worse_counts() {
        let name = || TestName {
            package: "p".into(),
            target: Target::Unit,
            path: "t".into(),
        };
        let skipped = || Outcome::Skipped("no".into());
        for (first, second, counts) in [
            (Outcome::Passed, Outcome::Failed, Outcome::Failed),
            (Outcome::Failed, Outcome::Passed, Outcome::Failed),
            (Outcome::Failed, skipped(), Outcome::Failed),
            (skipped(), Outcome::Passed, skipped()),
            (Outcome::Passed, skipped(), skipped()),
        ] {
            let mut execution = Execution::default();
            for outcome in [first, second] {
                execution.insert(name(), outcome);
            }
            assert_eq!(execution.outcome(&name()), Some(&counts));
        }
    }
}
