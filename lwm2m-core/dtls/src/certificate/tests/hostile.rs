//! Bytes of people who mean us ill.

extern crate std;

use super::{super::*, Authority, NOW, authority, der, named, tlv};
use alloc::{vec, vec::Vec};
use lwm2m_core::engine::CertificateUsage;
use proptest::prelude::*;
use std::sync::OnceLock;

/// One chain, and all who may judge it.
struct Scene {
    chain: [Vec<u8>; 2],
    clients: ClientTrust,
    servers: Vec<ServerTrust>,
}

fn scene() -> &'static Scene {
    static SCENE: OnceLock<Scene> = OnceLock::new();
    SCENE.get_or_init(|| {
        let root = Authority::root("root");
        let middle = root.below(authority("middle"));
        let certificate = middle.issue(named("a", &["a.example", "192.0.2.1"]));
        let anchors = der(&[&root.der()]);
        let server = |usage, expected: &[u8]| {
            ServerTrust::new(usage, expected, &anchors, "a.example").unwrap()
        };
        Scene {
            servers: [
                server(CertificateUsage::CaConstraint, &middle.der()),
                server(CertificateUsage::ServiceCertificateConstraint, &certificate),
                server(CertificateUsage::TrustAnchorAssertion, &root.der()),
                server(CertificateUsage::DomainIssuedCertificate, &certificate),
            ]
            .to_vec(),
            clients: ClientTrust::new(&anchors).unwrap(),
            chain: [certificate, middle.der()],
        }
    })
}

/// Hands bytes to everything that reads any. That nothing panics is the point.
fn read_everywhere(bytes: &[u8]) {
    let scene = scene();
    let _ = public_key_of_spki(bytes);
    let _ = public_key_of_certificate(bytes);
    let _ = identity_of_certificate(bytes);
    let _ = DenyList::new().add_certificate(bytes);
    let anchors = der(&[bytes]);
    let _ = ClientTrust::new(&anchors);
    for usage in [
        CertificateUsage::CaConstraint,
        CertificateUsage::ServiceCertificateConstraint,
        CertificateUsage::TrustAnchorAssertion,
        CertificateUsage::DomainIssuedCertificate,
    ] {
        let _ = ServerTrust::new(usage, bytes, &anchors, "a.example");
    }
    for chain in [[bytes, &scene.chain[1]], [&scene.chain[0], bytes]] {
        for time in [None, Some(NOW)] {
            let _ = scene.clients.verify(&chain, time);
        }
        for trust in &scene.servers {
            let _ = trust.verify(&chain, None);
        }
    }
}

/// Elements within elements, with the tags that certificates have.
fn nested() -> impl Strategy<Value = Vec<u8>> {
    let tag = prop_oneof![
        Just(0x30u8),
        Just(0x31),
        Just(0x02),
        Just(0x03),
        Just(0x04),
        Just(0x06),
        Just(0x0c),
        Just(0x17),
        Just(0xa0),
        Just(0xa3),
        any::<u8>(),
    ];
    let leaf = (tag.clone(), prop::collection::vec(any::<u8>(), 0..12))
        .prop_map(|(tag, content)| tlv(tag, &content));
    leaf.prop_recursive(6, 48, 6, move |inner| {
        (tag.clone(), prop::collection::vec(inner, 0..6))
            .prop_map(|(tag, parts)| tlv(tag, &parts.concat()))
    })
}

proptest! {
    #[test]
    fn no_bytes_cause_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        read_everywhere(&bytes);
    }

    #[test]
    fn no_elements_cause_a_panic(bytes in nested()) {
        read_everywhere(&bytes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_damage_causes_a_panic_or_is_believed(
        of in 0usize..2,
        at in any::<prop::sample::Index>(),
        kind in 0..4,
        byte in 1u8..,
    ) {
        let scene = scene();
        let mut damaged = scene.chain.clone();
        let certificate = &mut damaged[of];
        let at = at.index(certificate.len());
        match kind {
            0 => certificate[at] ^= byte,
            1 => certificate.truncate(at),
            2 => certificate.insert(at, byte),
            _ => { certificate.remove(at); }
        }
        prop_assert_ne!(&damaged, &scene.chain);
        read_everywhere(&damaged[of]);
        let chain: Vec<&[u8]> = damaged.iter().map(Vec::as_slice).collect();
        prop_assert!(scene.clients.verify(&chain, Some(NOW)).is_err());
        for trust in &scene.servers[..3] {
            prop_assert!(trust.verify(&chain, Some(NOW)).is_err());
        }
        // Usage 3 does not look beyond the end entity, but every byte of the chain must be a certificate.
        if of == 0 {
            prop_assert!(scene.servers[3].verify(&chain, Some(NOW)).is_err());
        }
    }
}

#[test]
fn the_scene_is_fine() {
    let scene = scene();
    let chain: Vec<&[u8]> = scene.chain.iter().map(Vec::as_slice).collect();
    assert!(scene.clients.verify(&chain, Some(NOW)).is_ok());
    for trust in &scene.servers {
        assert!(trust.verify(&chain, Some(NOW)).is_ok());
    }
}

#[test]
fn every_byte_of_a_certificate_matters() {
    let scene = scene();
    for at in 0..scene.chain[0].len() {
        let mut damaged = scene.chain[0].clone();
        damaged[at] ^= 1;
        let verdict = scene
            .clients
            .verify(&[&damaged, &scene.chain[1]], Some(NOW));
        assert!(verdict.is_err(), "byte {at}");
    }
}

/// A chain that can be put together in very many ways costs a bounded number of attempts.
#[test]
fn a_maze_of_authorities_ends() {
    let roots: Vec<_> = (0..4).map(|_| Authority::root("same")).collect();
    // Four authorities of one name, each able to stand above each other, none of which we trust.
    let maze: Vec<_> = roots.iter().map(Authority::der).collect();
    let certificate = roots[0].issue(named("a", &["a.example"]));
    let trust = ClientTrust::new(&der(&[&Authority::root("other").der()])).unwrap();
    let mut chain = [&certificate[..]].to_vec();
    chain.extend(maze.iter().map(Vec::as_slice));
    assert_eq!(
        trust.verify(&chain, Some(NOW)),
        Err(CertificateError::UnknownIssuer)
    );
    // Trusting one of that name leaves the verifier to try keys until one fits or its budget is spent.
    let trust = ClientTrust::new(&der(&[&Authority::root("same").der()])).unwrap();
    let error = trust.verify(&chain, Some(NOW)).unwrap_err();
    assert!(matches!(
        error,
        CertificateError::BadSignature | CertificateError::TooComplex
    ));
}
