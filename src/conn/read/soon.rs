//! Waiting for what is likely to come soon.
//!
//! A wait that can be ended takes three calls: one that finds nothing, a `poll`, and one that reads. A call that
//! blocks takes one, but nothing other than the stream can end it, and so it is made for a moment only, and
//! only while waits are short.

use std::io;
use std::time::{Duration, Instant};

use super::input::Input;
use crate::transport::{Transport, Wait, moved_nothing};

/// How long nothing but the stream may end a call. A waiter learns so much later, at most, that it was interrupted, and
/// the kernel's clock may add two ticks of up to 4 ms.
const SOON: Duration = Duration::from_millis(1);

/// A deadline that is nearer than this is not left to such a call.
const MUCH_LATER: Duration = Duration::from_millis(20);

/// So much at a time is a part of more.
const MUCH: usize = 16 << 10;

impl Input {
    /// As `receive`. While the peer answers soon this is a single call, which for a moment nothing but the stream can end.
    /// Otherwise the wait can be ended, but takes a call of its own.
    pub(crate) fn receive_soon(
        &mut self,
        transport: &dyn Transport,
        room: usize,
        wait: Wait,
    ) -> io::Result<usize> {
        if !self.is_slow && wait.is_longer_than(MUCH_LATER) {
            let result = self.receive_streamed(transport, room, Wait::Briefly(SOON));
            self.is_slow = result.as_ref().is_err_and(moved_nothing);
            return result;
        }
        let since = Instant::now();
        let result = self.receive(transport, room, wait);
        self.is_slow = result.is_err() || since.elapsed() > SOON;
        result
    }

    /// As `receive`. Where much has come at a time the peer is sending on another processor, and would lose more by waking
    /// a thread that sleeps than that loses by looking again.
    fn receive_streamed(
        &mut self,
        transport: &dyn Transport,
        room: usize,
        wait: Wait,
    ) -> io::Result<usize> {
        let is_there = || match transport.peek() {
            Err(error) => error.kind() != io::ErrorKind::WouldBlock,
            Ok(_) => true,
        };
        let may_sleep = self.is_streamed && !self.spin.until(is_there);
        let since = may_sleep.then(Instant::now);
        let result = self.receive(transport, room, wait);
        if let Some(since) = since {
            self.spin.slept(since);
        }
        // A transport with records has to decrypt one to see whether it is there.
        let is_plain = transport.record().is_none();
        self.is_streamed = is_plain && result.as_ref().is_ok_and(|count| *count >= MUCH);
        result
    }
}

#[cfg(test)]
mod tests {
    use std::net::Shutdown;
    use std::thread;

    use parking_lot::Mutex;

    use super::*;
    use crate::transport::Addr;

    /// Tells how it was waited for, and answers as it is told.
    #[derive(Debug, Default)]
    struct Peer {
        waits: Mutex<Vec<Wait>>,
        takes_its_time: bool,
        is_woken: bool,
        brings_much: bool,
        looks: Mutex<usize>,
    }

    impl Transport for Peer {
        fn read(&self, _: &mut [u8], wait: Wait) -> io::Result<usize> {
            self.waits.lock().push(wait);
            match wait {
                Wait::Briefly(_) if self.is_woken => Err(io::ErrorKind::Interrupted.into()),
                Wait::Briefly(_) if self.takes_its_time => Err(io::ErrorKind::WouldBlock.into()),
                Wait::Briefly(_) if self.brings_much => Ok(MUCH),
                Wait::Briefly(_) => Ok(1),
                _ => {
                    if self.takes_its_time {
                        thread::sleep(2 * SOON);
                    }
                    Ok(1)
                }
            }
        }

        fn write(&self, _: &[io::IoSlice<'_>], _: Wait) -> io::Result<usize> {
            Err(io::ErrorKind::Unsupported.into())
        }

        fn peek(&self) -> io::Result<usize> {
            *self.looks.lock() += 1;
            Ok(1)
        }

        fn wake_reader(&self) {}

        fn shutdown(&self, _: Shutdown) -> io::Result<()> {
            Ok(())
        }

        fn peer_addr(&self) -> Addr {
            Addr::Unknown
        }

        fn local_addr(&self) -> Addr {
            Addr::Unknown
        }
    }

    #[track_caller]
    fn waits(input: &mut Input, peer: &Peer, times: usize, wait: Wait) -> Vec<Wait> {
        for _ in 0..times {
            let _ = input.receive_soon(peer, 2 * MUCH, wait);
            input.take_raw(usize::MAX);
        }
        std::mem::take(&mut *peer.waits.lock())
    }

    const BRIEFLY: Wait = Wait::Briefly(SOON);
    const LONG: Wait = Wait::For(Duration::from_secs(1));

    #[test]
    fn one_call_blocks_while_waits_are_short() {
        let (mut input, mut peer) = (Input::default(), Peer::default());
        assert_eq!(waits(&mut input, &peer, 2, LONG), [BRIEFLY; 2]);
        peer.takes_its_time = true;
        let expected = [BRIEFLY, Wait::Forever, Wait::Forever];
        assert_eq!(waits(&mut input, &peer, 3, Wait::Forever), expected);
        peer.takes_its_time = false;
        assert_eq!(waits(&mut input, &peer, 2, LONG), [LONG, BRIEFLY]);
    }

    #[test]
    fn whoever_is_woken_waits_so_that_it_can_be() {
        let (mut input, mut peer) = (Input::default(), Peer::default());
        peer.is_woken = true;
        assert_eq!(waits(&mut input, &peer, 2, LONG), [BRIEFLY, LONG]);
    }

    #[test]
    fn a_deadline_that_is_near_is_kept() {
        let (mut input, peer) = (Input::default(), Peer::default());
        for near in [Wait::Never, Wait::For(MUCH_LATER)] {
            assert_eq!(waits(&mut input, &peer, 1, near), [near]);
        }
    }

    #[test]
    fn more_of_much_is_looked_for_before_a_sleep() {
        let (mut input, mut peer) = (Input::default(), Peer::default());
        waits(&mut input, &peer, 2, LONG);
        assert_eq!(*peer.looks.lock(), 0);
        peer.brings_much = true;
        assert_eq!(waits(&mut input, &peer, 3, LONG), [BRIEFLY; 3]);
        assert_eq!(*peer.looks.lock(), 2);
        peer.brings_much = false;
        waits(&mut input, &peer, 2, LONG);
        assert_eq!(*peer.looks.lock(), 3);
    }
}
