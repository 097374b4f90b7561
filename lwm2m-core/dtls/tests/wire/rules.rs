//! One test for each rule that a peer can break: what the engine says to it.

use crate::{
    peer::{Peer, Plan, encode, kinds::*},
    protocol::*,
};
use lwm2m_dtls::{CipherSuite, ExtendedMasterSecret};
use std::time::Duration;

const CLOSE_NOTIFY: u8 = 0;
const HANDSHAKE_FAILURE: u8 = 40;
const UNSUPPORTED_CERTIFICATE: u8 = 43;
const CERTIFICATE_UNKNOWN: u8 = 46;
const ILLEGAL_PARAMETER: u8 = 47;
const DECODE_ERROR: u8 = 50;
const DECRYPT_ERROR: u8 = 51;
const PROTOCOL_VERSION: u8 = 70;
const NO_RENEGOTIATION: u8 = 100;
const UNSUPPORTED_EXTENSION: u8 = 110;
const UNKNOWN_PSK_IDENTITY: u8 = 115;

/// The handshake has ended, with this alert and nothing behind it.
#[track_caller]
fn ends_with(peer: &Peer, alert: u8) {
    assert_eq!(peer.alerts, [[2, alert]], "{:?}", peer.ended);
    assert_eq!(peer.ended.len(), 1);
    assert!(peer.connected.is_none());
    assert_eq!(peer.engine.handshake_count(), 0);
    assert_eq!(peer.engine.session_count(), 0);
}

/// A client engine that is told this ServerHello.
fn hears(plan: Plan, hello: impl FnOnce(&Peer) -> Vec<u8>) -> Peer {
    let mut peer = plan.server();
    let hello = hello(&peer);
    peer.say(SERVER_HELLO, &hello);
    peer
}

fn hears_with(plan: Plan, number: u16, body: &[u8]) -> Peer {
    hears(plan, |peer| {
        let mut extensions = peer.extensions();
        extensions.retain(|(other, _)| *other != number);
        extensions.push((number, body.to_vec()));
        peer.server_hello_with(peer.plan.suite.number(), &extensions)
    })
}

#[test]
fn a_server_must_choose_from_what_was_offered() {
    let suite = CipherSuite::PskAes128GcmSha256.number();
    let peer = hears(Plan::psk(), |peer| {
        peer.server_hello_with(suite, &peer.extensions())
    });
    ends_with(&peer, ILLEGAL_PARAMETER);
    // Nor one that nobody knows, nor the signal that is no suite.
    for suite in [0x1301, 0x00ff, 0] {
        let peer = hears(Plan::psk(), |peer| peer.server_hello_with(suite, &[]));
        ends_with(&peer, ILLEGAL_PARAMETER);
    }
}

#[test]
fn a_server_must_not_speak_an_older_or_newer_version() {
    for version in [[0xfe, 0xff], [0xfe, 0xfc], [3, 3]] {
        let peer = hears(Plan::psk(), |peer| {
            let mut hello = peer.server_hello();
            hello[..2].copy_from_slice(&version);
            hello
        });
        ends_with(&peer, PROTOCOL_VERSION);
    }
}

#[test]
fn a_server_must_not_compress() {
    let peer = hears(Plan::psk(), |peer| {
        let mut hello = peer.server_hello();
        hello[2 + 32 + 1 + 2] = 1;
        hello
    });
    ends_with(&peer, DECODE_ERROR);
}

#[test]
fn a_server_must_not_answer_what_was_not_asked() {
    let cases: [(u16, &[u8]); 7] = [
        (0, &[]),
        (1, &[1]),
        (11, &[1, 0]),
        (13, &[0, 2, 4, 3]),
        (22, &[]),
        (35, &[]),
        (4660, &[1, 2, 3]),
    ];
    for (number, body) in cases {
        ends_with(
            &hears_with(Plan::psk(), number, body),
            UNSUPPORTED_EXTENSION,
        );
    }
    let mut plan = Plan::psk();
    plan.connection.connection_id = false;
    ends_with(&hears_with(plan, 54, &[0]), UNSUPPORTED_EXTENSION);
}

#[test]
fn an_extension_stands_once() {
    let twice = |peer: &Peer| {
        let mut extensions = peer.extensions();
        extensions.push((23, Vec::new()));
        extensions
    };
    let peer = hears(Plan::psk(), |peer| {
        peer.server_hello_with(peer.plan.suite.number(), &twice(peer))
    });
    ends_with(&peer, DECODE_ERROR);
    let mut peer = asks(Plan::psk());
    let hello = peer.client_hello_with(&[peer.plan.suite.number()], &twice(&peer));
    peer.say(CLIENT_HELLO, &hello);
    ends_with(&peer, DECODE_ERROR);
}

/// With 255 bytes of id, no record fits datagrams of 256; with as many as leave room for a Finished, all do.
#[test]
fn a_connection_id_leaves_room_in_a_datagram() {
    for is_server in [true, false] {
        for suite in [CipherSuite::PskAes128Ccm8, CipherSuite::PskAes128CbcSha256] {
            // Header, type inside, protection, and a Finished.
            let protection = if is_cbc(suite) { 16 + 32 + 16 } else { 8 + 8 };
            let most = 256 - (13 + 1 + protection + 12 + 12);
            for (length, fits) in [(255, false), (most + 1, false), (most, true)] {
                let mut plan = Plan::new(suite);
                plan.engine.mtu = 256;
                plan.engine_id = 6;
                plan.id = Some(vec![9; length]);
                let mut peer = if is_server {
                    plan.server()
                } else {
                    plan.client()
                };
                if fits {
                    peer.run();
                    assert!(peer.proven(), "{suite:?} {length}");
                    assert!(peer.records.iter().all(|record| record.len() <= 256));
                    continue;
                }
                if is_server {
                    peer.say_server_hello();
                } else {
                    for _ in 0..2 {
                        let hello = peer.client_hello();
                        peer.say(CLIENT_HELLO, &hello);
                    }
                }
                ends_with(&peer, ILLEGAL_PARAMETER);
            }
        }
    }
}

// proves: DTLS-21
#[test]
fn nothing_is_renegotiated() {
    ends_with(&hears_with(Plan::psk(), 0xff01, &[1, 7]), HANDSHAKE_FAILURE);
    let mut peer = asks(Plan::psk());
    let hello = peer.client_hello_with(&[peer.plan.suite.number()], &[(0xff01, vec![1, 7])]);
    peer.say(CLIENT_HELLO, &hello);
    ends_with(&peer, HANDSHAKE_FAILURE);
}

#[test]
fn the_extended_master_secret_may_be_required_of_either() {
    for is_server in [true, false] {
        let mut plan = Plan::psk();
        plan.extended = false;
        plan.engine.extended_master_secret = ExtendedMasterSecret::Required;
        let mut peer = if is_server {
            plan.server()
        } else {
            plan.client()
        };
        peer.run();
        assert_eq!(peer.alerts[0], [2, HANDSHAKE_FAILURE]);
        assert!(peer.connected.is_none());
    }
}

#[test]
fn a_fragment_length_is_the_one_that_was_asked() {
    let mut plan = Plan::psk();
    plan.connection.max_fragment_length = Some(512);
    ends_with(&hears_with(plan.clone(), 1, &[2]), ILLEGAL_PARAMETER);
    ends_with(&hears_with(plan, 1, &[9]), ILLEGAL_PARAMETER);
    let mut peer = asks(Plan::psk());
    let hello = peer.client_hello_with(&[peer.plan.suite.number()], &[(1, vec![9])]);
    peer.say(CLIENT_HELLO, &hello);
    ends_with(&peer, ILLEGAL_PARAMETER);
}

#[test]
fn a_raw_public_key_is_what_was_agreed_on() {
    for missing in [19, 20] {
        let mut peer = hears(Plan::ecdhe(), |peer| {
            let mut extensions = peer.extensions();
            extensions.retain(|(number, _)| *number != missing);
            peer.server_hello_with(peer.plan.suite.number(), &extensions)
        });
        if missing == 19 {
            // Found out when it is asked for.
            for kind in [CERTIFICATE, SERVER_KEY, REQUEST, DONE] {
                let body = peer.body(kind);
                peer.say(kind, &body);
            }
        }
        ends_with(&peer, UNSUPPORTED_CERTIFICATE);
    }
    // Of another type than the one that was offered.
    ends_with(&hears_with(Plan::ecdhe(), 20, &[0]), ILLEGAL_PARAMETER);
    let mut peer = hears(Plan::ecdhe(), Peer::server_hello);
    let mut other = peer.certificate();
    *other.last_mut().unwrap() ^= 1;
    peer.say(CERTIFICATE, &other);
    ends_with(&peer, CERTIFICATE_UNKNOWN);
}

/// A client engine that waits for the ServerKeyExchange.
fn with_certificate() -> Peer {
    let mut peer = hears(Plan::ecdhe(), Peer::server_hello);
    let certificate = peer.certificate();
    peer.say(CERTIFICATE, &certificate);
    assert!(peer.ended.is_empty());
    peer
}

/// Keys that are no points of P-256, or not in the one form that is spoken.
fn no_points() -> Vec<Vec<u8>> {
    let mut off_the_curve = vec![4];
    off_the_curve.extend([0x11; 64]);
    let mut compressed = vec![2];
    compressed.extend([0x11; 32]);
    let too_large = [&[4][..], &[0xff; 64]].concat();
    let zero = [&[4][..], &[0; 64]].concat();
    vec![
        off_the_curve,
        compressed,
        too_large,
        zero,
        vec![0],
        Vec::new(),
    ]
}

#[test]
fn a_servers_point_lies_on_the_curve() {
    for point in no_points() {
        let mut peer = with_certificate();
        let body = peer.server_key_of(23, &point);
        peer.say(SERVER_KEY, &body);
        for kind in [REQUEST, DONE] {
            let body = peer.body(kind);
            peer.say(kind, &body);
        }
        ends_with(&peer, ILLEGAL_PARAMETER);
    }
}

#[test]
fn a_servers_curve_is_one_that_was_offered() {
    for curve in [24, 30, 0] {
        let mut peer = with_certificate();
        let body = peer.server_key_of(curve, &[4; 97]);
        peer.say(SERVER_KEY, &body);
        ends_with(&peer, DECODE_ERROR);
    }
}

#[test]
fn a_servers_signature_verifies() {
    let mut peer = with_certificate();
    let body = peer.server_key();
    // The curve's number is parsed; every byte behind it is signed or a signature.
    for at in [5, 40, 68, body.len() - 1] {
        let mut peer = with_certificate();
        let mut body = peer.server_key();
        body[at] ^= 1;
        peer.say(SERVER_KEY, &body);
        ends_with(&peer, DECRYPT_ERROR);
    }
    // Another hash than the one that was offered.
    let mut body = peer.server_key();
    let algorithm = 4 + 65;
    assert_eq!(body[algorithm..algorithm + 2], [4, 3]);
    body[algorithm] = 2;
    peer.say(SERVER_KEY, &body);
    ends_with(&peer, DECODE_ERROR);
}

#[test]
fn a_server_asks_for_a_key_that_the_client_has() {
    for body in [&[1, 1, 0, 2, 4, 3, 0, 0][..], &[1, 64, 0, 2, 2, 3, 0, 0]] {
        let mut peer = with_certificate();
        let key = peer.server_key();
        peer.say(SERVER_KEY, &key);
        peer.say(REQUEST, body);
        ends_with(&peer, HANDSHAKE_FAILURE);
    }
}

// proves: DTLS-12
#[test]
fn a_finished_is_exactly_right() {
    for is_server in [true, false] {
        let reached = || {
            let mut peer = if is_server {
                Plan::psk().server()
            } else {
                Plan::psk().client()
            };
            let steps = crate::script::script(is_server, true, false, false);
            peer.steps(&steps[..steps.len() - 1]);
            peer
        };
        for bit in 0..96 {
            let mut peer = reached();
            let mut data = peer.finished();
            data[bit / 8] ^= 1 << (bit % 8);
            peer.say_finished_with(&data);
            ends_with(&peer, DECRYPT_ERROR);
        }
        for length in [0, 11, 13] {
            let mut peer = reached();
            let mut data = peer.finished();
            data.resize(length, 0);
            peer.say_finished_with(&data);
            ends_with(&peer, DECRYPT_ERROR);
        }
    }
}

/// A client whose cookie is right, in front of a server engine.
fn asks(plan: Plan) -> Peer {
    let mut peer = plan.client();
    let hello = peer.client_hello();
    peer.say(CLIENT_HELLO, &hello);
    assert!(!peer.cookie.is_empty());
    peer
}

#[test]
fn a_client_must_offer_something_that_is_served() {
    for suites in [&[0x1301, 0xc0a0][..], &[0x00ff]] {
        let mut peer = asks(Plan::psk());
        let hello = peer.client_hello_with(suites, &[]);
        peer.say(CLIENT_HELLO, &hello);
        ends_with(&peer, HANDSHAKE_FAILURE);
    }
    // A curve that nobody here knows, a form of points, a signature.
    for (number, body) in [
        (10, vec![0, 2, 0, 24]),
        (11, vec![1, 1]),
        (13, vec![0, 2, 2, 3]),
    ] {
        let mut peer = asks(Plan::ecdhe());
        let mut extensions = peer.extensions();
        extensions.retain(|(other, _)| *other != number);
        extensions.push((number, body));
        let hello = peer.client_hello_with(&[peer.plan.suite.number()], &extensions);
        peer.say(CLIENT_HELLO, &hello);
        ends_with(&peer, HANDSHAKE_FAILURE);
    }
}

#[test]
fn older_versions_are_not_heard() {
    for version in [[0xfe, 0xff], [3, 3]] {
        let mut peer = asks(Plan::psk());
        let mut hello = peer.client_hello();
        hello[..2].copy_from_slice(&version);
        peer.say(CLIENT_HELLO, &hello);
        assert_eq!(peer.engine.handshake_count(), 0);
        assert!(peer.alerts.is_empty() && peer.ended.is_empty());
        assert_eq!(peer.engine.metrics().hellos_refused, 1);
    }
}

/// Lengths that lie, and extension blocks of one and three bytes.
#[test]
fn malformed_hellos_are_refused_and_nothing_else() {
    let whole = asks(Plan::psk()).client_hello();
    let cut_off = |extensions: usize| asks(Plan::psk()).client_hello().len() - extensions;
    let block = encode(&asks(Plan::psk()).extensions()).len();
    for length in 2 + 32 + 1 + 1..whole.len() {
        let mut peer = asks(Plan::psk());
        let hello = peer.client_hello();
        peer.say(CLIENT_HELLO, &hello[..length]);
        if length == cut_off(block) {
            // Without extensions at all: that is a hello.
            assert_eq!(peer.engine.handshake_count(), 1);
            continue;
        }
        assert!(peer.connected.is_none());
        assert_eq!(peer.engine.handshake_count(), 0, "{length}");
    }
    for block in [&[0][..], &[0, 1, 0], &[0, 3, 0, 23, 0], &[0, 0, 0]] {
        let mut peer = asks(Plan::psk());
        let mut hello = peer.client_hello();
        hello.truncate(cut_off(encode(&peer.extensions()).len()));
        hello.extend(block);
        peer.say(CLIENT_HELLO, &hello);
        ends_with(&peer, DECODE_ERROR);
    }
}

#[test]
fn an_identity_that_nobody_knows() {
    let mut peer = asks(Plan::psk());
    peer.answers = false;
    peer.step(crate::script::Step::Say(CLIENT_HELLO));
    peer.step(crate::script::Step::Say(CLIENT_KEY));
    let connection = peer.asked.pop().unwrap();
    let unknown = lwm2m_dtls::KeyAnswer::Unknown;
    peer.engine.answer_key(peer.now, connection, unknown);
    peer.drain();
    ends_with(&peer, UNKNOWN_PSK_IDENTITY);
}

/// A server engine that waits for the client's certificate.
fn wants_certificate() -> Peer {
    let mut peer = asks(Plan::ecdhe());
    peer.step(crate::script::Step::Say(CLIENT_HELLO));
    peer
}

#[test]
fn a_client_has_a_key_and_the_private_half_of_it() {
    let mut peer = wants_certificate();
    peer.say(CERTIFICATE, &[0, 0, 0]);
    ends_with(&peer, DECODE_ERROR);
    let mut peer = wants_certificate();
    let mut garbled = peer.certificate();
    garbled[5] ^= 0x40;
    peer.say(CERTIFICATE, &garbled);
    assert_eq!(peer.alerts.len(), 1);
    assert_eq!(peer.engine.metrics().certificates_refused, 1);
    for point in no_points() {
        let mut peer = wants_certificate();
        let certificate = peer.certificate();
        peer.say(CERTIFICATE, &certificate);
        peer.plain_record(
            HANDSHAKE,
            &message(CLIENT_KEY, peer.next_message, &vector(1, &point)),
        );
        ends_with(&peer, ILLEGAL_PARAMETER);
    }
    let mut peer = wants_certificate();
    for kind in [CERTIFICATE, CLIENT_KEY] {
        let body = peer.body(kind);
        peer.say(kind, &body);
    }
    let mut signature = peer.certificate_verify();
    *signature.last_mut().unwrap() ^= 1;
    peer.say(VERIFY, &signature);
    ends_with(&peer, DECRYPT_ERROR);
}

/// RFC 7627, section 5.3, on the side of the server.
#[test]
fn a_server_takes_no_session_up_that_lost_its_extended_master_secret() {
    for (before, after) in [(true, true), (true, false), (false, true), (false, false)] {
        let mut plan = Plan::psk();
        plan.engine.max_resumable = 4;
        plan.extended = before;
        plan.again = true;
        let mut peer = plan.client();
        peer.plan.extended = after;
        peer.step(crate::script::Step::Say(CLIENT_HELLO));
        peer.step(crate::script::Step::Say(CLIENT_HELLO));
        match (before, after) {
            (true, false) => assert_eq!(peer.alerts, [[2, HANDSHAKE_FAILURE]]),
            (false, true) => {
                assert_eq!(peer.heard.last(), Some(&DONE), "in full");
                let (asked, _) = peer.plan.resumes.clone().unwrap();
                assert_ne!(peer.plan.session_id, asked);
            }
            _ => {
                peer.say_finished();
                assert!(peer.proven());
                assert_eq!(peer.engine.metrics().handshakes_resumed, 1);
            }
        }
    }
}

/// And on that of the client: a session is taken up as it was, or not at all.
#[test]
fn a_client_takes_up_the_session_that_it_knows() {
    let mut plan = Plan::psk();
    plan.session_id = vec![0x44; 32];
    let mut first = plan.clone().server();
    first.run();
    plan.connection.resumption = first.resumption.clone();
    plan.resumes = Some((plan.session_id.clone(), first.master.clone()));
    let mut changed = plan.clone();
    changed.extended = false;
    ends_with(&hears(changed, Peer::server_hello), ILLEGAL_PARAMETER);
    let mut changed = plan.clone();
    changed.connection.suites = vec![plan.suite, CipherSuite::PskAes128Ccm];
    changed.suite = CipherSuite::PskAes128Ccm;
    ends_with(&hears(changed, Peer::server_hello), ILLEGAL_PARAMETER);
    // Another id means a full handshake.
    let mut full = plan.clone();
    full.resumes = None;
    full.session_id = vec![0x45; 32];
    let mut peer = full.server();
    peer.run();
    assert!(peer.proven());
    // Without the master secret, nobody can pose as the server.
    plan.resumes = Some((plan.session_id.clone(), vec![9; 48]));
    let mut peer = plan.server();
    peer.run();
    assert!(peer.connected.is_none());
    assert!(!peer.proven());
}

/// What comes under the keys of a session, and what it leads to.
#[test]
fn every_kind_of_record_in_a_session() {
    let session = || {
        let mut peer = Plan::psk().client();
        peer.run();
        assert!(peer.proven());
        peer.received.clear();
        peer.heard.clear();
        peer
    };
    for kind in 0..=20u8 {
        let mut peer = session();
        let said = message(kind, 9, &[0; 12]);
        peer.sealed_record(HANDSHAKE, &said);
        match kind {
            HELLO_REQUEST | CLIENT_HELLO => assert_eq!(peer.alerts, [[1, NO_RENEGOTIATION]]),
            _ => assert!(peer.alerts.is_empty(), "{kind}"),
        }
        assert!(
            peer.heard.is_empty(),
            "data has shown that the last flight was heard"
        );
        assert!(peer.proven(), "{kind}");
    }
    for (kind, body) in [
        (CHANGE_CIPHER_SPEC, &[1][..]),
        (ALERT, &[1, 90]),
        (ALERT, &[9, 9, 9]),
        (WITH_ID, &[1]),
    ] {
        let mut peer = session();
        peer.sealed_record(kind, body);
        assert!(peer.alerts.is_empty() && peer.received.is_empty());
        assert!(peer.proven());
    }
    for kind in [HANDSHAKE, ALERT, CHANGE_CIPHER_SPEC] {
        let mut peer = session();
        peer.sealed_record(kind, &[]);
        assert!(
            peer.alerts.is_empty() && peer.proven(),
            "records of no length"
        );
    }
    let mut peer = session();
    peer.sealed_record(DATA, &[]);
    assert_eq!(peer.received, [b""]);
    let mut peer = session();
    peer.sealed_record(ALERT, &[1, CLOSE_NOTIFY]);
    assert_eq!(peer.alerts, [[1, CLOSE_NOTIFY]]);
    assert_eq!(peer.engine.session_count(), 0);
    let mut peer = session();
    peer.sealed_record(ALERT, &[2, HANDSHAKE_FAILURE]);
    assert!(peer.alerts.is_empty());
    assert_eq!(peer.engine.session_count(), 0);
}

#[test]
fn a_finished_that_is_said_again_is_answered_again() {
    let mut peer = Plan::psk().client();
    peer.run();
    peer.heard.clear();
    let said = peer.transcript[peer.transcript.len() - 2 * 24..][..24].to_vec();
    for n in 1..=16 {
        peer.sealed_record(HANDSHAKE, &said);
        assert_eq!(peer.heard, vec![FINISHED; n]);
    }
    peer.sealed_record(HANDSHAKE, &said);
    assert_eq!(peer.heard.len(), 16, "but not for ever");
    assert!(peer.proven());
    peer.wait(Duration::from_secs(300));
    peer.sealed_record(HANDSHAKE, &said);
    assert_eq!(peer.heard.len(), 16);
}

#[test]
fn records_are_as_long_as_agreed() {
    let mut plan = Plan::new(CipherSuite::PskAes128GcmSha256);
    let mut peer = plan.clone().client();
    peer.run();
    assert!(peer.proven());
    peer.received.clear();
    peer.sealed_record(DATA, &[7; (1 << 14) + 1]);
    assert!(peer.received.is_empty());
    peer.sealed_record(DATA, &[7; 1 << 14]);
    assert_eq!(peer.received.len(), 1);
    assert!(peer.proven());

    plan.connection.max_fragment_length = Some(512);
    let mut peer = hears_with(plan, 1, &[1]);
    for step in crate::script::script(true, true, false, false).split_off(2) {
        peer.step(step.1);
    }
    assert!(peer.proven());
    peer.received.clear();
    peer.sealed_record(DATA, &[7; 513]);
    assert!(peer.received.is_empty());
    peer.sealed_record(DATA, &[7; 512]);
    assert_eq!(peer.received.len(), 1);
}

// proves: DTLS-02
#[test]
fn a_record_counts_once() {
    let mut peer = Plan::psk().client();
    peer.run();
    assert!(peer.proven());
    let record = peer.sealed_bytes(DATA, b"once");
    for _ in 0..3 {
        peer.datagram(record.clone());
    }
    assert_eq!(
        peer.received.iter().filter(|data| *data == b"once").count(),
        1
    );
    assert_eq!(peer.engine.metrics().records_replayed, 2);
}

/// The header is authenticated to its last byte.
#[test]
fn no_byte_of_a_record_can_be_changed() {
    for id in [0, 6] {
        let mut plan = Plan::psk();
        plan.engine_id = id;
        plan.id = (id > 0).then(Vec::new);
        let mut peer = plan.client();
        peer.run();
        assert!(peer.proven());
        let record = peer.sealed_bytes(DATA, b"whole");
        peer.received.clear();
        for bit in 0..record.len() * 8 {
            let mut damaged = record.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            peer.datagram(damaged);
            assert!(peer.received.is_empty(), "bit {bit}");
        }
        peer.datagram(record);
        assert_eq!(peer.received, [b"whole"]);
    }
}

#[test]
fn data_before_a_finished_waits_for_it() {
    let mut peer = Plan::psk().client();
    let steps = crate::script::script(false, true, false, false);
    peer.steps(&steps[..steps.len() - 1]);
    peer.sealed_record(DATA, b"early");
    assert!(peer.received.is_empty());
    peer.say_finished();
    assert_eq!(peer.received, [b"early"]);
    // Where the Finished is wrong, it is never heard.
    let mut peer = Plan::psk().client();
    peer.steps(&steps[..steps.len() - 1]);
    peer.sealed_record(DATA, b"early");
    peer.say_finished_with(&[0; 12]);
    assert!(peer.received.is_empty());
    ends_with(&peer, DECRYPT_ERROR);
}

/// Finished and data in one go, in front of a program that takes its time: all of it is there at the end.
#[test]
fn what_came_behind_a_finished_is_not_lost() {
    let mut peer = Plan::psk().client();
    peer.answers = false;
    let steps = crate::script::script(false, true, false, false);
    peer.steps(&steps[..steps.len() - 2]);
    peer.say_finished();
    peer.sealed_record(DATA, b"one");
    peer.sealed_record(DATA, b"two");
    assert!(peer.connected.is_none());
    peer.answer();
    assert!(peer.connected.is_some());
    assert_eq!(peer.received, [b"one", b"two"]);
}
