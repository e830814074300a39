//! Long pages, as part of the documentation.

#[doc = include_str!("architecture.md")]
pub mod architecture {}

#[doc = include_str!("contributing.md")]
pub mod contributing {}

#[doc = include_str!("errors.md")]
pub mod errors {}

#[doc = include_str!("operating.md")]
pub mod operating {}

#[doc = include_str!("recipes.md")]
pub mod recipes {}

#[doc = include_str!("serving.md")]
pub mod serving {}
