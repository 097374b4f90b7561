//! The states of a request of ours, as drawn in the module above.

use crate::endpoint::Failure;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Waiting,
    Transmitted,
    AwaitingResponse,
    Ended,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Input {
    Turn,
    Acknowledged,
    Response,
    NextBlock,
    Reset,
    GivenUp,
    /// The wait timer: ACK_TIMEOUT of a non-confirmable request, later the time-out of the response.
    Elapsed,
    /// Cancelled, past its deadline, or its peer is gone.
    Ended,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Nothing,
    Send,
    AwaitResponse,
    TakeResponse,
    Fail(Failure),
}

impl State {
    pub(super) fn transition(self, input: Input) -> (State, Action) {
        took!("request", self, input);
        use {Action as A, Input as I, State as S};
        match (self, input) {
            (S::Ended, _) => (S::Ended, A::Nothing),
            (_, I::Ended) => (S::Ended, A::Nothing),
            (S::Waiting, I::Turn) => (S::Transmitted, A::Send),
            (S::Waiting, _) => (S::Waiting, A::Nothing),
            (S::Transmitted, I::Acknowledged | I::Elapsed) => {
                (S::AwaitingResponse, A::AwaitResponse)
            }
            (S::Transmitted | S::AwaitingResponse, I::Response) => {
                (S::AwaitingResponse, A::TakeResponse)
            }
            (S::AwaitingResponse, I::NextBlock) => (S::Waiting, A::Nothing),
            // A reset of a non-confirmable request may come late.
            (S::Transmitted | S::AwaitingResponse, I::Reset) => (S::Ended, A::Fail(Failure::Reset)),
            (S::Transmitted, I::GivenUp) => (S::Ended, A::Fail(Failure::Timeout)),
            (S::AwaitingResponse, I::Elapsed) => (S::Ended, A::Fail(Failure::Timeout)),
            (S::Transmitted, I::Turn | I::NextBlock)
            | (S::AwaitingResponse, I::Turn | I::Acknowledged | I::GivenUp) => (self, A::Nothing),
        }
    }

    /// Whether it counts against NSTART.
    pub(super) fn counts(self) -> bool {
        self == State::Transmitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // proves: COAP-09, COAP-61
    #[test]
    fn every_transition() {
        use {Action as A, Input as I, State as S};
        let inputs = [
            I::Turn,
            I::Acknowledged,
            I::Response,
            I::NextBlock,
            I::Reset,
            I::GivenUp,
            I::Elapsed,
            I::Ended,
        ];
        let timeout = A::Fail(Failure::Timeout);
        let reset = A::Fail(Failure::Reset);
        // One row for each state, one column for each input in the order above.
        let table = [
            (
                S::Waiting,
                [
                    (S::Transmitted, A::Send),
                    (S::Waiting, A::Nothing),
                    (S::Waiting, A::Nothing),
                    (S::Waiting, A::Nothing),
                    (S::Waiting, A::Nothing),
                    (S::Waiting, A::Nothing),
                    (S::Waiting, A::Nothing),
                    (S::Ended, A::Nothing),
                ],
            ),
            (
                S::Transmitted,
                [
                    (S::Transmitted, A::Nothing),
                    (S::AwaitingResponse, A::AwaitResponse),
                    (S::AwaitingResponse, A::TakeResponse),
                    (S::Transmitted, A::Nothing),
                    (S::Ended, reset),
                    (S::Ended, timeout),
                    (S::AwaitingResponse, A::AwaitResponse),
                    (S::Ended, A::Nothing),
                ],
            ),
            (
                S::AwaitingResponse,
                [
                    (S::AwaitingResponse, A::Nothing),
                    (S::AwaitingResponse, A::Nothing),
                    (S::AwaitingResponse, A::TakeResponse),
                    (S::Waiting, A::Nothing),
                    (S::Ended, reset),
                    (S::AwaitingResponse, A::Nothing),
                    (S::Ended, timeout),
                    (S::Ended, A::Nothing),
                ],
            ),
            (S::Ended, [(S::Ended, A::Nothing); 8]),
        ];
        for (state, row) in table {
            for (input, expected) in inputs.into_iter().zip(row) {
                assert_eq!(state.transition(input), expected, "{state:?} {input:?}");
            }
        }
    }
}
