//! The table that is printed, beside the one that is kept.

use std::fmt::Write;
use std::fs;
use std::io;
use std::process::Command;

use crate::callgrind;

const PATH: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/benches/instructions.txt"
);

/// In percent: what has grown by more has grown.
const TOLERATED: f64 = 3.0;

/// What is to become of it, besides being printed.
#[derive(Clone, Copy, PartialEq)]
enum Purpose {
    Look,
    /// Fail if something has grown.
    Check,
    /// Put it in the place of the one that is kept.
    Keep,
}

/// Instructions of one operation, by the names of pieces.
pub(crate) struct Table {
    purpose: Purpose,
    wanted: Vec<String>,
    /// What has counted, and on what.
    origin: String,
    kept: Vec<(String, u64)>,
    lines: Vec<(&'static str, u64)>,
}

impl Table {
    /// As the command line says.
    ///
    /// # Errors
    ///
    /// If it says what there is not.
    pub(crate) fn from_args() -> io::Result<Self> {
        let (mut purpose, mut wanted) = (Purpose::Look, Vec::new());
        for arg in std::env::args().skip(1) {
            match arg.as_str() {
                "--bench" => {} // Said by cargo.
                "--check" => purpose = Purpose::Check,
                "--keep" => purpose = Purpose::Keep,
                option if option.starts_with('-') => {
                    return Err(io::Error::other(format!("there is no option {option}")));
                }
                _ => wanted.push(arg),
            }
        }
        if purpose == Purpose::Keep && !wanted.is_empty() {
            return Err(io::Error::other(
                "a table is kept with all of its pieces, so --keep takes no names",
            ));
        }
        let kept = fs::read_to_string(PATH).unwrap_or_default();
        let (kept_origin, kept) = kept.split_once('\n').unwrap_or_default();
        let origin = origin()?;
        if !kept.is_empty() && kept_origin != origin {
            println!("kept: {kept_origin}\nnow:  {origin}");
        }
        println!(
            "{:<24} {:>10} {:>10} {:>8}",
            "instructions", "now", "kept", "change"
        );
        Ok(Self {
            purpose,
            wanted,
            origin,
            kept: kept.lines().filter_map(line).collect(),
            lines: Vec::new(),
        })
    }

    pub(crate) fn wants(&self, name: &str) -> bool {
        self.wanted.is_empty() || self.wanted.iter().any(|wanted| name.contains(wanted))
    }

    pub(crate) fn add(&mut self, name: &'static str, now: u64) {
        self.lines.push((name, now));
        match self.kept(name) {
            Some(kept) => println!(
                "{name:<24} {now:>10} {kept:>10} {:>+7.1}%",
                growth(kept, now)
            ),
            None => println!("{name:<24} {now:>10} {:>10}", "-"),
        }
    }

    fn kept(&self, name: &str) -> Option<u64> {
        let mut kept = self.kept.iter();
        kept.find(|(kept, _)| kept == name).map(|(_, count)| *count)
    }

    /// # Errors
    ///
    /// If nothing has the name that was asked for, if something has grown and that was asked, or if the table cannot be
    /// kept.
    pub(crate) fn end(self) -> io::Result<()> {
        let has_grown = |(name, now): &&(&str, u64)| {
            self.kept(name)
                .is_some_and(|kept| growth(kept, *now) > TOLERATED)
        };
        let grown = self.lines.iter().filter(has_grown).count();
        match self.purpose {
            _ if self.lines.is_empty() => Err(io::Error::other("there is no piece of that name")),
            Purpose::Check if grown > 0 => Err(io::Error::other(format!(
                "{grown} grew by more than {TOLERATED} %"
            ))),
            Purpose::Look | Purpose::Check => Ok(()),
            Purpose::Keep => self.keep(),
        }
    }

    fn keep(&self) -> io::Result<()> {
        let mut text = format!("{}\n", self.origin);
        for (name, count) in &self.lines {
            writeln!(text, "{name:<24} {count:>10}").map_err(io::Error::other)?;
        }
        fs::write(PATH, text)
    }
}

/// A line of the table that is kept.
fn line(line: &str) -> Option<(String, u64)> {
    let (name, count) = line.split_once(' ')?;
    Some((name.to_owned(), count.trim().parse().ok()?))
}

/// In percent.
fn growth(kept: u64, now: u64) -> f64 {
    (now as f64 / kept as f64 - 1.0) * 100.0
}

/// The compiler, the architecture, and what counts.
fn origin() -> io::Result<String> {
    let counter = callgrind::version()?;
    let output = Command::new("rustc").arg("--version").output()?;
    let version = String::from_utf8_lossy(&output.stdout);
    let (compiler, processor) = (version.trim(), std::env::consts::ARCH);
    Ok(format!("{compiler}, {processor}, {counter}"))
}
