//! Who may register and who may bootstrap.

use crate::{engine::AuthorizationTicket, event::RefusalReason};
use async_trait::async_trait;
use lwm2m_core::{operation::Register, peer::PeerIdentity};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::sync::mpsc;

/// Which interface a device asks on.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Interface {
    /// It wants to register, with this.
    Register(Arc<Register>),
    /// It wants to be given its configuration.
    Bootstrap,
}

/// What a device wants and who it has proven to be.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct AuthorizationRequest {
    /// The endpoint name in the request; may be absent from LwM2M 1.1.
    pub endpoint: Option<String>,
    /// Who the peer has proven to be.
    pub identity: PeerIdentity,
    /// Where it is.
    pub address: SocketAddr,
    /// What it wants.
    pub interface: Interface,
}

/// The answer to an [`AuthorizationRequest`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Authorization {
    /// It may, under this endpoint name.
    Accept {
        /// The name: the one asked for, or the one that belongs to the identity.
        endpoint: Arc<str>,
    },
    /// It may not; it is answered [`RefusalReason::code`].
    Refuse(RefusalReason),
}

/// Decides who may register or bootstrap; the default is [`SecurityStore`](crate::SecurityStore), for which the
/// endpoint name must belong to the identity.
///
/// It is asked for each registration and each bootstrap request, never for an update: that must come from the
/// identity that registered. It may take its time; only the device waits. Dropped by the server after
/// [`ServerConfig::authorization_timeout`](crate::ServerConfig::authorization_timeout).
#[async_trait]
pub trait Authorizer: Send + Sync + 'static {
    /// Decides.
    async fn authorize(&self, request: AuthorizationRequest) -> Authorization;
}

/// Has an authorizer decide, each question in a task of its own, and hands the decisions to `decided`.
pub(crate) async fn decide<F: Future<Output = ()> + Send>(
    authorizer: Arc<dyn Authorizer>,
    timeout: Duration,
    mut questions: mpsc::UnboundedReceiver<(AuthorizationTicket, AuthorizationRequest)>,
    decided: impl Fn(AuthorizationTicket, Authorization) -> F + Clone + Send + Sync + 'static,
) {
    while let Some((ticket, request)) = questions.recv().await {
        let (authorizer, decided) = (authorizer.clone(), decided.clone());
        tokio::spawn(async move {
            // When this runs out, the engine has answered the device by itself.
            if let Ok(decision) = tokio::time::timeout(timeout, authorizer.authorize(request)).await
            {
                decided(ticket, decision).await;
            }
        });
    }
}
