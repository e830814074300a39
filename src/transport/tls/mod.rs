//! A TLS session over another transport.
//!
//! Two threads use it at once, and rustls is one object. So it is under a lock, which is held to
//! encrypt and to decrypt, and never while the transport below is called.
//!
//! Records must go out in the order in which they were made, and not interleaved. Both
//! directions make some: the writer what it writes, the reader answers to key updates, and alerts. If
//! both sent, one would have to wait for the other, and a reader that waits for a writer whose peer
//! does not read is a deadlock. So only the writing direction sends. What the reader brings about
//! stays with rustls, in order, and the next write takes it along, or the end of the stream. None of
//! it is urgent: RFC 8446 section 4.6.3 wants the answer to a key update before the next data,
//! not before; and rustls bounds how much of it there can be.
//!
//! Invariants:
//!
//! 1. The session's lock is held for bookkeeping and cryptography only.
//! 2. Whoever sends has taken the outbox out of the session, and nobody else sends before it is back.
//!    So has whoever receives with the inbox.
//! 3. What is encrypted can only be sent, or the stream ends: sequence numbers have no gaps. So a
//!    record is made only of what is to go out now, and what a call has encrypted and not brought
//!    out is *held*: the next write begins with the same bytes (`is_mid_record`).
//! 4. A write counts the plaintext of the records that the transport below has accepted whole. What
//!    has been accepted of one that is not whole cannot be decrypted by anybody.
//! 5. `close_notify` says that the stream is whole, so it is sent only behind whole records, when
//!    nothing was aborted; and an end without it is an error to the reader.

mod failure;
mod handshake;
mod inbox;
mod outbox;
mod session;
mod shared;
mod tls_transport;

pub(crate) use self::handshake::{Role, handshake};
