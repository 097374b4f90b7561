//! When flights are said again, and when nobody says them any more (RFC 6347, section 4.2.4.1; RFC 7925, section 11).

use crate::support::*;
use lwm2m_core::time::Instant;
use std::{cell::Cell, net::SocketAddr, rc::Rc, time::Duration};

const TIMED_OUT: &str = "the handshake timed out";

fn client_address() -> SocketAddr {
    CLIENT_ADDRESS.parse().unwrap()
}

/// What the wheel of the timers may be late by.
const LATE: u64 = 10;

/// Seconds, from milliseconds that are that or little more.
fn seconds(times: &[u64]) -> Vec<u64> {
    let on_time = times.iter().all(|time| time % 1000 < LATE);
    assert!(on_time, "{times:?}");
    times.iter().map(|time| time / 1000).collect()
}

/// First repetition, longest time between two, time for the handshake, and when a flight is sent that nobody hears.
const CASES: [(u64, u64, u64, &[u64]); 4] = [
    // As it is set.
    (1, 60, 90, &[0, 1, 3, 7, 15, 31, 63]),
    (1, 10, 60, &[0, 1, 3, 7, 15, 25, 35, 45, 55]),
    // What RFC 7925 recommends for slow networks.
    (9, 60, 200, &[0, 9, 27, 63, 123, 183]),
    (9, 20, 60, &[0, 9, 27, 47]),
];

// proves: DTLS-23
#[test]
fn a_hello_that_nobody_hears_is_said_again_ever_more_seldom_until_its_time_is_over() {
    for (initial, max, timeout, expected) in CASES {
        let mut setup = Setup::psk();
        setup.client.retransmit_initial = Duration::from_secs(initial);
        setup.client.retransmit_max = Duration::from_secs(max);
        setup.client.handshake_timeout = Duration::from_secs(timeout);
        let mut net = setup.build();
        net.tap = Some(Box::new(|_| None));
        net.run(Duration::from_secs(timeout) - Duration::from_millis(1));
        assert_eq!(seconds(&net.sent(client_address(), |_| true)), expected);
        assert_eq!(net.hosts[CLIENT].closed(), [""; 0]);
        net.run(Duration::from_millis(LATE));
        assert_eq!(net.hosts[CLIENT].closed(), [TIMED_OUT]);
        assert_eq!(net.hosts[CLIENT].endpoint.poll_timeout(), None);
    }
}

// proves: DTLS-23
#[test]
fn so_is_the_flight_of_a_server() {
    let pki = pki();
    for kind in KINDS {
        for (initial, max, timeout, expected) in CASES {
            let mut setup = Setup::new(kind, &pki);
            setup.server.retransmit_initial = Duration::from_secs(initial);
            setup.server.retransmit_max = Duration::from_secs(max);
            setup.server.handshake_timeout = Duration::from_secs(timeout);
            let mut net = setup.build();
            // The client is heard until its cookie has come, and hears no more than the cookie itself.
            let mut greeted = 0;
            net.tap = Some(Box::new(move |packet| {
                let heard = match packet.data[13] {
                    1 => {
                        greeted += 1;
                        greeted <= 2
                    }
                    3 => true,
                    _ => false,
                };
                heard.then(|| packet.clone())
            }));
            // Three times to the cookie and back.
            net.run(Duration::from_millis(30));
            let begun = net.now;
            net.run_until(begun + (Duration::from_secs(timeout) - Duration::from_millis(1)));
            let is_hello = |data: &[u8]| data[0] == 22 && data[13] == 2;
            let sent = net.sent(server_address(), is_hello);
            assert_eq!(seconds(&sent), expected, "{kind:?}");
            assert_eq!(net.hosts[SERVER].refused(), [""; 0]);
            net.run(Duration::from_millis(LATE));
            assert_eq!(net.hosts[SERVER].refused(), [TIMED_OUT]);
            assert_eq!(net.hosts[SERVER].endpoint.poll_timeout(), None);
        }
    }
}

/// Who has been heard begins with the shortest time again, for what it says next (RFC 6347, section 4.2.4.1).
// proves: DTLS-23
#[test]
fn after_an_answer_the_first_time_is_short_again() {
    let mut net = Setup::psk().build();
    let open = Rc::new(Cell::new(0));
    let passes = open.clone();
    net.tap = Some(Box::new(move |packet| {
        let heard = match (packet.data[0], packet.data[13]) {
            // Of the server's flights, as many as are let through; of the client's second one, none.
            (22, 2) if passes.get() > 0 => {
                passes.set(passes.get() - 1);
                true
            }
            (22, 1 | 3) => true,
            _ => false,
        };
        heard.then(|| packet.clone())
    }));
    let with_cookie = |data: &[u8]| data[0] == 22 && data[13] == 1 && data[13 + 12 + 35] > 0;
    let answer = |data: &[u8]| data[0] == 22 && data[13] == 16;
    net.run_until(Instant::from_micros(21_000_000));
    let hellos = net.sent(client_address(), with_cookie);
    assert_eq!(seconds(&hellos), [0, 1, 3, 7, 15]);
    open.set(1);
    net.run(Duration::from_secs(30));
    let answers = net.sent(client_address(), answer);
    assert_eq!(seconds(&answers)[..4], [0, 1, 3, 7]);
    // That is said for as long as the handshake may take in all, and with its reason.
    net.run_until(Instant::from_micros(91_000_000 - 1));
    assert_eq!(net.hosts[CLIENT].closed(), [""; 0]);
    net.run(Duration::from_millis(LATE));
    assert_eq!(net.hosts[CLIENT].closed(), [TIMED_OUT]);
}
