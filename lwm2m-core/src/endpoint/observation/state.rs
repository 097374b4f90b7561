//! The states of an observation of ours, as drawn in the module above.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Asked,
    Settled,
    Fetching,
    Ended,
}

/// What a message brings of a representation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Whole,
    /// The first block of several.
    First,
    /// Nothing that can be used.
    Broken,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Input {
    /// A notification that is not newer than the last (RFC 7641, section 3.4).
    Older,
    Newer(Part),
    /// An error, or a response without Observe option: the peer tells no more.
    Final(Part),
    /// The exchange that brings the representation has ended, whatever it brought.
    Brought,
    /// A request of the layer above has begun it anew, and brings the representation.
    Renewed,
    /// Forgotten or cancelled by the layer above, not renewed by the peer, or the peer is gone.
    Left,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Nothing,
    /// Tell it to the layer above.
    Report,
    /// Ask for the rest.
    Fetch,
    /// Let the exchange under way go on with it.
    HandOver,
    /// Count it as one that did not come whole; where it was the last, tell that.
    Miss,
    /// End our own fetch of what is not wanted any more.
    EndFetch,
}

impl State {
    pub(super) fn transition(self, input: Input) -> (State, Action) {
        took!("observation", self, input);
        use {Action as A, Input as I, State as S};
        let taken = |part| match part {
            Part::Whole => A::Report,
            Part::First => A::Fetch,
            Part::Broken => A::Miss,
        };
        match (self, input) {
            (S::Ended, _) => (S::Ended, A::Nothing),
            (_, I::Older) => (self, A::Nothing),
            (S::Asked | S::Fetching, I::Newer(_)) => (self, A::HandOver),
            (S::Settled, I::Newer(Part::First)) => (S::Fetching, A::Fetch),
            (S::Settled, I::Newer(part)) => (S::Settled, taken(part)),
            (S::Asked, I::Final(_)) => (S::Ended, A::HandOver),
            // The fetch under way ends with the observation.
            (S::Settled | S::Fetching, I::Final(part)) => (S::Ended, taken(part)),
            (_, I::Brought) => (S::Settled, A::Nothing),
            (S::Fetching, I::Renewed) => (S::Asked, A::EndFetch),
            (S::Asked | S::Settled, I::Renewed) => (S::Asked, A::Nothing),
            (S::Fetching, I::Left) => (S::Ended, A::EndFetch),
            (S::Asked | S::Settled, I::Left) => (S::Ended, A::Nothing),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_transition() {
        use {Action as A, Input as I, Part as P, State as S};
        let inputs = [
            I::Older,
            I::Newer(P::Whole),
            I::Newer(P::First),
            I::Newer(P::Broken),
            I::Final(P::Whole),
            I::Final(P::First),
            I::Final(P::Broken),
            I::Brought,
            I::Renewed,
            I::Left,
        ];
        // One row for each state, one column for each input in the order above.
        let table = [
            (
                S::Asked,
                [
                    (S::Asked, A::Nothing),
                    (S::Asked, A::HandOver),
                    (S::Asked, A::HandOver),
                    (S::Asked, A::HandOver),
                    (S::Ended, A::HandOver),
                    (S::Ended, A::HandOver),
                    (S::Ended, A::HandOver),
                    (S::Settled, A::Nothing),
                    (S::Asked, A::Nothing),
                    (S::Ended, A::Nothing),
                ],
            ),
            (
                S::Settled,
                [
                    (S::Settled, A::Nothing),
                    (S::Settled, A::Report),
                    (S::Fetching, A::Fetch),
                    (S::Settled, A::Miss),
                    (S::Ended, A::Report),
                    (S::Ended, A::Fetch),
                    (S::Ended, A::Miss),
                    (S::Settled, A::Nothing),
                    (S::Asked, A::Nothing),
                    (S::Ended, A::Nothing),
                ],
            ),
            (
                S::Fetching,
                [
                    (S::Fetching, A::Nothing),
                    (S::Fetching, A::HandOver),
                    (S::Fetching, A::HandOver),
                    (S::Fetching, A::HandOver),
                    (S::Ended, A::Report),
                    (S::Ended, A::Fetch),
                    (S::Ended, A::Miss),
                    (S::Settled, A::Nothing),
                    (S::Asked, A::EndFetch),
                    (S::Ended, A::EndFetch),
                ],
            ),
            (S::Ended, [(S::Ended, A::Nothing); 10]),
        ];
        for (state, row) in table {
            for (input, expected) in inputs.into_iter().zip(row) {
                assert_eq!(state.transition(input), expected, "{state:?} {input:?}");
            }
        }
    }
}
