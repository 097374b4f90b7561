//! Tickets (RFC 5077) from one engine to another: what they are bound to, and what becomes of them when time passes,
//! keys change, datagrams are lost or a server is started anew.

use crate::{net::*, support::*};
use lwm2m_core::{peer::PeerIdentity, secret::Secret};
use lwm2m_dtls::{ClientConfig, ConfigError, EndpointConfig, Event, Resumption, ServerConfig};
use std::time::Duration;

const SECONDS: Duration = Duration::from_secs(5);
const LIFETIME: Duration = Duration::from_secs(3600);

fn ticketed(kind: Kind, pki: &Pki) -> Setup {
    let mut setup = Setup::new(kind, pki);
    setup.server.ticket_lifetime = Some(LIFETIME);
    setup.connection.session_tickets = true;
    setup
}

fn resumption(net: &Net) -> Resumption {
    let mut events = net.hosts[CLIENT].events.iter().rev();
    let found = events.find_map(|event| match event {
        Event::Connected { resumption, .. } => resumption.clone(),
        _ => None,
    });
    found.expect("something to take up again")
}

/// The device is started anew and connects; whether its session was taken up.
fn comes_back(net: &mut Net, seed: u64, connection: ClientConfig) -> bool {
    let before = net.hosts[SERVER].endpoint.metrics().handshakes_resumed;
    let mut host = Host::new(CLIENT_ADDRESS, endpoint(config(), None, seed));
    host.endpoint
        .connect(net.now, server_address(), connection)
        .unwrap();
    net.hosts[CLIENT] = host;
    net.run(Duration::from_secs(20));
    assert_eq!(net.hosts[CLIENT].connected().len(), 1, "seed {seed}");
    for (from, to) in [(CLIENT, SERVER), (SERVER, CLIENT)] {
        net.say(from, b"there");
        net.run(SECONDS);
        assert_eq!(net.hosts[to].data().last().unwrap().1, b"there");
    }
    net.hosts[SERVER].endpoint.metrics().handshakes_resumed > before
}

// proves: DTLS-19
#[test]
fn a_server_that_keeps_nothing_takes_sessions_up_again() {
    let pki = pki();
    for kind in KINDS {
        for ids in [false, true] {
            let mut setup = ticketed(kind, &pki);
            if ids {
                setup.server.connection_ids = with_ids(8).connection_ids;
            }
            let mut connection = setup.connection.clone();
            let mut net = setup.build();
            net.run(SECONDS);
            let server = &net.hosts[SERVER];
            let identity = server.endpoint.identity(server.connected()[0]).cloned();
            // Neither key nor certificate is asked for again, as often as it comes back.
            net.hosts[SERVER].keys.clear();
            net.hosts[SERVER].admits = false;
            for seed in 70..73 {
                connection.resumption = Some(resumption(&net));
                assert!(comes_back(&mut net, seed, connection.clone()), "{kind:?}");
                let server = &net.hosts[SERVER];
                let now = server
                    .endpoint
                    .identity(*server.connected().last().unwrap());
                assert_eq!(now.cloned(), identity);
                let client = &net.hosts[CLIENT];
                let named = client.endpoint.identity(client.connected()[0]).unwrap();
                assert_ne!(**named, PeerIdentity::None);
            }
        }
    }
}

/// What a ticket is bound to beside its suite and its extended master secret.
#[test]
fn a_ticket_that_does_not_fit_leads_to_a_full_handshake() {
    let pki = pki();
    for case in 0..5 {
        let mut setup = ticketed(Kind::Psk, &pki);
        setup.connection.server_name = Some("server.example".into());
        let mut connection = setup.connection.clone();
        let mut net = setup.build();
        net.run(SECONDS);
        connection.resumption = Some(resumption(&net));
        let now = net.now;
        match case {
            // The one that fits.
            0 => {}
            1 => net.run(LIFETIME),
            2 => connection.server_name = Some("other.example".into()),
            3 => {
                let server = &mut net.hosts[SERVER].endpoint;
                server.forget(now, &PeerIdentity::Psk(IDENTITY.to_vec()));
            }
            _ => {
                // Another server, which makes keys of its own.
                let mut config = config();
                config.ticket_lifetime = Some(LIFETIME);
                let fresh = endpoint(config, Some(ServerConfig::new().psk()), 1234);
                net.hosts[SERVER] = Host::new(SERVER_ADDRESS, fresh).key(IDENTITY, KEY);
            }
        }
        let resumed = comes_back(&mut net, 77, connection);
        assert_eq!(resumed, case == 0, "case {case}");
    }
}

#[test]
fn with_a_key_of_the_program_a_ticket_outlives_its_server() {
    let pki = pki();
    let setup = ticketed(Kind::Psk, &pki);
    let server = setup.server.clone();
    let mut connection = setup.connection.clone();
    let mut net = setup.build();
    let now = net.now;
    let secret = Secret::new(b"a secret of all nodes of a server".to_vec());
    let first = &mut net.hosts[SERVER].endpoint;
    first.set_ticket_key(now, &secret).unwrap();
    assert!(
        first
            .set_ticket_key(now, &Secret::new(vec![1; 15]))
            .is_err()
    );
    net.run(SECONDS);
    connection.resumption = Some(resumption(&net));
    let mut other = endpoint(server, Some(ServerConfig::new().psk()), 4321);
    other.set_ticket_key(net.now, &secret).unwrap();
    // Without a clock, what is old for one process would be new for the next.
    let mut clockless = endpoint(
        EndpointConfig::default(),
        Some(ServerConfig::new().psk()),
        5,
    );
    assert_eq!(
        clockless.set_ticket_key(net.now, &secret),
        Err(ConfigError::TicketClock)
    );
    net.hosts[SERVER] = Host::new(SERVER_ADDRESS, other);
    assert!(comes_back(&mut net, 77, connection));
}

/// A ticket is long, so that it stands in a datagram of its own: any one of the last flight may be lost.
#[test]
fn a_ticket_arrives_over_a_bad_network() {
    let pki = pki();
    for kind in KINDS {
        for lost in 0..12 {
            let mut setup = ticketed(kind, &pki);
            setup.server.mtu = 128;
            setup.client.mtu = 200;
            let mut connection = setup.connection.clone();
            let mut net = setup.build();
            // Of what comes behind the client's ClientKeyExchange, the server's datagrams are lost one by one.
            let mut count = None;
            net.tap = Some(Box::new(move |packet| {
                let of_server = packet.from == server_address();
                if !of_server && packet.data[0] == 22 && packet.data[13] == 16 {
                    count.get_or_insert(0);
                }
                if let Some(count) = &mut count
                    && of_server
                {
                    *count += 1;
                    return (*count != lost + 1).then(|| packet.clone());
                }
                Some(packet.clone())
            }));
            net.run(Duration::from_secs(30));
            net.tap = None;
            assert_eq!(net.hosts[CLIENT].connected().len(), 1, "{kind:?} {lost}");
            assert_eq!(net.hosts[SERVER].connected().len(), 1, "{kind:?} {lost}");
            connection.resumption = Some(resumption(&net));
            assert!(comes_back(&mut net, 77, connection), "{kind:?} {lost}");
        }
    }
}

/// Nodes of one server may serve different credentials under one key for tickets.
#[test]
fn a_ticket_opens_no_door_that_its_credentials_would_not() {
    let pki = pki();
    let secret = Secret::new(b"a secret of all nodes of a server".to_vec());
    for kind in KINDS {
        for other in KINDS {
            let setup = ticketed(kind, &pki);
            let server = setup.server.clone();
            let mut connection = setup.connection.clone();
            let mut net = setup.build();
            let now = net.now;
            let first = &mut net.hosts[SERVER].endpoint;
            first.set_ticket_key(now, &secret).unwrap();
            net.run(SECONDS);
            connection.resumption = Some(resumption(&net));
            let mut node = endpoint(server, Some(server_config(other, &pki)), 4321);
            node.set_ticket_key(net.now, &secret).unwrap();
            net.hosts[SERVER] = Host::new(SERVER_ADDRESS, node);
            if kind == other {
                assert!(comes_back(&mut net, 77, connection), "{kind:?}");
                continue;
            }
            let mut device = Host::new(CLIENT_ADDRESS, endpoint(config(), None, 77));
            device
                .endpoint
                .connect(net.now, server_address(), connection)
                .unwrap();
            net.hosts[CLIENT] = device;
            net.run(Duration::from_secs(100));
            let node = &net.hosts[SERVER];
            assert_eq!(node.endpoint.metrics().handshakes_resumed, 0);
            assert!(node.connected().is_empty(), "{kind:?} at {other:?}");
            let closed = net.hosts[CLIENT].closed();
            assert!(closed[0].contains("handshake_failure"), "{closed:?}");
        }
    }
}
