use super::{
    OperationError,
    query::{Queries, bad_request, with_additional},
    segments,
};
use crate::{
    coap::{Code, Request, option},
    content::{
        ContentFormat,
        negotiation::{Extent, Purpose, is_allowed},
    },
    link::{self, Link, LinkTarget},
    path::Path,
    version::LwM2mVersion,
};
use alloc::{format, string::String, vec::Vec};

/// Bootstrap-request: `POST /bs?ep=..&pct=..` (Core 1.2.2, section 6.1.7.1).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BootstrapRequest {
    /// `ep`: the endpoint name; may be absent from 1.1, where it comes from the security identity (Core 1.2.2, table
    /// 6.1.7.1-1).
    pub endpoint: Option<String>,
    /// `pct`: the format the client prefers for bootstrap writes (1.1): TLV, SenML-JSON, SenML-CBOR, LwM2M-CBOR (Core
    /// 1.2.2, table 6.1.7.1-1).
    pub preferred_format: Option<ContentFormat>,
    /// Query arguments beyond those, in order (Core 1.2.2, section 6.1.7.1); no fault, as in a [`Register`](super::Register).
    pub additional: Vec<(String, Option<String>)>,
}

impl BootstrapRequest {
    /// A request of this client.
    pub fn new(endpoint: Option<String>, preferred_format: Option<ContentFormat>) -> Self {
        BootstrapRequest {
            endpoint,
            preferred_format,
            additional: Vec::new(),
        }
    }

    /// As CoAP.
    pub fn to_request(&self) -> Request {
        let mut request = Request::new(Code::POST).path_segment("bs");
        if let Some(endpoint) = &self.endpoint {
            request = request.query(&format!("ep={endpoint}"));
        }
        if let Some(format) = self.preferred_format {
            request = request.query(&format!("pct={}", format.number()));
        }
        with_additional(request, &self.additional)
    }

    /// From CoAP; the request's path must be `bs`.
    ///
    /// # Errors
    /// With the code that answers it: 4.15 for a preferred format that no bootstrap uses, 4.00 for whatever is
    /// malformed.
    pub fn from_request(request: &Request) -> Result<Self, OperationError> {
        check_target(request, "bs", Code::POST)?;
        let mut queries = Queries::of(request)?;
        let endpoint = queries.value("ep")?.map(String::from);
        let preferred_format = match queries.number("pct")? {
            None => None,
            Some(number) => match ContentFormat::from_number(number) {
                Some(format) if carries_bootstrap_information(format) => Some(format),
                _ => return Err(OperationError::UnsupportedContentFormat(number)),
            },
        };
        Ok(BootstrapRequest {
            endpoint,
            preferred_format,
            additional: queries.rest(),
        })
    }
}

/// Bootstrap-finish: `POST /bs` from the bootstrap server to the client (Core 1.2.2, section 6.1.6; Transport 1.2.2,
/// table 6.4.2-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BootstrapFinish;

impl BootstrapFinish {
    /// As CoAP.
    pub fn to_request(self) -> Request {
        Request::new(Code::POST).path_segment("bs")
    }
}

/// Bootstrap-pack-request: `GET /bspack?ep=..&acc=..` (1.2; Core 1.2.2, section 6.1.7.7).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BootstrapPackRequest {
    /// `ep`: the endpoint name; may be absent, where it comes from the security identity (Core 1.2.2, table 6.1.7.7-1).
    pub endpoint: Option<String>,
    /// `acc`: the object instances of the bootstrap server account (Core 1.2.2, table 6.1.7.7-1).
    pub account: Vec<Path>,
    /// The format asked for: SenML-JSON, SenML-CBOR or LwM2M-CBOR (Core 1.2.2, section 6.1.7.7).
    pub accept: Option<ContentFormat>,
}

impl BootstrapPackRequest {
    /// A request of this client.
    pub fn new(endpoint: Option<String>, accept: Option<ContentFormat>) -> Self {
        BootstrapPackRequest {
            endpoint,
            account: Vec::new(),
            accept,
        }
    }

    /// As CoAP.
    pub fn to_request(&self) -> Request {
        let mut request = Request::new(Code::GET).path_segment("bspack");
        if let Some(endpoint) = &self.endpoint {
            request = request.query(&format!("ep={endpoint}"));
        }
        if !self.account.is_empty() {
            let links: Vec<Link> = self.account.iter().map(|path| Link::to(*path)).collect();
            request = request.query(&format!("acc={}", link::write(&links)));
        }
        match self.accept {
            Some(format) => request.uint_option(option::ACCEPT, format.number().into()),
            None => request,
        }
    }

    /// From CoAP; the request's path must be `bspack`.
    ///
    /// # Errors
    /// With the code that answers it: 4.06 for a format that carries no pack, 4.00 for whatever is malformed.
    pub fn from_request(request: &Request) -> Result<Self, OperationError> {
        check_target(request, "bspack", Code::GET)?;
        let mut queries = Queries::of(request)?;
        let endpoint = queries.value("ep")?.map(String::from);
        let account = queries.value("acc")?.map(read_account).transpose()?;
        queries.finish()?;
        let accept = match request.options.accept() {
            None => None,
            Some(number) => match ContentFormat::from_number(number) {
                Some(format) if carries_pack(format) => Some(format),
                _ => return Err(OperationError::NotAcceptable),
            },
        };
        Ok(BootstrapPackRequest {
            endpoint,
            account: account.unwrap_or_default(),
            accept,
        })
    }
}

fn check_target(request: &Request, segment: &str, method: Code) -> Result<(), OperationError> {
    if segments(request)? != [segment] {
        return Err(OperationError::NoSuchPath);
    }
    match request.code == method {
        true => Ok(()),
        false => Err(OperationError::MethodNotAllowed),
    }
}

/// Object instances as links without parameters.
fn read_account(text: &str) -> Result<Vec<Path>, OperationError> {
    let instance = |link: Link| match link.target {
        LinkTarget::Path(path) if path.ids().len() == 2 && link.parameters.is_empty() => Ok(path),
        _ => Err(bad_request("the account is no list of object instances")),
    };
    link::parse(text.as_bytes())?
        .into_iter()
        .map(instance)
        .collect()
}

/// What a client may prefer: whatever carries several values, the newest version's included.
fn carries_bootstrap_information(format: ContentFormat) -> bool {
    is_allowed(format, Purpose::Write, Extent::Values, LwM2mVersion::V1_2)
}

fn carries_pack(format: ContentFormat) -> bool {
    is_allowed(
        format,
        Purpose::BootstrapPack,
        Extent::Values,
        LwM2mVersion::V1_2,
    )
}
