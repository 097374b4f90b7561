//! No key reaches a log: a device bootstraps and registers over real DTLS while everything that any crate logs, at
//! `trace`, is kept and searched.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use base64::{
    Engine as _, engine::general_purpose::STANDARD, engine::general_purpose::URL_SAFE_NO_PAD,
};
use lwm2m_client::{Account, Client, ClientEvent};
use lwm2m_core::uri::{Scheme, ServerUri};
use lwm2m_server::{
    BootstrapServer, BootstrapStore, Credential, Listener, Role, SecurityStore, Server,
    bootstrap::{AccountSecurity, BootstrapConfig, ServerAccount},
};
use std::{
    io::{self, Write},
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};
use tracing_subscriber::{filter::LevelFilter, fmt::MakeWriter};

/// Keys without a pattern that could stand in a log by chance.
const BOOTSTRAP_KEY: [u8; 16] = [
    0x9d, 0x31, 0xe6, 0x5b, 0x07, 0xc8, 0x7a, 0xf4, 0x12, 0xbe, 0x63, 0x88, 0xd5, 0x2c, 0x4f, 0xa0,
];
const SERVER_KEY: [u8; 16] = [
    0x5e, 0x84, 0x19, 0xcb, 0xf2, 0x3d, 0x76, 0xa8, 0x0b, 0xd7, 0x91, 0x4c, 0xe3, 0x68, 0x25, 0xbf,
];

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Log;

    fn make_writer(&self) -> Log {
        self.clone()
    }
}

/// The ways in which bytes find their way into a text.
fn forms(key: &[u8]) -> Vec<String> {
    let joined = |separator: &str, form: fn(&u8) -> String| {
        key.iter().map(form).collect::<Vec<_>>().join(separator)
    };
    vec![
        hex::encode(key),
        joined(" ", |b| format!("{b:02x}")),
        joined(":", |b| format!("{b:02x}")),
        joined(", ", |b| format!("{b}")),
        joined(",", |b| format!("{b}")),
        joined(", ", |b| format!("0x{b:02x}")),
        joined(", ", |b| format!("{b:#x}")),
        STANDARD.encode(key),
        URL_SAFE_NO_PAD.encode(key),
        key.escape_ascii().to_string(),
    ]
}

fn uri(addresses: &[(Scheme, SocketAddr)]) -> ServerUri {
    let (scheme, address) = addresses[0];
    ServerUri::new(scheme, address.ip().to_string(), address.port())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_key_in_any_log() {
    let log = Log::default();
    // Installing a subscriber also takes in the crates that write through `log`, the DTLS backend among them.
    tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_ansi(false)
        .with_writer(log.clone())
        .init();

    let security = SecurityStore::new();
    let configurations = BootstrapStore::new();
    let server = Server::builder()
        .listen(Listener::coaps("127.0.0.1:0"))
        .security(security.clone())
        .start()
        .await
        .unwrap();
    let bootstrap = BootstrapServer::builder()
        .listen(Listener::coaps("127.0.0.1:0"))
        .security(security.clone())
        .configurations(configurations.clone())
        .start()
        .await
        .unwrap();
    let credential = |identity: &str, key: [u8; 16]| Credential::psk(identity, key.to_vec());
    security
        .add(
            "device",
            Role::Bootstrap,
            credential("device-bs", BOOTSTRAP_KEY),
        )
        .unwrap();
    security
        .add("device", Role::Server, credential("device", SERVER_KEY))
        .unwrap();
    let account = ServerAccount::new(
        1,
        uri(&server.local_addresses()),
        AccountSecurity::Psk {
            identity: b"device".to_vec(),
            key: SERVER_KEY.to_vec().into(),
        },
    );
    configurations
        .set("device", BootstrapConfig::with_account(account))
        .unwrap();

    let client = Client::builder("device")
        .bootstrap(Account::coaps(
            uri(&bootstrap.local_addresses()),
            "device-bs",
            BOOTSTRAP_KEY.to_vec(),
        ))
        .start()
        .await
        .unwrap();
    let mut events = client.events();
    let registered = async {
        while let Some(event) = events.next().await {
            if matches!(event, ClientEvent::Registered { .. }) {
                return;
            }
        }
        panic!("the client stopped");
    };
    tokio::time::timeout(Duration::from_secs(60), registered)
        .await
        .expect("the device registers");
    let device = server.device("device").await.unwrap();
    device.read("/1/0").await.unwrap();
    assert!(
        device.read("/0/0").await.is_err(),
        "keys are not for servers"
    );
    client.deregister_and_stop().await;
    bootstrap.stop().await;
    server.stop().await;

    let bytes = log.0.lock().unwrap().clone();
    let text = String::from_utf8_lossy(&bytes);
    assert!(
        text.contains("TRACE") && text.contains("lwm2m_dtls"),
        "everything was logged, the DTLS backend included"
    );
    let lower = text.to_lowercase();
    for key in [BOOTSTRAP_KEY, SERVER_KEY] {
        // Half a key is a leak too.
        for part in [&key[..], &key[..8], &key[8..]] {
            for form in forms(part) {
                assert!(
                    !lower.contains(&form.to_lowercase()),
                    "a key stands in the log as {form}"
                );
            }
            assert!(
                !bytes.windows(part.len()).any(|window| window == part),
                "raw key in the log"
            );
        }
    }
}
