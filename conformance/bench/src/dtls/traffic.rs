//! Devices with DTLS sessions, for the load generator: what they send is sealed, what comes back is opened.

use super::{
    Outcome,
    contest::PAYLOAD,
    engine::{Credentials, client},
};
use crate::load::{
    fleet::address_of,
    traffic::{Answer, Traffic},
};
use lwm2m_core::time::Instant;
use lwm2m_dtls::{Connection, Endpoint, Event, crypto::Provider};
use std::{
    net::{SocketAddr, UdpSocket},
    sync::Arc,
    time::{Duration, Instant as Clock},
};

/// How long a server may take for a flight.
const PATIENCE: Duration = Duration::from_secs(10);
const DATAGRAM: usize = 2048;

/// A message with the token of the device and [`PAYLOAD`]'s length in all, to be echoed.
#[derive(Debug, Clone, Copy)]
pub struct Padded;

impl Traffic for Padded {
    fn request(&mut self, _device: u32, message_id: u16, token: [u8; 8], datagram: &mut Vec<u8>) {
        // A confirmable GET (RFC 7252, section 3): what the fleet reads in it is kind and token.
        datagram.extend_from_slice(&[0x48, 0x01]);
        datagram.extend_from_slice(&message_id.to_be_bytes());
        datagram.extend_from_slice(&token);
        datagram.push(0xFF);
        datagram.resize(PAYLOAD.len(), 7);
    }

    fn answer(&mut self, _device: u32, datagram: &[u8]) -> Answer {
        match datagram.len() == PAYLOAD.len() && datagram[1] == 0x01 {
            true => Answer::Expected,
            false => Answer::Other,
        }
    }
}

struct Device {
    endpoint: Endpoint,
    connection: Connection,
}

/// Another traffic, in a session of each device.
///
/// Devices shake hands from their address and a port of the moment. The fleet sends from its own ports: the Connection
/// ID lets the sessions follow.
pub struct Secured<T> {
    inner: T,
    server: SocketAddr,
    devices: Vec<Device>,
    began: Clock,
    plaintext: Vec<u8>,
}

impl<T> Secured<T> {
    /// Lets so many devices shake hands with a server.
    ///
    /// # Errors
    /// A handshake did not succeed.
    pub fn connect(
        inner: T,
        devices: u32,
        server: SocketAddr,
        credentials: &Credentials,
        provider: &Arc<dyn Provider>,
    ) -> Outcome<Self> {
        let began = Clock::now();
        let devices = (0..devices)
            .map(|number| shake_hands(number, server, credentials, provider, began))
            .collect::<Outcome<_>>()?;
        Ok(Secured {
            inner,
            server,
            devices,
            began,
            plaintext: Vec::with_capacity(DATAGRAM),
        })
    }
}

fn since(began: Clock) -> Instant {
    Instant::ZERO + began.elapsed()
}

fn shake_hands(
    number: u32,
    server: SocketAddr,
    credentials: &Credentials,
    provider: &Arc<dyn Provider>,
    began: Clock,
) -> Outcome<Device> {
    let socket = UdpSocket::bind((address_of(number), 0))?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let mut endpoint = client(provider, u64::from(number) + 10)?;
    let connection = endpoint.connect(since(began), server, credentials.connection.clone())?;
    let mut buffer = [0; DATAGRAM];
    loop {
        while let Some(transmit) = endpoint.poll_transmit() {
            socket.send_to(&transmit.data, server)?;
        }
        let (length, _) = socket.recv_from(&mut buffer)?;
        endpoint.handle_datagram(since(began), server, &mut buffer[..length]);
        while let Some(event) = endpoint.poll_event() {
            match event {
                Event::Connected { .. } => {
                    return Ok(Device {
                        endpoint,
                        connection,
                    });
                }
                Event::Closed { reason, .. } => return Err(reason.to_string().into()),
                _ => {}
            }
        }
    }
}

impl<T: Traffic> Traffic for Secured<T> {
    fn request(&mut self, number: u32, message_id: u16, token: [u8; 8], datagram: &mut Vec<u8>) {
        self.plaintext.clear();
        self.inner
            .request(number, message_id, token, &mut self.plaintext);
        let now = since(self.began);
        let device = &mut self.devices[number as usize];
        // Where there is no session any more, nothing is sent, and the request counts as lost.
        let _ = device
            .endpoint
            .send(now, device.connection, &self.plaintext);
        if let Some(transmit) = device.endpoint.poll_transmit() {
            datagram.extend_from_slice(&transmit.data);
        }
    }

    fn answer(&mut self, number: u32, datagram: &[u8]) -> Answer {
        self.inner.answer(number, datagram)
    }

    fn open(&mut self, number: u32, datagram: &mut [u8]) -> Option<Vec<u8>> {
        let now = since(self.began);
        let endpoint = &mut self.devices.get_mut(number as usize)?.endpoint;
        endpoint.handle_datagram(now, self.server, datagram);
        loop {
            if let Event::Data { data, .. } = endpoint.poll_event()? {
                return Some(data);
            }
        }
    }

    fn is_secured(&self) -> bool {
        true
    }
}
