//! Reads what a client is asked. Which operation a request is follows from method, path depth, content format,
//! Accept and Observe together (Transport 1.2.2, tables 6.4.2-1, 6.4.4-1, 6.4.5-1):
//!
//! | | `/` | `/o` | `/o/i` | `/o/i/r` | `/o/i/r/ri` |
//! |---|---|---|---|---|---|
//! | GET | - | read | read | read | read (1.1) |
//! | GET, Accept 40 | discover (bootstrap) | discover | discover | discover | - |
//! | GET, Observe | - | observe | observe | observe | observe (1.1) |
//! | PUT, Content-Format | write (bootstrap) | write (bootstrap) | write | write | write (1.1) |
//! | PUT, queries | - | write-attributes | write-attributes | write-attributes | write-attributes (1.1) |
//! | POST, Content-Format | - | create | partial update | partial update; text: execute | - |
//! | POST | - | - | - | execute | - |
//! | DELETE | delete (bootstrap) | delete (bootstrap) | delete | - | delete (1.1) |
//! | FETCH (1.1) | read-composite, observe-composite | - | - | - | - |
//! | iPATCH (1.1) | write-composite | - | - | - | - |

use super::{
    Create, Delete, DeviceOperation, Discover, Execute, Observe, ObserveComposite, OperationError,
    Payload, Read, ReadComposite, Write, WriteAttributes, WriteComposite, WriteMode,
    parse_arguments,
    query::{Queries, bad_request},
    segments,
};
use crate::{
    attributes::{AttributeChange, AttributeNames, Attributes},
    coap::{Code, Request, option},
    content::{
        Codec, ContentFormat,
        negotiation::{self, Extent, Purpose},
    },
    link::root_segments,
    model::NoModels,
    path::{Path, PathError, PathLevel},
    version::LwM2mVersion,
};
use alloc::{format, string::String, vec::Vec};

impl DeviceOperation {
    /// From CoAP, as this version of the protocol allows it to a server or a bootstrap server; which of the two may
    /// do it is [`DeviceOperation::check_management`]'s and [`DeviceOperation::check_bootstrap`]'s to say.
    ///
    /// Numbers of content formats from before their registration (1541 to 1544) are read.
    ///
    /// # Errors
    /// With the code that answers it:
    /// 4.00 for a path that is no path, arguments nobody knows, attributes that contradict each other, a missing
    /// Content-Format; 4.04 for a path outside of the object tree; 4.05 for a path too deep or a method that does not
    /// go with it; 4.06 and 4.15 for formats that this version or this operation does not have.
    pub fn from_request(request: &Request, version: LwM2mVersion) -> Result<Self, OperationError> {
        Self::from_request_below(request, version, "")
    }

    /// As [`DeviceOperation::from_request`], for a client whose object tree stands below `root` (`/lwm2m`; Transport
    /// 1.2.2, section 6.4.1). A bootstrap server does not use the root, so the same client reads what that asks with
    /// [`DeviceOperation::from_request`].
    ///
    /// # Errors
    /// As [`DeviceOperation::from_request`]; 4.04 for a path outside of the root.
    pub fn from_request_below(
        request: &Request,
        version: LwM2mVersion,
        root: &str,
    ) -> Result<Self, OperationError> {
        let segments = segments(request)?;
        if segments == ["bs"] {
            return finish(request);
        }
        let mut segments = segments.as_slice();
        for expected in root_segments(root) {
            match segments.split_first() {
                Some((first, below)) if *first == expected => segments = below,
                _ => return Err(OperationError::NoSuchPath),
            }
        }
        let path = read_path(segments)?;
        if path.level() == PathLevel::ResourceInstance && version == LwM2mVersion::V1_0 {
            return Err(OperationError::MethodNotAllowed);
        }
        let asked = Asked {
            request,
            path,
            version,
            root,
        };
        match request.code {
            Code::GET => asked.get(),
            Code::PUT => asked.put(),
            Code::POST => asked.post(),
            Code::DELETE => asked.delete(),
            Code::FETCH => asked.fetch(),
            Code::IPATCH => asked.ipatch(),
            _ => Err(OperationError::MethodNotAllowed),
        }
    }
}

/// Bootstrap-finish has neither arguments nor a body (Transport 1.2.2, table 6.4.2-1).
fn finish(request: &Request) -> Result<DeviceOperation, OperationError> {
    if request.code != Code::POST {
        return Err(OperationError::MethodNotAllowed);
    }
    Queries::of(request)?.finish()?;
    match request.payload.is_empty() {
        true => Ok(DeviceOperation::BootstrapFinish),
        false => Err(bad_request("bootstrap-finish has no body")),
    }
}

fn read_path(segments: &[&str]) -> Result<Path, OperationError> {
    let is_number = |segment: &&str| segment.bytes().all(|b| b.is_ascii_digit());
    match Path::from_segments(segments.iter().copied()) {
        Ok(path) => Ok(path),
        // Section 6.4.4: a path that the core specification does not have.
        Err(PathError::TooDeep) => Err(OperationError::MethodNotAllowed),
        Err(_) if !segments.iter().all(is_number) => Err(OperationError::NoSuchPath),
        Err(error) => Err(bad_request(format!("{error}"))),
    }
}

struct Asked<'a> {
    request: &'a Request,
    path: Path,
    version: LwM2mVersion,
    root: &'a str,
}

impl<'a> Asked<'a> {
    fn get(self) -> Result<DeviceOperation, OperationError> {
        let is_link = self.request.options.accept() == Some(ContentFormat::Link.number());
        match self.cancels_observation() {
            None if is_link => self.discover(),
            None => self.read(),
            Some(cancel) => self.observe(cancel),
        }
    }

    fn discover(self) -> Result<DeviceOperation, OperationError> {
        if self.path.level() == PathLevel::ResourceInstance {
            return Err(OperationError::MethodNotAllowed);
        }
        let mut queries = self.queries()?;
        let depth = match self.version {
            LwM2mVersion::V1_2 => queries.number("depth")?,
            // A client that does not know it overlooks it.
            _ => {
                queries.ignore("depth");
                None
            }
        };
        queries.finish()?;
        if depth.is_some_and(|depth: u8| depth > 3) {
            return Err(bad_request("the depth is above 3"));
        }
        let path = self.path;
        Ok(Discover { path, depth }.into())
    }

    fn read(self) -> Result<DeviceOperation, OperationError> {
        self.below_root()?;
        self.queries()?.finish()?;
        let accept = self.accept(Purpose::Read)?;
        let path = self.path;
        Ok(Read { path, accept }.into())
    }

    fn observe(self, cancel: bool) -> Result<DeviceOperation, OperationError> {
        self.below_root()?;
        let attributes = self.observation_attributes(AttributeNames::known_to(self.version))?;
        attributes.names().check_at(self.path.level(), None)?;
        let accept = self.accept(Purpose::Read)?;
        Ok(Observe {
            path: self.path,
            accept,
            attributes,
            cancel,
        }
        .into())
    }

    fn put(self) -> Result<DeviceOperation, OperationError> {
        let queries = self.queries()?;
        if self.request.options.content_format().is_some() {
            queries.finish()?;
            let payload = self.payload(Purpose::Write)?;
            return Ok(Write {
                path: self.path,
                mode: WriteMode::Replace,
                payload,
            }
            .into());
        }
        if queries.is_empty() || !self.request.payload.is_empty() {
            return Err(bad_request("no content format"));
        }
        self.below_root()?;
        let legal = AttributeNames::known_to(self.version);
        let change = AttributeChange::from_queries_among(legal, self.query_texts()?)?;
        change.names().check_at(self.path.level(), None)?;
        let path = self.path;
        Ok(WriteAttributes { path, change }.into())
    }

    fn post(self) -> Result<DeviceOperation, OperationError> {
        let number = self.request.options.content_format();
        let format = number.and_then(ContentFormat::from_number);
        match self.path.level() {
            PathLevel::Object => self.create(),
            PathLevel::ObjectInstance if number.is_some() => self.partial_update(Purpose::Update),
            PathLevel::Resource if number.is_none() || format == Some(ContentFormat::Text) => {
                self.execute()
            }
            // The specification's example pushes a firmware package in this way, in opaque.
            PathLevel::Resource => self.partial_update(Purpose::Write),
            _ => Err(OperationError::MethodNotAllowed),
        }
    }

    fn create(self) -> Result<DeviceOperation, OperationError> {
        self.queries()?.finish()?;
        let payload = self.payload(Purpose::Update)?;
        let object = self.path.object_id().unwrap_or_default();
        Ok(Create { object, payload }.into())
    }

    fn partial_update(&self, purpose: Purpose) -> Result<DeviceOperation, OperationError> {
        self.queries()?.finish()?;
        Ok(Write {
            path: self.path,
            mode: WriteMode::PartialUpdate,
            payload: self.payload(purpose)?,
        }
        .into())
    }

    fn execute(self) -> Result<DeviceOperation, OperationError> {
        let body = core::str::from_utf8(&self.request.payload)
            .map_err(|_| bad_request("the arguments are not UTF-8"))?;
        let mut arguments = parse_arguments(body)?;
        let queries = self.query_texts()?;
        if !queries.is_empty() {
            if !arguments.is_empty() {
                return Err(bad_request("arguments in query and body"));
            }
            // Transport 1.2.2, section 6.6.1 shows the argument of the registration update trigger in this way.
            arguments = arguments_in_queries(&queries)?;
        }
        let path = self.path;
        Ok(Execute { path, arguments }.into())
    }

    fn delete(self) -> Result<DeviceOperation, OperationError> {
        if self.path.level() == PathLevel::Resource {
            return Err(OperationError::MethodNotAllowed);
        }
        self.queries()?.finish()?;
        Ok(Delete { path: self.path }.into())
    }

    fn fetch(self) -> Result<DeviceOperation, OperationError> {
        self.at_root_from_1_1()?;
        let payload = self.payload(Purpose::CompositePaths)?;
        let accept = self.accept(Purpose::CompositeRead)?;
        let format = payload.format;
        let observation = match self.cancels_observation() {
            None => {
                self.queries()?.finish()?;
                None
            }
            Some(cancel) => Some((
                cancel,
                self.observation_attributes(AttributeNames::COMPOSITE)?,
            )),
        };
        let codec = Codec::new(&NoModels).below(self.root);
        let paths = codec
            .decode_paths(format, &payload.data)
            .map_err(|error| bad_request(format!("{error}")))?;
        if paths.is_empty() {
            return Err(bad_request("no paths"));
        }
        Ok(match observation {
            None => ReadComposite {
                paths,
                format,
                accept,
            }
            .into(),
            Some((cancel, attributes)) => ObserveComposite {
                paths,
                format,
                accept,
                attributes,
                cancel,
            }
            .into(),
        })
    }

    fn ipatch(self) -> Result<DeviceOperation, OperationError> {
        self.at_root_from_1_1()?;
        self.queries()?.finish()?;
        let payload = self.payload(Purpose::CompositeWrite)?;
        Ok(WriteComposite { payload }.into())
    }

    fn queries(&self) -> Result<Queries<'a>, OperationError> {
        Queries::of(self.request)
    }

    fn query_texts(&self) -> Result<Vec<&'a str>, OperationError> {
        let texts = self.request.options.texts(option::URI_QUERY);
        let mut texts = texts.ok_or_else(|| bad_request("a query argument is not UTF-8"))?;
        texts.retain(|text| !text.is_empty());
        Ok(texts)
    }

    /// Observe: 0 begins, 1 ends. The option is elective, so other values and lengths are as good as none (RFC 7641,
    /// section 2; RFC 7252, section 5.4.3).
    fn cancels_observation(&self) -> Option<bool> {
        match self.request.options.uint(option::OBSERVE)? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    /// The attributes in an observe: from 1.2, each with a value. A client that does not know them refuses (Core
    /// 1.2.2, section 6.4.1).
    fn observation_attributes(&self, legal: AttributeNames) -> Result<Attributes, OperationError> {
        if self.version < LwM2mVersion::V1_2 {
            self.queries()?.finish()?;
            return Ok(Attributes::default());
        }
        let change = AttributeChange::from_queries_among(legal, self.query_texts()?)?;
        match change.unset.is_empty() {
            true => Ok(change.set),
            false => Err(bad_request("an attribute without value in an observe")),
        }
    }

    fn below_root(&self) -> Result<(), OperationError> {
        match self.path.level() {
            PathLevel::Root => Err(OperationError::MethodNotAllowed),
            _ => Ok(()),
        }
    }

    fn at_root_from_1_1(&self) -> Result<(), OperationError> {
        match self.path.level() == PathLevel::Root && self.version > LwM2mVersion::V1_0 {
            true => Ok(()),
            false => Err(OperationError::MethodNotAllowed),
        }
    }

    /// Whether this version has the format for this purpose, here: one value only where there can be one.
    fn is_allowed(&self, format: ContentFormat, purpose: Purpose) -> bool {
        let extent = match self.path.level() {
            PathLevel::Resource | PathLevel::ResourceInstance => Extent::Value(None),
            _ => Extent::Values,
        };
        negotiation::is_allowed(format, purpose, extent, self.version)
    }

    fn accept(&self, purpose: Purpose) -> Result<Option<ContentFormat>, OperationError> {
        if !self.request.options.contains(option::ACCEPT) {
            return Ok(None);
        }
        let number = self.request.options.accept();
        match number.and_then(ContentFormat::from_number) {
            Some(format) if self.is_allowed(format, purpose) => Ok(Some(format)),
            _ => Err(OperationError::NotAcceptable),
        }
    }

    fn payload(&self, purpose: Purpose) -> Result<Payload, OperationError> {
        let number = self
            .request
            .options
            .content_format()
            .ok_or_else(|| bad_request("no content format"))?;
        match ContentFormat::from_number(number) {
            Some(format) if self.is_allowed(format, purpose) => Ok(Payload {
                format,
                data: self.request.payload.clone(),
            }),
            _ => Err(OperationError::UnsupportedContentFormat(number)),
        }
    }
}

/// `0=U` and `0`, without the quotes that a body has.
fn arguments_in_queries(queries: &[&str]) -> Result<Vec<super::ExecuteArgument>, OperationError> {
    let quoted: Vec<String> = queries
        .iter()
        .map(|query| match query.split_once('=') {
            Some((digit, text)) => format!("{digit}='{}'", text.trim_matches('\'')),
            None => String::from(*query),
        })
        .collect();
    parse_arguments(&quoted.join(","))
}
