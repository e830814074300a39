//! Entity tags, and lists of them (RFC 9110 section 8.8.3).

use http::{HeaderMap, HeaderName, HeaderValue};

/// How two tags are compared (section 8.8.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    /// Byte for byte the same representation.
    Strong,
    /// As good as the same.
    Weak,
}

/// An entity tag, as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EntityTag(HeaderValue);

impl EntityTag {
    /// The whole of a value.
    pub(crate) fn parse(value: &[u8]) -> Option<Self> {
        match split(value)? {
            (tag, []) => Some(Self(HeaderValue::from_bytes(tag).ok()?)),
            _ => None,
        }
    }

    pub(crate) fn value(&self) -> &HeaderValue {
        &self.0
    }

    pub(super) fn matches(&self, other: &Self, comparison: Comparison) -> bool {
        is_match(self.0.as_bytes(), other.0.as_bytes(), comparison)
    }
}

fn is_match(one: &[u8], other: &[u8], comparison: Comparison) -> bool {
    match comparison {
        Comparison::Strong => one == other && !one.starts_with(b"W/"),
        Comparison::Weak => opaque(one) == opaque(other),
    }
}

fn opaque(tag: &[u8]) -> &[u8] {
    tag.strip_prefix(b"W/").unwrap_or(tag)
}

/// The tag at the front, and what is behind it. A comma in a tag does not end it.
fn split(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let weak = if text.starts_with(b"W/") { 2 } else { 0 };
    let quoted = text[weak..].strip_prefix(b"\"")?;
    let length = quoted.iter().position(|&byte| byte == b'"')?;
    let is_tag = |byte: &u8| matches!(byte, 0x21 | 0x23..=0x7e | 0x80..);
    quoted[..length]
        .iter()
        .all(is_tag)
        .then(|| text.split_at(weak + length + 2))
}

/// What a condition lists.
#[derive(Debug)]
pub(super) enum Tags<'a> {
    /// `*`: whatever there is.
    Any,
    /// The values of the field.
    List(http::header::GetAll<'a, HeaderValue>),
}

impl<'a> Tags<'a> {
    pub(super) fn of(headers: &'a HeaderMap, name: &HeaderName) -> Self {
        let values = headers.get_all(name);
        let mut all = values.iter();
        match (all.next(), all.next()) {
            (Some(only), None) if only.as_bytes().trim_ascii() == b"*" => Self::Any,
            _ => Self::List(values),
        }
    }

    /// Whether the tag of a representation that exists is among them. What is behind something that is no tag
    /// is not looked at.
    pub(super) fn include(&self, own: Option<&EntityTag>, comparison: Comparison) -> bool {
        match (self, own) {
            (Self::Any, _) => true,
            (Self::List(_), None) => false,
            (Self::List(values), Some(own)) => values.iter().any(|value| {
                listed(value.as_bytes()).any(|tag| is_match(own.0.as_bytes(), tag, comparison))
            }),
        }
    }
}

/// The tags in a list. Empty elements are none (section 5.6.1.2).
fn listed(mut list: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let start = list
            .iter()
            .position(|byte| !matches!(byte, b' ' | b'\t' | b','))?;
        let (tag, rest) = split(&list[start..])?;
        let rest = rest.trim_ascii_start();
        list = rest;
        // Otherwise it is no list.
        (rest.is_empty() || rest.starts_with(b",")).then_some(tag)
    })
}
