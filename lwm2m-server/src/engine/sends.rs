//! The reporting interface from the device's side: Send (Core 1.2.2, section 6.4.6).

use super::{ServerEngine, Source, observations::date};
use crate::event::{RefusalReason, ServerEvent};
use lwm2m_core::{
    coap::{Code, Response},
    endpoint::ExchangeId,
    operation::Send,
    path::{Path, PathLevel},
    time::Instant,
};

impl ServerEngine {
    pub(super) fn on_send(
        &mut self,
        now: Instant,
        source: Source<'_>,
        exchange: ExchangeId,
        send: &Send,
    ) {
        let slot = self.registry.by_peer(source.peer);
        let Some(entry) = slot.and_then(|slot| self.registry.entry(slot)) else {
            self.respond(
                now,
                exchange,
                Response::new(Code::NOT_FOUND).diagnostic("not registered"),
            );
            return;
        };
        let registration = entry.registration.clone();
        let endpoint = registration.endpoint.clone();
        if registration.identity != *source.identity {
            let reason = RefusalReason::IdentityMismatch;
            return self.refuse(now, source, exchange, Some(endpoint), reason);
        }
        let models = self
            .definitions
            .device(registration.version, &registration.objects.objects[..]);
        let codec = registration.objects.codec(&models);
        let payload = &send.payload;
        let mut entries = match codec.decode(payload.format, &payload.data, &Path::ROOT) {
            Ok(entries) => entries,
            Err(error) => {
                let reason = RefusalReason::Content(error.to_string());
                return self.refuse(now, source, exchange, Some(endpoint), reason);
            }
        };
        let foreign = entries
            .iter()
            .map(|entry| entry.path.truncated(PathLevel::ObjectInstance))
            .find(|instance| !registration.objects.has(instance));
        if let Some(instance) = foreign {
            let reason = RefusalReason::NotRegistered(instance);
            return self.refuse(now, source, exchange, Some(endpoint), reason);
        }
        self.metrics.sends += 1;
        self.respond(now, exchange, Response::new(Code::CHANGED));
        let received_at = self.wall(now);
        date(&mut entries, received_at);
        self.emit(ServerEvent::Sent {
            endpoint,
            entries: entries.into(),
            received_at,
        });
    }
}
