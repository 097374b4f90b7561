//! Profile ids: names that stand for the objects of a registration (Core 1.2.2, section 6.2.1).

use lwm2m_core::{
    link::{Link, LinkTarget, SupportedObjects},
    operation::parse_profiles,
    path::is_security_object,
};
use std::{collections::BTreeMap, sync::Arc};

/// What the profile ids of devices stand for. Clones share it.
///
/// A device may say such a name in place of the objects that it has in common with its fleet; what it lists beside it comes
/// on top. Where it lists another root of its tree (Transport 1.2.2, section 6.4.1), the objects of the profile are below
/// that one.
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
        let root = root(&links);
        let paths = (links.iter()).filter_map(|link| link.target.path_below(&root));
        for object in paths.filter_map(|path| path.object_id()) {
            if is_security_object(object) {
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
        let root = root(listed);
        let mut links = listed.to_vec();
        for id in pid.trim_matches('"').split(',') {
            let known = self.known.get(id)?;
            let own_root = self::root(known);
            for link in known {
                let target = match link.target.path_below(&own_root) {
                    Some(path) if !root.is_empty() => LinkTarget::below(&root, path),
                    _ => link.target.clone(),
                };
                if !links.iter().any(|other| is_same(&other.target, &target)) {
                    let parameters = link.parameters.clone();
                    links.push(Link { target, parameters });
                }
            }
        }
        Some(links)
    }
}

/// Where the tree begins by these links, without trailing slash: empty for the usual root.
fn root(links: &[Link]) -> String {
    SupportedObjects::from_links(links).root().to_owned()
}

/// Whether two targets are one, with or without a slash at their end.
fn is_same(one: &LinkTarget, other: &LinkTarget) -> bool {
    match (one, other) {
        (LinkTarget::Other(one), LinkTarget::Other(other)) => {
            one.trim_end_matches('/') == other.trim_end_matches('/')
        }
        _ => one == other,
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

    #[test]
    fn a_profile_lies_below_the_root_that_is_listed() {
        let profiles = Profiles::new()
            .with(
                "oma:base",
                links("</>;rt=\"oma.lwm2m\";ct=112,</1/0>,</3/0>"),
            )
            .and_then(|profiles| {
                let own = "</a>;rt=\"oma.lwm2m\",</a/3303>;ver=1.1,</a/3303/0>";
                profiles.with("v:below", links(own))
            })
            .unwrap();
        let resolve = |pid: &str, listed: &str| profiles.resolve(pid, &links(listed)).unwrap();
        let listed = "</lwm2m/>;rt=\"oma.lwm2m\";ct=110,</lwm2m/3/0>;x=1,</5/0>";
        assert_eq!(
            resolve("\"oma:base,v:below\"", listed),
            links(&format!(
                "{listed},</lwm2m/1/0>,</lwm2m/3303>;ver=1.1,</lwm2m/3303/0>"
            ))
        );
        let all = SupportedObjects::from_links(&resolve("oma:base", listed));
        assert_eq!(all.root(), "/lwm2m");
        assert!(all.object(1).is_some() && all.object(3).is_some());
        // Without a list the root of the profile counts.
        let all = SupportedObjects::from_links(&resolve("v:below", ""));
        assert_eq!(all.root(), "/a");
        assert!(all.object(3303).is_some());
    }

    // proves: REG-69
    #[test]
    fn a_profile_has_a_name_and_no_object_of_security() {
        for id in ["", "base", "oma:a,oma:b", "\"oma:a\"", "\"oma:a,oma:b\""] {
            let refused = Profiles::new().with(id, links("</3/0>"));
            assert_eq!(refused, Err(ProfileError::Id(id.to_owned())), "{id}");
        }
        for object in [0, 21, 23] {
            let refused = Profiles::new().with("v:a", links(&format!("</3/0>,</{object}/1>")));
            assert_eq!(refused, Err(ProfileError::Security(object)));
            let below = format!("</a>;rt=\"oma.lwm2m\",</a/{object}>");
            let refused = Profiles::new().with("v:a", links(&below));
            assert_eq!(refused, Err(ProfileError::Security(object)));
        }
    }
}
