//! Writes changes to a store, behind the engine's back.

use crate::{
    bootstrap::BootstrapStore,
    persistence,
    security::SecurityStore,
    store::{Change, Collection, Store, StoreError},
};
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::oneshot;
use tracing::warn;

/// How long a change waits at most before it is written.
const INTERVAL: Duration = Duration::from_millis(200);
/// Changes in one batch.
pub(crate) const BATCH: usize = 1000;

/// Names of records that were changed by the program and not written yet. One name stands in it once.
#[derive(Clone, Default)]
pub(crate) struct Names(Arc<Mutex<BTreeSet<String>>>);

impl Names {
    pub(crate) fn insert(&self, name: &str) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name.to_owned());
    }

    fn take(&self, limit: usize) -> Vec<String> {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::iter::from_fn(|| names.pop_first())
            .take(limit)
            .collect()
    }
}

/// Reads the credentials in a store, and notes those that change from now on. What the program has put into the security
/// store before takes precedence.
pub(crate) async fn adopt_credentials(
    store: &dyn Store,
    security: &SecurityStore,
) -> Result<Names, StoreError> {
    let documents = store.load(Collection::Credentials).await?;
    for document in &documents {
        if !security.credentials(&document.key).is_empty() {
            continue;
        }
        let credentials = persistence::read_credentials(document)?;
        if let Err(error) = security.set(&document.key, credentials) {
            warn!(
                endpoint = document.key,
                "stored credentials are not taken: {error}"
            );
        }
    }
    let names = Names::default();
    let (_, known) = security.endpoints(None, usize::MAX);
    for endpoint in known {
        names.insert(&endpoint);
    }
    let changed = names.clone();
    security.on_change(move |change| changed.insert(&change.endpoint));
    Ok(names)
}

/// At most `limit` changes of credentials.
pub(crate) fn credential_changes(
    names: &Names,
    security: &SecurityStore,
    limit: usize,
) -> Vec<Change> {
    let changes = names.take(limit).into_iter().map(|endpoint| {
        let credentials = security.credentials(&endpoint);
        match credentials.is_empty() {
            true => Change::Remove {
                collection: Collection::Credentials,
                key: endpoint,
            },
            false => Change::Put(persistence::credentials_document(&endpoint, &credentials)),
        }
    });
    changes.collect()
}

/// Reads the bootstrap configurations in a store, and notes those that change from now on. What the program has set
/// before takes precedence.
pub(crate) async fn adopt_configurations(
    store: &dyn Store,
    configurations: &BootstrapStore,
) -> Result<Names, StoreError> {
    for document in &store.load(Collection::Bootstrap).await? {
        if configurations.config(&document.key).is_some() {
            continue;
        }
        let config = persistence::read_bootstrap(document)?;
        if let Err(error) = configurations.set(&document.key, config) {
            warn!(
                endpoint = document.key,
                "a stored bootstrap configuration is not taken: {error}"
            );
        }
    }
    let names = Names::default();
    let (_, known) = configurations.endpoints(None, usize::MAX);
    for endpoint in known {
        names.insert(&endpoint);
    }
    let changed = names.clone();
    configurations.on_change(Box::new(move |endpoint, _| changed.insert(endpoint)));
    Ok(names)
}

/// At most `limit` changes of bootstrap configurations.
pub(crate) fn configuration_changes(
    names: &Names,
    configurations: &BootstrapStore,
    limit: usize,
) -> Vec<Change> {
    let changes =
        names
            .take(limit)
            .into_iter()
            .map(|endpoint| match configurations.config(&endpoint) {
                None => Change::Remove {
                    collection: Collection::Bootstrap,
                    key: endpoint,
                },
                Some(config) => Change::Put(persistence::bootstrap_document(&endpoint, &config)),
            });
    changes.collect()
}

/// A writer that runs; dropped, it writes what it can still collect and ends.
pub(crate) struct Writer {
    stop: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<()>,
}

impl Writer {
    /// Writes what `collect` gives, until it is stopped. A batch that the store does not take is kept and tried again;
    /// what changes meanwhile is not collected, so that nothing grows here.
    pub(crate) fn spawn<C, F>(store: Arc<dyn Store>, mut collect: C) -> Self
    where
        C: FnMut() -> F + Send + 'static,
        F: Future<Output = Vec<Change>> + Send,
    {
        let (stop, mut stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            let mut batch = Vec::new();
            let mut failing = false;
            loop {
                let last = tokio::time::timeout(INTERVAL, &mut stopped).await.is_ok();
                loop {
                    if batch.is_empty() {
                        batch = collect().await;
                    }
                    if batch.is_empty() {
                        break;
                    }
                    match store.apply(&batch).await {
                        Ok(()) => {
                            batch.clear();
                            failing = false;
                        }
                        Err(error) => {
                            if !std::mem::replace(&mut failing, true) {
                                warn!("changes are not kept for now, trying again: {error}");
                            }
                            break;
                        }
                    }
                }
                if last {
                    break;
                }
            }
        });
        Writer { stop, task }
    }

    /// Writes what has changed until now, and ends.
    pub(crate) async fn finish(self) {
        // An error means that the task has ended.
        let _ = self.stop.send(());
        if let Err(error) = self.task.await {
            warn!("the writer failed: {error}");
        }
    }
}
