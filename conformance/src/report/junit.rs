//! A report in the form in which CI servers read test results.

use super::results::{Count, Report, Status};
use std::fmt::{self, Write};

/// Prints an XML document: a suite for the cases, one for each area, and one for the fault matrix.
///
/// What is excepted or open is `skipped` with a message that says so: the form has no word of its own for it.
pub fn print(report: &Report) -> String {
    let mut text = String::new();
    // Writing to a string never fails.
    let _ = write(report, &mut text);
    text
}

/// Text within an attribute. What XML 1.0 cannot carry becomes a question mark.
fn attribute(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\r' | '\t' => out.push(' '),
            c if c < ' ' || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('?'),
            c => out.push(c),
        }
    }
    out
}

fn write(report: &Report, out: &mut String) -> fmt::Result {
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    writeln!(out, "<testsuites>")?;
    let cases = report.cases.iter();
    let cases = cases.map(|case| (format!("int-{}", case.number), &case.status));
    suite("OMA enabler test cases", "oma", cases.collect(), out)?;
    for area in &report.areas {
        let rows = area.rows.iter();
        let rows = rows.map(|row| {
            let requirement = &row.requirement;
            let name = format!("{} {}", requirement.id, requirement.text);
            (name, &row.status)
        });
        let class = format!("requirements.{}", area.name);
        suite(&area.title, &class, rows.collect(), out)?;
    }
    let cells = report.cells().map(|cell| {
        let status = match cell.failures.first() {
            None => Status::Met,
            Some((seed, reason)) => Status::Failed(format!("seed {seed}: {reason}")),
        };
        (
            format!("{}, {}", cell.job.name(), cell.fault.name()),
            status,
        )
    });
    let cells: Vec<_> = cells.collect();
    let cells = cells.iter().map(|(name, status)| (name.clone(), status));
    suite("Fault matrix", "faults", cells.collect(), out)?;
    writeln!(out, "</testsuites>")
}

fn suite(title: &str, class: &str, rows: Vec<(String, &Status)>, out: &mut String) -> fmt::Result {
    if rows.is_empty() {
        return Ok(());
    }
    let count = Count::of(rows.iter().map(|(_, status)| *status));
    let (title, tests, failed) = (attribute(title), count.total(), count.failed);
    let skipped = count.excepted + count.skipped + count.open;
    writeln!(
        out,
        "<testsuite name=\"{title}\" tests=\"{tests}\" failures=\"{failed}\" errors=\"0\" skipped=\"{skipped}\">"
    )?;
    for (name, status) in rows {
        let (name, class) = (attribute(&name), attribute(class));
        write!(out, "<testcase classname=\"{class}\" name=\"{name}\"")?;
        let (word, detail) = (status.name(), attribute(status.detail()));
        match status {
            Status::Met => writeln!(out, "/>")?,
            Status::Failed(_) => {
                writeln!(out, "><failure message=\"{detail}\"/></testcase>")?;
            }
            Status::Open => writeln!(out, "><skipped message=\"{word}\"/></testcase>")?,
            Status::Skipped(_) | Status::Excepted(_) => {
                writeln!(out, "><skipped message=\"{word}: {detail}\"/></testcase>")?;
            }
        }
    }
    writeln!(out, "</testsuite>")
}

#[cfg(test)]
mod tests {
    use super::{super::results::tests::example, *};

    #[test]
    fn it_is_xml_and_counts_right() {
        let mut report = example();
        report.cases[1].status = Status::Failed("a\u{1}<b>\n\"c\" & d".into());
        let text = print(&report);
        let document = roxmltree::Document::parse(&text).unwrap();
        let suites: Vec<_> = document
            .descendants()
            .filter(|node| node.has_tag_name("testsuite"))
            .collect();
        assert_eq!(suites.len(), 3);
        for suite in suites {
            let said = |name| -> usize { suite.attribute(name).unwrap().parse().unwrap() };
            let count = |name| {
                let nodes = suite.descendants();
                nodes.filter(|node| node.has_tag_name(name)).count()
            };
            assert_eq!(count("testcase"), said("tests"));
            assert_eq!(count("failure"), said("failures"));
            assert_eq!(count("skipped"), said("skipped"));
        }
        let failure = document
            .descendants()
            .find(|node| node.has_tag_name("failure"))
            .unwrap();
        assert_eq!(failure.attribute("message"), Some("a?<b> \"c\" & d"));
        let names: Vec<_> = document
            .descendants()
            .filter_map(|node| node.attribute("classname"))
            .collect();
        assert_eq!(names[0], "oma");
        assert!(names.contains(&"requirements.things"));
        assert_eq!(names.last(), Some(&"faults"));
    }
}
