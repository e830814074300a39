//! Uploads that are continued.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use http_aio::{Directory, Server, Uploads};

use super::{CREATED, answering, put};
use crate::examples::{Ended, Peer, Request, Scratch, answer, binary, noise};
use crate::support::{Dice, pattern, seed};

/// `put -C OPTIONS FILE URL`.
fn put_on(options: &[&str], file: &Scratch, url: &str) -> Ended {
    let arguments = [file.as_ref(), OsStr::new(url)];
    let options = ["-C"].iter().chain(options).map(OsStr::new);
    put(options.chain(arguments))
}

/// The value of a field.
fn field<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    let mut fields = request
        .head
        .lines()
        .filter_map(|line| line.split_once(": "));
    let field = fields.find(|(field, _)| field.eq_ignore_ascii_case(name));
    field.map(|(_, value)| value)
}

/// Reads a question, and says that so much is there.
fn tell(listener: &TcpListener, count: u64) -> io::Result<Request> {
    let (stream, _) = listener.accept()?;
    let request = Request::read(&stream)?;
    let tag = field(&request, "upload-tag").expect("a tag");
    let fields = format!("Upload-Tag: {tag}\r\nUpload-Offset: {count}");
    answer(
        &stream,
        &format!("HTTP/1.1 204 No Content\r\n{fields}\r\n\r\n"),
    )?;
    Ok(request)
}

fn take(listener: &TcpListener, text: &str) -> io::Result<Request> {
    let (stream, _) = listener.accept()?;
    let request = Request::read(&stream)?;
    answer(&stream, text)?;
    Ok(request)
}

/// Says how much is there, and takes the rest.
fn having(count: u64, text: &'static str) -> Peer<(Request, Request)> {
    Peer::listening(move |listener| Ok((tell(&listener, count)?, take(&listener, text)?)))
}

#[test]
fn the_rest_is_sent_from_the_count_that_is_there() {
    let file = Scratch::new(b"0123456789");
    let peer = having(4, CREATED);
    let ended = put_on(&["-H", "X-One: 1"], &file, &peer.url);
    ended.expect(0, 6, 6, "ok (201 Created)");
    assert_eq!(
        ended.stderr,
        "put: the server has 4 of 10 bytes: sending the rest\n"
    );
    let (question, rest) = peer.outcome();
    assert!(question.head.starts_with("HEAD /dir/file?a=b HTTP/1.1\r\n"));
    assert_eq!(field(&question, "x-one"), Some("1"));
    assert!(rest.head.starts_with("PUT /dir/file?a=b HTTP/1.1\r\n"));
    assert_eq!(field(&rest, "content-range"), Some("bytes 4-9/10"));
    assert_eq!(field(&rest, "content-length"), Some("6"));
    assert_eq!(field(&rest, "upload-tag"), field(&question, "upload-tag"));
    assert_eq!(rest.body, b"456789");
}

#[test]
fn what_is_all_there_is_finished() {
    let file = Scratch::new(b"0123456789");
    let peer = having(10, CREATED);
    put_on(&["--expect-continue"], &file, &peer.url).expect(0, 0, 0, "ok (201 Created)");
    let (_, rest) = peer.outcome();
    assert_eq!(field(&rest, "content-range"), Some("bytes */10"));
    assert_eq!(field(&rest, "content-length"), Some("0"));
    assert_eq!(field(&rest, "expect"), None);
}

#[test]
fn a_server_that_does_not_know_gets_all_of_it() {
    let answers = [
        "HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 405 Method Not Allowed\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n",
        "HTTP/1.1 204 No Content\r\nUpload-Offset: 2\r\n\r\n",
        "HTTP/1.1 204 No Content\r\nUpload-Tag: other\r\nUpload-Offset: 2\r\n\r\n",
    ];
    for text in answers {
        let file = Scratch::new(b"12345");
        let peer = Peer::listening(move |listener| {
            take(&listener, text)?;
            take(&listener, CREATED)
        });
        let ended = put_on(&[], &file, &peer.url);
        ended.expect(0, 5, 5, "ok (201 Created)");
        assert_eq!(ended.stderr, "");
        let request = peer.outcome();
        assert_eq!(field(&request, "content-range"), None);
        assert_eq!(request.body, b"12345");
    }
    // It has none of it, or more than there is.
    for count in [0, 6] {
        let file = Scratch::new(b"12345");
        let peer = having(count, CREATED);
        put_on(&[], &file, &peer.url).expect(0, 5, 5, "ok (201 Created)");
        assert_eq!(field(&peer.outcome().1, "content-range"), None);
    }
}

#[test]
fn a_file_that_was_changed_is_another() {
    let tag = |file: &Scratch| {
        let peer = having(0, CREATED);
        put_on(&[], file, &peer.url).expect(0, 5, 5, "ok (201 Created)");
        field(&peer.outcome().0, "upload-tag")
            .expect("a tag")
            .to_owned()
    };
    let file = Scratch::new(b"12345");
    let times = fs::metadata(&file.0).expect("it is there");
    let before = tag(&file);
    assert_eq!(tag(&file), before);
    // As soon as the clock of the file system has moved, whatever the file says of itself.
    let changed = || {
        fs::write(&file.0, b"54321").expect("it is ours");
        let opened = fs::File::options()
            .write(true)
            .open(&file.0)
            .expect("it is ours");
        opened
            .set_modified(times.modified().expect("a time"))
            .expect("it is ours");
        tag(&file) != before
    };
    crate::support::wait_until("the tag is another", changed);
}

#[test]
fn a_count_that_was_wrong_is_asked_for_again() {
    const NO: &str = "HTTP/1.1 409 Conflict\r\nUpload-Offset: 4\r\nContent-Length: 3\r\n\r\nno\n";
    let file = Scratch::new(b"0123456789");
    let peer = Peer::listening(|listener| {
        tell(&listener, 2)?;
        take(&listener, NO)?;
        tell(&listener, 4)?;
        take(&listener, CREATED)
    });
    put_on(&[], &file, &peer.url).expect(0, 6, 6, "ok (201 Created)");
    assert_eq!(peer.outcome().body, b"456789");
    // But not for ever.
    let peer = Peer::listening(|listener| {
        for _ in 0..4 {
            tell(&listener, 2)?;
            take(&listener, NO)?;
        }
        Ok(())
    });
    let ended = put_on(&[], &file, &peer.url);
    let why = "the server does not continue where it was asked to (409 Conflict)";
    ended.expect_answer(33, 8, 8, why, "no\n");
    peer.outcome();
}

#[test]
fn it_goes_on_by_itself_after_an_interruption() {
    let content = noise(5_000_000);
    let file = Scratch::new(&content);
    let peer = Peer::listening(|listener| {
        take(&listener, "HTTP/1.1 423 Locked\r\nRetry-After: 1\r\n\r\n")?;
        tell(&listener, 0)?;
        let (stream, _) = listener.accept()?;
        let mut begun = Request::begin(&stream)?.body;
        begun.resize(1_000_000, 0);
        drop(stream); // With most of it unread: a reset.
        tell(&listener, 1_000_000)?;
        take(&listener, CREATED)
    });
    let ended = put_on(&["--retry", "2"], &file, &peer.url);
    ended.expect(0, 4_000_000, 4_000_000, "ok (201 Created)");
    assert!(peer.outcome().body == content[1_000_000..]);
}

#[test]
fn a_server_that_cannot_say_now_is_left_alone() {
    let file = Scratch::new(b"12345");
    let peer = answering("HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\n");
    put_on(&[], &file, &peer.url).expect(22, 0, 5, "refused (503 Busy)");
    assert!(peer.outcome().head.starts_with("HEAD "));
    let peer = answering("");
    put_on(&[], &file, &peer.url).expect(52, 0, 5, "closed without an answer");
    put_on(&[], &file, "http://127.0.0.1:9/").expect(7, 0, 5, "connection refused");
}

#[test]
fn wrong_usage_is_told() {
    let url = "http://127.0.0.1:9/";
    for (arguments, sentence) in [
        (
            &["-C", "--chunked", "file", url][..],
            "give --continue or --chunked, not both",
        ),
        (
            &["-C", "-X", "POST", "file", url],
            "give --continue or --method <METHOD>, not both",
        ),
        (
            &["-C", "-", url],
            "give a FILE to --continue: standard input is gone once it was read",
        ),
    ] {
        let ended = put(arguments);
        assert_eq!(ended.code, Some(2));
        let expected = format!("error: {sentence} (see 'put --help')\n");
        assert_eq!(ended.stderr, expected);
    }
}

/// A folder of a test's own, and a server that takes uploads into it.
struct Shelf {
    folder: PathBuf,
    _server: Server,
    url: String,
}

impl Shelf {
    fn new(name: &str) -> Self {
        let name = format!("http-aio-shelf-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).expect("there is a temporary directory");
        let server = Server::new();
        let directory = Directory::open(&folder).expect("it is there");
        let directory = directory.uploads(Uploads::new());
        server.tree("/", directory).expect("a route");
        let address = server.bind("127.0.0.1:0").expect("a port");
        Self {
            folder,
            _server: server,
            url: format!("http://{address}/target"),
        }
    }

    fn target(&self) -> PathBuf {
        self.folder.join("target")
    }
}

impl Drop for Shelf {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Lets so much through, and then nothing any more, of the connection that has this number.
fn cutting(url: &str, number: usize, most: u64) -> String {
    let server = url.split('/').nth(2).expect("it is a URL").to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("it is bound");
    thread::spawn(move || {
        for (at, stream) in listener.incoming().enumerate() {
            let most = if at == number { most } else { u64::MAX };
            let (Ok(near), Ok(far)) = (stream, TcpStream::connect(&server)) else {
                return;
            };
            let (mut answers, mut back) = (far.try_clone().unwrap(), near.try_clone().unwrap());
            thread::spawn(move || io::copy(&mut answers, &mut back));
            thread::spawn(move || {
                let _ = io::copy(&mut (&near).take(most), &mut &far);
                let _ = far.shutdown(std::net::Shutdown::Both);
                near.shutdown(std::net::Shutdown::Both)
            });
        }
    });
    format!("http://{address}/target")
}

#[test]
fn a_directory_takes_the_rest() {
    let shelf = Shelf::new("rest");
    let content = noise(3_000_000);
    let file = Scratch::new(&content);
    // HEAD is the first connection.
    let url = cutting(&shelf.url, 1, 1_000_000);
    let ended = put_on(&[], &file, &url);
    assert!(matches!(ended.code, Some(52 | 55 | 56)), "{:?}", ended.code);
    assert!(!shelf.target().exists());
    let ended = put_on(&[], &file, &url);
    let (_, has) = ended.stderr.split_once("the server has ").expect("a note");
    let (has, _) = has.split_once(" of 3000000").expect("a count");
    let has: u64 = has.parse().expect("a number");
    assert!((900_000..=1_000_000).contains(&has), "{has}");
    ended.expect(0, 3_000_000 - has, 3_000_000 - has, "ok (201 Created)");
    assert!(fs::read(shelf.target()).expect("it is there") == content);
    // And by itself.
    let file = Scratch::new(&content[1..]);
    let url = cutting(&shelf.url, 1, 1_000_000);
    let ended = put_on(&["--retry", "1"], &file, &url);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("sending the rest"),
        "{}",
        ended.stderr
    );
    assert!(fs::read(shelf.target()).expect("it is there") == content[1..]);
    assert_eq!(fs::read_dir(&shelf.folder).expect("it is there").count(), 1);
}

/// A file that tells which one it is.
fn version(number: u64) -> Vec<u8> {
    let len = (8 << 20) + ((number % 64) << 17) + number % 1021;
    let mut content = number.to_le_bytes().to_vec();
    content.extend(pattern(number * 977, len as usize));
    content
}

/// Whatever is there is whole. Returns which one it is.
#[track_caller]
fn look(target: &Path) -> Option<u64> {
    let content = fs::read(target).ok()?;
    let number = content.first_chunk().expect("it is whole");
    let number = u64::from_le_bytes(*number);
    assert!(content == version(number), "version {number} is damaged");
    Some(number)
}

/// How often `put` is killed: `HTTP_AIO_KILLS`, or a few times.
fn kills() -> u32 {
    let kills = std::env::var("HTTP_AIO_KILLS").ok();
    kills.map_or(20, |kills| kills.parse().expect("a number"))
}

#[test]
fn whoever_is_killed_at_any_moment_can_go_on() {
    let shelf = Shelf::new("killed");
    let (target, url) = (shelf.target(), shelf.url.clone());
    let (stop, stopped) = mpsc::channel::<()>();
    let watching = thread::spawn({
        let target = target.clone();
        move || {
            let mut seen = 0;
            while stopped.recv_timeout(Duration::from_millis(20))
                == Err(mpsc::RecvTimeoutError::Timeout)
            {
                let now = look(&target).unwrap_or_default();
                assert!(now >= seen, "{now} after {seen}");
                seen = now;
            }
        }
    });
    let mut dice = Dice::new(seed());
    let file = Scratch::new(&version(1));
    let start = || {
        let mut command = Command::new(binary("put"));
        command
            .arg("-C")
            .arg(&file.0)
            .arg(&url)
            .stdin(Stdio::null());
        let piped = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        piped.spawn().expect("put starts")
    };
    let begin = Instant::now();
    let ended = start().wait_with_output().expect("it ends");
    assert!(ended.status.success());
    let whole_time = begin.elapsed().as_micros() as u64;

    let (mut number, mut killed, mut went_on) = (1, 0, 0);
    while killed < kills() || look(&target) != Some(number) {
        if look(&target) == Some(number) || dice.roll(10) == 0 {
            number += 1;
            fs::write(&file.0, version(number)).expect("it is ours");
        }
        let mut child = start();
        thread::sleep(Duration::from_micros(dice.roll(whole_time)));
        let was_killed = killed < kills() && child.try_wait().expect("a child").is_none();
        if was_killed {
            child.kill().expect("a child");
            killed += 1;
        }
        let ended = child.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&ended.stderr);
        went_on += u32::from(said.contains("sending the rest"));
        if ended.status.success() {
            assert_eq!(look(&target), Some(number), "{said}");
        } else {
            assert!(was_killed && ended.status.code().is_none(), "{said}");
        }
    }
    drop(stop);
    watching.join().expect("it was always whole");
    println!("killed {killed} times, went on {went_on} times, {number} versions");
    assert!(went_on > killed / 10, "{went_on} of {killed}");
    let left = fs::read_dir(&shelf.folder).expect("it is there");
    let parts = left.filter(|it| it.as_ref().is_ok_and(|it| it.file_name() != "target"));
    assert!(
        parts.count() <= number as usize,
        "parts of versions that were given up"
    );
}
