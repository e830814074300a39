//! The handlers.

use std::error::Error as StdError;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, unbounded};
use http_aio::bytes::Bytes;
use http_aio::http::{HeaderName, Request, Response, StatusCode};
use http_aio::{
    Aio, Answer, Answered, Conn, Error, Exchange, File, IntoAnswer, Responder, ResponseWriter,
    Server, any,
};

use super::asked::Act;
use super::ledger::Ledger;
use crate::support::{Dice, PATIENCE, join, pattern};

type Failure = Box<dyn StdError + Send + Sync>;

/// Where the handlers act, and who answers late.
pub(super) struct Stage {
    address: Arc<OnceLock<SocketAddr>>,
    others: Vec<JoinHandle<()>>,
}

/// An answer that comes late.
struct Promise {
    act: Act,
    path: String,
    responder: Responder,
    response: Response<Bytes>,
}

impl Stage {
    pub(super) fn open(server: &Server, ledger: &Arc<Ledger>, dice: &mut Dice) -> Self {
        let (leave, left) = unbounded();
        let address = Arc::<OnceLock<SocketAddr>>::default();
        let (at, told) = (Arc::clone(&address), Arc::clone(ledger));
        let act = move |x: &mut Exchange| act(x, &at, &told, &leave);
        server.route("/do/{act}/{id}/{length}", any(act)).unwrap();
        let others = (0..2).map(|_| {
            let (left, ledger) = (left.clone(), Arc::clone(ledger));
            let dice = Dice(dice.roll(u64::MAX) | 1);
            thread::spawn(move || answer_late(&left, &ledger, dice))
        });
        let others = others.collect();
        Self { address, others }
    }

    pub(super) fn is_at(&self, address: SocketAddr) {
        let _ = self.address.set(address);
    }

    /// The server has gone, and with it everybody who might leave an answer to others.
    pub(super) fn close(self) {
        self.others.into_iter().for_each(join);
    }
}

/// Names the request in the pages of errors.
pub(super) fn page(status: StatusCode, request: Option<&Request<()>>) -> Response<String> {
    let mut page = Response::new(status.to_string());
    let id = request.and_then(|request| request.uri().path().split('/').nth(3));
    if let Some(id) = id.and_then(|id| id.parse::<u64>().ok()) {
        page.headers_mut().insert("x-id", id.into());
    }
    page
}

fn head(id: u64) -> Response<()> {
    Response::builder().header("x-id", id).body(()).unwrap()
}

fn act(
    x: &mut Exchange,
    address: &OnceLock<SocketAddr>,
    ledger: &Ledger,
    leave: &Sender<Promise>,
) -> Result<Answer, Failure> {
    let act = match Act::named(x.param("act")) {
        Some(Act::Nowhere) | None => {
            return Ok(x.error_response(StatusCode::NOT_FOUND).into_answer());
        }
        Some(act) => act,
    };
    let (id, length): (u64, usize) = (x.param("id").parse()?, x.param("length").parse()?);
    let path = x.uri().path_and_query().map(ToString::to_string);
    let path = path.unwrap_or_default();
    ledger.runs(path.clone());
    let whole = || head(id).map(|()| pattern(id, length));
    let mut dice = Dice::new(id);
    Ok(match act {
        Act::Sleep => {
            thread::sleep(Duration::from_micros(dice.roll(3_000)));
            whole().into_answer()
        }
        Act::Compute => {
            std::hint::black_box((0..dice.roll(100_000)).fold(id, |sum, n| sum.rotate_left(3) ^ n));
            whole().into_answer()
        }
        // Without a word on the standard error.
        Act::Panic => std::panic::resume_unwind(Box::new("it panics")),
        Act::Fail => return Err("it fails".into()),
        Act::File => file(id, length)?.into_answer(),
        Act::Reader | Act::Chunks | Act::Broken => read(act, id, length),
        Act::Stream | Act::Overlap | Act::GiveUp | Act::Stumble => {
            stream(x, act, id, length)?.into_answer()
        }
        Act::Slow => {
            check(x, id, ledger)?;
            whole().into_answer()
        }
        Act::Echo => {
            let body = x.collect()?;
            head(id).map(|()| body).into_answer()
        }
        Act::Later | Act::Fickle | Act::Never => {
            let (responder, answered) = x.respond_later()?;
            let response = whole();
            let promise = Promise {
                act,
                path,
                responder,
                response,
            };
            let _ = leave.send(promise);
            answered.into_answer()
        }
        Act::Forward => forward(x, id, address)?,
        Act::Hijack | Act::Upgrade => hijack(x, act, id, length)?.into_answer(),
        Act::Large | Act::Nowhere => whole().into_answer(),
    })
}

/// A file of which nobody else knows.
fn file(id: u64, length: usize) -> io::Result<File> {
    let name = format!("http-aio-storm-{}-{id}", std::process::id());
    let path = std::env::temp_dir().join(name);
    let mut options = std::fs::File::options();
    let mut file = options
        .create(true)
        .truncate(true)
        .read(true)
        .write(true)
        .open(&path)?;
    std::fs::remove_file(path)?;
    file.write_all(&pattern(id, length))?;
    Ok(File::from(file).header(HeaderName::from_static("x-id"), id.into()))
}

/// Content that fails at its end, if it is broken.
struct Pieces {
    content: Bytes,
    is_broken: bool,
    dice: Dice,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.content.is_empty() {
            return match self.is_broken {
                true => Err(io::Error::other("it is broken")),
                false => Ok(0),
            };
        }
        let some = 1 + self.dice.roll(5_000) as usize;
        let piece = self
            .content
            .split_to(some.min(self.content.len()).min(buffer.len()));
        buffer[..piece.len()].copy_from_slice(&piece);
        Ok(piece.len())
    }
}

fn read(act: Act, id: u64, length: usize) -> Answer {
    let is_broken = act == Act::Broken;
    let there = if is_broken { length / 2 } else { length };
    let content = Pieces {
        content: pattern(id, there),
        is_broken,
        dice: Dice::new(id),
    };
    let is_chunked = act == Act::Chunks || is_broken && id % 2 == 0;
    Answer::reader(head(id), content, (!is_chunked).then_some(length as u64))
}

fn stream(x: &mut Exchange, act: Act, id: u64, length: usize) -> Result<Answered, Failure> {
    let mut dice = Dice::new(id);
    let mut response = head(id);
    if dice.roll(2) == 0 {
        let headers = response.headers_mut();
        headers.insert("content-length", length.into());
    }
    let mut writer = x.stream(response)?;
    let mut content = pattern(id, length);
    if matches!(act, Act::GiveUp | Act::Stumble) {
        content.truncate(length / 2);
    }
    if act == Act::Overlap {
        overlap(&mut writer, content, &mut dice)?;
    } else {
        while !content.is_empty() {
            let some = 1 + dice.roll(20_000) as usize;
            let piece = content.split_to(some.min(content.len()));
            writer.write_all([piece])?;
            if dice.roll(8) == 0 {
                thread::sleep(Duration::from_micros(dice.roll(500)));
            }
        }
    }
    match act {
        Act::GiveUp => Err("it gives up".into()),
        Act::Stumble => std::panic::resume_unwind(Box::new("it stumbles")),
        _ => Ok(writer.finish()?),
    }
}

fn overlap(writer: &mut ResponseWriter, mut content: Bytes, dice: &mut Dice) -> Result<(), Error> {
    let mut writes = Vec::new();
    while !content.is_empty() {
        let some = 1 + dice.roll(20_000) as usize;
        let piece = content.split_to(some.min(content.len()));
        writes.push(writer.submit(Aio::new().iov([piece])));
    }
    writes
        .into_iter()
        .try_for_each(|write| write.wait().map(drop))
}

/// Reads the body in small pieces, and compares.
fn check(x: &mut Exchange, id: u64, ledger: &Ledger) -> Result<(), Failure> {
    let mut dice = Dice::new(id);
    let mut at = 0;
    loop {
        let mut piece = vec![0; 1 + dice.roll(20_000) as usize];
        let count = x.body().read(&mut piece)?;
        if count == 0 {
            return Ok(());
        }
        if piece[..count] != pattern(id + at, count) {
            ledger.wrong(format!("{}: the body at {at}", x.uri()));
        }
        at += count as u64;
        if dice.roll(4) == 0 {
            thread::sleep(Duration::from_micros(dice.roll(500)));
        }
    }
}

fn forward(x: &mut Exchange, id: u64, address: &OnceLock<SocketAddr>) -> Result<Answer, Failure> {
    let gateway = || (StatusCode::BAD_GATEWAY, head(id).map(|()| "nothing came"));
    let bad = || {
        let (status, mut response) = gateway();
        *response.status_mut() = status;
        response.into_answer()
    };
    let aio = Aio::options().timeout(PATIENCE);
    let &to = address.get().expect("it listens");
    let Ok(upstream) = Conn::connect(aio.another(), to).wait() else {
        return Ok(bad());
    };
    let mut request = x.request().clone();
    let path = format!("/do/{}/{id}/{}", x.query(), x.param("length"));
    *request.uri_mut() = path.parse()?;
    match x.forward(aio.another(), request, &upstream) {
        Ok(answered) => Ok(answered.into_answer()),
        Err(_) if !x.has_begun() => Ok(bad()),
        Err(error) => Err(error.into()),
    }
}

fn hijack(x: &mut Exchange, act: Act, id: u64, length: usize) -> Result<Answered, Failure> {
    let aio = || Aio::new().timeout(PATIENCE);
    if act == Act::Hijack {
        let (conn, answered) = x.hijack()?;
        let head = format!(
            "HTTP/1.1 200 OK\r\nx-id: {id}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
        );
        let content = [Bytes::from(head), pattern(id, length)];
        let _ = conn.write_all(aio().iov(content)).wait(); // The client may have gone.
        return Ok(answered);
    }
    let switching = Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header("x-id", id)
        .header("connection", "upgrade")
        .header("upgrade", "echo");
    let (conn, answered) = x.upgrade(switching.body(())?)?;
    while let Ok(piece) = conn.read(Aio::new().timeout(PATIENCE), 5_000).wait() {
        if conn.write_all(aio().iov([piece])).wait().is_err() {
            break;
        }
    }
    Ok(answered)
}

/// Answers what was left to others, in its time or not at all.
fn answer_late(left: &Receiver<Promise>, ledger: &Ledger, mut dice: Dice) {
    for promise in left {
        if dice.roll(2) == 0 {
            thread::sleep(Duration::from_micros(dice.roll(2_000)));
        }
        if promise.act == Act::Never {
            continue;
        }
        let mut aio = Aio::new();
        if promise.act == Act::Fickle && dice.roll(2) == 0 {
            aio = aio.timeout(Duration::from_micros(dice.roll(300)));
        }
        let answer = promise.responder.respond(aio, promise.response);
        if promise.act == Act::Fickle && dice.roll(2) == 0 {
            answer.cancel();
        }
        if dice.roll(3) == 0 {
            continue; // It is written all the same.
        }
        if let Ok(written) = answer.wait() {
            ledger.late(promise.path, written.count());
        }
    }
}
