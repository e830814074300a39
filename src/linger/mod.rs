//! Sees sockets off: a socket that is closed while its peer has still something to say is reset by
//! the kernel, and a reset destroys what the peer has not read yet. So our direction is ended, and
//! what still arrives is read and thrown away, until the peer has ended its direction, or for a time
//! that is bounded.
//!
//! One lazy thread does that for all sockets. It polls them together, works a bounded amount on each
//! of them a round, and ends when it has had nothing to do for a second. Their number is bounded: the
//! oldest is let go for one that is too many. Whoever brings a socket does not wait, but looks once
//! whether the peer has ended already. That is the usual case, and then there is nothing to do.
//!
//! A process that was forked has no such thread, so the thread is known by the process that started
//! it.

mod bounds;
mod departure;
#[cfg(test)]
mod tests;

use std::io;
use std::mem::MaybeUninit;
use std::sync::Arc;
use std::thread::Builder;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};
use socket2::Socket;

use self::bounds::Bounds;
use self::departure::Departure;
use crate::sys::waker::Waker;

/// Bytes of one read of the thread, and of the one look of whoever brings a socket.
const SCRAP: usize = 64 << 10;
const LOOK: usize = 4 << 10;

/// Reads of one socket a round, so that one peer that sends fast does not hold up the others.
const READS: usize = 4;

/// How long a round takes at least if there was more on a socket: what is thrown away need not be
/// thrown away fast.
const PAUSE: Duration = Duration::from_millis(10);

static LINGERER: Lingerer = Lingerer::new(Bounds::USUAL);

/// Reads and throws away what still arrives on a socket whose write side has ended.
pub(crate) fn see_off(socket: &Arc<Socket>) {
    LINGERER.see_off(socket);
}

/// Ends the write side of a socket once `last` is out. Whoever reads goes on reading.
pub(crate) fn end_after(socket: &Arc<Socket>, last: Vec<u8>) {
    LINGERER.end_after(socket, last);
}

struct Lingerer {
    bounds: Bounds,
    /// None while there is no thread.
    mailbox: Mutex<Option<Mailbox>>,
}

/// What the thread has not taken over yet, and how it is told.
struct Mailbox {
    /// The process in which the thread runs.
    process: u32,
    most: usize,
    arrivals: Vec<Departure>,
    waker: Arc<Waker>,
    /// The thread polls, or is about to, and does not know of the next arrival.
    asleep: bool,
}

impl Lingerer {
    const fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            mailbox: Mutex::new(None),
        }
    }

    fn see_off(&'static self, socket: &Arc<Socket>) {
        let mut departure = Departure::of_input(Arc::clone(socket), Instant::now());
        departure.read(&mut [MaybeUninit::uninit(); LOOK], 1);
        if !departure.is_over() {
            self.enqueue(departure, std::process::id());
        }
    }

    fn end_after(&'static self, socket: &Arc<Socket>, last: Vec<u8>) {
        let until = Instant::now() + self.bounds.sending;
        let departure = Departure::of_output(Arc::clone(socket), last, until);
        self.enqueue(departure, std::process::id());
    }

    fn enqueue(&'static self, departure: Departure, process: u32) {
        let mut mailbox = self.mailbox.lock();
        // The mailbox of another process is a copy, and its thread was not copied.
        let stale = mailbox.take_if(|mailbox| mailbox.process != process);
        if mailbox.is_none() {
            match self.start(process) {
                Ok(new) => *mailbox = Some(new),
                Err(_) => {
                    drop(mailbox);
                    return departure.let_go_now();
                }
            }
        }
        let Some(open) = &mut *mailbox else { return };
        let too_many = open.arrivals.len() >= open.most;
        let evicted = too_many.then(|| open.arrivals.remove(0));
        open.arrivals.push(departure);
        let sleeper = std::mem::take(&mut open.asleep).then(|| Arc::clone(&open.waker));
        drop(mailbox);
        if let Some(waker) = sleeper {
            waker.wake();
        }
        if let Some(evicted) = evicted {
            evicted.let_go();
        }
        drop(stale);
    }

    /// Starts the thread. The lock is held meanwhile, longer than anywhere else.
    fn start(&'static self, process: u32) -> io::Result<Mailbox> {
        let waker = Arc::new(Waker::new()?);
        let theirs = Arc::clone(&waker);
        let most = self.bounds.sockets.min(affordable());
        Builder::new()
            .name("http-aio:linger".into())
            .spawn(move || self.run(&theirs, most))?;
        Ok(Mailbox {
            process,
            most,
            arrivals: Vec::new(),
            waker,
            asleep: false,
        })
    }

    fn run(&self, waker: &Waker, most: usize) {
        let mut present: Vec<Departure> = Vec::new();
        let mut scrap = vec![MaybeUninit::uninit(); SCRAP];
        loop {
            self.receive(&mut present, most);
            let now = Instant::now();
            let next = present.iter().map(|it| it.deadline(&self.bounds)).min();
            let wait = next.map_or(self.bounds.idle, |at| at.saturating_duration_since(now));
            match wait_for_any(&present, waker, wait) {
                Ok(ready) if ready.is_empty() && present.is_empty() => {
                    if self.leave() {
                        return;
                    }
                }
                Ok(ready) => {
                    if self.work(&mut present, &ready, &mut scrap) {
                        pause(waker);
                    }
                }
                Err(Errno::INTR) => {}
                // The sockets cannot be polled, so none can be waited for.
                Err(_) => present.drain(..).for_each(Departure::let_go),
            }
        }
    }

    /// Takes over what has arrived in the mailbox.
    fn receive(&self, present: &mut Vec<Departure>, most: usize) {
        let mut arrivals = Vec::new();
        if let Some(mailbox) = &mut *self.mailbox.lock() {
            std::mem::swap(&mut arrivals, &mut mailbox.arrivals);
            mailbox.asleep = true;
        }
        for departure in arrivals {
            // It may be here already, for what was left to send.
            match present.iter_mut().find(|it| it.is_same(&departure)) {
                Some(here) => here.join(departure),
                None => present.push(departure),
            }
        }
        let too_many = present.len().saturating_sub(most);
        present.drain(..too_many).for_each(Departure::let_go);
    }

    /// One round: a bounded amount of work on each socket that is ready. True if there was more on one.
    fn work(
        &self,
        present: &mut Vec<Departure>,
        ready: &[bool],
        scrap: &mut [MaybeUninit<u8>],
    ) -> bool {
        let mut is_more = false;
        for (departure, ready) in present.iter_mut().zip(ready) {
            if *ready {
                departure.send();
                is_more |= departure.read(scrap, READS);
            }
            departure.expire(Instant::now(), &self.bounds);
        }
        if present.iter().any(Departure::is_over) {
            let all = std::mem::take(present).into_iter();
            let (over, left): (Vec<_>, Vec<_>) = all.partition(Departure::is_over);
            *present = left;
            over.into_iter().for_each(Departure::let_go);
        }
        is_more
    }

    /// Ends the thread's part in the mailbox. False if something has arrived, so that it must stay.
    fn leave(&self) -> bool {
        let mut mailbox = self.mailbox.lock();
        let nothing = mailbox
            .as_ref()
            .is_none_or(|mailbox| mailbox.arrivals.is_empty());
        let left = if nothing { mailbox.take() } else { None };
        drop(mailbox);
        drop(left);
        nothing
    }
}

/// A quarter of the descriptors that the process may have.
fn affordable() -> usize {
    let limit = getrlimit(Resource::Nofile).current;
    let limit = limit.and_then(|limit| usize::try_from(limit).ok());
    limit.map_or(usize::MAX, |limit| limit / 4).max(1)
}

/// Waits a little, so that a peer that sends without end costs no processor. Its own window holds it up
/// meanwhile.
fn pause(waker: &Waker) {
    let timeout = Timespec::try_from(PAUSE).ok();
    // Whoever brings a socket ends the pause.
    let _ = poll(&mut [PollFd::new(waker, PollFlags::IN)], timeout.as_ref());
}

/// Which of the sockets are ready; empty if none is, and the time has passed.
fn wait_for_any(present: &[Departure], waker: &Waker, wait: Duration) -> Result<Vec<bool>, Errno> {
    let mut polled = Vec::with_capacity(present.len() + 1);
    polled.push(PollFd::new(waker, PollFlags::IN));
    polled.extend(present.iter().map(Departure::interest));
    // A timeout that is too long for the kernel does not occur.
    let timeout = Timespec::try_from(wait).ok();
    if poll(&mut polled, timeout.as_ref())? == 0 {
        return Ok(vec![false; present.len()]);
    }
    if !polled[0].revents().is_empty() {
        waker.reset();
    }
    Ok(polled[1..]
        .iter()
        .map(|it| !it.revents().is_empty())
        .collect())
}
