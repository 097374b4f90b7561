//! Sessions that a client keeps for its server, sealed: tickets (RFC 5077). The server keeps nothing but two keys, and a
//! list of those whose credentials are gone.
//!
//! ```text
//! name of the key   8     tells which of two keys it is under; authenticated
//! nonce            12     random
//! text              n     version, suite, flags, moment, master secret, longest record, identity, host: AES-128-GCM
//! tag              16
//! ```
//!
//! A ticket lives from the full handshake on: taking it up gives no new one, so that what it rests on is looked at again
//! after one lifetime at the latest.

use super::Resumable;
use crate::{
    config::{EndpointConfig, MIN_TICKET_SECRET},
    crypto::{
        Aead, Provider,
        hash::sha256,
        prf::{MASTER_SECRET_LEN, MasterSecret, prf},
    },
    session::{put_identity, take_identity},
    suite::CipherSuite,
    wire::codec::{Malformed, Put, Reader},
};
use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::time::Duration;
use hashbrown::HashMap;
use lwm2m_core::{peer::PeerIdentity, secret::Secret, time::Instant};
use rand_core::RngCore;
use zeroize::Zeroizing;

const VERSION: u8 = 2;
const EXTENDED_MASTER_SECRET: u8 = 1;
const NAME_LEN: usize = 8;
const NONCE_LEN: usize = 12;
/// What every ticket has around its text.
const OVERHEAD: usize = NAME_LEN + NONCE_LEN + Aead::Aes128Gcm.tag_len();

/// How many identities whose credentials are gone are remembered one by one; beyond that, no ticket is good that is older
/// than the latest of them.
const MAX_REVOKED: usize = 1024;

/// Makes tickets, and opens them.
pub(crate) struct Tickets {
    lifetime: Option<Duration>,
    current: Option<Key>,
    previous: Option<Key>,
    /// Tickets of these identities are good from this moment on.
    revoked: HashMap<[u8; 32], u64>,
    /// Tickets of all are.
    good_from: u64,
}

struct Key {
    name: [u8; NAME_LEN],
    /// In a box, so that it is wiped where it stands.
    key: Box<Zeroizing<[u8; 16]>>,
    /// `None`: until the program gives another.
    until: Option<Instant>,
}

impl Key {
    fn new(secret: &[u8], until: Option<Instant>) -> Self {
        let mut key = Box::new(Zeroizing::new([0; 16]));
        prf(secret, b"ticket key", &[], &mut key[..]);
        let mut name = [0; NAME_LEN];
        prf(secret, b"ticket key name", &[], &mut name);
        Key { name, key, until }
    }
}

/// Microseconds since 1970, or, where there is no clock, since the beginning.
fn moment(now: Instant, config: &EndpointConfig) -> u64 {
    let zero = config.unix_at_zero.unwrap_or(0).saturating_mul(1_000_000);
    zero.saturating_add(now.as_micros())
}

impl Tickets {
    /// Without a lifetime, there are none.
    pub(crate) fn new(lifetime: Option<Duration>) -> Self {
        Tickets {
            lifetime,
            current: None,
            previous: None,
            revoked: HashMap::new(),
            good_from: 0,
        }
    }

    pub(crate) fn lifetime(&self) -> Option<Duration> {
        self.lifetime
    }

    /// Takes a key from the program; tickets under the one before are good for another lifetime. `false`: too short.
    pub(crate) fn give_key(&mut self, now: Instant, secret: &Secret) -> bool {
        let secret = secret.expose_secret();
        if secret.len() < MIN_TICKET_SECRET {
            return false;
        }
        let lifetime = self.lifetime.unwrap_or_default();
        self.previous = self.current.take().map(|key| Key {
            until: Some(now + lifetime),
            ..key
        });
        self.current = Some(Key::new(secret, None));
        true
    }

    /// Retires keys whose time is over.
    fn turn(&mut self, now: Instant, lifetime: Duration) {
        let over = |key: &mut Key| key.until.is_some_and(|until| until <= now);
        if let Some(mut current) = self.current.take_if(over) {
            current.until = current.until.map(|until| until + lifetime);
            self.previous = Some(current);
        }
        self.previous.take_if(over);
    }

    /// A ticket for a session whose handshake ends now; empty where there is none, or where it were too long.
    pub(crate) fn seal(
        &mut self,
        now: Instant,
        config: &EndpointConfig,
        provider: &dyn Provider,
        random: &mut dyn RngCore,
        session: &Resumable,
    ) -> Vec<u8> {
        let Some(lifetime) = self.lifetime else {
            return Vec::new();
        };
        self.turn(now, lifetime);
        let current = self.current.get_or_insert_with(|| {
            let mut secret = Zeroizing::new([0; 32]);
            random.fill_bytes(&mut *secret);
            Key::new(&*secret, Some(now + lifetime))
        });
        // All at once: a buffer that grows leaves copies of the master secret behind.
        let mut text = Zeroizing::new(Vec::with_capacity(
            128 + session.server_name.len() + crate::session::identity_size(&session.identity),
        ));
        text.u8(VERSION);
        text.u16(session.suite.number());
        let extended = session.extended_master_secret;
        text.u8(if extended { EXTENDED_MASTER_SECRET } else { 0 });
        text.extend_from_slice(&moment(now, config).to_be_bytes());
        text.extend_from_slice(session.master.expose_secret());
        text.u16(session.max_plaintext);
        put_identity(&mut text, &session.identity);
        text.vec16(&session.server_name);
        if OVERHEAD + text.len() > config.max_ticket {
            return Vec::new();
        }
        let mut nonce = [0; NONCE_LEN];
        random.fill_bytes(&mut nonce);
        let mut tag = [0; Aead::Aes128Gcm.tag_len()];
        provider.seal(
            Aead::Aes128Gcm,
            &current.key,
            &nonce,
            &current.name,
            &mut text,
            &mut tag,
        );
        [&current.name[..], &nonce, &text, &tag].concat()
    }

    /// The session in a ticket; `None` where it is not one of ours, or no longer good.
    pub(crate) fn open(
        &mut self,
        now: Instant,
        config: &EndpointConfig,
        provider: &dyn Provider,
        ticket: &[u8],
    ) -> Option<Resumable> {
        let lifetime = self.lifetime?;
        if ticket.len() > config.max_ticket {
            return None;
        }
        self.turn(now, lifetime);
        let mut reader = Reader::new(ticket);
        let name: [u8; NAME_LEN] = reader.array().ok()?;
        let nonce: [u8; NONCE_LEN] = reader.array().ok()?;
        let (text, tag) = reader.rest().split_last_chunk::<16>()?;
        let mut keys = self.current.iter().chain(&self.previous);
        let key = keys.find(|key| key.name == name)?;
        let mut text = Zeroizing::new(text.to_vec());
        provider
            .open(Aead::Aes128Gcm, &key.key, &nonce, &name, &mut text, tag)
            .ok()?;
        let (made, session) = read(&text).ok()?;
        let now = moment(now, config);
        // One from further in the future is from another clock: nobody knows how old it is.
        if made > now.saturating_add(skew(config)) {
            return None;
        }
        let age = now.saturating_sub(made);
        if u128::from(age) >= lifetime.as_micros() || made < self.good_from {
            return None;
        }
        let good_from = self.revoked.get(&fingerprint(&session.identity));
        good_from
            .is_none_or(|from| made >= *from)
            .then_some(session)
    }

    /// No ticket of this identity is good that was made until now.
    pub(crate) fn forget(
        &mut self,
        now: Instant,
        config: &EndpointConfig,
        identity: &PeerIdentity,
    ) {
        let Some(lifetime) = self.lifetime else {
            return;
        };
        let now = moment(now, config);
        // One of before may have been made by a clock that is ahead of ours.
        let good_from = now.saturating_add(1).saturating_add(skew(config));
        if self.revoked.len() == MAX_REVOKED {
            let dead = now.saturating_sub(lifetime.as_micros() as u64);
            self.revoked.retain(|_, from| *from > dead);
        }
        if self.revoked.len() == MAX_REVOKED {
            self.revoked.clear();
            self.good_from = good_from;
            return;
        }
        self.revoked.insert(fingerprint(identity), good_from);
    }
}

fn skew(config: &EndpointConfig) -> u64 {
    u64::try_from(config.ticket_clock_skew.as_micros()).unwrap_or(u64::MAX)
}

/// Names an identity without keeping it.
fn fingerprint(identity: &PeerIdentity) -> [u8; 32] {
    let mut bytes = Vec::new();
    put_identity(&mut bytes, identity);
    sha256(&[&bytes])
}

fn read(text: &[u8]) -> Result<(u64, Resumable), Malformed> {
    let mut from = Reader::new(text);
    if from.u8()? != VERSION {
        return Err(Malformed);
    }
    let suite = CipherSuite::from_number(from.u16()?).ok_or(Malformed)?;
    let flags = from.u8()?;
    let made = u64::from_be_bytes(from.array()?);
    let master = Zeroizing::new(from.array::<MASTER_SECRET_LEN>()?);
    let max_plaintext = from.u16()?;
    let identity = take_identity(&mut from)?;
    let server_name = from.vec16()?.into();
    from.end()?;
    let session = Resumable {
        master: Arc::new(MasterSecret::from_bytes(*master)),
        suite,
        extended_master_secret: flags & EXTENDED_MASTER_SECRET != 0,
        max_plaintext,
        identity: Arc::new(identity),
        server_name,
    };
    Ok((made, session))
}

#[cfg(test)]
#[cfg(feature = "rustcrypto")]
mod tests {
    use super::*;
    use crate::crypto::rustcrypto::RustCrypto;
    use alloc::vec;
    use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

    const LIFETIME: Duration = Duration::from_secs(3600);

    fn at(seconds: u64) -> Instant {
        Instant::from_micros(seconds * 1_000_000)
    }

    fn session(name: &[u8]) -> Resumable {
        Resumable {
            master: Arc::new(MasterSecret::from_bytes([0x5a; 48])),
            suite: CipherSuite::PskAes128Ccm8,
            extended_master_secret: true,
            max_plaintext: 512,
            identity: Arc::new(PeerIdentity::Psk(name.to_vec())),
            server_name: b"server.example"[..].into(),
        }
    }

    struct Server {
        tickets: Tickets,
        config: EndpointConfig,
        random: ChaCha20Rng,
    }

    impl Server {
        fn new(seed: u64) -> Self {
            Server {
                tickets: Tickets::new(Some(LIFETIME)),
                config: EndpointConfig {
                    unix_at_zero: Some(1_800_000_000),
                    ticket_clock_skew: Duration::ZERO,
                    ..EndpointConfig::default()
                },
                random: ChaCha20Rng::seed_from_u64(seed),
            }
        }

        fn seal(&mut self, now: Instant, session: &Resumable) -> Vec<u8> {
            let random = &mut self.random;
            self.tickets
                .seal(now, &self.config, &RustCrypto, random, session)
        }

        fn opens(&mut self, now: Instant, ticket: &[u8]) -> bool {
            let opened = self.tickets.open(now, &self.config, &RustCrypto, ticket);
            opened.is_some()
        }
    }

    #[test]
    fn what_was_sealed_is_what_is_opened_and_no_bit_of_it_may_change() {
        let mut server = Server::new(1);
        let ticket = server.seal(at(1), &session(b"device"));
        let text = 1 + 2 + 1 + 8 + 48 + 2 + (1 + 2 + 6) + (2 + 14);
        assert_eq!(ticket.len(), OVERHEAD + text);
        let config = server.config.clone();
        let opened = server.tickets.open(at(2), &config, &RustCrypto, &ticket);
        assert!(opened == Some(session(b"device")));
        assert!(ticket.windows(6).all(|window| window != b"device"));
        assert!(ticket.windows(8).all(|window| window != [0x5a; 8]));
        for bit in 0..ticket.len() * 8 {
            let mut forged = ticket.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            assert!(!server.opens(at(2), &forged), "bit {bit}");
        }
        for length in 0..ticket.len() {
            assert!(!server.opens(at(2), &ticket[..length]), "{length} bytes");
        }
        assert!(!server.opens(at(2), &[&ticket[..], &[0]].concat()));
        assert!(!server.opens(at(2), &vec![0; 100_000]));
        // No two are alike.
        assert_ne!(server.seal(at(1), &session(b"device")), ticket);
    }

    #[test]
    fn a_ticket_lives_as_long_as_it_may_while_keys_change() {
        let mut server = Server::new(2);
        let first = server.seal(at(0), &session(b"a"));
        let late = server.seal(at(3599), &session(b"b"));
        assert!(server.opens(at(3599), &first));
        assert!(!server.opens(at(3600), &first));
        let next = server.seal(at(3600), &session(b"c"));
        assert_ne!(next[..NAME_LEN], late[..NAME_LEN], "another key");
        assert!(server.opens(at(7198), &late));
        assert!(!server.opens(at(7199), &late));
        assert!(server.opens(at(7199), &next));
        // From the future: from before the clock was put back.
        assert!(!server.opens(at(3599), &next));
    }

    #[test]
    fn a_key_that_is_given_opens_tickets_elsewhere() {
        let [mut one, mut other] = [Server::new(3), Server::new(4)];
        let secrets = [7u8, 8, 9].map(|byte| Secret::new(vec![byte; 32]));
        assert!(!one.tickets.give_key(at(0), &Secret::new(vec![1; 15])));
        for server in [&mut one, &mut other] {
            assert!(server.tickets.give_key(at(0), &secrets[0]));
        }
        let ticket = one.seal(at(1), &session(b"device"));
        assert!(other.opens(at(2), &ticket));
        // The one before is still good, the one before that is not.
        other.tickets.give_key(at(3), &secrets[1]);
        assert!(other.opens(at(4), &ticket));
        other.tickets.give_key(at(5), &secrets[2]);
        assert!(!other.opens(at(6), &ticket));
        assert!(!Server::new(5).opens(at(2), &ticket));
    }

    #[test]
    fn tickets_of_credentials_that_are_gone_are_no_good() {
        let mut server = Server::new(6);
        let config = server.config.clone();
        let [mine, other] = [b"device", b"others"].map(|name| server.seal(at(1), &session(name)));
        let identity = PeerIdentity::Psk(b"device".to_vec());
        server.tickets.forget(at(1), &config, &identity);
        assert!(!server.opens(at(2), &mine));
        assert!(server.opens(at(2), &other));
        // Who is known again gets new ones.
        let again = server.seal(at(2), &session(b"device"));
        assert!(server.opens(at(3), &again));
        // Of more than can be remembered, nobody's is good that is older.
        for number in 0..MAX_REVOKED {
            let identity = PeerIdentity::Psk(number.to_be_bytes().to_vec());
            server.tickets.forget(at(4), &config, &identity);
        }
        assert!(!server.opens(at(5), &other));
        assert!(server.tickets.revoked.len() <= MAX_REVOKED);
        let fresh = server.seal(at(5), &session(b"others"));
        assert!(server.opens(at(6), &fresh));
    }

    #[test]
    fn clocks_may_differ_a_little_and_what_is_gone_stays_gone() {
        let [mut ahead, mut behind] = [Server::new(8), Server::new(9)];
        let secret = Secret::new(vec![7; 32]);
        for server in [&mut ahead, &mut behind] {
            assert!(server.tickets.give_key(at(0), &secret));
            server.config.ticket_clock_skew = Duration::from_secs(5);
        }
        let config = behind.config.clone();
        let ticket = ahead.seal(at(105), &session(b"device"));
        assert!(behind.opens(at(100), &ticket));
        assert!(!behind.opens(at(99), &ticket));
        // Its credentials go at the same moment, by the other clock.
        let identity = PeerIdentity::Psk(b"device".to_vec());
        behind.tickets.forget(at(100), &config, &identity);
        assert!(!behind.opens(at(100), &ticket));
        let again = behind.seal(at(106), &session(b"device"));
        assert!(behind.opens(at(106), &again));
        // Nor does a bound that is out of all measure make an old one new.
        behind.config.ticket_clock_skew = Duration::MAX;
        assert!(!behind.opens(at(105 + 3600), &ticket));
    }

    #[test]
    fn a_ticket_that_were_too_long_is_none() {
        let mut server = Server::new(7);
        let length = server.seal(at(1), &session(b"device")).len();
        server.config.max_ticket = length;
        assert_eq!(server.seal(at(1), &session(b"device")).len(), length);
        server.config.max_ticket = length - 1;
        assert!(server.seal(at(1), &session(b"device")).is_empty());
    }
}
