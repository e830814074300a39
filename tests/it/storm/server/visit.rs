//! The clients.

use std::io::Write;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, unbounded};
use socket2::SockRef;

use super::answer::{Answer, Taken};
use super::asked::{Act, Asked};
use super::hearing::{End, Hearing};
use super::ledger::{Ledger, Reach, Seen};
use super::{Sky, Stop};
use crate::support::{Dice, PATIENCE, join};

/// A client that comes, asks and leaves, again and again.
pub(super) struct Guest {
    pub(super) address: SocketAddr,
    pub(super) sky: Sky,
    pub(super) dice: Dice,
    /// The number of the next request.
    pub(super) next: Arc<AtomicU64>,
    pub(super) stopped: Arc<AtomicBool>,
    pub(super) ledger: Arc<Ledger>,
}

/// How a visit ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leave {
    /// Ends its stream behind the last request, and waits for the end of the other.
    HalfClose,
    /// Says so in its last request.
    Say,
    /// When everything is answered.
    Satisfied,
    /// In the middle of a head, and then as `HalfClose`.
    HalfHead,
    /// In the middle of a body, and then as `HalfClose`.
    HalfBody,
    /// With something that is no request.
    Nonsense,
    /// Some time, with a reset.
    Reset,
    /// Some time.
    Gone,
}

impl Leave {
    fn of(dice: &mut Dice) -> Self {
        match dice.roll(12) {
            0..3 => Self::HalfClose,
            3 | 4 => Self::Say,
            5 | 6 => Self::Satisfied,
            7 => Self::HalfHead,
            8 => Self::HalfBody,
            9 => Self::Nonsense,
            10 => Self::Reset,
            _ => Self::Gone,
        }
    }

    pub(super) fn is_early(self) -> bool {
        matches!(self, Self::Reset | Self::Gone)
    }
}

const NONSENSE: [&str; 5] = [
    "GET / HTTP/1.1\r\n\r\n",
    "GET / HTTP/3.0\r\nHost: h\r\n\r\n",
    "\u{16}\u{3}\u{1}\u{2}\r\n",
    "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n",
    "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
];

/// Sent at once.
struct Part {
    bytes: Vec<u8>,
    /// So many answers come first.
    answers: usize,
    /// Or this time.
    pause: Duration,
}

impl Guest {
    pub(super) fn come_and_go(mut self, times: usize) {
        for _ in 0..times {
            if self.stopped.load(Ordering::SeqCst) || !self.visit() {
                return;
            }
        }
    }

    /// False: nobody is there any more.
    fn visit(&mut self) -> bool {
        let Ok(stream) = TcpStream::connect(self.address) else {
            assert!(self.sky.ends(), "it does not listen");
            return false;
        };
        // Before whoever waits for this thread gives up.
        let patience = Some(PATIENCE / 3);
        stream.set_read_timeout(patience).expect("a socket");
        stream.set_nodelay(true).expect("a socket");
        if self.dice.roll(3) == 0 {
            let _ = SockRef::from(&stream).set_recv_buffer_size(128 << 10);
        }
        let leave = Leave::of(&mut self.dice);
        let asked = self.ask(leave);
        let (told, answers) = unbounded();
        let output = stream.try_clone().expect("a socket");
        let parts = self.parts(&asked, leave);
        let ends = matches!(leave, Leave::HalfClose | Leave::HalfHead | Leave::HalfBody)
            || asked.last().is_some_and(|last| last.act == Act::Upgrade);
        let sending = send(output, parts, answers, ends && !leave.is_early());
        let mut hearing = Hearing::new(&stream, &asked, leave, told);
        hearing.hear(&mut self.dice);
        let (buffer, end) = (hearing.buffer, hearing.end);
        if leave == Leave::Reset {
            let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
        }
        if leave.is_early() || end == End::Enough {
            let _ = stream.shutdown(Shutdown::Both);
        }
        join(sending);
        drop(stream);
        self.judge(&asked, &buffer, leave, end);
        true
    }

    fn ask(&mut self, leave: Leave) -> Vec<Asked> {
        let count = 1 + self.dice.roll(6);
        let first = self.next.fetch_add(count, Ordering::SeqCst);
        let mut asked: Vec<_> = (first..first + count)
            .map(|id| {
                let is_last = id + 1 == first + count;
                Asked::of(&mut self.dice, self.sky, id, is_last)
            })
            .collect();
        let ends_here = !matches!(leave, Leave::HalfHead | Leave::Nonsense);
        asked.retain(|asked| ends_here || !asked.is_uncounted());
        if let (Leave::Say, Some(last)) = (leave, asked.last_mut()) {
            last.closes = true;
        }
        asked
    }

    /// What is sent, cut somewhere.
    fn parts(&mut self, asked: &[Asked], leave: Leave) -> Vec<Part> {
        let is_pipelined = self.dice.roll(2) == 0;
        let mut parts = Vec::new();
        for (nth, one) in asked.iter().enumerate() {
            let is_half = leave == Leave::HalfBody && nth + 1 == asked.len();
            let (head, mut content) = (one.head().into_bytes(), one.content());
            if is_half && one.has_body() {
                content.truncate(self.dice.roll(content.len() as u64) as usize);
            }
            let answers = if is_pipelined { 0 } else { nth };
            let bytes = [head, content].concat();
            self.cut(&mut parts, bytes, answers);
        }
        let behind = match leave {
            Leave::HalfHead => "GET /do/Sleep/0/5 HTTP/1.1\r\nHo",
            Leave::Nonsense => NONSENSE[self.dice.roll(NONSENSE.len() as u64) as usize],
            _ => "",
        };
        self.cut(&mut parts, behind.into(), 0);
        parts
    }

    fn cut(&mut self, parts: &mut Vec<Part>, mut bytes: Vec<u8>, mut answers: usize) {
        while !bytes.is_empty() {
            let some = match self.dice.roll(3) {
                0 => 1 + self.dice.roll(60) as usize,
                _ => bytes.len(),
            };
            let rest = bytes.split_off(some.min(bytes.len()));
            let pause = match self.dice.roll(6) {
                0 => self.dice.roll(1_000),
                _ => 0,
            };
            parts.push(Part {
                bytes,
                answers,
                pause: Duration::from_micros(pause),
            });
            bytes = rest;
            answers = 0;
        }
    }

    /// What has come is what was asked for, in order, as far as it has come.
    fn judge(&self, asked: &[Asked], buffer: &[u8], leave: Leave, end: End) {
        let how = format!("{:?}, {leave:?}, {end:?}", self.sky);
        if end == End::Reset {
            // It was not accepted when the listener was closed.
            let is_closed = self.sky.stop != Stop::Late && buffer.is_empty();
            assert!(is_closed, "{how} of {asked:?}, {} bytes", buffer.len());
            return;
        }
        let mut rest = buffer;
        let mut is_over = None;
        for (nth, one) in asked.iter().enumerate() {
            let is_half = leave == Leave::HalfBody && nth + 1 == asked.len();
            let how = format!("{one:?}, the {nth}th of {asked:?}, {how}");
            let (answer, size) = match Answer::take(rest, one, end == End::OfStream) {
                Taken::Whole(answer, size) => (answer, size),
                Taken::Part(size) => {
                    self.judge_part(one, rest, size, end, is_over, &how);
                    return;
                }
            };
            assert_eq!(is_over, None, "{how}: answered after the end: {answer:?}");
            if self.sky.hasty && answer.id.is_none() && answer.status == 408 {
                assert!(answer.closes && rest.len() == size, "{how}: {answer:?}");
                return; // The head was late.
            }
            assert_eq!(answer.id, Some(one.id), "{how}: {answer:?}");
            let may_be = one.may_be_answered(answer.status, self.sky, is_half);
            assert!(may_be, "{how}: {answer:?}");
            let is_interim_right = !answer.has_continued || one.expects;
            assert!(is_interim_right, "{how}: {answer:?}");
            if answer.status == 200 && !one.is_head {
                assert!(answer.content == one.answer(), "{how}: other content");
            }
            if !one.is_uncounted() {
                self.ledger.sees(Seen {
                    path: one.path(),
                    bytes: answer.bytes,
                    reach: Reach::Whole(answer.status),
                });
            }
            rest = &rest[size..];
            if answer.closes {
                is_over = Some(true);
            } else if one.may_end() || is_half {
                is_over = is_over.or(Some(false));
            }
            if is_over == Some(false) && !rest.is_empty() {
                is_over = None; // It has not ended.
            }
        }
        self.judge_rest(rest, leave, end, is_over, &how);
    }

    /// Not the whole of an answer, or nothing of it, has come.
    fn judge_part(
        &self,
        one: &Asked,
        rest: &[u8],
        size: u64,
        end: End,
        is_over: Option<bool>,
        how: &str,
    ) {
        let is_cut =
            one.may_be_cut() || self.sky.cuts() || one.act == Act::Forward && self.sky.ends();
        match end {
            End::OfStream if is_over.is_some() => assert!(rest.is_empty(), "{how}: {rest:?}"),
            End::OfStream if rest.is_empty() => {
                assert!(self.sky.ends() || is_cut, "{how}: no answer");
            }
            End::OfStream => assert!(is_cut, "{how}: cut off after {size}"),
            End::Left => {}
            End::Enough | End::Reset => panic!("{how}: not everything has come"),
        }
        // Whether a text goes on that ends with the connection nobody knows.
        if is_over.is_none() && !one.is_uncounted() {
            let reach = match end {
                End::OfStream => Reach::Ended,
                _ => Reach::Left,
            };
            self.ledger.sees(Seen {
                path: one.path(),
                bytes: size,
                reach,
            });
        }
    }

    /// Behind the last answer comes what is said to nonsense, or nothing.
    fn judge_rest(&self, rest: &[u8], leave: Leave, end: End, is_over: Option<bool>, how: &str) {
        if rest.is_empty() {
            let is_told = leave != Leave::Nonsense || is_over.is_some() || end == End::Left;
            assert!(
                is_told || self.sky.ends(),
                "{how}: nonsense without an answer"
            );
            return;
        }
        let text = String::from_utf8_lossy(rest);
        let is_late = self.sky.hasty && text.starts_with("HTTP/1.1 408 ");
        let is_refused = leave == Leave::Nonsense && text.starts_with("HTTP/1.1 ");
        assert!(is_late || is_refused, "{how}: {text}");
        assert_ne!(is_over, Some(true), "{how}: {text}");
    }
}

/// Sends on a thread of its own, until the other side hears no more.
fn send(
    mut output: TcpStream,
    parts: Vec<Part>,
    answers: Receiver<()>,
    ends: bool,
) -> JoinHandle<()> {
    thread::spawn(move || {
        let mut heard = 0;
        for part in parts {
            while heard < part.answers {
                if answers.recv().is_err() {
                    return;
                }
                heard += 1;
            }
            thread::sleep(part.pause);
            if output.write_all(&part.bytes).is_err() {
                return;
            }
        }
        if ends {
            let _ = output.shutdown(Shutdown::Write);
        }
    })
}
