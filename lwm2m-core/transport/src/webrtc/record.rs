//! Records (RFC 6347, section 4.1), and which of them the backend may see.
//!
//! The backend subtracts before it compares, recurses over fragments and believes unprotected alerts. The rules here
//! keep from it what would make it panic, overflow its stack or close a session, and let pass what an honest peer
//! sends.

use super::hello::{ClientHello, HelloError, Suite};

const HEADER: usize = 13;
const HANDSHAKE_HEADER: usize = 12;

/// The longest handshake message that is let through: a chain of certificates.
const MAX_MESSAGE: usize = 16_384;

/// The shortest fragment that is let through, the last one of a message apart. The backend recurses once per fragment.
pub(crate) const MIN_FRAGMENT: usize = 64;

pub(crate) const CHANGE_CIPHER_SPEC: u8 = 20;
pub(crate) const ALERT: u8 = 21;
pub(crate) const HANDSHAKE: u8 = 22;
pub(crate) const APPLICATION_DATA: u8 = 23;

const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
const CLIENT_KEY_EXCHANGE: u8 = 16;
const FINISHED: u8 = 20;

/// One record within a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    pub(crate) kind: u8,
    pub(crate) epoch: u16,
    /// With its header.
    pub(crate) bytes: &'a [u8],
}

impl<'a> Record<'a> {
    pub(crate) fn body(&self) -> &'a [u8] {
        &self.bytes[HEADER..]
    }

    /// The hello, when this is an unprotected record with a ClientHello at its beginning; `Err` when that one is
    /// malformed, fragmented or not alone. The sequence number of the message comes with it.
    pub(crate) fn client_hello(&self) -> Option<Result<(u16, ClientHello), HelloError>> {
        if self.kind != HANDSHAKE || self.epoch != 0 || self.body().first() != Some(&CLIENT_HELLO) {
            return None;
        }
        Some(match Messages(self.body()).next() {
            Some(Ok(message)) if !message.is_whole() => {
                Err(HelloError::Unsupported("a hello in fragments"))
            }
            Some(Ok(message)) if HANDSHAKE_HEADER + message.body.len() < self.body().len() => {
                Err(HelloError::Malformed("bytes behind the hello"))
            }
            Some(Ok(message)) => {
                ClientHello::parse(message.body).map(|hello| (message.sequence, hello))
            }
            Some(Err(Malformed)) | None => Err(HelloError::Malformed("handshake header")),
        })
    }

    /// Whether the backend may see this record of a client while it shakes hands. Hellos have been judged before.
    pub(crate) fn fits_handshake_as_server(&self, suite: Option<Suite>) -> bool {
        self.fits_handshake(suite, |message| match message.kind {
            // Of a hello only `client_hello` lets something through.
            CLIENT_HELLO | SERVER_HELLO => false,
            // The backend reads two bytes before it looks whether they are there.
            CLIENT_KEY_EXCHANGE => message.is_whole() && message.body.len() >= 2,
            kind => kind != FINISHED,
        })
    }

    /// Whether the backend may see this record of a server while it shakes hands.
    pub(crate) fn fits_handshake_as_client(&self, suite: Option<Suite>) -> bool {
        self.fits_handshake(suite, |message| {
            !matches!(message.kind, CLIENT_HELLO | CLIENT_KEY_EXCHANGE | FINISHED)
        })
    }

    fn fits_handshake(&self, suite: Option<Suite>, fits: impl Fn(&Message<'_>) -> bool) -> bool {
        match (self.epoch, self.kind) {
            (0, HANDSHAKE) => {
                Messages(self.body()).all(|message| message.is_ok_and(|message| fits(&message)))
            }
            (0, CHANGE_CIPHER_SPEC) => self.body() == [1],
            (0, ALERT) => self.body().len() == 2,
            (1, HANDSHAKE | ALERT | APPLICATION_DATA) => self.is_long_enough(suite),
            _ => false,
        }
    }

    /// Whether the backend may see this record once the session stands: protected data and alerts only.
    pub(crate) fn fits_session(&self, suite: Option<Suite>) -> bool {
        self.epoch == 1
            && matches!(self.kind, ALERT | APPLICATION_DATA)
            && self.is_long_enough(suite)
    }

    /// Whether it repeats the end of a handshake: the sender has not heard our last flight.
    pub(crate) fn repeats_finished(&self) -> bool {
        self.epoch == 1 && self.kind == HANDSHAKE
    }

    fn is_long_enough(&self, suite: Option<Suite>) -> bool {
        // Unknown: the backend queues the record until it is known, so it must be long enough for every suite.
        let overhead = suite.unwrap_or(Suite(0)).overhead();
        self.body().len() >= overhead
    }

    /// Level and description of an unprotected alert.
    pub(crate) fn plain_alert(&self) -> Option<(u8, u8)> {
        match (self.epoch, self.kind, self.body()) {
            (0, ALERT, &[level, description]) => Some((level, description)),
            _ => None,
        }
    }

    /// The suite, when this is an unprotected record that begins with a whole ServerHello.
    pub(crate) fn chosen_suite(&self) -> Option<Suite> {
        if self.epoch != 0 || self.kind != HANDSHAKE {
            return None;
        }
        let message = Messages(self.body()).next()?.ok()?;
        if message.kind != SERVER_HELLO || !message.is_whole() {
            return None;
        }
        let session_id = usize::from(*message.body.get(34)?);
        let suite = message.body.get(35 + session_id..37 + session_id)?;
        Some(Suite(u16::from_be_bytes([suite[0], suite[1]])))
    }
}

/// A datagram or record that ends within a header or a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

/// The records of a datagram. After an error there are no more.
pub(crate) struct Records<'a>(pub(crate) &'a [u8]);

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let datagram = std::mem::take(&mut self.0);
        let Some((header, _)) = datagram.split_first_chunk::<HEADER>() else {
            return Some(Err(Malformed));
        };
        let length = usize::from(u16::from_be_bytes([header[11], header[12]]));
        let known = matches!(header[1..3], [254, 253 | 255]);
        // An empty record is legal, and of no use to anybody (RFC 5246, section 6.2.1); the backend trips over it.
        if !known || length == 0 {
            return Some(Err(Malformed));
        }
        let Some((bytes, rest)) = datagram.split_at_checked(HEADER + length) else {
            return Some(Err(Malformed));
        };
        self.0 = rest;
        Some(Ok(Record {
            kind: header[0],
            epoch: u16::from_be_bytes([header[3], header[4]]),
            bytes,
        }))
    }
}

/// A handshake message or a fragment of one.
struct Message<'a> {
    kind: u8,
    length: usize,
    sequence: u16,
    body: &'a [u8],
}

impl Message<'_> {
    fn is_whole(&self) -> bool {
        self.body.len() == self.length
    }
}

/// The messages of an unprotected handshake record. After an error there are no more.
struct Messages<'a>(&'a [u8]);

impl<'a> Iterator for Messages<'a> {
    type Item = Result<Message<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let record = std::mem::take(&mut self.0);
        let Some((header, rest)) = record.split_first_chunk::<HANDSHAKE_HEADER>() else {
            return Some(Err(Malformed));
        };
        let number = |at: usize| {
            usize::from(header[at]) << 16
                | usize::from(header[at + 1]) << 8
                | usize::from(header[at + 2])
        };
        let (length, offset, fragment) = (number(1), number(6), number(9));
        let Some((body, rest)) = rest.split_at_checked(fragment) else {
            return Some(Err(Malformed));
        };
        let whole = fragment == length && offset == 0;
        let last = offset + fragment == length;
        // The backend takes everything up to the end of the record for the fragment.
        let fits = whole
            || (rest.is_empty()
                && offset + fragment <= length
                && fragment > 0
                && (last || fragment >= MIN_FRAGMENT));
        if length > MAX_MESSAGE || !fits {
            return Some(Err(Malformed));
        }
        self.0 = rest;
        Some(Ok(Message {
            kind: header[0],
            length,
            sequence: u16::from_be_bytes([header[4], header[5]]),
            body,
        }))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::webrtc::hello::tests::body;

    pub(crate) fn record(kind: u8, epoch: u16, body: &[u8]) -> Vec<u8> {
        let mut record = vec![kind, 254, 253];
        record.extend(epoch.to_be_bytes());
        record.extend([0; 6]);
        record.extend((body.len() as u16).to_be_bytes());
        record.extend(body);
        record
    }

    pub(crate) fn message(kind: u8, length: usize, offset: usize, body: &[u8]) -> Vec<u8> {
        let mut message = vec![kind];
        message.extend(&(length as u32).to_be_bytes()[1..]);
        message.extend([0, 0]);
        message.extend(&(offset as u32).to_be_bytes()[1..]);
        message.extend(&(body.len() as u32).to_be_bytes()[1..]);
        message.extend(body);
        message
    }

    /// A datagram with one good ClientHello.
    pub(crate) fn hello(suites: &[u16], extensions: Option<&[u8]>) -> Vec<u8> {
        let body = body(suites, extensions);
        record(HANDSHAKE, 0, &message(CLIENT_HELLO, body.len(), 0, &body))
    }

    fn one(datagram: &[u8]) -> Record<'_> {
        Records(datagram).next().unwrap().unwrap()
    }

    // proves: DTLS-08
    #[test]
    fn datagrams_are_taken_apart() {
        let datagram = [
            record(CHANGE_CIPHER_SPEC, 0, &[1]),
            record(HANDSHAKE, 1, &[9; 40]),
        ]
        .concat();
        let records: Vec<_> = Records(&datagram).map(Result::unwrap).collect();
        assert_eq!(records.len(), 2);
        assert_eq!((records[0].kind, records[0].epoch), (CHANGE_CIPHER_SPEC, 0));
        assert_eq!(records[1].body(), [9; 40]);
        for length in 0..datagram.len() {
            let sound = Records(&datagram[..length]).filter(Result::is_ok).count();
            assert_eq!(sound, usize::from(length >= 14), "{length}");
        }
        assert_eq!(Records(&record(ALERT, 0, &[])).next(), Some(Err(Malformed)));
        let mut tls = record(ALERT, 0, &[1, 2]);
        tls[1] = 3;
        assert_eq!(Records(&tls).next(), Some(Err(Malformed)));
    }

    #[test]
    fn only_whole_hellos_alone_in_their_record_are_read() {
        let good = hello(&[0xC0A8], Some(&[]));
        assert!(matches!(one(&good).client_hello(), Some(Ok((0, _)))));
        // Never through the general rule, whatever it looks like.
        assert!(!one(&good).fits_handshake_as_server(None));
        let body = body(&[0xC0A8], Some(&[]));
        let two = [
            message(CLIENT_HELLO, body.len(), 0, &body),
            message(CLIENT_HELLO, body.len(), 0, &body),
        ];
        let two = record(HANDSHAKE, 0, &two.concat());
        assert!(matches!(one(&two).client_hello(), Some(Err(_))));
        let part = record(HANDSHAKE, 0, &message(CLIENT_HELLO, 1_000, 0, &body));
        assert!(matches!(one(&part).client_hello(), Some(Err(_))));
        assert_eq!(one(&record(HANDSHAKE, 1, &[1; 40])).client_hello(), None);
    }

    #[test]
    fn fragments_must_be_sound_and_not_tiny() {
        let certificate = |length, offset, body: &[u8]| {
            let record = record(HANDSHAKE, 0, &message(11, length, offset, body));
            one(&record).fits_handshake_as_server(None)
        };
        assert!(certificate(100, 0, &[0; 100]));
        assert!(certificate(1_000, 0, &[0; 500]));
        assert!(certificate(1_000, 990, &[0; 10]));
        assert!(!certificate(1_000, 0, &[0; 10]), "tiny");
        assert!(!certificate(1_000, 0, &[]), "empty");
        assert!(!certificate(1_000, 900, &[0; 200]), "beyond the end");
        assert!(!certificate(MAX_MESSAGE + 1, 0, &[0; 100]), "too long");
        let followed = [message(11, 1_000, 0, &[0; 100]), message(14, 0, 0, &[])].concat();
        assert!(!one(&record(HANDSHAKE, 0, &followed)).fits_handshake_as_server(None));
    }

    #[test]
    fn what_panics_the_backend_is_kept_from_it() {
        let key_exchange = |body: &[u8]| {
            record(
                HANDSHAKE,
                0,
                &message(CLIENT_KEY_EXCHANGE, body.len(), 0, body),
            )
        };
        assert!(!one(&key_exchange(&[])).fits_handshake_as_server(None));
        assert!(!one(&key_exchange(&[0])).fits_handshake_as_server(None));
        assert!(one(&key_exchange(&[0, 0])).fits_handshake_as_server(None));
        for (suite, shortest) in [
            (None, 24),
            (Some(Suite(0xC0A8)), 16),
            (Some(Suite(0xC0A4)), 24),
        ] {
            for length in 1..30 {
                let record = record(APPLICATION_DATA, 1, &vec![0; length]);
                assert_eq!(one(&record).fits_session(suite), length >= shortest);
                assert_eq!(
                    one(&record).fits_handshake_as_client(suite),
                    length >= shortest
                );
            }
        }
    }

    #[test]
    fn sessions_see_protected_data_and_alerts_only() {
        for (kind, epoch, fits) in [
            (APPLICATION_DATA, 1, true),
            (ALERT, 1, true),
            (HANDSHAKE, 1, false),
            (CHANGE_CIPHER_SPEC, 1, false),
            (ALERT, 0, false),
            (APPLICATION_DATA, 0, false),
            (APPLICATION_DATA, 2, false),
            (24, 1, false),
        ] {
            let record = record(kind, epoch, &[0; 40]);
            assert_eq!(one(&record).fits_session(None), fits, "{kind} {epoch}");
        }
    }

    #[test]
    fn the_suite_is_read_from_the_server_hello() {
        let mut body = vec![254, 253];
        body.extend([3; 32]);
        body.extend([2, 8, 8]);
        body.extend([0xC0, 0xA8, 0]);
        let whole = record(HANDSHAKE, 0, &message(SERVER_HELLO, body.len(), 0, &body));
        assert_eq!(one(&whole).chosen_suite(), Some(Suite(0xC0A8)));
        let short = record(HANDSHAKE, 0, &message(SERVER_HELLO, 36, 0, &body[..36]));
        assert_eq!(one(&short).chosen_suite(), None);
    }
}
