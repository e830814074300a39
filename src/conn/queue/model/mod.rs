//! The queue under the model checker: its thread, callers, the timer, and those who interrupt, in
//! every interleaving up to a bound.
//!
//! ```text
//! RUSTFLAGS="--cfg loom" cargo test --lib --release model
//! ```

mod callers;
mod cancels;
mod ends;
mod half;
mod held_back;
mod read;
mod run;
mod user_code;
