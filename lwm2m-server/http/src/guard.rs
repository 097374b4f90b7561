//! What stands between the API and the web pages of others.
//!
//! The API has no authentication and listens on loopback, where every web page that the same person visits can
//! reach it through the browser. Two checks keep such pages out:
//!
//! - **Host** must be one that was allowed. A page that points its own name at 127.0.0.1 (DNS rebinding) is of
//!   the same origin as the API in the browser's eyes, but still sends its own name here.
//! - **Origin and Sec-Fetch-Site** must not be foreign. Browsers send them along and no page can forge them;
//!   programs that are no browser send none. `same-site` is foreign too: another port of `localhost` is
//!   somebody else's program.
//!
//! No CORS header is ever sent, so nothing that a foreign page asks for can be read by it.

use crate::problem::Problem;
use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header, uri::Authority},
    middleware::Next,
    response::{IntoResponse, Response},
};
use std::sync::Arc;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The hosts and origins that are served.
#[derive(Debug, Clone)]
pub(crate) struct Guard(Arc<Rules>);

#[derive(Debug)]
struct Rules {
    hosts: Vec<Host>,
    origins: Vec<Origin>,
}

/// A name in lower case (IPv6 in brackets), and the port where one is said.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Host {
    name: String,
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Origin {
    secure: bool,
    host: Host,
}

impl Host {
    fn parse(text: &str) -> Option<Self> {
        if text.contains('@') {
            return None;
        }
        let authority: Authority = text.parse().ok()?;
        Some(Host {
            name: authority.host().to_ascii_lowercase(),
            port: authority.port_u16(),
        })
    }

    /// Whether `other` is allowed by this rule: a rule without port takes every port. Browsers leave port 80 out.
    fn allows(&self, other: &Host) -> bool {
        let port = || self.port == Some(other.port.unwrap_or(80));
        self.name == other.name && (self.port.is_none() || port())
    }
}

impl Origin {
    fn parse(text: &str) -> Option<Self> {
        let (secure, host) = match text.split_once("://")? {
            ("http", host) => (false, host),
            ("https", host) => (true, host),
            _ => return None,
        };
        let host = Host::parse(host)?;
        Some(Origin { secure, host })
    }

    fn default_port(&self) -> u16 {
        if self.secure { 443 } else { 80 }
    }

    /// Whether a page of this origin was served under `host`.
    fn is_of(&self, host: &Host) -> bool {
        let port = |host: &Host| host.port.unwrap_or(self.default_port());
        self.host.name == host.name && port(&self.host) == port(host)
    }
}

impl Guard {
    /// A guard that allows these; what cannot be parsed is reported by its text.
    pub(crate) fn new(hosts: &[String], origins: &[String]) -> Result<Self, String> {
        let parsed = |text: &String| Host::parse(text).ok_or_else(|| text.clone());
        let hosts = hosts.iter().map(parsed).collect::<Result<_, _>>()?;
        let parsed = |text: &String| Origin::parse(text).ok_or_else(|| text.clone());
        let origins = origins.iter().map(parsed).collect::<Result<_, _>>()?;
        Ok(Guard(Arc::new(Rules { hosts, origins })))
    }

    fn check(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
        let host = self.host(uri, headers)?;
        let changes_nothing = method.is_safe();
        if changes_nothing && !uri.path().starts_with("/api/") {
            return Ok(());
        }
        let foreign = |what: &str| {
            Problem::new(
                StatusCode::FORBIDDEN,
                "foreign-origin",
                format!("requests from another web page are refused ({what})"),
            )
        };
        // Where there is an Origin it decides; Sec-Fetch-Site speaks for requests that carry none.
        let mut origins = headers.get_all(header::ORIGIN).iter().peekable();
        if origins.peek().is_some() {
            let known = |origin: &HeaderValue| {
                let origin = origin.to_str().ok().and_then(Origin::parse);
                origin.is_some_and(|origin| origin.is_of(&host) || self.0.origins.contains(&origin))
            };
            return match origins.all(known) {
                true => Ok(()),
                false => Err(foreign("Origin")),
            };
        }
        let near = |site: &HeaderValue| matches!(site.as_bytes(), b"same-origin" | b"none");
        match headers.get_all(SEC_FETCH_SITE).iter().all(near) {
            true => Ok(()),
            false => Err(foreign("Sec-Fetch-Site")),
        }
    }

    /// The host that was asked for, where it is an allowed one.
    fn host(&self, uri: &Uri, headers: &HeaderMap) -> Result<Host, Problem> {
        let mut said = headers.get_all(header::HOST).iter();
        let text = match (said.next(), said.next(), uri.authority()) {
            (Some(_), Some(_), _) => None,
            (Some(host), None, _) => host.to_str().ok(),
            // HTTP/2 has it in the request's target.
            (None, None, Some(authority)) => Some(authority.as_str()),
            _ => None,
        };
        let host = text
            .and_then(Host::parse)
            .ok_or_else(|| Problem::bad_request("one well-formed Host header is required"))?;
        if self.0.hosts.iter().any(|rule| rule.allows(&host)) {
            return Ok(host);
        }
        tracing::debug!(name = host.name, "request for a host that is not allowed");
        Err(Problem::new(
            StatusCode::FORBIDDEN,
            "host-not-allowed",
            "this host name is not served here; add it to the allowed hosts if it should be",
        ))
    }
}

/// Refuses what [`Guard::check`] refuses.
pub(crate) async fn enforce(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    match guard.check(request.method(), request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

/// Everything the page needs comes from here, and nothing may frame it or run inside it.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Headers that every answer carries.
pub(crate) async fn security_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard() -> Guard {
        Guard::new(
            &["localhost", "127.0.0.1", "[::1]", "fleet.example:8443"].map(String::from),
            &["https://console.example".to_string()],
        )
        .unwrap()
    }

    fn verdict(method: &str, path: &str, headers: &[(&str, &str)]) -> Option<&'static str> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name: HeaderName = name.parse().unwrap();
            map.append(name, value.parse().unwrap());
        }
        let method = method.parse().unwrap();
        let detail = match guard().check(&method, &path.parse().unwrap(), &map) {
            Ok(()) => return None,
            Err(problem) => problem.detail().to_owned(),
        };
        ["Host header", "host name", "(Origin)", "(Sec-Fetch-Site)"]
            .into_iter()
            .find(|part| detail.contains(part))
    }

    #[test]
    fn hosts() {
        for host in ["localhost:8080", "LOCALHOST", "127.0.0.1:1", "[::1]:8080"] {
            assert_eq!(verdict("GET", "/api/devices", &[("host", host)]), None);
        }
        assert_eq!(verdict("GET", "/", &[("host", "fleet.example:8443")]), None);
        for host in [
            "evil.example:8080",
            "localhost.evil.example",
            "fleet.example",
            "fleet.example:80",
            "127.0.0.2",
        ] {
            let verdict = verdict("GET", "/", &[("host", host)]);
            assert_eq!(verdict, Some("host name"), "{host}");
        }
        for hosts in [
            &[][..],
            &[("host", "")],
            &[("host", "evil@localhost")],
            &[("host", "localhost"), ("host", "localhost")],
        ] {
            assert_eq!(verdict("GET", "/", hosts), Some("Host header"), "{hosts:?}");
        }
        assert_eq!(verdict("GET", "http://localhost:8080/", &[]), None);
        let rebound = verdict(
            "GET",
            "http://localhost:8080/",
            &[("host", "evil.example:8080")],
        );
        assert_eq!(rebound, Some("host name"));
    }

    #[test]
    fn origins() {
        let put = |headers: &[(&str, &str)]| {
            let mut all = vec![("host", "localhost:8080")];
            all.extend_from_slice(headers);
            verdict("PUT", "/api/security/a", &all)
        };
        assert_eq!(put(&[]), None, "programs send neither header");
        assert_eq!(put(&[("origin", "http://localhost:8080")]), None);
        assert_eq!(put(&[("sec-fetch-site", "same-origin")]), None);
        assert_eq!(put(&[("sec-fetch-site", "none")]), None);
        for origin in [
            "http://evil.example",
            "http://localhost:3000",
            "http://localhost",
            "null",
            "file://",
            "http://127.0.0.1:8080",
            "",
        ] {
            assert_eq!(put(&[("origin", origin)]), Some("(Origin)"), "{origin}");
        }
        for site in ["cross-site", "same-site", "something-new"] {
            assert_eq!(put(&[("sec-fetch-site", site)]), Some("(Sec-Fetch-Site)"));
        }
        assert_eq!(
            put(&[
                ("origin", "https://console.example"),
                ("sec-fetch-site", "cross-site")
            ]),
            None,
            "an origin that was allowed by name"
        );
    }

    #[test]
    fn a_link_to_the_page_works_but_no_foreign_read_wakes_a_device() {
        let foreign = [("host", "localhost"), ("sec-fetch-site", "cross-site")];
        assert_eq!(verdict("GET", "/", &foreign), None);
        assert_eq!(
            verdict("GET", "/api/devices/a/objects/3/0", &foreign),
            Some("(Sec-Fetch-Site)")
        );
        assert_eq!(verdict("POST", "/", &foreign), Some("(Sec-Fetch-Site)"));
    }

    #[test]
    fn default_ports_of_an_origin() {
        let host = Host::parse("fleet.example").unwrap();
        assert!(Origin::parse("https://fleet.example").unwrap().is_of(&host));
        let host = Host::parse("fleet.example:443").unwrap();
        assert!(Origin::parse("https://fleet.example").unwrap().is_of(&host));
        assert!(!Origin::parse("http://fleet.example").unwrap().is_of(&host));
    }

    #[test]
    fn a_rule_that_is_no_host_is_reported() {
        let error = Guard::new(&["not a host".to_string()], &[]).unwrap_err();
        assert_eq!(error, "not a host");
    }
}
