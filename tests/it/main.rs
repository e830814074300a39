//! Everything that goes through the public API, in one binary.
