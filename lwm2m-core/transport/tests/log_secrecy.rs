//! No key appears in any log at the level `trace`, not in those of dependencies either.

use base64::Engine;
use lwm2m_core::{
    engine::{Credentials, Outbound},
    peer::PeerId,
    secret::Secret,
    uri::{Scheme, ServerUri},
};
use lwm2m_transport::{
    ClientTransport, ClientTransportConfig, DtlsServerConfig, PskTable, Received, ServerTransport,
    Transport, dtls::Backend,
};
use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
    time::Duration,
};
use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .lock()
            .expect("no writer panics")
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Captured {
    type Writer = Captured;

    fn make_writer(&'a self) -> Captured {
        self.clone()
    }
}

/// All the forms in which a key could be printed, in lower case.
fn forms(key: &[u8]) -> Vec<Vec<u8>> {
    let list = |separator: &str, one: &dyn Fn(&u8) -> String| {
        key.iter().map(one).collect::<Vec<_>>().join(separator)
    };
    let base64 = base64::engine::general_purpose::STANDARD_NO_PAD.encode(key);
    let url = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(key);
    let texts = [
        hex::encode(key),
        list(" ", &|byte| format!("{byte:02x}")),
        list(":", &|byte| format!("{byte:02x}")),
        list(", ", &|byte| format!("{byte}")),
        list(",", &|byte| format!("{byte}")),
        list(", ", &|byte| format!("{byte:x}")),
        list(", ", &|byte| format!("0x{byte:x}")),
        list(", ", &|byte| format!("0x{byte:02x}")),
        key.escape_ascii().to_string(),
        base64,
        url,
    ];
    let mut forms: Vec<Vec<u8>> = texts
        .into_iter()
        .map(|text| text.to_lowercase().into_bytes())
        .collect();
    forms.push(key.to_ascii_lowercase());
    forms
}

fn assert_absent(log: &[u8], key: &[u8]) {
    for form in forms(key) {
        let shown = log.windows(form.len()).any(|window| window == form);
        assert!(!shown, "a key is in the log as {}", form.escape_ascii());
    }
}

#[tokio::test]
async fn no_key_in_any_log() {
    let captured = Captured::default();
    tracing_log::LogTracer::init().unwrap();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(captured.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();

    let good = b"secret-of-device";
    let bad = b"other_SECRET\x01\x02\x03\xff";
    let table = Arc::new(PskTable::new());
    table.insert("device", Secret::new(good.to_vec()));
    for backend in BACKENDS {
        connect(*backend, table.clone(), good, bad).await;
    }

    let log = captured.0.lock().unwrap().to_ascii_lowercase();
    let text = String::from_utf8_lossy(&log);
    // The capture works: our own lines and those of the backends are there; one of them uses `log`.
    assert!(text.contains("dtls handshake refused"), "{text}");
    for target in LOGGED {
        assert!(text.contains(target), "{text}");
    }
    assert_absent(&log, good);
    assert_absent(&log, bad);
    // And the search finds what is there.
    let found = forms(b"handshake")
        .iter()
        .any(|form| log.windows(form.len()).any(|window| window == &form[..]));
    assert!(found);
}

const BACKENDS: &[Backend] = &[
    Backend::Engine,
    #[cfg(feature = "webrtc")]
    Backend::Webrtc,
];

const LOGGED: &[&str] = &[
    "lwm2m_dtls",
    #[cfg(feature = "webrtc")]
    "[handshake:server] flight 4",
];

/// Connects with a good and with a bad key.
async fn connect(backend: Backend, table: Arc<PskTable>, good: &[u8], bad: &[u8]) {
    let config = DtlsServerConfig::new(table.clone()).backend(backend);
    let mut server = ServerTransport::builder()
        .coaps(([127, 0, 0, 1], 0).into(), config)
        .bind()
        .await
        .expect("a free port");
    let address = server.local_addresses()[0].1;
    let config = ClientTransportConfig::new().backend(backend);
    let mut client = ClientTransport::new(config);
    tracing::debug!(?server, ?client, ?table, "what Debug shows");
    for (number, key) in [good, bad].into_iter().enumerate() {
        let connect = Outbound::Connect {
            peer: PeerId::from_connection(0, number as u64),
            target: ServerUri::new(Scheme::Coaps, address.ip().to_string(), address.port()),
            server_name: None,
            credentials: Credentials::Psk {
                identity: b"device".to_vec(),
                key: Secret::new(key.to_vec()),
            },
        };
        tracing::debug!(?connect, "what Debug shows");
        client.send(connect);
        let outcome = async {
            loop {
                tokio::select! {
                    received = client.next() => return received,
                    _ = server.next() => {}
                }
            }
        };
        let outcome = tokio::time::timeout(Duration::from_secs(30), outcome).await;
        match (number, outcome.expect("an outcome")) {
            (0, Received::Connected { .. }) | (1, Received::Closed { .. }) => {}
            (_, other) => panic!("{other:?}"),
        }
    }
    client.shutdown().await;
    server.shutdown().await;
}
