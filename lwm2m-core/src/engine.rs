//! The seam between protocol engines and transports.
//!
//! An engine (a client, a server, a bootstrap server) is one value without tasks, sockets or clock. A driver
//! owns it together with a transport and does this in a loop:
//!
//! 1. hand in what happened: [`Engine::handle`], [`Engine::handle_timeout`], or a command of the engine's own;
//! 2. poll out all that follows: [`Engine::poll_outbound`] and [`Engine::poll_event`] until both are `None`;
//! 3. wait for the network, a command, or [`Engine::poll_timeout`].
//!
//! Engines cannot tell UDP, DTLS and the simulated network apart: whatever stands under this seam can be
//! replaced without touching a floor above.

use crate::{
    peer::{PeerId, PeerIdentity},
    secret::Secret,
    time::Instant,
    uri::ServerUri,
};
use alloc::{string::String, vec::Vec};
use core::net::SocketAddr;

/// What a transport hands to an engine.
#[derive(Debug)]
#[non_exhaustive]
pub enum Inbound<'a> {
    /// A connection stands: one we asked for with [`Outbound::Connect`] is ready to carry datagrams, or a
    /// peer's handshake with us has completed. Peers without security that come to us are not announced.
    Connected {
        /// The peer's name from here on.
        peer: PeerId,
        /// Who it has proven to be.
        identity: &'a PeerIdentity,
        /// Where it is now.
        address: SocketAddr,
    },
    /// Plaintext of one datagram.
    Datagram {
        /// Who sent it.
        peer: PeerId,
        /// Who that has proven to be.
        identity: &'a PeerIdentity,
        /// Where it came from.
        address: SocketAddr,
        /// The bytes.
        data: &'a [u8],
    },
    /// A connection is gone, or one we asked for did not come about. Not reported for peers that the engine
    /// itself closed.
    Closed {
        /// The peer; its name is not used again.
        peer: PeerId,
        /// Why.
        reason: CloseReason,
    },
}

/// Why a connection ended or did not come about.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CloseReason {
    /// The peer said so.
    #[error("closed by the peer")]
    ByPeer,
    /// A newer connection of the same device took its place.
    #[error("replaced by a newer connection")]
    Replaced,
    /// The credentials it rests on were removed.
    #[error("credentials removed")]
    CredentialsRemoved,
    /// Idle for longer than the transport keeps a connection.
    #[error("idle for too long")]
    Idle,
    /// The host of the address has no IP address.
    #[error("the host name cannot be resolved")]
    Unresolvable,
    /// No answer in time.
    #[error("the handshake timed out")]
    HandshakeTimeout,
    /// The handshake failed: wrong key, unknown identity, untrusted certificate. The text names no secret.
    #[error("the handshake failed: {0}")]
    HandshakeFailed(String),
    /// The transport does not offer what was asked for.
    #[error("not supported by the transport: {0}")]
    Unsupported(String),
    /// The transport lost the socket.
    #[error("transport error: {0}")]
    Transport(String),
}

/// What an engine asks of its transport.
#[derive(Debug)]
#[non_exhaustive]
pub enum Outbound {
    /// Make a connection; answered by [`Inbound::Connected`] or [`Inbound::Closed`]. Without security nothing is
    /// sent and the connection stands as soon as the name is resolved and a socket bound.
    Connect {
        /// The name the engine gives it, from [`PeerId::from_connection`].
        peer: PeerId,
        /// Where to.
        target: ServerUri,
        /// The name that the server is asked for in the handshake and known by in its certificate, in place of the host
        /// of `target` (/0/x/14; RFC 6066, section 3): for where there is no DNS. It means nothing without security.
        server_name: Option<String>,
        /// How to prove who we are, and what to ask of the other side.
        credentials: Credentials,
    },
    /// Send one datagram. Datagrams may be lost; a transport never blocks on one.
    Datagram {
        /// To whom.
        peer: PeerId,
        /// Plaintext.
        data: Vec<u8>,
    },
    /// Send what follows on a connection of ours from another socket: this host has another address. A connection that
    /// cannot go on so is reported as [`Inbound::Closed`].
    Rebind {
        /// Which.
        peer: PeerId,
    },
    /// End a connection (with an alert where the transport has one) and forget it.
    Close {
        /// Which.
        peer: PeerId,
    },
    /// End every connection that rests on these credentials; each is reported as [`Inbound::Closed`].
    Forget {
        /// Whose.
        identity: PeerIdentity,
    },
}

/// How a client proves who it is and whom it trusts: the security modes of /0/x/2 (Transport 1.2.2, section 5.2.4; Core
/// 1.2.2, appendix E.1).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Credentials {
    /// NoSec (mode 3; Transport 1.2.2, section 5.2.9.4).
    None,
    /// Pre-shared key (mode 0; Transport 1.2.2, section 5.2.9.1).
    Psk {
        /// PSK identity, UTF-8 in practice.
        identity: Vec<u8>,
        /// The key.
        key: Secret,
    },
    /// Raw public key (mode 1; RFC 7250; Transport 1.2.2, section 5.2.9.2).
    RawPublicKey {
        /// Our SubjectPublicKeyInfo, DER (/0/x/3); empty: as it follows from `private_key`. A transport refuses one
        /// that does not belong to it: the server would refuse it too, and say less.
        public_key: Vec<u8>,
        /// Our private key, PKCS#8 DER, ECDSA P-256 (/0/x/5).
        private_key: Secret,
        /// The server's SubjectPublicKeyInfo, DER (/0/x/4), which is compared byte by byte.
        server_public_key: Vec<u8>,
    },
    /// Certificate (mode 2; Transport 1.2.2, section 5.2.9.3).
    Certificate {
        /// Our chain, end entity first, each DER.
        chain: Vec<Vec<u8>>,
        /// Our private key, PKCS#8 DER.
        private_key: Secret,
        /// What we hold about the server: a certificate, DER (/0/x/4).
        server_certificate: Vec<u8>,
        /// How `server_certificate` is to be used.
        usage: CertificateUsage,
    },
}

/// How the certificate in /0/x/4 is matched with the server's (/0/x/15; RFC 6698, section 2.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CertificateUsage {
    /// 0: a CA that the chain must pass through, the chain being valid to a trust anchor of the client.
    CaConstraint,
    /// 1: the end entity itself, the chain being valid to a trust anchor of the client.
    ServiceCertificateConstraint,
    /// 2: the trust anchor.
    TrustAnchorAssertion,
    /// 3: the end entity itself, no chain is looked at (the default).
    DomainIssuedCertificate,
}

/// A sans-I/O protocol engine; see the [module](self) for how it is driven.
pub trait Engine {
    /// What it tells the program around it.
    type Event;

    /// Takes in what the transport reports.
    fn handle(&mut self, now: Instant, inbound: Inbound<'_>);

    /// Takes in that time has passed. Calling it early, late or for nothing does no harm.
    fn handle_timeout(&mut self, now: Instant);

    /// The next thing to ask of the transport.
    fn poll_outbound(&mut self) -> Option<Outbound>;

    /// The next thing to tell the program.
    fn poll_event(&mut self) -> Option<Self::Event>;

    /// When [`handle_timeout`](Engine::handle_timeout) wants to be called next; `None`: not by itself.
    fn poll_timeout(&self) -> Option<Instant>;
}
