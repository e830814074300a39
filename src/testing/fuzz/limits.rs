//! Limits that a fuzzer meets, and limits that it does not.

use crate::proto::limits::Limits;

/// So tight that a fuzzer gets there.
pub(super) fn tight() -> Limits {
    Limits::default()
        .head_bytes(100)
        .headers(3)
        .chunk_line(12)
        .trailer_bytes(40)
}

/// Written heads may have more lines than those that were read.
pub(super) fn wide() -> Limits {
    Limits::default().headers(1000).head_bytes(1 << 20)
}
