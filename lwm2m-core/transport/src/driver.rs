//! One tokio task that runs an engine over a transport.

use crate::transport::Transport;
use lwm2m_core::{engine::Engine, time::Instant};
use std::{fmt, pin::Pin, time::Duration};
use tokio::{
    sync::{mpsc, oneshot},
    time::Sleep,
};
use tracing::debug;

/// Bounds of a driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct DriverConfig {
    /// Commands that wait for the engine; 16 bytes each plus what they capture. When it is full,
    /// [`EngineHandle::call`] waits and [`EngineHandle::cast`] fails. Default 1024.
    pub command_queue: usize,
    /// How long [`EngineHandle::stop`] lets the transport say goodbye. What outlives the process is written before that,
    /// in a time of its own ([`Transport::settle`]). Default 2 s.
    pub shutdown_timeout: Duration,
}

impl Default for DriverConfig {
    fn default() -> Self {
        DriverConfig {
            command_queue: 1024,
            shutdown_timeout: Duration::from_secs(2),
        }
    }
}

/// The driver has ended: nothing reaches the engine any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the engine has been stopped")]
pub struct Stopped;

/// Why [`EngineHandle::cast`] did not take a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CastError {
    /// The driver has ended.
    #[error("the engine has been stopped")]
    Stopped,
    /// As many commands wait as [`DriverConfig::command_queue`] allows.
    #[error("too many commands wait for the engine")]
    Full,
}

type Action<E> = Box<dyn FnOnce(&mut E, Instant) + Send>;

enum Command<E> {
    Run(Action<E>),
    Stop(oneshot::Sender<()>),
}

/// Reaches an engine that runs in its driver's task. Clones reach the same engine; when the last is dropped the
/// engine is stopped as by [`stop`](EngineHandle::stop).
pub struct EngineHandle<E> {
    commands: mpsc::Sender<Command<E>>,
}

impl<E> Clone for EngineHandle<E> {
    fn clone(&self) -> Self {
        EngineHandle {
            commands: self.commands.clone(),
        }
    }
}

impl<E> fmt::Debug for EngineHandle<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineHandle")
            .field("stopped", &self.commands.is_closed())
            .finish()
    }
}

impl<E: 'static> EngineHandle<E> {
    /// Runs `f` in the engine's task and returns its result. Waits while the command queue is full.
    ///
    /// `f` must not block: the engine stands still meanwhile. Dropping the future does not take back a command
    /// that has been queued.
    ///
    /// # Errors
    ///
    /// [`Stopped`] when the engine ended before `f` could run.
    pub async fn call<R: Send + 'static>(
        &self,
        f: impl FnOnce(&mut E, Instant) -> R + Send + 'static,
    ) -> Result<R, Stopped> {
        let (reply, result) = oneshot::channel();
        let action: Action<E> = Box::new(move |engine, now| {
            // Nobody waits for it any more: the caller has given up.
            let _ = reply.send(f(engine, now));
        });
        self.commands
            .send(Command::Run(action))
            .await
            .map_err(|_| Stopped)?;
        result.await.map_err(|_| Stopped)
    }

    /// Queues `f` for the engine's task without waiting for anything.
    ///
    /// # Errors
    ///
    /// [`CastError::Full`] when too many commands wait, [`CastError::Stopped`] when the engine has ended.
    pub fn cast(&self, f: impl FnOnce(&mut E, Instant) + Send + 'static) -> Result<(), CastError> {
        self.commands
            .try_send(Command::Run(Box::new(f)))
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => CastError::Full,
                mpsc::error::TrySendError::Closed(_) => CastError::Stopped,
            })
    }

    /// Sends what the engine still wants to send, shuts the transport down and ends the task. Commands queued
    /// before are run. Returns when all that is done, at once when it was done before.
    pub async fn stop(&self) {
        let (done, finished) = oneshot::channel();
        if self.commands.send(Command::Stop(done)).await.is_ok() {
            // An error means that another `stop` was faster and the task has ended.
            let _ = finished.await;
        }
    }

    /// Whether the engine has ended.
    pub fn is_stopped(&self) -> bool {
        self.commands.is_closed()
    }
}

/// Runs `engine` over `transport` in a task of its own, with the default [`DriverConfig`].
///
/// `on_event` is called in that task with each event, in order; it must not block.
///
/// # Panics
///
/// Outside a tokio runtime.
pub fn spawn<E, T>(
    engine: E,
    transport: T,
    on_event: impl FnMut(E::Event) + Send + 'static,
) -> EngineHandle<E>
where
    E: Engine + Send + 'static,
    T: Transport,
{
    spawn_with(DriverConfig::default(), engine, transport, on_event)
}

/// As [`spawn`], with bounds of one's own.
///
/// # Panics
///
/// Outside a tokio runtime.
pub fn spawn_with<E, T>(
    config: DriverConfig,
    engine: E,
    transport: T,
    on_event: impl FnMut(E::Event) + Send + 'static,
) -> EngineHandle<E>
where
    E: Engine + Send + 'static,
    T: Transport,
{
    let (commands, inbox) = mpsc::channel(config.command_queue.max(1));
    let driver = Driver {
        config,
        engine,
        transport,
        on_event,
        inbox,
        zero: tokio::time::Instant::now(),
    };
    tokio::spawn(driver.run());
    EngineHandle { commands }
}

struct Driver<E, T, F> {
    config: DriverConfig,
    engine: E,
    transport: T,
    on_event: F,
    inbox: mpsc::Receiver<Command<E>>,
    zero: tokio::time::Instant,
}

impl<E, T, F> Driver<E, T, F>
where
    E: Engine + Send + 'static,
    T: Transport,
    F: FnMut(E::Event) + Send + 'static,
{
    async fn run(mut self) {
        let sleep = tokio::time::sleep(Duration::ZERO);
        tokio::pin!(sleep);
        let mut done = None;
        loop {
            // A transport that is always ready must not keep this thread for itself.
            tokio::task::coop::consume_budget().await;
            // The clock is looked at in every round, so that a flood of datagrams cannot starve timers.
            let now = self.now();
            if self.engine.poll_timeout().is_some_and(|at| at <= now) {
                self.engine.handle_timeout(now);
            }
            self.drain();
            let timer = self.arm(sleep.as_mut());
            // Branches are tried in random order: none of them can starve another.
            tokio::select! {
                received = self.transport.next() => {
                    self.engine.handle(now_since(self.zero), received.as_inbound());
                }
                command = self.inbox.recv() => match command {
                    Some(Command::Run(action)) => action(&mut self.engine, now_since(self.zero)),
                    Some(Command::Stop(reply)) => {
                        done = Some(reply);
                        break;
                    }
                    None => break,
                },
                () = sleep.as_mut(), if timer => {}
            }
        }
        self.drain();
        self.transport.settle().await;
        if tokio::time::timeout(self.config.shutdown_timeout, self.transport.shutdown())
            .await
            .is_err()
        {
            debug!(
                "the transport did not shut down in time; its sockets are closed without a goodbye"
            );
        }
        // Whoever else waits in the queue sees it closed.
        drop(self);
        if let Some(done) = done {
            let _ = done.send(());
        }
    }

    fn now(&self) -> Instant {
        now_since(self.zero)
    }

    /// Carries out all that follows from what the engine has taken in.
    fn drain(&mut self) {
        loop {
            let mut idle = true;
            while let Some(outbound) = self.engine.poll_outbound() {
                self.transport.send(outbound);
                idle = false;
            }
            while let Some(event) = self.engine.poll_event() {
                (self.on_event)(event);
                idle = false;
            }
            if idle {
                return;
            }
        }
    }

    /// Sets the timer to the engine's next deadline; `false` where it has none.
    fn arm(&self, sleep: Pin<&mut Sleep>) -> bool {
        let Some(at) = self.engine.poll_timeout() else {
            return false;
        };
        // A moment that the clock does not reach is none.
        let Some(deadline) = self.zero.checked_add(at.since(Instant::ZERO)) else {
            return false;
        };
        if sleep.deadline() != deadline {
            sleep.reset(deadline);
        }
        true
    }
}

fn now_since(zero: tokio::time::Instant) -> Instant {
    Instant::ZERO + zero.elapsed()
}
