//! Long pages, as part of the documentation.

#[doc = include_str!("architecture.md")]
pub mod architecture {}
