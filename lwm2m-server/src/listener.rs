//! Where a server listens.

use crate::error::StartError;
use lwm2m_core::uri::Scheme;
use lwm2m_transport::{
    BindError, CredentialSource, DtlsServerConfig, ServerTransport,
    dtls::{
        self, CipherSuite, CredentialLookup, KeepingConfig, LookupConfig, PrivateKey, SessionStore,
        TicketKeys, UnknownIdentity,
    },
};
use std::{fmt, sync::Arc, time::Duration};

/// One socket that a server listens on.
#[derive(Debug, Clone)]
pub struct Listener {
    pub(crate) scheme: Scheme,
    pub(crate) address: String,
    policy: Policy,
}

/// What of DTLS is otherwise than by default.
#[derive(Debug, Clone, Default)]
struct Policy {
    max_handshake_datagram: Option<usize>,
    suites: Option<Vec<CipherSuite>>,
    unknown_identity: Option<UnknownIdentity>,
    requires_extended_master_secret: bool,
    ticket_lifetime: Option<Duration>,
    ticket_keys: Option<TicketKeys>,
    connection_ids: Option<(usize, Vec<u8>)>,
}

impl Listener {
    /// CoAP over UDP without security. `address` is `host:port`; port 0 takes a free one.
    ///
    /// Who comes this way proves nothing: see
    /// [`danger_accept_unsecured`](crate::ServerBuilder::danger_accept_unsecured).
    pub fn coap(address: impl ToString) -> Self {
        Listener {
            scheme: Scheme::Coap,
            address: address.to_string(),
            policy: Policy::default(),
        }
    }

    /// CoAP over DTLS. `address` is `host:port`; port 0 takes a free one.
    pub fn coaps(address: impl ToString) -> Self {
        Listener {
            scheme: Scheme::Coaps,
            address: address.to_string(),
            policy: Policy::default(),
        }
    }

    /// With datagrams of at most so many bytes in DTLS handshakes, for networks that carry less than the 1,280 bytes
    /// of IPv6: 548 for an MTU of 576. Certificates then come in fragments. Default: 1,232. It means nothing without
    /// DTLS.
    #[must_use]
    pub fn max_handshake_datagram(mut self, bytes: usize) -> Self {
        self.policy.max_handshake_datagram = Some(bytes);
        self
    }

    /// With these cipher suites only, as far as there are credentials for them: of those that a device offers, the first
    /// in its order is taken. Default: [`CipherSuite::ALL`]. It means nothing without DTLS.
    #[must_use]
    pub fn suites(mut self, suites: impl Into<Vec<CipherSuite>>) -> Self {
        self.policy.suites = Some(suites.into());
        self
    }

    /// With this answer to devices whose PSK identity nobody knows. Default: [`UnknownIdentity::Alert`]. It means nothing
    /// without DTLS.
    #[must_use]
    pub fn unknown_identity(mut self, answer: UnknownIdentity) -> Self {
        self.policy.unknown_identity = Some(answer);
        self
    }

    /// Refuses devices that do not bind their session to its handshake (RFC 7627). Default: those that can do, and those
    /// that cannot are served. It means nothing without DTLS.
    #[must_use]
    pub fn require_extended_master_secret(mut self) -> Self {
        self.policy.requires_extended_master_secret = true;
        self
    }

    /// Gives devices that ask for one a ticket (RFC 5077), with which they come back for so long after a handshake without
    /// another whole one, and for which nothing is kept here. It ends with the credentials that it rests on. Default: there
    /// are no tickets. It means nothing without DTLS.
    #[must_use]
    pub fn tickets(mut self, lifetime: Duration) -> Self {
        self.policy.ticket_lifetime = Some(lifetime);
        self
    }

    /// Makes tickets under these keys, so that other listeners and nodes with the same take them, and a server that starts
    /// again. Those do not know which credentials were removed elsewhere: where some are, all tickets of before are void
    /// when the keys have been [rotated](TicketKeys::rotate) twice. Default: random keys of this listener alone.
    #[must_use]
    pub fn ticket_keys(mut self, keys: TicketKeys) -> Self {
        self.policy.ticket_keys = Some(keys);
        self
    }

    /// With Connection IDs (RFC 9146) of so many bytes in all, at most 8, each beginning with this prefix of at most 4:
    /// what stands before several servers tells by it whose session a record belongs to. 0 bytes: without. Default: 6
    /// bytes without a prefix. It means nothing without DTLS.
    #[must_use]
    pub fn connection_ids(mut self, length: usize, prefix: impl Into<Vec<u8>>) -> Self {
        self.policy.connection_ids = Some((length, prefix.into()));
        self
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.as_str(), self.address)
    }
}

/// What a server proves itself with to devices that use certificates, and which of theirs it trusts.
#[derive(Debug, Clone)]
pub struct ServerCertificate {
    /// The server's chain, end entity first, each DER.
    pub chain: Vec<Vec<u8>>,
    /// The private key of the end entity: PKCS#8 DER, or one in hardware.
    pub private_key: PrivateKey,
    /// The authorities whose device certificates are accepted, each DER. A pinned certificate
    /// ([`CertificateMatch::Pinned`](crate::CertificateMatch::Pinned)) is accepted without one.
    pub trust_anchors: Vec<Vec<u8>>,
}

/// Where the credentials of devices are.
pub(crate) struct Devices {
    pub(crate) known: Arc<dyn CredentialSource>,
    /// In place of those that are known.
    pub(crate) look_up: Option<(Arc<dyn CredentialLookup>, LookupConfig)>,
}

/// What a server proves itself with on its coaps listeners, beside the pre-shared keys of its devices.
#[derive(Default)]
pub(crate) struct Proofs {
    pub(crate) certificate: Option<ServerCertificate>,
    /// Certificates by the host that a device asks for.
    pub(crate) named: Vec<(String, dtls::ServerCertificate)>,
    pub(crate) raw_public_key: Option<PrivateKey>,
}

impl Proofs {
    /// Adds a certificate for those who ask for this host.
    pub(crate) fn name(&mut self, host: String, chain: Vec<Vec<u8>>, private_key: PrivateKey) {
        let certificate = dtls::ServerCertificate { chain, private_key };
        self.named.push((host, certificate));
    }
}

/// Opens the listeners of a server.
pub(crate) async fn open(
    listeners: &[Listener],
    devices: Devices,
    proofs: &Proofs,
    kept: Option<(Arc<dyn SessionStore>, KeepingConfig)>,
) -> Result<ServerTransport, StartError> {
    if listeners.is_empty() {
        return Err(StartError::NoListener);
    }
    let mut builder = ServerTransport::builder();
    for listener in listeners {
        let failed = |reason| StartError::Listen {
            listener: listener.to_string(),
            reason,
        };
        let mut addresses = tokio::net::lookup_host(&listener.address)
            .await
            .map_err(failed)?;
        let nowhere = || failed(std::io::Error::other("the name has no address"));
        let address = addresses.next().ok_or_else(nowhere)?;
        builder = match listener.scheme {
            Scheme::Coaps => {
                let mut config = DtlsServerConfig::new(devices.known.clone());
                let policy = &listener.policy;
                if let Some(bytes) = policy.max_handshake_datagram {
                    config.max_handshake_datagram = bytes;
                }
                if let Some(suites) = &policy.suites {
                    config = config.suites(suites.clone());
                }
                if let Some(answer) = policy.unknown_identity {
                    config = config.unknown_identity(answer);
                }
                if policy.requires_extended_master_secret {
                    config = config.require_extended_master_secret();
                }
                config.ticket_lifetime = policy.ticket_lifetime;
                config.ticket_keys = policy.ticket_keys.clone();
                if let Some((length, prefix)) = &policy.connection_ids {
                    config = config.connection_ids(*length, prefix.clone());
                }
                if let Some((source, bounds)) = &devices.look_up {
                    config = config.look_up(source.clone(), bounds.clone());
                }
                if let Some((store, keeping)) = &kept {
                    config = config.keep_sessions(store.clone(), keeping.clone());
                }
                if let Some(ours) = &proofs.certificate {
                    let certificate = dtls::ServerCertificate {
                        chain: ours.chain.clone(),
                        private_key: ours.private_key.clone(),
                    };
                    config = config.certificate(certificate, ours.trust_anchors.clone());
                }
                for (host, certificate) in &proofs.named {
                    config = config.certificate_for(host.clone(), certificate.clone());
                }
                if let Some(private_key) = &proofs.raw_public_key {
                    config = config.raw_public_key(private_key.clone());
                }
                builder.coaps(address, config)
            }
            _ => builder.coap(address),
        };
    }
    builder.bind().await.map_err(|error| match error {
        BindError::Address {
            scheme,
            address,
            source,
        } => StartError::Listen {
            listener: format!("{}://{address}", scheme.as_str()),
            reason: source,
        },
        other => StartError::Transport(other.to_string()),
    })
}
