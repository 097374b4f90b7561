//! Why a handshake ends before it is complete.

use crate::wire::{alert::AlertDescription, codec::Malformed, handshake::MessageType};
use alloc::string::String;
use lwm2m_core::engine::CloseReason;

/// Why a handshake ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Abort {
    /// What the peer is told.
    pub(crate) alert: Option<AlertDescription>,
    pub(crate) reason: CloseReason,
    pub(crate) cause: Cause,
}

/// The causes that are counted apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    UnknownIdentity,
    WrongKey,
    Certificate,
    Other,
}

impl Abort {
    pub(super) fn new(alert: AlertDescription, why: impl Into<String>) -> Self {
        Abort {
            alert: Some(alert),
            reason: CloseReason::HandshakeFailed(why.into()),
            cause: Cause::Other,
        }
    }

    pub(super) fn because(mut self, cause: Cause) -> Self {
        self.cause = cause;
        self
    }

    pub(super) fn unexpected(message: MessageType) -> Self {
        Abort::new(
            AlertDescription::UNEXPECTED_MESSAGE,
            alloc::format!("the peer sent a {message:?} out of turn"),
        )
    }
}

impl From<Malformed> for Abort {
    fn from(_: Malformed) -> Self {
        Abort::new(
            AlertDescription::DECODE_ERROR,
            "the peer sent a malformed message",
        )
    }
}
