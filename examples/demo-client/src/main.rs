//! A device as a program: joins a server or a bootstrap server, and stays until it is interrupted.

mod credentials;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use clap::{ArgGroup, Parser, ValueEnum};
use credentials::{CredentialOptions, CredentialsError};
use lwm2m_client::{Account, Client, ClientBuilder, ClientConfig, ServerAccount};
use lwm2m_core::{engine::Credentials, uri::ServerUri, version::LwM2mVersion};
use lwm2m_demo_client::{Profile, SimulatedDevice, pem::PemError};
use lwm2m_transport::{ClientTransportConfig, dtls::SessionFolder};
use std::{
    io::{self, IsTerminal},
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
    time::Duration,
};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// The longest time that the end may take: de-registration of a server that does not answer included.
const END_WITHIN: Duration = Duration::from_secs(4);

/// An LwM2M device for demonstrations, with device, connectivity, location, firmware and temperature objects.
#[derive(Debug, Parser)]
#[command(name = "lwm2m-demo-client", version)]
#[command(group(ArgGroup::new("account").required(true).args(["server", "bootstrap"])))]
struct Arguments {
    /// Endpoint name to register with
    #[arg(long, value_name = "NAME")]
    endpoint: String,

    /// Register with this server: coap://HOST:PORT or coaps://HOST:PORT
    #[arg(long, value_name = "URI")]
    server: Option<ServerUri>,

    /// Ask this bootstrap server for servers: coap://HOST:PORT or coaps://HOST:PORT
    #[arg(long, value_name = "URI")]
    bootstrap: Option<ServerUri>,

    #[command(flatten)]
    credentials: CredentialOptions,

    /// Longest datagram of DTLS handshakes, bytes: 548 for networks with an MTU of 576 [default: 1232]
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u16).range(256..))]
    max_handshake_datagram: Option<u16>,

    /// Lifetime of the registration, seconds; a bootstrap server gives its own
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    lifetime: u32,

    /// Highest protocol version to register with
    #[arg(long = "lwm2m", value_enum, default_value = "1.2")]
    protocol: Version,

    /// Register with queue mode: the server is to wait with requests until the device has spoken
    #[arg(long)]
    queue_mode: bool,

    /// Time between changes of the values, milliseconds
    #[arg(long, value_name = "MS", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(10..))]
    interval: u64,

    /// File that firmware images are kept in [default: one in the directory for temporary files]
    #[arg(long, value_name = "FILE")]
    firmware_file: Option<PathBuf>,

    /// Sleep instead of leaving when interrupted: the registration stays, and DTLS sessions stay in this directory, so
    /// that the next start makes no handshake where the server uses Connection IDs. Never put it back to an earlier state
    #[arg(long, value_name = "DIRECTORY")]
    session_dir: Option<PathBuf>,

    /// What to log, to standard error: error, warn, info, debug, trace, or a filter
    #[arg(long, value_name = "FILTER", default_value = "warn")]
    log: String,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Version {
    #[value(name = "1.0")]
    V1_0,
    #[value(name = "1.1")]
    V1_1,
    #[value(name = "1.2")]
    V1_2,
}

impl Arguments {
    fn account(&self) -> Result<Account, CredentialsError> {
        let uri = self.server.as_ref().or(self.bootstrap.as_ref());
        let uri = uri.expect("clap asks for one of them").clone();
        let credentials = self.credentials.credentials(uri.scheme())?;
        Ok(Account::new(uri, credentials))
    }

    fn transport(&self) -> Result<ClientTransportConfig, PemError> {
        let mut config = ClientTransportConfig::new();
        config.trust_anchors = self.credentials.trust_anchors()?;
        if let Some(bytes) = self.max_handshake_datagram {
            config.max_handshake_datagram = usize::from(bytes);
        }
        if let Some(path) = &self.session_dir {
            config = config.sessions(Arc::new(SessionFolder::new(path)));
        }
        Ok(config)
    }

    fn client(&self, account: Account) -> ClientBuilder {
        let mut config = ClientConfig::default();
        config.version = match self.protocol {
            Version::V1_0 => LwM2mVersion::V1_0,
            Version::V1_1 => LwM2mVersion::V1_1,
            Version::V1_2 => LwM2mVersion::V1_2,
        };
        config.queue_mode = self.queue_mode;
        let builder = Client::builder(self.endpoint.as_str()).config(config);
        if self.bootstrap.is_some() {
            return builder.bootstrap(account);
        }
        let account = ServerAccount::new(1, account)
            .lifetime(self.lifetime)
            .mute_send(false);
        builder.server(account)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell_error(&*error);
            ExitCode::FAILURE
        }
    }
}

#[allow(clippy::print_stderr, reason = "a program speaks to its user")]
fn tell_error(error: &dyn std::error::Error) {
    eprintln!("error: {error}");
}

#[allow(clippy::print_stdout, reason = "a program speaks to its user")]
fn tell(text: &str) {
    println!("{text}");
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let filter = EnvFilter::try_new(&arguments.log)
        .map_err(|error| format!("--log {:?}: {error}", arguments.log))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr)
        .init();
    let firmware_file = arguments.firmware_file.clone().unwrap_or_else(|| {
        std::env::temp_dir().join(format!("lwm2m-demo-client-{}.firmware", std::process::id()))
    });
    let profile = Profile::new(arguments.endpoint.as_str(), firmware_file)
        .interval(Duration::from_millis(arguments.interval));
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let transport = arguments.transport()?;
    let account = arguments.account()?;
    if let Credentials::RawPublicKey { public_key, .. } = account.credentials() {
        tell(&format!("our public key: {}", STANDARD.encode(public_key)));
    }
    let device = SimulatedDevice::start_with(arguments.client(account), profile, transport)?;
    let mut events = device.client().events();
    tell(&format!("{} runs; end it with Ctrl-C", arguments.endpoint));
    loop {
        tokio::select! {
            event = events.next() => match event {
                Some(event) => if let Some(line) = line(&event) { tell(&line) },
                None => return Ok(()),
            },
            _ = interrupt.recv() => break,
            _ = terminate.recv() => break,
        }
    }
    if arguments.session_dir.is_some() {
        device.kill().await;
    } else if tokio::time::timeout(END_WITHIN, device.stop())
        .await
        .is_err()
    {
        tracing::warn!("the server did not answer the de-registration");
    }
    tell("stopped");
    Ok(())
}

/// What a person wants to see of an event; the others are logged at debug.
fn line(event: &lwm2m_client::ClientEvent) -> Option<String> {
    use lwm2m_client::ClientEvent as Event;
    Some(match event {
        Event::BootstrapStarted { uri } => format!("asking {uri} for servers"),
        Event::Bootstrapped { servers } => format!("bootstrapped: servers {servers:?}"),
        Event::BootstrapFailed { reason, retry_in } => {
            format!("bootstrap failed: {reason}{}", again(*retry_in))
        }
        Event::Registered {
            server,
            version,
            location,
        } => format!("registered with server {server} as LwM2M {version} at {location}"),
        Event::RegistrationFailed {
            server,
            reason,
            retry_in,
        } => format!(
            "registration with server {server} failed: {reason}{}",
            again(*retry_in)
        ),
        Event::RegistrationLost { server, reason } => {
            format!("registration with server {server} lost: {reason}")
        }
        Event::Deregistered { server } => format!("de-registered from server {server}"),
        Event::ValueWritten { path, .. } => format!("{path} was written"),
        Event::Executed { path, .. } => format!("{path} was executed"),
        Event::ObservationStarted { paths, .. } => format!("{paths:?} observed"),
        Event::ObservationEnded { paths, .. } => format!("{paths:?} not observed any more"),
        Event::FirmwareDownloadStarted { size: Some(size) } => {
            format!("firmware of {size} bytes comes in")
        }
        Event::FirmwareDownloadStarted { size: None } => "firmware comes in".to_owned(),
        Event::FirmwareDownloaded { size } => format!("firmware of {size} bytes is complete"),
        Event::FirmwareDiscarded { result } => format!("firmware discarded, result {result}"),
        Event::FirmwareInstallRequested { .. } => "installing firmware".to_owned(),
        Event::Restarted => "restarted".to_owned(),
        _ => return None,
    })
}

fn again(retry_in: Option<Duration>) -> String {
    match retry_in {
        Some(wait) => format!("; again in {} s", wait.as_secs_f64().round()),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(more: &[&str]) -> Result<Arguments, String> {
        let given = ["client", "--endpoint", "dev"].iter().chain(more);
        Arguments::try_parse_from(given).map_err(|error| error.to_string())
    }

    #[test]
    fn the_account_follows_from_the_arguments() {
        let psk = ["--psk-identity", "me", "--psk-key", "00ff"];
        let secure = ["--server", "coaps://localhost:5684"];
        let account = |more: &[&str]| arguments(more).unwrap().account();
        let secured = account(&[&secure[..], &psk[..]].concat()).unwrap();
        assert_eq!(secured.uri().to_string(), secure[1]);
        assert!(matches!(secured.credentials(), Credentials::Psk { .. }));
        let open = account(&["--bootstrap", "coap://localhost"]).unwrap();
        assert!(matches!(open.credentials(), Credentials::None));
        assert!(matches!(
            account(&secure),
            Err(CredentialsError::KeyMissing)
        ));
    }

    #[test]
    fn bad_arguments_say_what_is_wrong_and_show_no_key() {
        for (more, expected) in [
            (&[][..], "--server"),
            (&["--server", "http://x"], "coap://"),
            (
                &["--server", "coaps://x", "--psk-identity", "a"],
                "--psk-key",
            ),
            (&["--server", "coap://x", "--lwm2m", "2.0"], "1.2"),
            (&["--server", "coap://x", "--nonsense"], "--nonsense"),
        ] {
            let error = arguments(more).unwrap_err();
            assert!(error.contains(expected), "{more:?}: {error}");
        }
        let arguments = arguments(&[
            "--server",
            "coaps://x",
            "--psk-identity",
            "a",
            "--psk-key",
            "5ec2e7",
        ]);
        assert!(!format!("{arguments:?}").contains("5ec2e7"));
    }
}
