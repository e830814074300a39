//! What a server counts while it works.

use std::sync::atomic::{AtomicU64, Ordering};

use http::StatusCode;

/// What a server has done since it was made, as [`Server::stats`](crate::Server::stats) finds it: each number is
/// exact, but they are read one after the other while the server goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerStats {
    /// Connections that came, through listeners or [`Server::serve`](crate::Server::serve).
    pub accepted: u64,
    /// Connections that it has now, without those that were hijacked.
    pub connections: u64,
    /// Of these, those that wait for a request in a [watch](crate::Threads::Watched), without a thread.
    pub watched: u64,
    /// Threads that serve connections, wait for them or are ready to.
    pub threads: u64,
    /// Of these, those that are ready and have nothing to do.
    pub spare_threads: u64,
    /// How often a handler on a thread that others waited for was about to wait in a call of this crate, so that another
    /// thread had to serve these others.
    pub hand_overs_blocking: u64,
    /// How often a handler on a thread that others waited for did not return within a millisecond or two, so that another
    /// thread had to serve these others.
    pub hand_overs_overdue: u64,
    /// How often other connections were handed to another thread before a handler was called that takes its time.
    pub hand_overs_slow: u64,
    /// Handlers of watched connections that take their time now: the last calls of each have.
    pub slow_handlers: u64,
    /// Connections that handlers have taken over, by [`hijack`](crate::Exchange::hijack) or
    /// [`upgrade`](crate::Exchange::upgrade).
    pub hijacked: u64,
    /// Requests whose heads were read, those under way included.
    pub requests: u64,
    /// Answers that were written whole, with a status of 2xx.
    pub successes: u64,
    /// Answers that were written whole, with a status of 3xx.
    pub redirections: u64,
    /// Answers that were written whole, with a status of 4xx.
    pub client_errors: u64,
    /// Answers that were written whole, with a status of 5xx.
    pub server_errors: u64,
    /// Answers that were not written whole: the connection has ended in the middle of them or before.
    pub failed: u64,
    /// What came and was no request that could be served, and was told so. It is not among the requests.
    pub refused: u64,
    /// Connections that were ended at once, because there was no room, thread or descriptor for them, or too many from
    /// their address.
    pub rejected: u64,
    /// Failures to accept a connection or to find a thread for it.
    pub accept_failures: u64,
    /// Requests that wait for an answer from a [`Responder`](crate::Responder) now.
    pub late: u64,
    /// Bytes of the bodies of requests, without framing, that handlers have read or the server has thrown away;
    /// without what was forwarded or belongs to connections that were hijacked.
    pub read: u64,
    /// Bytes of answers, heads, framing and content, that the kernel has accepted; those that have failed included, and
    /// what is written of those under way, piece by piece.
    pub written: u64,
}

/// A line of the cache to themselves, or two, which processors fetch together.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Counters {
    pub(super) accepted: Counter,
    pub(super) hijacked: Counter,
    pub(super) requests: Counter,
    pub(super) failed: Counter,
    pub(super) refused: Counter,
    pub(super) rejected: Counter,
    pub(super) accept_failures: Counter,
    pub(super) late: Counter,
    pub(super) read: Counter,
    pub(super) written: Counter,
    pub(super) hand_overs_blocking: Counter,
    pub(super) hand_overs_overdue: Counter,
    pub(super) hand_overs_slow: Counter,
    /// Answers by the first digit of their status, from 2 on.
    answers: [Counter; 4],
}

#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub(super) fn sub(&self, count: u64) {
        self.0.fetch_sub(count, Ordering::Relaxed);
    }

    fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Counters {
    /// An answer was written whole. Upgrades are counted as hijacked.
    pub(super) fn answered(&self, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100);
        if let Some(answers) = class.checked_sub(2).and_then(|at| self.answers.get(at)) {
            answers.add(1);
        }
    }

    /// What was counted; the rest is 0.
    pub(super) fn stats(&self) -> ServerStats {
        let [successes, redirections, client_errors, server_errors] =
            self.answers.each_ref().map(Counter::value);
        ServerStats {
            accepted: self.accepted.value(),
            hijacked: self.hijacked.value(),
            requests: self.requests.value(),
            successes,
            redirections,
            client_errors,
            server_errors,
            failed: self.failed.value(),
            refused: self.refused.value(),
            rejected: self.rejected.value(),
            accept_failures: self.accept_failures.value(),
            late: self.late.value(),
            read: self.read.value(),
            written: self.written.value(),
            hand_overs_blocking: self.hand_overs_blocking.value(),
            hand_overs_overdue: self.hand_overs_overdue.value(),
            hand_overs_slow: self.hand_overs_slow.value(),
            ..ServerStats::default()
        }
    }
}
