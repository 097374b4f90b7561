use super::{AttributeChange, AttributeError, Attributes};
use crate::path::Path;
use alloc::collections::BTreeMap;

/// What servers have attached to the tree of a client: each has attributes of its own (Core 1.2.2, section 7.3).
///
/// Look-ups cost a search in a balanced tree for each of the five levels, whatever the number of servers and places.
#[derive(Debug, Clone)]
pub struct AttributeStore {
    /// By short server id and place.
    attached: BTreeMap<(u16, Path), Attributes>,
    limit: usize,
}

/// Why attributes cannot be attached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AttachError {
    /// They contradict each other, or those that are attached at the place already: 4.00.
    #[error(transparent)]
    Attributes(#[from] AttributeError),
    /// As many places have attributes as may: 4.13.
    #[error("attributes are attached to as many places as may be")]
    Full,
}

impl AttributeStore {
    /// A store for at most this many places with attributes, of all servers together: about 150 bytes each.
    pub fn new(limit: usize) -> Self {
        AttributeStore {
            attached: BTreeMap::new(),
            limit,
        }
    }

    /// What a server has attached to this very place.
    pub fn attached(&self, server: u16, path: &Path) -> Attributes {
        let attached = self.attached.get(&(server, *path));
        attached.copied().unwrap_or_default()
    }

    /// What holds at a place: what is attached there, else on the levels above; never what is attached below.
    pub fn effective(&self, server: u16, path: &Path) -> Attributes {
        let levels = core::iter::successors(Some(*path), Path::parent);
        levels.fold(Attributes::default(), |effective, level| {
            effective.or(&self.attached(server, &level))
        })
    }

    /// Applies a change of a server at a place; nothing changes where it fails.
    ///
    /// # Errors
    /// [`AttachError`]
    pub fn change(
        &mut self,
        server: u16,
        path: &Path,
        change: &AttributeChange,
    ) -> Result<(), AttachError> {
        let key = (server, *path);
        let attributes = self.attached(server, path).changed(change);
        attributes.validate()?;
        if attributes.is_empty() {
            self.attached.remove(&key);
            return Ok(());
        }
        if !self.attached.contains_key(&key) && self.attached.len() >= self.limit {
            return Err(AttachError::Full);
        }
        self.attached.insert(key, attributes);
        Ok(())
    }

    /// Everything that is attached: server, place, attributes; what a client keeps over a restart.
    pub fn iter(&self) -> impl Iterator<Item = (u16, Path, &Attributes)> {
        let attached = self.attached.iter();
        attached.map(|((server, path), attributes)| (*server, *path, attributes))
    }

    /// Forgets the attributes of servers that are gone.
    pub fn retain_servers(&mut self, is_known: impl Fn(u16) -> bool) {
        self.attached.retain(|(server, _), _| is_known(*server));
    }

    /// Forgets what is attached at a place and below it, of all servers: it has been deleted.
    pub fn remove(&mut self, path: &Path) {
        self.attached.retain(|(_, place), _| !path.contains(place));
    }
}
