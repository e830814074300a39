//! Any message, in calls of any size, with faults at any moment: what the receiver gets is what was sent, or it
//! can tell that it is not, and what was counted is what it got.
//!
//! `HTTP_AIO_SEED` repeats a run, as far as the threads allow.

use std::collections::BTreeMap;
use std::io::{self, IoSlice};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use http_aio::http::Request;
use http_aio::testing::memory::{Fault, Faults, MemoryStream};
use http_aio::transport::{Transport, Wait};
use http_aio::{Aio, Canceler, Conn, Error, ErrorKind, InFlight, Written};

use super::received::{Asked, Received, Whole, take_message};
use super::{GET, HEAD, OLD_GET, prompt};
use crate::support::*;

const ROUNDS: u64 = 400;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    None,
    Length,
    Chunked,
    /// Of a response, the last.
    ToTheEnd,
}

/// What is sent.
#[derive(Debug)]
struct Message {
    framing: Framing,
    content: Vec<u8>,
    trailers: BTreeMap<String, String>,
    wire: Vec<u8>,
}

/// What goes wrong, once.
#[derive(Clone, Copy, Debug)]
enum Wrong {
    Nothing,
    /// The sender's stream ends after so many bytes.
    Cut(usize),
    FailedRead(usize, Fault),
    FailedWrite(usize, Fault),
    /// After so many microseconds.
    Canceled(u64),
    TimedOut(u64),
    ReceiverClosed(u64),
    SenderClosed(u64),
    /// The receiver's peer goes after it has got so much.
    ReceiverGone(usize),
}

struct Plan {
    messages: Vec<Message>,
    /// What the receiver asks for, if these are responses.
    asked: Option<&'static str>,
    from: Faults,
    to: Faults,
    capacities: [usize; 2],
    wrong: Wrong,
    seed: u64,
}

impl Plan {
    fn new(dice: &mut Dice) -> Self {
        let asked = [None, None, Some(GET), Some(OLD_GET), Some(HEAD)][dice.roll(5) as usize];
        let sizes = [1, 3, 100, 4096, usize::MAX];
        let mut calls = || sizes[dice.roll(sizes.len() as u64) as usize];
        let (mut from, mut to) = (Faults::none(), Faults::none());
        (from.call_bytes, to.call_bytes) = (calls(), calls());
        let smallest = from.call_bytes.min(to.call_bytes);
        let most = smallest.saturating_mul(200).clamp(300, 100_000) as u64;
        // One connection for several, but for what ends with it.
        let count = match asked {
            None => 1 + dice.roll(3),
            Some(_) => 1,
        };
        let messages: Vec<_> = (0..count)
            .map(|_| Message::new(dice, asked.is_some(), most))
            .collect();
        let length = messages.iter().map(|message| message.wire.len()).sum();
        let wrong = Wrong::new(dice, length);
        match wrong {
            Wrong::FailedRead(at, fault) => from.fail_read = Some((at, fault)),
            Wrong::FailedWrite(at, fault) => to.fail_write = Some((at, fault)),
            _ => {}
        }
        let capacities = [0; 2].map(|_| 64 << dice.roll(8));
        Self {
            messages,
            asked,
            from,
            to,
            capacities,
            wrong,
            seed: dice.roll(u64::MAX),
        }
    }
}

impl Message {
    fn new(dice: &mut Dice, is_response: bool, most: u64) -> Self {
        let framing = match dice.roll(if is_response { 5 } else { 4 }) {
            0 => Framing::None,
            1 => Framing::Length,
            2 | 3 => Framing::Chunked,
            _ => Framing::ToTheEnd,
        };
        let most = if dice.roll(2) == 0 { most } else { 50 };
        let length = match framing {
            Framing::None => 0,
            _ => dice.roll(most) as usize,
        };
        let mut message = Self {
            framing,
            content: pattern(dice.roll(1 << 16), length).to_vec(),
            trailers: BTreeMap::new(),
            wire: Vec::new(),
        };
        message.wire = match is_response {
            true => b"HTTP/1.1 200 OK\r\nConnection: x-hop\r\nX-Hop: 1\r\n".to_vec(),
            false => b"PUT / HTTP/1.1\r\nHost: h\r\nConnection: x-hop\r\nX-Hop: 1\r\n".to_vec(),
        };
        message.write_body(dice, is_response);
        message
    }

    fn write_body(&mut self, dice: &mut Dice, is_response: bool) {
        let say = |wire: &mut Vec<u8>, text: &str| wire.extend_from_slice(text.as_bytes());
        let wire = &mut self.wire;
        match self.framing {
            Framing::None if is_response => say(wire, "Content-Length: 0\r\n\r\n"),
            Framing::None | Framing::ToTheEnd => say(wire, "\r\n"),
            Framing::Length => {
                say(
                    wire,
                    &format!("Content-Length: {}\r\n\r\n", self.content.len()),
                );
            }
            Framing::Chunked => {
                say(wire, "Transfer-Encoding: chunked\r\n\r\n");
                let mut rest = &self.content[..];
                while !rest.is_empty() {
                    let most = [3, 5000, u64::MAX][dice.roll(3) as usize].min(rest.len() as u64);
                    let (chunk, after) = rest.split_at(1 + dice.roll(most) as usize);
                    say(wire, &format!("{:x}\r\n", chunk.len()));
                    wire.extend_from_slice(chunk);
                    say(wire, "\r\n");
                    rest = after;
                }
                say(wire, "0\r\n");
                for number in 0..dice.roll(3) {
                    self.trailers.insert(format!("t-{number}"), "v".into());
                    say(wire, &format!("t-{number}: v\r\n"));
                }
                say(wire, "\r\n");
                return;
            }
        }
        self.wire.extend_from_slice(&self.content);
    }

    /// What the receiver must have got in the end.
    #[track_caller]
    fn assert_is(&self, received: &Received, asked: Option<&str>, what: &str) {
        if asked == Some(HEAD) {
            assert_eq!(received.content, b"", "{what}");
            return;
        }
        assert!(received.content == self.content, "{what}");
        let takes_trailers = asked != Some(OLD_GET);
        let none = BTreeMap::new();
        let expected = if takes_trailers {
            &self.trailers
        } else {
            &none
        };
        assert_eq!(&received.trailers, expected, "{what}");
    }
}

impl Wrong {
    fn new(dice: &mut Dice, length: usize) -> Self {
        let fault = match dice.roll(4) {
            0 => Fault::Panic,
            1 => Fault::Error(io::ErrorKind::Other),
            _ => Fault::Error(io::ErrorKind::ConnectionReset),
        };
        let call = 1 + dice.roll(40) as usize;
        let micros = dice.roll(3000);
        match dice.roll(16) {
            0 | 1 => Self::Cut(dice.roll(length as u64) as usize),
            2 => Self::FailedRead(call, fault),
            3 => Self::FailedWrite(call, fault),
            4 => Self::Canceled(micros),
            5 => Self::TimedOut(micros),
            6 => Self::ReceiverClosed(micros),
            7 => Self::SenderClosed(micros),
            8 => Self::ReceiverGone(dice.roll(length as u64) as usize),
            _ => Self::Nothing,
        }
    }

    fn is_nothing(self) -> bool {
        matches!(self, Self::Nothing)
    }
}

/// Says all that there is, as far as somebody hears it.
fn say_all(peer: MemoryStream, wire: Vec<u8>) -> JoinHandle<MemoryStream> {
    thread::spawn(move || {
        let mut rest = &wire[..];
        while !rest.is_empty() {
            match peer.write(&[IoSlice::new(rest)], Wait::For(PATIENCE)) {
                Ok(count) => rest = &rest[count..],
                Err(_) => break,
            }
        }
        let _ = peer.shutdown(std::net::Shutdown::Write);
        peer
    })
}

/// Hears all that is said, or so much.
fn hear(peer: MemoryStream, most: usize) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut heard = Vec::new();
        let mut buffer = [0; 4096];
        while heard.len() < most {
            match peer.read(&mut buffer, Wait::For(PATIENCE)) {
                Ok(count @ 1..) => heard.extend_from_slice(&buffer[..count]),
                _ => break,
            }
        }
        heard
    })
}

fn later(micros: u64, act: impl FnOnce() + Send + 'static) {
    thread::spawn(move || {
        thread::sleep(Duration::from_micros(micros));
        act();
    });
}

fn wait_somehow(dice: &mut Dice, passing: Aio<Written, InFlight>) -> Result<Written, Error> {
    match dice.roll(5) {
        0 | 1 => passing.wait(),
        2 => settle_and_reclaim(passing).0,
        3 => once(&tell(passing).0).result,
        _ => block_on(passing),
    }
}

/// Passes one message on. None: its head did not come.
fn pass(plan: &Plan, dice: &mut Dice, from: &Conn, to: &Conn) -> Option<Result<Written, Error>> {
    let aio = match plan.wrong {
        Wrong::TimedOut(micros) => Aio::new().timeout(Duration::from_micros(micros)),
        _ => Aio::new(),
    };
    let passing = match plan.asked {
        None => {
            let request = settle(from.read_request(prompt())).ok()?;
            from.forward_request(aio, request, to)
        }
        Some(_) => {
            let response = settle(from.read_response(prompt())).ok()?;
            from.forward_response(aio, response, to)
        }
    };
    if let Wrong::Canceled(micros) = plan.wrong {
        let canceler: Canceler = passing.canceler();
        later(micros, move || canceler.cancel());
    }
    Some(wait_somehow(dice, passing))
}

#[track_caller]
fn run(plan: &Plan, what: &str) {
    let mut dice = Dice::new(plan.seed);
    let (from, sender) = memory_pair(plan.capacities[0], plan.from);
    let (to, receiver) = memory_pair(plan.capacities[1], plan.to);
    if let Some(asked) = plan.asked {
        super::say(&receiver, asked);
        if settle(to.read_request(prompt())).is_err() {
            return;
        }
        if asked == HEAD {
            let head = Request::head("http://h/").body(()).unwrap();
            drop(from.write_request(Aio::new(), head));
            hooks::head(&sender);
        }
    }
    let mut wire: Vec<u8> = Vec::new();
    for message in &plan.messages {
        let end = if plan.asked == Some(HEAD) {
            message.wire.windows(4).position(|four| four == b"\r\n\r\n")
        } else {
            None
        };
        wire.extend_from_slice(&message.wire[..end.map_or(message.wire.len(), |end| end + 4)]);
    }
    let cut = match plan.wrong {
        Wrong::Cut(at) => at.min(wire.len()),
        _ => wire.len(),
    };
    wire.truncate(cut);
    let saying = say_all(sender, wire);
    let hearing = hear(
        receiver,
        match plan.wrong {
            Wrong::ReceiverGone(after) => after,
            _ => usize::MAX,
        },
    );
    let closing = match plan.wrong {
        Wrong::ReceiverClosed(micros) => Some((micros, to.clone())),
        Wrong::SenderClosed(micros) => Some((micros, from.clone())),
        _ => None,
    };
    if let Some((micros, conn)) = closing {
        later(micros, move || conn.close());
    }
    let mut results = Vec::new();
    for _ in &plan.messages {
        let Some(result) = pass(plan, &mut dice, &from, &to) else {
            break;
        };
        let failed = result.is_err();
        results.push(result);
        if failed {
            break;
        }
    }
    drop((from, to));
    let heard = join(hearing);
    drop(join(saying));
    check(plan, &results, &heard, what);
}

#[track_caller]
fn check(plan: &Plan, results: &[Result<Written, Error>], heard: &[u8], what: &str) {
    let asked = match plan.asked {
        Some(HEAD) => Asked::Head,
        _ => Asked::Whole,
    };
    if plan.wrong.is_nothing() {
        assert_eq!(results.len(), plan.messages.len(), "{what}");
        assert!(results.iter().all(Result::is_ok), "{what}: {results:?}");
    }
    let mut wire = heard;
    for (result, message) in results.iter().zip(&plan.messages) {
        let received = take_message(&mut wire, asked);
        if matches!(plan.wrong, Wrong::ReceiverGone(_)) {
            // It may have left something behind; what it has is right.
            assert!(received.count() <= count(result), "{what}: {result:?}");
            assert!(message.content.starts_with(&received.content), "{what}");
            continue;
        }
        assert_eq!(received.count(), count(result), "{what}: {result:?}");
        match result {
            Ok(_) => {
                let may_be_cut =
                    plan.asked == Some(OLD_GET) || message.framing == Framing::ToTheEnd;
                let is_cut = may_be_cut && matches!(plan.wrong, Wrong::Cut(_));
                if !is_cut {
                    message.assert_is(&received, plan.asked, what);
                }
                assert_ne!(received.whole, Whole::No, "{what}");
            }
            Err(error) => {
                assert!(message.content.starts_with(&received.content), "{what}");
                // An interruption may meet the call that takes the last byte: the count says so.
                let interrupted = matches!(
                    error.kind(),
                    ErrorKind::Canceled | ErrorKind::TimedOut | ErrorKind::Closed
                );
                let met_the_end = interrupted && received.content == message.content;
                assert!(
                    received.whole != Whole::Yes || received.head == 0 || met_the_end,
                    "{what}: {result:?}"
                );
            }
        }
    }
    assert_eq!(wire, b"", "{what}");
}

#[test]
fn any_message_with_any_fault() {
    let seed = seed();
    for round in 0..ROUNDS {
        let mut dice = Dice::new(seed.wrapping_add(round));
        let plan = Plan::new(&mut dice);
        let framings: Vec<_> = plan
            .messages
            .iter()
            .map(|message| (message.framing, message.content.len()))
            .collect();
        let what = format!(
            "round {round} of {seed}: {framings:?} to {:?}, {:?}, calls {} and {}, room {:?}",
            plan.asked, plan.wrong, plan.from.call_bytes, plan.to.call_bytes, plan.capacities
        );
        println!("{what}");
        run(&plan, &what);
    }
}
