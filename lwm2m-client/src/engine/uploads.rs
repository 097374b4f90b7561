//! Writes that are taken block by block as they arrive: a firmware image goes to its storage, not to RAM.

use super::ClientEngine;
use crate::{
    event::ClientEvent,
    object::{Context, ObjectError},
};
use lwm2m_core::{
    coap::{Code, Request, Response},
    content::ContentFormat,
    endpoint::{ExchangeId, UploadId},
    operation::DeviceOperation,
    path::{Path, is_security_object},
    peer::PeerId,
    time::Instant,
};

/// A streamed write under way.
#[derive(Debug)]
pub(super) struct Upload {
    id: UploadId,
    server: u16,
    object: u16,
    instance: u16,
    resource: u16,
}

impl Upload {
    fn place(&self) -> (u16, u16, u16, u16) {
        (self.server, self.object, self.instance, self.resource)
    }
}

impl ClientEngine {
    pub(super) fn on_upload_started(
        &mut self,
        now: Instant,
        peer: PeerId,
        id: UploadId,
        exchange: ExchangeId,
        request: &Request,
        size: Option<u32>,
    ) {
        // What is not streamed comes as a whole, bounded by the endpoint.
        let Some(index) = self.session_of(peer) else {
            return;
        };
        let session = &self.sessions[index];
        if !session.registration.is_registered() {
            return;
        }
        let server = session.server_id;
        let version = session.registration.version();
        let Ok(DeviceOperation::Write(write)) = DeviceOperation::from_request(request, version)
        else {
            return;
        };
        let Some((object, instance, resource)) = self.stream_target(&write.path) else {
            return;
        };
        if write.payload.format != ContentFormat::Opaque {
            return;
        }
        // A server that begins the same write anew has given the old one up (RFC 9175, section 3.3).
        let place = (server, object, instance, resource);
        if let Some(index) = self.uploads.iter().position(|old| old.place() == place) {
            let old = self.uploads.swap_remove(index);
            self.abort_upload(now, &old);
        }
        let mut context = Context::new(self.clock(now), Some(server));
        let begun = match self.tree.get_mut(object) {
            Some(target) => {
                target.stream_begin(&mut context, instance, resource, size.map(u64::from))
            }
            None => Err(ObjectError::NotFound),
        };
        match begun {
            Ok(()) if self.endpoint.stream_upload(id).is_ok() => self.uploads.push(Upload {
                id,
                server,
                object,
                instance,
                resource,
            }),
            Ok(()) => {
                if let Some(target) = self.tree.get_mut(object) {
                    target.stream_abort(&mut context, instance, resource);
                }
            }
            Err(error) => self.respond_error(now, exchange, error),
        }
        self.after(now, context);
    }

    /// The resource of a path, where it is there, writable and streamed.
    fn stream_target(&self, path: &Path) -> Option<(u16, u16, u16)> {
        let &[object, instance, resource] = path.ids() else {
            return None;
        };
        let target = self
            .tree
            .get(object)
            .filter(|_| !is_security_object(object))?;
        let model = target.model().resource(resource)?;
        (self.tree.has_instance(object, instance)
            && model.operations.is_writable()
            && target.is_streamed(resource))
        .then_some((object, instance, resource))
    }

    pub(super) fn on_upload_block(
        &mut self,
        now: Instant,
        id: UploadId,
        exchange: ExchangeId,
        data: &[u8],
        last: bool,
    ) {
        let Some(index) = self.uploads.iter().position(|upload| upload.id == id) else {
            // A late block of a write that was begun anew.
            let late = Response::new(Code::REQUEST_ENTITY_INCOMPLETE);
            return self.respond(now, exchange, late);
        };
        let upload = &self.uploads[index];
        let (object, instance, resource) = (upload.object, upload.instance, upload.resource);
        let mut context = Context::new(self.clock(now), Some(upload.server));
        // Its instance may have been deleted meanwhile.
        let is_there = self.tree.has_instance(object, instance);
        let taken = match self.tree.get_mut(object).filter(|_| is_there) {
            Some(target) => target.stream_data(&mut context, instance, resource, data, last),
            None => Err(ObjectError::NotFound),
        };
        match taken {
            Ok(()) if !last => {
                if self.endpoint.continue_upload(now, id).is_err() {
                    tracing::debug!("an upload ended while a block was stored");
                }
            }
            Ok(()) => {
                self.uploads.swap_remove(index);
                if let Ok(path) = Path::try_from_ids(&[object, instance, resource]) {
                    let server = context.server;
                    context.tell(ClientEvent::ValueWritten { server, path });
                }
                self.respond(now, exchange, Response::new(Code::CHANGED));
            }
            Err(error) => {
                let upload = self.uploads.swap_remove(index);
                if !is_there {
                    self.abort_upload(now, &upload);
                }
                self.respond_error(now, exchange, error);
            }
        }
        self.after(now, context);
    }

    pub(super) fn on_upload_aborted(&mut self, now: Instant, id: UploadId) {
        if let Some(index) = self.uploads.iter().position(|upload| upload.id == id) {
            let upload = self.uploads.swap_remove(index);
            self.abort_upload(now, &upload);
        }
    }

    /// Ends the uploads of a server whose connection is gone.
    pub(super) fn abort_uploads(&mut self, now: Instant, server: u16) {
        while let Some(index) = self.uploads.iter().position(|u| u.server == server) {
            let upload = self.uploads.swap_remove(index);
            self.abort_upload(now, &upload);
        }
    }

    fn abort_upload(&mut self, now: Instant, upload: &Upload) {
        let mut context = Context::new(self.clock(now), Some(upload.server));
        if let Some(target) = self.tree.get_mut(upload.object) {
            target.stream_abort(&mut context, upload.instance, upload.resource);
        }
        self.after(now, context);
    }
}
