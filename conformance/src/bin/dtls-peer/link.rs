//! An endpoint on a UDP socket of its own.

use crate::{Error, capture::Capture, options::Common};
use lwm2m_core::{peer::PeerIdentity, time::Instant};
use lwm2m_dtls::{Connection, Endpoint, Event, ServerConfig};
use rand::{SeedableRng, rngs::StdRng};
use std::{
    io,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket},
    time::Duration,
};

/// Longest time that is waited at once, which bounds how late a deadline is noticed.
const LONGEST_WAIT: Duration = Duration::from_secs(1);
/// Shortest wait a socket can be given.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);

pub(crate) struct Link {
    pub(crate) endpoint: Endpoint,
    socket: UdpSocket,
    address: SocketAddrV4,
    start: std::time::Instant,
    capture: Option<Capture>,
    buffer: Vec<u8>,
}

impl Link {
    /// On a port of the loopback interface; 0 takes a free one.
    pub(crate) fn open(
        options: &Common,
        port: u16,
        server: Option<ServerConfig>,
    ) -> Result<Self, Error> {
        let random = Box::new(StdRng::from_os_rng());
        let config = options.endpoint_config()?;
        let endpoint = Endpoint::new(config, server, options.provider(), random)?;
        let (socket, address) = bind(port)?;
        let capture = options
            .capture
            .as_deref()
            .map(Capture::create)
            .transpose()?;
        Ok(Link {
            endpoint,
            socket,
            address,
            start: std::time::Instant::now(),
            capture,
            buffer: vec![0; 1 << 16],
        })
    }

    pub(crate) fn address(&self) -> SocketAddrV4 {
        self.address
    }

    pub(crate) fn now(&self) -> Instant {
        Instant::ZERO + self.start.elapsed()
    }

    /// Goes on at another port: what a router on the way does to a device that was quiet.
    pub(crate) fn move_away(&mut self) -> io::Result<()> {
        (self.socket, self.address) = bind(0)?;
        Ok(())
    }

    /// Waits for what happens next; `None` at the deadline.
    pub(crate) fn next_event(&mut self, deadline: Option<Instant>) -> io::Result<Option<Event>> {
        loop {
            self.transmit()?;
            if let Some(event) = self.endpoint.poll_event() {
                return Ok(Some(event));
            }
            let now = self.now();
            if deadline.is_some_and(|deadline| deadline <= now) {
                return Ok(None);
            }
            let next = self.endpoint.poll_timeout();
            if next.is_some_and(|next| next <= now) {
                self.endpoint.handle_timeout(now);
                continue;
            }
            let until = next.into_iter().chain(deadline).min();
            let wait = until.map_or(LONGEST_WAIT, |until| until.since(now));
            self.receive(wait.clamp(SHORTEST_WAIT, LONGEST_WAIT))?;
        }
    }

    /// Sends what waits to be sent.
    pub(crate) fn transmit(&mut self) -> io::Result<()> {
        while let Some(transmit) = self.endpoint.poll_transmit() {
            self.note(SocketAddr::V4(self.address), transmit.to, &transmit.data)?;
            self.socket.send_to(&transmit.data, transmit.to)?;
        }
        Ok(())
    }

    fn receive(&mut self, wait: Duration) -> io::Result<()> {
        self.socket.set_read_timeout(Some(wait))?;
        let (length, from) = match self.socket.recv_from(&mut self.buffer) {
            Ok(received) => received,
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock
                        | io::ErrorKind::TimedOut
                        | io::ErrorKind::Interrupted
                ) =>
            {
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let mut datagram = std::mem::take(&mut self.buffer);
        let noted = self.note(from, SocketAddr::V4(self.address), &datagram[..length]);
        let now = self.now();
        self.endpoint
            .handle_datagram(now, from, &mut datagram[..length]);
        self.buffer = datagram;
        noted
    }

    fn note(&mut self, from: SocketAddr, to: SocketAddr, data: &[u8]) -> io::Result<()> {
        match (&mut self.capture, from, to) {
            (Some(capture), SocketAddr::V4(from), SocketAddr::V4(to)) => {
                capture.write(from, to, data)
            }
            _ => Ok(()),
        }
    }

    /// What a session rests on and who is at its other end, in words of a line.
    pub(crate) fn describe(&self, connection: Connection) -> String {
        let Some(agreed) = self.endpoint.agreed(connection) else {
            return "gone".into();
        };
        let yes = |set| if set { "yes" } else { "no" };
        let identity = match self
            .endpoint
            .identity(connection)
            .map(|identity| &**identity)
        {
            Some(PeerIdentity::Psk(identity)) => {
                format!("psk:{}", String::from_utf8_lossy(identity))
            }
            Some(PeerIdentity::RawPublicKey(spki)) => format!("rpk:{}", hex::encode(spki)),
            Some(PeerIdentity::Certificate(names)) => {
                format!("x509:{}", names.common_name.as_deref().unwrap_or_default())
            }
            _ => "none".into(),
        };
        format!(
            "suite={} identity={identity} ems={} etm={} own-id={} peer-id={} max-plaintext={}",
            crate::options::name_of(agreed.suite),
            yes(agreed.extended_master_secret),
            yes(agreed.encrypt_then_mac),
            agreed.own_id.len(),
            agreed.peer_id.len(),
            agreed.max_plaintext,
        )
    }
}

fn bind(port: u16) -> io::Result<(UdpSocket, SocketAddrV4)> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, port))?;
    match socket.local_addr()? {
        SocketAddr::V4(address) => Ok((socket, address)),
        SocketAddr::V6(_) => Err(io::Error::other("an IPv4 socket has an IPv6 address")),
    }
}
