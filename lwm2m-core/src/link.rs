//! CoRE link format (RFC 6690): registration payloads and discover payloads.

use crate::{path::Path, version::ObjectVersion};
use alloc::{string::String, vec::Vec};

/// What a link points at.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LinkTarget {
    /// A place in the object tree.
    Path(Path),
    /// Anything else: the root link, an alternate path, a gateway's prefixed path.
    Other(String),
}

/// One link with its parameters in order; a parameter without `=` has no value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Link {
    /// What stands between the angle brackets.
    pub target: LinkTarget,
    /// The parameters, unquoted.
    pub parameters: Vec<(String, Option<String>)>,
}

impl Link {
    /// A link to a place in the tree.
    pub fn to(path: Path) -> Self {
        Link {
            target: LinkTarget::Path(path),
            parameters: Vec::new(),
        }
    }

    /// With another parameter.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.push((name.into(), Some(value.into())));
        self
    }

    /// The value of a parameter.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let (_, value) = self.parameters.iter().find(|(other, _)| other == name)?;
        value.as_deref()
    }

    /// The `ver` parameter, where it is there and well-formed.
    pub fn object_version(&self) -> Option<ObjectVersion> {
        self.parameter("ver")?.parse().ok()
    }
}

/// Why bytes are no list of links.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("malformed link format at byte {offset}")]
pub struct LinkError {
    /// Where reading stopped.
    pub offset: usize,
}

/// Reads a list of links.
///
/// # Errors
/// Where the bytes are not UTF-8 or do not follow RFC 6690.
pub fn parse(bytes: &[u8]) -> Result<Vec<Link>, LinkError> {
    let _ = bytes;
    todo!()
}

/// Writes a list of links.
pub fn write(links: &[Link]) -> String {
    let _ = links;
    todo!()
}
