//! Connections in memory, and a gate in front of their writes.

use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use http_aio::testing::memory::{self, Fault, Faults, MemoryStream};
use http_aio::transport::{Transport, Wait};
use http_aio::{Addr, Conn};

use super::{PATIENCE, receive};

/// A connection in memory and its raw peer.
pub(crate) fn memory_pair(capacity: usize, faults: Faults) -> (Conn, MemoryStream) {
    let (near, far) = memory::pair(capacity, faults);
    (Conn::from_transport(near), far)
}

/// Calls of so many bytes at most, one of which fails.
pub(crate) fn faults(call_bytes: usize, fail_write: Option<(usize, Fault)>) -> Faults {
    let mut faults = Faults::none();
    faults.call_bytes = call_bytes;
    faults.fail_write = fail_write;
    faults
}

/// Drains on a thread of its own; `receive` what it has got.
pub(crate) fn drain_in_background(peer: MemoryStream) -> Receiver<Vec<u8>> {
    let (sender, receiver) = bounded(1);
    thread::spawn(move || sender.send(peer.drain()));
    receiver
}

/// Drains, bounded.
#[track_caller]
pub(crate) fn drain_memory(peer: MemoryStream) -> Vec<u8> {
    receive(&drain_in_background(peer))
}

/// A stream in memory whose writes wait for the test: it stops the writer's thread right before
/// any system call, so that a race is not a matter of luck.
#[derive(Debug)]
struct Gated {
    inner: MemoryStream,
    calls: Sender<WriteCall>,
    permits: Receiver<()>,
}

/// A write that waits at the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WriteCall {
    pub(crate) may_block: bool,
    pub(crate) offered: usize,
}

/// The test's side of the gate. Dropped, it stands open.
#[derive(Debug)]
pub(crate) struct Gate {
    calls: Receiver<WriteCall>,
    permits: Sender<()>,
}

impl Gate {
    /// The next call, which now waits.
    #[track_caller]
    pub(crate) fn arrived(&self) -> WriteCall {
        receive(&self.calls)
    }

    /// Lets one call through.
    pub(crate) fn permit(&self) {
        let _ = self.permits.send(());
    }

    /// Lets all calls through; afterwards they can be listed.
    pub(crate) fn open(self) -> Receiver<WriteCall> {
        self.calls
    }
}

/// As `memory_pair`, with a gate.
pub(crate) fn gated_pair(capacity: usize, faults: Faults) -> (Conn, MemoryStream, Gate) {
    let (near, far) = memory::pair(capacity, faults);
    let (calls, arrivals) = unbounded();
    let (permits, waits) = unbounded();
    let gated = Gated {
        inner: near,
        calls,
        permits: waits,
    };
    let gate = Gate {
        calls: arrivals,
        permits,
    };
    (Conn::from_transport(gated), far, gate)
}

impl Transport for Gated {
    fn read(&self, buffer: &mut [u8], wait: Wait) -> io::Result<usize> {
        self.inner.read(buffer, wait)
    }

    fn write(&self, buffers: &[IoSlice<'_>], wait: Wait) -> io::Result<usize> {
        let _ = self.calls.send(WriteCall {
            may_block: wait != Wait::Never,
            offered: buffers.iter().map(|buffer| buffer.len()).sum(),
        });
        let _ = self.permits.recv_timeout(PATIENCE);
        self.inner.write(buffers, wait)
    }

    fn wake_reader(&self) {
        self.inner.wake_reader();
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.inner.shutdown(how)
    }

    fn peer_addr(&self) -> Addr {
        self.inner.peer_addr()
    }

    fn local_addr(&self) -> Addr {
        self.inner.local_addr()
    }
}
