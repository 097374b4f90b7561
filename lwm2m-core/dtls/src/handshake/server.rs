//! The server's side of a handshake.

use super::{
    Abort, Cause, Context, Handshake, MAX_PLAINTEXT, Progress, Role, Server,
    client::{MAX_SERVER_NAME, certificate_abort, crypto_abort, fragment_length},
    state::State,
};
use crate::{
    certificate::{LocalCertificate, MAX_CHAIN, read_certificate, read_spki, spki_of},
    config::{ConfigError, ExtendedMasterSecret, ServerConfig, UnknownIdentity},
    crypto::{
        Group,
        prf::{MasterSecret, Side},
        psk::PreSharedKey,
    },
    resumption::Resumable,
    suite::{CipherSuite, KeyExchange, Protection},
    wire::{
        alert::AlertDescription,
        codec::{Malformed, u16_list},
        extension::{CertificateType, ECDSA_SHA256, Extensions, POINT_UNCOMPRESSED},
        handshake::{Fragment, MessageType},
        hello::{ClientHello, RENEGOTIATION_SCSV, ServerHello, encode_new_session_ticket},
        key_exchange::{
            ServerKeyExchange, encode_certificate, encode_certificate_request, parse_certificate,
            parse_certificate_verify, parse_client_public_key, parse_psk_identity, put_signature,
        },
        record::DTLS_1_2,
    },
};
use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::net::SocketAddr;
use lwm2m_core::{peer::PeerIdentity, secret::Secret};
use zeroize::Zeroizing;

/// What a server's program says to [`Progress::KeyWanted`] and [`Progress::PeerWanted`].
pub(crate) enum Answer {
    Key(Arc<dyn PreSharedKey>),
    UnknownIdentity,
    Peer { accepted: bool },
}

impl ServerConfig {
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let served = self.suites.iter().any(|suite| match suite.key_exchange() {
            KeyExchange::Psk => self.psk,
            KeyExchange::EcdheEcdsa => {
                self.has(CertificateType::X509) || self.has(CertificateType::RawPublicKey)
            }
        });
        if served {
            Ok(())
        } else {
            Err(ConfigError::NoSuite)
        }
    }

    /// Whether a handshake could still lead to a session of this suite with this peer.
    pub(crate) fn would_serve(&self, suite: CipherSuite, peer: &PeerIdentity) -> bool {
        let shows = self.has(CertificateType::X509) || self.has(CertificateType::RawPublicKey);
        let judges = self.judges(match peer {
            PeerIdentity::RawPublicKey(_) => CertificateType::RawPublicKey,
            _ => CertificateType::X509,
        });
        self.suites.contains(&suite)
            && match suite.key_exchange() {
                KeyExchange::Psk => self.psk,
                KeyExchange::EcdheEcdsa => shows && judges,
            }
    }

    /// Whether we can show this kind of certificate.
    fn has(&self, kind: CertificateType) -> bool {
        match kind {
            CertificateType::X509 => self.certificate.is_some(),
            CertificateType::RawPublicKey => self.raw_public_key.is_some(),
        }
    }

    /// The certificate for clients that ask for this host by its name.
    fn named(&self, server_name: &[u8]) -> Option<&LocalCertificate> {
        let bare = |name: &'_ [u8]| name.strip_suffix(b".").unwrap_or(name).to_ascii_lowercase();
        let asked = bare(server_name);
        let mut named = self.named_certificates.iter();
        let (_, found) = named.find(|(name, _)| bare(name.as_bytes()) == asked)?;
        Some(found)
    }

    /// Whether we can judge this kind of certificate.
    fn judges(&self, kind: CertificateType) -> bool {
        match kind {
            CertificateType::X509 => self.client_trust.is_some(),
            CertificateType::RawPublicKey => self.client_raw_public_keys,
        }
    }

    /// The first kind in a client's list, X.509 where it has none, that `fits`.
    fn choose_kind(
        offered: Option<&[u8]>,
        fits: impl Fn(CertificateType) -> bool,
    ) -> Option<CertificateType> {
        let default = [CertificateType::X509.number()];
        let offered = offered.unwrap_or(&default).iter();
        let mut kinds = offered.filter_map(|number| CertificateType::from_number(*number));
        kinds.find(|kind| fits(*kind))
    }

    /// Everything that the hello leaves us to choose.
    fn choose(&self, hello: &ClientHello<'_>) -> Result<Choice, Abort> {
        let extensions = &hello.extensions;
        let group = match extensions.groups {
            // Who says nothing can do the curve that the suites ask for (RFC 8422, section 4).
            None => Some(Group::Secp256r1),
            Some(groups) => u16_list(groups)?.find_map(Group::from_number),
        };
        let algorithms = match extensions.signature_algorithms {
            // The default would be SHA-1 (RFC 5246, section 7.4.1.4.1), which is of no use here.
            None => true,
            Some(list) => u16_list(list)?.any(|number| number == ECDSA_SHA256),
        };
        let points = extensions
            .point_formats
            .is_none_or(|formats| formats.contains(&POINT_UNCOMPRESSED));
        let server = Self::choose_kind(extensions.server_certificate_types, |kind| self.has(kind));
        let client = Self::choose_kind(extensions.client_certificate_types, |kind| {
            self.judges(kind)
        });
        // The keys in our certificates are of this curve, and so are those that we ask for (RFC 8422, section 5.1.1).
        let curve = match extensions.groups {
            None => true,
            Some(groups) => u16_list(groups)?.any(|number| number == Group::Secp256r1.number()),
        };
        let certificates = server.zip(client).filter(|_| algorithms && points && curve);
        let offered = u16_list(hello.suites)?.filter_map(CipherSuite::from_number);
        for suite in offered.filter(|suite| self.suites.contains(suite)) {
            match (suite.key_exchange(), certificates, group) {
                (KeyExchange::Psk, _, _) if self.psk => {
                    return Ok(Choice {
                        suite,
                        group: Group::Secp256r1,
                        server_certificate: CertificateType::X509,
                        client_certificate: CertificateType::X509,
                    });
                }
                (KeyExchange::EcdheEcdsa, Some((server, client)), Some(group)) => {
                    return Ok(Choice {
                        suite,
                        group,
                        server_certificate: server,
                        client_certificate: client,
                    });
                }
                _ => {}
            }
        }
        Err(Abort::new(
            AlertDescription::HANDSHAKE_FAILURE,
            "no cipher suite that the client offers can be served",
        ))
    }
}

struct Choice {
    suite: CipherSuite,
    group: Group,
    server_certificate: CertificateType,
    client_certificate: CertificateType,
}

impl Handshake {
    /// Begins one with a peer whose cookie was right; its hello comes with the first fragment. Our first record takes
    /// the number of the hello's (RFC 6347, section 4.2.1).
    pub(crate) fn accept(
        cx: &Context<'_>,
        address: SocketAddr,
        own_id: Vec<u8>,
        client_random: &[u8; 32],
        record_sequence: u64,
        hello: &Fragment<'_>,
    ) -> Self {
        let role = Role::Server(Server::default());
        let first = hello.sequence;
        let mut handshake = Handshake::new(cx, Side::Server, role, address, own_id, first);
        handshake.client_random = *client_random;
        handshake.plain_sequence = record_sequence;
        // A HelloVerifyRequest was message 0, the hello it led to message 1, and so is its answer.
        handshake.next_message = first;
        handshake
    }

    pub(super) fn on_client_message(
        &mut self,
        cx: &mut Context<'_>,
        message_type: MessageType,
        body: &[u8],
        before: usize,
    ) -> Result<(), Abort> {
        match message_type {
            MessageType::ClientHello => self.on_client_hello(cx, body),
            MessageType::Certificate => self.on_client_certificate(cx, body),
            MessageType::ClientKeyExchange => self.on_client_key_exchange(cx, body),
            MessageType::CertificateVerify => self.on_certificate_verify(cx, body, before),
            MessageType::Finished => {
                self.verify_finished(body, before)?;
                if !self.course.resumed {
                    self.flight.clear();
                    if self.course.ticket {
                        self.say_ticket(cx)?;
                    }
                    self.say_finished()?;
                    self.send_flight(cx, false);
                }
                Ok(())
            }
            _ => Err(Abort::unexpected(message_type)),
        }
    }

    fn server(&mut self) -> Result<&mut Server, Abort> {
        match &mut self.role {
            Role::Server(server) => Ok(server),
            Role::Client(_) => Err(Abort::new(AlertDescription::INTERNAL_ERROR, "not a server")),
        }
    }

    fn on_client_hello(&mut self, cx: &mut Context<'_>, body: &[u8]) -> Result<(), Abort> {
        let config = cx.server.ok_or_else(|| {
            Abort::new(
                AlertDescription::HANDSHAKE_FAILURE,
                "there is no server here",
            )
        })?;
        let hello = ClientHello::parse(body)?;
        let refused = |why: &str| Abort::new(AlertDescription::HANDSHAKE_FAILURE, why);
        if !hello.prefix.offers_1_2() {
            return Err(Abort::new(
                AlertDescription::PROTOCOL_VERSION,
                "the client does not speak DTLS 1.2",
            ));
        }
        let extensions = &hello.extensions;
        if extensions
            .renegotiation_info
            .is_some_and(|info| !info.is_empty())
        {
            return Err(refused("the client takes this for a renegotiation"));
        }
        let extended = extensions.extended_master_secret;
        if !extended && cx.config.extended_master_secret == ExtendedMasterSecret::Required {
            return Err(refused(
                "the client does not know the extended master secret",
            ));
        }
        let max_plaintext = match extensions.max_fragment_length {
            None => MAX_PLAINTEXT,
            Some(code) => fragment_length(code).ok_or_else(|| {
                Abort::new(
                    AlertDescription::ILLEGAL_PARAMETER,
                    "no such fragment length",
                )
            })?,
        };
        let secure = u16_list(hello.suites)?.any(|number| number == RENEGOTIATION_SCSV)
            || extensions.renegotiation_info.is_some();

        let server_name: Box<[u8]> = extensions.server_name.unwrap_or_default().into();
        if server_name.len() > MAX_SERVER_NAME {
            return Err(Abort::new(
                AlertDescription::ILLEGAL_PARAMETER,
                "the client asks for a host with too long a name",
            ));
        }
        self.client_random = *hello.prefix.random;
        cx.random.fill_bytes(&mut self.server_random);
        let tickets = extensions
            .session_ticket
            .filter(|_| cx.tickets.lifetime().is_some());
        // With a ticket, the session id names no session of ours (RFC 5077, section 3.4).
        let resumable = match tickets {
            Some(ticket) if !ticket.is_empty() => {
                let opened = cx.tickets.open(cx.now, cx.config, cx.provider, ticket);
                opened.map(|session| (session, None))
            }
            _ => {
                let found = cx.resumables.find(cx.now, hello.prefix.session_id);
                found.map(|(session, revocation)| (session, Some(revocation)))
            }
        };
        let (resumable, revocation) = resumable.unzip();
        // One that was bound to its handshake must go on so; one that was not gives way to a full handshake (RFC 7627,
        // section 5.3).
        if resumable
            .as_ref()
            .is_some_and(|session| session.extended_master_secret && !extended)
        {
            return Err(refused(
                "the client resumes a session without its extended master secret",
            ));
        }
        let resumable = resumable.filter(|session| {
            session.extended_master_secret == extended
                && session.server_name == server_name
                && usize::from(session.max_plaintext) == max_plaintext
                && config.would_serve(session.suite, &session.identity)
                && u16_list(hello.suites)
                    .is_ok_and(|mut suites| suites.any(|number| number == session.suite.number()))
        });
        let resumed = resumable.map(|session| (session.suite, session.master, session.identity));
        // A session that is taken up goes on with the ticket that it has.
        let gives_ticket = tickets.is_some() && resumed.is_none();
        let choice = match &resumed {
            Some((suite, ..)) => Choice {
                suite: *suite,
                group: Group::Secp256r1,
                server_certificate: CertificateType::X509,
                client_certificate: CertificateType::X509,
            },
            None => config.choose(&hello)?,
        };
        let peer_id = extensions.connection_id.unwrap_or_default();
        Self::check_peer_id(cx, choice.suite, peer_id)?;
        self.session_id = if resumed.is_some() {
            hello.prefix.session_id.into()
        } else if cx.resumables.is_enabled() && !gives_ticket {
            let mut id = [0; 32];
            cx.random.fill_bytes(&mut id);
            id.into()
        } else {
            Vec::new()
        };
        let ecdhe = resumed.is_none() && choice.suite.key_exchange() == KeyExchange::EcdheEcdsa;
        let cbc = choice.suite.protection() == Protection::Cbc;
        let encrypt_then_mac = extensions.encrypt_then_mac && cbc;
        // Without an id of our own, we still put the client's into our records.
        let connection_id = extensions.connection_id.map(|_| &self.own_id[..]);
        let types = (
            [choice.server_certificate.number()],
            [choice.client_certificate.number()],
        );
        let answer = ServerHello {
            version: DTLS_1_2,
            random: &self.server_random,
            session_id: &self.session_id,
            suite: choice.suite.number(),
            extensions: Extensions {
                // It has led to what we show (RFC 6066, section 3).
                server_name: (ecdhe
                    && choice.server_certificate == CertificateType::X509
                    && config.named(&server_name).is_some())
                .then_some(&[]),
                // A session goes on as it was, and nothing is said of it (RFC 6066, section 1.1).
                max_fragment_length: extensions.max_fragment_length.filter(|_| resumed.is_none()),
                point_formats: extensions
                    .point_formats
                    .filter(|_| ecdhe)
                    .map(|_| &[POINT_UNCOMPRESSED][..]),
                server_certificate_types: extensions
                    .server_certificate_types
                    .filter(|_| ecdhe)
                    .map(|_| &types.0[..]),
                client_certificate_types: extensions
                    .client_certificate_types
                    .filter(|_| ecdhe)
                    .map(|_| &types.1[..]),
                encrypt_then_mac,
                extended_master_secret: extended,
                session_ticket: gives_ticket.then_some(&[]),
                connection_id,
                renegotiation_info: secure.then_some(&[]),
                ..Extensions::default()
            },
        }
        .encode();
        self.negotiated.suite = choice.suite;
        self.negotiated.encrypt_then_mac = encrypt_then_mac;
        self.negotiated.extended_master_secret = extended;
        self.negotiated.max_plaintext = max_plaintext;
        self.negotiated.peer_id = peer_id.into();
        self.negotiated.own_id = extensions.connection_id.is_some() && !self.own_id.is_empty();
        self.negotiated.server_certificate = choice.server_certificate;
        self.negotiated.client_certificate = choice.client_certificate;
        self.course.key_exchange = choice.suite.key_exchange();
        self.course.resumed = resumed.is_some();
        self.course.ticket = gives_ticket;
        let server = self.server()?;
        server.server_name = server_name;
        server.revocation = revocation.flatten().filter(|_| resumed.is_some());

        self.flight.clear();
        self.say(0, MessageType::ServerHello, answer);
        if let Some((_, master, identity)) = resumed {
            self.identity = (*identity).clone();
            self.install(cx, master);
            self.say_finished()?;
        } else {
            if ecdhe {
                self.say_certificate_and_key(cx, config, &choice)?;
            }
            self.say(0, MessageType::ServerHelloDone, Vec::new());
        }
        self.send_flight(cx, true);
        Ok(())
    }

    fn say_certificate_and_key(
        &mut self,
        cx: &mut Context<'_>,
        config: &ServerConfig,
        choice: &Choice,
    ) -> Result<(), Abort> {
        let missing = || Abort::new(AlertDescription::INTERNAL_ERROR, "the credentials are gone");
        let kind = choice.server_certificate;
        let (message, signer) = match kind {
            CertificateType::RawPublicKey => {
                let signer = config.raw_public_key.as_ref().ok_or_else(missing)?;
                let spki = spki_of(&signer.public_key());
                (encode_certificate([&spki[..]].into_iter(), kind), signer)
            }
            CertificateType::X509 => {
                let named = config.named(&self.server()?.server_name);
                let local = named.or(config.certificate.as_ref()).ok_or_else(missing)?;
                let chain = local.chain().iter().map(|der| &der[..]);
                (encode_certificate(chain, kind), local.signer())
            }
        };
        self.say(0, MessageType::Certificate, message);
        let agreement = cx.provider.key_agreement(choice.group, cx.random);
        let agreement = agreement.map_err(crypto_abort)?;
        let mut message =
            ServerKeyExchange::encode_parameters(choice.group, agreement.public_key());
        let signed = [&self.client_random[..], &self.server_random, &message].concat();
        let signature = signer.sign(&signed, cx.random).map_err(crypto_abort)?;
        put_signature(&mut message, &signature);
        self.say(0, MessageType::ServerKeyExchange, message);
        self.say(
            0,
            MessageType::CertificateRequest,
            encode_certificate_request(),
        );
        self.server()?.agreement = Some(agreement);
        Ok(())
    }

    /// Seals the session for the client, which has proven who it is; what cannot be sealed is an empty ticket.
    fn say_ticket(&mut self, cx: &mut Context<'_>) -> Result<(), Abort> {
        let missing = || Abort::new(AlertDescription::INTERNAL_ERROR, "there are no keys yet");
        let session = Resumable {
            master: self.master.clone().ok_or_else(missing)?,
            suite: self.negotiated.suite,
            extended_master_secret: self.negotiated.extended_master_secret,
            // At most 2^14.
            max_plaintext: self.negotiated.max_plaintext as u16,
            identity: Arc::new(self.identity.clone()),
            server_name: self.server()?.server_name.clone(),
        };
        let (now, config, provider) = (cx.now, cx.config, cx.provider);
        let ticket = cx.tickets.seal(now, config, provider, cx.random, &session);
        let lifetime = cx.tickets.lifetime().unwrap_or_default().as_secs();
        let lifetime = u32::try_from(lifetime).unwrap_or(u32::MAX);
        self.say(
            0,
            MessageType::NewSessionTicket,
            encode_new_session_ticket(lifetime, &ticket),
        );
        Ok(())
    }

    fn on_client_certificate(&mut self, cx: &mut Context<'_>, body: &[u8]) -> Result<(), Abort> {
        let kind = self.negotiated.client_certificate;
        let chain = parse_certificate(body, kind, MAX_CHAIN)?;
        let end_entity = *chain.first().ok_or_else(|| {
            Abort::new(
                AlertDescription::HANDSHAKE_FAILURE,
                "the client has no certificate",
            )
            .because(Cause::Certificate)
        })?;
        let (key, identity) = match kind {
            CertificateType::RawPublicKey => (
                read_spki(Some(cx.provider), end_entity).map_err(certificate_abort)?,
                PeerIdentity::RawPublicKey(end_entity.into()),
            ),
            CertificateType::X509 => {
                let trust = cx.server.and_then(|config| config.client_trust.as_ref());
                let trust = trust.ok_or_else(|| Abort::unexpected(MessageType::Certificate))?;
                let names = trust
                    .verify_with(Some(cx.provider), &chain, cx.config.unix_time(cx.now))
                    .map_err(certificate_abort)?;
                (
                    read_certificate(Some(cx.provider), end_entity).map_err(certificate_abort)?,
                    names.into(),
                )
            }
        };
        self.server()?.client_key = Some(key);
        self.identity = identity;
        Ok(())
    }

    fn on_client_key_exchange(&mut self, cx: &Context<'_>, body: &[u8]) -> Result<(), Abort> {
        match self.course.key_exchange {
            KeyExchange::Psk => {
                self.identity = PeerIdentity::Psk(parse_psk_identity(body)?.into());
            }
            KeyExchange::EcdheEcdsa => {
                let share = parse_client_public_key(body)?;
                let agreement = self.server()?.agreement.take();
                let agreement =
                    agreement.ok_or_else(|| Abort::unexpected(MessageType::ClientKeyExchange))?;
                let premaster = agreement.agree(share).map_err(crypto_abort)?;
                let master = self.with_derivation(|derivation| {
                    MasterSecret::derive(premaster.expose_secret(), derivation)
                });
                self.install(cx, Arc::new(master));
            }
        }
        Ok(())
    }

    fn on_certificate_verify(
        &mut self,
        cx: &mut Context<'_>,
        body: &[u8],
        before: usize,
    ) -> Result<(), Abort> {
        let signature = parse_certificate_verify(body)?;
        let key = self.server()?.client_key.ok_or(Malformed)?;
        cx.provider
            .verify(&key, &self.transcript[..before], signature)
            .map_err(|_| {
                Abort::new(
                    AlertDescription::DECRYPT_ERROR,
                    "the client's signature does not verify",
                )
                .because(Cause::Certificate)
            })
    }

    /// What the state asks of the program.
    pub(super) fn wanted(&self) -> Option<Progress> {
        match (self.state, &self.identity) {
            (State::Key, PeerIdentity::Psk(identity)) => {
                Some(Progress::KeyWanted(identity.clone()))
            }
            (State::Peer, identity) => Some(Progress::PeerWanted(identity.clone())),
            _ => None,
        }
    }

    /// Goes on with what the program says.
    pub(crate) fn answer(
        &mut self,
        cx: &mut Context<'_>,
        answer: Answer,
    ) -> Result<Progress, Abort> {
        match (self.state, answer) {
            (State::Key, Answer::Key(key)) => {
                let master = self.with_derivation(|derivation| key.master_secret(derivation));
                self.install(cx, Arc::new(master.map_err(crypto_abort)?));
            }
            (State::Key, Answer::UnknownIdentity) => match cx.config.unknown_identity {
                UnknownIdentity::Alert => {
                    return Err(Abort::new(
                        AlertDescription::UNKNOWN_PSK_IDENTITY,
                        "unknown PSK identity",
                    )
                    .because(Cause::UnknownIdentity));
                }
                UnknownIdentity::Indistinguishable => {
                    // A key that nobody has, derived from as any other: what it costs must not tell either.
                    let mut key = Zeroizing::new([0; 16]);
                    cx.random.fill_bytes(&mut *key);
                    let key = Secret::new(key.to_vec());
                    let master = self.with_derivation(|derivation| key.master_secret(derivation));
                    self.install(cx, Arc::new(master.map_err(crypto_abort)?));
                }
            },
            (State::Peer, Answer::Peer { accepted: true }) => {}
            (State::Peer, Answer::Peer { accepted: false }) => {
                return Err(Abort::new(
                    AlertDescription::ACCESS_DENIED,
                    "the identity of the client is not allowed",
                )
                .because(Cause::Certificate));
            }
            // An answer to what was not asked.
            _ => return Ok(Progress::Waiting),
        }
        self.state = State::Finished;
        match self.reopen(cx)? {
            Progress::Waiting => self.advance(cx),
            progress => Ok(progress),
        }
    }
}
