//! CoAP over DTLS 1.2 on `webrtc-dtls`.

mod backend;
pub(crate) mod certificate;
pub(crate) mod client;
mod config;
mod hello;
mod record;
pub(crate) mod server;
mod session;
#[cfg(test)]
mod tests;
mod verify;
mod wire;

pub use config::{DtlsServerConfig, ServerCertificate};
