//! The program as its user meets it: what it says, how it ends, what it keeps.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use base64::{Engine as _, engine::general_purpose::STANDARD};
use lwm2m_client::{Account, Client, ClientEvent, ServerAccount};
use lwm2m_core::{secret::Secret, uri::ServerUri};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream, UdpSocket},
    process::{Child, Command, Output, Stdio},
    sync::mpsc::{Receiver, channel},
    time::Duration,
};

/// How long anything may take on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(120);

const ANY_PORTS: [&str; 10] = [
    "--coap",
    "127.0.0.1:0",
    "--coaps",
    "127.0.0.1:0",
    "--bootstrap-coap",
    "127.0.0.1:0",
    "--bootstrap-coaps",
    "127.0.0.1:0",
    "--http",
    "127.0.0.1:0",
];

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lwm2m-evaluation-server"));
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// A run that ends by itself.
fn output(arguments: &[&str]) -> (Option<i32>, String) {
    let Output { status, stderr, .. } = command(arguments).output().unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

/// The lines that come out of a stream, until it ends.
fn lines(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

/// The first line that is wanted.
fn until(lines: &Receiver<String>, wanted: impl Fn(&str) -> bool) -> String {
    loop {
        let line = lines.recv_timeout(PATIENCE).unwrap();
        if wanted(&line) {
            return line;
        }
    }
}

struct Program {
    child: Child,
    out: Receiver<String>,
    errors: Receiver<String>,
    coap: SocketAddr,
    coaps: SocketAddr,
    bootstrap_coap: SocketAddr,
    http: SocketAddr,
    guest_key: String,
}

impl Program {
    fn start(arguments: &[&str]) -> Self {
        Program::start_at("127.0.0.1:0", arguments)
    }

    /// With this address for devices with DTLS.
    fn start_at(coaps: &str, arguments: &[&str]) -> Self {
        let mut ports = ANY_PORTS;
        let at = ports
            .iter()
            .position(|option| *option == "--coaps")
            .unwrap();
        ports[at + 1] = coaps;
        let mut child = command(&[&ports[..], arguments].concat()).spawn().unwrap();
        let out = lines(child.stdout.take().unwrap());
        let errors = lines(child.stderr.take().unwrap());
        let after = |line: &str, mark: &str| {
            let (_, rest) = line.split_once(mark).unwrap();
            let end = rest.find([' ', '/']).unwrap_or(rest.len());
            rest[..end].to_owned()
        };
        let server = until(&out, |line| line.starts_with("LwM2M server"));
        let bootstrap = until(&out, |line| line.starts_with("bootstrap server"));
        let page = until(&out, |line| line.starts_with("web page"));
        let join = until(&out, |line| line.contains("--psk-key"));
        Program {
            child,
            out,
            errors,
            coap: after(&server, "coap://").parse().unwrap(),
            coaps: after(&server, "coaps://").parse().unwrap(),
            bootstrap_coap: after(&bootstrap, "coap://").parse().unwrap(),
            http: after(&page, "http://").parse().unwrap(),
            guest_key: after(&join, "--psk-key "),
        }
    }

    fn request(&self, method: &str, path: &str, body: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.http).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            self.http,
            body.len()
        )
        .unwrap();
        stream
    }

    /// Status line, headers and body.
    fn ask(&self, method: &str, path: &str, body: &str) -> String {
        let mut answer = String::new();
        self.request(method, path, body)
            .read_to_string(&mut answer)
            .unwrap();
        answer
    }

    /// The lines of the event stream, what has happened before included.
    fn events(&self) -> Receiver<String> {
        lines(self.request("GET", "/api/events?backlog=true", ""))
    }

    /// Sends a signal; the exit code and what it has written to standard error.
    fn end(mut self, signal: &str) -> (Option<i32>, String) {
        let kill = format!("kill -{signal} {}", self.child.id());
        assert!(
            Command::new("sh")
                .args(["-c", &kill])
                .status()
                .unwrap()
                .success()
        );
        until(&self.out, |line| line == "stopped");
        let code = self.child.wait().unwrap().code();
        (code, self.errors.iter().collect::<Vec<_>>().join("\n"))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Where a test has failed half-way; else it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn is(kind: &str, endpoint: &str) -> impl Fn(&str) -> bool {
    let (kind, endpoint) = (
        format!("\"kind\":\"{kind}\""),
        format!("\"endpoint\":\"{endpoint}\""),
    );
    move |line| line.contains(&kind) && line.contains(&endpoint)
}

#[test]
fn signals_end_it_and_devices_deregister() {
    for signal in ["INT", "TERM"] {
        let folder = tempfile::tempdir().unwrap();
        let kept = ["--data-dir", folder.path().to_str().unwrap()];
        // The fourth is the first that makes no tour: nothing but the signal de-registers it.
        let program = Program::start(&[&kept[..], &["--devices", "4"]].concat());
        until(&program.events(), is("registered", "sim-0004"));
        let (code, errors) = program.end(signal);
        assert_eq!(code, Some(0), "{signal}: {errors}");
        // It says so where the 5 s that the end may take were not enough.
        assert!(!errors.contains("in time"), "{signal}: {errors}");
        // What was kept shows who was registered at the end.
        let program = Program::start(&[&kept[..], &["--devices", "0"]].concat());
        let known = program.ask("GET", "/api/security/sim-0004", "");
        assert!(known.starts_with("HTTP/1.1 200"), "{signal}: {known}");
        let devices = program.ask("GET", "/api/devices", "");
        assert!(devices.contains("\"total\":0"), "{signal}: {devices}");
        assert_eq!(program.end(signal).0, Some(0));
    }
}

#[test]
fn as_many_devices_as_are_asked_for() {
    let program = Program::start(&["--devices", "40"]);
    let events = program.events();
    // In whichever order they come.
    let mut missing: Vec<String> = (4..=40).map(|number| format!("sim-{number:04}")).collect();
    while !missing.is_empty() {
        let line = until(&events, |line| line.contains("\"kind\":\"registered\""));
        missing.retain(|name| !is("registered", name)(&line));
    }
    assert_eq!(program.end("TERM").0, Some(0));

    let program = Program::start(&["--devices", "0"]);
    let devices = program.ask("GET", "/api/devices", "");
    assert!(devices.contains("\"total\":0"), "{devices}");
    assert_eq!(program.end("TERM").0, Some(0));
}

#[test]
fn addresses_that_are_taken_are_named() {
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let (udp, tcp) = (
        (&udp, udp.local_addr().unwrap().to_string()),
        (&tcp, tcp.local_addr().unwrap().to_string()),
    );
    for (option, scheme, address) in [
        ("--coap", "coap", &udp.1),
        ("--coaps", "coaps", &udp.1),
        ("--bootstrap-coap", "coap", &udp.1),
        ("--bootstrap-coaps", "coaps", &udp.1),
        ("--http", "http", &tcp.1),
    ] {
        let mut arguments = ANY_PORTS;
        let at = arguments.iter().position(|known| *known == option).unwrap();
        arguments[at + 1] = address;
        let (code, errors) = output(&arguments);
        assert_eq!(code, Some(1), "{option}: {errors}");
        let named = format!("{scheme}://{address}");
        assert!(
            errors.starts_with("error: ") && errors.contains(&named),
            "{option}: {errors}"
        );
        assert_eq!(errors.lines().count(), 1, "{option}: {errors}");
    }
}

#[test]
fn settings_that_cannot_be_used_are_named() {
    for (arguments, code, named) in [
        (&["--nonsense"][..], 2, "--nonsense"),
        (&["--coap", "nowhere"], 2, "--coap"),
        (&["--config", "/nonexistent.toml"], 1, "/nonexistent.toml"),
        (&["--config", "/"], 1, "config file /"),
        (&["--log", "server=loud"], 1, "--log"),
        (&["--data-dir", "/dev/null/kept"], 1, "/dev/null/kept"),
    ] {
        let (exit, errors) = output(&[&ANY_PORTS[..], arguments].concat());
        assert_eq!(exit, Some(code), "{arguments:?}: {errors}");
        assert!(
            errors.starts_with("error: ") && errors.contains(named),
            "{arguments:?}: {errors}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_survives() {
    let folder = tempfile::tempdir().unwrap();
    let kept = [
        "--devices",
        "0",
        "--data-dir",
        folder.path().to_str().unwrap(),
    ];
    let program = Program::start(&kept);
    let key = program.guest_key.clone();
    let secret = "0f1e2d3c4b5a69788796a5b4c3d2e1f0";
    let credentials = format!(
        r#"{{"credentials":[{{"role":"bootstrap","type":"psk","identity":"mine","key":"{secret}"}}]}}"#
    );
    let configuration = format!(
        r#"{{"accounts":[{{"shortServerId":7,"uri":"coaps://127.0.0.1:5684","security":{{"mode":"psk","identity":"mine","key":"{secret}"}}}}]}}"#
    );
    for (path, body) in [
        ("/api/security/mine", &credentials),
        ("/api/bootstrap/mine", &configuration),
    ] {
        let answer = program.ask("PUT", path, body);
        assert!(answer.starts_with("HTTP/1.1 204"), "{path}: {answer}");
    }
    let server: ServerUri = format!("coaps://{}", program.coaps).parse().unwrap();
    let psk = Secret::new(hex::decode(&key).unwrap());
    let account = ServerAccount::new(1, Account::coaps(server, "demo", psk)).lifetime(86_400);
    let client = Client::builder("demo")
        .server(account)
        .start()
        .await
        .unwrap();
    let mut events = client.events();
    // It may have registered before anybody listened: the server's word counts.
    until(&program.events(), is("registered", "demo"));
    drop(program.end("TERM"));

    let program = Program::start(&kept);
    assert_eq!(program.guest_key, key, "the guest keeps its key");
    let device = program.ask("GET", "/api/devices/demo", "");
    assert!(device.starts_with("HTTP/1.1 200"), "{device}");
    for (path, expected) in [
        ("/api/security/mine", "\"identity\":\"mine\""),
        ("/api/bootstrap/mine", "\"shortServerId\":7"),
    ] {
        let answer = program.ask("GET", path, "");
        assert!(answer.contains(expected), "{path}: {answer}");
        assert!(!answer.contains(secret), "{path}: {answer}");
    }
    assert_eq!(program.end("TERM").0, Some(0));
    client.kill().await;
    while let Some(event) = events.next().await {
        assert!(!matches!(event, ClientEvent::Deregistered { .. }));
    }
}

/// Goes on with its device as if nothing had been.
async fn goes_on(program: &Program, client: &Client) {
    let answer = program.ask("GET", "/api/devices/demo/objects/3/0/16", "");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let events = program.events();
    client.update().await.unwrap();
    until(&events, is("updated", "demo"));
    let counted = program.ask("GET", "/metrics", "");
    for (counter, value) in [
        ("sessions_restored", 1),
        ("handshakes_started", 0),
        ("cookies_sent", 0),
        ("records_dropped", 0),
    ] {
        let line = format!("\nlwm2m_transport_{counter}_total{{role=\"server\"}} {value}\n");
        assert!(counted.contains(&line), "{counter}: {counted}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn devices_do_not_notice_that_it_starts_again() {
    let folder = tempfile::tempdir().unwrap();
    let kept = [
        "--devices",
        "0",
        "--data-dir",
        folder.path().to_str().unwrap(),
    ];
    let program = Program::start(&kept);
    let coaps = program.coaps.to_string();
    let psk = Secret::new(hex::decode(&program.guest_key).unwrap());
    let account = Account::coaps(format!("coaps://{coaps}").parse().unwrap(), "demo", psk);
    let client = Client::builder("demo")
        .server(ServerAccount::new(1, account).lifetime(86_400))
        .start()
        .await
        .unwrap();
    let mut events = client.events();
    until(&program.events(), is("registered", "demo"));
    assert_eq!(program.end("TERM").0, Some(0));

    let mut program = Program::start_at(&coaps, &kept);
    goes_on(&program, &client).await;
    for _ in 0..3 {
        // Not a word to anybody.
        program.child.kill().unwrap();
        program.child.wait().unwrap();
        program = Program::start_at(&coaps, &kept);
        goes_on(&program, &client).await;
    }
    client.deregister_and_stop().await;
    let devices = program.ask("GET", "/api/devices", "");
    assert!(devices.contains("\"total\":0"), "{devices}");
    assert_eq!(program.end("TERM").0, Some(0));
    // It registered once, before anything happened, and knows of nothing else.
    while let Some(event) = events.next().await {
        let again = matches!(event, ClientEvent::RegistrationFailed { .. });
        assert!(!again, "{event:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_without_keys_is_given_its_server_on_this_machine() {
    let program = Program::start(&["--devices", "0"]);
    let configuration = format!(
        r#"{{"accounts":[{{"shortServerId":1,"uri":"coap://{}","security":{{"mode":"none"}}}}]}}"#,
        program.coap
    );
    let answer = program.ask("PUT", "/api/bootstrap/open", &configuration);
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    let uri: ServerUri = format!("coap://{}", program.bootstrap_coap)
        .parse()
        .unwrap();
    let client = Client::builder("open")
        .bootstrap(Account::nosec(uri))
        .start()
        .await
        .unwrap();
    until(&program.events(), is("registered", "open"));
    client.deregister_and_stop().await;
    assert_eq!(program.end("TERM").0, Some(0));
}

#[test]
fn without_a_place_nothing_is_kept() {
    let program = Program::start(&["--devices", "0"]);
    let key = program.guest_key.clone();
    drop(program);
    assert_ne!(Program::start(&["--devices", "0"]).guest_key, key);
}

/// The ClientHello of a device that has a certificate only, which this server does not take; the second one, where it
/// has a cookie.
fn certificate_hello(cookie: &[u8]) -> Vec<u8> {
    let mut body = vec![254, 253];
    body.extend([7; 32]);
    // No session id; ECDHE-ECDSA with AES-128-GCM; no compression; extended master secret.
    body.push(0);
    body.push(cookie.len() as u8);
    body.extend(cookie);
    body.extend([0, 2, 0xC0, 0x2B, 1, 0, 0, 4, 0, 23, 0, 0]);
    let length = body.len() as u8;
    let number = u8::from(!cookie.is_empty());
    let message = [1, 0, 0, length, 0, number, 0, 0, 0, 0, 0, length];
    let mut record = vec![22, 254, 253, 0, 0, 0, 0, 0, 0, 0, number, 0, length + 12];
    record.extend(message);
    record.extend(body);
    record
}

/// Datagrams that are nothing: every length, the first bytes those of CoAP messages and of DTLS records too.
fn garbage(to: &[SocketAddr]) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let beginnings: [&[u8]; 5] = [
        &[],
        &[0x40, 0x02],
        &[0x48, 0xFF],
        &[22, 254, 253, 0, 0],
        &[23, 254, 253, 0, 1],
    ];
    for (length, beginning) in (0..300).flat_map(|l| beginnings.map(|beginning| (l, beginning))) {
        let rest = (0..length).map(|at| (at * 37 + length) as u8);
        let datagram: Vec<u8> = beginning.iter().copied().chain(rest).collect();
        for address in to {
            socket.send_to(&datagram, address).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_refused_is_named_once_and_the_others_are_served() {
    let program = Program::start(&["--devices", "0"]);
    let server: ServerUri = format!("coaps://{}", program.coaps).parse().unwrap();
    let right = Secret::new(hex::decode(&program.guest_key).unwrap());
    let wrong = Secret::new(vec![7; 16]);
    let join = |name: &str, identity: &str, key: &Secret| {
        let account = Account::coaps(server.clone(), identity, key.clone());
        Client::builder(name)
            .server(ServerAccount::new(1, account))
            .start()
    };
    for (name, identity, key, line) in [
        ("demo", "demo", &wrong, "another key"),
        ("demo", "stranger", &right, "unknown PSK identity"),
        ("other", "demo", &right, "does not belong"),
    ] {
        let client = join(name, identity, key).await.unwrap();
        let line = until(&program.errors, |text| text.contains(line));
        assert!(line.contains("WARN"), "{line}");
        client.kill().await;
    }
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket
        .send_to(&certificate_hello(&[]), program.coaps)
        .unwrap();
    let mut answer = [0; 512];
    let (length, _) = socket.recv_from(&mut answer).unwrap();
    // A HelloVerifyRequest: headers of 25 bytes, the version, and the cookie with its length.
    let cookie = &answer[28..length];
    socket
        .send_to(&certificate_hello(cookie), program.coaps)
        .unwrap();
    let line = until(&program.errors, |text| text.contains("no cipher suite"));
    let address = socket.local_addr().unwrap().to_string();
    assert!(line.contains("WARN") && line.contains(&address), "{line}");
    garbage(&[program.coap, program.coaps]);
    let client = join("demo", "demo", &right).await.unwrap();
    until(&program.events(), is("registered", "demo"));
    client.kill().await;
    // Whatever was dropped was counted, by reason.
    let metrics = program.ask("GET", "/metrics", "");
    for name in [
        "lwm2m_refused_total",
        "lwm2m_transport_wrong_keys_total",
        "lwm2m_transport_unknown_identities_total",
        "lwm2m_transport_records_dropped_total",
        "lwm2m_coap_malformed_total",
        "lwm2m_coap_not_coap_total",
    ] {
        let counter = format!("{name}{{role=\"server\"}} ");
        let line = metrics.lines().find(|line| line.starts_with(&counter));
        assert!(
            line.is_some_and(|line| !line.ends_with(" 0")),
            "{name}: {line:?}"
        );
    }
    assert_eq!(program.end("TERM").0, Some(0));
}

#[tokio::test]
async fn devices_with_raw_public_keys_are_told_to_the_servers_over_http() {
    let folder = tempfile::tempdir().unwrap();
    let pairs = [0, 1, 2].map(|_| rcgen::KeyPair::generate().unwrap());
    let file = |name: &str, content: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let [server_key, bootstrap_key] =
        [0, 1].map(|n| file(&format!("{n}.pem"), &pairs[n].serialize_pem()));
    let given = ["--devices", "0", "--raw-public-key", &server_key];
    let program =
        Program::start(&[&given[..], &["--bootstrap-raw-public-key", &bootstrap_key]].concat());
    let body = format!(
        r#"{{"credentials":[{{"role":"server","type":"raw-public-key","publicKey":"{}"}}]}}"#,
        STANDARD.encode(pairs[2].public_key_der())
    );
    let answer = program.ask("PUT", "/api/security/raw", &body);
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    let uri: ServerUri = format!("coaps://{}", program.coaps).parse().unwrap();
    let account = Account::raw_public_key(uri, pairs[2].serialize_der(), pairs[0].public_key_der());
    let client = Client::builder("raw").server(ServerAccount::new(1, account));
    let client = client.start().await.unwrap();
    let mut events = client.events();
    let registered = async {
        while let Some(event) = events.next().await {
            if let ClientEvent::Registered { .. } = event {
                return;
            }
        }
        panic!("the client stopped");
    };
    tokio::time::timeout(PATIENCE, registered).await.unwrap();
    let shown = program.ask("GET", "/api/devices/raw", "");
    assert!(shown.contains(r#""security":"raw-public-key""#), "{shown}");
    client.deregister_and_stop().await;
    assert_eq!(program.end("TERM").0, Some(0));

    // Keys that cannot be used are named by their file.
    let none = file("none.pem", "no key");
    let other = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
    let other = file("p384.pem", &other.serialize_pem());
    for (path, said) in [
        (&none, "none.pem"),
        (&other, "P-256"),
        (&server_key, "of their own"),
    ] {
        let pair = ["--bootstrap-raw-public-key", path];
        let (code, errors) = output(&[&ANY_PORTS[..], &given, &pair].concat());
        assert_eq!(code, Some(1), "{errors}");
        assert!(errors.contains(said), "{errors}");
    }
}
