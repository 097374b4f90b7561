//! The ClientHello (RFC 6347, section 4.2.1; RFC 5246, section 7.4.1.2), read before the backend sees it.
//!
//! The backend trusts the lengths in it: a block of extensions of one or three bytes makes it panic. It also skips
//! no session id and gives no answer to a hello without extensions. What it cannot read is refused here.

/// Key exchange, which chooses the configuration of the backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyExchange {
    /// Pre-shared key (RFC 4279).
    Psk,
    /// ECDHE signed with ECDSA certificates (RFC 8422).
    Certificate,
}

/// A cipher suite that we name, by its IANA number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Suite(pub(crate) u16);

impl Suite {
    /// `None` for a suite that we do not offer.
    pub(crate) fn key_exchange(self) -> Option<KeyExchange> {
        match self.0 {
            0xC0A8 | 0xC0A4 | 0x00A8 => Some(KeyExchange::Psk),
            0xC0AE | 0xC0AC | 0xC02B => Some(KeyExchange::Certificate),
            _ => None,
        }
    }

    /// Bytes that a protected record adds to its content: explicit nonce and tag (RFC 6655, RFC 5288).
    pub(crate) fn overhead(self) -> usize {
        match self.0 {
            0xC0A8 | 0xC0AE => 8 + 8,
            _ => 8 + 16,
        }
    }
}

/// What is wrong with a ClientHello.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HelloError {
    #[error("malformed: {0}")]
    Malformed(&'static str),
    #[error("the backend cannot serve {0}")]
    Unsupported(&'static str),
    #[error("no cipher suite in common")]
    NoCommonSuite,
    #[error("out of turn: {0}")]
    OutOfTurn(&'static str),
    #[error("there are too many handshakes or sessions")]
    NoRoom,
}

/// What the demultiplexer needs to know of a ClientHello.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClientHello {
    pub(crate) random: [u8; 32],
    /// Whether it answers a HelloVerifyRequest.
    pub(crate) has_cookie: bool,
    /// Suites that we know, in the client's order.
    pub(crate) suites: Vec<Suite>,
}

impl ClientHello {
    /// Reads the body of the handshake message, which must be the whole of `body`.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, HelloError> {
        let mut reader = Reader(body);
        let version = reader.array::<2>("version")?;
        // DTLS 1.3 clients, too, write 1.2 here (RFC 9147, section 5.3).
        if version != [254, 253] {
            return Err(HelloError::Unsupported("a version other than DTLS 1.2"));
        }
        let random = reader.array("random")?;
        let session_id = reader.vector_u8("session id")?;
        if session_id.len() > 32 {
            return Err(HelloError::Malformed("session id"));
        }
        let cookie = reader.vector_u8("cookie")?;
        let suites = reader.vector_u16("cipher suites")?;
        if suites.is_empty() || suites.len() % 2 != 0 {
            return Err(HelloError::Malformed("cipher suites"));
        }
        let compression = reader.vector_u8("compression methods")?;
        if !compression.contains(&0) {
            return Err(HelloError::Malformed("compression methods"));
        }
        if reader.0.is_empty() {
            return Err(HelloError::Unsupported("a hello without extensions"));
        }
        let mut extensions = Reader(reader.vector_u16("extensions")?);
        if !reader.0.is_empty() {
            return Err(HelloError::Malformed("bytes behind the extensions"));
        }
        while !extensions.0.is_empty() {
            extensions.array::<2>("extension type")?;
            extensions.vector_u16("extension")?;
        }
        if !session_id.is_empty() {
            return Err(HelloError::Unsupported("the resumption of a session"));
        }
        Ok(ClientHello {
            random,
            has_cookie: !cookie.is_empty(),
            suites: suites
                .chunks_exact(2)
                .map(|suite| Suite(u16::from_be_bytes([suite[0], suite[1]])))
                .filter(|suite| suite.key_exchange().is_some())
                .collect(),
        })
    }

    /// The key exchange of the first suite that the listener serves.
    pub(crate) fn choose(&self, psk: bool, certificate: bool) -> Result<KeyExchange, HelloError> {
        self.suites
            .iter()
            .filter_map(|suite| suite.key_exchange())
            .find(|exchange| match exchange {
                KeyExchange::Psk => psk,
                KeyExchange::Certificate => certificate,
            })
            .ok_or(HelloError::NoCommonSuite)
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize, what: &'static str) -> Result<&'a [u8], HelloError> {
        let (taken, rest) = self
            .0
            .split_at_checked(length)
            .ok_or(HelloError::Malformed(what))?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], HelloError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N, what)?);
        Ok(array)
    }

    fn vector_u8(&mut self, what: &'static str) -> Result<&'a [u8], HelloError> {
        let [length] = self.array(what)?;
        self.take(length.into(), what)
    }

    fn vector_u16(&mut self, what: &'static str) -> Result<&'a [u8], HelloError> {
        let length = u16::from_be_bytes(self.array(what)?);
        self.take(length.into(), what)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A good body: PSK with CCM_8, extended master secret.
    pub(crate) fn body(suites: &[u16], extensions: Option<&[u8]>) -> Vec<u8> {
        let mut body = vec![254, 253];
        body.extend([7; 32]);
        body.extend([0, 0]);
        body.extend((2 * suites.len() as u16).to_be_bytes());
        for suite in suites {
            body.extend(suite.to_be_bytes());
        }
        body.extend([1, 0]);
        if let Some(extensions) = extensions {
            body.extend((extensions.len() as u16).to_be_bytes());
            body.extend(extensions);
        }
        body
    }

    #[test]
    fn reads_what_it_needs() {
        let hello = ClientHello::parse(&body(&[0x1301, 0xC0A8, 0xC0AE], Some(&[0, 23, 0, 0])));
        let hello = hello.unwrap();
        assert_eq!(hello.random, [7; 32]);
        assert!(!hello.has_cookie);
        assert_eq!(hello.suites, [Suite(0xC0A8), Suite(0xC0AE)]);
        assert_eq!(hello.choose(true, true), Ok(KeyExchange::Psk));
        assert_eq!(hello.choose(false, true), Ok(KeyExchange::Certificate));
        assert_eq!(hello.choose(false, false), Err(HelloError::NoCommonSuite));
    }

    // proves: DTLS-11
    #[test]
    fn truncated_at_every_byte_is_an_error() {
        let whole = body(&[0xC0A8], Some(&[0, 23, 0, 0]));
        for length in 0..whole.len() {
            assert!(ClientHello::parse(&whole[..length]).is_err(), "{length}");
        }
        ClientHello::parse(&whole).unwrap();
        let longer = [&whole[..], &[0]].concat();
        assert!(matches!(
            ClientHello::parse(&longer),
            Err(HelloError::Malformed(_))
        ));
    }

    // proves: DTLS-11
    #[test]
    fn extension_blocks_that_end_early_are_malformed() {
        for block in [
            &[0][..],
            &[0, 23],
            &[0, 23, 0],
            &[0, 23, 0, 1],
            &[0, 23, 0, 0, 0],
        ] {
            assert!(
                matches!(
                    ClientHello::parse(&body(&[0xC0A8], Some(block))),
                    Err(HelloError::Malformed(_))
                ),
                "{block:?}"
            );
        }
        ClientHello::parse(&body(&[0xC0A8], Some(&[]))).unwrap();
        assert_eq!(
            ClientHello::parse(&body(&[0xC0A8], None)),
            Err(HelloError::Unsupported("a hello without extensions"))
        );
    }

    // proves: DTLS-08
    #[test]
    fn other_versions_sessions_and_compressions_are_refused() {
        let good = body(&[0xC0A8], Some(&[]));
        let mut old = good.clone();
        old[1] = 255;
        assert!(matches!(
            ClientHello::parse(&old),
            Err(HelloError::Unsupported(_))
        ));
        let mut resuming = good[..34].to_vec();
        resuming.extend([2, 9, 9]);
        resuming.extend(&good[35..]);
        assert!(matches!(
            ClientHello::parse(&resuming),
            Err(HelloError::Unsupported(_))
        ));
        let mut compressed = good.clone();
        let at = compressed.len() - 3;
        compressed[at] = 1;
        assert!(matches!(
            ClientHello::parse(&compressed),
            Err(HelloError::Malformed(_))
        ));
        assert!(matches!(
            ClientHello::parse(&body(&[], Some(&[]))),
            Err(HelloError::Malformed(_))
        ));
    }
}
