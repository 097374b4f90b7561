//! What is met and what is not: runs the tests of the OMA cases and of the requirements and the fault matrix, and prints
//! what it has seen.
//!
//! Nothing counts as met that has not just run: the test programs are built, executed, and their results read one by one.
//!
//! - [`execution`]: builds and runs the test programs.
//! - [`results`]: what the results say about cases and requirements.
//! - [`text`], [`markdown`], [`junit`]: the forms it is printed in.

pub mod execution;
pub mod junit;
pub mod markdown;
pub mod results;
pub mod text;

use crate::{
    faults::{Matrix, SEEDS, seeds},
    oma,
    requirements::{check, proofs::Proofs, rows::Catalogue, workspace},
};
use execution::{Execution, ExecutionError};
use results::Report;
use std::{
    collections::BTreeSet,
    fs,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

/// Arguments of `lwm2m-conformance report`.
#[derive(clap::Args, Clone, Debug)]
pub struct Arguments {
    /// The form of the report.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Run and print one part only.
    #[arg(long, value_enum)]
    pub only: Option<Part>,
    /// Put the report between the marks in this Markdown file instead of printing it.
    #[arg(long, value_name = "FILE")]
    pub into: Option<PathBuf>,
}

/// The form of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For a terminal.
    Text,
    /// For a README.
    Markdown,
    /// For whatever reads the results of tests in CI.
    Junit,
}

/// A part of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    /// The OMA enabler test cases.
    Cases,
    /// The requirements of the standards.
    Requirements,
    /// The fault matrix; the environment variable LWM2M_FAULT_SEEDS says how often each cell is run.
    Faults,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A file could not be read or written.
    #[error("{0}: {1}")]
    File(PathBuf, io::Error),
    /// Rows and proofs do not fit together; the tests of this package say so, too.
    #[error("the requirements are not in order:\n{}", .0.join("\n"))]
    Faults(Vec<String>),
    /// The tests could not be run.
    #[error(transparent)]
    Execution(#[from] ExecutionError),
    /// The file of `--into` has not both marks, in their order.
    #[error("{0} has no lines {begin:?} and {end:?}", begin = BEGIN, end = END)]
    Marks(PathBuf),
}

const BEGIN: &str = "<!-- begin report -->";
const END: &str = "<!-- end report -->";

/// Runs the tests and prints the report; fails where a test has failed, or the report could not be made.
pub fn run(arguments: &Arguments) -> ExitCode {
    match make(arguments) {
        Ok(report) if report.has_failures() => ExitCode::FAILURE,
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::from(2)
        }
    }
}

fn make(arguments: &Arguments) -> Result<Report, ReportError> {
    if let Some(path) = &arguments.into {
        // Before minutes of tests, not behind them.
        put_into(path, None)?;
    }
    let wants = |part| arguments.only.is_none_or(|only| only == part);
    let mut report = Report::default();
    if wants(Part::Cases) || wants(Part::Requirements) {
        run_tests(&mut report, &wants)?;
    }
    if wants(Part::Faults) {
        let seeds = seeds();
        let _ = writeln!(
            io::stderr(),
            "running the fault matrix, {} times ({SEEDS})",
            seeds.end
        );
        report.faults = Some(Matrix::run(&seeds));
    }
    let printed = match arguments.format {
        Format::Text => text::print(&report),
        Format::Markdown => markdown::print(&report),
        Format::Junit => junit::print(&report),
    };
    match &arguments.into {
        Some(path) => put_into(path, Some(&printed))?,
        None => {
            let written = io::stdout().write_all(printed.as_bytes());
            written.map_err(|error| ReportError::File("standard output".into(), error))?;
        }
    }
    Ok(report)
}

/// Runs the tests of the wanted parts and says what they have shown.
fn run_tests(report: &mut Report, wants: &dyn Fn(Part) -> bool) -> Result<(), ReportError> {
    let workspace = workspace();
    let file = |path: PathBuf| |error| ReportError::File(path, error);
    let rows = workspace.join("conformance/requirements");
    let catalogue = Catalogue::load(&rows).map_err(file(rows))?;
    let proofs = Proofs::collect(&workspace).map_err(file(workspace.clone()))?;
    let mut faults = check::faults(&catalogue, &proofs);
    let exceptions = oma::faults(&proofs).and_then(|found| {
        faults.extend(found);
        oma::exceptions()
    });
    let exceptions = exceptions.unwrap_or_else(|fault| {
        faults.push(fault);
        Default::default()
    });
    if !faults.is_empty() {
        return Err(ReportError::Faults(faults));
    }
    let cases = oma::tests(&proofs);
    let of_cases = cases.values().flatten().map(|(_, test)| *test);
    let of_requirements = proofs.proofs.iter().map(|proof| &proof.test);
    let mut wanted = BTreeSet::new();
    if wants(Part::Cases) {
        wanted.extend(of_cases);
    }
    if wants(Part::Requirements) {
        wanted.extend(of_requirements);
    }
    let execution = Execution::run(&workspace, &wanted)?;
    if wants(Part::Cases) {
        report.cases = results::cases(&cases, &exceptions, &execution);
    }
    if wants(Part::Requirements) {
        report.areas = results::areas(&catalogue, &proofs, &execution);
    }
    Ok(())
}

/// Puts the report between the marks of a file; without one, only looks whether they are there.
fn put_into(path: &PathBuf, report: Option<&str>) -> Result<(), ReportError> {
    let file = |error| ReportError::File(path.clone(), error);
    let text = fs::read_to_string(path).map_err(file)?;
    let replaced = replace(&text, report.unwrap_or_default());
    let replaced = replaced.ok_or_else(|| ReportError::Marks(path.clone()))?;
    match report {
        Some(_) => fs::write(path, replaced).map_err(file),
        None => Ok(()),
    }
}

/// The text with this report between its marks.
fn replace(text: &str, report: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!(
        "{before}{BEGIN}\n\n{}\n\n{END}{after}",
        report.trim_end()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_replaces_the_one_before() {
        let text = format!("a\n{BEGIN}\nold\n{END}\nb\n");
        let new = replace(&text, "new\n").unwrap();
        assert_eq!(new, format!("a\n{BEGIN}\n\nnew\n\n{END}\nb\n"));
        assert_eq!(replace(&new, "new").unwrap(), new);
        assert_eq!(replace("a", "new"), None);
        assert_eq!(replace(&format!("{END}{BEGIN}"), "new"), None);
    }
}
