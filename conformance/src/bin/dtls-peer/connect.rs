//! The client: a line and its echo, then perhaps again from another address, and again in a session taken up.

use crate::{
    Error,
    credentials::{self, SERVER_NAME},
    link::Link,
    options::{Common, Kind},
    say,
};
use clap::Args;
use lwm2m_core::engine::CertificateUsage;
use lwm2m_dtls::{
    ClientConfig, ClientCredentials, Connection, Event, Resumption, certificate::ServerTrust,
};
use std::{net::SocketAddrV4, sync::Arc, time::Duration};

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The server, an address of 127.0.0.0/8
    server: SocketAddrV4,

    /// How to prove who we are
    #[arg(long = "with", value_enum, default_value = "psk")]
    kind: Kind,

    /// Whose files of the credentials to use as ours
    #[arg(long = "as", value_name = "NAME", default_value = "client")]
    name: String,

    /// What to send
    #[arg(long, default_value = "ping")]
    line: String,

    /// Send a second line from another port; wants a server with Connection IDs
    #[arg(long = "move")]
    moves: bool,

    /// Close the session and take it up again
    #[arg(long)]
    resume: bool,

    /// Ask for a ticket
    #[arg(long)]
    ticket: bool,

    /// Offer no Connection ID
    #[arg(long, conflicts_with = "connection_id")]
    no_connection_id: bool,

    /// Longest plaintext of a record that we take: 512, 1024, 2048 or 4096 bytes
    #[arg(long, value_name = "BYTES")]
    max_fragment_length: Option<u16>,

    /// How long anything may take, seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 20)]
    patience: u64,

    #[command(flatten)]
    common: Common,
}

impl Options {
    fn config(&self, resumption: Option<Resumption>) -> Result<ClientConfig, Error> {
        let common = &self.common;
        let provider = common.provider();
        let credentials = match self.kind {
            Kind::Psk => ClientCredentials::Psk {
                identity: common.psk_identity.clone().into_bytes(),
                key: common.key()?,
            },
            Kind::Rpk => ClientCredentials::RawPublicKey {
                signer: credentials::signer(common.folder()?, &self.name, &*provider)?,
                server: credentials::public_key(common.folder()?, "server")?,
            },
            Kind::X509 => {
                let folder = common.folder()?;
                let trust = ServerTrust::new(
                    CertificateUsage::TrustAnchorAssertion,
                    &credentials::root(folder)?,
                    &[],
                    SERVER_NAME,
                )?;
                ClientCredentials::Certificate {
                    local: credentials::certificate(folder, &self.name, &*provider)?,
                    trust: Arc::new(trust),
                }
            }
        };
        let mut config = ClientConfig::new(credentials);
        config.suites = common.suites();
        config.connection_id = !self.no_connection_id;
        config.max_fragment_length = self.max_fragment_length;
        if self.kind == Kind::X509 {
            config.server_name = Some(SERVER_NAME.into());
        }
        config.session_tickets = self.ticket;
        config.resumption = resumption;
        Ok(config)
    }
}

/// Does what the options say, and fails where the server does not play its part.
pub(crate) fn run(options: &Options) -> Result<(), Error> {
    if !options.server.ip().is_loopback() {
        return Err("only addresses of 127.0.0.0/8 are spoken to".into());
    }
    let link = Link::open(&options.common, 0, None)?;
    let mut client = Client { options, link };
    let (connection, resumption) = client.connect(None)?;
    client.echo(connection, &options.line)?;
    if options.moves {
        client.link.move_away()?;
        say(format_args!("moved {}", client.link.address()))?;
        client.echo(connection, &format!("{} again", options.line))?;
    }
    client.close(connection)?;
    if options.resume {
        let resumption = resumption.ok_or("the server gave nothing to take the session up with")?;
        if options.ticket && !resumption.is_ticket() {
            return Err("the server gave no ticket".into());
        }
        let (connection, _) = client.connect(Some(resumption))?;
        client.echo(connection, &options.line)?;
        client.close(connection)?;
    }
    Ok(())
}

struct Client<'a> {
    options: &'a Options,
    link: Link,
}

impl Client<'_> {
    fn next_event(&mut self, what: &str) -> Result<Event, Error> {
        let deadline = self.link.now() + Duration::from_secs(self.options.patience);
        let event = self.link.next_event(Some(deadline))?;
        Ok(event.ok_or_else(|| format!("{what} did not come in time"))?)
    }

    fn connect(
        &mut self,
        resumption: Option<Resumption>,
    ) -> Result<(Connection, Option<Resumption>), Error> {
        let resumed = self.link.endpoint.metrics().handshakes_resumed;
        let config = self.options.config(resumption)?;
        let now = self.link.now();
        let server = self.options.server.into();
        self.link.endpoint.connect(now, server, config)?;
        match self.next_event("the end of the handshake")? {
            Event::Connected {
                connection,
                resumption,
                ..
            } => {
                let agreed = self.link.describe(connection);
                let resumed = self.link.endpoint.metrics().handshakes_resumed > resumed;
                let resumed = if resumed { "yes" } else { "no" };
                say(format_args!(
                    "connected {server} {agreed} resumed={resumed}"
                ))?;
                Ok((connection, resumption))
            }
            Event::Closed { reason, .. } => Err(reason.to_string().into()),
            event => Err(format!("{event:?} instead of the end of the handshake").into()),
        }
    }

    /// A server may end the line in its own way.
    fn echo(&mut self, connection: Connection, line: &str) -> Result<(), Error> {
        let now = self.link.now();
        let text = format!("{line}\n");
        self.link.endpoint.send(now, connection, text.as_bytes())?;
        let mut answer = Vec::new();
        while answer.trim_ascii_end() != line.as_bytes() {
            match self.next_event("the echo")? {
                Event::Data { data, .. } => answer.extend_from_slice(&data),
                Event::Closed { reason, .. } => return Err(reason.to_string().into()),
                event => return Err(format!("{event:?} instead of the echo").into()),
            }
            if answer.len() > 2 * text.len() {
                let answer = String::from_utf8_lossy(&answer).into_owned();
                return Err(format!("{answer:?} instead of the echo").into());
            }
        }
        say(format_args!("echo {line}"))?;
        Ok(())
    }

    fn close(&mut self, connection: Connection) -> Result<(), Error> {
        let now = self.link.now();
        self.link.endpoint.close(now, connection);
        self.link.transmit()?;
        Ok(())
    }
}
