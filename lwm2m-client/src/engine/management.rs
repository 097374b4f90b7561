//! What servers ask of the object tree: the device management interface (Core 1.2.2, section 6.3).

use super::ClientEngine;
use crate::{
    event::ClientEvent,
    object::{Context, ObjectError},
    staging::implied_or_said,
    tree::Access,
};
use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use lwm2m_core::{
    attributes::{AttachError, AttributeError},
    coap::{Code, Request, Response},
    content::{
        self, ContentFormat, DecodeError, EncodeError,
        negotiation::{self, Extent, Purpose},
    },
    endpoint::ExchangeId,
    entry::Entry,
    link::{self, Link},
    model::Models,
    operation::{
        Create, DeviceOperation, Discover, Execute, OperationError, Payload, Write,
        WriteAttributes, WriteMode,
    },
    path::{Path, PathLevel},
    time::Instant,
    value::DataType,
    version::LwM2mVersion,
};

/// A refusal: the code, and a word for the person who looks for the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: Code,
    pub(super) reason: String,
}

impl Refusal {
    pub(super) fn new(code: Code, reason: &str) -> Self {
        Refusal {
            code,
            reason: reason.into(),
        }
    }

    pub(super) fn response(&self) -> Response {
        Response::new(self.code).diagnostic(&self.reason)
    }
}

impl From<ObjectError> for Refusal {
    fn from(error: ObjectError) -> Self {
        Refusal::new(error.code(), &error.to_string())
    }
}

impl From<OperationError> for Refusal {
    fn from(error: OperationError) -> Self {
        Refusal::new(error.code(), &error.to_string())
    }
}

impl From<AttributeError> for Refusal {
    fn from(error: AttributeError) -> Self {
        Refusal::new(Code::BAD_REQUEST, &error.to_string())
    }
}

impl From<AttachError> for Refusal {
    fn from(error: AttachError) -> Self {
        let code = match error {
            AttachError::Full => Code::REQUEST_ENTITY_TOO_LARGE,
            _ => Code::BAD_REQUEST,
        };
        Refusal::new(code, &error.to_string())
    }
}

impl From<DecodeError> for Refusal {
    fn from(error: DecodeError) -> Self {
        let code = match error {
            DecodeError::Unsupported(_) => Code::UNSUPPORTED_CONTENT_FORMAT,
            _ => Code::BAD_REQUEST,
        };
        Refusal::new(code, &error.to_string())
    }
}

impl From<EncodeError> for Refusal {
    fn from(error: EncodeError) -> Self {
        let code = match error {
            EncodeError::Unsupported { .. } => Code::NOT_ACCEPTABLE,
            _ => Code::INTERNAL_SERVER_ERROR,
        };
        Refusal::new(code, &error.to_string())
    }
}

impl ClientEngine {
    pub(super) fn respond(&mut self, now: Instant, exchange: ExchangeId, response: Response) {
        if let Err(error) = self.endpoint.respond(now, exchange, response) {
            tracing::debug!(%error, "a request could not be answered");
        }
    }

    pub(super) fn respond_code(&mut self, now: Instant, exchange: ExchangeId, code: Code) {
        self.respond(now, exchange, Response::new(code));
    }

    pub(super) fn respond_error(&mut self, now: Instant, exchange: ExchangeId, error: ObjectError) {
        self.respond(now, exchange, Refusal::from(error).response());
    }

    /// A request of a server where the client is registered.
    pub(super) fn on_management(
        &mut self,
        now: Instant,
        server: u16,
        version: LwM2mVersion,
        exchange: ExchangeId,
        request: &Request,
    ) {
        let operation = DeviceOperation::from_request(request, version)
            .and_then(|operation| operation.check_management().map(|()| operation));
        let operation = match operation {
            Ok(operation) => operation,
            Err(error) => return self.respond(now, exchange, Refusal::from(error).response()),
        };
        match operation {
            DeviceOperation::Observe(observe) if !observe.cancel => {
                self.observe(now, server, version, exchange, observe.into());
            }
            DeviceOperation::ObserveComposite(observe) if !observe.cancel => {
                self.observe(now, server, version, exchange, observe.into());
            }
            operation => {
                let mut context = Context::new(self.clock(now), Some(server));
                let response = self
                    .perform(&mut context, server, version, operation)
                    .unwrap_or_else(|refusal| refusal.response());
                self.respond(now, exchange, response);
                // Consequences come behind the answer: a de-registration must not overtake it.
                self.after(now, context);
            }
        }
    }

    fn perform(
        &mut self,
        context: &mut Context,
        server: u16,
        version: LwM2mVersion,
        operation: DeviceOperation,
    ) -> Result<Response, Refusal> {
        match operation {
            DeviceOperation::Read(read) => {
                self.read_response(context, version, read.accept, &read.path)
            }
            // Its end is a plain read; the endpoint has removed the observer.
            DeviceOperation::Observe(observe) => {
                self.read_response(context, version, observe.accept, &observe.path)
            }
            DeviceOperation::ReadComposite(read) => {
                let (accept, format) = (read.accept, read.format);
                self.composite_response(context, version, accept, format, &read.paths)
            }
            DeviceOperation::ObserveComposite(observe) => {
                let (accept, format) = (observe.accept, observe.format);
                self.composite_response(context, version, accept, format, &observe.paths)
            }
            DeviceOperation::Discover(discover) => self.discover(server, version, &discover),
            DeviceOperation::Write(write) => self.write(context, version, &write),
            DeviceOperation::WriteComposite(write) => {
                self.check_size(&write.payload)?;
                let payload = &write.payload;
                let changes = content::decode_changes(payload.format, &payload.data, &self.tree)?;
                self.tree.write_composite(context, changes)?;
                Ok(Response::new(Code::CHANGED))
            }
            DeviceOperation::WriteAttributes(write) => {
                self.write_attributes(context, server, &write)
            }
            DeviceOperation::Execute(execute) => self.execute(context, server, execute),
            DeviceOperation::Create(create) => self.create_instance(context, server, &create),
            DeviceOperation::Delete(delete) => {
                self.tree.delete(context, &delete.path)?;
                let path = delete.path;
                self.attributes.remove(&path);
                if path.level() == PathLevel::ObjectInstance {
                    context.changed(path);
                    context.tell(ClientEvent::InstanceDeleted { server, path });
                }
                Ok(Response::new(Code::DELETED))
            }
            // Only a bootstrap server finishes a bootstrap.
            _ => Err(Refusal::new(
                Code::METHOD_NOT_ALLOWED,
                "not on this interface",
            )),
        }
    }

    // --- reading -------------------------------------------------------------------------------------

    fn read_response(
        &self,
        context: &Context,
        version: LwM2mVersion,
        accept: Option<ContentFormat>,
        path: &Path,
    ) -> Result<Response, Refusal> {
        let entries = self.tree.read(&context.clock, path, Access::Server)?;
        let format = self.read_format(version, accept, path)?;
        self.content(format, &entries, path)
    }

    pub(super) fn content(
        &self,
        format: ContentFormat,
        entries: &[Entry],
        base: &Path,
    ) -> Result<Response, Refusal> {
        let payload = Payload::encode(format, entries, base, &self.tree)?;
        Ok(Response::new(Code::CONTENT).body(format.number(), payload.data))
    }

    /// The format of an answer: what is asked for where it can carry it, else our own choice.
    pub(super) fn read_format(
        &self,
        version: LwM2mVersion,
        accept: Option<ContentFormat>,
        path: &Path,
    ) -> Result<ContentFormat, Refusal> {
        let extent = Extent::of(path, &self.tree);
        let format = match (accept, extent) {
            (None, Extent::Values) => Some(self.format(version)),
            _ => negotiation::read_format(accept, extent, version),
        };
        format.ok_or_else(not_acceptable)
    }

    /// The format for several values.
    pub(super) fn format(&self, version: LwM2mVersion) -> ContentFormat {
        let fits = |format: &ContentFormat| {
            negotiation::is_allowed(*format, Purpose::Read, Extent::Values, version)
        };
        let chosen = self.config.format.filter(fits);
        chosen.unwrap_or(match version {
            LwM2mVersion::V1_0 => ContentFormat::Tlv,
            _ => ContentFormat::SenmlCbor,
        })
    }

    /// The readable values at several places; places without any are left out (Core 1.2.2, section 6.3.8).
    pub(super) fn read_composite(
        &self,
        context: &Context,
        paths: &[Path],
    ) -> Result<Vec<Entry>, Refusal> {
        if paths.len() > self.config.max_composite_paths {
            let code = Code::REQUEST_ENTITY_TOO_LARGE;
            return Err(Refusal::new(code, "too many paths"));
        }
        let mut entries: Vec<Entry> = Vec::new();
        let mut readable = false;
        for path in paths {
            match self.tree.read(&context.clock, path, Access::Server) {
                Ok(found) => {
                    readable = true;
                    for entry in found {
                        // Paths may overlap; a value stands once.
                        if !entries.iter().any(|other| other.path == entry.path) {
                            entries.push(entry);
                        }
                    }
                }
                Err(ObjectError::Unauthorized) => return Err(ObjectError::Unauthorized.into()),
                Err(_) => {}
            }
        }
        match readable {
            true => Ok(entries),
            false => Err(ObjectError::NotFound.into()),
        }
    }

    pub(super) fn composite_format(
        version: LwM2mVersion,
        accept: Option<ContentFormat>,
        request: ContentFormat,
    ) -> Result<ContentFormat, Refusal> {
        negotiation::composite_read_format(accept, request, version).ok_or_else(not_acceptable)
    }

    fn composite_response(
        &self,
        context: &Context,
        version: LwM2mVersion,
        accept: Option<ContentFormat>,
        request: ContentFormat,
        paths: &[Path],
    ) -> Result<Response, Refusal> {
        let format = Self::composite_format(version, accept, request)?;
        let entries = self.read_composite(context, paths)?;
        self.content(format, &entries, &Path::ROOT)
    }

    // --- discover ------------------------------------------------------------------------------------

    /// The tree below a path with the attributes of this server (Core 1.2.2, section 6.3.2): those that hold at
    /// the path itself, those that are attached below it.
    fn discover(
        &self,
        server: u16,
        version: LwM2mVersion,
        discover: &Discover,
    ) -> Result<Response, Refusal> {
        let path = discover.path;
        let level = path.level();
        // From 1.2 the depth may be said, and its default reaches resource instances from a resource.
        let depth = match (version, level) {
            (_, PathLevel::Root) => {
                return Err(Refusal::new(
                    Code::METHOD_NOT_ALLOWED,
                    "an object is expected",
                ));
            }
            (LwM2mVersion::V1_2, _) if discover.depth.is_some() => discover.depth.unwrap_or(0),
            (_, PathLevel::Object) => 2,
            (_, PathLevel::ObjectInstance) => 1,
            (LwM2mVersion::V1_2, PathLevel::Resource) => 1,
            _ => 0,
        };
        let reach = path.ids().len() + usize::from(depth);
        let [object, rest @ ..] = path.ids() else {
            return Err(ObjectError::NotFound.into());
        };
        let target = self.tree.get(*object).ok_or(ObjectError::NotFound)?;
        let said = implied_or_said(version, *object, Some(target.model().version));
        let mut links = Vec::new();
        let mut add = |ids: &[u16], dim: Option<usize>| {
            let Ok(place) = Path::try_from_ids(ids) else {
                return;
            };
            if !path.contains(&place) || ids.len() > reach {
                return;
            }
            let attributes = match place == path {
                true => self.attributes.effective(server, &place),
                false => self.attributes.attached(server, &place),
            };
            let mut link = Link::to(place);
            if let (Some(said), 1) = (said, ids.len()) {
                link = link.with("ver", said.to_string());
            }
            if let Some(dim) = dim {
                link = link.with("dim", dim.to_string());
            }
            attributes.append_to(&mut link);
            links.push(link);
        };
        add(&[*object], None);
        for instance in self.tree.instance_ids(*object) {
            if rest.first().is_some_and(|only| *only != instance) {
                continue;
            }
            add(&[*object, instance], None);
            for resource in target.resources(instance) {
                let model = target.model().resource(resource);
                let multiple = model.is_some_and(|model| model.multiple);
                let elements = match multiple {
                    true => self.elements(*object, instance, resource),
                    false => Vec::new(),
                };
                add(
                    &[*object, instance, resource],
                    multiple.then_some(elements.len()),
                );
                for element in elements {
                    add(&[*object, instance, resource, element], None);
                }
            }
        }
        if links.is_empty() {
            return Err(ObjectError::NotFound.into());
        }
        let format = ContentFormat::Link.number();
        Ok(Response::new(Code::CONTENT).body(format, link::write(&links)))
    }

    fn elements(&self, object: u16, instance: u16, resource: u16) -> Vec<u16> {
        let clock = self.clock(Instant::ZERO);
        let value =
            (self.tree.get(object)).and_then(|object| object.read(&clock, instance, resource).ok());
        match value {
            Some(crate::object::ResourceValue::Multiple(values)) => {
                values.keys().copied().collect()
            }
            _ => Vec::new(),
        }
    }

    // --- writing -------------------------------------------------------------------------------------

    fn check_size(&self, payload: &Payload) -> Result<(), ObjectError> {
        match payload.data.len() > self.config.max_write {
            true => Err(ObjectError::TooLarge),
            false => Ok(()),
        }
    }

    fn write(
        &mut self,
        context: &mut Context,
        version: LwM2mVersion,
        write: &Write,
    ) -> Result<Response, Refusal> {
        // 4.04 and 4.05 come before what is wrong with the content.
        self.tree.writable_place(&write.path)?;
        let extent = Extent::of(&write.path, &self.tree);
        let purpose = match write.mode {
            WriteMode::Replace => Purpose::Write,
            WriteMode::PartialUpdate => Purpose::Update,
        };
        if !negotiation::is_allowed(write.payload.format, purpose, extent, version) {
            let code = Code::UNSUPPORTED_CONTENT_FORMAT;
            return Err(Refusal::new(code, "not in this format"));
        }
        self.check_size(&write.payload)?;
        let entries = write.payload.decode(&write.path, &self.tree)?;
        let limits = self.limits();
        (self.tree).write(context, &write.path, write.mode, entries, limits)?;
        Ok(Response::new(Code::CHANGED))
    }

    fn execute(
        &mut self,
        context: &mut Context,
        server: u16,
        execute: Execute,
    ) -> Result<Response, Refusal> {
        let Execute { path, arguments } = execute;
        self.tree.execute(context, &path, &arguments)?;
        context.tell(ClientEvent::Executed {
            server,
            path,
            arguments,
        });
        Ok(Response::new(Code::CHANGED))
    }

    fn create_instance(
        &mut self,
        context: &mut Context,
        server: u16,
        create: &Create,
    ) -> Result<Response, Refusal> {
        let Create { object, payload } = create;
        self.check_size(payload)?;
        let limits = self.limits();
        let base = Path::try_from_ids(&[*object]).map_err(|_| ObjectError::NotFound)?;
        self.tree.get(*object).ok_or(ObjectError::NotFound)?;
        let free = self.tree.free_instance(*object, limits)?;
        let Payload { format, data } = payload;
        let entries = content::decode_create(*format, data, &base, free, &self.tree)?;
        let named = entries
            .first()
            .and_then(|entry| entry.path.object_instance_id());
        let instance = named.unwrap_or(free);
        let is_its = |entry: &Entry| entry.path.object_instance_id() == Some(instance);
        if !entries.iter().all(is_its) {
            return Err(ObjectError::BadRequest("one instance is expected").into());
        }
        (self.tree).create(context, *object, instance, entries, limits)?;
        let path = base.child(instance).map_err(|_| ObjectError::NotFound)?;
        context.changed(path);
        context.tell(ClientEvent::InstanceCreated { server, path });
        Ok(Create::created(Some(&path)))
    }

    // --- attributes ----------------------------------------------------------------------------------

    pub(super) fn data_type(&self, path: &Path) -> Option<DataType> {
        let model = Models::resource(&self.tree, path.object_id()?, path.resource_id()?);
        model.and_then(|model| model.data_type)
    }

    fn write_attributes(
        &mut self,
        context: &Context,
        server: u16,
        write: &WriteAttributes,
    ) -> Result<Response, Refusal> {
        let path = write.path;
        // Attributes go with what is there and can be read (Core 1.2.2, table 8.2-1); an object may be empty.
        self.tree.read(&context.clock, &path, Access::Server)?;
        let data_type = self.data_type(&path);
        write.change.names().check_at(path.level(), data_type)?;
        self.attributes.change(server, &path, &write.change)?;
        self.refresh_attributes(context.clock.now, Some(server));
        Ok(Response::new(Code::CHANGED))
    }
}

fn not_acceptable() -> Refusal {
    Refusal::new(Code::NOT_ACCEPTABLE, "not in this format")
}
