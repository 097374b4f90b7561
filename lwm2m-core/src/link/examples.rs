//! The payloads that RFC 6690 shows, read and written.

use super::*;

/// What stands there: target, and parameters with their values.
type Expected<'a> = &'a [(&'a str, &'a [(&'a str, &'a str)])];

fn links(expected: Expected<'_>) -> Vec<Link> {
    let link = |(target, parameters): &(&str, &[(&str, &str)])| {
        let empty = Link {
            target: LinkTarget::new(target),
            parameters: Vec::new(),
        };
        parameters
            .iter()
            .fold(empty, |link, (name, value)| link.with(*name, *value))
    };
    expected.iter().map(link).collect()
}

/// RFC 6690, section 5: the answers to requests for `/.well-known/core`, and a description of links as a whole.
// proves: LINK-01, LINK-02
#[test]
fn rfc_6690_section_5() {
    let examples: [(&str, Expected<'_>); 5] = [
        (r#"</sensors>;ct=40"#, &[("/sensors", &[("ct", "40")])]),
        (
            r#"</sensors/temp>;if="sensor",</sensors/light>;if="sensor""#,
            &[
                ("/sensors/temp", &[("if", "sensor")]),
                ("/sensors/light", &[("if", "sensor")]),
            ],
        ),
        (
            r#"</sensors>;ct=40;title="Sensor Index",</sensors/temp>;rt="temperature-c";if="sensor",</sensors/light>;rt="light-lux";if="sensor",<http://www.example.com/sensors/t123>;anchor="/sensors/temp";rel="describedby",</t>;anchor="/sensors/temp";rel="alternate""#,
            &[
                ("/sensors", &[("ct", "40"), ("title", "Sensor Index")]),
                (
                    "/sensors/temp",
                    &[("rt", "temperature-c"), ("if", "sensor")],
                ),
                ("/sensors/light", &[("rt", "light-lux"), ("if", "sensor")]),
                (
                    "http://www.example.com/sensors/t123",
                    &[("anchor", "/sensors/temp"), ("rel", "describedby")],
                ),
                ("/t", &[("anchor", "/sensors/temp"), ("rel", "alternate")]),
            ],
        ),
        (
            r#"</sensors/light>;rt="light-lux";if="sensor""#,
            &[("/sensors/light", &[("rt", "light-lux"), ("if", "sensor")])],
        ),
        (
            r#"</firmware/v2.1>;rt="firmware";sz=262144"#,
            &[("/firmware/v2.1", &[("rt", "firmware"), ("sz", "262144")])],
        ),
    ];
    for (text, expected) in examples {
        let expected = links(expected);
        assert_eq!(parse(text.as_bytes()).as_ref(), Ok(&expected), "{text}");
        let written = write(&expected);
        assert_eq!(parse(written.as_bytes()), Ok(expected), "{written}");
        // Quotes may differ, and nothing else.
        assert_eq!(written.replace('"', ""), text.replace('"', ""));
    }
}

/// RFC 6690, section 5: each of several types is one by itself.
#[test]
fn resource_types_of_rfc_6690() {
    let found = parse(br#"</sensors/light>;rt="light-lux core.sen-light";if="sensor""#);
    let found = found.expect("links");
    for (resource_type, there) in [
        ("light-lux", true),
        ("core.sen-light", true),
        ("core", false),
    ] {
        assert_eq!(
            found[0].has_resource_type(resource_type),
            there,
            "{resource_type}"
        );
    }
}
