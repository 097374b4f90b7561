//! Simulated devices: each has an address and port of its own, none a socket of its own.
//!
//! A few sockets are bound to 0.0.0.0; the source address of each datagram is chosen when it is sent (IP_PKTINFO),
//! from 127.0.0.0/8, which is all ours on loopback. So 60,000 devices need eight sockets, and neither the limit of
//! open files nor the range of ports bounds them.
//!
//! The loop is closed: a device has one request under way, all devices together at most as many as the window, and
//! who was answered goes to the end of the queue. A request that is not answered in time is given up and counted,
//! not repeated: what a server loses shows.

use super::traffic::{Answer, Traffic};
use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSocketState};
use rand::{Rng, seq::SliceRandom};
use std::{
    array,
    collections::VecDeque,
    io::{self, ErrorKind, IoSliceMut},
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket},
    time::{Duration, Instant},
};

/// The address of the first device; the others follow.
const FIRST_ADDRESS: u32 = u32::from_be_bytes([127, 1, 0, 1]);

/// The most devices that have addresses between the first and the broadcast address.
pub const MAX_DEVICES: u32 = (1 << 24) - (1 << 16) - 2;

/// Room for a datagram; the answers that are waited for are far smaller.
const DATAGRAM: usize = 2048;

/// What a socket of ours may hold unread. The system's default holds fewer answers than the largest window has.
const RECEIVE_BUFFER: usize = 4 << 20;

const TOKEN: usize = 8;

/// How a fleet behaves.
#[derive(Debug, Clone, Copy)]
pub struct FleetConfig {
    /// How many devices there are, up to [`MAX_DEVICES`].
    pub devices: u32,
    /// How many sockets they share.
    pub sockets: usize,
    /// How many requests of all devices are under way at once.
    pub window: usize,
    /// How long an answer is waited for.
    pub patience: Duration,
}

/// When a fleet stops asking.
#[derive(Debug, Clone, Copy)]
pub struct Goal {
    /// After this long, which is also when answers count no more.
    pub time: Duration,
    /// Or after so many requests.
    pub requests: u64,
}

impl Goal {
    /// As many requests as are answered in this time.
    pub fn time(time: Duration) -> Self {
        Goal {
            time,
            requests: u64::MAX,
        }
    }
}

/// What came of it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Outcome {
    /// How long answers were counted: until the time was over, or the last request was settled.
    pub elapsed: Duration,
    /// Answers as expected within that time.
    pub answered: u64,
    /// Answers of another kind: errors, as a rule.
    pub refused: u64,
    /// Requests without an answer in time.
    pub lost: u64,
}

impl Outcome {
    /// Answers a second.
    pub fn rate(&self) -> f64 {
        self.answered as f64 / self.elapsed.as_secs_f64()
    }
}

struct Device {
    /// Of its latest request.
    sequence: u32,
    message_id: u16,
    waits: bool,
}

struct Port {
    socket: UdpSocket,
    state: UdpSocketState,
}

struct Sent {
    at: Instant,
    device: u32,
    sequence: u32,
}

/// Many devices that ask one server.
pub struct Fleet {
    config: FleetConfig,
    target: SocketAddr,
    ports: Vec<Port>,
    devices: Vec<Device>,
    idle: VecDeque<u32>,
    in_flight: usize,
    /// In the order they were sent; what was answered is taken out when it comes to the front.
    sent: VecDeque<Sent>,
    /// Odd, so that a device goes through all message ids before it uses one again.
    stride: u16,
    /// Devices that have had an answer, ever.
    heard: Vec<bool>,
    request: Vec<u8>,
}

impl Fleet {
    /// Devices that ask `target`, in random order and with random message ids.
    ///
    /// # Errors
    /// What the system says about the sockets; [`ErrorKind::InvalidInput`] for more devices than there are addresses.
    pub fn new(config: FleetConfig, target: SocketAddr) -> io::Result<Self> {
        if config.devices == 0 || config.devices > MAX_DEVICES || config.sockets == 0 {
            let text = format!("a fleet has 1 to {MAX_DEVICES} devices and a socket at least");
            return Err(io::Error::new(ErrorKind::InvalidInput, text));
        }
        let ports = (0..config.sockets).map(|_| Port::open());
        let mut random = rand::rng();
        let mut order: Vec<u32> = (0..config.devices).collect();
        order.shuffle(&mut random);
        let devices = (0..config.devices).map(|_| Device {
            sequence: random.random(),
            message_id: random.random(),
            waits: false,
        });
        Ok(Fleet {
            target,
            ports: ports.collect::<io::Result<_>>()?,
            devices: devices.collect(),
            idle: order.into(),
            in_flight: 0,
            sent: VecDeque::new(),
            stride: rand::rng().random::<u16>() | 1,
            heard: vec![false; config.devices as usize],
            request: Vec::with_capacity(DATAGRAM),
            config,
        })
    }

    /// How many devices have had an answer, ever.
    pub fn heard(&self) -> usize {
        self.heard.iter().filter(|heard| **heard).count()
    }

    /// Asks until the goal is reached, then waits for what is under way.
    ///
    /// # Errors
    /// What the system says about the sockets.
    pub fn run(&mut self, traffic: &mut dyn Traffic, goal: Goal) -> io::Result<Outcome> {
        let mut inbox = vec![0; BATCH_SIZE * DATAGRAM].into_boxed_slice();
        let mut outcome = Outcome::default();
        let mut left = goal.requests;
        let start = Instant::now();
        loop {
            let now = Instant::now();
            let open = now - start < goal.time;
            if open && left > 0 {
                left -= self.ask(traffic, now, left)?;
            } else if self.in_flight == 0 {
                return Ok(outcome);
            }
            if open {
                outcome.elapsed = now - start;
            }
            for port in 0..self.ports.len() {
                self.listen(port, traffic, &mut inbox, open, &mut outcome)?;
            }
            self.give_up(now, &mut outcome);
        }
    }

    /// Sends until the window is full; gives back how many.
    fn ask(&mut self, traffic: &mut dyn Traffic, now: Instant, most: u64) -> io::Result<u64> {
        let mut asked = 0;
        while asked < most && self.in_flight < self.config.window {
            let Some(number) = self.idle.pop_front() else {
                break;
            };
            let device = &mut self.devices[number as usize];
            device.sequence = device.sequence.wrapping_add(1);
            device.message_id = device.message_id.wrapping_add(self.stride);
            let (sequence, message_id) = (device.sequence, device.message_id);
            self.request.clear();
            traffic.request(
                number,
                message_id,
                token(number, sequence),
                &mut self.request,
            );
            let port = &self.ports[number as usize % self.ports.len()];
            if !port.send(address_of(number), self.target, &self.request)? {
                // The socket takes no more just now; the device keeps its turn.
                self.idle.push_front(number);
                break;
            }
            self.devices[number as usize].waits = true;
            self.in_flight += 1;
            self.sent.push_back(Sent {
                at: now,
                device: number,
                sequence,
            });
            asked += 1;
        }
        Ok(asked)
    }

    /// Takes in what has come to a socket.
    fn listen(
        &mut self,
        port: usize,
        traffic: &mut dyn Traffic,
        inbox: &mut [u8],
        counts: bool,
        outcome: &mut Outcome,
    ) -> io::Result<()> {
        let mut metas = [RecvMeta::default(); BATCH_SIZE];
        loop {
            let received = {
                let port = &self.ports[port];
                let mut rest = inbox.chunks_exact_mut(DATAGRAM);
                let mut buffers: [IoSliceMut<'_>; BATCH_SIZE] =
                    array::from_fn(|_| IoSliceMut::new(rest.next().unwrap_or_default()));
                match port
                    .state
                    .recv((&port.socket).into(), &mut buffers, &mut metas)
                {
                    Ok(received) => received,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                    Err(error) => return Err(error),
                }
            };
            let filled = inbox.chunks_exact_mut(DATAGRAM).zip(&metas);
            for (buffer, meta) in filled.take(received) {
                // Where the system has joined datagrams, all but the last have the length of the stride.
                for datagram in buffer[..meta.len].chunks_mut(meta.stride.max(1)) {
                    if !traffic.is_secured() {
                        self.take(port, traffic, datagram, counts, outcome)?;
                    } else if let Some(device) = meta.dst_ip.and_then(device_at)
                        && let Some(message) = traffic.open(device, datagram)
                    {
                        self.take(port, traffic, &message, counts, outcome)?;
                    }
                }
            }
            if received < BATCH_SIZE {
                return Ok(());
            }
        }
    }

    fn take(
        &mut self,
        port: usize,
        traffic: &mut dyn Traffic,
        datagram: &[u8],
        counts: bool,
        outcome: &mut Outcome,
    ) -> io::Result<()> {
        let Some((number, sequence)) = asked_by(datagram) else {
            return Ok(());
        };
        let Some(device) = self.devices.get_mut(number as usize) else {
            return Ok(());
        };
        if is_separate_response(datagram) {
            let acknowledgement = [0x60, 0, datagram[2], datagram[3]];
            self.ports[port].send(address_of(number), self.target, &acknowledgement)?;
        }
        // What was given up may still come.
        if !device.waits || device.sequence != sequence {
            return Ok(());
        }
        device.waits = false;
        self.in_flight -= 1;
        self.idle.push_back(number);
        match traffic.answer(number, datagram) {
            Answer::Expected => {
                self.heard[number as usize] = true;
                outcome.answered += u64::from(counts);
            }
            Answer::Other => outcome.refused += 1,
        }
        Ok(())
    }

    fn give_up(&mut self, now: Instant, outcome: &mut Outcome) {
        while let Some(first) = self.sent.front() {
            let device = &mut self.devices[first.device as usize];
            let waits = device.waits && device.sequence == first.sequence;
            if waits && now.saturating_duration_since(first.at) < self.config.patience {
                return;
            }
            if waits {
                device.waits = false;
                self.in_flight -= 1;
                self.idle.push_back(first.device);
                outcome.lost += 1;
            }
            self.sent.pop_front();
        }
    }
}

impl Port {
    fn open() -> io::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        let state = UdpSocketState::new((&socket).into())?;
        // The system may grant less; a window that needs more shows as loss.
        state.set_recv_buffer_size((&socket).into(), RECEIVE_BUFFER)?;
        Ok(Port { socket, state })
    }

    /// `false`: not just now.
    fn send(&self, from: Ipv4Addr, to: SocketAddr, datagram: &[u8]) -> io::Result<bool> {
        let transmit = Transmit {
            destination: to,
            ecn: None,
            contents: datagram,
            segment_size: None,
            src_ip: Some(from.into()),
        };
        match self.state.try_send((&self.socket).into(), &transmit) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// The address of a device.
pub fn address_of(device: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(FIRST_ADDRESS + device)
}

/// The device of an address, if it is one.
fn device_at(address: IpAddr) -> Option<u32> {
    match address {
        IpAddr::V4(address) => address.to_bits().checked_sub(FIRST_ADDRESS),
        IpAddr::V6(_) => None,
    }
}

fn token(device: u32, sequence: u32) -> [u8; TOKEN] {
    let mut token = [0; TOKEN];
    token[..4].copy_from_slice(&device.to_be_bytes());
    token[4..].copy_from_slice(&sequence.to_be_bytes());
    token
}

/// Device and sequence in the token of a CoAP message; `None` where it has none of ours.
fn asked_by(datagram: &[u8]) -> Option<(u32, u32)> {
    let token = datagram.get(4..4 + TOKEN)?;
    if datagram[0] & 0x0F != TOKEN as u8 {
        return None;
    }
    let (device, sequence) = token.split_at(4);
    Some((
        u32::from_be_bytes(device.try_into().ok()?),
        u32::from_be_bytes(sequence.try_into().ok()?),
    ))
}

/// Whether a message is a confirmable response, which comes again until it is acknowledged.
fn is_separate_response(datagram: &[u8]) -> bool {
    datagram[0] & 0x30 == 0 && datagram[1] >> 5 >= 2
}
