//! What we were doing when it failed.

/// An operation, or a step of one, as its errors name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Connect,
    #[cfg_attr(
        not(feature = "tls"),
        allow(dead_code, reason = "there is none without")
    )]
    Handshake,
    /// Has a proxy open a tunnel.
    Tunnel,
    Write,
    WriteRequest,
    WriteResponse,
    FinishBody,
    EndStream,
    Read,
    ReadBody,
    ReadTrailers,
    ReadRequest,
    ReadResponse,
    /// A request and its response, as far as neither of the two is meant alone.
    Exchange,
    Shutdown,
    Forward,
    /// Waits for the end of a server.
    Stop,
    /// Waits until the peer has gone.
    AwaitDeparture,
    /// A request of a client, as far as no connection has it.
    Call,
}

/// What the count of a failed operation is a count of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::error) enum Counted {
    Written,
    OfRequest,
    Arrived,
    Nothing,
    Unknown,
}

impl Action {
    /// What goes before the colon: the words, and those that lead to the peer.
    pub(in crate::error) fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Connect => ("connecting", "to"),
            Self::Handshake => ("making the TLS handshake", "with"),
            Self::Tunnel => ("opening a tunnel", "through"),
            Self::Write => ("writing", "to"),
            Self::WriteRequest => ("writing a request", "to"),
            Self::WriteResponse => ("writing a response", "to"),
            Self::FinishBody => ("finishing a body", "for"),
            Self::EndStream => ("ending the stream", "to"),
            Self::Read => ("reading", "from"),
            Self::ReadBody => ("reading a body", "from"),
            Self::ReadTrailers => ("reading trailers", "from"),
            Self::ReadRequest => ("reading a request", "from"),
            Self::ReadResponse => ("reading a response", "from"),
            Self::Exchange => ("exchanging messages", "with"),
            Self::Forward => ("forwarding", "to"),
            Self::Shutdown => ("shutting down the connection", "to"),
            Self::AwaitDeparture => ("waiting for the departure", "of"),
            Self::Stop => ("stopping the server", "of"),
            Self::Call => ("making a request", "to"),
        }
    }

    pub(in crate::error) fn counts(self) -> Counted {
        match self {
            Self::Write
            | Self::WriteRequest
            | Self::WriteResponse
            | Self::FinishBody
            | Self::EndStream
            | Self::Forward => Counted::Written,
            Self::Read
            | Self::ReadBody
            | Self::ReadTrailers
            | Self::ReadRequest
            | Self::ReadResponse => Counted::Arrived,
            Self::Exchange | Self::Call => Counted::OfRequest,
            Self::Connect
            | Self::Handshake
            | Self::Tunnel
            | Self::Shutdown
            | Self::AwaitDeparture
            | Self::Stop => Counted::Nothing,
        }
    }
}
