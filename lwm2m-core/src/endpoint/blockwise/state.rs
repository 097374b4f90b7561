//! The states of a transfer, as drawn in the module above.

use crate::endpoint::Failure;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Whole,
    Sending,
    Receiving,
    Done,
    Failed,
}

/// What a response is to a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Input {
    /// 4.13 that asks to begin again in smaller blocks.
    Smaller,
    /// The block has arrived, and the next may go.
    Arrived,
    /// It asks for a block that is not the next, or that there is none of.
    Misplaced,
    /// No block, or one that is the whole; or the one block that was wanted.
    Response,
    /// The first block of several.
    First,
    /// The block that is waited for, not the last.
    Block,
    /// The last block.
    Last,
    /// A block that does not follow, or of another body.
    Stray,
    /// An error in place of a block.
    Error,
    /// More than is taken in.
    TooLarge,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Nothing,
    /// Begin again with the size that is asked for.
    Shrink,
    SendNext,
    /// Hand the response on as it is.
    Deliver,
    /// Keep it as the beginning of the body, and ask for the next.
    Begin,
    /// Put the block to the body, and ask for the next.
    Append,
    /// Put the block to the body, and hand on the whole.
    Complete,
    /// Send the request anew.
    Restart,
    Fail(Failure),
}

impl State {
    /// `anew`: the state in which the request begins again; `None`: it must not.
    pub(super) fn transition(self, input: Input, anew: Option<State>) -> (State, Action) {
        took!("transfer", self, input);
        use {Action as A, Input as I, State as S};
        match (self, input, anew) {
            (S::Done | S::Failed, _, _) => (self, A::Nothing),
            (_, I::TooLarge, _) => (S::Failed, A::Fail(Failure::TooLarge)),
            (_, I::Response, _) => (S::Done, A::Deliver),
            (S::Whole | S::Sending, I::Smaller, _) => (S::Sending, A::Shrink),
            (S::Sending, I::Arrived, _) => (S::Sending, A::SendNext),
            (S::Whole | S::Sending, I::First, _) => (S::Receiving, A::Begin),
            (S::Receiving, I::Block, _) => (S::Receiving, A::Append),
            (S::Receiving, I::Last, _) => (S::Done, A::Complete),
            (S::Receiving, I::Stray | I::Error, Some(anew)) => (anew, A::Restart),
            (S::Receiving, I::Error, None) => (S::Done, A::Deliver),
            _ => (S::Failed, A::Fail(Failure::BlockTransfer)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INPUTS: [Input; 10] = [
        Input::Smaller,
        Input::Arrived,
        Input::Misplaced,
        Input::Response,
        Input::First,
        Input::Block,
        Input::Last,
        Input::Stray,
        Input::Error,
        Input::TooLarge,
    ];

    #[test]
    fn every_transition() {
        use {Action as A, State as S};
        let broken = (S::Failed, A::Fail(Failure::BlockTransfer));
        let too_large = (S::Failed, A::Fail(Failure::TooLarge));
        let delivered = (S::Done, A::Deliver);
        let smaller = (S::Sending, A::Shrink);
        let begun = (S::Receiving, A::Begin);
        for anew in [None, Some(S::Whole), Some(S::Sending)] {
            let restart = |otherwise| anew.map_or(otherwise, |anew| (anew, A::Restart));
            // One row for each state, one column for each input in the order above.
            let table = [
                (
                    S::Whole,
                    [
                        smaller, broken, broken, delivered, begun, broken, broken, broken, broken,
                        too_large,
                    ],
                ),
                (
                    S::Sending,
                    [
                        smaller,
                        (S::Sending, A::SendNext),
                        broken,
                        delivered,
                        begun,
                        broken,
                        broken,
                        broken,
                        broken,
                        too_large,
                    ],
                ),
                (
                    S::Receiving,
                    [
                        broken,
                        broken,
                        broken,
                        delivered,
                        broken,
                        (S::Receiving, A::Append),
                        (S::Done, A::Complete),
                        restart(broken),
                        restart(delivered),
                        too_large,
                    ],
                ),
                (S::Done, [(S::Done, A::Nothing); 10]),
                (S::Failed, [(S::Failed, A::Nothing); 10]),
            ];
            for (state, row) in table {
                for (input, expected) in INPUTS.into_iter().zip(row) {
                    let result = state.transition(input, anew);
                    assert_eq!(result, expected, "{state:?} {input:?} {anew:?}");
                }
            }
        }
    }
}
