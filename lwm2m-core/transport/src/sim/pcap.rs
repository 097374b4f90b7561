//! Captures in the classic pcap format, link type 101 (raw IP), which Wireshark and tshark open.

use lwm2m_core::time::Instant;
use std::net::{IpAddr, SocketAddr};

const MAGIC_MICROSECONDS: u32 = 0xA1B2_C3D4;
const LINKTYPE_RAW: u32 = 101;
const UDP: u8 = 17;

pub(super) struct Capture {
    bytes: Vec<u8>,
    limit: usize,
    pub(super) left_out: u64,
}

impl Capture {
    pub(super) fn new(limit: usize) -> Self {
        let mut bytes = Vec::new();
        bytes.extend(MAGIC_MICROSECONDS.to_le_bytes());
        bytes.extend(2u16.to_le_bytes());
        bytes.extend(4u16.to_le_bytes());
        // Time zone and accuracy, unused by everybody.
        bytes.extend([0; 8]);
        bytes.extend(65_535u32.to_le_bytes());
        bytes.extend(LINKTYPE_RAW.to_le_bytes());
        Capture {
            bytes,
            limit,
            left_out: 0,
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn record(&mut self, now: Instant, from: SocketAddr, to: SocketAddr, data: &[u8]) {
        let packet = packet(from, to, data);
        if self.bytes.len() + 16 + packet.len() > self.limit {
            self.left_out += 1;
            return;
        }
        let micros = now.as_micros();
        // Virtual time begins at zero: no run lasts until 2106.
        self.bytes
            .extend(((micros / 1_000_000) as u32).to_le_bytes());
        self.bytes
            .extend(((micros % 1_000_000) as u32).to_le_bytes());
        let length = (packet.len() as u32).to_le_bytes();
        self.bytes.extend(length);
        self.bytes.extend(length);
        self.bytes.extend(packet);
    }
}

fn packet(from: SocketAddr, to: SocketAddr, data: &[u8]) -> Vec<u8> {
    // Datagrams of the network are at most 65,507 bytes, see `Net::transmit`.
    let udp_length = (8 + data.len()) as u16;
    let mut udp = Vec::with_capacity(8 + data.len());
    udp.extend(from.port().to_be_bytes());
    udp.extend(to.port().to_be_bytes());
    udp.extend(udp_length.to_be_bytes());
    udp.extend([0, 0]);
    udp.extend(data);

    let mut packet = Vec::with_capacity(40 + udp.len());
    let mut pseudo_header = Vec::with_capacity(40);
    match (from.ip(), to.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            packet.extend([0x45, 0]);
            packet.extend((20 + udp_length).to_be_bytes());
            packet.extend([0, 0, 0x40, 0, 64, UDP, 0, 0]);
            packet.extend(from.octets());
            packet.extend(to.octets());
            let sum = checksum(&packet);
            packet[10..12].copy_from_slice(&sum.to_be_bytes());
            pseudo_header.extend(from.octets());
            pseudo_header.extend(to.octets());
            pseudo_header.extend([0, UDP]);
            pseudo_header.extend(udp_length.to_be_bytes());
        }
        (from, to) => {
            let (from, to) = (octets_v6(from), octets_v6(to));
            packet.extend([0x60, 0, 0, 0]);
            packet.extend(udp_length.to_be_bytes());
            packet.extend([UDP, 64]);
            packet.extend(from);
            packet.extend(to);
            pseudo_header.extend(from);
            pseudo_header.extend(to);
            pseudo_header.extend(u32::from(udp_length).to_be_bytes());
            pseudo_header.extend([0, 0, 0, UDP]);
        }
    }
    pseudo_header.extend(&udp);
    let sum = match checksum(&pseudo_header) {
        0 => 0xFFFF,
        sum => sum,
    };
    udp[6..8].copy_from_slice(&sum.to_be_bytes());
    packet.extend(udp);
    packet
}

fn octets_v6(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6.octets(),
    }
}

/// The Internet checksum (RFC 1071).
fn checksum(bytes: &[u8]) -> u16 {
    let mut sum: u32 = bytes
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0)))
        .sum();
    while sum > 0xFFFF {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_valid_ip_and_udp() {
        let v4 = ("10.0.0.1:5683", "10.0.0.2:40000", 20);
        let v6 = ("[2001:db8::1]:5683", "[2001:db8::2]:40000", 40);
        for (from, to, header) in [v4, v6] {
            let packet = packet(from.parse().unwrap(), to.parse().unwrap(), b"odd");
            assert_eq!(packet.len(), header + 8 + 3);
            assert_eq!(&packet[header..header + 6], [0x16, 0x33, 0x9C, 0x40, 0, 11]);
            assert_eq!(&packet[header + 8..], b"odd");
            if header == 20 {
                // A header that includes its checksum sums up to nothing.
                assert_eq!(checksum(&packet[..20]), 0);
                let mut with_pseudo_header = packet[12..20].to_vec();
                with_pseudo_header.extend([0, UDP, 0, 11]);
                with_pseudo_header.extend(&packet[20..]);
                assert_eq!(checksum(&with_pseudo_header), 0);
            }
        }
    }

    #[test]
    fn stops_at_its_limit_and_says_so() {
        let mut capture = Capture::new(24 + 16 + 28 + 10);
        let (from, to) = ("10.0.0.1:1".parse().unwrap(), "10.0.0.2:2".parse().unwrap());
        capture.record(Instant::from_micros(2_000_003), from, to, &[7; 10]);
        capture.record(Instant::ZERO, from, to, &[7; 1]);
        assert_eq!(capture.left_out, 1);
        assert_eq!(capture.bytes().len(), 24 + 16 + 28 + 10);
        assert_eq!(&capture.bytes()[24..32], [2, 0, 0, 0, 3, 0, 0, 0]);
    }
}
