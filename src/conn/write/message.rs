//! A head that is written, and what follows it.

use bytes::Bytes;
use http::{StatusCode, Version};

use crate::conn::ledger::Note;
use crate::proto::body::BodyState;
use crate::proto::encode::{self, Announced};
use crate::proto::framing::{self, Asked, Framing};

pub(crate) struct Message {
    pub(super) role: Role,
    /// The framing of the body, as the head declares it.
    declared: Framing,
    persists: bool,
    /// A response that says that its body is empty, because none is attached or declared.
    assumes_length: bool,
    /// What is to be changed in the head that goes out, and what was changed, in the head as it was given.
    edits: Edits,
    made: Edits,
    given: Option<Bytes>,
    /// What follows the message. It is known once the message is admitted.
    pub(super) then: BodyState,
}

/// What is changed in the head of a response, for the request that it answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Edits {
    /// A line announces the close.
    closes: bool,
    without_coding: bool,
    without_length: bool,
}

#[derive(Clone, Copy)]
pub(crate) enum Role {
    Request(Asked),
    Response(StatusCode),
}

impl Message {
    pub(crate) fn new(role: Role, announced: Announced) -> Self {
        Self {
            role,
            declared: announced.then,
            persists: announced.persists,
            assumes_length: announced.assumes_length,
            edits: Edits::default(),
            made: Edits::default(),
            given: None,
            then: BodyState::Complete,
        }
    }

    /// So much of its body is written with it.
    pub(super) fn begin_body(&mut self, count: u64) {
        if let Framing::Length(length) = self.declared {
            self.declared = framing::of_length(length.saturating_sub(count));
        }
    }

    /// What follows a request.
    pub(super) fn after_request(&self) -> BodyState {
        self.declared.into()
    }

    /// What follows a response with this status to such a request.
    pub(super) fn after_response(&self, status: StatusCode, asked: Asked) -> BodyState {
        match asked {
            _ if status == StatusCode::SWITCHING_PROTOCOLS => BodyState::Raw,
            _ if asked.opens_tunnel(status) => BodyState::Raw,
            Asked::Head => BodyState::Complete,
            _ => self.declared.into(),
        }
    }

    /// Adapts a response, and what follows it, to the request that it answers, which may be the
    /// last one. Returns whether its head is to be [`edited`](Self::edited): a response that
    /// goes back to the queue may become that to another request.
    pub(super) fn adapt(&mut self, status: StatusCode, note: Note, is_last: bool) -> bool {
        let Note { asked, version, .. } = note;
        let is_unchunked = version == Version::HTTP_10 && self.declared == Framing::Chunked;
        if is_unchunked && matches!(self.then, BodyState::Chunked(())) {
            self.then = BodyState::UntilEnd;
        }
        self.edits = if asked.opens_tunnel(status) {
            // What follows is no body (RFC 9110 section 9.3.6).
            Edits {
                closes: false,
                without_coding: true,
                without_length: true,
            }
        } else {
            // A request that announced the close is the last (RFC 9112 section 9.6). To a client that does
            // not know chunks, the end of the connection is that of the body (section 6.1).
            Edits {
                closes: (is_unchunked && self.persists)
                    || (is_last && self.promises_another(status)),
                without_coding: is_unchunked,
                // To GET, something else may be the answer (RFC 9110 section 9.3.2).
                without_length: asked == Asked::Head && self.assumes_length,
            }
        };
        self.edits != self.made
    }

    /// The head as it is to go out, instead of this one.
    pub(super) fn edited(&mut self, head: &Bytes) -> Bytes {
        self.made = self.edits;
        let given = self.given.get_or_insert_with(|| head.clone());
        self.edits.made_in(given)
    }

    /// Whether its body was declared chunked, and ends with the stream instead.
    pub(super) fn is_unchunked(&self) -> bool {
        self.declared == Framing::Chunked && self.then == BodyState::UntilEnd
    }

    /// Whether a response of this status says, by not announcing the close, that another may follow.
    fn promises_another(&self, status: StatusCode) -> bool {
        let ends_messages = matches!(self.then, BodyState::Raw | BodyState::UntilEnd);
        !framing::is_interim(status) && !ends_messages && self.persists
    }

    /// Whether no message follows this one. What opens a tunnel says nothing about messages.
    pub(super) fn announces_close(&self) -> bool {
        match self.then {
            BodyState::Raw => false,
            BodyState::UntilEnd => true,
            BodyState::Complete | BodyState::Length(_) | BodyState::Chunked(()) => {
                !self.persists || self.edits.closes
            }
        }
    }
}

impl Edits {
    fn made_in(self, head: &Bytes) -> Bytes {
        let mut head = head.clone();
        if self.without_coding {
            head = encode::without_coding(&head);
        }
        if self.without_length {
            head = encode::without_length(&head);
        }
        if self.closes {
            head = encode::with_close(&head);
        }
        head
    }
}
