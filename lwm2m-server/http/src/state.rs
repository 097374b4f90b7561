//! What all requests share.

use crate::{
    HttpConfig, HttpConfigError,
    events::{Gone, Hub, Pump},
    guard::Guard,
    problem::Problem,
};
use axum::http::StatusCode;
use lwm2m_core::version::ObjectVersion;
use lwm2m_objects::{Definitions, DeviceModels};
use lwm2m_server::{BootstrapServer, Device, DeviceError, Registration, Server};
use std::{future::Future, sync::Arc};
use tokio::{sync::Semaphore, task::AbortHandle};
use tokio_util::sync::CancellationToken;

/// The API's state: the handle with which a program publishes events of its own and ends the event streams.
///
/// Clones are handles to the same. It holds the servers it was made with; when the last clone and the routers made
/// from it are dropped, it lets go of them.
#[derive(Clone)]
pub struct HttpState {
    inner: Arc<Inner>,
}

struct Inner {
    config: HttpConfig,
    definitions: Arc<Definitions>,
    guard: Guard,
    hub: Arc<Hub>,
    gone: Arc<Gone>,
    firmware_permits: Arc<Semaphore>,
    stream_permits: Arc<Semaphore>,
    closing: CancellationToken,
    /// Behind `closing`: what had happened by then is in the hub.
    told: CancellationToken,
    pumps: Vec<AbortHandle>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        for pump in &self.pumps {
            pump.abort();
        }
    }
}

/// The definitions of one device's objects.
pub(crate) type Models<'a> = DeviceModels<Arc<Definitions>, &'a [(u16, ObjectVersion)]>;

impl HttpState {
    /// The state of an API, and the tasks that listen to its servers.
    ///
    /// # Errors
    /// A name in the configuration that cannot be read.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn new(config: HttpConfig) -> Result<Self, HttpConfigError> {
        let guard = Guard::new(&config.allowed_hosts, &config.allowed_origins)
            .map_err(HttpConfigError::Name)?;
        let hub = Arc::new(Hub::new(config.event_buffer, config.published_backlog));
        let gone = Arc::new(Gone::default());
        let (closing, told) = (CancellationToken::new(), CancellationToken::new());
        let into = Pump {
            hub: hub.clone(),
            gone: gone.clone(),
            closing: closing.clone(),
            told: Arc::new(told.clone().drop_guard()),
            last_events: config.event_buffer.max(1),
        };
        let mut pumps = Vec::new();
        if let Some(bootstrap) = &config.bootstrap {
            pumps.push(into.clone().start(bootstrap.events()));
        }
        pumps.push(into.start(config.server.events()));
        Ok(HttpState {
            inner: Arc::new(Inner {
                definitions: config.server.definitions().clone(),
                guard,
                hub,
                gone,
                firmware_permits: Arc::new(Semaphore::new(config.max_firmware_updates)),
                stream_permits: Arc::new(Semaphore::new(config.max_event_streams)),
                closing,
                told,
                pumps,
                config,
            }),
        })
    }

    /// Tells all event streams something of the program's own: they carry `{id, kind, time, endpoint, data}`. What is
    /// published is kept for pages that are opened later, up to
    /// [`published_backlog`](HttpConfig::published_backlog).
    ///
    /// A member `endpoint` of `data` says which device it is about. The page shows `data.text` in its list of events,
    /// and events of kind `tour` in a place of their own: `{"endpoint": "..", "step": "..", "state": "running",
    /// "detail": ".."}`, where a `running` step stays until it is told again as `passed` or `failed`.
    pub fn publish(&self, kind: impl Into<String>, data: serde_json::Value) {
        self.inner.hub.publish(kind.into(), data);
    }

    /// Ends all event streams, now and to come, so that the program's HTTP server can end. What has happened until now is
    /// told first. [`serve`](crate::serve) calls it.
    pub fn close(&self) {
        self.inner.closing.cancel();
    }

    pub(crate) fn config(&self) -> &HttpConfig {
        &self.inner.config
    }

    pub(crate) fn server(&self) -> &Server {
        &self.inner.config.server
    }

    pub(crate) fn bootstrap(&self) -> Result<&BootstrapServer, Problem> {
        self.inner.config.bootstrap.as_ref().ok_or_else(|| {
            Problem::new(
                StatusCode::NOT_FOUND,
                "no-bootstrap-server",
                "there is no bootstrap server here",
            )
        })
    }

    pub(crate) fn guard(&self) -> Guard {
        self.inner.guard.clone()
    }

    pub(crate) fn hub(&self) -> &Hub {
        &self.inner.hub
    }

    pub(crate) fn gone(&self) -> &Gone {
        &self.inner.gone
    }

    pub(crate) fn definitions(&self) -> &Arc<Definitions> {
        &self.inner.definitions
    }

    pub(crate) fn firmware_permits(&self) -> &Arc<Semaphore> {
        &self.inner.firmware_permits
    }

    pub(crate) fn stream_permits(&self) -> &Arc<Semaphore> {
        &self.inner.stream_permits
    }

    pub(crate) fn closing(&self) -> &CancellationToken {
        &self.inner.closing
    }

    /// Completes when the program ends and what had happened by then is in the hub.
    pub(crate) async fn all_told(&self) {
        self.inner.closing.cancelled().await;
        self.inner.told.cancelled().await;
    }

    /// The handle to a device with its registration.
    pub(crate) async fn device(
        &self,
        endpoint: &str,
    ) -> Result<(Device, Arc<Registration>), Problem> {
        let device = self.server().device(endpoint).await?;
        let registration = device.registration().await?;
        Ok((device, registration))
    }

    /// The definitions of a device's objects.
    pub(crate) fn models<'a>(&self, registration: &'a Registration) -> Models<'a> {
        DeviceModels::new(
            self.definitions().clone(),
            registration.version,
            &registration.objects.objects[..],
        )
    }

    /// What a device answers, as long as a client of this API waits for it.
    pub(crate) async fn answer<T>(
        &self,
        operation: impl Future<Output = Result<T, DeviceError>>,
    ) -> Result<T, Problem> {
        let timeout = self.config().request_timeout;
        match tokio::time::timeout(timeout, operation).await {
            Ok(answer) => Ok(answer?),
            Err(_) => Err(Problem::new(
                StatusCode::GATEWAY_TIMEOUT,
                "device-timeout",
                format!(
                    "no answer within {} s; a device that sleeps answers when it wakes",
                    timeout.as_secs()
                ),
            )),
        }
    }
}

impl From<DeviceError> for Problem {
    fn from(error: DeviceError) -> Self {
        let detail = error.to_string();
        let (status, code) = match error {
            DeviceError::Response { code, .. } => return Problem::device_refused(code, detail),
            DeviceError::NotRegistered(_) => (StatusCode::NOT_FOUND, "device-not-registered"),
            DeviceError::Timeout => (StatusCode::GATEWAY_TIMEOUT, "device-timeout"),
            DeviceError::Reset => (StatusCode::BAD_GATEWAY, "device-reset"),
            DeviceError::Unreachable => (StatusCode::SERVICE_UNAVAILABLE, "device-unreachable"),
            DeviceError::Busy => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
            DeviceError::RegistrationEnded => (StatusCode::BAD_GATEWAY, "registration-ended"),
            DeviceError::Transfer(_) | DeviceError::Decode(_) => {
                (StatusCode::BAD_GATEWAY, "unreadable-answer")
            }
            DeviceError::Encode(_) => (StatusCode::BAD_REQUEST, "bad-value"),
            DeviceError::Invalid(_) => (StatusCode::BAD_REQUEST, "invalid-operation"),
            DeviceError::Stopped => (StatusCode::SERVICE_UNAVAILABLE, "stopped"),
            _ => (StatusCode::BAD_GATEWAY, "device-error"),
        };
        Problem::new(status, code, detail)
    }
}
