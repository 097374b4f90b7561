//! SenML in JSON and in CBOR: names, times, base fields and numbers (RFC 8428).

use super::*;

// proves: FMT-25, FMT-37, SML-04
#[test]
fn device_instance_in_cbor() {
    // Core 1.2.2, section 7.5.7
    let payload = hex(
        "90a321652f332f302f00613003744f70656e204d6f62696c6520416c6c69616e6365a200613103764c69676874776569
         676874204d324d20436c69656e74a20061320369333435303030313233a20061330363312e30a20063362f300201a200
         63362f310205a20063372f3002190ed8a20063372f3102191388a20063382f3002187da20063382f3102190384a20061
         39021864a200623130020fa2006431312f300200a200623133021a5182428fa20062313403662b30323a3030a2006231
         36036155",
    );
    both(F::SenmlCbor, &payload, "/3/0", &device());
    both(F::SenmlEtchCbor, &payload, "/3/0", &device());
    decodes(F::SenmlCbor, &payload, "/", &device());
    let error = refused(F::SenmlCbor, &payload, "/3/1");
    assert_eq!(error.to_string(), "/3/0/0 lies outside of /3/1");
}

// proves: FMT-20
#[test]
fn device_instance_in_json() {
    let payload = r#"[{"bn":"/3/0/","n":"0","vs":"Open Mobile Alliance"},{"n":"1","vs":"Lightweight M2M Client"},{"n":"2","vs":"345000123"},{"n":"3","vs":"1.0"},{"n":"6/0","v":1},{"n":"6/1","v":5},{"n":"7/0","v":3800},{"n":"7/1","v":5000},{"n":"8/0","v":125},{"n":"8/1","v":900},{"n":"9","v":100},{"n":"10","v":15},{"n":"11/0","v":0},{"n":"13","v":1367491215},{"n":"14","vs":"+02:00"},{"n":"16","vs":"U"}]"#;
    both(F::SenmlJson, payload, "/3/0", &device());
    both(F::SenmlEtchJson, payload, "/3/0", &device());
}

// proves: FMT-02, FMT-21, FMT-23, FMT-25, SML-03, SML-10
#[test]
fn every_type() {
    let v = |json: &str, cbor: &str, resource: u16, value: Value| {
        let path = std::format!("/3442/0/{resource}");
        let entries = [Entry::new(Path::resource(3442, 0, resource), value)];
        let json = std::format!(r#"[{{"bn":"{path}",{json}}}]"#);
        both(F::SenmlJson, json, &path, &entries);
        let cbor = std::format!("81a2216b{}{cbor}", hex::encode(&path));
        both(F::SenmlCbor, hex(&cbor), &path, &entries);
    };
    v(
        r#""vs":"hé\"llo""#,
        "036768c3a9226c6c6f",
        110,
        "hé\"llo".into(),
    );
    v(r#""v":-5"#, "0224", 120, (-5i64).into());
    v(
        r#""v":9223372036854775807"#,
        "021b7fffffffffffffff",
        120,
        i64::MAX.into(),
    );
    v(
        r#""v":-9223372036854775808"#,
        "023b7fffffffffffffff",
        120,
        i64::MIN.into(),
    );
    v(
        r#""v":18446744073709551615"#,
        "021bffffffffffffffff",
        125,
        u64::MAX.into(),
    );
    v(r#""v":20.0"#, "02fa41a00000", 130, 20.0.into());
    v(r#""v":0.1"#, "02fb3fb999999999999a", 130, 0.1.into());
    v(r#""vb":true"#, "04f5", 140, true.into());
    v(
        r#""vd":"-_8""#,
        "0842fbff",
        150,
        Value::Opaque(vec![0xfb, 0xff]),
    );
    v(
        r#""v":1367491215"#,
        "021a5182428f",
        160,
        Value::Time(1_367_491_215),
    );
    v(
        r#""vlo":"3:65535""#,
        "63766c6f67333a3635353335",
        170,
        link(3, 65535),
    );
    v(
        r#""vs":"</3/0>""#,
        "03663c2f332f303e",
        180,
        Value::CoreLink("</3/0>".into()),
    );
}

// proves: SML-09, SML-11
#[test]
fn numbers_keep_their_precision() {
    decodes(
        F::SenmlJson,
        r#"[{"n":"/1/0/2","v":9223372036854775800}]"#,
        "/1/0/2",
        &[entry("/1/0/2", 9_223_372_036_854_775_800i64)],
    );
    decodes(
        F::SenmlJson,
        r#"[{"bn":"/3/0/13","v":1.367491215E9}]"#,
        "/3/0/13",
        &[entry("/3/0/13", Value::Time(1_367_491_215))],
    );
    for bad in [
        "9223372036854775808",
        "-9223372036854775809",
        "-9223372036854775808.0",
        "1e30",
        "1.5",
        "1e999",
        "NaN",
        "\"1\"",
        "null",
        "01",
    ] {
        let json = std::format!(r#"[{{"n":"/1/0/2","v":{bad}}}]"#);
        refused(F::SenmlJson, json, "/1/0/2");
    }
    // A sum just below 64 bits
    for label in ["n", "bn"] {
        let json = std::format!(r#"[{{"{label}":"/1/0/2","bv":-9223372036854775808,"v":-1}}]"#);
        refused(F::SenmlJson, json, "/1/0/2");
    }
    // A half, a decimal fraction, a bignum
    for v in ["f94200", "c482211901 2c", "c24103"] {
        let cbor = std::format!("81a200662f312f302f3202{v}");
        decodes(F::SenmlCbor, hex(&cbor), "/1/0/2", &[entry("/1/0/2", 3i64)]);
    }
    // Neither NaN nor infinity, nor a sum that is
    let sum = br#"[{"bn":"/9/0/1","bv":1.7e308,"v":1.7e308}]"#;
    assert!(decode(F::SenmlJson, sum, &Path::ROOT, &NoModels).is_err());
    for v in ["f97e00", "f97c00", "fb7ff0000000000000"] {
        let cbor = std::format!("81a2006b2f333434322f302f31333002{v}");
        refused(F::SenmlCbor, hex(&cbor), "/");
    }
    for v in [f64::NAN, f64::INFINITY] {
        for format in [F::SenmlCbor, F::SenmlJson] {
            let entries = [entry("/3442/0/130", v)];
            assert!(encode(format, &entries, &path("/"), &models()).is_err());
        }
    }
}

#[test]
fn unknown_resources_have_the_type_of_the_format() {
    let json = br#"[{"bn":"/9999/0/","n":"0","v":1},{"n":"1","v":1.5},{"n":"2","vs":"3:0"},{"n":"3","v":18446744073709551615}]"#;
    let entries = vec![
        entry("/9999/0/0", 1i64),
        entry("/9999/0/1", 1.5),
        entry("/9999/0/2", "3:0"),
        entry("/9999/0/3", u64::MAX),
    ];
    assert_eq!(
        decode(F::SenmlJson, json, &path("/9999"), &NoModels),
        Ok(entries)
    );
}

// proves: FMT-20, FMT-21, FMT-22, SML-01, SML-07
#[test]
fn names_are_resolved() {
    let expected = [entry("/3/0/9", 95i64), entry("/1/0/1", 86400i64)];
    for json in [
        r#"[{"bn":"/3/0/9","v":95},{"bn":"/1/0/1","v":86400}]"#,
        r#"[{"n":"/3/0/9","v":95},{"n":"/1/0/1","v":86400}]"#,
        r#"[{"bn":"/3/0/","n":"9","v":95},{"bn":"/1/0/","n":"1","v":86400}]"#,
        r#"[{"bn":"/3/"},{"n":"0/9","v":95},{"bn":"/","n":"1/0/1","v":86400}]"#,
        r#"[{"n":"3/0/9","v":95},{"bn":"1","n":"/0/1","v":86400}]"#,
    ] {
        decodes(F::SenmlJson, json, "/", &expected);
    }
    encodes(
        F::SenmlJson,
        r#"[{"bn":"/3/0/","n":"9","v":95},{"bn":"/1/0/","n":"1","v":86400}]"#,
        "/",
        &expected,
    );
    for bad in [
        r#"[{"v":1}]"#,
        r#"[{"n":"","v":1}]"#,
        r#"[{"n":"/3/0/9"}]"#,
        r#"[{"n":"/3/0","v":1}]"#,
        r#"[{"n":"/3/0/","v":1}]"#,
        r#"[{"n":"//3/0/9","v":1}]"#,
        r#"[{"n":"/3/0/09","v":1}]"#,
        r#"[{"n":"/3/0/+9","v":1}]"#,
        r#"[{"n":"/3/0/65535","v":1}]"#,
        r#"[{"n":"/3/0/65536","v":1}]"#,
        r#"[{"n":"/3/0/6/0/0","v":1}]"#,
        r#"[{"n":"/lwm2m/3/0/9","v":1}]"#,
        r#"[{"bn":"urn:dev:ow:10e2073a01080063","n":"/3/0/9","v":1}]"#,
    ] {
        refused(F::SenmlJson, bad, "/");
    }
}

// proves: SML-04
#[test]
fn the_example_of_the_rfc() {
    // RFC 8428, sections 5.1.3 and 6, with names of ours
    let expected = [
        entry("/3305/0/1", 120.1).at(1_276_020_076.001),
        entry("/3305/0/2", 1.2).at(1_276_020_071.001),
        entry("/3305/0/2", 1.3).at(1_276_020_072.001),
        entry("/3305/0/2", 1.7).at(1_276_020_076.001),
    ];
    let json = br#"[{"bn":"/3305/0/","bt":1.276020076001e+09,"bu":"A","bver":5,"n":"1","u":"V","v":120.1},{"n":"2","t":-5,"v":1.2},{"n":"2","t":-4,"v":1.3},{"n":"2","v":1.7}]"#;
    let cbor = hex(
        "84a721682f333330352f302f22fb41d303a15b00106223614120050061310161 5602fb405e066666666666
         a3006132062402fb3ff3333333333333 a3006132062302fb3ff4cccccccccccd a200613202fb3ffb333333333333",
    );
    for (format, payload) in [(F::SenmlJson, &json[..]), (F::SenmlCbor, &cbor)] {
        let found = decode(format, payload, &Path::ROOT, &NoModels);
        assert_eq!(found.as_deref(), Ok(&expected[..]));
    }
    // Its own names are no paths.
    refused(
        F::SenmlJson,
        br#"[{"n":"urn:dev:ow:10e2073a01080063","u":"Cel","v":23.1}]"#,
        "/",
    );
}

/// The answer to a read of /65/0 as Core 1.2.2, table 7.5.6-4 shows it: the instances that object links lead to
/// come with it.
const LINKED: &str = r#"[{"bn":"/","n":"65/0/0/0","vlo":"66:0"},{"n":"65/0/0/1","vlo":"66:1"},
    {"n":"65/0/1","vs":"8613800755500"},{"n":"65/0/2","v":1},
    {"n":"66/0/0","vs":"myService1"},{"n":"66/0/1","vs":"Internet.15.234"},{"n":"66/0/2","vlo":"67:0"},
    {"n":"66/1/0","vs":"myService2"},{"n":"66/1/1","vs":"Internet.15.235"},{"n":"66/1/2","vlo":"FFFF:FFFF"},
    {"n":"67/0/0","vs":"85.76.76.84"},{"n":"67/0/1","vs":"85.76.255.255"}]"#;

#[test]
fn an_answer_brings_what_its_links_lead_to() {
    use super::super::super::Codec;
    let models = models();
    let codec = Codec::new(&models);
    let entries = [
        entry("/65/0/0/0", link(66, 0)),
        entry("/65/0/0/1", link(66, 1)),
        entry("/65/0/1", "8613800755500"),
        entry("/65/0/2", 1u64),
        entry("/66/0/0", "myService1"),
        entry("/66/0/1", "Internet.15.234"),
        entry("/66/0/2", link(67, 0)),
        entry("/66/1/0", "myService2"),
        entry("/66/1/1", "Internet.15.235"),
        entry("/66/1/2", Value::ObjectLink(ObjectLink::NULL)),
        entry("/67/0/0", "85.76.76.84"),
        entry("/67/0/1", "85.76.255.255"),
    ];
    let whole = LINKED.as_bytes();
    for place in ["/65/0", "/65", "/"] {
        let found = codec.decode_answer(F::SenmlJson, whole, &path(place));
        assert_eq!(found.as_deref(), Ok(&entries[..]), "{place}");
    }
    for format in [F::SenmlJson, F::SenmlCbor, F::LwM2mCbor, F::Json] {
        let payload = codec.encode(format, &entries, &Path::ROOT).unwrap();
        let found = codec.decode_answer(format, &payload, &path("/65/0"));
        // LwM2M-CBOR writes a link as text, which only a model tells from others.
        match format {
            F::LwM2mCbor => assert_eq!(found.map(|found| found.len()).unwrap_or(0), 0),
            _ => assert_eq!(found.as_deref(), Ok(&entries[..]), "{format:?}"),
        }
        // Who writes names no place but those below what is written.
        assert!(codec.decode(format, &payload, &path("/65/0")).is_err());
    }
    // From a place without the link nothing is reached, nor from an instance that is not reached itself.
    for (place, payload) in [
        ("/65/0/1", LINKED),
        (
            "/65/0",
            r#"[{"n":"/65/0/2","v":1},{"n":"/66/0/0","vs":"a"}]"#,
        ),
        (
            "/65/0",
            r#"[{"n":"/65/0/0/0","vlo":"66:0"},{"n":"/66/1/0","vs":"a"}]"#,
        ),
        (
            "/65/0",
            r#"[{"n":"/65/0/2","v":1},{"n":"/66/0/2","vlo":"67:0"},{"n":"/67/0/2","vlo":"66:0"}]"#,
        ),
        (
            "/65/0",
            r#"[{"n":"/65/0/0/0","vlo":"65535:65535"},{"n":"/66/0/0","vs":"a"}]"#,
        ),
    ] {
        let found = codec.decode_answer(F::SenmlJson, payload.as_bytes(), &path(place));
        assert!(
            matches!(found, Err(DecodeError::OutsideBase { .. })),
            "{payload}"
        );
    }
}

// proves: GEN-21
#[test]
fn names_below_another_root() {
    use super::super::super::Codec;
    let models = models();
    let codec = Codec::new(&models).below("/lwm2m/");
    let entries = [entry("/3/0/9", 95i64), entry("/1/0/1", 86400i64)];
    let senml = r#"[{"bn":"/lwm2m/3/0/","n":"9","v":95},{"bn":"/lwm2m/1/0/","n":"1","v":86400}]"#;
    let json = r#"{"bn":"/lwm2m/","e":[{"n":"3/0/9","v":95},{"n":"1/0/1","v":86400}]}"#;
    for (format, payload) in [(F::SenmlJson, senml), (F::Json, json)] {
        let found = codec.encode(format, &entries, &Path::ROOT).unwrap();
        assert_eq!(String::from_utf8(found).unwrap(), payload);
        let found = codec.decode(format, payload.as_bytes(), &Path::ROOT);
        assert_eq!(found.as_deref(), Ok(&entries[..]));
        assert!(decode(format, payload.as_bytes(), &Path::ROOT, &models).is_err());
    }
    // As a bootstrap server writes it
    let bare = codec.decode(F::SenmlJson, br#"[{"n":"/3/0/9","v":95}]"#, &Path::ROOT);
    assert_eq!(bare.as_deref(), Ok(&entries[..1]));
    let paths = [path("/"), path("/3/0")];
    let requests = br#"[{"n":"/lwm2m/"},{"n":"/lwm2m/3/0"}]"#;
    assert_eq!(
        codec.encode_paths(F::SenmlJson, &paths).as_deref(),
        Ok(&requests[..])
    );
    assert_eq!(
        codec.decode_paths(F::SenmlJson, requests).as_deref(),
        Ok(&paths[..])
    );
    for root in ["/lwm2m", "/"] {
        let request = std::format!(r#"[{{"n":"{root}"}}]"#);
        let found = codec.decode_paths(F::SenmlJson, request.as_bytes());
        assert_eq!(found.as_deref(), Ok(&paths[..1]), "{root}");
    }
    for bad in [
        "/lwm2m3/0",
        "/lwm2",
        "/lwm23/0",
        "lwm2m/3/0",
        "/lwm2m//3",
        "/other/3/0",
        "/lwm2m/lwm2m/3",
    ] {
        let request = std::format!(r#"[{{"n":"{bad}"}}]"#);
        assert!(
            codec
                .decode_paths(F::SenmlJson, request.as_bytes())
                .is_err(),
            "{bad}"
        );
    }
}

#[test]
fn a_bare_name_may_begin_as_the_root_does() {
    use super::super::super::Codec;
    let models = models();
    let codec = Codec::new(&models).below("/3dev");
    let nine = [entry("/3/0/9", 95i64)];
    for payload in [
        r#"[{"n":"/3/0/9","v":95}]"#,
        r#"[{"n":"/3dev/3/0/9","v":95}]"#,
        r#"[{"n":"3/0/9","v":95}]"#,
        r#"[{"bn":"/3","n":"/0/9","v":95}]"#,
        r#"[{"bn":"/3dev/3/0/","n":"9","v":95}]"#,
        r#"[{"bn":"/3/0/","n":"9","v":95}]"#,
    ] {
        let found = codec.decode(F::SenmlJson, payload.as_bytes(), &Path::ROOT);
        assert_eq!(found.as_deref(), Ok(&nine[..]), "{payload}");
    }
    for (name, place) in [
        ("/3", "/3"),
        ("/33/0", "/33/0"),
        ("/3dev", "/"),
        ("/3dev/3", "/3"),
        ("/", "/"),
    ] {
        let request = std::format!(r#"[{{"n":"{name}"}}]"#);
        let found = codec.decode_paths(F::SenmlJson, request.as_bytes());
        assert_eq!(found, Ok(vec![path(place)]), "{name}");
    }
    for bad in ["/3d", "/3de/0", "/3dev3", "/3devx/3", "/03", "/3dev//3"] {
        let request = std::format!(r#"[{{"n":"{bad}"}}]"#);
        let found = codec.decode_paths(F::SenmlJson, request.as_bytes());
        assert!(found.is_err(), "{bad}");
    }
    let longer = Codec::new(&models).below("/31-a");
    let found = longer.decode_paths(F::SenmlJson, br#"[{"n":"/31"},{"n":"/3"},{"n":"/310/2"}]"#);
    assert_eq!(found, Ok(vec![path("/31"), path("/3"), path("/310/2")]));
}

// proves: FMT-14
#[test]
fn dates_in_cbor() {
    let date = [entry("/3/0/13", Value::Time(1_367_491_215))];
    for v in [
        "c11a5182428f",
        "1a5182428f",
        "c074323031332d30352d30325431303a34303a31355a",
    ] {
        let cbor = std::format!("81a200672f332f302f313302{v}");
        decodes(F::SenmlCbor, hex(&cbor), "/3/0", &date);
    }
}

// proves: FMT-21, FMT-24, SML-01
#[test]
fn times_are_resolved() {
    let v = |json: &str, times: &[Option<f64>]| {
        let found = decode(F::SenmlJson, json.as_bytes(), &path("/"), &NoModels).unwrap();
        assert_eq!(
            found.iter().map(|e| e.time).collect::<Vec<_>>(),
            times,
            "{json}"
        );
    };
    v(r#"[{"n":"/9/0/1","v":1}]"#, &[None]);
    v(r#"[{"n":"/9/0/1","v":1,"t":-5}]"#, &[Some(-5.0)]);
    v(
        r#"[{"n":"/9/0/1","v":1,"bt":1.5e9,"t":0.25}]"#,
        &[Some(1_500_000_000.25)],
    );
    v(
        r#"[{"bn":"/1024/0/1","v":22.9,"bt":268500000},{"v":22.4,"t":-5},{"v":24.1,"t":-50}]"#,
        &[
            Some(268_500_000.0),
            Some(268_499_995.0),
            Some(268_499_950.0),
        ],
    );
    v(
        r#"[{"bn":"/3303/0/5700","bt":1699877805.766,"v":-128.8},{"bn":"/6/0/0","t":0.101,"v":-39.0}]"#,
        &[Some(1_699_877_805.766), Some(1_699_877_805.867)],
    );
    v(
        r#"[{"bn":"/1024/0/","bt":268600000,"n":"1","v":22.9},{"n":"1","v":24.1,"t":-50},{"bt":268500000,"n":"0","vs":"a"},{"n":"1","v":22.4}]"#,
        &[
            Some(268_600_000.0),
            Some(268_599_950.0),
            Some(268_500_000.0),
            Some(268_500_000.0),
        ],
    );
    // A decimal fraction as base time in CBOR: 1.5e9
    let cbor = hex("81a421652f392f302f22c482 08 0f 0061310201");
    let found = decode(F::SenmlCbor, &cbor, &path("/"), &NoModels).unwrap();
    assert_eq!(found, [entry("/9/0/1", 1i64).at(1.5e9)]);
    refused(F::SenmlCbor, hex("81a300662f392f302f310201 06f97e00"), "/");
    refused(F::SenmlCbor, hex("81a300662f392f302f310201 066161"), "/");
}

// proves: FMT-24
#[test]
fn a_series_of_one_resource() {
    // As Zephyr sends it: Send of what it has kept.
    let series = [
        entry("/3/0/9", 10i64).at(1_761_226_500.0),
        entry("/3/0/9", 11i64).at(1_761_226_560.0),
        entry("/3/0/9", 12i64).at(1_761_226_620.0),
    ];
    let payload =
        hex("83a421652f332f302f221a68fa2f040061390 20aa3006139 06183c020ba3006139061878020c");
    decodes(F::SenmlCbor, payload, "/", &series);
    encodes(
        F::SenmlJson,
        r#"[{"bn":"/3/0/9","bt":1761226500,"v":10},{"t":60,"v":11},{"t":120,"v":12}]"#,
        "/",
        &series,
    );
    // With records that have no time, each time stands alone.
    let mixed = [entry("/3/0/9", 10i64).at(-2.5), entry("/3/0/9", 11i64)];
    both(
        F::SenmlJson,
        r#"[{"bn":"/3/0/9","t":-2.5,"v":10},{"v":11}]"#,
        "/",
        &mixed,
    );
    // A distance that a float cannot hold exactly begins a new base.
    let far = [
        entry("/3/0/9", 1i64).at(1.7e9),
        entry("/3/0/9", 2i64).at(0.1),
    ];
    both(
        F::SenmlJson,
        r#"[{"bn":"/3/0/9","bt":1700000000,"v":1},{"bt":0.1,"v":2}]"#,
        "/",
        &far,
    );
    let never = [entry("/3/0/9", 1i64).at(f64::NAN)];
    assert!(encode(F::SenmlCbor, &never, &path("/"), &models()).is_err());
}

// proves: SML-01
#[test]
fn base_values_are_added() {
    let found = decode(
        F::SenmlJson,
        br#"[{"bn":"/9/0/","bv":20,"n":"1","v":1},{"n":"2","v":0.5},{"n":"3","vs":"a"},{"bv":18446744073709551615,"n":"4","v":-1}]"#,
        &path("/"),
        &NoModels,
    );
    let expected = vec![
        entry("/9/0/1", 21i64),
        entry("/9/0/2", 20.5),
        entry("/9/0/3", "a"),
        entry("/9/0/4", u64::MAX - 1),
    ];
    assert_eq!(found, Ok(expected));
}

// proves: SML-02, SML-05, SML-06, SML-09, SML-10, SML-11, SML-12
#[test]
fn unknown_and_unwanted_fields() {
    let expected = [entry("/3/0/9", 1i64)];
    decodes(
        F::SenmlJson,
        r#"[{"bver":10,"bu":"%","n":"/3/0/9","u":"%","v":1,"s":5,"ut":3,"x":[{"y":[]}]}]"#,
        "/",
        &expected,
    );
    decodes(
        F::SenmlCbor,
        hex("81a7200a 00662f332f302f39 0201 016125 0505 1864a16178820102 6178bf6179f6ff"),
        "/",
        &expected,
    );
    for bad in [
        r#"[{"bver":11,"n":"/3/0/9","v":1}]"#,
        r#"[{"n":"/3/0/9","v":1,"x_":1}]"#,
        r#"[{"n":"/3/0/9","v":1,"v":1}]"#,
        r#"[{"n":"/3/0/9","v":1,"vs":"1"}]"#,
        r#"[{"n":"/3/0/9","n":"/3/0/9","v":1}]"#,
        r#"[{"n":9,"v":1}]"#,
        r#"[{"n":"/3/0/9","v":1}]x"#,
        r#"[{"n":"/3/0/9","v":1},]"#,
        r#"[{"n":"/3/0/9","v":1}"#,
        r#"{"n":"/3/0/9","v":1}"#,
        r#"[[{"n":"/3/0/9","v":1}]]"#,
        r#"[{"n":"/3/0/9","v":1},{"n":"/3/0/9","v":1}]"#,
        r#"[{"n":"/3442/0/150","vd":"+/8"}]"#,
        r#"[{"n":"/3442/0/170","vlo":"3"}]"#,
        "nonsense",
    ] {
        refused(F::SenmlJson, bad, "/");
    }
    for bad in [
        "a1 00 01",                          // no array
        "81 80",                             // no map
        "81a200662f332f302f390201 00",       // bytes after it
        "81a300662f332f302f3902010201",      // twice
        "81a300662f332f302f39020103 6131",   // two values
        "81a300662f332f302f390201 61 5f 01", // to be understood
        "81a3200b00662f332f302f390201",      // version 11
        "82a200662f332f302f390201",          // one of two
        "9fa200662f332f302f390201",          // no break
        "81a20001 0201",                     // a name that is a number
        "81a2f500 0201",                     // a label that is a boolean
        "81a200662f332f302f3902a0",          // a map for a value
        "81a200662f332f302f3904 01",         // a number for a boolean
        "81a200662f332f302f3908 6161",       // text for bytes
    ] {
        refused(F::SenmlCbor, hex(bad), "/");
    }
    // Indefinite lengths everywhere
    decodes(
        F::SenmlCbor,
        hex("9fbf007f632f332f63302f39ff0201ffff"),
        "/",
        &expected,
    );
}

// proves: FMT-40
#[test]
fn nothing_is_an_answer() {
    for format in [F::SenmlJson, F::SenmlCbor] {
        decodes(format, "", "/3/0/6", &[]);
    }
    both(F::SenmlJson, "[]", "/3/0/6", &[]);
    both(F::SenmlCbor, [0x80], "/3/0/6", &[]);
}
