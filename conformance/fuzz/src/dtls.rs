//! Both sides of DTLS, the same for every input: keys, certificates, and endpoints whose randomness is known.

use lwm2m_core::{engine::CertificateUsage, secret::Secret};
use lwm2m_dtls::{
    ClientCredentials, Endpoint, EndpointConfig, KeyAnswer, ServerConfig,
    certificate::{ClientTrust, LocalCertificate, ServerTrust, spki_of},
    crypto::{Provider, Signer, rustcrypto::RustCrypto},
};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use std::sync::{Arc, LazyLock};

const AUTHORITY: &[u8] = include_bytes!("dtls/authority.der");
/// Of the keys below, issued by the authority.
const CERTIFICATES: [&[u8]; 2] = [
    include_bytes!("dtls/client.der"),
    include_bytes!("dtls/server.der"),
];
/// The name in the server's certificate.
pub const HOST: &str = "server.example";
/// 1 January 2030, when all certificates are valid.
pub const UNIX_AT_ZERO: u64 = 1_893_456_000;

fn signer(base: u8) -> Arc<dyn Signer> {
    // PKCS#8 with an ECPrivateKey that holds the private number alone.
    let mut der = vec![
        0x30, 0x41, 2, 1, 0, 0x30, 0x13, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 8, 0x2a,
        0x86, 0x48, 0xce, 0x3d, 3, 1, 7, 4, 0x27, 0x30, 0x25, 2, 1, 1, 4, 0x20,
    ];
    der.extend([base; 32]);
    RustCrypto.signer(&Secret::new(der)).expect("a private key")
}

/// The client's, and the server's.
static KEYS: LazyLock<[Arc<dyn Signer>; 2]> = LazyLock::new(|| [signer(0x31), signer(0x77)]);
static TRUST: LazyLock<Arc<ServerTrust>> = LazyLock::new(|| {
    let usage = CertificateUsage::TrustAnchorAssertion;
    Arc::new(ServerTrust::new(usage, AUTHORITY, &[], HOST).expect("it can be held"))
});

fn local(side: usize) -> LocalCertificate {
    let chain = vec![CERTIFICATES[side].to_vec()];
    LocalCertificate::new(chain, KEYS[side].clone()).expect("it is of this key")
}

/// How the client proves who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// By a pre-shared key.
    Psk,
    /// By a raw public key.
    RawPublicKey,
    /// By a certificate.
    Certificate,
}

impl Kind {
    /// What a client has.
    pub fn credentials(self) -> ClientCredentials {
        match self {
            Kind::Psk => ClientCredentials::Psk {
                identity: b"device".to_vec(),
                key: Arc::new(Secret::new(b"sixteen bytes...".to_vec())),
            },
            Kind::RawPublicKey => ClientCredentials::RawPublicKey {
                signer: KEYS[0].clone(),
                server: spki_of(&KEYS[1].public_key()),
            },
            Kind::Certificate => ClientCredentials::Certificate {
                local: local(0),
                trust: TRUST.clone(),
            },
        }
    }
}

/// A server of every kind.
pub fn serves() -> ServerConfig {
    let trust = ClientTrust::new(&[AUTHORITY.to_vec()]).expect("it is an anchor");
    ServerConfig::new()
        .psk()
        .raw_public_key(KEYS[1].clone())
        .certificate(local(1), trust)
}

/// The pre-shared key of the client.
pub fn key() -> KeyAnswer {
    KeyAnswer::Key(Arc::new(Secret::new(b"sixteen bytes...".to_vec())))
}

/// `ring`, where it is asked for and built in: it takes its randomness from the system, so that an input need not do the
/// same twice.
pub fn provider(ring: bool) -> Arc<dyn Provider> {
    #[cfg(feature = "ring")]
    if ring {
        return Arc::new(lwm2m_dtls::crypto::ring::Ring::new());
    }
    let _ = ring;
    Arc::new(RustCrypto)
}

/// An endpoint with randomness of this seed.
pub fn endpoint(
    config: EndpointConfig,
    server: Option<ServerConfig>,
    provider: Arc<dyn Provider>,
    seed: u64,
) -> Endpoint {
    let random = Box::new(ChaCha8Rng::seed_from_u64(seed));
    Endpoint::new(config, server, provider, random).expect("a good configuration")
}

/// Changes bytes as the input says: three for each change, a place and what is done there.
pub fn damage(bytes: &mut [u8], instructions: &[u8]) {
    for change in instructions.chunks_exact(3) {
        let at = usize::from(u16::from_be_bytes([change[0], change[1]]));
        if let Some(at) = at.checked_rem(bytes.len()) {
            bytes[at] ^= change[2];
        }
    }
}
