//! Who is on the other side: the name of a peer under which an engine keeps its state, and who it has proven
//! to be.

use alloc::{boxed::Box, string::String, vec::Vec};
use core::{
    fmt,
    net::{IpAddr, Ipv6Addr, SocketAddr},
};

/// The other side of a conversation, as the transport names it: 24 bytes, copyable, hashable.
///
/// Without security it is the address itself, so that a transport keeps nothing for a peer. With security it
/// is the number of the connection: the address behind it may change (RFC 9146), and a new connection from an
/// old address is a new peer (RFC 7252, section 9.1.1: messages of different sessions never match).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PeerId {
    // Address peers: the IPv6 (or v4-mapped) address in two halves. Connection peers: number and 0.
    high: u64,
    low: u64,
    port: u16,
    listener: u16,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Kind {
    V4,
    V6,
    Connection,
}

impl PeerId {
    /// A peer without security: whoever sends from `address` to our listener number `listener`.
    ///
    /// An IPv6 scope id is not part of the name: link-local peers on several interfaces need a listener each.
    pub fn from_address(listener: u16, address: SocketAddr) -> Self {
        let (bits, kind) = match address.ip() {
            IpAddr::V4(v4) => (v4.to_ipv6_mapped().to_bits(), Kind::V4),
            IpAddr::V6(v6) => (v6.to_bits(), Kind::V6),
        };
        PeerId {
            high: (bits >> 64) as u64,
            low: bits as u64,
            port: address.port(),
            listener,
            kind,
        }
    }

    /// A peer behind connection `number` of listener or connector `listener`. Numbers are never used twice.
    pub const fn from_connection(listener: u16, number: u64) -> Self {
        PeerId {
            high: number,
            low: 0,
            port: 0,
            listener,
            kind: Kind::Connection,
        }
    }

    /// The listener of ours that the peer speaks to.
    pub const fn listener(&self) -> u16 {
        self.listener
    }

    /// The number of the connection; `None` for an address.
    pub const fn connection(&self) -> Option<u64> {
        match self.kind {
            Kind::Connection => Some(self.high),
            Kind::V4 | Kind::V6 => None,
        }
    }

    /// The address in the name; `None` for a connection.
    pub fn address(&self) -> Option<SocketAddr> {
        let v6 = Ipv6Addr::from_bits((u128::from(self.high) << 64) | u128::from(self.low));
        let ip = match self.kind {
            Kind::Connection => return None,
            Kind::V4 => IpAddr::V4(v6.to_ipv4_mapped()?),
            Kind::V6 => IpAddr::V6(v6),
        };
        Some(SocketAddr::new(ip, self.port))
    }
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address() {
            Some(address) => write!(f, "{address}"),
            None => write!(f, "connection {}.{}", self.listener, self.high),
        }
    }
}

impl fmt::Debug for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PeerId({self})")
    }
}

/// Who a peer has proven to be in the handshake of its transport (Transport 1.2.2, section 5.2.6).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PeerIdentity {
    /// Nobody: no security.
    None,
    /// The holder of the key with this PSK identity (RFC 4279, section 5.1).
    Psk(Vec<u8>),
    /// The holder of the private key to this SubjectPublicKeyInfo, DER (RFC 7250; Transport 1.2.2, section 5.2.9.2).
    RawPublicKey(Vec<u8>),
    /// The holder of the private key to a certificate that was verified. In a box, so that whoever has another identity
    /// does not pay for its size.
    Certificate(Box<CertificateIdentity>),
}

impl From<CertificateIdentity> for PeerIdentity {
    fn from(identity: CertificateIdentity) -> Self {
        PeerIdentity::Certificate(Box::new(identity))
    }
}

/// The names in a verified certificate (RFC 5280, sections 4.1.2.6 and 4.2.1.6; Transport 1.2.2, section 5.2.9.3).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct CertificateIdentity {
    /// Common name of the subject.
    pub common_name: Option<String>,
    /// DNS names and URIs of the subjectAltName extension.
    pub alternative_names: Vec<String>,
    /// The end-entity certificate, DER.
    pub certificate: Vec<u8>,
}

impl CertificateIdentity {
    /// The names of one certificate.
    pub fn new(
        common_name: Option<String>,
        alternative_names: Vec<String>,
        certificate: Vec<u8>,
    ) -> Self {
        CertificateIdentity {
            common_name,
            alternative_names,
            certificate,
        }
    }
}

impl fmt::Display for PeerIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PeerIdentity::None => f.write_str("no identity"),
            PeerIdentity::Psk(identity) => {
                write!(f, "PSK identity \"{}\"", identity.escape_ascii())
            }
            // All keys of a kind begin alike; the last bytes tell them apart.
            PeerIdentity::RawPublicKey(spki) => {
                f.write_str("raw public key ending in ")?;
                let end = spki.len().saturating_sub(8);
                spki[end..]
                    .iter()
                    .try_for_each(|byte| write!(f, "{byte:02x}"))
            }
            PeerIdentity::Certificate(names) => write!(
                f,
                "certificate of \"{}\"",
                names
                    .common_name
                    .as_deref()
                    .unwrap_or_default()
                    .escape_debug()
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_and_faithful() {
        assert!(core::mem::size_of::<PeerId>() <= 24);
        for text in ["127.0.0.1:5683", "[2001:db8::1]:1", "[::ffff:1.2.3.4]:9"] {
            let address: SocketAddr = text.parse().unwrap();
            assert_eq!(PeerId::from_address(0, address).address(), Some(address));
        }
        assert_eq!(PeerId::from_connection(0, 7).address(), None);
        assert_eq!(PeerId::from_connection(0, 7).connection(), Some(7));
        let address = "127.0.0.1:5683".parse().unwrap();
        assert_ne!(
            PeerId::from_address(0, address),
            PeerId::from_address(1, address)
        );
    }

    #[test]
    fn raw_public_keys_are_told_apart_by_their_end() {
        let text = |key: &[u8]| alloc::format!("{}", PeerIdentity::RawPublicKey(key.into()));
        assert_eq!(
            text(&[0x30, 0x59, 1, 2, 3, 4, 5, 6, 7, 0xF8]),
            "raw public key ending in 01020304050607f8"
        );
        assert_eq!(text(&[0x30]), "raw public key ending in 30");
        assert_eq!(text(&[]), "raw public key ending in ");
    }
}
