//! A head that is written, and what follows it.

use bytes::Bytes;
use http::{StatusCode, Version};

use crate::conn::ledger::Note;
use crate::proto::body::BodyState;
use crate::proto::encode::{self, Encoded};
use crate::proto::framing::{self, Asked, Framing};

pub(crate) struct Message {
    pub(super) role: Role,
    /// The framing of the body, as the head declares it.
    declared: Framing,
    persists: bool,
    /// The head as it was given, and the form in which it goes out.
    head: Bytes,
    form: HeadForm,
    /// What follows the message. It is known once the message is admitted.
    pub(super) then: BodyState,
}

/// The form in which the head of a response goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HeadForm {
    AsGiven,
    /// With a line that announces the close, because the request has done so (RFC 9112 section 9.6).
    Closing,
    /// Without a length, because a tunnel has none (RFC 9110 section 9.3.6).
    Tunnel,
    /// Announcing the close, too, and without its transfer coding, because the client does not know chunks (section 6.1).
    Unchunked,
}

#[derive(Clone, Copy)]
pub(crate) enum Role {
    Request(Asked),
    Response(StatusCode),
}

impl Message {
    pub(crate) fn new(role: Role, encoded: &Encoded) -> Self {
        Self {
            role,
            declared: encoded.then,
            persists: encoded.persists,
            head: encoded.head.clone(),
            form: HeadForm::AsGiven,
            then: BodyState::Complete,
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
            Asked::Connect if status.is_success() => BodyState::Raw,
            Asked::Head => BodyState::Complete,
            _ => self.declared.into(),
        }
    }

    /// Adapts the head of a response, and what follows it, to the request that it answers, which may be the
    /// last one. Returns the head if it differs from that of the last time: a response that
    /// goes back to the queue may become that to another request.
    pub(super) fn adapt(&mut self, status: StatusCode, note: Note, is_last: bool) -> Option<Bytes> {
        let Note { asked, version, .. } = note;
        let is_unchunked = version == Version::HTTP_10 && self.declared == Framing::Chunked;
        if is_unchunked && matches!(self.then, BodyState::Chunked(())) {
            self.then = BodyState::UntilEnd;
        }
        let form = match is_unchunked {
            _ if asked == Asked::Connect && status.is_success() => HeadForm::Tunnel,
            true => HeadForm::Unchunked,
            false if is_last && self.promises_another(status) => HeadForm::Closing,
            false => HeadForm::AsGiven,
        };
        let last = std::mem::replace(&mut self.form, form);
        (form != last).then(|| match form {
            HeadForm::AsGiven => self.head.clone(),
            HeadForm::Closing => encode::with_close(&self.head),
            HeadForm::Unchunked => encode::without_coding(&self.head),
            HeadForm::Tunnel => encode::without_length(&self.head),
        })
    }

    /// Whether its body was declared chunked, and ends with the stream instead.
    pub(super) fn is_unchunked(&self) -> bool {
        self.form == HeadForm::Unchunked
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
                !self.persists || matches!(self.form, HeadForm::Closing | HeadForm::Unchunked)
            }
        }
    }
}
