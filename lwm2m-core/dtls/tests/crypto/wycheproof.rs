//! The vectors of project Wycheproof: known answers, and the mistakes that implementations were caught making.

use crate::{Chosen, providers};
use lwm2m_dtls::crypto::{Aead, CryptoError, Group, Provider, rustcrypto::RustCrypto};
use wycheproof::{
    TestResult::{Acceptable, Invalid, Valid},
    aead, ecdh, ecdsa, xdh,
};

fn aead_vectors(name: aead::TestName, suites: &[(usize, Aead)]) -> [usize; 2] {
    let set = aead::TestSet::load(name).expect("the vectors can be read");
    let mut ran = [0, 0];
    for group in &set.test_groups {
        // Sizes are in bits; keys and nonces of other sizes are none of TLS.
        let Some((_, suite)) = suites
            .iter()
            .find(|(tag, _)| (group.key_size, group.nonce_size, group.tag_size) == (128, 96, *tag))
        else {
            continue;
        };
        for test in &group.tests {
            let key = test.key[..].try_into().expect("128 bits");
            let nonce = test.nonce[..].try_into().expect("96 bits");
            for (provider, crypto) in providers() {
                let id = format!(
                    "{provider}, {suite:?}, test {}: {}",
                    test.tc_id, test.comment
                );
                let mut text = test.ct.to_vec();
                let opened = crypto.open(*suite, key, nonce, &test.aad, &mut text, &test.tag);
                match test.result {
                    Valid => {
                        assert_eq!(opened, Ok(()), "{id}");
                        assert_eq!(text, test.pt[..], "{id}");
                        let mut tag = vec![0; suite.tag_len()];
                        crypto.seal(*suite, key, nonce, &test.aad, &mut text, &mut tag);
                        assert_eq!(text, test.ct[..], "{id}");
                        assert_eq!(tag, test.tag[..], "{id}");
                        ran[0] += 1;
                    }
                    Invalid => {
                        assert_eq!(opened, Err(CryptoError::Invalid), "{id}");
                        ran[1] += 1;
                    }
                    Acceptable => panic!("no vector of an AEAD is a matter of taste: {id}"),
                }
            }
        }
    }
    ran.map(|ran| ran / providers().len())
}

#[test]
fn ccm() {
    let suites = [(64, Aead::Aes128Ccm8), (128, Aead::Aes128Ccm)];
    let [valid, invalid] = aead_vectors(aead::TestName::AesCcm, &suites);
    assert!(valid >= 50 && invalid >= 25, "{valid} and {invalid} ran");
}

#[test]
fn gcm() {
    let [valid, invalid] = aead_vectors(aead::TestName::AesGcm, &[(128, Aead::Aes128Gcm)]);
    assert!(valid >= 30 && invalid >= 25, "{valid} and {invalid} ran");
}

#[test]
fn ecdsa_p256() {
    let set = ecdsa::TestSet::load(ecdsa::TestName::EcdsaSecp256r1Sha256)
        .expect("the vectors can be read");
    let mut ran = [0, 0];
    for group in &set.test_groups {
        for (provider, crypto) in providers() {
            let key = crypto
                .public_key(&group.key.key)
                .expect("the keys are points of the curve");
            assert_eq!(key.coordinates()[..], group.key.key[1..]);
            for test in &group.tests {
                let id = format!("{provider}, test {}: {}", test.tc_id, test.comment);
                let verified = crypto.verify(&key, &test.msg, &test.sig);
                match test.result {
                    Valid => {
                        assert_eq!(verified, Ok(()), "{id}");
                        ran[0] += 1;
                    }
                    Invalid | Acceptable => {
                        assert_eq!(verified, Err(CryptoError::Invalid), "{id}");
                        ran[1] += 1;
                    }
                }
            }
        }
    }
    assert!(ran[0] >= 150 && ran[1] >= 250, "{ran:?} ran");
}

/// Whether the provider refuses the peer's key, with a private key of its own.
fn refuses(crypto: &dyn Provider, group: Group, peer: &[u8]) -> bool {
    let ours = crypto
        .key_agreement(group, &mut Chosen(&[0x42]))
        .expect("the group is offered");
    match ours.agree(peer) {
        Ok(_) => false,
        Err(error) => {
            assert_eq!(error, CryptoError::PublicKey);
            true
        }
    }
}

#[test]
fn ecdh_p256() {
    let set =
        ecdh::TestSet::load(ecdh::TestName::EcdhSecp256r1Ecpoint).expect("the vectors can be read");
    let (mut agreed, mut refused) = (0, 0);
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let id = format!("test {}: {}", test.tc_id, test.comment);
        let peer = &test.public_key[..];
        // The compressed form is right in itself, but TLS does not have it.
        let offered = test.result == Valid && peer.len() == 65;
        for (provider, crypto) in providers() {
            assert_eq!(
                refuses(&*crypto, Group::Secp256r1, peer),
                !offered,
                "{provider}, {id}"
            );
            assert_eq!(crypto.public_key(peer).is_ok(), offered, "{provider}, {id}");
        }
        if !offered {
            refused += 1;
            continue;
        }
        // As an integer in DER: with a zero in front, or without those it should have for 32 bytes.
        let private = &test.private_key[..];
        let significant = &private[private.iter().take_while(|byte| **byte == 0).count()..];
        let mut private = [0; 32];
        private[32 - significant.len()..].copy_from_slice(significant);
        let ours = RustCrypto
            .key_agreement(Group::Secp256r1, &mut Chosen(&private))
            .expect("a private key");
        let shared = ours.agree(peer).expect("a valid point");
        assert_eq!(shared.expose_secret(), &test.shared_secret[..], "{id}");
        agreed += 1;
    }
    assert!(agreed >= 200 && refused >= 10, "{agreed}, {refused} ran");
}

#[test]
fn x25519() {
    let set = xdh::TestSet::load(xdh::TestName::X25519).expect("the vectors can be read");
    let (mut agreed, mut refused) = (0, 0);
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let id = format!("test {}: {}", test.tc_id, test.comment);
        let all_zero = test.shared_secret.iter().all(|byte| *byte == 0);
        for (provider, crypto) in providers() {
            assert_eq!(
                refuses(&*crypto, Group::X25519, &test.public_key),
                all_zero,
                "{provider}, {id}"
            );
        }
        if all_zero {
            refused += 1;
            continue;
        }
        let ours = RustCrypto
            .key_agreement(Group::X25519, &mut Chosen(&test.private_key))
            .expect("any 32 bytes are a private key");
        let shared = ours.agree(&test.public_key).expect("not of small order");
        assert_eq!(shared.expose_secret(), &test.shared_secret[..], "{id}");
        agreed += 1;
    }
    assert!(agreed >= 400 && refused >= 10, "{agreed}, {refused} ran");
}
