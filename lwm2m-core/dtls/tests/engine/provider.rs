//! That the cryptography of a handshake is that of its provider, which may be hardware.

use crate::{net::*, support::*};
use lwm2m_core::secret::Secret;
use lwm2m_dtls::{
    Endpoint,
    crypto::{
        Aead, CryptoError, Group, KeyAgreement, Provider, PublicKey, Signer, rustcrypto::RustCrypto,
    },
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use rand_core::RngCore;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// Counts what it is asked.
#[derive(Default)]
struct Counting {
    points: AtomicUsize,
    signatures: AtomicUsize,
}

impl Provider for Counting {
    fn seal(
        &self,
        aead: Aead,
        key: &[u8; 16],
        nonce: &[u8; 12],
        additional: &[u8],
        text: &mut [u8],
        tag: &mut [u8],
    ) {
        RustCrypto.seal(aead, key, nonce, additional, text, tag);
    }

    fn open(
        &self,
        aead: Aead,
        key: &[u8; 16],
        nonce: &[u8; 12],
        additional: &[u8],
        text: &mut [u8],
        tag: &[u8],
    ) -> Result<(), CryptoError> {
        RustCrypto.open(aead, key, nonce, additional, text, tag)
    }

    fn cbc_encrypt(&self, key: &[u8; 16], iv: &[u8; 16], blocks: &mut [u8]) {
        RustCrypto.cbc_encrypt(key, iv, blocks);
    }

    fn cbc_decrypt(&self, key: &[u8; 16], iv: &[u8; 16], blocks: &mut [u8]) {
        RustCrypto.cbc_decrypt(key, iv, blocks);
    }

    fn key_agreement(
        &self,
        group: Group,
        random: &mut dyn RngCore,
    ) -> Result<Box<dyn KeyAgreement>, CryptoError> {
        RustCrypto.key_agreement(group, random)
    }

    fn public_key(&self, point: &[u8]) -> Result<PublicKey, CryptoError> {
        self.points.fetch_add(1, Ordering::Relaxed);
        RustCrypto.public_key(point)
    }

    fn verify(&self, key: &PublicKey, message: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        self.signatures.fetch_add(1, Ordering::Relaxed);
        RustCrypto.verify(key, message, signature)
    }

    fn signer(&self, pkcs8: &Secret) -> Result<Arc<dyn Signer>, CryptoError> {
        RustCrypto.signer(pkcs8)
    }
}

#[test]
fn signatures_of_handshakes_and_certificates_are_verified_by_the_provider() {
    let pki = pki();
    // Of the handshake, and of the certificate.
    for (kind, signatures) in [(Kind::RawPublicKey, 1), (Kind::Certificate, 2)] {
        let setup = Setup::new(kind, &pki);
        let [client, server] = [(); 2].map(|()| Arc::new(Counting::default()));
        let endpoint = |config, serves, provider: &Arc<Counting>, seed| {
            let random = Box::new(ChaCha20Rng::seed_from_u64(seed));
            Endpoint::new(config, serves, provider.clone(), random).unwrap()
        };
        let hosts = vec![
            Host::new(CLIENT_ADDRESS, endpoint(setup.client, None, &client, 1)),
            Host::new(
                SERVER_ADDRESS,
                endpoint(setup.server, Some(setup.serves), &server, 2),
            ),
        ];
        let mut net = Net::new(1, CLEAN, hosts);
        let now = net.now;
        net.hosts[CLIENT]
            .endpoint
            .connect(now, server_address(), setup.connection)
            .unwrap();
        net.run(Duration::from_secs(5));
        assert_eq!(net.hosts[CLIENT].connected().len(), 1, "{kind:?}");
        for provider in [client, server] {
            let counted = provider.signatures.load(Ordering::Relaxed);
            assert_eq!(counted, signatures, "{kind:?}");
            assert!(provider.points.load(Ordering::Relaxed) > 0, "{kind:?}");
        }
    }
}
