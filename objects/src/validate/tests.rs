use super::*;
use crate::{
    apn_connection_profile, device, firmware_update, ipso::temperature, location, security, server,
};
use alloc::{string::ToString, vec};
use lwm2m_core::value::ObjectLink;

fn path(text: &str) -> Path {
    text.parse().unwrap()
}

fn refused(model: &ObjectModel, at: &str, value: impl Into<Value>) -> String {
    validate_value(model, path(at), &value.into())
        .unwrap_err()
        .to_string()
}

#[test]
fn values_that_suit_pass() {
    for (model, at, value) in [
        (&temperature::V1_1, "/3303/5/5700", Value::Float(21.5)),
        (&device::V1_2, "/3/0/6/1", Value::Integer(7)),
        (
            &device::V1_2,
            "/3/0/22/0",
            Value::ObjectLink(ObjectLink::NULL),
        ),
        (&device::V1_2, "/3/0/13", Value::Time(-1)),
        (&security::V1_2, "/0/1/5", Value::Opaque(vec![1; 16])),
        (&security::V1_2, "/0/1/8", Value::Opaque(vec![1; 32])),
        (&server::V1_2, "/1/0/23", Value::Boolean(false)),
        (&firmware_update::V1_1, "/5/0/1", Value::from("")),
    ] {
        assert_eq!(validate_value(model, path(at), &value), Ok(()), "{at}");
    }
}

// proves: OBJ-06
#[test]
fn errors_say_what_was_expected_and_what_came() {
    for (said, expected) in [
        (
            refused(&temperature::V1_1, "/3303/0/5700", "abc"),
            r#"/3303/0/5700: expects Float, got String "abc""#,
        ),
        (
            refused(&temperature::V1_1, "/3303/0/5700", 3_i64),
            "/3303/0/5700: expects Float, got Integer 3",
        ),
        (
            refused(&temperature::V1_1, "/3303/0/5700", f64::NAN),
            "/3303/0/5700: is not a finite number",
        ),
        (
            refused(&temperature::V1_1, "/3303/0/1", 3.0),
            "/3303/0/1: object 3303 (Temperature) has no such resource",
        ),
        (
            refused(&temperature::V1_1, "/3304/0/5700", 3.0),
            "/3304/0/5700: is not in object 3303",
        ),
        (
            refused(&temperature::V1_1, "/3303/0/5605", true),
            "/3303/0/5605: has no value, it is executed",
        ),
        (
            refused(&temperature::V1_1, "/3303/0", 3.0),
            "/3303/0: a value belongs to a resource, not to an object instance",
        ),
        (
            refused(&device::V1_2, "/3/0/6", 1_i64),
            "/3/0/6: has resource instances; give the instance, like /3/0/6/0",
        ),
        (
            refused(&device::V1_2, "/3/0/0/0", "maker"),
            "/3/0/0/0: has no resource instances",
        ),
        (
            refused(&device::V1_2, "/3/1/0", "maker"),
            "/3/1/0: object 3 (Device) has a single instance, 0",
        ),
        (
            refused(&device::V1_2, "/3/0/9", 101_i64),
            "/3/0/9: expects 0 to 100, got Integer 101",
        ),
        (
            refused(&firmware_update::V1_2, "/5/0/6", &*"x".repeat(256)),
            "/5/0/6: expects 0 to 255 bytes, got 256 bytes",
        ),
        (
            refused(&device::V1_2, "/3/0/9", &*"x".repeat(1000)),
            "/3/0/9: expects Integer, got String \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"... of 1000 bytes",
        ),
    ] {
        assert_eq!(said, expected);
    }
}

#[test]
fn errors_hold_no_secret() {
    for said in [
        refused(&security::V1_2, "/0/0/5", "hunter2"),
        refused(&security::V1_2, "/0/0/8", b"hunter2".to_vec()),
        refused(&security::V1_2, "/0/0/2", "hunter2"),
        refused(&device::V1_2, "/3/0/0", b"hunter2".to_vec()),
        refused(
            &apn_connection_profile::V1_1,
            "/11/0/6",
            Value::CoreLink("hunter2".into()),
        ),
    ] {
        assert!(
            !said.contains("hunter2") && !said.contains("104, "),
            "{said}"
        );
    }
    assert_eq!(
        refused(&security::V1_2, "/0/0/5", "hunter2"),
        "/0/0/5: expects Opaque, got String"
    );
    assert_eq!(
        refused(&security::V1_2, "/0/0/8", vec![0_u8; 17]),
        "/0/0/8: expects 16 bytes or 32 bytes or 48 bytes, got 17 bytes"
    );
}

#[test]
fn conversion_comes_before_the_check() {
    let at = path("/3303/0/5700");
    let model = &temperature::V1_1;
    assert_eq!(conform(model, at, 3_i64.into()), Ok(Value::Float(3.0)));
    let said = conform(model, at, "3".into()).unwrap_err().to_string();
    assert_eq!(said, r#"/3303/0/5700: expects Float, got String "3""#);
    let at = path("/5/0/13");
    let model = &firmware_update::V1_1;
    assert_eq!(conform(model, at, 60.0.into()), Ok(Value::Unsigned(60)));
    assert!(conform(model, at, (-1_i64).into()).is_err());
}

// proves: OBJ-05
#[test]
fn operations_by_definition() {
    use Operation as O;
    let operate = |at: &str, operation| {
        let at = path(at);
        let model = match at.object_id() {
            Some(0) => &security::V1_2,
            Some(1) => &server::V1_2,
            Some(5) => &firmware_update::V1_2,
            Some(6) => &location::V1_0,
            _ => &device::V1_2,
        };
        validate_operation(model, at, operation).map_err(|error| error.to_string())
    };
    for (at, operation) in [
        ("/3", O::Read),
        ("/3/0", O::Observe),
        ("/3/0/6/0", O::Read),
        ("/3/0/13", O::Write),
        ("/1/0", O::Write),
        ("/1", O::Create),
        ("/1/0", O::Delete),
        ("/1/0/25/1", O::Delete),
        ("/3/0/4", O::Execute),
        ("/3/0/4", O::Discover),
        ("/3/0/6/0", O::WriteAttributes),
    ] {
        assert_eq!(operate(at, operation), Ok(()), "{at} {operation:?}");
    }
    for (at, operation, said) in [
        ("/3/0/0", O::Write, "/3/0/0: cannot be written, only read"),
        (
            "/3/0/4",
            O::Write,
            "/3/0/4: cannot be written, only executed",
        ),
        ("/3/0/4", O::Read, "/3/0/4: cannot be read, only executed"),
        (
            "/5/0/0",
            O::Observe,
            "/5/0/0: cannot be observed, only written",
        ),
        ("/0/0/5", O::Read, "/0/0/5: cannot be read by a server"),
        ("/0/0/5", O::Write, "/0/0/5: cannot be written by a server"),
        (
            "/3/0/0",
            O::Execute,
            "/3/0/0: cannot be executed; it has a value",
        ),
        (
            "/3/0",
            O::Execute,
            "/3/0: cannot be executed; only a resource can",
        ),
        (
            "/3",
            O::Write,
            "/3: cannot be written as a whole; give an object instance or below",
        ),
        (
            "/1/0",
            O::Create,
            "/1/0: cannot be created; only an object instance can, by its object's path",
        ),
        (
            "/1",
            O::Delete,
            "/1: cannot be deleted; only an instance can",
        ),
        (
            "/1/0/1",
            O::Delete,
            "/1/0/1: cannot be deleted; only an instance can",
        ),
        (
            "/3/0/6/0",
            O::Delete,
            "/3/0/6/0: cannot be deleted; its resource cannot be written",
        ),
        (
            "/6/0/99",
            O::Read,
            "/6/0/99: object 6 (Location) has no such resource",
        ),
        (
            "/6/1",
            O::Read,
            "/6/1: object 6 (Location) has a single instance, 0",
        ),
        ("/", O::Read, "/: is not in object 3"),
    ] {
        assert_eq!(
            operate(at, operation),
            Err(said.into()),
            "{at} {operation:?}"
        );
    }
}

// proves: OBJ-07
#[test]
fn an_instance_has_what_is_mandatory() {
    let check = |present: &[u16]| {
        validate_instance(&server::V1_2, path("/1/0"), present.iter().copied())
            .map_err(|error| error.to_string())
    };
    assert_eq!(check(&[0, 1, 6, 7]), Ok(()), "8 is mandatory, but executed");
    assert_eq!(
        check(&[0, 1, 7]),
        Err(
            "/1/0: lacks 6 (Notification Storing When Disabled or Offline), which is mandatory"
                .into()
        )
    );
}
