//! Errors of the async API.

use lwm2m_core::{
    coap::Code,
    content::{DecodeError, EncodeError},
};

/// Why an operation on a device did not succeed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// No device of this name is registered.
    #[error("{0} is not registered")]
    NotRegistered(String),
    /// The device answered with an error.
    #[error("the device answered {code}{}", diagnostic_suffix(.diagnostic))]
    Response {
        /// The response code.
        code: Code,
        /// What the device says about it.
        diagnostic: Option<String>,
    },
    /// No answer in time. The device may have done what was asked.
    #[error("no answer in time")]
    Timeout,
    /// The device did not understand the message (RST).
    #[error("the device reset the exchange")]
    Reset,
    /// There is no connection to the device: only it can make one.
    #[error("there is no connection to the device")]
    Unreachable,
    /// Too many requests are under way to this device or in all.
    #[error("too many requests are under way")]
    Busy,
    /// The registration ended while the request was under way.
    #[error("the registration ended before the answer")]
    RegistrationEnded,
    /// The answer's body cannot be read, or a block-wise transfer broke.
    #[error("the answer cannot be read: {0}")]
    Transfer(&'static str),
    /// The values in the answer cannot be read.
    #[error("the answer cannot be read: {0}")]
    Decode(#[from] DecodeError),
    /// The values cannot be written in the format.
    #[error("the request cannot be written: {0}")]
    Encode(#[from] EncodeError),
    /// The operation cannot be right, as the definition of the object or the specification says; it was not sent.
    #[error("{0}")]
    Invalid(String),
    /// The server has stopped.
    #[error("the server has stopped")]
    Stopped,
}

fn diagnostic_suffix(diagnostic: &Option<String>) -> String {
    match diagnostic {
        Some(text) => format!(": {text}"),
        None => String::new(),
    }
}

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// No listener was given.
    #[error("no listener: nothing to do")]
    NoListener,
    /// A listener could not be opened: its port is in use, or the address is not ours.
    #[error("cannot listen on {listener}: {reason}")]
    Listen {
        /// Which.
        listener: String,
        /// Why.
        reason: std::io::Error,
    },
    /// The transport could not be made: unusable certificate or key.
    #[error("cannot start the transport: {0}")]
    Transport(String),
    /// The store could not be read.
    #[error("cannot read the store: {0}")]
    Store(#[from] crate::store::StoreError),
    /// The sessions in the store could not be taken up.
    #[error("cannot take up the sessions: {0}")]
    Sessions(#[from] lwm2m_transport::dtls::SessionStoreError),
}
