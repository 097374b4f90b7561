//! The handle to one registered device.

use crate::{
    engine::{Answer, ObserveTarget, ServerEngine},
    error::DeviceError,
    firmware::{self, FirmwarePackage, FirmwareProgress, FirmwareUpdate},
    observation::{Observation, ObservationInfo},
    plan::Plan,
    registration::Registration,
    server::Shared,
};
use lwm2m_core::{
    attributes::{AttributeChange, Attributes},
    coap::Code,
    content::{ContentFormat, EncodeError},
    entry::Entry,
    link::{self, Link, LinkTarget},
    model::Models,
    operation::{
        Create, Delete, DeviceOperation, Discover, Execute, Read, ReadComposite, Write,
        WriteAttributes, WriteComposite, WriteMode, format_arguments,
    },
    path::{Path, PathLevel},
    value::Value,
    version::LwM2mVersion,
};
use lwm2m_objects::validate::{Operation, validate_instance};
use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};
use tokio::sync::mpsc;

/// What names a place in the tree: a [`Path`] or its text.
pub trait IntoPath {
    /// The place.
    ///
    /// # Errors
    /// [`DeviceError::Invalid`] where the text is no path.
    fn into_path(self) -> Result<Path, DeviceError>;
}

impl IntoPath for Path {
    fn into_path(self) -> Result<Path, DeviceError> {
        Ok(self)
    }
}

impl IntoPath for &Path {
    fn into_path(self) -> Result<Path, DeviceError> {
        Ok(*self)
    }
}

impl IntoPath for &str {
    fn into_path(self) -> Result<Path, DeviceError> {
        self.parse()
            .map_err(|error| DeviceError::Invalid(format!("{self:?}: {error}")))
    }
}

impl IntoPath for &String {
    fn into_path(self) -> Result<Path, DeviceError> {
        self.as_str().into_path()
    }
}

impl IntoPath for String {
    fn into_path(self) -> Result<Path, DeviceError> {
        self.as_str().into_path()
    }
}

/// A registered device. It names an endpoint, not a registration: it goes on working after the device registered anew.
///
/// Values are checked against the definitions of the device's objects before anything is sent. Requests to a device
/// that sleeps wait until it speaks, up to [`ServerConfig::sleep_timeout`](crate::ServerConfig::sleep_timeout).
///
/// # Errors
/// Each operation fails with a [`DeviceError`] that says why.
#[derive(Clone)]
pub struct Device {
    pub(crate) endpoint: Arc<str>,
    pub(crate) shared: Arc<Shared>,
}

impl Device {
    /// Endpoint name.
    pub fn endpoint(&self) -> &Arc<str> {
        &self.endpoint
    }

    /// Its registration as it is now.
    pub async fn registration(&self) -> Result<Arc<Registration>, DeviceError> {
        let endpoint = self.endpoint.clone();
        let registration = self
            .shared
            .call(move |engine, _| engine.registration(&endpoint))
            .await?;
        registration.ok_or_else(|| DeviceError::NotRegistered(self.endpoint.as_ref().into()))
    }

    /// The values at a place (Core 1.2.2, section 6.3.1), in the most compact format that the device says it has.
    pub async fn read(&self, path: impl IntoPath) -> Result<Vec<Entry>, DeviceError> {
        let path = path.into_path()?;
        let plan = self.plan().await?;
        self.read_planned(&plan, path, plan.accept()).await
    }

    /// The values at a place in this format; `None`: the device chooses.
    pub async fn read_with(
        &self,
        path: impl IntoPath,
        format: Option<ContentFormat>,
    ) -> Result<Vec<Entry>, DeviceError> {
        let path = path.into_path()?;
        let plan = self.plan().await?;
        self.read_planned(&plan, path, format).await
    }

    /// The one value of a resource or resource instance.
    pub async fn read_value(&self, path: impl IntoPath) -> Result<Value, DeviceError> {
        let path = path.into_path()?;
        if path.level() < PathLevel::Resource {
            return Err(DeviceError::Invalid(format!(
                "{path} is no resource and has no value of its own"
            )));
        }
        let mut entries = self.read_with(path, None).await?;
        // An object link may bring what it leads to.
        entries.retain(|entry| path.contains(&entry.path));
        match <[Entry; 1]>::try_from(entries) {
            Ok([entry]) => Ok(entry.value),
            Err(entries) => {
                let count = entries.len();
                Err(DeviceError::Invalid(format!(
                    "{path} has {count} values: read its instances"
                )))
            }
        }
    }

    /// Writes one value to a resource or resource instance, in place of the old (Core 1.2.2, section 6.3.3).
    pub async fn write(
        &self,
        path: impl IntoPath,
        value: impl Into<Value>,
    ) -> Result<(), DeviceError> {
        let path = path.into_path()?;
        let entries = vec![Entry::new(path, value)];
        self.write_with(path, WriteMode::Replace, entries, None)
            .await
    }

    /// Writes values at and below a place. [`WriteMode::PartialUpdate`] is for object instances (and resources with
    /// instances), and leaves what is not named.
    pub async fn write_entries(
        &self,
        path: impl IntoPath,
        mode: WriteMode,
        entries: Vec<Entry>,
    ) -> Result<(), DeviceError> {
        self.write_with(path, mode, entries, None).await
    }

    /// As [`write_entries`](Device::write_entries) in this format. `None`: the server chooses, and tries another one
    /// where the device does not know it (4.15).
    pub async fn write_with(
        &self,
        path: impl IntoPath,
        mode: WriteMode,
        entries: Vec<Entry>,
        format: Option<ContentFormat>,
    ) -> Result<(), DeviceError> {
        let path = path.into_path()?;
        let plan = self.plan().await?;
        plan.check(path, Operation::Write)?;
        if mode == WriteMode::PartialUpdate && path.level() == PathLevel::ResourceInstance {
            let reason = format!("{path}: a partial update is for object instances and resources");
            return Err(DeviceError::Invalid(reason));
        }
        let entries = plan.conform(path, entries)?;
        let formats = match format {
            Some(format) => vec![format],
            None => plan.write_formats(path, &entries),
        };
        self.try_formats(&formats, |format| {
            let payload = plan.encode(format, &entries, &path)?;
            Ok(DeviceOperation::Write(Write {
                path,
                mode,
                payload,
            }))
        })
        .await
        .map(drop)
    }

    /// Executes a resource (Core 1.2.2, section 6.3.5) with arguments: digit 0 to 9 and, where there is one, its text.
    pub async fn execute(
        &self,
        path: impl IntoPath,
        arguments: &[(u8, Option<&str>)],
    ) -> Result<(), DeviceError> {
        let path = path.into_path()?;
        self.plan().await?.check(path, Operation::Execute)?;
        let arguments: Vec<(u8, Option<String>)> = arguments
            .iter()
            .map(|(digit, text)| (*digit, text.map(str::to_owned)))
            .collect();
        format_arguments(&arguments).map_err(|error| DeviceError::Invalid(error.to_string()))?;
        let execute = DeviceOperation::Execute(Execute { path, arguments });
        self.request(execute).await.map(drop)
    }

    /// Creates an object instance and says where it is. Without `instance` the device numbers it. The paths of
    /// `entries` carry the instance's number, or any where the device gives it.
    pub async fn create(
        &self,
        object: u16,
        instance: Option<u16>,
        entries: Vec<Entry>,
    ) -> Result<Path, DeviceError> {
        let invalid = |error: lwm2m_core::path::PathError| DeviceError::Invalid(error.to_string());
        let path = Path::try_from_ids(&[object]).map_err(invalid)?;
        let plan = self.plan().await?;
        plan.check(path, Operation::Create)?;
        let named = instance
            .or_else(|| entries.first()?.path.object_instance_id())
            .unwrap_or(0);
        let new = Path::try_from_ids(&[object, named]).map_err(invalid)?;
        let entries = plan.conform(new, entries)?;
        if let Some(model) = plan.models().object(object) {
            let present = entries.iter().filter_map(|entry| entry.path.resource_id());
            validate_instance(model, new, present)
                .map_err(|error| DeviceError::Invalid(error.to_string()))?;
        }
        // Without a number, only TLV can leave it out: its resources then stand without their instance around them.
        let (formats, base) = match instance {
            Some(_) => (plan.structured_formats(), path),
            None => (vec![ContentFormat::Tlv], new),
        };
        let answer = self
            .try_formats(&formats, |format| {
                let payload = plan.encode(format, &entries, &base)?;
                Ok(DeviceOperation::Create(Create { object, payload }))
            })
            .await?;
        let place = Create::location(&answer.response).or(instance.map(|_| new));
        place.ok_or(DeviceError::Transfer(
            "it does not say which instance was created",
        ))
    }

    /// Deletes an object instance (or, 1.2, a resource instance).
    pub async fn delete(&self, path: impl IntoPath) -> Result<(), DeviceError> {
        let path = path.into_path()?;
        self.plan().await?.check(path, Operation::Delete)?;
        self.request(DeviceOperation::Delete(Delete { path }))
            .await
            .map(drop)
    }

    /// What there is at and below a place, with its attributes (Core 1.2.2, section 6.3.2). `depth` is for 1.2.
    pub async fn discover(
        &self,
        path: impl IntoPath,
        depth: Option<u8>,
    ) -> Result<Vec<Link>, DeviceError> {
        let path = path.into_path()?;
        let plan = self.plan().await?;
        plan.check(path, Operation::Discover)?;
        if depth.is_some() && plan.registration.version < LwM2mVersion::V1_2 {
            return Err(plan.needs("discover with a depth", LwM2mVersion::V1_2));
        }
        if depth.is_some_and(|depth| depth > 3) {
            return Err(DeviceError::Invalid("a depth is 0 to 3".to_owned()));
        }
        let discover = DeviceOperation::Discover(Discover { path, depth });
        let response = self.request(discover).await?.response;
        let mut links = link::parse(&response.payload)
            .map_err(|_| DeviceError::Transfer("its links are malformed"))?;
        let root = plan.registration.objects.links.supported().root();
        for link in links.iter_mut().filter(|_| !root.is_empty()) {
            if let Some(path) = link.target.path_below(root) {
                link.target = LinkTarget::Path(path);
            }
        }
        Ok(links)
    }

    /// Sets and unsets attributes at a place (Core 1.2.2, section 6.3.4).
    pub async fn write_attributes(
        &self,
        path: impl IntoPath,
        change: impl Into<AttributeChange>,
    ) -> Result<(), DeviceError> {
        let (path, change) = (path.into_path()?, change.into());
        self.plan().await?.check(path, Operation::WriteAttributes)?;
        change
            .set
            .validate()
            .map_err(|error| DeviceError::Invalid(error.to_string()))?;
        let write = DeviceOperation::WriteAttributes(WriteAttributes { path, change });
        self.request(write).await.map(drop)
    }

    /// Observes a place. Observing what is observed already asks nothing of the device and gives another stream of the
    /// same observation, which begins with the next notification.
    pub async fn observe(&self, path: impl IntoPath) -> Result<Observation, DeviceError> {
        self.observe_with(path, Attributes::default()).await
    }

    /// Observes a place with attributes that govern this observation: by write-attributes before it, or, for a 1.2
    /// device, in the query of the observe request.
    pub async fn observe_with(
        &self,
        path: impl IntoPath,
        attributes: Attributes,
    ) -> Result<Observation, DeviceError> {
        let path = path.into_path()?;
        let plan = self.plan().await?;
        plan.check(path, Operation::Observe)?;
        attributes
            .validate()
            .map_err(|error| DeviceError::Invalid(error.to_string()))?;
        let in_query = plan.registration.version >= LwM2mVersion::V1_2;
        if !in_query && !attributes.is_empty() {
            self.write_attributes(path, attributes).await?;
        }
        let target = ObserveTarget {
            paths: [path].into(),
            composite: None,
            accept: plan.accept(),
            attributes: if in_query {
                attributes
            } else {
                Attributes::default()
            },
        };
        self.observe_target(target).await
    }

    /// Observes several places as one (1.1).
    pub async fn observe_composite(&self, paths: &[Path]) -> Result<Observation, DeviceError> {
        let plan = self.plan().await?;
        plan.check_composite(paths, Operation::Observe)?;
        let mut last = DeviceError::Invalid("no format carries this".to_owned());
        for format in plan.composite_formats() {
            let target = ObserveTarget {
                paths: paths.into(),
                composite: Some(format),
                accept: Some(plan.composite_accept()),
                attributes: Attributes::default(),
            };
            match self.observe_target(target).await {
                Err(error) if is_unsupported_format(&error) => last = error,
                result => return result,
            }
        }
        Err(last)
    }

    /// The observations of this device that the server wants.
    pub async fn observations(&self) -> Result<Vec<ObservationInfo>, DeviceError> {
        let endpoint = self.endpoint.clone();
        self.shared
            .call(move |engine, _| engine.observations(&endpoint))
            .await
    }

    /// Ends the observation of a place, or of several where it is a composite one; says whether there was one.
    pub async fn cancel_observation(&self, paths: &[Path]) -> Result<bool, DeviceError> {
        let known = self.observations().await?;
        let mut found = false;
        for observation in known.iter().filter(|known| *known.paths == *paths) {
            found = true;
            self.shared.cancel_observation(observation.id).await?;
        }
        Ok(found)
    }

    /// The values at several places (1.1); those that cannot be read are left out.
    pub async fn read_composite(&self, paths: &[Path]) -> Result<Vec<Entry>, DeviceError> {
        let plan = self.plan().await?;
        plan.check_composite(paths, Operation::Read)?;
        let accept = Some(plan.composite_accept());
        let answer = self
            .try_formats(&plan.composite_formats(), |format| {
                let paths = paths.to_vec();
                Ok(DeviceOperation::ReadComposite(ReadComposite {
                    paths,
                    format,
                    accept,
                }))
            })
            .await?;
        plan.decode(&answer, &Path::ROOT)
    }

    /// Writes values at several places, all or none (1.1).
    pub async fn write_composite(&self, entries: Vec<Entry>) -> Result<(), DeviceError> {
        let plan = self.plan().await?;
        let paths: Vec<Path> = entries.iter().map(|entry| entry.path).collect();
        plan.check_composite(&paths, Operation::Write)?;
        let entries = plan.conform(Path::ROOT, entries)?;
        self.try_formats(&plan.composite_formats(), |format| {
            let payload = plan.encode(format, &entries, &Path::ROOT)?;
            Ok(DeviceOperation::WriteComposite(WriteComposite { payload }))
        })
        .await
        .map(drop)
    }

    /// Begins a firmware update by push; see [`FirmwareUpdate`].
    pub async fn update_firmware(
        &self,
        package: FirmwarePackage,
    ) -> Result<FirmwareUpdate, DeviceError> {
        // So that a device that is not there is told at once.
        self.registration().await?;
        Ok(firmware::begin(self.clone(), package))
    }

    /// The update of this device that is under way: how far it was when last heard of.
    pub async fn firmware_progress(&self) -> Option<FirmwareProgress> {
        let firmware = self
            .shared
            .firmware
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        firmware.get(&self.endpoint).cloned()
    }

    /// What there is to know about the device before something is sent to it.
    async fn plan(&self) -> Result<Plan, DeviceError> {
        let registration = self.registration().await?;
        Ok(Plan {
            registration,
            definitions: self.shared.definitions.clone(),
        })
    }

    async fn read_planned(
        &self,
        plan: &Plan,
        path: Path,
        accept: Option<ContentFormat>,
    ) -> Result<Vec<Entry>, DeviceError> {
        plan.check(path, Operation::Read)?;
        let answer = self
            .request(DeviceOperation::Read(Read { path, accept }))
            .await?;
        plan.decode(&answer, &path)
    }

    async fn observe_target(&self, target: ObserveTarget) -> Result<Observation, DeviceError> {
        let (sender, receiver) = mpsc::channel(self.shared.config.observation_buffer.max(1));
        let (endpoint, hub) = (self.endpoint.clone(), self.shared.hub.clone());
        let begin = move |engine: &mut ServerEngine, now| {
            let (id, ticket) = engine.observe(now, &endpoint, target)?;
            hub.stream(id, sender);
            Ok((id, ticket))
        };
        let (id, answer) = self.shared.ask(None, begin).await?;
        if let Some(answer) = answer {
            let still_wanted = self
                .observations()
                .await?
                .iter()
                .any(|known| known.id == id);
            if !still_wanted {
                self.shared.hub.end_streams(id);
                successful(answer)?;
                return Err(DeviceError::Invalid(
                    "the device does not observe this".to_owned(),
                ));
            }
        }
        Ok(Observation {
            id,
            endpoint: self.endpoint.clone(),
            receiver,
            shared: self.shared.clone(),
        })
    }

    /// Tries formats until the device knows one.
    async fn try_formats(
        &self,
        formats: &[ContentFormat],
        operation: impl Fn(ContentFormat) -> Result<DeviceOperation, DeviceError>,
    ) -> Result<Answer, DeviceError> {
        let mut last = DeviceError::Invalid("no format carries this".to_owned());
        for format in formats {
            let sent = match operation(*format) {
                Ok(operation) => self.request(operation).await,
                Err(error) => Err(error),
            };
            match sent {
                Err(error) if is_unsupported_format(&error) => last = error,
                result => return result,
            }
        }
        Err(last)
    }

    async fn request(&self, operation: DeviceOperation) -> Result<Answer, DeviceError> {
        let deadline = Some(self.shared.config.request_timeout);
        self.request_with(operation, deadline, None).await
    }

    /// Sends an operation and waits for its success.
    pub(crate) async fn request_with(
        &self,
        operation: DeviceOperation,
        deadline: Option<Duration>,
        progress: Option<mpsc::Sender<(usize, usize)>>,
    ) -> Result<Answer, DeviceError> {
        let endpoint = self.endpoint.clone();
        let begin = move |engine: &mut ServerEngine, now| {
            let ticket = engine.request(now, &endpoint, &operation, deadline)?;
            Ok(((), Some(ticket)))
        };
        match self.shared.ask(progress, begin).await? {
            (_, Some(answer)) => successful(answer),
            (_, None) => Err(DeviceError::Stopped),
        }
    }
}

/// The answer, where it is none of an error.
pub(crate) fn successful(answer: Answer) -> Result<Answer, DeviceError> {
    let response = &answer.response;
    if response.code.is_success() {
        return Ok(answer);
    }
    let text = std::str::from_utf8(&response.payload).ok();
    let diagnostic = text.filter(|text| !text.is_empty()).map(str::to_owned);
    Err(DeviceError::Response {
        code: response.code,
        diagnostic,
    })
}

fn is_unsupported_format(error: &DeviceError) -> bool {
    match error {
        DeviceError::Response { code, .. } => *code == Code::UNSUPPORTED_CONTENT_FORMAT,
        DeviceError::Encode(EncodeError::Unsupported { .. }) => true,
        _ => false,
    }
}
