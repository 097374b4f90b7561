//! The states of an observer, as drawn in the module above.

/// `last`: the newest content is no success and ends the observation when it has arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Idle,
    Waiting { last: bool },
    InFlight { last: bool },
    Superseded { last: bool },
    Ended,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Input {
    Notify { confirmable: bool, last: bool },
    Turn,
    Acknowledged,
    RetransmissionTime,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Nothing,
    SendNonConfirmable,
    Queue,
    Send,
}

impl State {
    pub(super) fn transition(self, input: Input) -> (State, Action) {
        took!("observer", self, input);
        use {Action as A, Input as I, State as S};
        match (self, input) {
            // Nobody waits for its acknowledgement.
            (
                S::Idle,
                I::Notify {
                    confirmable: false,
                    last,
                },
            ) => match last {
                true => (S::Ended, A::SendNonConfirmable),
                false => (S::Idle, A::SendNonConfirmable),
            },
            (
                S::Idle,
                I::Notify {
                    confirmable: true,
                    last,
                },
            ) => (S::Waiting { last }, A::Queue),
            (S::Waiting { last: false }, I::Notify { last, .. }) => {
                (S::Waiting { last }, A::Nothing)
            }
            (
                S::InFlight { last: false } | S::Superseded { last: false },
                I::Notify { last, .. },
            ) => (S::Superseded { last }, A::Nothing),
            (S::Waiting { last }, I::Turn) => (S::InFlight { last }, A::Send),
            (S::InFlight { last: false }, I::Acknowledged) => (S::Idle, A::Nothing),
            (S::InFlight { last: true }, I::Acknowledged) => (S::Ended, A::Nothing),
            (S::Superseded { last }, I::Acknowledged) => (S::Waiting { last }, A::Queue),
            (S::Superseded { last }, I::RetransmissionTime) => (S::InFlight { last }, A::Send),
            // Nothing follows the last content.
            (
                S::Waiting { last: true }
                | S::InFlight { last: true }
                | S::Superseded { last: true },
                I::Notify { .. },
            )
            | (S::Idle, I::Turn | I::Acknowledged | I::RetransmissionTime)
            | (S::Waiting { .. }, I::Acknowledged | I::RetransmissionTime)
            | (S::InFlight { .. }, I::Turn | I::RetransmissionTime)
            | (S::Superseded { .. }, I::Turn)
            | (S::Ended, _) => (self, A::Nothing),
        }
    }

    /// Whether it counts against NSTART.
    pub(super) fn counts(self) -> bool {
        matches!(self, State::InFlight { .. } | State::Superseded { .. })
    }

    /// Whether its last content was given: no other follows, and when it goes, that is no news.
    pub(super) fn is_closing(self) -> bool {
        match self {
            State::Idle => false,
            State::Waiting { last } | State::InFlight { last } | State::Superseded { last } => last,
            State::Ended => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // proves: OBSV-14, OBSV-19, OBSV-20
    #[test]
    fn every_transition() {
        use {Action as A, Input as I, State as S};
        let notify = |confirmable, last| I::Notify { confirmable, last };
        let inputs = [
            notify(false, false),
            notify(false, true),
            notify(true, false),
            notify(true, true),
            I::Turn,
            I::Acknowledged,
            I::RetransmissionTime,
        ];
        let waiting = |last| S::Waiting { last };
        let in_flight = |last| S::InFlight { last };
        let superseded = |last| S::Superseded { last };
        let stays = |state| (state, A::Nothing);
        let followed = |state: fn(bool) -> S, on| {
            let [turn, acknowledged, time] = on;
            let (more, last) = ((state(false), A::Nothing), (state(true), A::Nothing));
            [more, last, more, last, turn, acknowledged, time]
        };
        let by_superseded = |last| S::Superseded { last };
        let by_waiting = |last| S::Waiting { last };
        let closing = |state, on| {
            let [turn, acknowledged, time] = on;
            let same = stays(state);
            [same, same, same, same, turn, acknowledged, time]
        };
        // One row for each state, one column for each input in the order above.
        let table = [
            (
                S::Idle,
                [
                    (S::Idle, A::SendNonConfirmable),
                    (S::Ended, A::SendNonConfirmable),
                    (waiting(false), A::Queue),
                    (waiting(true), A::Queue),
                    stays(S::Idle),
                    stays(S::Idle),
                    stays(S::Idle),
                ],
            ),
            (
                waiting(false),
                followed(
                    by_waiting,
                    [
                        (in_flight(false), A::Send),
                        stays(waiting(false)),
                        stays(waiting(false)),
                    ],
                ),
            ),
            (
                waiting(true),
                closing(
                    waiting(true),
                    [
                        (in_flight(true), A::Send),
                        stays(waiting(true)),
                        stays(waiting(true)),
                    ],
                ),
            ),
            (
                in_flight(false),
                followed(
                    by_superseded,
                    [
                        stays(in_flight(false)),
                        stays(S::Idle),
                        stays(in_flight(false)),
                    ],
                ),
            ),
            (
                in_flight(true),
                closing(
                    in_flight(true),
                    [
                        stays(in_flight(true)),
                        stays(S::Ended),
                        stays(in_flight(true)),
                    ],
                ),
            ),
            (
                superseded(false),
                followed(
                    by_superseded,
                    [
                        stays(superseded(false)),
                        (waiting(false), A::Queue),
                        (in_flight(false), A::Send),
                    ],
                ),
            ),
            (
                superseded(true),
                closing(
                    superseded(true),
                    [
                        stays(superseded(true)),
                        (waiting(true), A::Queue),
                        (in_flight(true), A::Send),
                    ],
                ),
            ),
            (S::Ended, [stays(S::Ended); 7]),
        ];
        for (state, row) in table {
            for (input, expected) in inputs.into_iter().zip(row) {
                assert_eq!(state.transition(input), expected, "{state:?} {input:?}");
            }
        }
        let closing = table.map(|(state, _)| state.is_closing());
        assert_eq!(
            closing,
            [false, false, true, false, true, false, true, true]
        );
        let counts = table.map(|(state, _)| state.counts());
        assert_eq!(counts, [false, false, false, true, true, true, true, false]);
    }
}
