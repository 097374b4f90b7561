//! A network in memory and in virtual time: many hosts, each one engine, and every fault that a network has.
//!
//! Nothing here sleeps and nothing depends on the machine: a run is a function of the engines, the settings and the
//! seed, so a failed test fails again with the same seed.
//!
//! ```
//! # use lwm2m_core::{engine::{Engine, Inbound, Outbound}, time::Instant};
//! # #[derive(Default)]
//! # struct Echo { replies: Vec<Outbound>, heard: usize }
//! # impl Engine for Echo {
//! #     type Event = ();
//! #     fn handle(&mut self, _: Instant, inbound: Inbound<'_>) {
//! #         if let Inbound::Datagram { peer, data, .. } = inbound {
//! #             self.heard += 1;
//! #             if data.len() > 1 {
//! #                 self.replies.push(Outbound::Datagram { peer, data: data[1..].to_vec() });
//! #             }
//! #         }
//! #     }
//! #     fn handle_timeout(&mut self, _: Instant) {}
//! #     fn poll_outbound(&mut self) -> Option<Outbound> { self.replies.pop() }
//! #     fn poll_event(&mut self) -> Option<()> { None }
//! #     fn poll_timeout(&self) -> Option<Instant> { None }
//! # }
//! use lwm2m_core::peer::PeerId;
//! use lwm2m_transport::sim::{Link, Net};
//! use std::time::Duration;
//!
//! let mut net = Net::new(42);
//! net.set_default_link(Link::new().delay(Duration::from_millis(50)).loss(0.2));
//! let server = net.add_host("10.0.0.1:5683".parse().unwrap(), Echo::default());
//! let device = net.add_host("10.0.0.2:40000".parse().unwrap(), Echo::default());
//!
//! let to_server = PeerId::from_address(0, "10.0.0.1:5683".parse().unwrap());
//! net.act(device, |engine, _now| {
//!     engine.replies.push(Outbound::Datagram { peer: to_server, data: b"hello".to_vec() });
//! });
//! net.run_for(Duration::from_secs(1));
//! assert!(net.host(server).heard <= 3);
//! ```
//!
//! # What it models
//!
//! - A host has one IP address and any number of listeners: number 0, without security, at the address it is added
//!   with; further ones by [`Net::listen`] and [`Net::listen_secure`]. Datagrams to and from peers without security
//!   name the peer by address, as [`ServerTransport`](crate::ServerTransport) does.
//! - [`Outbound::Connect`](lwm2m_core::engine::Outbound::Connect) opens a socket of its own, as
//!   [`ClientTransport`](crate::ClientTransport) does. The host of the target is an IP address or a name from
//!   [`Net::add_name`].
//! - A secure connect takes two round trips, checks the credentials against the listener's
//!   [`CredentialSource`](crate::CredentialSource) and reports the identity on both sides. It is tried again every
//!   second while there is no way through, and given up after [`Net::set_handshake_timeout`]. Loss does not hit
//!   the handshake (handshakes under loss are the matter of the DTLS backend), but every datagram after it.
//! - Ports of outgoing sockets count from 49152 up and start anew with [`Net::restart`]: a device that comes back
//!   from a power cut meets the session it left behind, which the server reports as replaced.
//! - [`Net::rebind`] gives the sockets of a host new public ports, as a NAT does after some silence. A secure
//!   session survives that only with [`Net::set_connection_ids`].
//! - [`Net::capture`] records all plaintext; [`Net::write_pcap`] makes a file of it that Wireshark opens.

mod host;
mod link;
mod net;
mod pcap;
mod secure;
#[cfg(test)]
mod tests;

pub use host::HostId;
pub use link::Link;
pub use net::{Net, Stats};
pub use secure::Security;
