//! For tests of this crate and of those that use it: a transport in memory with faults. Outside the
//! semver promise.

#[cfg(feature = "test-util")]
#[doc(hidden)]
pub mod fuzz;
pub mod memory;
