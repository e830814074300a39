//! Waiting for what is likely to come soon.
//!
//! A wait that can be ended takes a `poll` and a read, and a try before them if the last read may have left something. A
//! read that blocks is one call, but nothing other than the stream can end it, and so it is made for a moment only, and
//! only while waits are short.
//!
//! Where much comes at a time the peer is sending on another processor, and would lose more by waking a thread that
//! sleeps than that loses by looking again. So it spins for a moment before it sleeps, if that pays.

use std::io;
use std::time::{Duration, Instant};

use super::input::Input;
use crate::sync::Spin;
use crate::transport::{Transport, Wait, moved_nothing};

/// How long nothing but the stream may end a call. A waiter learns so much later, at most, that it was interrupted, and
/// the kernel's clock may add two ticks of up to 4 ms.
const SOON: Duration = Duration::from_millis(1);

/// A deadline that is nearer than this is not left to such a call.
const MUCH_LATER: Duration = Duration::from_millis(20);

/// So much at a time is a part of more.
const MUCH: usize = 16 << 10;

/// How the last waits of a connection's reads went.
#[derive(Debug, Default)]
pub(super) struct Waits {
    /// The last one took its time.
    are_slow: bool,
    /// The last read has brought much.
    is_streamed: bool,
    spin: Spin,
}

impl Waits {
    /// Reads once into `input`, as that does.
    pub(super) fn receive(
        &mut self,
        input: &mut Input,
        transport: &dyn Transport,
        room: usize,
        wait: Wait,
    ) -> io::Result<usize> {
        if !self.are_slow && wait.is_longer_than(MUCH_LATER) {
            let result = self.receive_soon(input, transport, room);
            self.are_slow = result.as_ref().is_err_and(moved_nothing);
            return result;
        }
        let since = Instant::now();
        let result = input.receive(transport, room, wait);
        self.are_slow = result.is_err() || since.elapsed() > SOON;
        result
    }

    fn receive_soon(
        &mut self,
        input: &mut Input,
        transport: &dyn Transport,
        room: usize,
    ) -> io::Result<usize> {
        let spins = self.is_streamed && self.spin.pays();
        let is_there = spins && self.spin.until(|| has_come(transport));
        let since = (self.is_streamed && !is_there).then(Instant::now);
        let result = input.receive(transport, room, Wait::Briefly(SOON));
        if let Some(since) = since {
            self.spin.slept(since);
        }
        // A transport with records has to decrypt one to see whether it is there.
        let is_plain = transport.record().is_none();
        self.is_streamed = is_plain && result.as_ref().is_ok_and(|count| *count >= MUCH);
        result
    }
}

/// Whether a read would not wait.
fn has_come(transport: &dyn Transport) -> bool {
    match transport.peek() {
        Ok(_) => true,
        Err(error) => error.kind() != io::ErrorKind::WouldBlock,
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
    fn receive(waits: &mut Waits, peer: &Peer, times: usize, wait: Wait) -> Vec<Wait> {
        for _ in 0..times {
            let _ = waits.receive(&mut Input::default(), peer, 2 * MUCH, wait);
        }
        std::mem::take(&mut *peer.waits.lock())
    }

    const BRIEFLY: Wait = Wait::Briefly(SOON);
    const LONG: Wait = Wait::For(Duration::from_secs(1));

    #[test]
    fn one_call_blocks_while_waits_are_short() {
        let (mut waits, mut peer) = (Waits::default(), Peer::default());
        assert_eq!(receive(&mut waits, &peer, 2, LONG), [BRIEFLY; 2]);
        peer.takes_its_time = true;
        let expected = [BRIEFLY, Wait::Forever, Wait::Forever];
        assert_eq!(receive(&mut waits, &peer, 3, Wait::Forever), expected);
        peer.takes_its_time = false;
        assert_eq!(receive(&mut waits, &peer, 2, LONG), [LONG, BRIEFLY]);
    }

    #[test]
    fn whoever_is_woken_waits_so_that_it_can_be() {
        let (mut waits, mut peer) = (Waits::default(), Peer::default());
        peer.is_woken = true;
        assert_eq!(receive(&mut waits, &peer, 2, LONG), [BRIEFLY, LONG]);
    }

    #[test]
    fn a_deadline_that_is_near_is_kept() {
        let (mut waits, peer) = (Waits::default(), Peer::default());
        for near in [Wait::Never, Wait::For(MUCH_LATER)] {
            assert_eq!(receive(&mut waits, &peer, 1, near), [near]);
        }
    }

    #[test]
    fn more_of_much_is_looked_for_before_a_sleep() {
        let (mut waits, mut peer) = (Waits::default(), Peer::default());
        receive(&mut waits, &peer, 2, LONG);
        assert_eq!(*peer.looks.lock(), 0);
        peer.brings_much = true;
        assert_eq!(receive(&mut waits, &peer, 3, LONG), [BRIEFLY; 3]);
        assert_eq!(*peer.looks.lock(), 2);
        peer.brings_much = false;
        receive(&mut waits, &peer, 2, LONG);
        assert_eq!(*peer.looks.lock(), 3);
    }
}
