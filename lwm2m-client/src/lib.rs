//! An LwM2M client for 1.0, 1.1 and 1.2.
//!
//! - [`Client`] is a running client in a tokio program (feature `tokio`, on by default): it has sockets, DTLS and a
//!   task of its own.
//! - [`ClientEngine`] is the same without all that, `no_std` with `alloc`: one value that takes in datagrams and
//!   the present moment and says what to send and when to wake it. A simulator may hold 100,000 of them.
//! - [`DataObject`] is an object as data; [`DeviceObject`] and [`FirmwareObject`] bring their effects; whatever else
//!   there is implements [`Object`]. The security and server objects are the client's own.
//!
//! ```no_run
//! use lwm2m_client::{Account, Client, ClientEvent, DataObject, Instance};
//! use lwm2m_objects::ipso::temperature;
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let key = vec![7; 16];
//! let bootstrap = Account::coaps("coaps://bootstrap.example".parse()?, "device-1", key);
//! let sensor = Instance::new().with(temperature::SENSOR_VALUE, 21.5);
//! let client = Client::builder("urn:imei:350000000000001")
//!     .bootstrap(bootstrap)
//!     .object(DataObject::new(&temperature::V1_1).instance(0, sensor))
//!     .start()
//!     .await?;
//!
//! let mut events = client.events();
//! while let Some(event) = events.next().await {
//!     if let ClientEvent::Registered { .. } = event {
//!         client.set("/3303/0/5700", 22.0).await?;
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # What it does not do yet
//!
//! - Notifications are not stored while a server cannot be reached (`/1/x/6`), nor is `hqmax`.
//! - Access control (object 2): with one server it has all rights; several servers have all rights, too.
//! - Firmware is pushed, not pulled: an address in `/5/0/1` gets the result 9.
//! - Bootstrap pack (1.2), server-initiated bootstrap of 1.0, bootstrap from a smartcard.
//! - `Q` is said in the registration, but the client never sleeps by itself.
//! - Of the security modes: pre-shared keys, raw public keys, certificates, none; not EST, OSCORE.
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
pub mod statistics;
pub mod tree;

pub use account::{Account, ServerAccount};
pub use builder::ClientBuilder;
#[cfg(feature = "tokio")]
pub use client::{Client, Events};
pub use config::{ClientConfig, Profile};
pub use data::DataObject;
pub use device::DeviceObject;
pub use engine::ClientEngine;
pub use event::ClientEvent;
pub use firmware::FirmwareObject;
#[cfg(feature = "tokio")]
pub use lwm2m_transport::dtls::{KeyError, public_key_of};
pub use object::{Instance, Object};
pub use statistics::StatisticsObject;
