//! What travelled, message by message, in both directions: the evidence that a verdict rests on.
//!
//! Keys travel in a bootstrap: values of the security, OSCORE and COSE objects are never shown.

use lwm2m_core::{
    coap::{Code, Message, MessageKind, OptionNumber, Token, option},
    content::{self, ContentFormat},
    path::{Path, is_security_object},
    peer::PeerId,
    time::Instant,
};
use lwm2m_objects::Definitions;
use std::{
    collections::VecDeque,
    fmt::Write as _,
    sync::{Arc, Mutex, PoisonError},
};

/// Messages that are kept, about 300 bytes each and their payloads; the oldest make room. A case whose beginning is
/// gone says so.
pub const MAX_MESSAGES: usize = 10_000;
/// Bytes of a payload that cannot be decoded that are shown.
const SHOWN_BYTES: usize = 48;
/// Characters of a text that are shown.
const SHOWN_TEXT: usize = 600;
/// What the security object says in the open: address, whether it is of a bootstrap server, mode, short server id,
/// hold-off, account timeout, certificate usage.
const OPEN_RESOURCES: [u16; 7] = [0, 1, 2, 10, 11, 12, 15];

/// Which way a message went, seen from the judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the peer to the judge.
    In,
    /// From the judge to the peer.
    Out,
}

/// One message of the tape.
#[derive(Debug, Clone)]
pub struct Taped {
    /// When.
    pub at: Instant,
    /// Which way.
    pub direction: Direction,
    /// The other side.
    pub peer: PeerId,
    /// What; `None` for what is no CoAP message.
    pub message: Option<Message>,
    /// What a person should know about it.
    note: Option<String>,
}

#[derive(Debug, Default)]
struct Inner {
    messages: VecDeque<Taped>,
    /// How many have made room.
    dropped: usize,
}

/// The tape. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Tape(Arc<Mutex<Inner>>);

impl Tape {
    fn with<R>(&self, f: impl FnOnce(&mut Inner) -> R) -> R {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Keeps a datagram.
    pub fn record(&self, at: Instant, direction: Direction, peer: PeerId, datagram: &[u8]) {
        let (message, note) = match Message::parse(datagram) {
            Ok(message) => (Some(message), None),
            Err(error) => {
                let length = datagram.len();
                (
                    None,
                    Some(format!("{length} bytes that are no CoAP: {error}")),
                )
            }
        };
        self.push(Taped {
            at,
            direction,
            peer,
            message,
            note,
        });
    }

    /// Keeps what happened to a connection.
    pub fn note(&self, at: Instant, direction: Direction, peer: PeerId, note: String) {
        self.push(Taped {
            at,
            direction,
            peer,
            message: None,
            note: Some(note),
        });
    }

    fn push(&self, taped: Taped) {
        self.with(|inner| {
            if inner.messages.len() == MAX_MESSAGES {
                inner.messages.pop_front();
                inner.dropped += 1;
            }
            inner.messages.push_back(taped);
        });
    }

    /// A mark behind the last message.
    pub fn mark(&self) -> usize {
        self.with(|inner| inner.dropped + inner.messages.len())
    }

    /// The messages since a mark.
    pub fn since(&self, mark: usize) -> Vec<Taped> {
        self.with(|inner| {
            let skip = mark.saturating_sub(inner.dropped);
            inner.messages.iter().skip(skip).cloned().collect()
        })
    }

    /// The token of the last request to observe that went out since a mark: one that is asked to come again, with an Echo
    /// (RFC 9175), does so under another token, and the first observes nothing.
    pub fn observing(&self, since: usize) -> Option<Token> {
        let taped = self.since(since);
        let out = (taped.iter().rev()).filter(|taped| taped.direction == Direction::Out);
        let mut found = out
            .filter_map(|taped| taped.message.as_ref())
            .filter(|message| {
                message.code.is_request() && message.options.uint(option::OBSERVE) == Some(0)
            });
        found.next().map(|message| message.token)
    }

    /// How many messages with this token and an Observe option came in since a mark, repetitions not counted.
    pub fn notifications(&self, since: usize, token: Token) -> usize {
        let taped = self.since(since);
        let mut ids: Vec<(PeerId, u16)> = taped
            .iter()
            .filter(|taped| taped.direction == Direction::In)
            .filter_map(|taped| Some((taped.peer, taped.message.as_ref()?)))
            .filter(|(_, message)| {
                message.code.is_response()
                    && message.token == token
                    && message.options.contains(option::OBSERVE)
            })
            .map(|(peer, message)| (peer, message.id))
            .collect();
        ids.sort_unstable();
        ids.dedup();
        ids.len()
    }

    /// How many resets went this way since a mark.
    pub fn resets(&self, since: usize, direction: Direction) -> usize {
        let taped = self.since(since);
        let resets = taped.iter().filter(|taped| {
            let message = taped.message.as_ref();
            taped.direction == direction
                && message.is_some_and(|message| message.kind == MessageKind::Reset)
        });
        resets.count()
    }

    /// What travelled since a mark, for people.
    pub fn print(&self, mark: usize, models: &Definitions) -> String {
        let dropped = self.with(|inner| inner.dropped);
        // Responses name no path: the requests, also those before the mark, do.
        let all = self.since(0);
        let mut text = String::new();
        if dropped > mark {
            let missing = dropped - mark;
            _ = writeln!(text, "... {missing} messages before are not kept");
        }
        let from = mark.saturating_sub(dropped).min(all.len());
        let zero = all.get(from).map_or(Instant::ZERO, |taped| taped.at);
        for (index, taped) in all.iter().enumerate().skip(from) {
            let seconds = taped.at.since(zero).as_secs_f64();
            let arrow = match taped.direction {
                Direction::In => "<-",
                Direction::Out => "->",
            };
            _ = write!(text, "{seconds:9.3} s {arrow} {}  ", taped.peer);
            if let Some(message) = &taped.message {
                line(&mut text, message);
                let request = request_of(&all[..index], taped, message);
                if let Some(shown) = payload(message, request, models) {
                    _ = write!(text, "\n              {shown}");
                }
            }
            if let Some(note) = &taped.note {
                text.push_str(note);
            }
            text.push('\n');
        }
        text
    }
}

/// The path of a request, as `/3/0`.
pub fn path_of(message: &Message) -> String {
    joined(message, option::URI_PATH)
}

fn joined(message: &Message, number: OptionNumber) -> String {
    let segments = message.options.all(number);
    let segments: Vec<_> = segments.map(String::from_utf8_lossy).collect();
    format!("/{}", segments.join("/"))
}

/// Kind, code, path and options of a message.
fn line(text: &mut String, message: &Message) {
    let kind = match message.kind {
        MessageKind::Confirmable => "CON",
        MessageKind::NonConfirmable => "NON",
        MessageKind::Acknowledgement => "ACK",
        MessageKind::Reset => "RST",
    };
    _ = write!(text, "{kind} {:5}", message.id);
    if message.code == Code::EMPTY {
        return;
    }
    _ = write!(text, " {}", message.code);
    if message.code.is_request() {
        _ = write!(text, " {}", path_of(message));
        let mut separator = '?';
        for query in message.options.all(option::URI_QUERY) {
            _ = write!(text, "{separator}{}", String::from_utf8_lossy(query));
            separator = '&';
        }
    }
    if message.options.contains(option::LOCATION_PATH) {
        _ = write!(text, " location {}", joined(message, option::LOCATION_PATH));
    }
    for (number, value) in message.options.iter() {
        match number {
            option::URI_PATH | option::URI_QUERY | option::LOCATION_PATH => {}
            option::BLOCK1 | option::BLOCK2 => {
                let Ok(Some(block)) = message.options.block(number) else {
                    continue;
                };
                let more = if block.more { " and more" } else { "" };
                let size = block.size.bytes();
                _ = write!(text, " {number:?} {} of {size} bytes{more}", block.number);
            }
            option::CONTENT_FORMAT | option::ACCEPT | option::OBSERVE => {
                let value = message.options.uint(number).unwrap_or_default();
                _ = write!(text, " {number:?} {value}");
            }
            _ => _ = write!(text, " {number:?} 0x{}", hex::encode(value)),
        }
    }
    if message.token != Token::EMPTY {
        _ = write!(text, " token {}", hex::encode(message.token.as_bytes()));
    }
}

/// The request that a response answers, itself for a request.
fn request_of<'a>(
    before: &'a [Taped],
    taped: &'a Taped,
    message: &'a Message,
) -> Option<&'a Message> {
    if message.code.is_request() {
        return Some(message);
    }
    let mut earlier = before
        .iter()
        .rev()
        .filter(|other| other.peer == taped.peer && other.direction != taped.direction);
    earlier.find_map(|other| {
        other
            .message
            .as_ref()
            .filter(|other| other.code.is_request() && other.token == message.token)
    })
}

/// The payload for people; `None` where there is none.
fn payload(message: &Message, request: Option<&Message>, models: &Definitions) -> Option<String> {
    let body = &message.payload;
    if body.is_empty() {
        return None;
    }
    let length = body.len();
    let text = || std::str::from_utf8(body).ok().map(shortened);
    // A diagnostic payload is a text for people (RFC 7252, section 5.5.2), to which some give a format.
    if message.code.is_error()
        && let Some(shown) = text()
    {
        return Some(shown);
    }
    let Some(number) = message.options.content_format() else {
        return Some(format!("{length} bytes without a format"));
    };
    let format = ContentFormat::from_number(number);
    if format == Some(ContentFormat::Link) {
        return text();
    }
    let hidden = format!("{length} bytes");
    let Some(path) = request.and_then(place) else {
        return Some(hidden);
    };
    let in_blocks =
        message.options.contains(option::BLOCK1) || message.options.contains(option::BLOCK2);
    let entries = format
        .filter(|_| !in_blocks)
        .and_then(|format| decoded(format, message, &path, models));
    Some(match entries {
        Some(entries) => entries,
        None if path.object_id().is_none_or(is_security_object) => hidden,
        None => {
            let shown = hex::encode(&body[..length.min(SHOWN_BYTES)]);
            let more = if length > SHOWN_BYTES { ".." } else { "" };
            format!("{length} bytes: {shown}{more}")
        }
    })
}

/// The place in the object tree that a request is about: its last numeric segments, so that an alternate path before
/// them does no harm; the root for composite operations and Send.
fn place(request: &Message) -> Option<Path> {
    let segments = request.options.texts(option::URI_PATH)?;
    let is_number = |segment: &&str| segment.bytes().all(|byte| byte.is_ascii_digit());
    let first = segments
        .iter()
        .position(is_number)
        .unwrap_or(segments.len());
    Path::from_segments(segments[first..].iter().copied().filter(|s| !s.is_empty())).ok()
}

/// Whether a value may be shown.
fn is_open(path: &Path) -> bool {
    match (path.object_id(), path.resource_id()) {
        (Some(0), Some(resource)) => OPEN_RESOURCES.contains(&resource),
        (Some(object), _) => !is_security_object(object),
        (None, _) => false,
    }
}

/// The values, or paths, in a payload.
fn decoded(
    format: ContentFormat,
    message: &Message,
    path: &Path,
    models: &Definitions,
) -> Option<String> {
    if message.code == Code::FETCH {
        let paths = content::decode_paths(format, &message.payload).ok()?;
        let paths: Vec<String> = paths.iter().map(Path::to_string).collect();
        return Some(shortened(&paths.join(" ")));
    }
    let is_create = message.code == Code::POST && path.ids().len() == 1;
    let entries = match is_create {
        true => content::decode_create(format, &message.payload, path, 0, models),
        false if message.code.is_request() => {
            content::decode(format, &message.payload, path, models)
        }
        false => content::decode_answer(format, &message.payload, path, models),
    };
    let entries = entries.ok()?;
    if entries.is_empty() {
        return Some("no values".to_owned());
    }
    let shown: Vec<String> = entries
        .iter()
        .map(|entry| match is_open(&entry.path) {
            true => format!("{}={}", entry.path, entry.value),
            false => format!("{}=(not shown)", entry.path),
        })
        .collect();
    Some(shortened(&shown.join(" ")))
}

/// Of bounded length and on one line.
fn shortened(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .take(SHOWN_TEXT)
        .flat_map(|c| match c.is_control() {
            true => c.escape_default().collect::<Vec<_>>(),
            false => vec![c],
        })
        .collect();
    if text.chars().nth(SHOWN_TEXT).is_some() {
        shown.push_str("..");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer() -> PeerId {
        PeerId::from_connection(0, 1)
    }

    fn message(code: Code, path: &[&str], format: u32, payload: &'static [u8]) -> Message {
        let token = Token::new(b"ab").unwrap();
        let mut message = Message::new(MessageKind::Confirmable, code, 7, token);
        for segment in path {
            message.options.push(option::URI_PATH, segment.as_bytes());
        }
        message.options.set_uint(option::CONTENT_FORMAT, format);
        message.payload = payload.into();
        message
    }

    fn record(tape: &Tape, direction: Direction, message: &Message) {
        tape.record(Instant::ZERO, direction, peer(), &message.encode().unwrap());
    }

    #[test]
    fn values_are_decoded_in_both_directions() {
        let tape = Tape::default();
        let mut read = message(Code::GET, &["3", "0", "0"], 0, b"");
        read.options.remove(option::CONTENT_FORMAT);
        record(&tape, Direction::Out, &read);
        record(
            &tape,
            Direction::In,
            &message(Code::CONTENT, &[], 0, b"Example"),
        );
        let shown = tape.print(0, &Definitions::built_in());
        assert!(
            shown.contains("-> connection 0.1  CON     7 0.01 GET /3/0/0 token 6162"),
            "{shown}"
        );
        assert!(shown.contains(r#"/3/0/0="Example""#), "{shown}");
        // The request stands before the mark and is known nevertheless.
        let shown = tape.print(1, &Definitions::built_in());
        assert!(
            !shown.contains("GET") && shown.contains(r#"/3/0/0="Example""#),
            "{shown}"
        );
    }

    #[test]
    fn keys_are_not_shown() {
        let tape = Tape::default();
        let senml = br#"[{"bn":"/0/1/","n":"3","vs":"secretid"},{"n":"5","vs":"secretkey"}]"#;
        for (format, payload) in [
            (110, &senml[..]),
            (11542, b"\xC8\x05\x09secretkey"),
            (0, b"secretkey"),
            (42, b"secretkey"),
            (9999, b"secretkey"),
        ] {
            record(
                &tape,
                Direction::Out,
                &message(Code::PUT, &["0", "1"], format, payload),
            );
            record(
                &tape,
                Direction::Out,
                &message(Code::PUT, &["0", "1", "5"], format, payload),
            );
            record(
                &tape,
                Direction::Out,
                &message(Code::IPATCH, &[], format, payload),
            );
        }
        let whole = br#"[{"bn":"/0/1/","n":"0","vs":"coaps://here"},{"n":"5","vd":"c2VjcmV0"}]"#;
        let write = message(Code::PUT, &["0", "1"], 110, whole);
        record(&tape, Direction::Out, &write);
        let shown = tape.print(0, &Definitions::built_in());
        assert!(!shown.contains("secret"), "{shown}");
        assert!(!shown.contains(&hex::encode("secret")), "{shown}");
        let decoded = r#"/0/1/0="coaps://here" /0/1/5=(not shown)"#;
        assert!(shown.contains(decoded), "{shown}");
    }

    #[test]
    fn what_is_observed_is_observed_by_the_last_request() {
        let tape = Tape::default();
        assert_eq!(tape.observing(0), None);
        let ask = |direction, token: &[u8], observe: u32| {
            let mut request = message(Code::GET, &["3303", "0", "5700"], 0, b"");
            request.token = Token::new(token).unwrap();
            request.options.remove(option::CONTENT_FORMAT);
            request.options.set_uint(option::OBSERVE, observe);
            record(&tape, direction, &request);
        };
        ask(Direction::Out, b"a", 0);
        ask(Direction::Out, b"b", 0);
        // Neither its end nor what the peer observes.
        ask(Direction::Out, b"c", 1);
        ask(Direction::In, b"d", 0);
        assert_eq!(tape.observing(0), Some(Token::new(b"b").unwrap()));
        assert_eq!(tape.observing(2), None, "only since the mark");
    }

    #[test]
    fn it_is_bounded_and_says_what_it_lost() {
        let tape = Tape::default();
        for _ in 0..MAX_MESSAGES + 5 {
            tape.record(Instant::ZERO, Direction::In, peer(), b"no");
        }
        assert_eq!(tape.mark(), MAX_MESSAGES + 5);
        assert_eq!(tape.since(0).len(), MAX_MESSAGES);
        assert_eq!(tape.since(tape.mark() - 2).len(), 2);
        let shown = tape.print(0, &Definitions::built_in());
        assert!(shown.starts_with("... 5 messages before are not kept"));
        assert!(shown.contains("2 bytes that are no CoAP"));
    }
}
