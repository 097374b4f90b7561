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
//!    ├─ resumed ─▶ Ticket ◀┘ (only where one was announced)      └─ resumed ─▶ Finished ◀─────────────────┘
//!    │              │ NewSessionTicket                                        │ Finished
//!    └─ resumed ─▶ Finished                                                 Complete
//!                   │ Finished
//!                 Complete
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
    /// Client: NewSessionTicket.
    Ticket,
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
    /// The server has announced a ticket.
    pub(crate) ticket: bool,
}

/// The client's table: where a message leads, and `None` where it may not come. A ServerHello leads to where its course
/// begins; the course of the moment before it is not looked at.
pub(crate) fn client(state: State, message: MessageType, course: Course) -> Option<State> {
    use MessageType as M;
    use State as S;
    let psk = course.key_exchange == KeyExchange::Psk;
    let last = if course.ticket {
        S::Ticket
    } else {
        S::Finished
    };
    Some(match (state, message) {
        (S::Hello, M::HelloVerifyRequest) => S::Hello,
        (S::Hello, M::ServerHello) if course.resumed => last,
        (S::Hello, M::ServerHello) if psk => S::KeyExchange,
        (S::Hello, M::ServerHello) => S::Certificate,
        (S::Certificate, M::Certificate) if !psk => S::KeyExchange,
        (S::KeyExchange, M::ServerKeyExchange) => S::Request,
        (S::KeyExchange | S::Request | S::Done, M::ServerHelloDone)
            if psk || state != S::KeyExchange =>
        {
            last
        }
        (S::Ticket, M::NewSessionTicket) => S::Finished,
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
    use alloc::{collections::BTreeSet, format, string::String, vec::Vec};

    const STATES: [State; 11] = [
        State::Hello,
        State::Certificate,
        State::KeyExchange,
        State::Request,
        State::Done,
        State::Ticket,
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

    /// Whether the session is taken up again, and whether a ticket was announced.
    const VARIANTS: [(bool, bool); 4] =
        [(false, false), (false, true), (true, false), (true, true)];

    fn expect(
        table: fn(State, MessageType, Course) -> Option<State>,
        key_exchange: KeyExchange,
        (resumed, ticket): (bool, bool),
        expected: &[String],
    ) {
        let course = Course {
            key_exchange,
            resumed,
            ticket,
        };
        let expected: BTreeSet<_> = expected.iter().cloned().collect();
        assert_eq!(cells(table, course), expected, "{course:?}");
    }

    fn owned(cells: &[&str]) -> Vec<String> {
        cells.iter().map(|cell| String::from(*cell)).collect()
    }

    #[test]
    fn every_cell_of_the_client() {
        for variant in VARIANTS {
            let (resumed, ticket) = variant;
            let last = if ticket { "Ticket" } else { "Finished" };
            let rest = [
                &owned(&[
                    "Finished Finished Complete",
                    "Hello HelloVerifyRequest Hello",
                    "KeyExchange ServerKeyExchange Request",
                    "Ticket NewSessionTicket Finished",
                ])[..],
                &[
                    format!("Request ServerHelloDone {last}"),
                    format!("Done ServerHelloDone {last}"),
                ],
            ]
            .concat();
            let first = |start: &str| match resumed {
                true => format!("Hello ServerHello {last}"),
                false => format!("Hello ServerHello {start}"),
            };
            let psk = [
                format!("KeyExchange ServerHelloDone {last}"),
                first("KeyExchange"),
            ];
            expect(
                client,
                KeyExchange::Psk,
                variant,
                &[&rest[..], &psk].concat(),
            );
            let ecdhe = [
                String::from("Certificate Certificate KeyExchange"),
                String::from("Request CertificateRequest Done"),
                first("Certificate"),
            ];
            expect(
                client,
                KeyExchange::EcdheEcdsa,
                variant,
                &[&rest[..], &ecdhe].concat(),
            );
        }
    }

    #[test]
    fn every_cell_of_the_server() {
        for variant in VARIANTS {
            let first = |start| match variant.0 {
                true => "Hello ClientHello Finished",
                false => start,
            };
            let psk = owned(&[
                "Finished Finished Complete",
                "KeyExchange ClientKeyExchange Key",
                first("Hello ClientHello KeyExchange"),
            ]);
            expect(server, KeyExchange::Psk, variant, &psk);
            let ecdhe = owned(&[
                "Finished Finished Complete",
                "Certificate Certificate KeyExchange",
                "KeyExchange ClientKeyExchange Verify",
                "Verify CertificateVerify Peer",
                first("Hello ClientHello Certificate"),
            ]);
            expect(server, KeyExchange::EcdheEcdsa, variant, &ecdhe);
        }
    }
}
