//! Everything that goes through the public API, in one binary.
//!
//! A test that needs the in-memory transport is behind the feature `test-util`.

mod announced;
mod bodies;
mod callback;
mod cancel;
mod cancel_token;
mod client;
mod close;
mod connect;
#[cfg(all(feature = "test-util", target_os = "linux"))]
mod costs;
mod deadline;
#[cfg(feature = "test-util")]
mod detached;
mod error_texts;
mod examples;
#[cfg(feature = "test-util")]
mod exchange_races;
#[cfg(target_os = "linux")]
mod fork;
mod forward;
#[cfg(feature = "test-util")]
mod fuzz_corpus;
mod get;
mod half_close;
#[cfg(feature = "test-util")]
mod handover;
#[cfg(feature = "test-util")]
mod inline;
#[cfg(feature = "test-util")]
mod invariant;
mod linger;
#[cfg(feature = "test-util")]
mod lookups;
mod message;
mod nng_parity;
mod persists;
mod proxies;
mod put;
#[cfg(feature = "test-util")]
mod quiet;
mod race;
mod read;
mod real_clients;
mod real_peers;
mod response_ext;
mod scale;
mod serve;
mod server;
mod site;
mod std_io;
#[cfg(all(feature = "test-util", target_os = "linux"))]
mod storm;
#[cfg(feature = "test-util")]
mod strict;
mod support;
mod terminal;
#[cfg(target_os = "linux")]
mod threads;
#[cfg(all(feature = "test-util", target_os = "linux"))]
mod timer;
#[cfg(feature = "tls")]
mod tls;
mod transact;
mod write_all;
