//! The slot under the model checker.
