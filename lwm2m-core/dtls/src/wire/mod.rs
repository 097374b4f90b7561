//! The bytes of DTLS 1.2: records, handshake messages, extensions, alerts (RFC 6347, RFC 5246, RFC 8422).
//!
//! Everything here reads from slices and writes to vectors; nothing knows of keys or states.

pub(crate) mod alert;
pub(crate) mod codec;
pub(crate) mod extension;
pub(crate) mod handshake;
pub(crate) mod hello;
pub(crate) mod key_exchange;
pub(crate) mod record;
