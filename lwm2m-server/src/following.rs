//! Brings to an engine what changes outside of it: credentials, in the order in which they were changed, and the clock.

use crate::{
    engine::ServerEngine,
    security::{SecurityChange, SecurityStore},
};
use lwm2m_core::{engine::Engine, time::Instant};
use lwm2m_transport::EngineHandle;
use std::time::{Duration, SystemTime};
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

/// How long the times of a server may be those of before when its system clock has been set.
const CLOCK_INTERVAL: Duration = Duration::from_secs(60);

/// Has the engine go by this clock, even when it is set or the machine has slept. It is read against the clock of the
/// machine and not of the runtime, so that virtual time passes for the engine as it does for everybody. The task holds
/// the engine, and must be aborted for it to end.
pub(crate) fn follow_clock(
    handle: EngineHandle<ServerEngine>,
    clock: impl Fn() -> SystemTime + Send + 'static,
) -> AbortHandle {
    let started = std::time::Instant::now();
    let task = async move {
        loop {
            tokio::time::sleep(CLOCK_INTERVAL).await;
            let Some(at_start) = clock().checked_sub(started.elapsed()) else {
                continue;
            };
            let set = handle.call(move |engine, _| engine.set_wall_clock(Instant::ZERO, at_start));
            if set.await.is_err() {
                return;
            }
        }
    };
    tokio::spawn(task).abort_handle()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ServerConfig,
        engine::Policy,
        security::{Credential, Role},
    };
    use lwm2m_core::engine::{Inbound, Outbound};
    use lwm2m_objects::Definitions;
    use lwm2m_transport::{Received, Transport};
    use std::sync::{Arc, Mutex};

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

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_is_set_is_followed_and_virtual_time_goes_on() {
        const HOUR: Duration = Duration::from_secs(3600);
        let start = SystemTime::UNIX_EPOCH + 470_000 * HOUR;
        let (security, definitions) = (SecurityStore::new(), Definitions::built_in());
        let policy = Policy::Inline(Box::new(move |request| security.authorize(request)));
        let (config, definitions) = (ServerConfig::default(), Arc::new(definitions));
        let mut engine = ServerEngine::new(config, definitions, policy, &mut rand::rng());
        engine.set_wall_clock(Instant::ZERO, start);
        let handle = lwm2m_transport::spawn(engine, Nowhere, |_| {});
        let shown = Arc::new(Mutex::new(start));
        let clock = shown.clone();
        let task = follow_clock(handle.clone(), move || *clock.lock().unwrap());
        for (set, expected) in [(0, 2), (24, 24 + 4), (0, 6)] {
            *shown.lock().unwrap() = start + set * HOUR;
            tokio::time::sleep(2 * HOUR).await;
            let wall = handle.call(|engine, now| engine.wall(now)).await.unwrap();
            // Minutes that the machine may take for it are no matter.
            let off = (start + expected * HOUR).duration_since(wall);
            assert!(off.unwrap_or_else(|later| later.duration()) < HOUR);
        }
        task.abort();
    }
}
