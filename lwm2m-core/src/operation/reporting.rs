use super::{
    OperationError, Payload,
    management::{with_accept, with_paths, with_queries},
    query::{Queries, bad_request},
    request_on, segments,
};
use crate::{
    attributes::Attributes,
    coap::{Code, Request, option},
    content::{
        ContentFormat,
        negotiation::{Extent, Purpose, is_allowed},
    },
    path::Path,
    version::LwM2mVersion,
};
use alloc::vec::Vec;

/// Observe: `GET /{path}` with Observe = 0; with Observe = 1 its end (Core 1.2.2, sections 6.4.1 and 6.4.3; Transport
/// 1.2.2, table 6.4.5-1).
#[derive(Debug, Clone, PartialEq)]
pub struct Observe {
    /// What: an object, instance, resource or (1.1) resource instance.
    pub path: Path,
    /// The format asked for.
    pub accept: Option<ContentFormat>,
    /// Attributes in the query (1.2), which govern this observation (Core 1.2.2, section 6.4.1).
    pub attributes: Attributes,
    /// Whether it ends the observation.
    pub cancel: bool,
}

impl Observe {
    /// As CoAP.
    pub fn to_request(&self) -> Request {
        let request = with_accept(request_on(Code::GET, &self.path), self.accept);
        with_queries(
            with_observe(request, self.cancel),
            self.attributes.to_queries(),
        )
    }
}

/// Observe-composite: `FETCH /` with Observe = 0; with Observe = 1 its end. From 1.1 (Core 1.2.2, sections 6.4.4 and
/// 6.4.5; Transport 1.2.2, table 6.4.5-1).
#[derive(Debug, Clone, PartialEq)]
pub struct ObserveComposite {
    /// What.
    pub paths: Vec<Path>,
    /// The format the paths are sent in: SenML-JSON, SenML-CBOR, or (1.2) SenML-ETCH.
    pub format: ContentFormat,
    /// The format asked for.
    pub accept: Option<ContentFormat>,
    /// Attributes in the query (1.2), which govern this observation: those of
    /// [`AttributeNames::COMPOSITE`](crate::attributes::AttributeNames::COMPOSITE) (Core 1.2.2, section 6.4.4).
    pub attributes: Attributes,
    /// Whether it ends the observation.
    pub cancel: bool,
}

impl ObserveComposite {
    /// As CoAP. In a format that carries no paths the body is empty, which every client refuses.
    pub fn to_request(&self) -> Request {
        self.request_with_names_below("")
    }

    pub(super) fn request_with_names_below(&self, root: &str) -> Request {
        let request = with_accept(with_paths(self.format, &self.paths, root), self.accept);
        with_queries(
            with_observe(request, self.cancel),
            self.attributes.to_queries(),
        )
    }
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
        let payload = &self.payload;
        Request::new(Code::POST)
            .path_segment("dp")
            .body(payload.format.number(), payload.data.clone())
    }

    /// From CoAP; the request's path must be `dp`.
    ///
    /// # Errors
    /// With the code that answers it. The table of the specification has no 4.15 for send, so a wrong content format
    /// is a bad request.
    pub fn from_request(request: &Request) -> Result<Self, OperationError> {
        if segments(request)? != ["dp"] {
            return Err(OperationError::NoSuchPath);
        }
        if request.code != Code::POST {
            return Err(OperationError::MethodNotAllowed);
        }
        Queries::of(request)?.finish()?;
        let number = request.options.content_format();
        let format = number
            .and_then(ContentFormat::from_number)
            .filter(|format| is_allowed(*format, Purpose::Send, Extent::Values, LwM2mVersion::V1_2))
            .ok_or_else(|| bad_request("not in a format of send"))?;
        let data = request.payload.clone();
        Ok(Send {
            payload: Payload { format, data },
        })
    }
}

fn with_observe(request: Request, cancel: bool) -> Request {
    request.uint_option(option::OBSERVE, cancel.into())
}
