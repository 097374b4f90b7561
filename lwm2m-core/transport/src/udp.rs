//! A UDP socket that listens, with a bounded queue for what the system does not take at once.

use crate::metrics::Metrics;
use socket2::SockRef;
use std::{
    collections::VecDeque,
    future::{Future, poll_fn},
    io::{self, ErrorKind},
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::ReadBuf,
    net::UdpSocket,
    time::{Sleep, sleep},
};
use tracing::debug;

/// The largest payload of a UDP datagram, and then some.
pub(crate) const MAX_DATAGRAM: usize = 65_535;

/// How long a socket rests after an error, so that an error that stays does not become a busy loop.
pub(crate) const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(10);

/// How much a listening socket keeps while one side is behind.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    /// Datagrams that wait to be sent.
    pub(crate) send_queue: usize,
    /// Bytes that the system keeps until they are read.
    pub(crate) receive_buffer: usize,
}

pub(crate) struct UdpListener {
    socket: UdpSocket,
    local: SocketAddr,
    queue: VecDeque<(SocketAddr, Vec<u8>)>,
    capacity: usize,
    buffer: Box<[u8]>,
    pause: Option<Pin<Box<Sleep>>>,
    metrics: Arc<Metrics>,
}

impl UdpListener {
    pub(crate) async fn bind(
        address: SocketAddr,
        room: Room,
        metrics: Arc<Metrics>,
    ) -> io::Result<Self> {
        let socket = UdpSocket::bind(address).await?;
        SockRef::from(&socket).set_recv_buffer_size(room.receive_buffer)?;
        Ok(UdpListener {
            local: socket.local_addr()?,
            socket,
            queue: VecDeque::new(),
            capacity: room.send_queue,
            buffer: vec![0; MAX_DATAGRAM].into(),
            pause: None,
            metrics,
        })
    }

    pub(crate) fn local_address(&self) -> SocketAddr {
        self.local
    }

    /// Sends at once where the system takes it, else queues, else drops.
    pub(crate) fn send(&mut self, to: SocketAddr, data: Vec<u8>) {
        if self.queue.is_empty() {
            match self.socket.try_send_to(&data, to) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                result => return self.sent(to, result),
            }
        }
        if self.queue.len() < self.capacity {
            self.queue.push_back((to, data));
        } else {
            self.metrics.outbound_dropped.add();
        }
    }

    /// Sends what is queued as far as the system takes it, then receives.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<(SocketAddr, Vec<u8>)> {
        // Nothing follows from an emptied queue: only reading makes this ready.
        let _ = self.poll_flush(cx);
        if let Some(pause) = &mut self.pause {
            if pause.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.pause = None;
        }
        let mut buffer = ReadBuf::new(&mut self.buffer);
        match self.socket.poll_recv_from(cx, &mut buffer) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(from)) => {
                self.metrics.datagrams_received.add();
                Poll::Ready((from, buffer.filled().to_vec()))
            }
            Poll::Ready(Err(error)) => {
                debug!(local = %self.local, %error, "cannot receive");
                self.metrics.socket_errors.add();
                let mut pause = Box::pin(sleep(PAUSE_AFTER_ERROR));
                if pause.as_mut().poll(cx).is_ready() {
                    cx.waker().wake_by_ref();
                }
                self.pause = Some(pause);
                Poll::Pending
            }
        }
    }

    /// Sends what is queued.
    pub(crate) async fn flush(&mut self) {
        poll_fn(|cx| self.poll_flush(cx)).await;
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while let Some((to, data)) = self.queue.front() {
            match self.socket.poll_send_to(cx, data, *to) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(result) => {
                    let to = *to;
                    self.queue.pop_front();
                    self.sent(to, result);
                }
            }
        }
        Poll::Ready(())
    }

    fn sent(&self, to: SocketAddr, result: io::Result<usize>) {
        match result {
            Ok(_) => self.metrics.datagrams_sent.add(),
            Err(error) => {
                debug!(local = %self.local, %to, %error, "cannot send");
                self.metrics.socket_errors.add();
                self.metrics.outbound_dropped.add();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_receive_buffer_is_as_large_as_asked_for() {
        let metrics = Arc::new(Metrics::default());
        for wanted in [1 << 14, 1 << 16] {
            let address = (std::net::Ipv4Addr::LOCALHOST, 0).into();
            let room = Room {
                send_queue: 1,
                receive_buffer: wanted,
            };
            let listener = UdpListener::bind(address, room, metrics.clone()).await;
            let socket = listener.unwrap().socket;
            // Linux counts its own book-keeping in, and doubles what it is asked for.
            let granted = SockRef::from(&socket).recv_buffer_size().unwrap();
            assert!((wanted..=2 * wanted).contains(&granted), "{granted}");
        }
    }
}
