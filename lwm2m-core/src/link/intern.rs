use super::{Link, SupportedObjects};
use alloc::{sync::Arc, vec::Vec};
use core::{
    borrow::Borrow,
    fmt,
    hash::{Hash, Hasher},
    ops::Deref,
};
use hashbrown::HashSet;

/// The links of a registration with what they say, shared by all registrations that are equal: eight bytes a
/// registration.
#[derive(Clone)]
pub struct LinkSet(Arc<Shared>);

struct Shared {
    links: Vec<Link>,
    supported: SupportedObjects,
}

impl LinkSet {
    /// A set of its own, shared only by its clones.
    pub fn new(mut links: Vec<Link>) -> Self {
        links.shrink_to_fit();
        let supported = SupportedObjects::from_links(&links);
        LinkSet(Arc::new(Shared { links, supported }))
    }

    /// The links as they were sent.
    pub fn links(&self) -> &[Link] {
        &self.0.links
    }

    /// What they say.
    pub fn supported(&self) -> &SupportedObjects {
        &self.0.supported
    }

    /// Whether both are the same memory.
    pub fn is_shared_with(&self, other: &LinkSet) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Deref for LinkSet {
    type Target = [Link];

    fn deref(&self) -> &[Link] {
        self.links()
    }
}

impl fmt::Debug for LinkSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.links().fmt(f)
    }
}

impl PartialEq for LinkSet {
    fn eq(&self, other: &Self) -> bool {
        self.is_shared_with(other) || self.links() == other.links()
    }
}

impl Eq for LinkSet {}

// As `[Link]` hashes, so that a set is found by its links.
impl Hash for LinkSet {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.links().hash(state);
    }
}

impl Borrow<[Link]> for LinkSet {
    fn borrow(&self) -> &[Link] {
        self.links()
    }
}

/// Gives equal lists of links one [`LinkSet`].
///
/// Sets that nobody holds any more are dropped when the table has doubled since the last time: the table never
/// holds more than twice the sets in use (or [`LinkInterner::SMALL`]), and interning stays O(1) on average.
#[derive(Debug, Default)]
pub struct LinkInterner {
    sets: HashSet<LinkSet>,
    purge_at: usize,
}

impl LinkInterner {
    /// Below this many sets the table is not searched for unused ones.
    pub const SMALL: usize = 64;

    /// An empty table.
    pub fn new() -> Self {
        Self::default()
    }

    /// The one set with these links.
    pub fn intern(&mut self, links: Vec<Link>) -> LinkSet {
        if let Some(set) = self.sets.get(links.as_slice()) {
            return set.clone();
        }
        if self.sets.len() >= self.purge_at.max(Self::SMALL) {
            self.sets.retain(|set| Arc::strong_count(&set.0) > 1);
            self.purge_at = self.sets.len() * 2;
        }
        let set = LinkSet::new(links);
        self.sets.insert(set.clone());
        set
    }

    /// How many different sets the table holds.
    pub fn len(&self) -> usize {
        self.sets.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.sets.is_empty()
    }
}
