//! What a hostile reading of the engine has found, each so that it stays mended.

use crate::{net::*, support::*};
use lwm2m_core::{peer::PeerIdentity, time::Instant};
use lwm2m_dtls::{Event, Export, ImportError};
use std::{net::SocketAddr, time::Duration};

const SECONDS: Duration = Duration::from_secs(5);
/// Record header and message header.
const HEADERS: usize = 13 + 12;

fn connected(setup: Setup) -> Net {
    let mut net = setup.build();
    net.run(SECONDS);
    assert_eq!(net.hosts[CLIENT].connected().len(), 1);
    assert_eq!(net.hosts[SERVER].connected().len(), 1);
    net
}

fn is_hello(data: &[u8]) -> bool {
    data[0] == 22 && data[3..5] == [0, 0] && data[13] == 1
}

/// Where the cookie of a ClientHello begins, behind its length; the session id is empty.
fn cookie(data: &[u8]) -> Option<std::ops::Range<usize>> {
    let at = HEADERS + 2 + 32 + 1;
    let length = usize::from(*data.get(at)?);
    (is_hello(data) && length > 0).then(|| at + 1..at + 1 + length)
}

#[test]
fn a_message_number_at_its_end_overflows_nothing() {
    for number in [17u16, 255, u16::MAX] {
        let mut net = Setup::psk().build();
        net.tap = Some(Box::new(move |packet| {
            let mut packet = packet.clone();
            if cookie(&packet.data).is_some() {
                packet.data[17..19].copy_from_slice(&number.to_be_bytes());
            }
            Some(packet)
        }));
        net.run(Duration::from_secs(100));
        let metrics = net.hosts[SERVER].endpoint.metrics();
        assert_eq!(metrics.handshakes_started, 0);
        assert!(metrics.hellos_refused > 0);
    }
}

#[test]
fn a_cookie_that_has_become_too_old_is_replaced_by_a_new_one() {
    let mut net = Setup::psk().build();
    let mut spoilt = 0;
    net.tap = Some(Box::new(move |packet| {
        let mut packet = packet.clone();
        if let Some(cookie) = cookie(&packet.data)
            && spoilt < 2
        {
            spoilt += 1;
            packet.data[cookie.start] ^= 1;
        }
        Some(packet)
    }));
    net.run(SECONDS);
    assert_eq!(net.hosts[SERVER].endpoint.metrics().cookies_sent, 3);
    assert_eq!(net.hosts[CLIENT].connected().len(), 1);
}

#[test]
fn a_client_does_not_take_cookies_for_ever() {
    let mut net = Setup::psk().build();
    net.tap = Some(Box::new(move |packet| {
        let mut packet = packet.clone();
        if let Some(cookie) = cookie(&packet.data) {
            packet.data[cookie.start] ^= 1;
        }
        Some(packet)
    }));
    net.run(SECONDS);
    let hellos = net.log.iter().filter(|packet| is_hello(&packet.data));
    assert_eq!(hellos.count(), 5, "one without, four with a cookie");
    let closed = net.hosts[CLIENT].closed();
    assert!(closed[0].contains("HelloVerifyRequest"), "{closed:?}");
}

/// A handshake whose client has said who it is and does not go on.
fn half_open(setup: Setup) -> Net {
    let mut net = setup.build();
    net.tap = Some(Box::new(|packet| {
        // Strikes change of cipher and Finished from the client's last flight.
        let mut packet = packet.clone();
        if packet.to == server_address() && packet.data[13] == 16 {
            let length = usize::from(u16::from_be_bytes([packet.data[11], packet.data[12]]));
            packet.data.truncate(13 + length);
        }
        Some(packet)
    }));
    net.run(Duration::from_millis(200));
    let server = &net.hosts[SERVER];
    assert_eq!(server.endpoint.handshake_count(), 1);
    assert!(
        server
            .events
            .iter()
            .any(|event| matches!(event, Event::KeyWanted { .. }))
    );
    net
}

#[test]
fn a_handshake_that_gives_way_to_another_is_reported() {
    let setup = Setup::psk();
    let connection = setup.connection.clone();
    let mut net = half_open(setup);
    let mut again = Host::new(CLIENT_ADDRESS, endpoint(config(), None, 44));
    again
        .endpoint
        .connect(net.now, server_address(), connection.clone())
        .unwrap();
    net.hosts[CLIENT] = again;
    net.tap = None;
    net.run(SECONDS);
    assert_eq!(
        net.hosts[SERVER].refused(),
        ["replaced by a newer connection"]
    );
    let metrics = net.hosts[SERVER].endpoint.metrics();
    assert_eq!(metrics.handshakes_started, 2);
    assert_eq!(metrics.handshakes_failed + metrics.handshakes_completed, 2);

    // On the client's side, too.
    let mut client = endpoint(config(), None, 45);
    let first = client
        .connect(Instant::ZERO, server_address(), connection.clone())
        .unwrap();
    client
        .connect(Instant::ZERO, server_address(), connection)
        .unwrap();
    let event = client.poll_event();
    assert!(
        matches!(event, Some(Event::Closed { connection, .. }) if connection == first),
        "{event:?}"
    );
}

#[test]
fn removed_credentials_end_handshakes_that_rest_on_them() {
    let mut net = half_open(Setup::psk());
    let now = net.now;
    let server = &mut net.hosts[SERVER].endpoint;
    server.forget(now, &PeerIdentity::Psk(b"somebody else".to_vec()));
    assert_eq!(server.handshake_count(), 1);
    server.forget(now, &PeerIdentity::Psk(IDENTITY.to_vec()));
    assert_eq!(server.handshake_count(), 0);
    net.tap = None;
    net.run(Duration::from_secs(100));
    assert_eq!(net.hosts[SERVER].refused(), ["credentials removed"]);
    assert_eq!(net.hosts[SERVER].endpoint.session_count(), 0);
    assert_eq!(net.hosts[SERVER].endpoint.poll_timeout(), None);
}

#[test]
fn a_network_of_ipv6_counts_as_one_host() {
    let mut setup = Setup::psk();
    setup.server.max_handshakes_per_address = 3;
    let connection = setup.connection.clone();
    let mut net = setup.build();
    net.run(SECONDS);
    let server = server_address();
    net.tap = Some(Box::new(move |packet| {
        (packet.to != server || is_hello(&packet.data)).then(|| packet.clone())
    }));
    let mut half_open = |address: String| {
        let mut host = Host::new(&address, endpoint(config(), None, net.hosts.len() as u64));
        host.endpoint
            .connect(net.now, server, connection.clone())
            .unwrap();
        net.hosts.push(host);
        net.run(Duration::from_millis(100));
        net.hosts[SERVER].endpoint.handshake_count()
    };
    for n in 1..10u16 {
        let open = half_open(format!("[2001:db8:0:1:{n}::{n}]:4000"));
        assert_eq!(open, usize::from(n.min(3)));
    }
    assert_eq!(half_open("[2001:db8:0:2::1]:4000".into()), 4, "another");
    // IPv4 in the dress of IPv6 is told apart by its 32 bits.
    assert_eq!(half_open("[::ffff:10.3.3.3]:4000".into()), 5);
    assert_eq!(half_open("[::ffff:10.3.3.4]:4000".into()), 6);
}

fn sealed(epoch: u16, sequence: u64) -> Vec<u8> {
    let mut record = vec![23, 0xfe, 0xfd];
    record.extend(epoch.to_be_bytes());
    record.extend(&sequence.to_be_bytes()[2..]);
    record.extend([0, 40]);
    record.extend([7; 40]);
    record
}

#[test]
fn a_handshake_beside_the_session_gives_no_further_attempts() {
    let mut setup = Setup::psk();
    setup.server.max_forgeries_short_tag = 20;
    let connection = setup.connection.clone();
    let mut net = connected(setup);
    // Somebody who can speak with the device's address begins a handshake and leaves it at that.
    let mut other = Host::new(CLIENT_ADDRESS, endpoint(config(), None, 66));
    other
        .endpoint
        .connect(net.now, server_address(), connection)
        .unwrap();
    let honest = std::mem::replace(&mut net.hosts[CLIENT], other);
    let server = server_address();
    net.tap = Some(Box::new(move |packet| {
        (packet.to != server || is_hello(&packet.data)).then(|| packet.clone())
    }));
    net.run(Duration::from_millis(100));
    net.hosts[CLIENT] = honest;
    assert_eq!(net.hosts[SERVER].endpoint.handshake_count(), 1);
    for n in 0..20 {
        assert_eq!(net.hosts[SERVER].endpoint.session_count(), 1, "{n}");
        net.inject(Packet {
            from: CLIENT_ADDRESS.parse().unwrap(),
            to: server,
            data: sealed(1, 1000 + n),
        });
        net.run(Duration::from_millis(20));
    }
    assert_eq!(net.hosts[SERVER].endpoint.metrics().sessions_forged, 1);
}

#[test]
fn records_that_nobody_has_to_open_are_no_attempts() {
    for ids in [false, true] {
        let mut setup = Setup::psk();
        setup.server.max_forgeries_short_tag = 5;
        if ids {
            setup.server.connection_ids = with_ids(8).connection_ids;
        }
        let mut net = connected(setup);
        for n in 0..50 {
            // Of another epoch, or without the Connection ID that every record has.
            net.inject(Packet {
                from: CLIENT_ADDRESS.parse().unwrap(),
                to: server_address(),
                data: sealed(if ids { 1 } else { 2 }, n),
            });
        }
        net.run(SECONDS);
        let server = &net.hosts[SERVER].endpoint;
        assert_eq!(server.session_count(), 1);
        assert_eq!(server.metrics().records_forged, 50);
    }
}

#[test]
fn whoever_moves_takes_nobodys_place() {
    let mut setup = Setup::psk();
    setup.server = with_ids(8);
    let connection = setup.connection.clone();
    let mut net = connected(setup);
    // A device that takes no Connection ID, at an address of its own.
    let victim = "10.0.0.50:5000";
    let mut plain = connection;
    plain.connection_id = false;
    let mut host = Host::new(victim, endpoint(config(), None, 9));
    host.endpoint
        .connect(net.now, server_address(), plain)
        .unwrap();
    net.hosts.push(host);
    net.run(SECONDS);
    net.say(2, b"before");
    net.run(SECONDS);
    let heard = |net: &Net| net.hosts[SERVER].data().len();
    assert_eq!(heard(&net), 1);
    // Another device forges that address, with a genuine record of its own.
    let genuine: SocketAddr = CLIENT_ADDRESS.parse().unwrap();
    net.hosts[CLIENT].address = "10.0.0.50:5000".parse().unwrap();
    net.hosts[2].address = "10.0.0.51:1".parse().unwrap();
    net.say(CLIENT, b"I am there");
    net.run(SECONDS);
    assert_eq!(heard(&net), 2);
    net.hosts[CLIENT].address = genuine;
    net.hosts[2].address = victim.parse().unwrap();
    net.say(2, b"and so am I");
    net.run(SECONDS);
    assert_eq!(heard(&net), 3, "the one whose address it is, is heard");
    net.say(CLIENT, b"back");
    net.run(SECONDS);
    assert_eq!(heard(&net), 4);
    net.say(2, b"still");
    net.run(SECONDS);
    assert_eq!(heard(&net), 5);
    // Who has come and gone leaves no trace behind in the indexes.
    let (first, second) = (
        net.hosts[SERVER].connected()[0],
        net.hosts[SERVER].connected()[1],
    );
    let now = net.now;
    let server = &mut net.hosts[SERVER].endpoint;
    server.close(now, first);
    assert_eq!(server.sessions(), [second]);
    server.close(now, second);
    assert_eq!(server.session_count(), 0);
}

fn reserved(ahead: u64) -> Net {
    let mut setup = Setup::psk();
    setup.server = with_ids(8);
    setup.server.export_reservation = Some(ahead);
    connected(setup)
}

#[test]
fn exports_that_are_not_stored_yet_reserve_the_same_numbers() {
    let mut net = reserved(10);
    let now = net.now;
    let connection = net.hosts[SERVER].connected()[0];
    let server = &mut net.hosts[SERVER].endpoint;
    let write_sequence = |export: &Export| {
        let at = 1 + 2 + 1 + 2 * 20;
        u64::from_be_bytes(export.expose_secret()[at..at + 8].try_into().unwrap())
    };
    let first = server.export(connection).unwrap();
    server.export_stored(connection);
    for _ in 0..7 {
        server.send(now, connection, b"x").unwrap();
    }
    // This one is stored, and the program asks again before it says so.
    let second = server.export(connection).unwrap();
    assert!(write_sequence(&second) > write_sequence(&first));
    server.send(now, connection, b"x").unwrap();
    let third = server.export(connection).unwrap();
    assert_eq!(write_sequence(&second), write_sequence(&third));
    server.export_stored(connection);
    let mut sent = 0;
    while server.send(now, connection, b"x").is_ok() {
        sent += 1;
    }
    assert!(sent > 0);
    let mut last = 0;
    while let Some(transmit) = server.poll_transmit() {
        if transmit.data[3..5] == [0, 1] {
            let mut number = [0; 8];
            number[2..].copy_from_slice(&transmit.data[5..11]);
            last = u64::from_be_bytes(number);
        }
    }
    assert_eq!(last + 1, write_sequence(&second), "no number beyond it");
}

#[test]
fn imports_with_numbers_that_cannot_be_are_refused() {
    let mut setup = Setup::psk();
    setup.server = with_ids(8);
    let mut net = connected(setup);
    let connection = net.hosts[SERVER].connected()[0];
    let export = net.hosts[SERVER].endpoint.take_export(connection).unwrap();
    let numbers = 1 + 2 + 1 + 2 * 20;
    // The sequence number beyond 48 bits, and fragments that are too short and too long.
    let cases = [
        (numbers, &[0, 1, 0, 0, 0, 0, 0, 1][..]),
        (numbers + 28, &[1, 255][..]),
        (numbers + 28, &[0x40, 1][..]),
        // Windows that no numbers lead to: the newest beyond 48 bits, not seen, or with others seen that are none.
        (numbers + 8, &[0xff; 16][..]),
        (
            numbers + 8,
            &[0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1][..],
        ),
        (
            numbers + 8,
            &[0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 2][..],
        ),
        (
            numbers + 8,
            &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1][..],
        ),
        (
            numbers + 8,
            &[0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 7][..],
        ),
    ];
    for (at, bytes) in cases {
        let mut export = export.expose_secret().to_vec();
        export[at..at + bytes.len()].copy_from_slice(bytes);
        let imported = endpoint(with_ids(8), None, 3).import(net.now, &Export::from_bytes(export));
        assert_eq!(imported, Err(ImportError::Malformed));
    }
}

/// The last window that there can be, and the empty one, are such that numbers lead to.
#[test]
fn imports_with_numbers_that_can_be_are_taken_up() {
    let mut setup = Setup::psk();
    setup.server = with_ids(8);
    let mut net = connected(setup);
    let connection = net.hosts[SERVER].connected()[0];
    let export = net.hosts[SERVER].endpoint.take_export(connection).unwrap();
    let window = 1 + 2 + 1 + 2 * 20 + 8;
    for (next, seen) in [(0u64, 0u64), (1, 1), (1 << 48, u64::MAX), (64, u64::MAX)] {
        let mut export = export.expose_secret().to_vec();
        export[window..window + 8].copy_from_slice(&next.to_be_bytes());
        export[window + 8..window + 16].copy_from_slice(&seen.to_be_bytes());
        let imported = endpoint(with_ids(8), None, 3).import(net.now, &Export::from_bytes(export));
        assert!(imported.is_ok(), "{next} {seen}");
    }
}

/// Of two shards, each takes up what is addressed to it.
#[test]
fn imports_of_another_shard_are_refused() {
    let mut setup = Setup::psk();
    setup.server = with_ids(8);
    let mut net = connected(setup);
    let connection = net.hosts[SERVER].connected()[0];
    let export = net.hosts[SERVER].endpoint.take_export(connection).unwrap();
    let import = |prefix: &[u8]| {
        let mut config = with_ids(8);
        config.connection_ids.as_mut().unwrap().prefix = prefix.into();
        endpoint(config, None, 3)
            .import(net.now, &export)
            .map(|_| ())
    };
    assert_eq!(import(&[8]), Err(ImportError::ConnectionId));
    assert_eq!(import(&[7]), Ok(()));
    // One that stands behind it took whatever it gave itself.
    assert_eq!(import(&[]), Ok(()));
}

/// A server that is started anew does not give a forger all attempts back.
#[test]
fn forgeries_are_counted_over_an_export() {
    let mut setup = Setup::psk();
    setup.server.max_forgeries_short_tag = 10;
    let mut net = connected(setup);
    let forge = |net: &mut Net, numbers: std::ops::Range<u64>| {
        for number in numbers {
            net.inject(Packet {
                from: CLIENT_ADDRESS.parse().unwrap(),
                to: server_address(),
                data: sealed(1, 1000 + number),
            });
        }
        net.run(SECONDS);
        net.hosts[SERVER].endpoint.session_count()
    };
    assert_eq!(forge(&mut net, 0..6), 1);
    let now = net.now;
    let server = &mut net.hosts[SERVER];
    let connection = server.connected()[0];
    let export = server.endpoint.take_export(connection).unwrap();
    server.endpoint.import(now, &export).unwrap();
    assert_eq!(forge(&mut net, 6..9), 1);
    assert_eq!(forge(&mut net, 9..10), 0);
}

/// The network makes copies of its own: one of a hello, which comes behind the handshake that it led to, found by chance
/// at 6 of 20,000.
#[test]
fn a_hello_that_comes_behind_its_handshake_disturbs_nobody() {
    let setup = Setup::psk();
    let connection = setup.connection.clone();
    let mut net = setup.build();
    // The server's last flight is lost once, so that the client still waits for it.
    let mut lost = false;
    net.tap = Some(Box::new(move |packet| {
        let is_last = packet.from == server_address() && packet.data[0] == 20;
        let lose = is_last && !lost;
        lost |= is_last;
        (!lose).then(|| packet.clone())
    }));
    net.run(Duration::from_millis(200));
    assert_eq!(net.hosts[SERVER].connected().len(), 1);
    assert!(net.hosts[CLIENT].connected().is_empty());
    let hello = net.log.iter().find(|packet| cookie(&packet.data).is_some());
    let hello = hello.unwrap().clone();
    for _ in 0..3 {
        net.inject(hello.clone());
    }
    net.run(SECONDS);
    assert_eq!(net.hosts[CLIENT].connected().len(), 1);
    let server = &net.hosts[SERVER];
    assert_eq!(server.endpoint.metrics().handshakes_started, 1);
    assert_eq!(server.connected().len(), 1);
    // A device that has lost its memory says another hello, and is heard.
    let mut again = Host::new(CLIENT_ADDRESS, endpoint(config(), None, 44));
    again
        .endpoint
        .connect(net.now, server_address(), connection)
        .unwrap();
    net.hosts[CLIENT] = again;
    net.run(SECONDS);
    assert_eq!(net.hosts[CLIENT].connected().len(), 1);
}

/// Records that nobody can open yet, as many as there is room for, do not keep a handshake from its end; that they are
/// bounded and make way is told beside the code.
#[test]
fn a_handshake_full_of_early_records_comes_to_its_end() {
    let pki = pki();
    let mut setup = Setup::new(Kind::Certificate, &pki);
    setup.server.max_handshake_bytes = 1500;
    setup.server.max_early_records = 8;
    setup.server.max_bad_finished = 9;
    setup.client.mtu = 256;
    let mut net = setup.build();
    // As soon as there is a handshake, somebody fills its room with records that nothing opens yet.
    net.run(Duration::from_millis(35));
    assert_eq!(net.hosts[SERVER].endpoint.handshake_count(), 1);
    for number in 0..8 {
        let mut data = sealed(1, 1000 + number);
        data.truncate(11);
        data.extend(150u16.to_be_bytes());
        data.extend([7; 150]);
        net.inject(Packet {
            from: CLIENT_ADDRESS.parse().unwrap(),
            to: server_address(),
            data,
        });
    }
    net.run(SECONDS);
    assert_eq!(net.hosts[CLIENT].connected().len(), 1);
}

/// A device that reboots in the middle of its handshake begins another in the place of the first: there are no more of
/// them than before, however full it is.
#[test]
fn who_begins_anew_in_a_handshake_is_served_at_the_limit() {
    for per_address in [false, true] {
        let mut setup = Setup::psk();
        match per_address {
            true => setup.server.max_handshakes_per_address = 1,
            false => setup.server.max_handshakes = 1,
        }
        let connection = setup.connection.clone();
        let mut net = half_open(setup);
        let begins = |net: &mut Net, address: &str, seed| {
            let mut host = Host::new(address, endpoint(config(), None, seed));
            host.endpoint
                .connect(net.now, server_address(), connection.clone())
                .unwrap();
            host
        };
        // Somebody else at that host is one too many.
        let stranger = begins(&mut net, "10.0.0.1:40001", 45);
        net.hosts.push(stranger);
        net.run(Duration::from_millis(200));
        let server = &net.hosts[SERVER].endpoint;
        assert!(server.metrics().hellos_over_limit > 0);
        assert_eq!(server.handshake_count(), 1);
        net.hosts.pop();
        net.hosts[CLIENT] = begins(&mut net, CLIENT_ADDRESS, 44);
        net.tap = None;
        net.run(SECONDS);
        assert_eq!(net.hosts[CLIENT].connected().len(), 1);
        assert_eq!(
            net.hosts[SERVER].refused(),
            ["replaced by a newer connection"]
        );
    }
}

/// Sets the lengths of the record and of its only message by that of the datagram.
fn set_lengths(data: &mut [u8]) {
    let body = (data.len() - HEADERS) as u16;
    data[11..13].copy_from_slice(&(body + 12).to_be_bytes());
    for at in [14, 22] {
        data[at] = 0;
        data[at + 1..at + 3].copy_from_slice(&body.to_be_bytes());
    }
}

/// Where the extensions of a ClientHello begin.
fn extensions(data: &[u8]) -> usize {
    let mut at = HEADERS + 2 + 32 + 1;
    at += 1 + usize::from(data[at]);
    at += 2 + usize::from(u16::from_be_bytes([data[at], data[at + 1]]));
    at + 1 + usize::from(data[at])
}

// proves: DTLS-10
#[test]
fn a_hello_without_extensions_is_answered() {
    let mut net = Setup::psk().build();
    net.tap = Some(Box::new(|packet| {
        let mut packet = packet.clone();
        if is_hello(&packet.data) {
            let end = extensions(&packet.data);
            packet.data.truncate(end);
            set_lengths(&mut packet.data);
        }
        Some(packet)
    }));
    net.run(SECONDS);
    let answers = net.log.iter().filter(|packet| {
        packet.from == server_address() && packet.data[0] == 22 && packet.data[13] == 2
    });
    assert!(answers.count() > 0, "a ServerHello");
}

// proves: DTLS-11
#[test]
fn hellos_that_end_too_early_are_refused_and_do_no_harm() {
    let mut net = Setup::psk().build();
    net.run(SECONDS);
    let whole = net.log.iter().find(|packet| cookie(&packet.data).is_some());
    let length = whole.unwrap().data.len();
    for keep in HEADERS..length {
        let mut net = Setup::psk().build();
        net.tap = Some(Box::new(move |packet| {
            let mut packet = packet.clone();
            if cookie(&packet.data).is_some() {
                // At its end, the list of extensions may as well be none.
                if extensions(&packet.data) == keep {
                    packet.data[HEADERS] ^= 1;
                }
                packet.data.truncate(keep);
                set_lengths(&mut packet.data);
            }
            Some(packet)
        }));
        net.run(SECONDS);
        assert!(net.hosts[SERVER].connected().is_empty(), "{keep} bytes");
        // Whoever says it whole is served by the same server.
        net.tap = None;
        let mut other = Host::new("10.0.0.77:7", endpoint(config(), None, 7));
        let connection = Setup::psk().connection;
        other
            .endpoint
            .connect(net.now, server_address(), connection)
            .unwrap();
        net.hosts[CLIENT] = other;
        net.run(SECONDS);
        assert_eq!(net.hosts[SERVER].connected().len(), 1, "{keep} bytes");
    }
}
