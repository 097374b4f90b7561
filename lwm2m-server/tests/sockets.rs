//! Listeners on real sockets of the loopback interface.
#![allow(clippy::unwrap_used, reason = "helpers outside of test functions")]

use lwm2m_core::{
    coap::{Code, Message, MessageKind, Token, option},
    uri::Scheme,
};
use lwm2m_server::{BootstrapServer, Listener, Server, ServerEvent, StartError};
use std::time::Duration;
use tokio::net::UdpSocket;

#[tokio::test]
async fn a_port_in_use_is_named() {
    let taken = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap();
    for listener in [Listener::coap(address), Listener::coaps(address)] {
        let name = listener.to_string();
        let error = Server::builder()
            .listen(listener.clone())
            .start()
            .await
            .err()
            .unwrap();
        assert!(matches!(error, StartError::Listen { .. }), "{error}");
        assert!(error.to_string().contains(&name), "{error}");
        let error = BootstrapServer::builder()
            .listen(listener)
            .start()
            .await
            .err()
            .unwrap();
        assert!(error.to_string().contains(&name), "{error}");
    }
}

#[tokio::test]
async fn nothing_to_listen_on() {
    assert!(matches!(
        Server::builder().start().await,
        Err(StartError::NoListener)
    ));
    let nowhere = Server::builder()
        .listen(Listener::coap("no port here"))
        .start()
        .await;
    assert!(matches!(nowhere, Err(StartError::Listen { .. })));
}

// proves: GEN-11, GEN-26
#[tokio::test]
async fn a_registration_over_udp() {
    let server = Server::builder()
        .listen(Listener::coap("127.0.0.1:0"))
        .danger_accept_unsecured()
        .start()
        .await
        .unwrap();
    let [(Scheme::Coap, address)] = server.local_addresses()[..] else {
        panic!("one listener")
    };
    let mut events = server.events();
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut message = Message::new(
        MessageKind::Confirmable,
        Code::POST,
        7,
        Token::new(b"t").unwrap(),
    );
    message.options.push(option::URI_PATH, b"rd");
    for query in ["ep=a", "lt=60", "lwm2m=1.1"] {
        message.options.push(option::URI_QUERY, query.as_bytes());
    }
    message.options.set_uint(option::CONTENT_FORMAT, 40);
    message.payload = b"</1/0>,</3/0>".to_vec().into();
    socket
        .send_to(&message.encode().unwrap(), address)
        .await
        .unwrap();
    let event = tokio::time::timeout(Duration::from_secs(30), events.next())
        .await
        .unwrap();
    assert!(matches!(event, Some(ServerEvent::Registered { .. })));
    let mut buffer = [0; 1500];
    let length = tokio::time::timeout(Duration::from_secs(30), socket.recv(&mut buffer))
        .await
        .unwrap()
        .unwrap();
    let answer = Message::parse(&buffer[..length]).unwrap();
    assert_eq!((answer.code, answer.id), (Code::CREATED, 7));
    assert!(server.transport_metrics().unwrap().datagrams_received >= 1);
    server.stop().await;
    assert!(events.next().await.is_none());
}
