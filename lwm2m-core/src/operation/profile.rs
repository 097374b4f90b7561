use super::{OperationError, query::bad_request};
use alloc::vec::Vec;

/// One profile id of `pid=` (Core 1.2.2, section 6.2.1): it stands for a list of objects and instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProfileId<'a> {
    /// A hash over the list, which a server learns from a registration that has both (Core 1.2.2, section 6.2.1).
    Dynamic {
        /// The hash algorithm, a suite of RFC 6920, section 9.4.
        suite: u32,
        /// The hash, lowercase hexadecimal.
        hash: &'a str,
    },
    /// Registered at OMNA: `oma:...` (Core 1.2.2, section 6.2.1)
    Oma(&'a str),
    /// Of a vendor: `v:...` (Core 1.2.2, section 6.2.1)
    Vendor(&'a str),
}

impl<'a> ProfileId<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (kind, value) = text.split_once(':')?;
        let all =
            |allowed: fn(&u8) -> bool| !value.is_empty() && value.as_bytes().iter().all(allowed);
        let hexadecimal = |b: &u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        let name = |b: &u8| b.is_ascii_alphanumeric() || *b == b'-';
        match kind {
            "oma" if all(name) => Some(ProfileId::Oma(value)),
            "v" if all(name) => Some(ProfileId::Vendor(value)),
            _ if kind.bytes().all(|b| b.is_ascii_digit()) && all(hexadecimal) => {
                let suite = kind.parse().ok()?;
                Some(ProfileId::Dynamic { suite, hash: value })
            }
            _ => None,
        }
    }
}

/// Reads the value of `pid=`: one profile id, or several in quotes with commas between (Core 1.2.2, section 6.2.1).
///
/// # Errors
/// 4.00 for what does not follow the grammar.
pub fn parse_profiles(text: &str) -> Result<Vec<ProfileId<'_>>, OperationError> {
    let quoted = text
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    let parsed: Option<Vec<_>> = match quoted {
        Some(list) => list.split(',').map(ProfileId::parse).collect(),
        None => ProfileId::parse(text).map(|id| alloc::vec![id]),
    };
    parsed.ok_or_else(|| bad_request("malformed profile id"))
}
