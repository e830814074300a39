//! The chunked transfer coding (RFC 9112 section 7.1).
//!
//! Chunk lines and trailers are where peers disagree about where a body ends, so the decoder takes
//! nothing but what the grammar allows; of a response also blanks behind a size, and extensions of any
//! form. It looks at every byte of framing once, however small the pieces are in which it is fed.

mod decoder;
mod extension;
#[cfg(test)]
mod tests;

pub(crate) use self::decoder::{CHUNK_END, Decoder, LAST_CHUNK, chunk_head, last_chunk};
