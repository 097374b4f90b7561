//! A handshake with the longest PSK identity and the longest key that RFC 7925, section 4.2 asks for.

use lwm2m_core::{
    engine::{Credentials, Outbound},
    peer::{PeerId, PeerIdentity},
    secret::Secret,
    uri::{Scheme, ServerUri},
};
use lwm2m_transport::{
    ClientTransport, DtlsServerConfig, PskTable, Received, ServerTransport, Transport,
};
use std::{net::SocketAddr, sync::Arc, time::Duration};

/// Longer than any handshake takes; only a test that hangs waits for it.
const PATIENCE: Duration = Duration::from_secs(60);

// proves: SEC-11
#[tokio::test]
async fn the_longest_identity_and_key() {
    for (identity, key) in [
        (vec![b'i'; 128], vec![7; 64]),
        // Bytes that are no text, and the shortest key.
        (vec![0xFF, 0, b'"'], vec![7; 1]),
    ] {
        let table = PskTable::new();
        table.insert(identity.clone(), Secret::new(key.clone()));
        let mut server = ServerTransport::builder()
            .coaps(
                SocketAddr::from(([127, 0, 0, 1], 0)),
                DtlsServerConfig::new(Arc::new(table)),
            )
            .bind()
            .await
            .unwrap();
        let port = server.local_addresses()[0].1.port();
        let mut client = ClientTransport::default();
        client.send(Outbound::Connect {
            peer: PeerId::from_connection(0, 0),
            target: ServerUri::new(Scheme::Coaps, "127.0.0.1", port),
            server_name: None,
            credentials: Credentials::Psk {
                identity: identity.clone(),
                key: Secret::new(key),
            },
        });
        let both = async { tokio::join!(server.next(), client.next()) };
        let (accepted, connected) = tokio::time::timeout(PATIENCE, both).await.unwrap();
        for received in [accepted, connected] {
            let Received::Connected {
                identity: proven, ..
            } = received
            else {
                panic!("{received:?}");
            };
            assert_eq!(*proven, PeerIdentity::Psk(identity.clone()));
        }
        client.shutdown().await;
        server.shutdown().await;
    }
}
