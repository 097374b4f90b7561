//! Credentials that are looked up elsewhere, while the listener goes on.
//!
//! A handshake waits for what is looked up for it, and nobody else does. At its end its credentials are looked up once
//! more, as those of a [`CredentialSource`](crate::CredentialSource) are: whoever was removed meanwhile, or takes up a
//! session of before, does not come in. What a device says until that answer is there is held back.
//!
//! A question that is not answered ends its handshake by [`handshake_timeout`](super::DtlsServerConfig::handshake_timeout),
//! and the device tries again.

use super::judge::Standing;
use async_trait::async_trait;
use lwm2m_core::{peer::CertificateIdentity, secret::Secret};
use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    task::{AbortHandle, Id, JoinSet},
    time::Instant,
};

/// Answers which credentials are good when it has found out, from a database or another service. Where they are in
/// memory, [`CredentialSource`](crate::CredentialSource) is simpler.
///
/// ```
/// use lwm2m_core::secret::Secret;
/// use lwm2m_transport::dtls::{CredentialLookup, LookupError};
/// # struct Pool;
/// # impl Pool {
/// #     async fn key_of(&self, _: &[u8]) -> std::io::Result<Option<Vec<u8>>> { Ok(None) }
/// # }
///
/// struct Database(Pool);
///
/// #[async_trait::async_trait]
/// impl CredentialLookup for Database {
///     async fn psk(&self, identity: &[u8]) -> Result<Option<Secret>, LookupError> {
///         let key = self.0.key_of(identity).await.map_err(LookupError::new)?;
///         Ok(key.map(Secret::new))
///     }
/// }
/// ```
///
/// Each question is asked in a task of its own: a look-up that panics costs its own handshake. One that is no longer of
/// use is dropped.
#[async_trait]
pub trait CredentialLookup: Send + Sync + 'static {
    /// The key of this PSK identity; `None` where the identity is unknown.
    ///
    /// # Errors
    /// The look-up failed. The device is told nothing, since to be unknown is final for it.
    async fn psk(&self, identity: &[u8]) -> Result<Option<Secret>, LookupError>;

    /// As [`CredentialSource::certificate_allowed`](crate::CredentialSource::certificate_allowed).
    ///
    /// # Errors
    /// The look-up failed. The device is told nothing.
    async fn certificate_allowed(
        &self,
        certificate: &CertificateIdentity,
    ) -> Result<bool, LookupError> {
        let _ = certificate;
        Ok(true)
    }

    /// As [`CredentialSource::raw_public_key_allowed`](crate::CredentialSource::raw_public_key_allowed).
    ///
    /// # Errors
    /// The look-up failed. The device is told nothing.
    async fn raw_public_key_allowed(&self, public_key: &[u8]) -> Result<bool, LookupError> {
        let _ = public_key;
        Ok(false)
    }
}

/// A look-up failed.
#[derive(Debug, thiserror::Error)]
#[error("the look-up of credentials failed: {0}")]
pub struct LookupError(#[source] Box<dyn std::error::Error + Send + Sync>);

impl LookupError {
    /// For this reason, which stands in the log.
    pub fn new(reason: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        LookupError(reason.into())
    }
}

/// Bounds of what is looked up.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LookupConfig {
    /// Look-ups at one time. Further questions wait for their turn: of each handshake one, and of as many sessions that
    /// have just begun as there may be handshakes. Default 256.
    pub max_lookups: usize,
    /// Datagrams of one session that wait for the look-up at its beginning; those beyond are dropped. Default 8.
    pub max_held: usize,
}

impl Default for LookupConfig {
    fn default() -> Self {
        LookupConfig {
            max_lookups: 256,
            max_held: 8,
        }
    }
}

/// An answer that is on its way.
pub(super) type LookUp = Pin<Box<dyn Future<Output = Result<Standing, LookupError>> + Send>>;

/// The questions that are open, at most one for each connection or session `K`, with what they are asked for.
pub(super) struct Lookups<K, T> {
    limit: usize,
    patience: Duration,
    /// Whether the time that a question waits for its turn is part of that.
    is_urgent: bool,
    open: HashMap<K, Question<T>>,
    /// Those whose turn has not come, in their order, and some that are no longer open.
    waiting: VecDeque<K>,
    tasks: JoinSet<Result<Standing, LookupError>>,
    whose: HashMap<Id, K>,
}

struct Question<T> {
    purpose: T,
    /// Until its turn has come.
    look_up: Option<LookUp>,
    since: Instant,
    /// From then on.
    task: Option<AbortHandle>,
}

impl<K: Copy + Eq + Hash, T> Lookups<K, T> {
    /// With so many at one time, each for so long from its turn on.
    pub(super) fn new(limit: usize, patience: Duration) -> Self {
        Lookups {
            limit: limit.max(1),
            patience,
            is_urgent: false,
            open: HashMap::new(),
            waiting: VecDeque::new(),
            tasks: JoinSet::new(),
            whose: HashMap::new(),
        }
    }

    /// For those whom somebody waits for: each has its time from the question on.
    pub(super) fn urgent(mut self) -> Self {
        self.is_urgent = true;
        self
    }

    /// How many questions are open.
    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    pub(super) fn ask(&mut self, asker: K, purpose: T, look_up: LookUp) {
        let question = Question {
            purpose,
            look_up: Some(look_up),
            since: Instant::now(),
            task: None,
        };
        self.open.insert(asker, question);
        if self.waiting.len() > 2 * self.open.len() {
            self.waiting.retain(|asker| self.open.contains_key(asker));
        }
        self.waiting.push_back(asker);
    }

    pub(super) fn purpose_mut(&mut self, asker: K) -> Option<&mut T> {
        Some(&mut self.open.get_mut(&asker)?.purpose)
    }

    /// The answer is not needed any more.
    pub(super) fn cancel(&mut self, asker: K) -> Option<T> {
        let question = self.open.remove(&asker)?;
        if let Some(task) = question.task {
            task.abort();
        }
        Some(question.purpose)
    }

    /// The next answer; pending, too, where nothing is asked.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<(K, T, Result<Standing, LookupError>)> {
        if self.open.is_empty() && self.tasks.is_empty() {
            return Poll::Pending;
        }
        loop {
            self.start();
            let Poll::Ready(Some(ended)) = self.tasks.poll_join_next_with_id(cx) else {
                return Poll::Pending;
            };
            let (task, answer) = match ended {
                Ok((task, answer)) => (task, answer),
                Err(error) => (error.id(), Err(LookupError::new("it panicked"))),
            };
            // Of those that were cancelled nobody waits for an answer.
            if let Some(asker) = self.whose.remove(&task)
                && let Some(question) = self.open.remove(&asker)
            {
                return Poll::Ready((asker, question.purpose, answer));
            }
        }
    }

    fn start(&mut self) {
        while self.tasks.len() < self.limit
            && let Some(asker) = self.waiting.pop_front()
        {
            let Some(question) = self.open.get_mut(&asker) else {
                continue;
            };
            let Some(look_up) = question.look_up.take() else {
                continue;
            };
            let since = match self.is_urgent {
                true => question.since,
                false => Instant::now(),
            };
            let deadline = since + self.patience;
            let task = self.tasks.spawn(async move {
                match tokio::time::timeout_at(deadline, look_up).await {
                    Ok(answer) => answer,
                    Err(_) => Err(LookupError::new("it took too long")),
                }
            });
            self.whose.insert(task.id(), asker);
            question.task = Some(task);
        }
    }
}

#[cfg(test)]
mod tests;
