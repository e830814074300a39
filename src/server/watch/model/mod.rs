//! Watches under the model checker: their holders, the monitor, and who puts back, admits, asks and closes, in every
//! interleaving up to a bound. The set is not epoll but what resembles it (`modelled`); all else is what is shipped.
//!
//! ```text
//! RUSTFLAGS="--cfg loom" cargo test --lib --release model
//! ```
//!
//! Nothing that waits for something to come ever stops waiting because time passes, so what somebody should have
//! been woken for, and was not, is a deadlock here.

mod back;
mod ends;
mod holders;
mod sleep;
mod wakes;
mod world;
