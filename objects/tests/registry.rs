//! The loader and the tables beside the files of the OMA registry, which are not part of this repository:
//!
//! ```text
//! LWM2M_REGISTRY=FOLDER cargo test -p lwm2m-objects --test registry
//! ```
//!
//! `FOLDER` has a file `ID.xml` for each object, as <https://github.com/OpenMobileAlliance/lwm2m-registry> has them.

use lwm2m_core::model::ResourceModel;
use lwm2m_objects::{Definitions, ddf};
use std::{collections::BTreeSet, env, fs, path::PathBuf};

/// Of so many resources one may be unclear; a reader that gives up on a common form would be seen.
const CLEAR_RESOURCES: usize = 50;

/// Made of `cargo test` alone this says what is missing: it must never look as if the files had been read.
fn registry() -> PathBuf {
    let folder = env::var_os("LWM2M_REGISTRY").map(PathBuf::from);
    let folder = folder.expect("LWM2M_REGISTRY names a folder with definition files");
    assert!(folder.is_dir(), "{} is no folder", folder.display());
    folder
}

#[test]
fn every_file_is_read() {
    let (mut files, mut resources) = (BTreeSet::new(), 0);
    let mut unclear: Vec<String> = Vec::new();
    for entry in fs::read_dir(registry()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "xml") {
            continue;
        }
        let loaded = ddf::load(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let model = &loaded.objects[0];
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        assert_eq!(stem, Some(&*model.id.to_string()));
        assert!(!model.resources.is_empty(), "{}", path.display());
        files.insert(model.id);
        resources += model.resources.len();
        unclear.extend(loaded.warnings.iter().map(ToString::to_string));
    }
    assert!(!files.is_empty(), "there are no files");
    assert!(unclear.len() <= resources / CLEAR_RESOURCES, "{unclear:#?}");
    for (id, expected) in [
        (10482, "/x/5: type"),
        (10308, "/x/7: range"),
        (20, "/x/4013: range"),
    ] {
        let expected = format!("/{id}{expected}");
        let found = unclear.iter().any(|text| text.starts_with(&expected));
        assert!(found || !files.contains(&id), "{expected}");
    }
}

/// The tables carry a range only where a machine can read it.
fn without_unreadable_range(mut resource: ResourceModel) -> ResourceModel {
    if resource.ranges.is_empty() {
        resource.range_text = "".into();
    }
    resource
}

#[test]
fn each_table_agrees_with_its_file() {
    let registry = registry();
    let definitions = Definitions::built_in();
    let ids: BTreeSet<u16> = definitions.iter().map(|model| model.id).collect();
    for id in ids {
        let path = registry.join(format!("{id}.xml"));
        let loaded = ddf::load(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let file = &loaded.objects[0];
        let mut versions = definitions.iter().filter(|model| model.id == id);
        let table = versions
            .find(|model| model.version == file.version)
            .unwrap_or_else(|| panic!("/{id} lacks version {}", file.version));
        assert_eq!(
            (&table.name, table.multiple, table.mandatory),
            (&file.name, file.multiple, file.mandatory)
        );
        assert_eq!(table.resources.len(), file.resources.len(), "/{id}");
        for (ours, theirs) in table.resources.iter().zip(&*file.resources) {
            assert_eq!(*ours, without_unreadable_range(theirs.clone()), "/{id}");
        }
    }
}
