//! What a peer hears: records, the messages in them, and what it takes from each.

use super::{Peer, kinds::*};
use crate::protocol::*;

impl Peer {
    pub(super) fn hear(&mut self, mut datagram: &[u8]) {
        while !datagram.is_empty() {
            let id_len = match datagram[0] {
                WITH_ID => self.plan.id.as_ref().map_or(0, Vec::len),
                _ => 0,
            };
            let at = 11 + id_len;
            let length = usize::from(u16::from_be_bytes([datagram[at], datagram[at + 1]]));
            let (record, rest) = datagram.split_at(at + 2 + length);
            datagram = rest;
            self.records.push(record.to_vec());
            let (kind, text) = if record[3..5] == [0, 0] {
                (record[0], record[13..].to_vec())
            } else {
                let opened = self
                    .halves()
                    .and_then(|(_, theirs)| self.cipher.as_ref()?.open(&theirs, record, id_len));
                let Some(opened) = opened else {
                    self.unreadable += 1;
                    continue;
                };
                opened
            };
            match kind {
                HANDSHAKE => self.hear_messages(&text),
                ALERT => self.alerts.push([text[0], text[1]]),
                DATA => self.data.push(text),
                _ => {}
            }
        }
    }

    fn hear_messages(&mut self, mut messages: &[u8]) {
        while !messages.is_empty() {
            let length = u32::from_be_bytes([0, messages[9], messages[10], messages[11]]) as usize;
            let (said, rest) = messages.split_at(12 + length);
            messages = rest;
            let (kind, body) = (said[0], &said[12..]);
            self.heard.push(kind);
            let sequence = u16::from_be_bytes([said[4], said[5]]);
            if kind == HELLO_VERIFY {
                self.cookie = body[3..].to_vec();
                continue;
            }
            if !self.seen.insert(sequence) {
                continue;
            }
            if kind == CLIENT_HELLO {
                self.transcript.clear();
            }
            self.transcript.extend(said);
            match kind {
                CLIENT_HELLO => {
                    self.client_random.copy_from_slice(&body[2..34]);
                    // A server that knows a session by its ticket takes the id that it hears.
                    if let Some((id, _)) = &mut self.plan.resumes
                        && self.is_server
                        && id.is_empty()
                    {
                        *id = body[35..35 + usize::from(body[34])].to_vec();
                    }
                }
                TICKET => self.ticket = body[6..].to_vec(),
                SERVER_HELLO => self.on_server_hello(body),
                SERVER_KEY => {
                    let share = self.new_share_of(&body[4..4 + usize::from(body[3])]);
                    self.premaster = share;
                }
                CLIENT_KEY => {
                    if let Some(share) = self.share.take() {
                        let theirs = &body[1..];
                        self.premaster = share.agree(theirs).unwrap().expose_secret().to_vec();
                    }
                    self.derive();
                }
                FINISHED => self.engine_finished = body.to_vec(),
                _ => {}
            }
            if self.is_server && kind == CLIENT_HELLO {
                self.engine_id =
                    extension(body, 54, true).map_or(Vec::new(), |id| id[1..].to_vec());
            }
        }
    }

    /// Our share stays for the message; the secret is computed with a second one from the same numbers.
    fn new_share_of(&mut self, theirs: &[u8]) -> Vec<u8> {
        self.new_share();
        let share = self.share.take().unwrap();
        let secret = share.agree(theirs).unwrap().expose_secret().to_vec();
        self.new_share();
        secret
    }

    fn on_server_hello(&mut self, body: &[u8]) {
        self.server_random.copy_from_slice(&body[2..34]);
        if let Some(id) = extension(body, 54, false) {
            self.engine_id = id[1..].to_vec();
        }
        let session = &body[35..35 + usize::from(body[34])];
        self.plan.session_id = session.to_vec();
        if let Some((id, master)) = &self.plan.resumes
            && id == session
        {
            self.master = master.clone();
            self.use_keys();
        }
    }
}

/// An extension of a hello.
pub(crate) fn extension(hello: &[u8], wanted: u16, of_client: bool) -> Option<Vec<u8>> {
    let mut at = 34;
    at += 1 + usize::from(hello[at]);
    if of_client {
        at += 1 + usize::from(hello[at]);
        at += 2 + usize::from(u16::from_be_bytes([hello[at], hello[at + 1]]));
        at += 2;
    } else {
        at += 3;
    }
    at += 2;
    while at < hello.len() {
        let number = u16::from_be_bytes([hello[at], hello[at + 1]]);
        let length = usize::from(u16::from_be_bytes([hello[at + 2], hello[at + 3]]));
        let body = &hello[at + 4..at + 4 + length];
        if number == wanted {
            return Some(body.to_vec());
        }
        at += 4 + length;
    }
    None
}
