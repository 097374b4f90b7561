//! The vocabulary: links, attributes, rules of notification, definitions.

use alloc::{string::ToString, vec, vec::Vec};
use core::time::Duration;
use lwm2m_core::{
    attributes::{AttributeChange, AttributeStore, Attributes, PropertyAttributes},
    entry::Entry,
    link::{self, Link, LinkInterner},
    notification::{CompositeRule, Decision, ElementState, History, NotificationRule},
    path::Path,
    time::Instant,
    value::Value,
    version::{LwM2mVersion, ObjectVersion},
};
use lwm2m_objects::{
    Definitions, device,
    ipso::temperature,
    validate::{Operation, conform, validate_instance, validate_operation, validate_value},
};

const VALUE: Path = Path::resource(temperature::ID, 0, temperature::SENSOR_VALUE);

pub fn links() {
    let text = r#"</>;rt="oma.lwm2m";ct="60 112",</1/0>,</3303>;ver=1.1,</3303/0>"#;
    let links = link::parse(text.as_bytes()).expect("links");
    assert_eq!(
        link::parse(link::write(&links).as_bytes()),
        Ok(links.clone())
    );
    let mut interner = LinkInterner::new();
    let first = interner.intern(links.clone());
    assert!(first.is_shared_with(&interner.intern(links)));
    let version = first
        .supported()
        .object_version(temperature::ID, LwM2mVersion::V1_1);
    assert_eq!(version, Some(ObjectVersion::new(1, 1)));
    assert!(first.supported().contains(&Path::object_instance(1, 0)));
    assert!(link::parse(b"</3/0").is_err());
    let discovered = link::parse_bootstrap_discover(b"lwm2m=1.0,</0/0>;ssid=101,</1/0>");
    let discovered = discovered.expect("links");
    let of_server = PropertyAttributes::from_link(&discovered[0]).expect("attributes");
    assert_eq!(of_server.lwm2m, Some(LwM2mVersion::V1_0));
    let of_account = PropertyAttributes::from_link(&discovered[1]).expect("attributes");
    assert_eq!(of_account.ssid, Some(101));
    let mut link = Link::to(Path::object_instance(0, 0));
    of_account.append_to(&mut link);
    assert_eq!(link, discovered[1]);
    assert_eq!(link::write(&[Link::to(VALUE)]), "</3303/0/5700>");
}

pub fn attributes() {
    let mut store = AttributeStore::new(8);
    let change = |queries: &[&str]| AttributeChange::from_queries(queries.iter().copied());
    let outer = change(&["pmin=10", "pmax=60"]).expect("attributes");
    let inner = change(&["gt=25.5", "lt=-10", "st=0.5"]).expect("attributes");
    let object = Path::object(temperature::ID);
    store.change(1, &object, &outer).expect("there is room");
    store.change(1, &VALUE, &inner).expect("there is room");
    let effective = store.effective(1, &VALUE);
    assert_eq!((effective.pmin, effective.gt), (Some(10), Some(25.5)));
    assert!(change(&["pmin=60", "pmax=10"]).is_err());
}

pub fn notification_rules() {
    let at = |seconds| Instant::ZERO + Duration::from_secs(seconds);
    let mut attributes = Attributes::default();
    (attributes.pmin, attributes.gt) = (Some(10), Some(25.0));
    let (cold, hot) = (Value::Float(20.0), Value::Float(26.0));

    let mut rule = NotificationRule::new(attributes, at(0), Some(&cold));
    assert_eq!(rule.evaluate(at(1), Some(&hot), true), Decision::At(at(10)));
    assert_eq!(rule.evaluate(at(10), Some(&hot), true), Decision::Now);
    rule.notified(at(10), Some(&hot));
    assert_eq!(rule.evaluate(at(11), Some(&hot), false), Decision::Never);

    let elements = [(attributes, Some(&cold))];
    let mut composite = CompositeRule::new(None, elements, at(0));
    let state = ElementState {
        value: Some(&hot),
        changed: true,
    };
    assert_eq!(composite.evaluate(at(10), [state]), Decision::Now);

    let mut history = History::new(2);
    for time in [1.0, 2.0, 3.0] {
        history.record(time, [Entry::new(VALUE, 21.5)]);
    }
    let times: Vec<_> = history.take().iter().map(|entry| entry.time).collect();
    assert_eq!(times, vec![Some(2.0), Some(3.0)]);
}

pub fn definitions() {
    let definitions = Definitions::built_in();
    // Every table is linked, not only those that are named here.
    assert!(
        definitions
            .iter()
            .map(|model| model.resources.len())
            .sum::<usize>()
            > 500
    );
    let model = definitions.latest(temperature::ID).expect("built in");
    assert_eq!(validate_value(model, VALUE, &Value::Float(21.5)), Ok(()));
    let error = validate_value(model, VALUE, &"abc".into()).expect_err("no float");
    assert_eq!(
        error.to_string(),
        r#"/3303/0/5700: expects Float, got String "abc""#
    );
    assert_eq!(
        conform(model, VALUE, Value::Integer(21)),
        Ok(Value::Float(21.0))
    );
    assert!(validate_operation(model, VALUE, Operation::Execute).is_err());
    let device = definitions.get(device::ID, ObjectVersion::new(1, 1));
    let instance = Path::object_instance(device::ID, 0);
    assert!(validate_instance(device.expect("built in"), instance, []).is_err());
}
