//! What becomes of every message in every state: a table of state x message x epoch for both roles, every cell asserted.
//!
//! ```text
//! >    taken: the handshake goes on from the next state, and completes
//! .    as if nothing had come: the handshake goes on from the same state, and completes
//! 10   the handshake ends with this alert
//! x    it ends without a word
//! ```
//!
//! "Nobody" is a server without a handshake: what it answers is a cookie at most. Messages are well-formed and have the
//! number whose turn it is. `fin/0` is a Finished without protection, `fin` one as it must be, `bad` one whose
//! `verify_data` is wrong (where there are no keys yet, both are noise). In `Key` and `Peer` messages wait until the
//! program has answered.

use crate::{
    peer::{Peer, Plan, is_psk, kinds::*},
    protocol::*,
    script::{Step, script},
};
use std::time::Duration;

/// Columns, with what is said.
const COLUMNS: [(&str, Input); 20] = [
    ("hrq", Input::Message(HELLO_REQUEST)),
    ("ch", Input::Message(CLIENT_HELLO)),
    ("sh", Input::Message(SERVER_HELLO)),
    ("hvr", Input::Message(HELLO_VERIFY)),
    ("nst", Input::Message(TICKET)),
    ("crt", Input::Message(CERTIFICATE)),
    ("ske", Input::Message(SERVER_KEY)),
    ("crq", Input::Message(REQUEST)),
    ("shd", Input::Message(DONE)),
    ("cv", Input::Message(VERIFY)),
    ("cke", Input::Message(CLIENT_KEY)),
    ("fin/0", Input::Message(FINISHED)),
    ("fin", Input::Finished { right: true }),
    ("bad", Input::Finished { right: false }),
    ("ccs", Input::Plain(CHANGE_CIPHER_SPEC, &[1])),
    ("warn", Input::Plain(ALERT, &[1, 90])),
    ("bye", Input::Plain(ALERT, &[1, 0])),
    ("fatal", Input::Plain(ALERT, &[2, 40])),
    ("data/0", Input::Plain(DATA, b"data")),
    ("data", Input::Sealed(DATA, b"data")),
];

#[derive(Debug, Clone, Copy)]
enum Input {
    Message(u8),
    Finished { right: bool },
    Plain(u8, &'static [u8]),
    Sealed(u8, &'static [u8]),
}

impl Peer {
    fn input(&mut self, input: Input) {
        match input {
            Input::Message(kind) => {
                let body = self.body(kind);
                let said = message(kind, self.next_message, &body);
                self.plain_record(HANDSHAKE, &said);
            }
            Input::Finished { right } => {
                let mut data = self.finished();
                data[11] ^= u8::from(!right);
                let said = message(FINISHED, self.next_message, &data);
                self.sealed_record(HANDSHAKE, &said);
            }
            Input::Plain(kind, body) => self.plain_record(kind, body),
            Input::Sealed(kind, text) => self.sealed_record(kind, text),
        }
    }
}

fn steps_of(plan: &Plan, is_server: bool) -> Vec<(&'static str, Step)> {
    script(
        is_server,
        is_psk(plan.suite),
        plan.resumes.is_some() || plan.again,
        plan.ticket.is_some(),
    )
}

fn cell(plan: &Plan, is_server: bool, state: usize, input: Input) -> String {
    let steps = steps_of(plan, is_server);
    // In the state, with the input.
    let reached = || {
        let plan = plan.clone();
        let mut peer = if is_server {
            plan.server()
        } else {
            plan.client()
        };
        peer.answers = false;
        peer.steps(&steps[..state]);
        let alerts = peer.alerts.len();
        peer.input(input);
        (peer, alerts)
    };
    let ends = |peer: &Peer, alerts: usize| {
        (!peer.ended.is_empty()).then(|| match peer.alerts.get(alerts) {
            Some([2, description]) => description.to_string(),
            _ => "x".to_string(),
        })
    };
    let waits = steps[state].1 == Step::Answer;
    let (mut peer, alerts) = reached();
    if waits {
        peer.answer();
    }
    if let Some(end) = ends(&peer, alerts) {
        return end;
    }
    // A Finished that was in time.
    if peer.proven() {
        return ">".into();
    }
    // As the step whose turn it is, or that comes next where others may be left out.
    let is_it = |step: Step| match (input, step) {
        (Input::Message(kind), Step::Say(turn)) => kind == turn,
        _ => false,
    };
    if let Some(turn) = (state..steps.len()).find(|at| is_it(steps[*at].1)) {
        let plan = plan.clone();
        let mut peer = if is_server {
            plan.server()
        } else {
            plan.client()
        };
        peer.answers = false;
        peer.steps(&steps[..state]);
        peer.steps(&steps[turn..]);
        if peer.proven() {
            return ">".into();
        }
    }
    // As if nothing had come, whether or not a number was used up for it.
    for used in [0, 1] {
        let (mut peer, _) = reached();
        peer.next_message += used;
        peer.steps(&steps[state..]);
        if peer.proven() {
            return ".".into();
        }
    }
    "?".into()
}

fn table(plan: &Plan, is_server: bool) -> String {
    let steps = steps_of(plan, is_server);
    let mut table = format!("{:<22}", "");
    for (column, _) in COLUMNS {
        table += &format!("{column:>7}");
    }
    for (state, (name, _)) in steps.iter().enumerate() {
        table += &format!("\n{name:<22}");
        for (_, input) in COLUMNS {
            table += &format!("{:>7}", cell(plan, is_server, state, input));
        }
    }
    table
}

fn expect(plan: &Plan, is_server: bool, expected: &str) {
    let found = table(plan, is_server);
    let words = |text: &str| -> Vec<Vec<String>> {
        let lines = text
            .lines()
            .map(str::trim_end)
            .filter(|line| !line.trim().is_empty());
        lines
            .map(|line| line.split_whitespace().map(String::from).collect())
            .collect()
    };
    assert_eq!(words(&found), words(expected), "\n{found}\n");
}

#[test]
fn a_client_with_a_pre_shared_key() {
    expect(&Plan::psk(), true, "
                          hrq     ch     sh    hvr    nst    crt    ske    crq    shd     cv    cke  fin/0    fin    bad    ccs   warn    bye  fatal data/0   data
Hello                       .     10      >      >     10     10     10     10     10     10     10      .      .      .      .      .      x      x      .      .
Hello, with a cookie        .     10      >      .     10     10     10     10     10     10     10      .      .      .      .      .      x      x      .      .
KeyExchange                 .     10     10     10     10     10      >     10      >     10     10      .      .      .      .      .      x      x      .      .
Request                     .     10     10     10     10     10     10     10      >     10     10      .      .      .      .      .      x      x      .      .
Finished                    .     10     10     10     10     10     10     10     10     10     10      .      >     51      .      .      x      x      .      .
");
}

#[test]
fn a_client_with_a_raw_public_key() {
    expect(&Plan::ecdhe(), true, "
                          hrq     ch     sh    hvr    nst    crt    ske    crq    shd     cv    cke  fin/0    fin    bad    ccs   warn    bye  fatal data/0   data
Hello                       .     10      >      >     10     10     10     10     10     10     10      .      .      .      .      .      x      x      .      .
Hello, with a cookie        .     10      >      .     10     10     10     10     10     10     10      .      .      .      .      .      x      x      .      .
Certificate                 .     10     10     10     10      >     10     10     10     10     10      .      .      .      .      .      x      x      .      .
KeyExchange                 .     10     10     10     10     10      >     10     10     10     10      .      .      .      .      .      x      x      .      .
Request                     .     10     10     10     10     10     10      >      >     10     10      .      .      .      .      .      x      x      .      .
Done                        .     10     10     10     10     10     10     10      >     10     10      .      .      .      .      .      x      x      .      .
Finished                    .     10     10     10     10     10     10     10     10     10     10      .      >     51      .      .      x      x      .      .
");
}

#[test]
fn a_server_with_pre_shared_keys() {
    expect(&Plan::psk(), false, "
                          hrq     ch     sh    hvr    nst    crt    ske    crq    shd     cv    cke  fin/0    fin    bad    ccs   warn    bye  fatal data/0   data
nobody                      .      >      .      .      .      .      .      .      .      .      .      .      .      .      .      .      .      .      .      .
nobody, with a cookie       .      >      .      .      .      .      .      .      .      .      .      .      .      .      .      .      .      .      .      .
KeyExchange                 .     10     10     10     10     10     10     10     10     10      >      .      .      .      .      .      x      x      .      .
Key                         .     10     10     10     10     10     10     10     10     10     10      .      >     51      .      .      x      x      .      .
Finished                    .     10     10     10     10     10     10     10     10     10     10      .      >     51      .      .      x      x      .      .
");
}

#[test]
fn a_server_with_raw_public_keys() {
    expect(&Plan::ecdhe(), false, "
                          hrq     ch     sh    hvr    nst    crt    ske    crq    shd     cv    cke  fin/0    fin    bad    ccs   warn    bye  fatal data/0   data
nobody                      .      >      .      .      .      .      .      .      .      .      .      .      .      .      .      .      .      .      .      .
nobody, with a cookie       .      >      .      .      .      .      .      .      .      .      .      .      .      .      .      .      .      .      .      .
Certificate                 .     10     10     10     10      >     10     10     10     10     10      .      .      .      .      .      x      x      .      .
KeyExchange                 .     10     10     10     10     10     10     10     10     10      >      .      .      .      .      .      x      x      .      .
Verify                      .     10     10     10     10     10     10     10     10      >     10      .     10     10      .      .      x      x      .      .
Peer                        .     10     10     10     10     10     10     10     10     10     10      .      >     51      .      .      x      x      .      .
Finished                    .     10     10     10     10     10     10     10     10     10     10      .      >     51      .      .      x      x      .      .
");
}

#[test]
fn a_client_that_takes_up_a_session() {
    let mut plan = Plan::psk();
    plan.session_id = vec![0x44; 32];
    let mut peer = plan.clone().server();
    peer.run();
    plan.connection.resumption = peer.resumption.clone();
    plan.resumes = Some((plan.session_id.clone(), peer.master.clone()));
    expect(&plan, true, "
                          hrq     ch     sh    hvr    nst    crt    ske    crq    shd     cv    cke  fin/0    fin    bad    ccs   warn    bye  fatal data/0   data
Hello                       .     10      >      .     10     10     10     10     10     10     10      .      .      .      .      .      x      x      .      .
Finished                    .     10     10     10     10     10     10     10     10     10     10      .      >     51      .      .      x      x      .      .
");
}

#[test]
fn a_server_whose_client_takes_up_a_session() {
    let mut plan = Plan::psk();
    plan.engine.max_resumable = 4;
    plan.again = true;
    expect(&plan, false, "
                          hrq     ch     sh    hvr    nst    crt    ske    crq    shd     cv    cke  fin/0    fin    bad    ccs   warn    bye  fatal data/0   data
nobody                      .      >      .      .      .      .      .      .      .      .      .      .      .      .      .      .      .      .      .      .
nobody, with a cookie       .      >      .      .      .      .      .      .      .      .      .      .      .      .      .      .      .      .      .      .
Finished                    .     10     10     10     10     10     10     10     10     10     10      .      >     51      .      .      x      x      .      .
");
}

#[test]
fn a_client_that_is_given_a_ticket() {
    let mut plan = Plan::psk();
    plan.connection.session_tickets = true;
    plan.ticket = Some(Vec::new());
    expect(&plan, true, "
                          hrq     ch     sh    hvr    nst    crt    ske    crq    shd     cv    cke  fin/0    fin    bad    ccs   warn    bye  fatal data/0   data
Hello                       .     10      >      >     10     10     10     10     10     10     10      .      .      .      .      .      x      x      .      .
Hello, with a cookie        .     10      >      .     10     10     10     10     10     10     10      .      .      .      .      .      x      x      .      .
KeyExchange                 .     10     10     10     10     10      >     10      >     10     10      .      .      .      .      .      x      x      .      .
Request                     .     10     10     10     10     10     10     10      >     10     10      .      .      .      .      .      x      x      .      .
Ticket                      .     10     10     10      >     10     10     10     10     10     10      .     10     10      .      .      x      x      .      .
Finished                    .     10     10     10     10     10     10     10     10     10     10      .      >     51      .      .      x      x      .      .
");
}

#[test]
fn a_client_that_takes_up_a_session_by_its_ticket() {
    let mut plan = Plan::psk();
    plan.connection.session_tickets = true;
    plan.ticket = Some(Vec::new());
    let mut peer = plan.clone().server();
    peer.run();
    assert!(peer.resumption.as_ref().unwrap().is_ticket());
    plan.connection.resumption = peer.resumption.clone();
    plan.resumes = Some((Vec::new(), peer.master.clone()));
    // Another ticket comes with it.
    expect(&plan, true, "
                          hrq     ch     sh    hvr    nst    crt    ske    crq    shd     cv    cke  fin/0    fin    bad    ccs   warn    bye  fatal data/0   data
Hello                       .     10      >      .     10     10     10     10     10     10     10      .      .      .      .      .      x      x      .      .
Ticket                      .     10     10     10      >     10     10     10     10     10     10      .     10     10      .      .      x      x      .      .
Finished                    .     10     10     10     10     10     10     10     10     10     10      .      >     51      .      .      x      x      .      .
");
    // None does.
    plan.ticket = None;
    expect(&plan, true, "
                          hrq     ch     sh    hvr    nst    crt    ske    crq    shd     cv    cke  fin/0    fin    bad    ccs   warn    bye  fatal data/0   data
Hello                       .     10      >      .     10     10     10     10     10     10     10      .      .      .      .      .      x      x      .      .
Finished                    .     10     10     10     10     10     10     10     10     10     10      .      >     51      .      .      x      x      .      .
");
}

#[test]
fn a_server_that_gives_a_ticket() {
    let mut plan = Plan::psk();
    plan.engine.ticket_lifetime = Some(Duration::from_secs(60));
    plan.ticket = Some(Vec::new());
    expect(&plan, false, "
                          hrq     ch     sh    hvr    nst    crt    ske    crq    shd     cv    cke  fin/0    fin    bad    ccs   warn    bye  fatal data/0   data
nobody                      .      >      .      .      .      .      .      .      .      .      .      .      .      .      .      .      .      .      .      .
nobody, with a cookie       .      >      .      .      .      .      .      .      .      .      .      .      .      .      .      .      .      .      .      .
KeyExchange                 .     10     10     10     10     10     10     10     10     10      >      .      .      .      .      .      x      x      .      .
Key                         .     10     10     10     10     10     10     10     10     10     10      .      >     51      .      .      x      x      .      .
Finished                    .     10     10     10     10     10     10     10     10     10     10      .      >     51      .      .      x      x      .      .
");
}

#[test]
fn a_server_whose_client_takes_up_a_session_by_its_ticket() {
    let mut plan = Plan::psk();
    plan.engine.ticket_lifetime = Some(Duration::from_secs(60));
    plan.ticket = Some(Vec::new());
    plan.again = true;
    expect(&plan, false, "
                          hrq     ch     sh    hvr    nst    crt    ske    crq    shd     cv    cke  fin/0    fin    bad    ccs   warn    bye  fatal data/0   data
nobody                      .      >      .      .      .      .      .      .      .      .      .      .      .      .      .      .      .      .      .      .
nobody, with a cookie       .      >      .      .      .      .      .      .      .      .      .      .      .      .      .      .      .      .      .      .
Finished                    .     10     10     10     10     10     10     10     10     10     10      .      >     51      .      .      x      x      .      .
");
}
