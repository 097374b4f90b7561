//! The DTLS engine: a handshake with a pre-shared key, one with raw public keys, and data both ways.

use crate::engines::random;
use alloc::sync::Arc;
use core::net::SocketAddr;
use lwm2m_core::{secret::Secret, time::Instant};
use lwm2m_dtls::{
    ClientConfig, ClientCredentials, Connection, Endpoint, EndpointConfig, Event, KeyAnswer,
    ServerConfig,
    certificate::spki_of,
    crypto::{Provider, Signer, rustcrypto::RustCrypto},
};

const NOW: Instant = Instant::ZERO;
const KEY: &[u8] = b"sixteen bytes...";

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn endpoint(server: Option<ServerConfig>, seed: u64) -> Endpoint {
    let config = EndpointConfig::default();
    Endpoint::new(config, server, Arc::new(RustCrypto), random(seed))
        .expect("a sound configuration")
}

/// Answers what is asked; gives the connection that was announced, and whether data came.
fn listen(endpoint: &mut Endpoint, connected: &mut Option<Connection>) -> bool {
    let mut heard = false;
    while let Some(event) = endpoint.poll_event() {
        match event {
            Event::KeyWanted { connection, .. } => {
                let key = KeyAnswer::Key(Arc::new(Secret::new(KEY.to_vec())));
                endpoint.answer_key(NOW, connection, key);
            }
            Event::PeerWanted { connection, .. } => endpoint.answer_peer(NOW, connection, true),
            Event::Connected { connection, .. } => *connected = Some(connection),
            Event::Data { data, .. } => heard |= data == b"hello",
            other => panic!("{other:?}"),
        }
    }
    heard
}

/// Connects, and lets each side say hello.
fn converse(serves: ServerConfig, credentials: ClientCredentials) {
    let mut client = endpoint(None, 5);
    let mut server = endpoint(Some(serves), 6);
    let config = ClientConfig::new(credentials);
    client.connect(NOW, address(2), config).expect("a suite");
    let (mut of_client, mut of_server) = (None, None);
    let (mut client_heard, mut server_heard) = (false, false);
    let mut spoken = false;
    loop {
        let mut idle = true;
        while let Some(mut transmit) = client.poll_transmit() {
            server.handle_datagram(NOW, address(1), &mut transmit.data);
            idle = false;
        }
        server_heard |= listen(&mut server, &mut of_server);
        while let Some(mut transmit) = server.poll_transmit() {
            client.handle_datagram(NOW, address(2), &mut transmit.data);
            idle = false;
        }
        client_heard |= listen(&mut client, &mut of_client);
        if let (Some(ours), Some(theirs), false) = (of_client, of_server, spoken) {
            client.send(NOW, ours, b"hello").expect("a session");
            server.send(NOW, theirs, b"hello").expect("a session");
            spoken = true;
            idle = false;
        }
        if idle {
            break;
        }
    }
    assert!(client_heard && server_heard);
}

pub fn pre_shared_keys() {
    let credentials = ClientCredentials::Psk {
        identity: b"device".to_vec(),
        key: Arc::new(Secret::new(KEY.to_vec())),
    };
    converse(ServerConfig::new().psk(), credentials);
}

/// A private key in PKCS#8 (RFC 5958), of this one byte 32 times.
fn signer(byte: u8) -> Arc<dyn Signer> {
    let mut pkcs8 = alloc::vec![
        0x30, 0x41, 0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02,
        0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x04, 0x27, 0x30, 0x25,
        0x02, 0x01, 0x01, 0x04, 0x20,
    ];
    pkcs8.extend([byte; 32]);
    RustCrypto
        .signer(&Secret::new(pkcs8))
        .expect("a private key")
}

pub fn raw_public_keys() {
    let (ours, theirs) = (signer(1), signer(2));
    let credentials = ClientCredentials::RawPublicKey {
        signer: ours,
        server: spki_of(&theirs.public_key()),
    };
    converse(ServerConfig::new().raw_public_key(theirs), credentials);
}
