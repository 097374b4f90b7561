//! What a bootstrap gives the client: its account at the judge.

use super::{ClientJudge, Settings};
use lwm2m_core::{entry::Entry, path::Path, secret::Secret, uri::Scheme};

/// Security modes of /0/x/2.
const PSK: i64 = 0;
const CERTIFICATE: i64 = 2;
const NO_SEC: i64 = 3;
/// /0/x/15: the certificate in /0/x/4 is the trust anchor.
const TRUST_ANCHOR: i64 = 2;

/// Lifetime that a bootstrap gives, seconds.
pub(super) const LIFETIME: i64 = 86_400;
/// Short server id that a bootstrap gives.
pub(super) const SHORT_ID: i64 = 1;

/// A certificate for the client, which a bootstrap writes.
#[derive(Debug, Clone)]
pub struct Provision {
    /// The client's certificate, DER.
    pub certificate: Vec<u8>,
    /// Its private key, PKCS#8 DER.
    pub private_key: Secret,
    /// The authority that vouches for the judge, DER.
    pub trust: Vec<u8>,
}

/// Values of an instance of the security object: the judge as server.
pub(super) fn security(settings: &Settings, instance: u16) -> Vec<Entry> {
    let at = |id| Path::resource(0, instance, id);
    let uri = settings.announce.as_ref().unwrap_or(&settings.server.uri);
    let empty = Vec::new;
    let (mode, identity, trust, key, usage) = match (uri.scheme(), &settings.provision) {
        (Scheme::Coaps, Some(given)) => (
            CERTIFICATE,
            given.certificate.clone(),
            given.trust.clone(),
            given.private_key.expose_secret().to_vec(),
            Some(TRUST_ANCHOR),
        ),
        (Scheme::Coaps, None) => match &settings.server.psk {
            Some(psk) => (
                PSK,
                psk.identity.as_bytes().to_vec(),
                empty(),
                psk.key.expose_secret().to_vec(),
                None,
            ),
            None => (PSK, empty(), empty(), empty(), None),
        },
        _ => (NO_SEC, empty(), empty(), empty(), None),
    };
    let mut entries = vec![
        Entry::new(at(0), uri.to_string()),
        Entry::new(at(1), false),
        Entry::new(at(2), mode),
        Entry::new(at(3), identity),
        Entry::new(at(4), trust),
        Entry::new(at(5), key),
        Entry::new(at(10), SHORT_ID),
    ];
    entries.extend(usage.map(|usage| Entry::new(at(15), usage)));
    entries
}

/// Values of an instance of the server object: 0-SetOfValues.
pub(super) fn server(instance: u16) -> Vec<Entry> {
    let at = |id| Path::resource(1, instance, id);
    vec![
        Entry::new(at(0), SHORT_ID),
        Entry::new(at(1), LIFETIME),
        Entry::new(at(6), false),
        Entry::new(at(7), "U"),
    ]
}

impl ClientJudge {
    /// Whether a bootstrap can be given at all.
    pub(super) fn can_provision(&self) -> bool {
        self.settings.bootstrap.is_some()
    }
}
