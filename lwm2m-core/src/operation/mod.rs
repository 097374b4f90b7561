//! The four interfaces of LwM2M as typed operations, to and from CoAP (Transport 1.2.2, section 6.4).
//!
//! Each type turns into a [`Request`](crate::coap::Request) on one side and is read from it on the other.
//! Payloads stay encoded ([`Payload`]) until somebody who knows the models asks for their values.

mod bootstrap;
mod management;
mod payload;
mod registration;
mod reporting;

pub use bootstrap::{BootstrapFinish, BootstrapPackRequest, BootstrapRequest};
pub use management::{
    Create, Delete, DeviceOperation, Discover, Execute, Read, ReadComposite, Write,
    WriteAttributes, WriteComposite, WriteMode,
};
pub use payload::Payload;
pub use registration::{Binding, Deregister, Register, RegistrationOperation, Update};
pub use reporting::{Observe, ObserveComposite, Send};

use crate::{attributes::AttributeError, coap::Code, link::LinkError};
use alloc::string::String;

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
    /// The response code that the specification names for it.
    pub fn code(&self) -> Code {
        match self {
            OperationError::NoSuchPath => Code::NOT_FOUND,
            OperationError::MethodNotAllowed => Code::METHOD_NOT_ALLOWED,
            OperationError::BadRequest(_)
            | OperationError::Attributes(_)
            | OperationError::Links(_) => Code::BAD_REQUEST,
            OperationError::UnsupportedVersion(_) => Code::PRECONDITION_FAILED,
            OperationError::UnsupportedContentFormat(_) => Code::UNSUPPORTED_CONTENT_FORMAT,
            OperationError::NotAcceptable => Code::NOT_ACCEPTABLE,
        }
    }
}
