//! CoAP over DTLS 1.2 on `webrtc-dtls`.

pub(crate) mod certificate;
pub(crate) mod client;
mod config;
pub(crate) mod server;

pub use config::{DtlsServerConfig, ServerCertificate};
