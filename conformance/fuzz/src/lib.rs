//! What fuzz targets share: below, those of the message formats; [`dtls`], those of whole DTLS engines.

pub mod dtls;

use lwm2m_core::{
    content::{self, ContentFormat},
    model::{Models, NoModels},
    path::Path,
};
use lwm2m_objects::Definitions;
use std::sync::LazyLock;

const BASES: [Path; 6] = [
    Path::ROOT,
    Path::object(3),
    Path::object_instance(3, 0),
    Path::resource(3, 0, 9),
    Path::resource(3303, 0, 5700),
    Path::resource_instance(3, 0, 6, 0),
];

static DEFINITIONS: LazyLock<Definitions> = LazyLock::new(Definitions::built_in);

/// Any payload: the first byte chooses the base, the rest is the payload. What decodes encodes again, and then decodes
/// to as much.
pub fn content(format: ContentFormat, data: &[u8]) {
    let Some((choice, payload)) = data.split_first() else {
        return;
    };
    let base = BASES[usize::from(*choice) % BASES.len()];
    let known: &dyn Models = &*DEFINITIONS;
    let unknown: &dyn Models = &NoModels;
    for models in [known, unknown] {
        let Ok(entries) = content::decode(format, payload, &base, models) else {
            continue;
        };
        assert!(entries.iter().all(|entry| base.contains(&entry.path)));
        let Ok(bytes) = content::encode(format, &entries, &base, models) else {
            continue;
        };
        let again = content::decode(format, &bytes, &base, models).expect("what was written reads");
        assert_eq!(again.len(), entries.len());
    }
    if let Ok(paths) = content::decode_paths(format, payload) {
        let bytes =
            content::encode_paths(format, &paths).expect("paths that were read can be written");
        assert_eq!(content::decode_paths(format, &bytes).as_ref(), Ok(&paths));
    }
}
