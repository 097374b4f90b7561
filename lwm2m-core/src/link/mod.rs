//! CoRE link format (RFC 6690): registration payloads, discover payloads, and what a registration's links say.
//!
//! [`parse()`] and [`write()`] are the format itself; [`SupportedObjects`] is what a server learns from the links of
//! a registration; [`LinkInterner`] lets equal registrations share one copy of both.
//!
//! ```
//! use lwm2m_core::link::{self, Link, SupportedObjects};
//! use lwm2m_core::version::LwM2mVersion;
//!
//! let links = link::parse(b"</>;rt=\"oma.lwm2m\";ct=\"112 11544\",</1/0>,</3303>;ver=1.1,</3303/0>")?;
//! assert_eq!(links[3], Link::to("/3303/0".parse()?));
//!
//! let supported = SupportedObjects::from_links(&links);
//! assert_eq!(supported.content_formats(), [112, 11544]);
//! let version = supported.object_version(3303, LwM2mVersion::V1_2);
//! assert_eq!(version, Some("1.1".parse()?));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod intern;
mod parse;
mod supported;
mod write;

pub use intern::{LinkInterner, LinkSet};
pub use parse::{parse, parse_bootstrap_discover, parse_limited};
pub use supported::{SupportedObject, SupportedObjects, implied_version};
pub use write::write;

use crate::{path::Path, version::ObjectVersion};
use alloc::{borrow::Cow, format, string::String, string::ToString, vec::Vec};
use core::fmt;

/// What a link points at (RFC 6690, section 2.1).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LinkTarget {
    /// A place in the object tree, in canonical form: no leading zeros, no trailing slash.
    Path(Path),
    /// Anything else: the root of an alternate path and what lies below it, a gateway's prefixed path.
    Other(String),
}

impl LinkTarget {
    /// The target of this text: a [`LinkTarget::Path`] where it is one.
    pub fn new(text: &str) -> Self {
        match text.parse() {
            Ok(path) => LinkTarget::Path(path),
            Err(_) => LinkTarget::Other(text.into()),
        }
    }

    /// The target of a place in the object tree that begins at `root`: what [`LinkTarget::path_below`] reads.
    pub fn below(root: &str, path: Path) -> Self {
        match (root.trim_end_matches('/'), path) {
            ("", path) => LinkTarget::Path(path),
            (root, Path::ROOT) => LinkTarget::new(root),
            (root, path) => LinkTarget::Other(format!("{root}{path}")),
        }
    }

    /// The place in the object tree, seen from `root` (Transport 1.2.2, section 6.4.1): with the root `/lwm2m`,
    /// `/lwm2m/3/0` is `/3/0` and `/3/0` is no place. One trailing slash is overlooked, since examples of the
    /// specification have it.
    pub fn path_below(&self, root: &str) -> Option<Path> {
        let root = root.trim_end_matches('/');
        match self {
            LinkTarget::Path(path) if root.is_empty() => Some(*path),
            // A root has no numeric segment, so nothing below it is a canonical path.
            LinkTarget::Path(_) => None,
            LinkTarget::Other(text) => {
                let below = text.strip_prefix(root)?;
                let below = below.strip_suffix('/').unwrap_or(below);
                match below {
                    "" => Some(Path::ROOT),
                    _ => below.parse().ok(),
                }
            }
        }
    }
}

impl fmt::Display for LinkTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LinkTarget::Path(path) => path.fmt(f),
            LinkTarget::Other(text) => f.write_str(text),
        }
    }
}

/// One link with its parameters in order; a parameter without `=` has no value (RFC 6690, section 2).
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

    /// The root link of a registration, `</>;rt="oma.lwm2m"` (Transport 1.2.2, section 6.4.1), with the numbers
    /// of the content formats that the client offers as `ct`; without `ct` where there are none.
    pub fn root(content_formats: &[u16]) -> Self {
        let link = Link::to(Path::ROOT).with("rt", ROOT_RESOURCE_TYPE);
        let numbers: Vec<String> = content_formats.iter().map(u16::to_string).collect();
        match numbers.is_empty() {
            true => link,
            false => link.with("ct", numbers.join(" ")),
        }
    }

    /// With another parameter. A name that is no token of RFC 5987 is not written.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.push((name.into(), Some(value.into())));
        self
    }

    /// With a parameter that has no value.
    #[must_use]
    pub fn with_flag(mut self, name: impl Into<String>) -> Self {
        self.parameters.push((name.into(), None));
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

    /// Whether one of the resource types in `rt` (RFC 6690, section 3.1: separated by spaces) is this.
    pub fn has_resource_type(&self, resource_type: &str) -> bool {
        self.parameter("rt")
            .is_some_and(|types| types.split(' ').any(|one| one == resource_type))
    }
}

/// The resource type of the root link.
pub(crate) const ROOT_RESOURCE_TYPE: &str = "oma.lwm2m";

/// How much one payload may hold: bounds of ours. What it costs is bounded by the payload anyway: at most 40 bytes of
/// memory for each byte of a payload made for the purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LinkLimits {
    /// Links, 48 bytes each without their parameters. A device with 1,000 object instances needs 1,000 and one
    /// for each empty object.
    pub links: usize,
    /// Parameters of one link, 48 bytes each without their texts.
    pub parameters: usize,
}

impl Default for LinkLimits {
    fn default() -> Self {
        LinkLimits {
            links: 4096,
            parameters: 32,
        }
    }
}

/// Why bytes are no list of links.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason} at byte {offset}")]
pub struct LinkError {
    /// Where reading stopped, in bytes from the first.
    pub offset: usize,
    /// Why.
    pub reason: LinkErrorReason,
}

/// What is wrong at [`LinkError::offset`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LinkErrorReason {
    /// Not UTF-8.
    #[error("link format is not UTF-8")]
    Utf8,
    /// Not the grammar of RFC 6690.
    #[error("malformed link format")]
    Syntax,
    /// More than [`LinkLimits`] allow.
    #[error("too many links or link parameters")]
    Limit,
}

/// The segments of a root like `/lwm2m`, as Uri-Path carries them; none of the usual root.
pub(crate) fn root_segments(root: &str) -> Vec<String> {
    let segments = root.trim_end_matches('/').split('/').skip(1);
    segments
        .map(|segment| percent_decoded(segment).into_owned())
        .collect()
}

/// A segment of a URI path as Uri-Path carries it: percent-decoded (RFC 7252, section 6.4).
fn percent_decoded(segment: &str) -> Cow<'_, str> {
    if !segment.contains('%') {
        return Cow::Borrowed(segment);
    }
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let hex = |index: usize| char::from(*tail.get(index)?).to_digit(16);
        match (*first, hex(0), hex(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high * 16 + low) as u8);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod examples;
#[cfg(test)]
mod tests;
