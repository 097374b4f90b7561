//! The loader and the tables beside the files of the OMA registry, which are not part of this repository:
//!
//! ```text
//! LWM2M_REGISTRY=FOLDER cargo test -p lwm2m-objects --test registry
//! ```
//!
//! `FOLDER` has a file `ID.xml` for each object, and may have those of older versions in `version_history`, as
//! <https://github.com/OpenMobileAlliance/lwm2m-registry> has them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use lwm2m_core::model::{ObjectModel, ResourceModel};
use lwm2m_objects::{Definitions, ddf};
use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
};

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

/// Older files word names, ranges and units otherwise, and say the same.
fn without_wording(mut resource: ResourceModel) -> ResourceModel {
    resource.name = "".into();
    resource.range_text = "".into();
    resource.units = "".into();
    resource
}

/// Where the registry keeps the files of older versions, each as `ID-MAJOR_MINOR.xml`.
const OLDER_VERSIONS: &str = "version_history";

/// The file of a version of an object: that of the highest version stands by itself.
fn load(registry: &Path, table: &ObjectModel) -> Option<ObjectModel> {
    let (id, version) = (table.id, table.version);
    let older = format!("{id}-{}_{}.xml", version.major, version.minor);
    let files = [
        registry.join(format!("{id}.xml")),
        registry.join(OLDER_VERSIONS).join(older),
    ];
    files
        .iter()
        .filter(|path| path.is_file())
        .map(|path| ddf::load(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
        .map(|loaded| loaded.objects.into_iter().next().unwrap())
        .find(|file| file.version == version)
}

/// The highest version of each object has its file; an older one is compared where the folder has it, and named where
/// it has not.
#[test]
fn each_table_agrees_with_its_file() {
    let registry = registry();
    let definitions = Definitions::built_in();
    let (mut compared, mut without_file, mut differences) = (0, Vec::new(), Vec::new());
    for table in definitions.iter() {
        let (id, version) = (table.id, table.version);
        let is_latest = definitions.latest(id) == Some(table);
        let Some(file) = load(&registry, table) else {
            assert!(!is_latest, "there is no file of /{id} in version {version}");
            without_file.push(format!("/{id} {version}"));
            continue;
        };
        compared += 1;
        let head = |model: &ObjectModel| (model.name.clone(), model.multiple, model.mandatory);
        if head(table) != head(&file) {
            differences.push(format!(
                "/{id} {version}: {:?}, {:?}",
                head(table),
                head(&file)
            ));
        }
        let comparable = |model: &ObjectModel, resource| {
            let found = without_unreadable_range(model.resource(resource)?.clone());
            Some(if is_latest {
                found
            } else {
                without_wording(found)
            })
        };
        let both = table.resources.iter().chain(&*file.resources);
        for resource in both.map(|resource| resource.id).collect::<BTreeSet<u16>>() {
            let (ours, theirs) = (comparable(table, resource), comparable(&file, resource));
            if ours != theirs {
                differences.push(format!(
                    "/{id}/x/{resource} {version}: {ours:?}, but {theirs:?}"
                ));
            }
        }
    }
    println!("{compared} versions compared; without a file: {without_file:?}");
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
