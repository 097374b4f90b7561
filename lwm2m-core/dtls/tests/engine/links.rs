//! Devices at link-local addresses, which mean something on their link only (RFC 4007).

use crate::{net::*, support::*};
use lwm2m_core::time::Instant;
use lwm2m_dtls::{EndpointConfig, Export, ServerConfig};
use std::{net::SocketAddr, time::Duration};

const SECONDS: Duration = Duration::from_secs(5);

/// One address on two links, and a server that is on both.
const ADDRESSES: [&str; 2] = ["[fe80::1%2]:40000", "[fe80::1%3]:40000"];

fn both_connected(server: EndpointConfig) -> Net {
    let setup = Setup::psk();
    let served = endpoint(server, Some(setup.serves), 3);
    let nobody = Host::new(CLIENT_ADDRESS, endpoint(config(), None, 1));
    let server = Host::new(SERVER_ADDRESS, served).key(IDENTITY, KEY);
    let mut net = Net::new(1, CLEAN, vec![nobody, server]);
    for (n, address) in ADDRESSES.into_iter().enumerate() {
        let mut device = Host::new(address, endpoint(config(), None, 50 + n as u64));
        device
            .endpoint
            .connect(net.now, server_address(), setup.connection.clone())
            .unwrap();
        net.hosts.push(device);
    }
    net.run(SECONDS);
    net
}

/// Each hears what is said to it, and nothing else.
fn each_is_answered(net: &mut Net, text: &str) {
    let server = &net.hosts[SERVER];
    let connections = server.connected();
    assert_eq!(connections.len(), 2);
    for connection in connections {
        let endpoint = &mut net.hosts[SERVER].endpoint;
        let address = endpoint.address(connection).unwrap();
        let said = format!("{text} {address}");
        endpoint.send(net.now, connection, said.as_bytes()).unwrap();
    }
    net.run(SECONDS);
    for (n, address) in ADDRESSES.into_iter().enumerate() {
        let heard = net.hosts[2 + n].data();
        let last = heard.last().map(|(_, data)| String::from_utf8_lossy(data));
        assert_eq!(last.as_deref(), Some(&*format!("{text} {address}")));
    }
}

#[test]
fn one_address_on_two_links_is_two_peers() {
    for ids in [0, 8] {
        let mut config = config();
        if ids > 0 {
            config = with_ids(ids);
        }
        let mut net = both_connected(config);
        each_is_answered(&mut net, "hello");
        // One begins anew and takes its own place, not that of the other.
        let connection = Setup::psk().connection;
        let mut device = Host::new(ADDRESSES[0], endpoint(crate::support::config(), None, 60));
        device
            .endpoint
            .connect(net.now, server_address(), connection)
            .unwrap();
        net.hosts[2] = device;
        net.run(SECONDS);
        each_is_answered(&mut net, "again");
    }
}

fn restarted(net: &mut Net, exports: &[Export]) {
    let fresh = endpoint(config(), Some(ServerConfig::new().psk()), 4321);
    let mut host = Host::new(SERVER_ADDRESS, fresh).key(IDENTITY, KEY);
    for export in exports {
        host.endpoint.import(net.now, export).unwrap();
    }
    net.hosts[SERVER] = host;
    net.run(Duration::ZERO);
}

#[test]
fn a_restarted_server_answers_on_the_link_of_each() {
    let mut net = both_connected(config());
    let server = &mut net.hosts[SERVER];
    let exports: Vec<_> = server
        .connected()
        .into_iter()
        .map(|connection| server.endpoint.take_export(connection).unwrap())
        .collect();
    restarted(&mut net, &exports);
    each_is_answered(&mut net, "back");
}

/// Exports of the second form, which have no links, are in the stores of those who have run it.
#[test]
fn exports_of_the_form_before_are_read() {
    let mut net = both_connected(config());
    let server = &mut net.hosts[SERVER];
    let connection = server.connected()[0];
    let export = server.endpoint.take_export(connection).unwrap();
    let mut bytes = export.expose_secret().to_vec();
    // Keys, numbers, window, forgeries, longest record, no ids, address and port: the link is behind them.
    let link = 4 + 2 * 20 + 8 + 16 + 4 + 2 + 1 + 1 + 17 + 2;
    assert_eq!(bytes[0], 3);
    assert_eq!(
        bytes.drain(link..link + 4).collect::<Vec<_>>(),
        [0, 0, 0, 2]
    );
    bytes[0] = 2;
    let mut fresh = endpoint(config(), None, 5);
    let imported = fresh.import(Instant::ZERO, &Export::from_bytes(bytes.clone()));
    let address: SocketAddr = "[fe80::1]:40000".parse().unwrap();
    assert_eq!(fresh.address(imported.unwrap()), Some(address));
    for version in [0, 1, 4] {
        bytes[0] = version;
        let import = fresh.import(Instant::ZERO, &Export::from_bytes(bytes.clone()));
        assert!(import.is_err(), "{version}");
    }
}
