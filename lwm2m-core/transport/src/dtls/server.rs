//! coaps listeners.

use super::DtlsServerConfig;
use crate::{metrics::Metrics, server::BindError, transport::Received};
use lwm2m_core::peer::{PeerId, PeerIdentity};
use std::{
    net::SocketAddr,
    sync::Arc,
    task::{Context, Poll},
};

pub(crate) struct SecureListeners {
    metrics: Arc<Metrics>,
}

impl SecureListeners {
    pub(crate) fn new(metrics: Arc<Metrics>) -> Self {
        SecureListeners { metrics }
    }

    pub(crate) async fn bind(
        &mut self,
        _number: u16,
        address: SocketAddr,
        _config: DtlsServerConfig,
    ) -> Result<SocketAddr, BindError> {
        Err(BindError::Configuration {
            address,
            reason: "DTLS is not available yet".into(),
        })
    }

    pub(crate) fn poll(&mut self, _cx: &mut Context<'_>) -> Poll<Received> {
        Poll::Pending
    }

    pub(crate) fn send(&mut self, _peer: PeerId, _data: Vec<u8>) {
        self.metrics.outbound_dropped.add();
    }

    pub(crate) fn close(&mut self, _peer: PeerId) {}

    pub(crate) fn forget(&mut self, _identity: &PeerIdentity) {}

    pub(crate) async fn shutdown(&mut self) {}
}
