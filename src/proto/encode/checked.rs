//! Bytes that are written only if they are what they must be.

use crate::error::{Error, ErrorKind};
use crate::proto::is_token;

pub(super) fn put_token(
    head: &mut Vec<u8>,
    bytes: &[u8],
    detail: &'static str,
) -> Result<(), Error> {
    put(head, bytes, is_token(bytes), detail)
}

/// Neither a control nor a space: what keeps a start line in three parts.
pub(super) fn put_visible(
    head: &mut Vec<u8>,
    bytes: &[u8],
    detail: &'static str,
) -> Result<(), Error> {
    put(
        head,
        bytes,
        bytes.iter().all(|&b| b > b' ' && b != 0x7f),
        detail,
    )
}

/// `field-value` and `reason-phrase`: tab, space, visible and above ASCII. No CR, LF, NUL.
pub(super) fn put_text(
    head: &mut Vec<u8>,
    bytes: &[u8],
    detail: &'static str,
) -> Result<(), Error> {
    put(
        head,
        bytes,
        // Without a way out before the end, which lets the compiler compare many at a time.
        bytes.iter().fold(true, |ok, &b| {
            ok & ((b == b'\t') | ((b >= b' ') & (b != 0x7f)))
        }),
        detail,
    )
}

fn put(head: &mut Vec<u8>, bytes: &[u8], ok: bool, detail: &'static str) -> Result<(), Error> {
    if !ok {
        return Err(refused(detail));
    }
    head.extend_from_slice(bytes);
    Ok(())
}

pub(super) fn refused(detail: &'static str) -> Error {
    unusable().with_detail(detail)
}

pub(super) fn unusable() -> Error {
    Error::new(ErrorKind::InvalidInput)
}
