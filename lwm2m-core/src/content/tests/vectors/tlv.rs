//! TLV: types, widths of lengths and identifiers, and what it cannot say (Core 1.2.2, section 7.5.5).

use super::*;

// proves: FMT-17
#[test]
fn access_control_of_two_instances() {
    // Core 1.2.2, section 7.5.5.2 B
    let payload = hex(
        "08000e c10001 c10100 8302 41 7f 07 c1037f 080212 c10003 c10100 8702 417f07 610136 01 c1037f",
    );
    let entries = [
        entry("/2/0/0", 1i64),
        entry("/2/0/1", 0i64),
        entry("/2/0/2/127", 7i64),
        entry("/2/0/3", 127i64),
        entry("/2/2/0", 3i64),
        entry("/2/2/1", 0i64),
        entry("/2/2/2/127", 7i64),
        entry("/2/2/2/310", 1i64),
        entry("/2/2/3", 127i64),
    ];
    both(F::Tlv, payload, "/2", &entries);
}

// proves: FMT-15, FMT-17, FMT-18
#[test]
fn device_instance() {
    // The intended bytes of section 7.5.5.1, whose model number lacks a letter of the length it says.
    let payload = hex("c80014 4f70656e204d6f62696c6520416c6c69616e6365
         c80116 4c69676874776569676874204d324d20436c69656e74
         c80209 333435303030313233 c303312e30
         8606 410001 410105 880708 42000ed8 42011388
         870841007d42010384 c10964 c10a0f 830b410000
         c40d5182428f c60e2b30323a3030 c11055");
    both(F::Tlv, &payload, "/3/0", &device());
    // Read as an object, the instance is wrapped.
    let mut wrapped = hex("080079");
    wrapped.extend_from_slice(&payload);
    both(F::Tlv, &wrapped, "/3", &device());
    // It may be wrapped though the request names it, and may be bare where the object has one instance.
    decodes(F::Tlv, &wrapped, "/3/0", &device());
    decodes(F::Tlv, &payload, "/3", &device());
}

// proves: FMT-19
#[test]
fn object_links() {
    // Section 7.5.5.3, example 1
    let payload =
        hex("88000c 44000042 0000 44010042 0001 c8010d 38363133383030373535353030 c40212345678");
    let entries = [
        entry("/65/0/0/0", link(66, 0)),
        entry("/65/0/0/1", link(66, 1)),
        entry("/65/0/1", "8613800755500"),
        entry("/65/0/2", 305_419_896u64),
    ];
    both(F::Tlv, payload, "/65/0", &entries);
}

// proves: FMT-01, FMT-19
#[test]
fn every_type() {
    let v = |payload: &str, resource: u16, value: Value| {
        let entries = [Entry::new(Path::resource(3442, 0, resource), value)];
        both(
            F::Tlv,
            hex(payload),
            &std::format!("/3442/0/{resource}"),
            &entries,
        );
    };
    v("c178 00", 120, 0i64.into());
    v("c178 80", 120, (-128i64).into());
    v("c278 0080", 120, 128i64.into());
    v("c478 7fffffff", 120, 0x7fff_ffffi64.into());
    v("c87808 8000000000000000", 120, i64::MIN.into());
    v("c27d 00ff", 125, 255u64.into());
    v("c87d08 ffffffffffffffff", 125, u64::MAX.into());
    v("c482 3fc00000", 130, 1.5.into());
    v("c88208 3fb999999999999a", 130, 0.1.into());
    v("c482 7f800000", 130, f64::INFINITY.into());
    v("c18c 01", 140, true.into());
    v("c196 ff", 150, Value::Opaque(vec![0xff]));
    v("c096", 150, Value::Opaque(vec![]));
    v("c4a0 5182428f", 160, Value::Time(1_367_491_215));
    v("c4aa 0003ffff", 170, link(3, 65535));
    v("c6b4 3c2f332f303e", 180, Value::CoreLink("</3/0>".into()));
    // A single value of another width than we choose.
    decodes(
        F::Tlv,
        hex("c17dff"),
        "/3442/0",
        &[entry("/3442/0/125", 255u64)],
    );
    decodes(
        F::Tlv,
        hex("c88208 3ff8000000000000"),
        "/3442/0",
        &[entry("/3442/0/130", 1.5)],
    );
    decodes(
        F::Tlv,
        hex("c878080000000000000005"),
        "/3442/0",
        &[entry("/3442/0/120", 5i64)],
    );
}

// proves: FMT-15, FMT-16
#[test]
fn lengths_of_every_width() {
    for (length, header) in [
        (7, "c796"),
        (8, "c89608"),
        (255, "c896ff"),
        (256, "d0960100"),
        (65_535, "d096ffff"),
        (65_536, "d896010000"),
    ] {
        let mut payload = hex(header);
        payload.resize(payload.len() + length, 7);
        both(
            F::Tlv,
            payload,
            "/3442/0/150",
            &[entry("/3442/0/150", vec![7u8; length])],
        );
    }
    // Bits of a short length mean nothing where the length follows.
    decodes(
        F::Tlv,
        hex("cf96 01 ff"),
        "/3442/0",
        &[entry("/3442/0/150", vec![0xffu8])],
    );
}

// proves: FMT-15
#[test]
fn identifiers_of_both_widths() {
    both(
        F::Tlv,
        hex("e6 0456 313233343536"),
        "/3442/0",
        &[entry("/3442/0/1110", "123456")],
    );
    decodes(
        F::Tlv,
        hex("e1 0078 05"),
        "/3442/0",
        &[entry("/3442/0/120", 5i64)],
    );
    refused(F::Tlv, hex("e1ffff05"), "/3442/0");
}

// proves: FMT-18
#[test]
fn resource_instances() {
    both(
        F::Tlv,
        hex("8606 410001 410105"),
        "/3/0/6",
        &[entry("/3/0/6/0", 1i64), entry("/3/0/6/1", 5i64)],
    );
    // One instance: bare, or within its resource.
    let one = [entry("/3/0/6/1", 5i64)];
    both(F::Tlv, hex("410105"), "/3/0/6/1", &one);
    decodes(F::Tlv, hex("8306410105"), "/3/0/6/1", &one);
    decodes(F::Tlv, hex("410105"), "/3/0/6", &one);
    decodes(F::Tlv, hex("8006"), "/3/0/6", &[]);
}

// proves: DM-45
#[test]
fn a_create_request_may_leave_the_instance_open() {
    let decode = |payload: &str| {
        super::super::super::decode_create(F::Tlv, &hex(payload), &path("/2"), 9, &models())
    };
    assert_eq!(decode("c10005"), Ok(vec![entry("/2/9/0", 5i64)]));
    assert_eq!(decode("0304c10005"), Ok(vec![entry("/2/4/0", 5i64)]));
}

// proves: FMT-37
#[test]
fn what_lies_elsewhere_is_refused() {
    refused(F::Tlv, hex("0104"), "/2"); // truncated
    for (payload, base) in [
        ("0203c1000108", "/2"),   // a truncated record within
        ("c10005", "/2"),         // which instance?
        ("c10005", "/3/0/1"),     // another resource
        ("410105", "/3/0"),       // an instance of which resource?
        ("8302c10001", "/2/0"),   // a resource within a resource
        ("02030800", "/2"),       // an instance within an instance
        ("c10005", "/"),          // of which object?
        ("c10905c10906", "/3/0"), // twice
    ] {
        refused(F::Tlv, hex(payload), base);
    }
    let error = refused(F::Tlv, hex("0304c10005"), "/2/0");
    assert_eq!(error.to_string(), "/2/4/0 lies outside of /2/0");
}

#[test]
fn without_a_model_values_are_bytes() {
    let found = decode(F::Tlv, &hex("c10005"), &path("/9999/0"), &NoModels);
    assert_eq!(found, Ok(vec![entry("/9999/0/0", vec![5u8])]));
}

#[test]
fn what_it_cannot_carry() {
    let encode = |entries: &[Entry], base| encode(F::Tlv, entries, &path(base), &models());
    assert!(encode(&[entry("/3/0/9", 1i64).at(5.0)], "/3/0").is_err());
    assert!(encode(&[entry("/3/0/9", 1i64), entry("/3/0/9", 2i64)], "/3/0").is_err());
    assert!(encode(&[entry("/9/0/9", 1i64), entry("/9/0/9/1", 2i64)], "/9/0").is_err());
    assert!(encode(&[entry("/3/0/9", 1i64)], "/").is_err());
    assert!(encode(&[entry("/3/0/9", 1i64)], "/3/0/10").is_err());
    assert!(encode(&[entry("/3/0/9", "no number")], "/3/0").is_err());
}
