//! The JSON of LwM2M 1.0.

use super::*;

// proves: FMT-33
#[test]
fn device_instance() {
    let payload = r#"{"bn":"/3/0/","e":[{"n":"0","sv":"Open Mobile Alliance"},{"n":"1","sv":"Lightweight M2M Client"},{"n":"2","sv":"345000123"},{"n":"3","sv":"1.0"},{"n":"6/0","v":1},{"n":"6/1","v":5},{"n":"7/0","v":3800},{"n":"7/1","v":5000},{"n":"8/0","v":125},{"n":"8/1","v":900},{"n":"9","v":100},{"n":"10","v":15},{"n":"11/0","v":0},{"n":"13","v":1367491215},{"n":"14","sv":"+02:00"},{"n":"16","sv":"U"}]}"#;
    both(F::Json, payload, "/3/0", &device());
}

// proves: FMT-01
#[test]
fn every_type() {
    let v = |json: &str, resource: u16, value: Value| {
        let path = std::format!("/3442/0/{resource}");
        let entries = [Entry::new(Path::resource(3442, 0, resource), value)];
        let json = std::format!(r#"{{"bn":"{path}","e":[{{{json}}}]}}"#);
        both(F::Json, json, &path, &entries);
    };
    v(r#""sv":"test_string""#, 110, "test_string".into());
    v(r#""v":-9223372036854775808"#, 120, i64::MIN.into());
    v(r#""v":9223372036854775807"#, 120, i64::MAX.into());
    v(r#""v":18446744073709551615"#, 125, u64::MAX.into());
    v(r#""v":3.0"#, 130, 3.0.into());
    v(r#""v":-0.987"#, 130, (-0.987).into());
    v(r#""bv":false"#, 140, false.into());
    v(
        r#""sv":"-/8=""#.replace('-', "+").as_str(),
        150,
        Value::Opaque(vec![0xfb, 0xff]),
    );
    v(r#""v":1170111600"#, 160, Value::Time(1_170_111_600));
    v(r#""ov":"0:65535""#, 170, link(0, 65535));
    v(r#""sv":"</3/0>""#, 180, Value::CoreLink("</3/0>".into()));
}

#[test]
fn names() {
    let nine = [entry("/3/0/9", 1i64)];
    for json in [
        r#"{"bn":"/3/0/","e":[{"n":"9","v":1}]}"#,
        r#"{"bn":"/","e":[{"n":"3/0/9","v":1}]}"#,
        r#"{"bn":"3/0/","e":[{"n":"9","v":1}]}"#,
        r#"{"e":[{"n":"/3/0/9","v":1}]}"#,
        r#"{"e":[{"n":"9","v":1}]}"#,
        r#"{"e":[{"n":"9","v":1}],"bn":"/3/0/","ver":[{}]}"#,
    ] {
        decodes(F::Json, json, "/3/0", &nine);
    }
    both(
        F::Json,
        r#"{"bn":"/3/0/6/","e":[{"n":"0","v":1},{"n":"1","v":5}]}"#,
        "/3/0/6",
        &[entry("/3/0/6/0", 1i64), entry("/3/0/6/1", 5i64)],
    );
    both(
        F::Json,
        r#"{"bn":"/2/","e":[{"n":"0/2/127","v":7}]}"#,
        "/2",
        &[entry("/2/0/2/127", 7i64)],
    );
    both(F::Json, r#"{"bn":"/2/","e":[]}"#, "/2", &[]);
}

#[test]
fn times() {
    let series = |times: [f64; 3]| times.map(|time| entry("/3/0/9", 1i64).at(time));
    decodes(
        F::Json,
        r#"{"bn":"/3/0/9","e":[{"v":1,"t":-30},{"v":1,"t":-5},{"v":1,"t":-50}],"bt":25462634}"#,
        "/3/0/9",
        &series([25_462_604.0, 25_462_629.0, 25_462_584.0]),
    );
    both(
        F::Json,
        r#"{"bn":"/3/0/9","bt":1700000000,"e":[{"v":1},{"t":5,"v":1},{"t":-5.5,"v":1}]}"#,
        "/3/0/9",
        &series([1.7e9, 1_700_000_005.0, 1_699_999_994.5]),
    );
    both(
        F::Json,
        r#"{"bn":"/3/0/9","e":[{"t":1700000000,"v":1},{"t":0.1,"v":1},{"t":-5,"v":1}]}"#,
        "/3/0/9",
        &series([1.7e9, 0.1, -5.0]),
    );
}

#[test]
fn what_is_no_pack() {
    for bad in [
        "",
        "{}",
        "[]",
        r#"{"e":{}}"#,
        r#"{"e":[{"n":"/3/0/9"}]}"#,
        r#"{"e":[{"n":"/3/0/9","v":1,"sv":"1"}]}"#,
        r#"{"e":[{"n":"/3/0/9","v":1,"v":1}]}"#,
        r#"{"e":[{"n":"/3/0/9","v":1}],"e":[]}"#,
        r#"{"e":[{"n":"/3/0/9","v":"1"}]}"#,
        r#"{"e":[{"n":"/3/0/9","v":9223372036854775808}]}"#,
        r#"{"e":[{"n":"/3/0/9","v":1},{"n":"/3/0/9","v":1}]}"#,
        r#"{"e":[{"n":"/3/0","v":1}]}"#,
        r#"{"e":[{"n":"/3/1/9","v":1}]}"#,
        r#"{"e":[{"n":"/3/0/9","v":1}]}}"#,
        r#"{"e":[{"n":"/3442/0/170","ov":"1"}]}"#,
        // Arrays are no objects, and null is no value.
        r#"["/3/0/",null,[["9",null,1,null,null,null]]]"#,
        r#"["/3/0/",0,[{"n":"9","v":1}]]"#,
        r#"{"bn":"/3/0/","e":[["9",null,1,null,null,null]]}"#,
        r#"{"bn":null,"e":[{"n":"/3/0/9","v":1}]}"#,
        r#"{"bt":null,"e":[{"n":"/3/0/9","v":1}]}"#,
        r#"{"bn":"/3/0/","e":null}"#,
        r#"{"e":[{"n":"/3/0/9","v":1,"sv":null}]}"#,
        r#"{"e":[{"n":"/3/0/9","v":1,"t":null}]}"#,
        r#"{"e":[{"n":"/3/0/9","v":1,"bv":null}]}"#,
        r#"{"e":[{"n":"/3/0/9","v":1,"ov":null}]}"#,
        r#"{"e":[{"n":null,"v":1}]}"#,
        r#"{"e":[{"n":"/3/0/9","v":null}]}"#,
        r#"{"e":[null]}"#,
    ] {
        refused(F::Json, bad, "/3/0");
    }
    refused(F::Json, r#"{"e":[{"n":"/3442/0/150","sv":"*"}]}"#, "/3442");
    for v in [f64::NAN, f64::INFINITY] {
        let entries = [entry("/3442/0/130", v)];
        assert!(encode(F::Json, &entries, &path("/3442"), &models()).is_err());
    }
}
