//! A device of tests: a client endpoint on a socket, of which every datagram can be seen, kept and said again.

use super::shared_tests::KEY;
use crate::tests::PATIENCE;
use lwm2m_core::{engine::CloseReason, secret::Secret, time::Instant};
use lwm2m_dtls::{
    CipherSuite, ClientConfig, ClientCredentials, Connection, Endpoint, EndpointConfig, Event,
    crypto::ring::Ring,
};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use std::{net::SocketAddr, sync::Arc};
use tokio::net::UdpSocket;

pub(crate) use crate::tests::loopback;

pub(crate) struct Device {
    pub(crate) socket: UdpSocket,
    pub(crate) endpoint: Endpoint,
    pub(crate) connection: Connection,
    zero: tokio::time::Instant,
    /// All datagrams, as they were on the wire.
    sent: Vec<Vec<u8>>,
    heard: Vec<Vec<u8>>,
    pub(crate) socket_errors: usize,
}

impl Device {
    /// Makes a connection, as `device` with its key.
    pub(crate) async fn connect(server: SocketAddr, suite: CipherSuite) -> Self {
        let socket = UdpSocket::bind(loopback()).await.unwrap();
        socket.connect(server).await.unwrap();
        let random = Box::new(ChaCha20Rng::from_os_rng());
        let config = EndpointConfig::default();
        let mut endpoint = Endpoint::new(config, None, Arc::new(Ring::new()), random).unwrap();
        let mut client = ClientConfig::new(ClientCredentials::Psk {
            identity: b"device".to_vec(),
            key: Arc::new(Secret::new(KEY.to_vec())),
        });
        client.suites = vec![suite];
        let connection = endpoint.connect(Instant::ZERO, server, client).unwrap();
        let mut device = Device {
            socket,
            endpoint,
            connection,
            zero: tokio::time::Instant::now(),
            sent: Vec::new(),
            heard: Vec::new(),
            socket_errors: 0,
        };
        match device.event().await {
            Event::Connected { .. } => device,
            other => panic!("{other:?}"),
        }
    }

    fn now(&self) -> Instant {
        Instant::ZERO + self.zero.elapsed()
    }

    async fn transmit(&mut self) {
        while let Some(transmit) = self.endpoint.poll_transmit() {
            // The server may be away just now.
            if self.socket.send(&transmit.data).await.is_err() {
                self.socket.send(&transmit.data).await.unwrap();
            }
            self.sent.push(transmit.data);
        }
    }

    async fn event(&mut self) -> Event {
        let waiting = async {
            let mut buffer = [0; 2048];
            loop {
                self.transmit().await;
                if let Some(event) = self.endpoint.poll_event() {
                    return event;
                }
                let at = self.endpoint.poll_timeout();
                let at = at.map_or(PATIENCE, |at| at.since(self.now()));
                match tokio::time::timeout(at, self.socket.recv(&mut buffer)).await {
                    Ok(Ok(length)) => {
                        self.heard.push(buffer[..length].to_vec());
                        let (now, from) = (self.now(), self.socket.peer_addr().unwrap());
                        self.endpoint
                            .handle_datagram(now, from, &mut buffer[..length]);
                    }
                    Ok(Err(_)) => self.socket_errors += 1,
                    Err(_) => {
                        let now = self.now();
                        self.endpoint.handle_timeout(now);
                    }
                }
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.unwrap()
    }

    pub(crate) async fn data(&mut self) -> Vec<u8> {
        match self.event().await {
            Event::Data { data, .. } => data,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn closed(&mut self) -> CloseReason {
        match self.event().await {
            Event::Closed { reason, .. } => reason,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn send(&mut self, data: &[u8]) {
        let now = self.now();
        self.endpoint.send(now, self.connection, data).unwrap();
        self.transmit().await;
    }

    /// Several records in one datagram.
    pub(crate) async fn send_together(&mut self, data: &[&[u8]]) {
        let now = self.now();
        for data in data {
            self.endpoint.send(now, self.connection, data).unwrap();
        }
        let records = std::iter::from_fn(|| self.endpoint.poll_transmit());
        let datagram: Vec<u8> = records.flat_map(|transmit| transmit.data).collect();
        self.socket.send(&datagram).await.unwrap();
    }

    pub(crate) async fn close(&mut self) {
        let now = self.now();
        self.endpoint.close(now, self.connection);
        self.transmit().await;
    }

    /// The datagrams with data that were sent.
    pub(crate) fn protected(&self) -> impl Iterator<Item = &Vec<u8>> {
        self.sent.iter().filter(|sent| matches!(sent[0], 23 | 25))
    }

    /// The sequence numbers of all protected records that came, in their order; each ends its datagram.
    pub(crate) fn heard_numbers(&self) -> impl Iterator<Item = u64> {
        self.heard.iter().filter_map(|datagram| {
            let mut rest = &datagram[..];
            while rest.len() >= 13 {
                // Type, version, epoch, sequence number, length; we have no Connection ID.
                if rest[3..5] == [0, 1] {
                    let number = rest[5..11].iter();
                    return Some(number.fold(0, |sum, byte| sum << 8 | u64::from(*byte)));
                }
                let length = usize::from(u16::from_be_bytes([rest[11], rest[12]]));
                rest = rest.get(13 + length..).unwrap_or_default();
            }
            None
        })
    }
}
