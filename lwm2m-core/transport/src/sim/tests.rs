use super::{HostId, Link, Net, Security};
use crate::{
    credentials::{CredentialSource, NoCredentials, PskTable},
    toy::{Heard, Toy},
};
use lwm2m_core::{
    engine::{CertificateUsage, CloseReason, Credentials},
    peer::{PeerId, PeerIdentity},
    secret::Secret,
    time::Instant,
};
use std::{net::SocketAddr, sync::Arc, time::Duration};

const SERVER: &str = "10.0.0.1:5683";
const DEVICE: &str = "10.0.0.2:5683";
const SECURE: &str = "10.0.0.1:5684";

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn psk(key: u8) -> Credentials {
    Credentials::Psk {
        identity: b"device".to_vec(),
        key: Secret::new(vec![key; 16]),
    }
}

fn pair(seed: u64, link: Link) -> (Net, HostId<Toy>, HostId<Toy>) {
    let mut net = Net::new(seed);
    net.set_default_link(link);
    let server = net.add_host(address(SERVER), Toy::echo());
    let device = net.add_host(address(DEVICE), Toy::default());
    (net, server, device)
}

/// A pair whose server has a secure listener that knows `device` with a key of ones.
fn secure_pair() -> (Net, HostId<Toy>, HostId<Toy>) {
    let (mut net, server, device) = pair(1, Link::new());
    let table = PskTable::new();
    table.insert("device", Secret::new(vec![1; 16]));
    assert_eq!(
        net.listen_secure(server, address(SECURE), Arc::new(table)),
        1
    );
    (net, server, device)
}

fn numbers(events: &[Heard]) -> Vec<u16> {
    events
        .iter()
        .filter_map(|event| match event {
            Heard::Datagram(_, _, data) => Some(u16::from_be_bytes([data[0], data[1]])),
            _ => None,
        })
        .collect()
}

/// Sends numbered datagrams to the server, a millisecond apart, and returns those that arrive, in order.
fn send_numbers(net: &mut Net, server: HostId<Toy>, device: HostId<Toy>, count: u16) -> Vec<u16> {
    let peer = PeerId::from_address(0, address(SERVER));
    for number in 0..count {
        net.act(device, |toy, _| toy.send(peer, number.to_be_bytes()));
        net.run_for(millis(1));
    }
    net.run_for(Duration::from_secs(10));
    numbers(&net.events(server))
}

#[test]
fn clean_link_delivers_in_order_after_its_delay() {
    let (mut net, server, device) = pair(0, Link::new().delay(millis(40)));
    let peer = PeerId::from_address(0, address(SERVER));
    net.act(device, |toy, _| toy.send(peer, "ping"));
    net.run_for(Duration::from_micros(39_999));
    assert_eq!(net.events(server), []);
    assert!(net.run_until(|net| net.now() == Instant::from_micros(40_000), millis(1)));
    net.run_for(Duration::ZERO);
    let name = PeerId::from_address(0, address(DEVICE));
    assert_eq!(
        net.events(server),
        [Heard::Datagram(name, PeerIdentity::None, b"ping".to_vec())]
    );
    net.run_for(millis(40));
    assert_eq!(
        net.events(device),
        [Heard::Datagram(peer, PeerIdentity::None, b"ping".to_vec())]
    );
    assert_eq!(
        send_numbers(&mut net, server, device, 500),
        (0..500).collect::<Vec<_>>()
    );
}

#[test]
fn same_seed_same_run_other_seed_other_run() {
    let run = |seed| {
        let link = Link::new()
            .loss(0.3)
            .duplicate(0.2)
            .reorder(0.2)
            .jitter(millis(5));
        let (mut net, server, device) = pair(seed, link);
        let arrived = send_numbers(&mut net, server, device, 300);
        (arrived, net.stats(), net.events(device))
    };
    assert_eq!(run(7), run(7));
    assert_ne!(run(7).0, run(8).0);
}

#[test]
fn loss_and_duplication_keep_their_shares() {
    let (mut net, server, device) = pair(3, Link::new().loss(0.2).duplicate(0.1));
    net.set_one_way(server, device, Link::new());
    let arrived = send_numbers(&mut net, server, device, 10_000);
    let stats = net.stats();
    // Four standard deviations of a binomial distribution: 160 of 2,000 and 114 of 800.
    assert!(stats.lost.abs_diff(2_000) < 160, "{stats:?}");
    assert!(stats.duplicated.abs_diff(800) < 114, "{stats:?}");
    assert_eq!(arrived.len() as u64, 10_000 - stats.lost + stats.duplicated);
    assert_eq!(net.events(device).len(), arrived.len());
    assert_eq!(stats.sent + stats.duplicated - stats.lost, stats.delivered);
}

#[test]
fn reordering_lets_later_ones_overtake_and_loses_none() {
    for link in [Link::new().reorder(0.1), Link::new().jitter(millis(20))] {
        let (mut net, server, device) = pair(4, link);
        let mut arrived = send_numbers(&mut net, server, device, 1_000);
        assert!(!arrived.is_sorted());
        arrived.sort_unstable();
        assert_eq!(arrived, (0..1_000).collect::<Vec<_>>());
    }
}

#[test]
fn partition_isolation_and_mtu_drop_and_count() {
    let (mut net, server, device) = pair(5, Link::new().mtu(128));
    let peer = PeerId::from_address(0, address(SERVER));
    let received = |net: &mut Net, length: usize| {
        net.act(device, |toy, _| toy.send(peer, vec![0; length]));
        net.run_for(Duration::from_secs(1));
        net.events(server).len()
    };
    assert_eq!(received(&mut net, 100), 1);
    assert_eq!(received(&mut net, 101), 0);
    assert_eq!(net.stats().too_big, 1);
    net.partition(server, device);
    assert_eq!(received(&mut net, 1), 0);
    net.heal(server, device);
    assert_eq!(received(&mut net, 1), 1);
    net.isolate(device);
    assert_eq!(received(&mut net, 1), 0);
    net.rejoin(device);
    assert_eq!(received(&mut net, 1), 1);
    assert_eq!(net.stats().cut_off, 2);
    net.act(device, |toy, _| {
        toy.send(PeerId::from_address(0, address("10.9.9.9:1")), "nobody");
    });
    net.run_for(Duration::from_secs(1));
    assert_eq!(net.stats().unreachable, 1);
}

#[test]
fn timers_run_at_their_moment_and_only_the_last_one_asked_for() {
    let (mut net, _, device) = pair(6, Link::new());
    net.act(device, |toy, now| toy.timeout = Some(now + millis(100)));
    net.act(device, |toy, now| toy.timeout = Some(now + millis(70)));
    net.run_for(Duration::from_secs(1));
    assert_eq!(
        net.events(device),
        [Heard::Timeout(Instant::from_micros(70_000))]
    );
    // A moment in the past means now.
    net.act(device, |toy, _| toy.timeout = Some(Instant::ZERO));
    net.run_for(Duration::ZERO);
    assert_eq!(
        net.events(device),
        [Heard::Timeout(Instant::from_micros(1_000_000))]
    );
    net.host_mut(device).timeout = Some(Instant::ZERO);
    net.run_for(Duration::ZERO);
    assert_eq!(net.events(device).len(), 1);
}

#[test]
fn plain_connect_has_a_socket_of_its_own() {
    let (mut net, server, device) = pair(7, Link::new());
    net.add_name("server.example", address(SERVER).ip());
    let peer = net.act(device, |toy, _| {
        toy.connect("coap://server.example", Credentials::None)
    });
    net.run_for(Duration::ZERO);
    assert_eq!(
        net.events(device),
        [Heard::Connected(peer, PeerIdentity::None, address(SERVER))]
    );
    net.act(device, |toy, _| toy.send(peer, "hello"));
    net.run_for(millis(20));
    let name = PeerId::from_address(0, address("10.0.0.2:49152"));
    assert_eq!(
        net.events(server),
        [Heard::Datagram(name, PeerIdentity::None, b"hello".to_vec())]
    );
    assert_eq!(
        net.events(device),
        [Heard::Datagram(peer, PeerIdentity::None, b"hello".to_vec())]
    );
    // Closed: the echo finds no socket.
    net.act(device, |toy, _| {
        toy.send(peer, "again");
        toy.close(peer);
    });
    net.run_for(millis(20));
    assert_eq!(net.events(server).len(), 1);
    assert_eq!(net.events(device), []);
    assert_eq!(net.stats().unreachable, 1);
}

#[test]
fn connects_that_cannot_be_are_refused_with_the_reason() {
    let (mut net, _, device) = secure_pair();
    for (target, credentials, reason) in [
        (
            "coap://nobody.example",
            Credentials::None,
            CloseReason::Unresolvable,
        ),
        (
            "coap://10.0.0.1",
            psk(1),
            CloseReason::Unsupported("credentials on coap, which has no security".into()),
        ),
        (
            "coaps://10.0.0.1",
            Credentials::None,
            CloseReason::Unsupported("coaps without credentials".into()),
        ),
        (
            "coaps://10.0.0.1",
            psk(2),
            CloseReason::HandshakeFailed("the keys differ".into()),
        ),
        (
            "coaps://10.0.0.1",
            Credentials::Psk {
                identity: b"stranger".to_vec(),
                key: Secret::new(vec![1; 16]),
            },
            CloseReason::HandshakeFailed("the server does not know the identity".into()),
        ),
        // Nobody listens there.
        ("coaps://10.0.0.1:9", psk(1), CloseReason::HandshakeTimeout),
    ] {
        let peer = net.act(device, |toy, _| toy.connect(target, credentials));
        net.run_for(Duration::from_secs(31));
        assert_eq!(
            net.events(device),
            [Heard::Closed(peer, reason)],
            "{target}"
        );
    }
}

#[test]
fn secure_connect_names_both_sides_and_carries_datagrams() {
    let (mut net, server, device) = secure_pair();
    let identity = PeerIdentity::Psk(b"device".to_vec());
    let peer = net.act(device, |toy, _| toy.connect("coaps://10.0.0.1", psk(1)));
    net.run_for(millis(39));
    assert_eq!(net.events(server), []);
    net.run_for(millis(20));
    let name = PeerId::from_connection(1, 0);
    assert_eq!(
        net.events(server),
        [Heard::Connected(
            name,
            identity.clone(),
            address("10.0.0.2:49152")
        )]
    );
    assert_eq!(
        net.events(device),
        [Heard::Connected(peer, identity.clone(), address(SECURE))]
    );
    net.act(device, |toy, _| toy.send(peer, "hello"));
    net.run_for(millis(20));
    assert_eq!(
        net.events(server),
        [Heard::Datagram(name, identity.clone(), b"hello".to_vec())]
    );
    assert_eq!(
        net.events(device),
        [Heard::Datagram(peer, identity.clone(), b"hello".to_vec())]
    );
    // A removed credential ends the session on both sides.
    net.act(server, |toy, _| toy.forget(identity));
    net.run_for(millis(20));
    assert_eq!(
        net.events(server),
        [Heard::Closed(name, CloseReason::CredentialsRemoved)]
    );
    assert_eq!(
        net.events(device),
        [Heard::Closed(peer, CloseReason::ByPeer)]
    );
}

#[test]
fn secure_connect_survives_a_short_partition_and_not_a_long_one() {
    let (mut net, server, device) = secure_pair();
    net.partition(server, device);
    net.act(device, |toy, _| toy.connect("coaps://10.0.0.1", psk(1)));
    net.run_for(Duration::from_secs(10));
    net.heal(server, device);
    net.run_for(Duration::from_secs(2));
    assert!(matches!(net.events(device)[..], [Heard::Connected(..)]));
    net.events(server);

    net.partition(server, device);
    let peer = net.act(device, |toy, _| toy.connect("coaps://10.0.0.1", psk(1)));
    net.run_for(Duration::from_secs(29));
    assert_eq!(net.events(device), []);
    net.run_for(Duration::from_secs(2));
    assert_eq!(
        net.events(device),
        [Heard::Closed(peer, CloseReason::HandshakeTimeout)]
    );
    assert_eq!(net.events(server), []);
}

#[test]
fn certificates_are_compared_as_their_usage_says() {
    let (mut net, server, device) = pair(8, Link::new());
    let security = Security::new(Arc::new(NoCredentials))
        .certificate(b"server".to_vec(), Some(b"ca".to_vec()));
    net.listen_secure_with(server, address(SECURE), security);
    for (usage, expected, good) in [
        (CertificateUsage::DomainIssuedCertificate, "server", true),
        (CertificateUsage::DomainIssuedCertificate, "ca", false),
        (CertificateUsage::TrustAnchorAssertion, "ca", true),
        (CertificateUsage::TrustAnchorAssertion, "server", false),
    ] {
        let credentials = Credentials::Certificate {
            chain: vec![b"device".to_vec()],
            private_key: Secret::new(vec![]),
            server_certificate: expected.into(),
            usage,
        };
        net.act(device, |toy, _| {
            toy.connect("coaps://10.0.0.1", credentials)
        });
        net.run_for(Duration::from_secs(1));
        let connected = matches!(
            net.events(device)[..],
            [Heard::Connected(_, PeerIdentity::Certificate(_), _)]
        );
        assert_eq!(connected, good, "{usage:?} with {expected}");
    }
}

/// Welcomes one raw public key.
struct Knows(&'static [u8]);

impl CredentialSource for Knows {
    fn psk(&self, _identity: &[u8]) -> Option<Secret> {
        None
    }

    fn raw_public_key_allowed(&self, public_key: &[u8]) -> bool {
        public_key == self.0
    }
}

#[test]
fn raw_public_keys_are_compared_on_both_sides() {
    let (mut net, server, device) = pair(8, Link::new());
    let security = Security::new(Arc::new(Knows(b"device"))).raw_public_key(b"server".to_vec());
    net.listen_secure_with(server, address(SECURE), security);
    for (ours, expected, good) in [
        ("device", "server", true),
        ("device", "other", false),
        ("other", "server", false),
        ("", "server", false),
    ] {
        let credentials = Credentials::RawPublicKey {
            public_key: ours.into(),
            private_key: Secret::new(vec![]),
            server_public_key: expected.into(),
        };
        net.act(device, |toy, _| {
            toy.connect("coaps://10.0.0.1", credentials)
        });
        net.run_for(Duration::from_secs(1));
        let connected = matches!(
            &net.events(device)[..],
            [Heard::Connected(_, PeerIdentity::RawPublicKey(key), _)] if key == b"server"
        );
        assert_eq!(connected, good, "{ours:?} expects {expected:?}");
    }
}

// proves: DTLS-27, SEC-04
#[test]
fn restarted_device_replaces_its_session_and_hears_nothing_of_the_old() {
    let (mut net, server, device) = secure_pair();
    net.act(device, |toy, _| toy.connect("coaps://10.0.0.1", psk(1)));
    net.run_for(Duration::from_secs(1));
    let before = PeerId::from_connection(1, 0);
    net.act(server, |toy, _| toy.send(before, "on its way"));
    net.restart(device, Toy::default());
    net.run_for(Duration::from_secs(1));
    assert_eq!(net.events(device), []);
    net.events(server);
    net.act(device, |toy, _| toy.connect("coaps://10.0.0.1", psk(1)));
    net.run_for(Duration::from_secs(1));
    assert!(matches!(
        net.events(server)[..],
        [
            Heard::Closed(closed, CloseReason::Replaced),
            Heard::Connected(opened, ..)
        ] if closed == before && opened == PeerId::from_connection(1, 1)
    ));
    assert_eq!(net.events(device).len(), 1);
    net.power_off(device);
    net.act(server, |toy, _| {
        toy.send(PeerId::from_connection(1, 1), "gone")
    });
    net.run_for(Duration::from_secs(1));
    assert_eq!(net.events(device), []);
}

#[test]
fn rebinding_changes_plain_names_and_ends_secure_sessions_without_connection_ids() {
    for connection_ids in [false, true] {
        let (mut net, server, device) = secure_pair();
        net.set_connection_ids(connection_ids);
        let plain = net.act(device, |toy, _| {
            toy.connect("coap://10.0.0.1", Credentials::None)
        });
        let secure = net.act(device, |toy, _| toy.connect("coaps://10.0.0.1", psk(1)));
        net.run_for(Duration::from_secs(1));
        net.rebind(device);
        net.events(server);
        net.events(device);
        net.act(device, |toy, _| {
            toy.send(plain, "plain");
            toy.send(secure, "secure");
        });
        net.run_for(Duration::from_secs(1));
        let heard = net.events(server);
        let names: Vec<PeerId> = heard
            .iter()
            .map(|event| match event {
                Heard::Datagram(peer, ..) => *peer,
                other => panic!("{other:?}"),
            })
            .collect();
        let renamed = PeerId::from_address(0, address("10.0.0.2:49154"));
        if connection_ids {
            assert_eq!(names, [renamed, PeerId::from_connection(1, 0)]);
            assert_eq!(net.events(device).len(), 2);
        } else {
            assert_eq!(names, [renamed]);
            assert_eq!(net.events(device).len(), 1);
        }
    }
}

#[test]
fn capture_holds_the_plaintext_with_a_port_that_is_read_as_coap() {
    let (mut net, _, device) = secure_pair();
    net.capture(10_000);
    let peer = net.act(device, |toy, _| toy.connect("coaps://10.0.0.1", psk(1)));
    net.run_for(Duration::from_secs(1));
    net.act(device, |toy, _| toy.send(peer, "plaintext"));
    net.run_for(Duration::from_secs(1));
    let pcap = net.pcap();
    assert_eq!(&pcap[..4], [0xD4, 0xC3, 0xB2, 0xA1]);
    let record = 16 + 20 + 8 + "plaintext".len();
    assert_eq!(pcap.len(), 24 + 2 * record);
    let first = &pcap[24..24 + record];
    assert_eq!(&first[..8], [1, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(&first[16 + 20 + 2..16 + 20 + 4], 5683u16.to_be_bytes());
    assert!(first.ends_with(b"plaintext"));
}

#[test]
#[should_panic(expected = "asks for the same moment again and again")]
fn busy_loops_are_found() {
    struct Restless;
    impl lwm2m_core::engine::Engine for Restless {
        type Event = ();
        fn handle(&mut self, _: Instant, _: lwm2m_core::engine::Inbound<'_>) {}
        fn handle_timeout(&mut self, _: Instant) {}
        fn poll_outbound(&mut self) -> Option<lwm2m_core::engine::Outbound> {
            None
        }
        fn poll_event(&mut self) -> Option<()> {
            None
        }
        fn poll_timeout(&self) -> Option<Instant> {
            Some(Instant::ZERO)
        }
    }
    let mut net = Net::new(0);
    net.add_host(address(SERVER), Restless);
    net.run_for(Duration::from_secs(1));
}
