use super::{OperationError, Payload};
use crate::{attributes::Attributes, coap::Request, content::ContentFormat, path::Path};
use alloc::vec::Vec;

/// Observe: `GET /{path}` with Observe = 0; with Observe = 1 its end.
#[derive(Debug, Clone, PartialEq)]
pub struct Observe {
    /// What.
    pub path: Path,
    /// The format asked for.
    pub accept: Option<ContentFormat>,
    /// Attributes in the query (1.2), which govern this observation.
    pub attributes: Attributes,
    /// Whether it ends the observation.
    pub cancel: bool,
}

/// Observe-composite: `FETCH /` with Observe = 0; with Observe = 1 its end.
#[derive(Debug, Clone, PartialEq)]
pub struct ObserveComposite {
    /// What.
    pub paths: Vec<Path>,
    /// The format the paths are sent in.
    pub format: ContentFormat,
    /// The format asked for.
    pub accept: Option<ContentFormat>,
    /// Attributes in the query (1.2), which govern this observation.
    pub attributes: Attributes,
    /// Whether it ends the observation.
    pub cancel: bool,
}

/// Send: `POST /dp` (Core 1.2.2, section 6.4.6), from 1.1.
#[derive(Debug, Clone, PartialEq)]
pub struct Send {
    /// The values: SenML-JSON, SenML-CBOR, or (1.2) LwM2M-CBOR.
    pub payload: Payload,
}

impl Send {
    /// As CoAP.
    pub fn to_request(&self) -> Request {
        todo!()
    }

    /// From CoAP; the request's path must be `dp`.
    ///
    /// # Errors
    /// With the code that answers it.
    pub fn from_request(request: &Request) -> Result<Self, OperationError> {
        let _ = request;
        todo!()
    }
}
