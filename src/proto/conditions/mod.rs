//! Which part of a representation a conditional request gets, if any (RFC 9110 sections 13 and 14).
//!
//! The order is that of section 13.2.2. It holds for requests that would be answered with a success: others are
//! answered as if they had no conditions (section 13.2.1), and do not come here.

mod date;
mod entity_tag;
mod ranges;
#[cfg(test)]
mod tests;

use http::{HeaderMap, Method, header};

pub(crate) use self::date::HttpDate;
pub(crate) use self::entity_tag::EntityTag;
use self::entity_tag::{Comparison, Tags};
pub(crate) use self::ranges::ByteRange;
use self::ranges::{Ranges, select_ranges};

/// What tells one state of a representation from another.
#[derive(Clone, Debug, Default)]
pub(crate) struct Validators {
    pub(crate) etag: Option<EntityTag>,
    pub(crate) modified: Option<Modified>,
}

/// When it was last modified.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Modified {
    pub(crate) at: HttpDate,
    /// It cannot have been modified twice in that second (section 8.8.2.2).
    pub(crate) is_strong: bool,
}

/// What is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Selection {
    /// 200, with all of it.
    Whole,
    /// 206, with these parts, in this order: one at least.
    Parts(Vec<ByteRange>),
    /// 304.
    NotModified,
    /// 412.
    PreconditionFailed,
    /// 416.
    Unsatisfiable,
}

/// What a request gets of a representation of `size` bytes.
pub(crate) fn select(
    method: &Method,
    headers: &HeaderMap,
    validators: &Validators,
    size: u64,
) -> Selection {
    if !is_unchanged(headers, validators) {
        return Selection::PreconditionFailed;
    }
    let reads = matches!(*method, Method::GET | Method::HEAD);
    if !is_changed(headers, validators, reads) {
        return match reads {
            true => Selection::NotModified,
            false => Selection::PreconditionFailed,
        };
    }
    if *method != Method::GET || !is_range_for(headers, validators) {
        return Selection::Whole;
    }
    match select_ranges(headers, size) {
        Ranges::None => Selection::Whole,
        Ranges::Unsatisfiable => Selection::Unsatisfiable,
        Ranges::Some(parts) => Selection::Parts(parts),
    }
}

/// Whether a request may change what has these validators; None: there is nothing.
pub(crate) fn allows_change(
    method: &Method,
    headers: &HeaderMap,
    validators: Option<&Validators>,
) -> bool {
    match validators {
        Some(validators) => select(method, headers, validators, 0) == Selection::Whole,
        None => !headers.contains_key(header::IF_MATCH),
    }
}

/// Steps 1 and 2: `If-Match` or, without it, `If-Unmodified-Since`.
fn is_unchanged(headers: &HeaderMap, validators: &Validators) -> bool {
    if headers.contains_key(header::IF_MATCH) {
        let tags = Tags::of(headers, &header::IF_MATCH);
        return tags.include(validators.etag.as_ref(), Comparison::Strong);
    }
    let since = HttpDate::of(headers, &header::IF_UNMODIFIED_SINCE);
    match (since, validators.modified) {
        (Some(since), Some(modified)) => modified.at <= since,
        _ => true,
    }
}

/// Steps 3 and 4: `If-None-Match` or, without it and where nothing is to be changed, `If-Modified-Since`.
fn is_changed(headers: &HeaderMap, validators: &Validators, reads: bool) -> bool {
    if headers.contains_key(header::IF_NONE_MATCH) {
        let tags = Tags::of(headers, &header::IF_NONE_MATCH);
        return !tags.include(validators.etag.as_ref(), Comparison::Weak);
    }
    let since = HttpDate::of(headers, &header::IF_MODIFIED_SINCE).filter(|_| reads);
    match (since, validators.modified) {
        (Some(since), Some(modified)) => modified.at > since,
        _ => true,
    }
}

/// Step 5: whether the ranges that are asked for are those of this state.
fn is_range_for(headers: &HeaderMap, validators: &Validators) -> bool {
    let mut conditions = headers.get_all(header::IF_RANGE).iter();
    let condition = match (conditions.next(), conditions.next()) {
        (None, _) => return true,
        (Some(condition), None) => condition.as_bytes(),
        (Some(_), Some(_)) => return false,
    };
    if let Some(tag) = EntityTag::parse(condition) {
        let own = validators.etag.as_ref();
        return own.is_some_and(|own| own.matches(&tag, Comparison::Strong));
    }
    match (HttpDate::parse(condition), validators.modified) {
        (Some(date), Some(modified)) => modified.is_strong && modified.at == date,
        _ => false,
    }
}
