//! The bootstrap server: what devices are given before they register (Core 1.2.2, section 6.1).

mod config;
mod server;
mod store;

pub use config::{AccountSecurity, BootstrapConfig, BootstrapConfigError, ServerAccount};
pub use server::{BootstrapServer, BootstrapServerBuilder, BootstrapServerConfig};
pub use store::BootstrapStore;
