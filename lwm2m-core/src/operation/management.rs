use super::{Observe, ObserveComposite, OperationError, Payload};
use crate::{
    attributes::AttributeChange, coap::Request, content::ContentFormat, path::Path,
    version::LwM2mVersion,
};
use alloc::{string::String, vec::Vec};

/// Read: `GET /{path}`.
#[derive(Debug, Clone, PartialEq)]
pub struct Read {
    /// What: an object, instance, resource or resource instance.
    pub path: Path,
    /// The format asked for.
    pub accept: Option<ContentFormat>,
}

/// Whether a write takes the place of what is there or adds to it (Core 1.2.2, section 6.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteMode {
    /// `PUT`
    Replace,
    /// `POST`
    PartialUpdate,
}

/// Write: `PUT` or `POST /{path}`.
#[derive(Debug, Clone, PartialEq)]
pub struct Write {
    /// Where.
    pub path: Path,
    /// How.
    pub mode: WriteMode,
    /// What.
    pub payload: Payload,
}

/// Execute: `POST /{resource}` with arguments `5='text',7`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Execute {
    /// The resource.
    pub path: Path,
    /// The arguments: digit 0 to 9 and, where there is one, its text.
    pub arguments: Vec<(u8, Option<String>)>,
}

/// Create: `POST /{object}`.
#[derive(Debug, Clone, PartialEq)]
pub struct Create {
    /// The object.
    pub object: u16,
    /// The instance's resources, with or without its id.
    pub payload: Payload,
}

/// Delete: `DELETE /{path}`; an object instance, (1.2) a resource instance, in bootstrap anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delete {
    /// What.
    pub path: Path,
}

/// Discover: `GET /{path}` with Accept 40.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discover {
    /// Where: an object, instance or resource; in bootstrap also the root.
    pub path: Path,
    /// How many levels below the path (1.2), 0 to 3.
    pub depth: Option<u8>,
}

/// Write-attributes: `PUT /{path}?pmin=..`.
#[derive(Debug, Clone, PartialEq)]
pub struct WriteAttributes {
    /// Where.
    pub path: Path,
    /// What is set and unset.
    pub change: AttributeChange,
}

/// Read-composite: `FETCH /`.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadComposite {
    /// What.
    pub paths: Vec<Path>,
    /// The format the paths are sent in.
    pub format: ContentFormat,
    /// The format asked for.
    pub accept: Option<ContentFormat>,
}

/// Write-composite: `iPATCH /`.
#[derive(Debug, Clone, PartialEq)]
pub struct WriteComposite {
    /// What.
    pub payload: Payload,
}

/// What a client may be asked on its object tree, by a server or, where it says so, by a bootstrap server.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum DeviceOperation {
    /// Read (from 1.1 also by a bootstrap server).
    Read(Read),
    /// Discover (also by a bootstrap server).
    Discover(Discover),
    /// Write (also by a bootstrap server).
    Write(Write),
    /// Write-attributes.
    WriteAttributes(WriteAttributes),
    /// Execute.
    Execute(Execute),
    /// Create.
    Create(Create),
    /// Delete (also by a bootstrap server).
    Delete(Delete),
    /// Observe, or with `cancel` its end.
    Observe(Observe),
    /// Read-composite.
    ReadComposite(ReadComposite),
    /// Observe-composite, or with `cancel` its end.
    ObserveComposite(ObserveComposite),
    /// Write-composite.
    WriteComposite(WriteComposite),
    /// Bootstrap-finish: `POST /bs`.
    BootstrapFinish,
}

impl DeviceOperation {
    /// From CoAP, as this version of the protocol allows it.
    ///
    /// # Errors
    /// With the code that answers it.
    pub fn from_request(request: &Request, version: LwM2mVersion) -> Result<Self, OperationError> {
        let _ = (request, version);
        todo!()
    }

    /// As CoAP.
    pub fn to_request(&self) -> Request {
        todo!()
    }
}
