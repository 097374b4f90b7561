//! The options of both roles, and the configuration they make.

use crate::Error;
use clap::{Args, ValueEnum};
use lwm2m_core::secret::Secret;
use lwm2m_dtls::{
    CipherSuite, ConnectionIds, EndpointConfig, ExtendedMasterSecret, KeyLog,
    crypto::{Provider, ring::Ring, rustcrypto::RustCrypto},
};
use std::{
    fmt,
    fs::{File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// The suites of the engine by their names in the registry of TLS.
const SUITES: [(&str, CipherSuite); 8] = [
    ("TLS_PSK_WITH_AES_128_CCM_8", CipherSuite::PskAes128Ccm8),
    ("TLS_PSK_WITH_AES_128_CCM", CipherSuite::PskAes128Ccm),
    (
        "TLS_PSK_WITH_AES_128_GCM_SHA256",
        CipherSuite::PskAes128GcmSha256,
    ),
    (
        "TLS_PSK_WITH_AES_128_CBC_SHA256",
        CipherSuite::PskAes128CbcSha256,
    ),
    (
        "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8",
        CipherSuite::EcdheEcdsaAes128Ccm8,
    ),
    (
        "TLS_ECDHE_ECDSA_WITH_AES_128_CCM",
        CipherSuite::EcdheEcdsaAes128Ccm,
    ),
    (
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        CipherSuite::EcdheEcdsaAes128GcmSha256,
    ),
    (
        "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
        CipherSuite::EcdheEcdsaAes128CbcSha256,
    ),
];

/// What a suite is called in the registry of TLS.
pub(crate) fn name_of(suite: CipherSuite) -> &'static str {
    SUITES
        .iter()
        .find(|(_, known)| *known == suite)
        .map_or("?", |(name, _)| name)
}

fn parse_suite(name: &str) -> Result<CipherSuite, String> {
    SUITES
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, suite)| *suite)
        .ok_or_else(|| {
            let names: Vec<_> = SUITES.iter().map(|(name, _)| *name).collect();
            format!("there are {}", names.join(", "))
        })
}

/// A pre-shared key from the command line, hidden from `Debug`.
#[derive(Clone, Debug)]
pub(crate) struct Key(pub(crate) Secret);

fn parse_key(digits: &str) -> Result<Key, String> {
    match hex::decode(digits) {
        Ok(bytes) if !bytes.is_empty() => Ok(Key(Secret::new(bytes))),
        _ => Err("a key is a text of hexadecimal digits, two for a byte".into()),
    }
}

/// How a side proves who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// A pre-shared key
    Psk,
    /// A raw public key
    Rpk,
    /// A certificate
    X509,
}

/// Whose cryptography works for the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ProviderName {
    /// `ring` for P-256, X25519 and GCM, and RustCrypto for the rest
    Ring,
    /// RustCrypto for everything
    Rustcrypto,
}

/// What both roles can be told.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// Folder that `credentials` has filled, for raw public keys and certificates
    #[arg(long, value_name = "FOLDER")]
    pub(crate) credentials: Option<PathBuf>,

    /// Identity of the pre-shared key
    #[arg(long, value_name = "ID", default_value = "device-1")]
    pub(crate) psk_identity: String,

    /// The pre-shared key in hexadecimal digits
    #[arg(
        long,
        value_name = "HEX",
        env = "DTLS_PEER_PSK_KEY",
        hide_env_values = true,
        value_parser = parse_key
    )]
    pub(crate) psk_key: Option<Key>,

    /// Suite by its name in the registry of TLS, the preferred first; may be given several times. Without it, all
    #[arg(long = "suite", value_name = "NAME", value_parser = parse_suite)]
    suites: Vec<CipherSuite>,

    /// Length of the Connection IDs that we want to be addressed by, bytes
    #[arg(long, value_name = "BYTES")]
    connection_id: Option<usize>,

    /// Longest datagram of a handshake, bytes
    #[arg(long, value_name = "BYTES")]
    mtu: Option<usize>,

    /// Refuse peers without extended master secret
    #[arg(long)]
    require_extended_master_secret: bool,

    /// Sessions that clients may take up again
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    resumable: usize,

    /// Seconds that a ticket is good for, for clients that ask for one. Without it, there are none
    #[arg(long, value_name = "SECONDS")]
    ticket_lifetime: Option<u64>,

    /// Whose cryptography to use
    #[arg(long, value_enum, default_value = "ring")]
    provider: ProviderName,

    /// DANGER: append the secret of every session to this file, for Wireshark
    #[arg(long, value_name = "FILE")]
    danger_key_log: Option<PathBuf>,

    /// Write every datagram to this file, in the form of pcap
    #[arg(long, value_name = "FILE")]
    pub(crate) capture: Option<PathBuf>,
}

impl Common {
    pub(crate) fn suites(&self) -> Vec<CipherSuite> {
        match &self.suites[..] {
            [] => CipherSuite::ALL.into(),
            chosen => chosen.into(),
        }
    }

    pub(crate) fn folder(&self) -> Result<&Path, Error> {
        let folder = self.credentials.as_deref();
        Ok(folder.ok_or("raw public keys and certificates need --credentials")?)
    }

    pub(crate) fn key(&self) -> Result<Arc<Secret>, Error> {
        let key = self.psk_key.as_ref();
        let key = key.ok_or("pre-shared keys need --psk-key or DTLS_PEER_PSK_KEY")?;
        Ok(Arc::new(key.0.clone()))
    }

    pub(crate) fn provider(&self) -> Arc<dyn Provider> {
        match self.provider {
            ProviderName::Ring => Arc::new(Ring::new()),
            ProviderName::Rustcrypto => Arc::new(RustCrypto),
        }
    }

    pub(crate) fn endpoint_config(&self) -> Result<EndpointConfig, Error> {
        let mut config = EndpointConfig::default();
        config.unix_at_zero = Some(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs());
        config.max_resumable = self.resumable;
        config.ticket_lifetime = self.ticket_lifetime.map(Duration::from_secs);
        if let Some(mtu) = self.mtu {
            config.mtu = mtu;
        }
        if let Some(length) = self.connection_id {
            config.connection_ids = Some(ConnectionIds {
                prefix: Vec::new(),
                length,
            });
        }
        if self.require_extended_master_secret {
            config.extended_master_secret = ExtendedMasterSecret::Required;
        }
        if let Some(path) = &self.danger_key_log {
            let file = OpenOptions::new().create(true).append(true).open(path)?;
            config.danger_key_log = Some(Arc::new(KeyLogFile(Mutex::new(file))));
        }
        Ok(config)
    }
}

struct KeyLogFile(Mutex<File>);

impl fmt::Debug for KeyLogFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyLogFile")
    }
}

impl KeyLog for KeyLogFile {
    fn line(&self, line: &str) {
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A handshake does not fail because of its log; what is missing there is noticed where it is read.
        let _ = writeln!(file, "{line}");
    }
}
