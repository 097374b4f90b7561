//! The record of one registered device, as the program sees it.

use lwm2m_core::{
    content::{Codec, ContentFormat},
    link::{Link, LinkSet, implied_version},
    model::Models,
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

/// What a device says it has, shared by all registrations that say the same.
#[derive(Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ObjectList {
    /// The links as sent.
    pub links: LinkSet,
    /// The segments in front of each path of a request: empty, or the alternate path (link with
    /// `rt="oma.lwm2m"`; Transport 1.2.2, section 6.4.1).
    pub root: Vec<String>,
    /// The formats it says it takes beyond the mandatory ones (`ct` of the root link).
    pub formats: Vec<ContentFormat>,
    /// The objects it has with their versions, ordered by identifier; where the link says none, the version that the
    /// protocol version implies. The security objects /0, /21 and /23 are never among them.
    pub objects: Vec<(u16, ObjectVersion)>,
}

impl ObjectList {
    /// Reads what links of a device that speaks `version` say. What is no path of the tree is kept as a link and else
    /// ignored, as the specification wants it for objects that a server does not know (Core 1.2.2, section 6.2.1).
    pub fn from_links(version: LwM2mVersion, links: Vec<Link>) -> Self {
        let links = LinkSet::new(links);
        let supported = links.supported();
        let formats = supported.content_formats().iter();
        let objects = supported.objects().map(|(id, object)| {
            (
                id,
                object
                    .version
                    .unwrap_or_else(|| implied_version(id, version)),
            )
        });
        ObjectList {
            root: supported.root_segments(),
            formats: formats
                .filter_map(|number| ContentFormat::from_number(*number))
                .collect(),
            objects: objects.collect(),
            links,
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

    /// What reads and writes payloads of the device, whose objects have these definitions: names in SenML and JSON
    /// begin with its root.
    pub fn codec<'a>(&'a self, models: &'a dyn Models) -> Codec<'a> {
        Codec::new(models).below(self.links.supported().root())
    }

    /// The objects without instances and the object instances, in order.
    pub fn paths(&self) -> impl Iterator<Item = Path> + '_ {
        self.links.supported().objects().flat_map(|(id, object)| {
            let bare = object
                .instances
                .is_empty()
                .then(|| Path::try_from_ids(&[id]));
            let instances = object
                .instances
                .iter()
                .map(move |instance| Path::try_from_ids(&[id, *instance]));
            bare.into_iter().chain(instances).flatten()
        })
    }

    /// Whether the device registered this object, or this object instance and with it all below.
    pub fn has(&self, path: &Path) -> bool {
        self.links.supported().contains(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lwm2m_core::link::LinkTarget;

    fn link(target: &str) -> Link {
        Link {
            target: LinkTarget::new(target),
            parameters: Vec::new(),
        }
    }

    // proves: GEN-34, REG-28
    #[test]
    fn versions_formats_and_hidden_objects() {
        let list = ObjectList::from_links(
            LwM2mVersion::V1_1,
            vec![
                Link::to(Path::ROOT)
                    .with("rt", "oma.lwm2m")
                    .with("ct", "110 112 7"),
                Link::to(Path::object_instance(0, 0)),
                Link::to(Path::object(3303)).with("ver", "1.1"),
                Link::to(Path::object_instance(3303, 0)),
                Link::to(Path::object_instance(3, 0)),
                link("/weather"),
            ],
        );
        assert_eq!(
            list.formats,
            [ContentFormat::SenmlJson, ContentFormat::SenmlCbor]
        );
        assert_eq!(
            list.objects,
            [
                (3, ObjectVersion::new(1, 1)),
                (3303, ObjectVersion::new(1, 1))
            ]
        );
        assert!(list.root.is_empty());
        assert!(list.has(&Path::resource(3303, 0, 5700)));
        assert!(!list.has(&Path::object_instance(3303, 1)));
        assert!(!list.has(&Path::object(0)));
    }

    #[test]
    fn alternate_path() {
        let list = ObjectList::from_links(
            LwM2mVersion::V1_1,
            vec![
                link("/lwm2m").with("rt", "oma.lwm2m"),
                link("/lwm2m/1/0"),
                link("/lwm2m/3/0"),
            ],
        );
        assert_eq!(list.root, ["lwm2m"]);
        assert_eq!(
            list.paths().collect::<Vec<_>>(),
            [Path::object_instance(1, 0), Path::object_instance(3, 0)]
        );
    }
}
