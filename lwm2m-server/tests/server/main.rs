//! The async handles, over a device that is a transport, on tokio's paused clock.

#![allow(clippy::unwrap_used, reason = "helpers outside of test functions")]

#[path = "../support/mod.rs"]
mod support;

mod credentials;
mod events;
mod firmware;
mod operations;
mod storing;

use lwm2m_server::{Device, Events, Server, ServerEvent};
use support::{From, Wire, WireDevice, register};

const LINKS: &str = "</1/0>,</3/0>,</5/0>,</3303>;ver=1.1,</3303/0>";

async fn until(events: &mut Events, mut found: impl FnMut(&ServerEvent) -> bool) -> ServerEvent {
    loop {
        let event = events.next().await.expect("the server runs");
        if found(&event) {
            return event;
        }
    }
}

/// Lets the device ask to be registered so.
fn ask(end: &WireDevice, query: &[&str]) {
    end.act(|device, now| device.send(now, register(query, LINKS)));
}

/// Has the device registered so.
async fn enter(end: &WireDevice, events: &mut Events, query: &[&str]) {
    ask(end, query);
    let registered = |event: &ServerEvent| matches!(event, ServerEvent::Registered { .. });
    until(events, registered).await;
}

/// A server that lets everybody in.
async fn open(wire: Wire) -> Server {
    let builder = Server::builder().danger_accept_unsecured();
    builder.start_on(wire).await.unwrap()
}

/// A server with device `a` of this version registered.
async fn registered(version: &str) -> (Server, WireDevice, Device) {
    let (wire, end) = Wire::new(From::address(1));
    let server = open(wire).await;
    let version = format!("lwm2m={version}");
    enter(&end, &mut server.events(), &["ep=a", "lt=86400", &version]).await;
    let device = server.device("a").await.unwrap();
    (server, end, device)
}
