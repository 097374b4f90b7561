//! What an honest peer says, step by step.

use crate::peer::{Peer, kinds::*};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// A message without protection.
    Say(u8),
    /// The program answers.
    Answer,
    Finish,
}
use Step::{Answer, Finish, Say};

/// The steps of a peer of this role, and what the engine waits for before each.
pub(crate) fn script(
    is_server: bool,
    psk: bool,
    resumed: bool,
    ticket: bool,
) -> Vec<(&'static str, Step)> {
    let mut steps = without_ticket(is_server, psk, resumed);
    if is_server && ticket {
        steps.insert(steps.len() - 1, ("Ticket", Say(TICKET)));
    }
    steps
}

fn without_ticket(is_server: bool, psk: bool, resumed: bool) -> Vec<(&'static str, Step)> {
    match (is_server, psk, resumed) {
        (true, _, true) => vec![("Hello", Say(SERVER_HELLO)), ("Finished", Finish)],
        (true, true, _) => vec![
            ("Hello", Say(HELLO_VERIFY)),
            ("Hello, with a cookie", Say(SERVER_HELLO)),
            ("KeyExchange", Say(SERVER_KEY)),
            ("Request", Say(DONE)),
            ("Finished", Finish),
        ],
        (true, false, _) => vec![
            ("Hello", Say(HELLO_VERIFY)),
            ("Hello, with a cookie", Say(SERVER_HELLO)),
            ("Certificate", Say(CERTIFICATE)),
            ("KeyExchange", Say(SERVER_KEY)),
            ("Request", Say(REQUEST)),
            ("Done", Say(DONE)),
            ("Finished", Finish),
        ],
        (false, _, true) => vec![
            ("nobody", Say(CLIENT_HELLO)),
            ("nobody, with a cookie", Say(CLIENT_HELLO)),
            ("Finished", Finish),
        ],
        (false, true, _) => vec![
            ("nobody", Say(CLIENT_HELLO)),
            ("nobody, with a cookie", Say(CLIENT_HELLO)),
            ("KeyExchange", Say(CLIENT_KEY)),
            ("Key", Answer),
            ("Finished", Finish),
        ],
        (false, false, _) => vec![
            ("nobody", Say(CLIENT_HELLO)),
            ("nobody, with a cookie", Say(CLIENT_HELLO)),
            ("Certificate", Say(CERTIFICATE)),
            ("KeyExchange", Say(CLIENT_KEY)),
            ("Verify", Say(VERIFY)),
            ("Peer", Answer),
            ("Finished", Finish),
        ],
    }
}

impl Peer {
    /// The body of a message that is well-formed, and right where it is its turn.
    pub(crate) fn body(&mut self, kind: u8) -> Vec<u8> {
        match kind {
            CLIENT_HELLO => self.client_hello(),
            SERVER_HELLO => self.server_hello(),
            HELLO_VERIFY => [&[0xfe, 0xff, 8][..], crate::peer::COOKIE].concat(),
            TICKET => vec![0, 0, 0, 9, 0, 1, 7],
            CERTIFICATE => self.certificate(),
            SERVER_KEY => self.server_key(),
            REQUEST => vec![1, 64, 0, 2, 4, 3, 0, 0],
            VERIFY => self.certificate_verify(),
            CLIENT_KEY => self.client_key(),
            FINISHED => self.finished(),
            _ => Vec::new(),
        }
    }

    pub(crate) fn step(&mut self, step: Step) {
        match step {
            Say(SERVER_HELLO) => self.say_server_hello(),
            Say(kind) => {
                let body = self.body(kind);
                self.say(kind, &body);
            }
            Answer => self.answer(),
            Finish => self.say_finished(),
        }
    }

    pub(crate) fn steps(&mut self, steps: &[(&'static str, Step)]) {
        for (_, step) in steps {
            self.step(*step);
        }
    }

    /// Everything, from the beginning.
    pub(crate) fn run(&mut self) {
        let psk = crate::peer::is_psk(self.plan.suite);
        let resumed = self.plan.resumes.is_some();
        let steps = script(self.is_server, psk, resumed, self.plan.ticket.is_some());
        self.steps(&steps);
    }
}
