//! One upload: what is asked for, the part that grows, and the file that it becomes.
//!
//! ```text
//! name, conditions, size, count ──▶ part ──▶ body, piece by piece ──▶ conditions again ──▶ in its place: 201, 204
//!  403 409   412     413     409     423       │ 400 408 413 507                           412
//!                                              └▶ broken off: kept, if it has a tag
//! ```

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Response, StatusCode};
use rustix::io::Errno;

use super::destination::{Destination, validators_to_come};
use super::part::{Before, Part};
use super::stored::{StoredFile, errno_of};
use super::sweep::sweep;
use super::trouble::unchangeable;
use super::upload_tag::UploadTag;
use super::uploads::{Durability, Uploads};
use crate::blocking;
use crate::error::Error;
use crate::proto::content_range::ContentRange;
use crate::proto::percent;
use crate::server::answer::Unfit;
use crate::server::exchange::Exchange;

/// Most bytes of a body that are in memory.
const PIECE: usize = 128 << 10;

/// A request to make a file, or to replace it.
pub(super) struct Upload<'a> {
    uploads: &'a Uploads,
    destination: &'a Destination,
    exchange: &'a mut Exchange,
    tag: Option<UploadTag>,
    share: Share,
}

/// What the body is of the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Share {
    All,
    /// What is between these, the second not included.
    Some {
        from: u64,
        to: u64,
        total: Option<u64>,
    },
}

/// Why there is no file.
pub(super) enum Stop {
    Unfit(Unfit),
    /// The body has not come whole.
    Body(Error),
}

impl From<Unfit> for Stop {
    fn from(unfit: Unfit) -> Self {
        Self::Unfit(unfit)
    }
}

impl From<StatusCode> for Stop {
    fn from(status: StatusCode) -> Self {
        Self::Unfit(status.into())
    }
}

impl From<std::io::Error> for Stop {
    fn from(error: std::io::Error) -> Self {
        Self::Unfit(unchangeable(errno_of(&error)))
    }
}

impl From<Errno> for Stop {
    fn from(errno: Errno) -> Self {
        Self::Unfit(unchangeable(errno))
    }
}

impl<'a> Upload<'a> {
    /// # Errors
    ///
    /// 400: its fields do not say what it is.
    pub(super) fn new(
        uploads: &'a Uploads,
        destination: &'a Destination,
        exchange: &'a mut Exchange,
    ) -> Result<Self, Unfit> {
        let tag = UploadTag::of(exchange.headers())?;
        let share = Share::of(exchange.headers(), exchange.content_length())?;
        // A part of something that has no name belongs to nothing (RFC 9110 section 14.5).
        if share != Share::All && tag.is_none() {
            return Err(StatusCode::BAD_REQUEST.into());
        }
        Ok(Self {
            uploads,
            destination,
            exchange,
            tag,
            share,
        })
    }

    /// Takes the body, and answers.
    pub(super) fn run(mut self) -> Result<Response<Bytes>, Stop> {
        let known = self.share.total(self.exchange.content_length());
        if known.is_some_and(|length| length > self.uploads.largest) {
            return Err(StatusCode::PAYLOAD_TOO_LARGE.into());
        }
        let found = self.find()?;
        sweep(self.destination, self.uploads);
        let mut part = self.begin()?;
        if let Some(found) = found {
            part.shut_like(&found);
        }
        blocking::announce(); // The disk may take its time.
        self.fill(&mut part)?;
        match (&self.tag, self.share.is_end(part.count)) {
            (Some(tag), false) => Ok(tag.response(StatusCode::ACCEPTED, part.count)),
            _ => self.finish(part),
        }
    }

    /// The file that is there, if the request may replace it.
    fn find(&self) -> Result<Option<StoredFile>, Unfit> {
        let headers = self.exchange.headers();
        self.destination.find_for(&Method::PUT, headers)
    }

    /// The part that the body belongs to, of which there is exactly what comes before the body.
    fn begin(&self) -> Result<Part<'a>, Stop> {
        let Some(tag) = self.kept_tag() else {
            return match self.uncontinued() {
                Some(count) => Err(count.into()),
                None => Ok(Part::temporary(self.destination)?),
            };
        };
        let mut part = Part::tagged(self.destination, tag).map_err(busy)?;
        match self.share {
            Share::All => part.cut(0)?,
            Share::Some { from, .. } if from != part.count => {
                return Err(tag.unfit(part.count).into());
            }
            Share::Some { .. } => {}
        }
        Ok(part)
    }

    /// What is said to a share of what cannot be kept. None: it is all of it.
    fn uncontinued(&self) -> Option<Unfit> {
        let is_all = match self.share {
            Share::All => true,
            Share::Some { from, to, total } => from == 0 && total == Some(to),
        };
        let tag = self.tag.as_ref().filter(|_| !is_all);
        tag.map(|tag| tag.unfit(0))
    }

    /// The tag, if what it names can be kept.
    fn kept_tag(&self) -> Option<&UploadTag> {
        let tag = self.tag.as_ref();
        tag.filter(|tag| can_be_kept(self.uploads, self.destination, tag))
    }

    /// Writes the body to the part.
    fn fill(&mut self, part: &mut Part<'_>) -> Result<(), Stop> {
        let most = match self.share {
            Share::All => self.uploads.largest,
            Share::Some { to, .. } => to,
        };
        loop {
            let piece = self.exchange.read_piece(PIECE).map_err(Stop::Body)?;
            if piece.is_empty() {
                break;
            }
            if piece.len() as u64 > most - part.count {
                return Err(match self.share {
                    Share::All => {
                        part.cut(0)?; // Nobody can continue it.
                        StatusCode::PAYLOAD_TOO_LARGE.into()
                    }
                    // It is longer than it says.
                    Share::Some { .. } => StatusCode::BAD_REQUEST.into(),
                });
            }
            part.write(&piece)?;
        }
        match self.share {
            Share::Some { to, .. } if part.count != to => Err(StatusCode::BAD_REQUEST.into()),
            _ => Ok(()),
        }
    }

    /// Has the part, which is whole, take its place.
    fn finish(&self, part: Part<'_>) -> Result<Response<Bytes>, Stop> {
        let headers = self.exchange.headers();
        part.date();
        if self.uploads.durability == Durability::Disk {
            part.sync()?;
        }
        let reserved = self.destination.reserve(headers)?;
        let found = self.find()?;
        let is_new = found.is_none();
        let before = match found {
            None if headers.contains_key(header::IF_NONE_MATCH) => Before::Nothing,
            found => Before::Anything(found),
        };
        let stored = part
            .place(&before)
            .map_err(|errno| match (&before, errno) {
                (Before::Nothing, Errno::EXIST) => Stop::from(StatusCode::PRECONDITION_FAILED),
                (_, errno) => errno.into(),
            })?;
        drop(reserved);
        if self.uploads.durability == Durability::Disk {
            self.destination.sync()?;
        }
        Ok(self.response(is_new, &stored))
    }

    fn response(&self, is_new: bool, stored: &StoredFile) -> Response<Bytes> {
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = match is_new {
            true => StatusCode::CREATED,
            false => StatusCode::NO_CONTENT,
        };
        let headers = response.headers_mut();
        if let Some(tag) = validators_to_come(stored).etag {
            headers.insert(header::ETAG, tag.value().clone());
        }
        // Relative, so that nobody is led to another host.
        let name = self.exchange.uri().path().rsplit('/').next();
        let place = percent::encode_query(name.unwrap_or_default().as_bytes());
        if let (true, Ok(place)) = (is_new, HeaderValue::try_from(format!("./{place}"))) {
            headers.insert(header::LOCATION, place);
        }
        response
    }
}

impl Share {
    /// # Errors
    ///
    /// 400 for what is no range, or not as long as the body.
    fn of(headers: &HeaderMap, length: Option<u64>) -> Result<Self, Unfit> {
        let malformed = Unfit::from(StatusCode::BAD_REQUEST);
        let mut values = headers.get_all(header::CONTENT_RANGE).iter();
        let range = match (values.next(), values.next()) {
            (None, _) => return Ok(Self::All),
            (Some(value), None) => ContentRange::parse(value.as_bytes()),
            (Some(_), Some(_)) => None,
        };
        let share = match range.ok_or(malformed)? {
            ContentRange::Part { first, last, total } => Self::Some {
                from: first,
                to: last + 1,
                total,
            },
            ContentRange::Nothing { total } => Self::Some {
                from: total,
                to: total,
                total: Some(total),
            },
        };
        match (share, length) {
            (Self::Some { from, to, .. }, Some(length)) if length != to - from => {
                Err(StatusCode::BAD_REQUEST.into())
            }
            _ => Ok(share),
        }
    }

    /// How long the file will be at least, as far as that is known.
    fn total(self, length: Option<u64>) -> Option<u64> {
        match self {
            Self::All => length,
            Self::Some { to, total, .. } => Some(total.unwrap_or(to)),
        }
    }

    /// Whether the file is whole with this share, which ends at `count`.
    fn is_end(self, count: u64) -> bool {
        match self {
            Self::All => true,
            Self::Some { total, .. } => total == Some(count),
        }
    }
}

/// How much is there of what the client calls so: the answer to those who ask before they go on.
///
/// # Errors
///
/// 423: another request writes to it.
pub(super) fn count(
    uploads: &Uploads,
    destination: &Destination,
    tag: &UploadTag,
) -> Result<u64, Unfit> {
    if !can_be_kept(uploads, destination, tag) {
        return Ok(0);
    }
    let part = Part::find(destination, tag).map_err(busy)?;
    Ok(part.map_or(0, |part| part.count))
}

fn can_be_kept(uploads: &Uploads, destination: &Destination, tag: &UploadTag) -> bool {
    !uploads.kept.is_zero() && Part::can_be_tagged(destination, tag)
}

/// What is said of a part that cannot be opened.
fn busy(errno: Errno) -> Unfit {
    if errno != Errno::WOULDBLOCK {
        return unchangeable(errno);
    }
    let mut unfit = Unfit::from(StatusCode::LOCKED);
    let soon = HeaderValue::from_static("1");
    unfit.fields.push((header::RETRY_AFTER, soon));
    unfit
}
