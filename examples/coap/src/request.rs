//! One request, from the command line.

use crate::{block_size, target::Target};
use clap::{Args, ValueEnum};
use lwm2m_core::{
    coap::{BlockSize, Code, Request, Response, option},
    endpoint::{Endpoint, EndpointConfig, Event, ObservationId, RequestOptions},
    engine::{Credentials, Engine, Inbound, Outbound},
    peer::PeerId,
    time::Instant,
    uri::{Scheme, ServerUri},
};
use lwm2m_transport::{ClientTransport, ClientTransportConfig};
use rand::{SeedableRng, rngs::StdRng};
use std::{
    collections::VecDeque,
    error::Error,
    fs,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};
use tokio::sync::mpsc;

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Method {
    Get,
    Post,
    Put,
    Delete,
    Fetch,
    Patch,
    Ipatch,
}

impl Method {
    fn code(self) -> Code {
        match self {
            Method::Get => Code::GET,
            Method::Post => Code::POST,
            Method::Put => Code::PUT,
            Method::Delete => Code::DELETE,
            Method::Fetch => Code::FETCH,
            Method::Patch => Code::PATCH,
            Method::Ipatch => Code::IPATCH,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Options {
    method: Method,

    /// coap://HOST:PORT/PATH?QUERY, of which only the host must be there
    uri: Target,

    /// Body of the request
    #[arg(long, value_name = "TEXT", conflicts_with = "file")]
    payload: Option<String>,

    /// File with the body of the request
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,

    /// Content format of the body
    #[arg(long, value_name = "NUMBER")]
    format: Option<u16>,

    /// Content format to ask for
    #[arg(long, value_name = "NUMBER")]
    accept: Option<u16>,

    /// Send it non-confirmably
    #[arg(long)]
    non: bool,

    /// Largest block to send and to ask for, bytes
    #[arg(long, value_name = "BYTES", default_value = "1024", value_parser = block_size)]
    block_size: BlockSize,

    /// Largest body to take, bytes
    #[arg(long, value_name = "BYTES", default_value_t = 2 << 20)]
    max_body: usize,

    /// Observe: end after so many states, the first included
    #[arg(long, value_name = "N")]
    observe: Option<usize>,

    /// How long all may take, seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 90)]
    deadline: u64,

    /// File for the payload of the answer, in place of standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Why there is no response.
#[derive(Debug, thiserror::Error)]
enum NoResponse {
    #[error("{0}")]
    Failed(String),
    #[error("not done within {0} s")]
    Deadline(u64),
    #[error("coaps is not spoken here")]
    Secure,
}

/// Sends the request and shows what comes of it.
pub(crate) async fn run(options: Options) -> Result<ExitCode, Box<dyn Error>> {
    if options.uri.server.scheme() != Scheme::Coap {
        return Err(NoResponse::Secure.into());
    }
    let asker = Asker::new(&options, request(&options)?);
    let (told, mut answers) = mpsc::unbounded_channel();
    let mut config = ClientTransportConfig::new();
    // A server on this machine that answers a block at once fills it no further than that.
    config.send_queue = 64;
    let running = lwm2m_transport::spawn(asker, ClientTransport::new(config), move |answer| {
        // An error means that enough was seen.
        let _ = told.send(answer);
    });
    running.call(|asker, _| asker.connect()).await?;
    let mut output: Box<dyn Write> = match &options.output {
        Some(path) => Box::new(fs::File::create(path)?),
        None => Box::new(io::stdout()),
    };
    let wanted = options.observe.unwrap_or(1).max(1);
    let all = async {
        let mut seen = 0;
        while let Some(answer) = answers.recv().await {
            let (response, last) = answer.map_err(NoResponse::Failed)?;
            describe(&response);
            output.write_all(&response.payload)?;
            output.flush()?;
            if options.observe.is_some() {
                // In an output of many states, where one ends.
                note(&format!("state {} bytes", response.payload.len()));
            }
            seen += 1;
            if !response.code.is_success() {
                return Ok(ExitCode::FAILURE);
            }
            if last || seen == wanted {
                break;
            }
        }
        Ok::<_, Box<dyn Error>>(ExitCode::SUCCESS)
    };
    let limit = Duration::from_secs(options.deadline);
    let code = tokio::time::timeout(limit, all)
        .await
        .map_err(|_| NoResponse::Deadline(options.deadline))??;
    if options.observe.is_some() {
        running.call(|asker, now| asker.cancel(now)).await?;
        // The answer to it says that the server has forgotten us; without one, it learns that by our silence.
        let _ = tokio::time::timeout(limit, answers.recv()).await;
    }
    running.stop().await;
    Ok(code)
}

fn request(options: &Options) -> io::Result<Request> {
    let mut request = options.uri.name(Request::new(options.method.code()));
    request.confirmable = !options.non;
    if let Some(format) = options.format {
        request = request.body(format, Vec::new());
    }
    if let Some(text) = &options.payload {
        request.payload = text.clone().into();
    }
    if let Some(path) = &options.file {
        let named =
            |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        request.payload = fs::read(path).map_err(named)?.into();
    }
    if let Some(accept) = options.accept {
        request = request.uint_option(option::ACCEPT, accept.into());
    }
    if options.observe.is_some() {
        request = request.uint_option(option::OBSERVE, 0);
    }
    Ok(request)
}

#[allow(clippy::print_stderr, reason = "a program speaks to its user")]
fn note(line: &str) {
    eprintln!("{line}");
}

/// Code and options of a response, to standard error.
fn describe(response: &Response) {
    note(&format!("{:?} {}", response.code, response.code.name()));
    for (number, value) in response.options.iter() {
        match number {
            option::LOCATION_PATH | option::LOCATION_QUERY => {
                note(&format!("{number:?}: {}", String::from_utf8_lossy(value)));
            }
            option::CONTENT_FORMAT | option::MAX_AGE | option::OBSERVE => {
                let value = response.options.uint(number).unwrap_or_default();
                note(&format!("{number:?}: {value}"));
            }
            _ => {
                let digits: String = value.iter().map(|byte| format!("{byte:02x}")).collect();
                note(&format!("{number:?}: 0x{digits}"));
            }
        }
    }
}

/// A response and whether none follows it, or why there is none.
type Answer = Result<(Response, bool), String>;

/// The engine: connects, asks, and tells what it hears.
struct Asker {
    endpoint: Endpoint,
    server: ServerUri,
    request: Option<Request>,
    outbound: VecDeque<Outbound>,
    answers: VecDeque<Answer>,
    observation: Option<ObservationId>,
}

impl Asker {
    fn new(options: &Options, request: Request) -> Self {
        let mut config = EndpointConfig::default();
        config.block_size = options.block_size;
        config.max_body = options.max_body;
        Asker {
            endpoint: Endpoint::new(config, Box::new(StdRng::from_os_rng())),
            server: options.uri.server.clone(),
            request: Some(request),
            outbound: VecDeque::new(),
            answers: VecDeque::new(),
            observation: None,
        }
    }

    fn connect(&mut self) {
        self.outbound.push_back(Outbound::Connect {
            peer: PeerId::from_connection(0, 0),
            target: self.server.clone(),
            server_name: None,
            credentials: Credentials::None,
        });
    }

    /// Ends the observation, if there is one.
    fn cancel(&mut self, now: Instant) {
        let cancelled = match self.observation.take() {
            Some(observation) => self.endpoint.cancel_observation(now, observation),
            None => return self.answers.push_back(Err("nothing is observed".into())),
        };
        if let Err(error) = cancelled {
            self.answers.push_back(Err(error.to_string()));
        }
    }

    fn work(&mut self) {
        while let Some(event) = self.endpoint.poll_event() {
            match event {
                Event::Response {
                    response,
                    observation,
                    ..
                } => {
                    self.observation = observation;
                    self.answers
                        .push_back(Ok((response, observation.is_none())));
                }
                Event::Notification { response, last, .. } => {
                    self.answers.push_back(Ok((response, last)));
                }
                Event::RequestFailed { failure, .. } => {
                    self.answers.push_back(Err(failure.to_string()));
                }
                _ => {}
            }
        }
    }
}

impl Engine for Asker {
    type Event = Answer;

    fn handle(&mut self, now: Instant, inbound: Inbound<'_>) {
        match inbound {
            Inbound::Connected { peer, .. } => {
                if let Some(request) = self.request.take() {
                    let options = RequestOptions::default();
                    if let Err(error) = self.endpoint.request(now, peer, request, options) {
                        self.answers.push_back(Err(error.to_string()));
                    }
                }
            }
            Inbound::Datagram { peer, data, .. } => self.endpoint.handle_datagram(now, peer, data),
            Inbound::Closed { reason, .. } => self.answers.push_back(Err(reason.to_string())),
            _ => {}
        }
        self.work();
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.endpoint.handle_timeout(now);
        self.work();
    }

    fn poll_outbound(&mut self) -> Option<Outbound> {
        self.outbound.pop_front().or_else(|| {
            let transmit = self.endpoint.poll_transmit()?;
            Some(Outbound::Datagram {
                peer: transmit.peer,
                data: transmit.data,
            })
        })
    }

    fn poll_event(&mut self) -> Option<Answer> {
        self.answers.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.endpoint.poll_timeout()
    }
}
