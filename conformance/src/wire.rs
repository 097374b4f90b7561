//! What travelled through the simulated network, read from its capture.

use lwm2m_core::{
    coap::{Code, Message, OptionNumber, option},
    time::Instant,
};
use std::net::{IpAddr, Ipv4Addr};

/// One CoAP message as it left its sender.
#[derive(Debug, Clone)]
pub struct Packet {
    /// When it was sent.
    pub at: Instant,
    /// Who sent it.
    pub from: IpAddr,
    /// To whom.
    pub to: IpAddr,
    /// What.
    pub message: Message,
}

impl Packet {
    /// Its path, as `/rd/abc`; a location in an answer is not meant.
    pub fn path(&self) -> String {
        let segments = self.texts(option::URI_PATH);
        format!("/{}", segments.join("/"))
    }

    /// Its query arguments.
    pub fn queries(&self) -> Vec<String> {
        self.texts(option::URI_QUERY)
    }

    /// The value of the query argument of this name.
    pub fn query(&self, name: &str) -> Option<String> {
        let queries = self.queries();
        queries.iter().find_map(|query| {
            let (key, value) = query.split_once('=').unwrap_or((query, ""));
            (key == name).then(|| value.to_owned())
        })
    }

    fn texts(&self, number: OptionNumber) -> Vec<String> {
        let texts = self.message.options.texts(number).expect("UTF-8");
        texts.into_iter().map(str::to_owned).collect()
    }

    /// Whether it is a request with this method on this path.
    pub fn is(&self, code: Code, path: &str) -> bool {
        self.message.code == code && self.path() == path
    }
}

/// The messages of a capture in the pcap format with raw IPv4 packets, in the order of their sending.
///
/// # Panics
/// Where it is none, or a datagram is no CoAP message: both ends are ours.
pub fn packets(pcap: &[u8]) -> Vec<Packet> {
    const FILE_HEADER: usize = 24;
    const RECORD_HEADER: usize = 16;
    const IP_AND_UDP: usize = 20 + 8;
    let number = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().expect("four bytes"));
    let mut packets = Vec::new();
    let mut rest = pcap.get(FILE_HEADER..).unwrap_or_default();
    while !rest.is_empty() {
        let micros = u64::from(number(&rest[..4])) * 1_000_000 + u64::from(number(&rest[4..8]));
        let (packet, others) =
            rest[RECORD_HEADER..].split_at(usize::try_from(number(&rest[8..12])).expect("small"));
        rest = others;
        let address = |at: usize| {
            let octets: [u8; 4] = packet[at..at + 4].try_into().expect("four bytes");
            IpAddr::V4(Ipv4Addr::from(octets))
        };
        packets.push(Packet {
            at: Instant::from_micros(micros),
            from: address(12),
            to: address(16),
            message: Message::parse(&packet[IP_AND_UDP..]).expect("a CoAP message"),
        });
    }
    packets
}
