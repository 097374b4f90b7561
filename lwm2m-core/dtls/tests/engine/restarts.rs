//! Servers that lose all their state, in the middle of a handshake and of a session: the device comes to an end with a
//! reason, and back.

use crate::{net::*, support::*};
use lwm2m_dtls::ClientConfig;
use std::time::Duration;

/// Another process at the server's address, which knows keys and nothing else.
fn replace_server(net: &mut Net, setup: &Setup) {
    let fresh = endpoint(setup.server.clone(), Some(setup.serves.clone()), 4321);
    net.hosts[SERVER] = Host::new(SERVER_ADDRESS, fresh).key(IDENTITY, KEY);
}

fn connects_and_talks(net: &mut Net, connection: &ClientConfig) {
    net.hosts[CLIENT].events.clear();
    net.hosts[CLIENT]
        .endpoint
        .connect(net.now, server_address(), connection.clone())
        .unwrap();
    net.run(Duration::from_secs(5));
    for (from, to) in [(CLIENT, SERVER), (SERVER, CLIENT)] {
        net.say(from, b"again");
        net.run(Duration::from_secs(1));
        assert_eq!(net.hosts[to].data().last().unwrap().1, b"again");
    }
    assert_eq!(net.hosts[SERVER].endpoint.session_count(), 1);
    assert_eq!(net.hosts[CLIENT].endpoint.session_count(), 1);
}

/// The same again, since a setup is used up by its network.
fn setup(kind: Kind, pki: &Pki, ids: bool) -> Setup {
    let mut setup = Setup::new(kind, pki);
    setup.client.idle_timeout = Duration::from_secs(600);
    if ids {
        setup.client.connection_ids = with_ids(5).connection_ids;
        setup.server.connection_ids = with_ids(8).connection_ids;
    }
    setup
}

#[test]
fn a_server_that_forgets_everything_behind_its_hello() {
    let pki = pki();
    for kind in KINDS {
        for ids in [false, true] {
            let mut net = setup(kind, &pki, ids).build();
            let says_hello = |packet: &Packet| {
                packet.from == server_address() && packet.data[0] == 22 && packet.data[13] == 2
            };
            while !net.log.iter().any(says_hello) {
                net.run(Duration::from_millis(1));
            }
            let again = setup(kind, &pki, ids);
            replace_server(&mut net, &again);
            net.run(Duration::from_secs(100));
            let what = format!("{kind:?}, ids: {ids}");
            let closed = net.hosts[CLIENT].closed();
            assert_eq!(closed, ["the handshake timed out"], "{what}");
            let server = &net.hosts[SERVER].endpoint;
            assert!(server.metrics().records_strayed > 0, "{what}");
            assert_eq!(server.handshake_count(), 0, "{what}");
            connects_and_talks(&mut net, &again.connection);
        }
    }
}

#[test]
fn a_server_that_forgets_everything_in_a_session() {
    let pki = pki();
    for kind in KINDS {
        for ids in [false, true] {
            // The device waits for as long as it keeps a session, or knows from above that nobody hears it.
            for waits in [true, false] {
                let mut net = setup(kind, &pki, ids).build();
                net.run(Duration::from_secs(5));
                let again = setup(kind, &pki, ids);
                replace_server(&mut net, &again);
                for _ in 0..3 {
                    net.say(CLIENT, b"is anybody there?");
                    net.run(Duration::from_secs(10));
                }
                let server = &net.hosts[SERVER];
                assert_eq!(server.endpoint.metrics().records_strayed, 3);
                assert_eq!(server.data(), []);
                assert_eq!(net.hosts[CLIENT].closed(), [""; 0], "it cannot know");
                if waits {
                    net.run(Duration::from_secs(600));
                    let closed = net.hosts[CLIENT].closed();
                    assert_eq!(closed, ["idle for too long"], "{kind:?}, ids: {ids}");
                }
                connects_and_talks(&mut net, &again.connection);
                let reasons = net.hosts[CLIENT].closed();
                let reason: &[&str] = match waits {
                    true => &[],
                    false => &["replaced by a newer connection"],
                };
                assert_eq!(reasons, reason, "{kind:?}, ids: {ids}");
            }
        }
    }
}
