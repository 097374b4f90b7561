//! Any message as a request on each interface: it is an operation or an error with a code.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lwm2m_core::{
    coap::{Message, Request},
    operation::{
        BootstrapPackRequest, BootstrapRequest, DeviceOperation, RegistrationOperation, Send,
    },
    version::LwM2mVersion,
};

fuzz_target!(|datagram: &[u8]| {
    let Ok(message) = Message::parse(datagram) else {
        return;
    };
    let mut request = Request::new(message.code);
    request.options = message.options;
    request.payload = message.payload;
    for version in LwM2mVersion::ALL {
        match DeviceOperation::from_request(&request, version) {
            Ok(operation) => {
                let again = DeviceOperation::from_request(&operation.to_request(), version);
                assert!(again.is_ok(), "{operation:?} does not survive: {again:?}");
            }
            Err(error) => assert!(error.code().is_error()),
        }
    }
    let _ = RegistrationOperation::from_request(&request).map_err(|error| error.code());
    let _ = BootstrapRequest::from_request(&request).map_err(|error| error.code());
    let _ = BootstrapPackRequest::from_request(&request).map_err(|error| error.code());
    let _ = Send::from_request(&request).map_err(|error| error.code());
});
