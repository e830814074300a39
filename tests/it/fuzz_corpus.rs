//! The seeds of the fuzz targets, and what fuzzing has found, as ordinary tests.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use http_aio::testing::fuzz;

use crate::support::{Dice, seed};

/// Runs every file of the folder, and every beginning of it.
#[track_caller]
fn run(target: &str, check: impl Fn(&[u8])) {
    run_beginnings(target, usize::MAX, check);
}

/// As `run`, with so many beginnings of each file.
#[track_caller]
fn run_beginnings(target: &str, most: usize, check: impl Fn(&[u8])) {
    for (name, data) in corpus(target) {
        println!("{name}"); // Shown if it fails.
        for end in (0..data.len()).step_by((data.len() / most).max(1)) {
            check(&data[..end]);
        }
        check(&data);
    }
}

/// The files of the folder, and their names.
#[track_caller]
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz");
    // A published package has no packages inside.
    if !fuzz.exists() {
        return Vec::new();
    }
    let files = fs::read_dir(fuzz.join("corpus").join(target)).unwrap();
    let paths = files.map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = paths
        .map(|path| (path.display().to_string(), fs::read(&path).unwrap()))
        .collect();
    assert!(!files.is_empty());
    files.sort(); // In the same order each time, for the seed.
    files
}

#[test]
fn heads() {
    run("head", fuzz::head);
}

#[test]
fn chunked_bodies() {
    run("chunked", fuzz::chunked);
}

#[test]
fn framings() {
    run("framing", fuzz::framing);
}

#[test]
fn what_proxies_say() {
    run("proxies", fuzz::proxies);
}

#[test]
fn whole_exchanges() {
    run("exchange", fuzz::exchange);
}

/// Each beginning costs four conversations, and the whole files matter most.
#[test]
fn whole_conversations() {
    run_beginnings("conversation", 6, fuzz::conversation);
}

/// What becomes of the files when they are cut, mixed and spoilt at random. `HTTP_AIO_STORM_SECONDS` says for how
/// long, and `HTTP_AIO_SEED` repeats it.
#[test]
fn conversations_that_nobody_has_thought_of() {
    let files = corpus("conversation");
    if files.is_empty() {
        return;
    }
    let mut dice = Dice(seed() | 1);
    let seconds = std::env::var("HTTP_AIO_STORM_SECONDS");
    let seconds = seconds.map_or(2, |seconds| seconds.parse().expect("a number"));
    let until = Instant::now() + Duration::from_secs(seconds);
    let mut count = 0;
    while Instant::now() < until {
        let data = spoilt(&files, &mut dice);
        let checked = std::panic::catch_unwind(|| fuzz::conversation(&data));
        if let Err(payload) = checked {
            println!("{}", data.escape_ascii());
            std::panic::resume_unwind(payload);
        }
        count += 1;
    }
    println!("{count} conversations");
}

const DECISIVE: &[u8] = b"\r\n\t :;,%=059aA/\0\xff";

/// Several files one after the other, with a few changes.
fn spoilt(files: &[(String, Vec<u8>)], dice: &mut Dice) -> Vec<u8> {
    let mut data = Vec::new();
    for _ in 0..1 + dice.roll(3) {
        let (_, file) = &files[dice.roll(files.len() as u64) as usize];
        data.extend_from_slice(file);
    }
    data.truncate(3_000);
    for _ in 0..dice.roll(5) {
        if data.is_empty() {
            break;
        }
        let at = dice.roll(data.len() as u64) as usize;
        let some = 1 + dice.roll(12) as usize;
        let piece = data[at..(at + some).min(data.len())].to_vec();
        let to = dice.roll(data.len() as u64) as usize;
        let byte = DECISIVE[dice.roll(DECISIVE.len() as u64) as usize];
        match dice.roll(6) {
            0 => data[at] ^= 1 << dice.roll(8),
            1 => data[at] = byte,
            2 => data.insert(at, byte),
            3 => drop(data.remove(at)),
            4 => drop(data.splice(to..to, piece)),
            _ => data.truncate(at.max(1)),
        }
    }
    data
}
