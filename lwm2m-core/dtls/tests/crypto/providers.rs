//! What every provider must do, and that they agree with each other.

use crate::{Chosen, providers};
use lwm2m_core::secret::Secret;
use lwm2m_dtls::crypto::{
    Aead, CryptoError, Group, Provider,
    cbc::{self, MacOrder},
    prf::MasterSecret,
    rustcrypto::RustCrypto,
};
use proptest::{collection::vec, prelude::*};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

const AEADS: [Aead; 3] = [Aead::Aes128Ccm8, Aead::Aes128Ccm, Aead::Aes128Gcm];
const GROUPS: [Group; 2] = [Group::Secp256r1, Group::X25519];

/// The key of RFC 6979, appendix A.2.5, in PKCS#8 as `openssl pkcs8 -topk8` writes it.
fn rfc_6979_key() -> Secret {
    Secret::new(
        hex::decode(
            "308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420c9afa9d845ba75166b5c2157\
             67b1d6934e50c3db36e89b127b8a622b120f6721a1440342000460fed4ba255a9d31c961eb74c6356d68c049b8923b61\
             fa6ce669622e60f29fb67903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299",
        )
        .expect("hexadecimal"),
    )
}

/// The same without the public half, which RFC 5915 leaves open.
fn rfc_6979_key_without_public_half() -> Secret {
    Secret::new(
        hex::decode(
            "3041020100301306072a8648ce3d020106082a8648ce3d0301070427302502010104\
             20c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721",
        )
        .expect("hexadecimal"),
    )
}

proptest! {
    #[test]
    fn sealed_by_one_opens_with_the_other(
        key: [u8; 16],
        nonce: [u8; 12],
        additional in vec(any::<u8>(), 0..64),
        text in vec(any::<u8>(), 0..300),
        flip: prop::sample::Index,
    ) {
        for aead in AEADS {
            let sealed: Vec<_> = providers()
                .into_iter()
                .map(|(_, crypto)| {
                    let (mut sealed, mut tag) = (text.clone(), std::vec![0; aead.tag_len()]);
                    crypto.seal(aead, &key, &nonce, &additional, &mut sealed, &mut tag);
                    (sealed, tag)
                })
                .collect();
            prop_assert!(sealed.iter().all(|other| *other == sealed[0]));
            for (_, crypto) in providers() {
                let (mut opened, tag) = sealed[0].clone();
                let result = crypto.open(aead, &key, &nonce, &additional, &mut opened, &tag);
                prop_assert_eq!(result, Ok(()));
                prop_assert_eq!(&opened, &text);

                let (mut wrong, mut tag) = sealed[0].clone();
                let bit = flip.index((wrong.len() + tag.len()) * 8);
                match wrong.get_mut(bit / 8) {
                    Some(byte) => *byte ^= 1 << (bit % 8),
                    None => tag[bit / 8 - wrong.len()] ^= 1 << (bit % 8),
                }
                let result = crypto.open(aead, &key, &nonce, &additional, &mut wrong, &tag);
                prop_assert_eq!(result, Err(CryptoError::Invalid));
            }
        }
    }

}

proptest! {
    // A tenth of the usual number: without optimisation each case takes a third of a second.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn signed_by_one_verifies_with_the_other(seed: u64, message in vec(any::<u8>(), 0..200)) {
        let mut random = ChaCha20Rng::seed_from_u64(seed);
        for (_, signing) in providers() {
            for key in [rfc_6979_key(), rfc_6979_key_without_public_half()] {
                let signer = signing.signer(&key).expect("a P-256 key");
                let signature = signer.sign(&message, &mut random).expect("software signs");
                for (_, verifying) in providers() {
                    let public = signer.public_key();
                    prop_assert_eq!(verifying.verify(&public, &message, &signature), Ok(()));
                    let mut other = message.clone();
                    other.push(0);
                    prop_assert_eq!(
                        verifying.verify(&public, &other, &signature),
                        Err(CryptoError::Invalid)
                    );
                }
            }
        }
    }

    #[test]
    fn two_sides_agree_whoever_computes(seed: u64) {
        let mut random = ChaCha20Rng::seed_from_u64(seed);
        for group in GROUPS {
            for (_, one) in providers() {
                for (_, other) in providers() {
                    let one = one.key_agreement(group, &mut random).expect("offered");
                    let other = other.key_agreement(group, &mut random).expect("offered");
                    let (ours, theirs) = (one.public_key().to_vec(), other.public_key().to_vec());
                    prop_assert_eq!(ours.len(), if group == Group::X25519 { 32 } else { 65 });
                    prop_assert_ne!(&ours, &theirs);
                    let shared = one.agree(&theirs).expect("a valid key");
                    prop_assert_eq!(shared.len(), 32);
                    prop_assert!(shared == other.agree(&ours).expect("a valid key"));
                }
            }
        }
    }

    #[test]
    fn no_peer_input_makes_a_provider_panic(bytes in vec(any::<u8>(), 0..140)) {
        for (_, crypto) in providers() {
            for group in GROUPS {
                let ours = crypto.key_agreement(group, &mut Chosen(&[7])).expect("offered");
                if bytes.len() != ours.public_key().len() {
                    prop_assert_eq!(ours.agree(&bytes).err(), Some(CryptoError::PublicKey));
                } else {
                    let _ = ours.agree(&bytes);
                }
            }
            let signer = crypto.signer(&rfc_6979_key()).expect("a P-256 key");
            prop_assert_eq!(
                crypto.verify(&signer.public_key(), b"message", &bytes),
                Err(CryptoError::Invalid)
            );
            prop_assert_eq!(
                crypto.signer(&Secret::new(bytes.clone())).err(),
                Some(CryptoError::PrivateKey)
            );
            let keys = MasterSecret::from_bytes([5; 48]).cbc_keys(&[6; 32], &[7; 32]).client;
            for order in [MacOrder::MacThenEncrypt, MacOrder::EncryptThenMac] {
                prop_assert_eq!(
                    cbc::open(&*crypto, &keys, order, &[8; 11], &mut bytes.clone()).err(),
                    Some(CryptoError::Invalid)
                );
            }
            for aead in AEADS {
                if bytes.len() != aead.tag_len() {
                    prop_assert_eq!(
                        crypto.open(aead, &[1; 16], &[2; 12], &[], &mut [3; 20], &bytes),
                        Err(CryptoError::Invalid)
                    );
                }
            }
        }
    }
}

/// NIST SP 800-38A, F.2.1 and F.2.2.
#[test]
fn cbc_is_that_of_sp_800_38a() {
    let hex = |text| hex::decode(text).expect("hexadecimal");
    let key = hex("2b7e151628aed2a6abf7158809cf4f3c")
        .try_into()
        .expect("16 bytes");
    let iv = core::array::from_fn(|at| at as u8);
    let text = hex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51");
    for (provider, crypto) in providers() {
        let mut blocks = text.clone();
        crypto.cbc_encrypt(&key, &iv, &mut blocks);
        assert_eq!(
            hex::encode(&blocks),
            "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2",
            "{provider}"
        );
        crypto.cbc_decrypt(&key, &iv, &mut blocks);
        assert_eq!(blocks, text, "{provider}");
    }
}

#[test]
fn the_public_half_is_that_of_the_private_key() {
    for (provider, crypto) in providers() {
        for key in [rfc_6979_key(), rfc_6979_key_without_public_half()] {
            assert_eq!(
                hex::encode(
                    crypto
                        .signer(&key)
                        .expect("a P-256 key")
                        .public_key()
                        .coordinates()
                ),
                "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6\
                 7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299",
                "{provider}"
            );
        }
    }
}

#[test]
fn a_private_key_is_taken_only_whole_and_alone() {
    let right = rfc_6979_key();
    let right = right.expose_secret();
    let of_another_curve = {
        let mut key = right.to_vec();
        // secp256k1 is 1.3.132.0.10; another arc of ansi-X9-62 will do, as it has the same length.
        let at = key
            .windows(8)
            .position(|oid| oid == [0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7]);
        key[at.expect("the curve is named") + 7] = 1;
        key
    };
    let public_half_of_another = {
        let mut key = right.to_vec();
        *key.last_mut().expect("not empty") ^= 1;
        key
    };
    let with_a_tail = [right, &[0]].concat();
    let zero = {
        let key = rfc_6979_key_without_public_half();
        let mut key = key.expose_secret().to_vec();
        let len = key.len();
        key[len - 32..].fill(0);
        key
    };
    for (provider, crypto) in providers() {
        for wrong in [
            &of_another_curve,
            &public_half_of_another,
            &with_a_tail,
            &zero,
        ] {
            assert_eq!(
                crypto.signer(&Secret::new(wrong.clone())).err(),
                Some(CryptoError::PrivateKey),
                "{provider}"
            );
        }
        for len in 0..right.len() {
            let cut = Secret::new(right[..len].to_vec());
            assert_eq!(crypto.signer(&cut).err(), Some(CryptoError::PrivateKey));
        }
    }
}

#[test]
fn signatures_of_the_software_differ_with_the_randomness_and_need_none() {
    let signer = RustCrypto.signer(&rfc_6979_key()).expect("a P-256 key");
    let sign = |byte: u8, message: &[u8]| {
        signer
            .sign(message, &mut Chosen(&[byte]))
            .expect("software signs")
    };
    assert_eq!(sign(1, b"message"), sign(1, b"message"));
    assert_ne!(sign(1, b"message"), sign(2, b"message"));
    // The same "random" bytes must not lead to the same nonce, or r gives the key away: bytes 4 to 36 hold most of r.
    assert_ne!(sign(0, b"message")[4..36], sign(0, b"massage")[4..36]);
}

#[test]
fn a_broken_source_of_randomness_makes_no_key() {
    for stuck in [0, 0xff] {
        // Zero is no private key of P-256, and neither is a number above the order.
        let made = RustCrypto.key_agreement(Group::Secp256r1, &mut Chosen(&[stuck]));
        assert_eq!(made.err(), Some(CryptoError::Failed));
    }
}
