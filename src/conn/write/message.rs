//! A head that is written, and what follows it.

use http::StatusCode;

use crate::proto::body::BodyState;
use crate::proto::encode::Encoded;
use crate::proto::framing::{self, Asked, Framing};

pub(crate) struct Message {
    pub(super) role: Role,
    /// The framing of the body, as the head declares it.
    declared: Framing,
    persists: bool,
    /// Its head was given a line that announces the close.
    pub(super) closes: bool,
    /// What follows the message. It is known once the message is admitted.
    pub(super) then: BodyState,
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
            closes: false,
            then: BodyState::Complete,
        }
    }

    /// What follows a request.
    pub(super) fn after_request(&self) -> BodyState {
        self.declared.into()
    }

    /// What follows a response with this status to such a request.
    pub(super) fn after_response(&self, status: StatusCode, asked: Asked) -> BodyState {
        let tunnels = status == StatusCode::SWITCHING_PROTOCOLS
            || (asked == Asked::Connect && status.is_success());
        match asked {
            _ if tunnels => BodyState::Raw,
            Asked::Head => BodyState::Complete,
            _ => self.declared.into(),
        }
    }

    /// Whether a response of this status says, by not announcing the close, that another may follow; but
    /// for the line that it was given.
    pub(super) fn promises_another(&self, status: StatusCode) -> bool {
        let ends_messages = matches!(self.then, BodyState::Raw | BodyState::UntilEnd);
        !framing::is_interim(status) && !ends_messages && self.persists
    }

    /// Whether no message follows this one. What opens a tunnel says nothing about messages.
    pub(super) fn announces_close(&self) -> bool {
        match self.then {
            BodyState::Raw => false,
            BodyState::UntilEnd => true,
            BodyState::Complete | BodyState::Length(_) | BodyState::Chunked(()) => {
                !self.persists || self.closes
            }
        }
    }
}
