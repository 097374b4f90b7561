use super::OperationError;
use crate::coap::{Request, option};
use alloc::{format, string::String, vec::Vec};

/// The Uri-Query arguments of a request: known ones are taken out one by one, what is left is what nobody knew.
pub(super) struct Queries<'a>(Vec<(&'a str, Option<&'a str>)>);

impl<'a> Queries<'a> {
    /// All of a request, but for empty ones.
    pub(super) fn of(request: &'a Request) -> Result<Self, OperationError> {
        let texts = request
            .options
            .texts(option::URI_QUERY)
            .ok_or_else(|| bad_request("a query argument is not UTF-8"))?;
        let split = |text: &'a str| match text.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (text, None),
        };
        let arguments = texts.into_iter().filter(|text| !text.is_empty());
        Ok(Queries(arguments.map(split).collect()))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes out an argument that may stand once; `Some(None)` where it has no value.
    fn take(&mut self, name: &str) -> Result<Option<Option<&'a str>>, OperationError> {
        let Some(index) = self.0.iter().position(|(other, _)| *other == name) else {
            return Ok(None);
        };
        let (_, value) = self.0.remove(index);
        match self.0.iter().any(|(other, _)| *other == name) {
            true => Err(bad_request(format!("the argument {name} stands twice"))),
            false => Ok(Some(value)),
        }
    }

    /// Takes out an argument that must have a value.
    pub(super) fn value(&mut self, name: &str) -> Result<Option<&'a str>, OperationError> {
        match self.take(name)? {
            None => Ok(None),
            Some(Some(value)) if !value.is_empty() => Ok(Some(value)),
            Some(_) => Err(bad_request(format!("the argument {name} has no value"))),
        }
    }

    /// Takes out a decimal number.
    pub(super) fn number<T: core::str::FromStr>(
        &mut self,
        name: &str,
    ) -> Result<Option<T>, OperationError> {
        let Some(text) = self.value(name)? else {
            return Ok(None);
        };
        let digits = text.bytes().all(|b| b.is_ascii_digit());
        match text.parse() {
            Ok(number) if digits => Ok(Some(number)),
            _ => Err(bad_request(format!("the argument {name} is malformed"))),
        }
    }

    /// Takes out an argument that must not have a value; whether it is there.
    pub(super) fn flag(&mut self, name: &str) -> Result<bool, OperationError> {
        match self.take(name)? {
            None => Ok(false),
            Some(None) => Ok(true),
            Some(Some(_)) => Err(bad_request(format!("the argument {name} has a value"))),
        }
    }

    /// Whatever the argument says is not looked at.
    pub(super) fn ignore(&mut self, name: &str) {
        self.0.retain(|(other, _)| *other != name);
    }

    /// What is left, in order.
    pub(super) fn rest(self) -> Vec<(String, Option<String>)> {
        let own = |(name, value): (&str, Option<&str>)| (name.into(), value.map(String::from));
        self.0.into_iter().map(own).collect()
    }

    /// Nothing may be left.
    pub(super) fn finish(self) -> Result<(), OperationError> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) => Err(bad_request(format!("unknown argument {name:?}"))),
        }
    }
}

/// Puts arguments behind those of a request.
pub(super) fn with_additional(
    request: Request,
    additional: &[(String, Option<String>)],
) -> Request {
    additional
        .iter()
        .fold(request, |request, (name, value)| match value {
            Some(value) => request.query(&format!("{name}={value}")),
            None => request.query(name),
        })
}

pub(super) fn bad_request(reason: impl Into<String>) -> OperationError {
    OperationError::BadRequest(reason.into())
}
