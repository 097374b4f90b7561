//! What the client tells the program around it.

use alloc::{string::String, vec::Vec};
use core::time::Duration;
use lwm2m_core::{
    coap::Code, endpoint::Failure, engine::CloseReason, path::Path, uri::ServerUri,
    version::LwM2mVersion,
};

/// Why a session with a server or bootstrap server failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The account in /0 or /1 cannot be used.
    #[error("the account cannot be used: {0}")]
    Account(String),
    /// No connection, or it was lost.
    #[error("no connection: {0}")]
    Connection(CloseReason),
    /// No answer to a request.
    #[error("{0}")]
    Request(Failure),
    /// The server answered with an error.
    #[error("refused with {0}")]
    Refused(Code),
    /// The server answered what it may not (a registration without location).
    #[error("an answer that makes no sense")]
    Answer,
    /// The bootstrap server wrote a configuration that cannot work and did not correct it.
    #[error("the configuration is inconsistent: {0}")]
    Inconsistent(String),
    /// Too many requests to the server are under way.
    #[error("too many requests are under way")]
    Busy,
    /// The program or a restart ended it.
    #[error("ended by the program")]
    Aborted,
}

/// An event of the client. `server` is always a short server id (/1/x/0).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ClientEvent {
    /// A bootstrap begins.
    BootstrapStarted {
        /// The bootstrap server.
        uri: ServerUri,
    },
    /// A bootstrap was finished and its result taken over.
    Bootstrapped {
        /// The servers the client now has.
        servers: Vec<u16>,
    },
    /// A bootstrap failed; everything is as before.
    BootstrapFailed {
        /// Why.
        reason: SessionError,
        /// When it is tried again; `None`: not by itself.
        retry_in: Option<Duration>,
    },
    /// The client is registered.
    Registered {
        /// Where.
        server: u16,
        /// Version both sides speak.
        version: LwM2mVersion,
        /// Path of the registration at the server.
        location: String,
    },
    /// An attempt to register failed.
    RegistrationFailed {
        /// Where.
        server: u16,
        /// Why.
        reason: SessionError,
        /// When it is tried again; `None`: a bootstrap follows.
        retry_in: Option<Duration>,
    },
    /// The registration was updated.
    Updated {
        /// Where.
        server: u16,
    },
    /// The registration is lost (expired at the server, connection gone); the client registers anew.
    RegistrationLost {
        /// Where.
        server: u16,
        /// Why.
        reason: SessionError,
    },
    /// The client has de-registered.
    Deregistered {
        /// Where.
        server: u16,
    },
    /// A server has switched itself off for a while (/1/x/4).
    Disabled {
        /// Which.
        server: u16,
        /// For how long.
        duration: Duration,
    },
    /// A server has written a resource. What a bootstrap server writes is told as a whole, by
    /// [`ClientEvent::Bootstrapped`].
    ValueWritten {
        /// By whom.
        server: Option<u16>,
        /// Which.
        path: Path,
    },
    /// A resource was executed.
    Executed {
        /// By whom.
        server: u16,
        /// Which.
        path: Path,
        /// With what.
        arguments: Vec<(u8, Option<String>)>,
    },
    /// A server made an object instance.
    InstanceCreated {
        /// Who.
        server: u16,
        /// Which.
        path: Path,
    },
    /// A server took an object instance away.
    InstanceDeleted {
        /// Who.
        server: u16,
        /// Which.
        path: Path,
    },
    /// A server observes.
    ObservationStarted {
        /// Who.
        server: u16,
        /// What.
        paths: Vec<Path>,
    },
    /// A server does not observe any more.
    ObservationEnded {
        /// Who.
        server: u16,
        /// What.
        paths: Vec<Path>,
    },
    /// A Send was answered.
    Sent {
        /// The one that [`ClientEngine::send`](crate::engine::ClientEngine::send) began.
        id: u64,
        /// By whom.
        server: u16,
        /// How it went.
        result: Result<(), SessionError>,
    },
    /// A server asks the device to restart (/3/0/4): do so, or call `reboot` where it is simulated.
    RebootRequested {
        /// Who.
        server: u16,
    },
    /// A server asks for the factory state (/3/0/5).
    FactoryResetRequested {
        /// Who.
        server: u16,
    },
    /// A firmware image comes in (/5/0/3 is Downloading).
    FirmwareDownloadStarted {
        /// Size of the whole as the server says it, bytes.
        size: Option<u64>,
    },
    /// A part of a firmware image is stored.
    FirmwareProgress {
        /// Bytes so far.
        received: u64,
        /// Size of the whole as the server says it, bytes.
        size: Option<u64>,
    },
    /// A firmware image is complete and found to be good (/5/0/3 is Downloaded).
    FirmwareDownloaded {
        /// Bytes.
        size: u64,
    },
    /// A download failed, was cancelled or reset; the number is that of /5/0/5.
    FirmwareDiscarded {
        /// The update result.
        result: u8,
    },
    /// A server asks to install the downloaded image (/5/0/2): install it, and say how it went with
    /// `firmware_result`.
    FirmwareInstallRequested {
        /// Who.
        server: u16,
    },
    /// The client begins anew, as after a power cycle.
    Restarted,
    /// The client has de-registered everywhere and stopped.
    Stopped,
}
