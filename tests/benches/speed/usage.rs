//! What a process has used of the processors.

use std::io;
use std::ops::{AddAssign, Sub};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;

/// Seconds, in the process itself and in the kernel for it.
#[derive(Clone, Copy, Default)]
pub(crate) struct Usage {
    pub(crate) user: f64,
    pub(crate) system: f64,
}

impl Usage {
    pub(crate) fn of_this_process() -> io::Result<Self> {
        let usage = getrusage(UsageWho::RUSAGE_SELF)?;
        let seconds = |time: TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
        Ok(Self {
            user: seconds(usage.user_time()),
            system: seconds(usage.system_time()),
        })
    }

    /// Of a process and its children, in steps of 10 ms.
    pub(crate) fn of_process(id: u32) -> io::Result<Self> {
        let mut usage = Self::of_one(id)?;
        let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children"));
        for child in children.unwrap_or_default().split_whitespace() {
            usage += Self::of_one(child.parse().map_err(io::Error::other)?)?;
        }
        Ok(usage)
    }

    /// proc_pid_stat(5): utime and stime.
    fn of_one(id: u32) -> io::Result<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat"))?;
        let fields = stat.rsplit(')').next().unwrap_or_default();
        let mut ticks = fields
            .split_whitespace()
            .skip(11)
            .map_while(|ticks| ticks.parse::<u32>().ok());
        let mut seconds = || f64::from(ticks.next().unwrap_or_default()) / 100.0;
        Ok(Self {
            user: seconds(),
            system: seconds(),
        })
    }

    pub(crate) fn total(self) -> f64 {
        self.user + self.system
    }
}

impl Sub for Usage {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            user: self.user - before.user,
            system: self.system - before.system,
        }
    }
}

impl AddAssign for Usage {
    fn add_assign(&mut self, more: Self) {
        self.user += more.user;
        self.system += more.system;
    }
}
