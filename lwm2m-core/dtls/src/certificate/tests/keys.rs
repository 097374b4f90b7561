use super::{super::*, Authority, end_entity, tlv};
use alloc::vec::Vec;
use rcgen::KeyPair;

/// The public key of RFC 6979, section A.2.5.
const KEY: [u8; 64] = [
    0x60, 0xfe, 0xd4, 0xba, 0x25, 0x5a, 0x9d, 0x31, 0xc9, 0x61, 0xeb, 0x74, 0xc6, 0x35, 0x6d, 0x68,
    0xc0, 0x49, 0xb8, 0x92, 0x3b, 0x61, 0xfa, 0x6c, 0xe6, 0x69, 0x62, 0x2e, 0x60, 0xf2, 0x9f, 0xb6,
    0x79, 0x03, 0xfe, 0x10, 0x08, 0xb8, 0xbc, 0x99, 0xa4, 0x1a, 0xe9, 0xe9, 0x56, 0x28, 0xbc, 0x64,
    0xf2, 0xf1, 0xb2, 0x0c, 0x2d, 0x7e, 0x9f, 0x51, 0x77, 0xa3, 0xc2, 0x94, 0xd4, 0x46, 0x22, 0x99,
];

const EC_P256: &[u8] = &[
    0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d,
    0x03, 0x01, 0x07,
];

fn spki(algorithm: &[u8], key: &[u8]) -> Vec<u8> {
    let bits = [&[0], key].concat();
    tlv(0x30, &[tlv(0x30, algorithm), tlv(0x03, &bits)].concat())
}

fn uncompressed(key: &[u8]) -> Vec<u8> {
    [&[4], key].concat()
}

#[test]
fn an_spki_is_read_and_written() {
    let der = spki(EC_P256, &uncompressed(&KEY));
    let key = public_key_of_spki(&der).unwrap();
    assert_eq!(key.coordinates(), &KEY);
    assert_eq!(spki_of(&key), der);
    assert_eq!(der.len(), 91);
}

#[test]
fn keys_of_others_are_read() {
    let key = KeyPair::generate().unwrap();
    let der = key.public_key_der();
    let read = public_key_of_spki(&der).unwrap();
    assert_eq!(spki_of(&read), der);
    assert_eq!(uncompressed(read.coordinates()), key.public_key_raw());

    let root = Authority::root("root");
    let certificate = root.certify_key(end_entity(), &key);
    assert_eq!(public_key_of_certificate(certificate.der()), Ok(read));
}

#[test]
fn a_point_off_the_curve_is_refused() {
    for at in 0..64 {
        let mut key = KEY;
        key[at] ^= 1;
        let der = spki(EC_P256, &uncompressed(&key));
        assert_eq!(
            public_key_of_spki(&der),
            Err(CertificateError::InvalidKey),
            "{at}"
        );
    }
    // Zero, and a coordinate that is the prime of the field, are no encodings of anything.
    let prime = [
        &[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1][..],
        &[0; 12],
        &[0xff; 12],
    ]
    .concat();
    for key in [[0; 64].to_vec(), [prime.clone(), prime].concat()] {
        let der = spki(EC_P256, &uncompressed(&key));
        assert_eq!(public_key_of_spki(&der), Err(CertificateError::InvalidKey));
    }
}

// proves: SEC-32
#[test]
fn other_keys_are_unsupported() {
    let p384 = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
    let ed25519 = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let compressed = [&[3], &KEY[..32]].concat();
    let k256 = [&EC_P256[..9], &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a]].concat();
    let curve_missing = &EC_P256[..9];
    for der in [
        p384.public_key_der(),
        ed25519.public_key_der(),
        spki(EC_P256, &compressed),
        spki(EC_P256, &[0]),
        spki(EC_P256, &[]),
        spki(&k256, &uncompressed(&KEY)),
        spki(curve_missing, &uncompressed(&KEY)),
        // A hybrid point: 6 or 7 in place of 4.
        spki(EC_P256, &[&[7], &KEY[..]].concat()),
    ] {
        assert_eq!(
            public_key_of_spki(&der),
            Err(CertificateError::UnsupportedKey),
            "{der:02x?}"
        );
    }
    let root = Authority::root("root");
    let certificate = root.certify_key(end_entity(), &p384);
    assert_eq!(
        public_key_of_certificate(certificate.der()),
        Err(CertificateError::UnsupportedKey)
    );
}

#[test]
fn nothing_but_an_spki_is_one() {
    let der = spki(EC_P256, &uncompressed(&KEY));
    let malformed = |der: &[u8]| {
        matches!(
            public_key_of_spki(der),
            Err(CertificateError::Malformed("the public key"))
        )
    };
    for length in 0..der.len() {
        assert!(malformed(&der[..length]), "{length}");
    }
    assert!(malformed(&[&der[..], &[0]].concat()));
    // The same value with a length in more bytes than it takes is not DER.
    assert!(malformed(&[&[0x30, 0x81, 0x59], &der[2..]].concat()));
    assert!(malformed(&[&[0x30, 0x80], &der[2..], &[0, 0]].concat()));
    let certificate = Authority::root("root").issue(end_entity());
    assert!(malformed(&certificate));
    assert!(matches!(
        public_key_of_certificate(&der),
        Err(CertificateError::Malformed(_))
    ));
}
