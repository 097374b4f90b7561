//! A report for a README.

use super::{
    results::{Area, Count, Report},
    text::{last_line, networks},
};
use crate::requirements::rows::Level;
use std::fmt::{self, Write};

/// Prints the tables; those of the requirements row by row are folded up.
pub fn print(report: &Report) -> String {
    let mut text = String::new();
    // Writing to a string never fails.
    let _ = write(report, &mut text);
    text
}

/// Text within a cell.
fn cell(text: &str) -> String {
    let mut cell = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '|' => cell.push_str("\\|"),
            '<' => cell.push_str("&lt;"),
            '&' => cell.push_str("&amp;"),
            c => cell.push(c),
        }
    }
    cell
}

/// `42 met, 9 excepted`: what there is of each.
fn counts(count: Count) -> String {
    let Count {
        met,
        failed,
        excepted,
        skipped,
        open,
    } = count;
    let parts = [
        (failed, "**FAILED**"),
        (met, "met"),
        (excepted, "excepted"),
        (skipped, "skipped"),
        (open, "open"),
    ];
    let parts = parts.into_iter().filter(|(number, _)| *number > 0);
    let parts: Vec<_> = parts
        .map(|(number, word)| format!("{number} {word}"))
        .collect();
    parts.join(", ")
}

fn write(report: &Report, out: &mut String) -> fmt::Result {
    if !report.areas.is_empty() {
        requirements(report, out)?;
    }
    if !report.cases.is_empty() {
        writeln!(out, "### OMA enabler test cases\n")?;
        writeln!(out, "| case | | over | |\n|---|---|---|---|")?;
        for case in &report.cases {
            let (status, networks) = (case.status.name(), networks(&case.networks));
            let detail = cell(case.status.detail());
            writeln!(
                out,
                "| int-{} | {status} | {networks} | {detail} |",
                case.number
            )?;
        }
        writeln!(out)?;
    }
    if let Some(matrix) = &report.faults {
        writeln!(out, "### Fault matrix\n")?;
        writeln!(out, "{matrix}\n")?;
    }
    writeln!(out, "{}", last_line(report))
}

fn requirements(report: &Report, out: &mut String) -> fmt::Result {
    writeln!(out, "### Requirements\n")?;
    writeln!(out, "| area | must | should | may |\n|---|---|---|---|")?;
    for area in &report.areas {
        let [must, should, may] = Level::ALL.map(|level| counts(area.count(level)));
        let title = cell(&area.title);
        writeln!(out, "| {title} | {must} | {should} | {may} |")?;
    }
    let [must, should, may] = Level::ALL.map(|level| {
        let rows = report.rows();
        let rows = rows.filter(|row| row.requirement.level == level);
        counts(Count::of(rows.map(|row| &row.status)))
    });
    writeln!(out, "| **all** | {must} | {should} | {may} |\n")?;
    for area in &report.areas {
        rows(area, out)?;
    }
    Ok(())
}

fn rows(area: &Area, out: &mut String) -> fmt::Result {
    writeln!(out, "<details><summary>{}</summary>\n", cell(&area.title))?;
    writeln!(out, "| id | | | side | section | requirement |")?;
    writeln!(out, "|---|---|---|---|---|---|")?;
    for row in &area.rows {
        let requirement = &row.requirement;
        let mut text = cell(&requirement.text);
        if !row.status.detail().is_empty() {
            write!(text, " *{}*", cell(row.status.detail()))?;
        }
        let mut section = cell(&requirement.section);
        if requirement.versions.is_some() {
            write!(section, " ({})", requirement.versions_text())?;
        }
        writeln!(
            out,
            "| {} | {} | {} | {} | {section} | {text} |",
            requirement.id,
            requirement.level.name(),
            row.status.name(),
            requirement.sides_text(),
        )?;
    }
    writeln!(out, "\n</details>\n")
}

#[cfg(test)]
mod tests {
    use super::{super::results::tests::example, *};

    #[test]
    fn tables_have_as_many_cells_in_each_row() {
        let text = print(&example());
        let mut width = None;
        for line in text.lines() {
            if !line.starts_with('|') {
                width = None;
                continue;
            }
            let cells = line.replace("\\|", "").matches('|').count();
            assert_eq!(*width.get_or_insert(cells), cells, "{line}");
        }
        for line in [
            "| int-0 | met | simulated, sockets |  |",
            "| int-2 | excepted |  | no \\| certificates |",
            "| A-03 | must | excepted | client | Core 1.3 (1.1-1.2) | Do &lt;3> &amp; \\| no more. *not built: hard* |",
            "| Things | 2 met, 1 excepted, 1 skipped | 1 open |  |",
            "| **all** | 2 met, 1 excepted, 1 skipped | 1 open |  |",
            "| loss 0 % | 3 of 3 |",
            "1 FAILED, 1 met, 1 excepted, 1 skipped",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
