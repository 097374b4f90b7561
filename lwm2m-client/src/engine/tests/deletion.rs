//! What is deleted though it stands for a part of the device: whom it is gone for, and how it comes back.

use super::{
    requirements::{account, as_json, expect, finish, provision, shown},
    *,
};
use crate::object::{Clock, Context, Object, ObjectError, ResourceValue, ResourceWrite};
use lwm2m_core::{model::ObjectModel, path::Path, value::Value};
use lwm2m_objects::{ipso::light_control, oscore, portfolio};
use std::vec;

/// A device with a sensor, a portfolio that servers may make, firmware and counters, in a bootstrap.
fn equipped() -> World {
    let portfolio = DataObject::new(&portfolio::V1_0)
        .instance(0, Instance::new().with_multiple(0, [(0, "a")]))
        .dynamic();
    let bootstrap = Account::nosec(BOOTSTRAP.parse().unwrap());
    let builder = builder()
        .object(crate::FirmwareObject::new(hostile::Nowhere))
        .object(portfolio)
        .object(crate::StatisticsObject::new())
        .bootstrap(bootstrap);
    let mut world = World::new(builder);
    world.run(SECOND);
    world
}

/// Ends a bootstrap with an account; the links of the registration that follows.
fn registered_links(world: &mut World) -> String {
    provision(world, account(""), Code::CHANGED);
    provision(world, [finish()], Code::CHANGED);
    let server = world.server;
    world.asked(server);
    world.run(SECOND);
    let registered = world.asked(server).remove(0).0;
    String::from_utf8(registered.payload.to_vec()).unwrap()
}

// proves: BS-17
/// The sensor, the firmware object and the counters go as well, though they are parts of the device; whoever may creates
/// them again.
#[test]
fn a_bootstrap_delete_of_everything_takes_the_instances_of_all_other_objects() {
    let mut world = equipped();
    let own = ["</3303/0>", "</5/0>", "</7/0>", "</16/0>"];
    let before = shown(&mut world);
    assert!(own.iter().all(|link| before.contains(link)), "{before}");
    provision(&mut world, [request(Code::DELETE, "")], Code::DELETED);
    let left = shown(&mut world);
    assert!(own.iter().all(|link| !left.contains(link)), "{left}");
    // Nothing counts before the finish, and all of it then.
    let sensor: Path = "/3303/0/5700".parse().unwrap();
    let value = |world: &mut World| world.client(|client, now| client.value(now, sensor));
    assert!(value(&mut world).is_ok());
    let links = registered_links(&mut world);
    assert!(own.iter().all(|link| !links.contains(link)), "{links}");
    assert!(
        links.contains("</3303>") && links.contains("</5>"),
        "{links}"
    );
    for at in ["3303/0", "5/0", "7/0", "16/0"] {
        expect(&mut world, get(at), Code::NOT_FOUND);
        expect(&mut world, observe(at), Code::NOT_FOUND);
    }
    expect(&mut world, put_text("5/0/1", ""), Code::NOT_FOUND);
    expect(&mut world, request(Code::POST, "7/0/6"), Code::NOT_FOUND);
    let discovered = expect(
        &mut world,
        get("3303").uint_option(option::ACCEPT, 40),
        Code::CONTENT,
    );
    assert!(!text(&discovered).contains("</3303/0"), "{discovered:?}");
    assert_eq!(value(&mut world), Err(ObjectError::NotFound));
    // The program puts some in place again, a server the others.
    for at in ["/3303/0", "/5/0"] {
        let resources = Instance::new().with(5700, 21.0);
        let created =
            world.client(|client, now| client.create(now, at.parse().unwrap(), resources));
        assert_eq!(created, Ok(()), "{at}");
    }
    let none = request(Code::POST, "7").body(ContentFormat::Tlv.number(), Vec::new());
    expect(&mut world, none.clone(), Code::CREATED);
    expect(&mut world, none, Code::METHOD_NOT_ALLOWED);
    assert_eq!(
        text(&expect(&mut world, get("3303/0/5700"), Code::CONTENT)),
        "21.0"
    );
    expect(&mut world, get("5/0/3"), Code::CONTENT);
    expect(&mut world, get("7/0/2"), Code::CONTENT);
    world.run(SECOND);
    let server = world.server;
    let (update, _) = world.asked(server).pop().unwrap();
    let links = String::from_utf8(update.payload.to_vec()).unwrap();
    let all = ["</3303/0>", "</5/0>", "</7/0>"];
    assert!(all.iter().all(|link| links.contains(link)), "{links}");
}

// proves: BS-15
/// One by one, too; and what a bootstrap server writes to is there again, in the same bootstrap or the next.
#[test]
fn parts_of_the_device_are_deleted_and_written_to_one_by_one() {
    let mut world = equipped();
    for at in ["3303/0", "5", "7/0"] {
        provision(&mut world, [request(Code::DELETE, at)], Code::DELETED);
    }
    provision(&mut world, [request(Code::DELETE, "5/0")], Code::NOT_FOUND);
    provision(&mut world, [request(Code::DELETE, "5")], Code::DELETED);
    let period = put_text("7/0/8", "60");
    provision(&mut world, [period], Code::CHANGED);
    provision(&mut world, [put_text("7/1/8", "60")], Code::BAD_REQUEST);
    let links = registered_links(&mut world);
    assert!(
        links.contains("</7/0>") && links.contains("</16/0>"),
        "{links}"
    );
    assert!(
        !links.contains("</3303/0>") && !links.contains("</5/0>"),
        "{links}"
    );
    assert_eq!(text(&expect(&mut world, get("7/0/8"), Code::CONTENT)), "60");
    expect(&mut world, get("5/0"), Code::NOT_FOUND);

    // It is deleted again what it has written to, and the others come back as they were.
    expect(&mut world, request(Code::POST, "1/0/9"), Code::CHANGED);
    world.run(SECOND);
    let nothing = |at: &str| request(Code::PUT, at).body(ContentFormat::Tlv.number(), Vec::new());
    provision(
        &mut world,
        [nothing("3303/0"), nothing("5/0")],
        Code::CHANGED,
    );
    provision(&mut world, [request(Code::DELETE, "5/0")], Code::DELETED);
    let left = shown(&mut world);
    assert!(
        left.contains("</3303/0>") && !left.contains("</5/0>"),
        "{left}"
    );
    let links = registered_links(&mut world);
    assert!(
        links.contains("</3303/0>") && !links.contains("</5/0>"),
        "{links}"
    );
    expect(&mut world, get("3303/0/5700"), Code::CONTENT);
    expect(&mut world, get("5/0"), Code::NOT_FOUND);

    // The device leaves the factory with all its parts.
    world.client(|client, now| client.factory_reset(now));
    world.run(SECOND);
    let left = shown(&mut world);
    assert!(left.contains("</5/0>"), "{left}");
}

/// An installation that is under way is not lost: it says so where it is named, and stays where all go.
#[test]
fn what_an_object_does_not_let_go_of_stays() {
    let mut world = equipped();
    registered_links(&mut world);
    let image = request(Code::PUT, "5/0/0").body(ContentFormat::Opaque.number(), vec![7; 40]);
    expect(&mut world, image, Code::CHANGED);
    expect(
        &mut world,
        request(Code::DELETE, "5/0"),
        Code::METHOD_NOT_ALLOWED,
    );
    expect(&mut world, request(Code::POST, "5/0/2"), Code::CHANGED);
    expect(&mut world, request(Code::POST, "1/0/9"), Code::CHANGED);
    world.run(SECOND);
    for at in ["5", "5/0"] {
        provision(&mut world, [request(Code::DELETE, at)], Code::BAD_REQUEST);
    }
    provision(&mut world, [request(Code::DELETE, "")], Code::DELETED);
    let links = registered_links(&mut world);
    assert!(
        links.contains("</5/0>") && !links.contains("</7/0>"),
        "{links}"
    );
    assert_eq!(text(&expect(&mut world, get("5/0/3"), Code::CONTENT)), "3");
}

// proves: BS-16
#[test]
fn what_the_account_links_to_stays_with_it() {
    let bootstrap = Account::nosec(BOOTSTRAP.parse().unwrap());
    let contexts = DataObject::new(&oscore::V2_0)
        .instance(0, Instance::new())
        .instance(1, Instance::new())
        .provisionable();
    let mut world = World::new(builder().object(contexts).bootstrap(bootstrap));
    world.run(SECOND);
    provision(&mut world, [put_text("0/0/17", "21:1")], Code::CHANGED);
    provision(
        &mut world,
        [request(Code::DELETE, "21/1")],
        Code::BAD_REQUEST,
    );
    provision(&mut world, [request(Code::DELETE, "")], Code::DELETED);
    let left = shown(&mut world);
    assert!(
        left.contains("</21/1>") && !left.contains("</21/0>"),
        "{left}"
    );
}

/// Two lamps that servers may hide, and that know nothing of it.
struct Lamps([bool; 2]);

impl Object for Lamps {
    fn model(&self) -> &ObjectModel {
        &light_control::V1_0
    }

    fn instances(&self) -> Vec<u16> {
        vec![0, 1]
    }

    fn resources(&self, _instance: u16) -> Vec<u16> {
        vec![light_control::ON_OFF]
    }

    fn read(&self, _: &Clock, instance: u16, _: u16) -> Result<ResourceValue, ObjectError> {
        Ok(self.0[usize::from(instance)].into())
    }

    fn write(
        &mut self,
        context: &mut Context,
        instance: u16,
        resource: u16,
        write: ResourceWrite,
    ) -> Result<(), ObjectError> {
        if let ResourceWrite::Replace(ResourceValue::Single(Value::Boolean(on))) = write {
            self.0[usize::from(instance)] = on;
            context.changed(Path::resource(light_control::ID, instance, resource));
        }
        Ok(())
    }

    fn check_delete(&self, _: &Context, _: u16) -> Result<(), ObjectError> {
        Ok(())
    }
}

#[test]
fn a_server_deletes_and_creates_what_an_object_always_lists() {
    let builder = builder().object(Lamps([true; 2])).server(server_account());
    let mut world = World::new(builder);
    world.run(SECOND);
    let server = world.server;
    expect(&mut world, observe("3311/1/5850"), Code::CONTENT);
    expect(&mut world, request(Code::DELETE, "3311/1"), Code::DELETED);
    expect(&mut world, request(Code::DELETE, "3311/1"), Code::NOT_FOUND);
    world.run(SECOND);
    let notified = world.notifications(server);
    assert_eq!(notified.last().unwrap().code, Code::NOT_FOUND);
    let lamps = |world: &mut World| text(&expect(world, as_json("3311"), Code::CONTENT));
    assert_eq!(lamps(&mut world), r#"[{"bn":"/3311/0/5850","vb":true}]"#);
    let links = |world: &mut World| {
        let (update, _) = world.asked(server).pop().unwrap();
        String::from_utf8(update.payload.to_vec()).unwrap()
    };
    assert!(!links(&mut world).contains("</3311/1>"));
    // It has what is mandatory, and what is given is written to it.
    let create = |entries: &str| {
        let format = ContentFormat::SenmlJson.number();
        request(Code::POST, "3311").body(format, entries.as_bytes().to_vec())
    };
    let wrong = create(r#"[{"n":"/3311/1/5851","v":101}]"#);
    expect(&mut world, wrong, Code::BAD_REQUEST);
    expect(&mut world, get("3311/1"), Code::NOT_FOUND);
    let off = create(r#"[{"n":"/3311/1/5850","vb":false}]"#);
    expect(&mut world, off.clone(), Code::CREATED);
    expect(&mut world, off, Code::BAD_REQUEST);
    assert_eq!(
        lamps(&mut world),
        r#"[{"bn":"/3311/0/","n":"5850","vb":true},{"bn":"/3311/1/","n":"5850","vb":false}]"#
    );
    world.run(SECOND);
    assert!(links(&mut world).contains("</3311/1>"));
    // A third it does not have.
    let third = create(r#"[{"n":"/3311/2/5850","vb":false}]"#);
    expect(&mut world, third, Code::METHOD_NOT_ALLOWED);
}

/// The rest of an image finds nobody any more.
#[test]
fn an_upload_ends_with_the_instance_it_goes_to() {
    let object = crate::FirmwareObject::new(hostile::Nowhere);
    let mut world = World::new(builder().object(object).server(server_account()));
    world.run(SECOND);
    let server = world.server;
    let image = request(Code::PUT, "5/0/0").body(ContentFormat::Opaque.number(), vec![7; 9_000]);
    world.send(server, image);
    world.run(Duration::from_millis(100));
    let firmware: Path = "/5/0".parse().unwrap();
    let state = |world: &mut World| {
        let place = firmware.child(3).unwrap();
        world.client(|client, now| client.value(now, place))
    };
    assert_eq!(state(&mut world), Ok(1.into()));
    let deleted = world.client(|client, now| client.delete(now, firmware));
    assert_eq!(deleted, Ok(()));
    world.run(SECOND);
    let events = &world.net.host(server).events;
    let refused = |event: &Event| matches!(event, Event::Response { response, .. } if response.code == Code::NOT_FOUND);
    assert!(events.iter().any(refused), "{events:?}");
    let created = world.client(|client, now| client.create(now, firmware, Instance::new()));
    assert_eq!((created, state(&mut world)), (Ok(()), Ok(0.into())));
}
