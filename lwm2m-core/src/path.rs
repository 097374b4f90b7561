//! Paths of the LwM2M object tree, made of its identifiers (Core 1.2.2, table 7.4-1): `/`, `/3`, `/3/0`, `/3/0/9`,
//! `/3/0/6/1`.

use alloc::vec::Vec;
use core::{cmp::Ordering, fmt, str::FromStr};

/// The identifier that LwM2M reserves (Core 1.2.2, table 7.4-1): no object, instance or resource carries it.
pub const RESERVED_ID: u16 = 65535;

/// The objects of security, whose values are keys: Security, OSCORE and COSE (Core 1.2.2, section 6.3).
pub const SECURITY_OBJECTS: [u16; 3] = [0, 21, 23];

/// Whether an object is one of [`SECURITY_OBJECTS`]: only a bootstrap server reaches it. Servers are answered 4.01 (Core
/// 1.2.2, section 6.3), and no registration and no profile lists it (section 6.2.1).
pub fn is_security_object(object: u16) -> bool {
    SECURITY_OBJECTS.contains(&object)
}

/// How deep a [`Path`] points (Core 1.2.2, table 7.4-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PathLevel {
    /// `/`, the whole tree.
    Root,
    /// `/3`
    Object,
    /// `/3/0`
    ObjectInstance,
    /// `/3/0/6`
    Resource,
    /// `/3/0/6/1`
    ResourceInstance,
}

/// A place in the object tree, at any of the five levels (Core 1.2.2, table 7.4-1).
///
/// Copyable, ten bytes, ordered as the tree is walked (a parent before its children).
///
/// ```
/// use lwm2m_core::path::{Path, PathLevel};
///
/// let path: Path = "/3303/0/5700".parse()?;
/// assert_eq!(path.level(), PathLevel::Resource);
/// assert_eq!(path.parent(), Some(Path::object_instance(3303, 0)));
/// assert!(Path::object(3303).contains(&path));
/// assert!("/3/65535".parse::<Path>().is_err());
/// # Ok::<(), lwm2m_core::path::PathError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Path {
    // Unused places hold 0 so that equality and order are right together with `len`.
    ids: [u16; 4],
    len: u8,
}

/// Why a text is not a [`Path`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    /// More than four identifiers.
    #[error("a path has at most four identifiers")]
    TooDeep,
    /// An identifier that is no decimal number from 0 to 65534, or has a leading zero or sign.
    #[error("an identifier is a decimal number from 0 to 65534 without leading zeros")]
    NotAnIdentifier,
    /// 65535, reserved by LwM2M.
    #[error("the identifier 65535 is reserved")]
    Reserved,
    /// An empty text or one without the leading slash.
    #[error("a path starts with a slash")]
    NoLeadingSlash,
}

impl Path {
    /// `/`, the whole tree.
    pub const ROOT: Path = Path {
        ids: [0; 4],
        len: 0,
    };

    /// The place of an object, `/object`.
    ///
    /// # Panics
    /// Like all constructors of this type: where an identifier is 65535. Bytes from outside go through
    /// [`Path::try_from_ids`] or [`str::parse`], which do not panic.
    pub const fn object(object: u16) -> Self {
        Self::checked([object, 0, 0, 0], 1)
    }

    /// The place of an object instance, `/object/instance`.
    pub const fn object_instance(object: u16, instance: u16) -> Self {
        Self::checked([object, instance, 0, 0], 2)
    }

    /// The place of a resource, `/object/instance/resource`.
    pub const fn resource(object: u16, instance: u16, resource: u16) -> Self {
        Self::checked([object, instance, resource, 0], 3)
    }

    /// The place of a resource instance, `/object/instance/resource/resource instance`.
    pub const fn resource_instance(
        object: u16,
        instance: u16,
        resource: u16,
        resource_instance: u16,
    ) -> Self {
        Self::checked([object, instance, resource, resource_instance], 4)
    }

    const fn checked(ids: [u16; 4], len: u8) -> Self {
        assert!(
            ids[0] != RESERVED_ID
                && ids[1] != RESERVED_ID
                && ids[2] != RESERVED_ID
                && ids[3] != RESERVED_ID,
            "identifier 65535 is reserved"
        );
        Path { ids, len }
    }

    /// The path with these identifiers, outermost first.
    ///
    /// # Errors
    /// [`PathError::TooDeep`] above four, [`PathError::Reserved`] where one is 65535.
    #[inline]
    pub fn try_from_ids(ids: &[u16]) -> Result<Self, PathError> {
        if ids.contains(&RESERVED_ID) {
            return Err(PathError::Reserved);
        }
        let (ids, len) = match *ids {
            [] => ([0; 4], 0),
            [a] => ([a, 0, 0, 0], 1),
            [a, b] => ([a, b, 0, 0], 2),
            [a, b, c] => ([a, b, c, 0], 3),
            [a, b, c, d] => ([a, b, c, d], 4),
            _ => return Err(PathError::TooDeep),
        };
        Ok(Path { ids, len })
    }

    /// The path with the first `len` of the identifiers in this number, the outermost below, as [`Path::lanes`] gives
    /// them; 0 stands in the unused places. `None` where one is 65535, or `len` above four.
    #[inline]
    pub(crate) const fn try_from_lanes(lanes: u64, len: usize) -> Option<Self> {
        // Whether a lane of 16 bits is full: taking one from each borrows through the empty ones of the complement.
        const ONES: u64 = 0x0001_0001_0001_0001;
        let missing = !lanes;
        let reserved = missing.wrapping_sub(ONES) & lanes & (ONES << 15) != 0;
        if reserved || len > 4 {
            return None;
        }
        Some(Path {
            ids: [
                lanes as u16,
                (lanes >> 16) as u16,
                (lanes >> 32) as u16,
                (lanes >> 48) as u16,
            ],
            len: len as u8,
        })
    }

    /// The path whose segments are these texts, as Uri-Path options carry them.
    ///
    /// # Errors
    /// As [`str::parse`].
    pub fn from_segments<'a>(
        segments: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, PathError> {
        let mut path = Path::ROOT;
        for segment in segments {
            path = path.child(parse_id(segment)?)?;
        }
        Ok(path)
    }

    /// The identifiers, outermost first.
    pub fn ids(&self) -> &[u16] {
        &self.ids[..usize::from(self.len)]
    }

    /// How deep this path points.
    pub fn level(&self) -> PathLevel {
        match self.len {
            0 => PathLevel::Root,
            1 => PathLevel::Object,
            2 => PathLevel::ObjectInstance,
            3 => PathLevel::Resource,
            _ => PathLevel::ResourceInstance,
        }
    }

    /// The object identifier, if the path reaches that far.
    pub fn object_id(&self) -> Option<u16> {
        self.ids().first().copied()
    }

    /// The object instance identifier, if the path reaches that far.
    pub fn object_instance_id(&self) -> Option<u16> {
        self.ids().get(1).copied()
    }

    /// The resource identifier, if the path reaches that far.
    pub fn resource_id(&self) -> Option<u16> {
        self.ids().get(2).copied()
    }

    /// The resource instance identifier, if the path reaches that far.
    pub fn resource_instance_id(&self) -> Option<u16> {
        self.ids().get(3).copied()
    }

    /// The path one level up; `None` for the root.
    pub fn parent(&self) -> Option<Self> {
        let len = self.len.checked_sub(1)?;
        let mut parent = *self;
        parent.ids[usize::from(len)] = 0;
        parent.len = len;
        Some(parent)
    }

    /// The path one level down.
    ///
    /// # Errors
    /// [`PathError::TooDeep`] below a resource instance, [`PathError::Reserved`] for 65535.
    pub fn child(&self, id: u16) -> Result<Self, PathError> {
        if self.len == 4 {
            return Err(PathError::TooDeep);
        }
        if id == RESERVED_ID {
            return Err(PathError::Reserved);
        }
        let mut child = *self;
        child.ids[usize::from(self.len)] = id;
        child.len += 1;
        Ok(child)
    }

    /// This path cut to `level`; itself where it is no deeper.
    pub fn truncated(&self, level: PathLevel) -> Self {
        let mut path = *self;
        while path.level() > level {
            match path.parent() {
                Some(parent) => path = parent,
                None => break,
            }
        }
        path
    }

    /// Whether `other` is this place or lies below it.
    #[inline]
    pub fn contains(&self, other: &Path) -> bool {
        // In one comparison: it is made for each value of each payload.
        let unused = u64::BITS - 16 * u32::from(self.len);
        let differ = (self.lanes() ^ other.lanes()).checked_shl(unused);
        self.len <= other.len && differ.is_none_or(|shared| shared == 0)
    }

    /// The identifiers in one number, the outermost below: as they lie in memory on most machines, so that this is no
    /// more than a load.
    #[inline]
    const fn lanes(&self) -> u64 {
        let [a, b, c, d] = self.ids;
        a as u64 | (b as u64) << 16 | (c as u64) << 32 | (d as u64) << 48
    }

    /// The identifiers of object and resource, if the path reaches that far.
    #[inline]
    pub(crate) fn object_and_resource(&self) -> Option<(u16, u16)> {
        let [object, _, resource, _] = self.ids;
        (self.len > 2).then_some((object, resource))
    }

    /// Whether `other` comes behind this place and behind all that lies in it, in the order of paths.
    #[inline]
    pub(crate) fn ends_before(&self, other: &Path) -> bool {
        // The identifiers of the last place within: no identifier has all bits set.
        let rest = u64::MAX.checked_shr(16 * u32::from(self.len));
        self.packed() | rest.unwrap_or(0) < other.packed()
    }

    /// The identifiers in one number, the outermost on top.
    #[inline]
    const fn packed(&self) -> u64 {
        const EVEN: u64 = 0x0000_ffff_0000_ffff;
        let swapped = self.lanes().rotate_left(32);
        (swapped & EVEN) << 16 | swapped >> 16 & EVEN
    }

    /// The identifiers as decimal texts, as Uri-Path options carry them.
    pub fn segments(&self) -> Vec<alloc::string::String> {
        self.ids()
            .iter()
            .map(alloc::string::ToString::to_string)
            .collect()
    }
}

impl Ord for Path {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.packed(), self.len).cmp(&(other.packed(), other.len))
    }
}

impl PartialOrd for Path {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn parse_id(text: &str) -> Result<u16, PathError> {
    let canonical = !text.is_empty()
        && text.len() <= 5
        && text.bytes().all(|b| b.is_ascii_digit())
        && (text.len() == 1 || !text.starts_with('0'));
    if !canonical {
        return Err(PathError::NotAnIdentifier);
    }
    match text.parse::<u16>() {
        Ok(RESERVED_ID) => Err(PathError::Reserved),
        Ok(id) => Ok(id),
        Err(_) => Err(PathError::NotAnIdentifier),
    }
}

impl FromStr for Path {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        let rest = text.strip_prefix('/').ok_or(PathError::NoLeadingSlash)?;
        if rest.is_empty() {
            return Ok(Path::ROOT);
        }
        Path::from_segments(rest.split('/'))
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.len == 0 {
            return f.write_str("/");
        }
        for id in self.ids() {
            write!(f, "/{id}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl serde::Serialize for Path {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Path {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = alloc::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    // proves: GEN-30
    #[test]
    fn text_round_trips_at_every_level() {
        for text in ["/", "/3", "/3/0", "/3/0/6", "/3/0/6/65534"] {
            assert_eq!(text.parse::<Path>().unwrap().to_string(), text);
        }
    }

    // proves: GEN-30
    #[test]
    fn rejects_what_is_no_path() {
        for (text, error) in [
            ("", PathError::NoLeadingSlash),
            ("3/0", PathError::NoLeadingSlash),
            ("//", PathError::NotAnIdentifier),
            ("/3/", PathError::NotAnIdentifier),
            ("/03", PathError::NotAnIdentifier),
            ("/+3", PathError::NotAnIdentifier),
            ("/-1", PathError::NotAnIdentifier),
            ("/65536", PathError::NotAnIdentifier),
            ("/65535", PathError::Reserved),
            ("/1/2/3/4/5", PathError::TooDeep),
        ] {
            assert_eq!(text.parse::<Path>(), Err(error), "{text}");
        }
    }

    #[test]
    fn order_walks_the_tree() {
        let mut paths: Vec<Path> = ["/3/0/1", "/3", "/10", "/3/0", "/"]
            .iter()
            .map(|p| p.parse().unwrap())
            .collect();
        paths.sort();
        let texts: Vec<_> = paths.iter().map(Path::to_string).collect();
        // Identifiers compare first and unused places are 0, so a parent comes before its children.
        assert_eq!(texts, ["/", "/3", "/3/0", "/3/0/1", "/10"]);
    }

    #[test]
    fn a_place_ends_before_what_comes_behind_it() {
        let mut paths: Vec<Path> = [
            "/",
            "/3",
            "/3/0",
            "/3/0/6",
            "/3/0/6/0",
            "/3/0/6/65534",
            "/3/0/7",
            "/3/1/6",
            "/4",
        ]
        .iter()
        .map(|p| p.parse().unwrap())
        .collect();
        assert!(paths.is_sorted());
        paths.push(Path::resource_instance(65534, 65534, 65534, 65534));
        for (index, path) in paths.iter().enumerate() {
            for (other_index, other) in paths.iter().enumerate() {
                let expected = index < other_index && !path.contains(other);
                assert_eq!(path.ends_before(other), expected, "{path} {other}");
            }
        }
    }

    #[test]
    fn containment_follows_identifiers_not_text() {
        assert!(Path::object(3).contains(&Path::resource(3, 0, 1)));
        assert!(!Path::object(3).contains(&Path::object(33)));
        assert!(Path::ROOT.contains(&Path::object(33)));
        assert!(Path::ROOT.contains(&Path::ROOT));
        assert!(!Path::object(0).contains(&Path::ROOT));
        assert!(!Path::resource_instance(3, 0, 6, 0).contains(&Path::resource(3, 0, 6)));
        let deepest = Path::resource_instance(3, 0, 6, 1);
        assert!(deepest.contains(&deepest));
    }
}
