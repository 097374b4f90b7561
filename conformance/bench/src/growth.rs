//! Inputs of which there may be little or much, in two sizes: what reads or writes them must not be slower than linear.
//! The formats that carry many values are in [`suites`](crate::suites) for that.

use crate::contest::Contender;
use lwm2m_core::{
    attributes::{Attributes, PropertyAttributes},
    coap::{Code, Message, MessageKind, Token, option},
    content::{self, Codec, ContentFormat},
    entry::Entry,
    link::{self, Link, LinkInterner, SupportedObjects},
    model::Models,
    path::Path,
    value::Value,
};
use lwm2m_objects::{binary_app_data_container, ddf, firmware_update};

/// Bytes of a single value, and how many there are of everything else. More bytes would be memory that is mapped anew each
/// time, which is not what is measured.
const BYTES: [usize; 2] = [1_000, 100_000];
const LINKS: [usize; 2] = [20, 2_000];
/// A file of more would be refused.
const RESOURCES: [usize; 2] = [10, 500];

/// Work on an input of two sizes.
pub struct Growth<'a> {
    /// What is done.
    pub name: &'static str,
    /// What there is more or less of.
    pub unit: &'static str,
    /// How many of them.
    pub sizes: [usize; 2],
    /// Prepares the work for one size.
    prepare: Box<dyn Fn(usize) -> Contender<'a> + 'a>,
}

impl<'a> Growth<'a> {
    fn new<I: 'a, T>(
        name: &'static str,
        unit: &'static str,
        sizes: [usize; 2],
        input: impl Fn(usize) -> I + 'a,
        work: impl Fn(&I) -> T + Copy + 'a,
    ) -> Self {
        let prepare = move |size| {
            let input = input(size);
            Contender::new(format!("{name}, {size} {unit}"), move || work(&input))
        };
        Growth {
            name,
            unit,
            sizes,
            prepare: Box::new(prepare),
        }
    }

    /// The work on the smaller and on the larger input.
    pub fn contenders(&self) -> [Contender<'a>; 2] {
        self.sizes.map(|size| (self.prepare)(size))
    }
}

/// All there are.
///
/// # Panics
/// If an input is not read: the time it takes to refuse something tells nothing.
pub fn all<'a>(models: &'a dyn Models) -> Vec<Growth<'a>> {
    let mut all = single_values(models);
    all.extend([
        Growth::new(
            "parse links",
            "links",
            LINKS,
            |size| link::write(&links(size)),
            |text| link::parse(text.as_bytes()).expect("they are links"),
        ),
        Growth::new("write links", "links", LINKS, links, |links| {
            link::write(links)
        }),
        Growth::new(
            "objects of a registration",
            "links",
            LINKS,
            links,
            |links| SupportedObjects::from_links(links),
        ),
        Growth::new("intern links", "links", LINKS, links, |links| {
            LinkInterner::new().intern(links.clone())
        }),
        Growth::new(
            "attributes of a discovery",
            "links",
            LINKS,
            attached,
            |links| {
                let read = |link| {
                    let properties =
                        PropertyAttributes::from_link(link).expect("they are attached");
                    (
                        properties,
                        Attributes::from_link(link).expect("they are attached"),
                    )
                };
                links.iter().map(read).collect::<Vec<_>>()
            },
        ),
        Growth::new(
            "load a definition",
            "resources",
            RESOURCES,
            definition,
            |text| ddf::parse(text.as_bytes()).expect("it is a definition"),
        ),
        Growth::new("parse a message", "options", LINKS, datagram, |datagram| {
            Message::parse(datagram).expect("it is a message")
        }),
        Growth::new(
            "build a message",
            "options",
            LINKS,
            |size| Message::parse(&datagram(size)).expect("it is a message"),
            |message| message.encode().expect("it has a form"),
        ),
        Growth::new("read paths", "paths", LINKS, paths, |payload| {
            content::decode_paths(ContentFormat::SenmlCbor, payload).expect("they are paths")
        }),
    ]);
    all
}

/// The formats that carry one value, which may be long.
fn single_values<'a>(models: &'a dyn Models) -> Vec<Growth<'a>> {
    const TEXT: Path = Path::resource(firmware_update::ID, 0, firmware_update::PACKAGE_URI);
    const DATA: Path = Path::resource_instance(
        binary_app_data_container::ID,
        0,
        binary_app_data_container::DATA,
        0,
    );
    let text = |size| Entry::new(TEXT, Value::String("x".repeat(size)));
    let data = |size| Entry::new(DATA, Value::Opaque(vec![7; size]));
    let mut all = Vec::new();
    let mut both_ways = |names: [&'static str; 2], format, entry: fn(usize) -> Entry| {
        let codec = Codec::new(models);
        let encode = move |entry: &Entry| {
            let entries = core::slice::from_ref(entry);
            codec
                .encode(format, entries, &entry.path)
                .expect("it has a form")
        };
        let payload = move |size| {
            let entry = entry(size);
            (encode(&entry), entry.path)
        };
        all.push(Growth::new(
            names[0],
            "bytes",
            BYTES,
            payload,
            move |(payload, path)| codec.decode(format, payload, path).expect("it is read"),
        ));
        all.push(Growth::new(names[1], "bytes", BYTES, entry, encode));
    };
    both_ways(["decode Text", "encode Text"], ContentFormat::Text, text);
    both_ways(
        ["decode Text of bytes", "encode Text of bytes"],
        ContentFormat::Text,
        data,
    );
    both_ways(
        ["decode Opaque", "encode Opaque"],
        ContentFormat::Opaque,
        data,
    );
    both_ways(["decode Cbor", "encode Cbor"], ContentFormat::Cbor, text);
    both_ways(
        ["decode Cbor of bytes", "encode Cbor of bytes"],
        ContentFormat::Cbor,
        data,
    );
    all
}

/// Instances of ten objects, each object with a version of its own.
fn links(count: usize) -> Vec<Link> {
    let link = |number: usize| {
        let object = 3300 + (number % 10) as u16;
        match number / 10 {
            0 => Link::to(Path::object(object)).with("ver", "1.1"),
            instance => Link::to(Path::object_instance(object, instance as u16 - 1)),
        }
    };
    (0..count).map(link).collect()
}

/// The same with attributes.
fn attached(count: usize) -> Vec<Link> {
    links(count)
        .into_iter()
        .map(|link| {
            link.with("pmin", "10")
                .with("pmax", "60")
                .with("gt", "25.5")
                .with("dim", "3")
        })
        .collect()
}

/// A definition file of so many resources.
fn definition(resources: usize) -> String {
    let items: String = (0..resources)
        .map(|id| {
            format!(
                "<Item ID=\"{id}\"><Name>Resource {id}</Name><Operations>RW</Operations>\
                 <MultipleInstances>Single</MultipleInstances><Mandatory>Optional</Mandatory>\
                 <Type>Float</Type><RangeEnumeration>0..100</RangeEnumeration><Units>Cel</Units>\
                 <Description>One of many.</Description></Item>"
            )
        })
        .collect();
    format!(
        "<LWM2M><Object ObjectType=\"MODefinition\"><Name>Large</Name><Description1>-</Description1>\
         <ObjectID>33000</ObjectID><ObjectURN>urn:oma:lwm2m:x:33000</ObjectURN>\
         <LWM2MVersion>1.0</LWM2MVersion><ObjectVersion>1.0</ObjectVersion>\
         <MultipleInstances>Multiple</MultipleInstances><Mandatory>Optional</Mandatory>\
         <Resources>{items}</Resources><Description2/></Object></LWM2M>"
    )
}

/// A request with so many arguments.
fn datagram(options: usize) -> Vec<u8> {
    let mut message = Message::new(MessageKind::Confirmable, Code::GET, 1, Token::EMPTY);
    for number in 0..options {
        let argument = format!("argument={number}");
        message.options.push(option::URI_QUERY, argument.as_bytes());
    }
    message.encode().expect("it has a form")
}

fn paths(count: usize) -> Vec<u8> {
    let paths: Vec<Path> = (0..count as u16)
        .map(|instance| Path::resource(3303, instance, 5700))
        .collect();
    content::encode_paths(ContentFormat::SenmlCbor, &paths).expect("paths have a form")
}
