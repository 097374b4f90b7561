use super::{BootstrapFinish, Execute, Observe, ObserveComposite, Payload, request_on};
use crate::{
    attributes::AttributeChange,
    coap::{Code, Request, Response, option},
    content::{Codec, ContentFormat},
    model::NoModels,
    path::Path,
};
use alloc::{format, vec::Vec};

/// Read: `GET /{path}` (Core 1.2.2, section 6.3.1; Transport 1.2.2, table 6.4.4-1).
#[derive(Debug, Clone, PartialEq)]
pub struct Read {
    /// What: an object, instance, resource or (1.1) resource instance.
    pub path: Path,
    /// The format asked for.
    pub accept: Option<ContentFormat>,
}

impl Read {
    /// As CoAP.
    pub fn to_request(&self) -> Request {
        with_accept(request_on(Code::GET, &self.path), self.accept)
    }
}

/// Whether a write takes the place of what is there or adds to it (Core 1.2.2, section 6.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteMode {
    /// Replace: `PUT`.
    Replace,
    /// Partial update: `POST`, on an object instance or on a resource with several instances.
    PartialUpdate,
}

/// Write: `PUT` or `POST /{path}` (Core 1.2.2, section 6.3.3; Transport 1.2.2, table 6.4.4-1).
#[derive(Debug, Clone, PartialEq)]
pub struct Write {
    /// Where.
    pub path: Path,
    /// How.
    pub mode: WriteMode,
    /// What.
    pub payload: Payload,
}

impl Write {
    /// As CoAP. A partial update of a resource cannot be in text: that is an execute.
    pub fn to_request(&self) -> Request {
        let code = match self.mode {
            WriteMode::Replace => Code::PUT,
            WriteMode::PartialUpdate => Code::POST,
        };
        with_payload(request_on(code, &self.path), &self.payload)
    }
}

/// Create: `POST /{object}` (Core 1.2.2, section 6.3.6; Transport 1.2.2, table 6.4.4-1).
#[derive(Debug, Clone, PartialEq)]
pub struct Create {
    /// The identifier of the object.
    pub object: u16,
    /// The instance's resources, with or without its id.
    pub payload: Payload,
}

impl Create {
    /// As CoAP.
    pub fn to_request(&self) -> Request {
        let segment = format!("{}", self.object);
        with_payload(
            Request::new(Code::POST).path_segment(&segment),
            &self.payload,
        )
    }

    /// The answer: 2.01, with the location where the client has chosen the id (Core 1.2.2, section 6.3.6).
    pub fn created(location: Option<&Path>) -> Response {
        let mut response = Response::new(Code::CREATED);
        for segment in location.map(Path::segments).unwrap_or_default() {
            response
                .options
                .push(option::LOCATION_PATH, segment.as_bytes());
        }
        response
    }

    /// The object instance in the answer to a create; `None` where the answer does not name one. What stands before
    /// the last two segments, an alternate path, is overlooked.
    pub fn location(response: &Response) -> Option<Path> {
        let segments = response.options.texts(option::LOCATION_PATH)?;
        let instance = segments.len().checked_sub(2)?;
        match response.code {
            Code::CREATED => Path::from_segments(segments[instance..].iter().copied()).ok(),
            _ => None,
        }
    }
}

/// Delete: `DELETE /{path}`; an object instance, (1.1) a resource instance, in bootstrap also an object or all (Core
/// 1.2.2, sections 6.1.7.6 and 6.3.7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delete {
    /// What.
    pub path: Path,
}

impl Delete {
    /// As CoAP.
    pub fn to_request(&self) -> Request {
        request_on(Code::DELETE, &self.path)
    }
}

/// Discover: `GET /{path}` with Accept 40 (Core 1.2.2, sections 6.1.7.3 and 6.3.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discover {
    /// Where: an object, instance or resource; in bootstrap also the root.
    pub path: Path,
    /// The query argument `depth`: how many levels below the path (1.2), 0 to 3 (Core 1.2.2, section 6.3.2).
    pub depth: Option<u8>,
}

impl Discover {
    /// How many levels below the path the answer shows: as asked, else 2 for an object and 1 for the others (Core
    /// 1.2.2, table 6.3.2-2).
    pub fn effective_depth(&self) -> u8 {
        let default = if self.path.ids().len() <= 1 { 2 } else { 1 };
        self.depth.unwrap_or(default)
    }

    /// As CoAP.
    pub fn to_request(&self) -> Request {
        let mut request = request_on(Code::GET, &self.path);
        if let Some(depth) = self.depth {
            request = request.query(&format!("depth={depth}"));
        }
        with_accept(request, Some(ContentFormat::Link))
    }
}

/// Write-attributes: `PUT /{path}?pmin=..` (Core 1.2.2, section 6.3.4; Transport 1.2.2, table 6.4.4-1).
#[derive(Debug, Clone, PartialEq)]
pub struct WriteAttributes {
    /// Where.
    pub path: Path,
    /// What is set and unset.
    pub change: AttributeChange,
}

impl WriteAttributes {
    /// As CoAP.
    pub fn to_request(&self) -> Request {
        with_queries(request_on(Code::PUT, &self.path), self.change.to_queries())
    }
}

/// Read-composite: `FETCH /`, from 1.1 (Core 1.2.2, section 6.3.8; Transport 1.2.2, table 6.4.4-1).
#[derive(Debug, Clone, PartialEq)]
pub struct ReadComposite {
    /// What.
    pub paths: Vec<Path>,
    /// The format the paths are sent in: SenML-JSON, SenML-CBOR, or (1.2) SenML-ETCH.
    pub format: ContentFormat,
    /// The format asked for.
    pub accept: Option<ContentFormat>,
}

impl ReadComposite {
    /// As CoAP. In a format that carries no paths the body is empty, which every client refuses.
    pub fn to_request(&self) -> Request {
        self.request_with_names_below("")
    }

    pub(super) fn request_with_names_below(&self, root: &str) -> Request {
        with_accept(with_paths(self.format, &self.paths, root), self.accept)
    }
}

/// Write-composite: `iPATCH /`, from 1.1 (Core 1.2.2, section 6.3.9; Transport 1.2.2, table 6.4.4-1).
#[derive(Debug, Clone, PartialEq)]
pub struct WriteComposite {
    /// What.
    pub payload: Payload,
}

impl WriteComposite {
    /// As CoAP.
    pub fn to_request(&self) -> Request {
        with_payload(Request::new(Code::IPATCH), &self.payload)
    }
}

/// What a client may be asked on its object tree, by a server or, where it says so, by a bootstrap server (Core 1.2.2,
/// sections 6.1.7, 6.3 and 6.4).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum DeviceOperation {
    /// Reading a place (from 1.1 also by a bootstrap server; Core 1.2.2, section 6.3.1).
    Read(Read),
    /// Asking what is there (also by a bootstrap server; Core 1.2.2, section 6.3.2).
    Discover(Discover),
    /// Writing values (also by a bootstrap server; Core 1.2.2, section 6.3.3).
    Write(Write),
    /// Attaching attributes (Core 1.2.2, section 6.3.4).
    WriteAttributes(WriteAttributes),
    /// Executing a resource (Core 1.2.2, section 6.3.5).
    Execute(Execute),
    /// Making an object instance (Core 1.2.2, section 6.3.6).
    Create(Create),
    /// Removing an instance (also by a bootstrap server; Core 1.2.2, section 6.3.7).
    Delete(Delete),
    /// Beginning an observation, or with `cancel` its end (Core 1.2.2, sections 6.4.1 and 6.4.3).
    Observe(Observe),
    /// Reading several places at once (Core 1.2.2, section 6.3.8).
    ReadComposite(ReadComposite),
    /// Beginning the observation of several places, or with `cancel` its end (Core 1.2.2, sections 6.4.4 and 6.4.5).
    ObserveComposite(ObserveComposite),
    /// Writing several places, all or none (Core 1.2.2, section 6.3.9).
    WriteComposite(WriteComposite),
    /// Ending a bootstrap: `POST /bs` (Core 1.2.2, section 6.1.6).
    BootstrapFinish,
}

impl DeviceOperation {
    /// As CoAP.
    pub fn to_request(&self) -> Request {
        match self {
            DeviceOperation::Read(read) => read.to_request(),
            DeviceOperation::Discover(discover) => discover.to_request(),
            DeviceOperation::Write(write) => write.to_request(),
            DeviceOperation::WriteAttributes(write) => write.to_request(),
            DeviceOperation::Execute(execute) => execute.to_request(),
            DeviceOperation::Create(create) => create.to_request(),
            DeviceOperation::Delete(delete) => delete.to_request(),
            DeviceOperation::Observe(observe) => observe.to_request(),
            DeviceOperation::ReadComposite(read) => read.to_request(),
            DeviceOperation::ObserveComposite(observe) => observe.to_request(),
            DeviceOperation::WriteComposite(write) => write.to_request(),
            DeviceOperation::BootstrapFinish => BootstrapFinish.to_request(),
        }
    }

    /// The response code of success (Transport 1.2.2, section 6.7).
    pub const fn success(&self) -> Code {
        match self {
            DeviceOperation::Read(_)
            | DeviceOperation::Discover(_)
            | DeviceOperation::Observe(_)
            | DeviceOperation::ReadComposite(_)
            | DeviceOperation::ObserveComposite(_) => Code::CONTENT,
            DeviceOperation::Write(_)
            | DeviceOperation::WriteAttributes(_)
            | DeviceOperation::Execute(_)
            | DeviceOperation::WriteComposite(_)
            | DeviceOperation::BootstrapFinish => Code::CHANGED,
            DeviceOperation::Create(_) => Code::CREATED,
            DeviceOperation::Delete(_) => Code::DELETED,
        }
    }
}

macro_rules! operations {
    ($($name:ident),*) => {$(
        impl From<$name> for DeviceOperation {
            fn from(operation: $name) -> Self {
                DeviceOperation::$name(operation)
            }
        }
    )*};
}

operations!(
    Read,
    Discover,
    Write,
    WriteAttributes,
    Execute,
    Create,
    Delete,
    Observe,
    ReadComposite,
    ObserveComposite,
    WriteComposite
);

pub(super) fn with_accept(request: Request, accept: Option<ContentFormat>) -> Request {
    match accept {
        Some(format) => request.uint_option(option::ACCEPT, format.number().into()),
        None => request,
    }
}

pub(super) fn with_queries(
    request: Request,
    queries: impl IntoIterator<Item = alloc::string::String>,
) -> Request {
    queries
        .into_iter()
        .fold(request, |request, query| request.query(&query))
}

/// `FETCH /` with paths below a root.
pub(super) fn with_paths(format: ContentFormat, paths: &[Path], root: &str) -> Request {
    let codec = Codec::new(&NoModels).below(root);
    let body = codec.encode_paths(format, paths).unwrap_or_default();
    Request::new(Code::FETCH).body(format.number(), body)
}

fn with_payload(request: Request, payload: &Payload) -> Request {
    request.body(payload.format.number(), payload.data.clone())
}
