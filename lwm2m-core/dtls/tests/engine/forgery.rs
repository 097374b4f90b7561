//! What somebody can do who can forge datagrams: nothing closes, nothing grows.

use crate::{net::*, support::*};
use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};
use std::{cell::Cell, net::SocketAddr, rc::Rc, time::Duration};

const SECONDS: Duration = Duration::from_secs(5);

pub(crate) fn client_address() -> SocketAddr {
    CLIENT_ADDRESS.parse().unwrap()
}

pub(crate) fn connected(setup: Setup) -> Net {
    let mut net = setup.build();
    net.run(SECONDS);
    net.say(CLIENT, b"before");
    net.run(SECONDS);
    assert_eq!(net.hosts[SERVER].data().len(), 1);
    net
}

pub(crate) fn record(kind: u8, epoch: u16, sequence: u64, body: &[u8]) -> Vec<u8> {
    let mut record = vec![kind, 0xfe, 0xfd];
    record.extend(epoch.to_be_bytes());
    record.extend(&sequence.to_be_bytes()[2..]);
    record.extend((body.len() as u16).to_be_bytes());
    record.extend(body);
    record
}

/// The session is what it was: it stands on both sides, and data goes both ways.
pub(crate) fn unharmed(net: &mut Net) {
    assert_eq!(net.hosts[CLIENT].closed(), [""; 0]);
    assert_eq!(net.hosts[SERVER].closed(), [""; 0]);
    let heard = (
        net.hosts[SERVER].data().len(),
        net.hosts[CLIENT].data().len(),
    );
    net.say(CLIENT, b"after");
    net.say(SERVER, b"after");
    net.run(SECONDS);
    assert_eq!(net.hosts[SERVER].data().len(), heard.0 + 1);
    assert_eq!(net.hosts[CLIENT].data().len(), heard.1 + 1);
}

/// Ten kinds of single datagrams, as an attacker off the path may send them.
fn kinds(net: &Net) -> Vec<(&'static str, Vec<u8>)> {
    let genuine = net
        .log
        .iter()
        .rev()
        .find(|packet| packet.from == client_address())
        .unwrap();
    let mut bad_tag = genuine.data.clone();
    *bad_tag.last_mut().unwrap() ^= 1;
    // With another number, too, so that it is not taken for a repetition.
    bad_tag[10] = bad_tag[10].wrapping_add(3);
    let hello = net.log.iter().find(|packet| packet.data[13] == 1).unwrap();
    vec![
        ("plain fatal alert", record(21, 0, 99, &[2, 40])),
        ("plain close_notify", record(21, 0, 99, &[1, 0])),
        ("plain data", record(23, 0, 99, b"hello")),
        ("plain change of cipher", record(20, 0, 99, &[1])),
        (
            "plain Finished",
            record(
                22,
                0,
                99,
                &[
                    20, 0, 0, 12, 0, 3, 0, 0, 0, 0, 0, 12, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
                ],
            ),
        ),
        ("hello without cookie", hello.data.clone()),
        ("protected record with a wrong tag", bad_tag),
        (
            "protected record with a number far ahead",
            record(23, 1, (1 << 48) - 1, &[7; 40]),
        ),
        (
            "protected record too short for a tag",
            record(23, 1, 98, &[7; 3]),
        ),
        ("record of another epoch", record(23, 2, 98, &[7; 40])),
        ("a genuine record again", genuine.data.clone()),
        ("an empty record", record(23, 1, 98, &[])),
        ("noise", vec![0x55; 60]),
        ("a record of another version", {
            let mut other = record(21, 0, 99, &[2, 40]);
            other[1..3].copy_from_slice(&[3, 3]);
            other
        }),
    ]
}

// proves: DTLS-03, DTLS-08, DTLS-09, SEC-35
#[test]
fn single_datagrams_close_nothing() {
    for ids in [false, true] {
        let mut setup = Setup::psk();
        if ids {
            setup.client = with_ids(5);
            setup.server = with_ids(8);
        }
        let net = connected(setup);
        for (name, datagram) in kinds(&net) {
            let mut setup = Setup::psk();
            if ids {
                setup.client = with_ids(5);
                setup.server = with_ids(8);
            }
            let mut net = connected(setup);
            for (from, to) in [
                (client_address(), server_address()),
                (server_address(), client_address()),
            ] {
                net.inject(Packet {
                    from,
                    to,
                    data: datagram.clone(),
                });
            }
            net.run(SECONDS);
            println!("{name}");
            unharmed(&mut net);
        }
    }
}

// proves: DTLS-01
#[test]
fn hellos_without_cookie_cost_nothing_and_amplify_nothing() {
    let mut net = connected(Setup::psk());
    let hello = net
        .log
        .iter()
        .find(|packet| packet.data[13] == 1)
        .unwrap()
        .data
        .clone();
    let before = net.hosts[SERVER].endpoint.session_bytes();
    net.log.clear();
    const FLOOD: usize = 4000;
    for n in 0..FLOOD {
        let from = format!("10.66.{}.{}:666", n / 250, n % 250)
            .parse()
            .unwrap();
        net.inject(Packet {
            from,
            to: server_address(),
            data: hello.clone(),
        });
    }
    net.run(SECONDS);
    let server = &net.hosts[SERVER].endpoint;
    assert_eq!(server.metrics().cookies_sent as usize, FLOOD + 1);
    assert_eq!(server.session_bytes(), before);
    assert_eq!(server.handshake_count(), 0);
    assert!(
        net.log
            .iter()
            .all(|packet| packet.data.len() <= hello.len())
    );
    unharmed(&mut net);
}

#[test]
fn handshakes_of_one_address_and_of_all_are_bounded() {
    let mut setup = Setup::psk();
    setup.server.max_handshakes = 8;
    setup.server.max_handshakes_per_address = 4;
    let connection = setup.connection.clone();
    let mut net = setup.build();
    net.run(SECONDS);
    // Peers that have proven their address, and say no more.
    let server = server_address();
    net.tap = Some(Box::new(move |packet| {
        let silent = packet.to != server || packet.data[13] == 1;
        silent.then(|| packet.clone())
    }));
    for n in 0..20u64 {
        let address = if n < 10 {
            format!("10.5.0.1:{}", 1000 + n)
        } else {
            format!("10.5.1.{n}:1000")
        };
        let mut host = Host::new(&address, endpoint(config(), None, 500 + n));
        host.endpoint
            .connect(net.now, server, connection.clone())
            .unwrap();
        net.hosts.push(host);
        net.run(Duration::from_millis(100));
        assert!(net.hosts[SERVER].endpoint.handshake_count() <= if n < 10 { 4 } else { 8 });
    }
    assert!(net.hosts[SERVER].endpoint.metrics().hellos_over_limit > 0);
    net.hosts.truncate(2);
    net.run(Duration::from_secs(100));
    assert_eq!(
        net.hosts[SERVER].endpoint.handshake_count(),
        0,
        "they ran out of time"
    );
}

#[test]
fn forgers_have_a_limited_number_of_attempts() {
    let mut setup = Setup::psk();
    setup.server.max_forgeries_short_tag = 50;
    let mut net = connected(setup);
    for n in 0..49u64 {
        net.inject(Packet {
            from: client_address(),
            to: server_address(),
            data: record(23, 1, 1000 + n, &[7; 40]),
        });
    }
    net.run(SECONDS);
    unharmed(&mut net);
    net.inject(Packet {
        from: client_address(),
        to: server_address(),
        data: record(23, 1, 2000, &[7; 40]),
    });
    net.run(SECONDS);
    assert_eq!(net.hosts[SERVER].closed().len(), 1);
    assert_eq!(net.hosts[SERVER].endpoint.metrics().sessions_forged, 1);
}

// proves: DTLS-06
#[test]
fn the_last_flight_is_repeated_when_it_was_lost() {
    for lost in 1..4 {
        let mut net = Setup::psk().build();
        let dropped = Rc::new(Cell::new(0));
        let count = dropped.clone();
        net.tap = Some(Box::new(move |packet| {
            let is_last = packet.from == server_address() && packet.data[0] == 20;
            if is_last && count.get() < lost {
                count.set(count.get() + 1);
                return None;
            }
            Some(packet.clone())
        }));
        net.run(Duration::from_secs(30));
        assert_eq!(dropped.get(), lost);
        net.say(CLIENT, b"before");
        net.run(SECONDS);
        unharmed(&mut net);
    }
}

#[test]
fn no_datagram_makes_it_panic() {
    let mut random = ChaCha8Rng::seed_from_u64(3);
    let mut net = Setup::psk().build();
    net.run(SECONDS);
    net.say(CLIENT, b"x");
    net.run(SECONDS);
    let genuine: Vec<_> = net.log.clone();
    let mut net = Setup::psk().build();
    net.keep_log = false;
    for round in 0..20_000u32 {
        let original = &genuine[random.next_u32() as usize % genuine.len()];
        let mut data = original.data.clone();
        for _ in 0..random.next_u32() % 4 {
            let at = random.next_u32() as usize % data.len();
            data[at] = random.next_u32() as u8;
        }
        data.truncate(random.next_u32() as usize % (data.len() + 1));
        net.inject(Packet {
            data,
            ..original.clone()
        });
        if round % 50 == 0 {
            net.run(Duration::from_millis(500));
        }
    }
    net.run(Duration::from_secs(200));
    assert_eq!(net.hosts[SERVER].endpoint.handshake_count(), 0);
}

// proves: DTLS-02, DTLS-03, SEC-03, SEC-35
#[test]
fn data_are_hidden_and_neither_changed_nor_said_twice() {
    const TEXT: &[u8] = b"what nobody on the way may read, change or say again";
    let pki = pki();
    for suite in lwm2m_dtls::CipherSuite::ALL {
        let psk = format!("{suite:?}").starts_with("Psk");
        let kind = if psk { Kind::Psk } else { Kind::Certificate };
        let mut net = connected(Setup::new(kind, &pki).suite(suite));
        let from = net.log.len();
        // On the way it is held back.
        net.tap = Some(Box::new(|_| None));
        net.say(CLIENT, TEXT);
        net.run(Duration::from_millis(1));
        net.tap = None;
        let [held] = &net.log[from..] else {
            panic!("{suite:?}: more than one datagram");
        };
        let held = held.clone();
        let readable = |packet: &Packet| {
            packet
                .data
                .windows(8)
                .any(|part| TEXT.windows(8).any(|text| text == part))
        };
        assert!(!readable(&held), "{suite:?}");
        for at in 0..held.data.len() {
            let mut changed = held.clone();
            changed.data[at] ^= 1;
            net.inject(changed);
        }
        net.run(SECONDS);
        assert_eq!(net.hosts[SERVER].data().len(), 1, "{suite:?}: changed");
        for _ in 0..3 {
            net.inject(held.clone());
        }
        net.run(SECONDS);
        let heard = net.hosts[SERVER].data();
        assert_eq!(heard.len(), 2, "{suite:?}: once");
        assert_eq!(heard[1].1, TEXT);
        unharmed(&mut net);
    }
}
