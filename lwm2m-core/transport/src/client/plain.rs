//! The task of a connection without security.

use super::Link;
use crate::{report::Report, udp::MAX_DATAGRAM};
use lwm2m_core::{peer::PeerIdentity, uri::ServerUri};
use std::{io, sync::Arc};

pub(super) async fn run(mut link: Link, target: ServerUri) {
    let (mut socket, address) = match link.socket(&target).await {
        Ok(found) => found,
        Err(reason) => return link.closed(reason).await,
    };
    let ready = Report::Ready {
        peer: link.peer,
        identity: Arc::new(PeerIdentity::None),
        address,
        #[cfg(feature = "webrtc")]
        accepted: None,
    };
    if !link.report(ready).await {
        return;
    }
    let mut buffer = vec![0; MAX_DATAGRAM];
    loop {
        tokio::select! {
            result = socket.recv(&mut buffer) => match result {
                Ok(length) => {
                    link.metrics.datagrams_received.add();
                    let data = buffer[..length].to_vec();
                    let peer = link.peer;
                    if !link.report(Report::Datagram { peer, data }).await {
                        return;
                    }
                }
                // Nobody listens there just now: the exchange layer above finds out by itself.
                Err(error) => link.failed(&error).await,
            },
            data = link.outbound.recv() => {
                let Some(data) = data else { return };
                if let Err(reason) = link.renew(&mut socket, address).await {
                    return link.closed(reason).await;
                }
                let sent = match socket.send(&data).await {
                    // That was the echo of an earlier datagram; this one has not been sent.
                    Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                        socket.send(&data).await
                    }
                    result => result,
                };
                match sent {
                    Ok(_) => link.metrics.datagrams_sent.add(),
                    Err(error) => {
                        link.metrics.outbound_dropped.add();
                        link.failed(&error).await;
                    }
                }
            }
        }
    }
}
