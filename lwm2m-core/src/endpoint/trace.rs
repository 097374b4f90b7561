//! Lets tests see which transitions the state machines take. Elsewhere nothing is left of it.

#[cfg(not(test))]
macro_rules! took {
    ($($any:tt)*) => {};
}

#[cfg(test)]
macro_rules! took {
    ($machine:literal, $state:expr, $input:expr) => {
        $crate::endpoint::tests::coverage::took($machine, &$state, &$input)
    };
}
