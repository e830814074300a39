//! Whole conversations with a server.

use std::io::IoSlice;
use std::net::Shutdown;
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use crossbeam_channel::bounded;
use http::{Method, Request, Response, Version, header};

use super::limits::wide;
use super::random::Random;
use crate::aio::Aio;
use crate::conn::Conn;
use crate::error::ErrorKind;
use crate::proto::Kind;
use crate::proto::chunked::Decoder;
use crate::proto::framing::{Asked, Framing, of_response, persists};
use crate::proto::limits::Limits;
use crate::proto::parse::HeadSearch;
use crate::server::{Answered, Exchange, Server, any, get};
use crate::testing::memory::{Faults, MemoryStream, pair};
use crate::transport::{Transport, Wait};

/// Nothing here waits for anybody who does not come.
const PATIENCE: Duration = Duration::from_secs(20);

/// More than is ever said.
const ROOM: usize = 1 << 28;

/// Whole conversations of a server with a client that says this, and ends: the server ends, too; what it has said
/// is one answer for each request, in order, whole, up to the one that says that it is the last; and it does not
/// depend on how much comes at a time.
///
/// # Panics
///
/// If that is not so.
pub fn conversation(data: &[u8]) {
    // What exceeds a bound is found sooner or later, as it comes.
    if data.len() > Limits::default().head_bytes / 2 {
        return;
    }
    let (questions, end) = questions(data);
    let whole = answers(&serve(data, usize::MAX, |_| usize::MAX), &questions);
    check(&questions, &whole, end);
    for most in [1, 7] {
        let cut = answers(&serve(data, most, |_| usize::MAX), &questions);
        check(&questions, &cut, end);
        // What is wrong with what is no request depends on how much of it is looked at.
        let count = questions.len().min(whole.len());
        assert_eq!(
            cut[..count.min(cut.len())],
            whole[..count],
            "{most} at a time"
        );
    }
    let piecemeal = serve(data, usize::MAX, |random| random.up_to(data.len()));
    check(&questions, &answers(&piecemeal, &questions), end);
}

/// A request, as somebody else reads it.
struct Question {
    head: Request<()>,
    /// Its body has come to its end.
    is_whole: bool,
}

/// An answer, without what is interim before it.
#[derive(Debug, PartialEq)]
struct Reply {
    status: u16,
    closes: bool,
    content: Vec<u8>,
}

/// What comes behind the requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Nothing, or what is no request and is not complete: whether that is noticed depends on the pieces.
    Open,
    /// What is no request.
    Wrong,
}

/// The requests before the first that is none.
fn questions(data: &[u8]) -> (Vec<Question>, End) {
    let (near, far) = pair(ROOM, Faults::none());
    let conn = Conn::from_transport(near);
    say(&far, data);
    end(&far);
    let mut questions = Vec::new();
    loop {
        match conn.read_request(Aio::new()).wait() {
            Ok(head) => {
                let is_whole = has_whole_body(&conn);
                questions.push(Question { head, is_whole });
                if !is_whole {
                    return (questions, End::Open);
                }
            }
            Err(error) => {
                let is_wrong = matches!(
                    error.kind(),
                    ErrorKind::Protocol | ErrorKind::NotSupported | ErrorKind::TooLarge
                );
                let is_complete = conn.with_unread(has_blank_line);
                let end = if is_wrong && is_complete {
                    End::Wrong
                } else {
                    End::Open
                };
                return (questions, end);
            }
        }
    }
}

fn has_blank_line(unread: &[u8]) -> bool {
    let start = unread.iter().position(|byte| !b"\r\n".contains(byte));
    let head = start.map_or(&[][..], |start| &unread[start..]);
    head.windows(4).any(|end| end == b"\r\n\r\n")
}

fn has_whole_body(conn: &Conn) -> bool {
    loop {
        match conn.read(Aio::new(), 1 << 16).wait() {
            Ok(piece) if piece.is_empty() => return true,
            Ok(_) => {}
            Err(_) => return false,
        }
    }
}

/// What a server says to this, whatever is read or said at a time.
fn serve(data: &[u8], most: usize, mut piece: impl FnMut(&mut Random) -> usize) -> Vec<u8> {
    static SERVER: LazyLock<Server> = LazyLock::new(routes);
    let mut faults = Faults::none();
    faults.call_bytes = most;
    let (near, far) = pair(ROOM, faults);
    let far = Arc::new(far);
    let mut random = Random::of(data);
    let mut rest = data;
    let mut say_some = |rest: &mut &[u8]| {
        let (some, others) = rest.split_at(piece(&mut random).min(rest.len()));
        say(&far, some);
        *rest = others;
    };
    say_some(&mut rest);
    let (done, is_done) = bounded(1);
    let server = thread::spawn({
        let far = Arc::clone(&far);
        move || {
            SERVER.serve(Conn::from_transport(near));
            let _ = done.send(far.drain());
        }
    });
    while !rest.is_empty() {
        thread::yield_now();
        say_some(&mut rest);
    }
    end(&far);
    let said = is_done.recv_timeout(PATIENCE);
    let Ok(said) = said else {
        panic!(
            "the server has panicked or does not end: {}",
            server.is_finished()
        );
    };
    said
}

fn say(far: &MemoryStream, bytes: &[u8]) {
    // Nobody listens any more once it is over.
    let _ = far.write(&[IoSlice::new(bytes)], Wait::Never);
}

fn end(far: &MemoryStream) {
    let _ = far.shutdown(Shutdown::Write);
}

fn routes() -> Server {
    fn echo(x: &mut Exchange) -> Result<Bytes, crate::error::Error> {
        x.collect()
    }
    fn pieces(x: &mut Exchange) -> Result<Answered, crate::error::Error> {
        let mut writer = x.stream(Response::new(()))?;
        for piece in ["one", "two", "three"] {
            writer.write_all([piece])?;
        }
        writer.finish()
    }
    fn late(x: &mut Exchange) -> Result<Answered, crate::error::Error> {
        let (responder, answered) = x.respond_later()?;
        drop(responder.respond(Aio::new(), "late"));
        Ok(answered)
    }
    let server = Server::new();
    let routes = [
        server.route("/", get(|_| "hello").post(echo)),
        server.route("/echo", any(echo)),
        server.route("/unread", any(|_| "unread")),
        server.route("/pieces", any(pieces)),
        server.route("/late", any(late)),
        server.route("/x/{id}", get(|x: &mut Exchange| x.param("id").to_owned())),
        server.tree(
            "/tree",
            any(|x: &mut Exchange| x.rest().count().to_string()),
        ),
        server.redirect("/there", "/x/1"),
    ];
    assert!(routes.iter().all(Result::is_ok));
    server
}

/// What was said, which is nothing but answers.
fn answers(mut said: &[u8], questions: &[Question]) -> Vec<Reply> {
    let mut replies = Vec::new();
    while !said.is_empty() {
        // What is no request is answered as if it were GET.
        let question: Option<&Question> = questions.get(replies.len());
        let method = question.map_or(&Method::GET, |question| question.head.method());
        let (head, size) = match HeadSearch::default().parse::<Response<()>>(said, &wide()) {
            Ok(Some(parsed)) => parsed,
            Ok(None) => panic!("half an answer: {}", said.escape_ascii()),
            Err(error) => panic!("{error}: {}", said.escape_ascii()),
        };
        assert_eq!(head.version(), Version::HTTP_11);
        said = &said[size..];
        if head.status().is_informational() {
            let expects = question.is_some_and(|q| q.head.headers().contains_key(header::EXPECT));
            assert!(head.status() == 100 && expects, "{head:?}");
            continue;
        }
        let content = match of_response(&head, Asked::from(method)) {
            Ok(Framing::None) => Vec::new(),
            Ok(Framing::Length(length)) => take(&mut said, length),
            Ok(Framing::Chunked) => unchunk(&mut said),
            Ok(Framing::UntilEnd) => std::mem::take(&mut said).to_vec(),
            other => panic!("{other:?} of {head:?}"),
        };
        let closes = !persists(head.version(), head.headers());
        replies.push(Reply {
            status: head.status().as_u16(),
            closes,
            content,
        });
    }
    replies
}

fn take(said: &mut &[u8], length: u64) -> Vec<u8> {
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    assert!(length <= said.len(), "an answer is cut off: {length}");
    let (content, rest) = said.split_at(length);
    *said = rest;
    content.to_vec()
}

fn unchunk(said: &mut &[u8]) -> Vec<u8> {
    let mut decoder = Decoder::new(Kind::Response);
    let mut content = Vec::new();
    while !decoder.is_complete() {
        match decoder.decode(said, usize::MAX, &wide()) {
            Ok(step) if step.skip + step.content > 0 => {
                *said = &said[step.skip..];
                content.extend(take(said, step.content as u64));
            }
            other => panic!("the chunks end early: {other:?}"),
        }
    }
    content
}

/// Each request has its answer, unless one before it was the last.
fn check(questions: &[Question], replies: &[Reply], end: End) {
    let last = replies.len().saturating_sub(1);
    for (nth, reply) in replies.iter().enumerate() {
        assert!(
            nth == last || !reply.closes,
            "said after the last: {replies:?}"
        );
        let Some(question) = questions.get(nth) else {
            // What is no request.
            let is_refusal = (400..600).contains(&reply.status) && reply.closes;
            assert!(is_refusal && nth == questions.len(), "{replies:?}");
            continue;
        };
        // Of an answer of unknown length, an old client learns the end by that of the connection.
        let may_close = question.head.version() == Version::HTTP_10
            || !persists(question.head.version(), question.head.headers())
            || !question.is_whole
            || question.head.headers().contains_key(header::EXPECT);
        assert!(
            may_close || !reply.closes,
            "{reply:?} to {:?}",
            question.head
        );
    }
    let has_ended = replies.last().is_some_and(|reply| reply.closes)
        || replies.len() == questions.len() && questions.last().is_some_and(|q| !q.is_whole);
    let refused = replies.len().saturating_sub(questions.len());
    let expected = usize::from(end == End::Wrong);
    let has_all = replies.len() >= questions.len() && refused >= expected;
    assert!(
        has_ended || has_all,
        "{} answers to {} requests, then {end:?}: {replies:?}",
        replies.len(),
        questions.len()
    );
}
