//! Profile ids: names that stand for the objects of a registration (Core 1.2.2, section 6.2.1).

use lwm2m_core::{
    link::{Link, LinkTarget},
    operation::parse_profiles,
};
use std::{collections::BTreeMap, sync::Arc};

/// Objects that no registration lists: their instances hold keys.
const SECURITY: [u16; 3] = [0, 21, 23];

/// What the profile ids of devices stand for. Clones share it.
///
/// A device may say such a name in place of the objects that it has in common with its fleet; what it lists beside it comes
/// on top.
///
/// ```
/// use lwm2m_core::link;
/// use lwm2m_server::Profiles;
///
/// let objects = link::parse(b"</1/0>,</3/0>,</3303/0>")?;
/// let profiles = Profiles::new().with("v:acme-sensor", objects)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Profiles {
    known: Arc<BTreeMap<String, Vec<Link>>>,
}

/// Why a profile was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// It is no profile id by the grammar, or several.
    #[error("{0:?} is no profile id")]
    Id(String),
    /// The objects of security are never registered.
    #[error("object {0} is never registered")]
    Security(u16),
}

impl Profiles {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// With another one: its name (`oma:..`, `v:..`, or a suite of RFC 6920 and a hash) and the links that stand in the
    /// registration of a device with its objects, where it lists them.
    ///
    /// # Errors
    /// A name that is none, or links to objects of security.
    pub fn with(mut self, id: &str, links: Vec<Link>) -> Result<Self, ProfileError> {
        match parse_profiles(id) {
            Ok(ids) if ids.len() == 1 && !id.starts_with('"') => {}
            _ => return Err(ProfileError::Id(id.to_owned())),
        }
        let objects = links.iter().filter_map(|link| match &link.target {
            LinkTarget::Path(path) => path.object_id(),
            _ => None,
        });
        for object in objects {
            if SECURITY.contains(&object) {
                return Err(ProfileError::Security(object));
            }
        }
        Arc::make_mut(&mut self.known).insert(id.to_owned(), links);
        Ok(self)
    }

    /// The links that the value of `pid` stands for, with those that are listed beside it: of two with the same target the
    /// listed one counts. `None` where one of the names is not known.
    pub(crate) fn resolve(&self, pid: &str, listed: &[Link]) -> Option<Vec<Link>> {
        parse_profiles(pid).ok()?;
        let mut links = listed.to_vec();
        for id in pid.trim_matches('"').split(',') {
            for link in self.known.get(id)? {
                if links.iter().all(|other| other.target != link.target) {
                    links.push(link.clone());
                }
            }
        }
        Some(links)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lwm2m_core::link;

    fn links(text: &str) -> Vec<Link> {
        link::parse(text.as_bytes()).unwrap()
    }

    // proves: REG-70
    #[test]
    fn several_profiles_and_a_list_are_taken_together() {
        let profiles = Profiles::new()
            .with("oma:base", links("</1/0>,</3/0>"))
            .and_then(|profiles| profiles.with("6:1234abcd", links("</3/0>,</3303>;ver=1.0")))
            .unwrap();
        let resolve = |pid: &str, listed: &str| profiles.resolve(pid, &links(listed));
        assert_eq!(resolve("oma:base", ""), Some(links("</1/0>,</3/0>")));
        assert_eq!(
            resolve("\"oma:base,6:1234abcd\"", "</3303>;ver=1.1,</5/0>"),
            Some(links("</3303>;ver=1.1,</5/0>,</1/0>,</3/0>"))
        );
        assert_eq!(resolve("\"oma:base,v:other\"", "</5/0>"), None);
        assert_eq!(resolve("base", ""), None);
    }

    // proves: REG-69
    #[test]
    fn a_profile_has_a_name_and_no_object_of_security() {
        for id in ["", "base", "oma:a,oma:b", "\"oma:a\"", "\"oma:a,oma:b\""] {
            let refused = Profiles::new().with(id, links("</3/0>"));
            assert_eq!(refused, Err(ProfileError::Id(id.to_owned())), "{id}");
        }
        for object in SECURITY {
            let refused = Profiles::new().with("v:a", links(&format!("</3/0>,</{object}/1>")));
            assert_eq!(refused, Err(ProfileError::Security(object)));
        }
    }
}
