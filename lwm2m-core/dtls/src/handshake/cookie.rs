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
    // Only the address and the id vary in length: the address by its family, the id behind its length.
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

    fn known(address: &str, hello: &HelloPrefix<'_>) -> std::string::String {
        let key = Hmac::new(&[0x0b; 32]);
        hex::encode(mac(&key, address.parse().unwrap(), hello))
    }

    fn counting() -> [u8; 32] {
        core::array::from_fn(|at| at as u8)
    }

    /// Computed by `openssl dgst -sha256 -mac HMAC` over the bytes that stand here.
    #[test]
    fn it_is_hmac_sha256_over_address_and_hello() {
        let random = counting();
        let hello = prefix(&random, b"whatever stands here");
        assert_eq!(
            // 04 0a000001 1634 fefd 00010203..1f 00
            known("10.0.0.1:5684", &hello),
            "2528e7c75691ca9b4de5b5cccab8318948c1ece61f000f2707fe52ea0b2e1941"
        );
        let hello = HelloPrefix {
            session_id: &[0xaa, 0xbb, 0xcc],
            ..hello
        };
        assert_eq!(
            // 06 fe80000000000000 0000000000000001 00000002 1634 fefd 00010203..1f 03 aabbcc
            known("[fe80::1%2]:5684", &hello),
            "d68e30b8030ec906b35c1e2a283885a8c4dbd496dae538018c31b5217713450c"
        );
    }

    #[test]
    fn each_field_that_it_covers_makes_another_cookie() {
        let random = counting();
        let other = [1; 32];
        let hello = HelloPrefix {
            session_id: &[0],
            ..prefix(&random, &[])
        };
        let at = "[fe80::a00:1%2]:5684";
        let mut cookies = alloc::vec![known(at, &hello)];
        // Address, link, port, family.
        for at in [
            "[fe80::a00:2%2]:5684",
            "[fe80::a00:1%3]:5684",
            "[fe80::a00:1%2]:5685",
            "[::a00:1]:5684",
            "10.0.0.1:5684",
        ] {
            cookies.push(known(at, &hello));
        }
        for version in [0xfeff, 0xfefc] {
            cookies.push(known(at, &HelloPrefix { version, ..hello }));
        }
        cookies.push(known(
            at,
            &HelloPrefix {
                random: &other,
                ..hello
            },
        ));
        let ids: [&[u8]; 4] = [&[], &[1], &[0, 0], &[0; 32]];
        for session_id in ids {
            cookies.push(known(
                at,
                &HelloPrefix {
                    session_id,
                    ..hello
                },
            ));
        }
        let count = cookies.len();
        assert_eq!(count, 13);
        cookies.sort();
        cookies.dedup();
        assert_eq!(cookies.len(), count);
        // The cookie itself is none of them.
        let said = HelloPrefix {
            cookie: &[9; 32],
            ..hello
        };
        assert!(cookies.contains(&known(at, &said)));
    }

    #[test]
    fn a_request_is_no_longer_than_the_shortest_hello() {
        let verify_request = 13 + 12 + 2 + 1 + LENGTH;
        let shortest_hello = 13 + 12 + 2 + 32 + 1 + 1 + 2 + 2 + 1 + 1;
        assert!(verify_request <= shortest_hello);
    }
}
