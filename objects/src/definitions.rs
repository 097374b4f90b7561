//! The definitions a program knows, and views of them.

use crate::tables::{BUILT_IN, built_in};
use alloc::vec::Vec;
use lwm2m_core::{
    link::implied_version,
    model::{Models, ObjectModel},
    version::{LwM2mVersion, ObjectVersion},
};

/// Object definitions: the tables of this crate and those a program adds, several versions of an object side by side
/// (Core 1.2.2, section 7.2).
///
/// As [`Models`] it shows the highest version of each object; [`Definitions::device`] shows the versions of one
/// registered device, and [`Definitions::protocol`] those that a version of the protocol implies.
#[derive(Debug, Clone)]
pub struct Definitions {
    /// Whether the tables of this crate are among them.
    has_built_in: bool,
    /// Ordered by identifier and version, each pair once.
    added: Vec<ObjectModel>,
}

impl Definitions {
    /// The tables of this crate. Costs nothing: they are `static`.
    pub const fn built_in() -> Self {
        Definitions {
            has_built_in: true,
            added: Vec::new(),
        }
    }

    /// No object at all.
    pub const fn empty() -> Self {
        Definitions {
            has_built_in: false,
            added: Vec::new(),
        }
    }

    /// Adds a definition. It takes the place of another one of the same object and version, a built-in one
    /// included; one that was added before is given back.
    pub fn add(&mut self, model: ObjectModel) -> Option<ObjectModel> {
        match self
            .added
            .binary_search_by_key(&(model.id, model.version), |m| (m.id, m.version))
        {
            Ok(index) => Some(core::mem::replace(&mut self.added[index], model)),
            Err(index) => {
                self.added.insert(index, model);
                None
            }
        }
    }

    /// Adds every object of a definition file (DDF XML), and gives back what the loader had to guess.
    ///
    /// # Errors
    /// Where the file is no such file; nothing is added then.
    #[cfg(feature = "std")]
    pub fn load(&mut self, ddf: &[u8]) -> Result<Vec<crate::ddf::Warning>, crate::ddf::DdfError> {
        let loaded = crate::ddf::parse(ddf)?;
        for object in loaded.objects {
            self.add(object);
        }
        Ok(loaded.warnings)
    }

    /// The versions of an object, lowest first.
    pub fn versions(&self, object: u16) -> impl DoubleEndedIterator<Item = &ObjectModel> {
        let mut versions: Vec<&ObjectModel> = self.candidates(object).collect();
        // Stable: of two with the same version, the one that was added stands first, and stays.
        versions.sort_by_key(|model| model.version);
        versions.dedup_by_key(|model| model.version);
        versions.into_iter()
    }

    /// Every definition, ordered by object and version.
    pub fn iter(&self) -> impl Iterator<Item = &ObjectModel> {
        let built_in = BUILT_IN.iter().filter(|_| self.has_built_in);
        let mut objects: Vec<u16> = (built_in.map(|versions| versions[0].id))
            .chain(self.added.iter().map(|model| model.id))
            .collect();
        objects.sort_unstable();
        objects.dedup();
        objects
            .into_iter()
            .flat_map(|object| self.versions(object).collect::<Vec<_>>())
    }

    /// The definition of a version of an object, or of the nearest one that can stand in for it: the highest
    /// lower minor version, else the lowest higher one, always of the same major version.
    ///
    /// Minor versions add only what is optional (Core 1.2.2, section 7.2.2), so that the common case of a
    /// device that says no version (1.0) for an object whose first public version is 1.1 is read rightly.
    pub fn get(&self, object: u16, version: ObjectVersion) -> Option<&ObjectModel> {
        // Lower ones before higher ones, and of both the nearest.
        let nearness = |model: &ObjectModel| match model.version.minor {
            minor if minor <= version.minor => (true, minor),
            minor => (false, u8::MAX - minor),
        };
        self.candidates(object)
            .filter(|model| model.version.major == version.major)
            .reduce(|best, model| {
                if nearness(model) > nearness(best) {
                    model
                } else {
                    best
                }
            })
    }

    /// The highest version of an object.
    pub fn latest(&self, object: u16) -> Option<&ObjectModel> {
        self.candidates(object).reduce(|best, model| {
            if model.version > best.version {
                model
            } else {
                best
            }
        })
    }

    /// The view of a device that speaks `protocol` and registered objects with these versions (`ver`).
    ///
    /// For an object that is not among them, or stands there with 1.0, the version that the protocol version
    /// implies holds: see [`DeviceModels::version`].
    pub fn device<V>(&self, protocol: LwM2mVersion, versions: V) -> DeviceModels<&Self, V>
    where
        V: AsRef<[(u16, ObjectVersion)]>,
    {
        DeviceModels::new(self, protocol, versions)
    }

    /// The view that a version of the protocol implies: see [`implied_version`].
    pub fn protocol(
        &self,
        protocol: LwM2mVersion,
    ) -> DeviceModels<&Self, [(u16, ObjectVersion); 0]> {
        DeviceModels::new(self, protocol, [])
    }

    /// All definitions of an object, those that were added before those built in.
    fn candidates(&self, object: u16) -> impl Iterator<Item = &ObjectModel> {
        let start = self.added.partition_point(|model| model.id < object);
        let added = self.added[start..].iter();
        let built_in = match self.has_built_in {
            true => built_in(object),
            false => &[],
        };
        added
            .take_while(move |model| model.id == object)
            .chain(built_in.iter().copied())
    }
}

impl Default for Definitions {
    fn default() -> Self {
        Definitions::built_in()
    }
}

impl AsRef<Definitions> for Definitions {
    fn as_ref(&self) -> &Definitions {
        self
    }
}

impl Models for Definitions {
    fn object(&self, id: u16) -> Option<&ObjectModel> {
        self.latest(id)
    }
}

/// One version of each object: those of a registered device, or those that a protocol version implies (Core 1.2.2,
/// section 7.2.3).
///
/// It holds or borrows the definitions (`&Definitions`, `Arc<Definitions>`) and the versions (`&[_]`, `Vec`,
/// `Arc<[_]>`). A look-up allocates nothing; where the versions are ordered by object it takes a number of steps that
/// grows with the logarithm of how many there are, else as many as there are.
#[derive(Debug, Clone, Copy)]
pub struct DeviceModels<D, V> {
    definitions: D,
    protocol: LwM2mVersion,
    versions: V,
    /// Whether the objects in `versions` ascend, each once.
    is_ordered: bool,
}

impl<D, V> DeviceModels<D, V>
where
    D: AsRef<Definitions>,
    V: AsRef<[(u16, ObjectVersion)]>,
{
    /// The view of a device that speaks `protocol` and registered objects with these versions (`ver`), best in
    /// ascending order of the objects. Of two versions of one object the first holds.
    pub fn new(definitions: D, protocol: LwM2mVersion, versions: V) -> Self {
        // Looked at once, so that many look-ups in a long list cost little: what a peer sends may bring thousands.
        let is_ordered = versions.as_ref().is_sorted_by(|a, b| a.0 < b.0);
        DeviceModels {
            definitions,
            protocol,
            versions,
            is_ordered,
        }
    }

    /// The version that the device has of an object: the one it registered, else the one that its protocol
    /// version implies.
    ///
    /// 1.0 counts as not said: it is what a link without `ver` is read as. Where the protocol implies a higher
    /// version of an object, a device that has 1.0 of it indeed is read by a definition that adds to its own.
    pub fn version(&self, object: u16) -> ObjectVersion {
        let versions = self.versions.as_ref();
        let at = match self.is_ordered {
            true => versions.binary_search_by_key(&object, |(id, _)| *id).ok(),
            false => versions.iter().position(|(id, _)| *id == object),
        };
        match at.map(|at| versions[at].1) {
            Some(version) if version != ObjectVersion::V1_0 => version,
            _ => implied_version(object, self.protocol),
        }
    }
}

impl<D, V> Models for DeviceModels<D, V>
where
    D: AsRef<Definitions>,
    V: AsRef<[(u16, ObjectVersion)]>,
{
    fn object(&self, id: u16) -> Option<&ObjectModel> {
        self.definitions.as_ref().get(id, self.version(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{device, ipso::temperature, server};
    use alloc::{sync::Arc, vec};
    use core::cell::Cell;

    const V: fn(u8, u8) -> ObjectVersion = ObjectVersion::new;

    fn own(id: u16, major: u8, minor: u8) -> ObjectModel {
        ObjectModel::from_resources(id, "Own", V(major, minor), vec![])
    }

    // proves: GEN-35
    #[test]
    fn the_nearest_version_of_the_same_major_stands_in() {
        let mut definitions = Definitions::empty();
        for (major, minor) in [(1, 1), (1, 3), (2, 5)] {
            assert_eq!(definitions.add(own(40000, major, minor)), None);
        }
        for (asked, got) in [
            ((1, 1), Some((1, 1))),
            ((1, 2), Some((1, 1))),
            ((1, 9), Some((1, 3))),
            ((1, 0), Some((1, 1))),
            ((2, 0), Some((2, 5))),
            ((3, 0), None),
            ((0, 9), None),
        ] {
            let found = definitions.get(40000, V(asked.0, asked.1));
            assert_eq!(
                found.map(|model| model.version),
                got.map(|(major, minor)| V(major, minor)),
                "{asked:?}"
            );
        }
        assert_eq!(definitions.latest(40000).unwrap().version, V(2, 5));
        assert_eq!(definitions.latest(40001), None);
    }

    #[test]
    fn what_is_added_stands_before_what_is_built_in() {
        let mut definitions = Definitions::built_in();
        assert_eq!(definitions.add(own(device::ID, 1, 1)), None);
        let names: Vec<_> = definitions
            .versions(device::ID)
            .map(|model| (model.version.minor, &*model.name))
            .collect();
        assert_eq!(names, [(0, "Device"), (1, "Own"), (2, "Device")]);
        assert_eq!(definitions.get(device::ID, V(1, 1)).unwrap().name, "Own");
        assert!(definitions.add(own(device::ID, 1, 1)).is_some());
        assert_eq!(definitions.versions(device::ID).count(), 3);
        let all: Vec<_> = definitions.iter().map(|m| (m.id, m.version)).collect();
        assert!(all.is_sorted() && all.len() > 80);
    }

    // proves: GEN-37
    #[test]
    fn a_device_has_what_it_registered_and_what_its_protocol_implies() {
        let definitions = Definitions::built_in();
        let registered = [(device::ID, V(1, 2)), (server::ID, V(1, 0))];
        let view = definitions.device(LwM2mVersion::V1_1, registered);
        assert_eq!(view.object(device::ID), Some(&device::V1_2));
        assert_eq!(view.object(server::ID), Some(&server::V1_1));
        assert_eq!(view.object(temperature::ID), Some(&temperature::V1_1));
        assert_eq!(view.object(40000), None);
        assert!(view.resource(server::ID, server::MUTE_SEND).is_some());
        let old = definitions.protocol(LwM2mVersion::V1_0);
        assert!(old.resource(server::ID, server::MUTE_SEND).is_none());
        let old = definitions.device(LwM2mVersion::V1_0, registered);
        assert_eq!(old.object(server::ID), Some(&server::V1_0));

        let owned = DeviceModels::new(Arc::new(definitions), LwM2mVersion::V1_2, Vec::new());
        assert_eq!(owned.object(device::ID), Some(&device::V1_2));
        let _: &(dyn Models + Send + Sync) = &owned;
    }

    #[test]
    fn a_version_is_found_without_looking_at_all() {
        /// Counts how often somebody looks at the whole list.
        struct Counting<'a>(Vec<(u16, ObjectVersion)>, &'a Cell<usize>);
        impl AsRef<[(u16, ObjectVersion)]> for Counting<'_> {
            fn as_ref(&self) -> &[(u16, ObjectVersion)] {
                self.1.set(self.1.get() + 1);
                &self.0
            }
        }
        let definitions = Definitions::built_in();
        let registered: Vec<_> = (0..4096).map(|id| (id, V(1, (id % 7) as u8 + 1))).collect();
        let reversed: Vec<_> = registered.iter().rev().copied().collect();
        for (list, is_ordered) in [(registered.clone(), true), (reversed, false)] {
            let looks = Cell::new(0);
            let view = definitions.device(LwM2mVersion::V1_2, Counting(list, &looks));
            assert_eq!(view.is_ordered, is_ordered);
            for (id, version) in &registered {
                assert_eq!(view.version(*id), *version);
            }
            assert_eq!(view.version(4096), V(1, 0));
            assert_eq!(looks.get(), 1 + 4096 + 1);
        }
        // Of two for one object, the first holds, as in a list without order.
        let twice = [(1, V(1, 1)), (3, V(1, 1)), (3, V(1, 2))];
        let view = definitions.device(LwM2mVersion::V1_0, twice);
        assert_eq!(view.version(3), V(1, 1));
    }

    // proves: OBJ-01, OBJ-02
    #[test]
    fn every_implied_version_is_built_in() {
        let definitions = Definitions::built_in();
        for protocol in LwM2mVersion::ALL {
            for object in (0..=7).chain([21]) {
                let version = implied_version(object, protocol);
                let model = definitions.get(object, version).unwrap();
                assert_eq!(model.version, version, "object {object} in {protocol}");
            }
        }
    }
}
