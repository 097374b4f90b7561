//! The names of SenML records and of the elements of the older JSON: paths, in two parts that are put together (RFC
//! 8428, section 4.5.1), below the root of the client.

use super::{DecodeError, scope::Incoming};
use crate::path::{Path, PathLevel};
use core::ops::Deref;

/// The longest name below the root: four identifiers of five digits, each with its slash. Longer ones name nothing,
/// and are refused unread.
const MAX_NAME: usize = 24;

/// The path of a resolved name. A missing first slash is forgiven, and so is a missing root.
pub(super) fn parse_name(
    base_name: &str,
    name: &str,
    to: &Incoming<'_>,
) -> Result<Path, DecodeError> {
    let mut parser = NameParser::default();
    parser.begin(base_name.as_bytes(), to)?;
    parser.finish(name.as_bytes(), to)
}

/// Reads a name byte by byte, so that a base name is read once for all records that have it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct NameParser {
    /// The identifiers before the last one, 16 bits each, the first one below.
    done: u64,
    /// The last identifier, as far as it has been read.
    id: u16,
    /// How many identifiers have begun.
    len: usize,
    /// How many bytes have been read.
    read: usize,
    /// How many bytes of the root have been read, while nothing else has.
    root: usize,
    state: NameState,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum NameState {
    /// Within the root, or before anything.
    #[default]
    Root,
    /// After a slash: an identifier must follow, or after the first slash nothing.
    Slash,
    /// Within an identifier.
    Id,
}

impl NameParser {
    const FAULT: &'static str = "a name that is no path";

    /// Begins anew, with a base name.
    pub(super) fn begin(&mut self, base_name: &[u8], to: &Incoming<'_>) -> Result<(), DecodeError> {
        *self = NameParser::default().read(base_name, to)?;
        Ok(())
    }

    /// After the name that follows the base name.
    #[inline(always)] // so that the identifiers stay in registers, for each value of each payload
    pub(super) fn finish(&self, name: &[u8], to: &Incoming<'_>) -> Result<Path, DecodeError> {
        let parser = self.read(name, to)?;
        match parser.state {
            _ if parser.read == 0 => Err(to.malformed("a record without a name")),
            NameState::Id => parser.path(to),
            NameState::Slash if parser.len == 0 => Ok(Path::ROOT),
            // The root itself, or only its first slash, which is the root of the name that has none.
            NameState::Root if [1, to.root.len()].contains(&parser.root) => Ok(Path::ROOT),
            NameState::Root => parser.finish_without_root(to),
            NameState::Slash => Err(to.malformed(Self::FAULT)),
        }
    }

    /// A name that ended within the root: it has none.
    #[cold]
    fn finish_without_root(self, to: &Incoming<'_>) -> Result<Path, DecodeError> {
        match self.leave_root(to.root.as_bytes()) {
            Some(parser) if parser.state == NameState::Id => parser.path(to),
            _ => Err(to.malformed(Self::FAULT)),
        }
    }

    #[inline(always)] // as above
    fn path(self, to: &Incoming<'_>) -> Result<Path, DecodeError> {
        let last = u64::from(self.id) << (16 * (self.len - 1));
        to.path_of_lanes(self.done | last, self.len)
    }

    #[inline(always)] // as above
    fn read(mut self, text: &[u8], to: &Incoming<'_>) -> Result<Self, DecodeError> {
        self.read = self.read.saturating_add(text.len());
        if self.read > to.root.len() + MAX_NAME {
            return Err(to.malformed("a name longer than any path"));
        }
        let mut rest = text;
        if self.state == NameState::Root && !rest.is_empty() {
            match (to.root, rest) {
                // Nearly all clients have no root of their own.
                ("", [b'/', after @ ..]) => (self.state, rest) = (NameState::Slash, after),
                _ => match self.read_root(rest, to.root.as_bytes()) {
                    Some(after) => (self, rest) = after,
                    None => return Err(to.malformed(Self::FAULT)),
                },
            }
        }
        match self.read_ids(rest) {
            Some(()) => Ok(self),
            None => Err(to.malformed(Self::FAULT)),
        }
    }

    /// Reads what belongs to the root, and the slash before the first identifier. By value, so that elsewhere the
    /// identifiers need not lie in memory.
    #[inline(never)]
    fn read_root<'t>(mut self, text: &'t [u8], root: &[u8]) -> Option<(Self, &'t [u8])> {
        let mut rest = text;
        while let [byte, after @ ..] = rest {
            match root.get(self.root) {
                Some(expected) if *expected == *byte => self.root += 1,
                // After the root, or without one: a slash, or at the very beginning an identifier.
                _ if *byte == b'/' && (self.root == 0 || self.root == root.len()) => {
                    self.state = NameState::Slash;
                    return Some((self, after));
                }
                _ => return Some((self.leave_root(root)?, rest)),
            }
            rest = after;
        }
        Some((self, rest))
    }

    /// The name has no root: what it shares with the beginning of one, behind the slash, is of an identifier.
    #[cold]
    fn leave_root(mut self, root: &[u8]) -> Option<Self> {
        self.state = NameState::Slash;
        self.read_ids(root.get(1..self.root).unwrap_or_default())?;
        Some(self)
    }

    /// Reads identifiers and the slashes between them, behind the root.
    #[inline(always)] // as above
    fn read_ids(&mut self, mut rest: &[u8]) -> Option<()> {
        /// Above this, no digit may follow: a tenth of the highest identifier.
        const LAST: u32 = u16::MAX as u32 / 10;
        if rest.is_empty() {
            return Some(());
        }
        // In variables of their own, so that they stay in registers.
        let (mut done, mut id, mut len) = (self.done, u32::from(self.id), self.len);
        if self.state == NameState::Slash {
            (id, rest) = digit(rest)?;
            len += 1;
        }
        self.state = loop {
            while let Some((digit, after)) = digit(rest) {
                // No identifier but 0 begins with 0.
                if !(1..=LAST).contains(&id) {
                    return None;
                }
                id = id * 10 + digit;
                rest = after;
            }
            if len > 4 || id > u32::from(u16::MAX) {
                return None;
            }
            match rest {
                [] => break NameState::Id,
                [b'/', after @ ..] => rest = after,
                _ => return None,
            }
            done |= u64::from(id) << (16 * (len - 1));
            if rest.is_empty() {
                break NameState::Slash;
            }
            (id, rest) = digit(rest)?;
            len += 1;
        };
        (self.done, self.id, self.len) = (done, id as u16, len);
        Some(())
    }
}

/// The first byte, where it is a digit, and what follows it.
#[inline(always)] // as above
fn digit(text: &[u8]) -> Option<(u32, &[u8])> {
    let (first, rest) = text.split_first()?;
    let digit = u32::from(first.wrapping_sub(b'0'));
    (digit <= 9).then_some((digit, rest))
}

/// A name to write, by what it shows.
#[derive(Debug, Clone, Copy)]
pub(super) enum Name<'a> {
    /// A whole path, below the root.
    Path(&'a str, Path),
    /// A path as base name: with a slash after it.
    Base(&'a str, Path),
    /// What lies below the object instance.
    BelowInstance(Path),
}

impl<'a> Name<'a> {
    /// The root and what follows it.
    pub(super) fn parts(&self) -> (&'a str, ShortText) {
        let mut text = ShortText::default();
        let root = match self {
            Name::Path(root, path) => {
                text.push_path(path);
                *root
            }
            Name::Base(root, path) => {
                text.push_path(path);
                text.push(b'/');
                *root
            }
            Name::BelowInstance(path) => {
                text.push_ids(path.ids().get(2..).unwrap_or_default());
                ""
            }
        };
        (root, text)
    }
}

/// A name below the root, without an allocation.
#[derive(Default)]
pub(super) struct ShortText {
    bytes: [u8; MAX_NAME + 1],
    len: usize,
}

impl ShortText {
    fn push(&mut self, byte: u8) {
        // The longest path and a slash fit.
        if let Some(place) = self.bytes.get_mut(self.len) {
            *place = byte;
            self.len += 1;
        }
    }

    fn push_path(&mut self, path: &Path) {
        self.push(b'/');
        self.push_ids(path.ids());
    }

    /// Identifiers with slashes between.
    fn push_ids(&mut self, ids: &[u16]) {
        for (index, id) in ids.iter().enumerate() {
            if index > 0 {
                self.push(b'/');
            }
            let mut unit = 10_000;
            while unit > 1 && *id < unit {
                unit /= 10;
            }
            while unit > 0 {
                self.push(b'0' + (id / unit % 10) as u8);
                unit /= 10;
            }
        }
    }
}

impl Deref for ShortText {
    type Target = str;

    fn deref(&self) -> &str {
        // Only ASCII is pushed.
        core::str::from_utf8(&self.bytes[..self.len]).unwrap_or_default()
    }
}

/// Names a row of places: the object instance as base name where it changes, and the rest as name. A row about one
/// place only has it as base name, and no names.
pub(super) struct Namer<'a> {
    root: &'a str,
    only: Option<Path>,
    base: Option<Path>,
}

impl<'a> Namer<'a> {
    pub(super) fn new(root: &'a str, mut paths: impl Iterator<Item = Path>) -> Self {
        let first = paths.next();
        Namer {
            root,
            only: first.filter(|first| paths.all(|path| path == *first)),
            base: None,
        }
    }

    /// Base name and name of the next place, a resource or a resource instance.
    pub(super) fn name(&mut self, path: Path) -> (Option<Name<'a>>, Option<Name<'a>>) {
        if self.only == Some(path) {
            let is_first = self.base.replace(path).is_none();
            return (is_first.then_some(Name::Path(self.root, path)), None);
        }
        let instance = path.truncated(PathLevel::ObjectInstance);
        let changes = self.base.replace(instance) != Some(instance);
        (
            changes.then_some(Name::Base(self.root, instance)),
            Some(Name::BelowInstance(path)),
        )
    }
}
