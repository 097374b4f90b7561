//! Over real sockets on the loopback interface, with DTLS; waits for events, never for time.

use super::*;
use crate::{
    Account, ServerAccount,
    engine::tests::{Scripted, builder, get, path_of, request, text},
    event::SessionError,
};
use lwm2m_core::{
    coap::{Code, option},
    secret::Secret,
    uri::{Scheme, ServerUri},
};
use lwm2m_transport::{DtlsServerConfig, EngineHandle, PskTable, ServerTransport};
use std::vec;

async fn server() -> (EngineHandle<Scripted>, ServerUri) {
    let keys = PskTable::new();
    keys.insert("device", Secret::new([7; 16].to_vec()));
    let config = DtlsServerConfig::new(Arc::new(keys));
    let transport = ServerTransport::builder()
        .coaps("127.0.0.1:0".parse().unwrap(), config)
        .bind()
        .await
        .unwrap();
    let port = transport.local_addresses()[0].1.port();
    let handle = spawn(Scripted::new(1), transport, |()| {});
    (handle, ServerUri::new(Scheme::Coaps, "127.0.0.1", port))
}

fn account(uri: &ServerUri, key: u8) -> ServerAccount {
    let account = Account::coaps(uri.clone(), "device", [key; 16].to_vec());
    ServerAccount::new(7, account)
}

async fn until(events: &mut Events, wanted: impl Fn(&ClientEvent) -> bool) -> ClientEvent {
    let limit = Duration::from_secs(60);
    let event = async {
        loop {
            let event = events.next().await.expect("the client runs");
            if wanted(&event) {
                return event;
            }
        }
    };
    tokio::time::timeout(limit, event).await.expect("in time")
}

// proves: REG-48
#[tokio::test]
async fn another_address_is_another_socket() {
    // With a Connection ID the same session goes on, and an update tells the server.
    let keys = PskTable::new();
    keys.insert("device", Secret::new([7; 16].to_vec()));
    let transport = ServerTransport::builder()
        .coaps(
            "127.0.0.1:0".parse().unwrap(),
            DtlsServerConfig::new(Arc::new(keys)),
        )
        .coap("127.0.0.1:0".parse().unwrap())
        .bind()
        .await
        .unwrap();
    let [(_, secured), (_, plain)] = transport.local_addresses()[..] else {
        panic!("two listeners");
    };
    let metrics = transport.metrics();
    let server = spawn(Scripted::new(1), transport, |()| {});
    let uri = ServerUri::new(Scheme::Coaps, "127.0.0.1", secured.port());
    let client = builder().server(account(&uri, 7)).start().await.unwrap();
    let mut events = client.events();
    until(&mut events, |e| matches!(e, ClientEvent::Registered { .. })).await;
    client.address_changed().await.unwrap();
    let told = |e: &ClientEvent| {
        let lost = matches!(e, ClientEvent::RegistrationLost { .. });
        assert!(!lost, "{e:?}");
        matches!(e, ClientEvent::Updated { .. })
    };
    until(&mut events, told).await;
    let counted = metrics.snapshot();
    assert_eq!((counted.handshakes_started, counted.sessions_moved), (1, 1));
    client.deregister_and_stop().await;

    // Without security the server sees another peer, which registers anew.
    let uri = ServerUri::new(Scheme::Coap, "127.0.0.1", plain.port());
    let account = ServerAccount::new(7, Account::nosec(uri));
    let client = builder().server(account).start().await.unwrap();
    let mut events = client.events();
    let mut seen = Vec::new();
    for _ in 0..2 {
        until(&mut events, |e| matches!(e, ClientEvent::Registered { .. })).await;
        seen.push(server.call(|server, _| server.peer).await.unwrap());
        client.address_changed().await.unwrap();
    }
    assert!(seen[0] != seen[1], "{seen:?}");
}

#[tokio::test]
async fn registers_is_managed_and_says_goodbye() {
    let (server, uri) = server().await;
    let client = builder().server(account(&uri, 7)).start().await.unwrap();
    let mut events = client.events();
    until(&mut events, |e| matches!(e, ClientEvent::Registered { .. })).await;
    assert_eq!(client.registered().await, Ok(vec![7]));

    // An observation, and a value that changes.
    let observe = get("3303/0/5700").uint_option(option::OBSERVE, 0);
    server
        .call(|server, now| server.ask_first(now, observe))
        .await
        .unwrap();
    until(&mut events, |e| {
        matches!(e, ClientEvent::ObservationStarted { .. })
    })
    .await;
    client.set("/3303/0/5700", 21.5).await.unwrap();
    assert_eq!(client.value("/3303/0/5700").await, Ok(21.5.into()));
    assert!(matches!(
        client.set("nonsense", 1).await,
        Err(ClientError::Path(_))
    ));
    assert!(matches!(
        client.set("/3303/0/5700", "x").await,
        Err(ClientError::Object(_))
    ));
    assert!(matches!(
        client.send(&["/3/0/0"]).await,
        Err(ClientError::Send(SendError::Muted))
    ));

    // A reboot is a new session and a new registration.
    client.reboot().await.unwrap();
    until(&mut events, |e| *e == ClientEvent::Restarted).await;
    until(&mut events, |e| matches!(e, ClientEvent::Registered { .. })).await;

    client.deregister_and_stop().await;
    assert_eq!(client.update().await, Err(ClientError::Stopped));
    assert!(client.events().next().await.is_none());
    let asked = server
        .call(|server, _| core::mem::take(&mut server.asked))
        .await
        .unwrap();
    let asked: Vec<_> = asked.iter().map(|(r, _)| (r.code, path_of(r))).collect();
    assert_eq!(
        asked,
        [
            (Code::POST, "rd".into()),
            (Code::POST, "rd".into()),
            (Code::DELETE, "rd/2".into())
        ]
    );
    let notified = server
        .call(|server, _| server.notifications())
        .await
        .unwrap();
    assert_eq!(notified.iter().map(text).collect::<Vec<_>>(), ["21.5"]);
}

#[tokio::test]
async fn a_wrong_key_is_told_and_tried_again_later() {
    let (_server, uri) = server().await;
    let client = builder().server(account(&uri, 8)).start().await.unwrap();
    let mut events = client.events();
    let failed = until(&mut events, |e| {
        matches!(e, ClientEvent::RegistrationFailed { .. })
    })
    .await;
    assert!(
        matches!(
            failed,
            ClientEvent::RegistrationFailed {
                server: 7,
                reason: SessionError::Connection(_),
                retry_in: Some(_),
            }
        ),
        "{failed:?}"
    );
    client.kill().await;
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn executes_reach_the_program() {
    let (server, uri) = server().await;
    let client = builder().server(account(&uri, 7)).start().await.unwrap();
    let mut events = client.events();
    until(&mut events, |e| matches!(e, ClientEvent::Registered { .. })).await;
    let reboot = request(Code::POST, "3/0/4");
    server
        .call(|server, now| server.ask_first(now, reboot))
        .await
        .unwrap();
    until(&mut events, |e| {
        *e == ClientEvent::RebootRequested { server: 7 }
    })
    .await;
    client.kill().await;
}
