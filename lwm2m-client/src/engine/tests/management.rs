use super::*;
use crate::object::ResourceValue;
use lwm2m_core::value::Value;
use std::{vec, vec::Vec};

fn accept(request: Request, format: u16) -> Request {
    request.uint_option(option::ACCEPT, u32::from(format))
}

fn attributes(path: &str, queries: &[&str]) -> Request {
    let request = request(Code::PUT, path);
    queries
        .iter()
        .fold(request, |request, query| request.query(query))
}

/// What a server may ask, and the code that answers it.
// proves: COAP-43, DM-03, DM-04, DM-05, DM-07, DM-08, DM-10, DM-23, DM-26, DM-27, DM-29, DM-31, DM-32, DM-33, DM-38
// proves: DM-39, DM-41, DM-49, DM-54, DM-55, DM-56, DM-76, FMT-07, GEN-14, OBJ-05, OBJ-10, OBJ-17, REP-13, REP-18
#[test]
fn requests_and_their_codes() {
    use Code as C;
    let text = ContentFormat::Text.number();
    let opaque = ContentFormat::Opaque.number();
    let table: Vec<(Request, Code)> = vec![
        // read
        (get("3/0/0"), C::CONTENT),
        (get("3/0"), C::CONTENT),
        (get("3"), C::CONTENT),
        (get("3/0/6"), C::CONTENT),
        (get("3/0/6/1"), C::CONTENT),
        (get("3/0/6/2"), C::NOT_FOUND),
        (get("3/0/0/0"), C::METHOD_NOT_ALLOWED),
        (get("3/0/4"), C::METHOD_NOT_ALLOWED),
        (get("3/0/1"), C::NOT_FOUND),
        (get("3/0/999"), C::NOT_FOUND),
        (get("3/1"), C::NOT_FOUND),
        (get("9999"), C::NOT_FOUND),
        (get("0"), C::UNAUTHORIZED),
        (get("0/0/0"), C::UNAUTHORIZED),
        (get("3/0/0/0/0"), C::METHOD_NOT_ALLOWED),
        (get("3/x"), C::NOT_FOUND),
        (accept(get("3/0/0"), 0), C::CONTENT),
        (accept(get("3/0/0"), 42), C::NOT_ACCEPTABLE),
        (accept(get("3/0/0"), 60), C::CONTENT),
        (accept(get("3/0"), 0), C::NOT_ACCEPTABLE),
        (accept(get("3/0"), 110), C::CONTENT),
        (accept(get("3/0"), 112), C::CONTENT),
        (accept(get("3/0"), 11542), C::CONTENT),
        (accept(get("3/0"), 11543), C::NOT_ACCEPTABLE),
        (accept(get("3/0"), 11544), C::CONTENT),
        (accept(get("3/0"), 65000), C::NOT_ACCEPTABLE),
        // discover
        (accept(get("3"), 40), C::CONTENT),
        (accept(get("3/0"), 40), C::CONTENT),
        (accept(get("3/0/6"), 40), C::CONTENT),
        (accept(get("3/0/1"), 40), C::NOT_FOUND),
        (accept(get("0"), 40), C::UNAUTHORIZED),
        // write
        (put_text("1/0/1", "120"), C::CHANGED),
        (put_text("1/0/1", "soon"), C::BAD_REQUEST),
        (put_text("1/0/0", "8"), C::METHOD_NOT_ALLOWED),
        (put_text("1/0/4", ""), C::METHOD_NOT_ALLOWED),
        (put_text("1/7/1", "120"), C::NOT_FOUND),
        (put_text("1/0/99", "120"), C::NOT_FOUND),
        (put_text("0/0/0", "coap://x"), C::UNAUTHORIZED),
        (put_text("1/0/26", "2"), C::BAD_REQUEST),
        (put_text("1/0/26", "1"), C::CHANGED),
        (
            request(C::PUT, "1/0/1").body(opaque, vec![1]),
            C::UNSUPPORTED_CONTENT_FORMAT,
        ),
        (
            request(C::PUT, "1/0/1").body(65000, vec![1]),
            C::UNSUPPORTED_CONTENT_FORMAT,
        ),
        (
            request(C::PUT, "1").body(11542, vec![0xC1, 1, 9]),
            C::METHOD_NOT_ALLOWED,
        ),
        // TLV: /1/0 <- {1: 200}, and with a read-only one beside it
        (
            request(C::POST, "1/0").body(11542, vec![0xC1, 1, 200]),
            C::CHANGED,
        ),
        (
            request(C::POST, "1/0").body(11542, vec![0xC1, 1, 100, 0xC1, 0, 9]),
            C::METHOD_NOT_ALLOWED,
        ),
        (
            request(C::POST, "1/0").body(11542, vec![0xC4]),
            C::BAD_REQUEST,
        ),
        // execute
        (request(C::POST, "3303/0/5605"), C::CHANGED),
        (
            request(C::POST, "3303/0/5605").body(text, "0='a'"),
            C::CHANGED,
        ),
        (
            request(C::POST, "3303/0/5605").body(text, "nonsense"),
            C::BAD_REQUEST,
        ),
        (request(C::POST, "3303/0/5700"), C::METHOD_NOT_ALLOWED),
        (request(C::POST, "3303/1/5605"), C::NOT_FOUND),
        (request(C::POST, "1/0/9"), C::CHANGED),
        // create and delete: the sensor is soldered on
        (
            request(C::POST, "3303").body(11542, vec![0xC1, 1, 1]),
            C::METHOD_NOT_ALLOWED,
        ),
        (request(C::DELETE, "3303/0"), C::METHOD_NOT_ALLOWED),
        (request(C::DELETE, "3/0"), C::METHOD_NOT_ALLOWED),
        (request(C::DELETE, "1/0"), C::METHOD_NOT_ALLOWED),
        (request(C::DELETE, "0/0"), C::UNAUTHORIZED),
        (request(C::DELETE, "3303/9"), C::NOT_FOUND),
        // attributes
        (attributes("3303/0/5700", &["pmin=1", "pmax=9"]), C::CHANGED),
        (attributes("3303/0/5700", &["gt=5.5"]), C::CHANGED),
        (
            attributes("3303/0/5700", &["pmin=9", "pmax=1"]),
            C::BAD_REQUEST,
        ),
        (attributes("3303/0/5700", &["nonsense=9"]), C::BAD_REQUEST),
        (attributes("3303/0/5701", &["gt=5.5"]), C::BAD_REQUEST),
        (attributes("3303/0", &["gt=5.5"]), C::BAD_REQUEST),
        (attributes("3303/0/5700", &["edge=1"]), C::BAD_REQUEST),
        (attributes("3303/0/9999", &["pmin=1"]), C::NOT_FOUND),
        (attributes("0/0", &["pmin=1"]), C::UNAUTHORIZED),
        (attributes("3303", &["pmin=1"]), C::CHANGED),
        // not on this interface
        (request(C::POST, "bs"), C::UNAUTHORIZED),
        (request(C::DELETE, ""), C::METHOD_NOT_ALLOWED),
    ];
    let mut wrong = Vec::new();
    for (request, code) in table {
        // A registration of its own for each: nothing learns from the one before.
        let mut world = World::registered();
        let server = world.server;
        let answer = world.ask(server, request.clone());
        if answer.code != code {
            wrong.push((request, code, answer.code, text_of(&answer)));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn text_of(answer: &Response) -> String {
    String::from_utf8_lossy(&answer.payload).into_owned()
}

// proves: DM-29
#[test]
fn a_write_of_an_instance_is_whole_or_not_at_all() {
    let mut world = World::registered();
    let server = world.server;
    // Lifetime beside the read-only short server id.
    let both = request(Code::POST, "1/0").body(11542, vec![0xC1, 1, 100, 0xC1, 0, 9]);
    assert_eq!(world.ask(server, both).code, Code::METHOD_NOT_ALLOWED);
    assert_eq!(text(&world.ask(server, get("1/0/1"))), "300");
}

// proves: DM-63, DM-64, METH-06, SML-15
#[test]
fn composite_writes_are_atomic() {
    let mut world = World::registered();
    let server = world.server;
    let json = |text: &str| {
        request(Code::IPATCH, "").body(ContentFormat::SenmlJson.number(), text.as_bytes().to_vec())
    };
    let good = r#"[{"n":"/1/0/1","v":90},{"n":"/3/0/15","vs":"Europe/Vienna"}]"#;
    assert_eq!(world.ask(server, json(good)).code, Code::CHANGED);
    assert_eq!(text(&world.ask(server, get("1/0/1"))), "90");
    for (bad, code) in [
        (
            r#"[{"n":"/1/0/1","v":10},{"n":"/3/0/0","vs":"x"}]"#,
            Code::METHOD_NOT_ALLOWED,
        ),
        (
            r#"[{"n":"/1/0/1","v":10},{"n":"/1/4/1","v":10}]"#,
            Code::NOT_FOUND,
        ),
        (
            r#"[{"n":"/1/0/1","v":10},{"n":"/0/0/0","vs":"x"}]"#,
            Code::UNAUTHORIZED,
        ),
    ] {
        assert_eq!(world.ask(server, json(bad)).code, code, "{bad}");
        assert_eq!(text(&world.ask(server, get("1/0/1"))), "90", "{bad}");
    }
}

// proves: DM-60
#[test]
fn composite_reads_leave_out_what_is_not_there() {
    let mut world = World::registered();
    let server = world.server;
    let fetch = |text: &str| {
        let body = text.as_bytes().to_vec();
        request(Code::FETCH, "").body(ContentFormat::SenmlJson.number(), body)
    };
    let some = fetch(r#"[{"n":"/3/0/0"},{"n":"/3303/0/5700"},{"n":"/77/0/1"}]"#);
    let answer = world.ask(server, some);
    assert_eq!(answer.code, Code::CONTENT);
    let body = text(&answer);
    assert!(
        body.contains("Maker") && body.contains("20") && !body.contains("77"),
        "{body}"
    );
    let none = world.ask(server, fetch(r#"[{"n":"/77/0/1"}]"#));
    assert_eq!(none.code, Code::NOT_FOUND);
    let hidden = world.ask(server, fetch(r#"[{"n":"/3/0/0"},{"n":"/0/0/5"}]"#));
    assert_eq!(hidden.code, Code::UNAUTHORIZED);
}

// proves: DM-11, DM-13, DM-14, GEN-36
#[test]
fn discover_shows_the_tree_and_the_attributes() {
    let mut world = World::registered();
    let server = world.server;
    world.ask(server, attributes("3303", &["pmin=10"]));
    world.ask(server, attributes("3303/0/5700", &["pmax=60", "gt=31.5"]));
    let mut discover = |path: &str| text(&world.ask(server, accept(get(path), 40)));
    assert_eq!(
        discover("3303"),
        "</3303>;ver=1.1;pmin=10,</3303/0>,</3303/0/5605>,</3303/0/5700>;pmax=60;gt=31.5,</3303/0/5701>"
    );
    assert_eq!(
        discover("3303/0/5700"),
        "</3303/0/5700>;pmin=10;pmax=60;gt=31.5"
    );
    assert_eq!(discover("3/0/6"), "</3/0/6>;dim=2,</3/0/6/0>,</3/0/6/1>");
}

/// A server makes and removes instances of an object that lets it.
// proves: DM-44, DM-45, DM-46, DM-50, DM-52
#[test]
fn create_and_delete() {
    let object = DataObject::new(&temperature::V1_1).dynamic();
    let mut builder = ClientEngine::builder("urn:dev:1").server(server_account());
    builder = builder.object(object);
    // 3303 is read-only for servers: /3/0 gives no writable mandatory resource, so an empty instance will do.
    let mut world = World::new(builder);
    let server = world.server;
    world.run(SECOND);
    world.asked(server);
    let json = |text: &str| {
        let body = text.as_bytes().to_vec();
        request(Code::POST, "3303").body(ContentFormat::SenmlJson.number(), body)
    };
    let answer = world.ask(server, json(r#"[{"n":"/3303/5/5750","vs":"Kitchen"}]"#));
    assert_eq!(answer.code, Code::CREATED, "{}", text(&answer));
    let location: Vec<_> = answer.options.texts(option::LOCATION_PATH).unwrap();
    assert_eq!(location, ["3303", "5"]);
    assert_eq!(text(&world.ask(server, get("3303/5/5750"))), "Kitchen");
    world.run(SECOND);
    let links = String::from_utf8(world.asked(server)[0].0.payload.to_vec()).unwrap();
    assert!(links.ends_with("</3303/5>"), "the update follows: {links}");
    let again = world.ask(server, json(r#"[{"n":"/3303/5/5750","vs":"Kitchen"}]"#));
    assert_eq!(again.code, Code::BAD_REQUEST, "it is there already");
    // TLV without an instance: the client chooses the identifier.
    let tlv = vec![0xE4, 0x16, 0x76, b'H', b'a', b'l', b'l'];
    let chosen = world.ask(server, request(Code::POST, "3303").body(11542, tlv));
    assert_eq!(chosen.code, Code::CREATED, "{}", text(&chosen));
    let location: Vec<_> = chosen.options.texts(option::LOCATION_PATH).unwrap();
    assert_eq!(location, ["3303", "0"]);
    assert_eq!(text(&world.ask(server, get("3303/0/5750"))), "Hall");
    assert_eq!(
        world.ask(server, request(Code::DELETE, "3303/5")).code,
        Code::DELETED
    );
    assert_eq!(world.ask(server, get("3303/5")).code, Code::NOT_FOUND);
}

// proves: DM-38, OBJ-11
#[test]
fn effects_reach_the_program() {
    let mut world = World::registered();
    let server = world.server;
    world.ask(server, put_text("3/0/14", "+02:00"));
    world.ask(server, request(Code::POST, "3/0/4"));
    let told = world.take_told();
    let path = "/3/0/14".parse().unwrap();
    assert!(
        told.contains(&ClientEvent::ValueWritten {
            server: Some(7),
            path
        }),
        "{told:?}"
    );
    assert!(told.contains(&ClientEvent::RebootRequested { server: 7 }));
    assert!(told.contains(&ClientEvent::Executed {
        server: 7,
        path: "/3/0/4".parse().unwrap(),
        arguments: vec![],
    }));
}

#[test]
fn the_program_sees_and_sets_what_servers_may_not() {
    let mut world = World::registered();
    world.client(|client, now| {
        let value = |client: &ClientEngine, path: &str| client.value(now, path.parse().unwrap());
        assert_eq!(value(client, "/0/0/10"), Ok(ResourceValue::from(7)));
        client.set(now, "/3/0/0".parse().unwrap(), "Other").unwrap();
        assert_eq!(value(client, "/3/0/0"), Ok(ResourceValue::from("Other")));
        client.set(now, "/3/0/6/0".parse().unwrap(), 2).unwrap();
        assert_eq!(value(client, "/3/0/6/0"), Ok(Value::Integer(2).into()));
        assert!(
            client
                .set(now, "/3303/0/5700".parse().unwrap(), "warm")
                .is_err()
        );
        assert!(
            client
                .set(now, "/3303/9/5700".parse().unwrap(), 1.0)
                .is_err()
        );
    });
}
