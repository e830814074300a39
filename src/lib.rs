//! Overlapped HTTP/1.1 I/O for synchronous Rust: submit, go on working, then wait, be called back,
//! or cancel. No async runtime.
//!
//! The crate is the Rust descendant of nng's HTTP supplement. Its heart is
//! [`Conn::write_all`] (`nng_http_conn_write_all`): write a scatter/gather vector *completely*, or
//! fail and say *exactly* how many bytes went out.
//!
//! What std and blocking crates do not offer, and this one does:
//!
//! * a deadline over a whole operation, time in the queue included, which a slow peer cannot stretch;
//! * canceling what is in flight, from any thread, with a defined result;
//! * the exact count when a write fails, so that a caller knows what the peer has received, and an end
//!   of the connection that does not destroy what was counted.
//!
//! # A first program
//!
//! ```
//! use http_aio::{Aio, Conn};
//! use std::net::TcpListener;
//! use std::time::Duration;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let listener = TcpListener::bind("127.0.0.1:0")?;
//! let connecting = Conn::connect(Aio::new(), listener.local_addr()?);
//! let peer = Conn::from(listener.accept()?.0);
//! let conn = connecting.wait()?;
//!
//! let answer = conn.read(Aio::new().timeout(Duration::from_secs(5)), 1024); // Both directions
//! let writing = conn.write_all(Aio::new().iov(["scatter, ", "gather"])); //    at once.
//! // ... do something else ...
//! assert_eq!(writing.wait()?.count(), 15);
//!
//! assert_eq!(peer.read_all(Aio::new(), 15).wait()?, "scatter, gather");
//! peer.write_all(Aio::new().iov(["received"])).wait()?;
//! assert_eq!(answer.wait()?, "received");
//! # Ok(())
//! # }
//! ```
//!
//! # The three ways to learn of the end
//!
//! An operation is submitted with an [`Aio`], which comes back lent, as `Aio<T, InFlight>`.
//!
//! * **Wait**: [`wait`](Aio::wait), [`wait_timeout`](Aio::wait_timeout), or
//!   [`reclaim`](Aio::reclaim) to use the aio again. A thread that waits does the work itself where it
//!   can, so a program that only waits normally starts no other thread for its connections.
//! * **Be called back**: [`on_complete`](Aio::on_complete), on the connection's thread, with the aio,
//!   idle again, ready to be submitted once more.
//! * **Await**: it is a [`Future`], for programs that have an executor.
//!
//! An operation can be canceled ([`cancel`](Aio::cancel), or many at once with a [`CancelToken`]) and its
//! progress read ([`count`](Aio::count)) while it runs. Dropping the
//! aio of a read cancels it, and it takes nothing; any other operation is detached, and goes on.
//!
//! # Buffers
//!
//! An operation outlives the call that submits it, so what it writes is owned, shared or `'static`, never
//! borrowed: `String`, `Vec<u8>`, `&'static str`, and [`Bytes`](bytes::Bytes), which costs nothing to clone
//! or to split. A loop that copies needs no copy for each piece either: it fills one
//! [`BytesMut`](bytes::BytesMut), and gives away what is in it.
//!
//! ```
//! use http_aio::bytes::BytesMut;
//! use http_aio::{Aio, Conn};
//! use std::io::Read;
//!
//! fn copy(source: &mut impl Read, conn: &Conn) -> std::io::Result<u64> {
//!     let (mut buffer, mut sum) = (BytesMut::new(), 0);
//!     loop {
//!         buffer.resize(64 << 10, 0); // Takes back the memory of pieces that are written.
//!         let n = source.read(&mut buffer)?;
//!         if n == 0 {
//!             return Ok(sum);
//!         }
//!         let piece = buffer.split_to(n).freeze();
//!         sum += conn.write_all(Aio::new().bytes(piece)).wait()?.count();
//!     }
//! }
//! # let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
//! # assert_eq!(copy(&mut &b"hello"[..], &Conn::from(near)).unwrap(), 5);
//! # assert_eq!(std::io::read_to_string(far).unwrap(), "hello");
//! ```
//!
//! Code that has nothing but a [`Read`](std::io::Read) or a [`Write`](std::io::Write) to offer gets one with
//! [`Conn::io`].
//!
//! # Before a process exits
//!
//! Connections that are closed or dropped are seen off in the background while the process lives. A
//! process that exits does not wait for that: before it does, wait for [`Conn::shutdown`] on each
//! connection whose peer must have all that was counted. After a whole exchange there is no need.
//!
//! # Where to go from here
//!
//! * [`Conn`]: connecting, writing, reading, messages and their bodies, whole exchanges
//!   ([`transact`](Conn::transact)), forwarding, and the end of a connection.
//! * [`Client`]: requests to any server, over connections that are kept; redirections, proxies.
//! * [`Server`]: plain blocking handlers, with routes, limits, and a stop that loses nothing.
//! * [`docs::recipes`]: programs for common tasks, from JSON to uploads that go on where they stopped;
//!   [`docs::serving`]: a server, a JSON API, files, uploads, event streams, a forwarder, tunnels, upgrades.
//!   [`docs::operating`]: what a server costs and what bounds it, before it and under systemd, what its numbers mean.
//! * [`Error`]: kinds, counts, and the way to and from [`std::io::Error`]. [`docs::errors`]: what errors say, and
//!   what becomes of a connection after each of them.
//! * [`docs::architecture`]: how it is built, and the invariants.
//! * The examples `wait`, `callback`, `deadline`, `cancel`, those of servers (`hello_server`, `echo`,
//!   `reverse_proxy`, `long_poll`, `upgrade`, `access_log`), and the tools `put`, `get` and `serve`, in
//!   `examples/`.
//!
//! # Features
//!
//! None by default.
//!
//! * `tls` adds `rustls` and connections over TLS: `https` in [`Client`], `Conn::connect_tls`,
//!   `Conn::tls_client`, `Conn::tls_server`, `Endpoint::tls`, and the module `tls`.
//! * `test-util` opens two modules for tests: `transport`, the trait below a connection, and `testing`,
//!   a transport in memory with faults. They are outside the semver promise.

// Types that are public with and without `test-util` get no badge that names it.
#![cfg_attr(docsrs, feature(doc_cfg), doc(auto_cfg(hide(feature = "test-util"))))]

#[cfg(not(unix))]
compile_error!("http-aio needs a Unix system: it rests on sendmsg with MSG_DONTWAIT");

mod aio;
mod background;
mod blocking;
mod bufs;
mod client;
mod conn;
mod deadline;
pub mod docs;
mod error;
mod into_body;
mod linger;
mod meter;
mod proto;
mod response_ext;
mod scratch;
mod server;
mod sync;
mod sys;
#[cfg(feature = "test-util")]
pub mod testing;
#[cfg(all(test, not(feature = "test-util")))]
#[allow(
    unreachable_pub,
    dead_code,
    unused_imports,
    reason = "public with the feature; without it a few tests in the crate use a part"
)]
mod testing;
mod timer;
#[cfg(feature = "tls")]
pub mod tls;
#[cfg(feature = "test-util")]
pub mod transport;
#[cfg(not(feature = "test-util"))]
#[allow(
    unreachable_pub,
    dead_code,
    reason = "public with the feature, and then used by tests"
)]
mod transport;
mod unwind;

pub use bytes;
pub use http;
#[cfg(feature = "tls")]
pub use rustls;

pub use self::aio::{Aio, CancelToken, Canceler, Idle, InFlight, Written};
pub use self::client::{Client, ClientBuilder, Event, Proxies};
pub use self::conn::{Body, Conn, Io, Parts};
pub use self::error::{Error, ErrorKind, Peer};
pub use self::into_body::IntoBody;
pub use self::proto::body::BodyFraming;
pub use self::proto::limits::Limits;
pub use self::proto::{Interim, Reason};
pub use self::response_ext::ResponseExt;
pub use self::server::{
    Answer, Answered, Directory, Endpoint, Exchange, File, ForwardedFields, GivenUp, IntoAnswer,
    Redirect, Rejection, RequestBody, Responder, ResponseWriter, Route, Server, ServerBuilder,
    ServerEvent, ServerLimits, ServerStats, StaticContent, SymbolicLinks, Threads, TrustedProxy,
    Uploads, WhenFull, any, delete, get, head, on, options, patch, post, put,
};
pub use self::transport::{Addr, Stream};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_go_between_threads() {
        fn check<T: Send + Sync>() {}
        check::<Conn>();
        check::<Aio<Written>>();
        check::<Aio<bytes::Bytes, InFlight>>();
        check::<CancelToken>();
        check::<Canceler>();
        check::<Error>();
    }
}
