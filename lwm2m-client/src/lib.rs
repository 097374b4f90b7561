//! An LwM2M client for 1.0, 1.1 and 1.2: a sans-I/O engine for any device, and a tokio driver around it.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(any(test, feature = "tokio"))]
extern crate std;

pub mod account;
pub mod action;
pub mod builder;
#[cfg(feature = "tokio")]
pub mod client;
pub mod config;
pub mod data;
pub mod device;
pub mod engine;
pub mod event;
pub mod firmware;
pub mod object;
mod registration;
mod staging;
pub mod state;
pub mod tree;

pub use account::{Account, ServerAccount};
pub use builder::ClientBuilder;
#[cfg(feature = "tokio")]
pub use client::{Client, Events};
pub use config::ClientConfig;
pub use data::DataObject;
pub use device::DeviceObject;
pub use engine::ClientEngine;
pub use event::ClientEvent;
pub use firmware::FirmwareObject;
pub use object::{Instance, Object};
