//! What stands under the seam of [`lwm2m_core::engine`]: the transports, and the driver that runs an engine on one.
//!
//! | part | for |
//! |---|---|
//! | [`Transport`], [`Received`] | the contract between driver and transport |
//! | [`spawn`], [`EngineHandle`] | one tokio task that runs an engine over a transport |
//! | [`ServerTransport`] | listeners on coap and coaps |
//! | [`ClientTransport`] | connections to servers, coap and coaps, one UDP socket each |
//! | [`sim`] | a network in memory, in virtual time, with every fault a network has |
//!
//! coaps (feature `dtls`, on by default) stands on [`lwm2m_dtls`]; see [`dtls`].
#![forbid(unsafe_code)]

mod client;
mod credentials;
mod driver;
#[cfg(feature = "dtls")]
pub mod dtls;
mod metrics;
mod report;
mod server;

pub mod sim;
#[cfg(test)]
mod tests;
mod throttle;
#[cfg(test)]
mod toy;
mod transport;
mod udp;
#[cfg(feature = "webrtc")]
mod webrtc;

pub use client::{ClientTransport, ClientTransportConfig};
pub use credentials::{CredentialSource, NoCredentials, PskTable};
pub use driver::{CastError, DriverConfig, EngineHandle, Stopped, spawn, spawn_with};
pub use metrics::{Metrics, MetricsSnapshot};
pub use server::{BindError, ServerTransport, ServerTransportBuilder};
pub use throttle::Throttle;
pub use transport::{Received, Transport};

#[cfg(feature = "dtls")]
pub use dtls::DtlsServerConfig;
