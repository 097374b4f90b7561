//! Looking at decoded values.

use super::verdict::{Judged, ensure, fail};
use lwm2m_core::{
    attributes::AttributeChange,
    coap::{Code, Response},
    content::{self, ContentFormat},
    entry::Entry,
    link::Link,
    path::Path,
    value::Value,
};
use lwm2m_objects::Definitions;

/// The value at a place.
pub(crate) fn find<'a>(entries: &'a [Entry], at: &Path) -> Option<&'a Value> {
    let entry = entries.iter().find(|entry| entry.path == *at);
    entry.map(|entry| &entry.value)
}

/// The value that must be at a place.
pub(crate) fn value<'a>(entries: &'a [Entry], at: &Path) -> Judged<&'a Value> {
    match find(entries, at) {
        Some(value) => Ok(value),
        None => fail(format!("{at} is missing")),
    }
}

/// The value at a place must be this one; whole numbers of different types are equal.
pub(crate) fn expect(entries: &[Entry], at: &Path, expected: impl Into<Value>) -> Judged {
    let (found, expected) = (value(entries, at)?, expected.into());
    ensure(same(found, &expected), || {
        format!("{at} is {found}, not {expected}")
    })
}

/// Whether two values are the same, whatever the format made of their types.
pub(crate) fn same(one: &Value, other: &Value) -> bool {
    one == other
        || match (one.as_f64(), other.as_f64()) {
            (Some(one), Some(other)) => one == other,
            _ => false,
        }
}

/// The response must have this code.
pub(crate) fn expect_code(response: &Response, code: Code, what: &str) -> Judged {
    ensure(response.code == code, || {
        let text = match (
            response.code.is_error(),
            std::str::from_utf8(&response.payload),
        ) {
            (true, Ok(text)) if !text.is_empty() => format!(" ({text:?})"),
            _ => String::new(),
        };
        format!("{what} was answered {}{text}, not {code}", response.code)
    })
}

/// The format of a response, which must be one of LwM2M and, where one was asked for, that.
pub(crate) fn expect_format(
    response: &Response,
    accept: Option<ContentFormat>,
    what: &str,
) -> Judged<ContentFormat> {
    let Some(number) = response.options.content_format() else {
        return fail(format!("the answer to {what} has no Content-Format"));
    };
    if let Some(accept) = accept {
        ensure(number == accept.number(), || {
            format!(
                "the answer to {what} has Content-Format {number}, not {}",
                accept.number()
            )
        })?;
    }
    match ContentFormat::from_number(number) {
        Some(format) => Ok(format),
        None => fail(format!("the answer to {what} has Content-Format {number}")),
    }
}

/// The values of a response.
pub(crate) fn decode(
    response: &Response,
    base: &Path,
    accept: Option<ContentFormat>,
    models: &Definitions,
    what: &str,
) -> Judged<Vec<Entry>> {
    let format = expect_format(response, accept, what)?;
    match content::decode_answer(format, &response.payload, base, models) {
        Ok(entries) => Ok(entries),
        Err(error) => fail(format!("the answer to {what} cannot be decoded: {error}")),
    }
}

/// Attributes from the form of a query; those of the procedures only.
pub(crate) fn change(query: &str) -> Judged<AttributeChange> {
    match AttributeChange::from_queries(query.split('&')) {
        Ok(change) => Ok(change),
        Err(error) => fail(format!("{query}: {error}")),
    }
}

/// The link to a place.
pub(crate) fn link<'a>(links: &'a [Link], at: &Path, root: &str) -> Judged<&'a Link> {
    let found = links
        .iter()
        .find(|link| link.target.path_below(root).as_ref() == Some(at));
    match found {
        Some(link) => Ok(link),
        None => fail(format!("discover does not show {at}")),
    }
}

/// A link must have exactly these parameters, in any order; numbers are compared as numbers.
pub(crate) fn expect_parameters(link: &Link, expected: &[(&str, &str)]) -> Judged {
    let equal = |one: &str, other: &str| {
        one == other
            || matches!((one.parse::<f64>(), other.parse::<f64>()), (Ok(a), Ok(b)) if a == b)
    };
    let has = |name: &str, value: &str| link.parameter(name).is_some_and(|v| equal(v, value));
    let complete = expected.iter().all(|(name, value)| has(name, value));
    ensure(complete && link.parameters.len() == expected.len(), || {
        let shown = |name: &str, value: Option<&str>| match value {
            Some(value) => format!("{name}={value}"),
            None => name.to_owned(),
        };
        let found: Vec<String> = (link.parameters.iter())
            .map(|(name, value)| shown(name, value.as_deref()))
            .collect();
        let expected: Vec<String> = (expected.iter())
            .map(|(name, value)| shown(name, Some(value)))
            .collect();
        format!(
            "discover shows {} with {:?}, not {:?}",
            link.target,
            found.join(";"),
            expected.join(";")
        )
    })
}

/// An image for a firmware update where no better one is given: any bytes.
pub(crate) fn some_image() -> Vec<u8> {
    (0..40 * 1024_u32)
        .map(|n| ((n * 7) >> 3).to_le_bytes()[0])
        .collect()
}
