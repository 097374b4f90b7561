//! One write of the store, which ends in any case.

use crate::dtls::keeping::{SessionChange, SessionStore, SessionStoreError};
use std::{pin::pin, sync::Arc, time::Duration};
use tokio::time::{Instant, sleep, timeout};
use tracing::warn;

/// Between two attempts to write the same.
const RETRY: Duration = Duration::from_millis(200);

/// A store that has not answered for so long is slow, and said to be. An attempt has as much time at least.
const SLOW: Duration = Duration::from_secs(1);

/// Applies these changes, again where that fails and there is `patience` left, and gives a store up that does not answer:
/// the sessions of the whole listener wait behind a write.
///
/// What is given up may be carried out later all the same. It does no harm: the sessions that it was for have ended, a
/// removal of them comes behind it, and the numbers that it reserves are reserved.
pub(super) async fn write(
    store: Arc<dyn SessionStore>,
    changes: Vec<SessionChange>,
    patience: Duration,
    was_failing: bool,
) -> Result<(), SessionStoreError> {
    if was_failing {
        sleep(RETRY).await;
    }
    let began = Instant::now();
    // Said once, however long it lasts.
    let mut said = was_failing;
    loop {
        let left = patience.saturating_sub(began.elapsed()).max(SLOW);
        let Err(error) = attempt(&*store, &changes, left, &mut said).await else {
            return Ok(());
        };
        if !std::mem::replace(&mut said, true) {
            warn!(%error, sessions = changes.len(), "sessions cannot be kept for now, trying again");
        }
        if began.elapsed() >= patience {
            return Err(error);
        }
        sleep(RETRY).await;
    }
}

/// Applies these changes once, in at most this time, which is not less than [`SLOW`].
async fn attempt(
    store: &dyn SessionStore,
    changes: &[SessionChange],
    time: Duration,
    said: &mut bool,
) -> Result<(), SessionStoreError> {
    let mut applied = pin!(store.apply(changes));
    if let Ok(result) = timeout(SLOW, applied.as_mut()).await {
        return result;
    }
    if !std::mem::replace(said, true) {
        let sessions = changes.len();
        warn!(
            sessions,
            "the store of sessions is slow: what they have received waits for it"
        );
    }
    match timeout(time.saturating_sub(SLOW), applied).await {
        Ok(result) => result,
        Err(_) => Err(SessionStoreError::new("it does not answer")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtls::keeping::{KeptSession, SessionName};
    use async_trait::async_trait;
    use std::{collections::VecDeque, sync::Mutex};

    const PATIENCE: Duration = Duration::from_secs(10);

    enum Answer {
        Done(Duration),
        Failure(Duration),
        Never,
    }

    /// A store that answers so, one time after the other, and then not at all.
    struct Script(Mutex<VecDeque<Answer>>);

    #[async_trait]
    impl SessionStore for Script {
        async fn load(&self) -> Result<Vec<KeptSession>, SessionStoreError> {
            Ok(Vec::new())
        }

        async fn apply(&self, _changes: &[SessionChange]) -> Result<(), SessionStoreError> {
            let answer = self.0.lock().unwrap().pop_front();
            match answer.unwrap_or(Answer::Never) {
                Answer::Done(time) => {
                    sleep(time).await;
                    Ok(())
                }
                Answer::Failure(time) => {
                    sleep(time).await;
                    Err(SessionStoreError::new("no room"))
                }
                Answer::Never => std::future::pending().await,
            }
        }
    }

    /// What comes of a write, and when.
    async fn written(
        answers: impl IntoIterator<Item = Answer>,
        patience: Duration,
        was_failing: bool,
    ) -> (Result<(), String>, Duration) {
        let store = Arc::new(Script(Mutex::new(answers.into_iter().collect())));
        let changes = vec![SessionChange::Remove(SessionName([1; 16]))];
        let began = Instant::now();
        let result = write(store, changes, patience, was_failing).await;
        (result.map_err(|error| error.to_string()), began.elapsed())
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    // The clock stands still but for what is waited for.
    #[tokio::test(start_paused = true)]
    async fn a_store_that_does_not_answer_is_given_up() {
        let (result, took) = written([], PATIENCE, false).await;
        assert!(result.unwrap_err().contains("does not answer"));
        // A timer fires with the millisecond behind its moment.
        assert!(took >= PATIENCE && took < PATIENCE + RETRY, "{took:?}");
        // Also where it has only failed at first.
        let failure = Answer::Failure(seconds(6));
        let (result, took) = written([failure], PATIENCE, false).await;
        assert!(result.unwrap_err().contains("does not answer"));
        assert!(took >= PATIENCE && took < PATIENCE + RETRY, "{took:?}");
        // Without patience, once, for as long as an attempt has at least.
        for was_failing in [false, true] {
            let (result, took) = written([], Duration::ZERO, was_failing).await;
            assert!(result.is_err());
            assert!(took >= SLOW && took < SLOW + 2 * RETRY, "{took:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_is_slow_is_waited_for() {
        let (result, took) = written([Answer::Done(seconds(9))], PATIENCE, false).await;
        assert_eq!(result, Ok(()));
        assert!(took >= seconds(9) && took < PATIENCE, "{took:?}");
        let answers = [Answer::Failure(seconds(3)), Answer::Done(seconds(6))];
        let (result, _) = written(answers, PATIENCE, false).await;
        assert_eq!(result, Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_fails_is_tried_again_for_as_long_as_is_asked() {
        let failures = || (0..1000).map(|_| Answer::Failure(Duration::ZERO));
        let (result, took) = written(failures(), PATIENCE, false).await;
        assert!(result.unwrap_err().contains("no room"));
        assert!(took >= PATIENCE && took <= PATIENCE + 2 * RETRY, "{took:?}");
        let (result, took) = written(failures(), Duration::ZERO, false).await;
        assert!(result.is_err());
        assert!(took < RETRY, "{took:?}");
    }
}
