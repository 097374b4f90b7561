//! What the evaluation server can be told: on the command line, or in a TOML file with the same names.

use clap::Parser;
use serde::Deserialize;
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

/// An LwM2M server, a bootstrap server, a web page and simulated devices in one program.
///
/// Without arguments it listens on 127.0.0.1 only, starts three simulated devices, takes them through a tour of the
/// protocol, and stays.
#[derive(Debug, Parser)]
#[command(name = "lwm2m-evaluation-server", version)]
struct Arguments {
    /// Run the tour once, print its table, and exit: 0 where every step passed, 1 otherwise
    #[arg(long)]
    tour: bool,

    /// Read settings from this TOML file; what stands on the command line wins
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    #[command(flatten)]
    values: Values,
}

/// The settings, each of which may be absent on the command line and in the file.
#[derive(Debug, Default, clap::Args, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Values {
    /// Address of the LwM2M server without security [default: 127.0.0.1:5683]
    #[arg(long, value_name = "ADDRESS")]
    coap: Option<SocketAddr>,

    /// Address of the LwM2M server over DTLS [default: 127.0.0.1:5684]
    #[arg(long, value_name = "ADDRESS")]
    coaps: Option<SocketAddr>,

    /// Address of the bootstrap server without security [default: 127.0.0.1:5783]
    #[arg(long, value_name = "ADDRESS")]
    bootstrap_coap: Option<SocketAddr>,

    /// Address of the bootstrap server over DTLS [default: 127.0.0.1:5784]
    #[arg(long, value_name = "ADDRESS")]
    bootstrap_coaps: Option<SocketAddr>,

    /// PEM file with the certificate chain of both servers, their own first: with it, devices can use certificates
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,

    /// PEM file with the private key of the certificate, PKCS#8
    #[arg(long, value_name = "FILE")]
    private_key: Option<PathBuf>,

    /// PEM file with the authorities whose device certificates are accepted; without it only certificates that were
    /// given to an endpoint one by one
    #[arg(long, value_name = "FILE")]
    authorities: Option<PathBuf>,

    /// PEM file with the private key of the LwM2M server's raw public key, PKCS#8, P-256: with it, devices can use raw
    /// public keys; the public key to tell them is shown at start
    #[arg(long, value_name = "FILE")]
    raw_public_key: Option<PathBuf>,

    /// The same for the bootstrap server: another key
    #[arg(long, value_name = "FILE")]
    bootstrap_raw_public_key: Option<PathBuf>,

    /// Longest datagram of DTLS handshakes, bytes: 548 for networks with an MTU of 576 [default: 1232]
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u16).range(256..))]
    max_handshake_datagram: Option<u16>,

    /// Address of the web page and the HTTP API, which have no authentication [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    http: Option<SocketAddr>,

    /// How many simulated devices to start: the first three make the tour, the others register, report and
    /// stay; 0 for none [default: 3]
    #[arg(long, value_name = "N")]
    devices: Option<usize>,

    /// Keep registrations, DTLS sessions, credentials and bootstrap configurations in this directory; without it nothing
    /// is kept. Never start from an older copy of it: see the documentation of lwm2m-store
    #[arg(long, value_name = "DIRECTORY")]
    data_dir: Option<PathBuf>,

    /// What to log, to standard error: a level (error, warn, info, debug, trace) or a filter such as
    /// "warn,lwm2m_server=debug" [default: warn]
    #[arg(long, value_name = "FILTER")]
    log: Option<String>,
}

/// The most simulated devices that one process is asked to hold: each has a UDP socket of its own, and the
/// usual limit of open files is not far above.
pub(crate) const MAX_DEVICES: usize = 10_000;

/// What every network carries that carries IPv6: 1,280 bytes with the headers of IP and UDP.
const HANDSHAKE_DATAGRAM: usize = 1232;

/// What is logged unless told otherwise: the DTLS backend calls each unknown extension of a hello a warning.
const DEFAULT_LOG: &str = "warn";

/// The settings in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) tour_only: bool,
    pub(crate) coap: SocketAddr,
    pub(crate) coaps: SocketAddr,
    pub(crate) bootstrap_coap: SocketAddr,
    pub(crate) bootstrap_coaps: SocketAddr,
    pub(crate) certificate: Option<CertificateFiles>,
    pub(crate) raw_public_key: Option<PathBuf>,
    pub(crate) bootstrap_raw_public_key: Option<PathBuf>,
    pub(crate) max_handshake_datagram: usize,
    pub(crate) http: SocketAddr,
    pub(crate) devices: usize,
    pub(crate) data_dir: Option<PathBuf>,
    pub(crate) log: String,
}

/// Where the servers' certificate is, and what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CertificateFiles {
    pub(crate) chain: PathBuf,
    pub(crate) private_key: PathBuf,
    pub(crate) authorities: Option<PathBuf>,
}

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    #[error(transparent)]
    Arguments(#[from] clap::Error),
    #[error("the config file {path} cannot be read: {source}")]
    Unreadable {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("the config file {path} is not valid:\n{source}")]
    Invalid {
        path: PathBuf,
        source: toml::de::Error,
    },
    #[error("--devices takes at most {MAX_DEVICES}, not {0}")]
    TooManyDevices(usize),
    #[error("--tour needs the three devices that make it: --devices must be at least 3, not {0}")]
    TooFewDevices(usize),
    #[error("--certificate and --private-key need each other, and --authorities needs both")]
    CertificateIncomplete,
}

impl Settings {
    /// The settings of these command line arguments (the first is the program's name) and of the file they name.
    pub(crate) fn read(
        arguments: impl IntoIterator<Item = std::ffi::OsString>,
    ) -> Result<Self, SettingsError> {
        let arguments = Arguments::try_parse_from(arguments)?;
        let file = match &arguments.config {
            Some(path) => read_file(path)?,
            None => Values::default(),
        };
        let Arguments { tour, values, .. } = arguments;
        let loopback = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let certificate = match (
            values.certificate.or(file.certificate),
            values.private_key.or(file.private_key),
            values.authorities.or(file.authorities),
        ) {
            (None, None, None) => None,
            (Some(chain), Some(private_key), authorities) => Some(CertificateFiles {
                chain,
                private_key,
                authorities,
            }),
            _ => return Err(SettingsError::CertificateIncomplete),
        };
        let settings = Settings {
            tour_only: tour,
            coap: values.coap.or(file.coap).unwrap_or(loopback(5683)),
            coaps: values.coaps.or(file.coaps).unwrap_or(loopback(5684)),
            bootstrap_coap: values
                .bootstrap_coap
                .or(file.bootstrap_coap)
                .unwrap_or(loopback(5783)),
            bootstrap_coaps: values
                .bootstrap_coaps
                .or(file.bootstrap_coaps)
                .unwrap_or(loopback(5784)),
            certificate,
            raw_public_key: values.raw_public_key.or(file.raw_public_key),
            bootstrap_raw_public_key: values
                .bootstrap_raw_public_key
                .or(file.bootstrap_raw_public_key),
            max_handshake_datagram: values
                .max_handshake_datagram
                .or(file.max_handshake_datagram)
                .map_or(HANDSHAKE_DATAGRAM, usize::from),
            http: values.http.or(file.http).unwrap_or(loopback(8080)),
            devices: values.devices.or(file.devices).unwrap_or(3),
            data_dir: values.data_dir.or(file.data_dir),
            log: values
                .log
                .or(file.log)
                .unwrap_or_else(|| DEFAULT_LOG.to_owned()),
        };
        match settings.devices {
            n if n > MAX_DEVICES => Err(SettingsError::TooManyDevices(n)),
            n if settings.tour_only && n < 3 => Err(SettingsError::TooFewDevices(n)),
            _ => Ok(settings),
        }
    }
}

fn read_file(path: &Path) -> Result<Values, SettingsError> {
    let text = std::fs::read_to_string(path).map_err(|source| SettingsError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    toml::from_str(&text).map_err(|source| SettingsError::Invalid {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn read(arguments: &[&str]) -> Result<Settings, SettingsError> {
        Settings::read(["server"].iter().chain(arguments).map(|a| (*a).into()))
    }

    struct TemporaryFile(PathBuf);

    impl TemporaryFile {
        fn new(name: &str, content: &str) -> Self {
            let path = std::env::temp_dir().join(format!("lwm2m-{}-{name}", std::process::id()));
            let mut file = std::fs::File::create(&path).unwrap();
            file.write_all(content.as_bytes()).unwrap();
            TemporaryFile(path)
        }

        fn path(&self) -> &str {
            self.0.to_str().unwrap()
        }
    }

    impl Drop for TemporaryFile {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.0);
        }
    }

    #[test]
    fn defaults_are_loopback_only() {
        let settings = read(&[]).unwrap();
        let listeners = [
            settings.coap,
            settings.coaps,
            settings.bootstrap_coap,
            settings.bootstrap_coaps,
            settings.http,
        ];
        assert!(listeners.iter().all(|address| address.ip().is_loopback()));
        let ports: Vec<u16> = listeners.iter().map(SocketAddr::port).collect();
        assert_eq!(ports, [5683, 5684, 5783, 5784, 8080]);
        assert_eq!((settings.devices, settings.data_dir), (3, None));
        assert_eq!(
            (settings.certificate, settings.max_handshake_datagram),
            (None, 1232)
        );
        assert_eq!(
            (settings.raw_public_key, settings.bootstrap_raw_public_key),
            (None, None)
        );
    }

    #[test]
    fn the_command_line_wins_over_the_file() {
        let file = TemporaryFile::new(
            "precedence.toml",
            "coap = \"127.0.0.1:1000\"\ndevices = 7\ndata-dir = \"kept\"\nraw-public-key = \"a.pem\"\n",
        );
        let other = ["--bootstrap-raw-public-key", "b.pem"];
        let arguments = ["--config", file.path(), "--devices", "9"];
        let settings = read(&[&arguments[..], &other].concat()).unwrap();
        assert_eq!(settings.raw_public_key, Some("a.pem".into()));
        assert_eq!(settings.bootstrap_raw_public_key, Some("b.pem".into()));
        assert_eq!(settings.devices, 9);
        assert_eq!(settings.coap.port(), 1000);
        assert_eq!(settings.data_dir, Some("kept".into()));
        assert_eq!(settings.coaps.port(), 5684);
    }

    #[test]
    fn bad_settings_say_what_is_wrong() {
        let unknown = TemporaryFile::new("unknown.toml", "devicez = 7\n");
        let wrong = TemporaryFile::new("wrong.toml", "coap = \"nowhere\"\n");
        for (arguments, expected) in [
            (&["--nonsense"][..], "--nonsense"),
            (&["--coap", "nowhere"], "--coap"),
            (&["--devices", "-1"], "-1"),
            (&["--devices", "1000000"], "at most 10000"),
            (&["--tour", "--devices", "2"], "at least 3"),
            (&["--certificate", "c.pem"], "need each other"),
            (&["--max-handshake-datagram", "10"], "10"),
            (&["--authorities", "a.pem"], "needs both"),
            (&["--config", "/nonexistent.toml"], "/nonexistent.toml"),
            (&["--config", unknown.path()], "devicez"),
            (&["--config", wrong.path()], "coap"),
        ] {
            let error = read(arguments).unwrap_err().to_string();
            assert!(error.contains(expected), "{arguments:?}: {error}");
        }
    }

    #[test]
    fn the_file_that_comes_along_names_every_setting_and_its_default() {
        use clap::CommandFactory;
        let example = include_str!("../evaluation-server.toml");
        let command = Arguments::command();
        for option in command.get_arguments().filter_map(|a| a.get_long()) {
            if ["tour", "config"].contains(&option) {
                continue;
            }
            let set = format!("{option} = ");
            let lines = example.lines().map(|line| line.trim_start_matches("# "));
            assert_eq!(
                lines.filter(|line| line.starts_with(&set)).count(),
                1,
                "{option}"
            );
        }
        let file = TemporaryFile::new("example.toml", example);
        let settings = read(&["--config", file.path()]).unwrap();
        assert_eq!(settings, read(&[]).unwrap());
    }

    #[test]
    fn every_option_has_help() {
        use clap::CommandFactory;
        for argument in Arguments::command().get_arguments() {
            assert!(
                argument.get_help().is_some(),
                "{} has none",
                argument.get_id()
            );
        }
    }
}
