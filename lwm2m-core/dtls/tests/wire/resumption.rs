//! Sessions that are taken up again, before a peer that is written by the book: as they were, or not at all.

use crate::{
    peer::{Peer, Plan, extension, kinds::*},
    protocol::*,
    rules::{ends_with, hears, hears_with},
    script::{Step, script},
};
use lwm2m_dtls::CipherSuite;
use std::time::Duration;

const HANDSHAKE_FAILURE: u8 = 40;
const ILLEGAL_PARAMETER: u8 = 47;

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
        peer.step(Step::Say(CLIENT_HELLO));
        peer.step(Step::Say(CLIENT_HELLO));
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

/// RFC 6066, section 4: the length that a session began with is that of its resumptions; section 1.1: it is not said
/// again there.
#[test]
fn a_session_that_is_taken_up_keeps_its_fragment_length() {
    let asked = |peer: &Peer, code: Option<u8>| {
        let mut extensions = peer.extensions();
        extensions.extend(code.map(|code| (1, vec![code])));
        extensions
    };
    // In front of a server, by id and by ticket, which asked for 512 bytes at first and asks for `code` when it returns.
    for tickets in [false, true] {
        for (code, resumed) in [(Some(1), true), (None, false), (Some(2), false)] {
            let mut plan = Plan::new(CipherSuite::PskAes128GcmSha256);
            plan.engine.max_resumable = 4;
            if tickets {
                plan.engine.ticket_lifetime = Some(Duration::from_secs(3600));
                plan.ticket = Some(Vec::new());
            }
            let mut first = plan.clone().client();
            for step in script(false, true, false, false) {
                if step.1 == Step::Say(CLIENT_HELLO) {
                    let hello =
                        first.client_hello_with(&[plan.suite.number()], &asked(&first, Some(1)));
                    first.say(CLIENT_HELLO, &hello);
                } else {
                    first.step(step.1);
                }
            }
            assert!(first.proven());
            first.sealed_record(ALERT, &[1, 0]);
            let id = match tickets {
                true => vec![0x77; 32],
                false => first.plan.session_id.clone(),
            };
            plan.ticket = tickets.then(|| first.ticket.clone());
            plan.resumes = Some((id, first.master.clone()));
            let mut peer = plan.clone().client();
            std::mem::swap(&mut peer.engine, &mut first.engine);
            for _ in 0..2 {
                let hello = peer.client_hello_with(&[plan.suite.number()], &asked(&peer, code));
                peer.say(CLIENT_HELLO, &hello);
            }
            let rest = script(false, true, resumed, false).split_off(2);
            peer.steps(&rest);
            assert!(peer.proven(), "{tickets} {code:?}: {:?}", peer.ended);
            let count = peer.engine.metrics().handshakes_resumed;
            assert_eq!(count, u64::from(resumed), "{tickets} {code:?}");
            let hello = peer
                .records
                .iter()
                .find(|record| record[13] == SERVER_HELLO);
            let answer = extension(&hello.unwrap()[25..], 1, false);
            assert_eq!(answer, code.filter(|_| !resumed).map(|code| vec![code]));
            let longest = match code {
                Some(code) => 256usize << code,
                None => 1 << 14,
            };
            let connection = peer.connected.unwrap();
            let engine = &mut peer.engine;
            assert!(engine.send(peer.now, connection, &vec![0; longest]).is_ok());
            assert!(
                engine
                    .send(peer.now, connection, &vec![0; longest + 1])
                    .is_err()
            );
        }
    }
    // In front of a client: nothing is answered, or what the session has.
    for (code, fits) in [(None, true), (Some(1), true), (Some(2), false)] {
        for (later, offers) in [(Some(512), true), (None, false), (Some(1024), false)] {
            let mut plan = Plan::new(CipherSuite::PskAes128GcmSha256);
            plan.session_id = vec![7; 32];
            plan.connection.max_fragment_length = Some(512);
            let mut first = hears_with(plan.clone(), 1, &[1]);
            first.steps(&script(true, true, false, false).split_off(2));
            assert!(first.proven());
            plan.connection.resumption = first.resumption.clone();
            plan.connection.max_fragment_length = later;
            let peer = plan.clone().server();
            // Who asks for another length begins anew.
            let hello = &peer.records[0][25..];
            assert_eq!(usize::from(hello[34]), if offers { 32 } else { 0 });
            if !offers {
                continue;
            }
            plan.resumes = Some((plan.session_id.clone(), first.master.clone()));
            let mut peer = plan.server();
            peer.use_keys_of_resumed();
            let hello = peer.server_hello_with(peer.plan.suite.number(), &asked(&peer, code));
            peer.say(SERVER_HELLO, &hello);
            if !fits {
                ends_with(&peer, ILLEGAL_PARAMETER);
                continue;
            }
            peer.say_finished();
            assert!(peer.proven(), "{code:?}: {:?}", peer.ended);
            let connection = peer.connected.unwrap();
            let engine = &mut peer.engine;
            assert!(engine.send(peer.now, connection, &[0; 512]).is_ok());
            assert!(engine.send(peer.now, connection, &[0; 513]).is_err());
        }
    }
}
