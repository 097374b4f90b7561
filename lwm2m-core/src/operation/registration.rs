use super::{
    Binding, OperationError, parse_profiles,
    query::{Queries, bad_request, with_additional},
    segments,
};
use crate::{
    coap::{Code, Request, Response, option},
    content::ContentFormat,
    link::{self, Link},
    version::LwM2mVersion,
};
use alloc::{format, string::String, vec::Vec};

/// The lifetime of a registration that says none, seconds (Core 1.0.2, section 5.3.1).
pub const DEFAULT_LIFETIME: u32 = 86_400;

/// Register: `POST /rd?ep=..&lt=..&lwm2m=..&b=..&Q&sms=..&pid=..` (Core 1.2.2, section 6.2.1).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Register {
    /// `ep`: the endpoint name; may be absent from 1.1, where it comes from the security identity (Core 1.2.2, table
    /// 6.2.1-1).
    pub endpoint: Option<String>,
    /// `lt`: the lifetime, seconds; 0 means for ever. Absent, which only 1.0 allows, means 86,400 (Core 1.2.2, table
    /// 6.2.1-1).
    pub lifetime: Option<u32>,
    /// `lwm2m`: the version of the protocol (Core 1.2.2, table 6.2.1-1).
    pub version: LwM2mVersion,
    /// `b`: transports, without 1.0's `Q`; absent means `U` (Core 1.2.2, table 6.2.1-1).
    pub binding: Option<Binding>,
    /// Whether the client may sleep: `Q`, or in 1.0 a `Q` in the binding (Core 1.2.2, table 6.2.1-1).
    pub queue_mode: bool,
    /// `sms`: the number for SMS (MSISDN), without a leading `+` (Core 1.2.2, table 6.2.1-1).
    pub sms: Option<String>,
    /// `pid`: profile ids (1.2) as sent; see [`parse_profiles`] (Core 1.2.2, table 6.2.1-1).
    pub profile: Option<String>,
    /// The objects and object instances, as sent in the payload (Core 1.2.2, table 6.2.1-1).
    pub links: Vec<Link>,
    /// Query arguments beyond those, in order (Core 1.2.2, section 6.2.1). They are kept and no fault: a later version of the protocol adds some, and
    /// programs have their own. Transport 1.2.2, table 6.7-2 has 4.00 for arguments that nobody knows; who wants to
    /// refuse them finds them here.
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

    /// As CoAP. From 1.1 the lifetime must be said: where it is `None`, the default is.
    pub fn to_request(&self) -> Request {
        let mut request = Request::new(Code::POST).path_segment("rd");
        if let Some(endpoint) = &self.endpoint {
            request = request.query(&format!("ep={endpoint}"));
        }
        let is_1_0 = self.version == LwM2mVersion::V1_0;
        let lifetime = self.lifetime.or((!is_1_0).then_some(DEFAULT_LIFETIME));
        if let Some(lifetime) = lifetime {
            request = request.query(&format!("lt={lifetime}"));
        }
        request = request.query(&format!("lwm2m={}", self.version));
        let binding = match self.binding {
            None if is_1_0 && self.queue_mode => Some(Binding::U),
            binding => binding,
        };
        if let Some(binding) = binding {
            let binding = binding.with_queue_mode(is_1_0 && self.queue_mode);
            request = request.query(&format!("b={binding}"));
        }
        if self.queue_mode && !is_1_0 {
            request = request.query("Q");
        }
        if let Some(sms) = &self.sms {
            request = request.query(&format!("sms={sms}"));
        }
        if let Some(profile) = &self.profile {
            request = request.query(&format!("pid={profile}"));
        }
        request = with_additional(request, &self.additional);
        match self.links.is_empty() {
            true => request,
            false => with_links(request, &self.links),
        }
    }

    /// From CoAP; the request's path must be `rd`.
    ///
    /// A registration of 1.2 may come without links: whether a profile id or something configured stands for them is
    /// for the server to know, which answers 4.09 where it does not.
    ///
    /// # Errors
    /// With the code that answers it: 4.12 for a version that is not supported, 4.00 for whatever is missing or
    /// malformed.
    pub fn from_request(request: &Request) -> Result<Self, OperationError> {
        if segments(request)? != ["rd"] {
            return Err(OperationError::NoSuchPath);
        }
        if request.code != Code::POST {
            return Err(OperationError::MethodNotAllowed);
        }
        let mut queries = Queries::of(request)?;
        let version = match queries.value("lwm2m")? {
            // 1.0 made the argument optional.
            None => LwM2mVersion::V1_0,
            Some(text) => read_version(text)?,
        };
        let is_1_0 = version == LwM2mVersion::V1_0;
        let endpoint = queries.value("ep")?.map(String::from);
        if is_1_0 && endpoint.is_none() {
            return Err(bad_request("no endpoint name"));
        }
        let lifetime = queries.number("lt")?;
        if !is_1_0 && lifetime.is_none() {
            return Err(bad_request("no lifetime"));
        }
        let binding = queries.value("b")?.map(Binding::parse).transpose()?;
        if let Some(binding) = binding {
            binding.check_for(version)?;
        }
        let queue_mode = queries.flag("Q")? || binding.is_some_and(Binding::has_queue_mode);
        let sms = queries.value("sms")?.map(String::from);
        let profile = match version {
            LwM2mVersion::V1_2 => queries.value("pid")?,
            _ => None,
        };
        if let Some(profile) = profile {
            parse_profiles(profile)?;
        }
        let links = read_links(request)?;
        if links.is_empty() && version < LwM2mVersion::V1_2 {
            return Err(bad_request("no objects"));
        }
        Ok(Register {
            endpoint,
            lifetime,
            version,
            binding: binding.map(|binding| binding.with_queue_mode(false)),
            queue_mode,
            sms,
            profile: profile.map(String::from),
            links,
            additional: queries.rest(),
        })
    }

    /// The answer: 2.01 with the location, like `["rd", "5a3f"]`.
    pub fn created(location: &[&str]) -> Response {
        let mut response = Response::new(Code::CREATED);
        for segment in location {
            response
                .options
                .push(option::LOCATION_PATH, segment.as_bytes());
        }
        response
    }

    /// The location in the answer to a registration: what update and de-register go to. `None` where the answer is
    /// not 2.01 with a location of UTF-8 segments.
    pub fn location(response: &Response) -> Option<Vec<String>> {
        if response.code != Code::CREATED {
            return None;
        }
        let segments = response.options.texts(option::LOCATION_PATH)?;
        let segments: Vec<String> = segments.into_iter().map(String::from).collect();
        (!segments.is_empty()).then_some(segments)
    }
}

/// Update: `POST /rd/{id}` with what has changed (Core 1.2.2, section 6.2.2).
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Update {
    /// Location-Path of the registration, as the server gave it (Transport 1.2.2, section 6.4.3).
    pub location: Vec<String>,
    /// `lt`: the new lifetime, seconds (Core 1.2.2, table 6.2.2-1).
    pub lifetime: Option<u32>,
    /// `b`: the new transports; in 1.0 with its `Q` (Core 1.2.2, table 6.2.2-1).
    pub binding: Option<Binding>,
    /// Whether the argument `Q` stands there, from 1.1; see [`Update::new_queue_mode`] (Core 1.2.2, table 6.2.2-1).
    pub queue_mode: bool,
    /// `sms`: the new SMS number (Core 1.2.2, table 6.2.2-1).
    pub sms: Option<String>,
    /// `pid`: new profile ids (1.2); see [`parse_profiles`] (Core 1.2.2, table 6.2.2-1).
    pub profile: Option<String>,
    /// New objects and object instances, all of them; `None`: as before (Core 1.2.2, table 6.2.2-1).
    pub links: Option<Vec<Link>>,
    /// Query arguments beyond those, in order (Core 1.2.2, section 6.2.2); no fault, as in a [`Register`].
    pub additional: Vec<(String, Option<String>)>,
}

impl Update {
    /// An update of nothing but the time of the last sign of life.
    pub fn new(location: Vec<String>) -> Self {
        Update {
            location,
            ..Update::default()
        }
    }

    /// Whether the client may sleep from now on; `None` where the update does not say, since queue mode is said
    /// together with the binding.
    pub fn new_queue_mode(&self) -> Option<bool> {
        match self.binding {
            Some(binding) => Some(self.queue_mode || binding.has_queue_mode()),
            None => self.queue_mode.then_some(true),
        }
    }

    /// As CoAP.
    pub fn to_request(&self) -> Request {
        let mut request = on_location(Code::POST, &self.location);
        if let Some(lifetime) = self.lifetime {
            request = request.query(&format!("lt={lifetime}"));
        }
        if let Some(binding) = self.binding {
            request = request.query(&format!("b={binding}"));
        }
        if self.queue_mode {
            request = request.query("Q");
        }
        if let Some(sms) = &self.sms {
            request = request.query(&format!("sms={sms}"));
        }
        if let Some(profile) = &self.profile {
            request = request.query(&format!("pid={profile}"));
        }
        request = with_additional(request, &self.additional);
        match self.links.as_deref() {
            None | Some([]) => request,
            Some(links) => with_links(request, links),
        }
    }

    fn from_request(request: &Request, location: Vec<String>) -> Result<Self, OperationError> {
        let mut queries = Queries::of(request)?;
        let lifetime = queries.number("lt")?;
        let binding = queries.value("b")?.map(Binding::parse).transpose()?;
        let queue_mode = queries.flag("Q")?;
        let sms = queries.value("sms")?.map(String::from);
        let profile = queries.value("pid")?;
        if let Some(profile) = profile {
            parse_profiles(profile)?;
        }
        let links = match request.payload.is_empty() {
            true => None,
            false => Some(read_links(request)?),
        };
        Ok(Update {
            location,
            lifetime,
            binding,
            queue_mode,
            sms,
            profile: profile.map(String::from),
            links,
            additional: queries.rest(),
        })
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
        on_location(Code::DELETE, &self.location)
    }
}

/// What a server may be asked on `/rd` (Core 1.2.2, section 6.2).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum RegistrationOperation {
    /// A client is there (Core 1.2.2, section 6.2.1).
    Register(Register),
    /// It still is, or something has changed (Core 1.2.2, section 6.2.2).
    Update(Update),
    /// It leaves (Core 1.2.2, section 6.2.3).
    Deregister(Deregister),
}

impl RegistrationOperation {
    /// From CoAP; the request's path must begin with `rd`. Locations may have any depth.
    ///
    /// # Errors
    /// With the code that answers it.
    pub fn from_request(request: &Request) -> Result<Self, OperationError> {
        let segments = segments(request)?;
        match segments.as_slice() {
            ["rd"] => return Register::from_request(request).map(Self::Register),
            ["rd", ..] => {}
            _ => return Err(OperationError::NoSuchPath),
        }
        let location = segments.into_iter().map(String::from).collect();
        match request.code {
            Code::POST => Update::from_request(request, location).map(Self::Update),
            Code::DELETE => {
                Queries::of(request)?.finish()?;
                Ok(Self::Deregister(Deregister { location }))
            }
            _ => Err(OperationError::MethodNotAllowed),
        }
    }
}

/// `1.1`, or with the number of a service release `1.1.1`, which changes nothing on the wire.
fn read_version(text: &str) -> Result<LwM2mVersion, OperationError> {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let minor = match text.rsplit_once('.') {
        Some((minor, patch)) if minor.contains('.') && is_number(patch) => minor,
        _ => text,
    };
    let unsupported = |_| OperationError::UnsupportedVersion(text.into());
    minor.parse().map_err(unsupported)
}

fn on_location(code: Code, location: &[String]) -> Request {
    location
        .iter()
        .fold(Request::new(code), |request, segment| {
            request.path_segment(segment)
        })
}

fn with_links(request: Request, links: &[Link]) -> Request {
    request.body(ContentFormat::Link.number(), link::write(links))
}

/// The links of a body. The tables of the specification have no 4.15 for registration and update, so a wrong
/// content format is a bad request.
fn read_links(request: &Request) -> Result<Vec<Link>, OperationError> {
    let format = request.options.content_format();
    let is_link = format.is_none_or(|format| format == ContentFormat::Link.number());
    if !request.payload.is_empty() && !is_link {
        return Err(bad_request("the objects are not in link format"));
    }
    Ok(link::parse(&request.payload)?)
}
