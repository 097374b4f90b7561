//! The program as a user runs it: a server, and requests to it.
#![allow(clippy::unwrap_used, reason = "helpers outside of test functions")]

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, ChildStdout, Command, Output, Stdio},
};

struct Server {
    process: Child,
    uri: String,
    // Kept, so that the server may go on to speak.
    _output: BufReader<ChildStdout>,
}

impl Server {
    fn start(options: &[&str]) -> Self {
        let mut process = program(&["serve", "--listen", "127.0.0.1:0"])
            .args(options)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let uri = line
            .trim()
            .strip_prefix("listening on ")
            .unwrap()
            .to_owned();
        Server {
            process,
            uri,
            _output: output,
        }
    }

    fn ask(&self, method: &str, path: &str, options: &[&str]) -> Output {
        let uri = format!("{}{path}", self.uri);
        let mut command = program(&["request", method, &uri]);
        command.args(options).output().unwrap()
    }

    /// Exit code, code of the response, payload.
    fn answer(&self, method: &str, path: &str, options: &[&str]) -> (i32, String, String) {
        let output = self.ask(method, path, options);
        let text = String::from_utf8(output.stderr).unwrap();
        let code = text.split(' ').next().unwrap_or_default().to_owned();
        let payload = String::from_utf8(output.stdout).unwrap();
        (output.status.code().unwrap(), code, payload)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lwm2m-coap"));
    command.args(arguments);
    command
}

fn expected(exit: i32, code: &str, payload: &str) -> (i32, String, String) {
    (exit, code.to_owned(), payload.to_owned())
}

#[test]
fn documents_are_made_read_and_removed() {
    let server = Server::start(&[]);
    let hello = ["--payload", "hello", "--format", "0"];
    assert_eq!(
        server.answer("put", "/store/a%20b", &hello),
        expected(0, "2.01", "")
    );
    assert_eq!(
        server.answer("get", "/store/a%20b", &[]),
        expected(0, "2.05", "hello")
    );
    let links = server.answer("get", "/.well-known/core", &[]).2;
    assert!(links.contains("</store/a%20b>;obs"), "{links}");
    assert_eq!(
        server.answer("get", "/store/a%20b", &["--accept", "60"]),
        expected(1, "4.06", "")
    );
    let range = ["--payload", "1-2"];
    assert_eq!(
        server.answer("fetch", "/store/a%20b", &range),
        expected(0, "2.05", "el")
    );
    assert_eq!(
        server.answer("delete", "/store/a%20b", &["--non"]),
        expected(0, "2.02", "")
    );
    assert_eq!(
        server.answer("get", "/store/a%20b", &[]),
        expected(1, "4.04", "")
    );
    assert_eq!(server.answer("post", "/separate", &[]).1, "4.05");
    assert_eq!(
        server.answer("get", "/separate?ms=1", &[]),
        expected(0, "2.05", "separate")
    );
    assert_eq!(server.answer("get", "/separate?ms=soon", &[]).1, "4.00");
}

#[test]
fn bodies_go_both_ways_in_blocks() {
    let server = Server::start(&["--block-size", "64", "--max-body", "5000"]);
    let body = "0123456789".repeat(500);
    let options = ["--payload", &body, "--block-size", "256"];
    assert_eq!(
        server.answer("post", "/echo", &options),
        expected(0, "2.04", &body)
    );
    let more = body.clone() + "!";
    let answer = server.answer("put", "/store/a", &["--payload", &more]);
    assert_eq!((answer.0, answer.1.as_str()), (1, "4.13"));
}

#[test]
fn an_observer_hears_of_each_change_and_of_the_end() {
    let server = Server::start(&[]);
    let put = |text: &str| server.answer("put", "/store/a", &["--payload", text]);
    put("one");
    let uri = format!("{}/store/a", server.uri);
    let mut observer = program(&["request", "get", &uri, "--observe", "9"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut notes = BufReader::new(observer.stderr.take().unwrap()).lines();
    let mut told = || {
        let is_state = |line: &String| line.starts_with("state ");
        notes.by_ref().map(|line| line.unwrap()).find(is_state)
    };
    assert_eq!(told().unwrap(), "state 3 bytes");
    put("second");
    assert_eq!(told().unwrap(), "state 6 bytes");
    server.ask("delete", "/store/a", &[]);
    assert_eq!(told().unwrap(), "state 0 bytes");
    let mut all = String::new();
    let mut output = observer.stdout.take().unwrap();
    output.read_to_string(&mut all).unwrap();
    assert_eq!(all, "onesecond");
    // The last state is an error: what was observed is gone.
    assert_eq!(observer.wait().unwrap().code(), Some(1));
}

#[test]
fn mistakes_are_named() {
    for (arguments, text) in [
        (
            ["request", "get", "coaps://127.0.0.1/a"],
            "coaps is not spoken here",
        ),
        (["request", "get", "127.0.0.1/a"], "coap://"),
        (["request", "get", "coap://127.0.0.1/%zz"], "hexadecimal"),
        (["serve", "--block-size", "100"], "16, 32, 64"),
    ] {
        let output = program(&arguments).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(text), "{said}");
    }
}
