//! The server: all kinds of credentials on one port, and an echo.

use crate::{
    Error, credentials,
    link::Link,
    options::{Common, Kind},
    say,
};
use clap::Args;
use lwm2m_core::peer::PeerIdentity;
use lwm2m_dtls::{Event, KeyAnswer, Metrics, ServerConfig, certificate::ClientTrust};
use std::{collections::HashMap, net::SocketAddr};

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Port on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    port: u16,

    /// What to serve; may be given several times. Without it, everything
    #[arg(long = "with", value_enum)]
    kinds: Vec<Kind>,

    #[command(flatten)]
    common: Common,
}

impl Options {
    fn config(&self) -> Result<ServerConfig, Error> {
        let common = &self.common;
        let serves = |kind| self.kinds.is_empty() || self.kinds.contains(&kind);
        let provider = common.provider();
        let mut config = ServerConfig::new().suites(common.suites());
        if serves(Kind::Psk) {
            common.key()?;
            config = config.psk();
        }
        if serves(Kind::Rpk) {
            let signer = credentials::signer(common.folder()?, "server", &*provider)?;
            config = config.raw_public_key(signer);
        }
        if serves(Kind::X509) {
            let folder = common.folder()?;
            let local = credentials::certificate(folder, "server", &*provider)?;
            let trust = ClientTrust::new(&[credentials::root(folder)?])?;
            config = config.certificate(local, trust);
        }
        Ok(config)
    }

    /// Whether a client that has proven to be this is let in: the certificates that our authority vouches for all are.
    fn admits(&self, identity: &PeerIdentity) -> Result<bool, Error> {
        Ok(match identity {
            PeerIdentity::RawPublicKey(spki) => {
                *spki == credentials::public_key(self.common.folder()?, "client")?
            }
            PeerIdentity::Certificate(_) => true,
            _ => false,
        })
    }
}

/// Serves until somebody ends the program.
pub(crate) fn run(options: &Options) -> Result<(), Error> {
    let mut link = Link::open(&options.common, options.port, Some(options.config()?))?;
    say(format_args!("listening {}", link.address()))?;
    let mut addresses: HashMap<_, SocketAddr> = HashMap::new();
    let mut counted = Metrics::default();
    let mut resumed_told = 0;
    loop {
        // Handshakes that fail are counted and not reported, so that nobody can fill a log.
        let event = link.next_event(Some(link.now() + std::time::Duration::from_millis(50)))?;
        let metrics = link.endpoint.metrics();
        say_refused(&counted, &metrics)?;
        counted = metrics;
        let Some(event) = event else { continue };
        let now = link.now();
        match event {
            Event::KeyWanted {
                connection,
                identity,
            } => {
                let answer = if identity == options.common.psk_identity.as_bytes() {
                    KeyAnswer::Key(options.common.key()?)
                } else {
                    KeyAnswer::Unknown
                };
                link.endpoint.answer_key(now, connection, answer);
            }
            Event::PeerWanted {
                connection,
                identity,
            } => {
                let admitted = options.admits(&identity)?;
                link.endpoint.answer_peer(now, connection, admitted);
            }
            Event::Connected {
                connection,
                address,
                ..
            } => {
                addresses.insert(connection, address);
                let agreed = link.describe(connection);
                // One client comes after the other, so that what is counted and not yet told is of this one.
                let resumed = match metrics.handshakes_resumed > resumed_told {
                    true => "yes",
                    false => "no",
                };
                resumed_told = metrics.handshakes_resumed;
                say(format_args!(
                    "connected {address} {agreed} resumed={resumed}"
                ))?;
            }
            Event::Data {
                connection,
                address,
                data,
                ..
            } => {
                if let Some(known) = addresses.insert(connection, address)
                    && known != address
                {
                    say(format_args!("moved {known} {address}"))?;
                }
                let text = String::from_utf8_lossy(&data);
                say(format_args!("data {address} {}", text.trim_end()))?;
                if let Err(error) = link.endpoint.send(now, connection, &data) {
                    say(format_args!("unsent {address} {error}"))?;
                }
            }
            Event::Closed { connection, reason } => {
                if let Some(address) = addresses.remove(&connection) {
                    say(format_args!("closed {address} {reason}"))?;
                }
            }
            _ => {}
        }
    }
}

fn say_refused(before: &Metrics, after: &Metrics) -> Result<(), Error> {
    let failed = after.handshakes_failed - before.handshakes_failed;
    if failed == 0 {
        return Ok(());
    }
    let why = if after.unknown_identities > before.unknown_identities {
        "unknown-identity"
    } else if after.wrong_keys > before.wrong_keys {
        "wrong-key"
    } else if after.certificates_refused > before.certificates_refused {
        "certificate"
    } else {
        "other"
    };
    Ok(say(format_args!("refused {why}"))?)
}
