//! Everything that goes through the public API, in one binary.
//!
//! A test that needs the in-memory transport is behind the feature `test-util`.

mod announced;
mod bodies;
mod callback;
mod cancel;
mod client;
mod close;
mod connect;
mod deadline;
mod examples;
#[cfg(feature = "test-util")]
mod exchange_races;
#[cfg(feature = "test-util")]
mod fuzz_corpus;
mod get;
#[cfg(feature = "test-util")]
mod guest;
#[cfg(feature = "test-util")]
mod invariant;
mod linger;
#[cfg(feature = "test-util")]
mod lookups;
mod message;
mod nng_parity;
mod proxies;
mod put;
mod race;
mod read;
mod real_clients;
mod real_peers;
mod scale;
mod site;
#[cfg(feature = "test-util")]
mod strict;
mod support;
#[cfg(feature = "tls")]
mod tls;
mod transact;
mod write_all;
