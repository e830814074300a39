//! How a client listens to what is answered.

use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use crossbeam_channel::Sender;

use super::answer::{Answer, Taken};
use super::asked::Asked;
use super::visit::Leave;
use crate::support::Dice;

/// How a client has come to the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    OfStream,
    Reset,
    /// Everything was answered.
    Enough,
    /// It did not want to hear more.
    Left,
}

/// A client that reads.
pub(super) struct Hearing<'a> {
    stream: &'a TcpStream,
    asked: &'a [Asked],
    leave: Leave,
    /// Told of each answer.
    told: Option<Sender<()>>,
    pub(super) buffer: Vec<u8>,
    /// The next answer begins here.
    at: usize,
    answers: usize,
    pub(super) end: End,
}

impl<'a> Hearing<'a> {
    pub(super) fn new(
        stream: &'a TcpStream,
        asked: &'a [Asked],
        leave: Leave,
        told: Sender<()>,
    ) -> Self {
        Self {
            stream,
            asked,
            leave,
            told: Some(told),
            buffer: Vec::new(),
            at: 0,
            answers: 0,
            end: End::OfStream,
        }
    }

    pub(super) fn hear(&mut self, dice: &mut Dice) {
        let is_slow = dice.roll(4) == 0;
        let mut piece = vec![0; if is_slow { 4 << 10 } else { 256 << 10 }];
        let most = match self.leave.is_early() {
            true => dice.roll(100_000) as usize,
            false => usize::MAX,
        };
        let patience = Duration::from_micros(1 + dice.roll(5_000));
        if self.leave.is_early() {
            let _ = self.stream.set_read_timeout(Some(patience));
        }
        while self.buffer.len() < most {
            let mut stream = self.stream;
            match stream.read(&mut piece) {
                Ok(0) => {
                    self.told = None;
                    return;
                }
                Ok(count) => self.buffer.extend_from_slice(&piece[..count]),
                Err(_) if self.leave.is_early() => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                    self.told = None;
                    self.end = End::Reset;
                    return;
                }
                Err(error) => panic!(
                    "{error}, after {} of {:?}, {:?}",
                    self.answers, self.asked, self.leave
                ),
            }
            self.count();
            if self.answers == self.asked.len()
                && self.leave == Leave::Satisfied
                && self.end == End::OfStream
            {
                let is_tunnel = self.asked.iter().any(Asked::is_uncounted);
                if !is_tunnel {
                    self.end = End::Enough;
                    self.told = None;
                    return;
                }
            }
            if is_slow && dice.roll(4) == 0 {
                thread::sleep(Duration::from_micros(dice.roll(300)));
            }
        }
        self.end = End::Left;
        self.told = None;
    }

    fn count(&mut self) {
        while let Some(one) = self.asked.get(self.answers) {
            let Taken::Whole(_, size) = Answer::take(&self.buffer[self.at..], one, false) else {
                return;
            };
            self.at += size;
            self.answers += 1;
            if let Some(told) = &self.told {
                let _ = told.send(());
            }
        }
    }
}
