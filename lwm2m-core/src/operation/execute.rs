use super::{OperationError, query::bad_request, request_on};
use crate::{
    coap::{Code, Request},
    content::ContentFormat,
    path::Path,
};
use alloc::{string::String, vec::Vec};
use core::fmt::Write as _;
use nom::{
    IResult, Parser,
    bytes::complete::take_while,
    character::complete::{char, satisfy},
    combinator::{all_consuming, opt},
    multi::separated_list1,
    sequence::{delimited, pair, preceded},
};

/// An argument of an execute: digit 0 to 9 and, where there is one, its text (Core 1.2.2, section 6.3.5).
pub type ExecuteArgument = (u8, Option<String>);

/// Execute: `POST /{resource}` with arguments `5='text',7` (Core 1.2.2, section 6.3.5).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Execute {
    /// The resource.
    pub path: Path,
    /// The arguments.
    pub arguments: Vec<ExecuteArgument>,
}

impl Execute {
    /// Without arguments.
    pub fn new(path: Path) -> Self {
        Execute {
            path,
            arguments: Vec::new(),
        }
    }

    /// As CoAP.
    ///
    /// # Errors
    /// Arguments that [`format_arguments`] refuses.
    pub fn try_to_request(&self) -> Result<Request, OperationError> {
        let body = format_arguments(&self.arguments)?;
        Ok(with_arguments(request_on(Code::POST, &self.path), body))
    }

    /// As CoAP. Of what [`Execute::try_to_request`] refuses, blanks are sent all the same; arguments that have no form
    /// at all go as a body that every client refuses with 4.00.
    pub fn to_request(&self) -> Request {
        let body = write_arguments(&self.arguments, is_readable).unwrap_or_else(|_| "?".into());
        with_arguments(request_on(Code::POST, &self.path), body)
    }
}

/// Reads the body of an execute: `0='text',7` (Core 1.2.2, section 6.3.5).
///
/// A blank in a text is read, since an example of the specification has one, though its grammar does not.
///
/// # Errors
/// 4.00 for what does not follow the grammar, or a digit that stands twice.
pub fn parse_arguments(text: &str) -> Result<Vec<ExecuteArgument>, OperationError> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let parsed: IResult<&str, _> = all_consuming(separated_list1(char(','), argument)).parse(text);
    let (_, arguments) = parsed.map_err(|_| bad_request("malformed arguments"))?;
    check_unique(&arguments)?;
    Ok(arguments)
}

/// Writes the body of an execute; empty without arguments (Core 1.2.2, section 6.3.5).
///
/// # Errors
/// 4.00 for a digit above 9 or one that stands twice, and for a text with characters that it cannot carry: blanks,
/// quotes, backslashes, and whatever is not ASCII.
pub fn format_arguments(arguments: &[ExecuteArgument]) -> Result<String, OperationError> {
    write_arguments(arguments, is_argument_char)
}

fn write_arguments(
    arguments: &[ExecuteArgument],
    is_legal: fn(char) -> bool,
) -> Result<String, OperationError> {
    check_unique(arguments)?;
    let mut body = String::new();
    for (index, (digit, text)) in arguments.iter().enumerate() {
        let separator = if index == 0 { "" } else { "," };
        if *digit > 9 {
            return Err(bad_request("an argument is named by a digit"));
        }
        // Writing into a `String` cannot fail.
        _ = write!(body, "{separator}{digit}");
        if let Some(text) = text {
            if !text.chars().all(is_legal) {
                return Err(bad_request(
                    "an argument has characters that cannot be sent",
                ));
            }
            _ = write!(body, "='{text}'");
        }
    }
    Ok(body)
}

fn argument(input: &str) -> IResult<&str, ExecuteArgument> {
    let digit = satisfy(|c| c.is_ascii_digit()).map(|c| c as u8 - b'0');
    let text = delimited(char('\''), take_while(is_readable), char('\'')).map(String::from);
    pair(digit, opt(preceded(char('='), text))).parse(input)
}

fn is_argument_char(c: char) -> bool {
    c.is_ascii_graphic() && !matches!(c, '"' | '\'' | '\\')
}

fn is_readable(c: char) -> bool {
    is_argument_char(c) || c == ' '
}

fn with_arguments(request: Request, body: String) -> Request {
    match body.is_empty() {
        true => request,
        false => request.body(ContentFormat::Text.number(), body),
    }
}

fn check_unique(arguments: &[ExecuteArgument]) -> Result<(), OperationError> {
    let mut seen = 0u16;
    for (digit, _) in arguments {
        let bit = 1u16.checked_shl(u32::from(*digit)).unwrap_or(0);
        if seen & bit != 0 {
            return Err(bad_request("an argument stands twice"));
        }
        seen |= bit;
    }
    Ok(())
}
