//! The registration of a client with one server, as a state machine without I/O (Core 1.2.2, section 6.2).
//!
//! ```text
//!               until                 Connected               2.01
//!   ┌─▶ Waiting ───────▶ Connecting ───────────▶ Registering ──────▶ Registered ◀──┐ 2.04
//!   │      ▲                 │ Closed, time-out      │ failed          │  │  │     │
//!   │      └─────────────────┴───────────────────────┘                 │  │  └─ Update
//!   │                  back-off                      ▲     4.04        │  │
//!   │                                                └──(Register)─────┘  │ De-register
//!   │ disabled: /1/x/5                                                    ▼
//!   └────────────────────────────────────────────────────────────── Deregistering ──▶ Stopped
//! ```
//!
//! A stop while `Registering` leads to `Withdrawing`: the server may have registered the client already, so the answer
//! is waited for and what it brought about is de-registered.
//!
//! A client without security whose address changes goes from anywhere between `Connecting` and `Registered` back to
//! `Connecting`: nothing shows the server that it is the same (Transport 1.2.2, section 6.4.3), and a connection keeps the
//! address it began with.
//!
//! **When an update is due.** An update is sent MAX_TRANSMIT_WAIT before the lifetime ends, the time that all
//! retransmissions of it may take with the transmission parameters of the client (93 s with those of RFC 7252, section
//! 4.8); after half of it where the lifetime is shorter than twice that. A lifetime of
//! 0 is infinite: updates then carry changes only.
//!
//! **What an attempt is** (Core 1.2.2, section 6.2.1.1). An attempt is a connection and a register request; `/1/x/17`
//! attempts make a sequence, with `/1/x/18 * 2^(attempt - 1)` seconds between them; `/1/x/20` sequences make a
//! registration, with `/1/x/19` seconds between them. When all have failed, or the server has refused and there
//! is a bootstrap server to ask, the registration has failed. Where no bootstrap may follow, the client begins
//! anew after another `/1/x/19`: a device nobody can reach is of no use to anybody.

use crate::event::SessionError;
use alloc::{string::String, vec::Vec};
use core::time::Duration;
use lwm2m_core::{
    coap::{Code, Response},
    endpoint::Failure,
    engine::CloseReason,
    operation::Register,
    time::Instant,
    version::LwM2mVersion,
};

/// What the server object says now about this registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    /// /1/x/1, seconds
    pub(crate) lifetime: u32,
    /// /1/x/7
    pub(crate) binding: Option<String>,
    /// Revision of the list of objects and instances.
    pub(crate) revision: u64,
    /// Whether there is a profile, and its objects are those that it stands for.
    pub(crate) profile: bool,
    /// /1/x/5
    pub(crate) disable_timeout: Duration,
    /// /1/x/17
    pub(crate) retry_count: u32,
    /// /1/x/18
    pub(crate) retry_timer: Duration,
    /// /1/x/19
    pub(crate) sequence_delay: Duration,
    /// /1/x/20
    pub(crate) sequence_retry_count: u32,
    /// Whether a failure may end in a bootstrap: /1/x/16, and there is an account for it.
    pub(crate) can_bootstrap: bool,
    /// Lowest version to fall back to.
    pub(crate) lowest_version: LwM2mVersion,
    /// How long to wait for a connection.
    pub(crate) connect_timeout: Duration,
    /// How long to wait for an answer where only a de-registration is to follow.
    pub(crate) deregister_timeout: Duration,
    /// How long all transmissions of an update may take: it is sent this long before the lifetime ends.
    pub(crate) transmit_wait: Duration,
    /// How long to wait before a lost connection is made anew; spreads the devices of a fleet.
    pub(crate) reconnect_delay: Duration,
}

/// What happens to a registration.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Input {
    /// Time has passed.
    Tick,
    /// Begin; `after` this long.
    Start {
        /// How long to wait.
        after: Duration,
    },
    /// The connection stands.
    Connected,
    /// The connection is gone.
    Closed(CloseReason),
    /// The request under way is answered.
    Answered(Response),
    /// The request under way failed.
    Failed(Failure),
    /// Something in the settings may have changed.
    Changed,
    /// An update is wanted whatever has changed.
    Update,
    /// The client has another address, and there is no session that could show the server who it is.
    Moved,
    /// De-register and stop.
    Stop,
    /// De-register and come back later (/1/x/4).
    Disable,
}

/// What follows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Command {
    /// Make a connection.
    Connect,
    /// End the connection.
    Disconnect,
    /// Send a register request of this version.
    Register(LwM2mVersion),
    /// Send an update with what has changed.
    Update {
        location: Vec<String>,
        lifetime: Option<u32>,
        binding: Option<String>,
        links: bool,
    },
    /// Send a de-register request.
    Deregister { location: Vec<String> },
    /// Registered: observations of an earlier registration are void.
    Registered,
    /// An attempt failed; the next follows after this long.
    AttemptFailed(SessionError, Duration),
    /// The registration failed and a bootstrap may follow.
    Failed(SessionError),
    /// All attempts have failed; comes before the last [`Command::AttemptFailed`] where no bootstrap may follow.
    Exhausted,
    /// The registration was updated.
    Updated,
    /// The registration is lost.
    Lost(SessionError),
    /// The client is not registered any more, as was asked for.
    Deregistered,
    /// The server is left alone for this long.
    Disabled(Duration),
}

/// What comes after a de-registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    Stop,
    Disable,
}

#[derive(Debug, Clone, PartialEq)]
enum State {
    /// Nothing until that moment; `None`: until [`Input::Start`].
    Waiting(Option<Instant>),
    /// A connection was asked for; given up at that moment.
    Connecting(Instant),
    /// A register request is under way.
    Registering(Reported),
    /// A register request is under way, and answered or not by that moment it is over: what it brings about is
    /// taken back.
    Withdrawing(Instant),
    /// Registered.
    Registered {
        location: Vec<String>,
        reported: Reported,
        /// When the next update is due.
        due: Option<Instant>,
        /// What an update under way reports.
        updating: Option<Reported>,
        /// An update is wanted even if nothing has changed.
        forced: bool,
    },
    /// A de-register request is under way.
    Deregistering(Then),
}

/// What the server has been told.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Reported {
    lifetime: u32,
    binding: Option<String>,
    revision: u64,
}

impl Reported {
    fn of(settings: &Settings) -> Self {
        Reported {
            lifetime: settings.lifetime,
            binding: settings.binding.clone(),
            revision: settings.revision,
        }
    }
}

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Registration {
    state: State,
    version: LwM2mVersion,
    /// Whether the register request sent last says the profile.
    says_profile: bool,
    /// Whether the server wants the list of objects in place of a profile.
    profile_refused: bool,
    /// Attempts that failed in this sequence.
    attempts: u32,
    /// Sequences that failed.
    sequences: u32,
}

impl Registration {
    pub(crate) fn new(version: LwM2mVersion) -> Self {
        Registration {
            state: State::Waiting(None),
            version,
            says_profile: false,
            profile_refused: false,
            attempts: 0,
            sequences: 0,
        }
    }

    /// The version both sides speak, or the one to try next.
    pub(crate) fn version(&self) -> LwM2mVersion {
        self.version
    }

    /// Whether the register request that is to be sent, or was sent last, says the profile (1.2).
    pub(crate) fn says_profile(&self) -> bool {
        self.says_profile
    }

    pub(crate) fn is_registered(&self) -> bool {
        matches!(self.state, State::Registered { .. })
    }

    /// Whether a server may ask anything of the client: from the answer to the register request on, until the
    /// de-registration is answered (Core 1.2.2, sections 6.3 and 6.4).
    pub(crate) fn is_complete(&self) -> bool {
        matches!(
            self.state,
            State::Registered { .. } | State::Deregistering(_)
        )
    }

    /// Whether nothing happens until [`Input::Start`].
    pub(crate) fn is_stopped(&self) -> bool {
        matches!(self.state, State::Waiting(None))
    }

    /// Whether a connection was asked for and does not stand yet.
    pub(crate) fn is_connecting(&self) -> bool {
        matches!(self.state, State::Connecting(_))
    }

    /// Whether the first registration, or one after a failure, is still to come.
    pub(crate) fn is_pending(&self) -> bool {
        matches!(
            self.state,
            State::Waiting(Some(_)) | State::Connecting(_) | State::Registering(_)
        )
    }

    pub(crate) fn location(&self) -> Option<&[String]> {
        match &self.state {
            State::Registered { location, .. } => Some(location),
            _ => None,
        }
    }

    /// When [`Input::Tick`] is wanted.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Waiting(until) => *until,
            State::Connecting(until) | State::Withdrawing(until) => Some(*until),
            State::Registered {
                due,
                updating: None,
                ..
            } => *due,
            _ => None,
        }
    }

    /// The one place where the state changes.
    pub(crate) fn step(&mut self, now: Instant, input: Input, settings: &Settings) -> Vec<Command> {
        let mut commands = Vec::new();
        let state = core::mem::replace(&mut self.state, State::Waiting(None));
        self.state = self.next(state, now, input, settings, &mut commands);
        commands
    }

    fn next(
        &mut self,
        state: State,
        now: Instant,
        input: Input,
        settings: &Settings,
        out: &mut Vec<Command>,
    ) -> State {
        match (state, input) {
            // --- not connected
            (State::Waiting(_), Input::Start { after }) => State::Waiting(Some(now + after)),
            (State::Waiting(Some(until)), Input::Tick) if now >= until => {
                out.push(Command::Connect);
                State::Connecting(now + settings.connect_timeout)
            }
            (State::Waiting(_), Input::Stop) => State::Waiting(None),
            (state @ State::Waiting(_), _) => state,

            // --- connecting
            (State::Connecting(_), Input::Connected) => self.register(settings, out),
            (State::Connecting(until), Input::Tick) if now >= until => {
                out.push(Command::Disconnect);
                let reason = SessionError::Connection(CloseReason::HandshakeTimeout);
                self.attempt_failed(now, reason, settings, out)
            }
            // Alerts that tell of a wrong key or certificate are a refusal (Transport 1.2.2, table 5.2.10-1).
            (State::Connecting(_), Input::Closed(reason @ CloseReason::HandshakeFailed(_))) => {
                self.refused(now, SessionError::Connection(reason), settings, out)
            }
            (State::Connecting(_), Input::Closed(reason)) => {
                self.attempt_failed(now, SessionError::Connection(reason), settings, out)
            }

            // --- registering
            (State::Registering(reported), Input::Answered(response)) => {
                self.register_answered(now, reported, &response, settings, out)
            }
            (State::Registering(_), Input::Failed(failure)) => {
                out.push(Command::Disconnect);
                self.attempt_failed(now, SessionError::Request(failure), settings, out)
            }
            (State::Registering(_), Input::Closed(reason)) => {
                self.attempt_failed(now, SessionError::Connection(reason), settings, out)
            }
            (State::Connecting(_), Input::Stop) => {
                out.push(Command::Disconnect);
                State::Waiting(None)
            }
            // The server may have registered us already; only its answer says where.
            (State::Registering(_), Input::Stop) => {
                State::Withdrawing(now + settings.deregister_timeout)
            }
            (State::Withdrawing(_), Input::Answered(response)) => {
                match Register::location(&response) {
                    Some(location) => {
                        out.push(Command::Deregister { location });
                        State::Deregistering(Then::Stop)
                    }
                    None => {
                        out.push(Command::Disconnect);
                        State::Waiting(None)
                    }
                }
            }
            (State::Withdrawing(_), Input::Failed(_) | Input::Closed(_)) => {
                out.push(Command::Disconnect);
                State::Waiting(None)
            }
            (State::Withdrawing(until), Input::Tick) if now >= until => {
                out.push(Command::Disconnect);
                State::Waiting(None)
            }

            // --- registered
            (
                State::Registered {
                    location,
                    updating: Some(reported),
                    forced,
                    ..
                },
                Input::Answered(response),
            ) => match response.code {
                Code::CHANGED => {
                    out.push(Command::Updated);
                    let state = State::Registered {
                        location,
                        due: due(now, reported.lifetime, settings),
                        reported,
                        updating: None,
                        forced,
                    };
                    // What has changed meanwhile is told at once.
                    update_if_needed(state, settings, out)
                }
                // 4.04: expired there. Whatever else it is, the registration is of no use any more.
                code => {
                    out.push(Command::Lost(SessionError::Refused(code)));
                    self.register(settings, out)
                }
            },
            (
                State::Registered {
                    updating: Some(_), ..
                },
                Input::Failed(failure),
            ) => {
                let lost = Command::Lost(SessionError::Request(failure));
                out.extend([lost, Command::Disconnect]);
                State::Waiting(Some(now + settings.reconnect_delay))
            }
            (State::Registered { .. }, Input::Closed(reason)) => {
                out.push(Command::Lost(SessionError::Connection(reason)));
                State::Waiting(Some(now + settings.reconnect_delay))
            }
            (state @ State::Registered { .. }, Input::Changed) => {
                update_if_needed(state, settings, out)
            }
            (mut state @ State::Registered { .. }, Input::Update) => {
                if let State::Registered { forced, .. } = &mut state {
                    *forced = true;
                }
                update_if_needed(state, settings, out)
            }
            (mut state @ State::Registered { .. }, Input::Tick) => {
                if let State::Registered {
                    due: Some(due),
                    forced,
                    updating: None,
                    ..
                } = &mut state
                {
                    *forced |= now >= *due;
                }
                update_if_needed(state, settings, out)
            }
            // The connection sends from the address that is gone, and observations are of the registration there.
            (
                State::Connecting(_) | State::Registering(_) | State::Registered { .. },
                Input::Moved,
            ) => {
                out.extend([Command::Disconnect, Command::Connect]);
                State::Connecting(now + settings.connect_timeout)
            }
            (State::Registered { location, .. }, Input::Stop) => {
                out.push(Command::Deregister { location });
                State::Deregistering(Then::Stop)
            }
            (State::Registered { location, .. }, Input::Disable) => {
                out.push(Command::Deregister { location });
                State::Deregistering(Then::Disable)
            }

            // --- de-registering: however it ends, it is over
            (
                State::Deregistering(then),
                Input::Answered(_) | Input::Failed(_) | Input::Closed(_),
            ) => {
                out.extend([Command::Deregistered, Command::Disconnect]);
                match then {
                    Then::Stop => State::Waiting(None),
                    Then::Disable => {
                        out.push(Command::Disabled(settings.disable_timeout));
                        State::Waiting(Some(now + settings.disable_timeout))
                    }
                }
            }
            (State::Deregistering(_), Input::Stop) => State::Deregistering(Then::Stop),
            (state, _) => state,
        }
    }

    fn register(&mut self, settings: &Settings, out: &mut Vec<Command>) -> State {
        self.says_profile =
            settings.profile && !self.profile_refused && self.version >= LwM2mVersion::V1_2;
        out.push(Command::Register(self.version));
        State::Registering(Reported::of(settings))
    }

    fn register_answered(
        &mut self,
        now: Instant,
        reported: Reported,
        response: &Response,
        settings: &Settings,
        out: &mut Vec<Command>,
    ) -> State {
        match (response.code, Register::location(response)) {
            (_, Some(location)) => {
                (self.attempts, self.sequences) = (0, 0);
                let state = State::Registered {
                    location,
                    due: due(now, reported.lifetime, settings),
                    reported,
                    updating: None,
                    forced: false,
                };
                out.push(Command::Registered);
                update_if_needed(state, settings, out)
            }
            (Code::CREATED, _) => {
                out.push(Command::Disconnect);
                self.attempt_failed(now, SessionError::Answer, settings, out)
            }
            (Code::PRECONDITION_FAILED, _) if self.lower_version(settings) => {
                self.register(settings, out)
            }
            // Whichever error it is, the list is what the server wants then (Core 1.2.2, section 6.2.1).
            (Code::BAD_REQUEST | Code::CONFLICT | Code::NOT_IMPLEMENTED, _)
                if self.says_profile =>
            {
                self.profile_refused = true;
                self.register(settings, out)
            }
            (code, _) => {
                out.push(Command::Disconnect);
                let reason = SessionError::Refused(code);
                match code.class() {
                    4 => self.refused(now, reason, settings, out),
                    _ => self.attempt_failed(now, reason, settings, out),
                }
            }
        }
    }

    /// A refusal will not go away by asking again; somebody has to give us another account.
    fn refused(
        &mut self,
        now: Instant,
        reason: SessionError,
        settings: &Settings,
        out: &mut Vec<Command>,
    ) -> State {
        match settings.can_bootstrap {
            true => self.failed(now, reason, settings, out),
            false => self.attempt_failed(now, reason, settings, out),
        }
    }

    fn lower_version(&mut self, settings: &Settings) -> bool {
        let lower = LwM2mVersion::ALL
            .into_iter()
            .rev()
            .find(|version| *version < self.version && *version >= settings.lowest_version);
        if let Some(version) = lower {
            self.version = version;
        }
        lower.is_some()
    }

    fn attempt_failed(
        &mut self,
        now: Instant,
        reason: SessionError,
        settings: &Settings,
        out: &mut Vec<Command>,
    ) -> State {
        self.attempts += 1;
        let wait = if self.attempts < settings.retry_count {
            let factor = 1u32.checked_shl(self.attempts - 1).unwrap_or(u32::MAX);
            settings.retry_timer.saturating_mul(factor)
        } else {
            self.attempts = 0;
            self.sequences += 1;
            if self.sequences >= settings.sequence_retry_count {
                return self.failed(now, reason, settings, out);
            }
            settings.sequence_delay
        };
        out.push(Command::AttemptFailed(reason, wait));
        State::Waiting(Some(now + wait))
    }

    fn failed(
        &mut self,
        now: Instant,
        reason: SessionError,
        settings: &Settings,
        out: &mut Vec<Command>,
    ) -> State {
        (self.attempts, self.sequences) = (0, 0);
        if settings.can_bootstrap {
            out.push(Command::Failed(reason));
            return State::Waiting(None);
        }
        out.push(Command::Exhausted);
        out.push(Command::AttemptFailed(reason, settings.sequence_delay));
        State::Waiting(Some(now + settings.sequence_delay))
    }
}

/// Sends an update where one is wanted and none is under way.
fn update_if_needed(mut state: State, settings: &Settings, out: &mut Vec<Command>) -> State {
    if let State::Registered {
        location,
        reported,
        updating,
        forced,
        ..
    } = &mut state
    {
        let current = Reported::of(settings);
        if updating.is_none() && (*forced || current != *reported) {
            let changed = |new: &Option<String>, old| match new != old {
                true => new.clone(),
                false => None,
            };
            out.push(Command::Update {
                location: location.clone(),
                lifetime: (current.lifetime != reported.lifetime).then_some(current.lifetime),
                binding: changed(&current.binding, &reported.binding),
                links: current.revision != reported.revision,
            });
            *updating = Some(current);
            *forced = false;
        }
    }
    state
}

fn due(now: Instant, lifetime: u32, settings: &Settings) -> Option<Instant> {
    update_after(lifetime, settings.transmit_wait).map(|after| now + after)
}

/// When an update is due after the last; see the [module](self).
fn update_after(lifetime: u32, transmit_wait: Duration) -> Option<Duration> {
    let lifetime = Duration::from_secs(u64::from(lifetime));
    match lifetime.checked_sub(transmit_wait * 2) {
        _ if lifetime.is_zero() => None,
        Some(_) => Some(lifetime - transmit_wait),
        None => Some(lifetime / 2),
    }
}

#[cfg(test)]
mod tests;
