//! What a coap URI names: a server, and the options that say which of its resources (RFC 7252, section 6.4).

use lwm2m_core::{
    coap::Request,
    uri::{ServerUri, ServerUriError},
};
use std::str::FromStr;

/// A resource of a server.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Target {
    /// The server.
    pub(crate) server: ServerUri,
    segments: Vec<String>,
    arguments: Vec<String>,
}

/// Why a text names no resource.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TargetError {
    #[error(transparent)]
    Server(#[from] ServerUriError),
    #[error("a coap URI has no fragment")]
    Fragment,
    #[error("% is followed by two hexadecimal digits, and what they name is UTF-8")]
    Escape,
}

impl Target {
    /// A request with the options of this resource.
    pub(crate) fn name(&self, request: Request) -> Request {
        let segments = self.segments.iter();
        let request = segments.fold(request, |request, segment| request.path_segment(segment));
        let arguments = self.arguments.iter();
        arguments.fold(request, |request, argument| request.query(argument))
    }
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        if text.contains('#') {
            return Err(TargetError::Fragment);
        }
        let authority = text.find("://").map_or(0, |at| at + 3);
        let end = text[authority..].find(['/', '?']);
        let (server, resource) = text.split_at(end.map_or(text.len(), |at| authority + at));
        let (path, query) = match resource.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (resource, None),
        };
        let parts = |text: &str, separator: char| -> Result<Vec<String>, TargetError> {
            text.split(separator).map(decode).collect()
        };
        Ok(Target {
            server: server.parse()?,
            segments: match path.strip_prefix('/').unwrap_or_default() {
                "" => Vec::new(),
                path => parts(path, '/')?,
            },
            arguments: query.map_or(Ok(Vec::new()), |query| parts(query, '&'))?,
        })
    }
}

fn decode(text: &str) -> Result<String, TargetError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, tail) = rest.split_at_checked(2).ok_or(TargetError::Escape)?;
        let digits = str::from_utf8(digits).map_err(|_| TargetError::Escape)?;
        // `from_str_radix` would take a sign.
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(TargetError::Escape);
        }
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| TargetError::Escape)?);
        rest = tail;
    }
    String::from_utf8(bytes).map_err(|_| TargetError::Escape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use lwm2m_core::coap::{Code, option};

    fn options(text: &str) -> (String, Vec<String>, Vec<String>) {
        let target: Target = text.parse().unwrap();
        let request = target.name(Request::new(Code::GET));
        let texts = |number| {
            let texts = request.options.texts(number).unwrap();
            texts.into_iter().map(str::to_owned).collect()
        };
        (
            target.server.to_string(),
            texts(option::URI_PATH),
            texts(option::URI_QUERY),
        )
    }

    #[test]
    fn decomposes() {
        let words = |words: &[&str]| words.iter().map(|word| word.to_string()).collect();
        for (text, server, path, query) in [
            ("coap://a", "coap://a:5683", words(&[]), words(&[])),
            ("coap://a:1/", "coap://a:1", words(&[]), words(&[])),
            ("coap://a/?x", "coap://a:5683", words(&[]), words(&["x"])),
            ("coap://a?x", "coap://a:5683", words(&[]), words(&["x"])),
            (
                "coap://[::1]/b/%C3%A4%2F?c=1&d?e",
                "coap://[::1]:5683",
                words(&["b", "ä/"]),
                words(&["c=1", "d?e"]),
            ),
            (
                "coap://a/b/",
                "coap://a:5683",
                words(&["b", ""]),
                words(&[]),
            ),
        ] {
            assert_eq!(options(text), (server.to_owned(), path, query), "{text}");
        }
    }

    #[test]
    fn refuses() {
        for (text, error) in [
            ("a/b", TargetError::Server(ServerUriError::Scheme)),
            ("coap:///b", TargetError::Server(ServerUriError::Host)),
            ("coap://a/b#c", TargetError::Fragment),
            ("coap://a/%4", TargetError::Escape),
            ("coap://a/%+4", TargetError::Escape),
            ("coap://a/%FF", TargetError::Escape),
        ] {
            assert_eq!(text.parse::<Target>(), Err(error), "{text}");
        }
    }
}
