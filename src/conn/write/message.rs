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
    is_downgraded: bool,
    opens_tunnel: bool,
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
            is_downgraded: false,
            opens_tunnel: false,
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
        let tunnels = status == StatusCode::SWITCHING_PROTOCOLS
            || (asked == Asked::Connect && status.is_success());
        match asked {
            _ if tunnels => BodyState::Raw,
            Asked::Head => BodyState::Complete,
            _ => self.declared.into(),
        }
    }

    /// Whether a response of this status says, by not announcing the close, that another may follow.
    pub(super) fn promises_another(&self, status: StatusCode) -> bool {
        !framing::is_interim(status) && !self.then.is_raw() && !self.announces_close()
    }

    /// Whether its head declares chunks.
    pub(super) fn is_chunked(&self) -> bool {
        self.declared == Framing::Chunked
    }

    /// The peer does not know chunks: the body ends with the stream instead (RFC 9112 section 6.1). True if
    /// the head does not announce that.
    pub(super) fn downgrade(&mut self) -> bool {
        self.declared = Framing::UntilEnd;
        self.is_downgraded = true;
        std::mem::replace(&mut self.persists, false)
    }

    pub(super) fn is_downgraded(&self) -> bool {
        self.is_downgraded
    }

    /// It opens the tunnel that a CONNECT has asked for. False if that was known.
    pub(super) fn open_tunnel(&mut self) -> bool {
        !std::mem::replace(&mut self.opens_tunnel, true)
    }

    pub(super) fn opens_tunnel(&self) -> bool {
        self.opens_tunnel
    }

    pub(super) fn announce_close(&mut self) {
        self.persists = false;
    }

    /// Whether no message follows this one. What opens a tunnel says nothing about messages.
    pub(super) fn announces_close(&self) -> bool {
        match self.then {
            BodyState::Raw => false,
            BodyState::UntilEnd => true,
            BodyState::Complete | BodyState::Length(_) | BodyState::Chunked(()) => !self.persists,
        }
    }
}
