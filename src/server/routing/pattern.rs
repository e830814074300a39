//! Patterns of paths, as they are registered.

use std::sync::Arc;

use super::invalid;
use super::path::decode_segment;
use crate::error::Error;

/// A pattern, taken apart.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    /// As it was written.
    pub(super) text: Arc<str>,
    pub(super) segments: Vec<Segment>,
    pub(super) end: End,
    /// Of the parameters, that of the rest included.
    pub(super) names: Arc<[Arc<str>]>,
}

/// What one segment of a path has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Segment {
    Literal(Arc<str>),
    Param(Affixes),
}

/// The text around a parameter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Affixes {
    pub(super) prefix: String,
    pub(super) suffix: String,
}

impl Affixes {
    /// What is between prefix and suffix. `None` if that is nothing.
    pub(super) fn value<'p>(&self, segment: &'p str) -> Option<&'p str> {
        let value = segment.strip_prefix(&*self.prefix)?;
        let value = value.strip_suffix(&*self.suffix)?;
        (!value.is_empty()).then_some(value)
    }
}

/// What follows the last segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Nothing,
    Slash,
    /// At least one segment more, which is a parameter.
    Rest,
    /// Anything.
    Tree,
}

/// One segment as it is written.
enum Part {
    Fixed(String),
    Param(Affixes, String),
    Rest(String),
}

impl Pattern {
    pub(super) fn route(text: &str) -> Result<Self, Error> {
        parse(text).map_err(|reason| malformed(text, reason))
    }

    /// A slash at its end says nothing more.
    pub(super) fn tree(text: &str) -> Result<Self, Error> {
        let pattern = Self::route(text)?;
        if pattern.end == End::Rest {
            return Err(malformed(text, "a tree has its rest by itself"));
        }
        Ok(Self {
            end: End::Tree,
            ..pattern
        })
    }

    /// Whether it fits what has no path: the root, and the tree of everything.
    pub(super) fn is_root(&self) -> bool {
        self.segments.is_empty() && self.end != End::Rest
    }
}

fn malformed(text: &str, reason: &str) -> Error {
    invalid(format!("the path {text:?} of a route: {reason}"))
}

fn parse(text: &str) -> Result<Pattern, &'static str> {
    let path = text.strip_prefix('/').ok_or("it begins with no slash")?;
    let (mut segments, mut names, mut end) = (Vec::new(), Vec::<Arc<str>>::new(), End::Nothing);
    for written in path.split('/') {
        match end {
            End::Nothing => {}
            End::Rest | End::Tree => return Err("something follows the rest"),
            End::Slash => {
                return Err("two slashes follow each other, as in no path that is matched");
            }
        }
        let name = match part(written)? {
            Part::Fixed(text) if text.is_empty() => {
                end = End::Slash;
                continue;
            }
            Part::Fixed(text) => {
                segments.push(Segment::Literal(literal(&text)?.into()));
                continue;
            }
            Part::Param(Affixes { prefix, suffix }, name) => {
                segments.push(Segment::Param(Affixes {
                    prefix: decode_segment(&prefix)?.into_owned(),
                    suffix: decode_segment(&suffix)?.into_owned(),
                }));
                name
            }
            Part::Rest(name) => {
                end = End::Rest;
                name
            }
        };
        if names.iter().any(|own| **own == *name) {
            return Err("two parameters have one name");
        }
        names.push(name.into());
    }
    Ok(Pattern {
        text: text.into(),
        segments,
        end,
        names: names.into(),
    })
}

/// The text, unless no canonical path has it.
fn literal(written: &str) -> Result<String, &'static str> {
    let text = decode_segment(written)?.into_owned();
    match &*text {
        "." | ".." => Err("it has a dot segment, as no path that is matched has"),
        _ => Ok(text),
    }
}

/// Finds the parameter in a segment, and its text, which may still have escapes.
fn part(written: &str) -> Result<Part, &'static str> {
    let (mut affixes, mut param) = (Affixes::default(), None);
    let mut rest = written;
    while let Some(at) = rest.find(['{', '}', '?', '#']) {
        let text = match param {
            None => &mut affixes.prefix,
            Some(_) => &mut affixes.suffix,
        };
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(behind) = rest.strip_prefix("{{").or(rest.strip_prefix("}}")) {
            text.push_str(&rest[..1]);
            rest = behind;
        } else if let Some(inner) = rest.strip_prefix('{') {
            let (name, behind) = inner.split_once('}').ok_or("a brace is not closed")?;
            if param.replace(name).is_some() {
                return Err("a segment has two parameters");
            }
            rest = behind;
        } else if rest.starts_with('}') {
            return Err("a brace is closed that was not opened");
        } else {
            return Err("it has a query or a fragment, which are not matched");
        }
    }
    let Some(name) = param else {
        affixes.prefix.push_str(rest);
        return Ok(Part::Fixed(affixes.prefix));
    };
    affixes.suffix.push_str(rest);
    match name.strip_prefix('*') {
        Some(_) if affixes != Affixes::default() => Err("a rest has text around it"),
        Some(name) => Ok(Part::Rest(checked(name)?)),
        None => Ok(Part::Param(affixes, checked(name)?)),
    }
}

fn checked(name: &str) -> Result<String, &'static str> {
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    match !name.is_empty() && name.chars().all(allowed) {
        true => Ok(name.to_owned()),
        false => Err("the name of a parameter is not of letters, digits, - and _"),
    }
}
