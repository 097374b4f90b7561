//! Keys that live where the program put them, as in hardware: with ones that work a handshake succeeds, and with ones that
//! fail it ends on both sides with a reason.

use crate::{net::*, support::*};
use lwm2m_core::secret::Secret;
use lwm2m_dtls::{
    ClientCredentials, ServerConfig,
    certificate::{ClientTrust, LocalCertificate, spki_of},
    crypto::{
        CryptoError, PublicKey, Signer,
        prf::{Derivation, MasterSecret},
        psk::PreSharedKey,
    },
};
use rand_core::RngCore;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// Knows a key, and does with it what it is asked, or does not.
struct Chip<K> {
    key: K,
    works: bool,
    asked: AtomicUsize,
}

impl<K> Chip<K> {
    fn new(key: K, works: bool) -> Arc<Self> {
        Arc::new(Chip {
            key,
            works,
            asked: AtomicUsize::new(0),
        })
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    fn work(&self) -> Result<&K, CryptoError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.works.then_some(&self.key).ok_or(CryptoError::Failed)
    }
}

impl Signer for Chip<Arc<dyn Signer>> {
    fn public_key(&self) -> PublicKey {
        self.key.public_key()
    }

    fn sign(&self, message: &[u8], random: &mut dyn RngCore) -> Result<Vec<u8>, CryptoError> {
        self.work()?.sign(message, random)
    }
}

impl PreSharedKey for Chip<Secret> {
    fn master_secret(&self, derivation: &Derivation<'_>) -> Result<MasterSecret, CryptoError> {
        self.work()?.master_secret(derivation)
    }
}

/// Both have come to their end: connected, or with the reason of the one that fails told to the other.
fn ends(net: &mut Net, fails: Option<usize>, what: &str) {
    net.run(Duration::from_secs(5));
    let [client, server] = [&net.hosts[CLIENT], &net.hosts[SERVER]];
    assert_eq!(client.endpoint.handshake_count(), 0, "{what}");
    assert_eq!(server.endpoint.handshake_count(), 0, "{what}");
    let Some(fails) = fails else {
        assert_eq!(client.connected().len() + server.connected().len(), 2);
        return;
    };
    assert_eq!(client.connected().len() + server.connected().len(), 0);
    let mut reasons = [client.closed().concat(), server.refused().concat()];
    let own = std::mem::take(&mut reasons[fails]);
    assert!(
        own.contains(&CryptoError::Failed.to_string()),
        "{what}: {own}"
    );
    let told = reasons.concat();
    assert!(told.contains("internal_error"), "{what}: {told}");
}

#[test]
fn a_signer_of_the_program_signs_or_ends_the_handshake() {
    let pki = pki();
    for kind in [Kind::RawPublicKey, Kind::Certificate] {
        for fails in [None, Some(CLIENT), Some(SERVER)] {
            let of_client = Chip::new(pki.client.1.clone(), fails != Some(CLIENT));
            let of_server = Chip::new(pki.server.1.clone(), fails != Some(SERVER));
            let mut setup = Setup::new(kind, &pki);
            let local = |of: &LocalCertificate, signer: &Arc<Chip<Arc<dyn Signer>>>| {
                LocalCertificate::new(of.chain().to_vec(), signer.clone()).unwrap()
            };
            match &mut setup.connection.credentials {
                ClientCredentials::Certificate { local: own, .. } => {
                    *own = local(&pki.client.0, &of_client);
                    let authority = std::slice::from_ref(&pki.authority);
                    setup.serves = ServerConfig::new().certificate(
                        local(&pki.server.0, &of_server),
                        ClientTrust::new(authority).unwrap(),
                    );
                }
                credentials => {
                    *credentials = ClientCredentials::RawPublicKey {
                        signer: of_client.clone(),
                        server: spki_of(&pki.server.1.public_key()),
                    };
                    setup.serves = ServerConfig::new().raw_public_key(of_server.clone());
                }
            }
            let mut net = setup.build();
            let what = format!("{kind:?}: {fails:?} fails");
            ends(&mut net, fails, &what);
            // The server signs first.
            assert_eq!(of_server.asked(), 1, "{what}");
            let asked = usize::from(fails != Some(SERVER));
            assert_eq!(of_client.asked(), asked, "{what}");
        }
    }
}

#[test]
fn a_pre_shared_key_of_the_program_derives_or_ends_the_handshake() {
    for fails in [None, Some(CLIENT), Some(SERVER)] {
        let chip = |side| Chip::new(Secret::new(KEY.into()), fails != Some(side));
        let (of_client, of_server) = (chip(CLIENT), chip(SERVER));
        let mut setup = Setup::psk();
        setup.connection.credentials = ClientCredentials::Psk {
            identity: IDENTITY.into(),
            key: of_client.clone(),
        };
        let mut net = setup.build();
        net.hosts[SERVER].hardware = Some(of_server.clone());
        let what = format!("{fails:?} fails");
        ends(&mut net, fails, &what);
        assert_eq!(of_client.asked(), 1, "{what}");
        let asked = usize::from(fails != Some(CLIENT));
        assert_eq!(of_server.asked(), asked, "{what}");
    }
}
