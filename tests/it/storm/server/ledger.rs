//! What the server has told, what the handlers have done, and what the clients have seen; and that it agrees.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;

use http_aio::{ServerEvent, ServerStats};

use super::{Sky, Stop};
use crate::support::wait_until;

#[derive(Debug, Default)]
pub(super) struct Ledger(Mutex<Pages>);

#[derive(Debug, Default)]
struct Pages {
    accepted: u64,
    ended: u64,
    hijacked: u64,
    refused: u64,
    failed: u64,
    /// Status and bytes by target.
    answered: HashMap<String, (u16, u64)>,
    /// Targets whose handlers have run.
    run: HashSet<String>,
    /// Late answers whose responders were told that they are out, and how long they are.
    late: Vec<(String, u64)>,
    seen: Vec<Seen>,
    wrong: Vec<String>,
}

/// Of all rounds.
#[derive(Debug, Default)]
#[allow(dead_code, reason = "it is printed")]
pub(super) struct Sum {
    connections: u64,
    requests: usize,
    refused: u64,
    hijacked: u64,
    /// Answers that their clients have seen whole, in part, and left.
    whole: usize,
    cut: usize,
    left: usize,
    bytes: u64,
}

/// An answer, as far as its client has seen it.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) path: String,
    pub(super) bytes: u64,
    pub(super) reach: Reach,
}

/// How far a client has got with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    Whole(u16),
    /// The stream has ended in the middle of it, or before it.
    Ended,
    /// The client has gone.
    Left,
}

impl Ledger {
    pub(super) fn hear(&self, event: &ServerEvent<'_>) {
        let mut pages = self.0.lock().expect("no panic");
        match event {
            ServerEvent::Accepted { .. } => pages.accepted += 1,
            ServerEvent::Ended { .. } => pages.ended += 1,
            ServerEvent::Hijacked { .. } => pages.hijacked += 1,
            ServerEvent::Refused { .. } => pages.refused += 1,
            ServerEvent::AnswerFailed { .. } => pages.failed += 1,
            ServerEvent::Answered {
                uri,
                status,
                written,
                ..
            } => {
                let told = (status.as_u16(), *written);
                if let Some(before) = pages.answered.insert(uri.to_string(), told) {
                    let wrong = format!("{uri} was answered twice: {before:?}, {told:?}");
                    pages.wrong.push(wrong);
                }
            }
            _ => {}
        }
    }

    /// A handler runs.
    pub(super) fn runs(&self, path: String) {
        let mut pages = self.0.lock().expect("no panic");
        if !pages.run.insert(path.clone()) {
            pages.wrong.push(format!("{path} was handled twice"));
        }
    }

    pub(super) fn wrong(&self, what: String) {
        self.0.lock().expect("no panic").wrong.push(what);
    }

    pub(super) fn late(&self, path: String, bytes: u64) {
        self.0.lock().expect("no panic").late.push((path, bytes));
    }

    pub(super) fn sees(&self, seen: Seen) {
        self.0.lock().expect("no panic").seen.push(seen);
    }

    pub(super) fn add_to(&self, sum: &mut Sum) {
        let pages = self.0.lock().expect("no panic");
        let reached = |fits: fn(&Reach) -> bool| {
            let seen = pages.seen.iter();
            seen.filter(|seen| fits(&seen.reach)).count()
        };
        sum.connections += pages.accepted;
        sum.requests += pages.answered.len();
        sum.refused += pages.refused;
        sum.hijacked += pages.hijacked;
        sum.whole += reached(|reach| matches!(reach, Reach::Whole(_)));
        sum.cut += reached(|reach| *reach == Reach::Ended);
        sum.left += reached(|reach| *reach == Reach::Left);
        sum.bytes += pages.answered.values().map(|(_, bytes)| bytes).sum::<u64>();
    }

    pub(super) fn wait_for_end(&self) {
        wait_until("every connection ends", || {
            let pages = self.0.lock().expect("no panic");
            pages.ended == pages.accepted
        });
    }

    /// Nothing more comes.
    pub(super) fn check(&self, sky: Sky, stats: Option<ServerStats>) {
        self.wait_for_end();
        let pages = self.0.lock().expect("no panic");
        assert!(pages.wrong.is_empty(), "{sky:?}: {:#?}", pages.wrong);
        for seen in &pages.seen {
            pages.check_seen(seen);
        }
        for (path, bytes) in &pages.late {
            let told = pages.answered.get(path).map(|(_, bytes)| bytes);
            assert_eq!(told, Some(bytes), "{path}, which came late");
        }
        if let Some(stats) = stats {
            pages.check_stats(&stats);
        }
        assert!(stats.is_some() || sky.stop == Stop::Drop);
    }
}

impl Pages {
    fn check_seen(&self, seen: &Seen) {
        let told = self.answered.get(&seen.path).copied();
        let bytes = told.map_or(0, |(_, bytes)| bytes);
        match seen.reach {
            Reach::Whole(status) => assert_eq!(told, Some((status, seen.bytes)), "{seen:?}"),
            // What was counted has arrived.
            Reach::Ended => assert_eq!(seen.bytes, bytes, "{seen:?}, told was {told:?}"),
            Reach::Left => assert!(seen.bytes <= bytes, "{seen:?}, told was {told:?}"),
        }
    }

    fn check_stats(&self, stats: &ServerStats) {
        assert_eq!(stats.accepted, self.accepted, "accepted: {stats:?}");
        assert_eq!(stats.hijacked, self.hijacked, "hijacked: {stats:?}");
        assert_eq!(stats.refused, self.refused, "refused: {stats:?}");
        assert_eq!(stats.failed, self.failed, "failed: {stats:?}");
        assert_eq!(stats.requests, self.answered.len() as u64, "{stats:?}");
        let whole = [
            stats.successes,
            stats.redirections,
            stats.client_errors,
            stats.server_errors,
        ];
        let over = whole.iter().sum::<u64>() + stats.failed + stats.hijacked;
        assert_eq!(over, stats.requests, "{stats:?}");
        let written: u64 = self.answered.values().map(|(_, bytes)| bytes).sum();
        // Those that were refused are beside that.
        assert!(stats.written >= written, "{written} of {stats:?}");
        assert!(
            stats.refused > 0 || stats.written == written,
            "{written} of {stats:?}"
        );
        assert_eq!((stats.connections, stats.late), (0, 0), "{stats:?}");
    }
}
