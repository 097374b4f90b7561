//! DTLS sessions as documents of a [`Store`].

use crate::{
    persistence::{self, Base64, SecretBase64},
    store::{Change, Collection, Document, Store, StoreError},
};
use async_trait::async_trait;
use lwm2m_transport::dtls::{
    KeptSession, SessionChange, SessionName, SessionStore, SessionStoreError,
};
use serde::{Deserialize, Serialize};
use std::{num::ParseIntError, sync::Arc};
use tracing::warn;

/// Which DTLS session a registration was made or updated over last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SessionOf {
    /// One that is kept, under this name.
    Kept(#[serde(with = "name")] SessionName),
    /// One that is not kept, or has ended: there is none to go on with.
    NotKept,
}

/// A session as it is kept.
#[derive(Serialize, Deserialize)]
struct SessionRecord {
    listener: u16,
    heard: u64,
    credential: Base64,
    state: SecretBase64,
}

/// The place in a store where sessions are.
pub(crate) struct Sessions(pub(crate) Arc<dyn Store>);

#[async_trait]
impl SessionStore for Sessions {
    async fn load(&self) -> Result<Vec<KeptSession>, SessionStoreError> {
        let documents = self.0.load(Collection::Sessions).await;
        let (mut sessions, mut unreadable) = (Vec::new(), Vec::new());
        for document in documents.map_err(SessionStoreError::new)? {
            match session(&document) {
                Ok(session) => sessions.push(session),
                Err(error) => {
                    // Its device makes a new one; the server need not stay away for it.
                    warn!("a session is given up: {error}");
                    unreadable.push(Change::Remove {
                        collection: Collection::Sessions,
                        key: document.key,
                    });
                }
            }
        }
        if !unreadable.is_empty() {
            let removed = self.0.apply(&unreadable).await;
            removed.map_err(SessionStoreError::new)?;
        }
        Ok(sessions)
    }

    async fn apply(&self, changes: &[SessionChange]) -> Result<(), SessionStoreError> {
        let changes: Option<Vec<Change>> = changes.iter().map(change).collect();
        // A kind of change that is not known must not be lost silently.
        let changes = changes.ok_or_else(|| SessionStoreError::new("unknown kind of change"))?;
        let applied = self.0.apply(&changes).await;
        applied.map_err(SessionStoreError::new)
    }
}

fn change(change: &SessionChange) -> Option<Change> {
    Some(match change {
        SessionChange::Put(session) => Change::Put(document(session)),
        SessionChange::Remove(name) => Change::Remove {
            collection: Collection::Sessions,
            key: key(*name),
        },
        _ => return None,
    })
}

fn key(name: SessionName) -> String {
    format!("{:032x}", u128::from_be_bytes(name.0))
}

fn name_of(key: &str) -> Result<SessionName, ParseIntError> {
    let name = u128::from_str_radix(key, 16)?;
    Ok(SessionName(name.to_be_bytes()))
}

/// A name within a record.
mod name {
    use super::{SessionName, key, name_of};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(name: &SessionName, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&key(*name))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<SessionName, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(from)?;
        name_of(&text).map_err(Error::custom)
    }
}

fn document(session: &KeptSession) -> Document {
    let record = SessionRecord {
        listener: session.listener,
        heard: persistence::millis(session.heard),
        credential: Base64::of(&session.credential),
        state: SecretBase64::of(&session.state),
    };
    persistence::write(Collection::Sessions, key(session.name), &record)
}

fn session(document: &Document) -> Result<KeptSession, StoreError> {
    persistence::read(document, |record: SessionRecord| {
        Ok(KeptSession::new(
            name_of(&document.key).map_err(|error| error.to_string())?,
            record.listener,
            persistence::from_millis(record.heard),
            record.credential.0,
            record.state.0,
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use lwm2m_core::secret::Secret;
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn sessions_come_back_as_they_were() {
        for (name, credential) in [([0; 16], vec![]), ([0xFF; 16], vec![7; 32])] {
            let kept = KeptSession::new(
                SessionName(name),
                3,
                UNIX_EPOCH + Duration::from_millis(1_700_000_000_123),
                credential,
                Secret::new((0..=255).collect()),
            );
            let document = document(&kept);
            assert_eq!(document.key.len(), 32);
            assert_eq!(session(&document).unwrap(), kept);
        }
    }

    #[test]
    fn registrations_name_their_session() {
        let name = SessionName([0xAB; 16]);
        for (session, text) in [
            (
                SessionOf::Kept(name),
                format!("{{\"kept\":\"{}\"}}", "ab".repeat(16)),
            ),
            (SessionOf::NotKept, "\"not_kept\"".to_owned()),
        ] {
            assert_eq!(serde_json::to_string(&session).unwrap(), text);
            assert_eq!(serde_json::from_str::<SessionOf>(&text).unwrap(), session);
        }
        serde_json::from_str::<SessionOf>("{\"kept\":\"no digits\"}").unwrap_err();
    }

    #[test]
    fn what_is_no_session_is_said_without_its_content() {
        for content in [
            "",
            "{}",
            r#"{"listener":0,"heard":1,"credential":"","state":"topsecret!"}"#,
        ] {
            let document = Document {
                collection: Collection::Sessions,
                key: "00".into(),
                content: Secret::new(content.as_bytes().to_vec()),
            };
            let error = session(&document).unwrap_err().to_string();
            assert!(
                error.starts_with("sessions") && !error.contains("topsecret"),
                "{error}"
            );
        }
    }
}
