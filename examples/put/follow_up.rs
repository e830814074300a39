//! Whether an answer is the last word, or another request follows it.

use http_aio::http::{Method, Response};

use crate::common::ending::{Ending, Status};
use crate::common::retry::Retry;
use crate::{redirect, resume};

/// What may follow an attempt.
pub(crate) struct FollowUp<'a> {
    pub(crate) method: &'a Method,
    pub(crate) retry: &'a Retry,
    /// Redirections that are still followed. None, if they never are.
    pub(crate) hops: Option<u32>,
    /// How often it is asked again how much the server has. 0, if it never was.
    pub(crate) recounts: u32,
    /// Whether the body can be had again.
    pub(crate) is_repeatable: bool,
}

/// How far an attempt came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reached {
    /// The server has seen nothing.
    Nothing,
    Head,
    /// Some of it was taken from the source.
    Body,
}

impl FollowUp<'_> {
    /// Whether another request follows one that came so far and was answered with this head.
    pub(crate) fn follows<B>(&self, head: &Response<B>, reached: Reached) -> bool {
        let ending = Ending::answered(Status::from(head));
        self.can_redirect(head, reached)
            || self.can_recount(head)
            || self.can_retry(&ending, reached)
    }

    /// Whether the server was wrong about how much it has: somebody else has sent some of it, or what was on its way
    /// came later.
    pub(crate) fn can_recount<B>(&self, head: &Response<B>) -> bool {
        self.recounts > 0 && resume::is_recount(head)
    }

    pub(crate) fn can_redirect<B>(&self, head: &Response<B>, reached: Reached) -> bool {
        self.hops.is_some() && self.can_send_again(reached) && redirect::is_one(head)
    }

    pub(crate) fn can_retry(&self, ending: &Ending, reached: Reached) -> bool {
        let is_harmless = self.method.is_idempotent() || reached == Reached::Nothing;
        is_harmless && self.can_send_again(reached) && self.retry.is_left_for(ending)
    }

    fn can_send_again(&self, reached: Reached) -> bool {
        self.is_repeatable || reached < Reached::Body
    }
}
