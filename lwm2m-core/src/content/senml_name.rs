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
    NameParser::new(base_name, to)?.finish(name, to)
}

/// Reads a name byte by byte, so that a base name is read once for all records that have it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct NameParser {
    ids: [u16; 4],
    /// How many of `ids` have begun.
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

    /// After a base name.
    pub(super) fn new(base_name: &str, to: &Incoming<'_>) -> Result<Self, DecodeError> {
        let mut parser = NameParser::default();
        parser.read(base_name, to)?;
        Ok(parser)
    }

    /// After the name that follows the base name.
    pub(super) fn finish(mut self, name: &str, to: &Incoming<'_>) -> Result<Path, DecodeError> {
        self.read(name, to)?;
        match self.state {
            _ if self.read == 0 => Err(to.malformed("a record without a name")),
            NameState::Id => to.path(&self.ids[..self.len]),
            NameState::Slash if self.len == 0 => Ok(Path::ROOT),
            // The root itself, or only its first slash, which is the root of the name that has none.
            NameState::Root if [1, to.root.len()].contains(&self.root) => Ok(Path::ROOT),
            NameState::Root | NameState::Slash => Err(to.malformed(Self::FAULT)),
        }
    }

    fn read(&mut self, text: &str, to: &Incoming<'_>) -> Result<(), DecodeError> {
        self.read = self.read.saturating_add(text.len());
        if self.read > to.root.len() + MAX_NAME {
            return Err(to.malformed("a name longer than any path"));
        }
        for byte in text.bytes() {
            self.step(byte, to.root.as_bytes())
                .ok_or_else(|| to.malformed(Self::FAULT))?;
        }
        Ok(())
    }

    fn step(&mut self, byte: u8, root: &[u8]) -> Option<()> {
        if self.state == NameState::Root {
            match root.get(self.root) {
                Some(expected) if *expected == byte => {
                    self.root += 1;
                    return Some(());
                }
                // No more than its first slash was there: the name has no root.
                Some(_) if self.root == 1 => self.state = NameState::Slash,
                // After the root, or without one: a slash, or at the very beginning an identifier.
                _ if byte == b'/' && (self.root == 0 || self.root == root.len()) => {
                    self.state = NameState::Slash;
                    return Some(());
                }
                _ if self.root == 0 => self.state = NameState::Slash,
                _ => return None,
            }
        }
        match (byte, self.state) {
            (b'0'..=b'9', NameState::Id) => {
                let id = self.ids.get_mut(self.len - 1)?;
                // No identifier but 0 begins with 0.
                *id = match *id {
                    0 => return None,
                    id => id.checked_mul(10)?.checked_add((byte - b'0').into())?,
                };
            }
            (b'0'..=b'9', _) => {
                *self.ids.get_mut(self.len)? = (byte - b'0').into();
                self.len += 1;
                self.state = NameState::Id;
            }
            (b'/', NameState::Id) => self.state = NameState::Slash,
            _ => return None,
        }
        Some(())
    }
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
