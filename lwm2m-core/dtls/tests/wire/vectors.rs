//! Whole handshakes with a peer that computes everything by itself: what either side sends is what the RFCs say, byte by
//! byte.

use crate::{peer::*, protocol::*};
use lwm2m_dtls::CipherSuite;

/// Every suite, in both roles, with and without what changes keys or records.
#[test]
fn every_suite_is_sealed_and_opened_as_the_rfcs_say() {
    for suite in CipherSuite::ALL {
        for is_server in [true, false] {
            for variant in 0..16 {
                let mut plan = Plan::new(suite);
                plan.connection.suites = vec![suite];
                plan.extended = variant & 1 == 0;
                plan.encrypt_then_mac = variant & 2 != 0;
                plan.id =
                    [None, None, Some(vec![9, 8, 7]), Some(Vec::new())][variant >> 2 & 3].clone();
                plan.engine_id = if variant & 8 != 0 { 6 } else { 0 };
                // Encrypt-then-MAC is not agreed on for AEAD.
                if plan.encrypt_then_mac && !is_cbc(suite) {
                    continue;
                }
                // Key exchanges on a curve take their time.
                if !is_psk(suite) && variant % 5 != 0 {
                    continue;
                }
                let what = format!("{suite:?} {is_server} {variant}");
                let mut peer = if is_server {
                    plan.server()
                } else {
                    plan.client()
                };
                peer.run();
                assert!(peer.proven(), "{what}: {:?} {:?}", peer.ended, peer.alerts);
            }
        }
    }
}

/// The Finished of the engine, and the numbers and ids of its records.
#[test]
fn verify_data_and_records_are_those_of_the_rfcs() {
    for is_server in [true, false] {
        let mut plan = Plan::psk();
        plan.id = Some(vec![1, 2, 3, 4]);
        plan.engine_id = 5;
        let mut peer = if is_server {
            plan.server()
        } else {
            plan.client()
        };
        peer.run();
        assert!(peer.proven());
        // The transcript up to the engine's Finished, which stands before ours or behind it.
        let finished = 12 + 12;
        let end = peer.transcript.len() - if is_server { 2 } else { 1 } * finished;
        let label = if is_server {
            "client finished"
        } else {
            "server finished"
        };
        let expected = prf(&peer.master, label, &sha256(&peer.transcript[..end]), 12);
        assert_eq!(peer.engine_finished, expected);
        // Numbers of both epochs only grow, and every record under the keys has the id.
        let (mut plain, mut sealed) = (None, None);
        for record in &peer.records {
            let number = u64::from_be_bytes([
                0, 0, record[5], record[6], record[7], record[8], record[9], record[10],
            ]);
            let last = if record[4] == 0 {
                &mut plain
            } else {
                &mut sealed
            };
            assert!(last.is_none_or(|last| number > last), "{record:?}");
            *last = Some(number);
            if record[4] == 1 {
                assert_eq!(record[0], WITH_ID);
                assert_eq!(record[11..15], [1, 2, 3, 4]);
            }
        }
    }
}

#[test]
fn zeros_behind_the_type_are_padding() {
    let mut plan = Plan::psk();
    plan.engine_id = 5;
    plan.id = Some(Vec::new());
    let mut peer = plan.client();
    peer.run();
    assert!(peer.proven());
    let cipher = peer.cipher.clone().unwrap();
    let id = peer.engine_id.clone();
    // The real type and zeros (RFC 9146, section 4), sealed by hand: what `seal` appends becomes one more zero.
    for zeros in [0usize, 1, 40] {
        let mut text = b"padded".to_vec();
        text.push(DATA);
        text.extend(vec![0; zeros]);
        peer.sealed += 1;
        let sealed = cipher.seal(&cipher.client, 0, (1, peer.sealed), &id, &text, [0; 16]);
        peer.datagram(sealed);
        assert_eq!(peer.received.pop().unwrap(), b"padded");
    }
    peer.received.clear();
    // Nothing but zeros says no type.
    let before = peer.engine.metrics().records_forged;
    peer.sealed += 1;
    let sealed = cipher.seal(&cipher.client, 0, (1, peer.sealed), &id, &[0; 9], [0; 16]);
    peer.datagram(sealed);
    assert!(peer.received.is_empty());
    assert_eq!(peer.engine.metrics().records_forged, before + 1);
}
