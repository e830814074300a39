//! What benchmarks have in common.

#![allow(dead_code, reason = "not every benchmark needs all of it")]

use std::io;

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

pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
