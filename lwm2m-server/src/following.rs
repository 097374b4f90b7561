//! Brings changes of credentials to an engine, in the order in which they were made.

use crate::security::{SecurityChange, SecurityStore};
use lwm2m_core::engine::Engine;
use lwm2m_transport::EngineHandle;
use tokio::{sync::mpsc, task::AbortHandle};

/// The changes of credentials from one moment on. They wait here until there is an engine: what happens while a server
/// starts is not lost. Only the program makes them, so that nobody from outside makes the queue grow.
pub(crate) struct CredentialChanges(mpsc::UnboundedReceiver<SecurityChange>);

impl CredentialChanges {
    pub(crate) fn of(security: &SecurityStore) -> Self {
        let (sender, changes) = mpsc::unbounded_channel();
        security.on_change(move |change| {
            // An error means that the server has stopped, and its sessions with it.
            let _ = sender.send(change.clone());
        });
        CredentialChanges(changes)
    }

    /// Has `apply` bring each of them to the engine, one after the other: of two changes to one endpoint the later counts.
    /// The task holds the engine, and must be aborted for it to end.
    pub(crate) fn follow<E: Engine + Send + 'static>(
        mut self,
        handle: EngineHandle<E>,
        apply: fn(&mut E, &SecurityChange),
    ) -> AbortHandle {
        let task = async move {
            while let Some(change) = self.0.recv().await {
                let applied = handle.call(move |engine, _| apply(engine, &change));
                if applied.await.is_err() {
                    return;
                }
            }
        };
        tokio::spawn(task).abort_handle()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::security::{Credential, Role};
    use lwm2m_core::{
        engine::{Inbound, Outbound},
        time::Instant,
    };
    use lwm2m_transport::{Received, Transport};

    /// Notes whom it has heard of, and how many credentials they had then.
    #[derive(Default)]
    struct Noting(Vec<(String, usize)>);

    impl Engine for Noting {
        type Event = ();
        fn handle(&mut self, _: Instant, _: Inbound<'_>) {}
        fn handle_timeout(&mut self, _: Instant) {}
        fn poll_outbound(&mut self) -> Option<Outbound> {
            None
        }
        fn poll_event(&mut self) -> Option<()> {
            None
        }
        fn poll_timeout(&self) -> Option<Instant> {
            None
        }
    }

    struct Nowhere;

    impl Transport for Nowhere {
        async fn next(&mut self) -> Received {
            std::future::pending().await
        }
        fn send(&mut self, _: Outbound) {}
        async fn shutdown(&mut self) {}
    }

    #[tokio::test]
    async fn changes_come_in_order_and_none_is_lost_before_the_engine_runs() {
        let security = SecurityStore::new();
        let changes = CredentialChanges::of(&security);
        let mut expected = Vec::new();
        let mut change = |number: usize| {
            let name = format!("device-{}", number % 7);
            let key = Credential::psk(name.clone(), vec![3; 16]);
            let count = match security.remove(&name) {
                true => 0,
                false => {
                    security.add(&name, Role::Server, key).unwrap();
                    1
                }
            };
            expected.push((name, count));
        };
        (0..100).for_each(&mut change);
        let handle = lwm2m_transport::spawn(Noting::default(), Nowhere, |()| {});
        let task = changes.follow(handle.clone(), |engine, change| {
            let found = (change.endpoint.to_string(), change.roles.len());
            engine.0.push(found);
        });
        // More than the command queue of the engine takes at once.
        (100..3000).for_each(&mut change);
        let heard = loop {
            let heard = handle.call(|engine, _| engine.0.clone()).await.unwrap();
            if heard.len() == expected.len() {
                break heard;
            }
        };
        assert!(heard == expected);
        task.abort();
    }
}
