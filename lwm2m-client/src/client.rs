//! The client as a handle in a tokio program.

use crate::{
    builder::{BuildError, ClientBuilder},
    engine::{ClientEngine, SendError},
    event::ClientEvent,
    firmware::UpdateResult,
    object::{Instance, ObjectError, ResourceValue},
    state::ClientState,
};
use core::time::Duration;
use lwm2m_core::{
    path::{Path, PathError},
    time::Instant,
};
use lwm2m_transport::{
    ClientTransport, ClientTransportConfig, EngineHandle, Stopped, Transport, spawn,
};
use rand::{SeedableRng, rngs::StdRng};
use std::{
    boxed::Box,
    fmt,
    string::String,
    sync::{Arc, Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
    vec::Vec,
};
use tokio::sync::broadcast;

/// How many events wait for [`Events::next`]; older ones are skipped.
pub const EVENT_QUEUE: usize = 1_024;

/// Why a client cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Accounts or objects contradict each other.
    #[error(transparent)]
    Build(#[from] BuildError),
}

/// Why a command was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The text is no path.
    #[error(transparent)]
    Path(#[from] PathError),
    /// The object refuses.
    #[error(transparent)]
    Object(#[from] ObjectError),
    /// The Send is not sent.
    #[error(transparent)]
    Send(#[from] SendError),
    /// The client has stopped.
    #[error("the client has stopped")]
    Stopped,
}

impl From<Stopped> for ClientError {
    fn from(_: Stopped) -> Self {
        ClientError::Stopped
    }
}

/// A running client; clones speak to the same one. When the last is dropped the client ends without a word, as by
/// [`Client::kill`].
#[derive(Clone)]
pub struct Client {
    engine: EngineHandle<ClientEngine>,
    sender: broadcast::WeakSender<ClientEvent>,
    first: Arc<Mutex<Option<broadcast::Receiver<ClientEvent>>>>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("stopped", &self.engine.is_stopped())
            .finish_non_exhaustive()
    }
}

/// The events of a client, in order.
#[derive(Debug)]
pub struct Events {
    receiver: Option<broadcast::Receiver<ClientEvent>>,
}

impl Events {
    /// The next event; `None` once the client has ended. Events that were not fetched in time (more than
    /// [`EVENT_QUEUE`] wait) are skipped.
    pub async fn next(&mut self) -> Option<ClientEvent> {
        let receiver = self.receiver.as_mut()?;
        loop {
            match receiver.recv().await {
                Ok(event) => return Some(event),
                Err(broadcast::error::RecvError::Lagged(missed)) => {
                    tracing::warn!(missed, "client events were not fetched in time");
                }
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}

impl Client {
    /// Begins to put a client together.
    pub fn builder(endpoint_name: impl Into<String>) -> ClientBuilder {
        ClientEngine::builder(endpoint_name)
    }

    /// The events: the first call gives all since the start, later calls those from now on.
    pub fn events(&self) -> Events {
        let first = self
            .first
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let now_on = || self.sender.upgrade().map(|sender| sender.subscribe());
        Events {
            receiver: first.or_else(now_on),
        }
    }

    /// Puts a value in place; observers are told as their attributes say.
    ///
    /// # Errors
    /// See [`ClientEngine::set`].
    pub async fn set(
        &self,
        path: &str,
        value: impl Into<ResourceValue>,
    ) -> Result<(), ClientError> {
        let (path, value) = (path.parse::<Path>()?, value.into());
        let set = self
            .engine
            .call(move |engine, now| engine.set(now, path, value));
        Ok(set.await??)
    }

    /// The value of a resource.
    ///
    /// # Errors
    /// See [`ClientEngine::value`].
    pub async fn value(&self, path: &str) -> Result<ResourceValue, ClientError> {
        let path = path.parse::<Path>()?;
        let value = self.engine.call(move |engine, now| engine.value(now, path));
        Ok(value.await??)
    }

    /// Makes an object instance.
    ///
    /// # Errors
    /// See [`ClientEngine::create`].
    pub async fn create(&self, path: &str, resources: Instance) -> Result<(), ClientError> {
        let path = path.parse::<Path>()?;
        let created = (self.engine).call(move |engine, now| engine.create(now, path, resources));
        Ok(created.await??)
    }

    /// Takes an object instance away.
    ///
    /// # Errors
    /// See [`ClientEngine::delete`].
    pub async fn delete(&self, path: &str) -> Result<(), ClientError> {
        let path = path.parse::<Path>()?;
        let deleted = self
            .engine
            .call(move |engine, now| engine.delete(now, path));
        Ok(deleted.await??)
    }

    /// Tells observers that a value of an object of the program's own has changed.
    ///
    /// # Errors
    /// [`ClientError::Path`], [`ClientError::Stopped`]
    pub async fn changed(&self, path: &str) -> Result<(), ClientError> {
        let path = path.parse::<Path>()?;
        let changed = self
            .engine
            .call(move |engine, now| engine.changed(now, path));
        Ok(changed.await?)
    }

    /// Sends the values at and below these paths; answered by [`ClientEvent::Sent`] with the id returned.
    ///
    /// # Errors
    /// See [`ClientEngine::send`].
    pub async fn send(&self, paths: &[&str]) -> Result<u64, ClientError> {
        let paths: Result<Vec<Path>, PathError> = paths.iter().map(|path| path.parse()).collect();
        let paths = paths?;
        let sent = self
            .engine
            .call(move |engine, now| engine.send(now, &paths));
        Ok(sent.await??)
    }

    /// Sends a registration update to every server.
    ///
    /// # Errors
    /// [`ClientError::Stopped`]
    pub async fn update(&self) -> Result<(), ClientError> {
        Ok(self.engine.call(ClientEngine::update).await?)
    }

    /// Says that the device has another address; see [`ClientEngine::address_changed`].
    ///
    /// # Errors
    /// [`ClientError::Stopped`]
    pub async fn address_changed(&self) -> Result<(), ClientError> {
        Ok(self.engine.call(ClientEngine::address_changed).await?)
    }

    /// Begins a bootstrap; false where there is no bootstrap account.
    ///
    /// # Errors
    /// [`ClientError::Stopped`]
    pub async fn start_bootstrap(&self) -> Result<bool, ClientError> {
        Ok(self.engine.call(ClientEngine::start_bootstrap).await?)
    }

    /// Says how an installation of firmware went.
    ///
    /// # Errors
    /// See [`ClientEngine::firmware_result`].
    pub async fn firmware_result(&self, result: UpdateResult) -> Result<(), ClientError> {
        let told = (self.engine).call(move |engine, now| engine.firmware_result(now, result));
        Ok(told.await??)
    }

    /// Begins anew, as a device that is switched off and on.
    ///
    /// # Errors
    /// [`ClientError::Stopped`]
    pub async fn reboot(&self) -> Result<(), ClientError> {
        self.reboot_after(Duration::ZERO).await
    }

    /// Begins anew after a while, in which it still answers.
    ///
    /// # Errors
    /// [`ClientError::Stopped`]
    pub async fn reboot_after(&self, after: Duration) -> Result<(), ClientError> {
        let begun = self
            .engine
            .call(move |engine, now| engine.reboot(now, after));
        Ok(begun.await?)
    }

    /// Puts the accounts of the factory back and begins anew.
    ///
    /// # Errors
    /// [`ClientError::Stopped`]
    pub async fn factory_reset(&self) -> Result<(), ClientError> {
        Ok(self.engine.call(ClientEngine::factory_reset).await?)
    }

    /// The accounts as they are now, keys included.
    ///
    /// # Errors
    /// [`ClientError::Stopped`]
    pub async fn state(&self) -> Result<ClientState, ClientError> {
        Ok(self.engine.call(|engine, now| engine.state(now)).await?)
    }

    /// Short server ids of the servers where the client is registered.
    ///
    /// # Errors
    /// [`ClientError::Stopped`]
    pub async fn registered(&self) -> Result<Vec<u16>, ClientError> {
        Ok(self.engine.call(|engine, _| engine.registered()).await?)
    }

    /// De-registers everywhere and ends; returns when it has, at the latest after
    /// [`ClientConfig::deregister_timeout`](crate::ClientConfig::deregister_timeout), or twice that where a registration
    /// is under way.
    pub async fn deregister_and_stop(&self) {
        let Some(sender) = self.sender.upgrade() else {
            return;
        };
        let mut events = Events {
            receiver: Some(sender.subscribe()),
        };
        // The driver holds the other sender: with it gone the events end.
        drop(sender);
        if self.engine.call(ClientEngine::deregister).await.is_ok() {
            while let Some(event) = events.next().await {
                if event == ClientEvent::Stopped {
                    break;
                }
            }
        }
        self.engine.stop().await;
    }

    /// Ends without a word to any server, as a device whose battery is taken out; only a secure transport may
    /// still say that its connection ends.
    pub async fn kill(&self) {
        self.engine.stop().await;
    }
}

impl ClientBuilder {
    /// Starts the client on UDP sockets of its own.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(self) -> Result<Client, StartError> {
        self.start_on(ClientTransport::new(ClientTransportConfig::new()))
    }

    /// Starts the client on a transport. To be called within a tokio runtime.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn start_on(mut self, transport: impl Transport) -> Result<Client, StartError> {
        // The driver's clock begins when it is spawned, a moment from now.
        if self.config.unix_at_zero.is_none() {
            let unix = SystemTime::now().duration_since(UNIX_EPOCH);
            self.config.unix_at_zero = unix
                .ok()
                .and_then(|time| i64::try_from(time.as_secs()).ok());
        }
        let random = Box::new(StdRng::from_os_rng());
        let engine = self.build(Instant::ZERO, random)?;
        let (sender, receiver) = broadcast::channel(EVENT_QUEUE);
        let weak = sender.downgrade();
        let engine = spawn(engine, transport, move |event| {
            // Without a receiver nobody wants to know.
            let _ = sender.send(event);
        });
        Ok(Client {
            engine,
            sender: weak,
            first: Arc::new(Mutex::new(Some(receiver))),
        })
    }
}

#[cfg(test)]
mod tests;
