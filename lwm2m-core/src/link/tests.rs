use super::*;
use crate::version::LwM2mVersion;
use alloc::{format, vec};
use proptest::prelude::*;

fn one(text: &str) -> Link {
    let mut links = parse(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(links.len(), 1, "{text}");
    links.remove(0)
}

// proves: LINK-01, LINK-02, LINK-03, LINK-05, LINK-06
#[test]
fn parameter_forms() {
    for (text, name, value) in [
        ("</1>;ver=1.1", "ver", Some("1.1")),
        ("</1>;ver=\"1.1\"", "ver", Some("1.1")),
        ("</1>;empty", "empty", None),
        ("</1>;title*=UTF-8''x", "title*", Some("UTF-8''x")),
        ("</1>;p=\"\"", "p", Some("")),
        ("</1>;p=\"a,b;c=<d>\"", "p", Some("a,b;c=<d>")),
        (r#"</1>;p="say \"hi\" \\ \x""#, "p", Some(r#"say "hi" \ x"#)),
        ("</1>;p=\"ąé\"", "p", Some("ąé")),
        (
            "</1>;p=!#$%&'()*+-.:<=>?@[]^_`{|}~",
            "p",
            Some("!#$%&'()*+-.:<=>?@[]^_`{|}~"),
        ),
        ("</1> ; \tp=1", "p", Some("1")),
    ] {
        let link = one(text);
        assert_eq!(link.target, LinkTarget::Path(Path::object(1)), "{text}");
        assert_eq!(
            link.parameters,
            [(name.into(), value.map(String::from))],
            "{text}"
        );
    }
}

// proves: LINK-01
#[test]
fn targets() {
    for (text, path) in [
        ("</>", Some("/")),
        ("</3/0/6/1>", Some("/3/0/6/1")),
        ("</03>", None),
        ("</3/0/>", None),
        ("</65535>", None),
        ("</1/2/3/4/5>", None),
        ("</lwm2m/3/0>", None),
        ("</dev1/3303/0>", None),
        ("<coap://[::1]/x?y#z>", None),
        ("</%20a>", None),
        ("</a,b;c=d>", None),
        ("<>", None),
    ] {
        let expected = match path {
            Some(path) => LinkTarget::Path(path.parse().unwrap()),
            None => LinkTarget::Other(text[1..text.len() - 1].into()),
        };
        assert_eq!(one(text).target, expected, "{text}");
    }
}

// proves: FMT-01, LINK-01
#[test]
fn lists() {
    assert_eq!(parse(b""), Ok(vec![]));
    for text in ["</1/0>,</3/0>", "</1/0>, </3/0>", "</1/0>\t,</3/0>"] {
        let links = vec![
            Link::to(Path::object_instance(1, 0)),
            Link::to(Path::object_instance(3, 0)),
        ];
        assert_eq!(parse(text.as_bytes()), Ok(links), "{text}");
    }
}

// proves: LINK-04, LINK-05
#[test]
fn errors_say_where() {
    for (text, offset) in [
        ("x", 0),
        ("</1>,", 5),
        ("</1>;", 4),
        ("</1>,,</2>", 5),
        ("</1></2>", 4),
        ("</1>;=", 4),
        ("</1>;p=", 6),
        ("</1>;p=ą", 6),
        ("</1>;pąr=1", 6),
        ("</1>;p= 1", 6),
        ("</1>;p=\"a", 6),
        ("</1>;p=\"a\\\"", 6),
        ("</1>;p=\"a\nb\"", 6),
        ("</1", 3),
        ("</%>", 1),
        ("</%1g>", 1),
        ("</ó>", 2),
        ("</1> ", 5),
        (" </1>", 0),
        ("<<1>", 1),
    ] {
        let error = LinkError {
            offset,
            reason: LinkErrorReason::Syntax,
        };
        assert_eq!(parse(text.as_bytes()), Err(error), "{text}");
    }
    let error = LinkError {
        offset: 4,
        reason: LinkErrorReason::Utf8,
    };
    assert_eq!(parse(b"</1>\xff"), Err(error));
}

// proves: LINK-11
#[test]
fn limits() {
    let limits = LinkLimits {
        links: 2,
        parameters: 2,
    };
    let limited = |text: &str| parse_limited(text.as_bytes(), &limits).map(|links| links.len());
    let over = |offset| {
        Err(LinkError {
            offset,
            reason: LinkErrorReason::Limit,
        })
    };
    assert_eq!(limited("</1>,</2>;a;b"), Ok(2));
    assert_eq!(limited("</1>,</2>,</3>"), over(10));
    assert_eq!(limited("</1>;a;b;c"), over(8));
    // What a peer can make us do is linear: a large body of nothing but separators or quotes ends at once.
    assert!(parse("</1>,".repeat(100_000).as_bytes()).is_err());
    assert!(parse(format!("</1>;p=\"{}", "\\\"".repeat(100_000)).as_bytes()).is_err());
    assert!(parse(format!("</1>{}", ";a".repeat(100_000)).as_bytes()).is_err());
}

// proves: LINK-08, LINK-12
#[test]
fn writes_what_others_write() {
    let links = [
        Link::root(&[110, 112]),
        Link::to(Path::object(1)).with("ver", "1.1"),
        Link::to(Path::object_instance(0, 1))
            .with("ssid", "101")
            .with("uri", "coaps://a:5684"),
        Link::to(Path::resource(3, 0, 6))
            .with("dim", "2")
            .with_flag("f")
            .with("x", "a\"b"),
        Link {
            target: LinkTarget::Other("/a>b é".into()),
            parameters: vec![("no name".into(), None)],
        },
    ];
    let text = "</>;rt=\"oma.lwm2m\";ct=\"110 112\",</1>;ver=1.1,</0/1>;ssid=101;uri=\"coaps://a:5684\",\
                </3/0/6>;dim=2;f;x=\"a\\\"b\",</a%3Eb%20%C3%A9>";
    assert_eq!(write(&links), text);
    assert_eq!(write(&[Link::root(&[60])]), "</>;rt=\"oma.lwm2m\";ct=60");
}

// proves: LINK-08, REG-22, REG-28
#[test]
fn supported_objects_of_a_registration() {
    let links = parse(
        b"</>;rt=\"oma.lwm2m\";ct=\"110 112 x +40 60\",</0/0>,</1>;ver=1.1,</1/2>,</1/0>,</1/0>,</3/0>;ver=\"1.2\",\
          </5>,</21/0>,</3303/0/5700>,</gw/3/9>,</6/0/>",
    )
    .unwrap();
    let supported = SupportedObjects::from_links(&links);
    assert_eq!(supported.root(), "");
    assert!(supported.root_segments().is_empty());
    assert_eq!(supported.content_formats(), [110, 112, 60]);
    let objects: Vec<_> = supported
        .objects()
        .map(|(id, object)| {
            (
                id,
                object.version.map(|v| v.to_string()),
                object.instances.clone(),
            )
        })
        .collect();
    assert_eq!(
        objects,
        [
            (1, Some("1.1".into()), vec![0, 2]),
            (3, Some("1.2".into()), vec![0]),
            (5, None, vec![]),
            (6, None, vec![0]),
        ]
    );
    let version = |id, version| supported.object_version(id, version).map(|v| v.to_string());
    assert_eq!(version(3, LwM2mVersion::V1_0).as_deref(), Some("1.2"));
    assert_eq!(version(5, LwM2mVersion::V1_2).as_deref(), Some("1.1"));
    assert_eq!(version(5, LwM2mVersion::V1_0).as_deref(), Some("1.0"));
    assert_eq!(version(7, LwM2mVersion::V1_0), None);
    for (path, contained) in [
        ("/1", true),
        ("/1/2/7", true),
        ("/1/1", false),
        ("/5", true),
        ("/5/0", false),
        ("/", false),
    ] {
        assert_eq!(
            supported.contains(&path.parse().unwrap()),
            contained,
            "{path}"
        );
    }
}

// proves: GEN-20, LINK-07
#[test]
fn targets_below_a_root_are_read_as_they_are_made() {
    for (root, path, target) in [
        ("", "/3/0", "/3/0"),
        ("/", "/", "/"),
        ("/lwm2m", "/", "/lwm2m"),
        ("/lwm2m/", "/3/0", "/lwm2m/3/0"),
        ("/a%20b/c", "/3303", "/a%20b/c/3303"),
    ] {
        let path: Path = path.parse().unwrap();
        let below = LinkTarget::below(root, path);
        assert_eq!(below, LinkTarget::new(target));
        assert_eq!(below.path_below(root), Some(path));
    }
}

#[test]
fn alternate_paths() {
    for (text, root, segments, paths) in [
        (
            "</lwm2m>;rt=\"oma.lwm2m\",</lwm2m/1/0>,</3/0>",
            "/lwm2m",
            vec!["lwm2m"],
            vec![1],
        ),
        (
            "</a%20b/c/>;rt=\"x oma.lwm2m\";ct=110,</a%20b/c/3/0>",
            "/a%20b/c",
            vec!["a b", "c"],
            vec![3],
        ),
        // A root with a numeric segment is none.
        ("</7>;rt=\"oma.lwm2m\",</3/0>", "", vec![], vec![3, 7]),
        ("</>;ct=60,</3/0>", "", vec![], vec![3]),
        (
            "</lwm2m>;rt=oma.lwm2m,</lwm2mx/3/0>,</lwm2m/4/0>",
            "/lwm2m",
            vec!["lwm2m"],
            vec![4],
        ),
    ] {
        let supported = SupportedObjects::from_links(&parse(text.as_bytes()).unwrap());
        assert_eq!(supported.root(), root, "{text}");
        assert_eq!(supported.root_segments(), segments, "{text}");
        let ids: Vec<u16> = supported.objects().map(|(id, _)| id).collect();
        assert_eq!(ids, paths, "{text}");
    }
}

// proves: GEN-34, GEN-37
#[test]
fn implied_versions_of_the_core_objects() {
    use LwM2mVersion::{V1_0, V1_1, V1_2};
    for (object, versions) in [
        (0, ["1.0", "1.1", "1.2"]),
        (2, ["1.0", "1.0", "1.1"]),
        (4, ["1.0", "1.2", "1.3"]),
        (21, ["1.0", "1.0", "2.0"]),
        (3303, ["1.0", "1.0", "1.0"]),
    ] {
        assert_eq!(
            [V1_0, V1_1, V1_2].map(|v| implied_version(object, v).to_string()),
            versions
        );
    }
}

#[test]
fn equal_registrations_share_one_set() {
    let links = || parse(b"</1/0>,</3/0>").unwrap();
    let mut interner = LinkInterner::new();
    let held: Vec<LinkSet> = (0..1000).map(|_| interner.intern(links())).collect();
    assert_eq!(interner.len(), 1);
    assert!(held.iter().all(|set| set.is_shared_with(&held[0])));
    assert_eq!(&*held[0], links());
    assert!(held[0].supported().contains(&Path::object_instance(3, 0)));

    // Registrations that come and go leave nothing behind, and what is held stays shared.
    for instance in 0..10_000 {
        interner.intern(vec![Link::to(Path::object_instance(3, instance))]);
    }
    assert!(interner.len() <= LinkInterner::SMALL + 1);
    assert!(interner.intern(links()).is_shared_with(&held[0]));
}

fn any_link() -> impl Strategy<Value = Link> {
    let path = prop::collection::vec(0..65535u16, 0..=4)
        .prop_map(|ids| LinkTarget::Path(Path::try_from_ids(&ids).unwrap()));
    let other =
        "/[a-z%]{1}[a-z0-9._~/-]{0,12}".prop_map(|text| LinkTarget::new(&text.replace('%', "%41")));
    let parameter = (
        "[a-zA-Z!#$&+.^_`|~-]{1,8}\\*?",
        prop::option::of(any::<String>()),
    );
    (
        prop_oneof![path, other],
        prop::collection::vec(parameter, 0..4),
    )
        .prop_map(|(target, parameters)| Link { target, parameters })
}

proptest! {
    // proves: LINK-12
    #[test]
    fn reads_what_it_writes(links in prop::collection::vec(any_link(), 0..6)) {
        prop_assert_eq!(parse(write(&links).as_bytes()), Ok(links));
    }

    #[test]
    fn never_panics_and_is_stable(text in "[</>;,=\"\\\\a0-9 %.é\\n]{0,40}") {
        if let Ok(links) = parse(text.as_bytes()) {
            prop_assert_eq!(parse(write(&links).as_bytes()), Ok(links.clone()));
            let _ = SupportedObjects::from_links(&links);
        }
    }

    #[test]
    fn writes_what_can_be_read(target in any::<String>(), name in any::<String>(), value in any::<String>()) {
        let link = Link { target: LinkTarget::Other(target), parameters: vec![(name, Some(value))] };
        prop_assert!(parse(write(&[link]).as_bytes()).is_ok());
    }

    #[test]
    fn never_panics_on_bytes(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = parse(&bytes);
    }
}

/// The examples of Core 1.2.2, sections 6.1.7.3, 6.2.1 and 7.2.3: what they say about objects.
// proves: GEN-34
#[test]
fn examples_of_registrations() {
    use LwM2mVersion::V1_1;
    let version = |text: &str, object| {
        let supported = SupportedObjects::from_links(&parse(text.as_bytes()).unwrap());
        supported
            .object_version(object, V1_1)
            .map(|v| v.to_string())
    };
    let implied = "</1/0>,</1/1>,</3/0>";
    assert_eq!(version(implied, 1).as_deref(), Some("1.1"));
    assert_eq!(
        version("</1>;ver=1.0,</1/0>,</1/1>,</3/0>", 1).as_deref(),
        Some("1.0")
    );
    assert_eq!(
        version("</1/0>,</1/1>,</3/0>,</44/0>;ver=2.2", 44).as_deref(),
        Some("2.2")
    );
    assert_eq!(
        version("</1>,</1/0>,</1/1>,</3/0>,</4/0>", 4).as_deref(),
        Some("1.2")
    );

    let text = "</>;ct=\"110 112 60\", </1/0>,</1/1>,</2/0>,</2/1>,</2/2>,</2/3>,</2/4>,</3/0>,</4/0>,</5>";
    let supported = SupportedObjects::from_links(&parse(text.as_bytes()).unwrap());
    assert_eq!(supported.content_formats(), [110, 112, 60]);
    assert_eq!(supported.object(2).unwrap().instances, [0, 1, 2, 3, 4]);
    assert_eq!(supported.object(5), Some(&SupportedObject::default()));

    // A figure forgets a comma.
    assert!(parse(b"</1/1>,</1/2>,</2/0></2/1>,</3/0>,</4/0>").is_err());
}

// proves: REP-04
#[test]
fn examples_of_discover() {
    let text = "</>;lwm2m=1.1,</0/0>;ssid=101;uri=\"coaps://server_1.example.com\", </0/1/>, </0/2>;ssid=102;uri=\"coaps://server_2.example.com\"";
    let links = parse(text.as_bytes()).unwrap();
    let places: Vec<_> = links
        .iter()
        .map(|link| link.target.path_below("/"))
        .collect();
    let path = |text: &str| Some(text.parse::<Path>().unwrap());
    assert_eq!(
        places,
        [path("/"), path("/0/0"), path("/0/1"), path("/0/2")]
    );
    assert_eq!(links[0].parameter("lwm2m"), Some("1.1"));
    assert_eq!(
        links[3].parameter("uri"),
        Some("coaps://server_2.example.com")
    );

    let text = "</3/0/7>;dim=2;pmin=10;pmax=60;gt=50;lt=42.2, </3/0/7/0>, </3/0/7/1>;lt=45";
    let links = parse(text.as_bytes()).unwrap();
    assert_eq!(links.len(), 3);
    assert_eq!(write(&links), text.replace(", ", ","));
}

// proves: BS-57
#[test]
fn bootstrap_discover_of_1_0() {
    for text in [
        "lwm2m=1.0,</0/0>;ssid=101",
        "lwm2m=\"1.0\", </0/0>;ssid=101",
        "</>;lwm2m=1.0,</0/0>;ssid=101",
    ] {
        let links = parse_bootstrap_discover(text.as_bytes()).unwrap();
        assert_eq!(write(&links), "</>;lwm2m=1.0,</0/0>;ssid=101", "{text}");
    }
    assert!(parse(b"lwm2m=1.0,</0/0>").is_err(), "nowhere else");
    let error = LinkError {
        offset: 5,
        reason: LinkErrorReason::Syntax,
    };
    assert_eq!(parse_bootstrap_discover(b"lwm2m=,</0/0>"), Err(error));
}

// proves: LINK-12
#[test]
fn any_target_can_be_written() {
    for (target, text) in [
        ("/50%", "</50%25>"),
        ("/%4g", "</%254g>"),
        ("/%41", "</%41>"),
        ("/é>", "</%C3%A9%3E>"),
    ] {
        let link = Link {
            target: LinkTarget::Other(target.into()),
            parameters: vec![],
        };
        assert_eq!(write(&[link]), text);
        assert!(parse(text.as_bytes()).is_ok());
    }
}
