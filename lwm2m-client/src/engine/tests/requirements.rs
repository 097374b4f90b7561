//! What the specification demands of a client and no other test shows.

use super::*;
use crate::ServerAccount;

use lwm2m_objects::{cose, oscore, portfolio, server};
use std::{format, vec};

fn json(code: Code, path: &str, text: &str) -> Request {
    request(code, path).body(ContentFormat::SenmlJson.number(), text.as_bytes().to_vec())
}

pub(super) fn as_json(path: &str) -> Request {
    get(path).uint_option(option::ACCEPT, ContentFormat::SenmlJson.number().into())
}

fn attributes(path: &str, query: &str) -> Request {
    request(Code::PUT, path).query(query)
}

/// A registered client with these objects beside the usual ones.
fn registered_with(object: DataObject) -> World {
    let mut world = World::new(builder().object(object).server(server_account()));
    world.run(SECOND);
    world.take_told();
    world
}

pub(super) fn expect(world: &mut World, request: Request, code: Code) -> Response {
    let server = world.server;
    let answer = world.ask(server, request.clone());
    assert_eq!(answer.code, code, "{request:?} {:?}", answer.payload);
    answer
}

// proves: DM-57, DM-58, REG-26, REG-27
#[test]
fn objects_of_security_are_hidden() {
    let context = Instance::new()
        .with(0, vec![1])
        .with(1, vec![2])
        .with(2, vec![3]);
    let keys = Instance::new().with(0, "kid").with(1, 10).with(2, "key");
    let builder = builder()
        .object(DataObject::new(&oscore::V2_0).instance(0, context))
        .object(DataObject::new(&cose::V1_0).instance(0, keys))
        .server(server_account());
    let mut world = World::new(builder);
    let server = world.server;
    world.run(SECOND);
    let asked = world.asked(server);
    let links = String::from_utf8(asked[0].0.payload.to_vec()).unwrap();
    for hidden in ["</0", "</21", "</23"] {
        assert!(!links.contains(hidden), "{links}");
    }
    for object in ["21", "23"] {
        let at = |rest: &str| format!("{object}{rest}");
        for request in [
            get(object),
            get(&at("/0/0")),
            get(object).uint_option(option::ACCEPT, 40),
            observe(&at("/0")),
            put_text(&at("/0/0"), "x"),
            attributes(&at("/0"), "pmin=1"),
            request(Code::DELETE, &at("/0")),
            json(
                Code::POST,
                object,
                &format!(r#"[{{"n":"/{object}/1/0","vs":"x"}}]"#),
            ),
        ] {
            expect(&mut world, request, Code::UNAUTHORIZED);
        }
    }
}

// proves: REG-54
#[test]
fn a_server_is_disabled_for_a_day_by_default() {
    let mut world = World::registered();
    expect(&mut world, request(Code::POST, "1/0/4"), Code::CHANGED);
    world.run(SECOND);
    let duration = SECOND * 86_400;
    let disabled = ClientEvent::Disabled {
        server: 7,
        duration,
    };
    assert!(world.take_told().contains(&disabled));
    world.run(duration - SECOND * 3);
    assert_eq!(world.take_told(), []);
    world.run(SECOND * 6);
    let told = world.take_told();
    assert!(
        matches!(told[..], [ClientEvent::Registered { .. }]),
        "{told:?}"
    );
}

/// Of two servers the first cannot be reached.
// proves: REG-59
#[test]
fn a_failure_blocks_those_behind_it_where_it_says_so() {
    for blocks in [true, false] {
        let account = |uri: &str, id, priority: u32| {
            let account = Account::nosec(uri.parse().unwrap());
            ServerAccount::new(id, account)
                .resource(server::REGISTRATION_PRIORITY_ORDER, priority)
                .resource(server::COMMUNICATION_RETRY_COUNT, 1_u32)
                .resource(server::REGISTRATION_FAILURE_BLOCK, blocks)
        };
        let builder = builder()
            .server(account(BOOTSTRAP, 1, 1))
            .server(account(SERVER, 2, 2));
        let mut world = World::new(builder);
        world.net.isolate(world.bootstrap);
        world.run(SECOND * 600);
        let second = world.asked(world.server);
        assert_eq!(second.is_empty(), blocks, "{second:?}");
    }
}

// proves: REG-63
#[test]
fn attempts_by_default() {
    let mut world = World::new(builder().server(server_account()));
    world.net.isolate(world.server);
    world.run(SECOND * 2_000);
    let waits: Vec<_> = world
        .take_told()
        .into_iter()
        .filter_map(|event| match event {
            ClientEvent::RegistrationFailed { retry_in, .. } => Some(retry_in.unwrap().as_secs()),
            _ => None,
        })
        .collect();
    assert_eq!(waits, [60, 120, 240, 480, 86_400]);
}

/// A client that its bootstrap server is about to provision.
fn bootstrapping() -> World {
    let account = Account::nosec(BOOTSTRAP.parse().unwrap());
    let config = crate::ClientConfig {
        unix_at_zero: Some(1_000_000_000),
        ..Default::default()
    };
    let mut world = World::new(builder().config(config).bootstrap(account));
    world.run(SECOND);
    world
}

pub(super) fn provision(
    world: &mut World,
    requests: impl IntoIterator<Item = Request>,
    code: Code,
) {
    let bootstrap = world.bootstrap;
    for request in requests {
        let answer = world.ask(bootstrap, request.clone());
        assert_eq!(answer.code, code, "{request:?} {:?}", answer.payload);
    }
}

/// The account of server 42 at the usual place, with more of the security object in it.
pub(super) fn account(more: &str) -> [Request; 2] {
    let security = format!(
        r#"[{{"bn":"/0/1/","n":"0","vs":"{SERVER}"}},{{"n":"1","vb":false}},{{"n":"2","v":3}},{{"n":"10","v":42}}{more}]"#
    );
    let server = r#"[{"bn":"/1/0/","n":"0","v":42},{"n":"1","v":300},{"n":"6","vb":true},{"n":"7","vs":"U"}]"#;
    [
        json(Code::PUT, "0/1", &security),
        json(Code::PUT, "1/0", server),
    ]
}

pub(super) fn finish() -> Request {
    request(Code::POST, "bs")
}

pub(super) fn shown(world: &mut World) -> String {
    let bootstrap = world.bootstrap;
    let discover = get("").uint_option(option::ACCEPT, 40);
    text(&world.ask(bootstrap, discover))
}

// proves: BS-09, BS-12
#[test]
fn a_bootstrap_write_of_an_object() {
    let mut world = bootstrapping();
    let body = r#"[{"bn":"/1/","n":"0/0","v":42},{"n":"0/1","v":300},{"n":"0/6","vb":true},{"n":"0/7","vs":"U"},
        {"n":"5/0","v":43},{"n":"5/1","v":60},{"n":"5/6","vb":false},{"n":"5/7","vs":"U"}]"#;
    provision(&mut world, [json(Code::PUT, "1", body)], Code::CHANGED);
    let links = shown(&mut world);
    for instance in ["</1/0>;ssid=42", "</1/5>;ssid=43"] {
        assert!(links.contains(instance), "{links}");
    }
    // Nothing is there that was not in the payload.
    let bootstrap = world.bootstrap;
    let read = world.ask(bootstrap, as_json("1/5"));
    assert_eq!(
        text(&read),
        r#"[{"bn":"/1/5/","n":"0","v":43},{"n":"1","v":60},{"n":"6","vb":false},{"n":"7","vs":"U"}]"#
    );
}

// proves: BS-11
#[test]
fn a_bootstrap_write_may_have_unknown_resources() {
    let mut world = bootstrapping();
    let [security, server] = account(r#",{"n":"29999","vs":"later"}"#);
    provision(&mut world, [security, server, finish()], Code::CHANGED);
    world.run(SECOND);
    assert_eq!(world.client(|client, _| client.registered()), [42]);
}

// proves: BS-16
#[test]
fn a_bootstrap_delete_of_everything_spares_account_and_device() {
    let mut world = bootstrapping();
    provision(&mut world, account(""), Code::CHANGED);
    assert!(shown(&mut world).contains("</1/0>"));
    provision(&mut world, [request(Code::DELETE, "")], Code::DELETED);
    let links = shown(&mut world);
    assert!(
        links.contains("</0/0>") && links.contains("</3/0>"),
        "{links}"
    );
    assert!(
        !links.contains("</0/1>") && !links.contains("</1/0>"),
        "{links}"
    );
}

// proves: BS-47
#[test]
fn a_server_that_a_bootstrap_removes_is_left() {
    let bootstrap = Account::nosec(BOOTSTRAP.parse().unwrap());
    let factory = server_account().lifetime(100);
    let mut world = World::new(builder().bootstrap(bootstrap).server(factory));
    let server = world.server;
    world.run(SECOND);
    assert_eq!(world.client(|client, _| client.registered()), [7]);
    expect(&mut world, request(Code::POST, "1/0/9"), Code::CHANGED);
    world.run(SECOND);
    let everything = request(Code::DELETE, "");
    provision(&mut world, [everything], Code::DELETED);
    provision(&mut world, account(""), Code::CHANGED);
    provision(&mut world, [finish()], Code::CHANGED);
    world.run(SECOND);
    assert_eq!(world.client(|client, _| client.registered()), [42]);
    // Nothing keeps the first registration alive any more.
    world.asked(server);
    world.run(SECOND * 1_000);
    let asked = world.asked(server);
    assert!(!asked.is_empty());
    assert!(asked.iter().all(|(request, _)| path_of(request) == "rd/2"));
}

// proves: BS-48
#[test]
fn resources_that_a_mode_does_not_use_are_ignored() {
    let mut world = bootstrapping();
    let unused = r#",{"n":"3","vd":"bm9ib2R5"},{"n":"4","vd":"AQID"},{"n":"5","vd":"c2VjcmV0"}"#;
    let [security, server] = account(unused);
    provision(&mut world, [security, server, finish()], Code::CHANGED);
    world.run(SECOND);
    assert_eq!(world.client(|client, _| client.registered()), [42]);
}

// proves: BS-55
#[test]
fn the_time_of_the_last_bootstrap() {
    let mut world = bootstrapping();
    let [security, server] = account("");
    provision(&mut world, [security, server, finish()], Code::CHANGED);
    world.run(SECOND * 5);
    let time = text(&expect(&mut world, get("1/0/12"), Code::CONTENT));
    let time: i64 = time.parse().unwrap();
    assert!((1_000_000_000..1_000_000_005).contains(&time), "{time}");
}

/// The portfolio with three names.
fn portfolio() -> World {
    let names = Instance::new().with_multiple(portfolio::IDENTITY, [(0, "a"), (1, "b"), (2, "c")]);
    registered_with(
        DataObject::new(&portfolio::V1_0)
            .dynamic()
            .instance(0, names),
    )
}

fn names(world: &mut World) -> String {
    text(&expect(world, as_json("16/0/0"), Code::CONTENT))
}

// proves: DM-21, DM-22, DM-53, DM-65, FMT-32
#[test]
fn resource_instances_are_replaced_or_added() {
    let mut world = portfolio();
    let update = r#"[{"bn":"/16/0/0/","n":"1","vs":"B"},{"n":"7","vs":"h"}]"#;
    expect(&mut world, json(Code::POST, "16/0", update), Code::CHANGED);
    assert_eq!(
        names(&mut world),
        r#"[{"bn":"/16/0/","n":"0/0","vs":"a"},{"n":"0/1","vs":"B"},{"n":"0/2","vs":"c"},{"n":"0/7","vs":"h"}]"#
    );
    expect(&mut world, request(Code::DELETE, "16/0/0/7"), Code::DELETED);
    expect(
        &mut world,
        request(Code::DELETE, "16/0/0/7"),
        Code::NOT_FOUND,
    );
    let remove = br#"[{"bn":"/16/0/0/","n":"2","v":null},{"n":"1","vs":"bb"}]"#;
    let patch = request(Code::IPATCH, "").body(ContentFormat::SenmlEtchJson.number(), &remove[..]);
    expect(&mut world, patch, Code::CHANGED);
    assert_eq!(
        names(&mut world),
        r#"[{"bn":"/16/0/","n":"0/0","vs":"a"},{"n":"0/1","vs":"bb"}]"#
    );
    let replace = r#"[{"n":"/16/0/0/5","vs":"only"}]"#;
    expect(
        &mut world,
        json(Code::PUT, "16/0/0", replace),
        Code::CHANGED,
    );
    assert_eq!(names(&mut world), r#"[{"bn":"/16/0/0/5","vs":"only"}]"#);
}

// proves: DM-47, DM-48
#[test]
fn a_create_is_whole_or_not_at_all() {
    let mut world = portfolio();
    // The name is mandatory; the status is for nobody to write.
    let nameless = r#"[{"n":"/16/4/3","v":1}]"#;
    expect(
        &mut world,
        json(Code::POST, "16", nameless),
        Code::BAD_REQUEST,
    );
    let wrong = r#"[{"n":"/16/4/0/0","v":5}]"#;
    expect(&mut world, json(Code::POST, "16", wrong), Code::BAD_REQUEST);
    expect(&mut world, get("16/4"), Code::NOT_FOUND);
    let named = r#"[{"n":"/16/4/0/0","vs":"d"},{"n":"/16/4/3","v":1}]"#;
    expect(&mut world, json(Code::POST, "16", named), Code::CREATED);
    expect(&mut world, get("16/4/3"), Code::NOT_FOUND);
    assert_eq!(
        text(&expect(&mut world, get("16/4/0/0"), Code::CONTENT)),
        "d"
    );
}

// proves: DM-30
#[test]
fn unknown_resources_in_a_write_are_no_error() {
    let mut world = World::registered();
    let body = r#"[{"bn":"/1/0/","n":"1","v":90},{"n":"29999","v":1}]"#;
    expect(&mut world, json(Code::POST, "1/0", body), Code::CHANGED);
    assert_eq!(text(&expect(&mut world, get("1/0/1"), Code::CONTENT)), "90");
    expect(&mut world, get("1/0/29999"), Code::NOT_FOUND);
}

// proves: DM-28
#[test]
fn links_that_point_at_nothing_are_refused() {
    let mut world = World::registered();
    for (link, code) in [
        ("3:0", Code::CHANGED),
        ("3:65535", Code::CHANGED),
        ("65535:65535", Code::CHANGED),
        ("3:7", Code::BAD_REQUEST),
        ("11:0", Code::BAD_REQUEST),
        ("65535:0", Code::BAD_REQUEST),
    ] {
        let apn = put_text(&format!("1/0/{}", server::APN_LINK), link);
        expect(&mut world, apn, code);
    }
}

// proves: REP-27
#[test]
fn a_resource_instance_is_observed() {
    let mut world = World::registered();
    let server = world.server;
    let first = expect(&mut world, observe("3/0/6/1"), Code::CONTENT);
    assert_eq!(text(&first), "5");
    world.client(|client, now| {
        // Another instance of the same resource is no matter of this observation.
        client.set(now, "/3/0/6/0".parse().unwrap(), 3).unwrap();
        client.set(now, "/3/0/6/1".parse().unwrap(), 7).unwrap();
    });
    world.run(SECOND);
    let notified: Vec<_> = world.notifications(server).iter().map(text).collect();
    assert_eq!(notified, ["7"]);
}

// proves: REP-28
#[test]
fn what_cannot_be_observed() {
    let mut world = World::registered();
    for (path, code) in [
        ("3/0/4", Code::METHOD_NOT_ALLOWED),
        ("3/0/0/0", Code::METHOD_NOT_ALLOWED),
        ("3/0/1", Code::NOT_FOUND),
        ("3/9", Code::NOT_FOUND),
        ("9999", Code::NOT_FOUND),
        ("0/0", Code::UNAUTHORIZED),
    ] {
        expect(&mut world, observe(path), code);
    }
    let unacceptable = observe("3/0").uint_option(option::ACCEPT, 0);
    expect(&mut world, unacceptable, Code::NOT_ACCEPTABLE);
    assert!(world.net.host(world.server).observation.is_none());
}

// proves: REP-39
#[test]
fn attributes_below_what_is_observed_do_not_count() {
    let mut world = World::registered();
    let server = world.server;
    for query in ["pmin=100", "gt=1000"] {
        expect(&mut world, attributes("3303/0/5700", query), Code::CHANGED);
    }
    expect(&mut world, observe("3303/0"), Code::CONTENT);
    world.client(|client, now| {
        let path = "/3303/0/5700".parse().unwrap();
        client.set(now, path, 21.0).unwrap();
    });
    world.run(SECOND);
    assert_eq!(world.notifications(server).len(), 1);
}

// proves: REP-26
#[test]
fn an_object_is_observed_as_a_whole() {
    let mut world = World::registered();
    let server = world.server;
    let observe =
        observe("3303").uint_option(option::ACCEPT, ContentFormat::SenmlJson.number().into());
    expect(&mut world, observe, Code::CONTENT);
    world.client(|client, now| {
        let path = "/3303/0/5700".parse().unwrap();
        client.set(now, path, 21.5).unwrap();
    });
    world.run(SECOND);
    let notified: Vec<_> = world.notifications(server).iter().map(text).collect();
    assert_eq!(
        notified,
        [r#"[{"bn":"/3303/0/","n":"5700","v":21.5},{"n":"5701","vs":"Cel"}]"#]
    );
}

// proves: REP-37
#[test]
fn an_update_keeps_observations() {
    let mut world = World::registered();
    let server = world.server;
    expect(&mut world, observe("3303/0/5700"), Code::CONTENT);
    world.client(|client, now| client.update(now));
    world.run(SECOND);
    assert!(
        world
            .take_told()
            .contains(&ClientEvent::Updated { server: 7 })
    );
    world.client(|client, now| {
        let path = "/3303/0/5700".parse().unwrap();
        client.set(now, path, 21.5).unwrap();
    });
    world.run(SECOND);
    let notified: Vec<_> = world.notifications(server).iter().map(text).collect();
    assert_eq!(notified, ["21.5"]);
}

// proves: COAP-39
#[test]
fn codes_nobody_knows_count_by_their_class() {
    // 4.30 is as final as 4.00: the bootstrap server is asked.
    let bootstrap = Account::nosec(BOOTSTRAP.parse().unwrap());
    let builder = || {
        builder()
            .bootstrap(bootstrap.clone())
            .server(server_account())
    };
    let answered = |code: Code| {
        let mut world = World::new(builder());
        let server = world.server;
        (world.net.host_mut(server)).next_answer("rd", Some(Response::new(code)));
        world.run(SECOND);
        let asked = world.asked(world.bootstrap);
        (world.take_told(), asked.len())
    };
    let failed = |code, retry_in| ClientEvent::RegistrationFailed {
        server: 7,
        reason: crate::event::SessionError::Refused(code),
        retry_in,
    };
    let unknown = Code::new(4, 30);
    let (told, asked) = answered(unknown);
    assert!(told.contains(&failed(unknown, None)), "{told:?}");
    assert_eq!(asked, 1);
    // 5.30 may be over in a minute, like 5.00.
    for code in [Code::INTERNAL_SERVER_ERROR, Code::new(5, 30)] {
        let (told, asked) = answered(code);
        assert!(told.contains(&failed(code, Some(SECOND * 60))), "{told:?}");
        assert_eq!(asked, 0);
    }
}
