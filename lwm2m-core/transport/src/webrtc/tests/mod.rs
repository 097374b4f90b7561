//! What the demultiplexer in front of the backend defends, over the loopback interface.

mod hostile;
mod proxy;

use super::shared_tests::*;
use lwm2m_core::engine::CloseReason;

#[tokio::test]
async fn a_session_without_connection_id_ends_when_the_address_changes() {
    let mut server = Server::psk().await;
    let mut device_client = client();
    let (peer, name) = converse(&mut server, &mut device_client, device(&KEY)).await;
    let rebound = device_client.handle.call(move |toy, _| toy.rebind(peer));
    rebound.await.unwrap();
    let (closed, reason) = device_client.closed().await;
    assert_eq!(closed, peer);
    assert!(reason.to_string().contains("Connection ID"), "{reason}");
    assert_eq!(server.running.closed().await, (name, CloseReason::ByPeer));
}
