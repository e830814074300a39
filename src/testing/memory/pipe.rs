//! One direction of a stream in memory.

use std::io::{self, IoSlice};
use std::sync::Arc;
use std::time::Instant;

use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::transport::Wait;

/// One direction.
#[derive(Debug)]
pub(super) struct Pipe {
    state: Mutex<PipeState>,
    changed: Condvar,
    capacity: usize,
}

#[derive(Debug, Default)]
struct PipeState {
    bytes: Vec<u8>,
    no_more_writes: bool,
    no_more_reads: bool,
    woken: bool,
}

impl Pipe {
    pub(super) fn new(capacity: usize) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            changed: Condvar::new(),
            capacity,
        })
    }

    /// Nothing is written any more: what is there is read, then the end of the stream.
    pub(super) fn end_writes(&self) {
        self.change(|state| state.no_more_writes = true);
    }

    /// Nothing is read any more.
    pub(super) fn end_reads(&self) {
        self.change(|state| state.no_more_reads = true);
    }

    /// Wakes the read that blocks, or the next one that would.
    pub(super) fn wake_reader(&self) {
        self.change(|state| state.woken = true);
    }

    fn change(&self, change: impl FnOnce(&mut PipeState)) {
        change(&mut self.state.lock());
        self.changed.notify_all();
    }

    /// How many bytes there are to read: 0 is the end of the stream.
    ///
    /// # Errors
    ///
    /// `WouldBlock` when there is neither.
    pub(super) fn peek(&self) -> io::Result<usize> {
        let state = self.state.lock();
        match state.bytes.len() {
            0 if state.no_more_writes || state.no_more_reads => Ok(0),
            0 => Err(io::ErrorKind::WouldBlock.into()),
            count => Ok(count),
        }
    }

    pub(super) fn read(&self, buffer: &mut [u8], wait: Wait) -> io::Result<usize> {
        let mut state = self.state.lock();
        let until = deadline(wait);
        while state.bytes.is_empty() && !state.no_more_writes && !state.no_more_reads {
            if std::mem::take(&mut state.woken) {
                return Err(io::ErrorKind::Interrupted.into());
            }
            self.block(&mut state, wait, until)?;
        }
        let count = buffer.len().min(state.bytes.len());
        buffer[..count].copy_from_slice(&state.bytes[..count]);
        state.bytes.drain(..count);
        drop(state);
        self.changed.notify_all();
        Ok(count)
    }

    /// Writes as `sendmsg` does on a blocking socket: it goes on until everything is accepted, and returns
    /// what it has written when its time is up or the direction is shut down.
    pub(super) fn write(
        &self,
        buffers: &[IoSlice<'_>],
        most: usize,
        wait: Wait,
    ) -> io::Result<usize> {
        let offered: Vec<u8> = buffers
            .iter()
            .flat_map(|buffer| buffer.iter().copied())
            .take(most)
            .collect();
        let mut state = self.state.lock();
        let until = deadline(wait);
        let mut accepted = 0;
        while accepted < offered.len() {
            if state.no_more_writes || state.no_more_reads {
                return if accepted > 0 {
                    Ok(accepted)
                } else {
                    Err(io::ErrorKind::BrokenPipe.into())
                };
            }
            let room = self.capacity.saturating_sub(state.bytes.len());
            let count = room.min(offered.len() - accepted);
            if count > 0 {
                state
                    .bytes
                    .extend_from_slice(&offered[accepted..accepted + count]);
                accepted += count;
                self.changed.notify_all();
                continue;
            }
            if let Err(error) = self.block(&mut state, wait, until) {
                return if accepted > 0 {
                    Ok(accepted)
                } else {
                    Err(error)
                };
            }
        }
        Ok(accepted)
    }

    fn block(
        &self,
        state: &mut MutexGuard<'_, PipeState>,
        wait: Wait,
        until: Option<Instant>,
    ) -> io::Result<()> {
        match (wait, until) {
            (Wait::Never, _) => return Err(io::ErrorKind::WouldBlock.into()),
            (_, None) => self.changed.wait(state),
            (_, Some(at)) => {
                if self.changed.wait_until(state, at).timed_out() {
                    return Err(io::ErrorKind::WouldBlock.into());
                }
            }
        }
        Ok(())
    }
}

fn deadline(wait: Wait) -> Option<Instant> {
    match wait {
        Wait::For(left) | Wait::Briefly(left) => Instant::now().checked_add(left),
        Wait::Never | Wait::Forever => None,
    }
}
