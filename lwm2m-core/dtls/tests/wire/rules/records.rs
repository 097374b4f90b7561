//! What a record counts for: once, unchanged, as long as agreed, and in its place around Finished.

use super::*;

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
