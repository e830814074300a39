//! The answer that has a file, or what is asked for of it.

use std::time::SystemTime;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Request, Response, StatusCode};

use super::content::{FileContent, Segment};
use super::media_type;
use super::multipart::Multipart;
use super::stored::StoredFile;
use crate::proto::codings::Coding;
use crate::proto::conditions::Selection;
use crate::server::answer::{Content, Unfit};
use crate::server::representation::Representation;

/// A file with the fields that go with it, the type among them.
pub(super) struct Described {
    pub(super) stored: StoredFile,
    pub(super) coding: Option<Coding>,
    pub(super) headers: HeaderMap,
}

impl Described {
    /// What the request gets of it.
    ///
    /// # Errors
    ///
    /// The page of an error.
    pub(super) fn respond(mut self, request: &Request<()>) -> Result<Response<Content>, Unfit> {
        if let Some(coding) = self.coding {
            let name = HeaderValue::from_static(coding.name());
            self.headers.insert(header::CONTENT_ENCODING, name);
        }
        let bytes = HeaderValue::from_static(media_type::BYTES);
        let kind = self.headers.entry(header::CONTENT_TYPE).or_insert(bytes);
        let (kind, size) = (kind.clone(), self.stored.size);
        let representation = Representation {
            headers: self.headers,
            validators: self.stored.validators(SystemTime::now(), self.coding),
            size,
        };
        let selection = representation.select(request);
        let mut head = representation.head(&selection, request)?;
        let file = self.stored.file;
        let content = match &selection {
            Selection::Parts(parts) if parts.len() > 1 => {
                let multipart = Multipart::new();
                let headers = head.headers_mut();
                headers.insert(header::CONTENT_TYPE, multipart.content_type());
                FileContent::new(file, multipart.segments(parts, &kind, size))
            }
            Selection::Parts(parts) => {
                FileContent::new(file, parts.iter().map(|&part| part.into()))
            }
            Selection::Whole => FileContent::new(file, [Segment::Part { at: 0, left: size }]),
            _ => FileContent::new(file, []),
        };
        Ok(fill(head, content, request.method()))
    }
}

/// Has no content where the head is all that is asked for.
fn fill(mut head: Response<()>, content: FileContent, method: &Method) -> Response<Content> {
    let length = content.left();
    if *method == Method::HEAD && head.status() != StatusCode::NOT_MODIFIED {
        head.headers_mut()
            .insert(header::CONTENT_LENGTH, length.into());
        return head.map(|()| Content::Whole(Bytes::new()));
    }
    head.map(|()| match length {
        0 => Content::Whole(Bytes::new()),
        _ => Content::Stored(Box::new(content)),
    })
}
