//! The four interfaces of LwM2M as typed operations, to and from CoAP (Transport 1.2.2, section 6.4).
//!
//! Each type turns into a [`Request`] on one side and is read from it on the other. Payloads stay encoded
//! ([`Payload`]) until somebody who knows the models asks for their values.
//!
//! | who is asked | on | reads with |
//! |---|---|---|
//! | server | `/rd` | [`RegistrationOperation::from_request`] |
//! | server | `/dp` | [`Send::from_request`] |
//! | bootstrap server | `/bs`, `/bspack` | [`BootstrapRequest::from_request`], [`BootstrapPackRequest::from_request`] |
//! | client | its object tree, `/bs` | [`DeviceOperation::from_request`] |
//!
//! ```
//! use lwm2m_core::operation::{DeviceOperation, Read, Register, RegistrationOperation};
//! use lwm2m_core::{content::ContentFormat, link, version::LwM2mVersion};
//!
//! // A client registers, a server reads it.
//! let links = link::parse(b"</1/0>,</3/0>,</3303>;ver=1.1,</3303/0>")?;
//! let register = Register::new("urn:imei:350000000000001", LwM2mVersion::V1_1, links);
//! let request = register.to_request();
//! let RegistrationOperation::Register(register) = RegistrationOperation::from_request(&request)? else {
//!     unreachable!("it was sent to /rd")
//! };
//! assert_eq!(register.lifetime, Some(86_400));
//!
//! // The server asks, the client reads it.
//! let read = Read { path: "/3303/0/5700".parse()?, accept: Some(ContentFormat::Cbor) };
//! let operation = DeviceOperation::from_request(&read.to_request(), register.version)?;
//! operation.check_management()?;
//! assert_eq!(operation, DeviceOperation::Read(read));
//!
//! // In 1.0 there is no CBOR: 4.06.
//! let refused = DeviceOperation::from_request(&operation.to_request(), LwM2mVersion::V1_0);
//! assert_eq!(refused.unwrap_err().code().to_string(), "4.06 Not Acceptable");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod answer;
mod binding;
mod bootstrap;
mod display;
mod execute;
mod interface;
mod management;
mod parse;
mod payload;
mod profile;
mod query;
mod registration;
mod reporting;
mod root;
#[cfg(test)]
mod tests;

pub use binding::Binding;
pub use bootstrap::{BootstrapFinish, BootstrapPackRequest, BootstrapRequest};
pub use execute::{Execute, ExecuteArgument, format_arguments, parse_arguments};
pub use management::{
    Create, Delete, DeviceOperation, Discover, Read, ReadComposite, Write, WriteAttributes,
    WriteComposite, WriteMode,
};
pub use payload::Payload;
pub use profile::{ProfileId, parse_profiles};
pub use registration::{DEFAULT_LIFETIME, Deregister, Register, RegistrationOperation, Update};
pub use reporting::{Observe, ObserveComposite, Send};
pub use root::{below_root, strip_root};

use crate::{
    attributes::AttributeError,
    coap::{Code, Request, Response, option},
    link::LinkError,
    path::Path,
};
use alloc::{
    string::{String, ToString},
    vec::Vec,
};

/// Why a request is no operation, with the code that answers it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum OperationError {
    /// A path that does not exist on this interface: 4.04.
    #[error("no such path")]
    NoSuchPath,
    /// A method that this path does not take: 4.05.
    #[error("the method is not allowed here")]
    MethodNotAllowed,
    /// A missing, repeated, unknown or malformed query argument, or a malformed path: 4.00.
    #[error("bad request: {0}")]
    BadRequest(String),
    /// An object that this interface may not touch: 4.01.
    #[error("not authorized")]
    Unauthorized,
    /// Attributes that cannot be written: 4.00.
    #[error("bad attributes: {0}")]
    Attributes(#[from] AttributeError),
    /// Links that cannot be read: 4.00.
    #[error(transparent)]
    Links(#[from] LinkError),
    /// A version that is not supported: 4.12.
    #[error("unsupported LwM2M version {0:?}")]
    UnsupportedVersion(String),
    /// A content format that is not supported, or not here: 4.15.
    #[error("unsupported content format {0}")]
    UnsupportedContentFormat(u16),
    /// An Accept that cannot be met: 4.06.
    #[error("no acceptable format")]
    NotAcceptable,
}

impl OperationError {
    /// The response code that the specification names for it (Transport 1.2.2, section 6.7).
    pub fn code(&self) -> Code {
        match self {
            OperationError::NoSuchPath => Code::NOT_FOUND,
            OperationError::MethodNotAllowed => Code::METHOD_NOT_ALLOWED,
            OperationError::BadRequest(_)
            | OperationError::Attributes(_)
            | OperationError::Links(_) => Code::BAD_REQUEST,
            OperationError::Unauthorized => Code::UNAUTHORIZED,
            OperationError::UnsupportedVersion(_) => Code::PRECONDITION_FAILED,
            OperationError::UnsupportedContentFormat(_) => Code::UNSUPPORTED_CONTENT_FORMAT,
            OperationError::NotAcceptable => Code::NOT_ACCEPTABLE,
        }
    }

    /// The answer: its code, with the reason as a diagnostic text.
    pub fn response(&self) -> Response {
        Response::new(self.code()).diagnostic(&self.to_string())
    }
}

/// The Uri-Path segments of a request; a single empty one is none.
fn segments(request: &Request) -> Result<Vec<&str>, OperationError> {
    let segments = request
        .options
        .texts(option::URI_PATH)
        .ok_or_else(|| query::bad_request("the path is not UTF-8"))?;
    Ok(match segments.as_slice() {
        [""] => Vec::new(),
        _ => segments,
    })
}

/// A request on a place of the object tree.
fn request_on(code: Code, path: &Path) -> Request {
    path.segments()
        .iter()
        .fold(Request::new(code), |request, segment| {
            request.path_segment(segment)
        })
}
