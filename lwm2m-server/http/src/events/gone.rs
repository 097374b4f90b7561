//! Devices that were registered a moment ago: who watches a fleet wants to see who left it.

use crate::json::seconds;
use lwm2m_server::ServerEvent;
use serde::Serialize;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};
use utoipa::ToSchema;

/// How many are remembered, about 100 bytes each.
const REMEMBERED: usize = 64;

/// The devices that left last.
#[derive(Default)]
pub(crate) struct Gone(Mutex<VecDeque<Entry>>);

struct Entry {
    endpoint: Arc<str>,
    state: &'static str,
    at: SystemTime,
}

/// A device that is not registered any more.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GoneForm {
    /// Endpoint name.
    endpoint: String,
    /// `expired` or `deregistered`.
    state: &'static str,
    /// When it left, seconds since 1970-01-01T00:00:00Z.
    last_seen: f64,
}

impl Gone {
    pub(crate) fn take_in(&self, event: &ServerEvent) {
        let (endpoint, state) = match event {
            ServerEvent::Registered { registration, .. } => (&registration.endpoint, None),
            ServerEvent::Expired { endpoint } => (endpoint, Some("expired")),
            ServerEvent::Deregistered { endpoint, .. } => (endpoint, Some("deregistered")),
            _ => return,
        };
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.retain(|entry| entry.endpoint != *endpoint);
        if let Some(state) = state {
            entries.truncate(REMEMBERED - 1);
            entries.push_front(Entry {
                endpoint: endpoint.clone(),
                state,
                at: SystemTime::now(),
            });
        }
    }

    /// The last first.
    pub(crate) fn all(&self) -> Vec<GoneForm> {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let form = |entry: &Entry| GoneForm {
            endpoint: entry.endpoint.to_string(),
            state: entry.state,
            last_seen: seconds(entry.at),
        };
        entries.iter().map(form).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ones_stay() {
        let gone = Gone::default();
        for number in 0..100 {
            let endpoint = format!("{number}").into();
            gone.take_in(&ServerEvent::Expired { endpoint });
        }
        gone.take_in(&ServerEvent::Deregistered {
            endpoint: "98".into(),
            reason: lwm2m_server::DeregistrationReason::ByDevice,
        });
        let all = gone.all();
        assert_eq!(all.len(), REMEMBERED);
        assert_eq!((&*all[0].endpoint, all[0].state), ("98", "deregistered"));
        assert_eq!((&*all[1].endpoint, all[1].state), ("99", "expired"));
        assert_eq!(all.iter().filter(|form| form.endpoint == "98").count(), 1);
    }
}
