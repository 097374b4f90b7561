//! A CoAP server with a few resources.

use crate::{block_size, store::Store};
use bytes::Bytes;
use clap::{Args, ValueEnum};
use lwm2m_core::{
    coap::{BlockSize, Code, Request, Response, option},
    endpoint::{Amplification, Endpoint, EndpointConfig, Event, ExchangeId, ObserverId},
    engine::{Engine, Inbound, Outbound},
    time::Instant,
};
use lwm2m_transport::ServerTransport;
use rand::{SeedableRng, rngs::StdRng};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    convert::Infallible,
    error::Error,
    net::SocketAddr,
    process::ExitCode,
    time::Duration,
};

const LINK_FORMAT: u16 = 40;
const DEFAULT_DELAY: Duration = Duration::from_secs(1);
/// Peers give a separate response 93 s (RFC 7252, section 4.8.2).
const LONGEST_DELAY: Duration = Duration::from_secs(60);

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:5683")]
    listen: SocketAddr,

    /// Largest block to send and to accept, bytes
    #[arg(long, value_name = "BYTES", default_value = "1024", value_parser = block_size)]
    block_size: BlockSize,

    /// Largest document, and largest body of a request, bytes
    #[arg(long, value_name = "BYTES", default_value_t = 2 << 20)]
    max_body: usize,

    /// What to do about answers larger than their question, whose address may be a lie (RFC 9175, section 2.4)
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = Answers::SmallBlocks)]
    large_answers: Answers,

    /// How many documents there may be
    #[arg(long, value_name = "N", default_value_t = 64)]
    max_documents: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Answers {
    /// In blocks of at most three times the question, until the client proves its address by Echo
    SmallBlocks,
    /// 4.01 with Echo first
    Challenge,
    /// As large as the block size allows: where nobody can lie about an address
    Unlimited,
}

/// Serves until interrupted.
pub(crate) async fn run(options: Options) -> Result<ExitCode, Box<dyn Error>> {
    let transport = ServerTransport::builder()
        .coap(options.listen)
        .bind()
        .await?;
    for (scheme, address) in transport.local_addresses() {
        say(&format!("listening on {}://{address}", scheme.as_str()));
    }
    let engine = Resources::new(&options);
    let running = lwm2m_transport::spawn(engine, transport, |event| match event {});
    tokio::signal::ctrl_c().await?;
    running.stop().await;
    Ok(ExitCode::SUCCESS)
}

#[allow(clippy::print_stdout, reason = "a program speaks to its user")]
fn say(text: &str) {
    println!("{text}");
}

/// The engine: an endpoint, and what it serves.
///
/// | resource | does |
/// |---|---|
/// | `/.well-known/core` | lists the others |
/// | `/store/NAME` | a document that can be observed, see [`Store`] |
/// | `/echo` | answers with the body of the request |
/// | `/separate?ms=N` | answers a GET after so long (1 s), hence in a message of its own |
struct Resources {
    endpoint: Endpoint,
    store: Store,
    /// Observers of each document.
    observers: HashMap<String, HashSet<ObserverId>>,
    observed: HashMap<ObserverId, String>,
    /// Answers that are not due yet; as many as the endpoint allows exchanges.
    delayed: BTreeMap<(Instant, ExchangeId), Response>,
}

impl Resources {
    fn new(options: &Options) -> Self {
        let mut config = EndpointConfig::default();
        config.block_size = options.block_size;
        config.max_body = options.max_body;
        config.amplification = match options.large_answers {
            Answers::SmallBlocks => Amplification::SmallBlocks,
            Answers::Challenge => Amplification::Challenge,
            Answers::Unlimited => Amplification::Unlimited,
        };
        Resources {
            endpoint: Endpoint::new(config, Box::new(StdRng::from_os_rng())),
            store: Store::new(options.max_documents, options.max_body),
            observers: HashMap::new(),
            observed: HashMap::new(),
            delayed: BTreeMap::new(),
        }
    }

    /// Deals with all that the endpoint has to say.
    fn work(&mut self, now: Instant) {
        while let Some(event) = self.endpoint.poll_event() {
            match event {
                Event::Request {
                    exchange, request, ..
                } => self.on_request(now, exchange, &request),
                Event::ObserverGone { observer, .. } => self.forget(observer),
                // Uploads are collected by the endpoint; nobody waits for acknowledgements here.
                _ => {}
            }
        }
    }

    fn on_request(&mut self, now: Instant, exchange: ExchangeId, request: &Request) {
        let Some(path) = request.options.texts(option::URI_PATH) else {
            return self.answer(now, exchange, Response::new(Code::BAD_REQUEST));
        };
        match path.as_slice() {
            ["store", name] if !name.is_empty() => self.on_document(now, exchange, name, request),
            ["echo"] => self.answer(now, exchange, echo(request)),
            [".well-known", "core"] if request.code == Code::GET => {
                let links = Response::new(Code::CONTENT).body(LINK_FORMAT, self.links());
                self.answer(now, exchange, links);
            }
            ["separate"] if request.code == Code::GET => match delay(request) {
                Some(delay) => {
                    let response = Response::new(Code::CONTENT).body(0, "separate");
                    self.delayed.insert((now + delay, exchange), response);
                }
                None => self.answer(now, exchange, Response::new(Code::BAD_REQUEST)),
            },
            [".well-known", "core"] | ["separate"] => {
                self.answer(now, exchange, Response::new(Code::METHOD_NOT_ALLOWED));
            }
            _ => self.answer(now, exchange, Response::new(Code::NOT_FOUND)),
        }
    }

    fn on_document(&mut self, now: Instant, exchange: ExchangeId, name: &str, request: &Request) {
        let handled = self.store.handle(name, request);
        let observes =
            request.code == Code::GET && request.options.uint(option::OBSERVE) == Some(0);
        if observes {
            // An error means that the response went without Observe, or that the exchange is gone.
            if let Ok(observer) = self
                .endpoint
                .respond_observe(now, exchange, handled.response)
            {
                let observers = self.observers.entry(name.to_owned()).or_default();
                observers.insert(observer);
                self.observed.insert(observer, name.to_owned());
            }
        } else {
            self.answer(now, exchange, handled.response);
        }
        if handled.changed {
            self.notify(now, name);
        }
    }

    /// Shows a changed document to its observers. Where it is gone, the endpoint ends their observations.
    fn notify(&mut self, now: Instant, name: &str) {
        let Some(observers) = self.observers.get(name) else {
            return;
        };
        let response = self.store.representation(name);
        let ends = !response.code.is_success();
        let observers: Vec<_> = observers.iter().copied().collect();
        for observer in observers {
            let sent = self.endpoint.notify(now, observer, response.clone(), true);
            if ends || sent.is_err() {
                self.forget(observer);
            }
        }
    }

    fn forget(&mut self, observer: ObserverId) {
        let Some(name) = self.observed.remove(&observer) else {
            return;
        };
        if let Some(observers) = self.observers.get_mut(&name) {
            observers.remove(&observer);
            if observers.is_empty() {
                self.observers.remove(&name);
            }
        }
    }

    fn answer(&mut self, now: Instant, exchange: ExchangeId, response: Response) {
        // An error means that the exchange is gone, and nobody waits.
        let _ = self.endpoint.respond(now, exchange, response);
    }

    fn links(&self) -> String {
        let documents = self.store.names();
        let documents = documents.map(|name| format!(",</store/{}>;obs", escaped(name)));
        format!("</echo>,</separate>{}", documents.collect::<String>())
    }
}

/// A name as a segment of a path in a link (RFC 3986, section 3.3).
fn escaped(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    name.bytes()
        .map(|byte| match plain(byte) {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        })
        .collect()
}

fn echo(request: &Request) -> Response {
    let code = match request.code {
        Code::GET | Code::FETCH => Code::CONTENT,
        Code::DELETE => Code::DELETED,
        _ => Code::CHANGED,
    };
    let mut response = Response::new(code);
    if let Some(format) = request.options.content_format() {
        response = response.body(format, Bytes::new());
    }
    response.payload = request.payload.clone();
    response
}

/// How long to wait; `None` where the query cannot be read.
fn delay(request: &Request) -> Option<Duration> {
    let arguments = request.options.texts(option::URI_QUERY)?;
    let Some(argument) = arguments.first() else {
        return Some(DEFAULT_DELAY);
    };
    let millis = argument.strip_prefix("ms=")?.parse().ok()?;
    Some(Duration::from_millis(millis).min(LONGEST_DELAY))
}

impl Engine for Resources {
    type Event = Infallible;

    fn handle(&mut self, now: Instant, inbound: Inbound<'_>) {
        if let Inbound::Datagram { peer, data, .. } = inbound {
            self.endpoint.handle_datagram(now, peer, data);
            self.work(now);
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.endpoint.handle_timeout(now);
        while let Some(entry) = self.delayed.first_entry() {
            if entry.key().0 > now {
                break;
            }
            let ((_, exchange), response) = entry.remove_entry();
            self.answer(now, exchange, response);
        }
        self.work(now);
    }

    fn poll_outbound(&mut self) -> Option<Outbound> {
        let transmit = self.endpoint.poll_transmit()?;
        Some(Outbound::Datagram {
            peer: transmit.peer,
            data: transmit.data,
        })
    }

    fn poll_event(&mut self) -> Option<Infallible> {
        None
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let delayed = self.delayed.keys().next().map(|(at, _)| *at);
        [self.endpoint.poll_timeout(), delayed]
            .into_iter()
            .flatten()
            .min()
    }
}
