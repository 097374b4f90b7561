//! Which message may come when.
//!
//! ```text
//! client                                                    server
//!
//!  Hello ─HelloVerifyRequest─▶ Hello                         Hello
//!    │ ServerHello                                             │ ClientHello
//!    ├── ECDHE ─▶ Certificate                                  ├── ECDHE ─▶ Certificate
//!    │              │ Certificate                              │              │ Certificate
//!    ├── PSK ──▶ KeyExchange                                   ├── PSK ──▶ KeyExchange
//!    │              │ ServerKeyExchange (PSK: may be absent)   │              │ ClientKeyExchange
//!    │           Request                                       │              ├── PSK ──▶ Key ──(answer)──┐
//!    │              │ CertificateRequest (ECDHE: may be absent)│           Verify                       │
//!    │            Done                                         │              │ CertificateVerify          │
//!    │              │ ServerHelloDone                          │            Peer ──(answer)─────────────┤
//!    └─ resumed ─▶ Finished ◀┘                                 └─ resumed ─▶ Finished ◀─────────────────┘
//!                   │ Finished                                                │ Finished
//!                 Complete                                                  Complete
//! ```
//!
//! In `Key` and `Peer` the server waits for its program; messages stay where they are. A HelloRequest means nothing
//! within a handshake (RFC 5246, section 7.4.1.1), and a message that is not in the picture ends it.

use crate::{suite::KeyExchange, wire::handshake::MessageType};

/// What a handshake waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum State {
    /// Client: ServerHello. Server: the rest of a ClientHello whose cookie was right.
    Hello,
    Certificate,
    /// Client: ServerKeyExchange. Server: ClientKeyExchange.
    KeyExchange,
    /// Client: CertificateRequest.
    Request,
    /// Client: ServerHelloDone.
    Done,
    /// Server: its program, for the key.
    Key,
    /// Server: CertificateVerify.
    Verify,
    /// Server: its program, for a word on who the peer is.
    Peer,
    Finished,
    Complete,
}

/// What the hellos have settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Course {
    pub(crate) key_exchange: KeyExchange,
    /// Takes up an earlier session.
    pub(crate) resumed: bool,
}

/// The client's table: where a message leads, and `None` where it may not come. A ServerHello leads to where its course
/// begins; the course of the moment before it is not looked at.
pub(crate) fn client(state: State, message: MessageType, course: Course) -> Option<State> {
    use MessageType as M;
    use State as S;
    let psk = course.key_exchange == KeyExchange::Psk;
    Some(match (state, message) {
        (S::Hello, M::HelloVerifyRequest) => S::Hello,
        (S::Hello, M::ServerHello) if course.resumed => S::Finished,
        (S::Hello, M::ServerHello) if psk => S::KeyExchange,
        (S::Hello, M::ServerHello) => S::Certificate,
        (S::Certificate, M::Certificate) if !psk => S::KeyExchange,
        (S::KeyExchange, M::ServerKeyExchange) => S::Request,
        (S::KeyExchange | S::Request | S::Done, M::ServerHelloDone)
            if psk || state != S::KeyExchange =>
        {
            S::Finished
        }
        (S::Request, M::CertificateRequest) if !psk => S::Done,
        (S::Finished, M::Finished) => S::Complete,
        _ => return None,
    })
}

/// The server's table.
pub(crate) fn server(state: State, message: MessageType, course: Course) -> Option<State> {
    use MessageType as M;
    use State as S;
    let psk = course.key_exchange == KeyExchange::Psk;
    Some(match (state, message) {
        (S::Hello, M::ClientHello) if course.resumed => S::Finished,
        (S::Hello, M::ClientHello) if psk => S::KeyExchange,
        (S::Hello, M::ClientHello) => S::Certificate,
        (S::Certificate, M::Certificate) if !psk => S::KeyExchange,
        (S::KeyExchange, M::ClientKeyExchange) if psk => S::Key,
        (S::KeyExchange, M::ClientKeyExchange) => S::Verify,
        (S::Verify, M::CertificateVerify) if !psk => S::Peer,
        (S::Finished, M::Finished) => S::Complete,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{collections::BTreeSet, format, string::String};

    const STATES: [State; 10] = [
        State::Hello,
        State::Certificate,
        State::KeyExchange,
        State::Request,
        State::Done,
        State::Key,
        State::Verify,
        State::Peer,
        State::Finished,
        State::Complete,
    ];

    /// Every cell of the table that is not empty, as text.
    fn cells(
        table: fn(State, MessageType, Course) -> Option<State>,
        course: Course,
    ) -> BTreeSet<String> {
        let mut cells = BTreeSet::new();
        for state in STATES {
            for message in MessageType::ALL {
                if let Some(next) = table(state, message, course) {
                    cells.insert(format!("{state:?} {message:?} {next:?}"));
                }
            }
        }
        cells
    }

    fn expect(
        table: fn(State, MessageType, Course) -> Option<State>,
        key_exchange: KeyExchange,
        resumed: bool,
        expected: &[&str],
    ) {
        let course = Course {
            key_exchange,
            resumed,
        };
        let expected: BTreeSet<_> = expected.iter().map(|cell| String::from(*cell)).collect();
        assert_eq!(cells(table, course), expected, "{course:?}");
    }

    const CLIENT_REST: [&str; 5] = [
        "Finished Finished Complete",
        "Hello HelloVerifyRequest Hello",
        "KeyExchange ServerKeyExchange Request",
        "Request ServerHelloDone Finished",
        "Done ServerHelloDone Finished",
    ];

    #[test]
    fn every_cell_of_the_client() {
        let psk = ["KeyExchange ServerHelloDone Finished"];
        let ecdhe = [
            "Certificate Certificate KeyExchange",
            "Request CertificateRequest Done",
        ];
        for resumed in [false, true] {
            let first = |start| {
                if resumed {
                    "Hello ServerHello Finished"
                } else {
                    start
                }
            };
            let all = [
                &CLIENT_REST[..],
                &psk,
                &[first("Hello ServerHello KeyExchange")],
            ]
            .concat();
            expect(client, KeyExchange::Psk, resumed, &all);
            let all = [
                &CLIENT_REST[..],
                &ecdhe,
                &[first("Hello ServerHello Certificate")],
            ]
            .concat();
            expect(client, KeyExchange::EcdheEcdsa, resumed, &all);
        }
    }

    #[test]
    fn every_cell_of_the_server() {
        let ecdhe = [
            "Certificate Certificate KeyExchange",
            "KeyExchange ClientKeyExchange Verify",
            "Verify CertificateVerify Peer",
        ];
        for resumed in [false, true] {
            let first = |start| {
                if resumed {
                    "Hello ClientHello Finished"
                } else {
                    start
                }
            };
            let rest = ["Finished Finished Complete"];
            let psk = [
                "KeyExchange ClientKeyExchange Key",
                first("Hello ClientHello KeyExchange"),
            ];
            expect(
                server,
                KeyExchange::Psk,
                resumed,
                &[&rest[..], &psk].concat(),
            );
            let all = [&rest[..], &ecdhe, &[first("Hello ClientHello Certificate")]].concat();
            expect(server, KeyExchange::EcdheEcdsa, resumed, &all);
        }
    }
}
