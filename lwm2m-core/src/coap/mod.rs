//! CoAP messages (RFC 7252): codes, options, block options, and the strict parser in front of them all.

mod block;
mod code;
mod lite;
mod message;
pub mod option;
#[cfg(test)]
mod properties;
pub mod tcp;
#[cfg(test)]
mod vectors;
mod wire;

pub use block::{Block, BlockError, BlockSize};
pub use code::Code;
pub use message::{Message, MessageError, MessageKind, Token};
pub use option::{OptionNumber, Options};

use bytes::Bytes;
use core::fmt;

/// A request as the layers above the message layer see it: no message id, no token (RFC 7252, section 5.1). `Debug`
/// shows the length of the body only: it may hold keys.
#[derive(Clone, PartialEq)]
pub struct Request {
    /// Method code, 0.01 to 0.07.
    pub code: Code,
    /// Options; Block1, Block2, Size and Request-Tag are the endpoint's own business.
    pub options: Options,
    /// The whole body.
    pub payload: Bytes,
    /// Whether it is sent reliably.
    pub confirmable: bool,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("code", &self.code)
            .field("options", &self.options)
            .field("payload", &format_args!("{} bytes", self.payload.len()))
            .field("confirmable", &self.confirmable)
            .finish()
    }
}

impl Request {
    /// A confirmable request without options or body.
    pub fn new(code: Code) -> Self {
        Request {
            code,
            options: Options::new(),
            payload: Bytes::new(),
            confirmable: true,
        }
    }

    /// With another Uri-Path segment.
    #[must_use]
    pub fn path_segment(mut self, segment: &str) -> Self {
        self.options.push(option::URI_PATH, segment.as_bytes());
        self
    }

    /// With another Uri-Query argument.
    #[must_use]
    pub fn query(mut self, query: &str) -> Self {
        self.options.push(option::URI_QUERY, query.as_bytes());
        self
    }

    /// With an option of integer value.
    #[must_use]
    pub fn uint_option(mut self, number: OptionNumber, value: u32) -> Self {
        self.options.set_uint(number, value);
        self
    }

    /// With a body and its content format.
    #[must_use]
    pub fn body(mut self, content_format: u16, payload: impl Into<Bytes>) -> Self {
        self.options
            .set_uint(option::CONTENT_FORMAT, u32::from(content_format));
        self.payload = payload.into();
        self
    }
}

/// A response as the layers above the message layer see it (RFC 7252, section 5.2). `Debug` shows the length of the
/// body only: it may hold keys.
#[derive(Clone, PartialEq)]
pub struct Response {
    /// Response code, 2.xx to 5.xx.
    pub code: Code,
    /// Options; Block1, Block2, Size and Observe are the endpoint's own business.
    pub options: Options,
    /// The whole body.
    pub payload: Bytes,
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("code", &self.code)
            .field("options", &self.options)
            .field("payload", &format_args!("{} bytes", self.payload.len()))
            .finish()
    }
}

impl Response {
    /// A response without options or body.
    pub fn new(code: Code) -> Self {
        Response {
            code,
            options: Options::new(),
            payload: Bytes::new(),
        }
    }

    /// With a body and its content format.
    #[must_use]
    pub fn body(mut self, content_format: u16, payload: impl Into<Bytes>) -> Self {
        self.options
            .set_uint(option::CONTENT_FORMAT, u32::from(content_format));
        self.payload = payload.into();
        self
    }

    /// With a diagnostic text for a person (RFC 7252, section 5.5.2), where the code is an error.
    #[must_use]
    pub fn diagnostic(mut self, text: &str) -> Self {
        self.payload = Bytes::copy_from_slice(text.as_bytes());
        self
    }
}
