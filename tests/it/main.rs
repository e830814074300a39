//! Everything that goes through the public API, in one binary.

mod examples;
mod put;
