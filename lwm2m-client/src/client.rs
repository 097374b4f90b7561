//! The client as a handle in a tokio program.

use crate::{
    builder::{BuildError, ClientBuilder},
    engine::{ClientEngine, SendError},
    event::ClientEvent,
    firmware::UpdateResult,
    object::{ObjectError, ResourceValue},
};
use core::time::Duration;
use lwm2m_core::path::{Path, PathError};
use std::{io, string::String};
use tokio::sync::broadcast;

/// Why a client cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Accounts or objects contradict each other.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// No socket.
    #[error("no socket: {0}")]
    Io(#[from] io::Error),
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

/// A running client; clones speak to the same one. It goes on until it is stopped or killed.
#[derive(Clone)]
pub struct Client {}

/// The events of a client, in order.
pub struct Events {
    receiver: broadcast::Receiver<ClientEvent>,
}

impl Events {
    /// The next event; `None` once the client has stopped. Events that were not fetched in time (more than 1,024
    /// wait) are skipped.
    pub async fn next(&mut self) -> Option<ClientEvent> {
        loop {
            match self.receiver.recv().await {
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
        todo!()
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
        let _ = (path.parse::<Path>()?, value.into());
        todo!()
    }

    /// The value of a resource.
    ///
    /// # Errors
    /// See [`ClientEngine::value`].
    pub async fn value(&self, path: &str) -> Result<ResourceValue, ClientError> {
        let _ = path.parse::<Path>()?;
        todo!()
    }

    /// Sends the values at and below these paths; answered by [`ClientEvent::Sent`] with the id returned.
    ///
    /// # Errors
    /// See [`ClientEngine::send`].
    pub async fn send(&self, paths: &[&str]) -> Result<u64, ClientError> {
        let _ = paths;
        todo!()
    }

    /// Sends a registration update to every server.
    ///
    /// # Errors
    /// [`ClientError::Stopped`]
    pub async fn update(&self) -> Result<(), ClientError> {
        todo!()
    }

    /// Begins a bootstrap; false where there is no bootstrap account.
    ///
    /// # Errors
    /// [`ClientError::Stopped`]
    pub async fn start_bootstrap(&self) -> Result<bool, ClientError> {
        todo!()
    }

    /// Says how an installation of firmware went.
    ///
    /// # Errors
    /// See [`ClientEngine::firmware_result`].
    pub async fn firmware_result(&self, result: UpdateResult) -> Result<(), ClientError> {
        let _ = result;
        todo!()
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
        let _ = after;
        todo!()
    }

    /// Puts the accounts of the factory back and begins anew.
    ///
    /// # Errors
    /// [`ClientError::Stopped`]
    pub async fn factory_reset(&self) -> Result<(), ClientError> {
        todo!()
    }

    /// De-registers everywhere and ends; returns when it has.
    pub async fn deregister_and_stop(&self) {
        todo!()
    }

    /// Ends without a word to anybody, as a device whose battery is taken out.
    pub async fn kill(&self) {
        todo!()
    }
}

impl ClientBuilder {
    /// Starts the client on sockets of its own.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(self) -> Result<Client, StartError> {
        todo!()
    }
}
