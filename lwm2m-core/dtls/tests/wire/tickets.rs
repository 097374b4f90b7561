//! Tickets (RFC 5077) between the engine and a peer that is written by the book: what travels, and what a hostile one may
//! try.

use crate::{
    peer::{Peer, Plan, kinds::*},
    protocol::*,
};
use lwm2m_dtls::CipherSuite;
use std::time::Duration;

const HANDSHAKE_FAILURE: u8 = 40;
const DECODE_ERROR: u8 = 50;
const LIFETIME: Duration = Duration::from_secs(3600);

fn asking() -> Plan {
    let mut plan = Plan::psk();
    plan.connection.session_tickets = true;
    plan.ticket = Some(Vec::new());
    plan
}

fn giving(suite: CipherSuite) -> Plan {
    let mut plan = Plan::new(suite);
    plan.engine.ticket_lifetime = Some(LIFETIME);
    plan.ticket = Some(Vec::new());
    plan
}

/// Every suite, in both roles: given, and taken up.
#[test]
fn tickets_are_given_and_taken_up_as_the_rfc_says() {
    for suite in CipherSuite::ALL {
        let mut plan = Plan::new(suite);
        plan.connection.session_tickets = true;
        plan.ticket = Some(Vec::new());
        let mut peer = plan.clone().server();
        peer.run();
        assert!(peer.proven(), "{suite:?}: {:?}", peer.ended);
        let resumption = peer.resumption.clone().unwrap();
        assert!(resumption.is_ticket());
        assert_eq!(resumption.lifetime(), Some(Duration::from_secs(9)));
        plan.connection.resumption = Some(resumption);
        plan.resumes = Some((Vec::new(), peer.master.clone()));
        for renewed in [true, false] {
            plan.ticket = renewed.then(Vec::new);
            let mut peer = plan.clone().server();
            peer.run();
            assert!(peer.proven(), "{suite:?}: {:?}", peer.ended);
            assert!(!peer.heard.contains(&CLIENT_KEY));
            assert!(peer.resumption.as_ref().unwrap().is_ticket());
        }

        let mut plan = giving(suite);
        plan.again = true;
        let mut peer = plan.client();
        peer.run();
        assert!(peer.proven(), "{suite:?}: {:?}", peer.ended);
        assert_eq!(peer.engine.metrics().handshakes_resumed, 1, "{suite:?}");
        // It goes on with the ticket that it has.
        assert!(!peer.heard.contains(&TICKET));
    }
}

/// The message of the server, and its place: announced in the hello, before the change of cipher, under both Finished.
#[test]
fn a_ticket_stands_where_it_belongs() {
    let mut peer = giving(CipherSuite::PskAes128Ccm8).client();
    peer.run();
    assert!(peer.proven());
    let last: Vec<_> = peer.heard.iter().rev().take(2).collect();
    assert_eq!(last, [&FINISHED, &TICKET]);
    let record = peer
        .records
        .iter()
        .find(|record| record[0] == HANDSHAKE && record[13] == TICKET)
        .unwrap();
    assert_eq!(record[3..5], [0, 0], "not protected");
    let body = &record[13 + 12..];
    assert_eq!(body[..4], 3600u32.to_be_bytes());
    assert_eq!(
        usize::from(body[4]) << 8 | usize::from(body[5]),
        body.len() - 6
    );
    assert_eq!(peer.ticket, body[6..]);
    // Whoever does not ask is not given one, and whoever is not set up does not give.
    let mut plan = giving(CipherSuite::PskAes128Ccm8);
    plan.ticket = None;
    let mut peer = plan.client();
    peer.run();
    assert!(peer.proven() && !peer.heard.contains(&TICKET));
    let mut plan = giving(CipherSuite::PskAes128Ccm8);
    plan.engine.ticket_lifetime = None;
    let mut peer = plan.client();
    peer.run();
    assert!(peer.proven() && !peer.heard.contains(&TICKET));
}

/// A server whose client has been given a ticket, which `change` changes before it is offered, and what came of it.
fn offered(change: impl FnOnce(&mut Plan)) -> Peer {
    let mut first = giving(CipherSuite::PskAes128Ccm8).client();
    first.run();
    assert!(first.proven());
    first.sealed_record(ALERT, &[1, 0]);
    let mut plan = giving(CipherSuite::PskAes128Ccm8);
    plan.ticket = Some(first.ticket.clone());
    change(&mut plan);
    // A new client in front of the same engine.
    let mut peer = plan.client();
    std::mem::swap(&mut peer.engine, &mut first.engine);
    peer.run();
    peer
}

/// Whatever a ticket is, if it is not good it is none: the handshake is full, and gives a new one.
#[test]
fn a_ticket_that_is_no_good_leads_to_a_full_handshake() {
    let changes: [fn(&mut Vec<u8>); 7] = [
        |ticket| ticket[0] ^= 1,
        |ticket| ticket[8] ^= 1,
        |ticket| ticket[40] ^= 0x80,
        |ticket| *ticket.last_mut().unwrap() ^= 1,
        |ticket| ticket.truncate(20),
        |ticket| ticket.push(0),
        |ticket| *ticket = vec![0xff; 6000],
    ];
    for (case, change) in changes.into_iter().enumerate() {
        let mut peer = offered(|plan| change(plan.ticket.as_mut().unwrap()));
        assert!(peer.proven(), "case {case}: {:?}", peer.ended);
        assert_eq!(peer.engine.metrics().handshakes_resumed, 0, "case {case}");
        assert!(!peer.ticket.is_empty());
    }
    // Of a suite that is offered no longer.
    let mut peer = offered(|plan| plan.suite = CipherSuite::PskAes128GcmSha256);
    assert!(peer.proven());
    assert_eq!(peer.engine.metrics().handshakes_resumed, 0);
}

/// RFC 7627, section 5.3: what was bound to its handshake must go on so.
#[test]
fn a_ticket_does_not_shed_its_extended_master_secret() {
    let peer = offered(|plan| plan.extended = false);
    assert_eq!(peer.alerts, [[2, HANDSHAKE_FAILURE]]);
    assert_eq!(peer.engine.session_count(), 0);
}

#[test]
fn a_client_takes_no_ticket_that_is_malformed() {
    let bodies: [&[u8]; 4] = [
        &[0, 0, 0, 9, 0, 2, 7],
        &[0, 0, 0, 9, 0, 1, 7, 7],
        &[0, 0, 0],
        &[],
    ];
    for body in bodies {
        let mut peer = asking().server();
        peer.answers = true;
        for kind in [HELLO_VERIFY, SERVER_HELLO, DONE] {
            let body = peer.body(kind);
            peer.say(kind, &body);
        }
        peer.say(TICKET, body);
        assert_eq!(peer.alerts, [[2, DECODE_ERROR]], "{body:?}");
    }
    // It is announced by an empty extension.
    let mut peer = asking().server();
    let mut extensions = peer.extensions();
    extensions.retain(|(number, _)| *number != 35);
    extensions.push((35, vec![1]));
    let hello = peer.server_hello_with(peer.plan.suite.number(), &extensions);
    peer.say(SERVER_HELLO, &hello);
    assert_eq!(peer.alerts, [[2, DECODE_ERROR]]);
}

/// A server that has announced a ticket may have none, and a client need not keep one that is too long for it.
#[test]
fn an_empty_ticket_and_one_too_long_are_none() {
    for (length, kept) in [(0usize, false), (100, true), (101, false)] {
        let mut plan = asking();
        plan.engine.max_ticket = 100;
        let mut peer = plan.server();
        for kind in [HELLO_VERIFY, SERVER_HELLO, DONE] {
            let body = peer.body(kind);
            peer.say(kind, &body);
        }
        let ticket = [&[0, 0, 0, 0][..], &vector(2, &vec![7; length])].concat();
        peer.say(TICKET, &ticket);
        peer.say_finished();
        assert!(peer.proven(), "{length}");
        assert_eq!(peer.resumption.is_some(), kept, "{length}");
        assert!(peer.resumption.is_none_or(|kept| kept.lifetime().is_none()));
    }
}

/// The Finished behind a ticket is lost: the client asks for it again.
#[test]
fn a_finished_that_is_lost_behind_its_ticket_is_asked_for() {
    let mut peer = asking().server();
    for kind in [HELLO_VERIFY, SERVER_HELLO, DONE] {
        let body = peer.body(kind);
        peer.say(kind, &body);
    }
    let ticket = peer.body(TICKET);
    peer.say(TICKET, &ticket);
    let count = |peer: &Peer| peer.heard.iter().filter(|kind| **kind == FINISHED).count();
    let before = count(&peer);
    peer.wait(Duration::from_millis(1500));
    assert_eq!(count(&peer), before + 1);
    // The ticket alone, again, is no reason to.
    peer.plain_record(HANDSHAKE, &message(TICKET, peer.next_message - 1, &ticket));
    assert_eq!(count(&peer), before + 1);
    peer.say_finished();
    assert!(peer.proven());
}
