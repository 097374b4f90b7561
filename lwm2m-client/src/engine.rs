//! The client as one value without tasks, sockets or clock.

use crate::{
    builder::{BuildError, ClientBuilder},
    event::ClientEvent,
    firmware::UpdateResult,
    object::{Instance, ObjectError, ResourceValue},
    state::ClientState,
};
use alloc::{boxed::Box, string::String, vec::Vec};
use core::time::Duration;
use lwm2m_core::{
    engine::{Engine, Inbound, Outbound},
    path::Path,
    time::Instant,
};
use rand_core::RngCore;

/// Why a Send is not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// No server is registered that speaks 1.1 or later.
    #[error("no registered server takes Send")]
    NoServer,
    /// The servers have muted it (/1/x/23; muted where it is absent).
    #[error("Send is muted by the server")]
    Muted,
    /// A path that is not there or cannot be read.
    #[error("{0} cannot be read")]
    Path(Path),
    /// The values have no form in the format.
    #[error("the values cannot be encoded")]
    Encode,
    /// Too many are under way.
    #[error("too many are under way")]
    Busy,
}

/// An LwM2M client.
pub struct ClientEngine {}

impl ClientEngine {
    /// Begins to put a client together. `endpoint_name` is what servers know the device by, for example
    /// `urn:imei:350000000000001` (Core 1.2.2, section 7.4.1).
    pub fn builder(endpoint_name: impl Into<String>) -> ClientBuilder {
        ClientBuilder::new(endpoint_name)
    }

    pub(crate) fn from_builder(
        builder: ClientBuilder,
        now: Instant,
        random: Box<dyn RngCore + Send>,
    ) -> Result<Self, BuildError> {
        let _ = (builder, now, random);
        todo!()
    }

    /// Puts a value in place, as the owner of the device: only the type counts. Observers are told as their
    /// attributes say.
    ///
    /// # Errors
    /// [`ObjectError::NotFound`] without such an instance or definition, [`ObjectError::BadRequest`] for the wrong
    /// type.
    pub fn set(
        &mut self,
        now: Instant,
        path: Path,
        value: impl Into<ResourceValue>,
    ) -> Result<(), ObjectError> {
        let _ = (now, path, value.into());
        todo!()
    }

    /// The value of a resource, whatever servers may do with it.
    ///
    /// # Errors
    /// [`ObjectError::NotFound`]
    pub fn value(&self, now: Instant, path: Path) -> Result<ResourceValue, ObjectError> {
        let _ = (now, path);
        todo!()
    }

    /// Makes an object instance.
    ///
    /// # Errors
    /// [`ObjectError::NotFound`] without such an object, [`ObjectError::BadRequest`] where it is there already.
    pub fn create(
        &mut self,
        now: Instant,
        path: Path,
        resources: Instance,
    ) -> Result<(), ObjectError> {
        let _ = (now, path, resources);
        todo!()
    }

    /// Takes an object instance away.
    ///
    /// # Errors
    /// [`ObjectError::NotFound`]
    pub fn delete(&mut self, now: Instant, path: Path) -> Result<(), ObjectError> {
        let _ = (now, path);
        todo!()
    }

    /// Sends the values at and below these paths to every registered server that has not muted Send; answered
    /// by one [`ClientEvent::Sent`] for each server, with the id that is returned.
    ///
    /// # Errors
    /// See [`SendError`].
    pub fn send(&mut self, now: Instant, paths: &[Path]) -> Result<u64, SendError> {
        let _ = (now, paths);
        todo!()
    }

    /// Sends a registration update to every server now.
    pub fn update(&mut self, now: Instant) {
        let _ = now;
        todo!()
    }

    /// Begins a bootstrap where there is a bootstrap account; false where there is none.
    pub fn start_bootstrap(&mut self, now: Instant) -> bool {
        let _ = now;
        todo!()
    }

    /// De-registers everywhere and stops; [`ClientEvent::Stopped`] follows, at the latest when the last request
    /// has timed out.
    pub fn deregister(&mut self, now: Instant) {
        let _ = now;
        todo!()
    }

    /// Begins anew after a while, as a device that is switched off and on: connections, observations and
    /// exchanges are forgotten, accounts and objects stay.
    pub fn reboot(&mut self, now: Instant, after: Duration) {
        let _ = (now, after);
        todo!()
    }

    /// Puts the accounts of the factory back and begins anew (/3/0/5).
    pub fn factory_reset(&mut self, now: Instant) {
        let _ = now;
        todo!()
    }

    /// Says how an installation went that [`ClientEvent::FirmwareInstallRequested`] asked for.
    ///
    /// # Errors
    /// [`ObjectError::NotFound`] without a firmware object, [`ObjectError::MethodNotAllowed`] where no
    /// installation is under way.
    pub fn firmware_result(
        &mut self,
        now: Instant,
        result: UpdateResult,
    ) -> Result<(), ObjectError> {
        let _ = (now, result);
        todo!()
    }

    /// The accounts as they are now, keys included.
    pub fn state(&self) -> ClientState {
        todo!()
    }

    /// Short server ids of the servers where the client is registered.
    pub fn registered(&self) -> Vec<u16> {
        todo!()
    }
}

impl Engine for ClientEngine {
    type Event = ClientEvent;

    fn handle(&mut self, now: Instant, inbound: Inbound<'_>) {
        let _ = (now, inbound);
        todo!()
    }

    fn handle_timeout(&mut self, now: Instant) {
        let _ = now;
        todo!()
    }

    fn poll_outbound(&mut self) -> Option<Outbound> {
        todo!()
    }

    fn poll_event(&mut self) -> Option<ClientEvent> {
        todo!()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        todo!()
    }
}
