//! What a server that starts again finds of its devices, in virtual time.

#![allow(clippy::unwrap_used, reason = "helpers outside of test functions")]

mod support;

use lwm2m_core::{
    engine::{Engine, Outbound},
    operation::{DeviceOperation, Read},
    path::Path,
    peer::{PeerId, PeerIdentity},
};
use lwm2m_server::{
    Authorization, AuthorizationRequest, ServerConfig, engine::Policy, store::Change,
};
use std::net::SocketAddr;
use support::{Bench, From};

/// Registered over connections with pre-shared keys, and what a server that starts again finds of them.
fn restarted(identities: &[(&str, &str)]) -> Bench {
    let accept = |request: &AuthorizationRequest| Authorization::Accept {
        endpoint: request.endpoint.as_deref().unwrap_or_default().into(),
    };
    let policy = || Policy::Inline(Box::new(accept));
    let mut before = Bench::new(ServerConfig::default(), policy());
    before.server.remember_changes();
    for (number, (endpoint, identity)) in (1..).zip(identities) {
        let device = before.add(From::psk(number, identity));
        let name = format!("ep={endpoint}");
        before.register(device, &[&name, "lt=600"], "</1/0>,</3/0>");
    }
    let mut after = Bench::new(ServerConfig::default(), policy());
    after.now = before.now;
    for change in before.server.take_changes(100) {
        let Change::Put(document) = change else {
            panic!("{change:?}")
        };
        after.server.restore(after.now, &document).unwrap();
    }
    after
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

#[test]
fn restored_registrations_are_reached_over_the_sessions_that_go_on() {
    let moved = |from: &From| {
        (
            from.peer,
            from.identity.clone(),
            "10.0.0.9:9".parse().unwrap(),
        )
    };
    let there = |from: &From, at: u64| {
        let place: SocketAddr = ([10, 0, 0, 2], at as u16).into();
        (from.peer, from.identity.clone(), place)
    };
    type Connections = Vec<(PeerId, PeerIdentity, SocketAddr)>;
    let own = [("a", "a"), ("b", "b")];
    let shared = [("a", "all"), ("b", "all")];
    type Case<'a> = (
        &'a str,
        &'a [(&'a str, &'a str)],
        Connections,
        [Option<u64>; 2],
    );
    let cases: [Case<'_>; 6] = [
        ("none goes on", &own, vec![], [None, None]),
        (
            "by identity",
            &own,
            vec![there(&From::psk(7, "b"), 2)],
            [None, Some(7)],
        ),
        (
            "wherever it is",
            &own,
            vec![moved(&From::psk(7, "a"))],
            [Some(7), None],
        ),
        (
            "where it was, if there are two",
            &own,
            vec![there(&From::psk(8, "a"), 1), moved(&From::psk(9, "a"))],
            [Some(8), None],
        ),
        (
            "the latest, if none is where it was",
            &own,
            vec![moved(&From::psk(8, "a")), moved(&From::psk(9, "a"))],
            [Some(9), None],
        ),
        (
            "only where it was, if the identity is not its own",
            &shared,
            vec![there(&From::psk(8, "all"), 2), moved(&From::psk(9, "all"))],
            [None, Some(8)],
        ),
    ];
    for (case, registered, connections, expected) in cases {
        let mut bench = restarted(registered);
        let connections = connections.iter();
        bench
            .server
            .reconnect(connections.map(|(peer, identity, at)| (*peer, identity, *at)));
        assert_eq!(asked_over(&mut bench, &["a", "b"]), expected, "{case}");
    }
}
