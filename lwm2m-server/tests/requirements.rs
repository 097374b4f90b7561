//! What the specification demands of a server and no other test shows.

#![allow(clippy::unwrap_used, reason = "helpers outside of test functions")]

mod support;

use lwm2m_core::{
    attributes::Attributes,
    coap::{Code, Request, Response, option},
    content::ContentFormat,
    link,
    operation::{DeviceOperation, Read},
    path::Path,
    value::{ObjectLink, Value},
    version::ObjectVersion,
};
use lwm2m_server::{
    Profiles, RefusalReason, SecurityStore, Server, ServerConfig, ServerEvent,
    engine::{EngineEvent, ObserveTarget},
};
use std::time::{Duration, SystemTime};
use support::{Bench, From, Wire, code, open_policy, register, text, to_location};

const LINKS: &str = "</1/0>,</3/0>,</3303>;ver=1.1,</3303/0>";
const TEMPERATURE: Path = Path::resource(3303, 0, 5700);
const DAY: Duration = Duration::from_secs(86_400);

/// A bench with device `a` registered with this query beside its name.
fn registered(query: &[&str]) -> (Bench, Vec<String>) {
    let mut bench = Bench::open();
    let device = bench.add(From::address(1));
    let query = [&["ep=a", "lwm2m=1.1"], query].concat();
    let location = bench.register(device, &query, LINKS);
    bench.take_events();
    (bench, location)
}

fn observe(bench: &mut Bench, path: Path) -> u64 {
    let target = ObserveTarget {
        paths: [path].into(),
        composite: None,
        accept: None,
        attributes: Attributes::default(),
    };
    let (id, _) = bench.server.observe(bench.now, "a", target).unwrap();
    bench.settle();
    id
}

fn json(response: Response, text: &str) -> Response {
    response.body(ContentFormat::SenmlJson.number(), text.as_bytes().to_vec())
}

// proves: GEN-03, LINK-06, REG-23, REG-24
#[test]
fn unknown_objects_and_parameters_are_no_hindrance() {
    let mut bench = Bench::open();
    let device = bench.add(From::address(1));
    let links = "</1/0>,</3/0>;title=\"a device\";x;ver=1.9,</44000/0>;ver=7.3,</44001>,</weather>";
    let location = bench.register(device, &["ep=a", "lt=60", "lwm2m=1.1"], links);
    let known = bench.server.registration("a").unwrap();
    assert!(known.objects.has(&Path::object_instance(3, 0)));
    assert!(known.objects.has(&Path::object_instance(44_000, 0)));
    assert_eq!(
        known.objects.version(44_000),
        Some(ObjectVersion::new(7, 3))
    );
    let mut update = to_location(Code::POST, &location, &[]);
    update = update.body(40, &b"</1/0>,</44002/7>;y=\"z\""[..]);
    assert_eq!(bench.ask(device, update).code, Code::CHANGED);
    let known = bench.server.registration("a").unwrap();
    assert!(known.objects.has(&Path::object_instance(44_002, 7)));
}

// proves: REG-09
#[test]
fn a_registration_of_1_0_without_a_lifetime_has_a_day() {
    let mut bench = Bench::open();
    let device = bench.add(From::address(1));
    bench.register(device, &["ep=a"], LINKS);
    assert_eq!(bench.server.registration("a").unwrap().lifetime, DAY);
    bench.pass(DAY - Duration::from_secs(1));
    assert!(bench.server.registration("a").is_some());
    bench.pass(Duration::from_secs(2));
    assert!(bench.server.registration("a").is_none());
}

// proves: REG-43
#[test]
fn an_object_list_in_an_update_replaces_the_other() {
    let (mut bench, location) = registered(&["lt=60"]);
    let update = to_location(Code::POST, &location, &[]).body(40, &b"</1/0>,</3/0>,</5/0>"[..]);
    assert_eq!(bench.ask(0, update).code, Code::CHANGED);
    let known = bench.server.registration("a").unwrap();
    assert!(known.objects.has(&Path::object_instance(5, 0)));
    assert!(!known.objects.has(&Path::object_instance(3303, 0)));
    // What an update does not say stays.
    let update = to_location(Code::POST, &location, &["lt=90"]);
    assert_eq!(bench.ask(0, update).code, Code::CHANGED);
    let known = bench.server.registration("a").unwrap();
    assert!(known.objects.has(&Path::object_instance(5, 0)));
}

// proves: REG-41
#[test]
fn an_update_that_cannot_be_read_changes_nothing() {
    let (mut bench, location) = registered(&["lt=60"]);
    let before = bench.server.registration("a").unwrap();
    for query in ["lt=soon", "b=X", "sms="] {
        let update = to_location(Code::POST, &location, &[query]);
        assert_eq!(bench.ask(0, update).code, Code::BAD_REQUEST, "{query}");
    }
    let links = to_location(Code::POST, &location, &[]).body(40, &b"</5/0"[..]);
    assert_eq!(bench.ask(0, links).code, Code::BAD_REQUEST);
    let after = bench.server.registration("a").unwrap();
    assert_eq!(
        (after.lifetime, after.binding),
        (before.lifetime, before.binding)
    );
    assert_eq!(after.objects, before.objects);
}

// proves: REG-55
#[test]
fn a_lifetime_of_0_does_not_end() {
    let (mut bench, _) = registered(&["lt=0"]);
    // As long as the bound of the configuration lets anything stay.
    for _ in 0..365 {
        bench.pass(DAY);
    }
    assert!(bench.server.registration("a").is_some());
}

// proves: REG-35
#[test]
fn observations_end_with_the_registration() {
    for expires in [true, false] {
        let (mut bench, location) = registered(&["lt=60"]);
        bench.devices[0].1.handler = Box::new(|_| text("20"));
        observe(&mut bench, TEMPERATURE);
        assert!(bench.server.observations("a")[0].established);
        match expires {
            true => bench.pass(Duration::from_secs(61)),
            false => {
                let leave = to_location(Code::DELETE, &location, &[]);
                assert_eq!(bench.ask(0, leave).code, Code::DELETED);
            }
        }
        assert!(bench.server.registration("a").is_none());
        assert!(
            !bench
                .server
                .observations("a")
                .iter()
                .any(|known| known.established)
        );
        // A notification that still comes is told to nobody, and rejected.
        bench.take_events();
        let now = bench.now;
        let late = text("21").unwrap();
        bench.devices[0].1.notify(now, "/3303/0/5700", late);
        bench.settle();
        assert!(bench.take_events().is_empty());
        assert!(!bench.devices[0].1.observes("/3303/0/5700"));
    }
}

// proves: REG-66
#[test]
fn objects_that_cannot_be_found_out_are_refused() {
    let mut bench = Bench::open();
    let device = bench.add(From::address(1));
    for profile in ["pid=6:1234abcd", "pid=\"oma:x-1,v:Y\""] {
        let query = ["ep=a", "lt=60", "lwm2m=1.2", profile];
        let answer = bench.ask(device, register(&query, ""));
        assert_eq!(answer.code, Code::CONFLICT, "{profile}");
        assert!(bench.server.registration("a").is_none());
    }
    // A list beside it may be the rest only.
    let query = ["ep=a", "lt=60", "lwm2m=1.2", "pid=6:1234abcd"];
    let answer = bench.ask(device, register(&query, "</1/0>"));
    assert_eq!(answer.code, Code::CONFLICT);
    assert!(bench.server.registration("a").is_none());
    // The client comes back with its list.
    let location = bench.register(device, &query[..3], LINKS);
    let before = bench.server.registration("a").unwrap();
    bench.take_events();
    for links in ["", "</1/0>"] {
        let update = to_location(Code::POST, &location, &["lt=90", "pid=6:1234abcd"]);
        let update = match links {
            "" => update,
            links => update.body(40, links.as_bytes().to_vec()),
        };
        assert_eq!(bench.ask(device, update).code, Code::CONFLICT);
        let events = bench.take_events();
        assert!(
            matches!(
                &events[..],
                [ServerEvent::Refused {
                    endpoint: Some(endpoint),
                    reason: RefusalReason::UnknownProfile,
                    ..
                }] if **endpoint == *"a"
            ),
            "{events:?}"
        );
    }
    let known = bench.server.registration("a").unwrap();
    assert_eq!(known.objects, before.objects);
    assert_eq!(known.lifetime, before.lifetime, "all of it or nothing");
}

/// Profiles came with 1.2: to a device of 1.1 the argument is one like any other.
#[test]
fn an_older_device_has_no_profile() {
    let mut bench = Bench::open();
    let device = bench.add(From::address(1));
    let location = bench.register(device, &["ep=a", "lt=60", "lwm2m=1.1"], LINKS);
    let before = bench.server.registration("a").unwrap();
    let update = to_location(Code::POST, &location, &["pid=oma:base"]);
    assert_eq!(bench.ask(device, update).code, Code::CHANGED);
    let known = bench.server.registration("a").unwrap();
    assert_eq!(known.objects, before.objects);
}

// proves: REG-70
#[test]
fn profiles_and_lists_are_taken_together() {
    let links = |text: &str| link::parse(text.as_bytes()).unwrap();
    let mut config = ServerConfig::default();
    config.profiles = Profiles::new()
        .with("oma:base", links("</1/0>,</3/0>"))
        .and_then(|profiles| profiles.with("v:Sensor", links("</3303>;ver=1.1,</3303/0>")))
        .unwrap();
    let mut bench = Bench::new(config, open_policy(&SecurityStore::new()));
    let device = bench.add(From::address(1));
    let objects = |bench: &Bench| {
        let known = bench.server.registration("a").unwrap();
        let paths = known.objects.paths().map(|path| path.to_string());
        paths.collect::<Vec<_>>().join(" ")
    };
    let query = ["ep=a", "lt=60", "lwm2m=1.2", "pid=\"oma:base,v:Sensor\""];
    let location = bench.register(device, &query, "</5/0>");
    assert_eq!(objects(&bench), "/1/0 /3/0 /5/0 /3303/0");
    let known = bench.server.registration("a").unwrap();
    assert_eq!(known.objects.version(3303), Some(ObjectVersion::new(1, 1)));
    // One of several that is not known: the objects cannot be found out.
    let unknown = register(
        &["ep=b", "lt=60", "lwm2m=1.2", "pid=\"oma:base,v:New\""],
        "",
    );
    assert_eq!(bench.ask(device, unknown).code, Code::CONFLICT);
    let update = to_location(Code::POST, &location, &["pid=oma:base"]);
    assert_eq!(bench.ask(device, update).code, Code::CHANGED);
    assert_eq!(objects(&bench), "/1/0 /3/0");
    // Of a device with another root all objects are below that.
    let listed = "</lwm2m>;rt=\"oma.lwm2m\",</lwm2m/5/0>";
    let location = bench.register(device, &query, listed);
    assert_eq!(objects(&bench), "/1/0 /3/0 /5/0 /3303/0");
    let known = bench.server.registration("a").unwrap();
    assert_eq!(known.objects.root, ["lwm2m"]);
    let update = to_location(Code::POST, &location, &["pid=oma:base"]);
    let update = update.body(40, listed.as_bytes().to_vec());
    assert_eq!(bench.ask(device, update).code, Code::CHANGED);
    assert_eq!(objects(&bench), "/1/0 /3/0 /5/0");
}

// proves: REG-72
#[test]
fn the_sms_number_is_kept() {
    let (mut bench, location) = registered(&["lt=60", "b=US", "sms=491701234567"]);
    let known = bench.server.registration("a").unwrap();
    assert_eq!(known.sms.as_deref(), Some("491701234567"));
    let update = to_location(Code::POST, &location, &["sms=491707654321"]);
    assert_eq!(bench.ask(0, update).code, Code::CHANGED);
    let known = bench.server.registration("a").unwrap();
    assert_eq!(known.sms.as_deref(), Some("491707654321"));
}

// proves: DM-75
#[test]
fn a_refusal_is_told() {
    let (mut bench, _) = registered(&["lt=60"]);
    for refusal in [
        Code::UNAUTHORIZED,
        Code::METHOD_NOT_ALLOWED,
        Code::INTERNAL_SERVER_ERROR,
    ] {
        bench.devices[0].1.handler = Box::new(move |_| code(refusal));
        let read = DeviceOperation::Read(Read {
            path: TEMPERATURE,
            accept: None,
        });
        bench.server.request(bench.now, "a", &read, None).unwrap();
        bench.settle();
        let told = bench.events.drain(..).find_map(|event| match event {
            EngineEvent::Completed { result, .. } => Some(result.map(|answer| answer.response)),
            _ => None,
        });
        assert_eq!(told.unwrap().unwrap().code, refusal);
    }
}

/// Values of resources that no definition knows: in an answer, and in a Send.
// proves: DM-09, REP-60
#[tokio::test(start_paused = true)]
async fn resources_nobody_knows_are_read_and_sent() {
    let body = r#"[{"bn":"/3/0/","n":"0","vs":"Maker"},{"n":"29999","v":7}]"#;
    let (wire, end) = Wire::new(From::address(1));
    let server = Server::builder()
        .danger_accept_unsecured()
        .start_on(wire)
        .await
        .unwrap();
    let mut events = server.events();
    end.act(|device, now| {
        device.handler = Box::new(move |_| Some(json(Response::new(Code::CONTENT), body)));
        device.send(now, register(&["ep=a", "lt=60", "lwm2m=1.1"], LINKS));
    });
    while !matches!(events.next().await, Some(ServerEvent::Registered { .. })) {}
    let unknown = Path::resource(3, 0, 29_999);
    let entries = server
        .device("a")
        .await
        .unwrap()
        .read("/3/0")
        .await
        .unwrap();
    let value = entries.iter().find(|entry| entry.path == unknown);
    assert_eq!(value.unwrap().value, Value::Integer(7));
    end.act(|device, now| {
        let send = Request::new(Code::POST).path_segment("dp");
        let format = ContentFormat::SenmlJson.number();
        device.send(now, send.body(format, body.as_bytes().to_vec()));
    });
    loop {
        if let ServerEvent::Sent { entries, .. } = events.next().await.unwrap() {
            assert!(entries.iter().any(|entry| entry.path == unknown));
            break;
        }
    }
    server.stop().await;
    let codes = end.act(|device, _| {
        let answers = device.answers.iter();
        answers
            .map(|answer| answer.clone().unwrap().code)
            .collect::<Vec<_>>()
    });
    assert_eq!(codes, [Code::CREATED, Code::CHANGED]);
}

/// What an object link in an answer leads to may come with it (Core 1.2.2, table 7.5.6-4).
// proves: FMT-41
#[tokio::test(start_paused = true)]
async fn what_links_lead_to_is_read() {
    let body = r#"[{"bn":"/","n":"3/0/0","vs":"Maker"},{"n":"3/0/22/0","vlo":"66:1"},
        {"n":"66/1/0","vs":"myService"},{"n":"66/1/2","vlo":"FFFF:FFFF"}]"#;
    let one = r#"[{"n":"/3/0/22/0","vlo":"66:1"},{"n":"/66/1/0","vs":"myService"}]"#;
    let elsewhere = r#"[{"n":"/3/0/0","vs":"Maker"},{"n":"/66/1/0","vs":"myService"}]"#;
    let (wire, end) = Wire::new(From::address(1));
    let server = Server::builder()
        .danger_accept_unsecured()
        .start_on(wire)
        .await
        .unwrap();
    let mut events = server.events();
    end.act(|device, now| {
        device.handler = Box::new(move |request| {
            let body = match support::path_of(request).as_str() {
                "/3/0" => body,
                "/3/0/22/0" => one,
                _ => elsewhere,
            };
            Some(json(Response::new(Code::CONTENT), body))
        });
        device.send(now, register(&["ep=a", "lt=60", "lwm2m=1.1"], LINKS));
    });
    while !matches!(events.next().await, Some(ServerEvent::Registered { .. })) {}
    let device = server.device("a").await.unwrap();
    let link = |object, instance| Value::ObjectLink(ObjectLink { object, instance });
    let found: Vec<_> = (device.read("/3/0").await.unwrap().into_iter())
        .map(|entry| (entry.path.to_string(), entry.value))
        .collect();
    let expected = [
        ("/3/0/0", "Maker".into()),
        ("/3/0/22/0", link(66, 1)),
        ("/66/1/0", "myService".into()),
        ("/66/1/2", Value::ObjectLink(ObjectLink::NULL)),
    ];
    assert_eq!(found, expected.map(|(path, value)| (path.into(), value)));
    assert_eq!(device.read_value("/3/0/22/0").await, Ok(link(66, 1)));
    let error = device.read("/3/0/1").await.unwrap_err();
    assert!(
        error.to_string().contains("lies outside of /3/0/1"),
        "{error}"
    );
    let error = device.read("/3").await.unwrap_err();
    assert!(error.to_string().contains("lies outside of /3"), "{error}");
    server.stop().await;
}

// proves: COAP-59
#[test]
fn host_and_port_may_be_named() {
    let mut bench = Bench::open();
    let device = bench.add(From::address(1));
    let mut named = register(&["ep=a", "lt=60", "lwm2m=1.1"], LINKS);
    named.options.push(option::URI_HOST, b"server.example");
    named.options.set_uint(option::URI_PORT, 5683);
    assert_eq!(bench.ask(device, named).code, Code::CREATED);
    assert!(bench.server.registration("a").is_some());
}

// proves: REP-53
#[test]
fn values_with_times_are_told() {
    let (mut bench, _) = registered(&["lt=60"]);
    bench.devices[0].1.handler = Box::new(|_| text("20"));
    observe(&mut bench, TEMPERATURE);
    bench.take_events();
    let series =
        r#"[{"bn":"/3303/0/5700","bt":1700000000,"v":20},{"t":60,"v":21},{"t":120,"v":22}]"#;
    let now = bench.now;
    let late = json(Response::new(Code::CONTENT), series);
    bench.devices[0].1.notify(now, "/3303/0/5700", late);
    bench.settle();
    let events = bench.take_events();
    let [ServerEvent::Notification(told)] = &events[..] else {
        panic!("{events:?}");
    };
    let found: Vec<_> = told
        .entries
        .iter()
        .map(|entry| (entry.time, entry.value.clone()))
        .collect();
    let expected = [(0.0, 20.0), (60.0, 21.0), (120.0, 22.0)]
        .map(|(after, value)| (Some(1.7e9 + after), Value::Float(value)));
    assert_eq!(found, expected);
}

// proves: SML-08
#[test]
fn times_from_now_are_put_on_the_clock() {
    let (mut bench, _) = registered(&["lt=60"]);
    let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    bench.server.set_wall_clock(bench.now, wall);
    bench.devices[0].1.handler = Box::new(|_| text("20"));
    observe(&mut bench, TEMPERATURE);
    bench.take_events();
    // RFC 8428, section 4.5.3: from 2^28 on since 1970, below that from now on.
    let series = r#"[{"bn":"/3303/0/5700","t":-5,"v":1},{"t":0,"v":2},{"t":3,"v":3},
        {"t":268435455,"v":4},{"t":268435456,"v":5},{"v":6}]"#;
    let expected = [
        Some(1_699_999_995.0),
        Some(1_700_000_000.0),
        Some(1_700_000_003.0),
        Some(1_968_435_455.0),
        Some(268_435_456.0),
        None,
    ];
    let now = bench.now;
    let late = json(Response::new(Code::CONTENT), series);
    bench.devices[0].1.notify(now, "/3303/0/5700", late);
    let send = Request::new(Code::POST).path_segment("dp");
    let send = send.body(ContentFormat::SenmlJson.number(), series);
    assert_eq!(bench.ask(0, send).code, Code::CHANGED);
    let events = bench.take_events();
    let told: Vec<Vec<_>> = (events.iter())
        .map(|event| match event {
            ServerEvent::Notification(told) => &told.entries[..],
            ServerEvent::Sent { entries, .. } => entries,
            other => panic!("{other:?}"),
        })
        .map(|entries| entries.iter().map(|entry| entry.time).collect())
        .collect();
    assert_eq!(told, [expected, expected]);
}
