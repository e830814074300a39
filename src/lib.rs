//! Overlapped HTTP/1.1 I/O for synchronous Rust: submit, go on working, then wait, be called back,
//! or cancel. No async runtime.

mod aio;
mod bufs;
mod conn;
mod deadline;
mod error;
mod proto;
mod sync;
mod timer;
#[cfg(feature = "test-util")]
pub mod transport;
#[cfg(not(feature = "test-util"))]
#[allow(
    unreachable_pub,
    dead_code,
    reason = "public with the feature, and then used by tests"
)]
mod transport;

pub use bytes;
pub use http;

pub use self::aio::{Aio, AioFuture, Canceller, Idle, InFlight, Written};
pub use self::conn::{Conn, Parts};
pub use self::error::{Error, ErrorKind};
pub use self::proto::Reason;
pub use self::proto::limits::Limits;
pub use self::transport::{Addr, Stream};
