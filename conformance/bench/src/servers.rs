//! Servers of this crate's own, each run in a process of its own: what is measured, and what it is measured beside.

use clap::ValueEnum;
use coap_lite::CoapRequest;
use lwm2m_core::{
    coap::{Code, Response},
    endpoint::{Endpoint, EndpointConfig, Event},
    engine::{Engine, Inbound, Outbound},
    time::Instant,
};
use lwm2m_server::{Listener, Server};
use lwm2m_transport::{DtlsServerConfig, PskTable, ServerTransport};
use rand::{SeedableRng, rngs::StdRng};
use std::{
    collections::VecDeque, convert::Infallible, error::Error, future::pending, net::SocketAddr,
    sync::Arc,
};
use tokio::net::UdpSocket;

/// A path that libcoap's example server has by itself.
pub const PATH: &str = "time";

/// As long as what libcoap's example server answers to a GET of [`PATH`].
pub const CONTENT: &str = "Jan 01 00:00:00";

/// Which server to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Sends back what it receives, with tokio's socket and nothing else.
    Raw,
    /// [`Endpoint`] on the driver and the UDP transport of `lwm2m-transport`.
    Endpoint,
    /// The server of the `coap` crate.
    CoapCrate,
    /// The LwM2M server, without security and without store.
    Lwm2m,
    /// Sends back the data of DTLS records: our engine on tokio's socket and nothing else.
    Dtls,
    /// Sends back the data of DTLS records: coaps of `lwm2m-transport` with its driver.
    Coaps,
}

impl Kind {
    /// Its name on the command line.
    pub fn argument(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

/// Serves on this thread until the process ends.
///
/// # Errors
/// The address cannot be listened on.
pub fn serve(kind: Kind, address: SocketAddr) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        match kind {
            Kind::Raw => raw(address).await,
            Kind::Endpoint => endpoint(address).await,
            Kind::CoapCrate => coap_crate(address).await,
            Kind::Lwm2m => lwm2m(address).await,
            #[cfg(target_os = "linux")]
            Kind::Dtls => dtls(address).await,
            #[cfg(not(target_os = "linux"))]
            Kind::Dtls => Err("it is measured on Linux only".into()),
            Kind::Coaps => coaps(address).await,
        }
    })
}

async fn raw(address: SocketAddr) -> Result<(), Box<dyn Error>> {
    let socket = UdpSocket::bind(address).await?;
    let mut buffer = vec![0; 2048];
    loop {
        let (length, from) = socket.recv_from(&mut buffer).await?;
        socket.send_to(&buffer[..length], from).await?;
    }
}

async fn endpoint(address: SocketAddr) -> Result<(), Box<dyn Error>> {
    let transport = ServerTransport::builder().coap(address).bind().await?;
    let random = StdRng::from_os_rng();
    let engine = EchoEngine {
        endpoint: Endpoint::new(EndpointConfig::default(), Box::new(random)),
    };
    let _running = lwm2m_transport::spawn(engine, transport, |event| match event {});
    pending().await
}

/// Answers every request with [`CONTENT`].
struct EchoEngine {
    endpoint: Endpoint,
}

impl EchoEngine {
    fn answer(&mut self, now: Instant) {
        while let Some(event) = self.endpoint.poll_event() {
            if let Event::Request { exchange, .. } = event {
                // An error means that the request is too old by now.
                let _ = self.endpoint.respond(now, exchange, content());
            }
        }
    }
}

/// The answer to every request.
pub fn content() -> Response {
    Response::new(Code::CONTENT).body(0, CONTENT)
}

impl Engine for EchoEngine {
    type Event = Infallible;

    fn handle(&mut self, now: Instant, inbound: Inbound<'_>) {
        if let Inbound::Datagram { peer, data, .. } = inbound {
            self.endpoint.handle_datagram(now, peer, data);
            self.answer(now);
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.endpoint.handle_timeout(now);
        self.answer(now);
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
        self.endpoint.poll_timeout()
    }
}

async fn coap_crate(address: SocketAddr) -> Result<(), Box<dyn Error>> {
    let server = coap::Server::new_udp(address)?;
    let answer = |mut request: Box<CoapRequest<SocketAddr>>| async move {
        if let Some(response) = &mut request.response {
            response.message.payload = CONTENT.into();
        }
        request
    };
    Ok(server.run(answer).await?)
}

async fn lwm2m(address: SocketAddr) -> Result<(), Box<dyn Error>> {
    let _running = Server::builder()
        .listen(Listener::coap(address))
        .danger_accept_unsecured()
        .start()
        .await?;
    pending().await
}

/// Our engine as `raw` is: a datagram comes, and what there is to be sent goes.
#[cfg(target_os = "linux")]
async fn dtls(address: SocketAddr) -> Result<(), Box<dyn Error>> {
    use crate::dtls::engine::{serve, server_config};
    use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};

    let socket = UdpSocket::bind(address).await?;
    let mut endpoint = lwm2m_dtls::Endpoint::new(
        server_config(),
        Some(lwm2m_dtls::ServerConfig::new().psk()),
        Arc::new(lwm2m_dtls::crypto::ring::Ring::new()),
        Box::new(ChaCha20Rng::from_os_rng()),
    )?;
    let began = std::time::Instant::now();
    let mut buffer = vec![0; 2048];
    let timer = tokio::time::sleep(std::time::Duration::ZERO);
    tokio::pin!(timer);
    let mut armed = None;
    loop {
        // Deadlines seldom change; a timer of tokio is not for nothing.
        let next = endpoint.poll_timeout();
        if let Some(at) = next.filter(|at| armed != Some(*at)) {
            let after_begin = at.since(Instant::ZERO);
            timer.as_mut().reset((began + after_begin).into());
        }
        armed = next;
        tokio::select! {
            biased;
            received = socket.recv_from(&mut buffer) => {
                let (length, from) = received?;
                let now = Instant::ZERO + began.elapsed();
                endpoint.handle_datagram(now, from, &mut buffer[..length]);
            }
            () = &mut timer, if armed.is_some() => {
                endpoint.handle_timeout(Instant::ZERO + began.elapsed());
            }
        }
        serve(&mut endpoint, Instant::ZERO + began.elapsed());
        while let Some(transmit) = endpoint.poll_transmit() {
            socket.send_to(&transmit.data, transmit.to).await?;
        }
    }
}

async fn coaps(address: SocketAddr) -> Result<(), Box<dyn Error>> {
    let keys = PskTable::new();
    let key = lwm2m_core::secret::Secret::new(crate::dtls::material::KEY.into());
    keys.insert(crate::dtls::material::IDENTITY, key);
    // All devices of the generator have one identity.
    let config = DtlsServerConfig::new(Arc::new(keys)).max_sessions_per_identity(usize::MAX);
    let transport = ServerTransport::builder()
        .coaps(address, config)
        .bind()
        .await?;
    let engine = DatagramEcho(VecDeque::new());
    let _running = lwm2m_transport::spawn(engine, transport, |event| match event {});
    pending().await
}

/// Sends back each datagram.
struct DatagramEcho(VecDeque<Outbound>);

impl Engine for DatagramEcho {
    type Event = Infallible;

    fn handle(&mut self, _now: Instant, inbound: Inbound<'_>) {
        if let Inbound::Datagram { peer, data, .. } = inbound {
            let data = data.to_vec();
            self.0.push_back(Outbound::Datagram { peer, data });
        }
    }

    fn handle_timeout(&mut self, _now: Instant) {}

    fn poll_outbound(&mut self) -> Option<Outbound> {
        self.0.pop_front()
    }

    fn poll_event(&mut self) -> Option<Infallible> {
        None
    }

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }
}
