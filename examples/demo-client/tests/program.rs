//! The program as its user meets it: it joins a server with a key, directly and by bootstrap, and says good-bye.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use base64::{Engine as _, engine::general_purpose::STANDARD};
use lwm2m_core::{
    path::Path,
    uri::{Scheme, ServerUri},
    value::Value,
};
use lwm2m_server::{
    BootstrapServer, BootstrapStore, Credential, DeregistrationReason, Events, Listener, Role,
    SecurityStore, Server, ServerEvent,
    bootstrap::{AccountSecurity, BootstrapConfig, ServerAccount},
};
use rcgen::KeyPair;
use std::{
    net::SocketAddr,
    process::{Output, Stdio},
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    time::timeout,
};

/// How long anything may take on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(120);

const KEY: [u8; 16] = *b"0123456789abcdef";
const BOOTSTRAP_KEY: [u8; 16] = *b"fedcba9876543210";

struct Program {
    child: Child,
    out: Lines<BufReader<ChildStdout>>,
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lwm2m-demo-client"));
    command
        .args(["--endpoint", "dev"])
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    command
}

impl Program {
    fn start(arguments: &[&str]) -> Self {
        let mut child = command(arguments).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap()).lines();
        Program { child, out }
    }

    /// Waits for a line.
    async fn says(&mut self, wanted: &str) {
        let find = async {
            while let Some(line) = self.out.next_line().await.unwrap() {
                if line.contains(wanted) {
                    return;
                }
            }
            panic!("it ended without saying {wanted:?}");
        };
        timeout(PATIENCE, find).await.unwrap();
    }

    /// Ends it as a service manager does; the exit code.
    async fn terminate(&mut self) -> Option<i32> {
        let kill = format!("kill -TERM {}", self.child.id().unwrap());
        let sent = Command::new("sh").args(["-c", &kill]).status();
        assert!(sent.await.unwrap().success());
        self.says("stopped").await;
        timeout(PATIENCE, self.child.wait())
            .await
            .unwrap()
            .unwrap()
            .code()
    }
}

async fn until(events: &mut Events, wanted: impl Fn(&ServerEvent) -> bool) {
    let find = async { while !wanted(&events.next().await.unwrap()) {} };
    timeout(PATIENCE, find).await.unwrap();
}

fn uri(addresses: &[(Scheme, SocketAddr)]) -> ServerUri {
    let (scheme, address) = addresses[0];
    ServerUri::new(scheme, address.ip().to_string(), address.port())
}

async fn server() -> (Server, SecurityStore) {
    let security = SecurityStore::new();
    let credential = Credential::psk("dev-id", KEY.to_vec());
    security.add("dev", Role::Server, credential).unwrap();
    let server = Server::builder()
        .listen(Listener::coaps("127.0.0.1:0"))
        .security(security.clone())
        .start()
        .await
        .unwrap();
    (server, security)
}

/// What a server does with a device that has joined, until the device leaves.
async fn a_life(server: &Server, mut program: Program) {
    let mut events = server.events();
    program.says("registered with server 1").await;
    let device = server.device("dev").await.unwrap();
    let registration = server.registration("dev").await.unwrap();
    for object in [1, 3, 4, 5, 6, 3303] {
        let path = Path::object_instance(object, 0);
        assert!(registration.objects.has(&path), "{path} is missing");
    }
    let manufacturer = device.read("/3/0/0").await.unwrap();
    assert_eq!(
        manufacturer[0].value,
        Value::String("Example Devices".into())
    );
    let mut readings = device.observe("/3303/0/5700").await.unwrap();
    let first = timeout(PATIENCE, readings.next()).await.unwrap().unwrap();
    loop {
        let next = timeout(PATIENCE, readings.next()).await.unwrap().unwrap();
        if next.entries[0].value != first.entries[0].value {
            break;
        }
    }
    assert_eq!(program.terminate().await, Some(0));
    until(&mut events, |event| {
        matches!(event, ServerEvent::Deregistered { endpoint, reason: DeregistrationReason::ByDevice }
            if &**endpoint == "dev")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn joins_a_server_with_a_key() {
    let (server, _) = server().await;
    let uri = uri(&server.local_addresses()).to_string();
    let program = Program::start(&[
        "--server",
        &uri,
        "--psk-identity",
        "dev-id",
        "--psk-key",
        &hex::encode(KEY),
        "--interval",
        "50",
    ]);
    a_life(&server, program).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wakes_with_the_session_it_had() {
    let (server, _) = server().await;
    let folder = std::env::temp_dir().join(format!("lwm2m-demo-sessions-{}", std::process::id()));
    let uri = uri(&server.local_addresses()).to_string();
    let key = hex::encode(KEY);
    for _ in 0..3 {
        let mut events = server.events();
        let mut program = Program::start(&[
            "--server",
            &uri,
            "--psk-identity",
            "dev-id",
            "--psk-key",
            &key,
            "--session-dir",
            folder.to_str().unwrap(),
        ]);
        program.says("registered with server 1").await;
        until(&mut events, |event| {
            matches!(event, ServerEvent::Registered { .. })
        })
        .await;
        assert_eq!(program.terminate().await, Some(0));
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
        assert!(server.registration("dev").await.is_some(), "it only sleeps");
        let counted = server.transport_metrics().unwrap();
        assert_eq!(counted.handshakes_started, 1);
    }
    std::fs::remove_dir_all(folder).unwrap();
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn joins_a_server_with_a_raw_public_key() {
    let (server_keys, device_keys) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let file = std::env::temp_dir().join(format!("lwm2m-demo-key-{}.pem", std::process::id()));
    std::fs::write(&file, device_keys.serialize_pem()).unwrap();
    let security = SecurityStore::new();
    let server = Server::builder()
        .listen(Listener::coaps("127.0.0.1:0"))
        .security(security.clone())
        .raw_public_key(server_keys.serialize_der())
        .start()
        .await
        .unwrap();
    let credential = Credential::raw_public_key(device_keys.public_key_der());
    security.add("dev", Role::Server, credential).unwrap();
    let mut program = Program::start(&[
        "--server",
        &uri(&server.local_addresses()).to_string(),
        "--raw-public-key",
        file.to_str().unwrap(),
        "--server-public-key",
        &STANDARD.encode(server_keys.public_key_der()),
        "--interval",
        "50",
    ]);
    // What it says is what the server must be told.
    let public_key = STANDARD.encode(device_keys.public_key_der());
    program.says(&format!("our public key: {public_key}")).await;
    a_life(&server, program).await;
    std::fs::remove_file(&file).unwrap();
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn joins_by_bootstrap() {
    let (server, security) = server().await;
    let credential = Credential::psk("dev-bs", BOOTSTRAP_KEY.to_vec());
    security.add("dev", Role::Bootstrap, credential).unwrap();
    let configurations = BootstrapStore::new();
    let psk = AccountSecurity::Psk {
        identity: b"dev-id".to_vec(),
        key: KEY.to_vec().into(),
    };
    let account = ServerAccount::new(1, uri(&server.local_addresses()), psk);
    let config = BootstrapConfig::with_account(account);
    configurations.set("dev", config).unwrap();
    let bootstrap = BootstrapServer::builder()
        .listen(Listener::coaps("127.0.0.1:0"))
        .security(security)
        .configurations(configurations)
        .start()
        .await
        .unwrap();
    let bootstrap_uri = uri(&bootstrap.local_addresses()).to_string();
    let mut program = Program::start(&[
        "--bootstrap",
        &bootstrap_uri,
        "--psk-identity",
        "dev-bs",
        "--psk-key",
        &hex::encode(BOOTSTRAP_KEY),
        "--interval",
        "50",
    ]);
    program.says("bootstrapped: servers [1]").await;
    a_life(&server, program).await;
    bootstrap.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_is_said_and_tried_again() {
    let (server, _) = server().await;
    let uri = uri(&server.local_addresses()).to_string();
    let mut program = Program::start(&[
        "--server",
        &uri,
        "--psk-identity",
        "dev-id",
        "--psk-key",
        &hex::encode(BOOTSTRAP_KEY),
    ]);
    program.says("registration with server 1 failed").await;
    assert_eq!(program.terminate().await, Some(0));
    server.stop().await;
}

#[tokio::test]
async fn bad_arguments_end_it() {
    for (arguments, code) in [
        (&["--server", "coaps://127.0.0.1:1"][..], 1),
        (&["--nonsense"], 2),
        (&[], 2),
    ] {
        let Output { status, stderr, .. } = command(arguments)
            .stderr(Stdio::piped())
            .output()
            .await
            .unwrap();
        let errors = String::from_utf8(stderr).unwrap();
        assert_eq!(status.code(), Some(code), "{errors}");
        assert!(errors.starts_with("error: "), "{errors}");
    }
}
