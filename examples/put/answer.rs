//! The server's answer, which may come while the body goes out.

use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, after, never, select, unbounded};
use http_aio::http::{Response, StatusCode};
use http_aio::{BodyFraming, Conn, Error, ErrorKind};

use crate::common::ending::Status;
use crate::common::exit::Exit;
use crate::common::failure::{Failure, Phase};
use crate::context::Context;
use crate::delivery::{self, Delivered};
use crate::follow_up::{FollowUp, Reached};

/// How long the server may take to allow the body. Many never do (RFC 9110 section 10.1.1).
const PATIENCE: Duration = Duration::from_secs(1);

/// How long the writing of what has arrived may take after everything else has ended.
const GRACE: Duration = Duration::from_millis(50);

/// More interim responses than this are no answer.
const MOST_INTERIM: u32 = 32;

pub(crate) type Come = Result<Response<()>, Error>;

pub(crate) struct Answer<'a> {
    context: &'a Context<'a>,
    conn: &'a Conn,
    follow_up: &'a FollowUp<'a>,
    tell: Sender<Come>,
    coming: Receiver<Come>,
    interim: u32,
    /// Whether the server wants the body.
    has_permission: bool,
    state: State,
}

enum State {
    Awaited,
    Failed {
        why: Failure,
        kind: ErrorKind,
    },
    Here {
        head: Response<()>,
        body: Receiver<Delivered>,
    },
}

impl<'a> Answer<'a> {
    /// Begins to listen.
    pub(crate) fn listen(
        context: &'a Context<'a>,
        conn: &'a Conn,
        follow_up: &'a FollowUp<'a>,
    ) -> Self {
        let (tell, coming) = unbounded();
        let answer = Self {
            context,
            conn,
            follow_up,
            tell,
            coming,
            interim: 0,
            has_permission: false,
            state: State::Awaited,
        };
        answer.read();
        answer
    }

    fn read(&self) {
        let tell = self.tell.clone();
        let aio = self.conn.read_any_response(self.context.task.aio());
        aio.on_complete(move |come, _| drop(tell.send(come))); // Nobody may wait for it any more.
    }

    /// What comes next, for [`take`](Self::take).
    pub(crate) fn coming(&self) -> &Receiver<Come> {
        &self.coming
    }

    /// Looks whether something has come.
    pub(crate) fn poll(&mut self, reached: Reached) {
        while let Ok(come) = self.coming.try_recv() {
            self.take(come, reached);
        }
    }

    pub(crate) fn take(&mut self, come: Come, reached: Reached) {
        let head = match come {
            Ok(head) => head,
            Err(error) => {
                let (why, kind) = (Failure::of(&error, Phase::Waiting), error.kind());
                return self.state = State::Failed { why, kind };
            }
        };
        self.context.console.response(&head);
        if !is_interim(head.status()) {
            let body = self.deliver(&head, reached);
            return self.state = State::Here { head, body };
        }
        self.interim += 1;
        self.has_permission |= head.status() == StatusCode::CONTINUE;
        if self.interim > MOST_INTERIM {
            let why = Failure::new(Exit::Reply, "the answer is too large");
            let kind = ErrorKind::TooLarge;
            return self.state = State::Failed { why, kind };
        }
        self.read();
    }

    /// Has the body written to the output, if it is wanted.
    fn deliver(&self, head: &Response<()>, reached: Reached) -> Receiver<Delivered> {
        let options = self.context.options;
        let is_unwanted = options.fail && !head.status().is_success()
            || head.status() == StatusCode::SWITCHING_PROTOCOLS
            || self.follow_up.follows(head, reached);
        let is_empty = self.conn.body_framing() == BodyFraming::None;
        let has_use = !is_empty || options.include || options.output.is_some();
        if is_unwanted || !has_use {
            return delivery::none();
        }
        delivery::start(self.context, self.conn, head)
    }

    /// Waits for `100 Continue`, but not for long: a server that says nothing gets the body too.
    pub(crate) fn wait_for_permission(&mut self) {
        let until = Instant::now() + PATIENCE;
        while !self.has_permission && self.is_awaited() {
            match self.coming.recv_deadline(until) {
                Ok(come) => self.take(come, Reached::Head),
                Err(_) => return,
            }
        }
    }

    /// Waits for the head. The read of it ends with the task.
    pub(crate) fn wait(&mut self, patience: Option<Duration>, reached: Reached) {
        let until = patience.map(|patience| Instant::now() + patience);
        while self.is_awaited() {
            let come = match until {
                Some(until) => self.coming.recv_deadline(until).ok(),
                None => self.coming.recv().ok(),
            };
            match come {
                Some(come) => self.take(come, reached),
                None => return,
            }
        }
    }

    pub(crate) fn is_awaited(&self) -> bool {
        matches!(self.state, State::Awaited)
    }

    /// Whether it makes the rest of the body pointless.
    pub(crate) fn ends_body(&self) -> bool {
        match &self.state {
            State::Awaited => false,
            // RFC 9112 section 9.5: stop at an error. A server that is content still wants the rest.
            State::Here { head, .. } => !head.status().is_success(),
            // The write that fails as well says it better, and with its count.
            State::Failed { kind, .. } => *kind != ErrorKind::Reset,
        }
    }

    pub(crate) fn status(&self) -> Option<Status> {
        self.head().map(Status::from)
    }

    pub(crate) fn head(&self) -> Option<&Response<()>> {
        match &self.state {
            State::Here { head, .. } => Some(head),
            State::Awaited | State::Failed { .. } => None,
        }
    }

    /// Why there is none.
    pub(crate) fn failure(&self) -> Option<&Failure> {
        match &self.state {
            State::Failed { why, .. } => Some(why),
            State::Awaited | State::Here { .. } => None,
        }
    }

    /// Waits until its body is delivered, or the task has ended. None: it takes too long.
    pub(crate) fn delivered(&self, patience: Option<Duration>) -> Option<Delivered> {
        let State::Here { body, .. } = &self.state else {
            return None;
        };
        let task = self.context.task;
        let patience = match patience {
            Some(patience) => after(patience),
            None => never(),
        };
        let late = select! {
            recv(body) -> delivered => return delivered.ok(),
            recv(task.bell()) -> _ => Failure::interrupted(),
            recv(task.passing()) -> _ => Failure::timed_out(),
            recv(patience) -> _ => return None,
        };
        // It has ended too, unless nobody takes what it writes.
        let delivered = body.recv_timeout(GRACE).ok();
        delivered.or_else(|| Some(Delivered::failed(late)))
    }
}

/// After 101 the connection speaks something else: that is an answer, not an interim one.
fn is_interim(status: StatusCode) -> bool {
    status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS
}
