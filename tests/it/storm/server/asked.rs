//! What is asked of the server, and what may come of it.

use http_aio::bytes::Bytes;

use super::Sky;
use crate::support::{Dice, pattern};

/// What a handler does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Sleep,
    Compute,
    Panic,
    Fail,
    /// Answers with 10 MiB.
    Large,
    /// With a file.
    File,
    /// From a reader of known length.
    Reader,
    /// From a reader of unknown length.
    Chunks,
    /// From a reader that fails.
    Broken,
    Stream,
    /// As a stream, with writes that overlap.
    Overlap,
    /// Streams, and does not finish.
    GiveUp,
    /// Streams, and panics.
    Stumble,
    /// Reads the body in small pieces.
    Slow,
    Echo,
    /// From another thread.
    Later,
    /// From another thread, which may think better of it.
    Fickle,
    /// From another thread, which does not.
    Never,
    /// From the same server, over another connection.
    Forward,
    Hijack,
    /// Says back what comes behind the request.
    Upgrade,
    /// There is no such handler.
    Nowhere,
}

pub(super) const ACTS: [Act; 22] = {
    use Act::*;
    [
        Sleep, Compute, Panic, Fail, Large, File, Reader, Chunks, Broken, Stream, Overlap, GiveUp,
        Stumble, Slow, Echo, Later, Fickle, Never, Forward, Hijack, Upgrade, Nowhere,
    ]
};

pub(super) const LARGE: usize = 10 << 20;

impl Act {
    /// The segment of the path.
    pub(super) fn name(self) -> String {
        format!("{self:?}")
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        ACTS.into_iter().find(|act| act.name() == name)
    }

    /// Hijacks are the last, and large ones are rare.
    fn of(dice: &mut Dice, is_last: bool) -> Self {
        loop {
            let act = ACTS[dice.roll(ACTS.len() as u64) as usize];
            let fits = match act {
                Self::Hijack | Self::Upgrade => is_last,
                Self::Large => dice.roll(20) == 0,
                Self::Panic | Self::Fail | Self::Broken | Self::GiveUp | Self::Stumble => {
                    dice.roll(3) == 0
                }
                _ => true,
            };
            if fits {
                return act;
            }
        }
    }

    fn reads_body(self) -> bool {
        matches!(self, Self::Slow | Self::Echo)
    }

    fn cuts(self) -> bool {
        matches!(
            self,
            Self::Broken | Self::GiveUp | Self::Stumble | Self::Fickle
        )
    }
}

/// How the length of a request's body is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    Length,
    Chunked,
}

/// A request.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) id: u64,
    pub(super) act: Act,
    /// Whose answer is forwarded.
    inner: Act,
    /// The length of the content of the answer.
    pub(super) length: usize,
    body: usize,
    framing: Framing,
    pub(super) is_head: bool,
    is_old: bool,
    pub(super) expects: bool,
    pub(super) closes: bool,
}

impl Asked {
    pub(super) fn of(dice: &mut Dice, sky: Sky, id: u64, is_last: bool) -> Self {
        let mut act = Act::of(dice, is_last);
        if act == Act::Forward && sky.crowded {
            act = Act::Echo; // There may be no place for the other connection.
        }
        let inner = [
            Act::Sleep,
            Act::Stream,
            Act::Echo,
            Act::Panic,
            Act::GiveUp,
            Act::Later,
        ];
        let inner = inner[dice.roll(6) as usize];
        let body = match dice.roll(8) {
            _ if matches!(act, Act::Hijack | Act::Upgrade) => 0,
            0 if dice.roll(4) == 0 => 300_000,
            1 | 2 => 1 + dice.roll(20_000) as usize,
            3 => 5,
            _ => 0,
        };
        let answering = if act == Act::Forward { inner } else { act };
        let length = match answering {
            Act::Large => LARGE,
            Act::Echo => body,
            Act::File if dice.roll(4) == 0 => 1 + dice.roll(500_000) as usize,
            _ if dice.roll(4) == 0 => 1 + dice.roll(50_000) as usize,
            _ => 1 + dice.roll(100) as usize,
        };
        let is_plain = body == 0 && !matches!(act, Act::Hijack | Act::Upgrade);
        // What ends with the connection is cut off unseen.
        let is_old = is_plain && !answering.cuts() && !sky.cuts() && dice.roll(12) == 0;
        Self {
            id,
            act,
            inner,
            length,
            body,
            framing: [Framing::Length, Framing::Chunked][dice.roll(2) as usize],
            is_head: is_plain && dice.roll(10) == 0,
            is_old,
            expects: body > 0 && dice.roll(4) == 0,
            closes: false,
        }
    }

    pub(super) fn path(&self) -> String {
        let (act, id, length) = (self.act.name(), self.id, self.length);
        match self.act {
            Act::Forward => format!("/do/{act}/{id}/{length}?{}", self.inner.name()),
            _ => format!("/do/{act}/{id}/{length}"),
        }
    }

    pub(super) fn head(&self) -> String {
        let method = match self.body {
            _ if self.is_head => "HEAD",
            0 => "GET",
            _ => "PUT",
        };
        let version = if self.is_old { "1.0" } else { "1.1" };
        let mut head = format!("{method} {} HTTP/{version}\r\nHost: h\r\n", self.path());
        match (self.body, self.framing) {
            (0, _) => {}
            (length, Framing::Length) => head += &format!("Content-Length: {length}\r\n"),
            (_, Framing::Chunked) => head += "Transfer-Encoding: chunked\r\n",
        }
        if self.expects {
            head += "Expect: 100-continue\r\n";
        }
        head += match self.act {
            Act::Upgrade => "Connection: upgrade\r\nUpgrade: echo\r\n",
            _ if self.closes => "Connection: close\r\n",
            _ if self.is_old => "Connection: keep-alive\r\n",
            _ => "",
        };
        head + "\r\n"
    }

    /// The body as it goes over the wire; and what comes behind it.
    pub(super) fn content(&self) -> Vec<u8> {
        let content = pattern(self.id, self.body);
        match self.framing {
            _ if self.act == Act::Upgrade => pattern(self.id, self.length).to_vec(),
            Framing::Chunked if self.body > 0 => {
                let mut chunks = Vec::new();
                for chunk in content.chunks(7_000) {
                    chunks.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
                    chunks.extend_from_slice(chunk);
                    chunks.extend(b"\r\n");
                }
                chunks.extend(b"0\r\n\r\n");
                chunks
            }
            _ => content.to_vec(),
        }
    }

    /// What a whole 200 has.
    pub(super) fn answer(&self) -> Bytes {
        pattern(self.id, self.length)
    }

    pub(super) fn may_be_answered(&self, status: u16, sky: Sky, is_half: bool) -> bool {
        let answering = match self.act {
            Act::Forward => self.inner,
            act => act,
        };
        let is_expected = match answering {
            Act::Panic | Act::Fail | Act::Never => status == 500,
            Act::Fickle => matches!(status, 200 | 500),
            Act::Nowhere => status == 404,
            Act::Upgrade => status == 101,
            _ => status == 200,
        };
        let is_forwarded = self.act == Act::Forward;
        is_expected
            || is_half && matches!(status, 400 | 500)
            || is_half && is_forwarded && status == 502
            || sky.hasty && matches!(status, 408 | 500)
            || is_forwarded && sky.ends() && matches!(status, 500 | 502)
    }

    /// The answer may end in the middle of it.
    pub(super) fn may_be_cut(&self) -> bool {
        self.act.cuts() || self.act == Act::Forward && self.inner.cuts()
    }

    /// The connection may end behind the answer, though that does not say so.
    pub(super) fn may_end(&self) -> bool {
        let is_read = self.act.reads_body() || self.body == 0;
        let is_long = self.framing == Framing::Chunked && self.body > 256 << 10;
        // Of what is cut off HEAD shows nothing.
        let is_cut = self.is_head && self.may_be_cut();
        is_cut || !is_read && (is_long || self.act == Act::Forward)
    }

    /// The handler has written the answer itself, and the server has not counted it.
    pub(super) fn is_uncounted(&self) -> bool {
        matches!(self.act, Act::Hijack | Act::Upgrade)
    }

    pub(super) fn has_body(&self) -> bool {
        self.body > 0
    }
}
