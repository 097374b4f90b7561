//! How many sessions one identity may have, how they are found, and what a session takes with its place in all indexes.

use crate::{net::*, support::*};
use lwm2m_core::{peer::PeerIdentity, secret::Secret};
use lwm2m_dtls::{
    CipherSuite, ClientConfig, ClientCredentials, ConfigError, Connection, Endpoint,
    certificate::spki_of,
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use std::{sync::Arc, time::Duration};

const SECONDS: Duration = Duration::from_secs(5);

fn name(device: usize) -> Vec<u8> {
    format!("urn:imei:3500000000{device:05}").into_bytes()
}

fn as_device(device: usize) -> ClientConfig {
    ClientConfig::new(ClientCredentials::Psk {
        identity: name(device),
        key: Arc::new(Secret::new(KEY.into())),
    })
}

/// A server for some devices, and nobody yet.
fn fleet(devices: usize, change: impl FnOnce(&mut Setup)) -> Net {
    let mut setup = Setup::psk();
    change(&mut setup);
    let server = endpoint(setup.server, Some(setup.serves), 3);
    let mut server = Host::new(SERVER_ADDRESS, server);
    for device in 0..devices {
        server = server.key(&name(device), KEY);
    }
    let nobody = Host::new(CLIENT_ADDRESS, endpoint(config(), None, 1));
    Net::new(1, CLEAN, vec![nobody, server])
}

/// A new process of a device, at an address of its own; it stands at the end of the hosts.
fn comes_in(net: &mut Net, device: usize) -> usize {
    let count = net.hosts.len();
    let address = format!("10.1.{}.{}:1000", count / 250, count % 250);
    let mut host = Host::new(&address, endpoint(config(), None, 1000 + count as u64));
    host.endpoint
        .connect(net.now, server_address(), as_device(device))
        .unwrap();
    net.hosts.push(host);
    net.run(SECONDS);
    assert_eq!(net.hosts[count].connected().len(), 1);
    count
}

fn sessions_of(server: &Endpoint, device: usize) -> Vec<Connection> {
    let identity = PeerIdentity::Psk(name(device));
    let mut sessions = server.sessions();
    sessions.retain(|session| **server.identity(*session).unwrap() == identity);
    sessions
}

#[test]
fn an_identity_has_so_many_sessions_and_its_quietest_makes_room() {
    let mut net = fleet(2, |setup| setup.server.max_sessions_per_identity = 3);
    let other = comes_in(&mut net, 1);
    let mine: Vec<_> = (0..3).map(|_| comes_in(&mut net, 0)).collect();
    // The first one is heard again, and so the second is the quietest.
    net.say(mine[0], b"still here");
    net.run(SECONDS);
    let newest = comes_in(&mut net, 0);
    let server = &net.hosts[SERVER];
    assert_eq!(sessions_of(&server.endpoint, 0).len(), 3);
    assert_eq!(server.closed(), ["replaced by a newer connection"]);
    assert_eq!(server.endpoint.metrics().sessions_over_identity_limit, 1);
    assert_eq!(net.hosts[mine[1]].closed(), ["closed by the peer"]);
    // The others are heard as before, and so is whoever has another identity.
    for host in [mine[0], mine[2], newest, other] {
        net.say(host, &[host as u8]);
        net.run(SECONDS);
        assert_eq!(net.hosts[SERVER].data().last().unwrap().1, [host as u8]);
    }
    // A device that comes in again and again takes nobody else's place.
    for _ in 0..20 {
        comes_in(&mut net, 0);
    }
    let server = &net.hosts[SERVER].endpoint;
    assert_eq!(sessions_of(server, 0).len(), 3);
    assert_eq!(sessions_of(server, 1).len(), 1);
    assert_eq!(server.session_count(), 4);
}

#[test]
fn an_identity_has_so_many_sessions_to_take_up_again() {
    let mut net = fleet(2, |setup| {
        setup.server.max_sessions_per_identity = 2;
        setup.server.max_resumable = 3;
    });
    let other = comes_in(&mut net, 1);
    let mine: Vec<_> = (0..5).map(|_| comes_in(&mut net, 0)).collect();
    let taken_up = |net: &mut Net, host: usize, device| {
        let resumption = net.hosts[host].events.iter().find_map(|event| match event {
            lwm2m_dtls::Event::Connected { resumption, .. } => resumption.clone(),
            _ => None,
        });
        let mut connection = as_device(device);
        connection.resumption = Some(resumption.unwrap());
        let count = net.hosts.len();
        let address = format!("10.2.0.{count}:1");
        let mut again = Host::new(&address, endpoint(config(), None, 70 + count as u64));
        again
            .endpoint
            .connect(net.now, server_address(), connection)
            .unwrap();
        net.hosts.push(again);
        let before = net.hosts[SERVER].endpoint.metrics().handshakes_resumed;
        net.run(SECONDS);
        assert_eq!(net.hosts[count].connected().len(), 1);
        net.hosts[SERVER].endpoint.metrics().handshakes_resumed > before
    };
    // The newest two of the one, and that of the other, whom the many have not driven out. What is not taken up leads
    // to a full handshake, and so to one more that may be.
    assert!(taken_up(&mut net, mine[4], 0));
    assert!(taken_up(&mut net, mine[3], 0));
    assert!(!taken_up(&mut net, mine[2], 0));
    assert!(!taken_up(&mut net, mine[3], 0));
    assert!(taken_up(&mut net, other, 1));
}

#[test]
fn all_sessions_of_an_identity_end_with_it_and_no_others() {
    let mut net = fleet(3, |setup| setup.server = with_ids(8));
    for device in [0, 1, 0, 2, 0, 1] {
        comes_in(&mut net, device);
    }
    let now = net.now;
    let server = &mut net.hosts[SERVER].endpoint;
    server.forget(now, &PeerIdentity::Psk(name(0)));
    assert_eq!(
        [0, 1, 2].map(|device| sessions_of(server, device).len()),
        [0, 2, 1]
    );
    // And what was imported is found like what came of a handshake.
    let mine = sessions_of(server, 1);
    let exports: Vec<_> = mine
        .iter()
        .map(|session| server.take_export(*session).unwrap())
        .collect();
    for export in &exports {
        server.import(now, export).unwrap();
    }
    assert_eq!(sessions_of(server, 1).len(), 2);
    server.forget(now, &PeerIdentity::Psk(name(1)));
    assert_eq!(sessions_of(server, 1).len(), 0);
    assert_eq!(server.session_count(), 1);
}

#[test]
fn a_limit_of_none_is_refused() {
    let mut config = config();
    config.max_sessions_per_identity = 0;
    let random = Box::new(ChaCha20Rng::seed_from_u64(1));
    let provider = Arc::new(lwm2m_dtls::crypto::rustcrypto::RustCrypto);
    assert_eq!(
        Endpoint::new(config, None, provider, random).err(),
        Some(ConfigError::Zero("max_sessions_per_identity"))
    );
}

/// Bytes that a session takes on a server that has so many, once last flights are gone; with the spare capacity of tables.
fn at_rest(
    sessions: usize,
    change: impl FnOnce(&mut Setup),
    connection: impl Fn(usize) -> ClientConfig,
) -> usize {
    let mut net = fleet(sessions, |setup| {
        setup.server = with_ids(8);
        change(setup);
    });
    net.keep_log = false;
    for device in 0..sessions {
        let address = format!("10.1.{}.{}:1000", device / 250, device % 250);
        let mut client = Host::new(&address, endpoint(config(), None, 1000 + device as u64));
        client
            .endpoint
            .connect(net.now, server_address(), connection(device))
            .unwrap();
        net.hosts.push(client);
        net.run(Duration::from_millis(200));
        net.hosts.pop();
        net.hosts[SERVER].events.clear();
    }
    net.run(Duration::from_secs(300));
    let server = &net.hosts[SERVER].endpoint;
    assert_eq!(server.session_count(), sessions);
    server.session_bytes() / sessions
}

/// What the README says of memory, for each kind of session.
#[test]
fn a_session_at_rest_is_small() {
    let pki = pki();
    const SESSIONS: usize = 1500;
    let psk = at_rest(SESSIONS, |_| {}, as_device);
    let with_suite = |suite| {
        move |device| {
            let mut connection = as_device(device);
            connection.suites = vec![suite];
            connection
        }
    };
    let kept = |setup: &mut Setup| setup.server.export_reservation = Some(64);
    let cbc = at_rest(
        SESSIONS,
        |_| {},
        with_suite(CipherSuite::PskAes128CbcSha256),
    );
    // Indexes are the same for all kinds, and what differs does not hang on how many there are.
    const FEW: usize = 20;
    let few = at_rest(FEW, |_| {}, as_device);
    let of_kind = |kind, suite| {
        let connection = |_| {
            let mut connection = Setup::new(kind, &pki).suite(suite).connection;
            connection.connection_id = true;
            connection
        };
        let serves = |setup: &mut Setup| setup.serves = server_config(kind, &pki);
        // One identity for all, where a fleet has one each; both are counted with each session.
        psk + at_rest(FEW, serves, connection) - few
    };
    let certificate = pki.client.0.chain()[0].len();
    let spki = spki_of(&pki.client.1.public_key()).len();
    let measured = [
        ("pre-shared key", psk, 360),
        (
            "and kept in a store",
            at_rest(SESSIONS, kept, as_device),
            400,
        ),
        ("pre-shared key, CBC", cbc, 440),
        (
            "raw public key",
            of_kind(Kind::RawPublicKey, CipherSuite::EcdheEcdsaAes128Ccm8),
            400,
        ),
        (
            "certificate",
            of_kind(Kind::Certificate, CipherSuite::EcdheEcdsaAes128Ccm8),
            450 + certificate,
        ),
    ];
    println!("a certificate of {certificate} bytes, a public key of {spki}");
    for (what, bytes, most) in measured {
        println!("{what}: {bytes} bytes a session");
        assert!(bytes <= most, "{what}: {bytes} bytes");
    }
}
