//! Load from many devices on servers that run as programs of their own, in turns.
//!
//! - [`fleet`]: the devices, each with an address and port of its own, on few sockets;
//! - [`traffic`]: what they ask and what counts as an answer;
//! - [`program`]: a server as a child process, pinned to a core, and what it costs;
//! - [`contest`]: rounds in turns, ratios, and the table of them.

pub mod contest;
pub mod fleet;
pub mod program;
pub mod traffic;
