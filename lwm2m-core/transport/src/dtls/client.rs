//! The task of a coaps connection.

use crate::client::Link;
use lwm2m_core::{
    engine::{CloseReason, Credentials},
    uri::ServerUri,
};

pub(crate) async fn run(link: Link, _target: ServerUri, _credentials: Credentials) {
    link.closed(CloseReason::Unsupported("DTLS".into())).await;
}
