//! What a server tells the program around it.

use crate::{firmware::FirmwareProgress, observation::Notification, registration::Registration};
use futures_core::Stream;
use lwm2m_core::{
    coap::Code, entry::Entry, operation::OperationError, path::Path, peer::PeerIdentity,
};
use std::{
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::SystemTime,
};
use tokio_stream::wrappers::{BroadcastStream, errors::BroadcastStreamRecvError};

/// Something that happened.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ServerEvent {
    /// A device registered, for the first time or anew: a new registration takes the place of the old one, and the
    /// observations of the old one are void.
    Registered {
        /// The registration.
        registration: Arc<Registration>,
        /// Whether it took the place of another of the same endpoint name.
        replaced: bool,
    },
    /// A device updated its registration.
    Updated {
        /// The registration as it is now.
        registration: Arc<Registration>,
        /// Whether more than the time changed: lifetime, binding, objects, address.
        changed: bool,
    },
    /// A registration ended before its time.
    Deregistered {
        /// Endpoint name.
        endpoint: Arc<str>,
        /// Why.
        reason: DeregistrationReason,
    },
    /// A registration ended because no update came within its lifetime.
    Expired {
        /// Endpoint name.
        endpoint: Arc<str>,
    },
    /// A request of a device was refused.
    Refused {
        /// The endpoint name it gave, or that its registration has.
        endpoint: Option<Arc<str>>,
        /// Where it came from.
        address: SocketAddr,
        /// Who it has proven to be.
        identity: PeerIdentity,
        /// Why.
        reason: RefusalReason,
        /// What it was answered.
        code: Code,
    },
    /// A device with queue mode spoke after it had slept: requests that waited are sent now.
    Awake {
        /// Endpoint name.
        endpoint: Arc<str>,
    },
    /// A device with queue mode has been silent for its awake window.
    Asleep {
        /// Endpoint name.
        endpoint: Arc<str>,
    },
    /// An observation of ours stands at the device, for the first time or again after the device registered anew.
    ObservationEstablished {
        /// Endpoint name.
        endpoint: Arc<str>,
        /// Which.
        observation: u64,
        /// What is observed.
        paths: Arc<[Path]>,
    },
    /// Observed values.
    Notification(Arc<Notification>),
    /// An observation has ended: we cancelled it, or the device ended or refused it.
    ObservationCancelled {
        /// Endpoint name.
        endpoint: Arc<str>,
        /// Which.
        observation: u64,
        /// What was observed.
        paths: Arc<[Path]>,
        /// The code with which the device ended or refused it; `None`: we cancelled it.
        code: Option<Code>,
    },
    /// A device sent values of its own accord (Core 1.2.2, section 6.4.6).
    Sent {
        /// Endpoint name.
        endpoint: Arc<str>,
        /// The values.
        entries: Arc<[Entry]>,
        /// When they arrived.
        received_at: SystemTime,
    },
    /// A firmware update of ours went a step further or ended.
    Firmware {
        /// Endpoint name.
        endpoint: Arc<str>,
        /// How far it is.
        progress: FirmwareProgress,
    },
    /// A bootstrap session.
    Bootstrap {
        /// Endpoint name.
        endpoint: Arc<str>,
        /// How far it is.
        event: BootstrapEvent,
    },
    /// This reader was too slow: so many events before the next one are lost to it.
    Lagged {
        /// How many.
        missed: u64,
    },
}

impl ServerEvent {
    /// The endpoint name it is about, where it is about one that is known.
    pub fn endpoint(&self) -> Option<&Arc<str>> {
        match self {
            ServerEvent::Registered { registration, .. }
            | ServerEvent::Updated { registration, .. } => Some(&registration.endpoint),
            ServerEvent::Deregistered { endpoint, .. }
            | ServerEvent::Expired { endpoint }
            | ServerEvent::Awake { endpoint }
            | ServerEvent::Asleep { endpoint }
            | ServerEvent::ObservationEstablished { endpoint, .. }
            | ServerEvent::ObservationCancelled { endpoint, .. }
            | ServerEvent::Sent { endpoint, .. }
            | ServerEvent::Firmware { endpoint, .. }
            | ServerEvent::Bootstrap { endpoint, .. } => Some(endpoint),
            ServerEvent::Notification(notification) => Some(&notification.endpoint),
            ServerEvent::Refused { endpoint, .. } => endpoint.as_ref(),
            ServerEvent::Lagged { .. } => None,
        }
    }
}

/// Why a registration ended before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DeregistrationReason {
    /// The device asked for it.
    ByDevice,
    /// Its credentials were removed.
    CredentialsRemoved,
    /// It had registered without security, and has got credentials.
    CredentialsAdded,
}

/// Why a request of a device was refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RefusalReason {
    /// The endpoint name does not belong to the identity that the peer has proven.
    #[error("the endpoint name does not belong to the peer's identity")]
    IdentityMismatch,
    /// There is no endpoint name, neither in the request nor in the identity.
    #[error("no endpoint name")]
    NoEndpointName,
    /// No security, where it is asked for.
    #[error("no security")]
    Unsecured,
    /// An authorizer said no.
    #[error("not authorised: {0}")]
    NotAuthorized(String),
    /// Nothing is configured for this endpoint (bootstrap).
    #[error("unknown endpoint")]
    UnknownEndpoint,
    /// The request is no operation of LwM2M.
    #[error("{0}")]
    Malformed(#[from] OperationError),
    /// A registration without objects and without a profile id that stands for some (1.2).
    #[error("no objects")]
    NoObjects,
    /// A registration or an update with a profile id that is not known here (1.2). Whether a list stands beside it makes
    /// no difference: it is the rest of the objects.
    #[error("a profile id that is not known")]
    UnknownProfile,
    /// Its values cannot be read.
    #[error("unreadable values: {0}")]
    Content(String),
    /// It reports places that are not registered.
    #[error("{0} is not registered")]
    NotRegistered(Path),
    /// A bound of the configuration is reached.
    #[error("too many {0}")]
    Limit(&'static str),
}

/// A step of a bootstrap session (Core 1.2.2, section 6.1).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum BootstrapEvent {
    /// A device asked and is given its configuration.
    Started,
    /// It has everything and acknowledged the end.
    Finished,
    /// It did not come to its end.
    Failed {
        /// Why, for a person.
        reason: String,
    },
}

/// The events of a server from now on; see [`Server::events`](crate::Server::events).
#[derive(Debug)]
pub struct Events(BroadcastStream<ServerEvent>);

impl Events {
    pub(crate) fn new(receiver: tokio::sync::broadcast::Receiver<ServerEvent>) -> Self {
        Events(BroadcastStream::new(receiver))
    }

    /// The next event; `None` when the server has stopped.
    pub async fn next(&mut self) -> Option<ServerEvent> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }
}

impl Stream for Events {
    type Item = ServerEvent;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<ServerEvent>> {
        Pin::new(&mut self.0).poll_next(cx).map(|item| {
            item.map(|event| {
                event.unwrap_or_else(|BroadcastStreamRecvError::Lagged(missed)| {
                    ServerEvent::Lagged { missed }
                })
            })
        })
    }
}
