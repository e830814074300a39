//! Long pages, as part of the documentation.

#[doc = include_str!("architecture.md")]
pub mod architecture {}

#[doc = include_str!("recipes.md")]
pub mod recipes {}

#[doc = include_str!("serving.md")]
pub mod serving {}
