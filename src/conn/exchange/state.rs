//! Where an exchange stands, and what each event means for it. Pure.
//!
//! | what happens | what follows |
//! |---|---|
//! | the head is out, and its body is held | the server is waited for |
//! | 100 (Continue), or the timer | the body goes out |
//! | the peer resets the write | the read goes on: an early answer may be there |
//! | the write fails otherwise | the read is canceled |
//! | an answer | a held body is not sent |
//! | an answer that is no success, while the body goes out | the write is canceled; the write side ends if the body is one that the caller writes |
//! | the read fails | the write is canceled |
//! | the caller cancels | both are canceled |
//! | both have ended | the exchange completes |

/// How far both directions have got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Progress {
    pub(super) write: Write,
    pub(super) read: Read,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Write {
    /// The head is going out; its body is held.
    Head,
    /// The head is out; its body is held.
    BodyHeld,
    /// This many operations are going out, and nothing is held.
    Running(u8),
    /// They are canceled and have not ended yet.
    Stopped(u8),
    Done,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read {
    Running,
    Done,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// A write has ended.
    WriteDone(WriteEnd),
    /// The body need not wait any longer.
    BodyReleased,
    /// The final head is there; whether it is a success.
    Answered {
        success: bool,
    },
    /// The read has ended; whether it has succeeded.
    ReadDone {
        success: bool,
    },
    Interrupted,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WriteEnd {
    Whole,
    /// The peer has reset it.
    Reset,
    Failed,
}

/// What is to be done after an event, once no lock is held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Steps {
    pub(super) cancel_writes: bool,
    pub(super) cancel_read: bool,
    pub(super) held_body: HeldBody,
    /// The whole request is out: the time for the head of the response begins.
    pub(super) request_is_out: bool,
    /// Both directions have ended just now.
    pub(super) is_over: bool,
}

/// What is to be done with the held body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum HeldBody {
    #[default]
    Leave,
    /// Wait for the server to ask for it, for a while.
    Wait,
    Send,
    Drop,
}

impl Progress {
    /// Begins with the write of a head, and maybe a body that is held.
    pub(super) fn begin(holds_body: bool) -> Self {
        Self {
            write: if holds_body {
                Write::Head
            } else {
                Write::Running(1)
            },
            read: Read::Running,
        }
    }

    /// Whether the write was canceled here, so that its failure is not the reason of anything.
    pub(super) fn is_stopped(self) -> bool {
        matches!(self.write, Write::Stopped(_))
    }

    pub(super) fn step(&mut self, event: Event) -> Steps {
        let before = *self;
        let mut steps = Steps::default();
        match event {
            Event::WriteDone(end) => self.write_done(end, &mut steps),
            Event::BodyReleased => self.release_body(&mut steps),
            Event::Answered { success } => self.withhold_body(success, &mut steps),
            Event::ReadDone { success } => {
                self.read = Read::Done;
                self.withhold_body(success, &mut steps);
            }
            Event::Interrupted => {
                self.withhold_body(false, &mut steps);
                steps.cancel_read = self.read == Read::Running;
            }
        }
        steps.is_over = self.is_over() && !before.is_over();
        steps
    }

    fn is_over(self) -> bool {
        self.write == Write::Done && self.read == Read::Done
    }

    fn write_done(&mut self, end: WriteEnd, steps: &mut Steps) {
        let was_stopped = self.is_stopped();
        self.write = match (self.write, end) {
            (Write::Head, WriteEnd::Whole) => {
                steps.held_body = HeldBody::Wait;
                Write::BodyHeld
            }
            (Write::Head, WriteEnd::Reset | WriteEnd::Failed) => {
                steps.held_body = HeldBody::Drop;
                Write::Done
            }
            (Write::Running(2..), _) => Write::Running(1),
            (Write::Stopped(2..), _) => Write::Stopped(1),
            (Write::BodyHeld, _) => Write::BodyHeld, // Nothing was under way.
            (Write::Running(_) | Write::Stopped(_) | Write::Done, _) => Write::Done,
        };
        let is_reading = self.read == Read::Running;
        steps.cancel_read = end == WriteEnd::Failed && !was_stopped && is_reading;
        steps.request_is_out =
            end == WriteEnd::Whole && self.write == Write::Done && !was_stopped && is_reading;
    }

    fn release_body(&mut self, steps: &mut Steps) {
        self.write = match self.write {
            Write::Head => Write::Running(2),
            Write::BodyHeld => Write::Running(1),
            Write::Running(_) | Write::Stopped(_) | Write::Done => return,
        };
        steps.held_body = HeldBody::Send;
    }

    /// A held body is not sent any more. A write that is under way goes on only if it `may_go_on`.
    fn withhold_body(&mut self, may_go_on: bool, steps: &mut Steps) {
        if matches!(self.write, Write::Head | Write::BodyHeld) {
            steps.held_body = HeldBody::Drop;
        }
        self.write = match self.write {
            Write::Head => Write::Running(1),
            Write::BodyHeld => Write::Done,
            other => other,
        };
        if let Write::Running(count) = self.write {
            if !may_go_on {
                self.write = Write::Stopped(count);
                steps.cancel_writes = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRITES: [Write; 7] = [
        Write::Head,
        Write::BodyHeld,
        Write::Running(1),
        Write::Running(2),
        Write::Stopped(1),
        Write::Stopped(2),
        Write::Done,
    ];

    const EVENTS: [Event; 9] = [
        Event::WriteDone(WriteEnd::Whole),
        Event::WriteDone(WriteEnd::Reset),
        Event::WriteDone(WriteEnd::Failed),
        Event::BodyReleased,
        Event::Answered { success: true },
        Event::Answered { success: false },
        Event::ReadDone { success: true },
        Event::ReadDone { success: false },
        Event::Interrupted,
    ];

    /// Writes that have not ended.
    fn under_way(write: Write) -> u8 {
        match write {
            Write::Head => 1,
            Write::Running(count) | Write::Stopped(count) => count,
            Write::BodyHeld | Write::Done => 0,
        }
    }

    fn holds(write: Write) -> bool {
        matches!(write, Write::Head | Write::BodyHeld)
    }

    /// Whether the event can happen there at all.
    fn is_possible(at: Progress, event: Event) -> bool {
        match event {
            Event::WriteDone(_) => under_way(at.write) > 0,
            Event::Answered { .. } | Event::ReadDone { .. } => at.read == Read::Running,
            Event::BodyReleased | Event::Interrupted => true,
        }
    }

    #[test]
    fn every_event_in_every_state() {
        for write in WRITES {
            for read in [Read::Running, Read::Done] {
                for event in EVENTS {
                    let before = Progress { write, read };
                    if !is_possible(before, event) {
                        continue;
                    }
                    let mut after = before;
                    let steps = after.step(event);
                    let what = format!("{before:?} {event:?} {after:?} {steps:?}");
                    check_counts(before, after, event, steps, &what);
                    check_steps(before, after, event, steps, &what);
                }
            }
        }
    }

    fn check_counts(before: Progress, after: Progress, event: Event, steps: Steps, what: &str) {
        let ended = u8::from(matches!(event, Event::WriteDone(_)));
        let begun = u8::from(steps.held_body == HeldBody::Send);
        let expected = under_way(before.write) + begun - ended;
        assert_eq!(under_way(after.write), expected, "{what}");
        // The body is kept, sent or dropped: exactly one of them.
        let leaves = matches!(steps.held_body, HeldBody::Send | HeldBody::Drop);
        assert_eq!(holds(before.write) && !holds(after.write), leaves, "{what}");
        assert!(!holds(after.write) || holds(before.write), "{what}");
        assert!(
            after.read == before.read || matches!(event, Event::ReadDone { .. }),
            "{what}"
        );
    }

    fn check_steps(before: Progress, after: Progress, event: Event, steps: Steps, what: &str) {
        let stopped = |at: Progress| matches!(at.write, Write::Stopped(_));
        assert_eq!(
            steps.cancel_writes,
            !stopped(before) && stopped(after),
            "{what}"
        );
        assert!(!steps.cancel_read || before.read == Read::Running, "{what}");
        let ends_read = matches!(event, Event::Interrupted)
            || (event == Event::WriteDone(WriteEnd::Failed) && !stopped(before));
        let expected = ends_read && before.read == Read::Running;
        assert_eq!(steps.cancel_read, expected, "{what}");
        assert_eq!(
            steps.is_over,
            after.is_over() && !before.is_over(),
            "{what}"
        );
        let was_out = event == Event::WriteDone(WriteEnd::Whole) && after.write == Write::Done;
        let expected = was_out && !stopped(before) && before.read == Read::Running;
        assert_eq!(steps.request_is_out, expected, "{what}");
        assert_eq!(
            steps.held_body == HeldBody::Wait,
            before.write == Write::Head && after.write == Write::BodyHeld
        );
    }

    /// Whatever happens, an exchange whose operations end is over, and once.
    #[test]
    fn every_sequence_ends_once() {
        fn explore(at: Progress, overs: usize, depth: usize) {
            assert!(overs <= 1);
            if depth == 0 {
                return;
            }
            for event in EVENTS.into_iter().filter(|event| is_possible(at, *event)) {
                let mut next = at;
                let steps = next.step(event);
                explore(next, overs + usize::from(steps.is_over), depth - 1);
            }
        }
        explore(Progress::begin(false), 0, 6);
        explore(Progress::begin(true), 0, 6);
        let mut at = Progress::begin(true);
        at.step(Event::Interrupted);
        at.step(Event::WriteDone(WriteEnd::Failed));
        assert!(at.step(Event::ReadDone { success: false }).is_over);
    }
}
