//! Who may come in, and who may go on.

use super::{
    keeping::{KeptSession, SessionName},
    lookup::{CredentialLookup, LookUp, LookupError, Lookups},
};
use crate::credentials::CredentialSource;
use lwm2m_core::{peer::PeerIdentity, secret::Secret};
use lwm2m_dtls::Export;
use ring::{digest, hmac};
use std::{collections::HashMap, future::poll_fn, sync::Arc};
use tracing::warn;

/// Knows whom a listener lets in.
pub(super) struct Judge {
    pub(super) source: Source,
    /// [`fingerprint`] of all trust anchors for clients.
    pub(super) anchors: Vec<u8>,
}

/// Where credentials are.
#[derive(Clone)]
pub(super) enum Source {
    Memory(Arc<dyn CredentialSource>),
    Elsewhere(Arc<dyn CredentialLookup>),
}

/// What is known of somebody.
pub(super) enum Standing {
    Unknown,
    /// With a certificate or raw public key.
    Welcome,
    /// With this pre-shared key.
    Key(Secret),
}

impl Standing {
    fn of_key(key: Option<Secret>) -> Self {
        match key.filter(|key| !key.is_empty()) {
            Some(key) => Standing::Key(key),
            None => Standing::Unknown,
        }
    }

    fn of_peer(is_welcome: bool) -> Self {
        match is_welcome {
            true => Standing::Welcome,
            false => Standing::Unknown,
        }
    }

    /// Whether the credentials of a new session have not been removed since its handshake was given this. Those
    /// removed from now on are a matter of `forget`. A session that was taken up again has not asked for its key.
    pub(super) fn still_holds(&self, given: Option<&Secret>) -> bool {
        match (self, given) {
            (Standing::Unknown, _) => false,
            (Standing::Key(now), Some(given)) => now == given,
            (Standing::Key(_) | Standing::Welcome, _) => true,
        }
    }
}

/// An answer, or one that comes later.
pub(super) enum Said {
    Now(Standing),
    Later(LookUp),
}

impl Judge {
    pub(super) fn ask(&self, identity: &PeerIdentity) -> Said {
        match &self.source {
            Source::Memory(source) => Said::Now(match identity {
                PeerIdentity::Psk(identity) => Standing::of_key(source.psk(identity)),
                PeerIdentity::Certificate(names) => {
                    Standing::of_peer(source.certificate_allowed(names))
                }
                PeerIdentity::RawPublicKey(spki) => {
                    Standing::of_peer(source.raw_public_key_allowed(spki))
                }
                _ => Standing::Unknown,
            }),
            Source::Elsewhere(source) => {
                let (source, identity) = (source.clone(), identity.clone());
                Said::Later(Box::pin(async move { look_up(&*source, &identity).await }))
            }
        }
    }

    /// Looks up what is to be known before sessions are taken up again. Of those whose look-up fails nothing is: they end.
    pub(super) async fn look_up_all(
        &self,
        sessions: &[KeptSession],
        mut lookups: Lookups<SessionName, ()>,
    ) -> HashMap<SessionName, Standing> {
        let mut known = HashMap::new();
        if let Source::Memory(_) = self.source {
            return known;
        }
        for session in sessions {
            let state = Export::from_bytes(session.state.expose_secret().to_vec());
            let said = state.identity().map(|identity| self.ask(&identity));
            if let Some(Said::Later(look_up)) = said {
                lookups.ask(session.name, (), look_up);
            }
        }
        while lookups.len() > 0 {
            let (name, (), answer) = poll_fn(|cx| lookups.poll(cx)).await;
            match answer {
                Ok(standing) => drop(known.insert(name, standing)),
                Err(error) => warn!(%error, "a kept session is not taken up"),
            }
        }
        known
    }

    /// Whether a kept session still rests on what it did.
    pub(super) fn may_go_on(
        &self,
        identity: &PeerIdentity,
        session: &KeptSession,
        known: &HashMap<SessionName, Standing>,
    ) -> bool {
        let rests = |standing: &Standing| {
            standing.still_holds(None)
                && self.mark(&session.name, identity, standing) == session.credential
        };
        if let Some(standing) = known.get(&session.name) {
            return rests(standing);
        }
        match self.ask(identity) {
            Said::Now(standing) => rests(&standing),
            Said::Later(_) => false,
        }
    }

    /// What tells, after a restart, whether a session still rests on the same: of a pre-shared key nothing that could be
    /// learned otherwise than by trying keys, and the name of the session makes it another for each.
    pub(super) fn mark(
        &self,
        name: &SessionName,
        identity: &PeerIdentity,
        standing: &Standing,
    ) -> Vec<u8> {
        match (standing, identity) {
            (Standing::Key(key), _) => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, key.expose_secret());
                hmac::sign(&key, &name.0).as_ref().to_vec()
            }
            (Standing::Welcome, PeerIdentity::Certificate(_)) => self.anchors.clone(),
            _ => Vec::new(),
        }
    }
}

async fn look_up(
    source: &dyn CredentialLookup,
    identity: &PeerIdentity,
) -> Result<Standing, LookupError> {
    Ok(match identity {
        PeerIdentity::Psk(identity) => Standing::of_key(source.psk(identity).await?),
        PeerIdentity::Certificate(names) => {
            Standing::of_peer(source.certificate_allowed(names).await?)
        }
        PeerIdentity::RawPublicKey(spki) => {
            Standing::of_peer(source.raw_public_key_allowed(spki).await?)
        }
        _ => Standing::Unknown,
    })
}

/// Of a list of certificates, in whatever order.
pub(super) fn fingerprint(certificates: &[Vec<u8>]) -> Vec<u8> {
    let digest = |bytes: &[u8]| digest::digest(&digest::SHA256, bytes).as_ref().to_vec();
    let mut all: Vec<Vec<u8>> = certificates.iter().map(|der| digest(der)).collect();
    all.sort();
    digest(&all.concat())
}
