//! Operations that their closure submits again.

use std::collections::HashMap;
use std::thread::{self, ThreadId};
use std::time::Instant;

use crossbeam_channel::unbounded;
use http_aio::bytes::Bytes;
use http_aio::{Aio, Conn, Written};

use super::{SOON, assert_alive};
use crate::support::*;

/// What a chain of closures has seen of itself.
struct Chain {
    left: usize,
    /// The lowest and the highest address of a local variable, for each thread.
    stacks: HashMap<ThreadId, (usize, usize)>,
}

impl Chain {
    const LINKS: usize = 10_000;

    fn new() -> Self {
        Self {
            left: Self::LINKS,
            stacks: HashMap::new(),
        }
    }

    /// Whether to go on.
    fn link(&mut self) -> bool {
        let local = 0_u8;
        let here = std::ptr::from_ref(&local).addr();
        let stack = self.stacks.entry(thread::current().id());
        let (lowest, highest) = stack.or_insert((here, here));
        (*lowest, *highest) = (here.min(*lowest), here.max(*highest));
        self.left -= 1;
        self.left > 0
    }

    #[track_caller]
    fn assert_flat(&self) {
        assert_eq!(self.left, 0);
        for (lowest, highest) in self.stacks.values() {
            let grown = highest - lowest;
            assert!(grown < 16 << 10, "{grown} bytes of stack");
        }
    }
}

#[test]
fn a_closure_may_resubmit_the_aio_it_was_handed_for_ever() {
    fn write(
        conn: Conn,
        aio: Aio<Written>,
        mut chain: Chain,
        end: crossbeam_channel::Sender<Chain>,
    ) {
        let aio = conn.write_all(aio.iov(["x"]));
        aio.on_complete(move |result, aio| {
            assert_eq!(result.unwrap().count(), 1);
            if chain.link() {
                write(conn, aio, chain, end);
            } else {
                let _ = end.send(chain);
            }
        });
    }
    fn read(conn: Conn, aio: Aio<Bytes>, mut chain: Chain, end: crossbeam_channel::Sender<Chain>) {
        let aio = conn.read(aio, 1);
        aio.on_complete(move |result, aio| {
            assert_eq!(result.unwrap(), "x");
            if chain.link() {
                read(conn, aio, chain, end);
            } else {
                let _ = end.send(chain);
            }
        });
    }
    /// Each completes before it has a closure, so the closure is always attached late.
    fn fail(
        conn: Conn,
        aio: Aio<Written>,
        mut chain: Chain,
        end: crossbeam_channel::Sender<Chain>,
    ) {
        let aio = conn.write_all(aio);
        aio.on_complete(move |result, aio| {
            assert!(result.is_err());
            if chain.link() {
                fail(conn, aio, chain, end);
            } else {
                let _ = end.send(chain);
            }
        });
    }
    for family in FAMILIES {
        let (conn, mut peer) = pair(family);
        let (end, ended) = unbounded();
        write(conn.clone(), Aio::new(), Chain::new(), end);
        assert_eq!(peer.expect(Chain::LINKS), vec![b'x'; Chain::LINKS]);
        let chain = receive(&ended);
        chain.assert_flat();
        assert_eq!(chain.stacks.len(), 1);

        let (end, ended) = unbounded();
        read(conn.clone(), Aio::new(), Chain::new(), end);
        peer.say(vec![b'x'; Chain::LINKS]);
        let chain = receive(&ended);
        chain.assert_flat();
        assert_eq!(chain.stacks.len(), 1);

        // Threads that stand in come and go; none is kept waiting for the one after it.
        let (end, ended) = unbounded();
        fail(conn.clone(), Aio::new(), Chain::new(), end);
        receive(&ended).assert_flat();
        conn.close();
        let (end, ended) = unbounded();
        fail(conn, Aio::new(), Chain::new(), end);
        receive(&ended).assert_flat();
    }
}

/// The aio comes back with its options; its old canceler has nothing to do with the new operation.
#[test]
fn a_resubmitted_aio_is_a_new_operation_with_the_old_options() {
    let (conn, mut peer) = pair(Family::Tcp);
    let (sender, second) = unbounded();
    let mine = conn.clone();
    let start = Instant::now();
    let first = conn.read(Aio::new().timeout(SOON), 1);
    let stale = first.on_complete(move |result, aio| {
        assert!(result.unwrap_err().is_timeout());
        let _ = sender.send(tell(mine.read(aio, 1)).0);
    });
    let second = receive(&second);
    stale.cancel();
    let told = once(&second);
    assert!(told.result.unwrap_err().is_timeout());
    assert!(told.at - start >= 2 * SOON);
    assert_alive(&conn, &mut peer);
}
