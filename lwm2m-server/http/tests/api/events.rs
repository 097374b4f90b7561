//! The event stream: what it begins with, its bounds, its end.

use crate::{
    device::TestDevice,
    support::{Api, PATIENCE, answer, request},
};
use axum::http::{Method, StatusCode};
use lwm2m_server::ServerEvent;
use serde_json::json;
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime::Builder,
    sync::oneshot,
};

#[tokio::test]
async fn what_was_published_is_there_for_who_comes_later() {
    let api = Api::start().await;
    api.state.publish(
        "tour",
        json!({"endpoint": "a", "step": "reads", "state": "passed"}),
    );
    let mut now = api.events("").await;
    let mut late = api.events("?backlog=true").await;
    let event = late.next().await.unwrap();
    assert_eq!(
        (&event["kind"], &event["endpoint"]),
        (&json!("tour"), &json!("a"))
    );
    assert_eq!(event["data"]["step"], "reads");
    assert_eq!(late.next().await.unwrap()["kind"], "live");
    api.state
        .publish("note", json!({"text": "one\nline\r\nor more"}));
    for stream in [&mut now, &mut late] {
        let event = stream.next().await.unwrap();
        assert_eq!(
            (&event["kind"], &event["data"]["text"]),
            (&json!("note"), &json!("one\nline\r\nor more"))
        );
    }
    let last = event["id"].to_string();
    let mut again = api.events_with("", &[("last-event-id", &last)]).await;
    assert_eq!(again.next().await.unwrap()["kind"], "note");
    let mut filtered = api.events("?backlog=true&kinds=other,note").await;
    assert_eq!(filtered.next().await.unwrap()["kind"], "note");
}

#[tokio::test]
async fn who_reads_too_slowly_hears_how_much_was_lost() {
    let api = Api::start_with(|mut config| {
        config.event_buffer = 4;
        config.published_backlog = 4;
        config
    })
    .await;
    let mut stream = api.events("").await;
    for number in 0..10 {
        api.state.publish("note", json!({"number": number}));
    }
    let lag = stream.next().await.unwrap();
    assert_eq!(
        (&lag["kind"], &lag["data"]["missed"]),
        (&json!("lag"), &json!(6))
    );
    assert_eq!(stream.next().await.unwrap()["data"]["number"], 6);
}

#[tokio::test]
async fn streams_are_bounded_and_end_with_the_program() {
    let api = Api::start_with(|mut config| {
        config.max_event_streams = 1;
        config
    })
    .await;
    let mut first = api.events("").await;
    let (status, problem) = answer(api.send(request(Method::GET, "/api/events", None)).await).await;
    assert_eq!(
        (status, &problem["code"]),
        (StatusCode::SERVICE_UNAVAILABLE, &json!("busy"))
    );
    api.state.close();
    assert_eq!(first.next().await, None);
    drop(first);
    let mut late = api.events("").await;
    assert_eq!(late.next().await, None);
}

#[tokio::test]
async fn what_has_happened_is_told_before_the_end() {
    let api = Api::start().await;
    let mut stream = api.events("").await;
    for number in 0..3 {
        api.state.publish("note", json!({"number": number}));
    }
    api.state.close();
    for number in 0..3 {
        let event = stream.next().await.expect("an event before the end");
        assert_eq!(event["data"]["number"], number);
    }
    assert_eq!(stream.next().await, None);
}

/// The servers run by themselves, and what is of the API runs only where it is waited for.
#[test]
fn what_servers_have_told_last_is_told_before_the_end() {
    let mut builder = Builder::new_multi_thread();
    let servers = builder.worker_threads(1).enable_all().build().unwrap();
    let pages = Builder::new_current_thread().enable_all().build().unwrap();
    let (server, bootstrap) = servers.block_on(Api::servers());
    let api = pages.block_on(async { Api::over(server, bootstrap, |config| config) });
    let mut stream = pages.block_on(api.events(""));
    let _devices = servers.block_on(async {
        let mut events = api.server.events();
        let mut devices = Vec::new();
        for number in 0..200 {
            let name = format!("device-{number}");
            devices.push(TestDevice::register(api.coap(), &name).await);
            while !matches!(events.next().await, Some(ServerEvent::Registered { .. })) {}
        }
        devices
    });
    api.state.close();
    pages.block_on(async {
        for number in 0..200 {
            let event = stream.next().await.expect("an event before the end");
            assert_eq!(event["kind"], "registered");
            assert_eq!(event["endpoint"], format!("device-{number}"));
        }
        assert_eq!(stream.next().await, None);
    });
}

#[tokio::test]
async fn serving_ends_though_a_stream_is_open() {
    let api = Api::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (end, ended) = oneshot::channel::<()>();
    let serving = tokio::spawn(lwm2m_http::serve(listener, api.state.clone(), async {
        ended.await.ok();
    }));
    let mut socket = TcpStream::connect(address).await.unwrap();
    let head = format!("GET /api/events HTTP/1.1\r\nHost: {address}\r\n\r\n");
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut byte = [0; 1];
    socket.read_exact(&mut byte).await.unwrap();
    end.send(()).unwrap();
    let result = tokio::time::timeout(PATIENCE, serving).await;
    result.expect("serve was to end").unwrap().unwrap();
    let mut rest = Vec::new();
    let read = tokio::time::timeout(PATIENCE, socket.read_to_end(&mut rest)).await;
    read.expect("the connection was to end").unwrap();
    let text = String::from_utf8(rest).unwrap();
    assert!(text.contains("content-type: text/event-stream"), "{text}");
}

#[tokio::test]
async fn a_quiet_stream_says_that_it_is_alive() {
    let api = Api::start_with(|mut config| {
        config.keep_alive = Duration::from_millis(1);
        config
    })
    .await;
    let response = api.send(request(Method::GET, "/api/events", None)).await;
    let mut body = response.into_body().into_data_stream();
    let chunk = tokio::time::timeout(PATIENCE, futures_util::StreamExt::next(&mut body)).await;
    let chunk = chunk.expect("a sign of life was to come").unwrap().unwrap();
    assert!(chunk.starts_with(b":"));
}
