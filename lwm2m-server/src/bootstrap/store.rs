//! The configurations of all endpoints, in process.

use super::{BootstrapConfig, BootstrapConfigError};
use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{Arc, PoisonError, RwLock},
};

/// Tells that the configuration of an endpoint has changed.
pub(crate) type BootstrapListener = Box<dyn Fn(&str, Option<&BootstrapConfig>) + Send + Sync>;

/// Which device is given what. Clones are the same store.
#[derive(Clone, Default)]
pub struct BootstrapStore {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    configs: RwLock<BTreeMap<Arc<str>, Arc<BootstrapConfig>>>,
    listeners: RwLock<Vec<BootstrapListener>>,
}

impl BootstrapStore {
    /// An empty store: no device is given anything.
    pub fn new() -> Self {
        BootstrapStore::default()
    }

    /// Puts a configuration in place of the one an endpoint had.
    ///
    /// # Errors
    /// See [`BootstrapConfig::validate`]; nothing is changed then.
    pub fn set(&self, endpoint: &str, config: BootstrapConfig) -> Result<(), BootstrapConfigError> {
        config.validate()?;
        let config = Arc::new(config);
        {
            let mut configs = self
                .inner
                .configs
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            configs.insert(endpoint.into(), config.clone());
        }
        self.announce(endpoint, Some(&config));
        Ok(())
    }

    /// Removes the configuration of an endpoint and says whether there was one.
    pub fn remove(&self, endpoint: &str) -> bool {
        let removed = {
            let mut configs = self
                .inner
                .configs
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            configs.remove(endpoint).is_some()
        };
        if removed {
            self.announce(endpoint, None);
        }
        removed
    }

    /// The configuration of an endpoint.
    pub fn config(&self, endpoint: &str) -> Option<Arc<BootstrapConfig>> {
        let configs = self
            .inner
            .configs
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        configs.get(endpoint).cloned()
    }

    /// How many endpoints have a configuration, and the names of at most `limit` of them behind `after`, in order.
    pub fn endpoints(&self, after: Option<&str>, limit: usize) -> (usize, Vec<Arc<str>>) {
        let configs = self
            .inner
            .configs
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let names = configs.range::<str, _>((from, Bound::Unbounded));
        (
            configs.len(),
            names.take(limit).map(|(name, _)| name.clone()).collect(),
        )
    }

    /// Calls `listener` after each change, in the task of who makes it.
    pub(crate) fn on_change(&self, listener: BootstrapListener) {
        let mut listeners = self
            .inner
            .listeners
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        listeners.push(listener);
    }

    fn announce(&self, endpoint: &str, config: Option<&BootstrapConfig>) {
        let listeners = self
            .inner
            .listeners
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        for listener in listeners.iter() {
            listener(endpoint, config);
        }
    }
}
