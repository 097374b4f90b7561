use super::{Link, LinkError, LinkErrorReason, LinkLimits, LinkTarget};
use alloc::{string::String, vec::Vec};
use nom::{
    IResult, Parser,
    branch::alt,
    bytes::complete::{take_while, take_while1},
    character::complete::{anychar, char},
    combinator::{opt, recognize, verify},
    multi::{fold_many0, many_m_n},
    sequence::{delimited, pair, preceded},
};

/// Reads a list of links; an empty payload is an empty list (RFC 6690, section 2).
///
/// Blanks around `,` and `;` are overlooked, since examples of the specification have them.
///
/// # Errors
/// Where the bytes are not UTF-8, do not follow RFC 6690, or exceed the default [`LinkLimits`].
pub fn parse(bytes: &[u8]) -> Result<Vec<Link>, LinkError> {
    parse_limited(bytes, &LinkLimits::default())
}

/// As [`parse`], with other limits (RFC 6690, section 2).
///
/// # Errors
/// As [`parse`].
pub fn parse_limited(bytes: &[u8], limits: &LinkLimits) -> Result<Vec<Link>, LinkError> {
    let text = core::str::from_utf8(bytes).map_err(|error| LinkError {
        offset: error.valid_up_to(),
        reason: LinkErrorReason::Utf8,
    })?;
    let error = |rest: &str, reason| LinkError {
        offset: text.len() - rest.len(),
        reason,
    };
    let syntax = |failure: nom::Err<nom::error::Error<&str>>| match failure {
        nom::Err::Error(e) | nom::Err::Failure(e) => error(e.input, LinkErrorReason::Syntax),
        // The parsers are `complete` ones, which never ask for more.
        nom::Err::Incomplete(_) => error("", LinkErrorReason::Syntax),
    };

    let mut links = Vec::new();
    let mut rest = text;
    while !text.is_empty() {
        if links.len() == limits.links {
            return Err(error(rest, LinkErrorReason::Limit));
        }
        let (after, target) = target(rest).map_err(syntax)?;
        let (after, parameters) =
            many_m_n(0, limits.parameters, preceded(separator(';'), parameter))
                .parse(after)
                .map_err(syntax)?;
        links.push(Link { target, parameters });
        if after.is_empty() {
            break;
        }
        if links
            .last()
            .is_some_and(|link| link.parameters.len() == limits.parameters)
            && separator(';')(after).is_ok()
        {
            return Err(error(after, LinkErrorReason::Limit));
        }
        (rest, _) = separator(',')(after).map_err(syntax)?;
    }
    Ok(links)
}

/// As [`parse`], for the answer to a bootstrap-discover: clients of 1.0 put `lwm2m=1.0` before the links without a
/// target, as the examples of that version do (Core 1.2.2, section 6.1.7.3). It is read as a parameter of `</>`.
///
/// # Errors
/// As [`parse`].
pub fn parse_bootstrap_discover(bytes: &[u8]) -> Result<Vec<Link>, LinkError> {
    const TARGET: &[u8] = b"</>;";
    if !bytes.starts_with(b"lwm2m=") {
        return parse(bytes);
    }
    parse(&[TARGET, bytes].concat()).map_err(|error| LinkError {
        offset: error.offset.saturating_sub(TARGET.len()),
        ..error
    })
}

fn target(input: &str) -> IResult<&str, LinkTarget> {
    let uri_reference = verify(take_while(is_uri_char), percent_triplets_are_whole);
    delimited(char('<'), uri_reference, char('>'))
        .map(LinkTarget::new)
        .parse(input)
}

fn parameter(input: &str) -> IResult<&str, (String, Option<String>)> {
    let name = recognize(pair(take_while1(is_name_char), opt(char('*'))));
    let token = take_while1(is_token_char).map(String::from);
    let value = preceded(char('='), alt((quoted, token)));
    pair(name.map(String::from), opt(value)).parse(input)
}

fn quoted(input: &str) -> IResult<&str, String> {
    let run = take_while1(is_quotable);
    let escaped = preceded(char('\\'), recognize(anychar));
    let text = fold_many0(alt((run, escaped)), String::new, |mut text, part| {
        text.push_str(part);
        text
    });
    delimited(char('"'), text, char('"')).parse(input)
}

fn separator(separator: char) -> impl Fn(&str) -> IResult<&str, char> {
    move |input| {
        let blanks = || take_while(|c| matches!(c, ' ' | '\t'));
        delimited(blanks(), char(separator), blanks()).parse(input)
    }
}

/// The characters of RFC 3986; `<` and `>` are not among them.
fn is_uri_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-._~:/?#[]@!$&'()*+,;=%".contains(c)
}

fn percent_triplets_are_whole(uri: &str) -> bool {
    uri.match_indices('%')
        .all(|(at, _)| is_percent_triplet(&uri[at..]))
}

/// Whether a text that begins with `%` goes on with two hexadecimal digits.
pub(super) fn is_percent_triplet(text: &str) -> bool {
    let digits = text.as_bytes().get(1..3);
    digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
}

/// `attr-char` of RFC 5987.
pub(super) fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$&+-.^_`|~".contains(c)
}

/// `ptokenchar` of RFC 6690.
pub(super) fn is_token_char(c: char) -> bool {
    c.is_ascii_graphic() && !matches!(c, '"' | ',' | ';' | '\\')
}

/// What may stand in quotes as it is.
pub(super) fn is_quotable(c: char) -> bool {
    c == '\t' || !(c.is_control() || matches!(c, '"' | '\\'))
}
