//! Sessions come back from the store.

use super::{Gone, Keeper, Kept};
use crate::dtls::keeping::{KeptSession, RestoredSession, SessionStoreError};
use lwm2m_core::{
    peer::{PeerId, PeerIdentity},
    time::Instant,
};
use lwm2m_dtls::{Connection, Endpoint, Event, Export};
use std::time::SystemTime;
use tracing::debug;

impl Keeper {
    /// Takes up sessions from the store, as far as `is_good` finds their credentials unchanged, and reserves their next
    /// numbers. The others are removed.
    pub(crate) async fn restore(
        &mut self,
        now: Instant,
        endpoint: &mut Endpoint,
        mut sessions: Vec<KeptSession>,
        is_good: impl Fn(&PeerIdentity, &KeptSession) -> bool + Send,
    ) -> Result<Vec<RestoredSession>, SessionStoreError> {
        // The quietest first: it is the first to become idle, and where two are of one device the later one counts.
        sessions.sort_by_key(|session| session.heard);
        // Where there is not room for all, it is the busiest that stay.
        let room = self.room.saturating_sub(endpoint.session_count());
        let limit = self.keeping.config.max_sessions.min(room);
        let excess = sessions.len().saturating_sub(limit);
        let wall = SystemTime::now();
        let mut restored = Vec::new();
        for (index, session) in sessions.into_iter().enumerate() {
            let quiet = wall.duration_since(session.heard).unwrap_or_default();
            let is_fresh = index >= excess && quiet < self.idle_timeout;
            let taken = is_fresh && self.take_up(now, endpoint, &session, &is_good, &mut restored);
            if !taken {
                let (name, held) = (session.name, Vec::new());
                self.gone.push_back(Gone { name, held });
            }
        }
        // What came after one at the same address has taken its place.
        restored.retain(|(connection, _)| self.kept.contains_key(connection));
        for (connection, _) in &restored {
            self.mark(*connection);
        }
        self.write_all(now, endpoint).await?;
        Ok(restored.into_iter().map(|(_, restored)| restored).collect())
    }

    fn take_up(
        &mut self,
        now: Instant,
        endpoint: &mut Endpoint,
        session: &KeptSession,
        is_good: &impl Fn(&PeerIdentity, &KeptSession) -> bool,
        restored: &mut Vec<(Connection, RestoredSession)>,
    ) -> bool {
        let state = Export::from_bytes(session.state.expose_secret().to_vec());
        if let Err(error) = endpoint.import(now, &state) {
            debug!(%error, "a kept session is not taken up");
            return false;
        }
        let mut taken = false;
        while let Some(event) = endpoint.poll_event() {
            match event {
                Event::Connected {
                    connection,
                    identity,
                    address,
                    ..
                } => {
                    if !is_good(&identity, session) {
                        debug!(%address, %identity, "the credentials of a kept session have changed");
                        endpoint.close(now, connection);
                        continue;
                    }
                    taken = true;
                    let peer = PeerId::from_connection(self.listener, connection.number());
                    let kept = Kept {
                        name: session.name,
                        peer,
                        credential: session.credential.clone(),
                        heard: session.heard,
                        saved: now,
                        has_heard: false,
                        is_behind: false,
                        is_handed: true,
                        held: Vec::new(),
                    };
                    self.insert(connection, kept);
                    let found = RestoredSession {
                        name: session.name,
                        peer,
                        identity,
                        address,
                    };
                    restored.push((connection, found));
                }
                Event::Closed { connection, .. } => {
                    if let Some(kept) = self.remove(connection) {
                        let (name, held) = (kept.name, Vec::new());
                        self.gone.push_back(Gone { name, held });
                    }
                }
                _ => {}
            }
        }
        taken
    }
}
