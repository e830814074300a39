//! What a connection waits for, as those see it who may end its wait.

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    First,
    Next,
}
