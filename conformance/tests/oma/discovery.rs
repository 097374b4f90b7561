//! What there is at a device, and its attributes: int-260 to int-266.

use crate::support::{Device, attributes, basic, discover, registered};
use lwm2m_conformance::world::World;
use lwm2m_core::coap::Code;

// proves: DM-11, DM-13, DM-14, DM-16, DM-32, FMT-04
#[test]
fn int_260() {
    let mut world = registered(Device::Batteries);
    let found = links(&mut world, "/3", None);
    assert!(found[0].starts_with("</3>"), "{found:?}");
    assert_links(&found[1..], &BATTERY_DEVICE);
    attributes(&mut world, "/3", "pmin=10&pmax=200");
    let found = links(&mut world, "/3/0", None);
    let mut expected = BATTERY_DEVICE;
    expected[0] = "</3/0>;pmin=10;pmax=200";
    assert_links(&found, &expected);
    attributes(&mut world, "/3/0/7", "lt=1&gt=6&st=1");
    let found = links(&mut world, "/3/0", None);
    expected[7] = "</3/0/7>;dim=2;lt=1;gt=6;st=1";
    assert_links(&found, &expected);
    let found = discover(&mut world, "/3/0/7", None);
    let first = found.split(',').next().unwrap();
    assert_link(first, "</3/0/7>;pmin=10;pmax=200;dim=2;lt=1;gt=6;st=1");
}

// proves: DM-14, DM-16, DM-32, REP-05
#[test]
fn int_261() {
    let mut world = basic();
    let found = links(&mut world, "/3/0/11", None);
    assert_links(&found, &["</3/0/11>;dim=1", "</3/0/11/0>"]);
    attributes(&mut world, "/3", "pmin=10&pmax=200");
    attributes(&mut world, "/3/0", "pmax=320");
    attributes(&mut world, "/3/0/11/0", "pmax=100&epmin=1&epmax=20");
    let found = links(&mut world, "/3/0/11", None);
    let expected = [
        "</3/0/11>;dim=1;pmin=10;pmax=320",
        "</3/0/11/0>;pmax=100;epmin=1;epmax=20",
    ];
    assert_links(&found, &expected);
}

// proves: DM-15
#[test]
fn int_264() {
    // The case shows the server's default periods as attributes of the object; the specification has them appear
    // where they are attached only.
    let mut world = registered(Device::Batteries);
    let found = links(&mut world, "/3", Some(1));
    assert_eq!(found.len(), 2, "{found:?}");
    attributes(&mut world, "/3/0", "pmax=200");
    let found = links(&mut world, "/3", Some(1));
    assert!(found[0].starts_with("</3>"), "{found:?}");
    assert_link(&found[1], "</3/0>;pmax=200");
    let received = world.received();
    let asked = received
        .iter()
        .find(|packet| packet.is(Code::GET, "/3"))
        .unwrap();
    assert_eq!(asked.query("depth").as_deref(), Some("1"));
}

// proves: DM-15
#[test]
fn int_266() {
    let mut world = registered(Device::Batteries);
    let found = links(&mut world, "/3", Some(2));
    assert!(found[0].starts_with("</3>"), "{found:?}");
    assert_links(&found[1..], &BATTERY_DEVICE);
    attributes(&mut world, "/3", "pmin=10&pmax=200");
    attributes(&mut world, "/3/0/7", "lt=1&gt=6&st=1");
    attributes(&mut world, "/3/0/7/1", "gt=8");
    let found = links(&mut world, "/3", Some(3));
    let has = |expected: &str| {
        let at = expected.split(';').next().unwrap();
        let found = found.iter().find(|link| link.split(';').next() == Some(at));
        assert_link(found.unwrap(), expected);
    };
    for link in [
        "</3/0/6>;dim=2",
        "</3/0/6/0>",
        "</3/0/6/1>",
        "</3/0/7>;dim=2;lt=1;gt=6;st=1",
        "</3/0/7/0>",
        "</3/0/7/1>;gt=8",
        "</3/0/8/0>",
        "</3/0/8/1>",
        "</3/0/9>",
    ] {
        has(link);
    }
    assert!(found[0].contains("pmin=10") && found[0].contains("pmax=200"));
}

const BATTERY_DEVICE: [&str; 12] = [
    "</3/0>",
    "</3/0/0>",
    "</3/0/1>",
    "</3/0/2>",
    "</3/0/3>",
    "</3/0/4>",
    "</3/0/6>;dim=2",
    "</3/0/7>;dim=2",
    "</3/0/8>;dim=2",
    "</3/0/9>",
    "</3/0/11>;dim=1",
    "</3/0/16>",
];

/// Links without those that a superset of the configuration adds.
fn links(world: &mut World, at: &str, depth: Option<u8>) -> Vec<String> {
    const MORE: [&str; 3] = ["</3/0/5>", "</3/0/12>", "</3/0/13>"];
    let text = discover(world, at, depth);
    let links = text.split(',').filter(|link| !MORE.contains(link));
    links.map(str::to_owned).collect()
}

/// The same attributes in any order.
fn assert_link(link: &str, expected: &str) {
    let parts = |link: &str| {
        let mut parts: Vec<String> = link.split(';').map(str::to_owned).collect();
        parts.sort();
        parts
    };
    assert_eq!(parts(link), parts(expected));
}

fn assert_links(links: &[String], expected: &[&str]) {
    assert_eq!(links.len(), expected.len(), "{links:?}");
    for (link, expected) in links.iter().zip(expected) {
        assert_link(link, expected);
    }
}
