use super::*;
use proptest::{
    collection::vec,
    prelude::{Strategy, any, prop_assert, proptest},
    sample::{Index, select},
};
use std::{format, string::ToString};

/// A file with one object, of these elements, and these items.
fn file(elements: &str, items: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?>\n<LWM2M><Object ObjectType=\"MODefinition\">\
         <Name>Test</Name><ObjectID>40000</ObjectID>{elements}\
         <MultipleInstances>Single</MultipleInstances><Mandatory>Optional</Mandatory>\
         <Resources>{items}</Resources></Object></LWM2M>"
    )
}

fn item(id: &str, elements: &str) -> String {
    format!(
        "<Item ID=\"{id}\"><Name>N</Name><MultipleInstances>Multiple</MultipleInstances>\
         <Mandatory>Mandatory</Mandatory>{elements}</Item>"
    )
}

fn warnings(loaded: &Loaded) -> Vec<String> {
    loaded.warnings.iter().map(ToString::to_string).collect()
}

// proves: OBJ-20
#[test]
fn a_clean_file_is_read_without_warning() {
    let items = item(
        "2",
        "<Units>\n   </Units><RangeEnumeration>0..7</RangeEnumeration><Type>Unsigned Integer</Type>\
         <Operations>RW</Operations><Description><![CDATA[<b>not read</b>]]></Description>",
    ) + &item("1", "<Type></Type><Operations>E</Operations>");
    let text = file("<ObjectVersion>1.2</ObjectVersion>", &items);
    let loaded = parse(format!("\u{feff}{}", text.replace('\n', "\r\n")).as_bytes()).unwrap();
    assert_eq!(warnings(&loaded), Vec::<String>::new());
    let model = &loaded.objects[0];
    assert_eq!((model.id, &*model.name), (40000, "Test"));
    assert_eq!(model.version, ObjectVersion::new(1, 2));
    assert!(!model.multiple && !model.mandatory);
    let ids: Vec<u16> = model.resources.iter().map(|resource| resource.id).collect();
    assert_eq!(ids, [1, 2], "ordered, though the file is not");
    let resource = model.resource(2).unwrap();
    assert_eq!(resource.operations, Operations::ReadWrite);
    assert_eq!(resource.data_type, Some(DataType::Unsigned));
    assert!(resource.multiple && resource.mandatory);
    assert_eq!(
        *resource.ranges,
        [lwm2m_core::model::ValueRange::Number { from: 0.0, to: 7.0 }]
    );
    assert_eq!((&*resource.range_text, &*resource.units), ("0..7", ""));
    assert_eq!(model.resource(1).unwrap().data_type, None);
}

#[test]
fn what_is_guessed_is_reported() {
    let version = |elements: &str| {
        let loaded = parse(file(elements, "").as_bytes()).unwrap();
        (loaded.objects[0].version.to_string(), loaded.warnings.len())
    };
    assert_eq!(version(""), ("1.0".into(), 0), "1.0 is the default");
    assert_eq!(version("<ObjectVersion/>"), ("1.0".into(), 0));
    let urn = "<ObjectURN>urn:oma:lwm2m:oma:40000:1.3</ObjectURN>";
    assert_eq!(version(urn), ("1.3".into(), 1));
    for (said, taken) in [("2", "2.0"), ("1.0.2", "1.0"), ("x", "1.0"), ("1.x", "1.0")] {
        let element = format!("<ObjectVersion>{said}</ObjectVersion>");
        assert_eq!(version(&element), (taken.into(), 1), "{said}");
    }

    let items = [
        item("0", "<Operations>RE</Operations><Type>String</Type>"),
        item("1", "<Operations>R</Operations><Type>Text</Type>"),
        item("2", "<Operations>R</Operations>"),
        item(
            "3",
            "<Operations>R</Operations><Type>Integer</Type>\
             <RangeEnumeration>8-Bits</RangeEnumeration>",
        ),
        item("3", "<Operations>W</Operations><Type>Time</Type>"),
        item("65535", ""),
        item("-1", ""),
        "<Item><Name/></Item>".into(),
        "<Item ID=\"4\"><Operations/><Type>Opaque</Type></Item>".into(),
    ]
    .concat();
    let loaded = parse(file("", &items).as_bytes()).unwrap();
    assert_eq!(
        warnings(&loaded),
        [
            "/40000/x/0: operations \"RE\" are none of R, W, RW, E",
            "/40000/x/0: an executable resource has no type; \"String\" is left out",
            "/40000/x/1: type \"Text\" is not known; values of any type are accepted",
            "/40000/x/2: type \"\" is not known; values of any type are accepted",
            "/40000/x/3: range \"8-Bits\" cannot be read; any value is accepted",
            "/40000/x/3: defined twice; the first definition stays",
            "/40000: an Item without a usable ID; left out",
            "/40000: an Item without a usable ID; left out",
            "/40000: an Item without a usable ID; left out",
            "/40000/x/4: without a name",
            "/40000/x/4: MultipleInstances is \"\", neither Single nor Multiple; taken as Single",
            "/40000/x/4: Mandatory is \"\", neither Optional nor Mandatory; taken as Optional",
        ]
    );
    assert_eq!(
        &*loaded.objects[0].resource(3).unwrap().range_text,
        "8-Bits"
    );
    assert_eq!(loaded.objects[0].resource(4).unwrap().name, "Resource 4");
}

// proves: OBJ-20
#[test]
fn what_is_no_definition_is_refused() {
    let refused = |bytes: &[u8]| parse(bytes).unwrap_err().to_string();
    for (bytes, reason) in [
        (&b""[..], "XML"),
        (b"\xff\xfe<\0", "UTF-8"),
        (b"<html/>", "root element"),
        (b"<LWM2M/>", "no Object"),
        (b"<LWM2M><Object/></LWM2M>", "ObjectID"),
        (
            b"<LWM2M><Object><ObjectID>65535</ObjectID></Object></LWM2M>",
            "ObjectID",
        ),
        (
            b"<LWM2M><Object><ObjectID>+3</ObjectID></Object></LWM2M>",
            "ObjectID",
        ),
        (b"<!DOCTYPE a [<!ENTITY b \"c\">]><LWM2M>&b;</LWM2M>", "XML"),
        (b"<LWM2M><Object>", "XML"),
    ] {
        let said = refused(bytes);
        assert!(said.contains(reason), "{said}");
    }
    assert!(matches!(
        parse(&[b' '; MAX_SIZE + 1]),
        Err(DdfError::TooLarge)
    ));
    let deep = "<a>".repeat(MAX_SIZE / 3);
    assert!(matches!(parse(deep.as_bytes()), Err(DdfError::Xml(_))));
    let balanced = "<a>".repeat(30_000) + &"</a>".repeat(30_000);
    assert!(parse(balanced.as_bytes()).is_err());
    let namespaces = "<a xmlns:b='c'>".repeat(10_000);
    assert!(refused(namespaces.as_bytes()).contains("namespaces"));
    let attributes: String = (0..10_000).map(|n| format!(" a{n}='>'")).collect();
    assert!(refused(format!("<LWM2M{attributes}/>").as_bytes()).contains("attributes"));
}

#[test]
fn a_file_is_read_from_disk_up_to_its_largest_size() {
    assert!(matches!(
        load("/nonexistent/40000.xml"),
        Err(DdfError::Io(_))
    ));
    #[cfg(target_os = "linux")]
    assert!(matches!(load("/dev/zero"), Err(DdfError::TooLarge)));
}

/// Bytes that are almost a definition file.
fn almost_a_file() -> impl Strategy<Value = Vec<u8>> {
    let pieces = [
        "<Item ID=\"7\">",
        "</Item>",
        "<Type>Float</Type>",
        "<Operations>RW</Operations>",
        "<RangeEnumeration>0..7</RangeEnumeration>",
        "<RangeEnumeration>-1..\u{e9}; 5 bytes</RangeEnumeration>",
        "<![CDATA[",
        "]]>",
        "<!--",
        "-->",
        "&amp;",
        "&#x10FFFF;",
        "&x;",
        "\u{feff}",
        "<Name/>",
        "\"",
    ];
    let insertions = vec((any::<Index>(), select(pieces.to_vec())), 0..8);
    let overwritten = vec((any::<Index>(), any::<u8>()), 0..4);
    (insertions, overwritten).prop_map(|(insertions, overwritten)| {
        let items = item("1", "<Operations>R</Operations><Type>Time</Type>");
        let mut bytes = file("", &items).into_bytes();
        for (at, piece) in insertions {
            let at = at.index(bytes.len());
            bytes.splice(at..at, piece.bytes());
        }
        for (at, byte) in overwritten {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes
    })
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in almost_a_file()) {
        if let Ok(loaded) = parse(&bytes) {
            for object in loaded.objects {
                prop_assert!(object.id != RESERVED_ID);
                let ids = object.resources.iter().map(|resource| resource.id);
                prop_assert!(ids.is_sorted_by(|a, b| a < b));
            }
        }
    }

    #[test]
    fn no_range_makes_it_panic(text in "[-0-9., ;:a-zA-Z\u{e9}\n]{0,40}") {
        for data_type in [DataType::Integer, DataType::String, DataType::Boolean] {
            let (Range::Read(ranges) | Range::Guessed(ranges, _)) =
                range::parse(&text, Some(data_type))
            else {
                continue;
            };
            for range in ranges {
                let ordered = match range {
                    lwm2m_core::model::ValueRange::Number { from, to } => from <= to,
                    lwm2m_core::model::ValueRange::Length { from, to } => from <= to,
                    _ => false,
                };
                prop_assert!(ordered, "{range:?}");
            }
        }
    }
}
