//! Who may come in, and who may go on.

use super::keeping::SessionName;
use crate::credentials::CredentialSource;
use lwm2m_core::{peer::PeerIdentity, secret::Secret};
use ring::{digest, hmac};

/// Who may come in.
pub(super) struct Judge<'a> {
    pub(super) credentials: &'a dyn CredentialSource,
    /// [`fingerprint`] of all trust anchors for clients.
    pub(super) anchors: &'a [u8],
}

impl Judge<'_> {
    pub(super) fn welcomes(&self, identity: &PeerIdentity) -> bool {
        match identity {
            PeerIdentity::Certificate(names) => self.credentials.certificate_allowed(names),
            PeerIdentity::RawPublicKey(spki) => self.credentials.raw_public_key_allowed(spki),
            _ => false,
        }
    }

    /// Whether the credentials of a new session have not been removed since its handshake asked for them. Those
    /// removed from now on are a matter of `forget`. A session that was taken up again has not asked for its key.
    pub(super) fn still_good(&self, identity: &PeerIdentity, given: Option<Secret>) -> bool {
        match identity {
            PeerIdentity::Psk(identity) => match (self.credentials.psk(identity), given) {
                (Some(now), Some(given)) => now == given,
                (now, None) => now.is_some(),
                (None, Some(_)) => false,
            },
            other => self.welcomes(other),
        }
    }

    /// What tells, after a restart, whether a session still rests on the same: of a pre-shared key nothing that could be
    /// learned otherwise than by trying keys, and the name of the session makes it another for each.
    pub(super) fn mark(&self, name: &SessionName, identity: &PeerIdentity) -> Vec<u8> {
        match identity {
            PeerIdentity::Psk(identity) => match self.credentials.psk(identity) {
                Some(key) => {
                    let key = hmac::Key::new(hmac::HMAC_SHA256, key.expose_secret());
                    hmac::sign(&key, &name.0).as_ref().to_vec()
                }
                None => Vec::new(),
            },
            PeerIdentity::Certificate(_) => self.anchors.to_vec(),
            _ => Vec::new(),
        }
    }
}

/// Of a list of certificates, in whatever order.
pub(super) fn fingerprint(certificates: &[Vec<u8>]) -> Vec<u8> {
    let digest = |bytes: &[u8]| digest::digest(&digest::SHA256, bytes).as_ref().to_vec();
    let mut all: Vec<Vec<u8>> = certificates.iter().map(|der| digest(der)).collect();
    all.sort();
    digest(&all.concat())
}
