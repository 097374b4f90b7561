use super::OperationError;
use crate::{coap::Request, content::ContentFormat};
use alloc::string::String;

/// Bootstrap-request: `POST /bs?ep=..&pct=..` (Core 1.2.2, section 6.1.7.1).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BootstrapRequest {
    /// Endpoint name; may be absent from 1.1, where it comes from the security identity.
    pub endpoint: Option<String>,
    /// The format the client prefers for bootstrap writes (1.1).
    pub preferred_format: Option<ContentFormat>,
}

impl BootstrapRequest {
    /// A request of this client.
    pub fn new(endpoint: Option<String>, preferred_format: Option<ContentFormat>) -> Self {
        BootstrapRequest {
            endpoint,
            preferred_format,
        }
    }

    /// As CoAP.
    pub fn to_request(&self) -> Request {
        todo!()
    }

    /// From CoAP; the request's path must be `bs`.
    ///
    /// # Errors
    /// With the code that answers it.
    pub fn from_request(request: &Request) -> Result<Self, OperationError> {
        let _ = request;
        todo!()
    }
}

/// Bootstrap-finish: `POST /bs` from the bootstrap server to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BootstrapFinish;

impl BootstrapFinish {
    /// As CoAP.
    pub fn to_request(self) -> Request {
        todo!()
    }
}

/// Bootstrap-pack-request: `GET /bspack?ep=..` (1.2).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BootstrapPackRequest {
    /// Endpoint name; may be absent, where it comes from the security identity.
    pub endpoint: Option<String>,
    /// The format asked for.
    pub accept: Option<ContentFormat>,
}

impl BootstrapPackRequest {
    /// A request of this client.
    pub fn new(endpoint: Option<String>, accept: Option<ContentFormat>) -> Self {
        BootstrapPackRequest { endpoint, accept }
    }

    /// As CoAP.
    pub fn to_request(&self) -> Request {
        todo!()
    }

    /// From CoAP; the request's path must be `bspack`.
    ///
    /// # Errors
    /// With the code that answers it.
    pub fn from_request(request: &Request) -> Result<Self, OperationError> {
        let _ = request;
        todo!()
    }
}
