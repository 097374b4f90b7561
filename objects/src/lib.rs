//! Definitions of LwM2M objects as data, the names of their parts as constants, and the rules to check values
//! and operations against them.
//!
//! - **Constants**: each object has a module with its identifier, the identifiers of its resources, and a
//!   definition for each of its versions: [`device::FIRMWARE_VERSION`], [`ipso::temperature::V1_1`]. Each says what it
//!   stands for: operations, type, range, unit, versions, and where it is defined. They stand in `static` tables and
//!   cost nothing at start.
//! - **[`typed`]**: the same constants with the types of their values, [`device::typed::FIRMWARE_VERSION`]: to write
//!   and read without a wrong type.
//! - **[`Definitions`]**: the tables of this crate together with those a program loaded, several versions of an
//!   object side by side; [`DeviceModels`] is the view of one registered device.
//! - **[`validate`]**: whether a value or an operation suits a definition, with errors that a person understands.
//! - **[`ddf`]** (feature `std`): the loader for the OMA registry's definition files.
//!
//! ```
//! use lwm2m_core::{model::Models, path::Path, value::Value};
//! use lwm2m_objects::{Definitions, device, ipso::temperature, validate::validate_value};
//!
//! let firmware_version = Path::resource(device::ID, 0, device::FIRMWARE_VERSION);
//! assert_eq!(firmware_version.to_string(), "/3/0/3");
//!
//! let definitions = Definitions::built_in();
//! let model = definitions.object(temperature::ID).expect("a built-in object");
//! let path = Path::resource(temperature::ID, 0, temperature::SENSOR_VALUE);
//! let error = validate_value(model, path, &Value::from("abc")).unwrap_err();
//! assert_eq!(error.to_string(), r#"/3303/0/5700: expects Float, got String "abc""#);
//! ```
//!
//! With types, what does not fit does not compile:
//!
//! ```
//! use lwm2m_objects::ipso::temperature::typed as temperature;
//!
//! let entries = [
//!     temperature::SENSOR_VALUE.entry(0, 21.5),
//!     temperature::SENSOR_UNITS.entry(0, "Cel"),
//! ];
//! assert_eq!(entries[0].path.to_string(), "/3303/0/5700");
//!
//! let celsius: f64 = temperature::SENSOR_VALUE.read(0, &entries)?;
//! assert_eq!(celsius, 21.5);
//! # Ok::<(), lwm2m_objects::typed::TypedError>(())
//! ```
//!
//! The facts in the tables (identifiers, names, types, operations, ranges, units) are those of the OMA LwM2M
//! registry; which object versions a protocol version implies is [`implied_version`](lwm2m_core::link::implied_version).
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(any(test, feature = "std"))]
extern crate std;

#[cfg(feature = "std")]
pub mod ddf;
mod definitions;
#[cfg(feature = "std")]
mod range;
mod table;
mod tables;
pub mod typed;
pub mod validate;

pub use definitions::{Definitions, DeviceModels};
pub use tables::{connectivity::*, core::*, management::*, security::*};

/// The IPSO objects: sensors, inputs, outputs, controls.
pub mod ipso {
    pub use crate::tables::{ipso_control::*, ipso_io::*, ipso_motion::*, ipso_quantity::*};
}

#[cfg(test)]
mod tests;
