//! The extensions of a chunk, by their grammar (RFC 9112 section 7.1.1). Nobody here asks what they
//! mean; but whoever takes something else for one may see its end somewhere else, too.
//!
//! ```text
//! chunk-ext = *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] )
//! ```

use crate::proto::is_token_byte;

/// A place behind the first `;`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    BeforeName,
    Name,
    AfterName,
    BeforeValue,
    Token,
    Quoted,
    /// Behind a backslash.
    Escaped,
    QuoteEnd,
    /// Blanks, which only another `;` may follow.
    AfterValue,
}

impl Place {
    /// The place behind `byte`, which is no line end. `None`: it must not be here.
    pub(super) fn next(self, byte: u8) -> Option<Self> {
        Some(match (self, byte) {
            (Self::Quoted, b'"') => Self::QuoteEnd,
            (Self::Quoted, b'\\') => Self::Escaped,
            (Self::Quoted | Self::Escaped, byte) if is_text(byte) => Self::Quoted,
            (Self::Quoted | Self::Escaped, _) => return None,

            (Self::BeforeName | Self::Name, byte) if is_token_byte(byte) => Self::Name,
            (Self::BeforeValue | Self::Token, byte) if is_token_byte(byte) => Self::Token,
            (Self::BeforeValue, b'"') => Self::Quoted,
            (Self::Name | Self::AfterName, b'=') => Self::BeforeValue,
            (Self::BeforeName | Self::BeforeValue, b';') => return None,
            (_, b';') => Self::BeforeName,

            (Self::Name, byte) if is_blank(byte) => Self::AfterName,
            (Self::Token | Self::QuoteEnd, byte) if is_blank(byte) => Self::AfterValue,
            (Self::BeforeName | Self::AfterName | Self::BeforeValue | Self::AfterValue, byte)
                if is_blank(byte) =>
            {
                self
            }
            _ => return None,
        })
    }

    /// Whether the line may end here.
    pub(super) fn may_end(self) -> bool {
        matches!(self, Self::Name | Self::Token | Self::QuoteEnd)
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn is_text(byte: u8) -> bool {
    byte == b'\t' || !byte.is_ascii_control()
}
