//! The client's side of a handshake.

use super::{Abort, Cause, Client, Context, Handshake, MAX_PLAINTEXT, NewTicket, Role};
use crate::{
    certificate::{MAX_CHAIN, read_certificate, read_spki, spki_of},
    config::{ClientConfig, ClientCredentials, ConfigError, ExtendedMasterSecret},
    crypto::{
        CryptoError, Group,
        prf::{Derivation, MasterSecret, Side},
    },
    suite::{CipherSuite, KeyExchange, Protection},
    wire::{
        alert::AlertDescription,
        codec::Put,
        extension::{CertificateType, ECDSA_SHA256, Extensions, POINT_UNCOMPRESSED},
        handshake::MessageType,
        hello::{
            ClientHello, HelloPrefix, RENEGOTIATION_SCSV, ServerHello, parse_hello_verify_request,
            parse_new_session_ticket,
        },
        key_exchange::{
            ServerKeyExchange, encode_certificate, encode_client_public_key, encode_psk_identity,
            parse_certificate, parse_certificate_request, parse_psk_hint, put_signature,
        },
        record::DTLS_1_2,
    },
};
use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::{net::SocketAddr, time::Duration};
use lwm2m_core::peer::PeerIdentity;

/// Longest name of a host (RFC 1035, section 2.3.4).
pub(super) const MAX_SERVER_NAME: usize = 255;

/// How many cookies a client takes: one, and as many again as may become too old under way. Nothing about them is
/// authentic, so that somebody else may send them for ever.
const MAX_COOKIES: u8 = 4;

/// The code of a fragment length (RFC 6066, section 4).
pub(super) fn fragment_code(length: u16) -> Option<u8> {
    match length {
        512 => Some(1),
        1024 => Some(2),
        2048 => Some(3),
        4096 => Some(4),
        _ => None,
    }
}

/// The inverse of [`fragment_code`].
pub(super) fn fragment_length(code: u8) -> Option<usize> {
    match code {
        1..=4 => Some(256 << code),
        _ => None,
    }
}

impl ClientConfig {
    /// The suites that our credentials can serve.
    fn usable_suites(&self) -> impl Iterator<Item = CipherSuite> + '_ {
        let wanted = match self.credentials {
            ClientCredentials::Psk { .. } => KeyExchange::Psk,
            _ => KeyExchange::EcdheEcdsa,
        };
        let suites = self.suites.iter().copied();
        suites.filter(move |suite| suite.key_exchange() == wanted)
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let length = self.max_fragment_length;
        if length.is_some_and(|length| fragment_code(length).is_none()) {
            return Err(ConfigError::FragmentLength);
        }
        let name = self.server_name.as_ref();
        if name.is_some_and(|name| !(1..=MAX_SERVER_NAME).contains(&name.len())) {
            return Err(ConfigError::ServerName);
        }
        match self.usable_suites().next() {
            Some(_) => Ok(()),
            None => Err(ConfigError::NoSuite),
        }
    }

    fn certificate_type(&self) -> CertificateType {
        match self.credentials {
            ClientCredentials::RawPublicKey { .. } => CertificateType::RawPublicKey,
            _ => CertificateType::X509,
        }
    }

    /// Encodes the hello that this configuration makes.
    fn hello(&self, random: &[u8; 32], own_id: &[u8], cookie: &[u8]) -> Vec<u8> {
        let mut suites = Vec::new();
        for suite in self.usable_suites() {
            suites.u16(suite.number());
        }
        suites.u16(RENEGOTIATION_SCSV);
        let session_id = self.resumption.as_ref().map_or(&[][..], |r| &r.session_id);
        let hello = ClientHello {
            prefix: HelloPrefix {
                version: DTLS_1_2,
                random,
                session_id,
                cookie,
            },
            suites: &suites,
            extensions: Extensions::default(),
        };
        self.with_extensions(own_id, |extensions| {
            ClientHello {
                extensions: *extensions,
                ..hello
            }
            .encode()
        })
    }

    /// Lends the extensions that this configuration makes.
    fn with_extensions<T>(&self, own_id: &[u8], then: impl FnOnce(&Extensions<'_>) -> T) -> T {
        let ecdhe = !matches!(self.credentials, ClientCredentials::Psk { .. });
        let types = [self.certificate_type().number()];
        let mut groups = Vec::new();
        groups.u16(Group::Secp256r1.number());
        groups.u16(Group::X25519.number());
        let algorithms = ECDSA_SHA256.to_be_bytes();
        let raw_public_key = self.certificate_type() == CertificateType::RawPublicKey;
        then(&Extensions {
            server_name: self.server_name.as_deref().map(str::as_bytes),
            max_fragment_length: self.max_fragment_length.and_then(fragment_code),
            groups: ecdhe.then_some(&groups),
            point_formats: ecdhe.then_some(&[POINT_UNCOMPRESSED]),
            signature_algorithms: ecdhe.then_some(&algorithms),
            client_certificate_types: raw_public_key.then_some(&types),
            server_certificate_types: raw_public_key.then_some(&types),
            encrypt_then_mac: self
                .usable_suites()
                .any(|suite| suite.protection() == Protection::Cbc),
            extended_master_secret: true,
            session_ticket: match &self.resumption {
                Some(resumption) if resumption.is_ticket() => Some(&resumption.ticket),
                _ => self.session_tickets.then_some(&[]),
            },
            connection_id: self.connection_id.then_some(own_id),
            renegotiation_info: None,
            unknown: false,
        })
    }
}

impl Handshake {
    /// Begins one, and says hello.
    pub(crate) fn connect(
        cx: &mut Context<'_>,
        address: SocketAddr,
        own_id: Vec<u8>,
        mut config: ClientConfig,
    ) -> Self {
        let asked = config.max_fragment_length;
        config.resumption.take_if(|resumption| {
            resumption.asked_fragment != asked || resumption.revocation.is_revoked()
        });
        let role = Role::Client(Box::new(Client {
            config,
            agreement: None,
            peer_share: Vec::new(),
            server_key: None,
            certificate_requested: false,
            cookies: 0,
            ticket: None,
        }));
        let mut handshake = Handshake::new(cx, Side::Client, role, address, own_id, 0);
        cx.random.fill_bytes(&mut handshake.client_random);
        handshake.say_hello(cx, &[]);
        handshake
    }

    /// Says hello, or says it again with a cookie. What was said before is no part of the handshake
    /// (RFC 6347, section 4.2.1).
    fn say_hello(&mut self, cx: &mut Context<'_>, cookie: &[u8]) {
        let Role::Client(client) = &self.role else {
            return;
        };
        let hello = client
            .config
            .hello(&self.client_random, &self.own_id, cookie);
        self.transcript.clear();
        self.flight.clear();
        self.say(0, MessageType::ClientHello, hello);
        self.send_flight(cx, true);
    }

    pub(super) fn on_server_message(
        &mut self,
        cx: &mut Context<'_>,
        message_type: MessageType,
        body: &[u8],
        before: usize,
    ) -> Result<(), Abort> {
        match message_type {
            MessageType::HelloVerifyRequest => {
                let cookie = parse_hello_verify_request(body)?;
                let client = self.client()?;
                if client.cookies == MAX_COOKIES {
                    return Err(Abort::unexpected(message_type));
                }
                client.cookies += 1;
                self.say_hello(cx, cookie);
                Ok(())
            }
            MessageType::ServerHello => self.on_server_hello(cx, body),
            MessageType::Certificate => self.on_server_certificate(cx, body),
            MessageType::ServerKeyExchange => self.on_server_key_exchange(cx, body),
            MessageType::CertificateRequest => {
                if !parse_certificate_request(body)? {
                    return Err(Abort::new(
                        AlertDescription::HANDSHAKE_FAILURE,
                        "the server asks for a kind of certificate that we do not have",
                    ));
                }
                self.client()?.certificate_requested = true;
                Ok(())
            }
            MessageType::ServerHelloDone => {
                if !body.is_empty() {
                    return Err(crate::wire::codec::Malformed.into());
                }
                self.answer_server(cx)
            }
            MessageType::NewSessionTicket => {
                let (lifetime, ticket) = parse_new_session_ticket(body)?;
                // One that we have no room for is none, and so is an empty one.
                if !ticket.is_empty() && ticket.len() <= cx.config.max_ticket {
                    self.client()?.ticket = Some(NewTicket {
                        bytes: ticket.into(),
                        lifetime: (lifetime > 0).then(|| Duration::from_secs(lifetime.into())),
                    });
                }
                Ok(())
            }
            MessageType::Finished => {
                self.verify_finished(body, before)?;
                if self.course.resumed {
                    self.flight.clear();
                    self.say_finished()?;
                    self.send_flight(cx, false);
                }
                Ok(())
            }
            _ => Err(Abort::unexpected(message_type)),
        }
    }

    fn client(&mut self) -> Result<&mut Client, Abort> {
        match &mut self.role {
            Role::Client(client) => Ok(client),
            Role::Server(_) => Err(Abort::new(AlertDescription::INTERNAL_ERROR, "not a client")),
        }
    }

    fn on_server_hello(&mut self, cx: &mut Context<'_>, body: &[u8]) -> Result<(), Abort> {
        let refused = |why: &str| Abort::new(AlertDescription::ILLEGAL_PARAMETER, why);
        let hello = ServerHello::parse(body)?;
        let own_id = self.own_id.clone();
        let client = self.client()?;
        if hello.version != DTLS_1_2 {
            return Err(Abort::new(
                AlertDescription::PROTOCOL_VERSION,
                "the server does not speak DTLS 1.2",
            ));
        }
        let suite = CipherSuite::from_number(hello.suite)
            .filter(|suite| {
                client
                    .config
                    .usable_suites()
                    .any(|offered| offered == *suite)
            })
            .ok_or_else(|| refused("the server chose a suite that was not offered"))?;
        let answer = hello.extensions;
        let unasked = client
            .config
            .with_extensions(&own_id, |asked| answer.unasked(asked));
        if unasked {
            return Err(Abort::new(
                AlertDescription::UNSUPPORTED_EXTENSION,
                "the server answered an extension that was not offered",
            ));
        }
        if answer
            .renegotiation_info
            .is_some_and(|info| !info.is_empty())
        {
            return Err(Abort::new(
                AlertDescription::HANDSHAKE_FAILURE,
                "the server takes this for a renegotiation",
            ));
        }
        if !answer.extended_master_secret
            && cx.config.extended_master_secret == ExtendedMasterSecret::Required
        {
            return Err(Abort::new(
                AlertDescription::HANDSHAKE_FAILURE,
                "the server does not know the extended master secret",
            ));
        }
        let asked_fragment = client.config.max_fragment_length.and_then(fragment_code);
        if answer.max_fragment_length.is_some() && answer.max_fragment_length != asked_fragment {
            return Err(refused("the server chose another fragment length"));
        }
        let answered = answer.max_fragment_length.and_then(fragment_length);
        let wanted = client.config.certificate_type();
        let chosen = |types: Option<&[u8]>| match types {
            None => Ok(CertificateType::X509),
            Some(&[number]) => CertificateType::from_number(number)
                .filter(|chosen| *chosen == wanted)
                .ok_or_else(|| refused("the server chose a certificate type that was not offered")),
            Some(_) => Err(refused("the server chose several certificate types")),
        };
        let server_certificate = chosen(answer.server_certificate_types)?;
        let client_certificate = chosen(answer.client_certificate_types)?;
        let resumption = client.config.resumption.as_ref().filter(|resumption| {
            !hello.session_id.is_empty() && hello.session_id == resumption.session_id
        });
        let resumed = resumption.map(|resumption| {
            if resumption.suite != suite
                || resumption.extended_master_secret != answer.extended_master_secret
                || answered.is_some_and(|length| length != resumption.max_plaintext)
            {
                return Err(refused("the server resumes another session than ours"));
            }
            Ok(resumption.clone())
        });
        let resumed = resumed.transpose()?;
        // Of a session that goes on as it was, a server need say nothing (RFC 6066, section 1.1).
        let max_plaintext = match &resumed {
            Some(session) => session.max_plaintext,
            None => answered.unwrap_or(MAX_PLAINTEXT),
        };
        if resumed.is_none() && suite.key_exchange() == KeyExchange::EcdheEcdsa {
            let unusable = server_certificate != wanted;
            if unusable {
                return Err(Abort::new(
                    AlertDescription::UNSUPPORTED_CERTIFICATE,
                    "the server has no raw public key",
                ));
            }
        }

        Self::check_peer_id(cx, suite, answer.connection_id.unwrap_or_default())?;
        self.negotiated.suite = suite;
        self.negotiated.encrypt_then_mac = answer.encrypt_then_mac;
        self.negotiated.extended_master_secret = answer.extended_master_secret;
        self.negotiated.max_plaintext = max_plaintext;
        self.negotiated.peer_id = answer.connection_id.unwrap_or_default().into();
        self.negotiated.own_id = answer.connection_id.is_some() && !own_id.is_empty();
        self.negotiated.client_certificate = client_certificate;
        self.negotiated.server_certificate = server_certificate;
        self.server_random = *hello.random;
        self.session_id = hello.session_id.into();
        self.course.key_exchange = suite.key_exchange();
        self.course.resumed = resumed.is_some();
        self.course.ticket = answer.session_ticket.is_some();
        if let Some(session) = resumed {
            self.identity = (*session.identity).clone();
            self.install(cx, session.master);
        }
        Ok(())
    }

    fn on_server_certificate(&mut self, cx: &mut Context<'_>, body: &[u8]) -> Result<(), Abort> {
        let kind = self.negotiated.server_certificate;
        let chain = parse_certificate(body, kind, MAX_CHAIN)?;
        let (provider, unix_time) = (cx.provider, cx.config.unix_time(cx.now));
        let client = self.client()?;
        let (key, identity) = match &client.config.credentials {
            ClientCredentials::RawPublicKey { server, .. } => {
                let [spki] = chain[..] else {
                    return Err(crate::wire::codec::Malformed.into());
                };
                if spki != &server[..] {
                    return Err(Abort::new(
                        AlertDescription::CERTIFICATE_UNKNOWN,
                        "the server has another public key",
                    )
                    .because(Cause::Certificate));
                }
                let key = read_spki(Some(provider), spki).map_err(certificate_abort)?;
                (key, PeerIdentity::RawPublicKey(spki.into()))
            }
            ClientCredentials::Certificate { trust, .. } => {
                let names = trust
                    .verify_with(Some(provider), &chain, unix_time)
                    .map_err(certificate_abort)?;
                let end_entity = chain.first().ok_or(crate::wire::codec::Malformed)?;
                let key =
                    read_certificate(Some(provider), end_entity).map_err(certificate_abort)?;
                (key, names.into())
            }
            ClientCredentials::Psk { .. } => {
                return Err(Abort::unexpected(MessageType::Certificate));
            }
        };
        client.server_key = Some(key);
        self.identity = identity;
        Ok(())
    }

    fn on_server_key_exchange(&mut self, cx: &mut Context<'_>, body: &[u8]) -> Result<(), Abort> {
        if self.course.key_exchange == KeyExchange::Psk {
            return Ok(parse_psk_hint(body)?);
        }
        let exchange = ServerKeyExchange::parse(body)?;
        let signed = [
            &self.client_random[..],
            &self.server_random,
            exchange.parameters,
        ]
        .concat();
        let client = self.client()?;
        let key = client
            .server_key
            .ok_or_else(|| Abort::new(AlertDescription::INTERNAL_ERROR, "the server has no key"))?;
        cx.provider
            .verify(&key, &signed, exchange.signature)
            .map_err(|_| {
                Abort::new(
                    AlertDescription::DECRYPT_ERROR,
                    "the server's signature does not verify",
                )
                .because(Cause::Certificate)
            })?;
        let agreement = cx.provider.key_agreement(exchange.group, cx.random);
        client.agreement = Some(agreement.map_err(crypto_abort)?);
        client.peer_share = exchange.public_key.into();
        Ok(())
    }

    /// Certificate, ClientKeyExchange, CertificateVerify, Finished.
    fn answer_server(&mut self, cx: &mut Context<'_>) -> Result<(), Abort> {
        self.flight.clear();
        let client = self.client()?;
        let credentials = client.config.credentials.clone();
        let requested = client.certificate_requested;
        let agreement = client.agreement.take();
        let peer_share = core::mem::take(&mut client.peer_share);
        let mut signer = None;
        if requested {
            let kind = self.negotiated.client_certificate;
            let message = match (&credentials, kind) {
                (
                    ClientCredentials::RawPublicKey { signer: own, .. },
                    CertificateType::RawPublicKey,
                ) => {
                    signer = Some(own.clone());
                    let spki = spki_of(&own.public_key());
                    encode_certificate([&spki[..]].into_iter(), kind)
                }
                (ClientCredentials::Certificate { local, .. }, CertificateType::X509) => {
                    signer = Some(local.signer().clone());
                    encode_certificate(local.chain().iter().map(|der| &der[..]), kind)
                }
                _ => {
                    return Err(Abort::new(
                        AlertDescription::UNSUPPORTED_CERTIFICATE,
                        "the server asks for a kind of certificate that we do not have",
                    ));
                }
            };
            self.say(0, MessageType::Certificate, message);
        }
        let master = match (&credentials, agreement) {
            (ClientCredentials::Psk { identity, key }, None) => {
                self.identity = PeerIdentity::Psk(identity.clone());
                self.say(
                    0,
                    MessageType::ClientKeyExchange,
                    encode_psk_identity(identity),
                );
                self.with_derivation(|derivation| key.master_secret(derivation))
                    .map_err(crypto_abort)?
            }
            (_, Some(agreement)) => {
                let share = encode_client_public_key(agreement.public_key());
                self.say(0, MessageType::ClientKeyExchange, share);
                let premaster = agreement.agree(&peer_share).map_err(crypto_abort)?;
                self.with_derivation(|derivation| {
                    MasterSecret::derive(premaster.expose_secret(), derivation)
                })
            }
            _ => {
                return Err(Abort::new(
                    AlertDescription::INTERNAL_ERROR,
                    "there is no key exchange",
                ));
            }
        };
        if let Some(signer) = signer {
            let signature = signer
                .sign(&self.transcript, cx.random)
                .map_err(crypto_abort)?;
            let mut message = Vec::new();
            put_signature(&mut message, &signature);
            self.say(0, MessageType::CertificateVerify, message);
        }
        self.install(cx, Arc::new(master));
        self.say_finished()?;
        self.send_flight(cx, true);
        Ok(())
    }

    /// Lends what the master secret is bound to; the ClientKeyExchange is the last message of the transcript.
    pub(super) fn with_derivation<T>(&self, then: impl FnOnce(&Derivation<'_>) -> T) -> T {
        if self.negotiated.extended_master_secret {
            then(&Derivation::SessionHash(&self.hash(self.transcript.len())))
        } else {
            then(&Derivation::Randoms {
                client: &self.client_random,
                server: &self.server_random,
            })
        }
    }
}

pub(super) fn certificate_abort(error: crate::certificate::CertificateError) -> Abort {
    Abort::new(AlertDescription(error.alert()), alloc::format!("{error}"))
        .because(Cause::Certificate)
}

pub(super) fn crypto_abort(error: CryptoError) -> Abort {
    let alert = match error {
        CryptoError::PublicKey => AlertDescription::ILLEGAL_PARAMETER,
        _ => AlertDescription::INTERNAL_ERROR,
    };
    Abort::new(alert, alloc::format!("{error}"))
}
