use super::*;
use crate::event::SessionError;
use lwm2m_core::{endpoint::Failure, path::Path, version::LwM2mVersion};
use lwm2m_objects::server;
use std::vec;

// proves: GEN-01, GEN-36, REG-02, REG-06, REG-10, REG-29, REG-30
#[test]
fn registers_with_everything_a_server_must_know() {
    let mut world = World::registered();
    let server = world.server;
    let asked = world.asked(server);
    assert_eq!(asked.len(), 1);
    let (request, _) = &asked[0];
    assert_eq!(path_of(request), "rd");
    let queries = queries(request);
    for query in ["ep=urn:dev:1", "lt=300", "lwm2m=1.2", "b=U"] {
        assert!(queries.contains(&query.to_string()), "{queries:?}");
    }
    let links = String::from_utf8(request.payload.to_vec()).unwrap();
    assert_eq!(
        links,
        "</>;rt=\"oma.lwm2m\";ct=\"60 110 112 11542 11544\",</1/0>,</3/0>,</3303>;ver=1.1,</3303/0>"
    );
}

// proves: REG-17, REG-40
#[test]
fn updates_before_the_lifetime_ends() {
    let mut world = World::registered();
    let server = world.server;
    world.asked(server);
    world.run(SECOND * 206);
    assert_eq!(world.asked(server), [], "not yet");
    world.run(SECOND * 3);
    let asked = world.asked(server);
    assert_eq!(asked.len(), 1);
    assert_eq!(path_of(&asked[0].0), "rd/1");
    assert_eq!(queries(&asked[0].0), Vec::<String>::new());
    assert_eq!(world.take_told(), [ClientEvent::Updated { server: 7 }]);
}

// proves: REG-11, REG-38, REG-44
#[test]
fn a_written_lifetime_is_told_and_holds() {
    let mut world = World::registered();
    let server = world.server;
    world.asked(server);
    let answer = world.ask(server, put_text("1/0/1", "60"));
    assert_eq!(answer.code, Code::CHANGED);
    world.run(SECOND);
    let asked = world.asked(server);
    assert_eq!(asked.len(), 1);
    assert_eq!(queries(&asked[0].0), ["lt=60"]);
    world.run(SECOND * 30);
    assert_eq!(world.asked(server).len(), 1, "half of the new lifetime");
}

// proves: GEN-27, QUE-03, QUE-04, REG-44, REG-76
#[test]
fn a_written_binding_does_not_end_queue_mode() {
    for (version, told) in [
        (LwM2mVersion::V1_0, &["b=UQS"][..]),
        (LwM2mVersion::V1_2, &["b=US", "Q"]),
    ] {
        let mut config = crate::ClientConfig::default();
        (config.version, config.queue_mode) = (version, true);
        let mut world = World::new(builder().config(config).server(server_account()));
        let server = world.server;
        world.run(SECOND);
        world.asked(server);
        let answer = world.ask(server, put_text("1/0/7", "US"));
        assert_eq!(answer.code, Code::CHANGED);
        world.run(SECOND);
        let asked = world.asked(server);
        assert_eq!(asked.len(), 1);
        assert_eq!(queries(&asked[0].0), told);
    }
}

// proves: REG-42, REG-44
#[test]
fn new_instances_are_told() {
    let mut world = World::registered();
    let server = world.server;
    world.asked(server);
    let sensor = Instance::new().with(temperature::SENSOR_VALUE, 1.0);
    world.client(|client, now| {
        let path = "/3303/4".parse().unwrap();
        client.create(now, path, sensor).unwrap();
    });
    world.run(SECOND);
    let asked = world.asked(server);
    assert_eq!(asked.len(), 1);
    let links = String::from_utf8(asked[0].0.payload.to_vec()).unwrap();
    assert!(links.ends_with("</3303/0>,</3303/4>"), "{links}");
}

// proves: DM-67, REG-14, REG-15
#[test]
fn an_older_server_is_met_where_it_is() {
    let mut world = World::new(builder().server(server_account()));
    let server = world.server;
    for _ in 0..2 {
        let refusal = Response::new(Code::PRECONDITION_FAILED);
        (world.net.host_mut(server)).next_answer("rd", Some(refusal));
    }
    world.run(SECOND);
    let versions: Vec<_> = world
        .asked(server)
        .iter()
        .map(|(request, _)| {
            let queries = queries(request);
            queries
                .into_iter()
                .find(|q| q.starts_with("lwm2m="))
                .unwrap()
        })
        .collect();
    assert_eq!(versions, ["lwm2m=1.2", "lwm2m=1.1", "lwm2m=1.0"]);
    assert!(world.take_told().contains(&ClientEvent::Registered {
        server: 7,
        version: LwM2mVersion::V1_0,
        location: "/rd/1".into(),
    }));
    // Composite operations are not of that version.
    let fetch = request(Code::FETCH, "").body(112, vec![0x80]);
    assert_eq!(world.ask(server, fetch).code, Code::METHOD_NOT_ALLOWED);
}

// proves: REG-37
#[test]
fn an_expired_registration_is_made_anew() {
    let mut world = World::registered();
    let server = world.server;
    let gone = Response::new(Code::NOT_FOUND);
    (world.net.host_mut(server)).next_answer("rd", Some(gone));
    world.client(|client, now| client.update(now));
    world.run(SECOND);
    let told = world.take_told();
    assert_eq!(
        told[..2],
        [
            ClientEvent::RegistrationLost {
                server: 7,
                reason: SessionError::Refused(Code::NOT_FOUND)
            },
            ClientEvent::Registered {
                server: 7,
                version: LwM2mVersion::V1_2,
                location: "/rd/2".into()
            }
        ]
    );
}

#[test]
fn a_server_that_was_away_is_found_again() {
    let mut world = World::new(builder().server(server_account()));
    let server = world.server;
    world.net.isolate(server);
    world.run(SECOND * 100);
    let told = world.take_told();
    assert!(
        matches!(
            &told[0],
            ClientEvent::RegistrationFailed {
                server: 7,
                reason: SessionError::Request(Failure::Timeout),
                retry_in: Some(wait)
            } if *wait == SECOND * 60
        ),
        "{told:?}"
    );
    world.net.rejoin(server);
    world.run(SECOND * 60);
    let told = world.take_told();
    assert!(
        matches!(told[0], ClientEvent::Registered { .. }),
        "{told:?}"
    );
}

// proves: REG-78
#[test]
fn an_update_that_nobody_answers_ends_in_a_registration() {
    let mut world = World::registered();
    let server = world.server;
    world.net.isolate(server);
    world.client(|client, now| client.update(now));
    world.run(SECOND * 94);
    assert!(matches!(
        world.take_told()[0],
        ClientEvent::RegistrationLost {
            server: 7,
            reason: SessionError::Request(Failure::Timeout)
        }
    ));
    world.net.rejoin(server);
    world.run(SECOND * 70);
    assert!(matches!(
        world.take_told()[..],
        [.., ClientEvent::Registered { .. }]
    ));
}

// proves: REG-17, REG-45
#[test]
fn deregisters_and_stops() {
    let mut world = World::registered();
    let server = world.server;
    world.asked(server);
    world.client(|client, now| client.deregister(now));
    world.run(SECOND);
    let asked = world.asked(server);
    assert_eq!(asked.len(), 1);
    assert_eq!(
        (asked[0].0.code, &*path_of(&asked[0].0)),
        (Code::DELETE, "rd/1")
    );
    assert_eq!(
        world.take_told(),
        [
            ClientEvent::Deregistered { server: 7 },
            ClientEvent::Stopped
        ]
    );
    world.run(SECOND * 100_000);
    assert_eq!(world.asked(server), [], "silence");
}

/// The answer to an update that is under way is not the answer to the de-registration behind it.
#[test]
fn an_update_under_way_does_not_cut_the_deregistration_short() {
    let mut world = World::registered();
    let server = world.server;
    let changed = Response::new(Code::CHANGED);
    (world.net.host_mut(server)).next_answer("rd", Some(changed));
    (world.net.host_mut(server)).next_answer("rd", None);
    world.client(|client, now| client.update(now));
    world.client(|client, now| client.deregister(now));
    world.run(SECOND * 10);
    let asked = world.asked(server);
    let last = asked.last().map(|(request, _)| request.code);
    assert_eq!(last, Some(Code::DELETE));
    assert_eq!(world.take_told(), [], "nobody has answered that");
    let (peer, exchange, _) = (world.net.host_mut(server).open.pop_front()).unwrap();
    assert_eq!(Some(peer), world.net.host(server).peer);
    world
        .net
        .act(server, |server, now| {
            (server.endpoint).respond(now, exchange, Response::new(Code::DELETED))
        })
        .unwrap();
    world.run(SECOND);
    let told = world.take_told();
    assert_eq!(
        told,
        [
            ClientEvent::Deregistered { server: 7 },
            ClientEvent::Stopped
        ]
    );
}

#[test]
fn a_stop_before_the_answer_leaves_no_registration() {
    let mut world = World::new(builder().server(server_account()));
    let server = world.server;
    // The request is on its way, 20 ms long.
    world.run(Duration::from_millis(10));
    world.client(|client, now| client.deregister(now));
    world.run(SECOND);
    let asked = world.asked(server);
    let codes: Vec<Code> = asked.iter().map(|(request, _)| request.code).collect();
    assert_eq!(codes, [Code::POST, Code::DELETE]);
    assert!(world.take_told().contains(&ClientEvent::Stopped));
}

#[test]
fn stopping_does_not_wait_for_ever() {
    let mut world = World::registered();
    let server = world.server;
    world.net.isolate(server);
    world.client(|client, now| client.deregister(now));
    world.run(SECOND * 94);
    assert!(world.take_told().contains(&ClientEvent::Stopped));
}

// proves: REG-53
#[test]
fn a_server_disables_itself_for_a_while() {
    let mut world = World::registered();
    let server = world.server;
    world.ask(server, put_text("1/0/5", "30"));
    world.run(SECOND);
    world.asked(server);
    world.take_told();
    let answer = world.ask(server, request(Code::POST, "1/0/4"));
    assert_eq!(answer.code, Code::CHANGED);
    world.run(SECOND);
    let told = world.take_told();
    assert!(
        told.contains(&ClientEvent::Deregistered { server: 7 }),
        "{told:?}"
    );
    let duration = SECOND * 30;
    assert!(told.contains(&ClientEvent::Disabled {
        server: 7,
        duration
    }));
    world.run(SECOND * 28);
    assert_eq!(world.asked(server).len(), 1, "only the de-registration");
    world.run(SECOND * 3);
    assert!(matches!(
        world.take_told()[..],
        [.., ClientEvent::Registered { .. }]
    ));
}

// proves: REG-52
#[test]
fn the_update_trigger_triggers_an_update() {
    let mut world = World::registered();
    let server = world.server;
    world.asked(server);
    let answer = world.ask(server, request(Code::POST, "1/0/8"));
    assert_eq!(answer.code, Code::CHANGED);
    world.run(SECOND);
    assert_eq!(path_of(&world.asked(server)[0].0), "rd/1");
}

// proves: OBJ-11
#[test]
fn a_restart_forgets_the_connection_and_keeps_the_values() {
    let mut world = World::registered();
    let server = world.server;
    world.client(|client, now| {
        let path = "/3303/0/5700".parse().unwrap();
        client.set(now, path, 33.0).unwrap();
        client.reboot(now, SECOND * 2);
    });
    world.run(SECOND);
    assert_eq!(world.take_told(), [], "it still answers");
    assert_eq!(text(&world.ask(server, get("3/0/0"))), "Maker");
    world.run(SECOND * 2);
    let told = world.take_told();
    assert_eq!(told[0], ClientEvent::Restarted);
    assert!(
        matches!(told[1], ClientEvent::Registered { .. }),
        "{told:?}"
    );
    assert_eq!(text(&world.ask(server, get("3303/0/5700"))), "33.0");
}

// proves: GEN-25
/// Requests that come before the answer to the registration are ignored, not so much as acknowledged; what the server
/// repeats behind it is answered.
#[test]
fn a_request_before_the_answer_is_ignored() {
    let mut world = World::new(builder().server(server_account()));
    let server = world.server;
    (world.net.host_mut(server)).next_answer("rd", None);
    // The server has acknowledged the request by then.
    world.run(SECOND);
    assert_eq!(world.net.host(server).open.len(), 1);
    world.send(server, get("3/0/0"));
    let before = world.net.stats().sent;
    world.run(SECOND);
    assert_eq!(world.net.stats().sent, before, "nobody says anything");
    world.net.act(server, |server, now| {
        let (_, exchange, _) = server.open.pop_front().unwrap();
        let created = Register::created(&["rd", "9"]);
        server.endpoint.respond(now, exchange, created).unwrap();
    });
    world.run(SECOND * 10);
    let event = world.net.host_mut(server).events.pop_front();
    let Some(Event::Response { response, .. }) = event else {
        panic!("{event:?}");
    };
    assert_eq!(text(&response), "Maker");
}

fn with_profile(objects: &[u16]) -> crate::ClientConfig {
    crate::ClientConfig {
        profile: Some(crate::Profile {
            ids: "\"oma:base,6:1234abcd\"".into(),
            objects: objects.to_vec(),
        }),
        ..Default::default()
    }
}

fn pid(request: &Request) -> bool {
    let queries = queries(request);
    queries.iter().any(|query| query.starts_with("pid="))
}

/// The registration that a server was asked for: whether it says a profile, and what it lists.
fn registration(world: &mut World) -> (bool, String) {
    let server = world.server;
    let mut asked = world.asked(server).into_iter();
    let (request, _) = asked
        .rfind(|(request, _)| path_of(request) == "rd")
        .unwrap();
    let links = String::from_utf8(request.payload.to_vec()).unwrap();
    (pid(&request), links)
}

/// Without security another address is another registration.
fn registered_anew(world: &mut World) -> (bool, String) {
    world.client(|client, now| client.address_changed(now));
    world.run(SECOND);
    registration(world)
}

#[test]
fn a_profile_is_said_only_while_its_objects_are_those_it_stands_for() {
    let config = with_profile(&[1, 3, 3303]);
    let mut world = World::new(builder().config(config).server(server_account()));
    world.run(SECOND);
    assert_eq!(registration(&mut world), (true, String::new()));
    let another = Path::object_instance(3303, 1);
    let created = world.client(|client, now| client.create(now, another, Instance::new()));
    assert_eq!(created, Ok(()));
    world.run(SECOND);
    let (said, links) = registered_anew(&mut world);
    assert!(!said);
    assert!(
        links.ends_with("</1/0>,</3/0>,</3303>;ver=1.1,</3303/0>,</3303/1>"),
        "{links}"
    );
    let deleted = world.client(|client, now| client.delete(now, another));
    assert_eq!(deleted, Ok(()));
    world.run(SECOND);
    assert_eq!(registered_anew(&mut world), (true, String::new()));
}

/// The refusal is of the profile that was said, though it would not be said any more.
#[test]
fn a_profile_may_be_refused_when_its_objects_have_changed() {
    let config = with_profile(&[1, 3, 3303]);
    let mut world = World::new(builder().config(config).server(server_account()));
    let server = world.server;
    (world.net.host_mut(server)).next_answer("rd", None);
    world.run(SECOND);
    let another = Path::object_instance(3303, 1);
    let created = world.client(|client, now| client.create(now, another, Instance::new()));
    assert_eq!(created, Ok(()));
    world.net.act(server, |server, now| {
        let (_, exchange, _) = server.open.pop_front().unwrap();
        let refusal = Response::new(Code::CONFLICT);
        server.endpoint.respond(now, exchange, refusal).unwrap();
    });
    world.run(SECOND);
    let (said, links) = registration(&mut world);
    assert!(!said && links.contains("</3303/1>"), "{links}");
    assert_eq!(world.client(|client, _| client.registered()), [7]);
}

// proves: REG-67
#[test]
fn a_refused_profile_is_followed_by_the_list() {
    let config = with_profile(&[1, 3, 3303]);
    let mut world = World::new(builder().config(config).server(server_account()));
    let server = world.server;
    let refusal = Response::new(Code::CONFLICT);
    (world.net.host_mut(server)).next_answer("rd", Some(refusal));
    world.run(SECOND);
    let asked = world.asked(server);
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert!(pid(&asked[0].0) && asked[0].0.payload.is_empty());
    assert!(!pid(&asked[1].0));
    let links = String::from_utf8(asked[1].0.payload.to_vec()).unwrap();
    assert!(
        links.contains("</1/0>,</3/0>,</3303>;ver=1.1,</3303/0>"),
        "{links}"
    );
    assert_eq!(world.client(|client, _| client.registered()), [7]);
    // It is not said again to this server.
    world.client(|client, now| client.address_changed(now));
    world.run(SECOND);
    assert!(!pid(&world.asked(server)[0].0));
}

// proves: REG-69
#[test]
fn a_profile_stands_for_some_objects_and_never_for_those_of_security() {
    let config = with_profile(&[3, 3303]);
    let mut world = World::new(builder().config(config).server(server_account()));
    let server = world.server;
    world.run(SECOND);
    let (request, _) = world.asked(server).remove(0);
    let said = "pid=\"oma:base,6:1234abcd\"".to_string();
    assert!(queries(&request).contains(&said));
    let links = String::from_utf8(request.payload.to_vec()).unwrap();
    assert!(
        links.contains("</1/0>") && !links.contains("</3"),
        "{links}"
    );
    for (ids, objects) in [
        ("base", &[3][..]),
        ("oma:base", &[3, 0]),
        ("oma:base", &[21]),
    ] {
        let mut config = with_profile(objects);
        config.profile.as_mut().unwrap().ids = ids.into();
        let random = Box::new(ChaCha8Rng::seed_from_u64(1));
        let built =
            (builder().config(config).server(server_account())).build(Instant::ZERO, random);
        assert_eq!(
            built.err(),
            Some(crate::builder::BuildError::Profile),
            "{ids}"
        );
    }
}

// proves: REG-48
#[test]
fn another_address_is_another_registration_where_there_is_no_security() {
    let mut world = World::registered();
    let server = world.server;
    world.ask(server, observe("3303/0/5700"));
    // An update is under way when the network changes.
    world.asked(server);
    (world.net.host_mut(server)).next_answer("rd", None);
    world.client(|client, now| client.update(now));
    world.net.host_mut(server).notifications();
    world.client(|client, now| client.address_changed(now));
    // Nobody observes this value any more.
    world.client(|client, now| {
        client
            .set(now, "/3303/0/5700".parse().unwrap(), 30.5)
            .unwrap()
    });
    world.run(SECOND * 10);
    assert!(world.net.host_mut(server).notifications().is_empty());
    let asked = world.asked(server);
    let anew = asked.iter().filter(|(request, _)| path_of(request) == "rd");
    assert_eq!(anew.count(), 1, "{asked:?}");
    let told = world.take_told();
    let registered = |event: &&ClientEvent| matches!(event, ClientEvent::Registered { .. });
    assert_eq!(told.iter().filter(registered).count(), 1, "{told:?}");
    // It is the new one that is updated, and that the server speaks with.
    world.client(|client, now| client.update(now));
    world.run(SECOND);
    assert_eq!(path_of(&world.asked(server)[0].0), "rd/2");
    assert_eq!(text(&world.ask(server, get("3/0/0"))), "Maker");
    assert!(world.client(|client, _| client.observers.is_empty()));
}

// proves: REG-57, REG-58
#[test]
fn servers_register_in_the_order_of_their_priority() {
    let account = |uri: &str, id, priority: u32| {
        let account = Account::nosec(uri.parse().unwrap());
        ServerAccount::new(id, account)
            .resource(server::REGISTRATION_PRIORITY_ORDER, priority)
            .resource(server::INITIAL_REGISTRATION_DELAY_TIMER, 10_u32)
    };
    // The one with the lower number first, the other ten seconds behind it.
    let builder = builder()
        .server(account(SERVER, 1, 5))
        .server(account(BOOTSTRAP, 2, 3));
    let mut world = World::new(builder);
    let (first, second) = (world.bootstrap, world.server);
    world.run(SECOND * 9);
    assert_eq!(
        (world.asked(first).len(), world.asked(second).len()),
        (0, 0)
    );
    world.run(SECOND * 2);
    assert_eq!(
        (world.asked(first).len(), world.asked(second).len()),
        (1, 0)
    );
    world.run(SECOND * 10);
    assert_eq!(
        (world.asked(first).len(), world.asked(second).len()),
        (0, 1)
    );
}

#[test]
fn registration_and_updates_survive_loss() {
    for seed in 0..20 {
        let link = Link::new()
            .delay(Duration::from_millis(50))
            .loss(0.2)
            .duplicate(0.1);
        let mut world = World::with_link(builder().server(server_account()), link, seed);
        world.run(SECOND * 3_000);
        let told = world.take_told();
        // Five copies of an exchange may all be lost: then the registration is made anew at once.
        let (mut registered, mut updates) = (false, 0);
        for event in &told {
            match event {
                ClientEvent::Registered { .. } => registered = true,
                ClientEvent::RegistrationLost { .. } => registered = false,
                ClientEvent::Updated { .. } => updates += 1,
                ClientEvent::RegistrationFailed { .. } => {}
                other => panic!("seed {seed}: {other:?}"),
            }
        }
        assert!(registered && updates >= 8, "seed {seed}: {told:?}");
    }
}
