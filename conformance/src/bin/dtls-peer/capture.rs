//! Datagrams written down as pcap, so that Wireshark reads what went over our socket without a right to listen.

use std::{
    fs::File,
    io::{self, Write},
    net::SocketAddrV4,
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

/// Whole IP packets without a link layer (LINKTYPE_RAW).
const RAW_IP: u32 = 101;
const IP_HEADER: usize = 20;
const UDP_HEADER: usize = 8;

pub(crate) struct Capture {
    file: File,
}

impl Capture {
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let mut file = File::create(path)?;
        let mut header = Vec::new();
        header.extend_from_slice(&0xa1b2_c3d4_u32.to_ne_bytes());
        header.extend_from_slice(&2u16.to_ne_bytes());
        header.extend_from_slice(&4u16.to_ne_bytes());
        // Times are in UTC, their accuracy is not told.
        header.extend_from_slice(&[0; 8]);
        header.extend_from_slice(&u32::from(u16::MAX).to_ne_bytes());
        header.extend_from_slice(&RAW_IP.to_ne_bytes());
        file.write_all(&header)?;
        Ok(Capture { file })
    }

    /// Writes a datagram down, whole and at once: the program may be ended at any moment.
    pub(crate) fn write(
        &mut self,
        from: SocketAddrV4,
        to: SocketAddrV4,
        data: &[u8],
    ) -> io::Result<()> {
        let length = IP_HEADER + UDP_HEADER + data.len();
        let ip_length = u16::try_from(length)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "the datagram is too long"))?;
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let mut packet = Vec::with_capacity(16 + length);
        packet.extend_from_slice(&(since.as_secs() as u32).to_ne_bytes());
        packet.extend_from_slice(&since.subsec_micros().to_ne_bytes());
        packet.extend_from_slice(&u32::from(ip_length).to_ne_bytes());
        packet.extend_from_slice(&u32::from(ip_length).to_ne_bytes());
        let start = packet.len();
        // Version 4 with five words, no fragment, 64 hops, UDP; RFC 791, section 3.1.
        packet.extend_from_slice(&[0x45, 0]);
        packet.extend_from_slice(&ip_length.to_be_bytes());
        packet.extend_from_slice(&[0, 0, 0, 0, 64, 17, 0, 0]);
        packet.extend_from_slice(&from.ip().octets());
        packet.extend_from_slice(&to.ip().octets());
        let sum = checksum(&packet[start..]);
        packet[start + 10..start + 12].copy_from_slice(&sum.to_be_bytes());
        packet.extend_from_slice(&from.port().to_be_bytes());
        packet.extend_from_slice(&to.port().to_be_bytes());
        packet.extend_from_slice(&(ip_length - IP_HEADER as u16).to_be_bytes());
        // No checksum, which UDP over IPv4 allows (RFC 768).
        packet.extend_from_slice(&[0, 0]);
        packet.extend_from_slice(data);
        self.file.write_all(&packet)
    }
}

/// The checksum of an IPv4 header.
fn checksum(header: &[u8]) -> u16 {
    let words = header.chunks_exact(2);
    let mut sum: u32 = words
        .map(|word| u32::from(u16::from_be_bytes([word[0], word[1]])))
        .sum();
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    !(sum as u16)
}
