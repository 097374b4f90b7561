//! What a program hangs into listeners and connections, over the loopback interface.

use super::{
    DtlsServerConfig, KeyStore, PrivateKey, ServerCertificate, UnixClock,
    crypto::{
        CryptoError, PublicKey, Signer,
        prf::{Derivation, MasterSecret},
        psk::PreSharedKey,
        ring::Ring,
    },
    shared_tests::*,
    test_device::Device,
};
use crate::{
    ClientTransport, CredentialSource, ServerTransport,
    tests::{Running, loopback},
    toy::{Heard, Toy},
};
use lwm2m_core::{
    engine::{CertificateUsage, CloseReason, Credentials},
    peer::PeerIdentity,
    secret::Secret,
};
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
};

/// In 2026, and in the year 5000: certificates of these tests are good from 1975 to 4096.
const NOW: u64 = 1_780_000_000;
const LATE: u64 = 95_617_584_000;

/// A clock that is set by hand.
#[derive(Clone, Default)]
struct Hands(Arc<AtomicU64>);

impl Hands {
    fn set(&self, unix: u64) {
        self.0.store(unix, Ordering::SeqCst);
    }

    fn clock(&self) -> UnixClock {
        let hands = self.0.clone();
        UnixClock::new(move || Some(hands.load(Ordering::SeqCst)))
    }
}

#[tokio::test]
async fn a_listener_follows_a_clock_that_is_set() {
    let authority = Authority::new();
    let own = authority.server();
    let usage = CertificateUsage::DomainIssuedCertificate;
    let credentials = authority.device("device", usage, &own.chain[0]);
    // A gateway without a clock of its own: the listener is there before the time is.
    let hands = Hands::default();
    let config = DtlsServerConfig::new(table())
        .certificate(own, vec![authority.der()])
        .clock(hands.clock());
    let mut server = Server::new(config).await;
    for (unix, good) in [
        (0, false),
        (NOW, true),
        (LATE, false),
        (NOW, true),
        (0, false),
    ] {
        hands.set(unix);
        let mut client = client();
        if good {
            converse(&mut server, &mut client, credentials.clone()).await;
            client.handle.stop().await;
            assert_eq!(server.running.closed().await.1, CloseReason::ByPeer);
        } else {
            client.connect(server.uri(), credentials.clone()).await;
            let (_, reason) = client.closed().await;
            assert!(
                matches!(reason, CloseReason::HandshakeFailed(_)),
                "{reason}"
            );
        }
    }
}

#[tokio::test]
async fn a_connection_follows_a_clock_that_is_set_during_its_handshake() {
    let authority = Authority::new();
    let config =
        DtlsServerConfig::new(table()).certificate(authority.server(), vec![authority.der()]);
    let mut server = Server::new(config).await;
    let usage = CertificateUsage::TrustAnchorAssertion;
    let credentials = authority.device("device", usage, &authority.der());
    // The time comes when the handshake has begun; and it does not come.
    for (later, good) in [(NOW, true), (0, false)] {
        let looks = AtomicU64::new(0);
        let clock = UnixClock::new(move || {
            let is_first = looks.fetch_add(1, Ordering::SeqCst) == 0;
            Some(if is_first { 0 } else { later })
        });
        let transport = ClientTransport::new(client_config().clock(clock));
        let mut client = Running::new(Toy::default(), transport);
        if good {
            converse(&mut server, &mut client, credentials.clone()).await;
        } else {
            client.connect(server.uri(), credentials.clone()).await;
            let (_, reason) = client.closed().await;
            assert!(reason.to_string().contains("not valid"), "{reason}");
        }
    }
}

#[tokio::test]
async fn connection_ids_tell_shards_apart() {
    let suite = lwm2m_dtls::CipherSuite::PskAes128Ccm8;
    let config = || DtlsServerConfig::new(table());
    for (length, prefix) in [(8, &[0xA7, 1, 2, 3][..]), (6, &[9]), (6, &[])] {
        let mut server = Server::new(config().connection_ids(length, prefix)).await;
        let mut device = Device::connect(server.address, suite).await;
        server.running.connected().await;
        let id = device.endpoint.agreed(device.connection).unwrap().peer_id;
        assert_eq!((id.len(), id.starts_with(prefix)), (length, true), "{id:?}");
        // It is what stands in every record to the server.
        device.send(b"hello").await;
        assert_eq!(server.running.datagram().await.2, b"hello");
        let record = device.protected().next().unwrap();
        assert_eq!(record[11..11 + length], id);
    }
    // Too long a prefix, none left that is random, longer than an endpoint can have, of ids that there are none of.
    for (length, prefix) in [
        (8, &[1; 5][..]),
        (6, &[1; 3]),
        (9, &[1]),
        (3, &[]),
        (0, &[1]),
    ] {
        let builder = ServerTransport::builder();
        let bound = builder.coaps(loopback(), config().connection_ids(length, prefix));
        let said = bound.bind().await.unwrap_err().to_string();
        assert!(said.contains("prefix of at most 4 bytes"), "{said}");
    }
}

/// Hardware, as far as anybody outside can tell: it works with its keys, and can be pulled out.
#[derive(Default)]
struct Hardware {
    used: AtomicUsize,
    is_out: AtomicBool,
}

impl Hardware {
    fn work<T>(&self, work: impl FnOnce() -> Result<T, CryptoError>) -> Result<T, CryptoError> {
        if self.is_out.load(Ordering::SeqCst) {
            return Err(CryptoError::Failed);
        }
        self.used.fetch_add(1, Ordering::SeqCst);
        work()
    }
}

struct KeyInside(Arc<Hardware>, Arc<dyn Signer>);

impl Signer for KeyInside {
    fn public_key(&self) -> PublicKey {
        self.1.public_key()
    }

    fn sign(
        &self,
        message: &[u8],
        random: &mut dyn rand_core::RngCore,
    ) -> Result<Vec<u8>, CryptoError> {
        self.0.work(|| self.1.sign(message, random))
    }
}

struct PskInside(Arc<Hardware>);

impl PreSharedKey for PskInside {
    fn master_secret(&self, derivation: &Derivation<'_>) -> Result<MasterSecret, CryptoError> {
        let key = Secret::new(KEY.to_vec());
        self.0.work(|| key.master_secret(derivation))
    }
}

/// This key, moved into the hardware.
fn inside(hardware: &Arc<Hardware>, key: &PrivateKey) -> Arc<dyn Signer> {
    let signer = key.signer(&Ring::new()).unwrap();
    Arc::new(KeyInside(hardware.clone(), signer))
}

/// What `slot 1` is.
struct Slots(Arc<Hardware>, Option<Arc<dyn Signer>>);

impl KeyStore for Slots {
    fn private_key(&self, name: &Secret) -> Option<Arc<dyn Signer>> {
        self.1.clone().filter(|_| name.expose_secret() == b"slot 1")
    }

    fn pre_shared_key(&self, identity: &[u8], name: &Secret) -> Option<Arc<dyn PreSharedKey>> {
        let is_ours = identity == b"device" && name.expose_secret() == b"slot 1";
        is_ours.then(|| Arc::new(PskInside(self.0.clone())) as Arc<dyn PreSharedKey>)
    }
}

fn slot(number: u8) -> Secret {
    Secret::new(format!("slot {number}").into())
}

/// How a handshake ends of a client whose keys are in this hardware, and what both sides take the other for.
async fn with_slots(
    server: &mut Server,
    slots: Slots,
    credentials: Credentials,
) -> Result<(PeerIdentity, PeerIdentity), CloseReason> {
    let config = client_config().key_store(Arc::new(slots));
    let mut client = Running::new(Toy::default(), ClientTransport::new(config));
    client.connect(server.uri(), credentials).await;
    match client.heard().await {
        Heard::Connected(_, theirs, _) => {
            let (_, ours, _) = server.running.connected().await;
            client.handle.stop().await;
            server.running.closed().await;
            Ok((ours, theirs))
        }
        Heard::Closed(_, reason) => Err(reason),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn keys_may_stay_in_hardware_on_both_sides() {
    let authority = Authority::new();
    let (server_side, client_side) = (Arc::<Hardware>::default(), Arc::<Hardware>::default());
    let used = |hardware: &Arc<Hardware>| hardware.used.swap(0, Ordering::SeqCst);
    let generated = || PrivateKey::from(rcgen::KeyPair::generate().unwrap().serialize_der());
    let (raw, raw_of_client) = (generated(), generated());
    let own = authority.server();
    let own = ServerCertificate {
        private_key: inside(&server_side, &own.private_key).into(),
        ..own
    };
    let end_entity = own.chain[0].clone();
    let client_spki = raw_of_client.public_key().unwrap();
    let listener = DtlsServerConfig::new(Arc::new(Welcoming(client_spki.clone())))
        .certificate(own, vec![authority.der()])
        .raw_public_key(PrivateKey::from(inside(&server_side, &raw)));
    let mut server = Server::new(listener).await;

    // A pre-shared key.
    let slots = |signer| Slots(client_side.clone(), signer);
    let psk = |number| Credentials::Psk {
        identity: b"device".to_vec(),
        key: slot(number),
    };
    let device = device_identity();
    let proven = with_slots(&mut server, slots(None), psk(1)).await;
    assert_eq!(proven, Ok((device.clone(), device)));
    assert_eq!((used(&client_side), used(&server_side)), (1, 0));
    // A name that the store does not know is a key, and a wrong one.
    let reason = with_slots(&mut server, slots(None), psk(2)).await;
    assert!(matches!(reason, Err(CloseReason::HandshakeFailed(_))));
    assert_eq!(used(&client_side), 0);

    // Raw public keys.
    let signer = inside(&client_side, &raw_of_client);
    let by_key = |number, public_key: &[u8]| Credentials::RawPublicKey {
        public_key: public_key.to_vec(),
        private_key: slot(number),
        server_public_key: raw.public_key().unwrap(),
    };
    for public_key in [&client_spki[..], &[]] {
        let slots = slots(Some(signer.clone()));
        let (ours, theirs) = with_slots(&mut server, slots, by_key(1, public_key))
            .await
            .unwrap();
        assert_eq!(ours, PeerIdentity::RawPublicKey(client_spki.clone()));
        let spki = raw.public_key().unwrap();
        assert_eq!(theirs, PeerIdentity::RawPublicKey(spki));
        assert_eq!((used(&client_side), used(&server_side)), (1, 1));
    }
    let stranger = with_slots(&mut server, slots(Some(signer.clone())), by_key(2, &[])).await;
    assert!(stranger.unwrap_err().to_string().contains("PKCS#8"));

    // Certificates.
    let usage = CertificateUsage::DomainIssuedCertificate;
    let Credentials::Certificate {
        chain, private_key, ..
    } = authority.device("device", usage, &end_entity)
    else {
        unreachable!("a certificate was asked for");
    };
    let signer = inside(&client_side, &private_key.into());
    let certificate = Credentials::Certificate {
        chain,
        private_key: slot(1),
        server_certificate: end_entity,
        usage,
    };
    let slots = || slots(Some(signer.clone()));
    let proven = with_slots(&mut server, slots(), certificate.clone()).await;
    assert!(matches!(proven, Ok((PeerIdentity::Certificate(_), _))));
    assert_eq!((used(&client_side), used(&server_side)), (1, 1));

    // Hardware that fails ends the handshake, on either side, and nothing else.
    for broken in [&client_side, &server_side] {
        broken.is_out.store(true, Ordering::SeqCst);
        let reason = with_slots(&mut server, slots(), certificate.clone()).await;
        assert!(
            matches!(reason, Err(CloseReason::HandshakeFailed(_))),
            "{reason:?}"
        );
        broken.is_out.store(false, Ordering::SeqCst);
    }
    assert!(with_slots(&mut server, slots(), certificate).await.is_ok());
}

/// Knows `device` by its key, and one raw public key.
struct Welcoming(Vec<u8>);

impl CredentialSource for Welcoming {
    fn psk(&self, identity: &[u8]) -> Option<Secret> {
        table().psk(identity)
    }

    fn raw_public_key_allowed(&self, public_key: &[u8]) -> bool {
        public_key == self.0
    }
}

// proves: SEC-38
#[tokio::test]
async fn a_server_is_known_by_its_name_where_there_is_no_dns() {
    let authority = Authority::new();
    let named = |name: &str| {
        let dns = rcgen::SanType::DnsName(name.try_into().unwrap());
        let issued = authority.issue(name, vec![dns]);
        ServerCertificate {
            chain: vec![issued.cert.der().to_vec()],
            private_key: issued.key_pair.serialize_der().into(),
        }
    };
    // Known by its address, and by two names.
    let (own, two, three) = (
        authority.server(),
        named("two.example"),
        named("three.example"),
    );
    let shown: Vec<Vec<u8>> = [&own, &two, &three]
        .map(|certificate| certificate.chain[0].clone())
        .into();
    let listener = DtlsServerConfig::new(table())
        .certificate(own, vec![authority.der()])
        .certificate_for("two.example", two)
        .certificate_for("three.example", three);
    let mut server = Server::new(listener).await;
    let usage = CertificateUsage::TrustAnchorAssertion;
    let credentials = authority.device("device", usage, &authority.der());
    for (name, expected) in [
        (None, Some(0)),
        (Some("two.example"), Some(1)),
        (Some("three.example"), Some(2)),
        // It is shown the certificate for all others, in which it looks for that name.
        (Some("four.example"), None),
        // What it looks for then, it finds; that it is no name that could be asked for does not matter.
        (Some("127.0.0.1"), Some(0)),
    ] {
        let mut toy = Toy::default();
        toy.server_name = name.map(Into::into);
        let mut client = Running::new(toy, ClientTransport::new(client_config()));
        client.connect(server.uri(), credentials.clone()).await;
        match (client.heard().await, expected) {
            (Heard::Connected(_, PeerIdentity::Certificate(theirs), _), Some(expected)) => {
                assert_eq!(theirs.certificate, shown[expected], "{name:?}");
                server.running.connected().await;
                client.handle.stop().await;
                server.running.closed().await;
            }
            (Heard::Closed(_, reason), None) => {
                assert!(
                    matches!(reason, CloseReason::HandshakeFailed(_)),
                    "{reason}"
                );
            }
            other => panic!("{name:?}: {other:?}"),
        }
    }
    // Named certificates are beside the one for all others, not in its place.
    let listener = DtlsServerConfig::new(table()).certificate_for("a.example", named("a.example"));
    let bound = ServerTransport::builder()
        .coaps(loopback(), listener)
        .bind();
    let said = bound.await.unwrap_err().to_string();
    assert!(said.contains("none for all others"), "{said}");
}
