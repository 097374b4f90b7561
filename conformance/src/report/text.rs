//! A report for a terminal.

use super::results::{Count, Report};
use crate::{oma::Network, requirements::rows::Level};
use std::{
    collections::BTreeSet,
    fmt::{self, Write},
};

/// Prints the tables, and how many cases (or, without them, requirements) stand how in the last line.
pub fn print(report: &Report) -> String {
    let mut text = String::new();
    // Writing to a string never fails.
    let _ = write(report, &mut text);
    text
}

/// `simulated, sockets`.
pub(super) fn networks(networks: &BTreeSet<Network>) -> String {
    let names: Vec<&str> = networks.iter().map(|network| network.name()).collect();
    names.join(", ")
}

/// The line that a report ends with: of the cases, else of the requirements, else of the fault matrix.
pub(super) fn last_line(report: &Report) -> String {
    match (report.cases.is_empty(), report.areas.is_empty()) {
        (false, _) => report.case_count().to_string(),
        (true, true) => cells(report),
        (true, false) => Count::of(report.rows().map(|row| &row.status)).to_string(),
    }
}

/// `71 of 72 cells hold`.
fn cells(report: &Report) -> String {
    let holding = report.cells().filter(|cell| cell.holds()).count();
    format!("{holding} of {} cells hold", report.cells().count())
}

fn write(report: &Report, out: &mut String) -> fmt::Result {
    if !report.areas.is_empty() {
        requirements(report, out)?;
    }
    if !report.cases.is_empty() {
        writeln!(out, "OMA enabler test cases\n")?;
        for case in &report.cases {
            let name = format!("int-{}", case.number);
            let (status, networks) = (case.status.name(), networks(&case.networks));
            let line = format!(
                "{name:<9} {status:<9} {networks:<19} {}",
                case.status.detail()
            );
            writeln!(out, "{}", line.trim_end())?;
        }
        writeln!(out)?;
    }
    if let Some(matrix) = &report.faults {
        writeln!(out, "Fault matrix: runs that came to their end state\n")?;
        writeln!(out, "{matrix}\n")?;
    }
    writeln!(out, "{}", last_line(report))
}

fn requirements(report: &Report, out: &mut String) -> fmt::Result {
    for area in &report.areas {
        writeln!(out, "{} ({}.toml)\n", area.title, area.name)?;
        for row in &area.rows {
            let requirement = &row.requirement;
            let (id, level) = (&requirement.id, requirement.level.name());
            let status = row.status.name();
            writeln!(
                out,
                "{id:<8} {level:<6} {status:<9} {} [{}; {}]",
                requirement.text,
                requirement.sides_text(),
                requirement.section
            )?;
            if !row.status.detail().is_empty() {
                writeln!(out, "{:26}{}", "", row.status.detail())?;
            }
        }
        writeln!(out)?;
    }
    let widths = report.areas.iter().map(|area| area.title.chars().count());
    let width = widths.max().unwrap_or_default().max(12);
    writeln!(
        out,
        "{:<width$} {:>6} {:>5} {:>8} {:>7} {:>6} {:>5}",
        "Requirements", "", "met", "excepted", "skipped", "failed", "open"
    )?;
    let mut line = |title: &str, level: &str, count: Count| {
        let Count {
            met,
            failed,
            excepted,
            skipped,
            open,
        } = count;
        writeln!(
            out,
            "{title:<width$} {level:>6} {met:>5} {excepted:>8} {skipped:>7} {failed:>6} {open:>5}"
        )
    };
    for area in &report.areas {
        for level in Level::ALL {
            let count = area.count(level);
            if count.total() > 0 {
                line(&area.title, level.name(), count)?;
            }
        }
    }
    for level in Level::ALL {
        let rows = report.rows();
        let rows = rows.filter(|row| row.requirement.level == level);
        let count = Count::of(rows.map(|row| &row.status));
        line("all", level.name(), count)?;
    }
    writeln!(out)
}

#[cfg(test)]
mod tests {
    use super::{super::results::tests::example, *};

    #[test]
    fn it_ends_with_the_count() {
        let mut report = example();
        let text = print(&report);
        assert!(
            text.ends_with("\n1 FAILED, 1 met, 1 excepted, 1 skipped\n"),
            "{text}"
        );
        for line in [
            "int-0     met       simulated, sockets",
            "int-2     excepted                      no | certificates",
            "A-01     must   met       Do <1> & | no more. [client; Core 1.1]",
            "                          not built: hard",
            "| loss 10 % | 2 of 3 |",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        report.cases.clear();
        let text = print(&report);
        assert!(
            text.ends_with("\n1 open, 2 met, 1 excepted, 1 skipped\n"),
            "{text}"
        );
        assert!(!text.contains("int-"), "{text}");
        report.areas.clear();
        let text = print(&report);
        assert!(text.ends_with("\n1 of 2 cells hold\n"), "{text}");
    }
}
