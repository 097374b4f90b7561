//! What fuzz targets share: below, those of the message formats, every way in which a payload is read; [`dtls`], those
//! of whole DTLS engines.

pub mod dtls;

use lwm2m_core::{
    content::{Change, Codec, ContentFormat, EncodeError},
    entry::Entry,
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

/// Where the object tree of the peer begins: mostly where it usually does.
const ROOTS: [&str; 4] = ["/", "/", "/lwm2m", "/3dev"];

/// The instance that a create request makes where it names none.
const NEW_INSTANCE: u16 = 7;

static DEFINITIONS: LazyLock<Definitions> = LazyLock::new(Definitions::built_in);

/// Any payload: the first byte chooses base and root, the rest is the payload. What decodes encodes again, and then
/// decodes to the same places.
pub fn content(format: ContentFormat, data: &[u8]) {
    let Some((choice, payload)) = data.split_first() else {
        return;
    };
    let choice = usize::from(*choice);
    let base = BASES[choice % BASES.len()];
    let root = ROOTS[choice / BASES.len() % ROOTS.len()];
    let known: &dyn Models = &*DEFINITIONS;
    let unknown: &dyn Models = &NoModels;
    for models in [known, unknown] {
        let codec = Codec::new(models).below(root);
        if let Ok(entries) = codec.decode(format, payload, &base) {
            values(&codec, format, entries, &base);
        }
        let object = base.object_id().map_or(Path::ROOT, Path::object);
        if let Ok(entries) = codec.decode_create(format, payload, &object, NEW_INSTANCE) {
            values(&codec, format, entries, &object);
        }
        if let Ok(changes) = codec.decode_changes(format, payload) {
            survive_as_changes(&codec, format, changes);
        }
        if let Ok(paths) = codec.decode_paths(format, payload) {
            let bytes = codec.encode_paths(format, &paths);
            let bytes = bytes.expect("paths that were read can be written");
            assert_eq!(codec.decode_paths(format, &bytes).as_ref(), Ok(&paths));
        }
    }
}

/// Values that were read, written and read again. A value may come back as another kind where nobody knows its type, but
/// what is then written is the same.
fn values(codec: &Codec<'_>, format: ContentFormat, entries: Vec<Entry>, base: &Path) {
    assert!(entries.iter().all(|entry| base.contains(&entry.path)));
    let Some(bytes) = written(codec.encode(format, &entries, base)) else {
        return;
    };
    let read = codec.decode(format, &bytes, base);
    let read = read.expect("what was written reads");
    assert_eq!(read.len(), entries.len());
    assert!(same_places(&read, &entries), "{read:?}, not {entries:?}");
    let again = codec.encode(format, &read, base);
    assert_eq!(again.as_ref(), Ok(&bytes), "{read:?}");
}

fn survive_as_changes(codec: &Codec<'_>, format: ContentFormat, changes: Vec<Change>) {
    let Some(bytes) = written(codec.encode_changes(format, &changes)) else {
        return;
    };
    let read = codec.decode_changes(format, &bytes);
    let read = read.expect("what was written reads");
    let paths = |changes: &[Change]| changes.iter().map(Change::path).collect::<Vec<_>>();
    // A tree has an order of its own, and is no format for changes.
    let sorted = |mut paths: Vec<Path>| {
        paths.sort();
        paths
    };
    assert_eq!(sorted(paths(&read)), sorted(paths(&changes)));
    let again = codec.encode_changes(format, &read);
    assert_eq!(again.as_ref(), Ok(&bytes), "{read:?}");
}

/// Whether both are about the same places at the same times, in whatever order.
fn same_places(one: &[Entry], other: &[Entry]) -> bool {
    let places = |entries: &[Entry]| {
        // Zero has two signs, of which one is written.
        let bits = |time: f64| (time + 0.0).to_bits();
        let mut places: Vec<_> = entries
            .iter()
            .map(|entry| (entry.path, entry.time.map(bits)))
            .collect();
        places.sort_unstable();
        places
    };
    places(one) == places(other)
}

/// What was read and cannot be written is refused: a tree with a value above another, times in TLV, text in a format for
/// bytes.
fn written(bytes: Result<Vec<u8>, EncodeError>) -> Option<Vec<u8>> {
    match bytes {
        Ok(bytes) => Some(bytes),
        Err(EncodeError::OutsideBase { path, base }) => {
            unreachable!("{path} was read within {base}")
        }
        Err(_) => None,
    }
}
