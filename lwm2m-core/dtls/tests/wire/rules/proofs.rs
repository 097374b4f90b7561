//! Who the peer is, and how it shows it: keys, points, signatures, and Finished.

use super::*;

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
