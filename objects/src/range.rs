//! What a machine can read of the free text that definition files give as a range.

use alloc::vec::Vec;
use lwm2m_core::{model::ValueRange, value::DataType};

/// More parts than this are no range that a person wrote.
const MAX_PARTS: usize = 256;

/// What came of a text.
#[derive(Debug, PartialEq)]
pub(crate) enum Range {
    /// It says nothing, or nothing that concerns the type.
    None,
    /// It is understood.
    Read(Vec<ValueRange>),
    /// It is probably understood; the text says why only probably.
    Guessed(Vec<ValueRange>, &'static str),
    /// It is not understood.
    Unreadable,
}

/// Reads a range: `0..7`, `0-7`, `1...15`, `-30..-120`, `0..247, 255`, `0; 3.8..20.5`, `12 Bytes`, and lists of
/// values with their meanings (`0: off`, one a line).
///
/// On text and on bytes it is a length; a lone number is a greatest one.
pub(crate) fn parse(text: &str, data_type: Option<DataType>) -> Range {
    let text = text.trim();
    let is_length = match data_type {
        Some(DataType::String | DataType::Opaque) => true,
        Some(t) if t.is_numeric() => false,
        _ => return Range::None,
    };
    if text.is_empty() {
        return Range::None;
    }
    let (text, has_unit) = match strip_bytes(text) {
        Some(rest) => (rest, true),
        None => (text, false),
    };
    if has_unit && !is_length {
        // A width in bytes bounds a number only together with its sign.
        return Range::Unreadable;
    }
    if text.is_empty() {
        return Range::Unreadable; // a unit of what?
    }
    let mut guess = None;
    let mut bounds = Vec::new();
    if let Some(values) = labelled_values(text) {
        bounds = values;
    } else {
        for part in text.split([',', ';']) {
            match interval(part.trim()) {
                Some((from, to)) if from > to => {
                    guess = Some("the bounds stand in the wrong order");
                    bounds.push((to, from));
                }
                Some(bound) => bounds.push(bound),
                None => return Range::Unreadable,
            }
        }
        if let [(from, to)] = &mut bounds[..]
            && from == to
            && *to > 0.0
            && number(text).is_some()
        {
            guess = Some("a lone number is taken as the greatest");
            *from = 0.0;
        }
    }
    if bounds.len() > MAX_PARTS {
        return Range::Unreadable;
    }
    let ranges: Option<Vec<ValueRange>> = bounds
        .into_iter()
        .map(|(from, to)| match is_length {
            true => Some(ValueRange::Length {
                from: whole(from)?,
                to: whole(to)?,
            }),
            false => Some(ValueRange::Number { from, to }),
        })
        .collect();
    match (ranges, guess) {
        (None, _) => Range::Unreadable,
        (Some(ranges), None) => Range::Read(ranges),
        (Some(ranges), Some(guess)) => Range::Guessed(ranges, guess),
    }
}

/// The text before a final "byte" or "bytes".
fn strip_bytes(text: &str) -> Option<&str> {
    ["bytes", "byte"].into_iter().find_map(|unit| {
        let at = text.len().checked_sub(unit.len())?;
        let (rest, end) = (text.get(..at)?, text.get(at..)?);
        end.eq_ignore_ascii_case(unit).then(|| rest.trim_end())
    })
}

/// The values of a list like `0: off`, one a line.
fn labelled_values(text: &str) -> Option<Vec<(f64, f64)>> {
    text.lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| {
            let value = number(line.split_once(':')?.0.trim())?;
            Some((value, value))
        })
        .collect()
}

/// `a..b`, `a...b`, `a-b`, or one number for both.
fn interval(text: &str) -> Option<(f64, f64)> {
    if let Some(value) = number(text) {
        return Some((value, value));
    }
    let (from, to) = match text.split_once("..") {
        Some((from, to)) => (from, to.strip_prefix('.').unwrap_or(to)),
        // A sign cannot be the separator: it stands first.
        None => {
            let at = text.get(1..)?.find('-')? + 1;
            (&text[..at], &text[at + 1..])
        }
    };
    Some((number(from.trim())?, number(to.trim())?))
}

/// A decimal number, without exponent.
fn number(text: &str) -> Option<f64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    let value: f64 = (is_digits(whole) && is_digits(fraction)).then(|| text.parse().ok())??;
    value.is_finite().then_some(value)
}

fn whole(value: f64) -> Option<u32> {
    let whole = value as u32;
    (f64::from(whole) == value).then_some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{string::String, vec};

    fn numbers(bounds: &[(f64, f64)]) -> Vec<ValueRange> {
        let range = |&(from, to)| ValueRange::Number { from, to };
        bounds.iter().map(range).collect()
    }

    // proves: OBJ-06
    #[test]
    fn numbers_in_every_form() {
        for (text, expected) in [
            ("0..7", vec![(0.0, 7.0)]),
            (" 0 .. 7 ", vec![(0.0, 7.0)]),
            ("0-7", vec![(0.0, 7.0)]),
            ("-5--1", vec![(-5.0, -1.0)]),
            ("1...15", vec![(1.0, 15.0)]),
            ("0.000001..1.0", vec![(0.000_001, 1.0)]),
            ("0..247, 255", vec![(0.0, 247.0), (255.0, 255.0)]),
            ("0; 3.8..20.5", vec![(0.0, 0.0), (3.8, 20.5)]),
            ("0: off\n\t 255: stuck\n", vec![(0.0, 0.0), (255.0, 255.0)]),
        ] {
            assert_eq!(
                parse(text, Some(DataType::Float)),
                Range::Read(numbers(&expected)),
                "{text}"
            );
        }
        assert!(matches!(
            parse("-30..-120", Some(DataType::Integer)),
            Range::Guessed(ranges, _) if ranges == numbers(&[(-120.0, -30.0)])
        ));
        assert!(matches!(
            parse("255", Some(DataType::Integer)),
            Range::Guessed(ranges, _) if ranges == numbers(&[(0.0, 255.0)])
        ));
    }

    // proves: OBJ-06
    #[test]
    fn lengths_in_every_form() {
        let length = |from, to| ValueRange::Length { from, to };
        for (text, expected) in [
            ("0..255", vec![length(0, 255)]),
            ("0..64 Bytes", vec![length(0, 64)]),
            ("10,26", vec![length(10, 10), length(26, 26)]),
        ] {
            assert_eq!(
                parse(text, Some(DataType::Opaque)),
                Range::Read(expected),
                "{text}"
            );
        }
        assert!(matches!(
            parse("12 bytes", Some(DataType::String)),
            Range::Guessed(ranges, _) if ranges == [length(0, 12)]
        ));
    }

    #[test]
    fn what_cannot_be_read_is_said_so() {
        for text in [
            "ON;OFF",
            "<7 to >12.5",
            "2 Instances",
            "8-Bits",
            "2 bytes",
            "1..",
            "..",
            "-",
            "--",
            "1e999",
            "NaN..inf",
            "0..\u{221e}",
            "\u{e9}",
            ",",
            "Bytes",
        ] {
            assert_eq!(
                parse(text, Some(DataType::Integer)),
                Range::Unreadable,
                "{text}"
            );
        }
        for text in [
            "-1..5",
            "0..4294967296",
            "0.5..1",
            "Bytes",
            " byte ",
            "- bytes",
        ] {
            for data_type in [DataType::String, DataType::Opaque] {
                assert_eq!(parse(text, Some(data_type)), Range::Unreadable, "{text}");
            }
        }
        assert_eq!(parse("0..1", Some(DataType::Boolean)), Range::None);
        assert_eq!(parse(" \n ", Some(DataType::Integer)), Range::None);
        let long = String::from_iter(core::iter::repeat_n("1,", 500)) + "1";
        assert_eq!(parse(&long, Some(DataType::Integer)), Range::Unreadable);
    }
}
