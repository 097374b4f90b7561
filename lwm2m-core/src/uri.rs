//! Addresses of servers, as /0/x/0 carries them (Core 1.2.2, appendix E.1): `coap://host:port` and
//! `coaps://host:port`.

use alloc::string::String;
use core::{fmt, net::IpAddr, str::FromStr};

/// The transport and security that a server address asks for (RFC 7252, section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scheme {
    /// CoAP over UDP without security (RFC 7252, section 6.1).
    Coap,
    /// CoAP over DTLS (RFC 7252, section 6.2).
    Coaps,
}

impl Scheme {
    /// `"coap"` or `"coaps"`
    pub const fn as_str(self) -> &'static str {
        match self {
            Scheme::Coap => "coap",
            Scheme::Coaps => "coaps",
        }
    }

    /// The UDP port where an address names none: 5683 or 5684.
    pub const fn default_port(self) -> u16 {
        match self {
            Scheme::Coap => 5683,
            Scheme::Coaps => 5684,
        }
    }
}

/// Whether a handshake can ask for a host by this name (RFC 6066, section 3): letters, digits, `-`, `_` and `.`, 1 to 255
/// bytes (RFC 1035, section 2.3.4). Addresses are no names.
pub fn is_host_name(name: &str) -> bool {
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=255).contains(&name.len()) && name.bytes().all(letters) && name.parse::<IpAddr>().is_err()
}

/// Where a server listens (Core 1.2.2, appendix E.1; RFC 7252, section 6).
///
/// ```
/// use lwm2m_core::uri::ServerUri;
///
/// let uri: ServerUri = "coaps://[::1]".parse()?;
/// assert_eq!((uri.host(), uri.port()), ("::1", 5684));
/// assert_eq!(uri.to_string(), "coaps://[::1]:5684");
/// # Ok::<(), lwm2m_core::uri::ServerUriError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ServerUri {
    scheme: Scheme,
    host: String,
    port: u16,
}

/// Why a text is no [`ServerUri`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServerUriError {
    /// Neither `coap://` nor `coaps://`.
    #[error("a server address starts with coap:// or coaps://")]
    Scheme,
    /// No host, or characters that no host has.
    #[error("the host of the server address is missing or malformed")]
    Host,
    /// No number from 1 to 65535.
    #[error("the port of the server address is no number from 1 to 65535")]
    Port,
    /// A path, query or fragment behind the authority.
    #[error("a server address ends behind its port")]
    TrailingPath,
}

impl ServerUri {
    /// An address from its parts; `host` is a name or an IP address without brackets.
    pub fn new(scheme: Scheme, host: impl Into<String>, port: u16) -> Self {
        ServerUri {
            scheme,
            host: host.into(),
            port,
        }
    }

    /// Transport and security.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Name or IP address, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// UDP port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl FromStr for ServerUri {
    type Err = ServerUriError;

    fn from_str(text: &str) -> Result<Self, ServerUriError> {
        let (scheme, rest) = text.split_once("://").ok_or(ServerUriError::Scheme)?;
        let scheme = [Scheme::Coap, Scheme::Coaps]
            .into_iter()
            .find(|known| known.as_str().eq_ignore_ascii_case(scheme))
            .ok_or(ServerUriError::Scheme)?;
        // A single trailing slash is the empty path (RFC 7252, section 6.3).
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?', '#']) {
            return Err(ServerUriError::TrailingPath);
        }
        let (host, port) = match authority.strip_prefix('[') {
            Some(bracketed) => {
                let (host, tail) = bracketed.split_once(']').ok_or(ServerUriError::Host)?;
                if host.parse::<core::net::Ipv6Addr>().is_err() {
                    return Err(ServerUriError::Host);
                }
                let port = match tail {
                    "" => None,
                    tail => Some(tail.strip_prefix(':').ok_or(ServerUriError::Port)?),
                };
                (host, port)
            }
            None => match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            },
        };
        let plausible = |b: u8| b.is_ascii_alphanumeric() || b"-._~:".contains(&b);
        if host.is_empty() || !host.bytes().all(plausible) {
            return Err(ServerUriError::Host);
        }
        let port = match port {
            None | Some("") => scheme.default_port(),
            Some(text) if text.bytes().all(|b| b.is_ascii_digit()) => match text.parse() {
                Ok(0) | Err(_) => return Err(ServerUriError::Port),
                Ok(port) => port,
            },
            Some(_) => return Err(ServerUriError::Port),
        };
        Ok(ServerUri::new(scheme, host, port))
    }
}

impl fmt::Display for ServerUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.scheme.as_str();
        if self.host.contains(':') {
            write!(f, "{scheme}://[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{scheme}://{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    // proves: COAP-47, DTLS-30
    #[test]
    fn parses_and_prints() {
        for (text, printed) in [
            ("coap://127.0.0.1", "coap://127.0.0.1:5683"),
            ("coaps://Server.example:7/", "coaps://Server.example:7"),
            ("COAPS://[2001:db8::1]:99", "coaps://[2001:db8::1]:99"),
        ] {
            assert_eq!(text.parse::<ServerUri>().unwrap().to_string(), printed);
        }
    }

    #[test]
    fn refuses_with_the_reason() {
        for (text, error) in [
            ("127.0.0.1:5683", ServerUriError::Scheme),
            ("http://a", ServerUriError::Scheme),
            ("coap://", ServerUriError::Host),
            ("coap://a b", ServerUriError::Host),
            ("coap://[::1", ServerUriError::Host),
            ("coap://[zz]", ServerUriError::Host),
            ("coap://a:0", ServerUriError::Port),
            ("coap://a:65536", ServerUriError::Port),
            ("coap://a:+1", ServerUriError::Port),
            ("coap://a/b", ServerUriError::TrailingPath),
        ] {
            assert_eq!(text.parse::<ServerUri>(), Err(error), "{text}");
        }
    }
}
