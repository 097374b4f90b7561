//! Certificates: bytes that never were any, and a good chain with damage. Nothing panics, and a chain is believed if and
//! only if it is the good one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lwm2m_core::engine::CertificateUsage;
use lwm2m_dtls::certificate::{
    ClientTrust, DenyList, ServerTrust, identity_of_certificate, public_key_of_certificate,
    public_key_of_spki, spki_of,
};
use std::sync::LazyLock;

const ROOT: &[u8] = include_bytes!("certificate/root.der");
const MIDDLE: &[u8] = include_bytes!("certificate/middle.der");
const LEAF: &[u8] = include_bytes!("certificate/leaf.der");
/// 1 January 2030, when all of them are valid.
const NOW: Option<u64> = Some(1_893_456_000);
const HOST: &str = "server.example";
const USAGES: [CertificateUsage; 4] = [
    CertificateUsage::CaConstraint,
    CertificateUsage::ServiceCertificateConstraint,
    CertificateUsage::TrustAnchorAssertion,
    CertificateUsage::DomainIssuedCertificate,
];

static CLIENTS: LazyLock<ClientTrust> =
    LazyLock::new(|| ClientTrust::new(&[ROOT.to_vec()]).expect("the root is an anchor"));
static SERVERS: LazyLock<[ServerTrust; 4]> = LazyLock::new(|| {
    let held = [MIDDLE, LEAF, ROOT, LEAF];
    std::array::from_fn(|at| {
        ServerTrust::new(USAGES[at], held[at], &[ROOT.to_vec()], HOST).expect("it can be held")
    })
});

fuzz_target!(|bytes: &[u8]| {
    read(bytes);
    judge(bytes);
});

/// The bytes as whatever is made of DER.
fn read(bytes: &[u8]) {
    if let Ok(key) = public_key_of_spki(bytes) {
        assert_eq!(spki_of(&key), bytes);
    }
    let _ = public_key_of_certificate(bytes);
    if let Ok(identity) = identity_of_certificate(bytes) {
        assert_eq!(identity.certificate, bytes);
    }
    let _ = DenyList::new().add_certificate(bytes);
    let anchors = [bytes.to_vec()];
    let _ = ClientTrust::new(&anchors).map(|trust| trust.verify(&[LEAF, bytes], None));
    for usage in USAGES {
        let _ = ServerTrust::new(usage, bytes, &anchors, HOST)
            .map(|trust| trust.verify(&[LEAF, MIDDLE, bytes], None));
    }
    let _ = CLIENTS.verify(&[bytes], None);
    for trust in &*SERVERS {
        let _ = trust.verify(&[bytes, MIDDLE], None);
    }
}

/// The bytes as damage, four of them for one byte of the chain: whose, where in two, and what changes.
fn judge(bytes: &[u8]) {
    let mut chain = [LEAF.to_vec(), MIDDLE.to_vec()];
    for damage in bytes.chunks_exact(4) {
        let certificate = &mut chain[usize::from(damage[0] & 1)];
        let at = usize::from(u16::from_be_bytes([damage[1], damage[2]])) % certificate.len();
        certificate[at] ^= damage[3];
    }
    let leaf_is_whole = chain[0] == LEAF;
    let is_whole = leaf_is_whole && chain[1] == MIDDLE;
    let chain: Vec<&[u8]> = chain.iter().map(Vec::as_slice).collect();
    assert_eq!(CLIENTS.verify(&chain, NOW).is_ok(), is_whole);
    let [chained @ .., pinned] = &*SERVERS;
    for trust in chained {
        assert_eq!(trust.verify(&chain, NOW).is_ok(), is_whole);
    }
    // Usage 3 looks at the end entity alone.
    assert!(leaf_is_whole || pinned.verify(&chain, NOW).is_err());
}
