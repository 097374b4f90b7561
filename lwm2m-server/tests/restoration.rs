//! What a server that starts again finds of its devices, in virtual time.

#![allow(clippy::unwrap_used, reason = "helpers outside of test functions")]

mod support;

use lwm2m_core::{
    coap::Code,
    engine::{Engine, Outbound},
    operation::{DeviceOperation, Read},
    path::Path,
    peer::PeerId,
    secret::Secret,
    time::Instant,
};
use lwm2m_server::{
    Authorization, AuthorizationRequest, ServerConfig,
    engine::Policy,
    store::{Change, Document},
};
use lwm2m_transport::dtls::SessionName;
use support::{Bench, From, to_location};

fn bench() -> Bench {
    let accept = |request: &AuthorizationRequest| Authorization::Accept {
        endpoint: request.endpoint.as_deref().unwrap_or_default().into(),
    };
    Bench::new(ServerConfig::default(), Policy::Inline(Box::new(accept)))
}

/// The session of a connection, where connections are kept under their numbers; those above 90 are not.
fn name_of(peer: PeerId) -> Option<SessionName> {
    let number = peer.connection().filter(|number| *number <= 90)?;
    Some(SessionName(u128::from(number).to_be_bytes()))
}

/// A server with these endpoints and their identities, registered over the connections 1, 2 and so on.
fn registered(devices: &[(&str, &str)]) -> Bench {
    let mut bench = bench();
    bench.server.remember_changes();
    bench.server.name_sessions(name_of);
    for (number, (endpoint, identity)) in (1..).zip(devices) {
        let device = bench.add(From::psk(number, identity));
        let name = format!("ep={endpoint}");
        bench.register(device, &[&name, "lt=600"], "</1/0>,</3/0>");
    }
    bench
}

fn documents(bench: &mut Bench) -> Vec<Document> {
    let changes = bench.server.take_changes(100).into_iter();
    changes
        .map(|change| match change {
            Change::Put(document) => document,
            other => panic!("{other:?}"),
        })
        .collect()
}

/// The same as a release wrote it that knew nothing of sessions.
fn of_before(mut document: Document) -> Document {
    let text = String::from_utf8(document.content.expose_secret().to_vec()).unwrap();
    let from = text.find(r#""session":"#).unwrap();
    let to = from + text[from..].find(r#""registered_at""#).unwrap();
    let text = [&text[..from], &text[to..]].concat();
    document.content = Secret::new(text.into_bytes());
    document
}

/// What a server that starts again finds, with sessions that go on as connections 11, 12 and so on; `sessions` are their
/// numbers of before and their identities.
fn restarted(now: Instant, documents: &[Document], sessions: &[(u64, &str)]) -> Bench {
    let mut bench = bench();
    bench.now = now;
    for document in documents {
        bench.server.restore(now, document).unwrap();
    }
    bench.server.remember_changes();
    bench.server.name_sessions(name_of);
    let sessions: Vec<_> = (11..)
        .zip(sessions)
        .map(|(number, (before, identity))| {
            let (peer, identity) = (From::psk(number, identity).peer, From::psk(0, identity));
            let name = name_of(From::psk(*before, "").peer).unwrap();
            (peer, name, identity.identity)
        })
        .collect();
    let sessions = sessions.iter();
    bench
        .server
        .reconnect(sessions.map(|(peer, name, identity)| (*peer, *name, identity)));
    bench
}

/// Whom the server asks when it is to read from each of these.
fn asked_over(bench: &mut Bench, endpoints: &[&str]) -> Vec<Option<u64>> {
    let asked = endpoints.iter().map(|endpoint| {
        let path = Path::resource(3, 0, 0);
        let operation = DeviceOperation::Read(Read { path, accept: None });
        if bench
            .server
            .request(bench.now, endpoint, &operation, None)
            .is_err()
        {
            return None;
        }
        match bench.server.poll_outbound() {
            Some(Outbound::Datagram { peer, .. }) => peer.connection(),
            _ => None,
        }
    });
    asked.collect()
}

const OWN: [(&str, &str); 2] = [("a", "a"), ("b", "b")];
const SHARED: [(&str, &str); 2] = [("a", "all"), ("b", "all")];

type Case<'a> = (
    &'a str,
    [(&'a str, &'a str); 2],
    &'a [(u64, &'a str)],
    [Option<u64>; 2],
);

#[test]
fn restored_registrations_are_reached_over_their_own_sessions() {
    let cases: [Case<'_>; 7] = [
        ("none goes on", OWN, &[], [None, None]),
        ("one of two", OWN, &[(2, "b")], [None, Some(11)]),
        (
            "each its own, whatever the identity",
            SHARED,
            &[(2, "all"), (1, "all")],
            [Some(12), Some(11)],
        ),
        (
            "not that of another, be it the only one",
            SHARED,
            &[(2, "all")],
            [None, Some(11)],
        ),
        (
            "nor one that nobody is registered over",
            OWN,
            &[(7, "a"), (8, "all")],
            [None, None],
        ),
        (
            "nor a later one of the same device, which may be another's",
            OWN,
            &[(1, "a"), (7, "a")],
            [Some(11), None],
        ),
        (
            "nor one of this name with another identity",
            OWN,
            &[(1, "b")],
            [None, None],
        ),
    ];
    for (case, devices, sessions, expected) in cases {
        let mut before = registered(&devices);
        let documents = documents(&mut before);
        let mut bench = restarted(before.now, &documents, sessions);
        assert_eq!(asked_over(&mut bench, &["a", "b"]), expected, "{case}");
    }
}

#[test]
fn the_record_follows_a_registration_to_another_connection() {
    let mut before = registered(&SHARED);
    let mut found = documents(&mut before);
    // The first goes over to another session with an update, and the second to one that is not kept.
    for (device, number) in [(0, 5), (1, 99)] {
        let location = before.server.registration(SHARED[device].0).unwrap();
        let location = ["rd".to_owned(), location.id.to_string()];
        before.devices[device].0 = From::psk(number, "all");
        let answer = before.ask(device, to_location(Code::POST, &location, &[]));
        assert_eq!(answer.code, Code::CHANGED);
    }
    let later = documents(&mut before);
    found.retain(|document| !later.iter().any(|later| later.key == document.key));
    found.extend(later);
    let sessions = [(1, "all"), (2, "all"), (5, "all")];
    let mut bench = restarted(before.now, &found, &sessions);
    assert_eq!(asked_over(&mut bench, &["a", "b"]), [Some(13), None]);
}

#[test]
fn records_that_name_no_session_are_reconnected_where_that_is_unambiguous() {
    let cases: [Case<'_>; 5] = [
        ("none goes on", OWN, &[], [None, None]),
        (
            "the only one of the identity",
            OWN,
            &[(8, "b"), (7, "a")],
            [Some(12), Some(11)],
        ),
        (
            "several of the identity",
            OWN,
            &[(1, "a"), (7, "a"), (2, "b")],
            [None, Some(13)],
        ),
        (
            "one identity, two sessions",
            SHARED,
            &[(1, "all"), (2, "all")],
            [None, None],
        ),
        (
            "one identity, one session",
            SHARED,
            &[(1, "all")],
            [None, None],
        ),
    ];
    for (case, devices, sessions, expected) in cases {
        let mut before = registered(&devices);
        let documents: Vec<_> = documents(&mut before).into_iter().map(of_before).collect();
        let mut bench = restarted(before.now, &documents, sessions);
        assert_eq!(asked_over(&mut bench, &["a", "b"]), expected, "{case}");
        // What was found out is written down, and what was not stays as it was.
        let rewritten = bench.server.take_changes(100);
        assert_eq!(rewritten.len(), expected.iter().flatten().count(), "{case}");
    }
}
