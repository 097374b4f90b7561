//! Cookies, which prove an address without a byte kept for it (RFC 6347, section 4.2.1).

use crate::{address::link, crypto::hash::Hmac, wire::hello::HelloPrefix};
use alloc::vec::Vec;
use core::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};
use lwm2m_core::time::Instant;
use rand_core::RngCore;
use subtle::ConstantTimeEq;

/// With 32 bytes, a HelloVerifyRequest is shorter than the shortest ClientHello, so that nothing is amplified.
const LENGTH: usize = 32;

/// Makes and verifies cookies: a MAC over the address and the beginning of the hello, under a key that changes.
pub(crate) struct Cookies {
    lifetime: Duration,
    current: Option<Key>,
    previous: Option<Key>,
}

struct Key {
    mac: Hmac,
    until: Instant,
}

impl Cookies {
    pub(crate) fn new(lifetime: Duration) -> Self {
        Cookies {
            lifetime,
            current: None,
            previous: None,
        }
    }

    /// The cookie for a hello. It is good for as long as the lifetime, and at most twice that.
    pub(crate) fn make(
        &mut self,
        now: Instant,
        random: &mut dyn RngCore,
        address: SocketAddr,
        hello: &HelloPrefix<'_>,
    ) -> [u8; LENGTH] {
        self.turn(now);
        let current = self.current.get_or_insert_with(|| {
            let mut key = zeroize::Zeroizing::new([0; 32]);
            random.fill_bytes(&mut *key);
            Key {
                mac: Hmac::new(&*key),
                until: now + self.lifetime,
            }
        });
        mac(&current.mac, address, hello)
    }

    /// Whether the cookie in a hello is one that we made for it.
    pub(crate) fn verify(
        &mut self,
        now: Instant,
        address: SocketAddr,
        hello: &HelloPrefix<'_>,
    ) -> bool {
        self.turn(now);
        let keys = self.current.iter().chain(&self.previous);
        let mut cookies = keys.map(|key| mac(&key.mac, address, hello));
        cookies.any(|cookie| bool::from(cookie[..].ct_eq(hello.cookie)))
    }

    /// Retires keys whose time is over.
    fn turn(&mut self, now: Instant) {
        if let Some(mut current) = self.current.take_if(|current| current.until <= now) {
            current.until += self.lifetime;
            self.previous = Some(current);
        }
        self.previous.take_if(|previous| previous.until <= now);
    }
}

fn mac(key: &Hmac, address: SocketAddr, hello: &HelloPrefix<'_>) -> [u8; LENGTH] {
    let mut name = Vec::with_capacity(22);
    match address.ip() {
        IpAddr::V4(v4) => name.extend_from_slice(&v4.octets()),
        IpAddr::V6(v6) => {
            name.extend_from_slice(&v6.octets());
            name.extend_from_slice(&link(address).to_be_bytes());
        }
    }
    name.extend_from_slice(&address.port().to_be_bytes());
    let version = hello.version.to_be_bytes();
    let id_len = [hello.session_id.len() as u8];
    // Only the address and the id vary in length: the address by two bytes of its family, the id behind its length.
    let family = [if address.is_ipv4() { 4 } else { 6 }];
    key.compute([
        &family[..],
        &name,
        &version,
        hello.random,
        &id_len,
        hello.session_id,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha8Rng;
    use rand_core::SeedableRng;

    const LIFETIME: Duration = Duration::from_secs(60);

    fn prefix<'a>(random: &'a [u8; 32], cookie: &'a [u8]) -> HelloPrefix<'a> {
        HelloPrefix {
            version: 0xfefd,
            random,
            session_id: &[],
            cookie,
        }
    }

    // proves: DTLS-01
    #[test]
    fn good_for_its_address_hello_and_time_only() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut cookies = Cookies::new(LIFETIME);
        let address: SocketAddr = "127.0.0.1:1000".parse().unwrap();
        let start = Instant::from_micros(5_000_000);
        let cookie = cookies.make(start, &mut rng, address, &prefix(&[1; 32], &[]));
        let hello = prefix(&[1; 32], &cookie);
        assert!(cookies.verify(start, address, &hello));
        assert!(!cookies.verify(start, "127.0.0.1:1001".parse().unwrap(), &hello));
        assert!(!cookies.verify(start, "127.0.0.2:1000".parse().unwrap(), &hello));
        assert!(!cookies.verify(start, address, &prefix(&[2; 32], &cookie)));
        assert!(!cookies.verify(start, address, &prefix(&[1; 32], &cookie[..31])));
        for at in 0..cookie.len() {
            let mut wrong = cookie;
            wrong[at] ^= 1;
            assert!(!cookies.verify(start, address, &prefix(&[1; 32], &wrong)));
        }
        // One made just before its key retires lives on for as long again.
        let late = start + Duration::from_secs(59);
        let cookie = cookies.make(late, &mut rng, address, &prefix(&[1; 32], &[]));
        let hello = prefix(&[1; 32], &cookie);
        assert!(cookies.verify(start + LIFETIME, address, &hello));
        cookies.make(start + LIFETIME, &mut rng, address, &hello);
        assert!(cookies.verify(late + LIFETIME, address, &hello));
        assert!(!cookies.verify(start + LIFETIME * 2, address, &hello));
    }

    #[test]
    fn a_request_is_no_longer_than_the_shortest_hello() {
        let verify_request = 13 + 12 + 2 + 1 + LENGTH;
        let shortest_hello = 13 + 12 + 2 + 32 + 1 + 1 + 2 + 2 + 1 + 1;
        assert!(verify_request <= shortest_hello);
    }
}
