//! What this crate is measured against: the same work, done by it and by a peer, in one table.
//!
//! ```text
//! cargo bench --bench speed --features tls                # all, in some ten minutes
//! cargo bench --bench speed -- pipe hello-64              # those that are named, and by families: write, exchange, ...
//! ```
//!
//! Each comparison is made on a quiet machine, whose processors sleep whenever they may, and on a busy one: there a process
//! of the lowest class keeps each processor awake, and is at once put aside for any other. The two sides alternate, round
//! by round. Printed for each is the median of its rounds, for one operation, and what the processors spend on it,
//! for itself and in the kernel. The ratios say how often ours does the work while theirs does it once: in the same time, with
//! the quartiles of the pairs behind it, and for the same processor's time.
//!
//! Whatever is at the other end of a connection is in a process of its own, and servers that are compared have one each, so
//! the processor's time is of the side alone. It is exact for what is measured in this process, and for another one
//! in steps of 10 ms, which is little beside all rounds.
//!
//! `table` measures and prints, `machine` keeps processors awake; each of the others is a family of comparisons.

mod exchange;
mod file;
mod forward;
mod machine;
#[path = "../peers.rs"]
mod peers;
#[path = "../process.rs"]
mod process;
#[cfg(feature = "tls")]
mod secure;
mod server;
mod table;
mod usage;
mod write;

use std::io;

use crate::machine::Machine;
use crate::peers::Peers;
use crate::table::Table;

fn main() -> io::Result<()> {
    match process::role().as_deref() {
        None => compare(),
        Some(Peers::ROLE) => Peers::be(),
        Some(Machine::ROLE) => Machine::be_awake(),
        #[cfg(feature = "tls")]
        Some(secure::ROLE) => secure::be(),
        Some(role) => match (role.strip_prefix(file::OURS), role.strip_prefix(file::TINY)) {
            (Some(root), _) => file::be_ours(root),
            (_, Some(root)) => file::be_tiny_http(root),
            _ => server::be(role),
        },
    }
}

fn compare() -> io::Result<()> {
    let mut table = Table::new();
    write::compare(&mut table)?;
    exchange::compare(&mut table)?;
    #[cfg(feature = "tls")]
    secure::compare(&mut table)?;
    server::compare(&mut table)?;
    file::compare(&mut table)?;
    forward::compare(&mut table)?;
    table.end()
}
