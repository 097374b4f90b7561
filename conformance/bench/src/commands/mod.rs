//! What the program can be told to do.

#[cfg(target_os = "linux")]
pub(crate) mod coap;
pub(crate) mod codecs;
#[cfg(target_os = "linux")]
pub(crate) mod dtls;
#[cfg(target_os = "linux")]
pub(crate) mod load;
#[cfg(target_os = "linux")]
pub(crate) mod lwm2m;
