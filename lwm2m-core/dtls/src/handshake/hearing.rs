//! What a handshake hears: records, the messages in them, and what follows from each.

use super::{
    Abort, Cause, Context, Handshake, Progress,
    reassembly::Pushed,
    state::{self, State},
};
use crate::{
    crypto::prf::Side,
    wire::{
        alert::{Alert, AlertDescription},
        codec::Reader,
        handshake::{Fragment, MessageType, put_message},
        record::{ContentType, Record},
    },
};
use lwm2m_core::engine::CloseReason;

impl Handshake {
    /// Takes in a record from the peer's address, or with our Connection ID.
    pub(crate) fn handle_record(
        &mut self,
        cx: &mut Context<'_>,
        record: Record<'_>,
    ) -> Result<Progress, Abort> {
        match record.epoch {
            0 => self.on_plain(cx, record.content_type, record.body),
            1 => self.on_sealed(cx, record),
            _ => Ok(Progress::Waiting),
        }
    }

    fn on_plain(
        &mut self,
        cx: &mut Context<'_>,
        content_type: ContentType,
        body: &[u8],
    ) -> Result<Progress, Abort> {
        match content_type {
            ContentType::Handshake => self.on_fragments(cx, 0, body),
            ContentType::Alert => self.on_alert(body),
            // The epoch of a record says which keys it is under; the change itself says nothing more. Data without
            // protection is none.
            _ => Ok(Progress::Waiting),
        }
    }

    pub(super) fn on_sealed(
        &mut self,
        cx: &mut Context<'_>,
        record: Record<'_>,
    ) -> Result<Progress, Abort> {
        if !self.window.admits(record.sequence) {
            return Ok(Progress::Waiting);
        }
        let Some(keys) = &self.keys else {
            let length = record.header.len() + record.body.len();
            if self.may_wait(cx, length) {
                self.early.push([record.header, record.body].concat());
            }
            return Ok(Progress::Waiting);
        };
        // Once a Connection ID is agreed on, it stands in every record (RFC 9146, section 3).
        if self.negotiated.own_id != (record.content_type == ContentType::ConnectionId) {
            return Ok(Progress::Waiting);
        }
        let sequence = record.sequence;
        let Ok((content_type, text)) = keys.open(cx.provider, record) else {
            self.bad_records += 1;
            if self.bad_records < cx.config.max_bad_finished {
                return Ok(Progress::Waiting);
            }
            return Err(
                Abort::new(AlertDescription::DECRYPT_ERROR, "the peer has another key")
                    .because(Cause::WrongKey),
            );
        };
        self.window.note(sequence);
        match content_type {
            ContentType::Handshake => self.on_fragments(cx, 1, text),
            ContentType::Alert => self.on_alert(text),
            ContentType::ApplicationData => {
                if self.may_wait(cx, text.len()) {
                    self.early_data.push(text.to_vec());
                }
                Ok(Progress::Waiting)
            }
            _ => Ok(Progress::Waiting),
        }
    }

    fn on_alert(&self, body: &[u8]) -> Result<Progress, Abort> {
        match Alert::parse(body) {
            Some(alert) if alert.fatal || alert.description == AlertDescription::CLOSE_NOTIFY => {
                let description = alert.description;
                Err(Abort {
                    alert: None,
                    reason: CloseReason::HandshakeFailed(alloc::format!(
                        "the peer sent the alert {description}"
                    )),
                    cause: match description {
                        AlertDescription::UNKNOWN_PSK_IDENTITY => Cause::UnknownIdentity,
                        AlertDescription::DECRYPT_ERROR | AlertDescription::BAD_RECORD_MAC => {
                            Cause::WrongKey
                        }
                        _ => Cause::Other,
                    },
                })
            }
            _ => Ok(Progress::Waiting),
        }
    }

    fn on_fragments(
        &mut self,
        cx: &mut Context<'_>,
        epoch: u16,
        body: &[u8],
    ) -> Result<Progress, Abort> {
        let mut reader = Reader::new(body);
        let mut repeated = false;
        while !reader.is_empty() {
            let Ok(fragment) = Fragment::take(&mut reader) else {
                break;
            };
            // Only a Finished is protected, and it always is.
            if (fragment.message_type == MessageType::Finished) != (epoch == 1) {
                continue;
            }
            let growth = self.inbound.growth(&fragment);
            self.make_way(cx, growth);
            // The end of the peer's last flight, again: once for each time that the flight comes again.
            let ends_flight = self.inbound.is_last_handed_out(&fragment)
                // Behind a ticket, a Finished comes that we may not have.
                && fragment.message_type != MessageType::NewSessionTicket;
            repeated |= self.inbound.push(fragment) == Pushed::Old && ends_flight;
        }
        let progress = self.advance(cx)?;
        // Where the program is asked, the peer waits for an answer that there is not yet.
        let paused = matches!(self.state, State::Key | State::Peer);
        if repeated && !paused && progress == Progress::Waiting {
            self.repeat_as_asked(cx);
        }
        Ok(progress)
    }

    /// Takes up what has become complete, as far as the state allows.
    pub(super) fn advance(&mut self, cx: &mut Context<'_>) -> Result<Progress, Abort> {
        loop {
            match self.state {
                State::Complete => return Ok(Progress::Complete),
                State::Key | State::Peer => return Ok(Progress::Waiting),
                _ => {}
            }
            let Some((message_type, sequence, body)) = self.inbound.pop() else {
                return Ok(Progress::Waiting);
            };
            let progress = self.on_message(cx, message_type, sequence, &body)?;
            if progress != Progress::Waiting {
                return Ok(progress);
            }
        }
    }

    fn on_message(
        &mut self,
        cx: &mut Context<'_>,
        message_type: MessageType,
        sequence: u16,
        body: &[u8],
    ) -> Result<Progress, Abort> {
        tracing::trace!(address = %self.address, ?message_type, state = ?self.state, "handshake message");
        if message_type == MessageType::HelloRequest {
            return Ok(Progress::Waiting);
        }
        let table = match self.side {
            Side::Client => state::client,
            Side::Server => state::server,
        };
        if table(self.state, message_type, self.course).is_none() {
            return Err(Abort::unexpected(message_type));
        }
        // The peer has heard our last flight, else it could not have gone on. With a ticket it begins its own last one,
        // which it repeats only when it is asked.
        if message_type != MessageType::NewSessionTicket || self.course.resumed {
            self.repeat_at = None;
            self.interval = cx.config.retransmit_initial;
        }
        let before = self.transcript.len();
        if message_type != MessageType::HelloVerifyRequest {
            put_message(&mut self.transcript, message_type, sequence, body);
        }
        match self.side {
            Side::Client => self.on_server_message(cx, message_type, body, before)?,
            Side::Server => self.on_client_message(cx, message_type, body, before)?,
        }
        // A hello has chosen the course.
        self.state = table(self.state, message_type, self.course)
            .ok_or_else(|| Abort::unexpected(message_type))?;
        self.after(cx, message_type)
    }

    /// What follows from a message once the state has changed.
    pub(super) fn after(
        &mut self,
        cx: &mut Context<'_>,
        message_type: MessageType,
    ) -> Result<Progress, Abort> {
        if let Some(wanted) = self.wanted() {
            return Ok(wanted);
        }
        if self.state == State::Complete {
            return Ok(Progress::Complete);
        }
        // The keys are there as soon as Finished is what is waited for.
        if self.state == State::Finished && message_type != MessageType::Finished {
            return self.reopen(cx);
        }
        Ok(Progress::Waiting)
    }
}
