//! What hellos agree on, anew or taken up again: one of what was offered, and nothing that was not asked.

use super::*;

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
fn a_servers_curve_is_one_that_was_offered() {
    for curve in [24, 30, 0] {
        let mut peer = with_certificate();
        let body = peer.server_key_of(curve, &[4; 97]);
        peer.say(SERVER_KEY, &body);
        ends_with(&peer, DECODE_ERROR);
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
