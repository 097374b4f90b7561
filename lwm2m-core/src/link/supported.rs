use super::{Link, ROOT_RESOURCE_TYPE, root_segments};
use crate::{
    path::{Path, PathLevel},
    version::{LwM2mVersion, ObjectVersion},
};
use alloc::{collections::BTreeMap, string::String, vec::Vec};

/// Objects that no server other than a bootstrap server may see (Core 1.2.2, section 6.2.1): security, OSCORE,
/// COSE. A client that lists them all the same is not believed.
const HIDDEN_OBJECTS: [u16; 3] = [0, 21, 23];

/// What the links of a registration say: the root of the tree, the content formats the client offers, and its
/// objects with their versions and instances (Core 1.2.2, section 6.2.1).
///
/// Links that say none of that (a gateway's prefixed paths, parameters that LwM2M does not define) are
/// overlooked, as the specification asks; they stay in the list of links itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SupportedObjects {
    /// Without trailing slash: empty for the usual root `/`.
    root: String,
    content_formats: Vec<u16>,
    objects: BTreeMap<u16, SupportedObject>,
}

/// One object of a registration (Core 1.2.2, section 6.2.1).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct SupportedObject {
    /// The version, where the client says one; else see [`implied_version`].
    pub version: Option<ObjectVersion>,
    /// The identifiers of its instances, ascending.
    pub instances: Vec<u16>,
}

impl SupportedObjects {
    /// Reads the links of a registration.
    pub fn from_links(links: &[Link]) -> Self {
        let mut supported = SupportedObjects::default();
        let root = links
            .iter()
            .find(|link| link.has_resource_type(ROOT_RESOURCE_TYPE))
            .or_else(|| {
                links
                    .iter()
                    .find(|link| link.target.path_below("/") == Some(Path::ROOT))
            });
        if let Some(link) = root {
            supported.read_root(link);
        }
        for link in links {
            if let Some(path) = link.target.path_below(&supported.root) {
                supported.read_object(&path, link.object_version());
            }
        }
        for object in supported.objects.values_mut() {
            object.instances.sort_unstable();
            object.instances.dedup();
        }
        supported
    }

    fn read_root(&mut self, link: &Link) {
        let target = alloc::string::ToString::to_string(&link.target);
        let target = target.trim_end_matches('/');
        let numeric = |segment: &str| segment.bytes().all(|b| b.is_ascii_digit());
        if target.starts_with('/') && !target.split('/').skip(1).any(numeric) {
            self.root = target.into();
        }
        let numbers = link.parameter("ct").unwrap_or_default();
        self.content_formats = numbers
            .split_ascii_whitespace()
            .filter(|number| numeric(number))
            .filter_map(|number| number.parse().ok())
            .collect();
    }

    fn read_object(&mut self, path: &Path, version: Option<ObjectVersion>) {
        let Some(id) = path.object_id() else { return };
        if HIDDEN_OBJECTS.contains(&id) || path.level() > PathLevel::ObjectInstance {
            return;
        }
        let object = self.objects.entry(id).or_default();
        match path.object_instance_id() {
            None => object.version = version.or(object.version),
            // With exactly one instance the version may stand at its link (section 7.2.3).
            Some(instance) => {
                object.instances.push(instance);
                object.version = object.version.or(version);
            }
        }
    }

    /// Where the object tree begins, without trailing slash: empty, or an alternate path like `/lwm2m`.
    pub fn root(&self) -> &str {
        &self.root
    }

    /// The root as Uri-Path segments, which a server puts before every path of this client (Transport 1.2.2,
    /// section 6.4.1); none for the usual root. A bootstrap server never does.
    pub fn root_segments(&self) -> Vec<String> {
        root_segments(&self.root)
    }

    /// The numbers of the content formats that the client offers, as it orders them; empty where it says none.
    pub fn content_formats(&self) -> &[u16] {
        &self.content_formats
    }

    /// The objects by identifier, ascending.
    pub fn objects(&self) -> impl Iterator<Item = (u16, &SupportedObject)> {
        self.objects.iter().map(|(id, object)| (*id, object))
    }

    /// One object; `None` where the client does not have it.
    pub fn object(&self, id: u16) -> Option<&SupportedObject> {
        self.objects.get(&id)
    }

    /// The version of an object of a client that registered with `version`: as it says, or as its protocol
    /// version implies. `None` where the client does not have the object.
    pub fn object_version(&self, id: u16, version: LwM2mVersion) -> Option<ObjectVersion> {
        let object = self.object(id)?;
        Some(
            object
                .version
                .unwrap_or_else(|| implied_version(id, version)),
        )
    }

    /// Whether this object, or this object instance and with it all below, was registered.
    pub fn contains(&self, path: &Path) -> bool {
        let Some(object) = path.object_id().and_then(|id| self.object(id)) else {
            return false;
        };
        path.object_instance_id()
            .is_none_or(|instance| object.instances.binary_search(&instance).is_ok())
    }
}

/// The version of an object whose client says none (Core 1.2.2, section 7.2.3 and table E-1): that of the
/// protocol version for the objects of the core specification, else 1.0.
pub const fn implied_version(object: u16, version: LwM2mVersion) -> ObjectVersion {
    let (major, minor) = match (version, object) {
        (LwM2mVersion::V1_1, 0 | 1 | 3) => (1, 1),
        (LwM2mVersion::V1_1, 4) => (1, 2),
        (LwM2mVersion::V1_2, 0 | 1 | 3) => (1, 2),
        (LwM2mVersion::V1_2, 2 | 5) => (1, 1),
        (LwM2mVersion::V1_2, 4) => (1, 3),
        (LwM2mVersion::V1_2, 21) => (2, 0),
        _ => (1, 0),
    };
    ObjectVersion::new(major, minor)
}
