//! Two sides that do the same work, in turn, in one process.

#![allow(dead_code, reason = "not every benchmark needs all of it")]

use std::io;
use std::time::Instant;

/// What each side does in one round.
pub(crate) struct Work {
    pub(crate) title: &'static str,
    /// Operations.
    pub(crate) count: usize,
    /// Bytes an operation.
    pub(crate) size: usize,
    /// Pairs of rounds.
    pub(crate) rounds: usize,
}

impl Work {
    /// Prints the median of each side, and the median of the ratios pair by pair: above 1, ours does
    /// more than theirs in the same time.
    pub(crate) fn compare(
        &self,
        (their_name, mut theirs): (&str, impl FnMut() -> io::Result<()>),
        (our_name, mut ours): (&str, impl FnMut() -> io::Result<()>),
    ) -> io::Result<()> {
        let mut pairs = Vec::new();
        for round in 0..=self.rounds {
            // Whoever goes second finds another machine: take turns.
            let pair = if round % 2 == 0 {
                let theirs = timed(&mut theirs)?;
                (theirs, timed(&mut ours)?)
            } else {
                let ours = timed(&mut ours)?;
                (timed(&mut theirs)?, ours)
            };
            if round > 0 {
                pairs.push(pair); // The first round warms up.
            }
        }
        println!("{}", self.title);
        self.print(their_name, median(pairs.iter().map(|(theirs, _)| *theirs)));
        self.print(our_name, median(pairs.iter().map(|(_, ours)| *ours)));
        let ratio = median(pairs.iter().map(|(theirs, ours)| theirs / ours));
        println!(
            "  ratio      {ratio:>10.2}        ({} pairs, median)",
            self.rounds
        );
        Ok(())
    }

    fn print(&self, side: &str, seconds: f64) {
        let each = seconds / self.count as f64 * 1e6;
        let rate = (self.count * self.size) as f64 / seconds / 1e9;
        println!("  {side:<10} {each:>10.2} us/op  {rate:>6.2} GB/s");
    }
}

/// Whether the command line asks for this one: by name, or for all.
pub(crate) fn is_wanted(name: &str) -> bool {
    let mut wanted = std::env::args().skip(1).filter(|arg| !arg.starts_with('-'));
    let (mut any, mut this) = (false, false);
    for arg in wanted.by_ref() {
        any = true;
        this |= arg == name;
    }
    this || !any
}

/// An answer of another size is no answer.
pub(crate) fn check(found: usize, expected: usize) -> io::Result<()> {
    if found == expected {
        Ok(())
    } else {
        Err(io::Error::other(format!("{found} bytes, not {expected}")))
    }
}

fn timed(side: &mut impl FnMut() -> io::Result<()>) -> io::Result<f64> {
    let start = Instant::now();
    side().map(|()| start.elapsed().as_secs_f64())
}

pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
