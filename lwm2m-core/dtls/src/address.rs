//! Addresses as peers are told apart by them.

use core::net::{IpAddr, Ipv6Addr, SocketAddr};

/// An address, its port and its link, in 22 bytes; IPv4 in the dress of IPv6 is IPv4.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct AddressKey([u8; 22]);

impl AddressKey {
    pub(crate) fn new(address: SocketAddr) -> Self {
        let ip = match address.ip() {
            IpAddr::V4(v4) => v4.to_ipv6_mapped(),
            IpAddr::V6(v6) => v6,
        };
        let mut bytes = [0; 22];
        bytes[..16].copy_from_slice(&ip.octets());
        bytes[16..18].copy_from_slice(&address.port().to_be_bytes());
        bytes[18..].copy_from_slice(&link(address).to_be_bytes());
        AddressKey(bytes)
    }
}

/// On which link an address is (RFC 4007, section 6); 0 where it means the same on all, whatever its scope id says.
pub(crate) fn link(address: SocketAddr) -> u32 {
    match address {
        SocketAddr::V6(v6) if v6.ip().is_unicast_link_local() => v6.scope_id(),
        _ => 0,
    }
}

/// Whom one host may be: an address of IPv4, or a network of 64 bits of IPv6.
pub(crate) fn host(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => v4.into(),
            None => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(one: &str, other: &str) -> bool {
        let [one, other] = [one, other].map(|text| AddressKey::new(text.parse().expect(text)));
        one == other
    }

    #[test]
    fn a_link_counts_where_an_address_means_something_on_its_link_only() {
        assert!(same("[fe80::1%2]:5684", "[fe80::1%2]:5684"));
        assert!(!same("[fe80::1%2]:5684", "[fe80::1%3]:5684"));
        assert!(!same("[fe80::1%2]:5684", "[fe80::1]:5684"));
        assert!(!same("[febf::1%2]:5684", "[febf::1%3]:5684"));
        assert!(same("[2001:db8::1%2]:5684", "[2001:db8::1]:5684"));
        assert!(same("[fec0::1%2]:5684", "[fec0::1%3]:5684"));
        assert!(!same("[fe80::1%2]:5684", "[fe80::1%2]:5685"));
        assert!(same("[::ffff:10.0.0.1]:5684", "10.0.0.1:5684"));
        assert!(!same("10.0.0.2:5684", "10.0.0.1:5684"));
    }
}
