//! Any message as a request on each interface: it is an operation or an error with a code, and an operation survives
//! being sent again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lwm2m_core::{
    coap::{Message, Request, option},
    operation::{
        BootstrapPackRequest, BootstrapRequest, DeviceOperation, OperationError,
        RegistrationOperation, Send, parse_profiles, strip_root,
    },
    version::LwM2mVersion,
};
use std::{fmt::Debug, mem::discriminant};

/// The root of some clients, and its segments.
const ROOT: &str = "/lwm2m";
const SEGMENTS: [&str; 1] = ["lwm2m"];

fuzz_target!(|datagram: &[u8]| {
    let Ok(message) = Message::parse(datagram) else {
        return;
    };
    let mut request = Request::new(message.code);
    request.options = message.options;
    request.payload = message.payload;
    for version in LwM2mVersion::ALL {
        device(&request, version);
    }
    server(&request);
    for text in request
        .options
        .texts(option::URI_QUERY)
        .into_iter()
        .flatten()
    {
        let _ = parse_profiles(text.strip_prefix("pid=").unwrap_or(text));
    }
});

/// What a client is asked.
fn device(request: &Request, version: LwM2mVersion) {
    let Some(operation) = answered(DeviceOperation::from_request(request, version)) else {
        return;
    };
    let again = DeviceOperation::from_request(&operation.to_request(), version);
    assert!(again.is_ok(), "{operation:?} does not survive: {again:?}");
    for codes in [operation.answers(), operation.bootstrap_answers()] {
        assert_eq!(codes.first(), Some(&operation.success()));
    }
    let allowed = operation.check_management().is_ok();
    assert!(allowed || operation.check_for(version).is_err());
    let _ = operation.check_bootstrap(version);

    let below = operation.to_request_below(ROOT);
    let read = DeviceOperation::from_request_below(&below, version, ROOT);
    assert_eq!(read.as_ref(), again.as_ref(), "below a root");
    // The paths of a composite request have the root as well, within its body.
    if operation.path().is_some() {
        let stripped = strip_root(below, &SEGMENTS).expect("it lies there");
        assert_eq!(DeviceOperation::from_request(&stripped, version), again);
    }
}

/// What a server and a bootstrap server are asked.
fn server(request: &Request) {
    if let Some(operation) = answered(RegistrationOperation::from_request(request)) {
        // One that says `Q` in 1.0, which has no such argument, is written with the binding that means it.
        let sent = sent(&operation);
        let again = RegistrationOperation::from_request(&sent).expect("what was written reads");
        assert_eq!(discriminant(&again), discriminant(&operation));
        assert_eq!(self::sent(&again), sent, "{operation:?}");
    }
    if let Some(bootstrap) = answered(BootstrapRequest::from_request(request)) {
        assert_eq!(
            BootstrapRequest::from_request(&bootstrap.to_request()),
            Ok(bootstrap)
        );
    }
    if let Some(pack) = answered(BootstrapPackRequest::from_request(request)) {
        assert_eq!(
            BootstrapPackRequest::from_request(&pack.to_request()),
            Ok(pack)
        );
    }
    if let Some(send) = answered(Send::from_request(request)) {
        assert_eq!(Send::from_request(&send.to_request()), Ok(send));
    }
}

fn sent(operation: &RegistrationOperation) -> Request {
    match operation {
        RegistrationOperation::Register(register) => register.to_request(),
        RegistrationOperation::Update(update) => update.to_request(),
        RegistrationOperation::Deregister(deregister) => deregister.to_request(),
        other => unreachable!("{other:?}"),
    }
}

/// The operation, or nothing where the request is refused with the code of an error.
fn answered<T: Debug>(operation: Result<T, OperationError>) -> Option<T> {
    match operation {
        Ok(operation) => Some(operation),
        Err(error) => {
            assert!(error.code().is_error());
            assert_eq!(error.response().code, error.code());
            None
        }
    }
}
