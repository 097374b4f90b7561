//! What becomes of sessions: addresses that change, devices that begin anew, ends, resumption, export.

use crate::{net::*, support::*};
use lwm2m_core::{peer::PeerIdentity, time::Instant};
use lwm2m_dtls::{
    CipherSuite, ClientConfig, ClientCredentials, EndpointConfig, Event, Export,
    ExtendedMasterSecret, ImportError, Resumption, SendError, ServerConfig,
};
use std::{net::SocketAddr, time::Duration};

const SECONDS: Duration = Duration::from_secs(5);

fn connected(setup: Setup) -> Net {
    let mut net = setup.build();
    net.run(SECONDS);
    assert_eq!(net.hosts[CLIENT].connected().len(), 1);
    assert_eq!(net.hosts[SERVER].connected().len(), 1);
    net
}

fn arrives(net: &mut Net, from: usize, to: usize, data: &[u8]) {
    net.say(from, data);
    net.run(SECONDS);
    assert_eq!(net.hosts[to].data().last().unwrap().1, data);
}

// proves: DTLS-24, SEC-43
#[test]
fn with_a_connection_id_a_device_may_move() {
    let mut setup = Setup::psk();
    setup.server = with_ids(8);
    let mut net = connected(setup);
    arrives(&mut net, CLIENT, SERVER, b"here");
    let moved: SocketAddr = "10.9.9.9:1234".parse().unwrap();
    net.hosts[CLIENT].address = moved;
    arrives(&mut net, CLIENT, SERVER, b"there");
    let server = &net.hosts[SERVER];
    assert_eq!(server.endpoint.address(server.connected()[0]), Some(moved));
    arrives(&mut net, SERVER, CLIENT, b"found");
    assert_eq!(net.hosts[SERVER].endpoint.metrics().sessions_moved, 1);

    // An old record from elsewhere moves nothing.
    let old = net
        .log
        .iter()
        .find(|packet| packet.data[0] == 25)
        .unwrap()
        .clone();
    net.inject(Packet {
        from: "10.6.6.6:6666".parse().unwrap(),
        ..old
    });
    net.run(SECONDS);
    let server = &net.hosts[SERVER];
    assert_eq!(server.endpoint.address(server.connected()[0]), Some(moved));
}

// proves: DTLS-25
#[test]
fn an_authentic_record_that_is_not_the_newest_does_not_move_a_session() {
    let mut setup = Setup::psk();
    setup.server = with_ids(8);
    let mut net = connected(setup);
    let elsewhere: SocketAddr = "10.6.6.6:6666".parse().unwrap();
    // The first of two records is held back and arrives from another address behind the second.
    net.tap = Some(Box::new(|_| None));
    net.say(CLIENT, b"first");
    net.run(Duration::from_millis(1));
    let held = net.log.last().unwrap().clone();
    net.tap = None;
    arrives(&mut net, CLIENT, SERVER, b"second");
    net.inject(Packet {
        from: elsewhere,
        ..held
    });
    net.run(SECONDS);
    let server = &net.hosts[SERVER];
    assert_eq!(
        server.data().last().unwrap().1,
        b"first",
        "it is genuine and heard"
    );
    let address = server.endpoint.address(server.connected()[0]).unwrap();
    assert_eq!(address, CLIENT_ADDRESS.parse().unwrap());
}

#[test]
fn without_one_a_new_address_is_a_stranger() {
    let mut net = connected(Setup::psk());
    net.hosts[CLIENT].address = "10.9.9.9:1234".parse().unwrap();
    net.say(CLIENT, b"there");
    net.run(SECONDS);
    assert!(net.hosts[SERVER].data().is_empty());
    assert_eq!(net.hosts[SERVER].endpoint.metrics().records_strayed, 1);
}

/// The device loses its memory and comes back from the same address.
fn reboot(net: &mut Net, seed: u64, connection: ClientConfig) {
    let mut host = Host::new(CLIENT_ADDRESS, endpoint(config(), None, seed));
    host.endpoint
        .connect(net.now, server_address(), connection)
        .unwrap();
    net.hosts[CLIENT] = host;
}

/// Nothing of the sessions before it is left behind, although their last flights would have been kept for longer.
#[test]
fn a_device_that_begins_anew_over_and_over_fills_no_memory() {
    let setup = Setup::psk();
    let connection = setup.connection.clone();
    let mut net = connected(setup);
    let mut most = 0;
    for round in 1..=200 {
        reboot(&mut net, 99 + round, connection.clone());
        net.run(Duration::from_millis(500));
        let server = &net.hosts[SERVER].endpoint;
        assert_eq!(server.metrics().handshakes_completed, 1 + round);
        assert_eq!(server.session_count(), 1);
        if round == 50 {
            most = server.session_bytes();
        }
    }
    assert!(net.hosts[SERVER].endpoint.session_bytes() <= most);
}

// proves: DTLS-07
#[test]
fn a_device_that_begins_anew_takes_its_place_when_it_has_proven_itself() {
    for ids in [false, true] {
        let mut setup = Setup::psk();
        if ids {
            setup.server = with_ids(8);
        }
        let connection = setup.connection.clone();
        let mut net = connected(setup);
        let old = net.hosts[SERVER].connected()[0];
        reboot(&mut net, 99, connection);
        // Its hello alone changes nothing.
        net.run(Duration::from_millis(35));
        assert_eq!(net.hosts[SERVER].connected(), [old]);
        net.run(SECONDS);
        let now = net.hosts[SERVER].connected();
        assert_eq!(now.len(), 1);
        assert_ne!(now[0], old);
        assert_eq!(
            net.hosts[SERVER].closed(),
            ["replaced by a newer connection"]
        );
        arrives(&mut net, CLIENT, SERVER, b"again");
    }
}

// proves: DTLS-07
#[test]
fn one_that_fails_to_prove_itself_leaves_the_session_alone() {
    let setup = Setup::psk();
    let mut net = connected(setup);
    arrives(&mut net, CLIENT, SERVER, b"before");
    let credentials = ClientCredentials::Psk {
        identity: IDENTITY.into(),
        key: std::sync::Arc::new(lwm2m_core::secret::Secret::new(b"wrong".to_vec())),
    };
    let mut attacker = Host::new("10.0.0.66:1", endpoint(config(), None, 5));
    attacker
        .endpoint
        .connect(net.now, server_address(), ClientConfig::new(credentials))
        .unwrap();
    // It sits between, and speaks with the device's address.
    attacker.address = CLIENT_ADDRESS.parse().unwrap();
    let honest = std::mem::replace(&mut net.hosts[CLIENT], attacker);
    net.run(Duration::from_secs(100));
    assert!(net.hosts[CLIENT].connected().is_empty());
    net.hosts[CLIENT] = honest;
    net.run(SECONDS);
    arrives(&mut net, CLIENT, SERVER, b"after");
    arrives(&mut net, SERVER, CLIENT, b"both ways");
}

// proves: DTLS-13
#[test]
fn a_goodbye_is_answered_and_reported() {
    let mut net = connected(Setup::psk());
    let connection = net.hosts[CLIENT].connected()[0];
    let now = net.now;
    net.hosts[CLIENT].endpoint.close(now, connection);
    net.run(SECONDS);
    assert!(net.hosts[CLIENT].closed().is_empty(), "who closes knows");
    assert_eq!(net.hosts[SERVER].closed(), ["closed by the peer"]);
    assert_eq!(net.hosts[SERVER].endpoint.session_count(), 0);
    let sent = net.hosts[CLIENT].endpoint.send(now, connection, b"x");
    assert_eq!(sent, Err(SendError::Unknown));
}

#[test]
fn idle_sessions_end_and_busy_ones_do_not() {
    let mut setup = Setup::psk();
    setup.server.idle_timeout = Duration::from_secs(100);
    let mut net = connected(setup);
    for _ in 0..5 {
        net.run(Duration::from_secs(60));
        arrives(&mut net, CLIENT, SERVER, b"alive");
    }
    net.run(Duration::from_secs(99));
    assert_eq!(net.hosts[SERVER].endpoint.session_count(), 0);
    assert_eq!(net.hosts[SERVER].closed(), ["idle for too long"]);
    assert_eq!(net.hosts[CLIENT].closed(), ["closed by the peer"]);
    assert_eq!(
        net.hosts[SERVER].endpoint.poll_timeout(),
        None,
        "nothing is left to wait for"
    );
}

// proves: SEC-37
#[test]
fn removed_credentials_close_at_once() {
    let mut net = connected(Setup::psk());
    let now = net.now;
    let server = &mut net.hosts[SERVER].endpoint;
    server.forget(now, &PeerIdentity::Psk(b"somebody else".to_vec()));
    assert_eq!(server.session_count(), 1);
    server.forget(now, &PeerIdentity::Psk(IDENTITY.to_vec()));
    net.run(SECONDS);
    assert_eq!(net.hosts[SERVER].closed(), ["credentials removed"]);
    assert_eq!(net.hosts[CLIENT].closed(), ["closed by the peer"]);
}

fn resumption(net: &Net) -> Option<Resumption> {
    net.hosts[CLIENT]
        .events
        .iter()
        .find_map(|event| match event {
            Event::Connected { resumption, .. } => resumption.clone(),
            _ => None,
        })
}

fn resumable() -> Setup {
    let mut setup = Setup::psk();
    setup.server.max_resumable = 10;
    setup
}

// proves: DTLS-19
#[test]
fn a_session_is_taken_up_again_without_its_key() {
    for ids in [false, true] {
        let mut setup = resumable();
        if ids {
            setup.server.connection_ids = with_ids(8).connection_ids;
        }
        let mut connection = setup.connection.clone();
        let mut net = connected(setup);
        connection.resumption = Some(resumption(&net).unwrap());
        net.hosts[SERVER].keys.clear();
        let full = net.log.len();
        net.log.clear();
        reboot(&mut net, 77, connection);
        net.run(SECONDS);
        assert_eq!(net.hosts[SERVER].endpoint.metrics().handshakes_resumed, 1);
        assert!(net.log.len() < full);
        arrives(&mut net, CLIENT, SERVER, b"resumed");
        arrives(&mut net, SERVER, CLIENT, b"indeed");
    }
}

#[test]
fn the_last_flight_of_a_resumed_handshake_is_repeated_by_the_client() {
    let setup = resumable();
    let mut connection = setup.connection.clone();
    let mut net = connected(setup);
    connection.resumption = Some(resumption(&net).unwrap());
    reboot(&mut net, 77, connection);
    let mut lost = 0;
    net.tap = Some(Box::new(move |packet| {
        // The client's last flight begins with a change of cipher.
        if packet.from == CLIENT_ADDRESS.parse().unwrap() && packet.data[0] == 20 && lost < 3 {
            lost += 1;
            return None;
        }
        Some(packet.clone())
    }));
    net.run(Duration::from_secs(20));
    arrives(&mut net, SERVER, CLIENT, b"heard");
}

#[test]
fn sessions_that_are_not_taken_up_lead_to_a_full_handshake() {
    // Forgotten, expired, of removed credentials, or never there.
    for case in 0..4 {
        let mut setup = resumable();
        setup.server.resumable_lifetime = Duration::from_secs(3600);
        let mut connection = setup.connection.clone();
        let mut net = connected(setup);
        connection.resumption = Some(resumption(&net).unwrap());
        let now = net.now;
        match case {
            0 => {
                let server = &mut net.hosts[SERVER].endpoint;
                server.forget(now, &PeerIdentity::Psk(IDENTITY.to_vec()));
            }
            1 => net.run(Duration::from_secs(3601)),
            2 => {
                let fresh = endpoint(config(), Some(lwm2m_dtls::ServerConfig::new().psk()), 1234);
                net.hosts[SERVER] = Host::new(SERVER_ADDRESS, fresh).key(IDENTITY, KEY);
            }
            _ => {
                connection.suites = vec![lwm2m_dtls::CipherSuite::PskAes128GcmSha256];
            }
        }
        reboot(&mut net, 77, connection);
        net.run(SECONDS);
        assert_eq!(
            net.hosts[SERVER].endpoint.metrics().handshakes_resumed,
            0,
            "case {case}"
        );
        arrives(&mut net, CLIENT, SERVER, b"in full");
    }
}

/// A server process that ends and one that starts.
fn restart(net: &mut Net, exports: &[Export], server: EndpointConfig, serves: ServerConfig) {
    let fresh = endpoint(server, Some(serves), 4321);
    let mut host = Host::new(SERVER_ADDRESS, fresh).key(IDENTITY, KEY);
    for export in exports {
        let stored = Export::from_bytes(export.expose_secret().to_vec());
        host.endpoint.import(net.now, &stored).unwrap();
    }
    net.hosts[SERVER] = host;
    net.run(Duration::ZERO);
}

// proves: DTLS-02
#[test]
fn a_restarted_server_keeps_its_devices() {
    let pki = pki();
    for suite in lwm2m_dtls::CipherSuite::ALL {
        let kind = if format!("{suite:?}").starts_with("Psk") {
            Kind::Psk
        } else {
            Kind::Certificate
        };
        let mut setup = Setup::new(kind, &pki).suite(suite);
        setup.server = with_ids(8);
        let serves = setup.serves.clone();
        let mut net = connected(setup);
        arrives(&mut net, CLIENT, SERVER, b"before");
        let connection = net.hosts[SERVER].connected()[0];
        let identity = net.hosts[SERVER]
            .endpoint
            .identity(connection)
            .unwrap()
            .clone();
        let export = net.hosts[SERVER].endpoint.take_export(connection).unwrap();
        assert_eq!(format!("{export:?}"), "Export(hidden)");
        restart(&mut net, &[export], with_ids(8), serves);
        let connection = net.hosts[SERVER].connected()[0];
        assert_eq!(
            net.hosts[SERVER].endpoint.identity(connection),
            Some(&identity)
        );
        arrives(&mut net, CLIENT, SERVER, b"after");
        arrives(&mut net, SERVER, CLIENT, b"both ways");
        // What was said before cannot be said again.
        let old: Vec<_> = net
            .log
            .iter()
            .filter(|packet| packet.to == server_address())
            .cloned()
            .collect();
        let heard = net.hosts[SERVER].data().len();
        for packet in old {
            net.inject(packet);
        }
        net.run(SECONDS);
        assert_eq!(net.hosts[SERVER].data().len(), heard);
    }
}

#[test]
fn a_crash_never_uses_a_number_twice() {
    let mut setup = Setup::psk();
    setup.server = with_ids(8);
    setup.server.export_reservation = Some(10);
    let server_config = setup.server.clone();
    let mut net = connected(setup);
    let connection = net.hosts[SERVER].connected()[0];
    let now = net.now;
    let server = &mut net.hosts[SERVER].endpoint;
    // Until the first export is stored, nothing is sent.
    assert_eq!(
        server.send(now, connection, b"x"),
        Err(SendError::NoSequenceNumber)
    );
    let wanted = |host: &Host| {
        let wanted = host
            .events
            .iter()
            .filter(|event| matches!(event, Event::ExportWanted { .. }));
        wanted.count()
    };
    assert_eq!(wanted(&net.hosts[SERVER]), 1);
    let mut stored = net.hosts[SERVER].endpoint.export(connection).unwrap();
    net.hosts[SERVER].endpoint.export_stored(connection);
    let mut exports = 1;
    for n in 0..25u8 {
        arrives(&mut net, SERVER, CLIENT, &[n]);
        if wanted(&net.hosts[SERVER]) > exports {
            exports += 1;
            stored = net.hosts[SERVER].endpoint.export(connection).unwrap();
            net.hosts[SERVER].endpoint.export_stored(connection);
        }
    }
    assert!(exports >= 4);
    let numbers = |net: &Net| {
        let sent = net
            .log
            .iter()
            .filter(|packet| packet.from == server_address());
        let sealed = sent.filter(|packet| packet.data[3..5] == [0, 1]);
        sealed
            .map(|packet| packet.data[5..11].to_vec())
            .collect::<Vec<_>>()
    };
    let before = numbers(&net);
    // The process dies without a word; the store has what it has.
    restart(
        &mut net,
        &[stored],
        server_config,
        ServerConfig::new().psk(),
    );
    let connection = net.hosts[SERVER].connected()[0];
    net.hosts[SERVER].endpoint.export(connection).unwrap();
    net.hosts[SERVER].endpoint.export_stored(connection);
    arrives(&mut net, SERVER, CLIENT, b"still there");
    let after = numbers(&net)[before.len()..].to_vec();
    assert!(!after.is_empty());
    assert!(after.iter().all(|number| !before.contains(number)));
    arrives(&mut net, CLIENT, SERVER, b"indeed");
}

/// What is asked for more than before a restart is asked of the sessions from before it, too.
#[test]
fn sessions_that_would_not_be_agreed_on_any_more_are_not_taken_up() {
    let pki = pki();
    let others = [
        CipherSuite::PskAes128GcmSha256,
        CipherSuite::EcdheEcdsaAes128GcmSha256,
    ];
    for kind in KINDS {
        let mut setup = Setup::new(kind, &pki);
        setup.server = with_ids(8);
        let serves = setup.serves.clone();
        let mut net = connected(setup);
        let connection = net.hosts[SERVER].connected()[0];
        let export = net.hosts[SERVER].endpoint.take_export(connection).unwrap();
        let imports = |config: &EndpointConfig, serves: &ServerConfig, bytes: &[u8]| {
            let mut fresh = endpoint(config.clone(), Some(serves.clone()), 3);
            let import = fresh.import(net.now, &Export::from_bytes(bytes.to_vec()));
            import.map(|_| ())
        };
        let bytes = export.expose_secret().to_vec();
        let mut strict = with_ids(8);
        strict.extended_master_secret = ExtendedMasterSecret::Required;
        assert_eq!(imports(&strict, &serves, &bytes), Ok(()));
        // The bit that says that it is bound to its handshake.
        let mut unbound = bytes.clone();
        unbound[3] &= !2;
        assert_eq!(imports(&with_ids(8), &serves, &unbound), Ok(()));
        let refused = Err(ImportError::Policy);
        assert_eq!(imports(&strict, &serves, &unbound), refused);
        assert_eq!(
            imports(&with_ids(8), &serves.suites(others), &bytes),
            refused
        );
        for other in KINDS.into_iter().filter(|other| *other != kind) {
            let serves = server_config(other, &pki);
            assert_eq!(
                imports(&with_ids(8), &serves, &bytes),
                refused,
                "{kind:?} {other:?}"
            );
        }
    }
}

#[test]
fn exports_that_do_not_fit_are_refused() {
    let mut setup = Setup::psk();
    setup.server = with_ids(8);
    let mut net = connected(setup);
    let connection = net.hosts[SERVER].connected()[0];
    let export = net.hosts[SERVER].endpoint.take_export(connection).unwrap();
    let bytes = export.expose_secret().to_vec();
    let zero = Instant::ZERO;
    let mut other = endpoint(config(), None, 3);
    assert_eq!(other.import(zero, &export), Err(ImportError::ConnectionId));
    let mut same = endpoint(with_ids(8), None, 3);
    for cut in 0..bytes.len() {
        let cut = Export::from_bytes(bytes[..cut].to_vec());
        assert_eq!(same.import(zero, &cut), Err(ImportError::Malformed));
    }
    assert!(same.import(zero, &export).is_ok());
    assert_eq!(
        same.import(zero, &export),
        Err(ImportError::ConnectionId),
        "twice"
    );
}

#[test]
fn the_quietest_session_makes_room() {
    let mut setup = Setup::psk();
    setup.server.max_sessions = 2;
    let connection = setup.connection.clone();
    let mut net = connected(setup);
    for n in 0..2u64 {
        let address = format!("10.0.1.{n}:1000");
        let mut host = Host::new(&address, endpoint(config(), None, 50 + n));
        host.endpoint
            .connect(net.now, server_address(), connection.clone())
            .unwrap();
        net.hosts.push(host);
        net.run(SECONDS);
        if n == 0 {
            arrives(&mut net, CLIENT, SERVER, b"not the quietest");
        }
    }
    assert_eq!(net.hosts[SERVER].endpoint.session_count(), 2);
    assert_eq!(net.hosts[2].closed(), ["closed by the peer"]);
    arrives(&mut net, CLIENT, SERVER, b"still here");
}

#[test]
fn nothing_is_heard_behind_the_end_of_a_session() {
    let mut net = connected(Setup::psk());
    net.tap = Some(Box::new(|_| None));
    net.say(CLIENT, b"too late");
    net.run(Duration::from_millis(1));
    let mut packet = net.log.last().unwrap().clone();
    let (now, connection) = (net.now, net.hosts[SERVER].connected()[0]);
    let server = &mut net.hosts[SERVER].endpoint;
    server.handle_datagram(now, packet.from, &mut packet.data);
    server.close(now, connection);
    assert!(server.poll_event().is_none());
}

#[test]
fn a_flight_that_comes_twice_is_answered_once_more() {
    let pki = pki();
    let mut net = Setup::new(Kind::RawPublicKey, &pki).build();
    // The server's last flight is lost, so that the client waits.
    net.tap = Some(Box::new(|packet| {
        (packet.from != server_address() || packet.data[0] != 20).then(|| packet.clone())
    }));
    net.run(Duration::from_millis(200));
    let client = CLIENT_ADDRESS.parse().unwrap();
    let answers = |net: &Net| {
        let answers = net.log.iter();
        let answers = answers.filter(|packet| packet.from == client && packet.data[13] == 11);
        answers.count()
    };
    assert_eq!(answers(&net), 1);
    // ServerHello, Certificate, ServerKeyExchange, CertificateRequest, ServerHelloDone, once more.
    let of_server = net
        .log
        .iter()
        .filter(|packet| packet.from == server_address());
    let flight = of_server.filter(|packet| packet.data[0] == 22 && packet.data[13] != 3);
    let flight: Vec<_> = flight.cloned().collect();
    assert!(!flight.is_empty());
    for packet in flight {
        net.inject(packet);
    }
    net.run(Duration::from_millis(200));
    assert_eq!(answers(&net), 2);
}
