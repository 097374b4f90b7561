//! The registration interface of the engine, in virtual time; whom it lets in stands in `authorization`.

#![allow(clippy::unwrap_used, reason = "helpers outside of test functions")]

mod support;

use lwm2m_core::{
    coap::{Code, Message, MessageKind, Request, Token, option},
    content::ContentFormat,
    path::Path,
    version::ObjectVersion,
};
use lwm2m_server::{DeregistrationReason, RefusalReason, SecurityStore, ServerConfig, ServerEvent};
use std::time::Duration;
use support::{Bench, From, LINKS, open_policy, refusal, register, to_location};

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

// proves: COAP-44, REG-01, REG-16, REG-22, REG-31, REG-36, REG-46, REG-47, REG-75
#[test]
fn register_update_deregister() {
    let mut bench = Bench::open();
    let device = bench.add(From::address(1));
    let location = bench.register(
        device,
        &["ep=a", "lt=300", "lwm2m=1.1", "b=U", "x=y"],
        LINKS,
    );
    assert_eq!(location[0], "rd");
    match &bench.take_events()[..] {
        [
            ServerEvent::Registered {
                registration,
                replaced: false,
            },
        ] => {
            assert_eq!(&*registration.endpoint, "a");
            assert_eq!(registration.lifetime, seconds(300));
            assert_eq!(
                registration.additional,
                [("x".to_owned(), Some("y".to_owned()))]
            );
            assert_eq!(
                registration.objects.formats,
                [ContentFormat::SenmlJson, ContentFormat::SenmlCbor]
            );
            assert_eq!(
                registration.objects.version(3303),
                Some(ObjectVersion::new(1, 1))
            );
            assert!(registration.objects.has(&Path::object_instance(3, 0)));
        }
        other => panic!("{other:?}"),
    }
    let answer = bench.ask(device, to_location(Code::POST, &location, &["lt=60"]));
    assert_eq!(answer.code, Code::CHANGED);
    match &bench.take_events()[..] {
        [
            ServerEvent::Updated {
                registration,
                changed: true,
            },
        ] => {
            assert_eq!(registration.lifetime, seconds(60));
        }
        other => panic!("{other:?}"),
    }
    let answer = bench.ask(device, to_location(Code::DELETE, &location, &[]));
    assert_eq!(answer.code, Code::DELETED);
    assert!(matches!(
        &bench.take_events()[..],
        [ServerEvent::Deregistered {
            reason: DeregistrationReason::ByDevice,
            ..
        }]
    ));
    assert_eq!(
        bench
            .ask(device, to_location(Code::POST, &location, &[]))
            .code,
        Code::NOT_FOUND
    );
    assert_eq!(
        bench
            .ask(device, to_location(Code::DELETE, &location, &[]))
            .code,
        Code::NOT_FOUND
    );
    assert_eq!(bench.server.registrations(0, 10).0, 0);
}

// proves: REG-34, REG-39
#[test]
fn a_registration_expires_unless_it_is_updated() {
    let mut bench = Bench::open();
    let device = bench.add(From::address(1));
    let location = bench.register(device, &["ep=a", "lt=60", "lwm2m=1.1"], LINKS);
    bench.take_events();
    for _ in 0..10 {
        bench.pass(seconds(59));
        assert_eq!(
            bench
                .ask(device, to_location(Code::POST, &location, &[]))
                .code,
            Code::CHANGED
        );
    }
    assert!(
        bench
            .take_events()
            .iter()
            .all(|event| matches!(event, ServerEvent::Updated { changed: false, .. }))
    );
    bench.pass(seconds(59));
    assert!(bench.server.registration("a").is_some());
    bench.pass(seconds(2));
    assert!(
        matches!(&bench.take_events()[..], [ServerEvent::Expired { endpoint }] if &**endpoint == "a")
    );
    assert!(bench.server.registration("a").is_none());
    assert_eq!(
        bench
            .ask(device, to_location(Code::POST, &location, &[]))
            .code,
        Code::NOT_FOUND
    );
}

// proves: REG-12
#[test]
fn a_lifetime_that_is_shortened_takes_effect() {
    let mut bench = Bench::open();
    let device = bench.add(From::address(1));
    let location = bench.register(device, &["ep=a", "lt=86400", "lwm2m=1.1"], LINKS);
    bench.ask(device, to_location(Code::POST, &location, &["lt=20"]));
    bench.pass(seconds(21));
    assert!(bench.server.registration("a").is_none());
}

// proves: GEN-32, REG-33
#[test]
fn a_new_registration_replaces_the_old() {
    let mut bench = Bench::open();
    let first = bench.add(From::address(1));
    let second = bench.add(From::address(2));
    let old = bench.register(first, &["ep=a", "lt=300", "lwm2m=1.1"], LINKS);
    let new = bench.register(second, &["ep=a", "lt=300", "lwm2m=1.1"], LINKS);
    assert_ne!(old, new);
    assert!(matches!(
        bench.take_events().last(),
        Some(ServerEvent::Registered { replaced: true, registration }) if registration.address.port() == 2
    ));
    assert_eq!(bench.server.registrations(0, 10).0, 1);
    assert_eq!(
        bench.ask(first, to_location(Code::POST, &old, &[])).code,
        Code::NOT_FOUND
    );
    assert_eq!(
        bench.ask(second, to_location(Code::POST, &new, &[])).code,
        Code::CHANGED
    );
}

#[test]
fn equal_object_lists_are_one() {
    let mut bench = Bench::open();
    for port in 1..=3 {
        let device = bench.add(From::address(port));
        bench.register(
            device,
            &[&format!("ep=d{port}"), "lt=300", "lwm2m=1.1"],
            LINKS,
        );
    }
    let lists: Vec<_> = (1..=3)
        .filter_map(|n| bench.server.registration(&format!("d{n}")))
        .collect();
    assert!(std::sync::Arc::ptr_eq(&lists[0].objects, &lists[1].objects));
    assert!(std::sync::Arc::ptr_eq(&lists[0].objects, &lists[2].objects));
}

// proves: REG-04, REG-05, REG-08, REG-13, REG-18, REG-21, REG-74
#[test]
fn what_is_malformed_is_answered_as_the_specification_says() {
    let mut bench = Bench::open();
    let device = bench.add(From::address(1));
    let cases: &[(&[&str], &str, Code)] = &[
        // 1.0 needs a name; from 1.1 it may come from the identity, where there is one.
        (&["lt=60", "lwm2m=1.0"], LINKS, Code::BAD_REQUEST),
        (&["lt=60", "lwm2m=1.1"], LINKS, Code::BAD_REQUEST),
        (&["ep=", "lt=60", "lwm2m=1.1"], LINKS, Code::BAD_REQUEST),
        (
            &["ep=a", "lt=60", "lwm2m=2.7"],
            LINKS,
            Code::PRECONDITION_FAILED,
        ),
        (&["ep=a", "lwm2m=1.1"], LINKS, Code::BAD_REQUEST),
        (&["ep=a", "lt=soon", "lwm2m=1.1"], LINKS, Code::BAD_REQUEST),
        (
            &["ep=a", "ep=b", "lt=60", "lwm2m=1.1"],
            LINKS,
            Code::BAD_REQUEST,
        ),
        (
            &["ep=a", "lt=60", "lwm2m=1.1"],
            "</3/0>,<unclosed",
            Code::BAD_REQUEST,
        ),
        (
            &["ep=a", "lt=60", "lwm2m=1.1"],
            "not links at all",
            Code::BAD_REQUEST,
        ),
        (&["ep=a", "lt=60", "lwm2m=1.1"], "", Code::BAD_REQUEST),
        (
            &["ep=a", "lt=60", "lwm2m=1.2", "pid=ni:///sha-256;x"],
            "",
            Code::BAD_REQUEST,
        ),
    ];
    for (query, links, code) in cases {
        let answer = bench.ask(device, register(query, links));
        assert_eq!(answer.code, *code, "{query:?} {links}");
        let events = bench.take_events();
        assert_eq!(refusal(&events).1, *code, "{query:?}");
    }
    assert_eq!(bench.server.registrations(0, 10).0, 0);
    assert_eq!(bench.server.metrics().refused, cases.len() as u64);
}

// proves: COAP-48, LINK-09
#[test]
fn other_paths_and_methods() {
    let mut bench = Bench::open();
    let device = bench.add(From::address(1));
    let get = |segments: &[&str]| {
        segments
            .iter()
            .fold(Request::new(Code::GET), |request, segment| {
                request.path_segment(segment)
            })
    };
    let answer = bench.ask(device, get(&[".well-known", "core"]));
    assert_eq!(answer.code, Code::CONTENT);
    assert_eq!(answer.options.content_format(), Some(40));
    assert!(lwm2m_core::link::parse(&answer.payload).unwrap().len() == 2);
    for (segments, code) in [
        (&["rd"][..], Code::METHOD_NOT_ALLOWED),
        (&["dp"], Code::METHOD_NOT_ALLOWED),
        (&["bs"], Code::NOT_FOUND),
        (&["3", "0"], Code::NOT_FOUND),
        (&[], Code::NOT_FOUND),
    ] {
        assert_eq!(bench.ask(device, get(segments)).code, code, "{segments:?}");
    }
}

// proves: COAP-52
#[test]
fn garbage_is_dropped_and_hurts_nobody() {
    let mut bench = Bench::open();
    let device = bench.add(From::address(1));
    let location = bench.register(device, &["ep=a", "lt=300", "lwm2m=1.1"], LINKS);
    let from = From::address(1);
    let mut state = 1u64;
    for length in 0..600usize {
        let bytes: Vec<u8> = (0..length % 97)
            .map(|_| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                (state >> 33) as u8
            })
            .collect();
        bench.inject(&from, &bytes);
    }
    assert_eq!(
        bench
            .ask(device, to_location(Code::POST, &location, &[]))
            .code,
        Code::CHANGED
    );
    assert_eq!(bench.server.registrations(0, 10).0, 1);
}

#[test]
fn requests_with_any_byte_changed_hurt_nobody() {
    let mut bench = Bench::open();
    let from = From::address(7);
    let mut message = Message::new(
        MessageKind::Confirmable,
        Code::POST,
        1,
        Token::new(b"t").unwrap(),
    );
    for (number, value) in [
        (option::URI_PATH, &b"rd"[..]),
        (option::CONTENT_FORMAT, &[40]),
        (option::URI_QUERY, b"ep=x"),
        (option::URI_QUERY, b"lt=60"),
        (option::URI_QUERY, b"lwm2m=1.1"),
    ] {
        message.options.push(number, value);
    }
    message.payload = LINKS.as_bytes().to_vec().into();
    let bytes = message.encode().unwrap();
    for (index, bit) in (0..bytes.len()).flat_map(|index| (0..8).map(move |bit| (index, bit))) {
        let mut changed = bytes.clone();
        changed[index] ^= 1 << bit;
        bench.inject(&from, &changed);
        bench.inject(&from, &changed[..index]);
        // So that none is taken for a repetition of the one before.
        bench.now += seconds(300);
    }
    let device = bench.add(From::address(1));
    bench.register(device, &["ep=a", "lt=300", "lwm2m=1.1"], LINKS);
}

#[test]
fn registrations_are_bounded() {
    let mut config = ServerConfig::default();
    config.max_registrations = 2;
    let mut bench = Bench::new(config, open_policy(&SecurityStore::new()));
    for port in 1..=2 {
        let device = bench.add(From::address(port));
        bench.register(
            device,
            &[&format!("ep=d{port}"), "lt=60", "lwm2m=1.1"],
            LINKS,
        );
    }
    bench.take_events();
    let device = bench.add(From::address(3));
    let answer = bench.ask(device, register(&["ep=d3", "lt=60", "lwm2m=1.1"], LINKS));
    assert_eq!(answer.code, Code::SERVICE_UNAVAILABLE);
    assert!(matches!(
        refusal(&bench.take_events()).0,
        RefusalReason::Limit(_)
    ));
    // Who is known may come again, and what expires makes room.
    let again = register(&["ep=d1", "lt=600", "lwm2m=1.1"], LINKS);
    assert_eq!(bench.ask(0, again).code, Code::CREATED);
    bench.pass(seconds(61));
    assert_eq!(bench.server.registrations(0, 10).0, 1);
    bench.register(device, &["ep=d3", "lt=60", "lwm2m=1.1"], LINKS);
}

#[test]
fn pages() {
    let mut bench = Bench::open();
    for port in 1..=5 {
        let device = bench.add(From::address(port));
        bench.register(
            device,
            &[&format!("ep=d{port}"), "lt=60", "lwm2m=1.1"],
            LINKS,
        );
    }
    let (total, page) = bench.server.registrations(2, 2);
    let names: Vec<&str> = page
        .iter()
        .map(|registration| &*registration.endpoint)
        .collect();
    assert_eq!((total, &names[..]), (5, &["d3", "d4"][..]));
    assert!(bench.server.registrations(9, 2).1.is_empty());
}
