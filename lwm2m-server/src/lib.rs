//! An LwM2M server and bootstrap server, 1.0 to 1.2, as a library.
//!
//! [`Server`] takes registrations and speaks to devices; [`BootstrapServer`] gives devices their accounts. Each is a
//! handle that can be cloned and shared; behind it one task owns a sans-I/O engine ([`engine::ServerEngine`],
//! [`bootstrap::BootstrapEngine`]) and its transport.
//!
//! ```no_run
//! use lwm2m_server::{Credential, Listener, Role, SecurityStore, Server};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let security = SecurityStore::new();
//! let key = vec![0x5e; 16];
//! security.add("urn:dev:ops:1", Role::Server, Credential::psk("device-1", key))?;
//! let server = Server::builder()
//!     .listen(Listener::coaps("127.0.0.1:5684"))
//!     .security(security)
//!     .start()
//!     .await?;
//!
//! let device = server.device("urn:dev:ops:1").await?;
//! let celsius = device.read_value("/3303/0/5700").await?;
//! device.write("/1/0/1", 300).await?;
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

pub mod bootstrap;

pub mod engine;

mod authorizer;
mod config;
mod device;
mod error;
mod event;
mod firmware;
mod following;
mod hub;
mod listener;
mod metrics;
mod observation;
mod persistence;
mod plan;
mod profiles;
mod refusals;
mod registration;
mod security;
mod server;
mod sessions;
pub mod store;
mod write_behind;

pub use authorizer::{Authorization, AuthorizationRequest, Authorizer, Interface};
pub use bootstrap::{BootstrapServer, BootstrapServerBuilder, BootstrapStore};
pub use config::ServerConfig;
pub use device::{Device, IntoPath};
pub use error::{DeviceError, StartError};
pub use event::{BootstrapEvent, DeregistrationReason, Events, RefusalReason, ServerEvent};
pub use firmware::{
    FirmwareError, FirmwareOutcome, FirmwarePackage, FirmwareProgress, FirmwareUpdate,
};
pub use listener::{Listener, ServerCertificate};
pub use lwm2m_transport::{
    MetricsSnapshot as TransportMetrics,
    dtls::{
        CipherSuite, CredentialLookup, KeepingConfig, KeyError, LookupConfig, LookupError,
        PrivateKey, TicketKeys, UnknownIdentity, public_key_of,
    },
};
pub use metrics::Metrics;
pub use observation::{Notification, Observation, ObservationInfo};
pub use profiles::{ProfileError, Profiles};
pub use registration::{Presence, Registration};
pub use security::{
    CertificateMatch, Credential, EndpointCredential, Role, SecurityError, SecurityStore,
};
pub use server::{Server, ServerBuilder};
