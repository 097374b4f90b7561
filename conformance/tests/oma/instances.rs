//! Instances of objects created and deleted: int-680, int-685, int-1630, int-1635.

use crate::support::{assert_device, basic, discover, find, path, read_as, with_portfolio};
use lwm2m_core::{
    coap::Code,
    content::ContentFormat,
    entry::Entry,
    operation::{Create, Delete, Discover, Payload},
    path::Path,
};

// proves: DM-49, OBJ-04
#[test]
fn int_680() {
    let mut world = basic();
    let entries = [Entry::new(path("/3/1/0"), "another")];
    let at = Path::object(3);
    let payload = Payload::encode(ContentFormat::SenmlCbor, &entries, &at, &*world.definitions);
    let create = Create {
        object: 3,
        payload: payload.unwrap(),
    };
    world.must(create, Code::METHOD_NOT_ALLOWED);
    assert!(!discover(&mut world, "/3", None).contains("</3/1>"));
}

// proves: DM-54, OBJ-04
#[test]
fn int_685() {
    let mut world = basic();
    world.must(Delete { path: path("/3/0") }, Code::METHOD_NOT_ALLOWED);
    assert_device(&world.read(path("/3/0")));
}

// proves: DM-44, DM-68
#[test]
fn int_1630() {
    let mut world = with_portfolio();
    assert!(discover(&mut world, "/16/0", None).contains("</16/0/0>;dim=4"));
    let identity = [
        &[0x08, 1, 0x2E, 0x88, 0, 0x2B, 0x48, 0, 0x11][..],
        b"Host Device ID #2",
        &[0x48, 1, 0x14],
        b"Host Device Model #2",
    ];
    let payload = Payload {
        format: ContentFormat::Tlv,
        data: identity.concat().into(),
    };
    world.must(
        Create {
            object: 16,
            payload,
        },
        Code::CREATED,
    );
    assert!(discover(&mut world, "/16/1", None).contains("</16/1/0>;dim=2"));
    let response = read_as(&mut world, "/16", ContentFormat::Tlv);
    let values = world.values(&response, path("/16"));
    assert_eq!(values.len(), 6);
    assert_eq!(
        find(&values, "/16/1/0/1"),
        Some(&"Host Device Model #2".into())
    );
    assert_eq!(find(&values, "/16/0/0/3"), Some(&"d".into()));
}

// proves: DM-52
#[test]
fn int_1635() {
    let mut world = with_portfolio();
    assert!(discover(&mut world, "/16/0", None).contains("</16/0/0>;dim=4"));
    world.must(
        Delete {
            path: path("/16/0"),
        },
        Code::DELETED,
    );
    let found = world.must(
        Discover {
            path: path("/16"),
            depth: None,
        },
        Code::CONTENT,
    );
    let found = std::str::from_utf8(&found.payload).unwrap();
    assert!(
        found.starts_with("</16>") && !found.contains("</16/"),
        "{found}"
    );
}
