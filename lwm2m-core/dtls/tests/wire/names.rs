//! The name of a host in a hello (RFC 6066, section 3), in both roles.

use crate::{
    peer::{Plan, extension, kinds::*},
    protocol::{HANDSHAKE, vector},
    rules::{asks, ends_with, hears_with},
    script::script,
};
use lwm2m_core::time::Instant;
use lwm2m_dtls::ConfigError;

const ILLEGAL_PARAMETER: u8 = 47;
const DECODE_ERROR: u8 = 50;
const UNSUPPORTED_EXTENSION: u8 = 110;
const SERVER_NAME: u16 = 0;
/// RFC 1035, section 2.3.4.
const LONGEST: usize = 255;

/// A list of names, each with its type.
fn names(names: &[(u8, &[u8])]) -> Vec<u8> {
    let each = names
        .iter()
        .map(|(kind, name)| [&[*kind][..], &vector(2, name)].concat());
    vector(2, &each.collect::<Vec<_>>().concat())
}

#[test]
fn a_client_says_whom_it_asks_for_and_nothing_where_it_has_no_name() {
    for length in [1, 12, LONGEST] {
        let mut plan = Plan::psk();
        let name = "n".repeat(length);
        plan.connection.server_name = Some(name.clone());
        let mut peer = plan.server();
        peer.run();
        assert!(peer.proven(), "{:?}", peer.ended);
        let is_hello = |record: &&Vec<u8>| {
            record[0] == HANDSHAKE && record[4] == 0 && record[13] == CLIENT_HELLO
        };
        let hellos = peer.records.iter().filter(is_hello);
        let said: Vec<_> = hellos
            .map(|hello| extension(&hello[25..], SERVER_NAME, true))
            .collect();
        let name = names(&[(0, name.as_bytes())]);
        assert_eq!(
            said,
            [Some(name.clone()), Some(name)],
            "without and with cookie"
        );
    }
    let peer = Plan::psk().server();
    assert_eq!(extension(&peer.records[0][25..], SERVER_NAME, true), None);
}

#[test]
fn a_name_that_is_none_or_too_long_is_not_said() {
    for length in [0, LONGEST + 1, 70_000] {
        let mut plan = Plan::psk();
        let mut engine = plan.clone().server().engine;
        while engine.poll_transmit().is_some() {}
        plan.connection.server_name = Some("n".repeat(length));
        let connected = engine.connect(Instant::ZERO, crate::peer::ADDRESS, plan.connection);
        assert_eq!(connected.err(), Some(ConfigError::ServerName), "{length}");
        assert!(engine.poll_transmit().is_none());
    }
}

#[test]
fn a_client_takes_the_empty_answer_and_no_other() {
    let mut plan = Plan::psk();
    plan.connection.server_name = Some("server.example".into());
    let mut peer = hears_with(plan.clone(), SERVER_NAME, &[]);
    peer.steps(&script(true, true, false, false).split_off(2));
    assert!(peer.proven(), "{:?}", peer.ended);
    let full = names(&[(0, b"server.example")]);
    ends_with(&hears_with(plan, SERVER_NAME, &full), DECODE_ERROR);
    // Nor one to what it did not ask.
    ends_with(
        &hears_with(Plan::psk(), SERVER_NAME, &[]),
        UNSUPPORTED_EXTENSION,
    );
}

#[test]
fn a_server_takes_a_name_of_255_bytes_and_no_longer_one() {
    let (longest, longer) = ([b'n'; LONGEST], [b'n'; LONGEST + 1]);
    let cases = [
        (names(&[(0, b"n")]), None),
        (names(&[(0, &longest)]), None),
        // Of other types than host_name, there are none.
        (names(&[(9, b"what"), (0, b"n")]), None),
        (names(&[(0, &longer)]), Some(ILLEGAL_PARAMETER)),
        (names(&[(0, b"")]), Some(DECODE_ERROR)),
        (names(&[(0, b"n"), (0, b"m")]), Some(DECODE_ERROR)),
        (vec![], Some(DECODE_ERROR)),
        (vec![0, 9, 0, 0, 1, b'n'], Some(DECODE_ERROR)),
        ([names(&[(0, b"n")]), vec![0]].concat(), Some(DECODE_ERROR)),
    ];
    for (body, alert) in cases {
        let mut peer = asks(Plan::psk());
        let mut extensions = peer.extensions();
        extensions.push((SERVER_NAME, body.clone()));
        let hello = peer.client_hello_with(&[peer.plan.suite.number()], &extensions);
        peer.say(CLIENT_HELLO, &hello);
        if let Some(alert) = alert {
            ends_with(&peer, alert);
            continue;
        }
        peer.steps(&script(false, true, false, false).split_off(2));
        assert!(peer.proven(), "{body:?}: {:?}", peer.ended);
    }
}
