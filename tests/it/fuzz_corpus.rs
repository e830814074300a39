//! The seeds of the fuzz targets, and what fuzzing has found, as ordinary tests.

use std::fs;
use std::path::Path;

use http_aio::testing::fuzz;

/// Runs every file of the folder, and every beginning of it.
#[track_caller]
fn run(target: &str, check: impl Fn(&[u8])) {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz");
    // A published package has no packages inside.
    if !fuzz.exists() {
        return;
    }
    let mut files = 0;
    for entry in fs::read_dir(fuzz.join("corpus").join(target)).unwrap() {
        let path = entry.unwrap().path();
        let data = fs::read(&path).unwrap();
        println!("{}", path.display()); // Shown if it fails.
        for end in 0..=data.len() {
            check(&data[..end]);
        }
        files += 1;
    }
    assert!(files > 0);
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
