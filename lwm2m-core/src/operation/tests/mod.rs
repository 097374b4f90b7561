//! Requests stand in these tests as one line: `PUT /3/0/13?pmin=1 ct=0 accept=60 observe=0 body=text`.

mod illegal;
mod management;
mod registration;
mod round_trip;

use super::*;
use crate::version::LwM2mVersion::{V1_0, V1_1, V1_2};
use alloc::{format, vec};
use std::str::FromStr;

const METHODS: [(&str, Code); 7] = [
    ("GET", Code::GET),
    ("POST", Code::POST),
    ("PUT", Code::PUT),
    ("DELETE", Code::DELETE),
    ("FETCH", Code::FETCH),
    ("PATCH", Code::PATCH),
    ("iPATCH", Code::IPATCH),
];

/// The request of a line.
fn request(line: &str) -> Request {
    let (line, body) = match line.split_once(" body=") {
        Some((line, body)) => (line, body),
        None => (line, ""),
    };
    let mut words = line.split(' ');
    let method = words.next().unwrap();
    let code = METHODS.iter().find(|(name, _)| *name == method).unwrap().1;
    let uri = words.next().unwrap();
    let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
    let mut request = Request::new(code);
    for segment in path.split('/').skip(1).filter(|_| path != "/") {
        request = request.path_segment(segment);
    }
    for argument in query.split('&').filter(|argument| !argument.is_empty()) {
        request = request.query(argument);
    }
    for word in words {
        let (name, value) = word.split_once('=').unwrap();
        let number = match name {
            "ct" => option::CONTENT_FORMAT,
            "accept" => option::ACCEPT,
            "observe" => option::OBSERVE,
            _ => panic!("{word}"),
        };
        request = request.uint_option(number, u32::from_str(value).unwrap());
    }
    request.payload = body.as_bytes().to_vec().into();
    request
}

/// The line of a request.
fn line(request: &Request) -> String {
    let options = &request.options;
    let method = METHODS
        .iter()
        .find(|(_, code)| *code == request.code)
        .unwrap()
        .0;
    let path = options.texts(option::URI_PATH).unwrap().join("/");
    let query = options.texts(option::URI_QUERY).unwrap().join("&");
    let mut line = format!("{method} /{path}");
    if !query.is_empty() {
        line += &format!("?{query}");
    }
    for (name, number) in [
        ("ct", option::CONTENT_FORMAT),
        ("accept", option::ACCEPT),
        ("observe", option::OBSERVE),
    ] {
        if let Some(value) = options.uint(number) {
            line += &format!(" {name}={value}");
        }
    }
    if !request.payload.is_empty() {
        line += &format!(" body={}", core::str::from_utf8(&request.payload).unwrap());
    }
    line
}

fn path(text: &str) -> Path {
    text.parse().unwrap()
}

#[test]
fn lines_are_faithful() {
    for text in [
        "GET /",
        "GET /3/0?depth=2 accept=40",
        "POST /rd?ep=a&lt=5&Q ct=40 body=</3/0>",
        "FETCH / ct=110 accept=112 observe=0 body=[]",
    ] {
        assert_eq!(line(&request(text)), text);
    }
}

#[test]
fn errors_answer_with_their_code_and_a_reason() {
    let error = DeviceOperation::from_request(&request("GET /3/0?x"), V1_1).unwrap_err();
    let response = error.response();
    assert_eq!(response.code, Code::BAD_REQUEST);
    assert_eq!(
        &response.payload[..],
        b"bad request: unknown argument \"x\""
    );
}

#[test]
fn roots_go_before_a_path_and_away_again() {
    let plain = request("GET /3/0?depth=1 accept=40");
    let below = below_root(plain.clone(), &["lwm2m", "d01"]);
    assert_eq!(line(&below), "GET /lwm2m/d01/3/0?depth=1 accept=40");
    assert_eq!(
        strip_root(below.clone(), &["lwm2m", "d01"]),
        Some(plain.clone())
    );
    assert_eq!(strip_root(below, &["lwm2m", "d02"]), None);
    assert_eq!(strip_root(request("GET /lwm2m"), &["lwm2m", "d02"]), None);
    assert_eq!(below_root(plain.clone(), &[] as &[&str]), plain);
    assert_eq!(strip_root(plain.clone(), &[] as &[&str]), Some(plain));
}

// proves: GEN-19, GEN-21
#[test]
fn operations_below_a_root() {
    for (text, below) in [
        ("GET /3/0", "GET /a b/lwm2m/3/0"),
        ("POST /bs", "POST /bs"),
        (
            "FETCH / ct=110 body=[{\"n\":\"/3/0\"}]",
            "FETCH /a b/lwm2m ct=110 body=[{\"n\":\"/a%20b/lwm2m/3/0\"}]",
        ),
        (
            "FETCH / ct=110 observe=0 body=[{\"n\":\"/3/0\"}]",
            "FETCH /a b/lwm2m ct=110 observe=0 body=[{\"n\":\"/a%20b/lwm2m/3/0\"}]",
        ),
    ] {
        let operation = DeviceOperation::from_request(&request(text), V1_1).unwrap();
        let sent = operation.to_request_below("/a%20b/lwm2m");
        assert_eq!(line(&sent), below);
        let read = DeviceOperation::from_request_below(&sent, V1_1, "/a%20b/lwm2m");
        assert_eq!(read, Ok(operation));
    }
    let outside = DeviceOperation::from_request_below(&request("GET /3/0"), V1_1, "/lwm2m");
    assert_eq!(outside, Err(OperationError::NoSuchPath));
    let shorter = DeviceOperation::from_request_below(&request("GET /"), V1_1, "/lwm2m");
    assert_eq!(shorter, Err(OperationError::NoSuchPath));
}

#[test]
fn bodies_stay_out_of_debug() {
    let request = request("PUT /0/1/5 ct=0 body=c2VjcmV0");
    let operation = DeviceOperation::from_request(&request, V1_1).unwrap();
    let response = Response::new(Code::CONTENT).body(0, "c2VjcmV0");
    let mut message = crate::coap::Message::empty(crate::coap::MessageKind::Reset, 1);
    message.payload = request.payload.clone();
    for text in [
        format!("{request:?}"),
        format!("{operation:?}"),
        format!("{response:?}"),
        format!("{message:?}"),
    ] {
        assert!(!text.contains("c2VjcmV0"), "{text}");
        assert!(text.contains("8 bytes"), "{text}");
    }
    let value = crate::value::Value::Opaque(b"secret".to_vec());
    assert_eq!(format!("{value} {value:?}"), "6 bytes Opaque(6 bytes)");
}
