//! `webrtc-dtls` as a peer of our DTLS engine: an echo server, and a client that waits for its echo.
//!
//! Speaks the lines that all peer programs of `peers/` speak: `listening ADDRESS`, `agreed`, `echo TEXT`, `failed WHY`.

use clap::{Args, Parser, Subcommand};
use rcgen::KeyPair;
use rustls::RootCertStore;
use rustls_pki_types::{CertificateDer, pem::PemObject};
use std::{
    fs,
    io::{self, Write},
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};
use tokio::{net::UdpSocket, time::timeout};
use webrtc_dtls::{
    cipher_suite::CipherSuiteId,
    config::{ClientAuthType, Config, ExtendedMasterSecretType},
    conn::DTLSConn,
    crypto::{Certificate, CryptoPrivateKey},
    listener::listen,
};
use webrtc_util::conn::{Conn, Listener};

type Error = Box<dyn std::error::Error + Send + Sync>;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// Longest datagram that is read.
const LONGEST: usize = 1 << 14;

#[derive(Debug, Parser)]
#[command(
    name = "webrtc-dtls-peer",
    about = "webrtc-dtls before our DTLS engine"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Echo what clients send
    Serve(Options),
    /// Send a line and wait for its echo
    Connect {
        /// The server, an address of 127.0.0.0/8
        server: SocketAddrV4,
        /// What to send
        #[arg(long, default_value = "ping")]
        line: String,
        #[command(flatten)]
        options: Options,
    },
}

#[derive(Debug, Args)]
struct Options {
    /// Folder with keys and certificates; without it, pre-shared keys
    #[arg(long, value_name = "FOLDER")]
    credentials: Option<PathBuf>,
    /// Whose files of the credentials are ours; without it, those of our role
    #[arg(long = "as", value_name = "NAME")]
    name: Option<String>,
    /// The only suite, by its name in the registry of TLS
    #[arg(long, value_name = "NAME", value_parser = parse_suite)]
    suite: CipherSuiteId,
    /// Identity of the pre-shared key
    #[arg(long, default_value = "device-1")]
    psk_identity: String,
    /// The pre-shared key in hexadecimal digits
    #[arg(long, env = "DTLS_PEER_PSK_KEY", hide_env_values = true)]
    psk_key: Option<String>,
    /// Longest datagram of a handshake, bytes
    #[arg(long, default_value_t = 1200)]
    mtu: usize,
    /// Do without extended master secret
    #[arg(long)]
    no_extended_master_secret: bool,
}

fn parse_suite(name: &str) -> Result<CipherSuiteId, String> {
    use CipherSuiteId as Id;
    let known = [
        Id::Tls_Psk_With_Aes_128_Ccm_8,
        Id::Tls_Psk_With_Aes_128_Ccm,
        Id::Tls_Psk_With_Aes_128_Gcm_Sha256,
        Id::Tls_Ecdhe_Ecdsa_With_Aes_128_Ccm_8,
        Id::Tls_Ecdhe_Ecdsa_With_Aes_128_Ccm,
        Id::Tls_Ecdhe_Ecdsa_With_Aes_128_Gcm_Sha256,
    ];
    let suite = known.into_iter().find(|id| id.to_string() == name);
    suite.ok_or_else(|| "webrtc-dtls does not have it".into())
}

impl Options {
    fn config(&self, server: bool) -> Result<Config, Error> {
        let mut config = Config {
            cipher_suites: vec![self.suite],
            mtu: self.mtu,
            extended_master_secret: match self.no_extended_master_secret {
                true => ExtendedMasterSecretType::Disable,
                false => ExtendedMasterSecretType::Require,
            },
            ..Config::default()
        };
        match &self.credentials {
            None => {
                let key = self.psk_key.as_deref().ok_or("there is no --psk-key")?;
                let key = hex::decode(key).map_err(|_| "--psk-key is not hexadecimal")?;
                config.psk = Some(Arc::new(move |_| Ok(key.clone())));
                let identity = self.psk_identity.clone().into_bytes();
                config.psk_identity_hint = (!server).then_some(identity);
            }
            Some(folder) => {
                let own = if server { "server" } else { "client" };
                let own = self.name.as_deref().unwrap_or(own);
                config.certificates = vec![certificate(folder, own)?];
                let mut roots = RootCertStore::empty();
                roots.add(fs::read(folder.join("authority.der"))?.into())?;
                config.client_cas = roots.clone();
                config.roots_cas = roots;
                config.server_name = "server.example".into();
                config.client_auth = ClientAuthType::RequireAndVerifyClientCert;
            }
        }
        Ok(config)
    }
}

fn certificate(folder: &Path, name: &str) -> Result<Certificate, Error> {
    let key = KeyPair::try_from(&fs::read(folder.join(format!("{name}.pk8")))?[..])?;
    let chain = CertificateDer::pem_file_iter(folder.join(format!("{name}.chain.pem")))?;
    Ok(Certificate {
        certificate: chain.collect::<Result<_, _>>()?,
        private_key: CryptoPrivateKey::from_key_pair(&key)?,
    })
}

fn say(line: std::fmt::Arguments<'_>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// Serves until somebody ends the program.
async fn serve(options: &Options) -> Result<(), Error> {
    let listener = listen((Ipv4Addr::LOCALHOST, 0), options.config(true)?).await?;
    say(format_args!("listening {}", listener.addr().await?))?;
    loop {
        match listener.accept().await {
            Ok((connection, _)) => {
                say(format_args!("agreed"))?;
                tokio::spawn(echo(connection));
            }
            Err(error) => say(format_args!("refused {error}"))?,
        }
    }
}

async fn echo(connection: Arc<dyn Conn + Send + Sync>) -> Result<(), Error> {
    let mut buffer = vec![0; LONGEST];
    loop {
        let length = connection.recv(&mut buffer).await?;
        let text = String::from_utf8_lossy(&buffer[..length]);
        say(format_args!("data {}", text.trim_end()))?;
        connection.send(&buffer[..length]).await?;
    }
}

async fn connect(server: SocketAddrV4, line: &str, options: &Options) -> Result<(), Error> {
    if !server.ip().is_loopback() {
        return Err("only addresses of 127.0.0.0/8 are spoken to".into());
    }
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    socket.connect(SocketAddr::V4(server)).await?;
    let config = options.config(false)?;
    let connecting = DTLSConn::new(Arc::new(socket), config, true, None);
    let connection = timeout(PATIENCE, connecting).await??;
    say(format_args!("agreed"))?;
    connection.write(line.as_bytes(), Some(PATIENCE)).await?;
    let mut buffer = vec![0; LONGEST];
    let length = connection.read(&mut buffer, Some(PATIENCE)).await?;
    say(format_args!(
        "echo {}",
        String::from_utf8_lossy(&buffer[..length])
    ))?;
    connection.close().await?;
    Ok(())
}

#[tokio::main]
async fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Serve(options) => serve(&options).await,
        Command::Connect {
            server,
            line,
            options,
        } => connect(server, &line, &options).await,
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Where nobody listens any more, the exit code says it.
            let _ = say(format_args!("failed {error}"));
            ExitCode::FAILURE
        }
    }
}
