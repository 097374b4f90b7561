//! A device as a program: joins a server or a bootstrap server, and stays until it is interrupted.

use clap::{ArgGroup, Parser, ValueEnum};
use lwm2m_client::{Account, Client, ClientBuilder, ClientConfig, ServerAccount};
use lwm2m_core::{
    engine::{CertificateUsage, Credentials},
    secret::Secret,
    uri::{Scheme, ServerUri},
    version::LwM2mVersion,
};
use lwm2m_demo_client::{
    Profile, SimulatedDevice,
    pem::{self, PemError},
};
use lwm2m_transport::ClientTransportConfig;
use std::{
    io::{self, IsTerminal},
    path::PathBuf,
    process::ExitCode,
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

    /// PSK identity, for coaps
    #[arg(long, value_name = "ID", requires = "psk_key")]
    psk_identity: Option<String>,

    /// Pre-shared key in hexadecimal digits, for coaps
    #[arg(
        long,
        value_name = "HEX",
        env = "LWM2M_PSK_KEY",
        hide_env_values = true,
        requires = "psk_identity",
        value_parser = parse_key
    )]
    psk_key: Option<Key>,

    /// PEM file with the device's certificate chain, its own first, for coaps
    #[arg(
        long,
        value_name = "FILE",
        requires_all = ["private_key", "server_certificate"],
        conflicts_with = "psk_identity"
    )]
    certificate: Option<PathBuf>,

    /// PEM file with the device's private key, PKCS#8
    #[arg(long, value_name = "FILE", requires = "certificate")]
    private_key: Option<PathBuf>,

    /// PEM file with what is known of the server: its certificate, or an authority's
    #[arg(long, value_name = "FILE", requires = "certificate")]
    server_certificate: Option<PathBuf>,

    /// How the server's certificate is compared with it, as in /0/x/15: 0 and 1 also ask for one of --authorities, 2 is
    /// a trust anchor, 3 is the certificate itself
    #[arg(long, value_name = "0..3", default_value_t = 3, value_parser = clap::value_parser!(u8).range(0..=3))]
    certificate_usage: u8,

    /// PEM file with the authorities that the device trusts for certificate usages 0 and 1
    #[arg(long, value_name = "FILE", requires = "certificate")]
    authorities: Option<PathBuf>,

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

/// A key as the command line gives it. A type of its own so that clap never shows it.
#[derive(Clone)]
struct Key(Secret);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(hidden)")
    }
}

fn parse_key(text: &str) -> Result<Key, &'static str> {
    let key = hex::decode(text).map_err(|_| "a key is an even number of hexadecimal digits")?;
    match key.len() {
        1..=64 => Ok(Key(Secret::new(key))),
        _ => Err("a key has 1 to 64 bytes"),
    }
}

/// What is wrong with arguments that are right one by one.
#[derive(Debug, thiserror::Error)]
enum AccountError {
    #[error("coaps needs --psk-identity and --psk-key, or --certificate and what belongs to it")]
    KeyMissing,
    #[error("a key was given, but coap has no security: use coaps")]
    KeyUnused,
    #[error(transparent)]
    Pem(#[from] PemError),
}

impl Arguments {
    fn account(&self, uri: ServerUri) -> Result<Account, AccountError> {
        let credentials = self.credentials()?;
        match (uri.scheme(), &credentials) {
            (Scheme::Coaps, Credentials::None) => Err(AccountError::KeyMissing),
            (Scheme::Coaps, _) | (_, Credentials::None) => Ok(Account::new(uri, credentials)),
            _ => Err(AccountError::KeyUnused),
        }
    }

    fn credentials(&self) -> Result<Credentials, AccountError> {
        if let (Some(identity), Some(Key(key))) = (&self.psk_identity, &self.psk_key) {
            return Ok(Credentials::Psk {
                identity: identity.as_bytes().to_vec(),
                key: key.clone(),
            });
        }
        let files = (
            &self.certificate,
            &self.private_key,
            &self.server_certificate,
        );
        let (Some(chain), Some(private_key), Some(server)) = files else {
            return Ok(Credentials::None);
        };
        Ok(Credentials::Certificate {
            chain: pem::certificates(chain)?,
            private_key: pem::private_key(private_key)?,
            server_certificate: pem::certificates(server)?.swap_remove(0),
            usage: match self.certificate_usage {
                0 => CertificateUsage::CaConstraint,
                1 => CertificateUsage::ServiceCertificateConstraint,
                2 => CertificateUsage::TrustAnchorAssertion,
                _ => CertificateUsage::DomainIssuedCertificate,
            },
        })
    }

    fn transport(&self) -> Result<ClientTransportConfig, PemError> {
        let mut config = ClientTransportConfig::new();
        if let Some(authorities) = &self.authorities {
            config.trust_anchors = pem::certificates(authorities)?;
        }
        if let Some(bytes) = self.max_handshake_datagram {
            config.max_handshake_datagram = usize::from(bytes);
        }
        Ok(config)
    }

    fn client(&self) -> Result<ClientBuilder, AccountError> {
        let mut config = ClientConfig::default();
        config.version = match self.protocol {
            Version::V1_0 => LwM2mVersion::V1_0,
            Version::V1_1 => LwM2mVersion::V1_1,
            Version::V1_2 => LwM2mVersion::V1_2,
        };
        config.queue_mode = self.queue_mode;
        let builder = Client::builder(self.endpoint.as_str()).config(config);
        match (&self.server, &self.bootstrap) {
            (Some(server), _) => {
                let account = ServerAccount::new(1, self.account(server.clone())?)
                    .lifetime(self.lifetime)
                    .mute_send(false);
                Ok(builder.server(account))
            }
            (None, Some(bootstrap)) => Ok(builder.bootstrap(self.account(bootstrap.clone())?)),
            // clap has refused it.
            (None, None) => Ok(builder),
        }
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
    let device = SimulatedDevice::start_with(arguments.client()?, profile, transport)?;
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
    if tokio::time::timeout(END_WITHIN, device.stop())
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
        assert!(
            arguments(&[&secure[..], &psk[..]].concat())
                .unwrap()
                .client()
                .is_ok()
        );
        assert!(
            arguments(&["--bootstrap", "coap://localhost"])
                .unwrap()
                .client()
                .is_ok()
        );
        let error = |more: &[&str]| arguments(more).unwrap().client().err();
        assert!(matches!(error(&secure), Some(AccountError::KeyMissing)));
        let open = ["--server", "coap://localhost"];
        assert!(matches!(
            error(&[&open[..], &psk[..]].concat()),
            Some(AccountError::KeyUnused)
        ));
        let files = ["--private-key", "k", "--server-certificate", "s"];
        let certificate = ["--certificate", "/nonexistent.pem"];
        let x509 = [&secure[..], &certificate, &files].concat();
        assert!(matches!(error(&x509), Some(AccountError::Pem(_))));
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
            (
                &[
                    "--server",
                    "coaps://x",
                    "--psk-identity",
                    "a",
                    "--psk-key",
                    "5ec",
                ],
                "hexadecimal",
            ),
            (&["--server", "coap://x", "--lwm2m", "2.0"], "1.2"),
            (
                &["--server", "coaps://x", "--certificate", "c"],
                "--private-key",
            ),
            (
                &["--server", "coaps://x", "--certificate-usage", "4"],
                "0..=3",
            ),
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
