//! Whom the server lets register, and until when: names and identities, removed credentials, the authorizer.

#![allow(clippy::unwrap_used, reason = "helpers outside of test functions")]

mod support;

use lwm2m_core::{
    coap::{Code, Response},
    engine::{Engine, Inbound, Outbound},
    peer::PeerIdentity,
};
use lwm2m_server::{
    Authorization, Credential, DeregistrationReason, RefusalReason, Role, SecurityStore,
    ServerConfig, ServerEvent,
    engine::{EngineEvent, Policy},
};
use std::time::Duration;
use support::{Bench, From, LINKS, open_policy, refusal, register, security, to_location};

// proves: GEN-33, REG-03, SEC-13, SEC-14
#[test]
fn the_endpoint_name_must_belong_to_the_identity() {
    let mut bench = Bench::new(ServerConfig::default(), open_policy(&security()));
    let a = bench.add(From::psk(1, "id-a"));
    let b = bench.add(From::psk(2, "id-b"));
    let nobody = bench.add(From::address(1));

    let answer = bench.ask(a, register(&["ep=b", "lt=60", "lwm2m=1.1"], LINKS));
    assert_eq!(answer.code, Code::BAD_REQUEST);
    assert_eq!(
        refusal(&bench.take_events()),
        (&RefusalReason::IdentityMismatch, Code::BAD_REQUEST)
    );
    // A name with credentials is not to be had without them.
    let answer = bench.ask(nobody, register(&["ep=a", "lt=60", "lwm2m=1.1"], LINKS));
    assert_eq!(answer.code, Code::FORBIDDEN);
    assert_eq!(
        refusal(&bench.take_events()),
        (&RefusalReason::Unsecured, Code::FORBIDDEN)
    );

    // From 1.1 the name may come from the identity.
    let location = bench.register(a, &["lt=60", "lwm2m=1.1"], LINKS);
    assert!(bench.server.registration("a").is_some());
    bench.take_events();

    for intruder in [b, nobody] {
        for method in [Code::POST, Code::DELETE] {
            let answer = bench.ask(intruder, to_location(method, &location, &[]));
            assert_eq!(answer.code, Code::BAD_REQUEST);
            assert_eq!(
                refusal(&bench.take_events()).0,
                &RefusalReason::IdentityMismatch
            );
        }
    }
    assert!(bench.server.registration("a").is_some());
    assert_eq!(
        bench.ask(a, to_location(Code::DELETE, &location, &[])).code,
        Code::DELETED
    );
}

// proves: GEN-33, REG-19, SEC-15
#[test]
fn without_choice_nobody_comes_in_unsecured() {
    let store = SecurityStore::new();
    let policy = Policy::Inline(Box::new(move |request| store.authorize(request)));
    let mut bench = Bench::new(ServerConfig::default(), policy);
    let device = bench.add(From::address(1));
    let answer = bench.ask(device, register(&["ep=a", "lt=60", "lwm2m=1.1"], LINKS));
    assert_eq!(answer.code, Code::FORBIDDEN);
}

// proves: SEC-13, SEC-18, SEC-20
#[test]
fn a_raw_public_key_is_who_a_device_is_until_it_is_removed() {
    let public_key = || rcgen::KeyPair::generate().unwrap().public_key_der();
    let (ours, other) = (public_key(), public_key());
    let security = security();
    let credential = Credential::raw_public_key(ours.clone());
    security.add("raw", Role::Server, credential).unwrap();
    let mut bench = Bench::new(ServerConfig::default(), open_policy(&security));
    let device = bench.add(From::raw_public_key(1, &ours));
    let stranger = bench.add(From::raw_public_key(2, &other));
    for (peer, endpoint) in [(device, "a"), (stranger, "raw"), (stranger, "new")] {
        let name = format!("ep={endpoint}");
        let answer = bench.ask(peer, register(&[&name, "lt=60", "lwm2m=1.1"], LINKS));
        assert_eq!(answer.code, Code::BAD_REQUEST, "{endpoint}");
        assert_eq!(
            refusal(&bench.take_events()).0,
            &RefusalReason::IdentityMismatch
        );
    }
    // From 1.1 the name may come from the key.
    let location = bench.register(device, &["lt=60", "lwm2m=1.1"], LINKS);
    assert!(bench.server.registration("raw").is_some());
    let answer = bench.ask(stranger, to_location(Code::DELETE, &location, &[]));
    assert_eq!(answer.code, Code::BAD_REQUEST);
    bench.take_events();

    let removed = security.credentials("raw");
    security.remove("raw");
    bench.server.credentials_removed("raw", &removed);
    bench.settle();
    assert!(matches!(
        &bench.outbound[..],
        [Outbound::Forget { identity: PeerIdentity::RawPublicKey(key) }] if *key == ours
    ));
    assert!(matches!(
        &bench.take_events()[..],
        [ServerEvent::Deregistered {
            reason: DeregistrationReason::CredentialsRemoved,
            ..
        }]
    ));
}

// proves: SEC-37
#[test]
fn removed_credentials_end_session_and_registration() {
    let security = security();
    let mut bench = Bench::new(ServerConfig::default(), open_policy(&security));
    let device = bench.add(From::psk(1, "id-a"));
    bench.register(device, &["ep=a", "lt=60", "lwm2m=1.1"], LINKS);
    bench.take_events();
    let removed = security.credentials("a");
    security.remove("a");
    bench.server.credentials_removed("a", &removed);
    bench.settle();
    assert!(matches!(
        &bench.outbound[..],
        [Outbound::Forget { identity: PeerIdentity::Psk(identity) }] if identity == b"id-a"
    ));
    assert!(matches!(
        &bench.take_events()[..],
        [ServerEvent::Deregistered {
            reason: DeregistrationReason::CredentialsRemoved,
            ..
        }]
    ));
}

#[test]
fn a_registration_without_security_ends_when_credentials_are_added() {
    let mut bench = Bench::new(ServerConfig::default(), open_policy(&security()));
    let unsecured = bench.add(From::address(1));
    let secured = bench.add(From::psk(2, "id-a"));
    let query = |name: &str| [format!("ep={name}"), "lt=60".into(), "lwm2m=1.1".into()];
    let locations = [(unsecured, "new"), (secured, "a")].map(|(device, name)| {
        let query = query(name);
        bench.register(device, &query.each_ref().map(String::as_str), LINKS)
    });
    bench.take_events();
    bench.server.credentials_added("a");
    bench.server.credentials_added("new");
    bench.server.credentials_added("nobody");
    bench.settle();
    let events = bench.take_events();
    assert!(
        matches!(
            &events[..],
            [ServerEvent::Deregistered {
                endpoint,
                reason: DeregistrationReason::CredentialsAdded,
            }] if &**endpoint == "new"
        ),
        "{events:?}"
    );
    for (device, location, code) in [
        (unsecured, &locations[0], Code::NOT_FOUND),
        (secured, &locations[1], Code::CHANGED),
    ] {
        let answer = bench.ask(device, to_location(Code::POST, location, &[]));
        assert_eq!(answer.code, code);
    }
}

#[test]
fn a_device_whose_connection_ends_stays_registered_and_comes_back_by_an_update() {
    let mut bench = Bench::new(ServerConfig::default(), open_policy(&security()));
    let old = bench.add(From::psk(1, "id-a"));
    let location = bench.register(old, &["ep=a", "lt=300", "lwm2m=1.1"], LINKS);
    let peer = bench.devices[old].0.peer;
    let reason = lwm2m_core::engine::CloseReason::ByPeer;
    bench
        .server
        .handle(bench.now, Inbound::Closed { peer, reason });
    bench.settle();
    assert!(bench.server.registration("a").is_some());
    let new = bench.add(From::psk(2, "id-a"));
    assert_eq!(
        bench.ask(new, to_location(Code::POST, &location, &[])).code,
        Code::CHANGED
    );
}

/// The tickets that wait for an authorizer.
fn questions(bench: &mut Bench) -> Vec<lwm2m_server::engine::AuthorizationTicket> {
    let asked = bench.events.drain(..).filter_map(|event| match event {
        EngineEvent::Authorize { ticket, .. } => Some(ticket),
        _ => None,
    });
    asked.collect()
}

// proves: REG-19
#[test]
fn an_authorizer_may_take_its_time_but_not_too_much() {
    let mut config = ServerConfig::default();
    config.max_pending_authorizations = 1;
    let mut bench = Bench::new(config, Policy::Deferred);
    let device = bench.add(From::address(1));
    let other = bench.add(From::address(2));
    let now = bench.now;
    bench.devices[device]
        .1
        .send(now, register(&["ep=a", "lt=60", "lwm2m=1.1"], LINKS));
    bench.settle();
    let tickets = questions(&mut bench);
    assert_eq!(tickets.len(), 1);
    // One more does not fit.
    let answer = bench.ask(other, register(&["ep=b", "lt=60", "lwm2m=1.1"], LINKS));
    assert_eq!(answer.code, Code::SERVICE_UNAVAILABLE);
    bench.pass(Duration::from_secs(5));
    assert!(bench.devices[device].1.answers.is_empty());
    bench.server.decide(
        bench.now,
        tickets[0],
        Authorization::Accept {
            endpoint: "a".into(),
        },
    );
    bench.settle();
    let answers = &bench.devices[device].1.answers;
    assert!(
        matches!(
            answers[..],
            [Ok(Response {
                code: Code::CREATED,
                ..
            })]
        ),
        "{answers:?}"
    );

    let now = bench.now;
    bench.devices[device]
        .1
        .send(now, register(&["ep=a", "lt=60", "lwm2m=1.1"], LINKS));
    bench.settle();
    bench.take_events();
    let tickets = questions(&mut bench);
    bench.server.decide(
        bench.now,
        tickets[0],
        Authorization::Refuse(RefusalReason::NotAuthorized("not today".into())),
    );
    bench.settle();
    let answer = bench.devices[device].1.answers[1].clone().unwrap();
    assert_eq!(answer.code, Code::FORBIDDEN);

    let now = bench.now;
    bench.devices[device]
        .1
        .send(now, register(&["ep=a", "lt=60", "lwm2m=1.1"], LINKS));
    bench.settle();
    bench.pass(Duration::from_secs(11));
    let answer = bench.devices[device].1.answers[2].clone().unwrap();
    assert_eq!(answer.code, Code::SERVICE_UNAVAILABLE);
}
