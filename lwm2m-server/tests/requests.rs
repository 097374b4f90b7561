//! Requests, observations, Send and queue mode of the engine, in virtual time.

#![allow(clippy::unwrap_used, reason = "helpers outside of test functions")]

mod support;

use lwm2m_core::{
    attributes::Attributes,
    coap::{Code, Request, Response},
    content::ContentFormat,
    operation::{DeviceOperation, Execute, Read},
    path::Path,
    value::Value,
};
use lwm2m_server::{
    DeviceError, Presence, RefusalReason, SecurityStore, ServerConfig, ServerEvent,
    engine::{EngineEvent, ObserveTarget},
};
use std::time::Duration;
use support::{Bench, From, code, open_policy, path_of, register, text, to_location};

const LINKS: &str = "</1/0>,</3/0>,</3303>;ver=1.1,</3303/0>";
const TEMPERATURE: Path = Path::resource(3303, 0, 5700);

fn read(path: Path) -> DeviceOperation {
    DeviceOperation::Read(Read { path, accept: None })
}

fn target(path: Path) -> ObserveTarget {
    ObserveTarget {
        paths: [path].into(),
        composite: None,
        accept: None,
        attributes: Attributes::default(),
    }
}

/// What became of the requests that ended.
fn completed(bench: &mut Bench) -> Vec<Result<Response, DeviceError>> {
    let ended = bench.events.drain(..).filter_map(|event| match event {
        EngineEvent::Completed { result, .. } => Some(result.map(|answer| answer.response)),
        _ => None,
    });
    ended.collect()
}

/// A bench with device `a` registered with this query.
fn registered(query: &[&str]) -> (Bench, Vec<String>) {
    let mut bench = Bench::open();
    let device = bench.add(From::address(1));
    let mut all = vec!["ep=a", "lt=86400", "lwm2m=1.1"];
    all.extend(query);
    let location = bench.register(device, &all, LINKS);
    bench.take_events();
    (bench, location)
}

fn values(event: &ServerEvent) -> Vec<Value> {
    match event {
        ServerEvent::Notification(notification) => notification
            .entries
            .iter()
            .map(|entry| entry.value.clone())
            .collect(),
        other => panic!("a notification expected: {other:?}"),
    }
}

#[test]
fn a_request_is_answered() {
    let (mut bench, _) = registered(&[]);
    bench.devices[0].1.handler = Box::new(|_| text("21.5"));
    bench
        .server
        .request(bench.now, "a", &read(TEMPERATURE), None)
        .unwrap();
    bench.settle();
    let results = completed(&mut bench);
    assert!(
        matches!(&results[..], [Ok(response)] if &response.payload[..] == b"21.5"),
        "{results:?}"
    );
    let unknown = bench
        .server
        .request(bench.now, "b", &read(TEMPERATURE), None);
    assert_eq!(unknown, Err(DeviceError::NotRegistered("b".into())));
}

// proves: GEN-19
#[test]
fn requests_go_below_the_alternate_path() {
    let mut bench = Bench::open();
    let device = bench.add(From::address(1));
    bench.register(
        device,
        &["ep=a", "lt=60", "lwm2m=1.1"],
        "</lwm2m>;rt=\"oma.lwm2m\",</lwm2m/3/0>",
    );
    bench
        .server
        .request(bench.now, "a", &read(Path::resource(3, 0, 0)), None)
        .unwrap();
    bench.settle();
    assert_eq!(
        bench.devices[0].1.asked,
        [(Code::GET, "/lwm2m/3/0/0".to_owned())]
    );
}

// proves: QUE-10
#[test]
fn no_answer_and_too_many_requests() {
    let (mut bench, _) = registered(&[]);
    // The device is switched off.
    bench.devices.clear();
    let deadline = Some(Duration::from_secs(10));
    for _ in 0..ServerConfig::default().max_requests {
        bench
            .server
            .request(bench.now, "a", &read(TEMPERATURE), deadline)
            .unwrap();
    }
    assert_eq!(
        bench
            .server
            .request(bench.now, "a", &read(TEMPERATURE), deadline),
        Err(DeviceError::Busy)
    );
    bench.pass(Duration::from_secs(60 * 60));
    let results = completed(&mut bench);
    assert_eq!(results.len(), ServerConfig::default().max_requests);
    assert!(
        results
            .iter()
            .all(|result| *result == Err(DeviceError::Timeout)),
        "{results:?}"
    );
    assert_eq!(bench.server.metrics().requests_pending, 0);
}

#[test]
fn requests_end_with_the_registration() {
    let (mut bench, location) = registered(&[]);
    bench.devices[0].1.handler = Box::new(|_| None);
    bench
        .server
        .request(bench.now, "a", &read(TEMPERATURE), None)
        .unwrap();
    bench.settle();
    bench.ask(0, to_location(Code::DELETE, &location, &[]));
    assert_eq!(completed(&mut bench), [Err(DeviceError::RegistrationEnded)]);
}

// proves: QUE-05, QUE-06, QUE-07, QUE-09
#[test]
fn a_sleeping_device_is_asked_when_it_speaks() {
    let (mut bench, location) = registered(&["Q"]);
    bench.devices[0].1.handler = Box::new(|_| text("1"));
    bench.pass(Duration::from_secs(92));
    assert_eq!(
        bench.server.registration("a").unwrap().presence,
        Presence::Awake
    );
    bench.pass(Duration::from_secs(2));
    assert_eq!(
        bench.server.registration("a").unwrap().presence,
        Presence::Asleep
    );
    assert!(matches!(
        &bench.take_events()[..],
        [ServerEvent::Asleep { .. }]
    ));

    bench
        .server
        .request(bench.now, "a", &read(TEMPERATURE), None)
        .unwrap();
    bench
        .server
        .request(
            bench.now,
            "a",
            &DeviceOperation::Execute(Execute::new(Path::resource(3, 0, 4))),
            None,
        )
        .unwrap();
    bench.pass(Duration::from_secs(600));
    assert!(bench.devices[0].1.asked.is_empty());

    bench.ask(0, to_location(Code::POST, &location, &[]));
    bench.settle();
    let events = bench.take_events();
    assert!(
        matches!(
            &events[..],
            [ServerEvent::Awake { .. }, ServerEvent::Updated { registration, .. }]
                if registration.presence == Presence::Awake
        ),
        "{events:?}"
    );
    let asked: Vec<&str> = bench.devices[0]
        .1
        .asked
        .iter()
        .map(|(_, path)| path.as_str())
        .collect();
    assert_eq!(asked, ["/3303/0/5700", "/3/0/4"], "in order");
    assert_eq!(completed(&mut bench).len(), 2);
}

// proves: QUE-10
#[test]
fn waiting_ends_some_time() {
    let (mut bench, _) = registered(&["Q"]);
    bench.pass(Duration::from_secs(100));
    bench.take_events();
    bench
        .server
        .request(bench.now, "a", &read(TEMPERATURE), None)
        .unwrap();
    bench.pass(Duration::from_secs(3601));
    assert_eq!(completed(&mut bench), [Err(DeviceError::Timeout)]);
    assert_eq!(bench.server.metrics().requests_pending, 0);
}

// proves: QUE-13
#[test]
fn waiting_requests_survive_a_new_registration() {
    let (mut bench, _) = registered(&["Q"]);
    bench.pass(Duration::from_secs(100));
    bench
        .server
        .request(bench.now, "a", &read(TEMPERATURE), None)
        .unwrap();
    let device = bench.add(From::address(2));
    bench.devices[device].1.handler = Box::new(|_| text("1"));
    bench.register(device, &["ep=a", "lt=60", "lwm2m=1.1", "Q"], LINKS);
    assert_eq!(bench.devices[device].1.asked.len(), 1);
    assert!(matches!(completed(&mut bench)[..], [Ok(_)]));
}

// proves: REP-29, REP-31
#[test]
fn observe_notify_cancel() {
    let (mut bench, _) = registered(&[]);
    bench.devices[0].1.handler = Box::new(|_| text("20.5"));
    let (id, ticket) = bench
        .server
        .observe(bench.now, "a", target(TEMPERATURE))
        .unwrap();
    assert!(ticket.is_some());
    bench.settle();
    let events = bench.take_events();
    assert!(
        matches!(events[0], ServerEvent::ObservationEstablished { observation, .. } if observation == id)
    );
    assert_eq!(values(&events[1]), [Value::Float(20.5)]);
    // The same again is the same observation, and costs no request.
    assert_eq!(
        bench.server.observe(bench.now, "a", target(TEMPERATURE)),
        Ok((id, None))
    );

    let now = bench.now;
    bench.devices[0]
        .1
        .notify(now, "/3303/0/5700", text("21.5").unwrap());
    bench.settle();
    let events = bench.take_events();
    assert_eq!(values(&events[0]), [Value::Float(21.5)]);
    assert!(
        matches!(&events[0], ServerEvent::Notification(notification) if notification.sequence == 1)
    );

    bench.events.clear();
    assert!(
        bench
            .server
            .cancel_observation(bench.now, id)
            .unwrap()
            .is_some()
    );
    bench.settle();
    assert!(!bench.devices[0].1.observes("/3303/0/5700"));
    assert!(matches!(
        &bench.take_events()[..],
        [ServerEvent::ObservationCancelled { code: None, .. }]
    ));
    assert!(matches!(completed(&mut bench)[..], [Ok(_)]));
    assert!(bench.server.cancel_observation(bench.now, id).is_err());
    assert_eq!(bench.server.metrics().observations, 0);
}

// proves: REP-64
#[test]
fn an_observation_that_is_refused_leaves_nothing() {
    let (mut bench, _) = registered(&[]);
    bench.devices[0].1.handler = Box::new(|_| code(Code::METHOD_NOT_ALLOWED));
    bench
        .server
        .observe(bench.now, "a", target(TEMPERATURE))
        .unwrap();
    bench.settle();
    assert!(matches!(
        completed(&mut bench)[..],
        [Ok(Response {
            code: Code::METHOD_NOT_ALLOWED,
            ..
        })]
    ));
    assert_eq!(bench.server.metrics().observations, 0);
}

#[test]
fn observations_are_bounded() {
    let mut config = ServerConfig::default();
    config.max_observations = 1;
    let mut bench = Bench::new(config, open_policy(&SecurityStore::new()));
    let device = bench.add(From::address(1));
    bench.register(device, &["ep=a", "lt=60", "lwm2m=1.1"], LINKS);
    bench
        .server
        .observe(bench.now, "a", target(TEMPERATURE))
        .unwrap();
    let second = bench
        .server
        .observe(bench.now, "a", target(Path::object(3)));
    assert_eq!(second, Err(DeviceError::Busy));
}

// proves: REP-35, REP-37
#[test]
fn observations_are_kept_over_update_and_renewed_after_register() {
    let (mut bench, location) = registered(&[]);
    bench.devices[0].1.handler = Box::new(|_| text("20"));
    let (id, _) = bench
        .server
        .observe(bench.now, "a", target(TEMPERATURE))
        .unwrap();
    bench.settle();
    bench.ask(0, to_location(Code::POST, &location, &[]));
    assert_eq!(
        bench.devices[0].1.asked.len(),
        1,
        "an update renews nothing"
    );

    bench.devices[0].1.restart(55);
    bench.devices[0].1.handler = Box::new(|_| text("30"));
    bench.take_events();
    bench.register(0, &["ep=a", "lt=86400", "lwm2m=1.1"], LINKS);
    bench.settle();
    assert!(bench.devices[0].1.observes("/3303/0/5700"));
    let events = bench.take_events();
    let again = events.iter().any(|event| {
        matches!(event, ServerEvent::ObservationEstablished { observation, .. } if *observation == id)
    });
    assert!(again, "{events:?}");
    let now = bench.now;
    bench.devices[0]
        .1
        .notify(now, "/3303/0/5700", text("31").unwrap());
    bench.settle();
    assert_eq!(values(&bench.take_events()[0]), [Value::Float(31.0)]);
}

// proves: REG-32
#[test]
fn observations_are_renewed_at_a_new_address() {
    let (mut bench, location) = registered(&[]);
    bench.devices[0].1.handler = Box::new(|_| text("20"));
    bench
        .server
        .observe(bench.now, "a", target(TEMPERATURE))
        .unwrap();
    bench.settle();
    let moved = bench.add(From::address(2));
    bench.devices[moved].1.handler = Box::new(|_| text("20"));
    bench.ask(moved, to_location(Code::POST, &location, &[]));
    assert!(bench.devices[moved].1.observes("/3303/0/5700"));
    assert!(bench.server.observations("a")[0].established);
}

#[test]
fn a_device_that_refuses_at_first_is_asked_again() {
    let (mut bench, _) = registered(&[]);
    bench.devices[0].1.handler = Box::new(|_| text("20"));
    bench
        .server
        .observe(bench.now, "a", target(TEMPERATURE))
        .unwrap();
    bench.settle();
    bench.devices[0].1.restart(55);
    let mut refusals = 2;
    bench.devices[0].1.handler = Box::new(move |_| {
        if refusals > 0 {
            refusals -= 1;
            return code(Code::SERVICE_UNAVAILABLE);
        }
        text("20")
    });
    bench.register(0, &["ep=a", "lt=86400", "lwm2m=1.1"], LINKS);
    assert!(!bench.server.observations("a")[0].established);
    bench.pass(Duration::from_secs(25));
    assert!(bench.server.observations("a")[0].established);

    bench.devices[0].1.restart(56);
    bench.devices[0].1.handler = Box::new(|_| code(Code::NOT_FOUND));
    bench.take_events();
    bench.register(0, &["ep=a", "lt=86400", "lwm2m=1.1"], LINKS);
    bench.pass(Duration::from_secs(60));
    assert!(
        bench.server.observations("a").is_empty(),
        "it is gone for good"
    );
    let ended = bench.take_events();
    let cancelled = |event: &ServerEvent| {
        matches!(
            event,
            ServerEvent::ObservationCancelled {
                code: Some(Code::NOT_FOUND),
                ..
            }
        )
    };
    assert_eq!(ended.iter().filter(|event| cancelled(event)).count(), 1);
}

#[test]
fn a_notification_of_an_error_ends_the_observation() {
    let (mut bench, _) = registered(&[]);
    bench.devices[0].1.handler = Box::new(|_| text("20"));
    bench
        .server
        .observe(bench.now, "a", target(TEMPERATURE))
        .unwrap();
    bench.settle();
    bench.take_events();
    let now = bench.now;
    bench.devices[0]
        .1
        .notify(now, "/3303/0/5700", Response::new(Code::NOT_FOUND));
    bench.settle();
    assert!(matches!(
        &bench.take_events()[..],
        [ServerEvent::ObservationCancelled {
            code: Some(Code::NOT_FOUND),
            ..
        }]
    ));
}

// proves: REP-57, REP-58, REP-59, REP-61, SEC-14
#[test]
fn send() {
    let (mut bench, _) = registered(&[]);
    let sent = |json: &str| {
        Request::new(Code::POST)
            .path_segment("dp")
            .body(ContentFormat::SenmlJson.number(), json.as_bytes().to_vec())
    };
    let answer = bench.ask(0, sent(r#"[{"bn":"/3303/0/","n":"5700","v":21.5}]"#));
    assert_eq!(answer.code, Code::CHANGED);
    match &bench.take_events()[..] {
        [
            ServerEvent::Sent {
                endpoint, entries, ..
            },
        ] => {
            assert_eq!(&**endpoint, "a");
            assert_eq!(
                (entries[0].path, &entries[0].value),
                (TEMPERATURE, &Value::Float(21.5))
            );
        }
        other => panic!("{other:?}"),
    }
    // What is not registered is refused, what is malformed too; nobody else may send.
    let answer = bench.ask(0, sent(r#"[{"n":"/3304/0/5700","v":21.5}]"#));
    assert_eq!(answer.code, Code::NOT_FOUND);
    assert!(matches!(
        &bench.take_events()[..],
        [ServerEvent::Refused {
            reason: RefusalReason::NotRegistered(_),
            ..
        }]
    ));
    assert_eq!(bench.ask(0, sent("[{")).code, Code::BAD_REQUEST);
    let stranger = bench.add(From::address(9));
    assert_eq!(
        bench
            .ask(stranger, sent(r#"[{"n":"/3303/0/5700","v":1}]"#))
            .code,
        Code::NOT_FOUND
    );
}

#[test]
fn state_survives_a_restart() {
    let (mut bench, location) = registered(&["Q", "sms=123"]);
    bench.server.remember_changes();
    bench.devices[0].1.handler = Box::new(|_| text("20"));
    let (id, _) = bench
        .server
        .observe(bench.now, "a", target(TEMPERATURE))
        .unwrap();
    bench.settle();
    bench.ask(0, to_location(Code::POST, &location, &["lt=500"]));
    let documents: Vec<_> = bench
        .server
        .take_changes(100)
        .into_iter()
        .map(|change| match change {
            lwm2m_server::store::Change::Put(document) => document,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(documents.len(), 2);
    assert!(bench.server.take_changes(100).is_empty());
    let before = bench.server.registration("a").unwrap();

    let mut after = Bench::open();
    after.now = bench.now;
    for document in &documents {
        after.server.restore(after.now, document).unwrap();
    }
    let restored = after.server.registration("a").unwrap();
    assert_eq!(
        (&restored.id, restored.lifetime, &restored.sms),
        (&before.id, before.lifetime, &before.sms)
    );
    assert_eq!(restored.objects, before.objects);
    assert_eq!(restored.presence, Presence::Asleep);

    let device = after.add(From::address(1));
    after.devices[device].1.handler = Box::new(|request| {
        assert_eq!(path_of(request), "/3303/0/5700");
        text("20")
    });
    assert_eq!(
        after
            .ask(device, to_location(Code::POST, &location, &[]))
            .code,
        Code::CHANGED
    );
    after.settle();
    assert!(
        after
            .server
            .observations("a")
            .iter()
            .any(|known| known.id == id && known.established)
    );
    after.pass(Duration::from_secs(501));
    assert!(
        after.server.registration("a").is_none(),
        "its lifetime goes on"
    );
}

#[test]
fn a_removed_record_is_removed_from_the_store() {
    let (mut bench, location) = registered(&[]);
    bench.server.remember_changes();
    bench.ask(0, to_location(Code::DELETE, &location, &[]));
    let changes = bench.server.take_changes(100);
    assert!(
        matches!(&changes[..], [lwm2m_server::store::Change::Remove { key, .. }] if key == "a")
    );
}

// proves: GEN-02, REG-50
#[test]
fn a_query_of_1_0_says_queue_mode_in_its_binding() {
    let mut bench = Bench::open();
    let device = bench.add(From::address(1));
    bench.ask(
        device,
        register(&["ep=a", "lt=60", "b=UQ"], "</1/0>,</3/0>"),
    );
    assert!(bench.server.registration("a").unwrap().queue_mode);
}
