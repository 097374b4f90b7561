//! Sections of the specification and of RFCs, as all texts here name them: `Core 1.2.2, section 7.3.2`,
//! `Transport 1.2.2, tables 6.4.4-1 and 6.4.5-1`, `RFC 7252, section 5.8.1`, `LwM2M registry, object 3303`.

use std::collections::BTreeSet;

/// Words that a section goes by.
pub(crate) const PLACES: [&str; 8] = [
    "section",
    "sections",
    "appendix",
    "appendices",
    "table",
    "tables",
    "figure",
    "object",
];

/// What sections are of; a number follows, but for the registry.
const DOCUMENTS: [&str; 5] = ["Core ", "Transport ", "Gateway ", "RFC ", "LwM2M registry"];

/// A section of a document, `("Core 1.2.2", "7.3.2")`; of a table its number.
pub(crate) type Section = (String, String);

/// Whether a text names a section.
pub(crate) fn names_a_section(text: &str) -> bool {
    !sections(text).is_empty()
}

/// The sections that a text names, in order.
pub(crate) fn sections(text: &str) -> Vec<Section> {
    let mut found = Vec::new();
    for document in DOCUMENTS {
        for (at, _) in text.match_indices(document) {
            let number = |c: char| c.is_ascii_digit() || c == '.';
            let behind = &text[at + document.len()..];
            let rest = behind.trim_start_matches(number);
            let document = &text[at..text.len() - rest.len()];
            let Some((word, rest)) = rest
                .strip_prefix(", ")
                .and_then(|rest| rest.split_once(' '))
            else {
                continue;
            };
            if PLACES.contains(&word) {
                let numbers = numbers(rest).into_iter();
                found.extend(numbers.map(|number| (document.to_string(), number)));
            }
        }
    }
    found
}

/// `7.5.6 and table 7.3.2-1 of ...`: the numbers and letters at the beginning of a text.
fn numbers(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text;
    loop {
        let end = rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '-'))
            .unwrap_or(rest.len());
        let number = rest[..end].trim_end_matches(['.', '-']);
        let is_number = number.starts_with(|c: char| c.is_ascii_digit())
            || number
                .strip_prefix(|c: char| c.is_ascii_uppercase())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '-']));
        if !is_number {
            return found;
        }
        found.push(number.to_string());
        let behind = &rest[number.len()..];
        let Some(next) = [", and ", " and ", ", "]
            .iter()
            .find_map(|between| behind.strip_prefix(between))
        else {
            return found;
        };
        rest = PLACES
            .iter()
            .find_map(|word| next.strip_prefix(word)?.strip_prefix(' '))
            .unwrap_or(next);
    }
}

/// The section that a table or a section is in: 6.4.4 of 6.4.4-1, E of E-1.
pub(crate) fn without_table(number: &str) -> &str {
    number.split('-').next().unwrap_or(number)
}

/// The sections of a document that the requirements are from, and all those around them. `rows` are as a catalogue has
/// them: `Core 6.1.7.1, 3.2; Transport 6.4.2`.
pub(crate) fn known<'a>(
    document: &str,
    rows: impl IntoIterator<Item = &'a str>,
) -> BTreeSet<String> {
    let mut known = BTreeSet::new();
    for row in rows {
        let mut of_document = false;
        for part in row.split([',', ';']).map(str::trim) {
            let words: Vec<&str> = part.split(' ').collect();
            // `Core 1.1.1 B.2.3` is another edition.
            if words.len() > 1 {
                of_document = words[0] == document && words.len() == 2;
            }
            if let (true, Some(number)) = (of_document, words.last()) {
                let mut number = *number;
                while !number.is_empty() {
                    known.insert(number.to_string());
                    number = number.rsplit_once('.').map_or("", |(around, _)| around);
                }
            }
        }
    }
    known
}

/// The comments of a source, each in one line.
pub(crate) fn comments(source: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    for line in source.lines() {
        let text = line.trim_start();
        match text.strip_prefix("//") {
            Some(comment) => {
                let comment = comment.trim_start_matches(['/', '!']).trim();
                if let Some(last) = found.last_mut() {
                    last.push_str(comment);
                    last.push(' ');
                }
            }
            None => {
                // What a macro makes documentation of stands in texts.
                found.push(text.to_string());
                found.push(String::new());
            }
        }
    }
    found
}

#[test]
fn sections_are_told_from_other_numbers() {
    let found = |text: &str| -> Vec<String> {
        let sections = sections(text).into_iter();
        sections
            .map(|(document, number)| format!("{document} {number}"))
            .collect()
    };
    for (text, expected) in [
        ("A bound (Core 1.2.2, section 7.3.2).", "Core 1.2.2 7.3.2"),
        ("Core 1.2.2, table E-1", "Core 1.2.2 E-1"),
        (
            "(1.1; Transport 1.2.2, sections 6.4.4 and 6.7), and 5",
            "Transport 1.2.2 6.4.4|Transport 1.2.2 6.7",
        ),
        (
            "RFC 7252, appendix A. RFC 7641, sections 3.3, 3.6, and 4",
            "RFC 7252 A|RFC 7641 3.3|RFC 7641 3.6|RFC 7641 4",
        ),
        (
            "Core 1.2.2, section 6.3 and appendix D",
            "Core 1.2.2 6.3|Core 1.2.2 D",
        ),
        (
            "Core 1.2.2, appendix E.12, and Gateway 1.1.1, section 6",
            "Core 1.2.2 E.12|Gateway 1.1.1 6",
        ),
        ("OMA LwM2M registry, object 3303", "LwM2M registry 3303"),
    ] {
        assert_eq!(found(text).join("|"), expected, "{text}");
    }
    for text in [
        "",
        "RFC 7252",
        "Core 1.2.2",
        "section 7.3.2",
        "RFC 7252 and section 5",
        "Core 1.2.2, section of attributes",
        "Core 1.2.2, section Attributes",
        "In 1.0, section 5",
    ] {
        assert!(found(text).is_empty(), "{text}");
    }
}

#[test]
fn rows_are_read_as_they_are_written() {
    let rows = [
        "Core 6.1.7.1, 3.2; Transport 6.4.2",
        "Core 1.1.1 B.2.3",
        "RFC 7252 9.1",
    ];
    let known = known("Core", rows);
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    assert_eq!(known, ["3", "3.2", "6", "6.1", "6.1.7", "6.1.7.1"]);
}
