//! What the API is made of, and its bounds.

use lwm2m_server::{BootstrapServer, Server};
use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

/// Servers, names and bounds of the API, each bound with what it costs.
#[derive(Clone)]
#[non_exhaustive]
pub struct HttpConfig {
    /// The server whose devices are shown.
    pub server: Server,
    /// The bootstrap server beside it; without one, `/api/bootstrap` answers 404.
    pub bootstrap: Option<BootstrapServer>,
    /// Values of the Host header that are served, `name` (any port) or `name:port`. A web page elsewhere can point a
    /// name of its own at this machine, so names are allowed one by one. Default: `localhost`, `127.0.0.1`, `[::1]`.
    pub allowed_hosts: Vec<String>,
    /// Origins other than the one the page is served from whose pages may use the API, like
    /// `https://console.example` behind a proxy that changes the Host header. No CORS header is sent to them.
    /// Default: none.
    pub allowed_origins: Vec<String>,
    /// Devices on a page where the request says no limit. Default: 50.
    pub default_page: usize,
    /// Devices on a page at most. About 300 bytes of answer each. Default: 500.
    pub max_page: usize,
    /// Registrations that one filtered list looks at; the answer says where there are more. About 1 us each. Default:
    /// 100,000.
    pub max_filtered: usize,
    /// Size of a request's body, firmware excepted. Default: 256 KiB.
    pub max_body: usize,
    /// Size of a firmware image. Default: 16 MiB.
    pub max_firmware: usize,
    /// Firmware uploads and updates under way at once; each holds its image, and while it arrives as JSON up to four
    /// times that. Default: 32.
    pub max_firmware_updates: usize,
    /// How long a request to a device may take here, the wait for a device that sleeps included, and how long an image
    /// may take to arrive. Default: 60 s.
    pub request_timeout: Duration,
    /// Event streams open at once. Each holds a connection. Default: 64.
    pub max_event_streams: usize,
    /// Events kept for a stream whose reader is slow, and for one that connects again. About 200 bytes each. Default:
    /// 1,024.
    pub event_buffer: usize,
    /// Events of the program itself ([`HttpState::publish`](crate::HttpState::publish)) kept for a page that is opened
    /// later. Default: 512.
    pub published_backlog: usize,
    /// How often an event stream without events says that it is alive. Default: 15 s.
    pub keep_alive: Duration,
}

impl HttpConfig {
    /// The API of a server, with the defaults.
    pub fn new(server: Server) -> Self {
        HttpConfig {
            server,
            bootstrap: None,
            allowed_hosts: ["localhost", "127.0.0.1", "[::1]"].map(String::from).into(),
            allowed_origins: Vec::new(),
            default_page: 50,
            max_page: 500,
            max_filtered: 100_000,
            max_body: 256 * 1024,
            max_firmware: 16 * 1024 * 1024,
            max_firmware_updates: 32,
            request_timeout: Duration::from_secs(60),
            max_event_streams: 64,
            event_buffer: 1024,
            published_backlog: 512,
            keep_alive: Duration::from_secs(15),
        }
    }

    /// With the bootstrap server beside it.
    #[must_use]
    pub fn bootstrap(mut self, bootstrap: BootstrapServer) -> Self {
        self.bootstrap = Some(bootstrap);
        self
    }

    /// Serves only the address that is listened on (any address of this machine: loopback), with its port and, where it
    /// is loopback, as `localhost`: stricter than the default, which takes any port. Names that were allowed before are
    /// forgotten.
    #[must_use]
    pub fn for_address(mut self, address: SocketAddr) -> Self {
        let ip = address.ip();
        let mut names = Vec::new();
        if ip.is_loopback() || ip.is_unspecified() {
            names.push("localhost".to_owned());
        }
        if ip.is_unspecified() {
            names.extend(["127.0.0.1".to_owned(), "[::1]".to_owned()]);
        } else {
            names.push(match ip {
                IpAddr::V4(ip) => ip.to_string(),
                IpAddr::V6(ip) => format!("[{ip}]"),
            });
        }
        let with_port = |name| format!("{name}:{}", address.port());
        self.allowed_hosts = names.into_iter().map(with_port).collect();
        self
    }

    /// Serves this host too, `name` (any port) or `name:port`.
    #[must_use]
    pub fn allow_host(mut self, host: impl Into<String>) -> Self {
        self.allowed_hosts.push(host.into());
        self
    }

    /// Lets pages of this origin use the API, like `https://console.example`.
    #[must_use]
    pub fn allow_origin(mut self, origin: impl Into<String>) -> Self {
        self.allowed_origins.push(origin.into());
        self
    }
}

/// Why a configuration cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HttpConfigError {
    /// An allowed host or origin that cannot be read.
    #[error(
        "{0:?} is no host or origin: they look like localhost:8080 and https://console.example"
    )]
    Name(String),
}
