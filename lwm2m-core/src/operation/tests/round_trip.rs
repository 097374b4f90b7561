//! Whatever one side writes the other reads, for arbitrary operations.

use super::*;
use crate::{
    attributes::{AttributeChange, AttributeNames, Attributes},
    content::ContentFormat,
    link::Link,
};
use proptest::prelude::*;

fn any_path(depth: impl Into<prop::collection::SizeRange>) -> impl Strategy<Value = Path> {
    prop::collection::vec(0..65535u16, depth).prop_map(|ids| Path::try_from_ids(&ids).unwrap())
}

fn one_of(numbers: &'static [u16]) -> impl Strategy<Value = ContentFormat> {
    prop::sample::select(numbers).prop_map(|number| ContentFormat::from_number(number).unwrap())
}

fn any_payload(formats: &'static [u16]) -> impl Strategy<Value = Payload> {
    (one_of(formats), prop::collection::vec(any::<u8>(), 0..20)).prop_map(|(format, data)| {
        Payload {
            format,
            data: data.into(),
        }
    })
}

fn any_attributes() -> impl Strategy<Value = Attributes> {
    let number = || prop::option::of(0..10_000u32);
    (
        number(),
        number(),
        number(),
        number(),
        prop::option::of(any::<bool>()),
        number(),
    )
        .prop_map(|(pmin, pmax, epmin, epmax, con, hqmax)| Attributes {
            pmin,
            pmax,
            epmin,
            epmax,
            con,
            hqmax,
            ..Attributes::default()
        })
        .prop_filter("legal", |attributes| attributes.validate().is_ok())
}

const MULTIPLE: &[u16] = &[110, 112, 11542, 11544];
const VALUES: &[u16] = &[0, 42, 60, 110, 112, 11542, 11544];
const COMPOSITE: &[u16] = &[110, 112, 11544];
const PATHS: &[u16] = &[110, 112, 320, 322];

fn any_operation() -> impl Strategy<Value = DeviceOperation> {
    let value = || any_path(3..=4);
    let read = (any_path(1..=2), prop::option::of(one_of(MULTIPLE)))
        .prop_map(|(path, accept)| Read { path, accept }.into());
    let read_value = (value(), prop::option::of(one_of(VALUES)))
        .prop_map(|(path, accept)| Read { path, accept }.into());
    let discover = (any_path(0..=3), prop::option::of(0..=3u8))
        .prop_map(|(path, depth)| Discover { path, depth }.into());
    let write = (value(), any_payload(VALUES)).prop_map(|(path, payload)| {
        Write {
            path,
            mode: WriteMode::Replace,
            payload,
        }
        .into()
    });
    let update = (any_path(2..=3), any_payload(MULTIPLE)).prop_map(|(path, payload)| {
        Write {
            path,
            mode: WriteMode::PartialUpdate,
            payload,
        }
        .into()
    });
    let attributes = (any_path(1..=4), any_attributes(), any::<bool>()).prop_filter_map(
        "not empty",
        |(path, set, unset)| {
            let mut change = AttributeChange::from(set);
            if unset {
                change.unset = AttributeNames::COMPOSITE - set.names();
            }
            (!change.names().is_empty()).then(|| WriteAttributes { path, change }.into())
        },
    );
    let texts =
        prop::collection::btree_map(0..=9u8, prop::option::of("[!#-&(-\\[\\]-~]{0,8}"), 0..4);
    let execute = (any_path(3), texts).prop_map(|(path, texts)| {
        let arguments = texts.into_iter().collect();
        Execute { path, arguments }.into()
    });
    let create = (0..65535u16, any_payload(MULTIPLE))
        .prop_map(|(object, payload)| Create { object, payload }.into());
    let delete = prop_oneof![any_path(0..=2), any_path(4)].prop_map(|path| Delete { path }.into());
    let observe = (
        value(),
        prop::option::of(one_of(VALUES)),
        any_attributes(),
        any::<bool>(),
    )
        .prop_map(|(path, accept, attributes, cancel)| {
            Observe {
                path,
                accept,
                attributes,
                cancel,
            }
            .into()
        });
    let composite = || {
        let paths = prop::collection::vec(any_path(0..=4), 1..5);
        (paths, one_of(PATHS), prop::option::of(one_of(COMPOSITE)))
    };
    let read_composite = composite().prop_map(|(paths, format, accept)| {
        ReadComposite {
            paths,
            format,
            accept,
        }
        .into()
    });
    let observe_composite = (composite(), any_attributes(), any::<bool>()).prop_map(
        |((paths, format, accept), attributes, cancel)| {
            let attributes = Attributes {
                hqmax: None,
                ..attributes
            };
            ObserveComposite {
                paths,
                format,
                accept,
                attributes,
                cancel,
            }
            .into()
        },
    );
    let write_composite = any_payload(&[110, 112, 320, 322, 11544])
        .prop_map(|payload| WriteComposite { payload }.into());
    prop_oneof![
        read,
        read_value,
        discover,
        write,
        update,
        attributes,
        execute,
        create,
        delete,
        observe,
        read_composite,
        observe_composite,
        write_composite,
        Just(DeviceOperation::BootstrapFinish),
    ]
}

fn any_argument() -> impl Strategy<Value = (String, Option<String>)> {
    ("x[a-z]{0,3}", prop::option::of("[ -~é]{0,5}"))
}

fn any_register() -> impl Strategy<Value = Register> {
    let version = prop::sample::select(&[V1_0, V1_1, V1_2][..]);
    let links = prop::collection::vec(any_path(1..=2).prop_map(Link::to), 1..4);
    let name = "[ -~é]{1,12}";
    (
        version,
        name,
        any::<u32>(),
        any::<bool>(),
        any::<bool>(),
        links,
        prop::collection::vec(any_argument(), 0..3),
    )
        .prop_map(
            |(version, name, lifetime, queue_mode, named, links, additional)| {
                let mut register = Register::new(name, version, links);
                register.lifetime = Some(lifetime);
                register.queue_mode = queue_mode;
                register.binding = Some(match version {
                    V1_0 => Binding::U | Binding::S,
                    _ => Binding::T,
                });
                register.additional = additional;
                if version == V1_2 {
                    register.profile = Some("oma:a".into());
                }
                if version != V1_0 && !named {
                    register.endpoint = None;
                }
                register
            },
        )
}

proptest! {
    #[test]
    fn device_operations(operation in any_operation()) {
        let request = operation.to_request();
        prop_assert_eq!(DeviceOperation::from_request(&request, V1_2), Ok(operation));
    }

    #[test]
    fn registrations(register in any_register()) {
        let request = register.to_request();
        prop_assert_eq!(Register::from_request(&request), Ok(register));
    }

    #[test]
    fn no_request_panics(
        code in 1..=7u8,
        path in prop::collection::vec("(bs|rd|dp|bspack|[0-9]{1,3}|\\PC{0,3})", 0..6),
        queries in prop::collection::vec("(ep|lt|lwm2m|b|Q|pid|pct|acc|pmin|gt|depth|0)?=?[0-9.a-z]{0,4}", 0..4),
        options in prop::collection::vec((prop::sample::select(&[6u16, 12, 17][..]), prop::collection::vec(any::<u8>(), 0..5)), 0..4),
        payload in prop::collection::vec(any::<u8>(), 0..16),
    ) {
        let mut request = Request::new(Code::new(0, code));
        for segment in &path {
            request = request.path_segment(segment);
        }
        for query in &queries {
            request = request.query(query);
        }
        for (number, value) in &options {
            request.options.push(crate::coap::OptionNumber(*number), value);
        }
        request.payload = payload.into();
        for version in [V1_0, V1_1, V1_2] {
            if let Ok(operation) = DeviceOperation::from_request(&request, version) {
                let _ = (operation.check_management(), operation.check_bootstrap(version));
                // Whatever was read can be said again, and means the same.
                prop_assert_eq!(DeviceOperation::from_request(&operation.to_request(), version), Ok(operation));
            }
        }
        let _ = RegistrationOperation::from_request(&request);
        let _ = BootstrapRequest::from_request(&request);
        let _ = BootstrapPackRequest::from_request(&request);
        let _ = Send::from_request(&request);
    }
}
