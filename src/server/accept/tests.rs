//! Failures to accept, as a listener that plays them has them (case 301).

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd};

use parking_lot::Mutex;
use rustix::io::Errno;

use super::*;
use crate::server::endpoint::Options;
use crate::server::error_pages::PageMaker;
use crate::server::event::Observer;
use crate::server::limits::ServerLimits;
use crate::server::threads::Threads;
use crate::sys::waker::Waker;

/// Fails as it is told, one error after the other, and then has nobody.
struct Script {
    errors: Mutex<VecDeque<Errno>>,
    /// Looks as if somebody waits.
    bell: Waker,
}

impl Script {
    fn new(errors: impl IntoIterator<Item = Errno>) -> Self {
        let bell = Waker::new().expect("a descriptor");
        bell.wake();
        Self {
            errors: Mutex::new(errors.into_iter().collect()),
            bell,
        }
    }

    fn left(&self) -> usize {
        self.errors.lock().len()
    }
}

impl Accept for Script {
    fn accept(&self) -> io::Result<SocketTransport> {
        let error = self.errors.lock().pop_front();
        Err(error.map_or(io::ErrorKind::WouldBlock.into(), Into::into))
    }
}

impl AsFd for Script {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }
}

/// What the observer is told of failures: how often in a row.
type Told = Arc<Mutex<Vec<u64>>>;

fn acceptor(errors: impl IntoIterator<Item = Errno>) -> (Acceptor<Script>, Told) {
    let told = Told::default();
    let theirs = Arc::clone(&told);
    let observer = Observer::new(move |event| {
        if let ServerEvent::AcceptFailed { times, .. } = event {
            theirs.lock().push(*times);
        }
    });
    let shared = Arc::new(Shared::new(
        ServerLimits::default(),
        observer,
        PageMaker::default(),
        None,
        Threads::PerConnection,
    ));
    let control = Control::new().expect("a descriptor");
    shared.lifecycle.acceptor_begins(&control);
    let script = Script::new(errors);
    let intake = Intake::new(&shared, None, Options::default());
    (Acceptor::new(shared, script, intake, control), told)
}

#[test]
fn a_connection_that_is_gone_is_nothing() {
    let gone = [Errno::CONNABORTED, Errno::PROTO, Errno::INTR];
    let (mut acceptor, told) = acceptor(gone.into_iter().cycle().take(3000));
    // In one go, without a sleep and without a word.
    assert!(matches!(acceptor.accept_all(), Outcome::Empty));
    assert_eq!((acceptor.listener.left(), acceptor.pause), (0, PAUSE));
    assert!(told.lock().is_empty());
}

#[test]
fn a_listener_that_is_gone_ends_its_thread() {
    let (mut acceptor, told) = acceptor([Errno::CONNABORTED, Errno::BADF, Errno::BADF]);
    let lifecycle = Arc::clone(&acceptor.shared.lifecycle);
    acceptor.accept_until_the_end();
    assert_eq!((acceptor.listener.left(), &**told.lock()), (1, &[1][..]));
    assert_eq!(lifecycle.acceptors().len(), 1);
    drop(acceptor);
    assert!(lifecycle.acceptors().is_empty());
}

#[test]
fn whoever_asks_for_a_listener_does_not_wait_for_one_that_is_gone() {
    let (acceptor, _) = acceptor([]);
    let control = Arc::clone(&acceptor.shared.lifecycle.acceptors()[0]);
    let (early, given) = crossbeam_channel::bounded(1);
    control.ask(early);
    assert!(control.is_asked());
    drop(acceptor); // There was no thread for it.
    assert!(given.recv().is_err());
    let (late, given) = crossbeam_channel::bounded(1);
    control.ask(late);
    assert!(given.recv().is_err());
}

#[test]
fn without_descriptors_it_sleeps_and_tells_ever_more_seldom() {
    let (mut acceptor, told) = acceptor(vec![Errno::MFILE; 20]);
    let mut pauses = Vec::new();
    // From the fifth on, the reserve is used, too.
    while acceptor.listener.left() > 0 {
        assert!(matches!(acceptor.accept_all(), Outcome::Failed));
        pauses.push(acceptor.pause);
        acceptor.pause = (2 * acceptor.pause).min(LONGEST_PAUSE);
    }
    assert_eq!(pauses[..3], [PAUSE, 2 * PAUSE, 4 * PAUSE]);
    assert_eq!(*pauses.last().expect("some"), LONGEST_PAUSE);
    assert_eq!(*told.lock(), [1, 2, 4, 8]);
    assert!(matches!(acceptor.accept_all(), Outcome::Empty));
}
