use super::*;
use crate::{engine::SendError, event::SessionError};
use lwm2m_core::{content, entry::Entry, model::NoModels, path::Path};
use std::vec::Vec;

fn set(world: &mut World, value: f64) {
    world.client(|client, now| {
        client
            .set(now, "/3303/0/5700".parse().unwrap(), value)
            .unwrap();
    });
}

fn texts(world: &mut World) -> Vec<String> {
    let server = world.server;
    world.notifications(server).iter().map(text).collect()
}

// proves: REP-25, REP-30, REP-33
#[test]
fn a_change_is_notified_and_the_end_is_heard() {
    let mut world = World::registered();
    let server = world.server;
    let first = world.ask(server, observe("3303/0/5700"));
    assert_eq!((first.code, &*text(&first)), (Code::CONTENT, "20.0"));
    let paths = Vec::from(["/3303/0/5700".parse::<Path>().unwrap()]);
    let started = ClientEvent::ObservationStarted {
        server: 7,
        paths: paths.clone(),
    };
    assert!(world.take_told().contains(&started));
    set(&mut world, 21.0);
    world.run(SECOND);
    set(&mut world, 22.0);
    world.run(SECOND);
    assert_eq!(texts(&mut world), ["21.0", "22.0"]);
    // Cancelled by Observe = 1 under the same token.
    world.net.act(server, |server, now| {
        let observation = server.observation.unwrap();
        server
            .endpoint
            .cancel_observation(now, observation)
            .unwrap();
    });
    world.run(SECOND);
    assert!(
        world
            .take_told()
            .contains(&ClientEvent::ObservationEnded { server: 7, paths })
    );
    set(&mut world, 23.0);
    world.run(SECOND);
    assert_eq!(texts(&mut world), Vec::<String>::new());
}

// proves: DM-34, REP-07, REP-08, REP-10
#[test]
fn periods_and_thresholds_rule() {
    let mut world = World::registered();
    let server = world.server;
    let write = request(Code::PUT, "3303/0/5700")
        .query("pmin=10")
        .query("pmax=60");
    assert_eq!(world.ask(server, write).code, Code::CHANGED);
    world.ask(server, observe("3303/0/5700"));
    world.run(SECOND);
    set(&mut world, 21.0);
    world.run(SECOND * 8);
    assert_eq!(texts(&mut world).len(), 0, "held back by pmin");
    world.run(SECOND * 2);
    assert_eq!(texts(&mut world), ["21.0"]);
    world.run(SECOND * 58);
    assert_eq!(texts(&mut world).len(), 0);
    world.run(SECOND * 3);
    assert_eq!(texts(&mut world), ["21.0"], "pmax");
    // A threshold is taken up while it runs.
    let write = request(Code::PUT, "3303/0/5700")
        .query("gt=30")
        .query("pmax");
    assert_eq!(world.ask(server, write).code, Code::CHANGED);
    world.run(SECOND * 20);
    set(&mut world, 25.0);
    world.run(SECOND * 20);
    assert_eq!(texts(&mut world).len(), 0, "nothing was crossed");
    set(&mut world, 35.0);
    world.run(SECOND);
    assert_eq!(texts(&mut world), ["35.0"]);
}

// proves: REP-06
#[test]
fn the_server_object_gives_the_defaults() {
    let mut world = World::registered();
    let server = world.server;
    world.ask(server, put_text("1/0/3", "30"));
    world.ask(server, observe("3303/0/5700"));
    world.run(SECOND * 61);
    assert_eq!(texts(&mut world).len(), 2, "every thirty seconds");
    world.ask(server, put_text("1/0/3", "5"));
    texts(&mut world);
    world.run(SECOND * 21);
    assert!(
        texts(&mut world).len() >= 4,
        "the new default holds at once"
    );
}

// proves: REP-26
#[test]
fn an_instance_is_observed_as_a_whole() {
    let mut world = World::registered();
    let server = world.server;
    let first = world.ask(server, observe("3303/0").uint_option(option::ACCEPT, 110));
    assert_eq!(first.code, Code::CONTENT);
    set(&mut world, 24.5);
    world.run(SECOND);
    let notified = texts(&mut world);
    assert_eq!(notified.len(), 1);
    assert!(
        notified[0].contains("24.5") && notified[0].contains("Cel"),
        "{notified:?}"
    );
}

// proves: REP-40
#[test]
fn a_composite_observation_tells_all_its_paths() {
    let mut world = World::registered();
    let server = world.server;
    let body = br#"[{"n":"/3303/0/5700"},{"n":"/3/0/0"}]"#.to_vec();
    let fetch = request(Code::FETCH, "")
        .uint_option(option::OBSERVE, 0)
        .body(ContentFormat::SenmlJson.number(), body);
    assert_eq!(world.ask(server, fetch).code, Code::CONTENT);
    set(&mut world, 24.5);
    world.run(SECOND);
    let notified = texts(&mut world);
    assert_eq!(notified.len(), 1);
    assert!(
        notified[0].contains("24.5") && notified[0].contains("Maker"),
        "{notified:?}"
    );
    world.client(|client, now| {
        client.set(now, "/3/0/0".parse().unwrap(), "Other").unwrap();
    });
    world.run(SECOND);
    assert_eq!(texts(&mut world).len(), 1);
}

// proves: REP-45, REP-46
#[test]
fn attributes_in_the_request_rule_alone() {
    let mut world = World::registered();
    let server = world.server;
    world.ask(server, request(Code::PUT, "3303/0/5700").query("pmin=100"));
    world.ask(server, observe("3303/0/5700").query("pmin=2"));
    world.run(SECOND * 3);
    set(&mut world, 21.0);
    world.run(SECOND);
    assert_eq!(texts(&mut world), ["21.0"]);
    let bad = world.ask(
        server,
        observe("3303/0/5700").query("pmin=9").query("pmax=2"),
    );
    assert_eq!(bad.code, Code::BAD_REQUEST);
}

// proves: REP-63
#[test]
fn what_is_deleted_is_not_observed_any_more() {
    let mut world = World::registered();
    let server = world.server;
    world.ask(server, observe("3303/0/5700"));
    world.take_told();
    world.client(|client, now| client.delete(now, "/3303/0".parse().unwrap()).unwrap());
    world.run(SECOND);
    let notified = world.notifications(server);
    assert_eq!(notified.len(), 1);
    assert_eq!(notified[0].code, Code::NOT_FOUND);
    let told = world.take_told();
    assert!(
        told.iter()
            .any(|e| matches!(e, ClientEvent::ObservationEnded { .. })),
        "{told:?}"
    );
}

// proves: REP-36
#[test]
fn a_new_registration_voids_observations() {
    let mut world = World::registered();
    let server = world.server;
    world.ask(server, observe("3303/0/5700"));
    let gone = Response::new(Code::NOT_FOUND);
    (world.net.host_mut(server)).next_answer("rd", Some(gone));
    world.client(|client, now| client.update(now));
    world.run(SECOND);
    set(&mut world, 30.0);
    world.run(SECOND);
    assert_eq!(texts(&mut world), Vec::<String>::new());
}

#[test]
fn observations_are_bounded() {
    let config = crate::ClientConfig {
        max_observers: 1,
        ..Default::default()
    };
    let mut world = World::new(builder().config(config).server(server_account()));
    let server = world.server;
    world.run(SECOND);
    world.ask(server, observe("3303/0/5700"));
    let second = world.ask(server, observe("3/0/0"));
    assert_eq!(second.code, Code::CONTENT, "answered, but not observed");
    world.client(|client, now| {
        client.set(now, "/3/0/0".parse().unwrap(), "Other").unwrap();
    });
    world.run(SECOND);
    assert_eq!(texts(&mut world), Vec::<String>::new());
}

#[test]
fn notifications_survive_loss() {
    for seed in 0..20 {
        let link = Link::new().delay(Duration::from_millis(50)).loss(0.2);
        let mut world = World::with_link(builder().server(server_account()), link, seed);
        let server = world.server;
        world.run(SECOND * 120);
        world.ask(server, put_text("1/0/26", "1"));
        world.ask(server, observe("3303/0/5700"));
        set(&mut world, 30.0);
        world.run(SECOND * 100);
        let last = texts(&mut world).pop();
        assert_eq!(last.as_deref(), Some("30.0"), "seed {seed}");
    }
}

// proves: REP-54, REP-55
#[test]
fn send_reaches_the_server_that_wants_it() {
    let mut world = World::registered();
    let server = world.server;
    world.asked(server);
    let paths = ["/3303/0/5700", "/3/0/0"].map(|path| path.parse::<Path>().unwrap());
    let id = world
        .client(|client, now| client.send(now, &paths))
        .unwrap();
    world.run(SECOND);
    let asked = world.asked(server);
    assert_eq!(path_of(&asked[0].0), "dp");
    assert_eq!(asked[0].0.options.content_format(), Some(112));
    let payload = &asked[0].0.payload;
    let format = ContentFormat::SenmlCbor;
    let entries = content::decode(format, payload, &Path::ROOT, &NoModels).unwrap();
    assert_eq!(
        entries,
        [Entry::new(paths[0], 20.0), Entry::new(paths[1], "Maker")]
    );
    let sent = ClientEvent::Sent {
        id,
        server: 7,
        result: Ok(()),
    };
    assert_eq!(world.take_told(), [sent]);
    // The server mutes it.
    world.ask(server, put_text("1/0/23", "1"));
    let muted = world.client(|client, now| client.send(now, &paths));
    assert_eq!(muted, Err(SendError::Muted));
    let hidden = "/0/0/5".parse::<Path>().unwrap();
    let refused = world.client(|client, now| client.send(now, &[hidden]));
    assert_eq!(refused, Err(SendError::Path(hidden)));
}

/// What has gone to one server is told, though another has no room for it.
#[test]
fn send_to_one_server_goes_on_where_another_is_busy() {
    let account = |uri: &str, id| {
        let account = Account::nosec(uri.parse().unwrap());
        ServerAccount::new(id, account).mute_send(false)
    };
    let mut config = crate::ClientConfig::default();
    config.endpoint.max_requests_per_peer = 1;
    let builder = builder()
        .config(config)
        .server(account(SERVER, 7))
        .server(account(BOOTSTRAP, 8));
    let mut world = World::new(builder);
    world.run(SECOND);
    let (server, silent) = (world.server, world.bootstrap);
    (world.net.host_mut(silent)).next_answer("dp", None);
    let path = "/3/0/0".parse::<Path>().unwrap();
    world
        .client(|client, now| client.send(now, &[path]))
        .unwrap();
    world.run(SECOND);
    world.take_told();
    world.asked(server);
    let id = world
        .client(|client, now| client.send(now, &[path]))
        .unwrap();
    world.run(SECOND);
    assert_eq!(world.asked(server).len(), 1);
    let told = world.take_told();
    for (server, result) in [(7, Ok(())), (8, Err(SessionError::Busy))] {
        let sent = ClientEvent::Sent { id, server, result };
        assert!(told.contains(&sent), "{told:?}");
    }
    // Where nobody has room, nothing is sent.
    (world.net.host_mut(server)).next_answer("dp", None);
    world.run(SECOND * 400);
    (world.net.host_mut(silent)).next_answer("dp", None);
    let sent = world.client(|client, now| client.send(now, &[path]));
    assert!(sent.is_ok());
    let busy = world.client(|client, now| client.send(now, &[path]));
    assert_eq!(busy, Err(SendError::Busy));
}

// proves: REP-56
#[test]
fn send_is_muted_where_nobody_has_unmuted_it() {
    let account = ServerAccount::new(7, Account::nosec(SERVER.parse().unwrap()));
    let mut world = World::new(builder().server(account));
    let path = "/3/0/0".parse::<Path>().unwrap();
    let early = world.client(|client, now| client.send(now, &[path]));
    assert_eq!(early, Err(SendError::NoServer));
    world.run(SECOND);
    let muted = world.client(|client, now| client.send(now, &[path]));
    assert_eq!(muted, Err(SendError::Muted));
}
