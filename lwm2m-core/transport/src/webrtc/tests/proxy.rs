//! A NAT between clients and a server: the server sees one address, whoever sends behind it, and the test decides what
//! passes.

use crate::tests::loopback;
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};
use tokio::{net::UdpSocket, task::JoinHandle};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    ToServer,
    ToClient,
}

/// How often a datagram passes: not at all, once, or more.
pub(super) trait Gate: FnMut(Direction, &[u8]) -> usize + Send + 'static {}

impl<F: FnMut(Direction, &[u8]) -> usize + Send + 'static> Gate for F {}

pub(super) struct Proxy {
    pub(super) address: SocketAddr,
    inside: Arc<UdpSocket>,
    outside: Arc<UdpSocket>,
    client: Arc<Mutex<Option<SocketAddr>>>,
    task: JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Proxy {
    pub(super) async fn new(server: SocketAddr, mut gate: impl Gate) -> Self {
        let inside = Arc::new(UdpSocket::bind(loopback()).await.unwrap());
        let outside = Arc::new(UdpSocket::bind(loopback()).await.unwrap());
        outside.connect(server).await.unwrap();
        let client = Arc::new(Mutex::new(None));
        let (from_inside, from_outside, newest) = (inside.clone(), outside.clone(), client.clone());
        let task = tokio::spawn(async move {
            let (mut up, mut down) = (vec![0; 65_535], vec![0; 65_535]);
            loop {
                tokio::select! {
                    Ok((length, address)) = from_inside.recv_from(&mut up) => {
                        *newest.lock().unwrap() = Some(address);
                        for _ in 0..gate(Direction::ToServer, &up[..length]) {
                            let _ = from_outside.send(&up[..length]).await;
                        }
                    }
                    Ok(length) = from_outside.recv(&mut down) => {
                        let client: Option<SocketAddr> = *newest.lock().unwrap();
                        if let Some(client) = client {
                            for _ in 0..gate(Direction::ToClient, &down[..length]) {
                                let _ = from_inside.send_to(&down[..length], client).await;
                            }
                        }
                    }
                }
            }
        });
        Proxy {
            address: inside.local_addr().unwrap(),
            inside,
            outside,
            client,
            task,
        }
    }

    /// One through which everything passes.
    pub(super) async fn open(server: SocketAddr) -> Self {
        Proxy::new(server, |_, _| 1).await
    }

    pub(super) fn uri(&self) -> String {
        format!("coaps://{}", self.address)
    }

    /// A datagram that the server takes to be the client's.
    pub(super) async fn forge_to_server(&self, datagram: &[u8]) {
        self.outside.send(datagram).await.unwrap();
    }

    /// A datagram that the client takes to be the server's.
    pub(super) async fn forge_to_client(&self, datagram: &[u8]) {
        let client = self.client.lock().unwrap().unwrap();
        self.inside.send_to(datagram, client).await.unwrap();
    }
}
