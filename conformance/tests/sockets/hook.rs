//! The trigger that is given with the tool, `hooks/http_api.py`, over the HTTP API of our server.

use crate::{NAME, assert_not_applicable, assert_passed, pace};
use lwm2m_conformance::judge::server::{Access, CommandTrigger, ServerJudge, Settings};
use lwm2m_core::uri::{Scheme, ServerUri};
use lwm2m_http::{HttpConfig, HttpState};
use lwm2m_server::{Listener, Server};
use std::{os::unix::fs::PermissionsExt, path::PathBuf, process::Command};
use tokio::net::TcpListener;

/// A program that calls the hook with the address of this API.
fn wrapper(api: &str) -> PathBuf {
    let hook = concat!(env!("CARGO_MANIFEST_DIR"), "/hooks/http_api.py");
    let name = format!("lwm2m-judge-hook-{}.sh", std::process::id());
    let path = std::env::temp_dir().join(name);
    let script = format!("#!/bin/sh\nLWM2M_HTTP_API={api} exec python3 {hook} \"$@\"\n");
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
#[allow(
    clippy::print_stdout,
    reason = "a skipped test says so where the report looks for it"
)]
async fn a_command_orders_operations() {
    if Command::new("python3").arg("--version").output().is_err() {
        println!("skipped: there is no python3");
        return;
    }
    let server = Server::builder()
        .listen(Listener::coap("127.0.0.1:0"))
        .danger_accept_unsecured()
        .start()
        .await
        .unwrap();
    let state = HttpState::new(HttpConfig::new(server.clone())).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let api = format!("http://{}", listener.local_addr().unwrap());
    let serving = tokio::spawn(lwm2m_http::serve(listener, state, std::future::pending()));
    let command = wrapper(&api);
    let (_, address) = server.local_addresses()[0];
    let access = Access {
        uri: ServerUri::new(Scheme::Coap, "127.0.0.1", address.port()),
        psk: None,
        certificate: None,
    };
    let mut settings = Settings::new(access, NAME);
    settings.pace = pace();
    let mut judge = ServerJudge::start(settings, Box::new(CommandTrigger::new(&command)));
    let cases = [
        103, 201, 203, 205, 215, 223, 226, 230, 257, 260, 280, 301, 303, 305, 652, 755, 1630, 1635,
    ];
    let report = judge.run(&cases, |_| {}).await.unwrap();
    std::fs::remove_file(command).unwrap();
    let judged: Vec<u16> = cases.into_iter().filter(|case| *case != 755).collect();
    assert_passed(&report, &judged);
    assert_not_applicable(&report, 755, "does not offer");
    judge.stop().await;
    serving.abort();
    server.stop().await;
}
