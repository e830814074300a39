//! One socket that lingers: what is left to send on it, and what is still read.

use std::io;
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::sync::Arc;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags};
use socket2::Socket;

use super::bounds::Bounds;
use crate::sys::NO_SIGNAL;

/// How often a socket is read for which there is no thread.
const LAST_READS: usize = 1024;

#[derive(Debug)]
pub(super) struct Departure {
    socket: Arc<Socket>,
    output: Output,
    input: Input,
}

/// Our direction.
#[derive(Debug)]
enum Output {
    /// These bytes go out before it ends, if they do so in time.
    Sending {
        last: Vec<u8>,
        sent: usize,
        until: Instant,
    },
    Ended {
        at: Instant,
    },
}

/// The peer's direction.
#[derive(Debug)]
enum Input {
    /// Somebody else reads.
    Elsewhere,
    /// What arrives is thrown away.
    Discarding { heard: Instant },
    /// The peer has ended it, or is gone.
    Ended,
}

impl Departure {
    /// A socket whose write side has ended, and on which nobody reads any more.
    pub(super) fn of_input(socket: Arc<Socket>, now: Instant) -> Self {
        Self {
            socket,
            output: Output::Ended { at: now },
            input: Input::Discarding { heard: now },
        }
    }

    /// A socket on which nobody writes any more, once `last` is out.
    pub(super) fn of_output(socket: Arc<Socket>, last: Vec<u8>, until: Instant) -> Self {
        Self {
            socket,
            output: Output::Sending {
                last,
                sent: 0,
                until,
            },
            input: Input::Elsewhere,
        }
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.socket, &other.socket)
    }

    /// Takes in the same socket, which has come again because nobody else reads any more.
    pub(super) fn join(&mut self, other: Self) {
        if let (Input::Elsewhere, Input::Discarding { .. }) = (&self.input, &other.input) {
            self.input = other.input;
        }
    }

    /// Whether there is nothing to wait for.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.output, Output::Ended { .. })
            && !matches!(self.input, Input::Discarding { .. })
    }

    pub(super) fn interest(&self) -> PollFd<'_> {
        let mut flags = PollFlags::empty();
        if matches!(self.output, Output::Sending { .. }) {
            flags |= PollFlags::OUT;
        }
        if matches!(self.input, Input::Discarding { .. }) {
            flags |= PollFlags::IN;
        }
        PollFd::new(&*self.socket, flags)
    }

    /// When it is not waited for any longer, as far as is known now.
    pub(super) fn deadline(&self, bounds: &Bounds) -> Instant {
        match (&self.output, &self.input) {
            (Output::Sending { until, .. }, _) => *until,
            (Output::Ended { at }, Input::Discarding { heard }) => {
                (*at + bounds.total).min(*at.max(heard) + bounds.silence)
            }
            (Output::Ended { at }, _) => *at,
        }
    }

    /// Gives up what has had its time.
    pub(super) fn expire(&mut self, now: Instant, bounds: &Bounds) {
        if now < self.deadline(bounds) {
            return;
        }
        match self.output {
            Output::Sending { .. } => self.end_output(),
            Output::Ended { .. } => self.input = Input::Ended,
        }
    }

    /// Sends what goes without blocking, and ends our direction behind all of it.
    pub(super) fn send(&mut self) {
        let Output::Sending { last, sent, .. } = &mut self.output else {
            return;
        };
        while *sent < last.len() {
            let flags = NO_SIGNAL | libc::MSG_DONTWAIT;
            match self.socket.send_with_flags(&last[*sent..], flags) {
                Ok(count @ 1..) => *sent += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Ok(0) | Err(_) => break, // The peer is gone.
            }
        }
        self.end_output();
    }

    fn end_output(&mut self) {
        // Fails when the peer is gone already.
        let _ = self.socket.shutdown(Shutdown::Write);
        self.output = Output::Ended { at: Instant::now() };
    }

    /// Throws away what has arrived, in so many reads at most. True if there is probably more.
    pub(super) fn read(&mut self, scrap: &mut [MaybeUninit<u8>], most: usize) -> bool {
        let Input::Discarding { heard } = &mut self.input else {
            return false;
        };
        for _ in 0..most {
            match self.socket.recv_with_flags(scrap, libc::MSG_DONTWAIT) {
                Ok(count @ 1..) => {
                    *heard = Instant::now();
                    if count < scrap.len() {
                        return false; // Probably nothing is left.
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                Ok(0) | Err(_) => {
                    self.input = Input::Ended;
                    return false;
                }
            }
        }
        true
    }

    /// Ends it in both directions, even if a handle of it is left, and closes it if none is.
    pub(super) fn let_go(self) {
        let how = match self.input {
            Input::Elsewhere => Shutdown::Write,
            Input::Discarding { .. } | Input::Ended => Shutdown::Both,
        };
        let _ = self.socket.shutdown(how); // Fails when the peer is gone already.
    }

    /// Does what can be done without waiting, and closes it.
    pub(super) fn let_go_now(mut self) {
        self.send();
        if matches!(self.output, Output::Sending { .. }) {
            self.end_output();
        }
        self.read(&mut [MaybeUninit::uninit(); 16 << 10], LAST_READS);
        // Shutting down the read side as well would reset a peer that says more, where a handle
        // that is left keeps the socket open.
    }
}
