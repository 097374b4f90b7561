//! The bootstrap server: what devices are given before they register (Core 1.2.2, section 6.1).

mod config;
mod engine;
mod plan;
mod server;
mod store;

pub use config::{AccountSecurity, BootstrapConfig, BootstrapConfigError, ServerAccount};
pub use engine::{BootstrapEngine, BootstrapEngineEvent};
pub use server::{BootstrapServer, BootstrapServerBuilder, BootstrapServerConfig};
pub use store::BootstrapStore;
