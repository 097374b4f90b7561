//! The task of an established session, on either side.

use crate::{metrics::Metrics, report::Report};
use lwm2m_core::{engine::CloseReason, peer::PeerId};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep_until},
};
use webrtc_dtls::conn::DTLSConn;

/// The most plaintext that one record carries here: what the backend can receive (8 KiB) is less.
const MAX_PLAINTEXT: usize = 8192;

pub(crate) struct Session {
    pub(crate) peer: PeerId,
    pub(crate) backend: DTLSConn,
    /// Ends when the engine closes the session.
    pub(crate) outbound: mpsc::Receiver<Vec<u8>>,
    /// Tells, without a goodbye, that the session has to go.
    pub(crate) end: oneshot::Receiver<CloseReason>,
    pub(crate) reports: mpsc::Sender<Report>,
    pub(crate) idle_timeout: Option<Duration>,
    pub(crate) metrics: Arc<Metrics>,
}

enum End {
    /// By the engine, which wants to hear no more of it.
    Wanted,
    Reported(CloseReason),
    /// The same, and the peer is told.
    Goodbye(CloseReason),
}

impl Session {
    /// Carries datagrams until the session ends, and reports the end unless the engine wanted it.
    pub(crate) async fn run(mut self) {
        let reason = match self.carry().await {
            End::Wanted => {
                self.say_goodbye().await;
                return;
            }
            End::Goodbye(reason) => {
                self.say_goodbye().await;
                reason
            }
            End::Reported(reason) => reason,
        };
        let peer = self.peer;
        // Nobody listens any more when the transport is being shut down.
        let _ = self.reports.send(Report::Closed { peer, reason }).await;
    }

    async fn say_goodbye(&self) {
        if let Err(error) = self.backend.close().await {
            tracing::debug!(peer = %self.peer, %error, "cannot send close_notify");
        }
    }

    async fn carry(&mut self) -> End {
        let mut buffer = vec![0; MAX_PLAINTEXT];
        let mut heard = Instant::now();
        // Without an end tens of years from now are as good.
        let idle_timeout = self
            .idle_timeout
            .unwrap_or(Duration::from_secs(u32::MAX.into()));
        loop {
            tokio::select! {
                read = self.backend.read(&mut buffer, None) => {
                    let Ok(length) = read else {
                        // A close_notify, a fatal alert, or a record that the backend took for an attack.
                        return End::Reported(CloseReason::ByPeer);
                    };
                    heard = Instant::now();
                    let (peer, data) = (self.peer, buffer[..length].to_vec());
                    if self.reports.send(Report::Datagram { peer, data }).await.is_err() {
                        return End::Wanted;
                    }
                }
                data = self.outbound.recv() => {
                    let Some(data) = data else {
                        return End::Wanted;
                    };
                    if let Err(error) = self.backend.write(&data, None).await {
                        tracing::debug!(peer = %self.peer, %error, "cannot send");
                        self.metrics.outbound_dropped.add();
                    }
                }
                // A dropped sender is a client's: it has nobody who ends sessions from outside.
                Ok(reason) = &mut self.end => return End::Reported(reason),
                () = sleep_until(heard + idle_timeout) => {
                    self.metrics.sessions_idle.add();
                    return End::Goodbye(CloseReason::Idle);
                }
            }
        }
    }
}
