//! The judges as the program that a vendor runs.

use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lwm2m-conformance"))
        .args(arguments)
        .output()
        .unwrap()
}

fn shown(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8(text).unwrap()
}

#[test]
fn it_lists_its_cases() {
    for side in ["client", "server"] {
        let output = run(&[side, "--list"]);
        assert_eq!(output.status.code(), Some(0));
        let text = shown(&output);
        assert_eq!(text.lines().count(), 117);
        assert!(text.contains("int-101   registration"), "{text}");
        assert!(
            text.contains("int-405   OSCORE (never judged here"),
            "{text}"
        );
    }
}

#[test]
fn its_exit_code_says_how_it_ended() {
    // Nobody listens on this port; that cannot be a pass.
    let server = ["server", "--uri", "coap://127.0.0.1:9", "--timeout", "1"];
    let output = run(&[&server[..], &["--cases", "101"]].concat());
    assert_eq!(output.status.code(), Some(1), "{}", shown(&output));
    let text = shown(&output);
    assert!(text.contains("FAIL  int-101"), "{text}");
    assert!(
        text.contains("POST /rd?ep=lwm2m-judge"),
        "the exchange is shown: {text}"
    );
    assert!(
        text.ends_with("0 passed, 1 failed, 0 not applicable\n"),
        "{text}"
    );
    let output = run(&[&server[..], &["--cases", "405,106"]].concat());
    assert_eq!(output.status.code(), Some(3), "{}", shown(&output));
    let output = run(&[&server[..], &["--cases", "229"]].concat());
    assert_eq!(output.status.code(), Some(2), "{}", shown(&output));
    assert!(shown(&output).contains("there is no case int-229"));
    let output = run(&["client", "--listen", "coaps://127.0.0.1:5684"]);
    assert_eq!(output.status.code(), Some(2), "{}", shown(&output));
    let output = run(&["client", "--listen", "coap://localhost"]);
    assert_eq!(output.status.code(), Some(2), "{}", shown(&output));
    assert!(shown(&output).contains("must be an IP address"));
}
