//! The two judges as subcommands: `client` and `server`.
//!
//! A program joins them to its own with clap's `#[command(subcommand)]`: [`ClientArguments`] and [`ServerArguments`] are
//! the arguments, [`ClientArguments::run`] and [`ServerArguments::run`] what they do.

use super::{
    Case, CertificateCredentials, Pace, PskCredentials, Report,
    client::{self, ClientJudge, Listen, Provision},
    server::{self, CommandTrigger, NoTrigger, ServerJudge, Trigger},
    verdict::Outcome,
};
use clap::Args;
use lwm2m_core::{
    secret::Secret,
    uri::{Scheme, ServerUri},
    version::LwM2mVersion,
};
use std::{path::PathBuf, process::ExitCode, time::Duration};

/// Exit code for arguments that cannot be used, as clap's own.
const USAGE: u8 = 2;
/// Largest file that is read: a firmware image.
const MAX_FILE: u64 = 4 * 1024 * 1024;

/// A key as the command line gives it. A type of its own so that clap never shows it.
#[derive(Clone)]
pub struct Key(Secret);

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

fn parse_version(text: &str) -> Result<LwM2mVersion, String> {
    text.parse().map_err(|_| "1.0, 1.1 or 1.2".to_owned())
}

/// What cannot be used.
#[derive(Debug, thiserror::Error)]
enum ArgumentError {
    #[error("{0} needs --identity and --key, or a certificate")]
    Unsecured(ServerUri),
    #[error("{0} has no security, but a key was given: use coaps")]
    KeyUnused(ServerUri),
    #[error("{path}: {source}")]
    File {
        path: String,
        source: std::io::Error,
    },
    #[error("{0} has more than {MAX_FILE} bytes")]
    TooLarge(String),
    #[error(transparent)]
    Case(#[from] super::UnknownCase),
    #[error(transparent)]
    Setup(#[from] client::SetupError),
}

/// What both judges are told.
#[derive(Debug, Args)]
struct Common {
    /// PSK identity, for coaps
    #[arg(long, value_name = "ID", requires = "key")]
    identity: Option<String>,

    /// Pre-shared key in hexadecimal digits, for coaps
    #[arg(
        long,
        value_name = "HEX",
        env = "LWM2M_PSK_KEY",
        hide_env_values = true,
        value_parser = parse_key
    )]
    key: Option<Key>,

    /// PSK identity with the bootstrap server [default: that of --identity]
    #[arg(long, value_name = "ID", requires = "bootstrap_key")]
    bootstrap_identity: Option<String>,

    /// Pre-shared key with the bootstrap server
    #[arg(
        long,
        value_name = "HEX",
        env = "LWM2M_BOOTSTRAP_PSK_KEY",
        hide_env_values = true,
        value_parser = parse_key
    )]
    bootstrap_key: Option<Key>,

    /// The judge's certificate, DER, for coaps
    #[arg(long, value_name = "FILE", requires_all = ["private_key", "trust"])]
    certificate: Option<PathBuf>,

    /// Its private key, PKCS#8 DER, P-256
    #[arg(long, value_name = "FILE")]
    private_key: Option<PathBuf>,

    /// The authority that vouches for the peer's certificate, DER
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,

    /// Judge these cases only: 101,201
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',')]
    cases: Vec<u16>,

    /// Show the cases and why some are never judged from this side, and end
    #[arg(long)]
    list: bool,

    /// How long an answer or a message that must come may take [default: 60, with --quick 20]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: Option<u64>,

    /// How much periods may be missed by [default: 2, with --quick 1]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(0..=3600))]
    slack: Option<u64>,

    /// Use periods and lifetimes of seconds where the procedures have longer ones
    #[arg(long)]
    quick: bool,

    /// What to log, to standard error
    #[arg(long, value_name = "FILTER", default_value = "error")]
    log: String,
}

impl Common {
    fn pace(&self) -> Pace {
        let mut pace = match self.quick {
            true => Pace::QUICK,
            false => Pace::PROCEDURE,
        };
        if let Some(seconds) = self.timeout {
            pace = pace.patience(Duration::from_secs(seconds));
        }
        if let Some(seconds) = self.slack {
            pace = pace.slack(Duration::from_secs(seconds));
        }
        pace
    }

    fn psk(&self) -> Option<PskCredentials> {
        credentials(self.identity.as_ref(), self.key.as_ref())
    }

    /// Those of the bootstrap server, which are the same where nothing else is said.
    fn bootstrap_psk(&self) -> Option<PskCredentials> {
        let own = credentials(
            self.bootstrap_identity.as_ref(),
            self.bootstrap_key.as_ref(),
        );
        own.or_else(|| self.psk())
    }

    fn certificate(&self) -> Result<Option<CertificateCredentials>, ArgumentError> {
        let (Some(certificate), Some(key), Some(trust)) =
            (&self.certificate, &self.private_key, &self.trust)
        else {
            return Ok(None);
        };
        Ok(Some(CertificateCredentials {
            certificate: read(certificate)?,
            private_key: Secret::new(read(key)?),
            trust: read(trust)?,
        }))
    }
}

fn credentials(identity: Option<&String>, key: Option<&Key>) -> Option<PskCredentials> {
    let (identity, Key(key)) = identity.zip(key)?;
    Some(PskCredentials {
        identity: identity.clone(),
        key: key.clone(),
    })
}

fn read(path: &PathBuf) -> Result<Vec<u8>, ArgumentError> {
    let failed = |source| ArgumentError::File {
        path: path.display().to_string(),
        source,
    };
    let length = std::fs::metadata(path).map_err(failed)?.len();
    if length > MAX_FILE {
        return Err(ArgumentError::TooLarge(path.display().to_string()));
    }
    std::fs::read(path).map_err(failed)
}

/// Judge a client: play a server, and a bootstrap server, that it connects to.
#[derive(Debug, Args)]
pub struct ClientArguments {
    /// Listen here as server: coap(s)://IP:PORT
    #[arg(long, value_name = "URI", required_unless_present = "list")]
    listen: Option<ServerUri>,

    /// Listen here as bootstrap server, too: coap(s)://IP:PORT
    #[arg(long, value_name = "URI")]
    bootstrap_listen: Option<ServerUri>,

    /// The address that a bootstrap gives for the server [default: that of --listen]
    #[arg(long, value_name = "URI")]
    announce: Option<ServerUri>,

    /// The certificate that a bootstrap gives the client, DER
    #[arg(long, value_name = "FILE", requires_all = ["client_private_key", "certificate_authority"])]
    client_certificate: Option<PathBuf>,

    /// Its private key, PKCS#8 DER
    #[arg(long, value_name = "FILE")]
    client_private_key: Option<PathBuf>,

    /// The authority of the judge's certificate, which a bootstrap gives the client, DER
    #[arg(long, value_name = "FILE")]
    certificate_authority: Option<PathBuf>,

    /// Let in only the client with this endpoint name
    #[arg(long, value_name = "NAME")]
    endpoint: Option<String>,

    /// The instance of the server object that is the account here [default: the first]
    #[arg(long, value_name = "NUMBER")]
    server_instance: Option<u16>,

    /// A firmware image that the device takes, and that changes its version
    #[arg(long, value_name = "FILE")]
    firmware: Option<PathBuf>,

    #[command(flatten)]
    common: Common,
}

impl ClientArguments {
    fn listen(
        &self,
        uri: &ServerUri,
        psk: Option<PskCredentials>,
    ) -> Result<Listen, ArgumentError> {
        let certificate = self.common.certificate()?;
        let unsecured = psk.is_none() && certificate.is_none();
        match uri.scheme() {
            Scheme::Coaps if unsecured => Err(ArgumentError::Unsecured(uri.clone())),
            _ => Ok(Listen {
                uri: uri.clone(),
                psk,
                certificate,
            }),
        }
    }

    fn settings(&self, server: &ServerUri) -> Result<client::Settings, ArgumentError> {
        let mut settings = client::Settings::new(self.listen(server, self.common.psk())?);
        if let Some(uri) = &self.bootstrap_listen {
            settings.bootstrap = Some(self.listen(uri, self.common.bootstrap_psk())?);
        }
        if let (Some(certificate), Some(key), Some(trust)) = (
            &self.client_certificate,
            &self.client_private_key,
            &self.certificate_authority,
        ) {
            settings.provision = Some(Provision {
                certificate: read(certificate)?,
                private_key: Secret::new(read(key)?),
                trust: read(trust)?,
            });
        }
        settings.firmware = self.firmware.as_ref().map(read).transpose()?;
        settings.announce = self.announce.clone();
        settings.endpoint = self.endpoint.clone();
        settings.server_instance = self.server_instance;
        settings.pace = self.common.pace();
        Ok(settings)
    }

    /// Judges the client that comes. 0: nothing failed; 1: something did; 2: the arguments cannot be used; 3: nothing
    /// could be judged.
    pub fn run(self) -> ExitCode {
        let Some(server) = self.listen.clone().filter(|_| !self.common.list) else {
            return list(client::CASES);
        };
        in_runtime(&self.common.log, async {
            let settings = self.settings(&server)?;
            let mut judge = ClientJudge::start(settings).await?.on_hint(hint);
            for (scheme, address) in judge.local_addresses() {
                tell(&format!("listening on {}://{address}", scheme.as_str()));
            }
            let report = judge.run(&self.common.cases, outcome).await?;
            judge.stop().await;
            Ok(report)
        })
    }
}

/// Judge a server: play a device that registers there.
#[derive(Debug, Args)]
pub struct ServerArguments {
    /// The server: coap(s)://HOST:PORT
    #[arg(long, value_name = "URI", required_unless_present = "list")]
    uri: Option<ServerUri>,

    /// A bootstrap server that knows the device and gives it an account at the server
    #[arg(long, value_name = "URI")]
    bootstrap_uri: Option<ServerUri>,

    /// Endpoint name of the device
    #[arg(long, value_name = "NAME", default_value = "lwm2m-judge")]
    endpoint: String,

    /// Protocol version that the device registers with
    #[arg(long = "lwm2m", value_name = "VERSION", default_value = "1.1", value_parser = parse_version)]
    version: LwM2mVersion,

    /// A program that makes the server do what a case wants; see JUDGE.md
    #[arg(long, value_name = "COMMAND")]
    trigger: Option<PathBuf>,

    /// How long the server takes a device with queue mode for awake after its last message
    #[arg(long, value_name = "SECONDS", default_value_t = 93)]
    awake: u64,

    #[command(flatten)]
    common: Common,
}

impl ServerArguments {
    fn access(
        &self,
        uri: &ServerUri,
        psk: Option<PskCredentials>,
    ) -> Result<server::Access, ArgumentError> {
        let certificate = self.common.certificate()?;
        match (uri.scheme(), &psk, &certificate) {
            (Scheme::Coap, Some(_), _) => Err(ArgumentError::KeyUnused(uri.clone())),
            (Scheme::Coaps, None, None) => Err(ArgumentError::Unsecured(uri.clone())),
            _ => Ok(server::Access {
                uri: uri.clone(),
                psk,
                certificate,
            }),
        }
    }

    fn settings(&self, uri: &ServerUri) -> Result<server::Settings, ArgumentError> {
        let access = self.access(uri, self.common.psk())?;
        let mut settings = server::Settings::new(access, self.endpoint.as_str());
        if let Some(uri) = &self.bootstrap_uri {
            settings.bootstrap = Some(self.access(uri, self.common.bootstrap_psk())?);
        }
        settings.version = self.version;
        settings.pace = self.common.pace().awake(Duration::from_secs(self.awake));
        Ok(settings)
    }

    /// Judges the server. 0: nothing failed; 1: something did; 2: the arguments cannot be used; 3: nothing could be
    /// judged.
    pub fn run(self) -> ExitCode {
        let Some(uri) = self.uri.clone().filter(|_| !self.common.list) else {
            return list(server::CASES);
        };
        in_runtime(&self.common.log, async {
            let settings = self.settings(&uri)?;
            let trigger: Box<dyn Trigger> = match &self.trigger {
                Some(command) => Box::new(CommandTrigger::new(command.clone())),
                None => Box::new(NoTrigger),
            };
            let mut judge = ServerJudge::start(settings, trigger);
            let report = judge.run(&self.common.cases, outcome).await?;
            judge.stop().await;
            Ok(report)
        })
    }
}

fn in_runtime(log: &str, judging: impl Future<Output = Result<Report, ArgumentError>>) -> ExitCode {
    let filter = match tracing_subscriber::EnvFilter::try_new(log) {
        Ok(filter) => filter,
        Err(error) => return unusable(&format!("--log {log:?}: {error}")),
    };
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // Another part of the program may have set one.
    let _ = subscriber.try_init();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => match runtime.block_on(judging) {
            Ok(report) => {
                tell(&report.to_string());
                report.exit_code()
            }
            Err(error) => unusable(&error.to_string()),
        },
        Err(error) => unusable(&format!("no runtime: {error}")),
    }
}

fn list(cases: &[Case]) -> ExitCode {
    for case in cases {
        let why = case.never.map(|why| format!(" (never judged here: {why})"));
        let why = why.unwrap_or_default();
        tell(&format!("int-{:<5} {}{why}", case.number, case.title));
    }
    ExitCode::SUCCESS
}

fn outcome(outcome: &Outcome) {
    tell(&outcome.to_string());
}

#[allow(clippy::print_stdout, reason = "a program speaks to its user")]
fn tell(text: &str) {
    println!("{text}");
}

#[allow(clippy::print_stderr, reason = "a program speaks to its user")]
fn hint(text: &str) {
    eprintln!("... {text}");
}

#[allow(clippy::print_stderr, reason = "a program speaks to its user")]
fn unusable(text: &str) -> ExitCode {
    eprintln!("error: {text}");
    ExitCode::from(USAGE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    enum Program {
        Client(ClientArguments),
        Server(ServerArguments),
    }

    fn parse(arguments: &[&str]) -> Result<Program, String> {
        let given = ["judge"].iter().chain(arguments);
        Program::try_parse_from(given).map_err(|error| error.to_string())
    }

    fn settings(arguments: &[&str]) -> Result<(), String> {
        let result = match parse(arguments)? {
            Program::Client(client) => {
                let uri = client.listen.clone().unwrap();
                client.settings(&uri).map(drop)
            }
            Program::Server(server) => {
                let uri = server.uri.clone().unwrap();
                server.settings(&uri).map(drop)
            }
        };
        result.map_err(|error| error.to_string())
    }

    #[test]
    fn security_follows_from_the_scheme() {
        let psk = ["--identity", "me", "--key", "00ff"];
        let client = ["client", "--listen", "coaps://127.0.0.1:5684"];
        assert_eq!(settings(&[&client[..], &psk[..]].concat()), Ok(()));
        assert!(settings(&client).unwrap_err().contains("needs --identity"));
        assert_eq!(
            settings(&["client", "--listen", "coap://127.0.0.1"]),
            Ok(())
        );
        let server = ["server", "--uri", "coap://localhost"];
        assert_eq!(settings(&server), Ok(()));
        let unused = settings(&[&server[..], &psk[..]].concat()).unwrap_err();
        assert!(unused.contains("use coaps"), "{unused}");
    }

    #[test]
    fn bad_arguments_say_what_is_wrong_and_show_no_key() {
        for (arguments, expected) in [
            (&["client"][..], "--listen"),
            (&["client", "--listen", "http://x"], "coap://"),
            (
                &["server", "--uri", "coaps://x", "--identity", "a"],
                "--key",
            ),
            (
                &["server", "--uri", "coaps://x", "--key", "5ec"],
                "hexadecimal",
            ),
            (
                &["server", "--uri", "coap://x", "--timeout", "0"],
                "1..=86400",
            ),
            (&["server", "--uri", "coap://x", "--lwm2m", "2.0"], "1.2"),
            (
                &["server", "--uri", "coaps://x", "--certificate", "a"],
                "--private-key",
            ),
        ] {
            let error = settings(arguments).unwrap_err();
            assert!(error.contains(expected), "{arguments:?}: {error}");
        }
        let missing = [
            "client",
            "--listen",
            "coap://127.0.0.1",
            "--firmware",
            "/no/such/file",
        ];
        assert!(settings(&missing).unwrap_err().contains("/no/such/file"));
        let secure = [
            "server",
            "--uri",
            "coaps://x",
            "--identity",
            "a",
            "--key",
            "5ec2e7",
        ];
        assert!(!format!("{:?}", parse(&secure).unwrap()).contains("5ec2e7"));
    }

    #[test]
    fn times_are_chosen_by_hand_or_by_pace() {
        let Ok(Program::Client(client)) = parse(&[
            "client",
            "--listen",
            "coap://127.0.0.1",
            "--quick",
            "--timeout",
            "7",
            "--cases",
            "101,201",
        ]) else {
            panic!("they are good")
        };
        assert_eq!(client.common.pace().patience, Duration::from_secs(7));
        assert_eq!(
            client.common.pace().first_periods,
            Pace::QUICK.first_periods
        );
        assert_eq!(client.common.cases, [101, 201]);
    }
}
