//! The vocabulary, the message formats, the CoAP endpoint and the typed operations of LwM2M 1.0 to 1.2.
//!
//! Everything in this crate is *sans-I/O*: no socket, no clock, no source of randomness of its own, `no_std`
//! with `alloc`. Bytes and the present moment come in as arguments; messages to send, events and the next
//! deadline are polled out.
//!
//! The modules stand on four floors; each imports only from floors below it:
//!
//! | floor | modules |
//! |---|---|
//! | 3 LwM2M | [`operation`], [`notification`] |
//! | 2 CoAP | [`endpoint`], [`engine`] |
//! | 1 bytes | [`content`], [`coap`] |
//! | 0 words | [`path`], [`value`], [`entry`], [`model`], [`attributes`], [`link`], [`version`], [`time`], [`timer`], [`peer`], [`uri`], [`secret`] |
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod attributes;
pub mod entry;
pub mod link;
pub mod model;
pub mod path;
pub mod peer;
pub mod secret;
pub mod time;
pub mod timer;
pub mod uri;
pub mod value;
pub mod version;

pub mod coap;
pub mod content;

pub mod endpoint;
pub mod engine;

pub mod notification;
pub mod operation;
