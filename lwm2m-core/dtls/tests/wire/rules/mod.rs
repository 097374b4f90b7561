//! One test for each rule that a peer can break: what the engine says to it.

mod negotiation;
mod proofs;
mod records;

use crate::{
    peer::{Peer, Plan, encode, kinds::*},
    protocol::*,
};
use lwm2m_dtls::{CipherSuite, ExtendedMasterSecret};
use std::time::Duration;

const CLOSE_NOTIFY: u8 = 0;
const HANDSHAKE_FAILURE: u8 = 40;
const UNSUPPORTED_CERTIFICATE: u8 = 43;
const CERTIFICATE_UNKNOWN: u8 = 46;
const ILLEGAL_PARAMETER: u8 = 47;
const DECODE_ERROR: u8 = 50;
const DECRYPT_ERROR: u8 = 51;
const PROTOCOL_VERSION: u8 = 70;
const NO_RENEGOTIATION: u8 = 100;
const UNSUPPORTED_EXTENSION: u8 = 110;
const UNKNOWN_PSK_IDENTITY: u8 = 115;

/// The handshake has ended, with this alert and nothing behind it.
#[track_caller]
pub(crate) fn ends_with(peer: &Peer, alert: u8) {
    assert_eq!(peer.alerts, [[2, alert]], "{:?}", peer.ended);
    assert_eq!(peer.ended.len(), 1);
    assert!(peer.connected.is_none());
    assert_eq!(peer.engine.handshake_count(), 0);
    assert_eq!(peer.engine.session_count(), 0);
}

/// A client engine that is told this ServerHello.
pub(crate) fn hears(plan: Plan, hello: impl FnOnce(&Peer) -> Vec<u8>) -> Peer {
    let mut peer = plan.server();
    let hello = hello(&peer);
    peer.say(SERVER_HELLO, &hello);
    peer
}

pub(crate) fn hears_with(plan: Plan, number: u16, body: &[u8]) -> Peer {
    hears(plan, |peer| {
        let mut extensions = peer.extensions();
        extensions.retain(|(other, _)| *other != number);
        extensions.push((number, body.to_vec()));
        peer.server_hello_with(peer.plan.suite.number(), &extensions)
    })
}

/// A client whose cookie is right, in front of a server engine.
pub(crate) fn asks(plan: Plan) -> Peer {
    let mut peer = plan.client();
    let hello = peer.client_hello();
    peer.say(CLIENT_HELLO, &hello);
    assert!(!peer.cookie.is_empty());
    peer
}

/// A client engine that waits for the ServerKeyExchange.
fn with_certificate() -> Peer {
    let mut peer = hears(Plan::ecdhe(), Peer::server_hello);
    let certificate = peer.certificate();
    peer.say(CERTIFICATE, &certificate);
    assert!(peer.ended.is_empty());
    peer
}
