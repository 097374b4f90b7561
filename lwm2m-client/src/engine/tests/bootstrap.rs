use super::*;
use crate::{
    event::SessionError,
    state::{ClientState, Storage},
};
use lwm2m_core::{content, endpoint::Failure, entry::Entry, path::Path, value::Value};
use lwm2m_objects::{Definitions, security, server};
use std::{
    sync::{Arc, Mutex},
    vec,
};

fn account() -> Account {
    Account::nosec(BOOTSTRAP.parse().unwrap())
}

fn world() -> World {
    let mut world = World::new(builder().bootstrap(account()));
    world.run(SECOND);
    world
}

fn put(path: &str, entries: &[Entry]) -> Request {
    let definitions = Definitions::built_in();
    let format = ContentFormat::Tlv;
    let body = content::encode(format, entries, &path.parse().unwrap(), &definitions).unwrap();
    request(Code::PUT, path).body(format.number(), body)
}

fn entry(path: &str, value: impl Into<Value>) -> Entry {
    Entry::new(path.parse::<Path>().unwrap(), value)
}

fn security_instance(id: u16, uri: &str, server: i64) -> Request {
    let base = Path::object_instance(security::ID, id).to_string();
    let at = |resource: u16| std::format!("{base}/{resource}");
    put(
        &base,
        &[
            entry(&at(security::SERVER_URI), uri),
            entry(&at(security::BOOTSTRAP_SERVER), false),
            entry(&at(security::SECURITY_MODE), 3),
            entry(&at(security::PUBLIC_KEY_OR_IDENTITY), Vec::new()),
            entry(&at(security::SERVER_PUBLIC_KEY), Vec::new()),
            entry(&at(security::SECRET_KEY), Vec::new()),
            entry(&at(security::SHORT_SERVER_ID), server),
        ],
    )
}

fn server_instance(id: u16, server: i64, lifetime: i64) -> Request {
    let base = Path::object_instance(server::ID, id).to_string();
    let at = |resource: u16| std::format!("{base}/{resource}");
    put(
        &base,
        &[
            entry(&at(server::SHORT_SERVER_ID), server),
            entry(&at(server::LIFETIME), lifetime),
            entry(
                &at(server::NOTIFICATION_STORING_WHEN_DISABLED_OR_OFFLINE),
                true,
            ),
            entry(&at(server::BINDING), "U"),
            entry(&at(server::MUTE_SEND), false),
        ],
    )
}

fn finish() -> Request {
    request(Code::POST, "bs")
}

fn provision(world: &mut World) {
    let bootstrap = world.bootstrap;
    for (request, code) in [
        (request(Code::DELETE, ""), Code::DELETED),
        (security_instance(1, SERVER, 42), Code::CHANGED),
        (server_instance(0, 42, 77), Code::CHANGED),
        (finish(), Code::CHANGED),
    ] {
        let answer = world.ask(bootstrap, request.clone());
        assert_eq!(answer.code, code, "{request:?} {}", text(&answer));
    }
}

// proves: BS-04, BS-05, BS-06, BS-23, REG-10, SEC-16
#[test]
fn bootstraps_and_registers_with_what_it_was_given() {
    let mut world = world();
    let (server, bootstrap) = (world.server, world.bootstrap);
    let asked = world.asked(bootstrap);
    assert_eq!(path_of(&asked[0].0), "bs");
    let asked_for = queries(&asked[0].0);
    assert!(
        asked_for.contains(&"ep=urn:dev:1".to_string()),
        "{asked_for:?}"
    );
    assert!(asked_for.contains(&"pct=112".to_string()), "{asked_for:?}");
    provision(&mut world);
    world.run(SECOND);
    let told = world.take_told();
    assert!(
        told.contains(&ClientEvent::Bootstrapped { servers: vec![42] }),
        "{told:?}"
    );
    assert!(
        matches!(told[..], [.., ClientEvent::Registered { server: 42, .. }]),
        "{told:?}"
    );
    let queries = queries(&world.asked(server)[0].0);
    assert!(queries.contains(&"lt=77".to_string()), "{queries:?}");
}

// proves: BS-44
#[test]
fn what_a_bootstrap_server_leaves_empty_is_not_there() {
    let mut world = world();
    let bootstrap = world.bootstrap;
    let mut account = vec![
        entry("/0/1/0", SERVER),
        entry("/0/1/1", false),
        entry("/0/1/2", 3),
        entry("/0/1/3", Vec::new()),
        entry("/0/1/4", Vec::new()),
        entry("/0/1/5", Vec::new()),
        entry("/0/1/10", 42),
    ];
    let secret_keys = |value: Vec<u8>| entry("/0/1/8", value);
    // Sixteen bytes are a key, fifteen are a mistake.
    account.push(secret_keys(vec![7; 15]));
    let wrong = world.ask(bootstrap, put("/0/1", &account));
    assert_eq!(wrong.code, Code::BAD_REQUEST);
    account.pop();
    account.push(secret_keys(Vec::new()));
    let answer = world.ask(bootstrap, put("/0/1", &account));
    assert_eq!(answer.code, Code::CHANGED, "{}", text(&answer));
    let answer = world.ask(bootstrap, server_instance(0, 42, 77));
    assert_eq!(answer.code, Code::CHANGED, "{}", text(&answer));
    let answer = world.ask(bootstrap, finish());
    assert_eq!(answer.code, Code::CHANGED, "{}", text(&answer));
    let account = world.client(|client, now| client.state(now).security[&1].clone());
    assert_eq!(account.value(security::SMS_BINDING_SECRET_KEYS), None);
    assert_eq!(
        account.value(security::SHORT_SERVER_ID),
        Some(&Value::Integer(42))
    );
}

#[test]
fn waits_for_the_hold_off_time() {
    let mut world = World::new(builder().bootstrap(account().hold_off(30)));
    let bootstrap = world.bootstrap;
    world.run(SECOND * 29);
    assert_eq!(world.asked(bootstrap), []);
    world.run(SECOND * 2);
    assert_eq!(world.asked(bootstrap).len(), 1);
}

// proves: BS-10, BS-24, BS-26, BS-39, SEC-17
#[test]
fn an_inconsistent_configuration_may_be_corrected() {
    let mut world = world();
    let bootstrap = world.bootstrap;
    assert_eq!(
        world.ask(bootstrap, finish()).code,
        Code::NOT_ACCEPTABLE,
        "no server"
    );
    world.ask(bootstrap, security_instance(1, SERVER, 42));
    assert_eq!(
        world.ask(bootstrap, finish()).code,
        Code::NOT_ACCEPTABLE,
        "no /1"
    );
    world.ask(bootstrap, server_instance(0, 41, 60));
    assert_eq!(
        world.ask(bootstrap, finish()).code,
        Code::NOT_ACCEPTABLE,
        "another id"
    );
    world.ask(bootstrap, security_instance(1, "coaps://10.0.0.1", 42));
    world.ask(bootstrap, server_instance(0, 42, 60));
    assert_eq!(
        world.ask(bootstrap, finish()).code,
        Code::NOT_ACCEPTABLE,
        "mode and scheme contradict each other"
    );
    world.ask(bootstrap, security_instance(1, SERVER, 42));
    assert_eq!(world.ask(bootstrap, finish()).code, Code::CHANGED);
    world.run(SECOND);
    assert!(matches!(
        world.take_told()[..],
        [.., ClientEvent::Registered { .. }]
    ));
}

// proves: BS-28, BS-53
#[test]
fn silence_ends_it_and_changes_nothing() {
    let mut world = world();
    let bootstrap = world.bootstrap;
    world.take_told();
    world.ask(bootstrap, request(Code::DELETE, ""));
    world.ask(bootstrap, security_instance(1, SERVER, 42));
    world.run(SECOND * 246);
    assert_eq!(world.take_told(), []);
    let before = world.client(|client, now| client.state(now));
    assert_eq!(before.security.len(), 1, "only staged so far");
    world.run(SECOND * 2);
    let told = world.take_told();
    assert_eq!(
        told,
        [ClientEvent::BootstrapFailed {
            reason: SessionError::Request(Failure::Timeout),
            retry_in: Some(SECOND * 60),
        }]
    );
    let after = world.client(|client, now| client.state(now));
    assert_eq!(after, before);
    world.asked(bootstrap);
    world.run(SECOND * 61);
    assert_eq!(world.asked(bootstrap).len(), 1, "tried again");
}

#[test]
fn a_refusal_is_told_and_tried_again_later() {
    let mut world = World::new(builder().bootstrap(account()));
    let bootstrap = world.bootstrap;
    let refusal = Response::new(Code::BAD_REQUEST);
    (world.net.host_mut(bootstrap)).next_answer("bs", Some(refusal));
    world.run(SECOND);
    assert!(world.take_told().contains(&ClientEvent::BootstrapFailed {
        reason: SessionError::Refused(Code::BAD_REQUEST),
        retry_in: Some(SECOND * 60),
    }));
    world.run(SECOND * 61);
    provision(&mut world);
}

#[test]
fn a_server_that_does_not_know_the_format_is_asked_without() {
    let mut world = World::new(builder().bootstrap(account()));
    let bootstrap = world.bootstrap;
    let refusal = Response::new(Code::UNSUPPORTED_CONTENT_FORMAT);
    (world.net.host_mut(bootstrap)).next_answer("bs", Some(refusal));
    world.run(SECOND);
    let asked = world.asked(bootstrap);
    assert_eq!(queries(&asked[1].0), ["ep=urn:dev:1"]);
    provision(&mut world);
}

/// What a bootstrap server may ask, and the code that answers it.
// proves: BS-08, BS-13, BS-15, BS-16, BS-20, BS-21, BS-58
#[test]
fn requests_and_their_codes() {
    use Code as C;
    let discover = |path: &str| get(path).uint_option(option::ACCEPT, 40);
    let table = [
        (request(C::DELETE, ""), C::DELETED),
        (request(C::DELETE, "1"), C::DELETED),
        (request(C::DELETE, "0/0"), C::BAD_REQUEST),
        (request(C::DELETE, "0/5"), C::NOT_FOUND),
        (request(C::DELETE, "3/0"), C::BAD_REQUEST),
        (request(C::DELETE, "3303"), C::DELETED),
        (request(C::DELETE, "3303/0"), C::DELETED),
        (request(C::DELETE, "3303/1"), C::NOT_FOUND),
        (security_instance(3, SERVER, 9), C::CHANGED),
        (put_text("1/0/1", "50"), C::CHANGED),
        (put_text("1/0/1", "soon"), C::BAD_REQUEST),
        (put_text("77/0/1", "50"), C::NOT_FOUND),
        (put_text("3/0/15", "Europe/Vienna"), C::CHANGED),
        (discover(""), C::CONTENT),
        (discover("0"), C::CONTENT),
        (discover("77"), C::NOT_FOUND),
        (get("1"), C::CONTENT),
        (get("0"), C::METHOD_NOT_ALLOWED),
        (get("3/0"), C::METHOD_NOT_ALLOWED),
        (request(C::POST, "3/0/4"), C::METHOD_NOT_ALLOWED),
        (observe("1/0"), C::METHOD_NOT_ALLOWED),
    ];
    for (request, code) in table {
        let mut world = world();
        let bootstrap = world.bootstrap;
        let answer = world.ask(bootstrap, request.clone());
        assert_eq!(answer.code, code, "{request:?}");
    }
}

// proves: BS-18, BS-19
#[test]
fn discover_and_read_show_what_is_staged() {
    let mut world = world();
    let bootstrap = world.bootstrap;
    world.ask(bootstrap, security_instance(4, SERVER, 42));
    world.ask(bootstrap, server_instance(2, 42, 77));
    let discover = get("").uint_option(option::ACCEPT, 40);
    assert_eq!(
        text(&world.ask(bootstrap, discover)),
        "</>;lwm2m=1.2,</0/0>,</0/4>;ssid=42;uri=\"coap://10.0.0.1:5683\",</1/2>;ssid=42,</3/0>,</3303>;ver=1.1,</3303/0>"
    );
    let read = world.ask(bootstrap, get("1/2").uint_option(option::ACCEPT, 110));
    assert!(text(&read).contains("77"), "{}", text(&read));
    world.client(|client, now| {
        let staged = client.value(now, "/1/2/1".parse().unwrap());
        assert!(staged.is_err(), "nothing counts before the finish");
    });
}

// proves: BS-33, BS-45, BS-53
#[test]
fn a_server_triggers_a_bootstrap_and_keeps_its_place_when_that_fails() {
    let builder = builder().bootstrap(account()).server(server_account());
    let mut world = World::new(builder);
    let (server, bootstrap) = (world.server, world.bootstrap);
    world.run(SECOND);
    assert_eq!(
        world.asked(bootstrap),
        [],
        "it knows a server from the factory"
    );
    let refusal = Response::new(Code::BAD_REQUEST);
    (world.net.host_mut(bootstrap)).next_answer("bs", Some(refusal));
    assert_eq!(
        world.ask(server, request(Code::POST, "1/0/9")).code,
        Code::CHANGED
    );
    world.run(SECOND);
    let told = world.take_told();
    assert!(
        told.contains(&ClientEvent::BootstrapFailed {
            reason: SessionError::Refused(Code::BAD_REQUEST),
            retry_in: None,
        }),
        "{told:?}"
    );
    assert_eq!(
        text(&world.ask(server, get("3/0/0"))),
        "Maker",
        "still registered"
    );
    // This time it succeeds, and the old server is replaced.
    world.ask(server, request(Code::POST, "1/0/9"));
    world.run(SECOND);
    provision(&mut world);
    world.run(SECOND);
    assert!(matches!(
        world.take_told()[..],
        [.., ClientEvent::Registered { server: 42, .. }]
    ));
}

// proves: REG-60
#[test]
fn a_refused_registration_leads_to_the_bootstrap_server() {
    let builder = builder().bootstrap(account()).server(server_account());
    let mut world = World::new(builder);
    let (server, bootstrap) = (world.server, world.bootstrap);
    let refusal = Response::new(Code::FORBIDDEN);
    (world.net.host_mut(server)).next_answer("rd", Some(refusal));
    world.run(SECOND);
    assert_eq!(path_of(&world.asked(bootstrap)[0].0), "bs");
    assert!(
        world
            .take_told()
            .contains(&ClientEvent::RegistrationFailed {
                server: 7,
                reason: SessionError::Refused(Code::FORBIDDEN),
                retry_in: None,
            })
    );
}

/// /0/x/12: the account is of no use to a thief who comes later.
// proves: BS-43
#[test]
fn the_bootstrap_account_is_purged_when_its_time_is_over() {
    let mut world = world();
    let bootstrap = world.bootstrap;
    let answer = world.ask(bootstrap, put_text("0/0/12", "60"));
    assert_eq!(answer.code, Code::CHANGED);
    for request in [
        security_instance(1, SERVER, 42),
        server_instance(0, 42, 77),
        finish(),
    ] {
        assert_eq!(world.ask(bootstrap, request).code, Code::CHANGED);
    }
    let accounts = |world: &mut World| {
        let state = world.client(|client, now| client.state(now));
        state.security.into_keys().collect::<Vec<_>>()
    };
    world.run(SECOND * 59);
    assert_eq!(accounts(&mut world), [0, 1]);
    world.run(SECOND * 2);
    assert_eq!(accounts(&mut world), [1]);
    assert!(!world.client(|client, now| client.start_bootstrap(now)));
    assert_eq!(world.client(|client, _| client.registered()), [42]);
}

/// A refusal leads to the bootstrap server; where its account is purged before it is asked, the servers are tried again.
#[test]
fn a_purged_account_leaves_nobody_waiting() {
    let mut world = world();
    let (server, bootstrap) = (world.server, world.bootstrap);
    let answer = world.ask(bootstrap, put_text("0/0/12", "60"));
    assert_eq!(answer.code, Code::CHANGED);
    // The second bootstrap that comes to nothing lets the third wait until after the purge.
    for _ in 0..2 {
        let refusal = Response::new(Code::FORBIDDEN);
        (world.net.host_mut(server)).next_answer("rd", Some(refusal));
        for request in [
            security_instance(1, SERVER, 42),
            server_instance(0, 42, 77),
            finish(),
        ] {
            assert_eq!(world.ask(bootstrap, request).code, Code::CHANGED);
        }
        world.run(SECOND * 5);
        assert!(world.client(|client, _| client.registered().is_empty()));
    }
    world.run(SECOND * 60);
    assert!(!world.client(|client, now| client.start_bootstrap(now)));
    assert_eq!(world.client(|client, _| client.registered()), [42]);
}

/// The old account stays until another has taken its place.
// proves: BS-42
#[test]
fn a_new_bootstrap_account_replaces_the_old() {
    let mut world = world();
    let bootstrap = world.bootstrap;
    let new = put(
        "/0/9",
        &[
            entry("/0/9/0", "coap://10.0.0.7:5683"),
            entry("/0/9/1", true),
            entry("/0/9/2", 3),
        ],
    );
    for request in [
        new,
        security_instance(1, SERVER, 42),
        server_instance(0, 42, 77),
        finish(),
    ] {
        assert_eq!(world.ask(bootstrap, request).code, Code::CHANGED);
    }
    let state = world.client(|client, now| client.state(now));
    assert_eq!(state.security.into_keys().collect::<Vec<_>>(), [1, 9]);
}

/// A bootstrap server that hands out an account nobody accepts is not asked in a circle.
#[test]
fn a_useless_bootstrap_is_repeated_ever_later() {
    let mut world = world();
    let (server, bootstrap) = (world.server, world.bootstrap);
    let mut begun = Vec::new();
    for _ in 0..4 {
        let refusal = Response::new(Code::FORBIDDEN);
        (world.net.host_mut(server)).next_answer("rd", Some(refusal));
        world.asked(bootstrap);
        begun.push(world.net.now());
        provision(&mut world);
        let asked = |net: &mut Net| !net.host(bootstrap).asked.is_empty();
        assert!(world.net.run_until(asked, SECOND * 1_000));
    }
    let waits: Vec<_> = begun.windows(2).map(|w| (w[1] - w[0]).as_secs()).collect();
    assert_eq!(waits, [0, 60, 120]);
}

#[test]
fn bootstrap_survives_loss() {
    for seed in 0..20 {
        let link = Link::new()
            .delay(Duration::from_millis(50))
            .loss(0.2)
            .duplicate(0.1);
        let mut world = World::with_link(builder().bootstrap(account()), link, seed);
        world.run(SECOND * 40);
        provision(&mut world);
        world.run(SECOND * 100);
        let told = world.take_told();
        let done = told
            .iter()
            .any(|e| matches!(e, ClientEvent::Registered { server: 42, .. }));
        assert!(done, "seed {seed}: {told:?}");
    }
}

#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Option<ClientState>>>);

impl Storage for Memory {
    fn load(&mut self) -> Option<ClientState> {
        self.0.lock().unwrap().clone()
    }

    fn store(&mut self, state: &ClientState) {
        *self.0.lock().unwrap() = Some(state.clone());
    }
}

#[test]
fn a_restarted_program_keeps_its_bootstrap() {
    let memory = Memory::default();
    let mut first = World::new(builder().bootstrap(account()).storage(memory.clone()));
    first.run(SECOND);
    provision(&mut first);
    let mut second = World::new(builder().bootstrap(account()).storage(memory.clone()));
    let (server, bootstrap) = (second.server, second.bootstrap);
    second.run(SECOND);
    assert_eq!(second.asked(bootstrap), []);
    assert_eq!(path_of(&second.asked(server)[0].0), "rd");
    // Until the factory state is wanted back.
    second.client(|client, now| client.factory_reset(now));
    second.run(SECOND);
    assert_eq!(path_of(&second.asked(bootstrap)[0].0), "bs");
}

/// The servers know the profile with the server object that the device leaves the factory with.
#[test]
fn another_server_object_is_not_what_the_profile_stands_for() {
    let memory = Memory::default();
    let device = || {
        let config = crate::ClientConfig {
            profile: Some(crate::Profile {
                ids: "oma:base".into(),
                objects: vec![1, 3],
            }),
            ..Default::default()
        };
        let builder = builder().config(config).storage(memory.clone());
        World::new(builder.server(server_account()).bootstrap(account()))
    };
    let last = |world: &mut World| {
        let server = world.server;
        let mut asked = world.asked(server).into_iter();
        let (request, _) = asked
            .rfind(|(request, _)| path_of(request) == "rd")
            .unwrap();
        let said = queries(&request).contains(&"pid=oma:base".to_string());
        let links = String::from_utf8(request.payload.to_vec()).unwrap();
        (said, links.contains("</3/0>"), links.contains("</1/5>"))
    };
    let mut first = device();
    first.run(SECOND);
    assert_eq!(last(&mut first), (true, false, false));
    assert!(first.client(|client, now| client.start_bootstrap(now)));
    first.run(SECOND);
    let bootstrap = first.bootstrap;
    for (request, code) in [
        (request(Code::DELETE, "0"), Code::DELETED),
        (request(Code::DELETE, "1"), Code::DELETED),
        (security_instance(1, SERVER, 42), Code::CHANGED),
        (server_instance(5, 42, 77), Code::CHANGED),
        (finish(), Code::CHANGED),
    ] {
        let answer = first.ask(bootstrap, request.clone());
        assert_eq!(answer.code, code, "{request:?} {}", text(&answer));
    }
    first.run(SECOND);
    assert_eq!(last(&mut first), (false, true, true));
    // Nor is it after another start of the program, until the factory state is back.
    let mut second = device();
    second.run(SECOND);
    assert_eq!(last(&mut second), (false, true, true));
    second.client(|client, now| client.factory_reset(now));
    second.run(SECOND);
    assert_eq!(last(&mut second), (true, false, false));
}
