use super::OperationError;
use crate::{
    coap::{Request, Response},
    link::Link,
    version::LwM2mVersion,
};
use alloc::{string::String, vec::Vec};

/// The transports a client offers, `b=` (Core 1.2.2, section 6.2.1.2): `U T S N M H`, with 1.0's `Q` behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Binding(pub(crate) u8);

impl Binding {
    /// UDP, the default.
    pub const U: Binding = Binding(1);

    /// Reads `U`, `UQ`, `UST`...
    ///
    /// # Errors
    /// 4.00 for letters that no version knows, or none.
    pub fn parse(text: &str) -> Result<Self, OperationError> {
        let _ = text;
        todo!()
    }

    /// Whether UDP is among them.
    pub fn has_udp(self) -> bool {
        self.0 & Self::U.0 != 0
    }
}

/// Register: `POST /rd?ep=..&lt=..&lwm2m=..&b=..&Q&sms=..&pid=..` (Core 1.2.2, section 6.2.1).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Register {
    /// Endpoint name; may be absent from 1.1, where it comes from the security identity.
    pub endpoint: Option<String>,
    /// Lifetime, seconds; absent means 86,400.
    pub lifetime: Option<u32>,
    /// Protocol version.
    pub version: LwM2mVersion,
    /// Transports; absent means `U`.
    pub binding: Option<Binding>,
    /// Whether the client may sleep: `Q`, or in 1.0 a `Q` in the binding.
    pub queue_mode: bool,
    /// Number for SMS (MSISDN).
    pub sms: Option<String>,
    /// Profile id (1.2).
    pub profile: Option<String>,
    /// The objects and object instances, as sent.
    pub links: Vec<Link>,
    /// Query arguments beyond those, in order.
    pub additional: Vec<(String, Option<String>)>,
}

impl Register {
    /// A registration of these objects with the defaults.
    pub fn new(endpoint: impl Into<String>, version: LwM2mVersion, links: Vec<Link>) -> Self {
        Register {
            endpoint: Some(endpoint.into()),
            lifetime: None,
            version,
            binding: None,
            queue_mode: false,
            sms: None,
            profile: None,
            links,
            additional: Vec::new(),
        }
    }

    /// As CoAP.
    pub fn to_request(&self) -> Request {
        todo!()
    }

    /// From CoAP.
    ///
    /// # Errors
    /// With the code that answers it.
    pub fn from_request(request: &Request) -> Result<Self, OperationError> {
        let _ = request;
        todo!()
    }

    /// The answer: 2.01 with the location `/rd/{id}`.
    pub fn created(location: &[&str]) -> Response {
        let _ = location;
        todo!()
    }
}

/// Update: `POST /rd/{id}` with what has changed (Core 1.2.2, section 6.2.2).
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Update {
    /// Location-Path of the registration, as the server gave it.
    pub location: Vec<String>,
    /// New lifetime, seconds.
    pub lifetime: Option<u32>,
    /// New transports.
    pub binding: Option<Binding>,
    /// New SMS number.
    pub sms: Option<String>,
    /// New objects and object instances; `None`: as before.
    pub links: Option<Vec<Link>>,
    /// Query arguments beyond those, in order.
    pub additional: Vec<(String, Option<String>)>,
}

impl Update {
    /// As CoAP.
    pub fn to_request(&self) -> Request {
        todo!()
    }
}

/// De-register: `DELETE /rd/{id}` (Core 1.2.2, section 6.2.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deregister {
    /// Location-Path of the registration.
    pub location: Vec<String>,
}

impl Deregister {
    /// As CoAP.
    pub fn to_request(&self) -> Request {
        todo!()
    }
}

/// What a server may be asked on `/rd`.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum RegistrationOperation {
    /// Register.
    Register(Register),
    /// Update.
    Update(Update),
    /// De-register.
    Deregister(Deregister),
}

impl RegistrationOperation {
    /// From CoAP; the request's path must begin with `rd`.
    ///
    /// # Errors
    /// With the code that answers it.
    pub fn from_request(request: &Request) -> Result<Self, OperationError> {
        let _ = request;
        todo!()
    }
}
