//! Requests that change what is in a folder, and those that ask how far a change has come.

use bytes::Bytes;
use http::{HeaderMap, Method, Response, StatusCode};

use super::destination::Destination;
use super::receive::{self, Stop, Upload};
use super::tree::Tree;
use super::trouble::unchangeable;
use super::upload_tag::UploadTag;
use super::uploads::{Durability, Uploads};
use crate::error::Error;
use crate::server::answer::{Answer, IntoAnswer, Reply, Unfit};
use crate::server::exchange::Exchange;

/// What a client wants of a folder that takes uploads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// A file.
    Put,
    /// No file.
    Delete,
    /// To know how much of an upload is there.
    Ask,
}

impl Change {
    /// None: it is a request for what is there.
    pub(super) fn of(method: &Method, headers: &HeaderMap) -> Option<Self> {
        match *method {
            Method::PUT => Some(Self::Put),
            Method::DELETE => Some(Self::Delete),
            Method::HEAD if headers.contains_key(super::upload_tag::UPLOAD_TAG) => Some(Self::Ask),
            _ => None,
        }
    }

    pub(super) fn answer(self, tree: &Tree, uploads: &Uploads, exchange: &mut Exchange) -> Answer {
        let done = match Destination::new(tree, exchange.matched.rest.as_ref()) {
            Err(unfit) => Err(unfit.into()),
            Ok(destination) => match self {
                Self::Put => put(uploads, &destination, exchange),
                Self::Delete => {
                    delete(uploads, &destination, exchange.headers()).map_err(Stop::from)
                }
                Self::Ask => ask(uploads, &destination, exchange.headers()).map_err(Stop::from),
            },
        };
        match done {
            Ok(response) => response.into_answer(),
            Err(Stop::Unfit(unfit)) => Answer(Reply::Unfit(unfit)),
            Err(Stop::Body(error)) => Err::<(), Error>(error).into_answer(),
        }
    }
}

fn put(
    uploads: &Uploads,
    destination: &Destination,
    exchange: &mut Exchange,
) -> Result<Response<Bytes>, Stop> {
    Upload::new(uploads, destination, exchange)?.run()
}

fn delete(
    uploads: &Uploads,
    destination: &Destination,
    headers: &HeaderMap,
) -> Result<Response<Bytes>, Unfit> {
    // What would not succeed has no conditions (RFC 9110 section 13.2.1).
    if destination.find()?.is_none() {
        return Err(StatusCode::NOT_FOUND.into());
    }
    let reserved = destination.reserve(headers)?;
    destination.find_for(&Method::DELETE, headers)?;
    match destination.remove() {
        // Somebody else was quicker.
        Err(rustix::io::Errno::NOENT) => return Err(StatusCode::NOT_FOUND.into()),
        removed => removed.map_err(unchangeable)?,
    }
    drop(reserved);
    if uploads.durability == Durability::Disk {
        destination.sync().map_err(unchangeable)?;
    }
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

fn ask(
    uploads: &Uploads,
    destination: &Destination,
    headers: &HeaderMap,
) -> Result<Response<Bytes>, Unfit> {
    let Some(tag) = UploadTag::of(headers)? else {
        return Err(StatusCode::BAD_REQUEST.into()); // There was one.
    };
    let count = receive::count(uploads, destination, &tag)?;
    let mut response: Response<Bytes> = tag.response(StatusCode::NO_CONTENT, count);
    let no_store = http::HeaderValue::from_static("no-store");
    let cache_control = http::header::CACHE_CONTROL;
    response.headers_mut().insert(cache_control, no_store);
    Ok(response)
}
