//! Every content format, every operation, and the messages they travel in.

use alloc::{vec, vec::Vec};
use coap_lite::Packet;
use lwm2m_core::{
    attributes::{AttributeChange, Attributes},
    coap::{
        Block, BlockSize, Code, Message, MessageKind, Request, Token, option,
        tcp::{self, Capabilities, Csm, Decoder, Signal},
    },
    content::{self, Change, ContentFormat},
    entry::Entry,
    link::Link,
    operation::{
        Binding, BootstrapFinish, BootstrapPackRequest, BootstrapRequest, Create, Delete,
        Deregister, DeviceOperation, Discover, Execute, Observe, ObserveComposite, Payload,
        ProfileId, Read, ReadComposite, Register, RegistrationOperation, Send, Update, Write,
        WriteAttributes, WriteComposite, WriteMode, below_root, parse_profiles, strip_root,
    },
    path::Path,
    value::Value,
    version::LwM2mVersion,
};
use lwm2m_objects::{Definitions, device, firmware_update, ipso::temperature};

const OBJECT: Path = Path::object(temperature::ID);
const INSTANCE: Path = Path::object_instance(temperature::ID, 0);
const VALUE: Path = Path::resource(temperature::ID, 0, temperature::SENSOR_VALUE);
const PACKAGE: Path = Path::resource(firmware_update::ID, 0, firmware_update::PACKAGE);
const VERSION: LwM2mVersion = LwM2mVersion::V1_2;

fn entries() -> Vec<Entry> {
    let place = |id| Path::resource(temperature::ID, 0, id);
    vec![
        Entry::new(place(temperature::TIMESTAMP), Value::Time(1_700_000_000)),
        Entry::new(VALUE, 21.5),
        Entry::new(place(temperature::SENSOR_UNITS), "Cel"),
        Entry::new(place(temperature::MEASUREMENT_QUALITY_LEVEL), 95i64),
    ]
}

pub fn formats() {
    let definitions = Definitions::built_in();
    let models = definitions.protocol(VERSION);
    let round_trip = |format, entries: &[Entry], base: &Path| {
        let payload = content::encode(format, entries, base, &models).expect("it can be written");
        let read = content::decode(format, &payload, base, &models);
        assert_eq!(read.as_deref(), Ok(entries), "{format:?}");
        // Cut off anywhere it is an error or something shorter, never a panic.
        for length in 0..payload.len() {
            let _ = content::decode(format, &payload[..length], base, &models);
        }
    };
    for format in [
        ContentFormat::SenmlJson,
        ContentFormat::SenmlCbor,
        ContentFormat::SenmlEtchJson,
        ContentFormat::SenmlEtchCbor,
        ContentFormat::Tlv,
        ContentFormat::Json,
        ContentFormat::LwM2mCbor,
    ] {
        round_trip(format, &entries(), &OBJECT);
    }
    for format in [ContentFormat::Text, ContentFormat::Cbor] {
        round_trip(format, &[Entry::new(VALUE, 21.5)], &VALUE);
    }
    let package = [Entry::new(PACKAGE, &b"\x7fELF"[..])];
    round_trip(ContentFormat::Opaque, &package, &PACKAGE);

    let instance = content::encode(ContentFormat::Tlv, &entries(), &INSTANCE, &models);
    let instance = instance.expect("it can be written");
    let created = content::decode_create(ContentFormat::Tlv, &instance, &OBJECT, 7, &models);
    let created = created.expect("it can be read");
    assert!(
        created
            .iter()
            .all(|e| e.path.object_instance_id() == Some(7))
    );
}

pub fn composite_payloads() {
    let definitions = Definitions::built_in();
    let models = definitions.protocol(VERSION);
    let paths = [VALUE, Path::object_instance(device::ID, 0)];
    let changes = [
        Change::Set(Entry::new(VALUE, 21.5)),
        Change::Remove(Path::resource_instance(
            device::ID,
            0,
            device::ERROR_CODE,
            1,
        )),
    ];
    for format in [ContentFormat::SenmlEtchJson, ContentFormat::SenmlEtchCbor] {
        let payload = content::encode_paths(format, &paths).expect("it can be written");
        assert_eq!(
            content::decode_paths(format, &payload).as_deref(),
            Ok(&paths[..])
        );
        let payload = content::encode_changes(format, &changes, &models);
        let payload = payload.expect("it can be written");
        let read = content::decode_changes(format, &payload, &models);
        assert_eq!(read.as_deref(), Ok(&changes[..]));
    }
}

pub fn operations() {
    let definitions = Definitions::built_in();
    let models = definitions.protocol(VERSION);
    let payload = |base: &Path| {
        Payload::encode(ContentFormat::SenmlCbor, &entries(), base, &models)
            .expect("it can be written")
    };
    let change = AttributeChange::from_queries(["pmin=10", "pmax=60"]).expect("attributes");
    let accept = Some(ContentFormat::SenmlCbor);
    let format = ContentFormat::SenmlCbor;
    let paths = vec![VALUE, INSTANCE];
    let reboot = Path::resource(device::ID, 0, device::REBOOT);
    for operation in [
        DeviceOperation::Read(Read {
            path: VALUE,
            accept,
        }),
        DeviceOperation::Discover(Discover {
            path: OBJECT,
            depth: Some(3),
        }),
        DeviceOperation::Write(Write {
            path: INSTANCE,
            mode: WriteMode::Replace,
            payload: payload(&INSTANCE),
        }),
        DeviceOperation::WriteAttributes(WriteAttributes {
            path: VALUE,
            change,
        }),
        DeviceOperation::Execute(Execute::new(reboot)),
        DeviceOperation::Create(Create {
            object: temperature::ID,
            payload: payload(&OBJECT),
        }),
        DeviceOperation::Delete(Delete { path: INSTANCE }),
        DeviceOperation::Observe(Observe {
            path: VALUE,
            accept,
            attributes: Attributes::default(),
            cancel: false,
        }),
        DeviceOperation::ReadComposite(ReadComposite {
            paths: paths.clone(),
            format,
            accept,
        }),
        DeviceOperation::ObserveComposite(ObserveComposite {
            paths,
            format,
            accept,
            attributes: Attributes::default(),
            cancel: false,
        }),
        DeviceOperation::WriteComposite(WriteComposite {
            payload: payload(&Path::ROOT),
        }),
        DeviceOperation::BootstrapFinish,
    ] {
        let request = operation.to_request();
        let read = DeviceOperation::from_request(&request, VERSION);
        assert_eq!(read.as_ref(), Ok(&operation));
        let finishes = operation == DeviceOperation::BootstrapFinish;
        assert_eq!(operation.check_for(VERSION).is_err(), finishes);
        assert_eq!(operation.answers().first(), Some(&operation.success()));
        assert!(operation.bootstrap_answers().contains(&operation.success()));
        let root = ["lwm2m"];
        let below = below_root(request.clone(), &root);
        assert_eq!(strip_root(below, &root), Some(request));
    }
    assert_eq!(
        BootstrapFinish.to_request(),
        DeviceOperation::BootstrapFinish.to_request()
    );

    let mut register = Register::new("no-std", VERSION, vec![Link::to(INSTANCE)]);
    (register.lifetime, register.binding) = (Some(300), Some(Binding::U));
    let location = vec!["rd".into(), "1".into()];
    let deregister = Deregister {
        location: location.clone(),
    };
    for (request, operation) in [
        (
            register.to_request(),
            RegistrationOperation::Register(register),
        ),
        (
            Update::new(location.clone()).to_request(),
            RegistrationOperation::Update(Update::new(location)),
        ),
        (
            deregister.to_request(),
            RegistrationOperation::Deregister(deregister),
        ),
    ] {
        assert_eq!(RegistrationOperation::from_request(&request), Ok(operation));
    }
    let profiles = parse_profiles("\"oma:abc,1:0f\"").expect("profile ids");
    let hashed = ProfileId::Dynamic {
        suite: 1,
        hash: "0f",
    };
    assert_eq!(profiles, [ProfileId::Oma("abc"), hashed]);
    let send = Send {
        payload: payload(&Path::ROOT),
    };
    assert_eq!(Send::from_request(&send.to_request()), Ok(send));
    let bootstrap = BootstrapRequest::new(Some("no-std".into()), accept);
    assert_eq!(
        BootstrapRequest::from_request(&bootstrap.to_request()),
        Ok(bootstrap)
    );
    let pack = BootstrapPackRequest::new(Some("no-std".into()), accept);
    assert_eq!(
        BootstrapPackRequest::from_request(&pack.to_request()),
        Ok(pack)
    );

    let nowhere = Request::new(Code::GET).path_segment("nowhere");
    let error = DeviceOperation::from_request(&nowhere, VERSION).expect_err("no such path");
    assert_eq!(error.response().code, error.code());
}

pub fn messages() {
    let token = Token::new(&[1, 2, 3, 4]).expect("four bytes");
    let mut message = Message::new(MessageKind::Confirmable, Code::PUT, 0x1234, token);
    for segment in VALUE.segments() {
        message.options.push(option::URI_PATH, segment.as_bytes());
    }
    let block = Block {
        number: 3,
        more: true,
        size: BlockSize::at_most(512),
    };
    message.options.set_uint(option::BLOCK1, block.to_uint());
    message.payload = vec![7; 512].into();
    let datagram = message.encode().expect("it can be written");
    assert_eq!(Message::parse(&datagram).as_ref(), Ok(&message));
    assert_eq!(message.options.block(option::BLOCK1), Ok(Some(block)));
    assert_eq!(
        Message::peek_id(&datagram),
        Some((MessageKind::Confirmable, 0x1234))
    );
    assert_eq!(
        message.unprocessable_option(|number| option::name(number).is_some()),
        None
    );
    for length in 0..datagram.len() {
        let _ = Message::parse(&datagram[..length]);
    }
    // As the types of another library, and back.
    let packet = Packet::from(&message);
    assert_eq!(Message::try_from(&packet).as_ref(), Ok(&message));
}

/// The same messages in a stream, where they have neither kind nor id.
pub fn streams() {
    let mut capabilities = Capabilities::default();
    let csm = Csm::new(64 * 1024, true);
    let hello = Signal::Csm(csm).to_message(Token::EMPTY);
    let limit = capabilities.max_message_size as usize;
    let mut stream = tcp::encode(&hello, limit).expect("it is small");
    capabilities.apply(&csm);
    assert!(capabilities.bert());

    let mut message = Message::new(MessageKind::NonConfirmable, Code::POST, 0, Token::EMPTY);
    message.options.push(option::URI_PATH, b"rd");
    message.payload = vec![7; 4000].into();
    let limit = capabilities.max_message_size as usize;
    stream.extend(tcp::encode(&message, limit).expect("it fits"));

    let mut decoder = Decoder::new(limit);
    let mut read = Vec::new();
    for mut piece in stream.chunks(100) {
        while let Some(message) = decoder.decode(&mut piece).expect("a message") {
            read.push(message);
        }
    }
    assert_eq!(Signal::from_message(&read[0]), Ok(Signal::Csm(csm)));
    assert_eq!(read[1..], [message]);
}
