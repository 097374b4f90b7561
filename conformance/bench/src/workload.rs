//! What is measured: values as a temperature sensor has them, and the two messages that make most of a server's day.

use lwm2m_core::{
    coap::{Code, Message, MessageKind, Request, Token, option},
    content::{self, ContentFormat},
    entry::Entry,
    link::Link,
    model::Models,
    operation::{Binding, Register},
    path::Path,
    value::Value,
    version::LwM2mVersion,
};
use lwm2m_objects::{Definitions, ipso::temperature};

/// What all payloads are about: the temperature object.
pub const BASE: Path = Path::object(temperature::ID);

/// How many values the payloads have.
pub const SIZES: [usize; 4] = [2, 20, 200, 2000];

/// The formats that are compared.
pub const FORMATS: [ContentFormat; 5] = [
    ContentFormat::SenmlCbor,
    ContentFormat::SenmlJson,
    ContentFormat::Tlv,
    ContentFormat::LwM2mCbor,
    ContentFormat::Json,
];

/// Size in bytes of the registration that [`register`] builds.
pub const REGISTER_BYTES: usize = 270;

/// `count` values in the order of their paths: value and unit of one sensor for two, else all ten readable
/// resources of as many sensors as it takes.
pub fn entries(count: usize) -> Vec<Entry> {
    let resources: &[u16] = match count {
        0..=2 => &[temperature::SENSOR_VALUE, temperature::SENSOR_UNITS],
        _ => &[
            temperature::TIMESTAMP,
            temperature::MIN_MEASURED_VALUE,
            temperature::MAX_MEASURED_VALUE,
            temperature::MIN_RANGE_VALUE,
            temperature::MAX_RANGE_VALUE,
            temperature::SENSOR_VALUE,
            temperature::SENSOR_UNITS,
            temperature::APPLICATION_TYPE,
            temperature::MEASUREMENT_QUALITY_INDICATOR,
            temperature::MEASUREMENT_QUALITY_LEVEL,
        ],
    };
    (0..)
        .flat_map(|instance| resources.iter().map(move |id| (instance, *id)))
        .take(count)
        .map(|(instance, id)| {
            let path = Path::resource(temperature::ID, instance, id);
            Entry::new(path, value(instance, id))
        })
        .collect()
}

fn value(instance: u16, resource: u16) -> Value {
    let step = f64::from(instance % 16);
    match resource {
        temperature::TIMESTAMP => Value::Time(1_700_000_000 + i64::from(instance)),
        temperature::SENSOR_UNITS => "Cel".into(),
        temperature::APPLICATION_TYPE => "Greenhouse, north wall".into(),
        temperature::MEASUREMENT_QUALITY_INDICATOR => Value::Integer(2),
        temperature::MEASUREMENT_QUALITY_LEVEL => Value::Integer(95),
        temperature::MIN_RANGE_VALUE => Value::Float(-40.0),
        temperature::MAX_RANGE_VALUE => Value::Float(125.0),
        // Halves and quarters fit 32 bits, tenths take 64.
        temperature::SENSOR_VALUE => Value::Float(21.5 + step / 4.0),
        _ => Value::Float(18.1 + step),
    }
}

/// The definitions as a server sees those of a device of LwM2M 1.2.
pub fn models(definitions: &Definitions) -> impl Models + '_ {
    definitions.protocol(LwM2mVersion::V1_2)
}

/// The payload of these values.
///
/// # Panics
/// If the format cannot carry them, which all of [`FORMATS`] can.
pub fn payload(format: ContentFormat, entries: &[Entry], models: &dyn Models) -> Vec<u8> {
    match content::encode(format, entries, &BASE, models) {
        Ok(payload) => payload,
        Err(error) => panic!("{error}"),
    }
}

/// A registration of [`REGISTER_BYTES`] bytes, as CoAP: seven objects and an endpoint name that fills it up.
///
/// # Panics
/// Never, as long as the fixed parts are shorter than that.
pub fn register() -> (Register, Message) {
    let links: Vec<Link> = [(1, 0), (3, 0), (4, 0), (5, 0), (6, 0), (3303, 0), (3303, 1)]
        .iter()
        .map(|(object, instance)| Link::to(Path::object_instance(*object, *instance)))
        .collect();
    let links = [Link::root(&[60, 110, 112, 11542])]
        .into_iter()
        .chain([Link::to(Path::object(3303)).with("ver", "1.1")])
        .chain(links)
        .collect();
    let mut register = Register::new("urn:dev:os:", LwM2mVersion::V1_1, links);
    register.lifetime = Some(86_400);
    register.binding = Some(Binding::U);
    let message = |register: &Register| message_of(register.to_request(), MessageKind::Confirmable);
    let short = encoded(&message(&register)).len();
    let endpoint = register.endpoint.take().unwrap_or_default();
    register.endpoint = Some(endpoint + &"0".repeat(REGISTER_BYTES - short));
    let message = message(&register);
    assert_eq!(encoded(&message).len(), REGISTER_BYTES);
    (register, message)
}

/// A notification of two values in SenML-CBOR, as CoAP.
pub fn notify(models: &dyn Models) -> Message {
    let mut message = Message::new(MessageKind::Confirmable, Code::CONTENT, 0x1234, token());
    message.options.set_uint(option::OBSERVE, 4711);
    let format = ContentFormat::SenmlCbor;
    message
        .options
        .set_uint(option::CONTENT_FORMAT, format.number().into());
    message.payload = payload(format, &entries(2), models).into();
    message
}

/// The message that carries a request.
pub fn message_of(request: Request, kind: MessageKind) -> Message {
    let mut message = Message::new(kind, request.code, 0x1234, token());
    message.options = request.options;
    message.payload = request.payload;
    message
}

/// The request that a message carries.
pub fn request_of(message: Message) -> Request {
    let mut request = Request::new(message.code);
    request.options = message.options;
    request.payload = message.payload;
    request
}

/// The bytes of a message.
///
/// # Panics
/// If it has no form, which those of this module have.
pub fn encoded(message: &Message) -> Vec<u8> {
    match message.encode() {
        Ok(bytes) => bytes,
        Err(error) => panic!("{error}"),
    }
}

fn token() -> Token {
    Token::new(&[0x5a, 0x17, 0x02, 0x9c, 0x33, 0xd1, 0x4e, 0x88]).unwrap_or_default()
}
