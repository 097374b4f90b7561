//! Handshakes on a clean network: every suite with every kind of credentials, and those that must fail.

use crate::{net::*, support::*};
use lwm2m_core::{peer::PeerIdentity, secret::Secret};
use lwm2m_dtls::{
    CipherSuite, ClientCredentials, ConfigError, ConnectionIds, Event, ExtendedMasterSecret,
    ServerConfig, UnknownIdentity,
};
use std::{sync::Arc, time::Duration};

const SECONDS: Duration = Duration::from_secs(5);

fn identities(host: &Host) -> Vec<PeerIdentity> {
    let events = host.events.iter().filter_map(|event| match event {
        Event::Connected { identity, .. } => Some((**identity).clone()),
        _ => None,
    });
    events.collect()
}

/// Data goes both ways.
fn talks(net: &mut Net) {
    net.say(CLIENT, b"ping");
    net.run(SECONDS);
    net.say(SERVER, b"pong");
    net.run(SECONDS);
    assert_eq!(net.hosts[SERVER].data().last().unwrap().1, b"ping");
    assert_eq!(net.hosts[CLIENT].data().last().unwrap().1, b"pong");
}

// proves: DTLS-15, DTLS-16, DTLS-17, DTLS-24, DTLS-29, SEC-08, SEC-09, SEC-10, SEC-22, SEC-23, SEC-24
#[test]
fn every_suite_with_every_kind_of_credentials() {
    let pki = pki();
    for kind in KINDS {
        for suite in CipherSuite::ALL {
            for (client_id, server_id) in [(0, 0), (5, 0), (0, 6), (8, 8)] {
                let mut setup = Setup::new(kind, &pki).suite(suite);
                if client_id > 0 {
                    setup.client = with_ids(client_id);
                }
                if server_id > 0 {
                    setup.server = with_ids(server_id);
                }
                let psk = format!("{suite:?}").starts_with("Psk");
                if psk != (kind == Kind::Psk) {
                    continue;
                }
                let mut net = setup.build();
                net.run(SECONDS);
                let what = format!("{kind:?} {suite:?} {client_id} {server_id}");
                assert_eq!(
                    net.hosts[CLIENT].connected().len(),
                    1,
                    "{what}: {:?}",
                    net.hosts[CLIENT].closed()
                );
                assert_eq!(net.hosts[SERVER].connected().len(), 1, "{what}");
                talks(&mut net);
                let of_client = &identities(&net.hosts[SERVER])[0];
                let of_server = &identities(&net.hosts[CLIENT])[0];
                match (kind, of_client, of_server) {
                    (Kind::Psk, PeerIdentity::Psk(one), PeerIdentity::Psk(other)) => {
                        assert_eq!((&one[..], &other[..]), (IDENTITY, IDENTITY));
                    }
                    (
                        Kind::RawPublicKey,
                        PeerIdentity::RawPublicKey(one),
                        PeerIdentity::RawPublicKey(other),
                    ) => assert_ne!(one, other),
                    (
                        Kind::Certificate,
                        PeerIdentity::Certificate(one),
                        PeerIdentity::Certificate(other),
                    ) => {
                        assert_eq!(one.alternative_names, ["device-1.example"]);
                        assert_eq!(other.alternative_names, ["server.example"]);
                    }
                    _ => panic!("{what}: {of_client:?} {of_server:?}"),
                }
                // Whatever is sent now carries the id that the other side wants.
                let last = net.log.iter().rev();
                for packet in last.take(2) {
                    let wanted = if packet.from == server_address() {
                        client_id
                    } else {
                        server_id
                    };
                    assert_eq!(packet.data[0] == 25, wanted > 0, "{what}");
                }
            }
        }
    }
}

// proves: DTLS-18
#[test]
fn all_three_kinds_on_one_port() {
    let pki = pki();
    for kind in KINDS {
        let mut setup = Setup::new(kind, &pki);
        setup.serves = server_config(Kind::Certificate, &pki)
            .raw_public_key(pki.server.1.clone())
            .psk();
        let mut net = setup.build();
        net.run(SECONDS);
        talks(&mut net);
    }
}

// proves: DTLS-04, DTLS-22
#[test]
fn small_datagrams_and_fragment_lengths() {
    let pki = pki();
    for mtu in [128, 256, 576] {
        for fragment in [None, Some(512)] {
            for kind in KINDS {
                let mut setup = Setup::new(kind, &pki);
                setup.client.mtu = mtu;
                setup.server.mtu = mtu;
                setup.connection.max_fragment_length = fragment;
                let mut net = setup.build();
                net.run(SECONDS);
                let longest = net.log.iter().map(|packet| packet.data.len()).max();
                assert!(longest.unwrap() <= mtu, "{mtu} {kind:?} {longest:?}");
                talks(&mut net);
                if fragment.is_some() {
                    let connection = net.hosts[SERVER].connected()[0];
                    let now = net.now;
                    let server = &mut net.hosts[SERVER].endpoint;
                    assert!(server.send(now, connection, &[0; 512]).is_ok());
                    assert!(server.send(now, connection, &[0; 513]).is_err());
                }
            }
        }
    }
}

/// Reason at the client, and whether the server has counted it as what it is.
fn fails(setup: Setup) -> (String, lwm2m_dtls::Metrics) {
    let mut net = setup.build();
    net.run(Duration::from_secs(200));
    assert!(net.hosts[CLIENT].connected().is_empty());
    assert!(net.hosts[SERVER].connected().is_empty());
    assert_eq!(net.hosts[SERVER].endpoint.handshake_count(), 0);
    assert_eq!(net.hosts[SERVER].endpoint.session_count(), 0);
    let closed = net.hosts[CLIENT].closed();
    assert_eq!(closed.len(), 1, "{closed:?}");
    (closed[0].clone(), net.hosts[SERVER].endpoint.metrics())
}

fn psk(identity: &[u8], key: &[u8]) -> ClientCredentials {
    ClientCredentials::Psk {
        identity: identity.into(),
        key: Arc::new(Secret::new(key.into())),
    }
}

// proves: DTLS-14, SEC-52
#[test]
fn wrong_keys_and_unknown_identities() {
    let mut setup = Setup::psk();
    setup.connection.credentials = psk(IDENTITY, b"another key");
    let (reason, metrics) = fails(setup);
    assert!(reason.contains("decrypt_error"), "{reason}");
    assert_eq!(metrics.wrong_keys, 1);

    let mut setup = Setup::psk();
    setup.connection.credentials = psk(b"nobody", KEY);
    let (reason, metrics) = fails(setup);
    assert!(reason.contains("unknown_psk_identity"), "{reason}");
    assert_eq!(metrics.unknown_identities, 1);

    let mut setup = Setup::psk();
    setup.server.unknown_identity = UnknownIdentity::Indistinguishable;
    setup.connection.credentials = psk(b"nobody", KEY);
    let (reason, _) = fails(setup);
    assert!(
        reason.contains("decrypt_error"),
        "as with a wrong key: {reason}"
    );
}

#[test]
fn nothing_in_common() {
    let pki = pki();
    let mut setup = Setup::new(Kind::RawPublicKey, &pki);
    setup.serves = ServerConfig::new().psk();
    assert!(fails(setup).0.contains("handshake_failure"));
    let mut setup = Setup::psk();
    setup.serves = ServerConfig::new()
        .psk()
        .suites([CipherSuite::PskAes128CbcSha256]);
    assert!(fails(setup).0.contains("handshake_failure"));
}

#[test]
fn another_public_key_or_authority_than_expected() {
    let (ours, other) = (pki(), pki());
    let mut setup = Setup::new(Kind::RawPublicKey, &ours);
    setup.serves = server_config(Kind::RawPublicKey, &other);
    assert!(fails(setup).0.contains("another public key"));
    let mut setup = Setup::new(Kind::Certificate, &ours);
    setup.serves = server_config(Kind::Certificate, &other);
    let (_, metrics) = fails(setup);
    assert_eq!(metrics.handshakes_failed, 1);
    let mut setup = Setup::new(Kind::Certificate, &ours);
    setup.serves = lwm2m_dtls::ServerConfig::new().certificate(
        ours.server.0.clone(),
        lwm2m_dtls::certificate::ClientTrust::new(&[other.authority]).unwrap(),
    );
    let (reason, metrics) = fails(setup);
    assert!(
        reason.contains("unknown_ca") || reason.contains("certificate"),
        "{reason}"
    );
    assert_eq!(metrics.certificates_refused, 1);
}

// proves: SEC-25
#[test]
fn a_peer_that_the_program_refuses() {
    let pki = pki();
    for kind in [Kind::RawPublicKey, Kind::Certificate] {
        let mut net = Setup::new(kind, &pki).build();
        net.hosts[SERVER].admits = false;
        net.run(SECONDS);
        assert!(net.hosts[CLIENT].closed()[0].contains("access_denied"));
        assert_eq!(net.hosts[SERVER].endpoint.session_count(), 0);
        assert_eq!(net.hosts[SERVER].endpoint.metrics().certificates_refused, 1);
    }
}

// proves: DTLS-20
#[test]
fn the_extended_master_secret_is_used_and_may_be_required() {
    let mut setup = Setup::psk();
    setup.client.extended_master_secret = ExtendedMasterSecret::Required;
    setup.server.extended_master_secret = ExtendedMasterSecret::Required;
    let mut net = setup.build();
    // Somebody strikes the extension from the hello.
    net.run(SECONDS);
    talks(&mut net);

    let mut setup = Setup::psk();
    setup.server.extended_master_secret = ExtendedMasterSecret::Required;
    let mut net = setup.build();
    net.tap = Some(Box::new(|packet| {
        let mut packet = packet.clone();
        // 00 17 00 00: renamed to an extension that nobody knows.
        if packet.data[0] == 22
            && packet.data[13] == 1
            && let Some(at) = packet
                .data
                .windows(4)
                .position(|bytes| bytes == [0, 23, 0, 0])
        {
            packet.data[at + 1] = 99;
        }
        Some(packet)
    }));
    net.run(SECONDS);
    assert!(net.hosts[CLIENT].closed()[0].contains("handshake_failure"));
}

// proves: DTLS-12
#[test]
fn a_changed_handshake_is_noticed_by_both_finished() {
    // Every byte of the ServerHello, flipped: it is refused as it stands, or both sides hash something else.
    let hello = |data: &[u8]| {
        let length = usize::from(u16::from_be_bytes([data[11], data[12]]));
        (data[0] == 22 && data[13] == 2).then_some(13 + length)
    };
    let mut net = Setup::psk().build();
    net.run(SECONDS);
    let end = net
        .log
        .iter()
        .find_map(|packet| hello(&packet.data))
        .unwrap();
    for at in 25..end {
        let mut net = Setup::psk().build();
        net.tap = Some(Box::new(move |packet| {
            let mut packet = packet.clone();
            if hello(&packet.data).is_some() {
                packet.data[at] ^= 1;
            }
            Some(packet)
        }));
        net.run(Duration::from_secs(200));
        let reached = net.hosts[SERVER].connected().len() + net.hosts[CLIENT].connected().len();
        assert_eq!(reached, 0, "byte {at}");
    }
}

// proves: SEC-54
#[test]
fn keys_are_agreed_on_over_secp256r1() {
    let pki = pki();
    for kind in [Kind::RawPublicKey, Kind::Certificate] {
        let mut net = Setup::new(kind, &pki).build();
        net.run(SECONDS);
        talks(&mut net);
        // A named curve, secp256r1, and a point of 65 bytes, uncompressed.
        let exchange = [3, 0, 23, 65, 4];
        let from_server = net
            .log
            .iter()
            .filter(|packet| packet.from == server_address());
        let says = |data: &[u8]| data.windows(exchange.len()).any(|part| part == exchange);
        assert_eq!(
            from_server.filter(|packet| says(&packet.data)).count(),
            1,
            "{kind:?}"
        );
    }
}

/// What cannot be said is refused before anything is sent.
#[test]
fn a_fragment_length_that_has_no_code_is_refused() {
    for (length, known) in [
        (0, false),
        (256, false),
        (511, false),
        (512, true),
        (1024, true),
        (1500, false),
        (2048, true),
        (4096, true),
        (8192, false),
        (u16::MAX, false),
    ] {
        let mut setup = Setup::psk();
        setup.connection.max_fragment_length = Some(length);
        let mut client = endpoint(setup.client, None, 1);
        let connected = client.connect(
            lwm2m_core::time::Instant::ZERO,
            server_address(),
            setup.connection,
        );
        let refused = Some(ConfigError::FragmentLength).filter(|_| !known);
        assert_eq!(connected.err(), refused, "{length}");
        assert_eq!(client.poll_transmit().is_some(), known, "{length}");
    }
}

/// By its beginning, a shard knows what is for it: in the hellos, and in every protected record.
#[test]
fn connection_ids_begin_with_the_prefix() {
    let (of_client, of_server): (&[u8], &[u8]) = (&[0xc1, 0xc2], &[0x5e, 1, 2, 3]);
    let mut seen = std::collections::BTreeSet::new();
    for seed in 1..20 {
        let mut setup = Setup::psk();
        setup.seed = seed;
        for (config, prefix, length) in [
            (&mut setup.client, of_client, 6),
            (&mut setup.server, of_server, 8),
        ] {
            config.connection_ids = Some(ConnectionIds {
                prefix: prefix.into(),
                length,
            });
        }
        let mut net = setup.build();
        net.run(SECONDS);
        talks(&mut net);
        let own = |host: usize| {
            let host = &net.hosts[host];
            host.endpoint.agreed(host.connected()[0]).unwrap().own_id
        };
        let mut protected = [0; 2];
        for packet in &net.log {
            let client = packet.from != server_address();
            let (said, heard) = match client {
                true => (own(CLIENT), own(SERVER)),
                false => (own(SERVER), own(CLIENT)),
            };
            let mut data = &packet.data[..];
            while !data.is_empty() {
                let id = if data[0] == 25 { heard.len() } else { 0 };
                let length = u16::from_be_bytes([data[11 + id], data[12 + id]]);
                let (record, rest) = data.split_at(13 + id + usize::from(length));
                data = rest;
                if record[0] == 25 {
                    assert_eq!(record[11..11 + id], heard);
                    protected[usize::from(client)] += 1;
                }
                if record[0] == 22 && matches!(record[13], 1 | 2) {
                    // connection_id, and the id behind both lengths.
                    let length = said.len() as u8;
                    let extension = [&[0, 54, 0, length + 1, length], &said[..]].concat();
                    assert!(record.windows(extension.len()).any(|at| at == extension));
                }
            }
        }
        assert!(protected.iter().all(|count| *count >= 2), "{protected:?}");
        assert!(own(CLIENT).starts_with(of_client) && own(SERVER).starts_with(of_server));
        assert_eq!((own(CLIENT).len(), own(SERVER).len()), (6, 8));
        seen.extend([own(CLIENT), own(SERVER)]);
    }
    assert_eq!(seen.len(), 2 * 19, "what is behind the prefix is random");
}
