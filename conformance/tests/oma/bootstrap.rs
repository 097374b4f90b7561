//! Bootstrap: int-0 to int-19.

use crate::support::{SECOND, discover, find, only, path, updates};
use lwm2m_client::{ClientEvent, DeviceObject, builder::ClientBuilder};
use lwm2m_conformance::{
    scripted::Scripted,
    world::{Setup, World, bootstrap_account, device_resources, server_account},
};
use lwm2m_core::{
    coap::{Code, Request, Response},
    content::{self, ContentFormat},
    operation::Execute,
    path::Path,
    peer::PeerIdentity,
};
use lwm2m_server::{BootstrapEvent, Role};
use lwm2m_transport::sim::HostId;

/// C.13: a bootstrap account and no server.
fn unprovisioned(client: ClientBuilder) -> ClientBuilder {
    client
        .bootstrap(bootstrap_account())
        .object(DeviceObject::new(device_resources()))
}

fn bootstrapping() -> World {
    Setup::default().verified_bootstrap().build(unprovisioned)
}

// proves: BS-01, BS-04, BS-08, BS-18, BS-19, BS-23, BS-27
#[test]
fn int_0() {
    let mut world = bootstrapping();
    world.registered();
    world.run(SECOND);
    assert_bootstrap_on_the_wire(&world);
    assert_eq!(
        world.bootstraps,
        [BootstrapEvent::Started, BootstrapEvent::Finished]
    );
}

/// Steps and criteria of int-0.
fn assert_bootstrap_on_the_wire(world: &World) {
    let sent = world.sent();
    let asked = sent
        .iter()
        .find(|packet| packet.is(Code::POST, "/bs"))
        .unwrap();
    assert_eq!(asked.query("ep").as_deref(), Some("device"));
    let received = world.received();
    let answered = received
        .iter()
        .find(|packet| packet.message.token == asked.message.token)
        .unwrap();
    assert_eq!(answered.message.code, Code::CHANGED);

    let step = |code: Code, path: &str, expected: Code| {
        let request = only(&received, code, path);
        let token = request.message.token;
        let answer = sent
            .iter()
            .find(|packet| packet.message.token == token && packet.message.code.is_response())
            .unwrap();
        assert_eq!(answer.message.code, expected, "{code} {path}");
        (request.at, answer.message.clone())
    };
    let (written, _) = step(Code::PUT, "/0/1", Code::CHANGED);
    let (configured, _) = step(Code::PUT, "/1/0", Code::CHANGED);
    let (discovered, links) = step(Code::GET, "/", Code::CONTENT);
    let (finished, _) = step(Code::POST, "/bs", Code::CHANGED);
    assert!(written < configured && configured < discovered && discovered < finished);
    assert_eq!(links.options.content_format(), Some(40));
    // The bootstrap account is in instance 0 of the security object here, that of the server in 1.
    let links = std::str::from_utf8(&links.payload).unwrap();
    assert!(links.starts_with("</>;lwm2m="), "{links}");
    for wanted in ["</0/0>", "</0/1>;ssid=1", "</1/0>;ssid=1", "</3/0>"] {
        assert!(
            links.split(',').any(|link| link.starts_with(wanted)),
            "{links}"
        );
    }
}

// proves: BS-29, SEC-12
#[test]
fn int_1() {
    let mut world = bootstrapping();
    assert_eq!(world.registered(), PeerIdentity::Psk("device".into()));
    world.run(SECOND);
    assert_bootstrap_on_the_wire(&world);
    // int-401: registration and read with the key that the bootstrap server gave.
    let device = world.read(path("/3/0"));
    assert_eq!(find(&device, "/3/0/0"), Some(&"Example".into()));
}

/// A bootstrap server that a test plays by hand, for what ours never does.
struct Played {
    world: World,
    server: HostId<Scripted>,
}

impl Played {
    fn new() -> Self {
        let mut world = Setup::default().build(|client| {
            let account = bootstrap_account();
            let uri = "coaps://10.0.0.9:5684".parse().unwrap();
            let account = lwm2m_client::Account::new(uri, account.credentials().clone());
            client
                .bootstrap(account)
                .object(DeviceObject::new(device_resources()))
        });
        let server = (world.net).add_host("10.0.0.9:5683".parse().unwrap(), Scripted::new(9));
        let credentials = world.security.for_role(Role::Bootstrap);
        let address = "10.0.0.9:5684".parse().unwrap();
        world.net.listen_secure(server, address, credentials);
        world.run(SECOND * 5);
        let asked = &world.net.host(server).asked;
        assert_eq!(asked.len(), 1, "one request for a bootstrap");
        Played { world, server }
    }

    fn ask(&mut self, request: Request) -> Response {
        self.world
            .net
            .act(self.server, |server, now| server.ask(now, request));
        self.world.run(SECOND);
        let server = self.world.net.host_mut(self.server);
        server.answers.pop_front().unwrap()
    }

    fn expect(&mut self, request: Request, code: Code) -> Response {
        let response = self.ask(request);
        assert_eq!(response.code, code);
        response
    }

    /// Writes the account at the server, in the format of 1.1.
    fn write_account(&mut self) {
        let account = r#"[{"bn":"/0/1/","n":"0","vs":"coaps://10.0.0.1:5684"},{"n":"1","vb":false},{"n":"2","v":0},
            {"n":"3","vd":"ZGV2aWNl"},{"n":"4","vd":""},{"n":"5","vd":"AgICAgICAgICAgICAgICAg"},{"n":"10","v":1}]"#;
        let server = r#"[{"bn":"/1/0/","n":"0","v":1},{"n":"1","v":86400},{"n":"6","vb":false},{"n":"7","vs":"U"}]"#;
        for (at, body) in [("/0/1", account), ("/1/0", server)] {
            let request = on(Code::PUT, at).body(110, body.as_bytes().to_vec());
            self.expect(request, Code::CHANGED);
        }
    }

    fn links(&mut self) -> String {
        let request = on(Code::GET, "/").uint_option(lwm2m_core::coap::option::ACCEPT, 40);
        let response = self.expect(request, Code::CONTENT);
        String::from_utf8(response.payload.to_vec()).unwrap()
    }
}

fn on(code: Code, at: &str) -> Request {
    let path = at.trim_matches('/');
    let segments = path.split('/').filter(|segment| !segment.is_empty());
    segments.fold(Request::new(code), Request::path_segment)
}

// proves: BS-15, BS-16, BS-21
#[test]
fn int_4() {
    let mut played = Played::new();
    played.write_account();
    let links = played.links();
    assert!(links.contains("</1/0>;ssid=1"), "{links}");
    let read = played.expect(on(Code::GET, "/1"), Code::CONTENT);
    let format = ContentFormat::from_number(read.options.content_format().unwrap()).unwrap();
    let models = played.world.definitions.clone();
    let entries = content::decode(format, &read.payload, &Path::object(1), &*models).unwrap();
    assert_eq!(find(&entries, "/1/0/0"), Some(&1.into()));
    assert_eq!(find(&entries, "/1/0/1"), Some(&86_400.into()));
    played.expect(on(Code::DELETE, "/0"), Code::DELETED);
    played.expect(on(Code::DELETE, "/1"), Code::DELETED);
    let links = played.links();
    assert!(
        links.contains("</0/0>"),
        "the bootstrap account stays: {links}"
    );
    assert!(
        !links.contains("</0/1>") && !links.contains("</1/0>"),
        "{links}"
    );
    played.write_account();
    played.expect(on(Code::POST, "/bs"), Code::CHANGED);
    assert_eq!(
        played.world.registered(),
        PeerIdentity::Psk("device".into())
    );
}

// proves: BS-32, BS-33
#[test]
fn int_5() {
    let mut world = bootstrapping();
    world.registered();
    world.run(SECOND);
    world.bootstraps.clear();
    world.must(Execute::new(path("/1/0/9")), Code::CHANGED);
    world.registered();
    world.run(SECOND);
    let finished = [BootstrapEvent::Started, BootstrapEvent::Finished];
    assert_eq!(world.bootstraps, finished);
    let asked = world.sent();
    let asked = asked.iter().filter(|packet| packet.is(Code::POST, "/bs"));
    assert_eq!(asked.count(), 2);
}

// proves: REG-60
#[test]
fn int_7() {
    // The factory's server is nowhere.
    let uri = "coaps://10.0.0.77:5684".parse().unwrap();
    let nowhere = lwm2m_client::Account::new(uri, bootstrap_account().credentials().clone());
    let nowhere = lwm2m_client::ServerAccount::new(1, nowhere);
    let mut world = Setup::default()
        .verified_bootstrap()
        .build(|client| unprovisioned(client).server(nowhere));
    assert_eq!(world.registered(), PeerIdentity::Psk("device".into()));
    let failed = |event: &ClientEvent| matches!(event, ClientEvent::RegistrationFailed { .. });
    let begun = |event: &ClientEvent| matches!(event, ClientEvent::BootstrapStarted { .. });
    let failed = world.told.iter().position(failed).unwrap();
    assert!(failed < world.told.iter().position(begun).unwrap());
    world.run(SECOND);
    let links = discover(&mut world, "/3", None);
    assert!(links.starts_with("</3>"), "{links}");
}

// proves: BS-24
#[test]
fn int_9() {
    let mut played = Played::new();
    let timeout = on(Code::PUT, "/1/0/5").body(0, b"86400".to_vec());
    let written = played.ask(timeout);
    assert_eq!(written.code, Code::CHANGED);
    played.expect(on(Code::POST, "/bs"), Code::NOT_ACCEPTABLE);
    assert!(!played.world.is_registered());
}

// proves: BS-45
#[test]
fn int_6() {
    // There is no smartcard: the factory's server comes before the bootstrap server, which is left alone.
    let mut world = Setup::default().build(|client| unprovisioned(client).server(server_account()));
    world.registered();
    world.run(SECOND * 60);
    assert!(world.bootstraps.is_empty());
    assert!(
        !world
            .sent()
            .iter()
            .any(|packet| packet.is(Code::POST, "/bs"))
    );
    assert!(updates(&world).is_empty());
    // One that is told to still has its bootstrap account.
    world.must(Execute::new(path("/1/0/9")), Code::CHANGED);
    world.registered();
    world.run(SECOND);
    assert!(world.bootstraps.contains(&BootstrapEvent::Finished));
}
