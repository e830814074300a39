//! Several URLs.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Barrier};

use super::{HELLO, OK, expect_content, get, server};
use crate::examples::{Ended, LIMIT, Peer, Request, Scratch, Tool, answer, gate};
use crate::site::{Site, answer as answered, path};

/// A folder that is gone with its test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let scratch = Scratch::missing();
        fs::create_dir(&scratch.0).expect("there is a temporary directory");
        Self(scratch.0.clone())
    }

    #[track_caller]
    fn expect(&self, name: &str, content: &str) {
        let file = fs::read(self.0.join(name)).expect("it was made");
        assert_eq!(String::from_utf8_lossy(&file), content);
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn get_in(folder: &Path, arguments: &[&str]) -> Ended {
    Tool::start_at(folder, "get", arguments).end()
}

/// One that says 404 to some.
fn picky() -> Site {
    Site::listen(|visit| {
        while let Some(head) = visit.asked() {
            let text = match path(&head) {
                missing if missing.starts_with("/none") => {
                    "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno".to_owned()
                }
                path => answered(path),
            };
            if !visit.say(text) {
                return;
            }
        }
    })
}

#[test]
fn they_come_one_after_the_other_over_one_connection() {
    let site = Site::serving();
    let urls = ["/a", "/bc", "/def"].map(|path| site.url(path));
    let ended = get(&urls);
    assert_eq!(ended.code, Some(0));
    assert_eq!(ended.stdout, b"/a/bc/def");
    let lines: Vec<_> = ended.stderr.lines().collect();
    let expected = [
        format!("{}: read 2 bytes: {OK}", urls[0]),
        format!("{}: read 3 bytes: {OK}", urls[1]),
        format!("{}: read 4 bytes: {OK}", urls[2]),
        format!("read 9 bytes: {OK}"),
    ];
    assert_eq!(lines, expected);
    assert_eq!(site.connections(), 1);
}

#[test]
fn each_has_its_file() {
    let (site, folder) = (picky(), Folder::new());
    for options in [&["-O"][..], &["-O", "-Z"]] {
        let urls = ["/dir/a", "/b?c=d"].map(|path| site.url(path));
        let arguments = options
            .iter()
            .copied()
            .chain(urls.iter().map(String::as_str));
        let ended = get_in(&folder.0, &arguments.collect::<Vec<_>>());
        assert_eq!(
            (ended.code, ended.stdout.len()),
            (Some(0), 0),
            "{}",
            ended.stderr
        );
        folder.expect("a", "/dir/a");
        folder.expect("b", "/b?c=d");
    }
    let (first, second) = (Scratch::missing(), Scratch::missing());
    let names = [&first, &second].map(|file| file.0.to_str().expect("it is one of ours"));
    let urls = ["/first", "/second"].map(|path| site.url(path));
    let ended = get(["-o", names[0], &urls[0], "-o", names[1], &urls[1]]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    expect_content(&first, b"/first");
    expect_content(&second, b"/second");
    // A dash is standard output.
    let ended = get(["-o", "-", "-o", names[1], &urls[0], &urls[0]]);
    assert_eq!((ended.code, &*ended.stdout), (Some(0), &b"/first"[..]));
    expect_content(&second, b"/first");
}

#[test]
fn the_first_that_is_not_ok_is_told() {
    let (site, folder) = (picky(), Folder::new());
    let urls = ["/a", "/none", "/b"].map(|path| site.url(path));
    for options in [&["-O"][..], &["-O", "-Z"], &["-O", "-f"]] {
        let arguments = options
            .iter()
            .copied()
            .chain(urls.iter().map(String::as_str));
        let ended = get_in(&folder.0, &arguments.collect::<Vec<_>>());
        let read = if options.contains(&"-f") { 4 } else { 6 };
        assert_eq!(ended.code, Some(22));
        let last = ended.stderr.lines().last();
        let expected = format!("read {read} bytes: refused (404 Not Found)");
        assert_eq!(last, Some(&*expected), "{}", ended.stderr);
        folder.expect("a", "/a");
        folder.expect("b", "/b");
    }
}

#[test]
fn they_come_at_once_if_asked_for() {
    // Nobody is answered before all have asked.
    let all = Arc::new(Barrier::new(3));
    let site = Site::listen(move |visit| {
        if let Some(head) = visit.asked() {
            all.wait();
            visit.say(answered(path(&head)));
        }
    });
    let folder = Folder::new();
    let urls = ["/a", "/b", "/c"].map(|path| site.url(path));
    let ended = get_in(&folder.0, &["-ZO", &urls[0], &urls[1], &urls[2]]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let mut lines: Vec<_> = ended.stderr.lines().collect();
    assert_eq!(lines.pop(), Some("read 6 bytes: ok (200 OK)"));
    lines.sort_unstable();
    let expected = urls.map(|url| format!("{url}: read 2 bytes: {OK}"));
    assert_eq!(lines, expected);
    for name in ["a", "b", "c"] {
        folder.expect(name, &format!("/{name}"));
    }
}

#[test]
fn more_than_can_come_at_once_come_nevertheless() {
    let (site, folder) = (Site::serving(), Folder::new());
    let urls: Vec<_> = (0..50)
        .map(|number| site.url(&format!("/{number}")))
        .collect();
    let mut arguments = vec!["-ZO"];
    arguments.extend(urls.iter().map(String::as_str));
    let ended = get_in(&folder.0, &arguments);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    for number in 0..50 {
        folder.expect(&number.to_string(), &format!("/{number}"));
    }
    assert!(site.connections() <= 16, "{}", site.connections());
}

#[test]
fn each_is_repeated() {
    let peer = server(&[(HELLO, 4)]);
    let ended = get(["--repeat", "2", &peer.url, &peer.url]);
    assert_eq!((ended.code, ended.stdout.len()), (Some(0), 20));
    assert_eq!(
        ended.stderr.lines().last(),
        Some("read 20 bytes: ok (200 OK)")
    );
    assert_eq!(peer.outcome().len(), 4);
}

#[test]
fn what_cannot_be_written_ends_everything() {
    let site = Site::serving();
    let file = Scratch::missing();
    let name = file.0.to_str().expect("it is one of ours");
    let url = site.url("/a");
    let ended = get(["-o", "/dev/full", "-o", name, &url, &url]);
    assert_eq!(ended.code, Some(23));
    let last = "read 0 bytes: cannot write /dev/full: no space left on device";
    assert_eq!(ended.stderr.lines().last(), Some(last), "{}", ended.stderr);
    assert!(!file.0.exists());
    assert_eq!(site.asked(), ["GET /a"]);
}

#[test]
fn the_timeout_is_over_all_of_them() {
    let (go_on, told) = gate();
    let peer = Peer::new(move |stream| {
        Request::read(&stream)?;
        answer(&stream, HELLO)?;
        Request::read(&stream)?;
        let _ = told.recv();
        Ok(())
    });
    let ended = get(["-m", "1", &peer.url, &peer.url, &peer.url]);
    let _ = go_on.send(());
    assert_eq!((ended.code, &*ended.stdout), (Some(28), &b"hello"[..]));
    assert_eq!(ended.stderr.lines().last(), Some("read 5 bytes: timed out"));
}

#[test]
fn ctrl_c_ends_all_of_them() {
    for options in [&["-O"][..], &["-O", "-Z"]] {
        let (read, has_read) = gate();
        let (go_on, told) = gate();
        let peer = Peer::new(move |stream| {
            Request::read(&stream)?;
            let _ = read.send(());
            let _ = told.recv();
            Ok(())
        });
        let folder = Folder::new();
        let urls = ["/a", "/b"].map(|path| format!("http://{}{path}", peer.address()));
        let arguments = options
            .iter()
            .copied()
            .chain(urls.iter().map(String::as_str));
        let tool = Tool::start_at(&folder.0, "get", arguments);
        has_read.recv_timeout(LIMIT).expect("a request arrives");
        tool.interrupt();
        let ended = tool.end();
        assert_eq!(ended.code, Some(130));
        assert_eq!(ended.stderr.lines().last(), Some("read 0 bytes: canceled"));
        let _ = go_on.send(());
        assert!(
            fs::read_dir(&folder.0)
                .expect("it is ours")
                .next()
                .is_none()
        );
    }
}
