//! A device for demonstrations: what a real one does, without its hardware.
//!
//! [`SimulatedDevice`] runs a client with the objects device (3), connectivity monitoring (4), firmware update (5),
//! location (6) and temperature (3303). Its values change, it restarts when it is told to, and it installs firmware
//! images of the form that [`image`] describes, which it keeps in a file.

mod device;
mod firmware;
pub mod image;
mod objects;
pub mod pem;

pub use device::{Profile, SimulatedDevice};
