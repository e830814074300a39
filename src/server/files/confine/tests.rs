//! Links of every kind, and paths that lead elsewhere.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use super::*;
use crate::server::files::trouble::is_absent;

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// `in/` with a file, and links to wherever they can lead; beside it a secret.
fn folder(name: &str) -> Folder {
    let name = format!("http-aio-confine-{name}-{}", std::process::id());
    let path = std::env::temp_dir().join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(path.join("in/sub")).unwrap();
    fs::write(path.join("secret"), "secret").unwrap();
    fs::write(path.join("in/file"), "file").unwrap();
    fs::write(path.join("in/sub/file"), "file").unwrap();
    for (target, link) in [
        ("file", "in/near"),
        ("../file", "in/sub/up"),
        ("sub", "in/folder"),
        ("../secret", "in/out"),
        ("loop", "in/loop"),
        ("..", "in/parent"),
    ] {
        symlink(target, path.join(link)).unwrap();
    }
    symlink(path.join("in/file"), path.join("in/absolute")).unwrap();
    symlink("/proc/self/root", path.join("in/magic")).unwrap();
    Folder(path)
}

fn is_file(found: Result<OwnedFd, Errno>) -> bool {
    match found.and_then(|found| Opened::new(File::from(found))) {
        Ok(opened) => matches!(opened, Opened::File(_)),
        Err(error) => {
            assert!(is_absent(error), "{error}");
            false
        }
    }
}

const LINKS: [&str; 8] = [
    "near",
    "sub/up",
    "folder/file",
    "out",
    "loop",
    "parent/in/file",
    "absolute",
    "magic/etc/passwd",
];

#[test]
fn links_are_followed_as_far_as_they_may() {
    let folder = folder("links");
    let root = Root::open(&folder.0.join("in")).unwrap();
    let follows = |path: &str, links| is_file(root.descend(path, READ, links));
    for path in ["file", "sub/file", "./file"] {
        assert!(follows(path, SymbolicLinks::Inside), "{path}");
        assert!(follows(path, SymbolicLinks::Refused), "{path}");
    }
    let inside = cfg!(any(target_os = "linux", target_os = "android"));
    for (at, path) in LINKS.into_iter().enumerate() {
        let stays = at < 3;
        assert_eq!(follows(path, SymbolicLinks::Inside), inside && stays);
        assert!(!follows(path, SymbolicLinks::Refused), "{path}");
    }
    for path in ["near", "out", "absolute", "parent/in/file"] {
        assert!(follows(path, SymbolicLinks::Followed), "{path}");
    }
    for links in [SymbolicLinks::Inside, SymbolicLinks::Followed] {
        let bad = [
            "../secret",
            "sub/../../secret",
            "sub/..",
            "/etc/passwd",
            "a\0",
        ];
        for path in bad {
            assert!(!follows(path, links), "{path}");
        }
    }
}

#[test]
fn the_walk_follows_no_link_and_leads_nowhere_else() {
    let folder = folder("walk");
    let root = Root::open(&folder.0.join("in")).unwrap();
    let walks = |path: &str| is_file(walk(root.0.as_fd(), path, READ));
    assert!(walks("file") && walks("sub/file"));
    for path in LINKS {
        assert!(!walks(path), "{path}");
    }
    for path in ["/etc/passwd", "sub//file", "", "sub/", "file/file", "sub"] {
        assert!(!walks(path), "{path}");
    }
    let long = vec!["sub"; 5000].join("/");
    assert!(!walks(&long));
}

#[test]
fn the_walk_is_not_led_away_meanwhile() {
    let folder = folder("race");
    fs::create_dir_all(folder.0.join("out")).unwrap();
    fs::write(folder.0.join("out/file"), "secret").unwrap();
    symlink("../out", folder.0.join("in/evil")).unwrap();
    let root = Root::open(&folder.0.join("in")).unwrap();
    let swap = || {
        let path = |name: &str| folder.0.join("in").join(name);
        for (from, to) in [
            ("sub", "real"),
            ("evil", "sub"),
            ("sub", "evil"),
            ("real", "sub"),
        ] {
            fs::rename(path(from), path(to)).unwrap();
        }
    };
    let mut found = 0;
    std::thread::scope(|scope| {
        let swapping = scope.spawn(|| (0..5000).for_each(|_| swap()));
        while !swapping.is_finished() {
            let walked = walk(root.0.as_fd(), "sub/file", READ);
            if let Ok(file) = walked.map(File::from) {
                assert_eq!(std::io::read_to_string(file).unwrap(), "file");
                found += 1;
            }
        }
    });
    assert!(found > 0);
    assert!(is_file(walk(root.0.as_fd(), "sub/file", READ)));
}
