use super::*;
use crate::{
    link::{self, Link},
    path::{Path, PathLevel},
    value::DataType,
    version::LwM2mVersion,
};
use alloc::{string::ToString, vec::Vec};
use proptest::prelude::*;

fn change(queries: &str) -> Result<AttributeChange, AttributeError> {
    AttributeChange::from_queries(queries.split('&').filter(|query| !query.is_empty()))
}

fn set(queries: &str) -> Attributes {
    let change = change(queries).unwrap_or_else(|error| panic!("{queries}: {error}"));
    assert!(change.unset.is_empty());
    change.set
}

// proves: REP-02, REP-03, REP-21
#[test]
fn reads_and_writes_each_attribute() {
    for query in [
        "pmin=0",
        "pmin=4294967295",
        "pmax=60",
        "epmin=1",
        "epmax=2",
        "gt=30",
        "gt=-30.55",
        "lt=0.1",
        "st=0",
        "st=0.5",
        "edge=0",
        "edge=1",
        "con=0",
        "con=1",
        "hqmax=9",
        "gt=0.00000000006667",
        "pmin",
        "pmax",
        "gt",
        "lt",
        "st",
        "epmin",
        "epmax",
        "edge",
        "con",
        "hqmax",
    ] {
        assert_eq!(change(query).unwrap().to_queries(), [query], "{query}");
    }
    assert_eq!(set("gt=1e3").gt, Some(1000.0));
    assert_eq!(set("gt=2.5E-1").gt, Some(0.25));
    // Too long for an option without an exponent.
    let huge = AttributeChange::from(Attributes {
        gt: Some(f64::MAX),
        ..Default::default()
    });
    assert!(huge.to_queries()[0].len() < 64);
    assert_eq!(change(&huge.to_queries()[0]), Ok(huge));
    let all = "pmin=1&pmax=9&gt=8&lt=1&st=1&epmin=1&epmax=2&con=1&hqmax=3&edge";
    assert_eq!(change(all).unwrap().to_queries().join("&"), all);
}

// proves: DM-36, REP-14, REP-16, REP-21
#[test]
fn refuses_what_no_client_may_accept() {
    use AttributeError::{Combination, Repeated, Unknown, Value};
    let unknown = |name: &str| Unknown(name.into());
    for (queries, error) in [
        ("pmin=", Value("pmin")),
        ("pmin=-1", Value("pmin")),
        ("pmin=+1", Value("pmin")),
        ("pmin=1.9", Value("pmin")),
        ("pmin=4294967296", Value("pmin")),
        ("pmax=a", Value("pmax")),
        ("gt=", Value("gt")),
        ("gt=.5", Value("gt")),
        ("gt=5.", Value("gt")),
        ("gt=+5", Value("gt")),
        ("gt=inf", Value("gt")),
        ("gt=NaN", Value("gt")),
        ("gt=1e999", Value("gt")),
        ("gt=1e", Value("gt")),
        ("st=-1", Value("st")),
        ("edge=2", Value("edge")),
        ("edge=true", Value("edge")),
        ("con=", Value("con")),
        ("hqmax=-1", Value("hqmax")),
        ("dim=2", unknown("dim")),
        ("ssid=2", unknown("ssid")),
        ("ver=1.1", unknown("ver")),
        ("PMIN=2", unknown("PMIN")),
        ("=2", unknown("")),
        ("pmin=1&pmin=2", Repeated("pmin")),
        ("pmin=1&pmin", Repeated("pmin")),
        ("pmin=10&pmax=9", Combination("pmin is above pmax")),
        ("epmin=10&epmax=9", Combination("epmin is above epmax")),
        ("lt=5&gt=5", Combination("lt is not below gt")),
        ("lt=6&gt=5", Combination("lt is not below gt")),
        ("lt=1&gt=5&st=2", Combination("lt + 2 st is not below gt")),
    ] {
        assert_eq!(change(queries), Err(error), "{queries}");
    }
}

#[test]
fn combinations_that_are_legal() {
    for queries in [
        "pmin=10&pmax=10",
        "pmin=10&pmax=0",
        "epmin=5&epmax=5",
        "lt=1&gt=5&st=1.9",
        "lt=-5&gt=5",
        "gt=1&st=9",
    ] {
        assert!(change(queries).is_ok(), "{queries}");
    }
    for bound in [f64::NAN, f64::INFINITY] {
        let attributes = Attributes {
            lt: Some(bound),
            ..Default::default()
        };
        assert_eq!(attributes.validate(), Err(AttributeError::Value("lt")));
    }
}

// proves: REP-01, REP-02, REP-03, REP-22
#[test]
fn names_by_version() {
    let legal = |version, query: &str| {
        AttributeChange::from_queries_among(AttributeNames::known_to(version), [query]).is_ok()
    };
    for (query, versions) in [
        ("pmin=1", [true, true, true]),
        ("st=1", [true, true, true]),
        ("epmin=1", [false, true, true]),
        ("epmax", [false, true, true]),
        ("edge=1", [false, false, true]),
        ("con=1", [false, false, true]),
        ("hqmax=1", [false, false, true]),
    ] {
        assert_eq!(
            LwM2mVersion::ALL.map(|version| legal(version, query)),
            versions,
            "{query}"
        );
    }
}

// proves: REP-13, REP-18, REP-21
#[test]
fn levels_and_types() {
    use PathLevel::{Object, ObjectInstance, Resource, ResourceInstance, Root};
    for attribute in Attribute::ALL {
        let on_value = matches!(attribute.name(), "gt" | "lt" | "st" | "edge");
        let expected = [false, !on_value, !on_value, true, true];
        let levels = [Root, Object, ObjectInstance, Resource, ResourceInstance];
        assert_eq!(
            levels.map(|level| attribute.is_allowed_at(level)),
            expected,
            "{attribute:?}"
        );
    }
    let check =
        |queries, level, data_type| change(queries).unwrap().names().check_at(level, data_type);
    assert_eq!(check("pmin=1&gt=1", Resource, None), Ok(()));
    assert_eq!(
        check("gt=1", ResourceInstance, Some(DataType::Integer)),
        Ok(())
    );
    assert_eq!(check("gt=1", Resource, Some(DataType::Time)), Ok(()));
    assert_eq!(
        check("lt", Resource, Some(DataType::String)),
        Err(AttributeError::NotHere("lt"))
    );
    assert_eq!(
        check("gt=1", Object, None),
        Err(AttributeError::NotHere("gt"))
    );
    assert_eq!(check("edge=1", Resource, Some(DataType::Boolean)), Ok(()));
    assert_eq!(
        check("edge=1", Resource, Some(DataType::Float)),
        Err(AttributeError::NotHere("edge"))
    );
    assert_eq!(check("pmax=1", Resource, Some(DataType::String)), Ok(()));
}

// proves: DM-34, REP-48
#[test]
fn changes_and_inheritance() {
    let base = set("pmin=1&pmax=9&gt=8");
    assert_eq!(
        base.changed(&change("pmin=2&gt").unwrap()),
        set("pmin=2&pmax=9")
    );
    assert_eq!(base.changed(&AttributeChange::default()), base);
    assert_eq!(set("pmin=5&st=1").or(&base), set("pmin=5&pmax=9&gt=8&st=1"));
    assert!(Attributes::default().is_empty());
    let names = base.names() - AttributeNames::COMPOSITE;
    assert_eq!(names.iter().collect::<Vec<_>>(), [Attribute::Gt]);
    assert_eq!(base.names() & AttributeNames::NONE, AttributeNames::NONE);
    assert!(
        base.changed(&AttributeChange::unset(base.names()))
            .is_empty()
    );
}

// proves: GEN-31, REP-04
#[test]
fn discover_shows_them() {
    let mut link = Link::to(Path::object_instance(0, 1));
    let properties = PropertyAttributes {
        dim: Some(3),
        ssid: Some(101),
        uri: Some("coaps://host:5684".into()),
        ver: Some("1.1".parse().unwrap()),
        lwm2m: Some(LwM2mVersion::V1_2),
    };
    properties.append_to(&mut link);
    let attributes = set("pmin=1&pmax=9&gt=8.5&con=1");
    attributes.append_to(&mut link);
    let text = "</0/1>;lwm2m=1.2;ver=1.1;dim=3;ssid=101;uri=\"coaps://host:5684\";pmin=1;pmax=9;gt=8.5;con=1";
    assert_eq!(link::write(&[link.clone()]), text);
    assert_eq!(PropertyAttributes::from_link(&link), Ok(properties));
    assert_eq!(Attributes::from_link(&link), Ok(attributes));
    for (parameters, error) in [
        (";pmin", AttributeError::Value("pmin")),
        (";pmin=x", AttributeError::Value("pmin")),
        (";pmin=1;pmin=1", AttributeError::Repeated("pmin")),
    ] {
        let links = link::parse(("</1>".to_string() + parameters).as_bytes()).unwrap();
        assert_eq!(Attributes::from_link(&links[0]), Err(error), "{parameters}");
    }
    for parameters in [
        ";ssid=0",
        ";ssid=65535",
        ";dim=65536",
        ";dim=+5",
        ";ssid=+5",
        ";ver=1",
        ";lwm2m=7.0",
        ";dim",
    ] {
        let links = link::parse(("</1>".to_string() + parameters).as_bytes()).unwrap();
        assert!(
            PropertyAttributes::from_link(&links[0]).is_err(),
            "{parameters}"
        );
    }
}

proptest! {
    #[test]
    fn reads_what_it_writes(
        periods in prop::array::uniform5(prop::option::of(any::<u32>())),
        bounds in prop::array::uniform2(prop::option::of(prop::num::f64::NORMAL | prop::num::f64::ZERO)),
        flags in prop::array::uniform2(prop::option::of(any::<bool>())),
    ) {
        // Legal sets only: the smaller of two is the minimum, or the lower bound.
        let ordered = |a: Option<u32>, b: Option<u32>| match (a, b) {
            (Some(a), Some(b)) => (Some(a.min(b)), Some(a.max(b))),
            other => other,
        };
        let (pmin, pmax) = ordered(periods[0], periods[1]);
        let (epmin, epmax) = ordered(periods[2], periods[3]);
        let (lt, gt) = match (bounds[0], bounds[1]) {
            (Some(a), Some(b)) if a > b => (Some(b), Some(a)),
            (Some(a), Some(b)) if a == b => (Some(a), None),
            other => other,
        };
        let attributes = Attributes {
            pmin, pmax, epmin, epmax, gt, lt, st: None,
            edge: flags[0], con: flags[1], hqmax: periods[4],
        };
        let queries = attributes.to_queries();
        prop_assert!(queries.iter().all(|query| query.len() <= 255));
        let read = AttributeChange::from_queries(queries.iter().map(String::as_str));
        prop_assert_eq!(read, Ok(attributes.into()));
    }

    #[test]
    fn never_panics(queries in prop::collection::vec("(pmin|gt|st|edge|[a-z]{0,3})=?[0-9.eE+-]{0,8}", 0..4)) {
        let _ = AttributeChange::from_queries(queries.iter().map(String::as_str));
    }
}

// proves: DM-34, DM-35, REP-05
#[test]
fn store_inherits_over_five_levels_and_keeps_servers_apart() {
    let mut store = AttributeStore::new(16);
    let paths = ["/3303", "/3303/0", "/3303/0/5700", "/3303/0/5700/1"]
        .map(|path| path.parse::<Path>().unwrap());
    for (path, queries) in paths.iter().zip([
        "pmin=1&pmax=90",
        "pmin=2&con=1",
        "gt=5&pmax=80",
        "gt=6&epmin=3",
    ]) {
        store.change(1, path, &change(queries).unwrap()).unwrap();
    }
    store
        .change(2, &paths[2], &change("st=1").unwrap())
        .unwrap();
    for (path, effective) in paths.iter().zip([
        "pmin=1&pmax=90",
        "pmin=2&pmax=90&con=1",
        "pmin=2&pmax=80&con=1&gt=5",
        "pmin=2&pmax=80&con=1&gt=6&epmin=3",
    ]) {
        assert_eq!(store.effective(1, path), set(effective), "{path}");
    }
    assert_eq!(store.effective(2, &paths[3]), set("st=1"));
    assert_eq!(store.effective(1, &Path::object(3)), Attributes::default());
    assert_eq!(store.attached(1, &paths[1]), set("pmin=2&con=1"));
    assert_eq!(store.iter().count(), 5);

    store
        .change(1, &paths[1], &change("pmin").unwrap())
        .unwrap();
    assert_eq!(store.effective(1, &paths[1]), set("pmin=1&pmax=90&con=1"));
    store.remove(&paths[2]);
    assert_eq!(store.effective(1, &paths[3]), set("pmin=1&pmax=90&con=1"));
    assert_eq!(store.effective(2, &paths[3]), Attributes::default());
    store.retain_servers(|server| server == 2);
    assert_eq!(store.iter().count(), 0);
}

// proves: DM-33
#[test]
fn store_is_bounded_and_refuses_contradictions() {
    let mut store = AttributeStore::new(1);
    let (device, server) = (Path::object(3), Path::object(1));
    store
        .change(1, &device, &change("pmin=10").unwrap())
        .unwrap();
    assert_eq!(
        store.change(1, &server, &change("pmin=1").unwrap()),
        Err(AttachError::Full)
    );
    let contradiction = AttributeError::Combination("pmin is above pmax");
    assert_eq!(
        store.change(1, &device, &change("pmax=5").unwrap()),
        Err(contradiction.into())
    );
    assert_eq!(
        store.attached(1, &device),
        set("pmin=10"),
        "nothing has changed"
    );
    // What is there may change, and what is unset makes room.
    store
        .change(1, &device, &change("pmax=50").unwrap())
        .unwrap();
    store
        .change(1, &device, &change("pmin&pmax").unwrap())
        .unwrap();
    store
        .change(1, &server, &change("pmin=1").unwrap())
        .unwrap();
}
