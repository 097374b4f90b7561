//! The record of one registered device, as the program sees it.

use lwm2m_core::{
    content::ContentFormat,
    link::{Link, LinkTarget},
    operation::Binding,
    path::Path,
    peer::PeerIdentity,
    version::{LwM2mVersion, ObjectVersion},
};
use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, SystemTime},
};

/// Whether a device can be reached now (queue mode, Transport 1.2.2, section 6.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Presence {
    /// It does not use queue mode, or has spoken within its awake window.
    Awake,
    /// It uses queue mode and has been silent for longer than its awake window: requests wait until it speaks.
    Asleep,
}

/// One registered device (Core 1.2.2, section 6.2).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Registration {
    /// Endpoint name.
    pub endpoint: Arc<str>,
    /// The last segment of its Location-Path, `/rd/{id}`.
    pub id: Arc<str>,
    /// Protocol version it speaks.
    pub version: LwM2mVersion,
    /// How long it stays without an update.
    pub lifetime: Duration,
    /// Transports it offers.
    pub binding: Binding,
    /// Whether it may sleep.
    pub queue_mode: bool,
    /// Number for SMS (MSISDN).
    pub sms: Option<String>,
    /// Query arguments beyond those the specification names.
    pub additional: Vec<(String, Option<String>)>,
    /// Its objects and object instances.
    pub objects: Arc<ObjectList>,
    /// Where it spoke from last.
    pub address: SocketAddr,
    /// Who it has proven to be.
    pub identity: PeerIdentity,
    /// When it registered.
    pub registered_at: SystemTime,
    /// When its last registration or update came.
    pub updated_at: SystemTime,
    /// When it expires unless it updates.
    pub expires_at: SystemTime,
    /// Whether it can be reached now.
    pub presence: Presence,
}

/// What a device says it has: its links, shared by all registrations that sent the same.
#[derive(Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ObjectList {
    /// The links as sent, without the security objects /0, /21 and /23.
    pub links: Vec<Link>,
    /// The segments in front of each path of a request: empty, or the alternate path (link with
    /// `rt="oma.lwm2m"`; Transport 1.2.2, section 6.4.1).
    pub root: Vec<String>,
    /// The formats it says it takes beyond the mandatory ones (`ct` of the root link).
    pub formats: Vec<ContentFormat>,
    /// The objects it has with their versions, ordered by identifier; 1.0 where the link says none.
    pub objects: Vec<(u16, ObjectVersion)>,
}

impl ObjectList {
    /// Reads what links say. What is no path of the tree is kept as a link and else ignored, as the specification
    /// wants it for objects that a server does not know (Core 1.2.2, section 6.2.1).
    pub fn from_links(links: Vec<Link>) -> Self {
        let root_link = links.iter().find(|link| {
            link.parameter("rt")
                .is_some_and(|rt| rt.split(' ').any(|rt| rt == "oma.lwm2m"))
        });
        let prefix = match root_link.map(|link| &link.target) {
            Some(LinkTarget::Other(text)) => text.trim_matches('/').to_owned(),
            _ => String::new(),
        };
        let root: Vec<String> = match prefix.as_str() {
            "" => Vec::new(),
            prefix => prefix.split('/').map(str::to_owned).collect(),
        };
        let formats = root_link
            .or_else(|| links.iter().find(|link| is_root(link)))
            .and_then(|link| link.parameter("ct"))
            .map(|ct| {
                ct.split(' ')
                    .filter_map(|number| ContentFormat::from_number(number.parse().ok()?))
                    .collect()
            })
            .unwrap_or_default();
        let links: Vec<Link> = links
            .into_iter()
            .map(|link| without_prefix(link, &prefix))
            .filter(|link| !matches!(link.target, LinkTarget::Path(path) if is_secret(path)))
            .collect();
        let mut objects: Vec<(u16, ObjectVersion)> = Vec::new();
        for link in &links {
            let LinkTarget::Path(path) = link.target else {
                continue;
            };
            let Some(object) = path.object_id() else {
                continue;
            };
            let version = link.object_version();
            match objects.binary_search_by_key(&object, |(id, _)| *id) {
                Ok(at) => objects[at].1 = version.unwrap_or(objects[at].1),
                Err(at) => objects.insert(at, (object, version.unwrap_or_default())),
            }
        }
        ObjectList {
            links,
            root,
            formats,
            objects,
        }
    }

    /// The version of an object; `None` where the device does not have it.
    pub fn version(&self, object: u16) -> Option<ObjectVersion> {
        let at = self
            .objects
            .binary_search_by_key(&object, |(id, _)| *id)
            .ok()?;
        Some(self.objects[at].1)
    }

    /// The paths of the tree that the links name: objects and object instances.
    pub fn paths(&self) -> impl Iterator<Item = Path> + '_ {
        self.links.iter().filter_map(|link| match link.target {
            LinkTarget::Path(path) if path != Path::ROOT => Some(path),
            _ => None,
        })
    }

    /// Whether the device has this place as far as its links can tell: its object, and its object instance where
    /// the links name instances of that object.
    pub fn has(&self, path: &Path) -> bool {
        let Some(object) = path.object_id() else {
            return true;
        };
        let Some(instance) = path.object_instance_id() else {
            return self.version(object).is_some();
        };
        self.paths()
            .any(|known| known == Path::object_instance(object, instance))
    }
}

fn is_root(link: &Link) -> bool {
    match &link.target {
        LinkTarget::Path(path) => *path == Path::ROOT,
        LinkTarget::Other(text) => text == "/" || text.is_empty(),
        _ => false,
    }
}

/// A link below the alternate path as a link of the tree.
fn without_prefix(link: Link, prefix: &str) -> Link {
    let LinkTarget::Other(text) = &link.target else {
        return link;
    };
    if prefix.is_empty() {
        return link;
    }
    let path = text
        .trim_start_matches('/')
        .strip_prefix(prefix)
        .filter(|rest| rest.starts_with('/'))
        .and_then(|rest| rest.parse::<Path>().ok())
        .filter(|path| *path != Path::ROOT);
    match path {
        Some(path) => Link {
            target: LinkTarget::Path(path),
            parameters: link.parameters,
        },
        None => link,
    }
}

/// The objects that hold keys: a client must not list them, and what lists them is not shown (Core 1.2.2, section
/// 6.2.1).
fn is_secret(path: Path) -> bool {
    matches!(path.object_id(), Some(0 | 21 | 23))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn other(text: &str) -> Link {
        Link {
            target: LinkTarget::Other(text.into()),
            parameters: Vec::new(),
        }
    }

    #[test]
    fn versions_formats_and_hidden_objects() {
        let list = ObjectList::from_links(vec![
            Link::to(Path::ROOT)
                .with("rt", "oma.lwm2m")
                .with("ct", "110 112 7"),
            Link::to(Path::object_instance(0, 0)),
            Link::to(Path::object(3303)).with("ver", "1.1"),
            Link::to(Path::object_instance(3303, 0)),
            Link::to(Path::object_instance(3, 0)),
            other("/weather"),
        ]);
        assert_eq!(
            list.formats,
            [ContentFormat::SenmlJson, ContentFormat::SenmlCbor]
        );
        assert_eq!(
            list.objects,
            [(3, ObjectVersion::V1_0), (3303, ObjectVersion::new(1, 1))]
        );
        assert!(list.root.is_empty());
        assert!(list.has(&Path::resource(3303, 0, 5700)));
        assert!(!list.has(&Path::object_instance(3303, 1)));
        assert!(!list.has(&Path::object(0)));
    }

    #[test]
    fn alternate_path() {
        let list = ObjectList::from_links(vec![
            other("/lwm2m").with("rt", "oma.lwm2m"),
            other("/lwm2m/1/0"),
            other("/lwm2m/3/0"),
        ]);
        assert_eq!(list.root, ["lwm2m"]);
        assert_eq!(
            list.paths().collect::<Vec<_>>(),
            [Path::object_instance(1, 0), Path::object_instance(3, 0)]
        );
    }
}
